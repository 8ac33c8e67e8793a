//! PKCS#7 SignedData (RFC 2315, RFC 5652): content, certificates, signers and their attributes, and whether a
//! signer signed the content.

use super::der::{self, INTEGER, OCTET_STRING, Reader, SEQUENCE, SET, Value};
use super::key::{Made, Padding};
use super::oid;
use super::x509::{Certificate, digest};
use crate::digest::Algorithm;
use crate::error::{Error, Result};

/// Certificates in one message. Microsoft's have up to six.
const CERTIFICATES: usize = 64;
/// Signers of one message; more than one is against Authenticode's rules.
const SIGNERS: usize = 4;
/// Attributes of a signer, and values of one.
const ATTRIBUTES: usize = 64;

/// A SignedData.
#[derive(Debug, Clone)]
pub(super) struct SignedData {
    /// What kind of content is signed.
    pub(super) content_type: Vec<u8>,
    /// The content's octets: without tag and length, which are not signed (PKCS#7 §9.3).
    pub(super) content: Vec<u8>,
    pub(super) certificates: Vec<Certificate>,
    /// How many certificates cannot be read.
    pub(super) unreadable: usize,
    pub(super) signers: Vec<SignerInfo>,
    /// How long the whole message is.
    pub(super) bytes: usize,
}

/// Which certificate is a signer's.
#[derive(Debug, Clone)]
enum SignerId {
    /// By its issuer's encoded name and its number.
    Number { issuer: Vec<u8>, serial: Vec<u8> },
    /// By its key's identifier.
    Key(Vec<u8>),
}

/// An attribute with its values, each with tag and length.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    pub(super) kind: Vec<u8>,
    pub(super) values: Vec<Vec<u8>>,
}

/// One signer.
#[derive(Debug, Clone)]
pub(super) struct SignerInfo {
    id: SignerId,
    digest: Vec<u8>,
    /// The signed attributes as they are encoded, without tag and length.
    signed: Option<Vec<u8>>,
    attributes: Vec<Attribute>,
    scheme: Vec<u8>,
    pub(super) signature: Vec<u8>,
    pub(super) unsigned: Vec<Attribute>,
}

/// What came of checking a signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// The signer signed the content.
    Yes,
    /// It did not, and how that shows.
    No(&'static str),
    /// This cannot be told here, and why.
    Unknown(&'static str),
}

fn attributes(content: &[u8]) -> Result<Vec<Attribute>> {
    let mut out: Vec<Attribute> = Vec::new();
    let mut list = Reader::new("attributes", content);
    while !list.is_empty() {
        if out.len() >= ATTRIBUTES {
            return Err(Error::limit("attributes of a signer", ATTRIBUTES as u64));
        }
        let mut fields = list.sequence("Attribute")?;
        let kind = fields.oid("attrType")?.to_vec();
        let mut set = fields.expect(SET, "attrValues")?.reader("attrValues");
        let mut values = Vec::new();
        while !set.is_empty() && values.len() < ATTRIBUTES {
            values.push(set.value()?.whole.to_vec());
        }
        out.push(Attribute { kind, values });
    }
    Ok(out)
}

impl SignedData {
    /// Reads a ContentInfo that holds a SignedData.
    ///
    /// # Errors
    /// Where it is none, or claims more than is there.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let whole = Reader::new("PKCS#7", bytes).expect(SEQUENCE, "ContentInfo")?;
        let mut outer = whole.reader("ContentInfo");
        if outer.oid("contentType")? != oid::SIGNED_DATA {
            return Err(Error::unsupported("a PKCS#7 message that is not signed data"));
        }
        let mut fields =
            outer.expect(der::context(0), "content")?.reader("content").sequence("SignedData")?;
        fields.expect(INTEGER, "version")?;
        fields.expect(SET, "digestAlgorithms")?;
        let mut inner = fields.sequence("encapContentInfo")?;
        let content_type = inner.oid("eContentType")?.to_vec();
        let content = match inner.optional(der::context(0))? {
            None => Vec::new(),
            Some(explicit) => {
                let value = explicit.reader("eContent").value()?;
                if value.tag & !0x20 == OCTET_STRING { value.octets()? } else { value.content.to_vec() }
            }
        };
        let mut out = Self {
            content_type,
            content,
            certificates: Vec::new(),
            unreadable: 0,
            signers: Vec::new(),
            bytes: whole.whole.len(),
        };
        if let Some(set) = fields.optional(der::context(0))? {
            let mut set = set.reader("certificates");
            while !set.is_empty() && out.certificates.len() + out.unreadable < CERTIFICATES {
                match Certificate::parse(set.value()?.whole) {
                    Ok(certificate) if out.certificates.contains(&certificate) => {}
                    Ok(certificate) => out.certificates.push(certificate),
                    Err(_) => out.unreadable += 1,
                }
            }
        }
        fields.optional(der::context(1))?;
        let mut set = fields.expect(SET, "signerInfos")?.reader("signerInfos");
        while !set.is_empty() {
            if out.signers.len() >= SIGNERS {
                return Err(Error::limit("signers of one message", SIGNERS as u64));
            }
            out.signers.push(SignerInfo::parse(&set.value()?)?);
        }
        Ok(out)
    }
}

impl SignerInfo {
    /// Reads one signer; a countersignature is one, too.
    pub(super) fn parse(value: &Value<'_>) -> Result<Self> {
        if value.tag != SEQUENCE {
            return Err(Error::damaged("a signer that is none").during("SignerInfo"));
        }
        let mut fields = value.reader("SignerInfo");
        fields.expect(INTEGER, "version")?;
        let id = match fields.optional(der::context_primitive(0))? {
            Some(key) => SignerId::Key(key.content.to_vec()),
            None => {
                let mut number = fields.sequence("issuerAndSerialNumber")?;
                let issuer = number.expect(SEQUENCE, "issuer")?.whole.to_vec();
                SignerId::Number { issuer, serial: number.expect(INTEGER, "serialNumber")?.content.to_vec() }
            }
        };
        let digest = fields.sequence("digestAlgorithm")?.oid("algorithm")?.to_vec();
        let signed = fields.optional(der::context(0))?.map(|signed| signed.content.to_vec());
        let scheme = fields.sequence("signatureAlgorithm")?.oid("algorithm")?.to_vec();
        let signature = fields.expect(OCTET_STRING, "signature")?.octets()?;
        let unsigned = fields.optional(der::context(1))?;
        Ok(Self {
            id,
            digest,
            attributes: signed.as_deref().map(attributes).transpose()?.unwrap_or_default(),
            signed,
            scheme,
            signature,
            unsigned: unsigned.map(|unsigned| attributes(unsigned.content)).transpose()?.unwrap_or_default(),
        })
    }

    /// The digest that the signer used; `None` where it is not known here.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        // Some writers put the signature's identifier there.
        oid::digest(&self.digest).or_else(|| oid::of_signature(&self.digest))
    }

    /// The only value of a signed attribute.
    pub(super) fn attribute(&self, kind: &[u8]) -> Option<&[u8]> {
        let mut found = self.attributes.iter().filter(|attribute| attribute.kind == kind);
        match (found.next().map(|attribute| attribute.values.as_slice()), found.next()) {
            (Some([value]), None) => Some(value),
            _ => None,
        }
    }

    /// The signer's certificate, where it is among these.
    pub(super) fn certificate<'a>(&self, pool: &'a [Certificate]) -> Option<&'a Certificate> {
        pool.iter().find(|certificate| match &self.id {
            SignerId::Key(key) => certificate.key_identifier.as_ref() == Some(key),
            SignerId::Number { issuer, serial } => {
                certificate.issuer.is_encoded(issuer)
                    && der::unsigned(&certificate.serial) == der::unsigned(serial)
            }
        })
    }

    /// Whether the holder of `certificate` signed `content` (RFC 5652 §5.4). `content_type` is what the attributes
    /// have to say of it; a countersignature says something else.
    pub(super) fn signed(
        &self,
        certificate: &Certificate,
        content_type: Option<&[u8]>,
        content: &[u8],
        padding: Padding,
    ) -> Signed {
        let Some(algorithm) = self.algorithm() else {
            return Signed::Unknown("a digest that is not known here");
        };
        if oid::of_signature(&self.scheme).is_some_and(|other| other != algorithm) {
            return Signed::No("the digest and the signature's algorithm do not go together");
        }
        let hash = digest(algorithm, &[content]);
        let signed_hash = match &self.signed {
            None => hash,
            Some(attributes) => {
                let said = self.attribute(oid::MESSAGE_DIGEST).and_then(octet_string);
                if said.as_ref() != Some(&hash) {
                    return Signed::No("the signed attributes have another digest of the content");
                }
                let kind = self.attribute(oid::CONTENT_TYPE).and_then(identifier);
                if content_type.is_some() && kind.as_deref() != content_type {
                    return Signed::No("the signed attributes name another type of content");
                }
                // §5.4: signed as a SET OF, not with the tag that they stand under.
                digest(algorithm, &[&der::encoded(SET, attributes)])
            }
        };
        match certificate.key.made(&self.scheme, algorithm, &signed_hash, &self.signature, padding) {
            Made::Yes => Signed::Yes,
            Made::No => Signed::No("the signature was not made by the signer's key"),
            Made::Unknown => Signed::Unknown("a kind of signature that is not checked here"),
        }
    }
}

fn octet_string(value: &[u8]) -> Option<Vec<u8>> {
    Reader::new("messageDigest", value).expect(OCTET_STRING, "messageDigest").ok()?.octets().ok()
}

fn identifier(value: &[u8]) -> Option<Vec<u8>> {
    Reader::new("contentType", value).oid("contentType").ok().map(<[u8]>::to_vec)
}
