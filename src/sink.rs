//! Where a walk puts entries: files, digests, both. A sink is asked before an entry is read, so
//! that skipping costs nothing and a stored entry can go by the kernel.

use crate::entry::{Entry, EntryId, EntryKind, Extents, Location};
use crate::error::{Error, Result};
use crate::source::SharedSource;
use std::io::Read;

/// What a sink wants of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Its bytes, through [`Sink::chunk`].
    Bytes,
    /// Where it is stored, through [`Sink::stored`]; its bytes where it is packed.
    Place,
    /// Nothing.
    Skip,
}

/// Takes entries one after the other. For each, `begin`, then `chunk` or `stored` where wanted, then
/// `end` exactly once where `begin` did not answer `Skip`.
pub trait Sink {
    /// Asked before an entry is read.
    ///
    /// # Errors
    /// An error stops the walk.
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want>;

    /// The next bytes of the entry.
    ///
    /// # Errors
    /// An error stops the walk, after `end`.
    fn chunk(&mut self, bytes: &[u8]) -> Result<()>;

    /// Where the entry lies in `source`, for a sink that wants its `Place`.
    ///
    /// # Errors
    /// An error ends the entry, not the walk.
    fn stored(&mut self, entry: &Entry, source: &SharedSource, extents: &Extents) -> Result<()> {
        let _ = (entry, source, extents);
        Err(Error::unsupported("a place of storage in this sink"))
    }

    /// The entry is over; `outcome` says whether all its bytes came.
    ///
    /// # Errors
    /// An error stops the walk.
    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()>;
}

/// Bytes a chunk has at most. Small writes are faster than large ones on ext4 (docs/PERFORMANCE.md).
pub const CHUNK: usize = 64 << 10;

/// Gives one entry to a sink; `open` opens its content where the sink wants bytes.
///
/// # Errors
/// What the sink said. Errors in the entry's bytes go to [`Sink::end`].
pub fn deliver<'a>(
    source: &SharedSource,
    (id, entry): (EntryId, &Entry),
    open: impl FnOnce() -> Result<Box<dyn Read + Send + 'a>>,
    sink: &mut dyn Sink,
) -> Result<()> {
    let want = sink.begin(id, entry)?;
    let outcome = match (want, &entry.location) {
        (Want::Skip, _) => return Ok(()),
        _ if entry.kind != EntryKind::File => Ok(()),
        (Want::Place, Location::Stored(extents)) => {
            check_reach(source, entry, extents).and_then(|()| sink.stored(entry, source, extents))
        }
        _ => match pump(entry, open, sink) {
            Err(Stop::Sink(error)) => {
                sink.end(entry, Err(Error::new(crate::error::Kind::Cancelled)))?;
                return Err(error);
            }
            Err(Stop::Entry(error)) => Err(error),
            Ok(()) => Ok(()),
        },
    };
    sink.end(entry, outcome)
}

/// An entry whose extents end behind the source is truncated; nothing has to be read to know.
fn check_reach(source: &SharedSource, entry: &Entry, extents: &Extents) -> Result<()> {
    if extents.bytes() < entry.bytes {
        return Err(Error::truncated(entry.bytes, extents.bytes()).during("extents"));
    }
    if extents.end() > source.len() {
        return Err(Error::truncated(extents.end(), source.len()).during("extents"));
    }
    Ok(())
}

enum Stop {
    Entry(Error),
    Sink(Error),
}

fn pump<'a>(
    entry: &Entry,
    open: impl FnOnce() -> Result<Box<dyn Read + Send + 'a>>,
    sink: &mut dyn Sink,
) -> Result<(), Stop> {
    let mut content = open().map_err(Stop::Entry)?;
    let size = usize::try_from(entry.bytes).unwrap_or(CHUNK).clamp(1, CHUNK);
    let mut buf = vec![0; size];
    let mut done = 0u64;
    loop {
        let n = match content.read(&mut buf) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Stop::Entry(Error::from(error))),
        };
        done = done.saturating_add(n as u64);
        if done > entry.bytes {
            return Err(Stop::Entry(Error::damaged("more bytes than its size says")));
        }
        sink.chunk(buf.get(..n).unwrap_or_default()).map_err(Stop::Sink)?;
    }
    if done < entry.bytes {
        return Err(Stop::Entry(Error::truncated(entry.bytes, done).during("content")));
    }
    Ok(())
}
