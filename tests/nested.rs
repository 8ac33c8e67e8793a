//! Packages in packages: what is listed, what comes out, what it costs, and where it ends.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::{Container, EntryId};
use discless::error::Kind;
use discless::extract::{self, Extracted, Plan, Recursion};
use discless::formats::Options;
use discless::inside::{self, Budget};
use discless::nest;
use discless::observe::Silent;
use discless::path::Names;
use discless::source::{Counting, SharedSource, Source};
use discless::{Limits, Result};
use std::path::Path;
use std::sync::Arc;
use support::image::{Data, Iso, pattern};
use support::{ids, open, zip};

/// An image with a ZIP that has a ZIP in it.
fn onion() -> Vec<u8> {
    let inner = zip(&[("deep/last.txt", b"the core".to_vec()), ("noise.bin", pattern(3, 5000))]);
    let middle = zip(&[("inner.zip", inner), ("middle.txt", b"half way".repeat(100))]);
    let mut iso = Iso::new().with_rock_ridge();
    iso.add("readme.txt", Data::Bytes(b"outside".to_vec()));
    iso.add("packages/middle.zip", Data::Bytes(middle));
    let image = iso.build();
    let mut bytes = vec![0; image.len() as usize];
    image.read_at(0, &mut bytes).unwrap();
    bytes
}

fn opened(bytes: Vec<u8>) -> Arc<dyn Container> {
    let source: SharedSource = Arc::new(bytes);
    Arc::from(open(&source, "onion.iso").unwrap())
}

fn list(container: &Arc<dyn Container>, options: &Options) -> Result<Vec<String>> {
    let mut budget = Budget::new(options, container.source().len());
    let found = inside::list(container, "onion.iso", &ids(&**container), options, &mut budget)?;
    let mut out: Vec<String> = found.into_values().flatten().map(|inner| inner.path).collect();
    out.sort();
    Ok(out)
}

#[test]
fn everything_in_nested_packages_is_listed() {
    let found = list(&opened(onion()), &Options::default()).unwrap();
    assert_eq!(
        found,
        ["inner.zip", "inner.zip!/deep", "inner.zip!/deep/last.txt", "inner.zip!/noise.bin", "middle.txt"]
    );
}

#[test]
fn a_limit_on_depth_entries_or_bytes_holds_over_all_levels() {
    let onion = opened(onion());
    let with = |limits: Limits| list(&onion, &Options { limits, ..Options::default() });
    assert_eq!(with(Limits { nesting: 1, ..Limits::default() }).unwrap(), ["inner.zip", "middle.txt"]);
    assert_eq!(with(Limits { nesting: 0, ..Limits::default() }).unwrap(), [""; 0]);
    let error = with(Limits { entries: 3, ..Limits::default() }).err();
    assert!(error.is_some_and(|error| matches!(error.kind(), Kind::Limit { .. })));
    let error = with(Limits { unpacked_bytes: Some(1000), ..Limits::default() }).err();
    assert!(error.is_some_and(|error| matches!(error.kind(), Kind::Limit { .. })));
}

fn extract_all(onion: &Arc<dyn Container>, to: &Path, options: &Options) -> Result<Extracted> {
    let plan = Plan::new(&**onion, &ids(&**onion), Names::Portable, &options.limits)?;
    let how = extract::Options { digests: true, ..extract::Options::default() };
    let mut out = extract::run(&**onion, &plan, to, &how, &Silent)?;
    let recursion = Recursion { how: &how, options, observer: &Silent };
    recursion.run(onion, &plan, to, &mut out)?;
    Ok(out)
}

#[test]
fn nested_packages_come_out_beside_themselves() {
    let onion = opened(onion());
    let to = tempfile::tempdir().unwrap();
    let out = extract_all(&onion, &to.path().join("out"), &Options::default()).unwrap();
    let at = to.path().join("out/packages/middle.zip.contents");
    assert_eq!(std::fs::read(at.join("inner.zip.contents/deep/last.txt")).unwrap(), b"the core");
    assert_eq!(std::fs::read(at.join("middle.txt")).unwrap(), b"half way".repeat(100));
    assert_eq!((out.files, out.failed.len()), (6, 0));
    let digests: Vec<String> =
        out.digests.iter().map(|(path, _)| path.to_string_lossy().into_owned()).collect();
    assert!(
        digests.contains(&"packages/middle.zip.contents/inner.zip.contents/noise.bin".to_owned()),
        "{digests:?}"
    );
}

#[test]
fn a_bomb_in_a_bomb_is_stopped() {
    let options = Options {
        limits: Limits { unpacked_bytes: Some(300 << 10), ..Limits::default() },
        ..Options::default()
    };
    let inner = zip(&[("zeros", vec![0; 200 << 10])]);
    let outer = opened(zip(&[("a.zip", inner.clone()), ("b.zip", inner)]));
    let to = tempfile::tempdir().unwrap();
    let error = extract_all(&outer, &to.path().join("out"), &options).unwrap_err();
    assert!(matches!(error.kind(), Kind::Limit { .. }), "{error}");
}

#[test]
fn a_name_of_the_medium_is_not_taken_for_contents() {
    let inner = zip(&[("x.txt", b"x".repeat(100))]);
    let outer = opened(zip(&[("a.zip", inner), ("a.zip.contents/mine.txt", b"mine".repeat(50))]));
    let to = tempfile::tempdir().unwrap();
    extract_all(&outer, &to.path().join("out"), &Options::default()).unwrap();
    assert!(to.path().join("out/a.zip.contents/mine.txt").is_file());
    assert!(to.path().join("out/a.zip.contents.1/x.txt").is_file());
}

#[test]
fn a_nested_path_leads_to_a_member_and_reads_little() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("onion.iso");
    std::fs::write(&file, onion()).unwrap();
    let spec = format!("{}!/packages/middle.zip!/inner.zip", file.display());
    let named = nest::open(&spec, &mut std::io::empty(), &Options::default()).unwrap();
    assert_eq!((named.file_name.as_str(), named.surroundings.file_name.as_str()), ("inner.zip", "inner.zip"));
    let container = named.container(&Options::default()).unwrap();
    assert_eq!(container.entries().len(), 3);
}

#[test]
fn packed_members_are_unpacked_once_however_many_are_packages() {
    let packages: Vec<(String, Vec<u8>)> =
        (0..40).map(|n| (format!("{n}.zip"), zip(&[("x", pattern(n, 20_000))]))).collect();
    let packages: Vec<(&str, Vec<u8>)> = packages.iter().map(|(n, b)| (n.as_str(), b.clone())).collect();
    let counting = Arc::new(Counting::new(Arc::new(zip(&packages))));
    let source: SharedSource = counting.clone();
    let outer: Arc<dyn Container> = Arc::from(open(&source, "many.zip").unwrap());
    let before = counting.bytes();
    assert_eq!(list(&outer, &Options::default()).unwrap().len(), 40);
    let read = counting.bytes() - before;
    assert!(read < source.len() * 3 / 2, "{read} bytes were read of {}", source.len());
}

#[test]
fn only_what_holds_packages_is_offered() {
    let onion = opened(onion());
    let mut paths = Vec::new();
    let options = Options::default();
    let mut budget = Budget::new(&options, onion.source().len());
    let wanted: Vec<EntryId> = ids(&*onion);
    inside::containers(&onion, "", &wanted, &options, &mut budget, &mut |nested, _| {
        paths.push(nested.path);
        Ok(())
    })
    .unwrap();
    assert_eq!(paths, ["!/packages/middle.zip"]);
}
