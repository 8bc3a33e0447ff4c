//! Userinfo: what a customer consented to share (Userinfo guide; Userinfo OpenAPI).

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::auth::{check_system_headers, units_of_userinfo};
use crate::clock::after;
use crate::customer::{Address, User};
use crate::faults::Operation;
use crate::ledger::Payment;
use crate::refusal::{Refused, USERINFO_UNKNOWN};
use crate::server::Reply;
use crate::state::State;

/// After this time every value is `[Expired]` (Userinfo guide).
const KEPT: Duration = Duration::from_secs(168 * 60 * 60);

/// The call that userinfo has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Route {
    sub: String,
}

impl Route {
    /// `path`: the segments after `vipps-userinfo-api`. The call without a `sub` belongs to Login.
    pub(crate) fn of(method: &Method, path: &[&str]) -> Option<Self> {
        match (method.as_str(), path) {
            ("GET", ["userinfo", sub]) if !sub.is_empty() => Some(Self {
                sub: percent_decode_str(sub).decode_utf8().ok()?.into_owned(),
            }),
            _ => None,
        }
    }

    pub(crate) const fn operation(&self) -> Operation {
        Operation::Userinfo
    }

    pub(crate) fn answer(&self, state: &State, headers: &HeaderMap) -> Result<Reply, Refused> {
        let units = units_of_userinfo(state, headers)?;
        check_system_headers(headers)?;
        let now = state.now();
        let consents = state.payments.values().filter_map(|payment| {
            let unit = units.iter().find(|u| u.msn == payment.order.msn)?;
            let user = payment.user.as_ref().filter(|user| user.sub == self.sub)?;
            let scope = payment.order.scope.as_deref()?;
            let given = payment.reserved_at?;
            let known = after(given, Duration::from_secs(unit.profile_after));
            (known <= now).then_some((given, scope, user, payment))
        });
        // The last consent counts.
        let consent = consents.max_by_key(|(given, ..)| *given);
        let (given, scope, user, payment) = consent.ok_or_else(|| USERINFO_UNKNOWN.plain())?;
        let mut shown = shown(scope, user, payment);
        if after(given, KEPT) < now {
            shown = expired(shown);
        }
        Ok(Reply::json(StatusCode::OK, &Value::Object(shown)))
    }
}

/// Only what was consented to.
fn shown(scope: &str, user: &User, payment: &Payment) -> Map<String, Value> {
    let mut shown = Map::new();
    let mut tell = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    tell("sub", user.sub.clone().into());
    // Published, and not in use.
    tell("sid", "7d78a726-af92-499e-b857-de263ef9a969".into());
    for scope in scope.split_whitespace() {
        match scope {
            "name" => {
                let name = format!("{} {}", user.first_name, user.last_name);
                tell("name", name.into());
                tell("given_name", user.first_name.clone().into());
                tell("family_name", user.last_name.clone().into());
            }
            "email" => {
                tell("email", user.email.clone().into());
                tell("email_verified", true.into());
            }
            "phoneNumber" => {
                tell("phone_number", msisdn(&user.mobile_number).into());
                tell("phone_number_verified", true.into());
            }
            "birthDate" => tell("birthdate", "1988-12-03".into()),
            "nin" => tell("nin", "09057517287".into()),
            "address" => {
                let (default, others) = addresses(payment, user);
                tell("address", default);
                tell("other_addresses", others);
            }
            _ => {}
        }
    }
    shown
}

/// The default address, which is the one that the customer chose, and the others.
fn addresses(payment: &Payment, user: &User) -> (Value, Value) {
    if user.without_address {
        let names = [
            "address_type",
            "country",
            "formatted",
            "postal_code",
            "region",
            "street_address",
        ];
        let empty: Map<String, Value> = names
            .map(|n| (n.to_owned(), "".into()))
            .into_iter()
            .collect();
        return (empty.into(), json!([]));
    }
    let country = payment.order.country.as_str();
    let default = payment.address.clone();
    let default = default.unwrap_or_else(|| Address::in_country(country));
    let all = Address::samples_in(&[country.to_owned()]);
    let others = all.iter().filter(|address| **address != default);
    let others = others.zip(["work", "other"]);
    let others: Vec<Value> = others.map(|(address, kind)| place(address, kind)).collect();
    (place(&default, "home"), others.into())
}

/// An address; its second line is one of the street's.
fn place(address: &Address, kind: &str) -> Value {
    let mut street = address.address_line1.clone();
    if let Some(second) = &address.address_line2 {
        street = format!("{street}\n{second}");
    }
    json!({
        "address_type": kind,
        "country": address.country,
        "formatted": format!("{street}\n{} {}", address.post_code, address.city),
        "postal_code": address.post_code,
        // The place, whatever its name.
        "region": address.city,
        "street_address": street,
    })
}

/// With the country's code; the test customers' eight digits are Norwegian.
fn msisdn(number: &str) -> String {
    if number.len() == 8 {
        format!("47{number}")
    } else {
        number.to_owned()
    }
}

/// Every text but the ids is gone.
fn expired(shown: Map<String, Value>) -> Map<String, Value> {
    fn gone(value: Value) -> Value {
        match value {
            Value::String(_) => "[Expired]".into(),
            Value::Object(fields) => fields
                .into_iter()
                .map(|(name, v)| (name, gone(v)))
                .collect(),
            Value::Array(items) => items.into_iter().map(gone).collect(),
            other => other,
        }
    }
    shown
        .into_iter()
        .map(|(name, value)| {
            let id = matches!(name.as_str(), "sub" | "sid");
            let value = if id { value } else { gone(value) };
            (name, value)
        })
        .collect()
}
