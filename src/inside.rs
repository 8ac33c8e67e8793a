//! What lies in the members of a container: packages in packages, down to a depth, and never more of them
//! than the limits allow.

use crate::container::{Container, Entry, EntryId, EntryKind, Location};
use crate::error::{Error, Result};
use crate::formats::{self, Options, Probe};
use crate::limits::UNPACKED;
use crate::medium;
use crate::nest::Members;
use crate::sink::{Sink, Want};
use crate::source::{SharedSource, Spool};
use std::collections::HashMap;
use std::sync::Arc;

/// Nothing smaller is a container.
const LEAST: u64 = 64;
/// So much of a packed member is unpacked before it is decided whether it may be a container.
pub(crate) const HEAD: usize = 160 << 10;

/// A container that was found in a member.
pub struct Nested {
    /// The member it lies in.
    pub id: EntryId,
    /// Its nested path: `medium.iso!/setup.exe`.
    pub path: String,
    /// The opened container.
    pub container: Arc<dyn Container>,
}

/// What is left of what a medium and everything in it may ask of us.
#[derive(Debug, Clone)]
pub struct Budget {
    depth: u32,
    entries: u64,
    bytes: u64,
    most: u64,
}

impl Budget {
    /// For a medium of `source_bytes`.
    #[must_use]
    pub fn new(options: &Options, source_bytes: u64) -> Self {
        let most = options.limits.unpacked(source_bytes);
        Self { depth: options.limits.nesting, entries: options.limits.entries, bytes: most, most }
    }

    /// One level further in, or nothing where that is too deep.
    #[must_use]
    pub fn deeper(&mut self) -> Option<Deeper<'_>> {
        self.depth = self.depth.checked_sub(1)?;
        Some(Deeper(self))
    }

    /// Takes the entries of a container that was found.
    ///
    /// # Errors
    /// `Limit` where there are too many.
    pub fn take(&mut self, container: &dyn Container) -> Result<()> {
        let entries = container.entries().len() as u64;
        let left = self.entries.checked_sub(entries);
        self.entries = left.ok_or_else(|| Error::limit("entries in nested containers", self.entries))?;
        Ok(())
    }

    /// Takes bytes that are unpacked.
    ///
    /// # Errors
    /// `Limit` where there are too many.
    pub fn unpack(&mut self, bytes: u64) -> Result<()> {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.ok_or_else(|| Error::limit(UNPACKED, self.most))?;
        Ok(())
    }
}

/// A budget one level further in; the level is given back when it is dropped.
pub struct Deeper<'a>(&'a mut Budget);

impl std::ops::Deref for Deeper<'_> {
    type Target = Budget;

    fn deref(&self) -> &Budget {
        self.0
    }
}

impl std::ops::DerefMut for Deeper<'_> {
    fn deref_mut(&mut self) -> &mut Budget {
        self.0
    }
}

impl Drop for Deeper<'_> {
    fn drop(&mut self) {
        self.0.depth += 1;
    }
}

/// Finds the containers among `wanted` members of `outer`, which is called `path`, and gives each to `found`
/// as soon as it is open. Stored members are looked at where they lie; packed ones are unpacked in one pass
/// over `outer`. Members that are no containers, that are plain programs, or that cannot be read are passed
/// over.
///
/// # Errors
/// `Limit` where the budget is spent; what `found` said.
pub fn containers(
    outer: &Arc<dyn Container>,
    path: &str,
    wanted: &[EntryId],
    options: &Options,
    budget: &mut Budget,
    found: &mut dyn FnMut(Nested, &mut Budget) -> Result<()>,
) -> Result<()> {
    if budget.depth == 0 {
        return Ok(());
    }
    let mut packed = Vec::new();
    for &id in wanted {
        let entry = outer.entry(id)?;
        if entry.kind != EntryKind::File || entry.bytes < LEAST {
            continue;
        }
        match entry.location {
            Location::Stored(_) | Location::Outside => {
                let Ok(source) = outer.sub_source(id, &options.limits) else { continue };
                offer(outer, path, id, &source, options, budget, found)?;
            }
            Location::Packed(_) | Location::Solid { .. } => packed.push(id),
            Location::Nowhere => {}
        }
    }
    let mut sink = Unpacking { outer, path, options, budget, found, current: None };
    outer.read_in_order(&packed, &mut sink)
}

fn offer(
    outer: &Arc<dyn Container>,
    path: &str,
    id: EntryId,
    source: &SharedSource,
    options: &Options,
    budget: &mut Budget,
    found: &mut dyn FnMut(Nested, &mut Budget) -> Result<()>,
) -> Result<()> {
    let path = format!("{path}!/{}", outer.entry(id)?.path.text());
    let at = Members::around(outer, id, &options.limits)?;
    let Ok(container) = medium::open(source, &path, &options.at(at)) else { return Ok(()) };
    if !holds_packages(&*container) {
        return Ok(());
    }
    budget.take(&*container)?;
    found(Nested { id, path, container: Arc::from(container) }, budget)
}

/// A plain program's parts are of no interest to those who look for packages.
#[must_use]
pub fn holds_packages(container: &dyn Container) -> bool {
    container.format() != "pe"
}

/// Unpacks what may be a container and offers it when it is whole.
struct Unpacking<'a> {
    outer: &'a Arc<dyn Container>,
    path: &'a str,
    options: &'a Options,
    budget: &'a mut Budget,
    found: &'a mut dyn FnMut(Nested, &mut Budget) -> Result<()>,
    current: Option<(EntryId, Member)>,
}

enum Member {
    /// Its first bytes.
    Head(Vec<u8>),
    /// All of it so far.
    Spooled(Box<Spool>),
    /// It is no container.
    Passed,
}

/// Whether a member that begins so may be a container; `head` is its first [`HEAD`] bytes.
pub(crate) fn may_be(head: &[u8]) -> bool {
    let head = head.to_vec();
    formats::recognise(&head).is_ok_and(|found| !found.is_empty())
        || head.starts_with(b"MZ")
        || Probe::new(&head).is_ok_and(|probe| probe.has(0x8000, b"\x01CD001"))
}

impl Unpacking<'_> {
    fn spool(&mut self, bytes: &[u8]) -> Result<Member> {
        let mut spool = Spool::new(&self.options.limits);
        self.budget.unpack(bytes.len() as u64)?;
        spool.write(bytes)?;
        Ok(Member::Spooled(Box::new(spool)))
    }
}

impl Sink for Unpacking<'_> {
    fn begin(&mut self, id: EntryId, _: &Entry) -> Result<Want> {
        self.current = Some((id, Member::Head(Vec::new())));
        Ok(Want::Bytes)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        let Some((id, member)) = self.current.take() else { return Ok(()) };
        let member = match member {
            Member::Head(mut head) => {
                head.extend_from_slice(bytes);
                if head.len() < HEAD {
                    Member::Head(head)
                } else if may_be(&head) {
                    self.spool(&head)?
                } else {
                    Member::Passed
                }
            }
            Member::Spooled(mut spool) => {
                self.budget.unpack(bytes.len() as u64)?;
                spool.write(bytes)?;
                Member::Spooled(spool)
            }
            Member::Passed => Member::Passed,
        };
        self.current = Some((id, member));
        Ok(())
    }

    fn end(&mut self, _: &Entry, outcome: Result<()>) -> Result<()> {
        let Some((id, member)) = self.current.take() else { return Ok(()) };
        let source: SharedSource = match (outcome, member) {
            (Ok(()), Member::Head(head)) if may_be(&head) => {
                self.budget.unpack(head.len() as u64)?;
                Arc::new(head)
            }
            (Ok(()), Member::Spooled(spool)) => spool.finish()?,
            _ => return Ok(()),
        };
        offer(self.outer, self.path, id, &source, self.options, self.budget, self.found)
    }
}

/// A member of a nested container, under its whole path within the outermost one.
pub struct Inner {
    /// `setup.exe!/product.msi!/readme.txt`.
    pub path: String,
    /// The same as bytes.
    pub bytes: Vec<u8>,
    /// The member.
    pub entry: Entry,
}

/// Everything in the containers among `wanted`, and in theirs, by the member of `outer` it lies in.
///
/// # Errors
/// As [`containers`].
pub fn list(
    outer: &Arc<dyn Container>,
    path: &str,
    wanted: &[EntryId],
    options: &Options,
    budget: &mut Budget,
) -> Result<HashMap<EntryId, Vec<Inner>>> {
    let mut out: HashMap<EntryId, Vec<Inner>> = HashMap::new();
    containers(outer, path, wanted, options, budget, &mut |nested, budget| {
        let lines = out.entry(nested.id).or_default();
        let wanted: Vec<EntryId> = (0..nested.container.entries().len()).map(EntryId).collect();
        let mut further = match budget.deeper() {
            Some(mut budget) => list(&nested.container, &nested.path, &wanted, options, &mut budget)?,
            None => HashMap::new(),
        };
        for (number, entry) in nested.container.entries().iter().enumerate() {
            let (path, bytes) = (entry.path.text().to_owned(), entry.path.bytes().to_vec());
            lines.push(Inner { path: path.clone(), bytes: bytes.clone(), entry: entry.clone() });
            for inner in further.remove(&EntryId(number)).unwrap_or_default() {
                lines.push(Inner {
                    path: format!("{path}!/{}", inner.path),
                    bytes: [&*bytes, b"!/", &*inner.bytes].concat(),
                    entry: inner.entry,
                });
            }
        }
        Ok(())
    })?;
    Ok(out)
}
