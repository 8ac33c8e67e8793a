//! The media that other tests make: every piece is read back by the readers of the library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "tests")]

mod support;

use discless::container::{Container, Role, Severity};
use discless::formats::{msi, pe, wim};
use discless::source::SharedSource;
use std::collections::BTreeMap;
use std::sync::Arc;
use support::media::cab::cab;
use support::media::msi::{msi, msp};
use support::media::pe::*;
use support::media::text::{ansi, utf8_lines, utf16_lines};
use support::media::wim::{esd, image, swm, wim};
use support::media::{Data, Medium};
use support::{Content, open, read};

fn opened(bytes: Vec<u8>, name: &str) -> Box<dyn Container> {
    let source: SharedSource = Arc::new(bytes);
    let container = open(&source, name).unwrap();
    let worse: Vec<_> = container.findings().iter().filter(|one| one.severity > Severity::Note).collect();
    assert!(worse.is_empty(), "{name}: {worse:?}");
    container
}

/// The plain files of a container and their bytes.
fn content(container: &dyn Container) -> BTreeMap<String, u64> {
    let files = container.entries().iter().enumerate().filter(|(_, entry)| entry.role == Role::Plain);
    let files = files.filter_map(|(number, entry)| {
        let content = read(container, discless::container::EntryId(number), 1 << 20);
        let Content::Whole(bytes, _) = content else { return None };
        Some((entry.path.text().trim_start_matches('/').to_owned(), bytes))
    });
    files.collect()
}

fn machine(program: &Pe) -> &'static str {
    let source: SharedSource = Arc::new(program.build());
    pe::head(&source).unwrap().unwrap().machine.name()
}

#[test]
fn programs_are_for_the_machine_they_were_made_for() {
    for (program, name) in [
        (pe(X86), "x86"),
        (pe(X64), "x64"),
        (dll(ARM64), "arm64"),
        (driver(ARM), "arm"),
        (pe(IA64), "ia64"),
        (pe(ALPHA), "alpha"),
        (pe(MIPS), "mips"),
        (pe(PPC), "ppc"),
        (dll(X64).hybrid(), "arm64ec"),
        (dll(ARM64).hybrid(), "arm64x"),
        (dll(X86).managed(IL_ONLY), "neutral"),
        (pe(X86).managed(IL_ONLY | REQUIRES_32 | PREFERS_32), "neutral"),
        (pe(X86).managed(IL_ONLY | REQUIRES_32), "x86"),
        (pe(X86).managed(0), "x86"),
        (pe(X64).managed(IL_ONLY), "x64"),
    ] {
        assert_eq!(machine(&program.version("1.2.3.4").bytes(4000)), name);
    }
    let source: SharedSource = Arc::new(efi(X64).build());
    assert!(pe::head(&source).unwrap().unwrap().is_efi());
}

#[test]
fn programs_have_versions_in_numbers_and_in_text() {
    let program = pe(X86)
        .version("8.0.685.25")
        .text("FileVersion", "2011.0110.2100.060 ((SQL11_RTM).120210-1846 )")
        .product_version("11.0.2100.60")
        .microsoft("Microsoft Exchange® Server 2007")
        .text("OriginalFilename", "ExSetup.exe")
        .language(0x407);
    let source: SharedSource = Arc::new(program.build());
    let facts = pe::facts(&source).unwrap().unwrap();
    assert_eq!(facts.findings, []);
    let versions = facts.versions.unwrap();
    assert_eq!(versions.file.unwrap().to_string(), "8.0.685.25");
    assert_eq!(versions.product.unwrap().to_string(), "11.0.2100.60");
    assert_eq!(versions.text("FileVersion"), Some("2011.0110.2100.060 ((SQL11_RTM).120210-1846 )"));
    assert_eq!(versions.text("ProductName"), Some("Microsoft Exchange® Server 2007"));
    assert_eq!(versions.text("OriginalFilename"), Some("ExSetup.exe"));
    assert_eq!(versions.tables[0].language, Some(0x407));
    assert_eq!(versions.translations, [(0x407, 0x4b0)]);
    let source: SharedSource = Arc::new(pe(X86).build());
    assert_eq!(pe::versions(&source).unwrap(), None);
}

#[test]
fn installer_packages_say_what_they_install() {
    let package = msi("Intel64;1033,1031")
        .product("Microsoft Exchange Server", "8.0.685.25")
        .code("{24B2C164-DE66-44FE-B468-A46D9D5E6B31}")
        .property("ProductLanguage", "1033")
        .subject("subject")
        .payload(9000);
    let source: SharedSource = Arc::new(package.clone().build());
    let summary = msi::summary(source).unwrap().unwrap();
    assert_eq!((summary.platform, summary.languages), (Some("ia64"), vec![1033, 1031]));
    let container = opened(package.build(), "a.msi");
    let facts = &container.facts().named;
    let fact = |name: &str| facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
    assert_eq!(container.format(), "msi");
    assert_eq!(fact("product"), Some("Microsoft Exchange Server"));
    assert_eq!(fact("version"), Some("8.0.685.25"));
    assert_eq!(fact("manufacturer"), Some("Microsoft Corporation"));
    assert_eq!(fact("product_code"), Some("{24B2C164-DE66-44FE-B468-A46D9D5E6B31}"));
    assert_eq!(fact("platform"), Some("ia64"));
}

#[test]
fn patches_say_what_they_are_for() {
    let targets = ["{24B2C164-DE66-44FE-B468-A46D9D5E6B31}", "{24B2C164-DE66-44FE-B468-A46D9D5E6B32}"];
    let patch = msp(&targets).metadata("DisplayName", "Update Rollup 4").metadata("Description", "KB952580");
    let source: SharedSource = Arc::new(patch.build());
    let summary = msi::summary(source).unwrap().unwrap();
    assert_eq!(
        (summary.kind, summary.targets.as_slice()),
        (msi::MsiKind::Patch, &targets.map(str::to_owned)[..])
    );
    let container = opened(patch.build(), "a.msp");
    let product = container.facts().named.iter().find(|(name, _)| *name == "product");
    assert_eq!(product.map(|(_, value)| value.as_str()), Some("Update Rollup 4"));
}

#[test]
fn images_say_what_they_are() {
    let images = [
        image("Windows 7 HOMEPREMIUM").arch(0).version("6.1.7601.17514-1").edition("HomePremium").client(),
        image("Windows 7 X").arch(9).version("6.1.7601.17514-1").edition("ServerStandard").core(),
    ];
    let images = images.map(|image| image.display("Display").flags("Flags").branch("win7sp1_rtm"));
    let images = images.map(|image| image.languages(&["en-US", "de-DE"]));
    for made in [wim(images.clone()), esd(images.clone()).bytes(5000), swm(images.clone(), 1, 2)] {
        let source: SharedSource = Arc::new(made.build());
        let found = wim::summary(&source).unwrap().images;
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].platform(), found[1].platform()), (Some("x86"), Some("x64")));
        assert_eq!(found[0].build().as_deref(), Some("6.1.7601.17514"));
        assert_eq!(found[1].installation_type.as_deref(), Some("Server Core"));
        assert_eq!((found[0].title(), found[0].flags.as_deref()), (Some("Display"), Some("Flags")));
        assert_eq!(found[0].languages, ["en-US", "de-DE"]);
    }
    for (made, name) in [(wim(images.clone()), "a.wim"), (esd(images), "a.esd")] {
        assert_eq!(opened(made.build(), name).format(), "wim");
    }
}

fn medium() -> Medium {
    Medium::new("LABEL_EN")
        .publisher("MICROSOFT CORPORATION")
        .application("CDIMAGE 2.53")
        .file("big.bin", Data::Zeros(1 << 19))
        .file("Setup.exe", pe(X86).version("1.2.3.4"))
        .files(&["sources/a.dll", "sources/deep/b.dll"], dll(X64))
        .file("notes.txt", ansi("ä\nb\n"))
        .file("one.txt", utf16_lines("a\n"))
        .file("two.txt", utf8_lines("a\n"))
}

#[test]
fn an_image_has_all_files_its_label_and_what_boots() {
    let made = medium().boots_bios().boots_uefi("BOOTX64 EFI");
    for (made, setup) in
        [(made.clone(), "Setup.exe"), (made.clone().rock_ridge(), "Setup.exe"), (made.plain(), "SETUP.EXE")]
    {
        let container = opened(made.iso(), "a.iso");
        let facts = container.facts();
        assert_eq!(facts.label.as_deref(), Some("LABEL_EN"));
        assert!(facts.named.contains(&("publisher", "MICROSOFT CORPORATION".to_owned())));
        assert!(facts.named.contains(&("application", "CDIMAGE 2.53".to_owned())));
        assert!(facts.boot.bios && facts.boot.uefi);
        assert_eq!(discless::inspect::boot_platforms(&*container), ["x64"]);
        let files = content(&*container);
        assert_eq!((files.len(), files[setup]), (7, pe(X86).version("1.2.3.4").build().len() as u64));
    }
}

#[test]
fn a_udf_volume_has_all_files_and_a_text_on_its_other_side() {
    let bytes = medium().udf();
    let container = opened(bytes.clone(), "a.iso");
    assert_eq!((container.format(), container.facts().label.as_deref()), ("udf", Some("LABEL_EN")));
    let files = content(&*container);
    assert_eq!((files.len(), files["big.bin"]), (7, 1 << 19));
    assert_eq!(files["sources/deep/b.dll"], dll(X64).build().len() as u64);
    let source: SharedSource = Arc::new(bytes);
    let options = discless::formats::Options {
        tree: Some(discless::formats::Tree::Iso9660),
        ..discless::formats::Options::default()
    };
    let other = discless::medium::open(&source, "a.iso", &options).unwrap();
    assert_eq!(content(&*other).keys().collect::<Vec<_>>(), ["README.TXT"]);
}

#[test]
fn a_cabinet_and_a_self_extractor_have_all_files() {
    let files = [("a.txt".to_owned(), Data::from("text")), ("dir/b.bin".to_owned(), vec![7; 70_000].into())];
    let expected = BTreeMap::from([("a.txt".to_owned(), 4), ("dir/b.bin".to_owned(), 70_000)]);
    assert_eq!(content(&*opened(cab(&files), "a.cab")), expected);
    let medium = Medium::new("").file("a.txt", "text").file("dir/b.bin", vec![7; 70_000]);
    let container = opened(medium.self_extractor(pe(X86).version("6.0.2600.0")), "a.exe");
    let found = content(&*container);
    assert!(expected.iter().all(|(path, bytes)| found.get(path) == Some(bytes)), "{found:?}");
}

#[test]
fn a_directory_has_all_files() {
    let root = tempfile::tempdir().unwrap();
    medium().directory(root.path());
    let text = std::fs::read(root.path().join("notes.txt")).unwrap();
    assert_eq!(text, b"\xe4\r\nb\r\n");
    assert!(root.path().join("sources/deep/b.dll").exists());
}
