//! One header block: POSIX.1-1988 (ustar), GNU tar's and the older ones.
//!
//! | bytes | field | | bytes | field |
//! |---|---|---|---|---|
//! | 0..100 | name | | 157..257 | name of the link's target |
//! | 100..108 | mode | | 257..265 | magic and version |
//! | 124..136 | size | | 329..345 | device |
//! | 136..148 | modification time | | 345..500 | prefix of the name (ustar alone) |
//! | 148..156 | checksum | | 386..482 | sparse map (GNU) |
//! | 156 | type | | 482, 483..495 | more of it follows; real size |

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::Piece;

/// Bytes of a block.
pub(crate) const BLOCK: u64 = 512;

/// A header block whose checksum is right.
pub(crate) struct Header {
    block: [u8; 512],
    base: u64,
}

/// A block as it stands where a header must be.
pub(crate) enum Seen {
    /// A header.
    Header(Box<Header>),
    /// Zeros: one half of the end mark.
    Zeros,
    /// Anything else.
    Wrong,
}

impl Header {
    /// Looks at 512 bytes; `base` is where they lie.
    pub(crate) fn see(bytes: &[u8], base: u64) -> Seen {
        let Some(block) = bytes.first_chunk::<512>() else { return Seen::Wrong };
        if block.iter().all(|byte| *byte == 0) {
            return Seen::Zeros;
        }
        let header = Self { block: *block, base };
        if header.checksum_fits() { Seen::Header(Box::new(header)) } else { Seen::Wrong }
    }

    fn field(&self, at: usize, len: usize) -> &[u8] {
        self.block.get(at..at + len).unwrap_or_default()
    }

    /// The sum of the block with blanks for the checksum itself. Some old writers summed signed bytes.
    fn checksum_fits(&self) -> bool {
        let Some(kept) = octal(self.field(148, 8)) else { return false };
        let bytes = || {
            let bytes = self.block.iter().enumerate();
            bytes.map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte })
        };
        let unsigned: u64 = bytes().map(u64::from).sum();
        let signed: i64 = bytes().map(|byte| i64::from(i8::from_le_bytes([byte]))).sum();
        kept == unsigned || i64::try_from(kept).is_ok_and(|kept| kept == signed)
    }

    /// True for `ustar` in either writing.
    pub(crate) fn has_magic(&self) -> bool {
        self.field(257, 5) == b"ustar"
    }

    /// True for GNU tar's writing, which has no prefix.
    pub(crate) fn is_gnu(&self) -> bool {
        self.field(257, 8) == b"ustar  \0"
    }

    /// What the entry is.
    pub(crate) fn kind(&self) -> u8 {
        self.field(156, 1).first().copied().unwrap_or(0)
    }

    /// The name, with the prefix where there is one.
    pub(crate) fn name(&self) -> Vec<u8> {
        let name = text(self.field(0, 100));
        let prefix = if self.has_magic() && !self.is_gnu() { text(self.field(345, 155)) } else { &[] };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    /// Where a link leads.
    pub(crate) fn link_name(&self) -> Vec<u8> {
        text(self.field(157, 100)).to_vec()
    }

    fn number(&self, at: usize, len: usize, field: &'static str) -> Result<u64> {
        let wrong =
            || Fields::new("tar header", &self.block, self.base).wrong(at, field, Error::invalid("number"));
        number(self.field(at, len)).ok_or_else(wrong)
    }

    /// Bytes of data behind the header.
    ///
    /// # Errors
    /// `Invalid` where the field is no number.
    pub(crate) fn size(&self) -> Result<u64> {
        self.number(124, 12, "size")
    }

    /// Seconds since 1970, where they are given and are a number.
    pub(crate) fn modified(&self) -> Option<i64> {
        signed(self.field(136, 12))
    }

    /// Permission bits.
    pub(crate) fn mode(&self) -> Option<u16> {
        number(self.field(100, 8)).and_then(|mode| u16::try_from(mode & 0o7777).ok())
    }

    /// The sparse map of a GNU header, and whether more of it follows.
    ///
    /// # Errors
    /// As [`Header::size`].
    pub(crate) fn gnu_sparse(&self, map: &mut Vec<Piece>) -> Result<bool> {
        sparse_list(self.field(386, 96), map)?;
        Ok(self.field(482, 1) != [0])
    }

    /// Size of a sparse file with its holes.
    ///
    /// # Errors
    /// As [`Header::size`].
    pub(crate) fn real_size(&self) -> Result<u64> {
        self.number(483, 12, "real size")
    }
}

/// Pairs of offset and length, each of 12 bytes; a pair of blanks ends them.
///
/// # Errors
/// `Invalid` where one is no number.
pub(crate) fn sparse_list(bytes: &[u8], map: &mut Vec<Piece>) -> Result<()> {
    for pair in bytes.chunks_exact(24) {
        if pair.iter().all(|byte| *byte == 0) {
            break;
        }
        let (at, len) = pair.split_at(12);
        let wrong = || Error::invalid("number in a sparse map");
        map.push(Piece { at: Some(number(at).ok_or_else(wrong)?), len: number(len).ok_or_else(wrong)? });
    }
    Ok(())
}

/// A field up to its first NUL.
pub(crate) fn text(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default()
}

/// Octal digits with blanks before them and a blank or NUL behind. A field with nothing in it is 0.
fn octal(bytes: &[u8]) -> Option<u64> {
    let digits = text(bytes).trim_ascii();
    digits.iter().try_fold(0u64, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// Octal, or base 256 as GNU tar and others write what needs more digits.
fn number(bytes: &[u8]) -> Option<u64> {
    signed(bytes).and_then(|number| u64::try_from(number).ok())
}

fn signed(bytes: &[u8]) -> Option<i64> {
    match bytes.split_first() {
        Some((first, rest)) if first & 0x80 != 0 => {
            // The second bit is the sign.
            let negative = first & 0x40 != 0;
            let start = if negative { i64::from(first & 0x3f) - 0x40 } else { i64::from(first & 0x3f) };
            rest.iter().try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add(i64::from(*byte)))
        }
        _ => octal(bytes).and_then(|number| i64::try_from(number).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   644 \0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(number(b"0000689\0"), None);
        assert_eq!(number(&[0x80, 0, 0, 1, 0]), Some(256));
        assert_eq!(signed(&[0xff, 0xff, 0xff, 0xff]), Some(-1));
        assert_eq!(number(&[0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(number(&[0x80; 12]), None);
    }

    #[test]
    fn a_checksum_of_signed_bytes_is_right_too() {
        let mut block = [0u8; 512];
        block[0] = 0xe4;
        block[148..156].fill(b' ');
        let sum = 8 * 32 + i64::from(i8::from_le_bytes([0xe4]));
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        assert!(matches!(Header::see(&block, 0), Seen::Header(_)));
        block[1] = 1;
        assert!(matches!(Header::see(&block, 0), Seen::Wrong));
        assert!(matches!(Header::see(&[0; 512], 0), Seen::Zeros));
    }
}
