//! What staff and the app do with orders and articles.

use serde_json::{Map, Value, json};

use super::answer::{done, failed, object, text};
use super::state::{Fault, Note, State, global, variant_of};
use super::till::pairs;
use super::{Caller, shown};

fn no_node(id: &str) -> Fault {
    Fault::new(
        "id",
        "NOT_FOUND",
        format!("Couldn't resolve to a node: {id}"),
    )
}

/// A note on an order. Twice is two notes.
pub(super) fn note(state: &mut State, given: &Map<String, Value>, caller: Caller) -> Value {
    const NULLS: [&str; 2] = ["order", "event"];
    let id = text(given, "order").unwrap_or_default();
    let message = text(object(given, "input"), "message")
        .unwrap_or_default()
        .trim();
    if message.is_empty() {
        return failed(
            &NULLS,
            Fault::new("message", "REQUIRED", "Message can't be empty."),
        );
    }
    let note = Note {
        id: global("OrderEvent", &state.number().to_string()),
        kind: "NOTE_ADDED",
        at: state.now(),
        message: Some(message.to_owned()),
        by_app: caller == Caller::App,
    };
    let shown_note = shown::note(&note);
    let Some(order) = state.orders.get_mut(id) else {
        return failed(&NULLS, no_node(id));
    };
    order.updated = note.at;
    order.notes.push(note);
    let order = state.orders.get(id).map(|order| shown::order(state, order));
    done(json!({ "order": order, "event": shown_note }))
}

/// Metadata of a checkout or an order, set by key.
pub(super) fn metadata(state: &mut State, given: &Map<String, Value>) -> Value {
    let id = text(given, "id").unwrap_or_default();
    let new: Vec<_> = pairs(given.get("input")).collect();
    let item = match (state.checkouts.get_mut(id), state.orders.get_mut(id)) {
        (Some(checkout), _) => {
            checkout.metadata.extend(new);
            state.checkouts.get(id).map(|of| shown::checkout(state, of))
        }
        (None, Some(order)) => {
            order.of.metadata.extend(new);
            state.orders.get(id).map(|of| shown::order(state, of))
        }
        (None, None) => return failed(&["item"], no_node(id)),
    };
    done(json!({ "item": item }))
}

/// The order is cancelled; its payment is not.
pub(super) fn cancel(state: &mut State, given: &Map<String, Value>) -> Value {
    let id = text(given, "id").unwrap_or_default();
    let now = state.now();
    let lines = match state.orders.get_mut(id) {
        None => return failed(&["order"], no_node(id)),
        Some(order) if order.status != "UNFULFILLED" => {
            let why = "This order can't be canceled.";
            return failed(&["order"], Fault::new("order", "CANNOT_CANCEL_ORDER", why));
        }
        Some(order) => {
            order.status = "CANCELED";
            order.updated = now;
            order.of.lines.clone()
        }
    };
    for line in lines {
        let sku = line.variant.sku;
        let left = state.in_stock(sku).saturating_add(line.quantity);
        state.stock.insert(sku.to_owned(), left);
    }
    let order = state.orders.get(id).map(|order| shown::order(state, order));
    done(json!({ "order": order }))
}

/// Who bought it, and where it goes.
pub(super) fn update(state: &mut State, given: &Map<String, Value>) -> Value {
    let id = text(given, "id").unwrap_or_default();
    if !state.orders.contains_key(id) {
        return failed(&["order"], no_node(id));
    }
    let input = object(given, "input");
    let mut address = |name: &str| match input.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(given) => {
            let formed = given.get("skipValidation") != Some(&Value::Bool(true));
            state.address_by(given, true, formed).map(Some)
        }
    };
    let addresses =
        address("shippingAddress").and_then(|shipping| Ok((shipping, address("billingAddress")?)));
    let (shipping, billing) = match addresses {
        Ok(addresses) => addresses,
        Err(fault) => return failed(&["order"], fault),
    };
    let email = text(input, "userEmail");
    if email.is_some_and(|email| !email.is_empty() && !email.contains('@')) {
        let why = "Enter a valid email address.";
        return failed(&["order"], Fault::new("userEmail", "INVALID", why));
    }
    let now = state.now();
    if let Some(order) = state.orders.get_mut(id) {
        order.updated = now;
        if let Some(email) = email {
            email.clone_into(&mut order.email);
        }
        order.of.shipping = shipping.or(order.of.shipping.take());
        order.of.billing = billing.or(order.of.billing.take());
    }
    let order = state.orders.get(id).map(|order| shown::order(state, order));
    done(json!({ "order": order }))
}

/// How many there are of an article.
pub(super) fn stock(state: &mut State, given: &Map<String, Value>) -> Value {
    let variant = text(given, "variantId").and_then(variant_of);
    let Some(variant) = variant else {
        let why = "There is no such article.";
        return failed(
            &["productVariant"],
            Fault::new("variantId", "NOT_FOUND", why),
        );
    };
    let stocks = given.get("stocks").and_then(Value::as_array);
    for one in stocks.into_iter().flatten() {
        if let Some(quantity) = one.get("quantity").and_then(Value::as_i64) {
            state.stock.insert(variant.sku.to_owned(), quantity);
        }
    }
    done(json!({ "productVariant": shown::variant(state, variant) }))
}
