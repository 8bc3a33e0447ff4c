//! The requests of the ePayment API, as pure functions: the same arguments give the same bytes. The
//! access token is added when a request is sent.
//!
//! Shapes: "ePayment guide" and ePayment OpenAPI 1.8.1; `allowedCountries` and `merchantLegalLinks`
//! are newer than that ("ePayment API changelog"). Amounts are whole minor units everywhere, the
//! prices of deliveries too. What no web shop uses is left out: QR codes, push messages, data of
//! airlines, customers at a till.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request};
use kasse_core::api::{Caller, Cancellation, Initiation, Modification};
use kasse_core::{
    DeliveryKind, Environment, Error, ErrorKind, Express, LegalLinks, Method as PayMethod, Money,
    Msisdn, QuotedOption, ReceiptWish, Reference, Scope, Who, Wishes,
};
use secrecy::ExposeSecret;
use serde::Serialize;
use url::Url;

use crate::headers;
use crate::receipt::{Receipt, receipt};
use crate::request::{empty, with_body};

/// The longest `returnUrl` that Vipps takes.
const LONGEST_RETURN: usize = 2500;
/// `paymentDescription` has 3 to 100 characters.
const SHORTEST_TEXT: usize = 3;
/// See [`SHORTEST_TEXT`].
const LONGEST_TEXT: usize = 100;
/// How many characters of our token are sent. Vipps' schema takes up to 50 letters, digits and
/// hyphens in the header in which it comes back.
pub(super) const TOKEN: usize = 32;
/// What an express payment asks for: all four satisfy both what the guide demanded first and what it
/// demands now.
const EXPRESS_SCOPE: [Scope; 4] = [
    Scope::Name,
    Scope::Email,
    Scope::PhoneNumber,
    Scope::Address,
];
/// The order in which what is asked for is written.
const SCOPES: [(Scope, &str); 5] = [
    (Scope::Name, "name"),
    (Scope::Email, "email"),
    (Scope::PhoneNumber, "phoneNumber"),
    (Scope::Address, "address"),
    (Scope::BirthDate, "birthDate"),
];
/// Those who bring it, as Vipps knows them.
const BRANDS: [&str; 12] = [
    "POSTEN",
    "BRING",
    "POSTNORD",
    "HELTHJEM",
    "PORTERBUDDY",
    "DHL",
    "INSTABOX",
    "FEDEX",
    "MATKAHUOLTO",
    "GLS",
    "POSTI",
    "GORDON",
];

/// `POST /epayment/v1/payments`: makes a payment, once for each key.
///
/// - `customer.phoneNumber` is only there when the buyer's number is surely a complete one of a
///   Nordic country; otherwise there is no `customer`.
/// - A text of less than three characters, which Vipps does not take, gets the word "Order" before it;
///   one that is too long as Vipps counts is cut.
/// - Express adds `shipping`, with the deliveries or with our address to ask for them, and asks for
///   name, e-mail, phone number and address.
/// - `receipt` is there where it is wished for at create; `expiresAt` where the payment has another
///   time than Vipps' 10 minutes.
///
/// # Errors
/// [`ErrorKind::Invalid`]: static deliveries without any, in another currency or with a price below
/// nothing; lines that are no receipt. [`ErrorKind::Configuration`]: an address that Vipps does not
/// take.
pub fn create(caller: &Caller, what: &Initiation) -> Result<Request<Bytes>, Error> {
    let (order, wishes) = (&what.order, &what.wishes);
    let receipt = match wishes.receipt {
        ReceiptWish::AtCreate => Some(receipt(order)?),
        ReceiptWish::Off | ReceiptWish::Afterwards => None,
    };
    let phone = order.buyer.phone.as_deref().and_then(Msisdn::read);
    let body = Create {
        amount: order.amount,
        customer: phone.as_ref().map(|number| Customer {
            phone_number: number.as_str(),
        }),
        minimum_user_age: wishes.minimum_age,
        payment_method: PaymentMethod {
            kind: match wishes.method {
                PayMethod::Wallet => "WALLET",
                PayMethod::Card => "CARD",
            },
            blocked_sources: if wishes.block_commercial_cards {
                &["COMMERCIAL_CARDS"]
            } else {
                &[]
            },
        },
        profile: scope(wishes, order.express).map(|scope| Profile { scope }),
        reference: what.reference.as_str(),
        return_url: return_url(what)?,
        user_flow: "WEB_REDIRECT",
        // To the second: Vipps' clock is not ours, and fractions say nothing.
        expires_at: what
            .expires
            .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        payment_description: description(&order.text),
        receipt,
        metadata: &wishes.metadata,
        shipping: match order.express {
            Some(express) => Some(shipping(caller, what, express)?),
            None => None,
        },
        merchant_legal_links: wishes.legal.as_ref().map(links),
    };
    let mut request = with_body(caller, Method::POST, "/epayment/v1/payments", &body)?;
    headers::idempotency_key(&mut request, what.key.as_str())?;
    Ok(request)
}

/// `GET /epayment/v1/payments/{reference}`: how a payment stands.
///
/// # Errors
/// [`ErrorKind::Configuration`]: keys that no header can hold.
pub fn payment(caller: &Caller, reference: &Reference) -> Result<Request<Bytes>, Error> {
    empty(
        caller,
        Method::GET,
        &format!("/epayment/v1/payments/{reference}"),
    )
}

/// `GET /epayment/v1/payments/{reference}/events`: what happened to it.
///
/// # Errors
/// As [`payment`].
pub fn events(caller: &Caller, reference: &Reference) -> Result<Request<Bytes>, Error> {
    empty(caller, Method::GET, &path(reference, "events"))
}

/// `POST /epayment/v1/payments/{reference}/capture`: takes reserved money, once for each key.
///
/// Vipps shows the customer no text for it, so that [`Modification::text`] is not sent.
///
/// # Errors
/// [`ErrorKind::Invalid`]: no amount.
pub fn capture(caller: &Caller, what: &Modification) -> Result<Request<Bytes>, Error> {
    modify(caller, what, "capture")
}

/// `POST /epayment/v1/payments/{reference}/refund`: gives back taken money, once for each key.
///
/// # Errors
/// As [`capture`].
pub fn refund(caller: &Caller, what: &Modification) -> Result<Request<Bytes>, Error> {
    modify(caller, what, "refund")
}

/// `POST /epayment/v1/payments/{reference}/cancel`: lets a payment go, and with it all of it that is
/// not captured: there is no releasing of less. With `only_open` Vipps does it only if the customer
/// has not approved it (`cancelTransactionOnly`).
///
/// The body is always there: Vipps would take none too, but not every proxy a POST without.
///
/// # Errors
/// [`ErrorKind::Configuration`]: keys that no header can hold.
pub fn cancel(caller: &Caller, what: &Cancellation) -> Result<Request<Bytes>, Error> {
    let body = Cancel {
        cancel_transaction_only: what.only_open,
    };
    let path = path(&what.reference, "cancel");
    let mut request = with_body(caller, Method::POST, &path, &body)?;
    headers::idempotency_key(&mut request, what.key.as_str())?;
    Ok(request)
}

/// `POST /epayment/v1/test/payments/{reference}/approve`: approves a payment without the app, as a
/// test user who has approved one there before. In Vipps' test environment only, and not for express
/// payments.
///
/// `phone` has its country's prefix, in digits alone: `4712345678`.
///
/// # Errors
/// [`ErrorKind::Invalid`]: a phone number of another form. [`ErrorKind::Configuration`]: an account
/// for production.
pub fn force_approve(
    caller: &Caller,
    reference: &Reference,
    phone: &str,
) -> Result<Request<Bytes>, Error> {
    let failed = || format!("Payment {reference} could not be approved");
    if caller.account.environment == Environment::Production {
        return Err(Error::new(
            ErrorKind::Configuration,
            Who::Shop,
            failed(),
            "only Vipps' test environment approves payments without the app.",
            "Use an account for the test environment.",
        ));
    }
    if !(9..=15).contains(&phone.len()) || !phone.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::invalid(
            failed(),
            "the phone number has not 9 to 15 digits.",
            "Give it in digits, with the country's prefix: 4712345678.",
        ));
    }
    let body = Approve {
        customer: Customer {
            phone_number: phone,
        },
    };
    let path = format!("/epayment/v1/test/payments/{reference}/approve");
    with_body(caller, Method::POST, &path, &body)
}

/// The deliveries as Vipps takes them: one group for each who-brings-it and how, in the order in
/// which they first come up, and in it its deliveries in theirs. One delivery of all is chosen
/// beforehand, and its group with it.
///
/// # Errors
/// [`ErrorKind::Invalid`]: a price below nothing, or deliveries in two currencies.
pub(super) fn groups(options: &[QuotedOption]) -> Result<Vec<Group<'_>>, Error> {
    // The list has one by its own rules; of a list that has none it is the first.
    let chosen = options
        .iter()
        .position(|quoted| quoted.option.default)
        .unwrap_or(0);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (index, quoted) in options.iter().enumerate() {
        let option = &quoted.option;
        let currency = options.first().map(|first| first.option.price.currency);
        if option.price.minor < 0 || currency != Some(option.price.currency) {
            return Err(Error::invalid(
                format!("The delivery \"{}\" cannot be offered", option.title),
                format!("it costs {}.", option.price),
                "Give it a price of 0.00 or more, in the order's currency.",
            ));
        }
        let (kind, brand) = (kind(option.kind), brand(&option.brand));
        let is_default = index == chosen;
        let at = groups
            .iter()
            .position(|group| group.kind == kind && group.brand == brand);
        let at = at.unwrap_or_else(|| {
            groups.push(Group {
                kind,
                brand,
                is_default: false,
                priority: groups.len(),
                options: Vec::new(),
            });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(at) {
            group.is_default |= is_default;
            group.options.push(ShippingOption {
                id: &quoted.wire_id,
                name: &option.title,
                amount: option.price,
                is_default,
                priority: group.options.len(),
                estimated_delivery: option.estimate.as_deref(),
            });
        }
    }
    Ok(groups)
}

fn shipping<'a>(
    caller: &Caller,
    what: &'a Initiation,
    express: Express,
) -> Result<Shipping<'a>, Error> {
    let failed = || format!("Payment {} could not be started", what.reference);
    let mut shipping = Shipping {
        allowed_countries: &what.wishes.countries,
        fixed_options: None,
        dynamic_options: None,
    };
    match express {
        Express::Static => {
            if what.options.is_empty() {
                return Err(Error::invalid(
                    failed(),
                    "static express shipping needs at least one delivery, and there is none.",
                    "Give the order's deliveries, or use dynamic express shipping.",
                ));
            }
            let currency = what.order.amount.currency;
            let other = |quoted: &&QuotedOption| quoted.option.price.currency != currency;
            if let Some(quoted) = what.options.iter().find(other) {
                return Err(Error::invalid(
                    failed(),
                    format!(
                        "the delivery \"{}\" is priced in {}, and the order in {currency}.",
                        quoted.option.title, quoted.option.price.currency
                    ),
                    "Price the deliveries in the order's currency.",
                ));
            }
            shipping.fixed_options = Some(groups(&what.options)?);
        }
        Express::Dynamic => {
            let simulated = matches!(caller.account.environment, Environment::At(_));
            if what.urls.callback.scheme() != "https" && !simulated {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    Who::Merchant,
                    failed(),
                    "Vipps asks for deliveries by https alone, and kasse's public address is another.",
                    "Give kasse a public address with https.",
                ));
            }
            shipping.dynamic_options = Some(DynamicOptions {
                callback_url: callback_url(&what.urls.callback, &what.reference),
                callback_authorization_token: token(what)?,
            });
        }
    }
    Ok(shipping)
}

/// Where Vipps asks for deliveries. It adds nothing to it, so that it says which payment's they are.
fn callback_url(callback: &Url, reference: &Reference) -> String {
    let base = callback.as_str().trim_end_matches('/');
    format!("{base}{}{reference}", super::inbound::SHIPPING)
}

fn token(what: &Initiation) -> Result<&str, Error> {
    let whole = what.token.expose_secret();
    // Of other characters there may be none.
    let token = whole.get(..TOKEN).unwrap_or(whole);
    let fits = !token.is_empty()
        && token
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if fits {
        return Ok(token);
    }
    Err(Error::bug(
        format!("Payment {} could not be started", what.reference),
        "callbackAuthorizationToken is empty, or has other characters than letters, digits and hyphens.",
    ))
}

fn return_url(what: &Initiation) -> Result<&str, Error> {
    let url = what.urls.back.as_str();
    if url.len() <= LONGEST_RETURN {
        return Ok(url);
    }
    Err(Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        format!("Payment {} could not be started", what.reference),
        format!(
            "returnUrl has {} characters; Vipps takes {LONGEST_RETURN}.",
            url.len()
        ),
        "Use a shorter public address for kasse.",
    ))
}

/// The text in 3 to 100 characters. Vipps counts them as UTF-16 does: an emoji is two.
fn description(text: &str) -> Cow<'_, str> {
    if text.chars().take(SHORTEST_TEXT).count() < SHORTEST_TEXT {
        return format!("Order {text}").into();
    }
    // Nothing has more units than bytes.
    let units = |text: &str| text.encode_utf16().count();
    if text.len() <= LONGEST_TEXT || units(text) <= LONGEST_TEXT {
        return text.into();
    }
    let mut cut = String::new();
    for c in text.chars() {
        if units(&cut) + c.len_utf16() >= LONGEST_TEXT {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut.into()
}

/// What the customer is asked to share, in an order that is always the same.
fn scope(wishes: &Wishes, express: Option<Express>) -> Option<String> {
    let asked = |scope: &Scope| {
        wishes.scope.contains(scope) || (express.is_some() && EXPRESS_SCOPE.contains(scope))
    };
    let words: Vec<&str> = SCOPES
        .iter()
        .filter(|(scope, _)| asked(scope))
        .map(|(_, word)| *word)
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn links(links: &LegalLinks) -> Links<'_> {
    Links {
        terms_of_sale_url: links.terms.as_str(),
        privacy_policy_url: links.privacy.as_str(),
    }
}

fn kind(kind: DeliveryKind) -> &'static str {
    match kind {
        DeliveryKind::Home => "HOME_DELIVERY",
        DeliveryKind::PickupPoint => "PICKUP_POINT",
        DeliveryKind::Mailbox => "MAILBOX",
        DeliveryKind::InStore => "IN_STORE",
        DeliveryKind::Other => "OTHER",
    }
}

/// The brand as Vipps writes it: `Post Nord` is `POSTNORD`. One that it does not know is `OTHER`.
fn brand(text: &str) -> &'static str {
    let word: String = text
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .take(40)
        .collect();
    BRANDS
        .iter()
        .find(|brand| brand.eq_ignore_ascii_case(&word))
        .copied()
        .unwrap_or("OTHER")
}

fn modify(caller: &Caller, what: &Modification, operation: &str) -> Result<Request<Bytes>, Error> {
    if !what.amount.is_positive() {
        return Err(Error::invalid(
            format!(
                "The {operation} of {} for payment {} was not asked for",
                what.amount, what.reference
            ),
            "the amount is not above nothing.",
            "Say how much.",
        ));
    }
    let body = Modify {
        modification_amount: what.amount,
    };
    let path = path(&what.reference, operation);
    let mut request = with_body(caller, Method::POST, &path, &body)?;
    headers::idempotency_key(&mut request, what.key.as_str())?;
    Ok(request)
}

/// A reference holds nothing that would have to be encoded.
fn path(reference: &Reference, operation: &str) -> String {
    format!("/epayment/v1/payments/{reference}/{operation}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Create<'a> {
    amount: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Customer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_user_age: Option<u8>,
    payment_method: PaymentMethod,
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Profile>,
    reference: &'a str,
    return_url: &'a str,
    user_flow: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    payment_description: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping: Option<Shipping<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    merchant_legal_links: Option<Links<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Customer<'a> {
    phone_number: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PaymentMethod {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    blocked_sources: &'static [&'static str],
}

#[derive(Serialize)]
struct Profile {
    scope: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shipping<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    allowed_countries: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    fixed_options: Option<Vec<Group<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamic_options: Option<DynamicOptions<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DynamicOptions<'a> {
    callback_url: String,
    callback_authorization_token: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    brand: &'static str,
    is_default: bool,
    /// The lowest stands first.
    priority: usize,
    options: Vec<ShippingOption<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShippingOption<'a> {
    id: &'a str,
    name: &'a str,
    amount: Money,
    is_default: bool,
    priority: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_delivery: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Links<'a> {
    terms_of_sale_url: &'a str,
    privacy_policy_url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Modify {
    modification_amount: Money,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cancel {
    cancel_transaction_only: bool,
}

#[derive(Serialize)]
struct Approve<'a> {
    customer: Customer<'a>,
}
