//! Windows Installer: packages, merge modules, patches and transforms. A compound file holds tables, and cabinets with
//! the files under their keys; names and folders come from the tables.
//!
//! | structure | where | read by |
//! |---|---|---|
//! | compound file | the whole source | `compound` |
//! | tables | streams | `tables`, `files` |
//! | summary information | a stream | `summary` |
//! | cabinets | streams, or files beside the package | `cabinets` |
//! | loose files | beside the package, by their source folders | here |

mod cabinets;
mod codepage;
mod compound;
mod facts;
mod files;
mod names;
mod read;
mod summary;
mod tables;

pub use summary::{MsiKind, MsiSummary, summary};

use crate::container::stored;
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Extents, Finding, Findings, Layer, Location,
    Severity,
};
use crate::error::{Error, Result};
use crate::formats::{Certainty, Evidence, Format, Options, Probe};
use crate::limits::Limits;
use crate::sink::{Sink, deliver};
use crate::source::{SharedSource, SourceReader};
use crate::surroundings::Surroundings;
use cabinets::{Cabinet, Cabinets, Streams};
use compound::{Compound, Kind};
use files::{Medium, Planned};
use read::{Checked, Renamed};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;
use tables::Database;

/// Windows Installer files.
pub static FORMAT: Format = Format {
    name: "msi",
    title: "Windows Installer",
    spec: &["Windows Installer (Microsoft)", "[MS-CFB]", "[MS-OLEPS]"],
    limits: &[
        "patches and transforms are listed, not applied",
        "conditions and features are not weighed: every file of the File table is listed",
        "signatures are noticed, not checked",
    ],
    probe,
    open,
};

/// Loose files that are looked for before any is read.
const LOOKED_FOR: usize = 64;
/// The stream of a merge module's cabinet.
const MODULE_CABINET: &str = "#MergeModule.CABinet";

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let evidence =
        |certainty, why: &str| Ok(Some(Evidence { certainty, why: format!("a compound file, {why}") }));
    if !probe.has(0, &compound::MAGIC) {
        return Ok(None);
    }
    match compound::class(probe.source, &probe.head) {
        Some(class) if summary::is_installer(class) => {
            evidence(Certainty::Sure, "its root has the class of an installer file")
        }
        // Some writers leave the class out. The first string that a directory of theirs holds is this table's.
        Some(_) if compound::names_table(probe.source, &probe.head, "_StringPool") => {
            evidence(Certainty::Likely, "with the tables of an installer file")
        }
        Some(_) => Ok(None),
        None => evidence(Certainty::Likely, "its directory cannot be read"),
    }
}

/// Where a member's bytes are.
enum Place {
    /// A stream of the package.
    Stream,
    /// A member of a cabinet.
    Member { cabinet: usize, id: EntryId },
    /// A file beside the package, by its long or its short name.
    Loose([String; 2]),
    /// Nowhere that can be found.
    Missing(Error),
}

/// An opened package.
struct Msi {
    catalogue: Catalogue,
    places: Vec<Place>,
    cabinets: Vec<Cabinet>,
    md5: HashMap<EntryId, [u8; 16]>,
    surroundings: Surroundings,
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let Some(file) = Compound::open(source.clone(), &options.limits)? else {
        return Err(Error::invalid("a compound file").at("header", 0));
    };
    let Some(kind) = summary::kind(&file) else {
        return Err(Error::unsupported("a compound file that is no installer file"));
    };
    let file = Arc::new(file);
    let mut findings = Findings::default();
    if file.tangled {
        findings.push(Finding::new(Severity::Damaged, "the directory of the compound file is tangled"));
    }
    let database = Database::open(&file, &mut findings).unwrap_or_else(|error| {
        findings.push(Finding::new(Severity::Damaged, format!("the tables cannot be read: {error}")));
        None
    });
    let code_page = database.as_ref().map_or(0, |database| database.strings.code_page);
    let summary = MsiSummary::of(&file, kind, code_page).unwrap_or_else(|error| {
        let what = format!("the summary information cannot be read: {error}");
        findings.push(Finding::new(Severity::Damaged, what));
        MsiSummary::new(kind)
    });
    let streams = Streams::new(file.clone(), options.surroundings.clone());
    let mut listing = Listing {
        file: &file,
        options,
        cabinets: Cabinets::new(streams, options),
        entries: Vec::new(),
        places: Vec::new(),
        md5: HashMap::new(),
        folders: HashSet::new(),
        left: options.limits.entries,
        path_bytes: options.limits.all_path_bytes,
        runs: Vec::new(),
    };
    if let Some(database) = &database {
        listing.add_files(database, &summary, &mut findings)?;
    }
    if !matches!(kind, MsiKind::Package | MsiKind::Module) {
        listing.add_patch_cabinets(&mut findings)?;
    }
    listing.add_streams(database.as_ref(), &mut findings)?;
    let facts = facts::facts(&file, &summary, database.as_ref(), &mut findings)?;
    if let Some(database) = &database
        && database.dangling() > 0
    {
        let what = format!("{} values of the tables refer to no string", database.dangling());
        findings.push(Finding::new(Severity::Damaged, what));
    }
    let (end, free) = file.end();
    let Listing { cabinets, entries, places, md5, .. } = listing;
    let cabinets = cabinets.opened;
    let mut layers = vec![Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: facts::detail(&summary, database.as_ref(), cabinets.len()),
        label: facts.label.clone(),
        entries: Some(entries.len() as u64),
        used: true,
    }];
    for cabinet in &cabinets {
        let inner = cabinet.container.layers().iter().cloned();
        layers.extend(inner.map(|layer| Layer { path: cabinet.name.clone(), ..layer }));
    }
    let catalogue = Catalogue {
        end,
        facts,
        entries,
        findings: findings.finish(),
        layers,
        regions: free.into_iter().collect(),
        ..Catalogue::new(source)
    };
    let surroundings = options.surroundings.clone();
    Ok(Box::new(Msi { catalogue, places, cabinets, md5, surroundings }))
}

/// The members while they are gathered.
struct Listing<'a> {
    file: &'a Compound,
    options: &'a Options,
    cabinets: Cabinets,
    entries: Vec<Entry>,
    places: Vec<Place>,
    md5: HashMap<EntryId, [u8; 16]>,
    /// Folders that were listed.
    folders: HashSet<String>,
    /// Entries that may still come.
    left: u64,
    /// Bytes of paths that may still come.
    path_bytes: u64,
    /// The number of the first run of each cabinet.
    runs: Vec<u32>,
}

impl Listing<'_> {
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
    fn add_files(
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
    fn add_patch_cabinets(&mut self, findings: &mut Findings) -> Result<()> {
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
    fn add_streams(&mut self, database: Option<&Database<'_>>, findings: &mut Findings) -> Result<()> {
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

impl Msi {
    fn place(&self, id: EntryId) -> Result<&Place> {
        self.places.get(id.0).ok_or_else(|| Error::not_found(format!("entry {}", id.0), None))
    }

    /// The content of an entry before its checksum.
    fn content(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        match self.place(id)? {
            Place::Stream => {
                let source = stored(self.source(), self.entry(id)?)?;
                Ok(Box::new(SourceReader::new(source)))
            }
            Place::Member { cabinet, id } => {
                let cabinet = self.cabinets.get(*cabinet).ok_or_else(|| Error::not_found("cabinet", None))?;
                cabinet.container.open(*id)
            }
            Place::Loose(_) => Ok(Box::new(SourceReader::new(self.loose(id)?))),
            Place::Missing(error) => Err(error.again()),
        }
    }

    /// A file beside the package.
    fn loose(&self, id: EntryId) -> Result<SharedSource> {
        if let Place::Loose(names) = self.place(id)? {
            for name in names {
                if let Some(source) = self.surroundings.find(name)? {
                    return Ok(source);
                }
            }
        }
        let path = self.entry(id)?.path.text().to_owned();
        Err(Error::not_found(format!("{path} beside the package"), None))
    }

    /// Gives members of one cabinet to `sink`, decoding it once.
    fn read_cabinet(
        &self,
        cabinet: &Cabinet,
        wanted: &[(EntryId, EntryId)],
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut left = wanted.to_vec();
        while !left.is_empty() {
            let mut ours = HashMap::new();
            let mut ids = Vec::with_capacity(left.len());
            // Two rows may mean one member: the second reads it again.
            left.retain(|(inner, outer)| {
                let known = ours.contains_key(inner);
                if !known {
                    ours.insert(*inner, *outer);
                    ids.push(*inner);
                }
                known
            });
            let mut renamed =
                Renamed { sink, entries: &self.catalogue.entries, ours, md5: &self.md5, now: None };
            cabinet.container.read_in_order(&ids, &mut renamed)?;
        }
        Ok(())
    }
}

impl Container for Msi {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn member_checksum(&self) -> Option<&'static str> {
        // Versioned files have none: it says something only where all the others were hashed.
        (!self.md5.is_empty()).then_some("md5")
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        let content = self.content(id)?;
        Ok(match self.md5.get(&id) {
            Some(md5) => Box::new(Checked::new(content, *md5)),
            None => content,
        })
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        let mut cabinets: BTreeMap<usize, Vec<(EntryId, EntryId)>> = BTreeMap::new();
        let mut others = Vec::new();
        for &id in wanted {
            match self.place(id)? {
                Place::Member { cabinet, id: inner } => {
                    cabinets.entry(*cabinet).or_default().push((*inner, id));
                }
                _ => others.push(id),
            }
        }
        others.sort_by_key(|id| (self.catalogue.entries.get(id.0).map(|entry| entry.location.order()), *id));
        for (number, members) in cabinets {
            if let Some(cabinet) = self.cabinets.get(number) {
                self.read_cabinet(cabinet, &members, sink)?;
            }
        }
        for id in others {
            deliver(self.source(), (id, self.entry(id)?), || self.open(id), sink)?;
        }
        Ok(())
    }

    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        match self.place(id)? {
            Place::Stream => stored(self.source(), self.entry(id)?),
            Place::Loose(_) => self.loose(id),
            _ => crate::source::spool(&mut *self.open(id)?, limits),
        }
    }
}
