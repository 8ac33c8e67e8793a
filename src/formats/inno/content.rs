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

/// Undoes the filter before 5.2.0: all 32 bits, boundaries or not, and of an instruction that the file's end cuts off what
/// is there.
fn unfilter_4108(block: &mut [u8], before: u64, last: bool) -> usize {
    let mut at = 0;
    while let Some((opcode, rest)) = block.get_mut(at..).and_then(<[u8]>::split_first_mut) {
        if !matches!(opcode, 0xe8 | 0xe9) {
            at += 1;
            continue;
        }
        if rest.len() < INSTRUCTION - 1 && !last {
            break;
        }
        let next = before.saturating_add(at as u64).saturating_add(INSTRUCTION as u64);
        let next = u32::try_from(next & 0xffff_ffff).unwrap_or(0);
        let mut distance = [0; INSTRUCTION - 1];
        distance.iter_mut().zip(&*rest).for_each(|(to, from)| *to = *from);
        let relative = u32::from_le_bytes(distance).wrapping_sub(next);
        rest.iter_mut().zip(relative.to_le_bytes()).for_each(|(to, from)| *to = from);
        at += 1 + rest.len().min(INSTRUCTION - 1);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Inno Setup 4.1 wrote it: a byte at a time, whatever becomes of the file behind it.
    fn filter_4108(bytes: &mut [u8]) {
        let (mut carried, mut left) = (0u32, 0);
        for (place, byte) in (0u32..).zip(bytes) {
            if left > 0 {
                carried = carried.wrapping_add(u32::from(*byte));
                *byte = carried.to_le_bytes()[0];
                carried >>= 8;
                left -= 1;
            } else if matches!(byte, 0xe8 | 0xe9) {
                (carried, left) = (place + 5, 4);
            }
        }
    }

    #[test]
    fn the_filter_before_5_2_is_undone_wherever_the_file_ends() {
        let code: Vec<u8> =
            (0..600u32).map(|i| if i % 7 == 0 { 0xe8 } else { (i * 37 % 251) as u8 }).collect();
        for end in 0..code.len() {
            let code = &code[..end];
            let mut filtered = code.to_vec();
            filter_4108(&mut filtered);
            for step in [1, 5, 64, 600] {
                let (mut out, mut left) = (Vec::new(), Vec::new());
                let mut rounds = filtered.chunks(step).peekable();
                while let Some(more) = rounds.next() {
                    left.extend_from_slice(more);
                    let done = unfilter_4108(&mut left, out.len() as u64, rounds.peek().is_none());
                    out.extend(left.drain(..done));
                }
                assert!(out == code, "{end} bytes, {step} at a time");
            }
        }
    }

    #[test]
    fn each_checksum_knows_its_bytes_and_no_others() {
        let whole = b"123456789";
        let of = || {
            [
                ("adler32", Check::Adler32(0x091e_01de, 1, 0)),
                ("crc32", Check::Crc32(0xcbf4_3926, crc32fast::Hasher::new())),
                ("md5", Check::Md5(Md5::digest(whole).into(), Md5::new())),
                ("sha1", Check::Sha1(Sha1::digest(whole).into(), Sha1::new())),
                ("sha256", Check::Sha256(Sha256::digest(whole).into(), Sha256::new())),
            ]
        };
        for (bytes, good) in [("123456789", true), ("123456780", false), ("", false)] {
            for (name, mut check) in of() {
                let (begin, end) = bytes.as_bytes().split_at(bytes.len() / 2);
                check.update(begin);
                check.update(end);
                assert_eq!((check.name(), check.finish().is_ok()), (name, good), "{bytes}");
            }
        }
    }
}
