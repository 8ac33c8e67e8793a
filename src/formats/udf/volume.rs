//! Where a volume begins: the recognition sequence, the anchors, and the volume descriptor sequences
//! they point at (ECMA-167 2/8.3, 3/8.4).
//!
//! One anchor is enough, and one of the two sequences. Of several descriptors of a kind the one with
//! the highest volume descriptor sequence number counts (3/8.4.3); older ones stay on the medium.

use super::descriptors::{Logical, PartitionDescriptor, Primary, VolumeExtent};
use super::tag::{self, Crc, Notes, Tag};
use crate::container::Severity;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{Source, read_up_to};
use std::collections::{BTreeMap, HashSet};

/// Sector sizes that are tried, the usual one first.
const SECTORS: [u64; 4] = [2048, 512, 4096, 1024];
/// Descriptors read from one sequence, with its continuations.
const MOST_DESCRIPTORS: u32 = 4096;
/// How far back from the end an anchor is searched for where none is in its place.
const SEARCH: usize = 1 << 20;

/// The identifier in the recognition sequence: `NSR02` or `NSR03`.
pub(super) fn recognition(head: &[u8]) -> Option<&'static str> {
    // It begins at 32768; its structures are 2048 bytes apart, or 4096 on media with such sectors.
    let structures = head.get(32768..).unwrap_or_default().chunks(2048);
    structures.into_iter().find_map(|structure| match structure.get(1..6) {
        Some(b"NSR02") => Some("NSR02"),
        Some(b"NSR03") => Some("NSR03"),
        _ => None,
    })
}

/// An anchor volume descriptor pointer (ECMA-167 3/10.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Anchor {
    /// Bytes of a sector.
    pub(super) sector: u64,
    /// Where it is, in bytes.
    pub(super) at: u64,
    /// The sector it is in.
    pub(super) place: u32,
    tag: Tag,
    main: VolumeExtent,
    reserve: VolumeExtent,
}

impl Anchor {
    /// Reads the anchor in that sector. `None` where there is none.
    fn read(source: &dyn Source, sector: u64, number: u64) -> Result<Option<Self>> {
        let Some(at) = number.checked_mul(sector) else { return Ok(None) };
        let bytes = read_up_to(source, at, 512)?;
        Ok(Self::parse(&bytes, sector, at))
    }

    fn parse(bytes: &[u8], sector: u64, at: u64) -> Option<Self> {
        let tag = tag::expect(bytes, at, tag::ANCHOR, "anchor volume descriptor pointer").ok()?;
        if tag.check(bytes) == Crc::Wrong {
            return None;
        }
        let fields = Fields::new("anchor volume descriptor pointer", bytes, at);
        let main = VolumeExtent::read(&fields, 16, "MainVolumeDescriptorSequenceExtent").ok()?;
        let reserve = VolumeExtent::read(&fields, 24, "ReserveVolumeDescriptorSequenceExtent").ok()?;
        let place = u32::try_from(at / sector).ok()?;
        Some(Self { sector, at, place, tag, main, reserve })
    }

    /// Where it ends in the source, if it leads to the same volume as another one.
    pub(super) fn end_beside(&self, other: &Self) -> u64 {
        let same = self.in_place() && (self.sector, self.main) == (other.sector, other.main);
        if same { self.at.saturating_add(self.sector) } else { 0 }
    }

    /// True where the anchor says itself that it is in this sector.
    pub(super) fn in_place(&self) -> bool {
        self.tag.location == self.place
    }
}

/// The anchors in their places: sector 256, 256 before the last, the last (ECMA-167 3/8.4.2.1), and
/// 512, where some writers put one. Those that say where they are come first.
pub(super) fn anchors(source: &dyn Source) -> Result<Vec<Anchor>> {
    let mut found = Vec::new();
    for sector in SECTORS {
        let count = source.len() / sector;
        let last = count.saturating_sub(1);
        // The last sector may be cut, and an anchor uses only its first 512 bytes.
        let places = [256, last, last.saturating_sub(256), count, count.saturating_sub(256), 512];
        let mut seen = HashSet::new();
        for place in places {
            if place != 0 && seen.insert(place) {
                found.extend(Anchor::read(source, sector, place)?);
            }
        }
    }
    found.sort_by_key(|anchor| !anchor.in_place());
    Ok(found)
}

/// Anchors near the end of a source that was padded: neither the last sector nor the one 256 before
/// it is where the source says.
pub(super) fn anchors_before_padding(source: &dyn Source) -> Result<Vec<Anchor>> {
    let begin = source.len().saturating_sub(SEARCH as u64) / 4096 * 4096;
    let bytes = read_up_to(source, begin, SEARCH + 4096)?;
    let mut found = Vec::new();
    for (number, chunk) in bytes.chunks(512).enumerate() {
        let at = begin + 512 * number as u64;
        let anchor = SECTORS.into_iter().filter(|&sector| at.is_multiple_of(sector));
        found.extend(anchor.filter_map(|sector| Anchor::parse(chunk, sector, at)).find(Anchor::in_place));
    }
    found.reverse();
    Ok(found)
}

/// A descriptor and its volume descriptor sequence number.
#[derive(Debug, Clone)]
struct Numbered<T> {
    number: u32,
    value: T,
}

fn prevail<T>(slot: &mut Option<Numbered<T>>, number: u32, value: T) {
    if slot.as_ref().is_none_or(|there| number > there.number) {
        *slot = Some(Numbered { number, value });
    }
}

/// What the prevailing descriptors of a volume say.
#[derive(Debug)]
pub(super) struct Volume {
    /// Bytes of a sector.
    pub(super) sector: u64,
    pub(super) primary: Primary,
    pub(super) logical: Logical,
    /// By partition number.
    pub(super) partitions: BTreeMap<u16, PartitionDescriptor>,
    /// Where the last structure that was met ends, in bytes.
    pub(super) end: u64,
}

/// Descriptors as a sequence gives them.
#[derive(Debug, Default)]
struct Sequence {
    primary: Option<Numbered<Primary>>,
    logical: Option<Numbered<Logical>>,
    partitions: BTreeMap<u16, Numbered<PartitionDescriptor>>,
    /// What was wrong first.
    fault: Option<Error>,
    end: u64,
}

impl Volume {
    /// Reads the sequences of an anchor: the reserve one too where the main one is not whole.
    pub(super) fn read(source: &dyn Source, anchor: &Anchor, notes: &mut Notes) -> Result<Self> {
        let mut sequence = Sequence::default();
        sequence.read(source, anchor.sector, anchor.main, notes)?;
        let fault = sequence.fault.take();
        if let Some(fault) = fault.or_else(|| sequence.lacks()) {
            sequence.read(source, anchor.sector, anchor.reserve, notes)?;
            let what = format!("the main volume descriptor sequence is damaged ({fault})");
            if sequence.lacks().is_none() {
                notes.push(Severity::Weak, "", format!("{what}; the reserve sequence completes it"));
            } else {
                notes.push(Severity::Damaged, "", format!("{what}, and the reserve sequence is too"));
            }
        }
        let Some(logical) = sequence.logical.take() else {
            let fault = sequence.fault.take().or_else(|| sequence.lacks_logical(anchor));
            return Err(fault.unwrap_or_else(|| Error::damaged("no logical volume descriptor")));
        };
        let partitions = sequence.partitions.into_iter().map(|(number, one)| (number, one.value));
        Ok(Self {
            sector: anchor.sector,
            primary: sequence.primary.map(|one| one.value).unwrap_or_default(),
            logical: logical.value,
            partitions: partitions.collect(),
            end: sequence.end.max(anchor.at.saturating_add(anchor.sector)),
        })
    }
}

impl Sequence {
    /// What a volume needs and this sequence does not have.
    fn lacks(&self) -> Option<Error> {
        let Some(logical) = &self.logical else {
            return Some(Error::damaged("it has no logical volume descriptor"));
        };
        let mut numbers = logical.value.maps.iter().map(|map| map.number);
        if numbers.all(|number| self.partitions.contains_key(&number)) {
            return None;
        }
        Some(Error::damaged("it has no descriptor of a partition that the logical volume uses"))
    }

    fn lacks_logical(&self, anchor: &Anchor) -> Option<Error> {
        let at = u64::from(anchor.main.sector).saturating_mul(anchor.sector);
        self.lacks().map(|error| error.at("volume descriptor sequence", at))
    }

    /// Adds the descriptors of an extent and of those it continues in.
    fn read(
        &mut self,
        source: &dyn Source,
        sector: u64,
        extent: VolumeExtent,
        notes: &mut Notes,
    ) -> Result<()> {
        self.fault = None;
        let mut seen = HashSet::new();
        let mut left = MOST_DESCRIPTORS;
        let mut next = Some(extent);
        while let Some(extent) = next.take() {
            if !seen.insert(extent) {
                self.fail(Error::damaged("a volume descriptor sequence that goes in a circle"));
                break;
            }
            let count = u64::from(extent.len).div_ceil(sector).min(left.into());
            for number in 0..count {
                left = left.saturating_sub(1);
                let Ok(place) = u32::try_from(u64::from(extent.sector) + number) else { break };
                let at = u64::from(place).saturating_mul(sector);
                if at >= source.len() {
                    self.fail(Error::truncated(at.saturating_add(sector), source.len()));
                    break;
                }
                let bytes = read_up_to(source, at, usize::try_from(sector).unwrap_or(0))?;
                // ECMA-167 3/8.4.2: a sector that was never recorded ends the sequence too.
                if bytes.iter().take(tag::SIZE).all(|&byte| byte == 0) {
                    break;
                }
                self.end = self.end.max(at.saturating_add(sector));
                match self.descriptor(&bytes, at, place, notes) {
                    Ok(Step::Next) => {}
                    Ok(Step::End) => break,
                    Ok(Step::Continue(extent)) => {
                        next = Some(extent).filter(|extent| extent.len > 0);
                        break;
                    }
                    Err(error) => self.fail(error),
                }
            }
        }
        Ok(())
    }

    fn fail(&mut self, error: Error) {
        self.fault.get_or_insert(error);
    }

    fn descriptor(&mut self, bytes: &[u8], at: u64, place: u32, notes: &mut Notes) -> Result<Step> {
        const NAME: &str = "volume descriptor";
        let tag = Tag::parse(NAME, bytes, at)?;
        let crc = tag.check(bytes);
        if crc == Crc::Wrong {
            return Err(Error::damaged("its CRC is wrong").at(NAME, at));
        }
        notes.tag(&tag, crc, place, NAME, "");
        let fields = Fields::new(NAME, bytes, at);
        let number = |at| fields.u32_le(at, "VolumeDescriptorSequenceNumber");
        match tag.id {
            tag::PRIMARY_VOLUME => prevail(&mut self.primary, number(16)?, Primary::parse(&fields)?),
            tag::LOGICAL_VOLUME => prevail(&mut self.logical, number(16)?, Logical::parse(&fields)?),
            tag::PARTITION => {
                let (partition, value) = PartitionDescriptor::parse(&fields)?;
                let number = number(16)?;
                let there = self.partitions.get(&partition);
                if there.is_none_or(|there| number > there.number) {
                    self.partitions.insert(partition, Numbered { number, value });
                }
            }
            tag::VOLUME_POINTER => {
                return Ok(Step::Continue(VolumeExtent::read(
                    &fields,
                    20,
                    "NextVolumeDescriptorSequenceExtent",
                )?));
            }
            tag::TERMINATING => return Ok(Step::End),
            // Unallocated space and implementation use: nothing of them is needed to read.
            _ => {}
        }
        Ok(Step::Next)
    }
}

enum Step {
    Next,
    End,
    Continue(VolumeExtent),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::udf::tag::tagged;

    fn anchor(place: u32) -> Vec<u8> {
        let mut bytes = vec![0; 512];
        bytes[16..32].copy_from_slice(&[0, 128, 0, 0, 32, 0, 0, 0, 0, 128, 0, 0, 48, 0, 0, 0]);
        tagged(tag::ANCHOR, place, bytes)
    }

    fn with_anchor(sectors: usize, sector: usize, place: u32, says: u32) -> Vec<u8> {
        let mut source = vec![0; sectors * sector];
        let at = place as usize * sector;
        source[at..at + 512].copy_from_slice(&anchor(says));
        source
    }

    #[test]
    fn one_anchor_is_enough_wherever_it_is() {
        for (place, sector) in [(256, 2048), (599, 2048), (343, 512), (512, 1024), (256, 4096)] {
            let found = anchors(&with_anchor(600, sector, place, place)).unwrap();
            let first = found.first().unwrap();
            assert!(first.in_place());
            assert_eq!((first.place, first.sector), (place, sector as u64));
        }
        assert!(anchors(&vec![0; 600 * 2048]).unwrap().is_empty());
    }

    #[test]
    fn an_anchor_is_found_before_padding() {
        let source = with_anchor(900, 2048, 700, 700);
        assert!(anchors(&source).unwrap().is_empty());
        assert_eq!(anchors_before_padding(&source).unwrap()[0].place, 700);
    }

    #[test]
    fn an_anchor_that_says_another_place_is_the_second_choice() {
        let mut source = with_anchor(600, 2048, 256, 9);
        source[599 * 2048..599 * 2048 + 512].copy_from_slice(&anchor(599));
        let found = anchors(&source).unwrap();
        assert_eq!(found.iter().map(|anchor| anchor.place).take(2).collect::<Vec<_>>(), [599, 256]);
    }

    #[test]
    fn the_recognition_sequence_has_steps_of_either_size() {
        let mut head = vec![0; 65536];
        head[32768 + 4096 + 1..][..5].copy_from_slice(b"NSR03");
        assert_eq!(recognition(&head), Some("NSR03"));
        assert_eq!(recognition(&head[..32768]), None);
    }

    #[test]
    fn a_sequence_that_points_at_itself_ends() {
        let mut pointer = vec![0; 512];
        pointer[20..28].copy_from_slice(&[0, 2, 0, 0, 0, 0, 0, 0]);
        let source = tagged(tag::VOLUME_POINTER, 0, pointer);
        let mut sequence = Sequence::default();
        let extent = VolumeExtent { len: 512, sector: 0 };
        sequence.read(&source, 512, extent, &mut Notes::default()).unwrap();
        assert!(sequence.fault.unwrap().to_string().contains("circle"));
    }
}
