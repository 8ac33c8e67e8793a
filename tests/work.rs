//! Work, not time: how much of a medium is read to say what it is, to list it, to verify and to extract
//! it. What is counted here does not depend on the machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::acquire::{self, Accept, Order};
use discless::container::{Container, EntryKind, Location};
use discless::digest::Algorithm;
use discless::extract::{self, Plan};
use discless::formats::Options;
use discless::inspect::{Asked, Knowledge, inspect};
use discless::observe::Silent;
use discless::path::Names;
use discless::source::{Counting, Digesting, SharedSource, Source};
use discless::verify::{Depth, Expectations, Outcome, Reader, Reading, Verdict, verify};
use discless::{Limits, digest};
use std::sync::Arc;
use support::image::{Data, Iso, Sparse, pattern, program};
use support::{fixtures, ids, open, sha256};

const MIB: u64 = 1 << 20;
const X64: u16 = 0x8664;

fn counted(source: impl Source + 'static) -> (Arc<Counting>, SharedSource) {
    let counting = Arc::new(Counting::new(Arc::new(source)));
    (counting.clone(), counting)
}

/// A disc of 6 GB as install media are: one file of 5 GiB in three extents, a thousand small files,
/// three hundred of them programs.
fn large(iso: Iso) -> Sparse {
    let mut iso = iso.with_extents_of(2 << 30);
    iso.add("setup.exe", Data::Bytes(program(X64, 2000)));
    iso.add("sources/install.wim", Data::Zeros(5 << 30));
    for i in 0..700u64 {
        iso.add(&format!("support/dir{}/file{i}.txt", i % 20), Data::Bytes(pattern(i, 3000)));
    }
    for i in 0..300u64 {
        iso.add(&format!("sources/bin{}/tool{i}.dll", i % 10), Data::Bytes(program(X64, 900)));
    }
    iso.add("boot/filler.dat", Data::Zeros(900 * MIB));
    iso.build()
}

#[test]
fn six_gigabytes_are_inspected_by_reading_less_than_four_mebibytes() {
    let kinds = [
        ("plain", Iso::new()),
        ("Rock Ridge", Iso::new().with_rock_ridge()),
        ("Joliet", Iso::new().with_joliet()),
        ("both", Iso::new().with_rock_ridge().with_joliet()),
    ];
    for (kind, iso) in kinds {
        let (counting, source) = counted(large(iso));
        assert!(source.len() > 6_000_000_000, "{}", source.len());
        let container: Arc<dyn Container> = Arc::from(open(&source, "large.iso").unwrap());
        let report = inspect(
            &container,
            &Asked::about("large.iso", &Knowledge::compiled().unwrap()),
            &Options::default(),
        );
        assert!(counting.bytes() < 4 * MIB, "{kind}: {} bytes were read", counting.bytes());
        eprintln!("{kind}: {} bytes in {} reads", counting.bytes(), counting.reads());
        assert_eq!((report.platform.value.as_str(), report.complete), ("x64", true), "{kind}");
        let wim = container.entries().iter().find(|entry| entry.bytes == 5 << 30).unwrap();
        assert!(wim.path.text().eq_ignore_ascii_case("sources/install.wim"));
        let Location::Stored(extents) = &wim.location else { panic!("{:?}", wim.location) };
        assert_eq!(
            (extents.bytes(), extents.pieces().len()),
            (5 << 30, 1),
            "three extents that follow each other"
        );
    }
}

/// A fixture's image with zeros behind it, as a stick or a disc has them.
struct Padded(Arc<Vec<u8>>, u64);

impl Source for Padded {
    fn len(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = buf.len().min(usize::try_from(self.1.saturating_sub(offset)).unwrap_or(usize::MAX));
        buf[..n].fill(0);
        self.0.read_at(offset, &mut buf[..n])?;
        Ok(n)
    }
}

#[test]
fn padding_of_six_gigabytes_is_not_read() {
    const DISCS: [&str; 3] = ["iso9660", "raw", "udf"];
    /// Formats that are programs: one fixture of each is enough.
    const PROGRAMS: [&str; 8] =
        ["appimage", "burn", "inno", "installshield", "makeself", "nsis", "pe", "sfx"];
    /// Behind a program an archive may begin anywhere in the first 64 MiB, which probes and readers search.
    const PROGRAM_SEARCH: u64 = 280 * MIB;
    let mut count = 0;
    let mut programs = std::collections::HashSet::new();
    let fixtures = fixtures();
    for fixture in fixtures.iter().filter(|fixture| fixture.is_good() && fixture.is_medium()) {
        let format = fixture.name.split('/').next().unwrap();
        // A compressed stream may go on behind its padding, and archives end where they say.
        let wanted = DISCS.contains(&format) || (PROGRAMS.contains(&format) && programs.insert(format));
        if !wanted {
            continue;
        }
        let bytes = fixture.bytes();
        let own = bytes.len() as u64;
        let (counting, source) = counted(Padded(bytes, 6_000_000_000 / 2048 * 2048));
        // Some anchors are found from the end alone, and raw sectors have no zeros between them.
        let Ok(container) = open(&source, &fixture.name).map(Arc::<dyn Container>::from) else { continue };
        let once = container.layers().iter().any(|layer| layer.detail.contains("VAT"));
        let _ = inspect(
            &container,
            &Asked::about(&fixture.name, &Knowledge::compiled().unwrap()),
            &Options::default(),
        );
        // A table that stands at the end of what was written is searched for 32 MiB back, a later session
        // as far on; the few bytes that it takes to see one are a whole sector where sectors are raw.
        let searched = once || fixture.name.starts_with("raw/");
        let search = if PROGRAMS.contains(&format) { PROGRAM_SEARCH } else { 0 };
        let most = own + 4 * MIB + if searched { 36 * MIB } else { 0 } + search;
        assert!(counting.bytes() < most, "{}: {} bytes were read", fixture.name, counting.bytes());
        count += 1;
    }
    assert!(count > 80, "only {count} fixtures open with padding");
}

/// About 64 MiB: a large file, some of a megabyte, many small ones.
fn medium_sized() -> Sparse {
    let mut iso = Iso::new().with_rock_ridge();
    iso.add("large.bin", Data::Bytes(pattern(1, 40 << 20)));
    for i in 0..16u64 {
        iso.add(&format!("middle/{i}.bin"), Data::Bytes(pattern(i, 1 << 20)));
    }
    for i in 0..1500u64 {
        iso.add(&format!("small/{}/{i}.txt", i % 30), Data::Bytes(pattern(i, 4000)));
    }
    iso.build()
}

fn whole(source: &dyn Source) -> Vec<u8> {
    discless::source::read_vec(source, 0, source.len()).unwrap()
}

#[test]
fn verifying_members_and_the_whole_reads_everything_once() {
    let image = medium_sized();
    let sum = digest::Value::from_hex(Algorithm::Sha256, &sha256(&whole(&image))).unwrap();
    let len = image.len();
    let (counting, source) = counted(image);
    let expected = Expectations::given(&[sum]);
    let options = Options::default();
    let done = verify(&source, "m.iso", &expected, Depth::Members, &options, 1, &Silent).unwrap();
    assert_eq!(done.verdict, Verdict::Verified, "{:?}", done.checks);
    assert!(done.checks.iter().any(|check| check.what == "members" && check.outcome == Outcome::Ok));
    let bytes = counting.bytes();
    assert!(bytes <= len + len / 20, "{bytes} bytes were read of {len}");
}

#[test]
fn verifying_the_whole_alone_reads_it_once() {
    let image = medium_sized();
    let len = image.len();
    let (counting, source) = counted(image);
    let nothing = Expectations::default();
    verify(&source, "m.iso", &nothing, Depth::Whole, &Options::default(), 2, &Silent).unwrap();
    assert!(counting.bytes() <= len + MIB, "{} bytes were read of {len}", counting.bytes());
}

#[test]
fn verifying_while_extracting_reads_everything_once() {
    let image = medium_sized();
    let (len, sum) = (image.len(), sha256(&whole(&image)));
    let (counting, source) = counted(image);
    let expected = Expectations::given(&[digest::Value::from_hex(Algorithm::Sha256, &sum).unwrap()]);
    let options = Options::default();
    let reading = Reading::begin(&source, "m.iso", &expected, Reader::Members, &options).unwrap();
    let container = reading.opened().unwrap().clone();
    let plan = Plan::new(&*container, &ids(&*container), Names::Portable, &Limits::default()).unwrap();
    let out = tempfile::tempdir().unwrap();
    let how = extract::Options { digests: true, ..extract::Options::default() };
    let accept = Accept::Verified;
    let order = Order { plan: &plan, into: out.path(), how: &how, recurse: None, accept, threads: 2 };
    let done = acquire::acquire(reading, &order, &Silent).unwrap();
    assert_eq!((done.out.files, done.out.failed.len()), (1517, 0));
    assert_eq!(done.out.digests.len(), 1517);
    assert_eq!(done.verified.verdict, Verdict::Verified, "{:?}", done.verified.checks);
    assert!(done.is_kept(accept));
    let bytes = counting.bytes();
    assert!(bytes <= len + len / 20, "{bytes} bytes were read of {len}");
}

#[test]
fn what_came_through_a_pipe_is_judged_by_the_digests_it_had_on_the_way_and_read_once_more_at_most() {
    let image = medium_sized();
    let (len, bytes) = (image.len(), whole(&image));
    for (sum, verdict, files) in
        [(sha256(&bytes), Verdict::Verified, 1517), ("0".repeat(64), Verdict::Damaged, 0)]
    {
        let mut pipe: &[u8] = &bytes;
        let mut digesting = Digesting::new(&mut pipe, &[Algorithm::Sha256]);
        let mut came = Vec::new();
        std::io::Read::read_to_end(&mut digesting, &mut came).unwrap();
        let (counting, spooled) = counted(came);
        let source = digesting.know(spooled);
        let expected = Expectations::given(&[digest::Value::from_hex(Algorithm::Sha256, &sum).unwrap()]);
        let reading = Reading::begin(&source, "-", &expected, Reader::Members, &Options::default()).unwrap();
        let container = reading.opened().unwrap().clone();
        let plan = Plan::new(&*container, &ids(&*container), Names::Portable, &Limits::default()).unwrap();
        let out = tempfile::tempdir().unwrap();
        let how = extract::Options::default();
        let accept = Accept::Verified;
        let order = Order { plan: &plan, into: out.path(), how: &how, recurse: None, accept, threads: 2 };
        let done = acquire::acquire(reading, &order, &Silent).unwrap();
        assert_eq!((done.verified.verdict, done.out.files), (verdict, files));
        assert!(counting.bytes() <= len + len / 20, "{} bytes were read of {len}", counting.bytes());
    }
}

/// Bytes of all directories: what a listing has to read.
fn directory_bytes(files: usize, directories: usize, record: usize) -> u64 {
    ((files * record).div_ceil(2048) + directories) as u64 * 2048
}

#[test]
fn a_hundred_thousand_entries_open_by_reading_directories_alone() {
    for (kind, iso, directories) in
        [("flat", Iso::new(), 1usize), ("a thousand directories", Iso::new().with_rock_ridge(), 1000)]
    {
        let mut iso = iso;
        for i in 0..100_000usize {
            let path = match directories {
                1 => format!("f{i}.txt"),
                n => format!("d{}/f{i}.txt", i % n),
            };
            iso.add(&path, Data::Bytes(vec![1]));
        }
        let (counting, source) = counted(iso.build());
        let container = open(&source, "many.iso").unwrap();
        let files = container.entries().iter().filter(|entry| entry.kind == EntryKind::File).count();
        assert_eq!(files, 100_000, "{kind}");
        // A record has at most 33 bytes, a name of 12, 36 and 17 of Rock Ridge; 98 with what is left over.
        let most = directory_bytes(files, directories * 2, 104) + MIB;
        assert!(counting.bytes() <= most, "{kind}: {} bytes of {most}", counting.bytes());
        let most = directories as u64 * 4 + 400;
        assert!(counting.reads() <= most, "{kind}: {} reads of {most}", counting.reads());
        eprintln!("{kind}: {} bytes in {} reads", counting.bytes(), counting.reads());
    }
}

#[test]
fn a_small_file_is_extracted_by_two_reads_at_most() {
    for in_order in [false, true] {
        let mut iso = Iso::new();
        for i in 0..2000u64 {
            iso.add(&format!("d{}/f{i}.bin", i % 20), Data::Bytes(pattern(i, 1000 + i as usize * 5)));
        }
        let (counting, source) = counted(iso.build());
        let container = open(&source, "small.iso").unwrap();
        let plan = Plan::new(&*container, &ids(&*container), Names::Portable, &Limits::default()).unwrap();
        let (reads, bytes) = (counting.reads(), counting.bytes());
        let out = tempfile::tempdir().unwrap();
        let options = extract::Options { in_order, ..extract::Options::default() };
        let done = extract::run(&*container, &plan, out.path(), &options, &Silent).unwrap();
        assert_eq!(done.files, 2000);
        let (reads, bytes) = (counting.reads() - reads, counting.bytes() - bytes);
        assert!(reads <= 2 * 2000, "{reads} reads for 2000 files");
        assert!(bytes <= plan.bytes + MIB, "{bytes} bytes for {}", plan.bytes);
    }
}

#[test]
fn a_listing_reads_no_content() {
    for fixture in fixtures().iter().filter(|fixture| fixture.is_good() && fixture.is_medium()) {
        let (counting, source) = counted(fixture.bytes().as_ref().clone());
        let container = open(&source, &fixture.name).unwrap();
        let reads = counting.reads();
        assert!(container.entries().iter().all(|entry| !entry.path.text().is_empty()));
        let once = container.layers().iter().any(|layer| layer.detail.contains("VAT"));
        let most = 400 + container.entries().len() as u64 * 8 + if once { 2000 } else { 0 };
        assert!(reads <= most, "{}: {reads} reads for {} entries", fixture.name, container.entries().len());
    }
}
