//! A journal on SQLite, as rows.

use std::collections::BTreeMap;
use std::path::Path;

use kasse_core::journal::{InboxItem, JournalError, Registration};
use kasse_core::{AccountId, IdError, InboxId, PaymentId, Reference};
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::DeserializeOwned;

use super::error::TransferError;
use super::row::{Put, Row, Table};
use super::{Progress, See};
use crate::apply::{append_at, apply};
use crate::error::{OpenError, journal_error};
use crate::folder::{DATABASE, Folder};
use crate::record::{read_document, read_time};
use crate::{connection, schema};

/// While an import is not finished there is this table, with how far it is.
const BEGIN: &str = "
    CREATE TABLE importing (contents TEXT NOT NULL, done INTEGER NOT NULL) STRICT";

/// A journal that is read as it is at one moment, whether or not a kasse has it.
#[derive(Debug)]
pub(crate) struct Reading(Connection);

impl Reading {
    pub(crate) fn open(folder: &Path) -> Result<Self, TransferError> {
        let database = folder.join(DATABASE);
        if !database.is_file() {
            return Err(TransferError::Nothing(folder.display().to_string()));
        }
        let connection = connection::reader(&database)?;
        schema::must_be_current(&connection, &database)?;
        if importing(&connection)? {
            return Err(OpenError::Importing.into());
        }
        // The moment is that of the first SELECT: here.
        connection
            .execute_batch("BEGIN; SELECT count(*) FROM meta")
            .map_err(OpenError::from)?;
        Ok(Self(connection))
    }

    pub(crate) fn counts(&self) -> Result<BTreeMap<Table, u64>, TransferError> {
        let tables = Table::ALL.into_iter();
        tables
            .map(|table| Ok((table, count(&self.0, table)?)))
            .collect()
    }

    /// All rows, in their order.
    pub(crate) fn each(&self, see: See<'_>) -> Result<(), TransferError> {
        each(&self.0, see)
    }
}

/// A journal that is being filled. Nobody else has it meanwhile.
#[derive(Debug)]
pub(crate) struct Filling {
    // The connection has to be closed before others may have the folder.
    connection: Connection,
    _folder: Folder,
}

impl Filling {
    /// Opens the journal in a folder, and makes it where it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, TransferError> {
        let folder = Folder::open(folder)?;
        let database = folder.database();
        let mut connection = connection::writer(&database)?;
        schema::migrate(&mut connection, &database)?;
        Ok(Self {
            connection,
            _folder: folder,
        })
    }

    /// Begins to import these contents, or goes on with it. Answers with how many rows are there.
    pub(crate) fn begin(&mut self, contents: &str) -> Result<u64, TransferError> {
        if importing(&self.connection)? {
            let sql = "SELECT contents, done FROM importing";
            let (begun, done): (String, i64) = self
                .connection
                .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
                .map_err(failed)?;
            return if begun == contents {
                Ok(done.unsigned_abs())
            } else {
                Err(TransferError::AnotherBegun)
            };
        }
        for table in Table::ALL {
            if count(&self.connection, table)? > 0 {
                let payments = count(&self.connection, Table::Payments)?;
                return Err(TransferError::NotEmpty(payments));
            }
        }
        let transaction = self.connection.transaction().map_err(failed)?;
        let begun = transaction
            .execute_batch(BEGIN)
            .and_then(|()| transaction.execute("INSERT INTO importing VALUES (?1, 0)", [contents]));
        begun.and_then(|_| transaction.commit()).map_err(failed)?;
        Ok(0)
    }

    /// Writes rows, and how many there are with them, in one transaction.
    pub(crate) fn put(&mut self, rows: Vec<Row>, progress: Progress) -> Result<(), TransferError> {
        let transaction = self.connection.transaction().map_err(failed)?;
        for put in rows.into_iter().flat_map(Row::puts) {
            match put {
                Put::Write(write) => apply(&transaction, &write)?,
                Put::Event { place, event } => append_at(&transaction, place, &event)?,
            }
        }
        let done = i64::try_from(progress.done).unwrap_or(i64::MAX);
        let noted = transaction.execute("UPDATE importing SET done = ?1", params![done]);
        noted.and_then(|_| transaction.commit()).map_err(failed)?;
        Ok(())
    }

    /// All rows, in their order.
    pub(crate) fn each(&self, see: See<'_>) -> Result<(), TransferError> {
        each(&self.connection, see)
    }

    /// It can be used from now on.
    pub(crate) fn finish(self) -> Result<(), TransferError> {
        let done = self.connection.execute_batch("DROP TABLE importing");
        Ok(done.map_err(failed)?)
    }
}

/// Is an import into it not finished?
pub(crate) fn importing(connection: &Connection) -> Result<bool, OpenError> {
    let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'importing'";
    let found: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(found.is_some())
}

fn count(connection: &Connection, table: Table) -> Result<u64, TransferError> {
    let sql = format!("SELECT count(*) FROM {}", table.name());
    let rows: i64 = connection
        .query_row(&sql, [], |row| row.get(0))
        .map_err(failed)?;
    Ok(rows.unsigned_abs())
}

fn each(connection: &Connection, see: See<'_>) -> Result<(), TransferError> {
    for table in Table::ALL {
        each_of(connection, table, see)?;
    }
    Ok(())
}

fn each_of(connection: &Connection, table: Table, see: See<'_>) -> Result<(), TransferError> {
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
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut number = 0_u64;
    while let Some(row) = rows.next().map_err(failed)? {
        number = number.saturating_add(1);
        let columns = Columns {
            what: format!("{}, row {number}", table.name()),
            row,
        };
        see(columns.read(table)?)?;
    }
    Ok(())
}

/// A row of a table, for messages with its place.
struct Columns<'r> {
    what: String,
    row: &'r rusqlite::Row<'r>,
}

impl Columns<'_> {
    fn read(&self, table: Table) -> Result<Row, JournalError> {
        Ok(match table {
            Table::Payments => Row::Payment(self.document(0)?),
            Table::Events => Row::Event {
                place: self.get::<i64>(0)?.unsigned_abs(),
                event: self.document(1)?,
            },
            Table::Commands => Row::Command(self.document(0)?),
            Table::Inbox => Row::Inbox {
                unread: self.get::<i64>(0)? != 0,
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
                    .get::<Option<String>>(1)?
                    .map(|text| read_time(&self.what, &text))
                    .transpose()?,
                ..*self.document::<Registration>(0)?
            })),
            Table::Strays => Row::Stray(self.document(0)?),
        })
    }

    fn item(&self) -> Result<InboxItem, JournalError> {
        let id: String = self.get(1)?;
        let body: Option<Vec<u8>> = self.get(7)?;
        Ok(InboxItem {
            id: InboxId::new(id).map_err(|error| self.unfit(&error))?,
            payment: self.payment(2)?,
            at: read_time(&self.what, &self.get::<String>(4)?)?,
            odd: self.get(5)?,
            event: self.get(6)?,
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
        let text: String = self.get(at)?;
        read_document(&self.what, &text).map(Box::new)
    }

    fn get<T: rusqlite::types::FromSql>(&self, at: usize) -> Result<T, JournalError> {
        let value = self.row.get(at);
        value.map_err(|error| journal_error(&self.what, &error))
    }

    fn unfit(&self, error: &IdError) -> JournalError {
        JournalError::Corrupt(format!("{}: {error}", self.what))
    }
}

fn failed(error: rusqlite::Error) -> JournalError {
    journal_error("the journal", &error)
}
