//! zisofs: files packed in blocks with zlib, read as if they were not (`ZF` in Rock Ridge).
//!
//! | | version 1 | version 2 |
//! |---|---|---|
//! | magic | 37 E4 53 96 C9 DB D6 07 | EF 22 55 A1 BC 1B 95 A0 |
//! | unpacked size | u32 at 8 | u64 at 12 |
//! | header size / 4 | at 12 | at 9 |
//! | log2 of the block size | at 13 | at 11 |
//! | block pointers | u32 each | u64 each |
//!
//! There is one pointer more than blocks; a block of no bytes is zeros. Reference: the header formats
//! in the documentation of zisofs-tools and libisofs (`doc/zisofs_format.txt`, `zisofs2_format.txt`).

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{SharedSource, read_vec};
use flate2::bufread::ZlibDecoder;
use std::io::{self, Read};

const MAGIC_1: &[u8] = &[0x37, 0xe4, 0x53, 0x96, 0xc9, 0xdb, 0xd6, 0x07];
const MAGIC_2: &[u8] = &[0xef, 0x22, 0x55, 0xa1, 0xbc, 0x1b, 0x95, 0xa0];

/// The unpacked content, block by block.
pub(super) struct Unpacked {
    packed: SharedSource,
    bytes: u64,
    block: u64,
    pointers_at: u64,
    pointer_size: u64,
    /// The next block, and what is left of the current one.
    next: u64,
    current: Vec<u8>,
    taken: usize,
}

impl Unpacked {
    /// Opens the packed file; `bytes` is the size that the directory gives.
    pub(super) fn open(packed: SharedSource, bytes: u64) -> Result<Self> {
        let head = read_vec(&*packed, 0, 24.min(packed.len()))?;
        let fields = Fields::new("zisofs header", &head, 0);
        let (size, header, log2, pointer_size) = match fields.bytes(0, 8, "magic")? {
            MAGIC_1 => (
                u64::from(fields.u32_le(8, "unpacked size")?),
                fields.u8(12, "header size")?,
                fields.u8(13, "block size")?,
                4,
            ),
            MAGIC_2 => (
                fields.u64_le(12, "unpacked size")?,
                fields.u8(9, "header size")?,
                fields.u8(11, "block size")?,
                8,
            ),
            _ => return Err(Error::damaged("zisofs magic").at("zisofs header", 0)),
        };
        if size != bytes {
            return Err(
                Error::damaged("the sizes in the header and the directory differ").at("zisofs header", 8)
            );
        }
        // The tools write 15 to 17 (32 to 128 KiB), version 2 up to 20.
        if !(15..=20).contains(&log2) {
            return Err(Error::invalid("zisofs block size").at("zisofs header", 13));
        }
        let block = 1u64 << log2;
        let pointers_at = u64::from(header) * 4;
        let table = size.div_ceil(block).saturating_add(1).saturating_mul(pointer_size);
        let need = pointers_at.saturating_add(table);
        if size > 0 && need > packed.len() {
            return Err(Error::truncated(need, packed.len()).at("zisofs block pointers", pointers_at));
        }
        Ok(Self { packed, bytes, block, pointers_at, pointer_size, next: 0, current: Vec::new(), taken: 0 })
    }

    fn load(&mut self) -> Result<()> {
        let at = self.pointers_at + self.next * self.pointer_size;
        let pair = read_vec(&*self.packed, at, self.pointer_size * 2)?;
        let fields = Fields::new("zisofs block pointers", &pair, at);
        let (start, end) = if self.pointer_size == 4 {
            (u64::from(fields.u32_le(0, "start")?), u64::from(fields.u32_le(4, "end")?))
        } else {
            (fields.u64_le(0, "start")?, fields.u64_le(8, "end")?)
        };
        let want = (self.bytes - self.next * self.block).min(self.block);
        let want = usize::try_from(want).map_err(|_| Error::invalid("zisofs block size"))?;
        self.current.clear();
        if start == end {
            self.current.resize(want, 0);
        } else {
            // zlib's worst case is far below twice the block.
            let packed = end.checked_sub(start).filter(|&len| len <= self.block * 2);
            let packed =
                packed.ok_or_else(|| Error::damaged("block pointers").at("zisofs block pointers", at))?;
            let bytes = read_vec(&*self.packed, start, packed)?;
            ZlibDecoder::new(bytes.as_slice())
                .take(want as u64)
                .read_to_end(&mut self.current)
                .map_err(|_| Error::damaged("zisofs block does not unpack").at("zisofs block", start))?;
            if self.current.len() != want {
                return Err(Error::damaged("zisofs block is short").at("zisofs block", start));
            }
        }
        self.next += 1;
        self.taken = 0;
        Ok(())
    }
}

impl Read for Unpacked {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.current.len() {
            if self.next * self.block >= self.bytes {
                return Ok(0);
            }
            self.load()?;
        }
        let mut rest = self.current.get(self.taken..).unwrap_or_default();
        let n = rest.read(buf)?;
        self.taken += n;
        Ok(n)
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;
    use std::sync::Arc;

    fn pack(blocks: &[&[u8]], size: u32) -> Vec<u8> {
        let mut out = MAGIC_1.to_vec();
        out.extend(size.to_le_bytes());
        out.extend([4, 15, 0, 0]);
        let mut data = Vec::new();
        let base = 16 + 4 * (blocks.len() as u32 + 1);
        for block in blocks {
            out.extend((base + data.len() as u32).to_le_bytes());
            if !block.is_empty() {
                let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
                zlib.write_all(block).unwrap();
                data.extend(zlib.finish().unwrap());
            }
        }
        out.extend((base + data.len() as u32).to_le_bytes());
        out.extend(data);
        out
    }

    #[test]
    fn blocks_are_unpacked_and_empty_ones_are_zeros() {
        let packed = pack(&[&[5; 32768], &[], b"end"], 65539);
        let mut out = Vec::new();
        Unpacked::open(Arc::new(packed), 65539).unwrap().read_to_end(&mut out).unwrap();
        assert_eq!(out.len(), 65539);
        assert!(out[..32768].iter().all(|&byte| byte == 5));
        assert!(out[32768..65536].iter().all(|&byte| byte == 0));
        assert_eq!(&out[65536..], b"end");
    }

    #[test]
    fn a_size_that_needs_more_pointers_than_there_are_bytes_is_refused() {
        let mut packed = pack(&[b"end"], 3);
        packed[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(Unpacked::open(Arc::new(packed), u64::from(u32::MAX)).is_err());
    }

    #[test]
    fn a_block_that_unpacks_to_too_little_is_damage() {
        let packed = pack(&[b"end"], 30);
        let mut out = Vec::new();
        assert!(Unpacked::open(Arc::new(packed), 30).unwrap().read_to_end(&mut out).is_err());
    }
}
