//! Writing a list of digests, as coreutils does.

use crate::digest::Value;
use std::borrow::Cow;

/// The mark before a line whose name is escaped, and the name as it stands on the line.
#[must_use]
pub fn escaped(name: &str) -> (&'static str, Cow<'_, str>) {
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
    format!("{mark}{} ({name}) = {}\n", value.algorithm.tag(), value.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Algorithm;
    use crate::verify::Sums;

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            name in "[^\0]{1,20}|[ ()=*\\\\\n\r#;:,a-f0-9]{1,12}",
            algorithm in proptest::sample::select(&Algorithm::ALL[..]),
            byte in any::<u8>(),
        ) {
            // `-` and `stdin` stand for standard input; blanks alone are no name.
            prop_assume!(name != "-" && name != "stdin" && !name.trim().is_empty());
            let value = Value { algorithm, bytes: vec![byte; algorithm.len()] };
            let list = format!("{algorithm}sums");
            let gnu = gnu_line(&value, &name);
            for line in [tag_line(&value, &name), gnu] {
                if algorithm == Algorithm::Crc32 && !line.starts_with("CRC32") && !line.starts_with("\\CRC32") {
                    // Eight digits in front are no layout of anybody's.
                    continue;
                }
                let sums = Sums::parse(line.as_bytes(), &list).unwrap();
                prop_assert_eq!(sums.lines.len(), 1, "{}", line);
                prop_assert_eq!(sums.lines[0].name.as_deref(), Some(name.as_str()));
                prop_assert_eq!(&sums.lines[0].value, &value);
            }
        }
    }
}
