//! One file out of a chunk: the filter for processor instructions undone, the checksum compared.

use super::BLOCK;
use crate::error::{Error, Result};
use flate2::read::ZlibDecoder;
use inno::entry::{Checksum, CompressionFilter, FileLocation};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use std::io::{self, Read};

/// A checksum while it is computed.
pub(super) enum Check {
    Adler32(u32, u32, u32),
    Crc32(u32, crc32fast::Hasher),
    Md5([u8; 16], Md5),
    Sha1([u8; 20], Sha1),
    Sha256([u8; 32], Sha256),
    None,
}

impl Check {
    pub(super) fn of(checksum: Checksum) -> Self {
        match checksum {
            Checksum::Adler32(value) => Self::Adler32(value, 1, 0),
            Checksum::Crc32(value) => Self::Crc32(value, crc32fast::Hasher::new()),
            Checksum::MD5(value) => Self::Md5(value.into_inner(), Md5::new()),
            Checksum::Sha1(value) => Self::Sha1(value.into_inner(), Sha1::new()),
            Checksum::Sha256(value) => Self::Sha256(value.into_inner(), Sha256::new()),
            Checksum::Check(_) => Self::None,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Adler32(..) => "adler32",
            Self::Crc32(..) => "crc32",
            Self::Md5(..) => "md5",
            Self::Sha1(..) => "sha1",
            Self::Sha256(..) => "sha256",
            Self::None => "none",
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Adler32(_, a, b) => {
                for &byte in bytes {
                    *a = (*a + u32::from(byte)) % 65_521;
                    *b = (*b + *a) % 65_521;
                }
            }
            Self::Crc32(_, hasher) => hasher.update(bytes),
            Self::Md5(_, hasher) => hasher.update(bytes),
            Self::Sha1(_, hasher) => hasher.update(bytes),
            Self::Sha256(_, hasher) => hasher.update(bytes),
            Self::None => {}
        }
    }

    fn finish(self) -> Result<()> {
        let good = match self {
            Self::Adler32(value, a, b) => value == b << 16 | a,
            Self::Crc32(value, hasher) => value == hasher.finalize(),
            Self::Md5(value, hasher) => value == <[u8; 16]>::from(hasher.finalize()),
            Self::Sha1(value, hasher) => value == <[u8; 20]>::from(hasher.finalize()),
            Self::Sha256(value, hasher) => value == <[u8; 32]>::from(hasher.finalize()),
            Self::None => true,
        };
        if good { Ok(()) } else { Err(Error::damaged("its checksum does not match")) }
    }
}

/// Reads one file out of its chunk.
pub(super) struct Content<R> {
    inner: Inner<R>,
    check: Check,
    filter: CompressionFilter,
    /// The block that is read: filtered already up to `ready`.
    block: Vec<u8>,
    at: usize,
    ready: usize,
    /// Bytes of the file before the block.
    before: u64,
    ended: bool,
    failed: Option<Error>,
}

enum Inner<R> {
    Plain(Counted<R>),
    /// A stream of its own within the chunk.
    Inflated(Box<ZlibDecoder<Counted<R>>>),
}

/// So many bytes of a reader at most, and how many were taken.
struct Counted<R> {
    inner: R,
    left: u64,
    taken: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(buf.len());
        let n = self.inner.read(buf.get_mut(..want).unwrap_or_default())?;
        self.left = self.left.saturating_sub(n as u64);
        self.taken = self.taken.saturating_add(n as u64);
        if n == 0 && want > 0 {
            let need = self.taken.saturating_add(self.left);
            return Err(Error::truncated(need, self.taken).during("chunk").into());
        }
        Ok(n)
    }
}

impl<R: Read> Content<R> {
    pub(super) fn new(run: R, location: &FileLocation, check: Check) -> Self {
        let file = location.file();
        let counted = Counted { inner: run, left: file.size(), taken: 0 };
        let filter = file.compression_filter();
        let inner = if filter.is_zlib() {
            Inner::Inflated(Box::new(ZlibDecoder::new(counted)))
        } else {
            Inner::Plain(counted)
        };
        let block = Vec::new();
        Self { inner, check, filter, block, at: 0, ready: 0, before: 0, ended: false, failed: None }
    }

    /// Bytes of the chunk that were read.
    pub(super) fn taken(&self) -> u64 {
        match &self.inner {
            Inner::Plain(counted) => counted.taken,
            Inner::Inflated(decoder) => decoder.get_ref().taken,
        }
    }

    /// Why the chunk cannot be read on, where it cannot.
    pub(super) fn broken(self) -> Option<Error> {
        self.failed
    }

    /// Reads the next block and undoes the filter in it.
    fn fill(&mut self) -> Result<()> {
        self.before = self.before.saturating_add(self.ready as u64);
        self.block.drain(..self.ready);
        (self.at, self.ready) = (0, 0);
        let carried = self.block.len();
        self.block.resize(BLOCK, 0);
        let mut filled = carried;
        while let Some(rest) = self.block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let outcome = match &mut self.inner {
                Inner::Plain(counted) => counted.read(rest),
                Inner::Inflated(decoder) => decoder.read(rest),
            };
            match outcome {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let error = Error::from(error);
                    if matches!(self.inner, Inner::Plain(_)) {
                        self.failed = Some(error.again());
                    }
                    return Err(error);
                }
            }
        }
        self.block.truncate(filled);
        self.ended = filled < BLOCK;
        self.ready = match self.filter {
            CompressionFilter::InstructionFilter4108 => {
                unfilter_4108(&mut self.block, self.before, self.ended)
            }
            CompressionFilter::InstructionFilter5200 => {
                unfilter(&mut self.block, self.before, Flip::Never, self.ended)
            }
            CompressionFilter::InstructionFilter5309 => {
                unfilter(&mut self.block, self.before, Flip::Negative, self.ended)
            }
            _ => filled,
        };
        self.check.update(self.block.get(..self.ready).unwrap_or_default());
        if self.ended {
            std::mem::replace(&mut self.check, Check::None).finish()?;
        }
        Ok(())
    }
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.ready {
            if self.ended {
                return Ok(0);
            }
            self.fill()?;
        }
        let mut rest = self.block.get(self.at..self.ready).unwrap_or_default();
        let n = rest.read(buf)?;
        self.at += n;
        Ok(n)
    }
}

/// `CALL` and `JMP` with a distance of 32 bits.
const INSTRUCTION: usize = 5;

/// Whether the top byte of a negative distance was inverted (5.3.9 and later).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flip {
    Never,
    Negative,
}

/// Undoes the filter of 5.2.0 and later in `block`, which stands `before` bytes into the file. How much of it
/// is done: the rest needs what follows.
fn unfilter(block: &mut [u8], before: u64, flip: Flip, last: bool) -> usize {
    let len = block.len();
    let mut at = 0;
    while at < len {
        let Some(instruction) = block.get_mut(at..at + INSTRUCTION) else {
            // Too short to be one: at the file's end as it is, else for the next round.
            if last {
                return len;
            }
            break;
        };
        let [opcode, a, b, c, sign] = instruction else { break };
        let place = before.saturating_add(at as u64);
        if !matches!(opcode, 0xe8 | 0xe9) || place % BOUNDARY > BOUNDARY - INSTRUCTION as u64 {
            at += 1;
            continue;
        }
        if matches!(sign, 0 | 0xff) {
            let next = low_24(place.saturating_add(INSTRUCTION as u64));
            let relative = u32::from_le_bytes([*a, *b, *c, 0]).wrapping_sub(next) & 0x00ff_ffff;
            if flip == Flip::Negative && relative & 0x0080_0000 != 0 {
                *sign = !*sign;
            }
            [*a, *b, *c, _] = relative.to_le_bytes();
        }
        at += INSTRUCTION;
    }
    at
}

/// Instructions that lie across such a boundary were left alone.
const BOUNDARY: u64 = 64 << 10;

fn low_24(place: u64) -> u32 {
    u32::try_from(place & 0x00ff_ffff).unwrap_or(0)
}

/// Undoes the filter before 5.2.0: all 32 bits, boundaries or not.
fn unfilter_4108(block: &mut [u8], before: u64, last: bool) -> usize {
    let len = block.len();
    let mut at = 0;
    while at < len {
        let Some(instruction) = block.get_mut(at..at + INSTRUCTION) else {
            if last {
                return len;
            }
            break;
        };
        let [opcode, a, b, c, d] = instruction else { break };
        if !matches!(opcode, 0xe8 | 0xe9) {
            at += 1;
            continue;
        }
        let next = before.saturating_add(at as u64).saturating_add(INSTRUCTION as u64);
        let next = u32::try_from(next & 0xffff_ffff).unwrap_or(0);
        let relative = u32::from_le_bytes([*a, *b, *c, *d]).wrapping_sub(next);
        [*a, *b, *c, *d] = relative.to_le_bytes();
        at += INSTRUCTION;
    }
    at
}
