//! What a file costs beside its bytes: calls of the operating system and allocations. Alone in its program, because
//! both are counted for a whole process or thread.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::EntryKind;
use discless::extract::{self, Options, Plan};
use discless::observe::Silent;
use discless::path::Names;
use discless::source::{FileSource, SharedSource, Source, read_vec};
use discless::{Limits, formats, verify};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use support::image::{Data, Iso, pattern};
use support::{ids, open};

const FILES: u64 = 2000;

/// The counters are those of the process: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls that read and calls that wrote so far, of this process.
fn calls() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    Some((value("syscr:")?, value("syscw:")?))
}

/// An image of small files, in a real file.
fn image(files: u64) -> tempfile::NamedTempFile {
    let mut iso = Iso::new().with_rock_ridge();
    for i in 0..files {
        iso.add(&format!("d{}/f{i}.txt", i % 20), Data::Bytes(pattern(i, 3000)));
    }
    let image = iso.build();
    let bytes = read_vec(&image, 0, image.len()).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

#[test]
fn a_small_file_costs_one_call_that_reads_and_one_that_writes() {
    let _alone = alone();
    let image = image(FILES);
    let expected = verify::Expectations::default();
    for members in [false, true] {
        let source: SharedSource = Arc::new(FileSource::open(image.path()).unwrap());
        let reader = if members { verify::Reader::Members } else { verify::Reader::Alone };
        let options = formats::Options::default();
        let reading = verify::Reading::begin(&source, "m.iso", &expected, reader, &options).unwrap();
        let container = reading.opened().unwrap().clone();
        let plan = Plan::new(&*container, &ids(&*container), Names::Portable, &Limits::default()).unwrap();
        let out = tempfile::tempdir().unwrap();
        let how = Options { in_order: members, ..Options::default() };
        let Some(before) = calls() else { return eprintln!("SKIPPED: no /proc/self/io here") };
        reading.start();
        let done = extract::run(&*container, &plan, out.path(), &how, &Silent).unwrap();
        let after = calls().unwrap();
        assert_eq!(done.files, FILES);
        let (reads, writes) = (after.0 - before.0, after.1 - before.1);
        eprintln!("{reads} reads and {writes} writes for {FILES} files");
        assert!(reads <= FILES + FILES / 10, "{reads} reads for {FILES} files");
        assert!(writes <= FILES + FILES / 10, "{writes} writes for {FILES} files");
    }
}

#[test]
fn allocations_are_bounded_by_the_number_of_entries() {
    let _alone = alone();
    // What does not depend on the number of files is subtracted.
    let cost = |files: u64| {
        let image = image(files);
        let source: SharedSource = Arc::new(FileSource::open(image.path()).unwrap());
        let mut entries = 0;
        let opening = allocation_counter::measure(|| {
            let container = open(&source, "m.iso").unwrap();
            entries = container.entries().iter().filter(|entry| entry.kind == EntryKind::File).count() as u64;
        });
        let container = open(&source, "m.iso").unwrap();
        let planning = allocation_counter::measure(|| {
            drop(Plan::new(&*container, &ids(&*container), Names::Portable, &Limits::default()).unwrap());
        });
        let plan = Plan::new(&*container, &ids(&*container), Names::Portable, &Limits::default()).unwrap();
        let out = tempfile::tempdir().unwrap();
        // Of the thread that walks: those that write keep one buffer each.
        let walking = allocation_counter::measure(|| {
            extract::run(&*container, &plan, out.path(), &Options::default(), &Silent).unwrap();
        });
        assert_eq!(entries, files);
        [opening, planning, walking]
    };
    let (few, many) = (cost(200), cost(200 + FILES));
    for (what, most, few, many) in [
        ("opening", 12, &few[0], &many[0]),
        ("planning", 16, &few[1], &many[1]),
        ("extracting", 12, &few[2], &many[2]),
    ] {
        let each = (many.count_total - few.count_total) / FILES;
        eprintln!("{what}: {each} allocations an entry, {} bytes at once", many.bytes_max);
        assert!(each <= most, "{what}: {each} allocations for an entry");
    }
}
