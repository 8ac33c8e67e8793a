//! Media as a directory of this machine, read-only, through FUSE. Linux only.
//!
//! The kernel asks, threads of ours answer from a [`View`]. What was answered once the kernel keeps: a medium does
//! not change while it is mounted.

mod tree;

use crate::error::{Error, MountFault, Refusal, Result};
use crate::guard::guarded;
use crate::sandbox::Bounds;
use crate::view::View;
use fuser::{Config, MountOption, Session, SessionACL, SessionUnmounter};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tree::Tree;

/// The device that the kernel and a file system of user space speak through.
const DEVICE: &str = "/dev/fuse";
/// Requests that are answered at once, at least: one may have to unpack for a while.
const LEAST_THREADS: usize = 4;
/// Each thread has a buffer of 16 MiB that it hardly ever touches.
const MOST_THREADS: usize = 16;
/// How long the last request may take once the directory is unmounted.
const GRACE: Duration = Duration::from_secs(2);
/// File names that are shown in the table of mounts are cut to this many bytes.
const MOST_NAME: usize = 255;

/// Who may look into the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Audience {
    /// Who mounted it.
    #[default]
    Owner,
    /// Every user of this machine. For other users than root, `/etc/fuse.conf` has to allow it.
    Everybody,
}

/// How a view is mounted.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Who may look into the directory.
    pub audience: Audience,
    /// Threads that answer; 0 for as many as suit this machine.
    pub threads: usize,
    /// What the table of mounts shows as the source.
    pub name: String,
    /// What the threads that answer may touch; everything without it. Who mounts stays as it is: the kernel lets no
    /// confined thread mount or unmount.
    pub bounds: Option<Bounds>,
}

/// Is told, once for each file, why its bytes are not to be had: those who read it see an I/O error only.
pub type Complain = Box<dyn Fn(&Error) + Send + Sync>;

/// How a directory was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nobody used it.
    Free,
    /// Somebody still had a file in it open, or stood in it: it is out of the way, and reading those files fails.
    InUse,
}

/// A mounted view. Dropped, it is unmounted.
#[derive(Debug)]
pub struct Mounted {
    directory: PathBuf,
    unmounter: SessionUnmounter,
    answering: Option<JoinHandle<io::Result<()>>>,
}

/// Mounts `view` on `directory`, which has to be empty. Returns once it can be read.
///
/// # Errors
/// `Refused` where the directory or this machine cannot be used for it; what the operating system said.
pub fn mount(view: Arc<View>, directory: &Path, options: &Options, complain: Complain) -> Result<Mounted> {
    let directory = usable(directory)?;
    if !Path::new(DEVICE).exists() {
        return Err(refused(&directory, MountFault::NoDevice));
    }
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::RO,
        MountOption::NoDev,
        MountOption::NoSuid,
        MountOption::NoAtime,
        MountOption::DefaultPermissions,
        MountOption::Subtype("discless".to_owned()),
        MountOption::FSName(shown(&options.name)),
    ];
    config.acl = match options.audience {
        Audience::Owner => SessionACL::Owner,
        Audience::Everybody => SessionACL::All,
    };
    config.n_threads = Some(options.threads.clamp(LEAST_THREADS, MOST_THREADS));
    config.clone_fd = true;
    let tree = Tree::new(view, complain);
    let failed = |error: io::Error| explain(&directory, options.audience, error);
    let mut session = guarded("mounting", || Session::new(tree, &directory, &config).map_err(failed))?;
    let unmounter = session.unmount_callable();
    let bounds = options.bounds.clone();
    let answering = std::thread::Builder::new().name("mount".to_owned()).spawn(move || {
        if let Some(bounds) = bounds {
            // Whoever mounts has seen already what the kernel enforces.
            let _ = bounds.enter();
        }
        session.run()
    })?;
    Ok(Mounted { directory, unmounter, answering: Some(answering) })
}

/// The directory's whole path, where it is one and is empty.
fn usable(directory: &Path) -> Result<PathBuf> {
    let meta = match std::fs::metadata(directory) {
        // What a program leaves that was killed: the directory is there and answers nothing.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOTCONN.raw_os_error()) => {
            return Err(refused(directory, MountFault::Stale));
        }
        other => other.map_err(|error| Error::from(error).of(&directory.to_string_lossy()))?,
    };
    if !meta.is_dir() {
        return Err(refused(directory, MountFault::NotADirectory));
    }
    let inside = |error: io::Error| Error::from(error).of(&directory.to_string_lossy());
    if std::fs::read_dir(directory).map_err(inside)?.next().is_some() {
        return Err(refused(directory, MountFault::NotEmpty));
    }
    directory.canonicalize().map_err(inside)
}

fn refused(directory: &Path, fault: MountFault) -> Error {
    Error::new(crate::error::Kind::Refused(Refusal::Mount { directory: directory.to_owned(), fault }))
}

/// What the table of mounts shows: commas end an option and white space ends a column.
fn shown(name: &str) -> String {
    let mut out: String = name
        .chars()
        .map(|c| if c == ',' || c == '\\' || c.is_control() || c.is_whitespace() { '_' } else { c })
        .collect();
    while out.len() > MOST_NAME {
        out.pop();
    }
    if out.is_empty() { "discless".to_owned() } else { out }
}

/// What `fuser` says in place of what happened: errors of `mount` and of `fusermount3` as the user can act on
/// them.
fn explain(directory: &Path, audience: Audience, error: io::Error) -> Error {
    let words = error.to_string();
    if words.contains("user_allow_other") {
        return refused(directory, MountFault::OthersNotAllowed);
    }
    let denied = error.kind() == ErrorKind::PermissionDenied || words.contains("Permission denied");
    if denied || words.contains("Operation not permitted") {
        return refused(directory, MountFault::NotPermitted);
    }
    // Without the right to mount, a program of the distribution does it; it is not there.
    if error.kind() == ErrorKind::NotFound {
        return refused(directory, MountFault::NoHelper);
    }
    let _ = audience;
    Error::from(error).during("mount").of(&directory.to_string_lossy())
}

impl Mounted {
    /// Where it is mounted, as a whole path.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// True once it is mounted no more, whoever unmounted it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.answering.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Unmounts it; where somebody uses it, it is taken out of the way all the same.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn unmount(mut self) -> Result<Left> {
        self.end()
    }

    /// Unmounts it, or where it is in use only takes it out of the tree of directories.
    fn take_away(&mut self) -> Result<Left> {
        let Err(error) = self.unmounter.unmount() else { return Ok(Left::Free) };
        let code = error.raw_os_error();
        if code == Some(rustix::io::Errno::INVAL.raw_os_error()) {
            // Somebody has unmounted it just now; `fuser` does not see that.
            return Ok(Left::Free);
        }
        if code != Some(rustix::io::Errno::BUSY.raw_os_error()) {
            return Err(Error::from(error).during("unmount").of(&self.directory.to_string_lossy()));
        }
        match rustix::mount::unmount(&self.directory, rustix::mount::UnmountFlags::DETACH) {
            Ok(()) => Ok(Left::InUse),
            Err(errno) => Err(Error::from(io::Error::from(errno)).during("unmount")),
        }
    }

    fn end(&mut self) -> Result<Left> {
        let Some(answering) = self.answering.take() else { return Ok(Left::Free) };
        let left = if answering.is_finished() { Left::Free } else { self.take_away()? };
        // The kernel lets go of the device when the last user has left; until then the threads wait for requests.
        let since = Instant::now();
        while !answering.is_finished() {
            if left == Left::InUse || since.elapsed() > GRACE {
                return Ok(Left::InUse);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        match answering.join() {
            Ok(outcome) => outcome.map(|()| Left::Free).map_err(|error| Error::from(error).during("mount")),
            Err(_) => Err(Error::damaged("answers to the kernel")),
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // There is nobody to tell.
        let _ = self.end();
    }
}
