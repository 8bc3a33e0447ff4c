//! The kasse adapter for WooCommerce 9 and later.
//!
//! Two pieces belong together. This crate talks to WooCommerce's REST API (`wc/v3`) and answers the
//! signed calls of the shop. `engine/` beside it is a small WordPress plugin, in PHP, that offers the
//! payment method, makes those calls and answers the few that the REST API has no place for; it holds
//! no key of Vipps.
//!
//! Read `adapter.rs` first: the two traits. `calls` and `webhook` read what the shop asks, `order`
//! has WooCommerce's order and what it is in kasse's words, `client` asks WooCommerce, `record` shows
//! the shop what happened. `stand_in` and `checklist`, behind features, are a shop within the process,
//! and shoppers and a merchant for it or for a real one.

mod adapter;
mod calls;
#[cfg(feature = "checklist")]
pub mod checklist;
mod client;
mod config;
mod oauth;
mod order;
mod record;
#[cfg(feature = "stand-in")]
pub mod stand_in;
mod webhook;

pub use adapter::{ENGINE, WooCommerce};

use std::sync::Arc;

use kasse_core::registry::Plugin;

/// The adapter, as the configuration finds it: `engine = "woocommerce"`.
pub static PLUGIN: Plugin = Plugin {
    name: ENGINE,
    about: "WooCommerce 9 and later, by its REST API and the kasse plugin in the shop.",
    version: env!("CARGO_PKG_VERSION"),
    production: true,
    make: |setup| Ok(Arc::new(WooCommerce::new(setup)?)),
};

kasse_core::inventory::submit! { &PLUGIN }
