//! A journal on PostgreSQL, as rows.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::TryStreamExt;
use kasse_core::PaymentEvent;
use kasse_core::journal::{InboxItem, JournalError, Registration};
use kasse_core::{AccountId, IdError, InboxId, PaymentId, Reference};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};
use tokio_postgres::types::{FromSql, ToSql};

use super::error::TransferError;
use super::row::{Put, Row, Table};
use super::{Progress, See};
use crate::error::OpenError;
use crate::postgres::apply::{append_at, apply, read_text};
use crate::postgres::error::journal_error;
use crate::postgres::journal::enter;
use crate::postgres::options::{PostgresOptions, Way};
use crate::postgres::pool::{Connection, Failure};
use crate::postgres::schema;
use crate::record::{read_document, read_time};

/// A whole journal takes its time.
const PATIENCE: &str =
    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = 0";

/// One import at a time: the number of the lock that it holds.
const LOCK: i64 = 0x6b61_7373_0001;

/// So long the connections of one that was just stopped may take to end.
const LEAVING: Duration = Duration::from_secs(3);

/// A server of this journal looks for what is due every second: it has a connection.
const OTHERS: &str = "
    SELECT EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = current_setting('application_name')
            AND usename = current_user AND pid <> pg_backend_pid()
    )";

/// While an import is not finished there is this table, with how far it is.
const BEGIN: &str = "
    BEGIN;
    CREATE TABLE kasse.importing (contents TEXT NOT NULL, done BIGINT NOT NULL);
    INSERT INTO kasse.importing VALUES ('', 0);
    COMMIT";

/// The next place of each shop comes after those that were imported.
const FINISH: &str = "
    BEGIN;
    INSERT INTO places SELECT shop, max(place) FROM events GROUP BY shop
        ON CONFLICT (shop) DO UPDATE SET last = excluded.last;
    DROP TABLE kasse.importing;
    COMMIT";

/// A journal that is read as it is at one moment, whatever servers have it.
#[derive(Debug)]
pub(crate) struct Reading(Connection);

impl Reading {
    pub(crate) async fn open(options: &PostgresOptions) -> Result<Self, TransferError> {
        let way = Way::new(options).map_err(OpenError::from)?;
        let connection = enter(&way).await?;
        let known = schema::known();
        match schema::version(&connection.client, &way).await? {
            None => return Err(TransferError::Nothing(way.place)),
            Some(found) if found < known => return Err(OpenError::Older { found, known }.into()),
            Some(found) if found > known => return Err(OpenError::Newer { found, known }.into()),
            Some(_) => {}
        }
        if schema::importing(&connection.client, &way).await? {
            return Err(OpenError::Importing.into());
        }
        // The moment is that of the first SELECT.
        let begin = format!("{PATIENCE}; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        run(&connection, &begin).await?;
        Ok(Self(connection))
    }

    pub(crate) async fn counts(&self) -> Result<BTreeMap<Table, u64>, TransferError> {
        let mut counts = BTreeMap::new();
        for table in Table::ALL {
            counts.insert(table, count(&self.0, table).await?);
        }
        Ok(counts)
    }

    /// All rows, in their order.
    pub(crate) async fn each(&self, see: See<'_>) -> Result<(), TransferError> {
        each(&self.0, see).await
    }
}

/// A journal that is being filled. No server has it meanwhile.
#[derive(Debug)]
pub(crate) struct Filling(Connection);

impl Filling {
    /// Opens the journal, and makes it where it is not there.
    pub(crate) async fn open(options: &PostgresOptions) -> Result<Self, TransferError> {
        let way = Way::new(options).map_err(OpenError::from)?;
        let mut connection = enter(&way).await?;
        schema::migrate(&mut connection.client, &way).await?;
        schema::check_rights(&connection.client, &way).await?;
        run(&connection, PATIENCE).await?;
        let give_up = Instant::now() + LEAVING;
        loop {
            let alone: bool = one(&connection, "SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?;
            if alone && !one(&connection, OTHERS, &[]).await? {
                return Ok(Self(connection));
            }
            if Instant::now() >= give_up {
                return Err(TransferError::InUse(way.place));
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Begins to import these contents, or goes on with it. Answers with how many rows are there.
    pub(crate) async fn begin(&mut self, contents: &str) -> Result<u64, TransferError> {
        let importing = "SELECT to_regclass('kasse.importing') IS NOT NULL";
        if one(&self.0, importing, &[]).await? {
            let begun: String = one(&self.0, "SELECT contents FROM importing", &[]).await?;
            let done: i64 = one(&self.0, "SELECT done FROM importing", &[]).await?;
            return if begun == contents {
                Ok(done.unsigned_abs())
            } else {
                Err(TransferError::AnotherBegun)
            };
        }
        for table in Table::ALL {
            if count(&self.0, table).await? > 0 {
                let payments = count(&self.0, Table::Payments).await?;
                return Err(TransferError::NotEmpty(payments));
            }
        }
        run(&self.0, &BEGIN.replace("''", &format!("'{contents}'"))).await?;
        Ok(0)
    }

    /// Writes rows, and how many there are with them, in one transaction.
    pub(crate) async fn put(
        &mut self,
        rows: Vec<Row>,
        progress: Progress,
    ) -> Result<(), TransferError> {
        run(&self.0, "BEGIN").await?;
        for put in rows.into_iter().flat_map(Row::puts) {
            let done = match put {
                Put::Write(write) => apply(&mut self.0, &write).await,
                Put::Event { place, event } => append_at(&mut self.0, place, &event).await,
            };
            done.map_err(failure)?;
        }
        let done = i64::try_from(progress.done).unwrap_or(i64::MAX);
        let sql = "UPDATE importing SET done = $1 RETURNING done";
        let _: i64 = one(&self.0, sql, &[&done]).await?;
        run(&self.0, "COMMIT").await
    }

    /// All rows, in their order.
    pub(crate) async fn each(&self, see: See<'_>) -> Result<(), TransferError> {
        each(&self.0, see).await
    }

    /// It can be used from now on.
    pub(crate) async fn finish(self) -> Result<(), TransferError> {
        run(&self.0, FINISH).await?;
        for table in Table::ALL {
            // Until the database has looked at them itself, it would plan as for empty ones.
            run(&self.0, &format!("ANALYZE {}", table.name())).await?;
        }
        Ok(())
    }
}

async fn count(connection: &Connection, table: Table) -> Result<u64, TransferError> {
    let sql = format!("SELECT count(*) FROM {}", table.name());
    let rows: i64 = one(connection, &sql, &[]).await?;
    Ok(rows.unsigned_abs())
}

async fn each(connection: &Connection, see: See<'_>) -> Result<(), TransferError> {
    for table in Table::ALL {
        let sql = match table {
            Table::Payments => "SELECT doc FROM payments ORDER BY account, reference",
            Table::Events => "SELECT place, doc FROM events ORDER BY shop, place",
            Table::Commands => "SELECT doc FROM commands ORDER BY seq",
            Table::Inbox => {
                "SELECT unread, id, account, reference, at, odd, event, body FROM inbox ORDER BY seq"
            }
            Table::Deliveries => "SELECT doc FROM deliveries ORDER BY id",
            Table::Personal => {
                "SELECT account, reference, doc FROM personal ORDER BY account, reference"
            }
            Table::Quotes => "SELECT doc FROM quotes ORDER BY seq",
            Table::Exchanges => "SELECT doc FROM exchanges ORDER BY seq",
            Table::Registrations => "SELECT doc, last FROM registrations ORDER BY slot",
            Table::Strays => "SELECT doc FROM strays ORDER BY seq",
        };
        let none: [&(dyn ToSql + Sync); 0] = [];
        let rows = connection
            .client
            .query_raw(sql, none)
            .await
            .map_err(failed)?;
        let mut rows = pin!(rows);
        let mut number = 0_u64;
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            number = number.saturating_add(1);
            let columns = Columns {
                what: format!("{}, row {number}", table.name()),
                row,
            };
            see(columns.read(table)?)?;
        }
    }
    Ok(())
}

/// A row of a table, for messages with its place.
struct Columns {
    what: String,
    row: tokio_postgres::Row,
}

impl Columns {
    fn read(&self, table: Table) -> Result<Row, JournalError> {
        Ok(match table {
            Table::Payments => Row::Payment(self.document(0)?),
            Table::Events => Row::Event {
                place: self.get::<i64>(0)?.unsigned_abs(),
                event: self.document::<PaymentEvent>(1)?,
            },
            Table::Commands => Row::Command(self.document(0)?),
            Table::Inbox => Row::Inbox {
                unread: self.get(0)?,
                item: Box::new(self.item()?),
            },
            Table::Deliveries => Row::Delivery(self.document(0)?),
            Table::Personal => Row::Personal {
                payment: self.payment(0)?,
                personal: self.document(2)?,
            },
            Table::Quotes => Row::Quote(self.document(0)?),
            Table::Exchanges => Row::Exchange(self.document(0)?),
            Table::Registrations => Row::Registration(Box::new(Registration {
                last: self
                    .get::<Option<&str>>(1)?
                    .map(|text| read_time(&self.what, text))
                    .transpose()?,
                ..*self.document::<Registration>(0)?
            })),
            Table::Strays => Row::Stray(self.document(0)?),
        })
    }

    fn item(&self) -> Result<InboxItem, JournalError> {
        let body: Option<Vec<u8>> = self.get(7)?;
        Ok(InboxItem {
            id: InboxId::new(self.get::<String>(1)?).map_err(|error| self.unfit(&error))?,
            payment: self.payment(2)?,
            at: read_time(&self.what, self.get(4)?)?,
            odd: self.get::<Option<&str>>(5)?.map(read_text),
            event: self.get::<Option<&str>>(6)?.map(read_text),
            body: body.map(bytes::Bytes::from),
        })
    }

    /// A payment's id, in two columns.
    fn payment(&self, at: usize) -> Result<PaymentId, JournalError> {
        let (account, reference): (String, String) = (self.get(at)?, self.get(at + 1)?);
        Ok(PaymentId {
            account: AccountId::new(account).map_err(|error| self.unfit(&error))?,
            reference: Reference::new(reference).map_err(|error| self.unfit(&error))?,
        })
    }

    fn document<T: DeserializeOwned>(&self, at: usize) -> Result<Box<T>, JournalError> {
        read_document(&self.what, self.get(at)?).map(Box::new)
    }

    fn get<'r, T: FromSql<'r>>(&'r self, at: usize) -> Result<T, JournalError> {
        let value = self.row.try_get(at);
        value.map_err(|error| journal_error(&self.what, &error))
    }

    fn unfit(&self, error: &IdError) -> JournalError {
        JournalError::Corrupt(format!("{}: {error}", self.what))
    }
}

async fn run(connection: &Connection, sql: &str) -> Result<(), TransferError> {
    let done = connection.client.batch_execute(sql).await;
    Ok(done.map_err(failed)?)
}

async fn one<T: for<'r> FromSql<'r>>(
    connection: &Connection,
    sql: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<T, TransferError> {
    let row = connection.client.query_one(sql, params).await;
    Ok(row.and_then(|row| row.try_get(0)).map_err(failed)?)
}

fn failed(error: tokio_postgres::Error) -> JournalError {
    journal_error("the journal", &error)
}

fn failure(failure: Failure) -> JournalError {
    match failure {
        Failure::Lost(why) | Failure::InTheWay(why) => JournalError::Unavailable(why),
        Failure::Final(error) => error,
    }
}
