//! Reading everything of a container within a budget, and holding what it says against itself.

use super::sparse::{close_image, image};
use discless::Limits;
use discless::container::{Container, Entry, EntryId, EntryKind};
use discless::digest::{Algorithm, Hasher};
use discless::error::{Error, Result};
use discless::formats::{Format, Options};
use discless::sink::{Sink, Want};
use discless::source::SharedSource;
use discless::surroundings::{Beside, Surroundings};
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Limits at which memory and time stay small however the input is made.
pub fn options() -> Options {
    let limits = Limits {
        nesting: 2,
        entries: 5_000,
        directory_depth: 64,
        directory_bytes: 1 << 20,
        path_bytes: 4 << 10,
        all_path_bytes: 8 << 20,
        extents_per_file: 4 << 10,
        all_extents: 64 << 10,
        spool_memory: 1 << 20,
        spool_bytes: 4 << 20,
        unpacked_floor: 4 << 20,
        ..Limits::default()
    };
    Options { limits, ..Options::default() }
}

/// Bytes of members that one input may have read.
const BUDGET: u64 = 4 << 20;

/// Takes bytes until the budget is used up; digests them to compare two ways of reading.
struct Budget {
    left: u64,
    open: Option<Hasher>,
    whole: Vec<(EntryId, String)>,
    current: EntryId,
}

impl Sink for Budget {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        if entry.kind != EntryKind::File || self.left == 0 {
            return Ok(Want::Skip);
        }
        self.current = id;
        self.open = Some(Hasher::new(&[Algorithm::Crc32]));
        Ok(Want::Bytes)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        self.left = self.left.saturating_sub(bytes.len() as u64);
        if let Some(hasher) = &mut self.open {
            hasher.update(bytes);
        }
        if self.left == 0 { Err(Error::limit("bytes read by a fuzz target", BUDGET)) } else { Ok(()) }
    }

    fn end(&mut self, _: &Entry, outcome: Result<()>) -> Result<()> {
        if let (Some(hasher), Ok(())) = (self.open.take(), outcome) {
            self.whole.push((self.current, hasher.finish()[0].hex()));
        }
        Ok(())
    }
}

/// Lists a container, reads its members, and holds what it says against itself.
pub fn exercise(container: &dyn Container) {
    let entries = container.entries();
    assert!(entries.len() as u64 <= options().limits.entries + 64, "{} entries", entries.len());
    for entry in entries {
        assert!(entry.path.bytes().len() <= (4 << 10) + 300, "a path of {} bytes", entry.path.bytes().len());
    }
    for finding in container.findings() {
        assert!(!finding.what.is_empty());
    }
    let _ = (container.layers(), container.regions(), container.facts(), container.extent());
    let wanted: Vec<EntryId> = (0..entries.len()).map(EntryId).collect();
    let mut sink = Budget { left: BUDGET, open: None, whole: Vec::new(), current: EntryId(0) };
    let _ = container.read_in_order(&wanted, &mut sink);
    // Reading one alone gives what reading all gave.
    for (id, sum) in sink.whole.iter().take(8) {
        let mut bytes = Vec::new();
        let content = container.open(*id).expect("it was opened before");
        content.take(BUDGET + 1).read_to_end(&mut bytes).expect("it was read before");
        assert_eq!(bytes.len() as u64, entries[id.0].bytes);
        let mut hasher = Hasher::new(&[Algorithm::Crc32]);
        hasher.update(&bytes);
        assert_eq!(hasher.finish()[0].hex(), *sum);
    }
}

/// Whatever is asked for beside an input is the input itself, as often as this; then there is nothing more.
const BESIDE: usize = 8;

struct Itself {
    source: SharedSource,
    left: AtomicUsize,
}

impl Beside for Itself {
    fn find(&self, _: &str) -> Result<Option<SharedSource>> {
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        Ok(left.is_ok().then(|| self.source.clone()))
    }
}

/// Where an input stands: as the first of a set, where the format has sets by name.
fn surroundings(format: &Format, source: &SharedSource) -> Surroundings {
    let file_name = match format.name {
        "installshield" => "data1.cab",
        "rar" => "input.part1.rar",
        "sevenz" => "input.7z.001",
        "wim" => "input.swm",
        _ => "input.exe",
    };
    let beside = Itself { source: source.clone(), left: AtomicUsize::new(BESIDE) };
    Surroundings { file_name: file_name.to_owned(), beside: Some(Arc::new(beside)) }
}

/// Opens an input with one reader alone, whatever its probe says, and reads all of it.
pub fn reader(format: &Format, data: &[u8]) {
    let source = match format.name {
        "iso9660" | "udf" => image(data),
        _ => close_image(data),
    };
    let options = options().at(surroundings(format, &source));
    if let Ok(container) = (format.open)(source, &options) {
        exercise(&*container);
    }
}
