//! What is the same in the errors of every API: what it means that there was no answer.

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use kasse_core::api::ApiError;
use kasse_core::{Error, ErrorKind, TransportError, Who, after};
use std::time::Duration;

/// Advice: the outcome is not certain.
pub(crate) const READ: &str = "kasse reads the payment at Vipps and goes on from there.";
/// Advice: not now.
pub(crate) const WAIT: &str = "kasse tries again by itself, with the same key.";
/// Advice: a bug of ours.
pub(crate) const REPORT: &str = "Please report it, with the log's lines for the reference.";

/// No answer at all.
pub(crate) fn unsent(problem: TransportError, subject: &str) -> ApiError {
    match problem {
        TransportError::NotSent(_) => ApiError::Again {
            error: Error::new(
                ErrorKind::VippsUnavailable,
                Who::Nobody,
                format!("{subject} has to wait"),
                format!("Vipps could not be reached ({problem})."),
                "kasse tries again by itself.",
            ),
            after: None,
        },
        TransportError::Unanswered(_) => {
            unknown(subject, format!("Vipps did not answer ({problem})."))
        }
    }
}

/// It may have been done.
pub(crate) fn unknown(subject: &str, why: impl Into<String>) -> ApiError {
    ApiError::Unknown(Error::new(
        ErrorKind::VippsUnavailable,
        Who::Nobody,
        format!("{subject} has no certain outcome"),
        why,
        READ,
    ))
}

/// It would break a limit of Vipps. Nothing was sent.
pub(crate) fn limited(subject: &str, until: Timestamp) -> ApiError {
    ApiError::Again {
        error: Error::new(
            ErrorKind::RateLimited { until },
            Who::Nobody,
            format!("{subject} has to wait"),
            "Vipps takes only so many of these for one payment in a minute.",
            "kasse tries again by itself.",
        ),
        after: Some(until),
    }
}

/// `Retry-After`, in seconds or as a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(after(now, Duration::from_secs(seconds)));
    }
    let date = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(date.max(now))
}
