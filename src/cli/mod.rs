//! The command line: arguments, dispatch, exit codes.

mod args;
mod builds;
mod cat;
mod check_all;
mod confine;
mod extract;
mod formats;
mod generate;
mod hash;
mod hints;
mod inspect;
mod list;
mod mount;
mod output;
#[cfg(feature = "serve")]
mod serve;
mod share;
mod show;
#[cfg(feature = "serve")]
mod smb;
mod ui;
mod verify;
mod wildcards;

use args::{Args, Command};
use clap::Parser;
use discless::error::Kind;
use discless::{Error, Result};
use std::process::ExitCode;
use ui::Ui;

/// How a run ends; `docs` and `--help` list the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// 0
    Good,
    /// 1: the medium is bad.
    Bad,
    /// 2: it could not be done.
    Failed,
    /// 3: nothing vouched for it.
    Unverified,
    /// 130: interrupted.
    Interrupted,
}

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Failed => 2,
            Self::Unverified => 3,
            Self::Interrupted => 130,
        }
    }

    /// Several sources: the worst of them, a bad medium before a failure.
    fn and(self, other: Self) -> Self {
        let rank = |exit| match exit {
            Self::Good => 0,
            Self::Unverified => 1,
            Self::Failed => 2,
            Self::Bad => 3,
            Self::Interrupted => 4,
        };
        if rank(self) >= rank(other) { self } else { other }
    }

    /// What an error means for the one who waits for the code.
    fn of(error: &Error) -> Self {
        match error.kind() {
            Kind::Truncated { .. } | Kind::Damaged(_) | Kind::Invalid(_) | Kind::NotMedium(_) => Self::Bad,
            Kind::Unsupported(_)
            | Kind::Encrypted { .. }
            | Kind::Limit { .. }
            | Kind::NotFound { .. }
            | Kind::Io(_)
            | Kind::Changed(_)
            | Kind::Usage(_)
            | Kind::Refused(_) => Self::Failed,
            Kind::Cancelled => Self::Interrupted,
        }
    }
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let is_read = ui::print_usage(&error);
            let exit = if error.use_stderr() || !is_read { Exit::Failed } else { Exit::Good };
            return ExitCode::from(exit.code());
        }
    };
    let ui = Ui::new(&args.global);
    ui::report_panics();
    let exit = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&ui, args.command))) {
        Ok(Ok(exit)) => exit,
        // The one who read our answer has gone: no reason to complain.
        Ok(Err(error)) if ui::is_closed_pipe(&error) => Exit::Good,
        Ok(Err(error)) if matches!(error.kind(), Kind::Cancelled) => Exit::of(&error),
        Ok(Err(error)) => {
            ui.fail(&error);
            Exit::of(&error)
        }
        Err(_) => Exit::Failed,
    };
    ExitCode::from(exit.code())
}

fn run(ui: &Ui, mut command: Command) -> Result<Exit> {
    if let Some(sources) = command.sources() {
        wildcards::spread(sources);
    }
    let mut confined = confine::confine(ui, &command);
    match command {
        Command::Inspect(args) => inspect::run(ui, &args),
        Command::List(args) => list::run(ui, &args),
        Command::Verify(args) => verify::run(ui, &args, &confined),
        Command::Extract(args) => extract::run(ui, &args, &mut confined),
        Command::Cat(args) => cat::run(ui, &args),
        Command::Mount(args) => mount::run(ui, &args, &confined),
        Command::Hash(args) => hash::run(ui, &args),
        Command::Builds(args) => builds::run(ui, &args),
        Command::Share(args) => share::run(ui, args.command, &mut confined),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(ui, &args),
        Command::Formats => formats::run(ui),
        Command::Completions { shell } => generate::completions(ui, shell),
        Command::Man { output: None } => generate::man(ui),
        Command::Man { output: Some(directory) } => generate::man_pages(&directory),
    }
}
