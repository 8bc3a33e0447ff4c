//! What Vipps calls us with for one payment: the shipping call of an express payment with dynamic
//! deliveries. That something has happened it tells by webhooks, which are a sales unit's.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use kasse_core::api::{BadCall, Inbound, ShippingCall};
use kasse_core::{QuotedOption, Reference};
use serde::Serialize;

use super::{answers, requests};
use crate::json::Object;
use crate::parts;

/// What the path of a shipping call begins with; the payment's reference follows. Vipps adds nothing
/// to the address that a payment names.
pub(super) const SHIPPING: &str = "/x/";
/// The largest body that is read.
const LARGEST: usize = 64 * 1024;
/// The longest line of an address, in characters.
const LONGEST_LINE: usize = 200;

/// Reads a call. `None`: not a path of the ePayment API.
pub(super) fn read(path: &str, request: &Request<Bytes>) -> Option<Result<Inbound, BadCall>> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let reference = path.strip_prefix(SHIPPING)?;
    if reference.is_empty() || reference.contains('/') {
        return None;
    }
    Some(understand(reference, request).map(Inbound::Shipping))
}

fn understand(reference: &str, request: &Request<Bytes>) -> Result<ShippingCall, BadCall> {
    if request.method() != Method::POST {
        return Err(bad(
            StatusCode::METHOD_NOT_ALLOWED,
            "Only POST is taken here.",
        ));
    }
    if request.body().len() > LARGEST {
        return Err(bad(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body has more than 64 KiB.",
        ));
    }
    let reference = Reference::new(reference)
        .map_err(|_| bad(StatusCode::NOT_FOUND, "No payment can have this reference."))?;
    let body = Object::read(request.body())
        .ok_or_else(|| bad(StatusCode::BAD_REQUEST, "The body is not a JSON object."))?;
    if body
        .text("reference")
        .is_some_and(|named| named != reference.as_str())
    {
        return Err(bad(
            StatusCode::BAD_REQUEST,
            "The body names another payment than the address.",
        ));
    }
    // Any Nordic customer can pay any Nordic merchant: a country that is not said is not known.
    if body.text("country").is_none() {
        return Err(bad(StatusCode::BAD_REQUEST, "The address has no country."));
    }
    let address = parts::address(&body)
        .filter(|address| !address.post_code.is_empty())
        .map(answers::once)
        .ok_or_else(|| bad(StatusCode::BAD_REQUEST, "The address has no post code."))?;
    let lines = [
        &address.line1,
        &address.line2,
        &address.post_code,
        &address.city,
        &address.country,
    ];
    if lines
        .iter()
        .any(|line| line.chars().count() > LONGEST_LINE || line.chars().any(char::is_control))
    {
        return Err(bad(
            StatusCode::BAD_REQUEST,
            "The address has a line that is too long, or control characters.",
        ));
    }
    Ok(ShippingCall {
        reference,
        // This generation numbers no addresses.
        address_id: serde_json::Value::Null,
        address,
    })
}

fn bad(status: StatusCode, why: &str) -> BadCall {
    BadCall {
        status,
        why: why.into(),
    }
}

#[derive(Serialize)]
struct ShippingAnswer<'a> {
    groups: Vec<requests::Group<'a>>,
}

/// Our answer to the shipping call. No deliveries: 400, which the app shows as "not there". A list
/// that cannot be sent (two currencies, a price below nothing) never leaves: 500.
pub(super) fn shipping_answer(call: &ShippingCall, options: &[QuotedOption]) -> Response<Bytes> {
    if options.is_empty() {
        return only(StatusCode::BAD_REQUEST);
    }
    let body = requests::groups(options)
        .ok()
        .and_then(|groups| serde_json::to_vec(&ShippingAnswer { groups }).ok());
    let Some(body) = body else {
        tracing::error!(reference = %call.reference, "the deliveries cannot be written for Vipps");
        return only(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut answer = Response::new(Bytes::from(body));
    answer.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    answer
}

fn only(status: StatusCode) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    answer
}
