//! A window on one structure's bytes that knows the structure's name and place, so that every value
//! read out of it can fail with both.

use crate::error::{Error, Result};

/// The bytes of one structure. Positions are bytes from its start, as the specifications give them.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    base: u64,
    structure: &'static str,
}

impl<'a> Fields<'a> {
    /// `structure` is the specification's name; `base` is where its bytes begin in the source.
    #[must_use]
    pub fn new(structure: &'static str, bytes: &'a [u8], base: u64) -> Self {
        Self { bytes, base, structure }
    }

    /// How many bytes the window has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True where the window has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Where the structure begins in the source, in bytes.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    /// All bytes of the window.
    #[must_use]
    pub fn all(&self) -> &'a [u8] {
        self.bytes
    }

    /// The error for a field of this structure, with its place.
    #[must_use]
    pub fn wrong(&self, at: usize, field: &'static str, error: Error) -> Error {
        error.at(self.structure, self.base.saturating_add(at as u64)).field(field)
    }

    /// `len` bytes at `at`.
    ///
    /// # Errors
    /// `Truncated` where the window ends before.
    pub fn bytes(&self, at: usize, len: usize, field: &'static str) -> Result<&'a [u8]> {
        at.checked_add(len).and_then(|end| self.bytes.get(at..end)).ok_or_else(|| {
            let need = (at as u64).saturating_add(len as u64);
            let have = self.bytes.len() as u64;
            let error = Error::truncated(self.base.saturating_add(need), self.base.saturating_add(have));
            self.wrong(at, field, error)
        })
    }

    /// The rest from `at` on; empty where the window ends before.
    #[must_use]
    pub fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    fn array<const N: usize>(&self, at: usize, field: &'static str) -> Result<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.bytes(at, N, field)?);
        Ok(out)
    }

    /// One byte.
    ///
    /// # Errors
    /// As [`Fields::bytes`].
    pub fn u8(&self, at: usize, field: &'static str) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array(at, field)?))
    }

    /// Two bytes, little-endian.
    ///
    /// # Errors
    /// As [`Fields::bytes`].
    pub fn u16_le(&self, at: usize, field: &'static str) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array(at, field)?))
    }

    /// Two bytes, big-endian.
    ///
    /// # Errors
    /// As [`Fields::bytes`].
    pub fn u16_be(&self, at: usize, field: &'static str) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array(at, field)?))
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// As [`Fields::bytes`].
    pub fn u32_le(&self, at: usize, field: &'static str) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array(at, field)?))
    }

    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// As [`Fields::bytes`].
    pub fn u32_be(&self, at: usize, field: &'static str) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array(at, field)?))
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// As [`Fields::bytes`].
    pub fn u64_le(&self, at: usize, field: &'static str) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array(at, field)?))
    }

    /// A window on part of this one.
    ///
    /// # Errors
    /// As [`Fields::bytes`].
    pub fn part(&self, structure: &'static str, at: usize, len: usize) -> Result<Fields<'a>> {
        let bytes = self.bytes(at, len, structure)?;
        Ok(Fields { bytes, base: self.base.saturating_add(at as u64), structure })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_value_past_the_end_names_its_field_and_place() {
        let fields = Fields::new("volume descriptor", &[1, 2, 3], 0x8000);
        let error = fields.u32_le(2, "volume space size").unwrap_err();
        assert!(matches!(error.kind(), Kind::Truncated { need: 0x8006, have: 0x8003 }));
        assert_eq!(
            error.to_string(),
            "volume descriptor, volume space size at 0x8002: ends early: 32774 bytes are needed, 32771 are there"
        );
    }

    #[test]
    fn both_byte_orders_are_read() {
        let fields = Fields::new("x", &[1, 2, 3, 4], 0);
        assert_eq!(fields.u16_le(0, "a").unwrap(), 0x0201);
        assert_eq!(fields.u16_be(0, "a").unwrap(), 0x0102);
        assert_eq!(fields.u32_le(0, "a").unwrap(), 0x0403_0201);
        assert_eq!(fields.u32_be(0, "a").unwrap(), 0x0102_0304);
    }

    #[test]
    fn a_position_that_overflows_is_past_the_end() {
        assert!(Fields::new("x", &[], 0).bytes(usize::MAX, 2, "f").is_err());
    }
}
