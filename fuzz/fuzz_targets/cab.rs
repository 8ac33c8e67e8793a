//! Opens the input with the cabinet reader alone, whatever its probe says, and reads all of it.
#![no_main]

use discless::formats::cab;
use discless_fuzz::{exercise, image, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let options = options();
    let _ = cab::extent_at(&*image(data), 0);
    if let Ok(container) = (cab::FORMAT.open)(image(data), &options) {
        exercise(&*container);
    }
});
