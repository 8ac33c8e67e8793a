//! Takes the input's lines as paths of one medium: no local path leaves the destination, no two entries get the
//! same one, and a link that is said to stay inside does. A line that ends with `/` is a directory; the part
//! behind a tab is the target of a link.
#![no_main]

use discless::container::{EntryPath, Name};
use discless::path::{LocalPaths, Names, link_stays_inside};
use discless_fuzz as _;
use libfuzzer_sys::fuzz_target;
use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

fuzz_target!(|data: &[u8]| {
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
                    let depth = link.matches('/').count() as i64;
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
});

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
