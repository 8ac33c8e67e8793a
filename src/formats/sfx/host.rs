//! The program in front of a payload: which kind it is, and where it ends.
//!
//! References: "PE Format"; "MS-DOS EXE header"; System V ABI, ELF header; Mach-O `loader.h`.

use crate::error::Result;
use crate::fields::Fields;
use crate::formats::pe::{self, Anatomy};
use crate::source::{Source, read_up_to};
use std::ops::Range;

/// Program and section headers looked at.
const MOST: u16 = 512;

/// A program.
pub(super) struct Host {
    /// What kind, for people.
    pub(super) kind: &'static str,
    /// First byte behind it, by its own headers; they may lie.
    pub(super) end: u64,
    /// Where it is a PE image: all of it.
    pub(super) pe: Option<Anatomy>,
    /// Where something may follow it.
    pub(super) windows: Vec<Range<u64>>,
}

/// Looks at a file's head; `None` where it is no program.
pub(super) fn look(source: &dyn Source, head: &[u8]) -> Result<Option<Host>> {
    let len = source.len();
    let plain = |kind, end: u64| {
        let end = end.min(len);
        Some(Host { kind, end, pe: None, windows: std::iter::once(end..len).collect() })
    };
    Ok(match head {
        [b'M', b'Z', ..] => match pe::anatomy(source)? {
            Some(anatomy) => {
                let end = anatomy.parts.image_end;
                let windows = windows(end, anatomy.parts.certificates.as_ref(), len);
                Some(Host { kind: "Windows program", end, pe: Some(anatomy), windows })
            }
            None => plain("DOS program", dos_end(head)),
        },
        [0x7f, b'E', b'L', b'F', ..] => plain("ELF program", elf_end(source, head)?),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => plain("Mach-O program", mach_end(head)),
        [b'#', b'!', ..] => plain("script", 2),
        _ => None,
    })
}

/// What lies behind a PE image, without its certificates.
fn windows(end: u64, certificates: Option<&Range<u64>>, len: u64) -> Vec<Range<u64>> {
    let all = match certificates.filter(|table| table.end > end) {
        Some(table) => vec![end..table.start.max(end), table.end.max(end)..len],
        None => std::iter::once(end..len).collect(),
    };
    all.into_iter().filter(|range| !range.is_empty()).collect()
}

/// The DOS header counts pages of 512 bytes, and the bytes of the last one.
fn dos_end(head: &[u8]) -> u64 {
    let fields = Fields::new("IMAGE_DOS_HEADER", head, 0);
    let last = u64::from(fields.u16_le(2, "e_cblp").unwrap_or_default());
    let pages = u64::from(fields.u16_le(4, "e_cp").unwrap_or_default());
    match last {
        0 => pages * 512,
        _ => (pages.max(1) - 1) * 512 + last,
    }
}

/// Behind the last segment, section, and table of either.
fn elf_end(source: &dyn Source, head: &[u8]) -> Result<u64> {
    let wide = head.get(4) == Some(&2);
    let little = head.get(5) != Some(&2);
    let number = |bytes: &[u8], at: usize, size: usize| -> u64 {
        let bytes = bytes.get(at..at.saturating_add(size)).unwrap_or_default();
        let shift = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if little { bytes.iter().rev().fold(0, shift) } else { bytes.iter().fold(0, shift) }
    };
    let word = if wide { 8 } else { 4 };
    let tables = if wide { [(32, 54, 56), (40, 58, 60)] } else { [(28, 42, 44), (32, 46, 48)] };
    let mut end = if wide { 64 } else { 52 };
    for (which, (at, size, count)) in tables.into_iter().enumerate() {
        let (start, size) = (number(head, at, word), number(head, size, 2));
        let count = number(head, count, 2).min(MOST.into());
        if start == 0 || size < 32 {
            continue;
        }
        end = end.max(start.saturating_add(size.saturating_mul(count)));
        let len = usize::try_from(size.saturating_mul(count)).unwrap_or_default().min(1 << 20);
        let bytes = read_up_to(source, start, len)?;
        for header in bytes.chunks(usize::try_from(size).unwrap_or(usize::MAX)) {
            // A section of type 8 (NOBITS) has no bytes in the file.
            let (from, bytes) = match (which, wide) {
                (0, true) => (number(header, 8, 8), number(header, 32, 8)),
                (0, false) => (number(header, 4, 4), number(header, 16, 4)),
                (_, true) => (number(header, 24, 8), number(header, 32, 8)),
                (_, false) => (number(header, 16, 4), number(header, 20, 4)),
            };
            let there = which == 0 || number(header, 4, 4) != 8;
            let behind = from.saturating_add(bytes);
            if there && behind <= source.len() {
                end = end.max(behind);
            }
        }
    }
    Ok(end)
}

/// Behind the last segment (`LC_SEGMENT`, `LC_SEGMENT_64`) of a little-endian Mach-O file.
fn mach_end(head: &[u8]) -> u64 {
    let fields = Fields::new("mach_header", head, 0);
    let wide = head.first() == Some(&0xcf);
    let mut at = if wide { 32 } else { 28 };
    let mut end = at as u64;
    for _ in 0..fields.u32_le(16, "ncmds").unwrap_or_default().min(MOST.into()) {
        let (Ok(kind), Ok(size)) = (fields.u32_le(at, "cmd"), fields.u32_le(at + 4, "cmdsize")) else {
            break;
        };
        let place = match kind {
            0x19 => fields.u64_le(at + 40, "fileoff").ok().zip(fields.u64_le(at + 48, "filesize").ok()),
            1 => {
                let place =
                    fields.u32_le(at + 32, "fileoff").ok().zip(fields.u32_le(at + 36, "filesize").ok());
                place.map(|(from, bytes)| (u64::from(from), u64::from(bytes)))
            }
            _ => None,
        };
        if let Some((from, bytes)) = place {
            end = end.max(from.saturating_add(bytes));
        }
        let Some(next) = at.checked_add(usize::try_from(size).unwrap_or(usize::MAX)).filter(|_| size >= 8)
        else {
            break;
        };
        at = next.min(head.len());
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dos_program_ends_with_its_last_page() {
        assert_eq!(dos_end(&[b'M', b'Z', 0, 0, 2, 0]), 1024);
        assert_eq!(dos_end(&[b'M', b'Z', 5, 0, 2, 0]), 517);
        assert_eq!(dos_end(b"MZ"), 0);
    }
}
