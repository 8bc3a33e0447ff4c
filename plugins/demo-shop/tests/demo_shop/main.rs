//! The demo shop and its adapter, through what kasse and browsers see of them.

// What stands between tests' functions is a test too.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod answers;
mod currencies;
mod deliveries;
mod file;
mod guide;
mod orders;
mod pages;
mod record;
mod stage;
mod whole;
