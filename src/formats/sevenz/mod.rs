//! 7z (7-Zip's own format): members in blocks ("folders") that are packed as a whole by a graph of coders.
//!
//! Headers and the coders' graph are read here: the crate `sevenz-rust2` keeps how coders are bound to itself
//! and gives members to a callback only, so that nothing could be read in another thread or from the middle;
//! it also knows no Deflate64, Swap2, Swap4, and Zstandard only in C. The decoders are the ones it uses.

mod bytes;
mod coder;
mod header;
mod keys;

use super::listing::Listing;
use super::{Certainty, Evidence, Format, Options, Probe};
use crate::ahead::decode_ahead;
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Finding, Findings, Layer, Location, Severity,
};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::sink::{Sink, deliver, deliver_run_checked};
use crate::source::{Joined, SharedSource};
use crate::time::Timestamp;
use crate::unpack::{Checked, Content, Exact, skip};
use crate::{text, volumes};
use header::{File, Header, Signature, Streams};
use keys::Keys;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "sevenz",
    title: "7z archive",
    spec: &["7zFormat.txt and Methods.txt of the LZMA SDK 26.00"],
    limits: &[
        "without its password an encrypted block is listed and not read; with an encrypted header nothing is listed",
        "Brotli, LZ5 and Lizard are named, not read",
        "a decoder may take 1 GiB of memory",
        "targets of symbolic links are read where they lie within the first 256 MiB of what is unpacked",
    ],
    probe,
    open,
};

/// Bytes that are unpacked for the targets of links while a catalogue is read.
const FOR_LINKS: u64 = 256 << 20;

/// Attributes: the upper half is a Unix mode; a directory.
const UNIX: u32 = 0x8000;
const DIRECTORY: u32 = 0x10;

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    if !probe.has(0, header::SIGNATURE) {
        return Ok(None);
    }
    let sure = header::signature(probe.source).is_ok();
    Ok(Some(Evidence {
        certainty: if sure { Certainty::Sure } else { Certainty::Likely },
        why: "7z signature at byte 0".to_owned(),
    }))
}

/// An opened archive.
struct SevenZ {
    catalogue: Catalogue,
    streams: Streams,
    /// The checksum of each entry.
    crcs: Vec<Option<u32>>,
    limits: Limits,
    keys: Keys,
    threads: usize,
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let (source, parts) = match volumes::numbered(&source, &options.surroundings)? {
        Some(parts) => {
            let count = parts.len();
            (Arc::new(Joined::new(parts)) as SharedSource, count)
        }
        None => (source, 1),
    };
    let signature = header::signature(&*source)?;
    if signature.end() > source.len()
        && let Some(next) = volumes::next_name(parts, &options.surroundings)
    {
        return Err(Error::not_found(format!("the part {next} of the archive"), None));
    }
    let limits = &options.limits;
    let keys = Keys::new(&options.passwords, limits);
    let decode = |streams: &Streams, block: usize| coder::open(&source, streams, block, limits, &keys);
    let header = header::read(&source, &signature, limits, decode)?;
    let mut findings = Findings::default();
    let (entries, crcs) = entries(&header, options, &mut findings)?;
    let mut archive = SevenZ {
        catalogue: Catalogue { end: signature.end(), entries, ..Catalogue::new(source) },
        streams: header.streams,
        crcs,
        limits: limits.clone(),
        keys,
        threads: options.decoders(),
    };
    archive.read_links(&mut findings);
    archive.check_places(&signature, &mut findings);
    let detail = archive.detail(&signature, parts);
    archive.catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail,
        label: None,
        entries: Some(
            archive.catalogue.entries.iter().filter(|entry| entry.kind == EntryKind::File).count() as u64
        ),
        used: true,
    });
    archive.catalogue.findings = findings.finish();
    Ok(Box::new(archive))
}

/// Members with their places: those with bytes are handed to the blocks in the order of both.
fn entries(
    header: &Header,
    options: &Options,
    findings: &mut Findings,
) -> Result<(Vec<Entry>, Vec<Option<u32>>)> {
    let mut members = header.streams.blocks.iter().enumerate().flat_map(|(number, block)| {
        let mut at = 0u64;
        block.members.iter().map(move |&(bytes, crc)| {
            let offset = at;
            at = at.saturating_add(bytes);
            (number, offset, bytes, crc)
        })
    });
    let mut listing = Listing::new(&options.limits);
    let mut crcs = Vec::new();
    let mut anti = 0u64;
    for file in &header.files {
        let mut entry = Entry::new(path(file, options.surroundings.stem()), kind(file));
        entry.modified = file.modified.and_then(Timestamp::from_filetime);
        entry.mode = unix_mode(file).map(|mode| mode & 0o7777);
        let mut crc = None;
        if file.has_stream {
            let Some((block, offset, bytes, sum)) = members.next() else {
                return Err(Error::damaged("more members than streams").during("7z header"));
            };
            entry.bytes = bytes;
            crc = sum;
            let run = u32::try_from(block).map_err(|_| Error::limit("blocks", u64::from(u32::MAX)))?;
            entry.location = if bytes == 0 { Location::Nowhere } else { Location::Solid { run, offset } };
        }
        anti += u64::from(file.anti);
        if let Some(id) = listing.push(entry, findings)? {
            crcs.resize(crcs.len().max(id.0 + 1), None);
            if let Some(place) = crcs.get_mut(id.0) {
                *place = crc;
            }
        }
    }
    let left = members.count();
    if left > 0 {
        findings.push(Finding::new(Severity::Damaged, format!("{left} streams have no member")));
    }
    if anti > 0 {
        let what = format!("{anti} anti-items, which say what to delete: they are listed and never made");
        findings.push(Finding::new(Severity::Note, what));
    }
    Ok((listing.finish(), crcs))
}

/// The name as stored; half a surrogate pair keeps its bytes. A member without a name is called as the
/// archive.
fn path(file: &File, archive: &str) -> EntryPath {
    let (name, whole) = text::utf16_le(&file.name);
    if name.is_empty() {
        return EntryPath::new(archive);
    }
    if whole {
        return Listing::path(name.as_bytes());
    }
    let swapped: Vec<u8> = file.name.chunks_exact(2).flat_map(|unit| unit.iter().rev().copied()).collect();
    Listing::path(&text::wtf8_be(&swapped))
}

fn unix_mode(file: &File) -> Option<u16> {
    let attributes = file.attributes.filter(|attributes| attributes & UNIX != 0)?;
    u16::try_from(attributes >> 16).ok()
}

fn kind(file: &File) -> EntryKind {
    let mode = unix_mode(file).unwrap_or(0) & 0xf000;
    let directory = file.attributes.is_some_and(|attributes| attributes & DIRECTORY != 0);
    match mode {
        _ if file.anti => EntryKind::Other,
        0xa000 if file.has_stream => EntryKind::Symlink,
        0x1000 | 0x2000 | 0x6000 | 0xc000 if !file.has_stream => EntryKind::Other,
        _ if !file.has_stream && (!file.empty_file || directory) => EntryKind::Dir,
        _ => EntryKind::File,
    }
}

impl SevenZ {
    fn run(&self, number: usize) -> Result<Content> {
        coder::open(&self.catalogue.source, &self.streams, number, &self.limits, &self.keys)
    }

    /// Packed streams that reach into the header or behind it are said before anything is read.
    fn check_places(&self, signature: &Signature, findings: &mut Findings) {
        let end = signature.at;
        let beyond = self.streams.packed.iter().filter(|(at, len)| at.saturating_add(*len) > end).count();
        if beyond > 0 {
            let what = format!("{beyond} packed streams reach into the header or behind it");
            findings.push(Finding::new(Severity::Damaged, what));
        }
    }

    /// Targets of symbolic links are their content: their blocks are decoded up to the last of them.
    fn read_links(&mut self, findings: &mut Findings) {
        let mut links: Vec<(u32, u64, usize)> = Vec::new();
        for (i, entry) in self.catalogue.entries.iter().enumerate() {
            if let (EntryKind::Symlink, Location::Solid { run, offset }) = (entry.kind, &entry.location) {
                links.push((*run, *offset, i));
            }
        }
        links.sort_unstable();
        let mut budget = FOR_LINKS;
        let mut open: Option<(u32, u64, Content)> = None;
        let mut failed = 0u64;
        let mut why = None;
        for (run, offset, i) in links {
            let bytes = self.catalogue.entries.get(i).map_or(0, |entry| entry.bytes);
            let mut read = || -> Result<String> {
                if !matches!(&open, Some((number, at, _)) if *number == run && *at <= offset) {
                    let content = self.run(usize::try_from(run).unwrap_or(usize::MAX))?;
                    open = Some((run, 0, content));
                }
                let Some((_, at, content)) = &mut open else { return Err(Error::damaged("block")) };
                let cost = offset.saturating_sub(*at).saturating_add(bytes);
                if bytes > self.limits.path_bytes as u64 || cost > budget {
                    return Err(Error::limit("bytes unpacked for the targets of links", FOR_LINKS));
                }
                budget = budget.saturating_sub(cost);
                skip(content, offset.saturating_sub(*at))?;
                let mut target = Vec::new();
                content.by_ref().take(bytes).read_to_end(&mut target)?;
                *at = offset.saturating_add(bytes);
                Ok(String::from_utf8_lossy(&target).into_owned())
            };
            match read() {
                Ok(target) => {
                    if let Some(entry) = self.catalogue.entries.get_mut(i) {
                        entry.target = Some(target.into());
                    }
                }
                Err(error) => {
                    failed += 1;
                    why.get_or_insert(error);
                }
            }
        }
        if let Some(error) = why {
            let what = format!("the targets of {failed} links cannot be read: {error}");
            findings.push(Finding::new(Severity::Damaged, what));
        }
        for entry in self.catalogue.entries.iter_mut().filter(|entry| entry.kind != EntryKind::File) {
            entry.location = Location::Nowhere;
            entry.bytes = 0;
        }
    }

    fn detail(&self, signature: &Signature, parts: usize) -> String {
        let mut methods: Vec<&str> = Vec::new();
        for coder in self.streams.blocks.iter().flat_map(|block| &block.coders) {
            let name = coder::name(coder.method);
            if !methods.contains(&name) {
                methods.push(name);
            }
        }
        let blocks = self.streams.blocks.len();
        let mut detail = format!("7z {}.{}, {blocks} block", signature.major, signature.minor);
        if blocks != 1 {
            detail.push('s');
        }
        for name in methods {
            detail.push_str(", ");
            detail.push_str(name);
        }
        if parts > 1 {
            detail.push_str(&format!(", {parts} volumes"));
        }
        detail
    }

    fn crc(&self, id: EntryId) -> Option<u32> {
        self.crcs.get(id.0).copied().flatten()
    }
}

impl Container for SevenZ {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn run_ranges(&self, run: u32) -> Vec<Range<u64>> {
        let block = usize::try_from(run).ok().and_then(|run| self.streams.blocks.get(run));
        let Some(block) = block else { return Vec::new() };
        let streams = self.streams.packed.iter().skip(block.first_packed).take(block.packed.len());
        streams.map(|&(at, len)| at..at.saturating_add(len)).collect()
    }

    fn member_checksum(&self) -> Option<&'static str> {
        Some("crc32")
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        let entry = self.entry(id)?;
        let Location::Solid { run, offset } = entry.location else { return Ok(Box::new(std::io::empty())) };
        let mut content = self.run(usize::try_from(run).unwrap_or(usize::MAX))?;
        skip(&mut content, offset)?;
        Ok(Box::new(Checked::new(content, entry.bytes, self.crc(id), Exact::No)))
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        let mut runs: Vec<(u32, Vec<EntryId>)> = Vec::new();
        let mut solid: Vec<(u32, u64, EntryId)> = Vec::new();
        for &id in wanted {
            let entry = self.entry(id)?;
            match entry.location {
                Location::Solid { run, offset } => solid.push((run, offset, id)),
                _ => deliver(self.source(), (id, entry), || self.open(id), sink)?,
            }
        }
        solid.sort_unstable();
        for (run, _, id) in solid {
            match runs.last_mut().filter(|(last, _)| *last == run) {
                Some((_, members)) => members.push(id),
                None => runs.push((run, vec![id])),
            }
        }
        let number = |run: usize| runs.get(run).and_then(|(run, _)| usize::try_from(*run).ok());
        decode_ahead(
            runs.len(),
            self.threads,
            |run| Ok(self.run(number(run).unwrap_or(usize::MAX))? as Box<dyn Read + Send>),
            |run, content| {
                let members = runs.get(run).map(|(_, members)| members.as_slice()).unwrap_or_default();
                let again = deliver_run_checked(self.entries(), members, content, &|id| self.crc(id), sink)?;
                // No two members of a block overlap: only what was asked for twice comes back.
                for id in again {
                    deliver(self.source(), (id, self.entry(id)?), || self.open(id), sink)?;
                }
                Ok(())
            },
        )
    }
}
