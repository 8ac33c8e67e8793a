//! Self-extractors: a program with an archive behind or within it. The archive's members are shown, not the
//! program; what the program says of itself is told.
//!
//! 1. `host`: which program it is and where it ends by its own account.
//! 2. `locate`: archives in resources, in sections, and behind the program, by their structure.
//! 3. `stubs`: which stub it is, by a table of signs.
//! 4. `formats::promoted`: the archives opened by their own readers, their places put into the whole file.
//! 5. `account`: every byte of the file belongs to something that is named, or is said to belong to nothing.
//!
//! Formats that know their own programs (NSIS, Inno Setup, InstallShield, Burn) come before this one.
//!
//! References: those of the archives; `locate` and `host` have them.

mod host;
mod locate;
mod stubs;
mod tell;

use super::promoted::{Part, Promoted, account};
use super::{Certainty, Evidence, Format, Options, Probe, by_name, pe};
use crate::container::{
    Catalogue, Container, Entry, EntryKind, EntryPath, Extents, Finding, Layer, Location, Region, Severity,
};
use crate::error::{Error, Kind, Result};
use crate::source::{Piece, SharedSource, Slice, Source, read_up_to};
use host::Host;
use locate::Found;
use std::ops::Range;
use std::sync::Arc;
use stubs::{Known, Payload};

/// Self-extractors.
pub static FORMAT: Format = Format {
    name: "sfx",
    title: "self-extractor",
    spec: &["PE Format, revision 11 (Microsoft)", "MS-CAB", "APPNOTE.TXT §4.3", "7zFormat.txt"],
    limits: &[
        "finds CAB, ZIP, 7z, RAR, MSI and WIM payloads that begin in the first 64 MiB behind the program, in a section or in a resource",
        "names Wise, Setup Factory, Advanced Installer, PyInstaller, Clickteam, Smart Install Maker, InstallBuilder and Gentee, and does not read their payloads",
        "shows eight payloads of one program",
    ],
    probe,
    open,
};

/// Payloads that are shown.
const MOST: usize = 8;
/// A resource or a part of the program is a payload where it has this share of the file.
const SHARE: u64 = 2;

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let Some(host) = host::look(probe.source, &probe.head)? else { return Ok(None) };
    let found = payloads(probe.source, &host)?;
    if let Some(first) = found.first() {
        let why = format!("{} with {} at {:#x}", host.kind, first.found.title, first.found.at);
        return Ok(Some(Evidence { certainty: Certainty::Likely, why }));
    }
    let known = own_form(probe.source, &host)?;
    Ok(known
        .map(|known| Evidence { certainty: Certainty::Likely, why: format!("stub of {}", known.stub.name) }))
}

/// A stub whose payload has a form of its own, where something is there to be one.
fn own_form(source: &dyn Source, host: &Host) -> Result<Option<Known>> {
    if !host.pe.as_ref().is_some_and(|pe| !pe.parts.overlay.is_empty() || pe.parts.sections.len() > 5) {
        return Ok(None);
    }
    let known = stubs::recognise(source, host)?;
    Ok(known.filter(|known| known.stub.payload == Payload::Own))
}

/// An archive in the file and what surrounds it.
struct Candidate {
    found: Found,
    /// Where it ends at the latest.
    limit: u64,
}

impl Candidate {
    /// Where its reader may look: a ZIP archive is found from its end, and what follows is no part of it.
    fn end(&self) -> u64 {
        match (self.found.title, self.found.end) {
            ("ZIP", Some(end)) => end.min(self.limit),
            _ => self.limit,
        }
    }
}

/// All payloads, in the order of the file.
fn payloads(source: &dyn Source, host: &Host) -> Result<Vec<Candidate>> {
    let mut out: Vec<Candidate> = Vec::new();
    let mut take = |found: Vec<Found>, window: &Range<u64>| {
        for found in found {
            if out.len() < MOST && !out.iter().any(|other| other.found.at == found.at) {
                out.push(Candidate { found, limit: window.end });
            }
        }
    };
    let at_start = |range: &Range<u64>| -> Result<Vec<Found>> {
        let mut found = locate::all(source, range.clone(), 1)?;
        found.retain(|found| found.at == range.start);
        Ok(found)
    };
    if let Some(image) = &host.pe {
        for (kind, name) in [("RCDATA", "CABINET"), ("DATA", "131")] {
            if let Some(resource) = stubs::resource(&image.resources, kind, name) {
                take(at_start(&resource.range)?, &resource.range);
            }
        }
        for section in image.parts.sections.iter().filter(|section| section.name == "_winzip_").take(1) {
            let range = section.range.start..section.range.end.min(source.len());
            take(locate::all(source, range.clone(), 1)?, &range);
        }
    }
    for window in &host.windows {
        take(locate::all(source, window.clone(), MOST)?, window);
    }
    if out.is_empty() {
        within(source, host, &mut out)?;
    }
    out.sort_by_key(|candidate| candidate.found.at);
    Ok(out)
}

/// Where nothing follows the program: what makes up most of it, as a resource or where its headers say that
/// code lies.
fn within(source: &dyn Source, host: &Host, out: &mut Vec<Candidate>) -> Result<()> {
    let len = source.len();
    let size = |range: &Range<u64>| range.end.saturating_sub(range.start);
    let resources = host.pe.iter().flat_map(|image| &image.resources).map(|resource| &resource.range);
    if let Some(range) = resources.max_by_key(|range| size(range)).filter(|range| size(range) >= len / SHARE)
    {
        let found = locate::next(source, range.start..range.start + 1, range.end)?;
        if found.is_some() {
            let found = locate::all(source, range.clone(), 1)?;
            out.extend(found.into_iter().map(|found| Candidate { found, limit: range.end }));
            return Ok(());
        }
    }
    let limit = match host.windows.last() {
        Some(window) if window.start >= host.end => window.end,
        _ => host
            .pe
            .as_ref()
            .and_then(|image| image.parts.certificates.clone())
            .map_or(len, |table| table.start),
    };
    for found in locate::all(source, 64.min(limit)..limit, MOST)? {
        let most = found.end.is_some_and(|end| end.saturating_sub(found.at) >= len / SHARE);
        let last = found.end.is_some_and(|end| end <= limit && limit - end < 8);
        if most || last {
            out.push(Candidate { found, limit });
        }
    }
    Ok(())
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let head = read_up_to(&*source, 0, 64 << 10)?;
    let Some(host) = host::look(&*source, &head)? else { return Err(Error::invalid("program header")) };
    let candidates = payloads(&*source, &host)?;
    let known = stubs::recognise(&*source, &host)?;
    let mut parts: Vec<Part> = Vec::new();
    let mut findings = Vec::new();
    let mut unread = Vec::new();
    for candidate in &candidates {
        let at = candidate.found.at;
        // One archive's end is known for certain only once it is open.
        if parts.iter().any(|part| part.range.contains(&at)) {
            continue;
        }
        match part(&source, candidate, options) {
            Ok(part) => parts.push(part),
            Err(error) => match error.kind() {
                Kind::Limit { .. } | Kind::Encrypted { .. } | Kind::Io(_) => return Err(error),
                Kind::NotMedium(_) | Kind::Unsupported(_) | Kind::NotFound { .. } => {
                    let title = candidate.found.title;
                    let what = match error.kind() {
                        Kind::Unsupported(_) => {
                            format!("the {title} archive at {at:#x} is not shown: {error}")
                        }
                        _ => format!("the {title} archive at {at:#x} is not shown: no reader takes it"),
                    };
                    findings.push(Finding::new(Severity::Weak, what));
                    unread.push(candidate);
                }
                _ if candidates.len() == 1 => return Err(error.during("payload of a self-extractor")),
                _ => {
                    let what =
                        format!("the {} archive at {at:#x} cannot be read: {error}", candidate.found.title);
                    findings.push(Finding::new(Severity::Damaged, what));
                }
            },
        }
    }
    let mut catalogue = match (&host.pe, parts.is_empty()) {
        (Some(image), true) => pe::catalogue(source.clone(), image, options)?,
        _ => Catalogue::new(source.clone()),
    };
    if parts.is_empty() && host.pe.is_none() {
        catalogue.entries.extend(unread.into_iter().enumerate().map(unread_member));
    }
    if let Some(known) = known.as_ref().filter(|known| parts.is_empty() && known.stub.payload == Payload::Own)
    {
        let what = format!("the payload of {} is in a form of its own and not shown", known.stub.name);
        findings.push(Finding::new(Severity::Weak, what));
    }
    if let Some(image) = host.pe.as_ref().filter(|_| !parts.is_empty()) {
        catalogue.findings.extend_from_slice(&image.facts.findings);
    }
    catalogue.findings.append(&mut findings);
    layers(&mut catalogue, &host, known.as_ref(), parts.is_empty());
    let mut known = tell::all(&*source, &host, known.as_ref(), &parts, &mut catalogue)?;
    if !parts.is_empty() || host.pe.is_none() {
        let name = |what: String, range: Range<u64>| Region { what, range };
        // A script has no header that says where it ends.
        let end = match (host.kind, candidates.first()) {
            ("script", Some(first)) => first.found.at,
            _ => host.end,
        };
        known.push(name(format!("stub ({})", host.kind), 0..end.min(source.len())));
        let table = host.pe.as_ref().and_then(|image| image.parts.certificates.clone());
        known.extend(table.map(|range| name("Authenticode certificates".to_owned(), range)));
        for entry in &catalogue.entries {
            let from = entry.location.order().0;
            known.push(name(entry.path.text().to_owned(), from..from.saturating_add(entry.bytes)));
        }
        let claimed = host.pe.as_ref().map_or(0, |image| image.parts.claimed_end);
        account::all(&mut catalogue, known, &parts, claimed)?;
    }
    let total: usize = parts.iter().map(|part| part.container().entries().len()).sum();
    if total as u64 > options.limits.entries {
        return Err(Error::limit("entries", options.limits.entries));
    }
    let several = parts.len() > 1;
    let mut promoted = Promoted::new(FORMAT.name, catalogue, parts);
    for number in 0..promoted.parts().len() {
        let format = promoted.parts().get(number).map(|part| part.container().format()).unwrap_or_default();
        let folder = several.then(|| EntryPath::new(format!("[payload {} {format}]", number + 1)));
        if let Some(folder) = &folder {
            promoted.add_directory(folder.clone());
        }
        promoted.add_all(number, folder.as_ref());
    }
    Ok(Box::new(promoted))
}

/// Opens an archive by its own reader.
fn part(source: &SharedSource, candidate: &Candidate, options: &Options) -> Result<Part> {
    let found = &candidate.found;
    let limit = candidate.end();
    if !found.from_file_start {
        return Part::open(source, found.title, found.at..limit, options);
    }
    // The writer counted from the program's first byte; no probe takes an archive that begins with a program.
    let slice: SharedSource = Arc::new(Slice::new(source.clone(), 0..limit));
    let container = (by_name("zip")?.open)(slice.clone(), options)?;
    Ok(Part::of(container, found.title, &slice, 0, found.at..limit))
}

/// An archive that no reader takes, as a member that is stored.
fn unread_member((number, candidate): (usize, &Candidate)) -> Entry {
    let found = &candidate.found;
    let len = found.end.unwrap_or(candidate.limit).min(candidate.limit).saturating_sub(found.at);
    let path = EntryPath::new(format!("[payload {} {}]", number + 1, found.title.to_lowercase()));
    Entry {
        bytes: len,
        location: Location::Stored(Extents::One(Piece { at: Some(found.at), len })),
        ..Entry::new(path, EntryKind::File)
    }
}

/// The self-extractor itself, before what lies in it.
fn layers(catalogue: &mut Catalogue, host: &Host, known: Option<&Known>, used: bool) {
    let name = known.map_or("stub without a known name", |known| known.stub.name);
    let version = known.and_then(|known| known.version.as_deref());
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    let program = host.pe.as_ref().map_or_else(|| host.kind.to_owned(), pe::Anatomy::detail);
    let layer = Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: format!("{name}{version}, {program}"),
        label: None,
        entries: None,
        used: used && catalogue.layers.is_empty(),
    };
    catalogue.layers.insert(0, layer);
}
