//! Where each member of a package is: its files in cabinets and beside it, its streams.

use super::cabinets::Cabinets;
use super::compound::{Compound, Kind};
use super::files::{self, Medium, Planned};
use super::names;
use super::summary::{self, MsiKind, MsiSummary};
use super::tables::Database;
use crate::container::{
    Entry, EntryId, EntryKind, EntryPath, Extents, Finding, Findings, Location, Severity,
};
use crate::error::{Error, Result};
use crate::formats::Options;
use std::collections::{HashMap, HashSet};

/// Loose files that are looked for before any is read.
const LOOKED_FOR: usize = 64;
/// The stream of a merge module's cabinet.
const MODULE_CABINET: &str = "#MergeModule.CABinet";

/// Where a member's bytes are.
pub(super) enum Place {
    /// A stream of the package.
    Stream,
    /// A member of a cabinet.
    Member { cabinet: usize, id: EntryId },
    /// A file beside the package, by its long or its short name.
    Loose([String; 2]),
    /// Nowhere that can be found.
    Missing(Error),
}

/// The members while they are gathered.
pub(super) struct Listing<'a> {
    file: &'a Compound,
    options: &'a Options,
    pub(super) cabinets: Cabinets,
    pub(super) entries: Vec<Entry>,
    pub(super) places: Vec<Place>,
    pub(super) md5: HashMap<EntryId, [u8; 16]>,
    /// Folders that were listed.
    folders: HashSet<String>,
    /// Entries that may still come.
    left: u64,
    /// Bytes of paths that may still come.
    path_bytes: u64,
    /// The number of the first run of each cabinet.
    runs: Vec<u32>,
}

impl<'a> Listing<'a> {
    pub(super) fn new(file: &'a Compound, options: &'a Options, cabinets: Cabinets) -> Self {
        Self {
            file,
            options,
            cabinets,
            entries: Vec::new(),
            places: Vec::new(),
            md5: HashMap::new(),
            folders: HashSet::new(),
            left: options.limits.entries,
            path_bytes: options.limits.all_path_bytes,
            runs: Vec::new(),
        }
    }

    /// Adds a member, behind the folders it lies in.
    fn push(&mut self, path: String, bytes: u64, location: Location, place: Place) -> Result<EntryId> {
        let limits = &self.options.limits;
        if path.matches('/').count() as u64 > u64::from(limits.directory_depth) {
            return Err(Error::limit("directories within directories", limits.directory_depth.into()));
        }
        let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        for end in ends {
            let folder = path.get(..end).unwrap_or_default();
            if !folder.is_empty() && !self.folders.contains(folder) {
                self.folders.insert(folder.to_owned());
                self.add(Entry::new(EntryPath::new(folder), EntryKind::Dir), Place::Stream)?;
            }
        }
        self.add(Entry { bytes, location, ..Entry::new(EntryPath::new(path), EntryKind::File) }, place)
    }

    fn add(&mut self, entry: Entry, place: Place) -> Result<EntryId> {
        let limits = &self.options.limits;
        self.left = self.left.checked_sub(1).ok_or_else(|| Error::limit("entries", limits.entries))?;
        let bytes = entry.path.text().len() as u64;
        let left = self.path_bytes.checked_sub(bytes);
        self.path_bytes = left.ok_or_else(|| Error::limit("bytes of paths", limits.all_path_bytes))?;
        self.entries.push(entry);
        self.places.push(place);
        Ok(EntryId(self.entries.len() - 1))
    }

    /// What the File table lists.
    pub(super) fn add_files(
        &mut self,
        database: &Database<'_>,
        summary: &MsiSummary,
        findings: &mut Findings,
    ) -> Result<()> {
        let files = files::files(database, &self.options.limits, findings)?;
        let mut media = files::media(database, findings)?;
        if media.is_empty() && !files.is_empty() {
            let cabinet = Some(MODULE_CABINET.to_owned());
            media.push(Medium { number: 1, last: i32::MAX, cabinet });
        }
        // Every cabinet is opened before one is searched: a file may lie in another than its place says.
        let packed = summary.word_count.unwrap_or_default() & 2 != 0;
        let mut wanted = Vec::with_capacity(files.len());
        for file in files {
            let medium = media.get(media.partition_point(|medium| medium.last < file.sequence));
            if medium.is_none() {
                let what = format!("file {} is behind the last medium", file.sequence);
                findings.push(Finding::about(Severity::Weak, &file.path, what));
            }
            let medium = medium.or(media.last());
            let cabinet = medium.and_then(|medium| Some((medium.cabinet.clone()?, medium.number)));
            let loose = file.loose.unwrap_or(!packed && cabinet.is_none());
            let cabinet = match cabinet {
                Some((name, number)) if !loose => Some(self.cabinets.get(&name, number, findings)),
                _ => None,
            };
            wanted.push((file, cabinet));
        }
        let mut loose = Vec::new();
        for (file, cabinet) in wanted {
            let id = match cabinet {
                None => {
                    let location = Location::Packed(Extents::Many(Box::default()));
                    let id = self.push(file.path, file.bytes, location, Place::Loose(file.source))?;
                    loose.push(id);
                    id
                }
                Some(cabinet) => self.add_packed(&file, cabinet, findings)?,
            };
            if let Some(md5) = file.md5 {
                self.md5.insert(id, md5);
            }
        }
        self.look_for(&loose, findings);
        Ok(())
    }

    /// One file that is in a cabinet, or ought to be.
    fn add_packed(
        &mut self,
        file: &Planned,
        cabinet: Result<usize>,
        findings: &mut Findings,
    ) -> Result<EntryId> {
        let own = cabinet
            .as_ref()
            .ok()
            .and_then(|&number| Some((number, self.cabinets.opened.get(number)?.member(&file.key)?)));
        let Some((number, member)) = own.or_else(|| self.cabinets.anywhere(&file.key)) else {
            let error = match cabinet {
                Err(error) => error,
                Ok(_) => {
                    let what = format!("no cabinet has a member {}", file.key);
                    findings.push(Finding::about(Severity::Damaged, &file.path, what));
                    Error::not_found(format!("member {} of a cabinet", file.key), None)
                }
            };
            let location = Location::Packed(Extents::Many(Box::default()));
            return self.push(file.path.clone(), file.bytes, location, Place::Missing(error));
        };
        let id = self.push_member(file.path.clone(), number, member)?;
        let bytes = self.entries.get(id.0).map_or(0, |entry| entry.bytes);
        if bytes != file.bytes {
            let what = format!("table File says {} bytes, the cabinet has {bytes}", file.bytes);
            findings.push(Finding::about(Severity::Weak, &file.path, what));
        }
        Ok(id)
    }

    /// A member of a cabinet under a name of the package's.
    fn push_member(&mut self, path: String, cabinet: usize, member: EntryId) -> Result<EntryId> {
        let first = self.first_run(cabinet);
        let Some(opened) = self.cabinets.opened.get(cabinet) else {
            return Err(Error::not_found("cabinet", None));
        };
        let inner = opened.container.entry(member)?;
        let (bytes, modified) = (inner.bytes, inner.modified);
        let location = match inner.location {
            Location::Solid { run, offset } => Location::Solid { run: first.saturating_add(run), offset },
            Location::Nowhere => Location::Nowhere,
            _ => Location::Solid { run: first, offset: 0 },
        };
        let id = self.push(path, bytes, location, Place::Member { cabinet, id: member })?;
        if let Some(entry) = self.entries.get_mut(id.0) {
            entry.modified = modified;
        }
        Ok(id)
    }

    /// Runs are numbered through all cabinets.
    fn first_run(&mut self, cabinet: usize) -> u32 {
        while self.runs.len() <= cabinet {
            let number = self.runs.len();
            let before = number.checked_sub(1).and_then(|before| {
                let entries = self.cabinets.opened.get(before)?.container.entries();
                let runs = entries.iter().filter_map(|entry| match entry.location {
                    Location::Solid { run, .. } => Some(run),
                    _ => None,
                });
                Some(self.runs.get(before)?.saturating_add(runs.max().unwrap_or(0)).saturating_add(1))
            });
            self.runs.push(before.unwrap_or(0));
        }
        self.runs.get(cabinet).copied().unwrap_or(0)
    }

    /// Says which loose files are not there. Only the first are looked for: there may be thousands, each in a folder of
    /// thousands.
    fn look_for(&mut self, loose: &[EntryId], findings: &mut Findings) {
        let mut missing = Vec::new();
        for id in loose.iter().take(LOOKED_FOR) {
            let Some(Place::Loose(names)) = self.places.get(id.0) else { continue };
            let found = names
                .iter()
                .any(|name| self.options.surroundings.find(name).is_ok_and(|source| source.is_some()));
            if !found {
                let error = Error::not_found(format!("{} beside the package", names[0]), None);
                missing.push((names[0].clone(), error, *id));
            }
        }
        if let Some((first, ..)) = missing.first() {
            let what = format!(
                "{} of the {} files that lie beside the package are not there, {first} first",
                missing.len(),
                loose.len().min(LOOKED_FOR)
            );
            findings.push(Finding::new(Severity::Damaged, what));
        }
        for (_, error, id) in missing {
            if let Some(place) = self.places.get_mut(id.0) {
                *place = Place::Missing(error);
            }
        }
    }

    /// The files of a patch are in cabinets that its transforms name: they come by their keys.
    pub(super) fn add_patch_cabinets(&mut self, findings: &mut Findings) -> Result<()> {
        let nodes = self.file.nodes().iter().enumerate();
        let streams: Vec<usize> = nodes
            .filter(|(_, node)| node.parent.is_none() && node.kind == Kind::Stream && node.bytes > 36)
            .filter(|(_, node)| !names::unpacked(&node.name).1)
            .map(|(number, _)| number)
            .collect();
        let opened: Vec<usize> =
            streams.iter().filter_map(|number| self.cabinets.open_stream(*number, findings)).collect();
        for &cabinet in &opened {
            let Some(open) = self.cabinets.opened.get(cabinet) else { continue };
            let prefix = if opened.len() > 1 { format!("{}/", open.name) } else { String::new() };
            let members: Vec<(String, EntryId)> = open
                .container
                .entries()
                .iter()
                .enumerate()
                .filter(|(_, entry)| entry.kind == EntryKind::File)
                .map(|(number, entry)| (format!("{prefix}{}", entry.path.text()), EntryId(number)))
                .collect();
            for (path, id) in members {
                self.push_member(path, cabinet, id)?;
            }
        }
        Ok(())
    }

    /// The streams of the package. Where files come out, these are the ones that tables refer to: `[Binary]/NAME`. Where
    /// none does, they are all there is, tables too.
    pub(super) fn add_streams(
        &mut self,
        database: Option<&Database<'_>>,
        findings: &mut Findings,
    ) -> Result<()> {
        let package = matches!(summary::kind(self.file), Some(MsiKind::Package | MsiKind::Module));
        let files = package
            && self.places.iter().any(|place| matches!(place, Place::Member { .. } | Place::Loose(_)));
        for (number, node) in self.file.nodes().iter().enumerate() {
            if node.kind != Kind::Stream {
                continue;
            }
            let path = if files {
                let (name, table) = names::unpacked(&node.name);
                let own = node.parent.is_none() && !table && !name.starts_with('\u{5}');
                if !own || self.cabinets.used.contains(&number) {
                    continue;
                }
                match name.split_once('.') {
                    Some((table, row)) if database.is_some_and(|database| database.has(table)) => {
                        format!("[{table}]/{row}")
                    }
                    _ => format!("[Streams]/{name}"),
                }
            } else {
                self.file.path(number)
            };
            match self.file.pieces(number) {
                Ok(pieces) => {
                    let location = match node.bytes {
                        0 => Location::Nowhere,
                        _ => Location::Stored(Extents::from(pieces)),
                    };
                    self.push(path, node.bytes, location, Place::Stream)?;
                }
                Err(error) => {
                    findings.push(Finding::about(Severity::Damaged, &path, error.to_string()));
                    let location = Location::Packed(Extents::Many(Box::default()));
                    self.push(path, node.bytes, location, Place::Missing(error))?;
                }
            }
        }
        Ok(())
    }
}
