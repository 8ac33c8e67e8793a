//! The system use area of directory records: SUSP (IEEE P1281) and Rock Ridge (RRIP, IEEE P1282).
//!
//! Each entry is a signature of two letters, its length, a version, and data. `CE` leads to a
//! continuation elsewhere; it is followed a bounded number of times and never to the same place.

use super::descriptor::{both_u32, long_time, short_time};
use crate::container::{EntryKind, Finding, Findings, Severity};
use crate::fields::Fields;
use crate::source::{Source, read_vec};
use crate::time::Timestamp;

/// Continuations of one record: each holds a few entries, a name of 255 bytes needs two.
const MOST_CONTINUATIONS: usize = 32;
/// Bytes of one continuation.
const MOST_CONTINUED: u64 = 64 << 10;

/// What Rock Ridge says about one record.
#[derive(Debug, Default, Clone)]
pub(super) struct Attributes {
    /// The name, where `NM` gives one.
    pub(super) name: Option<Vec<u8>>,
    pub(super) kind: Option<EntryKind>,
    pub(super) mode: Option<u16>,
    pub(super) links: u32,
    pub(super) serial: Option<u32>,
    pub(super) modified: Option<Timestamp>,
    pub(super) target: Option<Vec<u8>>,
    /// `CL`: the block where the relocated directory lies.
    pub(super) child: Option<u32>,
    /// `RE`: this directory was relocated to here and belongs elsewhere.
    pub(super) relocated: bool,
    pub(super) zisofs: Option<Zisofs>,
    /// True where any entry of the protocol was seen.
    pub(super) any: bool,
}

/// What `ZF` says: the content is packed by zisofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Zisofs {
    /// Bytes of the unpacked content.
    pub(super) bytes: u64,
}

/// How many bytes at the start of every system use area belong to others (SUSP §5.3), where the root's
/// own record says that SUSP is in use.
pub(super) fn skip(root_area: &[u8]) -> Option<usize> {
    // CD-ROM XA puts its 14 bytes first, and some writers SP after them.
    [0usize, 14].into_iter().find_map(|at| {
        let sp = root_area.get(at..)?;
        (sp.starts_with(b"SP\x07\x01\xbe\xef")).then(|| usize::from(*sp.get(6).unwrap_or(&0)))
    })
}

/// Reads a record's system use area and its continuations.
pub(super) fn read(
    source: &dyn Source,
    block: u64,
    area: &[u8],
    area_at: u64,
    path: &dyn Fn() -> String,
    findings: &mut Findings,
) -> Attributes {
    let mut state = Reading::default();
    let mut seen: Vec<(u64, u64)> = Vec::new();
    let mut continuation = state.entries(&Fields::new("system use area", area, area_at));
    while let Some((at_block, offset, len)) = continuation {
        let at = at_block.saturating_mul(block).saturating_add(offset);
        let wrong = if seen.iter().any(|&(from, to)| at < to && at.saturating_add(len) > from) {
            Some("continuation area (CE) leads back to itself")
        } else if seen.len() >= MOST_CONTINUATIONS || len > MOST_CONTINUED {
            Some("continuation area (CE) grows beyond all bounds")
        } else {
            None
        };
        if let Some(what) = wrong {
            findings.push(Finding::about(Severity::Damaged, &path(), what));
            break;
        }
        seen.push((at, at.saturating_add(len)));
        match read_vec(source, at, len) {
            Ok(bytes) => continuation = state.entries(&Fields::new("continuation area", &bytes, at)),
            Err(error) => {
                let what = format!("continuation area (CE) cannot be read: {error}");
                findings.push(Finding::about(Severity::Damaged, &path(), what));
                break;
            }
        }
    }
    state.attributes
}

#[derive(Default)]
struct Reading {
    attributes: Attributes,
    /// The last component of the link goes on in the next one.
    component_goes_on: bool,
}

impl Reading {
    /// Takes every entry of one area; answers with the continuation's block, offset and length.
    fn entries(&mut self, area: &Fields<'_>) -> Option<(u64, u64, u64)> {
        let mut next = None;
        let mut at = 0usize;
        while let (Ok(signature), Ok(len)) = (area.bytes(at, 2, "signature"), area.u8(at + 2, "length")) {
            let Ok(entry) = area.part("system use entry", at, len.into()) else { break };
            if entry.len() < 4 || signature == b"ST" {
                break;
            }
            match signature {
                b"CE" => next = continuation(&entry).or(next),
                b"NM" => self.name(&entry),
                b"SL" => self.link(&entry),
                b"PX" => self.posix(&entry),
                b"TF" => self.times(&entry),
                b"CL" => {
                    self.attributes.child = both_u32(&entry, 4, "child link").ok().map(|(block, _)| block)
                }
                b"RE" => self.attributes.relocated = true,
                b"ZF" => self.attributes.zisofs = zisofs(&entry).or(self.attributes.zisofs),
                _ => {}
            }
            self.attributes.any |= matches!(
                signature,
                b"NM" | b"SL" | b"PX" | b"PN" | b"TF" | b"CL" | b"PL" | b"RE" | b"RR" | b"SF" | b"ZF"
            );
            at += usize::from(len);
        }
        next
    }

    /// RRIP §4.1.4. A name in parts has CONTINUE on all but the last.
    fn name(&mut self, entry: &Fields<'_>) {
        let flags = entry.u8(4, "flags").unwrap_or(0);
        // CURRENT, PARENT and the reserved host name say nothing about this record's name.
        if flags & 0x26 == 0 {
            self.attributes.name.get_or_insert_default().extend_from_slice(entry.rest(5));
        }
    }

    /// RRIP §4.1.3.1: components of flags, length, content.
    fn link(&mut self, entry: &Fields<'_>) {
        let target = self.attributes.target.get_or_insert_default();
        let mut at = 5usize;
        while let (Ok(flags), Ok(len)) =
            (entry.u8(at, "component flags"), entry.u8(at + 1, "component length"))
        {
            let Ok(content) = entry.bytes(at + 2, len.into(), "component") else { break };
            if !self.component_goes_on && !target.is_empty() && target.last() != Some(&b'/') {
                target.push(b'/');
            }
            match flags & 0x0e {
                0x02 => target.push(b'.'),
                0x04 => target.extend_from_slice(b".."),
                0x08 => {
                    target.clear();
                    target.push(b'/');
                }
                _ => target.extend_from_slice(content),
            }
            self.component_goes_on = flags & 1 != 0;
            at += 2 + usize::from(len);
        }
        self.attributes.kind.get_or_insert(EntryKind::Symlink);
    }

    /// RRIP §4.1.1; the serial number came with version 1.12.
    fn posix(&mut self, entry: &Fields<'_>) {
        let Ok((mode, _)) = both_u32(entry, 4, "file mode") else { return };
        self.attributes.kind = Some(match mode & 0o170_000 {
            0o040_000 => EntryKind::Dir,
            0o120_000 => EntryKind::Symlink,
            0o020_000 | 0o060_000 | 0o010_000 | 0o140_000 => EntryKind::Other,
            _ => EntryKind::File,
        });
        self.attributes.mode = u16::try_from(mode & 0o7777).ok();
        self.attributes.links = both_u32(entry, 12, "links").map_or(0, |(links, _)| links);
        self.attributes.serial = both_u32(entry, 36, "serial number").ok().map(|(serial, _)| serial);
    }

    /// RRIP §4.1.6: the times whose bits are set follow each other, lowest bit first.
    fn times(&mut self, entry: &Fields<'_>) {
        let flags = entry.u8(4, "flags").unwrap_or(0);
        let len = if flags & 0x80 == 0 { 7 } else { 17 };
        // Bit 0 is the creation time, bit 1 the one we want.
        let at = 5 + if flags & 1 == 0 { 0 } else { len };
        if flags & 2 != 0
            && let Ok(bytes) = entry.bytes(at, len, "modification time")
        {
            self.attributes.modified = if len == 7 { short_time(bytes) } else { long_time(bytes) };
        }
    }
}

fn continuation(entry: &Fields<'_>) -> Option<(u64, u64, u64)> {
    let field = |at, name| both_u32(entry, at, name).ok().map(|(value, _)| u64::from(value));
    Some((field(4, "block")?, field(12, "offset")?, field(20, "length")?))
}

/// `ZF`: algorithm `pz` (zisofs, 32-bit sizes) or `PZ` (zisofs2, 64-bit size).
fn zisofs(entry: &Fields<'_>) -> Option<Zisofs> {
    let bytes = match entry.bytes(4, 2, "algorithm").ok()? {
        b"pz" => u64::from(entry.u32_le(8, "uncompressed size").ok()?),
        b"PZ" => entry.u64_le(8, "uncompressed size").ok()?,
        _ => return None,
    };
    Some(Zisofs { bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(area: &[u8]) -> Attributes {
        read(&Vec::new(), 2048, area, 0, &|| "x".to_owned(), &mut Findings::default())
    }

    #[test]
    fn a_name_in_parts_is_one_name() {
        let found = attributes(b"NM\x09\x01\x01longNM\x0a\x01\x00-name");
        assert_eq!(found.name.unwrap(), b"long-name");
    }

    #[test]
    fn a_name_entry_for_the_parent_names_nothing() {
        assert_eq!(attributes(b"NM\x05\x01\x04").name, None);
    }

    #[test]
    fn a_link_is_joined_from_its_components() {
        // ROOT, "usr", PARENT, "li" going on in the next entry with "b".
        let area = b"SL\x12\x01\x01\x08\x00\x00\x03usr\x04\x00\x01\x02liSL\x08\x01\x00\x00\x01b";
        assert_eq!(attributes(area).target.unwrap(), b"/usr/../lib");
    }

    #[test]
    fn an_entry_longer_than_its_area_ends_it() {
        assert!(!attributes(b"NM\xff\x01\x00x").any);
        assert!(!attributes(b"NM\x00\x01").any);
    }

    #[test]
    fn a_continuation_that_leads_to_itself_is_named() {
        // The source is the continuation: a CE entry that points at itself.
        let mut entry = b"CE\x1c\x01".to_vec();
        for value in [0u32, 0, 28] {
            entry.extend(value.to_le_bytes());
            entry.extend(value.to_be_bytes());
        }
        let mut findings = Findings::default();
        read(&entry.clone(), 2048, &entry, 0, &|| "DIR".to_owned(), &mut findings);
        let list = findings.finish();
        assert_eq!(list.len(), 1);
        assert_eq!((list[0].severity, list[0].subject.as_str()), (Severity::Damaged, "DIR"));
    }

    #[test]
    fn the_skip_length_is_read_behind_an_xa_area_too() {
        assert_eq!(skip(b"SP\x07\x01\xbe\xef\x00"), Some(0));
        assert_eq!(skip(b"01234567890123SP\x07\x01\xbe\xef\x0e"), Some(14));
        assert_eq!(skip(b"NM\x05\x01\x00"), None);
    }

    #[test]
    fn the_modification_time_is_found_behind_the_creation_time() {
        let mut area = b"TF\x13\x01\x03".to_vec();
        area.extend([100, 1, 1, 0, 0, 0, 0]);
        area.extend([106, 12, 8, 10, 30, 0, 0]);
        assert_eq!(attributes(&area).modified.unwrap().rfc3339(), "2006-12-08T10:30:00Z");
    }
}
