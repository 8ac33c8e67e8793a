//! Certificates (RFC 5280 §4), as far as code signing asks for them.

use super::der::{self, BIT_STRING, BOOLEAN, INTEGER, OCTET_STRING, Reader, SEQUENCE, SET, Value};
use super::key::{Made, Padding, PublicKey};
use super::oid;
use crate::digest::{Algorithm, Hasher, hex};
use crate::error::{Error, Result};
use crate::text::{utf8_or_latin1, utf16_be};
use crate::time::{Fields as TimeFields, Timestamp};

/// Attributes in a name.
const ATTRIBUTES: usize = 64;
/// Extensions in a certificate, and purposes in one.
const EXTENSIONS: usize = 128;

/// A subject's or issuer's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// As it is encoded.
    raw: Vec<u8>,
    /// The attributes: their types' identifiers, and their values as text.
    attributes: Vec<(Vec<u8>, String)>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the whole certificate.
    pub fingerprint: Vec<u8>,
    /// Whom it is for.
    pub subject: Name,
    /// Who made it.
    pub issuer: Name,
    /// Its number with the issuer, big-endian.
    pub serial: Vec<u8>,
    /// Seconds since 1970 between which it is valid.
    pub valid: (i64, i64),
    pub(super) key: PublicKey,
    /// The key as it is encoded: the same key in two certificates is the same here.
    pub(super) key_info: Vec<u8>,
    pub(super) key_identifier: Option<Vec<u8>>,
    /// A CA by its basicConstraints, and how many CAs may stand below it.
    pub(super) authority: Option<(bool, Option<u64>)>,
    /// KeyUsage, its first bit as 0x8000.
    pub(super) key_usage: Option<u16>,
    pub(super) purposes: Option<Vec<Vec<u8>>>,
    /// Critical extensions that are not known here.
    pub(super) unknown: Vec<Vec<u8>>,
    signed: Vec<u8>,
    scheme: Vec<u8>,
    signature: Vec<u8>,
}

/// The bit of KeyUsage for signatures.
pub(super) const DIGITAL_SIGNATURE: u16 = 0x8000;
/// The bit of KeyUsage for signing certificates.
pub(super) const KEY_CERT_SIGN: u16 = 0x0400;

impl Name {
    fn parse(value: Value<'_>) -> Result<Self> {
        let mut attributes = Vec::new();
        let mut parts = value.reader("Name");
        while !parts.is_empty() {
            let mut part =
                parts.expect(SET, "RelativeDistinguishedName")?.reader("RelativeDistinguishedName");
            while !part.is_empty() {
                let mut pair = part.sequence("AttributeTypeAndValue")?;
                let kind = pair.oid("type")?.to_vec();
                if attributes.len() >= ATTRIBUTES {
                    return Err(Error::limit("attributes in a name", ATTRIBUTES as u64));
                }
                attributes.push((kind, text(pair.value()?)));
            }
        }
        Ok(Self { raw: value.whole.to_vec(), attributes })
    }

    fn attribute(&self, kind: &[u8]) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == kind).map(|(_, text)| text.as_str())
    }

    /// The attribute CN.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.attribute(oid::COMMON_NAME)
    }

    /// The attribute O.
    #[must_use]
    pub fn organization(&self) -> Option<&str> {
        self.attribute(oid::ORGANIZATION)
    }

    /// What people call it: CN, or else OU, O, or the first attribute there is.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.common_name()
            .or_else(|| self.attribute(oid::ORGANIZATIONAL_UNIT))
            .or_else(|| self.organization())
            .or_else(|| self.attributes.first().map(|(_, text)| text.as_str()))
            .unwrap_or("(no name)")
    }

    /// True where it is encoded like this, or says the same.
    pub(super) fn is_encoded(&self, raw: &[u8]) -> bool {
        let parsed = || Reader::new("Name", raw).expect(SEQUENCE, "Name").and_then(Self::parse);
        self.raw == raw || parsed().is_ok_and(|name| self.is(&name))
    }

    /// True for the same name: byte for byte, or the same attributes but for case and blanks (RFC 5280 §7.1).
    pub(super) fn is(&self, other: &Self) -> bool {
        let folded = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        self.raw == other.raw
            || (self.attributes.len() == other.attributes.len()
                && self
                    .attributes
                    .iter()
                    .zip(&other.attributes)
                    .all(|(a, b)| a.0 == b.0 && (a.1 == b.1 || folded(&a.1) == folded(&b.1))))
    }
}

/// A string of any of the kinds that names and programs' names are kept in.
pub(super) fn text(value: Value<'_>) -> String {
    match value.tag & 0x1f {
        0x1e => utf16_be(value.content).0,
        0x1c => value
            .content
            .chunks_exact(4)
            .map(|four| match four {
                [a, b, c, d] => char::from_u32(u32::from_be_bytes([*a, *b, *c, *d])),
                _ => None,
            })
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
        _ => utf8_or_latin1(value.content),
    }
}

/// UTCTime and GeneralizedTime (RFC 5280 §4.1.2.5), as seconds since 1970.
pub(super) fn time(value: Value<'_>) -> Result<i64> {
    let wrong = || Error::damaged("a time that is none");
    let text = std::str::from_utf8(value.content).map_err(|_| wrong())?;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (years, rest) = match value.tag {
        der::UTC_TIME => (2, text),
        der::GENERALIZED_TIME => (4, text),
        _ => return Err(wrong()),
    };
    if digits < years + 8 {
        return Err(wrong());
    }
    let number = |at: usize, len: usize| -> Result<u8> {
        rest.get(at..at + len).and_then(|digits| digits.parse().ok()).ok_or_else(wrong)
    };
    let year: i32 = rest.get(..years).and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
    let year = match (years, year) {
        (2, 0..50) => year + 2000,
        (2, _) => year + 1900,
        _ => year,
    };
    let second = if digits >= years + 10 { number(years + 8, 2)? } else { 0 };
    // `Z`, nothing, or the older `+hhmm`; a fraction of a second does not matter.
    let zone = rest.find(['+', '-']).and_then(|at| {
        let sign = if rest.as_bytes().get(at) == Some(&b'-') { -1 } else { 1 };
        let (hours, minutes) = (number(at + 1, 2).ok()?, number(at + 3, 2).ok()?);
        Some(sign * (i16::from(hours) * 60 + i16::from(minutes)))
    });
    let fields = TimeFields {
        year,
        month: number(years, 2)?,
        day: number(years + 2, 2)?,
        hour: number(years + 4, 2)?,
        minute: number(years + 6, 2)?,
        second,
        nanos: 0,
        zone,
    };
    Timestamp::from_fields(fields).map(|time| time.seconds).ok_or_else(wrong)
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(Algorithm::Sha256, &[bytes])
}

pub(super) fn digest(algorithm: Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Hasher::new(&[algorithm]);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finish().into_iter().next().map(|value| value.bytes).unwrap_or_default()
}

impl Certificate {
    /// Reads one certificate.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let whole = Reader::new("Certificate", bytes).expect(SEQUENCE, "Certificate")?;
        let mut outer = whole.reader("Certificate");
        let signed = outer.expect(SEQUENCE, "tbsCertificate")?;
        let scheme = outer.sequence("signatureAlgorithm")?.oid("algorithm")?.to_vec();
        let signature = outer.expect(BIT_STRING, "signatureValue")?.bits()?.to_vec();
        let mut fields = signed.reader("tbsCertificate");
        fields.optional(der::context(0))?;
        let serial = fields.expect(INTEGER, "serialNumber")?.content.to_vec();
        fields.sequence("signature")?;
        let issuer = Name::parse(fields.expect(SEQUENCE, "issuer")?)?;
        let mut validity = fields.sequence("validity")?;
        let valid = (time(validity.value()?)?, time(validity.value()?)?);
        let subject = Name::parse(fields.expect(SEQUENCE, "subject")?)?;
        let key_info = fields.expect(SEQUENCE, "subjectPublicKeyInfo")?;
        let key = PublicKey::parse(&mut key_info.reader("subjectPublicKeyInfo"))?;
        let mut out = Self {
            fingerprint: sha256(whole.whole),
            subject,
            issuer,
            serial,
            valid,
            key,
            key_info: key_info.whole.to_vec(),
            key_identifier: None,
            authority: None,
            key_usage: None,
            purposes: None,
            unknown: Vec::new(),
            signed: signed.whole.to_vec(),
            scheme,
            signature,
        };
        while !fields.is_empty() {
            let field = fields.value()?;
            if field.tag == der::context(3) {
                out.extensions(&mut field.reader("extensions").sequence("extensions")?)?;
            }
        }
        Ok(out)
    }

    fn extensions(&mut self, list: &mut Reader<'_>) -> Result<()> {
        let mut count = 0;
        while !list.is_empty() {
            count += 1;
            if count > EXTENSIONS {
                return Err(Error::limit("extensions in a certificate", EXTENSIONS as u64));
            }
            let mut extension = list.sequence("Extension")?;
            let kind = extension.oid("extnID")?;
            let critical = extension.optional(BOOLEAN)?.is_some_and(|value| value.content != [0]);
            let value = extension.expect(OCTET_STRING, "extnValue")?.octets()?;
            let mut value = Reader::new("Extension", &value);
            match kind {
                oid::BASIC_CONSTRAINTS => {
                    let mut fields = value.sequence("BasicConstraints")?;
                    let ca = fields.optional(BOOLEAN)?.is_some_and(|value| value.content != [0]);
                    let below = fields.optional(INTEGER)?.map(|value| value.small().unwrap_or(0));
                    self.authority = Some((ca, below));
                }
                oid::KEY_USAGE => {
                    let bits = value.expect(BIT_STRING, "KeyUsage")?.bits()?;
                    let byte = |at: usize| u16::from(bits.get(at).copied().unwrap_or(0));
                    self.key_usage = Some((byte(0) << 8) | byte(1));
                }
                oid::EXTENDED_KEY_USAGE => {
                    let mut list = value.sequence("ExtKeyUsageSyntax")?;
                    let mut purposes = Vec::new();
                    while !list.is_empty() && purposes.len() < EXTENSIONS {
                        purposes.push(list.oid("KeyPurposeId")?.to_vec());
                    }
                    self.purposes = Some(purposes);
                }
                oid::SUBJECT_KEY_IDENTIFIER => {
                    self.key_identifier = Some(value.expect(OCTET_STRING, "KeyIdentifier")?.octets()?);
                }
                // Policies say under which rules it was made, not what it may do.
                oid::CERTIFICATE_POLICIES
                | oid::POLICY_MAPPINGS
                | oid::POLICY_CONSTRAINTS
                | oid::INHIBIT_ANY_POLICY => {}
                _ if critical => self.unknown.push(kind.to_vec()),
                _ => {}
            }
        }
        Ok(())
    }

    /// SHA-256 of it, in hexadecimal digits.
    #[must_use]
    pub fn fingerprint_hex(&self) -> String {
        hex(&self.fingerprint)
    }

    /// Its number, in hexadecimal digits.
    #[must_use]
    pub fn serial_hex(&self) -> String {
        hex(&self.serial)
    }

    /// True where it has a list of purposes and this is among them.
    pub(super) fn is_for(&self, purpose: &[u8]) -> bool {
        self.purposes.as_ref().is_some_and(|list| list.iter().any(|known| known == purpose))
    }

    /// True where it was made by itself, by the names in it.
    #[must_use]
    pub fn is_its_own_issuer(&self) -> bool {
        self.subject.is(&self.issuer)
    }

    /// True where the holder of `issuer` signed it. MD5 is not believed: whole certificates were forged by it.
    pub(super) fn is_signed_by(&self, issuer: &Self) -> Made {
        match oid::of_signature(&self.scheme) {
            None | Some(Algorithm::Md5) => Made::Unknown,
            Some(algorithm) => {
                let digest = digest(algorithm, &[&self.signed]);
                issuer.key.made(&self.scheme, algorithm, &digest, &self.signature, Padding::Named)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tag: u8, text: &str) -> Result<i64> {
        time(Value { tag, content: text.as_bytes(), whole: &[] })
    }

    #[test]
    fn times_of_both_kinds_are_read() {
        assert_eq!(at(der::UTC_TIME, "700101000000Z").unwrap(), 0);
        assert_eq!(at(der::UTC_TIME, "491231235959Z").unwrap(), 2_524_607_999);
        assert_eq!(at(der::UTC_TIME, "7001010000Z").unwrap(), 0);
        assert_eq!(at(der::GENERALIZED_TIME, "20231114221320.123Z").unwrap(), 1_700_000_000);
        assert_eq!(at(der::UTC_TIME, "700101010000+0100").unwrap(), 0);
        for text in ["", "7001", "70ab01000000Z", "701301000000Z", "\u{e4}70101000000Z"] {
            assert!(at(der::UTC_TIME, text).is_err(), "{text}");
        }
        assert!(at(INTEGER, "700101000000Z").is_err());
    }

    #[test]
    fn names_are_the_same_but_for_case_and_blanks() {
        let name = |text: &str| Name {
            raw: text.as_bytes().to_vec(),
            attributes: vec![(oid::COMMON_NAME.to_vec(), text.to_owned())],
        };
        assert!(name("Test  Root").is(&name("test root")));
        assert!(!name("Test Root").is(&name("Test Rot")));
    }
}
