//! kasse as it stands when a call comes: the flow over a journal in memory, one shop, three payments
//! of it, and the outside. It is prepared once, and made anew from that for each input, so that an
//! input does the same whatever came before it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use kasse_core::flow::{ApplyWebhooks, FlowOptions, InstallationKeys, Shop, Unobserved};
use kasse_core::journal::{
    Batch, CancelReason, Command, CommandVerb, Filter, Journal, MemoryJournal, Registration, Write,
};
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::{
    Account, AccountId, Adapter, ApiKind, Context, CountedIds, Environment, Error, Flow, Initiate,
    Language, Msn, OrderId, OrderRef, Outcome, Payment, PaymentEvent, Reference, ReferencePrefix,
    ShopId, Target, TokioRuntime, Transport, TransportError, Wishes,
};
use kasse_server::{config, testing};
use serde_json::Value;
use url::Url;

use crate::input::{self, Part};
use crate::till::{self, Till};
use crate::vipps::{self, Vipps};

pub(crate) const START: &str = "2026-11-23T12:00:00Z";
/// The order whose payment nobody approves.
const OPEN: &str = "1002";
pub(crate) const INSTALLATION_KEY: &str = "kanari-installation-key-0123456789abcdef";
pub(crate) const CLIENT_SECRET: &str = "kanari-client-secret";
pub(crate) const SUBSCRIPTION_KEY: &str = "kanari-subscription-key";

/// Everybody whom kasse asks.
#[derive(Debug)]
pub(crate) struct Outside {
    pub(crate) vipps: Mutex<Vipps>,
    /// What the input has Vipps say, and the engine.
    vipps_says: Mutex<VecDeque<Response<Bytes>>>,
    shop_says: Mutex<VecDeque<Response<Bytes>>>,
    /// Also where it is asked for an access token?
    pub(crate) token_too: AtomicBool,
    /// What the engine says where the input does not.
    otherwise: fn(&Request<Bytes>) -> Option<Value>,
}

#[async_trait]
impl Transport for Outside {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        if request.uri().host() == Some("apitest.vipps.no") {
            let mut vipps = self.vipps.lock().unwrap();
            let answer = vipps.answer(&request);
            let token = request.uri().path() == "/accesstoken/get";
            if token && !self.token_too.load(Ordering::Relaxed) {
                return Ok(answer);
            }
            let said = self.vipps_says.lock().unwrap().pop_front();
            return Ok(said.unwrap_or(answer));
        }
        let said = self.shop_says.lock().unwrap().pop_front();
        if let Some(said) = said {
            return Ok(said);
        }
        match (self.otherwise)(&request) {
            Some(body) => Ok(Response::new(Bytes::from(body.to_string()))),
            None => Err(TransportError::NotSent("the shop is away".into())),
        }
    }
}

/// What a world is made of.
#[derive(Clone)]
pub(crate) struct Scene {
    /// The API of the shop's payments.
    pub(crate) api: ApiKind,
    /// The engine. `None`: the till.
    pub(crate) make: Option<fn(Setup) -> Result<Arc<dyn Adapter>, Error>>,
    /// The engine's own table.
    pub(crate) config: Value,
    /// What the engine answers where nothing else is said.
    pub(crate) otherwise: fn(&Request<Bytes>) -> Option<Value>,
    /// The calls, as [`crate::input`] has them, that begin the engine's payments.
    pub(crate) calls: Vec<Vec<u8>>,
    /// Signs a call as who makes it does.
    pub(crate) sign: fn(&World, &mut Request<Bytes>),
    /// Where calls come in at the server's door, not at the flow: the shops whose keys open `/v1`.
    pub(crate) at_the_door: Option<Vec<config::Shop>>,
    /// More that must be in no answer.
    pub(crate) secrets: &'static [&'static str],
}

impl Scene {
    /// The till, on an API.
    pub(crate) fn till(api: ApiKind) -> Self {
        Self {
            api,
            make: None,
            config: Value::Null,
            otherwise: |_| None,
            calls: Vec::new(),
            sign: |_, _| {},
            at_the_door: None,
            secrets: &[],
        }
    }
}

/// A scene with what had happened before the input.
pub(crate) struct Prepared {
    pub(crate) scene: Scene,
    pub(crate) before: Vec<Write>,
    vipps: Vipps,
    at: Timestamp,
    /// What `{…}` stands for.
    pub(crate) names: Vec<(&'static str, String)>,
}

/// One kasse.
pub(crate) struct World {
    pub(crate) flow: Flow,
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) cx: Context,
    pub(crate) registration: Option<Registration>,
}

/// What the journal says, to be compared.
#[derive(Debug, PartialEq)]
pub(crate) struct Books {
    pub(crate) payments: Vec<Payment>,
    pub(crate) events: Vec<Vec<PaymentEvent>>,
    pub(crate) commands: usize,
    /// Those of them that the shop asked for, starts left out: one whose answer was lost has failed for
    /// whoever asked, and kasse ends it.
    pub(crate) asked: usize,
    pub(crate) unread: usize,
    pub(crate) personal: usize,
}

pub(crate) fn shop() -> ShopId {
    ShopId::new("fjell").unwrap()
}

/// Runs it to its end, with a clock that goes by itself where nothing else is to do.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(work)
}

impl Prepared {
    /// Plays what happens before the input.
    pub(crate) fn new(scene: Scene) -> Self {
        run(async {
            let start = START.parse().unwrap();
            let world = World::open(&scene, start, Vipps::default());
            world
                .flow
                .webhooks_apply(&world.cx, ApplyWebhooks::default())
                .await
                .unwrap();
            world.begin(&scene).await;
            let mut payments = world.payments().await;
            assert!(!payments.is_empty(), "nothing was begun");
            payments.sort_by_key(|payment| payment.id.clone());
            for payment in &payments {
                if payment.order.order.as_str() != OPEN {
                    world.approve(payment).await;
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            for _ in 0..5 {
                world.flow.sweep().await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let (vipps, names) = {
                let vipps = world.outside.vipps.lock().unwrap();
                (vipps.clone(), names(&vipps, &payments))
            };
            Self {
                before: world.dump().await,
                vipps,
                at: world.cx.now(),
                names,
                scene,
            }
        })
    }

    /// The same world again.
    pub(crate) async fn world(&self) -> World {
        let mut world = World::open(&self.scene, self.at, self.vipps.clone());
        let writes = self.before.clone();
        let batch = Batch {
            leases: Vec::new(),
            writes,
        };
        world.journal.write(batch).await.unwrap();
        world.registration = world
            .journal
            .registrations()
            .await
            .unwrap()
            .into_iter()
            .next();
        world
    }

    /// What must be in no answer, unless the call itself has it.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let who = vipps::customer();
        let address = who.address.map(|address| address.line1);
        let personal = [
            who.user_id,
            who.sub,
            who.first_name,
            who.last_name,
            who.email,
            who.phone,
            address,
        ];
        let mut secrets: Vec<String> = personal.into_iter().flatten().collect();
        let fixed = [
            INSTALLATION_KEY,
            CLIENT_SECRET,
            SUBSCRIPTION_KEY,
            "kanari-access-token",
            "kanari-webhook-secret",
        ];
        let ours = fixed.iter().chain(self.scene.secrets);
        secrets.extend(ours.map(|secret| (*secret).to_owned()));
        let tokens = self.names.iter();
        let tokens = tokens.filter(|(name, value)| {
            ["token", "open-token", "consent"].contains(name) && !value.is_empty()
        });
        secrets.extend(tokens.map(|(_, value)| value.clone()));
        secrets
    }
}

impl World {
    fn open(scene: &Scene, at: Timestamp, vipps: Vipps) -> Self {
        let outside = Arc::new(Outside {
            vipps: Mutex::new(vipps),
            vipps_says: Mutex::default(),
            shop_says: Mutex::default(),
            token_too: AtomicBool::new(false),
            otherwise: scene.otherwise,
        });
        let cx = Context::new(
            outside.clone(),
            Arc::new(TokioRuntime::starting_at(at)),
            Arc::new(CountedIds::default()),
        );
        let journal = Arc::new(MemoryJournal::new());
        let options = FlowOptions {
            public_url: Url::parse("https://kasse.example").unwrap(),
            keys: InstallationKeys {
                keys: vec![("one".into(), INSTALLATION_KEY.into())],
            },
            quote_budget: Duration::from_secs(6),
            observer: Arc::new(Unobserved),
        };
        let account = Account {
            id: AccountId::new("main").unwrap(),
            environment: Environment::Test,
            msn: Msn::new("123456").unwrap(),
            client_id: "client".into(),
            client_secret: CLIENT_SECRET.into(),
            subscription_key: SUBSCRIPTION_KEY.into(),
            market: None,
            late_capture: false,
        };
        let wire = kasse_vipps::wire();
        let flow = Flow::new(options, cx.clone(), journal.clone(), wire, vec![account]).unwrap();
        let setup = Setup {
            flow: flow.shop_flow(&shop()),
            engine: EngineConfig(scene.config.clone()),
            engine_url: Url::parse("https://kasse.example/engine/fjell").unwrap(),
            data: None,
        };
        let adapter = match scene.make {
            Some(make) => make(setup).unwrap(),
            None => Arc::new(Till(setup.flow)),
        };
        let place = Shop {
            id: shop(),
            name: "Fjell".into(),
            account: AccountId::new("main").unwrap(),
            api: scene.api,
            prefix: ReferencePrefix::new("fjell").unwrap(),
            language: Language::Nb,
            wishes: Wishes::default(),
        };
        flow.add_shop(place, adapter.clone()).unwrap();
        Self {
            flow,
            adapter,
            journal,
            outside,
            cx,
            registration: None,
        }
    }

    /// The payments that are there before the input: the till's three, or what the engine begins.
    async fn begin(&self, scene: &Scene) {
        if scene.make.is_none() {
            for id in ["1001", "1002", "1003"] {
                let at = OrderRef::new(shop(), OrderId::new(id).unwrap());
                let order = till::order(at);
                let begun = self.flow.initiate(&self.cx, Initiate { order, key: None });
                assert!(matches!(begun.await, Outcome::Started(_)));
            }
        }
        for call in &scene.calls {
            for part in input::parts(call, &[]) {
                let Some(answer) = self.play(scene, part).await else {
                    continue;
                };
                let status = answer.status();
                let body = String::from_utf8_lossy(answer.body()).into_owned();
                assert!(status.as_u16() < 400, "{status}: {body}");
            }
        }
    }

    async fn approve(&self, payment: &Payment) {
        let reference = payment.id.reference.as_str();
        self.outside.vipps.lock().unwrap().approve(reference);
        let target = Target {
            reference: Some(payment.id.reference.clone()),
            ..Target::order(payment.order.clone())
        };
        // Vipps is asked no more often than it wants to be.
        tokio::time::sleep(Duration::from_secs(5)).await;
        let read = self.flow.details(&self.cx, &target).await;
        assert!(matches!(read, Outcome::Done(_)), "{read:?}");
    }

    /// Plays one part of an input. An answer to be given is kept until it is asked for.
    pub(crate) async fn play(&self, scene: &Scene, part: Part) -> Option<Response<Bytes>> {
        match part {
            Part::Vipps(answer) => self.outside.vipps_says.lock().unwrap().push_back(answer),
            Part::Shop(answer) => self.outside.shop_says.lock().unwrap().push_back(answer),
            Part::Call(mut call) => {
                // What the input says itself goes before what is right.
                let said = call.headers().clone();
                (scene.sign)(self, &mut call);
                for name in said.keys() {
                    call.headers_mut().remove(name);
                }
                call.headers_mut().extend(said);
                return Some(match &scene.at_the_door {
                    Some(shops) => testing::answer(&self.flow, shops, call).await,
                    None => self.flow.handle(call).await,
                });
            }
        }
        None
    }

    async fn payments(&self) -> Vec<Payment> {
        let filter = Filter {
            most: 100,
            ..Filter::default()
        };
        self.journal.list(&filter).await.unwrap()
    }

    pub(crate) async fn payment(&self, reference: &str) -> Option<Payment> {
        let reference = Reference::new(reference).ok()?;
        self.journal.find(&shop(), &reference).await.unwrap()
    }

    /// Everything that a journal can be filled with again.
    async fn dump(&self) -> Vec<Write> {
        let journal = &self.journal;
        let mut writes = Vec::new();
        for payment in self.payments().await.into_iter().rev() {
            let id = payment.id.clone();
            let order = payment.order.clone();
            writes.push(Write::Insert(Box::new(payment)));
            let events = journal.events(&id).await.unwrap().into_iter();
            writes.extend(events.map(|event| Write::Event(Box::new(event))));
            let commands = journal.commands(&id).await.unwrap().into_iter();
            writes.extend(commands.map(|command| Write::Command(Box::new(command))));
            let quotes = journal.quotes(&id).await.unwrap().into_iter();
            writes.extend(quotes.map(Write::Quote));
            let exchanges = journal.exchanges(&id).await.unwrap().into_iter();
            writes.extend(exchanges.map(|one| Write::Exchange(Box::new(one))));
            if let Some(personal) = journal.personal(&id).await.unwrap() {
                writes.push(Write::Personal(id, personal));
            }
            let deliveries = journal.deliveries(&order).await.unwrap().into_iter();
            writes.extend(deliveries.map(Write::Deliver));
        }
        let registrations = journal.registrations().await.unwrap().into_iter();
        writes.extend(registrations.map(|one| Write::Registration(Box::new(one))));
        writes
    }

    pub(crate) async fn books(&self) -> Books {
        let mut payments = self.payments().await;
        payments.sort_by_key(|payment| payment.id.clone());
        let mut books = Books {
            events: Vec::new(),
            commands: 0,
            asked: 0,
            unread: 0,
            personal: 0,
            payments: Vec::new(),
        };
        for payment in &payments {
            books
                .events
                .push(self.journal.events(&payment.id).await.unwrap());
            let commands = self.journal.commands(&payment.id).await.unwrap();
            books.commands += commands.len();
            books.asked += commands.iter().filter(|command| asked(command)).count();
            books.unread += self.journal.unread(&payment.id).await.unwrap().len();
            let personal = self.journal.personal(&payment.id).await.unwrap();
            books.personal += usize::from(personal.is_some());
        }
        books.payments = payments;
        books
    }
}

fn asked(command: &Command) -> bool {
    matches!(
        command.verb,
        CommandVerb::Capture { .. }
            | CommandVerb::Refund { .. }
            | CommandVerb::Cancel {
                why: CancelReason::Asked
            }
    )
}

/// What only this run knows: references, tokens, addresses. `open` is of the payment that nobody has
/// approved, where there is one.
fn names(vipps: &Vipps, payments: &[Payment]) -> Vec<(&'static str, String)> {
    let mut names = Vec::new();
    let is_open = |payment: &&Payment| payment.order.order.as_str() == OPEN;
    let open = payments.iter().find(is_open);
    let paid = payments.iter().find(|payment| !is_open(payment));
    let sets = [
        (paid, ["reference", "order", "token", "return"]),
        (open, ["open", "open-order", "open-token", "open-return"]),
    ];
    for (payment, [reference, order, token, back]) in sets {
        let Some(payment) = payment else { continue };
        let id = payment.id.reference.as_str();
        names.push((reference, id.to_owned()));
        names.push((order, payment.order.order.to_string()));
        let start = vipps
            .starts
            .iter()
            .find(|start| start["transaction"]["orderId"] == id || start["reference"] == id);
        let at = |place: &str| {
            let value = start.and_then(|start| start.pointer(place));
            value.and_then(Value::as_str).map(str::to_owned)
        };
        let shown = at("/merchantInfo/authToken")
            .or_else(|| at("/shipping/dynamicOptions/callbackAuthorizationToken"));
        names.push((token, shown.unwrap_or_default()));
        let url = at("/merchantInfo/fallBack").or_else(|| at("/returnUrl"));
        names.push((back, path(url)));
        if let Some(consent) = at("/merchantInfo/consentRemovalPrefix") {
            let segment = consent.rsplit('/').next().unwrap_or_default();
            names.push(("consent", segment.to_owned()));
        }
    }
    let webhooks = vipps.starts.iter().find_map(|start| start["url"].as_str());
    names.push(("webhook", path(webhooks.map(str::to_owned))));
    names.dedup_by_key(|(name, _)| *name);
    names
}

fn path(url: Option<String>) -> String {
    let url = url.and_then(|url| Url::parse(&url).ok());
    url.map_or(String::new(), |url| url.path().to_owned())
}
