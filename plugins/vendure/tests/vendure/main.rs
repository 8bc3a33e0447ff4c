//! The adapter through the traits. Vendure is a stand-in that answers what it is told to; what is
//! sent to it is pinned. The real one is in the tests of the whole system.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod calls;
mod orders;
mod record;
mod stage;
