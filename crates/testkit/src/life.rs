//! One life of kasse: from its start to its sudden end. What it spawned ends with it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use kasse_core::checklist::DieAt;
use kasse_core::{Runtime, Task, TokioRuntime};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// From start to end.
#[derive(Debug)]
pub(crate) struct Life {
    over: watch::Sender<bool>,
    tasks: Mutex<Vec<AbortHandle>>,
    plan: Mutex<Option<DieAt>>,
}

impl Life {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            over: watch::channel(false).0,
            tasks: Mutex::default(),
            plan: Mutex::default(),
        })
    }

    /// Ends it, at once.
    pub(crate) fn end(&self) {
        self.over.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            task.abort();
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// Runs something for as long as it lives. `None`: it died.
    pub(crate) async fn while_it_lasts<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut over = self.over.subscribe();
        tokio::select! {
            biased;
            // The sender lives as long as this does.
            _ = over.wait_for(|over| *over) => None,
            done = work => Some(done),
        }
    }

    /// It will end at a moment.
    pub(crate) fn plan(&self, at: DieAt) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// A moment has come. Ends it where that was planned, and then never returns.
    pub(crate) async fn reaches(&self, now: Moment) {
        if self.is_due(now) {
            tracing::debug!(?now, "the bench ends kasse here");
            self.end();
        }
        if self.is_over() {
            crate::pipe::never().await;
        }
    }

    fn is_due(&self, now: Moment) -> bool {
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let due = match (&mut *plan, now) {
            (Some(DieAt::BeforeWrite(left)), Moment::BeforeWrite)
            | (Some(DieAt::AfterWrite(left)), Moment::AfterWrite) => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            (Some(DieAt::AfterVippsDid), Moment::VippsDid)
            | (Some(DieAt::BeforeTelling), Moment::BeforeTelling)
            | (Some(DieAt::AfterTelling), Moment::AfterTelling) => true,
            _ => false,
        };
        if due {
            *plan = None;
        }
        due
    }
}

/// A moment that a life can end at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    BeforeWrite,
    AfterWrite,
    VippsDid,
    BeforeTelling,
    AfterTelling,
}

/// Time and tasks of one life.
#[derive(Debug)]
pub(crate) struct Mortal {
    pub(crate) life: Arc<Life>,
    pub(crate) clock: TokioRuntime,
    /// A real engine's clock is the system's, whatever the stage's shows.
    pub(crate) real_time: bool,
    /// Set once a task panics: whoever spawned it hears nothing of that.
    pub(crate) panicked: Arc<AtomicBool>,
}

impl Runtime for Mortal {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn wall(&self) -> Timestamp {
        if self.real_time {
            Timestamp::now()
        } else {
            self.now()
        }
    }

    fn sleep(&self, time: Duration) -> Task {
        self.clock.sleep(time)
    }

    fn spawn(&self, task: Task) {
        let panicked = Arc::clone(&self.panicked);
        let guarded = async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                panicked.store(true, Ordering::SeqCst);
            }
        };
        let task = tokio::spawn(guarded).abort_handle();
        let mut tasks = self
            .life
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        if self.life.is_over() {
            task.abort();
        } else {
            tasks.push(task);
        }
    }
}
