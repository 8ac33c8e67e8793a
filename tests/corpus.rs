//! Real and made media that are too large for the repository: `../shared/corpus` beside the project, or the
//! folder that `DISCLESS_CORPUS` names. `iso-udf-features.tar.xz` in it is unpacked to `target/` once, with
//! the `tar` program. Where any of this is missing the tests pass, and say loudly what they skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::{EntryKind, Role, Severity};
use discless::source::{FileSource, SharedSource};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use support::{Content, Member, ids, members, open, read_in_order};

/// Says so past the test runner, which keeps what a test prints while it passes.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}; nothing was read");
}

/// Where the archives are.
fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("shared/corpus");
    let at = std::env::var_os("DISCLESS_CORPUS").map_or(beside, PathBuf::from);
    if at.is_dir() {
        return Some(at);
    }
    skipped(&format!("{} is not there (DISCLESS_CORPUS names another folder)", at.display()));
    None
}

/// Unpacks the images once for all tests.
fn unpacked() -> Option<&'static Path> {
    static DONE: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    DONE.get_or_init(unpack).as_deref()
}

fn unpack() -> Option<PathBuf> {
    let archive = corpus()?.join("iso-udf-features.tar.xz");
    if !archive.is_file() {
        skipped(&format!("{} is not there", archive.display()));
        return None;
    }
    let out = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/corpus-features");
    // Written last: half an archive is unpacked again.
    let whole = out.join("unpacked");
    if whole.exists() {
        return Some(out);
    }
    std::fs::create_dir_all(&out).unwrap();
    // Only files that the archive really has are made; holes stay holes.
    let tar = Command::new("tar").arg("-xJSf").arg(&archive).arg("-C").arg(&out).status();
    if !tar.as_ref().is_ok_and(std::process::ExitStatus::success) {
        skipped(&format!("tar cannot unpack {} ({tar:?})", archive.display()));
        return None;
    }
    std::fs::write(whole, "").unwrap();
    Some(out)
}

fn images(root: &Path) -> Vec<PathBuf> {
    let is_image = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "iso" || kind == "img");
    let files = walkdir::WalkDir::new(root).sort_by_file_name().into_iter();
    files.map(|step| step.unwrap().into_path()).filter(is_image).collect()
}

#[test]
fn every_image_opens_and_is_read_to_its_end() {
    let Some(root) = unpacked() else { return };
    let mut wrong = Vec::new();
    let images = images(root);
    for image in &images {
        let name = image.strip_prefix(root).unwrap().display().to_string();
        let source: SharedSource = Arc::new(FileSource::open(image).unwrap());
        let container = match open(&source, &name) {
            Ok(container) => container,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        let damaged = container.findings().iter().filter(|finding| finding.severity == Severity::Damaged);
        wrong.extend(damaged.map(|finding| format!("{name}: {}: {}", finding.subject, finding.what)));
        for (id, content) in read_in_order(&*container, &ids(&*container)) {
            let entry = &container.entries()[id.0];
            match content {
                Content::Whole(bytes, _) if bytes == entry.bytes => {}
                Content::None if entry.kind != EntryKind::File => {}
                // A claim beyond 64 MiB is a hole in these images.
                Content::TooMuch => {}
                other => wrong.push(format!("{name}: {}: {other:?}", entry.path.text())),
            }
        }
        if container.entries().is_empty() {
            wrong.push(format!("{name}: nothing is in it"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(images.len() >= 60, "only {} images are there", images.len());
    eprintln!("{} images", images.len());
}

#[test]
fn the_same_tree_comes_out_of_every_kind_of_udf() {
    let Some(root) = unpacked() else { return };
    let mut trees: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    for image in images(&root.join("udf")) {
        let name = image.file_name().unwrap().to_str().unwrap().to_owned();
        let source: SharedSource = Arc::new(FileSource::open(&image).unwrap());
        let container = open(&source, &name).unwrap();
        let streams = container.entries().iter().filter(|entry| entry.role == Role::Stream);
        let streams: Vec<String> = streams.map(|entry| support::escaped(entry.path.bytes())).collect();
        let tree = members(&*container).into_iter().filter(|member| !streams.contains(&member.path));
        trees.insert(name, tree.collect());
    }
    // These two were filled by chance, anew for each image.
    for member in trees.values_mut().flatten().filter(|member| RANDOM.contains(&member.path.as_str())) {
        member.sha256 = "random".to_owned();
    }
    let base = &trees["py_102_phys.img"];
    assert_eq!(base.len(), 79);
    let mut same = 0;
    for (name, tree) in trees.iter().filter(|(name, _)| !OTHER_TREES.contains(&name.as_str())) {
        assert_eq!(tree, base, "{name}");
        same += 1;
    }
    assert_eq!(same, 32);
    eprintln!("{same} images have the same tree");
}

const RANDOM: [&str; 2] = ["exact.bin", "plus1.bin"];

/// Images whose tree is another one by intent.
const OTHER_TREES: [&str; 5] =
    ["py_bigdir.img", "py_ft0.img", "py_posix.img", "py_rt249.img", "py_streams.img"];
