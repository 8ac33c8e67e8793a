//! The cabinets of a set, and how their folders join: the last folder of one may go on as the first of the
//! next ([MS-CAB] §2.4).

use super::header::{self, Cabinet, File, Place};
use super::run::{Lack, Method, Part, Run};
use crate::container::{Finding, Findings, Severity};
use crate::error::{Error, Result};
use crate::formats::Options;
use crate::source::SharedSource;
use crate::text::utf8_or_latin1;
use std::collections::HashSet;

/// Cabinets of one set: each is an open file.
const MOST_CABINETS: usize = 1000;

/// A cabinet of the set, where it lies and what it is called.
pub(super) struct Volume {
    pub(super) cabinet: Cabinet,
    source: SharedSource,
    name: String,
}

/// All cabinets that were found, in order.
pub(super) struct Set {
    pub(super) volumes: Vec<Volume>,
    /// The cabinet before the first, where there ought to be one.
    before: Option<String>,
    /// The cabinet behind the last.
    behind: Option<String>,
}

/// Which way to look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Back,
    On,
}

impl Set {
    /// Looks for the cabinets around `cabinet`.
    ///
    /// # Errors
    /// `Limit` where there are too many.
    pub(super) fn gather(
        source: &SharedSource,
        cabinet: Cabinet,
        options: &Options,
        findings: &mut Findings,
    ) -> Result<Self> {
        let name = options.surroundings.file_name.clone();
        let mut seen = HashSet::from([(name.to_lowercase(), cabinet.number)]);
        let first = Volume { cabinet, source: source.clone(), name };
        let mut set = Self { volumes: vec![first], before: None, behind: None };
        for way in [Way::Back, Way::On] {
            loop {
                if set.volumes.len() > MOST_CABINETS {
                    return Err(Error::limit("cabinets of a set", MOST_CABINETS as u64));
                }
                let end = if way == Way::Back { set.volumes.first() } else { set.volumes.last() };
                let Some(end) = end else { break };
                let wanted = if way == Way::Back { &end.cabinet.previous } else { &end.cabinet.next };
                let Some(wanted) = wanted.as_ref().map(|name| utf8_or_latin1(name)) else { break };
                match neighbour(&end.cabinet, &wanted, way, options, &mut seen) {
                    Ok(volume) if way == Way::Back => set.volumes.insert(0, volume),
                    Ok(volume) => set.volumes.push(volume),
                    Err(why) => {
                        findings.push(Finding::new(
                            Severity::Damaged,
                            format!("cabinet {wanted} of the set {why}"),
                        ));
                        let lacking = if way == Way::Back { &mut set.before } else { &mut set.behind };
                        *lacking = Some(wanted);
                        break;
                    }
                }
            }
        }
        Ok(set)
    }

    /// Bytes of all cabinets.
    pub(super) fn bytes(&self) -> u64 {
        self.volumes.iter().map(|volume| volume.source.len()).sum()
    }

    /// The folders as they are packed, and each file with the number of its folder.
    pub(super) fn join(&self, findings: &mut Findings) -> (Vec<Run>, Vec<(&File, usize)>) {
        let mut runs: Vec<Run> = Vec::new();
        let mut files = Vec::new();
        // The folder that goes on in the next cabinet, and the files that were listed as going on.
        let mut open: Option<usize> = None;
        let mut listed: HashSet<(&[u8], u32)> = HashSet::new();
        let mut nowhere = None;
        for (number, volume) in self.volumes.iter().enumerate() {
            let cabinet = &volume.cabinet;
            let continued = cabinet.files.iter().any(|file| file.place.is_from_previous());
            let goes_on = cabinet.files.iter().any(|file| file.place.goes_on());
            let joined = open.take().filter(|_| continued);
            let mut here = Vec::with_capacity(cabinet.folders.len());
            for (nth, folder) in cabinet.folders.iter().enumerate() {
                let part = Part {
                    source: volume.source.clone(),
                    at: folder.at,
                    blocks: folder.blocks,
                    reserve: cabinet.data_reserve,
                };
                let method = Method::new(folder.method);
                match joined.filter(|_| nth == 0).and_then(|at| Some((at, runs.get_mut(at)?))) {
                    Some((at, run)) => {
                        if run.method != method {
                            let what = format!("{} packs a folder otherwise than its begin", volume.name);
                            findings.push(Finding::new(Severity::Damaged, what));
                        }
                        run.parts.push(part);
                        here.push(at);
                    }
                    None => {
                        let lacks_begin = (nth == 0 && continued)
                            .then(|| Lack::Cabinet(lacking(&self.before, &cabinet.previous)));
                        here.push(runs.len());
                        runs.push(Run { method, parts: vec![part], lacks_begin, lacks_end: None });
                    }
                }
            }
            if goes_on {
                open = here.last().copied();
                if number + 1 == self.volumes.len()
                    && let Some(run) = open.and_then(|at| runs.get_mut(at))
                {
                    run.lacks_end = Some(Lack::Cabinet(lacking(&self.behind, &cabinet.next)));
                }
            }
            let before = std::mem::take(&mut listed);
            for file in &cabinet.files {
                let key = (file.name.as_slice(), file.offset);
                if file.place.goes_on() {
                    listed.insert(key);
                }
                if joined.is_some() && file.place.is_from_previous() && before.contains(&key) {
                    continue;
                }
                let run = match file.place {
                    Place::Here(nth) => here.get(usize::from(nth)),
                    Place::FromPrevious | Place::Through => here.first(),
                    Place::ToNext => here.last(),
                };
                let run = run.copied().unwrap_or_else(|| {
                    let what = format!("no such folder as that of {}", utf8_or_latin1(&file.name));
                    findings.push(Finding::new(Severity::Damaged, what));
                    *nowhere.get_or_insert_with(|| {
                        let lacks_begin = Some(Lack::Folder);
                        runs.push(Run {
                            method: Method::Stored,
                            parts: Vec::new(),
                            lacks_begin,
                            lacks_end: None,
                        });
                        runs.len() - 1
                    })
                });
                files.push((file, run));
            }
        }
        (runs, files)
    }
}

/// The name of the cabinet that is missing.
fn lacking(missing: &Option<String>, named: &Option<Vec<u8>>) -> String {
    let named = named.as_ref().map(|name| utf8_or_latin1(name));
    missing.clone().or(named).unwrap_or_else(|| "without a name".to_owned())
}

/// The cabinet before or behind `of`; why not, where there is none.
fn neighbour(
    of: &Cabinet,
    name: &str,
    way: Way,
    options: &Options,
    seen: &mut HashSet<(String, u16)>,
) -> Result<Volume, String> {
    let path = name.replace('\\', "/");
    let source = match options.surroundings.find(&path) {
        Ok(Some(source)) => source,
        Ok(None) => return Err("is missing".to_owned()),
        Err(error) => return Err(format!("cannot be opened: {error}")),
    };
    // What is to be said of it, it says when it is opened itself.
    let cabinet = header::read(&*source, &options.limits, &mut Findings::default())
        .map_err(|error| format!("cannot be read: {error}"))?;
    let number = match way {
        Way::Back => of.number.checked_sub(1),
        Way::On => of.number.checked_add(1),
    };
    if !seen.insert((path.to_lowercase(), cabinet.number)) {
        return Err("is the one before it in a circle".to_owned());
    }
    if cabinet.set != of.set {
        return Err("belongs to another set".to_owned());
    }
    if Some(cabinet.number) != number {
        return Err(format!("has number {} of the set, beside number {}", cabinet.number, of.number));
    }
    if cabinet.bytes > source.len() {
        return Err(format!("ends early: {} bytes are declared, {} are there", cabinet.bytes, source.len()));
    }
    Ok(Volume { cabinet, source, name: name.to_owned() })
}
