//! How long a product is supported, as rules that hold on some days: before the end, and from it on.

use super::advice::{Condition, Rule, Severity};
use super::table::{self, BadRow};

/// A row of the table.
struct Row<'t> {
    product: &'t str,
    release: &'t str,
    editions: &'t str,
    ids: &'t str,
    mainstream: &'t str,
    extended: &'t str,
    more: &'t str,
    more_end: &'t str,
    source: &'t str,
}

/// Reads a table of ends of support as the rules that follow from it.
///
/// # Errors
/// The first row that does not hold: no product, a day that is none, an end before the one that it follows.
pub fn parse(text: &str) -> Result<Vec<Rule>, BadRow> {
    let columns = [
        "product",
        "release",
        "editions",
        "edition_ids",
        "mainstream_end",
        "extended_end",
        "more",
        "more_end",
        "source",
    ];
    let rows = table::read(text, columns, |cells| {
        let [product, release, editions, ids, mainstream, extended, more, more_end, source] = cells;
        let day = |text: &str| table::is_date(text) && text.len() == "2017-04-11".len();
        if product.is_empty() {
            return Err("no product".to_owned());
        }
        if !day(mainstream) || !day(extended) || (!more_end.is_empty() && !day(more_end)) {
            return Err("a day that is none".to_owned());
        }
        if mainstream > extended || (!more_end.is_empty() && more_end <= extended) {
            return Err("an end before the one that it follows".to_owned());
        }
        if more.is_empty() != more_end.is_empty() {
            return Err("`more` and `more_end` go together".to_owned());
        }
        Ok(Row { product, release, editions, ids, mainstream, extended, more, more_end, source }.rules())
    })?;
    Ok(rows.into_iter().flatten().collect())
}

impl Row<'_> {
    /// Each sentence with the days on which it is true.
    fn rules(&self) -> Vec<Rule> {
        let (mainstream, extended, more, more_end) =
            (self.mainstream, self.extended, self.more, self.more_end);
        let mut rules = Vec::new();
        if mainstream < extended {
            let note = format!("Mainstream support ended {mainstream}; extended support ends {extended}");
            rules.push(self.rule(Severity::Note, &note, mainstream, extended));
        } else if let Some(soon) = a_year_before(extended) {
            rules.push(self.rule(Severity::Note, &format!("Support ends {extended}"), &soon, extended));
        }
        let out = format!("Out of support since {extended}");
        if more.is_empty() {
            rules.push(self.rule(Severity::Warn, &out, extended, ""));
        } else {
            let until = format!("{out}; {more} until {more_end}");
            rules.push(self.rule(Severity::Warn, &until, extended, more_end));
            let ended = format!("{out}; {more} ended {more_end}");
            rules.push(self.rule(Severity::Warn, &ended, more_end, ""));
        }
        rules
    }

    fn rule(&self, severity: Severity, note: &str, from: &str, before: &str) -> Rule {
        let editions = if self.editions.is_empty() { String::new() } else { format!(" ({})", self.editions) };
        let mut conditions = vec![Condition::From(from.to_owned())];
        if !before.is_empty() {
            conditions.push(Condition::Before(before.to_owned()));
        }
        conditions.push(Condition::Lifecycle {
            release: self.release.to_owned(),
            editions: table::list(self.ids, ",").map(str::to_owned).collect(),
        });
        Rule {
            id: slug(&["support", self.product, self.release, self.editions]),
            severity,
            note: format!("{note}{editions}."),
            source: self.source.to_owned(),
            date: from.to_owned(),
            products: vec![self.product.to_owned()],
            conditions,
        }
    }
}

/// The same day of the year before; that there may be no such day (29 February) does not matter to a comparison.
fn a_year_before(day: &str) -> Option<String> {
    let (year, rest) = day.split_once('-')?;
    Some(format!("{:04}-{rest}", year.parse::<u32>().ok()?.checked_sub(1)?))
}

/// `support-windows-10-22h2`
fn slug(words: &[&str]) -> String {
    let joined = words.join("-").to_lowercase();
    let parts: Vec<&str> =
        joined.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}
