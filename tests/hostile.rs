//! Media that were cut, bent or made to mislead: nothing panics, nothing takes long, nothing grows
//! without bound, and extraction never leaves its destination.
//!
//! Everything is seeded: a failure names the fixture, the round and the seed. `DISCLESS_FIXTURE` picks
//! fixtures, `DISCLESS_SEED` another seed, `DISCLESS_ROUNDS` more rounds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::{Container, Entry, EntryId, EntryKind};
use discless::error::Kind;
use discless::extract::{self, Plan};
use discless::formats::Options;
use discless::inspect::{Asked, Knowledge};
use discless::observe::Silent;
use discless::path::Names;
use discless::sink::{Sink, Want};
use discless::source::{Counting, SharedSource, Slice};
use discless::{Error, Limits, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use support::{Chance, Fixture, MOST_READ, fixtures, ids, open};

/// One image may take so long.
const MOST_TIME: Duration = Duration::from_secs(5);
/// One that takes so long will not end.
const HANGS: Duration = Duration::from_secs(60);
/// Cuts of one fixture.
const MOST_CUTS: usize = 700;

/// Counts, and ends the walk at [`MOST_READ`].
#[derive(Default)]
struct CountingSink(u64);

impl Sink for CountingSink {
    fn begin(&mut self, _: EntryId, entry: &Entry) -> Result<Want> {
        Ok(if entry.kind == EntryKind::File { Want::Bytes } else { Want::Skip })
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        self.0 += bytes.len() as u64;
        if self.0 > MOST_READ { Err(Error::limit("bytes in a test", MOST_READ)) } else { Ok(()) }
    }

    fn end(&mut self, _: &Entry, _: Result<()>) -> Result<()> {
        Ok(())
    }
}

/// Opens, lists, weighs and reads; says whether it opened and what is out of bounds.
fn use_it(image: SharedSource, name: &str) -> (bool, Vec<String>) {
    let mut out = Vec::new();
    let len = image.len();
    let counting = Arc::new(Counting::new(image));
    let source: SharedSource = counting.clone();
    let container: Arc<dyn Container> = match open(&source, name) {
        Ok(container) => Arc::from(container),
        Err(error) => {
            if error.to_string().is_empty() || matches!(error.kind(), Kind::Io(_) | Kind::Cancelled) {
                out.push(format!("fails oddly: {error:?}"));
            }
            return (false, out);
        }
    };
    // A name of one letter takes 34 bytes of a directory, and there are a handful of trees.
    let most = len / 34 * 2 + 64;
    let entries = container.entries();
    if entries.len() as u64 > most {
        out.push(format!("{} entries in {len} bytes", entries.len()));
    }
    let most = len * 12 + (4 << 20);
    if counting.bytes() > most {
        out.push(format!("opening read {} bytes of {len}", counting.bytes()));
    }
    let text: usize = entries.iter().map(|entry| entry.path.bytes().len()).sum();
    if text as u64 > len * 64 + (1 << 20) {
        out.push(format!("paths of {text} bytes in an image of {len}"));
    }
    let limits = Limits::default();
    let _ = Plan::new(&*container, &ids(&*container), Names::Portable, &limits);
    let _ = discless::inspect::inspect(
        &container,
        &Asked::about(name, &Knowledge::compiled().unwrap()),
        &Options::default(),
    );
    let mut sink = CountingSink::default();
    match container.read_in_order(&ids(&*container), &mut sink) {
        Err(error) if !matches!(error.kind(), Kind::Limit { .. }) => {
            out.push(format!("the walk stopped: {error}"));
        }
        _ => {}
    }
    (true, out)
}

/// A job that a worker does, for the watch.
type Now = Mutex<Option<(String, Instant)>>;

/// What all workers share.
struct Shared<J> {
    jobs: Vec<J>,
    next: AtomicUsize,
    broken: Mutex<Vec<String>>,
    now: Vec<Now>,
}

/// Does `work` for every job in two threads, catches panics, and fails where one hangs.
fn for_all<J: Send + Sync + 'static>(
    jobs: Vec<J>,
    name: impl Fn(&J) -> String + Send + Sync + 'static,
    work: impl Fn(&J, &mut dyn FnMut(String)) + Send + Sync + 'static,
) {
    const THREADS: usize = 2;
    let now = (0..THREADS).map(|_| Mutex::default()).collect();
    let shared = Arc::new(Shared { jobs, next: AtomicUsize::new(0), broken: Mutex::default(), now });
    let work = Arc::new((name, work));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (shared, work) = (shared.clone(), work.clone());
            std::thread::spawn(move || {
                while let Some(job) = shared.jobs.get(shared.next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    let lock = |now: &Now, what| *now.lock().unwrap_or_else(PoisonError::into_inner) = what;
                    lock(&shared.now[thread], Some(((work.0)(job), begun)));
                    let mut found = Vec::new();
                    let done = catch_unwind(AssertUnwindSafe(|| (work.1)(job, &mut |what| found.push(what))));
                    lock(&shared.now[thread], None);
                    if let Err(payload) = done {
                        let text = payload.downcast_ref::<String>().cloned();
                        let text =
                            text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                        found.push(format!("panics: {}", text.unwrap_or_default()));
                    }
                    let name = (work.0)(job);
                    let found = found.into_iter().map(|what| format!("{name}: {what}"));
                    shared.broken.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
                }
            })
        })
        .collect();
    while threads.iter().any(|thread| !thread.is_finished()) {
        std::thread::sleep(Duration::from_millis(100));
        for now in &shared.now {
            let now = now.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((name, begun)) = now {
                assert!(begun.elapsed() < HANGS, "{name}: still at it after {:?}", begun.elapsed());
            }
        }
    }
    let broken = shared.broken.lock().unwrap();
    assert!(broken.is_empty(), "{} complaints:\n{}", broken.len(), broken.join("\n"));
}

/// Times one image; says whether it opened.
fn timed(image: SharedSource, name: &str, say: &mut dyn FnMut(String), round: &str) -> bool {
    let begun = Instant::now();
    let found = catch_unwind(AssertUnwindSafe(|| use_it(image, name)));
    let opened = match found {
        Ok((opened, found)) => {
            found.into_iter().for_each(|what| say(format!("{round}: {what}")));
            opened
        }
        Err(payload) => {
            let text = payload.downcast_ref::<String>().cloned();
            let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            say(format!("{round}: panics: {}", text.unwrap_or_default()));
            false
        }
    };
    if begun.elapsed() > MOST_TIME {
        say(format!("{round}: took {:?}", begun.elapsed()));
    }
    opened
}

/// Sectors that hold descriptors, directories or file entries, by what stands at their beginning.
fn metadata(bytes: &[u8]) -> Vec<usize> {
    let sectors = bytes.chunks(2048).enumerate();
    let is = |sector: &[u8]| {
        let tag = sector.len() >= 16 && {
            // ECMA-167 3/7.2.3: the sum of the tag's other bytes.
            let sum = sector[..16].iter().enumerate().filter(|(at, _)| *at != 4);
            let sum = sum.fold(0u8, |sum, (_, byte)| sum.wrapping_add(*byte));
            sector[..16].iter().any(|&byte| byte != 0) && sector[4] == sum
        };
        let directory = sector.len() >= 34 && sector[0] >= 34 && sector[32] == 1 && sector[33] == 0;
        tag || directory || sector.get(1..6).is_some_and(|id| id == b"CD001" || id == b"BEA01")
    };
    sectors.filter(|(_, sector)| is(sector)).map(|(i, _)| i * 2048).collect()
}

/// Where a fixture is cut, thinned evenly where there are too many places.
fn cuts(fixture: &Fixture, bytes: &[u8]) -> Vec<usize> {
    let step = if fixture.name.contains("block-512") { 512 } else { 2048 };
    let mut out: BTreeSet<usize> = (0..600).map(|i| i * step).collect();
    for at in metadata(bytes) {
        out.extend([at.saturating_sub(1), at, at + 1, at + 2047, at + 2049]);
    }
    if bytes.len() <= 64 << 10 {
        out.extend((0..bytes.len()).step_by(97));
    }
    let out: Vec<usize> = out.into_iter().filter(|&at| at < bytes.len()).collect();
    let every = out.len().div_ceil(MOST_CUTS).max(1);
    out.into_iter().step_by(every).collect()
}

#[test]
fn a_medium_cut_anywhere_is_said_to_be_and_nothing_panics() {
    let total = Arc::new(AtomicUsize::new(0));
    let count = total.clone();
    for_all(
        fixtures(),
        |fixture| fixture.name.clone(),
        move |fixture, say| {
            let bytes = fixture.bytes();
            let whole: SharedSource = bytes.clone();
            for cut in cuts(fixture, &bytes) {
                count.fetch_add(1, Ordering::Relaxed);
                let image = Arc::new(Slice::new(whole.clone(), 0..cut as u64));
                timed(image, &fixture.name, say, &format!("cut at {cut}"));
            }
        },
    );
    eprintln!("{} cuts", total.load(Ordering::Relaxed));
}

#[test]
fn a_good_medium_without_its_last_half_is_damaged_or_no_medium() {
    for fixture in fixtures().iter().filter(|fixture| fixture.is_good() && fixture.is_medium()) {
        let bytes = fixture.bytes();
        let Ok(container) = open(&(bytes.clone() as SharedSource), &fixture.name) else { panic!() };
        let (end, len) = (container.extent().end, bytes.len() as u64);
        drop(container);
        // Behind the end nothing is missed.
        let half = end.min(len) / 2;
        let image: SharedSource = Arc::new(Slice::new(bytes, 0..half));
        if let Ok(container) = open(&image, &fixture.name) {
            let said =
                container.findings().iter().any(|f| f.severity == discless::container::Severity::Damaged);
            // What was written once claims no more than what is recorded; without its last session a disc
            // is as whole as it once was.
            let once = container.layers().iter().any(|layer| layer.detail.contains("VAT"))
                || fixture.name.ends_with("/multisession-write-once");
            // A program whose payload is cut off is still a program: nothing says that more should follow.
            let program = container.format() == "pe" && !fixture.name.starts_with("pe/");
            assert!(said || once || program, "{}: cut to {half} bytes and nothing is said", fixture.name);
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Even rounds change bytes anywhere, one in a hundred; odd ones a few in the metadata, or anywhere where
/// that is not known: packed data stands no more.
fn mutated(bytes: &[u8], places: &[usize], chance: &mut Chance, round: u64) -> Vec<u8> {
    const INTERESTING: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, 2, 0x20, 0x10];
    let mut out = bytes.to_vec();
    if round.is_multiple_of(2) {
        for _ in 0..(bytes.len() / 100).clamp(1, 20_000) {
            let at = chance.below(out.len());
            out[at] = chance.next() as u8;
        }
        return mended(out);
    }
    for _ in 0..1 + chance.below(4) {
        let place = match places.is_empty() {
            true => chance.below(out.len()),
            false => places[chance.below(places.len())] + chance.below(256) * (1 + chance.below(8)),
        };
        for i in 0..1 + chance.below(8) {
            if let Some(byte) = out.get_mut(place + i) {
                *byte = match chance.below(3) {
                    0 => INTERESTING[chance.below(INTERESTING.len())],
                    1 => *byte ^ (1 << chance.below(8)),
                    _ => chance.next() as u8,
                };
            }
        }
    }
    mended(out)
}

/// With the checksums of a 7z archive's header made true again: else nothing behind it would be tried.
fn mended(mut image: Vec<u8>) -> Vec<u8> {
    if !image.starts_with(b"7z\xbc\xaf\x27\x1c") || image.len() < 32 {
        return image;
    }
    let number = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap()) as usize;
    let header = number(12).saturating_add(32)..number(12).saturating_add(32).saturating_add(number(20));
    if let Some(sum) = image.get(header).map(crc32fast::hash) {
        image[28..32].copy_from_slice(&sum.to_le_bytes());
    }
    let sum = crc32fast::hash(&image[12..32]);
    image[8..12].copy_from_slice(&sum.to_le_bytes());
    image
}

#[test]
fn a_medium_with_wrong_bytes_is_read_without_panic_in_bounded_time_and_space() {
    let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let count = counts.clone();
    let (seed, rounds) = (number("DISCLESS_SEED", 0x0d15_c1e5), number("DISCLESS_ROUNDS", 60));
    for_all(
        fixtures(),
        |fixture| fixture.name.clone(),
        move |fixture, say| {
            let bytes = fixture.bytes();
            let places = metadata(&bytes);
            if bytes.is_empty() {
                return;
            }
            // Large ones cost more and have no more structure.
            let rounds = if bytes.len() > 1 << 20 { rounds / 2 } else { rounds };
            for round in 0..rounds {
                let mut chance = Chance::new(seed ^ (round << 32) ^ bytes.len() as u64);
                let image = Arc::new(mutated(&bytes, &places, &mut chance, round));
                let opened = timed(image, &fixture.name, say, &format!("round {round}, seed {seed:#x}"));
                count.0.fetch_add(1, Ordering::Relaxed);
                count.1.fetch_add(opened.into(), Ordering::Relaxed);
            }
        },
    );
    let (all, opened) = (counts.0.load(Ordering::Relaxed), counts.1.load(Ordering::Relaxed));
    eprintln!("{opened} of {all} images opened");
    // What does not open tests little.
    assert!(opened * 3 > all, "{opened} of {all} images opened");
}

/// Everything below a directory, links not followed: kind, length, target.
fn listing(root: &Path) -> BTreeMap<PathBuf, (char, u64, Option<PathBuf>)> {
    let mut out = BTreeMap::new();
    for step in walkdir::WalkDir::new(root).min_depth(1) {
        let step = step.unwrap();
        let meta = step.path().symlink_metadata().unwrap();
        let kind = if meta.is_symlink() {
            'l'
        } else if meta.is_dir() {
            'd'
        } else {
            'f'
        };
        let len = if kind == 'f' { meta.len() } else { 0 };
        let target = std::fs::read_link(step.path()).ok();
        out.insert(step.path().strip_prefix(root).unwrap().to_owned(), (kind, len, target));
    }
    out
}

/// Extracts and says what is wrong with the way it was done.
fn extract_it(container: &dyn Container, names: Names, overwrite: extract::Overwrite) -> Vec<String> {
    let parent = tempfile::tempdir().unwrap();
    let outside = parent.path().join("a/b/c");
    std::fs::create_dir_all(&outside).unwrap();
    for canary in ["canary", "a/canary", "a/b/canary", "a/b/c/canary"] {
        std::fs::write(parent.path().join(canary), "untouched").unwrap();
    }
    let destination = outside.join("destination");
    let below = |all: BTreeMap<PathBuf, (char, u64, Option<PathBuf>)>| -> BTreeMap<_, _> {
        all.into_iter().filter(|(path, _)| !path.starts_with("a/b/c/destination")).collect()
    };
    let before = below(listing(parent.path()));
    let limits = Limits::default();
    let mut out = Vec::new();
    let plan = match Plan::new(container, &ids(container), names, &limits) {
        Ok(plan) => plan,
        Err(error) if matches!(error.kind(), Kind::Limit { .. }) => return out,
        Err(error) => return vec![format!("no plan: {error}")],
    };
    let options = extract::Options { overwrite, names, ..extract::Options::default() };
    let done = extract::run(container, &plan, &destination, &options, &Silent);
    if below(listing(parent.path())) != before {
        out.push("something outside the destination changed".to_owned());
    }
    let inside = if destination.exists() { listing(&destination) } else { BTreeMap::new() };
    let root = destination.canonicalize().unwrap_or_default();
    for (path, (kind, _, target)) in &inside {
        // Followed as the system follows it, or else as it reads.
        if *kind == 'l' {
            let target = target.clone().unwrap_or_default();
            let leads = destination.join(path).canonicalize();
            if target.is_absolute() || leads.is_ok_and(|to| !to.starts_with(&root)) {
                out.push(format!("{} leads out, to {}", path.display(), target.display()));
            }
            if !discless::path::link_stays_inside(&path.to_string_lossy(), &target.to_string_lossy()) {
                out.push(format!("{} could lead out, to {}", path.display(), target.display()));
            }
        }
        let above = path.parent().unwrap_or(Path::new(""));
        let through = above.ancestors().any(|above| inside.get(above).is_some_and(|found| found.0 == 'l'));
        if through {
            out.push(format!("{} was written through a link", path.display()));
        }
    }
    if let Ok(done) = done {
        let files = inside.values().filter(|found| found.0 == 'f').count() as u64;
        if files < done.files {
            out.push(format!("{} files are said to be written, {files} are there", done.files));
        }
        if inside.keys().any(|path| path.to_string_lossy().ends_with(".part")) {
            out.push("a .part is left".to_owned());
        }
    }
    out
}

#[test]
fn extraction_of_a_hostile_medium_stays_in_its_destination() {
    let hostile: Vec<Fixture> = fixtures().into_iter().filter(Fixture::is_hostile).collect();
    let count = hostile.len();
    for_all(
        hostile,
        |fixture| fixture.name.clone(),
        |fixture, say| {
            let source: SharedSource = fixture.bytes();
            let Ok(container) = open(&source, &fixture.name) else { return };
            for names in [Names::Portable, Names::Native] {
                for overwrite in [extract::Overwrite::Never, extract::Overwrite::Always] {
                    let found = extract_it(&*container, names, overwrite);
                    found.into_iter().for_each(|what| say(format!("{names:?} {overwrite:?}: {what}")));
                }
            }
        },
    );
    eprintln!("{count} hostile fixtures");
}

#[test]
fn a_link_that_stands_in_the_destination_is_not_followed() {
    let name = "iso9660/rockridge-links";
    let Some(fixture) = fixtures().into_iter().find(|fixture| fixture.name == name) else { return };
    let source: SharedSource = fixture.bytes();
    let container = open(&source, name).unwrap();
    let directory = container.entries().iter().find(|entry| entry.kind == EntryKind::Dir);
    let directory = directory.map_or("sub", |entry| entry.path.text()).to_owned();
    let parent = tempfile::tempdir().unwrap();
    let (outside, destination) = (parent.path().join("outside"), parent.path().join("destination"));
    std::fs::create_dir(&outside).unwrap();
    std::fs::create_dir(&destination).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&outside, destination.join(&directory)).unwrap();
    let plan = Plan::new(&*container, &ids(&*container), Names::Portable, &Limits::default()).unwrap();
    let options = extract::Options { overwrite: extract::Overwrite::Always, ..extract::Options::default() };
    let done = extract::run(&*container, &plan, &destination, &options, &Silent);
    assert_eq!(listing(&outside).len(), 0, "{directory} was written through");
    if cfg!(unix) && plan.directories.contains_key(Path::new(&directory)) {
        assert!(matches!(done.unwrap_err().kind(), Kind::Refused(_)));
    }
}
