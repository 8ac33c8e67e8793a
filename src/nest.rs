//! What people name on the command line: a file, a directory, standard input, or something inside
//! something (`media.iso!/inner.iso`, also `media.iso::inner.iso`).

use crate::container::{Container, EntryId, EntryKind, Role};
use crate::error::{Error, Kind, Result};
use crate::formats::{Options, directory, wim};
use crate::limits::Limits;
use crate::medium;
use crate::select;
use crate::source::{FileSource, Known, SharedSource, spool};
use crate::surroundings::{Beside, OnDisk, Surroundings};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

/// A source that was named.
pub struct Named {
    /// As it was given; `-` for standard input.
    pub name: String,
    /// The last part of its path.
    pub file_name: String,
    /// What it is.
    pub what: What,
    /// What it is called and what lies beside it.
    pub surroundings: Surroundings,
}

/// What a name led to.
pub enum What {
    /// Bytes.
    Bytes(SharedSource),
    /// A directory.
    Directory(Box<dyn Container>),
}

/// Splits `outer!/member!/…` or `outer::member::…` at the first separator behind something that exists.
#[must_use]
pub fn split(spec: &str) -> (&str, Vec<&str>) {
    if Path::new(spec).exists() {
        return (spec, Vec::new());
    }
    let cuts = spec.match_indices("!/").chain(spec.match_indices("::"));
    let mut cuts: Vec<(usize, &str)> = cuts.collect();
    cuts.sort_unstable();
    for (at, separator) in cuts {
        let (outer, rest) = spec.split_at(at);
        if Path::new(outer).exists() || outer == "-" {
            let rest = rest.strip_prefix(separator).unwrap_or(rest);
            return (outer, rest.split("!/").flat_map(|part| part.split("::")).collect());
        }
    }
    (spec, Vec::new())
}

/// Opens what `spec` names. `input` is read where it names standard input.
///
/// # Errors
/// `NotFound` where there is nothing of that name; what opening an outer medium said.
pub fn open(spec: &str, input: &mut dyn Read, options: &Options) -> Result<Named> {
    let (outer, members) = split(spec);
    if members.len() as u64 > u64::from(options.limits.nesting) {
        return Err(Error::limit("nested containers", options.limits.nesting.into()).of(spec));
    }
    let path = Path::new(outer);
    if path.is_dir() && members.is_empty() {
        let container = directory::open(path, options)?;
        let file_name = container.facts().label.clone().unwrap_or_else(|| outer.to_owned());
        return Ok(Named {
            name: outer.to_owned(),
            file_name,
            what: What::Directory(container),
            surroundings: Surroundings::default(),
        });
    }
    let mut name = outer.to_owned();
    let mut parts = members.into_iter();
    let mut at = Surroundings { file_name: last_part(outer), beside: None };
    let mut source: SharedSource = if outer == "-" {
        spool(input, &options.limits)?
    } else if path.is_dir() {
        let container: Arc<dyn Container> = Arc::from(directory::open(path, options)?);
        let member = parts.next().unwrap_or_default();
        let (id, inner) = Members::of(&container, member, &options.limits).map_err(|e| e.of(outer))?;
        name = format!("{name}!/{}", container.entry(id)?.path.text());
        at = inner;
        container.sub_source(id, &options.limits)?
    } else if is_stream(path) {
        let mut stream = std::fs::File::open(path).map_err(|error| Error::from(error).of(outer))?;
        spool(&mut stream, &options.limits)?
    } else {
        at.beside = Some(Arc::new(OnDisk::of(path)));
        Arc::new(FileSource::open(path)?)
    };
    let outermost = source.clone();
    let is_nested = parts.len() > 0;
    for member in parts {
        let container: Arc<dyn Container> = Arc::from(medium::open(&source, &name, &options.at(at))?);
        let (id, inner) = Members::of(&container, member, &options.limits).map_err(|e| e.of(&name))?;
        name = format!("{name}!/{}", container.entry(id)?.path.text());
        at = inner;
        source = container.sub_source(id, &options.limits).map_err(|error| error.of(&name))?;
    }
    // What was unpacked on the way is of the outermost file all the same.
    if is_nested {
        source = Arc::new(Known::made_of(source, outermost));
    }
    let file_name = last_part(&name);
    Ok(Named { name, file_name, what: What::Bytes(source), surroundings: at })
}

/// A pipe, a socket, a terminal: bytes that come only once. A block device can be read anywhere.
fn is_stream(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let stream = |kind: std::fs::FileType| kind.is_fifo() || kind.is_socket() || kind.is_char_device();
        std::fs::metadata(path).is_ok_and(|meta| stream(meta.file_type()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// The member of that path.
///
/// # Errors
/// As [`select::find`].
pub fn member(container: &dyn Container, path: &str) -> Result<EntryId> {
    select::find(container.entries(), path).or_else(|error| {
        // A WIM file with one image shows no numbers; who writes the image's number means the same.
        match path.strip_prefix("1/").filter(|_| container.format() == wim::FORMAT.name) {
            Some(rest) => select::find(container.entries(), rest).map_err(|_| error),
            None => Err(error),
        }
    })
}

/// The members that `globs` mean; all of them where there is no glob.
///
/// # Errors
/// As [`select::select`].
pub fn members(container: &dyn Container, globs: &[String]) -> Result<Vec<EntryId>> {
    let found = select::select(container.entries(), globs);
    let (Err(error), true) = (&found, container.format() == wim::FORMAT.name) else { return found };
    if !matches!(error.kind(), Kind::NotFound { .. }) {
        return found;
    }
    // As with one member, the number of the only image may be written.
    let mut changed = false;
    let mut plain = |glob: &String| {
        let (sign, rest) = glob.strip_prefix('!').map_or(("", &**glob), |rest| ("!", rest));
        let rest = rest.trim_start_matches('/');
        let below = rest.strip_prefix("1/").or((rest == "1").then_some(""));
        changed |= below.is_some();
        match below {
            Some("" | "*" | "**") => format!("{sign}/*"),
            Some(rest) => format!("{sign}/{rest}"),
            None => glob.clone(),
        }
    };
    let globs: Vec<String> = globs.iter().map(&mut plain).collect();
    if changed { select::select(container.entries(), &globs).or(found) } else { found }
}

/// The members that are extracted where `globs` are given: what the container says of itself only where it is
/// named.
///
/// # Errors
/// As [`select::select`].
pub fn to_extract(container: &dyn Container, globs: &[String]) -> Result<Vec<EntryId>> {
    let mut wanted = members(container, globs)?;
    wanted.retain(|id| match container.entries().get(id.0) {
        Some(entry) if entry.role == Role::Description => {
            globs.iter().any(|glob| glob.trim_start_matches('/') == entry.path.text())
        }
        _ => true,
    });
    Ok(wanted)
}

/// The member of that path, which must be a file.
fn file(container: &dyn Container, path: &str) -> Result<EntryId> {
    let id = member(container, path)?;
    match container.entry(id)?.kind {
        EntryKind::File => Ok(id),
        _ => Err(Error::usage(format!("{path} is no file"))),
    }
}

/// The last part of a path, nested or not.
fn last_part(path: &str) -> String {
    path.rsplit(['/', '\\']).next().unwrap_or(path).to_owned()
}

/// The members of a container that stand in one of its directories.
pub struct Members {
    container: Arc<dyn Container>,
    /// With `/` at its end, or empty.
    directory: String,
    limits: Limits,
}

impl Members {
    /// Where an entry of `container` stands.
    ///
    /// # Errors
    /// `NotFound` where there is no such entry.
    pub fn around(container: &Arc<dyn Container>, id: EntryId, limits: &Limits) -> Result<Surroundings> {
        let path = container.entry(id)?.path.text();
        let cut = path.rfind('/').map_or(0, |slash| slash + 1);
        let (directory, file_name) = path.split_at(cut);
        let beside =
            Self { container: container.clone(), directory: directory.to_owned(), limits: limits.clone() };
        Ok(Surroundings { file_name: file_name.to_owned(), beside: Some(Arc::new(beside)) })
    }

    /// The member of that path, which must be a file, and where it stands.
    fn of(container: &Arc<dyn Container>, member: &str, limits: &Limits) -> Result<(EntryId, Surroundings)> {
        let id = file(&**container, member)?;
        Ok((id, Self::around(container, id, limits)?))
    }
}

impl Beside for Members {
    fn find(&self, path: &str) -> Result<Option<SharedSource>> {
        let wanted = format!("{}{path}", self.directory);
        let files = || {
            let entries = self.container.entries().iter().enumerate();
            entries.filter(|(_, entry)| entry.kind == EntryKind::File)
        };
        let exact = files().find(|(_, entry)| entry.path.text() == wanted);
        let folded = || {
            let wanted = wanted.to_lowercase();
            files().find(|(_, entry)| entry.path.text().to_lowercase() == wanted)
        };
        match exact.or_else(folded) {
            Some((id, _)) => self.container.sub_source(EntryId(id), &self.limits).map(Some),
            None => Ok(None),
        }
    }
}

impl Named {
    /// Opens the container that the name leads to.
    ///
    /// # Errors
    /// As [`medium::open`].
    pub fn container(self, options: &Options) -> Result<Box<dyn Container>> {
        match self.what {
            What::Directory(container) => Ok(container),
            What::Bytes(source) => medium::open(&source, &self.name, &options.at(self.surroundings)),
        }
    }
}
