//! Opens the input with the wim reader alone, whatever its probe says, and reads all of it.
#![no_main]

use discless::formats::wim;
use discless_fuzz::{exercise, image, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let options = options();
    let source = image(data);
    let _ = wim::summary(&source);
    let _ = wim::integrity(&*source, &discless::observe::Silent);
    if let Ok(container) = (wim::FORMAT.open)(source, &options) {
        exercise(&*container);
    }
});
