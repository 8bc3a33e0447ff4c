//! What goes wrong while people pay: servers are killed and started again, connections are cut and
//! frozen, the database is restarted.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use kasse_journal::testing::Stop;
use tokio::sync::watch;

use crate::proxy::{Proxy, Weather};
use crate::world::World;

/// How many servers are killed at the least; and for so many payments each, one more at the most: who
/// dies with a lease keeps it for a minute, and whoever waits for it.
const KILLS: usize = 5;
const PAYMENTS_A_KILL: usize = 20;
/// How often it is said how far they are.
pub const LINE: Duration = Duration::from_secs(10);
/// How often the database is restarted.
const RESTARTS: usize = 2;

/// What it did.
#[derive(Debug, Default)]
pub struct Storm {
    pub kills: usize,
    /// Of the database.
    pub restarts: usize,
    /// How often all connections of a way were cut.
    pub cuts: usize,
    pub freezes: usize,
}

fn every_way(world: &World) -> Vec<&Proxy> {
    let shops = world.shops.iter().map(|shop| &shop.way);
    let ways = [&world.front, &world.vipps].into_iter().chain(shops);
    ways.chain(&world.databases).collect()
}

/// Connections that broke in the midst, all in all.
pub fn connections_cut(world: &World) -> usize {
    let cut = |way: &&Proxy| way.counts().cut.load(Ordering::Relaxed);
    every_way(world).iter().map(cut).sum()
}

/// Rages until it is told to calm down, and has done enough.
pub async fn rage(world: Arc<World>, payments: usize, calm: watch::Receiver<bool>) -> Storm {
    set(&world);
    let mut storm = Storm::default();
    let begun = Instant::now();
    let mut next_line = begun + LINE;
    let mut next_kill = Instant::now() + Duration::from_millis(1500);
    loop {
        let restarts = if world.database.is_some() {
            RESTARTS
        } else {
            0
        };
        if *calm.borrow() && storm.kills >= KILLS && storm.restarts >= restarts {
            break;
        }
        for server in world.servers.lock().await.iter_mut() {
            server.mind();
        }
        if Instant::now() >= next_line {
            next_line += LINE;
            let (done, kills) = (world.done(), storm.kills);
            let since = begun.elapsed().as_secs();
            println!("{since} s: {done} of {payments} done, {kills} kills");
        }
        if Instant::now() >= next_kill && storm.kills < KILLS.max(payments / PAYMENTS_A_KILL) {
            let mut servers = world.servers.lock().await;
            let victim = world.dice.within(0..servers.len());
            servers[victim].kill();
            storm.kills += 1;
            tokio::time::sleep(world.dice.millis(100..900)).await;
            servers[victim].start();
            next_kill = Instant::now() + world.dice.millis(2000..4500);
        }
        // At a third of all payments, at two thirds; or late, where they were too quick.
        let turn = (storm.restarts + 1) * payments / (RESTARTS + 1);
        if storm.restarts < restarts && (world.done() >= turn || *calm.borrow()) {
            restart(&world).await;
            storm.restarts += 1;
        }
        let ways = every_way(&world);
        let way = ways[world.dice.within(0..ways.len())];
        if world.dice.of_thousand(500) {
            way.cut();
            storm.cuts += 1;
        } else {
            way.freeze(true);
            tokio::time::sleep(world.dice.millis(100..1500)).await;
            way.freeze(false);
            storm.freezes += 1;
        }
        tokio::time::sleep(world.dice.millis(100..700)).await;
    }
    for way in every_way(&world) {
        way.set(Weather::default());
        way.freeze(false);
    }
    for server in world.servers.lock().await.iter_mut() {
        server.mind();
        server.up().await;
    }
    storm
}

/// The database crashes, and recovers.
async fn restart(world: &World) {
    let Some(database) = world.database.clone() else {
        return;
    };
    let restarts = move || database.restart(Stop::Immediate).unwrap();
    tokio::task::spawn_blocking(restarts).await.unwrap();
}

/// What each connection meets with.
fn set(world: &World) {
    // A connection for each call of Vipps, few for those of the shops.
    world.front.set(Weather {
        cuts: 60,
        stalls: 60,
        swallows: 15,
        after: 0..3000,
        holds: 100..1500,
        delays: 0..8,
    });
    // Connections that are used again and again.
    let lasting = Weather {
        cuts: 600,
        stalls: 100,
        swallows: 10,
        after: 0..20_000,
        holds: 100..1500,
        delays: 0..5,
    };
    world.vipps.set(lasting.clone());
    for shop in &world.shops {
        shop.way.set(lasting.clone());
    }
    for database in &world.databases {
        database.set(Weather {
            cuts: 500,
            stalls: 100,
            after: 0..300_000,
            holds: 100..2000,
            ..Weather::default()
        });
    }
}
