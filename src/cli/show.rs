//! Reports as text for people. Nothing here prints; `ui` does.

use super::ui::word;
use discless::text::{self, for_terminal};
use discless::verify::coverage::{Coverage, share};
use discless::verify::{Amount, Check, Outcome, Verdict};
use std::fmt::Write as _;

/// Fewer are shown as they are.
const SHOWN_IN_BYTES: u64 = 10_240;

/// `4.7 GiB`, or exact below 10 KiB.
pub(crate) fn size(bytes: u64) -> String {
    if bytes < SHOWN_IN_BYTES {
        text::count(bytes, "byte")
    } else {
        indicatif::BinaryBytes(bytes).to_string()
    }
}

/// `4.7 GiB (5 044 094 976 bytes)`, the bytes alone below 10 KiB.
pub(crate) fn size_and_bytes(bytes: u64) -> String {
    let exact = count(bytes, "byte");
    if bytes < SHOWN_IN_BYTES { exact } else { format!("{} ({exact})", size(bytes)) }
}

/// `5 044 094 976`: what is compared is written out.
pub(crate) fn exact(bytes: u64) -> String {
    let digits = bytes.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// `1 file`, `987 files`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{} {thing}s", exact(number)) }
}

fn amount(amount: &Amount) -> String {
    match amount {
        Amount::Bytes(bytes) => count(*bytes, "byte"),
        Amount::Digest(value) => value.hex(),
    }
}

/// Lines that are the same but for their subject are shown so often, then counted.
const MOST_ALIKE: usize = 20;

/// The checks, a line or two each, the outcome first and in words.
pub(crate) fn checks(checks: &[Check]) -> String {
    let mut out = String::new();
    let mut shown = 0usize;
    for check in checks {
        let repeated = !check.subject.is_empty();
        shown = if repeated { shown + 1 } else { 0 };
        if repeated && shown > MOST_ALIKE && check.outcome != Outcome::Damaged {
            continue;
        }
        line(&mut out, check);
    }
    out
}

/// Where the second column ends and digits or reasons begin.
const INDENT: usize = 11;

fn line(out: &mut String, check: &Check) {
    let style = word(check.outcome.name());
    let subject = if check.subject.is_empty() { check.what } else { &for_terminal(&check.subject) };
    let _ = write!(out, "{style}{:<10}{style:#} {subject:<12} ", check.outcome.name());
    let mut rest: Vec<String> = Vec::new();
    if let (true, Some(Amount::Bytes(bytes))) = (check.outcome != Outcome::Damaged, &check.found) {
        rest.push(count(*bytes, "byte") + &by(check));
    }
    if let Some(number) = check.count {
        rest.push(count(number, if check.what == "integrity" { "part" } else { "file" }));
    }
    if let (true, Some(Amount::Digest(_))) = (check.outcome != Outcome::Damaged, &check.found) {
        rest.extend(
            Some(by(check)).filter(|by| !by.is_empty()).map(|by| by.trim_start_matches(", ").to_owned()),
        );
    }
    let note = for_terminal(&check.note);
    match (check.what, check.by.as_str()) {
        _ if note.is_empty() => {}
        ("signature", by) if by != "nobody" => rest.push(format!("{}: {note}", list_name(by))),
        _ => rest.push(note.into_owned()),
    }
    let _ = writeln!(out, "{}", rest.join("; "));
    match (check.outcome, &check.expected, &check.found) {
        (Outcome::Damaged, Some(expected), Some(found)) => {
            let _ = writeln!(out, "{:INDENT$}expected {}{}", "", amount(expected), by(check));
            let _ = writeln!(out, "{:INDENT$}found    {}", "", amount(found));
        }
        // Digits have a line of their own: they are to be copied.
        (_, _, Some(Amount::Digest(value))) => {
            let _ = writeln!(out, "{:INDENT$}{}", "", value.hex());
        }
        _ => {}
    }
    failed(out, check);
}

fn failed(out: &mut String, check: &Check) {
    for failed in check.failed.iter().take(MOST_ALIKE) {
        let _ = writeln!(out, "{:INDENT$}{}", "", for_terminal(failed));
    }
    if check.failed.len() > MOST_ALIKE {
        let _ =
            writeln!(out, "{:INDENT$}and {} more (--json lists all)", "", check.failed.len() - MOST_ALIKE);
    }
}

fn by(check: &Check) -> String {
    match check.by.as_str() {
        "user" => ", as given".to_owned(),
        "nobody" | "discless" => String::new(),
        by if check.what == "size" && matches!(check.expected, Some(Amount::Bytes(_))) => {
            format!(", as {by} says")
        }
        by if check.what == "authenticode" => format!(", as signed by {}", for_terminal(by)),
        by => format!(", as {} says", list_name(by)),
    }
}

/// What stands between a list and who signed it.
const SIGNED: &str = ", signed by ";

/// A list without the directory, which is the source's own.
fn list_name(path: &str) -> String {
    // Who signed it may have any name.
    let (path, signed) = path.split_at(path.find(SIGNED).unwrap_or(path.len()));
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    for_terminal(&format!("{name}{signed}")).into_owned()
}

/// What vouches for how many bytes, and how many nothing does.
pub(crate) fn coverage(coverage: &Coverage) -> String {
    let mut out = String::from("\nbytes vouched for\n");
    let rows = coverage.vouchers.iter().map(|one| {
        let by = list_name(&one.by);
        (one.ranges.bytes(), format!("{}, by {by}", for_terminal(&one.what)))
    });
    for (bytes, what) in rows.chain([(coverage.uncovered(), "nothing".to_owned())]) {
        let _ = writeln!(out, "  {:>18}  {:>6} %  {what}", exact(bytes), share(bytes, coverage.bytes));
    }
    out
}

/// The same for a report.
pub(crate) fn coverage_report(coverage: &Coverage) -> discless::report::Coverage {
    let vouched = coverage.vouchers.iter().map(|one| discless::report::Vouched {
        what: one.what.clone(),
        by: one.by.clone(),
        bytes: one.ranges.bytes(),
    });
    discless::report::Coverage { bytes: coverage.bytes, by: vouched.collect(), nothing: coverage.uncovered() }
}

/// The last line: the verdict, and by what.
pub(crate) fn verdict(verdict: Verdict, checks: &[Check]) -> String {
    let style = word(verdict.name());
    match verdict {
        Verdict::Verified => {
            let strong = |check: &&Check| check.vouches && check.outcome == Outcome::Ok;
            let signed =
                |check: &&Check| strong(check) && (check.signer.is_some() || check.by.contains(SIGNED));
            let strong = checks.iter().find(signed).or_else(|| checks.iter().find(strong));
            let best = strong.or_else(|| checks.iter().find(|check| check.vouches));
            if let Some(name) = best.and_then(|check| check.signer.as_ref()?.name.as_ref()) {
                let why = if strong.is_some() { "" } else { "; see why that is weak" };
                return format!(
                    "{style}verified{style:#}: the whole file is signed by {}{why}\n",
                    for_terminal(name)
                );
            }
            let (what, by) = best.map_or(("digest", "user"), |check| (check.what, check.by.as_str()));
            let files = checks.iter().filter(|check| check.vouches && !check.subject.is_empty()).count();
            let whole = if files > 0 {
                format!("{} as", count(files as u64, "file"))
            } else {
                "the whole file is what".to_owned()
            };
            if what == "authenticode" {
                let by = for_terminal(by);
                let weak = if strong.is_some() { "" } else { ", by a weak digest" };
                return format!(
                    "{style}verified{style:#}: the whole file is what {by}, signed{weak}; revocation not checked\n"
                );
            }
            let by = match (by, what) {
                ("user", "sha256" | "sha512" | "sha384" | "sha224" | "sha1" | "md5" | "crc32") => {
                    format!("--{what}")
                }
                ("user", _) => format!("the given {what}"),
                (list, _) => list_name(list),
            };
            let only = if strong.is_some() { "" } else { ", by a weak digest only" };
            format!("{style}verified{style:#}: {whole} {by} names{only}\n")
        }
        Verdict::Damaged => {
            let bad = checks.iter().filter(|check| check.outcome == Outcome::Damaged).count();
            format!("{style}damaged{style:#}: {} failed\n", count(bad as u64, "check"))
        }
        Verdict::Unverified => {
            format!("{style}not verified{style:#}: nothing vouched for it\n")
        }
    }
}

/// Checks for JSON.
pub(crate) fn check_reports(checks: &[Check]) -> Vec<discless::report::Check> {
    checks.iter().map(discless::report::Check::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_threes() {
        assert_eq!(exact(0), "0");
        assert_eq!(exact(999), "999");
        assert_eq!(exact(5_044_094_976), "5 044 094 976");
    }

    #[test]
    fn one_thing_is_no_things() {
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(20_000, "file"), "20 000 files");
    }
}
