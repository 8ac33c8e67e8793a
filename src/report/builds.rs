//! What `discless builds --json` prints.

use super::VERSION;
use crate::facts;
use serde::{Deserialize, Serialize};

contract! {
    /// What is known of a build number, or of a product's builds.
    Builds {
        /// `discless.builds/1`.
        schema: String,
        /// The program's version.
        discless: String,
        /// What was asked.
        asked: String,
        /// The number in it, where there was one.
        number: Option<ReadNumber>,
        /// `known` (its number, or another one for it), `not_a_build`, `by_rule`, `between`, `list` or `products`.
        answer: String,
        /// The builds that are meant, the likeliest first.
        builds: Vec<KnownBuild>,
        /// The neighbours of a number that is not listed.
        between: Vec<Between>,
        /// Products, where no single one was meant.
        products: Vec<KnownProduct>,
    }

    /// A number as it was read.
    ReadNumber {
        /// The numbers, without zeros before them.
        version: String,
        /// How it was written: `plain`, `padded`, `commas`, `sql_year`, `active_directory`, `console`, `object_version`,
        /// `build_lab`, `remark`, `semantic` or `esxi`.
        form: String,
    }

    /// A build.
    KnownBuild {
        /// The table that it stands in.
        family: String,
        /// The product.
        product: String,
        /// What people call the release.
        release: String,
        /// Its number.
        build: String,
        /// Why it was found: `exact`, `alias`, `not_a_build`, `other_revision`, `shorter`, `longer`, `ending`,
        /// `directory_offset` or `enablement`; absent in a list.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        how: Option<String>,
        /// The same in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
        /// Other numbers for it.
        aliases: Vec<BuildAlias>,
        /// What else is known of it.
        notes: Vec<String>,
        /// When it was published: a day, or a month or year where no more is known.
        date: Option<String>,
        /// Processors that it was published for.
        platforms: Vec<String>,
        /// How long it is supported.
        support: Vec<String>,
        /// Who says so.
        source: String,
    }

    /// Another number for a build.
    BuildAlias {
        /// As it is written there.
        number: String,
        /// Where it shows.
        #[serde(rename = "where")]
        place: String,
        /// False for a number that is taken for it and is not.
        is_build: bool,
    }

    /// The neighbours of a number.
    Between {
        /// The table that they stand in.
        family: String,
        /// The last build before it, on the same line.
        before: Option<KnownBuild>,
        /// The first build behind it.
        after: Option<KnownBuild>,
    }

    /// A product with its builds counted.
    KnownProduct {
        /// The table that it stands in.
        family: String,
        /// The product.
        product: String,
        /// How many builds of it are known.
        builds: u64,
        /// The first of them.
        first: String,
        /// The last of them.
        last: String,
    }
}

impl Builds {
    /// An answer with nothing in it yet.
    #[must_use]
    pub fn new(asked: &str, answer: &str) -> Self {
        Self {
            schema: "discless.builds/1".to_owned(),
            discless: VERSION.to_owned(),
            asked: asked.to_owned(),
            number: None,
            answer: answer.to_owned(),
            builds: Vec::new(),
            between: Vec::new(),
            products: Vec::new(),
        }
    }
}

impl From<&facts::Build> for KnownBuild {
    fn from(build: &facts::Build) -> Self {
        let alias = |alias: &facts::Alias| BuildAlias {
            number: alias.text.clone(),
            place: alias.place.clone(),
            is_build: !alias.wrong,
        };
        Self {
            family: build.family.clone(),
            product: build.product.clone(),
            release: build.release.clone(),
            build: build.number().to_owned(),
            how: None,
            why: None,
            aliases: build.aliases.iter().map(alias).collect(),
            notes: build.notes.clone(),
            date: build.date.clone(),
            platforms: build.platforms.clone(),
            support: Vec::new(),
            source: build.source.clone(),
        }
    }
}

impl From<&facts::Reading> for ReadNumber {
    fn from(reading: &facts::Reading) -> Self {
        use facts::Form;
        let form = match reading.form {
            Form::Plain => "plain",
            Form::Padded => "padded",
            Form::Commas => "commas",
            Form::SqlYear => "sql_year",
            Form::ActiveDirectory => "active_directory",
            Form::Console => "console",
            Form::ObjectVersion => "object_version",
            Form::BuildLab => "build_lab",
            Form::Remark => "remark",
            Form::Semantic => "semantic",
            Form::Esxi => "esxi",
        };
        Self { version: reading.version.to_string(), form: form.to_owned() }
    }
}
