//! Links, made last: by then nothing is written any more that could go through one.

use super::destination::Destination;
use super::write::{Content, Digests, Failed, How, Job, Target, Written, write};
use super::{Extracted, Left, Linking, Plan, ReadErrors, Shared, executable, stands};
use crate::container::{Container, Extents};
use crate::error::{Error, Result};
use crate::limits::UNPACKED;
use crate::observe::Observer;
use crate::source::{FileSource, Piece, SharedSource};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that others share their bytes with, and which of them stand there now: what stood there before may
/// have the name and not the bytes.
pub(super) struct Firsts<'a> {
    wanted: HashSet<&'a Path>,
    standing: HashSet<&'a Path>,
}

impl<'a> Firsts<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        let wanted = plan.shared.iter().map(|shared| shared.first.as_path()).collect();
        Self { wanted, standing: HashSet::new() }
    }

    /// That file is whole.
    pub(super) fn stands(&mut self, local: &Path) {
        self.standing.extend(self.wanted.get(local).copied());
    }
}

/// Makes the links of a plan.
pub(super) struct Links<'a> {
    pub(super) container: &'a dyn Container,
    pub(super) destination: &'a Destination,
    pub(super) plan: &'a Plan,
    pub(super) linking: Linking,
    pub(super) observer: &'a dyn Observer,
}

impl<'a> Links<'a> {
    /// Files that share their bytes with one that stands there.
    pub(super) fn share(&self, mut firsts: Firsts<'a>, out: &mut Extracted) -> Result<()> {
        let failed = self.why_firsts_failed(&firsts, out);
        let mut digests: HashMap<PathBuf, crate::digest::Value> = out
            .digests
            .iter()
            .filter(|(local, _)| firsts.wanted.contains(local.as_path()))
            .cloned()
            .collect();
        // A file may have so many names and no more: then the next ones are names of a copy.
        let mut anchors: HashMap<&Path, &Path> = HashMap::new();
        let mut copied = 0u64;
        for shared in &self.plan.shared {
            if self.observer.cancelled() {
                return Err(Error::new(crate::error::Kind::Cancelled));
            }
            let (first, local) = (shared.first.as_path(), shared.item.local.as_path());
            let entry = self.container.entry(shared.item.id)?;
            if !firsts.standing.contains(first) {
                let error = failed.get(first).map_or_else(|| Error::damaged("its content"), Error::again);
                out.failed.push((entry.path.text().to_owned(), error));
                continue;
            }
            let from = anchors.get(first).copied().unwrap_or(first);
            if self.linking.links(shared.sharing) && self.link(from, local)? {
                out.links += 1;
            } else if self.plan.bytes.saturating_add(copied).saturating_add(entry.bytes) > self.plan.most {
                out.failed.push((entry.path.text().to_owned(), Error::limit(UNPACKED, self.plan.most)));
                continue;
            } else {
                copied = copied.saturating_add(entry.bytes);
                match self.copy(from, shared) {
                    Ok(Written { bytes, kept, shared, .. }) => {
                        out.shared = out.shared.saturating_add(shared);
                        out.files += 1;
                        out.kept += u64::from(kept);
                        out.bytes = out.bytes.saturating_add(bytes);
                    }
                    Err(failed) => return Err(failed.error.of(&failed.path)),
                }
                anchors.insert(first, local);
            }
            firsts.stands(local);
            if let Some(digest) = digests.get(first).cloned() {
                if firsts.wanted.contains(local) {
                    digests.insert(local.to_owned(), digest.clone());
                }
                out.digests.push((local.to_owned(), digest));
            }
        }
        Ok(())
    }

    /// The errors of those firsts that do not stand there.
    fn why_firsts_failed(&self, firsts: &Firsts<'a>, out: &Extracted) -> HashMap<&'a Path, Error> {
        let by_path: HashMap<&str, &Error> =
            out.failed.iter().map(|(path, error)| (&**path, error)).collect();
        let mut failed: HashMap<&Path, Error> = HashMap::new();
        if by_path.is_empty() {
            return failed;
        }
        let shared = self.plan.shared.iter();
        let first_of: HashMap<&Path, &Path> =
            shared.map(|shared| (shared.item.local.as_path(), shared.first.as_path())).collect();
        for item in &self.plan.files {
            let local = item.local.as_path();
            if firsts.wanted.contains(local)
                && let Ok(entry) = self.container.entry(item.id)
                && let Some(error) = by_path.get(entry.path.text())
            {
                failed.insert(local, error.again());
            }
        }
        // One that shares may be the first of further names.
        for &local in first_of.keys().filter(|local| firsts.wanted.contains(*local)) {
            if let Some(error) = first_of.get(local).and_then(|first| failed.get(first)).map(Error::again) {
                failed.insert(local, error);
            }
        }
        failed
    }

    /// Links `local` to `from`; false where that cannot be and a copy has to do.
    fn link(&self, from: &Path, local: &Path) -> Result<bool> {
        let (there, to) = (self.destination.parent(from)?, self.destination.parent(local)?);
        if self.destination.replaces {
            self.remove_if_there(&to, local)?;
        }
        match there.hard_link(name(from), &to, name(local)) {
            Ok(()) => Ok(true),
            // What is in the way is not gone for a copy either, which says so.
            Err(_) => Ok(false),
        }
    }

    /// Copies `from` to where the entry goes, by the kernel where it can.
    fn copy(&self, from: &Path, shared: &Shared) -> std::result::Result<Written, Failed> {
        let entry = self.container.entry(shared.item.id);
        let local = &shared.item.local;
        let of_machine =
            |error: Error| Failed { path: self.destination.shown(local), error, of_medium: false };
        let entry = entry.map_err(of_machine)?;
        let there = self.destination.parent(from).map_err(of_machine)?;
        let file = there.open(name(from)).and_then(|file| FileSource::from_file(file.into_std()));
        let source: SharedSource = Arc::new(file.map_err(|error| of_machine(error.into()))?);
        let directory = self.destination.parent(local).map_err(of_machine)?;
        let target = Target {
            local: local.clone(),
            path: entry.path.text().to_owned(),
            bytes: entry.bytes,
            modified: entry.modified,
            executable: executable(entry),
            shares: self.destination.own_block.is_some_and(|block| block <= entry.bytes),
            solid: false,
        };
        if self.destination.keep_same && stands(&directory, &target) && !is_link(&directory, &target) {
            let (local, bytes) = (target.local, target.bytes);
            return Ok(Written { local, bytes, kept: true, shared: 0, digest: None });
        }
        let all = Extents::One(Piece { at: Some(0), len: entry.bytes });
        let job = Job { target, content: Content::Place(source, all) };
        let (destination, observer) = (self.destination, self.observer);
        write(job, How { destination, digests: Digests::None, errors: ReadErrors::Stop, observer })
    }

    /// Symbolic links.
    pub(super) fn symbolic(&self, out: &mut Extracted) -> Result<()> {
        for (item, target) in &self.plan.symlinks {
            let to = self.destination.parent(&item.local)?;
            if self.destination.replaces {
                self.remove_if_there(&to, &item.local)?;
            }
            match symlink(&to, target, name(&item.local)) {
                Ok(()) => out.links += 1,
                Err(error)
                    if error.kind() == io::ErrorKind::Unsupported
                        || error.kind() == io::ErrorKind::PermissionDenied =>
                {
                    let path = self.container.entry(item.id)?.path.text().to_owned();
                    out.left.push(Left { path, why: "this system makes no symbolic links here" });
                }
                Err(error) => return Err(Error::from(error).of(&self.destination.shown(&item.local))),
            }
        }
        Ok(())
    }

    /// A link of an earlier run, or a file that is to be replaced; a directory stays and is an error later.
    fn remove_if_there(&self, directory: &cap_std::fs::Dir, local: &Path) -> Result<()> {
        match directory.remove_file(name(local)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::from(error).of(&self.destination.shown(local)))
            }
            _ => Ok(()),
        }
    }
}

fn name(local: &Path) -> &Path {
    local.file_name().map_or(local, Path::new)
}

/// True where the file that stands there has other names: an earlier run linked what is to be a copy now.
fn is_link(directory: &cap_std::fs::Dir, target: &Target) -> bool {
    #[cfg(unix)]
    {
        use cap_std::fs::MetadataExt;
        directory.symlink_metadata(name(&target.local)).is_ok_and(|meta| meta.nlink() > 1)
    }
    #[cfg(not(unix))]
    {
        let _ = (directory, target);
        true
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
