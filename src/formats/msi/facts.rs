//! What a package says of itself, for `inspect`.

use super::compound::{Compound, Kind};
use super::files::pairs;
use super::names;
use super::summary::{MsiKind, MsiSummary};
use super::tables::Database;
use crate::container::{Facts, Findings};
use crate::error::Result;
use std::collections::HashMap;

/// Names of transforms that are kept.
const TRANSFORMS: usize = 64;

impl MsiKind {
    /// In words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Package => "installer package",
            Self::Module => "merge module",
            Self::Patch => "patch",
            Self::Transform => "transform",
        }
    }
}

/// One line: which Windows Installer, what kind, how much is in it.
pub(super) fn detail(summary: &MsiSummary, database: Option<&Database<'_>>, cabinets: usize) -> String {
    let version = match summary.installer {
        Some(version) if summary.kind != MsiKind::Patch && (100..10_000).contains(&version) => {
            format!(" {}.{}", version / 100, version % 100)
        }
        _ => String::new(),
    };
    let tables = database.map_or(0, Database::tables);
    let cabinets = match cabinets {
        0 => String::new(),
        1 => ", 1 cabinet".to_owned(),
        n => format!(", {n} cabinets"),
    };
    format!("Windows Installer{version} {}, {tables} tables{cabinets}", summary.kind.title())
}

/// Product, version, codes, platform and languages.
///
/// # Errors
/// What reading the tables said.
pub(super) fn facts(
    file: &Compound,
    summary: &MsiSummary,
    database: Option<&Database<'_>>,
    findings: &mut Findings,
) -> Result<Facts> {
    let mut named: Vec<(&'static str, String)> = Vec::new();
    let mut add = |name: &'static str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            named.push((name, value));
        }
    };
    let mut properties = HashMap::new();
    let mut metadata = HashMap::new();
    let mut module = HashMap::new();
    if let Some(database) = database {
        properties = pairs(database, "Property", ["Property", "Value"], findings)?;
        metadata = pairs(database, "MsiPatchMetadata", ["Property", "Value"], findings)?;
        module = pairs(database, "ModuleSignature", ["ModuleID", "Version"], findings)?;
    }
    let property = |name: &str| properties.get(name).cloned();
    let patch = |name: &str| metadata.get(name).cloned();
    add("kind", Some(summary.kind.title().to_owned()));
    let product = property("ProductName").or_else(|| patch("DisplayName"));
    add("product", product.clone().or_else(|| summary.subject.clone()));
    let module = (summary.kind == MsiKind::Module).then(|| module.into_values().next()).flatten();
    add("version", property("ProductVersion").or(module));
    let manufacturer = property("Manufacturer").or_else(|| patch("ManufacturerName"));
    add("manufacturer", manufacturer.or_else(|| summary.author.clone()));
    add("product_code", property("ProductCode"));
    add("upgrade_code", property("UpgradeCode"));
    add("package_code", summary.package_code.clone());
    add("platform", summary.platform.filter(|_| summary.template.is_some()).map(str::to_owned));
    let mut languages: Vec<String> = summary.languages.iter().map(u16::to_string).collect();
    if let Some(language) = property("ProductLanguage").filter(|language| !languages.contains(language)) {
        languages.push(language);
    }
    add("languages", Some(languages.join(",")));
    add("subject", summary.subject.clone());
    add("title", summary.title.clone());
    add("comment", summary.comments.clone().or_else(|| patch("Description")));
    add("created", summary.created.map(|time| time.rfc3339()));
    add("target_products", Some(summary.targets.join(",")));
    add("target_product_name", patch("TargetProductName"));
    add("classification", patch("Classification"));
    let nodes = file.nodes().iter();
    let storages = nodes.filter(|node| node.kind == Kind::Storage && node.parent.is_none());
    let storages: Vec<String> = storages.take(TRANSFORMS).map(|node| names::unpacked(&node.name).0).collect();
    add("transforms", Some(storages.join(",")));
    if let Some(words) = summary.word_count.filter(|_| summary.kind == MsiKind::Package) {
        let flags = [
            (1, "short names", "long names"),
            (2, "compressed", "uncompressed"),
            (4, "administrative image", ""),
            (8, "no elevation", ""),
        ];
        let flags = flags.iter().map(|(bit, yes, no)| if words & bit != 0 { *yes } else { *no });
        let flags: Vec<&str> = flags.filter(|word| !word.is_empty()).collect();
        add("source_files", Some(flags.join(", ")));
    }
    if let Some(database) = database.filter(|database| database.strings.len() > 0) {
        add("code_page", Some(database.strings.code_page.to_string()));
    }
    if file.has("\u{5}DigitalSignature") {
        add("signed", Some("yes".to_owned()));
    }
    Ok(Facts { label: product.or_else(|| summary.subject.clone()), named, ..Facts::default() })
}
