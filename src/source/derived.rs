//! A source that was made of another one: a member that was unpacked, of a file that may change meanwhile.

use super::{SharedSource, Source};
use crate::digest::Value;
use crate::error::{Error, Result};
use std::fs::File;
use std::io;
use std::ops::Range;

/// The bytes of one source, and what they were made of.
pub struct Derived {
    inner: SharedSource,
    origin: SharedSource,
}

impl Derived {
    /// `inner` was read out of `origin`.
    #[must_use]
    pub fn new(inner: SharedSource, origin: SharedSource) -> Self {
        Self { inner, origin }
    }
}

impl Source for Derived {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read_at(offset, buf)
    }

    fn in_file(&self, range: Range<u64>) -> Option<(&File, u64)> {
        self.inner.in_file(range)
    }

    fn known(&self) -> &[Value] {
        self.inner.known()
    }

    fn unchanged(&self) -> Result<()> {
        self.inner.unchanged()?;
        self.origin.unchanged()
    }

    fn failure(&self) -> Option<Error> {
        self.inner.failure().or_else(|| self.origin.failure())
    }
}
