//! Files out of a container, into a directory: safely for the machine and for what lies there.
//!
//! A [`Plan`] says what would be written where; [`run`] writes it. Each file is written as `NAME.part`
//! and renamed when it is whole, so that a name without `.part` always means a whole file. Everything is
//! created beneath one directory handle. Links come last: nothing is ever written through one.

mod blocks;
mod destination;
mod links;
mod plan;
mod recurse;
mod staging;
mod write;

pub use destination::{Overwrite, Prepared, complete};
pub use plan::{Item, Left, Plan, Renamed, Shared, Sharing};
pub use recurse::Recursion;
pub use staging::{Staging, write_whole};

use crate::container::{Container, Entry, EntryId, EntryKind, Extents, Location};
use crate::digest::Value;
use crate::error::{Error, Kind, Result};
use crate::limits::UNPACKED;
use crate::observe::Observer;
use crate::path::Names;
use crate::sink::{Sink, Want};
use crate::source::{self, SharedSource};
use crate::walk::walk;
use destination::{At, Destination};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use write::{Content, Digests, Failed, How, Job, Outcome, Part, Target, Workers, Written};

/// Files up to this size are read whole and written by another thread.
const SMALL: u64 = 256 << 10;

/// Which files that share their bytes with another are linked to it; the others are copied from it. A link is
/// the same file: who changes one changes the other, and both have one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Linking {
    /// Further names of a file, and files of which the medium keeps the content once.
    #[default]
    Contents,
    /// Only what the medium itself has as further names of one file.
    Names,
    /// None.
    Never,
}

impl Linking {
    /// Whether files that share so are linked.
    fn links(self, sharing: Sharing) -> bool {
        match sharing {
            Sharing::Name => self != Self::Never,
            Sharing::Content => self == Self::Contents,
        }
    }

    /// How many files of `plan` become links then.
    #[must_use]
    pub fn linked(self, plan: &Plan) -> u64 {
        plan.shared.iter().filter(|shared| self.links(shared.sharing)).count() as u64
    }

    /// Bytes that `plan` writes then.
    #[must_use]
    pub fn bytes(self, plan: &Plan) -> u64 {
        let copied = |sharing, bytes| if self.links(sharing) { 0 } else { bytes };
        plan.bytes
            .saturating_add(copied(Sharing::Name, plan.name_bytes))
            .saturating_add(copied(Sharing::Content, plan.content_bytes))
    }
}

/// What happens where the source cannot be read: the operating system said so, as it does of a disk that is dying. What
/// is read and damaged stops nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReadErrors {
    /// Nothing more is read: each further attempt may cost a dying disk what is left of it.
    #[default]
    Stop,
    /// That member fails, and the others are read.
    GoOn,
}

/// Whether a destination is complete when the plan is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Completes {
    /// It is: nothing in it says any more that it is not.
    #[default]
    Now,
    /// More is to be written, or to be found out, and [`complete`] to be called then. A run that is killed before goes
    /// on where it stopped.
    Later,
}

/// How to extract.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What happens to files that stand there already.
    pub overwrite: Overwrite,
    /// Which names are kept.
    pub names: Names,
    /// Which files are links.
    pub linking: Linking,
    /// Computes SHA-256 of every file that is written.
    pub digests: bool,
    /// Reads the medium in order through this thread, because the medium itself is being digested.
    pub in_order: bool,
    /// Threads that write; 0 for as many as there are processors, at most four.
    pub threads: usize,
    /// What happens where the source cannot be read.
    pub read_errors: ReadErrors,
    /// Whether the destination is complete then.
    pub completes: Completes,
}

/// What was written.
#[derive(Debug, Default)]
pub struct Extracted {
    /// True where an interrupted run of the same medium was completed.
    pub resumed: bool,
    /// Files that stand there whole now, those that stood there before included.
    pub files: u64,
    /// Files of these that were there already and unchanged.
    pub kept: u64,
    /// Directories.
    pub dirs: u64,
    /// Symbolic and hard links.
    pub links: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Bytes of these that lie in blocks that the files share with the medium.
    pub shared: u64,
    /// Members that were not written, and why; nothing is wrong with the medium.
    pub left: Vec<Left>,
    /// Members whose bytes could not be read.
    pub failed: Vec<(String, Error)>,
    /// Paths as written, below the destination, with their SHA-256; sorted.
    pub digests: Vec<(PathBuf, Value)>,
}

/// Writes what `plan` says below `destination`.
///
/// # Errors
/// `Refused` where it would harm what stands there; what the operating system said while writing; what it said
/// while reading, unless the others are to be read all the same; `Changed` where the source is not what it was when it
/// was opened. Bytes that are damaged end up in [`Extracted::failed`] and do not stop the others.
pub fn run(
    container: &dyn Container,
    plan: &Plan,
    destination: &Path,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Extracted> {
    run_at(container, plan, (&At::Path(destination), destination), options, observer)
}

/// As [`run`], for a destination that is below another one, too.
fn run_at(
    container: &dyn Container,
    plan: &Plan,
    destination: (&At<'_>, &Path),
    options: &Options,
    observer: &dyn Observer,
) -> Result<Extracted> {
    let need = options.linking.bytes(plan);
    if need > plan.most {
        return Err(Error::limit(UNPACKED, plan.most));
    }
    let room =
        |block: Option<u64>| need.saturating_sub(block.map_or(0, |block| shareable(container, plan, block)));
    let destination =
        Destination::open(destination, plan, (&**container.source(), &room), options.overwrite)?;
    let written = write_all(container, plan, &destination, options, observer);
    match source::settled(&**container.source(), written) {
        Ok(out) => {
            destination.finish(plan, options.completes)?;
            Ok(out)
        }
        Err(error) if matches!(error.kind(), Kind::Changed(_)) => {
            // What was written is of two media: no later run may take it for one's.
            destination.disown();
            Err(error)
        }
        Err(error) => Err(destination.explain(error)),
    }
}

/// Writes all that is planned.
fn write_all(
    container: &dyn Container,
    plan: &Plan,
    destination: &Destination,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Extracted> {
    let block = destination.block(&**container.source());
    let mut out = Extracted { left: plan.left.clone(), resumed: destination.resumed, ..Extracted::default() };
    for (path, _) in &plan.too_large {
        out.failed.push((path.clone(), Error::limit(UNPACKED, plan.most)));
    }
    for local in plan.directories.keys() {
        destination.make_directory(local)?;
        out.dirs += 1;
    }
    let threads = match options.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from).min(4),
        n => n,
    };
    source::read_ahead(&**container.source());
    let digests = if options.digests { Digests::Sha256 } else { Digests::None };
    let how = How { destination, digests, errors: options.read_errors, observer };
    let (results, outcomes) = mpsc::channel::<Outcome>();
    let wanted: Vec<EntryId> = plan.files.iter().map(|item| item.id).collect();
    let walked = std::thread::scope(|scope| {
        let workers = Workers::start(scope, threads, &results, how);
        let items = plan.files.iter().map(|item| (item.id, item.local.as_path())).collect();
        let mut sink = Writer {
            items,
            workers,
            results,
            how,
            in_order: options.in_order,
            block,
            source: container.source(),
            current: None,
        };
        walk(container, &wanted, &mut sink, observer)?;
        sink.workers.flush()
    });
    let mut broken = None;
    let mut sharing = links::Firsts::new(plan);
    for outcome in outcomes {
        match outcome {
            Ok(Written { local, bytes, kept, shared, digest }) => {
                sharing.stands(&local);
                out.files += 1;
                out.kept += u64::from(kept);
                out.bytes = out.bytes.saturating_add(bytes);
                out.shared = out.shared.saturating_add(shared);
                out.digests.extend(digest.map(|value| (local, value)));
            }
            Err(Failed { path, error, of_medium: true }) => out.failed.push((path, error)),
            Err(Failed { path, error, of_medium: false }) => {
                broken = Some(broken.unwrap_or_else(|| error.of(&path)));
            }
        }
    }
    if let Some(error) = broken {
        return Err(error);
    }
    walked?;
    let links = links::Links { container, destination, plan, linking: options.linking, observer };
    links.share(sharing, &mut out)?;
    links.symbolic(&mut out)?;
    out.digests.sort_by(|(a, _), (b, _)| a.cmp(b));
    out.failed.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(out)
}

/// Bytes of the planned files that need no room where blocks of this size are shared with the medium.
fn shareable(container: &dyn Container, plan: &Plan, block: u64) -> u64 {
    let entries = plan.files.iter().filter_map(|item| container.entries().get(item.id.0));
    entries.fold(0, |sum, entry| match &entry.location {
        Location::Stored(extents) => sum.saturating_add(blocks::most(extents, entry.bytes, block)),
        _ => sum,
    })
}

/// Turns entries into jobs for the writing threads.
struct Writer<'a> {
    how: How<'a>,
    items: HashMap<EntryId, &'a Path>,
    workers: Workers,
    results: Sender<Outcome>,
    in_order: bool,
    /// Bytes of a block that files may share with the medium.
    block: Option<u64>,
    source: &'a SharedSource,
    current: Option<Current>,
}

/// What is done with the entry at hand.
enum Current {
    /// Small: kept until it is whole, then written elsewhere.
    Kept(Target, Vec<u8>),
    /// Large: written as it comes.
    Part(Box<Part>),
    /// Its place is known: another thread copies.
    Place(Target),
    /// Handed over.
    Given,
}

impl Writer<'_> {
    fn target(&self, id: EntryId, entry: &Entry) -> Option<Target> {
        let local = self.items.get(&id)?;
        Some(Target {
            local: (*local).to_owned(),
            path: entry.path.text().to_owned(),
            bytes: entry.bytes,
            modified: entry.modified,
            executable: executable(entry),
            shares: match (&entry.location, self.block) {
                (Location::Stored(extents), Some(block)) => blocks::most(extents, entry.bytes, block) > 0,
                _ => false,
            },
            solid: match &entry.location {
                Location::Stored(extents) => extents.pieces().iter().all(|piece| piece.at.is_some()),
                Location::Nowhere => false,
                _ => true,
            },
        })
    }

    /// Ready for the bytes of a file.
    fn taking(&self, target: Target, location: &Location) -> Result<Current> {
        let place = match location {
            Location::Stored(extents) if target.shares => Some(extents),
            _ => None,
        };
        if target.bytes <= SMALL && place.is_none() {
            return Ok(Current::Kept(target, Vec::new()));
        }
        let directory = self.how.destination.parent(&target.local)?;
        let part = Part::begin(target, directory, self.how.digests);
        let mut part = part.map_err(|failed| failed.error.of(&failed.path))?;
        if let Some(extents) = place {
            part.share(&**self.source, extents);
        }
        Ok(Current::Part(Box::new(part)))
    }

    fn report(&self, outcome: Outcome) {
        // The receiver outlives the walk.
        let _ = self.results.send(outcome);
    }
}

/// Whether the medium says that it is to be run.
fn executable(entry: &Entry) -> bool {
    entry.mode.is_some_and(|mode| mode & 0o111 != 0)
}

/// True where a file of this size and time stands there: it was renamed only when it was whole.
fn stands(directory: &cap_std::fs::Dir, target: &Target) -> bool {
    let Some(name) = target.local.file_name() else { return false };
    let Ok(meta) = directory.symlink_metadata(name) else { return false };
    let time = target.modified.and_then(|time| time.to_system());
    let same_time = match (time, meta.modified()) {
        (Some(want), Ok(have)) => have.into_std() == want,
        _ => false,
    };
    meta.is_file() && meta.len() == target.bytes && same_time
}

impl Sink for Writer<'_> {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        let Some(target) = self.target(id, entry) else { return Ok(Want::Skip) };
        if entry.kind != EntryKind::File {
            return Ok(Want::Skip);
        }
        let destination = self.how.destination;
        if destination.keep_same && stands(&*destination.parent(&target.local)?, &target) {
            self.workers.give(Job { target, content: Content::Standing })?;
            return Ok(Want::Skip);
        }
        let unseen = !self.in_order || (target.shares && self.how.digests == Digests::None);
        let want = match entry.location {
            Location::Stored(_) if unseen => Want::Place,
            _ => Want::Bytes,
        };
        self.current = Some(match want {
            Want::Place => Current::Place(target),
            _ => self.taking(target, &entry.location)?,
        });
        Ok(want)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        // A container that has to see the bytes itself gives them where a place was wanted.
        if let Some(Current::Place(target)) = self.current.take_if(|now| matches!(now, Current::Place(_))) {
            // Those bytes are not what lies there.
            let target = Target { shares: false, ..target };
            self.current = Some(self.taking(target, &Location::Nowhere)?);
        }
        match &mut self.current {
            Some(Current::Kept(_, kept)) => kept.extend_from_slice(bytes),
            Some(Current::Part(part)) => part.write(bytes).map_err(|error| error.of(part.path()))?,
            _ => {}
        }
        Ok(())
    }

    fn stored(&mut self, _: &Entry, source: &SharedSource, extents: &Extents) -> Result<()> {
        if let Some(Current::Place(target)) = self.current.take() {
            self.current = Some(Current::Given);
            self.workers.give(Job { target, content: Content::Place(source.clone(), extents.clone()) })?;
        }
        Ok(())
    }

    fn end(&mut self, entry: &Entry, outcome: Result<()>) -> Result<()> {
        let current = self.current.take();
        if let Err(error) = outcome {
            // Half a file is not left under its own name; the part goes when it is dropped.
            let failed = Failed::of_medium(entry.path.text(), error).weighed(self.how.errors);
            let ends = (!failed.of_medium).then(|| failed.error.again().of(&failed.path));
            self.report(Err(failed));
            return ends.map_or(Ok(()), Err);
        }
        match current {
            Some(Current::Kept(target, bytes)) => {
                self.workers.give(Job { target, content: Content::Bytes(bytes) })
            }
            Some(Current::Part(part)) => {
                self.report(part.finish());
                Ok(())
            }
            // Neither a place nor a byte came: the file is empty.
            Some(Current::Place(target)) => {
                self.workers.give(Job { target, content: Content::Bytes(Vec::new()) })
            }
            Some(Current::Given) | None => Ok(()),
        }
    }
}
