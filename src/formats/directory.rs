//! A directory that is extracted already, or a share: every file beneath it is an entry.

use super::{Evidence, Format, Options, Probe};
use crate::container::{
    Catalogue, Container, Entry, EntryId, EntryKind, EntryPath, Facts, Finding, Layer, Location, Severity,
};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::source::{FileSource, SharedSource};
use crate::time::Timestamp;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use walkdir::WalkDir;

/// The format's line in the table. A directory is no source of bytes: [`open`] takes its path.
pub static FORMAT: Format = Format {
    name: "directory",
    title: "directory",
    spec: &[],
    limits: &["symbolic links are listed, not followed"],
    probe,
    open: |_, _| Err(Error::unsupported("a directory inside a file")),
};

#[allow(clippy::unnecessary_wraps, reason = "the signature is the table's")]
fn probe(_: &Probe<'_>) -> Result<Option<Evidence>> {
    Ok(None)
}

struct Directory {
    root: PathBuf,
    catalogue: Catalogue,
}

/// Lists what is beneath `root`, sorted by name.
///
/// # Errors
/// What the operating system said of `root` itself; a part that cannot be read is a finding.
pub fn open(root: &Path, options: &Options) -> Result<Box<dyn Container>> {
    let mut entries = Vec::new();
    let mut findings = Vec::new();
    let mut bytes = 0u64;
    let depth = usize::try_from(options.limits.directory_depth).unwrap_or(usize::MAX);
    for step in WalkDir::new(root).min_depth(1).max_depth(depth).sort_by_file_name() {
        if entries.len() as u64 >= options.limits.entries {
            return Err(Error::limit("entries", options.limits.entries).of(&root.to_string_lossy()));
        }
        let step = match step {
            Ok(step) => step,
            Err(error) if error.depth() == 0 => {
                return Err(error.into_io_error().map_or_else(
                    || Error::damaged("a directory that contains itself"),
                    |io| Error::from(io).of(&root.to_string_lossy()),
                ));
            }
            Err(error) => {
                let path = error.path().map(|path| relative(root, path)).unwrap_or_default();
                findings.push(Finding::about(Severity::Damaged, path.text(), error.to_string()));
                continue;
            }
        };
        let mut entry = Entry::new(relative(root, step.path()), kind(step.file_type()));
        if let Ok(meta) = step.metadata() {
            entry.modified = meta.modified().ok().map(Timestamp::from_system);
            if entry.kind == EntryKind::File {
                entry.bytes = meta.len();
                entry.location = Location::Outside;
                bytes = bytes.saturating_add(meta.len());
            }
        }
        if entry.kind == EntryKind::Symlink {
            entry.target = std::fs::read_link(step.path()).ok().map(|target| target.to_string_lossy().into());
        }
        entries.push(entry);
    }
    let label = root.file_name().map(|name| name.to_string_lossy().into_owned());
    let files = entries.iter().filter(|entry| entry.kind == EntryKind::File).count() as u64;
    let layer = Layer {
        path: String::new(),
        format: FORMAT.name,
        detail: FORMAT.title.to_owned(),
        label: label.clone(),
        entries: Some(files),
        used: true,
    };
    let catalogue = Catalogue {
        end: bytes,
        facts: Facts { label, ..Facts::default() },
        entries,
        findings,
        layers: vec![layer],
        // The members have bytes, the directory has none.
        ..Catalogue::new(Arc::new(Vec::new()))
    };
    Ok(Box::new(Directory { root: root.to_owned(), catalogue }))
}

fn kind(of: std::fs::FileType) -> EntryKind {
    if of.is_file() {
        EntryKind::File
    } else if of.is_dir() {
        EntryKind::Dir
    } else if of.is_symlink() {
        EntryKind::Symlink
    } else {
        EntryKind::Other
    }
}

fn relative(root: &Path, path: &Path) -> EntryPath {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.fold(EntryPath::default(), |path, part| path.join(&part_name(part.as_os_str())))
}

#[cfg(unix)]
fn part_name(part: &std::ffi::OsStr) -> crate::container::Name {
    use std::os::unix::ffi::OsStrExt;
    crate::container::Name::from_utf8(part.as_bytes())
}

#[cfg(not(unix))]
fn part_name(part: &std::ffi::OsStr) -> crate::container::Name {
    crate::container::Name::new(part.to_string_lossy())
}

#[cfg(unix)]
fn on_disk(root: &Path, path: &EntryPath) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    root.join(std::ffi::OsStr::from_bytes(path.bytes()))
}

#[cfg(not(unix))]
fn on_disk(root: &Path, path: &EntryPath) -> PathBuf {
    root.join(path.text())
}

impl Container for Directory {
    fn format(&self) -> &'static str {
        FORMAT.name
    }

    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn open(&self, id: EntryId) -> Result<Box<dyn Read + Send + '_>> {
        let entry = self.entry(id)?;
        if entry.kind != EntryKind::File {
            return Ok(Box::new(std::io::empty()));
        }
        let file = File::open(on_disk(&self.root, &entry.path))
            .map_err(|error| Error::from(error).of(entry.path.text()))?;
        Ok(Box::new(file))
    }

    fn sub_source(&self, id: EntryId, _: &Limits) -> Result<SharedSource> {
        let entry = self.entry(id)?;
        if entry.kind != EntryKind::File {
            return Ok(self.source().clone());
        }
        Ok(Arc::new(FileSource::open(&on_disk(&self.root, &entry.path))?))
    }
}
