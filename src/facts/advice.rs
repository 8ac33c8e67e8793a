//! What to know before using a medium: rules as data. A rule applies to products and under conditions; only what
//! applies is said.

use super::Facts;
use super::table::{self, BadRow};
use super::version::Version;

/// What is known of a medium, as far as it is known. What is not known meets no condition about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The product, named as in the tables of builds.
    pub product: String,
    /// The release, named as there.
    pub release: Option<String>,
    /// The build.
    pub version: Option<Version>,
    /// `x86`, `x64`, `arm64`, `ia64`, …
    pub platform: Option<String>,
    /// The platform that the name or the label of the medium says.
    pub named_platform: Option<String>,
    /// Editions by identifier: `Professional`, `EnterpriseS`.
    pub editions: Vec<String>,
    /// What kind of medium: `rollup` for an update on its own.
    pub kind: Option<String>,
    /// The platform in the template of an installer package, as it stands there.
    pub template: Option<String>,
    /// Kinds of programs on it: `arm64x`.
    pub programs: Vec<String>,
    /// The size in bytes.
    pub bytes: Option<u64>,
    /// The day it is asked on: `2026-11-23`. Without it nothing is said of support.
    pub today: Option<String>,
}

/// How much a rule matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Something may go wrong.
    Warn,
}

impl Severity {
    /// `note` or `warn`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warn => "warn",
        }
    }
}

/// Something to know, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// A name for scripts; it stays.
    pub id: String,
    /// How much it matters.
    pub severity: Severity,
    /// What to know.
    pub note: String,
    /// Who says so.
    pub source: String,
    /// Of when that is.
    pub date: String,
    /// Products it is about; empty where it is about any.
    pub products: Vec<String>,
    /// What has to be so, all of it.
    pub(super) conditions: Vec<Condition>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// `platform=x86|ia64`
    Platform(Vec<String>),
    /// `edition=Standard`: an identifier that begins so.
    Edition(Vec<String>),
    /// `kind=rollup`
    Kind(Vec<String>),
    /// `release=1909|20H2`
    Release(Vec<String>),
    /// `template=Intel64`
    Template(Vec<String>),
    /// `program=arm64x`
    Program(Vec<String>),
    /// `version=8.0.685.*`
    VersionIn(Version),
    /// `version>=15.2.2562`
    VersionFrom(Version),
    /// `bytes>4700372992`
    BytesOver(u64),
    /// `named!=platform`
    NamedOtherwise,
    /// `today>=2017-04-11`
    From(String),
    /// `today<2017-04-11`
    Before(String),
    /// The release of a row of lifecycle.tsv, and the editions that it is about.
    Lifecycle { release: String, editions: Vec<String> },
}

impl Condition {
    fn read(text: &str) -> Result<Self, String> {
        let bad = || format!("\"{text}\" is no condition");
        let words = |list: &str| {
            let words: Vec<String> = list.split('|').map(|word| word.trim().to_owned()).collect();
            if words.iter().any(String::is_empty) { Err(bad()) } else { Ok(words) }
        };
        if text == "named!=platform" {
            return Ok(Self::NamedOtherwise);
        }
        if let Some(day) = text.strip_prefix("today>=") {
            return table::is_date(day).then(|| Self::From(day.to_owned())).ok_or_else(bad);
        }
        if let Some(day) = text.strip_prefix("today<") {
            return table::is_date(day).then(|| Self::Before(day.to_owned())).ok_or_else(bad);
        }
        if let Some(version) = text.strip_prefix("version>=") {
            return Version::parse(version).map(Self::VersionFrom).ok_or_else(bad);
        }
        if let Some(bytes) = text.strip_prefix("bytes>") {
            return bytes.parse().map(Self::BytesOver).map_err(|_| bad());
        }
        let (name, value) = text.split_once('=').ok_or_else(bad)?;
        match name {
            "platform" => words(value).map(Self::Platform),
            "edition" => words(value).map(Self::Edition),
            "kind" => words(value).map(Self::Kind),
            "release" => words(value).map(Self::Release),
            "template" => words(value).map(Self::Template),
            "program" => words(value).map(Self::Program),
            "version" => {
                let prefix = value.strip_suffix(".*").ok_or_else(bad)?;
                Version::parse(prefix).map(Self::VersionIn).ok_or_else(bad)
            }
            _ => Err(bad()),
        }
    }

    fn is_met(&self, about: &About) -> bool {
        let one = |wanted: &[String], known: &Option<String>| {
            known.as_ref().is_some_and(|known| wanted.iter().any(|word| word.eq_ignore_ascii_case(known)))
        };
        let version = |test: &dyn Fn(&Version) -> bool| about.version.as_ref().is_some_and(test);
        // Days of this form are in the order of their letters.
        let today = |test: &dyn Fn(&str) -> bool| about.today.as_deref().is_some_and(test);
        match self {
            Self::Platform(wanted) => one(wanted, &about.platform),
            Self::Kind(wanted) => one(wanted, &about.kind),
            // Several releases where the files cannot tell which: "2004/20H2 (files cannot tell)".
            Self::Release(wanted) => about.release.as_deref().is_some_and(|release| {
                let mut all = std::iter::once(release).chain(release.split(['/', ' ']));
                all.any(|one| wanted.iter().any(|word| word.eq_ignore_ascii_case(one)))
            }),
            Self::Template(wanted) => one(wanted, &about.template),
            Self::Program(wanted) => about.programs.iter().any(|program| wanted.contains(program)),
            Self::Edition(wanted) => begins(wanted, &about.editions),
            Self::VersionIn(prefix) => version(&|version| prefix.is_prefix_of(version)),
            Self::VersionFrom(least) => version(&|version| version >= least),
            Self::BytesOver(most) => about.bytes.is_some_and(|bytes| bytes > *most),
            Self::NamedOtherwise => match (&about.named_platform, &about.platform) {
                (Some(named), Some(platform)) => named != platform && is_one(named) && is_one(platform),
                _ => false,
            },
            Self::From(day) => today(&|today| today >= day.as_str()),
            Self::Before(day) => today(&|today| today < day.as_str()),
            Self::Lifecycle { release, editions } => {
                (release.is_empty() || is_release(release, about))
                    && (editions.is_empty() || about.editions.is_empty() || begins(editions, &about.editions))
            }
        }
    }
}

/// True where an edition's identifier is one of those wanted, or one of them for a region: `ProfessionalN`. The long-term
/// editions of Enterprise (`EnterpriseS`, `EnterpriseSN`) are not Enterprise.
fn begins(wanted: &[String], editions: &[String]) -> bool {
    let is = |edition: &String, word: &String| {
        edition.strip_prefix(word.as_str()).is_some_and(|rest| !rest.starts_with('S') || word.ends_with('S'))
    };
    editions.iter().any(|edition| wanted.iter().any(|word| is(edition, word)))
}

/// True for the word of one processor.
fn is_one(platform: &str) -> bool {
    !matches!(platform, "mixed" | "neutral" | "unknown" | "")
}

/// True where the medium's release is the row's. Where its name is known, that decides; the version only without it,
/// as the names of Visual Studio 2017 and its versions go different ways.
fn is_release(row: &str, about: &About) -> bool {
    let line = Version::parse(row);
    match &about.release {
        Some(release) => {
            let end = release.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(release.len());
            let number = release.get(..end).and_then(|number| Version::parse(number.trim_end_matches('.')));
            release == row
                || matches!((line, number), (Some(line), Some(number)) if line.is_prefix_of(&number))
        }
        None => match (line, &about.version) {
            (Some(line), Some(version)) => line.is_prefix_of(version),
            _ => false,
        },
    }
}

impl Rule {
    /// True where it is about that medium.
    #[must_use]
    pub fn applies(&self, about: &About) -> bool {
        (self.products.is_empty() || self.products.contains(&about.product))
            && self.conditions.iter().all(|condition| condition.is_met(about))
    }
}

/// Reads a table of rules.
///
/// # Errors
/// The first row that does not hold: no id, no product, a condition that is not understood, a severity that is none.
pub fn parse(text: &str) -> Result<Vec<Rule>, BadRow> {
    let columns = ["id", "applies_to", "condition", "severity", "note", "source", "date"];
    table::read(text, columns, |[id, products, conditions, severity, note, source, date]| {
        let severity = match severity {
            "note" => Severity::Note,
            "warn" => Severity::Warn,
            other => return Err(format!("\"{other}\" is no severity")),
        };
        if [id, products, conditions, note].contains(&"") {
            return Err("an empty cell".to_owned());
        }
        if !table::is_date(date) {
            return Err(format!("\"{date}\" is no date"));
        }
        let products = if products == "*" { "" } else { products };
        let conditions = if conditions == "any" { "" } else { conditions };
        Ok(Rule {
            id: id.to_owned(),
            severity,
            note: note.to_owned(),
            source: source.to_owned(),
            date: date.to_owned(),
            products: table::list(products, ";").map(str::to_owned).collect(),
            conditions: table::list(conditions, ",").map(Condition::read).collect::<Result<_, _>>()?,
        })
    })
}

impl Facts {
    /// Everything to know about a medium that applies to it: rules first, then what is said of its support. Warnings go
    /// before notes.
    #[must_use]
    pub fn advice(&self, about: &About) -> Vec<&Rule> {
        let mut applies: Vec<&Rule> =
            self.rules().iter().chain(self.support()).filter(|rule| rule.applies(about)).collect();
        applies.sort_by_key(|rule| std::cmp::Reverse(rule.severity));
        applies
    }
}

#[cfg(test)]
mod tests;
