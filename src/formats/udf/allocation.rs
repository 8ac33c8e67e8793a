//! Allocation descriptors: which blocks a file has (ECMA-167 4/12, 4/14.14).
//!
//! | form | bytes | fields |
//! |---|---|---|
//! | short | 8 | length, block |
//! | long | 16 | length, block, partition, 6 bytes of implementation use |
//! | extended | 20 | length, recorded length, information length, block, partition |
//!
//! The upper two bits of the length say what the extent is; a length of 0 ends the list.

use super::partition::Address;
use super::tag;
use crate::error::{Error, Result};
use crate::fields::Fields;
use std::collections::HashSet;

/// How the descriptors of a file are written: the lower three bits of its flags (ECMA-167 4/14.6.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `short_ad`: in the partition of the file entry.
    Short,
    /// `long_ad`.
    Long,
    /// `ext_ad`.
    Extended,
    /// No descriptors: the content itself is in their place.
    Inline,
}

impl Form {
    /// From the flags of an ICB tag.
    pub(super) fn of(flags: u16) -> Result<Self> {
        match flags & 7 {
            0 => Ok(Self::Short),
            1 => Ok(Self::Long),
            2 => Ok(Self::Extended),
            3 => Ok(Self::Inline),
            _ => Err(Error::invalid("a form of allocation descriptors that does not exist")),
        }
    }

    fn size(self) -> usize {
        match self {
            Self::Short => 8,
            Self::Long => 16,
            Self::Extended | Self::Inline => 20,
        }
    }
}

/// An extent whose bytes are part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// Where it is stored; `None` where it was not recorded and reads as zeros.
    pub(super) at: Option<Address>,
    /// Bytes of the file it has.
    pub(super) len: u64,
}

/// Where a structure is: `long_ad` (ECMA-167 4/14.14.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LongAddress {
    /// Bytes; 0 where there is nothing.
    pub(super) len: u32,
    /// Its first block.
    pub(super) at: Address,
}

/// The lower thirty bits of an extent length.
const LENGTH: u32 = (1 << 30) - 1;

/// A `long_ad` among the fields of a structure.
pub(super) fn long_address(fields: &Fields<'_>, at: usize, field: &'static str) -> Result<LongAddress> {
    let part = fields.part(field, at, 16)?;
    Ok(LongAddress {
        len: part.u32_le(0, "ExtentLength")? & LENGTH,
        at: Address {
            block: part.u32_le(4, "ExtentLocation.LogicalBlockNumber")?,
            partition: part.u16_le(8, "ExtentLocation.PartitionReferenceNumber")?,
        },
    })
}

enum Step {
    Extent(Extent),
    Continued(Address, u64),
    End,
}

/// Reads one descriptor; `partition` is that of the file entry.
fn step(bytes: &[u8], form: Form, partition: u16) -> Result<Step> {
    let fields = Fields::new("allocation descriptor", bytes, 0);
    let length = fields.u32_le(0, "ExtentLength")?;
    let len = u64::from(length & LENGTH);
    let address = |at| -> Result<Address> {
        let block = fields.u32_le(at, "ExtentLocation")?;
        let partition = match form {
            Form::Short => partition,
            _ => fields.u16_le(at + 4, "PartitionReferenceNumber")?,
        };
        Ok(Address { partition, block })
    };
    if len == 0 {
        return Ok(Step::End);
    }
    let (at, len) = match form {
        Form::Extended => {
            // ECMA-167 4/14.14.3.3: the file's bytes in it, which may be fewer than it has room for.
            let information = u64::from(fields.u32_le(8, "InformationLength")? & LENGTH);
            (address(12)?, if length >> 30 == 3 { len } else { len.min(information) })
        }
        _ => (address(4)?, len),
    };
    Ok(match length >> 30 {
        0 => Step::Extent(Extent { at: Some(at), len }),
        3 => Step::Continued(at, len),
        // ECMA-167 4/14.14.1.1: 1 is allocated and not recorded, 2 is not even allocated.
        _ => Step::Extent(Extent { at: None, len }),
    })
}

/// Reads an extent of allocation descriptors (ECMA-167 4/14.5), tag included, and says where in the
/// source it begins.
pub(super) type Fetch<'a> = dyn FnMut(Address, u64) -> Result<(Vec<u8>, u64)> + 'a;

/// The extents of a file, as far as they could be read.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// In the file's order.
    pub(super) extents: Vec<Extent>,
    /// What ended the list too early.
    pub(super) fault: Option<Error>,
}

/// Follows the descriptors from `first`, those of the file entry, until `enough` bytes are
/// described.
pub(super) fn follow(
    first: &[u8],
    form: Form,
    partition: u16,
    enough: u64,
    most: u64,
    fetch: &mut Fetch<'_>,
) -> Layout {
    let mut layout = Layout::default();
    layout.fault = layout.collect(first.to_vec(), form, partition, enough, most, fetch).err();
    layout
}

impl Layout {
    fn collect(
        &mut self,
        mut bytes: Vec<u8>,
        form: Form,
        partition: u16,
        enough: u64,
        most: u64,
        fetch: &mut Fetch<'_>,
    ) -> Result<()> {
        let mut seen = HashSet::new();
        let mut described = 0u64;
        'lists: loop {
            for descriptor in bytes.chunks_exact(form.size()) {
                match step(descriptor, form, partition)? {
                    Step::End => return Ok(()),
                    Step::Extent(extent) => {
                        if self.extents.len() as u64 >= most {
                            return Err(Error::limit("extents in one file", most));
                        }
                        described = described.saturating_add(extent.len);
                        self.extents.push(extent);
                    }
                    Step::Continued(at, len) => {
                        if described >= enough {
                            return Ok(());
                        }
                        if !seen.insert(at) {
                            return Err(Error::damaged("its allocation descriptors go in a circle"));
                        }
                        if seen.len() as u64 > most {
                            return Err(Error::limit("extents of allocation descriptors", most));
                        }
                        let (list, offset) = fetch(at, len)?;
                        bytes = continued(&list, offset)?;
                        continue 'lists;
                    }
                }
            }
            return Ok(());
        }
    }
}

/// The descriptors in an allocation extent descriptor.
fn continued(bytes: &[u8], offset: u64) -> Result<Vec<u8>> {
    const NAME: &str = "allocation extent descriptor";
    let tag = tag::expect(bytes, offset, tag::ALLOCATION_EXTENT, NAME)?;
    if tag.check(bytes) == tag::Crc::Wrong {
        return Err(Error::damaged("its CRC is wrong").at(NAME, offset));
    }
    let fields = Fields::new(NAME, bytes, offset);
    let length = u64::from(fields.u32_le(20, "LengthOfAllocationDescriptors")?);
    let rest = fields.rest(24);
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
    Ok(rest.get(..length).unwrap_or_default().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn short(kind: u32, len: u32, block: u32) -> Vec<u8> {
        [(kind << 30 | len).to_le_bytes(), block.to_le_bytes()].concat()
    }

    fn list(descriptors: &[Vec<u8>]) -> Vec<u8> {
        let descriptors = descriptors.concat();
        let mut bytes = vec![0; 24];
        bytes[20..24].copy_from_slice(&u32::try_from(descriptors.len()).unwrap().to_le_bytes());
        tag::tagged(tag::ALLOCATION_EXTENT, 0, [bytes, descriptors].concat())
    }

    fn at(block: u32) -> Option<Address> {
        Some(Address { partition: 3, block })
    }

    fn walk(first: &[u8], most: u64, lists: &[Vec<u8>]) -> Layout {
        follow(first, Form::Short, 3, u64::MAX, most, &mut |at, _| {
            let list = lists.get(at.block as usize).cloned();
            list.map(|list| (list, 0)).ok_or_else(|| Error::damaged("no list"))
        })
    }

    #[test]
    fn an_extent_is_recorded_or_reads_as_zeros_and_length_0_ends() {
        let bytes = [short(0, 10, 7), short(1, 20, 9), short(2, 30, 0), short(0, 0, 5), short(0, 1, 1)];
        let layout = walk(&bytes.concat(), 100, &[]);
        assert!(layout.fault.is_none());
        let want = [(at(7), 10), (None, 20), (None, 30)].map(|(at, len)| Extent { at, len });
        assert_eq!(layout.extents, want);
    }

    #[test]
    fn long_and_extended_descriptors_name_their_partition() {
        let mut long = vec![0; 16];
        long[..10].copy_from_slice(&[5, 0, 0, 0, 6, 0, 0, 0, 1, 0]);
        let none = &mut |_, _| Err(Error::damaged("x"));
        let layout = follow(&long, Form::Long, 3, 9, 9, none);
        assert_eq!(layout.extents, [Extent { at: Some(Address { partition: 1, block: 6 }), len: 5 }]);
        let mut extended = vec![0; 20];
        extended[..18].copy_from_slice(&[9, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0, 2, 0]);
        let layout = follow(&extended, Form::Extended, 3, 9, 9, none);
        assert_eq!(layout.extents, [Extent { at: Some(Address { partition: 2, block: 6 }), len: 4 }]);
    }

    #[test]
    fn a_chain_of_descriptors_goes_on_and_a_circle_is_named() {
        let lists = [list(&[short(0, 2, 20), short(3, 100, 1)]), list(&[short(0, 3, 30)])];
        let first = [short(0, 1, 10), short(3, 100, 0)].concat();
        let layout = walk(&first, 100, &lists);
        assert!(layout.fault.is_none());
        assert_eq!(layout.extents.iter().map(|extent| extent.len).collect::<Vec<_>>(), [1, 2, 3]);

        let lists = [list(&[short(0, 2, 20), short(3, 100, 0)])];
        let layout = walk(&first, 100, &lists);
        assert!(matches!(layout.fault.unwrap().kind(), Kind::Damaged(what) if what.contains("circle")));
        assert_eq!(layout.extents.len(), 2);
    }

    #[test]
    fn a_chain_is_bounded_and_its_tag_is_checked() {
        let first = [short(0, 1, 10), short(0, 1, 12), short(0, 1, 14)].concat();
        let layout = walk(&first, 2, &[]);
        assert!(matches!(layout.fault.unwrap().kind(), Kind::Limit { limit: 2, .. }));
        let mut broken = list(&[short(0, 2, 20)]);
        broken[26] ^= 1;
        let layout = walk(&short(3, 100, 0), 100, &[broken]);
        assert!(layout.fault.is_some() && layout.extents.is_empty());
    }

    #[test]
    fn a_form_that_does_not_exist_is_refused() {
        assert_eq!(Form::of(0x2c03).unwrap(), Form::Inline);
        assert!(Form::of(4).is_err());
    }
}
