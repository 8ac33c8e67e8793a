//! Opens the input with the nsis reader alone, whatever its probe says, and reads all of it.
#![no_main]

use discless::formats::nsis;
use discless_fuzz::{exercise, image, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let options = options();
    if let Ok(container) = (nsis::FORMAT.open)(image(data), &options) {
        exercise(&*container);
    }
});
