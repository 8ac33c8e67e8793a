//! The walk through the directories: from the root's file entry to a list of entries, parents first.
//!
//! It does not recurse, enters no directory twice, and keeps to the limits; what it leaves out for
//! that is a finding.

use super::allocation::LongAddress;
use super::directory::{Identifier, Listed, Listing};
use super::file_entry::{self, Content, FileEntry, FileType};
use super::names::{Text, link_target};
use super::partition::{Partitions, Side};
use super::tag::Notes;
use crate::container::{Entry, EntryKind, EntryPath, Extents, Location, Role, Severity};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::text::count;
use std::collections::HashSet;

/// How the names of the volume's own streams begin (UDF 2.01 3.3.5.1): tables, not members.
const SYSTEM_STREAM: &str = "*UDF ";

/// A directory whose files are to be listed.
struct Pending {
    path: EntryPath,
    entry: FileEntry,
    depth: u32,
}

/// A directory that is being listed.
struct Parent<'a> {
    path: &'a EntryPath,
    depth: u32,
}

/// What is done with a directory's file.
enum Outcome {
    Done,
    Enter(Box<Pending>),
    Full,
}

/// The walk, and what it has gathered.
pub(super) struct Walk<'a> {
    parts: &'a Partitions,
    limits: &'a Limits,
    notes: &'a mut Notes,
    entries: Vec<Entry>,
    /// Where the entries and the data of directories are that were listed.
    seen: HashSet<u64>,
    unnamed: u64,
    path_bytes: u64,
    extents: u64,
}

impl<'a> Walk<'a> {
    /// Has listed nothing yet.
    pub(super) fn new(parts: &'a Partitions, limits: &'a Limits, notes: &'a mut Notes) -> Self {
        Self {
            parts,
            limits,
            notes,
            entries: Vec::new(),
            seen: HashSet::new(),
            unnamed: 0,
            path_bytes: 0,
            extents: 0,
        }
    }

    /// Lists everything beneath the root, then the streams of the whole file set.
    ///
    /// # Errors
    /// Where the root directory itself cannot be read.
    pub(super) fn run(mut self, root: LongAddress, streams: LongAddress) -> Result<Vec<Entry>> {
        let entry = file_entry::read(self.parts, root.at, self.notes, "root directory")
            .map_err(|error| error.during("root directory"))?;
        if !matches!(entry.file_type, FileType::Directory | FileType::Unspecified) {
            return Err(Error::damaged("the root is no directory").at("root directory", entry.offset));
        }
        let path = EntryPath::default();
        self.streams(&path, &Text::default(), entry.streams);
        let mut stack = vec![Pending { path, entry, depth: 0 }];
        while let Some(directory) = stack.pop() {
            let first = stack.len();
            if !self.directory(&directory, &mut stack) {
                return Ok(self.entries);
            }
            if let Some(children) = stack.get_mut(first..) {
                children.reverse();
            }
        }
        self.streams(&EntryPath::default(), &Text::default(), streams);
        Ok(self.entries)
    }

    /// Lists one directory; false where no more entries may be listed.
    fn directory(&mut self, directory: &Pending, stack: &mut Vec<Pending>) -> bool {
        let parent = Parent { path: &directory.path, depth: directory.depth };
        for file in self.listing(&directory.entry, directory.path.text()) {
            match self.file(&parent, file) {
                Outcome::Done => {}
                Outcome::Enter(next) => stack.push(*next),
                Outcome::Full => return false,
            }
        }
        true
    }

    /// The files of a directory, from the metadata mirror where that copy is the better one.
    fn listing(&mut self, entry: &FileEntry, subject: &str) -> Vec<Identifier> {
        if !self.seen.insert(entry.offset) {
            self.damaged(subject, "directory loop: this directory is listed already in another place");
            return Vec::new();
        }
        let (data, mut listing) = self.listing_on(entry, entry.side);
        if data.is_some_and(|at| at != entry.offset && !self.seen.insert(at)) {
            self.damaged(subject, "directory loop: its data is that of another directory");
            return Vec::new();
        }
        if listing.faults() > 0 && entry.side == Side::Main && self.parts.has_mirror(entry.icb) {
            let (_, other) = self.listing_on(entry, Side::Mirror);
            if other.faults() == 0 {
                self.notes.mirrored("root directory", subject);
                return other.files;
            }
            listing.add(other);
        }
        if let Some(fault) = &listing.fault {
            self.damaged(subject, format!("its directory cannot be read to its end: {fault}"));
        }
        if listing.wrong > 0 {
            self.damaged(subject, format!("the CRC of {} of its names is wrong", listing.wrong));
        }
        if listing.lost > 0 {
            self.damaged(
                subject,
                format!("its directory has {} that name no file", count(listing.lost, "byte")),
            );
        }
        listing.files
    }

    /// Where the data of a directory begins, and its files as far as they can be read.
    fn listing_on(&self, entry: &FileEntry, side: Side) -> (Option<u64>, Listing) {
        let content = entry.content(self.parts, side);
        let most = self.limits.directory_bytes;
        let (bytes, mut fault) = if content.bytes > most {
            (Vec::new(), Some(Error::limit("bytes in one directory", most)))
        } else {
            self.parts.gather_some(&content.pieces)
        };
        let mut listing = Listing::read(&bytes);
        if fault.is_none() {
            fault = content.fault;
        }
        if fault.is_none() {
            listing.lost = listing.lost.saturating_add(entry.bytes.saturating_sub(content.bytes));
        }
        listing.fault = fault;
        (content.pieces.first().and_then(|piece| piece.at), listing)
    }

    fn damaged(&mut self, subject: &str, what: impl Into<String>) {
        self.notes.push(Severity::Damaged, subject, what);
    }

    /// Lists one file of a directory.
    fn file(&mut self, parent: &Parent<'_>, file: Identifier) -> Outcome {
        let name = self.named(file.name, parent.path.text());
        let path = parent.path.join(&name.name());
        if path.bytes().len() > self.limits.path_bytes {
            self.damaged(parent.path.text(), "a path in it is longer than the limit and is left out");
            return Outcome::Done;
        }
        if file.icb.len == 0 {
            self.damaged(path.text(), "its name leads to no file entry");
            return Outcome::Done;
        }
        let entry = match file_entry::read(self.parts, file.icb.at, self.notes, path.text()) {
            Ok(entry) => entry,
            Err(error) => {
                self.damaged(path.text(), format!("its file entry cannot be read: {error}"));
                return Outcome::Done;
            }
        };
        let Some(kind) = self.kind(&entry, file.listed, path.text()) else { return Outcome::Done };
        let shown = match self.entry(path, kind, file.role, &entry) {
            Ok(shown) => shown,
            Err(full) => return full,
        };
        self.streams(parent.path, &name, entry.streams);
        if kind != EntryKind::Dir {
            return Outcome::Done;
        }
        let depth = parent.depth.saturating_add(1);
        if depth > self.limits.directory_depth {
            self.damaged(shown.text(), "it is deeper than the limit and what is in it is left out");
            return Outcome::Done;
        }
        Outcome::Enter(Box::new(Pending { path: shown, entry, depth }))
    }

    /// A name for a file that has none, so that it can be listed.
    fn named(&mut self, name: Text, directory: &str) -> Text {
        if !name.text.is_empty() {
            return name;
        }
        self.unnamed = self.unnamed.saturating_add(1);
        let name = format!("unnamed-{}", self.unnamed);
        self.damaged(directory, format!("a file in it has an empty name and is shown as {name}"));
        Text::from(name)
    }

    /// What a file is shown as; `None` where it is not shown.
    fn kind(&mut self, entry: &FileEntry, listed: Listed, subject: &str) -> Option<EntryKind> {
        let kind = match entry.file_type {
            FileType::Directory => EntryKind::Dir,
            FileType::Unspecified if listed == Listed::Directory => EntryKind::Dir,
            FileType::File | FileType::Unspecified => EntryKind::File,
            FileType::Symlink => EntryKind::Symlink,
            FileType::Special => EntryKind::Other,
            FileType::Structure(_) => return None,
            FileType::StreamDirectory => {
                self.damaged(subject, "a stream directory is in the place of a file");
                return None;
            }
            // ECMA-167 4/14.6.6 keeps the other numbers for later editions and for agreements.
            FileType::Unknown(number) => {
                let what = format!("its file type {number} is not known: it is listed and not read");
                self.notes.push(Severity::Weak, subject, what);
                EntryKind::Other
            }
        };
        if (kind == EntryKind::Dir) != (listed == Listed::Directory) {
            let what = "the directory and the file entry disagree on whether it is a directory";
            self.notes.push(Severity::Weak, subject, what);
        }
        Some(kind)
    }

    /// Adds an entry and gives its path back; `Full` where no more may be listed.
    fn entry(
        &mut self,
        path: EntryPath,
        kind: EntryKind,
        role: Role,
        found: &FileEntry,
    ) -> Result<EntryPath, Outcome> {
        if let Some((what, most)) = self.over(&path) {
            self.damaged("", format!("more than {most} {what}; the rest is left out"));
            return Err(Outcome::Full);
        }
        self.path_bytes = self.path_bytes.saturating_add(path.bytes().len() as u64);
        let mut entry = Entry::new(path, kind);
        entry.role = role;
        entry.modified = found.modified;
        entry.mode = Some(found.mode);
        if kind != EntryKind::Dir && found.links > 1 {
            entry.link = Some(found.offset);
        }
        match kind {
            EntryKind::File => self.content(&mut entry, found),
            EntryKind::Symlink => match self.target(found) {
                Ok(target) => entry.target = Some(target.into()),
                Err(error) => {
                    self.damaged(entry.path.text(), format!("where it points cannot be read: {error}"));
                }
            },
            EntryKind::Dir | EntryKind::Other => {}
        }
        let path = entry.path.clone();
        self.entries.push(entry);
        Ok(path)
    }

    /// The limit that is reached, where one more entry may not be listed.
    fn over(&self, path: &EntryPath) -> Option<(&'static str, u64)> {
        let limits = self.limits;
        if self.entries.len() as u64 >= limits.entries {
            return Some(("entries", limits.entries));
        }
        if self.path_bytes.saturating_add(path.bytes().len() as u64) > limits.all_path_bytes {
            return Some(("bytes in all paths", limits.all_path_bytes));
        }
        (self.extents >= limits.all_extents).then_some(("extents of all files", limits.all_extents))
    }

    /// Says where the content lies and what of it is missing.
    fn content(&mut self, entry: &mut Entry, found: &FileEntry) {
        let content = found.content(self.parts, found.side);
        let path = entry.path.text();
        if let Some(fault) = &content.fault {
            self.damaged(path, format!("its extents cannot all be found: {fault}"));
        }
        if content.bytes < found.bytes {
            let what = format!("its extents have {} bytes of {}", content.bytes, found.bytes);
            self.damaged(path, what);
        }
        let missing = content.missing(self.parts.source.len());
        if missing > 0 {
            let what = format!("{missing} of its {} bytes are beyond the end of the medium", content.bytes);
            self.damaged(path, what);
        }
        // Where the chain of extents broke off, what is left of it must not pass for the whole file.
        entry.bytes = if content.fault.is_some() { found.bytes } else { content.bytes };
        self.extents = self.extents.saturating_add(content.pieces.len() as u64);
        if content.bytes > 0 {
            entry.location = Location::Stored(Extents::from(content.pieces));
        }
    }

    fn target(&self, found: &FileEntry) -> Result<String> {
        if found.bytes > self.limits.path_bytes as u64 {
            return Err(Error::limit("bytes in one path", self.limits.path_bytes as u64));
        }
        let Content { pieces, fault, .. } = found.content(self.parts, found.side);
        let bytes = self.parts.gather(&pieces)?;
        match fault {
            Some(error) => Err(error),
            None => Ok(link_target(&bytes)),
        }
    }

    /// Lists the named streams of a file (ECMA-167 4/9.2) as `file:stream`.
    fn streams(&mut self, directory: &EntryPath, owner: &Text, streams: LongAddress) {
        if streams.len == 0 {
            return;
        }
        let subject = directory.join(&owner.name());
        let entry = match file_entry::read(self.parts, streams.at, self.notes, subject.text()) {
            Ok(entry) if entry.file_type == FileType::StreamDirectory => entry,
            Ok(_) => {
                self.damaged(subject.text(), "its stream directory is none");
                return;
            }
            Err(error) => {
                self.damaged(subject.text(), format!("its streams cannot be read: {error}"));
                return;
            }
        };
        // The names of a hard link share one stream directory: it is listed with the first.
        if self.seen.contains(&entry.offset) {
            return;
        }
        for file in self.listing(&entry, subject.text()) {
            let name = self.named(file.name, subject.text());
            if owner.text.is_empty() && name.text.starts_with(SYSTEM_STREAM) {
                continue;
            }
            let path = directory.join(&owner.stream(&name).name());
            if path.bytes().len() > self.limits.path_bytes || file.icb.len == 0 {
                self.damaged(subject.text(), "one of its streams has no usable name or entry");
                continue;
            }
            match file_entry::read(self.parts, file.icb.at, self.notes, path.text()) {
                Ok(found) if matches!(found.file_type, FileType::File | FileType::Unspecified) => {
                    if self.entry(path, EntryKind::File, Role::Stream, &found).is_err() {
                        return;
                    }
                }
                // The volume's own tables.
                Ok(_) => {}
                Err(error) => {
                    self.damaged(path.text(), format!("its file entry cannot be read: {error}"));
                }
            }
        }
    }
}
