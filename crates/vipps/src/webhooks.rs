//! The Webhooks API v1 ("Webhooks guide", Webhooks OpenAPI v1): what is registered for a sales unit,
//! and what comes in.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::{
    ApiError, BadCall, Caller, Notice, Registered, RegisteredAtVipps, WebhookApi, WhyNot,
};
use kasse_core::{Context, Currency, Environment, Error, ErrorKind, Money, Msn, Who};
use secrecy::SecretString;
use serde::Serialize;
use url::Url;

use crate::call::{ACT, Call, READ, Shared};
use crate::json::Object;
use crate::{outcome, parts, problem, request, signature};

/// What Vipps tells of payments, but for their creation, which was ours.
pub const EVENTS: &[&str] = &[
    "epayments.payment.authorized.v1",
    "epayments.payment.aborted.v1",
    "epayments.payment.expired.v1",
    "epayments.payment.terminated.v1",
    "epayments.payment.cancelled.v1",
    "epayments.payment.captured.v1",
    "epayments.payment.refunded.v1",
];

const PATH: &str = "/webhooks/v1/webhooks";
/// The largest body that is read.
const LARGEST: usize = 64 * 1024;
/// The longest name or id that is kept of a webhook, in characters.
const LONGEST: usize = 100;

/// The Webhooks API v1. Cheap to clone: clones share the access tokens.
#[derive(Debug, Clone, Default)]
pub struct Webhooks {
    shared: Shared,
}

impl Webhooks {
    /// Nothing cached.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the access tokens of the other APIs.
    pub(crate) fn with(shared: Shared) -> Self {
        Self { shared }
    }
}

#[derive(Serialize)]
struct Register<'a> {
    url: &'a str,
    events: &'a [&'a str],
}

/// `POST /webhooks/v1/webhooks`: registers an address for events of the caller's sales unit. It is
/// no change of an earlier registration, whose secret stays valid until it is removed.
///
/// # Errors
/// [`ErrorKind::Configuration`]: an address without https; only a simulator takes one.
pub fn register(caller: &Caller, url: &Url, events: &[&str]) -> Result<Request<Bytes>, Error> {
    let simulated = matches!(caller.account.environment, Environment::At(_));
    if url.scheme() != "https" && !(simulated && url.scheme() == "http") {
        return Err(Error::new(
            ErrorKind::Configuration,
            Who::Merchant,
            "Webhooks cannot be registered",
            format!(
                "Vipps takes only addresses with https, and kasse's begins with {}://.",
                url.scheme()
            ),
            "Set kasse's public address to one with https.",
        ));
    }
    let body = Register {
        url: url.as_str(),
        events,
    };
    request::with_body(caller, Method::POST, PATH, &body)
}

/// `GET /webhooks/v1/webhooks`: lists the registrations of the caller's sales unit.
///
/// # Errors
/// [`ErrorKind::Configuration`]: keys that no header can hold.
pub fn list(caller: &Caller) -> Result<Request<Bytes>, Error> {
    request::empty(caller, Method::GET, PATH)
}

/// `DELETE /webhooks/v1/webhooks/{id}`: removes a registration.
///
/// # Errors
/// [`ErrorKind::Invalid`]: an id with other characters than letters, digits, `-` and `_`.
pub fn remove(caller: &Caller, id: &str) -> Result<Request<Bytes>, Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if id.is_empty() || id.len() > LONGEST || !id.bytes().all(plain) {
        return Err(Error::invalid(
            "The webhook cannot be removed",
            "its id is none of Vipps': they have letters, digits and hyphens.",
            "Take the id from the list of what is registered.",
        ));
    }
    request::empty(caller, Method::DELETE, &format!("{PATH}/{id}"))
}

fn call(
    operation: &'static str,
    subject: String,
    limit: Duration,
    request: Result<Request<Bytes>, Error>,
) -> Call<'static> {
    Call {
        reference: None,
        operation,
        subject,
        counted: None,
        limit,
        request,
        refusal,
    }
}

fn refusal(answer: &Response<Bytes>, now: Timestamp, subject: &str) -> ApiError {
    problem::refusal("Webhooks", answer, now, subject)
}

/// What Vipps does not take of a registration is the address, or there are too many: both are the
/// merchant's to see to.
fn refused_registration(answer: &Response<Bytes>, now: Timestamp, subject: &str) -> ApiError {
    match refusal(answer, now, subject) {
        ApiError::Refused(error) if error.who == Who::Kasse => ApiError::Refused(advised(
            &error,
            Who::Merchant,
            "Check that kasse's public address can be reached from outside by https, on port 443, 80 or 8080 and without a redirect, and that the sales unit has fewer than 25 webhooks.",
        )),
        error => error,
    }
}

/// Nothing of this is about a payment, so there is none to be read.
fn uncertain(error: ApiError) -> ApiError {
    match error {
        ApiError::Unknown(error) => ApiError::Unknown(advised(
            &error,
            error.who,
            "Look at what is registered, then do it again.",
        )),
        error => error,
    }
}

/// The same error with another advice.
fn advised(error: &Error, who: Who, advice: &str) -> Error {
    Error::new(
        error.kind.clone(),
        who,
        error.what.clone(),
        error.why.clone(),
        advice,
    )
}

fn registered(body: &[u8]) -> Option<Registered> {
    let body = Object::read(body)?;
    Some(Registered {
        id: body.text("id")?,
        secret: body.text("secret")?.into(),
    })
}

/// `None`: no list. What has no id cannot be removed, so it is nothing to us.
fn listed(body: &[u8]) -> Option<Vec<RegisteredAtVipps>> {
    let body = Object::read(body)?;
    Object::list(body.raw("webhooks")?.get().as_bytes()).map(|webhooks| {
        let webhooks = webhooks.iter().filter_map(|webhook| {
            Some(RegisteredAtVipps {
                id: webhook.text("id")?,
                url: webhook.text("url").unwrap_or_default(),
                events: webhook
                    .raw("events")
                    .and_then(|events| serde_json::from_str(events.get()).ok())
                    .unwrap_or_default(),
            })
        });
        webhooks.collect()
    })
}

#[async_trait]
impl WebhookApi for Webhooks {
    fn events(&self) -> &'static [&'static str] {
        EVENTS
    }

    async fn register(
        &self,
        cx: &Context,
        caller: &Caller,
        url: &Url,
        events: &[&str],
    ) -> Result<Registered, ApiError> {
        let subject = format!(
            "The registration of webhooks for account {}",
            caller.account.id
        );
        let request = register(caller, url, events);
        let call = Call {
            refusal: refused_registration,
            ..call("register webhook", subject, ACT, request)
        };
        let answer = self
            .shared
            .send(cx, caller, &call)
            .await
            .map_err(uncertain)?;
        if !answer.status().is_success() {
            return Err(call.refused(cx, &answer));
        }
        // Vipps has it, but what it signs with is not told a second time.
        registered(answer.body()).ok_or_else(|| {
            tracing::warn!(account = %caller.account.id, "Vipps' answer to the registration cannot be used");
            uncertain(outcome::unknown(
                &call.subject,
                "Vipps' answer has no id or no secret.",
            ))
        })
    }

    async fn list(
        &self,
        cx: &Context,
        caller: &Caller,
    ) -> Result<Vec<RegisteredAtVipps>, ApiError> {
        let subject = format!("The list of webhooks of account {}", caller.account.id);
        let call = call("list webhooks", subject, READ, list(caller));
        let answer = self
            .shared
            .send(cx, caller, &call)
            .await
            .map_err(uncertain)?;
        if !answer.status().is_success() {
            return Err(call.refused(cx, &answer));
        }
        listed(answer.body()).ok_or_else(|| {
            uncertain(outcome::unknown(
                &call.subject,
                "Vipps' answer cannot be read as a list of webhooks.",
            ))
        })
    }

    async fn remove(&self, cx: &Context, caller: &Caller, id: &str) -> Result<(), ApiError> {
        let subject = format!("The removal of a webhook of account {}", caller.account.id);
        let call = call("remove webhook", subject, ACT, remove(caller, id));
        let answer = self
            .shared
            .send(cx, caller, &call)
            .await
            .map_err(uncertain)?;
        let gone = [StatusCode::NOT_FOUND, StatusCode::GONE].contains(&answer.status());
        if answer.status().is_success() || gone {
            return Ok(());
        }
        Err(call.refused(cx, &answer))
    }

    fn verify(
        &self,
        request: &Request<Bytes>,
        registered: &Url,
        secret: &SecretString,
        now: Timestamp,
        window: Duration,
    ) -> Result<(), WhyNot> {
        signature::verify(request, registered, secret, now, window)
    }

    /// Sales unit, payment and name have to be there; all else is only a hint, and a webhook that is
    /// not taken holds up the later ones of its payment.
    fn read(&self, body: &[u8]) -> Result<Notice, BadCall> {
        if body.len() > LARGEST {
            return Err(bad(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body has more than 64 KiB.",
            ));
        }
        let body = Object::read(body)
            .ok_or_else(|| bad(StatusCode::BAD_REQUEST, "The body is no JSON object."))?;
        let text = |name| {
            let text = body.text(name)?;
            Some(text.chars().take(LONGEST).collect::<String>())
        };
        let missing =
            |name: &str| bad(StatusCode::BAD_REQUEST, format!("The event has no {name}."));
        let at = text("timestamp");
        Ok(Notice {
            msn: text("msn")
                .and_then(|msn| Msn::new(msn).ok())
                .ok_or_else(|| missing("msn"))?,
            reference: text("reference").ok_or_else(|| missing("reference"))?,
            name: text("name").ok_or_else(|| missing("name"))?,
            // Without one, its time tells an event from the next of the same name.
            psp_reference: text("pspReference")
                .or_else(|| at.clone())
                .unwrap_or_default(),
            success: body.boolean("success").unwrap_or(true),
            amount: body.object("amount").and_then(|amount| {
                let currency = Currency::from_code(&amount.text("currency")?)?;
                Some(Money::new(amount.integer("value")?, currency))
            }),
            at: at.and_then(|at| parts::timestamp(&at)),
        })
    }
}

fn bad(status: StatusCode, why: impl Into<String>) -> BadCall {
    BadCall {
        status,
        why: why.into(),
    }
}
