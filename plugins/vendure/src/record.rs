//! Shows Vendure what happened. What Vendure has is read first, and only what is missing is
//! written: the same event twice has the effect of once.
//!
//! Each writing carries the event's id in a header. Vendure's handlers give it back to us, and the
//! flow then answers them instead of doing it again.

use jiff::SignedDuration;
use kasse_core::{
    Context, Error, ErrorKind, EventKind, Money, OrderRef, Payment, PaymentEvent, RecordError, Who,
    quotable,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::{Admin, Failure};
use crate::order::{VendureOrder, VendurePayment};

/// The code of the plugin's error that says: never.
const NOT_TAKEN: &str = "KASSE_NOT_TAKEN";
/// A refund that was made in Vendure is written there when its transaction ends, which is a moment
/// after we answered. Before that, it is not missing.
const COMMITTED: SignedDuration = SignedDuration::from_secs(5);

/// What Vendure says of a refund that it will not take later either.
const NEVER_REFUNDED: [&str; 2] = ["RefundOrderStateError", "RefundAmountError"];

const ORDER: &str = "query KasseOrder($code: String!) { \
    orders(options: { filter: { code: { eq: $code } }, take: 1 }) { items { \
      id code state currencyCode \
      customer { phoneNumber } \
      shippingAddress { phoneNumber streetLine1 streetLine2 city postalCode countryCode } \
      lines { quantity linePriceWithTax proratedLinePriceWithTax taxRate productVariant { id name } } \
      shippingLines { id price priceWithTax discountedPriceWithTax shippingMethod { name } } \
      surcharges { id sku description priceWithTax taxRate } \
      payments { id amount state transactionId metadata refunds { total state } } } } }";

const RESERVE: &str = "mutation KasseReserve($input: KasseReservation!) { \
    written: kasseReserve(input: $input) { __typename } }";

const SETTLE: &str = "mutation KasseSettle($id: ID!) { written: settlePayment(id: $id) { __typename \
    ... on ErrorResult { message } ... on SettlePaymentError { paymentErrorMessage } } }";

const CANCEL: &str = "mutation KasseCancel($id: ID!) { written: cancelPayment(id: $id) { __typename \
    ... on ErrorResult { message } ... on CancelPaymentError { paymentErrorMessage } } }";

const MOVE: &str = "mutation KasseMove($id: ID!, $state: String!) { \
    written: transitionPaymentToState(id: $id, state: $state) { __typename \
    ... on ErrorResult { message } } }";

// The three zeros are deprecated, and the database refuses a refund without them.
const REFUND: &str = "mutation KasseRefund($id: ID!, $amount: Money!, $reason: String!) { \
    written: refundOrder(input: { paymentId: $id, amount: $amount, reason: $reason, \
      lines: [], shipping: 0, adjustment: 0 }) { __typename ... on ErrorResult { message } } }";

const NOTES: &str = "query KasseNotes($id: ID!) { order(id: $id) { history(options: { \
    filter: { type: { eq: \"ORDER_NOTE\" } }, sort: { createdAt: DESC }, take: 100 }) { \
      items { data } } } }";

const NOTE: &str = "mutation KasseNote($id: ID!, $note: String!) { \
    written: addNoteToOrder(input: { id: $id, note: $note, isPublic: false }) { __typename } }";

#[derive(Debug, Deserialize)]
struct Found {
    orders: Items<VendureOrder>,
}

#[derive(Debug, Deserialize)]
struct Items<T> {
    items: Vec<T>,
}

/// What a mutation gave: the thing, or one of Vendure's errors in its place.
#[derive(Debug, Deserialize)]
struct Written {
    written: Union,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Union {
    #[serde(rename = "__typename")]
    name: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    payment_error_message: Option<String>,
}

impl Union {
    /// Vendure's words, the most precise ones.
    fn said(&self) -> &str {
        let precise = self.payment_error_message.as_deref();
        precise.or(self.message.as_deref()).unwrap_or_default()
    }
}

/// The order, as Vendure has it.
///
/// # Errors
/// [`ErrorKind::NotFound`], or Vendure is away.
pub(crate) async fn find(
    cx: &Context,
    admin: &Admin,
    at: &OrderRef,
) -> Result<VendureOrder, Error> {
    let code = json!({ "code": at.order.as_str() });
    let found: Found = admin
        .ask(cx, ORDER, code, None)
        .await
        .map_err(|failure| failure.into_error("The order was not read"))?;
    let mut items = found.orders.items.into_iter();
    items
        .find(|order| order.code == at.order.as_str())
        .ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                Who::Shop,
                format!("Order {} is not in Vendure", at.order),
                "there is none with this code in the channel.",
                "Look at the code, and at `channel_token` in the configuration.",
            )
        })
}

/// Brings one event into Vendure.
#[derive(Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) cx: &'a Context,
    pub(crate) admin: &'a Admin,
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
            EventKind::Captured { .. } => self.captured().await,
            EventKind::Refunded { .. } => self.refunded().await,
            EventKind::Released { .. } => self.released().await,
            EventKind::Rejected => self.ended("Declined").await,
            EventKind::Cancelled | EventKind::Expired => self.ended("Cancelled").await,
            EventKind::Failed { .. } => self.ended("Error").await,
            // Shown as it is, and nothing concluded from it.
            EventKind::Unknown { operation } => {
                let order = self.order().await?;
                self.note(&order, &format!("says \"{operation}\", which is not known"))
                    .await
            }
            other => {
                let order = self.order().await?;
                self.note(&order, &format!("the payment was {}", other.word()))
                    .await
            }
        }
    }

    async fn order(&self) -> Result<VendureOrder, RecordError> {
        find(self.cx, self.admin, self.at)
            .await
            .map_err(|error| match error.kind {
                ErrorKind::NotFound => RecordError::Never(error),
                _ => RecordError::Later(error),
            })
    }

    /// Reserved: the order is paid for, as Vendure has it.
    async fn reserved(&self, amount: Money) -> Result<(), RecordError> {
        let mut input = json!({
            "orderCode": self.at.order.as_str(),
            "reference": self.now.id.reference.as_str(),
            "amount": amount.minor,
        });
        if self.now.express
            && let Some(input) = input.as_object_mut()
        {
            input.insert("express".to_owned(), self.express()?);
        }
        let event = Some(&self.event.id);
        let written: Result<Written, Failure> = self
            .admin
            .ask(self.cx, RESERVE, json!({ "input": input }), event)
            .await;
        match written {
            Ok(_) => {}
            Err(Failure::Said { code, message }) if code == NOT_TAKEN => {
                return Err(RecordError::Never(self.not_taken(&message)));
            }
            Err(failure) => return Err(later(failure, "The reservation was not written")),
        }
        let order = self.order().await?;
        for note in &self.now.notes {
            self.note(&order, &note.text).await?;
        }
        if let Some(chosen) = &self.now.delivery
            && let Some(offered) = &chosen.option
            && offered.price != chosen.cost
        {
            let text = format!(
                "the delivery \"{}\" was offered for {}, and {} was paid for it",
                chosen.title, offered.price, chosen.cost
            );
            self.note(&order, &text).await?;
        }
        Ok(())
    }

    /// Who bought, where it goes and how.
    fn express(&self) -> Result<Value, RecordError> {
        let personal = self.now.personal.as_ref().filter(|_| !self.now.forgotten);
        let Some(personal) = personal else {
            return Err(RecordError::Never(self.not_taken(
                "the customer took back the consent, and it has no address.",
            )));
        };
        let Some(address) = &personal.address else {
            return Err(RecordError::Later(
                self.not_taken("Vipps has not given the address yet."),
            ));
        };
        let option = self
            .now
            .delivery
            .as_ref()
            .and_then(|chosen| chosen.option.as_ref());
        let Some(option) = option else {
            return Err(RecordError::Never(self.not_taken(
                "the delivery that was chosen is none that the shop offered.",
            )));
        };
        Ok(json!({
            "firstName": personal.first_name,
            "lastName": personal.last_name,
            "emailAddress": personal.email,
            "phoneNumber": personal.phone,
            "address": crate::adapter::address(address),
            "shippingMethodId": option.id,
            "goods": self.now.amount.minor,
        }))
    }

    /// Over without money: Vendure may take another attempt.
    async fn ended(&self, state: &str) -> Result<(), RecordError> {
        let order = self.order().await?;
        // An express payment is in Vendure only once it is reserved.
        let Some(payment) = self.payment(&order) else {
            return Ok(());
        };
        if payment.state != "Created" {
            return Ok(());
        }
        self.write(MOVE, json!({ "id": payment.id, "state": state }))
            .await
    }

    async fn captured(&self) -> Result<(), RecordError> {
        let order = self.order().await?;
        let payment = self.known(&order)?;
        if payment.state == "Settled" {
            return Ok(());
        }
        let sums = self.event.sums;
        if !sums.left_to_capture().is_zero() || !sums.released.is_zero() {
            let text = format!(
                "{} of {} is captured, {} is released. Vendure settles whole payments alone: it shows this one as it was",
                sums.captured, sums.authorised, sums.released
            );
            return self.not_showable(&order, text).await;
        }
        self.write(SETTLE, json!({ "id": payment.id })).await
    }

    async fn released(&self) -> Result<(), RecordError> {
        let order = self.order().await?;
        let payment = self.known(&order)?;
        if payment.state == "Cancelled" {
            return Ok(());
        }
        let sums = self.event.sums;
        if sums.captured.is_positive() || !sums.left_to_capture().is_zero() {
            let text = format!(
                "{} of {} is released, {} is captured. Vendure cancels whole payments alone: it shows this one as it was",
                sums.released, sums.authorised, sums.captured
            );
            return self.not_showable(&order, text).await;
        }
        self.write(CANCEL, json!({ "id": payment.id })).await
    }

    async fn refunded(&self) -> Result<(), RecordError> {
        let order = self.order().await?;
        let payment = self.known(&order)?;
        let sums = self.event.sums;
        if payment.state != "Settled" {
            let text = format!(
                "{} of {} captured is refunded. Vendure refunds settled payments alone: it does not show this",
                sums.refunded, sums.captured
            );
            return self.not_showable(&order, text).await;
        }
        let missing = sums.refunded.minor.saturating_sub(payment.refunded());
        if missing <= 0 {
            return Ok(());
        }
        // Vendure may be about to write it itself.
        if self.cx.now().duration_since(self.event.at).abs() < COMMITTED {
            return Err(RecordError::Later(Error::new(
                ErrorKind::InProgress,
                Who::Nobody,
                "The refund was not written yet",
                "Vendure may be writing it itself.",
                "Wait: kasse looks again in a moment.",
            )));
        }
        let reason = format!("Vipps {} ({})", self.now.id.reference, self.event.number);
        let variables = json!({ "id": payment.id, "amount": missing, "reason": reason });
        let union = self.ask_to(REFUND, variables).await?;
        if NEVER_REFUNDED.contains(&union.name.as_str()) {
            let text = format!(
                "{} is refunded, and Vendure does not take it: {}",
                sums.refunded,
                union.said()
            );
            return self.not_showable(&order, text).await;
        }
        self.done(union)
    }

    fn payment<'o>(&self, order: &'o VendureOrder) -> Option<&'o VendurePayment> {
        order.payment(self.now.id.reference.as_str())
    }

    /// The payment, which was reserved and so is known.
    fn known<'o>(&self, order: &'o VendureOrder) -> Result<&'o VendurePayment, RecordError> {
        self.payment(order).ok_or_else(|| {
            RecordError::Never(self.not_taken("the order has no payment with this reference."))
        })
    }

    async fn write(&self, mutation: &str, variables: Value) -> Result<(), RecordError> {
        let union = self.ask_to(mutation, variables).await?;
        self.done(union)
    }

    async fn ask_to(&self, mutation: &str, variables: Value) -> Result<Union, RecordError> {
        let event = Some(&self.event.id);
        let written: Result<Written, Failure> =
            self.admin.ask(self.cx, mutation, variables, event).await;
        written
            .map(|written| written.written)
            .map_err(|failure| later(failure, &self.not_written()))
    }

    /// Is it the thing, and none of Vendure's errors?
    fn done(&self, union: Union) -> Result<(), RecordError> {
        if union.message.is_none() {
            return Ok(());
        }
        let failure = Failure::Said {
            message: quotable(union.said()),
            code: union.name,
        };
        Err(later(failure, &self.not_written()))
    }

    fn not_written(&self) -> String {
        let word = self.event.what.word();
        format!("It was not written that the payment was {word}")
    }

    /// Vendure has no way to show it: a note on the order says it in words.
    async fn not_showable(&self, order: &VendureOrder, text: String) -> Result<(), RecordError> {
        self.note(order, &text).await?;
        Err(RecordError::NotShowable(format!("{text}.")))
    }

    /// A note on the order, for the merchant's eyes; once.
    async fn note(&self, order: &VendureOrder, text: &str) -> Result<(), RecordError> {
        let failed = |failure| later(failure, "The note was not written");
        let note = format!("Vipps {}: {text}", self.now.id.reference);
        let id = json!({ "id": order.id });
        let notes: Value = self
            .admin
            .ask(self.cx, NOTES, id, None)
            .await
            .map_err(failed)?;
        let items = notes
            .pointer("/order/history/items")
            .and_then(Value::as_array);
        let there = items.into_iter().flatten();
        let mut there = there.filter_map(|item| item.pointer("/data/note")?.as_str());
        if there.any(|there| there == note) {
            return Ok(());
        }
        let variables = json!({ "id": order.id, "note": note });
        let event = Some(&self.event.id);
        let _: Written = self
            .admin
            .ask(self.cx, NOTE, variables, event)
            .await
            .map_err(failed)?;
        Ok(())
    }

    fn not_taken(&self, why: &str) -> Error {
        Error::new(
            ErrorKind::WrongState,
            Who::Shop,
            format!("Order {} was not taken", self.at.order),
            why,
            "Look at the order in Vendure's admin.",
        )
    }
}

fn later(failure: Failure, what: &str) -> RecordError {
    RecordError::Later(failure.into_error(what))
}
