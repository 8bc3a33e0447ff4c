//! Webhooks of one's own making, as an attacker, a proxy on the way, or a confused Vipps would
//! send them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Event;
use super::deliver::{Parcel, off_by, spoil};
use super::register::{Registration, uuid};
use super::sign::{Signed, sign};
use crate::ecom::callback::{ShopAnswer, answered};
use crate::ledger::Payment;
use crate::money::Currency;
use crate::state::Shared;

/// How a webhook of one's own making is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WebhookSignature {
    /// As Vipps does.
    #[default]
    Right,
    /// Not at all.
    None,
    /// Right, but for one character.
    Wrong,
    /// With a secret that is not the registration's: by somebody who doesn't know it.
    OtherSecret,
    /// With the secret decoded from Base64: a common mistake.
    DecodedSecret,
    /// Right, for the hash of another body than the one that comes with it.
    OtherBody,
    /// Right, in `X-Vipps-Authorization` in the place of `Authorization`.
    OtherHeader,
    /// Right, with another word than `HMAC-SHA256` before it.
    OtherScheme,
}

/// A webhook of one's own making. What is `None` is taken from the payment as it stands, or, where
/// there is none, made up.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct WebhookForgery {
    /// The id of the registration that it goes to, and with whose secret it is signed. `None`: the
    /// sales unit's oldest one.
    pub webhook: Option<String>,
    /// The event's name; `AUTHORIZED` unless given.
    pub name: Option<String>,
    /// The amount in minor units.
    pub amount: Option<u64>,
    /// The currency.
    pub currency: Option<String>,
    /// The MSN in the body.
    pub msn: Option<String>,
    /// The event's own `pspReference`; a new one unless given.
    pub psp_reference: Option<String>,
    /// Whether the operation succeeded; true unless given.
    pub success: Option<bool>,
    /// A body that is sent as it stands, instead of everything above.
    pub body: Option<String>,
    /// The same for a body that is no text: its bytes.
    pub body_bytes: Option<Vec<u8>>,
    /// The signature.
    pub signature: WebhookSignature,
    /// How many seconds Vipps' clock is ahead; negative: behind.
    pub clock_off_seconds: i64,
    /// Where it is sent, in the place of the URL that is registered and signed: as a proxy on the
    /// way rewrites it.
    pub url: Option<String>,
    /// Headers in the place of, or beside, Vipps' own, after the signing; `Host` too.
    pub headers: BTreeMap<String, String>,
}

/// The signature that was asked for, and whether it goes in the other header.
fn signed(to: &Registration, how: WebhookSignature, date: &str, body: &[u8]) -> (Signed, bool) {
    let secret = to.secret.expose_secret();
    let right = || sign(secret.as_bytes(), &to.target, date, body);
    let signed = match how {
        WebhookSignature::Right | WebhookSignature::OtherHeader => right(),
        WebhookSignature::None => Signed {
            authorization: String::new(),
            ..right()
        },
        WebhookSignature::Wrong => {
            let mut signed = right();
            spoil(&mut signed.authorization);
            signed
        }
        WebhookSignature::OtherSecret => {
            // As long as the right one, and turned round.
            let other: String = secret.chars().rev().collect();
            sign(other.as_bytes(), &to.target, date, body)
        }
        WebhookSignature::DecodedSecret => {
            let decoded = STANDARD.decode(secret).unwrap_or_default();
            sign(&decoded, &to.target, date, body)
        }
        WebhookSignature::OtherBody => sign(secret.as_bytes(), &to.target, date, b"{}"),
        WebhookSignature::OtherScheme => {
            let mut signed = right();
            signed.authorization = signed.authorization.replacen("HMAC-SHA256", "HMAC-SHA1", 1);
            signed
        }
    };
    (signed, how == WebhookSignature::OtherHeader)
}

/// The body, of what is given and what the payment says.
fn body(
    forgery: &WebhookForgery,
    msn: &str,
    reference: &str,
    payment: Option<&Payment>,
    id: String,
    at: Timestamp,
) -> Value {
    let event = Event {
        name: "AUTHORIZED",
        psp_reference: forgery.psp_reference.clone().unwrap_or(id),
        amount: forgery
            .amount
            .or_else(|| payment.map(|p| p.order.amount))
            .unwrap_or(100),
        currency: payment.map_or(Currency::Nok, |p| p.order.currency),
        key: None,
        success: forgery.success.unwrap_or(true),
        at,
    };
    let msn = forgery.msn.as_deref().unwrap_or(msn);
    let mut body = event.body(msn, reference, Map::new());
    for (place, value) in [
        ("/name", &forgery.name),
        ("/amount/currency", &forgery.currency),
    ] {
        if let (Some(value), Some(place)) = (value, body.pointer_mut(place)) {
            *place = value.as_str().into();
        }
    }
    body
}

/// Sends it. `Err`: it can't be.
pub(crate) async fn forge(
    shared: &Shared,
    msn: &str,
    reference: &str,
    forgery: WebhookForgery,
) -> Result<ShopAnswer, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &forgery.headers {
        let read = (HeaderName::try_from(name), HeaderValue::try_from(value));
        let (Ok(name), Ok(value)) = read else {
            return Err(format!("the header {name} cannot be sent"));
        };
        headers.insert(name, value);
    }
    let (to, parcel) = {
        let mut state = shared.lock();
        let unit = state.units.iter().find(|unit| unit.msn == msn);
        let unit = unit.ok_or_else(|| format!("there is no sales unit {msn}"))?;
        let is_it = |r: &&Registration| match &forgery.webhook {
            Some(id) => r.id == *id,
            None => r.owner.covers(unit),
        };
        let to = state.webhooks.registrations.iter().find(is_it);
        let to = to.cloned().ok_or("there is no such webhook")?;
        let id = state.token().as_deref().and_then(uuid).unwrap_or_default();
        let now = state.now();
        let payment = state.payment(msn, reference);
        let body = body(&forgery, msn, reference, payment, id, now);
        let at = off_by(now, forgery.clock_off_seconds);
        (to.clone(), Parcel::new(&to, reference, &body, at))
    };
    let bytes = match (forgery.body_bytes, forgery.body) {
        (Some(bytes), _) => bytes,
        (None, Some(text)) => text.into_bytes(),
        (None, None) => parcel.body.clone(),
    };
    let (signed, in_other_header) = signed(&to, forgery.signature, &parcel.signed.date, &bytes);
    let parcel = Parcel {
        url: forgery.url.unwrap_or(parcel.url),
        signed,
        in_other_header,
        body: bytes,
        headers,
        note: Some("forged".to_owned()),
        ..parcel
    };
    Ok(answered(parcel.send(shared).await))
}
