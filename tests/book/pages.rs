//! The contents, the links, the schemas, the commands.

use crate::{all_pages, docs};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

const CONTENTS: &str = "SUMMARY.md";

/// The lines of a page that are text: code blocks are left out.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

/// A line without what stands between backquotes.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Text and target of the links in a line.
fn links(line: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("](") {
        let before = &rest[..at];
        let text = before.rfind('[').map_or("", |open| &before[open + 1..]).to_owned();
        let Some(end) = rest[at..].find(')') else { break };
        out.push((text, rest[at + 2..at + end].to_owned()));
        rest = &rest[at + end..];
    }
    out
}

/// The anchor of a heading, as mdBook and GitHub make it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let name = anchor(heading);
            let count = seen.entry(name.clone()).or_default();
            *count += 1;
            if *count == 1 { name } else { format!("{name}-{}", *count - 1) }
        })
        .collect()
}

/// `a/../b` is `b`.
fn joined(base: &Path, target: &str) -> PathBuf {
    let mut out = base.to_path_buf();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

#[test]
fn every_page_is_in_the_contents_and_every_page_there_exists() {
    let pages = all_pages();
    let contents = &pages.iter().find(|(name, _)| name == CONTENTS).unwrap().1;
    let mut named = Vec::new();
    for line in contents.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        // What mdBook understands: `- [Title](page.md)`, indented below another, or without `- ` before and after those.
        let item = line.trim_start();
        let item = item.strip_prefix("- ").unwrap_or(item);
        assert!(item.starts_with('[') && item.ends_with(".md)"), "docs/{CONTENTS}: {line}");
        named.extend(links(item).into_iter().map(|(_, target)| target));
    }
    let distinct: BTreeSet<&String> = named.iter().collect();
    assert_eq!(distinct.len(), named.len(), "docs/{CONTENTS} names a page twice");
    for page in &named {
        assert!(docs().join(page).is_file(), "docs/{CONTENTS} names docs/{page}, and it is not there");
    }
    for (page, _) in pages.iter().filter(|(name, _)| name != CONTENTS) {
        assert!(distinct.contains(page), "docs/{page} is not in docs/{CONTENTS}");
    }
}

/// Pages in small letters, and the first of a folder. Those in capitals, as the README, are read beside the sources and may
/// point there.
fn is_for_readers(page: &str) -> bool {
    let name = page.rsplit('/').next().unwrap();
    !page.starts_with("..") && (name == "README.md" || name.chars().all(|c| !c.is_uppercase()))
}

#[test]
fn every_link_leads_somewhere() {
    let pages = all_pages();
    let anchors: BTreeMap<PathBuf, BTreeSet<String>> =
        pages.iter().map(|(name, text)| (docs().join(name), anchors(text))).collect();
    let readme = docs().join("../README.md");
    let readme = ("../README.md".to_owned(), std::fs::read_to_string(readme).unwrap());
    let mut wrong = Vec::new();
    let mut count = 0;
    for (name, text) in pages.iter().chain([&readme]) {
        let file = joined(&docs(), name);
        for (_, target) in prose(text).flat_map(|line| links(&without_code(line))) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            count += 1;
            let (path, fragment) = target.split_once('#').unwrap_or((&target, ""));
            let to = if path.is_empty() { file.clone() } else { joined(file.parent().unwrap(), path) };
            if !to.exists() {
                wrong.push(format!("docs/{name}: {target} is not there"));
            } else if is_for_readers(name) && !to.starts_with(docs()) {
                wrong.push(format!("docs/{name}: {target} is not in the book"));
            } else if !fragment.is_empty() && !anchors.get(&to).is_some_and(|all| all.contains(fragment)) {
                wrong.push(format!("docs/{name}: {target} has no such heading"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count > 50, "only {count} links were found");
}

#[test]
fn every_schema_is_explained() {
    let page = std::fs::read_to_string(docs().join("json.md")).unwrap();
    for schema in std::fs::read_dir(docs().join("schema")).unwrap() {
        let name = schema.unwrap().file_name().into_string().unwrap();
        assert!(page.contains(&format!("](schema/{name})")), "docs/json.md has no link to schema/{name}");
    }
}

#[test]
fn pages_of_commands_show_what_the_command_prints() {
    for (name, text) in all_pages() {
        // They run until somebody stops them; the man page is full of backslashes, which the runner takes for slashes.
        let runs_on = ["commands/mount.md", "commands/serve.md", "commands/man.md"].contains(&name.as_str());
        if name.starts_with("commands/") && !runs_on {
            assert!(text.contains("```console\n$ discless"), "docs/{name} shows no command");
        }
    }
}

#[test]
fn the_layout_is_that_of_mdbook() {
    let settings = std::fs::read_to_string(docs().join("book.toml")).unwrap();
    // The pages lie beside it, and what is made of them does not.
    for line in ["src = \".\"", "build-dir = \"../target/book-html\""] {
        assert!(settings.lines().any(|found| found == line), "docs/book.toml: {line}");
    }
}

#[test]
fn anchors_are_made_as_mdbook_makes_them() {
    assert_eq!(anchor("## “The disc image file is corrupted”"), "the-disc-image-file-is-corrupted");
    assert_eq!(anchor("### `--sha256`, and 4.7 GB"), "--sha256-and-47-gb");
    assert_eq!(
        links("a [b](c.md#d) and [e](f)"),
        [("b".to_owned(), "c.md#d".to_owned()), ("e".to_owned(), "f".to_owned())]
    );
    assert_eq!(without_code("a `[b](c)` d"), "a ` d");
}
