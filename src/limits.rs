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
