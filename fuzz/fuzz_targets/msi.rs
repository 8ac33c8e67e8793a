//! Opens the input with the msi reader alone, whatever its probe says, and reads all of it.
#![no_main]

use discless::formats::msi;
use discless_fuzz::{exercise, image, options};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let options = options();
    let source = image(data);
    if let Err(error) = msi::summary(source.clone()) {
        assert!(!error.to_string().is_empty());
    }
    if let Ok(container) = (msi::FORMAT.open)(source, &options) {
        exercise(&*container);
    }
});
