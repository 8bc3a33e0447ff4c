//! Everything together: servers, their journal, Vipps, two shops, and a proxy between any two of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kasse_journal::testing::Cluster;
use kasse_simulator::{Options, SalesUnit, Simulator};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::api::Api;
use crate::clock::Clock;
use crate::compare;
use crate::dice::Dice;
use crate::engine::{self, Engine};
use crate::plan::Plan;
use crate::play::{Acknowledged, play};
use crate::proxy::Proxy;
use crate::servers::Server;
use crate::storm::{self, Storm};

/// How many payments are under way at the same time.
const AT_ONCE: usize = 100;
/// How often a customer comes.
const ARRIVALS: Duration = Duration::from_millis(60);
/// How far the clock is moved, so that who has not acted has no more time.
const TIME_OVER: Duration = Duration::from_secs(11 * 60);
/// How long it may take until all agree once the weather is calm. A minute of it is the leases'.
const REST_WITHIN: Duration = Duration::from_secs(300);
/// When the clock is moved again, if something waits for kasse's next look.
const LOOK: Duration = Duration::from_secs(30);
/// How far each server's clock is off, in milliseconds.
const OFF: [i64; 3] = [0, 1200, -900];

/// Where the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal {
    /// Of one server.
    Sqlite,
    /// Of all servers together.
    Postgres,
}

/// A shop: its engine, its sales unit, and its key for `/v1`.
#[derive(Debug)]
pub struct Shop {
    pub index: usize,
    pub name: &'static str,
    pub msn: &'static str,
    pub api: Api,
    pub engine: Engine,
    /// Between kasse and the engine.
    pub way: Proxy,
}

impl Shop {
    /// Whose payment a reference is: `fjord-1001`, `fjord-1001-2`.
    pub fn number_of(&self, reference: &str) -> Option<usize> {
        let rest = reference.strip_prefix(self.name)?.strip_prefix('-')?;
        rest.split('-').next()?.parse().ok()
    }
}

#[derive(Debug)]
pub struct World {
    pub name: &'static str,
    pub seed: u64,
    pub dice: Dice,
    pub clock: Clock,
    pub simulator: Simulator,
    pub shops: Vec<Shop>,
    pub servers: tokio::sync::Mutex<Vec<Server>>,
    /// What Vipps and the shops call: it goes to any server that lives.
    pub front: Proxy,
    /// Between the servers and Vipps.
    pub vipps: Proxy,
    /// Between each server and the database, where there is one.
    pub databases: Vec<Proxy>,
    pub database: Option<Arc<Cluster>>,
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// How many payments people are done with.
    done: AtomicUsize,
    folder: PathBuf,
}

/// The two shops: name, sales unit, its account, its API.
const SHOPS: [(&str, &str, &str, &str); 2] = [
    ("fjord", "123456", "main", "ecom"),
    ("fjell", "234567", "second", "epayment"),
];

fn unit(msn: &str) -> SalesUnit {
    SalesUnit {
        msn: msn.to_owned(),
        client_id: format!("client-{msn}"),
        client_secret: format!("secret-{msn}").into(),
        subscription_key: format!("subscription-{msn}").into(),
        ..SalesUnit::default()
    }
}

impl World {
    /// Puts it together. No server runs yet. `None`: there is no PostgreSQL here, and standard error
    /// says so.
    pub async fn start(name: &'static str, servers: usize, journal: Journal) -> Option<Self> {
        let seed = match std::env::var("KASSE_CLUSTER_SEED") {
            Err(_) => 7,
            Ok(seed) => seed.parse().expect("KASSE_CLUSTER_SEED is no number"),
        };
        let dice = Dice::new(seed);
        let folder =
            std::env::temp_dir().join(format!("kasse-cluster-{servers}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let clock = Clock::new(&folder);
        let config = folder.join("kasse.toml");
        let database = match journal {
            Journal::Sqlite => None,
            Journal::Postgres => Some(Arc::new(Cluster::of_its_own()?)),
        };
        let mut databases = Vec::new();
        let mut processes = Vec::new();
        let url = database.as_ref().map(|database| database.database());
        for (index, off) in OFF.into_iter().enumerate().take(servers) {
            let mut journal = None;
            if let Some((database, url)) = database.as_ref().zip(url.as_ref()) {
                let (direct, way) = (database.address(), dice.fork());
                let way = Proxy::start(vec![direct], way).await;
                let through = url.replace(&direct.to_string(), &way.addr().to_string());
                journal = Some(format!("{through}?sslmode=disable"));
                databases.push(way);
            }
            processes.push(Server::new(index, config.clone(), &clock, off, journal));
        }
        let servers = processes;
        let addresses = servers.iter().map(|server| server.addr).collect();
        let front = Proxy::start(addresses, dice.fork()).await;
        let options = Options {
            resolve: vec![format!("kasse.example={}", front.addr()).parse().unwrap()],
            units: SHOPS.iter().map(|(_, msn, ..)| unit(msn)).collect(),
            ..Options::default()
        };
        let simulator = Simulator::start(options).await.unwrap();
        let url = simulator.url();
        let at: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
        let vipps = Proxy::start(vec![at], dice.fork()).await;
        let mut text = r#"
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
public_url = "https://kasse.example"
data = "data"

[[installation_keys]]
id = "1"
key = "0123456789abcdef0123456789abcdef"
"#
        .to_owned();
        let mut shops = Vec::new();
        for (index, (name, msn, account, api)) in SHOPS.into_iter().enumerate() {
            let engine = Engine::start(&clock).await;
            let way = Proxy::start(vec![engine.addr()], dice.fork()).await;
            let key = kasse_server::v1::new_key().unwrap();
            let SalesUnit {
                client_id,
                client_secret,
                subscription_key,
                ..
            } = unit(msn);
            text += &format!(
                r#"
[accounts.{account}]
environment = "http://{vipps}"
merchant_serial_number = "{msn}"
client_id = "{client_id}"
client_secret = "{client_secret}"
subscription_key = "{subscription_key}"

[shops.{name}]
engine = "medusa"
name = "Fjord & Fjell"
account = "{account}"
api = "{api}"
reference_prefix = "{name}"

[[shops.{name}.api_keys]]
id = "test"
sha256 = "{sha256}"

[shops.{name}.engine_config]
url = "http://{way}"
secret = "{secret}"
return_url = "https://shop.example/{{cart}}"
"#,
                vipps = vipps.addr(),
                way = way.addr(),
                client_secret = client_secret.expose_secret(),
                subscription_key = subscription_key.expose_secret(),
                sha256 = key.sha256,
                secret = engine::SECRET,
            );
            shops.push(Shop {
                index,
                name,
                msn,
                api: Api::new(
                    format!("http://{}", front.addr()),
                    key.key.expose_secret().to_owned(),
                ),
                engine,
                way,
            });
        }
        std::fs::write(&config, text).unwrap();
        Some(Self {
            name,
            seed,
            dice,
            clock,
            simulator,
            shops,
            servers: servers.into(),
            front,
            vipps,
            databases,
            database,
            acknowledged: Mutex::default(),
            done: AtomicUsize::new(0),
            folder,
        })
    }

    pub fn shop_of(&self, number: usize) -> &Shop {
        &self.shops[number % self.shops.len()]
    }

    pub fn acknowledge(&self, what: Acknowledged) {
        self.acknowledged.lock().unwrap().push(what);
    }

    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        self.acknowledged.lock().unwrap().clone()
    }

    pub fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// Plays so many payments in a storm, and looks in the end whether all agree.
    pub async fn run(self, payments: usize) {
        println!(
            "{}: {payments} payments, seed {} (KASSE_CLUSTER_SEED)",
            self.name, self.seed
        );
        let begun = Instant::now();
        let world = Arc::new(self);
        for server in world.servers.lock().await.iter_mut() {
            server.start();
        }
        for server in world.servers.lock().await.iter_mut() {
            server.up().await;
        }
        let plans: Arc<Vec<Plan>> = Arc::new((1000..1000 + payments).map(Plan::of).collect());
        let (end, ends) = watch::channel(false);
        let followers: Vec<_> = (0..world.shops.len())
            .map(|shop| tokio::spawn(follow(Arc::clone(&world), shop, ends.clone())))
            .collect();
        let (calm, calms) = watch::channel(false);
        let storm = tokio::spawn(storm::rage(Arc::clone(&world), payments, calms));

        let at_once = Arc::new(Semaphore::new(AT_ONCE));
        let mut people = JoinSet::new();
        for (plan, place) in plans.iter().cloned().zip(0..) {
            let (world, at_once) = (Arc::clone(&world), Arc::clone(&at_once));
            people.spawn(async move {
                tokio::time::sleep(ARRIVALS * place).await;
                let _permit = at_once.acquire_owned().await.unwrap();
                play(&world, &plan).await;
                world.done.fetch_add(1, Ordering::Relaxed);
            });
        }
        while let Some(played) = people.join_next().await {
            if storm.is_finished() {
                break;
            }
            if let Err(failed) = played {
                world.say_logs().await;
                std::panic::resume_unwind(failed.into_panic());
            }
        }
        let acted = begun.elapsed();
        // Nobody acts any more: whose customer waits, waits until the time is over. The servers'
        // clocks go first: what Vipps dates must not be from tomorrow.
        if !storm.is_finished() {
            world.clock.advance(TIME_OVER);
            world.simulator.control().advance(TIME_OVER).await;
        }
        calm.send_replace(true);
        let storm = match storm.await {
            Ok(storm) => storm,
            Err(failed) => std::panic::resume_unwind(failed.into_panic()),
        };

        let give_up = Instant::now() + REST_WITHIN;
        let mut next_line = Instant::now() + storm::LINE;
        let mut next_look = Instant::now() + LOOK;
        let at_rest = loop {
            let seen = compare::look(&world, &plans).await;
            if seen.differences.is_empty() {
                break seen;
            }
            if Instant::now() > next_line {
                next_line += storm::LINE;
                let (count, first) = (seen.differences.len(), &seen.differences[0]);
                println!("not at rest: {count} differences, such as: {first}");
            }
            for server in world.servers.lock().await.iter_mut() {
                server.mind();
            }
            if Instant::now() > next_look {
                // kasse looks at what is paid every ten minutes: what nobody told, it sees then.
                next_look += LOOK;
                world.clock.advance(TIME_OVER);
                world.simulator.control().advance(TIME_OVER).await;
            }
            if Instant::now() > give_up {
                world.say_logs().await;
                seen.fail();
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        end.send_replace(true);
        for (shop, follower) in followers.into_iter().enumerate() {
            let followed = follower.await.unwrap();
            let name = world.shops[shop].name;
            assert_eq!(
                followed,
                ids(&at_rest.events[shop]),
                "who reads the events of {name} while they come reads others than who reads them in the end",
            );
        }
        // It stays so.
        let seen = compare::look(&world, &plans).await;
        if !seen.differences.is_empty() {
            seen.fail();
        }
        let servers = world.servers.lock().await;
        let failed_starts: usize = servers.iter().map(|server| server.failed_starts).sum();
        let Storm {
            kills,
            restarts,
            cuts,
            freezes,
        } = storm;
        let told_again: usize = world
            .shops
            .iter()
            .map(|shop| shop.engine.told_again())
            .sum();
        println!(
            "{}: {payments} payments in {} attempts over {} servers: {} kills, {failed_starts} starts that failed, \
             {restarts} restarts of the database, {} connections cut ({cuts} times all of them), {freezes} frozen; \
             {} asks acknowledged, {} events, {told_again} told again, {} approved too late; lost {}, twice {}; {:.1} s ({:.1} s until the people were done)",
            world.name,
            seen.attempts,
            servers.len(),
            kills,
            storm::connections_cut(&world),
            world.acknowledged().len(),
            seen.events.iter().map(Vec::len).sum::<usize>(),
            seen.let_go,
            seen.lost,
            seen.twice,
            begun.elapsed().as_secs_f32(),
            acted.as_secs_f32(),
        );
        assert_eq!((seen.lost, seen.twice), (0, 0));
        drop(servers);
        let folder = world.folder.clone();
        drop(world);
        let _ = std::fs::remove_dir_all(folder);
    }

    async fn say_logs(&self) {
        for (index, server) in self.servers.lock().await.iter().enumerate() {
            println!("server {index}:\n{}", server.tail(40));
        }
    }
}

fn ids(events: &[Value]) -> Vec<String> {
    let ids = events.iter().map(|event| event["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

/// Reads a shop's events while they come, as shop software does: each page from where the last one
/// ended. Gives their ids.
async fn follow(world: Arc<World>, shop: usize, end: watch::Receiver<bool>) -> Vec<String> {
    let mut events = Vec::new();
    let mut after = 0;
    loop {
        // Before it is asked: what there is by then is in the answer.
        let last = *end.borrow();
        let path = format!("/events?after={after}&limit=50");
        let page = world.shops[shop].api.get(&path).await;
        after = page["after"].as_u64().unwrap();
        let more = page["more"] == true;
        events.extend(ids(page["events"].as_array().unwrap()));
        if !more && last {
            return events;
        }
        if !more {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
}
