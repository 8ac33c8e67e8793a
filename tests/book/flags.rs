//! The tables of flags on the pages of the commands, against `--help`.
//!
//! `DISCLESS_WRITE_BOOK=1 cargo test --all-features --test book flags` puts rows that are missing at the end of their
//! table, with the words of `--help`, and gives others the form that `--help` has.

use crate::docs;
use std::collections::BTreeMap;
use std::process::Command;

/// A row: the flag as `--help` writes it (`-o, --output <DIR>`), and what it says of it.
struct Flag {
    cell: String,
    says: String,
}

fn help(command: &[&str]) -> String {
    let program = env!("CARGO_BIN_EXE_discless");
    // Wide: no description goes on in another line.
    let output = Command::new(program).args(command).arg("--help").env("COLUMNS", "1000").output().unwrap();
    assert!(output.status.success(), "{command:?} --help");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that help names, below `parent`.
fn commands(parent: &[&str]) -> Vec<String> {
    let text = help(parent);
    let lines =
        text.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.map(|line| line.split_whitespace().next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

/// `--output` of `-o, --output <DIR>`.
fn long(cell: &str) -> Option<&str> {
    let at = cell.find("--")?;
    let end = cell[at + 2..]
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .map_or(cell.len(), |end| at + 2 + end);
    Some(&cell[at..end])
}

/// The flags of a command, by their long names.
fn flags(command: &[&str]) -> BTreeMap<String, Flag> {
    let text = help(command);
    let mut out: BTreeMap<String, Flag> = BTreeMap::new();
    let mut last: Option<String> = None;
    for line in text.lines().skip_while(|line| *line != "Options:").skip(1) {
        let words = line.trim_start();
        let indent = line.len() - words.len();
        if indent == 0 && !words.is_empty() {
            break;
        }
        if indent <= 6 && words.starts_with('-') {
            let (head, says) = words.split_once("  ").unwrap_or((words, ""));
            let head = head.trim_end_matches("...").replace("... ", " ");
            let name = long(&head).unwrap_or_else(|| panic!("{command:?}: {line}")).to_owned();
            out.insert(name.clone(), Flag { cell: head, says: says.trim().to_owned() });
            last = Some(name);
        } else if let Some(flag) = last.as_ref().and_then(|name| out.get_mut(name)) {
            // The first paragraph is enough for a row.
            if flag.says.is_empty() {
                words.clone_into(&mut flag.says);
            }
        }
    }
    assert!(out.contains_key("--help"), "{command:?}: no flags were found in its help");
    out
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

/// The flag of a table's row: what stands in the first cell between backquotes.
fn row_flag(line: &str) -> Option<String> {
    let cell = line.strip_prefix("| `")?;
    let end = cell.find("` |")?;
    cell[..end].contains("--").then(|| cell[..end].replace("\\|", "|"))
}

/// Where the section of a command begins and ends, in lines; a page that is one command's is one section.
fn section(page: &str, lines: &[String], heading: Option<&str>) -> (usize, usize) {
    let Some(heading) = heading else { return (0, lines.len()) };
    let begin = lines.iter().position(|line| line == heading);
    let begin = begin.unwrap_or_else(|| panic!("docs/{page}: no section {heading:?}"));
    let end = lines.iter().skip(begin + 1).position(|line| line.starts_with("## "));
    (begin, end.map_or(lines.len(), |end| begin + 1 + end))
}

/// What is wrong with the rows of one command. With `DISCLESS_WRITE_BOOK` it is put right.
fn compare(page: &str, heading: Option<&str>, wanted: &BTreeMap<String, Flag>) -> Vec<String> {
    let at = docs().join(page);
    let text = std::fs::read_to_string(&at).unwrap_or_else(|error| panic!("docs/{page}: {error}"));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (begin, end) = section(page, &lines, heading);
    let mut wrong = Vec::new();
    let mut found = BTreeMap::new();
    let mut stale = Vec::new();
    for (number, line) in lines.iter_mut().enumerate().take(end).skip(begin) {
        let Some(cell) = row_flag(line) else { continue };
        let name = long(&cell).unwrap_or(&cell).to_owned();
        match wanted.get(&name) {
            None => {
                wrong.push(format!("docs/{page}:{}: {name} is no flag of it any more", number + 1));
                stale.push(number);
                continue;
            }
            Some(flag) if flag.cell != cell => {
                wrong.push(format!("docs/{page}:{}: `{cell}` is `{}` in --help", number + 1, flag.cell));
                *line = line.replacen(&escaped(&cell), &escaped(&flag.cell), 1);
            }
            Some(_) => {}
        }
        found.insert(name, number);
    }
    let mut add = Vec::new();
    for (name, flag) in wanted.iter().filter(|(name, _)| !found.contains_key(*name)) {
        let row = format!("| `{}` | {} |", escaped(&flag.cell), escaped(&flag.says));
        let place =
            heading.map_or_else(|| format!("docs/{page}"), |heading| format!("docs/{page}, {heading}"));
        wrong.push(format!("{place}: no row for {name}; this one would do:\n    {row}"));
        add.push(row);
    }
    if std::env::var_os("DISCLESS_WRITE_BOOK").is_some() && !wrong.is_empty() {
        let last = found.values().max().copied();
        let blank = lines[begin..end].iter().rev().take_while(|line| line.is_empty()).count();
        let at_row = last.map_or(end - blank, |last| last + 1);
        if last.is_none() && !add.is_empty() {
            add.splice(0..0, ["", "| flag | does |", "|---|---|"].map(str::to_owned));
        }
        lines.splice(at_row..at_row, add);
        for number in stale.into_iter().rev() {
            lines.remove(number);
        }
        std::fs::write(&at, lines.join("\n") + "\n").unwrap();
    }
    wrong
}

#[test]
fn the_flags_of_every_command_are_on_its_page() {
    let everywhere = flags(&[]);
    let own = |command: &[&str]| -> BTreeMap<String, Flag> {
        flags(command).into_iter().filter(|(name, _)| !everywhere.contains_key(name)).collect()
    };
    let mut wrong = compare("commands/README.md", None, &everywhere);
    for command in commands(&[]) {
        let page = format!("commands/{command}.md");
        if command != "share" {
            wrong.extend(compare(&page, None, &own(&[&command])));
            continue;
        }
        for below in commands(&["share"]) {
            let heading = format!("## share {below}");
            wrong.extend(compare(&page, Some(&heading), &own(&["share", &below])));
        }
    }
    let how = "DISCLESS_WRITE_BOOK=1 cargo test --all-features --test book flags   # adds the rows";
    assert!(wrong.is_empty(), "\n{}\n{how}\n", wrong.join("\n"));
}

#[test]
fn a_row_is_known_by_its_flag() {
    let row = r"| `-o, --output <DIR>` | where to |";
    assert_eq!(row_flag(row).as_deref(), Some("-o, --output <DIR>"));
    assert_eq!(long("-o, --output <DIR>"), Some("--output"));
    assert_eq!(row_flag(r"| `--smb[=<A\|B>]` | x |").as_deref(), Some("--smb[=<A|B>]"));
    assert_eq!(long("--smb[=<A|B>]"), Some("--smb"));
    assert_eq!(row_flag("| `list` | members |"), None);
    assert_eq!(row_flag("| `-` | standard input |"), None);
}
