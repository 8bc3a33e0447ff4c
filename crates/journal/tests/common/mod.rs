//! What several tests need.
#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod filling;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kasse_core::journal::{
    Batch, Command, Delivery, Exchange, Figures, Filter, InboxItem, Journal, JournalError, Lease,
    LeaseKey, Placed, Quote, Registration, Stray, Write,
};
use kasse_core::{
    AccountId, ApiKind, CallerKey, Currency, Money, Msn, OrderId, OrderRef, Payment, PaymentEvent,
    PaymentId, PaymentState, Personal, Reference, ShopId, Sums,
};
use kasse_journal::SqliteJournal;

/// A folder for one test, removed at its end.
#[derive(Debug)]
pub(crate) struct TestFolder(PathBuf);

impl TestFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn folder(name: &str) -> TestFolder {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("journal-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    TestFolder(path)
}

pub(crate) fn id(reference: &str) -> PaymentId {
    PaymentId {
        account: AccountId::new("main").unwrap(),
        reference: Reference::new(reference).unwrap(),
    }
}

pub(crate) fn begin() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn payment(reference: &str) -> Payment {
    Payment {
        id: id(reference),
        order: OrderRef::new(ShopId::new("shop").unwrap(), OrderId::new("1001").unwrap()),
        begun_for: None,
        attempt: 1,
        api: ApiKind::Ecom,
        msn: Msn::new("012345").unwrap(),
        amount: Money::nok(132_890),
        express: false,
        cart: "cart".into(),
        key_id: "k1".into(),
        state: PaymentState::Initiated,
        sums: Sums::none(Currency::Nok),
        redirect: None,
        return_to: "https://shop.example/order/1001".parse().unwrap(),
        delivery: None,
        forgotten: false,
        created: begin(),
        authorised_at: None,
        expires: None,
        capture_by: None,
        guaranteed_until: None,
        next_look: None,
        events: 0,
        seen: Vec::new(),
        notes: Vec::new(),
        personal: None,
    }
}

pub(crate) fn insert(reference: &str) -> Write {
    Write::Insert(Box::new(payment(reference)))
}

pub(crate) fn batch<const N: usize>(writes: [Write; N]) -> Batch {
    Batch {
        leases: Vec::new(),
        writes: writes.into(),
    }
}

/// A journal that is opened for each call and closed after it: nothing stays but the files. Calls
/// that come at once wait for each other.
#[derive(Debug)]
pub(crate) struct Reopened {
    folder: PathBuf,
    turn: tokio::sync::Mutex<()>,
}

impl Reopened {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            turn: tokio::sync::Mutex::new(()),
        }
    }

    fn open(&self) -> SqliteJournal {
        SqliteJournal::open(&self.folder).unwrap()
    }
}

macro_rules! reopened {
    ($self:ident, $name:ident($($argument:expr),*)) => {{
        let _turn = $self.turn.lock().await;
        let journal = $self.open();
        let result = journal.$name($($argument),*).await;
        journal.close().await;
        result
    }};
}

#[async_trait]
impl Journal for Reopened {
    async fn write(&self, batch: Batch) -> Result<(), JournalError> {
        reopened!(self, write(batch))
    }
    async fn acquire(
        &self,
        key: &LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, JournalError> {
        reopened!(self, acquire(key, now, until))
    }
    async fn anyone_holds(
        &self,
        beginning: &LeaseKey,
        now: Timestamp,
    ) -> Result<bool, JournalError> {
        reopened!(self, anyone_holds(beginning, now))
    }
    async fn count(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError> {
        reopened!(self, count(key, now, most, per))
    }
    async fn release(&self, lease: Lease) -> Result<(), JournalError> {
        reopened!(self, release(lease))
    }
    async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, JournalError> {
        reopened!(self, payment(id))
    }
    async fn find(
        &self,
        shop: &ShopId,
        reference: &Reference,
    ) -> Result<Option<Payment>, JournalError> {
        reopened!(self, find(shop, reference))
    }
    async fn payments_of(&self, order: &OrderRef) -> Result<Vec<Payment>, JournalError> {
        reopened!(self, payments_of(order))
    }
    async fn list(&self, filter: &Filter) -> Result<Vec<Payment>, JournalError> {
        reopened!(self, list(filter))
    }
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<PaymentId>, JournalError> {
        reopened!(self, due(now, most))
    }
    async fn events(&self, id: &PaymentId) -> Result<Vec<PaymentEvent>, JournalError> {
        reopened!(self, events(id))
    }
    async fn events_since(
        &self,
        shop: &ShopId,
        after: u64,
        most: usize,
    ) -> Result<Vec<Placed>, JournalError> {
        reopened!(self, events_since(shop, after, most))
    }
    async fn commands(&self, id: &PaymentId) -> Result<Vec<Command>, JournalError> {
        reopened!(self, commands(id))
    }
    async fn commands_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Command>, JournalError> {
        reopened!(self, commands_due(now, most))
    }
    async fn command_by_key(
        &self,
        shop: &ShopId,
        key: &CallerKey,
    ) -> Result<Option<Command>, JournalError> {
        reopened!(self, command_by_key(shop, key))
    }
    async fn unread(&self, id: &PaymentId) -> Result<Vec<InboxItem>, JournalError> {
        reopened!(self, unread(id))
    }
    async fn deliveries_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<OrderRef>, JournalError> {
        reopened!(self, deliveries_due(now, most))
    }
    async fn deliveries(&self, order: &OrderRef) -> Result<Vec<Delivery>, JournalError> {
        reopened!(self, deliveries(order))
    }
    async fn personal(&self, id: &PaymentId) -> Result<Option<Personal>, JournalError> {
        reopened!(self, personal(id))
    }
    async fn payments_of_user(
        &self,
        shop: &ShopId,
        user_id: &str,
    ) -> Result<Vec<PaymentId>, JournalError> {
        reopened!(self, payments_of_user(shop, user_id))
    }
    async fn quotes(&self, id: &PaymentId) -> Result<Vec<Quote>, JournalError> {
        reopened!(self, quotes(id))
    }
    async fn last_quote(&self, key: &str) -> Result<Option<Quote>, JournalError> {
        reopened!(self, last_quote(key))
    }
    async fn exchanges(&self, id: &PaymentId) -> Result<Vec<Exchange>, JournalError> {
        reopened!(self, exchanges(id))
    }
    async fn figures(&self) -> Result<Figures, JournalError> {
        reopened!(self, figures())
    }
    async fn capture_ending(
        &self,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<Payment>, JournalError> {
        reopened!(self, capture_ending(from, to, most))
    }
    async fn registrations(&self) -> Result<Vec<Registration>, JournalError> {
        reopened!(self, registrations())
    }
    async fn strays(&self, since: Timestamp, most: usize) -> Result<Vec<Stray>, JournalError> {
        reopened!(self, strays(since, most))
    }
}
