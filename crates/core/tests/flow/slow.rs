//! A journal that takes its time, and counts what is asked of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kasse_core::journal::*;
use kasse_core::*;

/// The journal in memory, as over a slow disk.
#[derive(Debug)]
pub struct SlowJournal {
    journal: Arc<MemoryJournal>,
    runtime: Arc<dyn Runtime>,
    reads_take: Mutex<Duration>,
    writes_take: Mutex<Duration>,
    reads: AtomicUsize,
    writes: AtomicUsize,
}

impl SlowJournal {
    pub fn over(journal: &Arc<MemoryJournal>, cx: &Context) -> Arc<Self> {
        Arc::new(Self {
            journal: journal.clone(),
            runtime: cx.runtime.clone(),
            reads_take: Mutex::default(),
            writes_take: Mutex::default(),
            reads: AtomicUsize::default(),
            writes: AtomicUsize::default(),
        })
    }

    pub fn takes(&self, to_read: Duration, to_write: Duration) {
        *self.reads_take.lock().unwrap() = to_read;
        *self.writes_take.lock().unwrap() = to_write;
    }

    /// How often it was read and written since this was asked last.
    pub fn asked(&self) -> (usize, usize) {
        let (reads, writes) = (&self.reads, &self.writes);
        (
            reads.swap(0, Ordering::SeqCst),
            writes.swap(0, Ordering::SeqCst),
        )
    }

    async fn read(&self) {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let takes = *self.reads_take.lock().unwrap();
        self.runtime.sleep(takes).await;
    }

    async fn written(&self) {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let takes = *self.writes_take.lock().unwrap();
        self.runtime.sleep(takes).await;
    }
}

type Result<T> = std::result::Result<T, JournalError>;

#[async_trait]
impl Journal for SlowJournal {
    async fn write(&self, batch: Batch) -> Result<()> {
        self.written().await;
        self.journal.write(batch).await
    }
    async fn acquire(
        &self,
        key: &LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>> {
        self.written().await;
        self.journal.acquire(key, now, until).await
    }
    async fn release(&self, lease: Lease) -> Result<()> {
        self.written().await;
        self.journal.release(lease).await
    }
    async fn anyone_holds(&self, beginning: &LeaseKey, now: Timestamp) -> Result<bool> {
        self.read().await;
        self.journal.anyone_holds(beginning, now).await
    }
    async fn count(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>> {
        self.written().await;
        self.journal.count(key, now, most, per).await
    }
    async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>> {
        self.read().await;
        self.journal.payment(id).await
    }
    async fn find(&self, shop: &ShopId, reference: &Reference) -> Result<Option<Payment>> {
        self.read().await;
        self.journal.find(shop, reference).await
    }
    async fn payments_of(&self, order: &OrderRef) -> Result<Vec<Payment>> {
        self.read().await;
        self.journal.payments_of(order).await
    }
    async fn list(&self, filter: &Filter) -> Result<Vec<Payment>> {
        self.read().await;
        self.journal.list(filter).await
    }
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<PaymentId>> {
        self.read().await;
        self.journal.due(now, most).await
    }
    async fn events(&self, id: &PaymentId) -> Result<Vec<PaymentEvent>> {
        self.read().await;
        self.journal.events(id).await
    }
    async fn events_since(&self, shop: &ShopId, after: u64, most: usize) -> Result<Vec<Placed>> {
        self.read().await;
        self.journal.events_since(shop, after, most).await
    }
    async fn commands(&self, id: &PaymentId) -> Result<Vec<Command>> {
        self.read().await;
        self.journal.commands(id).await
    }
    async fn commands_due(&self, now: Timestamp, most: usize) -> Result<Vec<Command>> {
        self.read().await;
        self.journal.commands_due(now, most).await
    }
    async fn command_by_key(&self, shop: &ShopId, key: &CallerKey) -> Result<Option<Command>> {
        self.read().await;
        self.journal.command_by_key(shop, key).await
    }
    async fn unread(&self, id: &PaymentId) -> Result<Vec<InboxItem>> {
        self.read().await;
        self.journal.unread(id).await
    }
    async fn deliveries_due(&self, now: Timestamp, most: usize) -> Result<Vec<OrderRef>> {
        self.read().await;
        self.journal.deliveries_due(now, most).await
    }
    async fn deliveries(&self, order: &OrderRef) -> Result<Vec<Delivery>> {
        self.read().await;
        self.journal.deliveries(order).await
    }
    async fn personal(&self, id: &PaymentId) -> Result<Option<Personal>> {
        self.read().await;
        self.journal.personal(id).await
    }
    async fn payments_of_user(&self, shop: &ShopId, user_id: &str) -> Result<Vec<PaymentId>> {
        self.read().await;
        self.journal.payments_of_user(shop, user_id).await
    }
    async fn quotes(&self, id: &PaymentId) -> Result<Vec<Quote>> {
        self.read().await;
        self.journal.quotes(id).await
    }
    async fn last_quote(&self, key: &str) -> Result<Option<Quote>> {
        self.read().await;
        self.journal.last_quote(key).await
    }
    async fn figures(&self) -> Result<Figures> {
        self.read().await;
        self.journal.figures().await
    }
    async fn capture_ending(
        &self,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<Payment>> {
        self.read().await;
        self.journal.capture_ending(from, to, most).await
    }
    async fn registrations(&self) -> Result<Vec<Registration>> {
        self.read().await;
        self.journal.registrations().await
    }
    async fn strays(&self, since: Timestamp, most: usize) -> Result<Vec<Stray>> {
        self.read().await;
        self.journal.strays(since, most).await
    }
    async fn exchanges(&self, id: &PaymentId) -> Result<Vec<Exchange>> {
        self.read().await;
        self.journal.exchanges(id).await
    }
}
