//! The journal on PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kasse_core::journal::{
    Batch, Command, Delivery, Exchange, Figures, Filter, InboxItem, Journal, JournalError, Lease,
    LeaseKey, Placed, Quote, Registration, Stray, Write,
};
use kasse_core::{
    CallerKey, OrderRef, Payment, PaymentEvent, PaymentId, Personal, Reference, ShopId,
};
use tracing::Instrument as _;

use super::error::PostgresError;
use super::options::{PostgresOptions, Way};
use super::pool::{Connection, Failure, Pool};
use super::schema;
use super::tidy::Tidier;
use super::{claims, leases, limits, queries, write};
use crate::error::{OpenError, closed};
use crate::transfer::Migrated;

/// The oldest PostgreSQL, as it says its own version.
const OLDEST: i32 = 150_000;

/// A journal in a PostgreSQL database, in its schema `kasse`. Several servers may have it at once.
///
/// It needs tokio's runtime, with its clock and its I/O, and belongs to the one it was connected in.
#[derive(Debug)]
pub struct PostgresJournal {
    pool: Arc<Pool>,
    tidier: Tidier,
    /// Which of those that ever had this journal this is.
    server: i64,
    /// How often it asked for a lease.
    asked: AtomicI64,
}

impl PostgresJournal {
    /// Connects, and makes what is not there: the schema and its tables, or those of a newer version.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn connect(options: PostgresOptions) -> Result<Self, OpenError> {
        let way = Way::new(&options)?;
        let mut connection = enter(&way).await?;
        let migrated = schema::migrate(&mut connection.client, &way).await?;
        if migrated.from != migrated.to {
            tracing::info!(
                place = way.place,
                from = migrated.from,
                to = migrated.to,
                "the journal's tables were made or brought to this version"
            );
        }
        schema::check_rights(&connection.client, &way).await?;
        if schema::importing(&connection.client, &way).await? {
            return Err(OpenError::Importing);
        }
        let failed = |error: tokio_postgres::Error| schema::unreachable(&way, &error);
        let row = connection.client.query_one("SELECT nextval('ids')", &[]);
        let server = row.await.and_then(|row| row.try_get(0)).map_err(failed)?;
        let pool = Arc::new(Pool::new(way, options.connections));
        Ok(Self {
            tidier: Tidier::start(Arc::clone(&pool)),
            pool,
            server,
            asked: AtomicI64::new(0),
        })
    }

    /// Ends it: what is under way is waited for, and then the connections are closed.
    pub async fn close(self) {
        self.pool.close().await;
    }

    /// A number that no other ask for a lease has, of no server.
    fn next_ask(&self) -> i64 {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        self.server.wrapping_shl(32).wrapping_add(asked)
    }

    /// Does it whether or not the one who asked goes on waiting: half of it is no state to be left
    /// in.
    async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, JournalError>> + Send + 'static,
    ) -> Result<T, JournalError> {
        let work = tokio::spawn(work.in_current_span());
        work.await.map_err(|_| closed())?
    }
}

/// Brings a database's schema to this program's version, without having its journal.
///
/// # Errors
/// See [`OpenError`].
pub async fn migrate_postgres(options: &PostgresOptions) -> Result<Migrated, OpenError> {
    let way = Way::new(options)?;
    let mut connection = enter(&way).await?;
    schema::migrate(&mut connection.client, &way).await
}

/// Connects, and looks whether that is a database we can use.
pub(crate) async fn enter(way: &Way) -> Result<Connection, OpenError> {
    let connection = Connection::open(way).await.map_err(|failure| {
        let why = match failure {
            Failure::Lost(why) | Failure::InTheWay(why) => why,
            Failure::Final(error) => error.to_string(),
        };
        PostgresError::Unreachable {
            place: way.place.clone(),
            why,
        }
    })?;
    let failed = |error: tokio_postgres::Error| schema::unreachable(way, &error);
    let sql =
        "SELECT current_setting('server_version_num')::int, current_setting('server_version'),
        current_setting('server_encoding')";
    let row = connection
        .client
        .query_one(sql, &[])
        .await
        .map_err(failed)?;
    let place = way.place.clone();
    let version: i32 = row.try_get(0).map_err(failed)?;
    if version < OLDEST {
        let found = row.try_get(1).map_err(failed)?;
        return Err(PostgresError::Old { place, found }.into());
    }
    let found: String = row.try_get(2).map_err(failed)?;
    if found != "UTF8" {
        return Err(PostgresError::Encoding { place, found }.into());
    }
    Ok(connection)
}

#[async_trait]
impl Journal for PostgresJournal {
    async fn write(&self, batch: Batch) -> Result<(), JournalError> {
        let erases = batch
            .writes
            .iter()
            .any(|write| matches!(write, Write::Erase(_)));
        let pool = Arc::clone(&self.pool);
        let result = self
            .to_the_end(async move { write::write(&pool, &batch).await })
            .await;
        if erases && result.is_ok() {
            self.tidier.erased();
        }
        result
    }

    async fn acquire(
        &self,
        key: &LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, JournalError> {
        let (pool, key, asked) = (Arc::clone(&self.pool), key.clone(), self.next_ask());
        self.to_the_end(async move { leases::acquire(&pool, &key, now, until, asked).await })
            .await
    }

    async fn anyone_holds(
        &self,
        beginning: &LeaseKey,
        _now: Timestamp,
    ) -> Result<bool, JournalError> {
        leases::anyone_holds(&self.pool, beginning).await
    }

    async fn count(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError> {
        limits::count(&self.pool, key, now, most, per).await
    }

    async fn release(&self, lease: Lease) -> Result<(), JournalError> {
        let pool = Arc::clone(&self.pool);
        self.to_the_end(async move { leases::release(&pool, &lease).await })
            .await
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, JournalError> {
        queries::payment(&self.pool, id).await
    }

    async fn find(
        &self,
        shop: &ShopId,
        reference: &Reference,
    ) -> Result<Option<Payment>, JournalError> {
        queries::find(&self.pool, shop, reference).await
    }

    async fn payments_of(&self, order: &OrderRef) -> Result<Vec<Payment>, JournalError> {
        queries::payments_of(&self.pool, order).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Payment>, JournalError> {
        queries::list(&self.pool, filter).await
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<PaymentId>, JournalError> {
        claims::due(&self.pool, self.server, now, most).await
    }

    async fn events(&self, id: &PaymentId) -> Result<Vec<PaymentEvent>, JournalError> {
        queries::events(&self.pool, id).await
    }

    async fn events_since(
        &self,
        shop: &ShopId,
        after: u64,
        most: usize,
    ) -> Result<Vec<Placed>, JournalError> {
        queries::events_since(&self.pool, shop, after, most).await
    }

    async fn commands(&self, id: &PaymentId) -> Result<Vec<Command>, JournalError> {
        queries::commands(&self.pool, id).await
    }

    async fn commands_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Command>, JournalError> {
        claims::commands_due(&self.pool, self.server, now, most).await
    }

    async fn command_by_key(
        &self,
        shop: &ShopId,
        key: &CallerKey,
    ) -> Result<Option<Command>, JournalError> {
        queries::command_by_key(&self.pool, shop, key).await
    }

    async fn unread(&self, id: &PaymentId) -> Result<Vec<InboxItem>, JournalError> {
        queries::unread(&self.pool, id).await
    }

    async fn deliveries_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<OrderRef>, JournalError> {
        claims::deliveries_due(&self.pool, self.server, now, most).await
    }

    async fn deliveries(&self, order: &OrderRef) -> Result<Vec<Delivery>, JournalError> {
        queries::deliveries(&self.pool, order).await
    }

    async fn personal(&self, id: &PaymentId) -> Result<Option<Personal>, JournalError> {
        queries::personal(&self.pool, id).await
    }

    async fn payments_of_user(
        &self,
        shop: &ShopId,
        user_id: &str,
    ) -> Result<Vec<PaymentId>, JournalError> {
        queries::payments_of_user(&self.pool, shop, user_id).await
    }

    async fn quotes(&self, id: &PaymentId) -> Result<Vec<Quote>, JournalError> {
        queries::quotes(&self.pool, id).await
    }

    async fn last_quote(&self, key: &str) -> Result<Option<Quote>, JournalError> {
        queries::last_quote(&self.pool, key).await
    }

    async fn exchanges(&self, id: &PaymentId) -> Result<Vec<Exchange>, JournalError> {
        queries::exchanges(&self.pool, id).await
    }

    async fn figures(&self) -> Result<Figures, JournalError> {
        queries::figures(&self.pool).await
    }

    async fn capture_ending(
        &self,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<Payment>, JournalError> {
        queries::capture_ending(&self.pool, from, to, most).await
    }

    async fn registrations(&self) -> Result<Vec<Registration>, JournalError> {
        queries::registrations(&self.pool).await
    }

    async fn strays(&self, since: Timestamp, most: usize) -> Result<Vec<Stray>, JournalError> {
        queries::strays(&self.pool, since, most).await
    }
}
