//! The stand-in is held to what was recorded from a WooCommerce.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

mod contract;
mod replay;
mod signatures;
mod stage;
