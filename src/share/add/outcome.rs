//! What became of a source that was to be added.

use super::super::Trouble;
use super::super::manifest::{Product, Secret};
use super::super::space::Saved;
use super::super::survey::Item;
use crate::error::Error;
use crate::extract::{Left, Renamed};
use crate::verify::{Check, Verdict};

/// What became of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the share.
    Added,
    /// It was there.
    Already,
    /// Nothing vouched for it.
    Unverified,
    /// It is damaged, or not what was expected.
    Damaged,
    /// Some of its files could not be read.
    Incomplete,
}

impl Outcome {
    /// The word for JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Already => "already",
            Self::Unverified => "unverified",
            Self::Damaged => "damaged",
            Self::Incomplete => "incomplete",
        }
    }
}

/// What was found of a source, and what became of it.
#[derive(Debug)]
pub struct Added {
    /// What became of it.
    pub outcome: Outcome,
    /// Where it is, or would be.
    pub folder: String,
    /// Its short name; empty where it is not in the share.
    pub id: String,
    /// What it is.
    pub product: Product,
    /// Every check.
    pub checks: Vec<Check>,
    /// The verdict; `None` where it was there already.
    pub verdict: Option<Verdict>,
    /// SHA-256 of the source.
    pub sha256: Option<String>,
    /// Its size in bytes.
    pub source_bytes: u64,
    /// Files.
    pub files: u64,
    /// Files of these that an earlier run had written.
    pub resumed: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// What was saved.
    pub saved: Saved,
    /// Keys and passwords.
    pub secrets: Vec<Secret>,
    /// Members that were left out.
    pub left: Vec<Left>,
    /// Members that go by another name.
    pub renamed: Vec<Renamed>,
    /// Members that could not be read.
    pub failed: Vec<(String, Error)>,
    /// Names that Windows clients cannot reach.
    pub troubles: Vec<Trouble>,
}

impl Added {
    pub(super) fn new(outcome: Outcome, folder: &str, product: Product) -> Self {
        Self {
            outcome,
            folder: folder.to_owned(),
            id: String::new(),
            product,
            checks: Vec::new(),
            verdict: None,
            sha256: None,
            source_bytes: 0,
            files: 0,
            resumed: 0,
            bytes: 0,
            saved: Saved::default(),
            secrets: Vec::new(),
            left: Vec::new(),
            renamed: Vec::new(),
            failed: Vec::new(),
            troubles: Vec::new(),
        }
    }

    pub(super) fn already(item: &Item, bytes: u64, sha256: String) -> Self {
        let product = item.listed.as_ref().map(|listed| listed.product.clone()).unwrap_or_default();
        Self {
            id: item.id().to_owned(),
            source_bytes: bytes,
            sha256: Some(sha256),
            files: item.listed.as_ref().map_or(0, |listed| listed.files),
            bytes: item.listed.as_ref().map_or(0, |listed| listed.bytes),
            ..Self::new(Outcome::Already, &item.folder, product)
        }
    }
}
