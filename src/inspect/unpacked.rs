//! The beginnings of packed members, unpacked once and within a bound, so that programs and packages in
//! archives can be looked at as those on a disc are.

use crate::container::{Container, Entry, EntryId, EntryKind, Location};
use crate::error::Result;
use crate::sink::{Sink, Want};
use crate::source::SharedSource;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

/// Bytes that are unpacked for this at most, those included that lie before a wanted member in its run.
const MOST: u64 = 64 << 20;
/// Bytes of one member that are kept; what is longer is cut.
const KEPT: usize = 4 << 20;
/// Bytes of a member that is packed alone: its headers.
const ALONE: u64 = 256 << 10;

/// Members by what was unpacked of them.
pub(super) type Unpacked = HashMap<EntryId, SharedSource>;

/// Unpacks the beginnings of those packed members that `wanted` names, as far as the bound goes. Members
/// that cannot be read are left out.
#[must_use]
pub(super) fn unpack(container: &dyn Container, wanted: impl Fn(EntryId, &Entry) -> bool) -> Unpacked {
    let mut left = MOST;
    let mut runs: HashMap<u32, u64> = HashMap::new();
    let (mut solid, mut alone) = (Vec::new(), Vec::new());
    for (number, entry) in container.entries().iter().enumerate() {
        let id = EntryId(number);
        if entry.kind != EntryKind::File || !wanted(id, entry) {
            continue;
        }
        match entry.location {
            Location::Solid { run, offset } => solid.push((run, offset, entry.bytes, id)),
            Location::Packed(_) => alone.push((entry.location.order(), id)),
            _ => {}
        }
    }
    // The same members whatever the order of the catalogue.
    solid.sort_unstable();
    let mut chosen = Vec::new();
    for (run, offset, bytes, id) in solid {
        let reached = runs.entry(run).or_default();
        let cost = offset.saturating_add(bytes).saturating_sub(*reached);
        if let Some(rest) = left.checked_sub(cost) {
            left = rest;
            *reached = offset.saturating_add(bytes).max(*reached);
            chosen.push(id);
        }
    }
    let mut keeping = Keeping::default();
    // A container that cannot be read has nothing to say here; reading its members says why.
    let _ = container.read_in_order(&chosen, &mut keeping);
    let mut out = keeping.kept;
    alone.sort_unstable();
    for (_, id) in alone {
        let Some(rest) = left.checked_sub(ALONE) else { break };
        left = rest;
        let mut head = Vec::new();
        let read = container.open(id).map(|content| content.take(ALONE).read_to_end(&mut head));
        if read.is_ok_and(|read| read.is_ok()) {
            out.insert(id, Arc::new(head));
        }
    }
    out
}

/// Keeps the beginning of every member.
#[derive(Default)]
struct Keeping {
    kept: Unpacked,
    current: Option<(EntryId, Vec<u8>)>,
}

impl Sink for Keeping {
    fn begin(&mut self, id: EntryId, _: &Entry) -> Result<Want> {
        self.current = Some((id, Vec::new()));
        Ok(Want::Bytes)
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some((_, kept)) = &mut self.current {
            let room = KEPT.saturating_sub(kept.len()).min(bytes.len());
            kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
        Ok(())
    }

    fn end(&mut self, _: &Entry, outcome: Result<()>) -> Result<()> {
        if let (Some((id, kept)), Ok(())) = (self.current.take(), outcome) {
            self.kept.insert(id, Arc::new(kept));
        }
        Ok(())
    }
}
