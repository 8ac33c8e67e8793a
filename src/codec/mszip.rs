//! MSZIP, as cabinets have it ([MS-MCI]): blocks of at most 32 KiB, each deflated alone (RFC 1951) with the
//! 32 KiB before it as history.

use crate::error::{Error, Result};
use flate2::{Decompress, FlushDecompress, Status};

/// Bytes that a block unpacks to at most, and of history.
pub const BLOCK: usize = 32 << 10;

/// A decoder with its history.
#[derive(Debug)]
pub struct Mszip {
    inflate: Decompress,
    history: Vec<u8>,
}

impl Default for Mszip {
    fn default() -> Self {
        Self::new()
    }
}

impl Mszip {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self { inflate: Decompress::new(false), history: Vec::with_capacity(BLOCK) }
    }

    /// Decodes one block: `block`, with its signature `CK`, unpacks to exactly `out.len()` bytes.
    ///
    /// # Errors
    /// `Damaged` where it does not; [`Mszip::remember`] allows going on behind it.
    pub fn block(&mut self, block: &[u8], out: &mut [u8]) -> Result<()> {
        let deflated =
            block.strip_prefix(b"CK").ok_or_else(|| Error::damaged("MSZIP block without its signature"))?;
        self.inflate.reset(false);
        if !self.history.is_empty() {
            self.inflate
                .set_dictionary(&self.history)
                .map_err(|_| Error::damaged("history of an MSZIP block"))?;
        }
        let status = self.inflate.decompress(deflated, out, FlushDecompress::Finish);
        let whole = self.inflate.total_out() == out.len() as u64;
        match status {
            Ok(Status::StreamEnd) if whole => {
                self.remember(out);
                Ok(())
            }
            // What is unpacked fills its place: whether the end of the deflate stream follows is for it to say.
            Ok(Status::Ok | Status::BufError) if whole => {
                let end = usize::try_from(self.inflate.total_in()).unwrap_or(usize::MAX);
                let rest = deflated.get(end..).unwrap_or_default();
                match self.inflate.decompress(rest, &mut [0; 1], FlushDecompress::Finish) {
                    Ok(Status::StreamEnd) if self.inflate.total_out() == out.len() as u64 => {
                        self.remember(out);
                        Ok(())
                    }
                    _ => Err(Error::damaged("MSZIP block of another size")),
                }
            }
            Ok(_) => Err(Error::damaged("MSZIP block of another size")),
            Err(_) => Err(Error::damaged("MSZIP block")),
        }
    }

    /// A second decoder with the same history.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self { inflate: Decompress::new(false), history: self.history.clone() }
    }

    /// Takes `unpacked` for what the last block unpacked to.
    pub fn remember(&mut self, unpacked: &[u8]) {
        let keep = BLOCK.saturating_sub(unpacked.len());
        self.history.drain(..self.history.len().saturating_sub(keep));
        let from = unpacked.len().saturating_sub(BLOCK);
        self.history.extend_from_slice(unpacked.get(from..).unwrap_or_default());
    }
}
