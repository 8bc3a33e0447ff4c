//! What no request may be, whatever it asks for. hyper refuses what is no HTTP; here is refused what
//! is HTTP, and what two servers one behind the other could read in two ways (RFC 9112).

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Version};

/// Why a request is not looked at.
pub(crate) fn refused(request: &Parts) -> Option<&'static str> {
    if request.method == Method::CONNECT {
        return Some("kasse is no proxy.");
    }
    if !request.uri.path().starts_with('/') {
        return Some("The address is no path.");
    }
    // What it says is believed for nothing. But where there are two, somebody reads the other.
    let mut hosts = request.headers.get_all(HOST).iter();
    let first = hosts.next();
    if hosts.next().is_some() || (first.is_none() && request.version >= Version::HTTP_11) {
        return Some("A request has one Host.");
    }
    let mut codings = request.headers.get_all(TRANSFER_ENCODING).iter();
    let known = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"chunked");
    if codings.next().is_some_and(|coding| !known(coding)) || codings.next().is_some() {
        return Some("The only Transfer-Encoding is chunked.");
    }
    None
}

/// The answer to it, and the end of the connection.
pub(crate) fn answer(why: &'static str) -> Response<Body> {
    let mut answer = (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response();
    close(&mut answer);
    answer
}

/// Was the end of the request's body found in the body itself?
///
/// Then nothing more is read after it: whoever took its end for another, on the way here, gets no
/// second request out of it.
pub(crate) fn ends_the_connection(request: &Parts) -> bool {
    request.headers.contains_key(TRANSFER_ENCODING)
}

/// Says that the connection ends with this answer.
pub(crate) fn close(answer: &mut Response<Body>) {
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
}
