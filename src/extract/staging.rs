//! Files that are not trusted yet stand beside the destination, under its name with `.part`.

use super::destination::{self, Overwrite, create, part_name};
use crate::error::{Error, Kind, Refusal, Result};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Where files go until the verdict is known.
#[derive(Debug)]
pub struct Staging {
    destination: PathBuf,
    /// `None` where the user asked to complete a destination in place.
    beside: Option<PathBuf>,
}

impl Staging {
    /// Beside `destination`, which must be new or empty; in place where it is to be completed.
    ///
    /// # Errors
    /// `Refused` where something stands there.
    pub fn new(destination: &Path, overwrite: Overwrite) -> Result<Self> {
        let occupied = match std::fs::read_dir(destination) {
            Ok(mut listing) => listing.next().is_some(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(_) => return Err(Error::new(Kind::Refused(Refusal::NotADirectory(destination.to_owned())))),
        };
        if occupied {
            // A run that was killed when all was done.
            destination::settle_good(destination)?;
            if overwrite == Overwrite::Never {
                return Err(Error::new(Kind::Refused(Refusal::NotEmpty(destination.to_owned()))));
            }
            return Ok(Self { destination: destination.to_owned(), beside: None });
        }
        Ok(Self { destination: destination.to_owned(), beside: Self::beside(destination) })
    }

    /// Where the files of a new or empty `destination` stand until then; `None` where it has no name, as `..`.
    #[must_use]
    pub fn beside(destination: &Path) -> Option<PathBuf> {
        let mut name = destination.file_name()?.to_owned();
        name.push(".part");
        Some(destination.with_file_name(name))
    }

    /// The directory to write to.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.beside.as_deref().unwrap_or(&self.destination)
    }

    /// The files are good: they get their place.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn keep(self) -> Result<()> {
        let wrong = |error: io::Error| Error::from(error).of(&self.destination.to_string_lossy());
        let Some(beside) = &self.beside else { return destination::complete(&self.destination) };
        destination::call_good(beside).map_err(wrong)?;
        match std::fs::remove_dir(&self.destination) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(wrong(error)),
            _ => {}
        }
        std::fs::rename(beside, &self.destination).map_err(wrong)?;
        destination::settle_good(&self.destination)
    }

    /// The files are not good: they go. Only what stands beside the destination is removed.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn discard(self) -> Result<()> {
        let Some(beside) = &self.beside else { return destination::complete(&self.destination) };
        match std::fs::remove_dir_all(beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::from(error).of(&beside.to_string_lossy()))
            }
            _ => Ok(()),
        }
    }
}

/// Writes a whole file: as `NAME.part`, then renamed.
///
/// # Errors
/// What the operating system said.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = Dir::open_ambient_dir(above, ambient_authority())?;
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let part = part_name(path, 0);
    // What an interrupted run left goes, and so does a link that somebody put there: it is not followed.
    match directory.remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    create(&directory, &part)?.write_all(bytes)?;
    Ok(directory.rename(&part, &directory, name)?)
}
