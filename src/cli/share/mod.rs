//! `discless share`.

mod add;
mod check;
mod export;
mod init;
mod list;
mod remove;
mod sign;
mod update;

use super::Exit;
use super::args::ShareCommand;
use super::confine::Confined;
use super::ui::Ui;
use discless::Result;
use discless::text::for_terminal;
use std::path::Path;

pub(super) fn run(ui: &Ui, command: ShareCommand, confined: &mut Confined) -> Result<Exit> {
    match command {
        ShareCommand::Init(args) => init::run(ui, &args),
        ShareCommand::Add(args) => add::run(ui, &args),
        ShareCommand::Check(args) => check::run(ui, &args, confined),
        ShareCommand::List(args) => list::run(ui, &args),
        ShareCommand::Remove(args) => remove::run(ui, &args),
        ShareCommand::AddUpdate(args) => update::run(ui, &args),
        ShareCommand::Sign(args) => sign::run(ui, &args),
        ShareCommand::Export(args) => export::run(ui, &args, confined),
    }
}

/// Lines of a list that are shown without -v.
const MOST_LINES: usize = 20;

/// The first of many lines, and how many more there are.
fn few(ui: &Ui, out: &mut String, lines: impl Iterator<Item = String>) {
    let mut more = 0usize;
    for (at, line) in lines.enumerate() {
        if at < MOST_LINES || ui.verbose {
            out.push_str(&line);
            out.push('\n');
        } else {
            more += 1;
        }
    }
    if more > 0 {
        out.push_str(&format!("           and {more} more (-v or --json lists all)\n"));
    }
}

/// A path as a share has it, for people.
fn shown(path: &Path) -> String {
    for_terminal(&path.to_string_lossy()).into_owned()
}
