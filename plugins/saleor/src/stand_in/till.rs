//! The till: what a storefront does with a checkout.

use serde_json::{Map, Value, json};

use super::answer::{done, failed, object, text};
use super::goods::{CHANNELS, VOUCHER};
use super::shown;
use super::state::{
    Address, Checkout, CheckoutLine, Fault, Note, Order, State, global, variant_of,
};

const CHECKOUT: [&str; 1] = ["checkout"];

/// A cart at the till is begun.
pub(super) fn create(state: &mut State, given: &Map<String, Value>) -> Value {
    match try_create(state, object(given, "input")) {
        Ok(id) => shown_checkout(state, &id),
        Err(fault) => failed(&CHECKOUT, fault),
    }
}

fn try_create(state: &mut State, input: &Map<String, Value>) -> Result<String, Fault> {
    let slug = text(input, "channel").unwrap_or_default();
    let channel = CHANNELS
        .iter()
        .find(|channel| channel.slug == slug)
        .ok_or_else(|| {
            Fault::new(
                "channel",
                "NOT_FOUND",
                "Channel with this slug does not exist.",
            )
        })?;
    let mut address = |name: &str| -> Result<Option<Address>, Fault> {
        match input.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(given) => state.address(given).map(Some),
        }
    };
    let shipping = address("shippingAddress")?;
    let billing = address("billingAddress")?;
    let token = state.uuid();
    let id = global("Checkout", &token);
    let mut checkout = Checkout {
        id: id.clone(),
        token,
        channel,
        email: text(input, "email").map(str::to_owned),
        lines: Vec::new(),
        shipping,
        billing,
        method: None,
        voucher: false,
        language: text(input, "languageCode").unwrap_or("EN").to_owned(),
        metadata: pairs(input.get("metadata")).collect(),
        created: state.now(),
    };
    add(state, &mut checkout, input.get("lines"))?;
    state.checkouts.insert(id.clone(), checkout);
    Ok(id)
}

fn add(state: &mut State, checkout: &mut Checkout, lines: Option<&Value>) -> Result<(), Fault> {
    for line in lines.and_then(Value::as_array).into_iter().flatten() {
        let variant = line
            .get("variantId")
            .and_then(Value::as_str)
            .and_then(variant_of);
        let variant = variant.ok_or_else(|| {
            Fault::new(
                "lines",
                "NOT_FOUND",
                "Could not find the article that was asked for.",
            )
        })?;
        let quantity = line.get("quantity").and_then(Value::as_i64).unwrap_or(0);
        if quantity < 1 {
            let why = "The quantity should be higher than zero.";
            return Err(Fault::new("quantity", "ZERO_QUANTITY", why));
        }
        let there = checkout
            .lines
            .iter_mut()
            .find(|line| line.variant.number == variant.number);
        let wanted = quantity.saturating_add(there.as_ref().map_or(0, |line| line.quantity));
        let left = state.in_stock(variant.sku);
        if wanted > left {
            let why = format!(
                "Could not add items {}. Only {left} remaining in stock.",
                variant.sku
            );
            return Err(Fault::new("quantity", "INSUFFICIENT_STOCK", why));
        }
        match there {
            Some(line) => line.quantity = wanted,
            None => {
                let id = global("CheckoutLine", &state.uuid());
                checkout.lines.push(CheckoutLine {
                    id,
                    variant,
                    quantity,
                });
            }
        }
    }
    Ok(())
}

/// Something of a checkout is changed, and it is shown as it is then.
pub(super) fn change(state: &mut State, name: &str, given: &Map<String, Value>) -> Value {
    let id = text(given, "id").unwrap_or_default();
    let Some(mut checkout) = state.checkouts.get(id).cloned() else {
        let why = format!("Couldn't resolve to a node: {id}");
        return failed(&CHECKOUT, Fault::new("id", "NOT_FOUND", why));
    };
    match changed(state, name, given, &mut checkout) {
        Ok(()) => {
            let id = checkout.id.clone();
            state.checkouts.insert(id.clone(), checkout);
            shown_checkout(state, &id)
        }
        Err(fault) => failed(&CHECKOUT, fault),
    }
}

fn changed(
    state: &mut State,
    name: &str,
    given: &Map<String, Value>,
    checkout: &mut Checkout,
) -> Result<(), Fault> {
    match name {
        "checkoutLinesAdd" => add(state, checkout, given.get("lines"))?,
        "checkoutAddPromoCode" => {
            if text(given, "promoCode") != Some(VOUCHER) {
                return Err(Fault::new("promoCode", "INVALID", "Promo code is invalid"));
            }
            checkout.voucher = true;
        }
        "checkoutEmailUpdate" => {
            let email = text(given, "email").unwrap_or_default();
            if !email.contains('@') {
                return Err(Fault::new(
                    "email",
                    "INVALID",
                    "Enter a valid email address.",
                ));
            }
            checkout.email = Some(email.to_owned());
        }
        "checkoutShippingAddressUpdate" | "checkoutBillingAddressUpdate" => {
            let billing = name == "checkoutBillingAddressUpdate";
            let which = if billing {
                "billingAddress"
            } else {
                "shippingAddress"
            };
            let rules = object(given, "validationRules");
            let checked = |rule: &str| rules.get(rule).and_then(Value::as_bool).unwrap_or(true);
            let address = given.get(which).cloned().unwrap_or_default();
            let address = state.address_by(
                &address,
                checked("checkRequiredFields"),
                checked("checkFieldsFormat"),
            )?;
            match billing {
                true => checkout.billing = Some(address),
                false => checkout.shipping = Some(address),
            }
        }
        "checkoutDeliveryMethodUpdate" => {
            let wanted = text(given, "deliveryMethodId");
            let offered = checkout.methods();
            let chosen = offered.iter().find(|method| {
                Some(global("ShippingMethod", &method.number.to_string())).as_deref() == wanted
            });
            let why = "This shipping method is not applicable.";
            let chosen = chosen.ok_or_else(|| {
                Fault::new("deliveryMethodId", "DELIVERY_METHOD_NOT_APPLICABLE", why)
            })?;
            checkout.method = Some(chosen.number);
        }
        _ => {}
    }
    Ok(())
}

fn shown_checkout(state: &State, id: &str) -> Value {
    let checkout = state.checkouts.get(id);
    done(json!({ "checkout": checkout.map(|checkout| shown::checkout(state, checkout)) }))
}

/// The checkout becomes an order. Asked again, it is the same order.
pub(super) fn complete(state: &mut State, given: &Map<String, Value>) -> Value {
    let id = text(given, "id").unwrap_or_default().to_owned();
    let before = state.orders.values().find(|order| order.of.id == id);
    let completed = match before {
        Some(order) => Ok(order.id.clone()),
        None => try_complete(state, &id),
    };
    let mut answer = match completed {
        Ok(id) => {
            let order = state.orders.get(&id);
            done(json!({ "order": order.map(|order| shown::order(state, order)) }))
        }
        Err(fault) => failed(&["order"], fault),
    };
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("confirmationNeeded".into(), false.into());
        answer.insert("confirmationData".into(), Value::Null);
    }
    answer
}

fn try_complete(state: &mut State, id: &str) -> Result<String, Fault> {
    let checkout = state.checkouts.get(id).cloned().ok_or_else(|| {
        Fault::new(
            "id",
            "NOT_FOUND",
            format!("Couldn't resolve to a node: {id}"),
        )
    })?;
    let sums = checkout.sums();
    let lacks = |field, code, why: &str| Err(Fault::new(field, code, why));
    let Some(email) = checkout.email.clone() else {
        return lacks("email", "EMAIL_NOT_SET", "Checkout email must be set.");
    };
    if checkout.billing.is_none() {
        let why = "Billing address is not set";
        return lacks("billingAddress", "BILLING_ADDRESS_NOT_SET", why);
    }
    if checkout.shipping.is_none() {
        let why = "Shipping address is not set";
        return lacks("shippingAddress", "SHIPPING_ADDRESS_NOT_SET", why);
    }
    if checkout.method.is_none() {
        return lacks(
            "shippingMethod",
            "SHIPPING_METHOD_NOT_SET",
            "Shipping method is not set",
        );
    }
    let Some(method) = checkout.method() else {
        let why = "Delivery method is not valid for your shipping address";
        return lacks("shippingMethod", "INVALID_SHIPPING_METHOD", why);
    };
    let paid = shown::paid(state, id);
    let covered = [
        paid.authorized,
        paid.charged,
        paid.authorize_pending,
        paid.charge_pending,
    ];
    if covered.iter().sum::<i64>() < sums.total {
        let why = "The authorized amount doesn't cover the checkout's total amount.";
        return lacks("id", "CHECKOUT_NOT_FULLY_PAID", why);
    }
    for line in &checkout.lines {
        if state.in_stock(line.variant.sku) < line.quantity {
            let why = format!("Insufficient product stock: {}", line.variant.sku);
            return lacks("lines", "INSUFFICIENT_STOCK", &why);
        }
    }
    for line in &checkout.lines {
        let left = state
            .in_stock(line.variant.sku)
            .saturating_sub(line.quantity);
        state.stock.insert(line.variant.sku.to_owned(), left);
    }
    let order_id = global("Order", &state.uuid());
    for item in &mut state.transactions {
        if item.of == id {
            item.of.clone_from(&order_id);
        }
    }
    let now = state.now();
    let line_ids = checkout
        .lines
        .iter()
        .map(|_| global("OrderLine", &state.uuid()))
        .collect();
    let number = state.orders.len().saturating_add(21);
    let placed = Note {
        id: global("OrderEvent", &state.number().to_string()),
        kind: "PLACED",
        at: now,
        message: None,
        by_app: false,
    };
    let order = Order {
        id: order_id.clone(),
        number: u64::try_from(number).unwrap_or_default(),
        created: now,
        updated: now,
        status: "UNFULFILLED",
        line_ids,
        sums,
        method: Some(method),
        email,
        notes: vec![placed],
        of: checkout,
    };
    state.checkouts.remove(id);
    state.orders.insert(order_id.clone(), order);
    Ok(order_id)
}

/// Pairs of metadata, as they are given.
pub(super) fn pairs(given: Option<&Value>) -> impl Iterator<Item = (String, String)> {
    let given = given.and_then(Value::as_array).into_iter().flatten();
    given.filter_map(|pair| {
        let part = |name: &str| pair.get(name)?.as_str().map(str::to_owned);
        Some((part("key")?, part("value")?))
    })
}
