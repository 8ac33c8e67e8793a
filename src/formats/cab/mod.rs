//! Microsoft cabinets ([MS-CAB]), alone or as a set that goes on over several files.
//!
//! Members lie in folders, and a folder is packed as one: it is unpacked once, whatever is asked, and several
//! folders are unpacked at the same time. Checksums are those of blocks of 32 KiB; a member fails where one of
//! its blocks does.

mod deliver;
mod header;
mod names;
mod run;
mod set;
#[cfg(test)]
mod tests;

use super::{Certainty, Evidence, Format, Options, Probe};
use crate::ahead::decode_ahead;
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, Finding, Findings, Layer, Location, Region, Severity,
};
use crate::error::{Error, Result};
use crate::sink::{self, Sink, Want};
use crate::source::{SharedSource, Slice, Source, read_up_to};
use deliver::Member;
use run::{Lack, Run, RunReader, Wrong};
use set::Set;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "cab",
    title: "Microsoft cabinet",
    spec: &["[MS-CAB]", "[MS-MCI] (MSZIP)", "[MS-PATCH] (LZX)", "Quantum: M. Russotto, 2001"],
    limits: &[
        "names without the UTF-8 attribute: the code page is guessed from all names of the cabinet",
        "deltas inside updates (PA30, LZX DELTA) are listed and come out as they are stored",
        "of several cabinets in a file that is none itself, the first is shown",
    ],
    probe,
    open,
};

/// Passes over one folder whose members overlap in more than memory may hold.
const PASSES: u64 = 8;

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let at_start = |certainty| Evidence { certainty, why: "CFHEADER at byte 0".to_owned() };
    if header::extent(&probe.head).is_some() {
        return Ok(Some(at_start(Certainty::Sure)));
    }
    if begins_here(&probe.head) {
        return Ok(Some(at_start(Certainty::Likely)));
    }
    let found = embedded(&probe.head).map(|at| format!("CFHEADER at byte {at}"));
    Ok(found.map(|why| Evidence { certainty: Certainty::Possible, why }))
}

/// True where a cabinet begins at the first byte, however damaged.
fn begins_here(head: &[u8]) -> bool {
    // The version; a header that is cut before it is a cabinet's, too.
    head.starts_with(b"MSCF") && head.get(25).is_none_or(|&major| major == 1)
}

/// Where a cabinet begins in the head of a file that is none itself. Programs are for those who know their
/// stubs.
fn embedded(head: &[u8]) -> Option<usize> {
    // Cabinets within an installer package lie in pieces: its own reader puts them together.
    let installer = head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    if installer || head.starts_with(b"MZ") || begins_here(head) {
        return None;
    }
    let starts = head.windows(4).enumerate().filter(|(_, window)| *window == b"MSCF");
    starts.map(|(at, _)| at).find(|&at| head.get(at..).and_then(header::extent).is_some())
}

/// How long the cabinet is, in bytes, that begins at `offset` of `source`, by its header; `None` where the
/// header is not plausible. It may be longer than what the source has.
///
/// # Errors
/// What the operating system said.
pub fn extent_at(source: &dyn Source, offset: u64) -> Result<Option<u64>> {
    header::extent_at(source, offset)
}

/// An opened cabinet, with the others of its set.
struct Cab {
    catalogue: Catalogue,
    runs: Vec<Run>,
    threads: usize,
    /// False where the first block has no checksum: then the writer made none.
    has_checksums: bool,
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let head = read_up_to(&*source, 0, 64 << 10)?;
    let Some(at) = embedded(&head) else { return Ok(Box::new(Cab::open(source, options)?)) };
    let at = at as u64;
    let end = at.saturating_add(extent_at(&*source, at)?.unwrap_or(0));
    let mut cab = Cab::open(Arc::new(Slice::new(source.clone(), at..end)), options)?;
    for region in &mut cab.catalogue.regions {
        region.range = region.range.start.saturating_add(at)..region.range.end.saturating_add(at);
    }
    cab.catalogue.regions.push(Region { what: "bytes before the cabinet".to_owned(), range: 0..at });
    let what = format!("the cabinet begins at byte {at}");
    cab.catalogue.findings.push(Finding::new(Severity::Note, what));
    (cab.catalogue.source, cab.catalogue.end) = (source, end);
    Ok(Box::new(cab))
}

impl Cab {
    fn open(source: SharedSource, options: &Options) -> Result<Self> {
        let mut findings = Findings::default();
        let cabinet = header::read(&*source, &options.limits, &mut findings)?;
        let mut catalogue = Catalogue::new(source.clone());
        catalogue.end = cabinet.bytes.max(cabinet.files_end);
        if let Some(range) = &cabinet.signature {
            let what = "Authenticode signature (PKCS #7)".to_owned();
            catalogue.regions.push(Region { what, range: range.clone() });
        }
        let data = cabinet.folders.iter().filter(|folder| folder.blocks > 0).map(|folder| folder.at).min();
        if let Some(data) = data.filter(|&data| data > cabinet.files_end) {
            let what = "gap between headers and data".to_owned();
            catalogue.regions.push(Region { what, range: cabinet.files_end..data });
        }
        let (version, number) = (cabinet.version, cabinet.number);
        let set = Set::gather(&source, cabinet, options, &mut findings)?;
        let (mut runs, files) = set.join(&mut findings);
        if files.len() as u64 > options.limits.entries {
            return Err(Error::limit("entries", options.limits.entries));
        }
        let code_page = names::code_page(files.iter().map(|(file, _)| *file));
        if let Some(code_page) = code_page {
            let what =
                format!("names are in a code page that nothing records, taken for {}", code_page.name());
            findings.push(Finding::new(Severity::Note, what));
        }
        for (file, run) in &files {
            let mut entry = Entry::new(names::path(file, code_page), EntryKind::File);
            entry.bytes = u64::from(file.bytes);
            entry.modified = names::modified(file);
            entry.mode = names::mode(file);
            let run = u32::try_from(*run).map_err(|_| Error::limit("folders", u64::from(u32::MAX)))?;
            if file.bytes > 0 {
                entry.location = Location::Solid { run, offset: u64::from(file.offset) };
            }
            catalogue.entries.push(entry);
        }
        bound(&mut runs, &catalogue.entries, options.limits.unpacked(set.bytes()));
        let mut methods: Vec<String> = runs.iter().map(|run| run.method.title()).collect();
        methods.sort();
        methods.dedup();
        let (folders, cabinets) = (runs.len(), set.volumes.len());
        let plural = if folders == 1 { "" } else { "s" };
        let mut detail =
            format!("Cabinet {}.{}, {folders} folder{plural}, {}", version.0, version.1, methods.join(", "));
        if cabinets > 1 {
            detail = format!("{detail}, set of {cabinets} cabinets");
            catalogue.facts.named.push(("cabinets", cabinets.to_string()));
            catalogue.facts.named.push(("cabinet_number", number.to_string()));
        }
        catalogue.layers.push(Layer {
            path: String::new(),
            format: FORMAT.name,
            detail,
            label: None,
            entries: Some(catalogue.entries.len() as u64),
            used: true,
        });
        catalogue.findings = findings.finish();
        let first = runs.iter().flat_map(|run| &run.parts).find(|part| part.blocks > 0);
        let has_checksums = match first {
            Some(part) => read_up_to(&*part.source, part.at, 4)? != [0; 4],
            None => false,
        };
        Ok(Self { catalogue, runs, threads: options.decoders(), has_checksums })
    }

    fn run(&self, number: u32) -> Result<&Run> {
        let run = usize::try_from(number).ok().and_then(|number| self.runs.get(number));
        run.ok_or_else(|| Error::not_found(format!("folder {number}"), None))
    }
}

/// Folders that unpack to more than `most` bytes together are not unpacked: many may share the same blocks, and
/// small members at their ends cost as much as large ones.
fn bound(runs: &mut [Run], entries: &[Entry], most: u64) {
    let mut ends = vec![0; runs.len()];
    for entry in entries {
        let Location::Solid { run, offset } = entry.location else { continue };
        if let Some(end) = usize::try_from(run).ok().and_then(|run| ends.get_mut(run)) {
            *end = offset.saturating_add(entry.bytes).max(*end);
        }
    }
    let mut sum = 0u64;
    for (run, end) in runs.iter_mut().zip(ends) {
        sum = sum.saturating_add(run.most().min(end));
        if sum > most && run.lacks_begin.is_none() {
            run.lacks_begin = Some(Lack::Limit(most));
        }
    }
}

impl Container for Cab {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn run_ranges(&self, run: u32) -> Vec<Range<u64>> {
        self.run(run).map(|run| run.ranges(&self.catalogue.source)).unwrap_or_default()
    }

    fn member_checksum(&self) -> Option<&'static str> {
        self.has_checksums.then_some("checksum")
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        let entry = self.entry(id)?;
        let Location::Solid { run, offset } = entry.location else { return Ok(Box::new(std::io::empty())) };
        let wrong = Wrong::default();
        let mut content = RunReader::new(self.run(run)?, wrong.clone())?;
        deliver::skip_to(&mut content, offset)?;
        Ok(Box::new(Member { run: content, wrong, range: offset..offset.saturating_add(entry.bytes) }))
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        let entries = self.entries();
        let mut folders: BTreeMap<u32, Vec<(u64, EntryId)>> = BTreeMap::new();
        for &id in wanted {
            let entry = self.entry(id)?;
            match entry.location {
                Location::Solid { run, offset } => folders.entry(run).or_default().push((offset, id)),
                _ => sink::deliver(self.source(), (id, entry), || self.open(id), sink)?,
            }
        }
        let mut work: Vec<(&Run, Vec<EntryId>, Wrong)> = Vec::with_capacity(folders.len());
        for (run, mut members) in folders {
            members.sort_unstable();
            let members = members.into_iter().map(|(_, id)| id).collect();
            work.push((self.run(run)?, members, Wrong::default()));
        }
        let unpack = |run, wrong: &Wrong| -> Result<Box<dyn Read + Send + '_>> {
            Ok(Box::new(RunReader::new(run, wrong.clone())?))
        };
        let begin = |nth: usize| match work.get(nth) {
            Some((run, _, wrong)) => unpack(run, wrong),
            None => Err(Error::not_found(format!("folder {nth}"), None)),
        };
        decode_ahead(work.len(), self.threads, begin, |nth, content| {
            let Some((run, members, wrong)) = work.get(nth) else { return Ok(()) };
            let mut again = deliver::deliver(entries, members, (content, wrong), sink)?;
            for _ in 1..PASSES {
                if again.is_empty() {
                    return Ok(());
                }
                let wrong = Wrong::default();
                let mut content = unpack(run, &wrong)?;
                again = deliver::deliver(entries, &again, (&mut *content, &wrong), sink)?;
            }
            for id in again {
                let entry = self.entry(id)?;
                if sink.begin(id, entry)? != Want::Skip {
                    sink.end(entry, Err(Error::limit("passes over a folder whose members overlap", PASSES)))?;
                }
            }
            Ok(())
        })
    }
}
