//! The access token, and whose keys a call is made with (Access token API 2.0.0).

use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::clock::after;
use crate::options::{SalesUnit, UserinfoKey};
use crate::refusal::{
    HEADER_TOO_LONG, MSN_CONTRADICTION, MSN_OF_OTHERS, Refused, SUBSCRIPTION_KEY, TOKEN_CLIENT,
    TOKEN_EXPIRED, TOKEN_INVALID, TOKEN_MISSING, USERINFO_SUBSCRIPTION_KEY,
};
use crate::state::{AccessToken, State};

/// One hour, as in the test environment.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

const SYSTEM_HEADERS: [&str; 4] = [
    "Vipps-System-Name",
    "Vipps-System-Version",
    "Vipps-System-Plugin-Name",
    "Vipps-System-Plugin-Version",
];
const SYSTEM_HEADER_LENGTH: usize = 30;

/// A header as text; what isn't text is as good as missing.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn same(secret: &SecretString, given: &str) -> bool {
    secret
        .expose_secret()
        .as_bytes()
        .ct_eq(given.as_bytes())
        .into()
}

/// The `Vipps-System-*` headers are at most 30 characters long.
pub(crate) fn check_system_headers(headers: &HeaderMap) -> Result<(), Refused> {
    long_system_header(headers).map_or(Ok(()), |name| Err(HEADER_TOO_LONG.on(name)))
}

/// `POST /accesstoken/get`. All values are strings, also the numbers.
pub(crate) fn give_token(state: &mut State, headers: &HeaderMap) -> Result<Value, Refused> {
    let key = header(headers, "Ocp-Apim-Subscription-Key").unwrap_or_default();
    if !state.units.iter().any(|u| same(&u.subscription_key, key)) {
        return Err(SUBSCRIPTION_KEY.plain());
    }
    check_system_headers(headers)?;
    let id = header(headers, "client_id").unwrap_or_default();
    let secret = header(headers, "client_secret").unwrap_or_default();
    let known = state.units.iter().any(|u| {
        // All three are compared whatever the first two say: the time tells nothing.
        let client: bool = u.client_id.as_bytes().ct_eq(id.as_bytes()).into();
        client & same(&u.client_secret, secret) & same(&u.subscription_key, key)
    });
    if !known {
        return Err(TOKEN_CLIENT.plain());
    }
    let (Some(first), Some(second)) = (state.token(), state.token()) else {
        return Err(TOKEN_CLIENT
            .plain()
            .because("the system has no randomness to give"));
    };
    // It looks like a JWT, and is as opaque as one should be to its bearer.
    let token = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.{first}.{second}");
    let now = state.now();
    let ends = after(now, LIFETIME);
    state.tokens.retain(|_, token| token.ends > now);
    state.tokens.insert(
        token.clone(),
        AccessToken {
            client_id: id.to_owned(),
            ends,
        },
    );
    Ok(json!({
        "token_type": "Bearer",
        "expires_in": LIFETIME.as_secs().to_string(),
        "ext_expires_in": "0",
        "expires_on": ends.as_second().to_string(),
        "not_before": now.as_second().to_string(),
        "resource": "00000002-0000-0000-c000-000000000000",
        "access_token": token,
    }))
}

/// The sales units that the keys of a call are for.
pub(crate) fn units(state: &State, headers: &HeaderMap) -> Result<Vec<SalesUnit>, Refused> {
    let key = header(headers, "Ocp-Apim-Subscription-Key").unwrap_or_default();
    if !state.units.iter().any(|u| same(&u.subscription_key, key)) {
        return Err(SUBSCRIPTION_KEY.plain());
    }
    units_of_token(state, headers, |unit| same(&unit.subscription_key, key))
}

/// The sales units that the keys of a call to userinfo are for: the token alone, or with the
/// subscription key, as the sales unit has it.
pub(crate) fn units_of_userinfo(
    state: &State,
    headers: &HeaderMap,
) -> Result<Vec<SalesUnit>, Refused> {
    let units = units_of_token(state, headers, |_| true)?;
    let given = header(headers, "Ocp-Apim-Subscription-Key");
    for unit in &units {
        let right = given.is_some_and(|given| same(&unit.subscription_key, given));
        match unit.userinfo_key {
            UserinfoKey::Refused if given.is_some() => {
                return Err(USERINFO_SUBSCRIPTION_KEY.plain());
            }
            UserinfoKey::Required if !right => return Err(SUBSCRIPTION_KEY.plain()),
            _ => {}
        }
    }
    Ok(units)
}

fn units_of_token(
    state: &State,
    headers: &HeaderMap,
    fits: impl Fn(&SalesUnit) -> bool,
) -> Result<Vec<SalesUnit>, Refused> {
    let token = header(headers, AUTHORIZATION.as_str())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| TOKEN_MISSING.plain())?;
    let known = state
        .tokens
        .get(token.trim())
        .ok_or_else(|| TOKEN_INVALID.plain())?;
    if known.ends <= state.now() {
        return Err(TOKEN_EXPIRED.plain());
    }
    let units: Vec<SalesUnit> = state
        .units
        .iter()
        .filter(|u| u.client_id == known.client_id && fits(u))
        .cloned()
        .collect();
    if units.is_empty() {
        return Err(TOKEN_INVALID.plain().because("it belongs to other keys"));
    }
    Ok(units)
}

/// The `Vipps-System-*` header that is longer than 30 characters, if one is.
pub(crate) fn long_system_header(headers: &HeaderMap) -> Option<&'static str> {
    SYSTEM_HEADERS.into_iter().find(|name| {
        headers
            .get(*name)
            .is_some_and(|value| value.len() > SYSTEM_HEADER_LENGTH)
    })
}

/// Who calls: the sales units that the keys are for.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) units: Vec<SalesUnit>,
    header_msn: Option<String>,
}

impl Caller {
    /// Reads the keys of a call, and its MSN as eCom wants it.
    pub(crate) fn of(state: &State, headers: &HeaderMap) -> Result<Self, Refused> {
        let units = units(state, headers)?;
        let header_msn = header(headers, "Merchant-Serial-Number").map(str::to_owned);
        if header_msn
            .as_ref()
            .is_some_and(|msn| units.iter().all(|u| u.msn != *msn))
        {
            return Err(MSN_OF_OTHERS.plain());
        }
        Ok(Self { units, header_msn })
    }

    /// Whether the header names a sales unit.
    pub(crate) const fn names_a_unit(&self) -> bool {
        self.header_msn.is_some()
    }

    /// The sales unit that a body names, if it names one. `None` inside: not one of the caller's.
    pub(crate) fn named(&self, body_msn: Option<&str>) -> Result<Option<&SalesUnit>, Refused> {
        if let (Some(header), Some(body)) = (self.header_msn.as_deref(), body_msn)
            && header != body
        {
            return Err(MSN_CONTRADICTION.plain());
        }
        let msn = body_msn.or(self.header_msn.as_deref());
        Ok(match msn {
            Some(msn) => self.units.iter().find(|u| u.msn == msn),
            None => self.units.first(),
        })
    }

    /// The MSN under which the caller has this order of eCom's: eCom does not know what ePayment
    /// made. With partner keys and no MSN all are searched.
    pub(crate) fn msn_of_order(
        &self,
        state: &State,
        order_id: &str,
        body_msn: Option<&str>,
    ) -> Result<Option<String>, Refused> {
        let has = |u: &&SalesUnit| {
            let payment = state.payment(&u.msn, order_id);
            payment.is_some_and(|payment| payment.order.ecom().is_some())
        };
        if body_msn.is_none() && self.header_msn.is_none() {
            return Ok(self.units.iter().find(has).map(|u| u.msn.clone()));
        }
        let unit = self.named(body_msn)?;
        Ok(unit.filter(has).map(|u| u.msn.clone()))
    }
}
