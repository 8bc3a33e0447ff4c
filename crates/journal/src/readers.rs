//! Threads that read, each with a connection of its own, beside the one that writes.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use kasse_core::journal::JournalError;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::connection;
use crate::error::{OpenError, closed};

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// A few: reading is short, and much of it comes from the cache.
const THREADS: usize = 4;

#[derive(Debug)]
pub(crate) struct Readers {
    line: Arc<Line>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(database: &Path) -> Result<Self, OpenError> {
        let mut readers = Self {
            line: Arc::default(),
            threads: Vec::new(),
        };
        for number in 1..=THREADS {
            let connection = connection::reader(database)?;
            let line = Arc::clone(&readers.line);
            let thread = std::thread::Builder::new()
                .name(format!("journal-read-{number}"))
                .spawn(move || line.work(&connection))
                .map_err(|source| OpenError::Files {
                    path: database.to_owned(),
                    source,
                })?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Runs a query on the next free connection.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // One who does not wait any more does not have to be asked for.
            if !answer.is_closed() {
                // If they went meanwhile, nobody misses the answer.
                let _ = answer.send(query(connection));
            }
        });
        self.line.push(job);
        result.await.map_err(|_| closed())?
    }
}

/// The jobs that wait. For one that comes, one thread is woken at the most, and none while all are at
/// work: whoever is free next takes it.
#[derive(Default)]
struct Line {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    idle: usize,
    ended: bool,
}

impl Line {
    fn push(&self, job: Job) {
        let mut waiting = self.waiting();
        waiting.jobs.push_back(job);
        let anyone = waiting.idle > 0;
        drop(waiting);
        if anyone {
            self.changed.notify_one();
        }
    }

    /// Does jobs until there are none left, and there will be no more.
    fn work(&self, connection: &Connection) {
        while let Some(job) = self.next() {
            // One that panics has said so, and its asker gets no answer. The others get theirs.
            let _ = catch_unwind(AssertUnwindSafe(|| job(connection)));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut waiting = self.waiting();
        loop {
            if let Some(job) = waiting.jobs.pop_front() {
                return Some(job);
            }
            if waiting.ended {
                return None;
            }
            waiting.idle += 1;
            waiting = self
                .changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
            waiting.idle -= 1;
        }
    }

    fn end(&self) {
        self.waiting().ended = true;
        self.changed.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.line.end();
        for thread in self.threads.drain(..) {
            // It ends when there are no jobs left; one that panicked has said so already.
            let _ = thread.join();
        }
    }
}
