//! The formats: one value each in [`FORMATS`], from which every list is derived.
//!
//! To add a format: write its file (or folder) with a `pub static FORMAT: Format`, add its `mod` line
//! and its line in [`FORMATS`], and its fixtures in `testdata/NAME/`. A test fails where one is missing.

pub mod appimage;
pub mod burn;
pub mod cab;
pub mod cpio;
pub mod deb;
pub mod directory;
pub mod inno;
mod inside;
pub mod installshield;
pub mod iso9660;
mod listing;
pub mod makeself;
pub mod msi;
pub mod not_medium;
pub mod nsis;
pub(crate) mod overlay;
pub mod pe;
mod promoted;
pub mod rar;
pub mod rpm;
pub mod sevenz;
pub mod sfx;
pub mod squashfs;
pub mod stream;
pub mod tar;
pub mod udf;
pub mod wim;
pub mod zip;

use crate::container::Container;
use crate::error::{Error, Kind, NotMedium, Result};
use crate::limits::Limits;
use crate::passwords::Passwords;
use crate::source::{SharedSource, Source, read_up_to};
use crate::surroundings::Surroundings;

/// A format: how it is recognised and opened, and what its reader cannot do.
pub struct Format {
    /// File name, JSON value, fixture folder, fuzz corpus: the same word.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// The documents that define it.
    pub spec: &'static [&'static str],
    /// What this reader cannot do; printed by `discless formats`.
    pub limits: &'static [&'static str],
    /// Looks at a source and says how sure it is.
    pub probe: fn(&Probe<'_>) -> Result<Option<Evidence>>,
    /// Reads the catalogue of entries.
    pub open: fn(SharedSource, &Options) -> Result<Box<dyn Container>>,
}

/// Every format, in no particular order: evidence decides.
pub static FORMATS: &[&Format] = &[
    &appimage::FORMAT,
    &burn::FORMAT,
    &cab::FORMAT,
    &cpio::FORMAT,
    &deb::FORMAT,
    &directory::FORMAT,
    &inno::FORMAT,
    &installshield::FORMAT,
    &iso9660::FORMAT,
    &makeself::FORMAT,
    &msi::FORMAT,
    &nsis::FORMAT,
    &pe::FORMAT,
    &rar::FORMAT,
    &rpm::FORMAT,
    &sevenz::FORMAT,
    &sfx::FORMAT,
    &squashfs::FORMAT,
    &stream::FORMAT,
    &tar::FORMAT,
    &udf::FORMAT,
    &wim::FORMAT,
    &zip::FORMAT,
];

/// How to open.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What the medium may ask of us.
    pub limits: Limits,
    /// Shows this tree and no other; the best one by evidence where it is `None`.
    pub tree: Option<Tree>,
    /// What the source is called and what lies beside it.
    pub surroundings: Surroundings,
    /// What encrypted members are tried with.
    pub passwords: Passwords,
    /// Threads that decode; 0 for as many as there are processors.
    pub threads: usize,
    /// How many readers stand around this one, each of which opens what lies in its own bytes.
    pub inner: u32,
}

impl Options {
    /// The same for another source, which stands there.
    #[must_use]
    pub fn at(&self, surroundings: Surroundings) -> Self {
        Self { surroundings, ..self.clone() }
    }

    /// The same for what lies within the source.
    fn deeper(&self) -> Result<Self> {
        if self.inner >= self.limits.nesting {
            return Err(Error::limit("containers within one another", self.limits.nesting.into()));
        }
        Ok(Self { inner: self.inner + 1, ..self.clone() })
    }

    /// How many threads decode: at least one.
    #[must_use]
    pub fn decoders(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }
}

/// One of the trees that an optical disc may hold side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// UDF.
    Udf,
    /// ISO 9660 with Rock Ridge names and attributes.
    RockRidge,
    /// The Joliet supplementary tree.
    Joliet,
    /// The ISO 9660:1999 enhanced tree.
    Enhanced,
    /// The plain primary tree, capitals and all.
    Iso9660,
}

impl Tree {
    /// Every tree, by the name it has in `--tree` and `layers`.
    pub const ALL: [Self; 5] = [Self::Udf, Self::RockRidge, Self::Joliet, Self::Enhanced, Self::Iso9660];

    /// The word for `--tree`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udf => "udf",
            Self::RockRidge => "rockridge",
            Self::Joliet => "joliet",
            Self::Enhanced => "enhanced",
            Self::Iso9660 => "iso9660",
        }
    }
}

/// How sure a probe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// Something fits; opening will tell.
    Possible,
    /// A signature is where it must be.
    Likely,
    /// A signature, and what it points at is there too.
    Sure,
}

/// Why a source seems to be of a format.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// How sure.
    pub certainty: Certainty,
    /// What was seen, for `-v`.
    pub why: String,
}

/// What probes look at: the first bytes are read once for all of them.
pub struct Probe<'a> {
    /// The whole source, for looks further in.
    pub source: &'a dyn Source,
    /// Its first 64 KiB, or all of it.
    pub head: Vec<u8>,
}

impl<'a> Probe<'a> {
    /// Reads the head.
    ///
    /// # Errors
    /// What the operating system said.
    pub fn new(source: &'a dyn Source) -> Result<Self> {
        Ok(Self { source, head: read_up_to(source, 0, 64 << 10)? })
    }

    /// True where `bytes` stand at `at` in the head.
    #[must_use]
    pub fn has(&self, at: usize, bytes: &[u8]) -> bool {
        self.head.get(at..).is_some_and(|rest| rest.starts_with(bytes))
    }
}

/// The format of that name.
///
/// # Errors
/// `NotFound` with the names there are.
pub fn by_name(name: &str) -> Result<&'static Format> {
    FORMATS.iter().copied().find(|format| format.name == name).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        Error::not_found(format!("format {name}"), Some(names.join(", ")))
    })
}

/// All formats that recognise the source, the surest first.
///
/// # Errors
/// What the operating system said.
pub fn recognise(source: &dyn Source) -> Result<Vec<(&'static Format, Evidence)>> {
    let probe = Probe::new(source)?;
    let mut found = Vec::new();
    for format in FORMATS {
        if let Some(evidence) = (format.probe)(&probe)? {
            found.push((*format, evidence));
        }
    }
    found.sort_by_key(|(_, evidence)| std::cmp::Reverse(evidence.certainty));
    Ok(found)
}

/// A container, and the surer formats that could not be opened before it, with what they said.
pub type Opened = (Box<dyn Container>, Vec<(&'static Format, Error)>);

/// Opens the surest format of `found` that can be opened.
///
/// # Errors
/// `Limit` and `Encrypted` at once; otherwise what the surest format said, or `NotMedium` where nothing was
/// found.
pub fn open_surest(
    source: &SharedSource,
    found: &[(&'static Format, Evidence)],
    options: &Options,
) -> Result<Opened> {
    let mut failed: Vec<(&'static Format, Error)> = Vec::new();
    for (format, _) in found {
        match (format.open)(source.clone(), options) {
            Ok(container) => return Ok((container, failed)),
            Err(error) if matches!(error.kind(), Kind::Limit { .. } | Kind::Encrypted { .. }) => {
                return Err(error);
            }
            Err(error) => failed.push((format, error)),
        }
    }
    let first = failed.into_iter().next().map(|(_, error)| error);
    Err(first.unwrap_or_else(|| Error::new(Kind::NotMedium(NotMedium::Unknown))))
}

/// Opens what lies in a range of something else: the payload of a self-extractor, the cabinets of a bundle. The range
/// may be all of it, or lead back to it: how deep that goes is bounded here.
///
/// # Errors
/// As [`open_surest`]; `Limit` past [`Limits::nesting`].
pub fn open_inner(source: &SharedSource, options: &Options) -> Result<Opened> {
    open_surest(source, &recognise(&**source)?, &options.deeper()?)
}

/// Opens a cabinet that another container names. It is a cabinet or nothing: a container that names itself, a dozen times,
/// would be opened in each of them again.
///
/// # Errors
/// Those of [`open_inner`]; what is no cabinet is not valid.
pub(crate) fn open_cabinet(source: &SharedSource, options: &Options) -> Result<Box<dyn Container>> {
    (cab::FORMAT.open)(source.clone(), &options.deeper()?)
}

/// The table of formats as a page in Markdown: `docs/FORMATS.md`.
#[must_use]
pub fn page() -> String {
    let mut out = String::from(
        "# The formats\n\nMade from the table of formats; `discless formats` prints the same. What a reader cannot do is listed, too.\n",
    );
    for format in FORMATS {
        let mut title = format.title.chars();
        let first = title.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
        out.push_str(&format!("\n## {first}{}\n\nName: `{}`\n", title.as_str(), format.name));
        for (heading, lines) in [("By", format.spec), ("Limits", format.limits)] {
            if !lines.is_empty() {
                out.push_str(&format!("\n{heading}:\n\n"));
                lines.iter().for_each(|line| out.push_str(&format!("- {line}\n")));
            }
        }
    }
    out
}
