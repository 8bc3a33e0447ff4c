//! Bad moments that are taken for a final no, and a final no that is asked again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::{ApiError, Caller, MemoryLimits, PaymentApi};
use kasse_core::{Ask, ErrorKind, TransportError};
use kasse_testkit::Broken;
use kasse_vipps::Ecom;
use serde_json::{Value, json};

use super::Mutant;
use crate::bent;

type Answer = Result<Response<Bytes>, TransportError>;

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "retry: locked counts as refused",
            broken: bent::wire! { answer: locked_is_final },
        },
        Mutant {
            name: "retry: Retry-After is not read",
            broken: bent::wire! { answer: at_once },
        },
        Mutant {
            name: "retry: 503 counts as refused",
            broken: bent::transport! { answer: unavailable_is_final },
        },
        Mutant {
            name: "retry: a new key each time",
            broken: Broken {
                rule: Some("new-key"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "retry: a capture is waited for as long as it takes",
            broken: Broken {
                transport: bent::transport! { limit: Duration::from_secs(300) }.transport,
                ..bent::adapter! { read: patient }
            },
        },
        Mutant {
            name: "retry: what is unclear is sent again before it is read",
            broken: bent::transport! { again: unclear },
        },
        Mutant {
            name: "retry: an answer that cannot be read is asked for again",
            broken: bent::transport! { again: cut_start },
        },
        Mutant {
            name: "retry: an answer that cannot be read is a failure",
            broken: bent::transport! { answer: cut_is_final },
        },
        Mutant {
            name: "retry: a token that is refused is not renewed",
            broken: bent::transport! { answer: no_renewal },
        },
        Mutant {
            name: "retry: a token for each call",
            broken: bent::transport! { answer: short_lived },
        },
        Mutant {
            name: "retry: a token for ever",
            broken: bent::transport! { answer: long_lived },
        },
        Mutant {
            name: "retry: a final no is asked again",
            broken: bent::wire! { answer: final_is_not },
        },
        Mutant {
            name: "retry: Vipps' limits are not kept",
            broken: bent::wire! { anew: unlimited, caller: uncounted },
        },
    ]
}

/// The HTTP status that Vipps refused with, where it is Vipps' own word.
fn status(error: &ApiError) -> Option<u16> {
    match &error.error().kind {
        ErrorKind::Vipps { status, .. } => Some(*status),
        _ => None,
    }
}

fn locked_is_final(answer: &mut Result<(), ApiError>) {
    if let Err(error) = answer
        && status(error) == Some(423)
    {
        *answer = Err(ApiError::Refused(error.error().clone()));
    }
}

fn at_once(answer: &mut Result<(), ApiError>) {
    if let Err(ApiError::Again { after, .. }) = answer {
        *after = None;
    }
}

fn final_is_not(answer: &mut Result<(), ApiError>) {
    if let Err(error @ ApiError::Refused(_)) = answer
        && status(error) == Some(400)
    {
        *answer = Err(ApiError::Again {
            error: error.error().clone(),
            after: None,
        });
    }
}

fn patient(ask: &mut Ask) {
    ask.answer_by = Some(Timestamp::MAX);
}

fn unlimited() -> Arc<dyn PaymentApi> {
    Arc::new(Ecom::new())
}

fn uncounted(caller: &mut Caller) {
    caller.limits = Arc::new(MemoryLimits::default());
}

/// The answer becomes this status, without a body.
fn becomes(answer: &mut Answer, status: StatusCode) {
    let mut refused = Response::new(Bytes::new());
    *refused.status_mut() = status;
    *answer = Ok(refused);
}

fn unavailable_is_final(_: &Request<Bytes>, answer: &mut Answer) {
    if answer.as_ref().is_ok_and(|answer| answer.status() == 503) {
        becomes(answer, StatusCode::BAD_REQUEST);
    }
}

fn no_renewal(_: &Request<Bytes>, answer: &mut Answer) {
    if answer.as_ref().is_ok_and(|answer| answer.status() == 401) {
        becomes(answer, StatusCode::FORBIDDEN);
    }
}

fn unclear(request: &Request<Bytes>, answer: &Answer) -> bool {
    request.uri().path().ends_with("/capture")
        && match answer {
            Ok(answer) => {
                answer.status() == 400 && !answer.body().windows(4).any(|w| w == b"\"61\"")
            }
            Err(_) => true,
        }
}

fn is_cut(answer: &Answer) -> bool {
    answer.as_ref().is_ok_and(|answer| {
        answer.status().is_success() && serde_json::from_slice::<Value>(answer.body()).is_err()
    })
}

fn cut_start(request: &Request<Bytes>, answer: &Answer) -> bool {
    request.uri().path().ends_with("/payments") && is_cut(answer)
}

fn cut_is_final(_: &Request<Bytes>, answer: &mut Answer) {
    if is_cut(answer) {
        becomes(answer, StatusCode::BAD_REQUEST);
    }
}

/// Sets how long a token lives.
fn lives(request: &Request<Bytes>, answer: &mut Answer, seconds: u64) {
    if let Ok(answer) = answer
        && request.uri().path() == "/accesstoken/get"
        && let Ok(mut body) = serde_json::from_slice::<Value>(answer.body())
    {
        body["expires_in"] = json!(seconds.to_string());
        *answer.body_mut() = Bytes::from(body.to_string());
    }
}

fn short_lived(request: &Request<Bytes>, answer: &mut Answer) {
    lives(request, answer, 1);
}

fn long_lived(request: &Request<Bytes>, answer: &mut Answer) {
    lives(request, answer, 30 * 24 * 3600);
}
