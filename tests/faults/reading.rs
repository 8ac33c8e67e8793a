//! A source that cannot be read somewhere in the middle.

use crate::support::{fixtures, ids, kind_word, open};
use discless::container::{Entry, EntryId, EntryKind};
use discless::digest::{Algorithm, Value};
use discless::error::Kind;
use discless::extract::{self, Options, Plan, ReadErrors};
use discless::observe::Silent;
use discless::path::Names;
use discless::sink::{Sink, Want};
use discless::source::{SharedSource, Source};
use discless::verify::{Depth, Expectations, Verdict};
use discless::walk::walk;
use discless::{Error, Limits, Result, verify};
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes of which some cannot be read, once that is switched on.
struct Dying {
    bytes: Arc<Vec<u8>>,
    bad: Range<u64>,
    is_dying: AtomicBool,
    /// Reads that failed.
    failed: AtomicU64,
}

impl Dying {
    fn new(bytes: Arc<Vec<u8>>, bad: Range<u64>) -> Arc<Self> {
        Arc::new(Self { bytes, bad, is_dying: AtomicBool::new(false), failed: AtomicU64::new(0) })
    }
}

impl Source for Dying {
    fn len(&self) -> u64 {
        Source::len(&*self.bytes)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let end = offset.saturating_add(buf.len() as u64);
        if self.is_dying.load(Ordering::Relaxed) && offset < self.bad.end && end > self.bad.start {
            if offset >= self.bad.start {
                self.failed.fetch_add(1, Ordering::Relaxed);
                return Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()));
            }
            // As a disk does: what lies before comes.
            let there = usize::try_from(self.bad.start - offset).unwrap();
            return self.bytes.read_at(offset, &mut buf[..there]);
        }
        self.bytes.read_at(offset, buf)
    }

    fn failure(&self) -> Option<Error> {
        let failed = self.failed.load(Ordering::Relaxed) > 0;
        failed.then(|| io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()).into())
    }
}

/// Every outcome of every entry.
#[derive(Default)]
struct Outcomes(Vec<(String, Option<&'static str>)>, u64);

impl Sink for Outcomes {
    fn begin(&mut self, _: EntryId, entry: &Entry) -> Result<Want> {
        Ok(if entry.kind == EntryKind::File && entry.bytes < 64 << 20 { Want::Bytes } else { Want::Skip })
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        self.1 += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()> {
        self.0.push((entry.path.text().to_owned(), outcome.err().map(|error| kind_word(&error))));
        Ok(())
    }
}

#[test]
fn what_cannot_be_read_is_never_said_to_be_damaged_whatever_the_format() {
    let (mut tried, mut hit, mut wrong) = (0u32, 0u32, Vec::new());
    for fixture in fixtures().iter().filter(|fixture| fixture.is_good() && fixture.is_medium()) {
        let bytes = fixture.bytes();
        let len = bytes.len() as u64;
        for tenths in [3, 6, 9] {
            let at = len * tenths / 10;
            // While it is opened, and once it is open.
            for from_the_start in [true, false] {
                let dying = Dying::new(bytes.clone(), at..at + 512);
                dying.is_dying.store(from_the_start, Ordering::Relaxed);
                let source: SharedSource = dying.clone();
                tried += 1;
                let container = match open(&source, &fixture.name) {
                    Ok(container) => container,
                    Err(error) => {
                        hit += 1;
                        if !matches!(error.kind(), Kind::Io(_)) {
                            wrong.push(format!("{} at {tenths}/10, opened: {error}", fixture.name));
                        }
                        continue;
                    }
                };
                dying.is_dying.store(true, Ordering::Relaxed);
                let mut outcomes = Outcomes::default();
                walk(&*container, &ids(&*container), &mut outcomes, &Silent).unwrap();
                for (path, outcome) in &outcomes.0 {
                    hit += u32::from(outcome.is_some());
                    if !matches!(outcome, None | Some("io")) {
                        wrong.push(format!("{} at {tenths}/10, {path}: {outcome:?}", fixture.name));
                    }
                }
            }
        }
    }
    eprintln!("{hit} of {tried} readings of sources that fail came upon the place");
    assert!(hit > 300, "{hit}");
    assert!(wrong.is_empty(), "{} read errors are taken for damage:\n{}", wrong.len(), wrong.join("\n"));
}

/// Eight stored files of 100 kB, and where the fourth lies.
fn stored() -> (Arc<Vec<u8>>, Range<u64>) {
    let mut medium = crate::Medium::new("DYING");
    for number in 0..8u64 {
        medium = medium.file(&format!("f{number}.bin"), crate::pattern(number, 100_000));
    }
    let bytes = medium.iso();
    let middle = crate::pattern(3, 100_000);
    let at = bytes.windows(64).position(|window| window == &middle[..64]).unwrap() as u64 + 50_000;
    (Arc::new(bytes), at..at + 2048)
}

#[test]
fn extraction_stops_at_the_first_place_that_cannot_be_read_and_names_it() {
    let (bytes, bad) = stored();
    for in_order in [false, true] {
        let dying = Dying::new(bytes.clone(), bad.clone());
        let container = open(&(dying.clone() as SharedSource), "dying.iso").unwrap();
        dying.is_dying.store(true, Ordering::Relaxed);
        let plan = Plan::new(&*container, &ids(&*container), Names::Portable, &Limits::default()).unwrap();
        let out = tempfile::tempdir().unwrap();
        let options = Options { in_order, threads: 1, ..Options::default() };
        let error = extract::run(&*container, &plan, out.path(), &options, &Silent).unwrap_err();
        assert!(matches!(error.kind(), Kind::Io(_)), "{error}");
        assert_eq!(error.place().medium, "f3.bin");
        if !in_order {
            assert_eq!(error.place().offset, Some(bad.start), "{error}");
        }
        assert_eq!(dying.failed.load(Ordering::Relaxed), 1, "a dying disk is asked once");
        assert!(!out.path().join("f3.bin").exists() && !out.path().join("f3.bin.part").exists());
        // Once it can be read again the run goes on.
        dying.is_dying.store(false, Ordering::Relaxed);
        let done = extract::run(&*container, &plan, out.path(), &options, &Silent).unwrap();
        assert_eq!((done.files, done.resumed), (8, true));
        assert!(std::fs::read(out.path().join("f3.bin")).unwrap() == crate::pattern(3, 100_000));
    }
}

#[test]
fn with_keep_going_the_others_come_and_the_one_is_named() {
    let (bytes, bad) = stored();
    for in_order in [false, true] {
        let dying = Dying::new(bytes.clone(), bad.clone());
        let container = open(&(dying.clone() as SharedSource), "dying.iso").unwrap();
        dying.is_dying.store(true, Ordering::Relaxed);
        let plan = Plan::new(&*container, &ids(&*container), Names::Portable, &Limits::default()).unwrap();
        let out = tempfile::tempdir().unwrap();
        let options = Options { in_order, read_errors: ReadErrors::GoOn, ..Options::default() };
        let done = extract::run(&*container, &plan, out.path(), &options, &Silent).unwrap();
        assert_eq!(done.files, 7);
        let [(path, error)] = done.failed.as_slice() else { panic!("{:?}", done.failed) };
        assert!(path == "f3.bin" && matches!(error.kind(), Kind::Io(_)), "{path}: {error}");
        assert_eq!(crate::standing(out.path()).len(), 7);
        for number in [0, 1, 2, 4, 5, 6, 7] {
            let there = std::fs::read(out.path().join(format!("f{number}.bin"))).unwrap();
            assert!(there == crate::pattern(number, 100_000));
        }
    }
}

#[test]
fn what_cannot_be_read_to_its_end_is_never_verified() {
    let (bytes, bad) = stored();
    let digest = Value::from_hex(Algorithm::Sha256, &crate::sha256(&bytes)).unwrap();
    let expectations = Expectations::given(&[digest]);
    for depth in [Depth::Whole, Depth::Members] {
        for threads in [1, 3] {
            let dying = Dying::new(bytes.clone(), bad.clone());
            dying.is_dying.store(true, Ordering::Relaxed);
            let source: SharedSource = dying.clone();
            let options = discless::formats::Options::default();
            let error =
                verify::verify(&source, "dying.iso", &expectations, depth, &options, threads, &Silent)
                    .unwrap_err();
            assert!(matches!(error.kind(), Kind::Io(_)), "{error}");
            if depth == Depth::Members {
                assert!(error.to_string().contains("f3.bin"), "{error}");
            }
            // The same, once it can be read.
            dying.is_dying.store(false, Ordering::Relaxed);
            let done = verify::verify(&source, "dying.iso", &expectations, depth, &options, threads, &Silent);
            assert_eq!(done.unwrap().verdict, Verdict::Verified);
        }
    }
}

#[test]
fn an_error_of_the_system_keeps_its_place_through_every_layer() {
    let (bytes, bad) = stored();
    let dying = Dying::new(bytes, bad.clone());
    let container = open(&(dying.clone() as SharedSource), "dying.iso").unwrap();
    dying.is_dying.store(true, Ordering::Relaxed);
    let id = container.entries().iter().position(|entry| entry.path.text() == "f3.bin").unwrap();
    let sub = container.sub_source(EntryId(id), &Limits::default()).unwrap();
    let error = Error::from(
        sub.read_at(60_000, &mut [0; 4000])
            .err()
            .or_else(|| sub.read_at(50_000, &mut [0; 10]).err())
            .unwrap(),
    );
    assert!(matches!(error.kind(), Kind::Io(io) if io.raw_os_error().is_some()), "{error}");
}
