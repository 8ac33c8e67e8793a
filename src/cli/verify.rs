//! `discless verify`.

use super::args::{Expected, Verify};
use super::confine::Confined;
use super::list::options;
use super::ui::Ui;
use super::{Exit, hints, show};
use discless::digest::Value;
use discless::formats::Options;
use discless::nest::{self, Named, What};
use discless::source::Digesting;
use discless::time::Timestamp;
use discless::verify::{Depth, Expectations, Outcome, Proofs, Verdict, Verified, signature};
use discless::{Error, Result, page, report, verify};
use std::path::Path;

/// What a verdict means for the one who waits for the code.
pub(super) fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Verified => Exit::Good,
        Verdict::Damaged => Exit::Bad,
        Verdict::Unverified => Exit::Unverified,
    }
}

/// Opens `spec`. Standard input is digested as it comes, so that nobody reads it for that again.
pub(super) fn open(spec: &str, expected: &Expected, options: &Options) -> Result<Named> {
    let mut input = std::io::stdin();
    if spec != "-" || expected.expect.iter().any(|text| text == "-") {
        return nest::open(spec, &mut input, options);
    }
    let algorithms = expectations(expected, spec)?.algorithms();
    let mut input = Digesting::new(&mut input, &algorithms);
    let named = nest::open(spec, &mut input, options)?;
    let what = match named.what {
        What::Bytes(source) => What::Bytes(input.know(source)),
        other => other,
    };
    Ok(Named { what, ..named })
}

/// What the user and the lists that were named say of the source called `name`.
pub(super) fn expectations(expected: &Expected, name: &str) -> Result<Expectations> {
    let mut out = Expectations::given(&expected.values()?);
    out.proofs = Proofs::named(&expected.key, &expected.signature)?;
    for text in &expected.expect {
        let file = Path::new(name);
        if text == "-" {
            out.add_text(&verify::read_text(&mut std::io::stdin())?, file)?;
        } else {
            out.add_text(text.as_bytes(), file)?;
        }
    }
    for list in &expected.sums {
        out.add_list(list, Path::new(name))?;
    }
    Ok(out)
}

/// Adds what lies beside the source, where the user named nothing that tells how it ought to be.
pub(super) fn add_beside(given: &Expected, name: &str, expectations: &mut Expectations) -> Result<()> {
    let path = Path::new(name);
    if !path.is_file() {
        return Ok(());
    }
    if given.values()?.is_empty() && given.sums.is_empty() && given.expect.is_empty() {
        expectations.add_beside(path)?;
    } else if !given.key.is_empty() && given.signature.is_empty() {
        expectations.proofs.add_beside(path);
    }
    Ok(())
}

pub(super) fn run(ui: &Ui, args: &Verify, confined: &Confined) -> Result<Exit> {
    if args.check_all {
        return super::check_all::run(ui, args);
    }
    let options = args.passwords.with(options(ui, &args.opening))?;
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
    let document = report::Document::new("verify", reports);
    if let Some(path) = &args.report {
        let page = page::verification(&document, &Timestamp::today());
        confined.outputs.write_new(path, page.as_bytes())?;
        ui.note(&format!("report written to {}", path.display()));
    }
    if ui.json {
        ui.document(&document)?;
    }
    Ok(worst)
}

fn one(ui: &Ui, args: &Verify, spec: &str, options: &Options) -> Result<(report::Verify, Verdict)> {
    let named = open(spec, &args.expected, options)?;
    let name = named.name.clone();
    let progress = ui.progress("verify");
    let (verified, bytes) = match named.what {
        What::Directory(container) => {
            (directory(ui, args, &name, &*container, &progress)?, container.extent().end)
        }
        What::Bytes(ref source) => {
            let mut expectations = expectations(&args.expected, &name)?;
            if !args.no_sidecars {
                add_beside(&args.expected, &name, &mut expectations)?;
            }
            for roots in &args.roots {
                match roots.as_str() {
                    "system" => expectations.trust.roots.add_system()?,
                    file => expectations.trust.roots.add_file(Path::new(file))?,
                };
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
        if let Some(coverage) = &verified.coverage {
            ui.answer(&format!("{}\n", show::coverage(coverage)))?;
        }
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
        coverage: verified.coverage.as_ref().map(show::coverage_report),
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
    let proofs = Proofs::named(&args.expected.key, &args.expected.signature)?;
    verify::directory(container, Path::new(name), list, proofs, ui.threads, progress)
}

fn hint(verified: &Verified, spec: &str) -> Option<String> {
    let short = verified.checks.iter().any(|check| check.what == "size" && check.outcome == Outcome::Damaged);
    // A good signature needs no other key.
    let signer = |check: &discless::verify::Check| check.signer.clone();
    let signed = verified.checks.iter().filter_map(signer).any(|signer| signer.name.is_some());
    let unknown = verified.checks.iter().filter(|check| check.outcome == Outcome::Unchecked).find_map(signer);
    match verified.verdict {
        Verdict::Verified | Verdict::Unverified if !signed && unknown.is_some() => {
            let key = unknown.map(|signer| signature::shown(&signer.key)).unwrap_or_default();
            Some(format!("discless verify {} --key FILE   # key {key}", hints::quoted(spec)))
        }
        Verdict::Verified => None,
        Verdict::Damaged if short => Some("resume the download: curl -C - -O URL".to_owned()),
        Verdict::Damaged => Some("download it again, from the publisher".to_owned()),
        Verdict::Unverified if unknown_root(verified) => {
            Some(format!("discless verify {} --roots FILE", hints::quoted(spec)))
        }
        Verdict::Unverified => Some(format!("discless verify {} --sha256 HASH", hints::quoted(spec))),
    }
}

/// True where all that lacks is a certificate that the chain of a signature could end at.
fn unknown_root(verified: &Verified) -> bool {
    let signed = |check: &&verify::Check| check.what == "authenticode" && check.outcome == Outcome::Weak;
    verified.checks.iter().filter(signed).any(|check| check.note.contains("; the chain ends at "))
}
