//! Shows Saleor what happened. What Saleor has is read first, and only what is missing is reported:
//! the same event twice has the effect of once. Each report has a name that is the same as in the
//! answer to Saleor's own request, so that the two never count twice.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kasse_core::{
    Context, Error, ErrorKind, EventKind, Money, MoneyError, OrderRef, Payment, PaymentEvent,
    RecordError, Recorded, Who,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answers::{actions, name};
use crate::client::{Client, Failure, Said, said_so};
use crate::documents::{
    CHECKOUT, COMPLETE, EXPRESS, FORGET_CHECKOUT, FORGET_ORDER, NOTE, NOTES, ORDER, REPORT,
    TRANSACTION,
};
use crate::express::{self, not_taken};
use crate::order::{Kind, Source, Total, Transaction, exact, global, order_ref};
use crate::webhooks::What;

/// What Saleor says of a checkout that it will not make an order of later either.
const NEVER: [&str; 14] = [
    "INSUFFICIENT_STOCK",
    "UNAVAILABLE_VARIANT_IN_CHANNEL",
    "PRODUCT_NOT_PUBLISHED",
    "PRODUCT_UNAVAILABLE_FOR_PURCHASE",
    "VOUCHER_NOT_APPLICABLE",
    "GIFT_CARD_NOT_APPLICABLE",
    "QUANTITY_GREATER_THAN_LIMIT",
    "ZERO_QUANTITY",
    "NO_LINES",
    "CHANNEL_INACTIVE",
    "SHIPPING_METHOD_NOT_APPLICABLE",
    "DELIVERY_METHOD_NOT_APPLICABLE",
    "INVALID_SHIPPING_METHOD",
    "NOT_FOUND",
];
/// What a storefront may still set on a checkout that is paid, and an express checkout cannot lack.
const INCOMPLETE: [&str; 8] = [
    "EMAIL_NOT_SET",
    "BILLING_ADDRESS_NOT_SET",
    "SHIPPING_ADDRESS_NOT_SET",
    "SHIPPING_METHOD_NOT_SET",
    "MISSING_ADDRESS_DATA",
    "REQUIRED",
    "REQUIRED_FIELD",
    "INVALID",
];
/// More is to be paid.
const NOT_FULLY_PAID: &str = "CHECKOUT_NOT_FULLY_PAID";
/// Saleor has this event, with another amount.
const OTHERWISE: [&str; 2] = ["INCORRECT_DETAILS", "ALREADY_EXISTS"];
/// Who an order belongs to when its customer is forgotten: an address that can never be one.
const NOBODY: &str = "forgotten@kasse.invalid";

#[derive(Debug, Deserialize)]
struct OfCheckout {
    checkout: Option<Source>,
    orders: Option<Edges>,
}

#[derive(Debug, Deserialize)]
struct Edges {
    edges: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    node: Source,
}

#[derive(Debug, Deserialize)]
struct OfOrder<T> {
    order: Option<T>,
}

/// What a mutation gave.
#[derive(Debug, Deserialize)]
struct Written<T = Done> {
    written: T,
}

#[derive(Debug, Default, Deserialize)]
struct Done {
    #[serde(default)]
    errors: Vec<Said>,
}

#[derive(Debug, Deserialize)]
struct Made {
    transaction: Option<Id>,
    #[serde(default)]
    errors: Vec<Said>,
}

#[derive(Debug, Deserialize)]
struct Id {
    id: String,
}

#[derive(Debug, Deserialize)]
struct Completed {
    order: Option<Placed>,
    #[serde(default)]
    errors: Vec<Said>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placed {
    id: String,
    total_price: Total,
}

#[derive(Debug, Deserialize)]
struct Expressed {
    email: Option<Done>,
    shipping: Option<Done>,
    billing: Option<Done>,
    #[serde(default)]
    delivery: Option<Done>,
}

impl Expressed {
    fn errors(&self) -> impl Iterator<Item = &Said> {
        let all = [&self.email, &self.shipping, &self.billing, &self.delivery];
        all.into_iter().flatten().flat_map(|done| &done.errors)
    }
}

#[derive(Debug, Deserialize)]
struct Noted {
    events: Vec<NoteEvent>,
}

#[derive(Debug, Deserialize)]
struct NoteEvent {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Emptied {
    order: Option<Invoiced>,
    #[serde(default)]
    errors: Vec<Said>,
}

#[derive(Debug, Deserialize)]
struct Invoiced {
    number: String,
    #[serde(default)]
    invoices: Option<Vec<Id>>,
}

/// The checkout or order, as Saleor has it: a checkout that became an order is that order.
///
/// # Errors
/// [`ErrorKind::NotFound`], or Saleor is away.
pub(crate) async fn find(cx: &Context, client: &Client, at: &OrderRef) -> Result<Source, Error> {
    let id = &global(&at.order);
    let failed = |failure: Failure| failure.into_error("The order was not read");
    let found = if kind_of(id).as_deref() == Some("Order") {
        let found: OfOrder<Source> = client
            .ask(cx, ORDER, json!({ "id": id }))
            .await
            .map_err(failed)?;
        found.order
    } else {
        let found: OfCheckout = client
            .ask(cx, CHECKOUT, json!({ "id": id, "ids": [id] }))
            .await
            .map_err(failed)?;
        let order = found.orders.and_then(|orders| {
            let mut edges = orders.edges.into_iter();
            edges.next().map(|edge| edge.node)
        });
        // The order first: a checkout of which there is one is about to be deleted.
        order.or(found.checkout)
    };
    found.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            Who::Shop,
            format!("Order {id} is not in Saleor"),
            "there is neither a checkout nor an order with this id.",
            "Look at the id, and at the app's permissions in Saleor.",
        )
    })
}

/// What a global id is of: `Checkout`, `Order`.
fn kind_of(id: &str) -> Option<String> {
    let text = String::from_utf8(BASE64.decode(id).ok()?).ok()?;
    text.split_once(':').map(|(kind, _)| kind.to_owned())
}

/// Removes who bought from a checkout or order, and says what stays.
///
/// # Errors
/// Saleor is away.
pub(crate) async fn forget(
    cx: &Context,
    client: &Client,
    at: &OrderRef,
) -> Result<Vec<String>, Error> {
    let source = match find(cx, client, at).await {
        Ok(source) => source,
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let what = "The personal data was not removed";
    let failed = |failure: Failure| failure.into_error(what);
    let currency = source.currency()?;
    let country = kasse_core::Market::of(currency).country();
    let blank = crate::deliveries::blank(country);
    let (errors, kept) = match source.kind {
        Kind::Order => {
            let input = json!({
                "userEmail": NOBODY, "billingAddress": blank, "shippingAddress": blank,
            });
            let emptied: Written<Emptied> = client
                .ask(cx, FORGET_ORDER, json!({ "id": source.id, "input": input }))
                .await
                .map_err(failed)?;
            let order = emptied.written.order;
            let invoiced = order.filter(|order| order.invoices.iter().flatten().count() > 0);
            let kept = invoiced.map(|order| format!("the invoices of order {}", order.number));
            (emptied.written.errors, kept)
        }
        Kind::Checkout => {
            let variables = json!({ "id": source.id, "email": NOBODY, "address": blank });
            let emptied: Expressed = client
                .ask(cx, FORGET_CHECKOUT, variables)
                .await
                .map_err(failed)?;
            (emptied.errors().cloned().collect(), None)
        }
    };
    match errors.first() {
        Some(said) => Err(said_so(what, said)),
        None => Ok(kept.into_iter().collect()),
    }
}

/// Brings one event into Saleor.
#[derive(Debug)]
pub(crate) struct Telling<'a> {
    pub(crate) cx: &'a Context,
    pub(crate) client: &'a Client,
    pub(crate) at: &'a OrderRef,
    pub(crate) now: &'a Payment,
    pub(crate) event: &'a PaymentEvent,
}

impl Telling<'_> {
    pub(crate) async fn tell(&self) -> Result<Recorded, RecordError> {
        let sums = &self.event.sums;
        match &self.event.what {
            // Saleor asked for it, and has it.
            EventKind::Initiated => return Ok(Recorded::default()),
            EventKind::Authorised { amount } => return self.reserved(*amount).await,
            EventKind::Captured { .. } => self.moved(What::Charge, sums.captured).await?,
            EventKind::Refunded { .. } => self.moved(What::Refund, sums.refunded).await?,
            EventKind::Released { .. } => self.moved(What::Cancel, sums.released).await?,
            EventKind::Rejected => self.ended("The customer did not approve it.").await?,
            EventKind::Expired => self.ended("It was not approved in time.").await?,
            EventKind::Cancelled => {
                self.ended("It was cancelled before it was approved.")
                    .await?
            }
            EventKind::Failed { .. } => self.ended("It could not be started at Vipps.").await?,
            // Shown as it is, and nothing concluded from it.
            EventKind::Unknown { operation } => {
                let text = format!("says \"{operation}\", which is not known");
                self.noted(&self.source().await?, &text).await?;
            }
            other => {
                let text = format!("the payment was {}", other.word());
                self.noted(&self.source().await?, &text).await?;
            }
        }
        Ok(Recorded::default())
    }

    async fn source(&self) -> Result<Source, RecordError> {
        find(self.cx, self.client, self.at)
            .await
            .map_err(|error| match error.kind {
                ErrorKind::NotFound => RecordError::Never(error),
                _ => RecordError::Later(error),
            })
    }

    fn reference(&self) -> &str {
        self.now.id.reference.as_str()
    }

    /// Reserved: the money is reported, and the checkout becomes an order.
    async fn reserved(&self, amount: Money) -> Result<Recorded, RecordError> {
        let source = self.source().await?;
        let ours = source.transaction(self.reference());
        let success = "AUTHORIZATION_SUCCESS";
        let told = ours.is_some_and(|one| one.has(success, self.reference()));
        let otherwise = source.is_paid_otherwise(ours.map(|one| one.id.as_str()));
        if !told && otherwise.map_err(RecordError::Later)? {
            return Err(self.never("it is paid already, in another way."));
        }
        if self.now.express && source.kind == Kind::Checkout {
            self.express().await?;
        }
        let part = ours.is_some_and(Transaction::is_part);
        if !told {
            let id = match ours {
                Some(one) => one.id.clone(),
                None => self.make(&source).await?,
            };
            self.report(&id, success, amount, self.reference(), None)
                .await?;
        }
        let (order, total) = match source.kind {
            Kind::Order => (
                source.id.clone(),
                source.total().map_err(RecordError::Later)?,
            ),
            Kind::Checkout => match self.complete(&source).await? {
                Some(placed) => placed,
                // The rest is still to be paid; the storefront makes the order then.
                None => return Ok(Recorded::default()),
            },
        };
        let mut notes: Vec<String> = self.now.notes.iter().map(|it| it.text.clone()).collect();
        notes.extend(self.differences(amount, total, part));
        self.note(&order, &notes).await?;
        Ok(Recorded {
            order: self.place(&order)?.filter(|new| new != self.at),
        })
    }

    /// What a merchant has to know of the amounts.
    fn differences(&self, amount: Money, total: Money, part: bool) -> Vec<String> {
        let mut texts = Vec::new();
        if let Some(chosen) = &self.now.delivery
            && let Some(offered) = &chosen.option
            && offered.price != chosen.cost
        {
            texts.push(format!(
                "the delivery \"{}\" was offered for {}, and {} was paid for it",
                chosen.title, offered.price, chosen.cost
            ));
        }
        if total != amount && !part {
            texts.push(format!(
                "{amount} was paid, and the order comes to {total}: settle the difference with the customer"
            ));
        }
        texts
    }

    fn place(&self, id: &str) -> Result<Option<OrderRef>, RecordError> {
        let at = order_ref(&self.at.shop, id).map_err(RecordError::Later)?;
        Ok(Some(at))
    }

    /// Who bought, where it goes and how.
    async fn express(&self) -> Result<(), RecordError> {
        let mut phone = true;
        loop {
            let variables = express::variables(self.at, self.now, phone)?;
            let written: Expressed = self.ask(EXPRESS, variables).await?;
            let errors: Vec<&Said> = written.errors().collect();
            let Some(first) = errors.first() else {
                return Ok(());
            };
            // Saleor checks phone numbers by rules of its own; the order matters more.
            if phone && errors.iter().all(|said| said.is_about("phone")) {
                phone = false;
                continue;
            }
            return Err(self.never(&format!("Saleor says: {first}.")));
        }
    }

    /// The checkout becomes an order: which, and what it comes to.
    async fn complete(&self, source: &Source) -> Result<Option<(String, Money)>, RecordError> {
        let written: Written<Completed> = self.ask(COMPLETE, json!({ "id": source.id })).await?;
        let completed = written.written;
        if let Some(order) = completed.order {
            let currency = source.currency().map_err(RecordError::Later)?;
            let total = exact(order.total_price.gross(), currency)
                .map_err(|why| RecordError::Later(self.unreadable(&why)))?;
            return Ok(Some((order.id, total)));
        }
        let said = completed.errors.first().cloned().unwrap_or_default();
        let code = said.code.as_str();
        // It is paid in parts, or was changed meanwhile: what is reserved stays, and the storefront
        // has the rest paid.
        if code == NOT_FULLY_PAID && !self.now.express {
            return Ok(None);
        }
        // Nobody can pay the rest of an express checkout: its customer would wait for an order that
        // never comes.
        let never = code == NOT_FULLY_PAID
            || NEVER.contains(&code)
            || (self.now.express && INCOMPLETE.contains(&code));
        if never {
            return Err(self.never(&format!("Saleor says: {said}.")));
        }
        Err(RecordError::Later(said_so(
            "Saleor did not make an order of the checkout",
            &said,
        )))
    }

    /// Captured, refunded or released: what Saleor does not have of it yet.
    async fn moved(&self, what: What, sum: Money) -> Result<(), RecordError> {
        let kind = match what {
            What::Refund => "REFUND_SUCCESS",
            What::Cancel => "CANCEL_SUCCESS",
            _ => "CHARGE_SUCCESS",
        };
        let source = self.source().await?;
        let one = self.known(&source)?;
        let there = one
            .sum(kind, sum.currency)
            .map_err(|error| self.odd(&error))?;
        let missing = sum.minor.saturating_sub(there);
        if missing <= 0 {
            return Ok(());
        }
        let named = |sum| name(self.reference(), what, sum);
        let until = one
            .uncovered(kind, sum.currency, named, sum.minor)
            .map_err(|error| self.odd(&error))?;
        let missing = Money::new(missing, sum.currency);
        self.report(&one.id, kind, missing, &named(until), None)
            .await
    }

    /// Over without money.
    async fn ended(&self, why: &str) -> Result<(), RecordError> {
        let source = match self.source().await {
            // What is gone needs no failure.
            Err(RecordError::Never(_)) => return Ok(()),
            source => source?,
        };
        let Some(one) = source.transaction(self.reference()) else {
            return Ok(());
        };
        let has = |kind: &str| one.has(kind, self.reference());
        if has("AUTHORIZATION_SUCCESS") || has("AUTHORIZATION_FAILURE") {
            return Ok(());
        }
        let message = format!("Vipps: {why}");
        self.report(
            &one.id,
            "AUTHORIZATION_FAILURE",
            self.now.amount,
            self.reference(),
            Some(&message),
        )
        .await
    }

    /// The transaction, which was reserved and so is known.
    fn known<'s>(&self, source: &'s Source) -> Result<&'s Transaction, RecordError> {
        source
            .transaction(self.reference())
            .ok_or_else(|| self.never("it has no transaction with this reference."))
    }

    /// A payment that was not begun in Saleor.
    async fn make(&self, source: &Source) -> Result<String, RecordError> {
        let transaction = json!({
            "name": "Vipps MobilePay",
            "pspReference": self.reference(),
            "availableActions": [],
        });
        let variables = json!({ "id": source.id, "transaction": transaction });
        let written: Written<Made> = self.ask(TRANSACTION, variables).await?;
        match (written.written.transaction, written.written.errors.first()) {
            (Some(made), None) => Ok(made.id),
            (_, said) => {
                let said = said.cloned().unwrap_or_default();
                Err(RecordError::Later(said_so(&self.not_written(), &said)))
            }
        }
    }

    async fn report(
        &self,
        transaction: &str,
        kind: &str,
        amount: Money,
        named: &str,
        message: Option<&str>,
    ) -> Result<(), RecordError> {
        let variables = json!({
            "id": transaction,
            "type": kind,
            "amount": amount.decimal(),
            "reference": named,
            "message": message.unwrap_or_default(),
            "time": self.event.at.to_string(),
            "actions": actions(&self.event.sums),
        });
        let written: Written = self.ask(REPORT, variables).await?;
        match written.written.errors.first() {
            None => Ok(()),
            Some(said) if OTHERWISE.contains(&said.code.as_str()) => Err(RecordError::NotShowable(
                format!("Saleor has {named} with another amount than {amount}."),
            )),
            Some(said) if said.code == "NOT_FOUND" => Err(self.never(&format!(
                "Saleor does not know its transaction any more: {said}."
            ))),
            Some(said) => Err(RecordError::Later(said_so(&self.not_written(), said))),
        }
    }

    /// A note, where there is an order to bear it.
    async fn noted(&self, source: &Source, text: &str) -> Result<(), RecordError> {
        match source.kind {
            Kind::Order => self.note(&source.id, &[text.to_owned()]).await,
            Kind::Checkout => Ok(()),
        }
    }

    /// Notes on the order, for the merchant's eyes; each once.
    async fn note(&self, order: &str, texts: &[String]) -> Result<(), RecordError> {
        if texts.is_empty() {
            return Ok(());
        }
        let noted: OfOrder<Noted> = self.ask(NOTES, json!({ "id": order })).await?;
        let there = noted.order.map(|order| order.events).unwrap_or_default();
        for text in texts {
            let note = format!("Vipps {}: {text}", self.reference());
            let same = |event: &NoteEvent| {
                event.kind.as_deref() == Some("NOTE_ADDED")
                    && event.message.as_deref() == Some(note.as_str())
            };
            if there.iter().any(same) {
                continue;
            }
            let variables = json!({ "id": order, "message": note });
            let written: Written = self.ask(NOTE, variables).await?;
            if let Some(said) = written.written.errors.first() {
                return Err(RecordError::Later(said_so(
                    "The note was not written",
                    said,
                )));
            }
        }
        Ok(())
    }

    async fn ask<T: serde::de::DeserializeOwned>(
        &self,
        document: &str,
        variables: Value,
    ) -> Result<T, RecordError> {
        self.client
            .ask(self.cx, document, variables)
            .await
            .map_err(|failure| RecordError::Later(failure.into_error(&self.not_written())))
    }

    fn not_written(&self) -> String {
        let word = self.event.what.word();
        format!("It was not written that the payment was {word}")
    }

    fn never(&self, why: &str) -> RecordError {
        RecordError::Never(not_taken(self.at, why))
    }

    fn odd(&self, error: &MoneyError) -> RecordError {
        RecordError::Later(self.unreadable(&error.to_string()))
    }

    fn unreadable(&self, why: &str) -> Error {
        Error::invalid(
            self.not_written(),
            format!("{why}."),
            "Look at the transaction in Saleor's dashboard.",
        )
    }
}
