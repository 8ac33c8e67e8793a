//! What a package says of itself: product, version, languages; and the layers down to what it carries.

use super::language::tag;
use crate::container::{Container, EntryId, EntryKind, Location};
use crate::formats::{self, Options};
use crate::inside::{self, Budget};
use crate::report::{self, Weighed};
use std::sync::Arc;

/// Packages in packages are looked for to this depth.
const DEPTH: u32 = 3;
/// Containers with more members are what is installed, not what carries it.
const FEW: usize = 256;
/// Bytes that may be unpacked to look into packed members.
const UNPACKED: u64 = 64 << 20;

/// The named facts of one container.
#[derive(Debug, Clone)]
pub(super) struct Package {
    /// Nested path below the medium; empty for the medium itself.
    pub(super) path: String,
    /// Its format's name.
    pub(super) format: &'static str,
    named: Vec<(&'static str, String)>,
}

impl Package {
    fn of(path: &str, container: &dyn Container) -> Self {
        Self { path: path.to_owned(), format: container.format(), named: container.facts().named.clone() }
    }

    /// What was read of a package without opening it.
    pub(super) fn said(path: &str, format: &'static str, named: Vec<(&'static str, String)>) -> Self {
        Self { path: path.to_owned(), format, named }
    }

    /// What the package says under that name.
    pub(super) fn fact(&self, name: &str) -> Option<&str> {
        let found = self.named.iter().find(|(known, value)| *known == name && !value.trim().is_empty());
        found.map(|(_, value)| value.trim())
    }

    fn place(&self) -> String {
        if !self.path.is_empty() {
            return self.path.clone();
        }
        let title = formats::by_name(self.format).map_or(self.format, |format| format.title);
        format!("the {title} itself")
    }

    /// How much its word weighs: an installer package says what it installs; a program's version resource
    /// may be that of the stub.
    fn rank(&self) -> u32 {
        match self.format {
            "burn" | "inno" | "wim" => 0,
            "msi" => 1,
            "nsis" | "installshield" | "zip" | "deb" | "rpm" | "appimage" => 2,
            _ => 3,
        }
    }
}

/// The medium and the packages in it, and a layer for each that is nested.
pub(super) fn packages(
    container: &Arc<dyn Container>,
    options: &Options,
) -> (Vec<Package>, Vec<report::Layer>) {
    let mut packages = vec![Package::of("", &**container)];
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
    packages: &mut Vec<Package>,
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
        packages.push(Package::of(&name, &**inner));
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

/// Product, build and languages, as the package says that weighs most.
pub(super) fn identity(packages: &[Package]) -> (Option<Weighed>, Option<Weighed>, Vec<String>) {
    let weighed = |name: &str, vendor: bool| {
        let mut said: Vec<&Package> =
            packages.iter().filter(|package| package.fact(name).is_some()).collect();
        said.sort_by_key(|package| package.rank());
        let first = *said.first()?;
        let value = first.fact(name)?.to_owned();
        let agree: Vec<&&Package> = said.iter().filter(|other| other.fact(name) == Some(&value)).collect();
        Some(Weighed {
            vendor: if vendor { first.fact("manufacturer").map(str::to_owned) } else { None },
            state: if agree.len() > 1 { "confirmed" } else { "single" }.to_owned(),
            because: agree.iter().map(|package| format!("{} says so", package.place())).collect(),
            also: said
                .iter()
                .filter(|other| other.fact(name) != Some(&value))
                .map(|other| report::Also {
                    value: other.fact(name).unwrap_or_default().to_owned(),
                    place: other.place(),
                    why: "another package of the same medium".to_owned(),
                })
                .collect(),
            value,
        })
    };
    let languages = packages.iter().find_map(|package| package.fact("languages")).unwrap_or_default();
    let languages = languages.split(',').filter_map(|said| tag(said.trim()));
    let mut tags: Vec<String> = Vec::new();
    for tag in languages {
        if !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    (weighed("product", true), weighed("version", false), tags)
}
