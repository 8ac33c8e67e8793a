//! Public keys, and whether one made a signature: RSA with PKCS#1 v1.5 (RFC 8017 §8.2.2) and ECDSA on P-256, P-384
//! and P-521. Nothing here is secret, so nothing here has to take the same time always.

use super::der::{self, BIT_STRING, INTEGER, Reader, SEQUENCE};
use super::oid;
use crate::digest::Algorithm;
use crate::error::{Error, Result};
use crate::guard::guarded;
use num_bigint::BigUint;

/// Bytes of an RSA modulus: 16,384 bits.
const MODULUS: usize = 2048;
/// Bytes of an RSA exponent. Larger ones are not in use, and cost time.
const EXPONENT: usize = 8;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// RSA: modulus and exponent, big-endian.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// A point on a curve, as SEC 1 has it.
    Ec { curve: Curve, point: Vec<u8> },
    /// Another kind.
    Other,
}

/// A curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

/// What came of checking a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// By that key.
    Yes,
    /// Not by that key.
    No,
    /// A kind of signature that is not checked here.
    Unknown,
}

/// How strictly an RSA signature's padding is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// The digest's identifier stands before the digest.
    Named,
    /// The digest may stand alone: older countersignatures of Symantec and VeriSign are so.
    BareAllowed,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280 §4.1).
    pub(super) fn parse(info: &mut Reader<'_>) -> Result<Self> {
        let mut algorithm = info.sequence("algorithm")?;
        let kind = algorithm.oid("algorithm")?;
        let key = info.expect(BIT_STRING, "subjectPublicKey")?;
        if kind == oid::RSA {
            let mut key = Reader::new("RSAPublicKey", key.bits()?).sequence("RSAPublicKey")?;
            let modulus = der::unsigned(key.expect(INTEGER, "modulus")?.content).to_vec();
            let exponent = der::unsigned(key.expect(INTEGER, "publicExponent")?.content).to_vec();
            return Ok(Self::Rsa { modulus, exponent });
        }
        if kind == oid::EC_PUBLIC_KEY {
            let curve = match algorithm.optional(der::OID)?.map(|curve| curve.content) {
                Some(oid::P256) => Curve::P256,
                Some(oid::P384) => Curve::P384,
                Some(oid::P521) => Curve::P521,
                _ => return Ok(Self::Other),
            };
            return Ok(Self::Ec { curve, point: key.bits()?.to_vec() });
        }
        Ok(Self::Other)
    }

    /// True where this key made `signature` over something with that digest. `scheme` is the identifier of the
    /// signature's algorithm.
    pub(super) fn made(
        &self,
        scheme: &[u8],
        algorithm: Algorithm,
        digest: &[u8],
        signature: &[u8],
        padding: Padding,
    ) -> Made {
        if scheme == oid::RSA_PSS {
            return Made::Unknown;
        }
        let made = match self {
            Self::Rsa { modulus, exponent } => {
                guarded("RSA", || rsa(modulus, exponent, algorithm, digest, signature, padding))
            }
            Self::Ec { curve, point } => guarded("ECDSA", || ecdsa(*curve, point, digest, signature)),
            Self::Other => return Made::Unknown,
        };
        match made {
            Ok(true) => Made::Yes,
            Ok(false) | Err(_) => Made::No,
        }
    }
}

/// RFC 8017 §8.2.2: the message that the signature hides is made here and compared as a whole, so that nothing
/// in it is read.
fn rsa(
    modulus: &[u8],
    exponent: &[u8],
    algorithm: Algorithm,
    digest: &[u8],
    signature: &[u8],
    padding: Padding,
) -> Result<bool> {
    let size = modulus.len();
    if !(64..=MODULUS).contains(&size) || exponent.len() > EXPONENT || der::unsigned(signature).len() > size {
        return Ok(false);
    }
    let (n, e, s) = (
        BigUint::from_bytes_be(modulus),
        BigUint::from_bytes_be(exponent),
        BigUint::from_bytes_be(signature),
    );
    if s >= n || !e.bit(0) || e.bits() < 2 {
        return Ok(false);
    }
    let found = s.modpow(&e, &n).to_bytes_be();
    let Some(oid) = oid::of_digest(algorithm) else { return Ok(false) };
    let name = der::encoded(der::OID, oid);
    let info = |algorithm: &[u8]| {
        let parts = [der::encoded(SEQUENCE, algorithm), der::encoded(der::OCTET_STRING, digest)];
        der::encoded(SEQUENCE, &parts.concat())
    };
    // RFC 8017 §9.2: NULL parameters; verifiers accept their absence.
    let mut messages = vec![info(&[name.as_slice(), &[5, 0]].concat()), info(&name)];
    if padding == Padding::BareAllowed {
        messages.push(digest.to_vec());
    }
    // 00 01, at least eight ff, 00, and the message; the first 00 is no digit of a number.
    let same = |message: &Vec<u8>| {
        let Some(fill) = size.checked_sub(message.len() + 3).filter(|fill| *fill >= 8) else { return false };
        let mut whole = vec![1u8];
        whole.resize(fill + 1, 0xff);
        whole.push(0);
        whole.extend_from_slice(message);
        whole == found
    };
    Ok(messages.iter().any(same))
}

fn ecdsa(curve: Curve, point: &[u8], digest: &[u8], signature: &[u8]) -> Result<bool> {
    use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
    let size = match curve {
        Curve::P256 => 32,
        Curve::P384 => 48,
        Curve::P521 => 66,
    };
    let mut pair = Reader::new("ECDSA-Sig-Value", signature).sequence("ECDSA-Sig-Value")?;
    let mut scalars = Vec::new();
    for field in ["r", "s"] {
        let digits = der::unsigned(pair.expect(INTEGER, field)?.content);
        let zeros = size_left(size, digits.len())?;
        scalars.resize(scalars.len() + zeros, 0);
        scalars.extend_from_slice(digits);
    }
    // A digest that is shorter than the curve's numbers is a smaller number, no other one.
    let zeros = size_left(size, digest.len()).unwrap_or(0);
    let digest = [&vec![0; zeros], digest].concat();
    macro_rules! verified {
        ($curve:ident) => {{
            let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(point);
            let signature = $curve::ecdsa::Signature::from_slice(&scalars);
            match (key, signature) {
                (Ok(key), Ok(signature)) => key.verify_prehash(&digest, &signature).is_ok(),
                _ => false,
            }
        }};
    }
    Ok(match curve {
        Curve::P256 => verified!(p256),
        Curve::P384 => verified!(p384),
        Curve::P521 => verified!(p521),
    })
}

fn size_left(size: usize, used: usize) -> Result<usize> {
    size.checked_sub(used).ok_or_else(|| Error::damaged("a number that the curve has not"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_make_no_sense_make_no_signature() {
        let digest = [7; 32];
        let try_key = |modulus: Vec<u8>, exponent: Vec<u8>, signature: &[u8]| {
            let key = PublicKey::Rsa { modulus, exponent };
            key.made(oid::RSA, Algorithm::Sha256, &digest, signature, Padding::Named)
        };
        assert_eq!(try_key(Vec::new(), vec![3], &[1]), Made::No);
        assert_eq!(try_key(vec![0xff; 256], vec![], &[1]), Made::No);
        assert_eq!(try_key(vec![0xff; 256], vec![1], &[1]), Made::No);
        assert_eq!(try_key(vec![0xff; 4096], vec![3], &[1]), Made::No);
        assert_eq!(try_key(vec![0xff; 256], vec![0xff; 256], &[2; 256]), Made::No);
        let point = PublicKey::Ec { curve: Curve::P256, point: vec![4; 65] };
        assert_eq!(
            point.made(oid::EC_PUBLIC_KEY, Algorithm::Sha256, &digest, &[0x30, 0], Padding::Named),
            Made::No
        );
        assert_eq!(
            PublicKey::Other.made(oid::RSA, Algorithm::Sha256, &digest, &[], Padding::Named),
            Made::Unknown
        );
    }

    #[test]
    fn the_padding_is_compared_to_its_last_byte() {
        // With an exponent of 1 the signature would be the message; 3 and a cube that is smaller than the modulus
        // show the same without a private key: the message is no cube, so only rubbish comes out.
        let key = PublicKey::Rsa { modulus: vec![0xff; 128], exponent: vec![3] };
        for signature in [vec![1], vec![0; 128], vec![0xfe; 128]] {
            let made = key.made(oid::RSA, Algorithm::Sha1, &[0; 20], &signature, Padding::BareAllowed);
            assert_eq!(made, Made::No);
        }
    }
}
