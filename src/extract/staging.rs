//! Files that are not trusted yet stand beside the destination, under its name with `.part`.

use super::destination::{self, Overwrite};
use crate::error::{Error, Kind, Refusal, Result};
use std::io;
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
        let destination = destination.to_owned();
        let mut name = destination.file_name().unwrap_or_default().to_owned();
        if name.is_empty() {
            return Ok(Self { destination, beside: None });
        }
        name.push(".part");
        let beside = destination.with_file_name(name);
        Ok(Self { destination, beside: Some(beside) })
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
    let part = path.with_file_name(super::destination::part_name(path, 0));
    std::fs::write(&part, bytes)?;
    Ok(std::fs::rename(&part, path)?)
}
