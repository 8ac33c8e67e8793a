//! What the targets share: images in a form that a fuzzer can work on, small limits, and reading
//! everything of a container within a budget.

use cap::Cap;
use discless::Limits;
use discless::container::{Container, Entry, EntryId, EntryKind};
use discless::digest::{Algorithm, Hasher};
use discless::error::{Error, Result};
use discless::formats::Options;
use discless::sink::{Sink, Want};
use discless::source::{SharedSource, Source};
use std::alloc::System;
use std::collections::HashMap;
use std::io;
use std::io::Read as _;
use std::sync::Arc;

/// An allocation past this ends the run as a crash. libFuzzer's `-malloc_limit_mb` needs a sanitizer's
/// hooks, which a stable compiler does not have.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, 512 << 20);

/// Begins the sparse form of an image.
const SPARSE: &[u8] = b"sparse\0\x01";
const BLOCK: u64 = 512;
/// The largest image that a sparse one may claim to be, in blocks: 16 MiB.
const MOST_BLOCKS: u32 = 32 << 10;

/// The input as an image: the sparse form that `seeds.py` makes (see README.md), or as it is.
pub fn image(data: &[u8]) -> SharedSource {
    match data.strip_prefix(SPARSE).and_then(Sparse::read) {
        Some(sparse) => Arc::new(sparse),
        None => Arc::new(data.to_vec()),
    }
}

/// An image of which only the blocks are kept that are not zeros.
struct Sparse {
    len: u64,
    blocks: HashMap<u64, Vec<u8>>,
}

impl Sparse {
    /// Length in blocks (u32), bytes of the last one that are missing (u16), then the blocks: number
    /// (u32), length (u16), that many bytes.
    fn read(data: &[u8]) -> Option<Self> {
        let (head, mut rest) = data.split_at_checked(6)?;
        let count = u32::from_le_bytes(head.get(..4)?.try_into().ok()?).min(MOST_BLOCKS);
        let missing = u16::from_le_bytes(head.get(4..)?.try_into().ok()?);
        let len = (u64::from(count) * BLOCK).saturating_sub(u64::from(missing) % BLOCK);
        let mut blocks = HashMap::new();
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
        let mut done = 0;
        while done < there {
            let at = offset + done as u64;
            let into = (at % BLOCK) as usize;
            let part = (BLOCK as usize - into).min(there - done);
            let stored =
                self.blocks.get(&(at / BLOCK)).and_then(|block| block.get(into..)).unwrap_or_default();
            let copied = stored.len().min(part);
            buf[done..done + copied].copy_from_slice(&stored[..copied]);
            buf[done + copied..done + part].fill(0);
            done += part;
        }
        Ok(there)
    }
}

/// Limits at which memory and time stay small however the input is made.
pub fn options() -> Options {
    let limits = Limits {
        nesting: 2,
        entries: 5_000,
        directory_depth: 64,
        directory_bytes: 1 << 20,
        path_bytes: 4 << 10,
        all_path_bytes: 8 << 20,
        extents_per_file: 4 << 10,
        all_extents: 64 << 10,
        spool_memory: 1 << 20,
        spool_bytes: 4 << 20,
        unpacked_floor: 4 << 20,
        ..Limits::default()
    };
    Options { limits, ..Options::default() }
}

/// Bytes of members that one input may have read.
const BUDGET: u64 = 4 << 20;

/// Takes bytes until the budget is used up; digests them to compare two ways of reading.
struct Budget {
    left: u64,
    open: Option<Hasher>,
    whole: Vec<(EntryId, String)>,
    current: EntryId,
}

impl Sink for Budget {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        if entry.kind != EntryKind::File || self.left == 0 {
            return Ok(Want::Skip);
        }
        self.current = id;
        self.open = Some(Hasher::new(&[Algorithm::Crc32]));
        Ok(Want::Bytes)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        self.left = self.left.saturating_sub(bytes.len() as u64);
        if let Some(hasher) = &mut self.open {
            hasher.update(bytes);
        }
        if self.left == 0 { Err(Error::limit("bytes read by a fuzz target", BUDGET)) } else { Ok(()) }
    }

    fn end(&mut self, _: &Entry, outcome: Result<()>) -> Result<()> {
        if let (Some(hasher), Ok(())) = (self.open.take(), outcome) {
            self.whole.push((self.current, hasher.finish()[0].hex()));
        }
        Ok(())
    }
}

/// Lists a container, reads its members, and holds what it says against itself.
pub fn exercise(container: &dyn Container) {
    let entries = container.entries();
    assert!(entries.len() as u64 <= options().limits.entries + 64, "{} entries", entries.len());
    for entry in entries {
        assert!(entry.path.bytes().len() <= (4 << 10) + 300, "a path of {} bytes", entry.path.bytes().len());
    }
    for finding in container.findings() {
        assert!(!finding.what.is_empty());
    }
    let _ = (container.layers(), container.regions(), container.facts(), container.extent());
    let wanted: Vec<EntryId> = (0..entries.len()).map(EntryId).collect();
    let mut sink = Budget { left: BUDGET, open: None, whole: Vec::new(), current: EntryId(0) };
    let _ = container.read_in_order(&wanted, &mut sink);
    // Reading one alone gives what reading all gave.
    for (id, sum) in sink.whole.iter().take(8) {
        let mut bytes = Vec::new();
        let content = container.open(*id).expect("it was opened before");
        content.take(BUDGET + 1).read_to_end(&mut bytes).expect("it was read before");
        assert_eq!(bytes.len() as u64, entries[id.0].bytes);
        let mut hasher = Hasher::new(&[Algorithm::Crc32]);
        hasher.update(&bytes);
        assert_eq!(hasher.finish()[0].hex(), *sum);
    }
}

/// Frames of a packed stream: the size that each unpacks to (u16, at most 32 KiB), the size of its chunk (u16),
/// the chunk.
pub fn frames(data: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (head, more) = rest.split_first_chunk::<4>()?;
        let [a, b, c, d] = *head;
        let len = usize::from(u16::from_le_bytes([a, b])).min(32 << 10);
        let (chunk, more) = more.split_at(usize::from(u16::from_le_bytes([c, d])).min(more.len()));
        rest = more;
        Some((len, chunk))
    })
}
