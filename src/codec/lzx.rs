//! LZX, as cabinets and WIM files have it: [MS-PATCH] §2 and the Cabinet SDK's LZX specification.
//!
//! Packed bytes come in chunks, one for each frame (32 KiB unpacked in a cabinet). The code goes on from one
//! frame to the next, and so do blocks; the bits of a frame begin anew with its chunk.

use super::bits::Bits;
use super::history::{History, copy_match};
use super::huffman::Code;
use crate::error::{Error, Result};

/// Bytes of a cabinet's frames but the last.
pub const FRAME: usize = 32 << 10;
/// Frames of which calls are translated.
const TRANSLATED: u64 = 1 << 30;
/// Symbols of the main tree that are literals.
const LITERALS: usize = 256;
/// Most position slots: of a window of 2 MiB.
const MOST_SLOTS: usize = 50;
/// Symbols of the length tree.
const LENGTHS: usize = 249;

/// What differs between the formats that use LZX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// The window is 2 to that power, 15 to 21.
    pub window_bits: u32,
    /// How call instructions are translated.
    pub calls: Calls,
    /// How a block says its size.
    pub block_size: BlockSize,
}

impl Parameters {
    /// As in a cabinet.
    #[must_use]
    pub fn cabinet(window_bits: u32) -> Self {
        Self { window_bits, calls: Calls::Declared, block_size: BlockSize::Bits24 }
    }

    /// As in a WIM file, where [`Lzx::reset`] begins every chunk.
    #[must_use]
    pub fn wim(window_bits: u32) -> Self {
        Self { window_bits, calls: Calls::Always(12_000_000), block_size: BlockSize::Default32K }
    }
}

/// How the targets of x86 call instructions (byte E8) are translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// The stream's first bit says whether, and 32 more the size of the file.
    Declared,
    /// Always, for a file of that size.
    Always(i32),
}

/// How a block says its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockSize {
    /// In 24 bits.
    Bits24,
    /// One bit for 32 KiB, else 16 bits (24 in windows of 64 KiB and more).
    Default32K,
}

/// What a block is coded with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Verbatim,
    Aligned,
    Stored,
}

type MainCode = Code<11, 2048>;
type LengthCode = Code<10, 1024>;
type AlignedCode = Code<7, 128>;

/// A decoder with its window.
#[derive(Debug)]
pub struct Lzx {
    parameters: Parameters,
    history: History,
    /// Bytes since the last reset.
    position: u64,
    recent: [u32; 3],
    main_lengths: [u8; LITERALS + 8 * MOST_SLOTS],
    length_lengths: [u8; LENGTHS],
    main: Box<MainCode>,
    length: Box<LengthCode>,
    aligned: Box<AlignedCode>,
    main_symbols: usize,
    block: Block,
    block_left: usize,
    /// A stored block of an odd size is followed by one byte.
    block_odd: bool,
    pad_pending: bool,
    /// The size that calls are translated for; `None` until it was read.
    calls: Option<i32>,
}

impl Lzx {
    /// A decoder at the beginning of a stream.
    ///
    /// # Errors
    /// `Invalid` for a window that is not 2^15 to 2^21 bytes.
    pub fn new(parameters: Parameters) -> Result<Self> {
        let slots = match parameters.window_bits {
            15 => 30,
            16 => 32,
            17 => 34,
            18 => 36,
            19 => 38,
            20 => 42,
            21 => MOST_SLOTS,
            _ => return Err(Error::invalid("LZX window size")),
        };
        let mut out = Self {
            parameters,
            history: History::new(1 << parameters.window_bits),
            position: 0,
            recent: [1; 3],
            main_lengths: [0; LITERALS + 8 * MOST_SLOTS],
            length_lengths: [0; LENGTHS],
            main: Box::new(Code::new()),
            length: Box::new(Code::new()),
            aligned: Box::new(Code::new()),
            main_symbols: LITERALS + 8 * slots,
            block: Block::Stored,
            block_left: 0,
            block_odd: false,
            pad_pending: false,
            calls: None,
        };
        out.reset();
        Ok(out)
    }

    /// Goes back to the beginning of a stream.
    pub fn reset(&mut self) {
        self.history.clear();
        self.position = 0;
        self.recent = [1; 3];
        self.main_lengths.fill(0);
        self.length_lengths.fill(0);
        (self.block_left, self.block_odd, self.pad_pending) = (0, false, false);
        self.calls = match self.parameters.calls {
            Calls::Declared => None,
            Calls::Always(size) => Some(size),
        };
    }

    /// Decodes one frame: `chunk` unpacks to exactly `out.len()` bytes, at most the window's size.
    ///
    /// # Errors
    /// `Damaged` where the chunk does not unpack so; the stream cannot go on then.
    pub fn frame(&mut self, chunk: &[u8], out: &mut [u8]) -> Result<()> {
        self.history.make_room(out.len())?;
        let mut bits = Bits::new(chunk);
        if std::mem::take(&mut self.pad_pending) {
            bits.go_to(1);
        }
        let calls = match self.calls {
            Some(size) => size,
            None => {
                let declared = bits.take(1) == 1;
                let size = if declared { bits.take(16) << 16 | bits.take(16) } else { 0 };
                *self.calls.insert(i32::from_le_bytes(size.to_le_bytes()))
            }
        };
        let mut left = out.len();
        while left > 0 {
            while self.block_left == 0 {
                self.begin_block(&mut bits)?;
            }
            let run = left.min(self.block_left);
            match self.block {
                Block::Verbatim => self.coded::<false>(&mut bits, run)?,
                Block::Aligned => self.coded::<true>(&mut bits, run)?,
                Block::Stored => self.stored(&mut bits, run)?,
            }
            self.block_left -= run;
            left -= run;
            if self.block_left == 0 && std::mem::take(&mut self.block_odd) {
                self.pad_pending = !bits.skip_byte();
            }
        }
        if bits.ran_out() {
            return Err(Error::damaged("LZX chunk that ends early"));
        }
        out.copy_from_slice(self.history.last(out.len()));
        if calls != 0 && self.position < TRANSLATED {
            translate_calls(out, self.position, calls);
        }
        self.position = self.position.saturating_add(out.len() as u64);
        Ok(())
    }

    /// Reads a block's header and codes.
    fn begin_block(&mut self, bits: &mut Bits<'_>) -> Result<()> {
        let kind = bits.take(3);
        let size = match self.parameters.block_size {
            BlockSize::Bits24 => bits.take(8) << 16 | bits.take(16),
            BlockSize::Default32K if bits.take(1) == 1 => 32 << 10,
            BlockSize::Default32K if self.parameters.window_bits >= 16 => bits.take(16) << 8 | bits.take(8),
            BlockSize::Default32K => bits.take(16),
        };
        if bits.ran_out() {
            return Err(Error::damaged("LZX chunk that ends early"));
        }
        self.block_left = usize::try_from(size).unwrap_or(0);
        self.block = match kind {
            1 => Block::Verbatim,
            2 => Block::Aligned,
            3 => {
                let head = bits.begin_bytes(12).ok_or_else(|| Error::damaged("LZX chunk that ends early"))?;
                for (recent, value) in self.recent.iter_mut().zip(head.chunks_exact(4)) {
                    *recent = value.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
                }
                self.block_odd = size % 2 == 1;
                self.block = Block::Stored;
                return Ok(());
            }
            _ => return Err(Error::invalid("LZX block type")),
        };
        if self.block == Block::Aligned {
            let mut lengths = [0; 8];
            lengths.iter_mut().for_each(|length| *length = bits.take(3).to_le_bytes()[0]);
            self.aligned.make(&lengths)?;
        }
        let symbols = self.main_symbols;
        let (literals, rest) = self.main_lengths.split_at_mut(LITERALS);
        read_lengths(bits, literals)?;
        read_lengths(bits, rest.get_mut(..symbols - LITERALS).unwrap_or_default())?;
        self.main.make(self.main_lengths.get(..symbols).unwrap_or_default())?;
        read_lengths(bits, &mut self.length_lengths)?;
        self.length.make(&self.length_lengths)
    }

    /// `len` bytes of a stored block.
    fn stored(&mut self, bits: &mut Bits<'_>, len: usize) -> Result<()> {
        let from = bits.bytes(len).ok_or_else(|| Error::damaged("LZX chunk that ends early"))?;
        let (bytes, at) = self.history.parts();
        if let Some(to) = bytes.get_mut(*at..*at + len) {
            to.copy_from_slice(from);
            *at += len;
        }
        Ok(())
    }

    /// `len` bytes of a coded block.
    #[allow(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "the hot loop: see its comments"
    )]
    fn coded<const ALIGNED: bool>(&mut self, outer: &mut Bits<'_>, len: usize) -> Result<()> {
        let [mut r0, mut r1, mut r2] = self.recent;
        let (main, length, aligned) = (&*self.main, &*self.length, &*self.aligned);
        let (bytes, place) = self.history.parts();
        let mut at = *place;
        let end = at + len;
        let mut bits = *outer;
        // `make_room` left `len` bytes and the slack behind `at`: every index below is smaller than `end`
        // and a match's length.
        while at < end {
            // At least 33 bits: two symbols.
            bits.refill();
            let (symbol, used) = main.find(bits.bits);
            bits.drop(used);
            if symbol < LITERALS as u32 {
                if used == 0 {
                    return Err(Error::damaged("LZX block without a code"));
                }
                bytes[at] = symbol as u8;
                at = at.wrapping_add(1);
                continue;
            }
            let symbol = symbol - LITERALS as u32;
            let mut match_len = symbol & 7;
            if match_len == 7 {
                let (more, used) = length.find(bits.bits);
                if used == 0 {
                    return Err(Error::damaged("LZX match without a length"));
                }
                bits.drop(used);
                match_len += more;
            }
            let match_len = match_len as usize + 2;
            let slot = (symbol >> 3) as usize;
            let offset = match slot {
                0 => r0,
                1 => {
                    std::mem::swap(&mut r0, &mut r1);
                    r0
                }
                2 => {
                    std::mem::swap(&mut r0, &mut r2);
                    r0
                }
                _ => {
                    bits.refill();
                    // 50 slots at most, by the number of main symbols; 64 for the mask.
                    let (base, extra) = SLOTS[slot & 63];
                    let extra_bits = if ALIGNED && extra >= 3 {
                        let high = bits.take_filled(extra - 3) << 3;
                        let (low, used) = aligned.find(bits.bits);
                        if used == 0 {
                            return Err(Error::damaged("LZX offset without a code"));
                        }
                        bits.drop(used);
                        high | low
                    } else {
                        bits.take_filled(extra)
                    };
                    r2 = r1;
                    r1 = r0;
                    r0 = base.wrapping_add(extra_bits);
                    r0
                }
            };
            let offset = offset as usize;
            if match_len > end - at {
                return Err(Error::damaged("LZX match over the end of its block"));
            }
            if offset > at || offset == 0 {
                return Err(Error::damaged("LZX match from before the beginning"));
            }
            copy_match(bytes, at, offset, match_len);
            at += match_len;
        }
        *place = at;
        self.recent = [r0, r1, r2];
        *outer = bits;
        Ok(())
    }
}

/// Base (less the 2 that formatted offsets have more) and number of further bits of each position slot.
#[allow(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "computed when this is compiled"
)]
const SLOTS: [(u32, u32); 64] = {
    let mut out = [(0, 0); 64];
    let mut base = 0u32;
    let mut slot = 0;
    while slot < MOST_SLOTS {
        let bits = if slot < 4 {
            0
        } else if slot < 36 {
            slot as u32 / 2 - 1
        } else {
            17
        };
        out[slot] = (base.wrapping_sub(2), bits);
        base += 1 << bits;
        slot += 1;
    }
    out
};

/// Reads how the lengths of a code differ from those of the block before.
fn read_lengths(bits: &mut Bits<'_>, lengths: &mut [u8]) -> Result<()> {
    let mut pre = [0u8; 20];
    pre.iter_mut().for_each(|length| *length = bits.take(4).to_le_bytes()[0]);
    let mut code: Code<6, 64> = Code::new();
    code.make(&pre)?;
    let symbol = |bits: &mut Bits<'_>| {
        bits.refill();
        let (symbol, used) = code.find(bits.bits);
        bits.drop(used);
        if used > 0 { Ok(symbol.to_le_bytes()[0]) } else { Err(Error::damaged("LZX lengths without a code")) }
    };
    let differing = |old: u8, by: u8| (old + 17 - by) % 17;
    let mut at = 0;
    while let Some(&old) = lengths.get(at) {
        let (times, length) = match symbol(bits)? {
            17 => (4 + bits.take(4), 0),
            18 => (20 + bits.take(5), 0),
            19 => {
                let times = 4 + bits.take(1);
                match symbol(bits)? {
                    by @ 0..=16 => (times, differing(old, by)),
                    _ => return Err(Error::damaged("LZX lengths")),
                }
            }
            by => (1, differing(old, by)),
        };
        let end = lengths.len().min(at + usize::try_from(times).unwrap_or(1));
        lengths.get_mut(at..end).unwrap_or_default().fill(length);
        at = end;
    }
    Ok(())
}

/// Turns the targets of call instructions, which the packer made absolute, back to distances. `position` is
/// where `frame` begins in the unpacked stream.
fn translate_calls(frame: &mut [u8], position: u64, size: i32) {
    // The last ten bytes of a frame are not translated, and a frame of ten bytes is not.
    let Some(end) = frame.len().checked_sub(10) else { return };
    let mut at = 0;
    while let Some(next) = frame.get(at..end).and_then(find_call) {
        let call = at + next;
        let here = i32::try_from(position.saturating_add(call as u64)).unwrap_or(i32::MAX);
        if let Some(target) = frame.get_mut(call + 1..).and_then(|rest| rest.first_chunk_mut::<4>()) {
            let absolute = i32::from_le_bytes(*target);
            if absolute >= here.wrapping_neg() && absolute < size {
                let relative =
                    if absolute >= 0 { absolute.wrapping_sub(here) } else { absolute.wrapping_add(size) };
                *target = relative.to_le_bytes();
            }
        }
        at = call + 5;
    }
}

/// The first byte E8, eight bytes at a time.
fn find_call(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut at = 0;
    let (words, _) = bytes.as_chunks::<8>();
    for word in words {
        let differs = u64::from_le_bytes(*word) ^ (0xe8 * ONES);
        if differs.wrapping_sub(ONES) & !differs & (0x80 * ONES) != 0 {
            break;
        }
        at += 8;
    }
    bytes.get(at..)?.iter().position(|&byte| byte == 0xe8).map(|next| at + next)
}

/// What LZX alone asks of its bits: whole bytes between them.
impl<'a> Bits<'a> {
    /// The next `count` bits, at most 17.
    fn take(&mut self, count: u32) -> u32 {
        self.refill();
        self.take_filled(count)
    }

    /// Goes on at that byte of the chunk.
    fn go_to(&mut self, at: usize) {
        (self.at, self.bits, self.count) = (at, 0, 0);
    }

    /// Leaves the word that has been begun, or the next where none was, and takes `len` bytes.
    fn begin_bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        self.refill();
        let rest = self.count % 16;
        self.drop(if rest == 0 { 16 } else { rest });
        self.go_to(self.at - self.count as usize / 8);
        self.bytes(len)
    }

    /// The next `len` whole bytes.
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        self.go_to(self.at - self.count as usize / 8);
        let out = self.chunk.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(out)
    }

    /// Goes over one byte where there is one.
    fn skip_byte(&mut self) -> bool {
        self.bytes(1).is_some()
    }
}

#[cfg(test)]
mod tests;
