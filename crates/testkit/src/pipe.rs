//! HTTP over a pipe: real bytes, no sockets.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kasse_core::TransportError;
use tokio::io::{AsyncRead, AsyncWrite};

/// The largest body, either way.
const MOST: usize = 1024 * 1024;

/// A connection that breaks instead of an answer.
#[derive(Debug)]
pub(crate) struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection broke")
    }
}

impl std::error::Error for Broken {}

/// Sends one request over a connection of its own, within `limit`. The address may be whole; what
/// goes over the pipe is its path, and its host as a header.
pub(crate) async fn call<S>(
    stream: S,
    request: Request<Bytes>,
    limit: Duration,
) -> Result<Response<Bytes>, TransportError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut parts, body) = request.into_parts();
    if let Some(authority) = parts.uri.authority()
        && let Ok(host) = authority.as_str().parse()
    {
        parts.headers.insert(http::header::HOST, host);
    }
    let path = parts
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    parts.uri = path
        .parse()
        .map_err(|_| TransportError::NotSent("the request is malformed".into()))?;
    let request = Request::from_parts(parts, Full::new(body));
    let exchange = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|_| TransportError::NotSent("could not connect".into()))?;
        let driver = Driver(tokio::spawn(async move {
            // How it ended shows in the answer.
            let _ = connection.await;
        }));
        let broke = || TransportError::Unanswered("the connection broke".into());
        let response = sender.send_request(request).await.map_err(|_| broke())?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MOST)
            .collect()
            .await
            .map_err(|_| broke())?
            .to_bytes();
        drop(driver);
        Ok(Response::from_parts(parts, body))
    };
    tokio::time::timeout(limit, exchange)
        .await
        .unwrap_or_else(|_| Err(TransportError::Unanswered("no answer in time".into())))
}

/// Ends the connection's task with the call, also when the call is given up.
struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Serves one connection.
pub(crate) async fn serve<S, F>(
    stream: S,
    handle: impl Fn(Request<Bytes>) -> F + Send + Sync + 'static,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    F: Future<Output = Result<Response<Bytes>, Broken>> + Send,
{
    let service = service_fn(|request: Request<Incoming>| async {
        let (parts, body) = request.into_parts();
        let answer = match Limited::new(body, MOST).collect().await {
            Ok(body) => handle(Request::from_parts(parts, body.to_bytes())).await?,
            Err(_) => too_large(),
        };
        Ok::<_, Broken>(answer.map(Full::new))
    });
    // How a connection ended shows at its other end.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn too_large() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    response
}

/// A future that ends at nothing: who waits for it waits until it is dropped.
pub(crate) async fn never() -> Infallible {
    std::future::pending().await
}
