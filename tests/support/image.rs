//! Images made at test time: ISO 9660 with Rock Ridge and Joliet, as a source whose zeros cost nothing.

use discless::source::Source;
use std::collections::{BTreeMap, HashMap};
use std::io;

pub const SECTOR: u64 = 2048;

/// Ranges of bytes and zeros between them.
pub struct Sparse {
    len: u64,
    parts: BTreeMap<u64, Vec<u8>>,
}

impl Sparse {
    pub fn new(len: u64) -> Self {
        Self { len, parts: BTreeMap::new() }
    }

    /// Parts must not overlap.
    pub fn put(&mut self, at: u64, bytes: Vec<u8>) {
        self.len = self.len.max(at + bytes.len() as u64);
        if !bytes.is_empty() {
            self.parts.insert(at, bytes);
        }
    }
}

impl Source for Sparse {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let n = buf.len().min(usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX));
        buf[..n].fill(0);
        let end = offset + n as u64;
        let first = self.parts.range(..=offset).next_back().map_or(offset, |(at, _)| *at);
        for (at, bytes) in self.parts.range(first..end) {
            let (from, to) = (offset.max(*at), end.min(at + bytes.len() as u64));
            if from < to {
                let part = &bytes[(from - at) as usize..(to - at) as usize];
                buf[(from - offset) as usize..(to - offset) as usize].copy_from_slice(part);
            }
        }
        Ok(n)
    }
}

/// A file's content.
pub enum Data {
    Bytes(Vec<u8>),
    Zeros(u64),
}

impl Data {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Zeros(len) => *len,
        }
    }
}

struct Dir {
    name: String,
    parent: usize,
    dirs: Vec<usize>,
    files: Vec<usize>,
}

/// A tree that becomes an ISO 9660 image.
pub struct Iso {
    dirs: Vec<Dir>,
    files: Vec<(String, Data)>,
    by_path: HashMap<String, usize>,
    joliet: bool,
    rock_ridge: bool,
    most_extent: u64,
}

/// The root directory and where things lie.
struct View {
    joliet: bool,
    rock_ridge: bool,
    /// First sector and bytes of each directory.
    places: Vec<(u64, u64)>,
}

impl Iso {
    pub fn new() -> Self {
        let root = Dir { name: String::new(), parent: 0, dirs: Vec::new(), files: Vec::new() };
        Self {
            dirs: vec![root],
            files: Vec::new(),
            by_path: HashMap::from([(String::new(), 0)]),
            joliet: false,
            rock_ridge: false,
            most_extent: 0xffff_f800,
        }
    }

    /// Writes a Joliet tree, too.
    pub fn with_joliet(mut self) -> Self {
        self.joliet = true;
        self
    }

    /// Writes Rock Ridge names and modes.
    pub fn with_rock_ridge(mut self) -> Self {
        self.rock_ridge = true;
        self
    }

    /// No extent has more bytes; a multiple of 2048.
    pub fn with_extents_of(mut self, bytes: u64) -> Self {
        self.most_extent = bytes;
        self
    }

    fn dir(&mut self, path: &str) -> usize {
        if let Some(&known) = self.by_path.get(path) {
            return known;
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.dir(above);
        let id = self.dirs.len();
        self.dirs.push(Dir { name: name.to_owned(), parent, dirs: Vec::new(), files: Vec::new() });
        self.dirs[parent].dirs.push(id);
        self.by_path.insert(path.to_owned(), id);
        id
    }

    /// Adds a file, and the directories it needs. Names are ASCII and short.
    pub fn add(&mut self, path: &str, data: Data) {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let dir = self.dir(above);
        self.dirs[dir].files.push(self.files.len());
        self.files.push((name.to_owned(), data));
    }

    pub fn build(self) -> Sparse {
        let mut next = 16 + 2 + u64::from(self.joliet);
        let mut views = Vec::new();
        for joliet in [false, true].into_iter().take(1 + usize::from(self.joliet)) {
            let rock_ridge = self.rock_ridge && !joliet;
            let mut view = View { joliet, rock_ridge, places: vec![(0, 0); self.dirs.len()] };
            let none: Vec<u64> = vec![0; self.files.len()];
            for id in 0..self.dirs.len() {
                let bytes = self.records(id, &view, &none).len() as u64;
                view.places[id] = (next, bytes);
                next += bytes / SECTOR;
            }
            views.push(view);
        }
        let mut at = Vec::with_capacity(self.files.len());
        for (_, data) in &self.files {
            at.push(next);
            next += data.len().div_ceil(SECTOR);
        }
        let mut out = Sparse::new(next * SECTOR);
        for (i, view) in views.iter().enumerate() {
            out.put((16 + i as u64) * SECTOR, self.descriptor(view, next));
            for id in 0..self.dirs.len() {
                out.put(view.places[id].0 * SECTOR, self.records(id, view, &at));
            }
        }
        let mut end = vec![0; SECTOR as usize];
        end[..7].copy_from_slice(b"\xffCD001\x01");
        out.put((16 + views.len() as u64) * SECTOR, end);
        for ((_, data), at) in self.files.into_iter().zip(at) {
            if let Data::Bytes(bytes) = data {
                out.put(at * SECTOR, bytes);
            }
        }
        out
    }

    fn descriptor(&self, view: &View, sectors: u64) -> Vec<u8> {
        let mut d = vec![0; SECTOR as usize];
        d[0] = if view.joliet { 2 } else { 1 };
        d[1..7].copy_from_slice(b"CD001\x01");
        d[8..72].fill(b' ');
        d[40..44].copy_from_slice(b"TEST");
        if view.joliet {
            d[40..48].copy_from_slice(b"\0T\0E\0S\0T");
            d[88..91].copy_from_slice(b"%/E");
        }
        d[80..88].copy_from_slice(&both_u32(sectors));
        for at in [120, 124] {
            d[at..at + 4].copy_from_slice(&[1, 0, 0, 1]);
        }
        d[128..132].copy_from_slice(&[0, 8, 8, 0]);
        let (at, bytes) = view.places[0];
        let root = record(&[0], at, bytes, 2, &[]);
        d[156..156 + root.len()].copy_from_slice(&root);
        d[190..813].fill(b' ');
        d[881] = 1;
        d
    }

    /// The bytes of a directory, whole sectors.
    fn records(&self, id: usize, view: &View, files: &[u64]) -> Vec<u8> {
        let dir = &self.dirs[id];
        let own = |id: usize| view.places[id];
        let mode = |mode: u32| if view.rock_ridge { px(mode) } else { Vec::new() };
        let mut first = mode(0o040_755);
        if id == 0 && view.rock_ridge {
            first = [b"SP\x07\x01\xbe\xef\0", first.as_slice()].concat();
        }
        let mut records = vec![
            record(&[0], own(id).0, own(id).1, 2, &first),
            record(&[1], own(dir.parent).0, own(dir.parent).1, 2, &mode(0o040_755)),
        ];
        for &child in &dir.dirs {
            let (name, system) = view.name(&self.dirs[child].name, false);
            let system = [system, mode(0o040_755)].concat();
            records.push(record(&name, own(child).0, own(child).1, 2, &system));
        }
        for &file in &dir.files {
            let (name, data) = &self.files[file];
            let executable = name.to_ascii_lowercase().ends_with(".sh");
            let (name, system) = view.name(name, true);
            let system = [system, mode(if executable { 0o100_755 } else { 0o100_644 })].concat();
            let (mut at, mut left) = (files[file], data.len());
            loop {
                let bytes = left.min(self.most_extent);
                left -= bytes;
                let flags = if left > 0 { 0x80 } else { 0 };
                records.push(record(&name, at, bytes, flags, &system));
                at += bytes / SECTOR;
                if left == 0 {
                    break;
                }
            }
        }
        let mut out: Vec<u8> = Vec::new();
        let sector = SECTOR as usize;
        for record in records {
            if out.len() % sector + record.len() > sector {
                out.resize(out.len().next_multiple_of(sector), 0);
            }
            out.extend(record);
        }
        out.resize(out.len().next_multiple_of(sector), 0);
        out
    }
}

impl View {
    /// The identifier, and the Rock Ridge name.
    fn name(&self, name: &str, is_file: bool) -> (Vec<u8>, Vec<u8>) {
        if self.joliet {
            return (name.encode_utf16().flat_map(u16::to_be_bytes).collect(), Vec::new());
        }
        let mut plain = name.to_ascii_uppercase();
        if is_file {
            plain.push_str(if plain.contains('.') { ";1" } else { ".;1" });
        }
        let mut system = Vec::new();
        if self.rock_ridge {
            system = [b"NM", &[5 + name.len() as u8, 1, 0][..], name.as_bytes()].concat();
        }
        (plain.into_bytes(), system)
    }
}

fn both_u32(value: u64) -> [u8; 8] {
    let value = u32::try_from(value).unwrap();
    let mut out = [0; 8];
    out[..4].copy_from_slice(&value.to_le_bytes());
    out[4..].copy_from_slice(&value.to_be_bytes());
    out
}

/// RRIP 4.1.1, with one link and no owner.
fn px(mode: u32) -> Vec<u8> {
    let mut out = b"PX\x24\x01".to_vec();
    for value in [mode, 1, 0, 0] {
        out.extend(both_u32(value.into()));
    }
    out
}

/// ECMA-119 9.1; the time is 2023-11-14 22:13:20 UTC.
fn record(name: &[u8], at: u64, bytes: u64, flags: u8, system: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 33];
    out[2..10].copy_from_slice(&both_u32(at));
    out[10..18].copy_from_slice(&both_u32(bytes));
    out[18..25].copy_from_slice(&[123, 11, 14, 22, 13, 20, 0]);
    out[25] = flags;
    out[28..32].copy_from_slice(&[1, 0, 0, 1]);
    out[32] = name.len() as u8;
    out.extend(name);
    out.resize(out.len().next_multiple_of(2), 0);
    out.extend(system);
    out.resize(out.len().next_multiple_of(2), 0);
    out[0] = u8::try_from(out.len()).unwrap();
    out
}

/// The least of a program for that machine (PE/COFF 3.3); `bytes` long in all.
pub fn program(machine: u16, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes.max(0x200)];
    out[..2].copy_from_slice(b"MZ");
    out[0x3c] = 0x40;
    out[0x40..0x44].copy_from_slice(b"PE\0\0");
    out[0x44..0x46].copy_from_slice(&machine.to_le_bytes());
    let wide = machine == 0x8664 || machine == 0xaa64;
    out[0x54] = if wide { 240 } else { 224 };
    out[0x56] = 2;
    out[0x58..0x5a].copy_from_slice(if wide { &[0x0b, 2] } else { &[0x0b, 1] });
    let directories = 0x58 + if wide { 108 } else { 92 };
    out[directories] = 16;
    out
}

/// `len` bytes that differ from file to file.
pub fn pattern(seed: u64, len: usize) -> Vec<u8> {
    let mut chance = super::Chance::new(seed);
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        out.extend(chance.next().to_le_bytes());
    }
    out.truncate(len);
    out
}
