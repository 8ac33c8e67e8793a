//! What media are: one made medium for each family of products and for each known trap, with the answer that it must
//! get, its reasons and its explanations. Tests of traps are named `trap_NN_…` after the list that they come from.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation, unreachable_pub, reason = "tests")]

mod exchange;
mod found;
mod nt;
mod office;
mod others;
mod platforms;
#[cfg(feature = "cli")]
mod program;
mod speed;
mod sqlserver;
#[path = "../support/mod.rs"]
mod support;
mod windows;
