//! ISO 9660 (ECMA-119) with Joliet, Rock Ridge, ISO 9660:1999, zisofs and El Torito.
//!
//! An image may hold several trees over the same files. The best one is shown: Rock Ridge where it is
//! in use, unless Joliet has files that it lacks; then Joliet, then the enhanced tree, then the plain
//! one. [`Options::tree`] forces another.

mod descriptor;
mod directory;
mod eltorito;
mod record;
mod rockridge;
mod system_area;
mod zisofs;

use super::{Certainty, Evidence, Format, Options, Probe, Tree};
use crate::container::{
    Boot, Catalogue, Container, Entry, EntryId, EntryKind, Extents, Facts, Finding, Findings, Layer,
    Location, Region, Severity, stored,
};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::source::{Pieces, SharedSource, SourceReader};
use descriptor::{Kind, Session, Volume};
use directory::{Walk, Walked};
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "iso9660",
    title: "ISO 9660 disc image",
    spec: &[
        "ECMA-119 (ISO 9660:1988), levels 1 to 3, and ISO 9660:1999",
        "Joliet Specification, 1995",
        "SUSP 1.12 and RRIP 1.12 (IEEE P1281, P1282)",
        "El Torito 1.0",
        "zisofs and zisofs2",
    ],
    limits: &[
        "HFS and HFS+ volumes that share the image are noticed, not read",
        "multi-volume sets: each image is read alone",
        "the last session is shown; earlier ones are noticed",
    ],
    probe,
    open,
};

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    if !descriptor::is_here(probe.source)? {
        return Ok(None);
    }
    let primary = probe.has(0x8000, b"\x01CD001");
    let certainty = if primary { Certainty::Sure } else { Certainty::Likely };
    Ok(Some(Evidence { certainty, why: "CD001 in sector 16 (0x8001)".to_owned() }))
}

/// Joliet's tree is read beside Rock Ridge's where directories are no larger, to see whether it has more.
const COMPARE_BELOW: u64 = 1 << 20;

/// An opened image.
struct Iso {
    catalogue: Catalogue,
}

/// One tree that was read, and what was noticed in it.
struct View {
    tree: Tree,
    volume: usize,
    walked: Walked,
    findings: Findings,
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let mut findings = Findings::default();
    let sessions = descriptor::sessions(&*source, &mut findings)?;
    let Some(session) = sessions.last() else { return Err(Error::damaged("no session")) };
    let mut views = read_views(&source, session, options)?;
    let chosen = choose(&views);
    let counts: Vec<(Tree, usize, u64)> =
        views.iter().map(|view| (view.tree, view.volume, view.walked.files)).collect();
    let view = views.swap_remove(chosen);
    let mut entries = view.walked.entries;
    findings.append(view.findings);
    let used = session.volumes.get(view.volume);
    let mut layers = layers(session, &counts, view.tree, view.volume);
    let mut boot = Boot::default();
    if let Some(at) = session.boot_catalog {
        match eltorito::read(&*source, at, &starts(&entries), &mut findings) {
            Ok(catalog) => {
                boot = catalog.boot;
                layers.push(layer("el-torito", "boot catalog", Some(catalog.count)));
                entries.extend(catalog.images);
            }
            Err(error) => {
                let what = format!("the boot catalog cannot be read: {error}");
                findings.push(Finding::new(Severity::Weak, what));
            }
        }
    }
    let area = system_area::read(&*source);
    if !area.tables.is_empty() {
        layers.push(layer("partitions", &area.tables.join(" and "), None));
    }
    if area.hfs {
        layers.push(layer("hfs", "HFS or HFS+ volume, not read", None));
    }
    let primary = session.volumes.iter().find(|volume| volume.kind == Kind::Primary).or(used);
    let mut facts = Facts { boot, ..Facts::default() };
    if let Some(volume) = primary {
        facts.label = Some(volume.label.clone()).filter(|label| !label.is_empty());
        facts.named.clone_from(&volume.named);
    }
    if sessions.len() > 1 {
        facts.named.push(("sessions", sessions.len().to_string()));
    }
    let members = entries.iter().map(|entry| match &entry.location {
        Location::Stored(extents) | Location::Packed(extents) => extents.end(),
        _ => 0,
    });
    let end = members.max().unwrap_or(0).max(declared_end(session, source.len()));
    let regions = area.partitions.into_iter();
    let regions = regions.map(|part| Region { what: part.what, range: part.start..part.end }).collect();
    let findings = findings.finish();
    Ok(Box::new(Iso { catalogue: Catalogue { source, end, facts, entries, findings, layers, regions } }))
}

/// Where the volume ends by its descriptors. A later session counts from its own start in some writers
/// and from the disc's in others.
fn declared_end(session: &Session, have: u64) -> u64 {
    let start = session.start * descriptor::SECTOR;
    let space = session.volumes.iter().map(|volume| volume.space).max().unwrap_or(0);
    let from_session = start.saturating_add(space);
    if start > 0 && from_session > have { space.max(start) } else { from_session }
}

/// Where each file begins, and its size.
fn starts(entries: &[Entry]) -> HashMap<u64, u64> {
    let stored = entries.iter().filter_map(|entry| match &entry.location {
        Location::Stored(Extents::One(piece)) => Some((piece.at?, entry.bytes)),
        _ => None,
    });
    stored.collect()
}

/// Reads the trees that are worth comparing, or the one that was asked for.
fn read_views(source: &SharedSource, session: &Session, options: &Options) -> Result<Vec<View>> {
    let read = |tree: Tree, volume: usize, of: &Volume| -> Result<View> {
        let mut findings = Findings::default();
        let walked = Walk::new(source, of, tree, &options.limits, &mut findings).run()?;
        let tree = if tree == Tree::RockRidge && !walked.rock_ridge { Tree::Iso9660 } else { tree };
        Ok(View { tree, volume, walked, findings })
    };
    let volumes: Vec<(usize, &Volume)> = session.volumes.iter().enumerate().collect();
    let of = |wanted: fn(Kind) -> bool| volumes.iter().find(|(_, volume)| wanted(volume.kind)).copied();
    let primary = of(|kind| kind == Kind::Primary);
    let joliet = of(|kind| matches!(kind, Kind::Joliet(_)));
    let enhanced = of(|kind| kind == Kind::Enhanced);
    if let Some(tree) = options.tree {
        let found = match tree {
            Tree::RockRidge | Tree::Iso9660 => primary,
            Tree::Joliet => joliet,
            Tree::Enhanced => enhanced,
            Tree::Udf => None,
        };
        let none = || Error::not_found(format!("{} tree", tree.name()), None);
        let (volume, of) = found.ok_or_else(none)?;
        let view = read(tree, volume, of)?;
        return if view.tree == tree { Ok(vec![view]) } else { Err(none()) };
    }
    let other = primary.or(joliet).or(enhanced).is_none().then(|| volumes.first().copied()).flatten();
    let wanted = [
        primary.map(|volume| (Tree::RockRidge, volume)),
        joliet.map(|volume| (Tree::Joliet, volume)),
        enhanced.filter(|_| joliet.is_none()).map(|volume| (Tree::Enhanced, volume)),
        other.map(|volume| (Tree::Iso9660, volume)),
    ];
    let mut views: Vec<View> = Vec::new();
    let mut failed = None;
    for (tree, (volume, of)) in wanted.into_iter().flatten() {
        let good_and_large = |view: &View| view.walked.rock_ridge && view.walked.bytes_read > COMPARE_BELOW;
        if views.first().is_some_and(good_and_large) {
            break;
        }
        match read(tree, volume, of) {
            Ok(view) => views.push(view),
            Err(error) if matches!(error.kind(), ErrorKind::Limit { .. }) => return Err(error),
            Err(error) => failed = Some(failed.unwrap_or(error)),
        }
    }
    match (views.first_mut(), failed) {
        (None, failed) => Err(failed.unwrap_or_else(|| Error::damaged("no directory tree"))),
        (Some(view), Some(error)) => {
            view.findings.push(Finding::new(Severity::Damaged, format!("a tree cannot be read: {error}")));
            Ok(views)
        }
        (Some(_), None) => Ok(views),
    }
}

/// The better view: a name with all its letters beats capitals, and more files beat better names.
fn choose(views: &[View]) -> usize {
    let rank = |tree| match tree {
        Tree::RockRidge => 3,
        Tree::Joliet => 2,
        Tree::Enhanced => 1,
        Tree::Iso9660 | Tree::Udf => 0,
    };
    let best = views.iter().enumerate().max_by_key(|(_, view)| (view.walked.files, rank(view.tree)));
    best.map_or(0, |(i, _)| i)
}

fn layer(format: &'static str, detail: &str, entries: Option<u64>) -> Layer {
    let detail = detail.to_owned();
    Layer { path: String::new(), format, detail, label: None, entries, used: false }
}

/// A line for every tree, whether it was read or not.
fn layers(session: &Session, counts: &[(Tree, usize, u64)], tree: Tree, volume: usize) -> Vec<Layer> {
    let mut out = Vec::new();
    for (i, of) in session.volumes.iter().enumerate() {
        let read = counts.iter().find(|(_, volume, _)| *volume == i);
        let (format, detail) = match (of.kind, read) {
            (Kind::Primary, Some((Tree::RockRidge, ..))) => {
                ("rockridge", "ISO 9660 with Rock Ridge".to_owned())
            }
            (Kind::Primary, _) => ("iso9660", "ISO 9660".to_owned()),
            (Kind::Joliet(level), _) => ("joliet", format!("Joliet level {level}")),
            (Kind::Enhanced, _) => ("enhanced", "ISO 9660:1999".to_owned()),
            (Kind::Supplementary, _) => ("iso9660", "ISO 9660, supplementary".to_owned()),
        };
        out.push(Layer {
            path: String::new(),
            format,
            detail: if of.block == 2048 { detail } else { format!("{detail}, blocks of {}", of.block) },
            label: Some(of.label.clone()).filter(|label| !label.is_empty()),
            entries: read.map(|(.., files)| *files),
            used: i == volume && read.is_some_and(|(read, ..)| *read == tree),
        });
    }
    out
}

impl Container for Iso {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        let entry = self.entry(id)?;
        match &entry.location {
            Location::Packed(extents) if entry.kind == EntryKind::File => {
                let packed = Arc::new(Pieces::new(self.source().clone(), extents.pieces().to_vec()));
                Ok(Box::new(zisofs::Unpacked::open(packed, entry.bytes)?))
            }
            _ => Ok(Box::new(SourceReader::new(stored(self.source(), entry)?))),
        }
    }
}
