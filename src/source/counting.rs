//! Counts what is read: work, not time, is what tests gate on.

use super::{SharedSource, Source};
use crate::error::{Error, Result};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

/// Another source, and how many bytes and reads it was asked for.
pub struct Counting {
    inner: SharedSource,
    bytes: AtomicU64,
    reads: AtomicU64,
}

impl Counting {
    /// Counts from zero.
    #[must_use]
    pub fn new(inner: SharedSource) -> Self {
        Self { inner, bytes: AtomicU64::new(0), reads: AtomicU64::new(0) }
    }

    /// Bytes that were read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Calls of `read_at` so far.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

impl Source for Counting {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read_at(offset, buf)?;
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(n)
    }

    /// A range given to the kernel counts as read.
    fn in_file(&self, range: Range<u64>) -> Option<(&File, u64)> {
        let len = range.end.saturating_sub(range.start);
        let found = self.inner.in_file(range)?;
        self.bytes.fetch_add(len, Ordering::Relaxed);
        self.reads.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    fn unchanged(&self) -> Result<()> {
        self.inner.unchanged()
    }

    fn failure(&self) -> Option<Error> {
        self.inner.failure()
    }
}
