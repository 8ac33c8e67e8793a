//! One source put together from ranges of another: the extents of a file, in order.

use super::{SharedSource, Source};
use crate::error::{Error, Result};
use std::fs::File;
use std::io;
use std::ops::Range;

/// A run of bytes: a range of the inner source, or zeros that are stored nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Where the bytes begin in the inner source; `None` for zeros.
    pub at: Option<u64>,
    /// How many bytes.
    pub len: u64,
}

/// Pieces, one after the other.
pub struct Pieces {
    inner: SharedSource,
    pieces: Vec<Piece>,
    /// Where each piece ends in this source.
    ends: Vec<u64>,
}

impl Pieces {
    /// Puts `pieces` of `inner` together. Pieces past the end of `inner` give fewer bytes when read.
    #[must_use]
    pub fn new(inner: SharedSource, pieces: Vec<Piece>) -> Self {
        let mut end = 0u64;
        let ends = pieces
            .iter()
            .map(|piece| {
                end = end.saturating_add(piece.len);
                end
            })
            .collect();
        Self { inner, pieces, ends }
    }

    /// The piece that holds `offset`, how far into it that is, and how much of it is left.
    fn find(&self, offset: u64) -> Option<(Piece, u64, u64)> {
        let i = self.ends.partition_point(|&end| end <= offset);
        let piece = *self.pieces.get(i)?;
        let end = *self.ends.get(i)?;
        let left = end - offset;
        Some((piece, piece.len.checked_sub(left)?, left))
    }
}

impl Source for Pieces {
    fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0usize;
        while done < buf.len() {
            let Some((piece, into, left)) = self.find(offset.saturating_add(done as u64)) else { break };
            let rest = buf.get_mut(done..).unwrap_or_default();
            let want = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
            let Some(part) = rest.get_mut(..want) else { break };
            let n = match piece.at {
                Some(at) => self.inner.read_at(at.saturating_add(into), part)?,
                None => {
                    part.fill(0);
                    want
                }
            };
            if n == 0 {
                break;
            }
            done += n;
        }
        Ok(done)
    }

    fn in_file(&self, range: Range<u64>) -> Option<(&File, u64)> {
        let (piece, into, left) = self.find(range.start)?;
        let len = range.end.checked_sub(range.start)?;
        let at = piece.at.filter(|_| len <= left)?.checked_add(into)?;
        self.inner.in_file(at..at.checked_add(len)?)
    }

    fn unchanged(&self) -> Result<()> {
        self.inner.unchanged()
    }

    fn failure(&self) -> Option<Error> {
        self.inner.failure()
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
        fn any_read_gives_what_the_pieces_say(
            pieces in prop::collection::vec((prop::option::of(0u64..200), 0u64..50), 0..8),
            offset in 0u64..300, len in 0usize..100,
        ) {
            let inner: Vec<u8> = (0..=255).collect();
            let mut whole = Vec::new();
            for &(at, len) in &pieces {
                match at {
                    Some(at) => whole.extend_from_slice(&inner[at as usize..(at + len) as usize]),
                    None => whole.extend(std::iter::repeat_n(0, len as usize)),
                }
            }
            let pieces = pieces.iter().map(|&(at, len)| Piece { at, len }).collect();
            let source = Pieces::new(Arc::new(inner), pieces);
            prop_assert_eq!(source.len(), whole.len() as u64);
            let mut buf = vec![0xee; len];
            let n = source.read_at(offset, &mut buf).unwrap();
            let want = whole.get(offset as usize..).unwrap_or_default();
            prop_assert_eq!(&buf[..n], &want[..len.min(want.len())]);
        }
    }
}
