//! An archive without its central directory: a download that stopped. Members are found by their local
//! headers, one after the other, as far as they say how long they are.

use super::directory::LOCAL;
use super::member::{DESCRIPTOR, Member};
use crate::container::{EntryKind, Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::source::{SharedSource, read_up_to};

/// A name and an extra field have at most so many bytes each.
const HEADER: usize = 30 + 2 * 65_535;
/// Bytes that are searched at once for a data descriptor.
const WINDOW: usize = 1 << 20;

/// The members whose local headers are there.
pub(super) fn members(source: &SharedSource, limits: &Limits, findings: &mut Findings) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    let mut path_bytes = 0u64;
    let mut at = match read_up_to(&**source, 0, 8)?.as_slice() {
        // The mark of a set that was written as one file after all.
        [b'P', b'K', 7, 8, ..] | [b'P', b'K', b'0', b'0', ..] => 4,
        _ => 0,
    };
    loop {
        let bytes = read_up_to(&**source, at, HEADER)?;
        if !bytes.starts_with(LOCAL) {
            break;
        }
        if members.len() as u64 >= limits.entries {
            return Err(Error::limit("entries", limits.entries));
        }
        let Ok((mut member, len)) = Member::local(&Fields::new("local file header", &bytes, at)) else { break };
        let start = at.saturating_add(len as u64);
        if member.path.text().ends_with('/') {
            member.kind = EntryKind::Dir;
        }
        let mut next = Some(start.saturating_add(member.packed));
        if member.flags & DESCRIPTOR != 0 && member.packed == 0 {
            next = descriptor(source, start, &mut member)?;
        }
        path_bytes = path_bytes.saturating_add(member.path.text().len() as u64);
        if path_bytes > limits.all_path_bytes {
            return Err(Error::limit("bytes of all paths", limits.all_path_bytes));
        }
        members.push(member);
        match next {
            Some(next) if next > at => at = skip_descriptor(source, next)?,
            _ => break,
        }
    }
    if members.is_empty() {
        return Err(Error::truncated(source.len().saturating_add(22), source.len())
            .during("end of central directory record"));
    }
    let what = format!(
        "the central directory is missing, as when a download stops early: {} members were found by their own headers",
        members.len()
    );
    findings.push(Finding::new(Severity::Damaged, what));
    Ok(members)
}

/// The sizes of a member that was written as a stream stand behind it. The descriptor is where its own
/// count of packed bytes says that it is. Where there is none the member goes on to the end.
fn descriptor(source: &SharedSource, start: u64, member: &mut Member) -> Result<Option<u64>> {
    let mut at = start;
    while at < source.len() {
        let bytes = read_up_to(&**source, at, WINDOW)?;
        for (i, window) in bytes.windows(24).enumerate().filter(|(_, window)| window.starts_with(b"PK\x07\x08")) {
            let packed = at.saturating_add(i as u64).saturating_sub(start);
            let fields = Fields::new("data descriptor", window, at.saturating_add(i as u64));
            let narrow = u64::from(fields.u32_le(8, "compressed size")?) == packed;
            let wide = fields.u64_le(8, "compressed size")? == packed;
            if narrow || wide {
                member.crc = Some(fields.u32_le(4, "crc-32")?);
                member.packed = packed;
                member.bytes = match wide {
                    true => fields.u64_le(16, "uncompressed size")?,
                    false => u64::from(fields.u32_le(12, "uncompressed size")?),
                };
                return Ok(Some(start.saturating_add(packed)));
            }
        }
        at = at.saturating_add((WINDOW - 24) as u64);
    }
    // Its size is not known; nothing that is read of it can be believed to be whole.
    member.packed = source.len().saturating_sub(start);
    member.bytes = member.packed.max(1);
    Ok(None)
}

/// Behind a member may stand its data descriptor, with or without a signature, of either width.
fn skip_descriptor(source: &SharedSource, at: u64) -> Result<u64> {
    let bytes = read_up_to(&**source, at, 28)?;
    for skip in [0usize, 16, 24, 12, 20] {
        if bytes.get(skip..).is_some_and(|rest| rest.starts_with(LOCAL)) {
            return Ok(at.saturating_add(skip as u64));
        }
    }
    Ok(at)
}
