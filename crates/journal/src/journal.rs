//! The journal on SQLite.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kasse_core::journal::{
    Batch, Command, Delivery, Exchange, Figures, Filter, InboxItem, Journal, JournalError, Lease,
    LeaseKey, Placed, Quote, Registration, Stray,
};
use kasse_core::{
    CallerKey, OrderRef, Payment, PaymentEvent, PaymentId, Personal, Reference, ShopId,
};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::calls::Call;
use crate::error::OpenError;
use crate::folder::Folder;
use crate::leases::Leases;
use crate::readers::Readers;
use crate::transfer::importing;
use crate::writer::{WriterHandle, truncate_log};
use crate::{connection, queries, schema};

/// A journal in a folder of its own: `journal.sqlite3`, SQLite's two files beside it, and
/// `journal.lock`. It must be on a local disk.
///
/// It needs no particular async runtime: its threads are its own. Dropping it waits until all that
/// was handed over is done; [`SqliteJournal::close`] does so without holding up the caller's thread.
#[derive(Debug)]
pub struct SqliteJournal {
    // In the order in which they end: the last connection to close moves the log into the database,
    // so it has to be the one that writes; then others may have the folder.
    readers: Readers,
    writer: WriterHandle,
    leases: Leases,
    _folder: Folder,
}

impl SqliteJournal {
    /// Opens the journal in a folder, and makes what is not there: the folder (mode 0700), its files
    /// (0600), the tables. It blocks for a moment.
    ///
    /// # Errors
    /// See [`OpenError`]. A journal that another process has open is refused at once.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let folder = Folder::open(folder)?;
        let database = folder.database();
        let mut writing = connection::writer(&database)?;
        schema::migrate(&mut writing, &database)?;
        if importing(&writing)? {
            return Err(OpenError::Importing);
        }
        let opened = count_opening(&writing)?;
        // What was erased before a crash leaves the log now. Nobody reads yet.
        truncate_log(&writing)?;
        let readers = Readers::start(&database)?;
        let writer = WriterHandle::start(writing).map_err(|source| OpenError::Files {
            path: database,
            source,
        })?;
        Ok(Self {
            readers,
            writer,
            leases: Leases::new(opened),
            _folder: folder,
        })
    }

    /// Ends it: what was handed over is done, the log is moved into the database, and the folder is
    /// free for others when this returns.
    pub async fn close(self) {
        let (done, closed) = oneshot::channel();
        std::thread::spawn(move || {
            drop(self);
            // If nobody waits, it is closed all the same.
            let _ = done.send(());
        });
        // An error would mean that the thread panicked, which it has said already.
        let _ = closed.await;
    }

    /// How many commits there were since it was opened. Many batches that come at once share one.
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }
}

/// Counts how often the file was opened, for the epochs of its leases.
fn count_opening(connection: &Connection) -> Result<u32, OpenError> {
    const SQL: &str = "UPDATE meta SET value = value + 1 WHERE name = 'opened' RETURNING value";
    Ok(connection.query_row(SQL, [], |row| row.get(0))?)
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn write(&self, batch: Batch) -> Result<(), JournalError> {
        let pin = self.leases.pin(batch.leases)?;
        self.writer.write(batch.writes, pin).await
    }

    async fn acquire(
        &self,
        key: &LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, JournalError> {
        Ok(self.leases.acquire(key, now, until))
    }

    async fn anyone_holds(
        &self,
        beginning: &LeaseKey,
        now: Timestamp,
    ) -> Result<bool, JournalError> {
        Ok(self.leases.anyone_holds(beginning, now))
    }

    async fn count(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError> {
        let key = key.to_owned();
        let call = Call {
            key,
            now,
            most,
            per,
        };
        self.writer.count(call).await
    }

    async fn release(&self, lease: Lease) -> Result<(), JournalError> {
        self.leases.release(&lease);
        Ok(())
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, JournalError> {
        let id = id.clone();
        self.readers.read(move |db| queries::payment(db, &id)).await
    }

    async fn find(
        &self,
        shop: &ShopId,
        reference: &Reference,
    ) -> Result<Option<Payment>, JournalError> {
        let (shop, reference) = (shop.clone(), reference.clone());
        self.readers
            .read(move |db| queries::find(db, &shop, &reference))
            .await
    }

    async fn payments_of(&self, order: &OrderRef) -> Result<Vec<Payment>, JournalError> {
        let order = order.clone();
        self.readers
            .read(move |db| queries::payments_of(db, &order))
            .await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Payment>, JournalError> {
        let filter = filter.clone();
        self.readers
            .read(move |db| queries::list(db, &filter))
            .await
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<PaymentId>, JournalError> {
        self.readers
            .read(move |db| queries::due(db, now, most))
            .await
    }

    async fn events(&self, id: &PaymentId) -> Result<Vec<PaymentEvent>, JournalError> {
        let id = id.clone();
        self.readers.read(move |db| queries::events(db, &id)).await
    }

    async fn events_since(
        &self,
        shop: &ShopId,
        after: u64,
        most: usize,
    ) -> Result<Vec<Placed>, JournalError> {
        let shop = shop.clone();
        self.readers
            .read(move |db| queries::events_since(db, &shop, after, most))
            .await
    }

    async fn commands(&self, id: &PaymentId) -> Result<Vec<Command>, JournalError> {
        let id = id.clone();
        self.readers
            .read(move |db| queries::commands(db, &id))
            .await
    }

    async fn commands_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Command>, JournalError> {
        self.readers
            .read(move |db| queries::commands_due(db, now, most))
            .await
    }

    async fn command_by_key(
        &self,
        shop: &ShopId,
        key: &CallerKey,
    ) -> Result<Option<Command>, JournalError> {
        let (shop, key) = (shop.clone(), key.clone());
        self.readers
            .read(move |db| queries::command_by_key(db, &shop, &key))
            .await
    }

    async fn unread(&self, id: &PaymentId) -> Result<Vec<InboxItem>, JournalError> {
        let id = id.clone();
        self.readers.read(move |db| queries::unread(db, &id)).await
    }

    async fn deliveries_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<OrderRef>, JournalError> {
        self.readers
            .read(move |db| queries::deliveries_due(db, now, most))
            .await
    }

    async fn deliveries(&self, order: &OrderRef) -> Result<Vec<Delivery>, JournalError> {
        let order = order.clone();
        self.readers
            .read(move |db| queries::deliveries(db, &order))
            .await
    }

    async fn personal(&self, id: &PaymentId) -> Result<Option<Personal>, JournalError> {
        let id = id.clone();
        self.readers
            .read(move |db| queries::personal(db, &id))
            .await
    }

    async fn payments_of_user(
        &self,
        shop: &ShopId,
        user_id: &str,
    ) -> Result<Vec<PaymentId>, JournalError> {
        let (shop, user_id) = (shop.clone(), user_id.to_owned());
        self.readers
            .read(move |db| queries::payments_of_user(db, &shop, &user_id))
            .await
    }

    async fn quotes(&self, id: &PaymentId) -> Result<Vec<Quote>, JournalError> {
        let id = id.clone();
        self.readers.read(move |db| queries::quotes(db, &id)).await
    }

    async fn last_quote(&self, key: &str) -> Result<Option<Quote>, JournalError> {
        let key = key.to_owned();
        self.readers
            .read(move |db| queries::last_quote(db, &key))
            .await
    }

    async fn exchanges(&self, id: &PaymentId) -> Result<Vec<Exchange>, JournalError> {
        let id = id.clone();
        self.readers
            .read(move |db| queries::exchanges(db, &id))
            .await
    }

    async fn figures(&self) -> Result<Figures, JournalError> {
        self.readers.read(queries::figures).await
    }

    async fn capture_ending(
        &self,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<Payment>, JournalError> {
        self.readers
            .read(move |db| queries::capture_ending(db, from, to, most))
            .await
    }

    async fn registrations(&self) -> Result<Vec<Registration>, JournalError> {
        self.readers.read(queries::registrations).await
    }

    async fn strays(&self, since: Timestamp, most: usize) -> Result<Vec<Stray>, JournalError> {
        self.readers
            .read(move |db| queries::strays(db, since, most))
            .await
    }
}
