//! The record of every exchange, both directions, with what is secret taken out.

use std::collections::VecDeque;

use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many exchanges are kept.
const MOST: usize = 10_000;
/// How much of a body is kept.
const MOST_BODY: usize = 64 * 1024;
/// What stands for a secret.
const HIDDEN: &str = "***";

/// Which way a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the merchant to the simulator.
    In,
    /// From the simulator to the merchant.
    Out,
}

/// One call and its answer.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Exchange {
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// Which way.
    pub direction: Direction,
    /// The order, where there is one.
    pub order_id: Option<String>,
    /// The method.
    pub method: String,
    /// Inwards the path with its query, outwards the URL.
    pub url: String,
    /// The request's headers in the order of their names, secrets as `***`.
    pub headers: Vec<(String, String)>,
    /// The request's body, secrets as `***`. At most 64 KiB of it.
    pub request: String,
    /// The status of the answer; `None`: there was none.
    pub status: Option<u16>,
    /// The answer's body, secrets as `***`. At most 64 KiB of it.
    pub response: String,
    /// What else is worth knowing: a fault, a reason, an error.
    pub note: Option<String>,
}

/// Which exchanges to list.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExchangeFilter {
    /// Only of this order.
    pub order_id: Option<String>,
    /// Only this way.
    pub direction: Option<Direction>,
}

impl ExchangeFilter {
    /// The exchanges of one order.
    #[must_use]
    pub fn order(order_id: &str) -> Self {
        Self {
            order_id: Some(order_id.to_owned()),
            direction: None,
        }
    }

    /// Only those of one direction.
    #[must_use]
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = Some(direction);
        self
    }
}

#[derive(Debug, Default)]
pub(crate) struct Exchanges(VecDeque<Exchange>);

impl Exchanges {
    pub(crate) fn add(&mut self, exchange: Exchange) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(exchange);
    }

    pub(crate) fn list(&self, filter: &ExchangeFilter) -> Vec<Exchange> {
        self.0
            .iter()
            .filter(|e| filter.order_id.is_none() || e.order_id == filter.order_id)
            .filter(|e| filter.direction.is_none_or(|d| d == e.direction))
            .cloned()
            .collect()
    }
}

/// Headers for the record.
pub(crate) fn shown_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut shown: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            let secret = matches!(
                name.as_str(),
                "authorization"
                    | "proxy-authorization"
                    | "ocp-apim-subscription-key"
                    | "client_secret"
                    | "cookie"
            );
            let value = if secret {
                HIDDEN.to_owned()
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            };
            (name.as_str().to_owned(), value)
        })
        .collect();
    shown.sort();
    shown
}

/// A body for the record.
pub(crate) fn shown_body(body: &[u8]) -> String {
    // What isn't JSON holds nothing that the simulator knows to be secret.
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            // Most bodies hold no secret: they are shown byte for byte.
            if hide(&mut value) {
                value.to_string()
            } else {
                String::from_utf8_lossy(body).into_owned()
            }
        }
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    text.char_indices()
        .take_while(|(at, _)| *at < MOST_BODY)
        .map(|(_, c)| c)
        .collect()
}

fn hide(value: &mut Value) -> bool {
    match value {
        Value::Object(object) => {
            let mut hidden = false;
            for (name, value) in object.iter_mut() {
                if matches!(
                    name.as_str(),
                    "authToken"
                        | "access_token"
                        | "callbackAuthorizationToken"
                        | "client_secret"
                        | "customerToken"
                        | "secret"
                        | "token"
                ) {
                    *value = HIDDEN.into();
                    hidden = true;
                } else {
                    hidden |= hide(value);
                }
            }
            hidden
        }
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |hidden, item| hide(item) | hidden),
        _ => false,
    }
}
