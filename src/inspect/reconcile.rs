//! From evidence to one value: the best class wins, then what most files say, then the longer form. Every other
//! value is explained, or it is a conflict. Two values from one file are one place.

use super::evidence::{Class, Evidence};
use crate::report::Also;
use std::collections::BTreeSet;

/// Sentences of one value that are given.
const MOST_SENTENCES: usize = 8;

/// How evidence is read that follows from the digest of the whole file.
pub(super) const PUBLISHED: &str = "digest";

/// How sure a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Two places or more say it, and none says otherwise.
    Confirmed,
    /// One place says it.
    Single,
    /// Others differ, each for a reason.
    Explained,
    /// Others differ, and nothing explains it.
    Conflict,
    /// Nothing says it.
    Unknown,
}

impl State {
    /// The word for people and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Single => "single",
            Self::Explained => "explained",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
        }
    }
}

/// How values are compared.
pub(super) trait Compare {
    /// What equal values have in common.
    fn key(&self, value: &str) -> String;
    /// Why `other` differs from the answer and is right all the same.
    fn explain(&self, answer: &str, other: &Evidence) -> Option<String>;
}

/// A value that was settled on.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) value: String,
    pub(super) class: Class,
    pub(super) state: State,
    pub(super) because: Vec<String>,
    pub(super) also: Vec<Also>,
}

struct Cluster<'a> {
    key: String,
    said: Vec<&'a Evidence>,
}

impl Cluster<'_> {
    fn class(&self) -> Class {
        self.said.iter().map(|one| one.class).min().unwrap_or(Class::G)
    }

    /// The files that say it in its best class.
    fn places(&self) -> BTreeSet<&str> {
        let class = self.class();
        self.said.iter().filter(|one| one.class == class).map(|one| one.file.as_str()).collect()
    }

    /// True where the digest of the whole file is that of a published medium: nothing outweighs that.
    fn is_published(&self) -> bool {
        self.said.iter().any(|one| one.how == PUBLISHED)
    }

    fn files(&self) -> BTreeSet<&str> {
        self.said.iter().map(|one| one.file.as_str()).collect()
    }
}

/// Settles on one value of all that is said; `None` where nothing counts.
pub(super) fn settle<'a>(
    evidence: impl Iterator<Item = &'a Evidence>,
    compare: &dyn Compare,
) -> Option<Settled> {
    let mut clusters: Vec<Cluster<'a>> = Vec::new();
    for one in evidence.filter(|one| one.role.counts()) {
        let key = compare.key(&one.value);
        match clusters.iter_mut().find(|cluster| cluster.key == key) {
            Some(cluster) => cluster.said.push(one),
            None => clusters.push(Cluster { key, said: vec![one] }),
        }
    }
    // A stable order, so that the same medium always gets the same answer.
    clusters.sort_by(|a, b| {
        let rank = |cluster: &Cluster<'_>| {
            (!cluster.is_published(), cluster.class(), std::cmp::Reverse(cluster.places().len()))
        };
        let length = |cluster: &Cluster<'_>| std::cmp::Reverse(cluster.key.len());
        rank(a).cmp(&rank(b)).then(length(a).cmp(&length(b))).then(b.key.cmp(&a.key))
    });
    let mut clusters = clusters.into_iter();
    let winner = clusters.next()?;
    let class = winner.class();
    let best = winner.said.iter().find(|one| one.class == class)?;
    let value = best.value.clone();
    let mut because: Vec<String> = Vec::new();
    let mut said = winner.said.clone();
    said.sort_by_key(|one| one.class);
    // The best word of each file.
    let mut heard = BTreeSet::new();
    for one in said.into_iter().filter(|one| heard.insert(one.file.as_str())).take(MOST_SENTENCES) {
        because.push(sentence(one));
    }
    let mut also = Vec::new();
    let mut explained = true;
    for other in clusters.flat_map(|cluster| cluster.said) {
        let why = compare.explain(&value, other);
        explained &= why.is_some();
        let entry = Also {
            value: other.value.clone(),
            place: other.place(),
            why: why.unwrap_or_else(|| "nothing known explains the difference".to_owned()),
        };
        if !also.contains(&entry) && also.len() < MOST_SENTENCES {
            also.push(entry);
        }
    }
    let state = match (also.is_empty(), explained, winner.files().len()) {
        (true, _, 0 | 1) => State::Single,
        (true, ..) => State::Confirmed,
        (false, true, _) => State::Explained,
        (false, false, _) => State::Conflict,
    };
    Some(Settled { value, class, state, because, also })
}

/// What one place says, as a sentence.
pub(super) fn sentence(one: &Evidence) -> String {
    let place = match one.place() {
        place if place.is_empty() => "the medium".to_owned(),
        place => place,
    };
    if one.how == "path" {
        return format!("there is {place}");
    }
    if one.raw == one.value || one.raw.len() > 80 {
        format!("{place} says {}", one.value)
    } else {
        format!("{place} says {}: {}", one.raw, one.value)
    }
}

/// Values that are equal word by word, without regard to capitals, and none else.
pub(super) struct Words;

impl Words {
    /// The words that matter: without the maker's name and marks.
    pub(super) fn of(value: &str) -> Vec<String> {
        let plain = value.replace(['®', '™', '©', '(', ')', ',', '"'], " ");
        let words = plain.split_whitespace().map(str::to_lowercase);
        words.filter(|word| !matches!(word.as_str(), "microsoft" | "r" | "tm" | "the" | "vmware")).collect()
    }

    /// True where all words of one stand in the other.
    pub(super) fn within(less: &str, more: &str) -> bool {
        let (less, more) = (Self::of(less), Self::of(more));
        !less.is_empty() && less.iter().all(|word| more.contains(word))
    }
}

impl Compare for Words {
    fn key(&self, value: &str) -> String {
        Self::of(value).join(" ")
    }

    fn explain(&self, answer: &str, other: &Evidence) -> Option<String> {
        if Self::within(&other.value, answer) {
            Some("the same, said with fewer words".to_owned())
        } else if Self::within(answer, &other.value) {
            Some("the same, said with more words".to_owned())
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::evidence::{Field, Role};

    fn one(value: &str, file: &str, class: Class) -> Evidence {
        Evidence {
            field: Field::Product,
            raw: value.to_owned(),
            value: value.to_owned(),
            file: file.to_owned(),
            part: String::new(),
            how: "settings",
            class,
            role: Role::Identity,
            rule: "any/test".to_owned(),
        }
    }

    fn settled(evidence: &[Evidence]) -> Settled {
        settle(evidence.iter(), &Words).unwrap()
    }

    #[test]
    fn one_place_is_single_two_confirm_and_two_values_of_one_file_are_one_place() {
        assert_eq!(settled(&[one("A", "x", Class::A)]).state, State::Single);
        assert_eq!(settled(&[one("A", "x", Class::A), one("A", "x", Class::B)]).state, State::Single);
        assert_eq!(settled(&[one("A", "x", Class::A), one("a", "y", Class::C)]).state, State::Confirmed);
    }

    #[test]
    fn the_best_class_wins_however_many_say_otherwise() {
        let found = settled(&[one("B", "x", Class::C), one("B", "y", Class::C), one("A", "z", Class::A)]);
        assert_eq!((found.value.as_str(), found.state), ("A", State::Conflict));
        assert_eq!(found.also.len(), 2);
    }

    #[test]
    fn the_digest_of_a_published_medium_wins_over_everything() {
        let published = Evidence { how: PUBLISHED, ..one("A", "the table", Class::A) };
        let found = settled(&[one("B", "x", Class::A), one("B", "y", Class::A), published]);
        assert_eq!((found.value.as_str(), found.state), ("A", State::Conflict));
    }

    #[test]
    fn fewer_words_are_no_conflict() {
        let evidence =
            [one("Microsoft Exchange Server 2007", "x", Class::A), one("Exchange Server", "y", Class::D)];
        let found = settled(&evidence);
        assert_eq!(found.state, State::Explained);
        assert_eq!(found.also[0].why, "the same, said with fewer words");
    }

    #[test]
    fn floors_and_what_is_brought_along_never_count() {
        let foreign = Evidence { role: Role::Foreign, ..one("B", "y", Class::A) };
        let floor = Evidence { role: Role::Floor, ..one("C", "z", Class::A) };
        let found = settled(&[foreign, floor, one("A", "x", Class::G)]);
        assert_eq!((found.value.as_str(), found.state), ("A", State::Single));
        assert!(settle([].into_iter(), &Words).is_none());
    }
}
