//! Reads the input as a Windows Installer file.
#![no_main]

use discless::inspect::msi;
use discless_fuzz as _;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    if let Err(error) = msi::summary(Arc::new(data.to_vec())) {
        assert!(!error.to_string().is_empty());
    }
});
