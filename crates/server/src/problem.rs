//! What cannot be done, as RFC 9457 has it: one shape for the command line's door and for `/v1`.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use kasse_core::{Error, ErrorKind, Money, Text, Who};
use serde::{Deserialize, Serialize};

/// Why something was not done, as RFC 9457 has it, with who must act and what to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDetails {
    /// `urn:kasse:problem:not_found`.
    pub r#type: String,
    /// What failed.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Why.
    pub detail: String,
    /// Who has to act.
    pub who: Who,
    /// What to try.
    pub advice: String,
    /// What to tell the customer, where it is the customer's to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<Text>,
    /// What is left to capture or refund, where more was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Money>,
    /// When it may be tried, where a rate limit of Vipps stands against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What Vipps answered, where it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vipps: Option<VippsRefusal>,
}

/// What Vipps answered when it refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VippsRefusal {
    /// The HTTP status.
    pub status: u16,
    /// `errorGroup`; empty where the answer had none.
    pub group: String,
    /// `errorCode`.
    pub code: String,
    /// `contextId`, for Vipps' support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
}

impl ProblemDetails {
    /// One that no [`Error`] stands behind: it is about HTTP itself.
    pub(crate) fn of_http(
        word: &str,
        status: StatusCode,
        title: &str,
        detail: &str,
        advice: &str,
    ) -> Self {
        Self {
            r#type: format!("urn:kasse:problem:{word}"),
            title: title.into(),
            status: status.as_u16(),
            detail: detail.into(),
            who: Who::Shop,
            advice: advice.into(),
            customer: None,
            left: None,
            until: None,
            vipps: None,
        }
    }
}

impl From<Error> for ProblemDetails {
    fn from(error: Error) -> Self {
        let mut details = Self {
            r#type: format!("urn:kasse:problem:{}", kind_word(&error.kind)),
            status: error.status().as_u16(),
            title: error.what.clone(),
            detail: error.why.clone(),
            who: error.who,
            advice: error.advice.clone(),
            customer: error.customer.clone(),
            left: None,
            until: None,
            vipps: None,
        };
        match &error.kind {
            ErrorKind::TooMuch { left } => details.left = Some(*left),
            ErrorKind::RateLimited { until } => details.until = Some(*until),
            ErrorKind::Vipps {
                status,
                group,
                code,
                context,
            } => {
                details.vipps = Some(VippsRefusal {
                    status: *status,
                    group: group.clone(),
                    code: code.clone(),
                    context: context.clone(),
                });
            }
            _ => {}
        }
        details
    }
}

impl IntoResponse for ProblemDetails {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = json(status, &self);
        let problem = HeaderValue::from_static("application/problem+json");
        answer.headers_mut().insert(CONTENT_TYPE, problem);
        answer
    }
}

fn kind_word(kind: &ErrorKind) -> String {
    let tagged = serde_json::to_value(kind).unwrap_or_default();
    tagged
        .get("kind")
        .and_then(|word| word.as_str())
        .unwrap_or("unknown")
        .to_owned()
}

pub(crate) fn problem(error: Error) -> Response {
    ProblemDetails::from(error).into_response()
}

/// 401: whoever it is, they are not let in.
pub(crate) fn unauthorised(detail: &str, advice: &str) -> Response {
    let status = StatusCode::UNAUTHORIZED;
    let title = "You are not let in";
    let details = ProblemDetails {
        who: Who::Merchant,
        ..ProblemDetails::of_http("unauthorised", status, title, detail, advice)
    };
    let mut answer = details.into_response();
    answer
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

/// 429: so many seconds later it may be tried again.
pub(crate) fn too_many(detail: &str, advice: &str, seconds: u64) -> Response {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let title = "That was too often";
    let details = ProblemDetails::of_http("too_many_requests", status, title, detail, advice);
    let mut answer = details.into_response();
    answer
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => (status, [(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_programs_need_of_an_error_is_told() {
        let told = |kind: ErrorKind| {
            let error = Error::new(kind, Who::Shop, "what", "why", "advice");
            serde_json::to_value(ProblemDetails::from(error)).unwrap()
        };
        let left = Money::nok(100);
        let problem = told(ErrorKind::TooMuch { left });
        assert_eq!(problem["left"], serde_json::to_value(left).unwrap());
        let until: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let problem = told(ErrorKind::RateLimited { until });
        assert_eq!(problem["until"], "2026-03-01T12:00:00Z");
        assert_eq!(problem["status"], 429);
        let problem = told(ErrorKind::Vipps {
            status: 400,
            group: "Payment".into(),
            code: "93".into(),
            context: None,
        });
        assert_eq!(problem["vipps"]["code"], "93");
        assert_eq!(problem["status"], 422);
        let plain = told(ErrorKind::NotFound);
        assert_eq!(plain["type"], "urn:kasse:problem:not_found");
        assert_eq!(plain.as_object().unwrap().len(), 6, "{plain}");
    }
}
