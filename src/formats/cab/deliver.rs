//! Members of one folder, given to a sink while the folder is unpacked once.

use super::run::Wrong;
use crate::container::{Entry, EntryId, Location};
use crate::error::{Error, Kind, Result};
use crate::sink::{CHUNK, Sink, Want};
use std::io::Read;
use std::ops::Range;

/// Members that overlap (writers store equal files once) are given from memory where they span no more than
/// so many bytes together.
const SHARED: u64 = 32 << 20;

/// What a folder unpacks to, and how far it was read.
struct Stream<'r> {
    run: &'r mut dyn Read,
    at: u64,
    broken: Option<Error>,
    buffer: Vec<u8>,
}

impl Stream<'_> {
    /// Up to `want` bytes, and 64 KiB; they lie in `buffer`.
    fn read(&mut self, want: u64) -> Result<usize> {
        if let Some(error) = &self.broken {
            return Err(error.again());
        }
        let want = usize::try_from(want).unwrap_or(CHUNK).min(CHUNK);
        let read = loop {
            match self.run.read(self.buffer.get_mut(..want).unwrap_or_default()) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                read => break read.map_err(Error::from),
            }
        };
        let read = match read {
            Ok(0) if want > 0 => {
                Err(Error::truncated(self.at.saturating_add(want as u64), self.at).during("packed folder"))
            }
            read => read,
        };
        match read {
            Ok(n) => {
                self.at = self.at.saturating_add(n as u64);
                Ok(n)
            }
            Err(error) => Err(self.broken.insert(error).again()),
        }
    }

    /// The next `len` bytes, piece by piece.
    fn each(&mut self, len: u64, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut left = len;
        while left > 0 {
            let n = self.read(left)?;
            left = left.saturating_sub(n as u64);
            take(self.buffer.get(..n).unwrap_or_default())?;
        }
        Ok(())
    }

    fn skip_to(&mut self, offset: u64) -> Result<()> {
        self.each(offset.saturating_sub(self.at), |_| Ok(()))
    }
}

/// Where a member lies in its folder.
fn range(entry: &Entry) -> Range<u64> {
    let start = match entry.location {
        Location::Solid { offset, .. } => offset,
        _ => 0,
    };
    start..start.saturating_add(entry.bytes)
}

/// Gives `members`, sorted by offset, to a sink. Some that overlap with others come back: they need the run
/// once more.
///
/// # Errors
/// What the sink said; what is wrong with the bytes goes to [`Sink::end`].
pub(super) fn deliver(
    entries: &[Entry],
    members: &[EntryId],
    (run, wrong): (&mut dyn Read, &Wrong),
    sink: &mut dyn Sink,
) -> Result<Vec<EntryId>> {
    let members = members.iter().filter_map(|&id| Some((id, entries.get(id.0)?)));
    let members: Vec<(EntryId, &Entry, Range<u64>)> =
        members.map(|(id, entry)| (id, entry, range(entry))).collect();
    let mut stream = Stream { run, at: 0, broken: None, buffer: vec![0; CHUNK] };
    let mut again = Vec::new();
    let mut rest = members.as_slice();
    while let Some((_, _, first)) = rest.first() {
        let mut end = first.end;
        let overlapping = |(_, _, range): &&(EntryId, &Entry, Range<u64>)| {
            let fits = range.start < end;
            end = end.max(range.end);
            fits
        };
        let count = 1 + rest.iter().skip(1).take_while(overlapping).count();
        let (group, behind) = rest.split_at(count.min(rest.len()));
        rest = behind;
        let group_end = group.iter().map(|(_, _, range)| range.end).max().unwrap_or(end);
        if group.len() > 1 && group_end - first.start <= SHARED {
            from_memory(&mut stream, group, first.start..group_end, wrong, sink)?;
            continue;
        }
        for (id, entry, range) in group {
            if range.start < stream.at && stream.broken.is_none() {
                again.push(*id);
            } else if sink.begin(*id, entry)? != Want::Skip {
                one(&mut stream, entry, range, wrong, sink)?;
            }
        }
    }
    Ok(again)
}

/// A member that was begun, straight from the stream.
fn one(
    stream: &mut Stream<'_>,
    entry: &Entry,
    range: &Range<u64>,
    wrong: &Wrong,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut refused = None;
    let outcome = stream.skip_to(range.start).and_then(|()| {
        stream.each(entry.bytes, |bytes| {
            sink.chunk(bytes).map_err(|error| {
                refused = Some(error);
                Error::new(Kind::Cancelled)
            })
        })
    });
    if let Some(error) = refused {
        sink.end(entry, Err(Error::new(Kind::Cancelled)))?;
        return Err(error);
    }
    sink.end(entry, outcome.and_then(|()| wrong.check(range)))
}

/// Members that overlap, from what they span.
fn from_memory(
    stream: &mut Stream<'_>,
    group: &[(EntryId, &Entry, Range<u64>)],
    span: Range<u64>,
    wrong: &Wrong,
    sink: &mut dyn Sink,
) -> Result<()> {
    let mut bytes: Option<(Vec<u8>, Result<()>)> = None;
    for (id, entry, range) in group {
        if sink.begin(*id, entry)? == Want::Skip {
            continue;
        }
        let (bytes, outcome) = bytes.get_or_insert_with(|| {
            let mut bytes = Vec::new();
            let outcome = stream.skip_to(span.start).and_then(|()| {
                stream.each(span.end - span.start, |more| {
                    bytes.extend_from_slice(more);
                    Ok(())
                })
            });
            (bytes, outcome)
        });
        let place = |at: u64| usize::try_from(at - span.start).unwrap_or(usize::MAX);
        let outcome = match (bytes.get(place(range.start)..place(range.end)), outcome) {
            (Some(content), _) => {
                for chunk in content.chunks(CHUNK) {
                    if let Err(error) = sink.chunk(chunk) {
                        sink.end(entry, Err(Error::new(Kind::Cancelled)))?;
                        return Err(error);
                    }
                }
                wrong.check(range)
            }
            (None, Err(error)) => Err(error.again()),
            (None, Ok(())) => Err(Error::damaged("range of a member")),
        };
        sink.end(entry, outcome)?;
    }
    Ok(())
}

/// One member alone.
pub(super) struct Member<R> {
    pub(super) run: R,
    pub(super) wrong: Wrong,
    /// What is left of it.
    pub(super) range: Range<u64>,
}

impl<R: Read> Read for Member<R> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.range.end - self.range.start).unwrap_or(usize::MAX);
        let want = left.min(buf.len());
        if want == 0 {
            return Ok(0);
        }
        let n = self.run.read(buf.get_mut(..want).unwrap_or_default())?;
        let end = self.range.start + n as u64;
        self.wrong.check(&(self.range.start..end))?;
        self.range.start = end;
        Ok(n)
    }
}

/// Reads a run up to `offset`.
///
/// # Errors
/// What reading said; `Truncated` where the run ends before.
pub(super) fn skip_to(run: &mut dyn Read, offset: u64) -> Result<()> {
    let mut stream = Stream { run, at: 0, broken: None, buffer: vec![0; CHUNK] };
    stream.skip_to(offset)
}
