//! Checksum lists beside a file.
//!
//! First those that are named for the file (`x.iso.sha256`, `x.sha256`, `x.iso.meta4`, `x.iso.DIGESTS`,
//! `x.iso-CHECKSUM`, `CHECKSUM.SHA256-x.iso`), then those that a directory has (`SHA256SUMS`, `md5sum.txt`,
//! `b2sums.txt`, `CHECKSUM`, `SHA256.sig`, `products.xml`, `*-CHECKSUM`, `*.sha256`, `*.meta4`, `*.hashdeep`). The
//! first of these tiers that says something about the file ends the search; all its lists count. A list
//! that does not name the file is passed over. What is found here proves that the transfer went well; who
//! made it, only a signature tells. A list with a signature around it (`SHA256SUMS.asc`, `SHA256.sig`) is
//! read in place of the same list without.

use super::signature::{Text, is_replaced, without_ending};
use super::sums::{Line, MOST_BYTES, Sums};
use crate::error::{Error, Result};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Lists that are opened for one file.
const MOST_LISTS: usize = 64;

/// Names of a directory that are looked at.
const MOST_NAMES: usize = 100_000;

/// What is added to the file's name, the strongest digest of the usual ones first.
const SUFFIXES: [&str; 34] = [
    ".sha256",
    ".sha512",
    ".sha1",
    ".md5",
    ".sha256sum",
    ".sha512sum",
    ".sha1sum",
    ".md5sum",
    ".sha256.txt",
    ".sha512.txt",
    ".sha1.txt",
    ".md5.txt",
    ".sha256.asc",
    ".sha512.asc",
    ".sha384",
    ".sha224",
    ".b3",
    ".blake3",
    ".b2",
    ".blake2b",
    ".sha3-256",
    ".sha3-512",
    ".sha512-256",
    ".DIGESTS",
    ".DIGESTS.asc",
    ".meta4",
    ".metalink",
    ".hashdeep",
    ".sums",
    ".checksum",
    ".hash",
    ".sfv",
    "-CHECKSUM",
    ".CHECKSUM",
];

/// What takes the place of the file's extension.
const STEM_SUFFIXES: [&str; 13] = [
    ".sha256",
    ".sha512",
    ".sha1",
    ".md5",
    ".sha256sum",
    ".sha512sum",
    ".sha1sum",
    ".md5sum",
    ".sfv",
    ".b3",
    ".meta4",
    ".metalink",
    ".hashdeep",
];

/// A list beside the file.
#[derive(Debug)]
pub struct Found {
    /// The list.
    pub path: PathBuf,
    /// Its lines about the file.
    pub lines: Vec<Line>,
    /// What in it does not count.
    pub remarks: Vec<String>,
    /// Why it has none, though it is meant for the file: it is a web page, it contradicts itself, its
    /// line is cut off. Such a list does not end the search.
    pub unusable: Option<Error>,
    /// What was read, for comparing it with signatures.
    pub text: Option<Text>,
}

/// The lists beside `file` that have a digest of it, by their paths; none where it is no file.
///
/// # Errors
/// As [`beside`].
pub fn lists_beside(file: &Path) -> Result<Vec<String>> {
    let found = if file.is_file() { beside(file)? } else { Vec::new() };
    let lists = found.iter().filter(|found| !found.lines.is_empty());
    Ok(lists.map(|found| crate::path::slashed(&found.path)).collect())
}

/// The lists beside `file` that say something about it.
///
/// # Errors
/// `Usage` for a path without a file name. A list that cannot be read is no error; see
/// [`Found::unusable`].
pub fn beside(file: &Path) -> Result<Vec<Found>> {
    let name = file
        .file_name()
        .ok_or_else(|| Error::usage(format!("{} does not name a file", file.display())))?
        .to_string_lossy()
        .into_owned();
    let dir = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let listing = Listing::of(&dir);
    let mut search = Search { file, name: &name, dir: &dir, listing: &listing, opened: HashSet::new() };
    let mut found = Vec::new();
    for tier in [Tier::Own, Tier::Shared] {
        for (list, kind) in search.candidates(tier) {
            found.extend(search.open(&list, kind));
        }
        if found.iter().any(|list| !list.lines.is_empty()) {
            break;
        }
    }
    Ok(found)
}

/// The names in a directory, in a fixed order.
struct Listing {
    names: Vec<String>,
    extent: Extent,
}

/// Whether a listing has every name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    Part,
}

impl Listing {
    fn of(dir: &Path) -> Self {
        let Ok(entries) = fs::read_dir(dir) else { return Self { names: Vec::new(), extent: Extent::Part } };
        let mut extent = Extent::Whole;
        let mut names = Vec::new();
        for (count, entry) in entries.enumerate() {
            let Some(entry) = entry.ok().filter(|_| count < MOST_NAMES) else {
                extent = Extent::Part;
                break;
            };
            // A name that is not Unicode is none of the names that lists have.
            names.extend(entry.file_name().into_string());
        }
        names.sort_unstable();
        Self { names, extent }
    }

    /// True unless it is known that there is no such name.
    fn may_have(&self, name: &String) -> bool {
        self.extent == Extent::Part || self.names.binary_search(name).is_ok()
    }
}

/// Whose lists.
#[derive(Clone, Copy)]
enum Tier {
    /// Named for the file.
    Own,
    /// For what is in the directory.
    Shared,
}

/// How a list came to be looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ListKind {
    /// Named for the file: digits alone are about it.
    Own,
    /// Named for the file without its extension.
    Stem,
    /// Named for a directory's files: it must name the file.
    Directory,
    /// Maybe named for another file: it must name this one, and is none of our business otherwise.
    Other,
}

struct Search<'a> {
    file: &'a Path,
    name: &'a str,
    dir: &'a Path,
    listing: &'a Listing,
    opened: HashSet<String>,
}

impl Search<'_> {
    /// The lists of a tier that are there, in the order they are opened.
    fn candidates(&self, tier: Tier) -> Vec<(String, ListKind)> {
        match tier {
            Tier::Own => self.own(),
            Tier::Shared => {
                let mut ranked: Vec<(u8, &String, ListKind)> = self
                    .listing
                    .names
                    .iter()
                    .filter_map(|name| shared(name).map(|(rank, kind)| (rank, name, kind)))
                    .collect();
                ranked.sort_unstable_by_key(|(rank, name, _)| (*rank, *name));
                ranked.into_iter().map(|(_, name, kind)| (name.clone(), kind)).collect()
            }
        }
    }

    fn own(&self) -> Vec<(String, ListKind)> {
        let mut wanted: Vec<(String, ListKind)> =
            SUFFIXES.iter().map(|suffix| (format!("{}{suffix}", self.name), ListKind::Own)).collect();
        if let Some((stem, _)) = self.name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) {
            wanted.extend(STEM_SUFFIXES.iter().map(|suffix| (format!("{stem}{suffix}"), ListKind::Stem)));
        }
        for algorithm in ["SHA256", "SHA512"] {
            wanted.push((format!("CHECKSUM.{algorithm}-{}", self.name), ListKind::Own));
        }
        let mut there = Vec::new();
        for (want, kind) in wanted {
            // Only what was added may differ in case: `x.iso.SHA256` is about `x.iso`, and `X.ISO.sha256`
            // is not.
            let stem = if kind == ListKind::Stem { stem_of(self.name) } else { self.name };
            let other_case =
                |name: &&String| name.eq_ignore_ascii_case(&want) && **name != want && name.contains(stem);
            let others = self.listing.names.iter().filter(other_case).map(|name| (name.clone(), kind));
            let others: Vec<(String, ListKind)> = others.collect();
            let signed = format!("{want}.asc");
            if self.listing.may_have(&want) {
                there.push((want, kind));
            }
            there.extend(others);
            if self.listing.may_have(&signed) {
                there.push((signed, kind));
            }
        }
        there
    }

    /// What the list says about the file.
    fn open(&mut self, list: &str, kind: ListKind) -> Option<Found> {
        let path = self.dir.join(list);
        let is_list = list != self.name && fs::metadata(&path).is_ok_and(|meta| meta.is_file());
        let is_list = is_list && !is_replaced(&path);
        if !is_list || self.opened.len() >= MOST_LISTS || !self.opened.insert(list.to_owned()) {
            return None;
        }
        let unusable = |error| Found {
            path: path.clone(),
            lines: Vec::new(),
            remarks: Vec::new(),
            unusable: Some(error),
            text: None,
        };
        let plain = without_ending(list);
        let text = read(&path).and_then(Text::of);
        // A signature alone is no list.
        if plain.is_some() && !text.as_ref().is_ok_and(Text::is_signed) {
            return None;
        }
        let parsed = text.and_then(|text| Ok((Sums::parse(&text.body, plain.unwrap_or(list))?, text)));
        let (sums, text) = match parsed {
            Ok(parsed) => parsed,
            Err(_) if kind == ListKind::Other => return None,
            Err(error) => return Some(unusable(error)),
        };
        let lines = self.lines(&sums, kind);
        if !lines.is_empty() {
            return Some(Found { path, lines, remarks: sums.remarks(), unusable: None, text: Some(text) });
        }
        let mut troubled =
            sums.bad.iter().map(|bad| &bad.name).chain(sums.unsupported.iter().map(|other| &other.name));
        let any_named = troubled.any(Option::is_some);
        let trouble = sums.trouble_for(self.file, self.dir);
        let trouble = trouble.filter(|_| any_named || self.may_be_nameless(kind));
        trouble.map(|error| unusable(error.of(list)))
    }

    fn lines(&self, sums: &Sums, kind: ListKind) -> Vec<Line> {
        let mut lines: Vec<Line> = sums.for_file(self.file, self.dir).into_iter().cloned().collect();
        if !self.may_be_nameless(kind) {
            lines.retain(|line| line.name.is_some());
        }
        if lines.is_empty()
            && kind == ListKind::Own
            && let [only] = sums.lines.as_slice()
            && only.name.as_deref().and_then(|name| name.rsplit(['/', '\\']).next()) == Some(self.name)
        {
            // `sha256sum dist/x.iso >x.iso.sha256`: the path is the publisher's.
            lines.push(only.clone());
        }
        lines
    }

    /// True where digits alone are about the file: in its own list, and in its stem's list if no other
    /// file has that stem.
    fn may_be_nameless(&self, kind: ListKind) -> bool {
        let stem = stem_of(self.name);
        match kind {
            ListKind::Own => true,
            ListKind::Stem => !self.listing.names.iter().any(|other| {
                other != self.name
                    && stem_of(other) == stem
                    && !STEM_SUFFIXES.iter().any(|suffix| other.to_ascii_lowercase().ends_with(suffix))
            }),
            ListKind::Directory | ListKind::Other => false,
        }
    }
}

fn stem_of(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// The rank of a name that lists of a directory have, strongest digest first.
fn shared(name: &str) -> Option<(u8, ListKind)> {
    let lower = without_ending(name).unwrap_or(name).to_ascii_lowercase();
    let plain = lower.strip_suffix(".txt").unwrap_or(&lower);
    let joined: String = plain.chars().filter(|c| !matches!(c, '-' | '_')).collect();
    let digests = ["sha512", "sha256", "sha384", "b2", "b3", "sha1", "md5"];
    let named = |ends: &[&str]| {
        (0u8..).zip(digests).find_map(|(rank, digest)| {
            let rest = joined.strip_prefix(digest)?;
            ends.contains(&rest).then_some((rank, ListKind::Directory))
        })
    };
    if let Some(found) = named(&["sums", "sum", ""]) {
        return Some(found);
    }
    // As OpenBSD has it: `signify -e` puts the signature above the list.
    if matches!(name, "SHA256" | "SHA256.sig" | "SHA512" | "SHA512.sig") {
        return Some((7, ListKind::Directory));
    }
    if joined.starts_with("checksum")
        && (lower.ends_with(".txt") || matches!(plain, "checksum" | "checksums"))
    {
        return Some((8, ListKind::Directory));
    }
    let ends = |ends: &[&str]| ends.iter().any(|end| lower.ends_with(end));
    let sums = ["sha256sums", "sha512sums", "sha1sums", "md5sums", ".sha256sum", ".sha512sum"];
    if ends(&["-checksum"]) || lower.starts_with("checksum.") || sums.iter().any(|sums| plain.ends_with(sums))
    {
        return Some((9, ListKind::Other));
    }
    let others = lower == "products.xml" || ends(&[".digests"]);
    (others || ends(&STEM_SUFFIXES)).then_some((10, ListKind::Other))
}

/// The whole list, if it is not too long.
fn read(path: &Path) -> Result<Vec<u8>> {
    let of = |error: std::io::Error| Error::from(error).of(&path.to_string_lossy());
    let mut bytes = Vec::new();
    // One byte more than may be, so that a list that is too long shows.
    File::open(path).map_err(of)?.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(of)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    const B: &str = "b1946ac92492d2347c6235b4d2611184";

    /// The lists found beside `x.iso`, with how many lines each, in a directory of `files`.
    fn found(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x.iso"), "medium").unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let found = beside(&dir.path().join("x.iso")).unwrap();
        found
            .iter()
            .map(|f| (f.path.file_name().unwrap().to_string_lossy().into_owned(), f.lines.len()))
            .collect()
    }

    fn hit(name: &str, lines: usize) -> (String, usize) {
        (name.to_owned(), lines)
    }

    #[test]
    fn lists_named_for_the_file_come_before_lists_of_the_directory() {
        let shared = format!("{A}  x.iso\n");
        let list = found(&[("SHA256SUMS", &shared), ("x.iso.sha256", A), ("x.md5", &format!("{B} *x.iso"))]);
        assert_eq!(list, [hit("x.iso.sha256", 1), hit("x.md5", 1)]);
    }

    #[test]
    fn every_list_of_the_directory_that_names_the_file_counts() {
        let line = format!("{A}  ./x.iso\n");
        let tag = format!("SHA256 (x.iso) = {A}\nMD5 (x.iso) = {B}\n");
        let list = found(&[
            ("sha256sums.txt", &line),
            ("Media-44-CHECKSUM", &tag),
            ("all.sha256", &line),
            ("CHECKSUM", &format!("{A}  y.iso")),
            ("rel_SHA256SUMS", &line),
        ]);
        let want = [
            hit("sha256sums.txt", 1),
            hit("Media-44-CHECKSUM", 2),
            hit("rel_SHA256SUMS", 1),
            hit("all.sha256", 1),
        ];
        assert_eq!(list, want);
    }

    #[test]
    fn a_list_that_names_only_other_files_is_passed_over() {
        let other = format!("{A}  y.iso\n");
        assert_eq!(found(&[("x.iso.sha256", &other), ("SHA256SUMS", &other), ("y.iso.sha256", A)]), []);
        assert_eq!(found(&[("SHA256SUMS", A)]), []);
    }

    #[test]
    fn what_is_added_to_the_files_name_may_be_in_capitals() {
        let list = found(&[
            ("x.iso.SHA256", A),
            ("X.ISO.md5", B),
            ("x.iso-CHECKSUM", &format!("MD5 (x.iso) = {B}")),
        ]);
        assert_eq!(list, [hit("x.iso.SHA256", 1), hit("x.iso-CHECKSUM", 1)]);
    }

    #[test]
    fn digits_alone_in_a_stems_list_are_about_the_only_file_of_that_stem() {
        assert_eq!(found(&[("x.md5", B)]), [hit("x.md5", 1)]);
        assert_eq!(found(&[("x.md5", B), ("x.zip", "")]), []);
    }

    #[test]
    fn the_publishers_path_in_the_files_own_list_is_no_hindrance() {
        assert_eq!(found(&[("x.iso.sha256", &format!("{A}  dist/x.iso\n"))]), [hit("x.iso.sha256", 1)]);
        assert_eq!(found(&[("all.sha256", &format!("{A}  dist/x.iso\n"))]), []);
    }

    #[test]
    fn a_web_page_under_a_lists_name_is_told_and_does_not_end_the_search() {
        let list =
            found(&[("x.iso.sha256", "<!DOCTYPE html><html>404"), ("SHA256SUMS", &format!("{A} *x.iso"))]);
        assert_eq!(list, [hit("x.iso.sha256", 0), hit("SHA256SUMS", 1)]);
        assert_eq!(found(&[("y.iso.sha256", "<html>404")]), []);
    }

    #[test]
    fn a_line_about_the_file_that_is_cut_off_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.iso");
        fs::write(dir.path().join("CHECKSUM"), format!("SHA256 (x.iso) = {}\n", &A[..63])).unwrap();
        let found = beside(&file).unwrap();
        assert_eq!(found.len(), 1);
        let words = found[0].unusable.as_ref().unwrap().to_string();
        assert_eq!(words, "CHECKSUM: line 1: a sha256 value has 64 digits, not 63");
    }

    #[test]
    fn no_more_lists_are_opened_than_the_limit() {
        let line = format!("{A}  x.iso\n");
        let names: Vec<String> = (0..MOST_LISTS + 10).map(|n| format!("{n:03}.sha256")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), line.as_str())).collect();
        assert_eq!(found(&files).len(), MOST_LISTS);
    }

    #[test]
    fn a_directory_that_cannot_be_listed_has_no_lists() {
        assert!(beside(Path::new("/nonexistent/x.iso")).unwrap().is_empty());
        assert!(beside(Path::new("/")).is_err());
    }
}
