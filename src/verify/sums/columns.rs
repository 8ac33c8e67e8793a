//! Lines of columns: digits, names, sizes, in the orders that programs write them.

use super::hint::{self, Named};
use super::layout::{Escaped, FEWEST_DIGITS, Reader, SfvRule, is_hex, unescape};
use super::{BadLine, Basis, Why};
use crate::digest::{Algorithm, Value};

/// Digests that one line may have behind a name.
const MOST_COLUMNS: usize = 16;

impl Reader<'_> {
    /// `name CRC`, or `name CRC MD5 SHA1` as rhash writes several.
    pub(super) fn sfv(&mut self, number: u64, line: &str) -> bool {
        self.is_sfv == SfvRule::Yes && self.name_then_digits(number, line, 8)
    }

    /// `name DIGITS`, where the digits are long enough to be nothing else.
    pub(super) fn name_first(&mut self, number: u64, line: &str) -> bool {
        self.free_bsd(number, line) || self.name_then_digits(number, line, 32)
    }

    /// A name and one or more values, the longest of which has at least `fewest` digits.
    fn name_then_digits(&mut self, number: u64, line: &str, fewest: usize) -> bool {
        let mut name = line.trim();
        let mut values: Vec<&str> = Vec::new();
        while let Some((before, digits)) = name.rsplit_once([' ', '\t']) {
            let is_value = is_hex(digits) && Algorithm::from_hex_len(digits.len()).is_some();
            if !is_value || values.len() >= MOST_COLUMNS {
                break;
            }
            values.push(digits);
            name = before.trim_end();
        }
        if name.is_empty() || !values.iter().any(|digits| digits.len() >= fewest) {
            return false;
        }
        for digits in values.into_iter().rev() {
            let (named, basis) = match digits.len() {
                8 => (Named::Known(Algorithm::Crc32), Basis::Named),
                length => match self.by_digits(length) {
                    Some(found) => found,
                    None => continue,
                },
            };
            self.keep(number, &named, basis, digits, Some(name.to_owned()));
        }
        true
    }

    /// FreeBSD's `MANIFEST`: `name TAB digits TAB number …`.
    fn free_bsd(&mut self, number: u64, line: &str) -> bool {
        let mut columns = line.split('\t');
        let (Some(name), Some(digits), Some(count)) = (columns.next(), columns.next(), columns.next()) else {
            return false;
        };
        let fits = digits.len() >= 32 && is_hex(digits) && count.bytes().all(|byte| byte.is_ascii_digit());
        let Some((named, basis)) = self.by_digits(digits.len()).filter(|_| fits && !name.is_empty()) else {
            return false;
        };
        self.keep(number, &named, basis, digits, Some(name.to_owned()));
        true
    }

    /// `sha256:HEX`, `sha256-HEX`, `sha512-BASE64`, `SHA256  HEX  path`.
    pub(super) fn prefixed(&mut self, number: u64, line: &str) -> bool {
        let text = line.trim();
        let split = |at: usize| Some((text.get(..at)?, text.get(at..)?));
        let at_separator = text.find([':', '=', ' ', '\t']).and_then(split);
        let at_dash = text.rfind('-').and_then(split);
        for (word, rest) in [at_separator, at_dash].into_iter().flatten() {
            let rest = rest.trim_start_matches([':', '=', '-']).trim_start();
            let (value, name) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
            let name = name.trim_start().trim_start_matches('*');
            let name = (!name.is_empty()).then(|| name.to_owned());
            if self.explicit(number, word, value, name.or_else(|| self.subject())) {
                return true;
            }
        }
        false
    }

    /// `SHA256:` and below it ` HEX SIZE path`, indented (Debian's `Release`, `.dsc`, `.changes`).
    pub(super) fn indenting(&mut self, line: &str, next: &str) -> bool {
        let Some(key) = line.strip_suffix(':').filter(|key| !key.contains(char::is_whitespace)) else {
            return false;
        };
        if !next.starts_with([' ', '\t']) || sized(next).is_none() {
            return false;
        }
        let named = if key == "Files" { Some(Named::Known(Algorithm::Md5)) } else { hint::from_key(key) };
        self.indented = named;
        self.indented.is_some()
    }

    /// `HEX SIZE path` of Debian's: indented, or with TABs.
    pub(super) fn sized(&mut self, number: u64, line: &str) -> bool {
        let Some((digits, bytes, path)) = sized(line) else { return false };
        let (named, basis) = match &self.indented {
            Some(named) => (named.clone(), Basis::Named),
            None if line.starts_with([' ', '\t'])
                || line.get(digits.len()..).is_some_and(|rest| rest.starts_with('\t')) =>
            {
                match self.by_digits(digits.len()) {
                    Some(found) => found,
                    None => return false,
                }
            }
            None => return false,
        };
        let value = match &named {
            Named::Known(algorithm) => Value::from_hex(*algorithm, digits).ok(),
            Named::Other(_) => None,
        };
        match value {
            Some(value) => self.push(number, value, basis, Some(path.to_owned()), Some(bytes)),
            None => self.keep(number, &named, basis, digits, Some(path.to_owned())),
        }
        true
    }

    /// `HEX  name`, `HEX *name`, a bare `HEX`.
    pub(super) fn gnu(&mut self, number: u64, line: &str) -> bool {
        let text = line.trim_start();
        let (escaped, text) = match text.strip_prefix('\\') {
            Some(text) => (Escaped::Yes, text),
            None => (Escaped::No, text),
        };
        let (digits, rest) = text.split_at(text.find([' ', '\t']).unwrap_or(text.len()));
        let base64 = self.section_or_hint().and_then(|known| Value::from_base64(known, digits).ok());
        if !is_hex(digits) && base64.is_none() {
            return false;
        }
        let name = if rest.trim().is_empty() {
            None
        } else if let Some(name) = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *")) {
            Some(name)
        } else {
            let name = rest.trim_start();
            Some(name.strip_prefix('*').unwrap_or(name))
        };
        let is_bytes = |word: &str| word.len() <= 2 && is_hex(word);
        if digits.len() < FEWEST_DIGITS && name.is_some_and(|name| name.split_whitespace().all(is_bytes)) {
            // Digits in groups; see `spaced`.
            return false;
        }
        let name = name.filter(|name| *name != "-").map(|name| unescape(name, escaped));
        let name = if rest.trim().is_empty() { self.subject() } else { name };
        if !is_hex(digits) {
            if let Some(value) = base64 {
                self.push(number, value, Basis::ListName, name, None);
            }
            return true;
        }
        match self.heading_or_digits(digits.len()) {
            Some((named, basis)) => self.keep(number, &named, basis, digits, name),
            None if digits.len() >= FEWEST_DIGITS => {
                let why = Why::NoSuchLength { digits: digits.len() };
                self.sums.bad.push(BadLine { line_number: number, name, why });
            }
            None => return false,
        }
        true
    }

    /// The digest that section or list name give, where that is one computed here.
    fn section_or_hint(&self) -> Option<Algorithm> {
        match self.section.as_ref().or(self.hint.as_ref()) {
            Some(Named::Known(known)) => Some(*known),
            _ => None,
        }
    }

    /// Nothing but digits in groups: `f5 72 d3 96 …`.
    pub(super) fn spaced(&mut self, number: u64, line: &str) -> bool {
        let mut groups = line.split_ascii_whitespace();
        if !groups.all(|group| is_hex(group) && group.len() <= 16) {
            return false;
        }
        let digits: String = line.split_ascii_whitespace().collect();
        if digits.len() < 32 {
            return false;
        }
        let Some((named, basis)) = self.heading_or_digits(digits.len()) else { return false };
        let name = self.subject();
        self.keep(number, &named, basis, &digits, name);
        true
    }
}

/// `HEX SIZE path`; between size and path `.changes` have section and priority.
fn sized(line: &str) -> Option<(&str, u64, &str)> {
    let mut words = line.split_ascii_whitespace();
    let (digits, bytes) = (words.next()?, words.next()?);
    let path = match (words.next()?, words.next(), words.next(), words.next()) {
        (path, None, None, None) => path,
        (_, Some(_), Some(path), None) => path,
        _ => return None,
    };
    let fits = digits.len() >= 32 && is_hex(digits) && bytes.bytes().all(|byte| byte.is_ascii_digit());
    Some((digits, bytes.parse().ok().filter(|_| fits)?, path))
}
