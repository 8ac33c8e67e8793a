//! Chunks: where they lie, and unpacking them.

use crate::container::{Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::source::Joined;
use crate::source::{SharedSource, Slice, SourceReader, read_vec};
use crate::surroundings::Surroundings;
use bzip2::read::BzDecoder;
use flate2::read::ZlibDecoder;
use inno::entry::FileLocation;
use inno::header::Compression;
use lzma_rust2::{Lzma2Reader, LzmaReader};
use std::io::{self, BufReader, Read};
use std::sync::Arc;

/// Before every chunk.
const MAGIC: &[u8] = b"zlb\x1a";
/// Slices begin with `idska32\x1a` and their size.
const SLICE_HEADER: u64 = 12;
/// Slices that a setup has at most.
const MOST_SLICES: u32 = 10_000;
/// Dictionaries above this are refused.
const LARGEST_DICTIONARY: u32 = 1 << 30;

/// Where a chunk lies, and how it is packed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk {
    slice: u32,
    offset: u64,
    len: u64,
    compression: Compression,
    encrypted: bool,
}

impl Default for Chunk {
    fn default() -> Self {
        Self { slice: 0, offset: 0, len: 0, compression: Compression::Stored, encrypted: false }
    }
}

impl Chunk {
    pub(super) fn of(location: &FileLocation) -> Self {
        let chunk = location.chunk();
        Self {
            slice: chunk.first_slice(),
            offset: chunk.start_offset(),
            len: chunk.original_size(),
            compression: chunk.compression(),
            encrypted: chunk.is_encrypted(),
        }
    }
}

/// Where chunks are: in the program, or in slices beside it.
pub(super) enum Data {
    Embedded(SharedSource),
    Slices(Vec<Option<SharedSource>>),
}

impl Data {
    pub(super) fn embedded(source: &SharedSource, at: u64) -> Self {
        Self::Embedded(Arc::new(Slice::new(source.clone(), at..source.len())))
    }

    /// Finds the slices `0..=last`, by the program's name or by the one that it was made with.
    pub(super) fn slices(
        surroundings: &Surroundings,
        made: &str,
        last: u32,
        per_disk: u32,
        findings: &mut Findings,
    ) -> Result<Self> {
        if last >= MOST_SLICES {
            return Err(Error::limit("slices", MOST_SLICES.into()));
        }
        let now = surroundings.file_name.rsplit_once('.').map_or(&*surroundings.file_name, |(stem, _)| stem);
        let mut slices = Vec::new();
        for slice in 0..=last {
            let mut found = None;
            for base in [now, made] {
                if found.is_none() && !base.is_empty() {
                    found = surroundings.find(&name(base, slice, per_disk))?;
                }
            }
            let good = match &found {
                Some(source) => {
                    let head = read_vec(&**source, 0, SLICE_HEADER).unwrap_or_default();
                    let size =
                        head.get(8..12).and_then(|size| size.try_into().ok()).map_or(0, u32::from_le_bytes);
                    if u64::from(size) > source.len() {
                        let what =
                            format!("{} ends early: {size} bytes are declared", name(now, slice, per_disk));
                        findings.push(Finding::new(Severity::Damaged, what));
                    }
                    head.starts_with(b"idska")
                }
                None => false,
            };
            if !good {
                let what = format!("{} is missing, or no slice", name(now, slice, per_disk));
                findings.push(Finding::new(Severity::Damaged, what));
                found = None;
            }
            slices.push(found);
        }
        Ok(Self::Slices(slices))
    }

    /// The packed bytes of a chunk, from its mark on.
    fn packed(&self, chunk: &Chunk) -> Result<SharedSource> {
        let need = chunk.len.saturating_add(MAGIC.len() as u64);
        match self {
            Self::Embedded(source) => {
                let end = chunk.offset.saturating_add(need);
                if end > source.len() {
                    return Err(Error::truncated(end, source.len()).during("chunk"));
                }
                Ok(Arc::new(Slice::new(source.clone(), chunk.offset..end)))
            }
            Self::Slices(slices) => {
                let mut parts: Vec<SharedSource> = Vec::new();
                let mut have = 0u64;
                let first = usize::try_from(chunk.slice).unwrap_or(usize::MAX);
                for (number, slice) in slices.iter().enumerate().skip(first) {
                    let slice = slice.as_ref().ok_or_else(|| Error::damaged("a slice is missing"))?;
                    let start = if number == first { chunk.offset } else { SLICE_HEADER };
                    let end = start.saturating_add(need.saturating_sub(have)).min(slice.len());
                    have = have.saturating_add(end.saturating_sub(start));
                    parts.push(Arc::new(Slice::new(slice.clone(), start..end)));
                    if have >= need {
                        break;
                    }
                }
                if have < need {
                    return Err(Error::truncated(need, have).during("chunk"));
                }
                Ok(Arc::new(Joined::new(parts)))
            }
        }
    }

    /// A chunk, unpacked.
    pub(super) fn unpacked(&self, chunk: &Chunk) -> Result<Box<dyn Read + Send>> {
        if chunk.encrypted {
            return Err(Error::encrypted("chunk"));
        }
        let source = self.packed(chunk)?;
        let mut packed = BufReader::with_capacity(64 << 10, SourceReader::new(source));
        let mut magic = [0; 4];
        packed.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(Error::invalid("mark of a chunk").at("chunk", chunk.offset));
        }
        let damaged = |_| Error::damaged("packed chunk");
        Ok(match chunk.compression {
            Compression::Stored => Box::new(packed),
            Compression::Zlib => Box::new(Checked(ZlibDecoder::new(packed))),
            Compression::BZip2 => Box::new(Checked(BzDecoder::new(packed))),
            Compression::LZMA1 => {
                let mut head = [0; 5];
                packed.read_exact(&mut head).map_err(damaged)?;
                let [properties, dictionary @ ..] = head;
                let dictionary = bounded(u32::from_le_bytes(dictionary))?;
                let reader = LzmaReader::new_with_props(packed, u64::MAX, properties, dictionary, None);
                Box::new(Checked(reader.map_err(|_| Error::damaged("LZMA properties"))?))
            }
            Compression::LZMA2 => {
                let mut property = [0];
                packed.read_exact(&mut property).map_err(damaged)?;
                let [property] = property;
                // Twice a power of two, or thrice half of one: 2^12 up to 2^32 - 1.
                let bits = u32::from(property);
                let dictionary = match bits {
                    0..=39 => (2 | bits & 1).checked_shl(bits / 2 + 11).unwrap_or(u32::MAX),
                    _ => u32::MAX,
                };
                Box::new(Checked(Lzma2Reader::new(packed, bounded(dictionary)?, None)))
            }
            Compression::Unknown => return Err(Error::unsupported("this compression of Inno Setup")),
        })
    }
}

fn bounded(dictionary: u32) -> Result<u32> {
    if dictionary > LARGEST_DICTIONARY {
        return Err(Error::limit("bytes of dictionary", LARGEST_DICTIONARY.into()));
    }
    Ok(dictionary)
}

/// `setup-1.bin`, or `setup-1a.bin` where a disk has several.
fn name(base: &str, slice: u32, per_disk: u32) -> String {
    if per_disk <= 1 {
        return format!("{base}-{}.bin", slice.saturating_add(1));
    }
    let letter = u8::try_from(slice % per_disk).ok().and_then(|n| b'a'.checked_add(n)).unwrap_or(b'?');
    format!("{base}-{}{}.bin", slice / per_disk + 1, char::from(letter))
}

/// A decoder whose errors are ours: what it says about its input is damage.
struct Checked<R>(R);

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ if error.get_ref().is_some_and(|inner| inner.is::<Error>()) => error,
            _ => Error::damaged("packed chunk").into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_numbered_and_lettered() {
        assert_eq!(name("setup", 1, 1), "setup-2.bin");
        assert_eq!(name("setup", 3, 2), "setup-2b.bin");
    }
}
