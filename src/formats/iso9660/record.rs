//! One directory record (ECMA-119 §9.1), and the names that records have.

use super::descriptor::{both_u16, both_u32, short_time};
use crate::container::{EntryPath, Name};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::source::Piece;
use crate::text::{utf16_be, wtf8_be};
use crate::time::Timestamp;

/// File flags (ECMA-119 §9.1.6).
pub(super) mod flag {
    pub(in super::super) const HIDDEN: u8 = 0x01;
    pub(in super::super) const DIRECTORY: u8 = 0x02;
    pub(in super::super) const ASSOCIATED: u8 = 0x04;
    pub(in super::super) const MULTI_EXTENT: u8 = 0x80;
}

/// A directory record as stored, without its system use area.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// Blocks of the extended attribute record before the content.
    attribute_blocks: u8,
    /// First block.
    pub(super) block: u32,
    /// Bytes of content.
    pub(super) bytes: u32,
    pub(super) modified: Option<Timestamp>,
    pub(super) flags: u8,
    /// Blocks of one file unit and of the gap after it; 0: not interleaved.
    unit: u8,
    gap: u8,
    pub(super) name: Vec<u8>,
    /// Where the system use area begins in the record.
    pub(super) system_use: usize,
    /// False where a field's byte orders differ.
    pub(super) orders_agree: bool,
}

impl Record {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self> {
        let (block, same_block) = both_u32(fields, 2, "location of extent")?;
        let (bytes, same_bytes) = both_u32(fields, 10, "data length")?;
        let (_, same_sequence) = both_u16(fields, 28, "volume sequence number")?;
        let name_len = usize::from(fields.u8(32, "length of file identifier")?);
        let name = fields.bytes(33, name_len, "file identifier")?.to_vec();
        Ok(Self {
            attribute_blocks: fields.u8(1, "extended attribute record length")?,
            block,
            bytes,
            modified: short_time(fields.bytes(18, 7, "recording date and time")?),
            flags: fields.u8(25, "file flags")?,
            unit: fields.u8(26, "file unit size")?,
            gap: fields.u8(27, "interleave gap size")?,
            // A padding byte keeps the system use area at an even position.
            system_use: 33 + name_len + usize::from(name_len % 2 == 0),
            name,
            orders_agree: same_block && same_bytes && same_sequence,
        })
    }

    pub(super) fn is_dir(&self) -> bool {
        self.flags & flag::DIRECTORY != 0
    }

    pub(super) fn is_dot(&self) -> bool {
        matches!(self.name.as_slice(), [0 | 1])
    }

    /// The content's first byte.
    pub(super) fn begin(&self, block: u64) -> u64 {
        (u64::from(self.block) + u64::from(self.attribute_blocks)) * block
    }

    /// The content's extent; several pieces where the file is interleaved (ECMA-119 §6.4.3).
    pub(super) fn pieces(&self, block: u64, out: &mut Vec<Piece>, limits: &Limits) -> Result<()> {
        let (mut at, mut left) = (self.begin(block), u64::from(self.bytes));
        let unit = u64::from(self.unit) * block;
        if unit == 0 || self.gap == 0 || left <= unit {
            if left > 0 {
                out.push(Piece { at: Some(at), len: left });
            }
            return Ok(());
        }
        while left > 0 {
            if out.len() as u64 >= limits.extents_per_file {
                return Err(Error::limit("extents of one file", limits.extents_per_file));
            }
            let len = left.min(unit);
            out.push(Piece { at: Some(at), len });
            at += unit + u64::from(self.gap) * block;
            left -= len;
        }
        Ok(())
    }
}

/// `NAME.EXT;1` without what only ISO 9660 needs. The version is taken off later, when it is known
/// whether another file differs by it alone.
pub(super) fn plain_name(raw: &[u8]) -> Name {
    match split_version_bytes(raw) {
        (name, Some(version)) => {
            let name = name.strip_suffix(b".").unwrap_or(name);
            Name::from_utf8(&[name, b";", version].concat())
        }
        (name, None) => {
            Name::from_utf8(name.strip_suffix(b".").filter(|rest| !rest.is_empty()).unwrap_or(name))
        }
    }
}

pub(super) fn split_version_bytes(raw: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(at) = raw.iter().rposition(|&byte| byte == b';') else { return (raw, None) };
    match (raw.get(..at), raw.get(at + 1..)) {
        (Some(name), Some(version))
            if !name.is_empty() && !version.is_empty() && version.iter().all(u8::is_ascii_digit) =>
        {
            (name, Some(version))
        }
        _ => (raw, None),
    }
}

/// Joliet §5: UCS-2 big-endian; writers use surrogates, too. A trailing dot is part of the name.
pub(super) fn joliet_name(raw: &[u8]) -> Name {
    let (text, whole) = utf16_be(raw);
    if whole { Name::new(text) } else { Name::lossy(text, &wtf8_be(raw)) }
}

/// `name;7` as the name and its version.
pub(super) fn split_version(path: &EntryPath) -> Option<(EntryPath, u32)> {
    let (name, version) = split_version_bytes(path.bytes());
    let version = std::str::from_utf8(version?).ok()?.parse().ok()?;
    Some((EntryPath::default().join(&Name::from_utf8(name)), version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_extension_loses_its_dot_and_a_version_stays_until_it_is_weighed() {
        assert_eq!(plain_name(b"README.;1").text(), "README;1");
        assert_eq!(plain_name(b"A.TXT;12").text(), "A.TXT;12");
        assert_eq!(plain_name(b"FOO.").text(), "FOO");
        assert_eq!(plain_name(b";1").text(), ";1");
        assert_eq!(plain_name(b"A;B").text(), "A;B");
    }

    #[test]
    fn an_interleaved_file_is_cut_into_its_units() {
        let record = Record {
            attribute_blocks: 1,
            block: 10,
            bytes: 5000,
            modified: None,
            flags: 0,
            unit: 1,
            gap: 2,
            name: Vec::new(),
            system_use: 34,
            orders_agree: true,
        };
        let mut pieces = Vec::new();
        record.pieces(2048, &mut pieces, &Limits::default()).unwrap();
        let at = |block: u64, len| Piece { at: Some(block * 2048), len };
        assert_eq!(pieces, [at(11, 2048), at(14, 2048), at(17, 904)]);
    }
}
