//! What those are answered that are turned away, each in a shape that they know: nothing was begun, and
//! when to come again.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use kasse_core::Flow;
use kasse_core::piece::{self, Answer};

use crate::problem::ProblemDetails;

/// Come again after so many seconds.
const AGAIN: u32 = 5;

/// Who asks, as far as the answer goes by it.
#[derive(Debug)]
pub(crate) enum Asker {
    ShopSoftware,
    Engine,
    /// A customer who comes back, with what the page is made of.
    Customer {
        path: String,
        headers: HeaderMap,
    },
    /// Vipps, and everybody else.
    Other,
}

impl Asker {
    pub(crate) fn of(request: &Request) -> Self {
        let path = request.uri().path();
        match path.split('/').nth(1) {
            Some("v1") => Self::ShopSoftware,
            Some("engine") => Self::Engine,
            Some("return") => {
                let language = request.headers().get(ACCEPT_LANGUAGE).cloned();
                let headers = language.map(|language| (ACCEPT_LANGUAGE, language));
                Self::Customer {
                    path: path.to_owned(),
                    headers: headers.into_iter().collect(),
                }
            }
            _ => Self::Other,
        }
    }

    /// 503, in this asker's shape.
    pub(crate) fn turn_away(&self, flow: &Flow) -> Response {
        let mut answer = match self {
            Self::ShopSoftware => ProblemDetails::of_http(
                "overloaded",
                StatusCode::SERVICE_UNAVAILABLE,
                "There is too much to do",
                "kasse was asked more than it can do at the moment. Nothing was done.",
                "Send it again after the seconds of Retry-After, with the same Idempotency-Key.",
            )
            .into_response(),
            // Not refused: it may be asked again.
            Self::Engine => {
                let answer = Answer {
                    message: Some(
                        "There is too much to do at the moment, and nothing was begun. Try again in a moment."
                            .to_owned(),
                    ),
                    ..Answer::default()
                };
                piece::respond(StatusCode::SERVICE_UNAVAILABLE, &answer).map(Body::from)
            }
            Self::Customer { path, headers } => {
                flow.page_for_later(path, headers, AGAIN).map(Body::from)
            }
            Self::Other => (
                StatusCode::SERVICE_UNAVAILABLE,
                "There is too much to do at the moment. Nothing was done; come again.\n",
            )
                .into_response(),
        };
        let headers = answer.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(AGAIN));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }
}
