//! What a format reader gives: entries, where their bytes lie, and what it noticed on the way.

pub use crate::entry::{Entry, EntryId, EntryKind, EntryPath, Extents, Location, Name, Role};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::observe::Observer;
use crate::sink::{Sink, deliver};
use crate::source::{Piece, Pieces, SharedSource, Slice, SourceReader, spool};
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

/// How bad a thing is that a reader noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing, nothing is wrong.
    Note,
    /// Against the specification, and no byte of a member is lost by it.
    Weak,
    /// Bytes or names are missing or cannot be trusted.
    Damaged,
}

/// Something a reader noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The entry's path, or empty for the container itself.
    pub subject: String,
    /// What it is, in lower case and with its numbers.
    pub what: String,
}

impl Finding {
    /// A finding about the container itself.
    #[must_use]
    pub fn new(severity: Severity, what: impl Into<String>) -> Self {
        Self { severity, subject: String::new(), what: what.into() }
    }

    /// A finding about one entry.
    #[must_use]
    pub fn about(severity: Severity, subject: &str, what: impl Into<String>) -> Self {
        Self { severity, subject: subject.to_owned(), what: what.into() }
    }
}

/// Findings while they are gathered: bounded, because a hostile medium has millions.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    left_out: u64,
}

impl Findings {
    const MOST: usize = 1000;

    /// Adds one; past a thousand they are only counted.
    pub fn push(&mut self, finding: Finding) {
        if self.list.len() < Self::MOST { self.list.push(finding) } else { self.left_out += 1 }
    }

    /// Adds everything that `other` gathered.
    pub fn append(&mut self, other: Self) {
        other.list.into_iter().for_each(|finding| self.push(finding));
        self.left_out += other.left_out;
    }

    /// All that were kept, the last line saying how many were not.
    #[must_use]
    pub fn finish(mut self) -> Vec<Finding> {
        if self.left_out > 0 {
            let what = format!("{} more findings of this kind", self.left_out);
            self.list.push(Finding::new(Severity::Damaged, what));
        }
        self.list
    }
}

/// One way in which the bytes are organised: a tree, a boot catalog, a partition table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Nested path; empty for the medium itself.
    pub path: String,
    /// Its format's name.
    pub format: &'static str,
    /// What kind, in words: `UDF 1.02`, `Joliet level 3`.
    pub detail: String,
    /// Its volume label.
    pub label: Option<String>,
    /// How many files are in it, where they were counted.
    pub entries: Option<u64>,
    /// True where the entries shown come from it.
    pub used: bool,
}

/// What a container says of itself besides its entries: what `inspect` weighs.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The volume's name.
    pub label: Option<String>,
    /// Other named values, as stored: `publisher`, `application`, `created`.
    pub named: Vec<(&'static str, String)>,
    /// How a machine can start from it.
    pub boot: Boot,
}

/// How a machine can start from a medium.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Boot {
    /// A boot image for PC BIOS.
    pub bios: bool,
    /// A boot image for UEFI.
    pub uefi: bool,
    /// Other platforms of the boot catalog.
    pub other: Vec<&'static str>,
}

/// A part of the source that has a name and is no entry: a partition behind the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// What it is.
    pub what: String,
    /// Where it lies, in bytes.
    pub range: Range<u64>,
}

/// What reading a container's catalogue gave.
pub struct Catalogue {
    /// The bytes it lies in.
    pub source: SharedSource,
    /// How far the format says it reaches, in bytes from the source's first. Past the source: truncated.
    /// Short of it: a tail to explain.
    pub end: u64,
    /// What it says of itself.
    pub facts: Facts,
    /// Its members, parents before children.
    pub entries: Vec<Entry>,
    /// What was noticed while reading it.
    pub findings: Vec<Finding>,
    /// How its bytes are organised.
    pub layers: Vec<Layer>,
    /// Parts of the source that have a name and are no entries.
    pub regions: Vec<Region>,
}

impl Catalogue {
    /// Nothing known yet of what lies in `source`.
    #[must_use]
    pub fn new(source: SharedSource) -> Self {
        Self {
            source,
            end: 0,
            facts: Facts::default(),
            entries: Vec::new(),
            findings: Vec::new(),
            layers: Vec::new(),
            regions: Vec::new(),
        }
    }
}

/// What checking everything that the members of a container are made of found.
#[derive(Debug, Default)]
pub struct Resources {
    /// How many there are; each counts once, whatever the number of members that it is.
    pub count: u64,
    /// Bytes they unpack to.
    pub bytes: u64,
    /// Where they lie in the container's source, packed.
    pub ranges: Vec<Range<u64>>,
    /// Those that are not as they must be.
    pub failed: Vec<BadResource>,
}

/// A resource that is not as it must be.
#[derive(Debug)]
pub struct BadResource {
    /// Its digest, or what it is.
    pub name: String,
    /// The members that it is.
    pub members: Vec<String>,
    /// What is wrong.
    pub error: Error,
}

/// Something that can be opened and has entries. A format whose members are plain ranges has only to say
/// its name and its catalogue.
pub trait Container: Send + Sync {
    /// The format's name, from the table of formats.
    fn format(&self) -> &'static str;

    /// What reading it gave.
    fn catalogue(&self) -> &Catalogue;

    /// The checksum that the format keeps of its members' bytes and that reading them compares: `crc32`.
    /// `None` where a changed byte goes unnoticed.
    fn member_checksum(&self) -> Option<&'static str> {
        None
    }

    /// Where the packed bytes of a solid run lie; empty where the format does not say.
    fn run_ranges(&self, run: u32) -> Vec<Range<u64>> {
        let _ = run;
        Vec::new()
    }

    /// Unpacks each resource once and compares it with its digest, in a format that has resources which members
    /// share; `None` in others.
    ///
    /// # Errors
    /// `Cancelled`. What is wrong with a resource is in [`Resources::failed`].
    fn check_resources(&self, observer: &dyn Observer) -> Result<Option<Resources>> {
        let _ = observer;
        Ok(None)
    }

    /// The number of an entry's content, in a format that keeps equal contents once: entries with the same
    /// number have the same bytes, by design and not by chance. `None` where it has none of its own.
    fn content(&self, id: EntryId) -> Option<u64> {
        let _ = id;
        None
    }

    /// The bytes it lies in.
    fn source(&self) -> &SharedSource {
        &self.catalogue().source
    }

    /// How far the format says it reaches, in bytes; see [`Catalogue::end`].
    fn extent(&self) -> Range<u64> {
        0..self.catalogue().end
    }

    /// What it says of itself.
    fn facts(&self) -> &Facts {
        &self.catalogue().facts
    }

    /// Its members, parents before children.
    fn entries(&self) -> &[Entry] {
        &self.catalogue().entries
    }

    /// What was noticed while reading it.
    fn findings(&self) -> &[Finding] {
        &self.catalogue().findings
    }

    /// How its bytes are organised.
    fn layers(&self) -> &[Layer] {
        &self.catalogue().layers
    }

    /// Parts of the source that have a name and are no entries.
    fn regions(&self) -> &[Region] {
        &self.catalogue().regions
    }

    /// The entry with that number.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    fn entry(&self, id: EntryId) -> Result<&Entry> {
        self.entries().get(id.0).ok_or_else(|| Error::not_found(format!("entry {}", id.0), None))
    }

    /// The content of an entry, from its first byte.
    ///
    /// # Errors
    /// Where the entry's bytes cannot be found; errors within them come from `Read`.
    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(SourceReader::new(stored(self.source(), self.entry(id)?)?)))
    }

    /// Gives the wanted entries to `sink` in physical order, every solid run decoded once.
    ///
    /// # Errors
    /// What the sink said; errors in an entry's bytes go to [`Sink::end`] and do not stop the others.
    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        let entries = self.entries();
        let mut order = wanted.to_vec();
        order.sort_by_key(|id| (entries.get(id.0).map(|entry| entry.location.order()), *id));
        for id in order {
            deliver(self.source(), (id, self.entry(id)?), || self.open(id), sink)?;
        }
        Ok(())
    }

    /// The entry as a source: a slice where it is stored, a spool otherwise. All nesting needs.
    ///
    /// # Errors
    /// As [`Container::open`], and the spool's limits.
    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        let entry = self.entry(id)?;
        match entry.location {
            Location::Stored(_) | Location::Nowhere => stored(self.source(), entry),
            _ => spool(&mut *self.open(id)?, limits),
        }
    }
}

/// A stored entry as a source. It is as long as the entry says, or shorter where the medium ends.
///
/// # Errors
/// `Unsupported` where the entry is packed.
pub fn stored(source: &SharedSource, entry: &Entry) -> Result<SharedSource> {
    match &entry.location {
        Location::Nowhere => Ok(Arc::new(Vec::new())),
        Location::Stored(Extents::One(Piece { at: Some(at), len })) => {
            let len = (*len).min(entry.bytes);
            Ok(Arc::new(Slice::new(source.clone(), *at..at.saturating_add(len))))
        }
        Location::Stored(extents) => Ok(Arc::new(Pieces::new(source.clone(), extents.pieces().to_vec()))),
        _ => Err(Error::unsupported("packed entry without a decoder")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_counted_past_a_thousand() {
        let mut findings = Findings::default();
        for _ in 0..1500 {
            findings.push(Finding::new(Severity::Weak, "x"));
        }
        let list = findings.finish();
        assert_eq!(list.len(), 1001);
        assert_eq!(list[1000].what, "500 more findings of this kind");
    }
}
