//! How many bytes of a source something vouches for, and how many nothing does.

use crate::container::{Container, EntryId, Location};
use std::ops::Range;

/// Ranges of bytes that do not touch each other, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges(Vec<Range<u64>>);

impl Ranges {
    /// Of any ranges: empty ones go, those that touch become one.
    #[must_use]
    pub fn new(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.retain(|range| range.start < range.end);
        ranges.sort_by_key(|range| range.start);
        let mut out: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match out.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => out.push(range),
            }
        }
        Self(out)
    }

    /// How many bytes they are.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|range| range.end.saturating_sub(range.start)).sum()
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::new(self.0.iter().chain(&other.0).cloned().collect())
    }

    /// The part below `len`.
    #[must_use]
    pub fn below(&self, len: u64) -> Self {
        Self::new(self.0.iter().map(|range| range.start.min(len)..range.end.min(len)).collect())
    }
}

/// What vouches for some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher {
    /// What was compared: `sha256`, `crc32 of members`, `authenticode`.
    pub what: String,
    /// Who says what it ought to be.
    pub by: String,
    /// Which bytes of the source.
    pub ranges: Ranges,
}

/// All that vouches for something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The source's size, in bytes.
    pub bytes: u64,
    /// In the order they were checked.
    pub vouchers: Vec<Voucher>,
}

impl Coverage {
    /// Of a source of so many bytes.
    #[must_use]
    pub fn of(bytes: u64) -> Self {
        Self { bytes, vouchers: Vec::new() }
    }

    /// Adds what `by` vouches for by `what`; ranges of one voucher become one.
    pub fn add(&mut self, what: &str, by: &str, ranges: impl IntoIterator<Item = Range<u64>>) {
        let ranges = Ranges::new(ranges.into_iter().collect()).below(self.bytes);
        match self.vouchers.iter_mut().find(|known| known.what == what && known.by == by) {
            Some(known) => known.ranges = known.ranges.and(&ranges),
            None => self.vouchers.push(Voucher { what: what.to_owned(), by: by.to_owned(), ranges }),
        }
    }

    /// Bytes that nothing vouches for.
    #[must_use]
    pub fn uncovered(&self) -> u64 {
        let all = self.vouchers.iter().fold(Ranges::default(), |all, one| all.and(&one.ranges));
        self.bytes.saturating_sub(all.bytes())
    }
}

/// A part of a whole as a percentage with two places, cut and not rounded; `0.00` of nothing.
#[must_use]
pub fn share(bytes: u64, of: u64) -> String {
    let parts = u128::from(bytes).saturating_mul(10_000).checked_div(u128::from(of)).unwrap_or(0);
    format!("{}.{:02}", parts / 100, parts % 100)
}

/// Where a member's bytes lie in its container's source, packed or not; empty where that is not known.
#[must_use]
pub fn place(container: &dyn Container, id: EntryId) -> Vec<Range<u64>> {
    let Some(entry) = container.entries().get(id.0) else { return Vec::new() };
    match &entry.location {
        Location::Stored(extents) | Location::Packed(extents) => {
            let pieces = extents.pieces().iter();
            pieces.filter_map(|piece| Some(piece.at?..piece.at?.saturating_add(piece.len))).collect()
        }
        Location::Solid { run, .. } => container.run_ranges(*run),
        Location::Nowhere | Location::Outside => Vec::new(),
    }
}

/// Ranges of a stored member, as ranges of the source that it is stored in.
#[must_use]
pub fn within(container: &dyn Container, id: EntryId, ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let Some(Location::Stored(extents)) = container.entries().get(id.0).map(|entry| &entry.location) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    let mut from = 0u64;
    for piece in extents.pieces() {
        let to = from.saturating_add(piece.len);
        for range in ranges {
            let (start, end) = (range.start.max(from), range.end.min(to));
            if let Some(at) = piece.at.filter(|_| start < end) {
                let moved = |place: u64| at.saturating_add(place.saturating_sub(from));
                out.push(moved(start)..moved(end));
            }
        }
        from = to;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one_and_empty_ones_are_none() {
        let ranges = Ranges::new(vec![10..20, 5..10, 30..30, 15..25, 40..50]);
        assert_eq!(ranges, Ranges(vec![5..25, 40..50]));
        assert_eq!(ranges.bytes(), 30);
        assert_eq!(ranges.below(45).bytes(), 25);
    }

    #[test]
    fn what_two_vouch_for_counts_once() {
        let mut coverage = Coverage::of(100);
        let whole = std::iter::once;
        coverage.add("sha256", "user", whole(0..60));
        coverage.add("crc32", "zip", whole(50..80));
        coverage.add("crc32", "zip", whole(90..200));
        assert_eq!(coverage.uncovered(), 10);
        assert_eq!(coverage.vouchers.len(), 2);
        assert_eq!(coverage.vouchers[1].ranges.bytes(), 40);
        assert_eq!(Coverage::of(7).uncovered(), 7);
    }
}
