//! Programs with an installation behind them: the records, and the files between them.

use super::FORMAT;
use super::data::Unmixed;
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Extents, Finding, Findings, Layer, Location,
    Severity, stored,
};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::formats::{Options, overlay};
use crate::limits::Limits;
use crate::source::{Piece, SharedSource, Slice, Source, SourceReader, read_up_to, spool};
use crate::text;
use flate2::read::ZlibDecoder;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// How far behind the sections records are looked for: debug records may come first.
const SEARCHED: usize = 64 << 10;
/// Bytes of the header of both kinds with one.
const HEADER: usize = 46;
/// Bytes of a record with an ANSI name, name included.
const RECORD: usize = 312;
/// Bytes of a record of a stream, before the name.
const STREAM_RECORD: usize = 24;
/// Names are not longer.
const LONGEST_NAME: usize = 520;
/// Records of plain strings are not longer.
const LONGEST_PLAIN: usize = 4096;
/// Mixing begins again after so many bytes where flag 4 says so.
const ROUND: u64 = 1024;

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `InstallShield`, 312 bytes each.
    Records,
    /// `ISSetupStream`, 24 or 48 bytes and a name in UTF-16.
    Stream {
        /// Bytes before the name.
        record: usize,
    },
    /// Name, path, version and size as strings, in bytes.
    Strings,
    /// The same in UTF-16, behind their number.
    WideStrings,
}

impl Kind {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Records => "InstallShield records",
            Self::Stream { .. } => "an ISSetupStream",
            Self::Strings => "InstallShield strings",
            Self::WideStrings => "wide InstallShield strings",
        }
    }
}

/// Where the first record stands.
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) at: u64,
    /// How many there are, where that is recorded.
    count: Option<u32>,
}

/// One file.
struct Record {
    name: String,
    /// What its key is made of.
    seed: Vec<u8>,
    flags: u32,
    len: u64,
    deflated: bool,
    /// Bytes of the record.
    size: u64,
}

/// Looks for records behind the program's sections.
pub(super) fn find(source: &dyn Source) -> Result<Option<Found>> {
    let Some(end) = overlay::sections_end(source)?.filter(|end| *end < source.len()) else { return Ok(None) };
    let behind = read_up_to(source, end, SEARCHED)?;
    for (offset, window) in behind.windows(HEADER).enumerate() {
        let stream = window.starts_with(b"ISSetupStream\0");
        if !stream && !window.starts_with(b"InstallShield\0") {
            continue;
        }
        let fields = Fields::new("setup header", window, end.saturating_add(offset as u64));
        let count = fields.u16_le(14, "number of files")?;
        let kind = match (stream, fields.u32_le(16, "type")?) {
            (_, 5..) => continue,
            (true, 4) => Kind::Stream { record: 2 * STREAM_RECORD },
            (true, _) => Kind::Stream { record: STREAM_RECORD },
            (false, _) => Kind::Records,
        };
        let at = fields.base().saturating_add(HEADER as u64);
        if count > 0 && record(source, kind, at)?.is_some() {
            return Ok(Some(Found { kind, at, count: Some(count.into()) }));
        }
    }
    let start = behind_debug_record(&behind);
    let count =
        behind.get(start..).and_then(|rest| rest.first_chunk::<4>()).map_or(0, |n| u32::from_le_bytes(*n));
    let at = end.saturating_add(start as u64);
    if (1..=0xffff).contains(&count) && record(source, Kind::WideStrings, at.saturating_add(4))?.is_some() {
        return Ok(Some(Found { kind: Kind::WideStrings, at: at.saturating_add(4), count: Some(count) }));
    }
    if record(source, Kind::Strings, at)?.is_some() {
        return Ok(Some(Found { kind: Kind::Strings, at, count: None }));
    }
    Ok(None)
}

/// Where a debug record `NB10` ends, that linkers leave behind the sections: 16 bytes and a path.
fn behind_debug_record(bytes: &[u8]) -> usize {
    let Some(path) = bytes.strip_prefix(b"NB10").and_then(|rest| rest.get(12..)) else { return 0 };
    let end = path.iter().position(|&byte| byte == 0).unwrap_or(0);
    let zeros = path.get(end..).unwrap_or_default().iter().take_while(|&&byte| byte == 0).count();
    16 + end + zeros
}

/// The record that stands there, where it is one.
fn record(source: &dyn Source, kind: Kind, at: u64) -> Result<Option<Record>> {
    let bytes = read_up_to(source, at, LONGEST_PLAIN)?;
    let fields = Fields::new("setup record", &bytes, at);
    let found = match kind {
        Kind::Records => ansi(&fields),
        Kind::Stream { record } => stream(&fields, record),
        Kind::Strings => strings(&bytes, 1),
        Kind::WideStrings => strings(&bytes, 2),
    };
    Ok(found.filter(|record| record.len > 0 || matches!(kind, Kind::Records | Kind::Stream { .. })))
}

fn ansi(fields: &Fields<'_>) -> Option<Record> {
    let raw = fields.bytes(0, 260, "file name").ok()?;
    let seed = raw.split(|&byte| byte == 0).next().filter(|name| !name.is_empty())?.to_vec();
    if seed.iter().any(|byte| *byte < 0x20) || fields.len() < RECORD {
        return None;
    }
    Some(Record {
        name: text::utf8_or_latin1(&seed),
        seed,
        flags: fields.u32_le(260, "flags").ok()?,
        len: fields.u32_le(268, "file length").ok()?.into(),
        deflated: fields.u16_le(280, "compressed").ok()? != 0,
        size: RECORD as u64,
    })
}

fn stream(fields: &Fields<'_>, size: usize) -> Option<Record> {
    let len = usize::try_from(fields.u32_le(0, "length of name").ok()?).ok()?;
    if len == 0 || len > LONGEST_NAME || len % 2 != 0 {
        return None;
    }
    let (name, _) = text::utf16_le(fields.bytes(size, len, "file name").ok()?);
    let name = name.trim_end_matches('\0').to_owned();
    if name.is_empty() || name.contains(|c: char| c < ' ') {
        return None;
    }
    Some(Record {
        seed: name.clone().into_bytes(),
        name,
        flags: fields.u32_le(4, "flags").ok()?,
        len: fields.u32_le(10, "file length").ok()?.into(),
        deflated: fields.u16_le(22, "compressed").ok()? != 0,
        size: (size as u64).checked_add(len as u64)?,
    })
}

/// Four strings with a zero behind each; `unit` bytes a character.
fn strings(bytes: &[u8], unit: usize) -> Option<Record> {
    let mut at = 0;
    let mut parts = Vec::new();
    while parts.len() < 4 {
        let rest = bytes.get(at..)?;
        let len = rest.chunks_exact(unit).position(|c| c.iter().all(|&byte| byte == 0))? * unit;
        let raw = rest.get(..len)?;
        let part = if unit == 2 { text::utf16_le(raw).0 } else { text::utf8_or_latin1(raw) };
        if part.chars().any(char::is_control) {
            return None;
        }
        parts.push(part);
        at += len + unit;
    }
    let [name, path, version, len] = parts.as_slice() else { return None };
    let numbers = version.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | ' '));
    if name.is_empty() || !numbers || len.is_empty() || !len.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let name = if path.is_empty() { name } else { path };
    Some(Record {
        name: name.clone(),
        seed: Vec::new(),
        flags: 0,
        len: len.parse().ok()?,
        deflated: false,
        size: at as u64,
    })
}

/// How the bytes of a file are to be read.
struct Packing {
    at: u64,
    len: u64,
    seed: Vec<u8>,
    /// Bytes after which mixing begins again; `None` where nothing is mixed.
    round: Option<u64>,
    deflated: bool,
}

struct Launcher {
    catalogue: Catalogue,
    files: Vec<Packing>,
}

pub(super) fn open(source: SharedSource, found: &Found, options: &Options) -> Result<Box<dyn Container>> {
    let mut findings = Findings::default();
    let mut launcher = Launcher { catalogue: Catalogue::new(source.clone()), files: Vec::new() };
    launcher.catalogue.regions.extend(overlay::signature(&*source)?);
    let limits = &options.limits;
    let most = limits.unpacked(source.len());
    let mut unpacked = 0u64;
    let mut at = found.at;
    let mut path_bytes = 0u64;
    while found.count.is_none_or(|count| (launcher.files.len() as u64) < u64::from(count)) {
        let Some(record) = record(&*source, found.kind, at)? else {
            if found.count.is_some() {
                let what =
                    format!("record {} of {} is none", launcher.files.len() + 1, found.count.unwrap_or(0));
                findings.push(Finding::new(Severity::Damaged, what));
            }
            break;
        };
        path_bytes = path_bytes.saturating_add(record.name.len() as u64);
        if launcher.files.len() as u64 >= limits.entries {
            return Err(Error::limit("entries", limits.entries));
        }
        if path_bytes > limits.all_path_bytes {
            return Err(Error::limit("bytes of paths", limits.all_path_bytes));
        }
        let start = at.saturating_add(record.size);
        at = start.saturating_add(record.len);
        let path = record.name.replace('\\', "/");
        let mut entry = Entry::new(EntryPath::new(path.trim_start_matches('/')), EntryKind::File);
        let packing = packing(&source, &record, start, found.kind);
        let piece = Extents::One(Piece { at: Some(start), len: record.len });
        let plain = packing.round.is_none() && !packing.deflated;
        entry.location = if plain { Location::Stored(piece) } else { Location::Packed(piece) };
        entry.bytes = record.len;
        if packing.deflated {
            let room = most.saturating_sub(unpacked);
            let content = unpack(&source, &packing)?.take(room.saturating_add(1));
            match io::copy(&mut { content }, &mut io::sink()) {
                Ok(bytes) if bytes > room => return Err(Error::limit("unpacked bytes", most)),
                Ok(bytes) => (entry.bytes, unpacked) = (bytes, unpacked.saturating_add(bytes)),
                Err(error) => {
                    let what = format!("cannot be unpacked: {}", Error::from(error));
                    findings.push(Finding::about(Severity::Damaged, entry.path.text(), what));
                }
            }
        }
        launcher.catalogue.entries.push(entry);
        launcher.files.push(packing);
    }
    launcher.catalogue.end = at;
    launcher.catalogue.facts.named.push(("stub", found.kind.title().to_owned()));
    launcher.catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: format!("setup program, {}", found.kind.title()),
        label: None,
        entries: Some(launcher.files.len() as u64),
        used: true,
    });
    launcher.catalogue.findings = findings.finish();
    Ok(Box::new(launcher))
}

/// Says how a file is to be read. Where flag 2 stands alone, what comes out tells whether it was mixed.
fn packing(source: &SharedSource, record: &Record, at: u64, kind: Kind) -> Packing {
    let mut packing = Packing {
        at,
        len: record.len,
        seed: record.seed.clone(),
        round: match record.flags & 6 {
            0 => None,
            2 => Some(u64::MAX),
            _ => Some(ROUND),
        },
        deflated: record.deflated,
    };
    if record.flags & 6 == 2 && matches!(kind, Kind::Stream { .. }) {
        packing.round = None;
        for round in [None, Some(u64::MAX), Some(ROUND)] {
            let tried = Packing { round, seed: packing.seed.clone(), ..packing };
            if tried.deflated && is_deflated(source, &tried) {
                packing.round = round;
                break;
            }
        }
    }
    packing
}

/// True where the file begins as zlib streams do.
fn is_deflated(source: &SharedSource, packing: &Packing) -> bool {
    let mut head = [0; 2];
    let raw = Packing { seed: packing.seed.clone(), deflated: false, ..*packing };
    let read = unpack(source, &raw).map(|mut content| content.read_exact(&mut head).is_ok());
    read.unwrap_or(false) && head.first() == Some(&0x78) && u16::from_be_bytes(head) % 31 == 0
}

/// The bytes of a file.
fn unpack(source: &SharedSource, packing: &Packing) -> Result<Box<dyn Read + Send>> {
    let end = packing.at.saturating_add(packing.len);
    if end > source.len() {
        return Err(Error::truncated(end, source.len()).during("file data"));
    }
    let slice: SharedSource = Arc::new(Slice::new(source.clone(), packing.at..end));
    let raw = BufReader::new(SourceReader::new(slice));
    let clear: Box<dyn Read + Send> = match packing.round {
        Some(round) => Box::new(Unmixed { inner: raw, key: Unmixed::<()>::key(&packing.seed), round, at: 0 }),
        None => Box::new(raw),
    };
    if packing.deflated { Ok(Box::new(Checked(ZlibDecoder::new(clear)))) } else { Ok(clear) }
}

/// A decoder whose errors are ours.
struct Checked<R>(R);

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ if error.get_ref().is_some_and(|inner| inner.is::<Error>()) => error,
            _ => Error::damaged("packed data").into(),
        })
    }
}

impl Container for Launcher {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        let packing =
            self.files.get(id.0).ok_or_else(|| Error::not_found(format!("entry {}", id.0), None))?;
        unpack(self.source(), packing).map(|content| content as Box<dyn Read + Send + '_>)
    }

    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        let entry = self.entry(id)?;
        match entry.location {
            Location::Stored(_) => stored(self.source(), entry),
            _ => spool(&mut *self.open(id)?, limits),
        }
    }
}
