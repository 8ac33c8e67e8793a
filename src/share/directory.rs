//! Directories and small files of a share, opened without ever following a link.

use super::manifest::OWN;
use crate::error::{Error, Kind, Refusal, Result};
use cap_std::fs::{Dir, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// The directory `name` of `dir`; `None` where there is none.
///
/// # Errors
/// `Refused` where something else, or a link, stands there.
pub(super) fn open(dir: &Dir, name: &str) -> Result<Option<Dir>> {
    match dir.symlink_metadata(name) {
        Ok(meta) if meta.is_dir() => Ok(Some(dir.open_dir(name)?)),
        Ok(_) => Err(Error::new(Kind::Refused(Refusal::NotADirectory(PathBuf::from(name))))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// `.discless` of a directory; `None` where there is none.
pub(super) fn open_own(dir: &Dir) -> Result<Option<Dir>> {
    open(dir, OWN)
}

/// The directory `name` of `dir`, made where it is not there.
pub(super) fn make(dir: &Dir, name: &str) -> Result<Dir> {
    if let Some(there) = open(dir, name)? {
        return Ok(there);
    }
    match dir.create_dir(name) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => open(dir, name)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound).into()),
    }
}

/// The directory at `path` below `dir`, by its parts.
///
/// # Errors
/// `NotFound` where it is not there; `Refused` where a part of it is a link or a file.
pub(super) fn descend(dir: &Dir, path: &str) -> Result<Dir> {
    let mut at = dir.try_clone()?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        at = open(&at, part)?.ok_or_else(|| Error::from(io::Error::from(io::ErrorKind::NotFound)))?;
    }
    Ok(at)
}

/// As [`descend`], with the directories made that are not there.
pub(super) fn make_all(dir: &Dir, path: &str) -> Result<Dir> {
    let mut at = dir.try_clone()?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        at = make(&at, part)?;
    }
    Ok(at)
}

/// A whole small file; `None` where there is none.
///
/// # Errors
/// `Limit` where it is larger than `most`; `Refused` where it is no plain file.
pub(super) fn read(dir: &Dir, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
    let meta = match dir.symlink_metadata(name) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if !meta.is_file() {
        return Err(Error::invalid("file of a share: it is no plain file"));
    }
    let mut bytes = Vec::new();
    dir.open(name)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::limit("bytes in a file that describes a share", most));
    }
    Ok(Some(bytes))
}

/// Writes a whole file in place of what is there, by one rename. It is on the disk when this returns.
pub(super) fn replace(dir: &Dir, name: &str, bytes: &[u8]) -> Result<()> {
    let part = format!("{name}.part");
    match dir.remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let written = dir.open_with(&part, &options).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| dir.rename(&part, dir, name)) {
        let _ = dir.remove_file(&part);
        return Err(error.into());
    }
    sync(dir);
    Ok(())
}

/// Removes a file, if it is there.
pub(super) fn remove(dir: &Dir, name: &str) -> Result<()> {
    match dir.remove_file(name) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Has names in a directory written to the disk, where the system can be asked for that.
pub(super) fn sync(dir: &Dir) {
    // A `Dir` is opened with `O_PATH`, which cannot be synced; the directory as a file can.
    #[cfg(unix)]
    if let Ok(file) = dir.open(".") {
        let _ = file.sync_all();
    }
    #[cfg(not(unix))]
    let _ = dir;
}

#[cfg(test)]
mod tests {
    use super::*;
    use cap_std::ambient_authority;

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(temp.path().join("in/real")).unwrap();
        std::fs::write(temp.path().join("in/real/x"), "1").unwrap();
        std::os::unix::fs::symlink("real", temp.path().join("in/link")).unwrap();
        std::os::unix::fs::symlink("x", temp.path().join("in/real/y")).unwrap();
        let dir = Dir::open_ambient_dir(temp.path().join("in"), ambient_authority()).unwrap();
        assert!(descend(&dir, "real").is_ok());
        assert!(descend(&dir, "link").is_err());
        assert!(make(&dir, "link").is_err());
        let real = descend(&dir, "real").unwrap();
        assert_eq!(read(&real, "x", 10).unwrap().unwrap(), b"1");
        assert!(read(&real, "y", 10).is_err());
        assert!(read(&real, "x", 0).is_err());
        assert!(read(&real, "z", 10).unwrap().is_none());
        replace(&real, "x", b"22").unwrap();
        assert_eq!(read(&real, "x", 10).unwrap().unwrap(), b"22");
        // What is replaced is the link, never what it leads to.
        replace(&real, "y", b"3").unwrap();
        assert_eq!(read(&real, "x", 10).unwrap().unwrap(), b"22");
    }
}
