//! WooCommerce's own webhooks, where a shop has set some up: something happened to an order. They say
//! nothing that is relied upon. Bodies are made when they are sent, several changes become one, none
//! is repeated: each is a reason to have another look, and no more.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, StatusCode, header};
use kasse_core::{Ask, OrderId, OrderRef, Refusal, ShopId, Verb, piece};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::calls::{Asked, ask, order_ref, taken};

/// What is read of a delivery: an order has `id`, what happened to one has `arg`.
#[derive(Debug, Deserialize)]
struct Delivery {
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    arg: Option<u64>,
}

/// Reads a webhook.
///
/// # Errors
/// 401 where WooCommerce did not sign it, 400 where it cannot be read.
pub(crate) fn read(
    secret: Option<&SecretString>,
    shop: &ShopId,
    request: &Request<Bytes>,
) -> Result<Ask, Box<Refusal>> {
    let refuse = |status, why| Err(piece::refuse(status, why));
    let Some(secret) = secret else {
        let why = "`webhook_secret` is not configured";
        return refuse(StatusCode::UNAUTHORIZED, why);
    };
    if is_ping(request) {
        return answered(shop);
    }
    if !signed(secret, request) {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "its signature is not WooCommerce's",
        );
    }
    let topic = request.headers().get("x-wc-webhook-topic");
    let topic = topic
        .and_then(|topic| topic.to_str().ok())
        .unwrap_or_default();
    let about = if topic.starts_with("order.") {
        |delivery: &Delivery| delivery.id
    } else if topic.starts_with("action.woocommerce_") {
        |delivery: &Delivery| delivery.arg
    } else {
        // A product, a coupon, a customer.
        return answered(shop);
    };
    let delivery = serde_json::from_slice::<Delivery>(request.body());
    let Some(id) = delivery.ok().as_ref().and_then(about) else {
        return refuse(StatusCode::BAD_REQUEST, "it names no order");
    };
    order_ref(shop, &id.to_string())
        .and_then(|at| ask(at, Verb::Changed, &Asked::Webhook))
        .or_else(|_| refuse(StatusCode::BAD_REQUEST, "it names no order"))
}

/// When a webhook is set up, WooCommerce tries the address: a form of `webhook_id=1`, not signed.
fn is_ping(request: &Request<Bytes>) -> bool {
    let form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| {
            kind.as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        });
    let id = request.body().strip_prefix(b"webhook_id=");
    form && id.is_some_and(|id| !id.is_empty() && id.iter().all(u8::is_ascii_digit))
}

/// The answer is all: it is about no order.
fn answered(shop: &ShopId) -> Result<Ask, Box<Refusal>> {
    let nothing = OrderId::new("none")
        .map_err(|error| piece::refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))?;
    let at = OrderRef::new(shop.clone(), nothing);
    Ok(Ask::new(Verb::Answered(taken()), at))
}

fn signed(secret: &SecretString, request: &Request<Bytes>) -> bool {
    let given = request.headers().get("x-wc-webhook-signature");
    // HMAC takes keys of every length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
        return false;
    };
    mac.update(request.body());
    let expected = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    given.is_some_and(|given| expected.as_bytes().ct_eq(given.as_bytes()).into())
}
