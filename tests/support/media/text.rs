//! Texts as they lie on install media: lines end with CR LF, and they are UTF-16 behind a byte order mark,
//! in a code page, or UTF-8.

/// UTF-16 behind its byte order mark, little endian; line ends as they are.
pub fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

/// The same with the lines of Windows.
pub fn utf16_lines(text: &str) -> Vec<u8> {
    utf16(&crlf(text))
}

/// Windows-1252 with the lines of Windows.
pub fn ansi(text: &str) -> Vec<u8> {
    crlf(text).chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
}

/// UTF-8 behind its byte order mark, with the lines of Windows.
pub fn utf8_lines(text: &str) -> Vec<u8> {
    [b"\xef\xbb\xbf", crlf(text).as_bytes()].concat()
}

/// The lines of Windows, whatever those of `text`.
pub fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}
