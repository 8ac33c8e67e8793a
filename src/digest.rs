//! Message digests: several over one reading of the bytes.

use crate::error::{Error, Result};
use base64ct::{Base64Unpadded, Encoding};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A digest that a publisher may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// CRC-32 (IEEE 802.3), as SFV files and ZIP have it. Finds accidents only.
    Crc32,
    /// MD5 (RFC 1321). Collisions are easy to make.
    Md5,
    /// SHA-1 (FIPS 180-4). Collisions have been made.
    Sha1,
    /// SHA-224 (FIPS 180-4).
    Sha224,
    /// SHA3-224 (FIPS 202).
    #[serde(rename = "sha3-224")]
    Sha3_224,
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-512/256 (FIPS 180-4 §5.3.6): SHA-512 from other initial values, cut to 256 bits.
    #[serde(rename = "sha512-256")]
    Sha512_256,
    /// SHA3-256 (FIPS 202).
    #[serde(rename = "sha3-256")]
    Sha3_256,
    /// BLAKE2s with values of 256 bits (RFC 7693).
    Blake2s,
    /// BLAKE3 with values of 256 bits.
    Blake3,
    /// SHA-384 (FIPS 180-4).
    Sha384,
    /// SHA3-384 (FIPS 202).
    #[serde(rename = "sha3-384")]
    Sha3_384,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// SHA3-512 (FIPS 202).
    #[serde(rename = "sha3-512")]
    Sha3_512,
    /// BLAKE2b with values of 512 bits (RFC 7693), as `b2sum` gives them.
    Blake2b,
}

impl Algorithm {
    /// Every algorithm: the weak ones, then by the length of their values; of one length the one that
    /// is met most comes first.
    pub const ALL: [Self; 15] = [
        Self::Crc32,
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha3_224,
        Self::Sha256,
        Self::Blake3,
        Self::Sha3_256,
        Self::Blake2s,
        Self::Sha512_256,
        Self::Sha384,
        Self::Sha3_384,
        Self::Sha512,
        Self::Blake2b,
        Self::Sha3_512,
    ];

    /// The name as flags, JSON and file extensions have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha3_224 => "sha3-224",
            Self::Sha256 => "sha256",
            Self::Sha512_256 => "sha512-256",
            Self::Sha3_256 => "sha3-256",
            Self::Blake2s => "blake2s",
            Self::Blake3 => "blake3",
            Self::Sha384 => "sha384",
            Self::Sha3_384 => "sha3-384",
            Self::Sha512 => "sha512",
            Self::Sha3_512 => "sha3-512",
            Self::Blake2b => "blake2b",
        }
    }

    /// The name as lists in the BSD layout have it, which `cksum`, `rhash` and `b3sum` write and read.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha224 => "SHA224",
            Self::Sha3_224 => "SHA3-224",
            Self::Sha256 => "SHA256",
            Self::Sha512_256 => "SHA512/256",
            Self::Sha3_256 => "SHA3-256",
            Self::Blake2s => "BLAKE2s",
            Self::Blake3 => "BLAKE3",
            Self::Sha384 => "SHA384",
            Self::Sha3_384 => "SHA3-384",
            Self::Sha512 => "SHA512",
            Self::Sha3_512 => "SHA3-512",
            Self::Blake2b => "BLAKE2b",
        }
    }

    /// How many bytes a value has.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "no digest is empty")]
    pub fn len(self) -> usize {
        match self {
            Self::Crc32 => 4,
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 | Self::Sha3_224 => 28,
            Self::Sha256 | Self::Sha512_256 | Self::Sha3_256 | Self::Blake2s | Self::Blake3 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 | Self::Blake2b => 64,
        }
    }

    /// True where a match proves that no accident happened, and no more.
    #[must_use]
    pub fn is_weak(self) -> bool {
        matches!(self, Self::Crc32 | Self::Md5 | Self::Sha1)
    }

    /// The algorithm of that name, as people write it (`SHA256`, `sha-256`, `SHA2-256`, `SHA512t256`,
    /// `BLAKE2b-512`, `b3`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name.len() > 32 {
            return None;
        }
        let plain: String =
            name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        // "sha2-256" is SHA-256; "sha224" must stay what it is.
        let plain = match plain.strip_prefix("sha2") {
            Some(bits) if matches!(bits.len(), 3 | 6) => format!("sha{bits}"),
            _ => plain,
        };
        Some(match plain.as_str() {
            "crc32" | "crc32b" => Self::Crc32,
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha3224" => Self::Sha3_224,
            "sha256" => Self::Sha256,
            "sha512256" | "sha512t256" => Self::Sha512_256,
            "sha3256" => Self::Sha3_256,
            "blake2s" | "blake2s256" => Self::Blake2s,
            "blake3" | "b3" => Self::Blake3,
            "sha384" => Self::Sha384,
            "sha3384" => Self::Sha3_384,
            "sha512" => Self::Sha512,
            "sha3512" => Self::Sha3_512,
            "blake2b" | "blake2b512" | "b2" => Self::Blake2b,
            _ => return None,
        })
    }

    /// The same, or an error that names all there are.
    ///
    /// # Errors
    /// `Usage` where no algorithm is called so.
    pub fn named(name: &str) -> Result<Self> {
        Self::from_name(name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|algorithm| algorithm.name()).collect();
            Error::usage(format!("no digest is called {name}; there are {}", known.join(", ")))
        })
    }

    /// The algorithm that values of so many hexadecimal digits are most often of.
    #[must_use]
    pub fn from_hex_len(digits: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.len() * 2 == digits)
    }

    /// The others whose values are as long, in the order they are met.
    pub fn same_length(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |other| *other != self && other.len() == self.len())
    }

    /// Hundredths of a second for a GiB, with SHA extensions; measured once, only their proportion matters.
    pub(crate) fn cost(self) -> u32 {
        match self {
            Self::Sha3_512 => 540,
            Self::Sha3_384 => 370,
            Self::Sha3_256 => 285,
            Self::Sha3_224 => 270,
            Self::Md5 => 208,
            Self::Sha384 | Self::Sha512 | Self::Sha512_256 => 200,
            Self::Blake2s => 190,
            Self::Blake2b => 120,
            Self::Sha224 | Self::Sha256 => 75,
            Self::Sha1 => 69,
            Self::Blake3 => 45,
            Self::Crc32 => 9,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A digest's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Value {
    /// Which digest.
    pub algorithm: Algorithm,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Value {
    /// Reads hexadecimal digits in either case.
    ///
    /// # Errors
    /// `Usage` where the digits or their number do not fit the algorithm.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self> {
        let wrong = || {
            let (want, have) = (algorithm.len() * 2, hex.chars().count());
            Error::usage(format!("a {algorithm} value has {want} hexadecimal digits; this has {have}: {hex}"))
        };
        if hex.len() != algorithm.len() * 2 {
            return Err(wrong());
        }
        let bytes = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.contains(['+', '-']))?;
                u8::from_str_radix(pair, 16).ok()
            })
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(wrong)?;
        Ok(Self { algorithm, bytes })
    }

    /// Reads base64 (RFC 4648 §4), padded or not, as `cksum --base64` and subresource integrity have it.
    ///
    /// # Errors
    /// `Usage` where it is none, or does not have as many bytes as the algorithm's values.
    pub fn from_base64(algorithm: Algorithm, text: &str) -> Result<Self> {
        let bytes = Base64Unpadded::decode_vec(text.trim_end_matches('=')).ok();
        let bytes = bytes.filter(|bytes| bytes.len() == algorithm.len());
        let bytes = bytes.ok_or_else(|| {
            let want = algorithm.len();
            Error::usage(format!(
                "a {algorithm} value has {want} bytes; this is no base64 of so many: {text}"
            ))
        })?;
        Ok(Self { algorithm, bytes })
    }

    /// Reads `ALGORITHM:VALUE`, with hexadecimal digits or base64 behind the colon.
    ///
    /// # Errors
    /// `Usage` where the algorithm is not known or the value is none of its.
    pub fn from_prefixed(text: &str) -> Result<Self> {
        let Some((name, value)) = text.trim().split_once([':', '=']) else {
            return Err(Error::usage(format!("ALGORITHM:HEX is wanted, as in blake3:6437b3ac…; not {text}")));
        };
        let algorithm = Algorithm::named(name)?;
        let is_hex = value.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex { Self::from_hex(algorithm, value) } else { Self::from_base64(algorithm, value) }
    }

    /// Lowercase hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        hex(&self.bytes)
    }
}

/// Lowercase hexadecimal digits of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The state of one digest, whatever it is.
trait Digest: Send {
    fn update(&mut self, bytes: &[u8]);
    fn finish(self: Box<Self>) -> Vec<u8>;
    fn copy(&self) -> Box<dyn Digest>;
}

/// Digests by the traits that the RustCrypto crates share.
struct Shared<D>(D);

impl<D: sha2::Digest + Clone + Send + 'static> Digest for Shared<D> {
    fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.0.finalize().to_vec()
    }

    fn copy(&self) -> Box<dyn Digest> {
        Box::new(Self(self.0.clone()))
    }
}

impl Digest for crc32fast::Hasher {
    fn update(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.finalize().to_be_bytes().to_vec()
    }

    fn copy(&self) -> Box<dyn Digest> {
        Box::new(self.clone())
    }
}

impl Digest for blake3::Hasher {
    fn update(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }

    fn finish(self: Box<Self>) -> Vec<u8> {
        self.finalize().as_bytes().to_vec()
    }

    fn copy(&self) -> Box<dyn Digest> {
        Box::new(self.clone())
    }
}

/// One digest being computed.
struct State(Box<dyn Digest>);

impl Clone for State {
    fn clone(&self) -> Self {
        Self(self.0.copy())
    }
}

impl State {
    fn new(algorithm: Algorithm) -> Self {
        fn shared<D: sha2::Digest + Clone + Send + 'static>() -> Box<dyn Digest> {
            Box::new(Shared(D::new()))
        }
        Self(match algorithm {
            Algorithm::Crc32 => Box::new(crc32fast::Hasher::new()),
            Algorithm::Blake3 => Box::new(blake3::Hasher::new()),
            Algorithm::Md5 => shared::<md5::Md5>(),
            Algorithm::Sha1 => shared::<sha1::Sha1>(),
            Algorithm::Sha224 => shared::<sha2::Sha224>(),
            Algorithm::Sha256 => shared::<sha2::Sha256>(),
            Algorithm::Sha384 => shared::<sha2::Sha384>(),
            Algorithm::Sha512 => shared::<sha2::Sha512>(),
            Algorithm::Sha512_256 => shared::<sha2::Sha512_256>(),
            Algorithm::Sha3_224 => shared::<sha3::Sha3_224>(),
            Algorithm::Sha3_256 => shared::<sha3::Sha3_256>(),
            Algorithm::Sha3_384 => shared::<sha3::Sha3_384>(),
            Algorithm::Sha3_512 => shared::<sha3::Sha3_512>(),
            Algorithm::Blake2s => shared::<blake2::Blake2s256>(),
            Algorithm::Blake2b => shared::<blake2::Blake2b512>(),
        })
    }
}

/// Several digests over the same bytes.
#[derive(Clone)]
pub struct Hasher {
    states: Vec<(Algorithm, State)>,
}

impl Hasher {
    /// One state per algorithm; an algorithm named twice is computed once.
    #[must_use]
    pub fn new(algorithms: &[Algorithm]) -> Self {
        let mut states: Vec<(Algorithm, State)> = Vec::new();
        for &algorithm in algorithms {
            if !states.iter().any(|(known, _)| *known == algorithm) {
                states.push((algorithm, State::new(algorithm)));
            }
        }
        Self { states }
    }

    /// Takes the next bytes, in parts that stay in the processor's cache while every digest sees them.
    pub fn update(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(128 << 10) {
            for (_, state) in &mut self.states {
                state.0.update(part);
            }
        }
    }

    /// The values, in the order the algorithms were given.
    #[must_use]
    pub fn finish(self) -> Vec<Value> {
        self.states
            .into_iter()
            .map(|(algorithm, state)| Value { algorithm, bytes: state.0.finish() })
            .collect()
    }

    /// Splits into hashers that work about equally long, at most `parts`, for as many threads.
    #[must_use]
    pub fn split(self, parts: usize) -> Vec<Self> {
        let mut states = self.states;
        states.sort_by_key(|(algorithm, _)| std::cmp::Reverse(algorithm.cost()));
        let mut groups: Vec<(u32, Vec<(Algorithm, State)>)> = Vec::new();
        groups.resize_with(parts.clamp(1, states.len().max(1)), Default::default);
        for (algorithm, state) in states {
            if let Some(group) = groups.iter_mut().min_by_key(|(load, _)| *load) {
                group.0 += algorithm.cost();
                group.1.push((algorithm, state));
            }
        }
        groups.into_iter().map(|(_, states)| Self { states }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // "abc" from the documents that define each digest, and the CRC catalogue's check value.
    #[test]
    fn known_values_come_out() {
        let mut hasher = Hasher::new(&Algorithm::ALL);
        hasher.update(b"a");
        hasher.update(b"bc");
        let starts = [
            (Algorithm::Crc32, "352441c2"),
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Algorithm::Sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            (Algorithm::Sha3_224, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
            (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (Algorithm::Blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
            (Algorithm::Sha3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            (Algorithm::Blake2s, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"),
            (Algorithm::Sha512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
            (Algorithm::Sha384, "cb00753f45a35e8bb5a03d699ac65007"),
            (Algorithm::Sha3_384, "ec01498288516fc926459f58e2c6ad8d"),
            (Algorithm::Sha512, "ddaf35a193617abacc417349ae204131"),
            (Algorithm::Blake2b, "ba80a53f981c4d0d6a2797b69f12f6e9"),
            (Algorithm::Sha3_512, "b751850b1a57168a5693cd924b6b096e"),
        ];
        for (value, (algorithm, start)) in hasher.finish().iter().zip(starts) {
            assert_eq!(value.algorithm, algorithm);
            assert!(value.hex().starts_with(start), "{algorithm} {}", value.hex());
            assert_eq!(value.bytes.len(), algorithm.len());
        }
        let mut crc = Hasher::new(&[Algorithm::Crc32]);
        crc.update(b"123456789");
        assert_eq!(crc.finish()[0].hex(), "cbf43926");
    }

    #[test]
    fn names_as_people_write_them_are_understood() {
        for (name, want) in [
            ("SHA256", Algorithm::Sha256),
            ("sha-256", Algorithm::Sha256),
            ("SHA2-256", Algorithm::Sha256),
            ("SHA224", Algorithm::Sha224),
            ("SHA2-224", Algorithm::Sha224),
            ("SHA2-512", Algorithm::Sha512),
            ("SHA2-512/256", Algorithm::Sha512_256),
            ("SHA512t256", Algorithm::Sha512_256),
            ("SHA3-256", Algorithm::Sha3_256),
            ("sha3_512", Algorithm::Sha3_512),
            ("BLAKE2b-512", Algorithm::Blake2b),
            ("BLAKE2s256", Algorithm::Blake2s),
            ("B3", Algorithm::Blake3),
            ("MD5", Algorithm::Md5),
            ("CRC-32", Algorithm::Crc32),
        ] {
            assert_eq!(Algorithm::from_name(name), Some(want), "{name}");
        }
        for other in ["sha512/224", "BLAKE2b-256", "sha3", "sha", ""] {
            assert_eq!(Algorithm::from_name(other), None, "{other}");
        }
    }

    #[test]
    fn every_name_and_tag_leads_back_and_goes_into_json_as_it_is() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
            assert_eq!(Algorithm::from_name(algorithm.tag()), Some(algorithm));
            let json = serde_json::to_string(&algorithm).unwrap();
            assert_eq!(json, format!("\"{}\"", algorithm.name()));
        }
    }

    #[test]
    fn base64_is_read_as_subresource_integrity_has_it() {
        let empty = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";
        for text in [empty.to_owned(), format!("{empty}=")] {
            let value = Value::from_base64(Algorithm::Sha256, &text).unwrap();
            assert_eq!(value.hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
            assert_eq!(Value::from_prefixed(&format!("sha-256:{text}")).unwrap(), value);
            assert_eq!(Value::from_prefixed(&format!("SHA256:{}", value.hex())).unwrap(), value);
        }
        for bad in
            ["", "A", "AAAAA", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV", &format!("{empty}A"), "é"]
        {
            assert!(Value::from_base64(Algorithm::Sha256, bad).is_err(), "{bad}");
        }
        for bad in ["sha256", "shaX:00", "md5:0"] {
            assert!(Value::from_prefixed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn digits_that_do_not_fit_are_refused() {
        assert!(Value::from_hex(Algorithm::Md5, "00").is_err());
        assert!(Value::from_hex(Algorithm::Crc32, "+1+2+3+4").is_err());
        assert!(Value::from_hex(Algorithm::Crc32, "c\u{df}f43926").is_err());
        assert_eq!(Value::from_hex(Algorithm::Crc32, "CBF43926").unwrap().hex(), "cbf43926");
    }

    #[test]
    fn splitting_loses_no_digest() {
        let parts = Hasher::new(&Algorithm::ALL).split(2);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts.iter().map(|part| part.states.len()).sum::<usize>(), Algorithm::ALL.len());
    }
}
