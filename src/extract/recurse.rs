//! Packages that came out of a medium are unpacked beside themselves.

use super::destination::At;
use super::{Completes, Extracted, Left, Options, Overwrite, Plan, Sharing, run_at};
use crate::container::{Container, EntryId, Location};
use crate::error::{Error, Kind, Result};
use crate::formats;
use crate::inside::{Budget, holds_packages};
use crate::medium;
use crate::nest::{self, Members};
use crate::observe::Observer;
use crate::path::slashed;
use crate::source::{FileSource, SharedSource};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What every level of a recursion needs.
pub struct Recursion<'a> {
    /// How to extract.
    pub how: &'a Options,
    /// How to open.
    pub options: &'a formats::Options,
    /// Who watches.
    pub observer: &'a dyn Observer,
}

/// Where files were written: the open directory, and what it is called.
struct Below<'a> {
    root: &'a Dir,
    path: PathBuf,
}

impl Recursion<'_> {
    /// Unpacks the packages among what `plan` wrote of the medium `outer`, with a budget of their own.
    ///
    /// # Errors
    /// `Limit` where the budget is spent; as [`super::run`].
    pub fn run(
        &self,
        outer: &Arc<dyn Container>,
        plan: &Plan,
        below: &Path,
        out: &mut Extracted,
    ) -> Result<()> {
        let mut budget = Budget::new(self.options, outer.source().len());
        let root = Dir::open_ambient_dir(below, ambient_authority());
        let root = root.map_err(|error| Error::from(error).of(&below.to_string_lossy()))?;
        self.unpack(outer, plan, &Below { root: &root, path: below.to_owned() }, &mut budget, out)?;
        out.digests.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(())
    }

    /// Unpacks the packages among what `plan` wrote `below`, each into `NAME.contents` beside it, and what they hold.
    /// What comes out is added to `out`.
    ///
    /// # Errors
    /// `Limit` where the budget is spent; as [`super::run`].
    fn unpack(
        &self,
        outer: &Arc<dyn Container>,
        plan: &Plan,
        below: &Below<'_>,
        budget: &mut Budget,
        out: &mut Extracted,
    ) -> Result<()> {
        let Some(mut budget) = budget.deeper() else { return Ok(()) };
        let mut how = Options { completes: Completes::Now, ..self.how.clone() };
        if out.resumed && how.overwrite == Overwrite::Never {
            // What stands there was begun by the run that was interrupted, and some of it is complete.
            how.overwrite = Overwrite::Changed;
        }
        // Also of contents that are kept once: each package is unpacked beside itself.
        let shared = plan.shared.iter().filter(|shared| shared.sharing == Sharing::Content);
        for item in plan.files.iter().chain(shared.map(|shared| &shared.item)) {
            let Ok(source) = self.source(&**outer, item.id, below.root, &item.local) else { continue };
            let name = slashed(&item.local);
            let at = Members::around(outer, item.id, &self.options.limits)?;
            let inner: Arc<dyn Container> = match medium::open(&source, &name, &self.options.at(at)) {
                Ok(inner) => Arc::from(inner),
                Err(error) => {
                    if matches!(error.kind(), Kind::Encrypted { .. }) {
                        out.left.push(Left { path: name, why: "its contents are encrypted" });
                    }
                    continue;
                }
            };
            if !holds_packages(&*inner) {
                continue;
            }
            budget.take(&*inner)?;
            let wanted = nest::to_extract(&*inner, &[])?;
            let nested = Plan::new(&*inner, &wanted, self.how.names, &self.options.limits)
                .map_err(|error| error.of(&name))?;
            budget.unpack(self.how.linking.bytes(&nested))?;
            let local = contents_of(plan, &item.local);
            let into = below.path.join(&local);
            let at = At::Below(below.root, &local);
            let mut done = run_at(&*inner, &nested, (&at, &into), &how, self.observer)?;
            done.resumed |= out.resumed;
            let root = below.root.open_dir(&local);
            let root = root.map_err(|error| Error::from(error).of(&into.to_string_lossy()))?;
            self.unpack(&inner, &nested, &Below { root: &root, path: into }, &mut budget, &mut done)?;
            add(out, done, &name, &local);
        }
        Ok(())
    }

    /// A stored member is read where it lies; a packed one was just unpacked.
    fn source(&self, outer: &dyn Container, id: EntryId, root: &Dir, written: &Path) -> Result<SharedSource> {
        match outer.entry(id)?.location {
            Location::Stored(_) | Location::Outside | Location::Nowhere => {
                outer.sub_source(id, &self.options.limits)
            }
            Location::Packed(_) | Location::Solid { .. } => {
                let file = root.symlink_metadata(written).is_ok_and(|meta| meta.is_file());
                if !file {
                    return Err(Error::not_found(written.to_string_lossy(), None));
                }
                Ok(Arc::new(FileSource::from_file(root.open(written)?.into_std())?))
            }
        }
    }
}

/// `NAME.contents`, or with a number where the medium has such a name itself.
fn contents_of(plan: &Plan, local: &Path) -> PathBuf {
    let taken = |name: &Path| {
        plan.directories.contains_key(name)
            || plan.files.iter().any(|item| item.local == name)
            || plan.shared.iter().any(|shared| shared.item.local == name)
            || plan.symlinks.iter().any(|(item, _)| item.local == name)
    };
    let mut number = 0u32;
    loop {
        let mut name = local.as_os_str().to_owned();
        name.push(".contents");
        if number > 0 {
            name.push(format!(".{number}"));
        }
        let name = PathBuf::from(name);
        if !taken(&name) {
            return name;
        }
        number = number.saturating_add(1);
    }
}

fn add(out: &mut Extracted, inner: Extracted, name: &str, local: &Path) {
    out.files += inner.files;
    out.kept += inner.kept;
    out.dirs += inner.dirs + 1;
    out.links += inner.links;
    out.bytes = out.bytes.saturating_add(inner.bytes);
    out.shared = out.shared.saturating_add(inner.shared);
    let nested = |path: String| format!("{name}!/{path}");
    out.left.extend(inner.left.into_iter().map(|left| Left { path: nested(left.path), why: left.why }));
    out.failed.extend(inner.failed.into_iter().map(|(path, error)| (nested(path), error)));
    out.digests.extend(inner.digests.into_iter().map(|(path, value)| (local.join(path), value)));
}
