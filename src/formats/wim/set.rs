//! Split files (`NAME.swm`, `NAME2.swm`, …): the others of the set, from beside the first.

use super::header::Header;
use crate::container::{Finding, Findings, Severity};
use crate::error::Result;
use crate::source::SharedSource;
use crate::surroundings::Surroundings;

/// The files behind the first, with their headers. The first one that is missing ends the list, so that a
/// resource's number of its file stays right.
pub(super) fn others(
    first: &Header,
    surroundings: &Surroundings,
    findings: &mut Findings,
) -> Result<Vec<(SharedSource, Header)>> {
    let mut out = Vec::new();
    let mut damaged = |what: String| findings.push(Finding::new(Severity::Damaged, what));
    for number in 2..=first.parts {
        let name = name(&surroundings.file_name, number);
        let Some(source) = surroundings.find(&name)? else {
            damaged(format!("part {number} of {} is not there: {name}", first.parts));
            continue;
        };
        match Header::read(&*source) {
            Ok(header) if header.guid != first.guid => damaged(format!("{name} is of another set")),
            Ok(header) if header.part != number => {
                damaged(format!("{name} is part {} and not {number}", header.part));
            }
            Ok(header) => out.push((source, header)),
            Err(error) => damaged(format!("{name}: {error}")),
        }
    }
    Ok(out)
}

/// What part `number` is called where the first is called `first`.
fn name(first: &str, number: u16) -> String {
    let (stem, extension) = first.rsplit_once('.').unwrap_or((first, "swm"));
    // `install1.swm` goes on as `install2.swm`, too.
    let stem =
        stem.strip_suffix('1').filter(|rest| !rest.ends_with(|c: char| c.is_ascii_digit())).unwrap_or(stem);
    format!("{stem}{number}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_numbered_from_the_second_on() {
        assert_eq!(name("install.swm", 2), "install2.swm");
        assert_eq!(name("install1.SWM", 10), "install10.SWM");
        assert_eq!(name("", 3), "3.swm");
    }
}
