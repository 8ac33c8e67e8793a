//! Programs of Windows as small as Windows itself would load them: headers, one section of code and data,
//! and a version resource ("PE Format"; "Version Information", `verrsrc.h`; ECMA-335 §II.25.3.3).

use super::Data;

/// x86.
pub const X86: u16 = 0x014c;
/// x64.
pub const X64: u16 = 0x8664;
/// ARM64.
pub const ARM64: u16 = 0xaa64;
/// 32-bit ARM, Thumb-2.
pub const ARM: u16 = 0x01c4;
/// Itanium.
pub const IA64: u16 = 0x0200;
/// Alpha.
pub const ALPHA: u16 = 0x0184;
/// MIPS R4000.
pub const MIPS: u16 = 0x0166;
/// PowerPC.
pub const PPC: u16 = 0x01f0;

/// CLR: no native code.
pub const IL_ONLY: u32 = 1;
/// CLR: runs in 32-bit processes only.
pub const REQUIRES_32: u32 = 2;
/// CLR: merely prefers one, together with [`REQUIRES_32`].
pub const PREFERS_32: u32 = 0x2_0000;

/// Where the section with code and data begins in the file.
const DATA: usize = 0x400;
const DATA_ADDRESS: u32 = 0x1000;
const DATA_BYTES: u32 = 0x200;
const RESOURCES: usize = 0x600;
const RESOURCES_ADDRESS: u32 = 0x2000;
/// Bytes of the three resource tables and the entry of the data.
const TABLES: usize = 0x58;

/// A program that is being made.
#[derive(Clone)]
pub struct Pe {
    machine: u16,
    characteristics: u16,
    subsystem: u16,
    clr: Option<u32>,
    hybrid: bool,
    file: Option<[u16; 4]>,
    product: Option<[u16; 4]>,
    strings: Vec<(String, String)>,
    language: u16,
    bytes: usize,
    overlay: Vec<u8>,
}

/// A program for that machine; without anything else it has no version.
pub fn pe(machine: u16) -> Pe {
    Pe {
        machine,
        characteristics: 0x0002,
        subsystem: 2,
        clr: None,
        hybrid: false,
        file: None,
        product: None,
        strings: Vec::new(),
        language: 0x409,
        bytes: 0,
        overlay: Vec::new(),
    }
}

/// A library for that machine.
pub fn dll(machine: u16) -> Pe {
    Pe { characteristics: 0x2002, ..pe(machine) }
}

/// A driver for that machine.
pub fn driver(machine: u16) -> Pe {
    Pe { subsystem: 1, ..pe(machine) }
}

/// A program of the firmware.
pub fn efi(machine: u16) -> Pe {
    Pe { subsystem: 10, ..pe(machine) }
}

/// Up to four numbers, as in 8.0.685.25.
fn numbers(version: &str) -> [u16; 4] {
    let mut out = [0; 4];
    for (number, part) in out.iter_mut().zip(version.split('.')) {
        *number = part.parse().unwrap_or_else(|_| panic!("{version} is no version"));
    }
    out
}

impl Pe {
    /// The numbers of file and product, and the strings that say the same.
    pub fn version(self, version: &str) -> Self {
        let numbers = Some(numbers(version));
        let this = Self { file: numbers, product: numbers, ..self };
        this.text("FileVersion", version).text("ProductVersion", version)
    }

    /// Another number for the product than for the file.
    pub fn product_version(self, version: &str) -> Self {
        Self { product: Some(numbers(version)), ..self }.text("ProductVersion", version)
    }

    /// A string of the version resource; the last of a name counts.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.strings.retain(|(known, _)| known != name);
        self.strings.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn product(self, name: &str) -> Self {
        self.text("ProductName", name)
    }

    pub fn company(self, name: &str) -> Self {
        self.text("CompanyName", name)
    }

    pub fn description(self, text: &str) -> Self {
        self.text("FileDescription", text)
    }

    /// What Microsoft's programs say besides their version.
    pub fn microsoft(self, product: &str) -> Self {
        self.company("Microsoft Corporation").product(product)
    }

    /// The number of the language of its strings.
    pub fn language(self, language: u16) -> Self {
        Self { language, ..self }
    }

    /// Managed code with those flags.
    pub fn managed(self, flags: u32) -> Self {
        Self { clr: Some(flags), ..self }
    }

    /// ARM64EC where the headers say x64, ARM64X where they say ARM64: both have a `CHPEMetadataPointer`.
    pub fn hybrid(self) -> Self {
        Self { hybrid: true, ..self }
    }

    /// No smaller than that, by zeros in its last section.
    pub fn bytes(self, bytes: usize) -> Self {
        Self { bytes, ..self }
    }

    /// What follows behind the program.
    pub fn overlay(self, overlay: Vec<u8>) -> Self {
        Self { overlay, ..self }
    }

    fn is_wide(&self) -> bool {
        [X64, ARM64, IA64].contains(&self.machine)
    }

    pub fn build(&self) -> Vec<u8> {
        let blob = (self.file.is_some() || !self.strings.is_empty()).then(|| self.version_blob());
        let resources = blob.map_or(Vec::new(), |blob| resources(&blob));
        let wide = self.is_wide();
        let optional: u16 = if wide { 240 } else { 224 };
        let end = RESOURCES + resources.len().next_multiple_of(0x200);
        let end = end.max(self.bytes.next_multiple_of(0x200));
        let last = (end - RESOURCES) as u32;
        let mut out = vec![0; end];
        put(&mut out, 0, b"MZ");
        put32(&mut out, 0x3c, 0x80);
        put(&mut out, 0x80, b"PE\0\0");
        put16(&mut out, 0x84, self.machine);
        let sections = 1 + u16::from(last > 0);
        put16(&mut out, 0x86, sections);
        put16(&mut out, 0x94, optional);
        let bits = if wide { 0x0020 } else { 0x0100 };
        put16(&mut out, 0x96, self.characteristics | bits);
        let at = 0x98;
        put16(&mut out, at, if wide { 0x20b } else { 0x10b });
        put32(&mut out, at + 4, DATA_BYTES);
        put32(&mut out, at + 8, last);
        put32(&mut out, at + 16, DATA_ADDRESS);
        put32(&mut out, at + 20, DATA_ADDRESS);
        put32(&mut out, at + if wide { 24 } else { 28 }, 0x0040_0000);
        for (offset, value) in [(32, 0x1000), (36, 0x200), (60, DATA as u32)] {
            put32(&mut out, at + offset, value);
        }
        for offset in [40, 48] {
            put16(&mut out, at + offset, if wide { 6 } else { 4 });
        }
        put32(&mut out, at + 56, RESOURCES_ADDRESS + last.next_multiple_of(0x1000));
        put16(&mut out, at + 68, self.subsystem);
        let directories = at + if wide { 112 } else { 96 };
        put32(&mut out, directories - 4, 16);
        let mut directory = |number: usize, address: u32, bytes: usize| {
            put32(&mut out, directories + number * 8, address);
            put32(&mut out, directories + number * 8 + 4, bytes as u32);
        };
        if !resources.is_empty() {
            directory(2, RESOURCES_ADDRESS, resources.len());
        }
        if self.hybrid {
            directory(10, DATA_ADDRESS, 0x140);
        }
        if self.clr.is_some() {
            directory(14, DATA_ADDRESS + 0x140, 72);
        }
        let table = at + usize::from(optional);
        section(&mut out, table, b".text", DATA_ADDRESS, DATA, DATA_BYTES, 0x6000_0020);
        if last > 0 {
            section(&mut out, table + 40, b".rsrc", RESOURCES_ADDRESS, RESOURCES, last, 0x4000_0040);
        }
        if self.hybrid {
            put32(&mut out, DATA, 0x140);
            put32(&mut out, DATA + 0xc8, 0x0040_1180);
        }
        if let Some(flags) = self.clr {
            put32(&mut out, DATA + 0x140, 72);
            put16(&mut out, DATA + 0x144, 2);
            put16(&mut out, DATA + 0x146, 5);
            put32(&mut out, DATA + 0x150, flags);
        }
        put(&mut out, RESOURCES, &resources);
        out.extend(&self.overlay);
        out
    }

    /// `VS_VERSIONINFO`.
    fn version_blob(&self) -> Vec<u8> {
        let pair = |numbers: Option<[u16; 4]>| {
            let [a, b, c, d] = numbers.unwrap_or_default().map(u32::from);
            [a << 16 | b, c << 16 | d]
        };
        let ([file_high, file_low], [product_high, product_low]) = (pair(self.file), pair(self.product));
        // The structure, its version, both versions, mask of flags, flags, system, type, and no date.
        let fixed =
            [0xfeef_04bd, 0x1_0000, file_high, file_low, product_high, product_low, 0x3f, 0, 0x4_0004, 1];
        let mut fixed: Vec<u8> = fixed.into_iter().flat_map(u32::to_le_bytes).collect();
        fixed.resize(52, 0);
        if self.file.is_none() {
            fixed.clear();
        }
        let strings = self.strings.iter().map(|(name, value)| {
            let units = value.encode_utf16().count() + 1;
            node(name, &wide(value), units as u16, 1, &[])
        });
        let strings: Vec<Vec<u8>> = strings.collect();
        let table = node(&format!("{:04x}04b0", self.language), &[], 0, 1, &strings);
        let translation = [self.language.to_le_bytes(), [0xb0, 4]].concat();
        let var = node("Translation", &translation, 4, 0, &[]);
        let children = [node("StringFileInfo", &[], 0, 1, &[table]), node("VarFileInfo", &[], 0, 1, &[var])];
        node("VS_VERSION_INFO", &fixed, fixed.len() as u16, 0, &children)
    }
}

impl From<Pe> for Data {
    fn from(pe: Pe) -> Self {
        Self::Bytes(pe.build())
    }
}

/// The resource section with one resource: kind 16, number 1, one language.
fn resources(blob: &[u8]) -> Vec<u8> {
    let mut out = vec![0; TABLES];
    for (table, name, below) in [(0, 16, 0x8000_0018u32), (0x18, 1, 0x8000_0030), (0x30, 0x409, 0x48)] {
        put16(&mut out, table + 14, 1);
        put32(&mut out, table + 16, name);
        put32(&mut out, table + 20, below);
    }
    put32(&mut out, 0x48, RESOURCES_ADDRESS + TABLES as u32);
    put32(&mut out, 0x4c, blob.len() as u32);
    out.extend(blob);
    out
}

fn section(out: &mut [u8], at: usize, name: &[u8], address: u32, from: usize, bytes: u32, flags: u32) {
    put(out, at, name);
    for (offset, value) in [(8, bytes), (12, address), (16, bytes), (20, from as u32), (36, flags)] {
        put32(out, at + offset, value);
    }
}

/// A node of the version resource; value and children begin at multiples of 4.
fn node(key: &str, value: &[u8], value_len: u16, kind: u16, children: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0; 6];
    put16(&mut out, 2, value_len);
    put16(&mut out, 4, kind);
    out.extend(wide(key));
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(value);
    for child in children {
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(child);
    }
    let len = u16::try_from(out.len()).unwrap();
    put16(&mut out, 0, len);
    out
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
}

fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    out[at..at + bytes.len()].copy_from_slice(bytes);
}

fn put16(out: &mut [u8], at: usize, value: u16) {
    put(out, at, &value.to_le_bytes());
}

fn put32(out: &mut [u8], at: usize, value: u32) {
    put(out, at, &value.to_le_bytes());
}
