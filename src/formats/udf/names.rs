//! Names, identifiers and times: OSTA compressed Unicode (UDF 2.1.1), `dstring` (ECMA-167 1/7.2.12),
//! `regid` (1/7.4) and `timestamp` (1/7.3).

use crate::container::Name;
use crate::fields::Fields;
use crate::text::{padded, utf8_or_latin1, utf16_be, wtf8_be};
use crate::time::{self, Timestamp};

/// Decoded text and, where it has no exact Unicode, the bytes of its nearest encoding.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Text {
    /// As text; half a surrogate pair is U+FFFD.
    pub(super) text: String,
    raw: Option<Vec<u8>>,
}

impl Text {
    /// As part of a path.
    pub(super) fn name(&self) -> Name {
        match &self.raw {
            Some(raw) => Name::lossy(self.text.as_str(), raw),
            None => Name::new(self.text.as_str()),
        }
    }

    /// A stream of the file of this name: `file:stream`.
    pub(super) fn stream(&self, stream: &Self) -> Self {
        let bytes = |of: &Self| of.raw.clone().unwrap_or_else(|| of.text.clone().into_bytes());
        let raw = (self.raw.is_some() || stream.raw.is_some())
            .then(|| [bytes(self), b":".to_vec(), bytes(stream)].concat());
        Self { text: format!("{}:{}", self.text, stream.text), raw }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self { text, raw: None }
    }
}

/// OSTA compressed Unicode: the first byte is the compression identifier. 8 has a byte for each
/// character and 16 has two; 254 and 255 are the same for names that were deleted (UDF 2.1.1).
pub(super) fn compressed(bytes: &[u8]) -> Text {
    match bytes.split_first() {
        None => Text::default(),
        Some((8 | 254, characters)) => {
            Text::from(characters.iter().map(|&byte| char::from(byte)).collect::<String>())
        }
        Some((16 | 255, units)) => {
            let (text, whole) = utf16_be(units);
            let raw = (!whole).then(|| wtf8_be(units));
            Text { text, raw }
        }
        // No identifier that exists: the bytes are all there is.
        Some(_) => Text { text: utf8_or_latin1(bytes), raw: Some(bytes.to_vec()) },
    }
}

/// A `dstring`: its last byte says how many bytes of the field are used. `None` where it is empty.
pub(super) fn dstring(field: &[u8]) -> Option<String> {
    let (&used, content) = field.split_last()?;
    let content = content.get(..usize::from(used)).unwrap_or(content);
    let text = compressed(content).text;
    // Some writers fill up with NULs or blanks and count them.
    let text = text.trim_end_matches(['\0', ' ']);
    (!text.is_empty()).then(|| text.to_owned())
}

/// The identifier of a `regid` of 32 bytes: flags, 23 bytes of text, 8 bytes of suffix.
pub(super) fn identifier(regid: &[u8]) -> &[u8] {
    padded(regid.get(1..24).unwrap_or_default())
}

/// The identifier of a `regid` for people. `None` where it is empty.
pub(super) fn identifier_text(regid: &[u8]) -> Option<String> {
    // OSTA identifiers begin with a star, and some writers' own do, too.
    let text = utf8_or_latin1(identifier(regid)).trim_start_matches('*').to_owned();
    (!text.is_empty()).then_some(text)
}

/// A UDF revision as hexadecimal digits give it: 0x0250 is 2.50 (UDF 2.1.5.3).
pub(super) fn revision(value: u16) -> Option<String> {
    (value != 0).then(|| format!("{:x}.{:02x}", value >> 8, value & 0xff))
}

/// Where a `timestamp` says nothing about its zone (ECMA-167 1/7.3.1).
const NO_ZONE: i16 = -2047;

/// A `timestamp` of 12 bytes. `None` where it names no time that exists.
pub(super) fn timestamp(bytes: &[u8]) -> Option<Timestamp> {
    let fields = Fields::new("timestamp", bytes, 0);
    let kind = fields.u16_le(0, "TypeAndTimezone").ok()?;
    // Twelve bits, signed: shifted up and back down, the sign comes along.
    let zone = (kind << 4).cast_signed() >> 4;
    // Type 0 is UTC, 1 is local time, 2 is as agreed by the parties: then the zone means nothing.
    let zone = match kind >> 12 {
        0 => Some(0),
        1 => Some(zone).filter(|&zone| zone != NO_ZONE),
        _ => None,
    };
    let byte = |at| fields.u8(at, "timestamp").ok();
    let part = |at| byte(at).map(u32::from).filter(|&part| part < 100);
    let micros = match (part(9), part(10), part(11)) {
        (Some(hundredths), Some(hundreds), Some(micros)) => hundredths * 10_000 + hundreds * 100 + micros,
        _ => 0,
    };
    Timestamp::from_fields(time::Fields {
        year: i32::from(fields.u16_le(2, "Year").ok()?.cast_signed()),
        month: byte(4)?,
        day: byte(5)?,
        hour: byte(6)?,
        minute: byte(7)?,
        second: byte(8)?,
        nanos: micros * 1000,
        zone,
    })
}

/// The target of a symbolic link from its path components (ECMA-167 4/14.16).
pub(super) fn link_target(bytes: &[u8]) -> String {
    let mut target = String::new();
    let mut rest = bytes;
    while let Some((&[kind, length, _, _], after)) = rest.split_first_chunk::<4>() {
        let length = usize::from(length).min(after.len());
        let (identifier, next) = after.split_at(length);
        rest = next;
        let part = match kind {
            // 1 is a root as agreed, 2 is the root of this volume.
            1 | 2 => {
                target = String::from("/");
                compressed(identifier).text
            }
            3 => String::from(".."),
            4 => String::from("."),
            5 => compressed(identifier).text,
            _ => break,
        };
        if !target.is_empty() && !target.ends_with('/') {
            target.push('/');
        }
        target.push_str(&part);
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_or_two_bytes_a_character() {
        assert_eq!(compressed(b"\x08caf\xe9").text, "café");
        assert_eq!(compressed(b"\x10\x65\xe5\x67\x2c").text, "日本");
        assert_eq!(compressed(b"\x10\xd8\x3d\xdc\xbf"), Text::from(String::from("💿")));
        assert_eq!(compressed(b"\xfeold").text, "old");
        assert_eq!(compressed(b"\xff\0o").text, "o");
        assert_eq!(compressed(b""), Text::default());
        assert_eq!(compressed(b"\x10\0a\0").text, "a");
    }

    #[test]
    fn half_a_surrogate_pair_stays_distinct_in_bytes() {
        let name = compressed(b"\x10\xd8\x3d\0a");
        assert_eq!(name.text, "\u{fffd}a");
        assert_eq!(name.raw.as_deref(), Some(&b"\xed\xa0\xbda"[..]));
        let stream = name.stream(&Text::from(String::from("s")));
        assert_eq!(stream.raw.as_deref(), Some(&b"\xed\xa0\xbda:s"[..]));
    }

    #[test]
    fn a_dstring_ends_where_its_last_byte_says() {
        let mut field = [0u8; 32];
        field[..6].copy_from_slice(b"\x08LABEL");
        field[31] = 6;
        assert_eq!(dstring(&field).as_deref(), Some("LABEL"));
        field[31] = 255;
        assert_eq!(dstring(&field).as_deref(), Some("LABEL"));
        assert_eq!(dstring(&[0; 32]), None);
        assert_eq!(dstring(&[]), None);
    }

    fn stamp(kind: u16) -> [u8; 12] {
        let [low, high] = kind.to_le_bytes();
        [low, high, 0xe8, 0x07, 2, 29, 12, 30, 15, 12, 34, 56]
    }

    #[test]
    fn a_zone_is_twelve_bits_with_a_sign() {
        let west = timestamp(&stamp(0x1000 | 0xfa6)).unwrap();
        assert_eq!(west.rfc3339(), "2024-02-29T12:30:15.123456-01:30");
        assert_eq!(timestamp(&stamp(0x1000 | 120)).unwrap().zone, Some(120));
        assert_eq!(timestamp(&stamp(0x1801)).unwrap().zone, None);
        assert_eq!(timestamp(&stamp(0)).unwrap().zone, Some(0));
        assert_eq!(timestamp(&stamp(0x2000 | 60)).unwrap().zone, None);
        assert_eq!(timestamp(&[0; 12]), None);
        assert_eq!(timestamp(&[0; 5]), None);
    }

    #[test]
    fn a_link_target_is_put_together_from_its_parts() {
        let parts = b"\x03\0\0\0\x03\0\0\0\x05\x04\0\0\x08dir\x04\0\0\0\x05\x02\0\0\x08f";
        assert_eq!(link_target(parts), "../../dir/./f");
        assert_eq!(link_target(b"\x02\0\0\0\x05\x04\0\0\x08etc"), "/etc");
        assert_eq!(link_target(b"\x05\xff\0\0\x08cut"), "cut");
    }

    #[test]
    fn a_revision_is_read_as_its_hexadecimal_digits() {
        assert_eq!(revision(0x0102).as_deref(), Some("1.02"));
        assert_eq!(revision(0x0260).as_deref(), Some("2.60"));
        assert_eq!(revision(0), None);
    }
}
