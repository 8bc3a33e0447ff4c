//! What Vipps calls us with: the callback, the shipping call, the removal of a consent.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use kasse_core::api::{BadCall, Callback, ConsentRemoval, Inbound, ShippingCall};
use kasse_core::{Msn, QuotedOption, Reference};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::requests;
use crate::json::Object;
use crate::parts;

/// The largest body that is read.
const LARGEST: usize = 64 * 1024;
/// The longest id of a user or an address, in bytes. Vipps' schema says 50 characters for a user's.
const LONGEST_ID: usize = 200;
/// The longest line of an address, in characters.
const LONGEST_LINE: usize = 200;

/// A path of this API, not yet looked into.
enum Place<'p> {
    Callback { order_id: &'p str },
    Shipping { order_id: &'p str },
    Consent { secret: &'p str, user_id: &'p str },
}

/// Reads a call. `None`: not a path of the eCom API.
pub(crate) fn read(path: &str, request: &Request<Bytes>) -> Option<Result<Inbound, BadCall>> {
    let place = place(path.split(['?', '#']).next().unwrap_or_default())?;
    Some(understand(&place, request))
}

fn place(path: &str) -> Option<Place<'_>> {
    if let Some(rest) = path.strip_prefix("/v2/payments/") {
        return match rest.split_once('/') {
            None if !rest.is_empty() => Some(Place::Callback { order_id: rest }),
            Some((order_id, "shippingDetails")) => Some(Place::Shipping { order_id }),
            _ => None,
        };
    }
    let (secret, rest) = path.strip_prefix("/c/")?.split_once('/')?;
    // The rest is the user's id, even where it holds slashes that were not encoded.
    let user_id = rest.strip_prefix("v2/consents/")?;
    (!secret.is_empty() && !user_id.is_empty()).then_some(Place::Consent { secret, user_id })
}

fn understand(place: &Place<'_>, request: &Request<Bytes>) -> Result<Inbound, BadCall> {
    let method = match place {
        Place::Callback { .. } | Place::Shipping { .. } => Method::POST,
        Place::Consent { .. } => Method::DELETE,
    };
    if request.method() != method {
        return Err(bad(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("Only {method} is taken here."),
        ));
    }
    if request.body().len() > LARGEST {
        return Err(bad(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body has more than 64 KiB.",
        ));
    }
    match place {
        Place::Callback { order_id } => callback(reference(order_id)?, &object(request)?),
        Place::Shipping { order_id } => shipping(reference(order_id)?, &object(request)?),
        Place::Consent { secret, user_id } => consent(secret, user_id),
    }
}

/// The regular and the express form; what they say of the customer is read from the details.
fn callback(reference: Reference, body: &Object) -> Result<Inbound, BadCall> {
    let transaction = body.object("transactionInfo");
    let transaction = transaction.as_ref();
    Ok(Inbound::Callback(Callback {
        msn: body
            .text("merchantSerialNumber")
            .and_then(|msn| Msn::new(msn).ok()),
        body_reference: body
            .text("orderId")
            .filter(|id| id != reference.as_str())
            .map(|id| first(&id, 100)),
        amount: transaction.and_then(|t| t.integer("amount")),
        status: transaction
            .and_then(|t| t.text("status"))
            .map(|status| first(&status, 100)),
        reference,
    }))
}

fn shipping(reference: Reference, body: &Object) -> Result<Inbound, BadCall> {
    let address = parts::address(body)
        .filter(|address| !address.post_code.is_empty())
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
    Ok(Inbound::Shipping(ShippingCall {
        reference,
        address_id: address_id(body)?,
        address,
    }))
}

/// To be sent back as it came: a whole number, or a text.
fn address_id(body: &Object) -> Result<serde_json::Value, BadCall> {
    body.raw("addressId")
        .filter(|raw| raw.get().len() <= LONGEST_ID)
        .and_then(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).ok())
        .filter(|value| value.is_i64() || value.is_u64() || value.is_string())
        .ok_or_else(|| {
            bad(
                StatusCode::BAD_REQUEST,
                "addressId is neither a whole number nor a text.",
            )
        })
}

/// The id is decoded exactly once; a plus sign stays one, as in any path.
fn consent(secret: &str, user_id: &str) -> Result<Inbound, BadCall> {
    if secret.len() > LONGEST_ID {
        return Err(bad(StatusCode::NOT_FOUND, "There is no such address."));
    }
    let user_id: Cow<'_, str> = Some(user_id)
        .filter(|text| text.len() <= 3 * LONGEST_ID)
        .and_then(|text| percent_decode_str(text).decode_utf8().ok())
        .filter(|id| id.len() <= LONGEST_ID && !id.chars().any(char::is_control))
        .ok_or_else(|| bad(StatusCode::BAD_REQUEST, "The user's id cannot be read."))?;
    Ok(Inbound::Consent(ConsentRemoval {
        secret: secret.to_owned(),
        user_id: user_id.into_owned(),
    }))
}

fn reference(text: &str) -> Result<Reference, BadCall> {
    Reference::new(text)
        .map_err(|_| bad(StatusCode::NOT_FOUND, "No payment can have this orderId."))
}

fn object(request: &Request<Bytes>) -> Result<Object, BadCall> {
    Object::read(request.body())
        .ok_or_else(|| bad(StatusCode::BAD_REQUEST, "The body is not a JSON object."))
}

fn bad(status: StatusCode, why: impl Into<String>) -> BadCall {
    BadCall {
        status,
        why: why.into(),
    }
}

fn first(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ShippingAnswer<'a> {
    address_id: &'a serde_json::Value,
    order_id: &'a str,
    shipping_details: Vec<requests::ShippingDetails<'a>>,
}

/// Our answer to the shipping call. A list that eCom cannot carry (another currency, a price below
/// nothing) never leaves: 500, which Vipps shows as "Payment failed".
pub(crate) fn shipping_answer(call: &ShippingCall, options: &[QuotedOption]) -> Response<Bytes> {
    let body = requests::shipping_details(options)
        .ok()
        .and_then(|shipping_details| {
            let answer = ShippingAnswer {
                address_id: &call.address_id,
                order_id: call.reference.as_str(),
                shipping_details,
            };
            serde_json::to_vec(&answer).ok()
        });
    let Some(body) = body else {
        tracing::error!(reference = %call.reference, "the deliveries cannot be written for Vipps");
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return answer;
    };
    let mut answer = Response::new(Bytes::from(body));
    answer.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    answer
}
