//! Reads the input as a signature, as keys, and as a text with a signature around it.
#![no_main]

use discless::verify::signature::{Keys, Signature, Text};
use discless_fuzz as _;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

/// Keys that the seeds' signatures were made by.
const KEYS: [&[u8]; 5] = [
    include_bytes!("../../testdata/signature/openpgp-ed25519/beside/key.asc"),
    include_bytes!("../../testdata/signature/openpgp-cleartext/beside/key.asc"),
    include_bytes!("../../testdata/signature/minisign/beside/key.pub"),
    include_bytes!("../../testdata/signature/signify/beside/key.pub"),
    include_bytes!("../../testdata/signature/ssh-ed25519/beside/allowed"),
];

const MESSAGE: &[u8] = include_bytes!("../../testdata/signature/openpgp-ed25519/beside/file.bin");

fuzz_target!(|data: &[u8]| {
    static KNOWN: OnceLock<Keys> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let mut keys = Keys::default();
        for key in KEYS {
            keys.add_bytes(key, "key").unwrap();
        }
        keys
    });
    for check in Signature::parse("signature", data).check(MESSAGE, known) {
        assert!(!check.note.is_empty());
    }
    if let Ok(text) = Text::of(data.to_vec()) {
        let (body, signed) = (text.body.len(), text.is_signed());
        assert!(body <= data.len() + 1);
        assert_eq!(text.check("text", known).is_empty(), !signed);
    }
    let mut keys = Keys::default();
    if let Err(error) = keys.add_bytes(data, "key") {
        assert!(!error.to_string().is_empty());
    } else {
        let signature = include_bytes!("../../testdata/signature/openpgp-ed25519/beside/file.bin.sig");
        let _ = Signature::parse("signature", signature).check(MESSAGE, &keys);
    }
});
