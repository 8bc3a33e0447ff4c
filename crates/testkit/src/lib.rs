//! The compliance checklist of Vipps MobilePay, run on an adapter for kasse.
//!
//! An adapter's crate has this as its one dev-dependency, a [`ShopDriver`] for its engine, and a few
//! lines in a test: see [`run_as_tests`]. Each check gets a stage of its own: Vipps (the simulator),
//! kasse with the real wire, and the shop, joined by HTTP over pipes, under a clock that does not
//! wait. A real engine is reached over the network ([`Host::listen`]); while it works, time goes on
//! at its own pace.
//!
//! [`ShopDriver`]: kasse_core::checklist::ShopDriver
//! [`Host::listen`]: kasse_core::checklist::Host::listen

mod broken;
mod engine;
mod harness;
mod http_driver;
mod life;
mod logs;
mod pipe;
mod real;
pub mod recordings;
mod remote;
mod run;
mod seams;
mod stage;

pub use broken::{Broken, Instead, JournalHooks};
pub use engine::Engine;
pub use harness::{run_as_tests, run_lists_as_tests};
pub use remote::Target;
pub use run::Checklist;
