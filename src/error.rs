//! What can go wrong, where, and why: one error type, one pointer wide.
//!
//! A [`Kind`] holds data, never prose: the words a person reads are made here from the kind and the
//! [`Place`]; advice and exit codes belong to the command line, which matches kinds exhaustively.

use crate::text::count;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error: a kind, the place it was met at, and what caused it.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    place: Place,
}

/// The class of an error, with the numbers that belong to it.
#[derive(Debug)]
pub enum Kind {
    /// The source ends before something it promises. Both are offsets in bytes from its start.
    Truncated {
        /// Where the promised bytes would end.
        need: u64,
        /// Where the source ends.
        have: u64,
    },
    /// The bytes are there and contradict themselves: a checksum, a loop, an impossible length.
    Damaged(&'static str),
    /// A value that the format does not allow.
    Invalid(&'static str),
    /// No install medium at all, but something that can be named.
    NotMedium(NotMedium),
    /// Valid, and beyond what this reader does.
    Unsupported(&'static str),
    /// Valid, and only readable with a key.
    Encrypted {
        /// What is encrypted, or by what.
        what: &'static str,
        /// Which key it wants.
        lock: Lock,
    },
    /// A limit of [`Limits`](crate::Limits) was reached.
    Limit {
        /// What was counted.
        what: &'static str,
        /// The limit that was set.
        limit: u64,
    },
    /// Nothing of that name.
    NotFound {
        /// What was asked for.
        wanted: String,
        /// The nearest name that exists.
        similar: Option<String>,
    },
    /// The operating system refused.
    Io(io::Error),
    /// The caller asked for something that cannot be.
    Usage(String),
    /// Possible, but it would harm the user's data.
    Refused(Refusal),
    /// The source is not what it was when it was opened: what was read is of no one file.
    Changed(Change),
    /// Stopped by the user.
    Cancelled,
}

/// Which key something encrypted wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// A password.
    Password {
        /// How many were given: none of them opens it.
        tried: usize,
    },
    /// What no password given here would open.
    Foreign,
}

/// How a source changed while it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It has more or fewer bytes: a download that goes on, a file that was cut.
    Size {
        /// Bytes when it was opened.
        was: u64,
        /// Bytes now.
        is: u64,
    },
    /// Somebody wrote to it.
    Written,
    /// Its size and time are the same, and something was changed all the same: its content, its name, who may read it.
    Touched,
    /// Another file has its name now.
    Replaced,
}

/// What a file that is no medium is instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotMedium {
    /// Nothing in it.
    Empty,
    /// A web page saved under the medium's name.
    WebPage {
        /// The page's title, where it has one.
        title: Option<String>,
    },
    /// Zero bytes only: a download that reserved its space and got no data.
    Zeros,
    /// Plain text.
    Text,
    /// A download that has not finished, known by its name.
    PartialDownload {
        /// The program that leaves such files.
        by: &'static str,
    },
    /// A format that is known by its signature and not read here.
    Other {
        /// Its common name.
        name: &'static str,
    },
    /// Nothing that is known.
    Unknown,
}

/// Why a write was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The destination holds files already.
    NotEmpty(PathBuf),
    /// The file exists already and is not what would be written.
    Exists(PathBuf),
    /// The destination is not a directory.
    NotADirectory(PathBuf),
    /// The file system has less room than the files need, in bytes.
    NoSpace {
        /// Bytes the files need.
        need: u64,
        /// Bytes that are free.
        have: u64,
    },
    /// A share is made of a directory that is new or empty, and this one is not.
    NotNew(PathBuf),
    /// The destination was removed while it was written to.
    Gone(PathBuf),
    /// The directory is no share.
    NoShare(PathBuf),
    /// Another program changes the share.
    Locked {
        /// The share.
        share: PathBuf,
        /// What that program says of itself; empty where it says nothing.
        by: String,
    },
    /// A folder of a share is somebody else's.
    Occupied {
        /// The folder, below the share.
        folder: String,
        /// What is there.
        by: String,
    },
    /// The manifest at that place is not the one that was written.
    Edited(String),
    /// A secret key that only another program can sign with.
    Key {
        /// Its file.
        file: String,
        /// Why.
        why: &'static str,
    },
    /// An update does not fit the product that it was to be put beside.
    Unfit {
        /// The update.
        file: String,
        /// Why it does not.
        why: String,
    },
    /// Nothing can be mounted there.
    Mount {
        /// Where it was wanted.
        directory: PathBuf,
        /// What is in the way.
        fault: MountFault,
    },
}

/// Why nothing can be mounted on a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountFault {
    /// It is no directory.
    NotADirectory,
    /// What is in it could not be reached any more.
    NotEmpty,
    /// The program that something was mounted there by has gone.
    Stale,
    /// This machine has no FUSE.
    NoDevice,
    /// Only root may mount without the help of `fusermount3`, which is not installed.
    NoHelper,
    /// The system does not let this user mount.
    NotPermitted,
    /// `/etc/fuse.conf` does not let users show mounts to others.
    OthersNotAllowed,
}

/// Where an error was met: the nested path of the medium, the structure and field, the byte offset.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Place {
    /// `media.iso!/sources/install.wim`; empty where not known yet.
    pub medium: String,
    /// The specification's name of the structure, or what was being done.
    pub structure: &'static str,
    /// The specification's name of the field.
    pub field: &'static str,
    /// The offset in bytes in that medium.
    pub offset: Option<u64>,
}

impl Error {
    /// An error of this kind at no place yet.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self(Box::new(Inner { kind, place: Place::default() }))
    }

    /// The medium is shorter than what it promises; both in bytes.
    #[must_use]
    pub fn truncated(need: u64, have: u64) -> Self {
        Self::new(Kind::Truncated { need, have })
    }

    /// The bytes contradict themselves.
    #[must_use]
    pub fn damaged(what: &'static str) -> Self {
        Self::new(Kind::Damaged(what))
    }

    /// A value that the format does not allow.
    #[must_use]
    pub fn invalid(what: &'static str) -> Self {
        Self::new(Kind::Invalid(what))
    }

    /// Beyond what this reader does.
    #[must_use]
    pub fn unsupported(what: &'static str) -> Self {
        Self::new(Kind::Unsupported(what))
    }

    /// Only readable with a key that cannot be given here.
    #[must_use]
    pub fn encrypted(what: &'static str) -> Self {
        Self::new(Kind::Encrypted { what, lock: Lock::Foreign })
    }

    /// A limit was reached.
    #[must_use]
    pub fn limit(what: &'static str, limit: u64) -> Self {
        Self::new(Kind::Limit { what, limit })
    }

    /// A wrong request.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage(message.into()))
    }

    /// Nothing of that name.
    #[must_use]
    pub fn not_found(wanted: impl Into<String>, similar: Option<String>) -> Self {
        Self::new(Kind::NotFound { wanted: wanted.into(), similar })
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &Kind {
        &self.0.kind
    }

    /// Where it went wrong.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// Adds the structure and byte offset, unless an inner call knew them better.
    #[must_use]
    pub fn at(mut self, structure: &'static str, offset: u64) -> Self {
        let place = &mut self.0.place;
        if place.structure.is_empty() {
            place.structure = structure;
        }
        if place.offset.is_none() {
            place.offset = Some(offset);
        }
        self
    }

    /// Adds what was being done, unless an inner call knew it better.
    #[must_use]
    pub fn during(mut self, structure: &'static str) -> Self {
        if self.0.place.structure.is_empty() {
            self.0.place.structure = structure;
        }
        self
    }

    /// Adds the field's name.
    #[must_use]
    pub fn field(mut self, field: &'static str) -> Self {
        self.0.place.field = field;
        self
    }

    /// Names the medium or member; an outer name goes before an inner one, joined by `!/`.
    #[must_use]
    pub fn of(mut self, medium: &str) -> Self {
        let place = &mut self.0.place;
        place.medium =
            if place.medium.is_empty() { medium.to_owned() } else { format!("{medium}!/{}", place.medium) };
        self
    }

    /// The same error once more, for the next member that it hits.
    #[must_use]
    pub fn again(&self) -> Self {
        let kind = match &self.0.kind {
            Kind::Truncated { need, have } => Kind::Truncated { need: *need, have: *have },
            Kind::Damaged(what) => Kind::Damaged(what),
            Kind::Invalid(what) => Kind::Invalid(what),
            Kind::NotMedium(what) => Kind::NotMedium(what.clone()),
            Kind::Unsupported(what) => Kind::Unsupported(what),
            Kind::Encrypted { what, lock } => Kind::Encrypted { what, lock: *lock },
            Kind::Limit { what, limit } => Kind::Limit { what, limit: *limit },
            Kind::NotFound { wanted, similar } => {
                Kind::NotFound { wanted: wanted.clone(), similar: similar.clone() }
            }
            Kind::Io(error) => Kind::Io(match error.raw_os_error() {
                Some(code) => io::Error::from_raw_os_error(code),
                None => io::Error::new(error.kind(), error.to_string()),
            }),
            Kind::Usage(message) => Kind::Usage(message.clone()),
            Kind::Refused(refusal) => Kind::Refused(refusal.clone()),
            Kind::Changed(change) => Kind::Changed(*change),
            Kind::Cancelled => Kind::Cancelled,
        };
        Self(Box::new(Inner { kind, place: self.0.place.clone() }))
    }

    /// True where the medium itself is at fault (exit code 1), not the request or this machine.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(
            self.0.kind,
            Kind::Truncated { .. } | Kind::Damaged(_) | Kind::Invalid(_) | Kind::NotMedium(_)
        )
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if !self.medium.is_empty() {
            f.write_str(&self.medium)?;
            separator = ": ";
        }
        if !self.structure.is_empty() {
            write!(f, "{separator}{}", self.structure)?;
            if !self.field.is_empty() {
                write!(f, ", {}", self.field)?;
            }
            separator = " ";
        }
        if let Some(offset) = self.offset {
            write!(f, "{separator}at {offset:#x}")?;
        }
        Ok(())
    }
}

impl fmt::Display for NotMedium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty file"),
            Self::WebPage { title: Some(title) } => write!(f, "a web page (\"{title}\")"),
            Self::WebPage { title: None } => f.write_str("a web page"),
            Self::Zeros => f.write_str("a file of zeros, as a download leaves that got no data"),
            Self::Text => f.write_str("a text file"),
            Self::PartialDownload { by } => write!(f, "a download that {by} has not finished"),
            Self::Other { name } => write!(f, "{name}"),
            Self::Unknown => f.write_str("something unknown"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEmpty(path) => write!(f, "{} is not empty", path.display()),
            Self::Exists(path) => write!(f, "{} exists already and differs", path.display()),
            Self::NotADirectory(path) => write!(f, "{} is not a directory", path.display()),
            Self::NoSpace { need, have } => {
                write!(f, "the files need {need} bytes, the destination has {have} free")
            }
            Self::NotNew(path) => {
                write!(f, "{} is not empty: a share is made of a new directory", path.display())
            }
            Self::Gone(path) => write!(f, "{} was removed while it was written to", path.display()),
            Self::NoShare(path) => write!(f, "{} is no share", path.display()),
            Self::Locked { share, by } => {
                let by = if by.is_empty() { "another program" } else { by };
                write!(f, "{} is being changed ({by})", share.display())
            }
            Self::Occupied { folder, by } => write!(f, "{folder} has {by}"),
            Self::Edited(place) => {
                write!(f, "{place} is not as it was written when the product was added")
            }
            Self::Key { file, why } => write!(f, "{file} {why}"),
            Self::Unfit { file, why } => write!(f, "{file} does not fit: {why}"),
            Self::Mount { directory, fault } => {
                let directory = directory.display();
                match fault {
                    MountFault::NotADirectory => write!(f, "{directory} is not a directory"),
                    MountFault::NotEmpty => {
                        write!(f, "{directory} is not empty: what is in it would be hidden")
                    }
                    MountFault::Stale => {
                        write!(f, "{directory} is still mounted, by a program that has gone")
                    }
                    MountFault::NoDevice => f.write_str("/dev/fuse is not there: this machine has no FUSE"),
                    MountFault::NoHelper => {
                        f.write_str("only root mounts without fusermount3, which is not installed")
                    }
                    MountFault::NotPermitted => write!(f, "no permission to mount on {directory}"),
                    MountFault::OthersNotAllowed => {
                        f.write_str("/etc/fuse.conf does not let users show mounts to others")
                    }
                }
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("changed while it was read: ")?;
        match self {
            Self::Size { was, is } => write!(f, "it had {was} bytes and has {is} now"),
            Self::Written => f.write_str("it was written to"),
            Self::Touched => f.write_str("its content, its name or its rights"),
            Self::Replaced => f.write_str("another file has its name now"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { need, have } => {
                let are = if *need == 1 { "is" } else { "are" };
                write!(f, "ends early: {} {are} needed, {have} are there", count(*need, "byte"))
            }
            Self::Damaged(what) => write!(f, "damaged: {what}"),
            Self::Invalid(what) => write!(f, "not valid: {what}"),
            Self::NotMedium(NotMedium::Unknown) => f.write_str("is no install medium that is known here"),
            Self::NotMedium(what) => write!(f, "is {what}, not install media"),
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::Encrypted { what, lock: Lock::Foreign } => write!(f, "encrypted: {what}"),
            Self::Encrypted { what, lock: Lock::Password { tried } } => match tried {
                0 => write!(f, "encrypted: {what} needs a password"),
                1 => write!(f, "encrypted: {what}: the password given does not open it"),
                _ => write!(f, "encrypted: {what}: none of the {tried} passwords given opens it"),
            },
            Self::Limit { what, limit } => write!(f, "more than {limit} {what}"),
            Self::NotFound { wanted, .. } => write!(f, "{wanted} not found"),
            Self::Io(error) => f.write_str(&io_words(error)),
            Self::Usage(message) => f.write_str(message),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Changed(change) => change.fmt(f),
            Self::Cancelled => f.write_str("interrupted"),
        }
    }
}

/// The operating system's words without the Rust ones (`(os error 2)`), and without their capital. Words of
/// our own may begin with a name and stay as they are.
fn io_words(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    if error.raw_os_error().is_none() {
        return words.to_owned();
    }
    // Those of Windows are sentences.
    let words = words.trim_end().trim_end_matches('.');
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.0.place.to_string();
        if place.is_empty() { self.0.kind.fmt(f) } else { write!(f, "{place}: {}", self.0.kind) }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            Kind::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Error {
    /// Takes one of our own errors back out of an `io::Error` that carried it through `Read`.
    fn from(error: io::Error) -> Self {
        match error.downcast::<Error>() {
            Ok(ours) => ours,
            Err(error) => Self::new(Kind::Io(error)),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            Kind::Io(inner) => inner.kind(),
            Kind::Truncated { .. } => io::ErrorKind::UnexpectedEof,
            Kind::Damaged(_) | Kind::Invalid(_) => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }

    #[test]
    fn a_place_reads_from_the_outside_in() {
        let error =
            Error::truncated(4096, 100).at("file entry", 0x800).field("tag").of("inner.iso").of("outer.iso");
        assert_eq!(
            error.to_string(),
            "outer.iso!/inner.iso: file entry, tag at 0x800: ends early: 4096 bytes are needed, 100 are there"
        );
    }

    #[test]
    fn an_error_survives_the_way_through_read() {
        let there: io::Error = Error::damaged("checksum").at("tag", 16).into();
        let back = Error::from(there);
        assert!(matches!(back.kind(), Kind::Damaged("checksum")));
        assert_eq!(back.place().offset, Some(16));
    }

    #[test]
    fn the_systems_words_come_without_their_number() {
        let error = Error::from(io::Error::from_raw_os_error(2));
        assert_eq!(error.to_string(), "no such file or directory");
    }

    #[test]
    fn a_name_at_the_start_of_our_own_words_keeps_its_capital() {
        let error = Error::from(io::Error::other("Program Files/x is not written"));
        assert_eq!(error.to_string(), "Program Files/x is not written");
    }
}
