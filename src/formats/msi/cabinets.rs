//! The cabinets of a package: streams of it, or files beside it.

use super::compound::{Compound, Kind};
use super::names;
use crate::container::{Container, EntryId, EntryKind, Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::formats::{Options, open_inner};
use crate::source::{SharedSource, read_up_to};
use crate::surroundings::{Beside, Surroundings};
use std::collections::HashMap;
use std::sync::Arc;

/// Cabinets of one package that are opened.
const MOST: usize = 4096;

/// The streams of the root by the names they are called by.
#[derive(Clone)]
pub(super) struct Streams {
    file: Arc<Compound>,
    by_name: Arc<HashMap<String, usize>>,
    outer: Surroundings,
}

impl Streams {
    /// What is beside the streams of `file` lies beside the package.
    pub(super) fn new(file: Arc<Compound>, outer: Surroundings) -> Self {
        let mut by_name = HashMap::new();
        for (number, node) in file.nodes().iter().enumerate() {
            if node.parent.is_none() && node.kind == Kind::Stream {
                let (name, table) = names::unpacked(&node.name);
                if !table {
                    by_name.entry(name.to_lowercase()).or_insert(number);
                    by_name.insert(name, number);
                }
            }
        }
        Self { file, by_name: Arc::new(by_name), outer }
    }

    /// The number of the stream of that name.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).or_else(|| self.by_name.get(&name.to_lowercase())).copied()
    }
}

impl Beside for Streams {
    fn find(&self, path: &str) -> Result<Option<SharedSource>> {
        match self.number(path) {
            Some(number) => self.file.source_of(number).map(Some),
            None => self.outer.find(path),
        }
    }
}

/// A cabinet that was opened.
pub(super) struct Cabinet {
    /// What the Media table calls it, without `#`.
    pub(super) name: String,
    /// What is in it.
    pub(super) container: Box<dyn Container>,
    /// Its members by name.
    members: HashMap<String, EntryId>,
}

impl Cabinet {
    fn new(name: &str, container: Box<dyn Container>) -> Self {
        let files = container.entries().iter().enumerate();
        let members = files
            .filter(|(_, entry)| entry.kind == EntryKind::File)
            .map(|(number, entry)| (entry.path.text().to_owned(), EntryId(number)))
            .collect();
        Self { name: name.to_owned(), container, members }
    }

    /// The member of that key.
    pub(super) fn member(&self, key: &str) -> Option<EntryId> {
        self.members.get(key).copied()
    }
}

/// Every cabinet of a package, each opened once.
pub(super) struct Cabinets {
    streams: Streams,
    options: Options,
    /// By the name in the Media table: the number in `opened`, or why it is not there.
    known: HashMap<String, std::result::Result<usize, Error>>,
    /// Those that could be opened.
    pub(super) opened: Vec<Cabinet>,
    /// Streams that are cabinets in use.
    pub(super) used: Vec<usize>,
}

impl Cabinets {
    pub(super) fn new(streams: Streams, options: &Options) -> Self {
        let options = options.clone();
        Self { streams, options, known: HashMap::new(), opened: Vec::new(), used: Vec::new() }
    }

    /// The cabinet that the Media table calls so: `#NAME` is a stream, anything else a file beside the package.
    /// `medium` is the number of the medium, for words.
    pub(super) fn get(
        &mut self,
        cabinet: &str,
        medium: i32,
        findings: &mut Findings,
    ) -> std::result::Result<usize, Error> {
        if let Some(known) = self.known.get(cabinet) {
            return match known {
                Ok(number) => Ok(*number),
                Err(error) => Err(error.again()),
            };
        }
        let outcome = self.open(cabinet, findings);
        if let Err(error) = &outcome {
            let what = match error.kind() {
                crate::error::Kind::NotFound { .. } if cabinet.starts_with('#') => {
                    format!("medium {medium} is in the stream {cabinet}, which is not there")
                }
                crate::error::Kind::NotFound { .. } => {
                    format!("medium {medium} is in {cabinet}, which is not beside the package")
                }
                _ => format!("medium {medium} is in {cabinet}, which cannot be read: {error}"),
            };
            findings.push(Finding::new(Severity::Damaged, what));
        }
        let kept = match &outcome {
            Ok(number) => Ok(*number),
            Err(error) => Err(error.again()),
        };
        self.known.insert(cabinet.to_owned(), kept);
        outcome
    }

    fn open(&mut self, cabinet: &str, findings: &mut Findings) -> Result<usize> {
        if self.opened.len() >= MOST {
            return Err(Error::limit("cabinets of one package", MOST as u64));
        }
        let name = cabinet.strip_prefix('#').unwrap_or(cabinet);
        let missing = || Error::not_found(format!("cabinet {name}"), None);
        let (source, surroundings) = if cabinet.starts_with('#') {
            let number = self.streams.number(name).ok_or_else(missing)?;
            self.used.push(number);
            let beside: Arc<dyn Beside> = Arc::new(self.streams.clone());
            let surroundings = Surroundings { file_name: name.to_owned(), beside: Some(beside) };
            (self.streams.file.source_of(number)?, surroundings)
        } else {
            let outer = &self.options.surroundings;
            let source = outer.find(name)?.ok_or_else(missing)?;
            (source, Surroundings { file_name: name.to_owned(), beside: outer.beside.clone() })
        };
        self.add(name, &source, surroundings, findings)
    }

    /// Opens a stream that begins as a cabinet does.
    pub(super) fn from_stream(&mut self, number: usize, findings: &mut Findings) -> Option<usize> {
        let source = self.streams.file.source_of(number).ok()?;
        if read_up_to(&*source, 0, 4).ok()? != b"MSCF" || self.opened.len() >= MOST {
            return None;
        }
        let name = names::unpacked(&self.streams.file.nodes().get(number)?.name).0;
        let beside: Arc<dyn Beside> = Arc::new(self.streams.clone());
        let surroundings = Surroundings { file_name: name.clone(), beside: Some(beside) };
        self.add(&name, &source, surroundings, findings).ok()
    }

    fn add(
        &mut self,
        name: &str,
        source: &SharedSource,
        surroundings: Surroundings,
        findings: &mut Findings,
    ) -> Result<usize> {
        let (container, _) = open_inner(source, &self.options.at(surroundings))?;
        for finding in container.findings() {
            let subject = match finding.subject.as_str() {
                "" => name.to_owned(),
                inner => format!("{name}!/{inner}"),
            };
            findings.push(Finding { subject, ..finding.clone() });
        }
        let (end, there) = (container.extent().end, source.len());
        if end > there {
            let what = format!("ends {} bytes early: {end} are declared, {there} are there", end - there);
            findings.push(Finding::about(Severity::Damaged, name, what));
        }
        self.opened.push(Cabinet::new(name, container));
        Ok(self.opened.len() - 1)
    }

    /// The cabinet that holds `key`, whichever it is.
    pub(super) fn anywhere(&self, key: &str) -> Option<(usize, EntryId)> {
        self.opened.iter().enumerate().find_map(|(number, cabinet)| Some((number, cabinet.member(key)?)))
    }
}
