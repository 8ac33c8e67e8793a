//! Numbers in an image: 0 where it ends before, and nothing is written there.

/// A number of `len` bytes, at most eight.
pub(super) fn number(image: &[u8], at: usize, len: usize, big: bool) -> u64 {
    let bytes = image.get(at..at.saturating_add(len)).unwrap_or_default();
    let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
    if big { bytes.iter().fold(0, add) } else { bytes.iter().rev().fold(0, add) }
}

pub(super) fn put(image: &mut [u8], at: usize, len: usize, value: u64, big: bool) {
    let Some(place) = image.get_mut(at..at.saturating_add(len)) else { return };
    for (i, byte) in place.iter_mut().enumerate() {
        let shift = if big { len - 1 - i } else { i };
        *byte = value.checked_shr(8 * shift as u32).unwrap_or_default() as u8;
    }
}

pub(super) fn u8_at(image: &[u8], at: usize) -> usize {
    image.get(at).copied().map_or(0, usize::from)
}

pub(super) fn u16_at(image: &[u8], at: usize) -> usize {
    number(image, at, 2, false) as usize
}

pub(super) fn u32_at(image: &[u8], at: usize) -> usize {
    number(image, at, 4, false) as usize
}

pub(super) fn u64_at(image: &[u8], at: usize) -> usize {
    number(image, at, 8, false) as usize
}

/// True where `bytes` stand at `at`.
pub(super) fn has(image: &[u8], at: usize, bytes: &[u8]) -> bool {
    image.get(at..).is_some_and(|rest| rest.starts_with(bytes))
}
