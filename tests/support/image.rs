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

    /// Writes it as a file whose zeros cost nothing either.
    pub fn write(&self, path: &std::path::Path) {
        use std::io::{Seek, SeekFrom, Write};
        let mut file = std::fs::File::create(path).unwrap();
        file.set_len(self.len).unwrap();
        for (at, bytes) in &self.parts {
            file.seek(SeekFrom::Start(*at)).unwrap();
            file.write_all(bytes).unwrap();
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
#[derive(Clone)]
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

/// What the descriptors of a volume say, and what a machine starts from.
#[derive(Clone)]
pub struct Volume {
    /// At most 32 characters; 16 are kept in Joliet.
    pub label: String,
    pub publisher: String,
    pub application: String,
    /// The boot image for PC BIOS.
    pub bios: Option<Vec<u8>>,
    /// And for UEFI.
    pub uefi: Option<Vec<u8>>,
}

impl Default for Volume {
    fn default() -> Self {
        let none = String::new();
        Self { label: "TEST".to_owned(), publisher: none.clone(), application: none, bios: None, uefi: None }
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
    volume: Volume,
    /// Identifiers of other descriptors, behind the terminator.
    recognition: Vec<&'static str>,
    /// What the volume says it has, where that is more than its files need.
    sectors: u64,
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
            volume: Volume::default(),
            recognition: Vec::new(),
            sectors: 0,
        }
    }

    /// With that label, publisher, and boot images.
    pub fn with_volume(mut self, volume: Volume) -> Self {
        self.volume = volume;
        self
    }

    /// With the descriptors of another file system in the volume recognition sequence.
    pub fn with_recognition(mut self, identifiers: &[&'static str]) -> Self {
        self.recognition = identifiers.to_vec();
        self
    }

    /// The volume has that many sectors; its files need fewer.
    pub fn of_sectors(mut self, sectors: u64) -> Self {
        self.sectors = sectors;
        self
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
        let boots = self.volume.bios.is_some() || self.volume.uefi.is_some();
        let mut next = 16 + 2 + u64::from(self.joliet) + u64::from(boots) + self.recognition.len() as u64;
        let catalog = next;
        next += u64::from(boots);
        let mut boot_at = [0; 2];
        for (at, image) in boot_at.iter_mut().zip([&self.volume.bios, &self.volume.uefi]) {
            *at = next;
            next += image.as_ref().map_or(0, |image| (image.len() as u64).div_ceil(SECTOR));
        }
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
        next = next.max(self.sectors);
        let mut out = Sparse::new(next * SECTOR);
        let mut descriptor = 16;
        for view in &views {
            out.put(descriptor * SECTOR, self.descriptor(view, next));
            descriptor += 1;
            // El Torito §2.0: the boot record is the second.
            if boots && descriptor == 17 {
                out.put(descriptor * SECTOR, boot_record(catalog));
                out.put(catalog * SECTOR, self.volume.catalog(boot_at));
                descriptor += 1;
            }
            for id in 0..self.dirs.len() {
                out.put(view.places[id].0 * SECTOR, self.records(id, view, &at));
            }
        }
        for (kind, identifier) in
            std::iter::once((0xff, &"CD001")).chain(self.recognition.iter().map(|name| (0, name)))
        {
            let mut end = vec![0; SECTOR as usize];
            end[0] = kind;
            end[1..6].copy_from_slice(identifier.as_bytes());
            end[6] = 1;
            out.put(descriptor * SECTOR, end);
            descriptor += 1;
        }
        for (image, at) in [&self.volume.bios, &self.volume.uefi].into_iter().zip(boot_at) {
            out.put(at * SECTOR, image.clone().unwrap_or_default());
        }
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
        d[8..72].copy_from_slice(&view.text("", 64));
        d[40..72].copy_from_slice(&view.text(&self.volume.label, 32));
        if view.joliet {
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
        for at in [190, 318, 446, 574] {
            let text = match at {
                318 => &self.volume.publisher,
                574 => &self.volume.application,
                _ => "",
            };
            d[at..at + 128].copy_from_slice(&view.text(text, 128));
        }
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

impl Volume {
    /// The boot catalog (El Torito §2.1 to §2.4), with the images at those blocks.
    fn catalog(&self, at: [u64; 2]) -> Vec<u8> {
        let entry = |image: &[u8], at: u64| {
            let mut entry = vec![0; 32];
            entry[0] = 0x88;
            let sectors = u16::try_from(image.len() / 512).unwrap();
            entry[6..8].copy_from_slice(&sectors.to_le_bytes());
            entry[8..12].copy_from_slice(&u32::try_from(at).unwrap().to_le_bytes());
            entry
        };
        let images = [(0, &self.bios, at[0]), (0xef, &self.uefi, at[1])];
        let mut images = images.into_iter().filter_map(|(kind, image, at)| Some((kind, image.as_ref()?, at)));
        let (kind, image, at) = images.next().unwrap();
        let mut out = vec![0; 32];
        (out[0], out[1], out[30], out[31]) = (1, kind, 0x55, 0xaa);
        let sum =
            out.chunks(2).fold(0u16, |sum, pair| sum.wrapping_add(u16::from_le_bytes([pair[0], pair[1]])));
        out[28..30].copy_from_slice(&0u16.wrapping_sub(sum).to_le_bytes());
        out.extend(entry(image, at));
        for (kind, image, at) in images {
            let mut header = vec![0; 32];
            header[..4].copy_from_slice(&[0x91, kind, 1, 0]);
            out.extend(header);
            out.extend(entry(image, at));
        }
        out
    }
}

fn boot_record(catalog: u64) -> Vec<u8> {
    let mut out = vec![0; SECTOR as usize];
    out[..7].copy_from_slice(b"\0CD001\x01");
    out[7..30].copy_from_slice(b"EL TORITO SPECIFICATION");
    out[71..75].copy_from_slice(&u32::try_from(catalog).unwrap().to_le_bytes());
    out
}

impl View {
    /// A field of a descriptor, filled with blanks.
    fn text(&self, text: &str, bytes: usize) -> Vec<u8> {
        if !self.joliet {
            return format!("{text:bytes$}").into_bytes();
        }
        let text = format!("{text:0$.0$}", bytes / 2);
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

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
