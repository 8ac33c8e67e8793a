//! Temporary files that have no name. Confined (see `sandbox`), a process may make them in one directory only, which
//! is its own and has no name either, or no other file: nothing that stands in the system's temporary directory can be
//! reached.

use std::fs::File;
use std::io;

/// A temporary file without a name; it goes when it is closed.
///
/// # Errors
/// What the operating system said.
pub fn temporary_file() -> io::Result<File> {
    #[cfg(target_os = "linux")]
    if let Some(area) = area::prepared() {
        return area::file(area);
    }
    tempfile::tempfile()
}

#[cfg(target_os = "linux")]
pub use area::{Area, prepare_temporary_files};

#[cfg(target_os = "linux")]
mod area {
    use super::{File, io};
    use rustix::fs::{Mode, OFlags, openat};
    use std::os::fd::OwnedFd;
    use std::sync::{Arc, OnceLock};

    static AREA: OnceLock<Arc<OwnedFd>> = OnceLock::new();

    pub(super) fn prepared() -> Option<&'static OwnedFd> {
        AREA.get().map(|area| &**area)
    }

    pub(super) fn file(area: &OwnedFd) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        Ok(openat(area, ".", flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Where temporary files go.
    pub enum Area {
        /// A directory without a name.
        Unnamed(Arc<OwnedFd>),
        /// One of this process's own, empty and gone when it is dropped: some file systems, ext4 among them, make no file
        /// in a directory without a name.
        Empty(Arc<OwnedFd>, tempfile::TempDir),
        /// One in which files have a name for a moment: older file systems make none without.
        Named(tempfile::TempDir),
    }

    /// Makes the directory that temporary files go to from now on and, where it can do without, takes its name away.
    /// Once in a process.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn prepare_temporary_files() -> io::Result<Area> {
        if let Some(area) = AREA.get() {
            return Ok(Area::Unnamed(area.clone()));
        }
        let (named, area) = make()?;
        named.close()?;
        if file(&area).is_ok() {
            return Ok(Area::Unnamed(AREA.get_or_init(|| area).clone()));
        }
        let (named, area) = make()?;
        if file(&area).is_ok() {
            return Ok(Area::Empty(AREA.get_or_init(|| area).clone(), named));
        }
        // Who set it before knows where such files may be.
        let _ = tempfile::env::override_temp_dir(named.path());
        Ok(Area::Named(named))
    }

    fn make() -> io::Result<(tempfile::TempDir, Arc<OwnedFd>)> {
        let named = tempfile::Builder::new().prefix("discless-").tempdir()?;
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let area = openat(rustix::fs::CWD, named.path(), flags, Mode::empty())?;
        Ok((named, Arc::new(area)))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::{Read, Seek, SeekFrom, Write};

    #[test]
    fn temporary_files_have_no_name_and_what_they_were_made_in_is_empty_or_gone() {
        let area = prepare_temporary_files().unwrap();
        let mut file = temporary_file().unwrap();
        match &area {
            Area::Unnamed(_) => {}
            Area::Empty(_, directory) | Area::Named(directory) => {
                assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
            }
        }
        file.write_all(b"kept").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "kept");
        // The other tests of this process go on with it.
        std::mem::forget(area);
    }
}
