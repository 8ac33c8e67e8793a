//! A member's bytes: where they begin behind its local header, and which decoder they want.

use super::directory::LOCAL;
use super::encryption;
use super::member::Member;
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::guard::guarded;
use crate::limits::Limits;
use crate::passwords::Passwords;
use crate::source::{SharedSource, read_vec};
use crate::unpack::{self, Checked, Content, Exact};
use std::io::{self, Cursor, Read};

/// Methods (APPNOTE 4.4.5).
pub(super) const STORED: u16 = 0;
const SHRUNK: u16 = 1;
const REDUCED: std::ops::RangeInclusive<u16> = 2..=5;
const IMPLODED: u16 = 6;
const DEFLATED: u16 = 8;
const DEFLATE64: u16 = 9;
const BZIP2: u16 = 12;
const LZMA: u16 = 14;
const ZSTD_OLD: u16 = 20;
const ZSTD: u16 = 93;
const XZ: u16 = 95;
const PPMD: u16 = 98;

/// Bytes of a local header before its name.
pub(super) const LOCAL_BYTES: u64 = 30;

/// The method's name, for layers and errors.
pub(super) fn method_name(method: u16) -> &'static str {
    match method {
        STORED => "stored",
        SHRUNK => "shrunk",
        2..=5 => "reduced",
        IMPLODED => "imploded",
        DEFLATED => "deflate",
        DEFLATE64 => "deflate64",
        BZIP2 => "bzip2",
        LZMA => "lzma",
        ZSTD_OLD | ZSTD => "zstd",
        XZ => "xz",
        PPMD => "ppmd",
        94 => "mp3",
        96 => "jpeg",
        97 => "wavpack",
        _ => "unknown method",
    }
}

/// Where a member's packed bytes begin: its local header has a name and extra field of its own length.
pub(super) fn data_start(source: &SharedSource, member: &Member) -> Result<u64> {
    let place = |error: Error| error.at("local file header", member.local);
    let header = read_vec(&**source, member.local, LOCAL_BYTES).map_err(place)?;
    if !header.starts_with(LOCAL) {
        return Err(place(Error::damaged("no local header where the directory says")));
    }
    let fields = Fields::new("local file header", &header, member.local);
    let name = u64::from(fields.u16_le(26, "file name length")?);
    let extra = u64::from(fields.u16_le(28, "extra field length")?);
    Ok(member.local.saturating_add(LOCAL_BYTES).saturating_add(name).saturating_add(extra))
}

/// The member's content. The central directory is believed, the local header only as to where bytes begin;
/// the checksum decides.
pub(super) fn open(
    source: &SharedSource,
    member: &Member,
    limits: &Limits,
    passwords: &Passwords,
) -> Result<Content> {
    let start = data_start(source, member)?;
    let checked = |content| Box::new(Checked::new(content, member.bytes, member.crc, Exact::Yes));
    if member.is_encrypted() {
        return encryption::open(source, member, start, passwords, |plain| {
            let decoded = decode(plain.bytes, plain.len, member, limits)?;
            Ok(checked(plain.seal.on(decoded)))
        });
    }
    let packed: Content = match member.method {
        STORED => Box::new(unpack::Range::new(source.clone(), start, member.packed)),
        _ => unpack::packed(source, start, member.packed),
    };
    Ok(checked(decode(packed, member.packed, member, limits)?))
}

/// What comes out of `len` packed bytes.
fn decode(mut packed: Content, len: u64, member: &Member, limits: &Limits) -> Result<Content> {
    let memory = limits.decoder_memory;
    Ok(match member.method {
        STORED => packed,
        DEFLATED => unpack::deflate(packed),
        DEFLATE64 => unpack::deflate64(packed),
        BZIP2 => unpack::bzip2(packed),
        LZMA => lzma(packed, member, memory)?,
        ZSTD | ZSTD_OLD => unpack::zstd(packed, memory),
        XZ => unpack::xz(packed, memory),
        PPMD => {
            let mut parameters = [0; 2];
            packed
                .read_exact(&mut parameters)
                .map_err(|error| Error::from(error).during("ppmd parameters"))?;
            let content = unpack::ppmd8(packed, u16::from_le_bytes(parameters), memory)?;
            Box::new(packed_as(content, Some(member.bytes)))
        }
        SHRUNK | IMPLODED => legacy(packed, len, member, limits)?,
        method if REDUCED.contains(&method) => legacy(packed, len, member, limits)?,
        method => return Err(Error::unsupported(method_name(method)).field("compression method")),
    })
}

/// PPMd has no end of its own: it ends with the member.
fn packed_as(content: Content, bytes: Option<u64>) -> io::Take<Content> {
    content.take(bytes.unwrap_or(u64::MAX))
}

/// LZMA in ZIP (APPNOTE 5.8.8): version, length of the properties, the properties.
fn lzma(mut packed: Content, member: &Member, memory: u64) -> Result<Content> {
    let mut head = [0; 9];
    packed.read_exact(&mut head).map_err(|error| Error::from(error).during("lzma properties"))?;
    let [_, _, len0, len1, properties, dictionary @ ..] = head;
    if u16::from_le_bytes([len0, len1]) != 5 {
        return Err(Error::invalid("length of the lzma properties"));
    }
    // Flag 1: an end mark stands behind the data; with or without it the size is known.
    unpack::lzma(packed, properties, u32::from_le_bytes(dictionary), Some(member.bytes), memory)
}

/// Shrink, reduce and implode, as PKZIP 1 had them: decoded whole by the crate `zip`, through a local header
/// made of what the central directory says. Such members are as small as their time.
fn legacy(packed: Content, len: u64, member: &Member, limits: &Limits) -> Result<Content> {
    let most = limits.spool_memory.min(u64::from(u32::MAX));
    if member.bytes > most || len > most {
        return Err(Error::limit("bytes of a member packed as PKZIP 1 did", most));
    }
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let flags = (member.flags & 0x0006).to_le_bytes();
    let mut stream = LOCAL.to_vec();
    stream.extend([20, 0]);
    stream.extend(flags);
    stream.extend(member.method.to_le_bytes());
    stream.extend([0; 4]);
    stream.extend(member.crc.unwrap_or(0).to_le_bytes());
    stream.extend(narrow(len));
    stream.extend(narrow(member.bytes));
    stream.extend([1, 0, 0, 0, b'x']);
    packed.take(len).read_to_end(&mut stream)?;
    let decoded = guarded("data packed as PKZIP 1 did", || {
        let mut stream = Cursor::new(stream);
        let options = zip::ZipReadOptions::new().ignore_crc32(true);
        let file = zip::read::read_zipfile_from_stream_with_options(&mut stream, options);
        let file = file.ok().flatten().ok_or(Error::damaged("data packed as PKZIP 1 did"))?;
        let mut out = Vec::new();
        let read = file.take(member.bytes.saturating_add(1)).read_to_end(&mut out);
        read.map_err(|_| Error::damaged("data packed as PKZIP 1 did"))?;
        Ok(out)
    })?;
    Ok(Box::new(Cursor::new(decoded)))
}
