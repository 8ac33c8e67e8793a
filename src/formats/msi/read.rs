//! Reading members: out of cabinets under the names they are installed by, with the checksums of the database.

use crate::container::{Entry, EntryId};
use crate::digest::{Algorithm, Hasher};
use crate::error::{Error, Result};
use crate::sink::{Sink, Want};
use std::collections::HashMap;
use std::io::{self, Read};

/// The MD5 that the database keeps of a file, and what has come of it so far.
pub(super) struct Check {
    wanted: [u8; 16],
    hasher: Hasher,
}

impl Check {
    pub(super) fn new(wanted: [u8; 16]) -> Self {
        Self { wanted, hasher: Hasher::new(&[Algorithm::Md5]) }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    fn finish(self) -> Result<()> {
        let is = self.hasher.finish();
        if is.iter().any(|digest| digest.bytes.as_slice() == self.wanted.as_slice()) {
            return Ok(());
        }
        Err(Error::damaged("its MD5 is not the one in table MsiFileHash").during("content"))
    }
}

/// A member's bytes, held against its MD5 at their end.
pub(super) struct Checked<'a> {
    inner: Box<dyn Read + Send + 'a>,
    check: Option<Check>,
}

impl<'a> Checked<'a> {
    pub(super) fn new(inner: Box<dyn Read + Send + 'a>, md5: [u8; 16]) -> Self {
        Self { inner, check: Some(Check::new(md5)) }
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buf)?;
        if n > 0 {
            if let Some(check) = &mut self.check {
                check.update(buf.get(..n).unwrap_or_default());
            }
        } else if let Some(check) = self.check.take().filter(|_| !buf.is_empty()) {
            check.finish()?;
        }
        Ok(n)
    }
}

/// Gives what comes out of a cabinet to a sink of the package.
pub(super) struct Renamed<'a> {
    /// The sink of the package.
    pub(super) sink: &'a mut dyn Sink,
    /// The entries of the package.
    pub(super) entries: &'a [Entry],
    /// The package's entry for each of the cabinet's.
    pub(super) ours: HashMap<EntryId, EntryId>,
    /// The MD5 of the package's entries.
    pub(super) md5: &'a HashMap<EntryId, [u8; 16]>,
    /// The entry that is read now.
    pub(super) now: Option<(EntryId, Option<Check>)>,
}

impl Sink for Renamed<'_> {
    fn begin(&mut self, id: EntryId, _: &Entry) -> Result<Want> {
        self.now = None;
        let Some((ours, entry)) =
            self.ours.get(&id).and_then(|ours| Some((*ours, self.entries.get(ours.0)?)))
        else {
            return Ok(Want::Skip);
        };
        if self.sink.begin(ours, entry)? == Want::Skip {
            return Ok(Want::Skip);
        }
        self.now = Some((ours, self.md5.get(&ours).map(|md5| Check::new(*md5))));
        // A place in a cabinet's source is none in the package's.
        Ok(Want::Bytes)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some((_, Some(check))) = &mut self.now {
            check.update(bytes);
        }
        self.sink.chunk(bytes)
    }

    fn end(&mut self, _: &Entry, outcome: Result<()>) -> Result<()> {
        let Some((ours, check)) = self.now.take() else { return Ok(()) };
        let Some(entry) = self.entries.get(ours.0) else { return Ok(()) };
        let outcome = outcome.and_then(|()| check.map_or(Ok(()), Check::finish));
        self.sink.end(entry, outcome)
    }
}
