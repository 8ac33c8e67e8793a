//! A file, or a device that behaves like one.

use super::Source;
use crate::error::{Error, Kind, Result};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// An open file. Its length is taken once: a file that grows or shrinks meanwhile is another file.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    len: u64,
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
        Ok(Self { file, len })
    }

    /// Takes an open file.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn from_file(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
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
                other => return other,
            }
        }
    }

    #[cfg(windows)]
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        use std::os::windows::fs::FileExt;
        self.file.seek_read(buf, offset)
    }

    fn in_file(&self, range: Range<u64>) -> Option<(&File, u64)> {
        (range.end <= self.len).then_some((&self.file, range.start))
    }
}
