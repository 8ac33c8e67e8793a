//! The only place that prints: standard output has the answer, standard error the rest.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the place")]

use super::args::{Global, When};
use super::hints;
use anstyle::{AnsiColor, Style};
use discless::error::Kind;
use discless::observe::Observer;
use discless::text::{for_terminal, for_terminal_in_colour};
use discless::{Error, Result, report};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

/// How a person or a script is spoken to.
pub(crate) struct Ui {
    pub(crate) json: bool,
    pub(crate) verbose: bool,
    pub(crate) threads: usize,
    /// Whether the kernel is to confine it.
    pub(crate) sandbox: bool,
    quiet: u8,
    color: When,
    progress: When,
}

impl Ui {
    pub(crate) fn new(global: &Global) -> Self {
        let threads = match global.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        Self {
            json: global.json,
            verbose: global.verbose > 0,
            threads,
            sandbox: !global.no_sandbox,
            quiet: global.quiet,
            color: global.color,
            progress: global.progress,
        }
    }

    fn choice(&self) -> anstream::ColorChoice {
        match self.color {
            When::Auto => anstream::ColorChoice::Auto,
            When::Always => anstream::ColorChoice::Always,
            When::Never => anstream::ColorChoice::Never,
        }
    }

    /// Text that is the answer; escape sequences in it are ours.
    pub(crate) fn answer(&self, text: &str) -> Result<()> {
        if self.quiet > 1 {
            return Ok(());
        }
        // Whoever put a name from a medium into it ought to have done this; a pipe gets the bytes as they are.
        let text = if stdout_is_terminal() { for_terminal_in_colour(text) } else { text.into() };
        let mut out = anstream::AutoStream::new(io::stdout().lock(), self.choice());
        out.write_all(text.as_bytes()).and_then(|()| out.flush())?;
        Ok(())
    }

    /// Bytes that are the answer, as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<()> {
        if self.quiet > 1 {
            return Ok(());
        }
        io::stdout().lock().write_all(bytes)?;
        Ok(())
    }

    /// Standard output for many small writes.
    pub(crate) fn stream(&self) -> Box<dyn Write> {
        if self.quiet > 1 { Box::new(io::sink()) } else { Box::new(io::BufWriter::new(io::stdout().lock())) }
    }

    /// One JSON document. Whoever asks for it gets it, however quiet the rest is to be.
    pub(crate) fn document<T: Serialize>(&self, document: &T) -> Result<()> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        serde_json::to_writer_pretty(&mut out, document).map_err(io::Error::from)?;
        out.write_all(b"\n").and_then(|()| out.flush())?;
        Ok(())
    }

    /// Something beside the answer.
    pub(crate) fn note(&self, text: &str) {
        if self.quiet == 0 {
            self.to_stderr(&format!("{}\n", for_terminal(text)));
        }
    }

    /// Something beside the answer that would be lost otherwise: said however quiet the rest is to be.
    #[cfg(feature = "smb")]
    pub(crate) fn always(&self, text: &str) {
        self.to_stderr(&format!("{text}\n"));
    }

    /// Something that may be wrong.
    pub(crate) fn warn(&self, text: &str) {
        if self.quiet == 0 {
            let style = AnsiColor::Yellow.on_default().bold();
            self.to_stderr(&format!("{style}warning:{style:#} {}\n", for_terminal(text)));
        }
    }

    /// What to do, to be pasted.
    pub(crate) fn hint(&self, text: &str) {
        if self.quiet == 0 {
            self.to_stderr(&format!("hint: {}\n", for_terminal(text)));
        }
    }

    /// Why it could not be done. On standard error; as a document with `--json`.
    pub(crate) fn fail(&self, error: &Error) {
        if self.json {
            let document = report::ErrorDocument {
                schema: "discless.error/1".to_owned(),
                discless: report::VERSION.to_owned(),
                error: self.error_report(error),
            };
            // Nobody is left to tell where this cannot be printed.
            let _ = self.document(&document);
        }
        self.complain(error);
    }

    /// Why one of several things could not be done, on standard error.
    pub(crate) fn complain(&self, error: &Error) {
        if self.quiet > 1 {
            return;
        }
        let style = AnsiColor::Red.on_default().bold();
        let place = error.place();
        let medium = for_terminal(&place.medium).into_owned();
        let what = for_terminal(&error.kind().to_string()).into_owned();
        let first = match (medium.is_empty(), error.kind()) {
            (true, _) => what,
            (false, Kind::NotMedium(_)) => format!("{medium} {what}"),
            (false, _) => format!("{medium}: {what}"),
        };
        let mut text = format!("{style}error:{style:#} {first}\n");
        if !place.structure.is_empty() || place.offset.is_some() {
            let inner = discless::error::Place { medium: String::new(), ..place.clone() };
            text.push_str(&format!("  {}\n", for_terminal(&inner.to_string())));
        }
        if let Some(hint) = hints::hint(error) {
            text.push_str(&format!("hint: {}\n", for_terminal(&hint)));
        }
        self.to_stderr(&text);
    }

    /// The error as the contract has it, with its hint.
    pub(crate) fn error_report(&self, error: &Error) -> report::Error {
        report::Error { hint: hints::hint(error), ..report::Error::from(error) }
    }

    fn to_stderr(&self, text: &str) {
        let text = for_terminal_in_colour(text);
        let mut err = anstream::AutoStream::new(io::stderr().lock(), self.choice());
        // A closed standard error is no reason to stop working.
        let _ = err.write_all(text.as_bytes());
    }

    /// A bar on a terminal; only the wish to stop elsewhere.
    pub(crate) fn progress(&self, verb: &'static str) -> Progress {
        let shown = match self.progress {
            When::Always => true,
            When::Never => false,
            When::Auto => io::stderr().is_terminal() && self.quiet == 0 && !self.verbose,
        };
        let bar = ProgressBar::with_draw_target(
            None,
            if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() },
        );
        let template = "{prefix} {percent:>3} %  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left  {wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(verb);
        Progress { bar, cancelled: on_interrupt() }
    }
}

impl Ui {
    /// Nothing to show, only the wish to stop: for what runs until then.
    #[cfg(any(feature = "serve", all(feature = "mount", target_os = "linux")))]
    pub(crate) fn until_interrupted(&self) -> Progress {
        Progress { bar: ProgressBar::hidden(), cancelled: on_interrupt() }
    }
}

/// Style for a check's first word.
pub(crate) fn word(outcome: &str) -> Style {
    match outcome {
        "ok" | "verified" => AnsiColor::Green.on_default(),
        "damaged" => AnsiColor::Red.on_default().bold(),
        "weak" | "warn" | "unverified" => AnsiColor::Yellow.on_default(),
        _ => Style::new().dimmed(),
    }
}

/// The library's observer: a bar, and the first Ctrl-C.
pub(crate) struct Progress {
    bar: ProgressBar,
    cancelled: Arc<AtomicBool>,
}

impl Observer for Progress {
    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn total(&self, bytes: u64) {
        self.bar.set_length(bytes);
    }

    fn working_on(&self, name: &str) {
        if !self.bar.is_hidden() {
            self.bar.set_message(for_terminal(name).into_owned());
        }
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The first Ctrl-C asks for a tidy end, the second one ends at once.
fn on_interrupt() -> Arc<AtomicBool> {
    static ONCE: Once = Once::new();
    static FLAG: std::sync::OnceLock<Arc<AtomicBool>> = std::sync::OnceLock::new();
    let flag = FLAG.get_or_init(Arc::default).clone();
    ONCE.call_once(|| {
        let set = flag.clone();
        let handler = move || {
            if set.swap(true, Ordering::Relaxed) {
                #[allow(clippy::exit, reason = "the user asked twice")]
                std::process::exit(130);
            }
        };
        // Without a handler Ctrl-C ends the program at once, which is no harm: only `.part` files stay.
        let _ = ctrlc::set_handler(handler);
        // A file larger than the shell allows is an error to report and no reason to be killed.
        #[cfg(unix)]
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::new(AtomicBool::new(false)));
    });
    flag
}

/// A panic is our fault: it is said once, with what to report.
pub(crate) fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        if discless::guard::is_guarded() {
            return;
        }
        let at = panic.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        let text = format!(
            "error: internal error{at}\n  this is a fault of discless {}, not of the medium\n\
             hint: please report it with the command line and, if you may, the medium\n",
            report::VERSION
        );
        // Where nobody listens a second panic would help nobody.
        let _ = io::stderr().write_all(text.as_bytes());
    }));
}

/// Help, or what is wrong with the arguments; false where nobody can have read it, which is said.
pub(crate) fn print_usage(usage: &clap::Error) -> bool {
    match usage.print().and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let text = format!("error: {}\n", Error::from(error));
            let _ = io::stderr().write_all(text.as_bytes());
            false
        }
        _ => true,
    }
}

/// True where the reader of our output has gone.
pub(crate) fn is_closed_pipe(error: &Error) -> bool {
    matches!(error.kind(), Kind::Io(io) if io.kind() == io::ErrorKind::BrokenPipe)
}

/// True where names on standard output are read by a person.
pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}
