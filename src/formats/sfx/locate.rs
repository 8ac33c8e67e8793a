//! Finds archives behind or within a program by their structure, never by one offset: linkers, patchers and
//! signers move what follows a program, and say so nowhere.
//!
//! | signature | checked |
//! |---|---|
//! | `MSCF` | reserved fields, version 1.3, sizes |
//! | `7z BC AF 27 1C` | CRC of the start header |
//! | `Rar! 1A 07` | CRC of the first header (RAR 4 and RAR 5) |
//! | `PK 03 04` | fields of the local header, and the end record that leads back to it |
//! | `D0 CF 11 E0 A1 B1 1A E1` | version, byte order and sector size of a compound file |
//! | `MSWIM` | size of the header |
//!
//! References: MS-CAB §2.1; 7zFormat.txt; "RAR 5.0 archive format"; APPNOTE.TXT §4.3.7 and §4.3.16; MS-CFB §2.2.

use crate::error::Result;
use crate::fields::Fields;
use crate::source::{Source, read_up_to};
use std::collections::HashMap;
use std::ops::Range;

/// Bytes searched from the beginning of a window.
const MOST: u64 = 64 << 20;
/// Bytes read at once.
const STEP: usize = 1 << 20;
/// The longest signature and what is checked behind it.
const LOOK: usize = 64;
/// Bytes before the end of a window where a ZIP's end record may begin: itself and its comment.
const END_RECORD: u64 = 22 + 65_535;
/// Bytes of a ZIP's central directory that are looked at for its lowest member.
const DIRECTORY: u64 = 16 << 20;
/// Bytes of the directories of one window that are looked at.
const DIRECTORIES: u64 = 64 << 20;
/// End records of one window that are looked at: those of members that are archives, too, count.
const END_RECORDS: usize = 4096;

/// An archive in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What it is, for people.
    pub(super) title: &'static str,
    /// Where it begins.
    pub(super) at: u64,
    /// Where it ends, as its first header says or its last record shows.
    pub(super) end: Option<u64>,
    /// The offsets within it count from the first byte of the file.
    pub(super) from_file_start: bool,
}

/// Signatures by their first four bytes.
const FIRST: [[u8; 4]; 6] =
    [*b"MSCF", *b"7z\xbc\xaf", *b"Rar!", *b"PK\x03\x04", [0xd0, 0xcf, 0x11, 0xe0], *b"MSWI"];

/// All archives in `window`, one behind the other.
pub(super) fn all(source: &dyn Source, window: Range<u64>, most: usize) -> Result<Vec<Found>> {
    let last = zip_at_end(source, &window)?;
    // Looked for once, and only where there is a use for them.
    let mut zips: Option<HashMap<u64, Found>> = None;
    let mut out: Vec<Found> = Vec::new();
    let mut at = window.start;
    let limit = window.end.min(window.start.saturating_add(MOST));
    // A ZIP archive as a whole; `None` for a lone local header whose archive is not there.
    let mut whole = |found: Found| -> Result<Option<Found>> {
        if found.title != "ZIP" {
            return Ok(Some(found));
        }
        if let Some(last) = last.as_ref().filter(|last| last.at == found.at) {
            return Ok(Some(last.clone()));
        }
        let zips = match &mut zips {
            Some(zips) => zips,
            None => zips.insert(whole_zips(source, &window)?),
        };
        match zips.get(&found.at) {
            Some(whole) => Ok(Some(whole.clone())),
            None => Ok(last.is_none().then_some(found)),
        }
    };
    while out.len() < most {
        let Some(found) = next_of(source, at..limit, window.end, &mut whole)? else { break };
        at = found.end.unwrap_or(window.end).max(found.at + 4);
        out.push(found);
        if at >= limit {
            break;
        }
    }
    if let Some(last) = last {
        // Where it lies within another archive it is that one's member.
        let within = |found: &Found| last.at < found.end.unwrap_or(window.end);
        if !out.iter().any(within) && out.len() < most {
            out.push(last);
        }
    }
    Ok(out)
}

/// The first archive that begins in `window`; it may reach to `end`.
pub(super) fn next(source: &dyn Source, window: Range<u64>, end: u64) -> Result<Option<Found>> {
    next_of(source, window, end, &mut |found| Ok(Some(found)))
}

/// The same of those that `accept` makes something of. What it does not take costs no other look at the same bytes.
fn next_of(
    source: &dyn Source,
    window: Range<u64>,
    end: u64,
    accept: &mut dyn FnMut(Found) -> Result<Option<Found>>,
) -> Result<Option<Found>> {
    let mut at = window.start;
    while at < window.end {
        let buf = read_up_to(source, at, STEP + LOOK)?;
        let begins = usize::try_from(window.end - at).unwrap_or(usize::MAX).min(STEP).min(buf.len());
        for (i, four) in buf.windows(4).take(begins).enumerate() {
            let candidate = matches!(four, [b'M' | b'7' | b'R' | b'P' | 0xd0, ..])
                && FIRST.iter().any(|first| four == first);
            if !candidate {
                continue;
            }
            let here = at.saturating_add(i as u64);
            let rest = buf.get(i..).unwrap_or_default();
            if let Some((title, claimed)) = structure(source, rest, here, end)? {
                let found = Found { title, at: here, end: claimed, from_file_start: false };
                if let Some(found) = accept(found)? {
                    return Ok(Some(found));
                }
            }
        }
        at = at.saturating_add(STEP as u64);
    }
    Ok(None)
}

/// What begins with `rest` at `here`, and where it ends by its own account.
fn structure(
    source: &dyn Source,
    rest: &[u8],
    here: u64,
    end: u64,
) -> Result<Option<(&'static str, Option<u64>)>> {
    let fields = Fields::new("payload", rest, here);
    let u16_at = |at| fields.u16_le(at, "payload").unwrap_or_default();
    let u32_at = |at| fields.u32_le(at, "payload").unwrap_or_default();
    let u64_at = |at| fields.u64_le(at, "payload").unwrap_or_default();
    let behind = |len: u64| Some(here.saturating_add(len));
    Ok(match rest {
        [b'M', b'S', b'C', b'F', 0, 0, 0, 0, ..] => {
            let (size, files) = (u32_at(8), u32_at(16));
            let reserved = u32_at(12) == 0 && u32_at(20) == 0;
            let sizes = (36..size).contains(&files) && here.saturating_add(files.into()) < end;
            (reserved && sizes && u16_at(24) == 0x103).then(|| ("CAB", behind(size.into())))
        }
        [b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c, 0, ..] => {
            let sum = rest.get(12..32).map(crc32fast::hash);
            let size = u64_at(12).saturating_add(u64_at(20)).saturating_add(32);
            (sum == Some(u32_at(8))).then(|| ("7z", behind(size)))
        }
        [b'R', b'a', b'r', b'!', 0x1a, 7, 0, ..] => {
            let size = usize::from(u16_at(7 + 5));
            let header = rest.get(7 + 2..7usize.saturating_add(size));
            let sum = header.map(|header| crc32fast::hash(header) & 0xffff);
            (rest.get(9) == Some(&0x73) && sum == Some(u16_at(7).into())).then_some(("RAR", None))
        }
        [b'R', b'a', b'r', b'!', 0x1a, 7, 1, 0, ..] => {
            let head = read_up_to(source, here, 4 << 10)?;
            rar5_header_is_whole(head.get(8..).unwrap_or_default()).then_some(("RAR", None))
        }
        [b'P', b'K', 3, 4, ..] => {
            let (version, method, name) = (u16_at(4) & 0xff, u16_at(8), u16_at(26));
            let known = version <= 63 && (method <= 20 || (93..=99).contains(&method));
            (known && (1..=4096).contains(&name)).then_some(("ZIP", None))
        }
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => {
            let shape = (u16_at(26), u16_at(28), u16_at(30));
            matches!(shape, (3, 0xfffe, 9) | (4, 0xfffe, 12)).then_some(("MSI", None))
        }
        [b'M', b'S', b'W', b'I', b'M', 0, 0, 0, ..] => (u32_at(8) == 208).then_some(("WIM", None)),
        _ => None,
    })
}

/// RAR 5: CRC-32 of a header, its size, its type (1 main, 4 encryption), each number in steps of 7 bits.
fn rar5_header_is_whole(bytes: &[u8]) -> bool {
    let Some((sum, rest)) = bytes.split_first_chunk::<4>() else { return false };
    let mut size = 0usize;
    for (i, byte) in rest.iter().take(3).enumerate() {
        size |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            let header = rest.get(..size.saturating_add(i + 1));
            let kind = rest.get(i + 1);
            return matches!(kind, Some(1 | 4))
                && header.map(crc32fast::hash) == Some(u32::from_le_bytes(*sum));
        }
    }
    false
}

/// The ZIP archive whose end record lies at the end of `window`.
pub(super) fn zip_at_end(source: &dyn Source, window: &Range<u64>) -> Result<Option<Found>> {
    let from = window.end.saturating_sub(END_RECORD).max(window.start);
    let buf = read_up_to(source, from, usize::try_from(window.end.saturating_sub(from)).unwrap_or_default())?;
    let places: Vec<usize> =
        buf.windows(4).enumerate().filter(|(_, four)| four == b"PK\x05\x06").map(|(i, _)| i).collect();
    let mut left = DIRECTORIES;
    for at in places.into_iter().rev().take(64) {
        if let Some(found) = zip_by_record(source, from.saturating_add(at as u64), window, &mut left)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The ZIP archives in `window`, by where they begin; the first end record that leads there is theirs.
fn whole_zips(source: &dyn Source, window: &Range<u64>) -> Result<HashMap<u64, Found>> {
    let stop = window.end.min(window.start.saturating_add(MOST));
    let mut places = Vec::new();
    let mut from = window.start;
    while from < stop && places.len() < END_RECORDS {
        let buf = read_up_to(source, from, STEP + 3)?;
        let here = buf.windows(4).enumerate().filter(|(_, four)| four == b"PK\x05\x06");
        places.extend(here.map(|(at, _)| from.saturating_add(at as u64)));
        from = from.saturating_add(STEP as u64);
    }
    let mut left = DIRECTORIES;
    let mut out = HashMap::new();
    for at in places.into_iter().take(END_RECORDS) {
        if let Some(found) = zip_by_record(source, at, window, &mut left)? {
            out.entry(found.at).or_insert(found);
        }
    }
    Ok(out)
}

/// The ZIP archive whose end record is at `at`, where its directory and first member are in `window`.
/// Offsets count from the archive or, where the writer took the program into account, from the file.
/// `left` are bytes of directories that may still be looked at.
fn zip_by_record(source: &dyn Source, at: u64, window: &Range<u64>, left: &mut u64) -> Result<Option<Found>> {
    let bytes = read_up_to(source, at, 22)?;
    let fields = Fields::new("end of central directory record", &bytes, at);
    let (Ok(size), Ok(offset), Ok(comment)) =
        (fields.u32_le(12, "size"), fields.u32_le(16, "offset"), fields.u16_le(20, "comment length"))
    else {
        return Ok(None);
    };
    let end = at.saturating_add(22 + u64::from(comment));
    let (mut size, mut offset, mut directory_end) = (u64::from(size), u64::from(offset), at);
    if size == u64::from(u32::MAX) || offset == u64::from(u32::MAX) {
        // The locator stands before the record, the large record before the locator.
        let large = read_up_to(source, at.saturating_sub(76), 76)?;
        let fields = Fields::new("zip64 end of central directory record", &large, at);
        if large.starts_with(b"PK\x06\x06") {
            size = fields.u64_le(40, "size").unwrap_or_default();
            offset = fields.u64_le(48, "offset").unwrap_or_default();
            directory_end = at.saturating_sub(76);
        }
    }
    let Some(directory) = directory_end.checked_sub(size) else { return Ok(None) };
    let Some(prefix) = directory.checked_sub(offset) else { return Ok(None) };
    if end > window.end || size < 46 || directory < window.start {
        return Ok(None);
    }
    let size = size.min(DIRECTORY);
    let Some(rest) = left.checked_sub(size) else { return Ok(None) };
    *left = rest;
    let Some(lowest) = lowest_member(source, directory, size)? else { return Ok(None) };
    let start = prefix.saturating_add(lowest);
    let local = read_up_to(source, start, 4)?;
    let fits = start >= window.start && local == b"PK\x03\x04";
    let found =
        Found { title: "ZIP", at: start, end: Some(end), from_file_start: prefix == 0 || lowest != 0 };
    Ok(fits.then_some(found))
}

/// The lowest offset of a local header in a central directory.
fn lowest_member(source: &dyn Source, at: u64, size: u64) -> Result<Option<u64>> {
    let bytes = read_up_to(source, at, usize::try_from(size).unwrap_or_default())?;
    let fields = Fields::new("central directory header", &bytes, at);
    let mut lowest = None;
    let mut place = 0usize;
    while bytes.get(place..).is_some_and(|rest| rest.starts_with(b"PK\x01\x02")) {
        let number = |at: usize| fields.u16_le(place.saturating_add(at), "length").map(usize::from);
        let (Ok(name), Ok(extra), Ok(comment), Ok(offset)) = (
            number(28),
            number(30),
            number(32),
            fields.u32_le(place.saturating_add(42), "relative offset of local header"),
        ) else {
            break;
        };
        if offset != u32::MAX {
            let offset = u64::from(offset);
            lowest = Some(lowest.map_or(offset, |lowest: u64| lowest.min(offset)));
        }
        place = place.saturating_add(46 + name + extra + comment);
    }
    Ok(lowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn cab(len: u32) -> Vec<u8> {
        let mut out = vec![0; len as usize];
        out[..4].copy_from_slice(b"MSCF");
        out[8..12].copy_from_slice(&len.to_le_bytes());
        out[16] = 44;
        out[24..26].copy_from_slice(&[3, 1]);
        out
    }

    #[test]
    fn archives_are_found_wherever_they_begin_and_signatures_alone_are_none() {
        let mut file = b"MZ MSCF\0\0\0\0 Rar!\x1a\x07\x00 PK\x03\x04 7z\xbc\xaf\x27\x1c\x00".to_vec();
        file.resize(STEP - 2, 1);
        let first = file.len() as u64;
        file.extend(cab(100));
        file.extend([7; 33]);
        let second = file.len() as u64;
        file.extend(cab(64));
        let found = all(&file, 0..file.len() as u64, 8).unwrap();
        let places: Vec<_> = found.iter().map(|found| (found.title, found.at, found.end)).collect();
        assert_eq!(places, [("CAB", first, Some(first + 100)), ("CAB", second, Some(second + 64))]);
    }

    fn zip(prefix: usize, base: u32) -> Vec<u8> {
        let mut out = vec![b'.'; prefix];
        let local = [b"PK\x03\x04\x0a\0\0\0\0\0".as_slice(), &[0; 16], &[1, 0, 0, 0], b"a"].concat();
        out.extend(&local);
        let mut central = [b"PK\x01\x02".as_slice(), &[0; 24], &[1, 0], &[0; 12]].concat();
        central.extend(base.to_le_bytes());
        central.push(b'a');
        out.extend(&central);
        out.extend([b"PK\x05\x06".as_slice(), &[0; 8]].concat());
        out.extend(u32::try_from(central.len()).unwrap().to_le_bytes());
        out.extend((base + u32::try_from(local.len()).unwrap()).to_le_bytes());
        out.extend([0, 0]);
        out
    }

    #[test]
    fn local_headers_by_the_thousand_before_an_archive_cost_one_look_each() {
        let local = [b"PK\x03\x04\x0a\0\0\0\0\0".as_slice(), &[0; 16], &[1, 0, 0, 0], b"a"].concat();
        let headers = local.repeat(40_000);
        let at = headers.len();
        let file = crate::source::Counting::new(Arc::new([headers, zip(0, 0)].concat()));
        let found = all(&file, 0..file.len(), 8).unwrap();
        assert_eq!(found.iter().map(|found| found.at).collect::<Vec<_>>(), [at as u64]);
        assert!(file.bytes() < 8 * file.len(), "{} bytes were read of {}", file.bytes(), file.len());
    }

    #[test]
    fn a_zip_is_found_whether_its_offsets_know_of_the_program_or_not() {
        for (base, from_file_start) in [(0, false), (300, true)] {
            let file = zip(300, base);
            let end = Some(file.len() as u64);
            let found = all(&file, 10..file.len() as u64, 8).unwrap();
            assert_eq!(found, [Found { title: "ZIP", at: 300, end, from_file_start }]);
        }
        let two = [zip(40, 0), zip(20, 0)].concat();
        let found = all(&two, 0..two.len() as u64, 8).unwrap();
        assert_eq!(found.iter().map(|found| found.at).collect::<Vec<_>>(), [40, 40 + 100 + 20]);
    }
}
