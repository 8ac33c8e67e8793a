//! Reads the input as a PKCS#7 message, and as a file that may be signed.
#![no_main]

use discless::source::SharedSource;
use discless::verify::authenticode::{Roots, Signed, Standing, Trust, checks, glance, message, verify};
use discless_fuzz as _;
use libfuzzer_sys::fuzz_target;
use std::sync::{Arc, LazyLock};

static TRUST: LazyLock<Trust> = LazyLock::new(|| Trust { roots: Roots::default(), now: 1_750_000_000 });

fuzz_target!(|data: &[u8]| {
    if let Ok(signatures) = message(data, &TRUST) {
        for signature in signatures {
            // Nothing is believed that no key made.
            assert!(signature.signed == Signed::Yes || signature.standing() < Standing::Unanchored);
        }
    }
    let source: SharedSource = Arc::new(data.to_vec());
    let _ = glance(&source);
    if let Ok(Some(examined)) = verify(&source, &TRUST) {
        for check in checks(&examined) {
            assert!(!check.vouches || examined.vouches());
            assert!(!check.note.is_empty());
        }
    }
});
