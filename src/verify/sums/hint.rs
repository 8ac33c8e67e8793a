//! Which digest a word or a list's file name means, including those that are not computed here.

use super::Basis;
use crate::digest::Algorithm;

/// A digest that somebody named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// One that is computed here.
    Known(Algorithm),
    /// One that is not, by the name it was given.
    Other(String),
}

/// How names of digests begin that are published and not computed here, or not in that length; letters
/// and digits only.
const OTHERS: [&str; 17] = [
    "blake",
    "sha3",
    "sha512224",
    "sha512t224",
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
    "gost",
    "streebog",
];

/// Longer words name no digest.
const LONGEST_WORD: usize = 16;

/// What `word` means, as people write it: `SHA256`, `sha-256`, `SHA2-256`, `BLAKE2b-256`.
pub(super) fn from_word(word: &str) -> Option<Named> {
    let odd = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '/');
    if word.is_empty() || word.len() > LONGEST_WORD || word.contains(odd) {
        return None;
    }
    if let Some(known) = Algorithm::from_name(word) {
        return Some(Named::Known(known));
    }
    let plain: String =
        word.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    OTHERS.iter().any(|other| plain.starts_with(other)).then(|| Named::Other(word.to_owned()))
}

/// What a key means that names a digest among other words: `InstallerSha256`, `SHA-1 Hash`, `MD5Sum`,
/// `Checksum (SHA-256)`.
pub(super) fn from_key(key: &str) -> Option<Named> {
    key.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '"' | '\'' | '*' | '`'))
        .filter(|word| word.len() <= 40)
        .find_map(|word| {
            let lower = word.to_ascii_lowercase();
            let word = ["installer", "checksums-", "file"]
                .iter()
                .find_map(|start| lower.strip_prefix(start))
                .unwrap_or(&lower);
            let word = ["checksum", "digest", "hash", "sums", "sum"]
                .iter()
                .find_map(|end| word.strip_suffix(end))
                .unwrap_or(word);
            from_word(word.trim_end_matches(['-', '_']))
        })
}

/// What the list's own name says: `SHA256SUMS`, `x.iso.sha256`, `b2sums.txt`. The end of the name
/// counts first, since its beginning may be the name of a medium.
pub(super) fn from_list_name(list_name: &str) -> Option<Named> {
    let name = list_name.rsplit(['/', '\\']).next().unwrap_or(list_name);
    let lower = name.to_ascii_lowercase();
    // Two parts make one name: `x.sha3-256`.
    let two = Algorithm::ALL.into_iter().filter(|known| known.name().contains('-'));
    let two = two.filter_map(|known| Some((lower.rfind(known.name())?, known)));
    if let Some((_, known)) = two.max_by_key(|(at, _)| *at) {
        return Some(Named::Known(known));
    }
    lower.rsplit(|c: char| !c.is_ascii_alphanumeric()).find_map(|part| {
        let part = part.strip_suffix("sums").or_else(|| part.strip_suffix("sum")).unwrap_or(part);
        if part == "sfv" { Some(Named::Known(Algorithm::Crc32)) } else { from_word(part) }
    })
}

/// The digest of a value with so many digits, where the list's name may say more than the length.
pub(super) fn from_digits(digits: usize, hint: Option<&Named>) -> Option<(Named, Basis)> {
    match hint {
        Some(Named::Known(known)) if known.len() * 2 == digits => {
            Some((Named::Known(*known), Basis::ListName))
        }
        // Those have values as long as SHA-2's; only the name tells them apart.
        Some(Named::Other(name)) if matches!(digits, 56 | 64 | 96 | 128) => {
            Some((Named::Other(name.clone()), Basis::ListName))
        }
        // Eight digits alone are a date or a word more often than a CRC.
        _ => {
            let known = Algorithm::from_hex_len(digits).filter(|known| *known != Algorithm::Crc32)?;
            Some((Named::Known(known), Basis::Length))
        }
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
            ("b2sums.txt", known(Algorithm::Blake2b)),
            ("x.iso.b3", known(Algorithm::Blake3)),
            ("x.iso.sha3-256", known(Algorithm::Sha3_256)),
            ("x.iso.sha512-256sum", known(Algorithm::Sha512_256)),
            ("x.whirlpool", Some(Named::Other("whirlpool".to_owned()))),
            ("CHECKSUMS", None),
            ("-", None),
        ] {
            assert_eq!(from_list_name(name), want, "{name}");
        }
    }

    #[test]
    fn keys_name_digests_in_many_ways() {
        for (key, want) in [
            ("SHA1", Algorithm::Sha1),
            ("InstallerSha256", Algorithm::Sha256),
            ("SHA-256 Hash", Algorithm::Sha256),
            ("Checksum (SHA-512)", Algorithm::Sha512),
            ("MD5Sum", Algorithm::Md5),
            ("Checksums-Sha256", Algorithm::Sha256),
            ("sha3-256 checksum", Algorithm::Sha3_256),
        ] {
            assert_eq!(from_key(key), Some(Named::Known(want)), "{key}");
        }
        for key in ["Size", "Released", "ProductCode", "hash"] {
            assert_eq!(from_key(key), None, "{key}");
        }
    }

    #[test]
    fn eight_digits_are_a_crc_only_where_the_name_says_so() {
        assert_eq!(from_digits(8, None), None);
        let hint = Named::Known(Algorithm::Crc32);
        assert_eq!(from_digits(8, Some(&hint)), Some((hint.clone(), Basis::ListName)));
    }

    #[test]
    fn a_length_alone_is_a_guess() {
        let sha512 = Named::Known(Algorithm::Sha512);
        assert_eq!(from_digits(128, None), Some((sha512, Basis::Length)));
        let hint = Named::Known(Algorithm::Blake2b);
        assert_eq!(from_digits(128, Some(&hint)), Some((hint.clone(), Basis::ListName)));
    }
}
