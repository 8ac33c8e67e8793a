//! `discless mount`.

use super::Exit;
use super::args::Mount;
use super::confine::Confined;
use super::ui::Ui;
use discless::Result;

/// Says why this program cannot.
#[cfg(not(all(feature = "mount", target_os = "linux")))]
pub(super) fn run(_: &Ui, _: &Mount, _: &Confined) -> Result<Exit> {
    Err(discless::Error::unsupported(if cfg!(target_os = "linux") {
        "mounting: this program was built without the feature mount"
    } else {
        "mounting: FUSE is Linux's"
    }))
}

#[cfg(all(feature = "mount", target_os = "linux"))]
pub(super) use linux::run;

#[cfg(all(feature = "mount", target_os = "linux"))]
mod linux {
    use super::super::{hints, list, show};
    use super::{Confined, Exit, Mount, Result, Ui};
    use discless::container::{Container, EntryKind};
    use discless::mount::{Audience, Left, Mounted, Options, mount};
    use discless::observe::Observer;
    use discless::text::for_terminal;
    use discless::view::{Nested, NodeId, Settings, Shown, View};
    use discless::{nest, report};
    use std::sync::Arc;
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::Duration;

    /// How long a wish to end may go unnoticed.
    const NOTICE: Duration = Duration::from_millis(100);

    pub(crate) fn run(ui: &Ui, args: &Mount, confined: &Confined) -> Result<Exit> {
        let progress = ui.until_interrupted();
        // This thread reads nothing of a medium, and is not confined: otherwise it could not unmount.
        let opened = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                confined.enter(ui);
                open(ui, args)
            });
            reader.join()
        });
        let view = Arc::new(opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        let (faults, heard) = channel();
        let complain = Box::new(move |error: &discless::Error| {
            // Nobody listens any more while it ends.
            let _ = faults.send(error.again());
        });
        let how = Options {
            audience: if args.allow_other { Audience::Everybody } else { Audience::Owner },
            threads: ui.threads,
            name: args.sources.join(" "),
            bounds: confined.bounds().cloned(),
        };
        let mounted = mount(view.clone(), &args.directory, &how, complain)?;
        tell(ui, &mounted, &view)?;
        while !mounted.is_over() && !progress.cancelled() {
            match heard.recv_timeout(NOTICE) {
                Ok(error) => ui.complain(&error),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        heard.try_iter().for_each(|error| ui.complain(&error));
        if mounted.unmount()? == Left::InUse {
            ui.warn(&format!(
                "{} was still in use: it is unmounted, and what is open in it cannot be read any more",
                args.directory.display()
            ));
        }
        Ok(Exit::Good)
    }

    fn open(ui: &Ui, args: &Mount) -> Result<View> {
        let options = args.passwords.with(list::options(ui, &args.opening))?;
        let mut sources: Vec<(String, Arc<dyn Container>)> = Vec::new();
        for source in &args.sources {
            let named = nest::open(source, &mut std::io::stdin(), &options)?;
            let name = named.name.clone();
            sources.push((name, Arc::from(named.container(&options)?)));
        }
        let nested = if args.recurse { Nested::Shown } else { Nested::Hidden };
        View::new(sources, Settings { options, nested, kept: None })
    }

    /// One line, once it can be read: scripts wait for it.
    fn tell(ui: &Ui, mounted: &Mounted, view: &View) -> Result<()> {
        let mut files = 0u64;
        let mut bytes = 0u64;
        for number in 1..=view.count() {
            let node = view.node(NodeId(number))?;
            if node.kind == EntryKind::File {
                files += 1;
                bytes = bytes.saturating_add(node.bytes);
            }
        }
        let directory = mounted.directory().to_string_lossy();
        if ui.json {
            let source = |shown: &Shown| report::Source {
                name: shown.name.clone(),
                bytes: shown.container.source().len(),
                sha256: None,
            };
            return ui.document(&report::Mount {
                schema: "discless.mount/1".to_owned(),
                discless: report::VERSION.to_owned(),
                directory: directory.into_owned(),
                sources: view.sources().iter().map(source).collect(),
                files,
                bytes,
            });
        }
        for shown in view.sources().iter().filter(|shown| shown.left > 0) {
            ui.warn(&format!("{}: {} left out", shown.name, show::count(shown.left, "member")));
        }
        ui.answer(&format!(
            "mounted {}, {}, on {}\n",
            show::count(files, "file"),
            show::size(bytes),
            for_terminal(&directory)
        ))?;
        ui.note(&format!("read-only, until Ctrl-C or: umount {}", hints::quoted(&directory)));
        Ok(())
    }
}
