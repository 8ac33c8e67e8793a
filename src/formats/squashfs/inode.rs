//! Superblock, metadata blocks, inodes and directories of SquashFS 4.0.
//!
//! | superblock | field | | superblock | field |
//! |---|---|---|---|---|
//! | 0..4 | `hsqs` | | 28..32 | version 4, 0 |
//! | 8..12 | modification time | | 32..40 | root inode |
//! | 12..16 | block size | | 40..48 | bytes used |
//! | 16..20 | fragments | | 64..72 | inode table |
//! | 20..22 | compressor | | 72..80 | directory table |
//! | 22..24 | log2 of the block size | | 80..88 | fragment table |
//!
//! A metadata block has a length of two bytes (bit 15: stored as it is) and unpacks to 8 KiB at most. A
//! reference to an inode is where its block begins in the table, times 65,536, plus the place in the block.

use super::block::{AS_IT_IS, Compressor};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{SharedSource, read_vec};
use std::collections::HashMap;
use std::sync::Arc;

/// Bytes of an unpacked metadata block.
const METADATA: usize = 8192;
/// Unpacked metadata blocks that are kept: 8 MiB.
const KEPT: usize = 1024;
/// No fragment.
const NO_FRAGMENT: u32 = u32::MAX;

/// What the superblock says.
pub(super) struct Superblock {
    pub(super) modified: u32,
    pub(super) block_bytes: u32,
    pub(super) compressor: Compressor,
    pub(super) root: u64,
    pub(super) bytes_used: u64,
    fragments: u32,
    inode_table: u64,
    directory_table: u64,
    fragment_table: u64,
}

impl Superblock {
    /// Reads it from the source's first byte.
    ///
    /// # Errors
    /// `Invalid` where it is none, `Unsupported` for other versions.
    pub(super) fn read(source: &SharedSource) -> Result<Self> {
        let bytes = read_vec(&**source, 0, 96).map_err(|error| error.at("SquashFS superblock", 0))?;
        let f = Fields::new("SquashFS superblock", &bytes, 0);
        if f.bytes(0, 4, "magic")? != b"hsqs" {
            return Err(f.wrong(0, "magic", Error::invalid("magic")));
        }
        if (f.u16_le(28, "version")?, f.u16_le(30, "version")?) != (4, 0) {
            return Err(f.wrong(28, "version", Error::unsupported("a version other than 4.0")));
        }
        let block_bytes = f.u32_le(12, "block size")?;
        let log = u32::from(f.u16_le(22, "block log")?);
        if !(12..=20).contains(&log) || block_bytes != 1 << log {
            return Err(f.wrong(12, "block size", Error::invalid("block size")));
        }
        let compressor = Compressor::of(f.u16_le(20, "compressor")?);
        Ok(Self {
            modified: f.u32_le(8, "modification time")?,
            block_bytes,
            fragments: f.u32_le(16, "fragments")?,
            compressor: compressor
                .ok_or_else(|| f.wrong(20, "compressor", Error::unsupported("compressor")))?,
            root: f.u64_le(32, "root inode")?,
            bytes_used: f.u64_le(40, "bytes used")?,
            inode_table: f.u64_le(64, "inode table")?,
            directory_table: f.u64_le(72, "directory table")?,
            fragment_table: f.u64_le(80, "fragment table")?,
        })
    }
}

/// Where a fragment lies and where in it a file begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fragment {
    pub(super) at: u64,
    pub(super) size: u32,
    pub(super) offset: u32,
}

/// A file's blocks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct File {
    pub(super) bytes: u64,
    pub(super) start: u64,
    /// Packed length of each block, with its bit; 0 is a hole.
    pub(super) sizes: Vec<u32>,
    pub(super) fragment: Option<Fragment>,
}

/// A directory's listing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing {
    block: u64,
    offset: usize,
    bytes: u64,
}

impl Listing {
    /// Where it begins; `None` where nothing is in it.
    pub(super) fn place(&self) -> Option<(u64, usize)> {
        (self.bytes > 3).then_some((self.block, self.offset))
    }
}

/// What an inode is.
#[derive(Debug)]
pub(super) enum What {
    Directory(Listing),
    File(File),
    Symlink(Vec<u8>),
    Other,
}

/// An inode.
#[derive(Debug)]
pub(super) struct Inode {
    pub(super) what: What,
    pub(super) mode: u16,
    pub(super) modified: u32,
    pub(super) number: u32,
    pub(super) links: u32,
}

/// A name in a directory and the inode it leads to.
pub(super) struct Child {
    pub(super) name: Vec<u8>,
    pub(super) inode: u64,
}

/// A metadata block, and where the next one begins.
type Block = (Arc<Vec<u8>>, u64);

/// Reads metadata; blocks that were unpacked just now are kept.
pub(super) struct Metadata {
    source: SharedSource,
    pub(super) superblock: Superblock,
    kept: HashMap<u64, Block>,
    fragments: HashMap<u32, (u64, u32)>,
}

/// A place in metadata that moves on by reading.
struct Cursor<'a> {
    of: &'a mut Metadata,
    block: Arc<Vec<u8>>,
    next: u64,
    at: usize,
}

impl Cursor<'_> {
    fn take(&mut self, out: &mut [u8]) -> Result<()> {
        let mut done = 0;
        while done < out.len() {
            if self.at >= self.block.len() {
                let (block, next) = self.of.block(self.next)?;
                if block.is_empty() {
                    return Err(Error::damaged("an empty block").at("SquashFS metadata", self.next));
                }
                (self.block, self.next, self.at) = (block, next, 0);
            }
            let rest = self.block.get(self.at..).unwrap_or_default();
            let n = rest.len().min(out.len() - done);
            if let (Some(to), Some(from)) = (out.get_mut(done..done + n), rest.get(..n)) {
                to.copy_from_slice(from);
            }
            done += n;
            self.at += n;
        }
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut out = [0; N];
        self.take(&mut out)?;
        Ok(out)
    }

    fn u16(&mut self) -> Result<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// `len` bytes; what is claimed and not there is not allocated.
    fn vec(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        while out.len() < len {
            let from = out.len();
            out.resize((from + METADATA).min(len), 0);
            self.take(out.get_mut(from..).unwrap_or_default())?;
        }
        Ok(out)
    }
}

impl Metadata {
    pub(super) fn new(source: SharedSource, superblock: Superblock) -> Self {
        Self { source, superblock, kept: HashMap::new(), fragments: HashMap::new() }
    }

    /// The metadata block at `at`, unpacked.
    fn block(&mut self, at: u64) -> Result<Block> {
        if let Some(block) = self.kept.get(&at) {
            return Ok(block.clone());
        }
        let fail = |error: Error| error.at("SquashFS metadata", at);
        let header = read_vec(&*self.source, at, 2).map_err(fail)?;
        let header = Fields::new("SquashFS metadata", &header, at).u16_le(0, "length")?;
        let len = u64::from(header & 0x7fff);
        let from = at.saturating_add(2);
        if len > METADATA as u64 {
            return Err(fail(Error::damaged("a length that no metadata block has")));
        }
        let bytes = read_vec(&*self.source, from, len).map_err(fail)?;
        let block = match header & 0x8000 {
            0 => self.superblock.compressor.unpack(&bytes, METADATA).map_err(fail)?,
            _ => bytes,
        };
        if self.kept.len() >= KEPT {
            self.kept.clear();
        }
        let block = (Arc::new(block), from.saturating_add(len));
        self.kept.insert(at, block.clone());
        Ok(block)
    }

    fn cursor(&mut self, table: u64, block: u64, at: usize) -> Result<Cursor<'_>> {
        let place = table.saturating_add(block);
        let (block, next) = self.block(place)?;
        if at >= block.len() {
            return Err(Error::damaged("a place outside of its block").at("SquashFS metadata", place));
        }
        Ok(Cursor { of: self, block, next, at })
    }

    /// The inode that `reference` leads to; of a file, no more than `most` blocks.
    ///
    /// # Errors
    /// `Damaged`, `Truncated`, `Limit`.
    pub(super) fn inode(&mut self, reference: u64, most: u64) -> Result<Inode> {
        let table = self.superblock.inode_table;
        let block_bytes = u64::from(self.superblock.block_bytes);
        let at = usize::try_from(reference & 0xffff).unwrap_or(usize::MAX);
        let mut c = self.cursor(table, reference >> 16, at)?;
        let kind = c.u16()?;
        let mode = c.u16()?;
        c.u32()?;
        let modified = c.u32()?;
        let number = c.u32()?;
        let mut links = 1;
        let what = match kind {
            1 => {
                let block = c.u32()?.into();
                links = c.u32()?;
                let bytes = c.u16()?.into();
                What::Directory(Listing { block, bytes, offset: c.u16()?.into() })
            }
            8 => {
                links = c.u32()?;
                let bytes = c.u32()?.into();
                let block = c.u32()?.into();
                c.bytes::<6>()?;
                What::Directory(Listing { block, bytes, offset: c.u16()?.into() })
            }
            2 | 9 => {
                let (start, bytes, fragment, offset);
                if kind == 2 {
                    (start, fragment, offset) = (u64::from(c.u32()?), c.u32()?, c.u32()?);
                    bytes = c.u32()?.into();
                } else {
                    (start, bytes) = (c.u64()?, c.u64()?);
                    c.u64()?;
                    links = c.u32()?;
                    (fragment, offset) = (c.u32()?, c.u32()?);
                    c.u32()?;
                }
                let count = match fragment {
                    NO_FRAGMENT => bytes.div_ceil(block_bytes),
                    _ => bytes / block_bytes,
                };
                if count > most {
                    return Err(Error::limit("blocks of one file", most));
                }
                let mut sizes = Vec::new();
                for _ in 0..count {
                    sizes.push(c.u32()?);
                }
                let fragment = match fragment {
                    NO_FRAGMENT => None,
                    number => {
                        let (at, size) = self.fragment(number)?;
                        Some(Fragment { at, size, offset })
                    }
                };
                What::File(File { bytes, start, sizes, fragment })
            }
            3 | 10 => {
                links = c.u32()?;
                let len = usize::try_from(c.u32()?).unwrap_or(usize::MAX);
                if len > 1 << 16 {
                    return Err(Error::damaged("a link's target is too long"));
                }
                What::Symlink(c.vec(len)?)
            }
            4..=7 | 11..=14 => {
                links = c.u32()?;
                What::Other
            }
            _ => return Err(Error::damaged("a type that no inode has").at("SquashFS inode", reference)),
        };
        Ok(Inode { what, mode: mode & 0o7777, modified, number, links })
    }

    /// Where the fragment of that number lies, and its length with its bit.
    fn fragment(&mut self, number: u32) -> Result<(u64, u32)> {
        if let Some(found) = self.fragments.get(&number) {
            return Ok(*found);
        }
        let wrong = || Error::damaged("a fragment that is not there");
        if number >= self.superblock.fragments {
            return Err(wrong());
        }
        // 512 entries of 16 bytes make a block; the table is the list of where the blocks are.
        let at = self.superblock.fragment_table.saturating_add(u64::from(number / 512) * 8);
        let place =
            read_vec(&*self.source, at, 8).map_err(|error| error.at("SquashFS fragment table", at))?;
        let place = Fields::new("SquashFS fragment table", &place, at).u64_le(0, "block")?;
        let mut c = self.cursor(place, 0, usize::try_from(number % 512).unwrap_or(0) * 16)?;
        let found = (c.u64()?, c.u32()? & (AS_IT_IS | (AS_IT_IS - 1)));
        if self.fragments.len() >= 1 << 16 {
            self.fragments.clear();
        }
        self.fragments.insert(number, found);
        Ok(found)
    }

    /// What is in a directory; at most `most` names.
    ///
    /// # Errors
    /// As [`Metadata::inode`]. What came before an error is in `out`.
    pub(super) fn children(&mut self, listing: Listing, most: u64, out: &mut Vec<Child>) -> Result<()> {
        // The three bytes more are for `.` and `..`, which are not there.
        let mut left = listing.bytes.saturating_sub(3);
        if left == 0 {
            return Ok(());
        }
        let table = self.superblock.directory_table;
        let mut c = self.cursor(table, listing.block, listing.offset)?;
        while left > 0 {
            let wrong = || Error::damaged("a directory header").at("SquashFS directory", listing.block);
            let count = c.u32()?;
            let block = u64::from(c.u32()?);
            c.u32()?;
            left = left.checked_sub(12).ok_or_else(wrong)?;
            // 256 names at most follow one header.
            if count > 255 {
                return Err(wrong());
            }
            for _ in 0..=count {
                let offset = u64::from(c.u16()?);
                c.u32()?;
                let len = usize::from(c.u16()?) + 1;
                left = left.checked_sub(8 + len as u64).ok_or_else(wrong)?;
                if len > 256 {
                    return Err(wrong());
                }
                let name = c.vec(len)?;
                if out.len() as u64 >= most {
                    return Err(Error::limit("entries in one container", most));
                }
                out.push(Child { name, inode: block << 16 | offset });
            }
        }
        Ok(())
    }
}
