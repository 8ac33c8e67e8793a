//! What `discless share … --json` prints.

use super::{Check, Error, Failed, Left, Renamed, Source, VERSION};
use crate::share;
use crate::verify;
use serde::{Deserialize, Serialize};

contract! {
    /// A share that was made, or was one.
    Init {
        /// `discless.share-init/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// Where it is.
        share: String,
        /// True where it is new.
        created: bool,
        /// Where media go.
        template: String,
    }

    /// What became of sources that were to be added.
    Add {
        /// `discless.share-add/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// Where the share is.
        share: String,
        /// One for every source, in the order they were named.
        sources: Vec<Added>,
    }

    /// What became of one source.
    Added {
        /// Which source.
        source: Source,
        /// `added`, `already`, `unverified`, `damaged`, `incomplete` or `failed`.
        outcome: String,
        /// The product's short name; empty where it is not in the share.
        id: String,
        /// Where it is, or would be.
        folder: String,
        /// What it is.
        product: share::Product,
        /// `verified`, `damaged` or `unverified`; absent where it was not read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        verdict: Option<String>,
        /// Every check.
        checks: Vec<Check>,
        /// Files.
        files: u64,
        /// Files of these that an earlier run had written.
        resumed: u64,
        /// Bytes of all files.
        bytes: u64,
        /// Files that take no room of their own, because the share has their bytes.
        shared_files: u64,
        /// Bytes of them.
        shared_bytes: u64,
        /// Bytes that could have been shared, where the file system cannot.
        unshared_bytes: u64,
        /// Keys and passwords: where, never what.
        secrets: Vec<share::Secret>,
        /// Members that were left out.
        left: Vec<Left>,
        /// Members that go by another name.
        renamed: Vec<Renamed>,
        /// Members whose bytes could not be read.
        failed: Vec<Failed>,
        /// Names that Windows clients cannot reach.
        troubles: Vec<Trouble>,
        /// Why it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    }

    /// A name that Windows clients cannot reach.
    Trouble {
        /// The path below the share.
        path: String,
        /// What is wrong with it.
        why: String,
    }

    /// How a share stands.
    Checked {
        /// `discless.share-check/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// Where the share is.
        share: String,
        /// `quick` or `full`.
        mode: String,
        /// `good`, `unverified` or `bad`: the worst of the products.
        standing: String,
        /// The products.
        products: Vec<CheckedProduct>,
        /// What the signatures over the index are worth, where that was asked.
        index: Vec<Check>,
        /// Why the index could not be used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        index_error: Option<Error>,
        /// What `add`s that were stopped are of.
        unfinished: Vec<String>,
        /// Files whose digest an interrupted check knew.
        resumed: u64,
    }

    /// How a product stands.
    CheckedProduct {
        /// Its short name.
        id: String,
        /// Its folder.
        folder: String,
        /// In a few words.
        title: String,
        /// `good`, `unverified` or `bad`.
        standing: String,
        /// `verified` or `unverified`, when it was added.
        verdict: String,
        /// What vouched for it then.
        verified_by: Vec<String>,
        /// Files in its manifest.
        files: u64,
        /// Bytes of them.
        bytes: u64,
        /// Files whose bytes were compared.
        read: u64,
        /// What is not as it was.
        differences: Vec<Difference>,
        /// What the signatures over its manifest are worth, where that was asked.
        signatures: Vec<Check>,
    }

    /// Something that is not as it was.
    Difference {
        /// `added`, `changed`, `missing`, `renamed` or `manifest`.
        what: String,
        /// The path in the product folder; empty for the folder itself.
        path: String,
        /// What it is called now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<String>,
        /// In words.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    }

    /// The products of a share.
    Products {
        /// `discless.share-list/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// Where the share is.
        share: String,
        /// The products, sorted by folder.
        products: Vec<ListedProduct>,
        /// What `add`s that were stopped are of.
        unfinished: Vec<String>,
    }

    /// A product of a share.
    ListedProduct {
        /// Its short name.
        id: String,
        /// Its folder.
        folder: String,
        /// `known`, `new`, `edited`, `moved` or `missing`.
        state: String,
        /// What it is.
        product: share::Product,
        /// What its source was called.
        source: String,
        /// Its source's size in bytes.
        source_bytes: u64,
        /// Its source's SHA-256.
        source_sha256: String,
        /// Files.
        files: u64,
        /// Bytes of all files.
        bytes: u64,
        /// Updates that were put beside it.
        updates: u64,
        /// `verified` or `unverified`, when it was added.
        verdict: String,
        /// What vouched for it then.
        verified_by: Vec<String>,
        /// When it was added, RFC 3339.
        added: String,
        /// What to know before using it.
        advice: Vec<super::Advice>,
    }

    /// A product that was removed.
    Removed {
        /// `discless.share-remove/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// Where the share is.
        share: String,
        /// The product's folder; empty where what was unfinished was removed.
        folder: String,
        /// True where nothing was removed (`-n`).
        dry_run: bool,
        /// True where the folder is gone, or would be.
        gone: bool,
        /// Files that went.
        files: u64,
        /// Bytes of them.
        bytes: u64,
        /// What stayed, and why.
        kept: Vec<Left>,
    }

    /// What was signed.
    Signed {
        /// `discless.share-sign/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// Where the share is.
        share: String,
        /// The key's fingerprint.
        key: String,
        /// Folders of which the manifest was signed.
        signed: Vec<String>,
        /// Folders of which it was not, and why.
        refused: Vec<Left>,
    }

    /// Updates that were put beside a product.
    Updated {
        /// `discless.share-add-update/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// Where the share is.
        share: String,
        /// One for every file, in the order they were named.
        updates: Vec<UpdatedFile>,
    }

    /// One update.
    UpdatedFile {
        /// The file, as it was named.
        file: String,
        /// `added`, `already` or `refused`.
        outcome: String,
        /// Its path in the product folder.
        path: String,
        /// What it is.
        title: String,
        /// Why it fits.
        fits: Vec<String>,
        /// Other updates that are there, where only one ought to be.
        beside: Vec<String>,
        /// Why it was refused.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Error>,
    }
}

/// `discless.share-WHAT/1`.
#[must_use]
pub fn schema(what: &str) -> String {
    format!("discless.share-{what}/1")
}

/// The version that stands in every document.
#[must_use]
pub fn version() -> String {
    VERSION.to_owned()
}

impl From<&verify::Check> for Check {
    fn from(check: &verify::Check) -> Self {
        let amount = |amount: &verify::Amount| match amount {
            verify::Amount::Bytes(bytes) => super::Amount::Bytes(*bytes),
            verify::Amount::Digest(value) => super::Amount::Digits(value.hex()),
        };
        Self {
            what: check.what.to_owned(),
            subject: check.subject.clone(),
            result: check.outcome.name().to_owned(),
            by: check.by.clone(),
            expected: check.expected.as_ref().map(amount),
            found: check.found.as_ref().map(amount),
            count: check.count,
            failed: check.failed.clone(),
            note: check.note.clone(),
            key: check.signer.as_ref().map(|signer| signer.key.clone()),
            signer: check.signer.as_ref().and_then(|signer| signer.name.clone()),
        }
    }
}

impl From<&crate::extract::Renamed> for Renamed {
    fn from(item: &crate::extract::Renamed) -> Self {
        Self {
            path: item.path.text().to_owned(),
            path_bytes: item.path.raw().map(crate::digest::hex),
            written_as: crate::path::slashed(&item.local),
            why: item.why.to_owned(),
        }
    }
}

impl From<&share::Trouble> for Trouble {
    fn from(trouble: &share::Trouble) -> Self {
        Self { path: trouble.path.clone(), why: trouble.why.clone() }
    }
}

impl From<&share::Difference> for Difference {
    fn from(difference: &share::Difference) -> Self {
        use share::Difference as D;
        let (to, why) = match difference {
            D::Changed { why, .. } | D::Manifest { why } => (None, why.clone()),
            D::Renamed { to, .. } => (Some(to.clone()), String::new()),
            D::Missing { .. } | D::Added { .. } => (None, String::new()),
        };
        Self { what: difference.name().to_owned(), path: difference.path().to_owned(), to, why }
    }
}

impl From<&share::Checked> for CheckedProduct {
    fn from(checked: &share::Checked) -> Self {
        Self {
            id: checked.id.clone(),
            folder: checked.folder.clone(),
            title: checked.title.clone(),
            standing: checked.standing.name().to_owned(),
            verdict: checked.verdict.clone(),
            verified_by: checked.verified_by.clone(),
            files: checked.files,
            bytes: checked.bytes,
            read: checked.read,
            differences: checked.differences.iter().map(Difference::from).collect(),
            signatures: checked.signatures.iter().map(Check::from).collect(),
        }
    }
}

impl From<&share::Shown<'_>> for ListedProduct {
    fn from(shown: &share::Shown<'_>) -> Self {
        let item = shown.item;
        let listed = item.listed.as_ref();
        let text = |of: &dyn Fn(&share::Listed) -> String| listed.map(of).unwrap_or_default();
        Self {
            id: item.id().to_owned(),
            folder: item.folder.clone(),
            state: item.state_name().to_owned(),
            product: listed.map(|listed| listed.product.clone()).unwrap_or_default(),
            source: text(&|listed| listed.source.clone()),
            source_bytes: listed.map_or(0, |listed| listed.source_bytes),
            source_sha256: text(&|listed| listed.source_sha256.clone()),
            files: listed.map_or(0, |listed| listed.files),
            bytes: listed.map_or(0, |listed| listed.bytes),
            updates: listed.map_or(0, |listed| listed.updates),
            verdict: text(&|listed| listed.verdict.clone()),
            verified_by: listed.map(|listed| listed.verified_by.clone()).unwrap_or_default(),
            added: text(&|listed| listed.added.clone()),
            advice: shown.advice.iter().map(|rule| super::Advice::from(*rule)).collect(),
        }
    }
}

impl From<&crate::facts::Rule> for super::Advice {
    fn from(rule: &crate::facts::Rule) -> Self {
        Self { id: rule.id.clone(), severity: rule.severity.word().to_owned(), note: rule.note.clone() }
    }
}
