//! Small media that claim to unpack to a great deal: they are stopped, by default, before they have cost anything.
//!
//! Where a test says nothing else the limits are those by default, and the kernel holds the program to less than a bomb
//! would take: a few hundred megabytes of memory and of file. Where unpacking past the default of 4 GiB would take too
//! long the limit is lowered, and the test's name says so.

#![cfg(all(test, unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::error::Kind;
use discless::formats::Options;
use discless::source::{Counting, SharedSource};
use discless::{Limits, medium};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A file of one run may have so many blocks of 512 bytes.
const BLOCKS: u64 = 512 << 11;
/// A run may have so much address space, in KiB.
const MEMORY: u64 = 2 << 20;
/// And so many seconds of a processor, whatever else the machine does; most take a tenth of one.
const SECONDS: u64 = 60;

/// What a run printed, how it ended, and how long that took.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
    took: Duration,
}

/// Runs the program with those arguments, held to less than a bomb would take.
fn run(directory: &Path, arguments: &[&str]) -> Ran {
    let begun = Instant::now();
    let done = Command::new("sh")
        .current_dir(directory)
        .arg("-c")
        .arg(format!("ulimit -f {BLOCKS}; ulimit -v {MEMORY}; ulimit -t {SECONDS}; exec \"$0\" \"$@\""))
        .arg(env!("CARGO_BIN_EXE_discless"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&done.stdout), text(&done.stderr));
    assert!(!err.contains("panicked") && !err.contains("internal error"), "{arguments:?}: {err}");
    Ran { code: done.status.code(), out, err, took: begun.elapsed() }
}

/// Bytes that files below `root` take, holes not counted.
fn taken(root: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    if !root.exists() {
        return 0;
    }
    let steps = walkdir::WalkDir::new(root).into_iter().map(|step| step.unwrap());
    steps.filter(|step| step.file_type().is_file()).map(|step| step.metadata().unwrap().blocks() * 512).sum()
}

/// Runs every command over it; what they took of disk and time is held against `most`. Gives how each ended.
fn every_command(lab: &Path, name: &str, most: u64) -> Vec<(&'static str, Ran)> {
    let mut out = Vec::new();
    for (command, arguments) in [
        ("list", vec!["list", "-r", name]),
        ("inspect", vec!["inspect", name]),
        ("verify", vec!["verify", "--deep", name]),
        ("extract", vec!["extract", "--recurse", "-o", "out", name]),
    ] {
        let ran = run(lab, &arguments);
        // One that was stopped by its limits has no code.
        assert!(matches!(ran.code, Some(0..=3)), "{name}: {command}: {:?} {}", ran.code, ran.err);
        let bytes = taken(&lab.join("out"));
        assert!(bytes <= most, "{name}: {command} wrote {bytes} bytes");
        out.push((command, ran));
        if lab.join("out").exists() {
            std::fs::remove_dir_all(lab.join("out")).unwrap();
        }
    }
    out
}

fn code(ran: &[(&str, Ran)], command: &str) -> Option<i32> {
    ran.iter().find(|(name, _)| *name == command).unwrap().1.code
}

/// A gigabyte of zeros costs a megabyte: deflate packs no tighter than a thousand times. So many megabytes of zeros as
/// blocks that stand for themselves, made of one that is repeated, and their CRC-32.
fn deflated(megabytes: u64) -> (Vec<u8>, u32) {
    let zeros = vec![0u8; 1 << 20];
    let mut packer = flate2::Compress::new(flate2::Compression::best(), false);
    let mut block = Vec::with_capacity(64 << 10);
    packer.compress_vec(&zeros, &mut block, flate2::FlushCompress::Full).unwrap();
    assert_eq!(packer.total_in(), 1 << 20);
    let mut last = Vec::with_capacity(64);
    packer.compress_vec(&[], &mut last, flate2::FlushCompress::Finish).unwrap();
    let mut one = crc32fast::Hasher::new();
    one.update(&zeros);
    let mut all = crc32fast::Hasher::new();
    let mut out = Vec::new();
    for _ in 0..megabytes {
        out.extend_from_slice(&block);
        all.combine(&one);
    }
    out.extend_from_slice(&last);
    (out, all.finalize())
}

/// A ZIP with members of those names, each of them so many megabytes of zeros.
fn zip_of_zeros(names: &[String], megabytes: u64) -> Vec<u8> {
    let (packed, crc) = deflated(megabytes);
    let (size, bytes) = (packed.len() as u64, megabytes << 20);
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for name in names {
        let at = out.len() as u64;
        // APPNOTE 4.3.7, 4.3.12 and 4.5.3: sizes beyond four gigabytes stand in the extra field.
        let extra =
            [&1u16.to_le_bytes()[..], &16u16.to_le_bytes(), &bytes.to_le_bytes(), &size.to_le_bytes()]
                .concat();
        let common = [
            &45u16.to_le_bytes()[..],
            &[0, 0],
            &8u16.to_le_bytes(),
            &[0, 0, 0x21, 0x58],
            &crc.to_le_bytes(),
            &[0xff; 8],
            &(name.len() as u16).to_le_bytes(),
        ]
        .concat();
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(&(extra.len() as u16).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(&extra);
        out.extend_from_slice(&packed);
        directory.extend_from_slice(b"PK\x01\x02\x2d\x00");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&(extra.len() as u16).to_le_bytes());
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&u32::try_from(at).unwrap().to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
        directory.extend_from_slice(&extra);
    }
    let at = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    let count = (names.len() as u16).to_le_bytes();
    out.extend_from_slice(&[count, count].concat());
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&at.to_le_bytes());
    out.extend_from_slice(&[0, 0]);
    out
}

fn gzip_of_zeros(megabytes: u64) -> Vec<u8> {
    let (packed, crc) = deflated(megabytes);
    let size = (megabytes << 20) as u32;
    [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3][..], &packed, &crc.to_le_bytes(), &size.to_le_bytes()].concat()
}

#[test]
fn five_gigabytes_in_five_megabytes_of_zip_are_refused_before_anything_is_unpacked() {
    let lab = tempfile::tempdir().unwrap();
    let bomb = zip_of_zeros(&["bomb".to_owned(), "small".to_owned()], 5 << 10);
    assert!(bomb.len() < 12 << 20);
    std::fs::write(lab.path().join("bomb.zip"), &bomb).unwrap();
    let ran = every_command(lab.path(), "bomb.zip", 1 << 20);
    assert_eq!(code(&ran, "list"), Some(0));
    let (_, extract) = ran.iter().find(|(name, _)| *name == "extract").unwrap();
    assert_eq!(extract.code, Some(2), "{}", extract.err);
    assert!(
        extract.err.contains("more than 4294967296 bytes unpacked from a medium of this size"),
        "{}",
        extract.err
    );
    let (_, verify) = ran.iter().find(|(name, _)| *name == "verify").unwrap();
    assert_eq!(verify.code, Some(3), "what is not read is not damaged: {}", verify.out);
    // It is no fault of the medium: who trusts it may have it.
    let plan = run(lab.path(), &["extract", "-n", "bomb.zip", "-o", "out", "--max-unpacked", "unlimited"]);
    assert!(plan.code == Some(0) && plan.out.contains("10.00 GiB"), "{} {}", plan.out, plan.err);
}

#[test]
fn many_members_that_are_small_alone_are_refused_together() {
    let lab = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..600).map(|number| format!("m{number}")).collect();
    let bomb = zip_of_zeros(&names, 8);
    assert!((bomb.len() as u64) * 100 < 4 << 30);
    std::fs::write(lab.path().join("bomb.zip"), &bomb).unwrap();
    let ran = run(lab.path(), &["extract", "bomb.zip", "-o", "out"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("hint: --max-unpacked=SIZE allows more"), "{}", ran.err);
    assert!(!lab.path().join("out").exists());
}

/// A ZIP in a ZIP in a ZIP, each with `width` copies of the next.
fn russian_dolls(depth: u32, width: usize, core: Vec<u8>) -> Vec<u8> {
    (0..depth).fold(core, |inner, _| {
        let members: Vec<(String, Vec<u8>)> =
            (0..width).map(|number| (format!("{number}.zip"), inner.clone())).collect();
        support::zip(&members)
    })
}

#[test]
fn zips_in_zips_end_at_the_depth_by_default() {
    let lab = tempfile::tempdir().unwrap();
    let dolls = russian_dolls(20, 1, support::zip(&[("core.txt", b"core".to_vec())]));
    std::fs::write(lab.path().join("dolls.zip"), &dolls).unwrap();
    let ran = every_command(lab.path(), "dolls.zip", 8 << 20);
    let (_, list) = &ran[0];
    let deepest = list.out.lines().map(|line| line.matches("!/").count()).max().unwrap();
    assert_eq!(deepest as u32, Limits::default().nesting, "{}", list.out);
    let nested = format!("dolls.zip{}", "!/0.zip".repeat(12));
    let ran = run(lab.path(), &["list", &nested]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("hint: --max-nesting=N allows more"), "{}", ran.err);
}

#[test]
fn zips_in_zips_that_grow_at_each_level_end_at_a_lowered_limit_for_all_together() {
    let lab = tempfile::tempdir().unwrap();
    // As 42.zip does: 10 × 10 × 10 × 4 MiB in a few kilobytes, of which nothing alone is large.
    let dolls = russian_dolls(3, 10, zip_of_zeros(&["zeros".to_owned()], 4));
    assert!(dolls.len() < 64 << 10, "{}", dolls.len());
    std::fs::write(lab.path().join("42.zip"), &dolls).unwrap();
    let ran = run(lab.path(), &["extract", "--recurse", "42.zip", "-o", "out", "--max-unpacked", "40M"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("hint: --max-unpacked=SIZE allows more"), "{}", ran.err);
    let bytes = taken(&lab.path().join("out"));
    assert!(bytes <= 48 << 20, "{bytes} bytes were written");
    let ran = run(lab.path(), &["list", "-r", "42.zip", "--max-unpacked", "40M"]);
    assert!(ran.code.is_some(), "it was stopped by its limits: {}", ran.err);
}

/// Sixty-four megabytes of zeros by every compressor that can be had here, by the ending that it goes by.
fn streams() -> Vec<(&'static str, Vec<u8>)> {
    const BYTES: usize = 64 << 20;
    let zeros = vec![0u8; 1 << 20];
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    for _ in 0..BYTES >> 20 {
        bzip2.write_all(&zeros).unwrap();
        lz4.write_all(&zeros).unwrap();
    }
    let zstd = ruzstd::encoding::compress_to_vec(
        std::io::repeat(0).take(BYTES as u64),
        ruzstd::encoding::CompressionLevel::Fastest,
    );
    vec![
        ("gz", gzip_of_zeros(64)),
        ("bz2", bzip2.finish().unwrap()),
        ("lz4", lz4.finish().unwrap()),
        ("zst", zstd),
        ("xz", packed_by("xz", &["-9", "--format=xz"])),
        ("lzma", packed_by("xz", &["-9", "--format=lzma"])),
        ("lz", packed_by("lzip", &["-9"])),
    ]
    .into_iter()
    .filter(|(_, packed)| !packed.is_empty())
    .collect()
}

/// The same by a program; nothing where it is not installed.
fn packed_by(program: &str, arguments: &[&str]) -> Vec<u8> {
    let child = Command::new(program).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: {program} is not installed");
        return Vec::new();
    };
    let mut input = child.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || {
        let zeros = vec![0u8; 1 << 20];
        (0..64).for_each(|_| input.write_all(&zeros).unwrap());
    });
    let mut out = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    feeding.join().unwrap();
    child.wait().unwrap();
    out
}

#[test]
fn a_stream_of_every_compressor_ends_at_a_lowered_floor_and_takes_no_more_than_that() {
    let mut tried = Vec::new();
    for (ending, packed) in streams() {
        if packed.len() as u64 * 100 > 48 << 20 {
            // It packs less than a hundred times: to unpack it is no bomb.
            tried.push(format!("{ending} packs {} times only", (64 << 20) / packed.len()));
            continue;
        }
        // The floor is 4 GiB by default: as much as this in proportion.
        let limits = Limits { unpacked_floor: 8 << 20, spool_memory: 1 << 20, ..Limits::default() };
        let most = limits.unpacked(packed.len() as u64);
        let options = Options { limits: limits.clone(), ..Options::default() };
        let len = packed.len() as u64;
        let counting = Arc::new(Counting::new(Arc::new(packed)));
        let source: SharedSource = counting.clone();
        let name = format!("bomb.{ending}");
        let mut there = 0u64;
        let error = match medium::open(&source, &name, &options) {
            Err(error) => error,
            Ok(container) => {
                // What came before the limit is shown, and the end says why there is no more.
                let mut content = container.open(discless::container::EntryId(0)).unwrap();
                let mut buf = vec![0; 64 << 10];
                loop {
                    match content.read(&mut buf) {
                        Ok(0) => panic!("{name}: it ends as if it were whole"),
                        Ok(n) => there += n as u64,
                        Err(error) => break discless::Error::from(error),
                    }
                }
            }
        };
        assert!(matches!(error.kind(), Kind::Limit { .. }), "{name}: {error}");
        assert!(there <= most, "{name}: {there} bytes of {most}");
        assert!(
            counting.bytes() <= len * 4 + (1 << 20),
            "{name}: {} bytes were read of {len}",
            counting.bytes()
        );
        tried.push(ending.to_owned());
    }
    eprintln!("streams: {}", tried.join(", "));
    assert!(tried.len() >= 4, "{tried:?}");
}

/// A header of a tar archive (POSIX ustar), with what follows it.
fn tar_member(name: &str, kind: u8, target: &str, size: u64, content: &[u8]) -> Vec<u8> {
    let mut head = vec![0u8; 512];
    head[..name.len()].copy_from_slice(name.as_bytes());
    head[100..108].copy_from_slice(b"0000644\0");
    head[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    head[136..148].copy_from_slice(b"00000000000\0");
    head[156] = kind;
    head[157..157 + target.len()].copy_from_slice(target.as_bytes());
    head[257..265].copy_from_slice(b"ustar\x0000");
    head[148..156].fill(b' ');
    let sum: u32 = head.iter().map(|&byte| u32::from(byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head.extend_from_slice(content);
    head.resize(head.len().next_multiple_of(512), 0);
    head
}

#[test]
fn links_that_lead_in_circles_and_paths_without_end_are_only_names() {
    let lab = tempfile::tempdir().unwrap();
    let mut tar = Vec::new();
    for (name, target) in
        [("a", "b"), ("b", "a"), ("self", "self"), ("up/down", "../up"), ("dot", "."), ("x/y", "../x/y/z")]
    {
        tar.extend(tar_member(name, b'2', target, 0, &[]));
    }
    // One path of thirty thousand directories (pax, `path`), and one as deep as may be.
    for depth in [30_000usize, 250] {
        let path = format!("{}end", "d/".repeat(depth));
        let record = |len: usize| format!("{len} path={path}\n");
        let mut len = path.len() + 7;
        while record(len).len() != len {
            len = record(len).len();
        }
        let record = record(len);
        tar.extend(tar_member("pax", b'x', "", record.len() as u64, record.as_bytes()));
        tar.extend(tar_member("short", b'0', "", 4, b"deep"));
    }
    tar.extend(tar_member("behind", b'0', "", 6, b"behind"));
    tar.resize(tar.len() + 1024, 0);
    std::fs::write(lab.path().join("links.tar"), &tar).unwrap();
    let ran = every_command(lab.path(), "links.tar", 4 << 20);
    let (_, list) = &ran[0];
    assert!(list.out.contains("behind") && list.out.contains(&"d/".repeat(250)), "{}", list.err);
    assert!(!list.out.contains(&"d/".repeat(300)), "the deepest path is refused");
    assert_eq!(list.code, Some(1), "and that is said");
}

#[test]
fn twenty_thousand_empty_members_are_listed_and_a_lowered_limit_stops_them() {
    // 46 bytes and a name each: the catalogue itself is what grows.
    let lab = tempfile::tempdir().unwrap();
    let mut tar = Vec::new();
    for number in 0..20_000u32 {
        tar.extend(tar_member(&format!("{number}"), b'0', "", 0, &[]));
    }
    tar.resize(tar.len() + 1024, 0);
    std::fs::write(lab.path().join("many.tar.gz"), gzip(&tar)).unwrap();
    let ran = run(lab.path(), &["list", "many.tar.gz"]);
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 20_000));
    let ran = run(lab.path(), &["list", "many.tar.gz", "--max-entries", "1000"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("hint: --max-entries=N allows more"), "{}", ran.err);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// The fixtures that claim more than they are, of every format: docs/LIMITS.md has the table of them.
const FIXTURES: &[&str] = &[
    "appimage/hostile-section-headers",
    "burn/hostile-*",
    "cab/hostile-blocks-65535",
    "cab/hostile-empty-blocks",
    "cab/hostile-files-65535",
    "cab/hostile-offset-4gib",
    "cab/hostile-overlap-bomb",
    "cab/hostile-set-circle",
    "cab/hostile-unpacks-to-nothing",
    "cpio/hostile-size",
    "deb/hostile-sizes",
    "inno/hostile-file-count",
    "installshield/hostile-file-count",
    "installshield/hostile-links",
    "installshield/hostile-record-count",
    "iso9660/hostile-contains-itself",
    "iso9660/hostile-deep-300",
    "iso9660/hostile-directory-4gib",
    "iso9660/hostile-directory-graph",
    "iso9660/hostile-interleave-bomb",
    "iso9660/hostile-loop-to-root",
    "iso9660/hostile-overlap-bomb",
    "iso9660/hostile-zisofs-huge",
    "makeself/hostile-filesizes",
    "msi/hostile-cabinet-of-itself",
    "msi/hostile-package-of-itself",
    "msi/hostile-shared-stream",
    "nsis/hostile-lengths",
    "pe/hostile-resource-count",
    "pe/hostile-resource-depth",
    "pe/hostile-sections-65535",
    "rar/hostile-copy-of-nothing",
    "rar/hostile-dictionary",
    "rpm/hostile-payload",
    "sevenz/hostile-dictionary",
    "sevenz/hostile-files",
    "sevenz/hostile-header-16eib",
    "sfx/hostile-mach-o",
    "sfx/hostile-signatures-everywhere",
    "squashfs/hostile-block-size",
    "squashfs/hostile-file-size",
    "squashfs/hostile-loop",
    "squashfs/hostile-names-count",
    "stream/hostile-bomb",
    "stream/hostile-dictionary",
    "stream/hostile-window",
    "tar/hostile-pax-bomb",
    "tar/hostile-size",
    "tar/hostile-sparse",
    "udf/hostile-length-1tib",
    "udf/hostile-loop-of-data",
    "udf/hostile-loop-to-root",
    "udf/hostile-sparse-1pib",
    "wim/hostile-chunk-table",
    "wim/hostile-cycle",
    "wim/hostile-image-count",
    "wim/hostile-overlap",
    "wim/hostile-size-lies",
    "wim/hostile-solid-4gib",
    "wim/hostile-xml-entities",
    "zip/hostile-counts",
    "zip/hostile-manifest",
    "zip/hostile-overlap-quoted",
    "zip/hostile-overlap-same",
    "zip/hostile-sizes",
    "zip/hostile-zip64",
];

/// Those fixtures, a `*` for whatever there is.
fn bombs() -> Vec<support::Fixture> {
    let all = support::fixtures();
    let mut out = Vec::new();
    for name in FIXTURES {
        let found = all.iter().filter(|fixture| match name.strip_suffix('*') {
            Some(start) => fixture.name.starts_with(start),
            None => fixture.name == *name,
        });
        let found: Vec<support::Fixture> = found.cloned().collect();
        assert!(!found.is_empty() || std::env::var_os("DISCLESS_FIXTURE").is_some(), "{name} is not there");
        out.extend(found);
    }
    out
}

#[test]
fn every_bomb_among_the_fixtures_ends_soon_and_writes_little_by_default() {
    let bombs = bombs();
    let (mut runs, mut refused, mut slowest) = (0u32, 0u32, (Duration::ZERO, String::new()));
    for fixture in &bombs {
        let lab = tempfile::tempdir().unwrap();
        let folder = fixture.input.parent().unwrap();
        // With what lies beside it: other volumes, other cabinets.
        let beside = folder.join("beside");
        if beside.is_dir() {
            for file in std::fs::read_dir(beside).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), lab.path().join(file.file_name())).unwrap();
            }
        }
        let name: PathBuf = fixture.input.file_name().unwrap().into();
        let name = name.to_str().unwrap().trim_end_matches(".gz").to_owned();
        std::fs::write(lab.path().join(&name), &**fixture.bytes()).unwrap();
        for (command, ran) in every_command(lab.path(), &name, 160 << 20) {
            runs += 1;
            refused += u32::from(ran.code == Some(2));
            if ran.took > slowest.0 {
                slowest = (ran.took, format!("{} {command}", fixture.name));
            }
        }
    }
    eprintln!(
        "{} bombs, {runs} runs, {refused} refused; the slowest: {} in {:?}",
        bombs.len(),
        slowest.1,
        slowest.0
    );
}

#[test]
fn the_page_of_limits_has_every_format_and_every_bomb() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/LIMITS.md")).unwrap();
    for name in FIXTURES {
        let (format, case) = name.split_once('/').unwrap();
        let case = case.trim_start_matches("hostile-");
        assert!(page.contains(&format!("`{case}`")) || case == "*", "{name} is not in the table");
        assert!(page.contains(&format!("| {format} |")), "{format} is not in the table");
    }
    for format in discless::formats::FORMATS {
        assert!(page.contains(&format!("| {} |", format.name)), "{} is not in the table", format.name);
    }
}
