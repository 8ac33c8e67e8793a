//! The packages in a package, down to what they carry, and a layer for each.

use crate::container::{Container, EntryId, EntryKind, Location};
use crate::formats::Options;
use crate::inside::{self, Budget};
use crate::report;
use std::sync::Arc;

/// Packages in packages are looked for to this depth.
const DEPTH: u32 = 3;
/// Containers with more members are what is installed, not what carries it.
const FEW: usize = 256;
/// Bytes that may be unpacked to look into packed members.
const UNPACKED: u64 = 64 << 20;

/// A container that is looked at, and its nested path below the medium: empty for the medium itself.
pub(super) type Found = (String, Arc<dyn Container>);

/// The medium and the packages in it, and a layer for each that is nested.
pub(super) fn packages(
    container: &Arc<dyn Container>,
    options: &Options,
) -> (Vec<Found>, Vec<report::Layer>) {
    let mut packages = vec![(String::new(), container.clone())];
    let mut layers = Vec::new();
    let mut options = options.clone();
    options.limits.nesting = DEPTH;
    options.limits.unpacked_bytes = Some(UNPACKED);
    let mut budget = Budget::new(&options, container.source().len());
    // Where the budget ends, what was found until then stands.
    let _ = look_inside(container, "", &options, &mut budget, &mut packages, &mut layers);
    (packages, layers)
}

fn look_inside(
    outer: &Arc<dyn Container>,
    path: &str,
    options: &Options,
    budget: &mut Budget,
    packages: &mut Vec<Found>,
    layers: &mut Vec<report::Layer>,
) -> crate::Result<()> {
    if matches!(outer.format(), "iso9660" | "udf" | "directory" | "pe") || outer.entries().len() > FEW {
        return Ok(());
    }
    let files = outer.entries().iter().enumerate().filter(|(_, entry)| {
        let packed = !matches!(entry.location, Location::Stored(_));
        entry.kind == EntryKind::File && may_carry(entry.path.text()) && (!packed || entry.bytes <= UNPACKED)
    });
    let wanted: Vec<EntryId> = files.map(|(number, _)| EntryId(number)).collect();
    inside::containers(outer, path, &wanted, options, budget, &mut |nested, budget| {
        let inner = &nested.container;
        let name = nested.path.trim_start_matches("!/").to_owned();
        packages.push((name.clone(), inner.clone()));
        layers.extend(inner.layers().iter().map(|layer| report::Layer {
            path: if layer.path.is_empty() { name.clone() } else { format!("{name}!/{}", layer.path) },
            ..report::Layer::from(layer)
        }));
        match budget.deeper() {
            Some(mut budget) => look_inside(inner, &nested.path, options, &mut budget, packages, layers),
            None => Ok(()),
        }
    })
}

/// Names of what carries other files.
fn may_carry(path: &str) -> bool {
    const ENDINGS: [&str; 14] = [
        ".msi", ".msp", ".msm", ".cab", ".exe", ".zip", ".7z", ".msix", ".appx", ".wim", ".msu", ".tar",
        ".iso", ".hdr",
    ];
    let lower = path.to_ascii_lowercase();
    ENDINGS.iter().any(|ending| lower.ends_with(ending))
}
