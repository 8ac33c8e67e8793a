//! `discless extract`.

use super::args::{Extract, LinkChoice, NamesChoice, OverwriteChoice};
use super::confine::Confined;
use super::list::options;
use super::output::Outputs;
use super::ui::Ui;
use super::verify::{add_beside, exit, expectations, open};
use super::{Exit, hints, show};
use discless::acquire::{self, Accept, Acquired, Order};
use discless::container::{Container, Severity};
use discless::digest::Value;
use discless::error::{Kind, Refusal};
use discless::extract::{
    Completes, Extracted, Linking, Options, Overwrite, Plan, ReadErrors, Recursion, Staging,
};
use discless::nest::{self, What};
use discless::path::{Names, slashed};
use discless::source::{READING, SharedSource};
use discless::verify::{Check, Expectations, Reader, Reading, Verdict};
use discless::{Error, Result, extract, formats, medium, report, verify};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Everything that was found out, for the report.
struct Done {
    source: report::Source,
    destination: PathBuf,
    plan: Plan,
    out: Extracted,
    checks: Vec<Check>,
    verdict: Option<Verdict>,
    /// Whether what was written stands at the destination.
    kept: bool,
    damaged: Vec<discless::container::Finding>,
}

pub(super) fn run(ui: &Ui, args: &Extract, confined: &mut Confined) -> Result<Exit> {
    let options = args.passwords.with(options(ui, &args.opening))?;
    let named = open(&args.source, &args.expected, &options)?;
    let options = options.at(named.surroundings.clone());
    let name = named.name.clone();
    let destination = destination(args);
    let mut expected = expectations(&args.expected, &named.name)?;
    if !args.expected.key.is_empty() {
        add_beside(&args.expected, &name, &mut expected)?;
    }
    let done = match named.what {
        What::Directory(container) => {
            if !args.expected.is_empty() {
                return Err(Error::usage(format!("{name} is a directory: no digest is that of a directory")));
            }
            plain(ui, args, &name, &Arc::from(container), destination, &options)
        }
        What::Bytes(source) if expected.is_empty() => {
            let container = Arc::from(medium::open(&source, &name, &options)?);
            plain(ui, args, &name, &container, destination, &options)
        }
        What::Bytes(source) => verified(ui, args, &name, &source, &expected, destination, &options),
    };
    let done = done.inspect_err(|error| {
        if matches!(error.kind(), Kind::Cancelled) {
            ui.note("interrupted; the same command again goes on where it stopped");
        }
    })?;
    if done.kept {
        confined.directories.keep();
    }
    if let Some(manifest) = args.manifest.as_ref().filter(|_| !args.dry_run && done.kept) {
        write_manifest(manifest, &done.out.digests, overwrite(args), &confined.outputs)?;
    }
    tell(ui, args, &done)
}

/// Where files go: known from the arguments alone, before anything is read.
pub(super) fn destination(args: &Extract) -> PathBuf {
    args.output.clone().unwrap_or_else(|| {
        let (outer, members) = nest::split(&args.source);
        let path = Path::new(outer);
        match members.last() {
            None if path.is_dir() => {
                default_destination(&path.file_name().map_or(outer.into(), |name| name.to_string_lossy()))
            }
            last => {
                let path = last.unwrap_or(&outer);
                default_destination(path.rsplit(['/', '\\']).next().unwrap_or(path))
            }
        }
    })
}

/// `./NAME/`, NAME being the source's without its extension; standard input has no name.
fn default_destination(file_name: &str) -> PathBuf {
    let stem = Path::new(file_name).file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.trim_matches(['.', ' ']);
    PathBuf::from(match stem {
        "" | "-" => "medium".to_owned(),
        _ if stem == file_name => format!("{stem}.d"),
        _ => stem.to_owned(),
    })
}

fn overwrite(args: &Extract) -> Overwrite {
    match args.overwrite {
        OverwriteChoice::Never => Overwrite::Never,
        OverwriteChoice::Changed => Overwrite::Changed,
        OverwriteChoice::Always => Overwrite::Always,
    }
}

fn names(args: &Extract) -> Names {
    match args.names {
        NamesChoice::Portable => Names::Portable,
        NamesChoice::Native => Names::Native,
    }
}

fn linking(args: &Extract) -> Linking {
    match args.link {
        LinkChoice::Auto => Linking::Contents,
        LinkChoice::Names => Linking::Names,
        LinkChoice::Never => Linking::Never,
    }
}

/// How the arguments want it, with nothing to compare with.
fn how(ui: &Ui, args: &Extract) -> Options {
    Options {
        overwrite: overwrite(args),
        names: names(args),
        linking: linking(args),
        digests: args.manifest.is_some(),
        in_order: false,
        threads: ui.threads,
        read_errors: if args.keep_going { ReadErrors::GoOn } else { ReadErrors::Stop },
        completes: Completes::Now,
    }
}

fn plan(args: &Extract, name: &str, container: &dyn Container, options: &formats::Options) -> Result<Plan> {
    let wanted = nest::to_extract(container, &args.globs).map_err(|error| error.of(name))?;
    Plan::new(container, &wanted, names(args), &options.limits).map_err(|error| error.of(name))
}

/// Extraction without anything to compare with: stored members go from file to file by the kernel.
fn plain(
    ui: &Ui,
    args: &Extract,
    name: &str,
    container: &Arc<dyn Container>,
    destination: PathBuf,
    options: &formats::Options,
) -> Result<Done> {
    let plan = plan(args, name, &**container, options)?;
    let mut out = Extracted::default();
    if !args.dry_run {
        let completes = if args.recurse { Completes::Later } else { Completes::Now };
        let how = Options { completes, ..how(ui, args) };
        let progress = ui.progress("extract");
        let written = extract::run(&**container, &plan, &destination, &how, &progress);
        out = written.map_err(|error| of_source(error, name))?;
        if args.recurse {
            let recursion = Recursion { how: &how, options, observer: &progress };
            recursion.run(container, &plan, &destination, &mut out)?;
            extract::complete(&destination)?;
        }
    }
    Ok(Done {
        source: report::Source { name: name.to_owned(), bytes: container.source().len(), sha256: None },
        destination,
        plan,
        out,
        checks: Vec::new(),
        verdict: None,
        kept: true,
        damaged: damaged(&**container),
    })
}

/// Says of which source an error is that the source is to blame for; others name a file of the destination.
fn of_source(error: Error, name: &str) -> Error {
    let place = error.place();
    let of_source = place.structure == READING || matches!(error.kind(), Kind::Changed(_));
    if of_source && !place.medium.starts_with(name) { error.of(name) } else { error }
}

fn damaged(container: &dyn Container) -> Vec<discless::container::Finding> {
    let findings = container.findings().iter();
    findings.filter(|finding| finding.severity > Severity::Note).cloned().collect()
}

/// Extraction and verification by one reading. The files stand beside the destination until the verdict
/// is known.
fn verified(
    ui: &Ui,
    args: &Extract,
    name: &str,
    source: &SharedSource,
    expected: &Expectations,
    destination: PathBuf,
    options: &formats::Options,
) -> Result<Done> {
    let reading = Reading::begin(source, name, expected, Reader::Members, options)?;
    let container = reading.opened()?.clone();
    let plan = plan(args, name, &*container, options)?;
    let damaged = damaged(&*container);
    let named = |sha256| report::Source { name: name.to_owned(), bytes: source.len(), sha256 };
    if args.dry_run {
        let checks = reading.stop()?.checks;
        let out = Extracted::default();
        return Ok(Done {
            source: named(None),
            destination,
            plan,
            out,
            checks,
            verdict: None,
            kept: false,
            damaged,
        });
    }
    let staging = Staging::new(&destination, overwrite(args))?;
    let how = how(ui, args);
    let order = Order {
        plan: &plan,
        into: staging.path(),
        how: &how,
        recurse: args.recurse.then_some(options),
        accept: if args.keep_unverified { Accept::Anything } else { Accept::Verified },
        threads: ui.threads,
    };
    let progress = ui.progress("extract");
    let acquired = match acquire::acquire(reading, &order, &progress) {
        Ok(acquired) => acquired,
        Err(error) => {
            if matches!(error.kind(), Kind::Changed(_)) && staging.path() != destination {
                // Nothing can vouch for it, and no later run can go on with it.
                staging.discard()?;
            }
            return Err(of_source(error, name));
        }
    };
    drop(progress);
    let kept = acquired.is_kept(order.accept);
    let Acquired { mut out, verified } = acquired;
    if kept {
        staging.keep()?;
    } else {
        staging.discard()?;
        out = Extracted { failed: out.failed, ..Extracted::default() };
    }
    Ok(Done {
        source: named(verified.sha256.as_ref().map(Value::hex)),
        destination,
        plan,
        out,
        checks: verified.checks,
        verdict: Some(verified.verdict),
        kept,
        damaged,
    })
}

/// A list as `sha256sum` writes it, of files below the destination.
fn write_manifest(
    manifest: &Path,
    digests: &[(PathBuf, Value)],
    overwrite: Overwrite,
    outputs: &Outputs,
) -> Result<()> {
    let name = manifest.to_string_lossy();
    if overwrite == Overwrite::Never && manifest.exists() {
        return Err(Error::new(Kind::Refused(Refusal::Exists(manifest.to_owned()))));
    }
    let line = |(local, value): &(PathBuf, Value)| verify::gnu_line(value, &slashed(local));
    let text: String = digests.iter().map(line).collect();
    if outputs.has(manifest) {
        return outputs.write_new(manifest, text.as_bytes());
    }
    extract::write_whole(manifest, text.as_bytes()).map_err(|error| error.of(&name))
}

fn tell(ui: &Ui, args: &Extract, done: &Done) -> Result<Exit> {
    let Done { source, destination, plan, out, checks, verdict, kept: stands, damaged } = done;
    let mut exit = verdict.map_or(Exit::Good, exit);
    let broken = damaged.iter().any(|finding| finding.severity == Severity::Damaged);
    // What is encrypted, too large or of no known method is not there, and not damaged either.
    let bad = broken || out.failed.iter().any(|(_, error)| error.is_damage());
    if out.failed.iter().any(|(_, error)| !error.is_damage()) {
        exit = exit.and(Exit::Failed);
    }
    if bad {
        exit = exit.and(Exit::Bad);
    }
    if ui.json {
        ui.document(&json(ui, args, done))?;
        return Ok(exit);
    }
    for finding in damaged {
        let about = if finding.subject.is_empty() { &source.name } else { &finding.subject };
        ui.warn(&format!("{about}: {}", finding.what));
    }
    let renamed = plan
        .renamed
        .iter()
        .map(|item| format!("{} is written as {}: {}", item.path.text(), slashed(&item.local), item.why));
    let left = plan.left.iter().map(|item| format!("{} is left out: {}", item.path, item.why));
    few(ui, renamed.chain(left));
    for (path, error) in &out.failed {
        ui.complain(&Error::from(std::io::Error::other(format!("{path} is not written: {error}"))));
    }
    // The first is enough: it names the flag.
    let curable =
        |(_, error): &&(String, Error)| matches!(error.kind(), Kind::Limit { .. } | Kind::Encrypted { .. });
    if let Some(hint) = out.failed.iter().find(curable).and_then(|(_, error)| hints::hint(error)) {
        ui.hint(&hint);
    }
    ui.answer(&show::checks(checks))?;
    let shown = destination.join("").display().to_string();
    let shown = discless::text::for_terminal(&shown);
    if args.dry_run {
        let files = plan.file_count() - linking(args).linked(plan);
        let state = if destination.exists() { "" } else { " (new)" };
        ui.answer(&format!(
            "would write {}, {}, into {shown}{state}\n",
            show::count(files, "file"),
            show::size(linking(args).bytes(plan))
        ))?;
        return Ok(exit);
    }
    let links =
        if out.links > 0 { format!(" and {}", show::count(out.links, "link")) } else { String::new() };
    let written =
        format!("{}{links}, {}, into {shown}", show::count(out.files, "file"), show::size(out.bytes));
    let mut kept =
        if out.kept > 0 { format!(" ({} were there)", show::exact(out.kept)) } else { String::new() };
    if out.shared > 0 {
        kept.push_str(&format!(", {} of them in blocks shared with the medium", show::size(out.shared)));
    }
    match verdict {
        Some(verdict) if *stands => {
            ui.answer(&format!("wrote {written}{kept}\n"))?;
            ui.answer(&show::verdict(*verdict, checks))?;
        }
        Some(verdict) => {
            ui.answer(&format!("wrote nothing into {shown}\n"))?;
            ui.answer(&show::verdict(*verdict, checks))?;
            ui.hint(&format!(
                "discless extract {}   # without a digest: takes out what can be read",
                hints::quoted(&args.source)
            ));
        }
        None if out.failed.is_empty() && !broken => ui.answer(&format!("wrote {written}{kept}\n"))?,
        None => {
            ui.answer(&format!("wrote {written}{kept}\n"))?;
            let lost = match out.failed.len() as u64 {
                0 => "every file that was listed came out".to_owned(),
                n => format!("{} could not be read", show::count(n, "file")),
            };
            let word = if bad { "damaged" } else { "incomplete" };
            ui.answer(&format!("{word}: {lost}; see the warnings\n"))?;
        }
    }
    Ok(exit)
}

/// The first of many lines, and how many more there are.
fn few(ui: &Ui, lines: impl Iterator<Item = String>) {
    const MOST: usize = 10;
    let mut more = 0usize;
    for (i, line) in lines.enumerate() {
        if i < MOST || ui.verbose { ui.warn(&line) } else { more += 1 }
    }
    if more > 0 {
        ui.warn(&format!("and {more} more (-v or --json lists all)"));
    }
}

fn json(ui: &Ui, args: &Extract, done: &Done) -> report::Extract {
    let Done { source, destination, plan, out, checks, verdict, .. } = done;
    let left = if args.dry_run { &plan.left } else { &out.left };
    report::Extract {
        schema: "discless.extract/1".to_owned(),
        discless: report::VERSION.to_owned(),
        source: source.clone(),
        destination: destination.to_string_lossy().into_owned(),
        dry_run: args.dry_run,
        files: if args.dry_run { plan.file_count() - linking(args).linked(plan) } else { out.files },
        kept: out.kept,
        dirs: if args.dry_run { plan.directories.len() as u64 } else { out.dirs },
        links: if args.dry_run { plan.symlinks.len() as u64 + linking(args).linked(plan) } else { out.links },
        bytes: if args.dry_run { linking(args).bytes(plan) } else { out.bytes },
        shared_bytes: out.shared,
        skipped: left.len() as u64,
        left: left.iter().map(|l| report::Left { path: l.path.clone(), why: l.why.to_owned() }).collect(),
        renamed: plan
            .renamed
            .iter()
            .map(|item| report::Renamed {
                path: item.path.text().to_owned(),
                path_bytes: item.path.raw().map(discless::digest::hex),
                written_as: slashed(&item.local),
                why: item.why.to_owned(),
            })
            .collect(),
        failed: out
            .failed
            .iter()
            .map(|(path, error)| report::Failed { path: path.clone(), error: ui.error_report(error) })
            .collect(),
        verdict: verdict.map(|verdict| verdict.name().to_owned()),
        checks: show::check_reports(checks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_destination_is_the_name_without_its_extension() {
        for (name, want) in
            [("x.iso", "x"), ("a.b.iso", "a.b"), ("noext", "noext.d"), ("-", "medium"), ("..", "medium")]
        {
            assert_eq!(default_destination(name), PathBuf::from(want), "{name}");
        }
    }
}
