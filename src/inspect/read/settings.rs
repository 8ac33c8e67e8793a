//! Settings files: `[Section]`, `Name = value`, comments behind `;` and `#`; names in any capitals.

use super::Said;

/// Values that are given of one file.
const MOST: usize = 256;

/// The values of `Section/Name`; either may be `*`, and a file without sections has one without a name. Of
/// `Section/Name[-3]` the last three characters alone: the others may be nobody's business.
pub(super) fn find(text: &str, key: &str) -> Vec<Said> {
    let (section, name) = key.split_once('/').unwrap_or(("", key));
    let (name, last) = match name.strip_suffix(']').and_then(|name| name.rsplit_once("[-")) {
        Some((name, count)) => (name, count.parse::<usize>().ok()),
        None => (name, None),
    };
    let is = |wanted: &str, found: &str| wanted == "*" || wanted.eq_ignore_ascii_case(found);
    let mut current = "";
    let mut out = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix('[') {
            current = rest.split(']').next().unwrap_or_default().trim();
            continue;
        }
        if line.is_empty() || line.starts_with([';', '#']) || !is(section, current) || out.len() >= MOST {
            continue;
        }
        // A line without a sign is a value of its own: `ei.cfg` has such.
        let (found, value) = match line.split_once('=') {
            Some((found, value)) => (found.trim().trim_matches('"'), value),
            None if name.is_empty() => ("", line),
            None => continue,
        };
        if is(name, found) {
            let part = match (current, found) {
                ("", found) => found.to_owned(),
                (current, "") => format!("[{current}]"),
                (current, found) => format!("[{current}] {found}"),
            };
            let value = without_comment(value);
            let length = value.chars().count();
            let skipped = last.map_or(0, |last| length.saturating_sub(last));
            out.push(Said::new(part, value.chars().skip(skipped).collect::<String>()));
        }
    }
    out
}

/// The value without quotation marks, or without the comment behind it.
fn without_comment(value: &str) -> &str {
    let value = value.trim();
    match value.strip_prefix('"') {
        Some(rest) => rest.split('"').next().unwrap_or_default(),
        None => value.split(" ;").next().unwrap_or_default().trim_end(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, key: &str) -> Vec<String> {
        find(text, key).into_iter().map(|said| said.text).collect()
    }

    #[test]
    fn sections_and_names_are_found_in_any_capitals() {
        let text =
            "; c\r\n[Version]\r\nDriverVer=04/14/2008,5.1.2600.5512\r\n[Other]\nProvider = \"A;B\" ; why\n";
        assert_eq!(values(text, "version/driverver"), ["04/14/2008,5.1.2600.5512"]);
        assert_eq!(values(text, "*/Provider"), ["A;B"]);
        assert!(values(text, "Other/DriverVer").is_empty());
    }

    #[test]
    fn a_file_without_sections_has_names_all_the_same() {
        assert_eq!(values("bootstate=0\nbuild=8.0.3-0.35.24280767\n", "/build"), ["8.0.3-0.35.24280767"]);
        assert_eq!(values("build=\n", "/build"), [""]);
    }

    #[test]
    fn the_last_characters_alone_can_be_asked_for() {
        let text = "[Pid]\r\nPid=55274270\r\n";
        assert_eq!(values(text, "Pid/Pid[-3]"), ["270"]);
        assert_eq!(values(text, "Pid/Pid[-30]"), ["55274270"]);
        assert!(values(text, "Pid/Other[-3]").is_empty());
    }

    #[test]
    fn a_line_by_itself_is_the_value_of_its_section() {
        let text = "[EditionID]\r\n\r\n[Channel]\r\nRetail\r\n\r\n[VL]\r\n0\r\n";
        assert_eq!(values(text, "Channel/"), ["Retail"]);
        assert!(values(text, "EditionID/").is_empty());
    }
}
