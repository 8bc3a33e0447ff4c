//! The smallest kasse adapter: a demo shop that runs inside the process.
//!
//! Two things live here, and they are kept apart. [`shop`] is the engine: products, carts, VAT,
//! deliveries, orders, their file and their pages. It knows no payments but what it is told.
//! `adapter` ([`DemoShop`]) teaches kasse that engine: the two traits, and nothing else. Whoever
//! writes an adapter for another engine reads `adapter.rs` first.
//!
//! Nothing is sold here and nobody signs in, so the plugin never takes real money.

mod adapter;
#[cfg(feature = "checklist")]
pub mod checklist;
pub mod shop;

pub use adapter::{DemoShop, ENGINE};

use std::sync::Arc;

use kasse_core::registry::Plugin;

/// The adapter, as the configuration finds it: `engine = "demo-shop"`.
pub static PLUGIN: Plugin = Plugin {
    name: ENGINE,
    about: "A demo shop inside the process: products, carts, orders, a merchant's page.",
    version: env!("CARGO_PKG_VERSION"),
    production: false,
    make: |setup| Ok(Arc::new(DemoShop::new(setup)?)),
};

kasse_core::inventory::submit! { &PLUGIN }
