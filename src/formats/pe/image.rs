//! What a PE image says of itself: the machine it is for, and its version resource.
//!
//! | read | when | bytes |
//! |---|---|---|
//! | DOS header, COFF header, optional header, first sections | always | 640 |
//! | further section headers | where an address lies in none of those seen | 256 at a time, 96 sections at most |
//! | load configuration, one pointer | PE32+ for x64 and ARM64 | 8 or 12 |
//! | CLR header | managed images | 24 |
//! | resource directory and the version resource | [`versions`], [`facts`] | a few KiB |
//!
//! Limits: the name of a machine is what the headers say; nothing of the code is looked at. A version
//! resource past 1 MiB and resource tables past 4,096 entries are not read.
//!
//! References: "PE Format" (Microsoft, revision 11 and later), sections by name; ECMA-335 §II.25.3.3.

use super::version::{self, Versions};
use crate::container::{Finding, Severity};
use crate::error::Result;
use crate::fields::Fields;
use crate::source::{SharedSource, Source, read_up_to};
use crate::time::Timestamp;
use object::pe;
use std::ops::Range;

/// Bytes read at once: on most images all headers up to the second section.
const HEAD: usize = 640;
/// Bytes of the signature, the COFF header and the longer optional header.
const NT_HEADERS: usize = 4 + 20 + 240;
/// Bytes by which the window over the headers grows.
const STEP: usize = 256;
/// Sections looked at: the Windows loader takes no more ("COFF File Header", `NumberOfSections`).
const SECTIONS: u16 = 96;

/// The processor an image runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Machine {
    /// 32-bit x86.
    X86,
    /// x86-64, also called AMD64.
    X64,
    /// 64-bit ARM.
    Arm64,
    /// 64-bit ARM with the x64 calling convention; its headers say x64.
    Arm64Ec,
    /// 64-bit ARM that serves both conventions; its headers say ARM64.
    Arm64X,
    /// 32-bit ARM, Thumb.
    Arm,
    /// Itanium.
    Ia64,
    /// Alpha, 32-bit or 64-bit Windows.
    Alpha,
    /// MIPS.
    Mips,
    /// PowerPC.
    Ppc,
    /// EFI byte code.
    Ebc,
    /// Managed code that runs on any processor (`AnyCPU`).
    Neutral,
    /// Another number of "Machine Types".
    Other(u16),
}

impl Machine {
    /// The processor of that name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        let known = [
            Self::X86,
            Self::X64,
            Self::Arm64,
            Self::Arm64Ec,
            Self::Arm64X,
            Self::Arm,
            Self::Ia64,
            Self::Neutral,
        ];
        known.into_iter().find(|machine| machine.name() == word)
    }

    /// The word for it, as in the JSON contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86",
            Self::X64 => "x64",
            Self::Arm64 => "arm64",
            Self::Arm64Ec => "arm64ec",
            Self::Arm64X => "arm64x",
            Self::Arm => "arm",
            Self::Ia64 => "ia64",
            Self::Alpha => "alpha",
            Self::Mips => "mips",
            Self::Ppc => "ppc",
            Self::Ebc => "ebc",
            Self::Neutral => "neutral",
            Self::Other(_) => "other",
        }
    }

    /// The platform it belongs to: all three kinds of ARM64 are one.
    #[must_use]
    pub fn platform(self) -> Self {
        match self {
            Self::Arm64Ec | Self::Arm64X => Self::Arm64,
            other => other,
        }
    }

    /// "PE Format", "Machine Types".
    pub(super) fn from_header(number: u16) -> Self {
        match pe::Machine(number) {
            pe::IMAGE_FILE_MACHINE_I386 => Self::X86,
            pe::IMAGE_FILE_MACHINE_AMD64 => Self::X64,
            pe::IMAGE_FILE_MACHINE_ARM64 => Self::Arm64,
            pe::IMAGE_FILE_MACHINE_ARM64EC => Self::Arm64Ec,
            pe::IMAGE_FILE_MACHINE_ARM64X => Self::Arm64X,
            pe::IMAGE_FILE_MACHINE_ARM | pe::IMAGE_FILE_MACHINE_THUMB | pe::IMAGE_FILE_MACHINE_ARMNT => {
                Self::Arm
            }
            pe::IMAGE_FILE_MACHINE_IA64 => Self::Ia64,
            pe::IMAGE_FILE_MACHINE_ALPHA | pe::IMAGE_FILE_MACHINE_ALPHA64 => Self::Alpha,
            pe::IMAGE_FILE_MACHINE_R3000
            | pe::IMAGE_FILE_MACHINE_R4000
            | pe::IMAGE_FILE_MACHINE_R10000
            | pe::IMAGE_FILE_MACHINE_WCEMIPSV2
            | pe::IMAGE_FILE_MACHINE_MIPS16
            | pe::IMAGE_FILE_MACHINE_MIPSFPU
            | pe::IMAGE_FILE_MACHINE_MIPSFPU16 => Self::Mips,
            pe::IMAGE_FILE_MACHINE_POWERPC
            | pe::IMAGE_FILE_MACHINE_POWERPCFP
            | pe::IMAGE_FILE_MACHINE_POWERPCBE => Self::Ppc,
            pe::IMAGE_FILE_MACHINE_EBC => Self::Ebc,
            _ => Self::Other(number),
        }
    }
}

/// The layout of the optional header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// 32-bit addresses.
    Pe32,
    /// 64-bit addresses.
    Pe32Plus,
    /// Another value of `Magic`.
    Other(u16),
}

/// The CLR header of a managed image (ECMA-335 §II.25.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clr {
    /// `MajorRuntimeVersion` and `MinorRuntimeVersion`.
    pub runtime: (u16, u16),
    /// `Flags` (ECMA-335 §II.25.3.3.1).
    pub flags: u32,
}

impl Clr {
    fn has(self, flag: pe::CorFlags) -> bool {
        self.flags & flag.0 != 0
    }

    /// The image has no native code.
    #[must_use]
    pub fn il_only(self) -> bool {
        self.has(pe::COMIMAGE_FLAGS_ILONLY)
    }

    /// The image runs in a 32-bit process only, unless it merely prefers one.
    #[must_use]
    pub fn needs_32_bit(self) -> bool {
        self.has(pe::COMIMAGE_FLAGS_32BITREQUIRED) && !self.has(pe::COMIMAGE_FLAGS_32BITPREFERRED)
    }
}

/// Where the certificate table is ("The Attribute Certificate Table"): nothing of it is checked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificates {
    /// Where it begins in the file, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// False where the file ends before the table does.
    pub whole: bool,
}

/// What the headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The processor, with managed code and the ARM64 hybrids told apart.
    pub machine: Machine,
    /// `Machine`, as stored.
    pub machine_field: u16,
    /// `Characteristics`, as stored.
    pub characteristics: u16,
    /// `Subsystem`, as stored; 0 where the header ends before it.
    pub subsystem: u16,
    /// Which optional header.
    pub layout: Layout,
    /// `TimeDateStamp`, as stored: a hash in reproducible builds.
    pub time_stamp: u32,
    /// The CLR header, where the image is managed and its header can be read.
    pub clr: Option<Clr>,
    /// `CHPEMetadataPointer` of the load configuration, where it is not zero.
    pub hybrid: Option<u64>,
    /// The certificate table; without one the image is not signed (a catalog may vouch for it still).
    pub certificates: Option<Certificates>,
    /// `NumberOfSections`.
    pub sections: u16,
}

impl Head {
    /// True for a library.
    #[must_use]
    pub fn is_dll(&self) -> bool {
        self.characteristics & pe::IMAGE_FILE_DLL.0 != 0
    }

    /// True for a program or driver of the firmware ("Windows Subsystem", 10 to 13).
    #[must_use]
    pub fn is_efi(&self) -> bool {
        (pe::IMAGE_SUBSYSTEM_EFI_APPLICATION.0..=pe::IMAGE_SUBSYSTEM_EFI_ROM.0).contains(&self.subsystem)
    }

    /// `TimeDateStamp` as a time; `None` for 0 and all ones. A reproducible build has a hash there, so
    /// any year may come out.
    #[must_use]
    pub fn linked(&self) -> Option<Timestamp> {
        let seconds = i64::from(self.time_stamp);
        (self.time_stamp != 0 && self.time_stamp != u32::MAX).then_some(Timestamp {
            seconds,
            nanos: 0,
            zone: Some(0),
        })
    }
}

/// What a PE image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeFacts {
    /// The headers.
    pub head: Head,
    /// The version resource, where there is one.
    pub versions: Option<Versions>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

/// Everything; `None` where the source is no PE image.
///
/// # Errors
/// What the operating system said. Damage in the image is a finding.
pub fn facts(source: &SharedSource) -> Result<Option<PeFacts>> {
    let Some((mut image, head)) = Image::open(source.as_ref())? else { return Ok(None) };
    gathered(&mut image, head).map(Some)
}

/// The versions, and what is wrong.
pub(super) fn gathered(image: &mut Image<'_>, head: Head) -> Result<PeFacts> {
    let mut findings = Vec::new();
    if head.sections > SECTIONS {
        let what = format!("{} sections are claimed, Windows takes {SECTIONS}", head.sections);
        findings.push(Finding::new(Severity::Damaged, what));
    }
    if let Some(table) = head.certificates.filter(|table| !table.whole) {
        let what = format!("the certificate table at {:#x} lies beyond the end", table.offset);
        findings.push(Finding::new(Severity::Damaged, what));
    }
    let versions = version::read(image, &mut findings)?;
    Ok(PeFacts { head, versions, findings })
}

/// The headers alone, in some 650 bytes; `None` where the source is no PE image.
///
/// # Errors
/// What the operating system said.
pub fn head(source: &SharedSource) -> Result<Option<Head>> {
    Ok(Image::open(source.as_ref())?.map(|(_, head)| head))
}

/// The version resource alone; `None` where the source is no PE image or has none that can be read.
///
/// # Errors
/// What the operating system said.
pub fn versions(source: &SharedSource) -> Result<Option<Versions>> {
    match Image::open(source.as_ref())? {
        Some((mut image, _)) => version::read(&mut image, &mut Vec::new()),
        None => Ok(None),
    }
}

/// An image whose headers are read as far as they were needed.
pub(super) struct Image<'a> {
    pub(super) source: &'a dyn Source,
    /// The first bytes of the source: grows with what is asked for.
    window: Vec<u8>,
    /// Where the section headers begin, in bytes.
    sections_at: usize,
    sections: u16,
    /// `SizeOfHeaders`: addresses below it are file offsets.
    headers: u32,
    /// `FileAlignment`.
    alignment: u32,
    /// Address and size of the resource directory.
    pub(super) resources: Option<(u32, u32)>,
    /// Address and size of the debug directory.
    pub(super) debug: Option<(u32, u32)>,
    /// `PointerToSymbolTable` and `NumberOfSymbols`.
    pub(super) symbols: (u32, u32),
}

/// A section as its header has it ("Section Table").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// `Name`, up to its first NUL.
    pub name: String,
    /// `VirtualSize`, in bytes.
    pub virtual_size: u32,
    /// Where its bytes lie in the file; empty where it has none. The file may end before.
    pub range: Range<u64>,
}

impl<'a> Image<'a> {
    pub(super) fn open(source: &'a dyn Source) -> Result<Option<(Self, Head)>> {
        let mut image = Self {
            source,
            window: read_up_to(source, 0, HEAD)?,
            sections_at: 0,
            sections: 0,
            headers: 0,
            alignment: 0,
            resources: None,
            debug: None,
            symbols: (0, 0),
        };
        if !image.window.starts_with(b"MZ") {
            return Ok(None);
        }
        // "MS-DOS Stub": the place of the signature is at 0x3c.
        let Ok(start) = Fields::new("IMAGE_DOS_HEADER", &image.window, 0).u32_le(0x3c, "e_lfanew") else {
            return Ok(None);
        };
        let mut nt = image.bytes(u64::from(start), NT_HEADERS)?;
        if !nt.starts_with(b"PE\0\0") || nt.len() < 24 {
            return Ok(None);
        }
        // Whatever the file is too short for is zero, as the loader would map it.
        nt.resize(NT_HEADERS, 0);
        let head = image.parse(&nt, start)?;
        Ok(Some((image, head)))
    }

    /// "COFF File Header" and "Optional Header".
    fn parse(&mut self, nt: &[u8], start: u32) -> Result<Head> {
        let fields = Fields::new("IMAGE_NT_HEADERS", nt, u64::from(start));
        let u16_at = |at, field| fields.u16_le(at, field).unwrap_or_default();
        let u32_at = |at, field| fields.u32_le(at, field).unwrap_or_default();
        let machine_field = u16_at(4, "Machine");
        let optional = usize::from(u16_at(20, "SizeOfOptionalHeader"));
        self.sections = u16_at(6, "NumberOfSections");
        self.sections_at =
            usize::try_from(start).unwrap_or(usize::MAX).saturating_add(24).saturating_add(optional);
        self.alignment = u32_at(24 + 36, "FileAlignment");
        self.headers = u32_at(24 + 60, "SizeOfHeaders");
        let (layout, directories) = match u16_at(24, "Magic") {
            pe::IMAGE_NT_OPTIONAL_HDR32_MAGIC => (Layout::Pe32, 24 + 96),
            pe::IMAGE_NT_OPTIONAL_HDR64_MAGIC => (Layout::Pe32Plus, 24 + 112),
            other => (Layout::Other(other), nt.len()),
        };
        let count = u32_at(directories.saturating_sub(4), "NumberOfRvaAndSizes");
        // "Optional Header Data Directories": address and size; an address of 0 means none. Behind an
        // unknown optional header nothing is there.
        let directory = |number: usize| {
            let there = u32::try_from(number).is_ok_and(|number| number < count);
            let at = directories.saturating_add(number.saturating_mul(8));
            let entry = (u32_at(at, "VirtualAddress"), u32_at(at.saturating_add(4), "Size"));
            (there && entry.0 != 0).then_some(entry)
        };
        self.resources = directory(pe::IMAGE_DIRECTORY_ENTRY_RESOURCE);
        self.debug = directory(pe::IMAGE_DIRECTORY_ENTRY_DEBUG);
        self.symbols = (u32_at(12, "PointerToSymbolTable"), u32_at(16, "NumberOfSymbols"));
        let clr = directory(pe::IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR);
        let clr = clr.map(|(address, _)| self.clr(address)).transpose()?.flatten();
        let load_config = directory(pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG);
        let from_header = Machine::from_header(machine_field);
        let hybrid = match (layout, from_header, load_config) {
            (Layout::Pe32Plus, Machine::X64 | Machine::Arm64, Some((address, _))) => self.hybrid(address)?,
            _ => None,
        };
        let certificates = directory(pe::IMAGE_DIRECTORY_ENTRY_SECURITY).map(|(offset, bytes)| {
            let (offset, bytes) = (u64::from(offset), u64::from(bytes));
            Certificates { offset, bytes, whole: offset.saturating_add(bytes) <= self.source.len() }
        });
        let machine = match (from_header, clr) {
            (Machine::X86, Some(clr)) if layout == Layout::Pe32 && clr.il_only() && !clr.needs_32_bit() => {
                Machine::Neutral
            }
            (Machine::X64, _) if hybrid.is_some() => Machine::Arm64Ec,
            (Machine::Arm64, _) if hybrid.is_some() => Machine::Arm64X,
            (machine, _) => machine,
        };
        Ok(Head {
            machine,
            machine_field,
            characteristics: u16_at(22, "Characteristics"),
            subsystem: u16_at(24 + 68, "Subsystem"),
            layout,
            time_stamp: u32_at(8, "TimeDateStamp"),
            clr,
            hybrid,
            certificates,
            sections: self.sections,
        })
    }

    fn clr(&mut self, address: u32) -> Result<Option<Clr>> {
        let Some((at, _)) = self.place(address)? else { return Ok(None) };
        let bytes = self.bytes(at, 24)?;
        let fields = Fields::new("CLI header", &bytes, at);
        let runtime = fields.u16_le(4, "MajorRuntimeVersion").ok();
        let runtime = runtime.zip(fields.u16_le(6, "MinorRuntimeVersion").ok());
        let flags = fields.u32_le(16, "Flags").ok();
        Ok(runtime.zip(flags).map(|(runtime, flags)| Clr { runtime, flags }))
    }

    /// `CHPEMetadataPointer` ("Load Configuration Layout", 0xc8 in PE32+): what tells ARM64EC and ARM64X
    /// from x64 and ARM64. The structure's own size is asked only where something stands there.
    fn hybrid(&mut self, address: u32) -> Result<Option<u64>> {
        let Some((at, left)) = self.place(address)? else { return Ok(None) };
        if left < 0xd0 {
            return Ok(None);
        }
        let bytes = self.bytes(at.saturating_add(0xc8), 8)?;
        let pointer = Fields::new("IMAGE_LOAD_CONFIG_DIRECTORY64", &bytes, at);
        let Some(pointer) = pointer.u64_le(0, "CHPEMetadataPointer").ok().filter(|at| *at != 0) else {
            return Ok(None);
        };
        let bytes = self.bytes(at, 4)?;
        let size = Fields::new("IMAGE_LOAD_CONFIG_DIRECTORY64", &bytes, at).u32_le(0, "Size");
        Ok(size.is_ok_and(|size| size >= 0xd0).then_some(pointer))
    }

    /// Up to `len` bytes at `at`; fewer where the source ends. What lies in or near the headers comes
    /// from the window.
    pub(super) fn bytes(&mut self, at: u64, len: usize) -> Result<Vec<u8>> {
        let near = usize::try_from(at).ok().and_then(|at| Some((at, at.checked_add(len)?)));
        match near {
            Some((start, end)) if start <= self.window.len() && end <= self.window.len() + STEP => {
                if end > self.window.len() {
                    let more = read_up_to(self.source, self.window.len() as u64, STEP)?;
                    self.window.extend(more);
                }
                let end = end.min(self.window.len());
                Ok(self.window.get(start..end).unwrap_or_default().to_vec())
            }
            _ => read_up_to(self.source, at, len),
        }
    }

    /// Where the headers end, in bytes: `SizeOfHeaders`, or behind the section headers where that is further.
    pub(super) fn headers_end(&self) -> u64 {
        let sections = usize::from(self.sections.min(SECTIONS)) * pe::IMAGE_SIZEOF_SECTION_HEADER;
        u64::from(self.headers).max(self.sections_at.saturating_add(sections) as u64).min(self.source.len())
    }

    /// The sections, as many as Windows takes and the file has.
    pub(super) fn sections(&mut self) -> Result<Vec<Section>> {
        let mut out = Vec::new();
        for number in 0..self.sections.min(SECTIONS) {
            let at = self.sections_at.saturating_add(usize::from(number).saturating_mul(40));
            let bytes = self.bytes(at as u64, pe::IMAGE_SIZEOF_SECTION_HEADER)?;
            let fields = Fields::new("section header", &bytes, at as u64);
            let (Ok(name), Ok(virtual_size), Ok(size), Ok(raw)) = (
                fields.bytes(0, 8, "Name"),
                fields.u32_le(8, "VirtualSize"),
                fields.u32_le(16, "SizeOfRawData"),
                fields.u32_le(20, "PointerToRawData"),
            ) else {
                break;
            };
            let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
            let raw = u64::from(if self.alignment >= 0x200 { raw & !0x1ff } else { raw });
            let size = if raw == 0 { 0 } else { u64::from(size) };
            let name = String::from_utf8_lossy(name).into_owned();
            out.push(Section { name, virtual_size, range: raw..raw.saturating_add(size) });
        }
        Ok(out)
    }

    /// Where the byte with this address lies in the file, and how many bytes follow it there
    /// ("Section Table"). As the loader does, a section's place is taken down to 512 bytes.
    pub(super) fn place(&mut self, address: u32) -> Result<Option<(u64, u32)>> {
        for number in 0..self.sections.min(SECTIONS) {
            let at = self.sections_at.saturating_add(usize::from(number).saturating_mul(40));
            let bytes = self.bytes(at as u64, pe::IMAGE_SIZEOF_SECTION_HEADER)?;
            let fields = Fields::new("section header", &bytes, at as u64);
            let (Ok(start), Ok(size), Ok(raw)) = (
                fields.u32_le(12, "VirtualAddress"),
                fields.u32_le(16, "SizeOfRawData"),
                fields.u32_le(20, "PointerToRawData"),
            ) else {
                break;
            };
            if let Some(within) = address.checked_sub(start).filter(|within| *within < size) {
                let raw = if self.alignment >= 0x200 { raw & !0x1ff } else { raw };
                return Ok(Some((u64::from(raw) + u64::from(within), size - within)));
            }
        }
        let left = self.headers.checked_sub(address).filter(|left| *left > 0);
        Ok(left.map(|left| (u64::from(address), left)))
    }
}
