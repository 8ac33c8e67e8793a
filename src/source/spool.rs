//! Bytes that come only once, kept where they can be read at any place: memory first, then a
//! temporary file that has no name.

use super::{FileSource, SharedSource};
use crate::error::{Error, Result};
use crate::limits::Limits;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Takes bytes as they come.
pub struct Spool {
    kept: Kept,
    bytes: u64,
    memory: u64,
    most: u64,
}

enum Kept {
    Memory(Vec<u8>),
    File(File),
}

impl Spool {
    /// An empty one, with [`Limits::spool_memory`] and [`Limits::spool_bytes`].
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            kept: Kept::Memory(Vec::new()),
            bytes: 0,
            memory: limits.spool_memory,
            most: limits.spool_bytes,
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `Limit` past [`Limits::spool_bytes`], or what writing said.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > self.most {
            return Err(Error::limit("spooled bytes", self.most));
        }
        match &mut self.kept {
            Kept::Memory(memory) if self.bytes <= self.memory => memory.extend_from_slice(bytes),
            Kept::Memory(memory) => {
                let mut file =
                    super::temporary_file().map_err(|error| Error::from(error).during("temporary file"))?;
                file.write_all(memory)?;
                file.write_all(bytes)?;
                self.kept = Kept::File(file);
            }
            Kept::File(file) => file.write_all(bytes)?,
        }
        Ok(())
    }

    /// All bytes as a source.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn finish(self) -> Result<SharedSource> {
        Ok(match self.kept {
            Kept::Memory(memory) => Arc::new(memory),
            Kept::File(file) => Arc::new(FileSource::from_file(file)?),
        })
    }
}

/// Reads `from` to its end.
///
/// # Errors
/// `Limit` past [`Limits::spool_bytes`], or what reading or writing said.
pub fn spool(from: &mut dyn Read, limits: &Limits) -> Result<SharedSource> {
    let mut spool = Spool::new(limits);
    let mut buf = vec![0; 64 << 10];
    loop {
        match from.read(&mut buf) {
            Ok(0) => return spool.finish(),
            Ok(n) => spool.write(buf.get(..n).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
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
