//! Media as directories: what programs see through the kernel, and what is left behind.
//!
//! Needs `/dev/fuse` and the right to mount; says so where it has neither.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::Container;
use discless::error::{Kind, MountFault, Refusal};
use discless::extract::{self, Plan};
use discless::formats::Options;
use discless::mount::{self, Left, Mounted};
use discless::nest;
use discless::observe::Silent;
use discless::path::Names;
use discless::source::{SharedSource, Source};
use discless::view::{Nested, Settings, View};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::image::{Data, Iso, pattern};
use support::{MOST_READ, fixtures, sha256};
use tempfile::TempDir;

type Sources = Vec<(String, Arc<dyn Container>)>;
type Faults = Arc<Mutex<Vec<String>>>;

/// Mounts `sources` on a new directory; nothing where this machine does not let us.
fn mounted(sources: Sources, nested: Nested) -> Option<(TempDir, Mounted, Faults)> {
    let directory = tempfile::tempdir().unwrap();
    let view = View::new(sources, Settings { nested, ..Settings::default() }).unwrap();
    let faults = Faults::default();
    let told = faults.clone();
    let complain = move |error: &discless::Error| {
        told.lock().unwrap().push(format!("{}: {}", error.place().medium, error.kind()));
    };
    match mount::mount(Arc::new(view), directory.path(), &mount::Options::default(), Box::new(complain)) {
        Ok(mounted) => Some((directory, mounted, faults)),
        Err(error) => {
            let Kind::Refused(Refusal::Mount { fault, .. }) = error.kind() else { panic!("{error:?}") };
            assert!(
                matches!(fault, MountFault::NoDevice | MountFault::NoHelper | MountFault::NotPermitted),
                "{error:?}"
            );
            eprintln!("SKIPPED: nothing can be mounted here: {error}");
            None
        }
    }
}

fn image(iso: Iso) -> Vec<u8> {
    let image = iso.build();
    let mut bytes = vec![0; usize::try_from(image.len()).unwrap()];
    image.read_at(0, &mut bytes).unwrap();
    bytes
}

fn one(bytes: Vec<u8>, name: &str) -> Sources {
    let source: SharedSource = Arc::new(bytes);
    vec![(name.to_owned(), Arc::from(support::open(&source, name).unwrap()))]
}

/// All that stands below `root`: a digest, a target, nothing for a directory, the kind of an error.
fn standing(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut out = BTreeMap::new();
    for step in walkdir::WalkDir::new(root).min_depth(1) {
        let step = step.unwrap();
        let meta = step.path().symlink_metadata().unwrap();
        let what = if meta.is_symlink() {
            format!("-> {}", fs::read_link(step.path()).unwrap().display())
        } else if meta.is_dir() {
            String::new()
        } else if meta.len() > MOST_READ {
            format!("{} bytes", meta.len())
        } else {
            match fs::read(step.path()) {
                Ok(bytes) => {
                    assert_eq!(bytes.len() as u64, meta.len(), "{}", step.path().display());
                    sha256(&bytes)
                }
                Err(error) => error.raw_os_error().unwrap().to_string(),
            }
        };
        out.insert(step.path().strip_prefix(root).unwrap().to_owned(), what);
    }
    out
}

fn leave((directory, mounted, _): (TempDir, Mounted, Faults)) {
    assert_eq!(mounted.unmount().unwrap(), Left::Free);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn every_format_shows_what_extract_writes() {
    let (mut sources, mut names) = (Sources::new(), Vec::new());
    for fixture in fixtures().into_iter().filter(|fixture| fixture.is_good()) {
        let source: SharedSource = fixture.bytes();
        let container: Arc<dyn Container> = Arc::from(support::open(&source, &fixture.name).unwrap());
        let name = fixture.name.replace('/', "_");
        sources.push((name.clone(), container.clone()));
        names.push((name, container));
    }
    let Some(mount) = mounted(sources, Nested::Hidden) else { return };
    for (name, container) in names {
        let out = tempfile::tempdir().unwrap();
        let options = Options::default();
        let wanted = nest::to_extract(&*container, &[]).unwrap();
        let plan = Plan::new(&*container, &wanted, Names::Portable, &options.limits).unwrap();
        let below = out.path().join("out");
        extract::run(&*container, &plan, &below, &extract::Options::default(), &Silent).unwrap();
        assert_eq!(standing(&mount.0.path().join(&name)), standing(&below), "{name}");
    }
    assert_eq!(mount.2.lock().unwrap().as_slice(), [""; 0]);
    leave(mount);
}

#[test]
fn hostile_and_truncated_media_give_errors_and_never_hang() {
    let mut sources = Sources::new();
    for fixture in fixtures().into_iter().filter(|fixture| fixture.is_medium() && !fixture.is_good()) {
        let source: SharedSource = fixture.bytes();
        let Ok(container) = support::open(&source, &fixture.name) else { continue };
        let source = vec![(fixture.name.replace('/', "_"), Arc::from(container))];
        // Some ask for more than the limits allow, and are not shown at all.
        if View::new(source.clone(), Settings::default()).is_ok() {
            sources.extend(source);
        }
    }
    assert!(sources.len() > 50, "{} can be opened", sources.len());
    let Some(mount) = mounted(sources, Nested::Shown) else { return };
    let eio = rustix::io::Errno::IO.raw_os_error().to_string();
    let seen = standing(mount.0.path());
    let failed = seen.values().filter(|what| **what == eio).count();
    assert!(failed > 10 && seen.len() > 500, "{failed} of {}", seen.len());
    let faults = mount.2.lock().unwrap().len();
    assert!(faults >= failed, "each says why: {faults} of {failed}");
    leave(mount);
}

#[test]
fn what_a_cut_image_has_not_is_an_error_and_the_rest_is_there() {
    let mut iso = Iso::new().with_rock_ridge();
    iso.add("a.txt", Data::Bytes(b"first".to_vec()));
    iso.add("big.bin", Data::Bytes(pattern(1, 900_000)));
    iso.add("z.bin", Data::Bytes(pattern(2, 300_000)));
    let mut bytes = image(iso);
    bytes.truncate(bytes.len() - 800_000);
    let Some(mount) = mounted(one(bytes, "cut.iso"), Nested::Hidden) else { return };
    let at = |name: &str| mount.0.path().join(name);
    assert_eq!(fs::read(at("a.txt")).unwrap(), b"first");
    let eio = Some(rustix::io::Errno::IO.raw_os_error());
    for _ in 0..3 {
        assert_eq!(fs::read(at("z.bin")).unwrap_err().raw_os_error(), eio);
    }
    // What is there of a file can be read, and no zeros stand for the rest.
    assert_eq!(fs::metadata(at("big.bin")).unwrap().len(), 900_000);
    let mut head = vec![0; 100_000];
    let big = File::open(at("big.bin")).unwrap();
    big.read_exact_at(&mut head, 0).unwrap();
    assert_eq!(head, &pattern(1, 900_000)[..100_000]);
    assert_eq!(big.read_exact_at(&mut head, 700_000).unwrap_err().raw_os_error(), eio);
    drop(big);
    let faults = mount.2.lock().unwrap().clone();
    assert_eq!(faults.len(), 2, "once for each file: {faults:?}");
    assert!(faults.iter().any(|fault| fault.starts_with("z.bin: ends early")), "{faults:?}");
    leave(mount);
}

#[test]
fn attributes_are_those_of_a_medium() {
    let sample =
        fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/sample/lab-tools.iso")).unwrap();
    let Some(mount) = mounted(one(sample, "lab-tools.iso"), Nested::Hidden) else { return };
    let root = mount.0.path();
    let meta = |name: &str| fs::symlink_metadata(root.join(name)).unwrap();
    assert_eq!(meta("README.TXT").permissions().mode() & 0o7777, 0o444);
    assert_eq!(meta("setup.exe").permissions().mode() & 0o7777, 0o555);
    assert_eq!(meta("docs").permissions().mode() & 0o7777, 0o555);
    assert_eq!(meta("").ino(), 1);
    assert_eq!(meta("setup.exe").len(), 3584);
    assert_eq!(meta("setup.exe").mtime(), meta("README.TXT").mtime());
    // Numbers stay, by whatever way they are asked for.
    let listed: BTreeMap<_, _> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), std::os::unix::fs::DirEntryExt::ino(&entry)))
        .collect();
    assert_eq!(listed.len(), 4);
    for (name, number) in listed {
        assert_eq!(fs::metadata(root.join(&name)).unwrap().ino(), number, "{name:?}");
    }
    // Names have capitals, and there is nothing but what is there.
    assert_eq!(fs::metadata(root.join("SETUP.EXE")).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(fs::metadata(root.join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    let erofs = Some(rustix::io::Errno::ROFS.raw_os_error());
    assert_eq!(File::create(root.join("new")).unwrap_err().raw_os_error(), erofs);
    assert_eq!(fs::remove_file(root.join("setup.exe")).unwrap_err().raw_os_error(), erofs);
    assert_eq!(fs::create_dir(root.join("new")).unwrap_err().raw_os_error(), erofs);
    assert_eq!(fs::rename(root.join("setup.exe"), root.join("x")).unwrap_err().raw_os_error(), erofs);
    let space = rustix::fs::statvfs(root).unwrap();
    assert_eq!((space.f_bfree, space.f_bavail, space.f_namemax), (0, 0, 255));
    assert!(space.f_blocks * space.f_frsize > 10_000);
    let table = fs::read_to_string("/proc/self/mounts").unwrap();
    let line = table.lines().find(|line| line.contains(root.to_str().unwrap())).unwrap();
    for option in ["ro", "nosuid", "nodev"] {
        assert!(line.split([' ', ',']).any(|word| word == option), "{line}");
    }
    leave(mount);
}

#[test]
fn many_threads_read_a_packed_file_at_any_place() {
    let wanted = pattern(9, 3_000_000);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &wanted).unwrap();
    let Some(mount) = mounted(one(packed.finish().unwrap(), "big.bin.gz"), Nested::Hidden) else { return };
    let path = fs::read_dir(mount.0.path()).unwrap().next().unwrap().unwrap().path();
    std::thread::scope(|scope| {
        for seed in 0..8 {
            let (path, wanted) = (&path, &wanted);
            scope.spawn(move || {
                let file = File::open(path).unwrap();
                let mut chance = support::Chance::new(seed);
                for _ in 0..40 {
                    let at = chance.below(wanted.len());
                    let mut buf = vec![0; chance.below(200_000).min(wanted.len() - at)];
                    file.read_exact_at(&mut buf, at as u64).unwrap();
                    assert_eq!(buf, &wanted[at..at + buf.len()]);
                }
            });
        }
    });
    leave(mount);
}

#[test]
fn packages_in_packages_are_directories_beside_them() {
    let mut inner = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    inner.start_file("deep/last.txt", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut inner, b"the core").unwrap();
    let mut iso = Iso::new().with_rock_ridge();
    iso.add("x/inner.zip", Data::Bytes(inner.finish().unwrap().into_inner()));
    let Some(mount) = mounted(one(image(iso), "outer.iso"), Nested::Shown) else { return };
    let inside = mount.0.path().join("x/inner.zip.contents/deep/last.txt");
    assert_eq!(fs::read(inside).unwrap(), b"the core");
    leave(mount);
}

#[test]
fn what_is_in_use_is_taken_out_of_the_way() {
    let mut iso = Iso::new().with_rock_ridge();
    iso.add("a.txt", Data::Bytes(b"first".to_vec()));
    let Some((directory, mounted, _)) = mounted(one(image(iso), "a.iso"), Nested::Hidden) else { return };
    let open = File::open(directory.path().join("a.txt")).unwrap();
    assert_eq!(mounted.unmount().unwrap(), Left::InUse);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    drop(open);
}

#[test]
fn dropped_or_unmounted_by_others_it_ends() {
    let mut iso = Iso::new().with_rock_ridge();
    iso.add("a.txt", Data::Bytes(b"first".to_vec()));
    let sources = one(image(iso), "a.iso");
    let Some((directory, first, _)) = mounted(sources.clone(), Nested::Hidden) else { return };
    assert!(!first.is_over());
    drop(first);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    let (directory, second, _) = mounted(sources, Nested::Hidden).unwrap();
    let status = ["umount", "fusermount3"].iter().any(|tool| {
        let args: &[&str] = if *tool == "umount" { &[] } else { &["-u"] };
        Command::new(tool).args(args).arg(directory.path()).status().is_ok_and(|status| status.success())
    });
    assert!(status, "somebody can unmount it");
    let since = Instant::now();
    while !second.is_over() {
        assert!(since.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(second.unmount().unwrap(), Left::Free);
}

#[test]
fn a_directory_that_cannot_be_used_is_refused() {
    let fault = |directory: &Path| {
        let view = Arc::new(View::new(Vec::new(), Settings::default()).unwrap());
        let error = mount::mount(view, directory, &mount::Options::default(), Box::new(|_| ())).unwrap_err();
        match error.kind() {
            Kind::Refused(Refusal::Mount { fault, .. }) => Some(*fault),
            _ => None,
        }
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"x").unwrap();
    assert_eq!(fault(folder.path()), Some(MountFault::NotEmpty));
    assert_eq!(fault(&folder.path().join("file")), Some(MountFault::NotADirectory));
    assert_eq!(fault(&folder.path().join("none")), None);
}

/// The program, as it is used: it says when it can be read, and a signal ends it.
#[test]
fn the_program_mounts_until_it_is_told_to_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_discless"))
        .args(["mount", "testdata/sample/lab-tools.iso"])
        .arg(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if line.is_empty() {
        let mut why = String::new();
        child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(2), "{why}");
        eprintln!("SKIPPED: nothing can be mounted here: {why}");
        return;
    }
    assert!(line.starts_with("mounted 5 files, "), "{line}");
    assert_eq!(fs::read(directory.path().join("setup.exe")).unwrap().len(), 3584);
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
