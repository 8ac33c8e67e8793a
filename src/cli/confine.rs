//! What each command may touch: the one place that says so. The kernel holds the program to it from before the first
//! byte of a medium is read; see `docs/SECURITY.md`.

use super::args::{Command, Expected, Extract, Passwords, ShareCommand, Verify};
use super::extract::destination;
use super::output::{Directories, Outputs};
use super::ui::Ui;
use discless::extract::{Prepared, Staging};
use discless::facts::osinfo;
use discless::nest;
use discless::sandbox::{Bounds, Enforced, Grant, unavailable};
use discless::text::for_terminal;
use discless::verify::authenticode::system_roots;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// Symbolic links beside a source that are followed: what they lead to may be read.
const MOST_LINKS: usize = 4096;
/// Names that are looked at for them.
const MOST_NAMES: usize = 200_000;
/// How deep they are looked for where a command looks for media, or for the files of a list, itself.
const DEPTH: usize = 8;
/// Paths that `-v` shows of a kind.
const MOST_SHOWN: usize = 4;

/// What a command may touch, and what was prepared for it before it is confined.
#[derive(Default)]
pub(super) struct Confined {
    /// `None` for a command that reads no medium, and with `--no-sandbox`.
    bounds: Option<Bounds>,
    /// The files that it writes once all is known.
    pub(super) outputs: Outputs,
    /// The directories that it writes to.
    pub(super) directories: Directories,
    /// Where its temporary files go; kept until it is done.
    #[cfg(target_os = "linux")]
    area: Option<discless::source::Area>,
}

/// Confines this thread, and all that it starts, to what `command` may touch. `mount` confines the threads that read
/// media itself: a confined thread cannot unmount.
pub(super) fn confine(ui: &Ui, command: &Command) -> Confined {
    let mut out = Confined::default();
    if !ui.sandbox {
        return out;
    }
    if let Some(why) = unavailable() {
        if ui.verbose {
            ui.note(&format!("sandbox: {}", Enforced::Not(why)));
        }
        return out;
    }
    if !out.allow(ui, command) {
        return out;
    }
    out.allow_temporary_files();
    if !matches!(command, Command::Mount(_)) {
        out.enter(ui);
    }
    out
}

impl Confined {
    /// Confines the calling thread; says with `-v` what the kernel enforces.
    pub(super) fn enter(&self, ui: &Ui) {
        if let Some(bounds) = &self.bounds {
            say(ui, bounds, &bounds.enter());
        }
    }

    /// What threads that confine themselves may touch.
    #[cfg(all(feature = "mount", target_os = "linux"))]
    pub(super) fn bounds(&self) -> Option<&Bounds> {
        self.bounds.as_ref()
    }

    #[cfg(target_os = "linux")]
    fn allow_temporary_files(&mut self) {
        use discless::source::{Area, prepare_temporary_files};
        let Some(bounds) = &mut self.bounds else { return };
        // Without any, what needs one says so.
        let Ok(area) = prepare_temporary_files() else { return };
        match &area {
            Area::Unnamed(directory) | Area::Empty(directory, _) => bounds.allow_spool(directory.clone()),
            Area::Named(directory) => bounds.allow(Grant::Write, directory.path()),
        }
        if let Area::Empty(_, directory) | Area::Named(directory) = &area {
            bounds.allow_tidying(parent(directory.path()));
        }
        self.area = Some(area);
    }

    #[cfg(not(target_os = "linux"))]
    fn allow_temporary_files(&mut self) {}

    /// What `command` may touch; false where it reads nothing that others made.
    fn allow(&mut self, ui: &Ui, command: &Command) -> bool {
        let mut bounds = Bounds::default();
        let allowed = &mut bounds;
        match command {
            Command::Inspect(args) => {
                args.sources.iter().for_each(|source| read_source(allowed, source));
                args.facts.iter().for_each(|facts| read(allowed, facts));
                if ui.verbose {
                    read(allowed, Path::new(osinfo::INSTALLED));
                }
            }
            Command::List(args) => read_source(allowed, &args.source),
            Command::Cat(args) => read_source(allowed, &args.member),
            Command::Hash(args) => args.sources.iter().for_each(|source| read_source(allowed, source)),
            Command::Builds(args) => args.facts.iter().for_each(|facts| read(allowed, facts)),
            Command::Verify(args) => self.allow_verify(allowed, args),
            Command::Extract(args) => self.allow_extract(allowed, args),
            Command::Mount(args) => {
                args.sources.iter().for_each(|source| read_source(allowed, source));
                allowed.allow(Grant::Device, Path::new("/dev/fuse"));
            }
            #[cfg(feature = "serve")]
            Command::Serve(args) => allow_serve(allowed, args),
            Command::Share(args) => {
                if !self.allow_share(allowed, &args.command) {
                    return false;
                }
            }
            Command::Formats | Command::Completions { .. } | Command::Man { .. } => return false,
        }
        if let Some(file) = passwords(command).and_then(Passwords::file) {
            read(allowed, &file);
        }
        self.bounds = Some(bounds);
        true
    }

    fn allow_verify(&mut self, bounds: &mut Bounds, args: &Verify) {
        args.sources.iter().for_each(|source| read_source(bounds, source));
        if args.check_all {
            // Files are looked for beside the list and in the current directory.
            let lists = args.sources.iter().map(|list| parent(Path::new(list)).to_owned());
            for directory in lists.chain([PathBuf::from(".")]) {
                read(bounds, &directory);
                follow_links(bounds, &directory, DEPTH);
            }
        }
        read_expected(bounds, &args.expected);
        for roots in &args.roots {
            match roots.as_str() {
                "system" => system_roots().into_iter().for_each(|file| read(bounds, file)),
                file => read(bounds, Path::new(file)),
            }
        }
        args.report.iter().for_each(|report| self.outputs.prepare(report, Grant::Make, bounds));
    }

    fn allow_extract(&mut self, bounds: &mut Bounds, args: &Extract) {
        read_source(bounds, &args.source);
        read_expected(bounds, &args.expected);
        if args.dry_run {
            return;
        }
        let destination = destination(args);
        let beside = Staging::beside(&destination);
        // What a run prepared that was killed then.
        let left = [Some(destination.as_path()), beside.as_deref()];
        left.into_iter().flatten().filter_map(Prepared::of).for_each(|left| left.remove());
        let aside = beside.filter(|_| !args.expected.is_empty() && !occupied(&destination));
        match aside {
            Some(aside) => {
                // Files stand there until they are verified, and then it gets the destination's name.
                bounds.allow(Grant::Directories, parent(&aside));
                self.write_prepared(bounds, &aside);
            }
            None => self.write_prepared(bounds, &destination),
        }
        let Some(manifest) = &args.manifest else { return };
        if manifest.starts_with(&destination) {
            return;
        }
        match manifest.symlink_metadata() {
            Ok(_) => bounds.allow(Grant::Replace, parent(manifest)),
            Err(_) => self.outputs.prepare(manifest, Grant::Replace, bounds),
        }
    }

    fn allow_share(&mut self, bounds: &mut Bounds, command: &ShareCommand) -> bool {
        match command {
            // Makes a directory, and reads nothing but what it says of itself.
            ShareCommand::Init(_) => return false,
            ShareCommand::Add(args) => {
                bounds.allow(Grant::Write, &args.share);
                args.sources.iter().for_each(|source| read_source(bounds, source));
                read_expected(bounds, &args.expected);
                args.facts.iter().for_each(|facts| read(bounds, facts));
            }
            ShareCommand::AddUpdate(args) => {
                bounds.allow(Grant::Write, &args.share);
                args.files.iter().for_each(|file| read_file(bounds, file));
            }
            ShareCommand::Check(args) => {
                bounds.allow(Grant::Read, &args.share);
                // The journal of a full check.
                bounds.allow(Grant::Write, &args.share.join(discless::share::OWN));
                args.key.iter().for_each(|key| read(bounds, Path::new(key)));
                args.report.iter().for_each(|report| self.outputs.prepare(report, Grant::Make, bounds));
            }
            ShareCommand::List(args) => bounds.allow(Grant::Read, &args.share),
            ShareCommand::Remove(args) => bounds.allow(Grant::Write, &args.share),
            ShareCommand::Sign(args) => {
                bounds.allow(Grant::Write, &args.share);
                read(bounds, &args.key);
            }
            ShareCommand::Export(args) => {
                bounds.allow(Grant::Read, &args.share);
                match (&args.output, args.format) {
                    (Some(to), Some(super::args::ExportFormat::Sidecars)) => self.write_to(bounds, to),
                    (Some(file), _) => self.outputs.prepare(file, Grant::Make, bounds),
                    (None, _) => {}
                }
            }
        }
        true
    }

    /// Allows to write below the destination of an extraction. Where it is not there, what becomes it is made under
    /// another name: it is not to stand there before anything is written.
    fn write_prepared(&mut self, bounds: &mut Bounds, destination: &Path) {
        match Prepared::of(destination) {
            Some(prepared)
                if destination.symlink_metadata().is_err() && prepared.path().symlink_metadata().is_err() =>
            {
                self.write_to(bounds, prepared.path());
                bounds.allow(Grant::Directories, parent(prepared.path()));
            }
            _ => self.write_to(bounds, destination),
        }
    }

    /// Allows to write below `directory`, which is made where it is not there: only what stands there can be allowed.
    /// Empty still when the command is done, what was made is removed.
    fn write_to(&mut self, bounds: &mut Bounds, directory: &Path) {
        if let Some(above) = self.directories.make(directory) {
            bounds.allow(Grant::Directories, &above);
        }
        if directory.is_dir() {
            bounds.allow(Grant::Write, directory);
        }
    }
}

/// What a command that opens media has for encrypted ones.
fn passwords(command: &Command) -> Option<&Passwords> {
    /// Of `serve`, whose file of this name is another: what the environment says.
    #[cfg(feature = "serve")]
    const NONE: &Passwords = &Passwords { password: Vec::new(), password_file: None };
    Some(match command {
        Command::Inspect(args) => &args.passwords,
        Command::List(args) => &args.passwords,
        Command::Cat(args) => &args.passwords,
        Command::Verify(args) => &args.passwords,
        Command::Extract(args) => &args.passwords,
        Command::Mount(args) => &args.passwords,
        #[cfg(feature = "serve")]
        Command::Serve(_) => NONE,
        Command::Share(args) => match &args.command {
            ShareCommand::Add(args) => &args.passwords,
            ShareCommand::AddUpdate(args) => &args.passwords,
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(feature = "serve")]
fn allow_serve(bounds: &mut Bounds, args: &super::args::Serve) {
    for source in &args.sources {
        read_source(bounds, source);
        follow_links(bounds, Path::new(source), DEPTH);
    }
    args.password_file.iter().for_each(|file| read(bounds, file));
    #[cfg(feature = "tls")]
    args.tls_cert.iter().chain(&args.tls_key).for_each(|file| read(bounds, file));
    bounds.allow_listening(args.listen.port());
    args.smb.smb.iter().for_each(|at| bounds.allow_listening(at.port()));
}

/// Allows to read what `spec` leads to, and what lies beside it: lists of digests, signatures, further parts.
fn read_source(bounds: &mut Bounds, spec: &str) {
    match nest::split(spec).0 {
        "-" => {}
        outer => read_file(bounds, Path::new(outer)),
    }
}

/// As [`read_source`], of what is no nested path.
fn read_file(bounds: &mut Bounds, path: &Path) {
    read(bounds, path);
    let directory = match path.metadata() {
        Ok(meta) if meta.is_dir() => path,
        Ok(meta) if meta.is_file() => parent(path),
        // Beside a device lie all others.
        _ => return,
    };
    read(bounds, directory);
    follow_links(bounds, directory, 1);
}

fn read(bounds: &mut Bounds, path: &Path) {
    bounds.allow(Grant::Read, path);
}

/// What links in a directory lead to may be read, too: who keeps links to media there wants them followed.
fn follow_links(bounds: &mut Bounds, directory: &Path, depth: usize) {
    let names = WalkDir::new(directory).min_depth(1).max_depth(depth).into_iter().take(MOST_NAMES);
    let links = names.filter_map(Result::ok).filter(|entry| entry.path_is_symlink());
    links.take(MOST_LINKS).for_each(|link| read(bounds, link.path()));
}

/// Allows to read what says how the source ought to be.
fn read_expected(bounds: &mut Bounds, expected: &Expected) {
    // Signatures lie beside lists.
    expected.sums.iter().for_each(|list| read_file(bounds, list));
    expected.signature.iter().for_each(|file| read(bounds, file));
    for key in &expected.key {
        let key = Path::new(key);
        read(bounds, key);
        if key.is_dir() {
            follow_links(bounds, key, 1);
        }
    }
}

/// The directory that `path` stands in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => above,
        _ => Path::new("."),
    }
}

/// True where something stands in a directory.
fn occupied(directory: &Path) -> bool {
    std::fs::read_dir(directory).is_ok_and(|mut listing| listing.next().is_some())
}

fn say(ui: &Ui, bounds: &Bounds, enforced: &Enforced) {
    if !ui.verbose {
        return;
    }
    ui.note(&format!("sandbox: {enforced}"));
    let lines = [
        ("may read", &[Grant::Read][..]),
        ("may write below", &[Grant::Write]),
        ("may make files in", &[Grant::Name, Grant::Make]),
        ("may replace files below", &[Grant::Replace]),
    ];
    for (what, grants) in lines {
        let paths: Vec<_> = grants.iter().flat_map(|grant| bounds.paths(*grant)).collect();
        let more = match paths.len().saturating_sub(MOST_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown: Vec<_> = paths.iter().take(MOST_SHOWN).map(|path| path.to_string_lossy()).collect();
        if !shown.is_empty() && !matches!(enforced, Enforced::Not(_)) {
            ui.note(&format!("  {what}: {}{more}", for_terminal(&shown.join(", "))));
        }
    }
}
