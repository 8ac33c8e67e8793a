//! The products of a share in a table, with what to know about each today.

use super::Share;
use super::index::Listed;
use super::survey::{Item, State, Survey};
use crate::error::Result;
use crate::facts::{About, Facts, Rule, Version};

/// A product, and what to know about it.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// The product.
    pub item: &'a Item,
    /// Advice by its id, warnings first.
    pub advice: Vec<&'a Rule>,
}

/// The products of a share. `today` is a day, `2026-11-23`.
#[must_use]
pub fn list<'a>(survey: &'a Survey, facts: &'a Facts, today: &str) -> Vec<Shown<'a>> {
    let shown = |item: &'a Item| {
        let about = item.listed.as_ref().map(|listed| about(listed, today));
        let advice = about.map(|about| facts.advice(&about)).unwrap_or_default();
        Shown { item, advice }
    };
    survey.items.iter().map(shown).collect()
}

/// What the index knows of a product, as rules ask for it.
fn about(listed: &Listed, today: &str) -> About {
    let product = &listed.product;
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    About {
        product: product.name.clone(),
        release: some(&product.release),
        version: Version::parse(&product.build),
        platform: some(&product.platform),
        editions: product.editions.clone(),
        bytes: Some(listed.source_bytes),
        today: Some(today.to_owned()),
        ..About::default()
    }
}

impl Item {
    /// The word for how it stands to the index.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match self.state {
            State::Known => "known",
            State::New => "new",
            State::Edited => "edited",
            State::Moved { .. } => "moved",
            State::Missing => "missing",
        }
    }
}

impl Share {
    /// What `add`s that were stopped are of.
    pub(super) fn unfinished(&self) -> Result<Vec<String>> {
        let mut out = Vec::new();
        let Some(staging) = super::directory::open(&self.own, super::STAGING)? else { return Ok(out) };
        for entry in staging.entries()? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let owner = super::directory::open(&staging, &name).ok().flatten();
            let owner =
                owner.and_then(|dir| super::directory::read(&dir, super::add::OWNER, 4096).ok().flatten());
            let said = owner
                .map(|bytes| String::from_utf8_lossy(&bytes).lines().next().unwrap_or_default().to_owned());
            out.push(said.filter(|said| !said.is_empty()).unwrap_or(name));
        }
        out.sort();
        Ok(out)
    }
}
