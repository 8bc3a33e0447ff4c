//! A small web shop that embeds kasse, in two web frameworks. See the README beside it.

mod adapter;
pub mod in_axum;
pub mod in_hyper;
mod pages;
mod shop;
mod till;

pub use shop::{Order, PRICE, Shop};
pub use till::{Settings, Till};

/// What both programs run with: the simulator on port 8081, and this shop on port 3000.
///
/// # Errors
/// The journal in `./socks-data` cannot be opened.
pub fn open_for_the_simulator() -> Result<Till, Box<dyn std::error::Error>> {
    Ok(Till::open(Settings {
        public_url: "https://socks.example".parse()?,
        vipps: kasse_core::Environment::At("http://127.0.0.1:8081".parse()?),
        journal: "./socks-data".into(),
    })?)
}
