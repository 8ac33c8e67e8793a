//! Windows language numbers as the tags that everyone else uses.

/// Number and BCP 47 tag, a line each.
const TABLE: &str = include_str!("../facts/languages.tsv");

/// What a package calls a language, as a BCP 47 tag where it is a number that is known. `None` for what
/// names no language: 0, neutral, and 1024, the user's own.
#[must_use]
pub(super) fn tag(said: &str) -> Option<String> {
    if matches!(said, "" | "0" | "1024") {
        return None;
    }
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let known = lines.filter_map(|line| line.split_once('\t')).find(|(number, _)| *number == said);
    Some(known.map_or(said, |(_, tag)| tag).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_tags_and_tags_stay() {
        assert_eq!(tag("1033").as_deref(), Some("en-US"));
        assert_eq!(tag("de-DE").as_deref(), Some("de-DE"));
        assert_eq!(tag("61166").as_deref(), Some("61166"));
        assert_eq!((tag("0"), tag("1024")), (None, None));
    }

    #[test]
    fn the_table_is_in_order_and_says_nothing_twice() {
        let lines: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
        let numbers: Vec<u16> =
            lines.iter().map(|line| line.split('\t').next().unwrap().parse().unwrap()).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(lines.iter().all(|line| line.split('\t').count() == 2));
    }
}
