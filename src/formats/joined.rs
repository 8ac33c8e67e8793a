//! Several sources as one: the volumes of a set.

use crate::source::{SharedSource, Source};
use std::io;

/// Several sources, one after the other.
pub(crate) struct Joined {
    parts: Vec<SharedSource>,
    /// Where each ends.
    ends: Vec<u64>,
}

impl Joined {
    /// Puts them together in that order.
    pub(crate) fn new(parts: Vec<SharedSource>) -> Self {
        let mut end = 0u64;
        let ends = parts.iter().map(|part| {
            end = end.saturating_add(part.len());
            end
        });
        Self { ends: ends.collect(), parts }
    }
}

impl Source for Joined {
    fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let part = self.ends.partition_point(|&end| end <= offset);
        let start = part.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.parts.get(part).map_or(Ok(0), |source| source.read_at(offset - start, buf))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceReader;
    use std::io::Read;
    use std::sync::Arc;

    #[test]
    fn joined_sources_are_read_across_their_ends() {
        let joined = Joined::new(vec![Arc::new(vec![1u8, 2]), Arc::new(vec![3u8]), Arc::new(vec![4u8, 5])]);
        let mut out = Vec::new();
        SourceReader::new(Arc::new(joined)).read_to_end(&mut out).unwrap();
        assert_eq!(out, [1, 2, 3, 4, 5]);
    }
}
