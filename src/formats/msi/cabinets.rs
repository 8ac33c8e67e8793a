//! The cabinets of a package: streams of it, or files beside it.

use super::compound::{Compound, Kind};
use super::names;
use crate::container::{Container, EntryId, EntryKind, Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::formats::{Options, open_cabinet};
use crate::source::{SharedSource, read_up_to};
use crate::surroundings::{Beside, Surroundings};
use crate::text::count;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

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

/// Remembers what was asked for and found: the other cabinets of a set.
struct Asked {
    inner: Option<Arc<dyn Beside>>,
    found: Mutex<Vec<String>>,
}

impl Beside for Asked {
    fn find(&self, path: &str) -> Result<Option<SharedSource>> {
        let found = self.inner.as_ref().map_or(Ok(None), |inner| inner.find(path))?;
        if found.is_some() {
            self.found.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        }
        Ok(found)
    }
}

/// A cabinet that was opened, with the others of its set.
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
    /// Where each member is: made when the first is not where it ought to be.
    by_key: Option<HashMap<String, (usize, EntryId)>>,
    /// Those that could be opened.
    pub(super) opened: Vec<Cabinet>,
    /// How many members they have together: one file can have many names.
    members: u64,
    /// Streams that are cabinets in use.
    pub(super) used: HashSet<usize>,
}

impl Cabinets {
    pub(super) fn new(streams: Streams, options: &Options) -> Self {
        let options = options.clone();
        Self {
            streams,
            options,
            known: HashMap::new(),
            by_key: None,
            opened: Vec::new(),
            members: 0,
            used: HashSet::new(),
        }
    }

    /// The cabinet that the Media table calls so: `#NAME` is a stream, anything else a file beside the package.
    /// `medium` is the number of the medium, for words.
    pub(super) fn get(
        &mut self,
        cabinet: &str,
        medium: i32,
        findings: &mut Findings,
    ) -> std::result::Result<usize, Error> {
        if let Some(known) = self.known.get(&cabinet.to_lowercase()) {
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
        self.known.insert(cabinet.to_lowercase(), kept);
        outcome
    }

    fn open(&mut self, cabinet: &str, findings: &mut Findings) -> Result<usize> {
        let name = cabinet.strip_prefix('#').unwrap_or(cabinet);
        let missing = || Error::not_found(format!("cabinet {name}"), None);
        if cabinet.starts_with('#') {
            let number = self.streams.number(name).ok_or_else(missing)?;
            self.used.insert(number);
            let source = self.streams.file.source_of(number)?;
            return self.add(name, &source, Some(Arc::new(self.streams.clone())), findings);
        }
        let outer = &self.options.surroundings;
        let source = outer.find(name)?.ok_or_else(missing)?;
        let beside = outer.beside.clone();
        self.add(name, &source, beside, findings)
    }

    /// Opens a stream that begins as a cabinet does.
    pub(super) fn open_stream(&mut self, number: usize, findings: &mut Findings) -> Option<usize> {
        let source = self.streams.file.source_of(number).ok()?;
        if read_up_to(&*source, 0, 4).ok()? != b"MSCF" {
            return None;
        }
        let name = names::unpacked(&self.streams.file.nodes().get(number)?.name).0;
        if self.known.contains_key(&format!("#{}", name.to_lowercase())) {
            return None;
        }
        self.add(&name, &source, Some(Arc::new(self.streams.clone())), findings).ok()
    }

    fn add(
        &mut self,
        name: &str,
        source: &SharedSource,
        beside: Option<Arc<dyn Beside>>,
        findings: &mut Findings,
    ) -> Result<usize> {
        if self.opened.len() >= MOST {
            return Err(Error::limit("cabinets of one package", MOST as u64));
        }
        self.check_members()?;
        let asked = Arc::new(Asked { inner: beside, found: Mutex::default() });
        let surroundings = Surroundings { file_name: name.to_owned(), beside: Some(asked.clone()) };
        let container = open_cabinet(source, &self.options.at(surroundings))?;
        self.members = self.members.saturating_add(container.entries().len() as u64);
        self.check_members()?;
        for finding in container.findings() {
            let subject = match finding.subject.as_str() {
                "" => name.to_owned(),
                inner => format!("{name}!/{inner}"),
            };
            findings.push(Finding { subject, ..finding.clone() });
        }
        let (end, there) = (container.extent().end, source.len());
        if end > there {
            let what =
                format!("ends {} early: {end} are declared, {there} are there", count(end - there, "byte"));
            findings.push(Finding::about(Severity::Damaged, name, what));
        }
        let number = self.opened.len();
        self.opened.push(Cabinet::new(name, container));
        // Whichever cabinet of a set is opened, all its members come: the others need not be opened again.
        for part in asked.found.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let stream = self.streams.number(part);
            self.used.extend(stream);
            let mark = if stream.is_some() { "#" } else { "" };
            self.known.entry(format!("{mark}{}", part.to_lowercase())).or_insert(Ok(number));
        }
        Ok(number)
    }

    fn check_members(&self) -> Result<()> {
        let most = self.options.limits.entries;
        if self.members > most { Err(Error::limit("entries", most)) } else { Ok(()) }
    }

    /// The cabinet that holds `key`, whichever it is.
    pub(super) fn anywhere(&mut self, key: &str) -> Option<(usize, EntryId)> {
        let opened = &self.opened;
        let by_key = self.by_key.get_or_insert_with(|| {
            let mut by_key = HashMap::new();
            for (number, cabinet) in opened.iter().enumerate() {
                for (key, id) in &cabinet.members {
                    by_key.entry(key.clone()).or_insert((number, *id));
                }
            }
            by_key
        });
        by_key.get(key).copied()
    }
}
