//! Names in lists, and whether they are those of a file.

use super::encoding::utf8_or_windows;
#[cfg(unix)]
use super::encoding::windows_bytes;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// The rank of an absolute name that only ends as the file does.
pub(super) const ELSEWHERE: usize = 1;

/// A file that lines are looked for.
pub(super) struct Wanted {
    /// The parts of its absolute path, last first.
    parts: Vec<String>,
    /// The parts of the list's directory, last first.
    list_dir: Vec<String>,
}

impl Wanted {
    pub(super) fn new(path: &Path, list_dir: &Path) -> Self {
        Self { parts: parts_of(path), list_dir: parts_of(list_dir) }
    }

    /// How well `name` fits: 0 not at all, else the more the better.
    pub(super) fn rank(&self, name: &str) -> usize {
        let plain = plain_name(name);
        let parts: Vec<&str> = plain.split('/').filter(|part| !part.is_empty()).rev().collect();
        let fits = |other: &[String]| {
            parts.len() <= other.len() && parts.iter().zip(other).all(|(a, b)| same_name(a, b))
        };
        let is_last = parts.first().zip(self.parts.first()).is_some_and(|(a, b)| same_name(a, b));
        if is_absolute(name) {
            return match (is_last, fits(&self.parts) && parts.len() == self.parts.len()) {
                (true, true) => usize::MAX,
                (true, false) => ELSEWHERE,
                (false, _) => 0,
            };
        }
        if parts.is_empty() || !fits(&self.parts) {
            return 0;
        }
        let from_here = self.parts.get(parts.len()..).is_some_and(|above| above == self.list_dir);
        if from_here { usize::MAX } else { parts.len() + ELSEWHERE }
    }
}

/// The parts of an absolute path, last first, as names in a list would give them.
fn parts_of(path: &Path) -> Vec<String> {
    // `absolute` fails for an empty path only, which is the current directory.
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let text = utf8_or_windows(whole.as_os_str().as_encoded_bytes()).replace('\\', "/");
    text.split('/').filter(|part| !matches!(*part, "" | ".")).rev().map(str::to_owned).collect()
}

/// File names differ by case except on Windows.
fn same_name(a: &str, b: &str) -> bool {
    if cfg!(windows) { a.to_lowercase() == b.to_lowercase() } else { a == b }
}

/// `/` between parts, and no `./` before them.
pub(super) fn plain_name(name: &str) -> Cow<'_, str> {
    let slashed = if name.contains('\\') { Cow::Owned(name.replace('\\', "/")) } else { Cow::Borrowed(name) };
    if slashed.starts_with("./") { Cow::Owned(slashed.trim_start_matches("./").to_owned()) } else { slashed }
}

pub(in crate::verify) fn is_absolute(name: &str) -> bool {
    let drive = matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    name.starts_with(['/', '\\']) || drive
}

/// `C:x` is relative to another drive's directory; `x:y` names a second stream of `x`.
fn has_drive_or_stream(part: &str) -> bool {
    part.contains(':') && (cfg!(windows) || is_absolute(part))
}

/// True for a name of plain parts: nothing in it leads up or to another drive.
pub(super) fn stays(plain: &str) -> bool {
    plain.split('/').all(|part| {
        !part.is_empty() && part != ".." && part != "." && !part.contains('\0') && !has_drive_or_stream(part)
    })
}

/// The parts of a name, below a directory.
pub(super) fn joined(dir: &Path, plain: &str) -> PathBuf {
    plain.split('/').fold(dir.to_path_buf(), |path, part| path.join(part))
}

/// Where the file that a list calls `name` may be in `dir`, the likeliest first; nowhere for a name that
/// leads out of it. An absolute name is one of the directory's if it begins with the directory.
pub(in crate::verify) fn paths_in(name: &str, dir: &Path) -> Vec<PathBuf> {
    let relative = if is_absolute(name) {
        let whole = std::path::absolute(dir).ok();
        let whole = whole.map(|dir| dir.to_string_lossy().replace('\\', "/"));
        let slashed = name.replace('\\', "/");
        let below = whole.and_then(|dir| {
            let rest = slashed.strip_prefix(dir.trim_end_matches(['/', '.']))?;
            Some(rest.strip_prefix('/')?.to_owned())
        });
        match below {
            Some(below) => below,
            None => return Vec::new(),
        }
    } else {
        name.to_owned()
    };
    let mut paths = Vec::new();
    let verbatim = relative.trim_start_matches("./");
    let plain = plain_name(&relative);
    // A backslash is a letter like others on Unix, unless the list is from Windows.
    if !stays(&plain) {
        return paths;
    }
    if cfg!(unix) && verbatim != plain {
        paths.push(joined(dir, verbatim));
    }
    paths.push(joined(dir, &plain));
    #[cfg(unix)]
    if let Some(bytes) = windows_bytes(&plain) {
        use std::os::unix::ffi::OsStrExt as _;
        paths.push(dir.join(std::ffi::OsStr::from_bytes(&bytes)));
    }
    paths
}

/// Endings of lists beside the names of digests; what is before them is the name of the file it is about.
const ENDINGS: [&str; 5] = ["sfv", "hash", "sum", "sums", "digests"];

/// The file that a list is about by its own name: `x.iso` for `x.iso.sha256`, `x.iso.sha256.txt` and
/// `CHECKSUM.SHA256-x.iso`.
pub(super) fn of_list(list_name: &str) -> Option<&str> {
    let name = list_name.rsplit(['/', '\\']).next().unwrap_or(list_name);
    if let Some((_, file)) = name.strip_prefix("CHECKSUM.").and_then(|rest| rest.split_once('-')) {
        return Some(file).filter(|file| !file.is_empty());
    }
    let wrapped = |text: &str| {
        let (_, ending) = text.rsplit_once('.')?;
        ["txt", "asc", "sig"].contains(&ending.to_ascii_lowercase().as_str()).then_some(ending.len() + 1)
    };
    let mut rest = name;
    while let Some(more) = wrapped(rest) {
        rest = rest.get(..rest.len() - more)?;
    }
    if let Some(file) = rest.strip_suffix("-CHECKSUM") {
        return Some(file).filter(|file| !file.is_empty());
    }
    let (file, ending) = rest.rsplit_once('.')?;
    let lower = ending.to_ascii_lowercase();
    let digest = lower.strip_suffix("sums").or_else(|| lower.strip_suffix("sum")).unwrap_or(&lower);
    let is_list = super::hint::from_word(digest).is_some() || ENDINGS.contains(&lower.as_str());
    is_list.then_some(file).filter(|file| !file.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_named_for_a_file_is_about_it() {
        for (list, want) in [
            ("x.iso.sha256", Some("x.iso")),
            ("d/x.iso.SHA512SUM", Some("x.iso")),
            ("x.iso.sha256.txt", Some("x.iso")),
            ("x.txt.sha256", Some("x.txt")),
            ("x.iso.sha3-256.asc", Some("x.iso")),
            ("CHECKSUM.SHA256-x.iso", Some("x.iso")),
            ("x.iso-CHECKSUM", Some("x.iso")),
            ("x.sfv", Some("x")),
            ("SHA256SUMS", None),
            ("notes.txt", None),
            (".sha256", None),
            ("x.iso", None),
        ] {
            assert_eq!(of_list(list), want, "{list}");
        }
    }
}
