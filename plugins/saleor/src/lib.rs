//! The kasse adapter for Saleor 3.20 and later.
//!
//! Nothing of it lives in the shop: kasse is a Saleor app. Saleor reads its manifest, delivers a
//! token, and sends signed webhooks; the adapter answers them, and calls Saleor's GraphQL API.
//!
//! Read `adapter.rs` first: the two traits. `registration` is how the app is installed, `signature`
//! and `webhooks` are what comes in, `answers` what goes back, `order` a checkout or an order in
//! kasse's words, `record` shows Saleor what happened, `deliveries` asks what it offers. `client`
//! asks Saleor, with the documents in `documents`.

mod adapter;
mod answers;
#[cfg(feature = "checklist")]
pub mod checklist;
mod client;
mod config;
mod deliveries;
mod documents;
mod express;
mod order;
mod record;
mod registration;
mod signature;
#[cfg(feature = "stand-in")]
pub mod stand_in;
mod webhooks;

pub use adapter::{ENGINE, Saleor};

use std::sync::Arc;

use kasse_core::registry::Plugin;

/// The adapter, as the configuration finds it: `engine = "saleor"`.
pub static PLUGIN: Plugin = Plugin {
    name: ENGINE,
    about: "Saleor 3.20 and later, as an app: its GraphQL API and its signed webhooks.",
    version: env!("CARGO_PKG_VERSION"),
    production: true,
    make: |setup| Ok(Arc::new(Saleor::new(setup)?)),
};

kasse_core::inventory::submit! { &PLUGIN }
