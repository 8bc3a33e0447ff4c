//! Nothing lost, nothing twice: servers that are killed, a database that is restarted, connections
//! that are cut, and many payments meanwhile. The binary is the one that people run, the simulator is
//! Vipps, the shop is one of our own that speaks as Medusa's piece does.
//!
//! `world` puts it all together, `proxy` stands between any two of them and breaks things, `servers`
//! are the processes, `clock` is what they take for the time, `engine` is the shop's software, `api`
//! its calls of `/v1`, `plan` what is to become of each payment, `play` makes it so, `storm` is what
//! goes wrong meanwhile, `compare` looks in the end whether all agree.
//!
//! `KASSE_CLUSTER_PAYMENTS` says how many payments, `KASSE_CLUSTER_SEED` which dice.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod api;
mod clock;
mod compare;
mod dice;
mod engine;
mod plan;
mod play;
#[path = "../ports.rs"]
mod ports;
mod proxy;
mod servers;
mod storm;
mod world;

use crate::world::{Journal, World};

/// How many payments: fewer than a person asks for by hand, so that it does not take long.
fn payments(usually: usize) -> usize {
    match std::env::var("KASSE_CLUSTER_PAYMENTS") {
        Err(_) => usually,
        Ok(number) => number.parse().expect("KASSE_CLUSTER_PAYMENTS is no number"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_on_sqlite_is_killed_again_and_again() {
    let world = World::start("one server on SQLite", 1, Journal::Sqlite).await;
    world.unwrap().run(payments(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_on_postgresql_are_killed_and_their_database_restarted() {
    // Without PostgreSQL it was said that this is left out.
    if let Some(world) = World::start("three servers on PostgreSQL", 3, Journal::Postgres).await {
        world.run(payments(60)).await;
    }
}
