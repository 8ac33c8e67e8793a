//! File entries and extended file entries: what a file is, and where its content lies (ECMA-167
//! 4/14.9, 4/14.17).
//!
//! | field | file entry | extended file entry |
//! |---|---|---|
//! | ICB tag | 16 | 16 |
//! | permissions, link count | 44, 48 | 44, 48 |
//! | information length | 56 | 56 |
//! | modification time | 84 | 92 |
//! | stream directory ICB | none | 152 |
//! | lengths of attributes and of descriptors | 168, 172 | 208, 212 |
//! | extended attributes, then allocation descriptors | 176 | 216 |
//!
//! Strategy 4 has one entry in a block. Strategy 4096 has an entry and behind it an indirect entry
//! that leads to a newer one (UDF 2.3.5.1): the last one counts.

use super::allocation::{Extent, Form, LongAddress, follow, long_address};
use super::names::timestamp;
use super::partition::{Address, Partitions, Side};
use super::tag::{self, Crc, Notes, Tag};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{Piece, read_exact_at};
use crate::time::Timestamp;
use std::collections::HashSet;

/// What is read of an entry first: more is rarely needed.
const FIRST: u64 = 512;
/// Indirect entries that are followed from one file.
const MOST_INDIRECT: usize = 1024;

/// What the ICB tag says a file is (ECMA-167 4/14.6.6, UDF 2.2.13.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileType {
    /// 0: as the directory says.
    Unspecified,
    /// 4.
    Directory,
    /// 5, and 249 for files that are played in real time.
    File,
    /// 12.
    Symlink,
    /// 6, 7, 9, 10: devices, a pipe, a socket.
    Special,
    /// 13.
    StreamDirectory,
    /// 248, 250, 251, 252: the volume's own tables.
    Structure(u8),
    /// Anything else.
    Unknown(u8),
}

impl FileType {
    fn of(value: u8) -> Self {
        match value {
            0 => Self::Unspecified,
            4 => Self::Directory,
            5 | 249 => Self::File,
            12 => Self::Symlink,
            6 | 7 | 9 | 10 => Self::Special,
            13 => Self::StreamDirectory,
            248 | 250..=252 => Self::Structure(value),
            other => Self::Unknown(other),
        }
    }
}

/// A file entry, of either kind.
#[derive(Debug, Clone)]
pub(super) struct FileEntry {
    /// What it is.
    pub(super) file_type: FileType,
    /// The block it was found in.
    pub(super) icb: Address,
    /// The copy of the metadata it was found in.
    pub(super) side: Side,
    /// Where the entry itself begins in the source, in bytes.
    pub(super) offset: u64,
    /// Names that lead to it.
    pub(super) links: u16,
    /// Bytes of its content.
    pub(super) bytes: u64,
    /// POSIX permission bits.
    pub(super) mode: u16,
    /// When its content changed.
    pub(super) modified: Option<Timestamp>,
    /// Its named streams.
    pub(super) streams: LongAddress,
    form: Form,
    /// The allocation descriptors, or the content itself.
    descriptors: Vec<u8>,
    /// Where they begin in the source.
    descriptors_at: u64,
}

/// Where the content of a file lies.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// In the file's order.
    pub(super) pieces: Vec<Piece>,
    /// The sum of the pieces, never more than the information length.
    pub(super) bytes: u64,
    /// Why there are fewer bytes than the information length says.
    pub(super) fault: Option<Error>,
}

impl Content {
    /// How many bytes of it are beyond a source of that length.
    pub(super) fn missing(&self, source_bytes: u64) -> u64 {
        let beyond = self.pieces.iter().filter_map(|piece| {
            let end = piece.at?.saturating_add(piece.len);
            Some(end.saturating_sub(source_bytes).min(piece.len))
        });
        beyond.fold(0, u64::saturating_add)
    }
}

/// An entry that was read and the quality of what was read.
struct Found {
    entry: FileEntry,
    tag: Tag,
    crc: Crc,
    /// True where bytes stand behind its end that nothing checks: a writer leaves zeros there.
    slack: bool,
}

/// Reads the entry at `icb`, from the metadata mirror where the metadata file is damaged there.
pub(super) fn read(parts: &Partitions, icb: Address, notes: &mut Notes, subject: &str) -> Result<FileEntry> {
    let main = newest(parts, icb, Side::Main);
    let good = matches!(&main, Ok(found) if found.crc != Crc::Wrong);
    if !good
        && parts.has_mirror(icb)
        && let Ok(found) = newest(parts, icb, Side::Mirror)
        && (found.crc != Crc::Wrong || main.is_err())
    {
        notes.mirrored("file entry", subject);
        notes.tag(&found.tag, found.crc, found.entry.icb.block, "file entry", subject);
        return Ok(found.entry);
    }
    let found = main?;
    notes.tag(&found.tag, found.crc, found.entry.icb.block, "file entry", subject);
    if found.slack {
        notes.slack(subject);
    }
    Ok(found.entry)
}

/// Follows indirect entries to the entry that counts.
fn newest(parts: &Partitions, icb: Address, side: Side) -> Result<Found> {
    let mut at = icb;
    let mut seen = HashSet::new();
    let mut last: Option<Found> = None;
    while seen.insert(at) && seen.len() <= MOST_INDIRECT {
        if seen.len() > 1 {
            parts.spend(parts.block)?;
        }
        let next = match one(parts, at, side) {
            Ok(Step::Entry(found, strategy)) => {
                let found = *found;
                last = Some(found);
                // UDF 2.3.5.1: with strategy 4096 the next block may lead to a newer entry.
                let Some(block) = at.block.checked_add(1).filter(|_| strategy == 4096) else { break };
                match one(parts, Address { block, ..at }, side) {
                    Ok(Step::Indirect(next)) => next,
                    _ => break,
                }
            }
            Ok(Step::Indirect(next)) => next,
            // The newer entry was never written: the one before it counts.
            Err(error) => return last.ok_or(error),
        };
        at = next;
    }
    last.ok_or_else(|| Error::damaged("indirect entries that lead to no file entry"))
}

enum Step {
    Entry(Box<Found>, u16),
    Indirect(Address),
}

fn one(parts: &Partitions, icb: Address, side: Side) -> Result<Step> {
    let (mut bytes, offset) = parts.read(icb, FIRST.min(parts.block), side)?;
    let tag = Tag::parse("file entry", &bytes, offset)?;
    let fields = Fields::new("file entry", &bytes, offset);
    let wrong = |at, field, what| Err(fields.wrong(at, field, Error::damaged(what)));
    let (attributes, header) = match tag.id {
        tag::FILE_ENTRY => (168, 176),
        tag::EXTENDED_FILE_ENTRY => (208, 216),
        tag::INDIRECT_ENTRY => {
            let next = long_address(&fields, 36, "IndirectICB")?;
            return if next.len == 0 {
                wrong(36, "IndirectICB", "it leads nowhere")
            } else {
                Ok(Step::Indirect(next.at))
            };
        }
        _ => return wrong(0, "TagIdentifier", "no file entry is here"),
    };
    let attributes_length = u64::from(fields.u32_le(attributes, "LengthOfExtendedAttributes")?);
    let descriptors_length = u64::from(fields.u32_le(attributes + 4, "LengthOfAllocationDescriptors")?);
    let begin = header + attributes_length;
    let end = begin + descriptors_length;
    if end > parts.block {
        return wrong(attributes, "LengthOfAllocationDescriptors", "it goes over the end of its block");
    }
    let reach = (tag.reach() as u64).min(parts.block);
    let need = usize::try_from(end.max(reach)).unwrap_or(usize::MAX);
    if need > bytes.len() {
        let have = bytes.len();
        bytes.resize(need, 0);
        let rest = bytes.get_mut(have..).unwrap_or_default();
        read_exact_at(&*parts.source, offset.saturating_add(have as u64), rest)
            .map_err(|error| error.at("file entry", offset))?;
    }
    let (entry, strategy) = parse(&bytes, tag.id, begin..end, icb, side, offset)?;
    let behind = usize::try_from(end).ok().and_then(|end| bytes.get(end..)).unwrap_or_default();
    let slack = behind.iter().any(|&byte| byte != 0);
    Ok(Step::Entry(Box::new(Found { entry, tag, crc: tag.check(&bytes), slack }), strategy))
}

fn parse(
    bytes: &[u8],
    id: u16,
    descriptors: std::ops::Range<u64>,
    icb: Address,
    side: Side,
    offset: u64,
) -> Result<(FileEntry, u16)> {
    let extended = id == tag::EXTENDED_FILE_ENTRY;
    let fields = Fields::new("file entry", bytes, offset);
    let flags = fields.u16_le(34, "ICBTag.Flags")?;
    let form = Form::of(flags).map_err(|error| fields.wrong(34, "ICBTag.Flags", error))?;
    let modified = fields.bytes(if extended { 92 } else { 84 }, 12, "ModificationDateAndTime")?;
    let streams = match id {
        tag::EXTENDED_FILE_ENTRY => long_address(&fields, 152, "StreamDirectoryICB")?,
        _ => LongAddress::default(),
    };
    let begin = usize::try_from(descriptors.start).unwrap_or(usize::MAX);
    let length = usize::try_from(descriptors.end.saturating_sub(descriptors.start)).unwrap_or(usize::MAX);
    let entry = FileEntry {
        file_type: FileType::of(fields.u8(27, "ICBTag.FileType")?),
        icb,
        side,
        offset,
        links: fields.u16_le(48, "FileLinkCount")?,
        bytes: fields.u64_le(56, "InformationLength")?,
        mode: mode(fields.u32_le(44, "Permissions")?, flags),
        modified: timestamp(modified),
        streams,
        form,
        descriptors: fields.bytes(begin, length, "AllocationDescriptors")?.to_vec(),
        descriptors_at: offset.saturating_add(descriptors.start),
    };
    Ok((entry, fields.u16_le(20, "ICBTag.StrategyType")?))
}

/// POSIX permission bits: others, group and owner have five bits each, of which the lower three are
/// execute, write and read (ECMA-167 4/14.9.5); set-uid, set-gid and sticky are flags (4/14.6.8).
fn mode(permissions: u32, flags: u16) -> u16 {
    let [low, high, ..] = permissions.to_le_bytes();
    let permissions = u16::from_le_bytes([low, high]);
    let class = |shift: u16| permissions >> shift & 7;
    let special = (flags >> 6 & 1) << 11 | (flags >> 7 & 1) << 10 | (flags >> 8 & 1) << 9;
    special | class(10) << 6 | class(5) << 3 | class(0)
}

impl FileEntry {
    /// Where the content lies. Where a chain of descriptors is damaged in the metadata file, the
    /// mirror is asked.
    pub(super) fn content(&self, parts: &Partitions, side: Side) -> Content {
        let content = self.content_on(parts, side);
        if content.fault.is_some() && side == Side::Main && parts.has_mirror(self.icb) {
            let other = self.content_on(parts, Side::Mirror);
            if other.fault.is_none() {
                return other;
            }
        }
        content
    }

    fn content_on(&self, parts: &Partitions, side: Side) -> Content {
        let mut content = Content::default();
        if self.form == Form::Inline {
            content.bytes = self.bytes.min(self.descriptors.len() as u64);
            if content.bytes > 0 {
                content.pieces.push(Piece { at: Some(self.descriptors_at), len: content.bytes });
            }
            return content;
        }
        let mut fetch = |at: Address, len: u64| {
            let mut pieces = Vec::new();
            // UDF 2.3.11 allows one block; of a longer extent the first 64 KiB are enough.
            parts.place(at, len.min(64 << 10), side, &mut pieces)?;
            let offset = pieces.first().and_then(|piece| piece.at).unwrap_or(0);
            Ok((parts.gather(&pieces)?, offset))
        };
        let partition = self.icb.partition;
        let layout = follow(&self.descriptors, self.form, partition, self.bytes, parts.most, &mut fetch);
        content.fault = layout.fault;
        for Extent { at, len } in layout.extents {
            let len = len.min(self.bytes.saturating_sub(content.bytes));
            if len == 0 {
                break;
            }
            let placed = match at {
                Some(at) => parts.place(at, len, side, &mut content.pieces),
                None => parts.push(Piece { at: None, len }, &mut content.pieces),
            };
            if let Err(error) = placed {
                // What was placed of this extent already is not counted and must not stay.
                content.fault = Some(error);
                break;
            }
            content.bytes = content.bytes.saturating_add(len);
        }
        cut(&mut content.pieces, content.bytes);
        content
    }
}

/// Leaves the first `bytes` bytes of the pieces.
fn cut(pieces: &mut Vec<Piece>, bytes: u64) {
    let mut left = bytes;
    for piece in pieces.iter_mut() {
        piece.len = piece.len.min(left);
        left -= piece.len;
    }
    pieces.retain(|piece| piece.len > 0);
    pieces.shrink_to_fit();
}

/// A file entry without its tag, for tests.
#[cfg(test)]
pub(super) fn entry_of(file_type: u8, flags: u16, bytes: u64, descriptors: &[u8]) -> Vec<u8> {
    let mut entry = vec![0; 176];
    entry[20] = 4;
    entry[27] = file_type;
    entry[34..36].copy_from_slice(&flags.to_le_bytes());
    entry[44..48].copy_from_slice(&0b00101_00101_00111u32.to_le_bytes());
    entry[48] = 1;
    entry[56..64].copy_from_slice(&bytes.to_le_bytes());
    entry[172..176].copy_from_slice(&u32::try_from(descriptors.len()).unwrap().to_le_bytes());
    entry.extend_from_slice(descriptors);
    entry
}

/// A file entry of one block of 512 bytes with its tag, for tests.
#[cfg(test)]
pub(super) fn sealed(block: u32, entry: Vec<u8>) -> Vec<u8> {
    let mut entry = tag::tagged(tag::FILE_ENTRY, block, entry);
    entry.resize(512, 0);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Severity;
    use crate::formats::udf::partition::{Map, Partition};
    use crate::limits::Limits;
    use std::sync::Arc;

    fn short(len: u32, block: u32) -> Vec<u8> {
        [len.to_le_bytes(), block.to_le_bytes()].concat()
    }

    fn file_entry(block: u32, flags: u16, strategy: u16, bytes: u64, descriptors: &[u8]) -> Vec<u8> {
        let mut entry = entry_of(5, flags, bytes, descriptors);
        entry[20..22].copy_from_slice(&strategy.to_le_bytes());
        sealed(block, entry)
    }

    fn over(blocks: &[Vec<u8>]) -> Partitions {
        let mut parts = Partitions::new(Arc::new(blocks.concat()), 512, &Limits::default());
        parts.list.push(Partition { start: 0, map: Map::Physical });
        parts
    }

    const AT: Address = Address { partition: 0, block: 0 };

    fn read_first(parts: &Partitions) -> (Result<FileEntry>, Vec<crate::container::Finding>) {
        let mut notes = Notes::default();
        let entry = read(parts, AT, &mut notes, "x");
        (entry, notes.finish())
    }

    #[test]
    fn inline_content_is_where_its_bytes_are() {
        let parts = over(&[file_entry(0, 3, 4, 5, b"hello")]);
        let (entry, findings) = read_first(&parts);
        let entry = entry.unwrap();
        assert!(findings.is_empty());
        assert_eq!((entry.mode, entry.links, entry.file_type), (0o557, 1, FileType::File));
        let content = entry.content(&parts, Side::Main);
        assert_eq!(content.pieces, [Piece { at: Some(176), len: 5 }]);
    }

    #[test]
    fn the_smaller_of_length_and_descriptors_counts() {
        let descriptors = [short(512, 7), short(0x4000_0200, 0), short(100, 9)].concat();
        let parts = over(&[file_entry(0, 0, 4, 1100, &descriptors)]);
        let content = read_first(&parts).0.unwrap().content(&parts, Side::Main);
        let piece = |at, len| Piece { at, len };
        assert_eq!(content.pieces, [piece(Some(3584), 512), piece(None, 512), piece(Some(4608), 76)]);
        assert_eq!((content.bytes, content.missing(512)), (1100, 588));
        let parts = over(&[file_entry(0, 0, 4, 1 << 40, &descriptors)]);
        assert_eq!(read_first(&parts).0.unwrap().content(&parts, Side::Main).bytes, 1124);
    }

    #[test]
    fn a_wrong_crc_is_a_finding_and_a_wrong_tag_is_an_error() {
        let mut block = file_entry(0, 3, 4, 5, b"hello");
        block[84] ^= 1;
        let (entry, findings) = read_first(&over(&[block.clone()]));
        assert!(entry.is_ok());
        assert_eq!((findings[0].severity, findings[0].subject.as_str()), (Severity::Damaged, "x"));
        block[4] ^= 1;
        assert!(read_first(&over(&[block])).0.is_err());
    }

    #[test]
    fn lengths_that_go_over_the_block_are_refused() {
        let mut block = file_entry(0, 3, 4, 5, b"hello");
        block[168..172].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(read_first(&over(&[block])).0.is_err());
    }

    fn indirect(block: u32, to: u32) -> Vec<u8> {
        let mut entry = vec![0; 52];
        entry[36..40].copy_from_slice(&512u32.to_le_bytes());
        entry[40..44].copy_from_slice(&to.to_le_bytes());
        let mut entry = tag::tagged(tag::INDIRECT_ENTRY, block, entry);
        entry.resize(512, 0);
        entry
    }

    #[test]
    fn with_strategy_4096_the_newest_entry_counts() {
        let blocks = [
            file_entry(0, 3, 4096, 3, b"old"),
            indirect(1, 2),
            file_entry(2, 3, 4096, 5, b"newer"),
            vec![0; 512],
        ];
        assert_eq!(read_first(&over(&blocks)).0.unwrap().bytes, 5);
        // The next one was not written yet.
        let blocks = [file_entry(0, 3, 4096, 3, b"old"), indirect(1, 2), vec![0; 512]];
        assert_eq!(read_first(&over(&blocks)).0.unwrap().bytes, 3);
    }

    #[test]
    fn indirect_entries_in_a_circle_end() {
        assert!(read_first(&over(&[indirect(0, 1), indirect(1, 0)])).0.is_err());
        let blocks = [file_entry(0, 3, 4096, 3, b"old"), indirect(1, 0)];
        assert_eq!(read_first(&over(&blocks)).0.unwrap().bytes, 3);
    }
}
