//! The shipping call of express: asking the shop for its deliveries, and reading its answer.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::schema;
use crate::customer::Address;
use crate::faults::{FaultKind, Operation};
use crate::ledger::{Payment, Quote, ShippingOption};
use crate::money::ore_from_json;
use crate::outgoing::{Call, NoAnswer, call};
use crate::state::Shared;

/// 10 seconds (eCom guide, "Get shipping details").
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the customer sees when the shop is late or cannot be reached.
const NO_SHIPPING_METHODS: &str = "No shipping methods found";
/// What the customer sees when the shop's answer is wrong.
const PAYMENT_FAILED: &str = "Payment failed";

/// Asks the shop for the deliveries to an address, or takes the static ones.
pub(crate) async fn quote(shared: &Shared, payment: &Payment, address: Address) -> Quote {
    let at = shared.lock().now();
    let terms = payment.order.ecom();
    let Some(express) = terms.and_then(|terms| terms.express.as_ref()) else {
        return failed(
            at,
            address,
            PAYMENT_FAILED,
            "the payment is not an express payment".to_owned(),
        );
    };
    if !express.static_options.is_empty() {
        return Quote {
            at,
            address: Some(address),
            options: express.static_options.clone(),
            user_sees: None,
            reason: None,
        };
    }
    let Some(prefix) = &express.shipping_details_prefix else {
        return failed(
            at,
            address,
            NO_SHIPPING_METHODS,
            "there is no shippingDetailsPrefix".to_owned(),
        );
    };
    let order_id = &payment.order.order_id;
    // Any number from 100 (eCom OpenAPI 2.0.3, `addressId`); each address of the payment has its own.
    let address_id = 100_u64.saturating_add(u64::try_from(payment.quotes.len()).unwrap_or(0));
    let mut body = json!({
        "addressId": address_id,
        "addressLine1": address.address_line1,
        "country": address.country,
        "city": address.city,
        "postCode": address.post_code,
        "addressType": "H",
    });
    if let (Some(line), Some(body)) = (&address.address_line2, body.as_object_mut()) {
        body.insert("addressLine2".to_owned(), line.as_str().into());
    }
    let fault = shared
        .lock()
        .faults
        .take(Operation::Shipping, Some(order_id));
    let mut timeout = TIMEOUT;
    match fault {
        Some(FaultKind::Reset) => {
            return failed(
                at,
                address,
                NO_SHIPPING_METHODS,
                "the connection was broken by a fault".to_owned(),
            );
        }
        Some(FaultKind::Slow { seconds }) => {
            let wait = Duration::from_secs(seconds);
            tokio::time::sleep(wait.min(timeout)).await;
            if wait >= timeout {
                let why = NoAnswer::TimedOut(timeout.as_secs()).to_string();
                return failed(at, address, NO_SHIPPING_METHODS, why);
            }
            timeout = timeout.saturating_sub(wait);
        }
        _ => {}
    }
    let request = Call {
        method: Method::POST,
        url: format!("{prefix}/v2/payments/{order_id}/shippingDetails"),
        authorization: terms.and_then(|terms| terms.auth_token.clone()),
        headers: http::HeaderMap::new(),
        body: Some(Bytes::from(body.to_string())),
        timeout,
        order_id: Some(order_id.clone()),
        note: None,
    };
    match call(shared, request).await {
        Err(why) => failed(at, address, NO_SHIPPING_METHODS, why.to_string()),
        Ok(answer) => match read_quote(answer.status, &answer.body, address_id, order_id) {
            Ok(options) => Quote {
                at,
                address: Some(address),
                options,
                user_sees: None,
                reason: None,
            },
            Err(reason) => failed(at, address, PAYMENT_FAILED, reason),
        },
    }
}

fn failed(at: Timestamp, address: Address, user_sees: &str, reason: String) -> Quote {
    Quote {
        at,
        address: Some(address),
        options: Vec::new(),
        user_sees: Some(user_sees.to_owned()),
        reason: Some(reason),
    }
}

#[derive(Deserialize)]
struct RawCosts<'a> {
    #[serde(borrow, rename = "shippingDetails")]
    shipping_details: Vec<RawCost<'a>>,
}

/// The text of a cost: a number that went through a double is no longer exact.
#[derive(Deserialize)]
pub(super) struct RawCost<'a> {
    #[serde(borrow, rename = "shippingCost")]
    shipping_cost: &'a RawValue,
}

impl<'a> RawCost<'a> {
    pub(super) fn text(&self) -> &'a str {
        self.shipping_cost.get()
    }
}

/// Reads the shop's answer; the error says precisely what is wrong.
fn read_quote(
    status: u16,
    body: &[u8],
    address_id: u64,
    order_id: &str,
) -> Result<Vec<ShippingOption>, String> {
    if status != 200 {
        return Err(format!("the shop answered {status}, not 200"));
    }
    let value: Value =
        serde_json::from_slice(body).map_err(|e| format!("the answer is not JSON: {e}"))?;
    schema::check("FetchShippingCostResponse", &value).map_err(|refused| {
        let (_, body) = refused.answer("");
        let message = body
            .pointer("/0/errorMessage")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned();
        format!("the answer breaks the schema: {message}")
    })?;
    if value.get("addressId").and_then(Value::as_u64) != Some(address_id) {
        return Err(format!("addressId is not {address_id}, as it was asked"));
    }
    if value.get("orderId").and_then(Value::as_str) != Some(order_id) {
        return Err(format!("orderId is not {order_id}, as it was asked"));
    }
    let raw: RawCosts<'_> =
        serde_json::from_slice(body).map_err(|e| format!("the answer breaks the schema: {e}"))?;
    let items = value
        .get("shippingDetails")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let costs: Vec<&str> = raw.shipping_details.iter().map(RawCost::text).collect();
    let options = read_options(items, &costs)?;
    if options.is_empty() {
        return Err("shippingDetails is empty".to_owned());
    }
    Ok(options)
}

/// Reads options that passed the schema. `costs`: the text of each cost, as it came.
pub(crate) fn read_options(items: &[Value], costs: &[&str]) -> Result<Vec<ShippingOption>, String> {
    let text = |item: &Value, name: &str| {
        item.get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let mut seen = BTreeSet::new();
    let mut options = Vec::new();
    for (item, cost) in items.iter().zip(costs) {
        let id = text(item, "shippingMethodId");
        if !seen.insert(id.clone()) {
            return Err(format!("shippingMethodId {id} is there twice"));
        }
        let cost_ore = ore_from_json(cost).map_err(|e| format!("shippingCost of {id} {e}"))?;
        options.push(ShippingOption {
            shipping_method: text(item, "shippingMethod"),
            cost_ore,
            priority: item.get("priority").and_then(Value::as_i64),
            is_default: text(item, "isDefault") == "Y",
            shipping_method_id: id,
            ..ShippingOption::default()
        });
    }
    // Ascending; those without a priority come last, in the order in which they came.
    options.sort_by_key(|o| o.priority.unwrap_or(i64::MAX));
    Ok(options)
}
