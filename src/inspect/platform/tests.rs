use super::*;
use crate::container::{Catalogue, EntryPath, Extents, Location};
use crate::formats::pe::tests::image;
use crate::source::{Counting, Piece, Source};
use std::sync::Arc;

/// A container of stored members, one behind the other.
struct Stored(Catalogue);

impl Container for Stored {
    fn format(&self) -> &'static str {
        "directory"
    }
    fn catalogue(&self) -> &Catalogue {
        &self.0
    }
}

fn medium(files: &[(&str, Vec<u8>)]) -> (Arc<Counting>, Stored) {
    let mut bytes = Vec::new();
    let mut entries = Vec::new();
    for (path, content) in files {
        let mut entry = Entry::new(EntryPath::new(*path), EntryKind::File);
        entry.bytes = content.len() as u64;
        let at = Some(bytes.len() as u64);
        entry.location = Location::Stored(Extents::One(Piece { at, len: entry.bytes }));
        entries.push(entry);
        bytes.extend(content);
    }
    let counting = Arc::new(Counting::new(Arc::new(bytes)));
    let end = counting.len();
    (counting.clone(), Stored(Catalogue { end, entries, ..Catalogue::new(counting) }))
}

fn surveyed(files: &[(&str, Vec<u8>)]) -> PlatformSurvey {
    survey(&medium(files).1, &Limits::default(), ReadBudget::default())
}

fn x86() -> Vec<u8> {
    image(0x14c, 0x10b)
}

fn x64() -> Vec<u8> {
    image(0x8664, 0x20b)
}

#[test]
fn an_x86_starter_says_nothing_about_an_x64_medium() {
    let found = surveyed(&[
        ("setup.exe", x86()),
        ("redist/vc.dll", x86()),
        ("bin/x86/a.dll", x86()),
        ("bin/x64/a.dll", x64()),
        ("bin/x64/b.dll", x64()),
        ("EFI/boot/bootia32.efi", x86()),
        ("readme.txt", b"text".repeat(40)),
    ]);
    assert_eq!(found.value, Platform::One(Machine::X64));
    assert_eq!(found.starter, Some(Machine::X86));
    assert_eq!((found.counts.of(Machine::X64), found.counts.total()), (2, 2));
    let left_out = [&found.starters, &found.prerequisites, &found.wow, &found.firmware];
    assert_eq!(left_out.map(Counts::total), [1, 1, 1, 1]);
    assert_eq!((found.candidates, found.examined), (6, 6));
    assert_eq!(found.because[0], "2 of 2 counted programs are for x64");
}

#[test]
fn a_platform_counts_from_a_tenth_on() {
    let mut files = vec![("lib/0.dll", x86())];
    let names =
        ["a/1.dll", "a/2.dll", "a/3.dll", "a/4.dll", "a/5.dll", "a/6.dll", "a/7.dll", "a/8.dll", "a/9.dll"];
    files.extend(names.map(|name| (name, x64())));
    assert_eq!(surveyed(&files).value, Platform::Mixed);
    files.push(("a/10.dll", x64()));
    assert_eq!(surveyed(&files).value, Platform::One(Machine::X64));
}

#[test]
fn a_medium_without_programs_is_unknown() {
    let found = surveyed(&[("setup.exe", x86()), ("a.txt", vec![1; 100]), ("bin/no.dll", vec![1; 100])]);
    assert_eq!((found.value, found.no_programs), (Platform::Unknown, 1));
    assert_eq!(found.value.name(), "unknown");
}

#[test]
fn a_starter_decides_alone_only_where_it_is_not_x86() {
    let found = surveyed(&[("setup.exe", x64()), ("boot/bootsect.exe", x86())]);
    assert_eq!(found.value, Platform::One(Machine::X64));
    assert!(found.because[0].ends_with("runs nowhere else"), "{:?}", found.because);
    let found = surveyed(&[("setup.exe", x64()), ("sources/a.dll", x86()), ("sources/b.dll", x86())]);
    assert_eq!(found.value, Platform::One(Machine::X86));
}

#[test]
fn the_budget_holds_and_the_sample_is_even() {
    let names: Vec<String> = (0..600).map(|number| format!("bin/{number}.dll")).collect();
    let mut files: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), x64())).collect();
    for file in files.iter_mut().skip(300) {
        file.1 = x86();
    }
    files.push(("setup.exe", x86()));
    let (counting, medium) = medium(&files);
    let found = survey(&medium, &Limits::default(), ReadBudget { bytes: 100_000 });
    assert!(counting.bytes() <= 100_000 && counting.bytes() == found.bytes_read, "{}", counting.bytes());
    assert!(found.examined < found.candidates && found.examined > 90, "{}", found.examined);
    let (wide, narrow) = (found.counts.of(Machine::X64), found.counts.of(Machine::X86));
    assert!(wide.abs_diff(narrow) <= 2, "{wide} {narrow}");
    assert_eq!(found.starter, Some(Machine::X86));
    assert!(found.because.iter().any(|why| why.ends_with("of 601 programs were examined")));
}

#[test]
fn a_thousand_programs_cost_well_under_a_mebibyte() {
    let names: Vec<String> = (0..1000).map(|number| format!("bin/{number}.dll")).collect();
    let files: Vec<(&str, Vec<u8>)> = names.iter().map(|name| (name.as_str(), x64())).collect();
    let found = surveyed(&files);
    assert_eq!(found.examined, 1000);
    assert!(found.bytes_read < 700_000, "{}", found.bytes_read);
}

#[test]
fn nothing_is_read_without_a_budget() {
    let (counting, medium) = medium(&[("setup.exe", x86()), ("a/a.dll", x64())]);
    let found = survey(&medium, &Limits::default(), ReadBudget { bytes: 0 });
    assert_eq!((counting.bytes(), found.examined, found.value), (0, 0, Platform::Unknown));
}

fn concluded(declared: &[Machine], counted: &[(Machine, u64)]) -> Platform {
    let mut found = PlatformSurvey::empty(0);
    for (machine, count) in counted {
        (0..*count).for_each(|_| found.counts.add(*machine));
    }
    found.declared = declared
        .iter()
        .map(|platform| Declared {
            path: "a.msi".to_owned(),
            template: String::new(),
            platform: *platform,
            languages: Vec::new(),
        })
        .collect();
    found.conclude();
    found.value
}

#[test]
fn a_declared_platform_wins_unless_it_is_a_32_bit_package_around_64_bit_programs() {
    use Machine::{Arm64X, Neutral, X64, X86};
    assert_eq!(concluded(&[X64], &[(X86, 9)]), Platform::One(X64));
    assert_eq!(concluded(&[X86], &[(X64, 9)]), Platform::One(X64));
    assert_eq!(concluded(&[X86, X64], &[(X64, 9)]), Platform::One(X64));
    assert_eq!(concluded(&[X86, X64], &[]), Platform::Mixed);
    assert_eq!(concluded(&[X86], &[]), Platform::One(X86));
    assert_eq!(concluded(&[], &[(Neutral, 5)]), Platform::Neutral);
    assert_eq!(concluded(&[], &[(Arm64X, 5), (Neutral, 50)]).name(), "arm64");
}
