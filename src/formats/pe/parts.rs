//! Where the parts of an image lie in its file, up to the last byte: headers, sections, debug records,
//! symbols, certificates, and what is left: the overlay.
//!
//! | part | where |
//! |---|---|
//! | headers | from the first byte to `SizeOfHeaders` |
//! | sections | section headers, `PointerToRawData` and `SizeOfRawData` |
//! | debug records | debug directory, 28 bytes each: type at 12, size at 16, file offset at 24 |
//! | COFF symbols | COFF header; 18 bytes each, then the string table, its size in its first four bytes |
//! | certificates | `WIN_CERTIFICATE`: `dwLength`, `wRevision`, `wCertificateType`, each at a multiple of 8 |
//!
//! The overlay is what Windows neither maps nor knows. Its start is what the headers say: linkers, patchers
//! and signers leave other things there, so that nothing may be looked for at that one place alone.
//!
//! References: "PE Format", "The Attribute Certificate Table (Image Only)", "The .debug Section",
//! "COFF Symbol Table", "COFF String Table".

use super::image::{Head, Image, Section};
use crate::container::{Finding, Severity};
use crate::error::Result;
use crate::fields::Fields;
use crate::source::read_up_to;
use crate::text::utf8_or_latin1;
use object::pe;
use std::ops::Range;

/// Debug records and certificates looked at.
const MOST: usize = 64;
/// Bytes of a debug record that are read: the longest path and what stands before it.
const RECORD: usize = 1 << 10;
/// Zeros between two parts that need no name of their own: the alignment of files and of certificates.
const PADDING: u64 = 512;

/// The parts of an image. Ranges are bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// As the headers have them; the file may end before.
    pub sections: Vec<Section>,
    /// First byte behind headers, sections, and the debug records and symbols that follow them.
    pub image_end: u64,
    /// How far the headers say that the image reaches; past the file where it is cut.
    pub claimed_end: u64,
    /// The COFF symbol table with its strings.
    pub symbols: Option<Range<u64>>,
    /// Debug records outside of sections.
    pub debug: Vec<Range<u64>>,
    /// The path of the symbol file that a CodeView record names (`RSDS`, `NB10`).
    pub pdb: Option<String>,
    /// `TimeDateStamp` is a digest of the content, no time (`IMAGE_DEBUG_TYPE_REPRO`).
    pub reproducible: bool,
    /// The certificate table where it lies in the file and holds certificates.
    pub certificates: Option<Range<u64>>,
    /// How many certificates it holds.
    pub certificate_count: usize,
    /// What no header accounts for: before, between and behind.
    pub overlay: Vec<Range<u64>>,
}

/// Finds all parts of an image.
pub(super) fn find(image: &mut Image<'_>, head: &Head, findings: &mut Vec<Finding>) -> Result<Parts> {
    let len = image.source.len();
    let mut parts = Parts { sections: image.sections()?, ..Parts::default() };
    parts.image_end = image.headers_end();
    let mut claimed = parts.image_end;
    for section in &parts.sections {
        let Range { start, end } = section.range;
        // A last section that is not filled up to its alignment lacks nothing.
        let used = start.saturating_add(section.virtual_size.into()).min(end);
        claimed = claimed.max(if used <= len { end.min(len) } else { end });
        parts.image_end = parts.image_end.max(end.min(len));
    }
    debug(image, &mut parts)?;
    symbols(image, &mut parts)?;
    if let Some(table) = head.certificates.filter(|table| table.whole && table.bytes > 0) {
        let range = table.offset..table.offset.saturating_add(table.bytes);
        parts.certificate_count = certificates(image, &range)?;
        match parts.certificate_count {
            0 => {
                let what = format!(
                    "there is no certificate where the certificate table ought to be, at {:#x}",
                    range.start
                );
                findings.push(Finding::new(Severity::Damaged, what));
            }
            _ => parts.certificates = Some(range),
        }
    }
    let behind = parts.image_end.min(len)..len;
    let table = parts.certificates.clone().filter(|table| table.end > behind.start);
    let rest = match &table {
        Some(table) => [behind.start..table.start.max(behind.start), table.end..len],
        None => [behind, len..len],
    };
    for range in rest.into_iter().filter(|range| !range.is_empty()) {
        let short = range.end - range.start < PADDING;
        let sample = if short { read_up_to(image.source, range.start, 512)? } else { Vec::new() };
        let size = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let zeros = short && sample.iter().take(size).all(|&byte| byte == 0);
        if !zeros {
            parts.overlay.push(range);
        }
    }
    let signed = head.certificates.map_or(0, |table| table.offset.saturating_add(table.bytes));
    parts.claimed_end = claimed.max(signed);
    Ok(parts)
}

/// Takes over a part that follows the image, up to its alignment.
fn follows(parts: &mut Parts, range: &Range<u64>, len: u64) -> bool {
    let near = range.start >= parts.image_end && range.start - parts.image_end < PADDING;
    if near && range.end <= len && !range.is_empty() {
        parts.image_end = range.end;
    }
    near && range.end <= len && !range.is_empty()
}

/// The debug directory: the symbol file's name, and records that lie behind the sections.
fn debug(image: &mut Image<'_>, parts: &mut Parts) -> Result<()> {
    let Some((address, size)) = image.debug else { return Ok(()) };
    let Some((at, room)) = image.place(address)? else { return Ok(()) };
    let size = usize::try_from(size.min(room)).unwrap_or_default().min(MOST * 28);
    let bytes = image.bytes(at, size)?;
    let len = image.source.len();
    for record in bytes.chunks_exact(28) {
        let fields = Fields::new("debug directory entry", record, at);
        let (Ok(kind), Ok(size), Ok(start)) = (
            fields.u32_le(12, "Type"),
            fields.u32_le(16, "SizeOfData"),
            fields.u32_le(24, "PointerToRawData"),
        ) else {
            continue;
        };
        let range = u64::from(start)..u64::from(start).saturating_add(size.into());
        match pe::DebugType(kind) {
            pe::IMAGE_DEBUG_TYPE_REPRO => parts.reproducible = true,
            pe::IMAGE_DEBUG_TYPE_CODEVIEW if parts.pdb.is_none() => {
                let content =
                    image.bytes(range.start, usize::try_from(size).unwrap_or(RECORD).min(RECORD))?;
                parts.pdb = code_view(&content);
            }
            _ => {}
        }
        if follows(parts, &range, len) {
            parts.debug.push(range);
        }
    }
    Ok(())
}

/// The path in a CodeView record: behind 24 bytes with `RSDS`, behind 16 with `NB10`.
fn code_view(record: &[u8]) -> Option<String> {
    let path = match record.get(..4)? {
        b"RSDS" => record.get(24..)?,
        b"NB10" => record.get(16..)?,
        _ => return None,
    };
    let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
    (!path.is_empty()).then(|| utf8_or_latin1(path))
}

/// The COFF symbol table and the string table behind it.
fn symbols(image: &mut Image<'_>, parts: &mut Parts) -> Result<()> {
    let (at, count) = image.symbols;
    if at == 0 || count == 0 {
        return Ok(());
    }
    let strings = u64::from(at).saturating_add(u64::from(count).saturating_mul(18));
    let size = image.bytes(strings, 4)?;
    let size = Fields::new("COFF string table", &size, strings).u32_le(0, "size").unwrap_or_default();
    let range = u64::from(at)..strings.saturating_add(size.max(4).into());
    if follows(parts, &range, image.source.len()) {
        parts.symbols = Some(range);
    }
    Ok(())
}

/// How many certificates stand in the table, one behind the other.
fn certificates(image: &mut Image<'_>, table: &Range<u64>) -> Result<usize> {
    let mut at = table.start;
    let mut count = 0;
    while count < MOST && at < table.end {
        let bytes = image.bytes(at, 8)?;
        let fields = Fields::new("WIN_CERTIFICATE", &bytes, at);
        let (Ok(size), Ok(revision), Ok(kind)) = (
            fields.u32_le(0, "dwLength"),
            fields.u16_le(4, "wRevision"),
            fields.u16_le(6, "wCertificateType"),
        ) else {
            break;
        };
        // Revisions 1.0 and 2.0; the types are X.509, PKCS#7, reserved, and a stack of time stamps.
        let known = matches!(revision, 0x100 | 0x200) && (1..=4).contains(&kind);
        if !known || size < 8 || u64::from(size) > table.end - at {
            break;
        }
        count += 1;
        at = at.saturating_add(u64::from(size).saturating_add(7) & !7);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_code_view_records_name_their_file() {
        let record = [b"RSDS", &[1u8; 20][..], b"c:\\x\\setup.pdb\0\0"].concat();
        assert_eq!(code_view(&record).as_deref(), Some("c:\\x\\setup.pdb"));
        let record = [b"NB10", &[0u8; 12][..], b"old.pdb\0"].concat();
        assert_eq!(code_view(&record).as_deref(), Some("old.pdb"));
        assert_eq!(code_view(b"NB11"), None);
    }
}
