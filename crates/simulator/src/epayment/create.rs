//! `POST /epayment/v1/payments`.

use std::collections::BTreeSet;
use std::fmt;

use http::StatusCode;
use jiff::Timestamp;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::problem::{
    AMOUNT_TOO_SMALL, BLOCKED_SOURCES, CANNOT_CREATE, CURRENCY, CUSTOMER_NOT_FOUND,
    EXPIRES_TOO_LATE, EXPIRES_TOO_SOON, EXPRESS_NOT_ALLOWED, INVALID_FIELD, INVALID_METHOD,
    INVALID_PERSONAL_QR, INVALID_SCOPE, INVALID_URL, LONG_LIVING_NOT_ALLOWED, LONG_LIVING_RECEIPT,
    METADATA_DUPLICATE, MISSING_PARAMETER, PUSH_NOT_ALLOWED, REFERENCE_USED, Refusal,
    SCOPE_NOT_ALLOWED, Told,
};
use super::request::Request;
use super::shipping::read_groups;
use super::terms::{Method, Shipping, Terms};
use crate::clock::{after, days, minutes};
use crate::customer::User;
use crate::idempotency::Endpoint;
use crate::landing;
use crate::ledger::{self, Order, Payment};
use crate::money::Currency;
use crate::options::{Country, SalesUnit};
use crate::server::Reply;
use crate::state::{Shared, State};
use crate::urls;

/// The longest URL of a customer's (ePayment OpenAPI 1.8.1, `returnUrl`); for the others none is
/// published.
const URL_LENGTH: usize = 2500;
/// What `scope` may hold (ePayment OpenAPI 1.8.1, `ProfileRequest`).
const SCOPES: [&str; 6] = [
    "name",
    "address",
    "email",
    "phoneNumber",
    "birthDate",
    "nin",
];
/// The countries in which there are customers, by how their numbers begin.
const PREFIXES: [&str; 4] = ["45", "46", "47", "358"];

pub(super) fn create(
    state: &mut State,
    shared: &Shared,
    request: &Request<'_>,
) -> Result<Reply, Refusal> {
    let unit = request.unit(state)?;
    // A reference that is missing or misspelt is one for all: so are its limits.
    let lenient: Value = serde_json::from_slice(request.body).unwrap_or_default();
    let reference = text(&lenient, "/reference").unwrap_or_default().to_owned();
    request.once(state, &unit, Endpoint::Create, &reference, |state, key| {
        let command = request.json("CreatePaymentRequest")?;
        let now = state.now();
        let mut order = read_order(&command, request.body, &unit, now)?;
        let id = (order.msn.clone(), order.order_id.clone());
        if state.payments.contains_key(&id) {
            return Err(REFERENCE_USED.plain());
        }
        let token = state.token().ok_or_else(|| {
            CANNOT_CREATE
                .plain()
                .because("The system has no randomness to give.")
        })?;
        let mut answer = json!({ "reference": order.order_id });
        let url = match text(&command, "/userFlow") {
            Some("PUSH_MESSAGE") => None,
            Some("NATIVE_REDIRECT") => Some(format!("vipps://?token={token}")),
            _ => Some(landing::url(&shared.url, &token)),
        };
        if let (Some(url), Some(answer)) = (&url, answer.as_object_mut()) {
            answer.insert("redirectUrl".to_owned(), url.as_str().into());
        }
        if let ledger::Terms::Epayment(terms) = &mut order.terms {
            terms.redirect_url = url;
        }
        let transaction_id = state.transaction_id();
        let payment = Payment::new(order, token, now, transaction_id, key);
        state.payments.insert(id.clone(), payment);
        state.tell(&id.0, &id.1);
        Ok(Reply::json(StatusCode::CREATED, &answer))
    })
}

fn read_order(
    command: &Value,
    raw: &[u8],
    unit: &SalesUnit,
    now: Timestamp,
) -> Result<Order, Told> {
    if metadata_is_doubled(raw) {
        return Err(METADATA_DUPLICATE.plain());
    }
    let method = match text(command, "/paymentMethod/type") {
        Some("WALLET") => Method::Wallet,
        Some("CARD") => Method::Card,
        _ => return Err(INVALID_METHOD.plain()),
    };
    let flow = text(command, "/userFlow").unwrap_or_default();
    if method == Method::Card && flow != "WEB_REDIRECT" {
        return Err(INVALID_FIELD.on("userFlow", "CARD needs WEB_REDIRECT."));
    }
    let phone = customer(command)?;
    let return_url = of_customer(command, "returnUrl")?;
    if flow == "WEB_REDIRECT" && return_url.is_none() {
        return Err(MISSING_PARAMETER.on("returnUrl", "WEB_REDIRECT needs returnUrl."));
    }
    if flow == "PUSH_MESSAGE" && present(command, "customer").is_none() {
        return Err(MISSING_PARAMETER.on("customer", "PUSH_MESSAGE needs customer."));
    }
    of_customer(command, "receiptUrl")?;
    let links = command.get("merchantLegalLinks").unwrap_or(&Value::Null);
    let mut legal_links = Vec::new();
    for (field, name) in [
        ("termsOfSaleUrl", "Terms of sale"),
        ("privacyPolicyUrl", "Privacy policy"),
    ] {
        legal_links.extend(of_customer(links, field)?.map(|url| (name, url)));
    }
    let scope = scope(command, unit)?;
    if unit.blocked || unit.deactivated || (method == Method::Card && !unit.credit_card) {
        return Err(CANNOT_CREATE.plain());
    }
    let (amount, currency) = amount(command.get("amount").unwrap_or(&Value::Null));
    if !unit.takes(currency) {
        return Err(CURRENCY.plain());
    }
    if amount < smallest(currency) {
        return Err(AMOUNT_TOO_SMALL.plain());
    }
    let blocks = command.pointer("/paymentMethod/blockedSources");
    if blocks
        .and_then(Value::as_array)
        .is_some_and(|b| !b.is_empty())
        && (method == Method::Card || unit.country == Country::No)
    {
        return Err(BLOCKED_SOURCES.plain());
    }
    if flow == "PUSH_MESSAGE" && !unit.push_message {
        return Err(PUSH_NOT_ALLOWED.plain());
    }
    let receipt = receipt(command)?;
    let expires = expires(command, unit, receipt.is_some(), method, now)?;
    let (shipping, countries) = shipping(command, unit, method, scope.as_deref(), currency)?;
    let minimum_age = command
        .get("minimumUserAge")
        .and_then(Value::as_u64)
        .and_then(|age| u8::try_from(age).ok());
    if let Some(phone) = &phone {
        let known = PREFIXES.iter().any(|prefix| phone.starts_with(prefix));
        let old_enough = minimum_age.is_none_or(|age| User::age(now) >= age);
        if !known || !old_enough {
            return Err(CUSTOMER_NOT_FOUND.plain());
        }
    }
    let metadata = command.get("metadata").and_then(Value::as_object).cloned();
    Ok(Order {
        msn: unit.msn.clone(),
        order_id: text(command, "/reference").unwrap_or_default().to_owned(),
        amount,
        currency,
        country: unit.country,
        text: text(command, "/paymentDescription")
            .unwrap_or_default()
            .to_owned(),
        fall_back: return_url.unwrap_or_default(),
        phone,
        scope,
        // The customer has no landing page to come back from.
        skip_landing_page: flow == "PUSH_MESSAGE",
        direct_capture: false,
        expires,
        capture_for: unit.capture_for(),
        terms: ledger::Terms::Epayment(Box::new(Terms {
            method,
            redirect_url: None,
            minimum_age,
            legal_links,
            metadata,
            countries,
            shipping,
            receipt,
            profile_after: std::time::Duration::from_secs(unit.profile_after),
            camel_case_address: unit.camel_case_address,
        })),
    })
}

pub(super) fn text<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer).and_then(Value::as_str)
}

/// A field that is there, and not `null`.
fn present<'a>(body: &'a Value, name: &str) -> Option<&'a Value> {
    body.get(name).filter(|value| !value.is_null())
}

/// An amount that passed the schema.
pub(super) fn amount(amount: &Value) -> (u64, Currency) {
    let currency = match text(amount, "/currency") {
        Some("DKK") => Currency::Dkk,
        Some("EUR") => Currency::Eur,
        _ => Currency::Nok,
    };
    let value = amount.get("value").and_then(Value::as_u64).unwrap_or(0);
    (value, currency)
}

/// The smallest amount (ePayment OpenAPI 1.8.1, `Amount`).
const fn smallest(currency: Currency) -> u64 {
    match currency {
        Currency::Nok => 100,
        Currency::Dkk | Currency::Eur => 1,
    }
}

/// The phone number of the customer, if it is one that is known by it.
fn customer(command: &Value) -> Result<Option<String>, Told> {
    let Some(customer) = present(command, "customer") else {
        return Ok(None);
    };
    let named = ["phoneNumber", "personalQr", "customerToken"]
        .into_iter()
        .filter(|name| present(customer, name).is_some())
        .count();
    if named != 1 {
        return Err(INVALID_FIELD.on(
            "customer",
            "Exactly one of phoneNumber, personalQr and customerToken must be given.",
        ));
    }
    if text(customer, "/personalQr").is_some_and(|qr| !qr.starts_with("https://qr.vipps.no/")) {
        return Err(INVALID_PERSONAL_QR.plain());
    }
    Ok(text(customer, "/phoneNumber").map(str::to_owned))
}

/// A URL that the customer opens.
fn of_customer(body: &Value, field: &str) -> Result<Option<String>, Told> {
    let Some(url) = present(body, field).and_then(Value::as_str) else {
        return Ok(None);
    };
    urls::shown_within(url, URL_LENGTH)
        .map_err(|why| INVALID_URL.on(field, format!("The URL {why}.")))?;
    Ok(Some(url.to_owned()))
}

fn scope(command: &Value, unit: &SalesUnit) -> Result<Option<String>, Told> {
    let Some(scope) = text(command, "/profile/scope").filter(|scope| !scope.trim().is_empty())
    else {
        return Ok(None);
    };
    for name in scope.split_whitespace() {
        if !SCOPES.contains(&name) {
            return Err(INVALID_SCOPE.plain());
        }
        if name == "nin" && !unit.national_identity_number {
            return Err(SCOPE_NOT_ALLOWED.plain());
        }
    }
    Ok(Some(scope.to_owned()))
}

/// The receipt, with what its schema cannot say.
fn receipt(command: &Value) -> Result<Option<Value>, Told> {
    let Some(receipt) = present(command, "receipt") else {
        return Ok(None);
    };
    check_lines(receipt, "receipt.")?;
    Ok(Some(receipt.clone()))
}

/// Checks a receipt for what its schema cannot say. `at`: what stands before its fields' names.
pub(crate) fn check_lines(receipt: &Value, at: &str) -> Result<(), Told> {
    let lines = receipt.get("orderLines").and_then(Value::as_array);
    for (n, line) in lines.into_iter().flatten().enumerate() {
        let place = |field: &str| format!("{at}orderLines[{n}].{field}");
        if present(line, "taxRate").is_none() && present(line, "taxPercentage").is_none() {
            return Err(INVALID_FIELD.on(
                &place("taxRate"),
                "Either taxRate or taxPercentage must be set.",
            ));
        }
        for field in ["totalAmount", "totalAmountExcludingTax", "totalTaxAmount"] {
            if line
                .get(field)
                .and_then(Value::as_i64)
                .is_some_and(|n| n < 0)
            {
                return Err(INVALID_FIELD.on(&place(field), "Negative amounts are not allowed."));
            }
        }
    }
    Ok(())
}

fn expires(
    command: &Value,
    unit: &SalesUnit,
    has_receipt: bool,
    method: Method,
    now: Timestamp,
) -> Result<Option<Timestamp>, Told> {
    let Some(expires) = text(command, "/expiresAt") else {
        return Ok(None);
    };
    let expires: Timestamp = expires
        .parse()
        .map_err(|_| INVALID_FIELD.on("expiresAt", "There is no such moment."))?;
    if !unit.long_living || method != Method::Wallet {
        return Err(LONG_LIVING_NOT_ALLOWED.plain());
    }
    if !has_receipt {
        return Err(LONG_LIVING_RECEIPT.plain());
    }
    if expires <= after(now, minutes(10)) {
        return Err(EXPIRES_TOO_SOON.plain());
    }
    if expires >= after(now, days(60)) {
        return Err(EXPIRES_TOO_LATE.plain());
    }
    Ok(Some(expires))
}

/// The deliveries of an express payment, and the countries they are for.
fn shipping(
    command: &Value,
    unit: &SalesUnit,
    method: Method,
    scope: Option<&str>,
    currency: Currency,
) -> Result<(Option<Shipping>, Vec<String>), Told> {
    let home = match currency {
        Currency::Nok => Country::No,
        Currency::Dkk => Country::Dk,
        Currency::Eur => Country::Fi,
    };
    let home = vec![home.as_str().to_owned()];
    let Some(asked) = present(command, "shipping") else {
        return Ok((None, home));
    };
    if !unit.express {
        return Err(EXPRESS_NOT_ALLOWED.plain());
    }
    if method != Method::Wallet {
        return Err(INVALID_FIELD.on("paymentMethod.type", "Express needs WALLET."));
    }
    if !scope.is_some_and(|scope| scope.split_whitespace().any(|name| name == "address")) {
        return Err(INVALID_SCOPE
            .plain()
            .because("Express needs address in its scope."));
    }
    let countries: Vec<String> = match present(asked, "allowedCountries").and_then(Value::as_array)
    {
        Some(countries) => countries
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        None => home,
    };
    let is_code = |code: &String| code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase());
    if countries.is_empty() || !countries.iter().all(is_code) {
        return Err(INVALID_FIELD.on(
            "shipping.allowedCountries",
            "Countries are two capital letters each, and at least one.",
        ));
    }
    let fixed = present(asked, "fixedOptions").and_then(Value::as_array);
    let dynamic = present(asked, "dynamicOptions");
    let shipping = match (fixed, dynamic) {
        (Some(groups), None) => {
            let options = read_groups(groups, currency)
                .map_err(|why| INVALID_FIELD.on("shipping.fixedOptions", why))?;
            Shipping::Fixed(options)
        }
        (None, Some(dynamic)) => {
            let url = text(dynamic, "/callbackUrl").unwrap_or_default();
            urls::callable_within(url, URL_LENGTH)
                .map_err(|why| INVALID_URL.on("callbackUrl", format!("The URL {why}.")))?;
            let token = text(dynamic, "/callbackAuthorizationToken").filter(|t| !t.is_empty());
            if token.is_some_and(|token| http::HeaderValue::from_str(token).is_err()) {
                return Err(INVALID_FIELD.on(
                    "shipping.dynamicOptions.callbackAuthorizationToken",
                    "The token cannot be sent in a header.",
                ));
            }
            Shipping::Dynamic {
                url: url.to_owned(),
                token: token.map(|token| token.to_owned().into()),
            }
        }
        _ => {
            return Err(INVALID_FIELD.on(
                "shipping",
                "Exactly one of fixedOptions and dynamicOptions must be given.",
            ));
        }
    };
    Ok((Some(shipping), countries))
}

#[derive(Deserialize)]
struct RawCommand {
    #[serde(default)]
    metadata: Option<RawKeys>,
}

/// The keys of an object, as they came: a JSON object in memory has each only once.
struct RawKeys {
    doubled: bool,
}

impl<'de> Deserialize<'de> for RawKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = RawKeys;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawKeys, A::Error> {
                let mut seen = BTreeSet::new();
                let mut doubled = false;
                while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                    doubled |= !seen.insert(key);
                }
                Ok(RawKeys { doubled })
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

fn metadata_is_doubled(raw: &[u8]) -> bool {
    // What can't be read so was refused before.
    serde_json::from_slice::<RawCommand>(raw)
        .ok()
        .and_then(|command| command.metadata)
        .is_some_and(|keys| keys.doubled)
}
