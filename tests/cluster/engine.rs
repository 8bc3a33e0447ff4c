//! The shop's software: it has orders, tells kasse of them, and is told what became of them. It
//! speaks as Medusa's piece does, signed calls both ways, and keeps all that it was told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use kasse_core::piece::{Piece, respond};
use kasse_core::{Context, RandomIds, ReqwestTransport};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::clock::Clock;

/// What both sides sign their calls with.
pub const SECRET: &str = "a-secret-of-the-shop-and-its-kasse";

/// What the shop was told, the first time.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The event's id.
    pub event: String,
    pub reference: String,
    pub what: String,
    /// Authorised, captured, refunded, released.
    pub sums: [i64; 4],
}

#[derive(Debug, Default)]
struct Books {
    /// What each order comes to, by its number.
    orders: HashMap<usize, i64>,
    told: Vec<Told>,
    /// How often something was told again.
    again: usize,
    /// What kasse should not have said.
    wrong: Vec<String>,
}

#[derive(Debug)]
struct Shared {
    piece: Piece,
    cx: Context,
    books: Mutex<Books>,
}

/// A running shop; it ends with this.
#[derive(Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    addr: SocketAddr,
    task: AbortHandle,
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Engine {
    pub async fn start(clock: &Clock) -> Self {
        let transport = Arc::new(ReqwestTransport::new().unwrap());
        let shared = Arc::new(Shared {
            piece: Piece::new("medusa", SECRET.to_owned().into()).unwrap(),
            cx: Context::new(transport, Arc::new(clock.clone()), Arc::new(RandomIds)),
            books: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let serving = async move { axum::serve(listener, router).await.unwrap() };
        let task = tokio::spawn(serving).abort_handle();
        Self { shared, addr, task }
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A customer's cart, which comes to so many øre.
    pub fn place(&self, number: usize, amount: i64) {
        let mut books = self.shared.books.lock().unwrap();
        books.orders.insert(number, amount);
    }

    /// The call by which the shop itself begins a payment, signed.
    pub fn begins(&self, shop: &str, number: usize, session: &str) -> Request<Bytes> {
        let order = self.shared.order(number).unwrap();
        let body = json!({
            "order": order, "session": session, "versions": { "medusa": "2.21.0" },
        });
        let mut request = Request::post(format!("/engine/{shop}/initiate"))
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        self.shared.piece.sign(&self.shared.cx, &mut request);
        request
    }

    /// All that it was told, each once, in the order of the first times.
    pub fn told(&self) -> Vec<Told> {
        self.shared.books.lock().unwrap().told.clone()
    }

    /// How often it was told something again.
    pub fn told_again(&self) -> usize {
        self.shared.books.lock().unwrap().again
    }

    pub fn wrong(&self) -> Vec<String> {
        self.shared.books.lock().unwrap().wrong.clone()
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    request: Request<axum::body::Body>,
) -> Response<axum::body::Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 1024 * 1024).await else {
        // It was cut on its way.
        return respond(StatusCode::BAD_REQUEST, &json!({})).map(Into::into);
    };
    let request = Request::from_parts(parts, body);
    let (status, answer) = shared.answer(&request);
    respond(status, &answer).map(Into::into)
}

/// The order's number in `cart_1001` or `order_1001`, as this shop names them.
pub fn number_of(id: &str) -> Option<usize> {
    id.rsplit('_').next()?.parse().ok()
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn minor(decimal: &str) -> Option<i64> {
    let (major, minor) = decimal.split_once('.')?;
    Some(major.parse::<i64>().ok()? * 100 + minor.parse::<i64>().ok()?)
}

impl Shared {
    fn answer(&self, request: &Request<Bytes>) -> (StatusCode, Value) {
        if let Err(refused) = self.piece.verify_from_kasse(&self.cx, request) {
            return (StatusCode::UNAUTHORIZED, json!({ "message": refused.why }));
        }
        let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        match (request.method(), path.as_slice()) {
            (&Method::GET, ["kasse", "about"]) => (
                StatusCode::OK,
                json!({ "medusa": "2.21.0", "plugin": env!("CARGO_PKG_VERSION") }),
            ),
            (&Method::GET, ["kasse", "orders", id]) => {
                let order = number_of(id).and_then(|number| self.order(number));
                match order {
                    Some(order) => (StatusCode::OK, order),
                    None => self.never(format!("kasse asked for order {id}")),
                }
            }
            (&Method::POST, ["kasse", "record"]) => self.record(request.body()),
            _ => self.never(format!("kasse called {}", request.uri())),
        }
    }

    fn never(&self, what: String) -> (StatusCode, Value) {
        let mut books = self.books.lock().unwrap();
        books.wrong.push(what.clone());
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({ "message": what }),
        )
    }

    fn order(&self, number: usize) -> Option<Value> {
        let amount = self.books.lock().unwrap().orders.get(&number).copied()?;
        let amount = decimal(amount);
        Some(json!({
            "id": format!("cart_{number}"), "cart_id": format!("cart_{number}"),
            "currency_code": "nok", "country_code": "no", "total": amount,
            "items": [{
                "id": "item", "variant_id": "mug", "title": "Mug", "quantity": 1,
                "total": amount, "tax_lines": [{ "rate": "25" }],
            }],
            "shipping_methods": [],
        }))
    }

    /// Takes what kasse tells; the same event again has no effect. A cart that is paid is an order
    /// from then on.
    fn record(&self, body: &Bytes) -> (StatusCode, Value) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| Some(body.get(name)?.as_str()?.to_owned());
        let sum = |name: &str| minor(body.get("sums")?.get(name)?.as_str()?);
        let told = || {
            Some(Told {
                event: text("event")?,
                reference: text("reference")?,
                what: text("what")?,
                sums: [
                    sum("authorised")?,
                    sum("captured")?,
                    sum("refunded")?,
                    sum("released")?,
                ],
            })
        };
        let number = text("order").and_then(|order| number_of(&order));
        let (Some(told), Some(number)) = (told(), number) else {
            return self.never(format!("kasse told {body}"));
        };
        let mut books = self.books.lock().unwrap();
        if !books.orders.contains_key(&number) {
            books
                .wrong
                .push(format!("there is no order {number}: {told:?}"));
        }
        match books.told.iter().find(|known| known.event == told.event) {
            None => books.told.push(told.clone()),
            Some(known) if *known == told => books.again += 1,
            Some(known) => {
                let wrong = format!("told as {known:?}, and again as {told:?}");
                books.wrong.push(wrong);
            }
        }
        let paid = books
            .told
            .iter()
            .any(|known| known.reference == told.reference && known.what == "authorised");
        let now = if paid { "order" } else { "cart" };
        let answer = json!({ "order": format!("{now}_{number}"), "shown": true });
        (StatusCode::OK, answer)
    }
}
