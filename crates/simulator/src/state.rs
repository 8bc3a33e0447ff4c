//! Everything the simulator knows, behind one lock that is never held while something waits.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;

use crate::clock::{Clock, after};
use crate::dial::Hosts;
use crate::ecom::callback::Callback;
use crate::exchanges::Exchanges;
use crate::faults::{Faults, Operation};
use crate::idempotency::Keys;
use crate::ledger::Payment;
use crate::options::SalesUnit;
use crate::orders::Orders;
use crate::webhooks::{self, Event, Webhooks};

/// The rate limits count over a minute (eCom guide, "Rate limiting").
const MINUTE: Duration = Duration::from_secs(60);

/// What all tasks share.
pub(crate) struct Shared {
    /// What comes before the path in the simulator's own URLs.
    pub(crate) url: String,
    pub(crate) hosts: Hosts,
    /// Where tasks run, also when a control is called from a thread outside of it.
    runtime: Handle,
    state: Mutex<State>,
}

// The state holds tokens and customers.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn new(
        url: String,
        hosts: Hosts,
        clock: Clock,
        units: Vec<SalesUnit>,
        counted: bool,
    ) -> Arc<Self> {
        let state = State {
            clock,
            units,
            payments: BTreeMap::new(),
            tokens: HashMap::new(),
            calls: HashMap::new(),
            faults: Faults::default(),
            exchanges: Exchanges::default(),
            outbox: Vec::new(),
            held: Vec::new(),
            keys: Keys::default(),
            webhooks: Webhooks::default(),
            orders: Orders::default(),
            transactions: 5_000_000_000,
            contexts: 0,
            counted: counted.then_some(0),
        };
        Arc::new(Self {
            url,
            hosts,
            runtime: Handle::current(),
            state: Mutex::new(state),
        })
    }

    /// Runs something beside whoever called.
    pub(crate) fn spawn(&self, errand: impl Future<Output = ()> + Send + 'static) {
        match &self.hosts {
            Hosts::Direct(merchant) => merchant.run(Box::pin(errand)),
            Hosts::Sockets(_) | Hosts::Within(_) => {
                self.runtime.spawn(errand);
            }
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock left no half-done change behind: each change
        // is one assignment after all checks.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An access token that was given out.
#[derive(Clone)]
pub(crate) struct AccessToken {
    pub(crate) client_id: String,
    pub(crate) ends: Timestamp,
}

pub(crate) struct State {
    pub(crate) clock: Clock,
    pub(crate) units: Vec<SalesUnit>,
    /// By MSN and orderId or reference: both APIs have one space of them.
    pub(crate) payments: BTreeMap<(String, String), Payment>,
    pub(crate) tokens: HashMap<String, AccessToken>,
    /// When the calls of the last minute came, by operation and key.
    calls: HashMap<(Operation, String), VecDeque<Timestamp>>,
    pub(crate) faults: Faults,
    pub(crate) exchanges: Exchanges,
    /// Callbacks to be sent now.
    pub(crate) outbox: Vec<Callback>,
    /// Callbacks to be sent later, by the simulator's clock.
    pub(crate) held: Vec<(Timestamp, Callback)>,
    /// ePayment's idempotency keys.
    pub(crate) keys: Keys,
    pub(crate) webhooks: Webhooks,
    pub(crate) orders: Orders,
    transactions: u64,
    contexts: u64,
    /// How many tokens were counted; `None`: tokens are random.
    counted: Option<u64>,
}

impl State {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new transaction id: ten digits (eCom OpenAPI 2.0.3, `transactionId`).
    pub(crate) fn transaction_id(&mut self) -> String {
        self.transactions = self.transactions.saturating_add(1);
        self.transactions.to_string()
    }

    /// A new id for an error: it has the form of a UUID, and counts, so that runs are alike.
    pub(crate) fn context_id(&mut self) -> String {
        self.contexts = self.contexts.saturating_add(1);
        format!("f70b8bf7-c843-4bea-95d9-{:012x}", self.contexts)
    }

    /// A new `traceId` for a problem: it counts, so that runs are alike.
    pub(crate) fn trace_id(&mut self) -> String {
        self.contexts = self.contexts.saturating_add(1);
        let count = self.contexts;
        format!("00-813b63975adcaaeef2b0{count:012x}-706492e9{count:08x}-01")
    }

    /// A new token of 64 hex digits: random, or counted where runs are to be alike. `None`: the
    /// system has no randomness to give.
    pub(crate) fn token(&mut self) -> Option<String> {
        match &mut self.counted {
            Some(count) => {
                *count = count.saturating_add(1);
                Some(format!("{count:064x}"))
            }
            None => random_hex(),
        }
    }

    pub(crate) fn payment(&self, msn: &str, order_id: &str) -> Option<&Payment> {
        self.payments.get(&(msn.to_owned(), order_id.to_owned()))
    }

    pub(crate) fn payment_mut(&mut self, msn: &str, order_id: &str) -> Option<&mut Payment> {
        self.payments
            .get_mut(&(msn.to_owned(), order_id.to_owned()))
    }

    /// Counts a call. `Err`: the limit is reached; the number of seconds until it isn't.
    pub(crate) fn count(
        &mut self,
        operation: Operation,
        key: String,
        limit: usize,
    ) -> Result<(), u64> {
        let now = self.now();
        let calls = self.calls.entry((operation, key)).or_default();
        while calls.front().is_some_and(|at| after(*at, MINUTE) <= now) {
            calls.pop_front();
        }
        match calls.front() {
            Some(first) if calls.len() >= limit => {
                let wait = after(*first, MINUTE).duration_since(now).as_secs();
                Err(u64::try_from(wait).unwrap_or_default().max(1))
            }
            _ => {
                calls.push_back(now);
                Ok(())
            }
        }
    }

    /// Tells the webhooks what is new in a payment's history.
    pub(crate) fn tell(&mut self, msn: &str, reference: &str) {
        let Some(payment) = self.payment_mut(msn, reference) else {
            return;
        };
        // Webhooks are only for payments made by ePayment (Webhooks guide).
        if payment.order.epayment().is_none() {
            return;
        }
        let news = payment.history.get(payment.told..).unwrap_or_default();
        let news: Vec<Event> = news
            .iter()
            .map(|entry| Event::of(entry, payment.order.currency))
            .collect();
        payment.told = payment.history.len();
        for event in news {
            webhooks::happened(self, msn, reference, event);
        }
    }

    /// When something happens next by itself; `None`: nothing will.
    pub(crate) fn next_change(&self) -> Option<Timestamp> {
        let now = (!self.outbox.is_empty()).then(|| self.now());
        let payments = self.payments.values().filter_map(Payment::next_change);
        let held = self.held.iter().map(|(at, _)| *at);
        let webhooks = self.webhooks.next_due();
        now.into_iter()
            .chain(payments)
            .chain(held)
            .chain(webhooks)
            .min()
    }

    /// Ends what has run out of time, and puts into the outbox what is due.
    pub(crate) fn pass_time(&mut self) {
        let now = self.now();
        // One after the other: what happened in between may have a time of its own.
        loop {
            let changes: Vec<((String, String), Timestamp)> = self
                .payments
                .iter()
                .filter_map(|(key, payment)| Some((key.clone(), payment.next_change()?)))
                .filter(|(_, at)| *at <= now)
                .collect();
            if changes.is_empty() {
                break;
            }
            for (key, at) in changes {
                let transaction_id = self.transaction_id();
                if let Some(payment) = self.payments.get_mut(&key) {
                    payment.run_out(at, transaction_id);
                    tracing::info!(reference = key.1, msn = key.0, state = ?payment.state, "the payment's time ran out");
                    self.outbox.extend(Callback::of(payment, at));
                }
                self.tell(&key.0, &key.1);
            }
        }
        let (due, held) = std::mem::take(&mut self.held)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.held = held;
        let mut due: Vec<(Timestamp, Callback)> = due;
        due.sort_by_key(|(at, _)| *at);
        self.outbox
            .extend(due.into_iter().map(|(_, callback)| callback));
        self.webhooks.bury(now);
    }
}

/// A secret of 32 random bytes, in hex. `None`: the system has no randomness to give.
fn random_hex() -> Option<String> {
    let mut bytes = [0u8; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|b| format!("{b:02x}")).collect())
}
