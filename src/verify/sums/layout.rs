//! The layouts a line of a checksum list may have. The first that fits counts, line by line.
//!
//! | layout | example | module |
//! |---|---|---|
//! | section | `# SHA512 HASH` (Gentoo), `SHA256:` (Debian) | here, `columns` |
//! | size | `# x.iso: 123 bytes` (Fedora), `SIZE (x.iso) = 123` (BSD ports), `; 123  10:00.00 2024-01-31 x.iso` (SFV) | here |
//! | `Get-FileHash`, list | `Algorithm : SHA256`, `Hash : …`, `Path : C:\x.iso` | here |
//! | `Get-FileHash`, CSV | `"SHA256","…","C:\x.iso"` | here |
//! | SFV | `x.iso 1234ABCD`, only in a list that is one | `columns` |
//! | BSD tag | `SHA256 (x.iso) = …`, `SHA2-256(x.iso)= …` | here |
//! | certutil | `SHA256 hash of x.iso:` and the digits on the next line | here |
//! | keys | `File Name: x.iso`, `Size: 123 bytes`, `SHA1: …`; `InstallerSha256: …`; `checksum64 = '…'` | `blocks` |
//! | prefixed | `sha256:…`, `sha512-BASE64`, `SHA256 …  C:\x.iso` (`Get-FileHash`, table) | `columns` |
//! | Debian's `Release` | ` … 123 main/Packages` | `columns` |
//! | GNU | `…  x.iso`, `… *x.iso`, with one blank or TAB where two are missing | `columns` |
//! | bare | the digits alone, or in groups | `columns` |
//! | name first | `x.iso  …`, `x.iso  CRC  MD5  SHA1` (rhash), `x.txz TAB … TAB 12` (FreeBSD) | `columns` |
//! | page | digits anywhere, a file's name before or beside them | `page` |

use super::blocks::Block;
use super::hint::{self, Named};
use super::page::Page;
use super::{BadLine, Basis, Line, Sums, Unsupported, Why};
use crate::digest::{Algorithm, Value};
use std::collections::HashMap;

/// Lines that one list may have of checksums, good or bad.
pub(super) const MOST_LINES: u64 = 1_000_000;

/// Fewer digits than this are no cut-off digest but something else.
pub(super) const FEWEST_DIGITS: usize = 16;

/// Reads lines into `sums`.
pub(super) struct Reader<'a> {
    pub(super) sums: Sums,
    pub(super) hint: Option<Named>,
    /// By a heading that ends where another begins.
    pub(super) section: Option<Named>,
    /// By a key of Debian's, for the indented lines below it.
    pub(super) indented: Option<Named>,
    pub(super) block: Block,
    pub(super) page: Page,
    pub(super) sizes: HashMap<String, u64>,
    pub(super) is_sfv: SfvRule,
    is_bag: bool,
    lines: &'a [(u64, &'a str)],
}

/// Whether `name CRC` is a layout of this list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SfvRule {
    Yes,
    No,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lines: &'a [(u64, &'a str)], list_name: &str) -> Self {
        let hint = hint::from_list_name(list_name);
        let first = lines.iter().map(|(_, line)| *line).find(|line| !line.trim().is_empty());
        let is_sfv = match hint {
            Some(Named::Known(Algorithm::Crc32)) => SfvRule::Yes,
            _ if first.is_some_and(|line| line.starts_with(';')) => SfvRule::Yes,
            _ => SfvRule::No,
        };
        let hint = if is_sfv == SfvRule::Yes { Some(Named::Known(Algorithm::Crc32)) } else { hint };
        Self {
            sums: Sums::default(),
            hint,
            section: None,
            indented: None,
            block: Block::default(),
            page: Page::default(),
            sizes: HashMap::new(),
            is_sfv,
            is_bag: is_bag_manifest(list_name),
            lines,
        }
    }

    /// Reads every line; `None` where there are more than can be kept.
    pub(super) fn read(mut self) -> Option<Sums> {
        let mut at = 0;
        while let Some(&(number, line)) = self.lines.get(at) {
            at += self.line(at, number, line).max(1);
            let kept = self.sums.lines.len() + self.sums.bad.len() + self.sums.unsupported.len();
            if kept as u64 > MOST_LINES {
                return None;
            }
        }
        self.end_block();
        for line in &mut self.sums.lines {
            let known = line.name.as_ref().and_then(|name| self.sizes.get(name).copied());
            line.size = line.size.or(known);
            if self.is_bag {
                line.name = line.name.take().map(|name| from_bag(&name));
            }
        }
        // Blocks are kept when they end.
        self.sums.lines.sort_by_key(|line| line.line_number);
        Some(self.sums)
    }

    /// Reads the line at `at`; how many lines that took.
    fn line(&mut self, at: usize, number: u64, line: &str) -> usize {
        let next = self.lines.get(at + 1).map_or("", |(_, next)| *next);
        if line.trim().is_empty() {
            self.indented = None;
            self.end_block_at_gap();
            return 1;
        }
        if self.comment(line) {
            return 1;
        }
        if line.starts_with("untrusted comment:") {
            // signify -e: the signature is the next line.
            return 2;
        }
        if !line.starts_with([' ', '\t']) {
            self.indented = None;
        }
        if let Some(taken) = self.file_hash_list(at, number) {
            return taken;
        }
        if self.csv(number, line) || self.tagged(number, line) || self.sfv(number, line) {
            return 1;
        }
        if self.certutil(number, line, next) {
            return 2;
        }
        if self.indenting(line, next)
            || self.key(number, line)
            || self.prefixed(number, line)
            || self.sized(number, line)
            || self.gnu(number, line)
            || self.spaced(number, line)
            || self.name_first(number, line)
            || self.anywhere(number, line)
        {
            return 1;
        }
        self.sums.not_understood.push(number);
        1
    }

    /// Comments, some of which say something, and what stands around values.
    fn comment(&mut self, line: &str) -> bool {
        let Some(text) = line.strip_prefix('#') else {
            let of_a_table = line.split_whitespace().all(|word| word.bytes().all(|byte| byte == b'-'))
                || line.split_whitespace().eq(["Algorithm", "Hash", "Path"]);
            if let Some((name, bytes)) = line.strip_prefix(';').and_then(sfv_size) {
                self.sizes.insert(name.to_owned(), bytes);
            }
            return line.starts_with(';') || line.starts_with("CertUtil:") || of_a_table;
        };
        let text = text.trim();
        if let Some(word) = text.strip_suffix(" HASH") {
            self.section = hint::from_word(word).or(self.section.take());
        } else if let Some((name, bytes)) = text.rsplit_once(": ")
            && let Some(bytes) = bytes.strip_suffix(" bytes").and_then(|bytes| bytes.parse().ok())
        {
            self.sizes.insert(name.to_owned(), bytes);
        }
        true
    }

    /// PowerShell's `Get-FileHash | Format-List`: three properties, wrapped lines are indented.
    fn file_hash_list(&mut self, at: usize, number: u64) -> Option<usize> {
        // Only from its first line: looking ahead from every line would take the square of the time.
        property(self.lines.get(at)?.1).filter(|(key, _)| *key == "Algorithm")?;
        let mut fields: Vec<(&str, String)> = Vec::new();
        let mut taken = 0;
        for (_, line) in self.lines.get(at..)? {
            let text = line.trim();
            if let Some((key, value)) = property(line) {
                if taken > 0 && key == "Algorithm" {
                    break;
                }
                fields.push((key, value.to_owned()));
            } else if line.starts_with([' ', '\t'])
                && !text.is_empty()
                && let Some((_, value)) = fields.last_mut()
            {
                value.push_str(text);
            } else {
                break;
            }
            taken += 1;
        }
        let field = |key| fields.iter().find(|(known, _)| *known == key).map(|(_, value)| value.as_str());
        let (algorithm, hash) = (field("Algorithm")?, field("Hash")?);
        let path = field("Path").filter(|path| !path.is_empty()).map(str::to_owned);
        self.explicit(number, algorithm, hash, path).then_some(taken)
    }

    /// PowerShell's `Get-FileHash | Export-Csv`, with a comma or the locale's semicolon.
    fn csv(&mut self, number: u64, line: &str) -> bool {
        let Some(text) = line.trim().strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
            return false;
        };
        let separator = if text.contains("\";\"") { "\";\"" } else { "\",\"" };
        let mut fields = text.splitn(3, separator);
        match (fields.next(), fields.next(), fields.next()) {
            (Some("Algorithm"), Some("Hash"), _) => true,
            (Some(algorithm), Some(hash), path) => {
                self.explicit(number, algorithm, hash, path.map(|path| path.replace("\"\"", "\"")))
            }
            _ => false,
        }
    }

    /// `ALG (name) = value`, with OpenSSL's blanks or BSD's; the name may have parentheses itself.
    fn tagged(&mut self, number: u64, line: &str) -> bool {
        let (escaped, text) = match line.trim_start().strip_prefix('\\') {
            Some(text) => (Escaped::Yes, text),
            None => (Escaped::No, line.trim_start()),
        };
        let Some((word, rest)) = text.split_once('(') else { return false };
        let Some((name, value)) = rest.rsplit_once(')') else { return false };
        let Some(value) = value.trim_start().strip_prefix('=').map(str::trim) else { return false };
        let name = unescape(name, escaped);
        if word.trim().eq_ignore_ascii_case("size") {
            if let Ok(bytes) = value.parse() {
                self.sizes.insert(name, bytes);
            }
            return true;
        }
        let name = (name != "stdin").then_some(name);
        if self.explicit(number, word.trim(), value, name.clone()) {
            return true;
        }
        // A line like that is meant to be one, if it names a digest.
        let Some(Named::Known(algorithm)) = hint::from_word(word.trim()) else { return false };
        self.sums.bad.push(BadLine { line_number: number, name, why: Why::NoValue { algorithm } });
        true
    }

    /// certutil, in whatever language it speaks: the digest's name is not translated, the digits
    /// stand alone on the next line, with blanks between the bytes before Windows 8.1.
    fn certutil(&mut self, number: u64, line: &str, next: &str) -> bool {
        let Some(text) = line.trim().strip_suffix(':').map(str::trim_end) else { return false };
        let digits: String = next.split_ascii_whitespace().collect();
        if digits.len() < FEWEST_DIGITS || !is_hex(&digits) {
            return false;
        }
        let found = text.split_whitespace().find_map(|word| {
            let whole = hint::from_word(word).map(|_| word);
            let word =
                whole.or_else(|| word.split('-').next().filter(|part| hint::from_word(part).is_some()));
            word.and_then(|word| text.find(word).map(|start| (word, start + word.len())))
        });
        let Some((word, end)) = found else { return false };
        let rest = text.get(end..).unwrap_or_default();
        let known = [" hash of file ", " hash of ", "-Hash der Datei ", "-Hash von ", " du fichier ", " de "]
            .iter()
            .find_map(|words| rest.strip_prefix(words));
        // In another language the last word is the name, unless that has blanks; then it matches
        // no file, which is safe.
        let name = known.or_else(|| rest.split_whitespace().last()).filter(|name| !name.is_empty());
        self.explicit(number, word, &digits, name.map(str::to_owned))
    }

    /// A value whose digest is named: false only where `word` names none or `value` is none.
    pub(super) fn explicit(&mut self, number: u64, word: &str, value: &str, name: Option<String>) -> bool {
        let Some(named) = hint::from_word(word) else { return false };
        self.value(number, &named, value, name)
    }

    /// A value of that digest, in hexadecimal digits or base64.
    pub(super) fn value(&mut self, number: u64, named: &Named, value: &str, name: Option<String>) -> bool {
        let digits = value.trim_end_matches(['.', '…']);
        if digits.len() < value.len() && digits.len() >= 8 && is_hex(digits) {
            self.sums.bad.push(BadLine { line_number: number, name, why: Why::Shortened });
            return true;
        }
        if value.len() >= 8 && is_hex(value) {
            self.keep(number, named, Basis::Named, value, name);
            return true;
        }
        match named {
            Named::Known(algorithm) => match Value::from_base64(*algorithm, value) {
                Ok(value) => self.push(number, value, Basis::Named, name, None),
                Err(_) => return false,
            },
            // Of what length it ought to be is not known.
            Named::Other(_) => return false,
        }
        true
    }

    /// Keeps a line whose digest is decided.
    pub(super) fn keep(
        &mut self,
        number: u64,
        named: &Named,
        basis: Basis,
        digits: &str,
        name: Option<String>,
    ) {
        let line_number = number;
        match named {
            Named::Other(algorithm) => {
                let algorithm = algorithm.clone();
                self.sums.unsupported.push(Unsupported { line_number, name, algorithm });
            }
            Named::Known(algorithm) => match Value::from_hex(*algorithm, digits) {
                Ok(value) => self.push(number, value, basis, name, None),
                Err(_) => {
                    let why = Why::WrongLength { algorithm: *algorithm, digits: digits.len() };
                    self.sums.bad.push(BadLine { line_number, name, why });
                }
            },
        }
    }

    pub(super) fn push(
        &mut self,
        line_number: u64,
        value: Value,
        basis: Basis,
        name: Option<String>,
        size: Option<u64>,
    ) {
        self.sums.lines.push(Line { name, value, basis, size, line_number });
    }

    /// Which digest so many digits are of, by section, list name or their number.
    pub(super) fn by_digits(&self, digits: usize) -> Option<(Named, Basis)> {
        match &self.section {
            Some(section) => Some((section.clone(), Basis::Named)),
            None => hint::from_digits(digits, self.hint.as_ref()),
        }
    }
}

/// `manifest-sha256.txt`, `tagmanifest-md5.txt` (RFC 8493 §2.1.3 and §2.2.1).
fn is_bag_manifest(list_name: &str) -> bool {
    let name = list_name.rsplit(['/', '\\']).next().unwrap_or(list_name);
    let name = name.strip_prefix("tag").unwrap_or(name);
    name.starts_with("manifest-") && name.ends_with(".txt")
}

/// In a bag's manifest line breaks and `%` are percent-encoded, and nothing else is (RFC 8493 §2.1.3).
fn from_bag(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let found = match escape.get(1..3) {
            Some("0A" | "0a") => Some('\n'),
            Some("0D" | "0d") => Some('\r'),
            Some("25") => Some('%'),
            _ => None,
        };
        out.push(found.unwrap_or('%'));
        rest = escape.get(if found.is_some() { 3 } else { 1 }..).unwrap_or_default();
    }
    out + rest
}

/// `  123  10:00.00 2024-01-31 x.iso`: what SFV writers put into comments.
fn sfv_size(comment: &str) -> Option<(&str, u64)> {
    let (bytes, rest) = comment.trim_start().split_once(' ')?;
    let (time, rest) = rest.trim_start().split_once(' ')?;
    let (date, name) = rest.split_once(' ')?;
    let shape = |text: &str, separators: [char; 2]| {
        let mut rest = text;
        separators.into_iter().all(|separator| match rest.split_once(separator) {
            Some((digits, after)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                rest = after;
                true
            }
            _ => false,
        }) && !rest.is_empty()
    };
    let fits = (shape(time, [':', '.']) || shape(time, [':', ':'])) && shape(date, ['-', '-']);
    fits.then_some(())?;
    Some((name, bytes.parse().ok()?))
}

/// Whether a leading backslash says that the name is escaped.
#[derive(Clone, Copy)]
pub(super) enum Escaped {
    Yes,
    No,
}

/// The name as it was before coreutils escaped it.
pub(super) fn unescape(name: &str, escaped: Escaped) -> String {
    if matches!(escaped, Escaped::No) || !name.contains('\\') {
        return name.to_owned();
    }
    let mut out = String::with_capacity(name.len());
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// One property of `Format-List`.
fn property(line: &str) -> Option<(&'static str, &str)> {
    let (key, value) = line.split_once(':')?;
    let key = ["Algorithm", "Hash", "Path"].into_iter().find(|known| *known == key.trim_end())?;
    Some((key, value.trim()))
}

pub(super) fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
