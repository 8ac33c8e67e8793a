//! What a machine may do to a run: disks that cannot be read or are full, destinations that go, kills, Ctrl-C, sources
//! that change, clocks that go back, closed streams, few open files. Each is made to happen.
//!
//! What this machine does not let a test do is said: `SKIPPED: …`.

#![cfg(all(test, unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod changed;
mod clock;
mod destination;
#[cfg(all(feature = "mount", target_os = "linux"))]
mod device;
mod files;
mod killed;
mod reading;
mod space;
mod stop;
mod streams;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::image::pattern;
use support::media::Medium;
use support::ran::Ran;
use support::sha256;

/// A directory for a test, with media in it.
struct Lab {
    temp: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        Self { temp: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The command before it is run, in this directory.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_discless"));
        command.current_dir(self.temp.path()).args(arguments).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of_bytes(self.command(arguments).output().unwrap())
    }

    /// Started, with its output kept.
    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A shell in this directory in which `$D` is the program.
    fn shell(&self, script: &str) -> Ran {
        let mut command = Command::new("sh");
        command.current_dir(self.temp.path()).arg("-c").arg(script).stdin(Stdio::null());
        Ran::of_bytes(command.env("D", env!("CARGO_BIN_EXE_discless")).output().unwrap())
    }
}

/// Files of many sizes, by path.
fn contents(files: u64, largest: usize) -> BTreeMap<PathBuf, Vec<u8>> {
    let file = |number: u64| {
        let bytes = if number == 0 { largest } else { (number as usize * 977) % 60_000 };
        (PathBuf::from(format!("d{}/f{number}.bin", number % 9)), pattern(number, bytes))
    };
    (0..files).map(file).collect()
}

/// An ISO image of them.
fn iso(contents: &BTreeMap<PathBuf, Vec<u8>>) -> Vec<u8> {
    let medium = Medium::new("FAULTS");
    contents
        .iter()
        .fold(medium, |medium, (path, bytes)| medium.file(path.to_str().unwrap(), bytes.clone()))
        .iso()
}

/// The digest of every file below `root`.
fn standing(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut out = BTreeMap::new();
    for step in walkdir::WalkDir::new(root) {
        let step = step.unwrap();
        if step.file_type().is_file() {
            let path = step.path().strip_prefix(root).unwrap().to_owned();
            out.insert(path, sha256(&std::fs::read(step.path()).unwrap()));
        }
    }
    out
}

fn digests(contents: &BTreeMap<PathBuf, Vec<u8>>) -> BTreeMap<PathBuf, String> {
    contents.iter().map(|(path, bytes)| (path.clone(), sha256(bytes))).collect()
}

/// That `root` has some of the files, each whole, and nothing else but parts and the marker.
#[track_caller]
fn is_begun(root: &Path, want: &BTreeMap<PathBuf, String>) {
    for (path, digest) in standing(root) {
        let is_part = path.to_string_lossy().ends_with(".part");
        assert!(is_part || want.get(&path) == Some(&digest), "{} is not whole", path.display());
    }
}

/// That nothing ends in `.part`.
#[track_caller]
fn is_tidy(root: &Path) {
    for step in walkdir::WalkDir::new(root) {
        let step = step.unwrap();
        let name = step.file_name().to_string_lossy().into_owned();
        assert!(!name.ends_with(".part"), "{} is left", step.path().display());
    }
}

/// Root writes where nobody may.
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
