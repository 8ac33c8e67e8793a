//! Catalogues (`.cat`): a signed list of the digests of files, for files that carry no signature themselves.
//!
//! | member | what its digest is of |
//! |---|---|
//! | PE image, cabinet, installer file | what Authenticode signs of it |
//! | any other | all its bytes |
//!
//! References: "Catalog Files"; [MS-CAESO] has the certificate trust list around it.

use super::der::{self, OCTET_STRING, Reader, SEQUENCE, SET};
use super::indirect::Indirect;
use super::oid;
use super::x509;
use crate::digest::Algorithm;
use crate::error::{Error, Result};
use std::collections::HashSet;

/// Members of one catalogue. The largest of Windows have some ten thousand.
const MEMBERS: usize = 1 << 20;

/// What a catalogue lists.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// The digests of its members.
    digests: HashSet<(Algorithm, Vec<u8>)>,
    /// How many members it has.
    pub members: u64,
    /// When it was made, in seconds since 1970.
    pub made: Option<i64>,
}

impl Catalogue {
    /// Reads the list that a catalogue signs.
    ///
    /// # Errors
    /// Where it is no such list.
    pub(super) fn parse(content: &[u8]) -> Result<Self> {
        let mut fields = Reader::new("CertificateTrustList", content);
        let mut out = Self::default();
        fields.optional(der::INTEGER)?;
        fields.sequence("subjectUsage")?;
        fields.optional(OCTET_STRING)?;
        fields.optional(der::INTEGER)?;
        let made = fields.value()?;
        out.made = x509::time(made).ok();
        if matches!(fields.tag(), Some(der::UTC_TIME | der::GENERALIZED_TIME)) {
            fields.value()?;
        }
        fields.sequence("subjectAlgorithm")?;
        let Some(list) = fields.optional(SEQUENCE)? else { return Ok(out) };
        let mut list = list.reader("trustedSubjects");
        while !list.is_empty() {
            out.members += 1;
            if out.members > MEMBERS as u64 {
                return Err(Error::limit("members of a catalogue", MEMBERS as u64));
            }
            let mut member = list.sequence("TrustedSubject")?;
            member.expect(OCTET_STRING, "subjectIdentifier")?;
            let Some(set) = member.optional(SET)? else { continue };
            let mut set = set.reader("attributes");
            while !set.is_empty() {
                let mut attribute = set.sequence("Attribute")?;
                if attribute.oid("type")? != oid::INDIRECT_DATA {
                    continue;
                }
                let mut values = attribute.expect(SET, "values")?.reader("values");
                while !values.is_empty() {
                    let value = values.expect(SEQUENCE, "SpcIndirectDataContent")?;
                    if let Ok(data) = Indirect::parse(value.content)
                        && let Some(algorithm) = data.algorithm
                    {
                        out.digests.insert((algorithm, data.digest));
                    }
                }
            }
        }
        Ok(out)
    }

    /// True where a member has that digest.
    #[must_use]
    pub fn lists(&self, algorithm: Algorithm, digest: &[u8]) -> bool {
        // A tuple of slices cannot be looked up in a set of vectors.
        self.digests.contains(&(algorithm, digest.to_vec()))
    }

    /// The digests that its members have, weakest first.
    #[must_use]
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let mut out: Vec<Algorithm> = self.digests.iter().map(|(algorithm, _)| *algorithm).collect();
        out.sort();
        out.dedup();
        out
    }
}
