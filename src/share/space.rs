//! Files with the same bytes stored once: by shared blocks (`FICLONE`: btrfs, XFS, bcachefs, NFS 4.2), or by hard links
//! where that is asked for.
//!
//! Blocks that are shared part again when one of the files is changed. Hard links are one file: whoever changes it in one
//! product changes it in all. What an older product has is compared byte by byte before it takes the place of a new file,
//! as it may have changed since its manifest was written.

use super::manifest::File;
use super::{Share, directory};
use crate::error::{Error, Kind, Result};
use crate::observe::Observer;
use cap_std::fs::{Dir, OpenOptions};
use std::collections::HashMap;
use std::fs::FileTimes;
use std::io::{self, Read};

/// Smaller files share no block.
const SMALLEST: u64 = 4096;
/// Bytes that are compared at once.
const BLOCK: usize = 1 << 20;
/// What the clone of a file is called until it is known to be right.
const PART: &str = ".discless.clone";

/// How files with the same bytes are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// Their blocks are shared, where the file system can; else they are copies.
    #[default]
    Reflink,
    /// They are one file with several names.
    Hard,
    /// They are copies.
    None,
}

/// What was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Saved {
    /// Files that take no room of their own.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes that could have been shared, where the file system cannot.
    pub missed: u64,
}

/// Where files of the share with these bytes stand: product folder and path.
pub(super) type Known = HashMap<(String, u64), (String, String)>;

/// Lets files of a staged product share their bytes with each other and with what the share has.
pub(super) fn deduplicate(
    share: &Share,
    known: &Known,
    staged: &Dir,
    files: &[File],
    sharing: Sharing,
    observer: &dyn Observer,
) -> Result<Saved> {
    let mut saved = Saved::default();
    if sharing == Sharing::None {
        return Ok(saved);
    }
    let mut own: HashMap<(&str, u64), &str> = HashMap::new();
    let mut cannot = false;
    for file in files.iter().filter(|file| file.bytes >= SMALLEST) {
        if observer.cancelled() {
            return Err(Error::new(Kind::Cancelled));
        }
        let content = (file.sha256.as_str(), file.bytes);
        let twin = match (own.get(&content), known.get(&(file.sha256.clone(), file.bytes))) {
            (Some(first), _) => Some((staged.try_clone()?, (*first).to_owned())),
            (None, Some((folder, path))) => share.folder(folder).ok().map(|dir| (dir, path.clone())),
            (None, None) => None,
        };
        let Some((dir, path)) = twin else {
            own.insert(content, &file.path);
            continue;
        };
        if cannot {
            saved.missed = saved.missed.saturating_add(file.bytes);
            continue;
        }
        match take(&dir, &path, staged, file, sharing, observer)? {
            Taken::Shared => {
                saved.files += 1;
                saved.bytes = saved.bytes.saturating_add(file.bytes);
            }
            // The other one changed, or is gone.
            Taken::Differs => {
                own.insert(content, &file.path);
            }
            Taken::Cannot => {
                cannot = true;
                saved.missed = saved.missed.saturating_add(file.bytes);
            }
        }
    }
    Ok(saved)
}

enum Taken {
    Shared,
    Differs,
    Cannot,
}

/// Puts a file that shares its bytes with `path` of `dir` in the place of the staged one.
fn take(
    dir: &Dir,
    path: &str,
    staged: &Dir,
    file: &File,
    sharing: Sharing,
    observer: &dyn Observer,
) -> Result<Taken> {
    let (from, from_name) = parent(dir, path)?;
    let (to, to_name) = parent(staged, &file.path)?;
    let Ok(meta) = from.symlink_metadata(from_name) else { return Ok(Taken::Differs) };
    if !meta.is_file() || meta.len() != file.bytes {
        return Ok(Taken::Differs);
    }
    directory::remove(staged, PART)?;
    let made = match sharing {
        Sharing::Hard => {
            #[cfg(unix)]
            {
                // One already: an earlier run linked it.
                use cap_std::fs::MetadataExt;
                let mine = to.symlink_metadata(to_name)?;
                if (mine.dev(), mine.ino()) == (meta.dev(), meta.ino()) {
                    return Ok(Taken::Shared);
                }
            }
            from.hard_link(from_name, staged, PART)
        }
        _ => clone(&from, from_name, staged),
    };
    if let Err(error) = made {
        let _ = staged.remove_file(PART);
        return if error.kind() == io::ErrorKind::StorageFull {
            Err(error.into())
        } else {
            Ok(Taken::Cannot)
        };
    }
    let replaced = same(staged, PART, &to, to_name, observer).and_then(|same| {
        if !same {
            return Ok(false);
        }
        if sharing == Sharing::Reflink {
            settle(staged, &to, to_name)?;
        }
        staged.rename(PART, &to, to_name)?;
        Ok(true)
    });
    match replaced {
        Ok(true) => Ok(Taken::Shared),
        Ok(false) => {
            directory::remove(staged, PART)?;
            Ok(Taken::Differs)
        }
        Err(error) => {
            let _ = staged.remove_file(PART);
            Err(error)
        }
    }
}

/// The directory of `path`, opened without following a link, and its name there.
fn parent<'a>(dir: &Dir, path: &'a str) -> Result<(Dir, &'a str)> {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    Ok((directory::descend(dir, above)?, name))
}

#[cfg(target_os = "linux")]
fn clone(from: &Dir, name: &str, staged: &Dir) -> io::Result<()> {
    let source = from.open(name)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let target = staged.open_with(PART, &options)?;
    Ok(rustix::fs::ioctl_ficlone(&target, &source)?)
}

#[cfg(not(target_os = "linux"))]
fn clone(_: &Dir, _: &str, _: &Dir) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The clone gets the time and the mode of the file that it replaces.
fn settle(staged: &Dir, to: &Dir, name: &str) -> Result<()> {
    let meta = to.open(name)?.into_std().metadata()?;
    let mut options = OpenOptions::new();
    options.write(true);
    let clone = staged.open_with(PART, &options)?.into_std();
    clone.set_permissions(meta.permissions())?;
    clone.set_times(FileTimes::new().set_modified(meta.modified()?))?;
    Ok(())
}

/// Whether two files have the same bytes.
fn same(a: &Dir, a_name: &str, b: &Dir, b_name: &str, observer: &dyn Observer) -> Result<bool> {
    let (mut a, mut b) = (a.open(a_name)?.into_std(), b.open(b_name)?.into_std());
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    loop {
        if observer.cancelled() {
            return Err(Error::new(Kind::Cancelled));
        }
        let (n, m) = (fill(&mut a, &mut left)?, fill(&mut b, &mut right)?);
        if left.get(..n) != right.get(..m) {
            return Ok(false);
        }
        if n == 0 {
            return Ok(true);
        }
    }
}

fn fill(from: &mut std::fs::File, into: &mut [u8]) -> io::Result<usize> {
    let mut at = 0;
    while let Some(rest) = into.get_mut(at..).filter(|rest| !rest.is_empty()) {
        match from.read(rest)? {
            0 => break,
            n => at += n,
        }
    }
    Ok(at)
}
