//! What goes over the wire at `/v1`. The document `openapi.json` says the same, and tests compare.

use jiff::Timestamp;
use kasse_core::journal::Placed;
use kasse_core::{
    Address, DeliveryKind, Destination, Error, EventId, EventKind, Money, OrderId, Payment,
    PaymentState, Personal, Reference, ShippingOption, Sums, Text, VatRate, Who,
};
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

/// A field that may be left out, and is no `null`.
fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A payment is to be begun.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begin {
    pub(super) order: OrderId,
}

/// How much is to be captured or refunded.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// Not given: what is left.
    #[serde(default, deserialize_with = "given")]
    pub(super) amount: Option<Amount>,
}

/// An amount, and nothing else in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Amount {
    currency: kasse_core::Currency,
    value: i64,
}

impl Amount {
    pub(super) fn money(&self) -> Money {
        Money::new(self.value, self.currency)
    }
}

/// Nothing: `{}`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// For which order, and where to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AskQuote {
    pub(super) order: OrderId,
    to: To,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    country: String,
    #[serde(default, deserialize_with = "given")]
    post_code: Option<String>,
    #[serde(default, deserialize_with = "given")]
    city: Option<String>,
    #[serde(default, deserialize_with = "given")]
    line1: Option<String>,
    #[serde(default, deserialize_with = "given")]
    line2: Option<String>,
}

impl AskQuote {
    /// The address; or, where there is no post code, anywhere in the country.
    pub(super) fn destination(self) -> Result<Destination, Error> {
        let to = self.to;
        let country = to.country;
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(unfit(
                "the country is not two capital letters.",
                "Write it as NO.",
            ));
        }
        let texts = [&to.post_code, &to.city, &to.line1, &to.line2];
        let fits = |text: &String| text.chars().count() <= 200 && !text.contains(char::is_control);
        if !texts.iter().all(|text| text.as_ref().is_none_or(fits)) {
            return Err(unfit(
                "a part of the address is longer than 200 characters, or has a control character.",
                "Shorten it, and leave out line breaks.",
            ));
        }
        let Some(post_code) = to.post_code.filter(|code| !code.is_empty()) else {
            return Ok(Destination::Country(country));
        };
        Ok(Destination::Address(Address {
            line1: to.line1.unwrap_or_default(),
            line2: to.line2.unwrap_or_default(),
            post_code,
            city: to.city.unwrap_or_default(),
            country,
        }))
    }
}

fn unfit(why: &str, advice: &str) -> Error {
    Error::invalid("The deliveries cannot be asked for", why, advice)
}

/// Which payments to list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    pub(super) order: Option<OrderId>,
    pub(super) state: Option<State>,
    /// The last one of the page before.
    pub(super) before: Option<String>,
    pub(super) limit: Option<u16>,
}

/// Which events to tell.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    pub(super) after: Option<u64>,
    pub(super) limit: Option<u16>,
}

/// A state that can be asked for.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Preparing,
    Initiated,
    Authorised,
    Rejected,
    Cancelled,
    Expired,
    Failed,
}

impl State {
    pub(super) fn wanted(self) -> PaymentState {
        match self {
            Self::Preparing => PaymentState::Preparing,
            Self::Initiated => PaymentState::Initiated,
            Self::Authorised => PaymentState::Authorised,
            Self::Rejected => PaymentState::Rejected,
            Self::Cancelled => PaymentState::Cancelled,
            Self::Expired => PaymentState::Expired,
            Self::Failed => PaymentState::Failed,
        }
    }
}

/// A payment, without whoever pays.
#[derive(Debug, Serialize)]
pub(super) struct PaymentView {
    reference: Reference,
    order: OrderId,
    attempt: u32,
    state: StateView,
    /// Vipps' own word, where kasse does not know it.
    unknown_state: Option<String>,
    amount: Money,
    sums: SumsView,
    express: bool,
    delivery: Option<ChosenView>,
    forgotten: bool,
    created: Timestamp,
    authorised_at: Option<Timestamp>,
    expires: Option<Timestamp>,
    capture_by: Option<Timestamp>,
    guaranteed_until: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum StateView {
    Known(State),
    Unknown(&'static str),
}

#[derive(Debug, Serialize)]
struct SumsView {
    authorised: Money,
    captured: Money,
    refunded: Money,
    released: Money,
    left_to_capture: Money,
    left_to_refund: Money,
}

impl From<Sums> for SumsView {
    fn from(sums: Sums) -> Self {
        Self {
            authorised: sums.authorised,
            captured: sums.captured,
            refunded: sums.refunded,
            released: sums.released,
            left_to_capture: sums.left_to_capture(),
            left_to_refund: sums.left_to_refund(),
        }
    }
}

/// The delivery that the customer chose.
#[derive(Debug, Serialize)]
struct ChosenView {
    /// The shop's own id of it. `None`: the shop did not offer what was chosen.
    id: Option<String>,
    title: String,
    price: Money,
}

impl From<Payment> for PaymentView {
    fn from(payment: Payment) -> Self {
        let (state, unknown_state) = match payment.state {
            PaymentState::Preparing => (StateView::Known(State::Preparing), None),
            PaymentState::Initiated => (StateView::Known(State::Initiated), None),
            PaymentState::Authorised => (StateView::Known(State::Authorised), None),
            PaymentState::Rejected => (StateView::Known(State::Rejected), None),
            PaymentState::Cancelled => (StateView::Known(State::Cancelled), None),
            PaymentState::Expired => (StateView::Known(State::Expired), None),
            PaymentState::Failed => (StateView::Known(State::Failed), None),
            PaymentState::Unknown(word) => (StateView::Unknown("unknown"), Some(word)),
        };
        Self {
            reference: payment.id.reference,
            order: payment.order.order,
            attempt: payment.attempt,
            state,
            unknown_state,
            amount: payment.amount,
            sums: payment.sums.into(),
            express: payment.express,
            delivery: payment.delivery.map(|chosen| ChosenView {
                id: chosen.option.map(|option| option.id),
                title: chosen.title,
                price: chosen.cost,
            }),
            forgotten: payment.forgotten,
            created: payment.created,
            authorised_at: payment.authorised_at,
            expires: payment.expires,
            capture_by: payment.capture_by,
            guaranteed_until: payment.guaranteed_until,
        }
    }
}

/// Payments, the newest first.
#[derive(Debug, Serialize)]
pub(super) struct ListView {
    pub(super) payments: Vec<PaymentView>,
    /// What to give as `before` for the next page. `None`: there is none.
    pub(super) next: Option<Reference>,
}

/// How an ask ended that was not refused.
#[derive(Debug, Serialize)]
pub(super) struct ActedView {
    pub(super) outcome: OutcomeWord,
    pub(super) payment: PaymentView,
}

/// The same for a payment that was begun.
#[derive(Debug, Serialize)]
pub(super) struct BegunView {
    pub(super) outcome: OutcomeWord,
    pub(super) payment: PaymentView,
    /// Where the customer pays, while they can. It is a bearer link.
    pub(super) redirect: Option<Url>,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutcomeWord {
    Started,
    Done,
    Pending,
}

/// Events, in the order of their commits.
#[derive(Debug, Serialize)]
pub(super) struct EventsView {
    pub(super) events: Vec<EventView>,
    /// What to give as `after` the next time.
    pub(super) after: u64,
    /// There are more now.
    pub(super) more: bool,
}

/// An event.
#[derive(Debug, Serialize)]
pub(super) struct EventView {
    cursor: u64,
    id: EventId,
    reference: Reference,
    order: OrderId,
    number: u64,
    at: Timestamp,
    event: &'static str,
    amount: Option<Money>,
    /// Vipps' own word, where kasse does not know it.
    operation: Option<String>,
    /// Why it failed.
    failure: Option<FailureView>,
    sums: SumsView,
}

#[derive(Debug, Serialize)]
struct FailureView {
    title: String,
    detail: String,
    who: Who,
    advice: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<Text>,
}

impl From<Placed> for EventView {
    fn from(placed: Placed) -> Self {
        let event = placed.event;
        let failure = match &event.what {
            EventKind::Failed { error } => Some(FailureView {
                title: error.what.clone(),
                detail: error.why.clone(),
                who: error.who,
                advice: error.advice.clone(),
                customer: error.customer.clone(),
            }),
            _ => None,
        };
        let operation = match &event.what {
            EventKind::Unknown { operation } => Some(operation.clone()),
            _ => None,
        };
        Self {
            cursor: placed.place,
            id: event.id,
            reference: event.payment.reference,
            order: placed.order,
            number: event.number,
            at: event.at,
            event: event.what.word(),
            amount: event.what.amount(),
            operation,
            failure,
            sums: event.sums.into(),
        }
    }
}

/// The deliveries that the shop offers.
#[derive(Debug, Serialize)]
pub(super) struct QuoteView {
    pub(super) deliveries: Vec<DeliveryView>,
}

/// A delivery that the shop offers.
#[derive(Debug, Serialize)]
pub(super) struct DeliveryView {
    id: String,
    title: String,
    price: Money,
    /// In hundredths of a percent: 2500 is 25 %.
    vat: VatRate,
    kind: DeliveryKind,
    brand: String,
    estimate: Option<String>,
    default: bool,
}

impl From<ShippingOption> for DeliveryView {
    fn from(option: ShippingOption) -> Self {
        Self {
            id: option.id,
            title: option.title,
            price: option.price,
            vat: option.vat,
            kind: option.kind,
            brand: option.brand,
            estimate: option.estimate,
            default: option.default,
        }
    }
}

/// Who paid, and where it goes. Personal data.
#[derive(Serialize)]
pub(super) struct CustomerView {
    first_name: Option<String>,
    last_name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    address: Option<Address>,
}

impl From<Personal> for CustomerView {
    fn from(personal: Personal) -> Self {
        Self {
            first_name: personal.first_name,
            last_name: personal.last_name,
            email: personal.email,
            phone: personal.phone,
            address: personal.address,
        }
    }
}
