//! What every request passes: the key, and the shape of what is refused.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Api;
use crate::problem::{ProblemDetails, too_many, unauthorised};

const SCHEME: &[u8] = b"Bearer ";

/// Lets in who shows a key, and notes whose it is. All paths alike, so that nothing is learnt
/// without one.
pub(super) async fn authenticate(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = only(request.headers(), &AUTHORIZATION)
        .and_then(|value| value.as_bytes().split_at_checked(SCHEME.len()))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(SCHEME))
        .map(|(_, shown)| shown)
        .and_then(|shown| api.keys.caller(shown));
    let mut answer = match caller {
        Some(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        None => match api.keys.wrong() {
            None => unauthorised(
                "the key is missing or wrong.",
                "Send `Authorization: Bearer` and a key of the shop; `kasse config key` makes one.",
            ),
            Some(left) => too_many(
                "too many wrong keys came.",
                "Wait, and send a right one.",
                left.as_secs() + 1,
            ),
        },
    };
    answer
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The value of a header that may be there once. Of two, somebody on the way here may have looked at
/// the other.
pub(super) fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

/// What was refused on the way (a body too large, a method that is not there, no time left) gets the
/// same shape as all else.
pub(super) async fn in_one_shape(request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    let status = answer.status();
    let told = answer
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes() == b"application/problem+json");
    if told || !(status.is_client_error() || status.is_server_error()) {
        return answer;
    }
    let (word, title, detail, advice) = match status {
        StatusCode::NOT_FOUND => (
            "not_found",
            "There is no such page",
            "the address is not one of the API's.",
            "See /v1/openapi.json.",
        ),
        StatusCode::METHOD_NOT_ALLOWED => (
            "method_not_allowed",
            "That cannot be asked here",
            "the address does not take this method.",
            "See /v1/openapi.json.",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            "too_large",
            "The request was not read",
            "its body is larger than 1 MiB.",
            "Send less.",
        ),
        StatusCode::REQUEST_TIMEOUT => (
            "too_slow",
            "The request was not read",
            "its body did not come in time.",
            "Send it again.",
        ),
        StatusCode::GATEWAY_TIMEOUT => (
            "too_late",
            "The answer did not come in time",
            "the work goes on.",
            "Ask again with the same Idempotency-Key, or look at the payment.",
        ),
        status if status.is_server_error() => (
            "bug",
            "Something in kasse is wrong",
            "an answer could not be made.",
            "Please report it, with the log's lines.",
        ),
        _ => (
            "invalid",
            "The request cannot be read",
            "it is not HTTP as it is expected here.",
            "See /v1/openapi.json.",
        ),
    };
    let problem = ProblemDetails::of_http(word, status, title, detail, advice).into_response();
    // What else was said stays: which methods there are, that it is not to be kept.
    let (mut told, body) = problem.into_parts();
    let (parts, _) = answer.into_parts();
    for (name, value) in &parts.headers {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            told.headers.insert(name.clone(), value.clone());
        }
    }
    Response::from_parts(told, body)
}
