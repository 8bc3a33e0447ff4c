//! The registrations of webhooks: what may be registered, by whom, and how often (Webhooks guide,
//! "Registration"; Webhooks OpenAPI).

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value, json};
use url::Url;

use crate::options::SalesUnit;
use crate::urls;

/// The events that there are (Webhooks guide, "Events").
const EVENTS: &[&str] = &[
    "epayments.payment.created.v1",
    "epayments.payment.aborted.v1",
    "epayments.payment.expired.v1",
    "epayments.payment.cancelled.v1",
    "epayments.payment.captured.v1",
    "epayments.payment.refunded.v1",
    "epayments.payment.authorized.v1",
    "epayments.payment.terminated.v1",
    "recurring.agreement-activated.v1",
    "recurring.agreement-rejected.v1",
    "recurring.agreement-stopped.v1",
    "recurring.agreement-expired.v1",
    "recurring.charge-reserved.v1",
    "recurring.charge-captured.v1",
    "recurring.charge-canceled.v1",
    "recurring.charge-refunded.v1",
    "recurring.charge-failed.v1",
    "recurring.charge-creation-failed.v1",
    CHECKED_IN,
    "login.merchant-initiated.ping.v1",
];
const CHECKED_IN: &str = "user.checked-in.v1";

/// How many registrations one event may have, for one sales unit.
const fn most(event: &str) -> usize {
    if matches!(event.as_bytes(), b"user.checked-in.v1") {
        1
    } else {
        25
    }
}

/// Whom a registration is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Owner {
    /// One sales unit, by its MSN.
    Unit(String),
    /// All sales units of a partner, by the partner's `client_id`.
    Partner(String),
}

impl Owner {
    pub(super) fn covers(&self, unit: &SalesUnit) -> bool {
        match self {
            Self::Unit(msn) => unit.msn == *msn,
            Self::Partner(client_id) => unit.client_id == *client_id,
        }
    }
}

/// A webhook, registered.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    /// A UUID.
    pub(crate) id: String,
    pub(crate) owner: Owner,
    /// As it was given.
    pub(crate) url: String,
    /// The same, read: what is called, and signed.
    pub(super) target: Url,
    pub(crate) events: Vec<String>,
    pub(super) secret: SecretString,
    pub(crate) made: Timestamp,
    /// Since when nothing was taken; `None`: the last one was, or there was none.
    pub(crate) failing_since: Option<Timestamp>,
}

impl Registration {
    /// As `GET` shows it: without its secret.
    pub(super) fn shown(&self) -> Value {
        json!({ "id": self.id, "url": self.url, "events": self.events })
    }
}

/// What is wrong with a field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) field: String,
    pub(crate) reason: String,
}

fn wrong(field: &str, reason: impl Into<String>) -> Wrong {
    Wrong {
        field: field.to_owned(),
        reason: reason.into(),
    }
}

/// What is to be registered.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) url: String,
    pub(super) target: Url,
    pub(super) events: Vec<String>,
}

/// Reads the body of `POST /webhooks/v1/webhooks`; everything that is wrong with it at once.
pub(super) fn read(body: &Map<String, Value>) -> Result<Wanted, Vec<Wrong>> {
    let mut all: Vec<Wrong> = body
        .keys()
        .filter(|name| !matches!(name.as_str(), "url" | "events"))
        .map(|name| wrong(name, "The property is not known."))
        .collect();
    let url = read_url(body.get("url")).map_err(|why| all.push(why));
    let events = read_events(body.get("events")).map_err(|why| all.push(why));
    match (url, events) {
        (Ok((url, target)), Ok(events)) if all.is_empty() => Ok(Wanted {
            url,
            target,
            events,
        }),
        _ => Err(all),
    }
}

const REQUIRED: &str = "The property is required and cannot be null or empty.";

fn read_url(value: Option<&Value>) -> Result<(String, Url), Wrong> {
    let text = value
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| wrong("url", REQUIRED))?;
    let target = urls::callable_within(text, usize::MAX)
        .map_err(|why| wrong("url", format!("The URL {why}.")))?;
    Ok((text.to_owned(), target))
}

fn read_events(value: Option<&Value>) -> Result<Vec<String>, Wrong> {
    let events = value
        .and_then(Value::as_array)
        .filter(|events| !events.is_empty())
        .ok_or_else(|| wrong("events", REQUIRED))?;
    let mut seen = BTreeSet::new();
    let mut read = Vec::new();
    for event in events {
        let event = event
            .as_str()
            .filter(|event| EVENTS.contains(event))
            .ok_or_else(|| wrong("events", format!("There is no event {event}.")))?;
        if seen.insert(event) {
            read.push(event.to_owned());
        }
    }
    Ok(read)
}

/// Whether there is room for another registration of the owner's with these events.
pub(super) fn has_room(
    registrations: &[Registration],
    owner: &Owner,
    events: &[String],
) -> Result<(), Wrong> {
    for event in events {
        let there = registrations
            .iter()
            .filter(|r| r.owner == *owner && r.events.contains(event))
            .count();
        let most = most(event);
        if there >= most {
            return Err(wrong(
                "events",
                format!("There are {there} webhooks for {event}; {most} is the most."),
            ));
        }
    }
    Ok(())
}

/// A UUID from a token of 64 hex digits. `None`: it is none.
pub(crate) fn uuid(token: &str) -> Option<String> {
    // The last ones: those change where tokens are counted.
    let digits = token.get(32..64)?;
    Some(format!(
        "{}-{}-{}-{}-{}",
        digits.get(..8)?,
        digits.get(8..12)?,
        digits.get(12..16)?,
        digits.get(16..20)?,
        digits.get(20..)?
    ))
}

/// A secret of 64 bytes, in Base64, from two tokens of 64 hex digits. `None`: they are none.
pub(super) fn secret(first: &str, second: &str) -> Option<SecretString> {
    let digits = format!("{first}{second}");
    let bytes: Option<Vec<u8>> = (0..64)
        .map(|n| {
            let pair = digits.get(2 * n..2 * n + 2)?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect();
    Some(STANDARD.encode(bytes?).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn a_secret_is_64_bytes_in_base64() {
        let secret = secret(&"00".repeat(32), &"ff".repeat(32)).unwrap();
        assert_eq!(secret.expose_secret().len(), 88);
        let bytes = STANDARD.decode(secret.expose_secret()).unwrap();
        assert_eq!(bytes, [[0u8; 32], [255u8; 32]].concat());
        assert_eq!(
            uuid(&format!("{:064x}", 7)).unwrap(),
            "00000000-0000-0000-0000-000000000007"
        );
        assert_eq!(uuid("short"), None);
    }
}
