//! NSIS, the Nullsoft Scriptable Install System: a program with a script and its files behind it.
//!
//! | where | what |
//! |---|---|
//! | behind the sections, on a multiple of 512 | first header: flags, `EF BE AD DE`, `NullsoftInst`, two lengths |
//! | then | the header (script, strings), packed alone or at the beginning of the one packed stream |
//! | then | files: u32 length (top bit: packed) and bytes each; in the stream where there is one |
//! | last 4 bytes | CRC-32 of everything from byte 512 on, unless flag 4 |
//!
//! The script is read by the `nsis` crate; data is found and decoded here. What a file is called is found by
//! following the script's `SetOutPath` and `File` instructions, as 7-Zip does.
//!
//! References: `fileform.h` and `exec.c` of NSIS 3 (zlib licence).

mod decode;
mod first_header;
mod script;

use super::{Certainty, Evidence, Format, Options, Probe};
use crate::ahead::decode_ahead;
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Extents, Facts, Finding, Findings, Layer,
    Location, Severity,
};
use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::sink::{Sink, deliver, deliver_run};
use crate::source::{Piece, SharedSource, Slice, read_vec, spool};
use decode::{Method, Stream};
use first_header::FirstHeader;
use script::{Datum, Script};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Read};
use std::sync::Arc;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "nsis",
    title: "NSIS installer",
    spec: &["NSIS 3 Source/exehead/fileform.h"],
    limits: &[
        "sizes are not recorded: everything is unpacked, and its CRC-32 compared, when an installer is opened",
        "a stream packed by bzip2 is unpacked in memory, up to 1 GiB",
        "NSIS 1.x installers are recognised, not read",
        "names that the script makes at run time keep the variables' names ($0, $TEMP)",
    ],
    probe,
    open,
};

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    if !probe.has(0, b"MZ") {
        return Ok(None);
    }
    let found = first_header::find(probe.source)?;
    Ok(found.map(|header| Evidence {
        certainty: Certainty::Sure,
        why: format!("NullsoftInst at {:#x}", header.at),
    }))
}

/// One file as it lies in the installer.
#[derive(Debug, Clone, Copy)]
enum Data {
    /// Alone, at that place: so many bytes, packed or not.
    Alone { at: u64, len: u64, packed: bool },
    /// In the stream, from that place of it.
    InStream { at: u64 },
}

/// What an entry is made of.
#[derive(Debug, Clone)]
enum Content {
    File(Data),
    /// The stub with the uninstaller's icons, and its data.
    Uninstaller {
        icons: Vec<u8>,
        data: Data,
    },
    Lost(&'static str),
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let first = first_header::find(&*source)?.ok_or_else(|| Error::invalid("no NSIS first header"))?;
    if first.is_old() {
        return Err(Error::unsupported("NSIS 1.x").at("first header", first.at));
    }
    let mut findings = Findings::default();
    let header = decode::header(&source, &first)?;
    let script = Script::read(&source, &first, &header.bytes, &options.limits)?;
    let mut nsis = Nsis {
        catalogue: Catalogue::new(source.clone()),
        first,
        method: header.method,
        stream: header.stream,
        files_at: header.files_at,
        contents: Vec::new(),
        threads: options.decoders(),
    };
    nsis.catalogue.end = nsis.first.end();
    nsis.catalogue.regions.extend(super::overlay::signature(&*source)?);
    let sizes = nsis.measure(&script, options)?;
    nsis.list(&script, &sizes, &mut findings)?;
    if nsis.checksum_matches()? == Some(false) {
        findings.push(Finding::new(Severity::Damaged, "the installer's CRC-32 does not match"));
    }
    let files = nsis.catalogue.entries.len() as u64;
    let how = if nsis.stream.is_some() { ", solid" } else { "" };
    nsis.catalogue.facts = Facts { named: script.facts, ..Facts::default() };
    nsis.catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: format!("{}, {}{how}", script.version, nsis.method.name()),
        label: None,
        entries: Some(files),
        used: true,
    });
    nsis.catalogue.findings = findings.finish();
    Ok(Box::new(nsis))
}

struct Nsis {
    catalogue: Catalogue,
    first: FirstHeader,
    method: Method,
    /// The packed stream that everything is in.
    stream: Option<Stream>,
    /// Where files begin: in the source, or in the stream.
    files_at: u64,
    /// What stands behind each entry.
    contents: Vec<Content>,
    threads: usize,
}

/// Size and place of what lies at an offset of the data.
type Sizes = BTreeMap<u64, Result<(Data, u64)>>;

/// The checksum begins there.
const CHECKED_FROM: u64 = 512;
/// Icons of uninstallers are not larger.
const LARGEST_ICONS: u64 = 16 << 20;

impl Nsis {
    /// Finds how large everything is that the script names. Sizes are recorded nowhere: it is unpacked.
    fn measure(&self, script: &Script, options: &Options) -> Result<Sizes> {
        let offsets: Vec<u64> = script.offsets();
        let most = options.limits.unpacked(self.source().len());
        let mut sizes = Sizes::new();
        if self.stream.is_some() {
            self.measure_stream(&offsets, most, &mut sizes)?;
            return Ok(sizes);
        }
        let mut packed = Vec::new();
        for offset in offsets {
            match self.alone(offset) {
                Ok(data @ Data::Alone { packed: true, .. }) => packed.push((offset, data)),
                Ok(data @ Data::Alone { len, .. }) => {
                    sizes.insert(offset, Ok((data, len)));
                }
                Ok(_) => {}
                Err(error) => {
                    sizes.insert(offset, Err(error));
                }
            }
        }
        let mut total = 0u64;
        let open = |i: usize| match packed.get(i) {
            Some((_, data)) => self.content(*data, u64::MAX),
            None => Err(Error::new(Kind::Cancelled)),
        };
        decode_ahead(packed.len(), self.threads, open, |i, content| {
            let Some((offset, data)) = packed.get(i) else { return Ok(()) };
            let room = most.saturating_sub(total);
            let copied = io::copy(&mut content.take(room.saturating_add(1)), &mut io::sink());
            if let Ok(bytes) = copied {
                total = total.saturating_add(bytes);
                if bytes > room {
                    return Err(Error::limit("unpacked bytes", most));
                }
            }
            sizes.insert(*offset, copied.map(|bytes| (*data, bytes)).map_err(Error::from));
            Ok(())
        })?;
        Ok(sizes)
    }

    /// Whether the checksum at the end is that of everything from byte 512 on: signing changes what is before.
    /// `None` where there is none, or not all of it is there.
    fn checksum_matches(&self) -> Result<Option<bool>> {
        let end = self.first.data_end();
        if !self.first.has_crc() || self.first.end() > self.source().len() || end < CHECKED_FROM {
            return Ok(None);
        }
        let recorded = read_vec(&**self.source(), end, 4)?;
        let recorded = <[u8; 4]>::try_from(recorded.as_slice()).map_or(0, u32::from_le_bytes);
        let mut crc = crc32fast::Hasher::new();
        let mut at = CHECKED_FROM;
        let mut buf = vec![0; 256 << 10];
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(buf.len()).min(buf.len());
            let piece = buf.get_mut(..want).unwrap_or_default();
            crate::source::read_exact_at(&**self.source(), at, piece)?;
            crc.update(piece);
            at = at.saturating_add(want as u64);
        }
        Ok(Some(crc.finalize() == recorded))
    }

    /// Reads the lengths that stand before each file in the stream.
    fn measure_stream(&self, offsets: &[u64], most: u64, sizes: &mut Sizes) -> Result<()> {
        let mut run = self.run()?;
        let mut at = 0u64;
        let mut broken: Option<Error> = None;
        for &offset in offsets {
            if offset < at {
                sizes.insert(offset, Err(Error::damaged("files overlap in the stream")));
                continue;
            }
            if offset.saturating_add(4) > most {
                return Err(Error::limit("unpacked bytes", most));
            }
            let prefix = match &broken {
                Some(error) => Err(error.again()),
                None => skip_exactly(&mut run, offset - at).and_then(|()| {
                    let mut prefix = [0; 4];
                    run.read_exact(&mut prefix)
                        .map_err(|_| Error::truncated(offset + 4, at).during("packed stream"))?;
                    Ok(u64::from(u32::from_le_bytes(prefix) & 0x7fff_ffff))
                }),
            };
            match prefix {
                Ok(bytes) => {
                    at = offset.saturating_add(4);
                    sizes.insert(offset, Ok((Data::InStream { at }, bytes)));
                }
                Err(error) => {
                    broken = Some(error.again());
                    sizes.insert(offset, Err(error));
                }
            }
        }
        Ok(())
    }

    /// What lies at that offset of the data where files are alone.
    fn alone(&self, offset: u64) -> Result<Data> {
        let at = self.files_at.saturating_add(offset);
        let prefix = read_vec(&**self.source(), at, 4)?;
        let prefix = <[u8; 4]>::try_from(prefix.as_slice()).map_or(0, u32::from_le_bytes);
        let len = u64::from(prefix & 0x7fff_ffff);
        let at = at.saturating_add(4);
        if at.saturating_add(len) > self.source().len() {
            return Err(Error::truncated(at.saturating_add(len), self.source().len()).during("file data"));
        }
        Ok(Data::Alone { at, len, packed: prefix >> 31 == 1 })
    }

    /// The whole stream behind the header, unpacked.
    fn run(&self) -> Result<Box<dyn Read + Send>> {
        let Some(stream) = &self.stream else { return Ok(Box::new(io::empty())) };
        let mut run = decode::unpacked(self.source(), stream, self.method)?;
        skip_exactly(&mut run, self.files_at)?;
        Ok(run)
    }

    /// The bytes of one file.
    fn content(&self, data: Data, bytes: u64) -> Result<Box<dyn Read + Send>> {
        match data {
            Data::Alone { at, len, packed: true } => {
                let stream = Stream { at, len };
                Ok(Box::new(decode::unpacked(self.source(), &stream, self.method)?.take(bytes)))
            }
            Data::Alone { at, len, .. } => {
                let slice: SharedSource =
                    Arc::new(Slice::new(self.source().clone(), at..at.saturating_add(len)));
                Ok(Box::new(crate::source::SourceReader::new(slice).take(bytes)))
            }
            Data::InStream { at } => {
                let mut run = self.run()?;
                skip_exactly(&mut run, at)?;
                Ok(Box::new(run.take(bytes)))
            }
        }
    }

    /// Makes the entries.
    fn list(&mut self, script: &Script, sizes: &Sizes, findings: &mut Findings) -> Result<()> {
        let mut seen = HashSet::new();
        let mut first_of: HashMap<u64, usize> = HashMap::new();
        for item in &script.items {
            if !seen.insert((item.path.clone(), item.offset)) {
                continue;
            }
            let mut entry = Entry::new(EntryPath::new(item.path.clone()), EntryKind::File);
            entry.modified = item.modified;
            let content = match (&item.what, sizes.get(&item.offset)) {
                (Datum::File, Some(Ok((data, bytes)))) => {
                    entry.bytes = *bytes;
                    entry.location = match data {
                        Data::Alone { at, len, packed } => {
                            let piece = Extents::One(Piece { at: Some(*at), len: *len });
                            if *packed { Location::Packed(piece) } else { Location::Stored(piece) }
                        }
                        Data::InStream { at } => Location::Solid { run: 0, offset: *at },
                    };
                    let number = self.contents.len();
                    match first_of.get(&item.offset) {
                        Some(&first) => {
                            entry.link = Some(first as u64);
                            if let Some(entry) = self.catalogue.entries.get_mut(first) {
                                entry.link = Some(first as u64);
                            }
                        }
                        None => {
                            first_of.insert(item.offset, number);
                        }
                    }
                    Content::File(*data)
                }
                (Datum::Uninstaller, Some(Ok((data, bytes)))) => match self.uninstaller(*data, *bytes) {
                    Ok((content, bytes)) => {
                        entry.bytes = bytes;
                        entry.location = Location::Packed(Extents::Many(Box::default()));
                        content
                    }
                    Err(error) => {
                        findings.push(Finding::about(Severity::Damaged, &item.path, error.to_string()));
                        Content::Lost("uninstaller")
                    }
                },
                (_, Some(Err(error))) => {
                    findings.push(Finding::about(Severity::Damaged, &item.path, error.to_string()));
                    Content::Lost("file data")
                }
                (_, None) => Content::Lost("file data"),
            };
            self.catalogue.entries.push(entry);
            self.contents.push(content);
        }
        Ok(())
    }

    /// The uninstaller's icons, and the data that follows them.
    fn uninstaller(&self, icons: Data, bytes: u64) -> Result<(Content, u64)> {
        if bytes > LARGEST_ICONS {
            return Err(Error::limit("bytes of icons", LARGEST_ICONS));
        }
        let mut patch = Vec::new();
        self.content(icons, bytes)?.read_to_end(&mut patch)?;
        let (data, len) = match icons {
            Data::Alone { at, len, .. } => {
                let next = at.saturating_add(len).saturating_sub(self.files_at);
                let data = self.alone(next)?;
                let len = io::copy(&mut self.content(data, u64::MAX)?, &mut io::sink())?;
                (data, len)
            }
            Data::InStream { at } => {
                let mut run = self.run()?;
                let next = at.saturating_add(bytes);
                skip_exactly(&mut run, next)?;
                let mut prefix = [0; 4];
                run.read_exact(&mut prefix)?;
                let len = u64::from(u32::from_le_bytes(prefix) & 0x7fff_ffff);
                (Data::InStream { at: next.saturating_add(4) }, len)
            }
        };
        let total = self.first.at.saturating_add(len);
        Ok((Content::Uninstaller { icons: patch, data }, total))
    }

    /// The program's own bytes with other icons: u32 size, u32 place and bytes of each, a zero behind the last.
    fn patched_stub(&self, icons: &[u8]) -> Result<Vec<u8>> {
        if self.first.at > script::LARGEST_STUB {
            return Err(Error::limit("bytes of stub", script::LARGEST_STUB));
        }
        let mut stub = read_vec(&**self.source(), 0, self.first.at)?;
        let mut rest = icons;
        while let Some((size, behind)) = rest.split_first_chunk::<4>() {
            let size = u32::from_le_bytes(*size) as usize;
            let Some((place, behind)) = behind.split_first_chunk::<4>().filter(|_| size > 0) else { break };
            let place = u32::from_le_bytes(*place) as usize;
            let bytes = behind.get(..size).ok_or_else(|| Error::damaged("icons of the uninstaller"))?;
            let end = place.saturating_add(size);
            stub.get_mut(place..end)
                .ok_or_else(|| Error::damaged("icons of the uninstaller"))?
                .copy_from_slice(bytes);
            rest = behind.get(size..).unwrap_or_default();
        }
        Ok(stub)
    }

    fn read(&self, id: EntryId) -> Result<Box<dyn Read + Send>> {
        let entry = self.entry(id)?;
        match self.contents.get(id.0) {
            Some(Content::File(data)) => self.content(*data, entry.bytes),
            Some(Content::Uninstaller { icons, data }) => {
                let stub = self.patched_stub(icons)?;
                let rest = entry.bytes.saturating_sub(stub.len() as u64);
                Ok(Box::new(io::Cursor::new(stub).chain(self.content(*data, rest)?)))
            }
            Some(Content::Lost(what)) => Err(Error::damaged(what)),
            None => Ok(Box::new(io::empty())),
        }
    }
}

/// Reads and drops `len` bytes.
fn skip_exactly(run: &mut dyn Read, len: u64) -> Result<()> {
    let skipped = io::copy(&mut run.take(len), &mut io::sink())?;
    if skipped < len {
        return Err(Error::truncated(len, skipped).during("packed stream"));
    }
    Ok(())
}

impl Container for Nsis {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        self.read(id).map(|content| content as Box<dyn Read + Send + '_>)
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        let entries = &self.catalogue.entries;
        let mut order = wanted.to_vec();
        order.sort_by_key(|id| (entries.get(id.0).map(|entry| entry.location.order()), *id));
        let place = |id: &EntryId| entries.get(id.0).map(|entry| &entry.location);
        let (mut run, rest): (Vec<EntryId>, Vec<EntryId>) =
            order.into_iter().partition(|id| matches!(place(id), Some(Location::Solid { .. })));
        let (packed, rest): (Vec<EntryId>, Vec<EntryId>) =
            rest.into_iter().partition(|id| matches!(place(id), Some(Location::Packed(_))));
        for id in rest {
            deliver(self.source(), (id, self.entry(id)?), || self.open(id), sink)?;
        }
        let open = |i: usize| match packed.get(i) {
            Some(id) => self.open(*id),
            None => Err(Error::new(Kind::Cancelled)),
        };
        decode_ahead(packed.len(), self.threads, open, |i, content| {
            let Some(&id) = packed.get(i) else { return Ok(()) };
            deliver_run(entries, &[id], content, sink).map(|_| ())
        })?;
        while !run.is_empty() {
            let before = run.len();
            let mut content: Box<dyn Read + Send> = match self.run() {
                Ok(content) => content,
                Err(error) => Box::new(Failed(Some(error))),
            };
            run = deliver_run(entries, &run, &mut content, sink)?;
            if run.len() >= before {
                return Err(Error::damaged("files of a stream that never come"));
            }
        }
        Ok(())
    }

    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        let entry = self.entry(id)?;
        match entry.location {
            Location::Stored(_) => crate::container::stored(self.source(), entry),
            _ => spool(&mut *self.open(id)?, limits),
        }
    }
}

/// A stream that could not be opened: says so when it is read.
struct Failed(Option<Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| Error::new(Kind::Cancelled)).into())
    }
}
