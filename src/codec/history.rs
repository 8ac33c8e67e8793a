//! What a decoder has decoded, as far back as a match may reach, in one straight piece: no position in it
//! ever wraps around.

use crate::error::{Error, Result};

/// Bytes behind the last that may be written to while a match is copied in blocks.
const SLACK: usize = 512;
/// Bytes that a match is copied by.
const BLOCK: usize = 16;
/// Bytes a frame may have besides the window, at least: history is moved to the front once in so many.
const ROOM: usize = 256 << 10;

/// A buffer of which the part in front of `at` is decoded.
#[derive(Debug)]
pub(crate) struct History {
    /// The window, room for more, slack.
    bytes: Vec<u8>,
    at: usize,
    window: usize,
}

impl History {
    /// `window` is how far back matches reach, in bytes.
    pub(crate) fn new(window: usize) -> Self {
        Self { bytes: vec![0; window + window.max(ROOM) + SLACK], at: 0, window }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.at = 0;
    }

    /// Where the next byte goes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Makes room for `len` more bytes, at most a window's. What lies further back than a window is lost.
    pub(crate) fn make_room(&mut self, len: usize) -> Result<()> {
        if len > self.window {
            return Err(Error::invalid("frame larger than its window"));
        }
        if self.at + len + SLACK > self.bytes.len() {
            let keep = self.at.min(self.window);
            self.bytes.copy_within(self.at - keep..self.at, 0);
            self.at = keep;
        }
        Ok(())
    }

    /// The whole buffer, and where the next byte goes: for a loop that writes much.
    pub(crate) fn parts(&mut self) -> (&mut [u8], &mut usize) {
        (&mut self.bytes, &mut self.at)
    }

    /// The last `len` bytes.
    pub(crate) fn last(&self, len: usize) -> &[u8] {
        self.bytes.get(self.at.saturating_sub(len)..self.at).unwrap_or_default()
    }
}

/// Copies `len` bytes from `offset` bytes before `at` to `at`; the two may overlap, then the first bytes
/// repeat. The caller knows that `1 <= offset <= at` and that at least `len` and the slack lie behind `at`.
/// What lies behind the `len` bytes may change.
#[inline(always)]
#[allow(clippy::indexing_slicing, reason = "the hot loop of every match; the caller has proved the bounds")]
pub(crate) fn copy_match(bytes: &mut [u8], at: usize, offset: usize, len: usize) {
    let from = at - offset;
    if offset >= BLOCK {
        let mut done = 0;
        loop {
            let mut block = [0u8; BLOCK];
            block.copy_from_slice(&bytes[from + done..from + done + BLOCK]);
            bytes[at + done..at + done + BLOCK].copy_from_slice(&block);
            done += BLOCK;
            if done >= len {
                break;
            }
        }
    } else if offset == 1 {
        let byte = bytes[from];
        bytes[at..at + len].fill(byte);
    } else {
        for i in 0..len {
            bytes[at + i] = bytes[from + i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_repeats_what_it_overlaps() {
        for offset in 1..40usize {
            let mut bytes: Vec<u8> = (0..40u8).chain([0; 600]).collect();
            copy_match(&mut bytes, 40, offset, 50);
            for i in 40..90 {
                assert_eq!(bytes[i], bytes[i - offset], "offset {offset}, byte {i}");
            }
        }
    }

    #[test]
    fn the_window_is_kept_when_room_is_made() {
        let mut history = History::new(1 << 15);
        for round in 0..100u32 {
            history.make_room(20_000).unwrap();
            let (bytes, at) = history.parts();
            bytes[*at..*at + 20_000].fill(u8::try_from(round).unwrap());
            *at += 20_000;
            if round > 0 {
                assert_eq!(history.last(20_001)[0], u8::try_from(round).unwrap() - 1);
            }
        }
        assert!(history.make_room(1 << 16).is_err());
    }
}
