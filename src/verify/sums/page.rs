//! Text copied from a download page: digits anywhere in it, and the words around them that say which
//! digest they are and of which file.
//!
//! Only lines that fit no layout come here, and only digits that stand alone and are as many as a
//! digest's values have.

use super::Basis;
use super::hint::{self, Named};
use super::layout::{Reader, is_hex};
use crate::digest::Algorithm;

/// Fewer digits are dates and versions more often than digests.
const FEWEST: usize = 32;

/// Words of one line that are looked at.
const MOST_WORDS: usize = 256;

/// What the lines before said.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// A line without digits had a file's name.
    pub(super) subject: Option<String>,
    /// Digests that a heading named, in its order.
    headings: Vec<Named>,
}

impl Reader<'_> {
    /// The digest by the heading above, where that fits, else by section, list name or number of digits.
    pub(super) fn heading_or_digits(&mut self, digits: usize) -> Option<(Named, Basis)> {
        let fits = |named: &Named| match named {
            Named::Known(known) => known.len() * 2 == digits,
            Named::Other(_) => false,
        };
        match self.page.headings.iter().find(|named| fits(named)) {
            Some(named) if self.section.is_none() => Some((named.clone(), Basis::Named)),
            _ => self.by_digits(digits),
        }
    }

    /// Digits anywhere in a line; names and headings in lines without.
    pub(super) fn anywhere(&mut self, number: u64, line: &str) -> bool {
        let words: Vec<&str> = line
            .split(|c: char| {
                c.is_whitespace() || matches!(c, '|' | ',' | ';' | '"' | '\'' | '`' | '(' | ')' | '=')
            })
            .map(|word| without_stop(word.trim_matches(['*', ':', '[', ']', '<', '>', '!', '?'])))
            .filter(|word| !word.is_empty())
            .take(MOST_WORDS)
            .collect();
        let is_value = |word: &str| {
            let digits = digits_of(word);
            digits.len() >= FEWEST && is_hex(digits) && Algorithm::from_hex_len(digits.len()).is_some()
        };
        let name =
            words.iter().find(|word| !is_value(word) && is_file_name(word)).map(|word| last_part(word));
        let named: Vec<Named> = words.iter().filter_map(|word| hint::from_word(word)).collect();
        if !words.iter().any(|word| is_value(word)) {
            if let Some(name) = name {
                self.page.subject = Some(name.to_owned());
                self.page.headings.clear();
            }
            if !named.is_empty() {
                self.page.headings = named;
            }
            return false;
        }
        let name = name.map(str::to_owned).or_else(|| self.subject());
        let mut said: Option<Named> = None;
        for word in &words {
            if let Some(found) = hint::from_word(word) {
                said = Some(found);
            } else if is_value(word) {
                let digits = digits_of(word);
                let prefix = word.strip_suffix(digits).unwrap_or_default().trim_end_matches([':', '-']);
                let named = hint::from_word(prefix).or_else(|| said.take());
                let found = match named {
                    // A word near digits of another length is about something else.
                    Some(Named::Known(known)) if known.len() * 2 == digits.len() => {
                        Some((Named::Known(known), Basis::Named))
                    }
                    Some(Named::Other(other)) => Some((Named::Other(other), Basis::Named)),
                    _ => self.heading_or_digits(digits.len()),
                };
                if let Some((named, basis)) = found {
                    self.keep(number, &named, basis, digits, name.clone());
                }
            }
        }
        true
    }
}

/// A word without the full stop of its sentence. Dots that stand for what was cut off stay.
fn without_stop(word: &str) -> &str {
    word.strip_suffix('.').filter(|word| !word.ends_with('.')).unwrap_or(word)
}

/// What is behind the last colon or dash: `sha256:…` in the middle of a line.
fn digits_of(word: &str) -> &str {
    word.rsplit([':', '-']).next().unwrap_or(word)
}

/// A word with an ending of letters and digits, or an address that ends in one.
fn is_file_name(word: &str) -> bool {
    let last = last_part(word);
    if word.contains("://") && word.trim_end_matches('/').matches('/').count() < 3 {
        // An address of nothing but a host.
        return false;
    }
    let Some((stem, ending)) = last.rsplit_once('.') else { return false };
    let is_ending = (2..=8).contains(&ending.len())
        && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && ending.bytes().any(|byte| byte.is_ascii_alphabetic());
    let is_host = ["org", "com", "net", "io", "dev", "html", "htm", "php"].contains(&ending);
    is_ending && !is_host && !stem.is_empty() && !word.contains('@')
}

/// The file's name at the end of an address; anything else as it is.
pub(super) fn last_part(text: &str) -> &str {
    if !text.contains("://") {
        return text;
    }
    let path = text.split(['?', '#']).next().unwrap_or(text);
    path.trim_end_matches('/').rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_file_is_taken_for_one() {
        for word in ["a.iso", "https://x.org/d/a.tar.gz", "en_windows-10_x64.ISO", "a-1.2.7z"] {
            assert!(is_file_name(word), "{word}");
        }
        for word in [
            "5.76",
            "GB",
            "https://example.org",
            "https://example.org/",
            ".iso",
            "me@example.org",
            "1.2.3",
            "example.org",
        ] {
            assert!(!is_file_name(word), "{word}");
        }
        assert_eq!(last_part("https://x.org/d/a.iso?mirror=1#top"), "a.iso");
        assert_eq!(last_part("C:\\d\\a.iso"), "C:\\d\\a.iso");
    }
}
