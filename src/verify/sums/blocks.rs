//! Blocks of `key: value` as download pages and package managers have them: name, size and digests of
//! one file, in any order.
//!
//! A block ends at an empty line behind a digest, and where a key comes again.

use super::hint::{self, Named};
use super::layout::{FEWEST_DIGITS, Reader, is_hex};
use super::page::last_part;
use crate::digest::Value;

/// Keys that say which file it is.
const NAMES: [&str; 12] = [
    "file name",
    "filename",
    "file",
    "name",
    "download",
    "installerurl",
    "url",
    "file64",
    "url64",
    "url64bit",
    "x64",
    "path",
];

/// Values that wait for their block's end; more of them are no block.
const MOST_VALUES: usize = 64;

/// What a block has said so far.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// 0 is the file itself; 1 is the other one of a Chocolatey package, whose keys end in `64`.
    files: [Described; 2],
    keys: Vec<String>,
}

/// One file of a block.
#[derive(Debug, Default)]
struct Described {
    name: Option<String>,
    size: Option<u64>,
    /// `checksumType`.
    algorithm: Option<Named>,
    values: Vec<(u64, Option<Named>, String)>,
}

/// What a key is for.
enum Key {
    Name,
    Size,
    Algorithm,
    Value(Option<Named>),
}

impl Reader<'_> {
    /// Takes a line of a block.
    pub(super) fn key(&mut self, number: u64, line: &str) -> bool {
        let Some((key, value)) = split(line) else { return false };
        // A file may be called `md5:…`, and then stands behind its digest.
        let first = line.split_whitespace().next().unwrap_or_default().trim_start_matches('\\');
        if first.len() >= FEWEST_DIGITS && is_hex(first) {
            return false;
        }
        let lower = key.to_ascii_lowercase();
        let Some(kind) = kind(&lower, key) else { return false };
        let value = unquoted(value);
        let is_value = match &kind {
            Key::Name => !value.is_empty(),
            Key::Size => bytes(value).is_some(),
            Key::Algorithm => hint::from_word(value).is_some(),
            Key::Value(Some(Named::Known(known))) => {
                is_digits(value) || Value::from_base64(*known, value).is_ok()
            }
            Key::Value(_) => is_digits(value),
        };
        if !is_value {
            // A size in gigabytes is of the block, and says nothing exact.
            return matches!(kind, Key::Size);
        }
        if self.block.keys.contains(&lower) || self.block.keys.len() >= MOST_VALUES {
            self.end_block();
        }
        self.block.keys.push(lower.clone());
        let [plain, other] = &mut self.block.files;
        let file = if lower.contains("64") && is_choco(&lower) { other } else { plain };
        match kind {
            Key::Name => file.name = Some(last_part(value).to_owned()),
            Key::Size => file.size = bytes(value),
            Key::Algorithm => file.algorithm = hint::from_word(value),
            Key::Value(named) => file.values.push((number, named, value.to_owned())),
        }
        true
    }

    /// The file that lines without a name are about.
    pub(super) fn subject(&self) -> Option<String> {
        let [plain, _] = &self.block.files;
        plain.name.clone().or_else(|| self.page.subject.clone())
    }

    /// At an empty line: a block that has nothing but a name goes on.
    pub(super) fn end_block_at_gap(&mut self) {
        if self.block.files.iter().any(|file| !file.values.is_empty()) {
            self.end_block();
        }
    }

    /// Keeps what the block said.
    pub(super) fn end_block(&mut self) {
        let Block { files: [mut plain, mut other], keys } = std::mem::take(&mut self.block);
        if plain.name.is_none() && keys.len() == plain.values.len() {
            // Digests alone below a name of another kind.
            plain.name.clone_from(&self.page.subject);
        }
        // One type for both; one file where only its digest tells them apart.
        other.algorithm = other.algorithm.take().or_else(|| plain.algorithm.clone());
        for file in [plain, other] {
            let first = self.sums.lines.len();
            for (number, named, value) in file.values {
                let named = named.or_else(|| file.algorithm.clone());
                match named {
                    Some(named) => {
                        self.value(number, &named, &value, file.name.clone());
                    }
                    None => {
                        if let Some((named, basis)) = hint::from_digits(value.len(), self.hint.as_ref()) {
                            self.keep(number, &named, basis, &value, file.name.clone());
                        }
                    }
                }
            }
            for line in self.sums.lines.iter_mut().skip(first) {
                line.size = line.size.or(file.size);
            }
        }
    }
}

/// Key and value: `key: value`, `key = value`, `- key: value`, `$key = 'value'`.
fn split(line: &str) -> Option<(&str, &str)> {
    let text = line.trim();
    let text = text.strip_prefix("- ").or_else(|| text.strip_prefix("* ")).unwrap_or(text).trim_start();
    let (key, value) = text.split_once([':', '='])?;
    let key = key.trim().trim_start_matches(['$', '-']).trim_matches(['"', '\'', '*', '`']);
    (!key.is_empty() && key.len() <= 40).then_some((key, value.trim()))
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_end_matches([',', ';']).trim_matches(['"', '\'', '`', '*']).trim()
}

fn kind(lower: &str, key: &str) -> Option<Key> {
    if NAMES.contains(&lower) {
        return Some(Key::Name);
    }
    if matches!(lower, "size" | "file size" | "filesize" | "length" | "bytes") {
        return Some(Key::Size);
    }
    if lower.starts_with("checksumtype") || lower == "checksum type" {
        return Some(Key::Algorithm);
    }
    if let Some(named) = hint::from_key(key) {
        return Some(Key::Value(Some(named)));
    }
    let any = ["checksum", "checksum32", "checksum64", "hash", "digest", "file hash"];
    any.contains(&lower).then_some(Key::Value(None))
}

/// Keys of a Chocolatey package's script that come in two, one for 64 bits.
fn is_choco(lower: &str) -> bool {
    lower == "x64"
        || ["url64", "file64", "checksum64", "checksumtype64"].iter().any(|start| lower.starts_with(start))
}

/// As many hexadecimal digits as some digest's values have, or cut off with dots.
fn is_digits(value: &str) -> bool {
    let digits = value.trim_end_matches(['.', '…']);
    is_hex(digits) && digits.len() >= 8 && !value.contains(char::is_whitespace)
}

/// `1,234 bytes`, `5044094976`; nothing for numbers that are rounded or small enough to be of another unit.
fn bytes(value: &str) -> Option<u64> {
    let (number, exact) = match value.find(|c: char| c.is_alphabetic()) {
        Some(at) => (value.get(..at)?, matches!(value.get(at..)?.trim(), "bytes" | "byte" | "Bytes" | "B")),
        None => (value, false),
    };
    let number = number.trim();
    if !number.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | ' ' | '\u{a0}' | '\'')) {
        return None;
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    (exact || digits.len() >= 7).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;

    #[test]
    fn sizes_are_taken_where_they_are_exact() {
        assert_eq!(bytes("5,044,094,976 bytes"), Some(5_044_094_976));
        assert_eq!(bytes("5044094976"), Some(5_044_094_976));
        assert_eq!(bytes("12 B"), Some(12));
        for rounded in ["4.7 GB", "700", "4 GiB", "bytes", "1.234.567 bytes"] {
            assert_eq!(bytes(rounded), None, "{rounded}");
        }
    }

    #[test]
    fn keys_are_found_in_lists_of_lists() {
        assert_eq!(split("  - InstallerSha256: 12"), Some(("InstallerSha256", "12")));
        assert_eq!(split("$checksum64 = '12'"), Some(("checksum64", "'12'")));
        assert_eq!(split("**SHA-256**: `12`"), Some(("SHA-256", "`12`")));
        assert_eq!(unquoted(" '12',"), "12");
        let is_sha256 =
            |key: &str| matches!(kind(key, key), Some(Key::Value(Some(Named::Known(Algorithm::Sha256)))));
        assert!(is_sha256("sha256") && !is_sha256("sha1"));
    }
}
