//! The directory that files go to: opened once, and everything is made beneath that handle.

use super::plan::Plan;
use super::{Completes, blocks};
use crate::error::{Error, Kind, Refusal, Result};
use crate::source::Source;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::FileTimes;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What happens to files that stand at the destination already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overwrite {
    /// The destination must be new or empty, or left by an interrupted run of the same medium.
    #[default]
    Never,
    /// Files of the same size and time are kept, others are replaced.
    Changed,
    /// All are replaced.
    Always,
}

/// Where a destination is.
pub(super) enum At<'a> {
    /// Where the user says.
    Path(&'a Path),
    /// Below a destination: links that came into it lead nowhere else.
    Below(&'a Dir, &'a Path),
}

impl At<'_> {
    /// What stands in it; `NotFound` where it is not there.
    fn names(&self) -> io::Result<Box<dyn Iterator<Item = io::Result<OsString>>>> {
        Ok(match self {
            Self::Path(path) => Box::new(std::fs::read_dir(path)?.map(|entry| Ok(entry?.file_name()))),
            Self::Below(dir, path) => Box::new(dir.read_dir(path)?.map(|entry| Ok(entry?.file_name()))),
        })
    }

    /// The text of a file in it, where there is one.
    fn read(&self, name: &str) -> Option<String> {
        match self {
            Self::Path(path) => std::fs::read_to_string(path.join(name)).ok(),
            Self::Below(dir, path) => dir.read_to_string(path.join(name)).ok(),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        match self {
            Self::Path(path) => std::fs::rename(path.join(from), path.join(to)),
            Self::Below(dir, path) => dir.rename(path.join(from), dir, path.join(to)),
        }
    }

    /// Makes the directory, and where that can be in one step, with `marker` in it: then that is true.
    fn make(&self, marker: &str) -> io::Result<bool> {
        match self {
            Self::Path(path) => match Prepared::of(path).filter(Prepared::can_be_filled) {
                Some(prepared) => prepared.become_destination(path, marker).map(|()| true),
                None => std::fs::create_dir_all(path).map(|()| false),
            },
            Self::Below(dir, path) => dir.create_dir_all(path).map(|()| false),
        }
    }

    fn open(&self) -> io::Result<Dir> {
        match self {
            Self::Path(path) => Dir::open_ambient_dir(path, ambient_authority()),
            Self::Below(dir, path) => dir.open_dir(path),
        }
    }
}

/// The directory that becomes a destination where that is not there and this one is, and empty: who confines himself
/// before a medium is read can allow only what stands there, and a destination that nothing is written to yet must not
/// stand there for others.
pub struct Prepared(PathBuf);

impl Prepared {
    /// That of `destination`; `None` where it has no name, as `..`.
    #[must_use]
    pub fn of(destination: &Path) -> Option<Self> {
        let mut name = destination.file_name()?.to_owned();
        name.push(".new.part");
        Some(Self(destination.with_file_name(name)))
    }

    /// Where it is, or is to be.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes what a run made that was killed before it had its name: it is empty or has the marker alone, or it is not ours.
    pub fn remove(&self) {
        let is_marker = |entry: io::Result<OsString>| entry.is_ok_and(|name| name == MARKER);
        if self.names().is_some_and(|mut names| names.all(is_marker)) {
            // What cannot be removed stays, and the destination is made without it.
            let _ = std::fs::remove_file(self.0.join(MARKER));
            let _ = std::fs::remove_dir(&self.0);
        }
    }

    /// Gives it its name, with `marker` in it.
    fn become_destination(&self, destination: &Path, marker: &str) -> io::Result<()> {
        std::fs::write(self.0.join(MARKER), marker)
            .and_then(|()| std::fs::rename(&self.0, destination))
            .inspect_err(|_| self.remove())
    }

    /// True where it stands there empty, or could be made. On Windows others may have a file open that was just
    /// written, and then the directory around it cannot be renamed.
    fn can_be_filled(&self) -> bool {
        let is_empty = || self.names().is_some_and(|mut names| names.next().is_none());
        is_empty() || {
            self.remove();
            cfg!(unix) && std::fs::create_dir_all(&self.0).is_ok() && is_empty()
        }
    }

    /// What stands in it, where it is a directory and no link to one.
    fn names(&self) -> Option<impl Iterator<Item = io::Result<OsString>>> {
        self.0.symlink_metadata().ok().filter(std::fs::Metadata::is_dir)?;
        Some(std::fs::read_dir(&self.0).ok()?.map(|entry| Ok(entry?.file_name())))
    }
}

/// Stands in the destination while it is not complete, and says of which medium.
const MARKER: &str = ".discless.part";
/// What it is called once all is written and known to be good, until the files have their place.
const GOOD: &str = ".discless.good.part";
/// Stands in it instead of the medium once what was written is no medium's.
const DISOWNED: &str = "the source changed while it was read\n";
/// Handles of directories that are kept open; a quarter of what this process may open, where that is less.
const MOST_HANDLES: usize = 64;

/// An open destination.
pub(super) struct Destination {
    root: Arc<Dir>,
    path: PathBuf,
    handles: Mutex<HashMap<PathBuf, Arc<Dir>>>,
    most_handles: usize,
    /// An interrupted run of the same medium is completed.
    pub(super) resumed: bool,
    /// Files of the same size and time are taken as whole.
    pub(super) keep_same: bool,
    /// What stands there may be replaced.
    pub(super) replaces: bool,
    /// Bytes of a block that its files may share with each other; see `blocks`.
    pub(super) own_block: Option<u64>,
}

impl Destination {
    /// Opens or makes what is `at` that place and shown as `path`, where `need` bytes are to be written; with blocks of
    /// that size shared with `source`, where that may be.
    ///
    /// # Errors
    /// `Refused` where something stands there that is not ours, or where there is too little room.
    pub(super) fn open(
        (at, path): (&At<'_>, &Path),
        plan: &Plan,
        (source, need): (&dyn Source, &dyn Fn(Option<u64>) -> u64),
        overwrite: Overwrite,
    ) -> Result<Self> {
        let wrong = |error: io::Error| Error::from(error).of(&path.to_string_lossy());
        let (mut resumed, mut marked) = (false, false);
        match at.names() {
            Ok(mut names) => {
                if at.read(GOOD).as_deref() == Some(&plan.identity) {
                    at.rename(GOOD, MARKER).map_err(wrong)?;
                }
                let marker = at.read(MARKER);
                resumed = marker.as_deref() == Some(&plan.identity);
                let begun = marker.is_some_and(|marker| plan.identity.starts_with(&marker));
                // A run that was killed while it wrote the marker wrote nothing else.
                let begun = |name: io::Result<OsString>| begun && name.is_ok_and(|name| name == MARKER);
                let empty = names.next().is_none_or(begun) && names.next().is_none();
                if !empty && !resumed && overwrite == Overwrite::Never {
                    return Err(Error::new(Kind::Refused(Refusal::NotEmpty(path.to_owned()))));
                }
                if !resumed && overwrite == Overwrite::Never {
                    check_room(path, source, need)?;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                check_room(path, source, need)?;
                marked = at.make(&plan.identity).map_err(wrong)?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotADirectory || path.is_file() => {
                return Err(Error::new(Kind::Refused(Refusal::NotADirectory(path.to_owned()))));
            }
            Err(error) => return Err(wrong(error)),
        }
        let root = at.open().map_err(wrong)?;
        let destination = Self {
            own_block: blocks::among(&root),
            root: Arc::new(root),
            path: path.to_owned(),
            handles: Mutex::default(),
            most_handles: most_handles(),
            resumed,
            keep_same: resumed || overwrite == Overwrite::Changed,
            replaces: resumed || overwrite != Overwrite::Never,
        };
        if resumed {
            destination.remove_parts(plan);
        } else if !marked {
            destination.root.write(MARKER, &plan.identity).map_err(wrong)?;
        }
        Ok(destination)
    }

    /// Bytes of a block that its files may share with `source`; see `blocks`.
    pub(super) fn block(&self, source: &dyn Source) -> Option<u64> {
        blocks::size(source, &self.root)
    }

    /// What an interrupted run left half-written.
    fn remove_parts(&self, plan: &Plan) {
        let items = || plan.files.iter().chain(plan.shared.iter().map(|shared| &shared.item));
        let ours: std::collections::HashSet<&Path> = items().map(|item| item.local.as_path()).collect();
        for item in items() {
            let part = item.local.with_file_name(part_name(&item.local, 0));
            if !ours.contains(part.as_path()) {
                // One that is not there or cannot be removed is met again when the file is written.
                let _ = self.root.remove_file(&part);
            }
        }
    }

    /// Where people find `local`.
    pub(super) fn shown(&self, local: &Path) -> String {
        self.path.join(local).to_string_lossy().into_owned()
    }

    pub(super) fn make_directory(&self, local: &Path) -> Result<()> {
        match self.root.create_dir(local) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                // A link that stands there could lead anywhere: it is no directory of ours.
                match self.root.symlink_metadata(local) {
                    Ok(meta) if meta.is_dir() => Ok(()),
                    _ => Err(Error::new(Kind::Refused(Refusal::NotADirectory(self.path.join(local))))),
                }
            }
            Err(error) => Err(Error::from(error).of(&self.shown(local))),
        }
    }

    /// The open directory in which `local` is to stand.
    pub(super) fn parent(&self, local: &Path) -> Result<Arc<Dir>> {
        let parent = local.parent().unwrap_or(Path::new(""));
        if parent.as_os_str().is_empty() {
            return Ok(self.root.clone());
        }
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = handles.get(parent) {
            return Ok(known.clone());
        }
        if handles.len() >= self.most_handles {
            handles.clear();
        }
        let opened = self.root.open_dir(parent).or_else(|_| {
            // Where there are no more handles there may be some now; another error comes again.
            handles.clear();
            self.root.open_dir(parent)
        });
        let opened = opened.map_err(|error| Error::from(error).of(&self.shown(parent)))?;
        let opened = Arc::new(opened);
        handles.insert(parent.to_owned(), opened.clone());
        Ok(opened)
    }

    /// A directory whose times can be set: a `Dir` is opened with `O_PATH`, or to be read, which allows nothing.
    fn open_to_set(&self, local: &Path) -> io::Result<std::fs::File> {
        let mut options = cap_std::fs::OpenOptions::new();
        #[cfg(not(windows))]
        options.read(true);
        #[cfg(windows)]
        {
            use cap_std::fs::OpenOptionsExt;
            const FILE_WRITE_ATTRIBUTES: u32 = 0x100;
            const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
            options.access_mode(FILE_WRITE_ATTRIBUTES).custom_flags(FILE_FLAG_BACKUP_SEMANTICS);
        }
        self.root.open_with(local, &options).map(cap_std::fs::File::into_std)
    }

    /// No run takes what stands there for what it wrote itself any more.
    pub(super) fn disown(&self) {
        // Where that cannot be written, what can be read of the marker is no medium's either.
        let _ = self.root.write(MARKER, DISOWNED);
    }

    /// An error of one who wrote there: where the destination is gone that is what there is to say.
    pub(super) fn explain(&self, error: Error) -> Error {
        match error.kind() {
            Kind::Io(io) if io.kind() == io::ErrorKind::NotFound && !self.path.exists() => {
                Error::new(Kind::Refused(Refusal::Gone(self.path.clone())))
            }
            _ => error,
        }
    }

    /// Gives directories their times, the deepest first, and takes the marker away where all is done.
    pub(super) fn finish(self, plan: &Plan, completes: Completes) -> Result<()> {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for (local, modified) in plan.directories.iter().rev() {
            let Some(time) = modified.and_then(|time| time.to_system()) else { continue };
            // A time that cannot be set is no reason to fail when all bytes are there.
            if let Ok(directory) = self.open_to_set(local) {
                let _ = directory.set_times(FileTimes::new().set_modified(time));
            }
        }
        match completes {
            Completes::Now => gone(self.root.remove_file(MARKER), &self.path.join(MARKER)),
            Completes::Later => Ok(()),
        }
    }
}

/// How many handles of directories are kept open.
fn most_handles() -> usize {
    #[cfg(unix)]
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    #[cfg(not(unix))]
    let most: Option<u64> = None;
    let quarter = most.map(|most| usize::try_from(most / 4).unwrap_or(usize::MAX));
    quarter.unwrap_or(MOST_HANDLES).clamp(1, MOST_HANDLES)
}

/// Takes away what says that `destination` is not complete.
///
/// # Errors
/// What the operating system said.
pub fn complete(destination: &Path) -> Result<()> {
    remove_marker(destination, MARKER)
}

fn remove_marker(destination: &Path, marker: &str) -> Result<()> {
    let marker = destination.join(marker);
    gone(std::fs::remove_file(&marker), &marker)
}

/// What came of removing `marker`, which need not have been there.
fn gone(removed: io::Result<()>, marker: &Path) -> Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::from(error).of(&marker.to_string_lossy()))
        }
        _ => Ok(()),
    }
}

/// Says in `destination`, which is complete, that it is good: it may have its place.
pub(super) fn call_good(destination: &Path) -> io::Result<()> {
    match std::fs::rename(destination.join(MARKER), destination.join(GOOD)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Takes that away where it has its place.
///
/// # Errors
/// What the operating system said.
pub(super) fn settle_good(destination: &Path) -> Result<()> {
    remove_marker(destination, GOOD)
}

/// The name a file has while it is being written. `number` tells it from a file that is really called so.
pub(super) fn part_name(local: &Path, number: u32) -> std::ffi::OsString {
    let name = local.file_name().unwrap_or_default();
    let mut out = if name.len() > 240 {
        format!("{:08x}", crc32fast::hash(name.as_encoded_bytes())).into()
    } else {
        name.to_owned()
    };
    if number > 0 {
        out.push(format!(".{number}"));
    }
    out.push(".part");
    out
}

/// Free space is asked for before anything is written.
fn check_room(path: &Path, source: &dyn Source, need: &dyn Fn(Option<u64>) -> u64) -> Result<()> {
    let stands = path.ancestors().find(|above| above.exists());
    let stands = stands.filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A file system that cannot say is found out while writing.
    let Ok(have) = fs4::available_space(stands) else { return Ok(()) };
    if need(None) <= have {
        return Ok(());
    }
    let directory = Dir::open_ambient_dir(stands, ambient_authority()).ok();
    match need(directory.and_then(|directory| blocks::size(source, &directory))) {
        need if need > have => Err(Error::new(Kind::Refused(Refusal::NoSpace { need, have }))),
        _ => Ok(()),
    }
}

/// Opens for writing what does not exist yet; never through a link.
pub(super) fn create(directory: &Dir, name: &std::ffi::OsStr) -> io::Result<std::fs::File> {
    let mut options = cap_std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    directory.open_with(name, &options).map(cap_std::fs::File::into_std)
}
