//! A source of which more is known than its bytes: their digests, because somebody saw all of them come, or what it was
//! made of.

use super::{SharedSource, Source};
use crate::digest::{Algorithm, Hasher, Value};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

/// Another source and what is known of it.
pub struct Known {
    inner: SharedSource,
    values: Option<Vec<Value>>,
    origin: Option<SharedSource>,
}

impl Known {
    /// `values` must be the digests of all bytes of `inner`.
    #[must_use]
    pub fn digests(inner: SharedSource, values: Vec<Value>) -> Self {
        Self { inner, values: Some(values), origin: None }
    }

    /// `inner` was unpacked out of `origin`, which may change or fail meanwhile.
    #[must_use]
    pub fn made_of(inner: SharedSource, origin: SharedSource) -> Self {
        Self { inner, values: None, origin: Some(origin) }
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
        self.values.as_deref().unwrap_or_else(|| self.inner.known())
    }

    fn unchanged(&self) -> Result<()> {
        self.inner.unchanged()?;
        self.origin.as_ref().map_or(Ok(()), |origin| origin.unchanged())
    }

    fn failure(&self) -> Option<Error> {
        self.inner.failure().or_else(|| self.origin.as_ref()?.failure())
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
            std::sync::Arc::new(Known::digests(source, self.hasher.finish()))
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
