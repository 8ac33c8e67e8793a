//! The platform: what is declared outweighs what programs are for, and a name that says otherwise is caught.

use super::evidence::{Class, Evidence, Field, Role};
use super::reconcile::sentence;
use crate::report::{Also, Platform};
use std::collections::BTreeSet;

/// Weighs what the medium declares, and what it is called, against what its programs are for.
pub(super) fn weigh(platform: &mut Platform, evidence: &[Evidence]) {
    let said = || evidence.iter().filter(|one| one.field == Field::Platform && one.role.counts());
    let declared: Vec<&Evidence> =
        said().filter(|one| one.class <= Class::C && one.role == Role::Identity).collect();
    let values: BTreeSet<&str> = declared.iter().map(|one| one.value.as_str()).collect();
    let mut because: Vec<String> = Vec::new();
    for sentence in declared.iter().map(|one| sentence(one)) {
        if !because.contains(&sentence) {
            because.push(sentence);
        }
    }
    match values.iter().copied().collect::<Vec<_>>().as_slice() {
        [] => {}
        [one] => {
            let files: BTreeSet<&str> = declared.iter().map(|one| one.file.as_str()).collect();
            let counted = platform.counts.get(*one).copied().unwrap_or(0) > 0;
            platform.state = if counted || files.len() > 1 { "confirmed" } else { "single" }.to_owned();
            platform.value = (*one).to_owned();
        }
        several => {
            platform.value = "mixed".to_owned();
            platform.state = "confirmed".to_owned();
            because.push(format!("it is for each of {}", several.join(", ")));
        }
    }
    because.append(&mut platform.because);
    platform.because = because;
    names(platform, said().filter(|one| one.class.is_a_name()));
}

/// A label or a file's name may be wrong; the files are what is installed.
fn names<'a>(platform: &mut Platform, names: impl Iterator<Item = &'a Evidence>) {
    for one in names.filter(|one| one.value != platform.value) {
        let (why, state) = match platform.value.as_str() {
            "unknown" => ("named so; no file says", None),
            "mixed" | "neutral" => ("named so; the files are for more than that", None),
            _ => ("named so, and the files are for another processor: trust the files", Some("conflict")),
        };
        let also = Also { value: one.value.clone(), place: one.place(), why: why.to_owned() };
        if !platform.also.contains(&also) {
            platform.also.push(also);
        }
        if let Some(state) = state {
            platform.state = state.to_owned();
        }
    }
}
