//! Encrypted archives, with their password, with others, and with none. Those of RAR are read from the corpus: no
//! free program writes them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::{Container, Severity};
use discless::error::{Error, Kind, Lock, Result};
use discless::formats::Options;
use discless::medium;
use discless::passwords::Passwords;
use discless::source::{FileSource, SharedSource};
use discless::surroundings::{OnDisk, Surroundings};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use support::{Content, ids, read, read_in_order};

/// SHA-256 of `readme.txt` in the fixtures of 7-Zip, as `7zz x -psecret` writes it.
const README: &str = "6608e63d7eae5c7f9cc0d3d9370058e0274ddc2abae55df1ec1183b6302f599d";

fn passwords(given: &[&str]) -> Passwords {
    Passwords::new(given.iter().map(|&password| password.to_owned())).unwrap()
}

fn options(given: &[&str]) -> Options {
    Options { passwords: passwords(given), ..Options::default() }
}

fn fixture(case: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(case);
    let input = ["input.7z", "input.zip"].iter().map(|name| folder.join(name)).find(|path| path.exists());
    std::fs::read(input.unwrap()).unwrap()
}

fn open(bytes: Vec<u8>, given: &[&str]) -> Result<Box<dyn Container>> {
    let source: SharedSource = Arc::new(bytes);
    medium::open(&source, "medium", &options(given))
}

/// The members' digests, as `open` gives them and as the walk does: both have to agree.
fn digests(container: &dyn Container) -> BTreeMap<String, String> {
    let ids = ids(container);
    let walked: BTreeMap<_, _> = read_in_order(container, &ids).into_iter().collect();
    let mut out = BTreeMap::new();
    for id in ids {
        let content = read(container, id, 1 << 20);
        if content != Content::None {
            assert_eq!(walked.get(&id), Some(&content));
        }
        let path = container.entries()[id.0].path.text().to_owned();
        match content {
            Content::Whole(_, digest) => assert!(out.insert(path, digest).is_none()),
            Content::None => {}
            other => panic!("{path}: {other:?}"),
        }
    }
    out
}

/// What reading the members ends with, the first error of them.
fn error(container: Result<Box<dyn Container>>) -> Error {
    let container = match container {
        Ok(container) => container,
        Err(error) => return error,
    };
    for id in ids(&*container) {
        let read = container.open(id).and_then(|mut content| {
            let mut out = Vec::new();
            Ok(content.read_to_end(&mut out)?)
        });
        if let Err(error) = read {
            return error;
        }
    }
    panic!("every member was read")
}

#[track_caller]
fn tried(error: &Error, expected: usize) {
    match error.kind() {
        Kind::Encrypted { lock: Lock::Password { tried }, .. } => assert_eq!(*tried, expected, "{error}"),
        _ => panic!("{error}"),
    }
    assert!(!error.to_string().contains("wrong"), "a password is shown: {error}");
}

const ONE_README: [&str; 3] = ["sevenz/encrypted", "sevenz/encrypted-header", "zip/sevenzip-aes"];

#[test]
fn the_right_one_of_several_passwords_opens_it() {
    for case in ONE_README {
        let container = open(fixture(case), &["wrong-a", "secret", "wrong-b"]).unwrap();
        let expected = BTreeMap::from([("readme.txt".to_owned(), README.to_owned())]);
        assert_eq!(digests(&*container), expected, "{case}");
    }
    let container = open(fixture("zip/infozip-encrypted"), &["wrong-a", "wrong-b", "secret"]).unwrap();
    let found = digests(&*container);
    assert_eq!(found["readme.txt"], "609391a3f5a807ea29a2dce8c368b5d4ee7fbb85849a59681f8ef3881f612dc1");
    assert_eq!(found["data.bin"], "23dd8de5af75ca02f17feef530dedb5e6fabf27ee61b82e1a5640772c1871f32");
}

#[test]
fn every_strength_and_method_of_winzip_s_aes_is_read() {
    let container = open(fixture("zip/aes-strengths"), &["secret"]).unwrap();
    // As `7zz x -psecret` writes them: the texts of `sevenz/hostile-dictionary`.
    let expected = [
        ("a.txt", "d83e385339d891f68365c85db8dccf14180db245e67560d8e8e24b4cf8fa17ce"),
        ("b.txt", "3b9a897bc55d5b22e7c6eeb27d689b8164dd30ec6f1424dc5bb47616320ad733"),
        ("c.txt", "47c5f3fc26cf3fa3d389894af9e428dd3818f6fc9bccbf852fc7ef7822f0f6f0"),
    ];
    let expected = expected.map(|(name, digest)| (name.to_owned(), digest.to_owned()));
    assert_eq!(digests(&*container), BTreeMap::from(expected));
}

#[test]
fn wrong_passwords_are_counted_and_none_is_told_apart_from_that() {
    for case in ONE_README {
        tried(&error(open(fixture(case), &["wrong-a", "wrong-b"])), 2);
        tried(&error(open(fixture(case), &["wrong-a"])), 1);
        tried(&error(open(fixture(case), &[])), 0);
    }
}

#[test]
fn a_changed_byte_is_never_passed_as_good() {
    for (case, step) in [("sevenz/encrypted", 23), ("zip/sevenzip-aes", 1), ("zip/aes-strengths", 3)] {
        let sound = fixture(case);
        let expected = digests(&*open(sound.clone(), &["secret"]).unwrap());
        let mut refused = 0;
        for at in (0..sound.len()).step_by(step) {
            let mut bytes = sound.clone();
            bytes[at] ^= 0x10;
            let Ok(container) = open(bytes, &["secret"]) else {
                refused += 1;
                continue;
            };
            for id in ids(&*container) {
                match read(&*container, id, 1 << 20) {
                    Content::Whole(_, digest) => {
                        assert!(expected.values().any(|known| *known == digest), "{case}, byte {at}");
                    }
                    _ => refused += 1,
                }
            }
        }
        assert!(refused > 5, "{case}: {refused}");
    }
}

#[test]
fn a_cut_medium_gives_an_error_or_says_what_is_lost() {
    for case in ONE_README {
        let sound = fixture(case);
        for part in 1..8 {
            let Ok(container) = open(sound[..sound.len() * part / 8].to_vec(), &["secret"]) else { continue };
            for id in ids(&*container) {
                // A ZIP archive without its directory still has its members.
                if let Content::Whole(_, digest) = read(&*container, id, 1 << 20) {
                    assert_eq!(digest, README, "{case}, {part}/8");
                }
            }
            let said = container.findings().iter().any(|finding| finding.severity == Severity::Damaged);
            assert!(said, "{case}, {part}/8");
        }
    }
}

#[test]
fn more_rounds_than_anybody_waits_for_are_refused() {
    let error = error(open(fixture("sevenz/hostile-rounds"), &["secret"]));
    assert!(matches!(error.kind(), Kind::Limit { .. }), "{error}");
    // Enough for one key, and not for two.
    let mut options = options(&["wrong", "secret"]);
    options.limits.key_rounds = 1 << 19;
    let source: SharedSource = Arc::new(fixture("sevenz/encrypted-header"));
    let error = medium::open(&source, "medium", &options).err().unwrap();
    assert!(matches!(error.kind(), Kind::Limit { .. }), "{error}");
}

/// Says so past the test runner, which keeps what a test prints while it passes.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}; nothing was read");
}

/// The media of the corpus that have a password, and the lines of what is in them.
fn corpus(format: &str) -> Option<(Vec<Value>, Vec<Value>, PathBuf)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = |variable: &str, other: PathBuf| std::env::var_os(variable).map_or(other, PathBuf::from);
    let expect = named("DISCLESS_CORPUS", here.parent().unwrap().join("shared/corpus")).join("expect");
    let media = named("DISCLESS_CORPUS_MEDIA", here.join("target/corpus"));
    for needed in [&expect, &media] {
        if !needed.exists() {
            skipped(&format!("{} is not there", needed.display()));
            return None;
        }
    }
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(expect.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    Some((lines("passwords.jsonl"), lines(&format!("{format}.jsonl")), media))
}

#[test]
fn rar_archives_open_with_their_password() {
    let Some((passwords, members, media)) = corpus("rar") else { return };
    let mut read_members = 0;
    for line in passwords {
        let (Some(file), Some(password)) = (line["file"].as_str(), line["password"].as_str()) else {
            continue;
        };
        let path = media.join(file);
        if !file.contains("/rar/") || !path.exists() {
            continue;
        }
        let beside = Some(Arc::new(OnDisk::of(&path)) as Arc<_>);
        let file_name = path.file_name().unwrap().to_string_lossy().into_owned();
        let with = |given: &[&str]| Options {
            surroundings: Surroundings { file_name: file_name.clone(), beside: beside.clone() },
            ..options(given)
        };
        let source: SharedSource = Arc::new(FileSource::open(&path).unwrap());
        let container = medium::open(&source, file, &with(&["wrong-a", password, "wrong-b"])).unwrap();
        let found = digests(&*container);
        for member in members.iter().filter(|member| member["file"] == file) {
            let (Some(name), Some(digest)) = (member["member"].as_str(), member["sha256"].as_str()) else {
                continue;
            };
            if member["by"].as_array().is_some_and(|by| by.len() > 1) {
                assert_eq!(found.get(name).map(String::as_str), Some(digest), "{file}: {name}");
                read_members += 1;
            }
        }
        let container = medium::open(&source, file, &with(&["wrong-a", "wrong-b"]));
        tried(&error(container), 2);
    }
    assert!(read_members > 20, "{read_members}");
}
