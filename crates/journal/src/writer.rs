//! The thread that writes.
//!
//! It does all messages that wait in their order, commits once, and then answers them all. Each
//! batch can be rolled back alone, if it conflicts: to a savepoint of its own, or where it is the
//! first of the transaction, to its beginning. A batch comes with its leases checked and pinned;
//! they stay so until it is committed: see [`crate::leases`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use kasse_core::journal::{JournalError, Write};
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::apply::apply;
use crate::calls::Call;
use crate::error::{closed, journal_error};
use crate::leases::Pin;

/// So many messages in one commit at the most: the first of them waits for the last.
const MOST: usize = 256;

/// How long until what was erased is tried to be removed from the log again.
const RETRY: Duration = Duration::from_secs(1);

/// What is asked of the writer.
enum Message {
    Write {
        writes: Vec<Write>,
        pin: Pin,
        answer: oneshot::Sender<Result<(), JournalError>>,
    },
    Count {
        call: Call,
        answer: oneshot::Sender<Counted>,
    },
}

/// What came of counting a call.
type Counted = Result<Option<Timestamp>, JournalError>;

/// The way to the thread. It ends when this is dropped, after all that waits is done.
#[derive(Debug)]
pub(crate) struct WriterHandle {
    messages: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl WriterHandle {
    pub(crate) fn start(connection: Connection) -> std::io::Result<Self> {
        let (messages, waiting) = channel();
        let mut writer = Writer::new(connection);
        let commits = Arc::clone(&writer.commits);
        let thread = std::thread::Builder::new()
            .name("journal-write".to_owned())
            .spawn(move || writer.run(&waiting))?;
        Ok(Self {
            messages: Some(messages),
            thread: Some(thread),
            commits,
        })
    }

    /// Does what belongs together, under the leases that are pinned for it.
    pub(crate) async fn write(&self, writes: Vec<Write>, pin: Pin) -> Result<(), JournalError> {
        self.ask(|answer| Message::Write {
            writes,
            pin,
            answer,
        })
        .await?
    }

    pub(crate) async fn count(&self, call: Call) -> Counted {
        self.ask(|answer| Message::Count { call, answer }).await?
    }

    /// How many commits there were since it was opened.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<T, JournalError> {
        let (answer, result) = oneshot::channel();
        let messages = self.messages.as_ref().ok_or_else(closed)?;
        messages.send(message(answer)).map_err(|_| closed())?;
        result.await.map_err(|_| closed())
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        self.messages = None;
        if let Some(thread) = self.thread.take() {
            // It closes the connection before it ends; if it panicked it has said so already.
            let _ = thread.join();
        }
    }
}

/// An answer that waits for the commit.
enum Answer {
    Write(
        oneshot::Sender<Result<(), JournalError>>,
        Result<(), JournalError>,
    ),
    Counted(oneshot::Sender<Counted>, Counted),
}

struct Writer {
    connection: Connection,
    commits: Arc<AtomicU64>,
    /// Something was erased and may still be in the log.
    erased: bool,
    /// A commit failed, and its pages may still be in the log.
    failed: bool,
}

impl Writer {
    fn new(connection: Connection) -> Self {
        Self {
            connection,
            commits: Arc::default(),
            erased: false,
            failed: false,
        }
    }

    fn run(&mut self, waiting: &Receiver<Message>) {
        loop {
            // Nothing wakes it up while there is nothing to do.
            let first = if self.erased || self.failed {
                waiting.recv_timeout(RETRY)
            } else {
                waiting.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match first {
                Ok(first) => {
                    // Looked for one after the other: what comes while the first are done is among them.
                    let more = waiting.try_iter().take(MOST - 1);
                    self.group(std::iter::once(first).chain(more));
                }
                Err(RecvTimeoutError::Timeout) => self.tidy(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Does the messages, commits, and answers.
    fn group(&mut self, messages: impl IntoIterator<Item = Message>) {
        let mut answers = Vec::new();
        let mut pins = Vec::new();
        for message in messages {
            match message {
                Message::Write {
                    writes,
                    pin,
                    answer,
                } => {
                    let result = self.batch(&writes, &mut answers);
                    answers.push(Answer::Write(answer, result));
                    pins.push(pin);
                }
                Message::Count { call, answer } => {
                    let counted = self.whole(&mut answers, |db| call.count(db));
                    answers.push(Answer::Counted(answer, counted));
                }
            }
        }
        self.commit(&mut answers);
        // Before the answers: who has one, and gives its lease back, has given it back.
        drop(pins);
        self.tidy();
        for answer in answers {
            // One who does not wait any more has what they asked for all the same.
            match answer {
                Answer::Write(answer, result) => drop(answer.send(result)),
                Answer::Counted(answer, counted) => drop(answer.send(counted)),
            }
        }
    }

    /// Does one batch in the group's transaction. On an error nothing of it is left there.
    fn batch(&mut self, writes: &[Write], before: &mut [Answer]) -> Result<(), JournalError> {
        if writes.is_empty() {
            return Ok(());
        }
        let result = self.whole(before, |connection| {
            writes.iter().try_for_each(|write| apply(connection, write))
        });
        let erases = |write: &Write| matches!(write, Write::Erase(_));
        if result.is_ok() && writes.iter().any(erases) {
            self.erased = true;
        }
        result
    }

    /// Does something in the group's transaction, whole or not at all.
    fn whole<T>(
        &mut self,
        before: &mut [Answer],
        work: impl FnOnce(&Connection) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        // The first of a transaction is alone in it: if it fails, the whole is rolled back.
        let first = self.connection.is_autocommit();
        let begun = self.sql(if first {
            "BEGIN IMMEDIATE"
        } else {
            "SAVEPOINT batch"
        });
        let result = begun.and_then(|()| {
            let done = work(&self.connection)?;
            if !first {
                self.sql("RELEASE batch")?;
            }
            Ok(done)
        });
        if let Err(error) = &result {
            // A full disk or an I/O error can end the whole transaction: then what the group did
            // before is undone too, and its batches are told so.
            if first {
                self.roll_back();
            } else if self.connection.is_autocommit()
                || self.sql("ROLLBACK TO batch").is_err()
                || self.sql("RELEASE batch").is_err()
            {
                self.undo(before, error);
            }
        }
        result
    }

    /// Commits what the group did. If that fails, all of its batches failed.
    fn commit(&mut self, answers: &mut [Answer]) {
        if self.connection.is_autocommit() {
            return;
        }
        match self.sql("COMMIT") {
            Ok(()) => {
                self.commits.fetch_add(1, Ordering::Relaxed);
                self.failed = false;
            }
            Err(error) => {
                tracing::error!(%error, "a commit of the journal failed; nothing of it is kept");
                self.failed = true;
                self.undo(answers, &error);
            }
        }
    }

    /// Ends the transaction without it, and turns the answers of what it did.
    fn undo(&mut self, answers: &mut [Answer], error: &JournalError) {
        self.roll_back();
        let why = match error {
            JournalError::Unavailable(_) | JournalError::Corrupt(_) => error.clone(),
            other => JournalError::Unavailable(other.to_string()),
        };
        for answer in answers {
            match answer {
                Answer::Write(_, result @ Ok(())) => *result = Err(why.clone()),
                Answer::Counted(_, counted @ Ok(None)) => *counted = Err(why.clone()),
                _ => {}
            }
        }
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.sql("ROLLBACK")
        {
            tracing::error!(%error, "the journal's transaction cannot be rolled back");
        }
    }

    /// Removes from the log what must not be found there.
    fn tidy(&mut self) {
        if self.failed {
            // A commit whose sync failed may be whole in the log, and would come to life when the
            // file is opened after a crash, though we said that it was not done. The next
            // transaction is written over it: so here is one.
            const SQL: &str = "UPDATE meta SET value = value + 1 WHERE name = 'failed_commits'";
            self.failed = self.sql(SQL).is_err();
        }
        if self.erased {
            match self.truncate_log() {
                Ok(true) => self.erased = false,
                Ok(false) => tracing::warn!(
                    "what was erased is still in the journal's log, which is being read; tried again"
                ),
                Err(error) => tracing::error!(
                    %error,
                    "what was erased is still in the journal's log, which cannot be emptied; tried again"
                ),
            }
        }
    }

    /// Moves the log into the database and empties it. `false`: somebody reads from it.
    fn truncate_log(&self) -> Result<bool, JournalError> {
        truncate_log(&self.connection).map_err(|error| journal_error("the log", &error))
    }

    fn sql(&self, sql: &str) -> Result<(), JournalError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map(drop)
            .map_err(|error| journal_error("the journal", &error))
    }
}

/// Moves the log into the database and empties it. `false`: somebody still reads from it.
pub(crate) fn truncate_log(connection: &Connection) -> rusqlite::Result<bool> {
    let busy: i64 =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kasse_core::{PaymentId, Reference};

    use super::*;
    use crate::leases::Leases;

    type Waiting = oneshot::Receiver<Result<(), JournalError>>;

    fn writer() -> Writer {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA foreign_keys = 1").unwrap();
        crate::schema::migrate(&mut connection, Path::new("file")).unwrap();
        Writer::new(connection)
    }

    /// A payment, by way of JSON: what is not told here does not matter here.
    fn payment(reference: &str, filler: usize) -> Box<kasse_core::Payment> {
        let nothing = serde_json::json!({ "currency": "NOK", "value": 0 });
        let payment = serde_json::json!({
            "id": { "account": "main", "reference": reference },
            "order": { "shop": "shop", "order": "1001" },
            "attempt": 1, "api": "ecom", "msn": "123456", "amount": nothing, "express": false,
            "cart": "x".repeat(filler), "key_id": "k1", "state": "initiated",
            "sums": {
                "authorised": nothing, "captured": nothing, "refunded": nothing, "released": nothing
            },
            "redirect": null, "return_to": "https://shop.example/", "delivery": null,
            "created": "2026-03-01T12:00:00Z", "next_look": null, "events": 0,
        });
        Box::new(serde_json::from_value(payment).unwrap())
    }

    fn insert(reference: &str, filler: usize) -> (Message, Waiting) {
        let (answer, waiting) = oneshot::channel();
        let message = Message::Write {
            writes: vec![Write::Insert(payment(reference, filler))],
            pin: Leases::new(1).pin(Vec::new()).unwrap(),
            answer,
        };
        (message, waiting)
    }

    fn has(writer: &Writer, reference: &str) -> bool {
        let reference = Reference::new(reference).unwrap();
        let id = PaymentId {
            account: "main".parse().unwrap(),
            reference,
        };
        crate::queries::payment(&writer.connection, &id)
            .unwrap()
            .is_some()
    }

    #[test]
    fn all_that_wait_are_committed_together() {
        let mut writer = writer();
        let (messages, waiting) = channel();
        let mut answers = Vec::new();
        for number in 0..300 {
            // Each tenth conflicts with the one before it, and is alone refused.
            let number = if number % 10 == 9 { number - 1 } else { number };
            let (message, answer) = insert(&format!("acme-{:04}", 1000 + number), 1);
            messages.send(message).unwrap();
            answers.push(answer);
        }
        drop(messages);
        writer.run(&waiting);
        assert_eq!(writer.commits.load(Ordering::Relaxed), 2, "256, then 44");
        for (number, answer) in answers.iter_mut().enumerate() {
            let result = answer.try_recv().unwrap();
            let exists = matches!(result, Err(JournalError::Exists(_)));
            assert_eq!(exists, number % 10 == 9, "{number}: {result:?}");
            assert_eq!(result.is_ok(), !exists, "{number}: {result:?}");
        }
    }

    #[test]
    fn on_a_full_disk_what_was_acknowledged_is_there_and_the_rest_is_not() {
        let mut writer = writer();
        let room = "PRAGMA max_page_count = 60";
        writer
            .connection
            .query_row(room, [], |row| row.get::<_, i64>(0))
            .unwrap();
        let mut refused = 0;
        for round in 0..10 {
            let sizes = [100, 60_000, 100, 30_000, 100];
            let (messages, answers): (Vec<_>, Vec<_>) = sizes
                .iter()
                .enumerate()
                .map(|(number, size)| {
                    let reference = format!("acme-{round}-{number}");
                    let (message, answer) = insert(&reference, *size);
                    (message, (reference, answer))
                })
                .unzip();
            writer.group(messages);
            for (reference, mut answer) in answers {
                let result = answer.try_recv().unwrap();
                assert_eq!(
                    has(&writer, &reference),
                    result.is_ok(),
                    "{reference}: {result:?}"
                );
                if let Err(error) = result {
                    assert!(matches!(error, JournalError::Unavailable(_)), "{error}");
                    assert!(error.to_string().contains("full"), "{error}");
                    refused += 1;
                }
            }
            assert!(writer.connection.is_autocommit());
        }
        assert!(refused > 0, "the disk was to be full");
        // There is room again: it goes on.
        let room = "PRAGMA max_page_count = 6000";
        writer
            .connection
            .query_row(room, [], |row| row.get::<_, i64>(0))
            .unwrap();
        let (message, mut answer) = insert("acme-afterwards", 60_000);
        writer.group(vec![message]);
        assert_eq!(answer.try_recv().unwrap(), Ok(()));
        assert!(has(&writer, "acme-afterwards"));
    }

    #[test]
    fn a_transaction_that_ends_under_a_group_takes_back_its_answers() {
        let mut writer = writer();
        // As a full disk or an I/O error can: the whole transaction is rolled back.
        writer
            .connection
            .execute_batch(
                "CREATE TEMP TRIGGER ends BEFORE INSERT ON main.payments
                 WHEN new.reference = 'acme-ends'
                 BEGIN SELECT raise(ROLLBACK, 'the disk failed'); END",
            )
            .unwrap();
        let (messages, mut answers): (Vec<_>, Vec<_>) = ["acme-before", "acme-ends", "acme-after"]
            .map(|name| insert(name, 1))
            .into_iter()
            .unzip();
        writer.group(messages);
        let results: Vec<_> = answers
            .iter_mut()
            .map(|answer| answer.try_recv().unwrap())
            .collect();
        assert!(
            matches!(results[0], Err(JournalError::Unavailable(_))),
            "{results:?}"
        );
        assert!(
            matches!(results[1], Err(JournalError::Unavailable(_))),
            "{results:?}"
        );
        assert_eq!(results[2], Ok(()));
        assert!(!has(&writer, "acme-before") && !has(&writer, "acme-ends"));
        assert!(has(&writer, "acme-after"));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_unavailable() {
        let mut writer = writer();
        writer
            .connection
            .execute_batch("PRAGMA query_only = 1")
            .unwrap();
        let (message, mut answer) = insert("acme-1001", 1);
        writer.group(vec![message]);
        let result = answer.try_recv().unwrap();
        assert!(
            matches!(result, Err(JournalError::Unavailable(_))),
            "{result:?}"
        );
        writer
            .connection
            .execute_batch("PRAGMA query_only = 0")
            .unwrap();
        assert!(!has(&writer, "acme-1001"));
    }
}
