//! Opens the input with the bundle reader alone, whatever its probe says, and reads all of it.
#![no_main]

use discless::formats::burn;
use discless_fuzz::{exercise, image, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let options = options();
    if let Ok(container) = (burn::FORMAT.open)(image(data), &options) {
        exercise(&*container);
    }
});
