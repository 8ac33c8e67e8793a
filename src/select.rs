//! Which members are meant: globs as `.gitignore` has them.
//!
//! A pattern without `/` matches a name at any depth, one with `/` matches from the top; a directory
//! that matches brings everything beneath it; `!pattern` takes out again what an earlier one brought.
//! A pattern in small letters matches capitals, too. A pattern that is a member's exact path means it.

use crate::container::{Entry, EntryId, EntryKind, Role};
use crate::error::{Error, Result};
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::Path;

struct Pattern {
    text: String,
    glob: Gitignore,
    excludes: bool,
    used: bool,
}

impl Pattern {
    fn new(pattern: &str) -> Result<Self> {
        let (excludes, text) = match pattern.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        let wrong = |error: ignore::Error| Error::usage(format!("{pattern} is no pattern: {error}"));
        let mut builder = GitignoreBuilder::new("");
        let ignore_case = !text.chars().any(char::is_uppercase);
        builder.case_insensitive(ignore_case).map_err(wrong)?;
        // A comment sign is nothing special on a command line.
        let line = if text.starts_with('#') { format!("\\{text}") } else { text.to_owned() };
        builder.add_line(None, &line).map_err(wrong)?;
        let glob = builder.build().map_err(wrong)?;
        let text = text.trim_matches('/').to_owned();
        Ok(Self { text, glob, excludes, used: false })
    }

    fn matches(&self, entry: &Entry) -> bool {
        let path = entry.path.text();
        let exact =
            path.strip_prefix(&*self.text).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if exact && !self.text.is_empty() {
            return true;
        }
        // Media may have `//` and `/./` in what they store, which the matcher takes for paths from elsewhere.
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        let path = parts.join("/");
        // On Windows a backslash at the beginning does the same.
        !path.is_empty()
            && !Path::new(&path).has_root()
            && self.glob.matched_path_or_any_parents(path, entry.kind == EntryKind::Dir).is_ignore()
    }
}

/// The entries that `globs` mean; all of them where there is no glob.
///
/// # Errors
/// `Usage` for a pattern that is none, `NotFound` for one that matches nothing.
pub fn select(entries: &[Entry], globs: &[String]) -> Result<Vec<EntryId>> {
    let mut patterns = globs.iter().map(|glob| Pattern::new(glob)).collect::<Result<Vec<_>>>()?;
    let all_first = patterns.iter().all(|pattern| pattern.excludes);
    let mut wanted = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let mut chosen = all_first;
        for pattern in &mut patterns {
            if pattern.matches(entry) {
                pattern.used = true;
                chosen = !pattern.excludes;
            }
        }
        if chosen {
            wanted.push(EntryId(i));
        }
    }
    match patterns.iter().find(|pattern| !pattern.used) {
        Some(unused) => Err(Error::not_found(&*unused.text, similar(entries, &unused.text))),
        None => Ok(wanted),
    }
}

/// The entry at exactly that path, or the only one that differs in capitals alone.
///
/// # Errors
/// `NotFound`, with the nearest name there is.
pub fn find(entries: &[Entry], path: &str) -> Result<EntryId> {
    let path = path.trim_matches('/');
    // The newest of those that have the name.
    let mut exact = entries.iter().enumerate().filter(|(_, entry)| entry.path.text() == path).peekable();
    let first = exact.peek().map(|(i, _)| *i);
    if let Some(i) = exact.find(|(_, entry)| entry.role != Role::OldVersion).map(|(i, _)| i).or(first) {
        return Ok(EntryId(i));
    }
    let folded = path.to_lowercase();
    let mut same = entries.iter().enumerate().filter(|(_, entry)| entry.path.text().to_lowercase() == folded);
    match (same.next(), same.next()) {
        (Some((i, _)), None) => Ok(EntryId(i)),
        _ => Err(Error::not_found(path, similar(entries, path))),
    }
}

/// The path nearest to `wanted`, if any is near.
fn similar(entries: &[Entry], wanted: &str) -> Option<String> {
    let last = |path: &str| path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let name = last(wanted);
    // Names decide; a hundred thousand of them are enough to look at.
    let scored = entries.iter().take(100_000).map(|entry| {
        let path = entry.path.text();
        (strsim::jaro_winkler(&last(path), &name), path)
    });
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(score, _)| *score > 0.8).map(|(_, path)| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::EntryPath;
    use crate::error::Kind;

    fn entries(paths: &[&str]) -> Vec<Entry> {
        let kind = |path: &str| if path.ends_with('/') { EntryKind::Dir } else { EntryKind::File };
        paths.iter().map(|path| Entry::new(EntryPath::new(path.trim_end_matches('/')), kind(path))).collect()
    }

    fn chosen(paths: &[&str], globs: &[&str]) -> Vec<String> {
        let entries = entries(paths);
        let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
        let wanted = select(&entries, &globs).unwrap();
        wanted.iter().map(|id| entries[id.0].path.text().to_owned()).collect()
    }

    const TREE: &[&str] = &[
        "SETUP.EXE",
        "sources/",
        "sources/install.wim",
        "sources/sub/",
        "sources/sub/x.dll",
        "[boot]/1.img",
    ];

    #[test]
    fn a_path_that_seems_to_lead_elsewhere_is_matched_by_its_parts() {
        let paths = [".///b.txt", "./a//c.txt", "//d.txt", ".", "./"];
        assert_eq!(chosen(&paths, &["*.txt"]), [".///b.txt", "./a//c.txt", "//d.txt"]);
        assert_eq!(chosen(&paths, &["/a/*"]), ["./a//c.txt"]);
    }

    #[test]
    fn a_name_matches_at_any_depth_and_small_letters_match_capitals() {
        assert_eq!(chosen(TREE, &["*.dll"]), ["sources/sub/x.dll"]);
        assert_eq!(chosen(TREE, &["setup.exe"]), ["SETUP.EXE"]);
        assert_eq!(chosen(TREE, &["*.wim", "SETUP.EXE", "!*"]), Vec::<String>::new());
    }

    #[test]
    fn a_directory_brings_what_is_beneath_it() {
        assert_eq!(chosen(TREE, &["sources/sub"]), ["sources/sub", "sources/sub/x.dll"]);
        assert_eq!(chosen(TREE, &["sub/"]), ["sources/sub", "sources/sub/x.dll"]);
    }

    #[test]
    fn what_an_exclusion_leaves_is_all_the_rest() {
        assert_eq!(chosen(TREE, &["!sources"]), ["SETUP.EXE", "[boot]/1.img"]);
        assert_eq!(chosen(TREE, &["sources", "!*.wim"]), ["sources", "sources/sub", "sources/sub/x.dll"]);
    }

    #[test]
    fn an_exact_path_means_itself_whatever_its_letters() {
        assert_eq!(chosen(TREE, &["[boot]/1.img"]), ["[boot]/1.img"]);
        assert_eq!(chosen(TREE, &["[boot]"]), ["[boot]/1.img"]);
    }

    #[test]
    fn a_pattern_that_matches_nothing_names_the_nearest() {
        let error = select(&entries(TREE), &["instal.wim".to_owned()]).unwrap_err();
        let Kind::NotFound { similar, .. } = error.kind() else { panic!("{error}") };
        assert_eq!(similar.as_deref(), Some("sources/install.wim"));
        assert!(find(&entries(TREE), "Setup.exe").is_ok());
        assert!(find(&entries(TREE), "nosuch").is_err());
    }
}
