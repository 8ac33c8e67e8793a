//! XPRESS with Huffman codes, as WIM files have it: [MS-XCA] §2.1 and §2.2.
//!
//! Every chunk stands alone: 256 bytes with the lengths of 512 codes, then words of 16 bits, little-endian,
//! read from the highest bit. Long match lengths stand as whole bytes between those words.

use super::bits::Bits;
use super::history::copy_match;
use super::huffman::Code;
use crate::error::{Error, Result};

/// Bytes of the table of code lengths, two lengths to a byte.
const TABLE: usize = 256;
/// Symbols: 256 literals and 256 kinds of match.
const SYMBOLS: usize = 512;
/// A match has so many bytes more than its length says.
const SHORTEST: usize = 3;
/// Bytes behind a match that copying it may write to.
const SLACK: usize = 16;

/// A decoder: only its tables, for nothing is kept from one chunk to the next.
#[derive(Debug)]
pub struct Xpress {
    code: Box<Code<11, 2048>>,
}

impl Default for Xpress {
    fn default() -> Self {
        Self::new()
    }
}

impl Xpress {
    /// A decoder.
    #[must_use]
    pub fn new() -> Self {
        Self { code: Box::new(Code::new()) }
    }

    /// Decodes one chunk: `chunk` unpacks to exactly `out.len()` bytes.
    ///
    /// # Errors
    /// `Damaged` where it does not.
    #[allow(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "the hot loop: see its comments"
    )]
    pub fn chunk(&mut self, chunk: &[u8], out: &mut [u8]) -> Result<()> {
        let Some((table, rest)) = chunk.split_at_checked(TABLE) else {
            return Err(Error::damaged("XPRESS chunk shorter than its table"));
        };
        let mut lengths = [0u8; SYMBOLS];
        for (pair, byte) in lengths.chunks_exact_mut(2).zip(table) {
            pair[0] = byte & 15;
            pair[1] = byte >> 4;
        }
        self.code.make(&lengths)?;
        let code = &*self.code;
        let mut bits = Bits::new(rest);
        let end = out.len();
        let mut at = 0;
        // Every index into `out` is below `end`: each branch says why.
        while at < end {
            bits.refill();
            let (symbol, used) = code.find(bits.bits);
            bits.drop(used);
            if symbol < 256 {
                if used == 0 {
                    return Err(Error::damaged("XPRESS chunk without a code"));
                }
                out[at] = symbol as u8;
                at += 1;
                continue;
            }
            let mut len = (symbol & 15) as usize;
            let distance_bits = (symbol >> 4) & 15;
            if len == 15 {
                len = bits.long_length().ok_or_else(|| Error::damaged("XPRESS match without a length"))?;
            }
            let offset = (1usize << distance_bits) | bits.take_filled(distance_bits) as usize;
            let len = len + SHORTEST;
            if offset > at {
                return Err(Error::damaged("XPRESS match from before the beginning"));
            }
            if len > end - at {
                return Err(Error::damaged("XPRESS match over the end of its chunk"));
            }
            if end - at >= len + SLACK {
                copy_match(out, at, offset, len);
            } else {
                for place in at..at + len {
                    out[place] = out[place - offset];
                }
            }
            at += len;
        }
        if bits.ran_out() { Err(Error::damaged("XPRESS chunk that ends early")) } else { Ok(()) }
    }
}

/// What XPRESS alone asks of the words behind its table: bytes between them. The specification's decoder has
/// between 16 and 31 bits read ahead, which decides where those bytes are; this one has more, and goes back
/// where there are such.
impl Bits<'_> {
    /// A length of 15 or more, from the next one, three or seven bytes.
    #[cold]
    fn long_length(&mut self) -> Option<usize> {
        let ahead = 16 + self.count % 16;
        let back = usize::try_from(self.count.checked_sub(ahead)? / 8).ok()?;
        self.at = self.at.checked_sub(back)?;
        self.bits &= !(u64::MAX >> ahead);
        self.count = ahead;
        let mut next = |count: usize| {
            let bytes = self.chunk.get(self.at..self.at.checked_add(count)?)?;
            self.at += count;
            Some(bytes.iter().rev().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte)))
        };
        let len = match next(1)? {
            255 => match next(2)? {
                0 => next(4)?,
                len => len,
            },
            len => len + 15,
        };
        self.refill();
        usize::try_from(len).ok().filter(|&len| (15..1 << 30).contains(&len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table with those lengths, and what follows it.
    fn example(codes: &[(usize, u8)], rest: &[u8]) -> Vec<u8> {
        let mut out = vec![0; TABLE];
        for &(symbol, length) in codes {
            out[symbol / 2] |= length << (symbol % 2 * 4);
        }
        out.extend_from_slice(rest);
        out
    }

    #[test]
    fn what_wimlib_packed_is_decoded() {
        let mut codes = vec![(10, 6), (32, 4), (48, 6), (313, 3)];
        codes.extend(
            (49..=57).chain([97, 98, 99, 101, 102, 105, 108, 110, 111, 116]).map(|symbol| (symbol, 5)),
        );
        codes.extend([256, 287, 306, 362, 373, 379].map(|symbol| (symbol, 5)));
        let rest = [
            0x22, 0x7c, 0x6b, 0xfd, 0x48, 0x4b, 0xff, 0x25, 0x01, 0x2b, 0xbf, 0xa9, 0xcc, 0xb7, 0x8f, 0x29,
            0x4c, 0x40, 0xc5, 0x15, 0xa9, 0xac, 0x42, 0x0a, 0x56, 0x5d, 0xd1, 0x7c, 0xcd, 0xa1, 0x0f, 0x00,
            0x32, 0x00, 0x00,
        ];
        let plain = "abc".repeat(100) + &(0..12).map(|i| format!("line {i} of it\n")).collect::<String>();
        let mut out = vec![0; plain.len()];
        Xpress::new().chunk(&example(&codes, &rest), &mut out).unwrap();
        assert_eq!(out, plain.as_bytes());
    }

    #[test]
    fn a_chunk_that_lies_is_an_error() {
        let mut xpress = Xpress::new();
        assert!(xpress.chunk(&[0; 100], &mut [0; 10]).is_err());
        assert!(xpress.chunk(&[0; 300], &mut [0; 10]).is_err());
        // Two symbols of one bit: a literal, and a match from one byte back.
        let mut chunk = example(&[(97, 1), (256, 1)], &[0, 0]);
        let mut out = [0; 4];
        // 0: literal, 1: match of three.
        chunk[256..].copy_from_slice(&0x4000u16.to_le_bytes());
        xpress.chunk(&chunk, &mut out).unwrap();
        assert_eq!(&out, b"aaaa");
        assert!(xpress.chunk(&chunk, &mut [0; 3]).is_err(), "over the end");
        chunk[256..].copy_from_slice(&0x8000u16.to_le_bytes());
        assert!(xpress.chunk(&chunk, &mut out).is_err(), "from before the beginning");
        assert!(xpress.chunk(&chunk[..256], &mut [0; 30]).is_err(), "no bits");
    }
}
