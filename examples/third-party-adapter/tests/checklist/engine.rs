//! Bod itself, or what stands in for it: orders in memory, behind its JSON API.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_core::checklist::StandIn;
use serde_json::{Value, json};

pub const HOST: &str = "bod.example";
pub const API: &str = "https://bod.example";
pub const KEY: &str = "the-key-that-bod-and-kasse-share";

/// A market with its orders, by number.
#[derive(Debug, Default)]
pub struct Market(Mutex<BTreeMap<String, Value>>);

impl Market {
    fn orders(&self) -> MutexGuard<'_, BTreeMap<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an order of articles: name, quantity, price of all in øre, VAT.
    pub fn order(&self, articles: &[(&str, u32, i64, u32)], express: bool) -> String {
        let mut orders = self.orders();
        let number = (2001 + orders.len()).to_string();
        let total: i64 = articles.iter().map(|(_, _, price, _)| price).sum();
        let lines: Vec<Value> = articles
            .iter()
            .map(|(name, quantity, price, vat)| {
                json!({
                    "id": name, "name": name, "quantity": quantity,
                    "total": decimal(*price), "vat": vat,
                })
            })
            .collect();
        let order = json!({
            "number": number, "total": decimal(total), "lines": lines, "express": express,
            "page": format!("{API}/market/{number}"), "payment": null, "history": [],
        });
        orders.insert(number.clone(), order);
        number
    }

    /// An order, as Bod shows it.
    pub fn show(&self, number: &str) -> Option<Value> {
        self.orders().get(number).cloned()
    }

    fn answer(&self, request: &Request<Bytes>) -> (StatusCode, Value) {
        if request
            .headers()
            .get("bod-key")
            .is_none_or(|key| key != KEY)
        {
            return (StatusCode::UNAUTHORIZED, Value::Null);
        }
        let pieces: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        let mut orders = self.orders();
        let Some(order) = pieces.get(1).and_then(|number| orders.get_mut(*number)) else {
            return (StatusCode::NOT_FOUND, Value::Null);
        };
        match (request.method().as_str(), pieces.get(2).copied()) {
            ("GET", None) => (StatusCode::OK, order.clone()),
            ("GET", Some("deliveries")) => {
                let query = request.uri().query().unwrap_or_default();
                (
                    StatusCode::OK,
                    deliveries(query.trim_start_matches("post_code=")),
                )
            }
            ("PUT", Some("payment")) => {
                let Ok(payment) = serde_json::from_slice::<Value>(request.body()) else {
                    return (StatusCode::BAD_REQUEST, Value::Null);
                };
                set(order, payment);
                (StatusCode::OK, Value::Null)
            }
            ("DELETE", Some("customer")) => {
                order["payment"]["customer"] = Value::Null;
                (StatusCode::OK, Value::Null)
            }
            _ => (StatusCode::NOT_FOUND, Value::Null),
        }
    }
}

/// Sets an order's payment, and writes what is new into its history. A payment that ended without
/// money does not hide one that has some.
fn set(order: &mut Value, payment: Value) {
    let seen = |entry: &Value| entry["event"] == payment["event"];
    let history = order["history"].as_array_mut().expect("a history");
    if !history.iter().any(seen) {
        history.push(json!({
            "event": payment["event"], "word": payment["word"], "reference": payment["reference"],
        }));
    }
    let now = &order["payment"];
    let has_money = now["state"] == "reserved" && now["reference"] != payment["reference"];
    if !(has_money && payment["authorised"] == "0.00") {
        order["payment"] = payment;
    }
}

/// Two deliveries, dearer in the north; none to Svalbard.
fn deliveries(post_code: &str) -> Value {
    let code: u32 = post_code.parse().unwrap_or(0);
    let (post, door) = match code {
        9170..=9179 => return json!([]),
        8000.. => ("79.00", "149.00"),
        _ => ("49.90", "99.00"),
    };
    json!([
        { "id": "post", "title": "Post office", "price": post },
        { "id": "door", "title": "To the door", "price": door },
    ])
}

/// An amount in øre as a decimal text.
pub fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

#[async_trait]
impl StandIn for Market {
    fn host(&self) -> &str {
        HOST
    }

    async fn handle(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (status, body) = self.answer(&request);
        let mut response = Response::new(Bytes::from(body.to_string()));
        *response.status_mut() = status;
        response
    }
}
