//! What was checked, and the verdict that follows: verified, damaged, or nothing vouched for it.

use crate::container::{Container, EntryKind, Finding, Severity};
use crate::digest::{Algorithm, Value};
use crate::text::count;

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it must be.
    Ok,
    /// As it must be, by something that proves little; or against the specification without loss.
    Weak,
    /// Not as it must be.
    Damaged,
    /// Nothing to compare with.
    Unchecked,
}

impl Outcome {
    /// The word for people and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Weak => "weak",
            Self::Damaged => "damaged",
            Self::Unchecked => "unchecked",
        }
    }
}

/// An expected or found value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amount {
    /// Bytes.
    Bytes(u64),
    /// A digest.
    Digest(Value),
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked: a digest's name, `size`, `structure`, `members`.
    pub what: &'static str,
    /// The member's path; empty for the source itself.
    pub subject: String,
    /// What it found.
    pub outcome: Outcome,
    /// Who says what is expected: `user`, a list's name, a format.
    pub by: String,
    /// What was expected.
    pub expected: Option<Amount>,
    /// What was found.
    pub found: Option<Amount>,
    /// How many things were checked.
    pub count: Option<u64>,
    /// Those that failed.
    pub failed: Vec<String>,
    /// In words.
    pub note: String,
    /// True where this check, being ok, proves that the whole source is what was published.
    pub vouches: bool,
    /// Who made the signature that was checked.
    pub signer: Option<Signer>,
}

/// Who made a signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The key: its fingerprint, or its number where that is all the signature has.
    pub key: String,
    /// Name and fingerprint of a key that was given, where the signature is good.
    pub name: Option<String>,
}

impl Check {
    /// A check of the source itself that says no more than this.
    #[must_use]
    pub fn new(what: &'static str, outcome: Outcome, by: &str, note: impl Into<String>) -> Self {
        Self {
            what,
            subject: String::new(),
            outcome,
            by: by.to_owned(),
            expected: None,
            found: None,
            count: None,
            failed: Vec::new(),
            note: note.into(),
            vouches: false,
            signer: None,
        }
    }

    /// Compares a digest with what `by` says it is.
    #[must_use]
    pub fn digest(expected: &Value, found: &Value, by: &str) -> Self {
        let same = expected == found;
        let outcome = match (same, found.algorithm.is_weak()) {
            (false, _) => Outcome::Damaged,
            (true, true) => Outcome::Weak,
            (true, false) => Outcome::Ok,
        };
        let note = match (same, found.algorithm) {
            (false, _) => "differs",
            (true, Algorithm::Crc32) => "finds accidents only, and not all of them",
            (true, Algorithm::Md5 | Algorithm::Sha1) => "files with the same digest can be made",
            (true, _) => "",
        };
        Self {
            expected: Some(Amount::Digest(expected.clone())),
            found: Some(Amount::Digest(found.clone())),
            vouches: same,
            ..Self::new(found.algorithm.name(), outcome, by, note)
        }
    }
}

/// Whether a source is what was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Something vouched for it, and nothing spoke against it.
    Verified,
    /// Something spoke against it.
    Damaged,
    /// Nothing vouched for it.
    Unverified,
}

impl Verdict {
    /// The word for people and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Damaged => "damaged",
            Self::Unverified => "unverified",
        }
    }

    /// What follows from all checks together.
    #[must_use]
    pub fn of(checks: &[Check]) -> Self {
        if checks.iter().any(|check| check.outcome == Outcome::Damaged) {
            Self::Damaged
        } else if checks.iter().any(|check| check.vouches) {
            Self::Verified
        } else {
            Self::Unverified
        }
    }
}

/// What opening the container already showed: its size, and everything that was noticed.
#[must_use]
pub fn structure(container: &dyn Container) -> Vec<Check> {
    let by = container.format();
    let (declared, have) = (container.extent().end, container.source().len());
    let mut checks = Vec::new();
    if !container.source().is_empty() {
        let outcome = if declared > have { Outcome::Damaged } else { Outcome::Ok };
        let note = match declared.cmp(&have) {
            std::cmp::Ordering::Greater => format!("ends {} early", count(declared - have, "byte")),
            std::cmp::Ordering::Equal => String::new(),
            std::cmp::Ordering::Less => format!("{} behind its end", count(have - declared, "byte")),
        };
        checks.push(Check {
            expected: Some(Amount::Bytes(declared)),
            found: Some(Amount::Bytes(have)),
            ..Check::new("size", outcome, by, note)
        });
    }
    let worth = |finding: &&Finding| finding.severity != Severity::Note && !is_size(finding);
    let noticed: Vec<&Finding> = container.findings().iter().filter(worth).collect();
    let files = container.entries().iter().filter(|entry| entry.kind == EntryKind::File).count() as u64;
    if !noticed.iter().any(|finding| finding.severity == Severity::Damaged) {
        let note = "every directory can be read and every member lies inside";
        checks.push(Check { count: Some(files), ..Check::new("structure", Outcome::Ok, by, note) });
    }
    for finding in noticed {
        let outcome = if finding.severity == Severity::Damaged { Outcome::Damaged } else { Outcome::Weak };
        checks.push(Check {
            subject: finding.subject.clone(),
            ..Check::new("structure", outcome, by, finding.what.clone())
        });
    }
    checks
}

/// The size has a check of its own.
fn is_size(finding: &Finding) -> bool {
    finding.subject.is_empty() && finding.what.starts_with("ends ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(algorithm: Algorithm, byte: u8) -> Value {
        Value { algorithm, bytes: vec![byte; algorithm.len()] }
    }

    #[test]
    fn nothing_compared_is_nothing_verified() {
        assert_eq!(Verdict::of(&[]), Verdict::Unverified);
        let size = Check::new("size", Outcome::Ok, "iso9660", "");
        assert_eq!(Verdict::of(&[size]), Verdict::Unverified);
    }

    #[test]
    fn one_difference_outweighs_every_match() {
        let good = Check::digest(&value(Algorithm::Sha256, 1), &value(Algorithm::Sha256, 1), "user");
        let bad = Check::digest(&value(Algorithm::Md5, 1), &value(Algorithm::Md5, 2), "user");
        assert_eq!(Verdict::of(std::slice::from_ref(&good)), Verdict::Verified);
        assert_eq!(Verdict::of(&[good, bad]), Verdict::Damaged);
    }

    #[test]
    fn a_weak_digest_that_matches_is_called_weak() {
        let check = Check::digest(&value(Algorithm::Md5, 1), &value(Algorithm::Md5, 1), "user");
        assert_eq!(check.outcome, Outcome::Weak);
        assert_eq!(Verdict::of(&[check]), Verdict::Verified);
    }
}
