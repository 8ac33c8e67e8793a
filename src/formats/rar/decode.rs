//! Decoding: `rars` writes what it decodes; here a thread of its own lets it write, and the reader reads.

use crate::ahead::{Feed, fed};
use crate::error::{Error, Kind, Lock, Result};
use crate::guard::guarded;
use crate::source::SharedSource;
use rars::{Archive, ArchiveReadOptions, ErrorKind, rar15_40, rar50};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The volumes of an archive, in order.
pub(super) struct Set {
    pub(super) archives: Vec<Archive>,
    /// The bytes of each.
    pub(super) sources: Vec<SharedSource>,
    /// Which of them is the source that was opened.
    pub(super) own: usize,
    /// Threads that decode.
    pub(super) threads: usize,
    /// What encrypted members are decoded with.
    pub(super) password: Mutex<Option<Arc<str>>>,
}

/// Where a member's header stands: volume and block. Members over several volumes have several.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) parts: Vec<(usize, usize)>,
}

/// Dictionaries larger than this are refused.
const LARGEST_DICTIONARY: u64 = 1 << 30;
/// Members up to this size are decoded in memory, by whoever asks.
const SMALL: u64 = 1 << 20;
/// RAR 5 members up to this size are held in memory by the decoder.
const BUFFERED: u64 = 32 << 20;

fn options(password: Option<&str>) -> ArchiveReadOptions<'_> {
    ArchiveReadOptions::with_optional_password(password.map(str::as_bytes))
        .with_rar50_dictionary_size_limit(LARGEST_DICTIONARY)
        .with_rar50_buffered_decode_limit(BUFFERED)
}

/// What `rars` said, in our words.
pub(super) fn error(error: rars::Error) -> Error {
    let locked = |tried| Error::new(Kind::Encrypted { what: "the archive", lock: Lock::Password { tried } });
    match error.kind() {
        ErrorKind::PasswordRequired => locked(0),
        ErrorKind::BadPassword => locked(1),
        ErrorKind::ChecksumMismatch => Error::damaged("its checksum does not match"),
        ErrorKind::UnsupportedFormat | ErrorKind::UnsupportedFeature => {
            Error::unsupported("this version or method of RAR")
        }
        ErrorKind::ResourceLimit => Error::limit("bytes of dictionary", LARGEST_DICTIONARY),
        // Errors of our own source come back as they were; the others are about the archive's end.
        ErrorKind::Io => Error::damaged("it ends early or cannot be read"),
        _ => match error.root_cause() {
            rars::Error::TooShort => Error::damaged("it ends early"),
            rars::Error::InvalidHeader(what) => Error::damaged(what),
            _ => Error::damaged("packed data"),
        },
    }
}

impl Set {
    pub(super) fn password(&self) -> Option<Arc<str>> {
        self.password.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_password(&self, password: Option<&str>) {
        *self.password.lock().unwrap_or_else(PoisonError::into_inner) = password.map(Arc::from);
    }

    /// The header at a place, by family.
    pub(super) fn file4(&self, (volume, block): (usize, usize)) -> Option<&rar15_40::FileHeader> {
        match self.archives.get(volume)?.as_rar15_40()?.blocks.get(block)? {
            rar15_40::Block::File(file) => Some(file),
            _ => None,
        }
    }

    pub(super) fn file5(&self, (volume, block): (usize, usize)) -> Option<&rar50::FileHeader> {
        match self.archives.get(volume)?.as_rar50()?.blocks.get(block)? {
            rar50::Block::File(file) => Some(file),
            _ => None,
        }
    }

    /// True where the member's bytes stand in the archive as they are, in one piece.
    pub(super) fn is_stored(&self, place: &Place) -> bool {
        let [part] = place.parts.as_slice() else { return false };
        if part.0 != self.own {
            return false;
        }
        match self.archives.get(part.0) {
            Some(Archive::Rar13(archive)) => {
                archive.entries.get(part.1).is_some_and(|file| file.is_stored() && !file.is_encrypted())
            }
            Some(Archive::Rar15To40(_)) => {
                self.file4(*part).is_some_and(|file| file.is_stored() && !file.is_encrypted())
            }
            Some(Archive::Rar50Plus(_)) => {
                self.file5(*part).is_some_and(|file| file.is_stored() && !file.encrypted)
            }
            _ => false,
        }
    }

    /// The checksum that members have.
    pub(super) fn checksum(&self) -> &'static str {
        match self.archives.first() {
            Some(Archive::Rar13(_)) => "rar13",
            Some(Archive::Rar50Plus(archive)) if archive.files().any(|file| file.hash.is_some()) => {
                "blake2sp"
            }
            _ => "crc32",
        }
    }

    /// What the archive is, in words.
    pub(super) fn describe(&self, solid: bool) -> String {
        let version = match self.archives.first() {
            Some(Archive::Rar13(_)) => "RAR 1.3",
            Some(Archive::Rar15To40(archive)) => match archive.files().map(|file| file.unp_ver).max() {
                Some(..=15) => "RAR 1.5",
                Some(..=28) => "RAR 2.0",
                _ => "RAR 3 or 4",
            },
            _ => "RAR 5",
        };
        let mut words = version.to_owned();
        if solid {
            words.push_str(", solid");
        }
        if self.archives.len() > 1 {
            words.push_str(&format!(", {} volumes", self.archives.len()));
        }
        words
    }

    /// What the archive says of itself.
    pub(super) fn facts(&self) -> Vec<(&'static str, String)> {
        let Some(first) = self.archives.first() else { return Vec::new() };
        let password = self.password();
        let comment = guarded("RAR comment", || {
            first.comment_with_options(options(password.as_deref())).map_err(error)
        });
        let comment = comment.ok().flatten().filter(|comment| !comment.is_empty());
        let text = comment.map(|raw| crate::text::utf8_or_latin1(&raw).trim_end_matches('\0').to_owned());
        text.map(|text| ("comment", text)).into_iter().collect()
    }

    /// Lets the decoder of one member write into `out`.
    fn write_member(&self, place: &Place, bytes: u64, out: &mut Feed) -> rars::Result<()> {
        let [part] = place.parts.as_slice() else { return self.write_parts(place, out) };
        let password = self.password();
        let password = password.as_deref().map(str::as_bytes);
        match self.archives.get(part.0) {
            Some(Archive::Rar13(archive)) => match archive.entries.get(part.1) {
                Some(entry) => entry.write_to(archive, password, out),
                None => Err(rars::Error::EntryNotFound),
            },
            Some(Archive::Rar15To40(archive)) => match self.file4(*part) {
                Some(file) => file.write_to(archive, password, out),
                None => Err(rars::Error::EntryNotFound),
            },
            Some(Archive::Rar50Plus(archive)) => match self.file5(*part) {
                Some(_) if bytes > BUFFERED => self.write_parts(place, out),
                Some(file) => {
                    let dictionary = file.decoded_compression_info()?.dictionary_size;
                    if !file.is_stored() && dictionary > LARGEST_DICTIONARY {
                        return Err(rars::Error::Rar50DictionaryLimitExceeded {
                            limit: LARGEST_DICTIONARY,
                            required: dictionary,
                        });
                    }
                    file.write_to(archive, password, out)
                }
                None => Err(rars::Error::EntryNotFound),
            },
            _ => Err(rars::Error::EntryNotFound),
        }
    }

    /// Decodes one member alone through volumes that have no other.
    fn write_parts(&self, place: &Place, out: &Feed) -> rars::Result<()> {
        let mut volumes = Vec::with_capacity(place.parts.len());
        for &(volume, block) in &place.parts {
            let mut archive = self.archives.get(volume).cloned().ok_or(rars::Error::EntryNotFound)?;
            match &mut archive {
                Archive::Rar13(archive) => {
                    let kept = archive.entries.get(block).cloned();
                    archive.entries = kept.into_iter().collect();
                }
                Archive::Rar15To40(archive) => {
                    let kept = archive.blocks.get(block).cloned();
                    archive.blocks = kept.into_iter().collect();
                }
                Archive::Rar50Plus(archive) => {
                    let kept = archive.blocks.get(block).cloned();
                    archive.blocks = kept.into_iter().collect();
                }
                _ => return Err(rars::Error::EntryNotFound),
            }
            volumes.push(archive);
        }
        write_all(&volumes, self.password().as_deref(), out)
    }
}

/// Decodes every member of the volumes, one after the other, into `out`.
fn write_all(volumes: &[Archive], password: Option<&str>, out: &Feed) -> rars::Result<()> {
    let open = |meta: &rars::ExtractedEntryMeta| -> rars::Result<Box<dyn Write>> {
        // Asked for the next: what came before is verified.
        out.verified();
        Ok(if meta.is_directory { Box::new(io::sink()) } else { Box::new(out.clone()) })
    };
    match volumes {
        [one] => one.extract_to_with_options(options(password), open),
        _ => rars::extract_volumes_to_with_options(volumes, options(password), open),
    }
}

/// The content of one member that depends on no other.
pub(super) fn member(set: &Arc<Set>, place: &Place, bytes: u64) -> Result<Box<dyn Read + Send>> {
    let (set, place) = (set.clone(), place.clone());
    let write =
        move |out: &mut Feed| guarded("RAR data", || set.write_member(&place, bytes, out).map_err(error));
    if bytes <= SMALL {
        return Ok(Box::new(io::Cursor::new(crate::ahead::collected(bytes, write)?)));
    }
    Ok(fed(write))
}

/// All members with content, one after the other.
pub(super) fn run(set: &Arc<Set>) -> Box<dyn Read + Send> {
    let set = set.clone();
    fed(move |out| {
        guarded("RAR data", || write_all(&set.archives, set.password().as_deref(), out).map_err(error))
    })
}
