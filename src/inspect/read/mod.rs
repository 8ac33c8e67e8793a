//! The ways of reading a place: a member, or the medium itself, as texts that a rule can match.

mod driver;
mod settings;
mod xml;

use crate::container::Container;
use crate::facts::{read_file_name, read_label};
use crate::formats::{msi, pe, wim};
use crate::limits::Limits;
use crate::source::{SharedSource, read_up_to};
use crate::text::{utf8_or_latin1, utf16_be, utf16_le};
use std::borrow::Cow;

/// Bytes of a text that are read: identity files are small, and long ones begin with what they are.
const TEXT: usize = 256 << 10;

/// How a place is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// That it is there: the text is its path.
    Path,
    /// Its text, in which every match counts.
    Text,
    /// One line of its text; the key is the line's number, from 1.
    Line,
    /// Settings: `[Section]` and `Name = value`; the key is `Section/Name`, `*` for any.
    Settings,
    /// XML: the key is a path of elements, see [`xml::find`].
    Xml,
    /// JSON: the key is a pointer (RFC 6901).
    Json,
    /// The version resource of a program: `file`, `product`, or the name of a string.
    Program,
    /// A Windows Installer package: a named fact of it, `product`, `version`, `platform`.
    Installer,
    /// The XML data of a WIM file: a column of each image.
    Images,
    /// A named fact of the container itself, `FORMAT.NAME`; `*` for any format.
    Fact,
    /// What the source is called: the name itself, or at a key what [`crate::facts::read_file_name`] makes of it.
    Name,
    /// The volume's label, as [`crate::facts::read_label`] reads it.
    Label,
    /// The version in the header of a Linux kernel for PCs.
    Kernel,
    /// Setup information of a driver: `version`, `class`, `provider`, `platform`.
    Driver,
}

impl How {
    const ALL: [(Self, &'static str); 14] = [
        (Self::Path, "path"),
        (Self::Text, "text"),
        (Self::Line, "line"),
        (Self::Settings, "settings"),
        (Self::Xml, "xml"),
        (Self::Json, "json"),
        (Self::Program, "program"),
        (Self::Installer, "installer"),
        (Self::Images, "images"),
        (Self::Fact, "fact"),
        (Self::Name, "name"),
        (Self::Label, "label"),
        (Self::Kernel, "kernel"),
        (Self::Driver, "driver"),
    ];

    /// The word for it, as in rules and JSON.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(how, _)| *how == self).map_or("", |(_, word)| word)
    }

    pub(super) fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(how, _)| *how)
    }

    /// True where the file's bytes are needed, those of a packed one included.
    pub(super) fn reads(self) -> bool {
        !matches!(self, Self::Path | Self::Fact | Self::Name | Self::Label)
    }
}

/// A text and where in the file it stands.
pub(super) struct Said {
    pub(super) part: String,
    pub(super) text: String,
}

impl Said {
    pub(super) fn new(part: impl Into<String>, text: impl Into<String>) -> Self {
        Self { part: part.into(), text: text.into() }
    }
}

/// What a member says at `key`. What cannot be read says nothing: `verify` is for that.
pub(super) fn member(how: How, key: &str, source: &SharedSource, limits: &Limits) -> Vec<Said> {
    let text = || read_up_to(&**source, 0, TEXT).map(|bytes| decode(&bytes)).unwrap_or_default();
    match how {
        How::Text => vec![Said::new("", text())],
        How::Line => {
            let number: usize = key.parse().unwrap_or(1);
            let text = text();
            let line = text.lines().nth(number.saturating_sub(1));
            line.map(|line| Said::new(format!("line {number}"), line.trim())).into_iter().collect()
        }
        How::Settings => settings::find(&text(), key),
        How::Driver => driver::find(&text(), key),
        How::Xml => xml::find(&text(), key),
        How::Json => json(&text(), key),
        How::Program => program(source, key),
        How::Installer => installer(source, key, limits),
        How::Images => images(source, key),
        How::Kernel => kernel(source),
        How::Path | How::Fact | How::Name | How::Label => Vec::new(),
    }
}

/// What the container says of itself under `FORMAT.NAME`.
pub(super) fn fact(container: &dyn Container, key: &str) -> Vec<Said> {
    let Some((format, name)) = key.split_once('.') else { return Vec::new() };
    if !format.split('|').any(|known| known == "*" || known == container.format()) {
        return Vec::new();
    }
    let facts = container.facts();
    let label = facts.label.iter().filter(|_| name == "label");
    let named = facts.named.iter().filter(|(known, _)| *known == name).map(|(_, value)| value);
    label.chain(named).take(1).flat_map(|value| each(name, name, value)).collect()
}

/// What the file's name says at `key`; an empty key is the name itself.
pub(super) fn file_name(name: &str, key: &str) -> Vec<Said> {
    const PART: &str = "the file's name";
    if key.is_empty() {
        return vec![Said::new(PART, name)];
    }
    let Some(found) = read_file_name(name) else { return Vec::new() };
    let values: Vec<String> = match key {
        "product" => found.product.into_iter().collect(),
        "release" => found.release.into_iter().collect(),
        "build" => found.build.iter().map(ToString::to_string).collect(),
        // One medium for several processors is named for each.
        "platform" if found.platforms.len() == 1 => found.platforms.iter().map(ToString::to_string).collect(),
        "edition" => found.editions,
        "channel" => found.channel.into_iter().map(str::to_owned).collect(),
        "language" => found.language.into_iter().filter(|tag| tag != "mul").collect(),
        _ => Vec::new(),
    };
    values.into_iter().map(|value| Said::new(PART, value)).collect()
}

/// What the volume's label says at `key`. A label that several products share names none.
pub(super) fn label(container: &dyn Container, key: &str) -> Vec<Said> {
    let Some(label) = container.facts().label.as_deref() else { return Vec::new() };
    let Some(found) = read_label(label) else { return Vec::new() };
    let value = match (key, found.candidates.as_slice()) {
        ("product", [(product, _)]) => Some(product.clone()),
        ("release", [(_, release)]) => release.clone(),
        ("build", _) => found.build.as_ref().map(ToString::to_string),
        ("platform", _) => found.platform.map(str::to_owned),
        ("channel", _) => found.channel.map(str::to_owned),
        ("language", _) => found.language,
        _ => None,
    };
    value.map(|value| Said::new("label", value)).into_iter().collect()
}

/// One value, or each of a list of languages.
fn each(name: &str, part: &str, value: &str) -> Vec<Said> {
    match name {
        "languages" => value.split(',').map(|one| Said::new(part, one.trim())).collect(),
        _ => vec![Said::new(part, value.trim())],
    }
}

/// Text as the systems of its time wrote it: UTF-16 by its mark or its zeros, UTF-8, Latin-1.
fn decode(bytes: &[u8]) -> String {
    let zeros = |at: usize| {
        let head = bytes.get(..bytes.len().min(128)).unwrap_or_default();
        let (all, zero) = head.iter().skip(at).step_by(2).fold((0usize, 0usize), |(all, zero), byte| {
            (all.saturating_add(1), zero.saturating_add(usize::from(*byte == 0)))
        });
        all > 1 && zero.saturating_mul(10) > all.saturating_mul(9)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16_le(rest).0,
        [0xfe, 0xff, rest @ ..] => utf16_be(rest).0,
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8_or_latin1(rest),
        _ if zeros(1) => utf16_le(bytes).0,
        _ if zeros(0) => utf16_be(bytes).0,
        _ => utf8_or_latin1(bytes),
    }
}

fn json(text: &str, key: &str) -> Vec<Said> {
    let Ok(document) = serde_json::from_str::<serde_json::Value>(text) else { return Vec::new() };
    match document.pointer(key) {
        Some(serde_json::Value::String(value)) => vec![Said::new(key, value)],
        Some(serde_json::Value::Number(value)) => vec![Said::new(key, value.to_string())],
        _ => Vec::new(),
    }
}

fn program(source: &SharedSource, key: &str) -> Vec<Said> {
    let Ok(Some(versions)) = pe::versions(source) else { return Vec::new() };
    let found: Option<Cow<'_, str>> = match key {
        "file" => versions.file.map(|version| version.to_string().into()),
        "product" => versions.product.map(|version| version.to_string().into()),
        name => versions.text(name).map(Cow::Borrowed),
    };
    let part = match key {
        "file" => "file version",
        "product" => "product version",
        name => name,
    };
    found.map(|text| Said::new(part, text)).into_iter().collect()
}

fn installer(source: &SharedSource, key: &str, limits: &Limits) -> Vec<Said> {
    let Ok(Some(named)) = msi::named(source, limits) else { return Vec::new() };
    let part = match key {
        "product" => "ProductName",
        "version" => "ProductVersion",
        "platform" => "Template",
        "languages" => "ProductLanguage",
        other => other,
    };
    let found = named.into_iter().find(|(name, value)| *name == key && !value.trim().is_empty());
    found.map(|(_, value)| each(key, part, &value)).unwrap_or_default()
}

fn images(source: &SharedSource, key: &str) -> Vec<Said> {
    let Ok(summary) = wim::summary(source) else { return Vec::new() };
    let mut out = Vec::new();
    for image in &summary.images {
        let values: Vec<String> = match key {
            "platform" => image.platform().map(str::to_owned).into_iter().collect(),
            "build" => image.build().into_iter().collect(),
            "name" => image.name.clone().into_iter().collect(),
            "title" => image.title().map(str::to_owned).into_iter().collect(),
            "edition" => image.edition_id.clone().into_iter().collect(),
            "installation" => image.installation_type.clone().into_iter().collect(),
            "product_type" => image.product_type.clone().into_iter().collect(),
            "flags" => image.flags.clone().into_iter().collect(),
            "language" => image.default_language.iter().chain(&image.languages).cloned().collect(),
            _ => Vec::new(),
        };
        let part = |key: &str| format!("IMAGE[{}]/{key}", image.index);
        out.extend(values.into_iter().map(|value| Said::new(part(key), value)));
    }
    out
}

/// "The Linux/x86 Boot Protocol": `HdrS` at 0x202; at 0x20e the place of the version, less 0x200.
fn kernel(source: &SharedSource) -> Vec<Said> {
    const HEADER: usize = 0x202;
    let Ok(head) = read_up_to(&**source, 0, 64 << 10) else { return Vec::new() };
    if head.get(HEADER..).is_none_or(|rest| !rest.starts_with(b"HdrS")) {
        return Vec::new();
    }
    let at = match head.get(0x20e..0x210) {
        Some([low, high]) => usize::from(u16::from_le_bytes([*low, *high])),
        _ => 0,
    };
    let version = head.get(at.saturating_add(0x200)..).unwrap_or_default();
    let version = version.split(|byte| *byte == 0).next().unwrap_or_default();
    let version = utf8_or_latin1(version.get(..version.len().min(256)).unwrap_or_default());
    vec![Said::new("kernel version", version)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn said(how: How, key: &str, bytes: &[u8]) -> Vec<String> {
        let source: SharedSource = Arc::new(bytes.to_vec());
        member(how, key, &source, &Limits::default()).into_iter().map(|said| said.text).collect()
    }

    #[test]
    fn text_is_decoded_by_its_mark_or_its_zeros() {
        let utf16: Vec<u8> = "[a]\r\nb=c".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked: Vec<u8> = [&[0xff, 0xfe], utf16.as_slice()].concat();
        for bytes in [b"[a]\r\nb=c".as_slice(), &utf16, &marked, b"\xef\xbb\xbf[a]\nb=c"] {
            assert_eq!(said(How::Settings, "a/b", bytes), ["c"]);
        }
        assert_eq!(decode(b"gr\xfc\xdfe"), "grüße");
        assert_eq!(decode(b""), "");
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(said(How::Line, "2", b"1.0\r\nFedora 40\r\nx86_64\r\n"), ["Fedora 40"]);
        assert!(said(How::Line, "9", b"one").is_empty());
    }

    #[test]
    fn a_kernel_says_its_version() {
        let mut image = vec![0; 0x400];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20e..0x210].copy_from_slice(&0x10u16.to_le_bytes());
        image[0x210..0x21b].copy_from_slice(b"6.1.0-18 (x");
        assert_eq!(said(How::Kernel, "", &image), ["6.1.0-18 (x"]);
        image[0x20e..0x210].copy_from_slice(&0xffffu16.to_le_bytes());
        assert_eq!(said(How::Kernel, "", &image), [""]);
        assert!(said(How::Kernel, "", b"MZ").is_empty());
    }

    #[test]
    fn json_is_followed_by_a_pointer() {
        let text = br#"{"info": {"productDisplayVersion": "17.9.2", "n": 3}}"#;
        assert_eq!(said(How::Json, "/info/productDisplayVersion", text), ["17.9.2"]);
        assert_eq!(said(How::Json, "/info/n", text), ["3"]);
        assert!(said(How::Json, "/info", text).is_empty());
    }
}
