//! Product keys and passwords that lie on a medium: in which file, of what kind. The value is looked at and forgotten.
//!
//! Looked at are the files that setup programs take answers from, by their names: `ei.cfg`, `pid.txt`, answer files of
//! Windows (`unattend.xml`, `sysprep.inf`, `winnt.sif`), of Office (`config.xml`) and of SQL Server
//! (`ConfigurationFile.ini`, `defaultsetup.ini`), and whatever has a product key in its name.

use super::manifest::Secret;
use crate::container::{Container, EntryId, EntryKind};
use regex::Regex;
use std::collections::BTreeSet;
use std::io::Read;
use std::sync::OnceLock;

/// Bytes of a file of answers.
const MOST_BYTES: u64 = 4 << 20;
/// Files that are looked at.
const MOST_FILES: usize = 1000;

/// A kind of secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    ProductKey,
    Password,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ProductKey => "product-key",
            Self::Password => "password",
        }
    }
}

/// A member with secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) id: EntryId,
    pub(super) path: String,
    pub(super) kinds: BTreeSet<Kind>,
}

impl Found {
    /// As the manifest has it.
    pub(super) fn reports(&self, left_out: bool) -> Vec<Secret> {
        let report = |kind: &Kind| Secret { path: self.path.clone(), kind: kind.name().to_owned(), left_out };
        self.kinds.iter().map(report).collect()
    }
}

/// Looks through those of `wanted` that may have secrets. What cannot be read is found out when it is extracted.
pub(super) fn find(container: &dyn Container, wanted: &[EntryId]) -> Vec<Found> {
    let mut out = Vec::new();
    let mut seen = 0;
    for &id in wanted {
        let Ok(entry) = container.entry(id) else { continue };
        if entry.kind != EntryKind::File || entry.bytes > MOST_BYTES || !is_candidate(entry.path.text()) {
            continue;
        }
        seen += 1;
        if seen > MOST_FILES {
            break;
        }
        let mut bytes = Vec::new();
        let read = container.open(id).map(|content| content.take(MOST_BYTES).read_to_end(&mut bytes));
        if !matches!(read, Ok(Ok(_))) {
            continue;
        }
        let kinds = kinds(&decoded(&bytes));
        if !kinds.is_empty() {
            out.push(Found { id, path: entry.path.text().trim_start_matches('/').to_owned(), kinds });
        }
    }
    out
}

/// True for the name of a file that setup programs take answers from.
fn is_candidate(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
    let answers =
        ["unattend", "autounattend", "sysprep", "winnt", "winbom", "answer", "setup", "config", "oobe"];
    let by_stem = |words: &[&str]| words.iter().any(|word| stem.contains(word));
    match extension {
        "xml" => by_stem(&answers),
        "sif" => true,
        "inf" => by_stem(&["sysprep", "winnt", "unattend", "answer"]),
        "cfg" => stem == "ei" || by_stem(&["pid", "key", "unattend"]),
        "ini" => {
            by_stem(&["configurationfile", "defaultsetup", "template", "pid", "unattend", "setup", "key"])
        }
        "txt" => by_stem(&["pid", "key", "serial", "unattend", "winnt", "sysprep", "license"]),
        "bat" | "cmd" | "ps1" | "vbs" => {
            by_stem(&["setup", "install", "unattend", "key", "slmgr", "activate"])
        }
        "" => matches!(&*name, "productkey" | "product_key" | "pid"),
        _ => false,
    }
}

/// As text, by its byte order mark; UTF-16 without one is known by its NULs.
fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, rest @ ..] => crate::text::utf16_le(rest).0,
        [0xfe, 0xff, rest @ ..] => crate::text::utf16_be(rest).0,
        [_, 0, _, 0, ..] => crate::text::utf16_le(bytes).0,
        [0xef, 0xbb, 0xbf, rest @ ..] => crate::text::utf8_or_latin1(rest),
        _ => crate::text::utf8_or_latin1(bytes),
    }
}

/// What is in a text.
fn kinds(text: &str) -> BTreeSet<Kind> {
    let mut out = BTreeSet::new();
    if key().is_some_and(|key| key.find_iter(text).any(|found| is_key(found.as_str()))) {
        out.insert(Kind::ProductKey);
    }
    let captured = |expression: &Regex| {
        let mut all = expression.captures_iter(text).filter_map(|found| found.get(1));
        all.any(|value| is_password(value.as_str()))
    };
    if [xml(), settings(), options()].into_iter().flatten().any(captured) {
        out.insert(Kind::Password);
    }
    out
}

/// Five groups of five: what Microsoft's product keys look like; Office's `<PIDKEY Value="…"/>` has no hyphens.
fn key() -> Option<&'static Regex> {
    static KEY: OnceLock<Option<Regex>> = OnceLock::new();
    compiled(&KEY, r#"(?i)\b[A-Z0-9]{5}(?:-[A-Z0-9]{5}){4}\b|<PIDKEY\s+Value="[A-Z0-9]{25}""#)
}

/// `<Password>x</Password>`, `<AdministratorPassword><Value>x</Value>` and their like, plain or base64.
fn xml() -> Option<&'static Regex> {
    static XML: OnceLock<Option<Regex>> = OnceLock::new();
    compiled(
        &XML,
        r"(?is)<(?:[a-z0-9_]+:)?\w*Password\b[^>]*>\s*(?:<(?:[a-z0-9_]+:)?Value>\s*)?([^<\s][^<]*)<",
    )
}

/// `AdminPassword = x` of `sysprep.inf`, `winnt.sif` and SQL Server's answers.
fn settings() -> Option<&'static Regex> {
    static SETTINGS: OnceLock<Option<Regex>> = OnceLock::new();
    compiled(&SETTINGS, r#"(?im)^\s*"?(?:\w*Password|\w*PWD)"?\s*[=:][ \t]*"?([^\s";]+)"#)
}

/// `/SAPWD=x` and `-Password x` on the line of a setup program.
fn options() -> Option<&'static Regex> {
    static OPTIONS: OnceLock<Option<Regex>> = OnceLock::new();
    compiled(&OPTIONS, r#"(?i)(?:^|\s)[/-](?:\w*PWD|\w*Password)[=:\s]\s*"?([^\s"]+)"#)
}

fn compiled(cell: &'static OnceLock<Option<Regex>>, expression: &str) -> Option<&'static Regex> {
    // The expressions are constants, and a test uses each.
    cell.get_or_init(|| Regex::new(expression).ok()).as_ref()
}

/// True for a key that may be one: not the same letter throughout, as in examples.
fn is_key(text: &str) -> bool {
    let letters: BTreeSet<u8> = text
        .bytes()
        .rev()
        .take(29)
        .filter(u8::is_ascii_alphanumeric)
        .map(|byte| byte.to_ascii_uppercase())
        .collect();
    letters.len() > 2 && letters.iter().any(u8::is_ascii_alphabetic)
}

/// True for what stands where a password does and is one: not empty, no placeholder, no word of the schema.
fn is_password(text: &str) -> bool {
    let text = text.trim().trim_matches('"');
    let placeholder = text.starts_with(['%', '$', '<', '{', '['])
        || text.chars().all(|c| matches!(c, '*' | '.' | 'x' | 'X'));
    let word = ["true", "false", "yes", "no", "null", "none", "0", "1", "\\"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word));
    !text.is_empty() && !placeholder && !word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&'static str> {
        kinds(text).into_iter().map(Kind::name).collect()
    }

    #[test]
    fn keys_and_passwords_are_found_in_the_files_that_have_them() {
        for (text, want) in [
            ("[PID]\r\nValue=BCDFG-HJKMP-QRTVW-XY234-6789B\r\n", &["product-key"][..]),
            ("<ProductKey><Key>BCDFG-HJKMP-QRTVW-XY234-6789B</Key></ProductKey>", &["product-key"]),
            (
                "<AdministratorPassword>\n <Value>cABhAHMAcwA=</Value><PlainText>false</PlainText>",
                &["password"],
            ),
            ("<Password>P@ssw0rd!</Password>", &["password"]),
            ("<wcm:Password><wcm:Value>x1</wcm:Value>", &["password"]),
            ("[GuiUnattended]\r\nAdminPassword = \"Secret1\"\r\n", &["password"]),
            (
                "AdminPassword=hunter2\nProductKey=\"BCDFG-HJKMP-QRTVW-XY234-6789B\"",
                &["product-key", "password"],
            ),
            ("SAPWD=\"Str0ng\"", &["password"]),
            ("<PIDKEY Value=\"BCDFGHJKMPQRTVWXY2346789B\" />", &["product-key"]),
            ("setup.exe /q /SAPWD=\"Str0ng\" /X", &["password"]),
        ] {
            assert_eq!(found(text), want, "{text}");
        }
    }

    #[test]
    fn placeholders_and_examples_are_no_secrets() {
        for text in [
            "ProductKey=XXXXX-XXXXX-XXXXX-XXXXX-XXXXX",
            "11111-11111-11111-11111-11111",
            "AdminPassword=*",
            "AdminPassword=%PW%",
            "<Password></Password>",
            "<Password><Value></Value></Password>",
            "; the password is set later",
            "[EditionID]\r\nEnterprise\r\n[Channel]\r\nVolume\r\n",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn text_is_read_whatever_its_encoding() {
        let text = "AdminPassword=hunter2";
        let units = || text.encode_utf16();
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = [0xfe, 0xff].into_iter().chain(units().flat_map(u16::to_be_bytes)).collect();
        let marked: Vec<u8> = [0xff, 0xfe].into_iter().chain(little.clone()).collect();
        for bytes in [text.as_bytes(), &little, &big, &marked] {
            assert_eq!(found(&decoded(bytes)), ["password"]);
        }
    }

    #[test]
    fn files_of_answers_are_known_by_their_names() {
        for name in [
            "sources/ei.cfg",
            "SOURCES/PID.TXT",
            "autounattend.xml",
            "sources/$OEM$/x/unattend.xml",
            "i386/winnt.sif",
            "sysprep.inf",
            "x64/DefaultSetup.ini",
            "ConfigurationFile.ini",
            "office.ww/config.xml",
            "ProductKey",
        ] {
            assert!(is_candidate(name), "{name}");
        }
        for name in ["setup.exe", "sources/install.wim", "readme.txt", "x.dll", "layout.inf"] {
            assert!(!is_candidate(name), "{name}");
        }
    }
}
