//! A product out of a share: what its manifest owns goes, what somebody else put or changed there stays.

use super::check::is_unchanged;
use super::manifest::{MANIFEST, Manifest, OWN, SUMS};
use super::survey::{Item, State};
use super::tree::{Node, Tree, tree};
use super::{Lock, STAGING, Share, directory, sign};
use crate::error::{Error, Kind, Refusal, Result};
use crate::observe::Observer;
use cap_std::fs::Dir;
use std::io;

/// What is done with files that changed since they were added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Nothing is done; only said.
    DryRun,
    /// They stay.
    Owned,
    /// They go, too. Files that the manifest never named stay even then.
    Changed,
}

/// What went and what stayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Files and links that went.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What stayed, and why.
    pub kept: Vec<(String, &'static str)>,
    /// True where the product folder is gone.
    pub gone: bool,
}

/// What is to go.
struct Owned {
    paths: Vec<String>,
    bytes: u64,
    kept: Vec<(String, &'static str)>,
}

/// Removes a product.
///
/// # Errors
/// `Invalid` where its manifest cannot be read; `Refused` where that is not as it was written and `removal` does not
/// allow for it; what the operating system said.
pub fn remove(
    share: &Share,
    _lock: &Lock,
    wanted: &str,
    removal: Removal,
    observer: &dyn Observer,
) -> Result<(Removed, String)> {
    let mut survey = share.survey()?;
    let item = survey.one(share, wanted)?;
    let folder = item.folder.clone();
    let removed = remove_item(share, item, removal, observer)?;
    if removal != Removal::DryRun && (removed.gone || removed.files > 0 || item.state == State::Missing) {
        let left = share.manifest_stands(&folder);
        survey.items.retain(|item| item.folder != folder || left);
        share.write_index(&survey)?;
    }
    Ok((removed, folder))
}

fn remove_item(share: &Share, item: &Item, removal: Removal, observer: &dyn Observer) -> Result<Removed> {
    if item.state == State::Missing {
        return Ok(Removed { gone: true, ..Removed::default() });
    }
    if item.state == State::Edited && removal == Removal::Owned {
        let place = format!("{}/{OWN}/{MANIFEST}", item.folder);
        return Err(Error::new(Kind::Refused(Refusal::Edited(place))));
    }
    let manifest = item.manifest()?;
    let dir = share.folder(&item.folder)?;
    let tree = tree(&share.root().join(&item.folder))?;
    let owned = owned(&dir, &manifest, &tree, removal, observer);
    let mut out = Removed {
        files: owned.paths.len() as u64,
        bytes: owned.bytes,
        gone: owned.kept.is_empty(),
        kept: owned.kept,
    };
    if removal == Removal::DryRun {
        return Ok(out);
    }
    if !out.gone {
        delete(&dir, &owned.paths, &tree)?;
        forget(&dir)?;
        return Ok(out);
    }
    // Nobody sees half a product: it goes from its place in one step.
    let staging = directory::make(&share.own, STAGING)?;
    let name = format!("removed-{}", manifest.id);
    clear(&staging, &name)?;
    drop(dir);
    share
        .dir
        .rename(&item.folder, &staging, &name)
        .map_err(|error| Error::from(error).of(&share.shown(&item.folder)))?;
    let dir = directory::descend(&staging, &name)?;
    delete(&dir, &owned.paths, &tree)?;
    forget(&dir)?;
    drop(dir);
    // Somebody put a file there a moment ago: it stays where it can be found.
    out.gone = staging.remove_dir(&name).is_ok();
    if !out.gone {
        out.kept.push((format!("{OWN}/{STAGING}/{name}"), "it came while the product was being removed"));
    }
    share.remove_empty_above(&item.folder);
    Ok(out)
}

/// What the manifest owns, and what stays.
fn owned(dir: &Dir, manifest: &Manifest, tree: &Tree, removal: Removal, observer: &dyn Observer) -> Owned {
    let mut out = Owned { paths: Vec::new(), bytes: 0, kept: Vec::new() };
    let mut nodes = tree.nodes.clone();
    for file in &manifest.files {
        let Some(node) = nodes.remove(&file.path) else { continue };
        if removal == Removal::Changed || is_unchanged(dir, file, &node, observer) {
            out.bytes = out.bytes.saturating_add(file.bytes);
            out.paths.push(file.path.clone());
        } else {
            out.kept.push((file.path.clone(), "it changed since it was added"));
        }
    }
    for link in &manifest.links {
        match nodes.remove(&link.path) {
            Some(Node::Link(target)) if target == link.target || removal == Removal::Changed => {
                out.paths.push(link.path.clone());
            }
            Some(_) => out.kept.push((link.path.clone(), "it changed since it was added")),
            None => {}
        }
    }
    out.kept.extend(nodes.into_keys().map(|path| (path, "it is not the product's")));
    out.kept.extend(tree.strange.iter().map(|path| (path.clone(), "it is not the product's")));
    out.kept.sort();
    out
}

/// Files first, then the directories that are empty by then.
fn delete(dir: &Dir, paths: &[String], tree: &Tree) -> Result<()> {
    for path in paths {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        // No part of the way may have become a link.
        let parent = match directory::descend(dir, parent) {
            Ok(parent) => parent,
            Err(_) => continue,
        };
        match parent.remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::from(error).of(path)),
            _ => {}
        }
    }
    for path in tree.directories.iter().rev() {
        // One that is not empty stays.
        let _ = dir.remove_dir(path);
    }
    Ok(())
}

/// The product's own folder: what we wrote into it, and it, if nothing else is there.
fn forget(dir: &Dir) -> Result<()> {
    let Some(own) = directory::open_own(dir)? else { return Ok(()) };
    for name in [&sign::file(MANIFEST), SUMS, MANIFEST] {
        directory::remove(&own, name)?;
        directory::remove(&own, &format!("{name}.part"))?;
    }
    drop(own);
    let _ = dir.remove_dir(OWN);
    Ok(())
}

/// Removes a folder in the staging that a killed program left. Links in it are removed, never followed.
fn clear(staging: &Dir, name: &str) -> Result<()> {
    match staging.symlink_metadata(name) {
        Ok(meta) if meta.is_dir() => Ok(staging.remove_dir_all(name)?),
        Ok(_) => Ok(staging.remove_file(name)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Removes what stopped `add`s and removals left; how many there were.
///
/// # Errors
/// What the operating system said.
pub fn remove_unfinished(share: &Share, _lock: &Lock) -> Result<u64> {
    let Some(staging) = directory::open(&share.own, STAGING)? else { return Ok(0) };
    let mut number = 0;
    for entry in staging.entries()? {
        let name = entry?.file_name();
        clear(&staging, &name.to_string_lossy())?;
        number += 1;
    }
    Ok(number)
}

impl Share {
    /// True where a folder has a manifest still.
    fn manifest_stands(&self, folder: &str) -> bool {
        let own = self.folder(folder).and_then(|dir| directory::open_own(&dir)).ok().flatten();
        own.is_some_and(|own| own.symlink_metadata(MANIFEST).is_ok())
    }

    /// Removes the folders above a product folder that are empty now.
    pub(super) fn remove_empty_above(&self, folder: &str) {
        let mut at = folder;
        while let Some((above, _)) = at.rsplit_once('/') {
            if self.dir.remove_dir(above).is_err() {
                break;
            }
            at = above;
        }
    }
}
