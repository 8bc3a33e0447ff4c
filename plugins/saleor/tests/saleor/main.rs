//! The adapter for Saleor, by its two traits and without a network: a Saleor that answers by script
//! and signs as Saleor does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod answers;
mod calls;
mod installation;
mod orders;
mod quote;
mod record;
mod signature;
mod stage;
