//! Real and made media against what is known of them: `../shared/corpus` beside the project, or the folder that
//! `DISCLESS_CORPUS` names, for the expectations; `target/corpus`, or the folder that `DISCLESS_CORPUS_MEDIA` names, for
//! the media. Where any of it is missing the tests pass, and say loudly what they skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::Container;
use discless::formats::Options;
use discless::inspect::{Asked, Knowledge, inspect};
use discless::medium;
use discless::report::Inspect;
use discless::source::{FileSource, SharedSource};
use discless::surroundings::{OnDisk, Surroundings};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Says so past the test runner, which keeps what a test prints while it passes.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}; nothing was read");
}

fn folder(variable: &str, other: &Path) -> Option<PathBuf> {
    let found = std::env::var_os(variable).map_or_else(|| other.to_owned(), PathBuf::from);
    if !found.exists() {
        skipped(&format!("{} is not there", found.display()));
        return None;
    }
    Some(found)
}

fn media() -> Option<PathBuf> {
    folder("DISCLESS_CORPUS_MEDIA", &Path::new(env!("CARGO_MANIFEST_DIR")).join("target/corpus"))
}

/// The lines of an expectation.
fn expected(name: &str) -> Vec<Value> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some(folder) = folder("DISCLESS_CORPUS", &here.parent().unwrap().join("shared/corpus")) else {
        return Vec::new();
    };
    let text = std::fs::read_to_string(folder.join("expect").join(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What is said of a file; `None` where it is not there or cannot be opened.
fn report(media: &Path, file: &str) -> Option<Inspect> {
    let path = media.join(file);
    if !path.exists() {
        skipped(&format!("{} is not there", path.display()));
        return None;
    }
    let source: SharedSource = Arc::new(FileSource::open(&path).unwrap());
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let surroundings = Surroundings { file_name: name.clone(), beside: Some(Arc::new(OnDisk::of(&path))) };
    let options = Options { surroundings, ..Options::default() };
    let container: Arc<dyn Container> = medium::open(&source, file, &options).ok()?.into();
    let knowledge = Knowledge::compiled().unwrap();
    Some(inspect(&container, &Asked::about(&name, &knowledge), &options))
}

fn value(weighed: Option<&discless::report::Weighed>) -> &str {
    weighed.map_or("", |weighed| &weighed.value)
}

#[test]
fn installer_packages_have_product_version_and_platform() {
    let Some(media) = media() else { return };
    let mut read = 0;
    for line in expected("msi-facts.jsonl") {
        let file = line["file"].as_str().unwrap();
        let properties = &line["msiinfo"]["properties"];
        let (Some(name), Some(version)) =
            (properties["ProductName"].as_str(), properties["ProductVersion"].as_str())
        else {
            continue;
        };
        let template = line["msiinfo"]["summary"]["Template"].as_str().unwrap_or_default();
        if file.contains("/damaged/") || !template.contains(';') {
            continue;
        }
        let Some(found) = report(&media, file) else { continue };
        read += 1;
        assert_eq!(value(found.product.as_ref()), name, "{file}");
        assert_eq!(value(found.build.as_ref()), version, "{file}");
        let platform = match template.split(';').next().unwrap() {
            "" | "Intel" => "x86",
            "Intel64" => "ia64",
            other => other,
        };
        let declared = &found.platform.value;
        // A 32-bit package may carry 64-bit programs.
        assert!(declared == platform || platform == "x86", "{file}: {declared}, not {platform}");
    }
    assert!(read == 0 || read > 10, "{read} packages were read");
}

#[test]
fn programs_have_version_and_platform() {
    let Some(media) = media() else { return };
    let mut read = 0;
    for line in expected("pe-facts.jsonl") {
        let file = line["file"].as_str().unwrap();
        let facts = &line["pefile"];
        let machine = match facts["machine"].as_str() {
            Some("0x14c") if facts["dotnet"] == false => "x86",
            Some("0x8664") => "x64",
            Some("0xaa64") => "arm64",
            _ => continue,
        };
        if file.contains("/damaged/") || file.contains("/pocs/") {
            continue;
        }
        let Some(found) = report(&media, file).filter(|found| found.format == "pe") else { continue };
        read += 1;
        assert_eq!(found.platform.value, machine, "{file}");
        if let Some(version) = facts["fixed_file_version"].as_str().filter(|version| *version != "0.0.0.0") {
            let said = found.evidence.iter().any(|one| one.field == "build" && one.raw == version);
            assert!(said, "{file}: {version}: {:?}", found.evidence);
        }
    }
    assert!(read == 0 || read > 30, "{read} programs were read");
}

#[test]
fn images_have_label_and_what_boots() {
    let Some(media) = media() else { return };
    let mut read = 0;
    for line in expected("iso-facts.jsonl") {
        let file = line["file"].as_str().unwrap();
        let facts = &line["isoinfo"];
        if file.contains("/damaged/") || file.contains("/pocs/") || facts["rc"] != 0 {
            continue;
        }
        let Some(found) = report(&media, file) else { continue };
        if found.format != "iso9660" {
            continue;
        }
        read += 1;
        if facts["eltorito"] == true {
            let boots = found.boot.bios || !found.boot.uefi.is_empty();
            let catalog = found.layers.iter().any(|layer| layer.format.contains("torito"));
            assert!(boots || catalog, "{file}: {:?}", found.layers);
        }
        // The Joliet tree has a label of its own, of 16 characters.
        let label = found.volume.get("label").map_or("", |label| label.trim());
        let expected = facts["Volume id"].as_str().unwrap_or_default().trim();
        if found.layers.iter().any(|layer| layer.used && layer.format == "iso9660") {
            assert_eq!(label, expected, "{file}");
        }
    }
    assert!(read == 0 || read > 30, "{read} images were read");
}

/// Made in the style of Windows Server 2019; one has the folders of a medium for two processors.
#[test]
fn windows_media_have_product_build_and_platform() {
    let Some(media) = media() else { return };
    for name in [
        "install-a.wim",
        "install-a.esd",
        "winserver-a-wim.iso",
        "winserver-a-esd.iso",
        "winserver-a-repack-genisoimage-udf.iso",
        "winserver-a-repack-xorriso.iso",
    ] {
        let Some(found) = report(&media, &format!("PUBLIC/winiso/{name}")) else { return };
        assert_eq!(value(found.product.as_ref()), "Windows Server 2019", "{name}");
        let build = value(found.build.as_ref());
        assert!(["17763.1314", "17763.110"].contains(&build), "{name}: {build}");
        assert!(value(found.release.as_ref()).starts_with("RTM (1809)"), "{name}: {:?}", found.release);
        assert_eq!(found.platform.value, "x64", "{name}");
        assert_ne!(found.build.as_ref().unwrap().state, "conflict", "{name}: {:?}", found.build);
    }
    let Some(found) = report(&media, "PUBLIC/winiso/windual-a-swm.iso") else { return };
    // Its folder for x86 has a starter and no image.
    assert_eq!(found.platform.value, "x64");
}

/// Made in the style of the first Exchange Server 2007.
#[test]
fn exchange_media_are_the_founding_case() {
    let Some(media) = media() else { return };
    for name in ["exchange-a-joliet.iso", "exchange-a-udf.iso"] {
        let Some(found) = report(&media, &format!("PUBLIC/exch/{name}")) else { return };
        assert_eq!(value(found.product.as_ref()), "Exchange Server 2007", "{name}");
        assert_eq!(value(found.build.as_ref()), "8.0.685.25", "{name}");
        assert_eq!(value(found.release.as_ref()), "RTM", "{name}");
        assert_eq!(found.platform.value, "x64", "{name}");
    }
}

/// A distribution that does not exist: its name and number are what its files say.
#[test]
fn linux_media_have_the_name_that_their_files_say() {
    let Some(media) = media() else { return };
    for (name, product, platform) in [
        ("contoso-12.7.0-amd64-netinst.iso", "Contoso", "x64"),
        ("contoso-24.04-desktop-amd64.iso", "Contoso", "x64"),
    ] {
        let Some(found) = report(&media, &format!("PUBLIC/linux/linux/{name}")) else { return };
        assert!(value(found.product.as_ref()).starts_with(product), "{name}: {:?}", found.product);
        assert_eq!(found.platform.value, platform, "{name}");
    }
}
