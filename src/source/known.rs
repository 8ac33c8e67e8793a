//! A source whose digests are known, because somebody saw all its bytes come.

use super::{SharedSource, Source};
use crate::digest::{Algorithm, Hasher, Value};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

/// Another source and its digests.
pub struct Known {
    inner: SharedSource,
    values: Vec<Value>,
}

impl Known {
    /// `values` must be those of all bytes of `inner`.
    #[must_use]
    pub fn new(inner: SharedSource, values: Vec<Value>) -> Self {
        Self { inner, values }
    }
}

impl Source for Known {
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
        &self.values
    }

    fn unchanged(&self) -> Result<()> {
        self.inner.unchanged()
    }

    fn failure(&self) -> Option<Error> {
        self.inner.failure()
    }
}

/// Digests bytes as they come.
pub struct Digesting<'a> {
    from: &'a mut dyn Read,
    hasher: Hasher,
    bytes: u64,
}

impl<'a> Digesting<'a> {
    /// Before the first byte of `from`.
    #[must_use]
    pub fn new(from: &'a mut dyn Read, algorithms: &[Algorithm]) -> Self {
        Self { from, hasher: Hasher::new(algorithms), bytes: 0 }
    }

    /// `source` with the digests of what came, if that is what it holds.
    #[must_use]
    pub fn know(self, source: SharedSource) -> SharedSource {
        if source.len() == self.bytes && self.bytes > 0 {
            std::sync::Arc::new(Known::new(source, self.hasher.finish()))
        } else {
            source
        }
    }
}

impl Read for Digesting<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        self.hasher.update(buf.get(..n).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(n as u64);
        Ok(n)
    }
}
