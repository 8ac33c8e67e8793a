//! Bytes that come only once, kept where they can be read at any place: memory first, then a
//! temporary file that has no name.

use super::{FileSource, SharedSource};
use crate::error::{Error, Result};
use crate::limits::Limits;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Reads `from` to its end.
///
/// # Errors
/// `Limit` past [`Limits::spool_bytes`], or what reading or writing said.
pub fn spool(from: &mut dyn Read, limits: &Limits) -> Result<SharedSource> {
    let mut memory = Vec::new();
    from.take(limits.spool_memory).read_to_end(&mut memory)?;
    if (memory.len() as u64) < limits.spool_memory {
        return Ok(Arc::new(memory));
    }
    let mut file = tempfile::tempfile().map_err(|error| Error::from(error).during("temporary file"))?;
    file.write_all(&memory)?;
    let room = limits.spool_bytes.saturating_sub(memory.len() as u64);
    drop(memory);
    let copied = io::copy(&mut from.take(room.saturating_add(1)), &mut file)?;
    if copied > room {
        return Err(Error::limit("spooled bytes", limits.spool_bytes));
    }
    Ok(Arc::new(FileSource::from_file(file)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::source::read_vec;

    #[test]
    fn a_stream_larger_than_memory_goes_on_in_a_file() {
        let bytes: Vec<u8> = (0..100_000u32).map(|i| (i % 251) as u8).collect();
        let limits = Limits { spool_memory: 1000, ..Limits::default() };
        let source = spool(&mut bytes.as_slice(), &limits).unwrap();
        assert_eq!(source.len(), 100_000);
        assert_eq!(read_vec(&*source, 990, 50).unwrap(), &bytes[990..1040]);
    }

    #[test]
    fn an_endless_stream_is_stopped() {
        let limits = Limits { spool_memory: 1000, spool_bytes: 5000, ..Limits::default() };
        let error = spool(&mut io::repeat(7), &limits).err().unwrap();
        assert!(matches!(error.kind(), Kind::Limit { limit: 5000, .. }));
    }
}
