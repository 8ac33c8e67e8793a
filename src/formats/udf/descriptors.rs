//! The descriptors of a volume: primary, partition, logical volume, integrity and file set
//! (ECMA-167 3/10, 4/14.1).

use super::allocation::{LongAddress, long_address};
use super::names::{dstring, identifier, identifier_text, revision, timestamp};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::time::Timestamp;

/// Where a part of the volume lies: `extent_ad` (ECMA-167 3/7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct VolumeExtent {
    /// In bytes.
    pub(super) len: u32,
    /// Its first sector.
    pub(super) sector: u32,
}

impl VolumeExtent {
    pub(super) fn read(fields: &Fields<'_>, at: usize, field: &'static str) -> Result<Self> {
        let part = fields.part(field, at, 8)?;
        Ok(Self { len: part.u32_le(0, "ExtentLength")?, sector: part.u32_le(4, "ExtentLocation")? })
    }
}

/// Primary volume descriptor (ECMA-167 3/10.1).
#[derive(Debug, Clone, Default)]
pub(super) struct Primary {
    pub(super) label: Option<String>,
    pub(super) volume_set: Option<String>,
    pub(super) application: Option<String>,
    pub(super) created: Option<Timestamp>,
}

impl Primary {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self> {
        Ok(Self {
            label: dstring(fields.bytes(24, 32, "VolumeIdentifier")?),
            volume_set: dstring(fields.bytes(72, 128, "VolumeSetIdentifier")?),
            application: identifier_text(fields.bytes(344, 32, "ApplicationIdentifier")?),
            created: timestamp(fields.bytes(376, 12, "RecordingDateAndTime")?),
        })
    }
}

/// What may be written to a partition (ECMA-167 3/10.5.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Once: its length is what the disc has room for, not what is on it.
    Once,
    /// Never or again and again.
    Other,
}

/// Partition descriptor (ECMA-167 3/10.5).
#[derive(Debug, Clone, Copy)]
pub(super) struct PartitionDescriptor {
    pub(super) access: Access,
    /// Its first sector.
    pub(super) sector: u32,
    /// How many sectors.
    pub(super) sectors: u32,
}

impl PartitionDescriptor {
    /// The partition's number and what is said of it.
    pub(super) fn parse(fields: &Fields<'_>) -> Result<(u16, Self)> {
        let access = match fields.u32_le(184, "AccessType")? {
            2 => Access::Once,
            _ => Access::Other,
        };
        let sector = fields.u32_le(188, "PartitionStartingLocation")?;
        let sectors = fields.u32_le(192, "PartitionLength")?;
        Ok((fields.u16_le(22, "PartitionNumber")?, Self { access, sector, sectors }))
    }
}

/// What a partition map says of a partition (ECMA-167 3/10.7, UDF 2.2.8 to 2.2.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MapKind {
    /// Type 1.
    Physical,
    /// `*UDF Virtual Partition`.
    Virtual,
    /// `*UDF Sparable Partition`.
    Sparable {
        /// Blocks in a packet.
        packet: u16,
        /// Bytes of a table.
        table_bytes: u32,
        /// The sectors where copies of the table begin.
        tables: Vec<u32>,
    },
    /// `*UDF Metadata Partition`: blocks of its files, in the partition that has the same number.
    Metadata {
        /// The metadata file's entry.
        main: u32,
        /// The mirror file's entry.
        mirror: u32,
    },
    /// Another kind, or one that makes no sense.
    Unknown,
}

/// A partition map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartitionMap {
    /// The number of the partition descriptor.
    pub(super) number: u16,
    /// How its blocks are found.
    pub(super) kind: MapKind,
}

/// Logical volume descriptor (ECMA-167 3/10.6).
#[derive(Debug, Clone)]
pub(super) struct Logical {
    pub(super) label: Option<String>,
    /// Bytes of a logical block.
    pub(super) block: u64,
    pub(super) revision: Option<String>,
    pub(super) file_set: LongAddress,
    pub(super) integrity: VolumeExtent,
    pub(super) maps: Vec<PartitionMap>,
}

impl Logical {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self> {
        let block = fields.u32_le(212, "LogicalBlockSize")?;
        if !matches!(block, 512 | 1024 | 2048 | 4096) {
            let error = Error::invalid("a logical block size other than 512, 1024, 2048 and 4096");
            return Err(fields.wrong(212, "LogicalBlockSize", error));
        }
        // UDF 2.2.4.3: the domain's suffix begins with the revision.
        let domain = fields.part("DomainIdentifier", 216, 32)?;
        let domain_is_osta = identifier(domain.all()).starts_with(b"*OSTA");
        let revision = revision(domain.u16_le(24, "UDFRevision")?).filter(|_| domain_is_osta);
        Ok(Self {
            label: dstring(fields.bytes(84, 128, "LogicalVolumeIdentifier")?),
            block: block.into(),
            revision,
            file_set: long_address(fields, 248, "LogicalVolumeContentsUse")?,
            integrity: VolumeExtent::read(fields, 432, "IntegritySequenceExtent")?,
            maps: maps(fields)?,
        })
    }
}

/// Partition maps are as long as their second byte says. One that is cut ends the table.
fn maps(fields: &Fields<'_>) -> Result<Vec<PartitionMap>> {
    let bytes = usize::try_from(fields.u32_le(264, "MapTableLength")?).unwrap_or(usize::MAX);
    let count = usize::try_from(fields.u32_le(268, "NumberOfPartitionMaps")?).unwrap_or(usize::MAX);
    let mut rest = fields.rest(440);
    rest = rest.get(..bytes).unwrap_or(rest);
    let mut maps = Vec::new();
    while let Some(&length) = rest.get(1) {
        if maps.len() >= count || usize::from(length) < 6 {
            break;
        }
        let Some((one, next)) = rest.split_at_checked(usize::from(length)) else { break };
        let map = Fields::new("partition map", one, fields.base());
        maps.push(one_map(&map)?);
        rest = next;
    }
    if maps.is_empty() {
        return Err(fields.wrong(264, "MapTableLength", Error::damaged("it has no partition map")));
    }
    Ok(maps)
}

fn one_map(map: &Fields<'_>) -> Result<PartitionMap> {
    if map.u8(0, "PartitionMapType")? == 1 {
        return Ok(PartitionMap { number: map.u16_le(4, "PartitionNumber")?, kind: MapKind::Physical });
    }
    if map.len() < 64 {
        return Ok(PartitionMap { number: 0, kind: MapKind::Unknown });
    }
    let kind = match identifier(map.bytes(4, 32, "PartitionTypeIdentifier")?) {
        b"*UDF Virtual Partition" => MapKind::Virtual,
        b"*UDF Sparable Partition" => {
            let tables = usize::from(map.u8(42, "NumberOfSparingTables")?);
            let locations = map.rest(48).as_chunks::<4>().0;
            MapKind::Sparable {
                packet: map.u16_le(40, "PacketLength")?,
                table_bytes: map.u32_le(44, "SizeOfEachSparingTable")?,
                tables: locations.iter().take(tables).map(|&at| u32::from_le_bytes(at)).collect(),
            }
        }
        b"*UDF Metadata Partition" => MapKind::Metadata {
            main: map.u32_le(40, "MetadataFileLocation")?,
            mirror: map.u32_le(44, "MetadataMirrorFileLocation")?,
        },
        _ => MapKind::Unknown,
    };
    Ok(PartitionMap { number: map.u16_le(38, "PartitionNumber")?, kind })
}

/// Whether the volume was closed after the last change (ECMA-167 3/10.10.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    Yes,
    No,
}

/// Logical volume integrity descriptor (ECMA-167 3/10.10, UDF 2.2.6).
#[derive(Debug, Clone)]
pub(super) struct Integrity {
    pub(super) closed: Closed,
    pub(super) next: VolumeExtent,
    pub(super) application: Option<String>,
    pub(super) revision: Option<String>,
}

impl Integrity {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self> {
        let partitions = usize::try_from(fields.u32_le(72, "NumberOfPartitions")?).unwrap_or(usize::MAX);
        // The implementation use follows two tables of four bytes for each partition.
        let at = partitions.saturating_mul(8).saturating_add(80);
        let implementation = fields.part("ImplementationUse", at, 46).ok();
        let least = implementation.and_then(|fields| fields.u16_le(40, "MinimumUDFReadRevision").ok());
        Ok(Self {
            closed: if fields.u32_le(28, "IntegrityType")? == 0 { Closed::No } else { Closed::Yes },
            next: VolumeExtent::read(fields, 32, "NextIntegrityExtent")?,
            application: implementation
                .and_then(|fields| fields.bytes(0, 32, "ImplementationIdentifier").ok())
                .and_then(identifier_text),
            revision: least.and_then(revision),
        })
    }
}

/// File set descriptor (ECMA-167 4/14.1).
#[derive(Debug, Clone)]
pub(super) struct FileSet {
    /// Among descriptors of one set, the highest counts.
    pub(super) number: u32,
    pub(super) root: LongAddress,
    pub(super) next: LongAddress,
    pub(super) streams: LongAddress,
}

impl FileSet {
    pub(super) fn parse(fields: &Fields<'_>) -> Result<Self> {
        Ok(Self {
            number: fields.u32_le(44, "FileSetDescriptorNumber")?,
            root: long_address(fields, 400, "RootDirectoryICB")?,
            next: long_address(fields, 448, "NextExtent")?,
            streams: long_address(fields, 464, "SystemStreamDirectoryICB")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logical(block: u32, maps: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 440];
        bytes[212..216].copy_from_slice(&block.to_le_bytes());
        bytes[217..222].copy_from_slice(b"*OSTA");
        bytes[240..242].copy_from_slice(&0x0250u16.to_le_bytes());
        bytes[264] = u8::try_from(maps.len()).unwrap();
        bytes[268] = 9;
        bytes.extend_from_slice(maps);
        bytes.resize(512, 0);
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Logical> {
        Logical::parse(&Fields::new("logical volume descriptor", bytes, 0))
    }

    #[test]
    fn a_block_size_that_is_no_block_size_is_refused() {
        assert_eq!(parse(&logical(2048, &[1, 6, 1, 0, 7, 0])).unwrap().revision.as_deref(), Some("2.50"));
        assert!(parse(&logical(3, &[1, 6, 1, 0, 7, 0])).is_err());
    }

    #[test]
    fn partition_maps_are_as_long_as_they_say() {
        let mut sparable = vec![0; 64];
        sparable[..2].copy_from_slice(&[2, 64]);
        sparable[5..28].copy_from_slice(b"*UDF Sparable Partition");
        sparable[38] = 3;
        sparable[40] = 32;
        sparable[42] = 2;
        sparable[48] = 5;
        sparable[52] = 6;
        let volume = parse(&logical(2048, &[&[1, 6, 1, 0, 7, 0][..], &sparable].concat())).unwrap();
        let kind = MapKind::Sparable { packet: 32, table_bytes: 0, tables: vec![5, 6] };
        let physical = PartitionMap { number: 7, kind: MapKind::Physical };
        assert_eq!(volume.maps, [physical, PartitionMap { number: 3, kind }]);
        // One that has no length or reaches over the end is the last.
        assert!(parse(&logical(2048, &[1, 0, 1, 0, 7, 0])).is_err());
        assert_eq!(parse(&logical(2048, &[1, 6, 1, 0, 7, 0, 1, 255])).unwrap().maps.len(), 1);
    }
}
