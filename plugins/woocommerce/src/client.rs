//! Asks the shop: WooCommerce's REST API with its keys, and the kasse plugin's own routes, signed.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use kasse_core::piece::Piece;
use kasse_core::{Context, Error, ErrorKind, EventId, OrderRef, TransportError, Who, quotable};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::adapter::ENGINE;
use crate::config::Config;
use crate::oauth::Signer;
use crate::order::WooOrder;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What WordPress says where nobody answers a path.
const NO_ROUTE: &str = "rest_no_route";
/// What WooCommerce says of an order that is not there: it depends on what was asked.
const NO_ORDER: [&str; 4] = [
    "woocommerce_rest_shop_order_invalid_id",
    "woocommerce_rest_order_invalid_id",
    "woocommerce_rest_invalid_order_id",
    "kasse_no_order",
];

/// The shop, as kasse reaches it.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its address, without a slash at the end.
    site: String,
    /// Are the keys sent? Over TLS alone, as WooCommerce wants it; else requests are signed.
    tls: bool,
    key: SecretString,
    secret: SecretString,
    piece: Piece,
}

/// Why the shop did not do it.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The shop was not reached, did not let us in, or could not: it is asked again.
    Away(Error),
    /// The shop was asked and said no: its code and its words. The status tells little, since a
    /// refused refund is a 500.
    Said { code: String, message: String },
}

impl Failure {
    /// As an error: what was not done, and what WooCommerce said.
    pub(crate) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Away(error) => error,
            Self::Said { code, message } => Error::new(
                ErrorKind::EngineUnavailable,
                Who::Shop,
                what,
                format!("WooCommerce says: {message} ({code})."),
                "Look at the order in WooCommerce, and at its log under Status.",
            ),
        }
    }

    /// Is it said that there is no such order?
    pub(crate) fn is_no_order(&self) -> bool {
        matches!(self, Self::Said { code, .. } if NO_ORDER.contains(&code.as_str()))
    }
}

/// WordPress' words for what went wrong. `data` is an object here and a number there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    code: String,
    message: String,
}

impl Client {
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        Ok(Self {
            site: config.site(),
            tls: config.site_url.scheme() == "https",
            key: config.consumer_key.clone(),
            secret: config.consumer_secret.clone(),
            piece: Piece::new(ENGINE, config.secret.clone())?,
        })
    }

    /// The kasse plugin in the shop.
    pub(crate) fn piece(&self) -> &Piece {
        &self.piece
    }

    /// The order, as WooCommerce has it.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn order(&self, cx: &Context, at: &OrderRef) -> Result<WooOrder, Failure> {
        self.rest(cx, Method::GET, &order_path(at, "")?, None, None)
            .await
    }

    /// Asks the REST API: a path under `wc/v3`. `event` marks a writing of ours: the shop's hooks
    /// then do not call kasse for it.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn rest<T: DeserializeOwned>(
        &self,
        cx: &Context,
        method: Method,
        path: &str,
        body: Option<&Value>,
        event: Option<&EventId>,
    ) -> Result<T, Failure> {
        let url = format!("{}/wp-json/wc/v3{path}", self.site);
        let request = if self.tls {
            let mut request = request(method, &url, body, event)?;
            let keys = format!(
                "{}:{}",
                self.key.expose_secret(),
                self.secret.expose_secret()
            );
            let basic = format!("Basic {}", BASE64_STANDARD.encode(keys));
            let mut basic = HeaderValue::from_str(&basic).map_err(unsendable)?;
            basic.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, basic);
            request
        } else {
            let signer = Signer {
                key: &self.key,
                secret: &self.secret,
                nonce: cx.ids.next(),
                time: cx.runtime.wall().as_second(),
            };
            let query = signer.query(&method, &url, &[]);
            request(method, &format!("{url}?{query}"), body, event)?
        };
        self.send(cx, request).await
    }

    /// Asks the kasse plugin in the shop: a POST to a path under `kasse/v1`, or a GET where there is
    /// nothing to say.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        cx: &Context,
        path: &str,
        body: Option<&Value>,
        event: Option<&EventId>,
    ) -> Result<T, Failure> {
        let url = format!("{}/wp-json/kasse/v1{path}", self.site);
        let method = body.map_or(Method::GET, |_| Method::POST);
        let mut request = request(method, &url, body, event)?;
        self.piece.sign(cx, &mut request);
        self.send(cx, request).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        cx: &Context,
        request: Request<Bytes>,
    ) -> Result<T, Failure> {
        let answer = cx.send(request, PATIENCE).await;
        read(&answer.map_err(|error| Failure::Away(away(&error)))?)
    }
}

/// The path of an order's, under `wc/v3`: `/orders/50/notes`.
///
/// # Errors
/// WooCommerce's orders have numbers: what is none is no order's.
pub(crate) fn order_path(at: &OrderRef, below: &str) -> Result<String, Failure> {
    let id = at.order.as_str();
    if id.is_empty() || id.len() > 20 || !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Failure::Said {
            code: NO_ORDER[0].to_owned(),
            message: "its id is no number".to_owned(),
        });
    }
    Ok(format!("/orders/{id}{below}"))
}

fn request(
    method: Method,
    url: &str,
    body: Option<&Value>,
    event: Option<&EventId>,
) -> Result<Request<Bytes>, Failure> {
    let mut request = Request::builder()
        .method(method)
        .uri(url)
        .header(header::ACCEPT, "application/json");
    if let Some(event) = event {
        request = request.header("x-kasse-event", event.as_str());
    }
    let body = match body {
        None => Bytes::new(),
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Bytes::from(body.to_string())
        }
    };
    request.body(body).map_err(unsendable)
}

fn read<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T, Failure> {
    let status = answer.status();
    if status.is_success() {
        return serde_json::from_slice(answer.body())
            .map_err(|error| Failure::Away(unreadable(&format!("at column {}", error.column()))));
    }
    let said: Said = serde_json::from_slice(answer.body()).unwrap_or_default();
    let (code, message) = (quotable(&said.code), quotable(&said.message));
    if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        return Err(Failure::Away(not_let_in(status, &code, &message)));
    }
    if code == NO_ROUTE || code.is_empty() {
        return Err(Failure::Away(no_answer(status, &code)));
    }
    Err(Failure::Said { code, message })
}

fn unsendable(error: impl ToString) -> Failure {
    Failure::Away(Error::bug("WooCommerce was not asked", error.to_string()))
}

fn away(error: &TransportError) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Nobody,
        "WooCommerce was not reached",
        format!("{error}."),
        "Wait: kasse tries again. If it lasts, look at the shop's server and at `site_url`.",
    )
}

fn unreadable(why: &str) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        "WooCommerce's answer cannot be used",
        format!("it is not what was asked for, {why}."),
        "Look whether something in the shop adds to its answers, and at the kasse plugin's version.",
    )
}

fn no_answer(status: StatusCode, code: &str) -> Error {
    let (why, advice) = if code == NO_ROUTE {
        (
            "nobody answers this path in the shop.".to_owned(),
            "Activate WooCommerce and the kasse plugin in the shop.",
        )
    } else {
        (
            format!("it answered {status}, and not in words of its own."),
            "Look at `site_url`, and at the shop's server: permalinks, redirects, its firewall, its log.",
        )
    };
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Merchant,
        "WooCommerce did not answer",
        why,
        advice,
    )
}

fn not_let_in(status: StatusCode, code: &str, message: &str) -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Merchant,
        "WooCommerce did not let kasse in",
        format!("it says: {message} ({status}, {code})."),
        "Look at `consumer_key`, `consumer_secret` and `secret`. The key has to read and write, and the shop has to see that it was called over TLS.",
    )
}
