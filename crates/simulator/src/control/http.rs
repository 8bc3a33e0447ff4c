//! The controls over HTTP: JSON under `/__simulator/`.

use std::time::Duration;

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Approval, Control, ControlError, PREFIX};
use crate::customer::Address;
use crate::ecom::callback::Forgery;
use crate::exchanges::{Direction, ExchangeFilter};
use crate::faults::Fault;
use crate::options::SalesUnit;
use crate::server::{Received, Reply};
use crate::webhooks::forge::WebhookForgery;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Shipping {
    address: Option<Address>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Amount {
    amount: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InThreeDs {
    inside: bool,
}

/// Answers a call to the controls.
pub(crate) async fn handle(control: &Control, received: Received) -> Reply {
    match route(control, &received).await {
        Ok(value) => Reply::json(StatusCode::OK, &value),
        Err((status, message)) => Reply::json(status, &json!({ "error": message })),
    }
}

type Refused = (StatusCode, String);

async fn route(control: &Control, received: &Received) -> Result<Value, Refused> {
    // A page that the developer has open elsewhere must not steer the simulator.
    if received.method != Method::GET && received.headers.contains_key(http::header::ORIGIN) {
        return Err((
            StatusCode::FORBIDDEN,
            "the controls are not for browsers' scripts".to_owned(),
        ));
    }
    let path = received.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let segments: Vec<String> = path
        .split('/')
        .map(|s| {
            percent_decode_str(s)
                .decode_utf8()
                .map(|s| s.into_owned())
                .unwrap_or_default()
        })
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let body = received.body.as_ref();
    match (received.method.as_str(), segments.as_slice()) {
        ("GET", ["health"]) => Ok(json!({ "status": "ok" })),
        ("GET", ["clock"]) => Ok(json!({ "now": control.now() })),
        ("POST", ["clock"]) => {
            let Advance { advance_seconds } = read(body)?;
            let now = control.advance(Duration::from_secs(advance_seconds)).await;
            Ok(json!({ "now": now }))
        }
        ("GET", ["payments"]) => shown(control.payments()),
        ("GET", ["payments", msn, order]) => result(control.payment(msn, order)),
        ("POST", ["payments", msn, order, "open"]) => result(control.open(msn, order)),
        ("POST", ["payments", msn, order, "approve"]) => {
            let approval: Approval = read_or_default(body)?;
            result(control.approve(msn, order, approval).await)
        }
        ("POST", ["payments", msn, order, "reject"]) => result(control.reject(msn, order).await),
        ("POST", ["payments", msn, order, "decline"]) => result(control.decline(msn, order)),
        ("POST", ["payments", msn, order, "in-3ds"]) => {
            let InThreeDs { inside } = read(body)?;
            result(control.set_in_3ds(msn, order, inside))
        }
        ("POST", ["payments", msn, order, "shipping"]) => {
            let Shipping { address } = read_or_default(body)?;
            result(control.shipping(msn, order, address).await)
        }
        ("POST", ["payments", msn, order, "portal", "capture"]) => {
            let Amount { amount } = read_or_default(body)?;
            result(control.portal_capture(msn, order, amount))
        }
        ("POST", ["payments", msn, order, "portal", "refund"]) => {
            let Amount { amount } = read_or_default(body)?;
            result(control.portal_refund(msn, order, amount))
        }
        ("POST", ["payments", msn, order, "portal", "cancel"]) => {
            result(control.portal_cancel(msn, order))
        }
        ("POST", ["payments", msn, order, "forge-callback"]) => {
            let forgery: Forgery = read_or_default(body)?;
            result(control.forge_callback(msn, order, forgery).await)
        }
        ("POST", ["payments", msn, order, "call"]) => {
            result(control.call(msn, order, read(body)?).await)
        }
        ("POST", ["payments", msn, order, "forge-webhook"]) => {
            let forgery: WebhookForgery = read_or_default(body)?;
            result(control.forge_webhook(msn, order, forgery).await)
        }
        ("GET", ["webhooks"]) => shown(control.webhooks()),
        ("DELETE", ["webhooks", id]) => result(control.drop_webhook(id)),
        ("POST", ["webhooks", "deliver"]) => {
            control.deliver_webhooks().await;
            shown(control.webhooks())
        }
        ("POST", ["consents", user, "remove"]) => shown(control.remove_consent(user).await),
        ("GET", ["faults"]) => shown(control.faults()),
        ("POST", ["faults"]) => {
            let fault: Fault = read(body)?;
            result(control.add_fault(fault))
        }
        ("DELETE", ["faults"]) => {
            control.clear_faults();
            Ok(Value::Null)
        }
        ("POST", ["units"]) => {
            let unit: SalesUnit = read(body)?;
            result(control.add_unit(unit))
        }
        ("GET", ["exchanges"]) => shown(control.exchanges(&filter(received)?)),
        _ => Err((
            StatusCode::NOT_FOUND,
            format!("there is no control {} /{path}", received.method),
        )),
    }
}

fn filter(received: &Received) -> Result<ExchangeFilter, Refused> {
    let mut filter = ExchangeFilter::default();
    let query = received.uri.query().unwrap_or_default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match (name.as_ref(), value.as_ref()) {
            ("orderId", order) => filter.order_id = Some(order.to_owned()),
            ("direction", "in") => filter.direction = Some(Direction::In),
            ("direction", "out") => filter.direction = Some(Direction::Out),
            (name, value) => {
                return Err((
                    StatusCode::BAD_REQUEST,
                    format!("exchanges have no filter {name}={value}"),
                ));
            }
        }
    }
    Ok(filter)
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|e| {
        (
            StatusCode::BAD_REQUEST,
            format!("the body can't be read: {e}"),
        )
    })
}

fn read_or_default<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Refused> {
    if body.iter().all(u8::is_ascii_whitespace) {
        Ok(T::default())
    } else {
        read(body)
    }
}

fn shown(value: impl Serialize) -> Result<Value, Refused> {
    serde_json::to_value(value).map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))
}

fn result(done: Result<impl Serialize, ControlError>) -> Result<Value, Refused> {
    match done {
        Ok(value) => shown(value),
        Err(error) => {
            let status = match error {
                ControlError::NotFound { .. } => StatusCode::NOT_FOUND,
                ControlError::Conflict(_) => StatusCode::CONFLICT,
                ControlError::Invalid(_) => StatusCode::BAD_REQUEST,
            };
            Err((status, error.to_string()))
        }
    }
}
