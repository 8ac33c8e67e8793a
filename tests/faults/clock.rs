//! Clocks that go back, and times that no calendar has: nothing panics, nothing is judged by them that they do not tell.

use crate::{Lab, contents, digests, iso, standing};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Sets the time of a file; false where the file system cannot hold it.
fn set(path: &Path, time: SystemTime) -> bool {
    let file = File::options().read(true).open(path).unwrap();
    file.set_modified(time).is_ok() && file.metadata().unwrap().modified().unwrap() == time
}

fn times() -> Vec<SystemTime> {
    let years = |years: u64| Duration::from_secs(years * 31_556_952);
    vec![
        UNIX_EPOCH,
        UNIX_EPOCH - years(60),
        UNIX_EPOCH - years(1),
        SystemTime::now() + years(1),
        SystemTime::now() + years(300),
        SystemTime::now() + years(9000),
        UNIX_EPOCH + years(200_000),
    ]
}

#[test]
fn a_source_from_the_future_or_from_long_ago_is_a_source() {
    let lab = Lab::new();
    let contents = contents(10, 10_000);
    let image = iso(&contents);
    let path = lab.write("medium.iso", &image);
    let digest = crate::sha256(&image);
    let mut held = 0;
    for time in times() {
        if !set(&path, time) {
            continue;
        }
        held += 1;
        lab.run(&["verify", "medium.iso", "--sha256", &digest]).is(0).says("verified");
        lab.run(&["inspect", "medium.iso"]).is(0);
        lab.run(&["extract", "medium.iso", "-o", "out", "--overwrite=changed"]).is(0);
        lab.run(&["list", "-l", "."]).is(0).complains("");
        lab.run(&["list", "--json", "."]).is(0).complains("");
    }
    eprintln!("{held} of {} times can be held here", times().len());
    assert!(held >= 4, "{held}");
}

#[test]
fn a_run_that_was_stopped_goes_on_whatever_the_time_of_its_files() {
    let lab = Lab::new();
    let contents = contents(60, 300_000);
    lab.write("medium.iso", &iso(&contents));
    lab.run(&["extract", "medium.iso", "-o", "out"]).is(0);
    let marker = identity(&lab);
    for time in times() {
        // As a run leaves it that was stopped by a machine whose clock was wrong.
        std::fs::remove_file(lab.path("out/d1/f1.bin")).unwrap();
        std::fs::write(lab.path("out/.discless.part"), &marker).unwrap();
        std::fs::write(lab.path("out/d1/f1.bin.part"), "half").unwrap();
        for name in ["out/.discless.part", "out/d1/f1.bin.part", "out/d2/f2.bin"] {
            set(&lab.path(name), time);
        }
        lab.run(&["extract", "medium.iso", "-o", "out"]).is(0);
        assert_eq!(standing(&lab.path("out")), digests(&contents));
    }
}

/// What the marker of an interrupted run of the medium says.
fn identity(lab: &Lab) -> String {
    let source = std::sync::Arc::new(discless::source::FileSource::open(&lab.path("medium.iso")).unwrap());
    let source: discless::source::SharedSource = source;
    let container = crate::support::open(&source, "medium.iso").unwrap();
    let ids = discless::nest::to_extract(&*container, &[]).unwrap();
    let limits = discless::Limits::default();
    discless::extract::Plan::new(&*container, &ids, discless::path::Names::Portable, &limits)
        .unwrap()
        .identity
}

#[test]
fn a_share_whose_journal_and_files_are_of_the_future_is_checked_all_the_same() {
    let lab = Lab::new();
    let bytes = iso(&contents(30, 200_000));
    lab.write("medium.iso", &bytes);
    lab.run(&["share", "init", "share"]).is(0);
    lab.run(&["share", "add", "share", "medium.iso", "--allow-unverified"]).is(0);
    let files: Vec<_> = walkdir::WalkDir::new(lab.path("share"))
        .into_iter()
        .map(|step| step.unwrap().into_path())
        .filter(|path| path.is_file())
        .collect();
    for time in times() {
        for path in &files {
            set(path, time);
        }
        // Times differ from the manifest's: the bytes are read, and are the same.
        let ran = lab.run(&["share", "check", "share", "--full"]);
        assert!(!ran.err.contains("panicked") && !ran.err.contains("internal error"), "{}", ran.err);
        assert!(matches!(ran.code, Some(0 | 3)), "{:?} {} {}", ran.code, ran.out, ran.err);
        lab.run(&["share", "list", "share"]).is(0);
    }
    // A journal of a check that began tomorrow is believed by nobody: a file that was changed under it is found.
    let product = files.iter().find(|path| path.ends_with("d0/f0.bin")).unwrap();
    let meta = std::fs::metadata(product).unwrap();
    let mut content = std::fs::read(product).unwrap();
    content[100] ^= 1;
    std::fs::write(product, &content).unwrap();
    let file = File::options().write(true).open(product).unwrap();
    file.set_modified(meta.modified().unwrap()).unwrap();
    let now = file.metadata().unwrap();
    let tomorrow = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 86_400;
    let old = crate::support::sha256(&{
        let mut old = content.clone();
        old[100] ^= 1;
        old
    });
    std::fs::write(lab.path("share/.discless/check.journal"), journal(tomorrow, &now, &old)).unwrap();
    let ran = lab.run(&["share", "check", "share", "--full"]);
    assert_eq!(ran.code, Some(1), "a journal of the future was believed: {} {}", ran.out, ran.err);
}

/// A journal that remembers the file's old digest for what it is now.
fn journal(begun: u64, now: &std::fs::Metadata, sha256: &str) -> String {
    use std::os::unix::fs::MetadataExt;
    let head = serde_json::json!({ "schema": "discless.journal/1", "begun": begun });
    let changed = i128::from(now.ctime()) * 1_000_000_000 + i128::from(now.ctime_nsec());
    let row = serde_json::json!({
        "device": now.dev(), "inode": now.ino(), "bytes": now.len(), "seconds": now.mtime(), "nanos": now.mtime_nsec(),
        "changed": changed.to_string(), "sha256": sha256,
    });
    format!("{head}\n{row}\n")
}
