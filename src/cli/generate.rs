//! `discless completions` and `discless man`: made from the arguments.

use super::Exit;
use super::args::Args;
use super::ui::Ui;
use clap::{Command, CommandFactory};
use discless::Result;

pub(super) fn completions(ui: &Ui, shell: clap_complete::Shell) -> Result<Exit> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "discless", &mut out);
    ui.bytes(&out)?;
    Ok(Exit::Good)
}

/// One page: the program, then each command.
pub(super) fn man(ui: &Ui) -> Result<Exit> {
    let mut command = Args::command();
    command.build();
    let mut out = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut out)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let name: &'static str = Box::leak(format!("discless-{}", sub.get_name()).into_boxed_str());
        let sub: Command = sub.clone().name(name);
        let man = clap_mangen::Man::new(sub.clone());
        out.extend(format!(".SH {}\n", sub.get_name().to_uppercase()).bytes());
        man.render_description_section(&mut out)?;
        man.render_synopsis_section(&mut out)?;
        man.render_options_section(&mut out)?;
    }
    ui.bytes(&out)?;
    Ok(Exit::Good)
}
