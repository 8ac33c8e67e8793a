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
    /// Where it is stored, through [`Sink::stored`]; its bytes where it is packed, or where the container
    /// has to see them itself.
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
        _ => match pump(entry, || open().map(|content| content as Box<dyn Read + 'a>), sink) {
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

/// Gives one entry, whose content somebody else reads, to a sink.
///
/// # Errors
/// What the sink said. Errors in the entry's bytes go to [`Sink::end`].
pub fn deliver_content(
    (id, entry): (EntryId, &Entry),
    content: &mut dyn Read,
    sink: &mut dyn Sink,
) -> Result<()> {
    if sink.begin(id, entry)? == Want::Skip {
        return Ok(());
    }
    let outcome = match pump(entry, || Ok(Box::new(content)), sink) {
        Err(Stop::Sink(error)) => {
            sink.end(entry, Err(Error::new(crate::error::Kind::Cancelled)))?;
            return Err(error);
        }
        Err(Stop::Entry(error)) => Err(error),
        Ok(()) => Ok(()),
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

/// Gives members of one solid run to a sink while `run` is decoded once. `members` are in the order of
/// their offsets in the run ([`Location::Solid`]). Members that begin before the place that is reached
/// overlap with an earlier one: they come back and need the run again.
///
/// # Errors
/// What the sink said. Errors in the run's bytes go to [`Sink::end`] of every member behind them.
pub fn deliver_run(
    entries: &[Entry],
    members: &[EntryId],
    run: &mut dyn Read,
    sink: &mut dyn Sink,
) -> Result<Vec<EntryId>> {
    deliver_run_checked(entries, members, run, &|_| None, sink)
}

/// As [`deliver_run`], for formats that keep the CRC-32 of each member. A member whose checksum differs
/// fails alone: the run goes on behind it.
///
/// # Errors
/// As [`deliver_run`].
pub fn deliver_run_checked(
    entries: &[Entry],
    members: &[EntryId],
    run: &mut dyn Read,
    crc: &dyn Fn(EntryId) -> Option<u32>,
    sink: &mut dyn Sink,
) -> Result<Vec<EntryId>> {
    let mut again = Vec::new();
    let mut at = 0u64;
    let mut broken: Option<Error> = None;
    for &id in members {
        let Some(entry) = entries.get(id.0) else { continue };
        let offset = match entry.location {
            Location::Solid { offset, .. } => offset,
            _ => at,
        };
        if offset < at && broken.is_none() {
            again.push(id);
            continue;
        }
        if sink.begin(id, entry)? == Want::Skip {
            continue;
        }
        if broken.is_none() {
            let (skipped, outcome) = skip(run, offset.saturating_sub(at));
            at = at.saturating_add(skipped);
            broken = outcome.err();
        }
        let outcome = match &broken {
            Some(error) => Err(error.again()),
            None => {
                let mut content = Counted {
                    run: run.take(entry.bytes),
                    bytes: 0,
                    sum: crc(id).map(|_| crc32fast::Hasher::new()),
                };
                let outcome = pump(entry, || Ok(Box::new(&mut content)), sink);
                at = at.saturating_add(content.bytes);
                let sum = content.sum.map(crc32fast::Hasher::finalize);
                match outcome {
                    Ok(()) if sum != crc(id) => Err(Error::damaged("checksum").field("crc-32")),
                    Ok(()) => Ok(()),
                    Err(Stop::Sink(error)) => {
                        sink.end(entry, Err(Error::new(crate::error::Kind::Cancelled)))?;
                        return Err(error);
                    }
                    Err(Stop::Entry(error)) => Err(broken.insert(error).again()),
                }
            }
        };
        sink.end(entry, outcome)?;
    }
    Ok(again)
}

/// Reads and drops `len` bytes; how many there were, and why not all.
fn skip(run: &mut dyn Read, len: u64) -> (u64, Result<()>) {
    let mut buf = vec![0; usize::try_from(len).unwrap_or(CHUNK).min(CHUNK)];
    let mut done = 0u64;
    while done < len {
        let want = usize::try_from(len - done).unwrap_or(CHUNK).min(CHUNK);
        match run.read(buf.get_mut(..want).unwrap_or_default()) {
            Ok(0) => return (done, Err(Error::truncated(len, done).during("packed run"))),
            Ok(n) => done = done.saturating_add(n as u64),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return (done, Err(error.into())),
        }
    }
    (done, Ok(()))
}

/// Counts what is read, and sums it up where there is something to compare it with.
struct Counted<R> {
    run: R,
    bytes: u64,
    sum: Option<crc32fast::Hasher>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.run.read(buf)?;
        self.bytes = self.bytes.saturating_add(n as u64);
        if let Some(sum) = &mut self.sum {
            sum.update(buf.get(..n).unwrap_or_default());
        }
        Ok(n)
    }
}

enum Stop {
    Entry(Error),
    Sink(Error),
}

fn pump<'a>(
    entry: &Entry,
    open: impl FnOnce() -> Result<Box<dyn Read + 'a>>,
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
