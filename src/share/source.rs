//! Which staging folder is a source's: the same for the same source, asked for in the same way, until it changes.

use super::manifest::sha256;
use super::tree::Stat;
use crate::source::{Source, read_up_to};
use std::path::Path;

/// Bytes of the beginning of a source that is no file.
const HEAD: usize = 64 << 10;

/// The name of the staging folder. A file that changed since is another source: what was extracted of a download that
/// was still running is not taken for what it became.
pub(super) fn staging_name(name: &str, source: Option<&dyn Source>, how: &str) -> String {
    let path = Path::new(name);
    let mut text = format!("{name}\n{how}\n");
    if let (true, Ok(meta), Ok(path)) = (path.is_file(), std::fs::metadata(path), path.canonicalize()) {
        let stat = Stat::of(&meta);
        let Stat { bytes, modified, device, inode, changed } = stat;
        text =
            format!("{}\n{how}\n{bytes} {} {device} {inode} {changed}\n", path.display(), modified.rfc3339());
    } else if let Some(source) = source {
        let head = read_up_to(source, 0, HEAD).unwrap_or_default();
        text.push_str(&format!("{} {}\n", source.len(), sha256(&head)));
    }
    sha256(text.as_bytes()).get(..16).unwrap_or_default().to_owned()
}
