//! One member: its central or local header (APPNOTE 4.3.7, 4.3.12), its extra fields, its name.

use super::encryption::Encryption;
use crate::cipher::Strength;
use crate::container::{EntryKind, EntryPath, Name};
use crate::error::Result;
use crate::fields::Fields;
use crate::formats::listing::Listing;
use crate::time::{self, Timestamp};

/// Where a member was made (APPNOTE 4.4.2): what its attributes mean.
const HOST_FAT: u8 = 0;
const HOST_UNIX: u8 = 3;
const HOST_HPFS: u8 = 6;
const HOST_NTFS: u8 = 10;
const HOST_MVS_OR_NTFS: u8 = 11;
const HOST_VFAT: u8 = 14;
const HOST_DARWIN: u8 = 19;

/// Flags (APPNOTE 4.4.4).
const ENCRYPTED: u16 = 1;
const STRONG: u16 = 1 << 6;
pub(super) const DESCRIPTOR: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;
const MASKED: u16 = 1 << 13;

/// The method that says: AES, the true one is in the extra field 0x9901.
const AES: u16 = 99;

/// One member as its headers describe it.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) path: EntryPath,
    pub(super) kind: EntryKind,
    pub(super) flags: u16,
    /// The compression method (APPNOTE 4.4.5), behind AES where that is used.
    pub(super) method: u16,
    pub(super) encryption: Encryption,
    /// `None` where AE-2 keeps none.
    pub(super) crc: Option<u32>,
    /// Bytes packed and unpacked.
    pub(super) packed: u64,
    pub(super) bytes: u64,
    /// The part of a split archive where it begins, from 0.
    pub(super) disk: u32,
    /// Where its local header begins, as declared.
    pub(super) local: u64,
    /// Bytes of its name in the central directory.
    pub(super) name_len: u64,
    pub(super) mode: Option<u16>,
    pub(super) modified: Option<Timestamp>,
}

/// Which header is read: a local one has no offset.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    Central,
    Local,
}

/// What the extra fields say.
#[derive(Default)]
struct Extra {
    unicode_path: Option<(u32, Vec<u8>)>,
    modified: Option<Timestamp>,
    /// How exact `modified` is: a better one replaces it.
    rank: u8,
    aes_method: Option<u16>,
    aes_strength: Option<Strength>,
    aes_version: u16,
}

impl Member {
    /// True where a password is needed.
    pub(super) fn is_encrypted(&self) -> bool {
        self.encryption != Encryption::None
    }

    /// True where nothing of its bytes has to be looked for.
    pub(super) fn is_empty(&self) -> bool {
        self.packed == 0 && self.bytes == 0 && self.crc.unwrap_or(0) == 0
    }

    /// Reads a central header; how many bytes it takes.
    pub(super) fn central(fields: &Fields<'_>) -> Result<(Self, usize)> {
        let made_by = fields.u16_le(4, "version made by")?;
        let name_len = usize::from(fields.u16_le(28, "file name length")?);
        let extra_len = usize::from(fields.u16_le(30, "extra field length")?);
        let comment_len = usize::from(fields.u16_le(32, "file comment length")?);
        let name = fields.bytes(46, name_len, "file name")?;
        let extra = fields.bytes(46 + name_len, extra_len, "extra field")?;
        let [_, host] = made_by.to_le_bytes();
        let attributes = fields.u32_le(38, "external file attributes")?;
        let mut member = Self::common(fields, 8, name, extra)?;
        member.disk = u32::from(fields.u16_le(34, "disk number start")?);
        member.local = u64::from(fields.u32_le(42, "relative offset of local header")?);
        member.widen(extra, Header::Central);
        member.place(host, attributes);
        // A comment cut off by the directory's end costs nothing.
        Ok((member, 46 + name_len + extra_len + comment_len))
    }

    /// Reads a local header; how many bytes it takes.
    pub(super) fn local(fields: &Fields<'_>) -> Result<(Self, usize)> {
        let name_len = usize::from(fields.u16_le(26, "file name length")?);
        let extra_len = usize::from(fields.u16_le(28, "extra field length")?);
        let name = fields.bytes(30, name_len, "file name")?;
        let extra = fields.bytes(30 + name_len, extra_len, "extra field")?;
        let mut member = Self::common(fields, 6, name, extra)?;
        member.local = fields.base();
        member.widen(extra, Header::Local);
        member.place(HOST_UNIX, 0);
        Ok((member, 30 + name_len + extra_len))
    }

    /// What both headers have, `at` its flags.
    fn common(fields: &Fields<'_>, at: usize, name: &[u8], extra: &[u8]) -> Result<Self> {
        let flags = fields.u16_le(at, "general purpose bit flag")?;
        let stored_method = fields.u16_le(at + 2, "compression method")?;
        let dos = fields.u32_le(at + 4, "last mod time and date")?;
        let extra = read_extra(extra);
        let path = decode_name(name, flags, &extra);
        let crc = fields.u32_le(at + 8, "crc-32")?;
        let encryption = if stored_method == AES {
            extra.aes_strength.map_or(Encryption::Unknown, Encryption::WinZip)
        } else if flags & MASKED != 0 || flags & (ENCRYPTED | STRONG) == ENCRYPTED | STRONG {
            Encryption::Strong
        } else if flags & ENCRYPTED != 0 {
            // Where the checksum comes behind the bytes, the time's high byte stands for it.
            let [_, time, ..] = dos.to_le_bytes();
            let [.., sum] = crc.to_le_bytes();
            Encryption::PkZip { check: if flags & DESCRIPTOR != 0 { time } else { sum } }
        } else {
            Encryption::None
        };
        Ok(Self {
            path,
            kind: EntryKind::File,
            flags,
            method: extra.aes_method.filter(|_| stored_method == AES).unwrap_or(stored_method),
            encryption,
            crc: Some(crc).filter(|_| !(stored_method == AES && extra.aes_version == 2)),
            packed: u64::from(fields.u32_le(at + 12, "compressed size")?),
            bytes: u64::from(fields.u32_le(at + 16, "uncompressed size")?),
            disk: 0,
            local: 0,
            name_len: name.len() as u64,
            mode: None,
            modified: extra.modified.or_else(|| dos_time(dos)),
        })
    }

    /// Replaces what did not fit into 32 bits by the ZIP64 extra field's values (APPNOTE 4.5.3).
    fn widen(&mut self, extra: &[u8], from: Header) {
        let Some(body) = blocks(extra).find(|(id, _)| *id == 1).map(|(_, body)| body) else { return };
        let mut values =
            body.chunks_exact(8).map_while(|bytes| Some(u64::from_le_bytes(bytes.try_into().ok()?)));
        for value in [
            Some(&mut self.bytes),
            Some(&mut self.packed),
            (from == Header::Central).then_some(&mut self.local),
        ] {
            let Some(value) = value.filter(|value| **value == u64::from(u32::MAX)) else { continue };
            let Some(wide) = values.next() else { return };
            *value = wide;
        }
    }

    /// What kind it is, by its name and where it was made.
    fn place(&mut self, host: u8, attributes: u32) {
        let unix = matches!(host, HOST_UNIX | HOST_DARWIN);
        let mode = u16::try_from(attributes >> 16).unwrap_or(0);
        let dos = matches!(host, HOST_FAT | HOST_HPFS | HOST_NTFS | HOST_MVS_OR_NTFS | HOST_VFAT);
        let mut text = self.path.text().to_owned();
        // PKZIP and .NET before 4.6.1 wrote the separators of their own system.
        let backslashes = dos && !text.contains('/') && text.contains('\\') && self.path.raw().is_none();
        if backslashes {
            text = text.replace('\\', "/");
        }
        let is_dir =
            text.ends_with('/') || (dos && attributes & 0x10 != 0 && self.bytes == 0 && self.packed <= 12);
        self.kind = match mode & 0xf000 {
            0xa000 if unix => EntryKind::Symlink,
            0x4000 if unix && self.bytes == 0 => EntryKind::Dir,
            0x1000 | 0x2000 | 0x6000 | 0xc000 if unix && self.bytes == 0 => EntryKind::Other,
            _ if is_dir => EntryKind::Dir,
            _ => EntryKind::File,
        };
        if unix && mode != 0 {
            self.mode = Some(mode & 0o7777);
        }
        self.path = match self.path.raw() {
            None => Listing::path(text.as_bytes()),
            Some(raw) => Listing::path(raw),
        };
    }
}

/// The blocks of an extra field. What does not fit ends it.
fn blocks(extra: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = extra;
    std::iter::from_fn(move || {
        let (head, behind) = rest.split_first_chunk::<4>()?;
        let [id0, id1, len0, len1] = *head;
        let body = behind.get(..usize::from(u16::from_le_bytes([len0, len1])))?;
        rest = behind.get(body.len()..)?;
        Some((u16::from_le_bytes([id0, id1]), body))
    })
}

fn read_extra(extra: &[u8]) -> Extra {
    let mut out = Extra::default();
    for (id, body) in blocks(extra) {
        let fields = Fields::new("extra field", body, 0);
        let mut time = |rank: u8, time: Option<Timestamp>| {
            if rank > out.rank
                && let Some(time) = time
            {
                (out.rank, out.modified) = (rank, Some(time));
            }
        };
        match id {
            // NTFS: attribute 1 holds three times (APPNOTE 4.5.5).
            0x000a if fields.u16_le(4, "tag").ok() == Some(1) => {
                time(3, fields.u64_le(8, "mtime").ok().and_then(Timestamp::from_filetime))
            }
            // Extended timestamp: bit 0 says that the modification time is there.
            0x5455 if body.first().is_some_and(|flags| flags & 1 == 1) => {
                time(2, fields.u32_le(1, "mtime").ok().map(unix_time));
            }
            // Info-ZIP Unix, first version: access time, modification time.
            0x5855 => time(1, fields.u32_le(4, "mtime").ok().map(unix_time)),
            0x7075 if body.first() == Some(&1) => {
                let crc = fields.u32_le(1, "name crc-32").ok();
                out.unicode_path = crc.map(|crc| (crc, fields.rest(5).to_vec()));
            }
            0x9901 => {
                out.aes_version = fields.u16_le(0, "version").unwrap_or(0);
                out.aes_method = fields.u16_le(5, "method").ok();
                out.aes_strength = match body.get(4) {
                    Some(1) => Some(Strength::Aes128),
                    Some(2) => Some(Strength::Aes192),
                    Some(3) => Some(Strength::Aes256),
                    _ => None,
                };
            }
            _ => {}
        }
    }
    out
}

/// Seconds since 1970, signed: archives keep files from before.
fn unix_time(seconds: u32) -> Timestamp {
    let seconds = i64::from(i32::from_le_bytes(seconds.to_le_bytes()));
    Timestamp { seconds, nanos: 0, zone: Some(0) }
}

/// MS-DOS date and time: local, of a zone that nobody kept, in steps of two seconds.
fn dos_time(dos: u32) -> Option<Timestamp> {
    let bits = |from: u32, count: u32| (dos >> from) & ((1 << count) - 1);
    let byte = |value: u32| u8::try_from(value).ok();
    Timestamp::from_fields(time::Fields {
        year: 1980 + i32::try_from(bits(25, 7)).ok()?,
        month: byte(bits(21, 4))?,
        day: byte(bits(16, 5))?,
        hour: byte(bits(11, 5))?,
        minute: byte(bits(5, 6))?,
        second: byte(bits(0, 5) * 2)?,
        nanos: 0,
        zone: None,
    })
}

/// A name by what says most about its bytes: the UTF-8 flag, the Unicode path field, UTF-8 that is valid
/// (Info-ZIP on Unix sets no flag), and at last the code page of the first PCs (APPNOTE D.1).
fn decode_name(name: &[u8], flags: u16, extra: &Extra) -> EntryPath {
    if name.is_ascii() && extra.unicode_path.is_none() {
        return EntryPath::new(String::from_utf8_lossy(name));
    }
    if flags & UTF8 != 0 {
        return EntryPath::default().join(&Name::from_utf8(name));
    }
    if let Some((crc, unicode)) = &extra.unicode_path
        && *crc == crc32fast::hash(name)
        && let Ok(text) = std::str::from_utf8(unicode)
    {
        return EntryPath::new(text);
    }
    match std::str::from_utf8(name) {
        Ok(text) => EntryPath::new(text),
        Err(_) => EntryPath::new(name.iter().map(|&byte| cp437(byte)).collect::<String>()),
    }
}

/// Code page 437. Its first half is ASCII: the pictures that it has for control characters are not names.
fn cp437(byte: u8) -> char {
    const UPPER: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧\
                         ╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";
    match byte.checked_sub(0x80) {
        Some(at) => UPPER.chars().nth(usize::from(at)).unwrap_or(char::REPLACEMENT_CHARACTER),
        None => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_the_old_code_page_is_a_character() {
        let all: String = (0x80..=0xff).map(cp437).collect();
        assert_eq!(all.chars().count(), 128);
        assert!(!all.contains(char::REPLACEMENT_CHARACTER));
        assert_eq!((cp437(0x81), cp437(0xe1), cp437(0xff)), ('ü', 'ß', '\u{a0}'));
    }

    #[test]
    fn a_name_is_read_by_what_says_most_about_it() {
        let none = Extra::default();
        assert_eq!(decode_name(b"\x81.txt", 0, &none).text(), "ü.txt");
        assert_eq!(decode_name("ü".as_bytes(), 0, &none).text(), "ü");
        assert_eq!(decode_name(b"\x81", UTF8, &none).bytes(), b"\x81");
        let field = |crc| Extra { unicode_path: Some((crc, "日".into())), ..Extra::default() };
        assert_eq!(decode_name(b"?", 0, &field(crc32fast::hash(b"?"))).text(), "日");
        assert_eq!(decode_name(b"?", 0, &field(1)).text(), "?");
    }

    #[test]
    fn the_best_time_wins_and_extra_fields_end_where_they_do_not_fit() {
        let mut extra = b"\x55\x54\x05\x00\x01\x00\x00\x00\x80".to_vec();
        assert_eq!(read_extra(&extra).modified.unwrap().seconds, -0x8000_0000);
        extra.extend(b"\x0a\x00\x20\x00\0\0\0\0\x01\0\x18\0");
        extra.extend(116_444_736_000_000_005u64.to_le_bytes());
        extra.extend([0; 16]);
        let time = read_extra(&extra).modified.unwrap();
        assert_eq!((time.seconds, time.nanos), (0, 500));
        assert_eq!(blocks(b"\x01\x00\xff\x00abc").count(), 0);
        assert_eq!(dos_time(0x5021_0821).unwrap().rfc3339(), "2020-01-01T01:01:02Z");
    }
}
