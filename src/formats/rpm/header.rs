//! RPM's header structure: an index of tags and a store that they point into.
//!
//! | bytes | field |
//! |---|---|
//! | 0..4 | `8e ad e8`, version 1 |
//! | 8..12 | number of index entries |
//! | 12..16 | bytes of the store |
//! | 16.. | index: tag, type, offset, count, four bytes each |
//!
//! All numbers are big-endian.

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{Source, read_vec};
use std::ops::Range;

/// Index entries and store bytes at most, as rpm itself has it.
const MOST_ENTRIES: u32 = 1 << 16;
const MOST_STORE: u32 = 256 << 20;

/// A header that was read.
pub(crate) struct Header {
    bytes: Vec<u8>,
    store: usize,
    entries: u32,
    /// Where it lies in the source.
    pub(crate) range: Range<u64>,
}

/// Where a tag's values are.
struct Found {
    kind: u32,
    at: usize,
    count: usize,
}

impl Header {
    /// Reads the header at `at`.
    ///
    /// # Errors
    /// `Invalid` where none is there, `Truncated`, `Limit`.
    pub(crate) fn read(source: &dyn Source, at: u64) -> Result<Self> {
        let start = read_vec(source, at, 16).map_err(|error| error.at("rpm header", at))?;
        let fields = Fields::new("rpm header", &start, at);
        if fields.bytes(0, 4, "magic")? != b"\x8e\xad\xe8\x01" {
            return Err(fields.wrong(0, "magic", Error::invalid("magic")));
        }
        let (entries, store) = (fields.u32_be(8, "index entries")?, fields.u32_be(12, "store bytes")?);
        if entries > MOST_ENTRIES || store > MOST_STORE {
            return Err(fields.wrong(8, "size", Error::invalid("larger than rpm allows")));
        }
        let len = 16 + u64::from(entries) * 16 + u64::from(store);
        let bytes = read_vec(source, at, len).map_err(|error| error.at("rpm header", at))?;
        let store = bytes.len().saturating_sub(usize::try_from(store).unwrap_or(usize::MAX));
        Ok(Self { bytes, store, entries, range: at..at.saturating_add(len) })
    }

    /// All its bytes, as digests are taken of them.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn find(&self, tag: u32) -> Option<Found> {
        let fields = Fields::new("rpm header", &self.bytes, self.range.start);
        let entries = (0..usize::try_from(self.entries).ok()?).map(|number| 16 + number * 16);
        for at in entries {
            if fields.u32_be(at, "tag").ok()? == tag {
                return Some(Found {
                    kind: fields.u32_be(at + 4, "type").ok()?,
                    at: usize::try_from(fields.u32_be(at + 8, "offset").ok()?).ok()?,
                    count: usize::try_from(fields.u32_be(at + 12, "count").ok()?).ok()?,
                });
            }
        }
        None
    }

    /// What stands in the store from `at` on.
    fn stored(&self, at: usize) -> &[u8] {
        self.store.checked_add(at).and_then(|at| self.bytes.get(at..)).unwrap_or_default()
    }

    /// True where the tag is there.
    pub(crate) fn has(&self, tag: u32) -> bool {
        self.find(tag).is_some()
    }

    /// The strings of a tag; fewer where the store ends.
    pub(crate) fn strings(&self, tag: u32) -> Vec<&[u8]> {
        match self.find(tag) {
            Some(Found { kind: 6, at, .. }) => self.stored(at).split(|byte| *byte == 0).take(1).collect(),
            Some(Found { kind: 8 | 9, at, count }) => {
                self.stored(at).split(|byte| *byte == 0).take(count).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The first string of a tag, as text; `None` where it is empty.
    pub(crate) fn text(&self, tag: u32) -> Option<String> {
        let strings = self.strings(tag);
        let text = String::from_utf8_lossy(strings.first()?).trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    /// The numbers of a tag; fewer where the store ends.
    pub(crate) fn numbers(&self, tag: u32) -> Vec<u64> {
        let Some(Found { kind, at, count }) = self.find(tag) else { return Vec::new() };
        let width = match kind {
            1 | 2 => 1,
            3 => 2,
            4 => 4,
            5 => 8,
            _ => return Vec::new(),
        };
        let numbers = self.stored(at).chunks_exact(width).take(count);
        numbers.map(|bytes| bytes.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte))).collect()
    }

    /// The bytes of a binary tag.
    pub(crate) fn binary(&self, tag: u32) -> Option<&[u8]> {
        match self.find(tag)? {
            Found { kind: 7, at, count } => self.stored(at).get(..count),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(entries: &[[u32; 4]], store: &[u8]) -> Vec<u8> {
        let mut out = b"\x8e\xad\xe8\x01\0\0\0\0".to_vec();
        out.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
        out.extend(u32::try_from(store.len()).unwrap().to_be_bytes());
        entries.iter().flatten().for_each(|field| out.extend(field.to_be_bytes()));
        out.extend(store);
        out
    }

    #[test]
    fn values_end_where_the_store_does() {
        let bytes = header(
            &[
                [1000, 6, 0, 1],
                [1117, 8, 2, 1_000_000],
                [1028, 4, 6, 9],
                [5, 7, u32::MAX, 4],
                [6, 7, 1, u32::MAX],
            ],
            b"a\0b\0c\0\0\0\x01\0",
        );
        let header = Header::read(&bytes, 0).unwrap();
        assert_eq!(header.text(1000).as_deref(), Some("a"));
        assert_eq!(header.strings(1117)[..2], [b"b", b"c"]);
        assert_eq!(header.numbers(1028), [256]);
        assert_eq!((header.binary(5), header.binary(6)), (None, None));
        assert!(!header.has(7));
    }

    #[test]
    fn a_header_that_claims_gigabytes_is_refused() {
        let mut bytes = header(&[], b"");
        bytes[12] = 0xff;
        assert!(Header::read(&bytes, 0).is_err());
        bytes[12] = 0x01;
        assert!(Header::read(&bytes, 0).is_err());
        assert!(Header::read(&vec![0; 16], 0).is_err());
    }
}
