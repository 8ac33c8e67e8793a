//! One thing that a medium says of itself: which value, where it stands, and how much its place weighs.

use std::fmt;

/// What kind of place says it, the best first: one of a worse class never outweighs one of a better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Declared by what setup obeys: the XML data of a WIM file, the main package, `.treeinfo`.
    A,
    /// A program of the payload.
    B,
    /// A text file that is there to say so.
    C,
    /// A resource of the program that starts setup.
    D,
    /// Which files and folders there are.
    E,
    /// The volume's label.
    F,
    /// The name of the file.
    G,
}

impl Class {
    const ALL: [(Self, &'static str); 7] = [
        (Self::A, "A"),
        (Self::B, "B"),
        (Self::C, "C"),
        (Self::D, "D"),
        (Self::E, "E"),
        (Self::F, "F"),
        (Self::G, "G"),
    ];

    /// True for names that people give: they are right most of the time.
    #[must_use]
    pub fn is_a_name(self) -> bool {
        matches!(self, Self::F | Self::G)
    }
}

/// What the value is to the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It is the medium's own.
    Identity,
    /// Another way to say it.
    Alias,
    /// A least version that is asked for: shown, never counted.
    Floor,
    /// A name that people give.
    Label,
    /// Of something that the medium brings along: shown, never counted.
    Foreign,
}

impl Role {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Identity, "identity"),
        (Self::Alias, "alias"),
        (Self::Floor, "floor"),
        (Self::Label, "label"),
        (Self::Foreign, "foreign"),
    ];

    /// True where it is weighed.
    #[must_use]
    pub fn counts(self) -> bool {
        !matches!(self, Self::Floor | Self::Foreign)
    }
}

/// Which value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Which family of products: whose rules and build numbers are meant.
    Family,
    /// The product.
    Product,
    /// Who makes it.
    Vendor,
    /// What people call this release.
    Release,
    /// What the files say of the build.
    Build,
    /// For which processor.
    Platform,
    /// An edition.
    Edition,
    /// `Client`, `Server`, `Server Core`.
    Installation,
    /// Retail, volume, evaluation.
    Channel,
    /// A language.
    Language,
    /// What sort of medium it is: an update, a language pack.
    Kind,
    /// An update that lies ready to be installed with it.
    Update,
    /// A product key or a password; its value is never kept.
    Secret,
}

impl Field {
    const ALL: [(Self, &'static str); 13] = [
        (Self::Family, "family"),
        (Self::Product, "product"),
        (Self::Vendor, "vendor"),
        (Self::Release, "release"),
        (Self::Build, "build"),
        (Self::Platform, "platform"),
        (Self::Edition, "edition"),
        (Self::Installation, "installation"),
        (Self::Channel, "channel"),
        (Self::Language, "language"),
        (Self::Kind, "kind"),
        (Self::Update, "update"),
        (Self::Secret, "secret"),
    ];
}

/// Words for the values of an enumeration, both ways.
macro_rules! words {
    ($($name:ident)*) => {$(
        impl $name {
            /// The word for it, as in rules and JSON.
            #[must_use]
            pub fn name(self) -> &'static str {
                Self::ALL.iter().find(|(value, _)| *value == self).map_or("", |(_, word)| word)
            }

            /// The value of that word.
            #[must_use]
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().find(|(_, known)| *known == word).map(|(value, _)| *value)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    )*};
}

words!(Class Role Field);

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Which value.
    pub field: Field,
    /// As stored.
    pub raw: String,
    /// As weighed.
    pub value: String,
    /// The nested path of the file that says it; empty for the medium itself.
    pub file: String,
    /// Where in that file: a key, a property, an element.
    pub part: String,
    /// How it was read.
    pub how: &'static str,
    /// How much its place weighs.
    pub class: Class,
    /// What it is to the medium.
    pub role: Role,
    /// The rule that names the place.
    pub rule: String,
}

impl Evidence {
    /// File and part, as people are shown them.
    #[must_use]
    pub fn place(&self) -> String {
        match (self.file.as_str(), self.part.as_str()) {
            ("", part) => part.to_owned(),
            (file, "") => file.to_owned(),
            (file, part) => format!("{file}#{part}"),
        }
    }
}
