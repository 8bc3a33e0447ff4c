//! Express: the deliveries that an order brings along, or that the shop is asked for.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::create::{amount, text};
use super::schema;
use super::terms::Shipping;
use crate::customer::Address;
use crate::faults::{FaultKind, Operation};
use crate::ledger::{Payment, Quote, ShippingOption};
use crate::money::Currency;
use crate::outgoing::{Call, NoAnswer, call};
use crate::state::Shared;

/// Not published for ePayment; eCom's time, and the webhooks'.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the customer sees when the shop is late, cannot be reached, or has nothing to offer.
const NO_SHIPPING_METHODS: &str = "No shipping methods found";
/// What the customer sees when the shop's answer is wrong.
const PAYMENT_FAILED: &str = "Payment failed";
/// What the customer sees when the shop answers 400.
const NOT_THERE: &str = "The shop cannot ship to this address";

/// Why there are no deliveries: what the customer sees, and why precisely.
type Failed = (&'static str, String);

/// Asks the shop for the deliveries to an address, or takes those that the order brought along.
pub(crate) async fn quote(shared: &Shared, payment: &Payment, address: Address) -> Quote {
    let at = shared.lock().now();
    let asked = ask(shared, payment, &address).await;
    let (options, user_sees, reason) = match asked {
        Ok(options) => (options, None, None),
        Err((user_sees, reason)) => (Vec::new(), Some(user_sees.to_owned()), Some(reason)),
    };
    quoted(at, address, options, user_sees, reason)
}

fn quoted(
    at: Timestamp,
    address: Address,
    options: Vec<ShippingOption>,
    user_sees: Option<String>,
    reason: Option<String>,
) -> Quote {
    Quote {
        at,
        address: Some(address),
        options,
        user_sees,
        reason,
    }
}

async fn ask(
    shared: &Shared,
    payment: &Payment,
    address: &Address,
) -> Result<Vec<ShippingOption>, Failed> {
    let shipping = payment.order.epayment();
    let (url, token, camel_case) = match shipping.and_then(|terms| {
        terms
            .shipping
            .as_ref()
            .map(|shipping| (shipping, terms.camel_case_address))
    }) {
        None => {
            return Err((
                PAYMENT_FAILED,
                "the payment is not an express payment".into(),
            ));
        }
        Some((Shipping::Fixed(options), _)) => return Ok(options.clone()),
        Some((Shipping::Dynamic { url, token }, camel_case)) => (url, token, camel_case),
    };
    let reference = &payment.order.order_id;
    let fault = shared
        .lock()
        .faults
        .take(Operation::Shipping, Some(reference));
    let mut timeout = TIMEOUT;
    match fault {
        Some(FaultKind::Reset) => {
            let why = "the connection was broken by a fault".to_owned();
            return Err((NO_SHIPPING_METHODS, why));
        }
        Some(FaultKind::Slow { seconds }) => {
            let wait = Duration::from_secs(seconds);
            tokio::time::sleep(wait.min(timeout)).await;
            if wait >= timeout {
                let why = NoAnswer::TimedOut(timeout.as_secs()).to_string();
                return Err((NO_SHIPPING_METHODS, why));
            }
            timeout = timeout.saturating_sub(wait);
        }
        _ => {}
    }
    let request = Call {
        method: Method::POST,
        // Exactly as it was given; nothing is appended.
        url: url.clone(),
        authorization: token.clone(),
        headers: http::HeaderMap::new(),
        body: Some(Bytes::from(
            body(reference, address, camel_case).to_string(),
        )),
        timeout,
        order_id: Some(reference.clone()),
        note: None,
    };
    let answer = call(shared, request)
        .await
        .map_err(|why| (NO_SHIPPING_METHODS, why.to_string()))?;
    match answer.status {
        200 => {}
        400 => return Err((NOT_THERE, "the shop answered 400".to_owned())),
        status => {
            let why = format!("the shop answered {status}, not 200 or 400");
            return Err((PAYMENT_FAILED, why));
        }
    }
    let wrong = |why: String| (PAYMENT_FAILED, why);
    let value: Value = serde_json::from_slice(&answer.body)
        .map_err(|e| wrong(format!("the answer is not JSON: {e}")))?;
    let groups = schema::check_groups(&value).map_err(wrong)?;
    if groups.is_empty() {
        return Err((NO_SHIPPING_METHODS, "groups is empty".to_owned()));
    }
    read_groups(groups, payment.order.currency).map_err(wrong)
}

/// The body of the call (ePayment OpenAPI 1.8.1, `DynamicShippingGroupsRequest`).
fn body(reference: &str, address: &Address, camel_case: bool) -> Value {
    let mut body = serde_json::Map::new();
    body.insert("reference".to_owned(), reference.into());
    for (pascal, camel, value) in [
        (
            "AddressLine1",
            "addressLine1",
            Value::from(address.address_line1.as_str()),
        ),
        ("AddressLine2", "addressLine2", json!(address.address_line2)),
        ("City", "city", address.city.as_str().into()),
        ("PostCode", "postCode", address.post_code.as_str().into()),
        ("Country", "country", address.country.as_str().into()),
    ] {
        let name = if camel_case { camel } else { pascal };
        body.insert(name.to_owned(), value);
    }
    body.into()
}

/// Reads groups that passed the schema, in the order in which the customer sees their options; the
/// error says what is wrong.
pub(super) fn read_groups(
    groups: &[Value],
    currency: Currency,
) -> Result<Vec<ShippingOption>, String> {
    if groups.is_empty() {
        return Err("There is no group.".to_owned());
    }
    let number = |value: &Value| value.get("priority").and_then(Value::as_i64);
    let flag = |value: &Value| value.get("isDefault").and_then(Value::as_bool) == Some(true);
    if groups.iter().filter(|group| flag(group)).count() > 1 {
        return Err("More than one group is the default.".to_owned());
    }
    let mut sorted: Vec<&Value> = groups.iter().collect();
    // Ascending; those without a priority come last, in the order in which they came.
    sorted.sort_by_key(|group| number(group).unwrap_or(i64::MAX));
    let mut kinds = BTreeSet::new();
    let mut ids = BTreeSet::new();
    let mut read = Vec::new();
    for group in sorted {
        let kind = text(group, "/type").unwrap_or_default();
        let brand = text(group, "/brand").unwrap_or_default();
        if !kinds.insert((kind, brand)) {
            return Err(format!("There are two groups of {brand} and {kind}."));
        }
        let options = group.get("options").and_then(Value::as_array);
        let mut options: Vec<&Value> = options.into_iter().flatten().collect();
        if options.is_empty() {
            return Err(format!("The group of {brand} and {kind} has no options."));
        }
        if options.iter().filter(|option| flag(option)).count() > 1 {
            return Err(format!(
                "More than one option of {brand} and {kind} is the default."
            ));
        }
        options.sort_by_key(|option| number(option).unwrap_or(i64::MAX));
        for option in options {
            let id = text(option, "/id").unwrap_or_default();
            if !ids.insert(id) {
                return Err(format!("The option {id} is there twice."));
            }
            let (cost_ore, of) = amount(option.get("amount").unwrap_or(&Value::Null));
            if of != currency {
                return Err(format!("The option {id} has another currency."));
            }
            let own = |name: &str| text(option, name).map(str::to_owned);
            read.push((
                flag(group),
                ShippingOption {
                    shipping_method_id: id.to_owned(),
                    shipping_method: own("/name").unwrap_or_default(),
                    cost_ore,
                    priority: number(option),
                    is_default: flag(option),
                    kind: Some(kind.to_owned()),
                    brand: Some(brand.to_owned()),
                    meta: own("/meta"),
                    estimated_delivery: own("/estimatedDelivery"),
                },
            ));
        }
    }
    // One option is chosen beforehand: the default group's, and in it the default one.
    let chosen = read
        .iter()
        .position(|(in_default, option)| *in_default && option.is_default)
        .or_else(|| read.iter().position(|(in_default, _)| *in_default))
        .or_else(|| read.iter().position(|(_, option)| option.is_default))
        .unwrap_or(0);
    Ok(read
        .into_iter()
        .enumerate()
        .map(|(n, (_, option))| ShippingOption {
            is_default: n == chosen,
            ..option
        })
        .collect())
}
