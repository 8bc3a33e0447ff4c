//! What Medusa calls in our piece, in process, and what that asks kasse for.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::{Value, json};

use super::piece::order;
use super::shop::{Entry, Payment, Sale, Session, sum};
use super::show::{number, raw};
use super::store::no_cart;
use super::{Answer, Answered, Asked, Medusa, not_allowed};

/// Medusa, as our piece tells it to kasse.
pub(super) const MEDUSA: &str = "2.21.2";
/// Our piece.
pub(super) const PLUGIN: &str = env!("CARGO_PKG_VERSION");
/// How long the piece waits for kasse.
const PATIENCE: Duration = Duration::from_secs(12);
/// What is read where kasse does not answer.
const NO_ANSWER: &str = "Vipps cannot be reached just now. Try again in a moment.";

/// kasse's answer.
#[derive(Debug)]
struct Said {
    done: bool,
    refused: bool,
    body: Value,
}

impl Said {
    fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name)?.as_str()
    }

    fn message(&self) -> String {
        self.text("message").unwrap_or(NO_ANSWER).to_owned()
    }
}

/// Only a cart can be paid.
fn is_cart(sale: &Sale) -> Result<(), Answer> {
    match sale.order {
        None => Ok(()),
        Some(_) => Err(not_allowed("This order is paid already.")),
    }
}

/// An entry's amount, and what was entered before it: two presses at once are two things.
fn entered(entries: &[Entry], id: &str) -> Option<(i64, i64)> {
    let place = entries.iter().position(|entry| entry.id == id)?;
    let amount = entries.get(place)?.amount;
    Some((amount, sum(entries.get(..place)?)))
}

impl Medusa {
    /// Our piece asks kasse.
    async fn ask(&self, what: &str, body: &Value) -> Option<Said> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/{what}", self.engine_url))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()));
        let mut request = request.ok()?;
        self.signs.sign(&self.cx, &mut request);
        let answer = self.cx.transport.send(request, PATIENCE).await.ok()?;
        let body: Value = serde_json::from_slice(answer.body()).ok()?;
        let is = |name: &str| body.get(name).and_then(Value::as_bool).unwrap_or_default();
        Some(Said {
            done: is("done"),
            refused: is("refused"),
            body,
        })
    }

    fn called(&self, method: &'static str, argument: Value) {
        let mut calls = self
            .calls
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        calls.push((method, argument));
    }

    /// Begins a payment. Gives the session's data.
    pub(super) async fn initiate_payment(
        &self,
        cart: &str,
        session: &str,
        amount: i64,
        asked: &Asked,
    ) -> Answered {
        let mut data = asked.body.get("data").cloned().unwrap_or(json!({}));
        if let Some(data) = data.as_object_mut() {
            data.insert("session_id".into(), json!(session));
        }
        self.called(
            "initiatePayment",
            json!({
                "context": { "idempotency_key": session }, "data": data,
                "amount": number(amount), "currency_code": "nok",
            }),
        );
        let told = {
            let mut shop = self.shop();
            let sale = shop.sales.get_mut(cart).ok_or_else(|| no_cart(cart))?;
            is_cart(sale)?;
            sale.metadata.insert("vipps_express".into(), false.into());
            order(sale)
        };
        let body = json!({
            "order": told, "amount": super::show::decimal(amount), "session": session,
            "express": false, "versions": { "medusa": MEDUSA, "plugin": PLUGIN },
        });
        self.begun(self.ask("initiate", &body).await)
    }

    /// What the storefront gets of a payment that was begun.
    fn begun(&self, said: Option<Said>) -> Answered {
        let said = said.ok_or_else(|| not_allowed(NO_ANSWER))?;
        match said.text("redirect").filter(|_| said.done) {
            Some(redirect) => {
                Ok(json!({ "reference": said.text("reference"), "redirect_url": redirect }))
            }
            None => Err(not_allowed(said.message())),
        }
    }

    /// The storefront's button for express, which is our piece's own route.
    pub(super) async fn express(&self, asked: &Asked) -> Answered {
        asked.has_only(&["cart_id"])?;
        let cart = asked.text("cart_id").unwrap_or_default();
        let told = {
            let mut shop = self.shop();
            let sale = shop.sales.get_mut(cart).ok_or_else(|| no_cart(cart))?;
            is_cart(sale)?;
            sale.metadata.insert("vipps_express".into(), true.into());
            order(sale)
        };
        let versions = json!({ "medusa": MEDUSA, "plugin": PLUGIN });
        let body = json!({ "order": told, "express": true, "versions": versions });
        let begun = self.begun(self.ask("initiate", &body).await)?;
        let mut shop = self.shop();
        if let Some(sale) = shop.sales.get_mut(cart) {
            let reference = begun.get("reference").cloned().unwrap_or_default();
            sale.metadata.insert("vipps_reference".into(), reference);
        }
        Ok(begun)
    }

    /// Sessions that are no more. kasse ends their payments when another begins.
    pub(super) fn delete(&self, sessions: &[Session]) {
        for session in sessions {
            self.called("deletePayment", json!({ "data": session.data }));
        }
    }

    /// Is the money reserved? `Err`: our piece throws.
    pub(super) async fn authorize_payment(
        &self,
        cart: &str,
        session: &Session,
    ) -> Result<&'static str, String> {
        self.called(
            "authorizePayment",
            json!({ "data": session.data, "context": { "idempotency_key": session.id } }),
        );
        let body = json!({ "order": cart, "reference": session.reference() });
        let said = self.ask("details", &body).await;
        let said = said.ok_or_else(|| NO_ANSWER.to_owned())?;
        Ok(match (said.done, said.refused) {
            (true, _) => "authorized",
            (false, true) => "error",
            (false, false) => "requires_more",
        })
    }

    /// The order, its payment as it is, and how often kasse has refused this; `None`: it is gone.
    fn paid(&self, cart: &str, what: &str) -> Option<(String, Payment, u32)> {
        let mut shop = self.shop();
        let placed = shop.find(cart)?.order.as_ref()?;
        let (order, payment) = (placed.id.clone(), placed.payment.clone());
        let refused = shop.refused.get(&format!("{what}/{}", payment.id)).copied();
        Some((order, payment, refused.unwrap_or(0)))
    }

    /// Takes what an entry of the payment says.
    pub(super) async fn capture_payment(&self, cart: &str, entry: &str) -> Result<(), String> {
        let busy = self.busy(cart);
        let _busy = busy.lock().await;
        let (order, payment, refused) = self.paid(cart, "capture").ok_or(NO_ANSWER)?;
        // The amount is not in Medusa's call: it is looked up by its key.
        self.called(
            "capturePayment",
            json!({ "data": payment.data, "context": { "idempotency_key": entry } }),
        );
        let (amount, before) = entered(&payment.captures, entry).ok_or(NO_ANSWER)?;
        let body = json!({
            "order": order, "reference": payment.reference(), "currency_code": "nok",
            "amount": super::show::decimal(amount), "captured": super::show::decimal(before),
            "of": super::show::decimal(payment.amount),
            "refused": refused, "capture": entry,
        });
        let said = self.ask("capture", &body).await;
        self.settled(said, "capture", &payment)
    }

    pub(super) async fn refund_payment(&self, cart: &str, entry: &str) -> Result<(), String> {
        let busy = self.busy(cart);
        let _busy = busy.lock().await;
        let (order, payment, refused) = self.paid(cart, "refund").ok_or(NO_ANSWER)?;
        let (amount, before) = entered(&payment.refunds, entry).ok_or(NO_ANSWER)?;
        self.called(
            "refundPayment",
            json!({
                "data": payment.data, "amount": raw(amount), "context": { "idempotency_key": entry },
            }),
        );
        let body = json!({
            "order": order, "reference": payment.reference(), "currency_code": "nok",
            "amount": super::show::decimal(amount), "refunded": super::show::decimal(before),
            "refused": refused, "refund": entry,
        });
        let said = self.ask("refund", &body).await;
        self.settled(said, "refund", &payment)
    }

    pub(super) async fn cancel_payment(&self, cart: &str) -> Result<(), String> {
        let busy = self.busy(cart);
        let _busy = busy.lock().await;
        let (order, payment, _) = self.paid(cart, "cancel").ok_or(NO_ANSWER)?;
        self.called("cancelPayment", json!({ "data": payment.data }));
        let body = json!({ "order": order, "reference": payment.reference() });
        let said = self.ask("cancel", &body).await;
        self.settled(said, "cancel", &payment)
    }

    fn settled(&self, said: Option<Said>, what: &str, payment: &Payment) -> Result<(), String> {
        let said = said.ok_or_else(|| NO_ANSWER.to_owned())?;
        if said.done {
            return Ok(());
        }
        if said.refused {
            let mut shop = self.shop();
            let times = shop.refused.entry(format!("{what}/{}", payment.id));
            let times = times.or_default();
            *times = times.saturating_add(1);
        }
        Err(said.message())
    }

    /// What is held while our piece is at work on a sale.
    pub(super) fn busy(&self, cart: &str) -> std::sync::Arc<tokio::sync::Mutex<()>> {
        let mut shop = self.shop();
        shop.find(cart)
            .map(|sale| sale.busy.clone())
            .unwrap_or_default()
    }
}
