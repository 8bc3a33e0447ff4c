//! The whole system over the real binary: the `kasse` that people run, the simulator as Vipps, HTTP
//! between them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod bad_input;
mod callbacks;
mod canaries;
#[path = "../../crates/server/tests/it/contract.rs"]
mod contract;
#[cfg(target_os = "linux")]
mod crashes;
#[cfg(target_os = "linux")]
mod crowd;
#[path = "../differences.rs"]
mod differences;
mod engines;
mod epayment;
mod layout;
mod moved;
#[path = "../ports.rs"]
mod ports;
mod same_cart;
mod shops;
mod strangers;
mod support;
mod v1;
mod webhooks;
