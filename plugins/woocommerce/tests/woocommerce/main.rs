//! The adapter through the traits. WooCommerce answers by script, in recorded shapes; what is sent to
//! it is pinned. What stands in for it with a state of its own is in the crate's stand-in.
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
mod meet;
mod orders;
mod quote;
mod record;
mod stage;
mod webhooks;
