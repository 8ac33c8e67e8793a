//! Where a medium's files are until they are a product: a folder of its own for each source, the same one when it is
//! added again in the same way, until the source changes.

use super::super::manifest::{File, Link, OWN, sha256};
use super::super::tree::{Node, Stat, tree};
use super::super::{STAGING, Share, directory, now};
use crate::error::{Error, Kind, Result};
use crate::source::{Source, read_up_to};
use cap_std::fs::Dir;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// Says in a staging folder what it is of.
pub(in crate::share) const OWNER: &str = "owner";
/// The product folder in the making.
pub(super) const FILES: &str = "files";
/// Bytes of the beginning of a source that is no file.
const HEAD: usize = 64 << 10;

/// Where a medium's files are until they are a product.
///
/// Its folder is not held open: Windows removes and renames none that is.
pub(super) struct Staging {
    above: Dir,
    name: String,
    pub(super) path: PathBuf,
}

impl Staging {
    /// Opens or makes the folder of the source `source`, called `name`; `how` says how it is added.
    pub(super) fn open(share: &Share, name: &str, source: Option<&dyn Source>, how: &str) -> Result<Self> {
        let folder = staging_name(name, source, how);
        let wrong = |error: Error| error.of(&share.shown(&format!("{OWN}/{STAGING}")));
        let above = directory::make(&share.own, STAGING).map_err(wrong)?;
        let dir = directory::make(&above, &folder).map_err(wrong)?;
        let path = share.root().join(OWN).join(STAGING).join(&folder);
        #[cfg(unix)]
        {
            // What is not verified is nobody else's to read, though it lies below what a server shows.
            use std::os::unix::fs::PermissionsExt;
            let mode = cap_std::fs::Permissions::from_std(std::fs::Permissions::from_mode(0o700));
            above.set_permissions(&folder, mode).map_err(|error| wrong(error.into()))?;
        }
        let owner = format!("{}\nsince {}, process {}\n", name.replace('\n', " "), now(), std::process::id());
        directory::replace(&dir, OWNER, owner.as_bytes()).map_err(wrong)?;
        Ok(Self { above, name: folder, path })
    }

    /// Removes what a run left that was killed when the product had its place already.
    pub(super) fn remove_left(share: &Share, name: &str, source: Option<&dyn Source>, how: &str) {
        if let Ok(Some(above)) = directory::open(&share.own, STAGING) {
            // Nearly always there is none.
            let _ = above.remove_dir_all(staging_name(name, source, how));
        }
    }

    /// The folder.
    ///
    /// # Errors
    /// `NotFound` where it went, `Refused` where something else, or a link, stands there.
    pub(super) fn dir(&self) -> Result<Dir> {
        directory::open(&self.above, &self.name)?
            .ok_or_else(|| Error::from(io::Error::from(io::ErrorKind::NotFound)))
    }

    /// Removes the folder; what was in it is a product now, or not wanted.
    pub(super) fn discard(self) -> Result<()> {
        Ok(self.above.remove_dir_all(&self.name)?)
    }

    /// After an error: where the disk is full, or the same would happen again, nothing is kept.
    pub(super) fn after(&self, error: &Error) {
        let resumes = match error.kind() {
            Kind::Cancelled => true,
            Kind::Io(error) => error.kind() != io::ErrorKind::StorageFull,
            _ => false,
        };
        if !resumes {
            let _ = self.above.remove_dir_all(&self.name);
        }
    }
}

/// Every file and link below `root` that was written now; what an earlier run left there goes.
pub(super) fn described(
    root: &Path,
    dir: &Dir,
    digests: &HashMap<String, String>,
) -> Result<(Vec<File>, Vec<Link>)> {
    let tree = tree(root)?;
    let (mut files, mut links) = (Vec::new(), Vec::new());
    for (path, node) in tree.nodes {
        match (node, digests.get(&path)) {
            (Node::File(stat), Some(sha256)) => {
                files.push(File {
                    path,
                    bytes: stat.bytes,
                    sha256: sha256.clone(),
                    modified: stat.modified.rfc3339(),
                });
            }
            (Node::Link(target), None) => links.push(Link { path, target }),
            _ => directory::remove(dir, &path).map_err(|error| error.of(&path))?,
        }
    }
    if files.len() != digests.len() {
        return Err(Error::usage(
            "files in the staging folder went while they were written: somebody else changes it",
        ));
    }
    Ok((files, links))
}

/// Has everything that was written on the disk before it gets its name: a name promises a whole product.
pub(super) fn flush(path: &Path) {
    #[cfg(target_os = "linux")]
    if let Ok(dir) = std::fs::File::open(path) {
        // A file system that cannot is none that keeps anything.
        let _ = rustix::fs::syncfs(&dir);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = path;
}

/// The name of the staging folder. A file that changed since is another source: what was extracted of a download that
/// was still running is not taken for what it became.
fn staging_name(name: &str, source: Option<&dyn Source>, how: &str) -> String {
    let path = Path::new(name);
    let mut text = format!("{name}\n{how}\n");
    if let (true, Ok(meta), Ok(path)) = (path.is_file(), std::fs::metadata(path), path.canonicalize()) {
        let stat = Stat::of(&meta);
        let Stat { bytes, modified, device, inode, changed } = stat;
        text =
            format!("{}\n{how}\n{bytes} {} {device} {inode} {changed}\n", path.display(), modified.rfc3339());
    } else if let Some(source) = source {
        let head = read_up_to(source, 0, HEAD).unwrap_or_default();
        text.push_str(&format!("{} {}\n", source.len(), sha256(&head)));
    }
    sha256(text.as_bytes()).get(..16).unwrap_or_default().to_owned()
}
