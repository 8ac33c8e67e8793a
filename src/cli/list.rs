//! `discless list`.

use super::args::{List, Opening, Passwords, Tree as TreeName};
use super::ui::{Ui, stdout_is_terminal};
use super::{Exit, hints};
use discless::container::{Container, Entry, EntryKind, Severity};
use discless::formats::{Options, Tree};
use discless::inside::{self, Budget};
use discless::{Result, nest, report};
use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// What the arguments say about opening.
pub(super) fn options(ui: &Ui, opening: &Opening) -> Options {
    let tree = opening.tree.map(|tree| match tree {
        TreeName::Udf => Tree::Udf,
        TreeName::Rockridge => Tree::RockRidge,
        TreeName::Joliet => Tree::Joliet,
        TreeName::Enhanced => Tree::Enhanced,
        TreeName::Iso9660 => Tree::Iso9660,
    });
    Options { limits: opening.limits.limits(), tree, threads: ui.threads, ..Options::default() }
}

/// The environment variable that names a file of passwords where no argument does: a share's scripts need not know.
const PASSWORD_FILE: &str = "DISCLESS_PASSWORD_FILE";

impl Passwords {
    /// The file that has passwords.
    pub(super) fn file(&self) -> Option<PathBuf> {
        let named = || {
            let name = std::env::var_os(PASSWORD_FILE).filter(|name| !name.is_empty())?;
            self.password.is_empty().then(|| PathBuf::from(name))
        };
        self.password_file.clone().or_else(named)
    }

    /// The same options with the passwords that were given.
    pub(super) fn with(&self, options: Options) -> Result<Options> {
        let mut given = self.password.clone();
        if let Some(file) = self.file() {
            given.extend(discless::passwords::Passwords::lines_of(&file)?);
        }
        Ok(Options { passwords: discless::passwords::Passwords::new(given)?, ..options })
    }
}

pub(super) fn run(ui: &Ui, args: &List) -> Result<Exit> {
    let options = args.passwords.with(options(ui, &args.opening))?;
    let named = nest::open(&args.source, &mut std::io::stdin(), &options)?;
    let name = named.name.clone();
    let container: Arc<dyn Container> = Arc::from(named.container(&options)?);
    let wanted = nest::members(&*container, &args.globs).map_err(|error| error.of(&name))?;
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
    let mut further = HashMap::new();
    if args.recurse {
        let mut budget = Budget::new(&options, container.source().len());
        further = inside::list(&container, &name, &wanted, &options, &mut budget)?;
    }
    for &id in &wanted {
        let entry = container.entry(id)?;
        show(entry, entry.path.text(), entry.path.bytes())?;
        for inner in further.remove(&id).unwrap_or_default() {
            let path = format!("{}!/{}", entry.path.text(), inner.path);
            show(&inner.entry, &path, &[entry.path.bytes(), b"!/", &*inner.bytes].concat())?;
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
