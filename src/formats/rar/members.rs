//! Members: the fragments of each put together, names and times made ours, links and copies resolved.

use super::decode::{Place, Set};
use crate::container::{Entry, EntryKind, EntryPath, Finding, Findings, Location, Name, Severity};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::source::read_vec;
use crate::time::{Fields, Timestamp};
use rars::filename::LegacyNameEncoding;
use rars::{Archive, FileTimestamp, rar13, rar15_40, rar50};
use std::collections::HashMap;
use std::ops::Range;

/// What stands behind an entry.
#[derive(Debug, Clone)]
pub(super) enum Payload {
    /// Nothing: a directory, a link.
    None,
    /// Packed bytes, whose headers stand there.
    Content(Place),
    /// Packed bytes that need a password, and none fits.
    Encrypted(Place),
    /// Something that is not decoded here.
    Unreadable(&'static str),
    /// Bytes that are not all there.
    Lost(&'static str),
    /// The bytes of another entry, by its path; RAR 5 hard links and copies.
    Copy { of: String, hard: bool },
}

/// One member.
pub(super) struct Member {
    pub(super) entry: Entry,
    pub(super) payload: Payload,
    /// Where its packed bytes lie, where they lie in one piece of the source that was opened.
    pub(super) packed: Option<Range<u64>>,
}

/// One header, of whatever version.
#[derive(Clone, Copy)]
enum Header<'a> {
    Old(&'a rar13::Entry),
    Four(&'a rar15_40::FileHeader),
    Five(&'a rar50::FileHeader),
}

/// The members of all volumes, in order.
pub(super) fn read(set: &Set, own: usize, limits: &Limits, findings: &mut Findings) -> Result<Vec<Member>> {
    let mut members: Vec<Member> = Vec::new();
    let mut path_bytes = 0u64;
    let mut open = false;
    for (volume, archive) in set.archives.iter().enumerate() {
        for (block, header) in headers(archive) {
            if header.split_before() && open {
                open = header.split_after();
                if let Some(last) = members.last_mut() {
                    go_on(last, (volume, block), header);
                }
                continue;
            }
            if open && let Some(last) = members.last_mut() {
                last.payload = Payload::Lost("the volume where this member goes on is missing");
            }
            let mut member = member(header, (volume, block), volume == own);
            if header.split_before() {
                member.payload = Payload::Lost("the volume where this member begins is missing");
                let what = "begins in a volume that is missing";
                findings.push(Finding::about(Severity::Damaged, member.entry.path.text(), what));
            }
            open = header.split_after();
            path_bytes = path_bytes.saturating_add(member.entry.path.bytes().len() as u64);
            if path_bytes > limits.all_path_bytes {
                return Err(Error::limit("bytes of paths", limits.all_path_bytes));
            }
            members.push(member);
            if members.len() as u64 > limits.entries {
                return Err(Error::limit("entries", limits.entries));
            }
        }
    }
    if open && let Some(last) = members.last_mut() {
        last.payload = Payload::Lost("the volume where this member goes on is missing");
    }
    number_versions(&mut members, set)?;
    // RAR stores directories behind what is in them.
    members.sort_by_cached_key(|member| match member.entry.kind {
        EntryKind::Dir => (false, member.entry.path.clone()),
        _ => (true, EntryPath::default()),
    });
    Ok(members)
}

/// Older versions of a file stand under its name, with a record that numbers them: `NAME;1` as RAR 4 has it
/// in the name itself.
fn number_versions(members: &mut [Member], set: &Set) -> Result<()> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    for member in members.iter() {
        *seen.entry(member.entry.path.text().to_owned()).or_default() += 1;
    }
    for member in members {
        if seen.get(member.entry.path.text()).is_none_or(|&times| times < 2) {
            continue;
        }
        let (Payload::Content(place) | Payload::Encrypted(place)) = &member.payload else { continue };
        let Some((part, file)) = place.parts.first().and_then(|part| Some((part, set.file5(*part)?))) else {
            continue;
        };
        let (Some(source), Some(extra)) = (set.sources.get(part.0), file.block.extra_area_size) else {
            continue;
        };
        let start = set.archives.get(part.0).map_or(0, Archive::sfx_offset);
        // The extra area stands behind what is specific to the type.
        let end = start.saturating_add(file.block.header_range.end) as u64;
        let area = read_vec(&**source, end, extra.min(LARGEST_EXTRA))?;
        if let Some(version) = version(&area) {
            member.entry.path = EntryPath::new(format!("{};{version}", member.entry.path.text()));
        }
    }
    Ok(())
}

/// Extra areas are not larger (RAR 5.0: a header has 2 MiB at most).
const LARGEST_EXTRA: u64 = 2 << 20;

/// The file version record (type 4) of an extra area: each record is its size, its type, its data.
fn version(mut area: &[u8]) -> Option<u64> {
    loop {
        let (size, rest) = vint(area)?;
        let record = rest.get(..usize::try_from(size).ok()?)?;
        area = rest.get(record.len()..)?;
        let (kind, data) = vint(record)?;
        if kind == 4 {
            let (_flags, data) = vint(data)?;
            return vint(data).map(|(version, _)| version);
        }
    }
}

/// A number of seven bits a byte, the lowest first; the high bit says that more follow.
fn vint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(i).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(i + 1..)?));
        }
    }
    None
}

/// The headers of members, each with the number of its block.
fn headers(archive: &Archive) -> Vec<(usize, Header<'_>)> {
    match archive {
        Archive::Rar13(archive) => {
            archive.entries.iter().enumerate().map(|(i, entry)| (i, Header::Old(entry))).collect()
        }
        Archive::Rar15To40(archive) => {
            let files = archive.blocks.iter().enumerate().filter_map(|(i, block)| match block {
                rar15_40::Block::File(file) => Some((i, Header::Four(file))),
                _ => None,
            });
            files.collect()
        }
        Archive::Rar50Plus(archive) => {
            let files = archive.blocks.iter().enumerate().filter_map(|(i, block)| match block {
                rar50::Block::File(file) => Some((i, Header::Five(file))),
                _ => None,
            });
            files.collect()
        }
        _ => Vec::new(),
    }
}

impl Header<'_> {
    fn split_before(self) -> bool {
        match self {
            Self::Old(file) => file.is_split_before(),
            Self::Four(file) => file.is_split_before(),
            Self::Five(file) => file.is_split_before(),
        }
    }

    fn split_after(self) -> bool {
        match self {
            Self::Old(file) => file.is_split_after(),
            Self::Four(file) => file.is_split_after(),
            Self::Five(file) => file.is_split_after(),
        }
    }
}

/// Adds a fragment of a later volume.
fn go_on(member: &mut Member, part: (usize, usize), header: Header<'_>) {
    member.packed = None;
    if let Payload::Content(place) | Payload::Encrypted(place) = &mut member.payload {
        place.parts.push(part);
    }
    // The size may be known only where the member ends.
    if let Header::Five(file) = header
        && let Some(bytes) = file.known_unpacked_size()
    {
        member.entry.bytes = bytes;
    }
}

const UNKNOWN_SIZE: &str = "a member whose size is not recorded";

fn member(header: Header<'_>, part: (usize, usize), own: bool) -> Member {
    let place = Place { parts: vec![part] };
    let (mut entry, payload, packed) = match header {
        Header::Old(file) => old(file, place),
        Header::Four(file) => four(file, place),
        Header::Five(file) => five(file, place),
    };
    if entry.kind == EntryKind::Dir {
        entry.bytes = 0;
    }
    let at = |place: usize| u64::try_from(place).unwrap_or(u64::MAX);
    Member { entry, payload, packed: own.then(|| at(packed.start)..at(packed.end)) }
}

fn kind(directory: bool) -> EntryKind {
    if directory { EntryKind::Dir } else { EntryKind::File }
}

fn content(directory: bool, encrypted: bool, place: Place) -> Payload {
    match (directory, encrypted) {
        (true, _) => Payload::None,
        (_, true) => Payload::Encrypted(place),
        _ => Payload::Content(place),
    }
}

fn old(file: &rar13::Entry, place: Place) -> (Entry, Payload, Range<usize>) {
    let mut entry = Entry::new(path(legacy(&file.name)), kind(file.is_directory()));
    entry.bytes = file.header.unp_size.into();
    entry.modified = dos(file.header.file_time, None);
    let payload = content(file.is_directory(), file.is_encrypted(), place);
    (entry, payload, file.packed_range.clone())
}

/// Hosts of RAR 4: those with `st_mode` as attributes.
const UNIX: u8 = 3;
const BEOS: u8 = 5;

fn four(file: &rar15_40::FileHeader, place: Place) -> (Entry, Payload, Range<usize>) {
    let name = match &file.unicode_name {
        // The separator of RAR 4 is a backslash on every host.
        Some(_) => {
            Name::from_utf8(&file.name.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect::<Vec<_>>())
        }
        None => legacy(&file.name),
    };
    let unix = matches!(file.host_os, UNIX | BEOS);
    let link = unix && file.attr & 0xF000 == 0xA000 && !file.is_directory();
    let kind = if link { EntryKind::Symlink } else { kind(file.is_directory()) };
    let mut entry = Entry::new(path(name), kind);
    entry.bytes = file.unp_size;
    entry.modified = dos(file.file_time, file.mtime_refinement());
    entry.mode = unix.then(|| u16::try_from(file.attr & 0o7777).ok()).flatten();
    let payload = content(file.is_directory(), file.is_encrypted(), place);
    (entry, payload, file.packed_range.clone())
}

fn five(file: &rar50::FileHeader, place: Place) -> (Entry, Payload, Range<usize>) {
    let mut entry = Entry::new(path(Name::from_utf8(&file.name)), kind(file.is_directory()));
    entry.bytes = file.known_unpacked_size().unwrap_or(0);
    let time = file.file_times.as_ref().and_then(|times| times.modified);
    entry.modified = match (time, file.mtime) {
        (Some(time), None) => nanoseconds(time),
        (_, Some(seconds)) => Some(Timestamp { seconds: seconds.into(), nanos: 0, zone: Some(0) }),
        (None, None) => None,
    };
    // Host 1 is Unix.
    entry.mode = (file.host_os == 1).then(|| u16::try_from(file.attributes & 0o7777).ok()).flatten();
    let mut payload = content(file.is_directory(), file.encrypted, place);
    if file.known_unpacked_size().is_none() && !file.is_directory() {
        payload = Payload::Unreadable(UNKNOWN_SIZE);
    }
    if let Some(link) = &file.redirection {
        let target = String::from_utf8_lossy(&link.target_name).into_owned();
        match link.redirection_type {
            1..=3 => {
                entry.kind = EntryKind::Symlink;
                entry.bytes = 0;
                // Types 2 and 3 are Windows' links and junctions.
                let target = if link.redirection_type == 1 { target } else { target.replace('\\', "/") };
                entry.target = Some(target.into());
                payload = Payload::None;
            }
            4 | 5 => payload = Payload::Copy { of: target, hard: link.redirection_type == 4 },
            _ => payload = Payload::Unreadable("this kind of RAR redirection"),
        }
    }
    (entry, payload, file.block.data_range.clone())
}

/// A name that is no Unicode: UTF-8 where it can be, else what DOS and Windows consoles write.
fn legacy(raw: &[u8]) -> Name {
    match std::str::from_utf8(raw) {
        Ok(text) => Name::from_utf8(text.replace('\\', "/").as_bytes()),
        Err(_) => match LegacyNameEncoding::Cp437.decode(raw) {
            Ok(text) => Name::new(text.replace('\\', "/")),
            Err(_) => Name::from_utf8(raw),
        },
    }
}

/// `/` between parts, none at the ends.
fn path(name: Name) -> EntryPath {
    let text = name.text();
    let trimmed = text.trim_matches('/');
    if trimmed.len() == text.len() { EntryPath::default().join(&name) } else { EntryPath::new(trimmed) }
}

/// MS-DOS date and time: two-second steps, no zone.
fn dos(raw: u32, finer: Option<rars::TimeRefinement>) -> Option<Timestamp> {
    let bits = |shift: u32, mask: u32| u8::try_from(raw >> shift & mask).unwrap_or(0);
    let mut time = Timestamp::from_fields(Fields {
        year: 1980 + i32::from(bits(25, 0x7f)),
        month: bits(21, 0x0f),
        day: bits(16, 0x1f),
        hour: bits(11, 0x1f),
        minute: bits(5, 0x3f),
        second: bits(0, 0x1f) * 2,
        ..Fields::default()
    })?;
    if let Some(finer) = finer {
        time.seconds += i64::from(finer.add_second);
        time.nanos = finer.nanoseconds.min(999_999_999);
    }
    Some(time)
}

fn nanoseconds(time: FileTimestamp) -> Option<Timestamp> {
    let all = time.unix_nanoseconds();
    let seconds = i64::try_from(all.div_euclid(1_000_000_000)).ok()?;
    let nanos = u32::try_from(all.rem_euclid(1_000_000_000)).ok()?;
    Some(Timestamp { seconds, nanos, zone: Some(0) })
}

/// Gives hard links and copies the bytes of the entries they name. Those come before them.
pub(super) fn resolve(entries: &mut [Entry], payloads: &mut [Payload], findings: &mut Findings) {
    let mut known: HashMap<String, usize> = HashMap::new();
    for i in 0..entries.len() {
        if let Some(Payload::Copy { of, hard }) = payloads.get(i).cloned() {
            let first = known.get(of.trim_matches('/')).copied();
            let found = first
                .and_then(|first| Some((first, entries.get(first)?.clone(), payloads.get(first)?.clone())));
            match found {
                Some((first, source, payload)) => {
                    let link = source.link.unwrap_or(first as u64);
                    if hard && let Some(entry) = entries.get_mut(first) {
                        entry.link = Some(link);
                    }
                    if let (Some(entry), Some(mine)) = (entries.get_mut(i), payloads.get_mut(i)) {
                        entry.bytes = source.bytes;
                        entry.location = source.location;
                        entry.link = hard.then_some(link);
                        *mine = payload;
                    }
                }
                None => {
                    if let (Some(entry), Some(mine)) = (entries.get_mut(i), payloads.get_mut(i)) {
                        *mine = Payload::Lost("the member that this one is a copy of is missing");
                        entry.location = Location::Nowhere;
                        let what = format!("is a copy of {of}, which is not there");
                        findings.push(Finding::about(Severity::Damaged, entry.path.text(), what));
                    }
                }
            }
        }
        if let (Some(entry), Some(Payload::Content(_) | Payload::Encrypted(_))) =
            (entries.get(i), payloads.get(i))
        {
            known.insert(entry.path.text().to_owned(), i);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_file_is_found_among_other_records() {
        // Size, type, data: a time of modification (3), then version 300 (4) with its flags.
        let area = [5, 3, 0, 1, 2, 3, 4, 4, 0, 0xac, 0x02];
        assert_eq!(version(&area), Some(300));
        for end in 0..area.len() {
            assert_eq!(version(&area[..end]), None, "{end}");
        }
        assert_eq!(version(&[0, 4, 4, 0, 1]), None, "a record of no bytes has no type");
        assert_eq!(version(&[0xff; 64]), None, "a number without an end");
    }
}
