//! Lists of digests that lie on the medium itself and are about its members: `md5sum.txt` of Debian and Ubuntu,
//! `.treeinfo`, `CHECKSUMS`, `airootfs.sha512`.

use super::check::{Check, Outcome};
use super::coverage::{Coverage, place};
use super::sums::{MOST_BYTES, Sums};
use crate::container::{Container, Entry, EntryId, EntryKind};
use crate::digest::{Algorithm, Hasher, Value};
use crate::error::Result;
use crate::sink::{Sink, Want};
use std::collections::HashMap;
use std::io::Read as _;

/// Lists of one medium that are read.
const MOST_LISTS: usize = 64;
/// Members of one list that are named in a check.
const MOST_NAMED: usize = 100;

/// What the lists of one medium say.
#[derive(Default)]
pub(super) struct Kept {
    lists: Vec<List>,
    expected: HashMap<EntryId, Vec<(usize, Value)>>,
}

struct List {
    path: String,
    /// How many members it names that are there.
    count: u64,
    failed: Vec<String>,
    weak: bool,
    members: Vec<EntryId>,
}

impl List {
    fn fail(&mut self, what: String) {
        if self.failed.len() < MOST_NAMED {
            self.failed.push(what);
        }
    }
}

/// Names that lists have on media; in any folder those of a single file.
fn is_list(path: &str) -> bool {
    const NAMES: [&str; 12] = [
        "md5sum.txt",
        "md5sums",
        "sha256sum.txt",
        "sha256sums",
        "sha512sums",
        "sha1sums",
        "checksums",
        "checksum.sha256",
        ".treeinfo",
        "manifest-md5.txt",
        "manifest-sha256.txt",
        "manifest-sha512.txt",
    ];
    let lower = path.to_ascii_lowercase();
    NAMES.contains(&lower.as_str()) || [".sha512", ".sha256"].iter().any(|ending| lower.ends_with(ending))
}

/// Reads the lists of a medium. What is no list after all says nothing.
pub(super) fn lists(container: &dyn Container) -> Kept {
    let mut out = Kept::default();
    let mut by_path: HashMap<String, EntryId> = HashMap::new();
    for (number, entry) in container.entries().iter().enumerate() {
        if entry.kind == EntryKind::File {
            by_path.insert(entry.path.text().to_lowercase(), EntryId(number));
        }
    }
    for (number, entry) in container.entries().iter().enumerate() {
        let path = entry.path.text();
        if entry.kind != EntryKind::File || !is_list(path) || entry.bytes > MOST_BYTES {
            continue;
        }
        if out.lists.len() >= MOST_LISTS {
            break;
        }
        let mut bytes = Vec::new();
        let read =
            container.open(EntryId(number)).map(|content| content.take(MOST_BYTES).read_to_end(&mut bytes));
        let name = path.rsplit('/').next().unwrap_or(path);
        if let (Ok(Ok(_)), Ok(sums)) = (read, Sums::parse(&bytes, name)) {
            out.add(path, &sums, &by_path);
        }
    }
    out
}

impl Kept {
    fn add(&mut self, path: &str, sums: &Sums, by_path: &HashMap<String, EntryId>) {
        let at = self.lists.len();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let alone = path.rsplit_once('.').map_or("", |(stem, _)| stem);
        let mut list =
            List { path: path.to_owned(), count: 0, failed: Vec::new(), weak: false, members: Vec::new() };
        for line in &sums.lines {
            // A list without names is about the file that it is named for.
            let name = line.name.as_deref().map_or_else(
                || alone.to_owned(),
                |name| {
                    let name = name.replace('\\', "/");
                    let name = name.trim_start_matches("./");
                    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
                },
            );
            list.weak |= line.value.algorithm.is_weak();
            match by_path.get(&name.to_lowercase()) {
                Some(id) => {
                    self.expected.entry(*id).or_default().push((at, line.value.clone()));
                    list.members.push(*id);
                    list.count += 1;
                }
                None => list.fail(format!("{name}: is not there")),
            }
        }
        // Something else by the name of a list.
        if list.count > 0 {
            self.lists.push(list);
        }
    }

    /// True where a list names that member.
    pub(super) fn names(&self, id: EntryId) -> bool {
        self.expected.contains_key(&id)
    }

    /// A check for each list, and what those vouch for that hold.
    pub(super) fn checks(self, container: &dyn Container, coverage: &mut Coverage) -> Vec<Check> {
        let mut out = Vec::new();
        for list in self.lists {
            let (outcome, note) = match (list.failed.len(), list.weak) {
                (0, false) => {
                    (Outcome::Ok, "every member that it names has the digest that it gives".to_owned())
                }
                (0, true) => (
                    Outcome::Weak,
                    "every member that it names has the digest that it gives, a weak one".to_owned(),
                ),
                (n, _) => (Outcome::Damaged, format!("{n} of its members differ or are missing")),
            };
            if outcome != Outcome::Damaged {
                let ranges = list.members.iter().flat_map(|id| place(container, *id));
                coverage.add("list on the medium", &list.path, ranges);
            }
            out.push(Check {
                count: Some(list.count),
                failed: list.failed,
                ..Check::new("list", outcome, &list.path, note)
            });
        }
        out
    }
}

/// Passes members on to another sink, and compares those that lists name on the way.
pub(super) struct Comparing<'a, S> {
    pub(super) kept: &'a mut Kept,
    pub(super) inner: S,
    current: Option<(EntryId, Hasher)>,
}

impl<'a, S> Comparing<'a, S> {
    pub(super) fn new(kept: &'a mut Kept, inner: S) -> Self {
        Self { kept, inner, current: None }
    }
}

impl<S: Sink> Sink for Comparing<'_, S> {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        let inner = self.inner.begin(id, entry)?;
        let Some(expected) = self.kept.expected.get(&id) else { return Ok(inner) };
        let mut algorithms: Vec<Algorithm> = expected.iter().map(|(_, value)| value.algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        self.current = Some((id, Hasher::new(&algorithms)));
        Ok(Want::Bytes)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some((_, hasher)) = &mut self.current {
            hasher.update(bytes);
        }
        self.inner.chunk(bytes)
    }

    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()> {
        if let Some((id, hasher)) = self.current.take() {
            let found = hasher.finish();
            for (at, expected) in self.kept.expected.remove(&id).unwrap_or_default() {
                let Some(list) = self.kept.lists.get_mut(at) else { continue };
                if outcome.is_err() {
                    list.fail(format!("{}: cannot be read to its end", entry.path.text()));
                } else if !found.contains(&expected) {
                    list.fail(format!("{}: its {} differs", entry.path.text(), expected.algorithm));
                }
            }
        }
        self.inner.end(entry, outcome)
    }
}
