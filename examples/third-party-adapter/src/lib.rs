//! The kasse adapter for Bod, an engine that does not exist.
//!
//! Bod has a JSON API. Its orders are at `/orders/{number}`, their payment is set by `PUT
//! /orders/{number}/payment`, and both sides show each other the same secret in `Bod-Key`. `adapter`
//! has the two traits, `bod` Bod's own shapes.

mod adapter;
mod bod;

pub use adapter::Bod;

use std::sync::Arc;

use kasse_core::registry::Plugin;

/// The engine's name in the configuration.
pub const ENGINE: &str = "bod";

/// The adapter, as the configuration finds it: `engine = "bod"`.
pub static PLUGIN: Plugin = Plugin {
    name: ENGINE,
    about: "Bod, by its JSON API.",
    version: env!("CARGO_PKG_VERSION"),
    production: false,
    make: |setup| Ok(Arc::new(Bod::new(setup)?)),
};

kasse_core::inventory::submit! { &PLUGIN }
