//! Blocks: unpacking one, and reading a file's blocks and its part of a fragment in order.

use super::inode::File;
use crate::error::{Error, Result};
use crate::guard::guarded;
use crate::source::{SharedSource, read_vec};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// A block is stored as it is where its length has this bit.
pub(super) const AS_IT_IS: u32 = 1 << 24;
/// Memory of one decoder, in KiB: blocks have a mebibyte at most, dictionaries are no larger.
const DICTIONARY_KIB: u32 = 64 << 10;
/// Unpacked fragments that are kept: small files that follow each other share them.
const KEPT: usize = 8;

/// A compressor, by its number in the superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compressor {
    Gzip,
    Lzma,
    Lzo,
    Xz,
    Lz4,
    Zstd,
}

impl Compressor {
    pub(super) fn of(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Gzip,
            2 => Self::Lzma,
            3 => Self::Lzo,
            4 => Self::Xz,
            5 => Self::Lz4,
            6 => Self::Zstd,
            _ => return None,
        })
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Lzma => "LZMA",
            Self::Lzo => "LZO",
            Self::Xz => "xz",
            Self::Lz4 => "LZ4",
            Self::Zstd => "Zstandard",
        }
    }

    /// Unpacks one block to at most `most` bytes.
    ///
    /// # Errors
    /// `Damaged`, or `Unsupported` for LZO.
    pub(super) fn unpack(self, packed: &[u8], most: usize) -> Result<Vec<u8>> {
        let wrong = || Error::damaged("packed block");
        let read = |from: &mut dyn Read| -> Result<Vec<u8>> {
            let mut out = Vec::new();
            from.take(most as u64 + 1).read_to_end(&mut out).map_err(|_| wrong())?;
            if out.len() > most { Err(wrong()) } else { Ok(out) }
        };
        guarded("packed block", || match self {
            Self::Gzip => read(&mut flate2::bufread::ZlibDecoder::new(packed)),
            Self::Lzma => {
                let decoder = lzma_rust2::LzmaReader::new_mem_limit(packed, DICTIONARY_KIB, None);
                read(&mut decoder.map_err(|_| wrong())?)
            }
            Self::Lzo => Err(Error::unsupported("SquashFS packed by LZO")),
            Self::Xz => read(&mut lzma_rust2::XzReader::new_mem_limit(packed, false, DICTIONARY_KIB)),
            Self::Lz4 => {
                let mut out = vec![0; most];
                let len = lz4_flex::block::decompress_into(packed, &mut out).map_err(|_| wrong())?;
                out.truncate(len);
                Ok(out)
            }
            Self::Zstd => read(&mut ruzstd::decoding::StreamingDecoder::new(packed).map_err(|_| wrong())?),
        })
    }
}

/// Unpacked fragments, the newest last.
type Fragments = VecDeque<(u64, Arc<Vec<u8>>)>;

/// What reading any file needs.
pub(super) struct Blocks {
    pub(super) source: SharedSource,
    pub(super) compressor: Compressor,
    pub(super) block_bytes: u32,
    fragments: Mutex<Fragments>,
}

impl Blocks {
    pub(super) fn new(source: SharedSource, compressor: Compressor, block_bytes: u32) -> Self {
        Self { source, compressor, block_bytes, fragments: Mutex::default() }
    }

    /// The block of `size` (with its bit) at `at`, unpacked.
    fn block(&self, at: u64, size: u32) -> Result<Vec<u8>> {
        let len = size & (AS_IT_IS - 1);
        let fail = |error: Error| error.at("SquashFS data block", at);
        if len > self.block_bytes {
            return Err(fail(Error::damaged("a block larger than blocks are")));
        }
        let bytes = read_vec(&*self.source, at, len.into()).map_err(fail)?;
        if size & AS_IT_IS != 0 {
            return Ok(bytes);
        }
        let most = usize::try_from(self.block_bytes).unwrap_or(0);
        self.compressor.unpack(&bytes, most).map_err(fail)
    }

    /// The fragment block at `at`; one that was unpacked just now is not unpacked again.
    fn fragment(&self, at: u64, size: u32) -> Result<Arc<Vec<u8>>> {
        let kept = || self.fragments.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, block)) = kept().iter().find(|(place, _)| *place == at) {
            return Ok(block.clone());
        }
        let block = Arc::new(self.block(at, size)?);
        let mut fragments = kept();
        if fragments.len() >= KEPT {
            fragments.pop_front();
        }
        fragments.push_back((at, block.clone()));
        Ok(block)
    }
}

/// A file's content.
pub(super) struct Content {
    blocks: Arc<Blocks>,
    file: File,
    /// Number of the next block.
    next: usize,
    /// Where the next block lies.
    at: u64,
    /// Bytes of the file that are still to come.
    left: u64,
    now: Vec<u8>,
    used: usize,
}

impl Content {
    pub(super) fn new(blocks: Arc<Blocks>, file: File) -> Self {
        Self { blocks, next: 0, at: file.start, left: file.bytes, now: Vec::new(), used: 0, file }
    }

    fn fill(&mut self) -> Result<()> {
        let want = usize::try_from(self.left.min(self.blocks.block_bytes.into())).unwrap_or(0);
        self.used = 0;
        match (self.file.sizes.get(self.next), self.file.fragment) {
            // A hole.
            (Some(0), _) => self.now = vec![0; want],
            (Some(&size), _) => {
                self.now = self.blocks.block(self.at, size)?;
                self.at = self.at.saturating_add(u64::from(size & (AS_IT_IS - 1)));
            }
            (None, Some(fragment)) => {
                let block = self.blocks.fragment(fragment.at, fragment.size)?;
                let from = usize::try_from(fragment.offset).unwrap_or(usize::MAX);
                let part = from.checked_add(want).and_then(|to| block.get(from..to));
                self.now = part.unwrap_or_default().to_vec();
            }
            (None, None) => self.now.clear(),
        }
        self.next = self.next.saturating_add(1);
        if self.now.len() != want {
            return Err(
                Error::damaged("a block is not as long as it must be").at("SquashFS data block", self.at)
            );
        }
        Ok(())
    }
}

impl Read for Content {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buf.is_empty() {
            return Ok(0);
        }
        if self.used >= self.now.len() {
            self.fill()?;
        }
        let mut rest = self.now.get(self.used..).unwrap_or_default();
        let n = rest.read(buf)?;
        self.used += n;
        self.left = self.left.saturating_sub(n as u64);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_unpacks_to_more_than_a_block_is_damaged() {
        use std::io::Write as _;
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&[7; 5000]).unwrap();
        let packed = packer.finish().unwrap();
        assert_eq!(Compressor::Gzip.unpack(&packed, 5000).unwrap(), [7; 5000]);
        assert!(Compressor::Gzip.unpack(&packed, 4999).is_err());
        for number in 1..=6 {
            assert!(Compressor::of(number).unwrap().unpack(&[0x55; 40], 4096).is_err(), "{number}");
        }
    }
}
