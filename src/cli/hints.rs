//! What to do about an error: one line that can be pasted. The match is exhaustive on purpose: a new kind
//! of error has to be thought about here.

use discless::error::{Change, Kind, Lock, MountFault, NotMedium, Refusal};
use discless::formats::wim;
use discless::share::{MANIFEST, NAMESPACE, OWN};
use discless::source::READING;
use discless::{Error, limits};
use std::io;
use std::path::Path;

/// The hint for an error, where there is one.
pub(crate) fn hint(error: &Error) -> Option<String> {
    let medium = quoted(&error.place().medium);
    Some(match error.kind() {
        Kind::Truncated { .. } => "download it again, or resume the download: curl -C - -O URL".to_owned(),
        Kind::Invalid(what) if what.contains("share") || what.contains("manifest") => {
            "discless share check DIR says more".to_owned()
        }
        Kind::Damaged(_) | Kind::Invalid(_) => {
            "compare it with the publisher's digest: discless verify FILE --sha256 HASH".to_owned()
        }
        Kind::NotMedium(what) => match what {
            NotMedium::WebPage { .. } => "the link needs a session; sign in and download again".to_owned(),
            NotMedium::Empty | NotMedium::Zeros => "download it again".to_owned(),
            NotMedium::PartialDownload { .. } => "let the download finish, or start it again".to_owned(),
            NotMedium::Text | NotMedium::Other { .. } | NotMedium::Unknown => {
                "discless formats lists what can be read".to_owned()
            }
        },
        Kind::Unsupported(what) if *what == wim::FURTHER_PART => {
            format!("open the first part: discless inspect {}", quoted(&first_part(&error.place().medium)))
        }
        Kind::Unsupported(what) if what.starts_with("mounting") => {
            "discless extract gets the files out, on every system".to_owned()
        }
        Kind::Unsupported(what) if what.starts_with("SMB") => {
            "cargo install discless --features smb".to_owned()
        }
        Kind::Unsupported(_) => "discless formats lists what can be read, and the limits".to_owned(),
        Kind::Encrypted { lock, .. } => match lock {
            Lock::Password { tried: 0 } => "--password-file FILE has passwords, one a line".to_owned(),
            Lock::Password { .. } => "--password-file FILE can have more passwords, one a line".to_owned(),
            Lock::Foreign => "decrypt it with the program that made it, then try again".to_owned(),
        },
        Kind::Limit { what, .. } => match limits::flag(what) {
            Some(flag @ ("--max-unpacked" | "--max-memory" | "--max-temporary")) => {
                format!("{flag}=SIZE allows more, for a medium that is trusted")
            }
            Some(flag) => format!("{flag}=N allows more, for a medium that is trusted"),
            None => return None,
        },
        Kind::NotFound { similar: Some(similar), .. } => format!("did you mean {}?", quoted(similar)),
        Kind::NotFound { wanted, similar: None } if wanted.starts_with("build ") => {
            "discless builds lists the products; discless builds PRODUCT their builds".to_owned()
        }
        Kind::NotFound { similar: None, .. } if medium.is_empty() => return None,
        Kind::NotFound { similar: None, .. } => format!("discless list {medium} shows what is there"),
        Kind::Io(_) if error.place().structure == READING => {
            "copy it to another disk; discless extract --keep-going takes out what can be read".to_owned()
        }
        Kind::Io(io) if is_full(io) => "make room, then run the same command again".to_owned(),
        Kind::Changed(Change::Size { .. }) => {
            "let the download finish, then run the same command again".to_owned()
        }
        Kind::Changed(_) => "run the same command again when nobody writes to it".to_owned(),
        Kind::Io(_) | Kind::Cancelled => return None,
        Kind::Usage(_) => "discless --help shows how to call it".to_owned(),
        Kind::Refused(refusal) => match refusal {
            Refusal::NotEmpty(_) => "choose another -o DIR, or --overwrite=changed to complete it".to_owned(),
            Refusal::Exists(_) => "choose another name, or --overwrite=always to replace it".to_owned(),
            Refusal::NotADirectory(_) => "choose another -o DIR".to_owned(),
            Refusal::Gone(_) => "run the same command again".to_owned(),
            Refusal::NoSpace { .. } => {
                "choose a larger disk with -o DIR, or fewer members with a GLOB".to_owned()
            }
            Refusal::NotNew(path) => {
                format!("discless share init {}", quoted(&path.join("lab").to_string_lossy()))
            }
            Refusal::NoShare(path) => format!("discless share init {}", quoted(&path.to_string_lossy())),
            Refusal::Locked { .. } => "wait until it is done, then try again".to_owned(),
            Refusal::Occupied { .. } => {
                "--as FOLDER puts it elsewhere; discless share list shows what is there".to_owned()
            }
            Refusal::Edited(_) => {
                "discless share check DIR says more; --force believes the manifest as it is".to_owned()
            }
            Refusal::Key { file, .. } => format!(
                "in each product folder: ssh-keygen -Y sign -n {NAMESPACE} -f {} {OWN}/{MANIFEST}",
                quoted(file)
            ),
            Refusal::Unfit { .. } => "discless inspect FILE says what it is for".to_owned(),
            Refusal::Mount { directory, fault } => mount(&quoted(&directory.to_string_lossy()), *fault),
        },
    })
}

/// True where something can be written no further: no room, no more of a quota, a file larger than the limit of the
/// shell (`ulimit -f`) or of the file system.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// What to do where nothing can be mounted on `directory`.
fn mount(directory: &str, fault: MountFault) -> String {
    match fault {
        MountFault::NotADirectory => "make one: mkdir DIR".to_owned(),
        MountFault::NotEmpty => format!("make an empty one: mkdir {directory}/media"),
        MountFault::Stale => format!("fusermount3 -u {directory}"),
        MountFault::NoDevice => {
            "modprobe fuse; a container needs --device /dev/fuse --cap-add SYS_ADMIN".to_owned()
        }
        MountFault::NoHelper => "apt install fuse3, or run it as root".to_owned(),
        MountFault::NotPermitted => {
            "use a directory of your own; a container needs --device /dev/fuse --cap-add SYS_ADMIN".to_owned()
        }
        MountFault::OthersNotAllowed => {
            "echo user_allow_other | sudo tee -a /etc/fuse.conf, or leave --allow-other out".to_owned()
        }
    }
}

/// What the first part of a split image is called, of which `path` is another: `install.swm`, or `install1.swm`
/// where only that is there.
fn first_part(path: &str) -> String {
    let (stem, extension) = path.rsplit_once('.').unwrap_or((path, "swm"));
    let stem = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let (plain, numbered) = (format!("{stem}.{extension}"), format!("{stem}1.{extension}"));
    if !Path::new(&plain).exists() && Path::new(&numbered).exists() { numbered } else { plain }
}

/// A path as a shell takes it back: in quotes where a shell would see more than a path in it.
pub(crate) fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c) || (cfg!(windows) && c == '\\');
    if path.chars().all(plain) {
        path.to_owned()
    } else if cfg!(windows) {
        // cmd knows no other quotes, PowerShell takes both, and no name has one in it.
        format!("\"{path}\"")
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(windows)]
    #[test]
    fn a_path_is_quoted_as_cmd_and_powershell_take_it() {
        assert_eq!(quoted("a.iso!/b"), "\"a.iso!/b\"");
        assert_eq!(quoted(r"C:\media\x-1.iso"), r"C:\media\x-1.iso");
    }

    #[cfg(not(windows))]
    #[test]
    fn a_path_with_a_bang_is_quoted_for_the_shell() {
        assert_eq!(quoted("a.iso!/b"), "'a.iso!/b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("media/x-1.iso"), "media/x-1.iso");
    }

    #[test]
    fn the_first_part_of_a_set_is_named() {
        assert_eq!(first_part("dir/install2.swm"), "dir/install.swm");
        assert_eq!(first_part("x.iso!/sources/INSTALL10.SWM"), "x.iso!/sources/INSTALL.SWM");
    }
}
