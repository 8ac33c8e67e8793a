//! Archives of a self-extractor as one container: the only one as it is, several each in a folder of its own.

use super::FORMAT;
use super::locate::Found;
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Extents, Location, Name, Region,
};
use crate::entry::Role;
use crate::error::{Error, Result};
use crate::formats::{self, Options};
use crate::limits::Limits;
use crate::sink::{Sink, Want, deliver};
use crate::source::{Piece, SharedSource, Slice};
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

/// An archive that was opened.
pub(super) struct Part {
    container: Box<dyn Container>,
    /// What it is, for people.
    pub(super) title: &'static str,
    /// What its offsets count from, in bytes of the file; `None` where they count in something else.
    base: Option<u64>,
    /// Where it lies in the file, as far as its reader says; past the file where it is cut.
    pub(super) range: Range<u64>,
    /// Where it ends at the latest.
    pub(super) limit: u64,
    /// The number of its first entry among those of the whole.
    first: usize,
}

impl Part {
    /// What its reader says.
    pub(super) fn container(&self) -> &dyn Container {
        &*self.container
    }

    /// Its regions, as places in the file.
    pub(super) fn regions(&self) -> Vec<Region> {
        let Some(base) = self.base else { return Vec::new() };
        let moved = |range: &Range<u64>| range.start.saturating_add(base)..range.end.saturating_add(base);
        let regions = self.container.regions().iter();
        regions.map(|region| Region { what: region.what.clone(), range: moved(&region.range) }).collect()
    }
}

/// Opens an archive by its own reader.
pub(super) fn open(source: &SharedSource, found: &Found, limit: u64, options: &Options) -> Result<Part> {
    let base = if found.from_file_start { 0 } else { found.at };
    let slice: SharedSource = Arc::new(Slice::new(source.clone(), base..limit));
    let container = if found.from_file_start {
        (formats::by_name("zip")?.open)(slice.clone(), options)?
    } else {
        formats::open_inner(&slice, options)?.0
    };
    let same = std::ptr::addr_eq(Arc::as_ptr(container.source()), Arc::as_ptr(&slice));
    let end = match same {
        true => base.saturating_add(container.extent().end),
        false => limit,
    };
    let range = found.at..end.max(found.at);
    Ok(Part { container, title: found.title, base: same.then_some(base), range, limit, first: 0 })
}

/// Archives that no reader takes, as members that are stored.
pub(super) fn unread<'a>(catalogue: &mut Catalogue, found: impl Iterator<Item = (&'a Found, u64)>) {
    for (number, (found, limit)) in found.enumerate() {
        let len = found.end.unwrap_or(limit).min(limit).saturating_sub(found.at);
        let path = EntryPath::new(format!("[payload {} {}]", number + 1, found.title.to_lowercase()));
        catalogue.entries.push(Entry {
            bytes: len,
            location: Location::Stored(Extents::One(Piece { at: Some(found.at), len })),
            ..Entry::new(path, EntryKind::File)
        });
    }
}

/// A self-extractor.
pub(super) struct Promoted {
    catalogue: Catalogue,
    parts: Vec<Part>,
}

impl Promoted {
    /// Puts the entries of all parts into `catalogue`.
    pub(super) fn new(mut catalogue: Catalogue, mut parts: Vec<Part>, options: &Options) -> Result<Self> {
        let several = parts.len() > 1;
        let total: usize = parts.iter().map(|part| part.container.entries().len()).sum();
        if total as u64 > options.limits.entries {
            return Err(Error::limit("entries", options.limits.entries));
        }
        for (number, part) in parts.iter_mut().enumerate() {
            let format = part.container.format();
            let folder = several.then(|| EntryPath::new(format!("[payload {} {format}]", number + 1)));
            if let Some(folder) = &folder {
                catalogue.entries.push(Entry::new(folder.clone(), EntryKind::Dir));
            }
            part.first = catalogue.entries.len();
            let group = (number as u64) << 48;
            for entry in part.container.entries() {
                let mut entry = entry.clone();
                if let Some(folder) = &folder {
                    let name = match entry.path.raw() {
                        Some(raw) => Name::lossy(entry.path.text(), raw),
                        None => Name::new(entry.path.text()),
                    };
                    entry.path = folder.join(&name);
                }
                // Entries of one container with the same number are one file.
                entry.link = entry.link.map(|link| link ^ group);
                entry.location = moved(entry.location, part.base);
                catalogue.entries.push(entry);
            }
        }
        Ok(Self { catalogue, parts })
    }

    /// The part that has an entry, and the entry's number there.
    fn part(&self, id: EntryId) -> Option<(&Part, EntryId)> {
        let has = |part: &&Part| (part.first..part.first + part.container.entries().len()).contains(&id.0);
        self.parts.iter().find(has).map(|part| (part, EntryId(id.0 - part.first)))
    }
}

/// The same place, counted from the file's first byte.
fn moved(location: Location, base: Option<u64>) -> Location {
    let shift = |extents: Extents| -> Option<Extents> {
        let base = base?;
        let piece = |piece: &Piece| Piece { at: piece.at.map(|at| at.saturating_add(base)), ..*piece };
        Some(match &extents {
            Extents::One(one) => Extents::One(piece(one)),
            Extents::Many(many) => Extents::Many(many.iter().map(piece).collect()),
        })
    };
    let nowhere_here = || Location::Packed(Extents::Many(Box::new([])));
    match location {
        Location::Stored(extents) => shift(extents).map_or_else(nowhere_here, Location::Stored),
        Location::Packed(extents) => shift(extents).map_or_else(nowhere_here, Location::Packed),
        other => other,
    }
}

/// Gives a part's entries on under the numbers and names that they have in the whole.
struct Renumbered<'a> {
    sink: &'a mut dyn Sink,
    entries: &'a [Entry],
    first: usize,
    now: usize,
}

impl Renumbered<'_> {
    fn own<'e>(entries: &'e [Entry], now: usize, entry: &'e Entry) -> &'e Entry {
        entries.get(now).unwrap_or(entry)
    }
}

impl Sink for Renumbered<'_> {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        self.now = id.0.saturating_add(self.first);
        self.sink.begin(EntryId(self.now), Self::own(self.entries, self.now, entry))
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        self.sink.chunk(bytes)
    }

    fn stored(&mut self, entry: &Entry, source: &SharedSource, extents: &Extents) -> Result<()> {
        // The extents are those of `source`, which is the part's own.
        self.sink.stored(Self::own(self.entries, self.now, entry), source, extents)
    }

    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()> {
        self.sink.end(Self::own(self.entries, self.now, entry), outcome)
    }
}

impl Container for Promoted {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn member_checksum(&self) -> Option<&'static str> {
        let (first, rest) = self.parts.split_first()?;
        let own = first.container.member_checksum()?;
        rest.iter().all(|part| part.container.member_checksum().is_some()).then_some(own)
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        match self.part(id) {
            Some((part, inner)) => part.container.open(inner),
            None => {
                let stored = crate::container::stored(self.source(), self.entry(id)?)?;
                Ok(Box::new(crate::source::SourceReader::new(stored)))
            }
        }
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        for &id in wanted.iter().filter(|id| self.part(**id).is_none()) {
            deliver(self.source(), (id, self.entry(id)?), || self.open(id), sink)?;
        }
        for part in &self.parts {
            let own = part.first..part.first + part.container.entries().len();
            let own: Vec<EntryId> =
                wanted.iter().filter(|id| own.contains(&id.0)).map(|id| EntryId(id.0 - part.first)).collect();
            let entries = self.entries();
            let mut sink = Renumbered { sink: &mut *sink, entries, first: part.first, now: 0 };
            part.container.read_in_order(&own, &mut sink)?;
        }
        Ok(())
    }

    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        match self.part(id) {
            Some((part, inner)) => part.container.sub_source(inner, limits),
            None => crate::container::stored(self.source(), self.entry(id)?),
        }
    }
}

/// What of the entries are files that are no boot images: for the layer.
pub(super) fn files(container: &dyn Container) -> u64 {
    let files = container.entries().iter();
    files.filter(|entry| entry.kind == EntryKind::File && entry.role == Role::Plain).count() as u64
}
