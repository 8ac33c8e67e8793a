//! Resources: where their chunks lie, unpacking them, and reading any range of one.

use super::header::Method;
use crate::codec::lzms::Lzms;
use crate::codec::lzx::{Lzx, Parameters};
use crate::codec::xpress::Xpress;
use crate::error::{Error, Result};
use crate::source::{SharedSource, Slice, Source, read_vec};
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// Chunks whose places are read at once.
const PLACES: u64 = 1024;
/// Bytes of unpacked chunks that a source keeps, where a chunk is not larger.
const KEPT: u64 = 2 << 20;

/// Bytes from which on a chunk takes long to unpack.
const LARGE: usize = 1 << 20;
/// Broken chunks that are remembered.
const MOST_BROKEN: usize = 4096;

/// How a resource says where its chunks are.
#[derive(Debug, Clone)]
pub(super) enum Table {
    /// Offsets in front of the chunks, of all but the first.
    Front,
    /// Offsets behind the chunks; each chunk begins with its size.
    Pipable,
    /// Where each chunk begins, and the end of the last: a solid resource's table has sizes.
    Known(Arc<Vec<u64>>),
}

/// A packed or stored run of bytes.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    /// Which file of the set it is in.
    pub(super) part: usize,
    pub(super) at: u64,
    pub(super) packed: u64,
    pub(super) bytes: u64,
    pub(super) method: Method,
    pub(super) chunk: u32,
    pub(super) table: Table,
}

impl Resource {
    fn chunks(&self) -> u64 {
        self.bytes.div_ceil(u64::from(self.chunk).max(1))
    }

    /// False where it cannot be as large as it claims: its table has no room for so many chunks.
    pub(super) fn has_room(&self, source: &dyn Source) -> bool {
        let chunks = self.chunks();
        match &self.table {
            Table::Known(starts) => starts.len() as u64 == chunks.saturating_add(1),
            _ => {
                self.at.saturating_add(self.packed) <= source.len()
                    && chunks.saturating_sub(1).saturating_mul(4) <= self.packed
            }
        }
    }

    /// Bytes that chunk `number` unpacks to.
    fn chunk_bytes(&self, number: u64) -> Result<usize> {
        let from = number.saturating_mul(self.chunk.into());
        let bytes = self.bytes.saturating_sub(from).min(self.chunk.into());
        usize::try_from(bytes).map_err(|_| Error::limit("bytes in memory", usize::MAX as u64))
    }

    /// Where the packed bytes of the chunks `range` lie in the file.
    fn places(&self, source: &dyn Source, range: Range<u64>) -> Result<Vec<Range<u64>>> {
        let (first, last) = (range.start, range.end.min(self.chunks()));
        let count = usize::try_from(last.saturating_sub(first)).unwrap_or(0);
        let wrong = |what| Err(Error::damaged(what).at("chunk table", self.at));
        let mut out = Vec::with_capacity(count.min(1 << 16));
        if let Table::Known(starts) = &self.table {
            let first = usize::try_from(first).unwrap_or(usize::MAX);
            let starts = starts.get(first..).unwrap_or_default();
            out.extend(starts.windows(2).take(count).map(|pair| match pair {
                [from, to] => *from..*to,
                _ => 0..0,
            }));
            return if out.len() == count { Ok(out) } else { wrong("fewer chunks than its size needs") };
        }
        let pipable = matches!(self.table, Table::Pipable);
        let chunks = self.chunks();
        let width: u64 = if self.bytes > u32::MAX.into() { 8 } else { 4 };
        let table = (chunks - 1).saturating_mul(width);
        let heads = if pipable { chunks.saturating_mul(4) } else { 0 };
        let Some(data) = self.packed.checked_sub(table.saturating_add(heads)) else {
            return wrong("larger than its resource");
        };
        let (table_at, data_at) = match pipable {
            true => (self.at.saturating_add(self.packed - table), self.at),
            false => (self.at, self.at.saturating_add(table)),
        };
        // Offsets of the chunks first..=last; those of the first and behind the last are not in the table.
        let (from, to) = (first.max(1), last.min(chunks - 1));
        let entries = (to + 1).saturating_sub(from);
        let at = table_at.saturating_add((from - 1).saturating_mul(width));
        let bytes = read_vec(source, at, entries.saturating_mul(width))
            .map_err(|error| error.at("chunk table", at))?;
        let width = usize::try_from(width).unwrap_or(8);
        let read = bytes
            .chunks_exact(width)
            .map(|entry| entry.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)));
        let begin = (first == 0).then_some(0);
        let mut offsets = begin.into_iter().chain(read).chain((last == chunks).then_some(data));
        let Some(mut from) = offsets.next() else { return Ok(out) };
        for (to, number) in offsets.zip(first..) {
            if to < from || to > data {
                return wrong("offsets that go backwards or beyond the resource");
            }
            let head = if pipable { (number + 1).saturating_mul(4) } else { 0 };
            let place = data_at.saturating_add(head);
            out.push(place.saturating_add(from)..place.saturating_add(to));
            from = to;
        }
        if out.len() == count { Ok(out) } else { wrong("fewer chunks than its size needs") }
    }
}

/// Decoders for all methods, made as they are needed.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    xpress: Option<Xpress>,
    lzx: Option<(u32, Lzx)>,
    lzms: Option<Lzms>,
}

impl Decoder {
    fn chunk(&mut self, resource: &Resource, packed: &[u8], out: &mut [u8]) -> Result<()> {
        if packed.len() == out.len() {
            out.copy_from_slice(packed);
            return Ok(());
        }
        if packed.len() > out.len() {
            return Err(Error::damaged("chunk larger than what it unpacks to"));
        }
        match resource.method {
            Method::Stored => Err(Error::damaged("packed chunk where nothing is packed")),
            Method::Xpress => self.xpress.get_or_insert_default().chunk(packed, out),
            Method::Lzms => self.lzms.get_or_insert_default().chunk(packed, out),
            Method::Lzx => {
                let bits = resource.chunk.ilog2();
                let lzx = match &mut self.lzx {
                    Some((there, lzx)) if *there == bits => lzx,
                    other => &mut other.insert((bits, Lzx::new(Parameters::wim(bits))?)).1,
                };
                lzx.reset();
                lzx.frame(packed, out)
            }
        }
    }
}

/// The files of a set, and decoders that nobody uses just now.
pub(super) struct Files {
    pub(super) parts: Vec<SharedSource>,
    idle: Mutex<Vec<Decoder>>,
    /// Large chunks that cannot be unpacked, by file and place: many members may lie in one, and none of them
    /// tries again.
    broken: Mutex<HashMap<(usize, u64), Error>>,
}

impl Files {
    pub(super) fn new(parts: Vec<SharedSource>) -> Self {
        Self { parts, idle: Mutex::default(), broken: Mutex::default() }
    }

    pub(super) fn part(&self, number: usize) -> Result<&SharedSource> {
        self.parts.get(number).ok_or_else(|| Error::not_found(format!("part {}", number + 1), None))
    }

    fn is_broken(&self, part: usize, at: u64) -> Option<Error> {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.get(&(part, at)).map(Error::again)
    }

    fn note_broken(&self, part: usize, at: u64, error: &Error) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        if broken.len() < MOST_BROKEN {
            broken.insert((part, at), error.again());
        }
    }

    fn take(&self) -> Decoder {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, decoder: Decoder) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < 8 {
            idle.push(decoder);
        }
    }
}

/// Reads a range of a resource from its beginning to its end.
pub(super) struct ResourceReader {
    files: Arc<Files>,
    resource: Resource,
    at: u64,
    end: u64,
    /// Places of the chunks from that number on.
    places: (u64, Vec<Range<u64>>),
    /// Which chunk is unpacked.
    unpacked: Option<u64>,
    buffer: Vec<u8>,
    decoder: Option<Decoder>,
}

impl ResourceReader {
    pub(super) fn new(files: &Arc<Files>, resource: &Resource, range: Range<u64>) -> Self {
        let decoder = Some(files.take());
        let (at, end) = (range.start, range.end.min(resource.bytes));
        let resource = resource.clone();
        let places = (0, Vec::new());
        Self { files: files.clone(), resource, at, end, places, unpacked: None, buffer: Vec::new(), decoder }
    }

    /// Goes on with another range of the same resource.
    pub(super) fn go_to(&mut self, range: Range<u64>) {
        (self.at, self.end) = (range.start, range.end.min(self.resource.bytes));
    }

    /// Goes on with another resource; its decoder and its memory stay.
    pub(super) fn turn_to(&mut self, resource: &Resource, range: Range<u64>) {
        (self.at, self.end) = (range.start, range.end.min(resource.bytes));
        self.resource = resource.clone();
        (self.places, self.unpacked) = ((0, Vec::new()), None);
    }

    /// Unpacks chunk `number`, unless it is the one that is there.
    fn unpack(&mut self, number: u64) -> Result<()> {
        if self.unpacked == Some(number) {
            return Ok(());
        }
        self.unpacked = None;
        let source = self.files.part(self.resource.part)?;
        let (first, there) = &self.places;
        if number < *first || number - first >= there.len() as u64 {
            // Few for a short look, many for who reads it all.
            let wanted = self.end.div_ceil(u64::from(self.resource.chunk).max(1));
            let last = number.saturating_add(PLACES).min(wanted.max(number + 1));
            self.places = (number, self.resource.places(&**source, number..last)?);
        }
        let (first, there) = &self.places;
        let place = usize::try_from(number - first).ok().and_then(|at| there.get(at)).cloned();
        let place = place.ok_or_else(|| Error::damaged("chunk table"))?;
        let len = place.end.saturating_sub(place.start);
        let bytes = self.resource.chunk_bytes(number)?;
        if len > bytes as u64 || len == 0 {
            return Err(Error::damaged("chunk larger than what it unpacks to").at("chunk", place.start));
        }
        let is_large = bytes >= LARGE;
        if let Some(error) = is_large.then(|| self.files.is_broken(self.resource.part, place.start)).flatten()
        {
            return Err(error);
        }
        let packed = read_vec(&**source, place.start, len).map_err(|error| error.at("chunk", place.start))?;
        self.buffer.resize(bytes, 0);
        let decoder = self.decoder.get_or_insert_default();
        if let Err(error) = decoder.chunk(&self.resource, &packed, &mut self.buffer) {
            let error = error.at("chunk", place.start);
            if is_large {
                self.files.note_broken(self.resource.part, place.start, &error);
            }
            return Err(error);
        }
        self.unpacked = Some(number);
        Ok(())
    }
}

impl ResourceReader {
    /// The next bytes, up to the end of their chunk; none at the end. [`ResourceReader::pass`] goes over them.
    pub(super) fn next(&mut self) -> Result<&[u8]> {
        if self.at >= self.end {
            return Ok(&[]);
        }
        let chunk = u64::from(self.resource.chunk).max(1);
        self.unpack(self.at / chunk)?;
        let left = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let from = usize::try_from(self.at % chunk).unwrap_or(usize::MAX);
        let there = self.buffer.get(from..).unwrap_or_default();
        Ok(there.get(..left.min(there.len())).unwrap_or_default())
    }

    /// Goes over `len` bytes.
    pub(super) fn pass(&mut self, len: usize) {
        self.at = self.at.saturating_add(len as u64);
    }
}

impl Read for ResourceReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        let n = self.next()?.read(buf)?;
        self.pass(n);
        Ok(n)
    }
}

impl Drop for ResourceReader {
    fn drop(&mut self) {
        if let Some(decoder) = self.decoder.take() {
            self.files.give_back(decoder);
        }
    }
}

/// A packed resource as a source: chunks are unpacked as they are asked for, and the last ones are kept.
pub(super) struct ResourceSource {
    files: Arc<Files>,
    resource: Resource,
    kept: Mutex<Kept>,
}

struct Kept {
    reader: ResourceReader,
    chunks: VecDeque<(u64, Vec<u8>)>,
}

impl ResourceSource {
    pub(super) fn new(files: &Arc<Files>, resource: &Resource) -> Self {
        let reader = ResourceReader::new(files, resource, 0..resource.bytes);
        let kept = Mutex::new(Kept { reader, chunks: VecDeque::new() });
        Self { files: files.clone(), resource: resource.clone(), kept }
    }
}

/// A resource as a source. A solid one has chunks even where they are not packed.
pub(super) fn source(files: &Arc<Files>, resource: &Resource, chunked: bool) -> Result<SharedSource> {
    match resource.method {
        Method::Stored if !chunked => {
            let range = resource.at..resource.at.saturating_add(resource.bytes);
            Ok(Arc::new(Slice::new(files.part(resource.part)?.clone(), range)))
        }
        _ => Ok(Arc::new(ResourceSource::new(files, resource))),
    }
}

impl Source for ResourceSource {
    fn len(&self) -> u64 {
        self.resource.bytes
    }

    fn unchanged(&self) -> Result<()> {
        self.files.parts.iter().try_for_each(|part| part.unchanged())
    }

    fn failure(&self) -> Option<Error> {
        self.files.parts.iter().find_map(|part| part.failure())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let chunk = u64::from(self.resource.chunk).max(1);
        let most = usize::try_from((KEPT / chunk).max(1)).unwrap_or(1);
        let mut done = 0;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { reader, chunks } = &mut *kept;
        loop {
            let at = offset.saturating_add(done as u64);
            let rest = buf.get_mut(done..).unwrap_or_default();
            if rest.is_empty() || at >= self.resource.bytes {
                return Ok(done);
            }
            let number = at / chunk;
            let there = match chunks.iter().position(|(there, _)| *there == number) {
                Some(place) => chunks.remove(place),
                None => {
                    // Its places are read for a stretch that is likely to be wanted.
                    reader.go_to(at..(number + 16).saturating_mul(chunk));
                    reader.unpack(number)?;
                    reader.unpacked = None;
                    if chunks.len() >= most {
                        chunks.pop_front();
                    }
                    Some((number, std::mem::take(&mut reader.buffer)))
                }
            };
            let Some(there) = there else { return Ok(done) };
            let from = usize::try_from(at % chunk).unwrap_or(usize::MAX);
            let n = there.1.get(from..).unwrap_or_default().read(rest)?;
            chunks.push_back(there);
            if n == 0 {
                return Ok(done);
            }
            done += n;
        }
    }
}

impl std::fmt::Debug for ResourceSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResourceSource").field("parts", &self.files.parts.len()).finish_non_exhaustive()
    }
}
