//! The 32 KiB before the descriptors (ECMA-119 §6.2.1) belong to no file system; hybrid images keep
//! partition tables there, and partitions may lie behind the volume.

use crate::fields::Fields;
use crate::source::{Source, read_up_to};

/// One partition: what kind of table names it, and where it ends, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) what: String,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What was noticed before sector 16.
#[derive(Debug, Default)]
pub(super) struct SystemArea {
    /// The tables there are: `MBR`, `GPT`, `APM`.
    pub(super) tables: Vec<&'static str>,
    pub(super) partitions: Vec<Partition>,
    /// An HFS or HFS+ volume shares the image.
    pub(super) hfs: bool,
}

/// GPT header and entries (UEFI §5.3), MBR (UEFI §5.2.1), Apple's map: 512-byte sectors in all of them.
pub(super) fn read(source: &dyn Source) -> SystemArea {
    let mut out = SystemArea::default();
    let head = read_up_to(source, 0, 32 << 10).unwrap_or_default();
    let fields = Fields::new("system area", &head, 0);
    if head.get(510..512) == Some(&[0x55, 0xaa]) {
        for i in 0..4usize {
            let at = 446 + i * 16;
            let entry = || {
                let kind = fields.u8(at + 4, "type").ok()?;
                let start = u64::from(fields.u32_le(at + 8, "first sector").ok()?) * 512;
                let len = u64::from(fields.u32_le(at + 12, "sectors").ok()?) * 512;
                let status = fields.u8(at, "status").ok()?;
                (kind != 0 && len > 0 && status & 0x7f == 0).then_some((
                    kind,
                    start,
                    start.saturating_add(len),
                ))
            };
            if let Some((kind, start, end)) = entry() {
                // A protective entry stands for the GPT.
                if kind != 0xee {
                    let what = format!("MBR partition {} (type {kind:#04x})", i + 1);
                    out.partitions.push(Partition { what, start, end });
                }
                if !out.tables.contains(&"MBR") {
                    out.tables.push("MBR");
                }
            }
        }
    }
    if head.get(512..520) == Some(b"EFI PART") {
        out.tables.push("GPT");
        gpt(&fields, &mut out);
    }
    if head.get(512..514) == Some(b"PM") || head.get(2048..2050) == Some(b"PM") {
        out.tables.push("APM");
    }
    let hfs = read_up_to(source, 1024, 2).unwrap_or_default();
    out.hfs = matches!(hfs.as_slice(), b"BD" | b"H+" | b"HX");
    out
}

fn gpt(fields: &Fields<'_>, out: &mut SystemArea) {
    let table = || {
        let at =
            usize::try_from(fields.u64_le(512 + 72, "partition entries").ok()?).ok()?.checked_mul(512)?;
        let count = fields.u32_le(512 + 80, "number of entries").ok()?.min(256);
        let size = usize::try_from(fields.u32_le(512 + 84, "size of an entry").ok()?).ok()?;
        Some((at, usize::try_from(count).ok()?, size.max(128)))
    };
    let Some((at, count, size)) = table() else { return };
    for i in 0..count {
        let entry = || {
            let at = at.checked_add(i.checked_mul(size)?)?;
            let kind = fields.bytes(at, 16, "partition type").ok()?;
            let first = fields.u64_le(at + 32, "first sector").ok()?;
            let last = fields.u64_le(at + 40, "last sector").ok()?;
            let end = last.checked_add(1)?.checked_mul(512)?;
            (kind.iter().any(|&byte| byte != 0) && last >= first).then_some((first.checked_mul(512)?, end))
        };
        if let Some((start, end)) = entry() {
            out.partitions.push(Partition { what: format!("GPT partition {}", i + 1), start, end });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_of_the_master_boot_record_is_found() {
        let mut image = vec![0u8; 4096];
        image[510..512].copy_from_slice(&[0x55, 0xaa]);
        image[446] = 0x80;
        image[450] = 0xef;
        image[454..458].copy_from_slice(&4u32.to_le_bytes());
        image[458..462].copy_from_slice(&2u32.to_le_bytes());
        let area = read(&image);
        assert_eq!(area.tables, ["MBR"]);
        assert_eq!((area.partitions[0].start, area.partitions[0].end), (2048, 3072));
    }

    #[test]
    fn a_boot_sector_without_partitions_is_no_table() {
        let mut image = vec![0u8; 4096];
        image[510..512].copy_from_slice(&[0x55, 0xaa]);
        assert!(read(&image).tables.is_empty());
    }
}
