//! Archives within one file, shown as one container: the payloads of a self-extractor, the containers of a
//! bundle. Each is read by its own reader; names, numbers and places are those of the whole file.

pub(super) mod account;

use super::{Options, open_inner};
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Extents, Location, Name, Region, stored,
};
use crate::digest::{Hasher, Value};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::sink::{Sink, Want, deliver};
use crate::source::{Piece, SharedSource, Slice, SourceReader};
use std::io::{self, Read};
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
}

impl Part {
    /// Opens what lies in `range` of a file, with whichever reader takes it.
    ///
    /// # Errors
    /// As [`open_inner`].
    pub(super) fn open(
        source: &SharedSource,
        title: &'static str,
        range: Range<u64>,
        options: &Options,
    ) -> Result<Self> {
        let slice: SharedSource = Arc::new(Slice::new(source.clone(), range.clone()));
        let (container, _) = open_inner(&slice, options)?;
        Ok(Self::of(container, title, &slice, range.start, range))
    }

    /// An open container, whose source is `slice` and that begins at byte `base` of the file; its own bytes
    /// are in `range`.
    pub(super) fn of(
        container: Box<dyn Container>,
        title: &'static str,
        slice: &SharedSource,
        base: u64,
        range: Range<u64>,
    ) -> Self {
        let same = std::ptr::addr_eq(Arc::as_ptr(container.source()), Arc::as_ptr(slice));
        let end = match same {
            true => base.saturating_add(container.extent().end).max(range.start),
            false => range.end,
        };
        Self { container, title, base: same.then_some(base), range: range.start..end, limit: range.end }
    }

    /// A container that lies in another file.
    pub(super) fn elsewhere(container: Box<dyn Container>, title: &'static str) -> Self {
        Self { container, title, base: None, range: 0..0, limit: 0 }
    }

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

    /// The entry with that number, as it stands in the file: under `path`.
    fn entry(&self, entry: &Entry, path: EntryPath) -> Entry {
        Entry { path, location: moved(entry.location.clone(), self.base), ..entry.clone() }
    }
}

/// The same place, counted from the file's first byte.
fn moved(location: Location, base: Option<u64>) -> Location {
    let shift = |extents: &Extents| match base {
        Some(base) => {
            let piece = |piece: &Piece| Piece { at: piece.at.map(|at| at.saturating_add(base)), ..*piece };
            match extents {
                Extents::One(one) => Extents::One(piece(one)),
                Extents::Many(many) => Extents::Many(many.iter().map(piece).collect()),
            }
        }
        // It lies in another file, where nobody but its reader finds it.
        None => Extents::Many(Box::new([])),
    };
    match location {
        Location::Stored(extents) if base.is_some() => Location::Stored(shift(&extents)),
        Location::Stored(extents) | Location::Packed(extents) => Location::Packed(shift(&extents)),
        other => other,
    }
}

/// Where an entry of the whole comes from.
#[derive(Debug, Clone)]
struct Origin {
    part: usize,
    id: EntryId,
    /// The digest that its bytes must have.
    expected: Option<Value>,
}

/// Several containers as one.
pub(super) struct Promoted {
    format: &'static str,
    catalogue: Catalogue,
    parts: Vec<Part>,
    /// One for each entry of the catalogue; `None` for what lies in the file itself.
    origins: Vec<Option<Origin>>,
    checksum: Option<&'static str>,
}

impl Promoted {
    /// The parts with the entries that `catalogue` has already, which lie in the file itself.
    pub(super) fn new(format: &'static str, catalogue: Catalogue, parts: Vec<Part>) -> Self {
        let origins = vec![None; catalogue.entries.len()];
        let mut sums = parts.iter().map(|part| part.container.member_checksum());
        let first = sums.next().flatten();
        let checksum = first.filter(|_| sums.all(|sum| sum.is_some()));
        Self { format, catalogue, parts, origins, checksum }
    }

    /// The parts.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The checksum that every member has, where the format of the whole keeps one.
    pub(super) fn checked_by(&mut self, checksum: &'static str) {
        self.checksum = Some(checksum);
    }

    /// Adds a directory that no part has.
    pub(super) fn add_directory(&mut self, path: EntryPath) {
        self.catalogue.entries.push(Entry::new(path, EntryKind::Dir));
        self.origins.push(None);
    }

    /// Adds an entry of a part under another path, with the digest that it must have where one is kept.
    pub(super) fn add(&mut self, part: usize, id: EntryId, path: EntryPath, expected: Option<Value>) {
        let Some(own) = self.parts.get(part) else { return };
        let Some(entry) = own.container.entries().get(id.0) else { return };
        let mut entry = own.entry(entry, path);
        // Entries of one container with the same number are one file: those of two containers are not.
        entry.link = entry.link.map(|link| link ^ (part as u64) << 48);
        self.catalogue.entries.push(entry);
        self.origins.push(Some(Origin { part, id, expected }));
    }

    /// Adds all entries of a part, in `folder` where one is given.
    pub(super) fn add_all(&mut self, part: usize, folder: Option<&EntryPath>) {
        let Some(own) = self.parts.get(part) else { return };
        let paths = own.container.entries().iter().map(|entry| match folder {
            None => entry.path.clone(),
            Some(folder) => folder.join(&match entry.path.raw() {
                Some(raw) => Name::lossy(entry.path.text(), raw),
                None => Name::new(entry.path.text()),
            }),
        });
        let paths: Vec<EntryPath> = paths.collect();
        for (number, path) in paths.into_iter().enumerate() {
            self.add(part, EntryId(number), path, None);
        }
    }

    fn origin(&self, id: EntryId) -> Option<(&Part, &Origin)> {
        let origin = self.origins.get(id.0)?.as_ref()?;
        Some((self.parts.get(origin.part)?, origin))
    }

    /// The content of an entry through the reader of its part, compared where a digest is known.
    fn content(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        match self.origin(id) {
            Some((part, origin)) => {
                let content = part.container.open(origin.id)?;
                Ok(match &origin.expected {
                    Some(expected) => Box::new(Checked {
                        content,
                        hasher: Some(Hasher::new(&[expected.algorithm])),
                        expected,
                    }),
                    None => content,
                })
            }
            None => Ok(Box::new(SourceReader::new(stored(self.source(), self.entry(id)?)?))),
        }
    }
}

/// What is said of a member whose digest is another than the format keeps.
fn differs() -> Error {
    Error::damaged("digest of a member, which is not the one that the bundle keeps")
}

/// Compares a digest when the last byte was read.
struct Checked<'a> {
    content: Box<dyn Read + Send + 'a>,
    hasher: Option<Hasher>,
    expected: &'a Value,
}

impl Read for Checked<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.content.read(buf)?;
        match n {
            0 if !buf.is_empty() => {
                if let Some(hasher) = self.hasher.take()
                    && !is(hasher, self.expected)
                {
                    return Err(differs().into());
                }
            }
            n => {
                if let Some(hasher) = &mut self.hasher {
                    hasher.update(buf.get(..n).unwrap_or_default());
                }
            }
        }
        Ok(n)
    }
}

fn is(hasher: Hasher, expected: &Value) -> bool {
    hasher.finish().first().is_some_and(|value| value.bytes == expected.bytes)
}

/// Gives a part's entries on under the numbers and names that they have in the whole, and compares digests.
struct Renumbered<'a> {
    sink: &'a mut dyn Sink,
    promoted: &'a Promoted,
    /// By the number in the part: the number in the whole.
    own: &'a [(EntryId, EntryId)],
    now: EntryId,
    hasher: Option<Hasher>,
}

impl Sink for Renumbered<'_> {
    fn begin(&mut self, id: EntryId, _: &Entry) -> Result<Want> {
        let at = self.own.binary_search_by_key(&id, |(inner, _)| *inner);
        let own = at.ok().and_then(|at| self.own.get(at));
        self.now = own.map_or(id, |(_, own)| *own);
        let promoted = self.promoted;
        let want = self.sink.begin(self.now, promoted.entry(self.now)?)?;
        let expected = promoted.origin(self.now).and_then(|(_, origin)| origin.expected.as_ref());
        self.hasher = expected.map(|value| Hasher::new(&[value.algorithm]));
        // What is compared must be read.
        Ok(if want == Want::Place && expected.is_some() { Want::Bytes } else { want })
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.sink.chunk(bytes)
    }

    fn stored(&mut self, _: &Entry, source: &SharedSource, extents: &Extents) -> Result<()> {
        // The extents are those of `source`, which is the part's own.
        let promoted = self.promoted;
        self.sink.stored(promoted.entry(self.now)?, source, extents)
    }

    fn end(&mut self, _: &Entry, outcome: Result<()>) -> Result<()> {
        let promoted = self.promoted;
        let expected = promoted.origin(self.now).and_then(|(_, origin)| origin.expected.as_ref());
        let outcome = match (outcome, self.hasher.take(), expected) {
            (Ok(()), Some(hasher), Some(expected)) => match is(hasher, expected) {
                true => Ok(()),
                false => Err(differs()),
            },
            (outcome, ..) => outcome,
        };
        self.sink.end(promoted.entry(self.now)?, outcome)
    }
}

impl Container for Promoted {
    fn format(&self) -> &'static str {
        self.format
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn member_checksum(&self) -> Option<&'static str> {
        self.checksum
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        self.content(id)
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        for &id in wanted.iter().filter(|id| self.origin(**id).is_none()) {
            deliver(self.source(), (id, self.entry(id)?), || self.content(id), sink)?;
        }
        for number in 0..self.parts.len() {
            let of_part = wanted.iter().filter_map(|id| {
                let (_, origin) = self.origin(*id)?;
                (origin.part == number).then_some((origin.id, *id))
            });
            let mut own: Vec<(EntryId, EntryId)> = of_part.collect();
            own.sort_unstable();
            // A member that stands under two names is read for each.
            let mut again = Vec::new();
            own.dedup_by(|next, kept| {
                let same = next.0 == kept.0;
                if same {
                    again.push(next.1);
                }
                same
            });
            let Some(part) = self.parts.get(number) else { continue };
            let inner: Vec<EntryId> = own.iter().map(|(inner, _)| *inner).collect();
            let mut renumbered =
                Renumbered { sink: &mut *sink, promoted: self, own: &own, now: EntryId(0), hasher: None };
            part.container.read_in_order(&inner, &mut renumbered)?;
            for id in again {
                deliver(
                    part.container.source(),
                    (id, self.entry(id)?),
                    || self.content(id),
                    &mut InBytes(sink),
                )?;
            }
        }
        Ok(())
    }

    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        match self.origin(id) {
            Some((part, origin)) => part.container.sub_source(origin.id, limits),
            None => stored(self.source(), self.entry(id)?),
        }
    }
}

/// A sink that gets bytes where it wants a place: the place is not the one of the source it would be told.
struct InBytes<'a>(&'a mut dyn Sink);

impl Sink for InBytes<'_> {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        let want = self.0.begin(id, entry)?;
        Ok(if want == Want::Place { Want::Bytes } else { want })
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.chunk(bytes)
    }

    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()> {
        self.0.end(entry, outcome)
    }
}
