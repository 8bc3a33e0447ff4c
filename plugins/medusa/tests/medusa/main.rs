//! The adapter through the traits. The plugin in Medusa is a script that answers what it is told
//! to; what is sent to it is pinned. What stands in for Medusa, and the real one, are in other tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod calls;
mod contract;
mod orders;
mod quote;
mod record;
mod stage;
