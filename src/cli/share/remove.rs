//! `discless share remove`.

use crate::cli::Exit;
use crate::cli::args::Remove;
use crate::cli::show::{count, size};
use crate::cli::ui::{Ui, word};
use discless::Result;
use discless::report::{self as contract, share as report};
use discless::share::{self, Removal, Removed, Share};
use discless::text::for_terminal;
use std::fmt::Write as _;

pub(super) fn run(ui: &Ui, args: &Remove) -> Result<Exit> {
    let share = Share::open(&args.share)?;
    let lock = share.lock("remove")?;
    let Some(product) = &args.product else {
        let number = share::remove_unfinished(&share, &lock)?;
        if ui.json {
            ui.document(&document(args, "", &Removed { gone: true, ..Removed::default() }))?;
        } else {
            ui.answer(&format!("removed what {} left\n", count(number, "unfinished run")))?;
        }
        return Ok(Exit::Good);
    };
    let removal = match (args.dry_run, args.force) {
        (true, _) => Removal::DryRun,
        (false, false) => Removal::Owned,
        (false, true) => Removal::Changed,
    };
    let progress = ui.progress("remove");
    let (removed, folder) = share::remove(&share, &lock, product, removal, &progress)?;
    drop(progress);
    if ui.json {
        ui.document(&document(args, &folder, &removed))?;
        return Ok(exit(args, &removed));
    }
    let mut out = String::new();
    let style = word("weak");
    super::few(
        ui,
        &mut out,
        removed
            .kept
            .iter()
            .map(|(path, why)| format!("{style}stays{style:#}      {}: {why}", for_terminal(path))),
    );
    let what = format!("{}, {}", count(removed.files, "file"), size(removed.bytes));
    let folder = for_terminal(&folder);
    let _ = match (args.dry_run, removed.gone) {
        (true, _) => writeln!(out, "would remove {what}, from {folder}"),
        (false, true) if removed.files == 0 => writeln!(out, "forgot {folder}: it was not there any more"),
        (false, true) => writeln!(out, "removed {what}: {folder} is gone"),
        (false, false) => writeln!(
            out,
            "removed {what}, from {folder}; it is no product any more, and {} stayed",
            count(removed.kept.len() as u64, "file")
        ),
    };
    ui.answer(&out)?;
    Ok(exit(args, &removed))
}

/// What was to go and stayed, because it changed, is for somebody to look at.
fn exit(args: &Remove, removed: &Removed) -> Exit {
    let changed = removed.kept.iter().any(|(_, why)| why.contains("changed"));
    if changed && !args.dry_run { Exit::Failed } else { Exit::Good }
}

fn document(args: &Remove, folder: &str, removed: &Removed) -> report::Removed {
    report::Removed {
        schema: report::schema("remove"),
        discless: report::version(),
        share: args.share.to_string_lossy().into_owned(),
        folder: folder.to_owned(),
        dry_run: args.dry_run,
        gone: removed.gone,
        files: removed.files,
        bytes: removed.bytes,
        kept: removed
            .kept
            .iter()
            .map(|(path, why)| contract::Left { path: path.clone(), why: (*why).to_owned() })
            .collect(),
    }
}
