//! From partition maps to partitions that can be read: sparing tables, the virtual allocation table,
//! the metadata files.

use super::descriptors::MapKind;
use super::file_entry::{self, FileEntry, FileType};
use super::names::identifier;
use super::partition::{Address, Map, Partition, Partitions, Run, Side, runs};
use super::tag::{self, Crc, Notes, Tag};
use super::volume::Volume;
use crate::container::Severity;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::source::{Piece, SharedSource, read_up_to};
use std::collections::BTreeMap;

/// Blocks that are searched for a virtual allocation table, from the end of the source.
const VAT_SEARCH: u64 = 16 << 10;
/// Bytes read at once in that search.
const VAT_CHUNK: u64 = 64 << 10;

/// The partitions of a volume, in the order of its maps, and where the structures that were used for
/// it end. A partition that cannot be read stays in the list.
pub(super) fn load(
    source: &SharedSource,
    volume: &Volume,
    limits: &Limits,
    notes: &mut Notes,
) -> (Partitions, u64) {
    let mut parts = Partitions::new(source.clone(), volume.logical.block, limits);
    let mut end = 0;
    for map in &volume.logical.maps {
        let Some(descriptor) = volume.partitions.get(&map.number) else {
            let map = Map::Unusable("a partition without a descriptor");
            parts.list.push(Partition { start: 0, map });
            continue;
        };
        let start = u64::from(descriptor.sector).saturating_mul(volume.sector);
        let map = match &map.kind {
            MapKind::Sparable { packet, table_bytes, tables } => {
                sparable(&parts, volume.sector, *packet, *table_bytes, tables, notes)
            }
            MapKind::Unknown => Map::Unusable("a partition of a kind that is not known"),
            _ => Map::Physical,
        };
        parts.list.push(Partition { start, map });
    }
    // Virtual and metadata partitions are read through the one beneath, which stands in their place
    // until they are known.
    for (index, map) in volume.logical.maps.iter().enumerate() {
        let Ok(partition) = u16::try_from(index) else { break };
        let built = match map.kind {
            MapKind::Virtual => vat(&parts, partition, notes).map(|(map, at)| {
                end = end.max(at);
                map
            }),
            MapKind::Metadata { main, mirror } => {
                let base = base(volume, map.number);
                metadata(&parts, base.unwrap_or(partition), main, mirror, notes)
            }
            _ => continue,
        };
        let map = built.unwrap_or_else(|error| {
            notes.push(Severity::Damaged, "", format!("partition {index} cannot be read: {error}"));
            Map::Unusable("a partition whose own tables are damaged")
        });
        if let Some(slot) = parts.list.get_mut(index) {
            slot.map = map;
        }
    }
    (parts, end)
}

/// The partition a metadata partition lies in: that of the same number which is physical or sparable
/// (UDF 2.2.10).
fn base(volume: &Volume, number: u16) -> Option<u16> {
    let index = volume.logical.maps.iter().position(|map| {
        map.number == number && matches!(map.kind, MapKind::Physical | MapKind::Sparable { .. })
    });
    index.and_then(|index| u16::try_from(index).ok())
}

/// Takes the newest valid copy of the sparing table (UDF 2.2.12).
fn sparable(
    parts: &Partitions,
    sector: u64,
    packet: u16,
    table_bytes: u32,
    tables: &[u32],
    notes: &mut Notes,
) -> Map {
    if packet == 0 {
        notes.push(Severity::Damaged, "", "a sparable partition with packets of no length; none is moved");
        return Map::Physical;
    }
    let packet = u32::from(packet);
    let copies = tables.iter().filter_map(|&table| {
        let at = u64::from(table).checked_mul(sector)?;
        // Entries are counted with 16 bits: a table is never longer than 512 KiB.
        let length = usize::try_from(table_bytes).unwrap_or(usize::MAX).clamp(512, 1 << 20);
        sparing_table(&read_up_to(&*parts.source, at, length).ok()?, at, packet).ok()
    });
    match copies.max_by_key(|(number, _)| *number) {
        Some((_, moved)) => Map::Sparable { packet, moved },
        None => {
            let what = "no valid sparing table: packets that were moved are read from their old place";
            notes.push(Severity::Damaged, "", what);
            Map::Sparable { packet, moved: BTreeMap::new() }
        }
    }
}

/// The sequence number of a sparing table and the packets it moves.
fn sparing_table(bytes: &[u8], at: u64, packet: u32) -> Result<(u32, BTreeMap<u32, u32>)> {
    let tag = tag::expect(bytes, at, 0, "sparing table")?;
    let fields = Fields::new("sparing table", bytes, at);
    if !identifier(fields.bytes(16, 32, "SparingIdentifier")?).starts_with(b"*UDF Sparing Table") {
        return Err(Error::damaged("no sparing table is here"));
    }
    if tag.check(bytes) == Crc::Wrong {
        return Err(Error::damaged("its CRC is wrong"));
    }
    let count = usize::from(fields.u16_le(48, "ReallocationTableLength")?);
    let entries = fields.rest(56).as_chunks::<8>().0;
    let mut moved = BTreeMap::new();
    for &[a, b, c, d, e, f, g, h] in entries.iter().take(count) {
        let original = u32::from_le_bytes([a, b, c, d]);
        let mapped = u32::from_le_bytes([e, f, g, h]);
        // 0xFFFFFFFF is free, 0xFFFFFFF0 is free and defective.
        if original < 0xffff_fff0 && original.is_multiple_of(packet) {
            moved.insert(original, mapped);
        }
    }
    Ok((fields.u32_le(52, "SequenceNumber")?, moved))
}

/// Searches the virtual allocation table: its file entry is the last block that was written (UDF
/// 2.2.11). Gives where that block ends, too.
fn vat(parts: &Partitions, partition: u16, notes: &mut Notes) -> Result<(Map, u64)> {
    let start = parts.list.get(usize::from(partition)).map_or(0, |partition| partition.start);
    let block = parts.block;
    let blocks = parts.source.len().saturating_sub(start) / block;
    let first = blocks.saturating_sub(VAT_SEARCH);
    let mut upper = blocks;
    while upper > first {
        let lower = upper.saturating_sub(VAT_CHUNK / block).max(first);
        let at = start.saturating_add(lower.saturating_mul(block));
        let length = usize::try_from((upper - lower).saturating_mul(block)).unwrap_or(0);
        let bytes = read_up_to(&*parts.source, at, length)?;
        let size = usize::try_from(block).unwrap_or(usize::MAX);
        for (number, bytes) in bytes.chunks(size).enumerate().rev() {
            let number = lower.saturating_add(number as u64);
            let Ok(number) = u32::try_from(number) else { continue };
            if let Some(table) = vat_at(parts, Address { partition, block: number }, bytes) {
                if u64::from(number).saturating_add(1) != blocks {
                    let behind = blocks - u64::from(number) - 1;
                    let what = format!("{behind} blocks follow the virtual allocation table");
                    notes.push(Severity::Note, "", what);
                }
                let end = start.saturating_add(u64::from(number).saturating_add(1).saturating_mul(block));
                return Ok((Map::Virtual(table), end));
            }
        }
        upper = lower;
    }
    Err(Error::damaged("no virtual allocation table near the end of the medium").during("VAT"))
}

/// The table whose file entry is in that block, if there is one.
fn vat_at(parts: &Partitions, icb: Address, bytes: &[u8]) -> Option<Vec<u32>> {
    let tag = Tag::parse("file entry", bytes, 0).ok()?;
    if !matches!(tag.id, tag::FILE_ENTRY | tag::EXTENDED_FILE_ENTRY) || tag.check(bytes) == Crc::Wrong {
        return None;
    }
    let mut notes = Notes::default();
    let entry = file_entry::read(parts, icb, &mut notes, "VAT").ok()?;
    if !matches!(entry.file_type, FileType::Structure(248) | FileType::Unspecified) {
        return None;
    }
    let content = entry.content(parts, Side::Main);
    if content.fault.is_some() || content.missing(parts.source.len()) > 0 {
        return None;
    }
    vat_table(&parts.gather(&content.pieces).ok()?, entry.file_type)
}

/// UDF 1.50 has the table first and its identifier after it; UDF 2.00 has a header first.
fn vat_table(bytes: &[u8], file_type: FileType) -> Option<Vec<u32>> {
    let fields = Fields::new("virtual allocation table", bytes, 0);
    let table = if file_type == FileType::Unspecified {
        let table = bytes.len().checked_sub(36)?;
        let id = fields.bytes(table, 32, "EntityIdentifier").ok()?;
        if !identifier(id).starts_with(b"*UDF Virtual Alloc Tbl") {
            return None;
        }
        bytes.get(..table)?
    } else {
        let header = usize::from(fields.u16_le(0, "LengthOfHeader").ok()?);
        bytes.get(header..).filter(|_| header >= 152)?
    };
    Some(table.as_chunks::<4>().0.iter().map(|&entry| u32::from_le_bytes(entry)).collect())
}

/// The metadata file and its mirror; one is enough (UDF 2.2.13).
fn metadata(parts: &Partitions, base: u16, main: u32, mirror: u32, notes: &mut Notes) -> Result<Map> {
    let mut side = |block, number, name| -> Result<(Vec<Run>, Vec<Piece>)> {
        let icb = Address { partition: base, block };
        let entry: FileEntry = file_entry::read(parts, icb, notes, name)?;
        if entry.file_type != FileType::Structure(number) {
            return Err(Error::damaged("another kind of file is in its place"));
        }
        let content = entry.content(parts, Side::Main);
        match content.fault {
            Some(error) if content.pieces.is_empty() => Err(error),
            _ => Ok((runs(&content.pieces), content.pieces)),
        }
    };
    let first = side(main, 250, "metadata file");
    let second = side(mirror, 251, "metadata mirror file");
    match (first, second) {
        (Ok((main, main_pieces)), Ok((mirror, pieces))) => {
            // Without duplication both files have the same blocks: no other copy (UDF 2.2.10, Flags).
            let mirror = if pieces == main_pieces { Vec::new() } else { mirror };
            Ok(Map::Metadata { main, mirror })
        }
        (Ok((main, _)), Err(error)) => {
            let what = format!("the metadata mirror file cannot be used: {error}");
            notes.push(Severity::Weak, "", what);
            Ok(Map::Metadata { main, mirror: Vec::new() })
        }
        (Err(error), Ok((mirror, _))) => {
            let what = format!("the metadata file cannot be used and its mirror is read: {error}");
            notes.push(Severity::Weak, "", what);
            Ok(Map::Metadata { main: mirror, mirror: Vec::new() })
        }
        (Err(error), Err(_)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::udf::tag::tagged;

    #[test]
    fn a_sparing_table_moves_whole_packets_only() {
        let mut bytes = vec![0; 88];
        bytes[17..35].copy_from_slice(b"*UDF Sparing Table");
        bytes[48] = 4;
        bytes[52] = 9;
        let entries = [(64u32, 500u32), (0xffff_ffff, 1), (0xffff_fff0, 2), (33, 600)];
        for (slot, (original, mapped)) in bytes[56..].chunks_exact_mut(8).zip(entries) {
            slot[..4].copy_from_slice(&original.to_le_bytes());
            slot[4..].copy_from_slice(&mapped.to_le_bytes());
        }
        let mut bytes = tagged(0, 0, bytes);
        let (number, moved) = sparing_table(&bytes, 0, 32).unwrap();
        assert_eq!((number, moved), (9, BTreeMap::from([(64, 500)])));
        bytes[60] ^= 1;
        assert!(sparing_table(&bytes, 0, 32).is_err());
    }

    #[test]
    fn a_virtual_allocation_table_has_two_forms() {
        let mut old = vec![7, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        old.push(0);
        old.extend_from_slice(b"*UDF Virtual Alloc Tbl");
        old.resize(8 + 36, 0);
        assert_eq!(vat_table(&old, FileType::Unspecified), Some(vec![7, u32::MAX]));
        assert_eq!(vat_table(&old[..40], FileType::Unspecified), None);
        let mut new = vec![152, 0];
        new.resize(152, 0);
        new.extend_from_slice(&[5, 0, 0, 0]);
        assert_eq!(vat_table(&new, FileType::Structure(248)), Some(vec![5]));
        assert_eq!(vat_table(&new[..100], FileType::Structure(248)), None);
    }
}
