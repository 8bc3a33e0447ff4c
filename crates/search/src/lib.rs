//! A search for what can go wrong: the whole of kasse (flow, journal, triggers), Vipps (the
//! simulator) and a shop on one thread, by seed.
//!
//! A seed decides everything: which task goes on next, how long things take, what is lost, doubled,
//! late or wrong, and where a process dies. The same seed plays the same history, to the last step.
//! After each effect the [invariants](Watch) are looked at, and once more at rest.
//!
//! Where to look: `executor` runs tasks in the order of the seed, `plan` says what befalls at which
//! gate, `journal`, `network` and `adapter` are those gates, `world` joins it all, `run` plays one
//! seed, `search` very many, `exhaustive` all faults of a small scene, `shrink` finds the shortest
//! history of a failing one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "it is for tests: what does not fit panics, and a panic is a finding"
)]

mod adapter;
mod dice;
mod executor;
mod exhaustive;
mod history;
pub mod invariants;
mod journal;
mod network;
mod plan;
pub mod planted;
mod run;
mod scene;
pub mod scenes;
mod search;
mod server;
pub mod shop;
mod shrink;
mod world;

pub use dice::Dice;
pub use exhaustive::{Bounds, Exhausted, Part, exhaust};
pub use plan::{Fault, Faults, Gate, Key, Menu, Order, Wrong};
pub use run::{How, Run, play};
pub use scene::{
    Actor, Effect, Engine, KASSE, Scene, Setting, ShopSetting, VIPPS, Violation, Watch, account,
    unit,
};
pub use search::{Failing, Search, Searched};
pub use shrink::{Shrunk, shrink};
pub use world::{Lost, World, read};
