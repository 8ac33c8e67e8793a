//! Lists of digests as publishers and people keep them, and which of their lines is about a file.
//!
//! Lists of lines are read each line for itself (see `layout.rs` for the layouts), lists that are whole
//! documents (Metalink, hashdeep, `products.xml`, `.treeinfo`) in `documents.rs`; all in UTF-8, UTF-16
//! and Windows-1252. Names are data: they are compared, and opened only through [`Line::path_beside`].
//! Of a list that is signed in the clear, only what is signed counts; the signature itself is not
//! checked here.
//!
//! Which digest a value is of says the line itself, else the section it is in, else the list's name,
//! else its length. Several digests have values of 64 or 128 digits: where nothing but the length tells,
//! [`Line::basis`] says so, and the value may be any of [`Algorithm::same_length`].
//!
//! Limits: 16 MiB a list, a million lines.

mod blocks;
mod columns;
mod documents;
mod encoding;
mod hint;
mod layout;
mod names;
mod page;

use crate::digest::{Algorithm, Value};
use crate::error::{Error, Result};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use names::{ELSEWHERE, Wanted, plain_name};

pub(super) use names::{is_absolute, paths_in};

/// Bytes that a list may have.
pub const MOST_BYTES: u64 = 16 << 20;

/// Notes that are told of one list.
const MOST_REMARKS: usize = 8;

/// What a list says.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// The digests, in the order of the list.
    pub lines: Vec<Line>,
    /// Lines that are meant to give a digest and do not.
    pub bad: Vec<BadLine>,
    /// Lines with a digest that is not computed here.
    pub unsupported: Vec<Unsupported>,
    /// Numbers of the other lines that are neither empty nor comments.
    pub not_understood: Vec<u64>,
    /// What the list also has, and is not used.
    pub notes: Vec<String>,
    /// Lines before or after the signed part of a list that is signed in the clear; they do not count.
    pub outside_signature: u64,
}

/// One digest of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The file, as the list names it; `None` for digits alone.
    pub name: Option<String>,
    /// The digest.
    pub value: Value,
    /// How it is known which digest it is.
    pub basis: Basis,
    /// The file's size in bytes, where the list gives one.
    pub size: Option<u64>,
    /// The line it is on, from 1.
    pub line_number: u64,
}

/// How it is known which digest a value is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// Its line or its section names the digest.
    Named,
    /// The list's name does.
    ListName,
    /// Nothing does: it is taken for the usual one of its length.
    Length,
}

/// A line that is meant to give a digest and does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The line it is on, from 1.
    pub line_number: u64,
    /// The file, where the line has one.
    pub name: Option<String>,
    /// What is wrong.
    pub why: Why,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The line names its digest, and the value is not as long as that digest's values are.
    WrongLength {
        /// The digest.
        algorithm: Algorithm,
        /// Hexadecimal digits that are there.
        digits: usize,
    },
    /// No digest has values that long.
    NoSuchLength {
        /// Hexadecimal digits that are there.
        digits: usize,
    },
    /// The line names its digest, and the value is neither hexadecimal digits nor base64 of one.
    NoValue {
        /// The digest.
        algorithm: Algorithm,
    },
    /// A table that was too narrow replaced the end of the value by dots.
    Shortened,
}

/// A line with a digest that is not computed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported {
    /// The line it is on, from 1.
    pub line_number: u64,
    /// The file, where the line has one.
    pub name: Option<String>,
    /// The digest, as the list names it.
    pub algorithm: String,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongLength { algorithm, digits } => {
                write!(f, "a {algorithm} value has {} digits, not {digits}", algorithm.len() * 2)
            }
            Self::NoSuchLength { digits } => write!(f, "no digest has values of {digits} digits"),
            Self::NoValue { algorithm } => write!(f, "what stands there is no {algorithm} value"),
            Self::Shortened => f.write_str("the value is cut off with dots; use Format-List"),
        }
    }
}

impl Sums {
    /// Reads a list. Its name tells which digest it has where the lines do not.
    ///
    /// # Errors
    /// `Usage` for a web page, a list that contradicts itself, or a signed list without its end;
    /// `Limit` for more than [`MOST_BYTES`]; `Unsupported` where no line is understood.
    pub fn parse(bytes: &[u8], list_name: &str) -> Result<Self> {
        if bytes.len() as u64 > MOST_BYTES {
            return Err(Error::limit("bytes in a checksum list", MOST_BYTES).of(list_name));
        }
        Self::read(bytes, list_name).map_err(|error| error.of(list_name))
    }

    pub(super) fn read(bytes: &[u8], list_name: &str) -> Result<Self> {
        let text = encoding::decode(bytes);
        if let Some(page) = web_page(&text) {
            return Err(page);
        }
        let (lines, outside_signature) = signed_part(numbered(&text))?;
        let mut sums = match documents::read(&lines, &text) {
            Some(sums) => sums?,
            None if text.trim_start().starts_with(['{', '[']) => return Err(not_understood()),
            None => layout::Reader::new(&lines, list_name)
                .read()
                .ok_or_else(|| Error::limit("lines in a checksum list", layout::MOST_LINES))?,
        };
        sums.outside_signature = outside_signature;
        if sums.lines.is_empty() && sums.bad.is_empty() && sums.unsupported.is_empty() {
            return Err(not_understood());
        }
        sums.refuse_contradictions()?;
        Ok(sums)
    }

    /// The same for text that a person pasted: digits alone in a line count, whatever stands around them.
    ///
    /// # Errors
    /// As [`Sums::parse`].
    pub fn pasted(text: &[u8]) -> Result<Self> {
        if text.len() as u64 > MOST_BYTES {
            return Err(Error::limit("bytes in a checksum list", MOST_BYTES));
        }
        Self::read(text, "")
    }

    /// The digits without a name get the name of their list, without what says that it is one: those of
    /// `x.iso.sha256` are about `x.iso`.
    #[must_use]
    pub fn named_by_list(mut self, list_name: &str) -> Self {
        if let Some(name) = names::of_list(list_name) {
            for line in self.lines.iter_mut().filter(|line| line.name.is_none()) {
                line.name = Some(name.to_owned());
            }
        }
        self
    }

    /// One file has one value of one digest.
    fn refuse_contradictions(&self) -> Result<()> {
        let mut known: HashMap<(Cow<'_, str>, Algorithm), &Line> = HashMap::new();
        for line in &self.lines {
            let Some(name) = &line.name else { continue };
            // Where only the length tells, two values of a file may be of two digests.
            if line.is_ambiguous() {
                continue;
            }
            let first = known.entry((plain_name(name), line.value.algorithm)).or_insert(line);
            if first.value != line.value {
                return Err(Error::usage(format!(
                    "the list contradicts itself: lines {} and {} give two {} values for {name}",
                    first.line_number, line.line_number, line.value.algorithm
                )));
            }
        }
        Ok(())
    }

    /// The lines about the file at `path`, by a list in `list_dir`.
    ///
    /// A line that names exactly this file, seen from the list's directory, goes before one whose name
    /// the file's path ends with; the longest such name counts. An absolute name says where the file
    /// was elsewhere, so its last part counts, unless the list has that last part twice. Digits alone
    /// are about any file, where they are all the list has.
    #[must_use]
    pub fn for_file(&self, path: &Path, list_dir: &Path) -> Vec<&Line> {
        let wanted = Wanted::new(path, list_dir);
        let mut best = 0;
        let mut found: Vec<&Line> = Vec::new();
        for line in &self.lines {
            let rank = line.name.as_deref().map_or(0, |name| wanted.rank(name));
            if rank > best {
                best = rank;
                found.clear();
            }
            if rank == best && rank > 0 {
                found.push(line);
            }
        }
        if best == ELSEWHERE {
            let mut names = found.iter().filter_map(|line| line.name.as_deref());
            let first = names.next();
            if names.any(|name| Some(name) != first) {
                found.clear();
            }
        }
        match self.lines.as_slice() {
            [only] if only.name.is_none() && self.bad.is_empty() && self.unsupported.is_empty() => vec![only],
            _ => found,
        }
    }

    /// What does not count in it, in words.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let plural = |n: u64| if n == 1 { "1 line".to_owned() } else { format!("{n} lines") };
        let mut out = self.notes.clone();
        out.truncate(MOST_REMARKS);
        if self.outside_signature > 0 {
            let lines = plural(self.outside_signature);
            out.push(format!("{lines} outside the signed part do not count"));
        }
        if let Some(first) = self.not_understood.first() {
            let lines = plural(self.not_understood.len() as u64);
            out.push(format!("{lines} not understood, line {first} first"));
        }
        out
    }

    /// Why the list, though it names the file at `path`, gives nothing to compare it with.
    #[must_use]
    pub fn trouble_for(&self, path: &Path, list_dir: &Path) -> Option<Error> {
        let wanted = Wanted::new(path, list_dir);
        let is_about = |name: &Option<String>| match name {
            Some(name) => wanted.rank(name) > 0,
            None => self.lines.is_empty() && self.bad.len() + self.unsupported.len() == 1,
        };
        if let Some(bad) = self.bad.iter().find(|bad| is_about(&bad.name)) {
            return Some(Error::usage(format!("line {}: {}", bad.line_number, bad.why)));
        }
        let other = self.unsupported.iter().find(|other| is_about(&other.name))?;
        Some(Error::usage(format!("line {}: {} is not computed here", other.line_number, other.algorithm)))
    }
}

impl Line {
    /// True where the value may be of another digest, too: nothing but its length tells which it is of.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.basis == Basis::Length && self.value.algorithm.same_length().next().is_some()
    }

    /// The file this line names, seen from the list's directory: only for a name that stays in it.
    /// `None` for absolute names, names with `..`, and digits alone.
    #[must_use]
    pub fn path_beside(&self, list_dir: &Path) -> Option<PathBuf> {
        let name = self.name.as_deref().filter(|name| !is_absolute(name))?;
        let plain = plain_name(name);
        names::stays(&plain).then(|| names::joined(list_dir, &plain))
    }
}

/// The error for a web page, as a server gives instead of a file it does not have.
fn web_page(text: &str) -> Option<Error> {
    let text = text.trim_start();
    if !text.starts_with('<') {
        return None;
    }
    let start: String = text.chars().take(4096).map(|c| c.to_ascii_lowercase()).collect();
    if !["<html", "<!doctype html", "<head", "<body"].iter().any(|tag| start.contains(tag)) {
        return None;
    }
    let title = start.find("<title").and_then(|at| {
        let (_, rest) = text.get(at..)?.split_once('>')?;
        let title = rest.split('<').next()?.split_whitespace().collect::<Vec<_>>().join(" ");
        (!title.is_empty() && title.len() <= 200).then_some(title)
    });
    let title = title.map(|title| format!(" (\"{title}\")")).unwrap_or_default();
    Some(Error::usage(format!("is a web page{title}, not a checksum list")))
}

fn not_understood() -> Error {
    Error::unsupported("as a checksum list: no line of it is understood")
}

/// The lines with their numbers from 1, without their ends. Lists from `sha256sum -z` have NULs instead.
fn numbered(text: &str) -> Vec<(u64, &str)> {
    let end = if text.contains('\0') { '\0' } else { '\n' };
    (1..).zip(text.split(end).map(|line| line.strip_suffix('\r').unwrap_or(line))).collect()
}

/// Of a list signed in the clear (RFC 9580 §7) the lines that are signed, and how many others there are.
fn signed_part(lines: Vec<(u64, &str)>) -> Result<(Vec<(u64, &str)>, u64)> {
    let is = |marker: &'static str| move |(_, line): &(u64, &str)| line.trim_end() == marker;
    let Some(begin) = lines.iter().position(is("-----BEGIN PGP SIGNED MESSAGE-----")) else {
        return Ok((lines, 0));
    };
    let mut rest = lines.iter().skip(begin + 1);
    // Headers end with an empty line.
    rest.by_ref().find(|(_, line)| line.trim().is_empty());
    let mut signed = Vec::new();
    let mut ended = None;
    for line in rest.by_ref() {
        if is("-----BEGIN PGP SIGNATURE-----")(line) {
            ended = Some(());
            break;
        }
        signed.push((line.0, line.1.strip_prefix("- ").unwrap_or(line.1)));
    }
    ended.ok_or_else(|| Error::usage("is signed, but ends before the signature; download it again"))?;
    rest.by_ref().find(|line| is("-----END PGP SIGNATURE-----")(line));
    let others = lines.iter().take(begin).chain(rest).filter(|(_, line)| !line.trim().is_empty()).count();
    Ok((signed, others as u64))
}

#[cfg(test)]
mod dialects;
#[cfg(test)]
mod tests;
