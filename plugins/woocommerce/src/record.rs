//! Shows WooCommerce what happened. What the order has is read first, and only what is missing is
//! written: the same event twice has the effect of once.
//!
//! WooCommerce has no state machine, no idempotency and no conditional writes: any status follows any.
//! So statuses are moved forward only from those that wait for it, and what somebody else did in the
//! shop stays. Each writing carries the event's id in a header; the kasse plugin in the shop then does
//! not call kasse for it.
//!
//! The sums stand with the order, in `_kasse_authorised`, `_kasse_captured`, `_kasse_refunded` and
//! `_kasse_released`; and how a payment ended that was never reserved, in `_kasse_state`.

use http::Method;
use kasse_core::{
    Context, Error, ErrorKind, EventKind, Money, OrderRef, Payment, PaymentEvent, RecordError, Who,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::adapter::{address, no_order};
use crate::client::{Client, Failure, order_path};
use crate::order::{METHOD, STATE, WooOrder};

/// The code of the kasse plugin's error that says: never.
const NOT_TAKEN: &str = "kasse_not_taken";
/// The code of a refund that is refused: above what is left, or of an order that cannot be refunded.
/// It comes with a 500, and is none that passes.
const NO_REFUND: &str = "woocommerce_rest_cannot_create_order_refund";

/// What an order is in, as far as it matters here. Shops have statuses of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits to be paid, or was given up before it was.
    Unpaid,
    /// It was cancelled: before it was paid, or after.
    Cancelled,
    /// Paid for, as far as the shop is concerned, and not yet taken.
    OnHold,
    /// Paid.
    Paid,
    /// Thrown away.
    Trash,
    /// Another one, of a plugin's.
    Other,
}

impl Stage {
    fn of(order: &WooOrder) -> Self {
        match order.status.as_str() {
            "pending" | "failed" | "checkout-draft" | "auto-draft" => Self::Unpaid,
            "cancelled" => Self::Cancelled,
            "on-hold" => Self::OnHold,
            "processing" | "completed" | "refunded" => Self::Paid,
            "trash" => Self::Trash,
            _ => Self::Other,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Note {
    note: String,
}

/// What was written is read again when it is needed.
#[derive(Debug, Deserialize)]
struct Written {}

/// Brings one event into WooCommerce.
#[derive(Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) cx: &'a Context,
    pub(crate) client: &'a Client,
    pub(crate) at: &'a OrderRef,
    pub(crate) now: &'a Payment,
    pub(crate) event: &'a PaymentEvent,
}

impl Telling<'_> {
    pub(crate) async fn tell(&self) -> Result<(), RecordError> {
        match &self.event.what {
            // The shop made it, and has it.
            EventKind::Initiated => Ok(()),
            EventKind::Authorised { amount } => self.reserved(*amount).await,
            EventKind::Captured { .. } | EventKind::Released { .. } => self.settled().await,
            EventKind::Refunded { .. } => self.refunded().await,
            EventKind::Rejected
            | EventKind::Cancelled
            | EventKind::Expired
            | EventKind::Failed { .. } => self.ended().await,
            // Shown as it is, and nothing concluded from it.
            EventKind::Unknown { operation } => {
                self.note(&format!("says \"{operation}\", which is not known"))
                    .await
            }
            other => {
                self.note(&format!("the payment was {}", other.word()))
                    .await
            }
        }
    }

    /// The order; `None` where it is gone.
    async fn order(&self) -> Result<Option<WooOrder>, RecordError> {
        match self.client.order(self.cx, self.at).await {
            Ok(order) => Ok(Some(order)),
            Err(failure) if failure.is_no_order() => Ok(None),
            Err(failure) => Err(later(failure, "The order was not read")),
        }
    }

    /// The order, which has to be there to be told of money.
    async fn standing(&self) -> Result<(WooOrder, Stage), RecordError> {
        let Some(order) = self.order().await? else {
            return Err(RecordError::Never(no_order(self.at)));
        };
        match Stage::of(&order) {
            Stage::Trash => Err(RecordError::Never(self.not_taken("it is in the trash."))),
            stage => Ok((order, stage)),
        }
    }

    /// Reserved: the order is on hold, until it is sent.
    async fn reserved(&self, amount: Money) -> Result<(), RecordError> {
        let (order, stage) = self.standing().await?;
        let ours = self.is_ours(&order);
        let other = !ours && !order.transaction_id.is_empty();
        let status = match stage {
            Stage::Unpaid => Some("on-hold"),
            // Told before, and let go since.
            Stage::Cancelled if ours => return Ok(()),
            Stage::Cancelled => Some("on-hold"),
            Stage::OnHold | Stage::Paid | Stage::Other if ours => return self.notes().await,
            Stage::OnHold | Stage::Other if !other => None,
            Stage::OnHold | Stage::Paid | Stage::Other => {
                let why = "it is paid already, and not by this payment.";
                return Err(RecordError::Never(self.not_taken(why)));
            }
            Stage::Trash => None,
        };
        if self.now.express {
            self.express(amount).await?;
        } else if matches!(stage, Stage::Unpaid | Stage::Cancelled) {
            self.in_stock(&order)?;
        }
        let mut changes = Map::new();
        if let Some(status) = status {
            changes.insert("status".to_owned(), status.into());
        }
        let reference = self.now.id.reference.as_str();
        changes.insert("transaction_id".to_owned(), reference.into());
        if order.payment_method != METHOD {
            // Another one was chosen meanwhile, and nothing was paid by it.
            changes.insert("payment_method".to_owned(), METHOD.into());
        }
        // The sums of an earlier payment of this order are not this one's.
        let sums = self.event.sums;
        changes.insert(
            "meta_data".to_owned(),
            metas(&[
                ("_kasse_authorised", amount),
                ("_kasse_captured", sums.captured),
                ("_kasse_refunded", sums.refunded),
                ("_kasse_released", sums.released),
            ]),
        );
        self.put(changes).await?;
        self.notes().await
    }

    /// WooCommerce itself would sell below nothing.
    fn in_stock(&self, order: &WooOrder) -> Result<(), RecordError> {
        let gone = order.kasse.iter().flat_map(|mark| &mark.sold_out).next();
        let Some(gone) = gone else { return Ok(()) };
        let why = format!("\"{gone}\" was sold out meanwhile.");
        Err(RecordError::Never(self.not_taken(&why)))
    }

    /// Who bought, where it goes and how: written by the kasse plugin, with WooCommerce's own tax.
    async fn express(&self, amount: Money) -> Result<(), RecordError> {
        let personal = self.now.personal.as_ref().filter(|_| !self.now.forgotten);
        let Some(personal) = personal else {
            return Err(RecordError::Never(self.not_taken(
                "the customer took back the consent, and it has no address.",
            )));
        };
        let Some(to) = &personal.address else {
            return Err(RecordError::Later(
                self.not_taken("Vipps has not given the address yet."),
            ));
        };
        let delivery = self.now.delivery.as_ref().map(|chosen| {
            let option = chosen.option.as_ref();
            json!({
                "id": option.map_or(&chosen.wire_id, |option| &option.id),
                "title": option.map_or(&chosen.title, |option| &option.title),
                // What was paid, should the shop ask for another price by now.
                "price": chosen.cost.decimal(),
            })
        });
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let body = json!({
            "order": self.at.order.as_str(),
            "reference": self.now.id.reference.as_str(),
            "event": self.event.id.as_str(),
            "amount": amount.decimal(),
            "customer": {
                "first_name": text(&personal.first_name),
                "last_name": text(&personal.last_name),
                "email": text(&personal.email),
                "phone": text(&personal.phone),
            },
            "address": address(to),
            "delivery": delivery,
        });
        let event = Some(&self.event.id);
        let written: Result<Written, Failure> = self
            .client
            .ask(self.cx, "/express", Some(&body), event)
            .await;
        match written {
            Ok(_) => Ok(()),
            Err(Failure::Said { code, message }) if code == NOT_TAKEN => {
                Err(RecordError::Never(self.not_taken(&message)))
            }
            Err(failure) if failure.is_no_order() => Err(RecordError::Never(no_order(self.at))),
            Err(failure) => Err(later(failure, &self.not_written())),
        }
    }

    /// Taken or let go, in full or in part.
    async fn settled(&self) -> Result<(), RecordError> {
        let (order, stage) = self.standing().await?;
        let sums = self.event.sums;
        let waits = matches!(stage, Stage::Unpaid | Stage::OnHold);
        let status = if !sums.left_to_capture().is_zero() || !waits || !self.may_move(&order) {
            None
        } else if sums.captured.is_positive() {
            // What is downloaded has nobody to send it: WooCommerce itself completes it.
            Some(if order.needs_processing {
                "processing"
            } else {
                "completed"
            })
        } else {
            Some("cancelled")
        };
        self.show(&order, status).await?;
        let part = sums.captured.is_positive()
            && (sums.released.is_positive() || sums.left_to_capture().is_positive());
        if part {
            self.note(&format!(
                "{} of {} is captured, {} is released",
                sums.captured, sums.authorised, sums.released
            ))
            .await?;
        }
        Ok(())
    }

    /// Given back, in full or in part. WooCommerce's own refunds are there before Vipps is asked, and
    /// gone again where it refused.
    async fn refunded(&self) -> Result<(), RecordError> {
        let (order, _) = self.standing().await?;
        let unusable = |error| RecordError::Later(error);
        let shown = order.refunded().map_err(unusable)?;
        let missing = self.event.sums.refunded.minus(shown);
        let missing = missing.map_err(|error| {
            RecordError::Never(self.not_taken(&format!("its refunds cannot be added: {error}.")))
        })?;
        if missing.is_positive() {
            let reason = format!("Vipps {} ({})", self.now.id.reference, self.event.number);
            let body = json!({
                "amount": missing.decimal(),
                "reason": reason,
                // It is refunded already: the gateway is not asked.
                "api_refund": false,
            });
            match self.write(Method::POST, "/refunds", &body).await {
                Ok(()) => {}
                Err(Failure::Said { code, message }) if code == NO_REFUND => {
                    let text = format!(
                        "{} is refunded, and WooCommerce does not take it: {message}",
                        self.event.sums.refunded
                    );
                    self.note(&text).await?;
                    return Err(RecordError::NotShowable(text));
                }
                Err(failure) if failure.is_no_order() => {
                    return Err(RecordError::Never(no_order(self.at)));
                }
                Err(failure) => return Err(later(failure, &self.not_written())),
            }
        }
        self.show(&order, None).await
    }

    /// Over without money: WooCommerce takes another attempt.
    async fn ended(&self) -> Result<(), RecordError> {
        // Of an order that is gone there is nothing to be told.
        let Some(order) = self.order().await? else {
            return Ok(());
        };
        let newest = order
            .kasse
            .as_ref()
            .and_then(|mark| mark.reference.as_deref());
        let ours = newest.is_none_or(|newest| newest == self.now.id.reference.as_str());
        let word = self.event.what.word();
        let status = match order.status.as_str() {
            "pending" => Some("failed"),
            // It is over in the shop already: what is told is that it is at Vipps, too.
            "failed" | "cancelled" if order.state() != Some(word) => None,
            _ => return Ok(()),
        };
        if !ours || order.payment_method != METHOD {
            return Ok(());
        }
        let mut changes = Map::new();
        if let Some(status) = status {
            changes.insert("status".to_owned(), status.into());
        }
        let state = json!([{ "key": STATE, "value": word }]);
        changes.insert("meta_data".to_owned(), state);
        self.put(changes).await
    }

    /// Is this payment the order's?
    fn is_ours(&self, order: &WooOrder) -> bool {
        order.transaction_id == self.now.id.reference.as_str()
    }

    /// No other payment's money is on it.
    fn may_move(&self, order: &WooOrder) -> bool {
        order.transaction_id.is_empty() || self.is_ours(order)
    }

    /// Writes the sums, and a status; nothing where nothing changes.
    async fn show(&self, order: &WooOrder, status: Option<&str>) -> Result<(), RecordError> {
        if !self.may_move(order) {
            return self
                .note("this payment is not the one that the order shows: look at both")
                .await;
        }
        let sums = self.event.sums;
        let news: Vec<(&str, Money)> = [
            ("_kasse_captured", sums.captured),
            ("_kasse_refunded", sums.refunded),
            ("_kasse_released", sums.released),
        ]
        .into_iter()
        // Only forward: what is told again is not less than what stands there.
        .filter(|(key, sum)| {
            order
                .written(key)
                .is_none_or(|written| written.minor < sum.minor)
        })
        .collect();
        let mut changes = Map::new();
        if let Some(status) = status {
            changes.insert("status".to_owned(), status.into());
        }
        if !news.is_empty() {
            changes.insert("meta_data".to_owned(), metas(&news));
        }
        if changes.is_empty() {
            return Ok(());
        }
        self.put(changes).await
    }

    /// What a person should know: what kasse noticed, and where the delivery cost something else.
    async fn notes(&self) -> Result<(), RecordError> {
        for note in &self.now.notes {
            self.note(&note.text).await?;
        }
        if let Some(chosen) = &self.now.delivery
            && let Some(offered) = &chosen.option
            && offered.price != chosen.cost
        {
            let text = format!(
                "the delivery \"{}\" was offered for {}, and {} was paid for it",
                chosen.title, offered.price, chosen.cost
            );
            self.note(&text).await?;
        }
        Ok(())
    }

    async fn put(&self, changes: Map<String, Value>) -> Result<(), RecordError> {
        self.write(Method::PUT, "", &changes.into())
            .await
            .map_err(|failure| {
                if failure.is_no_order() {
                    return RecordError::Never(no_order(self.at));
                }
                later(failure, &self.not_written())
            })
    }

    async fn write(&self, method: Method, below: &str, body: &Value) -> Result<(), Failure> {
        let path = order_path(self.at, below)?;
        let event = Some(&self.event.id);
        let _: Written = self
            .client
            .rest(self.cx, method, &path, Some(body), event)
            .await?;
        Ok(())
    }

    /// A note on the order, for the merchant's eyes; once. WooCommerce would write it each time.
    async fn note(&self, text: &str) -> Result<(), RecordError> {
        let failed = |failure: Failure| {
            if failure.is_no_order() {
                return RecordError::Never(no_order(self.at));
            }
            later(failure, "The note was not written")
        };
        // WordPress takes backslashes away.
        let note = format!("Vipps {}: {text}", self.now.id.reference).replace('\\', "/");
        let path = order_path(self.at, "/notes").map_err(failed)?;
        let there: Vec<Note> = self
            .client
            .rest(self.cx, Method::GET, &path, None, None)
            .await
            .map_err(failed)?;
        if there.iter().any(|there| there.note == note) {
            return Ok(());
        }
        let body = json!({ "note": note });
        self.write(Method::POST, "/notes", &body)
            .await
            .map_err(failed)
    }

    fn not_written(&self) -> String {
        let word = self.event.what.word();
        format!("It was not written that the payment was {word}")
    }

    fn not_taken(&self, why: &str) -> Error {
        Error::new(
            ErrorKind::WrongState,
            Who::Shop,
            format!("Order {} was not taken", self.at.order),
            why,
            "Look at the order in WooCommerce.",
        )
    }
}

/// Sums, as they are written with an order: a key that is there is written over.
fn metas(sums: &[(&str, Money)]) -> Value {
    sums.iter()
        .map(|(key, sum)| json!({ "key": key, "value": sum.decimal() }))
        .collect()
}

fn later(failure: Failure, what: &str) -> RecordError {
    RecordError::Later(failure.into_error(what))
}
