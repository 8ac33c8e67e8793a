//! Lists of digests as publishers and people keep them, and which of their lines is about a file.
//!
//! coreutils, BSD, OpenSSL, SFV, certutil and `Get-FileHash` layouts are read, each line for itself
//! (see `layout.rs`), in UTF-8, UTF-16 and Latin-1. Names are data: they are compared, and opened only
//! through [`Line::path_beside`]. Of a list that is signed in the clear, only what is signed counts;
//! the signature itself is not checked here.
//!
//! Limits: 16 MiB a list, a million lines. Metalink, hashdeep, Debian's `Release` and winget manifests
//! are not read, nor are digests other than [`Algorithm`]'s.

mod hint;
mod layout;

use crate::digest::{Algorithm, Value};
use crate::error::{Error, Result};
use crate::text::{utf8_or_latin1, utf16_be, utf16_le};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// Bytes that a list may have.
pub const MOST_BYTES: u64 = 16 << 20;

/// What a list says.
#[derive(Debug, Clone, Default)]
pub struct Sums {
    /// The digests, in the order of the list.
    pub lines: Vec<Line>,
    /// Lines that are meant to give a digest and do not.
    pub bad: Vec<BadLine>,
    /// Lines with a digest that is not computed here.
    pub unsupported: Vec<Unsupported>,
    /// Other lines that are neither empty nor comments.
    pub not_understood: u64,
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
    /// The file's size in bytes, where the list gives one.
    pub size: Option<u64>,
    /// The line it is on, from 1.
    pub line_number: u64,
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

    fn read(bytes: &[u8], list_name: &str) -> Result<Self> {
        let text = decode(bytes);
        if let Some(page) = web_page(&text) {
            return Err(page);
        }
        if is_other_format(&text) {
            return Err(not_understood());
        }
        let (lines, outside_signature) = signed_part(numbered(&text))?;
        let sums = layout::Reader::new(&lines, list_name).read();
        let mut sums = sums.ok_or_else(|| Error::limit("lines in a checksum list", layout::MOST_LINES))?;
        sums.outside_signature = outside_signature;
        if sums.lines.is_empty() && sums.bad.is_empty() && sums.unsupported.is_empty() {
            return Err(not_understood());
        }
        sums.refuse_contradictions()?;
        Ok(sums)
    }

    /// One file has one value of one digest.
    fn refuse_contradictions(&self) -> Result<()> {
        let mut known: HashMap<(Cow<'_, str>, Algorithm), &Line> = HashMap::new();
        for line in &self.lines {
            let Some(name) = &line.name else { continue };
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
    /// The file this line names, seen from the list's directory: only for a name that stays in it.
    /// `None` for absolute names, names with `..`, and digits alone.
    #[must_use]
    pub fn path_beside(&self, list_dir: &Path) -> Option<PathBuf> {
        let name = self.name.as_deref()?;
        let plain = plain_name(name);
        let safe = |part: &str| {
            !part.is_empty()
                && part != ".."
                && part != "."
                && !part.contains('\0')
                && !has_drive_or_stream(part)
        };
        let stays = !is_absolute(name) && plain.split('/').all(safe);
        stays.then(|| plain.split('/').fold(list_dir.to_path_buf(), |path, part| path.join(part)))
    }
}

/// The rank of an absolute name that only ends as the file does.
const ELSEWHERE: usize = 1;

/// A file that lines are looked for.
struct Wanted {
    /// The parts of its absolute path, last first.
    parts: Vec<String>,
    /// The parts of the list's directory, last first.
    list_dir: Vec<String>,
}

impl Wanted {
    fn new(path: &Path, list_dir: &Path) -> Self {
        Self { parts: parts_of(path), list_dir: parts_of(list_dir) }
    }

    /// How well `name` fits: 0 not at all, else the more the better.
    fn rank(&self, name: &str) -> usize {
        let plain = plain_name(name);
        let parts: Vec<&str> = plain.split('/').filter(|part| !part.is_empty()).rev().collect();
        let fits = |other: &[String]| {
            parts.len() <= other.len() && parts.iter().zip(other).all(|(a, b)| same_name(a, b))
        };
        let is_last = parts.first().zip(self.parts.first()).is_some_and(|(a, b)| same_name(a, b));
        if is_absolute(name) {
            return match (is_last, fits(&self.parts) && parts.len() == self.parts.len()) {
                (true, true) => usize::MAX,
                (true, false) => ELSEWHERE,
                (false, _) => 0,
            };
        }
        if parts.is_empty() || !fits(&self.parts) {
            return 0;
        }
        let from_here = self.parts.get(parts.len()..).is_some_and(|above| above == self.list_dir);
        if from_here { usize::MAX } else { parts.len() + ELSEWHERE }
    }
}

/// The parts of an absolute path, last first, as names in a list would give them.
fn parts_of(path: &Path) -> Vec<String> {
    // `absolute` fails for an empty path only, which is the current directory.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let text = utf8_or_latin1(whole.as_os_str().as_encoded_bytes()).replace('\\', "/");
    text.split('/').filter(|part| !matches!(*part, "" | ".")).rev().map(str::to_owned).collect()
}

/// File names differ by case except on Windows.
fn same_name(a: &str, b: &str) -> bool {
    if cfg!(windows) { a.to_lowercase() == b.to_lowercase() } else { a == b }
}

/// `/` between parts, and no `./` before them.
fn plain_name(name: &str) -> Cow<'_, str> {
    let slashed = if name.contains('\\') { Cow::Owned(name.replace('\\', "/")) } else { Cow::Borrowed(name) };
    if slashed.starts_with("./") { Cow::Owned(slashed.trim_start_matches("./").to_owned()) } else { slashed }
}

fn is_absolute(name: &str) -> bool {
    let drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    name.starts_with(['/', '\\']) || drive
}

/// `C:x` is relative to another drive's directory; `x:y` names a second stream of `x`.
fn has_drive_or_stream(part: &str) -> bool {
    part.contains(':') && (cfg!(windows) || is_absolute(part))
}

/// The text, by its byte order mark, or what it looks like.
fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, text @ ..] => utf16_le(text).0,
        [0xfe, 0xff, text @ ..] => utf16_be(text).0,
        [0xef, 0xbb, 0xbf, text @ ..] => by_line(text),
        _ => match zeros(bytes) {
            Zeros::Odd => utf16_le(bytes).0,
            Zeros::Even => utf16_be(bytes).0,
            Zeros::Few => by_line(bytes),
        },
    }
}

/// A list may have names from systems with different encodings.
fn by_line(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.split_inclusive(|&byte| byte == b'\n').map(utf8_or_latin1).collect(),
    }
}

/// Where the zeros are that UTF-16 has in ASCII text.
enum Zeros {
    Odd,
    Even,
    Few,
}

fn zeros(bytes: &[u8]) -> Zeros {
    let (mut even, mut odd, mut pairs) = (0, 0, 0);
    for pair in bytes.chunks_exact(2).take(64) {
        pairs += 1;
        even += usize::from(pair.first() == Some(&0));
        odd += usize::from(pair.last() == Some(&0));
    }
    match (odd * 10 > pairs * 9, even * 10 > pairs * 9) {
        (true, false) => Zeros::Odd,
        (false, true) => Zeros::Even,
        _ => Zeros::Few,
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

/// Formats that have digests in other ways than one a line; a line of them may look like one of ours.
fn is_other_format(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with(['<', '{', '[']) || text.starts_with("%%%% ")
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
mod tests;
