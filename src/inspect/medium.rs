//! The report about one medium. Only what is needed is read: directories, and the heads of programs.

use super::disc::fit;
use super::evidence::{Class, Evidence, Field, Role};
use super::gather::{View, gather};
use super::identity::identify;
use super::knowledge::Knowledge;
use super::package::packages;
use super::platform::{Counts, KeyFile, Platform, PlatformSurvey, ReadBudget, is_looked_at, survey_of};
use super::reconcile::{PUBLISHED, Words, settle};
use super::unpacked::{Unpacked, unpack};
use super::weigh::weigh;
use super::windows::windows;
use crate::container::{self, Container, Entry, EntryKind};
use crate::digest::{Algorithm, Value};
use crate::facts::{About, Medium, Rule, osinfo};
use crate::formats::Options;
use crate::report::{self, Inspect};
use crate::source::read_up_to;
use crate::time::Timestamp;
use crate::verify::authenticode;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What `inspect` goes by besides the medium.
pub struct Asked<'a> {
    /// What the source is called.
    pub name: &'a str,
    /// Lists of digests that name it.
    pub lists: &'a [String],
    /// Digests of the whole source, where they were computed.
    pub digests: &'a [Value],
    /// Tables, and rules that say where to look.
    pub knowledge: &'a Knowledge,
    /// The folder of osinfo-db, where what it calls such a volume is to be shown among the evidence.
    pub osinfo: Option<&'a Path>,
    /// The day, `2026-11-23`, for what is said of support; nothing is said of it where it is `None`.
    pub today: Option<&'a str>,
}

impl<'a> Asked<'a> {
    /// About a source of that name, beside which there are no lists.
    #[must_use]
    pub fn about(name: &'a str, knowledge: &'a Knowledge) -> Self {
        Self { name, lists: &[], digests: &[], knowledge, osinfo: None, today: None }
    }
}

/// Says what `container` is.
#[must_use]
pub fn inspect(container: &Arc<dyn Container>, asked: &Asked<'_>, options: &Options) -> Inspect {
    let Knowledge { facts: tables, rules } = asked.knowledge;
    let (containers, inner_layers) = packages(container, options);
    let windows = windows(&**container, &options.limits);
    let views: Vec<(View, Unpacked)> = containers
        .into_iter()
        .map(|(path, found)| {
            let view = View::new(found, &path, rules);
            let read = view.read(rules);
            let survey = path.is_empty();
            let wanted = |id, entry: &Entry| read.contains(&id) || (survey && is_looked_at(entry));
            let packed = unpack(&*view.container, wanted);
            (view, packed)
        })
        .collect();
    let mut gathered = gather(&views, file_name(asked.name), rules, &options.limits);
    if let Some(medium) = asked.digests.iter().find_map(|value| tables.medium_by_digest(&value.hex())) {
        gathered.family = tables.family_of(&medium.product).map(str::to_owned).or(gathered.family);
        gathered.evidence.splice(0..0, published(medium));
    }
    let identity = identify(&gathered.evidence, gathered.family.as_deref(), tables);
    let container = &**container;
    let source = container.source();
    let is_image = !source.is_empty();
    let have = if is_image { source.len() } else { container.extent().end };
    let declared = container.extent().end;
    let nothing = Unpacked::new();
    let packed = views.first().map_or(&nothing, |(_, packed)| packed);
    let found = survey_of(container, packed, &options.limits, ReadBudget::default());
    let facts = container.facts();
    let mut volume: BTreeMap<String, String> =
        facts.named.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    volume.extend(windows.named.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    if let Some(label) = &facts.label {
        volume.insert("label".to_owned(), label.clone());
    }
    let firmware = boot_platforms(container);
    let mut platform = platform(&found);
    weigh(&mut platform, &gathered.evidence);
    let nested = inner_layers.into_iter().chain(windows.layers);
    let disc = is_disc(container).then(|| {
        let fit = fit(have.max(declared));
        report::Disc {
            bytes: fit.bytes,
            smallest: fit.smallest.map(str::to_owned),
            fits: fit.fits.iter().map(|&disc| disc.to_owned()).collect(),
            single_layer_dvd: fit.single_layer_dvd,
            over_single_layer_by: fit.over_single_layer_by,
        }
    });
    let build_shown = &identity.build.as_ref().map_or_else(String::new, |build| build.value.clone());
    let about = About {
        product: identity.product.as_ref().map(|product| subject(&product.value)).unwrap_or_default(),
        release: identity.base_release,
        version: identity.version,
        platform: Some(platform.value.clone()).filter(|platform| platform != "unknown"),
        named_platform: platform.also.first().map(|also| also.value.clone()),
        editions: windows.editions.iter().map(|edition| edition.id.clone()).collect(),
        kind: of(&gathered.evidence, Field::Kind),
        template: found.declared.first().map(|declared| platform_of(&declared.template)),
        programs: Vec::new(),
        bytes: is_image.then_some(have),
        today: asked.today.map(str::to_owned),
    };
    let mut advice: Vec<report::Advice> = tables.advice(&about).into_iter().map(advised).collect();
    advice.extend(secrets(&gathered.evidence));
    let sha256 = asked.digests.iter().find(|value| value.algorithm == Algorithm::Sha256).map(Value::hex);
    Inspect {
        source: report::Source { name: asked.name.to_owned(), bytes: have, sha256 },
        format: container.format().to_owned(),
        complete: declared <= have,
        tail_bytes: have.saturating_sub(declared),
        missing_bytes: declared.saturating_sub(have),
        layers: container.layers().iter().map(report::Layer::from).chain(nested).collect(),
        editions: editions(windows.editions, &gathered.evidence, &platform.value, build_shown),
        product: identity.product,
        release: identity.release,
        build: identity.build,
        platform,
        languages: languages(&gathered.evidence),
        channel: of(&gathered.evidence, Field::Channel),
        boot: report::Boot { bios: facts.boot.bios, uefi: firmware },
        disc,
        signature: signature(container),
        checkable: checkable(container, asked.lists),
        advice,
        versions: found.files.iter().map(version).collect(),
        evidence: evidence(container, &found, &gathered.evidence, asked.osinfo),
        findings: container.findings().iter().map(report::Finding::from).collect(),
        volume,
        read_bytes: 0,
    }
}

/// What the table of published media says of the medium that has this digest.
fn published(medium: &Medium) -> Vec<Evidence> {
    let values = [
        (Field::Product, medium.product.clone()),
        (Field::Release, medium.release.clone()),
        (Field::Build, medium.build.to_string()),
        (Field::Platform, medium.platform.clone()),
        (Field::Language, medium.language.clone()),
    ];
    let values = values.into_iter().filter(|(_, value)| !value.is_empty());
    let evidence = values.map(|(field, value)| Evidence {
        field,
        raw: value.clone(),
        value,
        file: "the table of published media".to_owned(),
        part: medium.file.clone(),
        how: PUBLISHED,
        class: Class::A,
        role: Role::Identity,
        rule: String::new(),
    });
    evidence.collect()
}

/// The last part of a path or of a nested one.
fn file_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// The languages that the best kind of place names; those of a name where nothing else does.
fn languages(evidence: &[Evidence]) -> Vec<String> {
    let said = || evidence.iter().filter(|one| one.field == Field::Language && one.role.counts());
    let files = said().any(|one| !one.class.is_a_name());
    let mut out: Vec<String> = Vec::new();
    for one in said().filter(|one| !files || !one.class.is_a_name()) {
        if !out.contains(&one.value) {
            out.push(one.value.clone());
        }
    }
    // A folder is named for the language, its package for the country, too.
    let all = out.clone();
    let more =
        |tag: &str| all.iter().any(|other| other.strip_prefix(tag).is_some_and(|rest| rest.starts_with('-')));
    out.retain(|tag| !more(tag));
    out
}

/// The product that an update is for: `Update Rollup 4 for Exchange Server 2007 Service Pack 1 (KB952580)`.
fn subject(product: &str) -> String {
    let Some((_, of)) = product.split_once(" for ") else { return product.to_owned() };
    let of = of.trim_start_matches("Microsoft ");
    let end = [" Service Pack", " SP", " ("].iter().filter_map(|word| of.find(word)).min();
    of.get(..end.unwrap_or(of.len())).unwrap_or(of).to_owned()
}

/// The platform in a template, without the languages behind it: `Intel64;1033`.
fn platform_of(template: &str) -> String {
    template.split(';').next().unwrap_or_default().trim().to_owned()
}

/// Editions that are no images: what else on the medium names them.
fn editions(
    images: Vec<report::Edition>,
    evidence: &[Evidence],
    platform: &str,
    build: &str,
) -> Vec<report::Edition> {
    let mut out = images;
    if !out.is_empty() {
        return out;
    }
    for one in evidence.iter().filter(|one| one.field == Field::Edition && one.role.counts()) {
        if !out.iter().any(|known| known.id == one.value) {
            out.push(report::Edition {
                index: u32::try_from(out.len()).unwrap_or(u32::MAX).saturating_add(1),
                name: one.value.clone(),
                id: one.value.clone(),
                installation: String::new(),
                platform: platform.to_owned(),
                build: build.to_owned(),
                bytes: 0,
            });
        }
    }
    out
}

/// The one value of a field: what the best place says.
fn of(evidence: &[Evidence], field: Field) -> Option<String> {
    settle(evidence.iter().filter(|one| one.field == field), &Words).map(|settled| settled.value)
}

fn advised(rule: &Rule) -> report::Advice {
    report::Advice { id: rule.id.clone(), severity: rule.severity.word().to_owned(), note: rule.note.clone() }
}

/// Keys and passwords that lie on the medium: where they are, and never what they are.
fn secrets(evidence: &[Evidence]) -> Vec<report::Advice> {
    let mut out: Vec<report::Advice> = Vec::new();
    for one in evidence.iter().filter(|one| one.field == Field::Secret) {
        let (id, what) = match one.value.as_str() {
            "unattend" => ("unattend-password", "a password or a product key"),
            _ => ("product-key", "a product key"),
        };
        let note = format!("{} holds {what}; it is not shown", one.file);
        let advice = report::Advice { id: id.to_owned(), severity: "note".to_owned(), note };
        if !out.contains(&advice) {
            out.push(advice);
        }
    }
    out
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
        also: Vec::new(),
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
        for image in entries
            .iter()
            .filter(|entry| entry.role == container::Role::Boot && entry.path.text().contains("uefi"))
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

fn reported(one: &Evidence) -> report::Evidence {
    report::Evidence {
        field: one.field.name().to_owned(),
        raw: one.raw.clone(),
        value: one.value.clone(),
        place: one.place(),
        how: one.how.to_owned(),
        class: one.class.name().to_owned(),
        role: one.role.name().to_owned(),
    }
}

fn evidence(
    container: &dyn Container,
    found: &PlatformSurvey,
    gathered: &[Evidence],
    osinfo: Option<&Path>,
) -> Vec<report::Evidence> {
    let mut out: Vec<report::Evidence> = gathered.iter().map(reported).collect();
    let mut add = |field: Field, value: &str, place: &str, how: &str, class: Class, role: Role| {
        out.push(report::Evidence {
            field: field.name().to_owned(),
            raw: value.to_owned(),
            value: value.to_owned(),
            place: place.to_owned(),
            how: how.to_owned(),
            class: class.name().to_owned(),
            role: role.name().to_owned(),
        });
    };
    for declared in &found.declared {
        add(Field::Platform, declared.platform.name(), &declared.path, "installer", Class::A, Role::Identity);
    }
    for (machine, number) in found.counts.ranked() {
        let place = format!("{number} programs");
        add(Field::Platform, machine.name(), &place, "machine", Class::B, Role::Identity);
    }
    for file in &found.files {
        if let Some(version) = &file.file_version {
            add(Field::Build, &version.to_string(), &file.path, "program", Class::D, Role::Foreign);
        }
    }
    // Shown and not weighed: the answer is the same on a machine without that database.
    for named in osinfo.map(|dir| by_osinfo(container, dir)).unwrap_or_default() {
        add(Field::Product, &named.name, "label", &named.source, Class::F, Role::Label);
    }
    let files = container.entries().iter().filter(|entry| entry.kind == EntryKind::File).count();
    add(Field::Kind, &format!("{files} files"), "", container.format(), Class::E, Role::Identity);
    out
}

/// What osinfo-db calls a volume with such identifiers.
fn by_osinfo(container: &dyn Container, dir: &Path) -> Vec<osinfo::Named> {
    let facts = container.facts();
    let named = |name: &str| {
        let mut found = facts.named.iter().filter(|(known, _)| *known == name);
        found.next().map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let volume = osinfo::Volume {
        label: facts.label.clone().unwrap_or_default(),
        system: named("system"),
        publisher: named("publisher"),
        application: named("application"),
    };
    // A database that cannot be read says nothing.
    osinfo::named(dir, &volume).unwrap_or_default()
}
