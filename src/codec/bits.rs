//! Bits in 16-bit words: what LZX and XPRESS read.

/// The bits of a chunk: 16-bit little-endian words, read from the highest bit. Behind the end there are
/// zeros; [`Bits::ran_out`] says whether any were taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'a> {
    pub(super) chunk: &'a [u8],
    /// What was read of the chunk and of the zeros behind it.
    pub(super) at: usize,
    /// The next bits, from the highest on; zeros behind `count`.
    pub(super) bits: u64,
    pub(super) count: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(chunk: &'a [u8]) -> Self {
        Self { chunk, at: 0, bits: 0, count: 0 }
    }

    /// Makes sure of 33 bits.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if self.count <= 32 {
            let next = match self.chunk.get(self.at..).and_then(|rest| rest.first_chunk::<4>()) {
                Some(bytes) => u32::from_le_bytes(*bytes),
                None => self.last_bytes(),
            };
            // Two words, the first of them on top.
            self.bits |= u64::from(next.rotate_left(16)) << (32 - self.count);
            self.count = self.count.wrapping_add(32);
            self.at = self.at.wrapping_add(4);
        }
    }

    #[cold]
    fn last_bytes(&self) -> u32 {
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        rest.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
    }

    /// Drops bits that are there: at most 32.
    #[inline(always)]
    pub(super) fn drop(&mut self, count: u32) {
        self.bits <<= count & 63;
        self.count = self.count.wrapping_sub(count);
    }

    /// The next `count` bits of those that are there: at most 17.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "17 bits at most")]
    pub(super) fn take_filled(&mut self, count: u32) -> u32 {
        // Two shifts: one by 64 bits would be none.
        let out = (self.bits >> 1 >> (63 - count)) as u32;
        self.drop(count);
        out
    }

    /// True where more was taken than there is. A last odd byte counts for a word.
    pub(super) fn ran_out(&self) -> bool {
        let taken = self.at - self.count as usize / 8;
        taken > self.chunk.len() + 1
    }
}
