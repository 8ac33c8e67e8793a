//! Windows Installer files: the signature is a stream of the root, and covers the content of all others. Where
//! there is a stream `MsiDigitalSignatureEx`, names, sizes, times and state bits are covered, too: it holds their
//! digest, which goes before the content's. Sectors that no stream has are never covered.
//!
//! References: [MS-CFB]; the order of what is digested is documented by its implementations only.

use super::{Note, pe::stream};
use crate::digest::{Algorithm, Hasher, Value};
use crate::error::{Error, Result};
use crate::formats::msi::compound::{Compound, Kind, Stored};
use crate::limits::Limits;
use crate::source::{SharedSource, read_up_to};
use crate::text::count;
use std::collections::BTreeMap;

/// Bytes of a signature that is read.
const MOST: u64 = 64 << 20;
/// Bytes behind the last sector that are looked at.
const LOOK: usize = 1 << 20;
const SIGNATURE: &str = "\u{5}DigitalSignature";
const EXTENDED: &str = "\u{5}MsiDigitalSignatureEx";

/// A compound file, and which of its entries lies in which.
pub(super) struct Package {
    file: Compound,
    source: SharedSource,
    /// Entries of each storage (`None` is the root), by the bytes of their names.
    children: BTreeMap<Option<usize>, Vec<usize>>,
    extended: Option<Vec<u8>>,
}

impl Package {
    /// Reads the directory; `None` where the source is no compound file.
    pub(super) fn open(source: &SharedSource) -> Result<Option<Self>> {
        let Some(file) = Compound::open(source.clone(), &Limits::default())? else { return Ok(None) };
        let extended = file.stream(EXTENDED, 1024)?;
        let mut children: BTreeMap<Option<usize>, Vec<usize>> = BTreeMap::new();
        for (number, node) in file.nodes().iter().enumerate() {
            if node.parent.is_none() && (node.name == SIGNATURE || node.name == EXTENDED) {
                continue;
            }
            children.entry(node.parent).or_default().push(number);
        }
        let name = |number: &usize| file.nodes().get(*number).map(|node| node.stored.name.clone());
        children.values_mut().for_each(|list| list.sort_by_cached_key(name));
        Ok(Some(Self { file, source: source.clone(), children, extended }))
    }

    pub(super) fn is_signed(&self) -> bool {
        self.file.find(SIGNATURE).is_some()
    }

    /// True where names, sizes and times are signed.
    pub(super) fn covers_names(&self) -> bool {
        self.extended.is_some()
    }

    pub(super) fn message(&self, notes: &mut Vec<Note>) -> Result<Vec<u8>> {
        let size = self.file.find(SIGNATURE).and_then(|number| self.file.nodes().get(number));
        if size.is_some_and(|node| node.bytes > MOST) {
            return Err(Error::limit("bytes in a signature", MOST));
        }
        if self.file.tangled {
            return Err(Error::damaged("the directory of the compound file is tangled"));
        }
        let (end, _) = self.file.end();
        let len = self.source.len();
        if len > end {
            let rest = read_up_to(&*self.source, end, LOOK)?;
            let open = rest.iter().any(|byte| *byte != 0);
            notes.push(Note {
                what: format!("{} behind the last sector that is in use", count(len - end, "byte")),
                open,
            });
        }
        Ok(self.file.stream(SIGNATURE, MOST)?.unwrap_or_default())
    }

    /// The digests by each algorithm.
    pub(super) fn digests(&self, algorithms: &[Algorithm]) -> Result<Vec<Value>> {
        let mut hashers: Vec<Hasher> = Vec::new();
        for &algorithm in algorithms {
            let mut hasher = Hasher::new(&[algorithm]);
            if self.covers_names() {
                hasher.update(&self.names(algorithm));
            }
            hashers.push(hasher);
        }
        self.content(None, &mut hashers)?;
        Ok(hashers.into_iter().flat_map(Hasher::finish).collect())
    }

    /// Whether the stream that holds the digest of names, sizes and times has the right one; `None` where it was
    /// made by another algorithm.
    pub(super) fn names_match(&self, algorithm: Algorithm) -> Option<bool> {
        let stored = self.extended.as_ref().filter(|stored| stored.len() == algorithm.len())?;
        Some(*stored == self.names(algorithm))
    }

    fn content(&self, storage: Option<usize>, hashers: &mut [Hasher]) -> Result<()> {
        for &number in self.children.get(&storage).into_iter().flatten() {
            match self.file.nodes().get(number).map(|node| node.kind) {
                Some(Kind::Storage) => self.content(Some(number), hashers)?,
                _ => {
                    let content = self.file.source_of(number)?;
                    stream(&*content, 0..content.len(), &mut |bytes| {
                        hashers.iter_mut().for_each(|hasher| hasher.update(bytes));
                    })?;
                }
            }
        }
        let class = self.stored(storage).class;
        hashers.iter_mut().for_each(|hasher| hasher.update(&class));
        Ok(())
    }

    fn stored(&self, storage: Option<usize>) -> &Stored {
        storage.and_then(|number| self.file.nodes().get(number)).map_or(self.file.top(), |node| &node.stored)
    }

    /// The digest of names, sizes and times.
    fn names(&self, algorithm: Algorithm) -> Vec<u8> {
        let mut hasher = Hasher::new(&[algorithm]);
        hasher.update(&self.file.top().class);
        hasher.update(&self.file.top().state.to_le_bytes());
        self.storage_names(None, &mut hasher);
        hasher.finish().into_iter().next().map(|value| value.bytes).unwrap_or_default()
    }

    fn storage_names(&self, storage: Option<usize>, hasher: &mut Hasher) {
        for &number in self.children.get(&storage).into_iter().flatten() {
            let Some(node) = self.file.nodes().get(number) else { continue };
            hasher.update(&node.stored.name);
            match node.kind {
                Kind::Storage => hasher.update(&node.stored.class),
                // The lower half of the size.
                Kind::Stream => hasher.update(node.bytes.to_le_bytes().get(..4).unwrap_or_default()),
            }
            hasher.update(&node.stored.state.to_le_bytes());
            hasher.update(&node.stored.times.0.to_le_bytes());
            hasher.update(&node.stored.times.1.to_le_bytes());
            if node.kind == Kind::Storage {
                self.storage_names(Some(number), hasher);
            }
        }
    }
}
