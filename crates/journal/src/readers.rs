//! Threads that read, each with a connection of its own, beside the one that writes.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
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
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(database: &Path) -> Result<Self, OpenError> {
        let (jobs, waiting) = channel::<Job>();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut readers = Self {
            jobs: Some(jobs),
            threads: Vec::new(),
        };
        for number in 1..=THREADS {
            let connection = connection::reader(database)?;
            let waiting = Arc::clone(&waiting);
            let thread = std::thread::Builder::new()
                .name(format!("journal-read-{number}"))
                .spawn(move || work(&connection, &waiting))
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
        let jobs = self.jobs.as_ref().ok_or_else(closed)?;
        jobs.send(job).map_err(|_| closed())?;
        result.await.map_err(|_| closed())?
    }
}

fn work(connection: &Connection, waiting: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting for a job and given up before it is done.
        let job = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        match job {
            Ok(job) => job(connection),
            Err(_) => return,
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            // It ends when there are no jobs left; one that panicked has said so already.
            let _ = thread.join();
        }
    }
}
