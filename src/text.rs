//! Text as media keep it, turned into Unicode; and Unicode turned into what a terminal may see.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;

/// UTF-16 big-endian, as Joliet and OSTA CS0 with 16 bits keep names. Surrogate pairs are joined;
/// half a pair becomes U+FFFD and the second value is false.
#[must_use]
pub fn utf16_be(bytes: &[u8]) -> (String, bool) {
    utf16(bytes.chunks_exact(2).map(|pair| match pair {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }))
}

/// UTF-16 little-endian, as Windows resources keep text.
#[must_use]
pub fn utf16_le(bytes: &[u8]) -> (String, bool) {
    utf16(bytes.chunks_exact(2).map(|pair| match pair {
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    }))
}

fn utf16(units: impl Iterator<Item = u16>) -> (String, bool) {
    let mut whole = true;
    let text = char::decode_utf16(units)
        .map(|unit| {
            unit.unwrap_or_else(|_| {
                whole = false;
                char::REPLACEMENT_CHARACTER
            })
        })
        .collect();
    (text, whole)
}

/// UTF-16 big-endian as WTF-8: half a surrogate pair becomes the three bytes it would have in UTF-8, so
/// that nothing of a name is lost.
#[must_use]
pub fn wtf8_be(bytes: &[u8]) -> Vec<u8> {
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    });
    let mut out = Vec::with_capacity(bytes.len());
    for unit in char::decode_utf16(units) {
        match unit {
            Ok(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(half) => {
                let [high, low] = half.unpaired_surrogate().to_be_bytes();
                out.extend([
                    0xe0 | (high >> 4),
                    0x80 | ((high & 0x0f) << 2) | (low >> 6),
                    0x80 | (low & 0x3f),
                ]);
            }
        }
    }
    out
}

/// Bytes that are UTF-8 today or Latin-1 from before: every byte string has a reading.
#[must_use]
pub fn utf8_or_latin1(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// A fixed-width field without what fills it up: NULs end it, blanks at its end go.
#[must_use]
pub fn padded(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    bytes.get(..end).unwrap_or_default().trim_ascii_end()
}

/// True for characters that move the cursor, change direction or show nothing: what a hostile name
/// uses to look like another.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// What `text` has in common with every name that some file system takes for the same: NTFS and exFAT tell no capitals
/// apart, APFS and HFS+ besides no composed characters from those in parts (`é`, `e` and an accent), and ext4 with
/// `casefold` no characters that show nothing. Two names that none of them takes for the same may have it in common, too.
#[must_use]
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Small, capital, small: each step alone leaves some apart (ß and ẞ, σ and ς, k and the Kelvin sign).
    let small = text.nfd().filter(|c| !shows_nothing(*c)).flat_map(char::to_lowercase);
    small.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfd().collect()
}

/// Unicode's `Default_Ignorable_Code_Point`: in a comparison of names as if it were not there.
fn shows_nothing(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text that has escape sequences of ours in it, as a terminal may see it: colours and lines stay, what else moves the
/// cursor, changes direction or shows nothing is shown as `\u{…}`.
#[must_use]
pub fn for_terminal_in_colour(text: &str) -> Cow<'_, str> {
    let is_ours = |c: char| matches!(c, '\n' | '\t' | '\u{1b}');
    if !text.contains('\u{1b}') && !text.chars().any(|c| is_deceptive(c) && !is_ours(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let len = if c == '\u{1b}' { colour(rest).unwrap_or(0) } else { 0 };
        let (head, tail) = rest.split_at(if len > 0 { len } else { c.len_utf8() });
        match is_deceptive(c) && len == 0 && !matches!(c, '\n' | '\t') {
            true => out.extend(c.escape_unicode()),
            false => out.push_str(head),
        }
        rest = tail;
    }
    Cow::Owned(out)
}

/// How many bytes the escape sequence for a colour has that `text` begins with (ECMA-48, SGR).
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    parameters.get(end..)?.starts_with('m').then_some(2 + end + 1)
}

/// `1 byte`, `987 bytes`.
#[must_use]
pub fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// `text` as a terminal may see it: deceptive characters are shown as `\u{…}`.
#[must_use]
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_deceptive(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surrogate_pair_is_one_character_and_half_a_pair_is_said() {
        assert_eq!(utf16_be(&[0xd8, 0x3d, 0xdc, 0xbf]), ("💿".to_owned(), true));
        assert_eq!(utf16_be(&[0xd8, 0x3d, 0, b'a']), ("\u{fffd}a".to_owned(), false));
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|number| count(number, "byte")), ["0 bytes", "1 byte", "2 bytes"]);
    }

    #[test]
    fn half_a_pair_keeps_its_bytes() {
        assert_eq!(wtf8_be(&[0, b'a', 0xd8, 0x3d]), b"a\xed\xa0\xbd");
        assert_eq!(wtf8_be(&[0xd8, 0x3d, 0xdc, 0xbf]), "💿".as_bytes());
    }

    #[test]
    fn a_padded_field_ends_at_its_first_nul() {
        assert_eq!(padded(b"LABEL   "), b"LABEL");
        assert_eq!(padded(b"A B\0junk"), b"A B");
        assert_eq!(padded(b"   "), b"");
    }

    #[test]
    fn a_name_that_would_paint_the_terminal_is_escaped() {
        assert_eq!(for_terminal("\u{1b}[2Jred"), "\\u{1b}[2Jred");
        assert_eq!(for_terminal("\u{202e}gnp.exe"), "\\u{202e}gnp.exe");
        assert_eq!(for_terminal("naïve 日本.txt"), "naïve 日本.txt");
    }

    #[test]
    fn colours_of_ours_stay_and_what_else_an_escape_does_is_shown() {
        let same = |text: &str| assert_eq!(for_terminal_in_colour(text), text);
        same("\u{1b}[33mwarn\u{1b}[0m: two\nlines\tand é\n");
        assert_eq!(
            for_terminal_in_colour("\u{1b}[2J\u{1b}[1;31mred\u{1b}"),
            "\\u{1b}[2J\u{1b}[1;31mred\\u{1b}"
        );
        assert_eq!(for_terminal_in_colour("\u{1b}]0;title\u{7}\r"), "\\u{1b}]0;title\\u{7}\\u{d}");
        assert_eq!(for_terminal_in_colour("\u{202e}gnp.exe\n"), "\\u{202e}gnp.exe\n");
    }
}
