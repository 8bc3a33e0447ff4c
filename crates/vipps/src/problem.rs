//! Errors of the APIs that came after eCom: `application/problem+json` ("ePayment guide, errors"),
//! and what comes in its place: from the gateway, from an older API, from a proxy.
//!
//! What may be done next is decided by HTTP status and code, never by a text.

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::ApiError;
use kasse_core::{Error, ErrorKind, Who, quotable};
use serde_json::value::RawValue;

use crate::json::{Object, scalar};
use crate::outcome::{REPORT, retry_after};

/// The lists in which an error says more, of the fields among other things. Each API has its own.
const DETAILS: [&str; 2] = ["extraDetails", "invalidParams"];
/// How many fields are named.
const MOST_FIELDS: usize = 5;

/// What an error body says, of whatever shape.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The number of the error, as text: `6090`.
    pub(crate) code: Option<String>,
    /// The first field that was not taken, where there is no number.
    pub(crate) field: Option<String>,
    /// `traceId`, for Vipps' support.
    trace: Option<String>,
    message: String,
}

impl Problem {
    /// Reads a body: a problem, Azure's two shapes, eCom's errors, a text, a list of either.
    /// Anything else (an HTML page, nothing) says nothing.
    pub(crate) fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Vec<Box<RawValue>>>(body) {
            Ok(items) => items
                .iter()
                .map(|item| Self::of_value(item))
                .find(|said| *said != Self::default())
                .unwrap_or_default(),
            Err(_) => match serde_json::from_slice::<Box<RawValue>>(body) {
                Ok(raw) => Self::of_value(&raw),
                Err(_) => Self::of_words(body),
            },
        }
    }

    fn of_value(raw: &RawValue) -> Self {
        match Object::read(raw.get().as_bytes()) {
            Some(object) => Self::of_object(&object),
            None => Self {
                message: scalar(raw).unwrap_or_default(),
                ..Self::default()
            },
        }
    }

    fn of_object(object: &Object) -> Self {
        let details = details(object);
        let of_details = details
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("ErrorCode"))
            .map(|(_, reason)| reason.clone());
        // eCom has a group to each of its numbers, and they are others.
        let of_body = || {
            object
                .text("errorCode")
                .filter(|_| object.raw("errorGroup").is_none())
        };
        let code = of_details.or_else(of_body).map(bounded);
        let fields: Vec<_> = details
            .into_iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("ErrorCode"))
            .take(MOST_FIELDS)
            .collect();
        let field = match &code {
            Some(_) => None,
            None => fields.first().map(|(name, _)| bounded(quotable(name))),
        };
        let message = if field.is_some() {
            let fields = fields.iter().map(|(name, reason)| {
                if reason.is_empty() {
                    name.clone()
                } else {
                    format!("{name}: {reason}")
                }
            });
            fields.collect::<Vec<_>>().join("; ")
        } else {
            words(object)
        };
        Self {
            code,
            field,
            trace: object
                .text("traceId")
                .or_else(|| object.text("contextId"))
                .map(bounded),
            message,
        }
    }

    /// A bare text; not a page for browsers.
    fn of_words(body: &[u8]) -> Self {
        let text = std::str::from_utf8(body).unwrap_or_default().trim();
        let plain = !text.starts_with(['<', '{', '[', '"']);
        Self {
            message: if plain {
                text.to_owned()
            } else {
                String::new()
            },
            ..Self::default()
        }
    }

    /// The kind of the error. `group` is the API's name: it stands with what names an error of that
    /// API, and not with what a gateway says.
    pub(crate) fn kind(
        &self,
        group: &str,
        status: StatusCode,
        earliest: Option<Timestamp>,
    ) -> ErrorKind {
        let named = self.code.as_ref().or(self.field.as_ref());
        match (earliest, named) {
            (Some(until), _) if status == StatusCode::TOO_MANY_REQUESTS => {
                ErrorKind::RateLimited { until }
            }
            (_, None) if status.is_server_error() => ErrorKind::VippsUnavailable,
            _ => ErrorKind::Vipps {
                status: status.as_u16(),
                group: named.map(|_| group.to_owned()).unwrap_or_default(),
                code: named.cloned().unwrap_or_default(),
                context: self.trace.clone(),
            },
        }
    }

    /// Why it was refused: what the table says of it, else what can be said without, and Vipps' own
    /// words.
    pub(crate) fn why(&self, status: StatusCode, meaning: Option<&str>) -> String {
        let mut why = match (meaning, &self.code, &self.field) {
            (Some(meaning), ..) => meaning.to_owned(),
            (None, Some(code), _) => format!(
                "Vipps answered {} with the error {}, which kasse does not know.",
                status.as_u16(),
                quotable(code)
            ),
            (None, None, Some(field)) => format!("Vipps does not take the field {field}."),
            (None, None, None) => format!("Vipps answered {}.", status.as_u16()),
        };
        let message = quotable(&self.message);
        if !message.is_empty() {
            why.push_str(&format!(" Vipps says: \"{message}\""));
        }
        why
    }
}

/// The details, as names and reasons.
fn details(object: &Object) -> Vec<(String, String)> {
    let listed = DETAILS.iter().flat_map(|list| object.objects(list));
    let mut details: Vec<_> = listed
        .filter_map(|detail| {
            let reason = detail.text("reason").or_else(|| detail.text("text"));
            Some((detail.text("name")?, reason.unwrap_or_default()))
        })
        .collect();
    // A third shape: each field with a list of reasons.
    if let Some(errors) = object.object("errors") {
        details.extend(errors.entries().map(|(name, reasons)| {
            let first = serde_json::from_str::<Vec<String>>(reasons.get())
                .ok()
                .and_then(|reasons| reasons.into_iter().next())
                .or_else(|| scalar(reasons));
            (name.to_owned(), first.unwrap_or_default())
        }));
    }
    details
}

/// What an object says in words, wherever it says it.
fn words(object: &Object) -> String {
    let title = object.text("title");
    let detail = object.text("detail");
    if let (Some(title), Some(detail)) = (&title, &detail) {
        return if title == detail {
            title.clone()
        } else {
            format!("{title}: {detail}")
        };
    }
    let within = |outer, inner| object.object(outer).and_then(|object| object.text(inner));
    title
        .or(detail)
        .or_else(|| object.text("message"))
        .or_else(|| object.text("errorMessage"))
        .or_else(|| within("errorInfo", "errorMessage"))
        .or_else(|| within("result", "message"))
        .or_else(|| within("responseInfo", "responseMessage"))
        .or_else(|| object.text("error_description"))
        .or_else(|| object.text("error"))
        .unwrap_or_default()
}

fn bounded(text: String) -> String {
    text.chars().take(100).collect()
}

/// What an answer other than success means where an API has no table of errors. `group` is the
/// API's name; `subject` is what was asked, as the beginning of a sentence.
pub(crate) fn refusal(
    group: &str,
    answer: &Response<Bytes>,
    now: Timestamp,
    subject: &str,
) -> ApiError {
    let status = answer.status();
    let said = Problem::read(answer.body());
    let waits = [StatusCode::TOO_MANY_REQUESTS, StatusCode::LOCKED].contains(&status);
    let earliest = retry_after(answer.headers(), now).filter(|_| waits);
    let kind = said.kind(group, status, earliest);
    let why = said.why(status, None);
    if waits {
        let what = format!("{subject} has to wait");
        let advice = "Try again later.";
        return ApiError::Again {
            error: Error::new(kind, Who::Nobody, what, why, advice),
            after: earliest,
        };
    }
    if !status.is_client_error() || status == StatusCode::REQUEST_TIMEOUT {
        let what = format!("{subject} has no certain outcome");
        let advice = "Try again later; it may have been done already.";
        return ApiError::Unknown(Error::new(kind, Who::Nobody, what, why, advice));
    }
    let (who, advice) = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (
            Who::Merchant,
            "Check client_id, client_secret, subscription key and MSN: all of one sales unit, and of this environment.",
        ),
        StatusCode::NOT_FOUND => (
            Who::Merchant,
            "Check the keys and the environment: Vipps' test environment does not have all of its APIs.",
        ),
        _ => (Who::Kasse, REPORT),
    };
    let what = format!("{subject} was refused");
    ApiError::Refused(Error::new(kind, who, what, why, advice))
}
