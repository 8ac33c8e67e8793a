//! Directories: a run of file identifier descriptors (ECMA-167 4/14.4).
//!
//! | offset | field |
//! |---|---|
//! | 0 | tag 257 |
//! | 18 | characteristics: 1 hidden, 2 directory, 4 deleted, 8 parent |
//! | 19 | length of the name |
//! | 20 | ICB of the file |
//! | 36 | length of implementation use |
//! | 38 | implementation use, then the name; filled up to a multiple of 4 |

use super::allocation::{LongAddress, long_address};
use super::names::{Text, compressed};
use super::tag::{self, Crc};
use crate::container::Role;
use crate::error::{Error, Result};
use crate::fields::Fields;
use std::collections::HashSet;

const NAME: &str = "file identifier descriptor";
/// Bytes before implementation use and name.
const HEADER: usize = 38;

/// What a directory says of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identifier {
    /// Its name.
    pub(super) name: Text,
    /// `Hidden` where it is marked so.
    pub(super) role: Role,
    /// What the directory says it is.
    pub(super) listed: Listed,
    /// Where its file entry is.
    pub(super) icb: LongAddress,
}

/// What a directory says a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    /// A directory.
    Directory,
    /// Anything else.
    File,
}

/// The files of a directory, and what was not readable in it.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// In the order of the directory, without parents and deleted files.
    pub(super) files: Vec<Identifier>,
    /// Descriptors that are there and whose CRC is wrong: their names cannot be trusted.
    pub(super) wrong: u64,
    /// Bytes in which no descriptor could be found.
    pub(super) lost: u64,
    /// Why the data of the directory ends early.
    pub(super) fault: Option<Error>,
}

impl Listing {
    /// How bad it is; 0 where it is whole.
    pub(super) fn faults(&self) -> u64 {
        self.wrong.saturating_add(self.lost).saturating_add(self.fault.is_some().into())
    }

    /// Adds the files of another copy of the same directory that are missing in this one.
    pub(super) fn add(&mut self, other: Self) {
        let key = |file: &Identifier| (file.name.text.clone(), file.icb.at);
        let there: HashSet<_> = self.files.iter().map(key).collect();
        self.files.extend(other.files.into_iter().filter(|file| !there.contains(&key(file))));
    }

    /// Reads the data of a directory. Past a damaged descriptor the next one is searched.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut listing = Self::default();
        // What looks like descriptors may overlap: checking them must come to an end.
        let mut effort = bytes.len().saturating_mul(16);
        let mut at = 0usize;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if let Some(length) = listing.one(rest) {
                at = at.saturating_add(length);
                continue;
            }
            // Some writers fill the last block up with zeros and count them.
            if rest.iter().all(|&byte| byte == 0) {
                break;
            }
            let skipped = next_descriptor(rest, &mut effort);
            listing.lost = listing.lost.saturating_add(skipped as u64);
            at = at.saturating_add(skipped);
        }
        listing
    }

    /// Adds the descriptor that begins here and says how long it is. `None` where there is none.
    fn one(&mut self, rest: &[u8]) -> Option<usize> {
        let (length, crc) = descriptor(rest)?;
        if crc == Crc::Wrong {
            self.wrong = self.wrong.saturating_add(1);
        }
        if let Some(file) = parse(rest.get(..length)?).ok()? {
            self.files.push(file);
        }
        Some(length)
    }
}

/// The whole length of the descriptor that begins here, and what its CRC says.
fn descriptor(rest: &[u8]) -> Option<(usize, Crc)> {
    let tag = tag::expect(rest, 0, tag::FILE_IDENTIFIER, NAME).ok()?;
    let fields = Fields::new(NAME, rest, 0);
    let name = usize::from(fields.u8(19, "LengthOfFileIdentifier").ok()?);
    let implementation = usize::from(fields.u16_le(36, "LengthOfImplementationUse").ok()?);
    let length = HEADER + name + implementation;
    // The padding of the last one may be missing.
    let padded = length.next_multiple_of(4).min(rest.len());
    // A CRC over more than the descriptor is not checked.
    rest.get(..padded).filter(|_| length <= rest.len()).map(|one| (padded, tag.check(one)))
}

/// How far the next descriptor is that is surely one; all of `rest` where there is none.
fn next_descriptor(rest: &[u8], effort: &mut usize) -> usize {
    for at in (4..rest.len()).step_by(4) {
        let tail = rest.get(at..).unwrap_or_default();
        if !tail.starts_with(&tag::FILE_IDENTIFIER.to_le_bytes()) {
            continue;
        }
        match descriptor(tail) {
            Some((_, Crc::Right)) => return at,
            Some((length, _)) if length < *effort => *effort -= length,
            Some(_) => break,
            None => {}
        }
    }
    rest.len()
}

/// The file a descriptor names. `None` for the parent and for what was deleted.
fn parse(bytes: &[u8]) -> Result<Option<Identifier>> {
    let fields = Fields::new(NAME, bytes, 0);
    let characteristics = fields.u8(18, "FileCharacteristics")?;
    if characteristics & (4 | 8) != 0 {
        return Ok(None);
    }
    let name = usize::from(fields.u8(19, "LengthOfFileIdentifier")?);
    let implementation = usize::from(fields.u16_le(36, "LengthOfImplementationUse")?);
    let name = fields.bytes(HEADER.saturating_add(implementation), name, "FileIdentifier")?;
    Ok(Some(Identifier {
        name: compressed(name),
        role: if characteristics & 1 == 0 { Role::Plain } else { Role::Hidden },
        listed: if characteristics & 2 == 0 { Listed::File } else { Listed::Directory },
        icb: long_address(&fields, 20, "ICB")?,
    }))
}

/// A file identifier descriptor for tests.
#[cfg(test)]
pub(super) fn identifier_of(name: &[u8], characteristics: u8, icb: u32, implementation: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[16] = 1;
    bytes[18] = characteristics;
    bytes[19] = u8::try_from(name.len()).unwrap();
    bytes[20..24].copy_from_slice(&512u32.to_le_bytes());
    bytes[24..28].copy_from_slice(&icb.to_le_bytes());
    bytes[36] = u8::try_from(implementation.len()).unwrap();
    bytes.extend_from_slice(implementation);
    bytes.extend_from_slice(name);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    tag::tagged(tag::FILE_IDENTIFIER, 0, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(listing: &Listing) -> Vec<&str> {
        listing.files.iter().map(|file| file.name.text.as_str()).collect()
    }

    #[test]
    fn parents_and_deleted_files_are_left_out() {
        let data = [
            identifier_of(b"", 8 | 2, 1, b""),
            identifier_of(b"\x08a", 0, 2, b"\0*Maker of things\0\0\0"),
            identifier_of(b"\xfegone", 4, 3, b""),
            identifier_of(b"\x08dir", 2, 4, b""),
            identifier_of(b"\x10\x65\xe5", 1, 5, b""),
            vec![0; 100],
        ];
        let listing = Listing::read(&data.concat());
        assert_eq!(names(&listing), ["a", "dir", "日"]);
        assert_eq!(listing.faults(), 0);
        assert_eq!(listing.files[1].listed, Listed::Directory);
        assert_eq!(listing.files[2].role, Role::Hidden);
        assert_eq!(listing.files[0].icb.at.block, 2);
    }

    #[test]
    fn past_a_damaged_descriptor_the_next_one_is_found() {
        let mut broken = identifier_of(b"\x08b", 0, 3, b"");
        broken[4] ^= 1;
        let data =
            [identifier_of(b"\x08a", 0, 2, b""), broken.clone(), identifier_of(b"\x08c", 0, 4, b"")].concat();
        let listing = Listing::read(&data);
        assert_eq!(names(&listing), ["a", "c"]);
        assert_eq!((listing.wrong, listing.lost), (0, broken.len() as u64));
    }

    #[test]
    fn a_wrong_crc_keeps_the_file_and_is_counted() {
        let mut data = identifier_of(b"\x08b", 0, 3, b"");
        data[39] = b'x';
        let listing = Listing::read(&data);
        assert_eq!(names(&listing), ["x"]);
        assert_eq!(listing.wrong, 1);
    }

    #[test]
    fn a_descriptor_that_is_cut_is_lost() {
        let data = identifier_of(b"\x08name", 0, 3, b"");
        let listing = Listing::read(&data[..40]);
        assert!(listing.files.is_empty());
        assert_eq!(listing.lost, 40);
        // Only the padding of the last one is missing: nothing is lost.
        let data = identifier_of(b"\x08names", 0, 3, b"");
        assert_eq!(Listing::read(&data).faults(), 0);
    }
}
