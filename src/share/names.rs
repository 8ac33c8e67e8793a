//! Names that a Windows machine cannot reach in a share.

use crate::container::EntryPath;
use crate::path::{LocalPaths, Names};

/// Letters (UTF-16 units) of a path that programs without long paths can open: `MAX_PATH` less its NUL.
const MOST_PATH: usize = 259;
/// How a path in a share begins for a client.
const SHARE: &str = r"\\server\share\";

/// A name that makes trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The path below the share.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
}

/// The paths below a share that Windows cannot have, shows under another name, or cannot open.
pub fn troubles<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<Trouble> {
    let mut local = LocalPaths::new(Names::Portable);
    let mut out = Vec::new();
    for path in paths {
        let mut add = |why: String| out.push(Trouble { path: path.to_owned(), why });
        if let Some(why) = local.file(&EntryPath::new(path)).renamed {
            add(why.to_owned());
        }
        if path.split('/').any(|part| part.ends_with(['.', ' '])) {
            add("a dot or blank at its end, which Windows drops".to_owned());
        }
        if path.split('/').any(|part| part.encode_utf16().count() > 255) {
            add("a name longer than Windows has".to_owned());
        }
        let letters = SHARE.len() + path.encode_utf16().count();
        if letters > MOST_PATH {
            add(format!("{letters} letters as {SHARE}…: programs without long paths open {MOST_PATH}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_windows_cannot_reach_is_told() {
        let long = format!("{}/x", "d".repeat(250));
        let bad =
            ["CON.txt", "a:b", "dir./x", "blank ", "q?", "Same", "same", "con/x", "LPT1", "com¹.log", &long];
        let found = troubles(bad);
        for path in bad.iter().filter(|path| **path != "Same") {
            assert!(found.iter().any(|trouble| trouble.path == *path), "{path}");
        }
        assert!(!found.iter().any(|trouble| trouble.path == "Same"));
        assert!(troubles(["a/b.txt", "Ünïcode.txt", "x.tar.gz", "common"]).is_empty());
        // 15 letters of the server and the share, 244 of the path.
        assert!(troubles([format!("{}/{}", "d".repeat(200), "f".repeat(43)).as_str()]).is_empty());
        assert_eq!(troubles([format!("{}/{}", "d".repeat(200), "f".repeat(44)).as_str()]).len(), 1);
    }
}
