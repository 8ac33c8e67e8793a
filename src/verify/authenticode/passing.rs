//! Digests of what is signed of a file, taken while all of the file goes by: who reads it for something else
//! does not read it again for its signature.

use super::pe::Checksum;
use crate::digest::{Algorithm, Hasher, Value};
use crate::source::Follow;
use std::ops::Range;

/// What one reading of a file gives.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) digests: Vec<Value>,
    /// `CheckSum` of a PE image as it ought to be; 0 for others.
    pub(super) checksum: u32,
}

/// Takes a file's bytes in their order.
pub(super) struct Passing {
    /// Ranges that are signed, none before the end of the one before it.
    signed: Vec<Range<u64>>,
    /// The first of them whose end was not reached.
    next: usize,
    at: u64,
    len: u64,
    hasher: Hasher,
    /// The checksum of a PE image, and its own field, which counts as zeros.
    sum: Option<(Checksum, Range<u64>)>,
}

impl Passing {
    /// For a file of `len` bytes of which `signed` is signed; `None` where the ranges do not follow each other.
    pub(super) fn new(len: u64, signed: Vec<Range<u64>>, algorithms: &[Algorithm]) -> Option<Self> {
        let in_order = signed.iter().zip(signed.iter().skip(1)).all(|(a, b)| a.end <= b.start);
        let hasher = Hasher::new(algorithms);
        in_order.then_some(Self { signed, next: 0, at: 0, len, hasher, sum: None })
    }

    /// Sums up, too, what a PE image has as its checksum, at `field`.
    pub(super) fn with_checksum(mut self, field: Range<u64>) -> Self {
        self.sum = Some((Checksum::default(), field));
        self
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        let here = self.at..self.at.saturating_add(bytes.len() as u64);
        let part = |range: Range<u64>| {
            let place = |at: u64| usize::try_from(at.saturating_sub(here.start)).unwrap_or(usize::MAX);
            bytes.get(place(range.start)..place(range.end)).unwrap_or_default()
        };
        while let Some(range) = self.signed.get(self.next).filter(|range| range.start < here.end) {
            self.hasher.update(part(range.start.max(here.start)..range.end.min(here.end)));
            if range.end > here.end {
                break;
            }
            self.next += 1;
        }
        if let Some((sum, field)) = &mut self.sum {
            let (from, to) = (field.start.clamp(here.start, here.end), field.end.clamp(here.start, here.end));
            sum.update(part(here.start..from));
            part(from..to).iter().for_each(|_| sum.update(&[0]));
            sum.update(part(to..here.end));
        }
        self.at = here.end;
    }

    /// What all of it gave; `None` where not all went by.
    pub(super) fn finish(self) -> Option<Read> {
        let len = self.len;
        (self.at == len).then(|| Read {
            digests: self.hasher.finish(),
            checksum: self.sum.map_or(0, |(sum, _)| sum.finish(len)),
        })
    }
}

impl Follow for Passing {
    fn update(&mut self, bytes: &[u8]) {
        self.take(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_digest_is_that_of_the_signed_ranges_however_the_bytes_come(
            cuts in prop::collection::btree_set(0u64..3000, 0..8),
            pieces in prop::collection::vec(1usize..700, 1..40)
        ) {
            let bytes: Vec<u8> = (0..3000u32).map(|i| u8::try_from(i % 239).unwrap()).collect();
            let cuts: Vec<u64> = cuts.into_iter().collect();
            let ranges: Vec<Range<u64>> = cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect();
            let mut want = Hasher::new(&[Algorithm::Sha256]);
            for range in &ranges {
                want.update(&bytes[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]);
            }
            let mut passing = Passing::new(3000, ranges, &[Algorithm::Sha256]).unwrap();
            let mut rest = bytes.as_slice();
            for piece in pieces.into_iter().cycle() {
                if rest.is_empty() { break; }
                let (now, later) = rest.split_at(piece.min(rest.len()));
                passing.take(now);
                rest = later;
            }
            prop_assert_eq!(passing.finish().unwrap().digests, want.finish());
        }
    }

    #[test]
    fn what_did_not_go_by_whole_gives_nothing() {
        let mut passing = Passing::new(10, vec![0..4, 5..6], &[Algorithm::Sha256]).unwrap();
        passing.take(&[0; 9]);
        assert!(passing.finish().is_none());
        assert!(Passing::new(10, vec![4..8, 2..5], &[Algorithm::Sha256]).is_none());
    }
}
