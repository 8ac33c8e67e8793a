//! The fuzz targets as libFuzzer calls them. What they do is in [`shared`], which the program's tests use, too.

pub mod shared;

use cap::Cap;
use shared::chance::Chance;
use shared::structured::Structure;
use std::alloc::System;
use std::path::Path;

/// An allocation past this ends the run as a crash. libFuzzer's `-malloc_limit_mb` needs a sanitizer's
/// hooks, which a stable compiler does not have.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, 512 << 20);

/// A panic in code of others that `guard` fences in is an error and no finding. Every other panic still is, also one of
/// ours behind a fence: the hook that libFuzzer's crate has set ends the process.
pub fn begin() {
    let ends = std::panic::take_hook();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("/"));
    std::panic::set_hook(Box::new(move |panic| {
        let ours = panic.location().is_none_or(|at| {
            let file = Path::new(at.file());
            file.is_relative() || file.starts_with(root)
        });
        if ours || !discless::guard::is_guarded() {
            ends(panic);
        }
    }));
}

/// Changes an input of a format whose structures are known: half of the time as libFuzzer would, else by its structures.
pub fn mutate(structure: &Structure, data: &mut [u8], size: usize, most: usize, seed: u32) -> usize {
    let mut chance = Chance::new(seed.into());
    let kind = chance.below(10);
    let mut size = size;
    if kind < 5 {
        size = libfuzzer_sys::fuzzer_mutate(data, size, most);
    }
    if kind >= 4 {
        let input = data.get(..size).unwrap_or_default();
        let changed = match kind {
            4 => structure.mended(input),
            _ => structure.changed(input, &mut chance),
        };
        // What became too large is left as it was.
        if let Some(changed) = changed.filter(|changed| changed.len() <= most)
            && let Some(place) = data.get_mut(..changed.len())
        {
            place.copy_from_slice(&changed);
            size = changed.len();
        }
    }
    size
}

/// The target of that name in [`shared::targets`].
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(init: $crate::begin(), |data: &[u8]| {
            static RUN: std::sync::LazyLock<fn(&[u8])> =
                std::sync::LazyLock::new(|| $crate::shared::targets::by_name($name).expect("a target"));
            RUN(data);
        });
    };
    ($name:literal, $structure:expr) => {
        $crate::target!($name);
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
            $crate::mutate(&$structure, data, size, most, seed)
        });
    };
}
