//! A medium as a whole: which formats it is at once, which of its trees is shown, whether it is all
//! there, and what lies behind its end.

use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, Finding, Layer, Location, Region, Resources, Role,
    Severity, stored,
};
use crate::error::{Error, Kind, Result};
use crate::formats::{self, Evidence, Format, Options, Tree, iso9660, not_medium, udf};
use crate::limits::Limits;
use crate::observe::Observer;
use crate::sink::{Sink, deliver};
use crate::source::{self, RawLayout, RawSectors, SharedSource, Source, SourceReader, read_up_to};
use crate::text::count;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::Arc;

/// Opens `source` by evidence. `name` is what people call it: it is used in words only.
///
/// # Errors
/// `NotMedium` with what the source is instead, or why the format that it is cannot be read.
pub fn open(source: &SharedSource, name: &str, options: &Options) -> Result<Box<dyn Container>> {
    source::blamed(&**source, read(source, name, options)).map_err(|error| match error.kind() {
        Kind::Io(_) if error.place().medium.is_empty() => error.of(name),
        _ => error,
    })
}

fn read(source: &SharedSource, name: &str, options: &Options) -> Result<Box<dyn Container>> {
    let raw = RawLayout::detect(&**source).map_err(|error| error.of(name))?;
    let inner: SharedSource = match raw {
        Some(layout) => Arc::new(RawSectors::new(source.clone(), layout)),
        None => source.clone(),
    };
    let mut disc = recognised(&inner, options).map_err(|error| match error.kind() {
        Kind::NotMedium(_) => not_medium::name_it(&**source, name)
            .map_or_else(|error| error, |what| Error::new(Kind::NotMedium(what)))
            .of(name),
        _ => error.of(name),
    })?;
    if let Some(layout) = raw {
        disc.joined.layers.insert(
            0,
            Layer {
                path: String::new(),
                format: "raw",
                detail: layout.title().to_owned(),
                label: None,
                entries: None,
                used: false,
            },
        );
    }
    disc.weigh_end()?;
    Ok(Box::new(disc))
}

/// Opens every format that recognises the source, and joins what belongs together.
fn recognised(source: &SharedSource, options: &Options) -> Result<Disc> {
    let found = formats::recognise(&**source)?;
    let is_disc = |name: &str| name == udf::FORMAT.name || name == iso9660::FORMAT.name;
    if options.tree.is_none() && !found.iter().any(|(format, _)| is_disc(format.name)) && !found.is_empty() {
        return package(source, &found, options);
    }
    let mut opened: Vec<Box<dyn Container>> = Vec::new();
    let mut failed: Vec<(&str, Error)> = Vec::new();
    for (format, _) in found.into_iter().filter(|(format, _)| is_disc(format.name)) {
        let is_udf = format.name == udf::FORMAT.name;
        match options.tree {
            Some(Tree::Udf) if !is_udf => continue,
            Some(Tree::RockRidge | Tree::Joliet | Tree::Enhanced | Tree::Iso9660) if is_udf => continue,
            _ => {}
        }
        match (format.open)(source.clone(), options) {
            Ok(container) => opened.push(container),
            Err(error) if matches!(error.kind(), Kind::Limit { .. }) => return Err(error),
            Err(error) => failed.push((format.title, error)),
        }
    }
    let position = |name: &str| opened.iter().position(|container| container.format() == name);
    let (udf_at, iso_at) = (position(udf::FORMAT.name), position(iso9660::FORMAT.name));
    let chosen = match (udf_at, iso_at) {
        (Some(udf), Some(iso)) if covers(&opened, iso, udf) => iso,
        (Some(udf), _) => udf,
        (None, Some(iso)) => iso,
        (None, None) => 0,
    };
    if opened.is_empty() {
        return Err(match (failed.into_iter().next(), options.tree) {
            (Some((_, error)), _) => error,
            (None, Some(tree)) => Error::not_found(format!("{} tree", tree.name()), None),
            (None, None) => Error::new(Kind::NotMedium(crate::error::NotMedium::Unknown)),
        });
    }
    let first = opened.swap_remove(chosen);
    let mut disc = Disc::new(first);
    for other in opened {
        disc.join(&*other);
    }
    for (title, error) in failed {
        let what = format!("the image is {title}, too, and that cannot be read: {error}");
        disc.joined.findings.push(Finding::new(Severity::Damaged, what));
    }
    Ok(disc)
}

/// Opens what is no optical disc. What a surer format than the one that opened said is kept.
fn package(source: &SharedSource, found: &[(&'static Format, Evidence)], options: &Options) -> Result<Disc> {
    let (container, failed) = formats::open_surest(source, found, options)?;
    let mut disc = Disc::new(container);
    for (format, error) in failed {
        let what = format!("it looks like {}, which cannot be read: {error}", format.title);
        disc.joined.findings.push(Finding::new(Severity::Damaged, what));
    }
    Ok(disc)
}

/// Files of a container by folded path, with size and first byte.
fn files(of: &dyn Container) -> HashMap<String, (u64, u64)> {
    let files =
        of.entries().iter().filter(|entry| entry.kind == EntryKind::File && entry.role == Role::Plain);
    files.map(|entry| (entry.path.text().to_lowercase(), (entry.bytes, entry.location.order().0))).collect()
}

/// True where ISO 9660's Rock Ridge tree has every file of the UDF tree, by where it lies and its size:
/// then it also has the links, attributes and long names that writers lose on the UDF side. Or where it
/// simply has more files.
fn covers(opened: &[Box<dyn Container>], iso: usize, udf: usize) -> bool {
    let (Some(iso), Some(udf)) = (opened.get(iso), opened.get(udf)) else { return false };
    let (in_iso, in_udf) = (files(&**iso), files(&**udf));
    let rock_ridge = iso.layers().iter().any(|layer| layer.used && layer.format == Tree::RockRidge.name());
    let places: HashSet<(u64, u64)> = in_iso.values().copied().collect();
    let same = || in_udf.values().all(|place| place.0 == 0 || places.contains(place));
    (rock_ridge && in_iso.len() >= in_udf.len() && same()) || in_iso.len() > in_udf.len()
}

/// A container with what its siblings in the same image add to it.
struct Disc {
    chosen: Box<dyn Container>,
    /// Without entries, the chosen container's are those of the disc: there may be millions.
    joined: Catalogue,
}

impl Disc {
    fn new(chosen: Box<dyn Container>) -> Self {
        let joined = Catalogue {
            end: chosen.extent().end,
            facts: chosen.facts().clone(),
            layers: chosen.layers().to_vec(),
            findings: chosen.findings().to_vec(),
            regions: chosen.regions().to_vec(),
            ..Catalogue::new(chosen.source().clone())
        };
        Self { chosen, joined }
    }

    /// Takes over what `other` knows and the chosen tree does not.
    fn join(&mut self, other: &dyn Container) {
        self.joined.end = self.joined.end.max(other.extent().end);
        self.joined.regions.extend_from_slice(other.regions());
        self.joined.findings.extend_from_slice(other.findings());
        let boot = &other.facts().boot;
        self.joined.facts.boot.bios |= boot.bios;
        self.joined.facts.boot.uefi |= boot.uefi;
        self.joined.facts.boot.other.extend_from_slice(&boot.other);
        for (name, value) in &other.facts().named {
            if !self.joined.facts.named.iter().any(|(known, _)| known == name) {
                self.joined.facts.named.push((name, value.clone()));
            }
        }
        self.compare(other);
        self.joined.layers.extend(other.layers().iter().map(|layer| Layer { used: false, ..layer.clone() }));
        let images = other.entries().iter().filter(|entry| entry.role == Role::Boot);
        let images: Vec<Entry> = images.cloned().collect();
        if !images.is_empty() {
            self.joined.entries = self.chosen.entries().to_vec();
            self.joined.entries.extend(images);
        }
    }

    /// Two trees that show different bytes under one name: one of them is not what people will see.
    fn compare(&mut self, other: &dyn Container) {
        let (mine, theirs) = (files(&*self.chosen), files(other));
        let mut differ: Vec<&String> = theirs
            .iter()
            .filter(|(path, (bytes, at))| {
                mine.get(*path).is_some_and(|(b, a)| b != bytes || (a != at && *bytes > 0))
            })
            .map(|(path, _)| path)
            .collect();
        differ.sort();
        if let Some(first) = differ.first() {
            let what = format!(
                "the {} and {} trees show other bytes under {} of the same names, {first} first",
                self.chosen.format(),
                other.format(),
                differ.len()
            );
            self.joined.findings.push(Finding::new(Severity::Weak, what));
        }
    }

    /// Whether all is there, and what lies behind the end.
    fn weigh_end(&mut self) -> Result<()> {
        let have = self.source().len();
        if self.joined.end > have {
            let what = format!(
                "ends {} early: {} are declared, {have} are there",
                count(self.joined.end - have, "byte"),
                self.joined.end
            );
            self.joined.findings.push(Finding::new(Severity::Damaged, what));
        } else if self.joined.end < have {
            let (severity, what) = tail(&**self.source(), self.joined.end, &self.joined.regions)?;
            self.joined.findings.push(Finding::new(severity, what));
        }
        if let Some(at) = not_medium::zero_tail(&**self.source(), 0)? {
            let lost = |entry: &&Entry| {
                matches!(&entry.location, Location::Stored(extents)
                if entry.bytes > 0 && extents.pieces().iter().all(|piece| piece.at.is_some_and(|from| from >= at)))
            };
            let files = self.entries().iter().filter(lost).count();
            if files > 0 {
                let what = format!(
                    "the last {} bytes are zeros and {files} {} in them, as when a download stops early",
                    have - at,
                    if files == 1 { "file lies" } else { "files lie" }
                );
                self.joined.findings.push(Finding::new(Severity::Weak, what));
            }
        }
        Ok(())
    }
}

/// What lies behind byte `end`.
fn tail(source: &dyn Source, end: u64, regions: &[Region]) -> Result<(Severity, String)> {
    const SAMPLES: u64 = 16;
    let len = source.len() - end;
    let behind: Vec<&str> =
        regions.iter().filter(|region| region.range.end > end).map(|region| region.what.as_str()).collect();
    let mut named = behind.join(", ");
    let backup = read_up_to(source, source.len().saturating_sub(512), 8)?;
    if backup == b"EFI PART" {
        named = if named.is_empty() {
            "the GPT's copy".to_owned()
        } else {
            format!("{named} and the GPT's copy")
        };
    }
    if !named.is_empty() {
        return Ok((Severity::Note, format!("{} behind the volume: {named}", count(len, "byte"))));
    }
    let step = (len / SAMPLES).max(4096);
    let zeros = |at: u64| -> Result<bool> { Ok(read_up_to(source, at, 4096)?.iter().all(|&byte| byte == 0)) };
    let mut at = end;
    let mut all = true;
    while all && at < source.len() {
        all = zeros(at)?;
        at = at.saturating_add(step);
    }
    if all && zeros(source.len().saturating_sub(4096).max(end))? {
        return Ok((Severity::Note, format!("{} behind the volume: padding with zeros", count(len, "byte"))));
    }
    Ok((Severity::Weak, format!("{} behind the volume that nothing accounts for", count(len, "byte"))))
}

impl Container for Disc {
    fn format(&self) -> &'static str {
        self.chosen.format()
    }

    fn catalogue(&self) -> &Catalogue {
        &self.joined
    }

    fn entries(&self) -> &[Entry] {
        if self.joined.entries.is_empty() { self.chosen.entries() } else { &self.joined.entries }
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        if id.0 < self.chosen.entries().len() {
            return self.chosen.open(id);
        }
        Ok(Box::new(SourceReader::new(stored(self.source(), self.entry(id)?)?)))
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        // What the siblings added are stored boot images; everything else the chosen container reads as it
        // reads best.
        let here = self.chosen.entries().len();
        let (own, added): (Vec<EntryId>, Vec<EntryId>) = wanted.iter().partition(|id| id.0 < here);
        self.chosen.read_in_order(&own, sink)?;
        for id in added {
            deliver(self.source(), (id, self.entry(id)?), || self.open(id), sink)?;
        }
        Ok(())
    }

    fn member_checksum(&self) -> Option<&'static str> {
        self.chosen.member_checksum()
    }

    fn check_resources(&self, observer: &dyn Observer) -> Result<Option<Resources>> {
        self.chosen.check_resources(observer)
    }

    fn content(&self, id: EntryId) -> Option<u64> {
        self.chosen.content(id)
    }

    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        if id.0 < self.chosen.entries().len() {
            return self.chosen.sub_source(id, limits);
        }
        stored(self.source(), self.entry(id)?)
    }
}
