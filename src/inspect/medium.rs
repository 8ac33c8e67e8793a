//! The report about one medium. Only what is needed is read: directories, and the heads of programs.

use super::disc::fit;
use super::package::{identity, packages};
use super::platform::{Counts, KeyFile, Platform, PlatformSurvey, ReadBudget, survey};
use super::windows::windows;
use crate::container::{Container, Entry, EntryKind, Role};
use crate::formats::Options;
use crate::report::{self, Inspect};
use crate::source::read_up_to;
use crate::time::Timestamp;
use crate::verify::authenticode;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Says what `container` is. `name` is what it was called; `lists` are lists of digests that name it.
#[must_use]
pub fn inspect(container: &Arc<dyn Container>, name: &str, lists: &[String], options: &Options) -> Inspect {
    let (mut packages, inner_layers) = packages(container, options);
    let windows = windows(&**container, &options.limits);
    packages.extend(windows.packages.iter().cloned());
    let (product, build, languages) = identity(&packages);
    let container = &**container;
    let source = container.source();
    let is_image = !source.is_empty();
    let have = if is_image { source.len() } else { container.extent().end };
    let declared = container.extent().end;
    let found = survey(container, &options.limits, ReadBudget::default());
    let facts = container.facts();
    let mut volume: BTreeMap<String, String> =
        facts.named.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    volume.extend(windows.named.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    if let Some(label) = &facts.label {
        volume.insert("label".to_owned(), label.clone());
    }
    let firmware = boot_platforms(container);
    let mut platform = platform(&found);
    windows.weigh(&mut platform);
    let nested = inner_layers.into_iter().chain(windows.layers);
    Inspect {
        source: report::Source { name: name.to_owned(), bytes: have, sha256: None },
        format: container.format().to_owned(),
        complete: declared <= have,
        tail_bytes: have.saturating_sub(declared),
        missing_bytes: declared.saturating_sub(have),
        layers: container.layers().iter().map(report::Layer::from).chain(nested).collect(),
        product,
        release: None,
        build,
        platform,
        editions: windows.editions,
        languages,
        channel: windows.channel,
        boot: report::Boot { bios: facts.boot.bios, uefi: firmware },
        disc: is_disc(container).then(|| {
            let fit = fit(have.max(declared));
            report::Disc {
                bytes: fit.bytes,
                smallest: fit.smallest.map(str::to_owned),
                fits: fit.fits.iter().map(|&disc| disc.to_owned()).collect(),
                single_layer_dvd: fit.single_layer_dvd,
                over_single_layer_by: fit.over_single_layer_by,
            }
        }),
        signature: signature(container),
        checkable: checkable(container, lists),
        advice: windows.advice,
        versions: found.files.iter().map(version).collect(),
        evidence: evidence(container, &found),
        findings: container.findings().iter().map(report::Finding::from).collect(),
        volume,
        read_bytes: 0,
    }
}

/// What the source's signature says. The whole file is not read here, so that nothing of it is checked.
fn signature(container: &dyn Container) -> report::Signature {
    // A ZIP archive is opened a second time only where there is something to find.
    let packed = |entry: &Entry| entry.path.text() == "AppxSignature.p7x";
    let worth = container.format() != "zip" || container.entries().iter().any(packed);
    let glance = worth.then(|| authenticode::glance(container.source()).ok().flatten()).flatten();
    let glance = glance.filter(|glance| glance.signed);
    let state = if glance.is_some() { "unchecked" } else { "unsigned" };
    let (signer, at) = glance.map_or((None, None), |glance| (glance.signer, glance.signed_at));
    let at = at.map(|seconds| Timestamp { seconds, nanos: 0, zone: Some(0) }.rfc3339());
    report::Signature { state: state.to_owned(), signer, signed_at: at }
}

/// True for an image of an optical disc.
fn is_disc(container: &dyn Container) -> bool {
    matches!(container.format(), "iso9660" | "udf")
}

fn platform(found: &PlatformSurvey) -> report::Platform {
    let mut counts = BTreeMap::new();
    for word in ["x64", "x86", "arm64", "arm", "ia64", "neutral"] {
        counts.insert(word.to_owned(), 0);
    }
    let mut other = 0u64;
    let all: [&Counts; 4] = [&found.counts, &found.starters, &found.prerequisites, &found.wow];
    for (machine, number) in all.into_iter().flat_map(Counts::ranked) {
        match counts.get_mut(machine.platform().name()) {
            Some(sum) => *sum += number,
            None => other += number,
        }
    }
    counts.insert("other".to_owned(), other);
    let state = match (&found.value, found.declared.is_empty(), found.counts.total()) {
        (Platform::Unknown, ..) => "unknown",
        (_, false, 1..) => "confirmed",
        (_, true, 2..) => "confirmed",
        _ => "single",
    };
    report::Platform {
        value: found.value.name().to_owned(),
        state: state.to_owned(),
        counts,
        starter: found.starter.map(|machine| machine.name().to_owned()),
        examined: found.examined,
        candidates: found.candidates,
        because: found.because.clone(),
    }
}

fn version(file: &KeyFile) -> report::FileVersion {
    report::FileVersion {
        path: file.path.clone(),
        platform: file.machine.name().to_owned(),
        file_version: file.file_version.map(|version| version.to_string()),
        product_version: file.product_version.map(|version| version.to_string()),
        product: file.product_name.clone(),
        company: file.company.clone(),
    }
}

/// The processors whose firmware can start the medium, by the names that UEFI §3.5.1.1 fixes; `unknown`
/// where only the boot catalog says that there is such an image.
#[must_use]
pub fn boot_platforms(container: &dyn Container) -> Vec<String> {
    /// Name on a file system, name in a FAT directory, processor.
    const LOADERS: [(&str, &[u8], &str); 6] = [
        ("bootx64.efi", b"BOOTX64 EFI", "x64"),
        ("bootia32.efi", b"BOOTIA32EFI", "x86"),
        ("bootaa64.efi", b"BOOTAA64EFI", "arm64"),
        ("bootarm.efi", b"BOOTARM EFI", "arm"),
        ("bootia64.efi", b"BOOTIA64EFI", "ia64"),
        ("bootriscv64.efi", b"BOOTRI~1EFI", "riscv64"),
    ];
    /// A FAT's directories lie before its files: so much of a boot image is looked at.
    const HEAD: usize = 128 << 10;
    let mut out = Vec::new();
    let entries = container.entries();
    for (name, _, processor) in LOADERS {
        let is = |entry: &Entry| {
            let path = entry.path.text();
            path.len() == name.len() + 9
                && path.get(..9).is_some_and(|head| head.eq_ignore_ascii_case("efi/boot/"))
                && path.get(9..).is_some_and(|tail| tail.eq_ignore_ascii_case(name))
        };
        if entries.iter().any(is) {
            out.push(processor.to_owned());
        }
    }
    if out.is_empty() && container.facts().boot.uefi {
        for image in
            entries.iter().filter(|entry| entry.role == Role::Boot && entry.path.text().contains("uefi"))
        {
            let head = read_up_to(&**container.source(), image.location.order().0, HEAD).unwrap_or_default();
            let has = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
            out.extend(LOADERS.iter().filter(|(_, fat, _)| has(fat)).map(|(.., word)| (*word).to_owned()));
        }
        if out.is_empty() {
            out.push("unknown".to_owned());
        }
    }
    out
}

/// What `verify` has to go by.
fn checkable(container: &dyn Container, lists: &[String]) -> Vec<String> {
    let mut out = Vec::new();
    if !container.source().is_empty() {
        out.push(format!("size: the {} structure declares where it ends", container.format()));
    }
    if let Some(checksum) = container.member_checksum() {
        out.push(format!("members: {checksum} of each, compared by --deep and when they are extracted"));
    }
    if container.layers().iter().any(|layer| layer.format == "udf") {
        out.push("structure: UDF keeps checksums of its descriptors, none of the files' bytes".to_owned());
    } else if container.format() == "iso9660" {
        out.push("structure: ISO 9660 keeps no checksums".to_owned());
    }
    for list in lists {
        out.push(format!("digest: {list} names this file"));
    }
    if lists.is_empty() {
        out.push("digest: none beside it; the publisher's can be given".to_owned());
    }
    out
}

fn evidence(container: &dyn Container, found: &PlatformSurvey) -> Vec<report::Evidence> {
    let mut out = Vec::new();
    let mut add = |field: &str, raw: &str, place: &str, how: &str, class: &str, role: &str| {
        let text = |text: &str| text.to_owned();
        out.push(report::Evidence {
            field: text(field),
            raw: text(raw),
            value: text(raw),
            place: text(place),
            how: text(how),
            class: text(class),
            role: text(role),
        });
    };
    if let Some(label) = &container.facts().label {
        add("label", label, "", container.format(), "F", "label");
    }
    for declared in &found.declared {
        add("platform", declared.platform.name(), &declared.path, "msi-summary", "A", "identity");
    }
    for (machine, number) in found.counts.ranked() {
        add("platform", machine.name(), &format!("{number} programs"), "pe-machine", "B", "identity");
    }
    for file in &found.files {
        // A program in the root starts the setup; what it installs lies deeper.
        let (class, role) = if file.path.contains('/') { ("B", "identity") } else { ("D", "foreign") };
        if let Some(version) = &file.file_version {
            add("build", &version.to_string(), &file.path, "pe-version-resource", class, role);
        }
    }
    let files = container.entries().iter().filter(|entry| entry.kind == EntryKind::File).count();
    add("kind", &format!("{files} files"), "", container.format(), "E", "identity");
    out
}
