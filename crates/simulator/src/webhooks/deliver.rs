//! The deliveries: each attempt signed anew, one after the other.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::queue::{Attempt, ended, take};
use super::register::{Registration, uuid};
use super::sign::{Signed, sign};
use crate::faults::FaultKind;
use crate::outgoing::{Answer, Call, NoAnswer, call};
use crate::state::Shared;

/// Without an answer in this time an attempt has failed (Webhooks guide, "Response").
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

/// The header that carries the signature where a web server strips `Authorization`.
pub(super) const OTHER_HEADER: &str = "x-vipps-authorization";

/// A webhook, ready to go.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) url: String,
    pub(super) reference: String,
    pub(super) signed: Signed,
    pub(super) registration: String,
    pub(super) in_other_header: bool,
    pub(super) body: Vec<u8>,
    pub(super) headers: HeaderMap,
    pub(super) note: Option<String>,
}

impl Parcel {
    /// The body, signed as Vipps does, at this moment.
    pub(super) fn new(to: &Registration, reference: &str, body: &Value, at: Timestamp) -> Self {
        let body = body.to_string().into_bytes();
        let key = to.secret.expose_secret().as_bytes();
        Self {
            url: to.target.to_string(),
            reference: reference.to_owned(),
            signed: sign(key, &to.target, &date(at), &body),
            registration: to.id.clone(),
            in_other_header: false,
            body,
            headers: HeaderMap::new(),
            note: None,
        }
    }

    fn noted(mut self, note: &str) -> Self {
        self.note = Some(note.to_owned());
        self
    }

    pub(super) async fn send(self, shared: &Shared) -> Result<Answer, NoAnswer> {
        let mut headers = HeaderMap::new();
        let unsent = |_| NoAnswer::Url("a header cannot be sent".to_owned());
        for (name, value) in [
            ("x-ms-date", &self.signed.date),
            ("x-ms-content-sha256", &self.signed.hash),
            ("webhook-id", &self.registration),
        ] {
            let value = HeaderValue::from_str(value).map_err(unsent)?;
            headers.insert(HeaderName::from_static(name), value);
        }
        let mut authorization: Option<SecretString> = None;
        if self.in_other_header {
            let value = HeaderValue::from_str(&self.signed.authorization).map_err(unsent)?;
            headers.insert(HeaderName::from_static(OTHER_HEADER), value);
        } else if !self.signed.authorization.is_empty() {
            authorization = Some(self.signed.authorization.into());
        }
        headers.extend(self.headers);
        let request = Call {
            method: Method::POST,
            url: self.url,
            authorization,
            headers,
            body: Some(Bytes::from(self.body)),
            timeout: TIMEOUT,
            order_id: Some(self.reference),
            note: self.note,
        };
        call(shared, request).await
    }
}

/// A moment in the form of RFC 1123.
pub(super) fn date(at: Timestamp) -> String {
    // Years beyond 9999 have no such form; the clock doesn't get there.
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        .unwrap_or_default()
}

/// A moment this many seconds off.
pub(super) fn off_by(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap_or(at)
}

/// Makes one attempt, with the fault that is set for it, if any.
async fn make(shared: &Shared, attempt: &Attempt) -> Result<Answer, NoAnswer> {
    let now = shared.lock().now();
    let another = || shared.lock().token();
    let to = &attempt.registration;
    let parcel = |body: &Value, at| Parcel::new(to, &attempt.reference, body, at);
    let body = &attempt.body;
    match &attempt.fault {
        Some(FaultKind::WebhookTwice) => {
            let first = parcel(body, now).send(shared).await?;
            let again = parcel(body, now).noted("sent twice by a fault");
            // Only the first one counts.
            let _ = again.send(shared).await;
            Ok(first)
        }
        Some(FaultKind::WebhookForged { name }) => {
            let mut forged = body.clone();
            if let Some(name) = name {
                set(&mut forged, "name", name.as_str().into());
            }
            let stranger = Registration {
                secret: another().unwrap_or_default().into(),
                ..to.clone()
            };
            let parcel_of = Parcel::new(&stranger, &attempt.reference, &forged, now);
            let _ = parcel_of.noted("forged by a fault").send(shared).await;
            parcel(body, now).send(shared).await
        }
        Some(FaultKind::WebhookFailed) => {
            let mut failed = body.clone();
            set(&mut failed, "success", false.into());
            if let Some(id) = another().as_deref().and_then(uuid) {
                set(&mut failed, "pspReference", id.into());
            }
            let before = parcel(&failed, now).noted("a failed operation, told by a fault");
            let _ = before.send(shared).await;
            parcel(body, now).send(shared).await
        }
        Some(FaultKind::WebhookBadSignature) => {
            let mut parcel = parcel(body, now).noted("badly signed by a fault");
            spoil(&mut parcel.signed.authorization);
            parcel.send(shared).await
        }
        Some(FaultKind::WebhookClock { seconds }) => {
            let parcel = parcel(body, off_by(now, *seconds));
            parcel.noted("clock off by a fault").send(shared).await
        }
        Some(FaultKind::WebhookOtherHeader) => {
            let mut parcel = parcel(body, now).noted("in another header by a fault");
            parcel.in_other_header = true;
            parcel.send(shared).await
        }
        Some(FaultKind::UnknownStatus { value }) => {
            let mut other = body.clone();
            set(&mut other, "name", value.as_str().into());
            parcel(&other, now)
                .noted("unknown name by a fault")
                .send(shared)
                .await
        }
        _ => {
            let mut parcel = parcel(body, now);
            if attempt.number > 1 {
                parcel.note = Some(format!("attempt {}", attempt.number));
            }
            parcel.send(shared).await
        }
    }
}

fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(body) = body.as_object_mut() {
        body.insert(name.to_owned(), value);
    }
}

/// Another signature, as long as the right one.
pub(super) fn spoil(authorization: &mut String) {
    if let Some(at) = authorization.find("&Signature=") {
        let at = at + "&Signature=".len();
        let first = authorization.get(at..).and_then(|s| s.chars().next());
        let other = if first == Some('A') { "B" } else { "A" };
        if first.is_some() {
            authorization.replace_range(at..=at, other);
        }
    }
}

/// Makes every attempt that is due, one after the other.
async fn flush(shared: &Shared) {
    loop {
        let attempt = take(&mut shared.lock());
        let Some(attempt) = attempt else { return };
        let answer = make(shared, &attempt).await;
        let (status, error) = match answer {
            Ok(answer) => (Some(answer.status), None),
            Err(why) => (None, Some(why.to_string())),
        };
        ended(&mut shared.lock(), &attempt, status, error);
    }
}

/// Makes every attempt that is due, without waiting for it.
pub(crate) fn flush_soon(shared: &Arc<Shared>) {
    let due = {
        let mut state = shared.lock();
        let now = state.now();
        state.webhooks.is_due(now)
    };
    if due {
        let sender = Arc::clone(shared);
        shared.spawn(async move { flush(&sender).await });
    }
}

/// Makes every attempt that is due, and waits for it: also for those that others have begun, for
/// this payment (MSN and reference) or for all.
pub(crate) async fn settle(shared: &Shared, of: Option<(&str, &str)>) {
    flush(shared).await;
    loop {
        let ended = Arc::clone(&shared.lock().webhooks.ended);
        // Listens before it looks: what ends in between is heard.
        let mut heard = std::pin::pin!(ended.notified());
        heard.as_mut().enable();
        if !shared.lock().webhooks.is_sending(of) {
            return;
        }
        heard.await;
        flush(shared).await;
    }
}
