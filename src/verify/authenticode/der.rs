//! Tags, lengths and values (X.690), read with the tolerance that signatures in the field need: lengths that are
//! longer than they have to be, indefinite lengths, strings in parts. Every length is checked against what is
//! there before anything is done with it, and values lie in each other only so deep.

use crate::error::{Error, Result};

/// Values within values.
const DEPTH: u32 = 48;

/// BOOLEAN.
pub(super) const BOOLEAN: u8 = 0x01;
/// INTEGER.
pub(super) const INTEGER: u8 = 0x02;
/// BIT STRING.
pub(super) const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub(super) const OCTET_STRING: u8 = 0x04;
/// OBJECT IDENTIFIER.
pub(super) const OID: u8 = 0x06;
/// UTCTime.
pub(super) const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub(super) const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE and SEQUENCE OF.
pub(super) const SEQUENCE: u8 = 0x30;
/// SET and SET OF.
pub(super) const SET: u8 = 0x31;

/// The tag of a constructed value that has the number `number` in its context.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The tag of a primitive value that has the number `number` in its context.
pub(super) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value<'a> {
    /// The first byte of its tag.
    pub tag: u8,
    /// What stands between its length and its end.
    pub content: &'a [u8],
    /// With tag and length, and the two zeros of an indefinite length.
    pub whole: &'a [u8],
}

/// Values that follow each other.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    structure: &'static str,
}

impl<'a> Value<'a> {
    /// The values in this one; `structure` is the specification's name of it.
    #[must_use]
    pub fn reader(&self, structure: &'static str) -> Reader<'a> {
        Reader { rest: self.content, structure }
    }

    /// The bytes of an OCTET STRING, joined where it comes in parts.
    ///
    /// # Errors
    /// `Damaged` where the parts are no such strings.
    pub fn octets(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        joined(self, &mut out, 0)?;
        Ok(out)
    }

    /// The bytes of a BIT STRING that has whole bytes or ends in unused bits.
    ///
    /// # Errors
    /// `Damaged` where the number of unused bits makes no sense.
    pub fn bits(&self) -> Result<&'a [u8]> {
        match self.content.split_first() {
            Some((unused, bits)) if self.tag == BIT_STRING && *unused < 8 => Ok(bits),
            _ => Err(Error::damaged("a BIT STRING that is none")),
        }
    }

    /// An INTEGER that is small and not negative.
    #[must_use]
    pub fn small(&self) -> Option<u64> {
        let digits = unsigned(self.content);
        let fits = self.tag == INTEGER
            && !self.content.is_empty()
            && digits.len() <= 8
            && self.content.first().is_some_and(|first| first & 0x80 == 0);
        fits.then(|| digits.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    }
}

/// An INTEGER's bytes without the zeros before its first digit.
#[must_use]
pub(super) fn unsigned(content: &[u8]) -> &[u8] {
    let zeros = content.iter().take_while(|byte| **byte == 0).count();
    content.get(zeros..).unwrap_or_default()
}

fn joined(value: &Value<'_>, out: &mut Vec<u8>, depth: u32) -> Result<()> {
    if depth > DEPTH {
        return Err(Error::limit("strings within strings", DEPTH.into()));
    }
    // Constructed: the bit 0x20.
    if value.tag & 0x20 == 0 {
        out.extend_from_slice(value.content);
        return Ok(());
    }
    let mut parts = value.reader("OCTET STRING");
    while !parts.is_empty() {
        let part = parts.value()?;
        if part.tag & !0x20 != OCTET_STRING {
            return Err(Error::damaged("an OCTET STRING in parts that are none"));
        }
        joined(&part, out, depth + 1)?;
    }
    Ok(())
}

impl<'a> Reader<'a> {
    /// Reads `bytes`; `structure` is the specification's name of what they are.
    #[must_use]
    pub fn new(structure: &'static str, bytes: &'a [u8]) -> Self {
        Self { rest: bytes, structure }
    }

    /// True where nothing follows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// What has not been read.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next value.
    #[must_use]
    pub fn tag(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next value.
    ///
    /// # Errors
    /// `Truncated` where it claims more than is there; `Damaged` where tag or length make no sense.
    pub fn value(&mut self) -> Result<Value<'a>> {
        let (value, rest) = split(self.rest, 0).map_err(|error| error.during(self.structure))?;
        self.rest = rest;
        Ok(value)
    }

    /// The next value, which has that tag.
    ///
    /// # Errors
    /// As [`Reader::value`]; `Damaged` where it is another one.
    pub fn expect(&mut self, tag: u8, field: &'static str) -> Result<Value<'a>> {
        let value = self.value().map_err(|error| error.field(field))?;
        // A string in parts has the same tag with the bit for it.
        if value.tag == tag || (tag == OCTET_STRING && value.tag == OCTET_STRING | 0x20) {
            return Ok(value);
        }
        Err(Error::damaged("another kind of value than the specification has")
            .during(self.structure)
            .field(field))
    }

    /// The next value where it has that tag.
    ///
    /// # Errors
    /// As [`Reader::value`].
    pub fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>> {
        if self.tag() == Some(tag) { self.value().map(Some) } else { Ok(None) }
    }

    /// The content of the SEQUENCE that comes next.
    ///
    /// # Errors
    /// As [`Reader::expect`].
    pub fn sequence(&mut self, structure: &'static str) -> Result<Reader<'a>> {
        Ok(self.expect(SEQUENCE, structure)?.reader(structure))
    }

    /// The bytes of the OBJECT IDENTIFIER that comes next.
    ///
    /// # Errors
    /// As [`Reader::expect`].
    pub fn oid(&mut self, field: &'static str) -> Result<&'a [u8]> {
        Ok(self.expect(OID, field)?.content)
    }
}

/// The first value of `bytes`, and what follows it.
fn split(bytes: &[u8], depth: u32) -> Result<(Value<'_>, &[u8])> {
    let short = |need: usize| Error::truncated(need as u64, bytes.len() as u64);
    let tag = *bytes.first().ok_or_else(|| short(1))?;
    let mut at = 1;
    if tag & 0x1f == 0x1f {
        // A number above 30: nothing that is read here has one, but it can be passed over.
        loop {
            let byte = *bytes.get(at).ok_or_else(|| short(at + 1))?;
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
            if at > 5 {
                return Err(Error::damaged("a tag of more than four bytes"));
            }
        }
    }
    let first = *bytes.get(at).ok_or_else(|| short(at + 1))?;
    at += 1;
    let len = match first {
        0..=0x7f => usize::from(first),
        0x80 if tag & 0x20 == 0 => return Err(Error::damaged("a primitive value without a length")),
        0x80 => {
            let body = bytes.get(at..).unwrap_or_default();
            let (content, rest) = indefinite(body, depth + 1)?;
            let whole = bytes.get(..bytes.len() - rest.len()).unwrap_or_default();
            return Ok((Value { tag, content, whole }, rest));
        }
        _ => {
            let count = usize::from(first & 0x7f);
            let digits = bytes.get(at..at + count).ok_or_else(|| short(at + count))?;
            at += count;
            let digits = unsigned(digits);
            if digits.len() > 4 {
                return Err(Error::damaged("a length of more than four bytes"));
            }
            let len = digits.iter().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
            usize::try_from(len).map_err(|_| Error::damaged("a length of more than four bytes"))?
        }
    };
    let end = at.checked_add(len).ok_or_else(|| Error::damaged("a length that overflows"))?;
    match (bytes.get(at..end), bytes.get(..end), bytes.get(end..)) {
        (Some(content), Some(whole), Some(rest)) => Ok((Value { tag, content, whole }, rest)),
        _ => Err(short(end)),
    }
}

/// The content of a value of indefinite length, which two zeros end, and what follows them.
fn indefinite(body: &[u8], depth: u32) -> Result<(&[u8], &[u8])> {
    if depth > DEPTH {
        return Err(Error::limit("values within values", DEPTH.into()));
    }
    let mut rest = body;
    loop {
        if let Some(behind) = rest.strip_prefix(&[0, 0]) {
            let content = body.get(..body.len() - rest.len()).unwrap_or_default();
            return Ok((content, behind));
        }
        rest = split(rest, depth)?.1;
    }
}

/// `content` with a tag and its length before it.
#[must_use]
pub(super) fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(len @ 0..=0x7f) => out.push(len),
        _ => {
            let bytes = (content.len() as u64).to_be_bytes();
            let digits = unsigned(&bytes);
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
            out.extend_from_slice(digits);
        }
    }
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn first(bytes: &[u8]) -> Result<Value<'_>> {
        Reader::new("test", bytes).value()
    }

    #[test]
    fn lengths_of_every_kind_are_read() {
        assert_eq!(first(&[4, 2, 7, 8, 9]).unwrap().content, [7, 8]);
        // Longer than it has to be: BER, and met in the field.
        assert_eq!(first(&[4, 0x83, 0, 0, 2, 7, 8]).unwrap().content, [7, 8]);
        let value = first(&[0x30, 0x80, 4, 1, 5, 0x30, 0x80, 0, 0, 0, 0, 9]).unwrap();
        assert_eq!(value.content, [4, 1, 5, 0x30, 0x80, 0, 0]);
        assert_eq!(value.whole.len(), 11);
    }

    #[test]
    fn a_string_in_parts_is_joined() {
        let value = first(&[0x24, 0x80, 4, 2, 1, 2, 0x24, 3, 4, 1, 3, 0, 0]).unwrap();
        assert_eq!(value.octets().unwrap(), [1, 2, 3]);
        assert!(first(&[0x24, 3, 2, 1, 3]).unwrap().octets().is_err());
    }

    #[test]
    fn lengths_beyond_what_is_there_are_refused() {
        for bytes in
            [&[0x30][..], &[0x30, 5, 1], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x82, 1], &[]]
        {
            assert!(matches!(first(bytes).unwrap_err().kind(), Kind::Truncated { .. }), "{bytes:?}");
        }
        assert!(matches!(first(&[0x30, 0x85, 1, 0, 0, 0, 0]).unwrap_err().kind(), Kind::Damaged(_)));
        assert!(matches!(first(&[4, 0x80, 0, 0]).unwrap_err().kind(), Kind::Damaged(_)));
        assert!(first(&[0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0]).is_err());
        assert!(first(&[0x30, 0x80, 4, 1]).is_err());
    }

    #[test]
    fn values_lie_in_each_other_only_so_deep() {
        let deep: Vec<u8> = [0x30, 0x80].repeat(100_000);
        assert!(matches!(first(&deep).unwrap_err().kind(), Kind::Limit { .. }));
    }

    #[test]
    fn a_length_is_written_as_short_as_it_can_be() {
        assert_eq!(encoded(0x31, &[1])[..2], [0x31, 1]);
        assert_eq!(encoded(0x31, &[0; 200])[..3], [0x31, 0x81, 200]);
        assert_eq!(encoded(0x31, &[0; 300])[..4], [0x31, 0x82, 1, 44]);
    }

    #[test]
    fn small_numbers_are_not_negative() {
        let small = |bytes: &[u8]| first(bytes).unwrap().small();
        assert_eq!(small(&[2, 1, 5]), Some(5));
        assert_eq!(small(&[2, 2, 0, 0xff]), Some(255));
        assert_eq!(small(&[2, 1, 0xff]), None);
        assert_eq!(small(&[2, 0]), None);
        assert_eq!(small(&[4, 1, 5]), None);
    }
}
