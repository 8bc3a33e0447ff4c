//! The journal on PostgreSQL. What needs a database starts one itself; where there is no PostgreSQL
//! it is left out, and says so.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is a test: what does not fit has to fail, in helpers too"
)]

mod commits;
#[path = "../common/mod.rs"]
mod common;
mod erasing;
mod opening;
#[path = "../../benches/tick/pending.rs"]
mod pending;
mod proxy;
mod servers;
mod suite;
mod support;
mod tls;
mod transfer;
mod work;
