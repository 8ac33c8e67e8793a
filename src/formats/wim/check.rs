//! Checking every resource: each is unpacked once and compared with its SHA-1, by the threads that unpack. Only a
//! blob that lies in several stretches is put together again.

use super::Wim;
use super::blobs::{Blob, Place, Sha1};
use super::deliver::{self, Order, Span, Wanted, differs};
use super::resource::ResourceReader;
use crate::ahead::decode_ahead;
use crate::container::{BadResource, EntryId, Resources};
use crate::digest::hex;
use crate::error::{Error, Kind, Result};
use crate::limits::UNPACKED;
use crate::observe::Observer;
use crate::sink::CHUNK;
use sha1::Digest;
use std::collections::HashMap;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// A blob that stands alone and is not longer is unpacked by one thread.
const LONGEST: u64 = 16 << 20;
/// Members that are named of one resource.
const MOST_NAMED: usize = 8;

/// What is wrong with the blobs of those numbers.
type Wrong = Mutex<HashMap<u32, Error>>;

fn note(wrong: &Wrong, blob: u32, error: Error) {
    wrong.lock().unwrap_or_else(PoisonError::into_inner).entry(blob).or_insert(error);
}

/// Checks all blobs of all images, and the images' metadata.
pub(super) fn check(wim: &Wim, observer: &dyn Observer) -> Result<Resources> {
    let mut out = Resources::default();
    let (mut packed, mut plain) = (Vec::<(Order, u32)>::new(), Vec::<(Order, u32)>::new());
    for (number, blob) in (0u32..).zip(&wim.blobs.list) {
        // The XML data are no resource of the table: they have no SHA-1.
        if Some(number) == wim.xml {
            continue;
        }
        out.count += 1;
        out.bytes = out.bytes.saturating_add(blob.bytes);
        match deliver::lies(wim, blob) {
            Some((order, true)) if blob.bytes > 0 => packed.push((order, number)),
            Some((order, _)) => plain.push((order, number)),
            None => plain.push(((0, 0, 0), number)),
        }
    }
    let metadata = || wim.blobs.metadata.iter();
    out.count += metadata().count() as u64;
    out.bytes = metadata().fold(out.bytes, |sum, blob| sum.saturating_add(blob.bytes));
    let solids = wim.blobs.solids.iter().fold(0u64, |sum, solid| sum.saturating_add(solid.bytes));
    if out.bytes.max(solids) > wim.most {
        return Err(Error::limit(UNPACKED, wim.most));
    }
    observer.total(out.bytes);
    let wrong = Wrong::default();
    in_stretches(wim, packed, observer, &wrong)?;
    plain.sort_unstable();
    for (_, number) in plain {
        if let Some(blob) = wim.blobs.get(number)
            && let Err(error) = alone(wim, blob, observer)?
        {
            note(&wrong, number, error);
        }
    }
    for (number, blob) in (1u32..).zip(metadata()) {
        if let Err(error) = alone(wim, blob, observer)? {
            let name = format!("{}, the metadata of image {number}", hex(&blob.sha1));
            out.failed.push(BadResource { name, members: Vec::new(), error });
        }
    }
    let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    out.failed.extend(named(wim, wrong));
    out.ranges = ranges(wim);
    Ok(out)
}

/// Where all that was checked lies in the first file of the set.
fn ranges(wim: &Wim) -> Vec<Range<u64>> {
    let blobs = wim.blobs.list.iter().zip(0u32..).filter(|(_, number)| Some(*number) != wim.xml);
    let alone = blobs.map(|(blob, _)| blob).chain(&wim.blobs.metadata).filter_map(|blob| match blob.place {
        Place::Alone { part: 0, at, packed, .. } => Some((at, packed)),
        _ => None,
    });
    let solid = wim.blobs.solids.iter().filter(|solid| solid.part == 0).map(|solid| (solid.at, solid.packed));
    alone.chain(solid).map(|(at, packed)| at..at.saturating_add(packed)).collect()
}

/// With their digests and the members that they are, sorted.
fn named(wim: &Wim, wrong: HashMap<u32, Error>) -> Vec<BadResource> {
    if wrong.is_empty() {
        return Vec::new();
    }
    let mut members: HashMap<u32, Vec<String>> = HashMap::new();
    for (at, blob) in wim.of_entry.iter().enumerate() {
        if wrong.contains_key(blob)
            && let Some(entry) = wim.catalogue.entries.get(EntryId(at).0)
        {
            let list = members.entry(*blob).or_default();
            if list.len() < MOST_NAMED {
                list.push(entry.path.text().to_owned());
            } else if list.len() == MOST_NAMED {
                list.push("others".to_owned());
            }
        }
    }
    let one = |(number, error): (u32, Error)| {
        let name = wim.blobs.get(number).map(|blob| hex(&blob.sha1)).unwrap_or_default();
        BadResource { name, members: members.remove(&number).unwrap_or_default(), error }
    };
    let mut out: Vec<BadResource> = wrong.into_iter().map(one).collect();
    out.sort_by(|a, b| (&a.members, &a.name).cmp(&(&b.members, &b.name)));
    out
}

/// One blob by itself. The outer error is that of who does not want to go on.
fn alone(wim: &Wim, blob: &Blob, observer: &dyn Observer) -> Result<Result<()>> {
    let mut content = match wim.content_of(blob) {
        Ok(content) => content,
        Err(error) => return Ok(Err(error)),
    };
    let mut buf = vec![0; CHUNK];
    let mut left = blob.bytes;
    loop {
        if observer.cancelled() {
            return Err(Error::new(Kind::Cancelled));
        }
        match content.read(&mut buf) {
            Ok(0) if left > 0 => return Ok(Err(Error::truncated(blob.bytes, blob.bytes - left))),
            Ok(0) => return Ok(Ok(())),
            Ok(n) => {
                left = left.saturating_sub(n as u64);
                observer.advance(n as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Err(error.into())),
        }
    }
}

/// Packed blobs, by all threads.
fn in_stretches(wim: &Wim, packed: Vec<(Order, u32)>, observer: &dyn Observer, wrong: &Wrong) -> Result<()> {
    let (jobs, list) = deliver::stretches(wim, packed, LONGEST)?;
    // The blob that goes on in the next stretch.
    let mut open: Option<(usize, sha1::Sha1)> = None;
    decode_ahead(
        jobs.len(),
        wim.threads,
        |number| {
            let spans = jobs.get(number).map(Vec::as_slice).unwrap_or_default();
            Ok(Box::new(Checking { wim, list: &list, spans, part: None, reader: None, observer, wrong }))
        },
        |number, content| {
            for span in jobs.get(number).map(Vec::as_slice).unwrap_or_default() {
                let Some(wanted) = list.get(span.wanted).filter(|wanted| !whole(span, wanted)) else {
                    continue;
                };
                let (_, sha1) = match open.take_if(|(there, _)| *there == span.wanted) {
                    Some(open) => open,
                    None => (span.wanted, sha1::Sha1::new()),
                };
                let sha1 = hash(content, span.to - span.from, sha1)?;
                match span.to == wanted.bytes {
                    true => compare(wrong, wanted, sha1),
                    false => open = Some((span.wanted, sha1)),
                }
            }
            // Whole blobs give no bytes: this waits until they are done.
            io::copy(content, &mut io::sink())?;
            if observer.cancelled() { Err(Error::new(Kind::Cancelled)) } else { Ok(()) }
        },
    )
}

fn hash(content: &mut dyn Read, len: u64, mut sha1: sha1::Sha1) -> Result<sha1::Sha1> {
    let mut buf = vec![0; CHUNK];
    let mut left = len;
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let n = content.read(buf.get_mut(..want).unwrap_or_default())?;
        if n == 0 {
            return Err(Error::truncated(len, len - left).during("resource"));
        }
        sha1.update(buf.get(..n).unwrap_or_default());
        left -= n as u64;
    }
    Ok(sha1)
}

fn compare(wrong: &Wrong, wanted: &Wanted, sha1: sha1::Sha1) {
    let found: Sha1 = sha1.finalize().into();
    if wanted.sha1 != [0; 20] && found != wanted.sha1 {
        note(wrong, wanted.blob, differs());
    }
}

fn whole(span: &Span, wanted: &Wanted) -> bool {
    span.from == 0 && span.to == wanted.bytes
}

/// Checks the whole blobs of a stretch; the bytes of parts of blobs are given. What cannot be unpacked is noted,
/// and zeros come in its place: the rest may be whole.
struct Checking<'a> {
    wim: &'a Wim,
    list: &'a [Wanted],
    spans: &'a [Span],
    /// The part of a blob that is being given: which one, and how many bytes are left of it.
    part: Option<(u32, u64)>,
    reader: Option<(ResourceReader, Order)>,
    observer: &'a dyn Observer,
    wrong: &'a Wrong,
}

impl Checking<'_> {
    fn reader(&mut self, blob: u32, span: &Span) -> Result<&mut ResourceReader> {
        let blob = self.wim.blobs.get(blob).ok_or_else(|| Error::damaged("lookup table"))?;
        let (resource, offset) = self.wim.blobs.resource(blob)?;
        let range = offset.saturating_add(span.from)..offset.saturating_add(span.to);
        let of = (resource.part, resource.at, 0);
        let reader = match self.reader.take() {
            Some((mut reader, there)) if there == of => {
                reader.go_to(range);
                reader
            }
            Some((mut reader, _)) => {
                reader.turn_to(&resource, range);
                reader
            }
            None => ResourceReader::new(&self.wim.files, &resource, range),
        };
        Ok(&mut self.reader.insert((reader, of)).0)
    }

    /// One whole blob.
    fn check(&mut self, span: &Span, wanted: &Wanted) -> Result<()> {
        let observer = self.observer;
        let reader = self.reader(wanted.blob, span)?;
        let (mut sha1, mut done) = (sha1::Sha1::new(), 0u64);
        loop {
            let bytes = reader.next()?;
            let n = bytes.len();
            sha1.update(bytes);
            if n == 0 {
                break;
            }
            reader.pass(n);
            done = done.saturating_add(n as u64);
            observer.advance(n as u64);
            if observer.cancelled() {
                return Ok(());
            }
        }
        if done < wanted.bytes {
            return Err(Error::truncated(wanted.bytes, done).during("resource"));
        }
        compare(self.wrong, wanted, sha1);
        Ok(())
    }

    /// Bytes of a part of a blob.
    fn give(&mut self, blob: u32, left: u64, buf: &mut [u8]) -> usize {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let room = buf.get_mut(..most).unwrap_or_default();
        let given = match &mut self.reader {
            Some((reader, _)) => reader.read(room),
            None => Ok(0),
        };
        match given {
            Ok(n) if n > 0 => n,
            other => {
                let error =
                    other.err().map_or_else(|| Error::truncated(left, 0).during("resource"), Error::from);
                note(self.wrong, blob, error);
                room.fill(0);
                most
            }
        }
    }
}

impl Read for Checking<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if buf.is_empty() {
                return Ok(0);
            }
            if let Some((blob, left)) = self.part.filter(|(_, left)| *left > 0) {
                let n = self.give(blob, left, buf);
                self.part = Some((blob, left - n as u64));
                self.observer.advance(n as u64);
                return Ok(n);
            }
            let Some((span, rest)) = self.spans.split_first() else { return Ok(0) };
            self.spans = rest;
            let Some(wanted) = self.list.get(span.wanted) else { continue };
            if whole(span, wanted) {
                if let Err(error) = self.check(span, wanted) {
                    note(self.wrong, wanted.blob, error);
                }
            } else {
                if let Err(error) = self.reader(wanted.blob, span) {
                    note(self.wrong, wanted.blob, error);
                    self.reader = None;
                }
                self.part = Some((wanted.blob, span.to - span.from));
            }
        }
    }
}
