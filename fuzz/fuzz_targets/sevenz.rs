//! Opens the input with the 7z reader alone, whatever its probe says, and reads all of it. Its checksums are
//! made true first: else nothing but the first 32 bytes would ever be tried.
#![no_main]

use discless::formats::sevenz;
use discless_fuzz::{exercise, image, options};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let source = image(data);
    let mut bytes = vec![0; usize::try_from(source.len()).unwrap_or(0)];
    let len = source.read_at(0, &mut bytes).unwrap_or(0);
    bytes.truncate(len);
    mend(&mut bytes);
    let options = options();
    if let Ok(container) = (sevenz::FORMAT.open)(Arc::new(bytes), &options) {
        exercise(&*container);
    }
});

/// Writes the checksum of the header, and then that of the start header.
fn mend(bytes: &mut [u8]) {
    let number = |at: usize| Some(usize::try_from(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?)).ok()?);
    let header = number(12).and_then(|at| at.checked_add(32)).zip(number(20));
    let header = header.and_then(|(at, len)| bytes.get(at..at.checked_add(len)?));
    let sum = header.map(crc32fast::hash);
    if let (Some(sum), Some(place)) = (sum, bytes.get_mut(28..32)) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
    let sum = bytes.get(12..32).map(crc32fast::hash);
    if let (Some(sum), Some(place)) = (sum, bytes.get_mut(8..12)) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
}
