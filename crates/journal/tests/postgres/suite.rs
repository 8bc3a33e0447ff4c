//! The journal on PostgreSQL passes the suite that every journal passes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kasse_core::journal::{
    Batch, Command, Delivery, Exchange, Figures, Filter, InboxItem, Journal, JournalError, Lease,
    LeaseKey, Placed, Quote, Registration, Stray, suite,
};
use kasse_core::{
    CallerKey, OrderRef, Payment, PaymentEvent, PaymentId, Personal, Reference, ShopId,
};
use kasse_journal::PostgresJournal;
use kasse_journal::testing::Cluster;

use crate::support::{connect, nordic};

/// Runs a future from within what is no async function, on a runtime that has other threads.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_on_postgresql_passes_the_suite() {
    let Some(cluster) = Cluster::shared() else {
        return;
    };
    let nordic = nordic(cluster);
    let make = || {
        let url = cluster.database_as(nordic);
        wait(async { Arc::new(OnSuiteTime::new(&url).await) as suite::Subject })
    };
    suite::run(make).await;
}

/// A journal whose database's clock is the suite's.
#[derive(Debug)]
struct OnSuiteTime {
    journal: PostgresJournal,
    clock: tokio::sync::Mutex<Clock>,
}

#[derive(Debug)]
struct Clock {
    database: tokio_postgres::Client,
    now: Option<Timestamp>,
}

impl OnSuiteTime {
    async fn new(url: &str) -> Self {
        let journal = connect(url).await;
        let (database, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        let sql = "
            CREATE TABLE kasse.suite_clock (now TIMESTAMPTZ NOT NULL);
            INSERT INTO kasse.suite_clock VALUES ('-infinity');
            CREATE OR REPLACE FUNCTION kasse.journal_now() RETURNS TIMESTAMPTZ
                LANGUAGE sql VOLATILE AS 'SELECT now FROM kasse.suite_clock'";
        database.batch_execute(sql).await.unwrap();
        let clock = Clock {
            database,
            now: None,
        };
        Self {
            journal,
            clock: tokio::sync::Mutex::new(clock),
        }
    }

    /// The database counts in microseconds: what is a nanosecond before a time is before it.
    async fn at(&self, now: Timestamp) {
        let mut clock = self.clock.lock().await;
        if clock.now != Some(now) {
            let micros = now.as_nanosecond().div_euclid(1000);
            let sql = format!(
                "UPDATE kasse.suite_clock
                 SET now = 'epoch'::timestamptz + {micros} * interval '1 microsecond'"
            );
            clock.database.batch_execute(&sql).await.unwrap();
            clock.now = Some(now);
        }
    }
}

#[async_trait]
impl Journal for OnSuiteTime {
    async fn write(&self, batch: Batch) -> Result<(), JournalError> {
        self.journal.write(batch).await
    }
    async fn acquire(
        &self,
        key: &LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, JournalError> {
        self.at(now).await;
        self.journal.acquire(key, now, until).await
    }
    async fn anyone_holds(
        &self,
        beginning: &LeaseKey,
        now: Timestamp,
    ) -> Result<bool, JournalError> {
        self.at(now).await;
        self.journal.anyone_holds(beginning, now).await
    }
    async fn count(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError> {
        self.at(now).await;
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
    async fn exchanges(&self, id: &PaymentId) -> Result<Vec<Exchange>, JournalError> {
        self.journal.exchanges(id).await
    }
    async fn figures(&self) -> Result<Figures, JournalError> {
        self.journal.figures().await
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
