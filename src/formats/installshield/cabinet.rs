//! Cabinets: the descriptor with its directories, files and file groups, and where the files' bytes lie.

use super::FORMAT;
use super::data::{Blocks, Checked, Plain};
use super::descriptor::{Described, Descriptor, place};
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Extents, Facts, Finding, Findings, Layer,
    Location, Severity,
};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::formats::Options;
use crate::limits::Limits;
use crate::source::Joined;
use crate::source::{Piece, SharedSource, Slice, SourceReader, read_up_to, read_vec};
use flate2::read::DeflateDecoder;
use std::collections::{BTreeMap, HashSet};
use std::io::{BufReader, Read};
use std::sync::Arc;

pub(super) const SIGNATURE: &[u8] = b"ISc(";

/// Descriptors are not larger.
const LARGEST_DESCRIPTOR: u64 = 256 << 20;
/// Bytes behind the descriptor that are read with it.
const SLACK: u64 = 1 << 20;
/// Cabinets of a set.
const MOST_VOLUMES: u16 = 10_000;

/// Flags of a file.
const SPLIT: u16 = 1;
const OBFUSCATED: u16 = 2;
const COMPRESSED: u16 = 4;
const INVALID: u16 = 8;

/// The first bytes of each cabinet of a set: which files it has in part.
#[derive(Debug, Clone, Copy)]
struct VolumeHeader {
    first: Edge,
    last: Edge,
}

/// A file at a cabinet's beginning or end.
#[derive(Debug, Clone, Copy)]
struct Edge {
    index: u32,
    offset: u64,
    expanded: u64,
    compressed: u64,
}

struct Volume {
    source: SharedSource,
    header: VolumeHeader,
}

/// The version as a number that decides the layout.
fn major(version: u32) -> u32 {
    match version >> 24 {
        1 => version >> 12 & 0xf,
        2 | 4 => (version & 0xffff) / 100,
        _ => 0,
    }
}

/// What a cabinet is called: `data`, 1.
fn numbered(file_name: &str) -> Option<(String, u16)> {
    let (stem, _) = file_name.rsplit_once('.')?;
    let digits = stem.bytes().rev().take_while(u8::is_ascii_digit).count();
    let (prefix, number) = stem.split_at_checked(stem.len().checked_sub(digits)?)?;
    Some((prefix.to_owned(), number.parse().ok()?))
}

pub(super) fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let mut findings = Findings::default();
    let name = numbered(&options.surroundings.file_name);
    let beside = |number: u16, extension: &str| -> Result<Option<SharedSource>> {
        let Some((prefix, own)) = &name else { return Ok(None) };
        if number == *own && options.surroundings.file_name.to_ascii_lowercase().ends_with(extension) {
            return Ok(Some(source.clone()));
        }
        options.surroundings.find(&format!("{prefix}{number}.{extension}"))
    };
    let mut header_source = source.clone();
    let mut common = common(&header_source)?;
    for extension in ["hdr", "cab"] {
        if common.size == 0
            && let Some(other) = beside(1, extension)?
        {
            common = self::common(&other)?;
            header_source = other;
        }
    }
    if common.size == 0 {
        return Err(Error::not_found("the header (data1.hdr) of this cabinet", None));
    }
    if common.size > LARGEST_DESCRIPTOR {
        return Err(Error::limit("bytes of descriptor", LARGEST_DESCRIPTOR));
    }
    // Offsets may lead a little past its size: other readers never look at it.
    let rest = header_source.len().saturating_sub(common.offset).min(common.size.saturating_add(SLACK));
    if common.size > rest {
        return Err(Error::truncated(common.offset.saturating_add(common.size), header_source.len())
            .at("cabinet descriptor", common.offset));
    }
    let bytes = read_vec(&*header_source, common.offset, rest)?;
    let fields = Fields::new("cabinet descriptor", &bytes, common.offset);
    let descriptor = Descriptor::new(fields, major(common.version))?;
    let mut cabinet = Cabinet {
        catalogue: Catalogue::new(source.clone()),
        volumes: BTreeMap::new(),
        major: descriptor.major,
        contents: Vec::new(),
    };
    cabinet.catalogue.end = common.offset.saturating_add(common.size);
    if !Arc::ptr_eq(&header_source, &source) {
        cabinet.catalogue.end = 0;
    }
    let files = descriptor.all(&options.limits, &mut findings)?;
    // Where the name tells nothing, the one that was opened is the only one.
    let alone = name.is_none().then(|| source.clone());
    cabinet.find_volumes(&files, |number| match &alone {
        Some(only) => Ok((number == 1).then(|| only.clone())),
        None => beside(number, "cab"),
    })?;
    cabinet.list(&descriptor, &files, &options.limits, &mut findings)?;
    let count = cabinet.catalogue.entries.len() as u64;
    cabinet.catalogue.end = cabinet.catalogue.end.max(cabinet.own_end(&source));
    cabinet.catalogue.facts = Facts::default();
    cabinet.catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: format!(
            "InstallShield cabinet {}, {} volumes",
            descriptor.major.max(5),
            cabinet.volumes.len()
        ),
        label: None,
        entries: Some(count),
        used: true,
    });
    cabinet.catalogue.findings = findings.finish();
    Ok(Box::new(cabinet))
}

/// What stands at the beginning of cabinets and of headers.
struct Common {
    version: u32,
    offset: u64,
    size: u64,
}

fn common(source: &SharedSource) -> Result<Common> {
    let bytes = read_up_to(&**source, 0, 20)?;
    let fields = Fields::new("cabinet header", &bytes, 0);
    if fields.bytes(0, 4, "signature")? != SIGNATURE {
        return Err(fields.wrong(0, "signature", Error::invalid("no InstallShield cabinet")));
    }
    Ok(Common {
        version: fields.u32_le(4, "version")?,
        offset: fields.u32_le(12, "cabinet descriptor offset")?.into(),
        size: fields.u32_le(16, "cabinet descriptor size")?.into(),
    })
}

/// What stands behind an entry.
enum Content {
    Pieces { pieces: Vec<(u16, u64, u64)>, file: Described },
    Lost(&'static str),
}

struct Cabinet {
    catalogue: Catalogue,
    volumes: BTreeMap<u16, Volume>,
    major: u32,
    contents: Vec<Content>,
}

impl Cabinet {
    /// Opens the cabinets that the files need.
    fn find_volumes(
        &mut self,
        files: &[Option<Described>],
        find: impl Fn(u16) -> Result<Option<SharedSource>>,
    ) -> Result<()> {
        let last = files.iter().flatten().map(|file| file.volume).max().unwrap_or(1).min(MOST_VOLUMES);
        let mut number = 1;
        // Before 6 files do not say in which cabinet they are; a split file goes on in the next.
        while number <= MOST_VOLUMES {
            match find(number)? {
                Some(source) => {
                    let header = volume_header(&source, self.major)?;
                    self.volumes.insert(number, Volume { source, header });
                }
                None if number > last => break,
                None => {}
            }
            number += 1;
        }
        Ok(())
    }

    /// Where the bytes of a file lie.
    fn pieces(&self, index: u32, file: &Described) -> Result<Vec<(u16, u64, u64)>, &'static str> {
        let size = if file.flags & COMPRESSED != 0 { file.compressed } else { file.expanded };
        let of = |edge: &Edge| if file.flags & COMPRESSED != 0 { edge.compressed } else { edge.expanded };
        let mut number = file.volume.max(1);
        if self.major <= 5 {
            let holds = |volume: &Volume| index <= volume.header.last.index;
            number = self
                .volumes
                .iter()
                .find(|(_, volume)| holds(volume))
                .map(|(number, _)| *number)
                .ok_or("the cabinet that has this file is missing")?;
        }
        let mut out = Vec::new();
        let mut have = 0u64;
        while have < size {
            let volume = self.volumes.get(&number).ok_or("the cabinet that has this file is missing")?;
            let (first, last) = (&volume.header.first, &volume.header.last);
            let at_end = index == last.index && last.offset != u64::from(u32::MAX >> 1);
            let split = file.flags & SPLIT != 0
                || self.major == 5
                    && (at_end && last.compressed != file.compressed && last.compressed != 0
                        || index > 0 && index == first.index && first.compressed != file.compressed);
            let (offset, len) = match () {
                () if !split => (file.offset, size),
                () if at_end => (last.offset, of(last)),
                () if index == first.index => (first.offset, of(first)),
                () => (file.offset, 0),
            };
            let len = len.min(size - have);
            if len == 0 && !out.is_empty() {
                return Err("a cabinet does not have its part of this file");
            }
            if len > 0 {
                out.push((number, offset, len));
            }
            have = have.saturating_add(len);
            number = number
                .checked_add(1)
                .filter(|_| out.len() <= usize::from(MOST_VOLUMES))
                .ok_or("too many parts")?;
        }
        Ok(out)
    }

    fn list(
        &mut self,
        descriptor: &Descriptor<'_>,
        files: &[Option<Described>],
        limits: &Limits,
        findings: &mut Findings,
    ) -> Result<()> {
        let groups = match descriptor.groups(limits, findings) {
            Ok(groups) => groups,
            Err(error) if matches!(error.kind(), crate::error::Kind::Limit { .. }) => return Err(error),
            Err(error) => {
                findings
                    .push(Finding::new(Severity::Damaged, format!("file groups cannot be read: {error}")));
                Vec::new()
            }
        };
        let mut listed = HashSet::new();
        let mut wanted: Vec<(String, u32)> = Vec::new();
        for (name, first, last) in groups {
            if first == u32::MAX || last < first {
                continue;
            }
            let last = last.min(u32::try_from(files.len().saturating_sub(1)).unwrap_or(u32::MAX));
            // Groups that overlap so much were made to fill the memory.
            let most = limits.entries.min((files.len() as u64).saturating_mul(64).saturating_add(4096));
            if wanted.len() as u64 + u64::from(last.saturating_sub(first)) > most {
                return Err(Error::limit("entries", most));
            }
            for index in first..=last {
                listed.insert(index);
                wanted.push((name.clone(), index));
            }
        }
        for index in 0..u32::try_from(files.len()).unwrap_or(u32::MAX) {
            if !listed.contains(&index) {
                wanted.push((String::new(), index));
            }
        }
        let mut path_bytes = 0u64;
        let mut lost = HashSet::new();
        let mut names: BTreeMap<u32, u32> = BTreeMap::new();
        for (_, index) in &wanted {
            *names.entry(*index).or_default() += 1;
        }
        for (group, index) in wanted {
            let Some(own) = files.get(place(index)).copied().flatten() else { continue };
            if own.flags & INVALID != 0 || own.name == 0 || own.offset == 0 {
                continue;
            }
            let directory = descriptor.directory(own.directory);
            let name = descriptor.text(descriptor.file_table.saturating_add(own.name));
            let parts = [group.as_str(), &directory, &name].map(|part| part.replace('\\', "/"));
            let parts: Vec<&str> =
                parts.iter().map(|part| part.trim_matches('/')).filter(|part| !part.is_empty()).collect();
            let path = parts.join("/");
            path_bytes = path_bytes.saturating_add(path.len() as u64);
            if path_bytes > limits.all_path_bytes {
                return Err(Error::limit("bytes of paths", limits.all_path_bytes));
            }
            let (first, file) = followed(files, index, own);
            let mut entry = Entry::new(EntryPath::new(path), EntryKind::File);
            entry.bytes = file.expanded;
            if first != index || names.get(&first).is_some_and(|&times| times > 1) {
                entry.link = Some(first.into());
            }
            let content = match self.pieces(first, &file) {
                Ok(pieces) => {
                    entry.location = self.location(&pieces);
                    Content::Pieces { pieces, file }
                }
                Err(what) => {
                    if lost.insert(first) {
                        findings.push(Finding::about(Severity::Damaged, entry.path.text(), what));
                    }
                    Content::Lost(what)
                }
            };
            self.catalogue.entries.push(entry);
            self.contents.push(content);
        }
        Ok(())
    }

    /// Packed, and where, as far as that is in the source that was opened.
    fn location(&self, pieces: &[(u16, u64, u64)]) -> Location {
        let own = |number: &u16| {
            self.volumes.get(number).is_some_and(|volume| Arc::ptr_eq(&volume.source, self.source()))
        };
        let here = pieces.iter().all(|(number, ..)| own(number));
        let pieces = pieces.iter().filter(|_| here);
        let pieces: Vec<Piece> = pieces.map(|(_, at, len)| Piece { at: Some(*at), len: *len }).collect();
        Location::Packed(Extents::from(pieces))
    }

    /// How far files reach in the source that was opened.
    fn own_end(&self, source: &SharedSource) -> u64 {
        let mut end = 0;
        for content in &self.contents {
            let Content::Pieces { pieces, .. } = content else { continue };
            for (number, at, len) in pieces {
                if self.volumes.get(number).is_some_and(|volume| Arc::ptr_eq(&volume.source, source)) {
                    end = end.max(at.saturating_add(*len));
                }
            }
        }
        end
    }
}

/// The first bytes of a packed file, and whether they are a block.
fn first_block(plain: &mut dyn Read, packed: u64, major: u32) -> Result<(Vec<u8>, bool)> {
    let mut head = Vec::new();
    plain.take(2).read_to_end(&mut head)?;
    let length = head.first_chunk::<2>().map_or(0, |length| u64::from(u16::from_le_bytes(*length)));
    if length == 0 || length.saturating_add(2) > packed || major < 5 {
        return Ok((head, false));
    }
    plain.take(length).read_to_end(&mut head)?;
    let mut block = Blocks::new(head.as_slice(), length.saturating_add(2));
    let good = std::io::copy(&mut block, &mut std::io::sink()).is_ok();
    Ok((head, good))
}

/// The file whose bytes another one has: links lead back to the first.
fn followed(files: &[Option<Described>], index: u32, own: Described) -> (u32, Described) {
    let (mut at, mut file) = (index, own);
    for _ in 0..files.len() {
        let Some(previous) = file.previous else { break };
        match files.get(place(previous)).copied().flatten() {
            Some(before) if previous != at => (at, file) = (previous, before),
            _ => break,
        }
    }
    (at, file)
}

fn volume_header(source: &SharedSource, major: u32) -> Result<VolumeHeader> {
    let bytes = read_up_to(&**source, 0, 84)?;
    let f = Fields::new("volume header", &bytes, 0);
    if f.bytes(0, 4, "signature")? != SIGNATURE {
        return Err(f.wrong(0, "signature", Error::invalid("no InstallShield cabinet")));
    }
    let edge = |index: usize, at: usize, step: usize| -> Result<Edge> {
        let value = |at: usize| -> Result<u64> {
            if step == 8 { f.u64_le(at, "volume header") } else { Ok(f.u32_le(at, "volume header")?.into()) }
        };
        Ok(Edge {
            index: f.u32_le(index, "file index")?,
            offset: value(at)?,
            expanded: value(at + step)?,
            compressed: value(at + 2 * step)?,
        })
    };
    let mut header = if major <= 5 {
        VolumeHeader { first: edge(28, 36, 4)?, last: edge(32, 48, 4)? }
    } else {
        VolumeHeader { first: edge(28, 36, 8)?, last: edge(32, 60, 8)? }
    };
    if major <= 5 && header.last.offset == 0 {
        header.last.offset = u64::from(u32::MAX >> 1);
    }
    Ok(header)
}

impl Container for Cabinet {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn member_checksum(&self) -> Option<&'static str> {
        (self.major > 5).then_some("md5")
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        let (pieces, file) = match self.contents.get(id.0) {
            Some(Content::Pieces { pieces, file }) => (pieces, file),
            Some(Content::Lost(what)) => return Err(Error::damaged(what)),
            None => return Err(Error::not_found(format!("entry {}", id.0), None)),
        };
        let mut parts: Vec<SharedSource> = Vec::new();
        for (number, at, len) in pieces {
            let volume = self.volumes.get(number).ok_or_else(|| Error::damaged("a cabinet is missing"))?;
            let end = at.saturating_add(*len);
            if end > volume.source.len() {
                return Err(Error::truncated(end, volume.source.len()).during("file data"));
            }
            parts.push(Arc::new(Slice::new(volume.source.clone(), *at..end)));
        }
        let packed = BufReader::new(SourceReader::new(Arc::new(Joined::new(parts))));
        let obfuscated = file.flags & OBFUSCATED != 0;
        let mut plain: Box<dyn Read + Send> =
            if obfuscated { Box::new(Plain { inner: packed, at: 0 }) } else { Box::new(packed) };
        let size = file.expanded;
        if file.flags & COMPRESSED == 0 {
            return Ok(Box::new(Checked::new(plain.take(size), file.md5)));
        }
        if size == 0 {
            return Ok(Box::new(std::io::empty()));
        }
        // Old writers have one stream without lengths: what is no block tells.
        let (head, blocks) = first_block(&mut plain, file.compressed, self.major)?;
        let again = std::io::Cursor::new(head).chain(plain);
        if !blocks {
            return Ok(Box::new(Checked::new(DeflateDecoder::new(again).take(size), file.md5)));
        }
        Ok(Box::new(Checked::new(Blocks::new(again, file.compressed), file.md5)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cabinets_are_numbered() {
        assert_eq!(numbered("data1.cab"), Some(("data".to_owned(), 1)));
        assert_eq!(numbered("_sys12.HDR"), Some(("_sys".to_owned(), 12)));
        assert_eq!(numbered("data.cab"), None);
    }

    #[test]
    fn versions_decide_the_layout() {
        assert_eq!(
            (major(0x0100_5000), major(0x0200_0640), major(0x0400_0708), major(0x0100_0004)),
            (5, 16, 18, 0)
        );
    }
}
