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
}
