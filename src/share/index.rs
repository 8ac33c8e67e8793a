//! Every product of a share in one file, with the digest of its manifest. It can be made again from the manifests; as
//! long as it is there it tells a manifest that was edited.

use super::manifest::{Manifest, Product, is_id, is_inside, to_json};
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The index's file in `.discless`.
pub(super) const NAME: &str = "index.json";
/// What its `schema` says.
const SCHEMA: &str = "discless.index/1";
/// Bytes that it may have.
pub(super) const MOST_BYTES: u64 = 64 << 20;

/// The index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Index {
    /// `discless.index/1`.
    pub schema: String,
    /// The products, sorted by folder.
    pub products: Vec<Listed>,
}

/// A product in the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Listed {
    /// Its short name.
    pub id: String,
    /// Where it is, with `/` between folders.
    pub folder: String,
    /// When it was added, RFC 3339.
    pub added: String,
    /// What its source was called.
    pub source: String,
    /// Its source's size in bytes.
    pub source_bytes: u64,
    /// Its source's SHA-256.
    pub source_sha256: String,
    /// `verified` or `unverified`, when it was added.
    pub verdict: String,
    /// What vouched for it then.
    pub verified_by: Vec<String>,
    /// What it is.
    pub product: Product,
    /// Files.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Updates that were put beside it.
    pub updates: u64,
    /// SHA-256 of its manifest.
    pub manifest_sha256: String,
}

impl Listed {
    /// What the index says of a product at `folder`, whose manifest has that digest.
    #[must_use]
    pub fn of(manifest: &Manifest, folder: &str, sha256: &str) -> Self {
        Self {
            id: manifest.id.clone(),
            folder: folder.to_owned(),
            added: manifest.added.clone(),
            source: manifest.source.name.clone(),
            source_bytes: manifest.source.bytes,
            source_sha256: manifest.source.sha256().to_owned(),
            verdict: manifest.verdict.clone(),
            verified_by: manifest.verified_by.clone(),
            product: manifest.product.clone(),
            files: manifest.files.len() as u64,
            bytes: manifest.bytes(),
            updates: manifest.updates.len() as u64,
            manifest_sha256: sha256.to_owned(),
        }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self { schema: SCHEMA.to_owned(), products: Vec::new() }
    }
}

impl Index {
    /// Reads an index.
    ///
    /// # Errors
    /// `Invalid` where it is none, or names anything outside the share.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let index: Self = serde_json::from_slice(bytes).map_err(|_| Error::invalid("index of a share"))?;
        if index.schema != SCHEMA {
            return Err(Error::unsupported("index of a later version of discless"));
        }
        let mut seen = HashSet::new();
        for listed in &index.products {
            if !is_inside(&listed.folder) || !is_id(&listed.id) || !seen.insert(&listed.folder) {
                return Err(Error::invalid("folder in the index of a share"));
            }
        }
        Ok(index)
    }

    /// As it is written.
    ///
    /// # Errors
    /// None that is known; what the writer of JSON said.
    pub fn to_bytes(&mut self) -> Result<Vec<u8>> {
        self.products.sort_by(|a, b| a.folder.cmp(&b.folder));
        to_json(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_leads_elsewhere_is_refused() {
        let product = Listed {
            id: "0123456789ab".to_owned(),
            folder: "a/b".to_owned(),
            added: String::new(),
            source: String::new(),
            source_bytes: 0,
            source_sha256: String::new(),
            verdict: String::new(),
            verified_by: Vec::new(),
            product: Product::default(),
            files: 0,
            bytes: 0,
            updates: 0,
            manifest_sha256: String::new(),
        };
        let mut good = Index { products: vec![product.clone()], ..Index::default() };
        let bytes = good.to_bytes().unwrap();
        assert_eq!(Index::parse(&bytes).unwrap(), good);
        for folder in ["../x", "/x", "", "a/../b", ".discless/staging"] {
            let listed = Listed { folder: folder.to_owned(), ..product.clone() };
            let mut bad = Index { products: vec![listed], ..Index::default() };
            assert!(Index::parse(&bad.to_bytes().unwrap()).is_err(), "{folder}");
        }
        let mut twice = Index { products: vec![product.clone(), product], ..Index::default() };
        assert!(Index::parse(&twice.to_bytes().unwrap()).is_err());
        for end in 0..bytes.len() - 2 {
            assert!(Index::parse(&bytes[..end]).is_err());
        }
    }
}
