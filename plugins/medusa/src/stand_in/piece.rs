//! The routes of our piece that kasse calls: `/kasse/…`. What it does in Medusa by itself does not
//! call kasse back.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use kasse_core::Money;
use serde_json::{Map, Value, json};

use super::provider::{MEDUSA, PLUGIN};
use super::shop::{
    Address, CURRENCY, Chosen, Collection, DELIVERIES, Delivery, Entry, Payment, Priced, Sale,
    Session, Shop,
};
use super::show::decimal;
use super::{Answer, Answered, Asked, Medusa, PROVIDER, none_there};

/// How many combinations of deliveries are offered.
const MOST: usize = 10;
/// How long kasse's news wait for what is under way with the same payment.
const PATIENCE: Duration = Duration::from_secs(5);

fn never(message: impl Into<String>) -> Answer {
    let message: String = message.into();
    (StatusCode::CONFLICT, json!({ "message": message }))
}

fn unreadable() -> Answer {
    let message = "the body cannot be read";
    (StatusCode::BAD_REQUEST, json!({ "message": message }))
}

/// An order or a cart, as our piece tells it to kasse.
pub(super) fn order(sale: &Sale) -> Value {
    let line = |priced: Priced| {
        json!({
            "total": decimal(priced.total), "original_total": decimal(priced.original),
            "tax_lines": [{ "rate": priced.rate.to_string() }],
        })
    };
    let with = |mut shown: Value, more: Value| {
        if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
            shown.extend(more);
        }
        shown
    };
    let items = sale.items.iter().map(|item| {
        let named = json!({
            "id": item.id, "variant_id": item.article.variant(), "title": item.article.title,
            "variant_title": "Standard", "quantity": item.quantity,
        });
        with(named, line(sale.item(item)))
    });
    let methods = sale.deliveries.iter().map(|chosen| {
        let named = json!({
            "id": chosen.id, "shipping_option_id": chosen.option.id, "name": chosen.option.title,
        });
        with(named, line(sale.delivery(chosen)))
    });
    let payments = sale.order.iter().map(|placed| {
        let payment = &placed.payment;
        json!({
            "id": payment.id, "provider_id": PROVIDER, "reference": payment.reference(),
            "amount": decimal(payment.amount), "captured": decimal(payment.captured()),
            "refunded": decimal(payment.refunded()), "canceled": payment.canceled_at.is_some(),
        })
    });
    let address = sale.address.as_ref();
    let placed = sale.order.as_ref();
    let express = sale.metadata.get("vipps_express") == Some(&Value::Bool(true));
    json!({
        "id": placed.map_or(&sale.cart, |placed| &placed.id),
        "cart_id": sale.cart,
        "order_id": placed.map(|placed| &placed.id),
        "display_id": placed.map(|placed| placed.number),
        "status": match placed {
            None => "cart",
            Some(placed) if placed.canceled.is_some() => "canceled",
            Some(_) => "pending",
        },
        "currency_code": "nok", "email": sale.email, "locale": null,
        "phone": address.and_then(|address| address.text("phone")),
        "country_code": address.and_then(Address::country),
        "total": decimal(sale.total()), "credit_line_total": "0",
        "items": items.collect::<Vec<_>>(), "shipping_methods": methods.collect::<Vec<_>>(),
        "payments": payments.collect::<Vec<_>>(), "express": express,
    })
}

/// One delivery of each shipping profile: an option for the whole cart.
type Combined = Vec<(&'static Delivery, i64)>;

/// All of them, the cheapest first; none where a profile has none.
fn combined(sale: &Sale, to: &Address) -> Vec<Combined> {
    let offered = sale.offered(to);
    let mut all: Vec<Combined> = vec![Vec::new()];
    for profile in sale.profiles() {
        let of_profile = offered.iter().filter(|(it, _)| it.profile == profile);
        let of_profile: Vec<_> = of_profile.copied().collect();
        let with = |so_far: &Combined| {
            let so_far = so_far.clone();
            let each = of_profile.iter().map(move |more| {
                let mut so_far = so_far.clone();
                so_far.push(*more);
                so_far
            });
            each.collect::<Vec<_>>()
        };
        all = all.iter().flat_map(with).collect();
    }
    all.retain(|packages| !packages.is_empty());
    all.sort_by_key(price);
    all.truncate(MOST);
    all
}

fn price(packages: &Combined) -> i64 {
    packages.iter().map(|(_, price)| price).sum()
}

fn joined(packages: &Combined, between: &str, of: fn(&Delivery) -> &str) -> String {
    let parts: Vec<&str> = packages.iter().map(|(it, _)| of(it)).collect();
    parts.join(between)
}

fn tax(price: i64) -> String {
    let priced = Priced {
        original: price,
        total: price,
        rate: 25,
    };
    decimal(priced.tax())
}

/// kasse's address in Medusa's fields.
fn address(given: &Value, customer: &Value) -> Address {
    let mut fields = Map::new();
    for (name, of, there) in [
        ("first_name", customer, "first_name"),
        ("last_name", customer, "last_name"),
        ("phone", customer, "phone"),
        ("address_1", given, "line1"),
        ("address_2", given, "line2"),
        ("postal_code", given, "post_code"),
        ("city", given, "city"),
        ("country_code", given, "country"),
    ] {
        if let Some(text) = of.get(there).and_then(Value::as_str) {
            let lower = name == "country_code";
            let text = if lower {
                text.to_lowercase()
            } else {
                text.to_owned()
            };
            fields.insert(name.to_owned(), text.into());
        }
    }
    Address(fields)
}

/// What is known of a payment, in øre.
#[derive(Debug)]
struct Sums(BTreeMap<&'static str, i64>);

impl Sums {
    fn read(body: &Value) -> Result<Self, Answer> {
        let sum = |name: &'static str| {
            let text = body.get("sums")?.get(name)?.as_str()?;
            Some((name, Money::parse(text, CURRENCY).ok()?.minor))
        };
        let names = ["authorised", "captured", "refunded", "released"];
        let sums: BTreeMap<_, _> = names.into_iter().filter_map(sum).collect();
        if sums.len() == names.len() {
            Ok(Self(sums))
        } else {
            Err(unreadable())
        }
    }

    fn of(&self, name: &'static str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }
}

impl Medusa {
    pub(super) async fn kasse(&self, method: &str, path: &[&str], asked: &Asked) -> Answered {
        match (method, path) {
            ("GET", ["about"]) => Ok(json!({ "medusa": MEDUSA, "plugin": PLUGIN })),
            ("GET", ["orders", id]) => {
                let mut shop = self.shop();
                let sale = shop.find(id).ok_or_else(|| {
                    let message = json!({ "message": format!("there is no order {id}") });
                    (StatusCode::NOT_FOUND, message)
                })?;
                Ok(order(sale))
            }
            ("POST", ["deliveries"]) => self.deliveries(asked),
            ("POST", ["record"]) => self.record(asked).await,
            ("POST", ["forget"]) => self.forget(asked),
            _ => Err(none_there(method, &format!("/kasse/{}", path.join("/")))),
        }
    }

    fn deliveries(&self, asked: &Asked) -> Answered {
        let id = asked.text("order").ok_or_else(unreadable)?;
        let given = asked.body.get("address").ok_or_else(unreadable)?;
        let to = address(given, &Value::Null);
        let mut shop = self.shop();
        let sale = shop.find(id).ok_or_else(|| {
            let message = json!({ "message": format!("there is no cart {id}") });
            (StatusCode::NOT_FOUND, message)
        })?;
        let options = combined(sale, &to);
        let options = options.iter().map(|packages| {
            let each = packages.iter().map(|(delivery, price)| {
                json!({
                    "id": delivery.id, "title": delivery.title,
                    "price": decimal(*price), "tax": tax(*price),
                })
            });
            json!({
                "id": joined(packages, "+", |it| it.id),
                "title": joined(packages, " + ", |it| it.title),
                "price": decimal(price(packages)), "tax": tax(price(packages)),
                "packages": each.collect::<Vec<_>>(),
            })
        });
        let options: Vec<Value> = options.collect();
        Ok(json!({ "currency_code": "nok", "deliveries": options }))
    }

    fn forget(&self, asked: &Asked) -> Answered {
        let orders = asked.body.get("orders").and_then(Value::as_array);
        let orders = orders.ok_or_else(unreadable)?;
        let mut shop = self.shop();
        for id in orders.iter().filter_map(Value::as_str) {
            if let Some(sale) = shop.find(id) {
                sale.email = None;
                for address in [&mut sale.address, &mut sale.billing].into_iter().flatten() {
                    // The country is no personal data, and the taxes go by it.
                    address.0.retain(|name, _| name == "country_code");
                }
            }
        }
        Ok(json!({ "kept": [] }))
    }

    /// kasse's news are written, once what is under way with the same payment is done.
    async fn record(&self, asked: &Asked) -> Answered {
        let id = asked.text("order").ok_or_else(unreadable)?.to_owned();
        let reference = asked.text("reference").ok_or_else(unreadable)?.to_owned();
        let what = asked.text("what").ok_or_else(unreadable)?.to_owned();
        let sums = Sums::read(&asked.body)?;
        let busy = self.busy(&id);
        let waits = tokio::time::timeout(PATIENCE, busy.lock()).await;
        let Ok(_busy) = waits else {
            let message = "something else is under way with the payment";
            let later = StatusCode::SERVICE_UNAVAILABLE;
            return Err((later, json!({ "message": message })));
        };
        let now = self.now();
        let mut shop = self.shop();
        let sale = shop.find(&id);
        let sale = sale.ok_or_else(|| never(format!("there is no order {id}")))?;
        let cart = sale.cart.clone();
        if sale.order.is_none() && what == "authorised" {
            self.become_order(&mut shop, &cart, &reference, &sums, &asked.body, &now)?;
        }
        let entries = [shop.id("capt"), shop.id("ref")];
        let sale = shop.sales.get_mut(&cart);
        let sale = sale.ok_or_else(|| never(format!("there is no order {id}")))?;
        let mut cancels = false;
        match &mut sale.order {
            Some(placed) if placed.payment.reference() == Some(reference.as_str()) => {
                cancels = set(&mut placed.payment, &sums, entries, &now);
            }
            Some(placed) if what == "authorised" => {
                let other = placed.payment.reference().unwrap_or("another payment");
                return Err(never(format!("the order was paid by {other}")));
            }
            // News of another payment than the order's own change nothing in it.
            Some(_) => {}
            None => ended(sale, &reference, &what),
        }
        if cancels {
            shop.cancel(&cart, &now);
        }
        let sale = shop.sales.get_mut(&cart);
        let sale = sale.ok_or_else(|| never(format!("there is no order {id}")))?;
        write_metadata(sale, &reference, &sums, asked.text("note"));
        let id = sale.order.as_ref().map_or(&sale.cart, |placed| &placed.id);
        Ok(json!({ "order": id, "shown": true }))
    }

    /// A cart whose payment is reserved becomes an order, whatever became of the session.
    fn become_order(
        &self,
        shop: &mut Shop,
        cart: &str,
        reference: &str,
        sums: &Sums,
        body: &Value,
        now: &str,
    ) -> Result<(), Answer> {
        let ids = [shop.id("pay_col"), shop.id("payses"), shop.id("casm")];
        let [collection, session, method] = ids;
        let Some(sale) = shop.sales.get_mut(cart) else {
            return Ok(());
        };
        let before = sale.clone();
        if let Some(express) = body.get("express").filter(|express| express.is_object()) {
            deliver(sale, express, &method)?;
            self.delete(&super::store::refresh(sale));
        }
        let reserved = sums.of("authorised");
        let collection = sale.collection.get_or_insert_with(|| Collection {
            id: collection,
            amount: reserved,
            sessions: Vec::new(),
        });
        let made = collection
            .sessions
            .iter()
            .find(|it| it.reference() == Some(reference));
        let session = match made {
            Some(made) => made.id.clone(),
            None => {
                let made = Session {
                    id: session.clone(),
                    amount: reserved,
                    data: json!({ "reference": reference }),
                    status: "requires_more",
                };
                collection.sessions = vec![made];
                session
            }
        };
        shop.place(cart, &session, now.to_owned()).map_err(|why| {
            // Nothing of it is kept.
            shop.sales.insert(cart.to_owned(), before);
            never(why)
        })
    }
}

/// Who buys, where it goes and how, as the customer chose in the app; at the price that was paid.
fn deliver(sale: &mut Sale, express: &Value, method: &str) -> Result<(), Answer> {
    let part = |name: &str| express.get(name).cloned().unwrap_or_default();
    let (customer, delivery) = (part("customer"), part("delivery"));
    let text = |of: &Value, name: &str| of.get(name)?.as_str().map(str::to_owned);
    let to = address(&part("address"), &customer);
    sale.email = text(&customer, "email");
    sale.billing = Some(to.clone());
    sale.address = Some(to);
    let (Some(ids), Some(price)) = (text(&delivery, "id"), text(&delivery, "price")) else {
        return Ok(());
    };
    let paid = Money::parse(&price, CURRENCY).map_err(|_| unreadable())?;
    let mut left = paid.minor;
    sale.deliveries.clear();
    let ids: Vec<&str> = ids.split('+').collect();
    for (place, id) in ids.iter().enumerate() {
        let option = DELIVERIES.iter().find(|it| it.id == *id);
        let option = option.ok_or_else(|| never(format!("there is no delivery {id}")))?;
        let to = sale.address.clone().unwrap_or_default();
        let last = place.saturating_add(1) == ids.len();
        let price = if last {
            left
        } else {
            option.price(&to).unwrap_or(0).min(left)
        };
        left = left.saturating_sub(price);
        sale.deliveries.push(Chosen {
            id: format!("{method}{place}"),
            option,
            price,
        });
    }
    Ok(())
}

/// Writes what is missing up to the sums. `true`: all was let go, and the order is to be canceled.
fn set(payment: &mut Payment, sums: &Sums, ids: [String; 2], now: &str) -> bool {
    let [capture, refund] = ids;
    let missing = sums.of("captured").saturating_sub(payment.captured());
    if missing > 0 {
        payment.captures.push(Entry {
            id: capture,
            at: now.to_owned(),
            amount: missing,
            note: None,
        });
    }
    if payment.captured() >= payment.amount {
        payment.captured_at.get_or_insert_with(|| now.to_owned());
    }
    let missing = sums.of("refunded").saturating_sub(payment.refunded());
    if missing > 0 {
        payment.refunds.push(Entry {
            id: refund,
            at: now.to_owned(),
            amount: missing,
            note: payment.reference().map(|it| format!("Vipps {it}")),
        });
    }
    let all_released = sums.of("captured") == 0
        && sums.of("released") > 0
        && sums.of("released") >= sums.of("authorised");
    if all_released {
        payment.canceled_at.get_or_insert_with(|| now.to_owned());
    }
    all_released
}

/// A payment of a cart ended: the cart can be paid again.
fn ended(sale: &mut Sale, reference: &str, what: &str) {
    if !matches!(
        what,
        "rejected" | "cancelled" | "expired" | "failed" | "released"
    ) {
        return;
    }
    let sessions = sale.collection.iter_mut();
    for session in sessions.flat_map(|collection| &mut collection.sessions) {
        if session.reference() == Some(reference) {
            session.status = "canceled";
        }
    }
    sale.metadata.insert("vipps_ended".into(), reference.into());
}

fn write_metadata(sale: &mut Sale, reference: &str, sums: &Sums, note: Option<&str>) {
    let own = sale.order.as_ref().map(|placed| placed.payment.reference());
    if own == Some(Some(reference)) {
        sale.metadata
            .insert("vipps_reference".into(), reference.into());
        for (name, sum) in [
            ("vipps_reserved", "authorised"),
            ("vipps_captured", "captured"),
            ("vipps_refunded", "refunded"),
            ("vipps_released", "released"),
        ] {
            let sum = decimal(sums.of(sum));
            sale.metadata.insert(name.into(), sum.into());
        }
    }
    let Some(note) = note else { return };
    let notes = sale.metadata.get("vipps_note").and_then(Value::as_str);
    let notes = notes.unwrap_or_default();
    if !notes.lines().any(|line| line == note) {
        let notes = format!("{notes}\n{note}").trim().to_owned();
        sale.metadata.insert("vipps_note".into(), notes.into());
    }
}
