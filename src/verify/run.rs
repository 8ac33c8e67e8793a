//! Verifying a source: cheap checks first, then one reading of all its bytes.

use super::check::{Amount, Check, Outcome, Verdict, structure};
use super::expect::Expectations;
use super::hash::hash;
use crate::container::{Container, EntryId, EntryKind};
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Kind, NotMedium, Result};
use crate::formats::{Options, wim};
use crate::medium;
use crate::observe::Observer;
use crate::source::{Digested, SharedSource};
use crate::walk::{Readable, walk};
use std::sync::Arc;

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
}

impl Verified {
    fn new(checks: Vec<Check>, sha256: Option<Value>) -> Self {
        Self { verdict: Verdict::of(&checks), checks, sha256 }
    }
}

/// Verifies `source`. What it is may be unknown, where there is something to compare it with.
///
/// # Errors
/// What reading said; `NotMedium` where it is nothing that is known and nothing is expected of it.
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
    let algorithms = expectations.algorithms();
    // Members are read through the digest, so that all bytes are read once.
    let digested = match depth {
        Depth::Members => Some(Arc::new(Digested::new(source.clone(), &algorithms))),
        Depth::Whole => None,
    };
    let seen: SharedSource = match &digested {
        Some(digested) => digested.clone(),
        None => source.clone(),
    };
    let mut checks = sizes(expectations, source.len());
    let container = match medium::open(&seen, name, options) {
        Ok(container) => Some(container),
        Err(error) => {
            checks.extend(not_opened(error, expectations)?);
            None
        }
    };
    if let Some(container) = &container {
        checks.extend(structure(&**container));
    }
    // A medium that is too short is known to be before the first gigabyte is hashed.
    if checks.iter().any(|check| check.what == "size" && check.outcome == Outcome::Damaged) {
        return Ok(Verified::new(checks, None));
    }
    if let (Depth::Members, Some(container)) = (depth, &container) {
        checks.push(members(&**container, observer)?);
        checks.extend(integrity(&**container, observer)?);
    }
    let values = match digested {
        Some(digested) => digested.finish(&mut |bytes| {
            observer.advance(bytes);
            !observer.cancelled()
        }),
        None => hash(&**source, &algorithms, threads, observer),
    };
    let mut values = values.map_err(|error| error.of(name))?;
    let more = expectations.second_look(&values);
    if !more.is_empty() {
        values.extend(hash(&**source, &more, threads, observer).map_err(|error| error.of(name))?);
    }
    checks.extend(digests(expectations, &values));
    let sha256 = values.into_iter().find(|value| value.algorithm == Algorithm::Sha256);
    Ok(Verified::new(checks, sha256))
}

/// Lists that give a size are believed before anything is read.
pub(super) fn sizes(expectations: &Expectations, have: u64) -> Vec<Check> {
    let wrong = expectations.digests.iter().filter_map(|expected| {
        let size = expected.size.filter(|&size| size != have)?;
        Some(Check {
            expected: Some(Amount::Bytes(size)),
            found: Some(Amount::Bytes(have)),
            ..Check::new("size", Outcome::Damaged, &expected.by, "differs")
        })
    });
    wrong.take(1).collect()
}

/// A source that is no medium can still be what was published, unless it is nothing at all.
fn not_opened(error: Error, expectations: &Expectations) -> Result<Option<Check>> {
    let hopeless = matches!(
        error.kind(),
        Kind::NotMedium(NotMedium::Empty | NotMedium::WebPage { .. } | NotMedium::Zeros)
    );
    match error.kind() {
        Kind::Io(_) | Kind::Cancelled => Err(error),
        _ if expectations.digests.is_empty() || hopeless => Err(error),
        Kind::NotMedium(what) => {
            Ok(Some(Check::new("structure", Outcome::Unchecked, "discless", format!("it is {what}"))))
        }
        Kind::Unsupported(_) | Kind::Encrypted(_) | Kind::Limit { .. } => {
            Ok(Some(Check::new("structure", Outcome::Unchecked, "discless", error.to_string())))
        }
        _ => Ok(Some(Check::new("structure", Outcome::Damaged, "discless", error.to_string()))),
    }
}

/// Compares what was computed with all that is expected.
#[must_use]
pub fn digests(expectations: &Expectations, values: &[Value]) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for expected in &expectations.digests {
        let Some(found) = expected.found(values) else { continue };
        // Where the length alone told, the value is of the digest that it matches.
        let meant = if found.bytes == expected.value.bytes { found } else { &expected.value };
        let mut check = Check::digest(meant, found, &expected.by);
        if !expected.others.is_empty() {
            let names: Vec<&str> = expected.others.iter().map(|other| other.name()).collect();
            check.note = match check.outcome {
                Outcome::Damaged => {
                    format!("differs; which digest it is was not said, and no {} matches", names.join(", "))
                }
                _ => format!("which digest it is was not said; as {} it matches", found.algorithm),
            };
        }
        checks.push(check);
    }
    for (list, note) in &expectations.notes {
        let list = list.rsplit(['/', '\\']).next().unwrap_or(list);
        checks.push(Check::new("list", Outcome::Unchecked, list, format!("{list}: {note}")));
    }
    for (list, error) in &expectations.unusable {
        checks.push(Check::new("list", Outcome::Unchecked, list, error.kind().to_string()));
    }
    if expectations.digests.is_empty() {
        let found = values.iter().find(|value| value.algorithm == Algorithm::Sha256);
        checks.push(Check {
            found: found.map(|value| Amount::Digest(value.clone())),
            ..Check::new("sha256", Outcome::Unchecked, "nobody", "nothing to compare it with")
        });
    }
    checks
}

/// Reads every member to its end.
fn members(container: &dyn Container, observer: &dyn Observer) -> Result<Check> {
    let wanted = container.entries().iter().enumerate();
    let wanted: Vec<EntryId> =
        wanted.filter(|(_, entry)| entry.kind == EntryKind::File).map(|(i, _)| EntryId(i)).collect();
    let mut sink = Readable::default();
    walk(container, &wanted, &mut sink, observer)?;
    let damaged = sink.failed.iter().filter(|(_, error)| error.is_damage()).count();
    let outcome = match (sink.failed.len(), damaged) {
        (0, _) => Outcome::Ok,
        // Encrypted, or beyond what is read here: nothing speaks against them.
        (_, 0) => Outcome::Unchecked,
        _ => Outcome::Damaged,
    };
    let failed: Vec<String> = sink.failed.iter().map(|(path, error)| format!("{path}: {error}")).collect();
    let note = match (failed.len(), container.member_checksum()) {
        (0, None) => "all can be read to their end".to_owned(),
        (0, Some(checksum)) => {
            format!("all can be read to their end and match the {checksum} kept with them")
        }
        (n, _) => format!("{n} cannot be read to their end"),
    };
    Ok(Check {
        count: Some(wanted.len() as u64),
        failed,
        ..Check::new("members", outcome, container.format(), note)
    })
}

/// Compares a WIM file with its own table of digests, where it has one.
fn integrity(container: &dyn Container, observer: &dyn Observer) -> Result<Option<Check>> {
    const WHAT: &str = "integrity";
    let by = container.format();
    if by != wim::FORMAT.name {
        return Ok(None);
    }
    let found = match wim::integrity(&**container.source(), observer) {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(None),
        Err(error) if matches!(error.kind(), Kind::Cancelled | Kind::Io(_)) => return Err(error),
        Err(error) => return Ok(Some(Check::new(WHAT, Outcome::Damaged, by, error.to_string()))),
    };
    let failed: Vec<String> =
        found.differ.iter().map(|range| format!("bytes {} to {}", range.start, range.end)).collect();
    let (outcome, note) = match failed.len() {
        0 => (Outcome::Ok, "all match its integrity table".to_owned()),
        n => (Outcome::Damaged, format!("{n} differ from its integrity table")),
    };
    Ok(Some(Check { count: Some(found.stretches), failed, ..Check::new(WHAT, outcome, by, note) }))
}

/// Compares the files of a directory with a list: every file that the list names.
///
/// # Errors
/// What reading said, or that the list names no file.
pub fn directory(
    container: &dyn Container,
    root: &std::path::Path,
    list: &std::path::Path,
    threads: usize,
    observer: &dyn Observer,
) -> Result<Verified> {
    let sums = super::expect::read_list(list)?;
    let by = list.to_string_lossy().into_owned();
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
                checks.push(check);
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
        return Err(Error::not_found(format!("a file of the directory in {by}"), None));
    }
    Ok(Verified::new(checks, None))
}

fn same_file(a: &std::path::Path, b: &std::path::Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
