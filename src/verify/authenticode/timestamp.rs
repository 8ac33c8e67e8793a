//! Time stamps: somebody else's word that the signature existed then. Two kinds: RFC 3161, a message of its own
//! that signs a digest of the signature, and the older countersignature, which signs the signature itself.

use super::chain::{self, Budget, Chain, Purpose};
use super::cms::{Signed, SignedData, SignerInfo};
use super::der::{INTEGER, OCTET_STRING, Reader, SEQUENCE};
use super::key::Padding;
use super::oid;
use super::roots::Roots;
use super::x509::{self, Certificate, digest};
use crate::error::Result;

/// How a time stamp was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// By RFC 3161.
    Rfc3161,
    /// By a countersignature (PKCS#9).
    Legacy,
}

impl Stamp {
    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rfc3161 => "RFC 3161",
            Self::Legacy => "countersignature",
        }
    }
}

/// One time stamp.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeStamp {
    /// How it was made.
    pub kind: Stamp,
    /// The time it gives, in seconds since 1970.
    pub time: i64,
    /// Who gives it.
    pub authority: String,
    /// Whether the authority signed it, and for this signature.
    pub signed: Signed,
    /// The authority's chain, judged at that time.
    pub chain: Chain,
}

impl TimeStamp {
    /// True where its time is believed: made for this signature, by an authority whose chain is anchored.
    #[must_use]
    pub fn is_believed(&self) -> bool {
        self.signed == Signed::Yes && self.chain.is_anchored()
    }
}

/// What is needed to judge one.
pub(super) struct Judge<'a> {
    pub(super) roots: &'a Roots,
    pub(super) budget: &'a mut Budget,
}

/// Who signed, and what came of checking it; the time is read before.
struct Found<'a> {
    kind: Stamp,
    time: i64,
    signer: &'a Certificate,
    signed: Signed,
}

impl Judge<'_> {
    fn judged(&mut self, found: Found<'_>, pool: &[Certificate]) -> TimeStamp {
        let Found { kind, time, signer, signed } = found;
        let chain = chain::best(signer, pool, self.roots, Purpose::Time, time, self.budget);
        TimeStamp { kind, time, authority: signer.subject.shown().to_owned(), signed, chain }
    }

    /// Reads an RFC 3161 token on a signature. `pool` has the certificates of the signature's own message.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(super) fn rfc3161(
        &mut self,
        token: &[u8],
        signature: &[u8],
        pool: &[Certificate],
    ) -> Result<Option<TimeStamp>> {
        let data = SignedData::parse(token)?;
        let info = Info::parse(&data.content)?;
        let all: Vec<Certificate> = data.certificates.iter().chain(pool).cloned().collect();
        let Some(signer) = data.signers.first() else { return Ok(None) };
        let Some(certificate) = signer.certificate(&all) else { return Ok(None) };
        let imprint = oid::digest(&info.algorithm).map(|algorithm| digest(algorithm, &[signature]));
        let signed = if data.content_type != oid::TST_INFO {
            Signed::No("the time stamp signs something else than a time")
        } else if imprint.is_none_or(|imprint| imprint != info.imprint) {
            Signed::No("the time stamp was made for another signature")
        } else {
            signer.signed(certificate, Some(oid::TST_INFO), &data.content, Padding::Named)
        };
        let found = Found { kind: Stamp::Rfc3161, time: info.time, signer: certificate, signed };
        Ok(Some(self.judged(found, &all)))
    }

    /// Reads a countersignature on a signature.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(super) fn legacy(
        &mut self,
        value: &[u8],
        signature: &[u8],
        pool: &[Certificate],
    ) -> Result<Option<TimeStamp>> {
        let signer = SignerInfo::parse(&Reader::new("countersignature", value).value()?)?;
        let Some(certificate) = signer.certificate(pool) else { return Ok(None) };
        let Some(time) = signing_time(&signer) else { return Ok(None) };
        let signed = signer.signed(certificate, None, signature, Padding::BareAllowed);
        Ok(Some(self.judged(Found { kind: Stamp::Legacy, time, signer: certificate, signed }, pool)))
    }
}

/// The time that a signer says it signed at.
pub(super) fn signing_time(signer: &SignerInfo) -> Option<i64> {
    let value = signer.attribute(oid::SIGNING_TIME)?;
    x509::time(Reader::new("signingTime", value).value().ok()?).ok()
}

/// The time in an RFC 3161 token, unjudged.
pub(super) fn claimed(token: &[u8]) -> Option<i64> {
    Some(Info::parse(&SignedData::parse(token).ok()?.content).ok()?.time)
}

/// The time in a countersignature, unjudged.
pub(super) fn claimed_legacy(value: &[u8]) -> Option<i64> {
    signing_time(&SignerInfo::parse(&Reader::new("countersignature", value).value().ok()?).ok()?)
}

/// A `TSTInfo` (RFC 3161 §2.4.2), as far as it is needed.
struct Info {
    algorithm: Vec<u8>,
    imprint: Vec<u8>,
    time: i64,
}

impl Info {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let mut fields = Reader::new("TSTInfo", bytes).expect(SEQUENCE, "TSTInfo")?.reader("TSTInfo");
        fields.expect(INTEGER, "version")?;
        fields.oid("policy")?;
        let mut imprint = fields.sequence("messageImprint")?;
        let algorithm = imprint.sequence("hashAlgorithm")?.oid("algorithm")?.to_vec();
        let digest = imprint.expect(OCTET_STRING, "hashedMessage")?.octets()?;
        fields.expect(INTEGER, "serialNumber")?;
        Ok(Self { algorithm, imprint: digest, time: x509::time(fields.value()?)? })
    }
}
