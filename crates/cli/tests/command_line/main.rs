//! The real binary, as a person or a script runs it.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what the tests share is part of the tests: it fails where they fail"
)]

mod checklist;
mod config;
mod demo;
mod deployed;
mod operate;
mod plugins;
mod postgres;
mod running;
mod serve;
mod simulate;
mod target;
#[cfg(feature = "otel")]
mod traces;
mod webhooks;
