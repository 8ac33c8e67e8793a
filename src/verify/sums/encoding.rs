//! Lists as text, by their byte order mark or by what they look like.

use crate::text::{utf16_be, utf16_le};
use encoding_rs::WINDOWS_1252;

/// The text, by its byte order mark, or what it looks like.
pub(super) fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xff, 0xfe, text @ ..] => utf16_le(text).0,
        [0xfe, 0xff, text @ ..] => utf16_be(text).0,
        [0xef, 0xbb, 0xbf, text @ ..] => by_line(text),
        _ => match zeros(bytes) {
            Zeros::Odd => utf16_le(bytes).0,
            Zeros::Even => utf16_be(bytes).0,
            Zeros::Few => by_line(bytes),
        },
    }
}

/// A list may have names from systems with different encodings.
fn by_line(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.split_inclusive(|&byte| byte == b'\n').map(utf8_or_windows).collect(),
    }
}

/// Where the zeros are that UTF-16 has in ASCII text.
enum Zeros {
    Odd,
    Even,
    Few,
}

fn zeros(bytes: &[u8]) -> Zeros {
    let (mut even, mut odd, mut pairs) = (0, 0, 0);
    for pair in bytes.chunks_exact(2).take(64) {
        pairs += 1;
        even += usize::from(pair.first() == Some(&0));
        odd += usize::from(pair.last() == Some(&0));
    }
    match (odd * 10 > pairs * 9, even * 10 > pairs * 9) {
        (true, false) => Zeros::Odd,
        (false, true) => Zeros::Even,
        _ => Zeros::Few,
    }
}

/// UTF-8 where it is that, and else what Windows in western Europe writes. Every byte means something in
/// it, so that a name can be turned back into its bytes.
pub(super) fn utf8_or_windows(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// A name's bytes before [`utf8_or_windows`], if it was not UTF-8.
#[cfg(unix)]
pub(super) fn windows_bytes(name: &str) -> Option<Vec<u8>> {
    let (bytes, _, lossy) = WINDOWS_1252.encode(name);
    (!lossy && !name.is_ascii()).then(|| bytes.into_owned())
}
