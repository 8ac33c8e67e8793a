//! A source that is digested while others read it, so that a medium is verified by the reads that
//! extract it.
//!
//! It keeps a *frontier*: a read that touches it hashes those bytes and moves it; a read a little
//! beyond fills the gap first, once [`Digested::in_order`] has been called; a far read (a look-up at the end
//! of the disc) leaves it alone. [`Digested::finish`] reads what is left. A thread of its own hashes, so that
//! reading and writing wait for it only where it is the slowest.

use super::{SharedSource, Source};
use crate::digest::{Algorithm, Hasher, Value};
use crate::error::{Error, Result};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// A gap so small is read for the digest at once: the reads around it are near.
const GAP: u64 = 4 << 20;
const BLOCK: usize = 1 << 20;
/// A gap and a read so small are one read.
const SMALL: usize = 64 << 10;
/// Bytes that go to the thread that hashes at once, and how many times so many may wait for it.
const SENT: usize = 256 << 10;
const WAITING: usize = 16;

/// Something that wants to see all bytes of a source once, in their order.
pub trait Follow: Send {
    /// The next bytes.
    fn update(&mut self, bytes: &[u8]);
}

impl Follow for Hasher {
    fn update(&mut self, bytes: &[u8]) {
        Self::update(self, bytes);
    }
}

/// Something that follows, and can be had back when the reading is over.
pub struct Followed<T>(Arc<Mutex<Option<T>>>);

impl<T: Follow + 'static> Followed<T> {
    /// What takes the bytes, and where to have it back from.
    pub fn new(follower: T) -> (Box<dyn Follow>, Self) {
        let shared = Arc::new(Mutex::new(Some(follower)));
        (Box::new(Self(shared.clone())), Self(shared))
    }

    /// The follower, with all that it was given.
    #[must_use]
    pub fn take(self) -> Option<T> {
        lock(&self.0).take()
    }
}

impl<T: Follow> Follow for Followed<T> {
    fn update(&mut self, bytes: &[u8]) {
        if let Some(follower) = &mut *lock(&self.0) {
            follower.update(bytes);
        }
    }
}

/// What becomes of the bytes behind the frontier.
struct Hashing {
    hasher: Hasher,
    followers: Vec<Box<dyn Follow>>,
}

impl Hashing {
    fn take(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.followers.iter_mut().for_each(|follower| follower.update(bytes));
    }
}

struct Front {
    at: u64,
    hashing: Arc<Mutex<Hashing>>,
    /// The thread that hashes beside reading and writing, and the way to it.
    beside: Option<(SyncSender<Vec<u8>>, JoinHandle<()>)>,
    /// Bytes on their way there: small reads cost it nothing.
    gathered: Vec<u8>,
    /// For bytes that only the digest wants.
    spare: Vec<u8>,
}

impl Front {
    fn take(&mut self, bytes: &[u8]) {
        self.at += bytes.len() as u64;
        let Some((blocks, _)) = &self.beside else { return lock(&self.hashing).take(bytes) };
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= SENT {
            // A thread that is gone is found out when its result is wanted.
            let _ = blocks.send(std::mem::take(&mut self.gathered));
        }
    }

    /// Lets a thread hash from here on; where there can be none, whoever reads goes on to.
    fn move_aside(&mut self) {
        let (blocks, waiting) = sync_channel::<Vec<u8>>(WAITING);
        let hashing = self.hashing.clone();
        let work = move || waiting.iter().for_each(|block| lock(&hashing).take(&block));
        if self.beside.is_none()
            && let Ok(thread) = std::thread::Builder::new().name("digest".to_owned()).spawn(work)
        {
            self.beside = Some((blocks, thread));
        }
    }

    /// Waits until all that was taken is hashed.
    fn settle(&mut self) -> Result<()> {
        let Some((blocks, thread)) = self.beside.take() else { return Ok(()) };
        let sent = blocks.send(std::mem::take(&mut self.gathered));
        drop(blocks);
        match (thread.join(), sent) {
            (Ok(()), Ok(())) => Ok(()),
            _ => Err(io::Error::other("the thread that hashes is gone").into()),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Another source and the digests of all its bytes.
pub struct Digested {
    inner: SharedSource,
    front: Mutex<Front>,
    in_order: AtomicBool,
    /// Something before what is read now could not be read: there is no digest to read it for any more.
    broken: AtomicBool,
}

impl Digested {
    /// Begins at the first byte.
    #[must_use]
    pub fn new(inner: SharedSource, algorithms: &[Algorithm]) -> Self {
        let hasher = Hasher::new(algorithms);
        let hashing = Arc::new(Mutex::new(Hashing { hasher, followers: Vec::new() }));
        let front =
            Mutex::new(Front { at: 0, hashing, beside: None, gathered: Vec::new(), spare: Vec::new() });
        Self { inner, front, in_order: AtomicBool::new(false), broken: AtomicBool::new(false) }
    }

    /// From now on members are read in the order in which they lie: what is between two of them is read for the
    /// digest on the way, and a thread hashes it. Before that, whoever looks at a place here and there would have all
    /// of it read.
    pub fn in_order(&self) {
        self.in_order.store(true, Ordering::Relaxed);
        lock(&self.front).move_aside();
    }

    /// The source itself: reading it is seen by nobody.
    #[must_use]
    pub fn inner(&self) -> &dyn Source {
        &*self.inner
    }

    /// Lets `follower` see the bytes, too. Nothing may have been read yet.
    pub fn followed_by(&self, follower: Box<dyn Follow>) {
        lock(&lock(&self.front).hashing).followers.push(follower);
    }

    /// Reads what no one has read yet and gives the digests of the whole. `advance` is told the bytes.
    ///
    /// # Errors
    /// What the operating system said; `Changed` where it is not what it was any more; `Cancelled` where `advance`
    /// answers false.
    pub fn finish(self: Arc<Self>, advance: &mut dyn FnMut(u64) -> bool) -> Result<Vec<Value>> {
        let mut front = lock(&self.front);
        let mut buf = vec![0; BLOCK];
        let mut read = || {
            while front.at < self.inner.len() {
                let n = self.fill(&mut front, u64::MAX, &mut buf)?;
                if !advance(n) {
                    return Err(Error::new(crate::error::Kind::Cancelled));
                }
            }
            front.settle()
        };
        super::settled(&*self.inner, read())?;
        let hasher = lock(&front.hashing).hasher.clone();
        Ok(hasher.finish())
    }

    /// Reads from the frontier over a small gap into `buf`, by one read: small files lie that close.
    fn read_across(&self, front: &mut Front, gap: usize, buf: &mut [u8]) -> io::Result<usize> {
        let mut spare = std::mem::take(&mut front.spare);
        spare.resize(gap + buf.len(), 0);
        let n = self.inner.read_at(front.at, &mut spare)?;
        let bytes = spare.get(..n).unwrap_or_default();
        front.take(bytes);
        let there = bytes.get(gap..).unwrap_or_default();
        let out = buf.get_mut(..there.len()).unwrap_or_default();
        out.copy_from_slice(there);
        let n = out.len();
        front.spare = spare;
        // Fewer bytes than the gap has come back only where the source ends in it.
        Ok(n)
    }

    /// Hashes one block from the frontier, no further than `to`.
    fn fill(&self, front: &mut Front, to: u64, buf: &mut [u8]) -> io::Result<u64> {
        let want = usize::try_from(to.saturating_sub(front.at)).unwrap_or(usize::MAX).min(buf.len());
        let Some(part) = buf.get_mut(..want) else { return Ok(0) };
        let n = self.inner.read_at(front.at, part)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        front.take(part.get(..n).unwrap_or_default());
        Ok(n as u64)
    }
}

impl Source for Digested {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    // What the kernel copies nobody saw: it is read for the digest when its turn comes.
    fn in_file(&self, range: Range<u64>) -> Option<(&File, u64)> {
        self.inner.in_file(range)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut front = lock(&self.front);
        let near = offset > front.at && offset - front.at <= GAP && offset < self.inner.len();
        if near && self.in_order.load(Ordering::Relaxed) && !self.broken.load(Ordering::Relaxed) {
            let gap = usize::try_from(offset - front.at).unwrap_or(usize::MAX);
            let mut across = || {
                if gap <= SMALL && buf.len() <= SMALL {
                    return self.read_across(&mut front, gap, buf).map(Some);
                }
                let mut spare = std::mem::take(&mut front.spare);
                spare.resize(gap.min(BLOCK), 0);
                while front.at < offset {
                    self.fill(&mut front, offset, &mut spare)?;
                }
                front.spare = spare;
                Ok(None)
            };
            match across() {
                Ok(Some(n)) => return Ok(n),
                Ok(None) => {}
                // What lies before cannot be read: that is no fault of what was asked for.
                Err(_) => self.broken.store(true, Ordering::Relaxed),
            }
        }
        if offset > front.at || offset.saturating_add(buf.len() as u64) <= front.at {
            drop(front);
            return self.inner.read_at(offset, buf);
        }
        let n =
            self.inner.read_at(offset, buf).inspect_err(|_| self.broken.store(true, Ordering::Relaxed))?;
        let fresh = usize::try_from(front.at - offset).unwrap_or(usize::MAX);
        if let Some(bytes) = buf.get(fresh..n).filter(|bytes| !bytes.is_empty()) {
            front.take(bytes);
        }
        Ok(n)
    }

    fn unchanged(&self) -> Result<()> {
        self.inner.unchanged()
    }

    fn failure(&self) -> Option<Error> {
        self.inner.failure()
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]
mod tests {
    use super::*;
    use crate::source::Counting;
    use proptest::prelude::*;

    fn sum(bytes: &[u8]) -> Vec<Value> {
        let mut hasher = Hasher::new(&[Algorithm::Sha256]);
        hasher.update(bytes);
        hasher.finish()
    }

    proptest! {
        #[test]
        fn the_digest_is_the_same_in_any_order_of_reads(
            reads in prop::collection::vec((0u64..6000, 0usize..3000), 0..20)
        ) {
            let bytes: Vec<u8> = (0..5000u32).map(|i| (i % 253) as u8).collect();
            let source = Arc::new(Digested::new(Arc::new(bytes.clone()), &[Algorithm::Sha256]));
            source.in_order();
            for (offset, len) in reads {
                let mut buf = vec![0; len];
                let n = source.read_at(offset, &mut buf).unwrap();
                let want = bytes.get(offset as usize..).unwrap_or_default();
                prop_assert_eq!(&buf[..n], &want[..len.min(want.len())]);
            }
            prop_assert_eq!(source.finish(&mut |_| true).unwrap(), sum(&bytes));
        }
    }

    #[test]
    fn what_cannot_be_read_costs_the_digest_and_not_what_lies_behind_it() {
        struct Bad(Vec<u8>);
        impl Source for Bad {
            fn len(&self) -> u64 {
                Source::len(&self.0)
            }
            fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
                let bad = offset < 200_000 && offset + buf.len() as u64 > 100_000;
                if bad { Err(io::Error::from_raw_os_error(5)) } else { self.0.read_at(offset, buf) }
            }
        }
        let source = Arc::new(Digested::new(Arc::new(Bad(vec![7u8; 1 << 20])), &[Algorithm::Sha256]));
        source.in_order();
        for len in [1000, 100_000] {
            let mut buf = vec![0; len];
            assert_eq!(source.read_at(0, &mut buf[..1000]).unwrap(), 1000);
            assert!(source.read_at(150_000, &mut buf).is_err());
            assert_eq!(source.read_at(300_000, &mut buf).unwrap(), len);
            assert!(buf.iter().all(|&byte| byte == 7));
        }
        assert!(source.finish(&mut |_| true).is_err());
    }

    #[test]
    fn bytes_read_in_order_are_read_once() {
        let bytes = vec![7u8; 3 << 20];
        let counting = Arc::new(Counting::new(Arc::new(bytes.clone())));
        let source = Arc::new(Digested::new(counting.clone(), &[Algorithm::Sha256]));
        source.in_order();
        let mut buf = vec![0; 100_000];
        // Every other 100 kB, as files with gaps between them.
        for i in (0..30u64).step_by(2) {
            source.read_at(i * 100_000, &mut buf).unwrap();
        }
        assert_eq!(source.finish(&mut |_| true).unwrap(), sum(&bytes));
        assert_eq!(counting.bytes(), bytes.len() as u64);
    }
}
