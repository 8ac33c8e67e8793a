//! UDF 1.02 volumes as Windows media have them since Vista: next to them, for readers of ISO 9660, one text
//! that says so (ECMA-167; UDF 1.02).

use crate::support::image::{Data, Iso, SECTOR, Sparse, Volume};

/// Where the parts of the volume begin, in sectors.
const MAIN: u64 = 32;
const RESERVE: u64 = 48;
const INTEGRITY: u64 = 64;
const ANCHOR: u64 = 256;
const PARTITION: u64 = 257;
/// Bytes of one allocation descriptor at most: less than 2^30, whole blocks.
const EXTENT: u64 = 0x3fff_f800;

enum Node {
    Dir { parent: usize, children: Vec<(String, usize)> },
    File(Data),
}

/// What Microsoft's media show where UDF is not read.
pub const README: &str = "This disc contains a \"UDF\" file system and requires an operating system\r\n\
     that supports the ISO-13346 \"UDF\" file system specification.\r\n";

/// A volume with those files. The ISO 9660 side has the same label and `README.TXT` alone.
pub fn udf(volume: &Volume, files: Vec<(String, Data)>) -> Sparse {
    let mut nodes = vec![Node::Dir { parent: 0, children: Vec::new() }];
    for (path, data) in files {
        add(&mut nodes, &path, data);
    }
    // Block 0 is the file set; each node has a block, and its content follows all of them.
    let icb = |node: usize| node as u64 + 1;
    let mut next = icb(nodes.len());
    let mut content = Vec::new();
    for node in &nodes {
        let bytes = match node {
            Node::Dir { .. } => identifiers(&nodes, node, 0).len() as u64,
            Node::File(Data::Bytes(bytes)) => bytes.len() as u64,
            Node::File(Data::Zeros(bytes)) => *bytes,
        };
        content.push((next, bytes));
        next += bytes.div_ceil(SECTOR);
    }
    let sectors = PARTITION + next + 1;
    let mut iso = Iso::new().with_volume(volume.clone()).with_recognition(&["BEA01", "NSR02", "TEA01"]);
    iso.add("README.TXT", Data::Bytes(README.into()));
    let mut out = iso.of_sectors(sectors).build();
    for at in [MAIN, RESERVE] {
        let sequence = [primary(volume), logical(volume), partition(next), Vec::new()];
        for ((id, body), place) in [1, 6, 5, 8].into_iter().zip(sequence).zip(at..) {
            put(&mut out, id, place, place, body);
        }
    }
    put(&mut out, 9, INTEGRITY, INTEGRITY, integrity(next, &nodes));
    put(&mut out, 8, INTEGRITY + 1, INTEGRITY + 1, Vec::new());
    for place in [ANCHOR, sectors - 1] {
        let extents = [16 * SECTOR, MAIN, 16 * SECTOR, RESERVE];
        let body = extents.into_iter().flat_map(|value| (value as u32).to_le_bytes()).collect();
        put(&mut out, 2, place, place, body);
    }
    put(&mut out, 256, PARTITION, 0, file_set(volume, icb(0)));
    for (number, node) in nodes.iter().enumerate() {
        let (at, bytes) = content[number];
        put(&mut out, 261, PARTITION + icb(number), icb(number), entry(node, number, at, bytes));
        if matches!(node, Node::Dir { .. }) {
            out.put((PARTITION + at) * SECTOR, identifiers(&nodes, node, at));
        }
    }
    for (node, (at, _)) in nodes.into_iter().zip(content) {
        if let Node::File(Data::Bytes(bytes)) = node {
            out.put((PARTITION + at) * SECTOR, bytes);
        }
    }
    out
}

fn add(nodes: &mut Vec<Node>, path: &str, data: Data) {
    let mut at = 0;
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    for part in above.split('/').filter(|part| !part.is_empty()) {
        let Node::Dir { children, .. } = &nodes[at] else { panic!("{path}: {part} is a file") };
        at = match children.iter().find(|(name, _)| name == part) {
            Some((_, known)) => *known,
            None => {
                nodes.push(Node::Dir { parent: at, children: Vec::new() });
                child(nodes, at, part)
            }
        };
    }
    nodes.push(Node::File(data));
    child(nodes, at, name);
}

/// Names the last node.
fn child(nodes: &mut [Node], dir: usize, name: &str) -> usize {
    let last = nodes.len() - 1;
    let Node::Dir { children, .. } = &mut nodes[dir] else { panic!("{name}: no directory") };
    children.push((name.to_owned(), last));
    last
}

/// The file identifier descriptors of a directory whose content begins in block `at`.
fn identifiers(nodes: &[Node], dir: &Node, at: u64) -> Vec<u8> {
    let Node::Dir { parent, children } = dir else { return Vec::new() };
    let mut out = Vec::new();
    let mut one = |name: &str, node: usize, characteristics: u8| {
        let name = compressed(name);
        let mut body = vec![1, 0, characteristics, u8::try_from(name.len()).unwrap()];
        body.extend(long_address(SECTOR, node as u64 + 1));
        body.extend([0, 0]);
        body.extend(name);
        body.resize((body.len() + 16).next_multiple_of(4) - 16, 0);
        let block = at + out.len() as u64 / SECTOR;
        out.extend(tagged(257, block, body));
    };
    one("", *parent, 0x0a);
    for (name, node) in children {
        one(name, *node, if matches!(nodes[*node], Node::Dir { .. }) { 2 } else { 0 });
    }
    out
}

/// A file entry (ECMA-167 4/14.9).
fn entry(node: &Node, number: usize, at: u64, bytes: u64) -> Vec<u8> {
    let is_dir = matches!(node, Node::Dir { .. });
    let mut body = Fields::of(176);
    body.put16(20, 4);
    body.put16(24, 1);
    body.put(27, &[if is_dir { 4 } else { 5 }]);
    body.put32(36, u32::MAX);
    body.put32(40, u32::MAX);
    body.put32(44, 0b00101_00101_00101);
    body.put16(48, 1);
    body.put64(56, bytes);
    body.put64(64, bytes.div_ceil(SECTOR));
    for time in [72, 84, 96] {
        body.put(time, &TIME);
    }
    body.put32(108, 1);
    body.put(128, &identifier("*discless test", [0; 8]));
    body.put64(160, if number == 0 { 0 } else { number as u64 + 15 });
    let (mut at, mut left) = (at, bytes);
    let mut descriptors = Vec::new();
    while left > 0 {
        let len = left.min(EXTENT);
        descriptors.extend((len as u32).to_le_bytes());
        descriptors.extend((at as u32).to_le_bytes());
        left -= len;
        at += len / SECTOR;
    }
    body.put32(172, descriptors.len() as u32);
    body.0.extend(descriptors);
    body.body()
}

fn primary(volume: &Volume) -> Vec<u8> {
    let mut body = Fields::of(512);
    body.put(24, &dstring(&volume.label, 32));
    for (at, value) in [(56, 1), (58, 1), (60, 2), (62, 2)] {
        body.put16(at, value);
    }
    body.put32(64, 1);
    body.put32(68, 1);
    body.put(72, &dstring("0123456789abcdef", 128));
    body.put(200, &CHARACTERS);
    body.put(264, &CHARACTERS);
    body.put(344, &identifier("*discless test", [0; 8]));
    body.put(376, &TIME);
    body.put(388, &identifier("*discless test", [0; 8]));
    body.body()
}

fn logical(volume: &Volume) -> Vec<u8> {
    let mut body = Fields::of(446);
    body.put32(16, 1);
    body.put(20, &CHARACTERS);
    body.put(84, &dstring(&volume.label, 128));
    body.put32(212, SECTOR as u32);
    body.put(216, &identifier("*OSTA UDF Compliant", REVISION));
    body.put(248, &long_address(SECTOR, 0));
    body.put32(264, 6);
    body.put32(268, 1);
    body.put(272, &identifier("*discless test", [0; 8]));
    body.put32(432, 2 * SECTOR as u32);
    body.put32(436, INTEGRITY as u32);
    body.put(440, &[1, 6, 1, 0, 0, 0]);
    body.body()
}

fn partition(blocks: u64) -> Vec<u8> {
    let mut body = Fields::of(512);
    body.put32(16, 2);
    body.put16(20, 1);
    body.put(24, &identifier("+NSR02", [0; 8]));
    body.put32(184, 1);
    body.put32(188, PARTITION as u32);
    body.put32(192, blocks as u32);
    body.put(196, &identifier("*discless test", [0; 8]));
    body.body()
}

fn integrity(blocks: u64, nodes: &[Node]) -> Vec<u8> {
    let files = nodes.iter().filter(|node| matches!(node, Node::File(_))).count();
    let mut body = Fields::of(88 + 46);
    body.put(16, &TIME);
    body.put32(28, 1);
    body.put64(40, nodes.len() as u64 + 16);
    body.put32(72, 1);
    body.put32(76, 46);
    body.put32(84, blocks as u32);
    body.put(88, &identifier("*discless test", [0; 8]));
    body.put32(120, files as u32);
    body.put32(124, (nodes.len() - files) as u32);
    for at in [128, 130, 132] {
        body.put16(at, 0x102);
    }
    body.body()
}

fn file_set(volume: &Volume, root: u64) -> Vec<u8> {
    let mut body = Fields::of(512);
    body.put(16, &TIME);
    for (at, value) in [(28, 3), (30, 3)] {
        body.put16(at, value);
    }
    body.put32(32, 1);
    body.put32(36, 1);
    body.put(48, &CHARACTERS);
    body.put(112, &dstring(&volume.label, 128));
    body.put(240, &CHARACTERS);
    body.put(304, &dstring(&volume.label, 32));
    body.put(400, &long_address(SECTOR, root));
    body.put(416, &identifier("*OSTA UDF Compliant", REVISION));
    body.body()
}

/// A structure by the offsets of the standard, which count the tag.
struct Fields(Vec<u8>);

impl Fields {
    fn of(bytes: usize) -> Self {
        Self(vec![0; bytes])
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn put16(&mut self, at: usize, value: u16) {
        self.put(at, &value.to_le_bytes());
    }

    fn put32(&mut self, at: usize, value: u32) {
        self.put(at, &value.to_le_bytes());
    }

    fn put64(&mut self, at: usize, value: u64) {
        self.put(at, &value.to_le_bytes());
    }

    /// What follows the tag.
    fn body(mut self) -> Vec<u8> {
        self.0.split_off(16)
    }
}

/// 2007-03-08 00:00:00 UTC.
const TIME: [u8; 12] = [0, 0x10, 0xd7, 7, 3, 8, 0, 0, 0, 0, 0, 0];

/// The revision 1.02 in a domain's suffix.
const REVISION: [u8; 8] = [2, 1, 3, 0, 0, 0, 0, 0];

/// `charspec` (UDF 2.1.2).
const CHARACTERS: [u8; 64] = {
    let name = *b"\0OSTA Compressed Unicode";
    let mut out = [0; 64];
    let mut at = 0;
    while at < name.len() {
        out[at] = name[at];
        at += 1;
    }
    out
};

fn identifier(name: &str, suffix: [u8; 8]) -> Vec<u8> {
    let mut out = vec![0; 24];
    out[1..=name.len()].copy_from_slice(name.as_bytes());
    [out, suffix.to_vec()].concat()
}

fn compressed(name: &str) -> Vec<u8> {
    match name.is_ascii() {
        _ if name.is_empty() => Vec::new(),
        true => [&[8], name.as_bytes()].concat(),
        false => std::iter::once(16).chain(name.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
    }
}

fn dstring(text: &str, bytes: usize) -> Vec<u8> {
    let mut out = compressed(text);
    let used = u8::try_from(out.len()).unwrap();
    out.resize(bytes - 1, 0);
    out.push(used);
    out
}

fn long_address(bytes: u64, block: u64) -> Vec<u8> {
    let mut out = [(bytes as u32).to_le_bytes(), (block as u32).to_le_bytes()].concat();
    out.resize(16, 0);
    out
}

/// A structure with its tag (ECMA-167 3/7.2).
fn tagged(id: u16, location: u64, body: Vec<u8>) -> Vec<u8> {
    let mut tag = vec![0; 16];
    tag[..2].copy_from_slice(&id.to_le_bytes());
    tag[2] = 2;
    tag[8..10].copy_from_slice(&crc(&body).to_le_bytes());
    tag[10..12].copy_from_slice(&u16::try_from(body.len()).unwrap().to_le_bytes());
    tag[12..].copy_from_slice(&u32::try_from(location).unwrap().to_le_bytes());
    tag[4] = tag.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    [tag, body].concat()
}

fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        (0..8)
            .fold(crc ^ u16::from(byte) << 8, |crc, _| crc << 1 ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    })
}

/// Puts a structure into a sector, filled up to the 512 bytes that descriptors have.
fn put(out: &mut Sparse, id: u16, sector: u64, location: u64, mut body: Vec<u8>) {
    if id < 256 {
        body.resize(body.len().max(496), 0);
    }
    out.put(sector * SECTOR, tagged(id, location, body));
}
