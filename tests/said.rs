//! What is said of every fixture, to the letter: its layers, what it says of itself, findings, and errors of members. What must be
//! found in it stands in `expected`, beside it; this is for words, places and numbers, none of which changes unseen.
//!
//! `DISCLESS_WRITE_SAID=1 cargo test --test said` writes `testdata/said/FORMAT.tsv` anew; read the difference before it is committed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::{Container, Entry, EntryId};
use discless::error::Error;
use discless::sink::{Sink, Want};
use discless::source::SharedSource;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use support::{MOST_READ, escaped, fixtures, ids, open};

/// Lines of a kind and a fixture; the others are counted.
const MOST_LINES: usize = 12;

/// What was said of a fixture.
struct Said<'a> {
    fixture: &'a str,
    lines: String,
}

impl Said<'_> {
    /// Some lines of one kind.
    fn all(&mut self, kind: &str, what: impl Iterator<Item = String>) {
        let mut count = 0;
        for what in what {
            count += 1;
            if count <= MOST_LINES {
                self.line(kind, &what);
            }
        }
        if count > MOST_LINES {
            self.line(kind, &format!("and {} more", count - MOST_LINES));
        }
    }

    fn line(&mut self, kind: &str, what: &str) {
        writeln!(self.lines, "{}\t{kind}\t{}", self.fixture, escaped(what.as_bytes())).unwrap();
    }

    fn container(&mut self, container: &dyn Container) {
        self.line("format", &format!("{}, ends at {}", container.format(), container.extent().end));
        self.all("layer", container.layers().iter().map(|layer| format!("{layer:?}")));
        let facts = container.facts();
        self.all("label", facts.label.clone().into_iter());
        self.all("named", facts.named.iter().map(|(name, value)| format!("{name}: {value}")));
        if facts.boot != Default::default() {
            self.line("boot", &format!("{:?}", facts.boot));
        }
        let finding = |one: &discless::container::Finding| {
            let subject = if one.subject.is_empty() { "" } else { ": " };
            format!("{:?}: {}{subject}{}", one.severity, one.subject, one.what)
        };
        self.all("finding", container.findings().iter().map(finding));
        let mut failures = Failures::default();
        container.read_in_order(&ids(container), &mut failures).unwrap();
        failures.0.sort();
        self.all("fails", failures.0.into_iter());
    }
}

/// Errors of members.
#[derive(Default)]
struct Failures(Vec<String>);

impl Sink for Failures {
    fn begin(&mut self, _: EntryId, entry: &Entry) -> Result<Want, Error> {
        Ok(if entry.bytes <= MOST_READ { Want::Bytes } else { Want::Skip })
    }

    fn chunk(&mut self, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn end(&mut self, entry: &Entry, outcome: Result<(), Error>) -> Result<(), Error> {
        if let Err(error) = outcome {
            self.0.push(format!("{}: {error}", entry.path.text()));
        }
        Ok(())
    }
}

#[test]
fn what_is_said_of_every_fixture_is_what_is_written_down() {
    let mut now: BTreeMap<&str, String> = BTreeMap::new();
    let fixtures = fixtures();
    for fixture in &fixtures {
        let mut said = Said { fixture: &fixture.name, lines: String::new() };
        let source: SharedSource = fixture.bytes();
        match open(&source, &fixture.name) {
            Ok(container) => said.container(&*container),
            Err(error) => said.line("error", &error.to_string()),
        }
        let format = fixture.name.split('/').next().unwrap();
        *now.entry(format).or_default() += &said.lines;
    }
    let part = std::env::var("DISCLESS_FIXTURE").unwrap_or_default();
    let is_wanted = |line: &&str| line.split('\t').next().unwrap().contains(&part);
    let mut differ = Vec::new();
    for (format, now) in now {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/said/{format}.tsv"));
        if std::env::var_os("DISCLESS_WRITE_SAID").is_some() {
            assert!(std::env::var_os("DISCLESS_FIXTURE").is_none(), "all fixtures belong into the file");
            std::fs::write(&file, now).unwrap();
            continue;
        }
        let written = std::fs::read_to_string(&file).unwrap();
        let written: Vec<&str> = written.lines().filter(is_wanted).collect();
        let now: Vec<&str> = now.lines().collect();
        if written != now {
            let (old, new): (BTreeSet<_>, BTreeSet<_>) =
                (written.into_iter().collect(), now.into_iter().collect());
            differ.push(format!("{format}, lines that are other ones, or in another order:"));
            differ.extend(old.difference(&new).map(|line| format!("- {line}")));
            differ.extend(new.difference(&old).map(|line| format!("+ {line}")));
        }
    }
    differ.truncate(60);
    assert!(
        differ.is_empty(),
        "another thing is said (DISCLESS_WRITE_SAID=1 writes it down):\n{}",
        differ.join("\n")
    );
}
