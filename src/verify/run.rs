//! Verifying a source: cheap checks first, then one reading of all its bytes.

use super::authenticode;
use super::check::{Amount, Check, Outcome, Verdict, structure};
use super::coverage::Coverage;
use super::deep::{Deep, OfItself};
use super::expect::Expectations;
use super::hash::hash;
use super::signature::{Listed, Proofs, Word};
use crate::container::{Container, EntryId, EntryKind};
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Kind, NotMedium, Result};
use crate::facts::Facts;
use crate::formats::Options;
use crate::medium;
use crate::observe::Observer;
use crate::source::{Digested, SharedSource};
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
    /// What vouches for which bytes, where members were read.
    pub coverage: Option<Coverage>,
}

impl Verified {
    fn new(checks: Vec<Check>, sha256: Option<Value>) -> Self {
        Self { verdict: Verdict::of(&checks), checks, sha256, coverage: None }
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
    // Who follows the reading has to be there when it begins.
    let of_itself = digested.as_deref().map(OfItself::find).transpose().map_err(|error| error.of(name))?;
    let seen: SharedSource = match &digested {
        Some(digested) => digested.clone(),
        None => source.clone(),
    };
    let mut checks = sizes(expectations, source.len());
    let signatures = authenticode::check(&seen, &expectations.trust).map_err(|error| error.of(name))?;
    let container = match medium::open(&seen, name, options) {
        Ok(container) => Some(Arc::<dyn Container>::from(container)),
        // A catalogue is no medium, and can be checked all the same.
        Err(error) if !signatures.is_empty() && matches!(error.kind(), Kind::NotMedium(_)) => None,
        Err(error) => {
            checks.extend(not_opened(error, expectations)?);
            None
        }
    };
    if let Some(container) = &container {
        checks.extend(structure(&**container));
    }
    checks.extend(signatures);
    // A medium that is too short is known to be before the first gigabyte is hashed.
    if checks.iter().any(|check| check.what == "size" && check.outcome == Outcome::Damaged) {
        return Ok(Verified::new(checks, None));
    }
    let mut coverage = Coverage::of(source.len());
    if let (Depth::Members, Some(container)) = (depth, &container) {
        if let Some(digested) = &digested {
            digested.in_order();
        }
        let deep = Deep { outer: container, trust: &expectations.trust, options, threads, observer };
        checks.extend(deep.checks(&mut coverage)?);
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
    checks.extend(of_itself.and_then(|implanted| implanted.check(source.len(), &mut coverage)));
    checks.extend(digests(expectations, &values));
    checks.extend(expectations.proofs.check(&**source, observer).map_err(|error| error.of(name))?);
    for check in checks.iter().filter(|check| check.vouches && check.subject.is_empty()) {
        if check.what != "implanted" {
            coverage.add(check.what, &check.by, std::iter::once(0..source.len()));
        }
    }
    let sha256 = values.into_iter().find(|value| value.algorithm == Algorithm::Sha256);
    let coverage = (depth == Depth::Members).then_some(coverage);
    Ok(Verified { coverage, ..Verified::new(checks, sha256) })
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
        _ if expectations.is_empty() || hopeless => Err(error),
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
    let mut checks: Vec<Check> = expectations.proofs.of_lists().to_vec();
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
        checks.push(expectations.proofs.weighed(check));
    }
    for (list, note) in &expectations.notes {
        let list = list.rsplit(['/', '\\']).next().unwrap_or(list);
        checks.push(Check::new("list", Outcome::Unchecked, list, format!("{list}: {note}")));
    }
    for (list, error) in &expectations.unusable {
        checks.push(Check::new("list", Outcome::Unchecked, list, error.kind().to_string()));
    }
    if let Some(known) = known(values) {
        checks.push(known);
    } else if expectations.digests.is_empty() {
        let found = values.iter().find(|value| value.algorithm == Algorithm::Sha256);
        checks.push(Check {
            found: found.map(|value| Amount::Digest(value.clone())),
            ..Check::new("sha256", Outcome::Unchecked, "nobody", "nothing to compare it with")
        });
    }
    checks
}

/// A medium that was published with that digest, by the table of those that are known.
fn known(values: &[Value]) -> Option<Check> {
    let facts = Facts::compiled();
    let known =
        |value: &Value| facts.medium_by_digest(&value.hex()).map(|medium| (value.clone(), medium.clone()));
    let (value, medium) = values.iter().filter(|value| !value.algorithm.is_weak()).find_map(known)?;
    let mut check = Check::digest(&value, &value, "the table of published media");
    check.note = format!("{}: {}", medium.file, medium.source);
    Some(check)
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
