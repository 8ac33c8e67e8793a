//! The wildcards of directory listings ([MS-FSA] 2.1.4.4), capitals apart.
//!
//! | | matches |
//! |---|---|
//! | `*` | any characters, or none |
//! | `?` | one character |
//! | `<` | any characters, or none, that do not reach past the last `.` of the name |
//! | `>` | one character but `.`; nothing at a `.` and at the end of the name |
//! | `"` | a `.`; nothing at the end of the name |

/// A pattern that names are compared with.
pub(super) struct Pattern(Vec<char>);

impl Pattern {
    pub(super) fn new(pattern: &str) -> Self {
        Self(pattern.to_lowercase().chars().collect())
    }

    /// Whether a name matches. It takes as many steps as the name's length times the pattern's.
    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.to_lowercase().chars().collect();
        let last_dot = name.iter().rposition(|&c| c == '.');
        // `here` has for each place of the pattern whether the name so far can have led to it.
        let mut here = vec![false; self.0.len() + 1];
        if let Some(first) = here.first_mut() {
            *first = true;
        }
        self.without_a_character(&mut here, name.first().copied());
        for (at, &c) in name.iter().enumerate() {
            let mut next = vec![false; here.len()];
            for (place, &token) in self.0.iter().enumerate() {
                if here.get(place) != Some(&true) {
                    continue;
                }
                let (stays, goes_on) = match token {
                    '*' => (true, false),
                    '<' => (last_dot != Some(at), false),
                    '?' => (false, true),
                    '>' => (false, c != '.'),
                    '"' => (false, c == '.'),
                    other => (false, other == c),
                };
                for (to, reached) in [(place, stays), (place + 1, goes_on)] {
                    if let Some(slot) = next.get_mut(to) {
                        *slot |= reached;
                    }
                }
            }
            self.without_a_character(&mut next, name.get(at + 1).copied());
            here = next;
        }
        here.last() == Some(&true)
    }

    /// Goes on in the pattern over what may match nothing where `next` is the next character of the name.
    fn without_a_character(&self, reached: &mut [bool], next: Option<char>) {
        for (place, token) in self.0.iter().enumerate() {
            let may = match token {
                '*' | '<' => true,
                '>' => next.is_none_or(|c| c == '.'),
                '"' => next.is_none(),
                _ => false,
            };
            if may
                && reached.get(place) == Some(&true)
                && let Some(slot) = reached.get_mut(place + 1)
            {
                *slot = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_windows_has_them() {
        let rows = [
            ("*", "anything", true),
            ("*", "", true),
            ("SETUP.EXE", "setup.exe", true),
            ("*.exe", "setup.exe", true),
            ("*.exe", "setup.exe.bak", false),
            ("s?tup.*", "SETUP.exe", true),
            ("s?tup", "stup", false),
            // `*.` of DOS: names without an extension.
            ("<", "readme", true),
            ("<\"", "readme", true),
            ("<.exe", "a.b.exe", true),
            ("<.exe", "a.exe.b", false),
            // `?????.txt` of DOS: up to five characters.
            (">>>>>.txt", "ab.txt", true),
            (">>>>>.txt", "abcdef.txt", false),
            ("file\"*", "file", true),
            ("file\"*", "file.txt", true),
            ("file\"*", "files", false),
            ("**a**b**", "xxaxxbxx", true),
            ("ä*", "Änderung", true),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, name, wanted) in rows {
            assert_eq!(Pattern::new(pattern).matches(name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_longer_than_another() {
        let pattern = Pattern::new(&"*a".repeat(120));
        let name = "a".repeat(119) + "b";
        let since = std::time::Instant::now();
        (0..100).for_each(|_| assert!(!pattern.matches(&name)));
        assert!(since.elapsed().as_secs() < 5);
    }
}
