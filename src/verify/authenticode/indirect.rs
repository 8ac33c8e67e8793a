//! `SpcIndirectDataContent`: the digest of a file, in place of its bytes, as what is signed; and the other
//! structures of Authenticode that say something of the file.

use super::der::{self, BIT_STRING, OCTET_STRING, Reader, SEQUENCE, SET, Value};
use super::oid;
use super::x509;
use crate::digest::Algorithm;
use crate::error::Result;

/// What a signature says of the file.
#[derive(Debug, Clone)]
pub(super) struct Indirect {
    /// Which digest; `None` where it is not known here.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) digest: Vec<u8>,
    /// Digests of an image's pages, as they are stored.
    pub(super) pages: Option<(Algorithm, Vec<u8>)>,
}

impl Indirect {
    /// Reads the content of an `SpcIndirectDataContent`.
    pub(super) fn parse(content: &[u8]) -> Result<Self> {
        let mut fields = Reader::new("SpcIndirectDataContent", content);
        let mut data = fields.sequence("data")?;
        data.oid("type")?;
        let pages = match data.is_empty() {
            true => None,
            false => pages(&data.value()?),
        };
        let mut digest = fields.sequence("messageDigest")?;
        let algorithm = oid::digest(digest.sequence("digestAlgorithm")?.oid("algorithm")?);
        let digest = digest.expect(OCTET_STRING, "digest")?.octets()?;
        Ok(Self { algorithm, digest, pages })
    }
}

/// The page hashes of an `SpcPeImageData`, where it has some: a moniker with a SET of them.
fn pages(value: &Value<'_>) -> Option<(Algorithm, Vec<u8>)> {
    if value.tag != SEQUENCE {
        return None;
    }
    let mut image = value.reader("SpcPeImageData");
    image.optional(BIT_STRING).ok()?;
    let link = image.optional(der::context(0)).ok()??;
    let moniker = link.reader("SpcLink").expect(der::context(1), "moniker").ok()?;
    let mut moniker = moniker.reader("SpcSerializedObject");
    moniker.expect(OCTET_STRING, "classId").ok()?;
    let data = moniker.expect(OCTET_STRING, "serializedData").ok()?.octets().ok()?;
    let mut attributes =
        Reader::new("serializedData", &data).expect(SET, "attributes").ok()?.reader("attributes");
    while !attributes.is_empty() {
        let mut attribute = attributes.sequence("Attribute").ok()?;
        let algorithm = match attribute.oid("type").ok()? {
            oid::PAGE_HASHES_SHA1 => Algorithm::Sha1,
            oid::PAGE_HASHES_SHA256 => Algorithm::Sha256,
            _ => continue,
        };
        let mut values = attribute.expect(SET, "values").ok()?.reader("values");
        return Some((algorithm, values.expect(OCTET_STRING, "page hashes").ok()?.octets().ok()?));
    }
    None
}

/// Name and address of the program that an `SpcSpOpusInfo` gives.
pub(super) fn opus(value: &[u8]) -> (Option<String>, Option<String>) {
    let (mut program, mut address) = (None, None);
    let Ok(mut fields) = Reader::new("SpcSpOpusInfo", value).sequence("SpcSpOpusInfo") else {
        return (None, None);
    };
    while let Ok(field) = fields.value() {
        let Ok(inner) = field.reader("SpcSpOpusInfo").value() else { continue };
        match field.tag {
            // SpcString: [0] is UTF-16 big-endian, [1] is ASCII.
            0xa0 if inner.tag & 0x1f == 0 => program = Some(crate::text::utf16_be(inner.content).0),
            0xa0 => program = Some(x509::text(inner)),
            // SpcLink: [0] is an address.
            0xa1 if inner.tag == der::context_primitive(0) => address = Some(x509::text(inner)),
            _ => {}
        }
    }
    let bounded = |text: Option<String>| {
        text.map(|text| text.chars().take(256).collect::<String>()).filter(|text| !text.trim().is_empty())
    };
    (bounded(program), bounded(address))
}
