//! Decoding ahead: several packed runs are decoded by threads of their own while the first of them is
//! consumed, in order. What is decoded and not consumed yet is bounded, so that memory is.

use crate::error::{Error, Kind, Result};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Bytes of one buffer.
const BUFFER: usize = 256 << 10;
/// Buffers of one run that may wait: 48 MiB.
const WAITING: usize = 192;

/// Opens every run `0..runs` with `open` and gives it to `consume`, in order. With more than one thread the
/// runs behind the one that is consumed are decoded meanwhile. A run that `consume` leaves early is not
/// decoded to its end.
///
/// # Errors
/// What `consume` said. Errors of `open` and of decoding come out of the reader that `consume` gets.
pub fn decode_ahead<'env, O, C>(runs: usize, threads: usize, open: O, mut consume: C) -> Result<()>
where
    O: Fn(usize) -> Result<Box<dyn Read + Send + 'env>> + Sync,
    C: FnMut(usize, &mut dyn Read) -> Result<()>,
{
    if threads <= 1 {
        for run in 0..runs {
            match open(run) {
                Ok(mut content) => consume(run, &mut *content)?,
                Err(error) => consume(run, &mut Failing(Some(error)))?,
            }
        }
        return Ok(());
    }
    let (give, jobs) = channel::<(usize, SyncSender<io::Result<Vec<u8>>>)>();
    let jobs = Mutex::new(jobs);
    std::thread::scope(|scope| {
        // Dropped before the scope waits for its threads: they end when no job can come.
        let give = give;
        let (jobs, open) = (&jobs, &open);
        let work = || {
            loop {
                let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((run, out)) = job else { break };
                decode(open(run), &out);
            }
        };
        let mut started = 0;
        let mut flying: VecDeque<(usize, Receiver<io::Result<Vec<u8>>>)> = VecDeque::new();
        let mut next = 0;
        let mut outcome = Ok(());
        loop {
            while next < runs && flying.len() <= threads {
                let (out, content) = sync_channel(WAITING);
                // Threads end only after this sender is dropped.
                let _ = give.send((next, out));
                flying.push_back((next, content));
                next += 1;
                if started < threads {
                    scope.spawn(work);
                    started += 1;
                }
            }
            let Some((run, content)) = flying.pop_front() else { break };
            outcome = consume(run, &mut Decoded { content, buffer: Vec::new(), at: 0 });
            if outcome.is_err() {
                break;
            }
        }
        drop(flying);
        drop(give);
        outcome
    })
}

/// Decodes one run into `out`, until nobody listens.
fn decode(content: Result<Box<dyn Read + Send + '_>>, out: &SyncSender<io::Result<Vec<u8>>>) {
    let mut content = match content {
        Ok(content) => content,
        Err(error) => {
            let _ = out.send(Err(error.into()));
            return;
        }
    };
    loop {
        let mut buffer = vec![0; BUFFER];
        let mut filled = 0;
        let mut failed = None;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match content.read(rest) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let whole = filled == buffer.len();
        buffer.truncate(filled);
        if filled > 0 && out.send(Ok(buffer)).is_err() {
            return;
        }
        if let Some(error) = failed {
            let _ = out.send(Err(error));
            return;
        }
        if !whole {
            return;
        }
    }
}

/// What another thread decodes, as it comes.
struct Decoded {
    content: Receiver<io::Result<Vec<u8>>>,
    buffer: Vec<u8>,
    at: usize,
}

impl Read for Decoded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.buffer.len() {
            match self.content.recv() {
                Ok(Ok(buffer)) => (self.buffer, self.at) = (buffer, 0),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Ok(0),
            }
        }
        let mut rest = self.buffer.get(self.at..).unwrap_or_default();
        let n = rest.read(buf)?;
        self.at += n;
        Ok(n)
    }
}

/// A run that could not be opened: says so when it is read.
struct Failing(Option<Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(self.0.take().unwrap_or_else(|| Error::new(Kind::Cancelled)).into())
    }
}

/// Where code that writes what it decodes puts it, while somebody else reads: see [`fed`]. The last bytes
/// are held back until the writer is done or says that they are [verified](Feed::verified): bytes that a
/// checksum at the end finds wrong never look like all of a member.
#[derive(Clone)]
pub struct Feed(std::sync::Arc<Mutex<Feeding>>);

enum Outlet {
    /// To a reader in another thread.
    Channel(SyncSender<io::Result<Vec<u8>>>),
    /// Kept, up to so many bytes.
    Kept(u64),
}

struct Feeding {
    outlet: Outlet,
    buffer: Vec<u8>,
    verified: usize,
}

impl Feed {
    fn new(outlet: Outlet) -> Self {
        let feeding = Feeding { outlet, buffer: Vec::new(), verified: 0 };
        Self(std::sync::Arc::new(Mutex::new(feeding)))
    }

    /// What was written so far is right, whatever comes.
    pub fn verified(&self) {
        let mut feeding = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        feeding.verified = feeding.buffer.len();
    }

    fn finish(&self, outcome: Result<()>) -> Result<Vec<u8>> {
        let mut feeding = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = std::mem::take(&mut feeding.buffer);
        if outcome.is_err() {
            buffer.truncate(feeding.verified);
        }
        let Outlet::Channel(out) = &feeding.outlet else { return outcome.map(|()| buffer) };
        // Nobody who listens any more is no error.
        if !buffer.is_empty() {
            let _ = out.send(Ok(buffer));
        }
        if let Err(error) = outcome {
            let _ = out.send(Err(error.into()));
        }
        Ok(Vec::new())
    }
}

impl io::Write for Feed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut feeding = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let feeding = &mut *feeding;
        match &feeding.outlet {
            Outlet::Channel(out) if feeding.buffer.len() >= BUFFER && !bytes.is_empty() => {
                let full = std::mem::take(&mut feeding.buffer);
                feeding.verified = 0;
                out.send(Ok(full)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
            }
            Outlet::Kept(most) if (feeding.buffer.len() + bytes.len()) as u64 > *most => {
                return Err(Error::damaged("more bytes than its size says").into());
            }
            _ => {}
        }
        feeding.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads what `write` writes, which runs in a thread of its own until it is done or the reader is dropped.
#[must_use]
pub fn fed(write: impl FnOnce(&mut Feed) -> Result<()> + Send + 'static) -> Box<dyn Read + Send> {
    let (out, content) = sync_channel(WAITING / 8);
    std::thread::spawn(move || {
        let mut feed = Feed::new(Outlet::Channel(out));
        let outcome = write(&mut feed);
        feed.finish(outcome)
    });
    Box::new(Decoded { content, buffer: Vec::new(), at: 0 })
}

/// What `write` writes, in memory.
///
/// # Errors
/// What `write` said, or `Damaged` past `most` bytes.
pub fn collected(most: u64, write: impl FnOnce(&mut Feed) -> Result<()>) -> Result<Vec<u8>> {
    let mut feed = Feed::new(Outlet::Kept(most));
    let outcome = write(&mut feed);
    feed.finish(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: usize) -> Vec<u8> {
        (0..number * 100_000).map(|i| u8::try_from(i % 251).unwrap()).collect()
    }

    #[test]
    fn runs_come_in_order_and_whole_with_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let mut seen = Vec::new();
            decode_ahead(
                9,
                threads,
                |number| Ok(Box::new(io::Cursor::new(run(number)))),
                |number, content| {
                    let mut bytes = Vec::new();
                    content.read_to_end(&mut bytes)?;
                    assert_eq!(bytes, run(number));
                    seen.push(number);
                    Ok(())
                },
            )
            .unwrap();
            assert_eq!(seen, (0..9).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_endless_run_that_nobody_wants_is_left() {
        for threads in [1, 2] {
            decode_ahead(3, threads, |_| Ok(Box::new(io::repeat(1))), |_, _| Ok(())).unwrap();
        }
    }

    #[test]
    fn one_run_that_fails_leaves_the_others() {
        for threads in [1, 3] {
            let mut good = 0;
            let open = |number| match number {
                1 => Err(Error::damaged("run")),
                _ => Ok(Box::new(io::Cursor::new(vec![1u8])) as Box<dyn Read + Send>),
            };
            decode_ahead(4, threads, open, |_, content| {
                good += usize::from(content.read_to_end(&mut Vec::new()).is_ok());
                Ok(())
            })
            .unwrap();
            assert_eq!(good, 3);
        }
    }

    #[test]
    fn the_end_of_what_is_written_comes_only_where_it_is_right() {
        use std::io::Write as _;
        let write = |feed: &mut Feed, good: bool| {
            feed.write_all(&run(9))?;
            feed.verified();
            feed.write_all(b"tail")?;
            if good { Ok(()) } else { Err(Error::damaged("checksum")) }
        };
        let mut all = Vec::new();
        fed(move |feed| write(feed, true)).read_to_end(&mut all).unwrap();
        assert_eq!((all.len(), all.ends_with(b"tail")), (900_004, true));
        let mut good = Vec::new();
        let error = fed(move |feed| write(feed, false)).read_to_end(&mut good).unwrap_err();
        assert_eq!((good, error.to_string()), (run(9), "damaged: checksum".to_owned()));
        assert!(collected(900_004, |feed| write(feed, true)).is_ok());
        assert!(collected(900_003, |feed| write(feed, true)).is_err());
        // A reader that leaves stops the writer.
        let mut left = fed(|feed| {
            loop {
                feed.write_all(&[0; 4096])?;
            }
        });
        left.read_exact(&mut [0; 10]).unwrap();
    }

    #[test]
    fn an_error_of_the_consumer_stops_it() {
        let error =
            decode_ahead(1000, 4, |_| Ok(Box::new(io::repeat(1))), |_, _| Err(Error::new(Kind::Cancelled)));
        assert!(error.is_err());
    }
}
