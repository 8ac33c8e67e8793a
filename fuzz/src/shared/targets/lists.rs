//! Texts that people or programs wrote: lists of digests, manifests of shares, tables, names.

use discless::facts::{self, Facts, Version};
use discless::share::{Index, Manifest, Product, Template};
use discless::verify::sums::Sums;
use std::path::{Component, Path};

/// Everything that facts are asked about: a version, a file name, a label, a question, a table.
pub(super) fn facts(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let known = Facts::compiled();
    if let Some(reading) = facts::read_version(text) {
        let version = &reading.version;
        assert_eq!(Version::parse(&version.to_string()).as_ref(), Some(version));
        for family in [None, Some("windows"), Some("exchange"), Some("esxi")] {
            let _ = known.find(family, version);
        }
        for family in facts::FAMILIES {
            let (before, behind) = known.between(family, version);
            if let (Some(before), Some(behind)) = (before, behind) {
                assert!(before.version < behind.version);
            }
        }
    }
    let _ = facts::read_file_name(text);
    let _ = facts::read_label(text);
    if text.len() < 200 {
        match known.understand(text) {
            Ok(question) => drop(known.answers(&question)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    let _ = facts::parse_builds("windows", text);
    let _ = facts::parse_advice(text);
    let _ = facts::parse_lifecycle(text);
    let _ = facts::parse_media(text);
}

/// A list of digests under the names that such lists have, asked about files.
pub(super) fn sums(data: &[u8]) {
    let here = Path::new("/nowhere");
    for name in [
        "SHA256SUMS",
        "medium.iso.md5",
        "CHECKSUM",
        "medium.sfv",
        "manifest-sha256.txt",
        "medium.meta4",
        ".treeinfo",
        "products.xml",
        "",
    ] {
        let sums = match Sums::parse(data, name) {
            Ok(sums) => sums,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                continue;
            }
        };
        for line in &sums.lines {
            assert_eq!(line.value.bytes.len(), line.value.algorithm.len());
            if let Some(path) = line.path_beside(here) {
                assert!(
                    path.starts_with(here) && !path.components().any(|part| part == Component::ParentDir)
                );
            }
        }
        for bad in &sums.bad {
            assert!(!bad.why.to_string().is_empty());
        }
        for file in ["medium.iso", "/nowhere/medium.iso", "/elsewhere/x/medium.iso"] {
            let _ = sums.for_file(Path::new(file), here);
            let _ = sums.trouble_for(Path::new(file), here);
        }
        let _ = sums.remarks();
        let _ = sums.named_by_list(name);
    }
}

fn stays(path: &str) {
    let path = Path::new(path);
    assert!(
        path.components().next().is_some()
            && path.components().all(|part| matches!(part, Component::Normal(_)))
    );
    assert!(!path.starts_with(".discless"));
}

/// A manifest and the index of a share: what either names stays below its folder.
pub(super) fn share(data: &[u8]) {
    if let Ok(mut manifest) = Manifest::parse(data) {
        stays(&manifest.folder);
        manifest.files.iter().for_each(|file| stays(&file.path));
        manifest.links.iter().for_each(|link| stays(&link.path));
        let _ = (manifest.sums(), manifest.bytes());
        let bytes = manifest.to_bytes().unwrap();
        assert_eq!(Manifest::parse(&bytes).unwrap().to_bytes().unwrap(), bytes);
    }
    if let Ok(mut index) = Index::parse(data) {
        index.products.iter().for_each(|product| stays(&product.folder));
        assert!(Index::parse(&index.to_bytes().unwrap()).is_ok());
    }
    let (template, product) = data.split_at(data.len() / 2);
    if let (Ok(template), Ok(name)) = (std::str::from_utf8(template), std::str::from_utf8(product))
        && let Ok(template) = Template::parse(template)
    {
        let product = Product { name: name.to_owned(), release: name.to_owned(), ..Default::default() };
        stays(&template.folder(&product, name));
    }
}
