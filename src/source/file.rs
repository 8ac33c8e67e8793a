//! A file, or a device that behaves like one.

use super::Source;
use crate::error::{Change, Error, Kind, Result};
use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// What was being done when a file could not be read, in the [`Place`](crate::error::Place) of the error.
pub const READING: &str = "reading";

/// An open file. Its length is taken once: a file that grows or shrinks meanwhile is another file, and
/// [`Source::unchanged`] says so.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    len: u64,
    /// Where it was found and what it was then; a device has no times that tell.
    opened: Option<(PathBuf, Stamp)>,
    /// What the system said when it could not be read.
    failed: Mutex<Option<Error>>,
}

/// What tells whether a file is still what it was, without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
    /// Device and inode; zeros where the system has none.
    inode: (u64, u64),
    /// When anything about it changed: a program can set the time of a file back, but not this.
    changed: (i64, i64),
    /// How many names it has: who gives it another one, or takes one away, changes nothing in it.
    names: u64,
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        #[cfg(unix)]
        let (inode, changed, names) = {
            use std::os::unix::fs::MetadataExt;
            ((meta.dev(), meta.ino()), (meta.ctime(), meta.ctime_nsec()), meta.nlink())
        };
        #[cfg(not(unix))]
        let (inode, changed, names) = ((0, 0), (0, 0), 1);
        Self { bytes: meta.len(), modified: meta.modified().ok(), inode, changed, names }
    }

    /// How a file that was this is another one now.
    fn change(&self, now: &Self) -> Option<Change> {
        if self.bytes != now.bytes {
            return Some(Change::Size { was: self.bytes, is: now.bytes });
        }
        if self.modified != now.modified {
            return Some(Change::Written);
        }
        (self.changed != now.changed && self.names == now.names).then_some(Change::Touched)
    }
}

impl FileSource {
    /// Opens `path` for reading.
    ///
    /// # Errors
    /// `NotFound` with the name, `Usage` for a directory, or what the operating system said.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.to_string_lossy();
        let wrong = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Error::not_found(name.clone(), None),
            _ => Error::from(error).of(&name),
        };
        let mut file = File::open(path).map_err(wrong)?;
        let meta = file.metadata().map_err(wrong)?;
        if meta.is_dir() {
            return Err(Error::new(Kind::Usage(format!("{name} is a directory"))));
        }
        // A block device says 0 in its metadata; its end can be sought.
        let len = if meta.is_file() { meta.len() } else { file.seek(SeekFrom::End(0)).map_err(wrong)? };
        let opened = meta.is_file().then(|| (path.to_owned(), Stamp::of(&meta)));
        Ok(Self { file, len, opened, failed: Mutex::default() })
    }

    /// Takes an open file.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn from_file(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len, opened: None, failed: Mutex::default() })
    }
}

impl FileSource {
    /// The system's error, with the place that could not be read: where a disk is dying it is what one wants to know.
    fn wrong(&self, error: io::Error, offset: u64) -> io::Error {
        let error = Error::from(error).at(READING, offset);
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get_or_insert_with(|| error.again());
        error.into()
    }
}

impl Source for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    #[cfg(unix)]
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt;
        loop {
            match self.file.read_at(buf, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(|error| self.wrong(error, offset)),
            }
        }
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        use std::os::windows::fs::FileExt;
        self.file.seek_read(buf, offset).map_err(|error| self.wrong(error, offset))
    }

    fn in_file(&self, range: Range<u64>) -> Option<(&File, u64)> {
        (range.end <= self.len).then_some((&self.file, range.start))
    }

    fn failure(&self) -> Option<Error> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Error::again)
    }

    fn unchanged(&self) -> Result<()> {
        let Some((path, was)) = &self.opened else { return Ok(()) };
        let is = Stamp::of(&self.file.metadata()?);
        let mut change = was.change(&is);
        // What stands under its name now may be another file. One that has no name any more was read all the same.
        if change.is_none()
            && let Ok(meta) = std::fs::metadata(path)
            && Stamp::of(&meta) != is
        {
            change = Some(Change::Replaced);
        }
        change.map_or(Ok(()), |change| Err(Error::new(Kind::Changed(change))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn change(source: &FileSource) -> Option<Change> {
        let error = source.unchanged().err()?;
        match error.kind() {
            Kind::Changed(change) => Some(*change),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_that_is_read_is_unchanged_and_one_that_is_written_to_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("medium");
        let fresh = || {
            std::fs::write(&path, [1u8; 1000]).unwrap();
            // Some file systems count time in steps of some milliseconds.
            std::thread::sleep(Duration::from_millis(25));
            FileSource::open(&path).unwrap()
        };
        let source = fresh();
        source.read_at(0, &mut [0; 1000]).unwrap();
        assert_eq!(change(&source), None);
        std::fs::write(&path, [1u8; 1001]).unwrap();
        assert_eq!(change(&source), Some(Change::Size { was: 1000, is: 1001 }));
        let source = fresh();
        std::fs::write(&path, [2u8; 1000]).unwrap();
        assert_eq!(change(&source), Some(Change::Written));
        let source = fresh();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(change(&source), None, "all of it could be read");
    }

    #[test]
    #[cfg(unix)]
    fn a_time_that_was_set_back_hides_nothing_and_neither_does_a_new_file_of_that_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("medium");
        std::fs::write(&path, [1u8; 1000]).unwrap();
        let time = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(25));
        let source = FileSource::open(&path).unwrap();
        std::fs::write(&path, [2u8; 1000]).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        assert_eq!(change(&source), Some(Change::Touched));
        let source = FileSource::open(&path).unwrap();
        std::fs::hard_link(&path, directory.path().join("kept")).unwrap();
        assert_eq!(change(&source), None, "another name is nothing new");
        let source = FileSource::open(&path).unwrap();
        let other = directory.path().join("other");
        std::fs::write(&other, [2u8; 1000]).unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(time).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_eq!(change(&source), Some(Change::Replaced));
    }
}
