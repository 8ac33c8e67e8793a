//! Bytes of files: obfuscation, blocks, checksum.

use crate::error::{Error, Result};
use flate2::read::DeflateDecoder;
use md5::{Digest, Md5};
use std::io::{self, Read};

/// Bytes that a block unpacks to at most.
const LARGEST_BLOCK: u64 = 1 << 20;

/// Undoes the obfuscation of files with flag 2: each byte depends on its place.
pub(super) struct Plain<R> {
    pub(super) inner: R,
    pub(super) at: u64,
}

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        for byte in buf.iter_mut().take(n) {
            let place = u8::try_from(self.at % 0x47).unwrap_or(0);
            *byte = (*byte ^ 0xd5).rotate_right(2).wrapping_sub(place);
            self.at = self.at.wrapping_add(1);
        }
        Ok(n)
    }
}

/// Blocks of u16 length and Deflate each.
pub(super) struct Blocks<R> {
    inner: R,
    block: Vec<u8>,
    at: usize,
    left: u64,
}

impl<R: Read> Blocks<R> {
    /// `packed` bytes of blocks.
    pub(super) fn new(inner: R, packed: u64) -> Self {
        Self { inner, block: Vec::new(), at: 0, left: packed }
    }

    fn fill(&mut self) -> Result<()> {
        let mut len = [0; 2];
        self.inner.read_exact(&mut len).map_err(|_| Error::damaged("block of a file"))?;
        let len = u64::from(u16::from_le_bytes(len));
        if len == 0 || len.saturating_add(2) > self.left {
            return Err(Error::damaged("length of a block"));
        }
        self.left = self.left.saturating_sub(len.saturating_add(2));
        let mut packed = Vec::new();
        (&mut self.inner).take(len).read_to_end(&mut packed)?;
        if packed.len() as u64 != len {
            return Err(Error::truncated(len, packed.len() as u64).during("block of a file"));
        }
        self.block.clear();
        self.at = 0;
        let mut decoder = DeflateDecoder::new(packed.as_slice()).take(LARGEST_BLOCK);
        match decoder.read_to_end(&mut self.block) {
            Ok(_) => {}
            // Some writers flush and never say that the block is the last.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !self.block.is_empty() => {}
            Err(_) => return Err(Error::damaged("packed block")),
        }
        if self.block.is_empty() || self.block.len() as u64 == LARGEST_BLOCK {
            return Err(Error::damaged("packed block"));
        }
        Ok(())
    }
}

impl<R: Read> Read for Blocks<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.block.len() {
            if self.left == 0 {
                return Ok(0);
            }
            self.fill()?;
        }
        let mut rest = self.block.get(self.at..).unwrap_or_default();
        let n = rest.read(buf)?;
        self.at += n;
        Ok(n)
    }
}

/// Compares the MD5 of everything with what is recorded, at the end.
pub(super) struct Checked<R> {
    inner: R,
    md5: Option<(Md5, [u8; 16])>,
}

impl<R: Read> Checked<R> {
    /// With no expected value nothing is compared.
    pub(super) fn new(inner: R, expected: Option<[u8; 16]>) -> Self {
        Self { inner, md5: expected.map(|expected| (Md5::new(), expected)) }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        if n > 0 {
            if let Some((md5, _)) = &mut self.md5 {
                md5.update(buf.get(..n).unwrap_or_default());
            }
        } else if !buf.is_empty()
            && let Some((md5, expected)) = self.md5.take()
            && <[u8; 16]>::from(md5.finalize()) != expected
        {
            return Err(Error::damaged("its MD5 does not match").into());
        }
        Ok(n)
    }
}

/// Undoes what programs do to the files behind them: nibbles swapped, inverted, mixed with a key of the
/// file's name.
pub(super) struct Unmixed<R> {
    pub(super) inner: R,
    pub(super) key: Vec<u8>,
    /// The key begins again after so many bytes; `u64::MAX` for never.
    pub(super) round: u64,
    pub(super) at: u64,
}

impl<R> Unmixed<R> {
    /// The key that is made of a name.
    pub(super) fn key(name: &[u8]) -> Vec<u8> {
        name.iter().zip([0x13u8, 0x35, 0x86, 0x07].iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
    }
}

impl<R: Read> Read for Unmixed<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        let len = self.key.len() as u64;
        for byte in buf.iter_mut().take(n) {
            let place = (self.at % self.round).checked_rem(len).and_then(|place| usize::try_from(place).ok());
            if let Some(key) = place.and_then(|place| self.key.get(place)) {
                *byte = !(key ^ byte.rotate_left(4));
            }
            self.at = self.at.wrapping_add(1);
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use std::io::Write;

    #[test]
    fn obfuscation_is_undone_wherever_reading_stops() {
        let clear: Vec<u8> = (0..=255).cycle().take(700).collect();
        let mixed: Vec<u8> = clear
            .iter()
            .zip(0usize..)
            .map(|(byte, at)| byte.wrapping_add(u8::try_from(at % 0x47).unwrap()).rotate_left(2) ^ 0xd5)
            .collect();
        let mut reader = Plain { inner: mixed.as_slice(), at: 0 };
        let mut out = vec![0; 100];
        reader.read_exact(&mut out).unwrap();
        reader.read_to_end(&mut out).unwrap();
        assert_eq!(out, clear);
    }

    #[test]
    fn blocks_are_unpacked_one_after_the_other() {
        let mut packed = Vec::new();
        for text in [&b"one "[..], b"two"] {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text).unwrap();
            let block = encoder.finish().unwrap();
            packed.extend_from_slice(&u16::try_from(block.len()).unwrap().to_le_bytes());
            packed.extend_from_slice(&block);
        }
        let mut out = Vec::new();
        Blocks::new(packed.as_slice(), packed.len() as u64).read_to_end(&mut out).unwrap();
        assert_eq!(out, b"one two");
        let cut = &packed[..packed.len() - 1];
        assert!(Blocks::new(cut, packed.len() as u64).read_to_end(&mut out).is_err());
        assert!(Blocks::new(&[0u8, 0][..], 2).read_to_end(&mut out).is_err());
    }

    #[test]
    fn mixing_is_undone_and_begins_again_where_it_must() {
        let clear = vec![7u8; 3000];
        let key = Unmixed::<&[u8]>::key(b"setup.msi");
        let mixed: Vec<u8> = clear
            .iter()
            .zip(0usize..)
            .map(|(byte, at)| (key[at % 1024 % key.len()] ^ !byte).rotate_left(4))
            .collect();
        let mut out = Vec::new();
        Unmixed { inner: mixed.as_slice(), key, round: 1024, at: 0 }.read_to_end(&mut out).unwrap();
        assert_eq!(out, clear);
    }
}
