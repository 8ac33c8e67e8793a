//! The version resource: `VS_VERSIONINFO`, its strings and translations.
//!
//! Its nodes are all alike: `wLength`, `wValueLength`, `wType`, `szKey`, padding to 4, value, children.
//!
//! Reference: "Version Information" (`verrsrc.h`).

use super::image::Image;
use super::resources::Directory;
use crate::container::{Finding, Severity};
use crate::error::Result;
use crate::fields::Fields;
use crate::text::utf16_le;
use object::pe;
use std::fmt;

/// Entries looked at in all tables together.
const NODES: usize = 4096;
/// Bytes of all version resources of an image.
const MOST: u32 = 1 << 20;
/// Pairs of language and code page kept.
const BRANCHES: usize = 64;
/// Strings kept of one resource.
const STRINGS: usize = 1024;

/// Four numbers, as in 15.2.1118.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileVersion(pub [u16; 4]);

impl fmt::Display for FileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a}.{b}.{c}.{d}")
    }
}

/// The strings of one language (`StringTable`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringTable {
    /// The key as stored: eight hexadecimal digits, language then code page.
    pub key: String,
    /// Windows language number, where the key is well formed.
    pub language: Option<u16>,
    /// Code page number, where the key is well formed.
    pub code_page: Option<u16>,
    /// Names and values, in the order they are stored.
    pub strings: Vec<(String, String)>,
}

/// What a version resource says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Versions {
    /// `dwFileVersion` of `VS_FIXEDFILEINFO`: the numbers installers compare.
    pub file: Option<FileVersion>,
    /// `dwProductVersion` of `VS_FIXEDFILEINFO`.
    pub product: Option<FileVersion>,
    /// The strings by language.
    pub tables: Vec<StringTable>,
    /// `VarFileInfo\Translation`: language and code page.
    pub translations: Vec<(u16, u16)>,
}

impl Versions {
    /// The value of that name, English first. `FileVersion` here is text and may follow another scheme
    /// than [`Versions::file`].
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        // The low ten bits of a language number are the language, the others the country.
        let english = |table: &&StringTable| table.language.is_some_and(|number| number & 0x3ff == 9);
        let (first, rest): (Vec<_>, Vec<_>) = self.tables.iter().partition(english);
        let mut strings = first.into_iter().chain(rest).flat_map(|table| &table.strings);
        let found = strings.find(|(key, value)| key == name && !value.trim().is_empty());
        found.map(|(_, value)| value.trim())
    }
}

/// The version resource of an image, the strings of all its languages together.
pub(super) fn read(image: &mut Image<'_>, findings: &mut Vec<Finding>) -> Result<Option<Versions>> {
    let Some(mut directory) = Directory::of(image, NODES, findings)? else { return Ok(None) };
    let mut left = MOST;
    let mut found: Option<Versions> = None;
    let wanted = u32::from(pe::RT_VERSION);
    let kinds = directory.table(0)?;
    for kind in kinds.into_iter().filter(|entry| entry.name == wanted).take(1) {
        for name in directory.below(kind)? {
            for language in directory.below(name)? {
                let Some((at, room, size)) = directory.place(language)? else { continue };
                let Some(rest) = left.checked_sub(size) else {
                    let what = format!("a version resource of {size} bytes is not read");
                    directory.findings.push(Finding::new(Severity::Damaged, what));
                    continue;
                };
                left = rest;
                let blob = directory.content(at, usize::try_from(size.min(room)).unwrap_or_default())?;
                let one = parse(&blob, directory.findings);
                match &mut found {
                    None => found = Some(one),
                    Some(all) => {
                        all.file = all.file.or(one.file);
                        all.product = all.product.or(one.product);
                        all.tables.extend(one.tables);
                        all.translations.extend(one.translations);
                    }
                }
            }
        }
    }
    Ok(found)
}

/// A node of the tree: all of `VS_VERSIONINFO`'s structures have this shape.
struct Node {
    key: String,
    /// Where its value begins: behind the key, at a multiple of 4.
    value: usize,
    /// `wValueLength`: bytes, or characters for text.
    value_len: usize,
    end: usize,
}

fn aligned(at: usize) -> usize {
    at.saturating_add(3) & !3
}

/// The node at `at`, which ends at `end` at the latest. A length of zero for the whole resource is
/// taken for all there is.
fn node(blob: Fields<'_>, at: usize, end: usize, what: Whole) -> Option<Node> {
    let length = usize::from(blob.u16_le(at, "wLength").ok()?);
    let value_len = usize::from(blob.u16_le(at.checked_add(2)?, "wValueLength").ok()?);
    let end = match (what, length) {
        (Whole::Resource, 0..6) => end,
        (Whole::Part, 0..6) => return None,
        (_, length) => at.checked_add(length)?.min(end),
    };
    let text = blob.all().get(at.checked_add(6)?..end)?;
    let (key, taken) = until_nul(text);
    Some(Node { key, value: aligned(at + 6 + taken).min(end), value_len, end })
}

#[derive(Clone, Copy, PartialEq)]
enum Whole {
    Resource,
    Part,
}

/// Text up to its NUL, and the bytes it takes with it.
fn until_nul(bytes: &[u8]) -> (String, usize) {
    let units = bytes.chunks_exact(2).take_while(|pair| *pair != [0, 0]).count();
    let text = utf16_le(bytes.get(..units * 2).unwrap_or_default()).0;
    (text, (units * 2 + 2).min(bytes.len()))
}

/// The children from `at` on: each begins at a multiple of 4.
fn children(blob: Fields<'_>, at: usize, end: usize) -> impl Iterator<Item = Node> + '_ {
    let mut at = aligned(at);
    std::iter::from_fn(move || {
        let next = node(blob, at, end, Whole::Part)?;
        at = aligned(next.end);
        Some(next)
    })
}

fn parse(bytes: &[u8], findings: &mut Vec<Finding>) -> Versions {
    let blob = Fields::new("VS_VERSIONINFO", bytes, 0);
    let mut versions = Versions::default();
    let Some(root) = node(blob, 0, bytes.len(), Whole::Resource) else {
        findings.push(Finding::new(Severity::Damaged, "the version resource is cut short"));
        return versions;
    };
    match blob.u16_le(0, "wLength") {
        Ok(length) if usize::from(length) > bytes.len() => {
            findings.push(Finding::new(Severity::Damaged, "the version resource is cut short"));
        }
        Ok(length) if length < 6 => {
            let what = format!("the version resource gives its length as {length}");
            findings.push(Finding::new(Severity::Damaged, what));
        }
        _ => {}
    }
    fixed(blob, &root, &mut versions);
    let mut left = STRINGS;
    for info in children(blob, root.value.saturating_add(root.value_len), root.end) {
        match info.key.as_str() {
            "StringFileInfo" => {
                for table in children(blob, info.value, info.end).take(STRINGS) {
                    // Some compilers let `StringFileInfo` reach over `VarFileInfo`.
                    if table.key == "VarFileInfo" {
                        translations(blob, &table, &mut versions);
                    } else if let Some(table) = string_table(blob, &table, &mut left) {
                        versions.tables.push(table);
                    }
                }
            }
            "VarFileInfo" => translations(blob, &info, &mut versions),
            _ => {}
        }
    }
    versions
}

/// `VS_FIXEDFILEINFO`: its signature is 0xfeef04bd; each version is two numbers of 32 bits.
fn fixed(blob: Fields<'_>, root: &Node, versions: &mut Versions) {
    let Ok(info) = blob.part("VS_FIXEDFILEINFO", root.value, 24) else { return };
    if info.u32_le(0, "dwSignature").ok() != Some(0xfeef_04bd) {
        return;
    }
    let version = |at| {
        let part = |at| info.u16_le(at, "dwFileVersion").unwrap_or_default();
        FileVersion([part(at + 2), part(at), part(at + 6), part(at + 4)])
    };
    versions.file = Some(version(8));
    versions.product = Some(version(16));
}

/// `VarFileInfo`: pairs of language and code page.
fn translations(blob: Fields<'_>, info: &Node, versions: &mut Versions) {
    for var in children(blob, info.value, info.end).filter(|var| var.key == "Translation") {
        let end = var.value.saturating_add(var.value_len).min(var.end);
        let pairs = blob.all().get(var.value..end).unwrap_or_default().chunks_exact(4).take(BRANCHES);
        versions.translations.extend(pairs.map(|pair| {
            let pair = Fields::new("Translation", pair, 0);
            let number = |at| pair.u16_le(at, "Translation").unwrap_or_default();
            (number(0), number(2))
        }));
    }
}

fn string_table(blob: Fields<'_>, table: &Node, left: &mut usize) -> Option<StringTable> {
    let mut strings = Vec::new();
    for string in children(blob, table.value, table.end) {
        *left = left.checked_sub(1)?;
        // `wValueLength` counts characters, bytes or neither, as the compiler saw fit: the NUL decides.
        let (value, _) = until_nul(blob.all().get(string.value..string.end).unwrap_or_default());
        strings.push((string.key, value));
    }
    let number = |digits: Option<&str>| digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
    let (language, code_page) = match table.key.len() {
        8 => (number(table.key.get(..4)), number(table.key.get(4..))),
        _ => (None, None),
    };
    Some(StringTable { key: table.key.clone(), language, code_page, strings })
}
