//! Where the bytes of a program end and something else may begin: what installers stand behind.

use crate::container::Region;
use crate::error::Result;
use crate::fields::Fields;
use crate::source::{Source, read_up_to};

/// Bytes in which the headers of a program are looked for.
const HEADERS: usize = 64 << 10;

/// The end of the sections of the PE image at byte 0, in bytes; `None` where there is no PE image.
///
/// # Errors
/// What reading the source said.
pub(crate) fn sections_end(source: &dyn Source) -> Result<Option<u64>> {
    let head = read_up_to(source, 0, HEADERS)?;
    Ok(end(&Fields::new("PE headers", &head, 0)).filter(|end| *end > 0))
}

/// The certificate table of the PE image at byte 0, where it has one: the signature, as a region with a name.
///
/// # Errors
/// What reading the source said.
pub(crate) fn signature(source: &dyn Source) -> Result<Option<Region>> {
    let head = read_up_to(source, 0, HEADERS)?;
    let head = Fields::new("PE headers", &head, 0);
    let range = certificates(&head).filter(|range| !range.is_empty() && range.end <= source.len());
    Ok(range.map(|range| Region { what: "Authenticode signature".to_owned(), range }))
}

fn certificates(head: &Fields<'_>) -> Option<std::ops::Range<u64>> {
    let pe = usize::try_from(head.u32_le(0x3c, "e_lfanew").ok()?).ok()?;
    let optional = pe.checked_add(24)?;
    // Data directories begin behind the fixed part, which has 96 bytes in PE32 and 112 in PE32+.
    let fixed = if head.u16_le(optional, "magic").ok()? == 0x20b { 112 } else { 96 };
    let entry = optional.checked_add(fixed)?.checked_add(4 * 8)?;
    let start = u64::from(head.u32_le(entry, "certificate table").ok()?);
    let len = u64::from(head.u32_le(entry.checked_add(4)?, "certificate table").ok()?);
    (start > 0).then(|| start..start.saturating_add(len))
}

/// The bytes of the section `.rsrc` of the PE image at byte 0, where it has one.
///
/// # Errors
/// What reading the source said.
pub(crate) fn resources(source: &dyn Source) -> Result<Option<std::ops::Range<u64>>> {
    let head = read_up_to(source, 0, HEADERS)?;
    let head = Fields::new("PE headers", &head, 0);
    Ok(sections(&head).into_iter().flatten().find(|(name, _)| name == b".rsrc\0\0\0").map(|(_, range)| range))
}

fn end(head: &Fields<'_>) -> Option<u64> {
    Some(sections(head)?.into_iter().map(|(_, range)| range.end).max().unwrap_or(0))
}

/// The name of a section, and where its bytes lie in the file.
type Section = ([u8; 8], std::ops::Range<u64>);

fn sections(head: &Fields<'_>) -> Option<Vec<Section>> {
    if !head.all().starts_with(b"MZ") {
        return None;
    }
    let pe = usize::try_from(head.u32_le(0x3c, "e_lfanew").ok()?).ok()?;
    if head.bytes(pe, 4, "signature").ok()? != b"PE\0\0" {
        return None;
    }
    let sections = head.u16_le(pe.checked_add(6)?, "number of sections").ok()?;
    let optional = usize::from(head.u16_le(pe.checked_add(20)?, "size of optional header").ok()?);
    let table = pe.checked_add(24)?.checked_add(optional)?;
    let mut out = Vec::new();
    for section in 0..usize::from(sections.min(96)) {
        let at = table.checked_add(section.checked_mul(40)?)?;
        let size = u64::from(head.u32_le(at.checked_add(16)?, "size of raw data").ok()?);
        let start = u64::from(head.u32_le(at.checked_add(20)?, "pointer to raw data").ok()?);
        if size > 0 && start > 0 {
            let name = head.bytes(at, 8, "name").ok()?.try_into().ok()?;
            out.push((name, start..start.saturating_add(size)));
        }
    }
    Some(out)
}
