//! What is known of signatures for one source: the keys, what lists of digests are signed, and which
//! signatures are over the source itself.

use super::{Comparison, ENDINGS, Keys, Signature, Text, discovery, without_ending};
use crate::error::Result;
use crate::path::slashed;
use crate::verify::check::{Check, Outcome};
use std::path::{Path, PathBuf};

/// Keys, and signatures for them.
#[derive(Debug, Default)]
pub struct Proofs {
    keys: Keys,
    /// Signatures that the user named and that are not used yet.
    named: Vec<(PathBuf, Signature)>,
    /// Those over the source itself.
    source: Vec<Signature>,
    /// What was found of lists.
    lists: Vec<Check>,
    /// Lists that no key signed though keys were named: anybody may have made them.
    unsigned: Vec<String>,
}

/// How a list came to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// The user named it, and signatures named with it are over it.
    ByUser,
    /// It was found.
    Found,
}

/// What a list's signature makes of its word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It counts, by this name.
    Counts(String),
    /// Somebody changed it: it does not count.
    Broken,
}

impl Proofs {
    /// Keys and files of signatures that the user named.
    ///
    /// # Errors
    /// As [`Keys::named`] and [`Signature::read`].
    pub fn named(keys: &[String], signatures: &[PathBuf]) -> Result<Self> {
        let read = |path: &PathBuf| Ok((path.clone(), Signature::read(path)?));
        let named = signatures.iter().map(read).collect::<Result<_>>()?;
        Ok(Self { keys: Keys::named(keys)?, named, ..Self::default() })
    }

    /// True where nothing was asked and nothing found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.named.is_empty() && self.source.is_empty() && self.lists.is_empty()
    }

    /// Compares the list at `path`, which says `text`, with the signatures around it, beside it, and
    /// those that the user named for it.
    pub fn list(&mut self, path: &Path, text: Text, listed: Listed) -> Word {
        let by = slashed(path);
        let body = text.body.clone();
        let mut checks = text.check(&by, &self.keys);
        let (mine, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.named).into_iter().partition(|(at, _)| is_of(at, path, listed));
        self.named = others;
        let beside = discovery::beside(path).into_iter();
        let mut seen: Vec<PathBuf> = Vec::new();
        for (at, signature) in mine.into_iter().chain(beside) {
            if !seen.contains(&at) {
                checks.extend(signature.check(&body, &self.keys));
                seen.push(at);
            }
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        for check in &mut checks {
            check.subject = without_ending(&name).unwrap_or(&name).to_owned();
        }
        let broken = checks.iter().any(|check| check.outcome == Outcome::Damaged);
        let signer = checks.iter().find_map(|check| check.signer.as_ref()?.name.clone());
        self.lists.extend(checks);
        match (broken, signer) {
            (true, _) => Word::Broken,
            (false, Some(signer)) => Word::Counts(format!("{by}, signed by {signer}")),
            (false, None) => {
                // A file's name may say anything.
                let by = by.replace(", signed by ", ", signed_by ");
                if !self.keys.is_empty() {
                    self.unsigned.push(by.clone());
                }
                Word::Counts(by)
            }
        }
    }

    /// Looks for signatures over `source` beside it.
    pub fn add_beside(&mut self, source: &Path) {
        let named = |at: &Path, named: &[(PathBuf, Signature)]| named.iter().any(|(path, _)| path == at);
        let found = discovery::beside(source).into_iter().filter(|(at, _)| !named(at, &self.named));
        self.source.extend(found.map(|(_, signature)| signature));
    }

    /// What was found of lists.
    #[must_use]
    pub fn of_lists(&self) -> &[Check] {
        &self.lists
    }

    /// Takes its word from a check by a list that no key signed, where keys were named: whoever changed
    /// the source could have made that list, too.
    #[must_use]
    pub fn weighed(&self, mut check: Check) -> Check {
        if check.vouches && self.unsigned.contains(&check.by) {
            check.vouches = false;
            check.note = "the list is not signed by a key that was given".to_owned();
        }
        check
    }

    /// Begins to compare the source with the signatures over it.
    #[must_use]
    pub fn begin(&self) -> Comparison {
        let named = self.named.iter().map(|(_, signature)| signature);
        let signatures: Vec<&Signature> = self.source.iter().chain(named).collect();
        Comparison::begin(&signatures, &self.keys)
    }

    /// What the comparison gave; keys for which there is no signature are told.
    #[must_use]
    pub fn finish(&self, comparison: Comparison) -> Vec<Check> {
        let mut checks = comparison.finish();
        if checks.is_empty() && self.lists.is_empty() && !self.keys.is_empty() {
            checks.push(Check::new(
                "signature",
                Outcome::Unchecked,
                "nobody",
                "there is none for the keys given",
            ));
        }
        checks
    }
}

/// True where the signature at `at` is over `list`: by its name, or because the user named both and the
/// signature's name is that of no other file.
fn is_of(at: &Path, list: &Path, listed: Listed) -> bool {
    let name = at.to_string_lossy();
    let signed = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).map(Path::new);
    let by_name = signed.is_some_and(|signed| signed.file_name() == list.file_name());
    by_name || (listed == Listed::ByUser && !signed.is_some_and(Path::is_file))
}
