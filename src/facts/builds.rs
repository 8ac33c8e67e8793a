//! Builds by number: which release a number belongs to, and which other numbers mean the same build.

use super::table::{self, BadRow};
use super::version::{Version, from_sql_year, read_version};
use super::{FAMILIES, Facts};

/// Another number for a build, or one that is taken for it and is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The number as it is written there.
    pub text: String,
    /// Where it shows: `AdminDisplayVersion; EMC`.
    pub place: String,
    /// True where it is no build: a slip in a published table, or a number that means something else.
    pub wrong: bool,
    /// The text as numbers, where it is one.
    pub version: Option<Version>,
}

/// A build that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// `exchange`, `sqlserver`, `windows`, `office`, `sharepoint`, `visualstudio`, `dotnetfx`, `esxi`, `linux`.
    pub family: String,
    /// `Exchange Server 2007`
    pub product: String,
    /// What people call it: `SP1 RU4`.
    pub release: String,
    /// Its number.
    pub version: Version,
    number: String,
    /// Other numbers.
    pub aliases: Vec<Alias>,
    /// What else is known of it.
    pub notes: Vec<String>,
    /// When it was published: a day, or a month or year where no more is known.
    pub date: Option<String>,
    /// Processors that it was published for.
    pub platforms: Vec<String>,
    /// Who says so.
    pub source: String,
}

/// Why a number belongs to a build.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// It is the build's number.
    Exact,
    /// It is another number that is known for it, or known to be taken for it.
    Alias(Alias),
    /// The same product, version and build; the last number is another.
    SameBuildOtherRevision,
    /// The number that was asked for is the beginning of the build's number.
    Shorter,
    /// The build's number is the beginning of the number that was asked for.
    Longer,
    /// The number that was asked for is the end of the build's number: `685.25`, or ESXi's build alone.
    Ending,
    /// The build's number with 30000 added, as the directory has it.
    DirectoryOffset,
    /// An enablement package makes this release of the build that was asked for: its files keep that number.
    Enablement,
}

/// A build that a number may belong to, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<'a> {
    /// The build.
    pub build: &'a Build,
    /// Why.
    pub how: How,
}

/// Windows builds that are one set of files: a package of a few kilobytes turns the first into the others.
const ENABLEMENT: [&[u32]; 4] =
    [&[18362, 18363], &[19041, 19042, 19043, 19044, 19045], &[22621, 22631], &[26100, 26200]];

impl Build {
    /// The number as its vendor writes it: `22.04`, `7.0.2-17867351`.
    #[must_use]
    pub fn number(&self) -> &str {
        &self.number
    }

    /// `Exchange Server 2007 SP1 RU4`
    #[must_use]
    pub fn name(&self) -> String {
        if self.release.is_empty() || self.product.ends_with(&self.release) {
            self.product.clone()
        } else {
            format!("{} {}", self.product, self.release)
        }
    }

    pub(super) fn is_same_row(&self, other: &Self) -> bool {
        self.product == other.product && self.release == other.release && self.version == other.version
    }
}

/// Reads a table of builds of one family.
///
/// # Errors
/// The first row that does not hold: no product, no number, an alias without its place, no date, no source.
pub fn parse(family: &str, text: &str) -> Result<Vec<Build>, BadRow> {
    let columns = ["version", "product", "release", "aliases", "notes", "date", "platforms", "source"];
    table::read(text, columns, |[version, product, release, aliases, notes, date, platforms, source]| {
        let number = Version::parse(version)
            .or_else(|| read_version(version).map(|reading| reading.version))
            .ok_or_else(|| format!("\"{version}\" is no version"))?;
        if product.is_empty() {
            return Err("no product".to_owned());
        }
        if !date.is_empty() && !table::is_date(date) {
            return Err(format!("\"{date}\" is no date"));
        }
        Ok(Build {
            family: family.to_owned(),
            product: product.to_owned(),
            release: release.to_owned(),
            aliases: table::list(aliases, " | ")
                .map(|item| alias(family, item, &number))
                .collect::<Result<_, _>>()?,
            version: number,
            number: version.to_owned(),
            notes: table::list(notes, " | ").map(str::to_owned).collect(),
            date: (!date.is_empty()).then(|| date.to_owned()),
            platforms: table::list(platforms, ",").map(str::to_owned).collect(),
            source: source.to_owned(),
        })
    })
}

/// `8.0.685.24 @ AdminDisplayVersion`; with `!` before it what is no build.
fn alias(family: &str, item: &str, build: &Version) -> Result<Alias, String> {
    let (text, place) = item.split_once(" @ ").ok_or_else(|| format!("the alias \"{item}\" has no place"))?;
    let (text, wrong) = match text.strip_prefix('!') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let version = read_version(text).map(|reading| reading.version).or_else(|| Version::parse(text));
    let version = version.map(|version| in_full(family, &version, Some(build)));
    Ok(Alias { text: text.to_owned(), place: place.to_owned(), wrong, version })
}

/// A number as the table of that family has it: Windows builds with their major number, the build of an installer of
/// ESXi with the release that it installs, SQL Server's years as versions.
fn in_full(family: &str, version: &Version, build: Option<&Version>) -> Version {
    let full = match (family, version.parts().len(), build) {
        ("windows", 1 | 2, _) => version.with_windows_line(),
        ("esxi", 1, Some(build)) => {
            Version::new(build.parts().iter().copied().take(3).chain(version.parts().iter().copied()))
        }
        ("sqlserver", _, _) => from_sql_year(version),
        _ => None,
    };
    full.unwrap_or_else(|| version.clone())
}

impl Facts {
    /// The builds that a number may belong to, best first: those of that number, those known by it as an alias, and
    /// where there is neither, those that a general rule finds. Releases that an enablement package makes of that
    /// build follow in any case. Several releases may have one number; empty where nothing is known.
    #[must_use]
    pub fn find(&self, family: Option<&str>, version: &Version) -> Vec<Match<'_>> {
        let families = || FAMILIES.iter().filter(|name| family.is_none_or(|wanted| wanted == **name));
        let mut exact = Vec::new();
        let mut aliased = Vec::new();
        for family in families() {
            let asked = in_full(family, version, None);
            for build in self.builds(family) {
                if build.version == asked {
                    exact.push(Match { build, how: How::Exact });
                }
                let known = |alias: &&Alias| alias.version.as_ref() == Some(&asked);
                if let Some(alias) = build.aliases.iter().find(known) {
                    aliased.push(Match { build, how: How::Alias(alias.clone()) });
                }
            }
        }
        let mut found = exact;
        found.append(&mut aliased);
        if found.is_empty() {
            found = families().flat_map(|name| self.by_rule(name, version, family.is_some())).collect();
        }
        if families().any(|name| *name == "windows") {
            let more: Vec<_> = self.enabled(&in_full("windows", version, None), &found).collect();
            found.extend(more);
        }
        found
    }

    /// The neighbours of a number that is not listed, on the same line (the first two numbers): the last build before
    /// it, and the first behind it.
    #[must_use]
    pub fn between(&self, family: &str, version: &Version) -> (Option<&Build>, Option<&Build>) {
        let version = in_full(family, version, None);
        let line = version.truncated(2);
        let builds = self.builds(family);
        let on_line = || builds.iter().filter(|build| line.is_prefix_of(&build.version));
        (on_line().rfind(|build| build.version < version), on_line().find(|build| build.version > version))
    }

    /// General rules, each only where those before it found nothing.
    fn by_rule(&self, family: &str, version: &Version, named: bool) -> Vec<Match<'_>> {
        let asked = &in_full(family, version, None);
        let builds = self.builds(family);
        let length = asked.parts().len();
        let all = |how: How, test: &dyn Fn(&Build) -> bool| -> Vec<Match<'_>> {
            builds.iter().filter(|build| test(build)).map(|build| Match { build, how: how.clone() }).collect()
        };
        let less = (family == "exchange").then(|| without_offset(asked)).flatten();
        if let Some(less) = less {
            let found = all(How::DirectoryOffset, &|build| build.version == less);
            if !found.is_empty() {
                return found;
            }
        }
        if length >= 4 && family != "esxi" {
            let found = nearest(family, builds, asked);
            if !found.is_empty() {
                return found;
            }
        }
        // Without a family, short numbers would be the beginning or the end of something in any of them.
        let least = if named { 1 } else { 3 };
        let longest = builds.iter().filter(|build| build.version.is_prefix_of(asked));
        let longest = longest.map(|build| build.version.parts().len()).max().filter(|&parts| parts >= least);
        if let Some(parts) = longest {
            let prefix = asked.truncated(parts);
            return all(How::Longer, &|build| build.version == prefix);
        }
        if named || (length >= 2 && family != "linux") {
            let found = all(How::Shorter, &|build| asked.is_prefix_of(&build.version));
            if !found.is_empty() {
                return found;
            }
        }
        let endings = match family {
            "exchange" => length == 2 || (named && length == 1),
            "esxi" => length == 1,
            _ => false,
        };
        let ends = |version: &Version| {
            let tail = version.parts().len().saturating_sub(if family == "esxi" { 1 } else { 2 });
            version.parts().get(tail..).is_some_and(|tail| tail.starts_with(asked.parts()))
        };
        let aliased =
            |build: &Build| build.aliases.iter().filter_map(|alias| alias.version.as_ref()).any(ends);
        if endings { all(How::Ending, &|build| ends(&build.version) || aliased(build)) } else { Vec::new() }
    }

    /// Releases whose files keep the number of the build that was asked for.
    fn enabled<'a>(
        &'a self,
        asked: &Version,
        found: &[Match<'_>],
    ) -> impl Iterator<Item = Match<'a>> + use<'a> {
        let base = asked.part(2);
        let group = ENABLEMENT.into_iter().find(|group| group.first().copied() == base && base.is_some());
        let known: Vec<(Version, String)> =
            found.iter().map(|found| (found.build.version.clone(), found.build.name())).collect();
        self.builds("windows").iter().filter_map(move |build| {
            let later = group?.iter().skip(1).any(|&number| build.version.part(2) == Some(number));
            let new = !known.iter().any(|(version, name)| *version == build.version && *name == build.name());
            (later && new).then_some(Match { build, how: How::Enablement })
        })
    }
}

/// The build without the 30000 that the directory adds.
fn without_offset(version: &Version) -> Option<Version> {
    let less = version.part(2)?.checked_sub(30_000)?;
    let parts = version.parts();
    Version::new(parts.iter().enumerate().map(|(at, &part)| if at == 2 { less } else { part }))
}

/// Rows of the same three numbers. Releases of Windows share a build, so all of them; of others, where updates differ
/// in the last number only, the neighbours, the older first.
fn nearest<'a>(family: &str, builds: &'a [Build], asked: &Version) -> Vec<Match<'a>> {
    let three = asked.truncated(3);
    let same = || {
        builds.iter().filter(|build| build.version.parts().len() >= 4 && three.is_prefix_of(&build.version))
    };
    let near =
        |version: Option<Version>| same().filter(move |build| Some(&build.version) == version.as_ref());
    let chosen: Vec<&Build> = if family == "windows" {
        same().collect()
    } else {
        let before = same().map(|build| &build.version).filter(|version| *version < asked).max().cloned();
        let behind = same().map(|build| &build.version).filter(|version| *version > asked).min().cloned();
        near(before).chain(near(behind)).collect()
    };
    chosen.into_iter().map(|build| Match { build, how: How::SameBuildOtherRevision }).collect()
}
