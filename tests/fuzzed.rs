//! What the fuzz targets do, without a fuzzer: every input that they have kept, and changes by structure of every fixture
//! of the formats that have structures in `fuzz/src/shared/structured`.
//!
//! Everything is seeded: a failure names input, round and seed. `DISCLESS_SEED` is another seed, `DISCLESS_ROUNDS` more
//! rounds, `DISCLESS_TARGET` one target.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]
#![allow(dead_code, unreachable_pub, reason = "the fuzz targets use more of what they share")]

#[path = "../fuzz/src/shared/mod.rs"]
mod shared;

use discless::container::EntryId;
use discless::formats::{FORMATS, Options, tar};
use discless::medium;
use discless::source::SharedSource;
use shared::chance::Chance;
use shared::structured::ALL;
use shared::targets::{TARGETS, by_name};
use std::collections::BTreeSet;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One input may take so long on a machine that is busy.
const MOST_TIME: Duration = Duration::from_secs(20);
/// One input may take so much memory at once.
const MOST_MEMORY: u64 = 512 << 20;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Gives an input to a target; what is wrong with how it took it.
fn run(target: &str, input: &[u8]) -> Option<String> {
    let begun = Instant::now();
    let run = by_name(target).unwrap();
    let mut outcome = Ok(());
    let memory = allocation_counter::measure(|| outcome = catch_unwind(AssertUnwindSafe(|| run(input))));
    if let Err(payload) = outcome {
        let text = payload.downcast_ref::<String>().cloned();
        let text = text.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        return Some(format!("panics: {}", text.unwrap_or_default()));
    }
    if memory.bytes_max > MOST_MEMORY {
        return Some(format!("{} bytes were allocated", memory.bytes_max));
    }
    (begun.elapsed() > MOST_TIME).then(|| format!("took {:?}", begun.elapsed()))
}

/// Does `work` for all jobs by a few threads; fails with all that it found.
fn for_all<J: Sync>(jobs: &[J], work: impl Fn(&J) -> Vec<String> + Sync) {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let found = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from).min(4) {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let mut wrong = work(job);
                    found.lock().unwrap().append(&mut wrong);
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "{} complaints:\n{}", found.len(), found.join("\n"));
}

/// Inputs with their names.
type Inputs = Vec<(String, Vec<u8>)>;

/// The inputs of `fuzz/corpora`: an archive for each target, its members are the inputs.
fn corpora() -> Vec<(String, Inputs)> {
    let wanted = std::env::var("DISCLESS_TARGET").unwrap_or_default();
    let mut out = Vec::new();
    for entry in std::fs::read_dir(root().join("fuzz/corpora")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let target = name.strip_suffix(".tar.xz").unwrap_or_else(|| panic!("{name} is no corpus")).to_owned();
        if !target.contains(&wanted) {
            continue;
        }
        let source: SharedSource = Arc::new(std::fs::read(&path).unwrap());
        let stream = medium::open(&source, &name, &Options::default()).unwrap();
        let inner = stream.sub_source(EntryId(0), &discless::Limits::default());
        let archive = match inner {
            Ok(inner) if stream.format() == "stream" => {
                (tar::FORMAT.open)(inner, &Options::default()).unwrap()
            }
            _ => stream,
        };
        let inputs = archive.entries().iter().enumerate().map(|(number, entry)| {
            let mut bytes = Vec::new();
            archive.open(EntryId(number)).unwrap().read_to_end(&mut bytes).unwrap();
            (entry.path.text().to_owned(), bytes)
        });
        out.push((target, inputs.collect()));
    }
    out
}

#[test]
fn every_input_that_fuzzing_has_kept_is_taken_as_it_was_then() {
    let corpora = corpora();
    let jobs: Vec<(&str, &str, &[u8])> = corpora
        .iter()
        .flat_map(|(target, inputs)| inputs.iter().map(|(name, input)| (&**target, &**name, &**input)))
        .collect();
    eprintln!("{} inputs of {} targets", jobs.len(), corpora.len());
    assert!(jobs.len() > corpora.len() * 5);
    for_all(&jobs, |(target, name, input)| {
        run(target, input).map(|wrong| format!("{target}/{name}: {wrong}")).into_iter().collect()
    });
}

/// What failed once, each as the target got it: `fuzz/found/TARGET/WHAT`.
#[test]
fn every_input_that_failed_once_does_so_no_more() {
    let mut count = 0;
    for folder in std::fs::read_dir(root().join("fuzz/found")).unwrap() {
        let folder = folder.unwrap();
        let target = folder.file_name().into_string().unwrap();
        for input in std::fs::read_dir(folder.path()).unwrap() {
            let input = input.unwrap();
            let (target, bytes) = (target.clone(), std::fs::read(input.path()).unwrap());
            // One that hangs is to fail, not to hang.
            let (done, waiting) = std::sync::mpsc::channel();
            std::thread::spawn(move || done.send(run(&target, &bytes)));
            let outcome = waiting.recv_timeout(MOST_TIME * 2);
            assert_eq!(outcome, Ok(None), "{}", input.path().display());
            count += 1;
        }
    }
    assert!(count > 3);
}

/// Every fixture of a format, as it is.
fn fixtures(format: &str) -> Inputs {
    let mut out = Vec::new();
    for case in std::fs::read_dir(root().join("testdata").join(format)).unwrap() {
        let case = case.unwrap().path();
        let input = std::fs::read_dir(&case).unwrap().map(|file| file.unwrap().path());
        let is_input = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("input."))
        };
        let input = input.into_iter().find(is_input).unwrap();
        let mut bytes = std::fs::read(&input).unwrap();
        if input.extension().is_some_and(|extension| extension == "gz") {
            let packed = std::mem::take(&mut bytes);
            flate2::read::GzDecoder::new(&*packed).read_to_end(&mut bytes).unwrap();
        }
        out.push((format!("{format}/{}", case.file_name().unwrap().to_string_lossy()), bytes));
    }
    out.sort();
    out
}

#[test]
fn a_sound_file_with_changed_structures_and_true_checksums_is_read_within_bounds() {
    let (seed, rounds) = (number("DISCLESS_SEED", 0x0d15_c1e5), number("DISCLESS_ROUNDS", 6));
    let all: Vec<_> = ALL
        .iter()
        .flat_map(|structure| {
            fixtures(structure.name).into_iter().map(move |(name, bytes)| (*structure, name, bytes))
        })
        .collect();
    for_all(&all, |(structure, name, bytes)| {
        let mut wrong = Vec::new();
        // Large ones cost more and have no more structure.
        let rounds = if bytes.len() > 1 << 20 { rounds.div_ceil(4) } else { rounds };
        for round in 0..rounds {
            let mut image = bytes.clone();
            let mut chance = Chance::new(seed ^ (round << 32) ^ bytes.len() as u64);
            if !structure.change(&mut image, &mut chance) {
                continue;
            }
            // What is as large as this is not what mutations are for.
            if image.len() > 8 << 20 {
                continue;
            }
            let found = run(structure.name, &image);
            wrong.extend(found.map(|found| format!("{name}, round {round}, seed {seed:#x}: {found}")));
        }
        wrong
    });
}

#[test]
fn changes_by_structure_leave_files_that_open() {
    for structure in ALL {
        let (mut changed, mut opened) = (0, 0);
        for (_, bytes) in fixtures(structure.name).into_iter().filter(|(name, bytes)| {
            !name.contains("/hostile-") && !name.contains("/truncated-") && bytes.len() <= 4 << 20
        }) {
            for round in 0..4 {
                let mut image = bytes.clone();
                if structure.change(&mut image, &mut Chance::new(round)) && image != bytes {
                    changed += 1;
                    let format = FORMATS.iter().find(|format| format.name == structure.name).unwrap();
                    opened += u32::from((format.open)(Arc::new(image), &Options::default()).is_ok());
                }
            }
        }
        eprintln!("{}: {opened} of {changed} open", structure.name);
        // What is refused at once tests little; what always opens was not changed.
        assert!(
            changed > 20 && opened * 3 > changed && opened < changed,
            "{}: {opened} of {changed}",
            structure.name
        );
    }
}

/// Where mending sets in all the same: what is wrong there is the point of them, or a name goes on in another extent.
const DAMAGED: [&str; 6] = [
    "cab/checksum-lzx",
    "cab/checksum-mszip",
    "cab/checksum-mszip-history",
    "cab/checksum-stored",
    "iso9660/endian-disagree",
    "udf/directories",
];

#[test]
fn a_mended_file_is_the_file() {
    let mut wrong = Vec::new();
    for structure in ALL {
        for (name, bytes) in fixtures(structure.name) {
            let sound =
                !name.contains("/hostile-") && !name.contains("/truncated-") && bytes.len() <= 8 << 20;
            if sound {
                let mended =
                    structure.mended(&bytes).and_then(|packed| shared::sparse::bytes(&packed, 8 << 20));
                if (mended.as_deref() == Some(&*bytes)) == DAMAGED.contains(&&*name) {
                    wrong.push(name);
                }
            }
        }
    }
    assert!(wrong.is_empty(), "mending changes or does not change {wrong:?}");
}

/// The words of a dictionary.
fn dictionary(name: &str) -> String {
    std::fs::read_to_string(root().join("fuzz/dict").join(format!("{name}.dict"))).unwrap_or_default()
}

#[test]
fn every_format_and_every_codec_has_a_target_and_a_dictionary() {
    let targets: BTreeSet<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    // A directory is no bytes.
    for format in FORMATS.iter().filter(|format| format.name != "directory") {
        assert!(targets.contains(format.name), "{} has no fuzz target", format.name);
        assert!(dictionary(format.name).contains('"'), "{} has no dictionary", format.name);
    }
    let codecs = std::fs::read_to_string(root().join("src/codec/mod.rs")).unwrap();
    let codecs = codecs.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    for codec in codecs.filter(|codec| !matches!(*codec, "bits" | "history" | "huffman")) {
        assert!(targets.contains(codec), "{codec} has no fuzz target");
    }
    assert!(dictionary("lzx").contains('"'));
    let files: BTreeSet<String> = std::fs::read_dir(root().join("fuzz/fuzz_targets"))
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    let files: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    assert_eq!(files, targets);
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for target in &targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target} is not built");
        let text = std::fs::read_to_string(root().join(format!("fuzz/fuzz_targets/{target}.rs"))).unwrap();
        assert!(text.contains(&format!("target!(\"{target}\"")), "{target} runs another");
    }
    for structure in ALL {
        let text =
            std::fs::read_to_string(root().join(format!("fuzz/fuzz_targets/{}.rs", structure.name))).unwrap();
        assert!(text.contains("structured::"), "{} is not changed by its structures", structure.name);
    }
}
