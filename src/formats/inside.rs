//! Containers whose members lie in other containers: the tar archive that a stream unpacks to, the two
//! archives of a Debian package, the file system behind an AppImage's program. What is inside is shown as
//! if it were the container itself.

use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Extents, Finding, Location, Name, Severity,
};
use crate::digest::{Hasher, Value};
use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::sink::{Sink, Want};
use crate::source::{Piece, SharedSource, spool};
use crate::text::count;
use std::collections::HashMap;
use std::io::{self, Read};

/// Where the source of an inner container lies in the outer one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stands {
    /// As it is, from that byte on.
    At(u64),
    /// Unpacked from it.
    Unpacked,
}

/// One inner container and the first of its entries in the outer list.
struct Part {
    container: Box<dyn Container>,
    first: usize,
}

/// A container that shows the entries of others.
pub(crate) struct Inside {
    format: &'static str,
    checksum: Option<&'static str>,
    catalogue: Catalogue,
    parts: Vec<Part>,
    /// Digests that members must have, by entry.
    digests: HashMap<usize, Value>,
}

impl Inside {
    /// `catalogue` is the outer container's, without entries.
    pub(crate) fn new(format: &'static str, catalogue: Catalogue) -> Self {
        Self { format, checksum: None, catalogue, parts: Vec::new(), digests: HashMap::new() }
    }

    /// The same, with the checksum that reading members compares.
    pub(crate) fn checked(mut self, checksum: Option<&'static str>) -> Self {
        self.compares(checksum);
        self
    }

    /// Reading members compares that checksum.
    pub(crate) fn compares(&mut self, checksum: Option<&'static str>) {
        self.checksum = checksum;
    }

    /// What the outer catalogue says.
    pub(crate) fn catalogue_mut(&mut self) -> &mut Catalogue {
        &mut self.catalogue
    }

    /// Digests that members must have, by the number of their entry.
    pub(crate) fn expect(&mut self, digests: HashMap<usize, Value>) {
        self.digests = digests;
    }

    /// Adds what is in `container`, below the directory `prefix` where that is not empty.
    pub(crate) fn add(&mut self, container: Box<dyn Container>, prefix: &str, stands: Stands) {
        let catalogue = &mut self.catalogue;
        let first = catalogue.entries.len();
        let shift = if prefix.is_empty() { 0 } else { 1 };
        let run = u32::try_from(self.parts.len()).unwrap_or(u32::MAX);
        if !prefix.is_empty() {
            catalogue.entries.push(Entry::new(EntryPath::new(prefix), EntryKind::Dir));
        }
        let links = catalogue.entries.iter().filter_map(|entry| entry.link).max().map_or(0, |link| link + 1);
        for entry in container.entries() {
            let path = match prefix {
                "" => entry.path.clone(),
                _ => EntryPath::new(prefix).join(&Name::from_utf8(entry.path.bytes())),
            };
            let location = moved(&entry.location, stands, run);
            let link = entry.link.map(|link| link.saturating_add(links));
            catalogue.entries.push(Entry { path, location, link, ..entry.clone() });
        }
        for finding in container.findings() {
            let mut finding = finding.clone();
            if !prefix.is_empty() && !finding.subject.is_empty() {
                finding.subject = format!("{prefix}/{}", finding.subject);
            }
            catalogue.findings.push(finding);
        }
        let (end, have) = (container.extent().end, container.source().len());
        if stands == Stands::Unpacked && end > have {
            let what = format!(
                "what is unpacked ends {} early: {end} are declared, {have} are there",
                count(end - have, "byte")
            );
            catalogue.findings.push(Finding::new(Severity::Damaged, what));
        }
        catalogue.layers.extend_from_slice(container.layers());
        self.parts.push(Part { container, first: first.saturating_add(shift) });
    }

    /// The part that has the entry, and the entry's number there.
    fn part(&self, id: EntryId) -> Option<(&Part, EntryId)> {
        let part = self.parts.iter().rev().find(|part| part.first <= id.0)?;
        let inner = EntryId(id.0.checked_sub(part.first)?);
        part.container.entries().get(inner.0).map(|_| (part, inner))
    }
}

/// An inner location as one of the outer container.
fn moved(location: &Location, stands: Stands, run: u32) -> Location {
    let by = |extents: &Extents, at: u64| {
        let pieces = extents.pieces().iter();
        let pieces = pieces.map(|piece| Piece { at: piece.at.map(|from| from.saturating_add(at)), ..*piece });
        Extents::from(pieces.collect::<Vec<_>>())
    };
    match (location, stands) {
        (Location::Nowhere, _) => Location::Nowhere,
        (Location::Stored(extents), Stands::At(at)) => Location::Stored(by(extents, at)),
        (Location::Packed(extents), Stands::At(at)) => Location::Packed(by(extents, at)),
        _ => Location::Solid { run, offset: location.order().0 },
    }
}

impl Container for Inside {
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
        let Some((part, inner)) = self.part(id) else {
            self.entry(id)?;
            return Ok(Box::new(io::empty()));
        };
        let content = part.container.open(inner)?;
        Ok(match self.digests.get(&id.0) {
            Some(value) => Box::new(Checked::new(content, self.entry(id)?.bytes, value.clone())),
            None => content,
        })
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        for &id in wanted.iter().filter(|id| self.part(**id).is_none()) {
            let entry = self.entry(id)?;
            if sink.begin(id, entry)? != Want::Skip {
                sink.end(entry, Ok(()))?;
            }
        }
        for part in &self.parts {
            let of_it = part.first..part.first.saturating_add(part.container.entries().len());
            let inner: Vec<EntryId> = wanted
                .iter()
                .filter(|id| of_it.contains(&id.0))
                .map(|id| EntryId(id.0 - part.first))
                .collect();
            let mut outer = Outer { of: self, first: part.first, now: None, sink };
            part.container.read_in_order(&inner, &mut outer)?;
        }
        Ok(())
    }

    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        match self.part(id) {
            Some((part, inner)) if !self.digests.contains_key(&id.0) => {
                part.container.sub_source(inner, limits)
            }
            _ => spool(&mut *self.open(id)?, limits),
        }
    }
}

/// Gives an inner container's entries to a sink as those of the outer one, and compares their digests.
struct Outer<'a> {
    of: &'a Inside,
    first: usize,
    now: Option<(EntryId, Option<(Hasher, &'a Value)>)>,
    sink: &'a mut dyn Sink,
}

impl Sink for Outer<'_> {
    fn begin(&mut self, id: EntryId, _: &Entry) -> Result<Want> {
        let id = EntryId(id.0.saturating_add(self.first));
        let entry = self.of.entry(id)?;
        let want = self.sink.begin(id, entry)?;
        let digest = self.of.digests.get(&id.0).filter(|_| want != Want::Skip);
        self.now = Some((id, digest.map(|value| (Hasher::new(&[value.algorithm]), value))));
        // A place is none of the outer source where the inner one was unpacked.
        let is_stored = matches!(entry.location, Location::Stored(_));
        Ok(if want == Want::Place && (digest.is_some() || !is_stored) { Want::Bytes } else { want })
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some((_, Some((hasher, _)))) = &mut self.now {
            hasher.update(bytes);
        }
        self.sink.chunk(bytes)
    }

    fn stored(&mut self, entry: &Entry, source: &SharedSource, extents: &Extents) -> Result<()> {
        self.sink.stored(entry, source, extents)
    }

    fn end(&mut self, _: &Entry, outcome: Result<()>) -> Result<()> {
        let Some((id, digest)) = self.now.take() else { return Ok(()) };
        let differing = digest.is_some_and(|(hasher, value)| hasher.finish().first() != Some(value));
        let outcome = outcome.and_then(|()| if differing { Err(differs()) } else { Ok(()) });
        self.sink.end(self.of.entry(id)?, outcome)
    }
}

fn differs() -> Error {
    Error::damaged("its digest is not the one that the package gives")
}

/// Compares a digest at the end of what is read.
struct Checked<'a> {
    content: Box<dyn Read + Send + 'a>,
    /// Bytes that are still to come; where they do not, that is what is wrong.
    left: u64,
    hasher: Option<Hasher>,
    value: Value,
}

impl<'a> Checked<'a> {
    fn new(content: Box<dyn Read + Send + 'a>, bytes: u64, value: Value) -> Self {
        Self { content, left: bytes, hasher: Some(Hasher::new(&[value.algorithm])), value }
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.content.read(buf)?;
        self.left = self.left.saturating_sub(n as u64);
        if n > 0 {
            if let Some(hasher) = &mut self.hasher {
                hasher.update(buf.get(..n).unwrap_or_default());
            }
        } else if !buf.is_empty()
            && self.left == 0
            && let Some(hasher) = self.hasher.take()
            && hasher.finish().first() != Some(&self.value)
        {
            return Err(differs().into());
        }
        Ok(n)
    }
}

/// What came of unpacking: as many bytes as there were, and why there are no more.
pub(crate) struct Unpacked {
    /// The bytes that came.
    pub(crate) source: SharedSource,
    /// What the decoder said at the end of them, where that was not the end of the stream.
    pub(crate) failed: Option<Error>,
}

/// Spools what `from` gives; damage ends it and is kept, so that what lies before it can be read.
///
/// # Errors
/// Limits, cancelling, and what the operating system said.
pub(crate) fn unpack(from: &mut dyn Read, limits: &Limits) -> Result<Unpacked> {
    let mut lenient = Lenient { from, failed: None };
    let source = spool(&mut lenient, limits)?;
    match lenient.failed {
        Some(error) if !error.is_damage() && !matches!(error.kind(), Kind::Unsupported(_)) => Err(error),
        // Nothing at all came: there is nothing to show.
        Some(error) if source.is_empty() => Err(error),
        failed => Ok(Unpacked { source, failed }),
    }
}

/// An error is the end, and kept.
struct Lenient<'a> {
    from: &'a mut dyn Read,
    failed: Option<Error>,
}

impl Read for Lenient<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Ok(0);
        }
        match self.from.read(buf) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.failed = Some(error.into());
                Ok(0)
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;

    #[test]
    fn a_wrong_digest_is_said_at_the_end() {
        let value = Value::from_hex(Algorithm::Crc32, "00000000").unwrap();
        let mut checked = Checked::new(Box::new(&b"content"[..]), 7, value);
        let mut out = Vec::new();
        assert!(checked.read_to_end(&mut out).is_err());
        assert_eq!(out, b"content");
    }

    #[test]
    fn what_came_before_damage_is_kept() {
        struct Bad(bool);
        impl Read for Bad {
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) {
                    return Err(Error::damaged("x").into());
                }
                buf[..3].copy_from_slice(b"abc");
                Ok(3)
            }
        }
        let unpacked = unpack(&mut Bad(false), &Limits::default()).unwrap();
        assert_eq!((unpacked.source.len(), unpacked.failed.is_some()), (3, true));
        assert!(unpack(&mut Bad(true), &Limits::default()).is_err());
    }
}
