//! `discless list`.

use super::args::{List, Tree as TreeName, TreeChoice};
use super::ui::{Ui, stdout_is_terminal};
use super::{Exit, hints};
use discless::container::{Container, Entry, EntryId, EntryKind, Severity};
use discless::formats::{Options, Tree};
use discless::{Result, medium, nest, report, select};
use std::io::Write;

/// What `--tree` says.
pub(super) fn options(ui: &Ui, tree: &TreeChoice) -> Options {
    let tree = tree.tree.map(|tree| match tree {
        TreeName::Udf => Tree::Udf,
        TreeName::Rockridge => Tree::RockRidge,
        TreeName::Joliet => Tree::Joliet,
        TreeName::Enhanced => Tree::Enhanced,
        TreeName::Iso9660 => Tree::Iso9660,
    });
    Options { tree, threads: ui.threads, ..Options::default() }
}

pub(super) fn run(ui: &Ui, args: &List) -> Result<Exit> {
    let options = options(ui, &args.tree);
    let named = nest::open(&args.source, &mut std::io::stdin(), &options)?;
    let name = named.name.clone();
    let container = named.container(&options)?;
    let wanted = select::select(container.entries(), &args.globs).map_err(|error| error.of(&name))?;
    let mut shown: Vec<report::Entry> = Vec::new();
    let mut out = ui.stream();
    let escape = stdout_is_terminal();
    let mut show = |entry: &Entry, path: &str, raw: &[u8]| -> Result<()> {
        if ui.json {
            shown.push(report::Entry {
                path: path.trim_start_matches('/').to_owned(),
                ..report::Entry::from(entry)
            });
        } else if args.null {
            out.write_all(raw)?;
            out.write_all(b"\0")?;
        } else {
            if args.long {
                write!(out, "{}", columns(entry))?;
            }
            if escape {
                write!(out, "{}", discless::text::for_terminal(path))?;
            } else {
                out.write_all(raw)?;
            }
            match (&entry.target, args.long) {
                (Some(target), true) => writeln!(out, " -> {}", discless::text::for_terminal(target))?,
                _ => writeln!(out)?,
            }
        }
        Ok(())
    };
    for &id in &wanted {
        let entry = container.entry(id)?;
        show(entry, entry.path.text(), entry.path.bytes())?;
        if args.recurse {
            let depth = options.limits.nesting;
            inside(&*container, id, entry.path.text(), &options, depth, &mut show)?;
        }
    }
    out.flush()?;
    drop(out);
    let mut exit = Exit::Good;
    for finding in container.findings() {
        if finding.severity == Severity::Damaged {
            exit = Exit::Bad;
        }
        if finding.severity > Severity::Note || ui.verbose {
            let about = if finding.subject.is_empty() { &name } else { &finding.subject };
            ui.warn(&format!("{about}: {}", finding.what));
        }
    }
    if ui.json {
        let source = report::Source { name, bytes: container.source().len(), sha256: None };
        ui.document(&report::Document::new(
            "list",
            vec![report::List {
                source,
                format: container.format().to_owned(),
                entries: shown,
                findings: container.findings().iter().map(report::Finding::from).collect(),
            }],
        ))?;
    } else if ui.verbose {
        ui.note(&format!("{} of {} members", wanted.len(), container.entries().len()));
        ui.note(&format!("next: discless extract {}", hints::quoted(&args.source)));
    }
    Ok(exit)
}

/// Shows a member under a path, with the path's bytes.
type Show<'a> = dyn FnMut(&Entry, &str, &[u8]) -> Result<()> + 'a;

/// Lists what a member holds, if it is a container, and so on down.
fn inside(
    outer: &dyn Container,
    id: EntryId,
    path: &str,
    options: &Options,
    depth: u32,
    show: &mut Show<'_>,
) -> Result<()> {
    /// Nothing smaller is a container.
    const LEAST: u64 = 1024;
    let entry = outer.entry(id)?;
    if depth == 0 || entry.kind != EntryKind::File || entry.bytes < LEAST {
        return Ok(());
    }
    let Ok(source) = outer.sub_source(id, &options.limits) else { return Ok(()) };
    let Ok(inner) = medium::open(&source, path, options) else { return Ok(()) };
    for (i, entry) in inner.entries().iter().enumerate() {
        let nested = format!("{path}!/{}", entry.path.text());
        show(entry, &nested, &[path.as_bytes(), b"!/", entry.path.bytes()].concat())?;
        inside(&*inner, EntryId(i), &nested, options, depth - 1, show)?;
    }
    Ok(())
}

/// Kind, size and time, each in its column.
fn columns(entry: &Entry) -> String {
    let kind = match entry.kind {
        EntryKind::File => 'f',
        EntryKind::Dir => 'd',
        EntryKind::Symlink => 'l',
        EntryKind::Other => 'o',
    };
    let time = entry.modified.map(discless::time::Timestamp::rfc3339).unwrap_or_default();
    let size = if entry.kind == EntryKind::File { entry.bytes.to_string() } else { "-".to_owned() };
    format!("{kind} {size:>13}  {time:<25}  ")
}
