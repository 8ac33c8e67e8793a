//! One folder, which may go on over several cabinets of a set, as a stream of what it unpacks to.

use crate::codec::lzx::{self, Lzx};
use crate::codec::mszip::{self, Mszip};
use crate::codec::quantum::Quantum;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{SharedSource, Source, read_exact_at};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a CFDATA without its reserve.
const DATA: usize = 8;
/// Bytes that are read at once.
const AHEAD: usize = 256 << 10;

/// How a folder is packed (typeCompress).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Mszip,
    /// With the window's bits.
    Quantum(u32),
    /// With the window's bits.
    Lzx(u32),
    Unknown(u16),
}

impl Method {
    pub(super) fn new(method: u16) -> Self {
        let window = u32::from(method >> 8 & 0x1f);
        match method & 0x0f {
            0 => Self::Stored,
            1 => Self::Mszip,
            2 => Self::Quantum(window),
            3 => Self::Lzx(window),
            _ => Self::Unknown(method),
        }
    }

    /// For people.
    pub(super) fn title(self) -> String {
        match self {
            Self::Stored => "stored".to_owned(),
            Self::Mszip => "MSZIP".to_owned(),
            Self::Quantum(window) => format!("Quantum:{window}"),
            Self::Lzx(window) => format!("LZX:{window}"),
            Self::Unknown(method) => format!("method {method:#x}"),
        }
    }
}

/// The part of a folder that lies in one cabinet.
pub(super) struct Part {
    pub(super) source: SharedSource,
    /// Where its first CFDATA lies.
    pub(super) at: u64,
    pub(super) blocks: u16,
    /// Bytes that each CFDATA reserves.
    pub(super) reserve: u8,
}

/// Why a folder is not whole.
#[derive(Debug, Clone)]
pub(super) enum Lack {
    /// That cabinet is missing.
    Cabinet(String),
    /// There is no such folder.
    Folder,
    /// All folders before it unpack to as many bytes as a medium may.
    Limit(u64),
}

impl Lack {
    fn error(&self) -> Error {
        match self {
            Self::Cabinet(name) => Error::not_found(format!("cabinet {name} of the set"), None),
            Self::Limit(most) => Error::limit("bytes of all folders", *most),
            Self::Folder => Error::invalid("folder of a file").at("CFFILE", 0).field("iFolder"),
        }
    }
}

/// A folder.
pub(super) struct Run {
    pub(super) method: Method,
    pub(super) parts: Vec<Part>,
    /// Set where the folder does not begin with the first part.
    pub(super) lacks_begin: Option<Lack>,
    /// Set where it does not end with the last.
    pub(super) lacks_end: Option<Lack>,
}

/// A range of an unpacked folder whose bytes are wrong, and why.
type WrongRange = (Range<u64>, Arc<Error>);

impl Run {
    /// Bytes that it unpacks to at most.
    pub(super) fn most(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.blocks) * lzx::FRAME as u64).sum()
    }

    /// Where its CFDATA lie in `source`, as far as their headers can be followed.
    pub(super) fn ranges(&self, source: &SharedSource) -> Vec<Range<u64>> {
        let mut out = Vec::new();
        for part in self.parts.iter().filter(|part| Arc::ptr_eq(&part.source, source)) {
            let mut at = part.at;
            for _ in 0..part.blocks {
                let mut head = [0; DATA];
                if read_exact_at(&**source, at, &mut head).is_err() {
                    break;
                }
                let [_, _, _, _, low, high, ..] = head;
                let packed = u64::from(u16::from_le_bytes([low, high]));
                at = at.saturating_add(DATA as u64 + u64::from(part.reserve) + packed);
            }
            out.push(part.at..at);
        }
        out
    }
}

/// Ranges of an unpacked folder whose bytes are wrong, written down by the reader before it gives them.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrong(Arc<Mutex<Vec<WrongRange>>>);

impl Wrong {
    fn add(&self, range: Range<u64>, error: &Arc<Error>) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match list.last_mut() {
            Some((last, _)) if last.end == range.start => last.end = range.end,
            _ => list.push((range, error.clone())),
        }
    }

    /// The error where something in `range` is wrong.
    pub(super) fn check(&self, range: &Range<u64>) -> Result<()> {
        let list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // In order: the first that ends behind the range's start.
        let at = list.partition_point(|(wrong, _)| wrong.end <= range.start);
        match list.get(at) {
            Some((wrong, error)) if wrong.start < range.end && !range.is_empty() => Err(error.again()),
            _ => Ok(()),
        }
    }
}

enum Decoder {
    Stored,
    Mszip { as_is: Box<Mszip>, inverted: Option<Box<Mszip>> },
    Lzx(Box<Lzx>),
    Quantum(Box<Quantum>),
}

/// What a folder unpacks to, from its first byte.
pub(super) struct RunReader<'a> {
    run: &'a Run,
    decoder: Decoder,
    wrong: Wrong,
    part: usize,
    /// Blocks of the part that were read.
    blocks: u16,
    /// Where the next block of the part lies.
    next: u64,
    window: Window,
    packed: Vec<u8>,
    frame: Vec<u8>,
    frame_at: usize,
    /// Bytes of all frames so far.
    unpacked: u64,
    failed: Option<Error>,
}

impl<'a> RunReader<'a> {
    /// Begins to unpack; `wrong` gets the ranges whose bytes cannot be trusted though they are given.
    pub(super) fn new(run: &'a Run, wrong: Wrong) -> Result<Self> {
        if let Some(lack) = &run.lacks_begin {
            return Err(lack.error());
        }
        let decoder = match run.method {
            Method::Stored => Decoder::Stored,
            Method::Mszip => Decoder::Mszip { as_is: Box::default(), inverted: None },
            Method::Lzx(bits) => Decoder::Lzx(Box::new(Lzx::new(lzx::Parameters::cabinet(bits))?)),
            Method::Quantum(bits) => Decoder::Quantum(Box::new(Quantum::new(bits)?)),
            Method::Unknown(_) => return Err(Error::unsupported("method of packing")),
        };
        Ok(Self {
            run,
            decoder,
            wrong,
            part: 0,
            blocks: 0,
            next: run.parts.first().map_or(0, |part| part.at),
            window: Window::default(),
            packed: Vec::new(),
            frame: Vec::new(),
            frame_at: 0,
            unpacked: 0,
            failed: None,
        })
    }

    /// Unpacks the next frame; false at the end.
    fn fill(&mut self) -> Result<bool> {
        self.frame_at = 0;
        self.frame.clear();
        let (at, sound) = match self.read_block()? {
            Some(block) => block,
            None => return Ok(false),
        };
        let start = self.unpacked;
        let wrong = self.decode(sound).map_err(|error| error.at("CFDATA", at))?;
        self.unpacked = start.saturating_add(self.frame.len() as u64);
        if let Some((ranges, error)) = wrong {
            let error = Arc::new(error.at("CFDATA", at));
            for range in ranges {
                let place = |at: usize| start.saturating_add(at as u64);
                self.wrong.add(place(range.start)..place(range.end), &error);
            }
        }
        Ok(true)
    }

    /// Puts the next block together in `packed`, and makes `frame` as large as what it unpacks to. Gives where
    /// the block lies, and what is wrong with its checksum.
    fn read_block(&mut self) -> Result<Option<(u64, Result<()>)>> {
        self.packed.clear();
        let mut sound = Ok(());
        let mut first = None;
        loop {
            let Some(part) = self.run.parts.get(self.part) else {
                return match (&self.run.lacks_end, first) {
                    (Some(lack), _) => Err(lack.error()),
                    (None, Some(at)) => Err(Error::damaged("block without its second half").at("CFDATA", at)),
                    (None, None) => Ok(None),
                };
            };
            if self.blocks >= part.blocks {
                self.part += 1;
                self.blocks = 0;
                self.next = self.run.parts.get(self.part).map_or(0, |part| part.at);
                self.window.forget();
                continue;
            }
            let at = self.next;
            let head_len = DATA + usize::from(part.reserve);
            let head =
                self.window.read(&*part.source, at, head_len).map_err(|error| error.at("CFDATA", at))?;
            let head: [u8; DATA] = head.first_chunk().copied().unwrap_or_default();
            let fields = Fields::new("CFDATA", &head, at);
            let sum = fields.u32_le(0, "csum")?;
            let len = usize::from(fields.u16_le(4, "cbData")?);
            let unpacked = usize::from(fields.u16_le(6, "cbUncomp")?);
            if unpacked > lzx::FRAME {
                return Err(fields.wrong(6, "cbUncomp", Error::invalid("block larger than 32 KiB")));
            }
            let block = self
                .window
                .read(&*part.source, at, head_len + len)
                .map_err(|error| error.at("CFDATA", at))?;
            let data = block.get(head_len..).unwrap_or_default();
            if sum != 0 && !sum_fits(sum, block, data) {
                sound = Err(Error::damaged("checksum of a block").at("CFDATA", at));
            }
            if self.packed.len() + data.len() > 2 * usize::from(u16::MAX) {
                return Err(Error::damaged("block in too many parts").at("CFDATA", at));
            }
            self.packed.extend_from_slice(data);
            self.next = at.saturating_add((head_len + len) as u64);
            self.blocks += 1;
            let first = *first.get_or_insert(at);
            if unpacked > 0 || len == 0 {
                self.frame.resize(unpacked, 0);
                return Ok(Some((first, sound)));
            }
            // What unpacks to nothing goes on in the next cabinet, where the rest of its block lies.
        }
    }

    /// Unpacks `packed` into `frame`. Where the folder can go on behind wrong bytes, they are named.
    #[allow(clippy::type_complexity, reason = "ranges of wrong bytes, and why")]
    fn decode(&mut self, sound: Result<()>) -> Result<Option<(Vec<Range<usize>>, Error)>> {
        let frame = &mut self.frame;
        let all = 0..frame.len();
        if frame.is_empty() {
            return Ok(None);
        }
        match &mut self.decoder {
            Decoder::Stored => {
                let good = if self.packed.len() == frame.len() {
                    sound
                } else {
                    sound.and(Err(Error::damaged("stored block of another size")))
                };
                let len = frame.len().min(self.packed.len());
                if let (Some(to), Some(from)) = (frame.get_mut(..len), self.packed.get(..len)) {
                    to.copy_from_slice(from);
                }
                Ok(good.err().map(|error| (vec![all], error)))
            }
            Decoder::Lzx(lzx) => sound.and_then(|()| lzx.frame(&self.packed, frame)).map(|()| None),
            Decoder::Quantum(quantum) => {
                sound.and_then(|()| quantum.frame(&self.packed, frame)).map(|()| None)
            }
            Decoder::Mszip { as_is, inverted } => {
                let mut other = vec![0; inverted.as_ref().map_or(0, |_| frame.len())];
                let unpacked = sound.and_then(|()| {
                    as_is.block(&self.packed, frame)?;
                    inverted.as_mut().map_or(Ok(()), |inverted| inverted.block(&self.packed, &mut other))
                });
                match (unpacked, &mut *inverted) {
                    (Ok(()), None) => Ok(None),
                    // Two histories that differ where they are wrong: what does not depend on it is the same.
                    (Ok(()), Some(_)) => {
                        let wrong = differences(frame, &other);
                        if !wrong.is_empty() {
                            let error = Error::damaged("block that refers to one with a wrong checksum");
                            return Ok(Some((wrong, error)));
                        }
                        if frame.len() == mszip::BLOCK {
                            // A whole window that is right: the history is, too.
                            *inverted = None;
                        }
                        Ok(None)
                    }
                    (Err(error), _) => {
                        let other: Vec<u8> = frame.iter().map(|byte| !byte).collect();
                        let mut twin = inverted.take().unwrap_or_else(|| Box::new(as_is.as_ref().twin()));
                        as_is.remember(frame);
                        twin.remember(&other);
                        *inverted = Some(twin);
                        Ok(Some((vec![all], error)))
                    }
                }
            }
        }
    }
}

/// Ranges in which two frames of one size differ.
fn differences(one: &[u8], other: &[u8]) -> Vec<Range<usize>> {
    let mut out: Vec<Range<usize>> = Vec::new();
    for (at, _) in one.iter().zip(other).enumerate().filter(|(_, (a, b))| a != b) {
        match out.last_mut() {
            Some(last) if last.end == at => last.end = at + 1,
            _ => out.push(at..at + 1),
        }
    }
    out
}

impl Read for RunReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while !buf.is_empty() && self.frame_at >= self.frame.len() {
            if let Some(error) = &self.failed {
                return Err(error.again().into());
            }
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(error) => {
                    self.frame.clear();
                    self.failed = Some(error);
                }
            }
        }
        let mut rest = self.frame.get(self.frame_at..).unwrap_or_default();
        let n = rest.read(buf)?;
        self.frame_at += n;
        Ok(n)
    }
}

/// True where `sum` is the checksum of the block ([MS-CAB] §3.1). Writers disagree on whether it covers what
/// the block reserves.
fn sum_fits(sum: u32, block: &[u8], data: &[u8]) -> bool {
    let head = |end: usize| block.get(4..end).unwrap_or_default();
    let of_data = checksum(data, 0);
    checksum(head(DATA), of_data) == sum || checksum(head(block.len() - data.len()), of_data) == sum
}

/// Little-endian words joined by exclusive or; what is left of the last counts from its highest byte.
pub(super) fn checksum(bytes: &[u8], seed: u32) -> u32 {
    let (pairs, rest) = bytes.as_chunks::<8>();
    let both = pairs.iter().fold(0, |sum, pair| sum ^ u64::from_le_bytes(*pair));
    let [a, b, c, d, e, f, g, h] = both.to_le_bytes();
    let mut sum = seed ^ u32::from_le_bytes([a, b, c, d]) ^ u32::from_le_bytes([e, f, g, h]);
    let (words, rest) = rest.as_chunks::<4>();
    for word in words {
        sum ^= u32::from_le_bytes(*word);
    }
    sum ^ rest.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// What was read of a source last, in large pieces.
#[derive(Default)]
struct Window {
    bytes: Vec<u8>,
    at: u64,
}

impl Window {
    fn forget(&mut self) {
        self.bytes.clear();
    }

    /// `len` bytes at `at`.
    fn read(&mut self, source: &dyn Source, at: u64, len: usize) -> Result<&[u8]> {
        let held = self.at..self.at + self.bytes.len() as u64;
        let end = at.saturating_add(len as u64);
        if at < held.start || end > held.end || self.bytes.is_empty() {
            if end > source.len() {
                return Err(Error::truncated(end, source.len()));
            }
            // What is held of it already stays.
            let kept = usize::try_from(held.end.saturating_sub(at)).unwrap_or(0);
            let kept = if at < held.start || kept > self.bytes.len() { 0 } else { kept };
            let from = self.bytes.len() - kept;
            self.bytes.drain(..from);
            let there = usize::try_from(source.len() - at).unwrap_or(usize::MAX);
            self.at = at;
            self.bytes.resize(there.min(AHEAD.max(len)), 0);
            let rest = self.bytes.get_mut(kept..).unwrap_or_default();
            if let Err(error) = read_exact_at(source, at.saturating_add(kept as u64), rest) {
                self.bytes.clear();
                return Err(error);
            }
        }
        let from = usize::try_from(at - self.at).unwrap_or(usize::MAX);
        Ok(self.bytes.get(from..from.saturating_add(len)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_a_checksum_counts_from_its_highest_byte() {
        assert_eq!(checksum(&[1, 2, 3, 4], 0), 0x0403_0201);
        assert_eq!(checksum(&[1, 2, 3, 4, 5, 6, 7], 0), 0x0403_0201 ^ 0x0005_0607);
        assert_eq!(checksum(&[9, 1, 2, 3, 4, 5, 6, 7, 8, 1], 0), 0x0302_0109 ^ 0x0706_0504 ^ 0x0801);
    }

    #[test]
    fn a_window_reads_on_where_it_ends() {
        let bytes: Vec<u8> = (0..600_000u32).map(|i| i.to_le_bytes()[1]).collect();
        let mut window = Window::default();
        for at in (0..599_000).step_by(777) {
            assert_eq!(window.read(&bytes, at as u64, 1000).unwrap(), &bytes[at..at + 1000]);
        }
        assert!(window.read(&bytes, 599_001, 1000).is_err());
        assert_eq!(window.read(&bytes, 5, 3).unwrap(), &bytes[5..8]);
    }
}
