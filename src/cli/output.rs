//! Files and directories that a command makes, prepared before it is confined: a file without a name that gets one when
//! it is whole, and directories that go again when nothing came into them.

use discless::sandbox::{Bounds, Grant};
use discless::{Error, Result};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// New files, none of which has a name yet.
#[derive(Default)]
pub(super) struct Outputs {
    files: Vec<(PathBuf, File)>,
}

impl Outputs {
    /// Prepares for [`Outputs::write_new`] with that path; allows what that needs: the name alone, or `otherwise`
    /// where the file system makes no file without one.
    pub(super) fn prepare(&mut self, path: &Path, otherwise: Grant, bounds: &mut Bounds) {
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // What is in the way is said when it is to be written.
        if path.symlink_metadata().is_ok() {
            return;
        }
        match unnamed(above) {
            Ok(file) => {
                bounds.allow(Grant::Name, above);
                self.files.push((path.to_owned(), file));
            }
            Err(_) => bounds.allow(otherwise, above),
        }
    }

    /// Writes a file where nothing is yet.
    ///
    /// # Errors
    /// `AlreadyExists`, or what else the operating system said.
    pub(super) fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let written = match self.prepared(path) {
            Some(file) => give_name(file, path, bytes),
            None => File::create_new(path).and_then(|mut file| file.write_all(bytes)),
        };
        written.map_err(|error| Error::from(error).of(&path.to_string_lossy()))
    }

    /// True where [`Outputs::prepare`] made such a file.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.prepared(path).is_some()
    }

    fn prepared(&self, path: &Path) -> Option<&File> {
        self.files.iter().find(|(known, _)| known == path).map(|(_, file)| file)
    }
}

#[cfg(target_os = "linux")]
fn unnamed(above: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    let file: File = openat(CWD, above, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, mode)?.into();
    // That is how it gets its name.
    link_of(&file).symlink_metadata()?;
    Ok(file)
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn link_of(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

#[cfg(target_os = "linux")]
fn give_name(mut file: &File, path: &Path, bytes: &[u8]) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    file.write_all(bytes)?;
    Ok(linkat(CWD, link_of(file), CWD, path, AtFlags::SYMLINK_FOLLOW)?)
}

#[cfg(not(target_os = "linux"))]
fn give_name(_: &File, _: &Path, _: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Directories that were made; those that are empty still when it is dropped go.
#[derive(Default)]
pub(super) struct Directories {
    made: Vec<PathBuf>,
}

impl Directories {
    /// Makes `directory` and those above it, as far as they are not there; the one that the first of them was made in.
    /// What cannot be made is met again, and said, when it is written to.
    pub(super) fn make(&mut self, directory: &Path) -> Option<PathBuf> {
        let missing: Vec<&Path> = directory
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && path.symlink_metadata().is_err())
            .collect();
        for path in missing.iter().rev() {
            if std::fs::create_dir(path).is_err() {
                break;
            }
            self.made.push((*path).to_owned());
        }
        let above = missing.last()?.parent()?;
        Some(if above.as_os_str().is_empty() { PathBuf::from(".") } else { above.to_owned() })
    }

    /// They are what was asked for, empty or not.
    pub(super) fn keep(&mut self) {
        self.made.clear();
    }
}

impl Drop for Directories {
    fn drop(&mut self) {
        for path in self.made.drain(..).rev() {
            // One that something came into stays.
            let _ = std::fs::remove_dir(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_that_nothing_came_into_go_and_others_stay() {
        let temp = tempfile::tempdir().unwrap();
        let deep = temp.path().join("a/b/c");
        let mut made = Directories::default();
        assert_eq!(made.make(&deep).unwrap(), temp.path());
        assert!(made.make(&deep).is_none());
        std::fs::write(temp.path().join("a/file"), "x").unwrap();
        drop(made);
        assert!(temp.path().join("a/file").exists());
        assert!(!temp.path().join("a/b").exists());
    }

    #[test]
    fn a_prepared_file_gets_its_name_when_it_is_whole_and_never_another_ones() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("report.html");
        let mut outputs = Outputs::default();
        outputs.prepare(&path, Grant::Make, &mut Bounds::default());
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), 0);
        outputs.write_new(&path, b"page").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"page");
        let mut outputs = Outputs::default();
        outputs.prepare(&temp.path().join("new"), Grant::Make, &mut Bounds::default());
        std::fs::write(temp.path().join("new"), "another").unwrap();
        assert!(outputs.write_new(&temp.path().join("new"), b"page").is_err());
        assert_eq!(std::fs::read(temp.path().join("new")).unwrap(), b"another");
    }
}
