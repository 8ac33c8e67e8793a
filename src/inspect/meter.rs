//! Members as sources, within a number of bytes that may be read of them all.

use super::unpacked::Unpacked;
use crate::container::{Container, Entry, EntryId, Location};
use crate::limits::Limits;
use crate::source::{SharedSource, Source};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Members as sources that share what may be read.
pub(super) struct Meter<'a> {
    container: &'a dyn Container,
    limits: &'a Limits,
    left: Arc<AtomicU64>,
    /// Of packed members, what was unpacked already.
    packed: &'a Unpacked,
}

impl<'a> Meter<'a> {
    /// Nothing may be read until it is allowed.
    pub(super) fn new(container: &'a dyn Container, limits: &'a Limits, packed: &'a Unpacked) -> Self {
        Self { container, limits, left: Arc::default(), packed }
    }

    /// True where the member can be looked at without unpacking more.
    pub(super) fn reaches(&self, number: usize, entry: &Entry) -> bool {
        matches!(entry.location, Location::Stored(_) | Location::Outside)
            || self.packed.contains_key(&EntryId(number))
    }

    pub(super) fn allow(&self, bytes: u64) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whose members they are.
    pub(super) fn container(&self) -> &'a dyn Container {
        self.container
    }

    /// Bytes that may still be read.
    pub(super) fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    pub(super) fn source(&self, id: EntryId) -> Option<SharedSource> {
        if let Some(unpacked) = self.packed.get(&id) {
            return Some(unpacked.clone());
        }
        let inner = self.container.sub_source(id, self.limits).ok()?;
        Some(Arc::new(Metered { inner, left: self.left.clone() }))
    }
}

struct Metered {
    inner: SharedSource,
    left: Arc<AtomicU64>,
}

impl Source for Metered {
    fn len(&self) -> u64 {
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let want = (buf.len() as u64).min(self.len().saturating_sub(offset));
        let taken =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(want));
        taken.map_err(|_| io::Error::other("the read budget is spent"))?;
        self.inner.read_at(offset, buf)
    }

    fn unchanged(&self) -> crate::error::Result<()> {
        self.inner.unchanged()
    }

    fn failure(&self) -> Option<crate::error::Error> {
        self.inner.failure()
    }
}
