//! Canonical prefix codes of at most 16 bits, read from the highest bit.

use crate::error::{Error, Result};

/// Bits of the longest code.
pub(crate) const LONGEST: usize = 16;

/// A code: `BITS` bits are looked up at once in a table of `SIZE` (2 to the power of `BITS`) entries; the few
/// codes that are longer are found by comparing.
#[derive(Debug)]
pub(crate) struct Code<const BITS: u32, const SIZE: usize> {
    /// Symbol and number of bits; 0 where the code is longer, or none.
    table: [u16; SIZE],
    /// For each length the first 16-bit value behind its codes.
    limit: [u32; LONGEST + 1],
    /// For each length the first value of its codes.
    first: [u32; LONGEST + 1],
    /// For each length the place of its first symbol in `sorted`.
    place: [u32; LONGEST + 1],
    /// The symbols by code.
    sorted: Vec<u16>,
}

impl<const BITS: u32, const SIZE: usize> Code<BITS, SIZE> {
    const SHIFT: u32 = {
        assert!(SIZE == 1 << BITS && BITS <= 16);
        64 - BITS
    };

    /// A code without symbols.
    pub(crate) fn new() -> Self {
        let none = [0; LONGEST + 1];
        Self { table: [0; SIZE], limit: none, first: none, place: none, sorted: Vec::new() }
    }

    /// Makes the code of which each symbol has that many bits, 0 for none. Nothing may be left over, unless
    /// there is no symbol at all: then every look-up fails.
    #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "lengths are at most 16")]
    pub(crate) fn make(&mut self, lengths: &[u8]) -> Result<()> {
        let mut count = [0u32; LONGEST + 1];
        for &length in lengths {
            *count
                .get_mut(usize::from(length))
                .ok_or_else(|| Error::invalid("code longer than 16 bits"))? += 1;
        }
        count[0] = 0;
        let (mut value, mut place) = (0u32, 0u32);
        let mut next = [0usize; LONGEST + 1];
        for length in 1..=LONGEST {
            self.first[length] = value;
            self.place[length] = place;
            next[length] = place as usize;
            value += count[length] << (LONGEST - length);
            place += count[length];
            self.limit[length] = value;
        }
        self.sorted.clear();
        if place == 0 || value != 1 << LONGEST {
            self.table.fill(0);
        }
        if place == 0 {
            return Ok(());
        }
        if value != 1 << LONGEST {
            return Err(Error::damaged("prefix code that is not whole"));
        }
        self.sorted.resize(place as usize, 0);
        for (symbol, &length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let next = &mut next[usize::from(length)];
            self.sorted[*next] = symbol as u16;
            *next += 1;
        }
        let mut at = 0;
        let mut rest = self.sorted.as_slice();
        for (length, &count) in count.iter().enumerate().take(BITS as usize + 1).skip(1) {
            let each = 1 << (BITS as usize - length);
            let (symbols, longer) = rest.split_at(count as usize);
            for &symbol in symbols {
                self.table[at..at + each].fill(symbol << 5 | length as u16);
                at += each;
            }
            rest = longer;
        }
        // What is left begins longer codes.
        self.table[at..].fill(0);
        Ok(())
    }

    /// The symbol whose code `bits` begins with (at the highest bit), and how many bits it has; 0 where the
    /// code has no symbols.
    #[inline(always)]
    #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "BITS bits fit the table")]
    pub(crate) fn find(&self, bits: u64) -> (u32, u32) {
        let entry = u32::from(self.table[(bits >> Self::SHIFT) as usize]);
        if entry != 0 { (entry >> 5, entry & 31) } else { self.find_long(bits) }
    }

    #[cold]
    #[allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "lengths are at most 16")]
    fn find_long(&self, bits: u64) -> (u32, u32) {
        let value = (bits >> 48) as u32;
        for length in BITS as usize + 1..=LONGEST {
            if value < self.limit[length] {
                let nth = (value - self.first[length]) >> (LONGEST - length);
                let symbol = self.sorted.get((self.place[length] + nth) as usize);
                return symbol.map_or((0, 0), |symbol| (u32::from(*symbol), length as u32));
            }
        }
        (0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_codes_are_found() {
        let mut code: Code<3, 8> = Code::new();
        code.make(&[2, 5, 0, 1, 3, 4, 5]).unwrap();
        let find = |bits: &str| {
            let value = u64::from_str_radix(bits, 2).unwrap() << (64 - bits.len());
            code.find(value)
        };
        assert_eq!(find("0"), (3, 1));
        assert_eq!(find("10"), (0, 2));
        assert_eq!(find("110"), (4, 3));
        assert_eq!(find("1110"), (5, 4));
        assert_eq!(find("11110"), (1, 5));
        assert_eq!(find("11111"), (6, 5));
    }

    #[test]
    fn a_code_with_too_many_or_too_few_symbols_is_refused() {
        let mut code: Code<3, 8> = Code::new();
        assert!(code.make(&[1, 1, 1]).is_err());
        assert!(code.make(&[1, 2]).is_err());
        assert!(code.make(&[17]).is_err());
        code.make(&[0, 0]).unwrap();
        assert_eq!(code.find(u64::MAX), (0, 0));
    }
}
