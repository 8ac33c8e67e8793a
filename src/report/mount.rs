//! What `discless mount --json` prints once the directory can be read.

use super::Source;
use serde::{Deserialize, Serialize};

contract! {
    /// Media that are mounted.
    Mount {
        /// `discless.mount/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// Where, as a whole path.
        directory: String,
        /// What is mounted, in the order it was named.
        sources: Vec<Source>,
        /// Files in it, without those in containers that nobody has looked into.
        files: u64,
        /// Their bytes.
        bytes: u64,
    }
}
