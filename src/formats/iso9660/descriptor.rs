//! Volume descriptors (ECMA-119 §8): where they are, what they say, and the sessions of a disc that
//! was written more than once.
//!
//! | sector | what |
//! |---|---|
//! | 0–15 | system area: not part of ISO 9660 |
//! | 16– | volume descriptors of 2048 bytes: type, `CD001`, version |
//! | last | set terminator, type 255 |

use crate::container::{Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::source::{Source, read_up_to, read_vec};
use crate::text::{padded, utf8_or_latin1, utf16_be};
use crate::time::{self, Timestamp};

/// Bytes of a logical sector and of a volume descriptor (ECMA-119 §6.1.2, §8.1).
pub(super) const SECTOR: u64 = 2048;
/// The sector in which a session's descriptors begin, counted from the session's start.
const FIRST: u64 = 16;
/// More descriptors than any writer makes.
const MOST_DESCRIPTORS: u64 = 128;
/// Sectors after a session in which the next one is looked for: the gap on a disc is 11,400.
const SESSION_GAP: u64 = 16_384;
const MOST_SESSIONS: usize = 99;

/// What kind of tree a descriptor leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Primary (type 1).
    Primary,
    /// Joliet: supplementary with a UCS-2 escape sequence. The number is its level.
    Joliet(u8),
    /// Enhanced: supplementary, version 2 (ISO 9660:1999).
    Enhanced,
    /// Supplementary with another character set.
    Supplementary,
}

/// A primary or supplementary volume descriptor (ECMA-119 §8.4, §8.5).
#[derive(Debug, Clone)]
pub(super) struct Volume {
    pub(super) kind: Kind,
    /// Bytes of a logical block: what extents count in.
    pub(super) block: u64,
    /// The volume space's size in bytes.
    pub(super) space: u64,
    /// The root directory's record, as stored.
    pub(super) root: Vec<u8>,
    /// Where that record lies in the source.
    pub(super) root_at: u64,
    /// Where the path table of this byte order lies, in bytes, and its size.
    pub(super) path_table: (u64, u64),
    pub(super) label: String,
    pub(super) named: Vec<(&'static str, String)>,
}

/// The descriptors of one session.
#[derive(Debug, Clone, Default)]
pub(super) struct Session {
    /// The session's first sector.
    pub(super) start: u64,
    pub(super) volumes: Vec<Volume>,
    /// Where the El Torito boot catalog lies, in bytes.
    pub(super) boot_catalog: Option<u64>,
}

/// A value recorded in both byte orders (ECMA-119 §7.2.3, §7.3.3). Where they differ the
/// little-endian one is right more often; a zero there is not.
pub(super) fn both_u32(fields: &Fields<'_>, at: usize, name: &'static str) -> Result<(u32, bool)> {
    let (le, be) = (fields.u32_le(at, name)?, fields.u32_be(at + 4, name)?);
    Ok((if le == 0 { be } else { le }, le == be))
}

pub(super) fn both_u16(fields: &Fields<'_>, at: usize, name: &'static str) -> Result<(u16, bool)> {
    let (le, be) = (fields.u16_le(at, name)?, fields.u16_be(at + 2, name)?);
    Ok((if le == 0 { be } else { le }, le == be))
}

/// True where sector 16 of `source` begins like a volume descriptor.
pub(super) fn is_here(source: &dyn Source) -> Result<bool> {
    Ok(read_up_to(source, FIRST * SECTOR + 1, 5)? == b"CD001")
}

/// Reads the descriptors of every session, the first one first.
///
/// # Errors
/// `Truncated` or `Invalid` where the first session has no usable descriptor.
pub(super) fn sessions(source: &dyn Source, findings: &mut Findings) -> Result<Vec<Session>> {
    let mut sessions = vec![session(source, 0, findings)?];
    while sessions.len() < MOST_SESSIONS {
        let Some(last) = sessions.last() else { break };
        let after = last.volumes.iter().map(|volume| volume.space / SECTOR).max().unwrap_or(0);
        let after = if after <= last.start { last.start.saturating_add(after) } else { after };
        let Some(start) = next_session(source, after)? else { break };
        // Descriptors of something else in the tail do not count: a session's tree lies in itself.
        let mut quiet = Findings::default();
        match session(source, start, &mut quiet) {
            Ok(next) if next.volumes.iter().any(|volume| root_is_at(volume, start)) => {
                sessions.push(next);
            }
            _ => break,
        }
    }
    Ok(sessions)
}

fn root_is_at(volume: &Volume, start: u64) -> bool {
    let fields = Fields::new("root directory record", &volume.root, volume.root_at);
    both_u32(&fields, 2, "location of extent").is_ok_and(|(block, _)| u64::from(block) > start)
}

/// Looks for descriptors behind sector `after`.
fn next_session(source: &dyn Source, after: u64) -> Result<Option<u64>> {
    let sectors = source.len() / SECTOR;
    let last = after.saturating_add(SESSION_GAP).min(sectors.saturating_sub(FIRST));
    for start in after.max(1)..last {
        let head = read_up_to(source, (start + FIRST) * SECTOR, 6)?;
        if head == *b"\x01CD001" {
            return Ok(Some(start));
        }
    }
    Ok(None)
}

fn session(source: &dyn Source, start: u64, findings: &mut Findings) -> Result<Session> {
    let mut session = Session { start, ..Session::default() };
    let mut terminated = false;
    let mut wrong = None;
    for number in 0..MOST_DESCRIPTORS {
        let at = start.saturating_add(FIRST + number).saturating_mul(SECTOR);
        let bytes = match read_vec(source, at, SECTOR) {
            Ok(bytes) => bytes,
            Err(error) if number == 0 => return Err(error.at("volume descriptor", at)),
            Err(_) => break,
        };
        let fields = Fields::new("volume descriptor", &bytes, at);
        if fields.bytes(1, 5, "standard identifier")? != b"CD001" {
            break;
        }
        match fields.u8(0, "type")? {
            0 if fields.bytes(7, 23, "boot system identifier")? == b"EL TORITO SPECIFICATION" => {
                let block = fields.u32_le(0x47, "boot catalog")?;
                session.boot_catalog = Some(u64::from(block).saturating_mul(SECTOR));
            }
            1 | 2 => match volume(&fields, findings) {
                Ok(volume) => session.volumes.push(volume),
                Err(error) => wrong = Some(wrong.unwrap_or(error)),
            },
            255 => {
                terminated = true;
                break;
            }
            _ => {}
        }
    }
    if !session.volumes.iter().any(|volume| volume.kind == Kind::Primary) {
        if let Some(error) = wrong {
            return Err(error);
        }
        if session.volumes.is_empty() {
            return Err(Error::damaged("no primary volume descriptor")
                .at("volume descriptor", (start + FIRST) * SECTOR));
        }
        findings.push(Finding::new(Severity::Weak, "no primary volume descriptor"));
    } else if let Some(error) = wrong {
        findings.push(Finding::new(Severity::Weak, format!("a descriptor is left out: {error}")));
    }
    if !terminated {
        findings.push(Finding::new(Severity::Weak, "the volume descriptor set has no terminator"));
    }
    Ok(session)
}

fn volume(fields: &Fields<'_>, findings: &mut Findings) -> Result<Volume> {
    let kind = match (fields.u8(0, "type")?, fields.u8(6, "version")?) {
        (1, _) => Kind::Primary,
        (_, 2) => Kind::Enhanced,
        // Joliet §3: the escape sequences of UCS-2 levels 1, 2 and 3.
        _ => match fields.bytes(88, 3, "escape sequences")? {
            b"%/@" => Kind::Joliet(1),
            b"%/C" => Kind::Joliet(2),
            b"%/E" => Kind::Joliet(3),
            _ => Kind::Supplementary,
        },
    };
    let (block, same_block) = both_u16(fields, 128, "logical block size")?;
    if !matches!(block, 512 | 1024 | 2048) {
        return Err(fields.wrong(128, "logical block size", Error::invalid("logical block size")));
    }
    let (space, same_space) = both_u32(fields, 80, "volume space size")?;
    let (table, same_table) = both_u32(fields, 132, "path table size")?;
    for (same, name) in [
        (same_block, "logical block size"),
        (same_space, "volume space size"),
        (same_table, "path table size"),
    ] {
        if !same {
            let what = format!("{name} differs between its byte orders; the little-endian one is used");
            findings.push(Finding::new(Severity::Weak, what));
        }
    }
    let block = u64::from(block);
    let text = |at, len, name| -> Result<String> { Ok(string(kind, fields.bytes(at, len, name)?)) };
    let mut named = Vec::new();
    for (name, at, len) in [
        ("system", 8, 32),
        ("volume set", 190, 128),
        ("publisher", 318, 128),
        ("preparer", 446, 128),
        ("application", 574, 128),
    ] {
        let value = text(at, len, name)?;
        if !value.is_empty() {
            named.push((name, value));
        }
    }
    for (name, at) in [("created", 813), ("modified", 830), ("expires", 847), ("effective", 864)] {
        if let Some(time) = long_time(fields.bytes(at, 17, name)?) {
            named.push((name, time.rfc3339()));
        }
    }
    Ok(Volume {
        kind,
        block,
        space: u64::from(space).saturating_mul(block),
        root: fields.bytes(156, 34, "root directory record")?.to_vec(),
        root_at: fields.base() + 156,
        path_table: (
            u64::from(fields.u32_le(140, "location of type L path table")?).saturating_mul(block),
            table.into(),
        ),
        label: text(40, 32, "volume identifier")?,
        named,
    })
}

fn string(kind: Kind, bytes: &[u8]) -> String {
    match kind {
        Kind::Joliet(_) => {
            let text = utf16_be(bytes).0;
            text.split('\0').next().unwrap_or_default().trim_end().to_owned()
        }
        _ => utf8_or_latin1(padded(bytes)),
    }
}

/// The 17-byte date and time of descriptors and of Rock Ridge's long form (ECMA-119 §8.4.26.1):
/// sixteen digits and the zone in quarters of an hour. All zeros: not recorded.
pub(super) fn long_time(bytes: &[u8]) -> Option<Timestamp> {
    let (digits, zone) = bytes.split_at_checked(16)?;
    let number = |from: usize, len: usize| -> Option<u32> {
        std::str::from_utf8(digits.get(from..from + len)?).ok()?.parse().ok()
    };
    Timestamp::from_fields(time::Fields {
        year: number(0, 4)?.try_into().ok()?,
        month: number(4, 2)?.try_into().ok()?,
        day: number(6, 2)?.try_into().ok()?,
        hour: number(8, 2)?.try_into().ok()?,
        minute: number(10, 2)?.try_into().ok()?,
        second: number(12, 2)?.try_into().ok()?,
        nanos: number(14, 2)?.checked_mul(10_000_000)?,
        zone: Some(quarters(*zone.first()?)),
    })
}

/// The 7-byte date and time of directory records (ECMA-119 §9.1.5).
pub(super) fn short_time(bytes: &[u8]) -> Option<Timestamp> {
    let &[year, month, day, hour, minute, second, zone] = bytes.first_chunk::<7>()?;
    Timestamp::from_fields(time::Fields {
        year: 1900 + i32::from(year),
        month,
        day,
        hour,
        minute,
        second,
        nanos: 0,
        zone: Some(quarters(zone)),
    })
}

/// Quarters of an hour from UTC, signed, as minutes.
fn quarters(byte: u8) -> i16 {
    i16::from(byte.cast_signed()) * 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_seventeen_bytes_has_hundredths_and_a_zone() {
        let time = long_time(b"2006120810300050\x04").unwrap();
        assert_eq!(time.rfc3339(), "2006-12-08T10:30:00.5+01:00");
        assert_eq!(long_time(b"0000000000000000\0"), None);
        assert_eq!(long_time(b"2006"), None);
    }

    #[test]
    fn a_time_of_seven_bytes_counts_from_1900() {
        let time = short_time(&[106, 12, 8, 10, 30, 0, 0xf0]).unwrap();
        assert_eq!(time.rfc3339(), "2006-12-08T10:30:00-04:00");
        assert_eq!(short_time(&[0; 7]), None);
    }

    #[test]
    fn the_little_endian_value_wins_unless_it_is_zero() {
        let differ = [1, 0, 0, 0, 0, 0, 0, 2];
        assert_eq!(both_u32(&Fields::new("x", &differ, 0), 0, "f").unwrap(), (1, false));
        let zero = [0, 0, 0, 0, 0, 0, 0, 2];
        assert_eq!(both_u32(&Fields::new("x", &zero, 0), 0, "f").unwrap(), (2, false));
        for (bytes, value) in
            [([9, 1, 0, 0, 2], (1, false)), ([9, 0, 0, 0, 2], (2, false)), ([9, 3, 1, 1, 3], (0x103, true))]
        {
            assert_eq!(both_u16(&Fields::new("x", &bytes, 0), 1, "f").unwrap(), value);
        }
    }
}
