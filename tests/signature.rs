//! Signatures by gpg, minisign, signify and ssh-keygen against what those programs say of them
//! (`testdata/signature/*/expected`, made by the recipes), and cut and changed in every way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::verify::signature::{Keys, Signature, Text};
use discless::verify::{Check, Outcome};
use std::fs;
use std::path::{Path, PathBuf};

/// A line of an `expected`.
struct Case {
    folder: PathBuf,
    line: String,
    verdict: String,
    target: String,
    signature: String,
    key: String,
}

fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/signature");
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let mut out = Vec::new();
    for folder in folders {
        for line in fs::read_to_string(folder.join("expected")).unwrap().lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [peer, target, signature, key, rest @ ..] = words.as_slice() else { panic!("{line}") };
            if *peer == "list" {
                continue;
            }
            // Where we differ on purpose, the line says so and why.
            let verdict = match rest {
                ["!=", ours, _, ..] => ours,
                [] => peer,
                _ => panic!("{line}"),
            };
            let owned = |word: &&str| (*word).to_owned();
            out.push(Case {
                line: format!("{}: {line}", folder.file_name().unwrap().to_string_lossy()),
                folder: folder.join("beside"),
                verdict: owned(verdict),
                target: owned(target),
                signature: owned(signature),
                key: owned(key),
            });
        }
    }
    out
}

impl Case {
    fn is_openpgp(&self) -> bool {
        self.line.contains("openpgp")
    }

    fn keys(&self) -> Keys {
        Keys::named(&[self.folder.join(&self.key).to_str().unwrap().to_owned()]).unwrap()
    }

    fn target(&self) -> Vec<u8> {
        fs::read(self.folder.join(&self.target)).unwrap()
    }

    /// What is found, with `target` and `signature` in place of the files.
    fn checks(&self, target: &[u8], signature: Option<&[u8]>, keys: &Keys) -> Vec<Check> {
        match signature {
            Some(signature) => Signature::parse("signature", signature).check(target, keys),
            None => Text::of(target.to_vec()).map(|text| text.check("text", keys)).unwrap_or_default(),
        }
    }

    fn signature(&self) -> Option<Vec<u8>> {
        (self.signature != "-").then(|| fs::read(self.folder.join(&self.signature)).unwrap())
    }
}

fn word(checks: &[Check]) -> &'static str {
    let any = |outcome| checks.iter().any(|check| check.outcome == outcome);
    if any(Outcome::Damaged) {
        "bad"
    } else if any(Outcome::Ok) {
        "good"
    } else if any(Outcome::Weak) {
        "weak"
    } else {
        "none"
    }
}

#[test]
fn every_signature_is_what_the_program_that_made_it_says() {
    let cases = cases();
    assert!(cases.len() > 100, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| cfg!(feature = "openpgp") || !case.is_openpgp()) {
        let checks = case.checks(&case.target(), case.signature().as_deref(), &case.keys());
        let found = word(&checks);
        if found != case.verdict {
            let notes: Vec<&str> = checks.iter().map(|check| check.note.as_str()).collect();
            wrong.push(format!("{}\n    found {found}: {notes:?}", case.line));
        }
        // Nothing is said to be signed without a name, and nothing has one that is not.
        for check in &checks {
            let named = check.signer.as_ref().is_some_and(|signer| signer.name.is_some());
            assert_eq!(named, matches!(check.outcome, Outcome::Ok | Outcome::Weak), "{}", case.line);
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn without_a_key_nothing_is_signed() {
    let none = Keys::default();
    for case in cases() {
        for check in case.checks(&case.target(), case.signature().as_deref(), &none) {
            assert_eq!(check.outcome, Outcome::Unchecked, "{}", case.line);
        }
    }
}

#[test]
fn a_signature_that_is_cut_anywhere_is_not_good() {
    for case in cases().iter().filter(|case| case.verdict == "good" && case.signature != "-") {
        let (target, signature, keys) = (case.target(), case.signature().unwrap(), case.keys());
        let whole = signature.trim_ascii_end().len();
        for end in (0..whole).step_by(1 + whole / 60) {
            let found = word(&case.checks(&target, Some(&signature[..end]), &keys));
            // What is left may still be the whole signature: of OpenPGP's armor only the data counts.
            if found == "good" {
                let text = String::from_utf8_lossy(&signature[..end]).into_owned();
                // minisign's older signatures are signify's with two lines more.
                let whole = if case.is_openpgp() { text.contains("\n=") } else { text.lines().count() == 2 };
                assert!(whole, "{} cut at {end}", case.line);
            }
        }
    }
}

#[test]
fn a_changed_message_is_never_signed() {
    let mut random = support::Chance::new(7);
    for case in cases().iter().filter(|case| case.verdict == "good" && case.signature != "-") {
        let (target, signature, keys) = (case.target(), case.signature().unwrap(), case.keys());
        for _ in 0..3 {
            let mut changed = target.clone();
            let at = random.below(changed.len());
            changed[at] ^= 1 << random.below(8);
            // Ends of lines are not signed in text mode.
            if changed[at] == b'\r' || target[at] == b'\r' || changed[at] == b'\n' || target[at] == b'\n' {
                continue;
            }
            assert_eq!(word(&case.checks(&changed, Some(&signature), &keys)), "bad", "{} at {at}", case.line);
        }
        let mut longer = target.clone();
        longer.push(b'x');
        assert_eq!(word(&case.checks(&longer, Some(&signature), &keys)), "bad", "{}", case.line);
        assert_eq!(word(&case.checks(b"", Some(&signature), &keys)), "bad", "{}", case.line);
    }
}

#[test]
fn changed_signatures_and_keys_end_in_words() {
    let mut random = support::Chance::new(11);
    for case in cases() {
        let (target, signature) = (case.target(), case.signature());
        let key = fs::read(case.folder.join(&case.key)).unwrap();
        for _ in 0..6 {
            let mut changed = signature.clone().unwrap_or_else(|| target.clone());
            for _ in 0..1 + random.below(3) {
                let at = random.below(changed.len() + 1);
                if let Some(byte) = changed.get_mut(at) {
                    *byte = u8::try_from(random.below(256)).unwrap();
                }
            }
            let keys = case.keys();
            let checks = match &signature {
                Some(_) => case.checks(&target, Some(&changed), &keys),
                None => case.checks(&changed, None, &keys),
            };
            assert!(checks.iter().all(|check| !check.note.is_empty()), "{}", case.line);
            let mut changed = key.clone();
            let at = random.below(changed.len());
            changed[at] = u8::try_from(random.below(256)).unwrap();
            let mut keys = Keys::default();
            match keys.add_bytes(&changed, "key") {
                Ok(()) => {
                    let checks = case.checks(&target, signature.as_deref(), &keys);
                    assert!(checks.iter().all(|check| !check.note.is_empty()), "{}", case.line);
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}
