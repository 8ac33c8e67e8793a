//! Labels of operating system media as osinfo-db knows them, where that database is installed on this machine.
//!
//! It is read when it is asked, never copied: its licence is another, and its own update keeps it current. It knows the
//! fields of the primary volume descriptor only, so what it says is as weak as a label. Each file below `os/` describes
//! an operating system; each `<media><iso>` in it has regular expressions, all of which have to match.

use crate::error::{Error, Result};
use regex::RegexBuilder;
use roxmltree::{Document, Node};
use std::fs;
use std::path::{Path, PathBuf};

/// Where distributions install it.
pub const INSTALLED: &str = "/usr/share/osinfo";

/// More files, larger ones, deeper folders or longer expressions than the database has ever had are not read.
const MAX_FILES: usize = 8_000;
const MAX_BYTES: u64 = 1 << 20;
const MAX_DEPTH: usize = 4;
const MAX_PATTERN: usize = 512;
/// What a compiled expression may take, in bytes.
const MAX_COMPILED: usize = 256 << 10;

/// The fields of a primary volume descriptor that are compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Volume {
    /// Volume identifier.
    pub label: String,
    /// System identifier.
    pub system: String,
    /// Publisher identifier.
    pub publisher: String,
    /// Application identifier.
    pub application: String,
}

/// An operating system that has such a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its short identifier: `debian12`.
    pub id: String,
    /// The processor, as the database calls it; none where it is any.
    pub architecture: Option<String>,
    /// `osinfo-db 20221130`
    pub source: String,
}

/// What the database in `dir` (as [`INSTALLED`]) says of a volume, in the order of its files; empty where it is not
/// there. Files and expressions that cannot be read are passed over: they are the database's affair.
///
/// # Errors
/// More files than the database can have.
pub fn named(dir: &Path, volume: &Volume) -> Result<Vec<Named>> {
    let mut files = Vec::new();
    collect(&dir.join("os"), 0, &mut files)?;
    files.sort();
    let version = fs::read_to_string(dir.join("VERSION")).unwrap_or_default();
    let source = format!("osinfo-db {}", version.split_whitespace().next_back().unwrap_or("of no version"));
    let mut found: Vec<Named> = Vec::new();
    for file in files {
        let small = fs::metadata(&file).is_ok_and(|file| file.len() <= MAX_BYTES);
        let Ok(text) = (if small { fs::read_to_string(&file) } else { continue }) else { continue };
        if may_name(&text, &volume.label) {
            read(&text, volume, &source, &mut found);
        }
    }
    Ok(found)
}

/// Every file of the database, links not followed.
fn collect(dir: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() && depth < MAX_DEPTH {
            collect(&path, depth + 1, files)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "xml") {
            if files.len() == MAX_FILES {
                return Err(Error::limit("files of osinfo-db", MAX_FILES as u64));
            }
            files.push(path);
        }
    }
    Ok(())
}

/// True where a file has an expression that may match the label. Most have none, and are not worth a parser: with this
/// the 800 files cost some 25 ms of processor time, and more where they are not in memory yet. Too much for every medium.
fn may_name(text: &str, label: &str) -> bool {
    text.split("<volume-id>").skip(1).any(|rest| {
        let pattern = rest.split('<').next().unwrap_or("");
        pattern.contains('&') || label.contains(beginning(pattern))
    })
}

/// The systems of one file whose media have such a volume.
fn read(text: &str, volume: &Volume, source: &str, found: &mut Vec<Named>) {
    let Ok(document) = Document::parse(text) else { return };
    for system in children(document.root_element(), "os") {
        for media in children(system, "media") {
            if !children(media, "iso").any(|iso| matches(iso, volume)) {
                continue;
            }
            let architecture = media.attribute("arch").filter(|name| *name != "all").map(str::to_owned);
            let named = Named {
                name: text_of(system, "name").unwrap_or_default().to_owned(),
                id: text_of(system, "short-id").unwrap_or_default().to_owned(),
                architecture,
                source: source.to_owned(),
            };
            if !found.contains(&named) {
                found.push(named);
            }
        }
    }
}

/// True where every expression that is given matches; the label's has to be given.
fn matches(iso: Node<'_, '_>, volume: &Volume) -> bool {
    let Some(label) = text_of(iso, "volume-id") else { return false };
    let fields = [
        ("system-id", &volume.system),
        ("publisher-id", &volume.publisher),
        ("application-id", &volume.application),
    ];
    is_match(label, &volume.label)
        && fields
            .iter()
            .all(|(name, value)| text_of(iso, name).is_none_or(|pattern| is_match(pattern, value)))
}

fn is_match(pattern: &str, value: &str) -> bool {
    if pattern.len() > MAX_PATTERN || !value.contains(beginning(pattern)) {
        return false;
    }
    // Expressions that look around are not understood, and match nothing.
    let compiled = RegexBuilder::new(pattern).size_limit(MAX_COMPILED).build();
    compiled.is_ok_and(|expression| expression.is_match(value))
}

/// Letters and digits that anything that matches has to have: compiling thousands of expressions costs more than reading
/// them.
fn beginning(pattern: &str) -> &str {
    if pattern.contains('|') {
        return "";
    }
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' ');
    let end = pattern.find(|c: char| !plain(c)).unwrap_or(pattern.len());
    // A letter before one of these may be missing.
    let repeated = pattern.get(end..).is_some_and(|rest| rest.starts_with(['?', '*', '{']));
    pattern.get(..if repeated { end.saturating_sub(1) } else { end }).unwrap_or("")
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

/// The text of an element; of several in different languages, that of the one without.
fn text_of<'a>(node: Node<'a, '_>, name: &'static str) -> Option<&'a str> {
    const LANGUAGE: (&str, &str) = ("http://www.w3.org/XML/1998/namespace", "lang");
    node.children()
        .find(|child| child.has_tag_name(name) && child.attribute(LANGUAGE).is_none())
        .and_then(|child| child.text())
}

#[cfg(test)]
mod tests;
