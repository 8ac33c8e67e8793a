//! `discless share add-update`.

use crate::cli::Exit;
use crate::cli::args::AddUpdate;
use crate::cli::list::options;
use crate::cli::ui::Ui;
use discless::error::Kind;
use discless::inspect::Knowledge;
use discless::report::share as report;
use discless::share::{self, AddedUpdate, Share};
use discless::text::for_terminal;
use discless::{Error, Result};
use std::fmt::Write as _;
use std::path::Path;

pub(super) fn run(ui: &Ui, args: &AddUpdate) -> Result<Exit> {
    let share = Share::open(&args.share)?;
    let knowledge = Knowledge::compiled()?;
    let options = args.passwords.with(options(ui, &args.opening))?;
    let lock = share.lock("add-update")?;
    let mut exit = Exit::Good;
    let mut reports = Vec::new();
    for file in &args.files {
        let progress = ui.progress("update");
        let added = share::add_update(&share, &lock, &args.product, file, &options, &knowledge, &progress);
        drop(progress);
        match added {
            Ok(added) => {
                if !ui.json {
                    tell(ui, file, &added)?;
                }
                reports.push(done(file, added));
            }
            Err(error) if args.files.len() > 1 && !matches!(error.kind(), Kind::Cancelled) => {
                ui.complain(&error);
                exit = exit.and(Exit::of(&error));
                reports.push(refused(ui, file, &error));
            }
            Err(error) => return Err(error),
        }
    }
    if ui.json {
        ui.document(&report::Updated {
            schema: report::schema("add-update"),
            discless: report::version(),
            share: args.share.to_string_lossy().into_owned(),
            updates: reports,
        })?;
    }
    Ok(exit)
}

fn tell(ui: &Ui, file: &Path, added: &AddedUpdate) -> Result<()> {
    let mut out = String::new();
    let _ = writeln!(out, "{}: {}", super::shown(file), for_terminal(&added.title));
    for reason in &added.fits {
        let _ = writeln!(out, "  fits: {}", for_terminal(reason));
    }
    let word = if added.already { "is there already" } else { "added" };
    let _ = writeln!(out, "{word}: {}", for_terminal(&added.path));
    ui.answer(&out)?;
    for other in &added.beside {
        ui.warn(&format!("{other} is there, too: setup takes them in the order of their names, and the last cumulative one is enough"));
    }
    Ok(())
}

fn done(file: &Path, added: AddedUpdate) -> report::UpdatedFile {
    report::UpdatedFile {
        file: file.to_string_lossy().into_owned(),
        outcome: if added.already { "already" } else { "added" }.to_owned(),
        path: added.path,
        title: added.title,
        fits: added.fits,
        beside: added.beside,
        error: None,
    }
}

fn refused(ui: &Ui, file: &Path, error: &Error) -> report::UpdatedFile {
    report::UpdatedFile {
        file: file.to_string_lossy().into_owned(),
        outcome: "refused".to_owned(),
        path: String::new(),
        title: String::new(),
        fits: Vec::new(),
        beside: Vec::new(),
        error: Some(ui.error_report(error)),
    }
}
