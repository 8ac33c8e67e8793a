//! Names of streams: letters that tables are called by are packed, two in one character.

/// Marks the stream of a table.
const TABLE: char = '\u{4840}';

/// The name behind a packed one, and whether it is a table: U+3800 to U+47FF hold two characters of 64 each,
/// U+4800 to U+483F a single one, U+4840 begins a table's name.
#[must_use]
pub(super) fn unpacked(name: &str) -> (String, bool) {
    let (rest, table) = name.strip_prefix(TABLE).map_or((name, false), |rest| (rest, true));
    let mut out = String::with_capacity(rest.len());
    for c in rest.chars() {
        let code = u32::from(c);
        match code {
            0x3800..=0x47ff => {
                out.push(letter((code - 0x3800) & 0x3f));
                out.push(letter(((code - 0x3800) >> 6) & 0x3f));
            }
            0x4800..=0x483f => out.push(letter(code - 0x4800)),
            _ => out.push(c),
        }
    }
    (out, table)
}

/// The name as it is shown: tables begin with `!`, control characters stand as `[5]`.
#[must_use]
pub(super) fn shown(name: &str) -> String {
    let (plain, table) = unpacked(name);
    let mut out = if table { "!".to_owned() } else { String::new() };
    for c in plain.chars() {
        match c {
            c if c < ' ' => {
                out.push('[');
                out.push_str(&u32::from(c).to_string());
                out.push(']');
            }
            // A name is one part of a path.
            '/' => out.push('\u{2215}'),
            c => out.push(c),
        }
    }
    out
}

/// The stream that holds a table.
#[must_use]
pub(super) fn table(name: &str) -> String {
    std::iter::once(TABLE).chain(packed(name).chars()).collect()
}

/// A stream's name as it is stored; what has no place among the 64 stays as it is.
#[must_use]
pub(super) fn packed(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(first) = digit(c) else {
            out.push(c);
            continue;
        };
        let code = match chars.peek().copied().and_then(digit) {
            Some(second) => {
                chars.next();
                0x3800 + first + (second << 6)
            }
            None => 0x4800 + first,
        };
        out.extend(char::from_u32(code));
    }
    out
}

fn digit(c: char) -> Option<u32> {
    let c = u32::from(c);
    match c {
        0x30..=0x39 => Some(c - 0x30),
        0x41..=0x5a => Some(c - 0x41 + 10),
        0x61..=0x7a => Some(c - 0x61 + 36),
        0x2e => Some(62),
        0x5f => Some(63),
        _ => None,
    }
}

fn letter(digit: u32) -> char {
    let code = match digit {
        0..=9 => 0x30 + digit,
        10..=35 => 0x41 + digit - 10,
        36..=61 => 0x61 + digit - 36,
        62 => 0x2e,
        _ => 0x5f,
    };
    char::from_u32(code).unwrap_or('_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_from_their_packed_form() {
        assert_eq!(table("_Tables"), "\u{4840}\u{3f7f}\u{4164}\u{422f}\u{4836}");
        for name in ["a", "contoso.cab", "Binary.WixUI_Ico", "with space-and.dash", "\u{5}SummaryInformation"]
        {
            assert_eq!(unpacked(&packed(name)), (name.to_owned(), false));
        }
        assert_eq!(unpacked(&table("File")), ("File".to_owned(), true));
        assert_eq!(shown(&table("File")), "!File");
        assert_eq!(shown("\u{5}SummaryInformation"), "[5]SummaryInformation");
        assert_eq!(shown("a/b"), "a\u{2215}b");
    }
}
