//! Names from a medium turned into names on this machine: the one place that decides what is safe.
//!
//! A part of a path that some system would take for something else is written with `%XX` in place of
//! the bytes at fault, so that the name can be read back and never leaves the destination.

use crate::container::EntryPath;
use crate::text::{folded, is_deceptive};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

/// Bytes of one part of a path that every file system of today can hold.
const MOST_PART: usize = 255;

/// Which names are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Names {
    /// Those that Windows, Linux and macOS can all hold or show: what a share needs.
    #[default]
    Portable,
    /// Those that this system can hold: colons and `CON` stay on Linux.
    Native,
}

/// Turns paths of one container into paths below one destination, no two into the same.
///
/// Names are kept by part, with the directory they are in: a path may have thousands of parts, and all its
/// beginnings together would be far longer than itself.
#[derive(Debug)]
pub struct LocalPaths {
    names: Names,
    /// Digests of the folded local names that are taken, and of where: a medium may have millions.
    taken: HashSet<u64>,
    /// The number that the next entry of that name gets: looking for it from 2 each time would not end.
    next: HashMap<u64, u32>,
    /// Where each directory of the container went; the first is the destination.
    directories: Vec<Directory>,
    /// The directory that was asked for last: entries come by directory.
    last: Option<(Box<[u8]>, usize, LocalPath)>,
    hasher: RandomState,
}

/// A directory of the container.
#[derive(Debug, Default)]
struct Directory {
    parent: usize,
    /// Its local name.
    name: PathBuf,
    renamed: Option<&'static str>,
    /// The directories in it, by their names as stored.
    inside: HashMap<Box<[u8]>, usize>,
}

/// Where an entry goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalPath {
    /// Relative, below the destination.
    pub path: PathBuf,
    /// Why it is not the entry's own path, where it is not.
    pub renamed: Option<&'static str>,
}

impl LocalPaths {
    /// Paths by these rules, none taken yet.
    #[must_use]
    pub fn new(names: Names) -> Self {
        Self {
            names,
            taken: HashSet::new(),
            next: HashMap::new(),
            directories: vec![Directory::default()],
            last: None,
            hasher: RandomState::new(),
        }
    }

    /// The local path of a file or link. A second one of the same name, or of one that other systems take for the
    /// same (see [`folded`]), gets `~2`.
    pub fn file(&mut self, path: &EntryPath) -> LocalPath {
        let bytes = path.bytes();
        let cut = bytes.iter().rposition(|&byte| byte == b'/');
        let (parent, name) = match cut {
            Some(at) => (bytes.get(..at).unwrap_or_default(), bytes.get(at + 1..).unwrap_or_default()),
            None => (&[][..], bytes),
        };
        let (at, parent) = match cut {
            Some(_) => self.directory_of(parent),
            None => (0, LocalPath::default()),
        };
        let (name, renamed) = self.place(at, name);
        LocalPath { path: parent.path.join(name), renamed: renamed.or(parent.renamed) }
    }

    /// The local path of a directory: the same each time it is asked for.
    pub fn directory(&mut self, path: &EntryPath) -> LocalPath {
        self.directory_of(path.bytes()).1
    }

    /// Goes down from the root, so that a directory that had to be renamed takes its children along.
    fn directory_of(&mut self, path: &[u8]) -> (usize, LocalPath) {
        if let Some((last, at, local)) = &self.last
            && **last == *path
        {
            return (*at, local.clone());
        }
        let mut at = 0;
        let mut renamed = None;
        for part in path.split(|&byte| byte == b'/') {
            if part.is_empty() {
                renamed = Some("an empty name");
                continue;
            }
            at = self.enter(at, part);
            let why = self.directories.get(at).and_then(|directory| directory.renamed);
            renamed = why.or(renamed);
        }
        let local = LocalPath { path: self.below_destination(at), renamed };
        self.last = Some((path.into(), at, local.clone()));
        (at, local)
    }

    /// The directory `part` in the directory `parent`; it is placed where it is new.
    fn enter(&mut self, parent: usize, part: &[u8]) -> usize {
        if let Some(known) = self.directories.get(parent).and_then(|directory| directory.inside.get(part)) {
            return *known;
        }
        let (name, renamed) = self.place(parent, part);
        let at = self.directories.len();
        self.directories.push(Directory { parent, name, renamed, inside: HashMap::new() });
        if let Some(directory) = self.directories.get_mut(parent) {
            directory.inside.insert(part.into(), at);
        }
        at
    }

    /// The whole local path of a directory.
    fn below_destination(&self, mut at: usize) -> PathBuf {
        let mut parts = Vec::new();
        while let Some(directory) = self.directories.get(at).filter(|_| at > 0) {
            parts.push(directory.name.as_path());
            at = directory.parent;
        }
        parts.iter().rev().collect()
    }

    /// A free name for `name` in `directory`, and why it is another.
    fn place(&mut self, directory: usize, name: &[u8]) -> (PathBuf, Option<&'static str>) {
        let (text, renamed) = self.part(name);
        let free = on_disk(&text, name, renamed.is_some());
        let digest = self.hasher.hash_one((directory, self.fold(&free)));
        if self.taken.insert(digest) {
            return (free, renamed);
        }
        let (head, tail) = around_number(&text);
        let alike = self.hasher.hash_one((directory, self.fold(Path::new(head)), self.fold(Path::new(tail))));
        let mut number = self.next.get(&alike).copied().unwrap_or(2);
        loop {
            let free = PathBuf::from(format!("{head}~{number}{tail}"));
            number = number.saturating_add(1);
            if self.taken.insert(self.hasher.hash_one((directory, self.fold(&free)))) {
                self.next.insert(alike, number);
                return (
                    free,
                    Some("another entry has this name, or one that other systems take for the same"),
                );
            }
        }
    }

    /// What a file system takes for the same that does not tell capitals or compositions apart.
    fn fold(&self, local: &Path) -> String {
        let text = local.to_string_lossy();
        let capitals_count = self.names == Names::Native && cfg!(target_os = "linux");
        if capitals_count { text.into_owned() } else { folded(&text) }
    }

    /// One part of a path, and why it had to change.
    fn part(&self, raw: &[u8]) -> (String, Option<&'static str>) {
        let (text, mut why) = match std::str::from_utf8(raw) {
            Ok("") => return ("%".to_owned(), Some("an empty name")),
            Ok(text) => (text.to_owned(), None),
            Err(_) => (escape(raw, |byte| byte >= 0x80), Some("bytes that are no Unicode")),
        };
        let harmless = raw.iter().all(|byte| !byte.is_ascii_control());
        if why.is_some() && cfg!(unix) && self.names == Names::Native && harmless {
            why = None;
        }
        if matches!(text.as_str(), "." | "..") {
            return (escape(raw, |byte| byte == b'.'), Some("a name that leads elsewhere"));
        }
        let portable = self.names == Names::Portable || cfg!(windows);
        let reason = |c: char| -> Option<&'static str> {
            match c {
                '\0' => Some("a NUL character"),
                _ if is_deceptive(c) => Some("a character that deceives the eye"),
                '\\' | ':' if portable => Some("a character that separates paths on Windows"),
                '<' | '>' | '"' | '|' | '?' | '*' if portable => {
                    Some("a character that Windows does not allow")
                }
                _ => None,
            }
        };
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            if let Some(found) = reason(c) {
                why = why.or(Some(found));
                let mut bytes = [0; 4];
                out.push_str(&escape(c.encode_utf8(&mut bytes).as_bytes(), |_| true));
            } else {
                out.push(c);
            }
        }
        if portable {
            if is_device(&out) {
                let first = out.chars().next().map_or(0, char::len_utf8);
                let (head, tail) = out.split_at(first);
                out = escape(head.as_bytes(), |_| true) + tail;
                why = why.or(Some("the name of a device on Windows"));
            }
            // One is enough: what stands before it is at the end no more.
            let last = out.chars().last().filter(|c| matches!(c, '.' | ' '));
            if let Some(last) = last {
                out.pop();
                out.push_str(if last == '.' { "%2E" } else { "%20" });
                why = why.or(Some("a dot or blank at its end, which Windows drops"));
            }
        }
        if out.len() > MOST_PART {
            let end = (0..=MOST_PART - 12).rev().find(|&at| out.is_char_boundary(at)).unwrap_or(0);
            let sum = crc32fast::hash(out.as_bytes());
            out.truncate(end);
            out.push_str(&format!("~{sum:08x}"));
            why = why.or(Some("a name longer than file systems hold"));
        }
        (out, why)
    }
}

/// A local path with `/` between its parts, as reports and lists have it on every system.
#[must_use]
pub fn slashed(local: &Path) -> String {
    local.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/")
}

/// An absolute path as people write it: Windows gives `\\?\C:\lab` for `C:\lab`, which other programs refuse.
#[must_use]
pub fn as_written(absolute: &Path) -> String {
    let text = absolute.to_string_lossy();
    match text.strip_prefix(r"\\?\UNC\") {
        Some(rest) => format!(r"\\{rest}"),
        None => text.strip_prefix(r"\\?\").unwrap_or(&text).to_owned(),
    }
}

/// On Unix a name that may stay keeps its bytes, Unicode or not.
fn on_disk(local: &str, raw: &[u8], changed: bool) -> PathBuf {
    #[cfg(unix)]
    if !changed {
        use std::os::unix::ffi::OsStrExt;
        return PathBuf::from(std::ffi::OsStr::from_bytes(raw));
    }
    let _ = (raw, changed);
    PathBuf::from(local)
}

/// What stands before and behind the number in `b~2.txt`, for `b.txt`. Together with any number both
/// fit into a name.
fn around_number(name: &str) -> (&str, &str) {
    const NUMBER: usize = "~4294967295".len();
    let dot = name.rfind('.').filter(|&at| at > 0 && name.len() - at <= MOST_PART / 4).unwrap_or(name.len());
    let (head, tail) = name.split_at(dot);
    let most = MOST_PART.saturating_sub(NUMBER + tail.len());
    let end = (0..=head.len().min(most)).rev().find(|&at| head.is_char_boundary(at)).unwrap_or(0);
    (head.get(..end).unwrap_or_default(), tail)
}

fn escape(bytes: &[u8], which: fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(bytes.len() * 3);
    for &byte in bytes {
        if which(byte) { out.push_str(&format!("%{byte:02X}")) } else { out.push(char::from(byte)) }
    }
    out
}

/// Names that Windows takes for devices, with any extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end();
    let is = |word: &str| stem.eq_ignore_ascii_case(word);
    if ["con", "prn", "aux", "nul", "conin$", "conout$"].into_iter().any(is) {
        return true;
    }
    let mut letters = stem.chars();
    let head: String = letters.by_ref().take(3).collect();
    let number = letters.next().is_some_and(|c| matches!(c, '1'..='9' | '¹' | '²' | '³'));
    number
        && letters.next().is_none()
        && ["com", "lpt"].into_iter().any(|word| head.eq_ignore_ascii_case(word))
}

/// True where a link at `link` (relative to the destination) may be made: following `target` from there
/// never leaves the destination.
#[must_use]
pub fn link_stays_inside(link: &str, target: &str) -> bool {
    if target.is_empty() || target.starts_with('/') || target.contains(['\\', '\0', ':']) {
        return false;
    }
    let mut depth = link.matches('/').count();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(up) => depth = up,
                None => return false,
            },
            _ => depth += 1,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    fn local(names: Names, path: &str) -> (String, bool) {
        let found = LocalPaths::new(names).file(&EntryPath::new(path));
        let path = found.path.to_string_lossy().into_owned();
        (if cfg!(windows) { path.replace('\\', "/") } else { path }, found.renamed.is_some())
    }

    #[test]
    fn names_that_lead_elsewhere_stay_inside() {
        for (path, want) in [
            ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
            ("/tmp/x", "tmp/x"),
            ("a/./b", "a/%2E/b"),
            ("C:\\Windows\\x", "C%3A%5CWindows%5Cx"),
            ("file.txt:ads:$DATA", "file.txt%3Aads%3A$DATA"),
            ("nul", "%6Eul"),
            ("CON.txt", "%43ON.txt"),
            ("a\0b", "a%00b"),
            ("\u{1b}[2J", "%1B[2J"),
            ("\u{202e}gnp.exe", "%E2%80%AEgnp.exe"),
            ("", "%"),
            ("///", "%"),
        ] {
            assert_eq!(local(Names::Portable, path), (want.to_owned(), true), "{path:?}");
        }
    }

    // Windows opens `dot` for `dot.`, and `dot.` cannot be opened or removed by most programs there.
    #[test]
    fn a_dot_or_blank_at_the_end_stays_readable_where_windows_would_drop_it() {
        for (path, want) in [
            ("dot.", "dot%2E"),
            ("blank ", "blank%20"),
            ("dots...", "dots..%2E"),
            ("both. ", "both.%20"),
            ("dir./file", "dir%2E/file"),
            ("...", "..%2E"),
            (" ", "%20"),
        ] {
            assert_eq!(local(Names::Portable, path), (want.to_owned(), true), "{path:?}");
        }
    }

    #[test]
    fn a_path_that_windows_made_longer_is_shown_as_it_was() {
        for (given, want) in [
            (r"\\?\C:\lab", r"C:\lab"),
            (r"\\?\UNC\host\lab", r"\\host\lab"),
            (r"\\host\lab", r"\\host\lab"),
            ("/srv/lab", "/srv/lab"),
        ] {
            assert_eq!(as_written(Path::new(given)), want);
        }
    }

    #[test]
    fn a_device_of_windows_is_none_any_more_whatever_its_extension() {
        for name in [
            "nul",
            "NUL.txt",
            "aux .txt",
            "Con. .x",
            "prn",
            "COM1",
            "com9.log",
            "LPT¹",
            "com².a.b",
            "lpt³ .c",
            "CONIN$",
            "conout$.txt",
            "con.",
        ] {
            let (local, renamed) = local(Names::Portable, name);
            assert!(renamed && local.starts_with('%') && !is_device(&local), "{name}: {local}");
        }
        for name in ["com10", "com", "com0", "console", "nul1", "auxiliary.txt", "lpt٣", "xcon", "conin"] {
            assert!(!local(Names::Portable, name).1, "{name}");
        }
    }

    // What NTFS, exFAT, APFS, HFS+ or a folding ext4 take for one name: two of these in one directory would be one file.
    #[test]
    fn names_that_some_file_system_takes_for_one_do_not_meet() {
        for (one, other) in [
            ("straße", "STRASSE"),
            ("ẞ", "ß"),
            ("σας", "ΣΑΣ"),
            ("ς", "σ"),
            ("\u{212a}", "k"),
            ("\u{212b}", "å"),
            ("\u{2126}", "ω"),
            ("\u{17f}", "S"),
            ("µ", "μ"),
            ("\u{130}", "i\u{307}"),
            ("ı", "I"),
            ("ǅ", "ǆ"),
            ("ﬁ", "FI"),
            ("ꭰ", "Ꭰ"),
            ("é", "e\u{301}"),
            ("É", "e\u{301}"),
            ("가", "\u{1100}\u{1161}"),
            ("q\u{307}\u{323}", "q\u{323}\u{307}"),
            ("x\u{fe0f}", "X"),
        ] {
            let mut paths = LocalPaths::new(Names::Portable);
            let first = paths.file(&EntryPath::new(one));
            let second = paths.file(&EntryPath::new(other));
            assert_eq!((first.path, first.renamed), (PathBuf::from(one), None), "{one}");
            assert_eq!(second.path, PathBuf::from(format!("{other}~2")), "{other}");
            assert!(second.renamed.is_some());
        }
        let mut paths = LocalPaths::new(Names::Portable);
        for (name, want) in
            [("e", "e"), ("é", "é"), ("è", "è"), ("ss", "ss"), ("s", "s"), ("日", "日"), ("本", "本")]
        {
            assert_eq!(paths.file(&EntryPath::new(name)).path, PathBuf::from(want));
        }
    }

    #[test]
    fn a_part_has_at_most_255_bytes_and_so_no_more_utf_16_units() {
        for name in ["é".repeat(200), "💿".repeat(100), "日".repeat(86), "a".repeat(256), "a".repeat(4000)]
        {
            let (local, renamed) = local(Names::Portable, &name);
            assert!(
                renamed && local.len() <= MOST_PART && local.encode_utf16().count() <= MOST_PART,
                "{local}"
            );
        }
        for name in ["é".repeat(127), "💿".repeat(63), "a".repeat(255)] {
            assert_eq!(local(Names::Portable, &name), (name, false));
        }
    }

    #[test]
    fn plain_names_stay_as_they_are() {
        for path in
            ["sources/install.wim", "-rf", "~root", " leading", "é.txt", "100%25", "common.com", "com10"]
        {
            assert_eq!(local(Names::Portable, path), (path.to_owned(), false));
        }
    }

    #[cfg(unix)]
    #[test]
    fn native_names_keep_what_this_system_can_hold() {
        for path in ["a:b", "CON", "dot.", "a*b", "back\\slash"] {
            assert_eq!(local(Names::Native, path), (path.to_owned(), false));
        }
        assert!(local(Names::Native, "..").1);
    }

    #[test]
    fn files_that_differ_in_capitals_only_do_not_meet() {
        let mut paths = LocalPaths::new(Names::Portable);
        let mut file = |path: &str| paths.file(&EntryPath::new(path)).path.to_string_lossy().into_owned();
        assert_eq!(file("d/same.txt"), "d/same.txt");
        assert_eq!(file("d/SAME.TXT"), "d/SAME~2.TXT");
        assert_eq!(file("d/same.txt"), "d/same~3.txt");
    }

    #[test]
    fn a_directory_renamed_for_its_capitals_takes_its_files_along() {
        let mut paths = LocalPaths::new(Names::Portable);
        assert_eq!(paths.directory(&EntryPath::new("Dir")).path, PathBuf::from("Dir"));
        assert_eq!(paths.directory(&EntryPath::new("Dir")).renamed, None);
        assert_eq!(paths.file(&EntryPath::new("DIR/a")).path, PathBuf::from("DIR~2/a"));
        assert_eq!(paths.file(&EntryPath::new("Dir/a")).path, PathBuf::from("Dir/a"));
    }

    #[test]
    fn a_number_does_not_make_a_name_too_long() {
        let mut paths = LocalPaths::new(Names::Portable);
        let mut file = |path: &str| paths.file(&EntryPath::new(path)).path.to_string_lossy().into_owned();
        let long = "a".repeat(251) + ".txt";
        assert_eq!(file(&long), long);
        assert_eq!(file(&long), "a".repeat(240) + "~2.txt");
        assert_eq!(file(&("a".repeat(250) + "b.txt")).len(), 255);
        assert_eq!(file(&("a".repeat(250) + "B.txt")), "a".repeat(240) + "~3.txt");
    }

    // Each took a time, or a memory, that grew with the square of what the medium has.
    #[test]
    fn a_name_that_many_entries_have_and_a_path_of_many_parts_cost_no_more_than_others() {
        let mut paths = LocalPaths::new(Names::Portable);
        let path = EntryPath::new("same");
        for _ in 0..50_000 {
            paths.file(&path);
        }
        assert_eq!(paths.file(&path).path, PathBuf::from("same~50001"));
        let deep = EntryPath::new("a/".repeat(30_000) + "b");
        assert_eq!(paths.file(&deep).path.as_os_str().len(), 60_001);
    }

    #[test]
    fn a_directory_does_not_take_the_name_of_a_link() {
        let mut paths = LocalPaths::new(Names::Native);
        assert_eq!(paths.file(&EntryPath::new("x")).path, PathBuf::from("x"));
        assert_eq!(paths.directory(&EntryPath::new("x")).path, PathBuf::from("x~2"));
        assert_eq!(paths.file(&EntryPath::new("x/evil")).path, PathBuf::from("x~2/evil"));
    }

    #[test]
    fn a_link_that_climbs_out_is_seen() {
        assert!(link_stays_inside("a/b/link", "../../c"));
        assert!(!link_stays_inside("a/link", "../../c"));
        assert!(!link_stays_inside("link", "/etc/passwd"));
        assert!(!link_stays_inside("link", "x/../../y"));
        assert!(link_stays_inside("link", "no/such"));
    }

    proptest! {
        #[test]
        fn no_name_at_all_leaves_the_destination(path in "\\PC{0,40}|[./\\\\:a\u{0}]{0,20}") {
            let found = LocalPaths::new(Names::Portable).file(&EntryPath::new(path));
            let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
            prop_assert!(found.path.components().all(plain));
            prop_assert!(found.path.components().next().is_some());
        }

        // What Windows does to a name before it looks it up must find nothing to do.
        #[test]
        fn windows_takes_every_name_as_it_is(path in "\\PC{0,30}|[cC][oO][nN][. \u{0}-\u{20}a-c]{0,6}|[a-c. :<>|?*\\\\]{0,20}") {
            let found = LocalPaths::new(Names::Portable).file(&EntryPath::new(path));
            for part in found.path.components() {
                let part = part.as_os_str().to_str().unwrap();
                prop_assert!(!part.ends_with(['.', ' ']), "{part}");
                prop_assert!(!is_device(part), "{part}");
                prop_assert!(!part.contains(['<', '>', ':', '"', '/', '\\', '|', '?', '*']), "{part}");
                prop_assert!(!part.chars().any(is_deceptive), "{part}");
                prop_assert!(part.len() <= MOST_PART);
            }
        }

        #[test]
        fn a_name_and_its_capitals_and_compositions_are_one_name(name in "\\PC{1,12}") {
            use unicode_normalization::UnicodeNormalization;
            let same = folded(&name);
            prop_assert_eq!(folded(&name.nfc().collect::<String>()), &*same);
            prop_assert_eq!(folded(&name.nfd().collect::<String>()), &*same);
            prop_assert_eq!(folded(&name.to_lowercase()), &*same);
            prop_assert_eq!(folded(&same), &*same);
        }

        #[test]
        fn no_two_files_get_one_name(all in prop::collection::vec("[aA.~2%/:]{1,6}", 1..30)) {
            let mut paths = LocalPaths::new(Names::Portable);
            let mut seen = std::collections::HashSet::new();
            for path in all {
                let found = paths.file(&EntryPath::new(path));
                prop_assert!(seen.insert(folded(&found.path.to_string_lossy())));
            }
        }
    }
}
