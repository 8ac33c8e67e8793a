//! Values as they are compared: one word for each processor, one form for each language.

use super::evidence::Field;
use super::language::tag;
use crate::facts::{Form, Reading, read_version};

/// What is compared and shown for a value of that field; `None` where it says nothing: no language at all.
///
/// `family` is whose rule found it: numbers of Linux distributions are dates as often as versions, 22.04.
pub(super) fn normal(field: Field, family: &str, value: &str) -> Option<String> {
    Some(match field {
        Field::Platform => platform(value).map_or_else(|| value.to_ascii_lowercase(), str::to_owned),
        Field::Language => capitals(&tag(value)?),
        Field::Build if family == "linux" => value.trim().to_owned(),
        // What semantic versioning puts behind a number is a part of it: 1.0-beta is not 1.0.
        Field::Build => match read_version(value) {
            Some(read) if read.form != Form::Semantic => build(&read),
            _ => value.trim().to_owned(),
        },
        _ => value.split_whitespace().collect::<Vec<_>>().join(" "),
    })
}

/// A build as it is compared. That of ESXi stays apart from its release: it has more digits than a number of a version.
fn build(read: &Reading) -> String {
    match (read.form, read.version.parts().split_last()) {
        (Form::Esxi, Some((build, release))) if release.len() == 3 => {
            format!("{}-{build}", read.version.truncated(3))
        }
        _ => read.version.to_string(),
    }
}

/// The contract's word for a processor, by any of its names.
fn platform(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "x64" | "amd64" | "x86_64" | "x86-64" | "em64t" | "64bit" | "64-bit" => "x64",
        "x86" | "i386" | "i486" | "i586" | "i686" | "ia32" | "ia-32" | "intel" | "32bit" | "32-bit" => "x86",
        "arm64" | "aarch64" | "a64" | "aa64" => "arm64",
        "arm" | "armhf" | "armel" | "armv7" | "armv7hl" => "arm",
        "ia64" | "intel64" | "itanium" => "ia64",
        "ppc64le" | "ppc64el" => "ppc64le",
        "all" | "noarch" | "neutral" => "neutral",
        _ => return None,
    })
}

/// BCP 47 §2.1.1: the language small, a script with a capital, a country in capitals.
fn capitals(tag: &str) -> String {
    let mut parts = tag.split(['-', '_']);
    let mut out = parts.next().unwrap_or_default().to_ascii_lowercase();
    for part in parts {
        out.push('-');
        match part.len() {
            2 => out.push_str(&part.to_ascii_uppercase()),
            4 => {
                let mut letters = part.chars();
                out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                out.extend(letters.map(|letter| letter.to_ascii_lowercase()));
            }
            _ => out.push_str(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_have_one_word_and_intel64_is_itanium() {
        for (name, word) in [("AMD64", "x64"), ("i686", "x86"), ("aarch64", "arm64"), ("Intel64", "ia64")] {
            assert_eq!(normal(Field::Platform, "", name).as_deref(), Some(word));
        }
        assert_eq!(normal(Field::Platform, "", "riscv64").as_deref(), Some("riscv64"));
    }

    #[test]
    fn builds_are_read_however_they_are_written() {
        let sql = "2011.0110.2100.060 ((SQL11_RTM).120210-1846 )";
        assert_eq!(normal(Field::Build, "sqlserver", sql).as_deref(), Some("11.0.2100.60"));
        assert_eq!(normal(Field::Build, "", "1.0-beta").as_deref(), Some("1.0-beta"));
        assert_eq!(normal(Field::Build, "linux", "22.04.4").as_deref(), Some("22.04.4"));
        let esxi = normal(Field::Build, "esxi", "8.0.3-0.35.24280767");
        assert_eq!(esxi.as_deref(), Some("8.0.3-24280767"));
    }

    #[test]
    fn languages_are_written_in_one_way() {
        for (said, tag) in [("en-us", "en-US"), ("1031", "de-DE"), ("zh_hans_cn", "zh-Hans-CN"), ("DE", "de")]
        {
            assert_eq!(normal(Field::Language, "", said).as_deref(), Some(tag));
        }
    }
}
