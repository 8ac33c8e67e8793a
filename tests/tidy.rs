//! The house is in order: file sizes, the table of formats, fixtures, messages, documents.
#![cfg(test)]

use discless::formats::FORMATS;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(below: &str, extension: &str) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(root().join(below)).into_iter().filter_map(Result::ok);
    all.map(walkdir::DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

#[test]
fn no_source_file_is_longer_than_six_hundred_lines() {
    for path in files("src", "rs").into_iter().chain(files("tests", "rs")) {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 600, "{} has {lines} lines: it wants to become a folder", path.display());
    }
}

#[test]
fn every_format_module_is_in_the_table_and_every_name_is_its_module() {
    let text = fs::read_to_string(root().join("src/formats/mod.rs")).unwrap();
    // `not_medium` names what is none of the formats.
    let modules = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    let modules: Vec<&str> = modules.filter(|&name| name != "not_medium").collect();
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    assert_eq!(modules, names);
}

#[test]
fn every_format_has_good_truncated_and_hostile_fixtures_with_recipes() {
    // A directory is made where it is needed.
    for format in FORMATS.iter().filter(|format| format.name != "directory") {
        let cases: Vec<PathBuf> = fs::read_dir(root().join("testdata").join(format.name))
            .unwrap()
            .map(|case| case.unwrap().path())
            .collect();
        let name = |case: &Path| case.file_name().unwrap().to_string_lossy().into_owned();
        for kind in ["hostile-", "truncated-"] {
            assert!(
                cases.iter().any(|case| name(case).starts_with(kind)),
                "{}: no {kind} fixture",
                format.name
            );
        }
        let good = cases
            .iter()
            .filter(|case| !name(case).starts_with("hostile-") && !name(case).starts_with("truncated-"));
        assert!(good.count() >= 3, "{}: too few good fixtures", format.name);
    }
    for recipe in files("testdata", "gz").iter().chain(&files("testdata", "iso")) {
        let folder = recipe.parent().unwrap();
        assert!(folder.join("recipe").exists(), "{} has no recipe", folder.display());
    }
}

#[test]
fn fixtures_are_small() {
    for entry in walkdir::WalkDir::new(root().join("testdata")) {
        let entry = entry.unwrap();
        let bytes = entry.metadata().unwrap().len();
        // The sample of the README is larger, and so is one list of very long paths.
        let allowed = entry.path().ends_with("sample/lab-tools.iso") || entry.file_name() == "expected";
        assert!(bytes <= 64 << 10 || allowed, "{} has {bytes} bytes", entry.path().display());
    }
}

#[test]
fn messages_are_words_and_no_rust() {
    for path in files("tests/cmd", "trycmd").iter().chain(&files(".", "md")) {
        if path.starts_with(root().join("target")) {
            continue;
        }
        let text = fs::read_to_string(path).unwrap();
        for bad in ["failed to fill whole", "Error {", "Os {", "InvalidData", "os error", "called `"] {
            assert!(!text.contains(bad), "{}: {bad}", path.display());
        }
    }
}

#[test]
fn every_module_is_on_the_map() {
    let map = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    for path in files("src", "rs") {
        let local = path.strip_prefix(root().join("src")).unwrap().to_string_lossy().replace('\\', "/");
        let local = local.strip_suffix("/mod.rs").or(local.strip_suffix(".rs")).unwrap_or(&local);
        let name = local.rsplit('/').next().unwrap();
        if matches!(name, "tests" | "lib" | "main") {
            continue;
        }
        assert!(
            map.contains(&format!("`{name}`")) || map.contains(local),
            "{local} is not in docs/ARCHITECTURE.md"
        );
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let reasons = fs::read_to_string(root().join("docs/DEPENDENCIES.md")).unwrap();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if let Some((name, _)) = line.split_once('=').filter(|_| inside) {
            assert!(
                reasons.contains(&format!("`{}`", name.trim())),
                "{} is not in docs/DEPENDENCIES.md",
                name.trim()
            );
        }
    }
    // What the user asked for is weighed, used or not.
    for asked in ["iso9660", "sha2", "indicatif", "clap", "walkdir", "zip"] {
        assert!(reasons.contains(&format!("`{asked}`")), "{asked}");
    }
}

/// `DISCLESS_WRITE_FORMATS=1 cargo test --test tidy` writes the page.
#[test]
fn the_page_of_formats_is_made_from_the_table() {
    let at = root().join("docs/FORMATS.md");
    if std::env::var_os("DISCLESS_WRITE_FORMATS").is_some() {
        std::fs::write(&at, discless::formats::page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&at).unwrap(), discless::formats::page(), "docs/FORMATS.md is stale");
}
