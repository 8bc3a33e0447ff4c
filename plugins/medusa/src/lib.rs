//! The kasse adapter for Medusa 2.
//!
//! Two pieces belong together. This crate answers the signed calls of the shop and makes signed
//! calls to it. `engine/` beside it is a small Medusa plugin, in TypeScript: the payment provider,
//! the express route of the storefront, and the routes that this crate calls. It holds no key of
//! Vipps.
//!
//! Read `adapter.rs` first: the two traits. `calls` reads and answers what the shop asks, `cart` has
//! Medusa's cart and order and what they are in kasse's words, `shop` asks the plugin in Medusa,
//! `record` shows the shop what happened. `stand_in` plays Medusa and the plugin in it for tests.

mod adapter;
mod calls;
mod cart;
#[cfg(feature = "checklist")]
pub mod checklist;
mod config;
mod decimal;
mod record;
mod shop;
#[cfg(feature = "stand-in")]
pub mod stand_in;

pub use adapter::{ENGINE, Medusa};

use std::sync::Arc;

use kasse_core::registry::Plugin;

/// The adapter, as the configuration finds it: `engine = "medusa"`.
pub static PLUGIN: Plugin = Plugin {
    name: ENGINE,
    about: "Medusa 2, by the kasse plugin in the shop.",
    version: env!("CARGO_PKG_VERSION"),
    production: true,
    make: |setup| Ok(Arc::new(Medusa::new(setup)?)),
};

kasse_core::inventory::submit! { &PLUGIN }
