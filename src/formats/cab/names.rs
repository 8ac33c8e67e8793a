//! Names of members: UTF-8 where the attribute says so, else in the code page of the writer's machine, which
//! nothing records.

use super::header::File;
use crate::container::{EntryPath, Name};
use crate::time::{Fields, Timestamp};
use encoding_rs::{Encoding, IBM866, KOI8_R, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

/// The name is UTF-8 (`_A_NAME_IS_UTF`).
const ATTRIBUTE_UTF8: u16 = 0x80;
/// To be run after extraction (`_A_EXEC`).
const ATTRIBUTE_EXECUTE: u16 = 0x40;

/// The code page that names without the attribute of UTF-8 are in; `None` where all of them are UTF-8 all the
/// same. All names of a set together are judged: one alone is too short to tell.
pub(super) fn code_page<'a>(files: impl Iterator<Item = &'a File>) -> Option<&'static Encoding> {
    let mut all = Vec::new();
    for file in files.filter(|file| file.attributes & ATTRIBUTE_UTF8 == 0 && !file.name.is_ascii()) {
        all.extend_from_slice(&file.name);
        all.push(b'\n');
    }
    if std::str::from_utf8(&all).is_ok() { None } else { Some(guess(&all)) }
}

/// The likeliest code page of names with letters beyond ASCII.
fn guess(names: &[u8]) -> &'static Encoding {
    let (text, wrong) = SHIFT_JIS.decode_without_bom_handling(names);
    let half_width = |c: char| ('\u{ff61}'..='\u{ff9f}').contains(&c);
    if !wrong && !text.chars().any(|c| half_width(c) || ('\u{80}'..='\u{9f}').contains(&c)) {
        return SHIFT_JIS;
    }
    let count = |wanted: fn(u8) -> bool| names.iter().filter(|byte| wanted(**byte)).count();
    // Western names have a letter of their own here and there, Cyrillic ones nothing else.
    let high = count(|byte| byte >= 0x80);
    let latin = count(|byte| byte.is_ascii_alphabetic());
    let in_runs = names.windows(2).filter(|pair| pair.iter().all(|byte| *byte >= 0x80)).count();
    let range = names.iter().filter(|byte| **byte >= 0x80);
    let counting_up =
        names.windows(2).filter(|pair| matches!(pair, [a, b] if a.checked_add(1) == Some(*b))).count();
    if latin > high || in_runs * 2 < high || counting_up * 2 > range.count() {
        return WINDOWS_1252;
    }
    let [koi, ansi, dos] = [
        count(|byte| (0xc0..=0xdf).contains(&byte)),
        count(|byte| byte >= 0xe0),
        count(|byte| (0x80..=0xaf).contains(&byte) || (0xe0..=0xef).contains(&byte)),
    ];
    if dos > koi && count(|byte| (0x80..=0xaf).contains(&byte)) > 0 {
        IBM866
    } else if koi > ansi {
        KOI8_R
    } else {
        WINDOWS_1251
    }
}

/// The path of a member: `\` divides its parts.
pub(super) fn path(file: &File, code_page: Option<&'static Encoding>) -> EntryPath {
    let name = match code_page.filter(|_| file.attributes & ATTRIBUTE_UTF8 == 0) {
        Some(encoding) => {
            let (text, wrong) = encoding.decode_without_bom_handling(&file.name);
            let text = text.replace('\\', "/");
            if wrong { Name::lossy(text, &slashes(&file.name)) } else { Name::new(text) }
        }
        None => Name::from_utf8(&slashes(&file.name)),
    };
    EntryPath::default().join(&name)
}

fn slashes(name: &[u8]) -> Vec<u8> {
    name.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect()
}

/// The permission bits of a member, where it says anything of them.
pub(super) fn mode(file: &File) -> Option<u16> {
    (file.attributes & ATTRIBUTE_EXECUTE != 0).then_some(0o755)
}

/// When a member was changed: MS-DOS date and time, in the zone of the writer's machine.
pub(super) fn modified(file: &File) -> Option<Timestamp> {
    let part = |of: u16, from: u32, bits: u32| u8::try_from(of >> from & ((1 << bits) - 1)).unwrap_or(0);
    Timestamp::from_fields(Fields {
        year: 1980 + i32::from(file.date >> 9),
        month: part(file.date, 5, 4),
        day: part(file.date, 0, 5),
        hour: part(file.time, 11, 5),
        minute: part(file.time, 5, 6),
        second: part(file.time, 0, 5) * 2,
        nanos: 0,
        zone: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_page_is_guessed_from_all_names() {
        let guessed = |name: &[u8]| guess(name).name();
        assert_eq!(guessed(b"caf\xe9.txt\n"), "windows-1252");
        assert_eq!(guessed(b"\x95\x5c\x82\xbe\x82\xe6\\\x8a\xbf\x8e\x9a.txt\n"), "Shift_JIS");
        assert_eq!(guessed(b"\xfa\xc4\xd2\xc1\xd7\xd3\xd4\xd7\xd5\xca\xd4\xc5\n\xe4\xc1.\n"), "KOI8-R");
        assert_eq!(guessed(b"\xcf\xf0\xe8\xe2\xe5\xf2.txt\n"), "windows-1251");
        assert_eq!(guessed(b"\x8f\xe0\xa8\xa2\xa5\xe2.txt\n"), "IBM866");
    }
}
