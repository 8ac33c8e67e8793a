//! Running the rules over a medium and what lies in it.
//!
//! First the rules that tell the family of products; then those of that family, and those for every medium. So
//! no rule needs to know what else is on the medium, and nothing is read for a family that it is not of.

use super::evidence::{Class, Evidence, Field, Role};
use super::meter::Meter;
use super::normal::normal;
use super::read::{self, How};
use super::rules::{ANY, Rule, Rules};
use super::unpacked::Unpacked;
use crate::container::{Container, EntryId, EntryKind, Role as Kind};
use crate::formats::wim;
use crate::limits::Limits;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Members that one rule reads.
const MOST_MEMBERS: usize = 48;
/// Things that are kept of one rule.
const MOST_SAID: usize = 256;
/// Bytes that all rules together may read.
const BUDGET: u64 = 5 << 20;

/// One container that is looked at: the medium, or a package in it.
pub(super) struct View {
    pub(super) container: Arc<dyn Container>,
    /// Nested path below the medium; empty for the medium itself.
    pub(super) path: String,
    /// The members that each glob matches, in physical order.
    matches: HashMap<usize, Vec<EntryId>>,
}

impl View {
    /// Looks at the members' paths, and at nothing else.
    pub(super) fn new(container: Arc<dyn Container>, path: &str, rules: &Rules) -> Self {
        let mut matches: HashMap<usize, Vec<EntryId>> = HashMap::new();
        let mut found = Vec::new();
        for (number, entry) in container.entries().iter().enumerate() {
            if !matches!(entry.role, Kind::Plain | Kind::Hidden) {
                continue;
            }
            rules.matching(&entry.path.text().to_lowercase(), &mut found);
            found.drain(..).for_each(|glob| matches.entry(glob).or_default().push(EntryId(number)));
        }
        for ids in matches.values_mut() {
            ids.sort_by_cached_key(|id| container.entries().get(id.0).map(|entry| entry.location.order()));
        }
        Self { container, path: path.to_owned(), matches }
    }

    /// The members that some rule reads: what has to be unpacked of a packed medium.
    pub(super) fn read(&self, rules: &Rules) -> HashSet<EntryId> {
        let reading = rules.rules.iter().filter(|rule| rule.how.reads());
        let globs = reading.filter_map(|rule| self.matches.get(&rule.path?));
        globs.flat_map(|ids| ids.iter().take(MOST_MEMBERS)).copied().collect()
    }

    /// Whether some member matches, for rules that need another.
    fn has(&self, glob: Option<usize>) -> bool {
        glob.is_none_or(|glob| self.matches.contains_key(&glob))
    }

    fn place(&self, member: &str) -> String {
        match (self.path.as_str(), member) {
            (path, "") => path.to_owned(),
            ("", member) => member.to_owned(),
            (path, member) => format!("{path}!/{member}"),
        }
    }
}

/// What was gathered.
#[derive(Default)]
pub(super) struct Gathered {
    /// All of it, in the order of the rules.
    pub(super) evidence: Vec<Evidence>,
    /// The family of products, where something tells it.
    pub(super) family: Option<String>,
}

/// Gathers what all views say. `name` is what the source is called.
pub(super) fn gather(views: &[(View, Unpacked)], name: &str, rules: &Rules, limits: &Limits) -> Gathered {
    let meters = views.iter().map(|(view, packed)| Meter::new(&*view.container, limits, packed));
    let meters: Vec<Meter<'_>> = meters.collect();
    meters.iter().for_each(|meter| meter.allow(BUDGET));
    let mut out = Gathered::default();
    let ask = |out: &mut Vec<Evidence>, wanted: &dyn Fn(&Rule) -> bool| {
        for rule in rules.rules.iter().filter(|rule| wanted(rule)) {
            for ((view, _), meter) in views.iter().zip(&meters) {
                apply(rule, view, meter, name, limits, out);
            }
        }
    };
    ask(&mut out.evidence, &|rule| rule.field == Field::Family);
    out.family = family(&out.evidence);
    let family = out.family.clone();
    let own = |rule: &Rule| rule.family == ANY || Some(&rule.family) == family.as_ref();
    ask(&mut out.evidence, &|rule| rule.field != Field::Family && own(rule));
    if out.evidence.iter().any(|one| tells(one, family.as_deref())) {
        out.evidence.iter_mut().filter(|one| is_brought_along(one)).for_each(|one| one.role = Role::Foreign);
    }
    if family.as_deref() == Some(DRIVERS) {
        several_parts(&mut out.evidence);
    }
    out
}

/// The family of drivers: each has a version, and a pack of many has none.
const DRIVERS: &str = "drivers";

/// True for a member of the medium that tells the family: more than a name does.
fn tells(one: &Evidence, family: Option<&str>) -> bool {
    let of_family = one.field == Field::Family && Some(one.value.as_str()) == family;
    of_family && one.class <= Class::C && !one.file.is_empty() && one.role.counts()
}

/// What a package of the medium, or the program around it, says of itself: a medium whose own files tell what it is has
/// such with it, a language pack, the stub of a self-extractor.
fn is_brought_along(one: &Evidence) -> bool {
    let of_any = one.rule.starts_with("any/") && one.how == How::Fact.name();
    let itself = one.file.is_empty() && one.class <= Class::B;
    of_any && !itself && matches!(one.field, Field::Product | Field::Build | Field::Vendor | Field::Language)
}

/// Builds that are not all equal are those of the parts.
fn several_parts(evidence: &mut [Evidence]) {
    let of_build = |one: &Evidence| one.field == Field::Build && one.role.counts();
    let values: HashSet<String> =
        evidence.iter().filter(|one| of_build(one)).map(|one| one.value.clone()).collect();
    if values.len() > 1 {
        evidence.iter_mut().filter(|one| of_build(one)).for_each(|one| one.role = Role::Foreign);
    }
}

/// The family that the best place tells; of several the one that most files tell.
fn family(evidence: &[Evidence]) -> Option<String> {
    let mut said: BTreeMap<&str, (super::evidence::Class, HashSet<&str>)> = BTreeMap::new();
    for one in evidence.iter().filter(|one| one.field == Field::Family && one.role.counts()) {
        let known = said.entry(&one.value).or_insert((one.class, HashSet::new()));
        if one.class < known.0 {
            *known = (one.class, HashSet::new());
        }
        if one.class == known.0 {
            known.1.insert(&one.file);
        }
    }
    let best = said.into_iter().min_by_key(|(_, (class, files))| (*class, std::cmp::Reverse(files.len())));
    best.map(|(family, _)| family.to_owned())
}

fn apply(rule: &Rule, view: &View, meter: &Meter<'_>, name: &str, limits: &Limits, out: &mut Vec<Evidence>) {
    if !view.has(rule.needs) {
        return;
    }
    let mut add = |member: &str, part: String, raw: &str, value: String| {
        let value = match rule.field {
            Field::Family => rule.family.clone(),
            field => match normal(field, &rule.family, &value) {
                Some(value) => value,
                None => return,
            },
        };
        let secret = rule.field == Field::Secret;
        let one = Evidence {
            field: rule.field,
            raw: if secret { "not shown".to_owned() } else { raw.trim().to_owned() },
            value: if secret { rule.id.clone() } else { value },
            file: view.place(member),
            part,
            how: rule.how.name(),
            class: rule.class,
            role: rule.role,
            rule: format!("{}/{}", rule.family, rule.id),
        };
        if !out.contains(&one) {
            out.push(one);
        }
    };
    if rule.itself {
        let said = match rule.how {
            How::Name if view.path.is_empty() => read::file_name(name, &rule.key),
            How::Label if view.path.is_empty() => read::label(&*view.container, &rule.key),
            How::Fact => read::fact(&*view.container, &rule.key),
            How::Images if view.container.format() == wim::FORMAT.name => {
                read::member(rule.how, &rule.key, view.container.source(), limits)
            }
            _ => Vec::new(),
        };
        for said in said.into_iter().take(MOST_SAID) {
            if let Some(value) = rule.value(&said.text) {
                add("", said.part, &said.text, value);
            }
        }
    }
    let Some(glob) = rule.path else { return };
    let members = view.matches.get(&glob).map_or(&[][..], Vec::as_slice);
    for id in members.iter().take(MOST_MEMBERS) {
        let Some(entry) = view.container.entries().get(id.0) else { continue };
        let path = entry.path.text();
        if rule.how == How::Path {
            if let Some(value) = rule.value(path) {
                add(path, String::new(), path, value);
                if rule.is_constant() {
                    break;
                }
            }
            continue;
        }
        if entry.kind != EntryKind::File || !meter.reaches(id.0, entry) {
            continue;
        }
        let Some(source) = meter.source(*id) else { continue };
        for said in read::member(rule.how, &rule.key, &source, limits).into_iter().take(MOST_SAID) {
            if rule.how == How::Text {
                rule.values(&said.text)
                    .into_iter()
                    .for_each(|(raw, value)| add(path, String::new(), &raw, value));
            } else if let Some(value) = rule.value(&said.text) {
                add(path, said.part, &said.text, value);
            }
        }
    }
}
