//! The JSON API for shop software, under `/v1`. Its document is `docs/openapi.json`, served at
//! `/v1/openapi.json`; its page is `docs/api.md`.
//!
//! | request | does |
//! |---|---|
//! | `POST /v1/payments` `{"order": "1001"}` | begins a payment of the shop's order |
//! | `GET /v1/payments?order=&state=&before=&limit=` | lists payments, the newest first |
//! | `GET /v1/payments/{reference}` | one payment |
//! | `GET /v1/payments/{reference}/customer` | who paid and where it goes: personal data |
//! | `POST /v1/payments/{reference}/capture` `{"amount": {"currency": "NOK", "value": 7990}}` | takes reserved money; without an amount what is left |
//! | `POST /v1/payments/{reference}/refund` | gives back taken money, in the same way |
//! | `POST /v1/payments/{reference}/cancel` | lets the payment go, or what is left of it |
//! | `POST /v1/quotes` `{"order": "1001", "to": {"country": "NO", "post_code": "0154"}}` | the deliveries that the shop offers |
//! | `GET /v1/events?after=&limit=` | what happened, in the order of its commits |
//! | `GET /v1/openapi.json` | the document; needs no key |
//!
//! A caller shows a shop's key (`Authorization: Bearer kasse_…`) and sees that shop alone. Those that
//! act on money take an `Idempotency-Key`: the same again is the same ask again. What is not done is
//! answered as `application/problem+json` ([`crate::admin::ProblemDetails`], RFC 9457), with who must
//! act. Personal data is in no answer but `/customer`.
//!
//! An order is named by its id in the shop's engine; the adapter reads it there.

mod door;
mod keys;
mod routes;
mod views;

use std::sync::Arc;

use kasse_core::Flow;

use crate::http::Work;

pub(crate) use keys::Keys;
pub use keys::{NewKey, new_key};
pub(crate) use routes::router;

/// The OpenAPI document of `/v1`.
pub const DOCUMENT: &str = include_str!("openapi.json");

/// What the answers are made with.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    flow: Flow,
    work: Work,
    keys: Arc<Keys>,
}

impl Api {
    pub(crate) fn new(flow: Flow, work: Work, keys: Keys) -> Self {
        Self {
            flow,
            work,
            keys: Arc::new(keys),
        }
    }
}
