//! The world: servers, journal, Vipps, shops, and the time they share.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use kasse_core::journal::{JournalError, MemoryJournal};
use kasse_core::{AccountId, CountedIds, Flow, after, span};
use kasse_simulator::{Control, Direct};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::dice::Dice;
use crate::executor::{Executor, NOBODY, Owner, Scheduler};
use crate::history::History;
use crate::network::Doorbell;
use crate::plan::{Fault, Gate, Plan};
use crate::scene::{Effect, Engine, Setting, Violation, Watch};
use crate::server::{Life, Server};

/// A task that makes more steps than any history needs goes round in circles.
const MOST_STEPS: u64 = 3_000_000;

/// A handle to the world. Cheap to clone.
#[derive(Clone)]
pub struct World {
    pub(crate) inner: Arc<Inner>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seed = self.inner.seed;
        f.debug_struct("World").field("seed", &seed).finish()
    }
}

pub(crate) struct Inner {
    seed: u64,
    pub(crate) executor: Executor,
    began: Instant,
    plan: Mutex<Plan>,
    history: Mutex<History>,
    watches: Mutex<Vec<Box<dyn Watch>>>,
    end: Mutex<End>,
    pub(crate) setting: Mutex<Setting>,
    pub(crate) journal: MemoryJournal,
    pub(crate) ids: Arc<CountedIds>,
    vipps: OnceLock<Direct>,
    pub(crate) servers: Mutex<Vec<Server>>,
    pub(crate) lives: AtomicU64,
    outages: Mutex<Outages>,
    activity: AtomicU64,
    pub(crate) stirred: Notify,
}

#[derive(Debug, Default)]
struct End {
    over: bool,
    violation: Option<Violation>,
    calm: bool,
}

/// Until when something is away.
#[derive(Debug)]
struct Outages {
    vipps: Timestamp,
    full: Timestamp,
    journal: Timestamp,
    engines: BTreeMap<String, Timestamp>,
}

impl Outages {
    const fn none() -> Self {
        Self {
            vipps: Timestamp::MIN,
            full: Timestamp::MIN,
            journal: Timestamp::MIN,
            engines: BTreeMap::new(),
        }
    }
}

/// No answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// What the journal in memory answers at once.
///
/// # Panics
/// It waits, or fails: it never does.
pub fn read<T>(answer: impl Future<Output = Result<T, JournalError>>) -> T {
    answer
        .now_or_never()
        .expect("a journal in memory does not wait")
        .expect("a journal in memory does not fail")
}

/// When every history begins.
fn beginning() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

impl World {
    /// Must be called within a runtime whose clock is paused.
    pub(crate) fn new(seed: u64, setting: Setting, plan: Plan, recorded: bool) -> Self {
        let servers = (0..setting.servers).map(|_| Server::default()).collect();
        let units = setting.units.clone();
        let world = Self {
            inner: Arc::new(Inner {
                seed,
                executor: Executor::default(),
                began: Instant::now(),
                plan: Mutex::new(plan),
                history: Mutex::new(History::new(recorded)),
                watches: Mutex::default(),
                end: Mutex::default(),
                setting: Mutex::new(setting),
                journal: MemoryJournal::new(),
                ids: Arc::default(),
                vipps: OnceLock::new(),
                servers: Mutex::new(servers),
                lives: AtomicU64::new(NOBODY),
                outages: Mutex::new(Outages::none()),
                activity: AtomicU64::new(0),
                stirred: Notify::new(),
            }),
        };
        let options = kasse_simulator::Options {
            start: Some(beginning()),
            counted: true,
            units,
            ..kasse_simulator::Options::default()
        };
        let merchant = Arc::new(Doorbell(Arc::downgrade(&world.inner)));
        let vipps = Direct::new(options, merchant).unwrap();
        assert!(world.inner.vipps.set(vipps).is_ok());
        world
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// The dice of somebody.
    pub fn dice(&self, name: &str) -> Dice {
        Dice::new(self.inner.seed, name)
    }

    /// The true time: Vipps' clock, and the database's.
    pub fn now(&self) -> Timestamp {
        after(beginning(), self.inner.began.elapsed())
    }

    /// What a server's clock shows.
    pub fn clock(&self, server: usize) -> Timestamp {
        let off = lock(&self.inner.servers)[server].off;
        self.now().checked_add(off).unwrap()
    }

    /// Time goes by.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Is kasse configured with the keys of this account?
    pub fn has_keys(&self, account: &AccountId) -> bool {
        let setting = lock(&self.inner.setting);
        setting.accounts.iter().any(|known| known.id == *account)
    }

    /// A shop's engine.
    ///
    /// # Panics
    /// There is no such shop, or its engine is another.
    pub fn engine<E: Engine>(&self, shop: &str) -> Arc<E> {
        let setting = lock(&self.inner.setting);
        let of = |of: &&crate::ShopSetting| of.id.as_str() == shop;
        let engine = Arc::clone(&setting.shops.iter().find(of).unwrap().engine);
        let engine: Arc<dyn Any + Send + Sync> = engine;
        engine.downcast().expect("the shop has another engine")
    }

    /// A call to kasse from outside, to any server that lives, through the network. `within`: how
    /// long the caller waits for the answer.
    ///
    /// # Errors
    /// No answer came. It may have been done.
    pub async fn call(
        &self,
        request: Request<Bytes>,
        within: Duration,
    ) -> Result<Response<Bytes>, Lost> {
        let answer = self.ring(request);
        match tokio::time::timeout(within, answer).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_)) | Err(_) => Err(Lost),
        }
    }

    /// Something that a server does by itself, or for its operator: with the flow of any server that
    /// lives, as a task of its process. `None`: none lives, or it died meanwhile.
    pub async fn inside<T, F>(&self, work: impl FnOnce(Flow) -> F) -> Option<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (life, flow) = self.somebody()?;
        let (done, ended) = oneshot::channel();
        let work = work(flow);
        self.spawn(life, async move {
            // Whoever asked may be gone.
            let _ = done.send(work.await);
        });
        ended.await.ok()
    }

    /// The journal itself.
    pub fn journal(&self) -> &MemoryJournal {
        &self.inner.journal
    }

    /// Vipps: its customers, its portal, its ledger.
    pub fn vipps(&self) -> &Control {
        self.direct().control()
    }

    pub(crate) fn direct(&self) -> &Direct {
        self.inner.vipps.get().expect("it is set at once")
    }

    /// Vipps cannot be reached for so long.
    pub fn vipps_away(&self, time: Duration) {
        self.say("fate", || format!("Vipps is away for {time:?}"));
        lock(&self.inner.outages).vipps = after(self.now(), time);
    }

    /// A shop's engine cannot be reached for so long.
    pub fn engine_away(&self, shop: &str, time: Duration) {
        self.say("fate", || {
            format!("the engine of {shop} is away for {time:?}")
        });
        let until = after(self.now(), time);
        let mut outages = lock(&self.inner.outages);
        outages.engines.insert(shop.to_owned(), until);
    }

    /// The journal cannot be written for so long: the disk is full, the file is read-only.
    pub fn journal_full(&self, time: Duration) {
        self.say("fate", || format!("the journal is full for {time:?}"));
        lock(&self.inner.outages).full = after(self.now(), time);
    }

    /// The journal cannot be reached for so long.
    pub fn journal_away(&self, time: Duration) {
        self.say("fate", || format!("the journal is away for {time:?}"));
        lock(&self.inner.outages).journal = after(self.now(), time);
    }

    /// Moves a server's clock.
    pub fn move_clock(&self, server: usize, by: SignedDuration) {
        self.say("fate", || {
            format!("the clock of server {server} is moved by {by:#}")
        });
        let mut servers = lock(&self.inner.servers);
        let off = &mut servers[server].off;
        *off = off.saturating_add(by);
        drop(servers);
        self.stir();
    }

    /// A line of the history.
    pub fn say(&self, who: &str, line: impl FnOnce() -> String) {
        let mut history = lock(&self.inner.history);
        if history.is_wanted() {
            history.say(self.now(), who, line);
        }
    }

    /// Something that must hold does not.
    pub fn fail(&self, violation: Violation) {
        let mut end = lock(&self.inner.end);
        if end.violation.is_none() {
            end.violation = Some(violation);
            end.over = true;
        }
    }

    // What follows is for the world's own parts.

    pub(crate) fn spawn(&self, owner: Owner, work: impl Future<Output = ()> + Send + 'static) {
        self.inner.executor.spawn(owner, Box::pin(work));
    }

    pub(crate) fn plan(&self) -> MutexGuard<'_, Plan> {
        lock(&self.inner.plan)
    }

    pub(crate) fn watch(&self, watches: Vec<Box<dyn Watch>>) {
        *lock(&self.inner.watches) = watches;
    }

    pub(crate) fn effect(&self, effect: &Effect<'_>) {
        let mut watches = std::mem::take(&mut *lock(&self.inner.watches));
        for watch in &mut watches {
            if let Err(violation) = watch.saw(self, effect) {
                self.fail(violation);
            }
        }
        *lock(&self.inner.watches) = watches;
    }

    pub(crate) fn at_rest(&self) {
        let mut watches = std::mem::take(&mut *lock(&self.inner.watches));
        for watch in &mut watches {
            if let Err(violation) = watch.rest(self) {
                self.fail(violation);
            }
        }
    }

    pub(crate) fn is_calm(&self) -> bool {
        lock(&self.inner.end).calm
    }

    /// From now on nothing goes wrong, and all that was away is back. Answers by how much the clocks
    /// were ahead: what was planned by them comes so much later.
    pub(crate) fn calm(&self) -> Duration {
        self.say("fate", || "from here on nothing goes wrong".into());
        lock(&self.inner.end).calm = true;
        self.plan().calm();
        *lock(&self.inner.outages) = Outages::none();
        let mut ahead = SignedDuration::ZERO;
        for server in lock(&self.inner.servers).iter_mut() {
            ahead = ahead.max(std::mem::take(&mut server.off));
        }
        let servers = lock(&self.inner.setting).servers;
        for server in 0..servers {
            self.start(server);
        }
        self.stir();
        ahead.unsigned_abs()
    }

    /// Time goes on until every payment was looked at once more and nothing is under way any more, or
    /// for so long at the most.
    pub(crate) async fn come_to_rest(&self, longest: Duration) {
        const STEP: Duration = Duration::from_secs(600);
        // A webhook that is not taken is tried again within a day.
        const DAY: Duration = Duration::from_secs(25 * 3600);
        let end = after(self.now(), longest);
        let last = self.inner.journal.last_look().unwrap_or(end).min(end);
        tokio::time::sleep(span(self.now(), last) + STEP).await;
        let mut quiet = false;
        while self.now() < end {
            tokio::time::sleep(STEP).await;
            let tomorrow = after(self.now(), DAY);
            let still = self.vipps().next_change();
            let still = still.is_none_or(|change| change > tomorrow);
            if !(still && self.inner.journal.is_at_rest()) {
                quiet = false;
            } else if std::mem::replace(&mut quiet, true) {
                return;
            }
        }
    }

    pub(crate) fn over(&self) {
        lock(&self.inner.end).over = true;
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        lock(&self.inner.end).violation.clone()
    }

    pub(crate) fn history(&self) -> Vec<String> {
        lock(&self.inner.history).take()
    }

    /// Something happened that others may go by.
    pub(crate) fn stir(&self) {
        self.inner.activity.fetch_add(1, Ordering::Relaxed);
        self.inner.stirred.notify_waiters();
    }

    pub(crate) fn activity(&self) -> u64 {
        self.inner.activity.load(Ordering::Relaxed)
    }

    pub(crate) fn is_vipps_away(&self) -> bool {
        lock(&self.inner.outages).vipps > self.now()
    }

    pub(crate) fn is_engine_away(&self, shop: &str) -> bool {
        let outages = lock(&self.inner.outages);
        let until = outages.engines.get(shop);
        until.is_some_and(|until| *until > self.now())
    }

    /// Why the journal cannot be used, if it cannot.
    pub(crate) fn journal_trouble(&self, writing: bool) -> Option<JournalError> {
        let outages = lock(&self.inner.outages);
        let now = self.now();
        let why = if outages.journal > now {
            "it is away"
        } else if writing && outages.full > now {
            "the disk is full"
        } else {
            return None;
        };
        Some(JournalError::Unavailable(why.into()))
    }

    /// A gate is reached: what befalls there. Others may go before.
    pub(crate) async fn gate(&self, gate: Gate, life: Option<&Life>) -> Option<Fault> {
        let (fate, takes) = {
            let mut plan = self.plan();
            (plan.at(gate), plan.takes())
        };
        if let Some(fault) = fate.fault {
            let who = life.map_or_else(|| "network".into(), Life::name);
            self.say(&who, || format!("* {}: {fault}", fate.key));
        }
        crate::executor::give_way().await;
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        if let Some(Fault::Wait(time)) = fate.fault {
            tokio::time::sleep(time).await;
        }
        fate.fault
    }

    /// Ends everything: what is in the world holds the world.
    pub(crate) fn close(&self) {
        self.inner.executor.clear();
        let servers = std::mem::take(&mut *lock(&self.inner.servers));
        drop(servers);
        lock(&self.inner.setting).shops.clear();
        self.inner.executor.clear();
    }
}

impl Scheduler for World {
    fn choose(&self, ready: usize) -> usize {
        self.plan().choose(ready)
    }

    fn panicked(&self, owner: Owner) {
        if owner != NOBODY && self.server_of(owner).is_none() {
            // It fell over the end of its own process.
            return;
        }
        let why = crate::run::last_panic();
        let who = if owner == NOBODY { "a scene" } else { "kasse" };
        self.fail(Violation::new("nothing panics", format!("{who}: {why}")));
    }

    fn is_over(&self) -> bool {
        if self.inner.executor.steps() > MOST_STEPS {
            self.fail(Violation::new(
                "everything comes to rest",
                "so many steps were made that something goes round in circles",
            ));
        }
        lock(&self.inner.end).over
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
