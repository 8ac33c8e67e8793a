//! `discless completions` and `discless man`: made from the arguments.

use super::Exit;
use super::args::Args;
use super::ui::Ui;
use clap::{Command, CommandFactory};
use discless::{Error, Result};
use std::path::Path;

pub(super) fn completions(ui: &Ui, shell: clap_complete::Shell) -> Result<Exit> {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "discless", &mut out);
    ui.bytes(&out)?;
    Ok(Exit::Good)
}

/// A page for each command, as packages have them.
pub(super) fn man_pages(directory: &Path) -> Result<Exit> {
    let wrong = |error: std::io::Error| Error::from(error).of(&directory.to_string_lossy());
    std::fs::create_dir_all(directory).map_err(wrong)?;
    clap_mangen::generate_to(Args::command(), directory).map_err(wrong)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_that_names_it() {
        let temp = tempfile::tempdir().unwrap();
        man_pages(temp.path()).unwrap();
        let mut commands = vec!["discless".to_owned()];
        let mut command = Args::command();
        command.build();
        let shown = |command: &&Command| command.get_name() != "help" && !command.is_hide_set();
        for sub in command.get_subcommands().filter(shown) {
            commands.push(format!("discless-{}", sub.get_name()));
            let below = sub.get_subcommands().filter(shown);
            commands.extend(below.map(|below| format!("discless-{}-{}", sub.get_name(), below.get_name())));
        }
        for name in &commands {
            let page = std::fs::read_to_string(temp.path().join(format!("{name}.1"))).unwrap();
            assert!(page.contains(&name.replace('-', "\\-")), "{name}");
        }
        assert_eq!(std::fs::read_dir(temp.path()).unwrap().count(), commands.len());
    }
}
