//! What a product folder holds and where it comes from: `.discless/manifest.json`, which anybody may have edited.
//!
//! A manifest that was read names nothing outside its folder: [`Manifest::parse`] refuses every other.

use crate::digest::{Algorithm, Hasher, Value, hex};
use crate::error::{Error, Result};
use crate::report::{Check, Left, Renamed};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};

/// The folder in a share, and in each product folder, that holds what discless keeps there.
pub const OWN: &str = ".discless";
/// The manifest, in that folder.
pub const MANIFEST: &str = "manifest.json";
/// The same digests for any other tool: `sha256sum -c .discless/SHA256SUMS`, in the product folder.
pub const SUMS: &str = "SHA256SUMS";
/// What a manifest's `schema` says.
pub(super) const SCHEMA: &str = "discless.manifest/1";

/// Bytes that a manifest may have: a million files with long paths.
pub(super) const MOST_BYTES: u64 = 256 << 20;
/// Bytes of a path in a manifest.
const MOST_PATH: usize = 32 << 10;
/// Bytes of one part of it.
const MOST_PART: usize = 255;

/// A product folder's manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Manifest {
    /// `discless.manifest/1`.
    pub schema: String,
    /// The version of the program that wrote it.
    pub discless: String,
    /// A short name for commands: the first digits of the source's digest.
    pub id: String,
    /// Where in the share it was put, with `/` between folders.
    pub folder: String,
    /// When it was added, RFC 3339.
    pub added: String,
    /// Where the files come from.
    pub source: Origin,
    /// `verified` or `unverified`, when it was added.
    pub verdict: String,
    /// What vouched for the source then.
    pub verified_by: Vec<String>,
    /// Every check that was made then.
    pub checks: Vec<Check>,
    /// What it is.
    pub product: Product,
    /// Members that were left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Left>,
    /// Members that go by another name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<Renamed>,
    /// Keys and passwords that lie on the medium: where, never what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
    /// Updates that were put beside the product later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<Update>,
    /// Symbolic links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// Every file, sorted by path.
    pub files: Vec<File>,
}

/// Where a product's files come from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Origin {
    /// What the source was called.
    pub name: String,
    /// Its size in bytes; of a directory, of all its files.
    pub bytes: u64,
    /// Its format.
    pub format: String,
    /// By algorithm, lowercase hexadecimal digits; of a directory, of the list of its files.
    pub digests: BTreeMap<String, String>,
}

impl Origin {
    /// The source's SHA-256.
    #[must_use]
    pub fn sha256(&self) -> &str {
        self.digests.get(Algorithm::Sha256.name()).map_or("", String::as_str)
    }
}

/// What `inspect` found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Product {
    /// The product; empty where it is not known.
    pub name: String,
    /// Who makes it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub vendor: String,
    /// What people call the release.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub release: String,
    /// The build.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub build: String,
    /// `x86`, `x64`, …; empty where it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub platform: String,
    /// Languages, as BCP 47 tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Editions by identifier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub editions: Vec<String>,
    /// Retail, volume, evaluation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub channel: String,
    /// The volume's label.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

impl Product {
    /// In a few words: name, release, build, platform; `else_` where nothing is known.
    #[must_use]
    pub fn title(&self, else_: &str) -> String {
        if self.name.is_empty() {
            return else_.to_owned();
        }
        let mut out = self.name.clone();
        if !self.release.is_empty() && !out.contains(&self.release) {
            out = format!("{out} {}", self.release);
        }
        if !self.build.is_empty() && !out.contains(&self.build) {
            out = format!("{out}, build {}", self.build);
        }
        if !self.platform.is_empty() {
            out = format!("{out}, {}", self.platform);
        }
        out
    }
}

/// A key or a password that lies on the medium.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Secret {
    /// The file's path.
    pub path: String,
    /// What kind: `product-key` or `password`.
    pub kind: String,
    /// True where the file was left out.
    pub left_out: bool,
}

/// An update that was put beside a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Update {
    /// The file's path in the product folder.
    pub path: String,
    /// What it is.
    pub title: String,
    /// When it was added, RFC 3339.
    pub added: String,
    /// Why it fits.
    pub fits: Vec<String>,
}

/// A symbolic link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Link {
    /// Its path.
    pub path: String,
    /// Where it points.
    pub target: String,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct File {
    /// Its path in the product folder, with `/` between folders.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256, lowercase hexadecimal digits.
    pub sha256: String,
    /// When it was last changed, RFC 3339 in UTC.
    pub modified: String,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// `Invalid` where it is none, or names anything outside its folder; `Unsupported` where a later version wrote it;
    /// `Limit` where it is too large.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            schema: String,
        }
        if bytes.len() as u64 > MOST_BYTES {
            return Err(Error::limit("bytes in a manifest", MOST_BYTES));
        }
        let none = |_| Error::invalid("manifest of a share");
        let version: Version = serde_json::from_slice(bytes).map_err(none)?;
        if version.schema != SCHEMA {
            let later = version.schema.starts_with("discless.manifest/");
            return Err(if later {
                Error::unsupported("manifest of a later version of discless")
            } else {
                Error::invalid("manifest of a share")
            });
        }
        let manifest: Self = serde_json::from_slice(bytes).map_err(none)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// That it says nothing that leads elsewhere.
    fn check(&self) -> Result<()> {
        if !is_id(&self.id) {
            return Err(Error::invalid("id in a manifest"));
        }
        if !is_inside(&self.folder) {
            return Err(Error::invalid("folder in a manifest"));
        }
        let mut seen = HashSet::new();
        let paths = self.files.iter().map(|file| &file.path).chain(self.links.iter().map(|link| &link.path));
        for path in paths {
            if !is_inside(path) {
                return Err(Error::invalid("path in a manifest"));
            }
            if !seen.insert(path) {
                return Err(Error::invalid("path in a manifest: it is there twice"));
            }
        }
        let digits = |file: &File| file.sha256.len() == 64 && is_hex(&file.sha256);
        if !self.files.iter().all(digits) {
            return Err(Error::invalid("digest in a manifest"));
        }
        let sum = self.files.iter().try_fold(0u64, |sum, file| sum.checked_add(file.bytes));
        sum.map(|_| ()).ok_or_else(|| Error::invalid("size in a manifest"))
    }

    /// As it is written: sorted, so that the same product gives the same bytes.
    ///
    /// # Errors
    /// None that is known; what the writer of JSON said.
    pub fn to_bytes(&mut self) -> Result<Vec<u8>> {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.links.sort_by(|a, b| a.path.cmp(&b.path));
        self.secrets.sort();
        self.secrets.dedup();
        self.updates.sort_by(|a, b| a.path.cmp(&b.path));
        to_json(self)
    }

    /// The list for `sha256sum -c`, in the product folder.
    #[must_use]
    pub fn sums(&self) -> String {
        self.files.iter().map(|file| sum_line(&file.sha256, &file.path)).collect()
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// True where something vouched for the source when it was added.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        self.verdict == crate::verify::Verdict::Verified.name()
    }
}

/// A line of a list that `sha256sum` reads.
pub(super) fn sum_line(sha256: &str, name: &str) -> String {
    let (mark, name) = crate::verify::escaped(name);
    format!("{mark}{sha256}  {name}\n")
}

/// As all documents of a share are written.
pub(super) fn to_json<T: Serialize>(document: &T) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(document).map_err(std::io::Error::from)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// True for a path that stays below where it begins, that every system holds, and that is not in discless's own folder.
#[must_use]
pub(super) fn is_inside(path: &str) -> bool {
    let part = |part: &str| !matches!(part, "" | "." | "..") && part.len() <= MOST_PART;
    let strange = |c: char| c.is_control() || matches!(c, '\\' | ':');
    path.len() <= MOST_PATH
        && !path.contains(strange)
        && path.split('/').all(part)
        && !path.split('/').any(|part| part.eq_ignore_ascii_case(OWN))
}

/// True for the short name of a product.
pub(super) fn is_id(text: &str) -> bool {
    (8..=64).contains(&text.len()) && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// SHA-256 of some bytes, as hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(&[Algorithm::Sha256]);
    hasher.update(bytes);
    hasher.finish().first().map_or_else(String::new, |value: &Value| hex(&value.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let file = |path: &str, byte: u8| File {
            path: path.to_owned(),
            bytes: 3,
            sha256: hex(&[byte; 32]),
            modified: "2007-01-02T03:04:05Z".to_owned(),
        };
        Manifest {
            schema: SCHEMA.to_owned(),
            discless: "0.1.0".to_owned(),
            id: "0123456789ab".to_owned(),
            folder: "Microsoft/Exchange Server 2007/x64".to_owned(),
            added: "2026-11-23T00:00:00Z".to_owned(),
            source: Origin::default(),
            verdict: "verified".to_owned(),
            verified_by: vec!["sha256 by user".to_owned()],
            checks: Vec::new(),
            product: Product::default(),
            left: Vec::new(),
            renamed: Vec::new(),
            secrets: Vec::new(),
            updates: Vec::new(),
            links: Vec::new(),
            files: vec![file("b/x.txt", 1), file("a.txt", 2)],
        }
    }

    #[test]
    fn what_is_written_is_read_back_and_sorted() {
        let bytes = sample().to_bytes().unwrap();
        let back = Manifest::parse(&bytes).unwrap();
        assert_eq!(back.files[0].path, "a.txt");
        assert_eq!(back.clone().to_bytes().unwrap(), bytes);
        assert_eq!(back.sums(), format!("{}  a.txt\n{}  b/x.txt\n", hex(&[2; 32]), hex(&[1; 32])));
    }

    #[test]
    fn a_manifest_that_leads_elsewhere_is_refused() {
        let long = "x".repeat(300);
        for path in [
            "../x",
            "/etc/passwd",
            "a/../../x",
            "a//b",
            "",
            ".",
            "a/.",
            "C:/x",
            "a\\b",
            "x\0y",
            "a\nb",
            ".discless/manifest.json",
            "a/.DISCLESS/x",
            &long,
        ] {
            let mut manifest = sample();
            manifest.files[0].path = path.to_owned();
            assert!(Manifest::parse(&manifest.to_bytes().unwrap()).is_err(), "{path:?}");
            let mut manifest = sample();
            manifest.links.push(Link { path: path.to_owned(), target: "x".to_owned() });
            assert!(Manifest::parse(&manifest.to_bytes().unwrap()).is_err(), "{path:?}");
            let mut manifest = sample();
            manifest.folder = path.to_owned();
            assert!(Manifest::parse(&manifest.to_bytes().unwrap()).is_err(), "{path:?}");
        }
    }

    #[test]
    fn a_manifest_with_wrong_values_is_refused() {
        let change = |change: &dyn Fn(&mut Manifest)| {
            let mut manifest = sample();
            change(&mut manifest);
            Manifest::parse(&manifest.to_bytes().unwrap())
        };
        assert!(change(&|m| m.files[0].sha256 = "zz".repeat(32)).is_err());
        assert!(change(&|m| m.files[0].sha256.truncate(63)).is_err());
        assert!(change(&|m| m.files[1].path = m.files[0].path.clone()).is_err());
        assert!(change(&|m| m.files.iter_mut().for_each(|file| file.bytes = u64::MAX)).is_err());
        assert!(change(&|m| m.id = "../x".to_owned()).is_err());
        assert!(change(&|m| m.schema = "discless.manifest/9".to_owned()).is_err());
        assert!(Manifest::parse(b"{}").is_err());
        assert!(Manifest::parse(b"[1,2]").is_err());
        assert!(Manifest::parse("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_truncated_or_mutated_manifest_never_leads_elsewhere() {
        let bytes = sample().to_bytes().unwrap();
        for end in 0..bytes.len() - 2 {
            assert!(Manifest::parse(&bytes[..end]).is_err(), "{end}");
        }
        for at in 0..bytes.len() {
            for byte in [b'/', b'.', b'"', b'\\', 0, 0xff] {
                let mut bad = bytes.clone();
                bad[at] = byte;
                if let Ok(manifest) = Manifest::parse(&bad) {
                    assert!(manifest.files.iter().all(|file| is_inside(&file.path)));
                }
            }
        }
    }
}
