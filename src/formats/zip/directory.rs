//! The end of central directory record and the central directory (APPNOTE 4.3.12 to 4.3.16), read without
//! believing their counts.

use super::member::Member;
use crate::container::{Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::source::{Source, read_up_to, read_vec};

/// Signatures, as they stand in the file.
pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
const CENTRAL: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR64: &[u8] = b"PK\x06\x07";

/// Bytes of an end record without its comment.
const END_BYTES: usize = 22;
/// How far from the source's end an end record is looked for: a comment's most, then what downloads and
/// padding add.
const NEAR: usize = END_BYTES + 65_535;
const FAR: usize = 4 << 20;

/// The end record, with the ZIP64 one where it counts.
#[derive(Debug, Clone, Default)]
pub(super) struct End {
    /// Where it begins.
    pub(super) at: u64,
    /// The first byte behind it and its comment.
    pub(super) end: u64,
    /// This part's number and that of the part where the directory begins, from 0.
    pub(super) disk: u32,
    pub(super) directory_disk: u32,
    /// How many members are declared.
    pub(super) entries: u64,
    /// Bytes of the central directory, and where it begins by the record.
    pub(super) size: u64,
    pub(super) offset: u64,
    /// Where the directory must end: before the ZIP64 record, where there is one.
    pub(super) directory_end: u64,
    pub(super) comment: Vec<u8>,
    pub(super) zip64: bool,
    /// Bits 16 values wide cannot hold the count: only its lower bits are declared.
    pub(super) count_mask: u64,
}

/// True where an end record without a comment, or a short one, ends the source: for probes.
pub(super) fn is_at_end(source: &dyn Source) -> Result<bool> {
    let tail = read_up_to(source, source.len().saturating_sub(1024), 1024)?;
    let base = source.len().saturating_sub(tail.len() as u64);
    Ok(candidates(&tail).any(|at| {
        let fields = Fields::new("end record", tail.get(at..).unwrap_or_default(), base + at as u64);
        // A record that is cut has no comment that would end the source.
        fields
            .u16_le(20, "comment length")
            .is_ok_and(|comment| at + END_BYTES + usize::from(comment) == tail.len())
            && parse(source, &fields).is_ok_and(|end| start(source, &end).is_some_and(|start| start.seen))
    }))
}

/// Places of the signature, the last first.
fn candidates(tail: &[u8]) -> impl Iterator<Item = usize> {
    (0..tail.len().saturating_sub(3))
        .rev()
        .filter(|&at| tail.get(at..).is_some_and(|rest| rest.starts_with(END)))
}

/// Finds the end record whose directory is there; else the last one that can be read.
pub(super) fn find_end(source: &dyn Source) -> Result<Option<End>> {
    let mut fallback = None;
    for reach in [NEAR, FAR] {
        let from = source.len().saturating_sub(reach as u64);
        let tail = read_up_to(source, from, reach)?;
        // Each candidate costs reads of the directory's start: hostile tails are full of them.
        for at in candidates(&tail).take(64) {
            let fields = Fields::new(
                "end of central directory record",
                tail.get(at..).unwrap_or_default(),
                from + at as u64,
            );
            let Ok(end) = parse(source, &fields) else { continue };
            if start(source, &end).is_some_and(|start| start.seen) {
                return Ok(Some(end));
            }
            fallback = fallback.or(Some(end));
        }
        if from == 0 || fallback.is_some() {
            break;
        }
    }
    Ok(fallback)
}

fn parse(source: &dyn Source, fields: &Fields<'_>) -> Result<End> {
    let comment = usize::from(fields.u16_le(20, "comment length")?);
    let mut end = End {
        at: fields.base(),
        end: fields.base().saturating_add((END_BYTES + comment) as u64),
        disk: u32::from(fields.u16_le(4, "number of this disk")?),
        directory_disk: u32::from(fields.u16_le(6, "disk of the directory")?),
        entries: u64::from(fields.u16_le(10, "total number of entries")?),
        size: u64::from(fields.u32_le(12, "size of the central directory")?),
        offset: u64::from(fields.u32_le(16, "offset of the central directory")?),
        directory_end: fields.base(),
        comment: fields.rest(END_BYTES).iter().copied().take(comment).collect(),
        zip64: false,
        count_mask: 0xffff,
    };
    read_zip64(source, &mut end)?;
    Ok(end)
}

/// The ZIP64 record in front, where the locator leads to one. It may have moved with data in front of it.
fn read_zip64(source: &dyn Source, end: &mut End) -> Result<()> {
    let Some(locator_at) = end.at.checked_sub(20) else { return Ok(()) };
    let locator = read_up_to(source, locator_at, 20)?;
    if !locator.starts_with(LOCATOR64) {
        return Ok(());
    }
    let locator = Fields::new("zip64 locator", &locator, locator_at);
    let declared = locator.u64_le(8, "offset of the zip64 record")?;
    for at in [declared, locator_at.saturating_sub(56)] {
        let bytes = read_up_to(source, at, 56)?;
        if !bytes.starts_with(END64) || at >= locator_at {
            continue;
        }
        let record = Fields::new("zip64 end of central directory record", &bytes, at);
        if record.len() < 56 {
            continue;
        }
        end.disk = record.u32_le(16, "number of this disk")?;
        end.directory_disk = record.u32_le(20, "disk of the directory")?;
        end.entries = record.u64_le(32, "total number of entries")?;
        end.size = record.u64_le(40, "size of the central directory")?;
        end.offset = record.u64_le(48, "offset of the central directory")?;
        end.directory_end = at;
        end.zip64 = true;
        end.count_mask = u64::MAX;
        return Ok(());
    }
    Ok(())
}

/// Where the directory begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) at: u64,
    /// Bytes that stand before the archive: added to all offsets.
    pub(super) prefix: u64,
    /// True where a central header, or the end, stands there.
    pub(super) seen: bool,
}

/// The directory lies before its end record; where something was put before the archive, its declared
/// offset is too small by as much.
pub(super) fn start(source: &dyn Source, end: &End) -> Option<Start> {
    let by_size = end.directory_end.checked_sub(end.size);
    let is_header = |at: u64| read_up_to(source, at, 4).is_ok_and(|bytes| bytes == CENTRAL);
    if end.size == 0 && end.entries == 0 {
        let at = end.directory_end;
        return Some(Start { at, prefix: at.saturating_sub(end.offset), seen: true });
    }
    if let Some(at) = by_size.filter(|&at| is_header(at)) {
        return Some(Start { at, prefix: at.saturating_sub(end.offset), seen: true });
    }
    if is_header(end.offset) && end.offset < end.directory_end {
        return Some(Start { at: end.offset, prefix: 0, seen: true });
    }
    by_size.map(|at| Start { at, prefix: 0, seen: false })
}

/// Reads the central directory in `start..end`. What cannot be read is a finding; what was read stays.
pub(super) fn read(
    source: &dyn Source,
    end: &End,
    start: Start,
    limits: &Limits,
    findings: &mut Findings,
) -> Result<Vec<Member>> {
    let len = end.directory_end.saturating_sub(start.at);
    if len > limits.directory_bytes {
        return Err(
            Error::limit("bytes of a directory", limits.directory_bytes).at("central directory", start.at)
        );
    }
    let bytes = read_vec(source, start.at, len).map_err(|error| error.at("central directory", start.at))?;
    let all = Fields::new("central directory header", &bytes, start.at);
    let mut members = Vec::new();
    let mut path_bytes = 0u64;
    let mut at = 0usize;
    while all.rest(at).starts_with(CENTRAL) {
        if members.len() as u64 >= limits.entries {
            return Err(Error::limit("entries", limits.entries).at("central directory", start.at));
        }
        let header =
            Fields::new("central directory header", all.rest(at), start.at.saturating_add(at as u64));
        match Member::central(&header) {
            Ok((member, len)) => {
                path_bytes = path_bytes.saturating_add(member.path.text().len() as u64);
                if path_bytes > limits.all_path_bytes {
                    return Err(Error::limit("bytes of all paths", limits.all_path_bytes));
                }
                members.push(member);
                at = at.saturating_add(len);
            }
            Err(error) => {
                findings.push(Finding::new(Severity::Damaged, format!("the central directory: {error}")));
                break;
            }
        }
    }
    let found = members.len() as u64;
    if found & end.count_mask != end.entries & end.count_mask {
        let severity = if found < end.entries { Severity::Damaged } else { Severity::Weak };
        let what =
            format!("the end record declares {} members, the central directory has {found}", end.entries);
        findings.push(Finding::new(severity, what));
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_record_that_is_cut_before_its_last_field_is_no_end() {
        let mut file = b"text ".to_vec();
        file.extend(END);
        file.resize(file.len() + END_BYTES - END.len(), 0);
        for missing in 1..=END_BYTES {
            let cut = file.get(..file.len() - missing).unwrap().to_vec();
            assert!(!is_at_end(&cut).unwrap(), "{missing} bytes are missing");
        }
    }
}
