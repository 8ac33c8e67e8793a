//! Text in Windows code pages.

use encoding_rs::Encoding;

/// Bytes in a code page as text. Without a known one they are UTF-8 where they can be that, Windows-1252
/// otherwise.
#[must_use]
pub(super) fn decoded(bytes: &[u8], code_page: u32) -> String {
    match encoding(code_page) {
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
        },
    }
}

/// The encoding of a Windows code page; `None` for 0, which stands for whatever the machine has, and for
/// those that browsers never had.
#[must_use]
pub(super) fn encoding(code_page: u32) -> Option<&'static Encoding> {
    let label: &str = match code_page {
        866 => "ibm866",
        874 => "windows-874",
        932 => "shift_jis",
        936 => "gbk",
        949 => "euc-kr",
        950 => "big5",
        1200 => "utf-16le",
        1201 => "utf-16be",
        1250 => "windows-1250",
        1251 => "windows-1251",
        1252 | 28591 => "windows-1252",
        1253 => "windows-1253",
        1254 | 28599 => "windows-1254",
        1255 => "windows-1255",
        1256 => "windows-1256",
        1257 => "windows-1257",
        1258 => "windows-1258",
        10000 => "macintosh",
        10007 => "x-mac-cyrillic",
        20866 => "koi8-r",
        21866 => "koi8-u",
        20932 | 51932 => "euc-jp",
        28592 => "iso-8859-2",
        28593 => "iso-8859-3",
        28594 => "iso-8859-4",
        28595 => "iso-8859-5",
        28596 => "iso-8859-6",
        28597 => "iso-8859-7",
        28598 => "iso-8859-8",
        28603 => "iso-8859-13",
        28605 => "iso-8859-15",
        54936 => "gb18030",
        65001 => "utf-8",
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_out_of_the_code_page_it_was_written_in() {
        assert_eq!(decoded(b"Pr\xfcfung \x80", 1252), "Prüfung €");
        assert_eq!(decoded(b"\x93\xfa\x96\x7b", 932), "日本");
        assert_eq!(decoded("Größe".as_bytes(), 65001), "Größe");
        assert_eq!(decoded("Größe".as_bytes(), 0), "Größe");
        assert_eq!(decoded(b"Gr\xf6\xdfe", 0), "Größe");
    }

    #[test]
    fn text_in_the_code_pages_that_packages_name() {
        for (code_page, bytes, text) in [
            (866, &b"\x8f\xe0"[..], "Пр"),
            (874, b"\xa1", "ก"),
            (932, b"\x93\xfa", "日"),
            (936, b"\xc4\xe3", "你"),
            (949, b"\xb0\xa1", "가"),
            (950, b"\xa7\x41", "你"),
            (1200, b"\xe9\0", "é"),
            (1201, b"\0\xe9", "é"),
            (1250, b"\x9a", "š"),
            (1251, b"\xcf\xf0", "Пр"),
            (1252, b"\x80", "€"),
            (1253, b"\xe1", "α"),
            (1254, b"\xfe", "ş"),
            (1255, b"\xe0", "א"),
            (1256, b"\xc8", "ب"),
            (1257, b"\xf0", "š"),
            (1258, b"\xd0", "Đ"),
            (10000, b"\x8e", "é"),
            (10007, b"\x8f", "П"),
            (20866, b"\xf0", "П"),
            (21866, b"\xa4", "є"),
            (20932, b"\xc6\xfc", "日"),
            (28591, b"\xe9", "é"),
            (28592, b"\xb9", "š"),
            (28593, b"\xb1", "ħ"),
            (28594, b"\xb9", "š"),
            (28595, b"\xbf", "П"),
            (28596, b"\xc8", "ب"),
            (28597, b"\xe1", "α"),
            (28598, b"\xe0", "א"),
            (28599, b"\xfe", "ş"),
            (28603, b"\xf0", "š"),
            (28605, b"\xa4", "€"),
            (51932, b"\xc6\xfc", "日"),
            (54936, b"\xc4\xe3", "你"),
            (65001, "é".as_bytes(), "é"),
            // Nobody knows which: UTF-8 where it can be that.
            (0, "é".as_bytes(), "é"),
            (0, b"\xe9", "é"),
            (437, b"\xe9", "é"),
        ] {
            assert_eq!(decoded(bytes, code_page), text, "{code_page}");
        }
    }
}
