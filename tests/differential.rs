//! Other readers over the good fixtures: `iso9660`, `hadris-iso` and `hadris-udf`, written by others from
//! the same documents. What they list, and every byte they give, must be what we give of the same tree;
//! where it is not, [`DIFFERENCES`] says who is right by the specification.
//!
//! `iso9660` reads the primary tree alone and no file of more than one extent. `hadris-udf` reads physical
//! partitions only. A fixture that one of them refuses counts for nothing; enough of them must be left.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::Role;
use discless::formats::{Options, Tree};
use discless::medium;
use discless::source::SharedSource;
use hadris_fs::sync::{FileSystem, Volume};
use hadris_fs::{FileType, MountOptions};
use hadris_iso::Namespace;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::{Content, escaped, fixtures, ids, read_in_order, sha256};

/// Reader, fixture and path (`*` for many), and the specification's word.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    ("hadris-iso", "iso9660/associated-file", "*", "leaves the associated file out (ECMA-119 9.1.6, bit 2)"),
    ("hadris-iso", "iso9660/joliet-surrogates", "*", "cuts a dot at the end, which belongs to a Joliet name"),
    (
        "hadris-iso",
        "iso9660/multisession-write-once",
        "*",
        "reads the first session; the last is what the disc holds",
    ),
    ("hadris-iso", "iso9660/versions", "*", "leaves older versions out (ECMA-119 7.5.1)"),
    ("hadris-iso", "iso9660/zisofs-v1", "*", "gives the packed bytes (zisofs, ZF)"),
    ("hadris-iso", "iso9660/zisofs-v2", "*", "gives the packed bytes (zisofs2, ZF with PZ)"),
    (
        "iso9660",
        "iso9660/associated-file",
        "*",
        "shows one of the two under the name of both (ECMA-119 6.5.4)",
    ),
    (
        "iso9660",
        "iso9660/extended-attributes",
        "*",
        "takes the attribute record for data (ECMA-119 6.5.1, 9.1.3)",
    ),
    ("iso9660", "iso9660/interleaved", "*", "takes the gaps for data (ECMA-119 6.4.3)"),
    ("iso9660", "iso9660/multi-extent", "*", "shows each extent as a file (ECMA-119 9.1.6, bit 7)"),
    (
        "iso9660",
        "iso9660/multisession-write-once",
        "*",
        "reads the first session; the last is what the disc holds",
    ),
    ("iso9660", "iso9660/versions", "*", "shows all versions under one name (ECMA-119 7.5.1)"),
    (
        "iso9660",
        "iso9660/zero-block-in-directory",
        "*",
        "reads a block of zeros as a record (ECMA-119 9.1.1)",
    ),
];

/// By path: kind, size and SHA-256, or the target.
type Tree_ = BTreeMap<String, (char, u64, String)>;

fn ours(source: &SharedSource, name: &str, tree: Tree) -> Result<Tree_, String> {
    let options = Options { tree: Some(tree), ..Options::default() };
    let container = medium::open(source, name, &options).map_err(|error| error.to_string())?;
    let contents = read_in_order(&*container, &ids(&*container));
    let pairs = container.entries().iter().zip(contents);
    let pairs = pairs.filter(|(entry, _)| !matches!(entry.role, Role::Boot | Role::Stream));
    let mut out = Tree_::new();
    for (entry, (_, content)) in pairs {
        let what = support::member(entry, &content);
        let more = match (&what.target, &content) {
            (Some(target), _) => target.clone(),
            (None, Content::Whole(..)) => what.sha256.clone(),
            (None, Content::None) => String::new(),
            (None, other) => format!("{other:?}"),
        };
        out.insert(what.path.clone(), (what.kind, what.bytes, more));
    }
    Ok(out)
}

/// Everything that a `hadris` reader lists.
fn hadris<F: FileSystem + Send + 'static>(fs: F) -> Result<Tree_, String> {
    let volume = Volume::new(fs);
    let mut walk = volume.walk("/").map_err(|error| format!("{error:?}"))?;
    let mut out = Tree_::new();
    while let Some(found) = walk.next_entry() {
        let found = found.map_err(|error| format!("{error:?}"))?;
        let full = found.path().to_vec();
        let path = escaped(full.strip_prefix(b"/").unwrap_or(&full));
        let what = match found.entry().file_type() {
            FileType::Dir => ('d', 0, String::new()),
            FileType::File => {
                let bytes = volume.read(&full).map_err(|error| format!("{path}: {error:?}"))?;
                ('f', bytes.len() as u64, sha256(&bytes))
            }
            FileType::Symlink => {
                let target = volume.read_link(&full).map_err(|error| format!("{path}: {error:?}"))?;
                ('l', 0, escaped(&target))
            }
            _ => ('o', 0, String::new()),
        };
        out.insert(path, what);
    }
    Ok(out)
}

fn hadris_iso(bytes: &[u8], tree: Namespace) -> Result<(Tree, Tree_), String> {
    let fs = hadris_iso::sync::IsoFs::mount_namespace(bytes.to_vec(), MountOptions::new(), tree);
    let fs = fs.map_err(|error| format!("{error:?}"))?;
    let tree = match fs.namespace() {
        Namespace::RockRidge => Tree::RockRidge,
        Namespace::Joliet => Tree::Joliet,
        Namespace::Enhanced => Tree::Enhanced,
        _ => Tree::Iso9660,
    };
    Ok((tree, hadris(fs)?))
}

fn hadris_udf(bytes: &[u8]) -> Result<(Tree, Tree_), String> {
    let fs = hadris_udf::sync::UdfFs::mount(bytes.to_vec(), MountOptions::new());
    Ok((Tree::Udf, hadris(fs.map_err(|error| format!("{error:?}"))?)?))
}

type Directory = iso9660::ISODirectory<Cursor<Vec<u8>>>;

fn iso9660_below(directory: &Directory, path: &str, depth: u32, out: &mut Tree_) -> Result<(), String> {
    for entry in directory.contents() {
        let entry = entry.map_err(|error| error.to_string())?;
        let name = entry.identifier();
        if matches!(name, "." | ".." | "\0" | "\u{1}") || depth > 40 {
            continue;
        }
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        match &entry {
            iso9660::DirectoryEntry::Directory(below) => {
                out.insert(escaped(path.as_bytes()), ('d', 0, String::new()));
                iso9660_below(below, &path, depth + 1, out)?;
            }
            iso9660::DirectoryEntry::File(file) => {
                let mut bytes = Vec::new();
                file.read().read_to_end(&mut bytes).map_err(|error| error.to_string())?;
                // It keeps the dot of an empty extension.
                let path = path.strip_suffix('.').unwrap_or(&path);
                out.insert(escaped(path.as_bytes()), ('f', file.size().into(), sha256(&bytes)));
            }
        }
    }
    Ok(())
}

fn iso9660(bytes: &[u8]) -> Result<(Tree, Tree_), String> {
    let image = iso9660::ISO9660::new(Cursor::new(bytes.to_vec())).map_err(|error| error.to_string())?;
    let mut out = Tree_::new();
    iso9660_below(&image.root, "", 0, &mut out)?;
    Ok((Tree::Iso9660, out))
}

/// What differs, a line a path.
fn differences(theirs: &Tree_, ours: &Tree_) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (path, what) in theirs {
        match ours.get(path) {
            Some(same) if same == what => {}
            Some(other) => out.push((path.clone(), format!("is {what:?} there, {other:?} here"))),
            None => out.push((path.clone(), format!("is there alone: {what:?}"))),
        }
    }
    for (path, what) in ours.iter().filter(|(path, _)| !theirs.contains_key(*path)) {
        out.push((path.clone(), format!("is here alone: {what:?}")));
    }
    out
}

/// Compares one reader with ours over all good fixtures; at least `least` must be comparable.
fn compare(reader: &str, least: usize, read: impl Fn(&[u8]) -> Result<(Tree, Tree_), String>) -> Vec<usize> {
    let (mut alike, mut refused, mut wrong, mut used) = (0, Vec::new(), Vec::new(), Vec::new());
    for fixture in fixtures().iter().filter(|fixture| fixture.is_good() && fixture.is_medium()) {
        let bytes = fixture.bytes();
        let theirs = catch_unwind(AssertUnwindSafe(|| read(&bytes)));
        let (tree, theirs) = match theirs {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                // What is no image of that reader's kind is no news.
                if !["NotRecognized", "Parse error", "NotFound"].iter().any(|word| error.contains(word)) {
                    refused.push(format!("{}: {error}", fixture.name));
                }
                continue;
            }
            Err(_) => {
                refused.push(format!("{}: panics", fixture.name));
                continue;
            }
        };
        let source: SharedSource = bytes;
        let ours = ours(&source, &fixture.name, tree);
        let ours =
            ours.unwrap_or_else(|error| panic!("{reader} reads {} and we do not: {error}", fixture.name));
        let found = differences(&theirs, &ours);
        alike += usize::from(found.is_empty());
        for (path, what) in found {
            let known = DIFFERENCES.iter().position(|(by, name, at, _)| {
                *by == reader && *name == fixture.name && (*at == "*" || *at == path)
            });
            match known {
                Some(known) => used.push(known),
                None => wrong.push(format!("{}: {path:?} {what}", fixture.name)),
            }
        }
    }
    eprintln!("{reader}: {alike} alike; it cannot read {}:\n  {}", refused.len(), refused.join("\n  "));
    assert!(wrong.is_empty(), "{reader} differs:\n{}", wrong.join("\n"));
    let all = std::env::var_os("DISCLESS_FIXTURE").is_none();
    assert!(!all || alike >= least, "only {alike} fixtures were alike");
    used
}

/// Fails where a line of [`DIFFERENCES`] says nothing any more.
fn all_used(reader: &str, used: &[usize]) {
    let idle = DIFFERENCES.iter().enumerate().filter(|(i, of)| of.0 == reader && !used.contains(i));
    let idle: Vec<_> = idle.map(|(_, of)| of).collect();
    let all = std::env::var_os("DISCLESS_FIXTURE").is_none();
    assert!(!all || idle.is_empty(), "no longer a difference: {idle:?}");
}

#[test]
fn iso9660_gives_what_we_give() {
    all_used("iso9660", &compare("iso9660", 40, iso9660));
}

#[test]
fn hadris_iso_gives_what_we_give_of_every_tree() {
    let trees = [
        (Namespace::Preferred, 40),
        (Namespace::Primary, 40),
        (Namespace::RockRidge, 15),
        (Namespace::Joliet, 6),
        (Namespace::Enhanced, 1),
    ];
    let used = trees.map(|(tree, least)| compare("hadris-iso", least, |bytes| hadris_iso(bytes, tree)));
    all_used("hadris-iso", &used.concat());
}

#[test]
fn hadris_udf_gives_what_we_give() {
    all_used("hadris-udf", &compare("hadris-udf", 24, hadris_udf));
}
