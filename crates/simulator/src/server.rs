//! The listener: connections, bodies, and connections that break on purpose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::control::{self, Control};
use crate::ecom::{api, callback, landing};
use crate::options::{Options, StartError};
use crate::refusal::BODY_TOO_LARGE;
use crate::state::Shared;

/// The largest request body.
const MOST: usize = 1024 * 1024;
/// How long a request's body may take.
const BODY_TIME: Duration = Duration::from_secs(30);
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
#[derive(Debug)]
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

    fn into_response(self) -> Response<Full<Bytes>> {
        let mut builder = Response::builder().status(self.status);
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        builder.body(Full::new(self.body)).unwrap_or_else(|error| {
            tracing::error!(reference = "-", %error, "an answer could not be built");
            let mut response = Response::new(Full::default());
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
    address: SocketAddr,
    control: Control,
    stop: watch::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Simulator {
    /// Starts a simulator; must be called within a Tokio runtime.
    ///
    /// # Errors
    /// The address can't be listened on; a sales unit is wrong or there twice.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        for (at, unit) in options.units.iter().enumerate() {
            unit.check().map_err(StartError::Unit)?;
            if options
                .units
                .iter()
                .take(at)
                .any(|other| other.msn == unit.msn)
            {
                return Err(StartError::Unit(format!(
                    "the MSN {} is there twice",
                    unit.msn
                )));
            }
        }
        let wrong = |source| StartError::Listen {
            address: options.listen,
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        let url = options
            .public_url
            .clone()
            .unwrap_or_else(|| format!("http://{address}"));
        let clock = Clock::new(options.start, options.frozen);
        let shared = Shared::new(
            url.trim_end_matches('/').to_owned(),
            options.resolve,
            clock,
            options.units,
        );
        let (stop, stopped) = watch::channel(());
        let task = tokio::spawn(run(listener, Arc::clone(&shared), stopped));
        tracing::info!(reference = "-", %address, "the simulator listens");
        Ok(Self {
            address,
            control: Control::new(shared),
            stop,
            task,
        })
    }

    /// The address of the API and the controls, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.control.url().to_owned()
    }

    /// The address that is listened on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
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

async fn run(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    let ticking = !shared.lock().clock.is_frozen();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // The sender is dropped: nobody holds the simulator any more.
            _ = stopped.changed() => return,
            _ = ticks.tick(), if ticking => {
                shared.lock().pass_time();
                callback::flush_soon(&shared);
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        let service = service_fn(move |request| serve(Arc::clone(&shared), request));
                        let served = hyper::server::conn::http1::Builder::new()
                            .timer(TokioTimer::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                        if let Err(error) = served {
                            tracing::debug!(reference = "-", %error, "a connection ended");
                        }
                    });
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

async fn serve(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Broken> {
    let (parts, body) = request.into_parts();
    let collected = tokio::time::timeout(BODY_TIME, Limited::new(body, MOST).collect()).await;
    let body = match collected {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let reply = api::refuse(&mut shared.lock(), &BODY_TOO_LARGE.plain());
            return Ok(reply.into_response());
        }
        // The caller went away, or says nothing more.
        Ok(Err(_)) | Err(_) => return Err(Broken),
    };
    let received = Received {
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body,
    };
    let path = received.uri.path();
    let reply = if path.starts_with(control::PREFIX) {
        control::http::handle(&Control::new(shared), received).await
    } else if path.starts_with(landing::PATH) {
        landing::handle(&Control::new(shared), received).await
    } else {
        api::handle(&shared, received).await?
    };
    Ok(reply.into_response())
}
