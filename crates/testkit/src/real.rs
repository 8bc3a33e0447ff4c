//! The real network, seen from a stage whose time stands still: while something real is under way,
//! the stage's clock goes on at its own pace, and not faster.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::{Error, ErrorKind, ReqwestTransport, Transport, TransportError, Who};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc as channel, oneshot};

use crate::pipe::{self, Broken};

/// How often the stage's clock is moved on while something real is under way.
const SLICE: Duration = Duration::from_millis(5);

/// A runtime of its own, whose clock is the system's.
#[derive(Debug)]
pub(crate) struct RealNetwork {
    runtime: Option<Runtime>,
    transport: Arc<ReqwestTransport>,
    /// Until when the stage's clock was moved on: several calls at once do not make it faster.
    moved: Mutex<Instant>,
    /// Who takes the engine's calls: the check that runs.
    taker: Arc<Mutex<Option<channel::UnboundedSender<Incoming>>>>,
}

/// A call of the engine's, and where its answer goes. A dropped answer breaks the connection.
pub(crate) type Incoming = (
    Request<Bytes>,
    oneshot::Sender<Result<Response<Bytes>, Broken>>,
);

impl RealNetwork {
    /// A network; with an address, the engine can call there.
    pub(crate) fn start(listen: Option<SocketAddr>) -> Result<Arc<Self>, Error> {
        let failed = |why: String| {
            Error::new(
                ErrorKind::Configuration,
                Who::Shop,
                "The checklist cannot be run",
                why,
                "Free the address, or tell the engine and the checklist another.",
            )
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(|error| failed(format!("{error}.")))?;
        let transport = Arc::new(ReqwestTransport::new()?);
        let taker = Arc::new(Mutex::new(None));
        if let Some(address) = listen {
            let listener = runtime
                .block_on(tokio::net::TcpListener::bind(address))
                .map_err(|error| failed(format!("{address} cannot be listened on: {error}.")))?;
            runtime.spawn(accept(listener, Arc::clone(&taker)));
        }
        Ok(Arc::new(Self {
            runtime: Some(runtime),
            transport,
            moved: Mutex::new(Instant::now()),
            taker,
        }))
    }

    /// How far the stage's clock has to be moved on, by whoever asks first, for a wait that began
    /// then.
    fn passed(&self, begun: Instant) -> Duration {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let passed = now.saturating_duration_since(begun.max(*moved));
        *moved = now;
        passed
    }

    /// From now on, the engine's calls come here.
    pub(crate) fn calls(&self) -> channel::UnboundedReceiver<Incoming> {
        let (sender, receiver) = channel::unbounded_channel();
        *self.taker.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }
}

impl Drop for RealNetwork {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(
    listener: tokio::net::TcpListener,
    taker: Arc<Mutex<Option<channel::UnboundedSender<Incoming>>>>,
) {
    loop {
        // Too many open files, most often: it passes.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(SLICE).await;
            continue;
        };
        let taker = Arc::clone(&taker);
        tokio::spawn(pipe::serve(stream, move |request| {
            let taker = taker.lock().unwrap_or_else(PoisonError::into_inner).clone();
            async move {
                let (answer, answered) = oneshot::channel();
                taker
                    .ok_or(Broken)?
                    .send((request, answer))
                    .map_err(|_| Broken)?;
                answered.await.unwrap_or(Err(Broken))
            }
        }));
    }
}

#[async_trait]
impl Transport for RealNetwork {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let Some(runtime) = &self.runtime else {
            return Err(TransportError::NotSent("the network is gone".into()));
        };
        let transport = Arc::clone(&self.transport);
        let (answer, mut answered) = mpsc::channel();
        runtime.spawn(async move {
            // Nobody waits any more: the check is over.
            let _ = answer.send(transport.send(request, limit).await);
        });
        loop {
            let begun = Instant::now();
            // A blocking task keeps a paused clock from running ahead.
            let waited = tokio::task::spawn_blocking(move || {
                let got = answered.recv_timeout(SLICE);
                (answered, got)
            });
            let gone = || TransportError::Unanswered("the network is gone".into());
            let (back, got) = waited.await.map_err(|_| gone())?;
            answered = back;
            tokio::time::advance(self.passed(begun)).await;
            match got {
                Ok(answer) => return answer,
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
    }
}
