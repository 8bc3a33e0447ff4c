//! A batch, as a transaction.
//!
//! The answer to a commit can be lost with the connection. So each connection has a row of its own
//! in `writers`, and each of its batches writes its number there, in the same transaction. To find
//! out what became of a batch, another connection writes to that row too: it waits until the old
//! transaction is over, however it ends, and then reads whose number is there. (PostgreSQL's own
//! `pg_xact_status` cannot be asked after a crash: the number of a transaction that left nothing on
//! the disk is given out anew.)

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join3;
use kasse_core::journal::{Batch, JournalError, Lease};
use tokio::time::{Instant, sleep, timeout};

use super::apply::apply;
use super::pool::{Connection, Failure, Pool, Taken, Tries, answered};

/// How long it is looked for what became of a commit.
const FIND_OUT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

const MARK: &str = "
    INSERT INTO writers (id, batch, at) VALUES ($1, $2, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, at = excluded.at";

/// Nothing but waits, and reads: a batch's number is never 0.
const FIND: &str = "
    INSERT INTO writers AS known (id, batch, at) VALUES ($1, 0, clock_timestamp())
    ON CONFLICT (id) DO UPDATE SET at = excluded.at
    RETURNING known.batch";

/// The rows are locked until the commit: nobody takes a lease under a batch.
const HELD: &str = "SELECT key, epoch FROM leases WHERE key = ANY($1) ORDER BY key FOR SHARE";

/// How an attempt went.
enum Attempt {
    /// It is committed, or has failed and left nothing.
    Ended(Result<(), Failure>),
    /// The answer to its commit was lost.
    Unknown {
        writer: i64,
        batch: i64,
        why: String,
    },
}

/// Does a batch, and does it again where it was lost or undone on the way.
pub(crate) async fn write(pool: &Arc<Pool>, batch: &Batch) -> Result<(), JournalError> {
    let mut tries = Tries::new("the journal");
    loop {
        let failure = match once(pool, batch).await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        tries.again(failure).await?;
    }
}

async fn once(pool: &Arc<Pool>, batch: &Batch) -> Result<(), Failure> {
    let mut taken = pool.take().await?;
    match attempt(taken.get()?, batch).await {
        Attempt::Ended(result) => result,
        Attempt::Unknown { writer, batch, why } => {
            tracing::warn!(%why, "the answer to a commit was lost; looking for what became of it");
            match find(&mut taken, writer, batch).await {
                Some(true) => Ok(()),
                Some(false) => Err(Failure::Lost(why)),
                None => Err(Failure::Final(JournalError::Unsure(why))),
            }
        }
    }
}

async fn attempt(connection: &mut Connection, batch: &Batch) -> Attempt {
    let number = match begin(connection, &batch.leases).await {
        Ok(mark) => mark,
        Err(failure) => return Attempt::Ended(Err(undo(connection, failure).await)),
    };
    for write in &batch.writes {
        if let Err(failure) = apply(connection, write).await {
            return Attempt::Ended(Err(undo(connection, failure).await));
        }
    }
    let committed = timeout(FIND_OUT, connection.client.batch_execute("COMMIT")).await;
    let why = match committed {
        Ok(Ok(())) => return Attempt::Ended(Ok(())),
        Ok(Err(error)) => match Failure::new("the journal", &error) {
            // It was heard, and it says no.
            failure @ (Failure::InTheWay(_) | Failure::Final(_))
                if error.as_db_error().is_some() =>
            {
                return Attempt::Ended(Err(undo(connection, failure).await));
            }
            Failure::Lost(why) | Failure::InTheWay(why) => why,
            Failure::Final(error) => error.to_string(),
        },
        Err(_) => "it did not answer".to_owned(),
    };
    connection.break_off();
    let (writer, batch) = number;
    Attempt::Unknown { writer, batch, why }
}

/// Begins a transaction, with its mark, and with its leases locked. Answers with writer and number.
async fn begin(connection: &mut Connection, leases: &[Lease]) -> Result<(i64, i64), Failure> {
    let writer = match connection.writer {
        Some(writer) => writer,
        None => {
            let sql = "SELECT nextval('ids')";
            let row = answered("the journal", connection.client.query_one(sql, &[])).await?;
            let writer = row
                .try_get(0)
                .map_err(|error| Failure::new("the journal", &error))?;
            *connection.writer.insert(writer)
        }
    };
    connection.batch += 1;
    let number = connection.batch;
    let (mark, held) = (
        connection.prepare(MARK).await?,
        connection.prepare(HELD).await?,
    );
    let keys: Vec<&str> = leases.iter().map(|lease| lease.key.as_str()).collect();
    let client = &connection.client;
    // One after the other on the wire, without waiting in between.
    let (params, held_params): ([&(dyn tokio_postgres::types::ToSql + Sync); 2], _) =
        ([&writer, &number], [&keys as _]);
    let begun = try_join3(
        client.batch_execute(BEGIN),
        client.execute(&mark, &params),
        client.query(&held, &held_params),
    );
    let ((), _, rows) = answered("the journal", begun).await?;
    for lease in leases {
        let is_held = rows.iter().any(|row| {
            let (key, epoch): (Option<&str>, Option<i64>) =
                (row.try_get(0).ok(), row.try_get(1).ok());
            key == Some(lease.key.as_str()) && epoch.map(i64::cast_unsigned) == Some(lease.epoch)
        });
        if !is_held {
            return Err(Failure::Final(JournalError::LeaseLost(lease.key.clone())));
        }
    }
    Ok((writer, number))
}

/// Ends a transaction without it. A connection on which that cannot be said is not used again: the
/// database undoes what it left.
async fn undo(connection: &mut Connection, failure: Failure) -> Failure {
    let lost = matches!(failure, Failure::Lost(_));
    let undone = !lost && {
        let rollback = connection.client.batch_execute("ROLLBACK");
        answered("the journal", rollback).await.is_ok()
    };
    if !undone {
        connection.break_off();
    }
    failure
}

/// Finds out whether a batch was committed. `None`: that cannot be found out now.
async fn find(taken: &mut Taken, writer: i64, batch: i64) -> Option<bool> {
    let give_up = Instant::now() + FIND_OUT;
    loop {
        let found = async {
            taken.renew().await?;
            let rows = taken.get()?.query("the journal", FIND, &[&writer]).await?;
            let last: Option<i64> = rows.first().and_then(|row| row.try_get(0).ok());
            last.ok_or_else(|| Failure::Lost("it did not say".to_owned()))
        };
        match found.await {
            Ok(last) => return Some(last == batch),
            Err(failure) => tracing::debug!(?failure, "what became of a commit is not known yet"),
        }
        if Instant::now() >= give_up {
            return None;
        }
        sleep(PAUSE).await;
    }
}
