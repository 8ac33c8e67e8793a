//! Cpio archives: the new ASCII form (`070701`, `070702`) and the portable one of POSIX.1-1988 (`070707`).
//!
//! Headers and data stand one behind the other, in the new form filled up to four bytes, so members are
//! stored. In the new form the last of several names for a file has its data.

use super::listing::{Listing, content};
use super::{Certainty, Evidence, Format, Options, Probe};
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, Extents, Finding, Findings, Layer, Location, Severity,
};
use crate::error::{Error, Result};
use crate::source::{Piece, SharedSource, read_up_to, read_vec};
use crate::time::Timestamp;
use std::collections::HashMap;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "cpio",
    title: "cpio archive",
    spec: &["cpio(5): new ASCII format with and without sums", "POSIX.1-1988, 10.1.2 (odc)"],
    limits: &[
        "binary archives, and those of RPM without names (files above 4 GiB), are not read",
        "the first of several archives that follow each other is shown",
        "the sums of the form 070702 are not compared",
    ],
    probe,
    open,
};

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let Some(form) = Form::of(&probe.head) else { return Ok(None) };
    let header = Header::read(form, &probe.head, 0);
    let certainty = if header.is_ok() { Certainty::Sure } else { Certainty::Likely };
    Ok(Some(Evidence { certainty, why: "a cpio header".to_owned() }))
}

/// How headers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `070701` and `070702`: 110 bytes, hexadecimal.
    New,
    /// `070707`: 76 bytes, octal.
    Portable,
}

impl Form {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.get(..6)? {
            b"070701" | b"070702" => Some(Self::New),
            b"070707" => Some(Self::Portable),
            _ => None,
        }
    }

    fn header_bytes(self) -> u64 {
        match self {
            Self::New => 110,
            Self::Portable => 76,
        }
    }

    /// Where what begins at or behind `at` begins.
    fn align(self, at: u64) -> Option<u64> {
        match self {
            Self::New => at.checked_next_multiple_of(4),
            Self::Portable => Some(at),
        }
    }
}

/// One header.
#[derive(Debug)]
struct Header {
    /// Device and inode: the file that several names share.
    inode: (u64, u64),
    mode: u64,
    links: u64,
    modified: u64,
    bytes: u64,
    name_bytes: u64,
}

impl Header {
    fn read(form: Form, bytes: &[u8], base: u64) -> Result<Self> {
        let (radix, fields): (u32, &[(usize, usize)]) = match form {
            // ino, mode, nlink, mtime, filesize, namesize, devmajor, devminor
            Form::New => (16, &[(6, 8), (14, 8), (38, 8), (46, 8), (54, 8), (94, 8), (62, 8), (70, 8)]),
            Form::Portable => (8, &[(12, 6), (18, 6), (36, 6), (48, 11), (65, 11), (59, 6), (6, 6), (6, 6)]),
        };
        let mut numbers = [0u64; 8];
        for (number, (at, len)) in numbers.iter_mut().zip(fields) {
            let digits = bytes.get(*at..at + len).and_then(|digits| std::str::from_utf8(digits).ok());
            let parsed = digits.filter(|digits| !digits.starts_with('+'));
            let parsed = parsed.and_then(|digits| u64::from_str_radix(digits, radix).ok());
            *number = parsed
                .ok_or_else(|| Error::invalid("number").at("cpio header", base.saturating_add(*at as u64)))?;
        }
        let [inode, mode, links, modified, bytes, name_bytes, major, minor] = numbers;
        let device = major << 32 | minor;
        Ok(Self { inode: (device, inode), mode, links, modified, bytes, name_bytes })
    }

    fn kind(&self) -> EntryKind {
        match self.mode & 0o170_000 {
            0o040_000 => EntryKind::Dir,
            0o120_000 => EntryKind::Symlink,
            0o100_000 | 0 => EntryKind::File,
            _ => EntryKind::Other,
        }
    }
}

/// An opened archive: all members are stored.
struct Cpio {
    catalogue: Catalogue,
}

impl Container for Cpio {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let form = Form::of(&read_up_to(&*source, 0, 6)?)
        .ok_or_else(|| Error::invalid("signature").at("cpio header", 0))?;
    let limits = &options.limits;
    let mut listing = Listing::new(limits);
    let mut findings = Findings::default();
    // Names of a file whose data comes with the last of them.
    let mut waiting: HashMap<(u64, u64), Vec<EntryId>> = HashMap::new();
    let mut at = 0u64;
    loop {
        let start = at;
        let bytes = read_up_to(&*source, at, 110)?;
        if Form::of(&bytes) != Some(form) || (bytes.len() as u64) < form.header_bytes() {
            let short = (bytes.len() as u64) < form.header_bytes();
            if short {
                at = at.saturating_add(form.header_bytes());
            }
            let what = format!("no header and no trailer at {start:#x}");
            findings.push(Finding::new(Severity::Damaged, what));
            break;
        }
        let header = match Header::read(form, &bytes, at) {
            Ok(header) => header,
            Err(error) if start == 0 => return Err(error),
            Err(error) => {
                findings.push(Finding::new(Severity::Damaged, error.to_string()));
                break;
            }
        };
        let name_at = at.saturating_add(form.header_bytes());
        if header.name_bytes > limits.path_bytes as u64 || header.name_bytes == 0 {
            let what = format!("a name of {} bytes at {name_at:#x}", header.name_bytes);
            findings.push(Finding::new(Severity::Damaged, what));
            break;
        }
        let data_at = form.align(name_at.saturating_add(header.name_bytes));
        let data_end = data_at.and_then(|at| at.checked_add(header.bytes));
        let (Some(data_at), Some(data_end)) = (data_at, data_end) else {
            findings.push(Finding::new(Severity::Damaged, format!("a member without end at {start:#x}")));
            break;
        };
        if data_at > source.len() {
            at = data_at;
            break;
        }
        let name = read_vec(&*source, name_at, header.name_bytes)?;
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if name == b"TRAILER!!!" {
            at = fill(&source, data_end)?;
            break;
        }
        at = form.align(data_end).unwrap_or(data_end);
        let mut entry = Entry::new(Listing::path(name), header.kind());
        entry.mode = u16::try_from(header.mode & 0o7777).ok();
        let seconds = i64::try_from(header.modified).unwrap_or(0);
        entry.modified = Some(Timestamp { seconds, nanos: 0, zone: Some(0) });
        let data = Piece { at: Some(data_at), len: header.bytes };
        match entry.kind {
            EntryKind::Symlink => {
                if header.bytes > limits.path_bytes as u64 || data_end > source.len() {
                    findings.push(Finding::about(Severity::Damaged, entry.path.text(), "its target is cut"));
                } else {
                    let target = read_vec(&*source, data_at, header.bytes)?;
                    entry.target = Some(String::from_utf8_lossy(&target).into());
                }
            }
            EntryKind::File => {
                (entry.bytes, entry.location) = content(header.bytes, Location::Stored(Extents::One(data)));
            }
            _ => {}
        }
        let path = entry.path.clone();
        let is_file = entry.kind == EntryKind::File;
        let Some(id) = listing.push(entry, &mut findings)? else { continue };
        if !is_file || header.links < 2 {
            continue;
        }
        let names = waiting.entry(header.inode).or_default();
        match form {
            // The data is here: all names before get it.
            Form::New if header.bytes > 0 => {
                names.drain(..).for_each(|earlier| {
                    listing.link(earlier, &path);
                });
                names.push(id);
            }
            Form::New => names.push(id),
            // Each name has the data again.
            Form::Portable => {}
        }
    }
    let mut catalogue = Catalogue::new(source);
    catalogue.end = at;
    catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: match form {
            Form::New => "cpio, new ASCII form",
            Form::Portable => "cpio, portable form",
        }
        .to_owned(),
        label: None,
        entries: Some(listing.files()),
        used: true,
    });
    catalogue.findings = findings.finish();
    catalogue.entries = listing.finish();
    Ok(Box::new(Cpio { catalogue }))
}

/// Where the zeros end that fill up the last block of 512 bytes, or `from`.
fn fill(source: &SharedSource, from: u64) -> Result<u64> {
    let end = from.next_multiple_of(512).min(source.len());
    let bytes = read_up_to(&**source, from, usize::try_from(end.saturating_sub(from)).unwrap_or(0))?;
    Ok(if bytes.iter().all(|byte| *byte == 0) { end.max(from) } else { from })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_with_a_sign_is_none() {
        let mut header = b"070701".to_vec();
        header.extend([b'0'; 104]);
        assert!(Header::read(Form::New, &header, 0).is_ok());
        header[6] = b'+';
        assert!(Header::read(Form::New, &header, 0).is_err());
        assert!(Header::read(Form::New, b"070701", 0).is_err());
    }
}
