//! What this process may touch, enforced by the kernel (Landlock, Linux 5.13 and later). A reader that a hostile
//! medium gets the better of has no more than that: it opens no other file, runs no program, reaches no network.
//!
//! A thread confines itself and every thread that it starts from then on, for good. Files that are open stay open:
//! standard input and output are not concerned.
//!
//! Landlock knows access by paths, not by names: what is allowed below a directory is allowed in all directories below
//! it. It does not hide what files are called, how large they are or when they changed (`stat`).

#[cfg(all(feature = "cli", target_os = "linux"))]
mod linux;

use std::fmt;
use std::path::{Path, PathBuf};

/// What is allowed at a path and, where that is a directory, below it. Each of them is that and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grant {
    /// Files are read and directories listed.
    Read,
    /// All that files and directories need: read, made, written, renamed, linked, removed.
    Write,
    /// Files get a name that is free; none is written to by its name, none removed.
    Name,
    /// Files are made and written, none is removed or cut.
    Make,
    /// Files are made and written, and replaced by a rename.
    Replace,
    /// Directories are made, renamed in their directory and, if empty, removed.
    Directories,
    /// A device is read, written and asked what only it knows (`ioctl`).
    Device,
}

/// Everything that is allowed. Nothing is, to begin with.
#[derive(Debug, Clone, Default)]
pub struct Bounds {
    grants: Vec<(Grant, PathBuf)>,
    ports: Vec<u16>,
    /// Where directories that are empty may be removed.
    removals: Vec<PathBuf>,
    #[cfg(target_os = "linux")]
    spool: Option<std::sync::Arc<std::os::fd::OwnedFd>>,
}

impl Bounds {
    /// Allows `grant` at `path`, as far as something stands there now; symbolic links are followed.
    pub fn allow(&mut self, grant: Grant, path: &Path) {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        if !self.grants.iter().any(|(known, at)| *known == grant && at == path) {
            self.grants.push((grant, path.to_owned()));
        }
    }

    /// Allows to listen at a TCP port; 0 for any that is free.
    pub fn allow_listening(&mut self, port: u16) {
        self.ports.push(port);
    }

    /// Allows to remove empty directories in `directory`, and below it: the process's own when it is done.
    pub fn allow_tidying(&mut self, directory: &Path) {
        self.removals.push(directory.to_owned());
    }

    /// Allows temporary files without a name in `directory`, which is to have no other.
    #[cfg(target_os = "linux")]
    pub fn allow_spool(&mut self, directory: std::sync::Arc<std::os::fd::OwnedFd>) {
        self.spool = Some(directory);
    }

    /// The paths at which `grant` is allowed, as they were given.
    pub fn paths(&self, grant: Grant) -> impl Iterator<Item = &Path> {
        self.grants.iter().filter(move |(known, _)| *known == grant).map(|(_, path)| path.as_path())
    }

    /// True where something may be written by its name.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.grants.iter().any(|(grant, _)| !matches!(grant, Grant::Read | Grant::Device))
    }

    /// Confines the calling thread, and those that it starts from now on, to these bounds.
    ///
    /// Best effort: what the kernel cannot enforce is not enforced, and the answer says so.
    #[must_use]
    pub fn enter(&self) -> Enforced {
        #[cfg(all(feature = "cli", target_os = "linux"))]
        return linux::enter(self);
        #[cfg(not(all(feature = "cli", target_os = "linux")))]
        return Enforced::Not(ELSEWHERE.to_owned());
    }
}

/// Why nothing is enforced where the module has nothing to do it with.
#[cfg(not(all(feature = "cli", target_os = "linux")))]
const ELSEWHERE: &str =
    if cfg!(target_os = "linux") { "built without it" } else { "only Linux has Landlock" };

/// What the kernel enforces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enforced {
    /// The bounds, but for what is `left` to this program's word.
    By {
        /// The version of Landlock's interface.
        abi: u32,
        /// What this kernel's Landlock does not know yet, in words.
        left: Vec<&'static str>,
    },
    /// Nothing, and why.
    Not(String),
}

impl fmt::Display for Enforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::By { abi, left } if left.is_empty() => {
                write!(f, "fully enforced by the kernel (Landlock ABI {abi})")
            }
            Self::By { abi, left } => write!(
                f,
                "partially enforced by the kernel (Landlock ABI {abi}, which cannot keep from: {})",
                left.join(", ")
            ),
            Self::Not(why) => write!(f, "not enforced: {why}"),
        }
    }
}

/// Why nothing can be enforced on this machine; `None` where something can.
#[must_use]
pub fn unavailable() -> Option<String> {
    #[cfg(all(feature = "cli", target_os = "linux"))]
    return linux::absent(&Bounds::default());
    #[cfg(not(all(feature = "cli", target_os = "linux")))]
    Some(ELSEWHERE.to_owned())
}
