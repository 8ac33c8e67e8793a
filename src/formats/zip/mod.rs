//! ZIP (PKWARE APPNOTE 6.3.10), and the packages that are ZIP archives by another name.
//!
//! The end of central directory record and the central directory are read here and not by the crate `zip`:
//! what lies in front of the archive and behind it, parts of a set, members that overlap and a directory
//! that is missing must be said with their places, and members must be readable one by one from several
//! threads. Decoders are those of the crates that `zip` uses, too; for what PKZIP 1 packed it is `zip` itself.

mod content;
mod directory;
mod encryption;
mod member;
mod package;
mod salvage;

use super::listing::Listing;
use super::{Certainty, Evidence, Format, Options, Probe};
use crate::ahead::decode_ahead;
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Extents, Finding, Findings, Layer, Location,
    Region, Severity,
};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::passwords::Passwords;
use crate::sink::{Sink, deliver, deliver_run};
use crate::source::{Joined, Piece, SharedSource, Slice, read_up_to, spool};
use crate::text::count;
use crate::unpack;
use crate::volumes;
use directory::End;
use member::Member;
use std::io::Read;
use std::sync::Arc;

/// The format's line in the table.
pub static FORMAT: Format = Format {
    name: "zip",
    title: "ZIP archive",
    spec: &[
        "PKWARE APPNOTE 6.3.10 (.ZIP file format), with ZIP64",
        "Info-ZIP extra fields: extended timestamp, Unicode path",
        "ECMA-376 Part 2 (Open Packaging Conventions), MSIX, VSIX, NuGet: named",
    ],
    limits: &[
        "without their password encrypted members are listed, not read; PKWARE's strong encryption is not decrypted",
        "members packed with WavPack, JPEG or MP3 methods are listed, not read",
        "members packed as PKZIP 1 did (shrink, reduce, implode): up to 64 MiB each",
        "names without a mark of their encoding are taken for UTF-8, else for code page 437",
    ],
    probe,
    open,
};

/// Members of at least so many packed bytes are decoded by threads of their own.
const LARGE: u64 = 128 << 10;

fn probe(probe: &Probe<'_>) -> Result<Option<Evidence>> {
    let found = |certainty, why: &str| Ok(Some(Evidence { certainty, why: why.to_owned() }));
    if probe.has(0, directory::LOCAL)
        || probe.has(0, b"PK\x07\x08PK\x03\x04")
        || probe.has(0, b"PK00PK\x03\x04")
    {
        return found(Certainty::Sure, "a local file header at byte 0");
    }
    if probe.has(0, b"PK\x05\x06") {
        return found(Certainty::Sure, "an end of central directory record at byte 0");
    }
    // Something stands in front: a script, a picture. Programs belong to the reader of self-extractors.
    if !probe.has(0, b"MZ") && directory::is_at_end(probe.source)? {
        return found(Certainty::Possible, "an end of central directory record at the end");
    }
    Ok(None)
}

/// An opened archive.
struct Zip {
    catalogue: Catalogue,
    members: Vec<Member>,
    /// The member of each entry; directories that no member names have none.
    member_of: Vec<Option<usize>>,
    /// The first part of the set that is not there, by name.
    missing: Option<String>,
    /// Members that begin within another one: a bomb, or damage.
    overlapping: Vec<bool>,
    limits: Limits,
    passwords: Passwords,
    threads: usize,
}

fn open(source: SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    let mut findings = Findings::default();
    let Whole { source, starts, missing } = whole(source, options)?;
    if let Some(part) = &missing {
        findings.push(Finding::new(Severity::Damaged, format!("{part} of the set is missing")));
    }
    let end = directory::find_end(&*source)?;
    let mut regions = Vec::new();
    let (mut members, end) = match end {
        Some(end) => (from_directory(&source, &end, &starts, options, &mut findings, &mut regions)?, end),
        None => (
            salvage::members(&source, &options.limits, &mut findings)?,
            End { end: source.len(), ..End::default() },
        ),
    };
    let overlapping = overlaps(&members, &mut findings);
    let mut listing = Listing::new(&options.limits);
    let mut member_of = Vec::new();
    for (i, member) in members.iter_mut().enumerate() {
        if member.path.bytes().is_empty() && member.kind == EntryKind::File {
            member.path = EntryPath::new(options.surroundings.stem());
        }
        if let Some(id) = listing.push(entry_of(member), &mut findings)? {
            if member_of.len() <= id.0 {
                member_of.resize(id.0 + 1, None);
            }
            if let Some(place) = member_of.get_mut(id.0) {
                *place = Some(i);
            }
        }
    }
    let mut zip = Zip {
        catalogue: Catalogue { end: end.end, entries: listing.finish(), regions, ..Catalogue::new(source) },
        members,
        member_of,
        overlapping,
        missing,
        limits: options.limits.clone(),
        passwords: options.passwords.clone(),
        threads: options.decoders(),
    };
    zip.read_links(&mut findings);
    let package = package::name(&zip);
    if !end.comment.is_empty() && end.comment.len() < 4096 {
        let comment = crate::text::utf8_or_latin1(&end.comment);
        zip.catalogue.facts.named.push(("comment", comment.trim_end().to_owned()));
    }
    if package.encoded {
        for entry in &mut zip.catalogue.entries {
            if let Some(name) = package::decoded(entry.path.text()) {
                entry.path = EntryPath::new(name);
            }
        }
    }
    zip.catalogue.facts.named.extend(package.facts);
    zip.catalogue.facts.label = package.label;
    zip.catalogue.layers.push(Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: zip.detail(package.kind, &end),
        label: None,
        entries: Some(zip.members.iter().filter(|member| member.kind == EntryKind::File).count() as u64),
        used: true,
    });
    zip.catalogue.findings = findings.finish();
    Ok(Box::new(zip))
}

/// A source with the other parts of its set.
struct Whole {
    source: SharedSource,
    /// Where each part begins.
    starts: Vec<u64>,
    /// The name of a part that is not there.
    missing: Option<String>,
}

impl Whole {
    fn alone(source: SharedSource) -> Self {
        Self { source, starts: vec![0], missing: None }
    }
}

fn whole(source: SharedSource, options: &Options) -> Result<Whole> {
    if let Some(parts) = volumes::numbered(&source, &options.surroundings)? {
        // Cut by bytes: offsets go on over the parts.
        let next = volumes::next_name(parts.len(), &options.surroundings);
        let joined: SharedSource = Arc::new(Joined::new(parts));
        let whole = directory::find_end(&*joined)?.is_some();
        return Ok(Whole { missing: next.filter(|_| !whole), ..Whole::alone(joined) });
    }
    let disks = match directory::find_end(&*source)? {
        Some(end) if end.disk > 0 && end.disk < 0xffff => end.disk,
        Some(_) => return Ok(Whole::alone(source)),
        None => return part_of_set(source, options),
    };
    match volumes::spanned(&source, disks, &options.surroundings)? {
        (parts, None) => {
            let mut at = 0u64;
            let starts = parts.iter().map(|part| {
                let start = at;
                at = at.saturating_add(part.len());
                start
            });
            let starts = starts.collect();
            Ok(Whole { source: Arc::new(Joined::new(parts)), starts, missing: None })
        }
        // The directory is in the last part: what there is can be listed.
        (_, missing) => Ok(Whole { missing, ..Whole::alone(source) }),
    }
}

/// Without an end record it may be `.z01` of a set, which ends in `.zip`.
fn part_of_set(source: SharedSource, options: &Options) -> Result<Whole> {
    let name = &options.surroundings.file_name;
    let numbered = name.rsplit_once('.').filter(|(_, extension)| {
        let mut letters = extension.chars();
        letters.next().is_some_and(|c| c.eq_ignore_ascii_case(&'z'))
            && extension.len() > 2
            && letters.all(|c| c.is_ascii_digit())
    });
    match numbered {
        Some((stem, _)) => {
            let last = format!("{stem}.zip");
            Err(Error::not_found(
                format!("the directory of the set: it is in its last part, {last}, and"),
                Some(last),
            ))
        }
        None => Ok(Whole { missing: volumes::next_name(1, &options.surroundings), ..Whole::alone(source) }),
    }
}

fn from_directory(
    source: &SharedSource,
    end: &End,
    starts: &[u64],
    options: &Options,
    findings: &mut Findings,
    regions: &mut Vec<Region>,
) -> Result<Vec<Member>> {
    let start = if starts.len() > 1 {
        let base = usize::try_from(end.directory_disk).ok().and_then(|disk| starts.get(disk));
        let base = base.ok_or_else(|| Error::invalid("disk of the central directory"))?;
        directory::Start { at: base.saturating_add(end.offset), prefix: 0, seen: true }
    } else {
        directory::start(&**source, end).ok_or_else(|| {
            Error::damaged("size of the central directory").at("end of central directory record", end.at)
        })?
    };
    let mut members = directory::read(&**source, end, start, &options.limits, findings)?;
    if members.is_empty() && end.entries > 0 {
        let what = "the central directory is not where the end record says";
        findings.push(Finding::new(Severity::Damaged, what));
        return salvage::members(source, &options.limits, findings);
    }
    for member in &mut members {
        let disk = usize::try_from(member.disk).ok().and_then(|disk| starts.get(disk)).copied().unwrap_or(0);
        member.local = member.local.saturating_add(disk);
    }
    if starts.len() == 1 {
        shift(source, &mut members, start, end, findings);
    }
    let first = members.iter().map(|member| member.local).min().unwrap_or(start.at);
    if first > 0 && first <= source.len() {
        regions.push(Region { what: "data before the archive".to_owned(), range: 0..first });
        if starts.len() == 1 && first > 4 {
            findings
                .push(Finding::new(Severity::Note, format!("{} before the archive", count(first, "byte"))));
        }
    }
    Ok(members)
}

/// Moves offsets to where the members are: something was put in front of the archive since, or what stood in
/// front when they were counted is not in this source. Either may have been accounted for.
fn shift(
    source: &SharedSource,
    members: &mut [Member],
    start: directory::Start,
    end: &End,
    findings: &mut Findings,
) {
    let is_local = |at: u64| read_up_to(&**source, at, 4).is_ok_and(|bytes| bytes == directory::LOCAL);
    let first = members.iter().map(|member| member.local).min().unwrap_or(0);
    if let Some(lost) = end.offset.checked_sub(start.at).filter(|lost| *lost > 0) {
        if first.checked_sub(lost).is_some_and(is_local) {
            members.iter_mut().for_each(|member| member.local = member.local.saturating_sub(lost));
            return;
        }
        let what = format!("{} missing before the central directory", count(lost, "byte"));
        findings.push(Finding::new(Severity::Damaged, what));
        return;
    }
    if start.prefix > 0 && (is_local(first.saturating_add(start.prefix)) || !is_local(first)) {
        members.iter_mut().for_each(|member| member.local = member.local.saturating_add(start.prefix));
    }
}

/// Which members begin within one that began before. The first of them is read, and its checksum decides; a
/// bomb's other members would unpack the same bytes again and again.
fn overlaps(members: &[Member], findings: &mut Findings) -> Vec<bool> {
    let mut order: Vec<(u64, usize)> =
        members.iter().enumerate().map(|(i, member)| (member.local, i)).collect();
    order.sort_unstable();
    let mut overlapping = vec![false; members.len()];
    let mut reached = 0u64;
    let mut count = 0u64;
    for (at, i) in order {
        let Some(member) = members.get(i).filter(|member| !member.is_empty()) else { continue };
        if at < reached
            && let Some(mark) = overlapping.get_mut(i)
        {
            *mark = true;
            count += 1;
            continue;
        }
        let header = content::LOCAL_BYTES.saturating_add(member.name_len);
        reached = at.saturating_add(header).saturating_add(member.packed);
    }
    if count > 0 {
        let what = format!("{count} members begin within another one, as in a bomb: they are not read");
        findings.push(Finding::new(Severity::Damaged, what));
    }
    overlapping
}

fn entry_of(member: &Member) -> Entry {
    let mut entry = Entry::new(member.path.clone(), member.kind);
    entry.modified = member.modified;
    entry.mode = member.mode;
    if member.kind == EntryKind::File && !member.is_empty() {
        entry.bytes = member.bytes;
        // Members that are stored, too: a place given away would be copied without its checksum. In nesting
        // they are read in place all the same. The range begins with the local header: how long that is, it
        // says itself, and a listing does not read it.
        let len = member.packed.saturating_add(content::LOCAL_BYTES).saturating_add(member.name_len);
        entry.location = Location::Packed(Extents::One(Piece { at: Some(member.local), len }));
    }
    entry
}

impl Zip {
    /// Targets of symbolic links are their content.
    fn read_links(&mut self, findings: &mut Findings) {
        let mut budget = self.limits.all_path_bytes;
        for (entry, member) in self.catalogue.entries.iter_mut().zip(&self.member_of) {
            let member = member.and_then(|member| self.members.get(member));
            let Some(member) = member.filter(|member| member.kind == EntryKind::Symlink) else { continue };
            budget = budget.saturating_sub(member.bytes.max(1));
            let fits = member.bytes <= self.limits.path_bytes as u64 && budget > 0;
            let read = || -> Result<String> {
                if !fits {
                    return Err(Error::limit("bytes of a link's target", self.limits.path_bytes as u64));
                }
                let mut target = Vec::new();
                content::open(&self.catalogue.source, member, &self.limits, &self.passwords)?
                    .read_to_end(&mut target)?;
                Ok(String::from_utf8_lossy(&target).into_owned())
            };
            match read() {
                Ok(target) => entry.target = Some(target.into()),
                Err(error) => {
                    let what = format!("the link's target cannot be read: {error}");
                    findings.push(Finding::about(Severity::Damaged, member.path.text(), what));
                }
            }
        }
    }

    fn detail(&self, kind: Option<&'static str>, end: &End) -> String {
        let mut methods: Vec<(u16, usize)> = Vec::new();
        for member in self.members.iter().filter(|member| member.kind == EntryKind::File && member.bytes > 0)
        {
            if methods.len() >= 16 {
                break;
            }
            match methods.iter_mut().find(|(method, _)| *method == member.method) {
                Some((_, count)) => *count += 1,
                None => methods.push((member.method, 1)),
            }
        }
        methods.sort_by_key(|&(method, count)| (std::cmp::Reverse(count), method));
        let names: Vec<&str> = methods.iter().map(|&(method, _)| content::method_name(method)).collect();
        let mut detail = kind.unwrap_or("ZIP archive").to_owned();
        for part in end.zip64.then_some("ZIP64").into_iter().chain(names) {
            detail.push_str(", ");
            detail.push_str(part);
        }
        let locked = self.members.iter().filter(|member| member.is_encrypted()).count();
        if locked > 0 {
            detail.push_str(&format!(", {locked} encrypted"));
        }
        detail
    }

    /// The member of an entry; `None` for directories that no member names.
    fn member(&self, id: EntryId) -> Option<&Member> {
        self.members.get(self.member_of.get(id.0).copied().flatten()?)
    }

    /// The member of an entry, to be read.
    fn readable(&self, id: EntryId) -> Result<Option<&Member>> {
        let place = self.member_of.get(id.0).copied().flatten();
        if place.and_then(|place| self.overlapping.get(place)).copied().unwrap_or(false) {
            return Err(Error::damaged("the member begins within another one"));
        }
        Ok(self.member(id).filter(|member| member.kind == EntryKind::File && !member.is_empty()))
    }

    fn content(&self, id: EntryId) -> Result<unpack::Content> {
        let Some(member) = self.readable(id)? else { return Ok(Box::new(std::io::empty())) };
        let opened = content::open(&self.catalogue.source, member, &self.limits, &self.passwords);
        match &self.missing {
            Some(part) if !member.is_encrypted() => opened.map_err(|_| Error::not_found(part, None)),
            _ => opened,
        }
    }
}

impl Container for Zip {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn member_checksum(&self) -> Option<&'static str> {
        // AE-2 keeps no checksum: its authentication code stands for it.
        let coded = |member: &&Member| member.kind == EntryKind::File && member.crc.is_none();
        let files = self.members.iter().filter(|member| member.kind == EntryKind::File).count();
        Some(match self.members.iter().filter(coded).count() {
            0 => "crc32",
            some if some == files => "hmac-sha1",
            _ => "crc32 or hmac-sha1",
        })
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        self.content(id)
    }

    fn read_in_order(&self, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
        let mut order = wanted.to_vec();
        order.sort_by_key(|id| (self.member(*id).map(|member| member.local), *id));
        // Large members are decoded ahead; small ones cost less than handing them over does. Of one that says it is empty
        // nothing would be read, and what is wrong with it not be met.
        let large =
            |id: EntryId| self.member(id).is_some_and(|member| member.packed >= LARGE && member.bytes > 0);
        let ahead: Vec<EntryId> = order.iter().copied().filter(|&id| large(id)).collect();
        if self.threads <= 1 || ahead.len() < 2 {
            for id in order {
                deliver(self.source(), (id, self.entry(id)?), || self.open(id), sink)?;
            }
            return Ok(());
        }
        let mut rest = order.into_iter().peekable();
        let mut small = |until: Option<EntryId>, sink: &mut dyn Sink| -> Result<()> {
            while let Some(id) = rest.next().filter(|id| Some(*id) != until) {
                deliver(self.source(), (id, self.entry(id)?), || self.open(id), sink)?;
            }
            Ok(())
        };
        let open = |run: usize| -> Result<unpack::Content> {
            let id = ahead.get(run).copied().ok_or_else(|| Error::not_found("member", None))?;
            self.content(id)
        };
        decode_ahead(
            ahead.len(),
            self.threads,
            |run| open(run).map(|content| content as Box<dyn Read + Send>),
            |run, content| {
                let id = ahead.get(run).copied();
                small(id, sink)?;
                deliver_run(self.entries(), id.as_slice(), content, sink).map(|_| ())
            },
        )?;
        small(None, sink)
    }

    fn sub_source(&self, id: EntryId, limits: &Limits) -> Result<SharedSource> {
        if let Some(member) = self.readable(id)?
            && member.method == content::STORED
            && !member.is_encrypted()
            && member.packed == member.bytes
        {
            let start = content::data_start(self.source(), member)?;
            return Ok(Arc::new(Slice::new(
                self.source().clone(),
                start..start.saturating_add(member.bytes),
            )));
        }
        spool(&mut *self.open(id)?, limits)
    }
}
