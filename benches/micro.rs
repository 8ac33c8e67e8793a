//! Small benches of what a whole run is made of: `cargo bench --bench micro [-- FILTER]`. What they
//! are good for: seeing which part got slower. Whole runs against other programs: `benches/peers`.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a bench that cannot begin has to stop")]
#![allow(missing_docs, reason = "divan's macro makes undocumented items")]

use discless::container::{Container, EntryId, EntryKind};
use discless::digest::{Algorithm, Hasher};
use discless::formats::{Options, iso9660, udf};
use discless::source::{Digested, SharedSource, Source};
use discless::verify::sums::Sums;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use flate2::read::GzDecoder;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

fn main() {
    divan::main();
}

const MIB: usize = 1 << 20;

/// Bytes that no digest could have a short cut for.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..len.div_ceil(8)).flat_map(|_| next()).take(len).collect()
}

fn fixture(path: &str) -> SharedSource {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(path);
    let mut file = std::fs::File::open(path).expect("the fixture is there");
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("it can be read");
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut image = Vec::new();
        GzDecoder::new(bytes.as_slice()).read_to_end(&mut image).expect("it is sound");
        bytes = image;
    }
    Arc::new(bytes)
}

#[divan::bench(args = [Algorithm::Sha256, Algorithm::Sha1, Algorithm::Sha512, Algorithm::Md5, Algorithm::Crc32])]
fn digest(bencher: Bencher<'_, '_>, algorithm: Algorithm) {
    let bytes = noise(16 * MIB);
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| {
        let mut hasher = Hasher::new(&[algorithm]);
        bytes.chunks(64 << 10).for_each(|block| hasher.update(block));
        hasher.finish()
    });
}

/// SHA-256 of a source that is read in order, 64 KiB at a time.
mod read_in_order {
    use super::{Algorithm, Arc, Bencher, BytesCount, Digested, Hasher, MIB, SharedSource, Source, noise};

    fn read_all(source: &dyn Source, mut each: impl FnMut(&[u8])) {
        let mut buf = vec![0; 64 << 10];
        let mut at = 0;
        while let Ok(n @ 1..) = source.read_at(at, &mut buf) {
            each(&buf[..n]);
            at += n as u64;
        }
    }

    /// The floor: reads and digests by hand.
    #[divan::bench]
    fn plain(bencher: Bencher<'_, '_>) {
        let source: SharedSource = Arc::new(noise(16 * MIB));
        bencher.counter(BytesCount::new(16 * MIB)).bench(|| {
            let mut hasher = Hasher::new(&[Algorithm::Sha256]);
            read_all(&*source, |bytes| hasher.update(bytes));
            hasher.finish()
        });
    }

    /// The same through `Digested`: what its lock and frontier cost.
    #[divan::bench]
    fn digested(bencher: Bencher<'_, '_>) {
        let source: SharedSource = Arc::new(noise(16 * MIB));
        bencher.counter(BytesCount::new(16 * MIB)).bench(|| {
            let digested = Arc::new(Digested::new(source.clone(), &[Algorithm::Sha256]));
            digested.in_order();
            read_all(&*digested, |_| {});
            digested.finish(&mut |_| true).expect("memory can be read")
        });
    }
}

fn both(number: u32) -> [u8; 8] {
    let (le, be) = (number.to_le_bytes(), number.to_be_bytes());
    [le[0], le[1], le[2], le[3], be[0], be[1], be[2], be[3]]
}

/// A directory record (ECMA-119 §9.1).
fn record(name: &[u8], block: u32, bytes: u32, flags: u8) -> Vec<u8> {
    let mut out = vec![0, 0];
    out.extend(both(block));
    out.extend(both(bytes));
    out.extend([123, 11, 14, 22, 13, 20, 0, flags, 0, 0, 1, 0, 0, 1]);
    out.push(u8::try_from(name.len()).expect("names here are short"));
    out.extend(name);
    out.resize(out.len() + out.len() % 2, 0);
    out[0] = u8::try_from(out.len()).expect("records here are short");
    out
}

/// An image with one directory of `files` empty-looking files of one block each, all the same one.
fn image(files: u32) -> Vec<u8> {
    const BLOCK: usize = 2048;
    let mut directory: Vec<u8> = Vec::new();
    let add = |directory: &mut Vec<u8>, record: Vec<u8>| {
        let used = directory.len() % BLOCK;
        if used > 0 && used + record.len() > BLOCK {
            directory.resize(directory.len().next_multiple_of(BLOCK), 0);
        }
        directory.extend(record);
    };
    for name in [0, 1] {
        add(&mut directory, record(&[name], 19, 0, 2));
    }
    for number in 0..files {
        add(&mut directory, record(format!("FILE{number:05}.TXT;1").as_bytes(), 18, 2048, 0));
    }
    directory.resize(directory.len().next_multiple_of(BLOCK), 0);
    let size = u32::try_from(directory.len()).expect("it is small");
    for at in [0, 34] {
        directory[at + 10..at + 18].copy_from_slice(&both(size));
    }
    let mut out = vec![0; 19 * BLOCK];
    let at = 16 * BLOCK;
    out[at..at + 7].copy_from_slice(b"\x01CD001\x01");
    let blocks = 19 + size / 2048;
    out[at + 80..at + 88].copy_from_slice(&both(blocks));
    out[at + 120..at + 132].copy_from_slice(&[1, 0, 0, 1, 1, 0, 0, 1, 0, 8, 8, 0]);
    out[at + 156..at + 190].copy_from_slice(&record(&[0], 19, size, 2));
    out[at + BLOCK..at + BLOCK + 7].copy_from_slice(b"\xffCD001\x01");
    out.extend(directory);
    out
}

/// Opening reads every directory. 10,000 records in one, then 100.
#[divan::bench(args = [100, 10_000])]
fn list_iso9660(bencher: Bencher<'_, '_>, files: u32) {
    let source: SharedSource = Arc::new(image(files));
    let options = Options::default();
    let found = (iso9660::FORMAT.open)(source.clone(), &options).expect("it is sound");
    assert_eq!(found.entries().len(), files as usize);
    bencher
        .counter(ItemsCount::new(files))
        .bench(|| (iso9660::FORMAT.open)(black_box(source.clone()), &options));
}

#[divan::bench(args = ["udf/directories/input.iso.gz", "udf/windows-bridge/input.iso.gz", "udf/metadata-250/input.iso.gz"])]
fn list_udf(bencher: Bencher<'_, '_>, path: &str) {
    let source = fixture(path);
    let options = Options::default();
    let found = (udf::FORMAT.open)(source.clone(), &options).expect("it is sound");
    bencher
        .counter(ItemsCount::new(found.entries().len()))
        .bench(|| (udf::FORMAT.open)(black_box(source.clone()), &options));
}

#[divan::bench(args = ["iso9660/zisofs-v1/input.iso.gz", "iso9660/zisofs-v2/input.iso.gz"])]
fn unpack_zisofs(bencher: Bencher<'_, '_>, path: &str) {
    let disc = (iso9660::FORMAT.open)(fixture(path), &Options::default()).expect("it is sound");
    let entries = disc.entries().iter().enumerate();
    let files: Vec<EntryId> =
        entries.filter(|(_, entry)| entry.kind == EntryKind::File).map(|(i, _)| EntryId(i)).collect();
    let read = |disc: &dyn Container| {
        let mut out = Vec::new();
        for id in &files {
            let mut content = disc.open(*id).expect("it is sound");
            content.read_to_end(&mut out).expect("it is sound");
        }
        out.len()
    };
    bencher.counter(BytesCount::new(read(&*disc))).bench(|| read(&*disc));
}

#[divan::bench(args = [10, 10_000])]
fn parse_sums(bencher: Bencher<'_, '_>, lines: u32) {
    let list = (0..lines).fold(String::new(), |mut list, number| {
        let _ = writeln!(list, "{number:064x}  pool/main/package-{number}.deb");
        list
    });
    bencher
        .counter(ItemsCount::new(lines))
        .bench(|| Sums::parse(black_box(list.as_bytes()), "SHA256SUMS").expect("it is a list"));
}

/// The decoders of cabinets, each over the only folder of a fixture.
mod codec {
    use super::{Bencher, BytesCount, fixture};
    use discless::codec::lzx::{Lzx, Parameters};
    use discless::codec::mszip::Mszip;
    use discless::codec::quantum::Quantum;
    use discless::source::read_up_to;

    /// The window's bits, and the chunk and unpacked size of each block.
    fn folder(path: &str) -> (u32, Vec<(Vec<u8>, usize)>) {
        let source = fixture(path);
        let bytes = read_up_to(&*source, 0, 1 << 20).expect("it is there");
        let word = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        assert!(source.len() < 1 << 20 && word(30) == 0, "a small cabinet without reserve");
        let mut at = word(36) + (word(38) << 16);
        let blocks = (0..word(40)).map(|_| {
            let chunk = bytes[at + 8..at + 8 + word(at + 4)].to_vec();
            let out = (chunk, word(at + 6));
            at += 8 + word(at + 4);
            out
        });
        let blocks = blocks.collect();
        (u32::try_from(word(42) >> 8).expect("five bits"), blocks)
    }

    fn bench(
        bencher: Bencher<'_, '_>,
        path: &str,
        decode: impl Fn(u32, &[(Vec<u8>, usize)], &mut [u8]) -> discless::Result<()> + Sync,
    ) {
        let (window, blocks) = folder(path);
        let mut frame = vec![0; 32 << 10];
        let bytes: usize = blocks.iter().map(|(_, len)| len).sum();
        bencher
            .counter(BytesCount::new(bytes))
            .bench_local(|| decode(window, &blocks, &mut frame).expect("the fixture is sound"));
    }

    #[divan::bench(args = ["cab/lzx-16-calls/input.cab", "cab/lzx-19/input.cab"])]
    fn lzx(bencher: Bencher<'_, '_>, path: &str) {
        bench(bencher, path, |window, blocks, frame| {
            let mut lzx = Lzx::new(Parameters::cabinet(window))?;
            blocks.iter().try_for_each(|(chunk, len)| lzx.frame(chunk, &mut frame[..*len]))
        });
    }

    #[divan::bench(args = ["cab/mszip/input.cab"])]
    fn mszip(bencher: Bencher<'_, '_>, path: &str) {
        bench(bencher, path, |_, blocks, frame| {
            let mut mszip = Mszip::new();
            blocks.iter().try_for_each(|(chunk, len)| mszip.block(chunk, &mut frame[..*len]))
        });
    }

    #[divan::bench(args = ["cab/quantum-21/input.cab"])]
    fn quantum(bencher: Bencher<'_, '_>, path: &str) {
        bench(bencher, path, |window, blocks, frame| {
            let mut quantum = Quantum::new(window)?;
            blocks.iter().try_for_each(|(chunk, len)| quantum.frame(chunk, &mut frame[..*len]))
        });
    }
}

/// The decoders of Windows images, each over the packed chunks of a fixture.
mod wim_codec {
    use super::{Bencher, BytesCount, fixture};
    use discless::codec::lzms::Lzms;
    use discless::codec::lzx::{Lzx, Parameters};
    use discless::codec::xpress::Xpress;
    use discless::source::read_up_to;

    /// The chunk size, and the chunk and unpacked size of each chunk that is packed.
    fn chunks(path: &str) -> (usize, Vec<(Vec<u8>, usize)>) {
        let bytes = read_up_to(&*fixture(path), 0, 1 << 20).expect("it is there");
        let number = |at: usize, len: usize| {
            bytes[at..at + len].iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte))
        };
        let (step, table, lines) = (number(20, 4), number(56, 8), number(48, 7) / 50);
        let mut out = Vec::new();
        for line in (0..lines).map(|line| table + 50 * line).filter(|line| bytes[line + 7] & 4 != 0) {
            let (packed, at, whole) = (number(line, 7), number(line + 8, 8), number(line + 16, 8));
            let count = whole.div_ceil(step);
            let heads = 4 * (count - 1);
            for chunk in 0..count {
                let begin = if chunk == 0 { 0 } else { number(at + 4 * (chunk - 1), 4) };
                let end = if chunk + 1 == count { packed - heads } else { number(at + 4 * chunk, 4) };
                let len = step.min(whole - chunk * step);
                if end - begin < len {
                    out.push((bytes[at + heads + begin..at + heads + end].to_vec(), len));
                }
            }
        }
        (step, out)
    }

    fn bench(
        bencher: Bencher<'_, '_>,
        path: &str,
        mut decode: impl FnMut(&[u8], &mut [u8]) -> discless::Result<()>,
    ) {
        let (step, chunks) = chunks(path);
        let mut out = vec![0; step];
        let bytes: usize = chunks.iter().map(|(_, len)| len).sum();
        bencher.counter(BytesCount::new(bytes)).bench_local(|| {
            for (chunk, len) in &chunks {
                decode(chunk, &mut out[..*len]).expect("the fixture is sound");
            }
        });
    }

    #[divan::bench]
    fn xpress(bencher: Bencher<'_, '_>) {
        let mut xpress = Xpress::new();
        bench(bencher, "wim/xpress-32k/input.wim", |chunk, out| xpress.chunk(chunk, out));
    }

    #[divan::bench]
    fn lzx(bencher: Bencher<'_, '_>) {
        let mut lzx = Lzx::new(Parameters::wim(15)).expect("a window of 32 KiB");
        bench(bencher, "wim/lzx-32k/input.wim", |chunk, out| {
            lzx.reset();
            lzx.frame(chunk, out)
        });
    }

    #[divan::bench]
    fn lzms(bencher: Bencher<'_, '_>) {
        let mut lzms = Lzms::new();
        bench(bencher, "wim/lzms-32k/input.wim", |chunk, out| lzms.chunk(chunk, out));
    }
}
