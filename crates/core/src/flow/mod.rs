//! The flow: what every shop engine needs of Vipps, written once.
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use crate::api::PaymentApi;
use crate::context::Context;
use crate::error::{Error, Language};
use crate::ids::{AccountId, ShopId};
use crate::journal::{Command, Delivery, Filter, InboxItem, Journal, JournalError, Quote};
use crate::payment::{Account, ApiKind, Payment, PaymentEvent};
use crate::provider::{Adapter, Initiate, Outcome, Part, Target};
use crate::reference::{Reference, ReferencePrefix};

/// The flow over a journal, the wire and the shops. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Flow {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {}

/// What the flow is told once.
#[derive(Debug, Clone)]
pub struct FlowOptions {
    /// Where Vipps and the customer's browser reach us: `https://kasse.example`, without a path.
    pub public_url: Url,
    /// What the tokens are derived from.
    pub keys: InstallationKeys,
    /// How long an engine may take for its deliveries. Vipps waits 10 s.
    pub quote_budget: Duration,
}

/// The installation's keys: at least 32 bytes each. Tokens are HMAC-SHA256 of them. A new one is
/// added in front; the older ones stay until the payments made with them are over.
#[derive(Debug, Clone)]
pub struct InstallationKeys {
    /// The newest first: a short name, and the key.
    pub keys: Vec<(String, SecretString)>,
}

/// One shop, as the flow knows it.
#[derive(Debug, Clone)]
pub struct Shop {
    /// Its name in URLs.
    pub id: ShopId,
    /// Its name for customers.
    pub name: String,
    /// The keys new payments are made with.
    pub account: AccountId,
    /// The API new payments are made with.
    pub api: ApiKind,
    /// What its references begin with.
    pub prefix: ReferencePrefix,
    /// The language of its customers, where their browser does not say.
    pub language: Language,
}

/// Everything the journal holds about a payment, for a person who has to understand it.
#[derive(Debug, Clone, Serialize)]
pub struct Trace {
    /// The payment.
    pub payment: Payment,
    /// What happened.
    pub events: Vec<PaymentEvent>,
    /// What was asked of Vipps.
    pub commands: Vec<Command>,
    /// What the shop has still to be told.
    pub deliveries: Vec<Delivery>,
    /// What was received and not read yet.
    pub unread: Vec<InboxItem>,
    /// What was offered.
    pub quotes: Vec<Quote>,
}

/// What one sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Payments read at Vipps.
    pub read: usize,
    /// Commands sent again.
    pub resumed: usize,
    /// Orders whose shop was told something.
    pub told: usize,
    /// Of all of these, how many failed and are tried again.
    pub failed: usize,
}

impl Flow {
    /// A flow. Nothing runs by itself: call [`Flow::sweep`] every second.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Configuration`]: a key that is too short, a URL with a path.
    pub fn new(
        options: FlowOptions,
        context: Context,
        journal: Arc<dyn Journal>,
        apis: Vec<Arc<dyn PaymentApi>>,
        accounts: Vec<Account>,
    ) -> Result<Self, Error> {
        let _ = (options, context, journal, apis, accounts);
        unimplemented!()
    }

    /// The handle for a shop's adapter. Make it, make the adapter with it, then [`Flow::add_shop`].
    pub fn shop_flow(&self, shop: &ShopId) -> ShopFlow {
        ShopFlow { inner: Arc::downgrade(&self.inner), shop: shop.clone() }
    }

    /// Adds a shop with its adapter.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Configuration`]: its name is taken, or its account is not there.
    pub fn add_shop(&self, shop: Shop, adapter: Arc<dyn Adapter>) -> Result<(), Error> {
        let _ = (shop, adapter);
        unimplemented!()
    }

    /// The shop's adapter.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`].
    pub fn adapter(&self, shop: &ShopId) -> Result<Arc<dyn Adapter>, Error> {
        let _ = shop;
        unimplemented!()
    }

    /// The context the flow works in.
    pub fn context(&self) -> &Context {
        unimplemented!()
    }

    /// Takes everything that comes in under `/vipps/{shop}/`, `/return/{shop}/` and
    /// `/engine/{shop}/`: from Vipps, customers' browsers and the engine. Anything else is 404.
    /// The caller limits the body's size (1 MiB is plenty) and the time.
    pub async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let _ = request;
        unimplemented!()
    }

    /// Does what is due: reads payments, sends commands again, tells shops. One that fails holds up
    /// no other.
    pub async fn sweep(&self) -> Swept {
        unimplemented!()
    }

    /// Can the journal be read?
    ///
    /// # Errors
    /// It cannot.
    pub async fn ready(&self) -> Result<(), JournalError> {
        unimplemented!()
    }

    /// Lists payments, the newest first.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn payments(&self, filter: &Filter) -> Result<Vec<Payment>, Error> {
        let _ = filter;
        unimplemented!()
    }

    /// Everything about one payment.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`], or the journal cannot be read.
    pub async fn trace(&self, shop: &ShopId, reference: &Reference) -> Result<Trace, Error> {
        let _ = (shop, reference);
        unimplemented!()
    }
}

/// The flow, bound to one shop: what an adapter holds.
#[derive(Debug, Clone)]
pub struct ShopFlow {
    inner: Weak<Inner>,
    shop: ShopId,
}

impl ShopFlow {
    /// The shop.
    pub fn shop(&self) -> &ShopId {
        let _ = &self.inner;
        &self.shop
    }
    /// See [`crate::PaymentProvider::initiate`].
    pub async fn initiate(&self, _cx: &Context, _what: Initiate) -> Outcome {
        unimplemented!()
    }
    /// See [`crate::PaymentProvider::details`].
    pub async fn details(&self, _cx: &Context, _what: &Target) -> Outcome {
        unimplemented!()
    }
    /// See [`crate::PaymentProvider::capture`].
    pub async fn capture(&self, _cx: &Context, _what: &Target, _part: &Part) -> Outcome {
        unimplemented!()
    }
    /// See [`crate::PaymentProvider::cancel`].
    pub async fn cancel(&self, _cx: &Context, _what: &Target) -> Outcome {
        unimplemented!()
    }
    /// See [`crate::PaymentProvider::refund`].
    pub async fn refund(&self, _cx: &Context, _what: &Target, _part: &Part) -> Outcome {
        unimplemented!()
    }
}
