//! The Userinfo API ("Userinfo guide", Userinfo OpenAPI 2.0.3): who gave consent, for 168 hours.
//!
//! Vipps' documents contradict each other in one thing: its description of the API requires the
//! header `Ocp-Apim-Subscription-Key`, newer guides say that a call with it is answered 401. So a
//! call carries it at first, is sent once more without it where it is answered 401, and from then
//! on begins with what was taken last.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::Timestamp;
use kasse_core::api::{ApiError, Caller, UserinfoApi};
use kasse_core::{Address, Context, Error, Personal, Reference};

use crate::call::{Call, READ, Shared};
use crate::json::{Object, scalar};
use crate::parts::{country, is_expired, unexpired};
use crate::{headers, outcome, problem, request};

/// The longest `sub`, in bytes. Vipps' are UUIDs.
const LONGEST_SUB: usize = 100;

/// The Userinfo API. Cheap to clone: clones share the access tokens, and what they have learned of
/// the subscription key.
#[derive(Debug, Clone, Default)]
pub struct Userinfo {
    shared: Shared,
    without_key: Arc<AtomicBool>,
}

impl Userinfo {
    /// Nothing cached, nothing learned.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the access tokens of the other APIs.
    pub(crate) fn with(shared: Shared) -> Self {
        Self {
            shared,
            ..Self::default()
        }
    }

    async fn ask<'a>(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &'a Reference,
        sub: &str,
        without_key: bool,
    ) -> Result<(Call<'a>, Response<Bytes>), ApiError> {
        let call = Call {
            reference: Some(reference),
            operation: "userinfo",
            subject: format!("The reading of who paid {reference}"),
            counted: None,
            limit: READ,
            request: userinfo(caller, sub, without_key),
            refusal,
        };
        let answer = self.shared.send(cx, caller, &call).await?;
        Ok((call, answer))
    }
}

/// `GET /vipps-userinfo-api/userinfo/{sub}`: what the user agreed to share, with the subscription
/// key or without it.
///
/// # Errors
/// [`kasse_core::ErrorKind::Invalid`]: a `sub` with other characters than letters, digits and `-_.`,
/// or of more than 100.
pub fn userinfo(caller: &Caller, sub: &str, without_key: bool) -> Result<Request<Bytes>, Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let dots = sub.bytes().all(|b| b == b'.');
    if dots || sub.len() > LONGEST_SUB || !sub.bytes().all(plain) {
        return Err(Error::invalid(
            "Vipps cannot be asked who paid",
            "the user's id (sub) is none of Vipps'.",
            "Nothing has to be done: the payment itself is not touched by it.",
        ));
    }
    let path = format!("/vipps-userinfo-api/userinfo/{sub}");
    let mut request = request::empty(caller, Method::GET, &path)?;
    if without_key {
        headers::leave_out_subscription_key(&mut request);
    }
    Ok(request)
}

fn refusal(answer: &Response<Bytes>, now: Timestamp, subject: &str) -> ApiError {
    problem::refusal("Userinfo", answer, now, subject)
}

/// What an answer says. `None`: it cannot be read. `Some(None)`: the time is over.
fn personal(body: &[u8], sub: &str) -> Option<Option<Personal>> {
    let body = Object::read(body)?;
    let main = body.object("address");
    let addresses = main.into_iter().chain(body.objects("other_addresses"));
    let addresses: Vec<Object> = addresses.collect();
    let known = Personal {
        user_id: None,
        sub: None,
        first_name: unexpired(&body, "given_name"),
        last_name: unexpired(&body, "family_name"),
        email: unexpired(&body, "email"),
        phone: unexpired(&body, "phone_number"),
        address: addresses.iter().find_map(address),
    };
    let mut all = addresses.iter().chain([&body]).flat_map(Object::entries);
    let over = all.any(|(_, value)| scalar(value).is_some_and(|text| is_expired(&text)));
    if known == Personal::default() && over {
        return Some(None);
    }
    Some(Some(Personal {
        sub: Some(unexpired(&body, "sub").unwrap_or_else(|| sub.to_owned())),
        ..known
    }))
}

/// `region` is the city. A street of several lines holds what others have in a second line. Without
/// a registered address all texts are empty.
fn address(object: &Object) -> Option<Address> {
    let street = unexpired(object, "street_address").unwrap_or_default();
    let post_code = unexpired(object, "postal_code").unwrap_or_default();
    if street.is_empty() && post_code.is_empty() {
        return None;
    }
    let mut lines = street
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    Some(Address {
        line1: lines.next().unwrap_or_default().to_owned(),
        line2: lines.collect::<Vec<_>>().join(", "),
        post_code,
        city: unexpired(object, "region").unwrap_or_default(),
        country: unexpired(object, "country").map_or_else(|| "NO".into(), |text| country(&text)),
    })
}

#[async_trait]
impl UserinfoApi for Userinfo {
    async fn userinfo(
        &self,
        cx: &Context,
        caller: &Caller,
        reference: &Reference,
        sub: &str,
    ) -> Result<Option<Personal>, ApiError> {
        let first = self.without_key.load(Ordering::Relaxed);
        let (mut call, mut answer) = self.ask(cx, caller, reference, sub, first).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            (call, answer) = self.ask(cx, caller, reference, sub, !first).await?;
            if answer.status() != StatusCode::UNAUTHORIZED {
                self.without_key.store(!first, Ordering::Relaxed);
            }
        }
        if !answer.status().is_success() {
            return Err(call.refused(cx, &answer));
        }
        personal(answer.body(), sub).ok_or_else(|| {
            outcome::unknown(
                &call.subject,
                "Vipps' answer cannot be read as information on a user.",
            )
        })
    }
}
