//! The first header: where it is, and what it says.

use crate::error::Result;
use crate::fields::Fields;
use crate::formats::overlay;
use crate::source::{Source, read_up_to};

/// Bytes of the structure.
pub(super) const SIZE: u64 = 28;
/// Steps in which it is looked for.
const STEP: usize = 512;
/// How far behind the sections it is looked for. Some programs have more than their headers tell.
const SEARCHED: usize = 4 << 20;

/// What the first header says.
#[derive(Debug, Clone)]
pub(super) struct FirstHeader {
    /// Where it stands in the source.
    pub(super) at: u64,
    /// Its bytes.
    pub(super) raw: Vec<u8>,
    flags: u32,
    /// Bytes of the header that follows, unpacked.
    pub(super) header: u32,
    /// Bytes from this structure's first to the last of the installer.
    following: u32,
    old: bool,
}

impl FirstHeader {
    fn parse(at: u64, bytes: &[u8]) -> Option<Self> {
        let fields = Fields::new("first header", bytes, at);
        let flags = fields.u32_le(0, "flags").ok()?;
        let signature = fields.u32_le(4, "siginfo").ok()?;
        let name = fields.bytes(8, 12, "nsinst").ok()?;
        if !matches!(signature, 0xDEAD_BEEF | 0xDEAD_BEED) || flags & !0xf != 0 {
            return None;
        }
        let old = name == b"nsisinstall\0";
        if name != b"NullsoftInst" && !old {
            return None;
        }
        let header = fields.u32_le(20, "length_of_header").ok()?;
        let following = fields.u32_le(24, "length_of_all_following_data").ok()?;
        let raw = fields.bytes(0, 28, "first header").ok()?.to_vec();
        let whole = header > 0 && header < 1 << 26 && u64::from(following) > SIZE;
        whole.then_some(Self { at, raw, flags, header, following, old })
    }

    /// NSIS before 2.0, whose header is another one.
    pub(super) fn is_old(&self) -> bool {
        self.old
    }

    /// A checksum stands at the end.
    pub(super) fn has_crc(&self) -> bool {
        self.flags & 4 == 0
    }

    /// Where the installer ends.
    pub(super) fn end(&self) -> u64 {
        self.at.saturating_add(self.following.into())
    }

    /// Where packed data ends: before the checksum.
    pub(super) fn data_end(&self) -> u64 {
        self.end().saturating_sub(if self.has_crc() { 4 } else { 0 })
    }
}

/// Looks for the first header behind a program's sections.
pub(super) fn find(source: &dyn Source) -> Result<Option<FirstHeader>> {
    let Some(end) = overlay::sections_end(source)? else { return Ok(None) };
    let start = end / STEP as u64 * STEP as u64;
    let searched = read_up_to(source, start, SEARCHED)?;
    let mut at = start;
    for piece in searched.chunks(STEP) {
        if let Some(found) = FirstHeader::parse(at, piece) {
            return Ok(Some(found));
        }
        at = at.saturating_add(STEP as u64);
    }
    // Right behind sections that end anywhere.
    let odd = read_up_to(source, end, STEP)?;
    Ok(FirstHeader::parse(end, &odd))
}
