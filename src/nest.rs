//! What people name on the command line: a file, a directory, standard input, or something inside
//! something (`media.iso!/inner.iso`, also `media.iso::inner.iso`).

use crate::container::{Container, EntryId, EntryKind};
use crate::error::{Error, Result};
use crate::formats::{Options, directory};
use crate::medium;
use crate::select;
use crate::source::{FileSource, SharedSource, spool};
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
        return Ok(Named { name: outer.to_owned(), file_name, what: What::Directory(container) });
    }
    let mut name = outer.to_owned();
    let mut parts = members.into_iter();
    let mut source: SharedSource = if outer == "-" {
        spool(input, &options.limits)?
    } else if path.is_dir() {
        let container = directory::open(path, options)?;
        let member = parts.next().unwrap_or_default();
        name = format!("{name}!/{member}");
        let id = file(&*container, member).map_err(|error| error.of(outer))?;
        container.sub_source(id, &options.limits)?
    } else if is_stream(path) {
        let mut stream = std::fs::File::open(path).map_err(|error| Error::from(error).of(outer))?;
        spool(&mut stream, &options.limits)?
    } else {
        Arc::new(FileSource::open(path)?)
    };
    for member in parts {
        let container = medium::open(&source, &name, options)?;
        let id = file(&*container, member).map_err(|error| error.of(&name))?;
        name = format!("{name}!/{}", container.entry(id)?.path.text());
        source = container.sub_source(id, &options.limits)?;
    }
    let file_name = name.rsplit(['/', '\\']).next().unwrap_or(&name).to_owned();
    Ok(Named { name, file_name, what: What::Bytes(source) })
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

/// The member of that path, which must be a file.
fn file(container: &dyn Container, member: &str) -> Result<EntryId> {
    let id = select::find(container.entries(), member)?;
    match container.entry(id)?.kind {
        EntryKind::File => Ok(id),
        _ => Err(Error::usage(format!("{member} is no file"))),
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
            What::Bytes(source) => medium::open(&source, &self.name, options),
        }
    }
}
