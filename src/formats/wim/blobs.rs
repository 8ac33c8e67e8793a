//! The lookup table: every resource by the SHA-1 of what it unpacks to (WIM white paper, "Lookup table").

use super::header::{Header, Method, ResourceHeader};
use super::resource::{Files, Resource, ResourceReader, Table};
use crate::container::{Extents, Finding, Findings, Location, Severity};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::limits::Limits;
use crate::source::{Piece, Source, read_vec};
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

/// Bytes of one line of the table.
const LINE: usize = 50;
/// The size that a solid resource's own line claims.
const SOLID_MARK: u64 = 1 << 32;

/// A SHA-1 digest.
pub(super) type Sha1 = [u8; 20];

/// What one line of the table describes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blob {
    /// All zeros where nothing is known.
    pub(super) sha1: Sha1,
    /// Bytes unpacked.
    pub(super) bytes: u64,
    pub(super) place: Place,
}

/// Where a blob is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// A resource of its own, in that file of the set.
    Alone { part: u16, flags: u8, at: u64, packed: u64 },
    /// In that solid resource, from that byte on.
    Solid { run: u32, offset: u64 },
}

/// All lines of all files of a set.
#[derive(Default)]
pub(super) struct Blobs {
    pub(super) list: Vec<Blob>,
    by_sha1: HashMap<Sha1, u32>,
    /// Solid resources, in the order of the table.
    pub(super) solids: Vec<Resource>,
    /// The metadata of each image.
    pub(super) metadata: Vec<Blob>,
    /// How each file of the set packs.
    pub(super) methods: Vec<(Method, u32, Table)>,
    /// The first byte behind all resources of the first file.
    pub(super) end: u64,
}

impl Blobs {
    /// The number of the blob with that digest.
    pub(super) fn find(&self, sha1: &Sha1) -> Option<u32> {
        self.by_sha1.get(sha1).copied()
    }

    /// The blob with that number.
    pub(super) fn get(&self, number: u32) -> Option<&Blob> {
        usize::try_from(number).ok().and_then(|number| self.list.get(number))
    }

    /// Adds a blob that no line describes.
    pub(super) fn add(&mut self, blob: Blob) -> Option<u32> {
        let number = u32::try_from(self.list.len()).ok()?;
        self.list.push(blob);
        Some(number)
    }

    /// The resource that a blob is or lies in, and where it begins there.
    pub(super) fn resource(&self, blob: &Blob) -> Result<(Resource, u64)> {
        match blob.place {
            Place::Solid { run, offset } => {
                let solid = usize::try_from(run).ok().and_then(|run| self.solids.get(run));
                solid
                    .map(|solid| (solid.clone(), offset))
                    .ok_or_else(|| Error::damaged("blob in no solid resource").during("lookup table"))
            }
            Place::Alone { part, flags, at, packed } => {
                let part = usize::from(part);
                let how = self.methods.get(part).cloned();
                let (method, chunk, table) =
                    how.ok_or_else(|| Error::not_found(format!("part {}", part + 1), None))?;
                let method = match flags & ResourceHeader::COMPRESSED {
                    0 => Method::Stored,
                    _ if method == Method::Stored => {
                        return Err(
                            Error::damaged("packed resource where nothing is packed").at("resource", at)
                        );
                    }
                    _ => method,
                };
                Ok((Resource { part, at, packed, bytes: blob.bytes, method, chunk, table }, 0))
            }
        }
    }

    /// Where the blob lies, for the catalogue. What is in another file than the first counts as a run.
    pub(super) fn location(&self, number: u32, blob: &Blob) -> Location {
        match blob.place {
            _ if blob.bytes == 0 => Location::Nowhere,
            Place::Solid { run, offset } => Location::Solid { run, offset },
            // Also where it is not compressed: it has a SHA-1 to be compared, so the bytes must be seen.
            Place::Alone { part: 0, at, packed, .. } => {
                Location::Packed(Extents::One(Piece { at: Some(at), len: packed }))
            }
            Place::Alone { .. } => {
                let solids = u32::try_from(self.solids.len()).unwrap_or(u32::MAX);
                Location::Solid { run: solids.saturating_add(number), offset: 0 }
            }
        }
    }

    /// Reads the table of one file of the set.
    pub(super) fn read(
        &mut self,
        files: &Arc<Files>,
        part: usize,
        header: &Header,
        limits: &Limits,
        findings: &mut Findings,
    ) -> Result<()> {
        let table = if header.pipable { Table::Pipable } else { Table::Front };
        self.methods.push((header.method, header.chunk, table));
        let at = header.lookup.at;
        let bytes =
            self.whole(files, part, &header.lookup, limits).map_err(|error| error.at("lookup table", at))?;
        if bytes.len() % LINE != 0 {
            let what = format!("the lookup table has {} bytes, no multiple of {LINE}", bytes.len());
            findings.push(Finding::new(Severity::Damaged, what));
        }
        self.list.reserve(bytes.len() / LINE);
        self.by_sha1.reserve(bytes.len() / LINE);
        // Lines of solid resources stand together: first the resources, then what is in them.
        let mut run: Vec<(u64, u32)> = Vec::new();
        let mut inside: Vec<Blob> = Vec::new();
        for (number, line) in bytes.chunks_exact(LINE).enumerate() {
            let base = at.saturating_add((number * LINE) as u64);
            let fields = Fields::new("lookup table", line, base);
            let resource = ResourceHeader::parse(&fields, 0, "resource header")?;
            let mut sha1 = [0; 20];
            sha1.copy_from_slice(fields.bytes(30, 20, "hash")?);
            let of_part = fields.u16_le(24, "part number")?;
            if !resource.has(ResourceHeader::SOLID) {
                self.end_run(&mut run, &mut inside, findings);
            } else if resource.bytes == SOLID_MARK {
                match solid(files, part, &resource) {
                    Ok(solid) => {
                        let begin = run.last().map_or(0, |(begin, number)| {
                            let before = usize::try_from(*number).ok().and_then(|n| self.solids.get(n));
                            begin.saturating_add(before.map_or(0, |before| before.bytes))
                        });
                        run.push((begin, u32::try_from(self.solids.len()).unwrap_or(u32::MAX)));
                        self.reach(part, &resource);
                        self.solids.push(solid);
                    }
                    Err(error) => {
                        findings.push(Finding::new(Severity::Damaged, format!("a solid resource: {error}")));
                    }
                }
                continue;
            } else {
                let place = Place::Solid { run: u32::MAX, offset: resource.at };
                inside.push(Blob { sha1, bytes: resource.packed, place });
                continue;
            }
            if header.parts > 1 && of_part != header.part {
                continue;
            }
            if resource.has(ResourceHeader::SPANNED) {
                findings.push(Finding::new(Severity::Damaged, "a resource that goes on in another file"));
            }
            self.reach(part, &resource);
            let place = Place::Alone {
                part: u16::try_from(part).unwrap_or(u16::MAX),
                flags: resource.flags,
                at: resource.at,
                packed: resource.packed,
            };
            let mut blob = Blob { sha1, bytes: resource.bytes, place };
            if !resource.has(ResourceHeader::COMPRESSED) && resource.packed != resource.bytes {
                findings.push(Finding::new(
                    Severity::Damaged,
                    format!("a stored resource of {} bytes that claims {}", resource.packed, resource.bytes),
                ));
                blob.bytes = resource.packed;
            }
            if resource.has(ResourceHeader::METADATA) {
                if part == 0 {
                    self.metadata.push(blob);
                }
                continue;
            }
            self.insert(blob);
        }
        self.end_run(&mut run, &mut inside, findings);
        Ok(())
    }

    fn reach(&mut self, part: usize, resource: &ResourceHeader) {
        if part == 0 {
            self.end = self.end.max(resource.end());
        }
    }

    fn insert(&mut self, blob: Blob) {
        if !self.by_sha1.contains_key(&blob.sha1)
            && let Some(number) = self.add(blob)
        {
            self.by_sha1.insert(blob.sha1, number);
        }
    }

    /// Finds out in which of the run's resources each blob is: offsets go on from one to the next.
    fn end_run(&mut self, run: &mut Vec<(u64, u32)>, inside: &mut Vec<Blob>, findings: &mut Findings) {
        for mut blob in inside.drain(..) {
            let Place::Solid { offset, .. } = blob.place else { continue };
            let at = run.partition_point(|(begin, _)| *begin <= offset);
            let found = at.checked_sub(1).and_then(|at| run.get(at));
            let found = found.and_then(|(begin, number)| {
                let solid = self.solids.get(usize::try_from(*number).ok()?)?;
                let offset = offset - begin;
                (offset.checked_add(blob.bytes)? <= solid.bytes).then_some((*number, offset))
            });
            match found {
                Some((run, offset)) => blob.place = Place::Solid { run, offset },
                None => findings.push(Finding::new(Severity::Damaged, "a blob outside its solid resource")),
            }
            self.insert(blob);
        }
        run.clear();
    }

    /// All of a small resource: a table, an image's metadata.
    pub(super) fn whole(
        &self,
        files: &Arc<Files>,
        part: usize,
        header: &ResourceHeader,
        limits: &Limits,
    ) -> Result<Vec<u8>> {
        let part = u16::try_from(part).unwrap_or(u16::MAX);
        let (flags, at, packed) = (header.flags, header.at, header.packed);
        let bytes = if header.has(ResourceHeader::COMPRESSED) { header.bytes } else { packed };
        let place = Place::Alone { part, flags, at, packed };
        self.content(files, &Blob { sha1: [0; 20], bytes, place }, limits)
    }

    /// All bytes of a blob.
    pub(super) fn content(&self, files: &Arc<Files>, blob: &Blob, limits: &Limits) -> Result<Vec<u8>> {
        let (resource, offset) = self.resource(blob)?;
        let source = files.part(resource.part)?;
        if resource.method == Method::Stored && matches!(blob.place, Place::Alone { .. }) {
            return read_vec(&**source, resource.at, blob.bytes);
        }
        let most = limits.directory_bytes.min(limits.unpacked(source.len()));
        if blob.bytes > most {
            return Err(Error::limit("bytes of metadata", most));
        }
        if resource.at.saturating_add(resource.packed) > source.len() {
            return Err(Error::truncated(resource.at.saturating_add(resource.packed), source.len()));
        }
        // It grows as bytes come.
        let mut out = Vec::new();
        let range = offset..offset.saturating_add(blob.bytes);
        ResourceReader::new(files, &resource, range).read_to_end(&mut out)?;
        match out.len() as u64 {
            have if have < blob.bytes => Err(Error::truncated(blob.bytes, have).during("resource")),
            _ => Ok(out),
        }
    }
}

/// Reads the head of a solid resource: size, chunk size, method, and the packed size of each chunk.
fn solid(files: &Arc<Files>, part: usize, header: &ResourceHeader) -> Result<Resource> {
    const NAME: &str = "solid resource";
    let source = files.part(part)?;
    let head = read_vec(&**source, header.at, 16).map_err(|error| error.at(NAME, header.at))?;
    let fields = Fields::new(NAME, &head, header.at);
    let bytes = fields.u64_le(0, "size")?;
    let chunk = fields.u32_le(8, "chunk size")?;
    let method = Method::numbered(fields.u32_le(12, "compression format")?)
        .map_err(|error| fields.wrong(12, "compression format", error))?;
    method.check_chunk(chunk).map_err(|error| fields.wrong(8, "chunk size", error))?;
    let chunks = if chunk == 0 { 0 } else { bytes.div_ceil(chunk.into()) };
    let sizes_at = header.at.saturating_add(16);
    let sizes = chunks.saturating_mul(4);
    if sizes.saturating_add(16) > header.packed {
        return Err(Error::damaged("larger than its resource").at("chunk table", sizes_at));
    }
    let table = read_vec(&**source, sizes_at, sizes).map_err(|error| error.at("chunk table", sizes_at))?;
    let mut at = sizes_at.saturating_add(sizes);
    let mut starts = Vec::with_capacity(table.len() / 4 + 1);
    starts.push(at);
    for size in table.as_chunks::<4>().0 {
        at = at.saturating_add(u32::from_le_bytes(*size).into());
        starts.push(at);
    }
    if at > header.end() {
        return Err(Error::damaged("chunks beyond the resource").at("chunk table", sizes_at));
    }
    let (at, packed, table) = (header.at, header.packed, Table::Known(Arc::new(starts)));
    Ok(Resource { part, at, packed, bytes, method, chunk, table })
}

/// The digest of bytes at hand.
pub(super) fn sha1(bytes: &[u8]) -> Sha1 {
    use sha1::Digest;
    sha1::Sha1::digest(bytes).into()
}

/// True where a source reaches as far as the header says its tables do.
pub(super) fn check_reach(source: &dyn Source, header: &ResourceHeader, name: &'static str) -> Result<()> {
    match header.end() > source.len() {
        true => Err(Error::truncated(header.end(), source.len()).at(name, header.at)),
        false => Ok(()),
    }
}
