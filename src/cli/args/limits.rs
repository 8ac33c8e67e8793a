//! What a medium may ask of this machine: docs/LIMITS.md has the list.

use clap::Args;
use discless::Limits;

/// The limits that a medium that is trusted may need more of, and one that is not less.
#[derive(Debug, Args)]
pub(crate) struct Bounds {
    /// What a medium may unpack to: bytes, 500M, 20G, unlimited [default: 100 times its size]
    #[arg(long, value_name = "SIZE", value_parser = size, hide_default_value = true)]
    pub(crate) max_unpacked: Option<u64>,
    /// Members of one container, and of all in it together: a number, unlimited [default: 10000000]
    #[arg(long, value_name = "N", value_parser = number, hide_short_help = true)]
    pub(crate) max_entries: Option<u64>,
    /// Directories in directories, at most 4096 [default: 256]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096), hide_short_help = true)]
    pub(crate) max_depth: Option<u32>,
    /// Containers in containers, at most 64 [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=64), hide_short_help = true)]
    pub(crate) max_nesting: Option<u32>,
    /// Memory that one decoder of a 7z archive or a ZIP may take: bytes, 500M, 2G, unlimited [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = size, hide_short_help = true)]
    pub(crate) max_memory: Option<u64>,
    /// What one temporary file may grow to: a pipe, a packed member that is opened [default: 1T]
    #[arg(long, value_name = "SIZE", value_parser = size, hide_short_help = true)]
    pub(crate) max_temporary: Option<u64>,
}

impl Bounds {
    /// All limits, those that were not given as they are by default.
    pub(crate) fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            nesting: self.max_nesting.unwrap_or(default.nesting),
            entries: self.max_entries.unwrap_or(default.entries),
            directory_depth: self.max_depth.unwrap_or(default.directory_depth),
            decoder_memory: self.max_memory.unwrap_or(default.decoder_memory),
            spool_bytes: self.max_temporary.unwrap_or(default.spool_bytes),
            unpacked_bytes: self.max_unpacked,
            ..default
        }
    }
}

/// A number; `unlimited`.
fn number(text: &str) -> Result<u64, String> {
    match text {
        "unlimited" => Ok(u64::MAX),
        _ => text.parse().map_err(|_| "a number or unlimited is wanted".to_owned()),
    }
}

/// A number of bytes, or of K, M, G, T (1024 and its powers); `unlimited`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    if text == "unlimited" {
        return Ok(u64::MAX);
    }
    let digits = text.trim_end_matches(['i', 'B']);
    let (digits, shift) = match digits.char_indices().last() {
        Some((at, 'K' | 'k')) => (digits.get(..at), 10),
        Some((at, 'M' | 'm')) => (digits.get(..at), 20),
        Some((at, 'G' | 'g')) => (digits.get(..at), 30),
        Some((at, 'T' | 't')) => (digits.get(..at), 40),
        _ => (Some(digits), 0),
    };
    let number: u64 = digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| "a number of bytes, 500M, 20G or unlimited is wanted".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "more bytes than there can be".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, want) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("500M", Some(500 << 20)),
            ("20GiB", Some(20 << 30)),
            ("1t", Some(1 << 40)),
            ("unlimited", Some(u64::MAX)),
            ("", None),
            ("G", None),
            ("1.5G", None),
            ("99999999999T", None),
            ("-1", None),
        ] {
            assert_eq!(size(text).ok(), want, "{text}");
        }
    }

    #[test]
    fn what_is_not_given_is_as_it_is_by_default() {
        let none = Bounds {
            max_unpacked: None,
            max_entries: None,
            max_depth: None,
            max_nesting: None,
            max_memory: None,
            max_temporary: None,
        };
        assert_eq!(format!("{:?}", none.limits()), format!("{:?}", Limits::default()));
    }
}
