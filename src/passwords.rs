//! Passwords that were given for encrypted members. They are tried in turn; none is ever printed.

use crate::error::{Error, Kind, Lock, Result};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that a file of passwords may have.
const MOST_BYTES: u64 = 1 << 20;
/// Passwords that may be given: each costs a derivation of a key.
const MOST: usize = 10_000;

/// Candidates, in the order in which they were given.
#[derive(Clone, Default)]
pub struct Passwords {
    candidates: Arc<[Box<str>]>,
    /// The one that opened something last: it is tried first.
    last: Arc<AtomicUsize>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passwords({})", self.candidates.len())
    }
}

impl Passwords {
    /// Those passwords; doubles are tried once.
    ///
    /// # Errors
    /// `Limit` where there are more than can be tried.
    pub fn new(given: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut candidates: Vec<Box<str>> = Vec::new();
        for password in given {
            let password = password.into_boxed_str();
            if candidates.len() == MOST {
                return Err(Error::limit("passwords", MOST as u64));
            }
            if !candidates.contains(&password) {
                candidates.push(password);
            }
        }
        Ok(Self { candidates: candidates.into(), last: Arc::default() })
    }

    /// The passwords in a file: one a line, as they stand; lines may end as Windows writes them. Empty lines and a
    /// byte order mark are no passwords.
    ///
    /// # Errors
    /// What the operating system said; `Limit` for a file that is too large; `Usage` for one that is no UTF-8.
    pub fn lines_of(path: &Path) -> Result<Vec<String>> {
        let name = path.to_string_lossy();
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(|error| Error::from(error).of(&name))?;
        std::io::Read::read_to_end(&mut std::io::Read::take(file, MOST_BYTES + 1), &mut bytes)
            .map_err(|error| Error::from(error).of(&name))?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(Error::limit("bytes of a file with passwords", MOST_BYTES).of(&name));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::usage("a file with passwords has to be UTF-8".to_owned()).of(&name))?;
        let lines = text.trim_start_matches('\u{feff}').split('\n');
        let lines = lines.map(|line| line.strip_suffix('\r').unwrap_or(line));
        Ok(lines.filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// True where none was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The password of that number.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<&str> {
        self.candidates.get(number).map(|password| &**password)
    }

    /// Every password with its number: the one that opened something last comes first, then the others in turn.
    pub fn in_turn(&self) -> impl Iterator<Item = (usize, &str)> {
        let last = self.last.load(Ordering::Relaxed);
        let first = self.candidates.get(last).map(|password| (last, &**password));
        let others = self.candidates.iter().enumerate().filter(move |(number, _)| *number != last);
        first.into_iter().chain(others.map(|(number, password)| (number, &**password)))
    }

    /// Remembers which one opened something.
    pub fn opened(&self, number: usize) {
        self.last.store(number, Ordering::Relaxed);
    }

    /// The error where `what` is encrypted and none of these opens it, or none was given.
    #[must_use]
    pub fn locked(&self, what: &'static str) -> Error {
        Error::new(Kind::Encrypted { what, lock: Lock::Password { tried: self.len() } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[&str]) -> Passwords {
        Passwords::new(given.iter().map(|&password| password.to_owned())).unwrap()
    }

    #[test]
    fn the_one_that_opened_something_is_tried_first() {
        let passwords = of(&["a", "b", "a", "c"]);
        let numbers =
            |passwords: &Passwords| passwords.in_turn().map(|(number, _)| number).collect::<Vec<_>>();
        assert_eq!(numbers(&passwords), [0, 1, 2]);
        passwords.clone().opened(2);
        assert_eq!(numbers(&passwords), [2, 0, 1]);
        assert_eq!(of(&[]).in_turn().count(), 0);
    }

    #[test]
    fn a_password_is_never_shown() {
        let passwords = of(&["hunter2"]);
        assert_eq!(format!("{passwords:?}"), "Passwords(1)");
        assert!(!passwords.locked("member").to_string().contains("hunter2"));
        assert!(passwords.locked("the member").to_string().ends_with("the password given does not open it"));
    }

    #[test]
    fn a_file_has_one_a_line() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\u{feff}one\r\n two \n\nthree").unwrap();
        assert_eq!(Passwords::lines_of(file.path()).unwrap(), ["one", " two ", "three"]);
        std::fs::write(file.path(), b"\xff").unwrap();
        assert!(matches!(Passwords::lines_of(file.path()).unwrap_err().kind(), Kind::Usage(_)));
    }
}
