//! RAR, by the versions that are met: `RE~^` (1.3, 1.4), `Rar!` 1.5 to 4.x and 5.0 to 7.x.
//!
//! | where | what |
//! |---|---|
//! | first bytes | `RE~^`, `Rar!\x1a\x07\x00` or `Rar!\x1a\x07\x01\x00`; behind a stub in self-extractors |
//! | then | blocks: the main header, a header before each member's packed bytes, services, the end |
//! | following volumes | the same again; a member that does not fit goes on in the next |
//!
//! Headers and decoders are those of the `rars` crate. This module puts volumes together, decides how
//! members are decoded (each alone, or all in one run where they depend on each other) and turns what the
//! crate writes into something that is read.
//!
//! References: technote of RAR 3.93 and 5.0 (RARLAB); members' CRC-32 and BLAKE2sp as stored.

mod decode;
mod members;
mod volumes;

use super::{Certainty, Evidence, Format, Options, Probe};
use crate::ahead::decode_ahead;
use crate::container::{
    Catalogue, Container, EntryId, EntryKind, Extents, Facts, Finding, Findings, Layer, Location, Severity,
};
use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::passwords::Passwords;
use crate::sink::{Sink, deliver, deliver_run};
use crate::source::{Piece, SharedSource, Slice, spool};
use decode::{Place, Set};
use members::{Member, Payload};
use std::io::Read;
use std::sync::{Arc, Mutex};

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "rar",
    title: "RAR archive",
    spec: &["RAR 3.93 technote (RARLAB)", "RAR 5.0 archive format (RARLAB)"],
    limits: &[
        "without their password encrypted members are listed and not decoded; with encrypted headers nothing is listed",
        "all members have to have one password",
        "dictionaries up to 1 GiB",
        "recovery records and recovery volumes are noticed, not used",
        "members whose size is not recorded are listed and not decoded",
        "a wrong checksum within a solid archive ends the decoding of the members behind it",
        "owners, access and creation times, streams and access lists are not shown",
    ],
    probe,
    open,
};

/// Signature of RAR 1.3 and 1.4.
const OLD: &[u8] = b"RE~^";
/// Signature of RAR 1.5 to 4.x.
const MARK: &[u8] = b"Rar!\x1a\x07\x00";
/// Signature of RAR 5.0 and later.
const MARK_5: &[u8] = b"Rar!\x1a\x07\x01\x00";

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let evidence = |certainty, why: &str| Ok(Some(Evidence { certainty, why: why.to_owned() }));
    if probe.has(0, MARK) || probe.has(0, MARK_5) {
        return evidence(Certainty::Likely, "Rar! at byte 0");
    }
    // RAR 1.4: mark, u16 length of the header, flags; the length is 7 or more.
    if probe.has(0, OLD) && probe.head.get(4).is_some_and(|&low| low >= 7) && probe.head.get(5) == Some(&0) {
        return evidence(Certainty::Likely, "RE~^ at byte 0");
    }
    if probe.has(0, b"MZ") {
        return Ok(None);
    }
    // Behind something else, a picture as a rule. A main header must follow.
    let found = probe.head.windows(16).any(|window| {
        let main = window.starts_with(MARK) && window.get(9) == Some(&0x73) && window.get(12) == Some(&13);
        main || window.starts_with(MARK_5)
    });
    if found && !probe.has(0, b"PK") {
        return evidence(Certainty::Possible, "Rar! behind other bytes");
    }
    Ok(None)
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let mut findings = Findings::default();
    let found = volumes::gather(&source, options, &mut findings)?;
    let end = found.end;
    let set = Arc::new(Set {
        archives: found.archives,
        sources: found.sources,
        own: found.own,
        threads: options.decoders(),
        password: Mutex::default(),
    });
    let mut members = members::read(&set, found.own, &options.limits, &mut findings)?;
    let dependent = found.solid;
    unlock(&set, &mut members, found.password, dependent, options)?;
    let mut entries = Vec::with_capacity(members.len());
    let mut payloads = Vec::with_capacity(members.len());
    let mut at = 0u64;
    for member in members {
        let Member { mut entry, payload, packed } = member;
        if let Payload::Content(_) = payload {
            if dependent {
                entry.location = Location::Solid { run: 0, offset: at };
                at = at.saturating_add(entry.bytes);
            } else if let Some(packed) = packed {
                let piece = Piece { at: Some(packed.start), len: packed.end.saturating_sub(packed.start) };
                entry.location = Location::Packed(Extents::One(piece));
            } else {
                // In other volumes.
                entry.location = Location::Packed(Extents::Many(Box::default()));
            }
        }
        entries.push(entry);
        payloads.push(payload);
    }
    members::resolve(&mut entries, &mut payloads, &mut findings);
    let mut rar = Rar {
        set,
        catalogue: Catalogue::new(source.clone()),
        payloads,
        dependent,
        passwords: options.passwords.clone(),
    };
    rar.catalogue.entries = entries;
    rar.read_links(&mut findings);
    let files = rar.catalogue.entries.iter().filter(|entry| entry.kind == EntryKind::File).count();
    rar.catalogue.end = end;
    rar.catalogue.regions = found.regions;
    rar.catalogue.facts = Facts { named: rar.set.facts(), ..Facts::default() };
    rar.catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: rar.set.describe(found.solid),
        label: None,
        entries: Some(files as u64),
        used: true,
    });
    rar.catalogue.findings = findings.finish();
    Ok(Box::new(rar))
}

/// Chooses the password of encrypted members, which then can be read. Where the headers do not confirm one, and
/// several were given, the member that is decoded soonest decides.
fn unlock(
    set: &Arc<Set>,
    members: &mut [Member],
    confirmed: Option<usize>,
    dependent: bool,
    options: &Options,
) -> Result<()> {
    let passwords = &options.passwords;
    let mut before = 0u64;
    let mut first: Option<(u64, Place, u64)> = None;
    for member in members.iter() {
        let bytes = member.entry.bytes;
        match &member.payload {
            // Of a run the first is decoded soonest.
            Payload::Encrypted(place) if first.as_ref().is_none_or(|first| !dependent && bytes < first.0) => {
                first = Some((bytes, place.clone(), before));
            }
            Payload::Content(_) => before = before.saturating_add(bytes),
            _ => {}
        }
    }
    let mut chosen = confirmed.or((passwords.len() == 1).then_some(0));
    for (number, password) in passwords.in_turn() {
        let Some((bytes, place, before)) = first.as_ref().filter(|_| chosen.is_none()) else { break };
        set.set_password(Some(password));
        let content = || if dependent { Ok(decode::run(set)) } else { decode::member(set, place, *bytes) };
        let wanted = if dependent { before.saturating_add(*bytes) } else { *bytes };
        let read =
            content().and_then(|content| Ok(std::io::copy(&mut content.take(wanted), &mut std::io::sink())?));
        match read {
            Ok(read) if read == wanted => chosen = Some(number),
            Err(error) if matches!(error.kind(), Kind::Limit { .. } | Kind::Unsupported(_)) => {
                return Err(error);
            }
            _ => {}
        }
    }
    set.set_password(chosen.and_then(|number| passwords.get(number)));
    if let Some(number) = chosen {
        passwords.opened(number);
        for member in members {
            if let Payload::Encrypted(place) = &member.payload {
                member.payload = Payload::Content(place.clone());
            }
        }
    }
    Ok(())
}

/// An opened archive or set of volumes.
struct Rar {
    set: Arc<Set>,
    catalogue: Catalogue,
    /// What stands behind each entry.
    payloads: Vec<Payload>,
    /// Members are decoded one after the other in one run.
    dependent: bool,
    passwords: Passwords,
}

/// Targets of links longer than this are not believed.
const LONGEST_TARGET: u64 = 64 << 10;
/// Bytes that are decoded at most to reach a link's target in a run.
const MOST_BEFORE_LINK: u64 = 16 << 20;

impl Rar {
    /// Links of RAR 4 have their target as content.
    fn read_links(&mut self, findings: &mut Findings) {
        let links: Vec<EntryId> = (0..self.catalogue.entries.len())
            .filter(|i| self.catalogue.entries.get(*i).is_some_and(|entry| entry.kind == EntryKind::Symlink))
            .map(EntryId)
            .collect();
        let mut budget = MOST_BEFORE_LINK;
        for id in links {
            let Some(entry) = self.catalogue.entries.get(id.0).filter(|entry| entry.target.is_none()) else {
                continue;
            };
            let before = match entry.location {
                Location::Solid { offset, .. } => offset,
                _ => 0,
            };
            let cost = before.saturating_add(entry.bytes);
            let target = if entry.bytes > LONGEST_TARGET || cost > budget {
                Err(Error::limit("bytes before a link's target", MOST_BEFORE_LINK))
            } else {
                budget -= cost;
                let mut target = Vec::new();
                self.content(id)
                    .and_then(|content| Ok(content.take(entry.bytes).read_to_end(&mut target)?))
                    .map(|_| String::from_utf8_lossy(&target).into_owned())
            };
            match target {
                Ok(target) => {
                    if let Some(entry) = self.catalogue.entries.get_mut(id.0) {
                        entry.target = Some(target.into());
                        entry.bytes = 0;
                    }
                }
                Err(error) => {
                    let severity = match error.kind() {
                        Kind::Encrypted { .. } | Kind::Limit { .. } => Severity::Weak,
                        _ => Severity::Damaged,
                    };
                    let what = format!("the target of this link cannot be read: {error}");
                    findings.push(Finding::about(severity, entry.path.text(), what));
                }
            }
        }
    }

    /// The bytes of one member, decoded alone or from the beginning of the run.
    fn content(&self, id: EntryId) -> Result<Box<dyn Read + Send>> {
        let entry = self.entry(id)?;
        let Some(payload) = self.payloads.get(id.0) else { return Ok(Box::new(std::io::empty())) };
        let place = match payload {
            Payload::Content(place) => place,
            Payload::None => return Ok(Box::new(std::io::empty())),
            Payload::Encrypted(_) => return Err(self.passwords.locked("the member")),
            Payload::Unreadable(what) => return Err(Error::unsupported(what)),
            Payload::Lost(what) => return Err(Error::damaged(what)),
            Payload::Copy { .. } => return Err(Error::damaged("copy of nothing")),
        };
        match entry.location {
            Location::Solid { offset, .. } => {
                let mut run = decode::run(&self.set);
                let skipped = std::io::copy(&mut run.by_ref().take(offset), &mut std::io::sink())?;
                if skipped < offset {
                    return Err(Error::truncated(offset, skipped).during("solid run"));
                }
                Ok(Box::new(run.take(entry.bytes)))
            }
            _ => decode::member(&self.set, place, entry.bytes),
        }
    }
}

impl Container for Rar {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn member_checksum(&self) -> Option<&'static str> {
        Some(self.set.checksum())
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        self.content(id).map(|content| content as Box<dyn Read + Send + '_>)
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        let mut order = wanted.to_vec();
        order.sort_by_key(|id| (self.catalogue.entries.get(id.0).map(|entry| entry.location.order()), *id));
        let content = |id: &EntryId| matches!(self.payloads.get(id.0), Some(Payload::Content(_)));
        // Nothing is read of an empty member where it stands among others, and so its checksum would not be compared.
        let empty = |id: &EntryId| {
            let entry = self.catalogue.entries.get(id.0);
            entry.is_some_and(|entry| entry.bytes == 0 && !matches!(entry.location, Location::Solid { .. }))
        };
        let (packed, other): (Vec<EntryId>, Vec<EntryId>) =
            order.into_iter().partition(|id| content(id) && !empty(id));
        for id in other {
            deliver(self.source(), (id, self.entry(id)?), || self.open(id), sink)?;
        }
        if !self.dependent {
            let open = |i: usize| match packed.get(i) {
                Some(id) => self.open(*id),
                None => Err(Error::new(Kind::Cancelled)),
            };
            return decode_ahead(packed.len(), self.set.threads, open, |i, content| {
                let Some(&id) = packed.get(i) else { return Ok(()) };
                deliver_run(&self.catalogue.entries, &[id], content, sink).map(|_| ())
            });
        }
        let mut left = packed;
        while !left.is_empty() {
            let before = left.len();
            let mut run = decode::run(&self.set);
            left = deliver_run(&self.catalogue.entries, &left, &mut run, sink)?;
            if left.len() >= before {
                return Err(Error::damaged("members of a run that never come"));
            }
        }
        Ok(())
    }

    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        let entry = self.entry(id)?;
        if let (Some(Payload::Content(place)), Location::Packed(Extents::One(piece))) =
            (self.payloads.get(id.0), &entry.location)
            && self.set.is_stored(place)
            && let Some(at) = piece.at
        {
            let len = piece.len.min(entry.bytes);
            return Ok(Arc::new(Slice::new(self.source().clone(), at..at.saturating_add(len))));
        }
        spool(&mut *self.open(id)?, limits)
    }
}
