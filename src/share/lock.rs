//! One program at a time changes a share.

use super::{Share, now};
use crate::error::{Error, Kind, Refusal, Result};
use cap_std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

/// The file that is locked. It stays when the lock is gone.
const NAME: &str = "lock";
/// How long another program is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(50);

/// The right to change a share, as long as this is held. The system takes it back from a program that dies.
#[derive(Debug)]
pub struct Lock {
    _file: std::fs::File,
}

impl Share {
    /// Takes the lock for `what` (`add`); waits a moment for who holds it.
    ///
    /// # Errors
    /// `Refused` where another program holds it; what the operating system said, where the share cannot be written.
    pub fn lock(&self, what: &str) -> Result<Lock> {
        self.lock_within(what, PATIENCE)
    }

    fn lock_within(&self, what: &str, patience: Duration) -> Result<Lock> {
        let shown = format!("{}/{}/{NAME}", self.root.display(), super::OWN);
        let wrong = |error: std::io::Error| Error::from(error).of(&shown);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true);
        let mut file = self.own.open_with(NAME, &options).map_err(wrong)?.into_std();
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < patience => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    let mut by = String::new();
                    // What is read here is shown, and nothing depends on it.
                    let _ = Read::by_ref(&mut file).take(200).read_to_string(&mut by);
                    let by = by.lines().next().unwrap_or_default().to_owned();
                    return Err(Error::new(Kind::Refused(Refusal::Locked { share: self.root.clone(), by })));
                }
                Err(TryLockError::Error(error)) => return Err(wrong(error)),
            }
        }
        let by = format!("{what}, process {}, since {}\n", std::process::id(), now());
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(by.as_bytes()));
        written.map_err(wrong)?;
        Ok(Lock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_changed_by_one_program_at_a_time() {
        let temp = tempfile::tempdir().unwrap();
        let (share, _) = Share::init(temp.path(), None).unwrap();
        let held = share.lock("add").unwrap();
        let error = share.lock_within("remove", Duration::from_millis(60)).unwrap_err();
        let Kind::Refused(Refusal::Locked { by, .. }) = error.kind() else { panic!("{error}") };
        assert!(by.starts_with("add, process "), "{by}");
        drop(held);
        share.lock_within("remove", Duration::ZERO).unwrap();
    }
}
