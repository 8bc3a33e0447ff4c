//! What stands between kasse and its surroundings on a stage: the weather, and sudden ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use jiff::Timestamp;
use kasse_core::api::System;
use kasse_core::journal::{
    Batch, Command, Delivery, Exchange, Figures, Filter, InboxItem, Journal, JournalError, Lease,
    LeaseKey, Placed, Quote, Registration, Stray,
};
use kasse_core::{
    Adapter, Ask, CallerKey, Context, Destination, Error, ErrorKind, Forgotten, Order, OrderRef,
    Outcome, Payment, PaymentEvent, PaymentId, PaymentProvider, Personal, RecordError, Recorded,
    Reference, Refusal, Runtime, ShippingOption, ShippingQuoter, ShopFlow, ShopId, Task, Transport,
    TransportError, Who,
};

use crate::life::{Life, Moment};

/// How the engine is.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    away: AtomicBool,
    slow_ms: AtomicU64,
    lose_answer: AtomicBool,
}

impl Weather {
    pub(crate) fn away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    pub(crate) fn slow(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.slow_ms.store(ms, Ordering::SeqCst);
    }

    /// The answer to what the engine is told next is lost.
    pub(crate) fn lose_answer(&self) {
        self.lose_answer.store(true, Ordering::SeqCst);
    }

    /// Waits as long as the engine takes. `false`: it is away.
    async fn allows(&self, cx: &Context) -> bool {
        let slow = self.slow_ms.load(Ordering::SeqCst);
        if slow > 0 {
            cx.runtime.sleep(Duration::from_millis(slow)).await;
        }
        !self.away.load(Ordering::SeqCst)
    }
}

/// The adapter, with the engine behind it as the weather has it.
#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) weather: Arc<Weather>,
    pub(crate) life: Arc<Life>,
    /// A real engine's clock is the system's, whatever the stage's shows.
    pub(crate) real_time: bool,
}

fn away() -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Nobody,
        "The engine was not reached",
        "it is away.",
        "Wait: kasse tries again.",
    )
}

/// The system's clock, and otherwise what there was.
#[derive(Debug)]
struct SystemTime(Arc<dyn Runtime>);

impl Runtime for SystemTime {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
    fn sleep(&self, time: Duration) -> Task {
        self.0.sleep(time)
    }
    fn spawn(&self, task: Task) {
        self.0.spawn(task);
    }
}

#[async_trait]
impl PaymentProvider for Staged {
    fn system(&self) -> System {
        self.adapter.system()
    }

    fn flow(&self) -> &ShopFlow {
        self.adapter.flow()
    }

    async fn meet(&self, cx: &Context) -> Result<(), Error> {
        self.adapter.meet(cx).await
    }

    async fn read(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        if !self.real_time {
            return self.adapter.read(cx, request).await;
        }
        // The engine signs with its own time, and says by that when it stops waiting.
        let engine = Context {
            runtime: Arc::new(SystemTime(cx.runtime.clone())),
            ..cx.clone()
        };
        let mut ask = self.adapter.read(&engine, request).await?;
        let ahead = cx.now().duration_since(engine.now());
        ask.answer_by = ask
            .answer_by
            .map(|at| at.checked_add(ahead).unwrap_or(Timestamp::MAX));
        Ok(ask)
    }

    fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
        self.adapter.answer(ask, outcome)
    }

    async fn order(&self, cx: &Context, at: &OrderRef) -> Result<Order, Error> {
        if !self.weather.allows(cx).await {
            return Err(away());
        }
        self.adapter.order(cx, at).await
    }

    async fn record(
        &self,
        cx: &Context,
        at: &OrderRef,
        now: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        self.life.reaches(Moment::BeforeTelling).await;
        if !self.weather.allows(cx).await {
            return Err(RecordError::Later(away()));
        }
        let recorded = self.adapter.record(cx, at, now, event).await;
        self.life.reaches(Moment::AfterTelling).await;
        if self.weather.lose_answer.swap(false, Ordering::SeqCst) {
            return Err(RecordError::Later(away()));
        }
        recorded
    }

    async fn forget(&self, cx: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error> {
        if !self.weather.allows(cx).await {
            return Err(away());
        }
        self.adapter.forget(cx, orders).await
    }
}

#[async_trait]
impl ShippingQuoter for Staged {
    async fn quote(
        &self,
        cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        if !self.weather.allows(cx).await {
            return Err(away());
        }
        self.adapter.quote(cx, at, to).await
    }
}

/// The transport to Vipps of one life.
#[derive(Debug)]
pub(crate) struct MortalTransport {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) vipps: String,
    pub(crate) life: Arc<Life>,
}

#[async_trait]
impl Transport for MortalTransport {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        if self.life.is_over() {
            crate::pipe::never().await;
        }
        let changes = request.method() != Method::GET
            && request.uri().host() == Some(&*self.vipps)
            && ["/ecomm/", "/epayment/"]
                .iter()
                .any(|api| request.uri().path().starts_with(api));
        let answer = self.transport.send(request, limit).await;
        if changes {
            self.life.reaches(Moment::VippsDid).await;
        }
        answer
    }
}

/// The journal of one life. What is written when that is over is never written.
#[derive(Debug)]
pub(crate) struct MortalJournal {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) life: Arc<Life>,
    pub(crate) broken: JournalHooks,
}

/// How a journal is broken on purpose.
#[derive(Debug, Clone, Copy, Default)]
pub struct JournalHooks {
    /// Changes what is written; `None`: it is said to be written, and is not.
    pub write: Option<fn(Batch) -> Option<Batch>>,
    /// Is this lease given to whoever asks, whoever has it?
    pub give: Option<fn(&LeaseKey) -> bool>,
}

#[async_trait]
impl Journal for MortalJournal {
    async fn write(&self, batch: Batch) -> Result<(), JournalError> {
        self.life.reaches(Moment::BeforeWrite).await;
        let batch = match self.broken.write {
            Some(broken) => broken(batch),
            None => Some(batch),
        };
        let written = match batch {
            Some(batch) => self.journal.write(batch).await,
            None => Ok(()),
        };
        self.life.reaches(Moment::AfterWrite).await;
        written
    }

    async fn acquire(
        &self,
        key: &LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, JournalError> {
        if self.broken.give.is_some_and(|give| give(key)) {
            // Whoever has it is not asked: it runs out for everybody else.
            let long_ago = Timestamp::MAX;
            if let Some(lease) = self.journal.acquire(key, long_ago, until).await? {
                return Ok(Some(lease));
            }
        }
        self.journal.acquire(key, now, until).await
    }

    async fn anyone_holds(
        &self,
        beginning: &LeaseKey,
        now: Timestamp,
    ) -> Result<bool, JournalError> {
        self.journal.anyone_holds(beginning, now).await
    }

    async fn count(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError> {
        self.journal.count(key, now, most, per).await
    }

    async fn release(&self, lease: Lease) -> Result<(), JournalError> {
        self.journal.release(lease).await
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, JournalError> {
        self.journal.payment(id).await
    }

    async fn find(
        &self,
        shop: &ShopId,
        reference: &Reference,
    ) -> Result<Option<Payment>, JournalError> {
        self.journal.find(shop, reference).await
    }

    async fn payments_of(&self, order: &OrderRef) -> Result<Vec<Payment>, JournalError> {
        self.journal.payments_of(order).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Payment>, JournalError> {
        self.journal.list(filter).await
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<PaymentId>, JournalError> {
        self.journal.due(now, most).await
    }

    async fn events(&self, id: &PaymentId) -> Result<Vec<PaymentEvent>, JournalError> {
        self.journal.events(id).await
    }

    async fn events_since(
        &self,
        shop: &ShopId,
        after: u64,
        most: usize,
    ) -> Result<Vec<Placed>, JournalError> {
        self.journal.events_since(shop, after, most).await
    }

    async fn commands(&self, id: &PaymentId) -> Result<Vec<Command>, JournalError> {
        self.journal.commands(id).await
    }

    async fn commands_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Command>, JournalError> {
        self.journal.commands_due(now, most).await
    }

    async fn command_by_key(
        &self,
        shop: &ShopId,
        key: &CallerKey,
    ) -> Result<Option<Command>, JournalError> {
        self.journal.command_by_key(shop, key).await
    }

    async fn unread(&self, id: &PaymentId) -> Result<Vec<InboxItem>, JournalError> {
        self.journal.unread(id).await
    }

    async fn deliveries_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<OrderRef>, JournalError> {
        self.journal.deliveries_due(now, most).await
    }

    async fn deliveries(&self, order: &OrderRef) -> Result<Vec<Delivery>, JournalError> {
        self.journal.deliveries(order).await
    }

    async fn personal(&self, id: &PaymentId) -> Result<Option<Personal>, JournalError> {
        self.journal.personal(id).await
    }

    async fn payments_of_user(
        &self,
        shop: &ShopId,
        user_id: &str,
    ) -> Result<Vec<PaymentId>, JournalError> {
        self.journal.payments_of_user(shop, user_id).await
    }

    async fn quotes(&self, id: &PaymentId) -> Result<Vec<Quote>, JournalError> {
        self.journal.quotes(id).await
    }

    async fn last_quote(&self, key: &str) -> Result<Option<Quote>, JournalError> {
        self.journal.last_quote(key).await
    }

    async fn figures(&self) -> Result<Figures, JournalError> {
        self.journal.figures().await
    }

    async fn exchanges(&self, id: &PaymentId) -> Result<Vec<Exchange>, JournalError> {
        self.journal.exchanges(id).await
    }

    async fn capture_ending(
        &self,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<Payment>, JournalError> {
        self.journal.capture_ending(from, to, most).await
    }

    async fn registrations(&self) -> Result<Vec<Registration>, JournalError> {
        self.journal.registrations().await
    }

    async fn strays(&self, since: Timestamp, most: usize) -> Result<Vec<Stray>, JournalError> {
        self.journal.strays(since, most).await
    }
}
