//! Connections to the database, with the settings that the journal's promises rest on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kasse_core::journal::JournalError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::error::{is_in_the_way, is_lost, journal_error, said};
use super::options::Way;

/// No answer takes longer than that: the database gives up earlier (its `statement_timeout`), so
/// one that has not come will not come.
const SILENCE: Duration = Duration::from_secs(15);
/// How long one waits for a connection that others use.
const BUSY: Duration = Duration::from_secs(10);
/// How long something is tried again whose connection was lost: as long as a database takes to be
/// there again after a restart.
const PATIENCE: Duration = Duration::from_secs(4);
/// What passes between two tries at first, and at the most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

/// Of each connection. A server that hangs, or whose machine is gone, holds no lock longer than
/// that. What was committed is on the disk (and wherever else the database wants it) before it is
/// said; where the database's own setting says less, ours says so.
///
/// Plans are made anew for each query: the work of a query is to follow what it finds, and that
/// depends on its values.
const SETTINGS: &str = "
    SET search_path = kasse, pg_temp;
    SET statement_timeout = '10s';
    SET lock_timeout = '5s';
    SET idle_in_transaction_session_timeout = '10s';
    SET tcp_keepalives_idle = 10;
    SET tcp_keepalives_interval = 3;
    SET tcp_keepalives_count = 3;
    SET tcp_user_timeout = '15s';
    DO $$ BEGIN
        SET client_connection_check_interval = '5s';
    EXCEPTION WHEN OTHERS THEN
        NULL; -- Not every system can.
    END $$;
    SET plan_cache_mode = force_custom_plan;
    SET jit = off;
    SELECT set_config('synchronous_commit', 'on', FALSE)
        WHERE current_setting('synchronous_commit') = 'off'";

/// Why something was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The connection was lost. Another one may fare better.
    Lost(String),
    /// It was undone for the sake of another transaction. It may be done again.
    InTheWay(String),
    /// It will not be otherwise another time.
    Final(JournalError),
}

impl Failure {
    pub(crate) fn new(what: &str, error: &tokio_postgres::Error) -> Self {
        if is_lost(error) {
            Self::Lost(said(error))
        } else if is_in_the_way(error) {
            Self::InTheWay(said(error))
        } else {
            Self::Final(journal_error(what, error))
        }
    }

    pub(crate) fn silent() -> Self {
        Self::Lost(format!("it did not answer for {} s", SILENCE.as_secs()))
    }
}

/// Waits for an answer, but not for ever.
pub(crate) async fn answered<T>(
    what: &str,
    answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Failure> {
    match timeout(SILENCE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Failure::new(what, &error)),
        Err(_) => Err(Failure::silent()),
    }
}

/// A connection, with the statements that were prepared on it.
pub(crate) struct Connection {
    pub(crate) client: Client,
    statements: HashMap<&'static str, Statement>,
    /// Its row in `writers`, once it has written.
    pub(crate) writer: Option<i64>,
    /// The number of its last batch.
    pub(crate) batch: i64,
    /// Not to be used again.
    broken: bool,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("writer", &self.writer)
            .field("batch", &self.batch)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(crate) async fn open(way: &Way) -> Result<Self, Failure> {
        let opened = async {
            let (client, connection) = way.config.connect(way.tls.clone()).await?;
            // It ends with the client, or with the other side; what was asked for is told then.
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(error = %said(&error), "a connection to the database ended");
                }
            });
            client.batch_execute(SETTINGS).await?;
            Ok(client)
        };
        let client = match timeout(SILENCE, opened).await {
            Ok(Ok(client)) => client,
            // One that cannot be had now may be had in a moment, whatever is wrong now.
            Ok(Err(error)) => return Err(Failure::Lost(said(&error))),
            Err(_) => return Err(Failure::silent()),
        };
        Ok(Self {
            client,
            statements: HashMap::new(),
            writer: None,
            batch: 0,
            broken: false,
        })
    }

    pub(crate) fn break_off(&mut self) {
        self.broken = true;
    }

    pub(crate) async fn prepare(&mut self, sql: &'static str) -> Result<Statement, Failure> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = answered("the journal", self.client.prepare(sql)).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// Runs a query.
    pub(crate) async fn query(
        &mut self,
        what: &str,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Failure> {
        let result = match self.prepare(sql).await {
            Ok(statement) => answered(what, self.client.query(&statement, params)).await,
            Err(failure) => Err(failure),
        };
        if matches!(result, Err(Failure::Lost(_))) {
            self.break_off();
        }
        result
    }
}

/// As many connections as there may be, opened as they are needed.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) way: Way,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    connections: usize,
}

impl Pool {
    pub(crate) fn new(way: Way, connections: usize) -> Self {
        let connections = connections.max(1);
        Self {
            way,
            permits: Arc::new(Semaphore::new(connections)),
            idle: Mutex::default(),
            connections,
        }
    }

    /// A connection for one's own, until it is dropped.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Taken, Failure> {
        let busy = format!("all {} connections are in use", self.connections);
        let permit = match timeout(BUSY, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(Failure::Final(crate::error::closed())),
            Err(_) => return Err(Failure::Final(JournalError::Unavailable(busy))),
        };
        let connection = match self.next_idle() {
            Some(connection) => connection,
            None => Connection::open(&self.way).await?,
        };
        Ok(Taken {
            connection: Some(connection),
            pool: Arc::clone(self),
            _permit: permit,
        })
    }

    fn next_idle(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(connection) = idle.pop() {
            if !connection.client.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    /// Runs a query that is a transaction of its own, and that may be done twice. Where the
    /// connection is lost it is tried again with another one.
    pub(crate) async fn query(
        self: &Arc<Self>,
        what: &str,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, JournalError> {
        let mut tries = Tries::new(what);
        loop {
            let result = match self.take().await {
                Ok(mut taken) => match taken.get() {
                    Ok(connection) => connection.query(what, sql, params).await,
                    Err(failure) => Err(failure),
                },
                Err(failure) => Err(failure),
            };
            match result {
                Ok(rows) => return Ok(rows),
                Err(failure) => tries.again(failure).await?,
            }
        }
    }

    /// Lets nobody take a connection any more, and waits for those who have one.
    pub(crate) async fn close(&self) {
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        // Whoever is at it has an end to their waiting.
        let _ = timeout(SILENCE, self.permits.acquire_many(all)).await;
        self.permits.close();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.clear();
    }
}

/// A connection that is one's own.
#[derive(Debug)]
pub(crate) struct Taken {
    connection: Option<Connection>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Taken {
    /// Takes a new connection in place of one that was lost.
    pub(crate) async fn renew(&mut self) -> Result<(), Failure> {
        self.connection = None;
        self.connection = Some(Connection::open(&self.pool.way).await?);
        Ok(())
    }

    /// The connection, if there is one.
    pub(crate) fn get(&mut self) -> Result<&mut Connection, Failure> {
        self.connection
            .as_mut()
            .ok_or_else(|| Failure::Lost("there is no connection".to_owned()))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !connection.broken
            && !connection.client.is_closed()
        {
            let mut idle = self
                .pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            idle.push(connection);
        }
    }
}

/// How often and how long something is tried.
#[derive(Debug)]
pub(crate) struct Tries<'a> {
    what: &'a str,
    give_up: Instant,
    pause: Duration,
}

impl<'a> Tries<'a> {
    pub(crate) fn new(what: &'a str) -> Self {
        Self {
            what,
            give_up: Instant::now() + PATIENCE,
            pause: PAUSES.0,
        }
    }

    /// Waits a moment before the next try.
    ///
    /// # Errors
    /// There is none: it will not be otherwise, or it has been tried long enough.
    pub(crate) async fn again(&mut self, failure: Failure) -> Result<(), JournalError> {
        let why = match failure {
            Failure::Final(error) => return Err(error),
            Failure::Lost(why) | Failure::InTheWay(why) => why,
        };
        if Instant::now() >= self.give_up {
            return Err(JournalError::Unavailable(format!("{}: {why}", self.what)));
        }
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
        Ok(())
    }
}
