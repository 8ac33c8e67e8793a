//! Links, made last: by then nothing is written any more that could go through one.

use super::destination::Destination;
use super::{Extracted, Left, Plan};
use crate::error::{Error, Result};
use std::io;
use std::path::Path;

pub(super) fn make(
    destination: &Destination,
    plan: &Plan,
    paths: &[String],
    out: &mut Extracted,
) -> Result<()> {
    for (first, item) in &plan.hard_links {
        let (from, to) = (destination.parent(first)?, destination.parent(&item.local)?);
        let (old, new) = (name(first), name(&item.local));
        let shown = || destination.shown(&item.local);
        if from.symlink_metadata(old).is_err() {
            // Its first name could not be written, and that was said.
            continue;
        }
        if destination.replaces {
            remove_if_there(&to, new).map_err(|error| Error::from(error).of(&shown()))?;
        }
        match from.hard_link(old, &to, new) {
            Ok(()) => out.links += 1,
            Err(_) => {
                // A file system without hard links gets a copy.
                from.copy(old, &to, new).map_err(|error| Error::from(error).of(&shown()))?;
                out.files += 1;
            }
        }
        if let Some(found) = out.digests.iter().find(|(local, _)| local == first) {
            out.digests.push((item.local.clone(), found.1.clone()));
        }
    }
    for ((item, target), path) in plan.symlinks.iter().zip(paths) {
        let to = destination.parent(&item.local)?;
        let new = name(&item.local);
        let shown = || destination.shown(&item.local);
        if destination.replaces {
            remove_if_there(&to, new).map_err(|error| Error::from(error).of(&shown()))?;
        }
        match symlink(&to, target, new) {
            Ok(()) => out.links += 1,
            Err(error)
                if error.kind() == io::ErrorKind::Unsupported
                    || error.kind() == io::ErrorKind::PermissionDenied =>
            {
                let why = "this system makes no symbolic links here";
                out.left.push(Left { path: path.clone(), why });
            }
            Err(error) => return Err(Error::from(error).of(&shown())),
        }
    }
    Ok(())
}

fn name(local: &Path) -> &Path {
    local.file_name().map_or(local, Path::new)
}

/// A link of an earlier run, or a file that is to be replaced; a directory stays and is an error later.
fn remove_if_there(directory: &cap_std::fs::Dir, name: &Path) -> io::Result<()> {
    match directory.remove_file(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn symlink(directory: &cap_std::fs::Dir, target: &str, new: &Path) -> io::Result<()> {
    directory.symlink(target, new)
}

#[cfg(not(unix))]
fn symlink(_: &cap_std::fs::Dir, _: &str, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
