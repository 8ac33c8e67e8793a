//! Descriptor tags: the sixteen bytes that begin every structure (ECMA-167 3/7.2, 4/7.2).
//!
//! | offset | field |
//! |---|---|
//! | 0 | TagIdentifier |
//! | 2 | DescriptorVersion: 2 for NSR02, 3 for NSR03 |
//! | 4 | TagChecksum: sum of the other fifteen bytes |
//! | 6 | TagSerialNumber |
//! | 8 | DescriptorCRC |
//! | 10 | DescriptorCRCLength, 0 where the CRC is not used |
//! | 12 | TagLocation: the block it is in |

use crate::container::{Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::fields::Fields;

/// The bytes of a tag.
pub(super) const SIZE: usize = 16;

pub(super) const PRIMARY_VOLUME: u16 = 1;
pub(super) const ANCHOR: u16 = 2;
pub(super) const VOLUME_POINTER: u16 = 3;
pub(super) const PARTITION: u16 = 5;
pub(super) const LOGICAL_VOLUME: u16 = 6;
pub(super) const TERMINATING: u16 = 8;
pub(super) const INTEGRITY: u16 = 9;
pub(super) const FILE_SET: u16 = 256;
pub(super) const FILE_IDENTIFIER: u16 = 257;
pub(super) const ALLOCATION_EXTENT: u16 = 258;
pub(super) const INDIRECT_ENTRY: u16 = 259;
pub(super) const FILE_ENTRY: u16 = 261;
pub(super) const EXTENDED_FILE_ENTRY: u16 = 266;

/// A tag whose checksum is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag {
    /// What kind of structure it begins.
    pub(super) id: u16,
    /// The edition of the standard.
    pub(super) version: u16,
    crc: u16,
    crc_length: u16,
    /// The block the structure says it is in.
    pub(super) location: u32,
}

/// What the CRC says of the bytes after the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crc {
    /// They are as they were written.
    Right,
    /// The writer gave no CRC.
    Unchecked,
    /// It covers more bytes than the structure can have.
    BeyondEnd,
    /// They changed.
    Wrong,
}

impl Tag {
    /// Reads the tag of a structure and checks its checksum. Sixteen zeros are no tag.
    pub(super) fn parse(structure: &'static str, bytes: &[u8], at: u64) -> Result<Self> {
        let fields = Fields::new(structure, bytes, at);
        let all = fields.bytes(0, SIZE, "TagIdentifier")?;
        let wrong = |what| Err(fields.wrong(0, "TagChecksum", Error::damaged(what)));
        if all.iter().all(|&byte| byte == 0) {
            return wrong("nothing is recorded here");
        }
        let checksum = fields.u8(4, "TagChecksum")?;
        let sum = all.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte)).wrapping_sub(checksum);
        if sum != checksum {
            return wrong("tag checksum is wrong");
        }
        Ok(Self {
            id: fields.u16_le(0, "TagIdentifier")?,
            version: fields.u16_le(2, "DescriptorVersion")?,
            crc: fields.u16_le(8, "DescriptorCRC")?,
            crc_length: fields.u16_le(10, "DescriptorCRCLength")?,
            location: fields.u32_le(12, "TagLocation")?,
        })
    }

    /// How many bytes of the structure are needed to check its CRC.
    pub(super) fn reach(&self) -> usize {
        SIZE.saturating_add(usize::from(self.crc_length))
    }

    /// Checks the CRC over the structure's bytes, tag included.
    pub(super) fn check(&self, bytes: &[u8]) -> Crc {
        if self.crc_length == 0 {
            return Crc::Unchecked;
        }
        match bytes.get(SIZE..self.reach()) {
            None => Crc::BeyondEnd,
            Some(body) if crc16(body) == self.crc => Crc::Right,
            Some(_) => Crc::Wrong,
        }
    }
}

/// A structure of that kind whose tag is right.
pub(super) fn expect(bytes: &[u8], at: u64, id: u16, structure: &'static str) -> Result<Tag> {
    let tag = Tag::parse(structure, bytes, at)?;
    if tag.id == id {
        return Ok(tag);
    }
    Err(Error::damaged("another structure is here").at(structure, at).field("TagIdentifier"))
}

const TABLE: [u16; 256] = table();

#[allow(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, i is below 256"
)]
const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let mut value = (i as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 0x8000 == 0 { value << 1 } else { (value << 1) ^ 0x1021 };
            bit += 1;
        }
        table[i] = value;
        i += 1;
    }
    table
}

/// CRC-ITU-T with the polynomial 0x1021 from zero (ECMA-167 3/7.2.6).
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, &byte| {
        let [high, _] = crc.to_be_bytes();
        (crc << 8) ^ TABLE.get(usize::from(high ^ byte)).copied().unwrap_or(0)
    })
}

/// Findings while they are gathered; what one writer gets wrong in every descriptor is counted and
/// said once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    findings: Findings,
    locations: Tally,
    lengths: Tally,
    versions: Tally,
    mirrored: Tally,
    slack: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    count: u64,
    first: String,
}

impl Tally {
    fn add(&mut self, subject: &str) {
        if self.count == 0 {
            subject.clone_into(&mut self.first);
        }
        self.count = self.count.saturating_add(1);
    }
}

impl Notes {
    /// Adds a finding about an entry, or about the volume where `subject` is empty.
    pub(super) fn push(&mut self, severity: Severity, subject: &str, what: impl Into<String>) {
        self.findings.push(Finding::about(severity, subject, what));
    }

    /// Adds what is odd about a tag that was accepted. `place` is the block it was read from.
    pub(super) fn tag(&mut self, tag: &Tag, crc: Crc, place: u32, structure: &str, subject: &str) {
        let name = if subject.is_empty() { structure } else { subject };
        if tag.location != place {
            self.locations.add(name);
        }
        if !matches!(tag.version, 2 | 3) {
            self.versions.add(name);
        }
        match crc {
            Crc::Right | Crc::Unchecked => {}
            Crc::BeyondEnd => self.lengths.add(name),
            Crc::Wrong => {
                self.push(Severity::Damaged, subject, format!("the CRC of its {structure} is wrong"));
            }
        }
    }

    /// Counts a structure that only the metadata mirror has whole.
    pub(super) fn mirrored(&mut self, structure: &str, subject: &str) {
        self.mirrored.add(if subject.is_empty() { structure } else { subject });
    }

    /// Counts a file entry with bytes behind its end, where writers leave zeros and no CRC reaches.
    pub(super) fn slack(&mut self, subject: &str) {
        self.slack.add(if subject.is_empty() { "the root directory" } else { subject });
    }

    /// All findings.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        let tallies = [
            (self.locations, "descriptors give another tag location than their own"),
            (self.lengths, "descriptors have a CRC length beyond their end and were not checked"),
            (self.versions, "descriptors have a tag version other than 2 and 3"),
            (self.slack, "file entries have bytes behind their end that no CRC covers"),
            (self.mirrored, "structures are damaged in the metadata file and were read from its mirror"),
        ];
        for (tally, what) in tallies {
            if tally.count > 0 {
                let what = format!("{} {what}; the first is {}", tally.count, tally.first);
                self.findings.push(Finding::new(Severity::Weak, what));
            }
        }
        self.findings.finish()
    }
}

/// A structure with a right tag for the tests of this module's readers.
#[cfg(test)]
pub(super) fn tagged(id: u16, location: u32, mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc16(&bytes[SIZE..]);
    bytes[..SIZE].fill(0);
    bytes[0..2].copy_from_slice(&id.to_le_bytes());
    bytes[2] = 2;
    bytes[8..10].copy_from_slice(&crc.to_le_bytes());
    let length = u16::try_from(bytes.len() - SIZE).unwrap();
    bytes[10..12].copy_from_slice(&length.to_le_bytes());
    bytes[12..16].copy_from_slice(&location.to_le_bytes());
    bytes[4] = bytes[..SIZE].iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_that_of_the_standards_example() {
        // ECMA-167 3/7.2.6: the CRC of 70 6A 77 is 3299.
        assert_eq!(crc16(&[0x70, 0x6a, 0x77]), 0x3299);
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn a_tag_with_a_wrong_checksum_is_none() {
        let mut bytes = tagged(FILE_ENTRY, 7, vec![5; 64]);
        let tag = expect(&bytes, 0, FILE_ENTRY, "file entry").unwrap();
        assert_eq!((tag.id, tag.location, tag.check(&bytes)), (FILE_ENTRY, 7, Crc::Right));
        assert!(expect(&bytes, 0, FILE_SET, "file set descriptor").is_err());
        bytes[12] ^= 1;
        assert!(Tag::parse("x", &bytes, 0).is_err());
        assert!(Tag::parse("x", &[0; 16], 0).is_err());
        assert!(Tag::parse("x", &[1; 3], 0).is_err());
    }

    #[test]
    fn a_crc_is_wrong_unchecked_or_longer_than_what_is_there() {
        let mut bytes = tagged(FILE_ENTRY, 7, vec![5; 64]);
        let tag = Tag::parse("x", &bytes, 0).unwrap();
        assert_eq!(tag.check(&bytes[..63]), Crc::BeyondEnd);
        bytes[20] ^= 1;
        assert_eq!(tag.check(&bytes), Crc::Wrong);
        assert_eq!(Tag { crc_length: 0, ..tag }.check(&bytes), Crc::Unchecked);
    }

    #[test]
    fn what_every_descriptor_has_wrong_is_said_once() {
        let tag = Tag::parse("x", &tagged(FILE_ENTRY, 7, vec![5; 64]), 0).unwrap();
        let mut notes = Notes::default();
        notes.tag(&tag, Crc::Right, 8, "file entry", "a");
        notes.tag(&tag, Crc::Right, 9, "file entry", "b");
        let findings = notes.finish();
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].severity, Severity::Weak);
        assert!(findings[0].what.starts_with("2 descriptors") && findings[0].what.ends_with("first is a"));
    }
}
