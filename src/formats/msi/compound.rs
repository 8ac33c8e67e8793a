//! Compound files: a FAT file system in a file. Every stream becomes a [`Source`] made of ranges of the file,
//! so that what lies in it is read where it is.
//!
//! | structure | where | fields read |
//! |---|---|---|
//! | header, 512 bytes | 0 | magic, version, sector size, counts and starts of FAT, directory, mini FAT, DIFAT |
//! | FAT | sectors that the DIFAT lists | the next sector of each |
//! | directory entry, 128 bytes | chain of the header | name, type, siblings, child, CLSID, start, size |
//! | mini FAT, mini stream | chains of header and root | streams below 4096 bytes, in sectors of 64 |
//!
//! References: \[MS-CFB\].

use super::names;
use crate::container::Region;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::source::{Piece, Pieces, SharedSource, read_exact_at, read_up_to, read_vec};
use crate::text::utf16_le;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a compound file begins with.
pub(super) const MAGIC: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
/// \[MS-CFB\] §2.1: larger sector numbers mean something else.
const MAX_SECTOR: u32 = 0xffff_fffa;
/// A sector that is the end of its chain.
const END_OF_CHAIN: u32 = 0xffff_fffe;
/// A sector that nobody uses.
const FREE: u32 = 0xffff_ffff;
/// Bytes of the mini FAT that are read: enough for 64 MiB of small streams.
const MINI_FAT: u64 = 4 << 20;
/// Bytes of FAT and DIFAT that are believed: a file of 64 GiB with the smaller sectors.
const FAT: u64 = 512 << 20;
/// Bytes of a mini sector.
const MINI: u64 = 64;
/// Streams from this size on lie in whole sectors.
const CUTOFF: u64 = 4096;
/// Storages within storages.
const DEPTH: usize = 16;
/// Number of no directory entry.
const NO_STREAM: u32 = 0xffff_ffff;

/// What an entry of the directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It holds others.
    Storage,
    /// It holds bytes.
    Stream,
}

/// One entry of the directory that can be reached from the root.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Its name as it is stored, in Unicode.
    pub(crate) name: String,
    /// What it is.
    pub(crate) kind: Kind,
    /// The storage it lies in; the root is `None`.
    pub(crate) parent: Option<usize>,
    /// Size in bytes.
    pub(crate) bytes: u64,
    first: u32,
    /// The rest of its entry, which signatures cover.
    pub(crate) stored: Stored,
}

/// Fields of a directory entry as they are stored (\[MS-CFB\] §2.6.1).
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored {
    /// Directory Entry Name without its NUL.
    pub(crate) name: Vec<u8>,
    /// CLSID.
    pub(crate) class: [u8; 16],
    /// State Bits.
    pub(crate) state: u32,
    /// Creation Time and Modified Time.
    pub(crate) times: (u64, u64),
}

impl Stored {
    fn read(entry: Fields<'_>) -> Result<Self> {
        let len = usize::from(entry.u16_le(64, "Name Length")?).clamp(2, 64) - 2;
        let mut class = [0; 16];
        class.copy_from_slice(entry.bytes(80, 16, "CLSID")?);
        Ok(Self {
            name: entry.bytes(0, len, "Name")?.to_vec(),
            class,
            state: entry.u32_le(96, "State Bits")?,
            times: (entry.u64_le(100, "Creation Time")?, entry.u64_le(108, "Modified Time")?),
        })
    }
}

/// A compound file that has been looked at.
pub(crate) struct Compound {
    source: SharedSource,
    sector: u64,
    /// Where the FAT's sectors are.
    fat: Vec<u32>,
    top: Stored,
    nodes: Vec<Node>,
    root: HashMap<String, usize>,
    mini_fat: Vec<u8>,
    mini_stream: Vec<Piece>,
    mini_ends: Vec<u64>,
    /// Sectors that may still be followed: streams that share sectors would cost more than the file is large.
    hops: AtomicU64,
    /// True where the directory's trees lead in circles or out of it.
    pub(crate) tangled: bool,
}

/// The root's class without the rest of the directory; `None` where its place cannot be read.
///
/// # Errors
/// What the operating system said.
pub(super) fn class(source: &dyn crate::source::Source, head: &[u8]) -> Option<[u8; 16]> {
    let header = Header::read(head).ok()?;
    let mut class = [0; 16];
    let at = place(header.first_directory, header.sector).checked_add(80)?;
    read_exact_at(source, at, &mut class).ok()?;
    Some(class)
}

/// Where a sector lies in the file.
fn place(sector: u32, size: u64) -> u64 {
    (u64::from(sector) + 1) * size
}

impl Compound {
    /// `None` where the source is no compound file.
    ///
    /// # Errors
    /// `Damaged`, `Truncated`, `Invalid` or `Limit` where it cannot be followed.
    pub(crate) fn open(source: SharedSource, limits: &Limits) -> Result<Option<Self>> {
        let header = read_up_to(source.as_ref(), 0, 512)?;
        if !header.starts_with(&MAGIC) {
            return Ok(None);
        }
        let header = Header::read(&header)?;
        header.check(&source)?;
        let fat = header.fat(&source)?;
        let mut file = Self {
            source,
            sector: header.sector,
            fat,
            top: Stored::default(),
            nodes: Vec::new(),
            root: HashMap::new(),
            mini_fat: Vec::new(),
            mini_stream: Vec::new(),
            mini_ends: Vec::new(),
            hops: AtomicU64::new(0),
            tangled: false,
        };
        *file.hops.get_mut() = (file.source.len() / file.sector).saturating_mul(8).saturating_add(1 << 16);
        let most = limits.directory_bytes.min(file.source.len());
        let chain = file.chain(header.first_directory, None, "directory")?;
        let directory = Pieces::new(file.source.clone(), chain);
        let directory = crate::source::Source::len(&directory)
            .le(&most)
            .then(|| read_vec(&directory, 0, crate::source::Source::len(&directory)))
            .ok_or_else(|| Error::limit("bytes of a compound file's directory", most))??;
        let (first, bytes) = file.read_directory(&directory, header.sector == 512)?;
        let mini = header.first_mini_fat;
        if mini <= MAX_SECTOR && bytes > 0 {
            let chain = file.chain(mini, None, "mini FAT")?;
            let mini_fat = Pieces::new(file.source.clone(), chain);
            let len = crate::source::Source::len(&mini_fat);
            if len > MINI_FAT {
                return Err(Error::limit("bytes of mini FAT in a compound file", MINI_FAT));
            }
            file.mini_fat = read_vec(&mini_fat, 0, len)?;
            file.mini_stream = file.chain(first, Some(bytes), "mini stream")?;
            let mut end = 0;
            let ends = file.mini_stream.iter().map(|piece| {
                end += piece.len;
                end
            });
            file.mini_ends = ends.collect();
        }
        Ok(Some(file))
    }

    /// The root's CLSID, as its bytes are stored.
    pub(super) fn class(&self) -> [u8; 16] {
        self.top.class
    }

    /// The root's entry as it is stored.
    pub(crate) fn top(&self) -> &Stored {
        &self.top
    }

    /// All storages and streams, storages before what they hold.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// True where the root has a stream of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The number of the root's stream of that name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let number = *self.root.get(name)?;
        self.nodes.get(number).filter(|node| node.kind == Kind::Stream).map(|_| number)
    }

    /// Up to `most` bytes of a stream of the root.
    ///
    /// # Errors
    /// As [`Compound::pieces`], and what reading said.
    pub(crate) fn stream(&self, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
        let Some(number) = self.find(name) else { return Ok(None) };
        let source = self.source_of(number)?;
        read_vec(&*source, 0, source.len().min(most)).map(Some)
    }

    /// A stream as a source.
    ///
    /// # Errors
    /// As [`Compound::pieces`].
    pub(crate) fn source_of(&self, number: usize) -> Result<SharedSource> {
        Ok(Arc::new(Pieces::new(self.source.clone(), self.pieces(number)?)))
    }

    /// Where a stream's bytes lie in the file.
    ///
    /// # Errors
    /// `Damaged` where its chain leaves the FAT, ends early or runs in a circle.
    pub(super) fn pieces(&self, number: usize) -> Result<Vec<Piece>> {
        let Some(node) = self.nodes.get(number) else { return Ok(Vec::new()) };
        if node.bytes == 0 || node.kind != Kind::Stream {
            return Ok(Vec::new());
        }
        if node.bytes < CUTOFF {
            return self.mini_chain(node);
        }
        self.chain(node.first, Some(node.bytes), "stream")
    }

    /// How far the sectors reach that are in use, and what lies behind them as long as the FAT knows it.
    pub(crate) fn end(&self) -> (u64, Option<Region>) {
        let per = self.sector / 4;
        let there = self.source.len();
        // The FAT's own sectors are in use, whether they are there or not.
        let mut last = self.fat.iter().copied().filter(|&sector| sector <= MAX_SECTOR).max().map(u64::from);
        for (number, &sector) in self.fat.iter().enumerate().rev() {
            let Ok(bytes) = self.fat_sector(sector) else { continue };
            let used = bytes.chunks_exact(4).rposition(|four| four != FREE.to_le_bytes());
            if let Some(at) = used {
                last = last.max(Some(number as u64 * per + at as u64));
                break;
            }
        }
        let end = last.map_or(2, |last| last.saturating_add(2)).saturating_mul(self.sector);
        // The last sector may be cut where nothing of a stream is in what is missing.
        let short = there < end && end - there < self.sector;
        if short && self.all_within(there) {
            return (there, None);
        }
        let known = (self.fat.len() as u64 * per + 1).saturating_mul(self.sector).min(there);
        let free =
            Region { what: "free sectors of the compound file".to_owned(), range: end..known.max(end) };
        (end, (known > end).then_some(free))
    }

    /// True where no stream reaches past `there`.
    fn all_within(&self, there: u64) -> bool {
        (0..self.nodes.len()).all(|number| {
            self.pieces(number).is_ok_and(|pieces| {
                pieces.iter().all(|piece| piece.at.is_none_or(|at| at.saturating_add(piece.len) <= there))
            })
        })
    }

    fn fat_sector(&self, sector: u32) -> Result<Vec<u8>> {
        read_vec(self.source.as_ref(), place(sector, self.sector), self.sector)
            .map_err(|error| error.during("FAT"))
    }

    /// Follows a chain in the FAT (\[MS-CFB\] §2.3), for so many bytes or to its end.
    fn chain(&self, first: u32, bytes: Option<u64>, what: &'static str) -> Result<Vec<Piece>> {
        let there = self.source.len() / self.sector + 1;
        let need = bytes.map(|bytes| bytes.div_ceil(self.sector));
        if need.is_some_and(|need| need > there) {
            let bytes = bytes.unwrap_or_default();
            return Err(Error::truncated(bytes, self.source.len()).during(what));
        }
        let mut pieces: Vec<Piece> = Vec::new();
        let mut left = bytes.unwrap_or(u64::MAX);
        let (mut sector, mut hops) = (first, 0u64);
        let mut cached: (usize, Vec<u8>) = (usize::MAX, Vec::new());
        while sector <= MAX_SECTOR && left > 0 {
            hops += 1;
            let allowed = self.hops.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
            if allowed.is_err() {
                return Err(Error::damaged("streams share sectors").during(what));
            }
            if hops > there {
                return Err(Error::damaged("a chain of sectors runs in a circle").during(what));
            }
            let at = place(sector, self.sector);
            let len = left.min(self.sector);
            left -= len;
            match pieces.last_mut() {
                Some(last) if last.at.map(|at| at + last.len) == Some(at) => last.len += len,
                _ => pieces.push(Piece { at: Some(at), len }),
            }
            if left == 0 {
                break;
            }
            let number = u64::from(sector) * 4;
            let index = usize::try_from(number / self.sector).unwrap_or(usize::MAX);
            let Some(&holder) = self.fat.get(index) else {
                return Err(Error::damaged("a chain leaves the FAT").during(what));
            };
            if cached.0 != index {
                cached = (index, self.fat_sector(holder)?);
            }
            let at = usize::try_from(number % self.sector).unwrap_or(usize::MAX);
            sector = Fields::new("FAT", &cached.1, 0).u32_le(at, "next sector")?;
        }
        if bytes.is_some() && left > 0 {
            return Err(Error::damaged("a chain of sectors ends before its stream").during(what));
        }
        if bytes.is_none() && sector != END_OF_CHAIN && sector > MAX_SECTOR {
            return Err(Error::damaged("a chain of sectors goes on in none").during(what));
        }
        Ok(pieces)
    }

    /// The same in the mini FAT (§2.4): sectors of 64 bytes in the mini stream.
    fn mini_chain(&self, node: &Node) -> Result<Vec<Piece>> {
        let wrong = |what| Error::damaged(what).during("mini stream");
        let mini_fat = Fields::new("mini FAT", &self.mini_fat, 0);
        let mut pieces: Vec<Piece> = Vec::new();
        let (mut left, mut sector) = (node.bytes, node.first);
        while left > 0 {
            if sector > MAX_SECTOR {
                return Err(wrong("a chain of sectors ends before its stream"));
            }
            let from = u64::from(sector) * MINI;
            let len = left.min(MINI);
            left -= len;
            let number = self.mini_ends.partition_point(|&end| end <= from);
            let (Some(piece), Some(end)) = (self.mini_stream.get(number), self.mini_ends.get(number)) else {
                return Err(wrong("a chain leaves the mini stream"));
            };
            let into = from + piece.len - end;
            if into + len > piece.len {
                return Err(wrong("a chain leaves the mini stream"));
            }
            let at = piece.at.unwrap_or_default() + into;
            match pieces.last_mut() {
                Some(last) if last.at.map(|at| at + last.len) == Some(at) => last.len += len,
                _ => pieces.push(Piece { at: Some(at), len }),
            }
            let at = usize::try_from(u64::from(sector) * 4).unwrap_or(usize::MAX);
            if left > 0 {
                sector = mini_fat.u32_le(at, "next sector")?;
            }
        }
        Ok(pieces)
    }

    /// Reads the entries that can be reached (§2.6); where the mini stream begins and its size.
    fn read_directory(&mut self, directory: &[u8], short_sizes: bool) -> Result<(u32, u64)> {
        let entry = |number: u32| {
            let at = usize::try_from(u64::from(number) * 128).ok()?;
            Some(Fields::new("directory entry", directory.get(at..at.checked_add(128)?)?, at as u64))
        };
        let size = |fields: Fields<'_>| -> Result<u64> {
            let bytes = fields.u64_le(120, "Stream Size")?;
            // §2.6.3: writers leave rubbish in the upper half where sectors have 512 bytes.
            Ok(if short_sizes { bytes & 0xffff_ffff } else { bytes })
        };
        let Some(root) = entry(0).filter(|root| root.u8(66, "Object Type").is_ok_and(|kind| kind == 5))
        else {
            return Err(Error::damaged("the directory does not begin with a root").during("directory"));
        };
        self.top = Stored::read(root)?;
        let mut seen = vec![false; directory.len() / 128];
        let mut work: Vec<(u32, Option<usize>, usize)> = vec![(root.u32_le(76, "Child ID")?, None, 0)];
        while let Some((number, parent, depth)) = work.pop() {
            if number == NO_STREAM {
                continue;
            }
            let slot = usize::try_from(number).ok().and_then(|number| seen.get_mut(number));
            let (Some(slot), Some(fields)) = (slot, entry(number)) else {
                self.tangled = true;
                continue;
            };
            if std::mem::replace(slot, true) || number == 0 {
                self.tangled = true;
                continue;
            }
            work.push((fields.u32_le(72, "Right Sibling ID")?, parent, depth));
            let kind = match fields.u8(66, "Object Type")? {
                1 => Kind::Storage,
                2 => Kind::Stream,
                _ => {
                    self.tangled = true;
                    continue;
                }
            };
            let stored = Stored::read(fields)?;
            let name = utf16_le(&stored.name).0;
            let at = self.nodes.len();
            if parent.is_none() {
                self.root.insert(name.clone(), at);
            }
            let (first, bytes) = (fields.u32_le(116, "Starting Sector Location")?, size(fields)?);
            self.nodes.push(Node { name, kind, parent, bytes, first, stored });
            if kind == Kind::Storage {
                if depth < DEPTH {
                    work.push((fields.u32_le(76, "Child ID")?, Some(at), depth + 1));
                } else {
                    self.tangled = true;
                }
            }
            work.push((fields.u32_le(68, "Left Sibling ID")?, parent, depth));
        }
        Ok((root.u32_le(116, "Starting Sector Location")?, size(root)?))
    }

    /// The shown path of a node: storages and names, unpacked.
    pub(super) fn path(&self, number: usize) -> String {
        let mut parts = Vec::new();
        let mut at = Some(number);
        while let Some(node) = at.and_then(|number| self.nodes.get(number)) {
            parts.push(names::shown(&node.name));
            at = node.parent;
        }
        parts.reverse();
        parts.join("/")
    }
}

/// What the header says (\[MS-CFB\] §2.2).
struct Header {
    sector: u64,
    first_directory: u32,
    fat_sectors: u32,
    first_mini_fat: u32,
    mini_fat_sectors: u32,
    first_difat: u32,
    difat_sectors: u32,
    difat: Vec<u32>,
}

impl Header {
    fn read(header: &[u8]) -> Result<Self> {
        let fields = Fields::new("compound file header", header, 0);
        let sector = match (fields.u16_le(26, "Major Version")?, fields.u16_le(30, "Sector Shift")?) {
            (3, 9) => 512,
            (4, 12) => 4096,
            _ => return Err(fields.wrong(26, "Major Version", Error::invalid("version 3 or 4"))),
        };
        let difat = (0..109).map(|number| fields.u32_le(76 + number * 4, "DIFAT"));
        Ok(Self {
            sector,
            first_directory: fields.u32_le(48, "First Directory Sector Location")?,
            fat_sectors: fields.u32_le(44, "Number of FAT Sectors")?,
            first_mini_fat: fields.u32_le(60, "First Mini FAT Sector Location")?,
            mini_fat_sectors: fields.u32_le(64, "Number of Mini FAT Sectors")?,
            first_difat: fields.u32_le(68, "First DIFAT Sector Location")?,
            difat_sectors: fields.u32_le(72, "Number of DIFAT Sectors")?,
            difat: difat.collect::<Result<_>>()?,
        })
    }

    fn check(&self, source: &SharedSource) -> Result<()> {
        let wrong = |at, field, what| {
            Err(Fields::new("compound file header", &[], 0).wrong(at, field, Error::damaged(what)))
        };
        let there = source.len() / self.sector;
        let fits = |sectors: u32| u64::from(sectors) <= there;
        if !fits(self.fat_sectors) {
            return wrong(44, "Number of FAT Sectors", "more sectors than the file has");
        }
        if !fits(self.first_directory) {
            return wrong(48, "First Directory Sector Location", "beyond the end of the file");
        }
        if !fits(self.mini_fat_sectors) {
            return wrong(64, "Number of Mini FAT Sectors", "more sectors than the file has");
        }
        if !fits(self.difat_sectors) {
            return wrong(72, "Number of DIFAT Sectors", "more sectors than the file has");
        }
        if u64::from(self.fat_sectors).saturating_mul(self.sector) > FAT {
            return Err(Error::limit("bytes of FAT in a compound file", FAT));
        }
        Ok(())
    }

    /// Where the FAT's sectors are (\[MS-CFB\] §2.5): 109 in the header, the others in a chain.
    fn fat(&self, source: &SharedSource) -> Result<Vec<u32>> {
        let mut fat = self.difat.clone();
        let mut next = self.first_difat;
        let mut hops = 0;
        while next <= MAX_SECTOR {
            hops += 1;
            if hops > self.difat_sectors {
                // Version 3 writers exist that leave the count at 0 and the chain at its end alone.
                return Err(Error::damaged("the DIFAT is longer than the header says").during("DIFAT"));
            }
            let at = place(next, self.sector);
            let bytes = read_vec(source.as_ref(), at, self.sector).map_err(|error| error.during("DIFAT"))?;
            let mut numbers =
                bytes.chunks_exact(4).map(|four| Fields::new("DIFAT", four, at).u32_le(0, "DIFAT"));
            next = numbers.next_back().transpose()?.unwrap_or(u32::MAX);
            for number in numbers {
                fat.push(number?);
            }
        }
        fat.truncate(usize::try_from(self.fat_sectors).unwrap_or(usize::MAX));
        Ok(fat)
    }
}

/// True where the directory names a table's stream, whatever the rest of it is like.
pub(super) fn names_table(source: &dyn crate::source::Source, head: &[u8], table: &str) -> bool {
    /// Bytes of the directory's first sectors that are looked at.
    const LOOK: usize = 64 << 10;
    let Ok(header) = Header::read(head) else { return false };
    let wanted: Vec<u8> = names::table(table).encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = place(header.first_directory, header.sector);
    // Small files have all their directory near its first sector.
    [at, 0].iter().any(|&at| {
        read_up_to(source, at, LOOK).is_ok_and(|bytes| bytes.windows(wanted.len()).any(|name| name == wanted))
    })
}
