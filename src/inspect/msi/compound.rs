//! A compound file from a stranger: what its header claims is held against the source before the reader
//! proper sees it, and that reader gets a bounded number of bytes.

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{SharedSource, read_exact_at, read_up_to, read_vec, sought};
use cfb::CompoundFile;
use std::io::{self, Read, Seek, SeekFrom};

const MAGIC: [u8; 8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
/// Bytes read for FAT, directory and mini FAT together: a file of 2 GiB with the smaller sectors needs
/// 16 MiB for its FAT.
const MOST_READ: u64 = 32 << 20;
/// Bytes of the mini FAT: its streams are below 4 KiB each, so this is for thousands of them.
const MINI_FAT: u64 = 4 << 20;
/// Bytes read at once.
const BLOCK: usize = 4096;
/// \[MS-CFB\] §2.1: larger sector numbers mean something else.
const MAX_SECTOR: u32 = 0xffff_fffa;

/// A compound file that has been looked at.
pub(super) struct Compound {
    file: CompoundFile<Blocks>,
}

impl Compound {
    /// `None` where the source is no compound file.
    pub(super) fn open(source: SharedSource) -> Result<Option<Self>> {
        let header = read_up_to(source.as_ref(), 0, 512)?;
        if !header.starts_with(&MAGIC) {
            return Ok(None);
        }
        Claims::read(&header)?.check(&source)?;
        let file = CompoundFile::open(Blocks::new(source)).map_err(spoken)?;
        Ok(Some(Self { file }))
    }

    /// The root's CLSID, as its bytes are stored.
    pub(super) fn class(&self) -> [u8; 16] {
        self.file.root_entry().clsid().to_bytes_le()
    }

    /// True where the root has a stream of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.file.is_stream(name)
    }

    /// Up to `most` bytes of a stream of the root.
    pub(super) fn stream(&mut self, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
        if !self.has(name) {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let stream = self.file.open_stream(name).map_err(spoken)?;
        stream.take(most).read_to_end(&mut bytes).map_err(spoken)?;
        Ok(Some(bytes))
    }
}

/// An error of the reader, in our kinds: what it calls invalid data is damage.
fn spoken(error: io::Error) -> Error {
    let damage = matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
    );
    match Error::from(error) {
        ours if !damage || !matches!(ours.kind(), crate::error::Kind::Io(_)) => ours,
        _ => Error::damaged("the compound file's tables contradict each other").during("compound file"),
    }
}

/// What the header says (\[MS-CFB\] §2.2).
struct Claims {
    sector: u64,
    first_directory: u32,
    fat_sectors: u32,
    first_mini_fat: u32,
    mini_fat_sectors: u32,
    first_difat: u32,
    difat_sectors: u32,
    difat: Vec<u32>,
}

impl Claims {
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
        if u64::from(self.fat_sectors).saturating_mul(self.sector) > MOST_READ {
            return Err(Error::limit("bytes of FAT in a compound file", MOST_READ));
        }
        self.mini_fat_is_short(source)
    }

    /// Where the FAT's sectors are (\[MS-CFB\] §2.5): 109 in the header, the others in a chain.
    fn fat(&self, source: &SharedSource) -> Result<Vec<u32>> {
        let mut fat = self.difat.clone();
        let mut next = self.first_difat;
        while next <= MAX_SECTOR {
            if fat.len() as u64 > MOST_READ / self.sector {
                return Err(Error::limit("bytes of FAT in a compound file", MOST_READ));
            }
            let at = (u64::from(next) + 1) * self.sector;
            let bytes = read_vec(source.as_ref(), at, self.sector)?;
            let mut numbers =
                bytes.chunks_exact(4).map(|four| Fields::new("DIFAT", four, at).u32_le(0, "DIFAT"));
            next = numbers.next_back().transpose()?.unwrap_or(u32::MAX);
            for number in numbers {
                fat.push(number?);
            }
        }
        Ok(fat)
    }

    /// Follows the mini FAT's chain: it is read in one piece, so its true length matters, not the
    /// header's.
    fn mini_fat_is_short(&self, source: &SharedSource) -> Result<()> {
        let fat = self.fat(source)?;
        let per_sector = self.sector / 4;
        let mut sector = self.first_mini_fat;
        for _ in 0..=MINI_FAT / self.sector {
            if sector > MAX_SECTOR {
                return Ok(());
            }
            let number = usize::try_from(u64::from(sector) / per_sector).ok();
            let Some(at) = number.and_then(|number| fat.get(number)) else {
                return Err(Error::damaged("a chain leaves the FAT").during("mini FAT"));
            };
            let at = (u64::from(*at) + 1) * self.sector + u64::from(sector) % per_sector * 4;
            let mut next = [0; 4];
            read_exact_at(source.as_ref(), at, &mut next)?;
            sector = u32::from_le_bytes(next);
        }
        Err(Error::limit("bytes of mini FAT in a compound file", MINI_FAT))
    }
}

/// `Read` and `Seek` in blocks, up to a number of bytes: the reader asks for two or four at a time.
struct Blocks {
    source: SharedSource,
    at: u64,
    block: Vec<u8>,
    block_at: u64,
    left: u64,
}

impl Blocks {
    fn new(source: SharedSource) -> Self {
        Self { source, at: 0, block: Vec::new(), block_at: 0, left: MOST_READ }
    }
}

impl Read for Blocks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let cached = |blocks: &Self| {
            let from = usize::try_from(blocks.at.checked_sub(blocks.block_at)?).ok()?;
            Some(from).filter(|from| *from < blocks.block.len())
        };
        if cached(self).is_none() {
            self.block_at = self.at - self.at % BLOCK as u64;
            self.block = read_up_to(self.source.as_ref(), self.block_at, BLOCK)?;
            self.left = self.left.checked_sub(self.block.len() as u64).ok_or_else(|| {
                io::Error::from(Error::limit("bytes of tables in a compound file", MOST_READ))
            })?;
        }
        let mut rest = cached(self).and_then(|from| self.block.get(from..)).unwrap_or_default();
        let n = rest.read(buf)?;
        self.at = self.at.saturating_add(n as u64);
        Ok(n)
    }
}

impl Seek for Blocks {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = sought(to, self.at, self.source.len())?;
        Ok(self.at)
    }
}
