//! The door of the command line: a second listener, on this machine alone, with a token that is
//! made at each start and kept in `<data>/admin.json`.
//!
//! | request | does |
//! |---|---|
//! | `GET /admin/payments?shop=&order=&state=&most=&before=` | lists payments, the newest first |
//! | `GET /admin/payments/{shop}/{reference}` | everything about one |
//! | `POST /admin/payments/{shop}/{reference}/capture` `{"amount": "79.90", "key": "…"}` | takes reserved money; without an amount what is left |
//! | `POST /admin/payments/{shop}/{reference}/refund` `{"amount": "79.90", "key": "…"}` | gives back taken money; without an amount what is left |
//! | `POST /admin/payments/{shop}/{reference}/cancel` `{"key": "…"}` | lets the payment go, or what is left of it |
//!
//! | `GET /admin/find/{reference}` | which of the configured accounts know a reference, in the journal and at Vipps |
//! | `GET /admin/webhooks` | where webhooks are registered, and which came for payments that are not here |
//! | `GET /admin/webhooks/plan` | asks Vipps what is registered, and says what there is to do |
//! | `POST /admin/webhooks/apply` `{"now": false, "renew": false}` | does it |
//! | `GET /admin/reach` | whether the public URL leads here |
//! | `GET /admin/slow` | which shops are late or fail again and again when they are asked for deliveries |
//! | `GET /metrics` | numbers for Prometheus; it alone is answered without the token |
//!
//! The three that act answer `{"outcome": "done" | "pending" | "refused", "payment" | "error": …}`
//! ([`Acted`]); what cannot be asked is answered as `application/problem+json` ([`ProblemDetails`],
//! RFC 9457). No answer holds personal data, a link to pay with or a link to the customer's order.

mod client;
mod file;
mod routes;
mod webhooks;

use jiff::Timestamp;
use kasse_core::journal::{
    Command, CommandState, CommandVerb, Cursor, Delivery, Exchange, Filter, InboxItem, Quote, Way,
};
use kasse_core::{
    AccountId, ApiKind, Currency, Error, Money, Note, OrderId, Payment, PaymentEvent, PaymentId,
    PaymentState, Reference, ShopId,
};
use serde::{Deserialize, Serialize};

pub use crate::problem::ProblemDetails;
pub use client::{Client, ClientError};
pub(crate) use file::AdminFile;
pub(crate) use routes::{Admin, router};
pub use webhooks::{RegistrationView, StrayView, WebhookSteps, WebhooksApply, WebhooksView};

/// Which payments to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Of this shop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shop: Option<ShopId>,
    /// Of this order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    /// In this state, by its word: `authorised`. Any other word is one of Vipps' that kasse does
    /// not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// So many at the most, 500 in all cases; not given: 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<usize>,
    /// Those that follow this one: the next page. See [`PaymentView::cursor`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Cursor>,
}

impl Query {
    fn filter(self) -> Filter {
        Filter {
            shop: self.shop,
            order: self.order,
            state: self.state.map(state_of),
            before: self.before,
            most: self.most.unwrap_or_default().min(500),
        }
    }
}

fn state_of(word: String) -> PaymentState {
    serde_json::from_value(serde_json::Value::String(word.clone()))
        .unwrap_or(PaymentState::Unknown(word))
}

/// A list of payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentList {
    /// The newest first.
    pub payments: Vec<PaymentView>,
}

/// A payment, as the merchant may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentView {
    /// The shop.
    pub shop: ShopId,
    /// The order it pays.
    pub order: OrderId,
    /// The keys it was made with.
    pub account: AccountId,
    /// Its name at Vipps.
    pub reference: Reference,
    /// The first is 1.
    pub attempt: u32,
    /// The API it was made with.
    pub api: ApiKind,
    /// How far it is: `"authorised"`, or `{"unknown": "…"}` with Vipps' own word.
    pub state: PaymentState,
    /// What was asked for, without the delivery of an express payment.
    pub amount: Money,
    /// Reserved, delivery included.
    pub authorised: Money,
    /// Taken.
    pub captured: Money,
    /// Given back.
    pub refunded: Money,
    /// Of the reservation, let go.
    pub released: Money,
    /// Does Vipps ask for address and delivery?
    pub express: bool,
    /// The delivery that the customer chose.
    #[serde(default)]
    pub delivery: Option<DeliveryView>,
    /// Its user took back the consent.
    pub forgotten: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it was authorised.
    #[serde(default)]
    pub authorised_at: Option<Timestamp>,
    /// When the customer's time is over, where it was asked to be another than the usual.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// When the time to capture is over.
    #[serde(default)]
    pub capture_by: Option<Timestamp>,
    /// Until when Vipps guarantees that a capture succeeds, where it says so.
    #[serde(default)]
    pub guaranteed_until: Option<Timestamp>,
    /// When it is read at Vipps again.
    #[serde(default)]
    pub next_look: Option<Timestamp>,
    /// What a person should know, the newest last.
    pub notes: Vec<Note>,
}

/// A delivery, by its title and price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryView {
    /// As the customer reads it.
    pub title: String,
    /// What it costs.
    pub cost: Money,
}

impl PaymentView {
    /// Its place in the list.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            created: self.created,
            id: PaymentId {
                account: self.account.clone(),
                reference: self.reference.clone(),
            },
        }
    }
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        Self {
            shop: payment.order.shop,
            order: payment.order.order,
            account: payment.id.account,
            reference: payment.id.reference,
            attempt: payment.attempt,
            api: payment.api,
            state: payment.state,
            amount: payment.amount,
            authorised: payment.sums.authorised,
            captured: payment.sums.captured,
            refunded: payment.sums.refunded,
            released: payment.sums.released,
            express: payment.express,
            delivery: payment.delivery.map(|chosen| DeliveryView {
                title: chosen.title,
                cost: chosen.cost,
            }),
            forgotten: payment.forgotten,
            created: payment.created,
            authorised_at: payment.authorised_at,
            expires: payment.expires,
            capture_by: payment.capture_by,
            guaranteed_until: payment.guaranteed_until,
            next_look: payment.next_look,
            notes: payment.notes,
        }
    }
}

/// Everything the journal holds about a payment, but personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceView {
    /// The payment.
    pub payment: PaymentView,
    /// Does the journal hold personal data of it? The data itself is never shown.
    pub personal_data: bool,
    /// What happened, by number.
    pub events: Vec<PaymentEvent>,
    /// What was asked of Vipps, the oldest first.
    pub commands: Vec<CommandView>,
    /// What the shop has still to be told, in order.
    pub to_tell: Vec<ToTellView>,
    /// What was received and not read yet, the oldest first.
    pub unread: Vec<UnreadView>,
    /// Which deliveries were offered, the oldest first.
    pub quotes: Vec<QuoteView>,
    /// What went between kasse and Vipps, in its order; the newest hundred.
    pub exchanges: Vec<ExchangeView>,
    /// Where Vipps was asked to call back: it adds `/v2/payments/{reference}`.
    pub callback: String,
    /// Does Vipps tell of it by webhooks instead?
    #[serde(default)]
    pub by_webhook: bool,
}

/// One request between kasse and Vipps, and its answer. Of the bodies only what is neither secret
/// nor personal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeView {
    /// Who asked whom.
    pub way: Way,
    /// When, the first time.
    pub at: Timestamp,
    /// The last time.
    pub last: Timestamp,
    /// How often it came alike.
    pub times: u32,
    /// The other side.
    pub peer: String,
    /// What was asked.
    pub what: String,
    /// The HTTP status of the answer.
    #[serde(default)]
    pub status: Option<u16>,
    /// How long the answer took, in milliseconds.
    pub ms: u64,
    /// The request's body.
    #[serde(default)]
    pub said: Option<String>,
    /// The answer's body.
    #[serde(default)]
    pub answered: Option<String>,
    /// Why it was refused, not sent, or not answered.
    #[serde(default)]
    pub why: Option<String>,
}

impl From<Exchange> for ExchangeView {
    fn from(exchange: Exchange) -> Self {
        Self {
            way: exchange.way,
            at: exchange.at,
            last: exchange.last,
            times: exchange.times,
            peer: exchange.peer,
            what: exchange.what,
            status: exchange.status,
            ms: exchange.ms,
            said: exchange.said,
            answered: exchange.answered,
            why: exchange.why,
        }
    }
}

/// Whether the public URL leads to this kasse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachView {
    /// The public URL.
    pub url: String,
    /// Does it lead here?
    pub reached: bool,
    /// What was found, and what to do where it does not.
    pub why: String,
}

/// A shop that is late or fails again and again when it is asked for deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlowView {
    /// The shop.
    pub shop: ShopId,
    /// Since when.
    pub since: Timestamp,
}

/// Which of the configured keys know a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundView {
    /// The reference that was looked for.
    pub reference: Reference,
    /// What each account says.
    pub accounts: Vec<AccountFoundView>,
    /// What follows from it, and what to do.
    pub advice: String,
}

/// What one account says of a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFoundView {
    /// Its name in the configuration.
    pub account: AccountId,
    /// The sales unit.
    pub msn: kasse_core::Msn,
    /// What the journal has under it: shop, order and state.
    #[serde(default)]
    pub journal: Option<PaymentView>,
    /// What Vipps answers under these keys.
    pub vipps: kasse_core::flow::AtVipps,
}

/// What was asked of Vipps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandView {
    /// `initiate`, `capture`, `refund`, `cancel`, `receipt` or `link`.
    pub verb: String,
    /// How much.
    #[serde(default)]
    pub amount: Option<Money>,
    /// How it stands.
    pub state: CommandState,
    /// The key at Vipps.
    pub key: String,
    /// When it was journaled.
    pub created: Timestamp,
    /// How often it was sent.
    pub tries: u32,
}

impl From<Command> for CommandView {
    fn from(command: Command) -> Self {
        let amount = match &command.verb {
            CommandVerb::Capture { amount } | CommandVerb::Refund { amount } => Some(*amount),
            _ => None,
        };
        Self {
            verb: command.verb.word().to_owned(),
            amount,
            state: command.state,
            key: command.key.to_string(),
            created: command.created,
            tries: command.tries,
        }
    }
}

/// Something the shop has still to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToTellView {
    /// What: `{"told": "event", "number": 2}` or `{"told": "forget"}`.
    #[serde(flatten)]
    pub what: kasse_core::journal::Told,
    /// When it is tried.
    pub next: Timestamp,
    /// How often it was.
    pub tries: u32,
    /// Why not, the last time.
    #[serde(default)]
    pub error: Option<Error>,
    /// Left for a person.
    pub parked: bool,
}

impl From<Delivery> for ToTellView {
    fn from(delivery: Delivery) -> Self {
        Self {
            what: delivery.what,
            next: delivery.next,
            tries: delivery.tries,
            error: delivery.error,
            parked: delivery.parked,
        }
    }
}

/// Something received from Vipps and not read yet. Its body is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnreadView {
    /// When.
    pub at: Timestamp,
    /// What was odd about it.
    #[serde(default)]
    pub odd: Option<String>,
}

impl From<InboxItem> for UnreadView {
    fn from(item: InboxItem) -> Self {
        Self {
            at: item.at,
            odd: item.odd,
        }
    }
}

/// Which deliveries were offered. The address they were for is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteView {
    /// 1, 2, … for each payment.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Was it the engine's answer then, or the last good one?
    pub fresh: bool,
    /// What was offered.
    pub options: Vec<DeliveryView>,
}

impl From<Quote> for QuoteView {
    fn from(quote: Quote) -> Self {
        let options = quote.options.into_iter();
        Self {
            number: quote.number,
            at: quote.at,
            fresh: quote.fresh,
            options: options
                .map(|quoted| DeliveryView {
                    title: quoted.option.title,
                    cost: quoted.option.price,
                })
                .collect(),
        }
    }
}

/// The body of a capture, a refund or a cancellation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Act {
    /// A decimal: `79.90`. `None`: what is left.
    #[serde(default)]
    pub(crate) amount: Option<String>,
    /// The same key again is the same ask again.
    #[serde(default)]
    pub(crate) key: Option<String>,
}

/// How an ask ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Acted {
    /// Done: the payment as it is now. HTTP 200.
    Done {
        /// The payment.
        payment: Box<PaymentView>,
    },
    /// Vipps has not answered in time. kasse goes on by itself. HTTP 202.
    Pending {
        /// The payment.
        payment: Box<PaymentView>,
    },
    /// Not done. The HTTP status is the error's own ([`Error::status`]).
    Refused {
        /// Why.
        error: Error,
    },
}

/// Reads the amount that was asked for, in the payment's currency.
fn amount(text: &str, currency: Currency) -> Result<Money, Error> {
    Money::parse(text, currency).map_err(|error| {
        Error::invalid(
            "The amount cannot be read",
            format!("{error}."),
            "Write it as 79.90, or leave it out for what is left.",
        )
    })
}

#[cfg(test)]
mod tests {
    use kasse_core::journal::Told;
    use kasse_core::{DeliveryKind, OrderRef, QuotedOption, ShippingOption, VatRate};

    use super::*;

    #[test]
    fn every_state_has_its_word() {
        let words = [
            "preparing",
            "initiated",
            "authorised",
            "rejected",
            "cancelled",
            "expired",
            "failed",
        ];
        for word in words {
            let state = state_of(word.to_owned());
            assert!(!matches!(state, PaymentState::Unknown(_)), "{word}");
        }
        assert_eq!(
            state_of("SALE".into()),
            PaymentState::Unknown("SALE".into())
        );
    }

    /// What is kept of a payment and may be private: it goes in, and must not come out.
    #[test]
    fn a_trace_says_what_happened_and_nothing_of_whom() {
        let at: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let id = PaymentId {
            account: "main".parse().unwrap(),
            reference: "fjord-1001".parse().unwrap(),
        };
        let order = OrderRef::new("fjord".parse().unwrap(), "1001".parse().unwrap());
        let told = ToTellView::from(Delivery {
            id: kasse_core::DeliveryId::new("d1").unwrap(),
            order,
            payment: id.clone(),
            what: Told::Event { number: 2 },
            after: at,
            next: at,
            tries: 3,
            error: Some(Error::bug("It was not recorded", "of a test.")),
            parked: false,
        });
        let unread = UnreadView::from(InboxItem {
            id: kasse_core::InboxId::new("i1").unwrap(),
            payment: id.clone(),
            at,
            odd: Some("the amount is another".into()),
            event: None,
            body: Some("Kari Nordmann".into()),
        });
        let quote = QuoteView::from(Quote {
            payment: id,
            number: 1,
            key: "fjord/cart/NO/0154".into(),
            at,
            options: vec![QuotedOption {
                wire_id: "w1".into(),
                option: ShippingOption {
                    id: "home".into(),
                    title: "To the door".into(),
                    price: Money::nok(9900),
                    vat: VatRate::percent(25),
                    kind: DeliveryKind::Home,
                    brand: String::new(),
                    estimate: None,
                    default: true,
                    priority: 0,
                    engine: serde_json::json!({"rate": "inner"}),
                },
            }],
            fresh: true,
        });
        let text = serde_json::to_string(&(&told, &unread, &quote)).unwrap();
        for private in ["Kari", "0154", "inner"] {
            assert!(!text.contains(private), "{text}");
        }
        insta::assert_snapshot!(text);
        let read: (ToTellView, UnreadView, QuoteView) = serde_json::from_str(&text).unwrap();
        assert_eq!(read, (told, unread, quote));
    }
}
