//! Temporary files that have no name. Confined (see `sandbox`), a process may make them in one directory only, which
//! has no name either: nothing that stands in the system's temporary directory can be reached there.

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
        /// One of this process's own, where the file system makes no file without a name; it goes when it is dropped.
        Named(tempfile::TempDir),
    }

    /// Makes the directory that temporary files go to from now on, and takes its name away. Once in a process.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn prepare_temporary_files() -> io::Result<Area> {
        if let Some(area) = AREA.get() {
            return Ok(Area::Unnamed(area.clone()));
        }
        let make = || tempfile::Builder::new().prefix("discless-").tempdir();
        let named = make()?;
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let area = openat(rustix::fs::CWD, named.path(), flags, Mode::empty())?;
        named.close()?;
        if file(&area).is_ok() {
            return Ok(Area::Unnamed(AREA.get_or_init(|| Arc::new(area)).clone()));
        }
        let named = make()?;
        // Who set it before knows where such files may be.
        let _ = tempfile::env::override_temp_dir(named.path());
        Ok(Area::Named(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, SeekFrom, Write};

    #[cfg(target_os = "linux")]
    #[test]
    fn temporary_files_have_no_name_and_neither_has_their_directory() {
        let named = match prepare_temporary_files().unwrap() {
            Area::Unnamed(area) => std::fs::read_link(format!("/proc/self/fd/{}", {
                use std::os::fd::AsRawFd;
                area.as_raw_fd()
            })),
            Area::Named(_) => return eprintln!("skipped: files without a name cannot be made here"),
        };
        assert!(named.unwrap().to_string_lossy().ends_with(" (deleted)"));
        let mut file = temporary_file().unwrap();
        file.write_all(b"kept").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "kept");
    }
}
