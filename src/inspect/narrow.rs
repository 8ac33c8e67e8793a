//! Which of several rows of a table are meant, by what else the medium says: `src/facts/narrow.tsv`, a row each.
//!
//! | column | is |
//! |---|---|
//! | `family` | whose table |
//! | `field`, `match` | which evidence, and a pattern for its values |
//! | `when` | `all` that is said matches, or `none` of it (and something is said) |
//! | `column`, `pattern` | which rows: those whose `product` or `release` matches |
//! | `do` | `keep` these alone, or `drop` them |

use super::evidence::{Evidence, Field};
use super::reconcile::Words;
use crate::facts::Match;
use regex::Regex;

const TABLE: &str = include_str!("../facts/narrow.tsv");

/// Takes away the rows that the evidence speaks against; never all of them.
pub(super) fn narrow(rows: &mut Vec<Match<'_>>, evidence: &[Evidence], family: &str) {
    if rows.len() < 2 {
        return;
    }
    for line in TABLE.lines().skip(1).filter(|line| line.starts_with(family)) {
        let columns: Vec<&str> = line.split('\t').collect();
        if let [own, field, matching, when, column, pattern, action] = columns.as_slice()
            && *own == family
            && applies(evidence, field, matching, when)
            && let Ok(pattern) = Regex::new(pattern)
        {
            let text = |row: &Match<'_>| match *column {
                "product" => row.build.product.clone(),
                _ => row.build.release.clone(),
            };
            keep(rows, |row| pattern.is_match(&text(row)) == (*action == "keep"));
        }
    }
    by_product(rows, evidence);
}

fn applies(evidence: &[Evidence], field: &str, matching: &str, when: &str) -> bool {
    let Ok(matching) = Regex::new(matching) else { return false };
    let field = Field::named(field);
    let mut said = evidence.iter().filter(|one| Some(one.field) == field && one.role.counts()).peekable();
    said.peek().is_some() && said.all(|one| matching.is_match(&one.value) == (when == "all"))
}

/// Keeps the rows of the product that the medium names: the one whose name has the most words in common.
fn by_product(rows: &mut Vec<Match<'_>>, evidence: &[Evidence]) {
    let named = evidence.iter().filter(|one| one.field == Field::Product && one.role.counts());
    for one in named.filter(|one| !one.class.is_a_name()) {
        let fits = |row: &Match<'_>| Words::within(&row.build.product, &one.value);
        let words = |row: &Match<'_>| Words::of(&row.build.product).len();
        match rows.iter().filter(|row| fits(row)).map(words).max() {
            Some(most) => keep(rows, |row| fits(row) && words(row) == most),
            None => keep(rows, |row| Words::within(&one.value, &row.build.product)),
        }
    }
}

fn keep(rows: &mut Vec<Match<'_>>, wanted: impl Fn(&Match<'_>) -> bool) {
    if rows.iter().any(&wanted) {
        rows.retain(wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_sound() {
        assert!(TABLE.starts_with("family\tfield\tmatch\twhen\tcolumn\tpattern\tdo\n"));
        for line in TABLE.lines().skip(1) {
            let columns: Vec<&str> = line.split('\t').collect();
            let [_, field, matching, when, column, pattern, action] = columns.as_slice() else {
                panic!("{line}")
            };
            assert!(Field::named(field).is_some(), "{line}");
            assert!(Regex::new(matching).is_ok() && Regex::new(pattern).is_ok(), "{line}");
            assert!(["all", "none"].contains(when) && ["keep", "drop"].contains(action), "{line}");
            assert!(["product", "release"].contains(column), "{line}");
        }
    }
}
