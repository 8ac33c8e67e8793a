//! Reading many members: resources are unpacked in physical order, several stretches at a time, each once
//! whatever the number of its names, and every member is compared with its SHA-1.

use super::Wim;
use super::blobs::{Blob, Place, Sha1};
use super::header::Method;
use super::resource::{Resource, ResourceReader};
use crate::ahead::decode_ahead;
use crate::container::{Container, EntryId, EntryKind};
use crate::error::{Error, Kind, Result};
use crate::limits::Limits;
use crate::sink::{CHUNK, Sink, Want, deliver};
use crate::source::{SourceReader, Spool};
use sha1::Digest;
use std::io::{self, Read};

/// Bytes that one thread unpacks at a time, unless a chunk is larger.
const STRETCH: u64 = 1 << 20;
/// A blob with several names is kept for the others: up to this size in memory, then in a temporary file.
const KEPT: u64 = 16 << 20;

/// A blob that is wanted, and the members that are it.
pub(super) struct Wanted {
    pub(super) blob: u32,
    pub(super) bytes: u64,
    pub(super) sha1: Sha1,
    members: Vec<EntryId>,
}

/// A range of a wanted blob.
pub(super) struct Span {
    pub(super) wanted: usize,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// What one thread does at a time.
enum Job {
    /// A member that is stored or has no bytes: nothing to unpack.
    Plain(Vec<EntryId>),
    Stretch(Vec<Span>),
}

/// Gives the wanted members to the sink.
pub(super) fn read_in_order(wim: &Wim, wanted: &[EntryId], sink: &mut dyn Sink) -> Result<()> {
    let (jobs, list) = plan(wim, wanted)?;
    let mut delivery = Delivery { wim, list: &list, sink, now: None, again: Vec::new() };
    decode_ahead(
        jobs.len(),
        wim.threads,
        |number| match jobs.get(number) {
            Some(Job::Stretch(spans)) => Ok(Box::new(Spans { wim, list: &list, spans, reader: None })),
            _ => Ok(Box::new(io::empty())),
        },
        |number, content| match jobs.get(number) {
            Some(Job::Stretch(spans)) => delivery.stretch(spans, content),
            Some(Job::Plain(members)) => delivery.plain(members),
            None => Ok(()),
        },
    )?;
    let again = std::mem::take(&mut delivery.again);
    delivery.plain(&again)
}

/// Where a blob lies: file of the set, byte, and byte of a solid resource.
pub(super) type Order = (usize, u64, u64);

/// Where a blob lies, and whether it is unpacked in stretches: what is stored is not, nor what cannot be as
/// large as it claims.
pub(super) fn lies(wim: &Wim, blob: &Blob) -> Option<(Order, bool)> {
    let (resource, offset) = wim.blobs.resource(blob).ok()?;
    let packed = resource.method != Method::Stored || matches!(blob.place, Place::Solid { .. });
    let room = || wim.files.part(resource.part).is_ok_and(|source| resource.has_room(&**source));
    Some(((resource.part, resource.at, offset), packed && room()))
}

/// The stretches in which these blobs are unpacked best. Blobs that stand alone are cut where they are longer
/// than `longest`.
pub(super) fn stretches(
    wim: &Wim,
    mut packed: Vec<(Order, u32)>,
    longest: u64,
) -> Result<(Vec<Vec<Span>>, Vec<Wanted>)> {
    packed.sort_unstable();
    let (mut jobs, mut list) = (Vec::new(), Vec::new());
    let mut stretch = Stretch { longest, ..Stretch::default() };
    for (_, number) in packed {
        let Some(blob) = wim.blobs.get(number) else { continue };
        let (resource, offset) = wim.blobs.resource(blob)?;
        stretch.add(list.len(), &resource, offset, blob.bytes, &mut jobs);
        list.push(Wanted { blob: number, bytes: blob.bytes, sha1: blob.sha1, members: Vec::new() });
    }
    stretch.end(&mut jobs);
    let spans = jobs.into_iter().filter_map(|job| match job {
        Job::Stretch(spans) => Some(spans),
        Job::Plain(_) => None,
    });
    Ok((spans.collect(), list))
}

fn plan(wim: &Wim, wanted: &[EntryId]) -> Result<(Vec<Job>, Vec<Wanted>)> {
    let mut plain = Vec::new();
    let mut packed: Vec<(Order, u32, EntryId)> = Vec::with_capacity(wanted.len());
    for &id in wanted {
        let entry = wim.entry(id)?;
        let blob = wim.of_entry.get(id.0).copied().unwrap_or(super::tree::NO_BLOB);
        let found = wim.blobs.get(blob).filter(|blob| entry.kind == EntryKind::File && blob.bytes > 0);
        match found.and_then(|found| lies(wim, found)) {
            Some((order, true)) => packed.push((order, blob, id)),
            Some((order, false)) => plain.push((order, id)),
            None => plain.push(((0, 0, 0), id)),
        }
    }
    packed.sort_unstable();
    plain.sort_unstable();
    let mut plain = plain.into_iter().peekable();
    let mut jobs = Vec::new();
    let mut list: Vec<Wanted> = Vec::new();
    let mut stretch = Stretch { longest: STRETCH, ..Stretch::default() };
    for (order, number, id) in packed {
        if let Some(last) = list.last_mut().filter(|last| last.blob == number) {
            last.members.push(id);
            continue;
        }
        let mut before = Vec::new();
        while let Some((_, id)) = plain.next_if(|(there, _)| *there < order) {
            before.push(id);
        }
        if !before.is_empty() {
            stretch.end(&mut jobs);
            jobs.push(Job::Plain(before));
        }
        let Some(blob) = wim.blobs.get(number) else { continue };
        let (resource, offset) = wim.blobs.resource(blob)?;
        stretch.add(list.len(), &resource, offset, blob.bytes, &mut jobs);
        list.push(Wanted { blob: number, bytes: blob.bytes, sha1: blob.sha1, members: vec![id] });
    }
    stretch.end(&mut jobs);
    let rest: Vec<EntryId> = plain.map(|(_, id)| id).collect();
    if !rest.is_empty() {
        jobs.push(Job::Plain(rest));
    }
    Ok((jobs, list))
}

/// Puts spans together until they are worth a thread's while.
#[derive(Default)]
struct Stretch {
    spans: Vec<Span>,
    bytes: u64,
    /// Blobs that stand alone are cut into pieces of so many bytes.
    longest: u64,
    /// In a solid resource: which one, and the byte of it where the stretch ends.
    solid: Option<(Order, u64)>,
}

impl Stretch {
    fn end(&mut self, jobs: &mut Vec<Job>) {
        if !self.spans.is_empty() {
            jobs.push(Job::Stretch(std::mem::take(&mut self.spans)));
        }
        self.bytes = 0;
    }

    /// Cuts the blob where stretches end: at the end of a chunk, so that none is unpacked twice.
    fn add(&mut self, wanted: usize, resource: &Resource, offset: u64, bytes: u64, jobs: &mut Vec<Job>) {
        let chunk = u64::from(resource.chunk).max(1);
        let is_solid = resource.bytes != bytes || offset > 0;
        let step = if is_solid { STRETCH } else { self.longest };
        let step = step.max(chunk) / chunk * chunk;
        let of = (resource.part, resource.at, 0);
        let mut from = 0;
        while from < bytes {
            let at = offset + from;
            let cut = (at / step + 1).saturating_mul(step);
            if is_solid {
                if self.solid != Some((of, cut)) {
                    self.end(jobs);
                }
                self.solid = Some((of, cut));
            } else if self.solid.take().is_some() || self.bytes >= STRETCH {
                self.end(jobs);
            }
            let to = bytes.min(cut - offset);
            self.spans.push(Span { wanted, from, to });
            self.bytes += to - from;
            if to < bytes {
                self.end(jobs);
            }
            from = to;
        }
    }
}

/// The bytes of some spans, one after the other.
struct Spans<'a> {
    wim: &'a Wim,
    list: &'a [Wanted],
    spans: &'a [Span],
    /// Reads the current span; the resource it reads.
    reader: Option<(ResourceReader, Order)>,
}

impl Spans<'_> {
    /// Opens the next span; false where there is none.
    fn open(&mut self) -> Result<bool> {
        let Some((span, rest)) = self.spans.split_first() else { return Ok(false) };
        self.spans = rest;
        let wanted = self.list.get(span.wanted);
        let blob = wanted.and_then(|wanted| self.wim.blobs.get(wanted.blob));
        let blob = blob.ok_or_else(|| Error::damaged("lookup table"))?;
        let (resource, offset) = self.wim.blobs.resource(blob)?;
        let range = offset.saturating_add(span.from)..offset.saturating_add(span.to);
        let of = (resource.part, resource.at, 0);
        match &mut self.reader {
            Some((reader, there)) if *there == of => reader.go_to(range),
            Some((reader, there)) => {
                reader.turn_to(&resource, range);
                *there = of;
            }
            none => *none = Some((ResourceReader::new(&self.wim.files, &resource, range), of)),
        }
        Ok(true)
    }
}

impl Read for Spans<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some((reader, _)) = &mut self.reader {
                match reader.read(buf)? {
                    0 => {}
                    n => return Ok(n),
                }
            }
            if buf.is_empty() || !self.open()? {
                return Ok(0);
            }
        }
    }
}

/// The blob that comes just now.
struct Now {
    wanted: usize,
    /// The member that the sink gets meanwhile.
    live: Option<EntryId>,
    /// Those that come after it.
    others: Vec<EntryId>,
    kept: Option<Spool>,
    sha1: sha1::Sha1,
}

struct Delivery<'a, 's> {
    wim: &'a Wim,
    list: &'a [Wanted],
    sink: &'s mut dyn Sink,
    now: Option<Now>,
    /// Members that are read alone at the end.
    again: Vec<EntryId>,
}

impl Delivery<'_, '_> {
    /// Members that are read by themselves.
    fn plain(&mut self, members: &[EntryId]) -> Result<()> {
        for &id in members {
            let entry = self.wim.entry(id)?;
            deliver(self.wim.source(), (id, entry), || self.wim.open(id), self.sink)?;
        }
        Ok(())
    }

    fn stretch(&mut self, spans: &[Span], content: &mut dyn Read) -> Result<()> {
        let mut broken = false;
        let mut buf = vec![0; CHUNK];
        for span in spans {
            let Some(wanted) = self.list.get(span.wanted) else { continue };
            if broken {
                // Whatever failed before, this may be whole.
                if span.from == 0 {
                    self.again.extend(&wanted.members);
                } else {
                    self.fail(span.wanted, &Error::damaged("a part of it"))?;
                }
                continue;
            }
            if span.from == 0 {
                self.begin(span.wanted, wanted)?;
            }
            let mut left = span.to - span.from;
            while left > 0 {
                let want = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
                let room = buf.get_mut(..want).unwrap_or_default();
                let n = match content.read(room) {
                    Ok(0) => Err(Error::truncated(wanted.bytes, span.to - left).during("content")),
                    Ok(n) => Ok(n),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(Error::from(error)),
                };
                match n {
                    Ok(n) => {
                        left = left.saturating_sub(n as u64);
                        self.chunk(span.wanted, buf.get(..n).unwrap_or_default())?;
                    }
                    Err(error) => {
                        broken = true;
                        self.fail(span.wanted, &error)?;
                        break;
                    }
                }
            }
            if !broken && span.to == wanted.bytes {
                self.finish(span.wanted, wanted)?;
            }
        }
        Ok(())
    }

    /// Asks the sink, until it wants a member.
    fn begin(&mut self, number: usize, wanted: &Wanted) -> Result<()> {
        let mut members = wanted.members.iter().copied();
        let mut live = None;
        for id in members.by_ref() {
            if self.sink.begin(id, self.wim.entry(id)?)? != Want::Skip {
                live = Some(id);
                break;
            }
        }
        let others: Vec<EntryId> = members.collect();
        let limits = Limits { spool_memory: KEPT, ..Limits::default() };
        let kept = (!others.is_empty()).then(|| Spool::new(&limits));
        self.now = Some(Now { wanted: number, live, others, kept, sha1: sha1::Sha1::new() });
        Ok(())
    }

    fn chunk(&mut self, number: usize, bytes: &[u8]) -> Result<()> {
        let Some(now) = self.now.as_mut().filter(|now| now.wanted == number) else { return Ok(()) };
        let Some(id) = now.live else { return Ok(()) };
        now.sha1.update(bytes);
        if let Some(kept) = &mut now.kept
            && kept.write(bytes).is_err()
        {
            // There is no room for it: the others unpack it again.
            now.kept = None;
        }
        let outcome = self.sink.chunk(bytes);
        if outcome.is_err() {
            self.now = None;
            self.sink.end(self.wim.entry(id)?, Err(Error::new(Kind::Cancelled)))?;
        }
        outcome
    }

    /// The blob cannot be read: all its members fail.
    fn fail(&mut self, number: usize, error: &Error) -> Result<()> {
        let Some(now) = self.now.take_if(|now| now.wanted == number) else { return Ok(()) };
        if let Some(id) = now.live {
            self.sink.end(self.wim.entry(id)?, Err(error.again()))?;
        }
        for id in now.others {
            let entry = self.wim.entry(id)?;
            if self.sink.begin(id, entry)? != Want::Skip {
                self.sink.end(entry, Err(error.again()))?;
            }
        }
        Ok(())
    }

    /// The blob is over: it is compared, and the other members get it.
    fn finish(&mut self, number: usize, wanted: &Wanted) -> Result<()> {
        let Some(now) = self.now.as_ref().filter(|now| now.wanted == number) else { return Ok(()) };
        if now.live.is_some() && wanted.sha1 != [0; 20] {
            let found: Sha1 = now.sha1.clone().finalize().into();
            if found != wanted.sha1 {
                return self.fail(number, &differs());
            }
        }
        let Some(now) = self.now.take() else { return Ok(()) };
        if let Some(id) = now.live {
            self.sink.end(self.wim.entry(id)?, Ok(()))?;
        }
        let kept = now.kept.filter(|_| now.live.is_some()).and_then(|kept| kept.finish().ok());
        for id in now.others {
            let Some(kept) = kept.clone() else {
                self.again.push(id);
                continue;
            };
            let open = || Ok(Box::new(SourceReader::new(kept)) as Box<dyn Read + Send>);
            deliver(self.wim.source(), (id, self.wim.entry(id)?), open, self.sink)?;
        }
        Ok(())
    }
}

/// A member's bytes are not those whose digest the table has.
pub(super) fn differs() -> Error {
    Error::damaged("SHA-1 differs")
}

/// Reads a blob and compares it at its end.
pub(super) struct Checked<R> {
    inner: R,
    left: u64,
    sha1: sha1::Sha1,
    expected: Sha1,
}

impl<R: Read> Checked<R> {
    pub(super) fn new(inner: R, bytes: u64, expected: Sha1) -> Self {
        Self { inner, left: bytes, sha1: sha1::Sha1::new(), expected }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        self.sha1.update(buf.get(..n).unwrap_or_default());
        self.left = self.left.saturating_sub(n as u64);
        // Once, whoever reads on: the digest of nothing is not compared again.
        if n == 0 && !buf.is_empty() && self.left == 0 && self.expected != [0; 20] {
            let found: Sha1 = self.sha1.clone().finalize().into();
            if found != self.expected {
                return Err(differs().into());
            }
        }
        Ok(n)
    }
}
