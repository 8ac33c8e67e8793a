//! A share's digests as other tools read them.

use super::index::Listed;
use super::manifest::{File, Manifest, sum_line, to_json};
use super::survey::Item;
use super::{Share, directory};
use crate::error::{Error, Kind, Refusal, Result};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// A layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `sha256sum -c` in the share's folder.
    Sha256Sums,
    /// `hashdeep -r -l -a -k LIST .` in the share's folder.
    Hashdeep,
    /// `PULP_MANIFEST`, by which Pulp and Katello take files over: `name,sha256,bytes`.
    PulpManifest,
    /// All manifests in one JSON document.
    Json,
}

/// A product as exported: where it is, and its manifest.
fn manifests(items: &[&Item]) -> Result<Vec<(String, Manifest)>> {
    items.iter().map(|item| Ok((item.folder.clone(), item.manifest()?))).collect()
}

/// A file's path from the share's folder on.
fn path(folder: &str, file: &File) -> String {
    format!("{folder}/{}", file.path)
}

/// The digests of these products.
///
/// # Errors
/// Where a manifest cannot be read; `Unsupported` where a layout cannot have a name.
pub fn export(items: &[&Item], format: Format) -> Result<Vec<u8>> {
    let all = manifests(items)?;
    let files =
        || all.iter().flat_map(|(folder, manifest)| manifest.files.iter().map(move |file| (folder, file)));
    let mut out = String::new();
    match format {
        Format::Sha256Sums => {
            out.extend(files().map(|(folder, file)| sum_line(&file.sha256, &path(folder, file))));
        }
        Format::Hashdeep => {
            out.push_str("%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n## made by discless from the manifests of a share\n##\n");
            for (folder, file) in files() {
                let _ = writeln!(out, "{},{},./{}", file.bytes, file.sha256, path(folder, file));
            }
        }
        Format::PulpManifest => {
            for (folder, file) in files() {
                let path = path(folder, file);
                // The layout has no quotes: who reads it cuts at the commas.
                if path.contains(',') {
                    return Err(
                        Error::unsupported("comma in a name, which PULP_MANIFEST cannot have").of(&path)
                    );
                }
                let _ = writeln!(out, "{path},{},{}", file.sha256, file.bytes);
            }
        }
        Format::Json => return to_json(&all.iter().map(|(_, manifest)| manifest).collect::<Vec<_>>()),
    }
    Ok(out.into_bytes())
}

/// Writes `NAME.sha256` for every file, below `to`, which must not be in the share and must be new or empty; how many.
///
/// # Errors
/// `Refused` where something stands there; what the operating system said.
pub fn sidecars(share: &Share, items: &[&Item], to: &Path) -> Result<u64> {
    let shown = to.to_string_lossy();
    let wrong = |error: std::io::Error| Error::from(error).of(&shown);
    if std::fs::read_dir(to).is_ok_and(|mut listing| listing.next().is_some()) {
        return Err(Error::new(Kind::Refused(Refusal::NotEmpty(to.to_owned()))));
    }
    std::fs::create_dir_all(to).map_err(wrong)?;
    let (inside, root) = (to.canonicalize().map_err(wrong)?, share.root().canonicalize().map_err(wrong)?);
    if inside.starts_with(&root) {
        return Err(Error::usage(format!(
            "{shown} is in the share: sidecars there would be files that nobody added"
        )));
    }
    // Nothing is written through a link that came in between.
    let dir = Dir::open_ambient_dir(&inside, ambient_authority()).map_err(wrong)?;
    let mut number = 0;
    for (folder, manifest) in manifests(items)? {
        for file in &manifest.files {
            let at = format!("{}.sha256", path(&folder, file));
            let name = file.path.rsplit('/').next().unwrap_or(&file.path);
            let (above, own) = at.rsplit_once('/').unwrap_or(("", &at));
            let write = || {
                let mut options = OpenOptions::new();
                options.write(true).create_new(true);
                let mut out = directory::make_all(&dir, above)?.open_with(own, &options)?;
                Ok(out.write_all(sum_line(&file.sha256, name).as_bytes())?)
            };
            write().map_err(|error: Error| error.of(&inside.join(&at).to_string_lossy()))?;
            number += 1;
        }
    }
    Ok(number)
}

/// What a product needs on a disk, for a stanza's comment.
pub(super) fn summary(items: &[&Item]) -> (u64, u64) {
    let listed = items.iter().filter_map(|item| item.listed.as_ref());
    listed.fold((0, 0), |(files, bytes), one: &Listed| (files + one.files, bytes + one.bytes))
}
