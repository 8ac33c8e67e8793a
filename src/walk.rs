//! The one pass over a container: entries in physical order into a sink, with progress, limits and a
//! way to stop.

use crate::container::{Container, Entry, EntryId, EntryKind, Extents};
use crate::error::{Error, Kind, Result};
use crate::observe::Observer;
use crate::sink::{Sink, Want};
use crate::source::{self, SharedSource};

/// Reads `wanted` into `sink`, telling `observer` how far it is.
///
/// # Errors
/// What the sink said, or `Cancelled`. Errors in an entry's bytes go to the sink.
pub fn walk(
    container: &dyn Container,
    wanted: &[EntryId],
    sink: &mut dyn Sink,
    observer: &dyn Observer,
) -> Result<()> {
    let files = wanted.iter().filter_map(|id| container.entries().get(id.0));
    observer.total(
        files
            .filter(|entry| entry.kind == EntryKind::File)
            .fold(0, |sum, entry| entry.bytes.saturating_add(sum)),
    );
    container.read_in_order(wanted, &mut Watched { sink, observer, source: container.source() })
}

/// Passes everything on and tells the observer.
struct Watched<'a> {
    sink: &'a mut dyn Sink,
    source: &'a SharedSource,
    observer: &'a dyn Observer,
}

impl Sink for Watched<'_> {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        if self.observer.cancelled() {
            return Err(Error::new(Kind::Cancelled));
        }
        self.observer.working_on(entry.path.text());
        self.sink.begin(id, entry)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        if self.observer.cancelled() {
            return Err(Error::new(Kind::Cancelled));
        }
        self.observer.advance(bytes.len() as u64);
        self.sink.chunk(bytes)
    }

    // A place is handed on; whoever moves its bytes tells the observer.
    fn stored(&mut self, entry: &Entry, source: &SharedSource, extents: &Extents) -> Result<()> {
        self.sink.stored(entry, source, extents)
    }

    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()> {
        self.sink.end(entry, source::blamed(&**self.source, outcome))
    }
}

/// Reads entries for nothing but to see that they can be read. It stops where the operating system cannot read the source.
#[derive(Debug, Default)]
pub struct Readable {
    /// Entries that were read to their end.
    pub whole: u64,
    /// Those that could not be, and why.
    pub failed: Vec<(String, Error)>,
}

impl Sink for Readable {
    fn begin(&mut self, _: EntryId, entry: &Entry) -> Result<Want> {
        Ok(if entry.kind == EntryKind::File { Want::Bytes } else { Want::Skip })
    }

    fn chunk(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()> {
        match outcome {
            Ok(()) => self.whole += 1,
            // The source cannot be read: each further attempt may cost a dying disk what is left of it.
            Err(error) if matches!(error.kind(), Kind::Io(_)) => return Err(error.of(entry.path.text())),
            Err(error) => self.failed.push((entry.path.text().to_owned(), error)),
        }
        Ok(())
    }
}
