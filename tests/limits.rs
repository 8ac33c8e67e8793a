//! What all entries of a container need together is bounded, however small the image is.
#![cfg(test)]

use discless::Limits;
use discless::container::{Container, Severity};
use discless::error::{Kind, Result};
use discless::formats::{Format, Options, iso9660, udf};
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
