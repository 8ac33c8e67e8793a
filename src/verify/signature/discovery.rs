//! Signatures beside a file, by their names.

use super::{Signature, cleartext};
use crate::source::{FileSource, Source, read_up_to};
use std::path::{Path, PathBuf};

/// What is added to a file's name for its signature.
pub const ENDINGS: [&str; 6] = [".asc", ".sig", ".sign", ".gpg", ".minisig", ".sshsig"];

/// What is added where the signature is around the text.
const ENCLOSING: [&str; 2] = [".asc", ".sig"];

/// The name of a list without the ending that it has where it carries its own signature.
#[must_use]
pub fn without_ending(name: &str) -> Option<&str> {
    ENCLOSING.iter().find_map(|ending| name.strip_suffix(ending))
}

/// `path` with `ending` behind its name.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Signatures beside `path` that are over it. What cannot be read says nothing and is passed over.
pub(super) fn beside(path: &Path) -> Vec<(PathBuf, Signature)> {
    let there = ENDINGS.iter().map(|ending| with_ending(path, ending)).filter(|path| path.is_file());
    there
        .filter(|path| !encloses(path))
        .filter_map(|path| Signature::read(&path).ok().map(|signature| (path, signature)))
        .collect()
}

/// True where a file beside `list` is the same list with a signature around it, which is read instead.
#[must_use]
pub fn is_replaced(list: &Path) -> bool {
    ENCLOSING.iter().any(|ending| encloses(&with_ending(list, ending)))
}

/// True where the file at `path` is text with a signature around it.
fn encloses(path: &Path) -> bool {
    let Ok(source) = FileSource::open(path) else { return false };
    let len = usize::try_from(source.len().min(super::super::sums::MOST_BYTES)).unwrap_or(0);
    let Ok(bytes) = read_up_to(&source, 0, len) else { return false };
    cleartext::is_cleartext(&bytes) || cleartext::signify(&bytes).is_some()
}
