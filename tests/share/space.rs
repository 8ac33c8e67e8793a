//! The same bytes once.

use crate::support::image::pattern;
use crate::support::media::Medium;
use crate::{Lab, flip};

fn two(lab: &Lab) -> [std::path::PathBuf; 2] {
    let same = pattern(3, 200_000);
    let one = Medium::new("ONE")
        .file("a/same.bin", same.clone())
        .file("again.bin", same.clone())
        .file("one.txt", "1");
    let two = Medium::new("TWO").file("b/same.bin", same).file("two.txt", "2");
    [lab.medium("one.iso", &one.iso()), lab.medium("two.iso", &two.iso())]
}

#[cfg(unix)]
#[test]
fn hard_links_are_made_where_they_are_asked_for() {
    use std::os::unix::fs::MetadataExt;
    let lab = Lab::new();
    let [one, two] = two(&lab);
    lab.run(&["add", "--link=hard"], &[&one])
        .is(0)
        .says("195.31 KiB of it stored once with what was there (1 file)");
    let (code, document) = lab.json(&["add", "--link=hard"], &[&two]);
    assert_eq!((code, document["sources"][0]["shared_bytes"].as_u64()), (Some(0), Some(200_000)));
    let inode = |path: &str| std::fs::metadata(lab.at(path)).unwrap().ino();
    let first = inode("Unidentified/one/a/same.bin");
    assert_eq!(first, inode("Unidentified/one/again.bin"));
    assert_eq!(first, inode("Unidentified/two/b/same.bin"));
    lab.run(&["check"], &[]).is(0);
    lab.run(&["check", "--full"], &[]).is(0);
    // One file: whoever changes it changes all of them.
    flip(&lab.at("Unidentified/two/b/same.bin"));
    lab.run(&["check", "--full"], &[]).is(1).says("bad: 3 differences in 2 products");
}

#[cfg(unix)]
#[test]
fn what_changed_since_is_no_source_of_bytes() {
    use std::os::unix::fs::MetadataExt;
    let lab = Lab::new();
    let [one, two] = two(&lab);
    lab.run(&["add", "--link=none"], &[&one]).is(0);
    flip(&lab.at("Unidentified/one/a/same.bin"));
    flip(&lab.at("Unidentified/one/again.bin"));
    lab.run(&["add", "--link=hard"], &[&two]).is(0);
    let bytes = std::fs::read(lab.at("Unidentified/two/b/same.bin")).unwrap();
    assert!(bytes == pattern(3, 200_000));
    let inode = |path: &str| std::fs::metadata(lab.at(path)).unwrap().ino();
    assert_ne!(inode("Unidentified/one/a/same.bin"), inode("Unidentified/two/b/same.bin"));
}

/// Where blocks can be shared they are; elsewhere it is said, once for all sources.
#[test]
fn shared_blocks_are_used_or_it_is_said_once_that_they_cannot_be() {
    let lab = Lab::new();
    let [one, two] = two(&lab);
    let ran = lab.run(&["add"], &[&one, &two]).is(0);
    let said = ran.err.matches("are stored again").count();
    let shared = ran.out.matches("stored once").count();
    assert!((said, shared) == (1, 0) || (said, shared) == (0, 2), "{}\n{}", ran.out, ran.err);
    lab.run(&["check", "--full"], &[]).is(0);
    let lab = Lab::new();
    let [one, two] = self::two(&lab);
    let ran = lab.run(&["add", "--link=none"], &[&one, &two]).is(0);
    assert!(!ran.err.contains("stored again") && !ran.out.contains("stored once"));
}
