//! `discless inspect`.

use super::args::Inspect;
use super::list::options;
use super::ui::Ui;
use super::{Exit, hints, show};
use discless::formats::Options;
use discless::inspect::{disc, inspect};
use discless::nest::{self, What};
use discless::source::Counting;
use discless::text::for_terminal;
use discless::{Result, medium, report, verify};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

pub(super) fn run(ui: &Ui, args: &Inspect) -> Result<Exit> {
    let options = options(ui, &args.opening);
    let mut reports = Vec::new();
    let mut exit = Exit::Good;
    for spec in &args.sources {
        match one(spec, &options) {
            Ok(report) => {
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

fn one(spec: &str, options: &Options) -> Result<report::Inspect> {
    let named = nest::open(spec, &mut std::io::stdin(), options)?;
    let path = Path::new(&named.name);
    let lists = if path.is_file() { verify::beside(path)? } else { Vec::new() };
    let lists: Vec<String> = lists
        .iter()
        .filter(|found| !found.lines.is_empty())
        .map(|found| found.path.to_string_lossy().into_owned())
        .collect();
    match named.what {
        What::Directory(container) => Ok(inspect(&Arc::from(container), &named.name, &lists, options)),
        What::Bytes(source) => {
            let counting = Arc::new(Counting::new(source));
            let seen: discless::source::SharedSource = counting.clone();
            let options = options.at(named.surroundings.clone());
            let container = Arc::from(medium::open(&seen, &named.name, &options)?);
            let mut report = inspect(&container, &named.name, &lists, &options);
            report.read_bytes = counting.bytes();
            Ok(report)
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
    if let Some(channel) = &report.channel {
        let _ = writeln!(out, "  channel: {}", for_terminal(channel));
    }
    for advice in &report.advice {
        let _ = writeln!(out, "  {}: {}", advice.severity, for_terminal(&advice.note));
    }
}

fn text(report: &report::Inspect, spec: &str, verbose: bool) -> String {
    let mut out = String::new();
    let label = report.volume.get("label").map(|label| for_terminal(label).into_owned());
    let used = report.layers.iter().find(|layer| layer.used);
    let kind = used.map_or(report.format.as_str(), |layer| layer.detail.as_str());
    let title =
        label.or_else(|| product(report)).unwrap_or_else(|| for_terminal(&report.source.name).into_owned());
    let _ = writeln!(out, "{title}, {kind}");
    let whole = match (report.complete, report.tail_bytes) {
        (false, _) => format!("incomplete: {} bytes are missing", show::exact(report.missing_bytes)),
        (true, _) => "complete".to_owned(),
    };
    let _ = writeln!(
        out,
        "{} ({} bytes), {whole}{}",
        size(report),
        show::exact(report.source.bytes),
        boot(&report.boot)
    );
    editions(&mut out, report);
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
    weighed(&mut out, "product", report.product.as_ref());
    weighed(&mut out, "build", report.build.as_ref());
    if !report.languages.is_empty() {
        let _ = writeln!(out, "\nlanguages: {}", for_terminal(&report.languages.join(", ")));
    }
    platform(&mut out, &report.platform);
    for file in &report.versions {
        let version =
            file.file_version.as_deref().or(file.product_version.as_deref()).unwrap_or("no version");
        let product = file.product.as_deref().map(|product| format!(", {}", for_terminal(product)));
        let _ = writeln!(
            out,
            "  {}  {version} ({}){}",
            for_terminal(&file.path),
            file.platform,
            product.unwrap_or_default()
        );
    }
    volume(&mut out, report, verbose);
    if let Some(found) = &report.disc {
        let _ = writeln!(out, "\ndisc: {}", disc::fit(found.bytes).sentence());
    }
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
    if verbose {
        let _ = writeln!(out, "\nevidence");
        for item in &report.evidence {
            let place = if item.place.is_empty() {
                String::new()
            } else {
                format!(" in {}", for_terminal(&item.place))
            };
            let _ = writeln!(
                out,
                "  {} {} {}{place}, by {} ({})",
                item.class,
                item.field,
                for_terminal(&item.value),
                item.how,
                item.role
            );
        }
        let _ = writeln!(out, "  {} read for this", show::size(report.read_bytes));
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

/// Product and version in a few words.
fn product(report: &report::Inspect) -> Option<String> {
    let product = for_terminal(&report.product.as_ref()?.value).into_owned();
    Some(match &report.build {
        Some(build) if !product.contains(&build.value) => format!("{product} {}", for_terminal(&build.value)),
        _ => product,
    })
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
    for also in &found.also {
        let _ = writeln!(
            out,
            "  {} also says {}: {}",
            for_terminal(&also.place),
            for_terminal(&also.value),
            also.why
        );
    }
}

fn size(report: &report::Inspect) -> String {
    show::size(report.source.bytes)
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
