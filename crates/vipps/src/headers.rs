//! The headers of every request ("HTTP headers").

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Request};
use kasse_core::api::Caller;
use kasse_core::{Error, ErrorKind, Who};
use secrecy::{ExposeSecret, SecretString};

const SUBSCRIPTION_KEY: HeaderName = HeaderName::from_static("ocp-apim-subscription-key");
const MSN: HeaderName = HeaderName::from_static("merchant-serial-number");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// More headers than any request has: its map is not made larger while they are added.
const MOST: usize = 12;

/// Adds who calls: subscription key, sales unit, system and plugin.
pub(crate) fn identify<B>(request: &mut Request<B>, caller: &Caller) -> Result<(), Error> {
    request.headers_mut().reserve(MOST);
    secret(request, SUBSCRIPTION_KEY, &caller.account.subscription_key)?;
    plain(request, MSN, caller.account.msn.as_str())?;
    for (name, value) in caller.system.sent() {
        request.headers_mut().insert(name.clone(), value.clone());
    }
    Ok(())
}

/// Takes the subscription key off again: the Userinfo API may not want it.
pub(crate) fn leave_out_subscription_key<B>(request: &mut Request<B>) {
    request.headers_mut().remove(SUBSCRIPTION_KEY);
}

/// Adds the access token, with the word `Bearer`: without it Vipps answers 401.
pub(crate) fn authorise<B>(request: &mut Request<B>, token: &SecretString) -> Result<(), Error> {
    let bearer = SecretString::from(format!("Bearer {}", token.expose_secret()));
    secret(request, AUTHORIZATION, &bearer)
}

/// Says that the body is JSON.
pub(crate) fn json<B>(request: &mut Request<B>) {
    request
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
}

/// Adds the key under which the eCom API does a capture or a refund once.
pub(crate) fn request_id<B>(request: &mut Request<B>, key: &str) -> Result<(), Error> {
    plain(request, REQUEST_ID, key)
}

/// Adds the key under which the ePayment API does what changes something once.
pub(crate) fn idempotency_key<B>(request: &mut Request<B>, key: &str) -> Result<(), Error> {
    plain(request, IDEMPOTENCY_KEY, key)
}

pub(crate) fn plain<B>(
    request: &mut Request<B>,
    name: HeaderName,
    text: &str,
) -> Result<(), Error> {
    let value = HeaderValue::from_str(text).map_err(|_| unsendable(&name))?;
    request.headers_mut().insert(name, value);
    Ok(())
}

/// A value that neither `Debug` nor HTTP/2's compression tables may keep.
pub(crate) fn secret<B>(
    request: &mut Request<B>,
    name: HeaderName,
    text: &SecretString,
) -> Result<(), Error> {
    let mut value = HeaderValue::from_str(text.expose_secret()).map_err(|_| unsendable(&name))?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

fn unsendable(name: &HeaderName) -> Error {
    Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        "Vipps cannot be called",
        format!("the value for the header {name} has characters that no header can hold."),
        "Copy the account's keys from Vipps' portal again, without spaces or line breaks.",
    )
}
