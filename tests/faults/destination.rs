//! Destinations that cannot be written, go, or are no directories.

use crate::support::image::pattern;
use crate::{Lab, contents, digests, is_root, iso, standing};
use discless::error::{Kind, Refusal};
use discless::extract::{self, Options, Plan};
use discless::observe::Observer;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Removes a directory once something was read.
struct Removes<'a>(&'a Path, AtomicBool);

impl Observer for Removes<'_> {
    fn advance(&self, _: u64) {
        if !self.1.swap(true, Ordering::SeqCst) {
            // Who writes at the same time may have put something there.
            while self.0.exists() {
                std::fs::remove_dir_all(self.0).unwrap_or_default();
            }
        }
    }
}

#[test]
fn a_destination_that_is_removed_is_said_to_be() {
    let contents = contents(200, 3 << 20);
    let source: discless::source::SharedSource = std::sync::Arc::new(iso(&contents));
    let container = crate::support::open(&source, "medium.iso").unwrap();
    let ids = crate::support::ids(&*container);
    let plan =
        Plan::new(&*container, &ids, discless::path::Names::Portable, &discless::Limits::default()).unwrap();
    for in_order in [false, true] {
        let parent = tempfile::tempdir().unwrap();
        let out = parent.path().join("out");
        let options = Options { in_order, threads: 1, ..Options::default() };
        let removes = Removes(&out, AtomicBool::new(false));
        let error = extract::run(&*container, &plan, &out, &options, &removes).unwrap_err();
        assert!(matches!(error.kind(), Kind::Refused(Refusal::Gone(path)) if *path == out), "{error}");
        // The same again is a new beginning.
        extract::run(&*container, &plan, &out, &options, &discless::observe::Silent).unwrap();
        assert_eq!(standing(&out), digests(&contents));
    }
}

#[test]
fn a_destination_that_is_a_file_or_below_one_is_refused_and_stays() {
    let lab = Lab::new();
    lab.write("medium.iso", &iso(&contents(5, 1000)));
    lab.write("file", b"mine");
    let digest = "0".repeat(64);
    for more in [&[][..], &["--sha256", &digest], &["--overwrite=always"]] {
        let arguments = |to| [&["extract", "medium.iso", "-o", to], more].concat();
        lab.run(&arguments("file")).is(2).complains("file is not a directory");
        assert_eq!(lab.run(&arguments("file/below")).code, Some(2));
        assert_eq!(std::fs::read(lab.path("file")).unwrap(), b"mine");
    }
}

#[test]
fn what_a_killed_run_had_prepared_goes_and_what_is_not_ours_stays() {
    let lab = Lab::new();
    let contents = contents(5, 1000);
    lab.write("medium.iso", &iso(&contents));
    let prepared = lab.path("out.new.part");
    for (more, ours) in [(&[][..], true), (&["--no-sandbox"], true), (&[], false), (&["--no-sandbox"], false)]
    {
        std::fs::create_dir(&prepared).unwrap();
        // Killed while it said of which medium.
        lab.write("out.new.part/.discless.part", b"discl");
        if !ours {
            lab.write("out.new.part/mine", b"mine");
        }
        lab.run(&[&["extract", "-q", "medium.iso", "-o", "out"], more].concat()).is(0);
        assert_eq!(standing(&lab.path("out")), digests(&contents));
        assert_eq!(prepared.exists(), !ours);
        if !ours {
            assert_eq!(std::fs::read(prepared.join("mine")).unwrap(), b"mine");
            assert!(prepared.join(".discless.part").exists());
            std::fs::remove_dir_all(&prepared).unwrap();
        }
        std::fs::remove_dir_all(lab.path("out")).unwrap();
    }
    // Nor is it looked for where a link leads.
    std::fs::create_dir(lab.path("elsewhere")).unwrap();
    lab.write("elsewhere/.discless.part", b"of another run");
    std::os::unix::fs::symlink("elsewhere", &prepared).unwrap();
    lab.run(&["extract", "-q", "medium.iso", "-o", "out"]).is(0);
    assert!(lab.path("elsewhere/.discless.part").exists());
}

#[test]
fn a_destination_that_may_not_be_written_is_said_to_be_and_nothing_is_left() {
    let lab = Lab::new();
    lab.write("medium.iso", &iso(&contents(5, 1000)));
    std::fs::create_dir(lab.path("closed")).unwrap();
    if is_root() {
        // Root may write everywhere but where nothing can be written.
        let ran = lab.shell(
            "unshare -m sh -c 'mount -t tmpfs -o ro none closed && exec \"$D\" extract medium.iso -o closed/out'",
        );
        if ran.err.contains("unshare") || ran.err.contains("mount:") {
            eprintln!("SKIPPED: no mount of our own here: {}", ran.err);
            return;
        }
        ran.is(2).complains("closed/out: read-only file system");
        return;
    }
    let rights =
        |mode| std::fs::set_permissions(lab.path("closed"), std::fs::Permissions::from_mode(mode)).unwrap();
    rights(0o555);
    lab.run(&["extract", "medium.iso", "-o", "closed/out"]).is(2).complains("closed/out: permission denied");
    lab.run(&["extract", "medium.iso", "-o", "closed"]).is(2).complains("permission denied");
    rights(0o755);
    assert!(standing(&lab.path("closed")).is_empty());
}

#[test]
fn a_directory_in_the_destination_that_is_closed_is_named() {
    if is_root() {
        eprintln!("SKIPPED: root may write everywhere");
        return;
    }
    let lab = Lab::new();
    lab.write("medium.zip", &crate::support::zip(&[("a/x", pattern(1, 10)), ("b/y", pattern(2, 10))]));
    std::fs::create_dir_all(lab.path("out/b")).unwrap();
    std::fs::set_permissions(lab.path("out/b"), std::fs::Permissions::from_mode(0o555)).unwrap();
    lab.run(&["extract", "medium.zip", "-o", "out", "--overwrite=changed"])
        .is(2)
        .complains("b/y: permission denied");
    std::fs::set_permissions(lab.path("out/b"), std::fs::Permissions::from_mode(0o755)).unwrap();
    lab.run(&["extract", "medium.zip", "-o", "out", "--overwrite=changed"]).is(0);
}
