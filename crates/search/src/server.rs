//! A server of kasse: its lives, from start to sudden end, and what it does by itself.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kasse_core::flow::{ApplyWebhooks, FlowOptions, InstallationKeys, Shop, Unobserved};
use kasse_core::journal::Journal;
use kasse_core::{Context, Flow, Language, Runtime, Task, span};
use tokio::sync::oneshot;
use url::Url;

use crate::adapter::Gated;
use crate::executor::{NOBODY, Owner};
use crate::journal::GatedJournal;
use crate::network::Wire;
use crate::plan::{Fault, Gate};
use crate::scene::{Effect, KASSE, Setting, Violation};
use crate::world::{World, lock};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// A server whose journal has nothing for it looks again after so long.
const IDLE: Duration = Duration::from_secs(6 * 3600);

/// A server, dead or alive.
#[derive(Debug, Default)]
pub(crate) struct Server {
    alive: Option<(Owner, Flow)>,
    /// What its clock is off.
    pub(crate) off: SignedDuration,
}

/// From a start to an end.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    pub(crate) world: World,
    pub(crate) server: usize,
    pub(crate) id: Owner,
}

impl Life {
    pub(crate) fn name(&self) -> String {
        format!("server {}", self.server)
    }

    /// The process ends here. This never returns.
    pub(crate) async fn die(&self) -> std::convert::Infallible {
        self.world.end(self.server, self.id);
        std::future::pending().await
    }

    /// A gate of this process. Where it dies before, this never returns.
    pub(crate) async fn gate(&self, gate: Gate) -> Option<Fault> {
        let fault = self.world.gate(gate, Some(self)).await;
        if fault == Some(Fault::DieBefore) {
            self.die().await;
        }
        // It may have died in the same step: a task can wait for several things.
        if !self.is_alive() {
            std::future::pending::<()>().await;
        }
        fault
    }

    fn is_alive(&self) -> bool {
        self.world.server_of(self.id).is_some()
    }

    pub(crate) async fn dies_after(&self, fault: Option<Fault>) {
        if fault == Some(Fault::DieAfter) {
            self.die().await;
        }
    }

    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.world.spawn(self.id, work);
    }
}

impl Runtime for Life {
    fn now(&self) -> Timestamp {
        self.world.clock(self.server)
    }

    fn sleep(&self, time: Duration) -> Task {
        Box::pin(tokio::time::sleep(time))
    }

    fn spawn(&self, task: Task) {
        self.world.inner.executor.spawn(self.id, task);
    }
}

impl World {
    /// Kills a server. It starts again by itself after a while.
    pub fn kill(&self, server: usize) {
        let alive = lock(&self.inner.servers)[server]
            .alive
            .as_ref()
            .map(|(id, _)| *id);
        if let Some(id) = alive {
            self.end(server, id);
        }
    }

    /// Starts a server, unless it lives.
    pub fn start(&self, server: usize) {
        if lock(&self.inner.servers)[server].alive.is_some() {
            return;
        }
        let id = self.inner.lives.fetch_add(1, Ordering::Relaxed) + 1;
        let life = Life {
            world: self.clone(),
            server,
            id,
        };
        let setting = lock(&self.inner.setting).clone();
        if !setting.is_shared() {
            self.inner.journal.give_up_leases();
        }
        self.say(&life.name(), || "starts".into());
        let flow = match flow(&life, &setting) {
            Ok(flow) => flow,
            Err(error) => {
                self.fail(Violation::new("kasse starts", error.to_string()));
                return;
            }
        };
        lock(&self.inner.servers)[server].alive = Some((id, flow.clone()));
        life.spawn(webhooks(life.clone(), flow.clone()));
        life.spawn(sweeps(life.clone(), flow));
        self.effect(&Effect::Started { server });
        self.stir();
    }

    /// Ends one life.
    pub(crate) fn end(&self, server: usize, id: Owner) {
        {
            let mut servers = lock(&self.inner.servers);
            let alive = &mut servers[server].alive;
            if alive.as_ref().is_none_or(|(of, _)| *of != id) {
                return;
            }
            *alive = None;
        }
        self.say(&format!("server {server}"), || "dies".into());
        self.inner.executor.end(id);
        self.effect(&Effect::Died { server });
        let mut dice = crate::Dice::of(self.seed(), 197, id);
        let pause = if self.is_calm() {
            SECOND
        } else {
            dice.pause(Duration::from_secs(120))
        };
        let world = self.clone();
        self.spawn(NOBODY, async move {
            tokio::time::sleep(pause).await;
            world.start(server);
        });
    }

    /// A server that lives, by the dice, where one does.
    pub(crate) fn somebody(&self) -> Option<(Owner, Flow)> {
        let servers = lock(&self.inner.servers);
        let mut alive = servers.iter().filter_map(|server| server.alive.as_ref());
        let count = alive.clone().count();
        let chosen = match count {
            0 | 1 => 0,
            many => self.plan().choose(many),
        };
        alive.nth(chosen).map(|(id, flow)| (*id, flow.clone()))
    }

    /// Which server's life that is.
    pub(crate) fn server_of(&self, id: Owner) -> Option<usize> {
        let servers = lock(&self.inner.servers);
        let is = |server: &Server| server.alive.as_ref().is_some_and(|(of, _)| *of == id);
        servers.iter().position(is)
    }

    /// Changes the configuration, and restarts the servers one after the other.
    pub async fn change(&self, how: impl FnOnce(&mut Setting)) {
        let servers = {
            let mut setting = lock(&self.inner.setting);
            how(&mut setting);
            setting.servers
        };
        self.say("operator", || "changes the configuration".into());
        for server in 0..servers {
            self.kill(server);
            self.start(server);
            tokio::time::sleep(SECOND).await;
        }
    }
}

fn flow(life: &Life, setting: &Setting) -> Result<Flow, kasse_core::Error> {
    let world = &life.world;
    let transport = Arc::new(Wire(life.clone()));
    let runtime = Arc::new(life.clone());
    let context = Context::new(transport, runtime, world.inner.ids.clone());
    let options = FlowOptions {
        public_url: Url::parse(&format!("https://{KASSE}")).unwrap(),
        keys: InstallationKeys {
            keys: vec![("one".into(), "a-key-of-the-search-".repeat(2).into())],
        },
        quote_budget: Duration::from_secs(6),
        observer: Arc::new(Unobserved),
    };
    let journal = Arc::new(GatedJournal {
        life: life.clone(),
        shared: setting.is_shared(),
    });
    let flow = Flow::new(
        options,
        context,
        journal as Arc<dyn Journal>,
        kasse_vipps::wire(),
        setting.accounts.clone(),
    )?;
    for shop in &setting.shops {
        let adapter = Arc::clone(&shop.engine).adapter(flow.shop_flow(&shop.id));
        let adapter = Arc::new(Gated {
            adapter,
            life: life.clone(),
            shop: shop.id.to_string(),
        });
        let shop = Shop {
            id: shop.id.clone(),
            name: "Fjord & Fjell".into(),
            account: shop.account.clone(),
            api: shop.api,
            prefix: shop.prefix.clone(),
            language: Language::En,
            wishes: shop.wishes.clone(),
        };
        flow.add_shop(shop, adapter)?;
    }
    Ok(flow)
}

/// What a server does about webhooks: at its start, and daily; where that failed, after a minute.
async fn webhooks(life: Life, flow: Flow) {
    while flow.needs_webhooks() {
        let how = ApplyWebhooks {
            unattended: true,
            ..ApplyWebhooks::default()
        };
        let applied = flow.webhooks_apply(flow.context(), how).await;
        let pause = if applied.is_ok() {
            DAY
        } else {
            Duration::from_secs(60)
        };
        life.sleep(pause).await;
    }
}

/// Sweeps, each second as long as something goes on, and else when the next thing is due: sweeps in
/// between would find nothing.
async fn sweeps(life: Life, flow: Flow) {
    let world = &life.world;
    let mut seen = 0;
    loop {
        let activity = world.activity();
        if activity == seen {
            let due = world.inner.journal.next_due();
            let wait = due.map_or(IDLE, |due| span(life.now(), due).clamp(SECOND, IDLE));
            let stirred = std::pin::pin!(world.inner.stirred.notified());
            let sleep = std::pin::pin!(tokio::time::sleep(wait));
            let woken = futures_util::future::select(stirred, sleep).await;
            if matches!(woken, futures_util::future::Either::Left(_)) {
                tokio::time::sleep(SECOND).await;
            }
        } else {
            tokio::time::sleep(SECOND).await;
        }
        seen = world.activity();
        if let Some(Fault::Clock(by)) = life.gate(Gate::Tick).await {
            world.move_clock(life.server, by);
        }
        let (done, ended) = oneshot::channel();
        let sweep = flow.clone();
        life.spawn(async move {
            sweep.sweep().await;
            // It is waited for as long as the server lives.
            let _ = done.send(());
        });
        // A sweep that panics is a finding already.
        let _ = ended.await;
    }
}
