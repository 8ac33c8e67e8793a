//! Writing a list of digests, as coreutils does.

use crate::digest::Value;
use std::borrow::Cow;

/// The mark before a line whose name is escaped, and the name as it stands on the line.
fn escaped(name: &str) -> (&'static str, Cow<'_, str>) {
    if !name.contains(['\\', '\n', '\r']) {
        return ("", Cow::Borrowed(name));
    }
    ("\\", Cow::Owned(name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r")))
}

/// `HEX  name`, with its line break.
#[must_use]
pub fn gnu_line(value: &Value, name: &str) -> String {
    let (mark, name) = escaped(name);
    format!("{mark}{}  {name}\n", value.hex())
}

/// `SHA256 (name) = HEX`, with its line break.
#[must_use]
pub fn tag_line(value: &Value, name: &str) -> String {
    let (mark, name) = escaped(name);
    format!("{mark}{} ({name}) = {}\n", value.algorithm.name().to_uppercase(), value.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;
    use crate::verify::Sums;

    #[test]
    fn what_is_written_is_read_back() {
        let value = Value { algorithm: Algorithm::Sha256, bytes: vec![7; 32] };
        for name in ["plain.iso", " leading blank", "back\\slash", "line\nbreak", "a) = b"] {
            for line in [gnu_line(&value, name), tag_line(&value, name)] {
                let sums = Sums::parse(line.as_bytes(), "SHA256SUMS").unwrap();
                assert_eq!(sums.lines.len(), 1, "{line}");
                assert_eq!(sums.lines[0].name.as_deref(), Some(name));
                assert_eq!(sums.lines[0].value, value);
            }
        }
    }
}
