//! The program. Everything it prints is printed by `cli::ui`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
