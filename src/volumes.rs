//! Archives cut into several files: `NAME.001`, `NAME.002`, … cut anywhere, and ZIP's `NAME.z01`, …,
//! `NAME.zip`. The other parts are looked for beside the one that was opened.

use crate::error::{Error, Result};
use crate::source::SharedSource;
use crate::surroundings::Surroundings;

/// Parts of one archive, at most: 7-Zip counts on past 999.
const MOST: u32 = 9_999;

/// All parts of a source called `NAME.001`, as many as there are beside it. `None` where it is called
/// otherwise or has no second part: it may have been renamed.
///
/// # Errors
/// `NotFound` with the name of a part that is missing where a later one is there; what opening a part said.
pub fn numbered(first: &SharedSource, surroundings: &Surroundings) -> Result<Option<Vec<SharedSource>>> {
    let name = &surroundings.file_name;
    let Some(stem) = name.strip_suffix(".001") else { return Ok(None) };
    let mut parts = vec![first.clone()];
    for number in 2..=MOST {
        let Some(part) = surroundings.find(&format!("{stem}.{number:03}"))? else { break };
        parts.push(part);
    }
    let next = parts.len() + 1;
    for number in next + 1..=next + 2 {
        if surroundings.find(&format!("{stem}.{number:03}"))?.is_some() {
            return Err(Error::not_found(format!("the part {stem}.{next:03} of the archive"), None));
        }
    }
    Ok((parts.len() > 1).then_some(parts))
}

/// The name of the part behind the last that [`numbered`] found.
#[must_use]
pub fn next_name(parts: usize, surroundings: &Surroundings) -> Option<String> {
    let stem = surroundings.file_name.strip_suffix(".001")?;
    Some(format!("{stem}.{:03}", parts + 1))
}

/// All parts of a ZIP set, of which `last` says that `before` others come first.
///
/// # Errors
/// `NotFound` with the name of a part that is missing; `Limit` where there are too many.
pub fn spanned(last: &SharedSource, before: u32, surroundings: &Surroundings) -> Result<Vec<SharedSource>> {
    if before > MOST {
        return Err(Error::limit("parts of an archive", u64::from(MOST)));
    }
    let name = &surroundings.file_name;
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let mut parts = Vec::new();
    for number in 1..=before {
        let part = format!("{stem}.z{number:02}");
        match surroundings.find(&part)? {
            Some(found) => parts.push(found),
            None => return Err(Error::not_found(format!("the part {part} of the archive"), None)),
        }
    }
    parts.push(last.clone());
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surroundings::Beside;
    use std::sync::Arc;

    struct Names(&'static [&'static str]);

    impl Beside for Names {
        fn find(&self, path: &str) -> Result<Option<SharedSource>> {
            Ok(self.0.contains(&path).then(|| Arc::new(vec![1u8]) as SharedSource))
        }
    }

    fn beside(file_name: &str, names: &'static [&'static str]) -> Surroundings {
        Surroundings { file_name: file_name.to_owned(), beside: Some(Arc::new(Names(names))) }
    }

    #[test]
    fn parts_are_found_by_number_and_a_missing_one_is_named() {
        let first: SharedSource = Arc::new(vec![0u8]);
        let found = |name, names| numbered(&first, &beside(name, names));
        assert_eq!(found("a.7z.001", &["a.7z.002", "a.7z.003"]).unwrap().unwrap().len(), 3);
        assert!(found("a.7z.001", &[]).unwrap().is_none());
        assert!(found("a.7z", &["a.7z.002"]).unwrap().is_none());
        let error = found("a.7z.001", &["a.7z.003"]).err().unwrap();
        assert!(error.to_string().contains("a.7z.002"), "{error}");
        let error = spanned(&first, 2, &beside("a.zip", &["a.z01"])).err().unwrap();
        assert!(error.to_string().contains("a.z02"), "{error}");
        assert_eq!(spanned(&first, 1, &beside("a.zip", &["a.z01"])).unwrap().len(), 2);
    }
}
