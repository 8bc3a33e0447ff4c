//! The merchant's API: `/admin/…`.

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::Money;
use serde_json::{Value, json};

use super::shop::{ARTICLES, CURRENCY, Entry, Sale, Shop};
use super::show::{self, LOCATION};
use super::{Answer, Answered, Asked, KEY, Medusa, PASSWORD, TOKEN, USER};
use super::{header_is, invalid, none_there, not_allowed, not_found, wrong};

pub(super) fn is_merchant(request: &Request<Bytes>) -> Result<(), Answer> {
    if header_is(request, "authorization", &format!("Bearer {TOKEN}")) {
        return Ok(());
    }
    let words = json!({ "message": "Unauthorized" });
    Err((StatusCode::UNAUTHORIZED, words))
}

pub(super) fn sign_in(asked: &Asked) -> Answered {
    if (asked.text("email"), asked.text("password")) == (Some(USER), Some(PASSWORD)) {
        return Ok(json!({ "token": TOKEN }));
    }
    Err(wrong(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "Invalid email or password",
    ))
}

fn no_order(id: &str) -> Answer {
    not_found(format!("Order id not found: {id}"))
}

fn no_payment(id: &str) -> Answer {
    not_found(format!("Payment with id: {id} was not found"))
}

/// The amount of a capture or a refund, where one is given.
fn amount(asked: &Asked) -> Result<Option<i64>, Answer> {
    match asked.body.get("amount") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(amount)) => Money::from_number(amount, CURRENCY)
            .map(|amount| Some(amount.minor))
            .map_err(|error| invalid(error.to_string())),
        Some(other) => Err(invalid(format!(
            "Invalid request: Expected type: 'number' for field 'amount', got: '{other}'"
        ))),
    }
}

/// What our piece throws when kasse does not do it.
fn thrown(words: String) -> Answer {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    wrong(status, "payment_authorization_error", words)
}

/// The payment of a sale, as it is shown.
fn shown_payment(shop: &mut Shop, id: &str) -> Answered {
    let sale = shop.paid_by(id).ok_or_else(|| no_payment(id))?;
    let collection = sale.collection.as_ref().map(|it| it.id.clone());
    let placed = sale.order.as_ref().ok_or_else(|| no_payment(id))?;
    let shown = show::payment(&placed.payment, &collection.unwrap_or_default());
    Ok(json!({ "payment": shown }))
}

impl Medusa {
    pub(super) async fn admin(&self, method: &str, path: &[&str], asked: &Asked) -> Answered {
        match (method, path) {
            ("GET", ["api-keys"]) => {
                let key = json!({ "id": "apk_storefront", "token": KEY, "type": "publishable" });
                Ok(json!({ "api_keys": [key], "count": 1, "offset": 0, "limit": 20 }))
            }
            ("GET", ["inventory-items"]) => {
                let sku = asked.parameter("sku").unwrap_or_default();
                Ok(show::inventory(&self.shop(), &sku))
            }
            ("POST", ["inventory-items", id, "location-levels", LOCATION]) => self.stock(id, asked),
            ("GET", ["orders", id]) => {
                let fields = asked.parameter("fields");
                self.order(id, fields.as_deref())
            }
            ("POST", ["orders", id, "cancel"]) => self.cancel(id).await,
            ("POST", ["payments", id, "capture"]) => self.capture(id, asked).await,
            ("POST", ["payments", id, "refund"]) => self.refund(id, asked).await,
            _ => Err(none_there(method, &format!("/admin/{}", path.join("/")))),
        }
    }

    fn stock(&self, id: &str, asked: &Asked) -> Answered {
        asked.has_only(&["stocked_quantity", "incoming_quantity"])?;
        let sku = id.strip_prefix("iitem_").unwrap_or_default();
        let article = ARTICLES.iter().find(|article| article.sku == sku);
        let stocked = asked.body.get("stocked_quantity").and_then(Value::as_i64);
        let (Some(article), Some(stocked)) = (article, stocked) else {
            return Err(not_found(format!(
                "InventoryItem with id: {id} was not found"
            )));
        };
        let mut shop = self.shop();
        shop.set_stock(article, stocked);
        let items = show::inventory(&shop, sku);
        let item = items.pointer("/inventory_items/0").cloned();
        Ok(json!({ "inventory_item": item }))
    }

    pub(super) fn order(&self, id: &str, fields: Option<&str>) -> Answered {
        let mut shop = self.shop();
        let sale = shop.find(id).filter(|sale| sale.cart != id);
        let sale = sale.ok_or_else(|| no_order(id))?;
        let placed = sale.order.as_ref().ok_or_else(|| no_order(id))?;
        Ok(json!({ "order": show::order(sale, placed, fields) }))
    }

    /// An entry is made before our piece is asked, and goes again where that throws.
    async fn capture(&self, id: &str, asked: &Asked) -> Answered {
        asked.has_only(&["amount"])?;
        let given = amount(asked)?;
        let at = self.now();
        let (entry, cart) = {
            let mut shop = self.shop();
            let entry = shop.id("capt");
            let sale = shop.paid_by(id).ok_or_else(|| no_payment(id))?;
            let cart = sale.cart.clone();
            let placed = sale.order.as_mut().ok_or_else(|| no_payment(id))?;
            let payment = &mut placed.payment;
            if payment.canceled_at.is_some() {
                return Err(invalid(format!("The payment: {id} has been canceled.")));
            }
            if payment.captured_at.is_some() {
                return shown_payment(&mut shop, id);
            }
            let amount = given.unwrap_or(payment.amount);
            let left = payment.amount.saturating_sub(payment.captured());
            if amount > left {
                return Err(invalid(
                    "You cannot capture more than the authorized amount substracted by what is already captured.",
                ));
            }
            let note = None;
            payment.captures.push(Entry {
                id: entry.clone(),
                at,
                amount,
                note,
            });
            (entry, cart)
        };
        let done = self.capture_payment(&cart, &entry).await;
        let now = self.now();
        let mut shop = self.shop();
        let sale = shop.paid_by(id).ok_or_else(|| no_payment(id))?;
        let placed = sale.order.as_mut().ok_or_else(|| no_payment(id))?;
        let payment = &mut placed.payment;
        match done {
            Ok(()) => {
                if payment.captured() >= payment.amount {
                    payment.captured_at = Some(now);
                }
                shown_payment(&mut shop, id)
            }
            Err(words) => {
                payment.captures.retain(|it| it.id != entry);
                Err(thrown(words))
            }
        }
    }

    async fn refund(&self, id: &str, asked: &Asked) -> Answered {
        asked.has_only(&["amount", "note", "refund_reason_id"])?;
        let given = amount(asked)?;
        let at = self.now();
        let (entry, cart) = {
            let mut shop = self.shop();
            let entry = shop.id("ref");
            let sale = shop.paid_by(id).ok_or_else(|| no_payment(id))?;
            let cart = sale.cart.clone();
            let placed = sale.order.as_mut().ok_or_else(|| no_payment(id))?;
            let payment = &mut placed.payment;
            let left = payment.captured().saturating_sub(payment.refunded());
            if given.is_some_and(|amount| amount > left) {
                return Err(invalid(
                    "You are not allowed to refund more than the captured amount",
                ));
            }
            // Without an amount it is the whole payment, not the rest.
            let amount = given.unwrap_or(payment.amount);
            if amount > left {
                return Err(invalid(
                    "You cannot refund more than what is captured on the payment.",
                ));
            }
            payment.refunds.push(Entry {
                id: entry.clone(),
                at,
                amount,
                note: asked.text("note").map(str::to_owned),
            });
            (entry, cart)
        };
        let done = self.refund_payment(&cart, &entry).await;
        let mut shop = self.shop();
        if let Err(words) = done {
            let sale = shop.paid_by(id).ok_or_else(|| no_payment(id))?;
            if let Some(placed) = sale.order.as_mut() {
                placed.payment.refunds.retain(|it| it.id != entry);
            }
            return Err(thrown(words));
        }
        shown_payment(&mut shop, id)
    }

    /// Cancels an order: what is reserved is let go, what is captured is refunded.
    async fn cancel(&self, id: &str) -> Answered {
        let at = self.now();
        let (cart, given_back) = {
            let mut shop = self.shop();
            let refund = shop.id("ref");
            let sale = shop.find(id).filter(|sale| sale.cart != id);
            let sale = sale.ok_or_else(|| no_order(id))?;
            let cart = sale.cart.clone();
            let placed = sale.order.as_mut().ok_or_else(|| no_order(id))?;
            if placed.canceled.is_some() {
                return Err(invalid(format!("Order with id {id} has been canceled.")));
            }
            if placed
                .fulfillments
                .as_array()
                .is_some_and(|all| !all.is_empty())
            {
                return Err(not_allowed(
                    "All fulfillments must be canceled before canceling an order",
                ));
            }
            let payment = &mut placed.payment;
            let taken = payment.captured();
            let amount = taken.saturating_sub(payment.refunded());
            if amount > 0 {
                payment.refunds.push(Entry {
                    id: refund.clone(),
                    at,
                    amount,
                    note: None,
                });
            }
            (cart, (taken > 0).then_some((refund, amount)))
        };
        let done = match &given_back {
            None => self.cancel_payment(&cart).await,
            Some((refund, 1..)) => self.refund_payment(&cart, refund).await,
            Some(_) => Ok(()),
        };
        let now = self.now();
        let mut shop = self.shop();
        let sale = shop.sales.get_mut(&cart).ok_or_else(|| no_order(id))?;
        if let Some(placed) = sale.order.as_mut() {
            match (&done, given_back) {
                (Ok(()), None) => placed.payment.canceled_at = Some(now.clone()),
                (Ok(()), Some(_)) => {}
                (Err(_), Some((refund, _))) => placed.payment.refunds.retain(|it| it.id != refund),
                (Err(_), None) => {}
            }
        }
        done.map_err(thrown)?;
        shop.cancel(&cart, &now);
        let sale: &Sale = shop.sales.get(&cart).ok_or_else(|| no_order(id))?;
        let placed = sale.order.as_ref().ok_or_else(|| no_order(id))?;
        Ok(json!({ "order": show::order(sale, placed, None) }))
    }
}
