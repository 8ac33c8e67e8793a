//! What stands in a product folder now. Links are seen and never followed; `.discless` is not looked into.

use super::manifest::OWN;
use crate::error::{Error, Result};
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::Path;
use walkdir::WalkDir;

/// Entries of one folder that are looked at.
const MOST_ENTRIES: usize = 20_000_000;

/// Something that stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// A file.
    File(Stat),
    /// A symbolic link, and where it points.
    Link(String),
    /// A pipe, a socket, a device.
    Other,
}

/// What tells whether a file changed, without reading it. All but size and time are 0 where the system has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) bytes: u64,
    pub(super) modified: Timestamp,
    pub(super) device: u64,
    pub(super) inode: u64,
    /// When anything about it changed, in nanoseconds since 1970.
    pub(super) changed: i128,
}

impl Stat {
    pub(super) fn of(meta: &Metadata) -> Self {
        let modified =
            meta.modified().map_or(Timestamp { seconds: 0, nanos: 0, zone: Some(0) }, Timestamp::from_system);
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let changed = i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec());
            Self { bytes: meta.len(), modified, device: meta.dev(), inode: meta.ino(), changed }
        }
        #[cfg(not(unix))]
        Self { bytes: meta.len(), modified, device: 0, inode: 0, changed: 0 }
    }
}

/// Everything in a folder but directories, by path with `/` between its parts.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: BTreeMap<String, Node>,
    /// Directories, parents first.
    pub(super) directories: Vec<String>,
    /// Paths that are no Unicode, as well as they can be shown.
    pub(super) strange: Vec<String>,
}

/// Lists a product folder.
///
/// # Errors
/// What listing said.
pub(super) fn tree(root: &Path) -> Result<Tree> {
    let mut out = Tree::default();
    let walk =
        WalkDir::new(root).follow_links(false).follow_root_links(false).min_depth(1).sort_by_file_name();
    let own = |entry: &walkdir::DirEntry| entry.depth() == 1 && entry.file_name() == OWN;
    for (number, entry) in walk.into_iter().filter_entry(|entry| !own(entry)).enumerate() {
        if number >= MOST_ENTRIES {
            return Err(Error::limit("entries in a product folder", MOST_ENTRIES as u64));
        }
        let entry = entry.map_err(|error| {
            let path = error.path().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
            Error::from(std::io::Error::from(error)).of(&path)
        })?;
        let local = entry.path().strip_prefix(root).unwrap_or(entry.path());
        let path = crate::path::slashed(local);
        if local.to_str().is_none() {
            out.strange.push(path);
            continue;
        }
        let kind = entry.file_type();
        if kind.is_dir() {
            out.directories.push(path);
            continue;
        }
        let node = if kind.is_symlink() {
            let target = std::fs::read_link(entry.path())?;
            Node::Link(target.to_string_lossy().into_owned())
        } else if kind.is_file() {
            let meta = entry.metadata().map_err(std::io::Error::from)?;
            Node::File(Stat::of(&meta))
        } else {
            Node::Other
        };
        out.nodes.insert(path, node);
    }
    Ok(out)
}
