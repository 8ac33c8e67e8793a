//! A source that changes while it is read: never verified, and what was written of it is no medium's.

use crate::support::{ids, open};
use crate::{Lab, contents, iso};
use discless::digest::{Algorithm, Value};
use discless::error::{Change, Kind};
use discless::extract::{self, Options, Overwrite, Plan};
use discless::observe::{Observer, Silent};
use discless::path::Names;
use discless::source::{FileSource, SharedSource};
use discless::verify::{Depth, Expectations};
use discless::{Error, Limits, Result, verify};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// What happens to a file meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// A download goes on.
    Grows,
    /// It is cut behind what was read.
    IsCut,
    /// A byte that was read is written again, and the time set back.
    WrittenSecretly,
    /// Another file takes its name.
    Replaced,
    /// Only its time is set.
    Timed,
}

const FAULTS: [Fault; 5] =
    [Fault::Grows, Fault::IsCut, Fault::WrittenSecretly, Fault::Replaced, Fault::Timed];

fn inflict(fault: Fault, path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = File::options().read(true).write(true).open(path).unwrap();
    let meta = file.metadata().unwrap();
    match fault {
        Fault::Grows => file.set_len(meta.len() + 4096).unwrap(),
        Fault::IsCut => file.set_len(meta.len() - 4096).unwrap(),
        Fault::WrittenSecretly => {
            file.write_all_at(&[0x55], 5000).unwrap();
            file.set_modified(meta.modified().unwrap()).unwrap();
        }
        Fault::Replaced => {
            let other = path.with_extension("new");
            std::fs::copy(path, &other).unwrap();
            std::fs::rename(&other, path).unwrap();
        }
        Fault::Timed => file.set_modified(meta.modified().unwrap() - Duration::from_secs(3600)).unwrap(),
    }
}

/// Does that to a file once some bytes were read.
struct Inflicts<'a> {
    fault: Fault,
    path: &'a Path,
    after: u64,
    read: AtomicU64,
    done: AtomicBool,
}

impl<'a> Inflicts<'a> {
    fn new(fault: Fault, path: &'a Path, after: u64) -> Self {
        Self { fault, path, after, read: AtomicU64::new(0), done: AtomicBool::new(false) }
    }
}

impl Observer for Inflicts<'_> {
    fn advance(&self, bytes: u64) {
        let read = self.read.fetch_add(bytes, Ordering::SeqCst) + bytes;
        if read >= self.after && !self.done.swap(true, Ordering::SeqCst) {
            inflict(self.fault, self.path);
        }
    }
}

/// A file whose times lie back a little, so that every change shows.
fn fresh(lab: &Lab, bytes: &[u8]) -> (std::path::PathBuf, SharedSource) {
    let path = lab.write("medium.iso", bytes);
    std::thread::sleep(Duration::from_millis(25));
    let source = FileSource::open(&path).unwrap();
    (path, Arc::new(source))
}

fn change(error: &Error) -> Change {
    match error.kind() {
        Kind::Changed(change) => *change,
        other => panic!("{other:?}"),
    }
}

fn fits(fault: Fault, change: Change) -> bool {
    match fault {
        Fault::Grows | Fault::IsCut => matches!(change, Change::Size { .. }),
        Fault::WrittenSecretly => change == Change::Touched,
        Fault::Replaced => change == Change::Replaced,
        Fault::Timed => change == Change::Written,
    }
}

#[test]
fn a_source_that_changes_while_it_is_verified_is_not() {
    let lab = Lab::new();
    let bytes = iso(&contents(60, 5 << 20));
    let digest = Value::from_hex(Algorithm::Sha256, &crate::sha256(&bytes)).unwrap();
    let mut seen = 0;
    for fault in FAULTS {
        for depth in [Depth::Whole, Depth::Members] {
            for after in [1, bytes.len() as u64 / 2] {
                for threads in [1, 2] {
                    let (path, source) = fresh(&lab, &bytes);
                    let inflicts = Inflicts::new(fault, &path, after);
                    let expectations = Expectations::given(std::slice::from_ref(&digest));
                    let options = discless::formats::Options::default();
                    let outcome = verify::verify(
                        &source,
                        "medium.iso",
                        &expectations,
                        depth,
                        &options,
                        threads,
                        &inflicts,
                    );
                    let error = outcome.map(|verified| verified.verdict).unwrap_err();
                    assert!(fits(fault, change(&error)), "{fault:?} {depth:?}: {error}");
                    assert!(
                        error.to_string().starts_with("medium.iso: changed while it was read"),
                        "{error}"
                    );
                    seen += 1;
                }
            }
        }
        let (path, source) = fresh(&lab, &bytes);
        let inflicts = Inflicts::new(fault, &path, 1);
        let error = verify::hash(&*source, &[Algorithm::Sha256], 1, &inflicts).unwrap_err();
        assert!(fits(fault, change(&error)), "{fault:?}: {error}");
        seen += 1;
    }
    eprintln!("{seen} changes were noticed");
}

#[test]
fn what_was_extracted_of_a_source_that_changed_is_taken_for_no_medium() {
    let lab = Lab::new();
    let contents = contents(60, 5 << 20);
    let bytes = iso(&contents);
    let mut seen = 0;
    for fault in FAULTS {
        for in_order in [false, true] {
            let (path, source) = fresh(&lab, &bytes);
            let container = open(&source, "medium.iso").unwrap();
            let plan =
                Plan::new(&*container, &ids(&*container), Names::Portable, &Limits::default()).unwrap();
            let out = tempfile::tempdir().unwrap();
            let run = |overwrite, observer: &dyn Observer| -> Result<extract::Extracted> {
                let options = Options { in_order, overwrite, ..Options::default() };
                extract::run(&*container, &plan, out.path(), &options, observer)
            };
            let error = run(Overwrite::Never, &Inflicts::new(fault, &path, 1)).unwrap_err();
            assert!(fits(fault, change(&error)), "{fault:?} {in_order}: {error}");
            // What stands there is not completed by the next run, as after a Ctrl-C.
            let (_, source) = fresh(&lab, &bytes);
            let container = open(&source, "medium.iso").unwrap();
            let options = Options { in_order, ..Options::default() };
            let error = extract::run(&*container, &plan, out.path(), &options, &Silent).unwrap_err();
            assert!(matches!(error.kind(), Kind::Refused(_)), "{error}");
            let options = Options { overwrite: Overwrite::Always, ..options };
            extract::run(&*container, &plan, out.path(), &options, &Silent).unwrap();
            assert_eq!(crate::standing(out.path()), crate::digests(&contents));
            seen += 1;
        }
    }
    eprintln!("{seen} changes were noticed");
}

#[test]
fn the_program_says_that_a_download_goes_on_and_its_code_is_two() {
    let lab = Lab::new();
    // Large enough that it is still being read when it changes.
    let bytes = iso(&contents(10, 96 << 20));
    let digest = crate::sha256(&bytes);
    let path = lab.write("medium.iso", &bytes);
    for arguments in [
        &["verify", "medium.iso", "--sha256", &digest][..],
        &["hash", "medium.iso", "--algo", "sha256,sha512,sha1,md5"][..],
        &["extract", "medium.iso", "-o", "out", "--sha256", &digest][..],
    ] {
        std::fs::write(&path, &bytes).unwrap();
        std::thread::sleep(Duration::from_millis(25));
        let child = lab.start(arguments);
        std::thread::sleep(Duration::from_millis(60));
        File::options().append(true).open(&path).unwrap().set_len(bytes.len() as u64 + 1).unwrap();
        let ran = crate::Ran::of(child.wait_with_output().unwrap());
        if ran.code == Some(0) {
            eprintln!("SKIPPED: {} was done before it changed", arguments[0]);
            continue;
        }
        if ran.code == Some(1) {
            // It had not begun: what it read is another file, whole and not the one.
            assert!(ran.out.contains("damaged"), "{}", ran.out);
            continue;
        }
        // Some file systems set a file's time before its length: between the two that is all there is to see.
        let grown = ran.err.contains("it had");
        ran.is(2).complains("medium.iso: changed while it was read: it ").complains(if grown {
            "let the download finish"
        } else {
            "when nobody writes to it"
        });
        assert!(!lab.path("out").exists());
    }
}
