//! The header's own way of writing numbers, bits and lists (7zFormat.txt).

use crate::error::{Error, Result};

/// The header's bytes, read from the first to the last.
pub(super) struct Bytes<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(all: &'a [u8]) -> Self {
        Self { all, at: 0 }
    }

    /// The error for what stands here.
    pub(super) fn wrong(&self, what: &'static str) -> Error {
        Error::damaged(what).at("7z header", self.at as u64)
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> u64 {
        self.all.len().saturating_sub(self.at) as u64
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(len);
        let part = end.and_then(|end| self.all.get(self.at..end)).ok_or_else(|| {
            let need = (self.at as u64).saturating_add(len as u64);
            Error::truncated(need, self.all.len() as u64).at("7z header", self.at as u64)
        })?;
        self.at += len;
        Ok(part)
    }

    pub(super) fn u8(&mut self) -> Result<u8> {
        Ok(self.take(1)?.first().copied().unwrap_or(0))
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        let mut out = [0; 4];
        out.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(out))
    }

    pub(super) fn u64(&mut self) -> Result<u64> {
        let mut out = [0; 8];
        out.copy_from_slice(self.take(8)?);
        Ok(u64::from_le_bytes(out))
    }

    /// A number of 1 to 9 bytes: as many bytes follow as the first has leading ones; the bits behind its
    /// first zero are the highest.
    pub(super) fn number(&mut self) -> Result<u64> {
        let first = self.u8()?;
        let more = first.leading_ones();
        let mut low = [0; 8];
        for byte in low.iter_mut().take(usize::try_from(more).unwrap_or(8)) {
            *byte = self.u8()?;
        }
        let high = if more >= 7 { 0 } else { u64::from(first & (0x7f >> more)) << (8 * more) };
        Ok(u64::from_le_bytes(low) | high)
    }

    /// A number of things of which each takes at least `least` bytes of what is left, or of `limit` at most.
    pub(super) fn count(&mut self, least: u64, limit: u64) -> Result<usize> {
        let count = self.number()?;
        if count > limit {
            return Err(Error::limit("things in a 7z header", limit).at("7z header", self.at as u64));
        }
        if least > 0 && count > self.left() / least {
            return Err(self.wrong("more things than the header has room for"));
        }
        usize::try_from(count).map_err(|_| self.wrong("a count"))
    }

    /// The length of something that follows.
    pub(super) fn len(&mut self) -> Result<usize> {
        let len = self.number()?;
        if len > self.left() {
            return Err(self.wrong("a property longer than the header"));
        }
        usize::try_from(len).map_err(|_| self.wrong("a length"))
    }

    /// `count` bits, the highest of each byte first.
    pub(super) fn bits(&mut self, count: usize) -> Result<Vec<bool>> {
        let bytes = self.take(count.div_ceil(8))?;
        Ok((0..count).map(|i| bytes.get(i / 8).is_some_and(|byte| byte & (0x80 >> (i % 8)) != 0)).collect())
    }

    /// `count` bits, or one byte that says that all are set.
    pub(super) fn defined(&mut self, count: usize) -> Result<Vec<bool>> {
        match self.u8()? {
            0 => self.bits(count),
            _ => Ok(vec![true; count]),
        }
    }

    /// CRC-32 values, of those that have one.
    pub(super) fn digests(&mut self, count: usize) -> Result<Vec<Option<u32>>> {
        let defined = self.defined(count)?;
        defined.into_iter().map(|here| if here { self.u32().map(Some) } else { Ok(None) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_to_nine_bytes() {
        let number = |bytes: &[u8]| Bytes::new(bytes).number().unwrap();
        assert_eq!(number(&[0x7f]), 0x7f);
        assert_eq!(number(&[0x81, 0x02]), 0x0102);
        assert_eq!(number(&[0xc1, 0x02, 0x03]), 0x01_0302);
        assert_eq!(number(&[0xfe, 1, 0, 0, 0, 0, 0, 1]), 0x01_0000_0000_0001);
        assert_eq!(number(&[0xff, 1, 0, 0, 0, 0, 0, 0, 0x80]), 0x8000_0000_0000_0001);
        assert!(Bytes::new(&[0xff, 1]).number().is_err());
        assert!(Bytes::new(&[0x40, 0]).count(1, 100).is_err());
    }

    #[test]
    fn bits_begin_with_the_highest() {
        assert_eq!(Bytes::new(&[0xa0]).bits(3).unwrap(), [true, false, true]);
        assert_eq!(Bytes::new(&[1]).defined(2).unwrap(), [true, true]);
        assert_eq!(Bytes::new(&[0, 0x40, 1, 0, 0, 0]).digests(2).unwrap(), [None, Some(1)]);
    }
}
