//! Message digests: several over one reading of the bytes.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
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
    /// SHA-256 (FIPS 180-4).
    Sha256,
    /// SHA-384 (FIPS 180-4).
    Sha384,
    /// SHA-512 (FIPS 180-4).
    Sha512,
}

impl Algorithm {
    /// Every algorithm, weakest first.
    pub const ALL: [Self; 7] =
        [Self::Crc32, Self::Md5, Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name as flags, JSON and file extensions have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "crc32",
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
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
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// True where a match proves that no accident happened, and no more.
    #[must_use]
    pub fn is_weak(self) -> bool {
        matches!(self, Self::Crc32 | Self::Md5 | Self::Sha1)
    }

    /// The algorithm of that name, as people write it (`SHA256`, `sha-256`, `SHA2-256`).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let plain: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect();
        let plain = plain.strip_prefix("sha2").filter(|rest| rest.len() == 3).map_or(plain.clone(), |bits| {
            // "sha2-256" is SHA-256; "sha224" must stay what it is.
            if plain.len() == 7 { format!("sha{bits}") } else { plain.clone() }
        });
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == plain)
    }

    /// The algorithm whose values have so many hexadecimal digits, where only one usual one does.
    #[must_use]
    pub fn from_hex_len(digits: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.len() * 2 == digits)
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

/// One digest being computed.
#[derive(Clone)]
enum State {
    Crc32(crc32fast::Hasher),
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha224(sha2::Sha224),
    Sha256(sha2::Sha256),
    Sha384(sha2::Sha384),
    Sha512(sha2::Sha512),
}

impl State {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            Algorithm::Md5 => Self::Md5(md5::Md5::new()),
            Algorithm::Sha1 => Self::Sha1(sha1::Sha1::new()),
            Algorithm::Sha224 => Self::Sha224(sha2::Sha224::new()),
            Algorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            Algorithm::Sha384 => Self::Sha384(sha2::Sha384::new()),
            Algorithm::Sha512 => Self::Sha512(sha2::Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(state) => state.update(bytes),
            Self::Md5(state) => state.update(bytes),
            Self::Sha1(state) => state.update(bytes),
            Self::Sha224(state) => state.update(bytes),
            Self::Sha256(state) => state.update(bytes),
            Self::Sha384(state) => state.update(bytes),
            Self::Sha512(state) => state.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc32(state) => state.finalize().to_be_bytes().to_vec(),
            Self::Md5(state) => state.finalize().to_vec(),
            Self::Sha1(state) => state.finalize().to_vec(),
            Self::Sha224(state) => state.finalize().to_vec(),
            Self::Sha256(state) => state.finalize().to_vec(),
            Self::Sha384(state) => state.finalize().to_vec(),
            Self::Sha512(state) => state.finalize().to_vec(),
        }
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
                state.update(part);
            }
        }
    }

    /// The values, in the order the algorithms were given.
    #[must_use]
    pub fn finish(self) -> Vec<Value> {
        self.states.into_iter().map(|(algorithm, state)| Value { algorithm, bytes: state.finish() }).collect()
    }

    /// Splits into hashers that work about equally long, at most `parts`, for as many threads.
    #[must_use]
    pub fn split(self, parts: usize) -> Vec<Self> {
        // Seconds per GiB with SHA extensions, measured once; only the order matters.
        let cost = |algorithm: Algorithm| match algorithm {
            Algorithm::Md5 => 208,
            Algorithm::Sha384 | Algorithm::Sha512 => 200,
            Algorithm::Sha224 | Algorithm::Sha256 => 75,
            Algorithm::Sha1 => 69,
            Algorithm::Crc32 => 9,
        };
        let mut states = self.states;
        states.sort_by_key(|(algorithm, _)| std::cmp::Reverse(cost(*algorithm)));
        let mut groups: Vec<(u32, Vec<(Algorithm, State)>)> = Vec::new();
        groups.resize_with(parts.clamp(1, states.len().max(1)), Default::default);
        for (algorithm, state) in states {
            if let Some(group) = groups.iter_mut().min_by_key(|(load, _)| *load) {
                group.0 += cost(algorithm);
                group.1.push((algorithm, state));
            }
        }
        groups.into_iter().map(|(_, states)| Self { states }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-4, RFC 1321 and the CRC catalogue's check value, for "abc" and "123456789".
    #[test]
    fn known_values_come_out() {
        let mut hasher = Hasher::new(&Algorithm::ALL);
        hasher.update(b"a");
        hasher.update(b"bc");
        let values: Vec<String> = hasher.finish().iter().map(Value::hex).collect();
        assert_eq!(values[1], "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(values[2], "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(values[3], "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
        assert_eq!(values[4], "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(values[5].starts_with("cb00753f45a35e8bb5a03d699ac65007"));
        assert!(values[6].starts_with("ddaf35a193617abacc417349ae204131"));
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
            ("SHA2-512", Algorithm::Sha512),
            ("MD5", Algorithm::Md5),
            ("CRC-32", Algorithm::Crc32),
        ] {
            assert_eq!(Algorithm::from_name(name), Some(want), "{name}");
        }
        assert_eq!(Algorithm::from_name("sha3-256"), None);
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
