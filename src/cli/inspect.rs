//! `discless inspect`.

use super::args::Inspect;
use super::list::options;
use super::ui::Ui;
use super::{Exit, hints, show};
use discless::digest::Algorithm;
use discless::facts::osinfo;
use discless::formats::Options;
use discless::inspect::{Asked, Knowledge, State, disc, inspect};
use discless::nest::{self, What};
use discless::source::Counting;
use discless::text::for_terminal;
use discless::time::Timestamp;
use discless::{Result, medium, report, verify};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(ui: &Ui, args: &Inspect) -> Result<Exit> {
    let options = args.passwords.with(options(ui, &args.opening))?;
    let knowledge = match &args.facts {
        Some(dir) => Knowledge::with_dir(dir)?,
        None => Knowledge::compiled()?,
    };
    let mut reports = Vec::new();
    let mut exit = Exit::Good;
    for spec in &args.sources {
        match one(ui, spec, &knowledge, args, &options) {
            Ok(report) => {
                if args.strict && contradicts_itself(&report) {
                    exit = exit.and(Exit::Bad);
                }
                if report.findings.iter().any(|finding| finding.severity == "damaged") {
                    exit = exit.and(Exit::Bad);
                }
                if !ui.json {
                    let gap = if reports.is_empty() { "" } else { "\n" };
                    ui.answer(&format!("{gap}{}", text(&report, spec, ui.verbose)))?;
                }
                reports.push(report);
            }
            Err(error) if args.sources.len() > 1 => {
                ui.complain(&error);
                exit = exit.and(Exit::of(&error));
            }
            Err(error) => return Err(error),
        }
    }
    if ui.json {
        ui.document(&report::Document::new("inspect", reports))?;
    }
    Ok(exit)
}

/// True where two places say what nothing reconciles.
fn contradicts_itself(report: &report::Inspect) -> bool {
    let weighed = [&report.product, &report.release, &report.build].into_iter().flatten();
    let mut states = weighed.map(|weighed| &weighed.state).chain([&report.platform.state]);
    states.any(|state| state == State::Conflict.name())
}

fn one(
    ui: &Ui,
    spec: &str,
    knowledge: &Knowledge,
    args: &Inspect,
    options: &Options,
) -> Result<report::Inspect> {
    let named = nest::open(spec, &mut std::io::stdin(), options)?;
    let path = Path::new(&named.name);
    let lists = verify::lists_beside(path)?;
    let today = Timestamp::today();
    let osinfo = Some(Path::new(osinfo::INSTALLED)).filter(|dir| ui.verbose && dir.is_dir());
    let digests = match &named.what {
        What::Bytes(source) if args.hash => {
            let progress = ui.progress("hash");
            verify::hash(&**source, &[Algorithm::Sha256], ui.threads, &progress)?
        }
        _ => Vec::new(),
    };
    let asked =
        Asked { name: &named.name, lists: &lists, digests: &digests, knowledge, osinfo, today: Some(&today) };
    let advised = |mut report: report::Inspect| {
        if args.no_advice {
            report.advice.clear();
        }
        report
    };
    match named.what {
        What::Directory(container) => Ok(advised(inspect(&Arc::from(container), &asked, options))),
        What::Bytes(source) => {
            let counting = Arc::new(Counting::new(source));
            let seen: discless::source::SharedSource = counting.clone();
            let options = options.at(named.surroundings.clone());
            let container = Arc::from(medium::open(&seen, &named.name, &options)?);
            let mut report = inspect(&container, &asked, &options);
            report.read_bytes = counting.bytes();
            Ok(advised(report))
        }
    }
}

/// The images of Windows media: number, name, identifier, build, size.
fn editions(out: &mut String, report: &report::Inspect) {
    if report.editions.is_empty() {
        return;
    }
    let _ = writeln!(out, "\neditions");
    for edition in &report.editions {
        let installation = match edition.installation.as_str() {
            "Server" => "Desktop",
            "Server Core" => "Core",
            other => other,
        };
        let words = [&*edition.id, installation, &*edition.platform, &*edition.build];
        let words = words.into_iter().filter(|word| !word.is_empty()).map(for_terminal);
        let words: Vec<_> = words.collect();
        let size = show::size(edition.bytes);
        let name = for_terminal(&edition.name);
        let _ = writeln!(out, "  {}  {name}: {}, {size}", edition.index, words.join(", "));
    }
}

/// What it is in one line: product, release, build, processor; else the label and the kind of image.
fn answer(report: &report::Inspect) -> String {
    let label = report.volume.get("label").map(|label| for_terminal(label).into_owned());
    let used = report.layers.iter().find(|layer| layer.used);
    let kind = for_terminal(used.map_or(report.format.as_str(), |layer| layer.detail.as_str()));
    let Some(product) = &report.product else {
        let title = label.unwrap_or_else(|| for_terminal(&report.source.name).into_owned());
        return format!("{title}, {kind}");
    };
    let mut out = for_terminal(&product.value).into_owned();
    let release = report.release.as_ref().map(|release| for_terminal(&release.value).into_owned());
    if let Some(release) = release.filter(|release| !out.contains(release.as_str())) {
        out = format!("{out} {release}");
    }
    if let Some(build) = report.build.as_ref().filter(|build| !out.contains(&build.value)) {
        let _ = write!(out, ", build {}", for_terminal(&build.value));
    }
    if report.platform.value != "unknown" {
        let _ = write!(out, ", {}", report.platform.value);
    }
    out
}

fn text(report: &report::Inspect, spec: &str, verbose: bool) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", answer(report));
    let whole = match (report.complete, report.tail_bytes) {
        (false, _) => format!("incomplete: {} missing", show::count(report.missing_bytes, "byte")),
        (true, _) => "complete".to_owned(),
    };
    let _ = writeln!(out, "{}, {whole}{}", show::size_and_bytes(report.source.bytes), boot(&report.boot));
    weighed(&mut out, "product", report.product.as_ref());
    weighed(&mut out, "release", report.release.as_ref());
    weighed(&mut out, "build", report.build.as_ref());
    platform(&mut out, &report.platform);
    if !report.languages.is_empty() {
        let _ = writeln!(out, "\nlanguages: {}", for_terminal(&report.languages.join(", ")));
    }
    editions(&mut out, report);
    if let Some(channel) = &report.channel {
        let _ = writeln!(out, "\nchannel: {}", for_terminal(channel));
    }
    layers(&mut out, report);
    programs(&mut out, report, verbose);
    volume(&mut out, report, verbose);
    if let Some(found) = &report.disc {
        let _ = writeln!(out, "\ndisc: {}", disc::fit(found.bytes).sentence());
    }
    findings(&mut out, report, verbose);
    if !report.advice.is_empty() {
        let _ = writeln!(out);
    }
    for advice in &report.advice {
        let style = super::ui::word(&advice.severity);
        let _ = writeln!(
            out,
            "{style}{}{style:#}: {} [{}]",
            advice.severity,
            for_terminal(&advice.note),
            advice.id
        );
    }
    if verbose {
        evidence(&mut out, report);
    }
    let _ = writeln!(out, "\ncan be checked");
    for item in &report.checkable {
        let _ = writeln!(out, "  {}", for_terminal(item));
    }
    let lists = report.checkable.iter().any(|item| item.contains("names this file"));
    let digest = if lists { "" } else { " --sha256 HASH" };
    let _ = writeln!(out, "next: discless verify {}{digest}", hints::quoted(spec));
    out
}

fn layers(out: &mut String, report: &report::Inspect) {
    let _ = writeln!(out, "\nlayers");
    for layer in &report.layers {
        let label =
            layer.label.as_deref().filter(|_| !layer.used).map(|label| format!("{}, ", for_terminal(label)));
        let thing = if layer.format == "el-torito" { "boot image" } else { "file" };
        let files = layer.entries.map(|files| show::count(files, thing));
        let unused = !layer.used && layer.entries.is_some() && layer.format != "el-torito";
        let unused = if unused { "; not used" } else { "" };
        let rest = format!("{}{}{unused}", label.unwrap_or_default(), files.unwrap_or_default());
        let comma = if rest.is_empty() { "" } else { ", " };
        let place =
            if layer.path.is_empty() { String::new() } else { format!(", in {}", for_terminal(&layer.path)) };
        let _ = writeln!(out, "  {:<12} {}{comma}{rest}{place}", layer.format, for_terminal(&layer.detail));
    }
}

/// The versions of programs: of interest where nothing says what the medium is.
fn programs(out: &mut String, report: &report::Inspect, verbose: bool) {
    if report.versions.is_empty() || (report.product.is_some() && !verbose) {
        return;
    }
    let _ = writeln!(out, "\nprograms");
    for file in &report.versions {
        let version =
            file.file_version.as_deref().or(file.product_version.as_deref()).unwrap_or("no version");
        let version = for_terminal(version);
        let product = file.product.as_deref().map(|product| format!(", {}", for_terminal(product)));
        let _ = writeln!(
            out,
            "  {}  {version} ({}){}",
            for_terminal(&file.path),
            for_terminal(&file.platform),
            product.unwrap_or_default()
        );
    }
}

fn findings(out: &mut String, report: &report::Inspect, verbose: bool) {
    for finding in &report.findings {
        if finding.severity != "note" || verbose || finding.what.contains("behind the volume") {
            let about = if finding.subject.is_empty() {
                String::new()
            } else {
                format!("{}: ", for_terminal(&finding.subject))
            };
            let style = super::ui::word(&finding.severity);
            let _ =
                writeln!(out, "{style}{}{style:#}: {about}{}", finding.severity, for_terminal(&finding.what));
        }
    }
}

fn evidence(out: &mut String, report: &report::Inspect) {
    let _ = writeln!(out, "\nevidence");
    for item in &report.evidence {
        let place = match item.place.as_str() {
            "" => String::new(),
            place => format!(" in {}", for_terminal(place)),
        };
        let raw = match item.raw == item.value {
            true => String::new(),
            false => format!(" ({})", for_terminal(item.raw.lines().next().unwrap_or_default())),
        };
        let _ = writeln!(
            out,
            "  {} {:<12} {}{raw}{place}, by {}, {}",
            item.class,
            item.field,
            for_terminal(&item.value),
            item.how,
            item.role
        );
    }
    let _ = writeln!(out, "  {} read for this", show::size(report.read_bytes));
}

/// A weighed value, what speaks for it, and what else is said.
fn weighed(out: &mut String, name: &str, found: Option<&report::Weighed>) {
    let Some(found) = found else { return };
    let vendor = found.vendor.as_deref().map(|vendor| format!(", {}", for_terminal(vendor)));
    let _ = writeln!(
        out,
        "\n{name}: {}{}   {}",
        for_terminal(&found.value),
        vendor.unwrap_or_default(),
        found.state
    );
    for because in &found.because {
        let _ = writeln!(out, "  because {}", for_terminal(because));
    }
    also(out, &found.also);
}

fn boot(boot: &report::Boot) -> String {
    match (boot.bios, boot.uefi.as_slice()) {
        (false, []) => String::new(),
        (true, []) => "; boots with BIOS".to_owned(),
        (false, uefi) => format!("; boots with UEFI ({})", uefi.join(", ")),
        (true, uefi) => format!("; boots with BIOS and UEFI ({})", uefi.join(", ")),
    }
}

fn platform(out: &mut String, platform: &report::Platform) {
    if platform.candidates == 0 && platform.value == "unknown" {
        return;
    }
    let counts: Vec<String> = platform
        .counts
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(word, number)| format!("{word} {number}"))
        .collect();
    let starter =
        platform.starter.as_ref().map(|starter| format!("; starter: {starter}")).unwrap_or_default();
    let sample = if platform.examined < platform.candidates {
        format!(" (a sample of {} in {})", platform.examined, platform.candidates)
    } else {
        String::new()
    };
    let _ = writeln!(
        out,
        "\nplatform: {}",
        [platform.value.as_str(), &counts.join(" · ")].join("   ").trim_end().to_owned() + &starter + &sample
    );
    for because in &platform.because {
        let _ = writeln!(out, "  because {}", for_terminal(because));
    }
    also(out, &platform.also);
}

fn also(out: &mut String, also: &[report::Also]) {
    for also in also {
        let place = if also.place.is_empty() { "it".into() } else { for_terminal(&also.place) };
        let _ =
            writeln!(out, "  {place} also says {}: {}", for_terminal(&also.value), for_terminal(&also.why));
    }
}

fn volume(out: &mut String, report: &report::Inspect, verbose: bool) {
    let shown = |name: &str| {
        verbose || matches!(name, "created" | "publisher" | "application" | "sessions" | "revision")
    };
    let mut first = true;
    for (name, value) in report.volume.iter().filter(|(name, _)| shown(name) && *name != "label") {
        if first {
            let _ = writeln!(out, "\nvolume");
            first = false;
        }
        let _ = writeln!(out, "  {name:<12} {}", for_terminal(value));
    }
}
