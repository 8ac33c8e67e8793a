//! Where bytes come from: random-access, immutable, shared between threads without a lock.

mod counting;
mod digested;
mod file;
mod joined;
mod known;
mod pieces;
mod raw_sectors;
mod spool;
mod temporary;

pub use counting::Counting;
pub use digested::{Digested, Follow, Followed};
pub use file::{FileSource, READING};
pub use joined::Joined;
pub use known::{Digesting, Known};
pub use pieces::{Piece, Pieces};
pub use raw_sectors::{RawLayout, RawSectors};
pub use spool::{Spool, spool};
pub use temporary::temporary_file;
#[cfg(target_os = "linux")]
pub use temporary::{Area, prepare_temporary_files};

use crate::digest::Value;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

/// Random-access, immutable bytes: a file, a range of one, pieces of one, a spool.
pub trait Source: Send + Sync {
    /// How many bytes there are.
    fn len(&self) -> u64;

    /// True where there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads at `offset` (bytes) into `buf`; fewer bytes come back only at the end. It takes `&self`:
    /// threads share one source.
    ///
    /// # Errors
    /// What the operating system said.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// The open file in which `range` lies as it is, and where it begins there: for handing a range
    /// to the kernel. `None` where the bytes have to go through `read_at`.
    fn in_file(&self, range: Range<u64>) -> Option<(&File, u64)> {
        let _ = range;
        None
    }

    /// Digests of all its bytes, where somebody computed them as the bytes came.
    fn known(&self) -> &[Value] {
        &[]
    }

    /// That what lies behind it is what it was when it was opened: asked when all has been read, since what was read
    /// of a file that somebody else writes to is of no one file.
    ///
    /// # Errors
    /// [`Kind::Changed`](crate::error::Kind::Changed), or what the operating system said.
    fn unchanged(&self) -> Result<()> {
        Ok(())
    }

    /// What the operating system said when it could not be read, where that ever happened: a decoder may have made
    /// something else of it, and what seems to be damaged then need not be.
    fn failure(&self) -> Option<Error> {
        None
    }
}

/// A source that many hold.
pub type SharedSource = Arc<dyn Source>;

/// What came of reading `source`. Where it changed meanwhile that is what there is to say: a digest of it is of no file,
/// and that it ends early says nothing of what it will be.
///
/// # Errors
/// [`Kind::Changed`](crate::error::Kind::Changed); what `outcome` says.
pub fn settled<T>(source: &dyn Source, outcome: Result<T>) -> Result<T> {
    match (outcome, source.unchanged()) {
        (Err(error), _) if matches!(error.kind(), crate::error::Kind::Cancelled) => Err(error),
        (_, Err(changed)) if matches!(changed.kind(), crate::error::Kind::Changed(_)) => Err(changed),
        (outcome, _) => outcome,
    }
}

/// What came of reading something in `source`. Where the system could not read it, it is no damage that something is not
/// as it should be.
///
/// # Errors
/// What the system said, or what `outcome` says.
pub fn blamed<T>(source: &dyn Source, outcome: Result<T>) -> Result<T> {
    match outcome {
        Err(error) if error.is_damage() => Err(source.failure().unwrap_or(error)),
        outcome => outcome,
    }
}

/// Fills `buf` from `offset`.
///
/// # Errors
/// `Truncated` where the source ends before, or what the operating system said.
pub fn read_exact_at(source: &dyn Source, offset: u64, buf: &mut [u8]) -> Result<()> {
    let need = offset.saturating_add(buf.len() as u64);
    if need > source.len() {
        return Err(Error::truncated(need, source.len()));
    }
    let mut done = 0;
    while let Some(rest) = buf.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let n = source.read_at(offset.saturating_add(done as u64), rest)?;
        if n == 0 {
            return Err(Error::truncated(need, offset.saturating_add(done as u64)));
        }
        done += n;
    }
    Ok(())
}

/// `len` bytes from `offset`; nothing is allocated before the source is known to hold so many.
///
/// # Errors
/// As [`read_exact_at`].
pub fn read_vec(source: &dyn Source, offset: u64, len: u64) -> Result<Vec<u8>> {
    let need = offset.saturating_add(len);
    if need > source.len() {
        return Err(Error::truncated(need, source.len()));
    }
    let size = usize::try_from(len).map_err(|_| Error::limit("bytes in memory", usize::MAX as u64))?;
    let mut buf = vec![0; size];
    read_exact_at(source, offset, &mut buf)?;
    Ok(buf)
}

/// Up to `len` bytes from `offset`; fewer where the source ends.
///
/// # Errors
/// What the operating system said.
pub fn read_up_to(source: &dyn Source, offset: u64, len: usize) -> Result<Vec<u8>> {
    let there = source.len().saturating_sub(offset).min(len as u64);
    read_vec(source, offset.min(source.len()), there)
}

/// Tells the kernel that all of it will be read in order, so that it reads further ahead.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub fn read_ahead(source: &dyn Source) {
    if let Some((file, offset)) = source.in_file(0..source.len()) {
        // Advice: where it is not taken nothing is lost.
        let len = std::num::NonZeroU64::new(source.len());
        let _ = rustix::fs::fadvise(file, offset, len, rustix::fs::Advice::Sequential);
    }
}

/// Tells the kernel that all of it will be read in order, so that it reads further ahead.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
pub fn read_ahead(_: &dyn Source) {}

/// A range of another source.
pub struct Slice {
    inner: SharedSource,
    range: Range<u64>,
}

impl Slice {
    /// `range` is in bytes of `inner` and is cut to what `inner` has.
    #[must_use]
    pub fn new(inner: SharedSource, range: Range<u64>) -> Self {
        let end = range.end.min(inner.len());
        let start = range.start.min(end);
        Self { inner, range: start..end }
    }
}

impl Source for Slice {
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let there = self.len().saturating_sub(offset);
        let want = usize::try_from(there).unwrap_or(usize::MAX).min(buf.len());
        match buf.get_mut(..want) {
            Some(buf) if want > 0 => self.inner.read_at(self.range.start + offset, buf),
            _ => Ok(0),
        }
    }

    fn in_file(&self, range: Range<u64>) -> Option<(&File, u64)> {
        if range.end > self.len() {
            return None;
        }
        self.inner.in_file(self.range.start + range.start..self.range.start + range.end)
    }

    fn unchanged(&self) -> Result<()> {
        self.inner.unchanged()
    }

    fn failure(&self) -> Option<Error> {
        self.inner.failure()
    }
}

/// Bytes in memory.
impl Source for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|at| self.get(at..)).unwrap_or_default();
        let mut rest = rest;
        rest.read(buf)
    }
}

/// `Read` and `Seek` over a source, for readers that want them.
pub struct SourceReader {
    source: SharedSource,
    at: u64,
}

impl SourceReader {
    /// Begins at the source's first byte.
    #[must_use]
    pub fn new(source: SharedSource) -> Self {
        Self { source, at: 0 }
    }
}

impl Read for SourceReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read_at(self.at, buf)?;
        self.at += n as u64;
        Ok(n)
    }
}

impl Seek for SourceReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = sought(to, self.at, self.source.len())?;
        Ok(self.at)
    }
}

/// Where a seek from `at` in `len` bytes leads.
///
/// # Errors
/// `InvalidInput` before the first byte, as `Seek` has it.
pub(crate) fn sought(to: SeekFrom, at: u64, len: u64) -> io::Result<u64> {
    let at = match to {
        SeekFrom::Start(at) => Some(at),
        SeekFrom::End(by) => len.checked_add_signed(by),
        SeekFrom::Current(by) => at.checked_add_signed(by),
    };
    at.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_length_beyond_the_source_is_refused_before_anything_is_allocated() {
        let error = read_vec(&vec![0u8; 10], 4, u64::MAX - 8).unwrap_err();
        assert!(matches!(error.kind(), Kind::Truncated { have: 10, .. }));
    }

    #[test]
    fn a_slice_is_cut_to_what_is_there() {
        let slice = Slice::new(Arc::new(vec![1u8, 2, 3, 4]), 2..100);
        assert_eq!(slice.len(), 2);
        let mut buf = [0; 8];
        assert_eq!(slice.read_at(1, &mut buf).unwrap(), 1);
        assert_eq!(buf[0], 4);
        assert_eq!(slice.read_at(2, &mut buf).unwrap(), 0);
    }

    #[test]
    fn a_reader_seeks_from_the_end() {
        let mut reader = SourceReader::new(Arc::new(vec![1u8, 2, 3, 4]));
        reader.seek(SeekFrom::End(-1)).unwrap();
        let mut out = Vec::new();
        reader.read_to_end(&mut out).unwrap();
        assert_eq!(out, [4]);
        assert!(reader.seek(SeekFrom::Current(-9)).is_err());
    }
}
