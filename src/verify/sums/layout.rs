//! The layouts a line of a checksum list may have. The first that fits counts, line by line.
//!
//! | layout | example |
//! |---|---|
//! | section | `# SHA512 HASH` (Gentoo) |
//! | size | `# x.iso: 123 bytes` (Fedora), `SIZE (x.iso) = 123` (BSD ports) |
//! | `Get-FileHash`, list | `Algorithm : SHA256`, `Hash : …`, `Path : C:\x.iso` |
//! | `Get-FileHash`, CSV | `"SHA256","…","C:\x.iso"` |
//! | SFV | `x.iso 1234ABCD`, only in a list that is one |
//! | BSD tag | `SHA256 (x.iso) = …`, `SHA2-256(x.iso)= …` |
//! | certutil | `SHA256 hash of x.iso:` and the digits on the next line |
//! | prefixed | `sha256:…`, `SHA256 …  C:\x.iso` (`Get-FileHash`, table) |
//! | GNU | `…  x.iso`, `… *x.iso`, with one blank or TAB where two are missing |
//! | bare | the digits alone |

use super::hint::{self, Named};
use super::{BadLine, Line, Sums, Unsupported, Why};
use crate::digest::{Algorithm, Value};
use std::collections::HashMap;

/// Lines that one list may have of checksums, good or bad.
pub(super) const MOST_LINES: u64 = 1_000_000;

/// Fewer digits than this are no cut-off digest but something else.
const FEWEST_DIGITS: usize = 16;

/// Reads lines into `sums`.
pub(super) struct Reader<'a> {
    sums: Sums,
    hint: Option<Named>,
    section: Option<Named>,
    subject: Option<String>,
    sizes: HashMap<String, u64>,
    is_sfv: SfvRule,
    lines: &'a [(u64, &'a str)],
}

/// Whether `name CRC` is a layout of this list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SfvRule {
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
            subject: None,
            sizes: HashMap::new(),
            is_sfv,
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
        for line in &mut self.sums.lines {
            line.size = line.name.as_ref().and_then(|name| self.sizes.get(name).copied());
        }
        Some(self.sums)
    }

    /// Reads the line at `at`; how many lines that took.
    fn line(&mut self, at: usize, number: u64, line: &str) -> usize {
        let next = self.lines.get(at + 1).map_or("", |(_, next)| *next);
        if line.trim().is_empty() || self.comment(line) {
            return 1;
        }
        if line.starts_with("untrusted comment:") {
            // signify -e: the signature is the next line.
            return 2;
        }
        if let Some(taken) = self.file_hash_list(at, number) {
            return taken;
        }
        if self.csv(number, line) || self.sfv(number, line) || self.tagged(number, line) {
            return 1;
        }
        if self.certutil(number, line, next) {
            return 2;
        }
        if self.prefixed(number, line) || self.gnu(number, line) || self.subject(line) {
            return 1;
        }
        self.sums.not_understood += 1;
        1
    }

    /// Comments, two of which say something, and what stands around values.
    fn comment(&mut self, line: &str) -> bool {
        let Some(text) = line.strip_prefix('#') else {
            let of_a_table = line.split_whitespace().all(|word| word.bytes().all(|byte| byte == b'-'))
                || line.split_whitespace().eq(["Algorithm", "Hash", "Path"]);
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

    /// `name CRC`.
    fn sfv(&mut self, number: u64, line: &str) -> bool {
        if self.is_sfv == SfvRule::No {
            return false;
        }
        let Some((name, digits)) = line.trim_end().rsplit_once([' ', '\t']) else { return false };
        let name = name.trim();
        if name.is_empty() || digits.len() != 8 || !is_hex(digits) {
            return false;
        }
        self.keep(number, &Named::Known(Algorithm::Crc32), digits, Some(name.to_owned()));
        true
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
        self.explicit(number, word.trim(), value, (name != "stdin").then_some(name))
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

    /// `sha256:HEX`, `sha256-HEX`, `SHA256  HEX  path`.
    fn prefixed(&mut self, number: u64, line: &str) -> bool {
        let text = line.trim();
        let split = |at: usize| Some((text.get(..at)?, text.get(at..)?));
        let at_separator = text.find([':', '=', ' ', '\t']).and_then(split);
        let at_dash = text.rfind('-').and_then(split);
        for (word, rest) in [at_separator, at_dash].into_iter().flatten() {
            let rest = rest.trim_start_matches([':', '=', '-']).trim_start();
            let (value, name) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
            let name = name.trim_start().trim_start_matches('*');
            let name = (!name.is_empty()).then(|| name.to_owned());
            if self.explicit(number, word, value, name.or_else(|| self.subject.clone())) {
                return true;
            }
        }
        false
    }

    /// `HEX  name`, `HEX *name`, a bare `HEX`.
    fn gnu(&mut self, number: u64, line: &str) -> bool {
        let text = line.trim_start();
        let (escaped, text) = match text.strip_prefix('\\') {
            Some(text) => (Escaped::Yes, text),
            None => (Escaped::No, text),
        };
        let (digits, rest) = text.split_at(text.find([' ', '\t']).unwrap_or(text.len()));
        if !is_hex(digits) {
            return false;
        }
        let name = if rest.trim().is_empty() {
            None
        } else if let Some(name) = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *")) {
            if line.starts_with([' ', '\t']) && is_size_and_path(name) {
                return false;
            }
            Some(name)
        } else {
            let name = rest.trim_start();
            if is_size_and_path(name) {
                return false;
            }
            Some(name.strip_prefix('*').unwrap_or(name))
        };
        let name = name.filter(|name| *name != "-").map(|name| unescape(name, escaped));
        let named = match &self.section {
            Some(section) => Some(section.clone()),
            None => hint::from_digits(digits.len(), self.hint.as_ref()),
        };
        match named {
            Some(named) => self.keep(number, &named, digits, name),
            None if digits.len() >= FEWEST_DIGITS => {
                let why = Why::NoSuchLength { digits: digits.len() };
                self.sums.bad.push(BadLine { line_number: number, name, why });
            }
            None => return false,
        }
        true
    }

    /// `File Name: x.iso`, as download pages have it above the digests.
    fn subject(&mut self, line: &str) -> bool {
        let Some((key, value)) = line.split_once(':') else { return false };
        let value = value.trim();
        if !matches!(key.trim().to_ascii_lowercase().as_str(), "file name" | "filename" | "file")
            || value.is_empty()
        {
            return false;
        }
        self.subject = Some(value.to_owned());
        true
    }

    /// A value whose digest is named: false only where `word` names none or `value` is none.
    fn explicit(&mut self, number: u64, word: &str, value: &str, name: Option<String>) -> bool {
        let Some(named) = hint::from_word(word) else { return false };
        let digits = value.trim_end_matches(['.', '…']);
        if digits.len() < value.len() && digits.len() >= 8 && is_hex(digits) {
            self.sums.bad.push(BadLine { line_number: number, name, why: Why::Shortened });
            return true;
        }
        if value.len() < 8 || !is_hex(value) {
            let is_base64 = value.len() >= 22
                && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='));
            if is_base64 {
                let algorithm = format!("{word} in base64");
                self.sums.unsupported.push(Unsupported { line_number: number, name, algorithm });
            }
            return is_base64;
        }
        self.keep(number, &named, value, name);
        true
    }

    /// Keeps a line whose digest is decided.
    fn keep(&mut self, number: u64, named: &Named, digits: &str, name: Option<String>) {
        let line_number = number;
        match named {
            Named::Other(algorithm) => {
                let algorithm = algorithm.clone();
                self.sums.unsupported.push(Unsupported { line_number, name, algorithm });
            }
            Named::Known(algorithm) => match Value::from_hex(*algorithm, digits) {
                Ok(value) => self.sums.lines.push(Line { name, value, size: None, line_number }),
                Err(_) => {
                    let why = Why::WrongLength { algorithm: *algorithm, digits: digits.len() };
                    self.sums.bad.push(BadLine { line_number, name, why });
                }
            },
        }
    }
}

/// Whether a leading backslash says that the name is escaped.
#[derive(Clone, Copy)]
enum Escaped {
    Yes,
    No,
}

/// The name as it was before coreutils escaped it.
fn unescape(name: &str, escaped: Escaped) -> String {
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

/// `1234 main/Packages`: Debian's Release files have a size between digest and path.
fn is_size_and_path(text: &str) -> bool {
    let Some((size, path)) = text.trim_start().split_once([' ', '\t']) else { return false };
    !size.is_empty() && size.bytes().all(|b| b.is_ascii_digit()) && !path.trim().contains([' ', '\t'])
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
