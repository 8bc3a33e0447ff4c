//! The flow: what every shop engine needs of Vipps, written once.
//!
//! Where to look: `initiate` begins payments, `commands` captures, refunds and cancels,
//! `reconcile` reads the truth and makes events of it, `tell` tells the shop, `quote` answers
//! shipping calls, `inbound` takes what comes in, `webhooks` registers where Vipps tells of payments
//! and takes what it tells, `describe` shows orders in the app, `sweep` does what is due, `pace` says
//! when that is, `deadlines` says what runs out, `background` how much of it while there is too much.

mod background;
mod commands;
mod deadlines;
mod describe;
mod engine;
mod exchanges;
mod inbound;
mod initiate;
mod keys;
mod observe;
mod pace;
mod quote;
mod reconcile;
mod return_page;
mod seal;
mod sweep;
mod tell;
mod webhooks;
mod whereabouts;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use url::Url;

use crate::api::{Caller, Limits, PaymentApi, Wire};
use crate::context::{Context, Task, after, span};
use crate::error::{Error, ErrorKind, Language, Who};
use crate::ids::{AccountId, OrderRef, ShopId};
use crate::journal::{
    Batch, Command, CommandState, Delivery, Exchange, Figures, Filter, InboxItem, Journal,
    JournalError, Lease, LeaseKey, Placed, Quote, Write,
};
use crate::limits::JournalLimits;
use crate::payment::{Account, ApiKind, Note, Payment, PaymentEvent, PaymentId, Personal};
use crate::provider::{Adapter, Initiate, Outcome, Part, Target};
use crate::reference::{Reference, ReferencePrefix};
use crate::wishes::Wishes;

pub use exchanges::Peer;
#[cfg(feature = "checklist")]
pub(crate) use exchanges::harmless_part;
pub use keys::InstallationKeys;
pub use observe::{Learnt, Observer, Shipping, Told, Unobserved};
pub use sweep::Swept;
pub use webhooks::{ApplyWebhooks, Step, StepKind, WhyRegister, WhyRemove};
pub use whereabouts::{AtVipps, FoundAt, Whereabouts};

/// How long a lease lasts. A command is at most a read, a request and a read: 10 + 30 + 10 s.
const LEASE: Duration = Duration::from_secs(60);
/// Outside calls end so long before their lease does.
const LEASE_MARGIN: Duration = Duration::from_secs(5);
/// How soon a lease that somebody has is tried again, at first and at the latest: whoever has it
/// mostly has it for a moment; of a server that died, for a minute, and each try is a journal's work.
const LEASE_RETRY: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(320));

/// The flow over a journal, the wire and the shops. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Flow {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: FlowOptions,
    cx: Context,
    journal: Arc<dyn Journal>,
    wire: Wire,
    accounts: HashMap<AccountId, Arc<Account>>,
    shops: RwLock<HashMap<ShopId, Arc<Entry>>>,
    /// Counts what is asked of Vipps.
    limits: Arc<dyn Limits>,
    /// Payments of which Vipps has not said all yet, and since when: read again soon, for a minute at
    /// the most. After a restart that minute begins anew.
    late: Mutex<HashMap<PaymentId, Timestamp>>,
    /// What went between us and Vipps and is not in the journal yet.
    notes: exchanges::Notes,
    /// What is done beside the callers.
    background: background::Background,
    /// What the engines are being asked.
    calls: quote::Calls,
    /// What they said of late.
    tables: quote::Tables,
    /// Which of them are not waited for.
    breakers: quote::Breakers,
}

/// A shop with its adapter.
#[derive(Debug)]
struct Entry {
    shop: Shop,
    adapter: Arc<dyn Adapter>,
}

/// What the flow is told once.
#[derive(Debug, Clone)]
pub struct FlowOptions {
    /// Where Vipps and the customer's browser reach us: `https://kasse.example`, without a path.
    pub public_url: Url,
    /// What the tokens are derived from.
    pub keys: InstallationKeys,
    /// How long an engine may take for its deliveries. Vipps waits 10 s.
    pub quote_budget: Duration,
    /// Who counts what happens; [`Unobserved`] for nobody.
    pub observer: Arc<dyn Observer>,
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
    /// What it wants of its payments beyond the order.
    pub wishes: Wishes,
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
    /// Is there personal data of it?
    pub personal: bool,
    /// What went between us and Vipps.
    pub exchanges: Vec<Exchange>,
    /// Where Vipps was asked to call back: it adds `/v2/payments/{reference}`.
    pub callback: Url,
}

impl Flow {
    /// A flow. Nothing runs by itself: call [`Flow::sweep`] every second.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: a key that is too short, a URL with a path.
    pub fn new(
        options: FlowOptions,
        context: Context,
        journal: Arc<dyn Journal>,
        wire: impl Into<Wire>,
        accounts: Vec<Account>,
    ) -> Result<Self, Error> {
        let wrong = |why: String, advice: &str| {
            Err(Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                "kasse cannot start",
                why,
                advice,
            ))
        };
        if let Err(why) = options.keys.check() {
            return wrong(why, "Give installation keys of 32 random bytes and more.");
        }
        let url = &options.public_url;
        if url.cannot_be_a_base() || url.path() != "/" || url.query().is_some() {
            return wrong(
                "the public URL has a path or a query.".into(),
                "Give scheme and host alone: https://kasse.example",
            );
        }
        let accounts = accounts
            .into_iter()
            .map(|account| (account.id.clone(), Arc::new(account)))
            .collect();
        Ok(Self {
            inner: Arc::new(Inner {
                options,
                cx: context,
                limits: Arc::new(JournalLimits(Arc::clone(&journal))),
                journal,
                wire: wire.into(),
                accounts,
                shops: RwLock::default(),
                late: Mutex::default(),
                notes: exchanges::Notes::default(),
                background: background::Background::default(),
                calls: quote::Calls::default(),
                tables: quote::Tables::default(),
                breakers: quote::Breakers::default(),
            }),
        })
    }

    /// The handle for a shop's adapter. Make it, make the adapter with it, then [`Flow::add_shop`].
    pub fn shop_flow(&self, shop: &ShopId) -> ShopFlow {
        ShopFlow {
            inner: Arc::downgrade(&self.inner),
            shop: shop.clone(),
        }
    }

    /// Adds a shop with its adapter.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`]: its name is taken, or its account or API is not there.
    pub fn add_shop(&self, shop: Shop, adapter: Arc<dyn Adapter>) -> Result<(), Error> {
        let wrong = |why: String, advice: &str| {
            let what = format!("Shop \"{}\" cannot be added", shop.id);
            Err(Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                what,
                why,
                advice,
            ))
        };
        if !self.inner.accounts.contains_key(&shop.account) {
            return wrong(
                format!("there is no account \"{}\".", shop.account),
                "Configure its keys.",
            );
        }
        if self.api(shop.api).is_err() {
            return wrong("its API is not in this program.".into(), "Choose another.");
        }
        let mut shops = self
            .inner
            .shops
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if shops.contains_key(&shop.id) {
            return wrong(
                "there is one of that name.".into(),
                "Give each shop a name of its own.",
            );
        }
        shops.insert(shop.id.clone(), Arc::new(Entry { shop, adapter }));
        Ok(())
    }

    /// The shop's adapter.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`].
    pub fn adapter(&self, shop: &ShopId) -> Result<Arc<dyn Adapter>, Error> {
        Ok(self.entry(shop)?.adapter.clone())
    }

    /// The context the flow works in.
    pub fn context(&self) -> &Context {
        &self.inner.cx
    }

    /// Where Vipps and browsers reach us.
    pub fn public_url(&self) -> &Url {
        &self.inner.options.public_url
    }

    /// Can the journal be read?
    ///
    /// # Errors
    /// It cannot.
    pub async fn ready(&self) -> Result<(), JournalError> {
        self.inner
            .journal
            .due(self.inner.cx.now(), 1)
            .await
            .map(|_| ())
    }

    /// Asks the journal for nothing, as who reads. How long that takes is how long others wait there.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn knock_to_read(&self) -> Result<(), JournalError> {
        self.inner.journal.last_quote("").await.map(|_| ())
    }

    /// The same as who writes: a batch with nothing in it, which stands in line behind what is to be put
    /// on the disk.
    ///
    /// # Errors
    /// The journal cannot be used.
    pub async fn knock_to_write(&self) -> Result<(), JournalError> {
        self.inner.journal.write(Batch::default()).await
    }

    /// Lists payments, the newest first.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn payments(&self, filter: &Filter) -> Result<Vec<Payment>, Error> {
        Ok(self.inner.journal.list(filter).await?)
    }

    /// One payment, as the journal has it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or the journal cannot be read.
    pub async fn payment(&self, shop: &ShopId, reference: &Reference) -> Result<Payment, Error> {
        let found = self.inner.journal.find(shop, reference).await?;
        found.ok_or_else(|| unknown_payment(reference))
    }

    /// The events of a shop that come after a place, in the order of their commits. `most`: so many.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn events_since(
        &self,
        shop: &ShopId,
        after: u64,
        most: usize,
    ) -> Result<Vec<Placed>, Error> {
        Ok(self.inner.journal.events_since(shop, after, most).await?)
    }

    /// Who paid, and where it goes, as far as that is known and not erased.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no such payment; or the journal cannot be read.
    pub async fn personal(
        &self,
        shop: &ShopId,
        reference: &Reference,
    ) -> Result<Option<Personal>, Error> {
        let id = self.payment(shop, reference).await?.id;
        Ok(self.inner.journal.personal(&id).await?)
    }

    /// Everything about one payment, but for the address where it is paid: whoever has that can pay
    /// it, and nobody needs it to understand what happened.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or the journal cannot be read.
    pub async fn trace(&self, shop: &ShopId, reference: &Reference) -> Result<Trace, Error> {
        let journal = &self.inner.journal;
        let mut payment = self.payment(shop, reference).await?;
        payment.redirect = None;
        let id = payment.id.clone();
        // What is noted belongs to it, but a journal that cannot be written can still be read.
        if let Err(error) = self.write_notes().await {
            tracing::warn!(%reference, %error, "the newest exchanges could not be written");
        }
        let mut deliveries = journal.deliveries(&payment.order).await?;
        deliveries.retain(|delivery| delivery.payment == id);
        Ok(Trace {
            events: journal.events(&id).await?,
            commands: journal.commands(&id).await?,
            deliveries,
            unread: journal.unread(&id).await?,
            quotes: journal.quotes(&id).await?,
            personal: journal.personal(&id).await?.is_some(),
            exchanges: journal.exchanges(&id).await?,
            callback: self.url(&["vipps", shop.as_str()])?,
            payment,
        })
    }

    /// The journal in numbers: see [`Journal::figures`] for how often to ask.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn figures(&self) -> Result<Figures, JournalError> {
        self.inner.journal.figures().await
    }

    fn entry(&self, shop: &ShopId) -> Result<Arc<Entry>, Error> {
        let shops = self
            .inner
            .shops
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        shops.get(shop).cloned().ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                Who::Shop,
                format!("There is no shop \"{shop}\""),
                "none of that name is configured.",
                "Look at the name in the address.",
            )
        })
    }

    fn api(&self, kind: ApiKind) -> Result<&Arc<dyn PaymentApi>, Error> {
        self.inner
            .wire
            .apis
            .iter()
            .find(|api| api.kind() == kind)
            .ok_or_else(|| {
                Error::bug(
                    "The payment cannot be handled",
                    format!("{kind:?} is not in this program."),
                )
            })
    }

    /// The keys a payment was made with, and the system of its shop. Keys stay with the payment,
    /// whatever the shop uses now.
    fn caller(&self, payment: &Payment) -> Result<Caller, Error> {
        let lost = |why: String| {
            Error::new(
                ErrorKind::Configuration,
                Who::Merchant,
                format!("Payment {} cannot be reached", payment.id.reference),
                why,
                "Keep the keys of a sales unit configured until its payments are over.",
            )
        };
        let entry = self.entry(&payment.order.shop)?;
        let todays = crate::mutants::on("keys");
        let account = self
            .inner
            .accounts
            .get(if todays {
                &entry.shop.account
            } else {
                &payment.id.account
            })
            .ok_or_else(|| {
                lost(format!(
                    "the keys it was made with (account \"{}\") are not configured.",
                    payment.id.account
                ))
            })?;
        if account.msn != payment.msn && !todays {
            return Err(lost(format!(
                "account \"{}\" is sales unit {} now; the payment was made with {}.",
                account.id, account.msn, payment.msn
            )));
        }
        Ok(Caller {
            account: account.clone(),
            system: entry.adapter.system(),
            limits: Arc::clone(&self.inner.limits),
        })
    }

    /// Takes a lease, waiting for whoever has it. `None`: not in that time.
    async fn lease(
        &self,
        cx: &Context,
        key: LeaseKey,
        wait: Duration,
    ) -> Result<Option<Lease>, Error> {
        let give_up = after(cx.now(), cx.limit(wait));
        let (mut pause, longest) = LEASE_RETRY;
        loop {
            let now = cx.now();
            let journal = &*self.inner.journal;
            let until = after(now, LEASE);
            if let Some(lease) = crate::mutants::acquire(journal, &key, now, until).await? {
                return Ok(Some(lease));
            }
            if now >= give_up {
                return Ok(None);
            }
            cx.runtime.sleep(pause.min(span(now, give_up))).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Gives a lease back. That it could not be is no harm: it runs out.
    async fn release(&self, lease: Lease) {
        if let Err(error) = self.inner.journal.release(lease).await {
            tracing::warn!(%error, "a lease could not be given back; it runs out by itself");
        }
    }

    /// A context whose calls end before the lease does.
    fn under(&self, cx: &Context, lease: &Lease) -> Context {
        let margin = jiff::SignedDuration::try_from(LEASE_MARGIN).unwrap_or_default();
        cx.until(lease.until.checked_sub(margin).unwrap_or(lease.until))
    }

    /// Writes something down for people.
    async fn note(&self, cx: &Context, id: &PaymentId, text: String) -> Result<(), Error> {
        tracing::warn!(reference = %id.reference, note = %text, "noted");
        let Some(lease) = self
            .lease(cx, LeaseKey::payment(id), Duration::from_secs(10))
            .await?
        else {
            return Err(busy(&id.reference));
        };
        let result = async {
            if let Some(mut payment) = self.inner.journal.payment(id).await? {
                add_note(&mut payment, cx, text);
                let batch = Batch::under(&lease).with(Write::Update(Box::new(payment)));
                self.inner.journal.write(batch).await?;
            }
            Ok(())
        }
        .await;
        self.release(lease).await;
        result
    }

    /// Runs something beside the caller.
    fn spawn(&self, task: Task) {
        self.inner.cx.runtime.spawn(task);
    }

    /// Tells an order's shop, beside the caller, once `pause` is over.
    fn tell_soon(&self, order: OrderRef, pause: Duration) {
        let flow = self.clone();
        self.spawn(Box::pin(async move {
            if !pause.is_zero() {
                flow.inner.cx.runtime.sleep(pause).await;
            }
            flow.tell(&order).await;
        }));
    }
}

/// Adds a note, once: the same text again is not news. The oldest of more than 50 give way.
fn add_note(payment: &mut Payment, cx: &Context, text: String) {
    if payment.notes.iter().all(|note| note.text != text) {
        payment.notes.push(Note { at: cx.now(), text });
        let extra = payment.notes.len().saturating_sub(50);
        payment.notes.drain(..extra);
    }
}

fn busy(reference: &Reference) -> Error {
    Error::new(
        ErrorKind::InProgress,
        Who::Nobody,
        format!("Nothing was done with payment {reference}"),
        "something else is being done with it right now.",
        "Try again in a moment.",
    )
}

fn unknown_payment(reference: &Reference) -> Error {
    Error::new(
        ErrorKind::NotFound,
        Who::Shop,
        format!("Payment {reference} is not known"),
        "the journal of this installation has no payment of that name for this shop.",
        "Look at the reference, and at the shop it belongs to.",
    )
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
        &self.shop
    }

    /// See [`crate::PaymentProvider::initiate`].
    pub async fn initiate(&self, cx: &Context, what: Initiate) -> Outcome {
        match self.flow(&what.order.at) {
            Ok(flow) => flow.initiate(cx, what).await,
            Err(error) => Outcome::Refused(error),
        }
    }

    /// See [`crate::PaymentProvider::details`].
    pub async fn details(&self, cx: &Context, what: &Target) -> Outcome {
        match self.flow(&what.at) {
            Ok(flow) => flow.details(cx, what).await,
            Err(error) => Outcome::Refused(error),
        }
    }

    /// See [`crate::PaymentProvider::capture`].
    pub async fn capture(&self, cx: &Context, what: &Target, part: &Part) -> Outcome {
        match self.flow(&what.at) {
            Ok(flow) => flow.capture(cx, what, part).await,
            Err(error) => Outcome::Refused(error),
        }
    }

    /// See [`crate::PaymentProvider::cancel`].
    pub async fn cancel(&self, cx: &Context, what: &Target) -> Outcome {
        match self.flow(&what.at) {
            Ok(flow) => flow.cancel(cx, what).await,
            Err(error) => Outcome::Refused(error),
        }
    }

    /// See [`crate::PaymentProvider::refund`].
    pub async fn refund(&self, cx: &Context, what: &Target, part: &Part) -> Outcome {
        match self.flow(&what.at) {
            Ok(flow) => flow.refund(cx, what, part).await,
            Err(error) => Outcome::Refused(error),
        }
    }

    /// One payment of the shop, as the journal has it, and nobody is asked: for engines that name an
    /// order otherwise than kasse knows it by now, or that say what there is to be in the end and not
    /// how much more.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], or the journal cannot be read.
    pub async fn payment(&self, reference: &Reference) -> Result<Payment, Error> {
        self.running()?.payment(&self.shop, reference).await
    }

    /// How many of a payment's commands Vipps refused. The same key is answered with the same refusal:
    /// an adapter that makes keys itself counts with this, so that a new try is a new ask.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn refused(&self, payment: &PaymentId) -> Result<usize, Error> {
        let commands = self.running()?.inner.journal.commands(payment).await?;
        let refused = |command: &&Command| matches!(command.state, CommandState::Refused { .. });
        Ok(commands.iter().filter(refused).count())
    }

    /// The flow, if it is still there and the order is this shop's.
    fn flow(&self, at: &OrderRef) -> Result<Flow, Error> {
        if at.shop != self.shop {
            return Err(Error::bug(
                format!("Order {} was not touched", at.order),
                format!(
                    "the adapter of shop \"{}\" named an order of shop \"{}\".",
                    self.shop, at.shop
                ),
            ));
        }
        self.running()
    }

    fn running(&self) -> Result<Flow, Error> {
        let inner = self
            .inner
            .upgrade()
            .ok_or_else(|| Error::bug("Nothing was done", "the flow of this adapter has ended."))?;
        Ok(Flow { inner })
    }
}
