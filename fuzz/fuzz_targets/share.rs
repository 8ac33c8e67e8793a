//! Reads the input as a manifest and as the index of a share: what either names stays below its folder.
#![no_main]

use discless::share::{Index, Manifest, Template};
use discless_fuzz as _;
use libfuzzer_sys::fuzz_target;
use std::path::{Component, Path};

fn stays(path: &str) {
    let path = Path::new(path);
    assert!(path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_))));
    assert!(!path.starts_with(".discless"));
}

fuzz_target!(|data: &[u8]| {
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
    if let (Ok(template), Ok(name)) = (std::str::from_utf8(template), std::str::from_utf8(product)) {
        if let Ok(template) = Template::parse(template) {
            let product = discless::share::Product { name: name.to_owned(), release: name.to_owned(), ..Default::default() };
            stays(&template.folder(&product, name));
        }
    }
});
