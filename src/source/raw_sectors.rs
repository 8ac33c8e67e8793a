//! CD images that keep whole sectors with their headers and error correction (`.bin`, `.img`), seen
//! as their user data of 2048 bytes a sector.
//!
//! | layout | sector | user data | header |
//! |---|---|---|---|
//! | Mode 1 | 2352 | 16..2064 | 12 sync, 3 address, 1 mode (ECMA-130 §14) |
//! | Mode 2 Form 1 | 2352 | 24..2072 | the same and 8 subheader |
//! | Mode 2 Form 1, no sync | 2336 | 8..2056 | 8 subheader |
//! | either with subchannels | 2448 | as above | 96 bytes after each sector |
//!
//! A Mode 2 Form 2 sector has 2324 bytes of user data; the first 2048 are given, as files in it
//! (video, audio) cannot be addressed by the file system in 2048-byte blocks anyway.

use super::{SharedSource, Source, read_up_to};
use crate::error::{Error, Result};
use std::io;

/// The bytes that begin every raw sector with a header.
const SYNC: [u8; 12] = [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0];
const USER: u64 = 2048;

/// How a raw image lays its sectors out, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawLayout {
    /// From one sector to the next.
    pub sector: u64,
    /// Where the user data begins in a sector.
    pub data: u64,
}

impl RawLayout {
    /// The name people use.
    #[must_use]
    pub fn title(self) -> &'static str {
        match (self.sector, self.data) {
            (2352, 16) => "raw sectors of 2352 bytes, Mode 1",
            (2352, _) => "raw sectors of 2352 bytes, Mode 2 Form 1",
            (2336, _) => "raw sectors of 2336 bytes, Mode 2 Form 1",
            (2448, 16) => "raw sectors of 2448 bytes, Mode 1 with subchannels",
            _ => "raw sectors of 2448 bytes, Mode 2 Form 1 with subchannels",
        }
    }

    /// Looks for a raw layout: by the sync pattern, or by a volume descriptor where one would lie.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn detect(source: &dyn Source) -> Result<Option<Self>> {
        let head = read_up_to(source, 0, 16)?;
        if head.starts_with(&SYNC) {
            let data = if head.get(15) == Some(&2) { 24 } else { 16 };
            for sector in [2352, 2448] {
                let next = read_up_to(source, sector, SYNC.len())?;
                if next == SYNC || (source.len() == sector && next.is_empty()) {
                    return Ok(Some(Self { sector, data }));
                }
            }
            return Ok(None);
        }
        // Without sync bytes only a descriptor in sector 16 tells.
        let layout = Self { sector: 2336, data: 8 };
        let at = 16 * layout.sector + layout.data;
        let id = read_up_to(source, at + 1, 5)?;
        Ok((id == b"CD001" || id == b"BEA01").then_some(layout))
    }
}

/// The user data of a raw image.
pub struct RawSectors {
    inner: SharedSource,
    layout: RawLayout,
}

impl RawSectors {
    /// Shows `inner` as its user data.
    #[must_use]
    pub fn new(inner: SharedSource, layout: RawLayout) -> Self {
        Self { inner, layout }
    }
}

impl Source for RawSectors {
    /// Whole sectors, and what there is of a last one that is cut short.
    fn len(&self) -> u64 {
        let whole = self.inner.len() / self.layout.sector;
        let rest = self.inner.len() % self.layout.sector;
        whole * USER + rest.saturating_sub(self.layout.data).min(USER)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        // One read covers up to 32 sectors; the user data is picked out of it.
        let there = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX);
        let want = there.min(buf.len()).min(32 * 2048);
        let Some(end) = offset.checked_add(want as u64).filter(|_| want > 0) else { return Ok(0) };
        let (first, last) = (offset / USER, (end - 1) / USER);
        // Within one sector nothing has to be picked apart.
        if first == last {
            let at = first.saturating_mul(self.layout.sector) + self.layout.data + offset % USER;
            return self.inner.read_at(at, buf.get_mut(..want).unwrap_or_default());
        }
        let begin = first.saturating_mul(self.layout.sector);
        let stop = last.saturating_mul(self.layout.sector) + self.layout.data + USER;
        let stop = stop.min(self.inner.len());
        let size = usize::try_from(stop.saturating_sub(begin)).unwrap_or(0);
        let mut raw = vec![0; size];
        let mut have = 0;
        while let Some(rest) = raw.get_mut(have..).filter(|rest| !rest.is_empty()) {
            match self.inner.read_at(begin + have as u64, rest)? {
                0 => break,
                n => have += n,
            }
        }
        let mut done = 0usize;
        while done < want {
            let at = offset + done as u64;
            let into = at % USER;
            let from = (at / USER - first) * self.layout.sector + self.layout.data + into;
            let part = usize::try_from(USER - into).unwrap_or(0).min(want - done);
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let Some(src) = raw.get(from..).and_then(|rest| rest.get(..part)) else { break };
            let Some(dst) = buf.get_mut(done..done + part) else { break };
            dst.copy_from_slice(src);
            done += part;
        }
        Ok(done)
    }

    fn unchanged(&self) -> Result<()> {
        self.inner.unchanged()
    }

    fn failure(&self) -> Option<Error> {
        self.inner.failure()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::read_vec;
    use std::sync::Arc;

    fn raw(user: &[u8], sector: usize, data: usize, mode: u8) -> Vec<u8> {
        let mut out = Vec::new();
        for part in user.chunks(2048) {
            let mut one = vec![0u8; sector];
            if sector != 2336 {
                one[..12].copy_from_slice(&SYNC);
                one[15] = mode;
            }
            one[data..data + part.len()].copy_from_slice(part);
            out.extend(one);
        }
        out
    }

    #[test]
    fn every_layout_gives_its_user_data() {
        let mut user: Vec<u8> = (0..2048 * 70u32).map(|i| (i % 249) as u8).collect();
        user[16 * 2048 + 1..16 * 2048 + 6].copy_from_slice(b"CD001");
        for (sector, data, mode) in [(2352, 16, 1), (2352, 24, 2), (2448, 16, 1), (2336, 8, 2)] {
            let image: SharedSource = Arc::new(raw(&user, sector, data, mode));
            let layout = RawLayout::detect(&*image).unwrap().unwrap();
            assert_eq!(layout, RawLayout { sector: sector as u64, data: data as u64 });
            let source = RawSectors::new(image, layout);
            assert_eq!(source.len(), user.len() as u64);
            assert_eq!(read_vec(&source, 0, user.len() as u64).unwrap(), user);
            assert_eq!(read_vec(&source, 2047, 3).unwrap(), &user[2047..2050]);
        }
    }

    #[test]
    fn a_cut_last_sector_gives_what_is_left_of_it() {
        let user: Vec<u8> = (0..4096u32).map(|i| (i % 249) as u8).collect();
        let mut image = raw(&user, 2352, 16, 1);
        image.truncate(2352 + 16 + 100);
        let source = RawSectors::new(Arc::new(image), RawLayout { sector: 2352, data: 16 });
        assert_eq!(source.len(), 2148);
        assert_eq!(read_vec(&source, 2040, 108).unwrap(), &user[2040..2148]);
    }
}
