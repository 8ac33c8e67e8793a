//! The script: which files it unpacks, and what it calls them.

use super::first_header::FirstHeader;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::limits::Limits;
use crate::source::{SharedSource, read_vec};
use crate::time::Timestamp;
use nsis::NsisInstaller;
use nsis::opcode::{EW_ASSIGNVAR, EW_CREATEDIR, EW_EXTRACTFILE, EW_WRITEUNINSTALLER};
use nsis::strings::{NsisString, PathStyle, StringEncoding, StringSegment, starts_with_drive_letter};
use std::collections::BTreeSet;

/// Programs before the script are not larger.
pub(super) const LARGEST_STUB: u64 = 64 << 20;

/// What lies at an offset of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Datum {
    File,
    Uninstaller,
}

/// One thing that the script unpacks.
pub(super) struct Item {
    pub(super) path: String,
    pub(super) offset: u64,
    pub(super) what: Datum,
    pub(super) modified: Option<Timestamp>,
}

/// What the script says.
pub(super) struct Script {
    pub(super) items: Vec<Item>,
    pub(super) facts: Vec<(&'static str, String)>,
    /// `NSIS 3 Unicode`.
    pub(super) version: String,
}

impl Script {
    /// Every place of the data that is named, in order.
    pub(super) fn offsets(&self) -> Vec<u64> {
        let places: BTreeSet<u64> = self.items.iter().map(|item| item.offset).collect();
        places.into_iter().collect()
    }

    /// Reads the script in the unpacked `header`.
    pub(super) fn read(
        source: &SharedSource,
        first: &FirstHeader,
        header: &[u8],
        limits: &Limits,
    ) -> Result<Self> {
        if first.at > LARGEST_STUB {
            return Err(Error::limit("bytes of stub", LARGEST_STUB));
        }
        let narrow = narrowed(header);
        let header = narrow.as_deref().unwrap_or(header);
        // The crate wants a whole 32-bit program. It gets one whose only section is the program that is there,
        // in which it looks for strings, and the header as one that is not packed.
        let mut program = read_vec(&**source, 0, first.at)?;
        program.resize(program.len().next_multiple_of(512), 0);
        let mut file = program_of(&program);
        file.extend_from_slice(&first.raw);
        let len = u32::try_from(header.len()).map_err(|_| Error::limit("bytes of header", 1 << 28))?;
        file.extend_from_slice(&len.to_le_bytes());
        file.extend_from_slice(header);
        guarded("NSIS script", || {
            let installer = NsisInstaller::from_bytes(&file).map_err(|_| Error::damaged("NSIS header"))?;
            walk(&installer, limits)
        })
    }
}

/// A 32-bit program whose only section is `section`.
fn program_of(section: &[u8]) -> Vec<u8> {
    let size = u32::try_from(section.len()).unwrap_or(0);
    let mut file = b"MZ".to_vec();
    file.resize(0x3c, 0);
    file.extend_from_slice(&0x40u32.to_le_bytes());
    file.extend_from_slice(b"PE\0\0");
    // COFF header: i386, one section, an optional header of 0xe0 bytes; executable, 32 bits.
    file.extend_from_slice(&[0x4c, 1, 1, 0]);
    file.extend_from_slice(&[0; 12]);
    file.extend_from_slice(&[0xe0, 0, 2, 1]);
    let optional = file.len();
    file.extend_from_slice(&0x010bu16.to_le_bytes());
    file.resize(optional + 32, 0);
    // Alignments of sections in memory and in the file; sizes of the image and of the headers.
    file.extend_from_slice(&0x1000u32.to_le_bytes());
    file.extend_from_slice(&0x200u32.to_le_bytes());
    file.resize(optional + 56, 0);
    file.extend_from_slice(&size.saturating_add(0x1000).next_multiple_of(0x1000).to_le_bytes());
    file.extend_from_slice(&0x200u32.to_le_bytes());
    file.resize(optional + 92, 0);
    file.extend_from_slice(&16u32.to_le_bytes());
    file.resize(optional + 0xe0, 0);
    file.extend_from_slice(b".text\0\0\0");
    for field in [size, 0x1000, size, 0x200] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend_from_slice(&[0; 12]);
    file.extend_from_slice(&0x6000_0020u32.to_le_bytes());
    file.resize(0x200, 0);
    file.extend_from_slice(section);
    file
}

/// Blocks that the header leads to.
const BLOCKS: usize = 8;

/// The header of a 64-bit installer as a 32-bit one: its blocks' offsets have eight bytes. `None` where it is
/// none.
fn narrowed(header: &[u8]) -> Option<Vec<u8>> {
    let mut out = header.get(..4)?.to_vec();
    let mut last = 0;
    for block in header.get(4..4 + BLOCKS * 12)?.chunks_exact(12) {
        let offset = u64::from_le_bytes(*block.first_chunk::<8>()?);
        // Blocks follow each other within the header; some have nothing in them.
        if offset != 0 && (offset < last || offset > header.len() as u64 || offset < 4 + BLOCKS as u64 * 12) {
            return None;
        }
        last = last.max(offset);
        let offset = u32::try_from(offset.saturating_sub(BLOCKS as u64 * 4)).ok()?;
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(block.get(8..)?);
    }
    out.extend_from_slice(header.get(4 + BLOCKS * 12..)?);
    (last > 0).then_some(out)
}

/// Follows the script's instructions in order, with the directory that files go to.
fn walk(installer: &NsisInstaller<'_>, limits: &Limits) -> Result<Script> {
    let table = installer.string_table();
    let instdir = table.var_instdir();
    let rooted = [Some(instdir), Some(table.var_exedir()), Some(table.var_temp()), table.var_pluginsdir()];
    let saved_var = installer.nsis2_sub_version().map_or(SAVED_OUTDIR, |sub| sub.spec_outdir_var_index());
    let outdir_var = table.var_outdir();
    let install = vec![StringSegment::Variable { index: instdir, name: table.variable_name(instdir) }];
    let mut outdir = install;
    let mut saved: Option<Vec<StringSegment>> = None;
    let mut items = Vec::new();
    let mut bytes = 0u64;
    for entry in installer.entries() {
        let Ok(entry) = entry else { continue };
        match installer.normalize_opcode(entry.which()) {
            // One opcode for CreateDirectory and SetOutPath; the second parameter tells.
            EW_CREATEDIR if entry.offset(1) != 0 => {
                let Ok(target) = installer.read_string(entry.offset(0)) else { continue };
                let mut segments = target.segments.into_iter();
                outdir = match segments.next() {
                    Some(StringSegment::Variable { index, .. }) if index == outdir_var => {
                        outdir.into_iter().chain(segments).collect()
                    }
                    Some(StringSegment::Variable { index, .. }) if index == saved_var => {
                        saved.clone().unwrap_or_default().into_iter().chain(segments).collect()
                    }
                    first => first.into_iter().chain(segments).collect(),
                };
                // A script that only ever appends would grow it without end.
                if outdir.len() > MOST_SEGMENTS {
                    return Err(Error::limit("parts of a path", MOST_SEGMENTS as u64));
                }
            }
            EW_ASSIGNVAR if entry.offset(0) == i32::from(saved_var) => {
                let from = installer.read_string(entry.offset(1)).ok();
                let whole = entry.offset(2) == 0 && entry.offset(3) == 0;
                let from_outdir = from.is_some_and(|from| {
                    matches!(from.segments.as_slice(), [StringSegment::Variable { index, .. }] if *index == outdir_var)
                });
                saved = (whole && from_outdir).then(|| outdir.clone());
            }
            EW_EXTRACTFILE => {
                let Ok(name) = installer.read_string(entry.offset(1)) else { continue };
                let alone = match name.segments.first() {
                    Some(StringSegment::Variable { index, .. }) => rooted.contains(&Some(*index)),
                    Some(StringSegment::Literal(text)) => {
                        text.starts_with("\\\\") || starts_with_drive_letter(text)
                    }
                    _ => false,
                };
                let path = if alone { path(&[], &name) } else { path(&outdir, &name) };
                let ticks = (word(entry.offset(4)) << 32) | word(entry.offset(3));
                items.push(Item {
                    path,
                    offset: word(entry.offset(2)),
                    what: Datum::File,
                    modified: filetime(ticks),
                });
            }
            EW_WRITEUNINSTALLER => {
                let Ok(name) = installer.read_string(entry.offset(0)) else { continue };
                let offset = word(entry.offset(1));
                items.push(Item { path: path(&[], &name), offset, what: Datum::Uninstaller, modified: None });
            }
            _ => continue,
        }
        bytes = bytes.saturating_add(items.last().map_or(0, |item| item.path.len() as u64));
        if bytes > limits.all_path_bytes {
            return Err(Error::limit("bytes of paths", limits.all_path_bytes));
        }
        if items.len() as u64 > limits.entries {
            return Err(Error::limit("entries", limits.entries));
        }
    }
    let encoding = match installer.string_encoding() {
        StringEncoding::Ansi => "ANSI",
        _ => "Unicode",
    };
    let version = format!("{} {encoding}", installer.version());
    Ok(Script { items, facts: facts(installer, &version), version })
}

/// The internal variable `$_OUTDIR` of NSIS 2.26 and later.
const SAVED_OUTDIR: u16 = 31;
/// Parts that a path is put together from.
const MOST_SEGMENTS: usize = 256;

/// A parameter as the unsigned number that it is.
fn word(parameter: i32) -> u64 {
    u64::from(u32::from_ne_bytes(parameter.to_ne_bytes()))
}

/// The whole path of a file: relative to `$INSTDIR` where it lies there.
fn path(directory: &[StringSegment], name: &NsisString) -> String {
    let mut segments = directory.to_vec();
    let ends = matches!(segments.last(), Some(StringSegment::Literal(text)) if text.ends_with(['\\', '/']));
    if !segments.is_empty() && !ends {
        segments.push(StringSegment::Literal("\\".into()));
    }
    segments.extend(name.segments.iter().cloned());
    let mut out = String::new();
    NsisString { segments }.write_path(&mut out, PathStyle::Installer);
    out.replace('\\', "/").trim_start_matches('/').to_owned()
}

/// Ticks of 100 ns since 1601; 0 and all ones for none.
fn filetime(ticks: u64) -> Option<Timestamp> {
    if ticks == 0 || ticks == u64::MAX {
        return None;
    }
    let seconds = i64::try_from(ticks / 10_000_000).ok()?.checked_sub(11_644_473_600)?;
    let nanos = u32::try_from(ticks % 10_000_000).ok()?.checked_mul(100)?;
    Some(Timestamp { seconds, nanos, zone: Some(0) })
}

/// What the installer says of itself.
fn facts(installer: &NsisInstaller<'_>, version: &str) -> Vec<(&'static str, String)> {
    let mut facts = vec![("stub", version.to_owned())];
    let tables: Vec<_> = installer.lang_tables().filter_map(std::result::Result::ok).take(256).collect();
    let english = tables.iter().find(|table| table.lang_id() == 1033).or(tables.first());
    // String 2 of each language is the installer's name.
    let name = english.and_then(|table| installer.lang_string(table, 2).ok()).map(|name| name.to_string());
    if let Some(name) = name.filter(|name| !name.trim().is_empty()) {
        facts.push(("product", name));
    }
    if !tables.is_empty() {
        let ids: Vec<String> = tables.iter().map(|table| table.lang_id().to_string()).collect();
        facts.push(("languages", ids.join(", ")));
    }
    if let Ok(directory) = installer.install_dir()
        && !directory.is_empty()
    {
        facts.push(("install_directory", directory.to_string()));
    }
    facts
}
