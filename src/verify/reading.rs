//! A source being verified while it is read: by nobody else, or by whoever extracts or checks its members. What
//! wants to see all of its bytes follows that one reading: digests, signatures over it or in it, the digest that an
//! image carries of itself.

use super::authenticode;
use super::check::{Amount, Check, Outcome, structure};
use super::coverage::Coverage;
use super::deep::OfItself;
use super::expect::Expectations;
use super::hash::hash;
use super::run::Verified;
use super::signature::Comparison;
use crate::container::Container;
use crate::digest::{Algorithm, Value};
use crate::error::{Error, Kind, NotMedium, Result};
use crate::facts::Facts;
use crate::formats::Options;
use crate::medium;
use crate::observe::Observer;
use crate::source::{Digested, Followed, SharedSource};
use std::sync::Arc;

/// Who reads all the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Nobody but the verification.
    Alone,
    /// Whoever reads the members, on the way.
    Members,
}

/// A source being verified.
pub struct Reading<'a> {
    source: SharedSource,
    name: &'a str,
    expectations: &'a Expectations,
    /// What was found so far, but for digests and signatures.
    checks: Vec<Check>,
    /// What it was opened as, or why it could not be.
    opened: Result<Arc<dyn Container>>,
    digested: Option<Arc<Digested>>,
    /// Digests that were known before.
    values: Vec<Value>,
    of_itself: Option<OfItself>,
    signatures: Option<authenticode::Pending>,
    comparison: Compared,
}

/// The signatures over the source.
enum Compared {
    Beside(Followed<Comparison>),
    Here(Comparison),
}

impl<'a> Reading<'a> {
    /// Opens the source and finds all that can be told before its bytes are read.
    ///
    /// # Errors
    /// What reading said; `NotMedium` where it is nothing that is known and nothing is expected of it.
    pub fn begin(
        source: &SharedSource,
        name: &'a str,
        expectations: &'a Expectations,
        reader: Reader,
        options: &Options,
    ) -> Result<Self> {
        let of = |error: Error| error.of(name);
        let mut signatures = authenticode::begin(source).map_err(of)?;
        let comparison = expectations.proofs.begin();
        let mut followers = Vec::new();
        let alone = reader == Reader::Alone;
        let values = source.known().to_vec();
        let done = !values.is_empty();
        if !done {
            followers.extend(signatures.as_mut().and_then(authenticode::Pending::follow));
        }
        let comparison = if comparison.wants_bytes() && !done {
            let (follower, followed) = Followed::new(comparison);
            followers.push(follower);
            Compared::Beside(followed)
        } else {
            Compared::Here(comparison)
        };
        // Hashing alone is faster without a stop at every read; who follows needs them in order.
        let unread = !done && (!alone || !followers.is_empty());
        let digested = unread.then(|| Arc::new(Digested::new(source.clone(), &expectations.algorithms())));
        let mut of_itself = None;
        if let Some(digested) = &digested {
            followers.into_iter().for_each(|follower| digested.followed_by(follower));
            // It costs a digest of its own, and finds accidents only.
            if !alone {
                of_itself = Some(OfItself::find(digested).map_err(of)?);
            }
        }
        let seen: SharedSource = match &digested {
            Some(digested) => digested.clone(),
            None => source.clone(),
        };
        let mut checks = sizes(expectations, source.len());
        let opened = medium::open(&seen, name, options).map(Arc::<dyn Container>::from);
        if let Ok(container) = &opened {
            checks.extend(structure(&**container));
        }
        Ok(Self {
            source: source.clone(),
            name,
            expectations,
            checks,
            opened,
            digested,
            values,
            of_itself,
            signatures,
            comparison,
        })
    }

    /// What the source was opened as. Reading its members is part of the one reading.
    ///
    /// # Errors
    /// Why it could not be opened.
    pub fn opened(&self) -> Result<&Arc<dyn Container>> {
        self.opened.as_ref().map_err(Error::again)
    }

    /// True where the source is known to be too short or too long, before its bytes are read.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.checks.iter().any(|check| check.what == "size" && check.outcome == Outcome::Damaged)
    }

    /// True where its digests are known before it is read: it came through a pipe.
    #[must_use]
    pub fn is_done(&self) -> bool {
        !self.values.is_empty()
    }

    /// True where members have to be read in the order in which they lie, so that one reading is enough.
    #[must_use]
    pub fn in_order(&self) -> bool {
        self.digested.is_some()
    }

    /// From now on members are read in that order.
    pub fn start(&self) {
        if let Some(digested) = &self.digested {
            digested.in_order();
        }
    }

    /// Ends before the bytes were read, with what is known.
    ///
    /// # Errors
    /// As [`Reading::begin`].
    pub fn stop(mut self) -> Result<Verified> {
        self.not_opened()?;
        Ok(Verified::new(self.checks, None))
    }

    /// Reads what nobody has read, and compares all of it; `inside` are checks of members. What vouches for which
    /// bytes goes into `coverage`.
    ///
    /// # Errors
    /// What reading said; as [`Reading::begin`].
    pub fn finish(
        mut self,
        inside: Vec<Check>,
        coverage: &mut Coverage,
        threads: usize,
        observer: &dyn Observer,
    ) -> Result<Verified> {
        self.not_opened()?;
        let of = |error: Error| error.of(self.name);
        let expectations = self.expectations;
        let mut checks = self.checks;
        let at = checks.len();
        checks.extend(inside);
        let mut values = match self.digested.take() {
            Some(digested) => {
                digested.in_order();
                let mut advance = |bytes| {
                    observer.advance(bytes);
                    !observer.cancelled()
                };
                digested.finish(&mut advance).map_err(of)?
            }
            None if self.values.is_empty() => {
                hash(&*self.source, &expectations.algorithms(), threads, observer).map_err(of)?
            }
            None => self.values,
        };
        let known = |algorithm: &Algorithm| values.iter().any(|value| value.algorithm == *algorithm);
        let mut more = expectations.algorithms();
        more.retain(|algorithm| !known(algorithm));
        more.extend(expectations.second_look(&values));
        if !more.is_empty() {
            values.extend(hash(&*self.source, &more, threads, observer).map_err(of)?);
        }
        if let Some(pending) = self.signatures {
            let examined = pending.finish(&self.source, &expectations.trust).map_err(of)?;
            checks.splice(at..at, authenticode::checks(&examined));
        }
        checks.extend(self.of_itself.and_then(|implanted| implanted.check(self.source.len(), coverage)));
        checks.extend(digests(expectations, &values));
        let comparison = match self.comparison {
            Compared::Beside(followed) => followed.take().unwrap_or_default(),
            Compared::Here(mut comparison) => {
                if comparison.wants_bytes() {
                    super::hash::all(&*self.source, observer, &mut comparison).map_err(of)?;
                }
                comparison
            }
        };
        checks.extend(expectations.proofs.finish(comparison));
        for check in checks.iter().filter(|check| check.vouches && check.subject.is_empty()) {
            if check.what != "implanted" {
                coverage.add(check.what, &check.by, std::iter::once(0..self.source.len()));
            }
        }
        let sha256 = values.into_iter().find(|value| value.algorithm == Algorithm::Sha256);
        // After all that was read of it, signatures and what they are over included.
        self.source.unchanged().map_err(of)?;
        Ok(Verified::new(checks, sha256))
    }

    /// Ends after the source could not be read to its end: nothing can vouch for all of it.
    ///
    /// # Errors
    /// As [`Reading::begin`].
    pub fn unreadable(mut self) -> Result<Verified> {
        self.not_opened()?;
        let mut checks = self.checks;
        for expected in &self.expectations.digests {
            let note = "the source cannot be read to its end";
            checks.push(Check::new(expected.value.algorithm.name(), Outcome::Unchecked, &expected.by, note));
        }
        Ok(Verified::new(checks, None))
    }

    /// What is no medium can be what was published all the same, or signed as a catalogue is.
    fn not_opened(&mut self) -> Result<()> {
        match &self.opened {
            Ok(_) => Ok(()),
            Err(error) if self.signatures.is_some() && matches!(error.kind(), Kind::NotMedium(_)) => Ok(()),
            Err(error) => {
                self.checks.extend(not_opened(error.again(), self.expectations)?);
                Ok(())
            }
        }
    }
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
        Kind::Io(_) | Kind::Changed(_) | Kind::Cancelled => Err(error),
        _ if expectations.is_empty() || hopeless => Err(error),
        Kind::NotMedium(what) => {
            Ok(Some(Check::new("structure", Outcome::Unchecked, "discless", format!("it is {what}"))))
        }
        Kind::Unsupported(_) | Kind::Encrypted { .. } | Kind::Limit { .. } => {
            Ok(Some(Check::new("structure", Outcome::Unchecked, "discless", error.to_string())))
        }
        _ => Ok(Some(Check::new("structure", Outcome::Damaged, "discless", error.to_string()))),
    }
}

/// Compares what was computed with all that is expected.
#[must_use]
pub(super) fn digests(expectations: &Expectations, values: &[Value]) -> Vec<Check> {
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
