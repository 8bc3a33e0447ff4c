//! The two traits that an adapter implements, and what passes through them.

use std::fmt::{self, Debug};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;

use crate::api::System;
use crate::context::Context;
use crate::error::Error;
use crate::flow::ShopFlow;
use crate::ids::{CallerKey, EventId, LineId, OrderRef};
use crate::money::Money;
use crate::order::Order;
use crate::payment::{Payment, PaymentEvent};
use crate::quotable::without;
use crate::reference::Reference;
use crate::shipping::{Destination, ShippingOption};

/// Vipps as a payment method of one shop engine. An adapter writes the engine's hooks; the five
/// verbs that every shop knows are provided, because the flow behind them is written once.
///
/// # Behavior
/// - `read` takes only what the engine signed, in constant time; anything else is refused with 401
///   and changes nothing.
/// - `read` calls nobody: the engine waits for us, and its request carries what is needed.
/// - `answer` answers every outcome in the shape the engine expects; `Pending` is no failure.
/// - `order` gives the order as it stands, adding up to the minor unit, or says that it is not
///   there.
/// - `record` sets, it does not add: the same event twice has the effect of once.
/// - `record` says [`RecordError::Later`] when the engine is away, and never `Never` for that.
/// - `forget` removes what the engine need not keep, lists what it must, and may be called again.
#[async_trait]
pub trait PaymentProvider: Debug + Send + Sync + 'static {
    // What an adapter writes.

    /// Engine and adapter, names and versions: the `Vipps-System-*` headers.
    fn system(&self) -> System;

    /// The flow, as it was handed over when the adapter was made.
    fn flow(&self) -> &ShopFlow;

    /// Asks the engine who it is, so that `system` can say it. kasse does it when it starts, and
    /// again until the engine has answered. Where the version is not the engine's to say, there is
    /// nothing to do.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Configuration`]: a version that the adapter does not support; the server
    /// does not start then. Anything else: the engine is away.
    async fn meet(&self, cx: &Context) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// What the engine asks, in a request that it signed (a webhook, a payment-app call, our piece
    /// in the shop). The path is what follows `/engine/{shop}`, with the query.
    ///
    /// # Errors
    /// A request that is not the engine's, or makes no sense: with the answer to give.
    async fn read(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal>;

    /// The engine's answer to what it asked.
    fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes>;

    /// The order as it stands: amount, currency, lines with VAT, text, buyer, express or not.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotFound`], or the engine cannot be reached.
    async fn order(&self, cx: &Context, at: &OrderRef) -> Result<Order, Error>;

    /// Shows the shop what happened, with the sums so far: set, not added. `now` has the personal
    /// data that the shop is to have, where there is any.
    ///
    /// # Errors
    /// See [`RecordError`].
    async fn record(
        &self,
        cx: &Context,
        at: &OrderRef,
        now: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError>;

    /// The customer took back the consent: removes the personal data of these orders, by the
    /// engine's own eraser where it has one.
    ///
    /// # Errors
    /// The engine cannot be reached: it is asked again.
    async fn forget(&self, cx: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error>;

    // What it gets.

    /// Begins a payment of an order.
    async fn initiate(&self, cx: &Context, what: Initiate) -> Outcome {
        self.flow().initiate(cx, what).await
    }

    /// How the order's payment stands, read at Vipps.
    async fn details(&self, cx: &Context, what: &Target) -> Outcome {
        self.flow().details(cx, what).await
    }

    /// Takes reserved money: a part, or what is left. Where all of it is taken already, what is
    /// left is done: an engine may ask again.
    async fn capture(&self, cx: &Context, what: &Target, part: &Part) -> Outcome {
        self.flow().capture(cx, what, part).await
    }

    /// Lets the payment go, or what is left of the reservation. Where it is gone already, that is
    /// done.
    async fn cancel(&self, cx: &Context, what: &Target) -> Outcome {
        self.flow().cancel(cx, what).await
    }

    /// Gives back taken money: a part, or what is left.
    async fn refund(&self, cx: &Context, what: &Target, part: &Part) -> Outcome {
        self.flow().refund(cx, what, part).await
    }
}

/// Which deliveries a shop offers for an order, and their prices.
///
/// # Behavior
/// - An address that is not served gives an empty list, not an error and not a made-up option.
/// - The price is the engine's own for that cart and that address, all packages of the cart summed.
/// - Ids are stable: the same method has the same id when asked again.
#[async_trait]
pub trait ShippingQuoter: Debug + Send + Sync + 'static {
    /// The deliveries for an order, to an address or (static shipping) anywhere in a country.
    ///
    /// # Errors
    /// The engine cannot be reached, or failed.
    async fn quote(
        &self,
        cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error>;
}

/// What a crate in `plugins/` provides: both traits.
pub trait Adapter: PaymentProvider + ShippingQuoter {}
impl<T: PaymentProvider + ShippingQuoter> Adapter for T {}

/// What an engine asks.
pub struct Ask {
    /// What is to be done.
    pub verb: Verb,
    /// With which order.
    pub at: OrderRef,
    /// With which of its payments; `None`: the one that has money, or else the latest.
    pub payment: Option<Reference>,
    /// The engine's own key for this ask: the same key again is the same ask again.
    pub key: Option<CallerKey>,
    /// The event whose recording caused this call: our own writing, echoed. It is answered, not
    /// done again.
    pub echo: Option<EventId>,
    /// When the engine stops waiting, less a margin.
    pub answer_by: Option<Timestamp>,
    /// What `answer` needs to know of the request. Opaque to kasse.
    pub engine: serde_json::Value,
}

impl Debug for Ask {
    // What the engine needs for its answer is the engine's: it may hold anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("verb", &self.verb)
            .field("at", &self.at)
            .field("payment", &self.payment)
            .field("key", &self.key)
            .field("echo", &self.echo)
            .field("answer_by", &self.answer_by)
            .finish_non_exhaustive()
    }
}

impl Ask {
    /// An ask for a verb and an order, with nothing else said.
    pub fn new(verb: Verb, at: OrderRef) -> Self {
        Self {
            verb,
            at,
            payment: None,
            key: None,
            echo: None,
            answer_by: None,
            engine: serde_json::Value::Null,
        }
    }
}

/// What an engine can ask for.
#[derive(Clone)]
pub enum Verb {
    /// Begin a payment of this order.
    Initiate(Box<Order>),
    /// How does it stand?
    Details,
    /// Take reserved money.
    Capture(Part),
    /// Let it go.
    Cancel,
    /// Give back money.
    Refund(Part),
    /// Something changed at the engine: have another look, soon.
    Changed,
    /// Nothing for the flow: this is the answer.
    Answered(Response<Bytes>),
}

impl Debug for Verb {
    // Of an answer the status alone: its body is the engine's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initiate(order) => f.debug_tuple("Initiate").field(order).finish(),
            Self::Details => f.write_str("Details"),
            Self::Capture(part) => f.debug_tuple("Capture").field(part).finish(),
            Self::Cancel => f.write_str("Cancel"),
            Self::Refund(part) => f.debug_tuple("Refund").field(part).finish(),
            Self::Changed => f.write_str("Changed"),
            Self::Answered(answer) => f.debug_tuple("Answered").field(&answer.status()).finish(),
        }
    }
}

/// How much.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// So much; `None`: what is left. Nothing (0) is refused: it never means all.
    pub amount: Option<Money>,
    /// For which lines, where the engine says so.
    pub lines: Vec<(LineId, u32)>,
}

impl Part {
    /// What is left.
    pub fn rest() -> Self {
        Self::default()
    }

    /// So much.
    pub fn of(amount: Money) -> Self {
        Self {
            amount: Some(amount),
            lines: Vec::new(),
        }
    }
}

/// A payment to be begun.
#[derive(Debug, Clone)]
pub struct Initiate {
    /// The order, as it stands now.
    pub order: Order,
    /// The caller's key: the same again answers with the same payment.
    pub key: Option<CallerKey>,
}

/// Which payment a verb is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The order.
    pub at: OrderRef,
    /// Which of its payments; `None`: the one that has money, or else the latest.
    pub reference: Option<Reference>,
    /// The caller's key.
    pub key: Option<CallerKey>,
}

impl Target {
    /// The order's payment.
    pub fn order(at: OrderRef) -> Self {
        Self {
            at,
            reference: None,
            key: None,
        }
    }
}

/// How an ask ended.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The payment was begun: send the customer to `payment.redirect`.
    Started(Box<Payment>),
    /// Done. The payment as it is now.
    Done(Box<Payment>),
    /// Vipps has not answered in time. kasse goes on by itself and tells the shop by `record`.
    Pending(Box<Payment>),
    /// Not done.
    Refused(Error),
}

impl Outcome {
    /// The payment, where there is one.
    pub fn payment(&self) -> Option<&Payment> {
        match self {
            Self::Started(payment) | Self::Done(payment) | Self::Pending(payment) => Some(payment),
            Self::Refused(_) => None,
        }
    }
}

/// A request that an adapter does not take.
pub struct Refusal {
    /// What to answer.
    pub response: Response<Bytes>,
    /// Why, for the log. No secrets.
    pub why: String,
}

impl Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("status", &self.response.status())
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

/// The shop knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The cart became this order.
    pub order: Option<OrderRef>,
}

/// The shop does not know yet, or never will.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Tried again, later and later.
    #[error("later: {0}")]
    Later(Error),
    /// The shop cannot take it: the stock is gone, the order was deleted. On an authorisation the
    /// reservation is released; on a later event a person has to look.
    #[error("never: {0}")]
    Never(Error),
    /// The engine has no way to show this (a partial capture where it knows only whole ones).
    #[error("the engine cannot show this: {0}")]
    NotShowable(String),
}

impl RecordError {
    /// The same without these values, which an engine may have put into its words.
    pub(crate) fn without(self, values: &[&str]) -> Self {
        match self {
            Self::Later(error) => Self::Later(error.without(values)),
            Self::Never(error) => Self::Never(error.without(values)),
            Self::NotShowable(why) => Self::NotShowable(without(&why, values)),
        }
    }
}

/// The personal data is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// What the shop must keep by law, in words.
    pub kept: Vec<String>,
}

/// How long an engine's ask may take where it does not say.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(10);
