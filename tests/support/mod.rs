//! What the tests share: the fixtures and what must be in them, a reader of whole containers, chance
//! with a seed. Images made at test time are in [`image`], install media in [`media`].

#![allow(dead_code, unreachable_pub, reason = "every test uses another part")]

#[path = "../../fuzz/src/shared/chance.rs"]
mod chance;
pub mod image;
pub mod media;
pub mod ran;

pub use chance::Chance;

use discless::container::{Container, Entry, EntryId, EntryKind, Role};
use discless::digest::{Algorithm, Hasher};
use discless::error::{Kind, NotMedium};
use discless::formats::Options;
use discless::sink::{Sink, Want};
use discless::source::SharedSource;
use discless::surroundings::{OnDisk, Surroundings};
use discless::{Error, Result, medium};
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zip::write::SimpleFileOptions;

/// Bytes of one image's members that are read at most: some claim a petabyte.
pub const MOST_READ: u64 = 64 << 20;

/// One folder of `testdata/`.
#[derive(Clone)]
pub struct Fixture {
    /// `iso9660/multi-extent`.
    pub name: String,
    pub input: PathBuf,
    pub expected: Expected,
}

/// What `expected` says; `testdata/README.md` has the rules.
#[derive(Clone, Default)]
pub struct Expected {
    pub members: Vec<Member>,
    pub wrong: Option<Wrong>,
}

/// A line of `expected`, or what stands in its place when a container is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Escaped as in `expected`.
    pub path: String,
    pub kind: char,
    pub bytes: u64,
    /// `-` where there is none.
    pub sha256: String,
    pub target: Option<String>,
    /// Marked with `?`.
    pub optional: bool,
}

/// The line that begins with `!`.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// Kinds of errors, `none` left out.
    pub kinds: Vec<String>,
    /// True where it may be passed over.
    pub or_none: bool,
    /// A number of bytes, or a web page's title.
    pub more: String,
}

impl Fixture {
    /// The unpacked image.
    pub fn bytes(&self) -> Arc<Vec<u8>> {
        let mut bytes = std::fs::read(&self.input).unwrap();
        if self.input.extension().is_some_and(|extension| extension == "gz") {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&*bytes).read_to_end(&mut plain).unwrap();
            bytes = plain;
        }
        Arc::new(bytes)
    }

    pub fn is_hostile(&self) -> bool {
        self.name.contains("/hostile-")
    }

    /// Sound, whole, and read without a complaint.
    pub fn is_good(&self) -> bool {
        self.expected.wrong.is_none() && !self.is_hostile()
    }

    pub fn is_medium(&self) -> bool {
        !self.name.starts_with("not_medium/")
    }
}

/// All fixtures, sorted by name. `DISCLESS_FIXTURE` names a part of those that are wanted.
pub fn fixtures() -> Vec<Fixture> {
    let wanted = std::env::var("DISCLESS_FIXTURE").unwrap_or_default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut out = Vec::new();
    let formats = std::fs::read_dir(&root).unwrap().map(|folder| folder.unwrap());
    let formats = formats.filter(|folder| folder.file_type().unwrap().is_dir());
    let formats = formats.map(|folder| folder.file_name().to_str().unwrap().to_owned());
    const OTHER: [&str; 6] = ["authenticode", "kit", "said", "sample", "signature", "sums"];
    for format in formats.filter(|format| !OTHER.contains(&format.as_str())) {
        for case in std::fs::read_dir(root.join(&format)).unwrap() {
            let folder = case.unwrap().path();
            let name = format!("{format}/{}", folder.file_name().unwrap().to_str().unwrap());
            if !name.contains(&wanted) {
                continue;
            }
            let input = input(&folder).unwrap_or_else(|| panic!("{name} has no input"));
            let expected = std::fs::read_to_string(folder.join("expected")).unwrap();
            out.push(Fixture { input, expected: Expected::parse(&name, &expected), name });
        }
    }
    assert!(!wanted.is_empty() || out.len() > 150, "only {} fixtures were found", out.len());
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

impl Expected {
    fn parse(name: &str, text: &str) -> Self {
        let mut out = Self::default();
        // A line ends with `\n` alone: other breaks are escaped or belong to a name.
        for line in text.split('\n').filter(|line| !line.is_empty()) {
            if let Some(wrong) = line.strip_prefix("! ") {
                let (kinds, more) = wrong.split_once(' ').unwrap_or((wrong, ""));
                let kinds: Vec<String> = kinds.split('|').map(str::to_owned).collect();
                let (none, kinds): (Vec<String>, Vec<String>) =
                    match more.is_empty() || !kinds.contains(&"not_medium".to_owned()) {
                        true => kinds.into_iter().partition(|kind| kind == "none"),
                        false => (Vec::new(), kinds),
                    };
                out.wrong = Some(Wrong { kinds, or_none: !none.is_empty(), more: more.to_owned() });
                continue;
            }
            assert!(out.wrong.is_none(), "{name}: a line follows the one with `!`");
            let (optional, line) = line.strip_prefix("? ").map_or((false, line), |line| (true, line));
            let parts: Vec<&str> = line.splitn(4, ' ').collect();
            let [kind, bytes, sha256, path] = parts.as_slice() else { panic!("{name}: {line}") };
            let (path, target) = match path.split_once(" -> ") {
                Some((path, target)) if *kind == "l" => (path, Some(target.to_owned())),
                _ => (*path, None),
            };
            out.members.push(Member {
                path: path.to_owned(),
                kind: kind.chars().next().unwrap(),
                bytes: bytes.parse().unwrap(),
                sha256: (*sha256).to_owned(),
                target,
                optional,
            });
        }
        out
    }

    /// True where nothing is said of what is listed.
    pub fn is_free(&self) -> bool {
        let said = self.wrong.is_some() || !self.members.is_empty();
        said && self.members.iter().all(|member| member.optional)
    }
}

/// As `expected` writes names.
pub fn escaped(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\0'..='\x1f' | '\x7f' | '\\' => out.push_str(&format!("\\x{:02x}", c as u32)),
                _ => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\x{byte:02x}")));
    }
    out
}

/// The word that `expected` has for an error.
pub fn kind_word(error: &Error) -> &'static str {
    match error.kind() {
        Kind::Truncated { .. } => "truncated",
        Kind::Damaged(_) => "damaged",
        Kind::Invalid(_) => "invalid",
        Kind::NotMedium(_) => "not_medium",
        Kind::Unsupported(_) => "unsupported",
        Kind::Encrypted { .. } => "encrypted",
        Kind::Limit { .. } => "limit",
        Kind::NotFound { .. } => "not_found",
        Kind::Io(_) | Kind::Changed(_) => "io",
        Kind::Usage(_) => "usage",
        Kind::Refused(_) => "refused",
        Kind::Cancelled => "cancelled",
    }
}

/// The word that `expected` has for what is no medium.
pub fn not_medium_word(what: &NotMedium) -> &'static str {
    match what {
        NotMedium::Empty => "empty",
        NotMedium::WebPage { .. } => "web_page",
        NotMedium::Zeros => "zeros",
        NotMedium::Text => "text",
        NotMedium::PartialDownload { .. } => "partial_download",
        NotMedium::Other { .. } => "other",
        NotMedium::Unknown => "unknown",
    }
}

/// Opens what is called `name`; a fixture's name finds what lies beside it, in its folder `beside`.
pub fn open(source: &SharedSource, name: &str) -> Result<Box<dyn Container>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name);
    let surroundings = match input(&folder) {
        Some(input) => Surroundings {
            file_name: input.file_name().unwrap().to_str().unwrap().trim_end_matches(".gz").to_owned(),
            beside: Some(Arc::new(OnDisk::of(&folder.join("beside/input")))),
        },
        None => Surroundings::default(),
    };
    medium::open(source, name, &Options { surroundings, ..Options::default() })
}

/// The input of the fixture in `folder`.
fn input(folder: &Path) -> Option<PathBuf> {
    let mut files = std::fs::read_dir(folder).ok()?.map(|file| file.unwrap().path());
    files.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("input."))
}

pub fn ids(container: &dyn Container) -> Vec<EntryId> {
    (0..container.entries().len()).map(EntryId).collect()
}

/// What came of reading one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// All of it: its length and SHA-256.
    Whole(u64, String),
    /// The word for the error that ended it.
    Failed(&'static str),
    /// More than [`MOST_READ`].
    TooMuch,
    /// No file.
    None,
}

/// Reads an entry through `open`, and no more than `most` bytes of it.
pub fn read(container: &dyn Container, id: EntryId, most: u64) -> Content {
    let entry = &container.entries()[id.0];
    if entry.kind != EntryKind::File {
        return Content::None;
    }
    let mut content = match container.open(id) {
        Ok(content) => content,
        Err(error) => return Content::Failed(kind_word(&error)),
    };
    let mut hasher = Hasher::new(&[Algorithm::Sha256]);
    let mut buf = vec![0; 40_000];
    let mut done = 0u64;
    loop {
        match content.read(&mut buf) {
            // `open` gives what is there; that it is too little is for the one who reads to see.
            Ok(0) if done < entry.bytes => return Content::Failed("truncated"),
            Ok(0) => return Content::Whole(done, hasher.finish()[0].hex()),
            Ok(n) => {
                done += n as u64;
                hasher.update(&buf[..n]);
            }
            Err(error) => return Content::Failed(kind_word(&Error::from(error))),
        }
        if done > most {
            return Content::TooMuch;
        }
    }
}

/// A sink that digests every entry, in the order they come; it passes over what claims too much.
#[derive(Default)]
pub struct Digesting {
    pub done: Vec<(EntryId, Content)>,
    now: Option<(EntryId, Hasher, u64)>,
    read: u64,
}

impl Sink for Digesting {
    fn begin(&mut self, id: EntryId, entry: &Entry) -> Result<Want> {
        assert!(self.now.is_none(), "an entry began before the last one ended");
        if entry.kind != EntryKind::File || self.read.saturating_add(entry.bytes) > MOST_READ {
            let content = if entry.kind == EntryKind::File { Content::TooMuch } else { Content::None };
            self.done.push((id, content));
            return Ok(Want::Skip);
        }
        self.now = Some((id, Hasher::new(&[Algorithm::Sha256]), 0));
        Ok(Want::Bytes)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        let now = self.now.as_mut().expect("a chunk comes after `begin`");
        now.1.update(bytes);
        now.2 += bytes.len() as u64;
        self.read += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self, _: &Entry, outcome: Result<()>) -> Result<()> {
        let (id, hasher, bytes) = self.now.take().expect("`end` comes once");
        self.done.push((
            id,
            match outcome {
                Ok(()) => Content::Whole(bytes, hasher.finish()[0].hex()),
                Err(error) => Content::Failed(kind_word(&error)),
            },
        ));
        Ok(())
    }
}

/// Reads `wanted` through `read_in_order`; sorted by entry.
pub fn read_in_order(container: &dyn Container, wanted: &[EntryId]) -> Vec<(EntryId, Content)> {
    let mut sink = Digesting::default();
    container.read_in_order(wanted, &mut sink).expect("the sink does not fail");
    sink.done.sort_by_key(|(id, _)| *id);
    sink.done
}

/// An entry as a line of `expected` has it.
pub fn member(entry: &Entry, content: &Content) -> Member {
    let kind = match entry.kind {
        EntryKind::File => 'f',
        EntryKind::Dir => 'd',
        EntryKind::Symlink => 'l',
        EntryKind::Other => 'o',
    };
    Member {
        path: escaped(entry.path.bytes()),
        kind,
        bytes: if kind == 'f' { entry.bytes } else { 0 },
        sha256: match content {
            Content::Whole(_, sha256) => sha256.clone(),
            _ => "-".to_owned(),
        },
        target: (kind == 'l').then(|| escaped(entry.target.as_deref().unwrap_or_default().as_bytes())),
        optional: false,
    }
}

/// All members but boot images, sorted by path.
pub fn members(container: &dyn Container) -> Vec<Member> {
    let read = read_in_order(container, &ids(container));
    let pairs = container.entries().iter().zip(&read).filter(|(entry, _)| entry.role != Role::Boot);
    let mut out: Vec<Member> = pairs.map(|(entry, (_, content))| member(entry, content)).collect();
    out.sort();
    out
}

pub fn sha256(bytes: &[u8]) -> String {
    let mut hasher = Hasher::new(&[Algorithm::Sha256]);
    hasher.update(bytes);
    hasher.finish()[0].hex()
}

/// A ZIP of these members; those that compress are deflated.
pub fn zip(members: &[(impl AsRef<str>, Vec<u8>)]) -> Vec<u8> {
    let mut out = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        out.start_file(name.as_ref(), SimpleFileOptions::default()).unwrap();
        out.write_all(bytes).unwrap();
    }
    out.finish().unwrap().into_inner()
}
