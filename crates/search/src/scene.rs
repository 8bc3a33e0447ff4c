//! What is played: the setting, who acts, what must hold.

use std::any::Any;
use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use kasse_core::flow::ShopFlow;
use kasse_core::journal::Batch;
use kasse_core::{
    Account, AccountId, Adapter, ApiKind, Environment, Msn, OrderRef, PaymentEvent, RecordError,
    Recorded, ReferencePrefix, ShopId, Wishes,
};
use kasse_simulator::SalesUnit;
use secrecy::ExposeSecret;
use url::Url;

use crate::dice::Dice;
use crate::plan::Menu;
use crate::world::World;

/// Where kasse is.
pub const KASSE: &str = "kasse.example";
/// Where Vipps is.
pub const VIPPS: &str = "vipps.example";

/// A play.
#[derive(Clone, Copy)]
pub struct Scene {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// The world, by the dice.
    pub set: fn(&mut Dice) -> Setting,
    /// Who acts.
    pub play: fn(&World, &mut Dice) -> Vec<Actor>,
    /// What must hold.
    pub watch: fn(&World) -> Vec<Box<dyn Watch>>,
}

impl Debug for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene").field("name", &self.name).finish()
    }
}

/// A world to play in.
#[derive(Debug, Clone)]
pub struct Setting {
    /// How many servers there are, over one journal.
    pub servers: usize,
    /// Is the journal a database beside the servers? Leases then end by time alone, by its clock,
    /// and the answer to a commit may be lost. Otherwise it is a file, and a restart frees them.
    pub shared: bool,
    /// The shops.
    pub shops: Vec<ShopSetting>,
    /// The sales units that Vipps has.
    pub units: Vec<SalesUnit>,
    /// The keys that kasse has.
    pub accounts: Vec<Account>,
    /// What may go wrong.
    pub menu: Menu,
    /// How long time goes on without faults in the end, where it does not come to rest before.
    pub rest: Duration,
}

/// The first sales unit of every setting: account `main`.
const MAIN: &str = "123456";
/// The second: account `other`.
const OTHER: &str = "654321";

impl Setting {
    /// One server with two sales units (123456, account `main`; 654321, account `other`), where
    /// everything may go wrong.
    pub fn of(shops: Vec<ShopSetting>) -> Self {
        Self {
            servers: 1,
            shared: false,
            shops,
            units: vec![unit(MAIN), unit(OTHER)],
            accounts: vec![account("main", MAIN), account("other", OTHER)],
            menu: Menu::all(),
            rest: Duration::from_secs(3 * 24 * 3600),
        }
    }

    /// Is the journal beside the servers?
    pub(crate) const fn is_shared(&self) -> bool {
        self.shared || self.servers > 1
    }
}

/// A shop of the setting.
#[derive(Debug, Clone)]
pub struct ShopSetting {
    /// Its name in URLs.
    pub id: ShopId,
    /// The keys that its new payments are made with.
    pub account: AccountId,
    /// The API that its new payments are made with.
    pub api: ApiKind,
    /// What its references begin with.
    pub prefix: ReferencePrefix,
    /// What it wants of its payments beyond the order.
    pub wishes: Wishes,
    /// The engine.
    pub engine: Arc<dyn Engine>,
}

impl ShopSetting {
    /// A shop with the keys `main` and references like `acme-…`.
    ///
    /// # Panics
    /// The name is none.
    pub fn new(id: &str, api: ApiKind, engine: Arc<dyn Engine>) -> Self {
        Self {
            id: ShopId::new(id).unwrap(),
            account: AccountId::new("main").unwrap(),
            api,
            prefix: ReferencePrefix::new(id).unwrap(),
            wishes: Wishes::default(),
            engine,
        }
    }
}

/// A shop engine with its adapter. It lives outside of kasse, and longer than its processes; the
/// adapter is made anew with each of them. Nothing goes wrong in it by chance: the world loses its
/// answers.
pub trait Engine: Any + Debug + Send + Sync {
    /// The adapter for it.
    fn adapter(self: Arc<Self>, flow: ShopFlow) -> Arc<dyn Adapter>;
}

/// Somebody who acts.
pub struct Actor {
    pub(crate) name: String,
    pub(crate) part: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Actor {
    /// Somebody with a name and a part.
    pub fn new(name: impl Into<String>, part: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            name: name.into(),
            part: Box::pin(part),
        }
    }
}

impl Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Actor").field("name", &self.name).finish()
    }
}

/// Looks whether something holds.
pub trait Watch: Send {
    /// Looks at an effect, at once.
    ///
    /// # Errors
    /// It does not hold.
    fn saw(&mut self, world: &World, effect: &Effect<'_>) -> Result<(), Violation>;

    /// Looks at the end, when nothing went wrong for a long time.
    ///
    /// # Errors
    /// It does not hold.
    fn rest(&mut self, world: &World) -> Result<(), Violation>;
}

/// Something that must hold does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What must hold.
    pub rule: &'static str,
    /// Why it does not.
    pub why: String,
}

impl Violation {
    /// A violation of a rule.
    pub fn new(rule: &'static str, why: impl Into<String>) -> Self {
        Self {
            rule,
            why: why.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.why)
    }
}

/// Something that cannot be undone.
#[derive(Debug)]
#[non_exhaustive]
pub enum Effect<'a> {
    /// A batch is in the journal, whatever the server is told of that.
    Written {
        /// By which server.
        server: usize,
        /// What.
        batch: &'a Batch,
    },
    /// Vipps took a request of kasse's.
    Sent {
        /// By which server.
        server: usize,
        /// The request; its address is whole.
        request: &'a Request<Bytes>,
        /// What Vipps answered. The server may be told something else, or nothing.
        answer: &'a Response<Bytes>,
    },
    /// kasse answered a call from outside. The caller may never hear it.
    Called {
        /// By which server.
        server: usize,
        /// The call.
        request: &'a Request<Bytes>,
        /// The answer.
        answer: &'a Response<Bytes>,
    },
    /// The engine answered what it was told. The server may never hear it.
    Told {
        /// By which server.
        server: usize,
        /// The order.
        order: &'a OrderRef,
        /// What it was told.
        event: &'a PaymentEvent,
        /// The engine's answer.
        answer: &'a Result<Recorded, RecordError>,
    },
    /// A server died.
    Died {
        /// Which.
        server: usize,
    },
    /// A server started.
    Started {
        /// Which.
        server: usize,
    },
}

/// A sales unit with keys of its own.
pub fn unit(msn: &str) -> SalesUnit {
    SalesUnit {
        name: "Fjord & Fjell".into(),
        msn: msn.into(),
        client_id: format!("client-of-{msn}"),
        client_secret: format!("secret-of-{msn}==").into(),
        subscription_key: format!("subscription-of-{msn}").into(),
        ..SalesUnit::default()
    }
}

/// kasse's keys for a sales unit.
///
/// # Panics
/// The name or the number is none.
pub fn account(id: &str, msn: &str) -> Account {
    let unit = unit(msn);
    Account {
        id: AccountId::new(id).unwrap(),
        environment: Environment::At(Url::parse(&format!("https://{VIPPS}")).unwrap()),
        msn: Msn::new(msn).unwrap(),
        client_id: unit.client_id,
        client_secret: unit.client_secret.expose_secret().to_owned().into(),
        subscription_key: unit.subscription_key.expose_secret().to_owned().into(),
        market: None,
        late_capture: false,
    }
}
