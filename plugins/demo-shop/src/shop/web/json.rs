//! The shapes of the shop's JSON.

use kasse_core::{Currency, Error, Express, Language, Money, Sums};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::super::{Item, Order};

/// `POST /api/orders`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    pub(super) items: Vec<Item>,
    #[serde(default)]
    pub(super) coupon: Option<String>,
    #[serde(default)]
    pub(super) express: Option<Express>,
    #[serde(default)]
    phone: Option<String>,
}

impl New {
    /// The phone number, as it was given: how it is written is kasse's to know.
    pub(super) fn phone(&self) -> Result<Option<String>, Error> {
        let Some(phone) = &self.phone else {
            return Ok(None);
        };
        let written = phone.len() <= 20
            && phone
                .bytes()
                .all(|b| b.is_ascii_digit() || b == b'+' || b == b' ');
        if written {
            return Ok(Some(phone.clone()));
        }
        Err(Error::invalid(
            "The order could not be made",
            "its phone number is none.",
            "Give at most 20 digits and spaces, with a + in front or without.",
        ))
    }
}

/// `POST /api/orders/{n}/pay`, `/capture`, `/cancel`, `/refund`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wished {
    #[serde(default)]
    pub(super) amount: Option<String>,
    #[serde(default)]
    pub(super) key: Option<String>,
}

/// `POST /api/orders/{n}/change`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    pub(super) items: Vec<Item>,
}

/// `POST /api/down`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Down {
    pub(super) down: bool,
}

/// `POST /api/stock`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetStock {
    pub(super) sku: String,
    pub(super) stock: u32,
}

/// Reads an amount; nothing written is nothing said.
pub(super) fn amount(text: Option<&str>, currency: Currency) -> Result<Option<Money>, Error> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let bad = |why: String| Error::invalid("The amount was not taken", why, "Write it as 79.90.");
    let amount = Money::parse(text, currency).map_err(|error| bad(format!("{error}.")))?;
    if amount.minor < 0 {
        return Err(bad(format!("{amount} is below nothing.")));
    }
    Ok(Some(amount))
}

/// Reads a quantity; nothing written is one.
pub(super) fn quantity(text: &str) -> Result<u32, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(1);
    }
    let digits = text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        Error::invalid(
            "The cart could not be changed",
            "the quantity is no whole number.",
            "Give a number from 0 to 99.",
        )
    })
}

/// An error, as programs read it.
pub(super) fn error(error: &Error, language: Language) -> Value {
    let mut shown = serde_json::to_value(error).unwrap_or_default();
    if let Some(fields) = shown.as_object_mut() {
        // What the page for shoppers says: the rest is for the merchant.
        let shopper = error.customer_text(language);
        fields.insert("shopper".to_owned(), shopper.into());
    }
    shown
}

/// Sums as decimals.
pub(super) fn sums(sums: &Sums) -> Value {
    json!({
        "reserved": sums.authorised.decimal(),
        "captured": sums.captured.decimal(),
        "refunded": sums.refunded.decimal(),
        "released": sums.released.decimal(),
        "left_to_capture": sums.left_to_capture().decimal(),
        "left_to_refund": sums.left_to_refund().decimal(),
    })
}

/// The newest 200 orders, in short.
pub(super) fn list(orders: &[Order]) -> Value {
    let orders: Vec<Value> = orders
        .iter()
        .take(200)
        .map(|order| {
            json!({
                "number": order.number.to_string(),
                "made": order.made,
                "state": order.state().word(),
                "total": order.total().decimal(),
                "sums": sums(&order.sums()),
                "references": references(order),
            })
        })
        .collect();
    json!({ "orders": orders })
}

fn references(order: &Order) -> Vec<&str> {
    order
        .attempts
        .iter()
        .map(|attempt| attempt.reference.as_str())
        .collect()
}

/// Everything that the shop shows of an order.
pub(super) fn order(order: &Order, url: &Url) -> Value {
    let lines: Vec<Value> = order
        .lines
        .iter()
        .zip(order.discounts())
        .map(|(line, discount)| {
            let total = line.full().minor.saturating_sub(discount.minor);
            let total = Money::new(total, discount.currency);
            json!({
                "sku": line.sku,
                "name": line.name,
                "quantity": line.quantity,
                "unit_price": line.price.decimal(),
                "discount": discount.decimal(),
                "total": total.decimal(),
                "vat_rate": line.vat.to_string(),
            })
        })
        .collect();
    let vat: Vec<Value> = order
        .vat()
        .iter()
        .map(|sum| {
            json!({ "rate": sum.rate.to_string(), "gross": sum.gross.decimal(), "vat": sum.vat.decimal() })
        })
        .collect();
    let attempts: Vec<Value> = order
        .attempts
        .iter()
        .map(|attempt| {
            json!({
                "reference": attempt.reference,
                "attempt": attempt.attempt,
                "state": attempt.standing.word(),
                "sums": sums(&attempt.sums),
                "notes": attempt.notes,
            })
        })
        .collect();
    let events: Vec<Value> = order
        .history
        .iter()
        .map(|event| {
            json!({
                "id": event.id,
                "at": event.at,
                "reference": event.reference,
                "event": event.word,
                "text": event.text,
                "amount": event.amount.map(Money::decimal),
            })
        })
        .collect();
    json!({
        "number": order.number.to_string(),
        "key": order.key,
        "url": url,
        "made": order.made,
        "state": order.state().word(),
        "state_text": order.state().sentence(),
        "express": order.express,
        "coupon": order.coupon,
        "currency": order.currency(),
        "lines": lines,
        "delivery": order.delivery.as_ref().map(|delivery| json!({
            "id": delivery.id,
            "title": delivery.title,
            "price": delivery.price.decimal(),
            "vat_rate": delivery.vat.to_string(),
        })),
        "vat": vat,
        "goods": order.goods().decimal(),
        "total": order.total().decimal(),
        "sums": sums(&order.sums()),
        "phone": order.buyer.phone,
        "customer": order.customer,
        "forgotten": order.forgotten,
        "kept": order.kept(),
        "payments": attempts,
        "references": references(order),
        "events": events,
        "notes": order.notes(),
    })
}
