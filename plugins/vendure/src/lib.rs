//! The kasse adapter for Vendure 3.7.
//!
//! Two pieces belong together. This crate talks to Vendure's Admin API and answers the signed calls
//! of the shop. `engine/` beside it is a small Vendure plugin, in TypeScript, that offers the
//! payment method and makes those calls; it holds no key of Vipps.
//!
//! Read `adapter.rs` first: the two traits. `calls` reads and answers what the shop asks, `order`
//! has Vendure's order and what it is in kasse's words, `admin` asks Vendure, `record` shows the
//! shop what happened.

mod adapter;
mod admin;
mod calls;
#[cfg(feature = "checklist")]
pub mod checklist;
mod config;
mod order;
mod record;

pub use adapter::{ENGINE, Vendure};

use std::sync::Arc;

use kasse_core::registry::Plugin;

/// The adapter, as the configuration finds it: `engine = "vendure"`.
pub static PLUGIN: Plugin = Plugin {
    name: ENGINE,
    about: "Vendure 3.7, by its Admin API and the kasse plugin in the shop.",
    version: env!("CARGO_PKG_VERSION"),
    production: true,
    make: |setup| Ok(Arc::new(Vendure::new(setup)?)),
};

kasse_core::inventory::submit! { &PLUGIN }
