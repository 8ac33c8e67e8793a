//! What all entries of a container need together is bounded, however small the image is.
#![cfg(test)]

use discless::Limits;
use discless::container::{Container, Severity};
use discless::error::{Kind, Result};
use discless::formats::{Format, Options, iso9660, udf};
use discless::limits::{BOUNDS, UNPACKED};
use flate2::read::GzDecoder;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

fn open(format: &Format, case: &str, limits: Limits) -> Result<Box<dyn Container>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(format.name).join(case);
    let mut image = Vec::new();
    GzDecoder::new(std::fs::File::open(path.join("input.iso.gz")).unwrap()).read_to_end(&mut image).unwrap();
    (format.open)(Arc::new(image), &Options { limits, ..Options::default() })
}

#[test]
fn paths_of_deep_directories_are_counted_together() {
    let limits = Limits { all_path_bytes: 10_000, ..Limits::default() };
    let error = open(&iso9660::FORMAT, "hostile-deep-300", limits).err().unwrap();
    assert!(matches!(error.kind(), Kind::Limit { limit: 10_000, .. }));
}

#[test]
fn a_udf_tree_ends_where_its_paths_are_too_long_together_and_says_so() {
    let whole = open(&udf::FORMAT, "directories", Limits::default()).unwrap().entries().len();
    let limits = Limits { all_path_bytes: 200, ..Limits::default() };
    let disc = open(&udf::FORMAT, "directories", limits).unwrap();
    assert!(!disc.entries().is_empty() && disc.entries().len() < whole);
    assert!(disc.findings().iter().any(|finding| finding.severity == Severity::Damaged));
}

#[test]
fn extents_of_all_files_are_counted_together() {
    let limits = Limits { all_extents: 1_000_000, ..Limits::default() };
    let error = open(&iso9660::FORMAT, "hostile-interleave-bomb", limits).err().unwrap();
    assert!(matches!(error.kind(), Kind::Limit { limit: 1_000_000, .. }));
    let limits = Limits { all_extents: 1, ..Limits::default() };
    let disc = open(&udf::FORMAT, "directories", limits).unwrap();
    let whole = open(&udf::FORMAT, "directories", Limits::default()).unwrap();
    assert!(disc.entries().len() < whole.entries().len());
    assert!(disc.findings().iter().any(|finding| finding.what.contains("extents of all files")));
}

fn page() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/LIMITS.md")).unwrap()
}

/// The names of the fields, as `Debug` has them.
fn fields() -> Vec<String> {
    let all = format!("{:#?}", Limits::default());
    let lines = all.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(':'));
    lines.filter(|(name, _)| !name.starts_with(' ')).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_limit_is_on_the_page_with_its_value_and_its_flag_or_why_it_has_none() {
    let page = page();
    let fields = fields();
    assert_eq!(fields.len(), BOUNDS.len(), "{fields:?}");
    for (field, bound) in fields.iter().zip(BOUNDS) {
        assert_eq!(field, bound.field, "in the order of the struct");
        let line = page.lines().find(|line| line.starts_with(&format!("| `{field}`")));
        let line = line.unwrap_or_else(|| panic!("{field} is not on docs/LIMITS.md"));
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, _, value, what, flag, _] = columns.as_slice() else { panic!("{line}") };
        assert!(!value.is_empty() && !what.is_empty(), "{line}");
        match bound.flag {
            Some(name) => assert!(flag.contains(&format!("`{name}")), "{line}"),
            None => assert!(flag.starts_with("none: ") && flag.len() > 20, "{line}"),
        }
    }
}

/// What the first argument of every `Error::limit(…)` in the source says.
fn counted() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut out = Vec::new();
    for step in walkdir::WalkDir::new(root) {
        let step = step.unwrap();
        if step.path().extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(step.path()).unwrap();
        for (at, call) in text.match_indices("Error::limit(") {
            let argument = text[at + call.len()..].trim_start();
            if let Some(quoted) = argument.strip_prefix('"') {
                let words = quoted.split('"').next().unwrap().to_owned();
                out.push((words, step.path().display().to_string()));
            } else {
                assert!(argument.starts_with("UNPACKED"), "{}: {}", step.path().display(), &argument[..30]);
            }
        }
    }
    out
}

#[test]
fn everything_that_is_counted_is_a_field_or_on_the_page() {
    let page = page();
    let counted = counted();
    assert!(counted.len() > 80, "{}", counted.len());
    for (words, path) in &counted {
        let field = BOUNDS.iter().any(|bound| bound.counts.contains(&words.as_str()));
        assert!(
            field || page.contains(&format!("`{words}`")),
            "{path}: \"{words}\" is not on docs/LIMITS.md"
        );
    }
    for words in BOUNDS.iter().flat_map(|bound| bound.counts).filter(|words| **words != UNPACKED) {
        assert!(counted.iter().any(|(said, _)| said == words), "nothing counts \"{words}\"");
    }
}

#[test]
fn every_flag_is_one_and_is_named_when_its_limit_is_reached() {
    let help = |command: &str| {
        let run =
            std::process::Command::new(env!("CARGO_BIN_EXE_discless")).args([command, "--help"]).output();
        String::from_utf8(run.unwrap().stdout).unwrap()
    };
    for command in ["inspect", "list", "verify", "extract", "cat"] {
        let help = help(command);
        for flag in BOUNDS.iter().filter_map(|bound| bound.flag) {
            assert!(help.contains(&format!("{flag} <")), "{command} has no {flag}");
        }
    }
    let run = |arguments: &[&str]| {
        let run =
            std::process::Command::new(env!("CARGO_BIN_EXE_discless")).args(arguments).output().unwrap();
        (run.status.code(), String::from_utf8(run.stderr).unwrap())
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let input = |case: &str| root.join(case).to_str().unwrap().to_owned();
    let sample = input("sample/lab-tools.iso");
    let temp = tempfile::tempdir().unwrap();
    let out = temp.path().join("out").to_str().unwrap().to_owned();
    let nested = format!("{sample}!/a!/b");
    for (arguments, flag) in [
        (vec!["list", &sample, "--max-entries", "3"], "--max-entries=N"),
        (vec!["list", &sample, "--max-nesting", "0", "-r"], ""),
        (vec!["inspect", &nested, "--max-nesting", "1"], "--max-nesting=N"),
        (vec!["extract", &sample, "-o", &out, "--max-unpacked", "1K"], "--max-unpacked=SIZE"),
        (
            vec!["cat", &format!("{}!/data.bin", input("zip/sevenzip-lzma/input.zip")), "--max-memory", "1K"],
            "--max-memory=SIZE",
        ),
    ] {
        let (code, err) = run(&arguments);
        if flag.is_empty() {
            assert_eq!(code, Some(0), "{arguments:?}: {err}");
            continue;
        }
        assert_eq!(code, Some(2), "{arguments:?}: {err}");
        assert!(err.contains(&format!("hint: {flag} allows more")), "{arguments:?}: {err}");
    }
    // Standard input is spooled.
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_discless"))
        .args(["list", "-", "--max-temporary", "1K"])
        .stdin(std::fs::File::open(&sample).unwrap())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(err.contains("hint: --max-temporary=SIZE allows more"), "{err}");
}
