//! Object identifiers, as their content octets, and what they stand for.

use crate::digest::Algorithm;

macro_rules! oids {
    ($($(#[$doc:meta])* $name:ident = $bytes:expr;)*) => {
        $($(#[$doc])* pub(super) const $name: &[u8] = &$bytes;)*
    };
}

oids! {
    /// 1.2.840.113549.1.7.2, PKCS#7 SignedData.
    SIGNED_DATA = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02];
    /// 1.2.840.113549.1.9.3, the attribute that names the type of content.
    CONTENT_TYPE = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x03];
    /// 1.2.840.113549.1.9.4, the attribute with the content's digest.
    MESSAGE_DIGEST = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x04];
    /// 1.2.840.113549.1.9.5, when the signer says that it signed.
    SIGNING_TIME = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x05];
    /// 1.2.840.113549.1.9.6, a countersignature (PKCS#9): the older time stamps.
    COUNTERSIGNATURE = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x06];
    /// 1.3.6.1.4.1.311.3.3.1, a time stamp by RFC 3161.
    RFC3161 = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x03, 0x03, 0x01];
    /// 1.2.840.113549.1.9.16.1.4, what an RFC 3161 time stamp signs.
    TST_INFO = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x04];
    /// 1.3.6.1.4.1.311.2.1.4, `SPC_INDIRECT_DATA`.
    INDIRECT_DATA = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x04];
    /// 1.3.6.1.4.1.311.2.1.12, `SPC_SP_OPUS_INFO`: name and address of the program.
    OPUS_INFO = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x01, 0x0c];
    /// 1.3.6.1.4.1.311.2.3.1, page hashes by SHA-1.
    PAGE_HASHES_SHA1 = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x03, 0x01];
    /// 1.3.6.1.4.1.311.2.3.2, page hashes by SHA-256.
    PAGE_HASHES_SHA256 = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x03, 0x02];
    /// 1.3.6.1.4.1.311.2.4.1, a nested signature.
    NESTED = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x04, 0x01];
    /// 1.3.6.1.4.1.311.10.1, a list of certified things: what a catalogue signs.
    CERT_TRUST_LIST = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x0a, 0x01];
    /// 1.3.6.1.4.1.311.10.3.13, signatures end with the certificate, time stamp or not.
    LIFETIME_SIGNING = [0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x0a, 0x03, 0x0d];
    /// 1.3.6.1.5.5.7.3.3, for signing code.
    CODE_SIGNING = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x03];
    /// 1.3.6.1.5.5.7.3.8, for time stamps.
    TIME_STAMPING = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];
    /// 2.5.29.37.0, for anything.
    ANY_EXTENDED_KEY_USAGE = [0x55, 0x1d, 0x25, 0x00];
    /// 2.5.29.15.
    KEY_USAGE = [0x55, 0x1d, 0x0f];
    /// 2.5.29.19.
    BASIC_CONSTRAINTS = [0x55, 0x1d, 0x13];
    /// 2.5.29.37.
    EXTENDED_KEY_USAGE = [0x55, 0x1d, 0x25];
    /// 2.5.29.14.
    SUBJECT_KEY_IDENTIFIER = [0x55, 0x1d, 0x0e];
    /// 2.5.29.32.
    CERTIFICATE_POLICIES = [0x55, 0x1d, 0x20];
    /// 2.5.29.33.
    POLICY_MAPPINGS = [0x55, 0x1d, 0x21];
    /// 2.5.29.36.
    POLICY_CONSTRAINTS = [0x55, 0x1d, 0x24];
    /// 2.5.29.54.
    INHIBIT_ANY_POLICY = [0x55, 0x1d, 0x36];
    /// 2.5.4.3, CN.
    COMMON_NAME = [0x55, 0x04, 0x03];
    /// 2.5.4.10, O.
    ORGANIZATION = [0x55, 0x04, 0x0a];
    /// 2.5.4.11, OU.
    ORGANIZATIONAL_UNIT = [0x55, 0x04, 0x0b];
    /// 1.2.840.113549.1.1.1, RSA.
    RSA = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    /// 1.2.840.113549.1.1.10, RSA with the probabilistic padding.
    RSA_PSS = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
    /// 1.2.840.10045.2.1, elliptic curves.
    EC_PUBLIC_KEY = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    /// 1.2.840.10045.3.1.7, P-256.
    P256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    /// 1.3.132.0.34, P-384.
    P384 = [0x2b, 0x81, 0x04, 0x00, 0x22];
    /// 1.3.132.0.35, P-521.
    P521 = [0x2b, 0x81, 0x04, 0x00, 0x23];
    /// 1.2.840.113549.2.5, MD5.
    MD5 = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05];
    /// 1.3.14.3.2.26, SHA-1.
    SHA1 = [0x2b, 0x0e, 0x03, 0x02, 0x1a];
    /// 2.16.840.1.101.3.4.2.1, SHA-256.
    SHA256 = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];
    /// 2.16.840.1.101.3.4.2.2, SHA-384.
    SHA384 = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02];
    /// 2.16.840.1.101.3.4.2.3, SHA-512.
    SHA512 = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03];
    /// 2.16.840.1.101.3.4.2.4, SHA-224.
    SHA224 = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04];
}

/// The digest that an identifier names.
pub(super) fn digest(oid: &[u8]) -> Option<Algorithm> {
    Algorithm::ALL.into_iter().find(|algorithm| of_digest(*algorithm) == Some(oid))
}

/// The identifier of a digest.
pub(super) fn of_digest(algorithm: Algorithm) -> Option<&'static [u8]> {
    #[allow(unreachable_patterns, reason = "digests that Authenticode does not know may be added")]
    match algorithm {
        Algorithm::Md5 => Some(MD5),
        Algorithm::Sha1 => Some(SHA1),
        Algorithm::Sha224 => Some(SHA224),
        Algorithm::Sha256 => Some(SHA256),
        Algorithm::Sha384 => Some(SHA384),
        Algorithm::Sha512 => Some(SHA512),
        _ => None,
    }
}

/// The digest that goes with a signature's algorithm, where the algorithm fixes one.
pub(super) fn of_signature(oid: &[u8]) -> Option<Algorithm> {
    /// 1.2.840.113549.1.1.
    const PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    /// 1.2.840.10045.4.
    const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04];
    let last = |prefix: &[u8]| oid.strip_prefix(prefix);
    match (last(PKCS1), last(ECDSA), oid) {
        (Some([4]), ..) => Some(Algorithm::Md5),
        (Some([5]), ..) | (_, Some([1]), _) => Some(Algorithm::Sha1),
        // 1.3.14.3.2.29 and 1.3.14.3.2.13: sha1WithRSA and dsaWithSHA1 of the OIW, by old signers.
        (.., [0x2b, 0x0e, 0x03, 0x02, 0x1d | 0x0d]) => Some(Algorithm::Sha1),
        (Some([11]), ..) | (_, Some([3, 2]), _) => Some(Algorithm::Sha256),
        (Some([12]), ..) | (_, Some([3, 3]), _) => Some(Algorithm::Sha384),
        (Some([13]), ..) | (_, Some([3, 4]), _) => Some(Algorithm::Sha512),
        (Some([14]), ..) | (_, Some([3, 1]), _) => Some(Algorithm::Sha224),
        _ => None,
    }
}

/// An identifier as people write it.
pub(super) fn dotted(oid: &[u8]) -> String {
    let mut numbers: Vec<u64> = Vec::new();
    let mut number = 0u64;
    for &byte in oid.iter().take(64) {
        number = number.saturating_mul(128).saturating_add(u64::from(byte & 0x7f));
        if byte & 0x80 == 0 {
            match numbers.is_empty() {
                true => numbers.extend([(number / 40).min(2), number - (number / 40).min(2) * 40]),
                false => numbers.push(number),
            }
            number = 0;
        }
    }
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_read_as_people_write_them() {
        assert_eq!(dotted(SIGNED_DATA), "1.2.840.113549.1.7.2");
        assert_eq!(dotted(SHA256), "2.16.840.1.101.3.4.2.1");
        assert_eq!(dotted(ANY_EXTENDED_KEY_USAGE), "2.5.29.37.0");
    }

    #[test]
    fn digests_are_found_by_their_own_and_by_their_signatures_identifiers() {
        assert_eq!(digest(SHA1), Some(Algorithm::Sha1));
        assert_eq!(digest(RSA), None);
        assert_eq!(of_signature(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3]), Some(Algorithm::Sha384));
        assert_eq!(of_signature(RSA), None);
    }
}
