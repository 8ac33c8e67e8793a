//! A container whose members are shown: what is known of it besides its members.

use crate::container::{Container, EntryId, Location};
use crate::error::Result;
use crate::extract::Plan;
use crate::inside::Budget;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub(super) struct Holder {
    /// No other has it.
    pub(super) number: u64,
    /// Which of the sources it lies in.
    pub(super) source: usize,
    pub(super) container: Arc<dyn Container>,
    /// `media.iso!/setup.exe`.
    pub(super) path: String,
    /// Containers that it lies in.
    pub(super) depth: u32,
    /// What is left for all containers of its source.
    pub(super) budget: Arc<Mutex<Budget>>,
    /// The member that has the same bytes and is unpacked in this one's place.
    firsts: HashMap<EntryId, EntryId>,
    /// The members of each solid run.
    pub(super) runs: HashMap<u32, Vec<EntryId>>,
}

impl Holder {
    pub(super) fn new(
        (number, source): (u64, usize),
        container: Arc<dyn Container>,
        path: String,
        depth: u32,
        budget: Arc<Mutex<Budget>>,
        plan: &Plan,
    ) -> Self {
        let mut firsts = HashMap::new();
        if !plan.shared.is_empty() {
            let known: HashMap<&Path, EntryId> =
                plan.files.iter().map(|item| (item.local.as_path(), item.id)).collect();
            for shared in &plan.shared {
                if let Some(first) = known.get(shared.first.as_path()) {
                    firsts.insert(shared.item.id, *first);
                }
            }
        }
        let mut runs: HashMap<u32, Vec<EntryId>> = HashMap::new();
        for item in &plan.files {
            if let Ok(Location::Solid { run, .. }) = container.entry(item.id).map(|entry| &entry.location) {
                runs.entry(*run).or_default().push(item.id);
            }
        }
        Self { number, source, container, path, depth, budget, firsts, runs }
    }

    /// The member that is read for `id`.
    pub(super) fn first(&self, id: EntryId) -> EntryId {
        self.firsts.get(&id).copied().unwrap_or(id)
    }

    /// The nested path of a member: `media.iso!/setup.exe!/product.msi`.
    pub(super) fn nested_path(&self, id: EntryId) -> Result<String> {
        Ok(format!("{}!/{}", self.path, self.container.entry(id)?.path.text()))
    }

    /// Size of a member, in bytes.
    pub(super) fn bytes(&self, id: EntryId) -> u64 {
        self.container.entry(id).map_or(0, |entry| entry.bytes)
    }
}
