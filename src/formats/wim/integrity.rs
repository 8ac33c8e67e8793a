//! The integrity table: SHA-1 digests of stretches of the file, from behind the header to the end of the
//! lookup table (WIM white paper, "Integrity table").

use super::blobs::{Sha1, sha1};
use super::header::{HEADER, Header};
use crate::error::{Error, Kind, Result};
use crate::fields::Fields;
use crate::observe::Observer;
use crate::source::{Source, read_vec};
use std::ops::Range;

/// Bytes of one stretch that are read at most.
const MOST_STRETCH: u32 = 64 << 20;

/// What comparing a file with its integrity table gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Integrity {
    /// Stretches that were compared.
    pub stretches: u64,
    /// Those that differ, in bytes of the file.
    pub differ: Vec<Range<u64>>,
}

/// Compares a WIM file with its integrity table; `None` where it has none. All that the table covers is read.
///
/// # Errors
/// Where the file is no WIM or its table cannot be read; `Cancelled`.
pub fn integrity(source: &dyn Source, observer: &dyn Observer) -> Result<Option<Integrity>> {
    const NAME: &str = "integrity table";
    let header = Header::read(source)?;
    if header.integrity.packed == 0 {
        return Ok(None);
    }
    let at = header.integrity.at;
    let bytes = read_vec(source, at, header.integrity.packed).map_err(|error| error.at(NAME, at))?;
    let fields = Fields::new(NAME, &bytes, at);
    let count = fields.u32_le(4, "number of entries")?;
    let stretch = fields.u32_le(8, "chunk size")?;
    let (begin, end) = (HEADER, header.lookup.end());
    if stretch == 0 || u64::from(count) != end.saturating_sub(begin).div_ceil(stretch.into()) {
        return Err(fields.wrong(4, "number of entries", Error::damaged("it does not cover the file")));
    }
    if stretch > MOST_STRETCH {
        return Err(Error::limit("bytes of a stretch of the integrity table", MOST_STRETCH.into()));
    }
    let mut out = Integrity::default();
    let mut from = begin;
    let digests = fields.rest(12).as_chunks::<20>().0;
    if digests.len() < usize::try_from(count).unwrap_or(usize::MAX) {
        return Err(fields.wrong(0, "size", Error::damaged("fewer digests than entries")));
    }
    for digest in digests {
        if from >= end {
            break;
        }
        if observer.cancelled() {
            return Err(Error::new(Kind::Cancelled));
        }
        let to = end.min(from.saturating_add(stretch.into()));
        let there: Sha1 = match read_vec(source, from, to - from) {
            Ok(bytes) => sha1(&bytes),
            Err(_) => [0; 20],
        };
        if there != *digest {
            out.differ.push(from..to);
        }
        out.stretches += 1;
        from = to;
    }
    Ok(Some(out))
}
