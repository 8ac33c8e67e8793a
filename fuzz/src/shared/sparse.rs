//! Images in a form that a fuzzer can work on: blocks that are not zeros, with their numbers (README.md).

use discless::source::{SharedSource, Source};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

/// Begins the sparse form of an image.
const SPARSE: &[u8] = b"sparse\0\x01";
const BLOCK: u64 = 512;
/// The largest image that a sparse one may claim to be, in blocks: 8 MiB, as large as the largest seed.
const MOST_BLOCKS: u32 = 16 << 10;

/// The same where nothing lies far in: 1 MiB. Zeros that are searched cost more than what is to be found.
const MOST_CLOSE: u32 = 2 << 10;

/// The input as an image: the sparse form that `seeds.py` makes (see README.md), or as it is.
pub fn image(data: &[u8]) -> SharedSource {
    of(data, MOST_BLOCKS)
}

/// The same for formats of which nothing lies far in.
pub fn close_image(data: &[u8]) -> SharedSource {
    of(data, MOST_CLOSE)
}

fn of(data: &[u8], most: u32) -> SharedSource {
    match data.strip_prefix(SPARSE).and_then(|data| Sparse::read(data, most)) {
        Some(sparse) => Arc::new(sparse),
        None => Arc::new(data.to_vec()),
    }
}

/// An image of which only the blocks are kept that are not zeros.
struct Sparse {
    len: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Sparse {
    /// Length in blocks (u32), bytes of the last one that are missing (u16), then the blocks: number
    /// (u32), length (u16), that many bytes.
    fn read(data: &[u8], most: u32) -> Option<Self> {
        let (head, mut rest) = data.split_at_checked(6)?;
        let count = u32::from_le_bytes(head.get(..4)?.try_into().ok()?).min(most);
        let missing = u16::from_le_bytes(head.get(4..)?.try_into().ok()?);
        let len = (u64::from(count) * BLOCK).saturating_sub(u64::from(missing) % BLOCK);
        let mut blocks = BTreeMap::new();
        while let Some((head, more)) = rest.split_at_checked(6) {
            let number = u32::from_le_bytes(head.get(..4)?.try_into().ok()?);
            let bytes =
                usize::from(u16::from_le_bytes(head.get(4..)?.try_into().ok()?)) % (BLOCK as usize + 1);
            let (bytes, more) = more.split_at(bytes.min(more.len()));
            blocks.insert(u64::from(number), bytes.to_vec());
            rest = more;
        }
        Some(Self { len, blocks })
    }
}

impl Source for Sparse {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let there = usize::try_from(self.len.saturating_sub(offset)).unwrap_or(usize::MAX).min(buf.len());
        let buf = buf.split_at_mut(there).0;
        buf.fill(0);
        let end = offset.saturating_add(there as u64);
        for (number, block) in self.blocks.range(offset / BLOCK..end.div_ceil(BLOCK)) {
            let at = number * BLOCK;
            // What of the block lies within the range.
            let skipped = offset.saturating_sub(at) as usize;
            let into = at.saturating_sub(offset) as usize;
            let part = block.get(skipped..).unwrap_or_default();
            let len = part.len().min(there - into);
            buf[into..into + len].copy_from_slice(&part[..len]);
        }
        Ok(there)
    }
}

/// All bytes of the image that an input stands for; `None` past `most`.
pub fn bytes(data: &[u8], most: usize) -> Option<Vec<u8>> {
    let Some(sparse) = data.strip_prefix(SPARSE).and_then(|data| Sparse::read(data, MOST_BLOCKS)) else {
        return Some(data.to_vec());
    };
    let mut out = vec![0; usize::try_from(sparse.len).ok().filter(|len| *len <= most)?];
    for (number, block) in sparse.blocks {
        let at = usize::try_from(number * BLOCK).ok()?;
        let end = (at + block.len()).min(out.len());
        if let Some(place) = out.get_mut(at..end) {
            place.copy_from_slice(&block[..place.len()]);
        }
    }
    Some(out)
}

/// An image in the sparse form.
pub fn pack(image: &[u8]) -> Vec<u8> {
    let blocks = image.chunks(BLOCK as usize);
    let count = blocks.len();
    let missing = (count * BLOCK as usize - image.len()) as u16;
    let mut out = SPARSE.to_vec();
    out.extend_from_slice(&(count as u32).to_le_bytes());
    out.extend_from_slice(&missing.to_le_bytes());
    for (number, block) in blocks.enumerate() {
        let len = block.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        if len > 0 {
            out.extend_from_slice(&(number as u32).to_le_bytes());
            out.extend_from_slice(&(len as u16).to_le_bytes());
            out.extend_from_slice(&block[..len]);
        }
    }
    out
}
