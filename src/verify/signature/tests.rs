use super::*;
use crate::observe::Silent;
use crate::verify::{Expectations, Verdict};
use std::path::PathBuf;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/signature").join(name)
}

/// The verdict over a fixture with these keys, and every note.
fn verdict(name: &str, keys: &[&str], signatures: &[&str]) -> (Verdict, Vec<String>) {
    let path = fixture(name);
    let keys: Vec<String> = keys.iter().map(|key| fixture(key).to_string_lossy().into_owned()).collect();
    let signatures: Vec<PathBuf> = signatures.iter().map(|name| fixture(name)).collect();
    let mut expectations =
        Expectations { proofs: Proofs::named(&keys, &signatures).unwrap(), ..Expectations::default() };
    expectations.add_beside(&path).unwrap();
    let source: crate::source::SharedSource = std::sync::Arc::new(std::fs::read(&path).unwrap());
    let options = crate::formats::Options::default();
    let found = crate::verify::verify(
        &source,
        name,
        &expectations,
        crate::verify::Depth::Whole,
        &options,
        1,
        &Silent,
    );
    let found = found.unwrap();
    (found.verdict, found.checks.into_iter().map(|check| format!("{}: {}", check.by, check.note)).collect())
}

#[test]
fn minisign_beside_the_file_vouches_for_it_by_its_key_alone() {
    let file = "published/beside/direct/tools.tar";
    assert_eq!(verdict(file, &["published/beside/minisign.pub"], &[]).0, Verdict::Verified);
    assert_eq!(verdict(file, &["published/beside/signify.pub"], &[]).0, Verdict::Unverified);
    assert_eq!(verdict(file, &[], &[]).0, Verdict::Unverified);
}

#[test]
fn a_list_around_which_signify_put_its_signature_is_found_and_named() {
    let (found, notes) =
        verdict("published/beside/openbsd/tools.tar", &["published/beside/signify.pub"], &[]);
    assert_eq!(found, Verdict::Verified);
    assert!(notes.iter().any(|note| note.contains("SHA256.sig, signed by signify.pub <")), "{notes:?}");
}

#[test]
fn once_a_key_is_named_a_list_that_it_did_not_sign_vouches_for_nothing() {
    let file = "published/beside/openbsd/tools.tar";
    assert_eq!(verdict(file, &[], &[]).0, Verdict::Verified);
    let (found, notes) = verdict(file, &["published/beside/minisign.pub"], &[]);
    assert_eq!(found, Verdict::Unverified);
    assert!(notes.iter().any(|note| note.contains("not signed by a key that was given")), "{notes:?}");
}

#[test]
fn a_signature_that_was_named_and_is_not_the_files_is_damage() {
    let signature = ["published/beside/direct/tools.tar.minisig"];
    let keys = ["published/beside/minisign.pub"];
    let (found, notes) = verdict("published/beside/broken/tools.tar", &keys, &signature);
    assert_eq!(found, Verdict::Damaged);
    assert!(notes.iter().any(|note| note.contains("wrong: this is not what minisign.pub")), "{notes:?}");
}

#[cfg(feature = "openpgp")]
#[test]
fn a_changed_list_does_not_count_and_is_damage() {
    let file = "published/beside/broken/tools.tar";
    // Without a key it cannot be told: the list and the file were changed together.
    assert_eq!(verdict(file, &[], &[]).0, Verdict::Verified);
    let (found, notes) = verdict(file, &["published/beside/key.asc"], &[]);
    assert_eq!(found, Verdict::Damaged);
    assert!(notes.iter().all(|note| !note.contains("signed by")), "{notes:?}");
}

#[test]
fn a_directory_of_keys_and_a_bare_key_are_keys() {
    let mut keys = Keys::default();
    keys.add_directory(&fixture("minisign/beside")).unwrap();
    assert!(!keys.is_empty());
    assert!(Keys::default().add_directory(&fixture("published/beside/signed/..").join("direct")).is_err());
    let text = std::fs::read_to_string(fixture("minisign/beside/bare.pub")).unwrap();
    assert!(!Keys::named(&[text.trim().to_owned()]).unwrap().is_empty());
    let error = Keys::default().add_bytes(b"-----BEGIN OPENSSH PRIVATE KEY-----\n", "id").unwrap_err();
    assert!(error.to_string().contains("secret"), "{error}");
    let error = Keys::default().add_bytes(b"nothing", "id").unwrap_err();
    assert!(error.to_string().contains("has no key"), "{error}");
}

#[test]
fn a_source_is_read_once_for_all_signatures_and_in_pieces() {
    let message = std::fs::read(fixture("minisign/beside/file.bin")).unwrap();
    let keys = Keys::named(&[
        fixture("minisign/beside/key.pub").to_string_lossy().into_owned(),
        fixture("ssh-ed25519/beside/allowed").to_string_lossy().into_owned(),
    ]);
    let keys = keys.unwrap();
    let names = [
        "minisign/beside/file.bin.minisig",
        "minisign/beside/legacy.minisig",
        "ssh-ed25519/beside/sha256.sshsig",
    ];
    let signatures: Vec<Signature> =
        names.iter().map(|name| Signature::read(&fixture(name)).unwrap()).collect();
    let signatures: Vec<&Signature> = signatures.iter().collect();
    let counting = crate::source::Counting::new(std::sync::Arc::new(message.clone()));
    let mut comparison = Comparison::begin(&signatures, &keys);
    assert!(comparison.wants_bytes());
    crate::verify::hash::all(&counting, &Silent, &mut comparison).unwrap();
    let checks = comparison.finish();
    assert_eq!(checks.len(), 3);
    assert!(checks.iter().all(|check| check.vouches && check.outcome == Outcome::Ok), "{checks:?}");
    assert_eq!(counting.bytes(), message.len() as u64);
    // Byte by byte, as well.
    for signature in signatures {
        for begun in signature.begin(&keys) {
            let Begun::Reading(mut reading) = begun else { panic!("{signature:?}") };
            message.chunks(1).for_each(|byte| reading.update(byte));
            assert_eq!(reading.finish().outcome, Outcome::Ok);
        }
    }
}

#[test]
fn a_file_that_is_no_signature_is_unchecked_and_says_why() {
    for bytes in [
        &b""[..],
        b"not found",
        b"<html>",
        b"untrusted comment: x",
        b"untrusted comment: x\nRWQ=\n",
        &[0xc2, 0xff],
    ] {
        let checks = Signature::parse("x.sig", bytes).check(b"", &Keys::default());
        assert_eq!(checks.len(), 1);
        assert_eq!(checks[0].outcome, Outcome::Unchecked);
        assert!(checks[0].note.starts_with("cannot be used: "), "{}", checks[0].note);
    }
}
