//! Accounts for every byte of the file: the program, what follows it, the archives, the certificates, and
//! what none of them names.

use super::Part;
use crate::container::{Catalogue, Finding, Region, Severity};
use crate::error::Result;
use crate::source::{Source, read_up_to};
use crate::text::count;
use std::ops::Range;

/// Gaps that are named one by one.
const MOST: usize = 16;
/// Bytes of a gap that are looked at.
const SAMPLE: usize = 64 << 10;

/// Adds regions for `known` and for the parts, padding, and findings about what is neither. Sets where it
/// all ends: at `claimed` at least.
///
/// # Errors
/// What the operating system said.
pub(in crate::formats) fn all(
    catalogue: &mut Catalogue,
    mut known: Vec<Region>,
    parts: &[Part],
    claimed: u64,
) -> Result<()> {
    let len = catalogue.source.len();
    for part in parts {
        known.extend(part.regions());
        known.push(Region { what: format!("{} archive", part.title), range: part.range.clone() });
        if part.range.end > part.limit && part.limit < len {
            let what = format!(
                "the {} archive claims bytes up to {:#x}, what follows it begins at {:#x}",
                part.title, part.range.end, part.limit
            );
            catalogue.findings.push(Finding::new(Severity::Damaged, what));
        }
    }
    known.retain(|region| !region.range.is_empty());
    catalogue.end = known.iter().map(|region| region.range.end).max().unwrap_or(0).max(claimed);
    let mut ranges: Vec<Range<u64>> = known.iter().map(|region| region.range.clone()).collect();
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut at = 0;
    let mut gaps = Vec::new();
    for range in ranges {
        if range.start > at {
            gaps.push(at..range.start.min(len));
        }
        at = at.max(range.end);
    }
    for gap in gaps.into_iter().filter(|gap| !gap.is_empty()).take(MOST) {
        let size = gap.end - gap.start;
        match zeros(&*catalogue.source, &gap)? {
            true => known.push(Region { what: "padding".to_owned(), range: gap }),
            false => {
                let what = format!("{} at {:#x} that nothing accounts for", count(size, "byte"), gap.start);
                catalogue.findings.push(Finding::new(Severity::Weak, what));
            }
        }
    }
    known.sort_by_key(|region| region.range.start);
    catalogue.regions = known;
    Ok(())
}

/// True where a gap begins and ends with zeros alone, and is all zeros where it is short.
fn zeros(source: &dyn Source, gap: &Range<u64>) -> Result<bool> {
    let size = usize::try_from(gap.end - gap.start).unwrap_or(usize::MAX).min(SAMPLE);
    let first = read_up_to(source, gap.start, size)?;
    let last = read_up_to(source, gap.end.saturating_sub(size as u64), size)?;
    Ok(first.iter().chain(&last).all(|&byte| byte == 0))
}
