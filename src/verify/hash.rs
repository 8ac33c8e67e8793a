//! Several digests of one source in one pass.
//!
//! The calling thread reads; each other thread keeps a group of digests that costs about as much as
//! any other group. A block goes to every group at once and comes back to the reader when the last
//! group is done with it, so that memory stays at `BLOCKS` times `BLOCK` bytes.

use crate::digest::{Algorithm, Hasher, Value};
use crate::error::{Error, Kind, Result};
use crate::observe::Observer;
use crate::source::{self, Follow, Source, read_exact_at};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Bytes of one block.
const BLOCK: usize = 256 << 10;

/// Bytes of one block where the thread that reads also digests. The block stays in that processor's
/// cache: 4 GiB out of the page cache took 0.6 s to copy this way, and 2.5 s with larger blocks.
const INLINE_BLOCK: usize = 64 << 10;

/// Blocks in use at the same time.
const BLOCKS: usize = 8;

/// Below so many bytes starting threads costs more than they save.
const INLINE: u64 = 4 << 20;

/// The digests of all of `source`, in the order of `algorithms`, with at most `threads` threads for
/// digests beside the calling one, which reads. With one thread, or a small source, the calling
/// thread does it all.
///
/// The observer hears of every block that was read; its total is the caller's to announce.
///
/// # Errors
/// `Cancelled` once the observer says so; what reading said, with the offset of the block.
pub fn hash(
    source: &dyn Source,
    algorithms: &[Algorithm],
    threads: usize,
    observer: &dyn Observer,
) -> Result<Vec<Value>> {
    source::read_ahead(source);
    let hasher = Hasher::new(algorithms);
    let values = if threads <= 1 || source.len() < INLINE || algorithms.is_empty() {
        inline(source, hasher, observer)?
    } else {
        beside(source, hasher.split(threads), observer)?
    };
    let value = |algorithm: &Algorithm| values.iter().find(|value| value.algorithm == *algorithm).cloned();
    Ok(algorithms.iter().filter_map(value).collect())
}

/// Gives all of `source` to `follower`.
///
/// # Errors
/// As [`hash`].
pub(super) fn all(source: &dyn Source, observer: &dyn Observer, follower: &mut dyn Follow) -> Result<()> {
    let mut blocks = Blocks::new(source, INLINE_BLOCK, observer);
    let mut block = Vec::new();
    let mut read = || {
        while blocks.read(&mut block)? {
            follower.update(&block);
        }
        Ok(())
    };
    source::settled(source, read())
}

/// Reads and digests in turn.
fn inline(source: &dyn Source, mut hasher: Hasher, observer: &dyn Observer) -> Result<Vec<Value>> {
    all(source, observer, &mut hasher)?;
    Ok(hasher.finish())
}

/// Reads here and digests in a thread for each group.
fn beside(source: &dyn Source, groups: Vec<Hasher>, observer: &dyn Observer) -> Result<Vec<Value>> {
    thread::scope(|scope| {
        let (done, free) = channel();
        let mut queues = Vec::with_capacity(groups.len());
        let mut workers = Vec::with_capacity(groups.len());
        for group in groups {
            let (queue, blocks) = sync_channel(BLOCKS);
            let done = done.clone();
            queues.push(queue);
            workers.push(scope.spawn(move || digest(group, &blocks, &done)));
        }
        // The reader keeps no sender: if every worker is gone, waiting for a free block ends.
        drop(done);
        let read = feed(Blocks::new(source, BLOCK, observer), &queues, &free);
        drop(queues);
        let mut values = Vec::new();
        for worker in workers {
            match worker.join() {
                Ok(more) => values.extend(more),
                Err(payload) => std::panic::resume_unwind(payload),
            }
        }
        source::settled(source, read.map(|()| values))
    })
}

/// Hands every block to every queue.
fn feed(mut blocks: Blocks<'_>, queues: &[SyncSender<Arc<Vec<u8>>>], free: &Receiver<Vec<u8>>) -> Result<()> {
    let mut made = 0;
    loop {
        let recycled = if made < BLOCKS { free.try_recv().ok() } else { free.recv().ok() };
        let mut block = recycled.unwrap_or_else(|| {
            made += 1;
            Vec::new()
        });
        if !blocks.read(&mut block)? {
            return Ok(());
        }
        // The last queue gets the reader's own hold: a block that the reader gave up last would be
        // lost to the pool.
        let block = Arc::new(block);
        let Some((last, others)) = queues.split_last() else { return Ok(()) };
        let mut sent = others.iter().all(|queue| queue.send(Arc::clone(&block)).is_ok());
        sent = sent && last.send(block).is_ok();
        if !sent {
            // That worker has panicked; joining it tells.
            return Ok(());
        }
    }
}

/// Takes blocks until there are no more, and gives back those that no other group still needs.
fn digest(mut group: Hasher, blocks: &Receiver<Arc<Vec<u8>>>, done: &Sender<Vec<u8>>) -> Vec<Value> {
    while let Ok(block) = blocks.recv() {
        group.update(&block);
        if let Some(block) = Arc::into_inner(block) {
            // Nobody listens any more once the last block was read.
            let _ = done.send(block);
        }
    }
    group.finish()
}

/// The source's blocks, one after the other.
struct Blocks<'a> {
    source: &'a dyn Source,
    size: usize,
    observer: &'a dyn Observer,
    at: u64,
}

impl<'a> Blocks<'a> {
    fn new(source: &'a dyn Source, size: usize, observer: &'a dyn Observer) -> Self {
        Self { source, size, observer, at: 0 }
    }

    /// Fills `block` with the next bytes; false at the end.
    fn read(&mut self, block: &mut Vec<u8>) -> Result<bool> {
        if self.observer.cancelled() {
            return Err(Error::new(Kind::Cancelled));
        }
        let left = self.source.len().saturating_sub(self.at);
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(self.size);
        if size == 0 {
            return Ok(false);
        }
        block.resize(size, 0);
        read_exact_at(self.source, self.at, block).map_err(|error| error.at("data", self.at))?;
        self.at += size as u64;
        self.observer.advance(size as u64);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::Silent;
    use proptest::prelude::*;
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Repeats a pattern; fails or ends where it is told to.
    struct Made {
        len: u64,
        fails_at: u64,
        ends_at: u64,
    }

    impl Made {
        fn whole(len: u64) -> Self {
            Self { len, fails_at: u64::MAX, ends_at: u64::MAX }
        }

        fn byte(at: u64) -> u8 {
            (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
        }
    }

    impl Source for Made {
        fn len(&self) -> u64 {
            self.len
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            // Short reads, as a pipe or a share may give them.
            let end = (offset + buf.len() as u64).min(offset + 300_007).min(self.len).min(self.ends_at);
            if end > self.fails_at {
                return Err(io::Error::from_raw_os_error(5));
            }
            let bytes = (offset..end).map(Self::byte);
            Ok(buf.iter_mut().zip(bytes).map(|(byte, made)| *byte = made).count())
        }
    }

    #[derive(Default)]
    struct Counts {
        bytes: AtomicU64,
        stop_after: Option<u64>,
    }

    impl Observer for Counts {
        fn advance(&self, bytes: u64) {
            self.bytes.fetch_add(bytes, Ordering::Relaxed);
        }

        fn cancelled(&self) -> bool {
            self.stop_after.is_some_and(|stop| self.bytes.load(Ordering::Relaxed) >= stop)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn any_number_of_threads_gives_what_one_hasher_gives(
            len in prop_oneof![0u64..100_000, (4u64 << 20) - 2..(4 << 20) + 2, (4u64 << 20)..(12 << 20)],
            algorithms in proptest::collection::vec(proptest::sample::select(&Algorithm::ALL[..]), 0..6),
            threads in 0usize..9,
        ) {
            let bytes: Vec<u8> = (0..len).map(Made::byte).collect();
            let mut hasher = Hasher::new(&algorithms);
            hasher.update(&bytes);
            let plain = hasher.finish();
            let want: Vec<Value> = algorithms
                .iter()
                .map(|algorithm| plain.iter().find(|value| value.algorithm == *algorithm).unwrap().clone())
                .collect();
            let counts = Counts::default();
            prop_assert_eq!(hash(&Made::whole(len), &algorithms, threads, &counts).unwrap(), want);
            prop_assert_eq!(counts.bytes.load(Ordering::Relaxed), len);
        }
    }

    #[test]
    fn a_source_that_fails_says_where() {
        for threads in [1, 3] {
            let source = Made { fails_at: 9 << 20, ..Made::whole(16 << 20) };
            let error = hash(&source, &[Algorithm::Crc32, Algorithm::Sha1], threads, &Silent).unwrap_err();
            assert!(matches!(error.kind(), Kind::Io(_)), "{error}");
            assert_eq!(error.place().offset, Some(9 << 20));
        }
    }

    #[test]
    fn a_source_that_ends_before_its_length_is_truncated() {
        for threads in [1, 2] {
            let source = Made { ends_at: 5_000_000, ..Made::whole(16 << 20) };
            let error = hash(&source, &[Algorithm::Crc32], threads, &Silent).unwrap_err();
            assert!(matches!(error.kind(), Kind::Truncated { have: 5_000_000, .. }), "{error}");
        }
    }

    #[test]
    fn the_user_can_stop_it() {
        for threads in [1, 4] {
            let counts = Counts { stop_after: Some(10 << 20), ..Counts::default() };
            let error = hash(&Made::whole(64 << 20), &Algorithm::ALL[..2], threads, &counts).unwrap_err();
            assert!(matches!(error.kind(), Kind::Cancelled));
            assert_eq!(counts.bytes.load(Ordering::Relaxed), 10 << 20);
        }
    }

    #[test]
    fn the_reader_is_never_further_ahead_than_the_pool() {
        let counts = Counts::default();
        let (queue, blocks) = sync_channel(BLOCKS);
        let (done, free) = channel();
        let source = Made::whole(24 << 20);
        thread::scope(|scope| {
            let input = Blocks::new(&source, BLOCK, &counts);
            let reader = scope.spawn(move || feed(input, &[queue], &free));
            let pool = (BLOCKS * BLOCK) as u64;
            while counts.bytes.load(Ordering::Relaxed) < pool {
                thread::yield_now();
            }
            thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(counts.bytes.load(Ordering::Relaxed), pool);
            for block in blocks.iter().take((24 << 20) / BLOCK) {
                let _ = done.send(Arc::into_inner(block).unwrap_or_default());
            }
            assert!(reader.join().unwrap().is_ok());
        });
        assert_eq!(counts.bytes.load(Ordering::Relaxed), 24 << 20);
    }
}
