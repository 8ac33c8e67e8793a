//! Cabinets: the signature stands behind the cabinet, and the header's reserve says where.
//!
//! | bytes | signed |
//! |---|---|
//! | 0..4, 8..34 | yes: all of the header but its first reserved field and the number in the set |
//! | 34..56 | no: number, sizes of the reserves, and the reserve up to its last field |
//! | 56..signature | yes |
//!
//! References: [MS-CAB]; "Authenticode for cabinets" is documented by its implementations only.

use super::{Note, passing::Passing, pe::stream};
use crate::digest::{Algorithm, Hasher, Value};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{Source, read_up_to, read_vec};
use crate::text::count;
use std::ops::Range;

/// Bytes of a signature that is read.
const MOST: u64 = 64 << 20;
/// The header with a reserve of 20 bytes, as signers write it.
const HEADER: usize = 60;

/// Where the signature of a cabinet is.
#[derive(Debug, Clone)]
pub(super) struct Cabinet {
    len: u64,
    /// The signature's place, where the cabinet has one.
    signature: Option<Range<u64>>,
    end: u64,
}

impl Cabinet {
    /// Reads the header; `None` where the source is no cabinet.
    pub(super) fn open(source: &dyn Source) -> Result<Option<Self>> {
        let head = read_up_to(source, 0, HEADER)?;
        if !head.starts_with(b"MSCF") {
            return Ok(None);
        }
        let fields = Fields::new("CFHEADER", &head, 0);
        let end = u64::from(fields.u32_le(8, "cbCabinet")?);
        let reserve = fields.u16_le(30, "flags")? & 4 != 0 && fields.u16_le(36, "cbCFHeader")? == 20;
        let mut out = Self { len: source.len(), signature: None, end };
        if reserve && fields.bytes(40, 4, "abReserve").is_ok_and(|kind| kind == [0, 0, 0x10, 0]) {
            let at = u64::from(fields.u32_le(44, "signature")?);
            let len = u64::from(fields.u32_le(48, "signature")?);
            out.signature = (len > 0).then_some(at..at + len);
        }
        Ok(Some(out))
    }

    pub(super) fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// What speaks against reading the signature at all.
    pub(super) fn misplaced(&self) -> Option<String> {
        let signature = self.signature.as_ref()?;
        if signature.end > self.len {
            let past = count(signature.end - self.len, "byte");
            return Some(format!("the signature reaches {past} past the end of the file"));
        }
        if signature.start != self.end || self.end < HEADER as u64 {
            return Some("the signature does not stand at the cabinet's end".to_owned());
        }
        None
    }

    pub(super) fn message(&self, source: &dyn Source, notes: &mut Vec<Note>) -> Result<Vec<u8>> {
        let Some(signature) = self.signature.clone() else { return Ok(Vec::new()) };
        let len = signature.end - signature.start;
        if len > MOST {
            return Err(Error::limit("bytes in a signature", MOST));
        }
        if signature.end < self.len {
            notes.push(Note::open(format!(
                "{} behind the signature",
                count(self.len - signature.end, "byte")
            )));
        }
        read_vec(source, signature.start, len)
    }

    /// The ranges that are signed.
    fn signed(&self) -> Vec<Range<u64>> {
        vec![0..4, 8..34, 56..self.end]
    }

    /// Takes the digests while the cabinet goes by.
    pub(super) fn passing(&self, algorithms: &[Algorithm]) -> Option<Passing> {
        Passing::new(self.len, self.signed(), algorithms)
    }

    pub(super) fn digests(&self, source: &dyn Source, algorithms: &[Algorithm]) -> Result<Vec<Value>> {
        let mut hasher = Hasher::new(algorithms);
        for range in self.signed() {
            stream(source, range, &mut |bytes| hasher.update(bytes))?;
        }
        Ok(hasher.finish())
    }
}
