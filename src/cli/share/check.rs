//! `discless share check`.

use crate::cli::Exit;
use crate::cli::args::Check;
use crate::cli::confine::Confined;
use crate::cli::hints::quoted;
use crate::cli::show::{check_reports, count, exact, size};
use crate::cli::ui::{Ui, word};
use discless::error::Kind;
use discless::report::share as report;
use discless::share::{self, Checking, Mode, NAMESPACE, Share, Standing, Survey};
use discless::text::for_terminal;
use discless::time::Timestamp;
use discless::verify::{Keys, Outcome};
use discless::{Result, page};
use std::fmt::Write as _;

pub(super) fn run(ui: &Ui, args: &Check, confined: &Confined) -> Result<Exit> {
    let share = Share::open(&args.share)?;
    let survey = share.survey()?;
    let items = survey.select(&share, &args.products)?;
    let keys = match args.signature || !args.key.is_empty() {
        true => Some(Keys::named(&args.key)?.for_namespace(NAMESPACE)),
        false => None,
    };
    let mode = if args.full { Mode::Full } else { Mode::Quick };
    let progress = ui.progress("check");
    let checking = Checking { mode, threads: ui.threads, keys: keys.as_ref(), observer: &progress };
    let found = share::check(&share, &items, &checking).inspect_err(|error| {
        if matches!(error.kind(), Kind::Cancelled) && args.full {
            ui.note("interrupted; the same command again goes on where it stopped");
        }
    })?;
    drop(progress);
    let document = document(ui, args, &survey, &found);
    if let Some(path) = &args.report {
        confined.outputs.write_new(path, page::share_check(&document, &Timestamp::today()).as_bytes())?;
        ui.note(&format!("report written to {}", super::shown(path)));
    }
    let exit = match document.standing.as_str() {
        "good" => Exit::Good,
        "unverified" => Exit::Unverified,
        _ => Exit::Bad,
    };
    if ui.json {
        ui.document(&document)?;
    } else {
        tell(ui, args, &survey, &found, &document)?;
    }
    Ok(exit)
}

/// The worst of all products and of the index. Nothing to check is nothing vouched for.
fn standing(found: &share::Report, survey: &Survey) -> Standing {
    let index = if found.index.iter().any(|check| check.outcome == Outcome::Damaged)
        || survey.index_trouble.is_some()
    {
        Standing::Bad
    } else if !found.index.is_empty() && !found.index.iter().any(|check| check.outcome == Outcome::Ok) {
        Standing::Unverified
    } else {
        Standing::Good
    };
    let none = if found.products.is_empty() { Standing::Unverified } else { Standing::Good };
    found.products.iter().map(|product| product.standing).max().unwrap_or(none).max(index)
}

fn document(ui: &Ui, args: &Check, survey: &Survey, found: &share::Report) -> report::Checked {
    report::Checked {
        schema: report::schema("check"),
        discless: report::version(),
        share: args.share.to_string_lossy().into_owned(),
        mode: if args.full { "full" } else { "quick" }.to_owned(),
        standing: standing(found, survey).name().to_owned(),
        products: found.products.iter().map(report::CheckedProduct::from).collect(),
        index: check_reports(&found.index),
        index_error: survey.index_trouble.as_ref().map(|error| ui.error_report(error)),
        unfinished: survey.unfinished.clone(),
        resumed: found.resumed,
    }
}

fn tell(
    ui: &Ui,
    args: &Check,
    survey: &Survey,
    found: &share::Report,
    document: &report::Checked,
) -> Result<()> {
    let mut out = String::new();
    for (product, report) in found.products.iter().zip(&document.products) {
        let name = match product.standing {
            Standing::Good => "ok",
            Standing::Unverified => "unverified",
            Standing::Bad => "bad",
        };
        let style = word(if name == "bad" { "damaged" } else { name });
        let _ =
            writeln!(out, "{style}{name:<10}{style:#} {} ({})", for_terminal(&product.folder), product.id);
        if product.standing == Standing::Unverified && product.verdict != "verified" {
            let _ = writeln!(out, "           as it was added; nothing vouched for it then");
        }
        super::few(ui, &mut out, report.differences.iter().map(difference));
        for check in &product.signatures {
            let style = word(check.outcome.name());
            let _ = writeln!(out, "           {style}signature{style:#} {}", for_terminal(&check.note));
        }
    }
    for check in &found.index {
        let style = word(check.outcome.name());
        let _ = writeln!(
            out,
            "{style}{:<10}{style:#} index: {}",
            check.outcome.name(),
            for_terminal(&check.note)
        );
    }
    ui.answer(&out)?;
    if let Some(error) = &survey.index_trouble {
        ui.complain(error);
    }
    let dir = quoted(&args.share.to_string_lossy());
    for source in &survey.unfinished {
        ui.note(&format!("unfinished: {}; the same `share add` again goes on with it", for_terminal(source)));
    }
    if !survey.unfinished.is_empty() {
        ui.hint(&format!("discless share remove {dir} --unfinished"));
    }
    ui.answer(&summary(found, document))?;
    let missing = survey.items.iter().any(|item| item.state == share::State::Missing);
    if missing {
        ui.hint(&format!("discless share remove {dir} PRODUCT   # forgets one that is gone"));
    }
    Ok(())
}

fn difference(difference: &report::Difference) -> String {
    let path = for_terminal(&difference.path);
    let why = for_terminal(&difference.why);
    let what = &difference.what;
    match (what.as_str(), &difference.to) {
        (_, Some(to)) => format!("           {what:<9} {path} is {} now", for_terminal(to)),
        ("manifest", _) => format!("           {what:<9} {why}"),
        ("missing", _) if path.is_empty() => format!("           {what:<9} the whole folder"),
        ("added", _) => format!("           {what:<9} {path}: no manifest names it"),
        _ if why.is_empty() => format!("           {what:<9} {path}"),
        _ => format!("           {what:<9} {path}: {why}"),
    }
}

/// The last line.
fn summary(found: &share::Report, document: &report::Checked) -> String {
    let products = count(found.products.len() as u64, "product");
    let files = found.products.iter().fold(0, |sum, product| sum + product.files);
    let bytes = found.products.iter().fold(0u64, |sum, product| sum.saturating_add(product.bytes));
    let read = found.products.iter().fold(0, |sum, product| sum + product.read);
    let resumed = match found.resumed {
        0 => String::new(),
        n => format!(", {} of them by the check that was stopped", exact(n)),
    };
    let by = match document.mode.as_str() {
        "full" => format!("every byte was read{resumed}"),
        _ if read > 0 => format!("by size and time, {} by its bytes", count(read, "file")),
        _ => "by size and time".to_owned(),
    };
    let style = word(match document.standing.as_str() {
        "good" => "ok",
        "bad" => "damaged",
        other => other,
    });
    let differences = found.products.iter().map(|product| product.differences.len()).sum::<usize>();
    match document.standing.as_str() {
        "good" => {
            format!("{style}good{style:#}: {products}, {}, {}, {by}\n", count(files, "file"), size(bytes))
        }
        "unverified" if found.products.is_empty() => {
            format!("{style}not verified{style:#}: there is no product to check\n")
        }
        "unverified" => format!(
            "{style}not verified{style:#}: all is as it was ({by}), and nothing vouches for some of it\n"
        ),
        _ if differences == 0 => {
            format!("{style}bad{style:#}: a signature or the index is not as it must be\n")
        }
        _ => format!("{style}bad{style:#}: {} in {products}\n", count(differences as u64, "difference")),
    }
}
