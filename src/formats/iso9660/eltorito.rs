//! The El Torito boot catalog (version 1.0, 1995): what a machine starts from.
//!
//! | bytes | what |
//! |---|---|
//! | 0–31 | validation entry: 1, platform, checksum, 55 AA |
//! | 32–63 | initial entry: 0x88, media type, sector count, first block |
//! | 64– | section headers (0x90, last 0x91) with their entries |
//!
//! The sector count says what the firmware loads, which is often less than the image has. The image's
//! size is found by better evidence where there is some, and never by "up to the end".

use super::descriptor::SECTOR;
use crate::container::{
    Boot, Entry, EntryKind, EntryPath, Extents, Finding, Findings, Location, Role, Severity,
};
use crate::error::Result;
use crate::fields::Fields;
use crate::source::{Piece, Source, read_up_to};
use crate::text::count;
use std::collections::HashMap;

const ENTRY: usize = 32;
/// Bytes of a catalog that are looked at: 2,048 entries.
const MOST_BYTES: usize = 64 << 10;
/// Boot entries that are listed: real catalogs have two or three.
const MOST_ENTRIES: usize = 64;

/// What the catalog says.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) boot: Boot,
    pub(super) images: Vec<Entry>,
    /// How many boot entries there are, for the layer.
    pub(super) count: u64,
}

/// The machine an entry is for (El Torito table 2; UEFI §13.3.2.1).
fn platform(id: u8) -> &'static str {
    match id {
        0 => "bios",
        1 => "powerpc",
        2 => "mac",
        0xef => "uefi",
        _ => "other",
    }
}

/// Reads the catalog at byte `at`. `files` maps where a file of the tree begins to its size.
pub(super) fn read(
    source: &dyn Source,
    at: u64,
    files: &HashMap<u64, u64>,
    findings: &mut Findings,
) -> Result<Catalog> {
    let bytes = read_up_to(source, at, MOST_BYTES)?;
    let catalog = Fields::new("boot catalog", &bytes, at);
    let mut out = Catalog::default();
    let validation = catalog.bytes(0, ENTRY, "validation entry").map_err(|e| e.during("boot catalog"))?;
    let sum = validation.chunks_exact(2).fold(0u16, |sum, pair| match pair {
        [low, high] => sum.wrapping_add(u16::from_le_bytes([*low, *high])),
        _ => sum,
    });
    if validation.first() != Some(&1) || sum != 0 || !validation.ends_with(&[0x55, 0xaa]) {
        findings.push(Finding::new(Severity::Weak, "the boot catalog's validation entry is not valid"));
    }
    let mut machine = platform(catalog.u8(1, "platform")?);
    let mut left = 1usize;
    let mut last_section = false;
    let mut position = ENTRY;
    while let Ok(fields) = catalog.part("boot catalog entry", position, ENTRY) {
        position += ENTRY;
        let indicator = fields.u8(0, "indicator")?;
        match indicator {
            0x90 | 0x91 if left == 0 => {
                if last_section {
                    break;
                }
                machine = platform(fields.u8(1, "platform")?);
                left = usize::from(fields.u16_le(2, "section entries")?);
                last_section = indicator == 0x91;
                if left > MOST_ENTRIES {
                    let what = format!("a section of the boot catalog claims {left} entries");
                    findings.push(Finding::new(Severity::Weak, what));
                    left = MOST_ENTRIES;
                }
            }
            // Extension records belong to the entry before.
            0x44 => {}
            0x88 | 0x00 if left > 0 => {
                left -= 1;
                let block = fields.u32_le(8, "load block")?;
                if indicator == 0 && block == 0 {
                    continue;
                }
                if out.images.len() >= MOST_ENTRIES {
                    findings.push(Finding::new(Severity::Weak, "the boot catalog does not end"));
                    break;
                }
                if indicator == 0x88 {
                    match machine {
                        "bios" => out.boot.bios = true,
                        "uefi" => out.boot.uefi = true,
                        other => out.boot.other.push(other),
                    }
                }
                image(source, &fields, machine, files, &mut out, findings)?;
            }
            _ => break,
        }
    }
    out.boot.other.dedup();
    out.count = out.images.len() as u64;
    Ok(out)
}

fn image(
    source: &dyn Source,
    fields: &Fields<'_>,
    machine: &str,
    files: &HashMap<u64, u64>,
    out: &mut Catalog,
    findings: &mut Findings,
) -> Result<()> {
    let media = fields.u8(1, "boot media type")? & 0x0f;
    let sectors = u64::from(fields.u16_le(6, "sector count")?);
    let at = u64::from(fields.u32_le(8, "load block")?).saturating_mul(SECTOR);
    let path = format!("[boot]/{}-{machine}.img", out.images.len() + 1);
    let mut bytes = size(source, at, media, sectors, files)?;
    let have = source.len().saturating_sub(at);
    if bytes > have {
        let what = format!("the boot image ends {} behind the image", count(bytes - have, "byte"));
        findings.push(Finding::about(Severity::Weak, &path, what));
        bytes = have;
    }
    let mut entry = Entry::new(EntryPath::new(path), EntryKind::File);
    entry.role = Role::Boot;
    entry.bytes = bytes;
    if bytes > 0 {
        entry.location = Location::Stored(Extents::One(Piece { at: Some(at), len: bytes }));
    }
    out.images.push(entry);
    Ok(())
}

/// How large a boot image is, by the best evidence there is.
fn size(source: &dyn Source, at: u64, media: u8, sectors: u64, files: &HashMap<u64, u64>) -> Result<u64> {
    if let Some(&bytes) = files.get(&at) {
        return Ok(bytes);
    }
    let loaded = sectors.saturating_mul(512);
    let head = read_up_to(source, at, 512)?;
    let boot_sector = Fields::new("boot sector", &head, at);
    let marked = head.ends_with(&[0x55, 0xaa]);
    let found = match media {
        1 => Some(1_228_800),
        2 => Some(1_474_560),
        3 => Some(2_949_120),
        // Hard disk emulation: the partition table's furthest sector.
        4 if marked => (0..4)
            .filter_map(|i| {
                let at = 446 + i * 16;
                let start = boot_sector.u32_le(at + 8, "first sector").ok()?;
                let count = boot_sector.u32_le(at + 12, "sectors").ok().filter(|&count| count > 0)?;
                Some((u64::from(start) + u64::from(count)) * 512)
            })
            .max(),
        _ if marked => fat_bytes(&boot_sector),
        _ => None,
    };
    Ok(found.filter(|&bytes| bytes >= loaded || media == 0).unwrap_or(loaded))
}

/// The size that a FAT boot sector gives for its volume, in bytes.
fn fat_bytes(sector: &Fields<'_>) -> Option<u64> {
    let bytes = u64::from(sector.u16_le(11, "bytes per sector").ok()?);
    let reserved = sector.u16_le(14, "reserved sectors").ok()?;
    let tables = sector.u8(16, "number of FATs").ok()?;
    let small = u64::from(sector.u16_le(19, "total sectors 16").ok()?);
    let large = u64::from(sector.u32_le(32, "total sectors 32").ok()?);
    let sane = matches!(bytes, 512 | 1024 | 2048 | 4096) && reserved > 0 && matches!(tables, 1 | 2);
    let sectors = if small > 0 { small } else { large };
    (sane && sectors > 0).then(|| sectors.saturating_mul(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog(entries: &[[u8; 32]]) -> Vec<u8> {
        let mut validation = [0u8; 32];
        validation[0] = 1;
        validation[30] = 0x55;
        validation[31] = 0xaa;
        let sum = validation.chunks(2).fold(0u16, |s, p| s.wrapping_add(u16::from_le_bytes([p[0], p[1]])));
        validation[28..30].copy_from_slice(&sum.wrapping_neg().to_le_bytes());
        let mut out = validation.to_vec();
        entries.iter().for_each(|entry| out.extend(entry));
        out.resize(out.len().next_multiple_of(2048), 0);
        out.resize(40 * 2048, 7);
        out
    }

    fn entry(indicator: u8, media: u8, sectors: u16, block: u32) -> [u8; 32] {
        let mut out = [0u8; 32];
        out[0] = indicator;
        out[1] = media;
        out[6..8].copy_from_slice(&sectors.to_le_bytes());
        out[8..12].copy_from_slice(&block.to_le_bytes());
        out
    }

    fn header(indicator: u8, platform: u8, count: u16) -> [u8; 32] {
        let mut out = [0u8; 32];
        out[0] = indicator;
        out[1] = platform;
        out[2..4].copy_from_slice(&count.to_le_bytes());
        out
    }

    #[test]
    fn bios_and_uefi_images_are_listed_with_their_sizes() {
        let bytes = catalog(&[entry(0x88, 0, 4, 10), header(0x91, 0xef, 1), entry(0x88, 0, 1, 20)]);
        let files = HashMap::from([(20 * 2048, 5000)]);
        let mut findings = Findings::default();
        let catalog = read(&bytes, 0, &files, &mut findings).unwrap();
        assert_eq!(catalog.boot, Boot { bios: true, uefi: true, other: vec![] });
        let list: Vec<(&str, u64)> =
            catalog.images.iter().map(|entry| (entry.path.text(), entry.bytes)).collect();
        assert_eq!(list, [("[boot]/1-bios.img", 2048), ("[boot]/2-uefi.img", 5000)]);
        assert_eq!(findings.finish(), []);
    }

    #[test]
    fn sections_that_never_end_are_said_and_bounded() {
        let mut entries = vec![entry(0x88, 0, 4, 10)];
        for _ in 0..30 {
            entries.push(header(0x90, 0, 65535));
            entries.extend((0..64).map(|_| entry(0x88, 0, 4, 10)));
        }
        let mut findings = Findings::default();
        let catalog = read(&catalog(&entries), 0, &HashMap::new(), &mut findings).unwrap();
        assert_eq!(catalog.images.len(), MOST_ENTRIES);
        assert!(!findings.finish().is_empty());
    }

    #[test]
    fn an_image_past_the_end_is_cut_and_said() {
        let mut findings = Findings::default();
        let bytes = catalog(&[entry(0x88, 0, 65535, 30)]);
        let catalog = read(&bytes, 0, &HashMap::new(), &mut findings).unwrap();
        assert_eq!(catalog.images[0].bytes, 10 * 2048);
        assert_eq!(findings.finish().len(), 1);
    }
}
