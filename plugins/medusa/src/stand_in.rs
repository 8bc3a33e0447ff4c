//! What stands in for Medusa within the process, with our piece in it: the paths that the adapter
//! and the checklist call, in the shapes and with the errors that Medusa 2.21 was seen to answer.
//!
//! It is no second Medusa. `shop` has articles, carts and orders, `store` is the storefront's API,
//! `admin` the merchant's, `show` the JSON of both; `provider` plays what Medusa calls in our piece
//! and our piece calls at kasse, `piece` what kasse calls.

mod admin;
mod piece;
mod provider;
mod shop;
mod show;
mod store;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use kasse_core::checklist::{StandIn, World};
use kasse_core::piece::{Piece, respond};
use kasse_core::{Context, Error, RandomIds};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use url::Url;

use self::shop::Shop;
use crate::ENGINE;

/// Its host name.
pub const HOST: &str = "medusa.example";
/// The secret that its piece shares with kasse.
pub const SECRET: &str = "a-secret-of-the-stand-in-and-its-kasse";
/// The storefront's publishable key.
pub const KEY: &str = "pk_stand_in";
/// Whom the merchant signs in as.
pub const USER: &str = "admin@shop.example";
/// And with what.
pub const PASSWORD: &str = "kasse-password";
/// What the merchant's session is known by afterwards.
pub const TOKEN: &str = "stand-in-session";
/// The payment provider of our piece.
pub const PROVIDER: &str = "pp_kasse_vipps";

/// A Medusa with our piece.
#[derive(Debug)]
pub struct Medusa {
    /// Where its piece reaches kasse.
    engine_url: Url,
    cx: Context,
    signs: Piece,
    shop: Mutex<Shop>,
    calls: Mutex<Vec<(&'static str, Value)>>,
}

/// An answer: a status and its JSON.
type Answer = (StatusCode, Value);
/// The answer, also where it says why not.
type Answered = Result<Value, Answer>;

/// A request that was read.
#[derive(Debug)]
struct Asked {
    body: Value,
    query: Option<String>,
}

impl Asked {
    fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name)?.as_str()
    }

    /// A parameter of the query.
    fn parameter(&self, name: &str) -> Option<String> {
        let query = self.query.as_deref()?;
        let mut all = url::form_urlencoded::parse(query.as_bytes());
        all.find_map(|(named, value)| (named == name).then(|| value.into_owned()))
    }

    /// Medusa refuses fields that it does not know.
    fn has_only(&self, names: &[&str]) -> Result<(), Answer> {
        let fields = self.body.as_object().into_iter().flatten();
        let mut others = fields.filter(|(name, _)| !names.contains(&name.as_str()));
        match others.next() {
            None => Ok(()),
            Some((other, _)) => Err(invalid(format!(
                "Invalid request: Unrecognized fields: '{other}'"
            ))),
        }
    }
}

/// Medusa's error of a type.
fn wrong(status: StatusCode, kind: &str, message: impl Into<String>) -> Answer {
    let message: String = message.into();
    (status, json!({ "type": kind, "message": message }))
}

fn invalid(message: impl Into<String>) -> Answer {
    wrong(StatusCode::BAD_REQUEST, "invalid_data", message)
}

fn not_allowed(message: impl Into<String>) -> Answer {
    wrong(StatusCode::BAD_REQUEST, "not_allowed", message)
}

fn not_found(message: impl Into<String>) -> Answer {
    wrong(StatusCode::NOT_FOUND, "not_found", message)
}

impl Medusa {
    /// An empty one, whose piece calls kasse where the world says.
    ///
    /// # Errors
    /// None: [`SECRET`] is long enough.
    pub fn new(world: &World) -> Result<Self, Error> {
        let ids = Arc::new(RandomIds);
        Ok(Self {
            engine_url: world.engine_url.clone(),
            cx: Context::new(world.transport.clone(), world.clock.clone(), ids),
            signs: Piece::new(ENGINE, SECRET.to_owned().into())?,
            shop: Mutex::default(),
            calls: Mutex::default(),
        })
    }

    /// What Medusa called in our piece so far: the method of the payment provider, and its argument
    /// as JSON.
    pub fn provider_calls(&self) -> Vec<(&'static str, Value)> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.clone()
    }

    /// What was sent of an order, as it is to be shown: the stand-in itself sends nothing.
    pub fn fulfilled(&self, order: &str, fulfillments: Value) {
        if let Some(placed) = self.shop().find(order).and_then(|sale| sale.order.as_mut()) {
            placed.fulfillments = fulfillments;
        }
    }

    fn shop(&self) -> MutexGuard<'_, Shop> {
        self.shop.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> String {
        format!("{:.3}", self.cx.runtime.wall())
    }

    async fn answer(&self, request: &Request<Bytes>) -> Answered {
        let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
        let pieces: Vec<&str> = path.split('/').skip(1).collect();
        if pieces.first() == Some(&"kasse") {
            let signed = self.signs.verify_from_kasse(&self.cx, request);
            signed.map_err(|why| {
                let message = json!({ "message": why.why });
                (StatusCode::UNAUTHORIZED, message)
            })?;
        }
        let body = request.body();
        let body = if body.is_empty() {
            json!({})
        } else {
            serde_json::from_slice(body).map_err(|error| invalid(error.to_string()))?
        };
        let asked = Asked {
            body,
            query: request.uri().query().map(str::to_owned),
        };
        let method = request.method().as_str();
        match pieces.split_first() {
            Some((&"store", path)) => {
                store::is_storefront(request)?;
                self.store(method, path, &asked).await
            }
            Some((&"admin", path)) => {
                admin::is_merchant(request)?;
                self.admin(method, path, &asked).await
            }
            Some((&"auth", ["user", "emailpass"])) => admin::sign_in(&asked),
            Some((&"kasse", path)) => self.kasse(method, path, &asked).await,
            _ => Err(none_there(method, request.uri().path())),
        }
    }
}

fn none_there(method: &str, path: &str) -> Answer {
    not_found(format!("Cannot {method} {path}"))
}

/// Is a header this?
fn header_is(request: &Request<Bytes>, name: &str, value: &str) -> bool {
    let given = request.headers().get(name);
    given.map(HeaderValue::as_bytes) == Some(value.as_bytes())
}

#[async_trait]
impl StandIn for Medusa {
    fn host(&self) -> &str {
        HOST
    }

    async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (status, body) = match self.answer(&request).await {
            Ok(body) => (StatusCode::OK, body),
            Err(answer) => answer,
        };
        let mut response = respond(status, &body);
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}
