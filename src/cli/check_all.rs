//! `discless verify --check-all`: every file that a list names.

use super::args::Verify;
use super::ui::{Ui, word};
use super::verify::exit;
use super::{Exit, show};
use discless::text::for_terminal;
use discless::verify::{Listed, ListedFile, Missing, Outcome, Sums, Turnout, Verdict};
use discless::{Error, Result, report, verify};
use std::path::Path;

pub(super) fn run(ui: &Ui, args: &Verify) -> Result<Exit> {
    let mut reports = Vec::new();
    let mut worst = Exit::Good;
    for list in &args.sources {
        match one(ui, args, list) {
            Ok((report, exit)) => {
                reports.push(report);
                worst = worst.and(exit);
            }
            Err(error) if args.sources.len() > 1 => {
                ui.complain(&error);
                worst = worst.and(Exit::of(&error));
            }
            Err(error) => return Err(error),
        }
    }
    if ui.json {
        ui.document(&report::Document::new("verify", reports))?;
    }
    Ok(worst)
}

fn one(ui: &Ui, args: &Verify, list: &str) -> Result<(report::Verify, Exit)> {
    let path = Path::new(list);
    let sums = verify::read_list(path)?.named_by_list(list);
    if args.strict {
        strict(&sums).map_err(|error| error.of(list))?;
    }
    for remark in sums.remarks() {
        ui.note(&format!("{}: {remark}", for_terminal(list)));
    }
    let nameless = sums.lines.iter().filter(|line| line.name.is_none()).count() as u64;
    if nameless > 0 {
        let what = show::count(nameless, "digest");
        ui.note(&format!("{}: {what} without a file's name, not used", for_terminal(list)));
    }
    let missing = if args.ignore_missing { Missing::Ignored } else { Missing::Damaged };
    let progress = ui.progress("verify");
    let dir = path.parent().unwrap_or(Path::new(""));
    let found = verify::listed(&sums, list, dir, missing, ui.threads, &progress, &mut |file| {
        if ui.json { Ok(()) } else { ui.answer(&line(file, missing)) }
    })?;
    drop(progress);
    let verdict = found.verdict();
    if !ui.json {
        ui.answer(&last_line(&found, list, verdict))?;
    }
    let mut worst = exit(verdict);
    if let Some(error) = &found.unread {
        worst = worst.and(Exit::of(error));
    }
    let source = report::Source { name: list.to_owned(), bytes: found.bytes, sha256: None };
    let checks = show::check_reports(&found.checks);
    Ok((report::Verify { source, verdict: verdict.name().to_owned(), checks, coverage: None }, worst))
}

/// The first line that would pass without `--strict`.
fn strict(sums: &Sums) -> Result<()> {
    let bad = sums.bad.iter().map(|bad| (bad.line_number, bad.why.to_string()));
    let other = sums.not_understood.iter().map(|&line| (line, "not understood".to_owned()));
    let unsupported = sums
        .unsupported
        .iter()
        .map(|other| (other.line_number, format!("{} is not computed here", other.algorithm)));
    let outside = (sums.outside_signature > 0).then(|| (0, String::new()));
    match bad.chain(other).chain(unsupported).chain(outside).min() {
        None => Ok(()),
        Some((0, _)) => Err(Error::usage("has lines outside its signed part")),
        Some((line, why)) => Err(Error::usage(format!("line {line}: {why}"))),
    }
}

/// As coreutils writes it, so that what reads `sha256sum -c` reads this.
fn line(file: &ListedFile, missing: Missing) -> String {
    let (mark, name) = verify::escaped(&file.name);
    let name = for_terminal(&name);
    let (style, text) = match &file.turnout {
        Turnout::Ok => (word("ok"), "OK".to_owned()),
        Turnout::Differs(what) => (word("damaged"), format!("FAILED ({})", what.join(", "))),
        Turnout::Missing if missing == Missing::Ignored => return String::new(),
        Turnout::Missing => (word("damaged"), "FAILED open or read (it is not there)".to_owned()),
        Turnout::Unchecked(why) => (word("unchecked"), format!("NOT CHECKED ({why})")),
        Turnout::Unread(error) => {
            let why = for_terminal(&error.kind().to_string()).into_owned();
            (word("damaged"), format!("FAILED open or read ({why})"))
        }
    };
    format!("{mark}{name}: {style}{text}{style:#}\n")
}

fn last_line(found: &Listed, list: &str, verdict: Verdict) -> String {
    let style = word(verdict.name());
    let list = for_terminal(list);
    let some = |number: u64, words: &str| (number > 0).then(|| format!("{} {words}", show::exact(number)));
    let strong = found.checks.iter().any(|check| check.vouches && check.outcome == Outcome::Ok);
    let text = match verdict {
        Verdict::Verified => {
            let (files, verb) = (show::count(found.good, "file"), if found.good == 1 { "is" } else { "are" });
            let weak = if strong { "" } else { "; its digests are weak: such files can be made" };
            let missing = some(found.missing, "not there").map(|text| format!("; {text}"));
            format!("{files} {verb} what {list} names{}{weak}", missing.unwrap_or_default())
        }
        Verdict::Damaged => {
            let files = found.good + found.bad + found.missing + found.unchecked;
            let parts = [
                some(found.bad, "differ"),
                some(found.missing, "not there"),
                some(found.unchecked, "not checked"),
            ];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            format!("of {} in {list}, {}", show::count(files, "file"), parts.join(", "))
        }
        Verdict::Unverified if found.good + found.unchecked == 0 => {
            format!("no file that {list} names is there")
        }
        Verdict::Unverified => {
            format!("{} in {list} not checked", show::count(found.unchecked, "file"))
        }
    };
    let word = if verdict == Verdict::Unverified { "not verified" } else { verdict.name() };
    format!("{style}{word}{style:#}: {text}\n")
}
