//! Quantum, as old cabinets have it: an adaptive arithmetic code over matches and literals (D. Stafford; the
//! only descriptions are those of M. Russotto, 2001, and of the free decoders).
//!
//! Packed bytes come in blocks, one for each frame of 32 KiB unpacked. Models and history go on from one to
//! the next; the code begins anew with every block.

use super::history::{History, copy_match};
use crate::error::{Error, Result};

/// Frequencies above which a model is made smaller.
const MOST_FREQUENT: u32 = 3800;
/// What a symbol gains each time.
const STEP: u32 = 8;

/// A symbol and the sum of its frequency and of those behind it.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    value: u16,
    sum: u32,
}

/// Symbols with their frequencies, which follow what was decoded.
#[derive(Debug)]
struct Model {
    /// The last has the sum 0 and no meaning.
    symbols: Vec<Symbol>,
    until_sorted: u32,
}

impl Model {
    fn new(first: u16, count: u16) -> Self {
        let symbols = (0..=count).map(|i| Symbol { value: first + i, sum: u32::from(count - i) });
        Self { symbols: symbols.collect(), until_sorted: 4 }
    }

    fn total(&self) -> u32 {
        self.symbols.first().map_or(1, |symbol| symbol.sum)
    }

    /// Counts the symbol at `place`.
    fn count(&mut self, place: usize) {
        for symbol in self.symbols.iter_mut().take(place + 1) {
            symbol.sum += STEP;
        }
        if self.total() > MOST_FREQUENT {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        let Some(count) = self.symbols.len().checked_sub(1) else { return };
        self.until_sorted -= 1;
        if self.until_sorted > 0 {
            let mut behind = 0;
            for symbol in self.symbols.iter_mut().take(count).rev() {
                symbol.sum = (symbol.sum >> 1).max(behind + 1);
                behind = symbol.sum;
            }
            return;
        }
        self.until_sorted = 50;
        let mut behind = 0;
        for symbol in self.symbols.iter_mut().take(count).rev() {
            let sum = symbol.sum;
            symbol.sum = (sum - behind + 1) >> 1;
            behind = sum;
        }
        // This very way of sorting: the order of equal frequencies is part of the format.
        for i in 0..count {
            for j in i + 1..count {
                let at = |place: usize| self.symbols.get(place).map_or(0, |symbol| symbol.sum);
                if at(i) < at(j) {
                    self.symbols.swap(i, j);
                }
            }
        }
        let mut behind = 0;
        for symbol in self.symbols.iter_mut().take(count).rev() {
            symbol.sum += behind;
            behind = symbol.sum;
        }
    }
}

/// A decoder with its window.
#[derive(Debug)]
pub struct Quantum {
    history: History,
    literals: [Model; 4],
    /// Offsets of matches of three bytes, of four, of more.
    offsets: [Model; 3],
    lengths: Model,
    selector: Model,
}

impl Quantum {
    /// A decoder at the beginning of a stream. The window is 2 to the power of `window_bits`, 10 to 21.
    ///
    /// # Errors
    /// `Invalid` for any other window.
    pub fn new(window_bits: u32) -> Result<Self> {
        if !(10..=21).contains(&window_bits) {
            return Err(Error::invalid("Quantum window size"));
        }
        let slots = u16::try_from(window_bits * 2).unwrap_or(42);
        Ok(Self {
            // A frame has to have room whatever the window.
            history: History::new((1 << window_bits).max(super::lzx::FRAME)),
            literals: [0, 64, 128, 192].map(|first| Model::new(first, 64)),
            offsets: [slots.min(24), slots.min(36), slots].map(|count| Model::new(0, count)),
            lengths: Model::new(0, 27),
            selector: Model::new(0, 7),
        })
    }

    /// Decodes one frame: `block` unpacks to exactly `out.len()` bytes, at most 32 KiB.
    ///
    /// # Errors
    /// `Damaged` where it does not; the stream cannot go on then.
    pub fn frame(&mut self, block: &[u8], out: &mut [u8]) -> Result<()> {
        self.history.make_room(out.len())?;
        let mut coder = Coder::new(block);
        let end = self.history.at() + out.len();
        while self.history.at() < end {
            if coder.bits.ran_out() {
                return Err(Error::damaged("Quantum block that ends early"));
            }
            let selector = coder.symbol(&mut self.selector);
            let (len, offsets) = match (selector, &mut self.literals, &mut self.offsets) {
                (0..=3, literals, _) => {
                    let Some(model) = literals.get_mut(usize::from(selector)) else { continue };
                    let literal = coder.symbol(model);
                    let (bytes, at) = self.history.parts();
                    if let Some(byte) = bytes.get_mut(*at) {
                        *byte = literal.to_le_bytes()[0];
                    }
                    *at += 1;
                    continue;
                }
                (4, _, [three, _, _]) => (3, three),
                (5, _, [_, four, _]) => (4, four),
                (_, _, [_, _, more]) => {
                    let slot = usize::from(coder.symbol(&mut self.lengths));
                    let (base, extra) = LENGTHS.get(slot).copied().unwrap_or_default();
                    (base + 5 + coder.bits.take(extra), more)
                }
            };
            let slot = usize::from(coder.symbol(offsets));
            let (base, extra) = OFFSETS.get(slot).copied().unwrap_or_default();
            let offset = usize::try_from(base + 1 + coder.bits.take(extra)).unwrap_or(usize::MAX);
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let (bytes, at) = self.history.parts();
            if len > end - *at {
                return Err(Error::damaged("Quantum match over the end of its frame"));
            }
            if offset > *at {
                return Err(Error::damaged("Quantum match from before the beginning"));
            }
            copy_match(bytes, *at, offset, len);
            *at += len;
        }
        if coder.bits.ran_out() {
            return Err(Error::damaged("Quantum block that ends early"));
        }
        out.copy_from_slice(self.history.last(out.len()));
        Ok(())
    }
}

/// Base and number of further bits of each position slot.
#[allow(clippy::indexing_slicing, reason = "computed when this is compiled")]
const OFFSETS: [(u32, u32); 42] = {
    let mut out = [(0, 0); 42];
    let (mut base, mut slot) = (0u32, 0u32);
    while slot < 42 {
        let bits = if slot < 2 { 0 } else { slot / 2 - 1 };
        out[slot as usize] = (base, bits);
        base += 1 << bits;
        slot += 1;
    }
    out
};

/// Base and number of further bits of each length slot.
#[allow(clippy::indexing_slicing, reason = "computed when this is compiled")]
const LENGTHS: [(u32, u32); 27] = {
    let mut out = [(0, 0); 27];
    let (mut base, mut slot) = (0u32, 0u32);
    while slot < 26 {
        let bits = if slot < 6 { 0 } else { (slot - 2) / 4 };
        out[slot as usize] = (base, bits);
        base += 1 << bits;
        slot += 1;
    }
    out[26] = (254, 0);
    out
};

/// The arithmetic decoder of one block.
struct Coder<'a> {
    bits: Bits<'a>,
    high: u32,
    low: u32,
    code: u32,
}

impl<'a> Coder<'a> {
    fn new(block: &'a [u8]) -> Self {
        let mut bits = Bits { block, at: 0 };
        let code = bits.take(16);
        Self { bits, high: 0xffff, low: 0, code }
    }

    fn symbol(&mut self, model: &mut Model) -> u16 {
        let total = model.total().max(1);
        let range = (self.high.wrapping_sub(self.low) & 0xffff) + 1;
        let ahead = self.code.wrapping_sub(self.low).wrapping_add(1) & 0xffff;
        let wanted = (ahead.wrapping_mul(total).wrapping_sub(1) / range) & 0xffff;
        // The first of which what follows is no more than wanted; there is one, the last sum being 0.
        let behind = model.symbols.iter().skip(1);
        let place = behind.take_while(|symbol| symbol.sum > wanted).count();
        let place = place.min(model.symbols.len().saturating_sub(2));
        let (Some(this), Some(next)) = (model.symbols.get(place), model.symbols.get(place + 1)) else {
            return 0;
        };
        let (value, sum, next) = (this.value, this.sum, next.sum);
        let range = self.high.wrapping_sub(self.low).wrapping_add(1);
        self.high = self.low.wrapping_add(sum.wrapping_mul(range) / total).wrapping_sub(1) & 0xffff;
        self.low = self.low.wrapping_add(next.wrapping_mul(range) / total) & 0xffff;
        model.count(place);
        // Bounded: a hostile block may leave `low` and `high` equal, and then no bit ever differs.
        for _ in 0..32 {
            if (self.low ^ self.high) & 0x8000 != 0 {
                if self.low & 0x4000 == 0 || self.high & 0x4000 != 0 {
                    break;
                }
                self.code ^= 0x4000;
                self.low &= 0x3fff;
                self.high |= 0x4000;
            }
            self.low = self.low << 1 & 0xffff;
            self.high = (self.high << 1 | 1) & 0xffff;
            self.code = (self.code << 1 | self.bits.take(1)) & 0xffff;
        }
        value
    }
}

/// The bits of a block, from the highest of each byte on; zeros behind the end.
struct Bits<'a> {
    block: &'a [u8],
    /// In bits.
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits, at most 24.
    fn take(&mut self, count: u32) -> u32 {
        let (byte, bit) = (self.at / 8, self.at % 8);
        self.at = self.at.saturating_add(count as usize);
        let byte_at = |i: usize| u32::from(self.block.get(byte + i).copied().unwrap_or(0));
        let word = byte_at(0) << 24 | byte_at(1) << 16 | byte_at(2) << 8 | byte_at(3);
        // Two shifts: one by 32 bits would be none.
        (word << bit) >> 1 >> (31 - count)
    }

    /// True where much more was taken than there is. The decoder reads 16 bits ahead of what it needs, and
    /// writers leave out zeros at the end.
    fn ran_out(&self) -> bool {
        self.at > self.block.len() * 8 + 64
    }
}
