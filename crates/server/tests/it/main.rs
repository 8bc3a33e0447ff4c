//! The service through its public face: the configuration, the listeners, the command line's door,
//! the JSON API.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected has failed, its helpers included"
)]

mod admin;
mod bench;
mod config;
mod contract;
mod hostile;
mod overload;
mod serving;
mod v1;
mod webhooks;
