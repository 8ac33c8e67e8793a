//! UDF, the file system of DVDs, Blu-ray discs and of Windows install media.
//!
//! | where | what |
//! |---|---|
//! | byte 32768 on | recognition sequence: `BEA01`, `NSR02` or `NSR03`, `TEA01`; beside ISO 9660 in bridges |
//! | sector 256, N - 256 or N | anchor: points at two volume descriptor sequences |
//! | descriptor sequence | volume label, partitions, logical volume with its partition maps |
//! | partition | file set descriptor, then file entries, directories and files |
//!
//! Blocks are counted in partitions, and a partition may be physical, sparable (worn packets were
//! moved), virtual (written once, found by a table at the end) or metadata (in a file of another one,
//! with a mirror). Everything shown is in bytes of the source with all of that applied.
//!
//! References: ECMA-167 3rd edition; OSTA Universal Disk Format 1.02, 1.50, 2.00, 2.01, 2.50, 2.60.

mod allocation;
mod descriptors;
mod directory;
mod file_entry;
mod maps;
mod names;
mod partition;
mod tag;
#[cfg(test)]
mod tests;
mod tree;
mod volume;

use super::{Certainty, Evidence, Format, Options, Probe};
use crate::container::{Catalogue, Container, Entry, EntryKind, Facts, Layer, Role, Severity};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{SharedSource, Source, read_up_to};
use allocation::LongAddress;
use descriptors::{Access, Closed, FileSet, Integrity, MapKind, VolumeExtent};
use partition::{Address, Partitions, Side};
use std::collections::HashSet;
use tag::{Crc, Notes};
use tree::Walk;
use volume::{Anchor, Volume};

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "udf",
    title: "UDF",
    spec: &["ECMA-167 3rd edition", "OSTA UDF 1.02–2.60"],
    limits: &[
        "logical blocks of 512 to 4096 bytes",
        "one volume; a volume set over several discs is not put together",
        "of several sessions the one that the anchors lead to is shown",
        "extended attributes are not shown (owners, Macintosh and OS/2 attributes)",
        "of several file sets the newest is shown",
        "compressed extents are given as they are stored",
    ],
    probe,
    open,
};

/// Descriptors of file sets, and of integrity, that are followed.
const MOST_FOLLOWED: usize = 256;

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let recognised = volume::recognition(&probe.head);
    let anchors = volume::anchors(probe.source)?;
    let anchor = anchors.iter().find(|anchor| anchor.in_place() || recognised.is_some());
    let evidence = match (anchor, recognised) {
        (Some(anchor), name) => Evidence {
            certainty: Certainty::Sure,
            why: format!(
                "{}an anchor in sector {} of {} bytes",
                name.map(|name| format!("{name} and ")).unwrap_or_default(),
                anchor.place,
                anchor.sector
            ),
        },
        (None, Some(name)) => Evidence {
            certainty: Certainty::Likely,
            why: format!("{name} in the volume recognition sequence, and no anchor"),
        },
        (None, None) => return Ok(None),
    };
    Ok(Some(evidence))
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let mut anchors = volume::anchors(&*source)?;
    if anchors.is_empty() {
        anchors = volume::anchors_before_padding(&*source)?;
    }
    let mut first = None;
    for anchor in &anchors {
        match Udf::read(&source, anchor, options) {
            Ok(mut udf) => {
                let ends = anchors.iter().map(|other| other.end_beside(anchor));
                udf.catalogue.end = ends.fold(udf.catalogue.end, u64::max);
                return Ok(Box::new(udf));
            }
            Err(error) => {
                first.get_or_insert(error);
            }
        }
    }
    Err(first.unwrap_or_else(|| {
        let (at, need) = (256 * 2048, 257 * 2048);
        let error = if source.len() < need {
            Error::truncated(need, source.len())
        } else {
            Error::damaged("no anchor is in any of its places")
        };
        error.at("anchor volume descriptor pointer", at)
    }))
}

struct Udf {
    catalogue: Catalogue,
}

impl Udf {
    fn read(source: &SharedSource, anchor: &Anchor, options: &Options) -> Result<Self> {
        let mut notes = Notes::default();
        if !anchor.in_place() {
            notes.push(
                Severity::Weak,
                "",
                format!("the anchor in sector {} names another place", anchor.place),
            );
        }
        let volume = Volume::read(&**source, anchor, &mut notes)?;
        if volume.logical.block != volume.sector {
            let what = format!(
                "logical blocks of {} bytes in sectors of {} bytes",
                volume.logical.block, volume.sector
            );
            notes.push(Severity::Weak, "", what);
        }
        let (integrity, integrity_end) = integrity(&**source, &volume, &mut notes);
        let (parts, tables_end) = maps::load(source, &volume, &options.limits, &mut notes);
        let set = file_set(&parts, volume.logical.file_set, &mut notes)?;
        let entries = Walk::new(&parts, &options.limits, &mut notes).run(set.root, set.streams)?;
        let end = [volume.end, integrity_end, tables_end, partitions_end(&volume, &entries)];
        let facts = facts(&volume, integrity.as_ref());
        let is_file = |entry: &&Entry| entry.kind == EntryKind::File && entry.role != Role::Stream;
        let layer = Layer {
            path: String::new(),
            format: FORMAT.name,
            detail: detail(&volume, integrity.as_ref()),
            label: facts.label.clone(),
            entries: Some(entries.iter().filter(is_file).count() as u64),
            used: true,
        };
        let catalogue = Catalogue {
            end: end.into_iter().max().unwrap_or(0),
            facts,
            entries,
            findings: notes.finish(),
            layers: vec![layer],
            ..Catalogue::new(source.clone())
        };
        Ok(Self { catalogue })
    }
}

/// Where the partitions end. What may be written once has room that nothing was written to, so there
/// only what is recorded counts.
fn partitions_end(volume: &Volume, entries: &[Entry]) -> u64 {
    let is_virtual = |map: &descriptors::PartitionMap| map.kind == MapKind::Virtual;
    let once = volume.logical.maps.iter().any(is_virtual)
        || volume.partitions.values().any(|partition| partition.access == Access::Once);
    let ends = volume.partitions.values().filter(|partition| !once && partition.sectors != u32::MAX);
    let ends = ends.map(|partition| {
        let sectors = u64::from(partition.sector).saturating_add(partition.sectors.into());
        sectors.saturating_mul(volume.sector)
    });
    let recorded = entries.iter().filter(|_| once).map(|entry| match &entry.location {
        crate::container::Location::Stored(extents) => extents.end(),
        _ => 0,
    });
    ends.max().unwrap_or(0).max(recorded.max().unwrap_or(0))
}

/// The last integrity descriptor of the logical volume, and where it ends (ECMA-167 3/8.8.2).
fn integrity(source: &dyn Source, volume: &Volume, notes: &mut Notes) -> (Option<Integrity>, u64) {
    const NAME: &str = "logical volume integrity descriptor";
    let mut last = None;
    let mut end = 0u64;
    let mut seen = HashSet::new();
    let mut next = Some(volume.logical.integrity);
    while let Some(extent) = next.take().filter(|extent: &VolumeExtent| extent.len > 0) {
        let mut sector = u64::from(extent.sector);
        let stop = sector.saturating_add(u64::from(extent.len).div_ceil(volume.sector));
        while sector < stop && seen.len() < MOST_FOLLOWED && seen.insert(sector) {
            let at = sector.saturating_mul(volume.sector);
            sector += 1;
            let size = usize::try_from(volume.sector).unwrap_or(0);
            let Ok(bytes) = read_up_to(source, at, size) else { break };
            let Ok(tag) = tag::expect(&bytes, at, tag::INTEGRITY, NAME) else { break };
            let crc = tag.check(&bytes);
            notes.tag(&tag, crc, u32::try_from(at / volume.sector).unwrap_or(0), NAME, "");
            let Ok(found) = Integrity::parse(&Fields::new(NAME, &bytes, at)) else { break };
            end = end.max(at.saturating_add(volume.sector));
            if found.next.len > 0 {
                next = Some(found.next);
            }
            last = Some(found);
        }
    }
    if matches!(&last, Some(found) if found.closed == Closed::No) {
        notes.push(Severity::Note, "", "the volume was not closed after its last change");
    }
    (last, end)
}

/// The newest file set descriptor (ECMA-167 4/8.3.1).
fn file_set(parts: &Partitions, first: LongAddress, notes: &mut Notes) -> Result<FileSet> {
    let mut newest: Option<FileSet> = None;
    let mut fault = None;
    let mut seen = HashSet::new();
    let mut next = Some(first);
    while let Some(extent) = next.take().filter(|extent| extent.len > 0) {
        let blocks = u64::from(extent.len).div_ceil(parts.block);
        for number in 0..blocks {
            let block = u32::try_from(number).ok().and_then(|number| extent.at.block.checked_add(number));
            let Some(block) = block else { break };
            let at = Address { block, ..extent.at };
            if seen.len() >= MOST_FOLLOWED || !seen.insert(at) {
                break;
            }
            match one_file_set(parts, at, notes) {
                Ok(set) => {
                    next = Some(set.next);
                    if newest.as_ref().is_none_or(|there| set.number >= there.number) {
                        newest = Some(set);
                    }
                }
                Err(error) => {
                    fault.get_or_insert(error);
                    break;
                }
            }
        }
    }
    newest.ok_or_else(|| {
        let fault = fault.unwrap_or_else(|| Error::damaged("the logical volume names no file set"));
        fault.during("file set descriptor")
    })
}

fn one_file_set(parts: &Partitions, at: Address, notes: &mut Notes) -> Result<FileSet> {
    let read = |side| -> Result<(FileSet, tag::Tag, Crc)> {
        let (bytes, offset) = parts.read(at, parts.block, side)?;
        let tag = tag::expect(&bytes, offset, tag::FILE_SET, "file set descriptor")?;
        let fields = Fields::new("file set descriptor", &bytes, offset);
        Ok((FileSet::parse(&fields)?, tag, tag.check(&bytes)))
    };
    let main = read(Side::Main);
    let good = matches!(&main, Ok((_, _, crc)) if *crc != Crc::Wrong);
    if !good
        && parts.has_mirror(at)
        && let Ok((set, ..)) = read(Side::Mirror)
    {
        notes.mirrored("file set descriptor", "");
        return Ok(set);
    }
    let (set, tag, crc) = main?;
    notes.tag(&tag, crc, at.block, "file set descriptor", "");
    Ok(set)
}

/// The UDF revision: as the logical volume says, else the least that a reader has to know.
fn revision<'a>(volume: &'a Volume, integrity: Option<&'a Integrity>) -> Option<&'a str> {
    let least = integrity.and_then(|integrity| integrity.revision.as_deref());
    volume.logical.revision.as_deref().or(least)
}

fn detail(volume: &Volume, integrity: Option<&Integrity>) -> String {
    let mut detail = String::from("UDF");
    if let Some(revision) = revision(volume, integrity) {
        detail.push(' ');
        detail.push_str(revision);
    }
    for map in &volume.logical.maps {
        detail.push_str(match map.kind {
            MapKind::Physical => "",
            MapKind::Virtual => ", VAT",
            MapKind::Sparable { .. } => ", sparable",
            MapKind::Metadata { .. } => ", metadata partition",
            MapKind::Unknown => ", unknown partition map",
        });
    }
    detail
}

fn facts(volume: &Volume, integrity: Option<&Integrity>) -> Facts {
    let primary = &volume.primary;
    let mut named = Vec::new();
    let mut add = |name, value: Option<String>| named.extend(value.map(|value| (name, value)));
    add("volume set", primary.volume_set.clone());
    add("application", primary.application.clone());
    let by = integrity.and_then(|integrity| integrity.application.clone());
    add("application", by.filter(|by| primary.application.as_ref() != Some(by)));
    add("created", primary.created.map(crate::time::Timestamp::rfc3339));
    add("revision", revision(volume, integrity).map(str::to_owned));
    add("block size", Some(volume.logical.block.to_string()));
    let label = volume.logical.label.clone().or_else(|| primary.label.clone());
    Facts { label, named, ..Facts::default() }
}

impl Container for Udf {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }
}
