//! Entries of archives that are a plain list: directories that no entry names are put in before what lies
//! in them, and the list stays within the limits.

use crate::container::{
    Entry, EntryId, EntryKind, EntryPath, Finding, Findings, Location, Name, Role, Severity,
};
use crate::error::{Error, Result};
use crate::limits::Limits;
use std::collections::HashMap;

/// Entries while they are gathered.
pub(crate) struct Listing {
    entries: Vec<Entry>,
    /// The newest entry of each path, by the path's bytes.
    known: HashMap<Box<[u8]>, usize>,
    path_bytes: u64,
    limits: Limits,
    next_link: u64,
}

impl Listing {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            entries: Vec::new(),
            known: HashMap::new(),
            path_bytes: 0,
            limits: limits.clone(),
            next_link: 0,
        }
    }

    /// `stored` as a path: parts joined by `/`, without what only begins it by convention (`/`, `./`).
    pub(crate) fn path(stored: &[u8]) -> EntryPath {
        let parts = stored.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
        let joined: Vec<&[u8]> = parts.collect();
        EntryPath::default().join(&Name::from_utf8(&joined.join(&b'/')))
    }

    /// Adds an entry and the directories it lies in. The root itself is no entry. What is too deep is said
    /// and left out.
    ///
    /// # Errors
    /// `Limit` where there are too many, or their paths too long together.
    pub(crate) fn push(&mut self, entry: Entry, findings: &mut Findings) -> Result<Option<EntryId>> {
        let bytes = entry.path.bytes();
        if bytes.is_empty() {
            return Ok(None);
        }
        let slashes = bytes.iter().filter(|byte| **byte == b'/').count();
        if bytes.len() > self.limits.path_bytes || slashes >= self.limits.directory_depth as usize {
            let start: String = entry.path.text().chars().take(80).collect();
            findings.push(Finding::about(Severity::Damaged, &start, "its path is too long or too deep"));
            return Ok(None);
        }
        self.parents(&entry.path)?;
        if entry.kind == EntryKind::Dir
            && let Some(&at) = self.known.get(bytes)
            && let Some(there) = self.entries.get_mut(at)
            && there.kind == EntryKind::Dir
        {
            there.modified = entry.modified;
            there.mode = entry.mode;
            return Ok(Some(EntryId(at)));
        }
        self.insert(entry).map(Some)
    }

    fn parents(&mut self, path: &EntryPath) -> Result<()> {
        let bytes = path.bytes();
        let cuts = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for cut in cuts {
            let above = bytes.get(..cut).unwrap_or_default();
            let there = self.known.get(above).and_then(|at| self.entries.get(*at));
            if there.is_none_or(|entry| entry.kind != EntryKind::Dir) {
                let path = EntryPath::default().join(&Name::from_utf8(above));
                self.insert(Entry::new(path, EntryKind::Dir))?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, entry: Entry) -> Result<EntryId> {
        if self.entries.len() as u64 >= self.limits.entries {
            return Err(Error::limit("entries in one container", self.limits.entries));
        }
        self.path_bytes = self.path_bytes.saturating_add(entry.path.bytes().len() as u64);
        if self.path_bytes > self.limits.all_path_bytes {
            return Err(Error::limit("bytes of paths in one container", self.limits.all_path_bytes));
        }
        let id = EntryId(self.entries.len());
        // What is added again replaces what was there, as whoever unpacks one after the other sees it.
        if entry.kind != EntryKind::Dir
            && let Some(there) = self.known.get(entry.path.bytes()).and_then(|&at| self.entries.get_mut(at))
            && there.kind != EntryKind::Dir
        {
            there.role = Role::OldVersion;
        }
        self.known.insert(entry.path.bytes().into(), id.0);
        self.entries.push(entry);
        Ok(id)
    }

    /// Gives `id` the content of the entry at `path`, as a hard link does. False where there is none.
    pub(crate) fn link(&mut self, id: EntryId, path: &EntryPath) -> bool {
        let Some(&at) = self.known.get(path.bytes()).filter(|at| **at != id.0) else { return false };
        let Some(target) = self.entries.get_mut(at) else { return false };
        if target.kind == EntryKind::Dir {
            return false;
        }
        let number = *target.link.get_or_insert(self.next_link);
        self.next_link = self.next_link.max(number.saturating_add(1));
        let (kind, bytes, location, to) =
            (target.kind, target.bytes, target.location.clone(), target.target.clone());
        if let Some(entry) = self.entries.get_mut(id.0) {
            entry.kind = kind;
            entry.bytes = bytes;
            entry.location = location;
            entry.target = to;
            entry.link = Some(number);
        }
        true
    }

    /// How many files there are.
    pub(crate) fn files(&self) -> u64 {
        self.entries.iter().filter(|entry| entry.kind == EntryKind::File).count() as u64
    }

    /// All entries, parents before children.
    pub(crate) fn finish(self) -> Vec<Entry> {
        self.entries
    }
}

/// The content of an entry, for entries whose extents begin at `location`.
pub(crate) fn content(bytes: u64, location: Location) -> (u64, Location) {
    if bytes == 0 { (0, Location::Nowhere) } else { (bytes, location) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(list: &[&str]) -> Vec<String> {
        let mut listing = Listing::new(&Limits::default());
        let mut findings = Findings::default();
        for path in list {
            let kind = if path.ends_with('/') { EntryKind::Dir } else { EntryKind::File };
            listing.push(Entry::new(Listing::path(path.as_bytes()), kind), &mut findings).unwrap();
        }
        listing.finish().into_iter().map(|entry| entry.path.text().to_owned()).collect()
    }

    #[test]
    fn directories_come_before_what_lies_in_them_and_once() {
        assert_eq!(paths(&["./", "./a/b/c", "a/b/", "/a/d"]), ["a", "a/b", "a/b/c", "a/d"]);
        assert_eq!(paths(&["x", "../y"]), ["x", "..", "../y"]);
    }

    #[test]
    fn what_is_added_again_makes_what_was_there_an_older_version() {
        let mut listing = Listing::new(&Limits::default());
        for _ in 0..3 {
            let entry = Entry::new(Listing::path(b"a"), EntryKind::File);
            listing.push(entry, &mut Findings::default()).unwrap();
        }
        let roles: Vec<Role> = listing.finish().into_iter().map(|entry| entry.role).collect();
        assert_eq!(roles, [Role::OldVersion, Role::OldVersion, Role::Plain]);
    }

    #[test]
    fn what_is_too_deep_is_left_out() {
        assert!(paths(&[&"d/".repeat(300)]).is_empty());
    }
}
