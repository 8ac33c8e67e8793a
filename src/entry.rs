//! One member of a container: its path, what it is, and where its bytes lie.

use crate::source::Piece;
use crate::time::Timestamp;

/// An entry's place in [`Container::entries`](crate::container::Container::entries).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub usize);

/// The path of an entry: parts joined by `/`, as stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryPath {
    text: Box<str>,
    raw: Option<Box<[u8]>>,
}

impl EntryPath {
    /// A path that is Unicode.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into(), raw: None }
    }

    /// `name` beneath this path.
    #[must_use]
    pub fn join(&self, name: &Name) -> Self {
        let glue = if self.text.is_empty() { "" } else { "/" };
        let text = [&*self.text, glue, &name.text].concat().into_boxed_str();
        let raw = (self.raw.is_some() || name.raw.is_some())
            .then(|| [self.bytes(), glue.as_bytes(), name.bytes()].concat().into_boxed_slice());
        Self { text, raw }
    }

    /// The path as text; bytes that are no Unicode are U+FFFD.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The path's bytes where it is not valid Unicode.
    #[must_use]
    pub fn raw(&self) -> Option<&[u8]> {
        self.raw.as_deref()
    }

    /// The path's bytes as the medium has them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.text.as_bytes())
    }
}

/// One part of a path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Name {
    text: Box<str>,
    raw: Option<Box<[u8]>>,
}

impl Name {
    /// A name that is Unicode.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self { text: text.into(), raw: None }
    }

    /// A name that ought to be UTF-8; the bytes are kept where it is not.
    #[must_use]
    pub fn from_utf8(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::new(text),
            Err(_) => Self { text: String::from_utf8_lossy(bytes).into(), raw: Some(bytes.into()) },
        }
    }

    /// A name whose stored form `raw` has no exact text.
    #[must_use]
    pub fn lossy(text: impl Into<Box<str>>, raw: &[u8]) -> Self {
        Self { text: text.into(), raw: Some(raw.into()) }
    }

    /// The name as text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name's bytes as the medium has them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.raw.as_deref().unwrap_or(self.text.as_bytes())
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A file with bytes.
    File,
    /// A directory.
    Dir,
    /// A symbolic link; [`Entry::target`] says to where.
    Symlink,
    /// A device node, a pipe, a socket: listed, never made.
    Other,
}

/// What an entry is besides a plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// A member of the tree.
    #[default]
    Plain,
    /// Marked as not to be shown (ECMA-119 §9.1.6 existence bit, UDF hidden).
    Hidden,
    /// An associated file: the other fork of the file of the same name (ECMA-119 §6.5.4).
    Associated,
    /// A boot image of the El Torito catalog, shown under `[boot]/`.
    Boot,
    /// A named stream of a UDF file, shown as `file:stream`.
    Stream,
    /// An older version of a file of the same name (ECMA-119 §7.5.1).
    OldVersion,
    /// What the container says of itself: shown and read like a member, extracted where it is named.
    Description,
}

/// Where bytes lie in a container's source, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extents {
    /// One run: nearly every file.
    One(Piece),
    /// Several, or none.
    Many(Box<[Piece]>),
}

impl Extents {
    /// The pieces, in the file's order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        match self {
            Self::One(piece) => std::slice::from_ref(piece),
            Self::Many(pieces) => pieces,
        }
    }

    /// Sum of the pieces, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pieces().iter().fold(0, |sum, piece| piece.len.saturating_add(sum))
    }

    /// The first byte behind the last piece that is stored.
    #[must_use]
    pub fn end(&self) -> u64 {
        let ends = self.pieces().iter().filter_map(|piece| Some(piece.at?.saturating_add(piece.len)));
        ends.max().unwrap_or(0)
    }
}

impl From<Vec<Piece>> for Extents {
    /// Neighbours that follow each other in the source become one.
    fn from(pieces: Vec<Piece>) -> Self {
        let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len().min(4));
        for piece in pieces {
            match joined.last_mut() {
                Some(last)
                    if last.at.map(|at| at.saturating_add(last.len)) == piece.at
                        || (last.at.is_none() && piece.at.is_none()) =>
                {
                    last.len = last.len.saturating_add(piece.len);
                }
                _ => joined.push(piece),
            }
        }
        match joined.as_slice() {
            [one] => Self::One(*one),
            _ => Self::Many(joined.into_boxed_slice()),
        }
    }
}

/// Where an entry's bytes lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// No bytes: a directory, an empty file, a link.
    Nowhere,
    /// As they are, in these ranges of the container's source.
    Stored(Extents),
    /// Packed alone: the packed bytes are in these ranges.
    Packed(Extents),
    /// Part of a run that is packed together.
    Solid {
        /// The run's number, in physical order.
        run: u32,
        /// Where the entry begins in the unpacked run, in bytes.
        offset: u64,
    },
    /// In a file of its own: the container is a directory.
    Outside,
}

impl Location {
    /// The order in which reading costs least.
    #[must_use]
    pub fn order(&self) -> (u64, u64) {
        let first = |extents: &Extents| extents.pieces().iter().find_map(|piece| piece.at).unwrap_or(0);
        match self {
            Self::Nowhere | Self::Outside => (0, 0),
            Self::Stored(extents) | Self::Packed(extents) => (first(extents), 0),
            Self::Solid { run, offset } => (u64::from(*run), *offset),
        }
    }

    /// The word for JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nowhere => "nowhere",
            Self::Stored(_) | Self::Outside => "stored",
            Self::Packed(_) => "packed",
            Self::Solid { .. } => "solid",
        }
    }
}

/// One member of a container.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The whole path.
    pub path: EntryPath,
    /// What it is.
    pub kind: EntryKind,
    /// What it is besides.
    pub role: Role,
    /// Size of its content in bytes, unpacked.
    pub bytes: u64,
    /// When its content was last changed.
    pub modified: Option<Timestamp>,
    /// Where a symbolic link points, as stored.
    pub target: Option<Box<str>>,
    /// Where its bytes lie.
    pub location: Location,
    /// Entries of one container with the same number are one file with several names.
    pub link: Option<u64>,
    /// POSIX permission bits, where the medium records them.
    pub mode: Option<u16>,
}

impl Entry {
    /// A plain entry without bytes.
    #[must_use]
    pub fn new(path: EntryPath, kind: EntryKind) -> Self {
        Self {
            path,
            kind,
            role: Role::Plain,
            bytes: 0,
            modified: None,
            target: None,
            location: Location::Nowhere,
            link: None,
            mode: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_pieces_become_one() {
        let piece = |at, len| Piece { at, len };
        let extents =
            Extents::from(vec![piece(Some(10), 5), piece(Some(15), 5), piece(None, 3), piece(None, 4)]);
        assert_eq!(extents.pieces(), [piece(Some(10), 10), piece(None, 7)]);
        assert_eq!((extents.bytes(), extents.end()), (17, 20));
        assert_eq!(Extents::from(vec![piece(Some(1), 2)]), Extents::One(piece(Some(1), 2)));
    }

    #[test]
    fn a_path_keeps_the_bytes_of_a_part_that_is_no_unicode() {
        let path = EntryPath::new("dir").join(&Name::from_utf8(b"\xff.txt"));
        assert_eq!(path.text(), "dir/\u{fffd}.txt");
        assert_eq!(path.bytes(), b"dir/\xff.txt");
        assert_eq!(EntryPath::default().join(&Name::new("a")).raw(), None);
    }
}
