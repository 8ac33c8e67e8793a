//! `discless share add`.

use crate::cli::args::{Add, SharingChoice};
use crate::cli::hints::quoted;
use crate::cli::list::options;
use crate::cli::show::{checks, count, size, verdict};
use crate::cli::ui::{Ui, word};
use crate::cli::verify::{add_beside, expectations, open};
use crate::cli::{Exit, show};
use discless::acquire::Accept;
use discless::error::Kind;
use discless::formats::Options;
use discless::inspect::Knowledge;
use discless::nest::What;
use discless::report::{self as contract, share as report};
use discless::share::{self, Added, Adding, Lock, Outcome, Secrets, Share, Sharing};
use discless::text::for_terminal;
use discless::verify::Verdict;
use discless::{Error, Result};
use std::fmt::Write as _;

pub(super) fn run(ui: &Ui, args: &Add) -> Result<Exit> {
    let is_of_one =
        !args.expected.values()?.is_empty() || !args.expected.expect.is_empty() || args.folder.is_some();
    if args.sources.len() > 1 && is_of_one {
        return Err(Error::usage(
            "one digest, or one folder, cannot be that of several sources: add them one by one",
        ));
    }
    let share = Share::open(&args.share)?;
    let knowledge = match &args.facts {
        Some(dir) => Knowledge::with_dir(dir)?,
        None => Knowledge::compiled()?,
    };
    let options = args.passwords.with(options(ui, &args.opening))?;
    let lock = share.lock("add")?;
    let mut exit = Exit::Good;
    let mut reports = Vec::new();
    let mut missed = 0u64;
    for spec in &args.sources {
        match one(ui, args, &share, &lock, spec, &knowledge, &options) {
            Ok(added) => {
                exit = exit.and(of(added.outcome));
                if !ui.json {
                    ui.answer(if reports.is_empty() { "" } else { "\n" })?;
                    tell(ui, args, spec, &added)?;
                }
                missed = missed.saturating_add(added.saved.missed);
                reports.push(report(ui, spec, &added));
            }
            Err(error) if matches!(error.kind(), Kind::Cancelled) => {
                ui.note("interrupted; the same command again goes on where it stopped");
                return Err(error);
            }
            Err(error) if args.sources.len() > 1 => {
                ui.complain(&error);
                exit = exit.and(Exit::of(&error));
                reports.push(failed(ui, spec, &error));
            }
            Err(error) => return Err(error),
        }
    }
    if missed > 0 {
        ui.note(&format!(
            "{} are stored again: this file system cannot share blocks (--link=hard makes them one file)",
            size(missed)
        ));
    }
    if ui.json {
        ui.document(&report::Add {
            schema: report::schema("add"),
            discless: report::version(),
            share: args.share.to_string_lossy().into_owned(),
            sources: reports,
        })?;
    }
    Ok(exit)
}

fn of(outcome: Outcome) -> Exit {
    match outcome {
        Outcome::Added | Outcome::Already => Exit::Good,
        Outcome::Unverified => Exit::Unverified,
        Outcome::Damaged => Exit::Bad,
        Outcome::Incomplete => Exit::Failed,
    }
}

fn one(
    ui: &Ui,
    args: &Add,
    share: &Share,
    lock: &Lock,
    spec: &str,
    knowledge: &Knowledge,
    options: &Options,
) -> Result<Added> {
    let named = open(spec, &args.expected, options)?;
    let is_directory = matches!(named.what, What::Directory(_));
    let mut list = None;
    let mut expected = discless::verify::Expectations::default();
    if is_directory {
        let ([] | [_]) = args.expected.sums.as_slice() else {
            return Err(Error::usage(format!(
                "{spec} is a directory: name one list of its files with --sums"
            )));
        };
        if !args.expected.values()?.is_empty() || !args.expected.expect.is_empty() {
            return Err(Error::usage(format!("{spec} is a directory: no digest is that of a directory")));
        }
        list = args.expected.sums.first().map(std::path::PathBuf::as_path);
    } else {
        expected = expectations(&args.expected, &named.name)?;
        if !args.no_sidecars {
            add_beside(&args.expected, &named.name, &mut expected)?;
        }
    }
    let progress = ui.progress("add");
    let adding = Adding {
        expectations: &expected,
        list,
        accept: if args.allow_unverified { Accept::Unverified } else { Accept::Verified },
        secrets: if args.strip_secrets { Secrets::LeaveOut } else { Secrets::Keep },
        sharing: match args.link {
            SharingChoice::Reflink => Sharing::Reflink,
            SharingChoice::Hard => Sharing::Hard,
            SharingChoice::None => Sharing::None,
        },
        folder: args.folder.as_deref(),
        options,
        knowledge,
        threads: ui.threads,
        observer: &progress,
    };
    share::add(share, lock, named, &adding)
}

fn tell(ui: &Ui, args: &Add, spec: &str, added: &Added) -> Result<()> {
    let mut out = String::new();
    let folder = for_terminal(&added.folder);
    if added.outcome == Outcome::Already {
        let _ = writeln!(out, "{}: the share has it already: {folder} ({})", for_terminal(spec), added.id);
        return ui.answer(&out);
    }
    let title = added.product.title("not identified");
    let _ = writeln!(out, "{}: {}", for_terminal(spec), for_terminal(&title));
    out.push_str(&checks(&added.checks));
    notes(ui, &mut out, added);
    for (path, error) in &added.failed {
        ui.complain(&Error::from(std::io::Error::other(format!("{path}: {error}"))));
    }
    let found = added.verdict.unwrap_or(Verdict::Unverified);
    if added.outcome == Outcome::Added {
        let resumed = match added.resumed {
            0 => String::new(),
            n => format!(" ({} were there from a run that was stopped)", show::exact(n)),
        };
        let saved = match added.saved.files {
            0 => String::new(),
            n => format!(
                "; {} of it stored once with what was there ({})",
                size(added.saved.bytes),
                count(n, "file")
            ),
        };
        let files = count(added.files, "file");
        let _ = writeln!(out, "added {files}, {}{resumed}{saved}", size(added.bytes));
        let _ = writeln!(out, "   to {folder} ({})", added.id);
    }
    ui.answer(&out)?;
    match added.outcome {
        Outcome::Added if found == Verdict::Unverified => {
            let style = word("unverified");
            ui.answer(&format!("{style}not verified{style:#}: nothing vouched for it; it is marked so\n"))?;
        }
        Outcome::Incomplete => {
            let style = word("damaged");
            ui.answer(&format!(
                "{style}not added{style:#}: {} could not be read\n",
                count(added.failed.len() as u64, "file")
            ))?;
        }
        _ => ui.answer(&verdict(found, &added.checks))?,
    }
    let again = format!("discless share add {}", quoted(&args.share.to_string_lossy()));
    match added.outcome {
        Outcome::Unverified => {
            ui.hint(&format!("{again} {} --sha256 HASH, or --allow-unverified", quoted(spec)))
        }
        Outcome::Damaged => ui.hint("download it again, from the publisher; nothing was added"),
        _ => {}
    }
    Ok(())
}

/// What is good to know about the files.
fn notes(ui: &Ui, out: &mut String, added: &Added) {
    let style = word("weak");
    super::few(
        ui,
        out,
        added.secrets.iter().map(|secret| {
            let kind = if secret.kind == "password" { "a password" } else { "a product key" };
            let there =
                if secret.left_out { "left out" } else { "in the share; --strip-secrets leaves it out" };
            format!("{style}secret{style:#}     {} holds {kind}: {there}", for_terminal(&secret.path))
        }),
    );
    super::few(
        ui,
        out,
        added.renamed.iter().map(|item| {
            let local = item.local.to_string_lossy();
            format!(
                "{style}renamed{style:#}    {} is {}: {}",
                for_terminal(item.path.text()),
                for_terminal(&local),
                item.why
            )
        }),
    );
    let secret = |path: &str| added.secrets.iter().any(|secret| secret.left_out && secret.path == path);
    let left = added.left.iter().filter(|left| !secret(left.path.trim_start_matches('/')));
    super::few(
        ui,
        out,
        left.map(|left| format!("{style}left out{style:#}   {}: {}", for_terminal(&left.path), left.why)),
    );
    super::few(
        ui,
        out,
        added.troubles.iter().map(|trouble| {
            format!("{style}name{style:#}       {}: {}", for_terminal(&trouble.path), trouble.why)
        }),
    );
}

fn report(ui: &Ui, spec: &str, added: &Added) -> report::Added {
    let source =
        contract::Source { name: spec.to_owned(), bytes: added.source_bytes, sha256: added.sha256.clone() };
    let failed = |(path, error): &(String, Error)| contract::Failed {
        path: path.clone(),
        error: ui.error_report(error),
    };
    report::Added {
        source,
        outcome: added.outcome.name().to_owned(),
        id: added.id.clone(),
        folder: added.folder.clone(),
        product: added.product.clone(),
        verdict: added.verdict.map(|verdict| verdict.name().to_owned()),
        checks: show::check_reports(&added.checks),
        files: added.files,
        resumed: added.resumed,
        bytes: added.bytes,
        shared_files: added.saved.files,
        shared_bytes: added.saved.bytes,
        unshared_bytes: added.saved.missed,
        secrets: added.secrets.clone(),
        left: added
            .left
            .iter()
            .map(|l| contract::Left { path: l.path.clone(), why: l.why.to_owned() })
            .collect(),
        renamed: added.renamed.iter().map(contract::Renamed::from).collect(),
        failed: added.failed.iter().map(failed).collect(),
        troubles: added.troubles.iter().map(report::Trouble::from).collect(),
        error: None,
    }
}

/// A source that could not be added.
fn failed(ui: &Ui, spec: &str, error: &Error) -> report::Added {
    report::Added {
        source: contract::Source { name: spec.to_owned(), bytes: 0, sha256: None },
        outcome: "failed".to_owned(),
        id: String::new(),
        folder: String::new(),
        product: share::Product::default(),
        verdict: None,
        checks: Vec::new(),
        files: 0,
        resumed: 0,
        bytes: 0,
        shared_files: 0,
        shared_bytes: 0,
        unshared_bytes: 0,
        secrets: Vec::new(),
        left: Vec::new(),
        renamed: Vec::new(),
        failed: Vec::new(),
        troubles: Vec::new(),
        error: Some(ui.error_report(error)),
    }
}
