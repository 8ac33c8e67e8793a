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
pub(crate) mod compound;
mod facts;
mod files;
mod listing;
mod names;
mod read;
mod summary;
mod tables;

pub use summary::{MsiKind, MsiSummary, summary};

use crate::container::{Catalogue, Container, EntryId, Finding, Findings, Layer, Severity, stored};
use crate::error::{Error, Result};
use crate::formats::{Certainty, Evidence, Format, Options, Probe};
use crate::limits::Limits;
use crate::sink::{Sink, deliver};
use crate::source::{SharedSource, SourceReader};
use crate::surroundings::Surroundings;
use cabinets::{Cabinet, Cabinets, Streams};
use compound::Compound;
use listing::{Listing, Place};
use read::{Checked, Renamed};
use std::collections::{BTreeMap, HashMap};
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
    ],
    probe,
    open,
};

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

/// What a package says of itself, as [`crate::container::Facts::named`] has it, without its list of files;
/// `None` where the source is no installer file.
///
/// # Errors
/// As [`summary`].
pub fn named(source: &SharedSource, limits: &Limits) -> Result<Option<Vec<(&'static str, String)>>> {
    let Some(file) = Compound::open(source.clone(), limits)? else { return Ok(None) };
    let Some(kind) = summary::kind(&file) else { return Ok(None) };
    let file = Arc::new(file);
    // What is wrong with the tables is said where the package itself is opened.
    let mut unheard = Findings::default();
    let database = Database::open(&file, &mut unheard).unwrap_or_default();
    let code_page = database.as_ref().map_or(0, |database| database.strings.code_page);
    let summary = MsiSummary::of(&file, kind, code_page).unwrap_or_else(|_| MsiSummary::new(kind));
    facts::facts(&file, &summary, database.as_ref(), &mut unheard).map(|facts| Some(facts.named))
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
    let mut listing = Listing::new(&file, options, Cabinets::new(streams, options));
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
