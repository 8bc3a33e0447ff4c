//! The proof of the proof: kasse, its wire or its adapter is broken in one place, and the checklist
//! must say so, by the check that is about it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::type_complexity,
    missing_docs,
    reason = "tests"
)]

mod bent;
mod kill_table;
mod mutants;
mod panics;
