//! Version numbers as people and files write them.
//!
//! One build is written in many ways: padded with zeros, with a year instead of a product number, with
//! 30000 added, as a lab's build string. All of them are read to one [`Version`] here, and the [`Form`] is kept
//! so that a difference can be explained.

use std::fmt;

/// The most numbers a version has. Four is what a file's version resource holds; some products add one.
const MAX_PARTS: usize = 6;
/// The longest text that is looked at; longer ones are no version.
const MAX_TEXT: usize = 256;
/// A number in a file's version resource is 16 bits wide (`VS_FIXEDFILEINFO.dwFileVersionMS`).
const MAX_WORD: u32 = 0xFFFF;
/// What the directory adds to the build in the attribute `serialNumber` of an Exchange server.
const DIRECTORY_OFFSET: u32 = 30_000;

/// A version of one to six numbers. Ordered number by number; a missing number is less than any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Vec<u32>);

/// How a text gives a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// `8.0.685.25`
    Plain,
    /// `08.00.0685.025`: the same numbers with zeros before them.
    Padded,
    /// `6, 0, 2900, 2180`: commas, as old version resources have them.
    Commas,
    /// `2011.0110.2100.060`: SQL Server's file version. The year is not the product's year.
    SqlYear,
    /// `Version 15.1 (Build 32507.6)`: the directory's `serialNumber`, the build with 30000 added.
    ActiveDirectory,
    /// `Version 8.0 (Build 685.24)`: `AdminDisplayVersion`, and what consoles show.
    Console,
    /// `0.1 (8.0.535.0)`: the oldest version that can read an object of the directory, no build.
    ObjectVersion,
    /// `7601.17514.amd64fre.win7sp1_rtm.101119-1850`: a lab's build string, without the major number.
    BuildLab,
    /// `6.1.7601.17514 (win7sp1_rtm.101119-1850)`: a number and a remark.
    Remark,
    /// `3.2.1+9f0c2d`, `18.0.0-pre.1`: a number and what semantic versioning puts behind it.
    Semantic,
    /// `8.0.3-0.35.24280767`, `7.0.2-17867351`: ESXi, release and build number.
    Esxi,
}

/// A version and how it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The numbers, as the product counts them.
    pub version: Version,
    /// How they were written.
    pub form: Form,
}

impl Version {
    /// A version of these numbers; none where there are none, or too many.
    #[must_use]
    pub fn new(parts: impl IntoIterator<Item = u32>) -> Option<Self> {
        let parts: Vec<u32> = parts.into_iter().take(MAX_PARTS + 1).collect();
        (!parts.is_empty() && parts.len() <= MAX_PARTS).then_some(Self(parts))
    }

    /// Reads numbers with dots between them and nothing else. Zeros before a number do not count.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let mut parts = Vec::new();
        for part in text.split('.') {
            if parts.len() == MAX_PARTS {
                return None;
            }
            parts.push(number(part)?);
        }
        Self::new(parts)
    }

    /// The numbers.
    #[must_use]
    pub fn parts(&self) -> &[u32] {
        &self.0
    }

    /// The number at that place, from 0.
    #[must_use]
    pub fn part(&self, at: usize) -> Option<u32> {
        self.0.get(at).copied()
    }

    /// True where `other` begins with all numbers of this one (and may be the same).
    #[must_use]
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// True where `other` ends with all numbers of this one (and may be the same).
    #[must_use]
    pub fn is_suffix_of(&self, other: &Self) -> bool {
        other.0.ends_with(&self.0)
    }

    /// The first `n` numbers, one at least.
    #[must_use]
    pub fn truncated(&self, n: usize) -> Self {
        Self(self.0.iter().copied().take(n.max(1)).collect())
    }

    /// The numbers that Windows counts by: with the major and minor number that belong to a build number alone,
    /// as `26100.1` is 10.0.26100.1. None where the number is no Windows build.
    #[must_use]
    pub fn with_windows_line(&self) -> Option<Self> {
        let (major, minor) = match self.part(0)? {
            528 => (3, 10),
            807 => (3, 50),
            1057 => (3, 51),
            1381 => (4, 0),
            2195 => (5, 0),
            2600 => (5, 1),
            3790 => (5, 2),
            6000..=6003 => (6, 0),
            7600 | 7601 => (6, 1),
            9200 => (6, 2),
            9600 => (6, 3),
            10240..=65535 => (10, 0),
            _ => return None,
        };
        Self::new([major, minor].into_iter().chain(self.0.iter().copied()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            write!(f, "{dot}{part}")?;
        }
        Ok(())
    }
}

/// Decimal digits only: `+1` and the digits of other scripts are no numbers here.
fn number(text: &str) -> Option<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Reads what people and files write; see [`Form`] for what is understood.
///
/// None for what is no version, and for a fourth number that is too large to be one: tables copied from web pages
/// have the number of a footnote glued to it (`15.0.4505.100215`, `15.0.1497.2415`).
#[must_use]
pub fn read_version(text: &str) -> Option<Reading> {
    let text = text.trim();
    if text.len() > MAX_TEXT || !text.is_ascii() {
        return None;
    }
    let reading = console(text)
        .or_else(|| object_version(text))
        .or_else(|| esxi(text))
        .or_else(|| build_lab(text))
        .or_else(|| commas(text))
        .or_else(|| dotted(text))?;
    (reading.form == Form::Esxi || !has_footnote(&reading.version)).then_some(reading)
}

/// True where the fourth number cannot be one: more than 16 bits, or four digits where Exchange has three at most.
fn has_footnote(version: &Version) -> bool {
    let &[major, minor, build, revision, ..] = version.parts() else {
        return false;
    };
    // Builds of Exchange end below 4000 on these lines; those of Office and Visual Studio begin above.
    let exchange = matches!((major, minor), (8 | 14, 0..=3) | (15, 0..=2)) && build < 4000;
    revision > MAX_WORD || (exchange && revision > 999)
}

/// `Version 15.1 (Build 32507.6)`, `Version 6.5 (Build 7226.6: Service Pack 1)`
fn console(text: &str) -> Option<Reading> {
    let rest = strip_word(text, "version")?.trim_start();
    let (line, rest) = rest.split_once('(')?;
    let line = Version::parse(line.trim())?;
    let inside = rest.split_once(')')?.0;
    let build = strip_word(inside.trim(), "build")?;
    let build = build.split(':').next()?.trim();
    let build = Version::parse(build)?;
    let (&first, revision) = build.parts().split_first()?;
    let (first, form) = match first.checked_sub(DIRECTORY_OFFSET) {
        Some(less) => (less, Form::ActiveDirectory),
        None => (first, Form::Console),
    };
    if line.parts().len() != 2 || revision.len() > 1 {
        return None;
    }
    let parts = line.parts().iter().copied().chain([first]).chain(revision.iter().copied());
    Some(Reading { version: Version::new(parts)?, form })
}

/// `0.1 (8.0.535.0)`
fn object_version(text: &str) -> Option<Reading> {
    let (schema, rest) = text.split_once(" (")?;
    let schema = Version::parse(schema)?;
    let version = Version::parse(rest.strip_suffix(')')?)?;
    (schema.part(0) == Some(0) && schema.parts().len() == 2 && version.parts().len() == 4)
        .then_some(Reading { version, form: Form::ObjectVersion })
}

/// `8.0.3-0.35.24280767` (release, then image profile and build), `7.0.2-17867351`
fn esxi(text: &str) -> Option<Reading> {
    let (release, behind) = text.split_once('-')?;
    let release = Version::parse(release)?;
    let build = Version::parse(behind)?;
    let last = *build.parts().last()?;
    // Builds of ESXi have had six digits from its first release on.
    if release.parts().len() != 3 || last < 100_000 || !matches!(build.parts().len(), 1 | 3) {
        return None;
    }
    let version = Version::new(release.parts().iter().copied().chain([last]))?;
    Some(Reading { version, form: Form::Esxi })
}

/// `2600.xpclient.010817-1148`, `26100.1.amd64fre.ge_release.240331-1435`, `14393.0.161119-1705.rs1_refresh`
fn build_lab(text: &str) -> Option<Reading> {
    let parts: Vec<&str> = text.split('.').take(MAX_PARTS + 4).collect();
    let numbers: Vec<u32> = parts.iter().map_while(|part| number(part)).collect();
    let words = parts.get(numbers.len()..)?;
    let dated = words.iter().any(|word| is_lab_date(word.split('_').next().unwrap_or(word)));
    let branched = words.iter().any(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
    if numbers.is_empty() || numbers.len() > 2 || !dated || !branched {
        return None;
    }
    let version = Version::new(numbers)?.with_windows_line()?;
    Some(Reading { version, form: Form::BuildLab })
}

/// `240331-1435`: year, month, day, hour, minute of a lab's build.
pub(super) fn is_lab_date(word: &str) -> bool {
    word.split_once('-').is_some_and(|(day, time)| {
        day.len() == 6 && time.len() == 4 && number(day).is_some() && number(time).is_some()
    })
}

/// `6, 0, 2900, 2180`
fn commas(text: &str) -> Option<Reading> {
    let version = Version::parse(&text.contains(',').then(|| text.replace(", ", ".").replace(',', "."))?)?;
    (version.parts().len() >= 3).then_some(Reading { version, form: Form::Commas })
}

/// Numbers with dots, and what may stand behind them.
fn dotted(text: &str) -> Option<Reading> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (head, behind) = text.split_at_checked(end)?;
    let version = Version::parse(head)?;
    if let Some(version) = from_sql_year(&version) {
        return Some(Reading { version, form: Form::SqlYear });
    }
    let padded = head.split('.').any(|part| part.len() > 1 && part.starts_with('0'));
    let form = match behind.bytes().next() {
        None if padded => Form::Padded,
        None => Form::Plain,
        Some(b' ') => Form::Remark,
        Some(b'+' | b'-') if version.parts().len() >= 2 && behind.len() > 1 => Form::Semantic,
        Some(_) => return None,
    };
    // `2 files` is no version, `10.0.17763.1 (WinBuild.160101.0800)` is one.
    (behind.is_empty() || version.parts().len() >= 2).then_some(Reading { version, form })
}

/// SQL Server's file version by its year: 2011.110.2100.60 is 11.0.2100.60. The year is when work on a release began,
/// so it is not the year in the product's name.
#[must_use]
pub fn from_sql_year(version: &Version) -> Option<Version> {
    let (&[year, code], rest) = version.parts().split_at_checked(2)? else {
        return None;
    };
    let (major, minor) = match (year, code) {
        (2000, 80) => (8, 0),
        (2005, 90) => (9, 0),
        (2007, 100) => (10, 0),
        (2009, 100) => (10, 50),
        (2011, 110) => (11, 0),
        (2014, 120) => (12, 0),
        (2015, 130) => (13, 0),
        (2017, 140) => (14, 0),
        (2019, 150) => (15, 0),
        (2022, 160) => (16, 0),
        (2025, 170) => (17, 0),
        _ => return None,
    };
    Version::new([major, minor].into_iter().chain(rest.iter().copied()))
}

/// What follows a word, whatever its case.
fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    (head.eq_ignore_ascii_case(word) && rest.starts_with(' ')).then_some(rest.trim_start())
}

#[cfg(test)]
mod tests;
