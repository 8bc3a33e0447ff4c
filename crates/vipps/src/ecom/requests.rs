//! The requests of the eCom API v2, as pure functions: the same arguments give the same bytes.
//! The access token is added when a request is sent.
//!
//! Shapes: "eCom guide" and eCom OpenAPI 2.0.3. Amounts are whole øre; the one exception is
//! `shippingCost`, which is NOK with decimals.

use bytes::Bytes;
use http::{Method, Request};
use kasse_core::api::{Caller, Cancellation, Initiation, Modification};
use kasse_core::{Buyer, Currency, Error, ErrorKind, Express, Money, QuotedOption, Reference, Who};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::value::RawValue;
use url::Url;

use crate::headers;
use crate::request::{empty, with_body};

/// The longest URL and the longest `authToken` that Vipps takes.
const LONGEST: usize = 255;

/// `POST /ecomm/v2/payments`: makes a payment.
///
/// - `customerInfo.mobileNumber` is only there when the buyer's number is surely a Norwegian mobile
///   number; otherwise `customerInfo` is `{}`.
/// - Express adds `consentRemovalPrefix`, `paymentType` and `shippingDetailsPrefix`. The last goes
///   along with `staticShippingDetails` too: Vipps does not call it then, but the guide lists it
///   for every express payment, and should the app ask all the same, we can answer.
/// - `isApp`, `skipLandingPage` and `scope` are left out: their defaults are what a web shop needs.
///
/// # Errors
/// [`ErrorKind::Invalid`]: another currency than NOK, or static deliveries without any.
/// [`ErrorKind::Configuration`]: a URL or token of more than 255 characters.
pub fn initiate(caller: &Caller, what: &Initiation) -> Result<Request<Bytes>, Error> {
    let order = &what.order;
    let failed = || format!("Payment {} could not be started", what.reference);
    nok(order.amount, failed)?;
    let callback = prefix(&what.urls.callback, "callbackPrefix", failed)?;
    let token = what.token.expose_secret();
    if token.is_empty() || token.len() > LONGEST {
        return Err(Error::bug(
            failed(),
            format!(
                "authToken has {} characters; Vipps takes 1 to {LONGEST}.",
                token.len()
            ),
        ));
    }
    let mut merchant_info = MerchantInfo {
        auth_token: token,
        callback_prefix: callback,
        consent_removal_prefix: None,
        fall_back: short(what.urls.back.as_str(), "fallBack", failed)?,
        merchant_serial_number: caller.account.msn.as_str(),
        payment_type: None,
        shipping_details_prefix: None,
        static_shipping_details: None,
    };
    if let Some(express) = order.express {
        merchant_info.payment_type = Some("eComm Express Payment");
        merchant_info.shipping_details_prefix = Some(callback);
        merchant_info.consent_removal_prefix =
            Some(prefix(&what.urls.consent, "consentRemovalPrefix", failed)?);
        if express == Express::Static {
            if what.options.is_empty() {
                return Err(Error::invalid(
                    failed(),
                    "static express shipping needs at least one delivery, and there is none.",
                    "Give the order's deliveries, or use dynamic express shipping.",
                ));
            }
            merchant_info.static_shipping_details = Some(shipping_details(&what.options)?);
        }
    }
    let body = Initiate {
        customer_info: CustomerInfo {
            mobile_number: mobile_number(&order.buyer),
        },
        merchant_info,
        transaction: Transaction {
            amount: Some(order.amount.minor),
            order_id: Some(what.reference.as_str()),
            transaction_text: &order.text,
        },
    };
    with_body(caller, Method::POST, "/ecomm/v2/payments", &body)
}

/// `POST /ecomm/v2/payments/{orderId}/capture`: takes reserved money, once for each key.
///
/// The amount is always said, for a full capture too: without it (or with 0) Vipps takes all that
/// is reserved at that moment, which need not be what was journaled.
///
/// # Errors
/// [`ErrorKind::Invalid`]: another currency than NOK, or no amount.
pub fn capture(caller: &Caller, what: &Modification) -> Result<Request<Bytes>, Error> {
    modify(caller, what, "capture")
}

/// `POST /ecomm/v2/payments/{orderId}/refund`: gives back taken money, once for each key.
///
/// The amount is always said, for the same reason as in [`capture`].
///
/// # Errors
/// As [`capture`].
pub fn refund(caller: &Caller, what: &Modification) -> Result<Request<Bytes>, Error> {
    modify(caller, what, "refund")
}

/// `PUT /ecomm/v2/payments/{orderId}/cancel`: lets a payment go; with `release`, what is left of it
/// after a partial capture (`shouldReleaseRemainingFunds`, left out otherwise).
///
/// # Errors
/// [`ErrorKind::Configuration`]: keys that no header can hold.
pub fn cancel(caller: &Caller, what: &Cancellation) -> Result<Request<Bytes>, Error> {
    let body = Modify {
        merchant_info: Merchant {
            merchant_serial_number: caller.account.msn.as_str(),
        },
        transaction: Transaction {
            amount: None,
            order_id: None,
            transaction_text: &what.text,
        },
        should_release_remaining_funds: what.release.then_some(true),
    };
    with_body(caller, Method::PUT, &path(&what.reference, "cancel"), &body)
}

/// `GET /ecomm/v2/payments/{orderId}/details`: reads the truth.
///
/// # Errors
/// [`ErrorKind::Configuration`]: keys that no header can hold.
pub fn details(caller: &Caller, reference: &Reference) -> Result<Request<Bytes>, Error> {
    empty(caller, Method::GET, &path(reference, "details"))
}

/// `POST /ecomm/v2/integration-test/payments/{orderId}/approve`: approves a payment without the app,
/// as a test user who has approved one there before. In Vipps' test environment only, and not for
/// express payments.
///
/// `phone` has 8 digits; `token` is what the initiate's URL carries as `token`.
///
/// # Errors
/// [`ErrorKind::Invalid`]: a phone number of another form. [`ErrorKind::Configuration`]: an account
/// for production.
pub fn force_approve(
    caller: &Caller,
    reference: &Reference,
    phone: &str,
    token: &SecretString,
) -> Result<Request<Bytes>, Error> {
    let failed = || format!("Payment {reference} could not be approved");
    if caller.account.environment == kasse_core::Environment::Production {
        return Err(Error::new(
            ErrorKind::Configuration,
            Who::Shop,
            failed(),
            "only Vipps' test environment approves payments without the app.",
            "Use an account for the test environment.",
        ));
    }
    if phone.len() != 8 || !phone.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::invalid(
            failed(),
            "the phone number has not 8 digits.",
            "Give it as 8 digits, without a country code.",
        ));
    }
    let body = Approve {
        customer_phone_number: phone,
        token: token.expose_secret(),
    };
    let path = format!("/ecomm/v2/integration-test/payments/{reference}/approve");
    with_body(caller, Method::POST, &path, &body)
}

/// The deliveries as Vipps takes them, in the list's order: `priority` counts up from 1, since an
/// adapter may have given the same number twice.
///
/// # Errors
/// [`ErrorKind::Invalid`]: another currency than NOK, or a price below nothing.
pub(crate) fn shipping_details(
    options: &[QuotedOption],
) -> Result<Vec<ShippingDetails<'_>>, Error> {
    options
        .iter()
        .zip(1_u32..)
        .map(|(quoted, priority)| {
            let option = &quoted.option;
            let failed = || format!("The delivery \"{}\" cannot be offered", option.title);
            nok(option.price, failed)?;
            if option.price.minor < 0 {
                return Err(Error::invalid(
                    failed(),
                    format!("it costs {}.", option.price),
                    "Give it a price of 0.00 or more.",
                ));
            }
            Ok(ShippingDetails {
                is_default: if option.default { "Y" } else { "N" },
                priority,
                shipping_cost: decimal(option.price)?,
                shipping_method: &option.title,
                shipping_method_id: &quoted.wire_id,
            })
        })
        .collect()
}

fn modify(caller: &Caller, what: &Modification, operation: &str) -> Result<Request<Bytes>, Error> {
    let failed = || {
        format!(
            "The {operation} of {} for payment {} was not asked for",
            what.amount, what.reference
        )
    };
    nok(what.amount, failed)?;
    if !what.amount.is_positive() {
        return Err(Error::invalid(
            failed(),
            "the amount is not above nothing, and Vipps takes 0 for everything.",
            "Say how much.",
        ));
    }
    let body = Modify {
        merchant_info: Merchant {
            merchant_serial_number: caller.account.msn.as_str(),
        },
        transaction: Transaction {
            amount: Some(what.amount.minor),
            order_id: None,
            transaction_text: &what.text,
        },
        should_release_remaining_funds: None,
    };
    let mut request = with_body(
        caller,
        Method::POST,
        &path(&what.reference, operation),
        &body,
    )?;
    headers::request_id(&mut request, what.key.as_str())?;
    Ok(request)
}

/// A reference holds nothing that would have to be encoded.
fn path(reference: &Reference, operation: &str) -> String {
    format!("/ecomm/v2/payments/{reference}/{operation}")
}

fn nok(amount: Money, failed: impl Fn() -> String) -> Result<(), Error> {
    if amount.currency == Currency::Nok {
        return Ok(());
    }
    Err(Error::invalid(
        failed(),
        format!("the amount is {amount}, and the eCom API takes Norwegian kroner only."),
        "Offer Vipps by this account only for orders in NOK.",
    ))
}

/// Vipps adds a path with its own slash.
fn prefix<'u>(url: &'u Url, field: &str, failed: impl Fn() -> String) -> Result<&'u str, Error> {
    short(url.as_str().trim_end_matches('/'), field, failed)
}

fn short<'u>(url: &'u str, field: &str, failed: impl Fn() -> String) -> Result<&'u str, Error> {
    if url.len() <= LONGEST {
        return Ok(url);
    }
    Err(Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        failed(),
        format!(
            "{field} has {} characters; Vipps takes {LONGEST}.",
            url.len()
        ),
        "Use a shorter public address for kasse.",
    ))
}

/// NOK with decimals as a JSON number, digit for digit: `79.90`.
fn decimal(money: Money) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(money.decimal()).map_err(|error| {
        Error::bug(
            "A price cannot be written",
            format!("{}: {error}.", money.decimal()),
        )
    })
}

/// The 8 digits that Vipps wants, of a number that is surely a Norwegian mobile number: alone, or
/// after `+47` or `0047`. Everything else is left out, not guessed: `4791234567` could as well be a
/// number of ten digits from elsewhere, and one that begins with another digit than 4 or 9 is no
/// Norwegian mobile number.
fn mobile_number(buyer: &Buyer) -> Option<String> {
    let phone = buyer.phone.as_deref()?;
    if phone.len() > 40 {
        return None;
    }
    // The separators that people and shops use; U+00A0 is the space that does not break.
    let separator = |c: char| {
        matches!(
            c,
            ' ' | '\u{a0}' | '\u{202f}' | '-' | '.' | '(' | ')' | '\t'
        )
    };
    let mut bare = String::with_capacity(phone.len());
    bare.extend(phone.chars().filter(|c| !separator(*c)));
    let national = bare
        .strip_prefix("+47")
        .or_else(|| bare.strip_prefix("0047"))
        .unwrap_or(&bare);
    let mobile = national.len() == 8
        && national.bytes().all(|b| b.is_ascii_digit())
        && national.starts_with(['4', '9']);
    mobile.then(|| national.to_owned())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Initiate<'a> {
    customer_info: CustomerInfo,
    merchant_info: MerchantInfo<'a>,
    transaction: Transaction<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CustomerInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    mobile_number: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MerchantInfo<'a> {
    auth_token: &'a str,
    callback_prefix: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent_removal_prefix: Option<&'a str>,
    /// With this very case: `fallback` is answered with 500.
    fall_back: &'a str,
    /// A string: a number is answered with 500.
    merchant_serial_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping_details_prefix: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    static_shipping_details: Option<Vec<ShippingDetails<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShippingDetails<'a> {
    is_default: &'static str,
    priority: u32,
    shipping_cost: Box<RawValue>,
    shipping_method: &'a str,
    shipping_method_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Modify<'a> {
    merchant_info: Merchant<'a>,
    transaction: Transaction<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    should_release_remaining_funds: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Merchant<'a> {
    merchant_serial_number: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Transaction<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a str>,
    transaction_text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Approve<'a> {
    customer_phone_number: &'a str,
    token: &'a str,
}
