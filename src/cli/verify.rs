//! `discless verify`.

use super::args::{Expected, Verify};
use super::list::options;
use super::ui::Ui;
use super::{Exit, hints, show};
use discless::digest::Value;
use discless::formats::Options;
use discless::nest::{self, Named, What};
use discless::verify::{Depth, Expectations, Outcome, Verdict, Verified};
use discless::{Error, Result, report, verify};
use std::path::Path;

/// What a verdict means for the one who waits for the code.
pub(super) fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Verified => Exit::Good,
        Verdict::Damaged => Exit::Bad,
        Verdict::Unverified => Exit::Unverified,
    }
}

/// What the user and the lists that were named say of `named`.
pub(super) fn expectations(expected: &Expected, named: &Named) -> Result<Expectations> {
    let mut out = Expectations::given(&expected.values()?);
    for text in &expected.expect {
        let file = Path::new(&named.name);
        if text == "-" {
            out.add_text(&verify::read_text(&mut std::io::stdin())?, file)?;
        } else {
            out.add_text(text.as_bytes(), file)?;
        }
    }
    for list in &expected.sums {
        out.add_list(list, Path::new(&named.name))?;
    }
    Ok(out)
}

pub(super) fn run(ui: &Ui, args: &Verify) -> Result<Exit> {
    if args.check_all {
        return super::check_all::run(ui, args);
    }
    let options = options(ui, &args.opening);
    let is_of_one = !args.expected.values()?.is_empty() || !args.expected.expect.is_empty();
    if args.sources.len() > 1 && is_of_one {
        return Err(Error::usage("one digest cannot be that of several sources: verify them one by one"));
    }
    let mut reports = Vec::new();
    let mut worst = Exit::Good;
    for spec in &args.sources {
        match one(ui, args, spec, &options) {
            Ok((report, verdict)) => {
                reports.push(report);
                worst = worst.and(exit(verdict));
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

fn one(ui: &Ui, args: &Verify, spec: &str, options: &Options) -> Result<(report::Verify, Verdict)> {
    let named = nest::open(spec, &mut std::io::stdin(), options)?;
    let name = named.name.clone();
    let progress = ui.progress("verify");
    let (verified, bytes) = match named.what {
        What::Directory(container) => {
            (directory(ui, args, &name, &*container, &progress)?, container.extent().end)
        }
        What::Bytes(ref source) => {
            let mut expectations = expectations(&args.expected, &named)?;
            if expectations.digests.is_empty() && !args.no_sidecars && Path::new(&name).is_file() {
                expectations.add_beside(Path::new(&name))?;
            }
            let depth = if args.deep { Depth::Members } else { Depth::Whole };
            let verified = verify::verify(
                source,
                &name,
                &expectations,
                depth,
                &options.at(named.surroundings.clone()),
                ui.threads,
                &progress,
            )?;
            (verified, source.len())
        }
    };
    drop(progress);
    if !ui.json {
        if args.sources.len() > 1 {
            ui.answer(&format!("{}\n", discless::text::for_terminal(&name)))?;
        }
        ui.answer(&show::checks(&verified.checks))?;
        ui.answer(&show::verdict(verified.verdict, &verified.checks))?;
        if let Some(hint) = hint(&verified, spec) {
            ui.hint(&hint);
        }
    }
    let source = report::Source { name, bytes, sha256: verified.sha256.as_ref().map(Value::hex) };
    let report = report::Verify {
        source,
        verdict: verified.verdict.name().to_owned(),
        checks: show::check_reports(&verified.checks),
    };
    Ok((report, verified.verdict))
}

fn directory(
    ui: &Ui,
    args: &Verify,
    name: &str,
    container: &dyn discless::container::Container,
    progress: &super::ui::Progress,
) -> Result<Verified> {
    let [list] = args.expected.sums.as_slice() else {
        return Err(Error::usage(format!("{name} is a directory: name one list of its files with --sums")));
    };
    verify::directory(container, Path::new(name), list, ui.threads, progress)
}

fn hint(verified: &Verified, spec: &str) -> Option<String> {
    let short = verified.checks.iter().any(|check| check.what == "size" && check.outcome == Outcome::Damaged);
    match verified.verdict {
        Verdict::Verified => None,
        Verdict::Damaged if short => Some("resume the download: curl -C - -O URL".to_owned()),
        Verdict::Damaged => Some("download it again, from the publisher".to_owned()),
        Verdict::Unverified => Some(format!("discless verify {} --sha256 HASH", hints::quoted(spec))),
    }
}
