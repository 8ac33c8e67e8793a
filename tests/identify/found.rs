//! A report, and what tests ask of it.

use crate::support::media::Medium;
use crate::support::media::pe::Pe;
use discless::container::Container;
use discless::report::{Inspect, Weighed};
use discless::source::SharedSource;
use std::sync::Arc;

/// The fields that are weighed.
pub mod field {
    pub const PRODUCT: &str = "product";
    pub const RELEASE: &str = "release";
    pub const BUILD: &str = "build";
    pub const PLATFORM: &str = "platform";
}

pub struct Found {
    pub report: Inspect,
}

/// An ISO image whose name says nothing.
pub fn iso(medium: Medium) -> Found {
    looked(Arc::new(medium.iso()), "image.iso")
}

/// A self-extractor whose name says nothing.
pub fn self_extractor(medium: Medium, stub: Pe) -> Found {
    looked(Arc::new(medium.self_extractor(stub)), "setup.exe")
}

/// A source under that name.
pub fn looked(source: SharedSource, name: &str) -> Found {
    let container: Arc<dyn Container> = crate::support::open(&source, name).unwrap().into();
    Found::of(&container, name)
}

impl Found {
    pub fn of(container: &Arc<dyn Container>, name: &str) -> Self {
        let options = discless::formats::Options::default();
        let knowledge = discless::inspect::Knowledge::compiled().unwrap();
        let mut asked = discless::inspect::Asked::about(name, &knowledge);
        asked.today = Some("2026-11-23");
        Self { report: discless::inspect::inspect(container, &asked, &options) }
    }

    fn weighed(&self, name: &str) -> Option<&Weighed> {
        match name {
            field::PRODUCT => self.report.product.as_ref(),
            field::RELEASE => self.report.release.as_ref(),
            field::BUILD => self.report.build.as_ref(),
            _ => panic!("no field {name}"),
        }
    }

    /// The value of a field; empty where there is none.
    pub fn value(&self, name: &str) -> &str {
        match name {
            field::PLATFORM => &self.report.platform.value,
            name => self.weighed(name).map_or("", |weighed| &weighed.value),
        }
    }

    /// Everything that was weighed, for the message of a test that fails.
    fn shown(&self) -> String {
        let mut out = String::new();
        for name in [field::PRODUCT, field::RELEASE, field::BUILD] {
            out.push_str(&format!("\n{name}: {:#?}", self.weighed(name)));
        }
        out.push_str(&format!("\nplatform: {:#?}", self.report.platform));
        for one in &self.report.evidence {
            let line = (&one.field, &one.value, &one.place, &one.how, &one.class, &one.role);
            out.push_str(&format!("\n{line:?}"));
        }
        out
    }

    #[track_caller]
    pub fn holds(&self, name: &str, value: &str) {
        assert!(self.value(name) == value, "{name} is {:?}, not {value:?}{}", self.value(name), self.shown());
    }

    #[track_caller]
    pub fn is(&self, product: &str, release: &str, build: &str, platform: &str) {
        self.holds(field::PRODUCT, product);
        self.holds(field::RELEASE, release);
        self.holds(field::BUILD, build);
        self.holds(field::PLATFORM, platform);
        for name in [field::PRODUCT, field::BUILD] {
            assert!(self.weighed(name).unwrap().state != "conflict", "{name} is in conflict{}", self.shown());
        }
    }

    #[track_caller]
    pub fn state(&self, name: &str, state: &str) {
        let found = match name {
            field::PLATFORM => &self.report.platform.state,
            name => &self.weighed(name).unwrap().state,
        };
        assert!(found == state, "{name} is {found}, not {state}{}", self.shown());
    }

    /// One of the reasons has those words.
    #[track_caller]
    pub fn because(&self, name: &str, words: &str) {
        let reasons = match name {
            field::PLATFORM => &self.report.platform.because,
            name => &self.weighed(name).unwrap().because,
        };
        assert!(reasons.iter().any(|why| why.contains(words)), "{words:?}: {reasons:#?}{}", self.shown());
    }

    /// Another value is there, and is explained with those words.
    #[track_caller]
    pub fn also(&self, name: &str, value: &str, words: &str) {
        let also = &self.weighed(name).unwrap().also;
        let there = also.iter().any(|also| also.value == value && also.why.contains(words));
        assert!(there, "{value:?} {words:?}: {also:#?}{}", self.shown());
    }

    #[track_caller]
    pub fn advises(&self, ids: &[&str]) {
        for id in ids {
            let there = self.report.advice.iter().any(|advice| advice.id == *id);
            assert!(there, "no {id}: {:#?}{}", self.report.advice, self.shown());
        }
    }

    #[track_caller]
    pub fn advises_not(&self, ids: &[&str]) {
        for id in ids {
            let there = self.report.advice.iter().any(|advice| advice.id == *id);
            assert!(!there, "{id}: {:#?}", self.report.advice);
        }
    }

    #[track_caller]
    pub fn advice_says(&self, id: &str, words: &str) {
        let advice = self.report.advice.iter().find(|advice| advice.id == id);
        assert!(advice.is_some_and(|advice| advice.note.contains(words)), "{id}: {advice:#?}");
    }

    /// Some edition has that name or identifier.
    #[track_caller]
    pub fn edition(&self, name: &str) {
        let is = |edition: &discless::report::Edition| edition.id == name || edition.name == name;
        assert!(self.report.editions.iter().any(is), "{name}: {:#?}{}", self.report.editions, self.shown());
    }

    /// The languages, in any order, are these and no others.
    #[track_caller]
    pub fn speaks(&self, tags: &[&str]) {
        let mut found = self.report.languages.clone();
        let mut tags: Vec<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
        found.sort();
        tags.sort();
        assert!(found == tags, "{found:?}, not {tags:?}{}", self.shown());
    }

    /// Nothing of the report has these characters.
    #[track_caller]
    pub fn never_shows(&self, secret: &str) {
        let document = serde_json::to_string(&self.report).unwrap();
        assert!(!document.contains(secret), "{secret} is shown: {document}");
    }
}
