//! Calls to the merchant, as a proxy that ends TLS would forward them: plain HTTP, the public host
//! in `Host`, `X-Forwarded-Proto: https`. Redirects are not followed.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use secrecy::{ExposeSecret, SecretString};
use url::{Position, Url};

use crate::dial::{Dialling, Way};
use crate::exchanges::{Direction, Exchange, shown_body, shown_headers};
use crate::state::Shared;

/// The largest answer that is read.
const MOST: usize = 1024 * 1024;

/// A call to be made.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: String,
    /// Goes out verbatim, with no scheme added.
    pub(crate) authorization: Option<SecretString>,
    /// In the place of, or beside, those that are always sent.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    pub(crate) timeout: Duration,
    pub(crate) order_id: Option<String>,
    /// What the record should say.
    pub(crate) note: Option<String>,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("no --resolve for this host ({0}): the call was not made")]
    NotResolved(String),
    #[error("the URL cannot be called: {0}")]
    Url(String),
    #[error("no answer within {0} s")]
    TimedOut(u64),
    #[error("the connection failed: {0}")]
    Connection(String),
}

/// The answer of the merchant.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

/// Makes a call and records it.
pub(crate) async fn call(shared: &Shared, call: Call) -> Result<Answer, NoAnswer> {
    let at = shared.lock().now();
    let timeout = call.timeout;
    let mut sent_headers = HeaderMap::new();
    let result = match tokio::time::timeout(timeout, send(shared, &call, &mut sent_headers)).await {
        Ok(result) => result,
        Err(_) => Err(NoAnswer::TimedOut(timeout.as_secs())),
    };
    let note = [
        call.note.clone(),
        result.as_ref().err().map(ToString::to_string),
    ];
    let note: Vec<String> = note.into_iter().flatten().collect();
    let exchange = Exchange {
        at,
        direction: Direction::Out,
        order_id: call.order_id.clone(),
        method: call.method.to_string(),
        url: call.url.clone(),
        headers: shown_headers(&sent_headers),
        request: call.body.as_deref().map(shown_body).unwrap_or_default(),
        status: result.as_ref().ok().map(|answer| answer.status),
        response: result
            .as_ref()
            .map(|answer| shown_body(&answer.body))
            .unwrap_or_default(),
        note: (!note.is_empty()).then(|| note.join("; ")),
    };
    tracing::info!(
        reference = call.order_id.as_deref().unwrap_or("-"),
        method = %call.method,
        status = exchange.status,
        note = exchange.note.as_deref(),
        "called the merchant"
    );
    shared.lock().exchanges.add(exchange);
    result
}

async fn send(shared: &Shared, call: &Call, sent: &mut HeaderMap) -> Result<Answer, NoAnswer> {
    let broken = |error: &dyn std::fmt::Display| NoAnswer::Connection(error.to_string());
    let url = Url::parse(&call.url).map_err(|e| NoAnswer::Url(e.to_string()))?;
    let host = url
        .host_str()
        .ok_or_else(|| NoAnswer::Url("it has no host".to_owned()))?;
    let unknown = || NoAnswer::NotResolved(host.to_owned());
    let way = shared.hosts.way(host).ok_or_else(unknown)?;
    let authority = url[Position::BeforeHost..Position::AfterPort].to_owned();
    let path = &url[Position::BeforePath..Position::AfterQuery];

    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(path)
        .header(HOST, authority)
        .header("X-Forwarded-Proto", "https")
        .header("User-Agent", "Vipps-simulator")
        .header("Accept", "application/json");
    if let Some(token) = &call.authorization {
        let mut value = HeaderValue::from_str(token.expose_secret())
            .map_err(|_| NoAnswer::Url("the authToken cannot be sent in a header".to_owned()))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    if call.body.is_some() {
        request = request.header(CONTENT_TYPE, "application/json;charset=UTF-8");
    }
    let mut request = request
        .body(call.body.clone().unwrap_or_default())
        .map_err(|e| NoAnswer::Url(e.to_string()))?;
    for (name, value) in &call.headers {
        request.headers_mut().insert(name, value.clone());
    }
    sent.clone_from(request.headers());

    match way {
        Way::Connection(dialling) => over(dialling, request.map(Full::new)).await,
        Way::Direct(merchant) => {
            let calling = merchant.call(host, request).ok_or_else(unknown)?;
            let response = calling.await.map_err(|e| broken(&e))?;
            if response.body().len() > MOST {
                return Err(NoAnswer::Connection("the answer is too long".to_owned()));
            }
            Ok(Answer {
                status: response.status().as_u16(),
                body: response.into_body(),
            })
        }
    }
}

/// Makes a call over a connection of its own.
async fn over(dialling: Dialling, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
    let broken = |error: &dyn std::fmt::Display| NoAnswer::Connection(error.to_string());
    let stream = dialling.await.map_err(|e| broken(&e))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| broken(&e))?;
    let driver = Driver(tokio::spawn(async move {
        // How the connection ended shows in the answer.
        let _ = connection.await;
    }));
    let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MOST)
        .collect()
        .await
        .map_err(|e| broken(&e))?;
    drop(driver);
    Ok(Answer {
        status,
        body: body.to_bytes(),
    })
}

/// Ends the connection's task with the call, also when the call is given up.
struct Driver(tokio::task::JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}
