//! A stage for one check: Vipps (the simulator), kasse and a shop in one process, joined by HTTP
//! over pipes, under a clock that does not wait.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use http::{Request, Response};
use jiff::Timestamp;
use kasse_core::api::Wire;
use kasse_core::checklist::{
    Bench, BenchFacts, Fate, Host, Need, SHOP, ShopDriver, StandIn, Trouble, World,
};
use kasse_core::flow::{ApplyWebhooks, FlowOptions, InstallationKeys, Shop, Unobserved};
use kasse_core::journal::{Filter, Journal, MemoryJournal};
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::{
    Account, AccountId, Adapter, ApiKind, CallerKey, Context, CountedIds, Currency, Environment,
    Error, ErrorKind, Flow, Ids, Language, Market, Money, Msn, OrderId, Outcome, Part,
    PaymentProvider, RandomIds, ReceiptWish, Reference, ReferencePrefix, Runtime, ShopId, Target,
    TokioRuntime, Transport, TransportError, Wishes,
};
use kasse_simulator::{Country, Dial, Dialling, Options, SalesUnit, Simulator};
use kasse_vipps::Ecom;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use crate::broken::Broken;
use crate::life::{Life, Mortal};
use crate::logs::Logs;
use crate::pipe::{self, Broken as BrokenPipe};
use crate::real::RealNetwork;
use crate::seams::{MortalJournal, MortalTransport, Staged, Weather};

const SHOP_NAME: &str = "Fjord & Fjell";
const KASSE: &str = "kasse.example";
const VIPPS: &str = "vipps.example";
const MSN: &str = "123456";
const OTHER_MSN: &str = "654321";
/// It captures directly.
const DIRECT_MSN: &str = "777777";
/// How long a call over a pipe may take, by the stage's clock, where its maker does not say.
const PATIENCE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Vipps, kasse and a shop.
#[derive(Debug)]
pub(crate) struct Stage {
    facts: BenchFacts,
    hub: Arc<Hub>,
    driver: Arc<dyn ShopDriver>,
    logs: Logs,
    host: Arc<dyn Host>,
    broken: Broken,
    /// What the shop pays by now.
    api: Mutex<ApiKind>,
    journal: Arc<MemoryJournal>,
    ids: Arc<dyn Ids>,
    clock: TokioRuntime,
    weather: Arc<Weather>,
    account: Mutex<&'static str>,
    data: PathBuf,
    swept: AtomicU64,
    /// Does the shop want receipts?
    receipts: AtomicBool,
    /// When the webhooks were seen to last.
    seen_to: Mutex<Option<Timestamp>>,
    panicked: Arc<AtomicBool>,
}

/// What joins them.
#[derive(Debug)]
struct Hub {
    /// Set once: the simulator needs the hub first.
    simulator: OnceLock<Simulator>,
    kasse: Mutex<Option<Kasse>>,
    /// The world outside, where the engine is there.
    real: Option<Arc<RealNetwork>>,
    broken: Broken,
    /// The engine, where it lives within the process.
    engine: OnceLock<Arc<dyn StandIn>>,
}

/// kasse, from its start to its end.
#[derive(Debug, Clone)]
struct Kasse {
    flow: Flow,
    life: Arc<Life>,
}

impl Hub {
    fn kasse(&self) -> Option<Kasse> {
        self.kasse
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .filter(|kasse| !kasse.life.is_over())
    }

    /// kasse takes a request, as its server does: the work goes on when the caller hangs up.
    async fn handle(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, BrokenPipe> {
        let Some(Kasse { flow, life }) = self.kasse() else {
            return Err(BrokenPipe);
        };
        if let Some(change) = self.broken.inbound {
            change(&mut request);
        }
        let path = request.uri().path().to_owned();
        let (answer, answered) = tokio::sync::oneshot::channel();
        let work = {
            let flow = flow.clone();
            async move {
                // Nobody waits for it any more: it was done all the same.
                let _ = answer.send(flow.handle(request).await);
            }
        };
        flow.context().runtime.spawn(Box::pin(work));
        let Some(Ok(mut response)) = life.while_it_lasts(answered).await else {
            return Err(BrokenPipe);
        };
        if let Some(change) = self.broken.answer {
            change(&path, &mut response);
        }
        Ok(response)
    }

    /// A new connection to kasse.
    fn connect(self: &Arc<Self>) -> std::io::Result<tokio::io::DuplexStream> {
        if self.kasse().is_none() {
            return Err(std::io::ErrorKind::ConnectionRefused.into());
        }
        let (near, far) = tokio::io::duplex(64 * 1024);
        let hub = Arc::clone(self);
        tokio::spawn(pipe::serve(far, move |request| {
            let hub = Arc::clone(&hub);
            async move { hub.handle(request).await }
        }));
        Ok(near)
    }
}

/// How Vipps reaches kasse.
#[derive(Debug)]
struct ToKasse(Weak<Hub>);

impl Dial for ToKasse {
    fn dial(&self, host: &str) -> Option<Dialling> {
        let hub = self.0.upgrade()?;
        (host == KASSE).then(|| {
            let connected = hub.connect();
            Box::pin(async move { Ok(Box::new(connected?) as kasse_simulator::Pipe) }) as Dialling
        })
    }
}

/// HTTP to wherever an address leads: kasse, Vipps, or the world outside.
#[derive(Debug)]
struct Network {
    hub: Weak<Hub>,
}

#[async_trait]
impl Transport for Network {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let not_sent = |why: &str| TransportError::NotSent(why.into());
        let hub = self
            .hub
            .upgrade()
            .ok_or_else(|| not_sent("the stage is gone"))?;
        match request.uri().host() {
            Some(KASSE) => {
                let stream = hub.connect().map_err(|_| not_sent("kasse is down"))?;
                pipe::call(stream, request, limit).await
            }
            Some(VIPPS) => {
                let simulator = hub
                    .simulator
                    .get()
                    .ok_or_else(|| not_sent("Vipps is down"))?;
                pipe::call(simulator.connect(), request, limit).await
            }
            Some(host) if hub.engine.get().is_some_and(|engine| engine.host() == host) => {
                let (near, far) = tokio::io::duplex(64 * 1024);
                let hub = Arc::clone(&hub);
                tokio::spawn(pipe::serve(far, move |request| {
                    let engine = hub.engine.get().cloned();
                    async move { Ok(engine.ok_or(BrokenPipe)?.handle(request).await) }
                }));
                pipe::call(near, request, limit).await
            }
            Some(_) => match &hub.real {
                Some(real) => real.send(request, limit).await,
                None => Err(not_sent("there is no network here")),
            },
            None => Err(not_sent("the address has no host")),
        }
    }
}

/// Why a stage cannot be set up.
pub(crate) type Problem = String;

/// The network of a run, where its engine needs one.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) real: Option<Arc<RealNetwork>>,
}

impl Surroundings {
    pub(crate) fn of(host: Arc<dyn Host>) -> Result<Self, Error> {
        let real = match (host.listen(), host.at_once()) {
            (None, true) => None,
            (listen, _) => Some(RealNetwork::start(listen)?),
        };
        Ok(Self { host, real })
    }
}

impl Stage {
    /// Sets it up. To be called within a runtime whose clock is paused. `place`: the check's in its
    /// lists; no two checks' orders have the same reference.
    pub(crate) async fn set_up(
        surroundings: &Surroundings,
        api: ApiKind,
        place: usize,
        broken: Broken,
        logs: Logs,
    ) -> Result<Self, Problem> {
        let Surroundings { host, real } = surroundings;
        let problem = |error: &dyn std::fmt::Display| format!("the stage: {error}");
        // A real engine goes by the system's clock; else every run is at the same time.
        let start: Timestamp = match real {
            Some(_) => Timestamp::now(),
            None => "2026-11-22T12:00:00Z"
                .parse()
                .map_err(|error| problem(&error))?,
        };
        let hub = Arc::new(Hub {
            simulator: OnceLock::new(),
            kasse: Mutex::new(None),
            real: real.clone(),
            broken,
            engine: OnceLock::new(),
        });
        let units = [MSN, OTHER_MSN, DIRECT_MSN].map(|msn| SalesUnit {
            country: country(host.currency()),
            ..unit(msn)
        });
        let mut secrets: Vec<SecretString> = units
            .iter()
            .flat_map(|unit| [unit.client_secret.clone(), unit.subscription_key.clone()])
            .collect();
        secrets.push(installation_key().into());
        let options = Options {
            start: Some(start),
            frozen: true,
            counted: true,
            units: units.to_vec(),
            ..Options::default()
        };
        let simulator = Simulator::within(options, Arc::new(ToKasse(Arc::downgrade(&hub))))
            .map_err(|error| problem(&error))?;
        if hub.simulator.set(simulator).is_err() {
            return Err("the stage has two simulators".into());
        }
        if let Some(real) = real {
            let mut calls = real.calls();
            let hub = Arc::downgrade(&hub);
            tokio::spawn(async move {
                while let Some((request, answer)) = calls.recv().await {
                    let Some(hub) = hub.upgrade() else { return };
                    tokio::spawn(async move {
                        // The engine hung up.
                        let _ = answer.send(hub.handle(request).await);
                    });
                }
            });
        }
        let public_url = Url::parse(&format!("https://{KASSE}")).map_err(|e| problem(&e))?;
        let clock = TokioRuntime::starting_at(start);
        let world = World {
            shop: ShopId::new(SHOP).map_err(|error| problem(&error))?,
            engine_url: public_url
                .join(&format!("engine/{SHOP}"))
                .map_err(|error| problem(&error))?,
            transport: Arc::new(Network {
                hub: Arc::downgrade(&hub),
            }),
            clock: Arc::new(match real {
                // A real engine's clock is the system's, whatever the stage's shows.
                Some(_) => TokioRuntime::system(),
                None => clock.clone(),
            }),
        };
        let driver = host.driver(world);
        if let Some(engine) = driver.stand_in() {
            // Set once: the hub is new.
            let _ = hub.engine.set(engine);
        }
        static STAGES: AtomicU64 = AtomicU64::new(0);
        let number = STAGES.fetch_add(1, Ordering::Relaxed);
        let data =
            std::env::temp_dir().join(format!("kasse-checklist-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&data).map_err(|error| problem(&error))?;
        let stage = Self {
            facts: BenchFacts {
                api,
                shop: SHOP.into(),
                shop_name: SHOP_NAME.into(),
                prefix: format!("chk{place}"),
                currency: host.currency(),
                public_url,
                msn: MSN.into(),
                other_msn: Some(OTHER_MSN.into()),
                secrets,
            },
            driver,
            hub,
            logs,
            host: Arc::clone(host),
            broken,
            api: Mutex::new(api),
            journal: Arc::new(MemoryJournal::new()),
            ids: match surroundings.real {
                // An engine that outlives a check remembers the ids of the calls that it took.
                Some(_) => Arc::new(RandomIds),
                None => Arc::new(CountedIds::default()),
            },
            clock,
            weather: Arc::default(),
            account: Mutex::new("main"),
            data,
            swept: AtomicU64::new(0),
            receipts: AtomicBool::new(false),
            seen_to: Mutex::default(),
            panicked: Arc::default(),
        };
        stage.start_kasse().await.map_err(|error| problem(&error))?;
        Ok(stage)
    }

    /// The engine and adapter, as they call themselves.
    pub(crate) fn system(&self) -> Vec<(String, String)> {
        let adapter = self
            .hub
            .kasse()
            .and_then(|kasse| kasse.flow.adapter(&ShopId::new(SHOP).ok()?).ok());
        adapter.map_or_else(Vec::new, |adapter| {
            let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            adapter.system().headers().map(pair).to_vec()
        })
    }

    /// Did something in kasse or its adapter panic, beside what a check waited for?
    pub(crate) fn panicked(&self) -> bool {
        self.panicked.load(Ordering::SeqCst)
    }

    async fn start_kasse(&self) -> Result<(), Error> {
        self.end_kasse();
        self.journal.give_up_leases();
        let bad = |error: kasse_core::IdError| {
            Error::bug("The stage cannot be set up", error.to_string())
        };
        let life = Life::new();
        let mut transport: Arc<dyn Transport> = Arc::new(Network {
            hub: Arc::downgrade(&self.hub),
        });
        if let Some(broken) = self.broken.transport {
            transport = broken(transport);
        }
        let transport = Arc::new(MortalTransport {
            transport,
            vipps: VIPPS.into(),
            life: Arc::clone(&life),
        });
        let runtime = Arc::new(Mortal {
            life: Arc::clone(&life),
            clock: self.clock.clone(),
            real_time: self.hub.real.is_some(),
            panicked: Arc::clone(&self.panicked),
        });
        let context = Context::new(transport, runtime, Arc::clone(&self.ids));
        let mut options = FlowOptions {
            public_url: self.facts.public_url.clone(),
            keys: InstallationKeys {
                keys: vec![("one".into(), installation_key().into())],
            },
            quote_budget: Duration::from_secs(6),
            observer: Arc::new(Unobserved),
        };
        if let Some(broken) = self.broken.options {
            broken(&mut options);
        }
        let mut wire = match self.facts.api {
            ApiKind::Ecom => Wire::from(Ecom::new()),
            // A shop that moved to it has payments of the other generation still.
            ApiKind::Epayment => kasse_vipps::wire(),
        };
        if let Some(broken) = self.broken.api {
            wire.apis = wire.apis.into_iter().map(broken).collect();
        }
        let accounts = [("main", MSN), ("other", OTHER_MSN), ("direct", DIRECT_MSN)]
            .into_iter()
            .map(|(id, msn)| account(id, msn))
            .collect::<Result<_, _>>()?;
        let journal = Arc::new(MortalJournal {
            journal: Arc::clone(&self.journal) as Arc<dyn Journal>,
            life: Arc::clone(&life),
            broken: self.broken.journal,
        });
        let met = context.clone();
        let flow = Flow::new(options, context, journal, wire, accounts)?;
        let id = ShopId::new(SHOP).map_err(bad)?;
        let engine_url = self
            .facts
            .public_url
            .join(&format!("engine/{SHOP}"))
            .map_err(|error| Error::bug("The stage cannot be set up", error.to_string()))?;
        let adapter = (self.host.plugin().make)(Setup {
            flow: flow.shop_flow(&id),
            engine: EngineConfig(self.host.config()),
            engine_url,
            data: Some(self.data.clone()),
        })?;
        let adapter = match self.broken.adapter {
            Some(broken) => broken(adapter),
            None => adapter,
        };
        let adapter = Arc::new(Staged {
            adapter,
            weather: Arc::clone(&self.weather),
            life: Arc::clone(&life),
            real_time: self.hub.real.is_some(),
        });
        let account = *self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let mut wishes = Wishes::default();
        if self.receipts.load(Ordering::SeqCst) {
            wishes.receipt = ReceiptWish::AtCreate;
        }
        let shop = Shop {
            id,
            name: SHOP_NAME.into(),
            account: AccountId::new(account).map_err(bad)?,
            api: *self.api.lock().unwrap_or_else(PoisonError::into_inner),
            prefix: ReferencePrefix::new(self.facts.prefix.clone()).map_err(bad)?,
            language: Language::En,
            wishes,
        };
        flow.add_shop(shop, Arc::clone(&adapter) as Arc<dyn Adapter>)?;
        *self
            .hub
            .kasse
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(Kasse { flow, life });
        // As its server does: one that is away is no reason not to start.
        match adapter.meet(&met).await {
            Err(error) if error.kind == ErrorKind::Configuration => return Err(error),
            Err(error) => tracing::warn!(%error, "the engine did not say which version it is"),
            Ok(()) => {}
        }
        self.see_to_webhooks().await;
        Ok(())
    }

    /// What kasse's server does about webhooks at its start, and daily.
    async fn see_to_webhooks(&self) {
        let now = self.clock.now();
        *self.seen_to.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let Some(Kasse { flow, life }) = self.hub.kasse() else {
            return;
        };
        if !flow.needs_webhooks() {
            return;
        }
        let how = ApplyWebhooks {
            unattended: true,
            ..ApplyWebhooks::default()
        };
        let done = life
            .while_it_lasts(flow.webhooks_apply(flow.context(), how))
            .await;
        if let Some(Err(error)) = done {
            tracing::warn!(%error, "the webhooks were not seen to");
        }
    }

    /// Is it a day since that was done?
    fn webhooks_are_due(&self) -> bool {
        let last = *self.seen_to.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_none_or(|last| kasse_core::span(last, self.clock.now()) >= DAY)
    }

    fn end_kasse(&self) {
        let kasse = self
            .hub
            .kasse
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(kasse) = kasse {
            kasse.life.end();
        }
    }

    fn simulator(&self) -> Result<&Simulator, Trouble> {
        let gone = || Trouble::NoAnswer("Vipps", "it is gone".into());
        self.hub.simulator.get().ok_or_else(gone)
    }

    fn flow(&self) -> Result<Flow, Trouble> {
        let down = || Trouble::NoAnswer("kasse", "it is down".into());
        Ok(self.hub.kasse().ok_or_else(down)?.flow)
    }

    /// The shop gets another account's keys.
    async fn move_to(&self, account: &'static str) -> Result<(), Trouble> {
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = account;
        self.start_kasse()
            .await
            .map_err(|error| Trouble::Impossible(error.to_string()))
    }

    /// Vipps' clock shows what kasse's does.
    async fn align(&self) -> Result<(), Trouble> {
        let control = self.simulator()?.control();
        let ahead = kasse_core::span(control.now(), self.clock.now());
        if !ahead.is_zero() {
            control.advance(ahead).await;
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.end_kasse();
        // What is left of it is in the system's folder for temporary things.
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

#[async_trait]
impl Bench for Stage {
    fn facts(&self) -> &BenchFacts {
        &self.facts
    }

    fn shop(&self) -> &dyn ShopDriver {
        &*self.driver
    }

    fn engine(&self) -> Option<&str> {
        Some(self.host.plugin().name)
    }

    fn has(&self, need: Need) -> bool {
        match need {
            Need::DirectCapture => self.facts.api == ApiKind::Ecom,
            Need::Webhooks => self.facts.api == ApiKind::Epayment,
            Need::Clock
            | Need::CallAsVipps
            | Need::Restart
            | Need::EngineWeather
            | Need::SecondAccount
            | Need::Logs
            | Need::Trace => true,
        }
    }

    async fn vipps(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        self.align().await?;
        let stream = self.simulator()?.connect();
        pipe::call(stream, request, PATIENCE)
            .await
            .map_err(|error| Trouble::NoAnswer("Vipps", error.to_string()))
    }

    async fn kasse(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Trouble> {
        let gone = |why: String| Trouble::NoAnswer("kasse", why);
        let stream = self
            .hub
            .connect()
            .map_err(|error| gone(error.to_string()))?;
        pipe::call(stream, request, PATIENCE)
            .await
            .map_err(|error| gone(error.to_string()))
    }

    async fn pass(&self, time: Duration) -> Result<(), Trouble> {
        let step = match time.as_secs() {
            0..=1800 => SECOND,
            1801..=86_400 => 30 * SECOND,
            86_401..=2_592_000 => 3600 * SECOND,
            // Months, in which a payment is read once a day at the most: as if kasse's host slept.
            _ => 72 * 3600 * SECOND,
        };
        let mut left = time;
        while !left.is_zero() {
            let now = left.min(step);
            left = left.saturating_sub(now);
            tokio::time::sleep(now).await;
            self.align().await?;
            let count = self.swept.fetch_add(1, Ordering::Relaxed);
            let due = match self.broken.sweep_every {
                None => true,
                Some(0) => false,
                Some(every) => count.is_multiple_of(every),
            };
            if due && let Some(Kasse { flow, life }) = self.hub.kasse() {
                if self.webhooks_are_due() {
                    self.see_to_webhooks().await;
                }
                // As its server does: the next sweep is not this one's victim.
                let sweep = AssertUnwindSafe(flow.sweep()).catch_unwind();
                if let Some(Err(_)) = life.while_it_lasts(sweep).await {
                    self.panicked.store(true, Ordering::SeqCst);
                }
            }
        }
        Ok(())
    }

    async fn befall(&self, fate: Fate) -> Result<(), Trouble> {
        match fate {
            Fate::Die => self.end_kasse(),
            Fate::DieAt(moment) => {
                let Some(kasse) = self.hub.kasse() else {
                    return Err(Trouble::Impossible("kasse is dead already".into()));
                };
                kasse.life.plan(moment);
            }
            Fate::Start => self
                .start_kasse()
                .await
                .map_err(|error| Trouble::Impossible(error.to_string()))?,
            Fate::OtherAccount => self.move_to("other").await?,
            Fate::DirectCapture => self.move_to("direct").await?,
            Fate::Receipts => {
                self.receipts.store(true, Ordering::SeqCst);
                self.start_kasse()
                    .await
                    .map_err(|error| Trouble::Impossible(error.to_string()))?;
            }
            Fate::RenewWebhooks => {
                let flow = self.flow()?;
                let how = ApplyWebhooks {
                    renew: true,
                    ..ApplyWebhooks::default()
                };
                flow.webhooks_apply(flow.context(), how)
                    .await
                    .map_err(|error| Trouble::Impossible(error.to_string()))?;
            }
            Fate::Api(api) => {
                *self.api.lock().unwrap_or_else(PoisonError::into_inner) = api;
                self.start_kasse()
                    .await
                    .map_err(|error| Trouble::Impossible(error.to_string()))?;
            }
            Fate::EngineAnswerLost => self.weather.lose_answer(),
            Fate::EngineAway => self.weather.away(true),
            Fate::EngineSlow(time) => self.weather.slow(time),
            Fate::EngineBack => {
                self.weather.away(false);
                self.weather.slow(Duration::ZERO);
            }
            other => return Err(Trouble::Impossible(format!("{other:?} is not known here"))),
        }
        Ok(())
    }

    async fn trace(&self, reference: &Reference) -> Result<Value, Trouble> {
        let shop = ShopId::new(SHOP).map_err(|error| Trouble::Impossible(error.to_string()))?;
        let trace = self
            .flow()?
            .trace(&shop, reference)
            .await
            .map_err(|error| Trouble::NoAnswer("kasse", error.to_string()))?;
        serde_json::to_value(trace).map_err(|error| Trouble::Impossible(error.to_string()))
    }

    async fn find(&self, text: &str) -> Result<Value, Trouble> {
        let impossible = |error: &dyn std::fmt::Display| Trouble::Impossible(error.to_string());
        let flow = self.flow()?;
        // kasse searches, and not the bench.
        let mut found = Vec::new();
        if let Ok(order) = OrderId::new(text) {
            let of_order = Filter {
                order: Some(order),
                ..Filter::default()
            };
            found = flow
                .payments(&of_order)
                .await
                .map_err(|error| impossible(&error))?;
        }
        if let Ok(reference) = Reference::new(text) {
            let shop = ShopId::new(SHOP).map_err(|error| impossible(&error))?;
            match flow.payment(&shop, &reference).await {
                Ok(payment) => found.push(payment),
                Err(error) if error.kind == ErrorKind::NotFound => {}
                Err(error) => return Err(impossible(&error)),
            }
        }
        let payments: Vec<Value> = found
            .iter()
            .map(|payment| {
                json!({
                    "reference": payment.id.reference,
                    "order": payment.order.order,
                    "shop": payment.order.shop,
                    "state": payment.state,
                })
            })
            .collect();
        let Ok(reference) = Reference::new(text) else {
            return Ok(json!({ "payments": payments }));
        };
        let found = flow
            .whereabouts(flow.context(), &reference)
            .await
            .map_err(|error| impossible(&error))?;
        let accounts: Vec<Value> = found
            .accounts
            .iter()
            .map(|at| {
                json!({
                    "account": at.account,
                    "msn": at.msn,
                    "in_journal": at.journal.is_some(),
                    "at_vipps": at.vipps,
                })
            })
            .collect();
        Ok(json!({ "payments": payments, "accounts": accounts, "advice": found.advice() }))
    }

    async fn operate(
        &self,
        reference: &Reference,
        verb: &str,
        amount: Option<i64>,
    ) -> Result<(String, String), Trouble> {
        let impossible = |error: &dyn std::fmt::Display| Trouble::Impossible(error.to_string());
        let flow = self.flow()?;
        let shop = ShopId::new(SHOP).map_err(|error| impossible(&error))?;
        let payment = flow
            .payment(&shop, reference)
            .await
            .map_err(|error| impossible(&error))?;
        let currency = payment.amount.currency;
        let target = Target {
            at: payment.order,
            reference: Some(reference.clone()),
            key: CallerKey::new(self.ids.next()).ok(),
        };
        let part = amount.map_or_else(Part::rest, |minor| Part::of(Money::new(minor, currency)));
        let cx = flow.context().clone();
        let outcome = match verb {
            "capture" => flow.capture(&cx, &target, &part).await,
            "refund" => flow.refund(&cx, &target, &part).await,
            "cancel" => flow.cancel(&cx, &target).await,
            other => return Err(Trouble::Impossible(format!("nobody can do \"{other}\""))),
        };
        Ok(match outcome {
            Outcome::Started(_) | Outcome::Done(_) => ("done".into(), String::new()),
            Outcome::Pending(_) => ("pending".into(), String::new()),
            Outcome::Refused(error) => ("refused".into(), error.to_string()),
        })
    }

    fn log(&self) -> Result<String, Trouble> {
        Ok(self.logs.text())
    }
}

fn installation_key() -> String {
    "a-key-of-the-checklist-".repeat(2)
}

/// A sales unit with keys of its own.
fn unit(msn: &str) -> SalesUnit {
    SalesUnit {
        name: SHOP_NAME.into(),
        msn: msn.into(),
        client_id: format!("client-of-{msn}"),
        client_secret: format!("secret-of-{msn}==").into(),
        subscription_key: format!("subscription-of-{msn}").into(),
        direct_capture: msn == DIRECT_MSN,
        ..SalesUnit::default()
    }
}

fn country(currency: Currency) -> Country {
    match Market::of(currency) {
        Market::No => Country::No,
        Market::Dk => Country::Dk,
        Market::Fi => Country::Fi,
    }
}

fn account(id: &str, msn: &str) -> Result<Account, Error> {
    let bad =
        |error: &dyn std::fmt::Display| Error::bug("The stage cannot be set up", error.to_string());
    let unit = unit(msn);
    let url = Url::parse(&format!("https://{VIPPS}")).map_err(|error| bad(&error))?;
    Ok(Account {
        id: AccountId::new(id).map_err(|error| bad(&error))?,
        environment: Environment::At(url),
        msn: Msn::new(msn).map_err(|error| bad(&error))?,
        client_id: unit.client_id,
        client_secret: unit.client_secret.expose_secret().to_owned().into(),
        subscription_key: unit.subscription_key.expose_secret().to_owned().into(),
        market: None,
        late_capture: false,
    })
}
