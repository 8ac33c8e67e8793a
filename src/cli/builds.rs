//! `discless builds`: a number looked up without a medium.

use super::Exit;
use super::args::Builds;
use super::show;
use super::ui::Ui;
use discless::facts::{About, Alias, Build, FAMILIES, Facts, How, Match, Question, Reading, Version};
use discless::report::{self, KnownBuild};
use discless::text::for_terminal;
use discless::time::Timestamp;
use discless::{Error, Result};
use std::fmt::Write as _;
use std::sync::Arc;

/// More matches than these are shown a line each.
const MOST_IN_FULL: usize = 6;

pub(super) fn run(ui: &Ui, args: &Builds) -> Result<Exit> {
    let facts = match &args.facts {
        Some(dir) => Arc::new(Facts::with_dir(dir)?),
        None => Facts::compiled(),
    };
    let today = Timestamp::today();
    let asked = args.words.join(" ");
    let answer = answer(&facts, &asked, &today)?;
    if ui.json {
        ui.document(&answer)?;
    } else {
        ui.answer(&text(&answer))?;
    }
    Ok(Exit::Good)
}

fn answer(facts: &Facts, asked: &str, today: &str) -> Result<report::Builds> {
    if asked.trim().is_empty() {
        let mut answer = report::Builds::new("", "products");
        answer.products = FAMILIES.iter().flat_map(|family| products(facts, family, &[])).collect();
        return Ok(answer);
    }
    let question = facts.understand(asked)?;
    match &question.reading {
        Some(reading) => number(facts, asked, &question, reading, today),
        None => list(facts, asked, &question, today),
    }
}

/// A product's builds, or the products where several are meant.
fn list(facts: &Facts, asked: &str, question: &Question, today: &str) -> Result<report::Builds> {
    let found = facts.answers(question);
    if let (Some(family), [], []) =
        (question.family, question.products.as_slice(), question.release.as_slice())
    {
        let several = products(facts, family, &[]);
        if several.len() > 1 {
            let mut answer = report::Builds::new(asked, "products");
            answer.products = several;
            return Ok(answer);
        }
    }
    if found.is_empty() {
        return Err(Error::not_found(format!("a build of \"{asked}\""), None));
    }
    let mut answer = report::Builds::new(asked, "list");
    answer.builds = found.iter().map(|build| known(facts, build, today)).collect();
    Ok(answer)
}

/// What a number belongs to.
fn number(
    facts: &Facts,
    asked: &str,
    question: &Question,
    reading: &Reading,
    today: &str,
) -> Result<report::Builds> {
    let version = &reading.version;
    let found = facts.find(question.family, version);
    let right = |found: &Match<'_>| match &found.how {
        How::Exact => true,
        How::Alias(alias) => !alias.wrong,
        _ => false,
    };
    let wrong = |found: &Match<'_>| matches!(&found.how, How::Alias(alias) if alias.wrong);
    let kind = if found.iter().any(right) {
        "known"
    } else if found.iter().any(wrong) {
        "not_a_build"
    } else if found.is_empty() {
        "between"
    } else {
        "by_rule"
    };
    let mut answer = report::Builds::new(asked, kind);
    answer.number = Some(report::ReadNumber::new(&question.number, reading));
    // The beginning of listed numbers lies between nothing.
    let other = found.is_empty() || found.iter().any(|found| found.how != How::Shorter);
    if matches!(kind, "between" | "by_rule") && other {
        answer.between = neighbours(facts, question.family, version, today);
    }
    if found.is_empty() && answer.between.is_empty() {
        return unknown(facts, question.family, version);
    }
    for found in &found {
        let mut build = known(facts, found.build, today);
        build.how = Some(word(&found.how).to_owned());
        build.why = why(version, found);
        answer.builds.push(build);
    }
    Ok(answer)
}

/// A single number, that is a year, may name products; else it is not known.
fn unknown(facts: &Facts, family: Option<&str>, version: &Version) -> Result<report::Builds> {
    let asked = version.to_string();
    let named = facts.products_named(&asked);
    if family.is_none() && !named.is_empty() {
        let mut answer = report::Builds::new(&asked, "products");
        for (family, product) in named {
            answer.products.extend(products(facts, family, &[product]));
        }
        return Ok(answer);
    }
    let families = FAMILIES.iter().filter(|name| family.is_none_or(|family| family == **name));
    let near = families
        .flat_map(|family| facts.builds(family))
        .map(|build| (strsim::damerau_levenshtein(build.number(), &asked), build.number()))
        .filter(|(distance, number)| *distance <= if number.len() < 8 { 1 } else { 2 })
        .min()
        .map(|(_, number)| number.to_owned());
    let of = family.map(|family| format!(" of {family}")).unwrap_or_default();
    Err(Error::not_found(format!("build {asked}{of}"), near))
}

fn neighbours(facts: &Facts, family: Option<&str>, version: &Version, today: &str) -> Vec<report::Between> {
    let mut all = Vec::new();
    for name in FAMILIES.iter().filter(|name| family.is_none_or(|family| family == **name)) {
        let (before, after) = facts.between(name, version);
        // A year or a major number alone lies between anything.
        if version.parts().len() >= 2 && (before.is_some() || after.is_some()) {
            all.push(report::Between {
                family: (*name).to_owned(),
                before: before.map(|build| known(facts, build, today)),
                after: after.map(|build| known(facts, build, today)),
            });
        }
    }
    all
}

fn products(facts: &Facts, family: &str, only: &[&str]) -> Vec<report::KnownProduct> {
    let mut products = Vec::new();
    for product in facts.products(family) {
        if !only.is_empty() && !only.contains(&product) {
            continue;
        }
        let builds: Vec<&Build> =
            facts.builds(family).iter().filter(|build| build.product == product).collect();
        if let (Some(first), Some(last)) = (builds.first(), builds.last()) {
            products.push(report::KnownProduct {
                family: family.to_owned(),
                product: product.to_owned(),
                builds: builds.len() as u64,
                first: first.number().to_owned(),
                last: last.number().to_owned(),
            });
        }
    }
    products
}

fn known(facts: &Facts, build: &Build, today: &str) -> KnownBuild {
    let about = About {
        product: build.product.clone(),
        release: Some(build.release.clone()),
        version: Some(build.version.clone()),
        today: Some(today.to_owned()),
        ..About::default()
    };
    let support = facts.support().iter().filter(|rule| rule.applies(&about));
    KnownBuild { support: support.map(|rule| rule.note.clone()).collect(), ..build.into() }
}

/// The word of the contract for why a build was found.
fn word(how: &How) -> &'static str {
    match how {
        How::Exact => "exact",
        How::Alias(Alias { wrong: false, .. }) => "alias",
        How::Alias(_) => "not_a_build",
        How::SameBuildOtherRevision => "other_revision",
        How::Shorter => "shorter",
        How::Longer => "longer",
        How::Ending => "ending",
        How::DirectoryOffset => "directory_offset",
        How::Enablement => "enablement",
        _ => "other",
    }
}

/// Why a build was found, in words; nothing where its number says it.
fn why(asked: &Version, found: &Match<'_>) -> Option<String> {
    Some(match &found.how {
        How::Alias(alias) if alias.wrong => format!("{} is not a build: {}", alias.text, alias.place),
        How::Alias(alias) => format!("{} is another number for it: {}", alias.text, alias.place),
        How::SameBuildOtherRevision => format!("{asked} is the same build with another last number"),
        How::Shorter => format!("its number begins with {asked}"),
        How::Longer => format!("{asked} begins with its number"),
        How::Ending => format!("{asked} is the end of its number, or of another number for it"),
        How::DirectoryOffset => format!("{asked} is its number with the 30000 that the directory adds"),
        How::Enablement => {
            format!("files on its media may say {asked}: it is that build with an enablement package")
        }
        _ => return None,
    })
}

/// How a number was read, where it does not stand there.
fn read_as(number: &report::ReadNumber) -> Option<String> {
    let why = match number.form.as_str() {
        "padded" => "without the zeros",
        "sql_year" => "the file version of SQL Server, whose year is not the product's",
        "active_directory" => "the directory adds 30000 to the build",
        "build_lab" => "the lab's build string leaves the major number out",
        "object_version" => "the oldest version that can read an object of the directory",
        _ => return None,
    };
    Some(format!("{} is {}: {why}", for_terminal(&number.text), number.version))
}

fn text(answer: &report::Builds) -> String {
    let mut out = String::new();
    if let Some(line) = answer.number.as_ref().and_then(read_as) {
        let _ = writeln!(out, "{line}\n");
    }
    for product in &answer.products {
        let count = show::count(product.builds, "build");
        let range = if product.builds == 1 {
            product.first.clone()
        } else {
            format!("{} to {}", product.first, product.last)
        };
        let _ = writeln!(out, "{:<40} {count:>10}   {range}", for_terminal(&product.product));
    }
    if let (Some(number), "between" | "by_rule") = (&answer.number, answer.answer.as_str()) {
        between(&mut out, number, &answer.between);
        if !answer.between.is_empty() && !answer.builds.is_empty() {
            out.push('\n');
        }
    }
    if answer.answer == "list" || answer.builds.len() > MOST_IN_FULL {
        lines(&mut out, &answer.builds);
    } else {
        for (at, build) in answer.builds.iter().enumerate() {
            out.push_str(if at == 0 { "" } else { "\n" });
            full(&mut out, build);
        }
    }
    out
}

fn between(out: &mut String, number: &report::ReadNumber, all: &[report::Between]) {
    let name = |build: &KnownBuild| {
        let date = build.date.as_deref().map(|date| format!(", {date}")).unwrap_or_default();
        format!("{} ({}{date})", for_terminal(&title(build)), for_terminal(&build.build))
    };
    for lies in all {
        let place = match (&lies.before, &lies.after) {
            (Some(before), Some(after)) => format!("between {} and {}", name(before), name(after)),
            (Some(before), None) => format!("later than {}", name(before)),
            (None, Some(after)) => format!("earlier than {}", name(after)),
            (None, None) => continue,
        };
        let _ = writeln!(out, "{} is not listed: {place}", number.version);
    }
}

fn title(build: &KnownBuild) -> String {
    if build.release.is_empty() {
        build.product.clone()
    } else {
        format!("{} {}", build.product, build.release)
    }
}

/// A build with all that is known of it.
fn full(out: &mut String, build: &KnownBuild) {
    let _ = writeln!(out, "{}, build {}", for_terminal(&title(build)), for_terminal(&build.build));
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(out, "  {name:<10} {}", for_terminal(value));
    };
    if let Some(why) = &build.why {
        row("because", why);
    }
    if let Some(date) = &build.date {
        row("published", date);
    }
    row("platforms", &build.platforms.join(", "));
    for alias in &build.aliases {
        let name = if alias.is_build { "also" } else { "not" };
        row(name, &format!("{}: {}", alias.number, alias.place));
    }
    for note in &build.notes {
        row("note", note);
    }
    for support in &build.support {
        row("support", support);
    }
    row("source", &build.source);
}

/// A line for each build, below its product.
fn lines(out: &mut String, builds: &[KnownBuild]) {
    let width = builds.iter().map(|build| build.build.len()).max().unwrap_or(0);
    let mut product = None;
    for build in builds {
        if product != Some(&build.product) {
            let gap = if product.is_some() { "\n" } else { "" };
            let _ = writeln!(out, "{gap}{}", for_terminal(&build.product));
            product = Some(&build.product);
        }
        let date = build.date.as_deref().unwrap_or("");
        let release = for_terminal(&build.release);
        let _ = writeln!(out, "  {:<width$}  {date:<10}  {release}", for_terminal(&build.build));
    }
}
