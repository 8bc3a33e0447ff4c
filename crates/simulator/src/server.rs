//! The server: connections, bodies, and connections that break on purpose.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HeaderName};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::fmt::rfc2822::DateTimePrinter;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::api;
use crate::clock::Clock;
use crate::control::{self, Control};
use crate::dial::{Dial, Hosts, Pipe};
use crate::landing;
use crate::options::{Options, SalesUnit, StartError};
use crate::orders::IMAGES;
use crate::refusal::BODY_TOO_LARGE;
use crate::state::Shared;

/// The largest request body.
const MOST: usize = 1024 * 1024;
/// The largest body with an image: 2 MB of it, in Base64.
const MOST_OF_AN_IMAGE: usize = 3 * 1024 * 1024;
/// How long a request's body may take.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How much a connection within the process holds before its writer waits.
const PIPE: usize = 64 * 1024;
/// What the URLs begin with when there is no address.
pub(crate) const NOWHERE: &str = "https://vipps.example";
/// How often a running clock is looked at.
const TICK: Duration = Duration::from_millis(200);

/// A request with its whole body.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self {
            status,
            headers: vec![(CONTENT_TYPE, "application/json;charset=UTF-8".to_owned())],
            body: Bytes::from(body.to_string()),
        }
    }

    pub(crate) const fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A page of a proxy before the API.
    pub(crate) fn page(status: StatusCode) -> Self {
        let name = status.canonical_reason().unwrap_or("Error");
        Self {
            status,
            headers: vec![(CONTENT_TYPE, "text/html; charset=utf-8".to_owned())],
            body: Bytes::from(format!("<html><body><h1>{name}</h1></body></html>")),
        }
    }

    pub(crate) fn into_response(self) -> Response<Bytes> {
        let mut builder = Response::builder().status(self.status);
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        builder.body(self.body).unwrap_or_else(|error| {
            tracing::error!(reference = "-", %error, "an answer could not be built");
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        })
    }
}

/// The connection is to break instead of an answer: hyper closes it at an error.
#[derive(Debug, thiserror::Error)]
#[error("the connection is broken by a fault")]
pub(crate) struct Broken;

/// A running simulator. It ends when it is dropped.
#[derive(Debug)]
pub struct Simulator {
    address: Option<SocketAddr>,
    control: Control,
    door: mpsc::UnboundedSender<Pipe>,
    stop: watch::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Simulator {
    /// Starts a simulator; must be called within a Tokio runtime.
    ///
    /// # Errors
    /// The address can't be listened on; a sales unit is wrong or there twice.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        check(&options.units)?;
        let wrong = |source| StartError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let hosts = Hosts::Sockets(options.resolve.clone());
        let url = format!("http://{address}");
        let simulator = Self::run(options, url, hosts, Some((listener, address)));
        tracing::info!(reference = "-", %address, "the simulator listens");
        Ok(simulator)
    }

    /// Starts a simulator that has no sockets: it is reached by [`connect`](Self::connect), and
    /// reaches the merchant by `dial`. Must be called within a Tokio runtime, whose clock may be
    /// paused; `listen` and `resolve` of the options are not looked at.
    ///
    /// # Errors
    /// A sales unit is wrong or there twice.
    pub fn within(options: Options, dial: Arc<dyn Dial>) -> Result<Self, StartError> {
        check(&options.units)?;
        Ok(Self::run(
            options,
            NOWHERE.to_owned(),
            Hosts::Within(dial),
            None,
        ))
    }

    fn run(
        options: Options,
        url: String,
        hosts: Hosts,
        listening: Option<(TcpListener, SocketAddr)>,
    ) -> Self {
        let url = options.public_url.unwrap_or(url);
        let shared = Shared::new(
            url.trim_end_matches('/').to_owned(),
            hosts,
            Clock::new(options.start, options.frozen),
            options.units,
            options.counted,
        );
        let (listener, address) = listening.unzip();
        let (door, callers) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(run(listener, callers, Arc::clone(&shared), stopped));
        Self {
            address,
            control: Control::new(shared),
            door,
            stop,
            task,
        }
    }

    /// The address of the API and the controls, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.control.url().to_owned()
    }

    /// The address that is listened on. `None`: there are no sockets.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// A new connection to the API, the controls and the landing pages, without a socket, for
    /// plain HTTP/1.1. It is closed at once if the simulator's runtime has ended.
    #[must_use]
    pub fn connect(&self) -> DuplexStream {
        let (callers, ours) = tokio::io::duplex(PIPE);
        // If nobody takes our end any more it is dropped, and so closed.
        let _ = self.door.send(Box::new(ours));
        callers
    }

    /// The controls, in process.
    #[must_use]
    pub const fn control(&self) -> &Control {
        &self.control
    }

    /// Ends the simulator and waits until its connections are closed.
    pub async fn stop(self) {
        drop(self.stop);
        // It ends by the signal; a panic in it was already reported.
        let _ = self.task.await;
    }
}

/// Says what is wrong with the sales units, if anything.
pub(crate) fn check(units: &[SalesUnit]) -> Result<(), StartError> {
    for (at, unit) in units.iter().enumerate() {
        unit.check().map_err(StartError::Unit)?;
        if units.iter().take(at).any(|other| other.msn == unit.msn) {
            return Err(StartError::Unit(format!(
                "the MSN {} is there twice",
                unit.msn
            )));
        }
    }
    Ok(())
}

async fn run(
    listener: Option<TcpListener>,
    mut callers: mpsc::UnboundedReceiver<Pipe>,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    let ticking = !shared.lock().clock.is_frozen();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // In this order, and not in a random one: runs are alike.
            biased;
            // The sender is dropped: nobody holds the simulator any more.
            _ = stopped.changed() => return,
            _ = ticks.tick(), if ticking => Control::new(Arc::clone(&shared)).tick(),
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            Some(pipe) = callers.recv() => {
                connections.spawn(converse(Arc::clone(&shared), pipe));
            }
            accepted = accept(listener.as_ref()) => match accepted {
                Ok(pipe) => {
                    connections.spawn(converse(Arc::clone(&shared), pipe));
                }
                // Too many open files, most often: it passes.
                Err(error) => {
                    tracing::warn!(reference = "-", %error, "a connection was not accepted");
                    tokio::time::sleep(TICK).await;
                }
            },
        }
    }
}

/// The next connection over a socket; it never comes where nothing is listened on.
async fn accept(listener: Option<&TcpListener>) -> io::Result<Pipe> {
    match listener {
        Some(listener) => {
            let (stream, _) = listener.accept().await?;
            Ok(Box::new(stream))
        }
        None => std::future::pending().await,
    }
}

/// Answers the calls of one connection until it ends.
async fn converse(shared: Arc<Shared>, pipe: Pipe) {
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(pipe), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(reference = "-", %error, "a connection ended");
    }
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Broken> {
    let (parts, body) = request.into_parts();
    let most = most(parts.uri.path());
    let collected = tokio::time::timeout(BODY_TIME, Limited::new(body, most).collect()).await;
    let body = match collected {
        Ok(Ok(body)) => Some(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => None,
        // The caller went away, or says nothing more.
        Ok(Err(_)) | Err(_) => return Err(Broken),
    };
    let reply = serve(&shared, parts, body).await?;
    Ok(reply.into_response().map(Full::new))
}

/// The largest body at a path.
pub(crate) fn most(path: &str) -> usize {
    if path == IMAGES {
        MOST_OF_AN_IMAGE
    } else {
        MOST
    }
}

/// The answer with its `Date`: the simulator's clock, as everything in the answer is by it. `None`
/// for a body: it is too large.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    parts: Parts,
    body: Option<Bytes>,
) -> Result<Reply, Broken> {
    let mut reply = match body {
        Some(body) => reply(shared, parts, body).await?,
        None => api::refuse(&mut shared.lock(), &BODY_TOO_LARGE.plain()),
    };
    let now = shared.lock().now();
    if let Ok(date) = DateTimePrinter::new().timestamp_to_rfc9110_string(&now) {
        reply.headers.push((DATE, date));
    }
    Ok(reply)
}

async fn reply(shared: &Arc<Shared>, parts: Parts, body: Bytes) -> Result<Reply, Broken> {
    let received = Received {
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body,
    };
    let path = received.uri.path();
    Ok(if path.starts_with(control::PREFIX) {
        control::http::handle(&Control::new(Arc::clone(shared)), received).await
    } else if path.starts_with(landing::PATH) {
        landing::handle(&Control::new(Arc::clone(shared)), received).await
    } else {
        api::handle(shared, received).await?
    })
}
