//! `discless share list`.

use crate::cli::Exit;
use crate::cli::args::ListProducts;
use crate::cli::show::{count, size};
use crate::cli::ui::{Ui, word};
use discless::Result;
use discless::facts::{Facts, Severity};
use discless::report::share as report;
use discless::share::{self, Share, Shown, State};
use discless::text::for_terminal;
use discless::time::Timestamp;
use std::fmt::Write as _;

pub(super) fn run(ui: &Ui, args: &ListProducts) -> Result<Exit> {
    let share = Share::open(&args.share)?;
    let survey = share.survey()?;
    let facts = Facts::compiled();
    let products = share::list(&survey, &facts, &Timestamp::today());
    if ui.json {
        ui.document(&report::Products {
            schema: report::schema("list"),
            discless: report::version(),
            share: args.share.to_string_lossy().into_owned(),
            products: products.iter().map(report::ListedProduct::from).collect(),
            unfinished: survey.unfinished.clone(),
        })?;
        return Ok(Exit::Good);
    }
    let mut out = String::new();
    products.iter().for_each(|shown| product(&mut out, shown, ui.verbose));
    let bytes = products
        .iter()
        .filter_map(|shown| shown.item.listed.as_ref())
        .fold(0u64, |sum, one| sum.saturating_add(one.bytes));
    let _ = writeln!(out, "{}, {}", count(products.len() as u64, "product"), size(bytes));
    ui.answer(&out)?;
    for source in &survey.unfinished {
        ui.note(&format!("unfinished: {}; the same `share add` again goes on with it", for_terminal(source)));
    }
    Ok(Exit::Good)
}

fn product(out: &mut String, shown: &Shown<'_>, verbose: bool) {
    let item = shown.item;
    let _ = writeln!(out, "{}  {}", item.id(), for_terminal(&item.title()));
    let _ = writeln!(out, "              {}", for_terminal(&item.folder));
    if let Some(listed) = &item.listed {
        let day = listed.added.split('T').next().unwrap_or_default();
        let by = match listed.verified_by.as_slice() {
            [] => {
                let style = word("unverified");
                format!("{style}not verified{style:#}")
            }
            by => format!("verified: {}", for_terminal(&by.join(", "))),
        };
        let updates =
            if listed.updates > 0 { format!(", {}", count(listed.updates, "update")) } else { String::new() };
        let files = count(listed.files, "file");
        let _ = writeln!(out, "              {}, {files}{updates}; added {day}; {by}", size(listed.bytes));
        if verbose {
            let _ = writeln!(
                out,
                "              from {}, sha256 {}",
                for_terminal(&listed.source),
                listed.source_sha256
            );
        }
    }
    let warn = word("warn");
    let state = match &item.state {
        State::Known => None,
        State::New => Some("the index does not have it yet".to_owned()),
        State::Edited => Some("its manifest was edited".to_owned()),
        State::Moved { from } => Some(format!("it was in {}", for_terminal(from))),
        State::Missing => Some("it is not there".to_owned()),
    };
    if let Some(state) = state {
        let _ = writeln!(out, "              {warn}{}{warn:#}: {state}", item.state_name());
    }
    let shown = shown.advice.iter().filter(|rule| verbose || rule.severity == Severity::Warn);
    for rule in shown {
        let style = word(rule.severity.word());
        let _ = writeln!(
            out,
            "              {style}{}{style:#}: {} [{}]",
            rule.severity.word(),
            for_terminal(&rule.note),
            rule.id
        );
    }
}
