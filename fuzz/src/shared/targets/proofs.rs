//! Signatures, certificates, and digests that an image carries of itself.

use discless::source::{Follow, SharedSource};
use discless::verify::authenticode::der::Reader;
use discless::verify::authenticode::{
    Certificate, Roots, Signed, Standing, Trust, checks, glance, message, verify,
};
use discless::verify::implanted::{Implanting, find};
use discless::verify::signature::{Keys, Signature, Text};
use std::sync::{Arc, LazyLock, OnceLock};

/// Keys that the seeds' signatures were made by.
const KEYS: [&[u8]; 5] = [
    include_bytes!("../../../../testdata/signature/openpgp-ed25519/beside/key.asc"),
    include_bytes!("../../../../testdata/signature/openpgp-cleartext/beside/key.asc"),
    include_bytes!("../../../../testdata/signature/minisign/beside/key.pub"),
    include_bytes!("../../../../testdata/signature/signify/beside/key.pub"),
    include_bytes!("../../../../testdata/signature/ssh-ed25519/beside/allowed"),
];

const MESSAGE: &[u8] = include_bytes!("../../../../testdata/signature/openpgp-ed25519/beside/file.bin");

/// A signature of any kind, keys, and a text with a signature around it.
pub(super) fn signature(data: &[u8]) {
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
        let signature = include_bytes!("../../../../testdata/signature/openpgp-ed25519/beside/file.bin.sig");
        let _ = Signature::parse("signature", signature).check(MESSAGE, &keys);
    }
}

static TRUST: LazyLock<Trust> = LazyLock::new(|| Trust { roots: Roots::default(), now: 1_750_000_000 });

/// A PKCS#7 message, and a file that may be signed: nothing is believed that no key made.
pub(super) fn authenticode(data: &[u8]) {
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
}

fn follow(mut reader: Reader<'_>, depth: u32, left: &mut u32) {
    while !reader.is_empty() && *left > 0 {
        *left -= 1;
        let before = reader.rest().len();
        let Ok(value) = reader.value() else { return };
        assert_eq!(value.whole.len(), before - reader.rest().len());
        assert!(value.content.len() < value.whole.len());
        let _ = (value.octets(), value.bits(), value.small());
        if value.tag & 0x20 != 0 && depth < 64 {
            follow(value.reader("fuzz"), depth + 1, left);
        }
    }
}

/// Values in values, as deep as they go; a certificate; a file of certificates.
pub(super) fn der(data: &[u8]) {
    follow(Reader::new("fuzz", data), 0, &mut 10_000);
    let _ = Certificate::parse(data);
    let mut roots = Roots::none();
    if let Ok(added) = roots.add(data, "fuzz") {
        assert_eq!(added, roots.len());
    }
}

/// An image of so many sectors, by the first byte, whose descriptor claims what the next four say and has the rest as its
/// application use field.
pub(super) fn implanted(data: &[u8]) {
    let Some((head, field)) = data.split_first_chunk::<5>() else { return };
    let [sectors, claimed @ ..] = *head;
    let mut image = vec![0x5a; (17 + usize::from(sectors % 16)) * 2048];
    let descriptor = &mut image[16 * 2048..17 * 2048];
    descriptor[..7].copy_from_slice(b"\x01CD001\x01");
    descriptor[84..88].copy_from_slice(&claimed);
    let len = field.len().min(512);
    descriptor[883..883 + len].copy_from_slice(&field[..len]);
    let Some(found) = find(&image).expect("bytes in memory can be read") else { return };
    let end = found.end;
    // However it is cut, the digest is the same.
    let finish = |step: usize| {
        let mut following = Implanting::new(found.clone());
        image.chunks(step).for_each(|piece| following.update(piece));
        following.finish().map(|(_, value)| value)
    };
    let (whole, pieces) = (finish(image.len()), finish(333));
    assert_eq!(whole.is_some(), end <= image.len() as u64);
    assert_eq!(whole.map(|value| value.bytes), pieces.map(|value| value.bytes));
}
