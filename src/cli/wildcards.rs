//! `*.iso` on Windows, whose shells hand it on as it is. Elsewhere the shell has put names in its place.

use globset::GlobBuilder;
use std::path::Path;

/// Puts the files that are meant in the place of each source with a wildcard in its last part, sorted; one that means
/// none stays, and is not found later. No name on Windows has such a character in it.
pub(super) fn spread(sources: &mut Vec<String>) {
    if cfg!(windows) {
        *sources = sources.drain(..).flat_map(meant).collect();
    }
}

fn meant(spec: String) -> Vec<String> {
    let cut = spec.rfind(['/', '\\']).map_or(0, |at| at + 1);
    let (above, last) = spec.split_at(cut);
    if !last.contains(['*', '?'])
        || above.contains(['*', '?'])
        || last.contains("::")
        || above.ends_with("!/")
    {
        return vec![spec];
    }
    let glob = GlobBuilder::new(last).case_insensitive(true).backslash_escape(false).build();
    let listing = std::fs::read_dir(if above.is_empty() { Path::new(".") } else { Path::new(above) });
    let (Ok(glob), Ok(listing)) = (glob, listing) else { return vec![spec] };
    let glob = glob.compile_matcher();
    let names = listing.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut found: Vec<String> =
        names.filter(|name| glob.is_match(name)).map(|name| format!("{above}{name}")).collect();
    found.sort();
    if found.is_empty() { vec![spec] } else { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_means_the_files_that_have_such_names_and_nothing_else_is_touched() {
        let temp = tempfile::tempdir().unwrap();
        for name in ["b.iso", "A.ISO", "c.txt"] {
            std::fs::write(temp.path().join(name), "").unwrap();
        }
        let below = format!("{}/", temp.path().display());
        let found = meant(format!("{below}*.iso"));
        assert_eq!(found, [format!("{below}A.ISO"), format!("{below}b.iso")]);
        for alone in ["-", "x.iso", "x.iso!/*.exe", "x.iso::*.exe", "*.nothing", "no such place/*"] {
            let spec = if alone.starts_with('*') { format!("{below}{alone}") } else { alone.to_owned() };
            assert_eq!(meant(spec.clone()), [spec]);
        }
    }
}
