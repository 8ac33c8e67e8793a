//! Names: of members as paths on this machine, and what people write to mean members.

use super::pattern::Pattern;
use discless::container::{Entry, EntryKind, EntryPath, Name};
use discless::nest;
use discless::path::{LocalPaths, Names, link_stays_inside};
use discless::select;
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

/// Takes the input's lines as paths of one medium: no local path leaves the destination, no two entries get the
/// same one, and a link that is said to stay inside does. A line that ends with `/` is a directory; the part
/// behind a tab is the target of a link.
pub(super) fn path(data: &[u8]) {
    for names in [Names::Portable, Names::Native] {
        let mut paths = LocalPaths::new(names);
        let mut files = HashSet::new();
        let mut directories: HashMap<Vec<u8>, PathBuf> = HashMap::new();
        for line in data.split(|&byte| byte == b'\n') {
            let (line, target) = match line.iter().position(|&byte| byte == b'\t') {
                Some(at) => (&line[..at], Some(&line[at + 1..])),
                None => (line, None),
            };
            let (plain, is_dir) = line.strip_suffix(b"/").map_or((line, false), |rest| (rest, true));
            // As a reader may: by parts, or the whole path as it is stored.
            let path = if line.first() == Some(&b'=') {
                EntryPath::default().join(&Name::from_utf8(plain))
            } else {
                plain
                    .split(|&byte| byte == b'/')
                    .fold(EntryPath::default(), |path, part| path.join(&Name::from_utf8(part)))
            };
            let found = if is_dir { paths.directory(&path) } else { paths.file(&path) };
            inside(&found.path);
            if is_dir {
                let known = directories.entry(path.bytes().to_vec()).or_insert_with(|| found.path.clone());
                assert_eq!(*known, found.path, "a directory is where it was");
                assert!(!files.contains(&fold(names, &found.path)), "{path:?} is where a file is");
            } else {
                assert!(found.path.components().next().is_some(), "{path:?} has no name");
                assert!(files.insert(fold(names, &found.path)), "{path:?} is where another file is");
                assert!(!directories.values().any(|directory| *directory == found.path));
            }
            if let Some(target) = target.and_then(|target| std::str::from_utf8(target).ok()) {
                let link = path.text();
                if link_stays_inside(link, target) {
                    let depth = i64::try_from(link.matches('/').count()).expect("a short path");
                    let parts = Path::new(target).components();
                    let mut depths = parts.scan(depth, |depth, part| {
                        *depth += match part {
                            Component::ParentDir => -1,
                            Component::Normal(_) => 1,
                            Component::CurDir => 0,
                            Component::RootDir | Component::Prefix(_) => i64::MIN / 2,
                        };
                        Some(*depth)
                    });
                    assert!(depths.all(|depth| depth >= 0), "{link:?} -> {target:?} leaves");
                }
            }
        }
    }
}

fn inside(path: &Path) {
    for part in path.components() {
        match part {
            Component::Normal(name) => assert!(name.len() <= 255, "a part of {} bytes", name.len()),
            other => panic!("{other:?} in {path:?}"),
        }
    }
}

fn fold(names: Names, path: &Path) -> String {
    let text = path.to_string_lossy();
    if names == Names::Native { text.into_owned() } else { text.to_lowercase() }
}

/// The input's first line, and the rest.
fn first_line(data: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(data).ok()?;
    Some(text.split_once('\n').unwrap_or((text, "")))
}

/// A pattern of SMB clients, and names that it may match. Case does not matter, so it must not matter on either side.
pub(super) fn pattern(data: &[u8]) {
    let Some((wanted, names)) = first_line(data) else { return };
    // No name of a protocol is longer.
    let wanted: String = wanted.chars().take(255).collect();
    let pattern = Pattern::new(&wanted);
    let everything = Pattern::new("*");
    for name in names.lines().take(16) {
        let name: String = name.chars().take(255).collect();
        let matches = pattern.matches(&name);
        assert!(everything.matches(&name));
        if !wanted.contains(['*', '?', '<', '>', '"']) {
            assert_eq!(matches, wanted.to_lowercase() == name.to_lowercase(), "{wanted:?} {name:?}");
        }
    }
}

/// The first line as globs, divided by tabs; the others as paths of members.
pub(super) fn select(data: &[u8]) {
    let Some((globs, paths)) = first_line(data) else { return };
    let globs: Vec<String> = globs.split('\t').take(8).map(str::to_owned).collect();
    let entry = |path: &str| {
        let (path, kind) =
            path.strip_suffix('/').map_or((path, EntryKind::File), |path| (path, EntryKind::Dir));
        Entry::new(EntryPath::new(path), kind)
    };
    let entries: Vec<Entry> = paths.lines().take(64).map(entry).collect();
    match select::select(&entries, &globs) {
        Ok(wanted) => assert!(wanted.iter().all(|id| id.0 < entries.len())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    assert!(select::select(&entries, &[]).is_ok_and(|all| all.len() == entries.len()));
    for glob in &globs {
        if let Ok(id) = select::find(&entries, glob) {
            assert!(id.0 < entries.len());
        }
    }
    // What is there is found by its own path.
    for entry in entries.iter().filter(|entry| entry.path.text() == entry.path.text().trim_matches('/')) {
        let found = select::find(&entries, entry.path.text()).expect("it is there");
        assert_eq!(entries[found.0].path.text(), entry.path.text());
    }
}

/// A package within a package, on standard input.
const ONION: &[u8] = include_bytes!("../../../../testdata/sfx/two-payloads/input.exe");

/// The input as what follows `-!/`.
pub(super) fn nest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for separator in ["!/", "::"] {
        let spec = format!("-{separator}{text}");
        let (outer, members) = nest::split(&spec);
        assert_eq!(outer, "-");
        let whole: usize = members.iter().map(|member| member.len() + 2).sum();
        assert_eq!(whole + 1, spec.len());
        match nest::open(&spec, &mut &*ONION, &super::options()) {
            Ok(named) => assert!(!named.name.is_empty()),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}
