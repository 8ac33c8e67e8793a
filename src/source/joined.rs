//! Several sources, one behind the other: the volumes of an archive.

use super::{SharedSource, Source};
use crate::error::{Error, Result};
use std::fs::File;
use std::io;
use std::ops::Range;

/// Sources, one behind the other.
pub struct Joined {
    parts: Vec<SharedSource>,
    /// Where each part ends in this source.
    ends: Vec<u64>,
}

impl Joined {
    /// Puts `parts` together, in that order.
    #[must_use]
    pub fn new(parts: Vec<SharedSource>) -> Self {
        let mut end = 0u64;
        let ends = parts.iter().map(|part| {
            end = end.saturating_add(part.len());
            end
        });
        let ends = ends.collect();
        Self { parts, ends }
    }

    /// The part that holds `offset`, how far into it that is, and how much of it is left.
    fn find(&self, offset: u64) -> Option<(&SharedSource, u64, u64)> {
        let i = self.ends.partition_point(|&end| end <= offset);
        let part = self.parts.get(i)?;
        let left = self.ends.get(i)?.checked_sub(offset)?;
        Some((part, part.len().checked_sub(left)?, left))
    }
}

impl Source for Joined {
    fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0usize;
        while done < buf.len() {
            let Some((part, into, left)) = self.find(offset.saturating_add(done as u64)) else { break };
            let rest = buf.get_mut(done..).unwrap_or_default();
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let n = part.read_at(into, rest.get_mut(..want).unwrap_or_default())?;
            if n == 0 {
                break;
            }
            done += n;
        }
        Ok(done)
    }

    fn in_file(&self, range: Range<u64>) -> Option<(&File, u64)> {
        let (part, into, left) = self.find(range.start)?;
        let len = range.end.checked_sub(range.start).filter(|len| *len <= left)?;
        part.in_file(into..into.checked_add(len)?)
    }

    fn unchanged(&self) -> Result<()> {
        self.parts.iter().try_for_each(|part| part.unchanged())
    }

    fn failure(&self) -> Option<Error> {
        self.parts.iter().find_map(|part| part.failure())
    }
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "small numbers of a test")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    proptest! {
        #[test]
        fn any_read_goes_over_the_seams(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
            offset in 0u64..300, len in 0usize..100,
        ) {
            let whole = parts.concat();
            let joined = Joined::new(parts.into_iter().map(|part| Arc::new(part) as SharedSource).collect());
            prop_assert_eq!(joined.len(), whole.len() as u64);
            let mut buf = vec![0xee; len];
            let n = joined.read_at(offset, &mut buf).unwrap();
            let want = whole.get(offset as usize..).unwrap_or_default();
            prop_assert_eq!(&buf[..n], &want[..len.min(want.len())]);
        }
    }
}
