//! A request to Vipps with all headers but the access token, which is added when it is sent.

use bytes::Bytes;
use http::{Method, Request, Uri};
use kasse_core::api::Caller;
use kasse_core::{Error, ErrorKind, Who};
use serde::Serialize;

use crate::headers;

/// Room for most bodies, which then do not move while they are written.
const ROOM: usize = 1024;

/// A request without a body.
pub(crate) fn empty(caller: &Caller, method: Method, path: &str) -> Result<Request<Bytes>, Error> {
    build(caller, method, path, Bytes::new())
}

/// A request with a JSON body.
pub(crate) fn with_body(
    caller: &Caller,
    method: Method,
    path: &str,
    body: &impl Serialize,
) -> Result<Request<Bytes>, Error> {
    let mut written = Vec::with_capacity(ROOM);
    serde_json::to_writer(&mut written, body).map_err(|error| {
        Error::bug(
            "Vipps cannot be called",
            format!("the body cannot be written: {error}."),
        )
    })?;
    let mut request = build(caller, method, path, written.into())?;
    headers::json(&mut request);
    Ok(request)
}

fn build(
    caller: &Caller,
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Request<Bytes>, Error> {
    let base = caller.account.environment.base();
    let uri = Uri::try_from([base, path].concat()).map_err(|_| {
        Error::new(
            ErrorKind::Configuration,
            Who::Merchant,
            "Vipps cannot be called",
            format!(
                "the address of the account {} cannot be used.",
                caller.account.id
            ),
            "Correct the account's environment.",
        )
    })?;
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    headers::identify(&mut request, caller)?;
    Ok(request)
}
