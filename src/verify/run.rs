//! Verifying a source: cheap checks first, then one reading of all its bytes.

use super::check::{Check, Outcome, Verdict};
use super::coverage::Coverage;
use super::deep::Deep;
use super::expect::Expectations;
use super::hash::hash;
use super::reading::{Reader, Reading};
use super::signature::{Listed, Proofs, Word};
use crate::container::{Container, EntryId, EntryKind};
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Kind, Result};
use crate::formats::Options;
use crate::observe::Observer;
use crate::source::{self, SharedSource};

/// How much is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Structure, and the digests of the whole.
    Whole,
    /// Every member, too, to its end.
    Members,
}

/// What was found.
#[derive(Debug)]
pub struct Verified {
    /// Every check, in the order they were made.
    pub checks: Vec<Check>,
    /// What follows.
    pub verdict: Verdict,
    /// SHA-256 of the whole, where it was read.
    pub sha256: Option<Value>,
    /// What vouches for which bytes, where members were read.
    pub coverage: Option<Coverage>,
}

impl Verified {
    pub(super) fn new(checks: Vec<Check>, sha256: Option<Value>) -> Self {
        Self { verdict: Verdict::of(&checks), checks, sha256, coverage: None }
    }
}

/// Verifies `source`. What it is may be unknown, where there is something to compare it with.
///
/// # Errors
/// What reading said; `Changed` where the source is not what it was when it was opened; `NotMedium` where it is nothing
/// that is known and nothing is expected of it.
pub fn verify(
    source: &SharedSource,
    name: &str,
    expectations: &Expectations,
    depth: Depth,
    options: &Options,
    threads: usize,
    observer: &dyn Observer,
) -> Result<Verified> {
    observer.total(source.len());
    let verified = read(source, name, expectations, depth, options, threads, observer);
    source::settled(&**source, verified).map_err(|error| match error.kind() {
        Kind::Changed(_) if error.place().medium.is_empty() => error.of(name),
        _ => error,
    })
}

fn read(
    source: &SharedSource,
    name: &str,
    expectations: &Expectations,
    depth: Depth,
    options: &Options,
    threads: usize,
    observer: &dyn Observer,
) -> Result<Verified> {
    let reader = match depth {
        Depth::Members => Reader::Members,
        Depth::Whole => Reader::Alone,
    };
    let reading = Reading::begin(source, name, expectations, reader, options)?;
    // A medium that is too short is known to be before the first gigabyte is hashed.
    if reading.is_short() {
        return reading.stop();
    }
    let mut coverage = Coverage::of(source.len());
    let mut inside = Vec::new();
    if let (Depth::Members, Ok(container)) = (depth, reading.opened()) {
        reading.start();
        let deep = Deep { outer: container, trust: &expectations.trust, options, threads, observer };
        inside = deep.checks(&mut coverage)?;
    }
    let verified = reading.finish(inside, &mut coverage, threads, observer)?;
    let coverage = (depth == Depth::Members).then_some(coverage);
    Ok(Verified { coverage, ..verified })
}

/// Compares the files of a directory with a list: every file that the list names.
///
/// # Errors
/// What reading said, or that the list names no file.
pub fn directory(
    container: &dyn Container,
    root: &std::path::Path,
    list: &std::path::Path,
    mut proofs: Proofs,
    threads: usize,
    observer: &dyn Observer,
) -> Result<Verified> {
    let (sums, text) = super::expect::read_signed_list(list)?;
    let Word::Counts(by) = proofs.list(list, text, Listed::ByUser) else {
        return Ok(Verified::new(proofs.of_lists().to_vec(), None));
    };
    let list_dir = list.parent().unwrap_or(std::path::Path::new(""));
    let mut checks = Vec::new();
    let mut named = std::collections::HashSet::new();
    observer.total(container.extent().end);
    for (i, entry) in container.entries().iter().enumerate().filter(|(_, e)| e.kind == EntryKind::File) {
        let path = root.join(entry.path.text());
        let lines = sums.for_file(&path, list_dir);
        if lines.is_empty() || same_file(&path, list) {
            continue;
        }
        observer.working_on(entry.path.text());
        let algorithms: Vec<Algorithm> = lines.iter().map(|line| line.value.algorithm).collect();
        let source = container.sub_source(EntryId(i), &crate::Limits::default())?;
        let values = hash(&*source, &algorithms, threads, observer).map_err(|e| e.of(entry.path.text()))?;
        for line in lines {
            named.insert(line.line_number);
            if let Some(found) = values.iter().find(|value| value.algorithm == line.value.algorithm) {
                let mut check = Check::digest(&line.value, found, &by);
                check.subject = entry.path.text().to_owned();
                checks.push(proofs.weighed(check));
            }
        }
    }
    for line in sums.lines.iter().filter(|line| !named.contains(&line.line_number)) {
        let mut check =
            Check::new(line.value.algorithm.name(), Outcome::Damaged, &by, "the file is not there");
        check.subject = line.name.clone().unwrap_or_default();
        checks.push(check);
    }
    if checks.is_empty() {
        return Err(Error::not_found(format!("a file of the directory in {}", list.display()), None));
    }
    checks.splice(0..0, proofs.of_lists().iter().cloned());
    Ok(Verified::new(checks, None))
}

fn same_file(a: &std::path::Path, b: &std::path::Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
