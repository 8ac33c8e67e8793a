//! Opens the input as people's files are opened: raw sectors, bridges, what it is instead. Then says what
//! it is, what is wrong with it, where its files would go, and what the medium is in another tree.
#![no_main]

use discless::container::{Container, EntryId};
use discless::extract::Plan;
use discless::formats::Tree;
use discless::inspect::{Asked, Knowledge, inspect};
use discless::medium;
use discless::path::Names;
use discless::verify::structure;
use discless_fuzz::{exercise, image, options};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let mut options = options();
    let source = image(data);
    let container: Arc<dyn Container> = match medium::open(&source, "fuzzed.iso", &options) {
        Ok(container) => Arc::from(container),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    exercise(&*container);
    let _ = inspect(&container, &Asked::about("fuzzed.iso", &Knowledge::compiled().unwrap()), &options);
    let _ = structure(&*container);
    let wanted: Vec<EntryId> = (0..container.entries().len()).map(EntryId).collect();
    let _ = Plan::new(&*container, &wanted, Names::Portable, &options.limits);
    for tree in Tree::ALL {
        options.tree = Some(tree);
        if let Ok(other) = medium::open(&source, "fuzzed.iso", &options) {
            assert!(!other.layers().is_empty());
        }
    }
});
