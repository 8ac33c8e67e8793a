//! The command line as people and scripts meet it: `tests/cmd/*.trycmd` and the README's examples are
//! run, and what they print is compared. `TRYCMD=overwrite cargo test --test cmd` renews them; read the
//! difference before it is committed.
#![cfg(test)]

#[test]
fn the_command_line_prints_what_is_written_down() {
    trycmd::TestCases::new().case("tests/cmd/*.trycmd").case("README.md").run();
}
