//! The walk over a tree of directories (ECMA-119 §6.8).
//!
//! A record never crosses a sector; length 0 means that the next record begins in the next sector. A
//! file of more than one extent has a record for each, all but the last with the multi-extent flag.

use super::descriptor::{Kind, SECTOR, Volume};
use super::record::{Record, flag, joliet_name, plain_name, split_version, split_version_bytes};
use super::rockridge::{self, Attributes};
use crate::container::{
    Entry, EntryKind, EntryPath, Extents, Finding, Findings, Location, Name, Role, Severity,
};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::formats::Tree;
use crate::limits::Limits;
use crate::source::{Piece, SharedSource, read_vec};
use crate::text::{count, utf8_or_latin1};
use std::collections::{HashMap, HashSet};

/// What a walk found.
pub(super) struct Walked {
    pub(super) entries: Vec<Entry>,
    /// True where Rock Ridge entries were seen.
    pub(super) rock_ridge: bool,
    /// Bytes of directories that were read.
    pub(super) bytes_read: u64,
    /// Files and other things that are no directories.
    pub(super) files: u64,
}

/// A directory to be read.
struct Directory {
    at: u64,
    bytes: u64,
    path: EntryPath,
    depth: u32,
    /// Its own place among the entries; for one that waits in `relocated`, that of the directory it is in.
    entry: Option<usize>,
}

/// Walks the tree of `volume`. `tree` says how names are read.
pub(super) struct Walk<'a> {
    source: &'a SharedSource,
    volume: &'a Volume,
    tree: Tree,
    limits: &'a Limits,
    findings: &'a mut Findings,
    entries: Vec<Entry>,
    /// First bytes of directories that were entered: none is entered twice.
    entered: HashSet<u64>,
    /// Directories that were relocated (`RE`) and wait for the `CL` that says where they belong.
    relocated: Vec<Directory>,
    /// Directory entries whose children were all relocated: not shown.
    emptied: HashSet<usize>,
    skip: Option<usize>,
    rock_ridge: bool,
    bytes_read: u64,
    path_bytes: u64,
    extents: u64,
    disagreements: u64,
    /// Entries of this directory whose names end in a version number.
    versioned: Vec<usize>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        source: &'a SharedSource,
        volume: &'a Volume,
        tree: Tree,
        limits: &'a Limits,
        findings: &'a mut Findings,
    ) -> Self {
        Self {
            source,
            volume,
            tree,
            limits,
            findings,
            entries: Vec::new(),
            entered: HashSet::new(),
            relocated: Vec::new(),
            emptied: HashSet::new(),
            skip: None,
            rock_ridge: false,
            bytes_read: 0,
            path_bytes: 0,
            extents: 0,
            disagreements: 0,
            versioned: Vec::new(),
        }
    }

    /// Walks from the root; where that cannot be read, from the path table.
    pub(super) fn run(mut self) -> Result<Walked> {
        let root = self.root();
        let walked = match root {
            Ok(root) => self.walk_below(root),
            Err(error) => Err(error),
        };
        if let Err(error) = walked {
            if matches!(error.kind(), crate::error::Kind::Limit { .. }) {
                return Err(error);
            }
            self.walk_path_table(error)?;
        }
        while let Some(mut orphan) = self.relocated.pop() {
            if !self.entered.contains(&orphan.at) {
                let what = "a relocated directory (RE) that no child link (CL) leads to";
                self.findings.push(Finding::about(Severity::Weak, orphan.path.text(), what));
                let id = self.entries.len();
                if let Some(home) = orphan.entry.replace(id) {
                    self.emptied.remove(&home);
                }
                self.push(Entry::new(orphan.path.clone(), EntryKind::Dir))?;
                self.walk_below(orphan).unwrap_or_else(|_| self.entries.truncate(id));
            }
        }
        let mut at = 0..;
        let emptied = &self.emptied;
        self.entries.retain(|_| at.next().is_none_or(|at| !emptied.contains(&at)));
        if self.disagreements > 0 {
            let what = format!(
                "{} directory records differ between their byte orders; the little-endian values are used",
                self.disagreements
            );
            self.findings.push(Finding::new(Severity::Weak, what));
        }
        let files = self.entries.iter().filter(|entry| entry.kind != EntryKind::Dir).count() as u64;
        Ok(Walked { entries: self.entries, rock_ridge: self.rock_ridge, bytes_read: self.bytes_read, files })
    }

    /// The root directory, by the larger of the two sizes that the descriptor and its own first
    /// record give; looks for Rock Ridge in that record.
    fn root(&mut self) -> Result<Directory> {
        let fields = Fields::new("root directory record", &self.volume.root, self.volume.root_at);
        let record = Record::parse(&fields)?;
        let (at, own) = self.own_record(record.begin(self.volume.block))?;
        let bytes = u64::from(record.bytes);
        let bytes = if at.saturating_add(bytes) > self.source.len() { own } else { bytes.max(own) };
        Ok(Directory { at, bytes, path: EntryPath::default(), depth: 0, entry: None })
    }

    /// Reads the `.` record of the directory at `at`: its size, and the root's says whether Rock Ridge
    /// is in use.
    fn own_record(&mut self, at: u64) -> Result<(u64, u64)> {
        let head = read_vec(&**self.source, at, SECTOR.min(self.source.len().saturating_sub(at)).max(34))
            .map_err(|error| error.at("directory", at))?;
        let fields = Fields::new("directory record", &head, at);
        let len = usize::from(fields.u8(0, "length")?);
        let fields = fields.part("directory record", 0, len.max(34))?;
        let record = Record::parse(&fields)?;
        if record.name != [0] || !record.is_dir() {
            return Err(
                Error::damaged("a directory that does not begin with itself").at("directory record", at)
            );
        }
        if self.tree == Tree::RockRidge && self.skip.is_none() {
            self.skip = rockridge::skip(fields.rest(record.system_use));
        }
        Ok((at, u64::from(record.bytes)))
    }

    /// Walks everything beneath `start`.
    fn walk_below(&mut self, start: Directory) -> Result<()> {
        let mut waiting = vec![start];
        let mut first = true;
        while let Some(directory) = waiting.pop() {
            if !self.entered.insert(directory.at) {
                let what = "the directory contains itself: it was listed already and is not entered again";
                self.findings.push(Finding::about(Severity::Damaged, directory.path.text(), what));
                continue;
            }
            let before = waiting.len();
            if let Err(error) = self.read(&directory, &mut waiting) {
                if first || matches!(error.kind(), crate::error::Kind::Limit { .. }) {
                    return Err(error);
                }
                let what = format!("the directory cannot be read: {error}");
                self.findings.push(Finding::about(Severity::Damaged, directory.path.text(), what));
            }
            first = false;
            // The stack gives the last first; children are wanted in the directory's own order.
            if let Some(added) = waiting.get_mut(before..) {
                added.reverse();
            }
        }
        Ok(())
    }

    /// Reads one directory: its entries are added, its directories wait.
    fn read(&mut self, directory: &Directory, waiting: &mut Vec<Directory>) -> Result<()> {
        let end = directory.at.saturating_add(directory.bytes);
        let mut bytes = directory.bytes;
        if end > self.source.len() {
            let have = self.source.len().saturating_sub(directory.at);
            if have == 0 {
                return Err(Error::truncated(end, self.source.len()).at("directory", directory.at));
            }
            // A size beyond all sense is worth one sector; a cut image, what is left of it.
            bytes = if directory.bytes > self.source.len() { SECTOR.min(have) } else { have };
            let what =
                format!("the directory ends {} behind the image", count(end - self.source.len(), "byte"));
            self.findings.push(Finding::about(Severity::Damaged, directory.path.text(), what));
        }
        if bytes > self.limits.directory_bytes {
            return Err(Error::limit("bytes of a directory", self.limits.directory_bytes));
        }
        // Directories of a sane image do not overlap: together they are no larger than it.
        self.bytes_read = self.bytes_read.saturating_add(bytes);
        if self.bytes_read > self.source.len().saturating_mul(2) {
            return Err(Error::damaged("directories overlap without end").at("directory", directory.at));
        }
        let data =
            read_vec(&**self.source, directory.at, bytes).map_err(|e| e.at("directory", directory.at))?;
        let records = self.records(directory, &data);
        self.add(directory, &data, records, waiting)
    }

    /// Splits a directory into records, each with its position.
    fn records(&mut self, directory: &Directory, data: &[u8]) -> Vec<(usize, Record)> {
        let sector = 2048usize;
        let mut out = Vec::new();
        let mut at = 0usize;
        while let Some(&len) = data.get(at) {
            let next_sector = (at / sector + 1) * sector;
            let len = usize::from(len);
            if len == 0 {
                at = next_sector;
                continue;
            }
            let base = directory.at.saturating_add(at as u64);
            let parsed = if len < 34 || at + len > next_sector {
                Err(Error::damaged("record length").at("directory record", base))
            } else {
                Fields::new("directory record", data, directory.at)
                    .part("directory record", at, len)
                    .and_then(|fields| Record::parse(&fields))
            };
            match parsed {
                Ok(record) => out.push((at, record)),
                Err(error) => {
                    let what = format!("the directory ends early: {error}");
                    self.findings.push(Finding::about(Severity::Damaged, directory.path.text(), what));
                    break;
                }
            }
            at += len;
        }
        out
    }

    fn add(
        &mut self,
        directory: &Directory,
        data: &[u8],
        records: Vec<(usize, Record)>,
        waiting: &mut Vec<Directory>,
    ) -> Result<()> {
        let (mut children, mut moved) = (0u32, 0u32);
        let mut chain: Option<(Record, Attributes, Vec<Piece>, u64)> = None;
        for (at, record) in records {
            if !record.orders_agree {
                self.disagreements += 1;
            }
            if record.is_dot() {
                continue;
            }
            let goes_on = record.flags & flag::MULTI_EXTENT != 0;
            let (head, attributes, mut pieces, sum) = match chain.take() {
                Some(open) if open.0.name == record.name => open,
                broken => {
                    if let Some((head, attributes, pieces, sum)) = broken {
                        let name = self.name(&head, &attributes);
                        let path = directory.path.join(&name);
                        let what = "its last extent has no record: the file is shorter than it was";
                        self.findings.push(Finding::about(Severity::Damaged, path.text(), what));
                        self.file(directory, &head, &attributes, pieces, sum)?;
                    }
                    let attributes = self.attributes(directory, data, at, &record);
                    (record.clone(), attributes, Vec::new(), 0)
                }
            };
            children += 1;
            if attributes.relocated {
                moved += 1;
                let path = directory.path.join(&self.name(&record, &attributes));
                let (at, bytes) = (record.begin(self.volume.block), record.bytes.into());
                let (depth, entry) = (directory.depth + 1, directory.entry);
                self.relocated.push(Directory { at, bytes, path, depth, entry });
                continue;
            }
            let is_dir = record.is_dir() && attributes.kind != Some(EntryKind::Symlink);
            if is_dir || attributes.child.is_some() {
                self.directory(directory, &record, &attributes, waiting)?;
                continue;
            }
            let sum = sum.saturating_add(u64::from(record.bytes));
            record.pieces(self.volume.block, &mut pieces, self.limits)?;
            if goes_on {
                chain = Some((head, attributes, pieces, sum));
            } else {
                self.file(directory, &head, &attributes, pieces, sum)?;
            }
        }
        if let Some((head, attributes, pieces, sum)) = chain {
            let path = directory.path.join(&self.name(&head, &attributes));
            let what = "its last extent has no record: the file is shorter than it was";
            self.findings.push(Finding::about(Severity::Damaged, path.text(), what));
            self.file(directory, &head, &attributes, pieces, sum)?;
        }
        if moved > 0 && moved == children {
            self.emptied.extend(directory.entry);
        }
        self.older_versions();
        Ok(())
    }

    /// A directory, in its place or relocated (`CL`).
    fn directory(
        &mut self,
        parent: &Directory,
        record: &Record,
        attributes: &Attributes,
        waiting: &mut Vec<Directory>,
    ) -> Result<()> {
        let mut entry = self.entry(parent, record, attributes, EntryKind::Dir)?;
        entry.bytes = 0;
        let path = entry.path.clone();
        let (at, bytes) = match attributes.child {
            None => (record.begin(self.volume.block), u64::from(record.bytes)),
            // A child link gives the place only; the size is in the directory's own record.
            Some(block) => match self.own_record(u64::from(block) * self.volume.block) {
                Ok(found) => found,
                Err(error) => {
                    let what = format!("its child link (CL) leads to no directory: {error}");
                    self.findings.push(Finding::about(Severity::Damaged, path.text(), what));
                    self.push(entry)?;
                    return Ok(());
                }
            },
        };
        self.push(entry)?;
        if bytes == 0 {
            return Ok(());
        }
        let depth = parent.depth + 1;
        if depth > self.limits.directory_depth {
            let what = format!("more than {} directories deep: not entered", self.limits.directory_depth);
            self.findings.push(Finding::about(Severity::Damaged, path.text(), what));
            return Ok(());
        }
        let entry = self.entries.len().checked_sub(1);
        waiting.push(Directory { at, bytes, path, depth, entry });
        Ok(())
    }

    fn file(
        &mut self,
        directory: &Directory,
        record: &Record,
        attributes: &Attributes,
        pieces: Vec<Piece>,
        bytes: u64,
    ) -> Result<()> {
        let kind = attributes.kind.filter(|kind| *kind != EntryKind::Dir).unwrap_or(EntryKind::File);
        let mut entry = self.entry(directory, record, attributes, kind)?;
        if kind == EntryKind::File {
            entry.bytes = bytes;
            if bytes > 0 {
                entry.location = Location::Stored(Extents::from(pieces));
            }
            if let (Some(zisofs), Location::Stored(extents)) = (attributes.zisofs, &entry.location) {
                entry.bytes = zisofs.bytes;
                entry.location = Location::Packed(extents.clone());
            }
            // The same place does not make a hard link; the serial number and a count over one do.
            entry.link = attributes.serial.filter(|_| attributes.links > 1).map(u64::from);
        }
        self.check_reach(&entry);
        if attributes.name.is_none() && self.tree != Tree::Enhanced && entry.role != Role::Associated {
            self.versioned.push(self.entries.len());
        }
        self.push(entry)
    }

    fn entry(
        &self,
        directory: &Directory,
        record: &Record,
        attributes: &Attributes,
        kind: EntryKind,
    ) -> Result<Entry> {
        let path = directory.path.join(&self.name(record, attributes));
        if path.bytes().len() > self.limits.path_bytes {
            return Err(Error::limit("bytes in a path", self.limits.path_bytes as u64));
        }
        let mut entry = Entry::new(path, kind);
        entry.modified = attributes.modified.or(record.modified);
        entry.mode = attributes.mode;
        if let Some(target) = &attributes.target {
            entry.target = Some(utf8_or_latin1(target).into());
        }
        if record.flags & flag::ASSOCIATED != 0 {
            entry.role = Role::Associated;
            // Its version is that of the file it goes with.
            let name = self.name(record, attributes);
            let (name, _) = split_version_bytes(name.bytes());
            entry.path = directory.path.join(&Name::from_utf8(&[name, b" [associated]"].concat()));
        } else if record.flags & flag::HIDDEN != 0 {
            entry.role = Role::Hidden;
        }
        Ok(entry)
    }

    fn push(&mut self, entry: Entry) -> Result<()> {
        if self.entries.len() as u64 >= self.limits.entries {
            return Err(Error::limit("entries", self.limits.entries));
        }
        self.path_bytes = self.path_bytes.saturating_add(entry.path.bytes().len() as u64);
        if self.path_bytes > self.limits.all_path_bytes {
            return Err(Error::limit("bytes in all paths", self.limits.all_path_bytes));
        }
        if let Location::Stored(extents) | Location::Packed(extents) = &entry.location {
            self.extents = self.extents.saturating_add(extents.pieces().len() as u64);
        }
        if self.extents > self.limits.all_extents {
            return Err(Error::limit("extents of all files", self.limits.all_extents));
        }
        self.entries.push(entry);
        Ok(())
    }

    fn check_reach(&mut self, entry: &Entry) {
        let (Location::Stored(extents) | Location::Packed(extents)) = &entry.location else { return };
        let (end, have) = (extents.end(), self.source.len());
        if end > have {
            let what = format!("ends {} behind the image", count(end - have, "byte"));
            self.findings.push(Finding::about(Severity::Damaged, entry.path.text(), what));
        }
    }

    fn attributes(&mut self, directory: &Directory, data: &[u8], at: usize, record: &Record) -> Attributes {
        if self.tree != Tree::RockRidge {
            return Attributes::default();
        }
        let len = data.get(at).copied().map_or(0, usize::from);
        let begin = record.system_use.saturating_add(self.skip.unwrap_or(0));
        let area = data.get(at + begin.min(len)..at + len).unwrap_or_default();
        let area_at = directory.at.saturating_add((at + begin) as u64);
        let path = || directory.path.join(&Name::new(utf8_or_latin1(&record.name))).text().to_owned();
        let attributes =
            rockridge::read(&**self.source, self.volume.block, area, area_at, &path, self.findings);
        self.rock_ridge |= attributes.any;
        attributes
    }

    fn name(&self, record: &Record, attributes: &Attributes) -> Name {
        if let Some(name) = attributes.name.as_ref().filter(|name| !name.is_empty()) {
            return Name::from_utf8(name);
        }
        match (self.tree, self.volume.kind) {
            (Tree::Joliet, _) | (_, Kind::Joliet(_)) => joliet_name(&record.name),
            (Tree::Enhanced, _) => Name::from_utf8(&record.name),
            _ if record.is_dir() => Name::from_utf8(&record.name),
            _ => plain_name(&record.name),
        }
    }

    /// Of files that differ in their version only, the highest keeps the name; the others show theirs.
    fn older_versions(&mut self) {
        let mut highest: HashMap<EntryPath, (u32, usize)> = HashMap::new();
        for i in std::mem::take(&mut self.versioned) {
            let Some(entry) = self.entries.get_mut(i) else { continue };
            let Some((name, version)) = split_version(&entry.path) else { continue };
            let known = highest.get(&name).copied();
            if known.is_some_and(|(best, _)| best >= version) {
                entry.role = Role::OldVersion;
                continue;
            }
            highest.insert(name, (version, i));
            if let Some(older) = known.and_then(|(_, older)| self.entries.get_mut(older)) {
                older.role = Role::OldVersion;
            }
        }
        for (name, (_, i)) in highest {
            if let Some(entry) = self.entries.get_mut(i) {
                entry.path = name;
            }
        }
    }

    /// The path table (ECMA-119 §9.4) knows every directory; where the root cannot be read, it is the
    /// way to the others.
    fn walk_path_table(&mut self, why: Error) -> Result<()> {
        let (at, bytes) = self.volume.path_table;
        let Ok(table) = read_vec(&**self.source, at, bytes.min(self.limits.directory_bytes)) else {
            return Err(why);
        };
        let fields = Fields::new("path table", &table, at);
        let mut paths: Vec<(EntryPath, u32)> = Vec::new();
        let mut at = 0usize;
        let mut found = false;
        while let Ok(len @ 1..) = fields.u8(at, "length of directory identifier") {
            let len = usize::from(len);
            let (Ok(block), Ok(parent), Ok(name)) = (
                fields.u32_le(at + 2, "location of extent"),
                fields.u16_le(at + 6, "parent directory number"),
                fields.bytes(at + 8, len, "directory identifier"),
            ) else {
                break;
            };
            let above = paths.get(usize::from(parent).saturating_sub(1)).cloned();
            let (path, depth) = match above {
                Some((above, depth)) => (above.join(&self.directory_name(name)), depth + 1),
                None => (EntryPath::default(), 0),
            };
            paths.push((path.clone(), depth));
            at += 8 + len + len % 2;
            if paths.len() as u64 > self.limits.entries || depth > self.limits.directory_depth {
                break;
            }
            let start = u64::from(block) * self.volume.block;
            if self.entered.contains(&start) {
                continue;
            }
            let Ok((at, bytes)) = self.own_record(start) else { continue };
            let listed = self.entries.len();
            if depth > 0 {
                self.push(Entry::new(path.clone(), EntryKind::Dir))?;
            }
            let entry = self.entries.len().checked_sub(1).filter(|_| depth > 0);
            match self.walk_below(Directory { at, bytes, path, depth, entry }) {
                Ok(()) => found = true,
                Err(error) if matches!(error.kind(), crate::error::Kind::Limit { .. }) => return Err(error),
                Err(_) => self.entries.truncate(listed),
            }
        }
        if !found {
            return Err(why);
        }
        let what = format!("the root directory cannot be read ({why}); the path table is used instead");
        self.findings.push(Finding::new(Severity::Damaged, what));
        Ok(())
    }

    fn directory_name(&self, name: &[u8]) -> Name {
        match self.volume.kind {
            Kind::Joliet(_) => joliet_name(name),
            _ => Name::from_utf8(name),
        }
    }
}
