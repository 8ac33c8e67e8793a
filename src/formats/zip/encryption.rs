//! Encrypted members: how each says it is encrypted, and its bytes decrypted with a password that fits.

use super::member::Member;
use crate::cipher::{PKZIP_HEADER, PkZip, Sealed, Strength, WINZIP_CHECK, WINZIP_MAC, WinZip};
use crate::error::{Error, Result};
use crate::passwords::Passwords;
use crate::source::{SharedSource, read_vec};
use crate::unpack::{self, Content};
use std::io::{self, Read};

/// How a member is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// Not at all.
    None,
    /// As PKZIP 2 did; the last byte of its header tells most wrong passwords.
    PkZip { check: u8 },
    /// As WinZip does, AE-1 and AE-2.
    WinZip(Strength),
    /// PKWARE's own way (APPNOTE 7), which is licensed.
    Strong,
    /// AES of a strength that WinZip does not know.
    Unknown,
}

/// Bytes decoded to tell which of several passwords fits.
const TRIED: u64 = 16 << 20;

/// A member's packed bytes, decrypted.
pub(super) struct Plain {
    pub(super) bytes: Content,
    /// How many there are.
    pub(super) len: u64,
    /// What vouches for them.
    pub(super) seal: Seal,
}

/// What vouches for decrypted bytes, besides the member's checksum.
#[derive(Clone)]
pub(super) enum Seal {
    /// Their authentication code.
    Code(Sealed),
    /// Nothing: a wrong password fits one time in 256.
    Byte,
}

impl Seal {
    /// What is decoded from the bytes that it vouches for.
    pub(super) fn on(self, decoded: Content) -> Content {
        match self {
            Self::Code(sealed) => Box::new(Closed { decoded, sealed }),
            Self::Byte => decoded,
        }
    }
}

/// Decoded bytes whose end is the end of what was sealed.
struct Closed {
    decoded: Content,
    sealed: Sealed,
}

impl Read for Closed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.decoded.read(buf)?;
        if n == 0 && !buf.is_empty() {
            // A decoder need not have read all of them.
            self.sealed.finish()?;
        }
        Ok(n)
    }
}

/// What stands in front of a member's bytes.
enum Head {
    PkZip { header: [u8; PKZIP_HEADER], check: u8 },
    WinZip { salt: Vec<u8>, check: [u8; WINZIP_CHECK], strength: Strength },
}

impl Head {
    fn read(source: &SharedSource, member: &Member, start: u64) -> Result<(Self, u64, u64)> {
        let broken = || Error::damaged("fewer bytes than its encryption takes");
        let (size, behind) = match member.encryption {
            Encryption::PkZip { .. } => (PKZIP_HEADER, 0),
            Encryption::WinZip(strength) => (strength.salt() + WINZIP_CHECK, WINZIP_MAC as u64),
            Encryption::Strong => return Err(Error::unsupported("PKWARE's strong encryption")),
            Encryption::Unknown => return Err(Error::unsupported("this strength of AES")),
            Encryption::None => return Err(broken()),
        };
        let at = start.saturating_add(size as u64);
        let len = member.packed.checked_sub(size as u64).and_then(|len| len.checked_sub(behind));
        let len = len.ok_or_else(broken)?;
        let mut head = read_vec(&**source, start, size as u64)?;
        let head = match member.encryption {
            Encryption::WinZip(strength) => {
                let check = head.split_off(strength.salt()).try_into().map_err(|_| broken())?;
                Self::WinZip { salt: head, check, strength }
            }
            Encryption::PkZip { check } => {
                Self::PkZip { header: head.try_into().map_err(|_| broken())?, check }
            }
            _ => return Err(broken()),
        };
        Ok((head, at, len))
    }

    /// The keys that a password makes, where they fit.
    fn keys(&self, password: &str) -> Option<Keys> {
        match self {
            Self::PkZip { header, check } => {
                let (mut keys, mut header) = (PkZip::new(password.as_bytes()), *header);
                keys.decrypt(&mut header);
                (header.last() == Some(check)).then_some(Keys::PkZip(keys))
            }
            Self::WinZip { salt, check, strength } => {
                let keys = WinZip::new(password, salt, *strength)?;
                (keys.check == *check).then(|| Keys::WinZip(Box::new(keys)))
            }
        }
    }
}

enum Keys {
    PkZip(PkZip),
    WinZip(Box<WinZip>),
}

impl Keys {
    fn decrypt(self, source: &SharedSource, at: u64, len: u64) -> Plain {
        match self {
            Self::PkZip(keys) => {
                let bytes = keys.reader(unpack::packed(source, at, len));
                Plain { bytes, len, seal: Seal::Byte }
            }
            Self::WinZip(keys) => {
                let packed = unpack::packed(source, at, len.saturating_add(WINZIP_MAC as u64));
                let sealed = keys.decrypt(packed, len);
                Plain { bytes: Box::new(sealed.clone()), len, seal: Seal::Code(sealed) }
            }
        }
    }
}

/// What `decode` makes of a member's bytes with the password that fits.
///
/// # Errors
/// `Encrypted` where none fits, `Unsupported` for an encryption that is not known, and what `decode` says.
pub(super) fn open(
    source: &SharedSource,
    member: &Member,
    start: u64,
    passwords: &Passwords,
    decode: impl Fn(Plain) -> Result<Content>,
) -> Result<Content> {
    let (head, at, len) = Head::read(source, member, start)?;
    let content = |number| -> Result<Content> {
        let keys = passwords.get(number).and_then(|password| head.keys(password));
        decode(keys.ok_or_else(|| passwords.locked("the member"))?.decrypt(source, at, len))
    };
    let fits = |(number, password)| head.keys(password).map(|_| number);
    let mut fitting: Vec<usize> = passwords.in_turn().filter_map(fits).collect();
    if fitting.len() > 1 {
        // What checks them is short: the bytes decide.
        let whole = |number: &usize| {
            content(*number)
                .and_then(|content| Ok(io::copy(&mut content.take(TRIED), &mut io::sink())?))
                .is_ok()
        };
        fitting = fitting.iter().position(whole).map_or(fitting.clone(), |at| fitting.split_off(at));
    }
    let Some(&number) = fitting.first() else { return Err(passwords.locked("the member")) };
    passwords.opened(number);
    Ok(match member.encryption {
        Encryption::PkZip { .. } => Box::new(Doubted { content: content(number).map_err(doubted)? }),
        _ => content(number)?,
    })
}

/// One byte fits by chance one time in 256: damage may be none.
fn doubted(error: Error) -> Error {
    if !error.is_damage() {
        return error;
    }
    Error::damaged("its bytes, or the password is another one that its one check byte cannot tell apart")
}

/// Bytes behind the check of PKZIP 2: what is wrong with them can be the password, too.
struct Doubted {
    content: Content,
}

impl Read for Doubted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.content.read(buf).map_err(|error| doubted(error.into()).into())
    }
}
