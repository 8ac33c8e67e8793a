//! Product, release and build: from the evidence, and from the tables of builds.
//!
//! Build and release are two values: what the files say, and what people call it. One build has several
//! releases where an enablement package makes them, and then no release is guessed.

use super::evidence::{Class, Evidence, Field};
use super::narrow::narrow;
use super::reconcile::{Compare, Settled, State, Words, sentence, settle};
use crate::facts::{Build, Facts, How, Match, Version, read_version};
use crate::report::{Also, Weighed};

/// What the medium is.
#[derive(Default)]
pub(super) struct Identity {
    pub(super) product: Option<Weighed>,
    pub(super) release: Option<Weighed>,
    pub(super) build: Option<Weighed>,
    /// The build's numbers, for what depends on them.
    pub(super) version: Option<Version>,
    /// The release of the table, without what updates add to it.
    pub(super) base_release: Option<String>,
}

/// Weighs what was gathered.
pub(super) fn identify(evidence: &[Evidence], family: Option<&str>, facts: &Facts) -> Identity {
    let of = |field: Field| evidence.iter().filter(move |one| one.field == field);
    let builds = Builds { facts, family };
    let build = settle(of(Field::Build), &builds);
    let version = build.as_ref().and_then(|build| read_version(&build.value)).map(|read| read.version);
    let mut rows = match (&version, family) {
        (Some(version), Some("windows")) => of_one_build(version, facts),
        (Some(version), Some("linux")) => of_distribution(version, evidence, facts),
        (Some(version), Some(family)) => facts.find(Some(family), version),
        _ => Vec::new(),
    };
    let (mut build, version) = own_number(build, version, &rows);
    if let Some(build) = &mut build {
        elsewhere(build, &rows);
    }
    narrow(&mut rows, evidence, family.unwrap_or_default());
    let class = build.as_ref().map_or(Class::G, |build| build.class);
    let product = product(of(Field::Product), &rows, class, version.as_ref());
    let of_product = |row: &Match<'_>| product.as_ref().is_none_or(|known| known.value == row.build.product);
    if rows.iter().any(of_product) {
        rows.retain(of_product);
    }
    let release = match (&version, family) {
        (Some(version), Some(family)) => release(version, family, &rows, facts),
        _ => None,
    };
    let base_release = release.as_ref().map(|release| release.value.clone());
    let release = with_names(release, of(Field::Release));
    let release = with_updates(release, of(Field::Update));
    let vendor = settle(of(Field::Vendor), &Words).map(|vendor| vendor.value);
    let shown = |settled: Settled| {
        let short = |value: String| shown(family, value);
        Weighed {
            value: short(settled.value),
            also: settled.also.into_iter().map(|also| Also { value: short(also.value), ..also }).collect(),
            vendor: None,
            state: settled.state.name().to_owned(),
            because: settled.because,
        }
    };
    Identity {
        product: product.map(|product| Weighed { vendor, ..shown(product) }),
        release: release.map(plain),
        build: build.map(shown),
        version,
        base_release,
    }
}

fn plain(settled: Settled) -> Weighed {
    Weighed {
        value: settled.value,
        vendor: None,
        state: settled.state.name().to_owned(),
        because: settled.because,
        also: settled.also,
    }
}

/// A build as people write it: those of Windows without the 10.0 that they all begin with.
fn shown(family: Option<&str>, value: String) -> String {
    let windows = family == Some("windows");
    let version = read_version(&value).map(|read| read.version).filter(|_| windows);
    let Some([_, _, rest @ ..]) = version.as_ref().map(Version::parts) else { return value };
    match Version::new(rest.iter().copied()) {
        Some(rest) if version.as_ref().and_then(|version| version.part(0)) >= Some(6) => rest.to_string(),
        _ => value,
    }
}

/// Builds by their numbers; differences are explained by the table first, then by general rules.
struct Builds<'a> {
    facts: &'a Facts,
    family: Option<&'a str>,
}

impl Compare for Builds<'_> {
    fn key(&self, value: &str) -> String {
        read_version(value).map_or_else(|| value.to_owned(), |read| read.version.to_string())
    }

    fn explain(&self, answer: &str, other: &Evidence) -> Option<String> {
        let ours = read_version(answer)?.version;
        let theirs = read_version(&other.value)?.version;
        let rows = self.facts.find(self.family, &ours);
        let of_table = rows.iter().find_map(|row| {
            if matches!(row.how, How::Exact | How::Alias(_)) && row.build.version == theirs {
                return Some(format!("{ours} is another number of that build"));
            }
            let known = |alias: &&crate::facts::Alias| alias.version.as_ref() == Some(&theirs);
            let alias = row.build.aliases.iter().find(known)?;
            Some(if alias.wrong { no_build(&alias.place) } else { shown_by(&alias.place) })
        });
        let enabled = || {
            let base = theirs.truncated(3);
            let row = rows
                .iter()
                .find(|row| row.how == How::Enablement && row.build.version.truncated(3) == base)?;
            Some(format!("an enablement package makes {} of the same files", row.build.name()))
        };
        let general = || {
            let three = ours.parts().len() >= 3 && ours.truncated(3) == theirs.truncated(3);
            if theirs.is_prefix_of(&ours) || ours.is_prefix_of(&theirs) {
                Some("the same number, said in another length".to_owned())
            } else if theirs.is_suffix_of(&ours) || ours.is_suffix_of(&theirs) {
                Some("the same number without its beginning".to_owned())
            } else if three {
                Some("the same build, another revision of it".to_owned())
            } else {
                None
            }
        };
        of_table.or_else(enabled).or_else(general)
    }
}

/// All releases of Windows whose files have that build: an update raises the last number alone, and an enablement
/// package makes the next release of the same files.
fn of_one_build<'f>(version: &Version, facts: &'f Facts) -> Vec<Match<'f>> {
    let mut rows = facts.find(Some("windows"), version);
    for row in facts.find(Some("windows"), &version.truncated(3)) {
        if !rows.iter().any(|known| known.build == row.build) {
            rows.push(row);
        }
    }
    for row in &mut rows {
        if row.build.version.part(2) != version.part(2) {
            row.how = How::Enablement;
        }
    }
    rows.sort_by(|a, b| a.build.version.cmp(&b.build.version));
    rows
}

/// Distributions count their releases alike: only those of the one that the medium names are looked at, by fewer and
/// fewer numbers.
fn of_distribution<'f>(version: &Version, evidence: &[Evidence], facts: &'f Facts) -> Vec<Match<'f>> {
    let named: Vec<&str> = evidence
        .iter()
        .filter(|one| one.field == Field::Product && one.role.counts())
        .map(|one| one.value.as_str())
        .collect();
    let is = |row: &Match<'_>| {
        let product = &row.build.product;
        named.iter().any(|name| Words::within(name, product) || Words::within(product, name))
    };
    for parts in (1..=version.parts().len()).rev() {
        let mut rows = facts.find(Some("linux"), &version.truncated(parts));
        rows.retain(is);
        if !rows.is_empty() {
            return rows;
        }
    }
    Vec::new()
}

/// Where the medium shows an alias alone, the build's own number is the answer.
fn own_number(
    build: Option<Settled>,
    version: Option<Version>,
    rows: &[Match<'_>],
) -> (Option<Settled>, Option<Version>) {
    let aliased = rows.iter().find_map(|row| match &row.how {
        // Media of Windows have many revisions, each of them a build of its own.
        How::Alias(alias) if !alias.wrong && row.build.family != "windows" => Some((row.build, alias)),
        _ => None,
    });
    let exact = rows.iter().any(|row| row.how == How::Exact);
    match (build, aliased) {
        (Some(mut build), Some((row, alias))) if !exact => {
            let number = row.version.to_string();
            let because = format!("{} is {number}, as it is shown in: {}", build.value, alias.place);
            build.because.push(because);
            // A longer form is kept: the table's number is the beginning of it.
            if !version.as_ref().is_some_and(|version| row.version.is_prefix_of(version)) {
                build.value = number;
                build.state = State::Explained;
                return (Some(build), Some(row.version.clone()));
            }
            (Some(build), version)
        }
        (build, _) => (build, version),
    }
}

/// Numbers that the same build has in other places than the medium: whoever looks at an installed system meets them.
fn elsewhere(build: &mut Settled, rows: &[Match<'_>]) {
    let exact = rows.iter().filter(|row| matches!(row.how, How::Exact | How::Alias(_)));
    for alias in exact.flat_map(|row| &row.build.aliases) {
        let seen = |also: &Also| Version::parse(&also.value) == alias.version && alias.version.is_some();
        let own = read_version(&build.value).map(|read| read.version);
        if build.also.iter().any(seen)
            || own == alias.version
            || build.also.iter().any(|a| a.value == alias.text)
        {
            continue;
        }
        let why = if alias.wrong { no_build(&alias.place) } else { shown_by(&alias.place) };
        let place = "elsewhere".to_owned();
        build.also.push(Also { value: alias.text.clone(), place, why });
    }
}

/// Why a number that the table knows is not the build.
fn no_build(place: &str) -> String {
    format!("not the build: {place}")
}

/// Why a number that the table knows is the same build.
fn shown_by(place: &str) -> String {
    format!("the same build, as it is shown in: {place}")
}

fn because(row: &Build, version: &Version) -> String {
    let date = row.date.as_ref().map(|date| format!(" ({date})")).unwrap_or_default();
    format!("build {version} is that of {}{date}", row.name())
}

/// The product: what the medium calls it, and what the table of builds calls the build's.
fn product<'a>(
    evidence: impl Iterator<Item = &'a Evidence> + Clone,
    rows: &[Match<'_>],
    class: Class,
    version: Option<&Version>,
) -> Option<Settled> {
    let said = settle(evidence.clone(), &Words);
    let mut products: Vec<&str> = Vec::new();
    for row in rows {
        if !products.contains(&row.build.product.as_str()) {
            products.push(&row.build.product);
        }
    }
    let (Some(version), Some(first)) = (version, rows.first()) else { return said };
    let derived = first.build.product.clone();
    match (products.as_slice(), said) {
        ([_], None) => Some(Settled {
            value: derived,
            class,
            state: State::Single,
            because: vec![because(first.build, version)],
            also: Vec::new(),
        }),
        ([_], Some(said)) if Words::within(&said.value, &derived) || Words::within(&derived, &said.value) => {
            // What the medium says in more or fewer words is the same; the table's name is the one to look up.
            let mut out = said;
            out.because.push(because(first.build, version));
            out.value = derived;
            out.also.retain(|also| !Words::within(&also.value, &out.value));
            out.state = if out.also.is_empty() { State::Confirmed } else { out.state };
            Some(out)
        }
        ([_], Some(said)) => {
            let known = Evidence {
                field: Field::Product,
                raw: derived.clone(),
                value: derived,
                file: "the table of builds".to_owned(),
                part: String::new(),
                how: "builds",
                class,
                role: super::evidence::Role::Identity,
                rule: String::new(),
            };
            let all: Vec<Evidence> = evidence.cloned().chain([known]).collect();
            settle(all.iter(), &Words).or(Some(said))
        }
        (_, Some(said)) => Some(said),
        (several, None) => Some(Settled {
            value: format!("{} (files cannot tell)", several.join(" or ")),
            class,
            state: State::Unknown,
            because: vec![format!("build {version} is that of {}", several.join(" and of "))],
            also: Vec::new(),
        }),
    }
}

/// The release of that build, as far as files can tell.
fn release(version: &Version, family: &str, rows: &[Match<'_>], facts: &Facts) -> Option<Settled> {
    let settled = |value: String, state: State, because: Vec<String>| {
        Some(Settled { value, class: Class::A, state, because, also: Vec::new() })
    };
    let servicing = family == "windows";
    let rows: Vec<&Match<'_>> = if servicing { reached(version, rows) } else { rows.iter().collect() };
    // An abbreviated number is a build's where no other begins or ends so.
    let one_row = rows.len() == 1;
    let sure = |row: &&&Match<'_>| {
        let shorter = matches!(row.how, How::Shorter) && version.parts().len() >= 3 && one_row;
        let ending = matches!(row.how, How::Ending) && one_row;
        let known = matches!(row.how, How::Exact | How::Alias(_) | How::Longer | How::DirectoryOffset);
        servicing || known || shorter || ending
    };
    let mut releases: Vec<&Match<'_>> = Vec::new();
    for row in rows.iter().filter(sure) {
        if !releases.iter().any(|known| known.build.release == row.build.release) {
            releases.push(row);
        }
    }
    match releases.as_slice() {
        [one] => settled(one.build.release.clone(), State::Single, vec![because(one.build, version)]),
        [] => {
            let (before, behind) = facts.between(family, version);
            let value = match (before, behind) {
                (Some(before), Some(behind)) if before.product == behind.product => {
                    format!("between {} and {} (not listed)", before.release, behind.release)
                }
                (Some(before), _) => format!("later than {} (not listed)", before.name()),
                (None, Some(behind)) => format!("earlier than {} (not listed)", behind.name()),
                (None, None) => return None,
            };
            let near = [before, behind].into_iter().flatten();
            let near = near.map(|row| format!("{} is {}", row.number(), row.name()));
            settled(value, State::Unknown, near.collect())
        }
        several => {
            let names: Vec<&str> = several.iter().map(|row| row.build.release.as_str()).collect();
            let because = several.iter().map(|row| because(row.build, version)).collect();
            settled(format!("{} (files cannot tell)", names.join("/")), State::Unknown, because)
        }
    }
}

/// Of releases that share a build, those that had begun by that revision; of one release's revisions the last.
fn reached<'a, 'f>(version: &Version, rows: &'a [Match<'f>]) -> Vec<&'a Match<'f>> {
    let Some(revision) = version.part(3) else { return rows.iter().collect() };
    let begun = |row: &&Match<'_>| row.build.version.part(3).unwrap_or(0) <= revision;
    let mut out: Vec<&Match<'_>> = rows.iter().filter(begun).collect();
    if out.is_empty() {
        // Older than any that is listed: the first of that build.
        out.extend(rows.iter().filter(|row| row.how != How::Enablement).min_by_key(|row| &row.build.version));
    }
    let last =
        out.iter().filter(|row| row.how != How::Enablement).map(|row| &row.build.version).max().cloned();
    out.retain(|row| row.how == How::Enablement || Some(&row.build.version) == last.as_ref());
    out
}

/// What the medium itself calls the release. Names that people give decide nothing.
fn with_names<'a>(
    release: Option<Settled>,
    evidence: impl Iterator<Item = &'a Evidence> + Clone,
) -> Option<Settled> {
    let said = settle(evidence, &Words);
    let Some(mut release) = release else { return said };
    let Some(said) = said else { return Some(release) };
    let fits = Words::within(&said.value, &release.value.replace('/', " "));
    match (release.state, fits, said.class.is_a_name()) {
        (State::Unknown, true, true) => {
            let why = "named so; the files cannot tell".to_owned();
            let place = said.because.join("; ");
            release.also.push(Also { value: said.value, place, why });
        }
        (State::Unknown, _, false) => {
            return Some(said);
        }
        (State::Single, true, _) => {
            release.because.extend(said.because);
            release.state = State::Confirmed;
        }
        (_, true, _) => release.because.extend(said.because),
        (_, false, _) => {
            let why = if said.class.is_a_name() {
                "a name that somebody gave; the files say otherwise".to_owned()
            } else {
                "nothing known explains the difference".to_owned()
            };
            release.also.push(Also { value: said.value, place: said.because.join("; "), why });
            release.state = State::Conflict;
        }
    }
    Some(release)
}

/// "RTM + RU4 in Updates".
fn with_updates<'a>(
    release: Option<Settled>,
    evidence: impl Iterator<Item = &'a Evidence>,
) -> Option<Settled> {
    let mut release = release?;
    let mut names: Vec<&str> = Vec::new();
    for one in evidence.filter(|one| one.role.counts()) {
        if !names.contains(&one.value.as_str()) {
            names.push(&one.value);
        }
        let sentence = sentence(one);
        if !release.because.contains(&sentence) {
            release.because.push(sentence);
        }
    }
    if !names.is_empty() {
        release.value = format!("{} + {} in Updates", release.value, names.join(" + "));
    }
    Some(release)
}
