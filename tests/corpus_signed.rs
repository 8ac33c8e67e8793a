//! Real signed files against what osslsigncode found in them: `../shared/corpus` beside the project, or the folder that
//! `DISCLESS_CORPUS` names, for the expectations; `target/corpus`, where `score.py` unpacks it, or the folder that
//! `DISCLESS_CORPUS_MEDIA` names, for the files. Where any of it is missing the tests pass, and say loudly what they skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::Limits;
use discless::container::EntryKind;
use discless::digest::Algorithm;
use discless::formats::Options;
use discless::medium;
use discless::source::{FileSource, SharedSource, read_vec};
use discless::verify::authenticode::{Examined, Roots, Standing, Trust, verify};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Says so past the test runner, which keeps what a test prints while it passes.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}; nothing was read");
}

/// The lines of an expectation, and where the media are.
fn corpus(expectation: &str) -> Option<(Vec<Value>, PathBuf)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let named = |variable: &str, other: PathBuf| std::env::var_os(variable).map_or(other, PathBuf::from);
    let lines = named("DISCLESS_CORPUS", here.parent().unwrap().join("shared/corpus"))
        .join("expect")
        .join(expectation);
    let media = named("DISCLESS_CORPUS_MEDIA", here.join("target/corpus"));
    for needed in [&lines, &media] {
        if !needed.exists() {
            skipped(&format!("{} is not there", needed.display()));
            return None;
        }
    }
    let text = std::fs::read_to_string(lines).unwrap();
    Some((text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), media))
}

/// The day that the research on these files was done: 2026-11-22.
fn trust() -> Trust {
    Trust { roots: Roots::default(), now: 1_795_305_600 }
}

fn examined(path: &Path) -> Option<Examined> {
    let source: SharedSource = Arc::new(FileSource::open(path).unwrap());
    verify(&source, &trust()).unwrap()
}

#[test]
fn digests_match_where_they_do_for_osslsigncode() {
    let Some((lines, media)) = corpus("signed-facts.jsonl") else { return };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in &lines {
        let file = line["file"].as_str().unwrap();
        let path = media.join(file);
        if !path.exists() {
            skipped(&format!("{} is not there", path.display()));
            continue;
        }
        // It shows an installer file's digest in two parts, so that the two it prints never match there.
        let Some(theirs) = line["osslsigncode"]["match"].as_bool().filter(|_| !file.ends_with(".msi")) else {
            continue;
        };
        let found = examined(&path);
        let ours = found.as_ref().is_some_and(|found| {
            !found.signatures.is_empty()
                && found
                    .signatures
                    .iter()
                    .all(|one| one.digest.as_ref().is_some_and(|digest| digest.matches()))
        });
        compared += 1;
        if ours != theirs {
            wrong.push(format!("{file}: osslsigncode {theirs}, discless {ours}"));
        }
        let count = line["osslsigncode"]["signatures"].as_u64();
        let have = found.map(|found| found.signatures.len() as u64);
        if count.is_some() && count != have {
            wrong.push(format!("{file}: osslsigncode has {count:?} signatures, discless {have:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{compared} files");
    assert!(compared > 35 || lines.is_empty(), "only {compared} files were compared");
}

#[test]
fn microsofts_files_end_at_microsofts_roots() {
    let Some((_, media)) = corpus("signed-facts.jsonl") else { return };
    for (file, standing) in [
        ("PUBLIC/pe/pe/test/amdxata.sys", Standing::Anchored),
        ("PUBLIC/signed/signify/test_data/DXCore.dll", Standing::Anchored),
        ("PUBLIC/signed/signtool/makecat.exe", Standing::Anchored),
        ("PUBLIC/signed/pynsist/api-ms-win-crt-stdio-l1-1-0.dll", Standing::Anchored),
        // Its root is not among those that are shipped.
        ("PUBLIC/signed/directx/DXSETUP.exe", Standing::Unanchored),
        ("PUBLIC/pe/pe/test/putty.exe", Standing::Unanchored),
        ("PUBLIC/pe/pe/test/putty_modified.exe", Standing::Damaged),
        ("PUBLIC/signed/signify/test_data/putty.msi", Standing::Unanchored),
        ("PUBLIC/signed/built/exchangeserver-x64-signed.msi", Standing::Unanchored),
        ("PUBLIC/signed/built/setup-x64-appended-after-signature.exe", Standing::Damaged),
        ("PUBLIC/signed/built/setup-x64-truncated-signature.exe", Standing::Damaged),
    ] {
        let path = media.join(file);
        if !path.exists() {
            skipped(&format!("{} is not there", path.display()));
            continue;
        }
        assert_eq!(examined(&path).unwrap().standing(), standing, "{file}");
    }
}

#[test]
fn an_older_countersignature_without_the_digests_name_is_read() {
    let Some((_, media)) = corpus("signed-facts.jsonl") else { return };
    let path = media.join("PUBLIC/pe/pe/test/putty.exe");
    if !path.exists() {
        return skipped(&format!("{} is not there", path.display()));
    }
    let found = examined(&path).unwrap();
    let stamp = found.signatures[0].timestamp.as_ref().unwrap();
    assert_eq!(stamp.signed, discless::verify::authenticode::Signed::Yes);
}

#[test]
fn catalogues_list_what_they_are_said_to() {
    let Some((lines, media)) = corpus("catalog.jsonl") else { return };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in &lines {
        let text = |field: &str| line[field].as_str().unwrap_or_default().to_owned();
        let path = media.join(text("cab"));
        if !path.exists() {
            skipped(&format!("{} is not there", path.display()));
            continue;
        }
        let source: SharedSource = Arc::new(FileSource::open(&path).unwrap());
        let cabinet = medium::open(&source, &text("cab"), &Options::default()).unwrap();
        let named = |name: &str| {
            let is = |entry: &discless::container::Entry| {
                entry.kind == EntryKind::File && entry.path.text().eq_ignore_ascii_case(name)
            };
            let at = cabinet.entries().iter().position(is)?;
            cabinet.sub_source(discless::container::EntryId(at), &Limits::default()).ok()
        };
        let (Some(catalogue), Some(_)) = (named(&text("catalog")), named(&text("file"))) else {
            wrong.push(format!("{line}: not in the cabinet"));
            continue;
        };
        let list = verify(&catalogue, &trust()).unwrap().and_then(|found| found.catalogue).unwrap();
        for (digest, expected) in [("flat_sha1", "flat_in_catalog"), ("pe_sha1", "pe_in_catalog")] {
            let (Some(digest), Some(expected)) = (line[digest].as_str(), line[expected].as_bool()) else {
                continue;
            };
            let value = discless::digest::Value::from_hex(Algorithm::Sha1, digest).unwrap();
            compared += 1;
            if list.lists(Algorithm::Sha1, &value.bytes) != expected {
                wrong.push(format!("{line}"));
            }
        }
        assert!(!read_vec(&*catalogue, 0, catalogue.len()).unwrap().is_empty());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{compared} digests");
}
