//! Which digest a word or a list's file name means, including those that are not computed here.

use crate::digest::Algorithm;

/// A digest that somebody named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// One that is computed here.
    Known(Algorithm),
    /// One that is not, by the name it was given.
    Other(String),
}

/// How names of digests begin that are published and not computed here; letters and digits only.
const OTHERS: [&str; 19] = [
    "blake",
    "b2",
    "b3",
    "sha3",
    "sha512256",
    "sha512224",
    "sha2512256",
    "sha2512224",
    "keccak",
    "shake",
    "sm3",
    "rmd160",
    "ripemd",
    "whirlpool",
    "tiger",
    "xxh",
    "crc64",
    "md4",
    "streebog",
];

/// What `word` means, as people write it: `SHA256`, `sha-256`, `SHA2-256`, `BLAKE2b-256`.
pub(super) fn from_word(word: &str) -> Option<Named> {
    let plain: String =
        word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let odd = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '/');
    if plain.is_empty() || word.len() > 16 || word.contains(odd) {
        return None;
    }
    if let Some(known) = Algorithm::from_name(word) {
        return Some(Named::Known(known));
    }
    OTHERS.iter().any(|other| plain.starts_with(other)).then(|| Named::Other(word.to_owned()))
}

/// What the list's own name says: `SHA256SUMS`, `x.iso.sha256`, `b2sums.txt`. The end of the name
/// counts first, since its beginning may be the name of a medium.
pub(super) fn from_list_name(list_name: &str) -> Option<Named> {
    let name = list_name.rsplit(['/', '\\']).next().unwrap_or(list_name);
    name.rsplit(|c: char| !c.is_ascii_alphanumeric()).find_map(|part| {
        let part = part.to_ascii_lowercase();
        let part = part.strip_suffix("sums").or_else(|| part.strip_suffix("sum")).unwrap_or(&part);
        match part {
            "sfv" => Some(Named::Known(Algorithm::Crc32)),
            // As `b2sum` and `b3sum` are called.
            "b2" => Some(Named::Other("blake2b".to_owned())),
            "b3" => Some(Named::Other("blake3".to_owned())),
            _ => from_word(part),
        }
    })
}

/// The digest of a value with so many digits, where the list's name may say more than the length.
pub(super) fn from_digits(digits: usize, hint: Option<&Named>) -> Option<Named> {
    match hint {
        Some(Named::Known(known)) if known.len() * 2 == digits => Some(Named::Known(*known)),
        // Those have values as long as SHA-2's; only the name tells them apart.
        Some(Named::Other(name)) if matches!(digits, 56 | 64 | 96 | 128) => Some(Named::Other(name.clone())),
        // Eight digits alone are a date or a word more often than a CRC.
        _ => Algorithm::from_hex_len(digits).filter(|known| *known != Algorithm::Crc32).map(Named::Known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_lists_name_says_more_than_its_beginning() {
        let known = |algorithm| Some(Named::Known(algorithm));
        for (name, want) in [
            ("SHA256SUMS", known(Algorithm::Sha256)),
            ("md5sum.txt", known(Algorithm::Md5)),
            ("md5-tools.iso.sha512", known(Algorithm::Sha512)),
            ("CHECKSUM.SHA256-FreeBSD.iso", known(Algorithm::Sha256)),
            ("manifest-sha1.txt", known(Algorithm::Sha1)),
            ("x.sfv", known(Algorithm::Crc32)),
            ("b2sums.txt", Some(Named::Other("blake2b".to_owned()))),
            ("x.iso.b3", Some(Named::Other("blake3".to_owned()))),
            ("CHECKSUMS", None),
            ("-", None),
        ] {
            assert_eq!(from_list_name(name), want, "{name}");
        }
    }

    #[test]
    fn eight_digits_are_a_crc_only_where_the_name_says_so() {
        assert_eq!(from_digits(8, None), None);
        let hint = Named::Known(Algorithm::Crc32);
        assert_eq!(from_digits(8, Some(&hint)), Some(hint.clone()));
    }
}
