//! From a block of a partition to bytes of the source: physical, sparable, virtual and metadata
//! partitions (ECMA-167 3/10.7, UDF 2.2.8 to 2.2.13).

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::source::{Piece, SharedSource, read_exact_at, read_vec};
use std::cell::Cell;
use std::collections::BTreeMap;

/// A block of a partition: `lb_addr` (ECMA-167 4/7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct Address {
    /// The partition's place in the table of partition maps.
    pub(super) partition: u16,
    /// The block, counted from the partition's first.
    pub(super) block: u32,
}

/// Which of the two copies of a metadata partition is read (UDF 2.2.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The metadata file.
    Main,
    /// The metadata mirror file.
    Mirror,
}

/// Part of a metadata file: where it begins there, and where it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    at: u64,
    piece: Piece,
}

/// Pieces of a file as runs that can be searched.
pub(super) fn runs(pieces: &[Piece]) -> Vec<Run> {
    let mut at = 0u64;
    let mut runs = Vec::with_capacity(pieces.len());
    for &piece in pieces {
        runs.push(Run { at, piece });
        at = at.saturating_add(piece.len);
    }
    runs
}

/// How the blocks of a partition are found.
#[derive(Debug, Clone)]
pub(super) enum Map {
    /// One after the other.
    Physical,
    /// By a table of physical blocks, for media that are written once.
    Virtual(Vec<u32>),
    /// In packets, some of which were moved: by first block, to a block of the volume.
    Sparable {
        /// Blocks of a packet.
        packet: u32,
        /// The packets that were moved.
        moved: BTreeMap<u32, u32>,
    },
    /// In a file of another partition, and perhaps a second copy of it.
    Metadata {
        /// The metadata file.
        main: Vec<Run>,
        /// The mirror; empty where it is no other copy.
        mirror: Vec<Run>,
    },
    /// It cannot be read, and why.
    Unusable(&'static str),
}

/// A partition of the logical volume.
#[derive(Debug, Clone)]
pub(super) struct Partition {
    /// Where it begins in the source, in bytes.
    pub(super) start: u64,
    /// How its blocks are found.
    pub(super) map: Map,
}

/// The partitions of the logical volume, in the order of its partition maps.
pub(super) struct Partitions {
    /// The whole medium.
    pub(super) source: SharedSource,
    /// Bytes of a logical block.
    pub(super) block: u64,
    /// Extents that one file may have.
    pub(super) most: u64,
    /// By partition reference number.
    pub(super) list: Vec<Partition>,
    /// What the medium may still make us do, in bytes.
    work: Cell<u64>,
}

/// What one piece costs of the work that a medium may ask for: a descriptor takes 8 bytes of it.
const STEP: u64 = 16;

impl Partitions {
    /// No partitions yet.
    ///
    /// A medium that is whole needs each structure read once, or twice where it has mirrors. One that
    /// lists the same blocks again and again would never be done: it is stopped.
    pub(super) fn new(source: SharedSource, block: u64, limits: &Limits) -> Self {
        let work = Cell::new(source.len().saturating_mul(2).saturating_add(16 << 20));
        Self { source, block, most: limits.extents_per_file, list: Vec::new(), work }
    }

    /// Takes work that is to be done.
    pub(super) fn spend(&self, work: u64) -> Result<()> {
        let left = self.work.get().checked_sub(work);
        self.work.set(left.unwrap_or(0));
        match left {
            Some(_) => Ok(()),
            None => Err(Error::damaged("structures overlap so often that reading them would not end")),
        }
    }

    fn partition(&self, at: Address) -> Result<&Partition> {
        self.list
            .get(usize::from(at.partition))
            .ok_or_else(|| Error::invalid("a partition reference number that does not exist"))
    }

    /// True where there is another copy of this partition's blocks.
    pub(super) fn has_mirror(&self, at: Address) -> bool {
        matches!(self.partition(at), Ok(Partition { map: Map::Metadata { mirror, .. }, .. }) if !mirror.is_empty())
    }

    /// Adds where `len` bytes from a block are stored to `out`.
    pub(super) fn place(&self, at: Address, len: u64, side: Side, out: &mut Vec<Piece>) -> Result<()> {
        let partition = self.partition(at)?;
        let beyond = || Error::invalid("a block number beyond any medium");
        match &partition.map {
            Map::Unusable(why) => Err(Error::damaged(why)),
            Map::Physical => {
                let into = u64::from(at.block).checked_mul(self.block);
                let at = into.and_then(|into| partition.start.checked_add(into)).ok_or_else(beyond)?;
                self.push(Piece { at: Some(at), len }, out)
            }
            Map::Sparable { packet, moved } => self.sparable(partition.start, *packet, moved, at, len, out),
            Map::Virtual(table) => {
                let mut left = len;
                let mut block = u64::from(at.block);
                while left > 0 {
                    let there = usize::try_from(block).ok().and_then(|block| table.get(block));
                    let there = there.filter(|&&there| there != u32::MAX);
                    let there = *there.ok_or_else(|| Error::damaged("a virtual block that the VAT lacks"))?;
                    let into = u64::from(there).checked_mul(self.block).ok_or_else(beyond)?;
                    let len = left.min(self.block);
                    let at = partition.start.checked_add(into).ok_or_else(beyond)?;
                    self.push(Piece { at: Some(at), len }, out)?;
                    left -= len;
                    block += 1;
                }
                Ok(())
            }
            Map::Metadata { main, mirror } => {
                let runs = if side == Side::Mirror && !mirror.is_empty() { mirror } else { main };
                self.metadata(runs, at, len, out)
            }
        }
    }

    /// UDF 2.2.12: a packet that is in the sparing table is read from where it was moved to.
    fn sparable(
        &self,
        start: u64,
        packet: u32,
        moved: &BTreeMap<u32, u32>,
        at: Address,
        len: u64,
        out: &mut Vec<Piece>,
    ) -> Result<()> {
        let beyond = || Error::invalid("a block number beyond any medium");
        let mut left = len;
        let mut block = at.block;
        loop {
            let first = block - block.checked_rem(packet).unwrap_or(0);
            let (origin, blocks, until) = match moved.get(&first) {
                Some(&to) => {
                    let to = u64::from(to) + u64::from(block - first);
                    (0, to, u64::from(first) + u64::from(packet))
                }
                None => {
                    let next = moved.range(block..).next().map_or(u64::MAX, |(&next, _)| next.into());
                    (start, u64::from(block), next)
                }
            };
            let room = (until - u64::from(block)).saturating_mul(self.block);
            let part = left.min(room);
            let at = blocks.checked_mul(self.block).and_then(|bytes| bytes.checked_add(origin));
            self.push(Piece { at: Some(at.ok_or_else(beyond)?), len: part }, out)?;
            left -= part;
            if left == 0 {
                return Ok(());
            }
            block = u32::try_from(until).map_err(|_| beyond())?;
        }
    }

    fn metadata(&self, runs: &[Run], at: Address, len: u64, out: &mut Vec<Piece>) -> Result<()> {
        let short = || Error::damaged("a block that the metadata file does not have");
        let mut at = u64::from(at.block).checked_mul(self.block).ok_or_else(short)?;
        let mut left = len;
        let first = runs.partition_point(|run| run.at.saturating_add(run.piece.len) <= at);
        for run in runs.get(first..).unwrap_or_default() {
            if left == 0 {
                break;
            }
            let into = at.checked_sub(run.at).ok_or_else(short)?;
            let part = run.piece.len.saturating_sub(into).min(left);
            let stored = run.piece.at.and_then(|stored| stored.checked_add(into)).ok_or_else(short)?;
            self.push(Piece { at: Some(stored), len: part }, out)?;
            at = at.saturating_add(part);
            left -= part;
        }
        if left == 0 { Ok(()) } else { Err(short()) }
    }

    /// Adds a piece; it becomes part of the last one where it follows it in the source.
    pub(super) fn push(&self, piece: Piece, out: &mut Vec<Piece>) -> Result<()> {
        if piece.len == 0 {
            return Ok(());
        }
        self.spend(STEP)?;
        if let Some(last) = out.last_mut() {
            let follows = match (last.at, piece.at) {
                (Some(last_at), Some(at)) => last_at.checked_add(last.len) == Some(at),
                (None, None) => true,
                _ => false,
            };
            if follows {
                last.len = last.len.saturating_add(piece.len);
                return Ok(());
            }
        }
        if out.len() as u64 >= self.most {
            return Err(Error::limit("extents in one file", self.most));
        }
        out.push(piece);
        Ok(())
    }

    /// Where a block begins in the source.
    pub(super) fn offset(&self, at: Address, side: Side) -> Result<u64> {
        let mut pieces = Vec::new();
        self.place(at, self.block, side, &mut pieces)?;
        match pieces.as_slice() {
            [Piece { at: Some(at), len }] if *len == self.block => Ok(*at),
            _ => Err(Error::damaged("a block in two places")),
        }
    }

    /// `len` bytes from the start of a block, and where they are.
    pub(super) fn read(&self, at: Address, len: u64, side: Side) -> Result<(Vec<u8>, u64)> {
        let offset = self.offset(at, side)?;
        Ok((read_vec(&*self.source, offset, len)?, offset))
    }

    /// All bytes of the pieces.
    pub(super) fn gather(&self, pieces: &[Piece]) -> Result<Vec<u8>> {
        match self.gather_some(pieces) {
            (bytes, None) => Ok(bytes),
            (_, Some(error)) => Err(error),
        }
    }

    /// The bytes of the pieces as far as the source has them, and why there are no more. A hole has
    /// none to give: structures are never in one.
    pub(super) fn gather_some(&self, pieces: &[Piece]) -> (Vec<u8>, Option<Error>) {
        let mut out = Vec::new();
        let fault = pieces.iter().find_map(|piece| self.gather_one(*piece, &mut out).err());
        (out, fault)
    }

    fn gather_one(&self, piece: Piece, out: &mut Vec<u8>) -> Result<()> {
        let at = piece.at.ok_or_else(|| Error::damaged("a structure in an extent that was not recorded"))?;
        let have = self.source.len().saturating_sub(at).min(piece.len);
        self.spend(have)?;
        let start = out.len();
        let len = usize::try_from(have).map_err(|_| Error::limit("bytes in memory", u64::MAX))?;
        out.resize(start.saturating_add(len), 0);
        read_exact_at(&*self.source, at.min(self.source.len()), out.get_mut(start..).unwrap_or_default())?;
        if have < piece.len {
            return Err(Error::truncated(at.saturating_add(piece.len), self.source.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn over(map: Map) -> Partitions {
        let list = vec![Partition { start: 10 * 512, map }];
        let source: SharedSource = Arc::new(vec![0; 512]);
        Partitions { list, ..Partitions::new(source, 512, &Limits::default()) }
    }

    fn placed(map: Map, block: u32, len: u64) -> Result<Vec<(u64, u64)>> {
        let mut out = Vec::new();
        over(map).place(Address { partition: 0, block }, len, Side::Main, &mut out)?;
        Ok(out.iter().map(|piece| (piece.at.unwrap(), piece.len)).collect())
    }

    #[test]
    fn a_physical_partition_is_one_run() {
        assert_eq!(placed(Map::Physical, 2, 700).unwrap(), [(12 * 512, 700)]);
        let other = Address { partition: 1, block: 0 };
        assert!(over(Map::Physical).place(other, 1, Side::Main, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_moved_packet_is_read_from_its_new_place() {
        let map = Map::Sparable { packet: 4, moved: BTreeMap::from([(4, 100)]) };
        let pieces = placed(map.clone(), 2, 9 * 512).unwrap();
        assert_eq!(pieces, [(12 * 512, 2 * 512), (100 * 512, 4 * 512), (18 * 512, 3 * 512)]);
        assert_eq!(placed(map, 5, 512).unwrap(), [(101 * 512, 512)]);
    }

    #[test]
    fn a_virtual_block_is_where_the_table_says() {
        let map = Map::Virtual(vec![5, 6, 2, u32::MAX]);
        assert_eq!(placed(map.clone(), 0, 1500).unwrap(), [(15 * 512, 1024), (12 * 512, 476)]);
        assert!(placed(map.clone(), 3, 1).is_err());
        assert!(placed(map, 4, 1).is_err());
    }

    #[test]
    fn a_metadata_block_is_in_the_runs_of_its_file() {
        let main = runs(&[Piece { at: Some(5120), len: 1024 }, Piece { at: Some(0), len: 512 }]);
        let map = Map::Metadata { main, mirror: Vec::new() };
        assert_eq!(placed(map.clone(), 1, 1024).unwrap(), [(5632, 512), (0, 512)]);
        assert!(placed(map.clone(), 2, 513).is_err());
        assert!(placed(map, 3, 1).is_err());
    }

    #[test]
    fn a_structure_is_not_read_from_a_hole_nor_beyond_the_source() {
        let partitions = over(Map::Physical);
        let gather = |at, len| partitions.gather(&[Piece { at, len }]);
        assert!(gather(None, 1 << 40).is_err());
        assert!(gather(Some(500), 1 << 40).is_err());
        assert_eq!(gather(Some(500), 12).unwrap().len(), 12);
        let again = vec![Piece { at: Some(0), len: 512 }; 1 << 16];
        assert!(partitions.gather(&again).is_err());
    }
}
