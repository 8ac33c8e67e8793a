//! Real and made installer files against what other readers found in them: `../shared/corpus` beside the project, or the
//! folder that `DISCLESS_CORPUS` names, for the expectations; `target/corpus`, where `score.py` unpacks it, or
//! the folder that `DISCLESS_CORPUS_MEDIA` names, for the files. Where any of it is missing the tests pass, and say loudly
//! what they skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::Container;
use discless::formats::Options;
use discless::medium;
use discless::source::{FileSource, SharedSource};
use discless::surroundings::{OnDisk, Surroundings};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
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

fn opened(media: &Path, file: &str) -> Option<discless::error::Result<Box<dyn Container>>> {
    let path = media.join(file);
    if !path.exists() {
        skipped(&format!("{} is not there", path.display()));
        return None;
    }
    let source: SharedSource = Arc::new(FileSource::open(&path).unwrap());
    let surroundings = Surroundings {
        file_name: path.file_name().unwrap().to_string_lossy().into_owned(),
        beside: Some(Arc::new(OnDisk::of(&path))),
    };
    Some(medium::open(&source, file, &Options { surroundings, ..Options::default() }))
}

#[test]
fn files_have_the_names_and_bytes_that_msiextract_gives() {
    let Some((lines, media)) = corpus("msi.jsonl") else { return };
    let mut wanted: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for line in &lines {
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        let by_names = line["by"].as_array().unwrap().iter().any(|by| by == "msiextract");
        if let (true, Some(file), Some(sha256)) = (by_names, line["file"].as_str(), text("sha256")) {
            wanted.entry(file).or_default().insert((text("member").unwrap(), sha256));
        }
    }
    let mut wrong = Vec::new();
    for (file, wanted) in &wanted {
        let Some(container) = opened(&media, file) else { continue };
        let found: BTreeSet<(String, String)> = support::members(&*container.unwrap())
            .into_iter()
            .map(|member| (member.path, member.sha256))
            .collect();
        wrong.extend(wanted.difference(&found).map(|(path, _)| format!("{file}: {path}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{} packages", wanted.len());
}

#[test]
fn properties_and_summaries_are_what_msiinfo_says() {
    let Some((lines, media)) = corpus("msi-facts.jsonl") else { return };
    let mut wrong = Vec::new();
    let mut compared = 0;
    for line in &lines {
        let file = line["file"].as_str().unwrap();
        let said = &line["msiinfo"];
        let Some(Ok(container)) = opened(&media, file) else { continue };
        let named = &container.facts().named;
        let fact =
            |name: &str| named.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let pairs = [
            ("product", &said["properties"]["ProductName"]),
            ("version", &said["properties"]["ProductVersion"]),
            ("manufacturer", &said["properties"]["Manufacturer"]),
            ("product_code", &said["properties"]["ProductCode"]),
            ("upgrade_code", &said["properties"]["UpgradeCode"]),
            ("subject", &said["summary"]["Subject"]),
            ("comment", &said["summary"]["Comments"]),
        ];
        for (name, wanted) in pairs {
            let Some(wanted) = wanted.as_str().filter(|text| !text.is_empty()) else { continue };
            compared += 1;
            if fact(name) != Some(wanted) {
                wrong.push(format!("{file}: {name} is {:?}, not {wanted:?}", fact(name)));
            }
        }
        let signed = said["streams"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one == "\u{5}DigitalSignature"));
        if signed != fact("signed").is_some() {
            wrong.push(format!("{file}: signed is {:?}", fact("signed")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    eprintln!("{compared} facts");
}
