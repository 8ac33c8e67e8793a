//! LZMS, as solid WIM files (ESD) have it. There is no public specification; this follows the format as it is
//! generally described, and what other programs pack with it.
//!
//! A chunk stands alone and is a row of 16-bit little-endian words that is read from both ends. From the front
//! a range decoder takes the choices between two, each with a probability that follows the last 64 choices in
//! the same situation. From the back come the bits of adaptive Huffman codes, which are made anew after every
//! so many symbols, and bits that are not coded. Matches are plain (LZ77) or of differences: each byte is
//! predicted from its neighbour and from how the same bytes differed further back. Addresses in x86 programs
//! are translated, and translated back at the end.

mod filter;

use super::history::copy_match;
use super::huffman::Code;
use crate::error::{Error, Result};
use filter::Filter;

/// The longest code, in bits.
const LONGEST: usize = 15;
/// Offsets that are remembered of each kind of match.
const RECENT: usize = 3;
/// Symbols of the lengths' code.
const LENGTHS: usize = 54;
/// Symbols of the codes of offsets, in the largest chunks.
const OFFSETS: usize = 799;
/// The largest chunk, in bytes.
pub const LARGEST: usize = 1 << 30;

/// How many lengths and offsets slots there are for each number of bits: the distance from one slot to the
/// next is 2 to the power of the place.
const LENGTH_RUNS: [u8; 17] = [27, 4, 6, 4, 5, 2, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 1];
const OFFSET_RUNS: [u8; 21] =
    [9, 0, 9, 7, 10, 15, 15, 20, 20, 30, 33, 40, 42, 45, 60, 73, 80, 85, 95, 105, 6];

/// The least value of each slot, and how many further bits follow.
#[allow(clippy::indexing_slicing, reason = "made when this is compiled")]
const fn slots<const COUNT: usize>(runs: &[u8], end: u32) -> [(u32, u32); COUNT] {
    let mut out = [(0, 0); COUNT];
    let (mut base, mut slot, mut power) = (0u32, 0, 0);
    while power < runs.len() {
        let mut left = runs[power];
        while left > 0 {
            base += 1 << power;
            out[slot] = (base, 0);
            slot += 1;
            left -= 1;
        }
        power += 1;
    }
    slot = 0;
    while slot < COUNT {
        let next = if slot + 1 < COUNT { out[slot + 1].0 } else { end };
        out[slot].1 = (next - out[slot].0).ilog2();
        slot += 1;
    }
    out
}

static LENGTH_SLOTS: [(u32, u32); LENGTHS] = slots(&LENGTH_RUNS, 0x4001_08ab);
static OFFSET_SLOTS: [(u32, u32); OFFSETS] = slots(&OFFSET_RUNS, 0x7fff_ffff);

/// How many slots can occur in a chunk of `len` bytes.
fn offset_slots(len: usize) -> usize {
    let last = u32::try_from(len.saturating_sub(1)).unwrap_or(u32::MAX);
    OFFSET_SLOTS.partition_point(|(base, _)| *base <= last)
}

/// A decoder with its tables.
#[derive(Debug)]
pub struct Lzms {
    literals: Box<Adaptive>,
    lengths: Box<Adaptive>,
    offsets: Box<Adaptive>,
    powers: Box<Adaptive>,
    delta_offsets: Box<Adaptive>,
    filter: Filter,
}

impl Default for Lzms {
    fn default() -> Self {
        Self::new()
    }
}

impl Lzms {
    /// A decoder.
    #[must_use]
    pub fn new() -> Self {
        let code = |symbols, every| Box::new(Adaptive::new(symbols, every));
        Self {
            literals: code(256, 1024),
            lengths: code(LENGTHS, 512),
            offsets: code(OFFSETS, 1024),
            powers: code(8, 512),
            delta_offsets: code(OFFSETS, 1024),
            filter: Filter::default(),
        }
    }

    /// Decodes one chunk: `chunk` unpacks to exactly `out.len()` bytes.
    ///
    /// # Errors
    /// `Damaged` where it does not.
    pub fn chunk(&mut self, chunk: &[u8], out: &mut [u8]) -> Result<()> {
        if !chunk.len().is_multiple_of(2) || chunk.len() < 4 || out.len() > LARGEST {
            return Err(Error::damaged("LZMS chunk of an impossible size"));
        }
        self.unpack(chunk, out)?;
        self.filter.undo(out);
        Ok(())
    }

    #[allow(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "the hot loop: see its comments"
    )]
    fn unpack(&mut self, chunk: &[u8], out: &mut [u8]) -> Result<()> {
        let slots = offset_slots(out.len());
        self.literals.begin(256)?;
        self.lengths.begin(LENGTHS)?;
        self.offsets.begin(slots)?;
        self.powers.begin(8)?;
        self.delta_offsets.begin(slots)?;
        let (literals, lengths, offsets, powers, delta_offsets) = (
            &mut *self.literals,
            &mut *self.lengths,
            &mut *self.offsets,
            &mut *self.powers,
            &mut *self.delta_offsets,
        );
        let mut range = Range::new(chunk);
        let mut bits = Bits::new(chunk);
        let mut item = Choice::<16>::new();
        let mut kind = Choice::<32>::new();
        let mut plain_again = Choice::<64>::new();
        let mut plain_which = [Choice::<64>::new(); RECENT - 1];
        let mut delta_again = Choice::<64>::new();
        let mut delta_which = [Choice::<64>::new(); RECENT - 1];
        let mut recent = Recent::<u32>::new([1, 2, 3, 4]);
        let mut delta_recent = Recent::<(u32, u32)>::new([(0, 1), (0, 2), (0, 3), (0, 4)]);
        let end = out.len();
        let mut at = 0;
        // Every index into `out` is below `end`: each branch says why.
        while at < end {
            if !item.next(&mut range) {
                out[at] = literals.next(&mut bits)? as u8;
                at = at.wrapping_add(1);
                (recent.hidden, delta_recent.hidden) = (0, 0);
                continue;
            }
            if !kind.next(&mut range) {
                let offset = if plain_again.next(&mut range) {
                    recent.again(which(&mut plain_which, &mut range))
                } else {
                    let slot = offsets.next(&mut bits)?;
                    let offset = bits.in_slot(OFFSET_SLOTS[slot as usize]);
                    recent.push(offset);
                    offset
                };
                let len = length(lengths, &mut bits)?;
                let offset_bytes = offset as usize;
                if len > end - at || offset_bytes > at || offset == 0 {
                    return Err(Error::damaged("LZMS match out of its chunk"));
                }
                if end - at - len >= 16 {
                    copy_match(out, at, offset_bytes, len);
                } else {
                    for place in at..at + len {
                        out[place] = out[place - offset_bytes];
                    }
                }
                at = at.wrapping_add(len);
                (recent.hidden, delta_recent.hidden) = (1, 0);
            } else {
                let (power, raw) = if delta_again.next(&mut range) {
                    delta_recent.again(which(&mut delta_which, &mut range))
                } else {
                    let power = powers.next(&mut bits)?;
                    let slot = delta_offsets.next(&mut bits)?;
                    let pair = (power, bits.in_slot(OFFSET_SLOTS[slot as usize]));
                    delta_recent.push(pair);
                    pair
                };
                let len = length(lengths, &mut bits)?;
                let span = 1usize << (power & 7);
                let offset = (raw as usize) << (power & 7);
                if len > end - at || span + offset > at || offset == 0 {
                    return Err(Error::damaged("LZMS match out of its chunk"));
                }
                for place in at..at + len {
                    out[place] = out[place - offset]
                        .wrapping_add(out[place - span])
                        .wrapping_sub(out[place - offset - span]);
                }
                at = at.wrapping_add(len);
                (recent.hidden, delta_recent.hidden) = (0, 1);
            }
        }
        Ok(())
    }
}

#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "a symbol is below the code's size")]
fn length(code: &mut Adaptive, bits: &mut Bits<'_>) -> Result<usize> {
    let slot = code.next(bits)?;
    Ok(bits.in_slot(LENGTH_SLOTS[slot as usize]) as usize)
}

/// Which of the recent matches: the first choice that says no.
#[inline(always)]
fn which(choices: &mut [Choice<64>; RECENT - 1], range: &mut Range<'_>) -> usize {
    let [first, second] = choices;
    if !first.next(range) {
        0
    } else if !second.next(range) {
        1
    } else {
        2
    }
}

/// The matches used last, the latest first. The one that was used by the item before cannot be used again yet:
/// then choices begin with the one behind it.
#[derive(Debug, Clone, Copy)]
struct Recent<T> {
    list: [T; RECENT + 1],
    /// 1 where the item before used one, else 0.
    hidden: usize,
}

impl<T: Copy> Recent<T> {
    fn new(list: [T; RECENT + 1]) -> Self {
        Self { list, hidden: 0 }
    }

    /// Takes one to use it again.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "`which` is below 3, and one may be hidden")]
    fn again(&mut self, which: usize) -> T {
        let place = (which + self.hidden) & RECENT;
        let out = self.list[place];
        self.list.copy_within(..place, 1);
        self.list[0] = out;
        out
    }

    /// A new one is used.
    #[inline(always)]
    fn push(&mut self, new: T) {
        self.list.copy_within(..RECENT, 1);
        self.list[0] = new;
    }
}

/// A choice between two, with the probabilities for each of `STATES` histories of the same choice.
#[derive(Debug, Clone, Copy)]
struct Choice<const STATES: usize> {
    state: usize,
    /// The last 64 choices that were made with that history, the latest in the lowest bit, and how many of
    /// them were 0.
    last: [(u64, u32); STATES],
}

impl<const STATES: usize> Choice<STATES> {
    fn new() -> Self {
        Self { state: 0, last: [(0x5555_5555, 48); STATES] }
    }

    #[inline(always)]
    #[allow(clippy::indexing_slicing, reason = "the state is masked to the number of states")]
    fn next(&mut self, range: &mut Range<'_>) -> bool {
        let (last, zeros) = &mut self.last[self.state & (STATES - 1)];
        let one = range.decide((*zeros).clamp(1, 63));
        // The oldest goes, the newest comes.
        *zeros = zeros.wrapping_add(u32::from(*last >> 63 == 1)).wrapping_sub(u32::from(one));
        *last = *last << 1 | u64::from(one);
        self.state = (self.state << 1 | usize::from(one)) & (STATES - 1);
        one
    }
}

/// The range decoder, from the front.
struct Range<'a> {
    chunk: &'a [u8],
    at: usize,
    range: u32,
    code: u32,
}

impl<'a> Range<'a> {
    fn new(chunk: &'a [u8]) -> Self {
        let mut out = Self { chunk, at: 0, range: u32::MAX, code: 0 };
        out.word();
        out.word();
        out
    }

    #[inline(always)]
    fn word(&mut self) {
        let word = match self.chunk.get(self.at..).and_then(|rest| rest.first_chunk::<2>()) {
            Some(word) => {
                self.at += 2;
                u16::from_le_bytes(*word)
            }
            None => 0,
        };
        self.code = self.code << 16 | u32::from(word);
    }

    /// The next choice; it is 0 in `zeros` of 64 cases.
    #[inline(always)]
    fn decide(&mut self, zeros: u32) -> bool {
        if self.range >> 16 == 0 {
            self.range <<= 16;
            self.word();
        }
        // At most 63 / 64 of the range.
        let bound = (self.range >> 6).wrapping_mul(zeros);
        if self.code < bound {
            self.range = bound;
            false
        } else {
            self.range = self.range.wrapping_sub(bound);
            self.code = self.code.wrapping_sub(bound);
            true
        }
    }
}

/// Bits from the back. In front of the beginning there are zeros.
struct Bits<'a> {
    chunk: &'a [u8],
    /// Behind the words that were not read yet.
    end: usize,
    bits: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(chunk: &'a [u8]) -> Self {
        Self { chunk, end: chunk.len(), bits: 0, count: 0 }
    }

    /// Makes sure of 33 bits.
    #[inline(always)]
    fn refill(&mut self) {
        if self.count <= 32 {
            let next = match self.chunk.get(..self.end).and_then(|rest| rest.last_chunk::<4>()) {
                // The last word comes first.
                Some(bytes) => u32::from_le_bytes(*bytes),
                None => self.first_word(),
            };
            self.bits |= u64::from(next) << (32 - self.count);
            self.count = self.count.wrapping_add(32);
            self.end = self.end.saturating_sub(4);
        }
    }

    #[cold]
    fn first_word(&self) -> u32 {
        match self.chunk.get(..self.end).and_then(|rest| rest.last_chunk::<2>()) {
            Some(word) => u32::from(u16::from_le_bytes(*word)) << 16,
            None => 0,
        }
    }

    #[inline(always)]
    fn drop(&mut self, count: u32) {
        // `refill` made sure of more than any symbol or value has.
        self.bits <<= count & 63;
        self.count = self.count.wrapping_sub(count);
    }

    /// A value of a slot with that base and number of bits.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "30 bits at most")]
    fn in_slot(&mut self, (base, count): (u32, u32)) -> u32 {
        self.refill();
        // Two shifts: one by 64 bits would be none.
        let extra = (self.bits >> 1 >> (63 - count)) as u32;
        self.drop(count);
        base.wrapping_add(extra)
    }
}

/// A Huffman code that follows how often its symbols occur.
#[derive(Debug)]
struct Adaptive {
    code: Code<10, 1024>,
    /// How often each symbol occurred, halved at every making.
    counts: Vec<u32>,
    /// The code is made anew after so many symbols.
    every: u32,
    left: u32,
    /// Room for making the code.
    nodes: Vec<u32>,
    lengths: Vec<u8>,
}

impl Adaptive {
    fn new(symbols: usize, every: u32) -> Self {
        let room = || Vec::with_capacity(symbols);
        Self { code: Code::new(), counts: room(), every, left: 0, nodes: room(), lengths: Vec::new() }
    }

    /// At the beginning of a chunk all symbols are as frequent.
    fn begin(&mut self, symbols: usize) -> Result<()> {
        self.counts.clear();
        self.counts.resize(symbols, 1);
        self.make()
    }

    #[inline(always)]
    fn next(&mut self, bits: &mut Bits<'_>) -> Result<u32> {
        if self.left == 0 {
            self.again()?;
        }
        bits.refill();
        let (symbol, used) = self.code.find(bits.bits);
        bits.drop(used);
        self.left = self.left.wrapping_sub(1);
        match self.counts.get_mut(symbol as usize) {
            Some(count) if used > 0 => {
                *count = count.wrapping_add(1);
                Ok(symbol)
            }
            _ => Err(Error::damaged("LZMS chunk without a code")),
        }
    }

    #[cold]
    fn again(&mut self) -> Result<()> {
        self.make()?;
        self.counts.iter_mut().for_each(|count| *count = (*count >> 1) + 1);
        Ok(())
    }

    /// Makes the code of the counts: symbols and trees that are as frequent are joined in the order of their
    /// making, symbols first.
    #[allow(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "places in `nodes` and `lengths`"
    )]
    fn make(&mut self) -> Result<()> {
        self.left = self.every;
        let symbols = self.counts.len();
        self.lengths.clear();
        // A code of one symbol still has one bit.
        self.lengths.resize(symbols.max(2), 0);
        if symbols < 2 {
            self.lengths.fill(1);
            return self.code.make(&self.lengths);
        }
        sort(&self.counts, &mut self.nodes);
        let mut depths = depths_of(&self.nodes)?;
        // The most frequent have the shortest codes.
        let mut depth = 0;
        for node in self.nodes.iter().rev() {
            while depths[depth] == 0 {
                depth += 1;
            }
            depths[depth] -= 1;
            self.lengths[(node & 1023) as usize] = depth as u8;
        }
        self.code.make(&self.lengths)
    }
}

/// The symbols in the order of their counts: count above, symbol below. 10 bits hold every symbol, and no count
/// reaches 2^22. Most counts are small, and are sorted by counting them.
#[allow(clippy::indexing_slicing, reason = "places that were counted before")]
fn sort(counts: &[u32], nodes: &mut Vec<u32>) {
    const SMALL: usize = 64;
    let small = |count: u32| (count as usize).min(SMALL);
    let mut places = [0usize; SMALL + 2];
    for &count in counts {
        places[small(count) + 1] += 1;
    }
    for at in 1..SMALL + 2 {
        places[at] += places[at - 1];
    }
    let large = places[SMALL];
    nodes.clear();
    nodes.resize(counts.len(), 0);
    for (&count, symbol) in counts.iter().zip(0u32..) {
        let place = &mut places[small(count)];
        nodes[*place] = count << 10 | symbol;
        *place += 1;
    }
    nodes[large..].sort_unstable();
}

/// How many leaves there are at each depth of the tree for leaves that are sorted by their counts (the upper
/// 22 bits). Two queues do: leaves that are left, and trees in the order of their making.
#[allow(clippy::indexing_slicing, reason = "both queues are walked below their ends")]
fn depths_of(leaves: &[u32]) -> Result<[u32; LONGEST + 2]> {
    let trees = leaves.len() - 1;
    let mut counts = [0u32; OFFSETS];
    let mut parents = [0u16; OFFSETS];
    let (mut leaf, mut tree) = (0, 0);
    // How many leaves each tree has for children.
    let mut own = [0u8; OFFSETS];
    for made in 0..trees {
        for _ in 0..2 {
            let by_leaf = leaf < leaves.len() && (tree >= made || leaves[leaf] >> 10 <= counts[tree]);
            if by_leaf {
                counts[made] += leaves[leaf] >> 10;
                own[made] += 1;
                leaf += 1;
            } else {
                counts[made] += counts[tree];
                parents[tree] = u16::try_from(made).unwrap_or(u16::MAX);
                tree += 1;
            }
        }
    }
    let mut depths = [0u32; LONGEST + 2];
    let mut depth = [0u8; OFFSETS];
    for made in (0..trees).rev() {
        if made + 1 < trees {
            depth[made] = depth[usize::from(parents[made])] + 1;
        }
        let below = usize::from(depth[made]) + 1;
        if below > LONGEST {
            // So uneven counts do not come about in so few symbols.
            return Err(Error::damaged("LZMS code longer than 15 bits"));
        }
        depths[below] += u32::from(own[made]);
    }
    Ok(depths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slots_go_on_where_the_one_before_ends() {
        for slots in [&LENGTH_SLOTS[..], &OFFSET_SLOTS[..]] {
            assert_eq!(slots[0], (1, 0));
            for pair in slots.windows(2) {
                assert_eq!(pair[0].0 + (1 << pair[0].1), pair[1].0);
            }
        }
        assert_eq!((offset_slots(0), offset_slots(1), offset_slots(2), offset_slots(10)), (0, 0, 1, 9));
        assert_eq!(offset_slots(LARGEST), OFFSETS);
    }

    #[test]
    fn what_wimlib_packed_is_decoded() {
        let chunk = [
            0xf0, 0x64, 0x81, 0x54, 0x8b, 0x2c, 0xf9, 0x88, 0x73, 0x4a, 0x00, 0x00, 0x00, 0x00, 0x6c, 0x7f,
            0x42, 0x3f, 0x20, 0x9c, 0x9c, 0x0f, 0xe7, 0xbb, 0xf9, 0x6c, 0xbe, 0x9a, 0x8f, 0xe6, 0x9b, 0xf9,
            0x64, 0xbe, 0x18, 0x8c, 0x5b, 0x81, 0x2e, 0x0d, 0xc4, 0xec, 0x0d, 0x04, 0x06, 0xa4, 0xcc, 0x2d,
            0x8d, 0xcd, 0x1f, 0x63, 0x62, 0x61,
        ];
        let plain = "abc".repeat(100) + &(0..12).map(|i| format!("line {i} of it\n")).collect::<String>();
        let mut out = vec![0; plain.len()];
        let mut lzms = Lzms::new();
        // Nothing is kept from one chunk to the next.
        for _ in 0..2 {
            lzms.chunk(&chunk, &mut out).unwrap();
            assert_eq!(out, plain.as_bytes());
        }
        assert!(lzms.chunk(&chunk[..53], &mut out).is_err(), "an odd size");
        assert!(lzms.chunk(&[], &mut out).is_err());
    }

    #[test]
    fn symbols_that_are_as_frequent_have_codes_as_long() {
        let depths = |counts: &[u32]| {
            let mut leaves: Vec<u32> = counts.iter().map(|count| count << 10).collect();
            leaves.sort_unstable();
            depths_of(&leaves).unwrap()[..6].to_vec()
        };
        assert_eq!(depths(&[1; 8]), [0, 0, 0, 8, 0, 0]);
        assert_eq!(depths(&[1, 1, 2, 4, 8]), [0, 1, 1, 1, 2, 0]);
        assert_eq!(depths(&[5, 5]), [0, 2, 0, 0, 0, 0]);
    }

    proptest! {
        #[test]
        fn noise_is_an_error_or_bytes(chunk in prop::collection::vec(any::<u8>(), 0..400), len in 1usize..3000) {
            let _ = Lzms::new().chunk(&chunk, &mut vec![0; len]);
        }
    }
}
