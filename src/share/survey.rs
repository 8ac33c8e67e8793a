//! What products a share has: what the index says, and what stands there.

use super::index::{self, Index, Listed};
use super::manifest::{MANIFEST, MOST_BYTES, Manifest, OWN, is_inside, sha256};
use super::{Share, directory, sign};
use crate::error::{Error, Result};
use cap_std::fs::Dir;
use std::collections::BTreeMap;
use walkdir::WalkDir;

/// How deep below the share a product folder can be.
const MOST_DEPTH: usize = 16;

/// How a product stands to the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its manifest is the one that the index knows.
    Known,
    /// The index does not know it yet: an `add` was stopped before it wrote that, or the index is lost, or the folder was
    /// brought here by hand.
    New,
    /// Its manifest is not the one that the index knows.
    Edited,
    /// It stands in another folder than the index says.
    Moved {
        /// The one that the index says.
        from: String,
    },
    /// It is not there.
    Missing,
}

/// A product of a share.
#[derive(Debug)]
pub struct Item {
    /// Its folder.
    pub folder: String,
    /// How it stands to the index.
    pub state: State,
    /// What the index says of it; of a new one, what the index will say.
    pub listed: Option<Listed>,
    /// Its manifest's bytes; empty where there is none.
    pub(super) bytes: Vec<u8>,
    /// The manifest's digest.
    pub(super) sha256: String,
}

impl Item {
    /// The manifest.
    ///
    /// # Errors
    /// `NotFound` where it is not there; as [`Manifest::parse`].
    pub fn manifest(&self) -> Result<Manifest> {
        if self.state == State::Missing {
            return Err(Error::not_found(format!("{}/{OWN}/{MANIFEST}", self.folder), None));
        }
        Manifest::parse(&self.bytes).map_err(|error| error.of(&format!("{}/{OWN}/{MANIFEST}", self.folder)))
    }

    /// Its short name, where it is known.
    #[must_use]
    pub fn id(&self) -> &str {
        self.listed.as_ref().map_or("", |listed| &listed.id)
    }

    /// In a few words.
    #[must_use]
    pub fn title(&self) -> String {
        self.listed
            .as_ref()
            .map_or_else(|| self.folder.clone(), |listed| listed.product.title(&listed.source))
    }
}

/// All products of a share, sorted by folder.
#[derive(Debug, Default)]
pub struct Survey {
    /// The products.
    pub items: Vec<Item>,
    /// Why the index could not be used, where there is one.
    pub index_trouble: Option<Error>,
    /// True where there was an index.
    pub indexed: bool,
    /// Unfinished `add`s: what they were of.
    pub unfinished: Vec<String>,
}

impl Share {
    /// Looks for the products.
    ///
    /// # Errors
    /// What listing said.
    pub fn survey(&self) -> Result<Survey> {
        let mut survey = Survey { unfinished: self.unfinished()?, ..Survey::default() };
        let mut listed: BTreeMap<String, Listed> = BTreeMap::new();
        match directory::read(&self.own, index::NAME, index::MOST_BYTES)
            .and_then(|bytes| bytes.map(|bytes| Index::parse(&bytes)).transpose())
        {
            Ok(None) => {}
            Ok(Some(index)) => {
                survey.indexed = true;
                listed =
                    index.products.into_iter().map(|product| (product.folder.clone(), product)).collect();
            }
            Err(error) => survey.index_trouble = Some(error.of(&format!("{OWN}/{}", index::NAME))),
        }
        for (folder, bytes) in self.manifests()? {
            let sha256 = sha256(&bytes);
            let mut item = Item { folder, state: State::New, listed: None, bytes, sha256 };
            item.listed = match listed.remove(&item.folder) {
                Some(known) => {
                    let same = known.manifest_sha256 == item.sha256;
                    item.state = if same { State::Known } else { State::Edited };
                    Some(known)
                }
                None => {
                    item.manifest().ok().map(|manifest| Listed::of(&manifest, &item.folder, &item.sha256))
                }
            };
            survey.items.push(item);
        }
        // A folder that is gone from one place and has come to another was moved.
        for (folder, known) in listed {
            let moved = survey
                .items
                .iter_mut()
                .find(|item| item.state == State::New && item.sha256 == known.manifest_sha256);
            match moved {
                Some(item) => item.state = State::Moved { from: folder },
                None => survey.items.push(Item {
                    folder,
                    state: State::Missing,
                    listed: Some(known),
                    bytes: Vec::new(),
                    sha256: String::new(),
                }),
            }
        }
        survey.items.sort_by(|a, b| a.folder.cmp(&b.folder));
        Ok(survey)
    }

    /// Folders that have a manifest, with its bytes; empty where it cannot be read, which is no manifest either.
    fn manifests(&self) -> Result<Vec<(String, Vec<u8>)>> {
        let mut out = Vec::new();
        let mut walk = WalkDir::new(&self.root)
            .follow_links(false)
            .min_depth(1)
            .max_depth(MOST_DEPTH)
            .sort_by_file_name()
            .into_iter();
        while let Some(entry) = walk.next() {
            // A folder that may not be listed is not ours.
            let Ok(entry) = entry else { continue };
            if !entry.file_type().is_dir() {
                continue;
            }
            let local = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
            let Some(folder) = local.to_str().map(|text| text.replace(std::path::MAIN_SEPARATOR, "/")) else {
                continue;
            };
            if !is_inside(&folder) {
                walk.skip_current_dir();
                continue;
            }
            if entry.path().join(OWN).symlink_metadata().is_err() {
                continue;
            }
            walk.skip_current_dir();
            let bytes = directory::descend(&self.dir, &folder).and_then(|dir| manifest_of(&dir));
            match bytes {
                Ok(Some(bytes)) => out.push((folder, bytes)),
                Ok(None) => {}
                Err(_) => out.push((folder, Vec::new())),
            }
        }
        Ok(out)
    }

    /// Writes the index anew. What was edited or is missing stays in it as it was known.
    pub(super) fn write_index(&self, survey: &Survey) -> Result<()> {
        let mut index = Index::default();
        for item in &survey.items {
            let Some(listed) = &item.listed else { continue };
            let listed = Listed { folder: item.folder.clone(), ..listed.clone() };
            index.products.push(listed);
        }
        let bytes = index.to_bytes()?;
        let shown = format!("{OWN}/{}", index::NAME);
        if directory::read(&self.own, index::NAME, index::MOST_BYTES).ok().flatten().as_deref()
            == Some(&*bytes)
        {
            return Ok(());
        }
        // A signature over what it was would be found wrong, and nothing is.
        directory::remove(&self.own, &sign::file(index::NAME)).map_err(|error| error.of(&shown))?;
        directory::replace(&self.own, index::NAME, &bytes).map_err(|error| error.of(&shown))
    }

    /// Looks for the products, and writes the index where it does not have them. The lock is held.
    pub(super) fn refresh(&self) -> Result<Survey> {
        let mut survey = self.survey()?;
        let stale = !survey.indexed
            || survey.items.iter().any(|item| matches!(item.state, State::New | State::Moved { .. }));
        if stale {
            self.write_index(&survey)?;
            for item in &mut survey.items {
                if item.listed.is_some() && matches!(item.state, State::New | State::Moved { .. }) {
                    item.state = State::Known;
                }
            }
        }
        Ok(survey)
    }
}

/// The manifest in a product folder.
fn manifest_of(dir: &Dir) -> Result<Option<Vec<u8>>> {
    let Some(own) = directory::open_own(dir)? else { return Ok(None) };
    directory::read(&own, MANIFEST, MOST_BYTES)
}

impl Survey {
    /// The products that `wanted` mean; all where there is none.
    ///
    /// # Errors
    /// `NotFound` where one means nothing.
    pub fn select(&self, share: &Share, wanted: &[String]) -> Result<Vec<&Item>> {
        if wanted.is_empty() {
            return Ok(self.items.iter().collect());
        }
        let mut chosen: Vec<bool> = vec![false; self.items.len()];
        for text in wanted {
            let found = self.meant(share, text);
            if found.is_empty() {
                return Err(self.not_found(text));
            }
            for at in found {
                if let Some(chosen) = chosen.get_mut(at) {
                    *chosen = true;
                }
            }
        }
        Ok(self.items.iter().zip(chosen).filter_map(|(item, chosen)| chosen.then_some(item)).collect())
    }

    /// The one product that `wanted` means.
    ///
    /// # Errors
    /// `NotFound` where there is none; `Usage` where it means several.
    pub fn one(&self, share: &Share, wanted: &str) -> Result<&Item> {
        let found: Vec<&Item> =
            self.meant(share, wanted).into_iter().filter_map(|at| self.items.get(at)).collect();
        match found.as_slice() {
            [one] => Ok(one),
            [] => Err(self.not_found(wanted)),
            [first, ..] => Err(Error::usage(format!(
                "{wanted} means {} products: name one by its id, as {} for {}",
                found.len(),
                first.id(),
                first.folder
            ))),
        }
    }

    /// By id or its beginning, by folder, or a folder that it lies below.
    fn meant(&self, share: &Share, text: &str) -> Vec<usize> {
        let below = std::path::Path::new(text).strip_prefix(&share.root).ok().map(crate::path::slashed);
        let folder = below.as_deref().unwrap_or(text).trim_matches('/');
        let is_of = |item: &Item| {
            let lower = text.to_ascii_lowercase();
            let by_id = lower.len() >= 4 && !item.id().is_empty() && item.id().starts_with(&lower);
            by_id
                || item.folder == folder
                || item.folder.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        };
        let items = self.items.iter().enumerate();
        items.filter(|(_, item)| is_of(item)).map(|(at, _)| at).collect()
    }

    fn not_found(&self, text: &str) -> Error {
        let near = self.items.iter().flat_map(|item| [item.folder.as_str(), item.id()]);
        let near = near.map(|name| (strsim::damerau_levenshtein(name, text), name)).min();
        let near = near.filter(|(distance, _)| *distance <= 3).map(|(_, name)| name.to_owned());
        Error::not_found(format!("product {text}"), near)
    }
}
