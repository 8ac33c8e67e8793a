//! Where a source stands: what it is called and what lies beside it. Sets of cabinets, split archives and
//! installer packages go on in other files; a reader asks for them here and never knows whether they lie
//! on a disk or in the same medium.

use crate::error::Result;
use crate::source::{FileSource, SharedSource};
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Finds what lies beside a source.
pub trait Beside: Send + Sync {
    /// The file of that path, relative and with `/` between its parts; capitals do not matter where no file
    /// has exactly that name. `None` where there is none.
    ///
    /// # Errors
    /// What opening it said.
    fn find(&self, path: &str) -> Result<Option<SharedSource>>;
}

/// What a source is called, and what lies beside it.
#[derive(Clone, Default)]
pub struct Surroundings {
    /// The source's own file name, without directories; empty where it has none.
    pub file_name: String,
    /// What lies beside it, where anything can.
    pub beside: Option<Arc<dyn Beside>>,
}

impl Surroundings {
    /// The file name without what follows its last dot: what a member without a name is called.
    #[must_use]
    pub fn stem(&self) -> &str {
        self.file_name.rsplit_once('.').map_or(self.file_name.as_str(), |(stem, _)| stem)
    }

    /// The file of that path beside the source.
    ///
    /// # Errors
    /// What opening it said.
    pub fn find(&self, path: &str) -> Result<Option<SharedSource>> {
        self.beside.as_ref().map_or(Ok(None), |beside| beside.find(path))
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("file_name", &self.file_name).finish_non_exhaustive()
    }
}

/// A directory on this machine.
pub struct OnDisk(PathBuf);

impl OnDisk {
    /// What lies beside the file `path`.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self(path.parent().unwrap_or(Path::new("")).to_owned())
    }
}

impl Beside for OnDisk {
    fn find(&self, path: &str) -> Result<Option<SharedSource>> {
        let mut at = if self.0.as_os_str().is_empty() { PathBuf::from(".") } else { self.0.clone() };
        for part in Path::new(path).components() {
            // A name from a medium never leads up or out of the directory.
            let Component::Normal(name) = part else { return Ok(None) };
            let exact = at.join(name);
            at = if exact.symlink_metadata().is_ok() {
                exact
            } else {
                let wanted = name.to_string_lossy().to_lowercase();
                let Ok(listing) = std::fs::read_dir(&at) else { return Ok(None) };
                let names = listing.filter_map(|entry| Some(entry.ok()?.file_name()));
                let mut same: Vec<_> =
                    names.filter(|name| name.to_string_lossy().to_lowercase() == wanted).collect();
                same.sort();
                match same.into_iter().next() {
                    Some(name) => at.join(name),
                    None => return Ok(None),
                }
            };
        }
        if !at.is_file() {
            return Ok(None);
        }
        Ok(Some(Arc::new(FileSource::open(&at)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_beside_is_found_whatever_its_capitals_and_never_above() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("Sub")).unwrap();
        std::fs::write(dir.path().join("Sub/DATA2.CAB"), b"two").unwrap();
        std::fs::write(dir.path().join("over.cab"), b"x").unwrap();
        let beside = OnDisk::of(&dir.path().join("Sub/data1.cab"));
        assert_eq!(beside.find("data2.cab").unwrap().unwrap().len(), 3);
        assert!(beside.find("../over.cab").unwrap().is_none());
        assert!(beside.find("data3.cab").unwrap().is_none());
        let beside = OnDisk::of(&dir.path().join("x.msi"));
        assert_eq!(beside.find("sub/data2.cab").unwrap().unwrap().len(), 3);
        assert!(Surroundings::default().find("x").unwrap().is_none());
    }
}
