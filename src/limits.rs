//! What a medium may ask of us, in one place. Every reader takes its bounds from here.

/// Bounds on what is believed of a medium that strangers made.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Containers within containers.
    pub nesting: u32,
    /// Entries in one container.
    pub entries: u64,
    /// Directories within directories.
    pub directory_depth: u32,
    /// Bytes of one directory's own data.
    pub directory_bytes: u64,
    /// Bytes of one entry's whole path.
    pub path_bytes: usize,
    /// Bytes of all paths of one container together: in deep directories each is as long as the way there.
    pub all_path_bytes: u64,
    /// Allocation descriptors of one file.
    pub extents_per_file: u64,
    /// Extents of all files of one container together: many names may lead to the same long list.
    pub all_extents: u64,
    /// Bytes kept in memory before a spool moves to a temporary file.
    pub spool_memory: u64,
    /// Bytes one spool may grow to.
    pub spool_bytes: u64,
    /// Bytes that one decoder may take for its window or model.
    pub decoder_memory: u64,
    /// Rounds of hashing that one archive may ask for until its keys are derived from passwords.
    pub key_rounds: u64,
    /// How many times its own size a medium may unpack to; see [`Limits::unpacked`].
    pub unpacked_ratio: u64,
    /// The ratio does not matter below so many bytes.
    pub unpacked_floor: u64,
    /// How many bytes a medium may unpack to whatever its size, in place of the ratio.
    pub unpacked_bytes: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            nesting: 8,
            entries: 10_000_000,
            directory_depth: 256,
            directory_bytes: 1 << 30,
            path_bytes: 64 << 10,
            all_path_bytes: 512 << 20,
            extents_per_file: 1 << 20,
            all_extents: 4 << 20,
            spool_memory: 64 << 20,
            spool_bytes: 1 << 40,
            decoder_memory: 1 << 30,
            key_rounds: 1 << 28,
            unpacked_ratio: 100,
            unpacked_floor: 4 << 30,
            unpacked_bytes: None,
        }
    }
}

impl Limits {
    /// How many bytes a medium of `source_bytes` may unpack to.
    #[must_use]
    pub fn unpacked(&self, source_bytes: u64) -> u64 {
        let by_ratio = || source_bytes.saturating_mul(self.unpacked_ratio).max(self.unpacked_floor);
        self.unpacked_bytes.unwrap_or_else(by_ratio)
    }
}

/// What is counted where a medium unpacks to more than it may.
pub const UNPACKED: &str = "bytes unpacked from a medium of this size";

/// A field of [`Limits`] as people meet it.
#[derive(Debug, Clone, Copy)]
pub struct Bound {
    /// The field.
    pub field: &'static str,
    /// The flag that sets it, without its value.
    pub flag: Option<&'static str>,
    /// What an error says is counted when it is reached: a part of [`Kind::Limit`](crate::error::Kind::Limit)'s words.
    pub counts: &'static [&'static str],
}

const fn bound(field: &'static str, flag: Option<&'static str>, counts: &'static [&'static str]) -> Bound {
    Bound { field, flag, counts }
}

/// Every field; docs/LIMITS.md has a line for each, and says why some have no flag.
pub const BOUNDS: &[Bound] = &[
    bound("nesting", Some("--max-nesting"), &["containers within one another", "nested containers"]),
    bound(
        "entries",
        Some("--max-entries"),
        &[
            "entries",
            "entries in one container",
            "entries in nested containers",
            "file groups",
            "sources in a directory",
        ],
    ),
    bound(
        "directory_depth",
        Some("--max-depth"),
        &["directories in directories", "directories within directories"],
    ),
    bound(
        "directory_bytes",
        None,
        &[
            "bytes of a directory",
            "bytes in one directory",
            "bytes of metadata",
            "bytes of a compound file's directory",
        ],
    ),
    bound(
        "path_bytes",
        None,
        &["bytes in a path", "bytes in one path", "bytes of a path", "bytes of a link's target"],
    ),
    bound(
        "all_path_bytes",
        None,
        &["bytes of paths", "bytes of paths in one container", "bytes in all paths", "bytes of all paths"],
    ),
    bound("extents_per_file", None, &["extents of one file", "extents in one file", "blocks of one file"]),
    bound("all_extents", None, &["extents of all files", "extents in one container"]),
    bound("spool_memory", None, &[]),
    bound("spool_bytes", Some("--max-temporary"), &["spooled bytes"]),
    bound(
        "decoder_memory",
        Some("--max-memory"),
        &["bytes of a decoder's window", "bytes of a decoder's model"],
    ),
    bound("key_rounds", None, &["rounds of hashing for keys"]),
    bound(
        "unpacked_ratio",
        Some("--max-unpacked"),
        &[UNPACKED, "bytes unpacked from a stream of this size", "unpacked bytes", "bytes of all folders"],
    ),
    bound("unpacked_floor", Some("--max-unpacked"), &[]),
    bound("unpacked_bytes", Some("--max-unpacked"), &[]),
];

/// The flag that allows more of what an error says there is too much of.
#[must_use]
pub fn flag(what: &str) -> Option<&'static str> {
    BOUNDS.iter().find(|bound| bound.counts.contains(&what))?.flag
}
