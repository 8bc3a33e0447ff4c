//! What would otherwise be reached for: time, tasks, ids, HTTP. Nothing in core, the wire or an
//! adapter reads the clock, makes a random number or opens a socket by itself.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};

/// A future that a task can be made of.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Time and tasks.
pub trait Runtime: Debug + Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
    /// The time that other machines have, for what they and we sign for each other. It is `now`,
    /// but where a clock is moved and the other side's is not.
    fn wall(&self) -> Timestamp {
        self.now()
    }
    /// Waits.
    fn sleep(&self, time: Duration) -> Task;
    /// Runs beside the caller, whether or not the caller goes on.
    fn spawn(&self, task: Task);
}

/// Random ids.
pub trait Ids: Debug + Send + Sync + 'static {
    /// 32 hexadecimal digits, never the same again.
    fn next(&self) -> String;
}

/// Ids from the operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn next(&self) -> String {
        let mut bytes = [0_u8; 16];
        if getrandom::fill(&mut bytes).is_err() {
            // Without its generator the system is unusable; keys that could repeat would be worse.
            std::process::abort();
        }
        crate::reference::hex(&bytes, 32)
    }
}

/// Ids that count: `00000000000000000000000000000001`, … For tests and demonstrations.
#[derive(Debug, Default)]
pub struct CountedIds(std::sync::atomic::AtomicU64);

impl Ids for CountedIds {
    fn next(&self) -> String {
        format!(
            "{:032}",
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1
        )
    }
}

/// Sends one HTTP request. No redirects are followed, nothing is repeated.
#[async_trait]
pub trait Transport: Debug + Send + Sync + 'static {
    /// Sends and reads the whole answer, within `limit`. A body of more than 1 MiB is an error.
    ///
    /// # Errors
    /// See [`TransportError`]: whether the request may have arrived decides what may be done next.
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError>;
}

/// No answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The other side never got it: no connection.
    #[error("no connection: {0}")]
    NotSent(String),
    /// The other side may have got it and done it: a time-out, a broken connection, a cut answer.
    #[error("no whole answer: {0}")]
    Unanswered(String),
}

/// Handed to everything that acts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// HTTP.
    pub transport: Arc<dyn Transport>,
    /// Time and tasks.
    pub runtime: Arc<dyn Runtime>,
    /// Ids.
    pub ids: Arc<dyn Ids>,
    /// When the caller stops listening. An outside call ends before it.
    pub deadline: Option<Timestamp>,
}

impl Context {
    /// A context without a deadline.
    pub fn new(
        transport: Arc<dyn Transport>,
        runtime: Arc<dyn Runtime>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        Self {
            transport,
            runtime,
            ids,
            deadline: None,
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.runtime.now()
    }

    /// The same, ending at `deadline` at the latest (an earlier deadline stays).
    #[must_use]
    pub fn until(&self, deadline: Timestamp) -> Self {
        let deadline = self
            .deadline
            .map_or(deadline, |earlier| earlier.min(deadline));
        Self {
            deadline: Some(deadline),
            ..self.clone()
        }
    }

    /// What an outside call may take: `most`, or what is left before the deadline.
    pub fn limit(&self, most: Duration) -> Duration {
        match self.deadline {
            None => most,
            Some(deadline) => most.min(span(self.now(), deadline)),
        }
    }

    /// Sends by the transport, within `most` and the deadline.
    ///
    /// # Errors
    /// As the transport. A deadline that has passed is [`TransportError::NotSent`].
    pub async fn send(
        &self,
        request: Request<Bytes>,
        most: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let limit = self.limit(most);
        if limit.is_zero() {
            return Err(TransportError::NotSent(
                "the time to do it in was over".into(),
            ));
        }
        self.transport.send(request, limit).await
    }

    /// Runs a future for `most` at the longest. `None`: it took longer, and was dropped.
    pub async fn within<F: Future + Send>(&self, most: Duration, future: F) -> Option<F::Output> {
        let sleep = self.runtime.sleep(self.limit(most));
        futures_util::pin_mut!(future);
        match futures_util::future::select(future, sleep).await {
            futures_util::future::Either::Left((output, _)) => Some(output),
            futures_util::future::Either::Right(_) => None,
        }
    }
}

/// From one time to a later one; nothing where it is not later.
pub fn span(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// A time after another; at the end of time it stays there.
pub fn after(from: Timestamp, time: Duration) -> Timestamp {
    SignedDuration::try_from(time)
        .ok()
        .and_then(|time| from.checked_add(time).ok())
        .unwrap_or(Timestamp::MAX)
}

/// A time before another; at the beginning of time it stays there.
pub fn before(to: Timestamp, time: Duration) -> Timestamp {
    SignedDuration::try_from(time)
        .ok()
        .and_then(|time| to.checked_sub(time).ok())
        .unwrap_or(Timestamp::MIN)
}

/// Tokio's clock and tasks.
#[cfg(feature = "tokio")]
#[derive(Debug, Clone)]
pub struct TokioRuntime {
    start: Option<(Timestamp, tokio::time::Instant)>,
}

#[cfg(feature = "tokio")]
impl TokioRuntime {
    /// The system's clock.
    pub fn system() -> Self {
        Self { start: None }
    }

    /// A clock that shows `start` now and goes as tokio's does: paused where that is paused.
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            start: Some((start, tokio::time::Instant::now())),
        }
    }
}

#[cfg(feature = "tokio")]
impl Runtime for TokioRuntime {
    fn now(&self) -> Timestamp {
        match self.start {
            None => Timestamp::now(),
            Some((start, since)) => after(start, since.elapsed()),
        }
    }

    fn sleep(&self, time: Duration) -> Task {
        Box::pin(tokio::time::sleep(time))
    }

    fn spawn(&self, task: Task) {
        tokio::spawn(task);
    }
}
