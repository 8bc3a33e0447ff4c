//! A payment: one attempt to get an order paid. And what happens to it: events.

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::Error;
use crate::ids::{AccountId, EventId, IdempotencyKey, Msn, OrderRef};
use crate::market::Market;
use crate::money::{Currency, Money};
use crate::reference::Reference;
use crate::shipping::{Address, ShippingOption};

/// Which payment: the account it was made with, and its reference there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PaymentId {
    /// The keys it was made with, and is captured and refunded with.
    pub account: AccountId,
    /// Its name at Vipps.
    pub reference: Reference,
}

impl fmt::Display for PaymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.reference)
    }
}

/// The generation of Vipps' API that made a payment. A command ends on the one it began on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApiKind {
    /// eCom API v2.
    Ecom,
    /// ePayment API v1.
    Epayment,
}

impl fmt::Display for ApiKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ecom => "eCom API",
            Self::Epayment => "ePayment API",
        })
    }
}

impl ApiKind {
    /// Its word in the configuration: `ecom`, `epayment`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ecom => "ecom",
            Self::Epayment => "epayment",
        }
    }
}

/// Keys for one sales unit at Vipps.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name in the configuration.
    pub id: AccountId,
    /// Where it is valid.
    pub environment: Environment,
    /// The sales unit.
    pub msn: Msn,
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`.
    pub client_secret: SecretString,
    /// `Ocp-Apim-Subscription-Key`.
    pub subscription_key: SecretString,
    /// The sales unit's country, where it is configured; else that of a payment's currency.
    pub market: Option<Market>,
    /// Has Vipps approved late capture for it? It matters in Denmark and Finland.
    pub late_capture: bool,
}

/// Where an account is valid.
#[derive(Clone, PartialEq, Eq)]
pub enum Environment {
    /// `https://api.vipps.no`.
    Production,
    /// `https://apitest.vipps.no`.
    Test,
    /// Somewhere else: a simulator.
    At(Url),
}

impl fmt::Debug for Environment {
    // An address may hold a user and a password. Such a configuration is refused, by this name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Production => f.write_str("Production"),
            Self::Test => f.write_str("Test"),
            Self::At(url) => write!(
                f,
                "At({}://{}:{})",
                url.scheme(),
                url.host_str().unwrap_or_default(),
                url.port_or_known_default().unwrap_or_default()
            ),
        }
    }
}

impl Environment {
    /// The base of all addresses, without a slash at the end.
    pub fn base(&self) -> &str {
        match self {
            Self::Production => "https://api.vipps.no",
            Self::Test => "https://apitest.vipps.no",
            Self::At(url) => url.as_str().trim_end_matches('/'),
        }
    }
}

/// How far a payment has come. Captured and refunded are sums, not states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Journaled; Vipps has not answered yet.
    Preparing,
    /// Vipps has it and waits for the customer.
    Initiated,
    /// The money is reserved, or (direct capture) taken.
    Authorised,
    /// The customer said no.
    Rejected,
    /// Ended by the merchant or by us before it was authorised.
    Cancelled,
    /// Nobody acted in time.
    Expired,
    /// Vipps refused it, or its start was lost and it was given up.
    Failed,
    /// Something Vipps said that we do not know, word for word. Shown, never guessed.
    Unknown(String),
}

impl PaymentState {
    /// Over, without money having been reserved.
    pub fn is_dead(&self) -> bool {
        matches!(
            self,
            Self::Rejected | Self::Cancelled | Self::Expired | Self::Failed
        )
    }

    /// Waiting for the customer, or for Vipps' first answer.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Preparing | Self::Initiated | Self::Unknown(_))
    }
}

/// The sums so far. They never shrink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Reserved, delivery included.
    pub authorised: Money,
    /// Taken.
    pub captured: Money,
    /// Given back.
    pub refunded: Money,
    /// Of the reservation, let go.
    pub released: Money,
}

impl Sums {
    /// Nothing yet.
    pub fn none(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self {
            authorised: zero,
            captured: zero,
            refunded: zero,
            released: zero,
        }
    }

    /// What can still be captured.
    pub fn left_to_capture(&self) -> Money {
        self.authorised.less(self.captured).less(self.released)
    }

    /// What can still be refunded.
    pub fn left_to_refund(&self) -> Money {
        self.captured.less(self.refunded)
    }

    /// Each sum the larger of the two: what was seen once stays.
    #[must_use]
    pub fn grown(&self, other: &Self) -> Self {
        let larger = |a: Money, b: Money| if b.minor > a.minor { b } else { a };
        Self {
            authorised: larger(self.authorised, other.authorised),
            captured: larger(self.captured, other.captured),
            refunded: larger(self.refunded, other.refunded),
            released: larger(self.released, other.released),
        }
    }
}

/// One attempt to get an order paid, as the journal keeps it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Which.
    pub id: PaymentId,
    /// The order it pays. It changes when the engine makes an order of a cart.
    pub order: OrderRef,
    /// The cart it was begun for, where that has become `order` since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun_for: Option<OrderRef>,
    /// The first is 1.
    pub attempt: u32,
    /// The API it was made with.
    pub api: ApiKind,
    /// The sales unit's number when it was made: should the account's name come to mean another,
    /// that is noticed.
    pub msn: Msn,
    /// What was asked for; the delivery of an express payment is not in it.
    pub amount: Money,
    /// Does Vipps ask for address and delivery?
    pub express: bool,
    /// The fingerprint of the cart it was begun for.
    pub cart: String,
    /// Which of the installation's keys its tokens were derived with.
    pub key_id: String,
    /// How far it is.
    pub state: PaymentState,
    /// The sums so far.
    pub sums: Sums,
    /// Where the customer pays. Known once Vipps answered. It is a bearer link: not for logs.
    pub redirect: Option<Url>,
    /// The shop's page for afterwards.
    pub return_to: Url,
    /// What the customer chose, once authorised.
    pub delivery: Option<Delivered>,
    /// Its user took back the consent: personal data is not stored again.
    #[serde(default)]
    pub forgotten: bool,
    /// When it was journaled.
    pub created: Timestamp,
    /// When it was authorised.
    #[serde(default)]
    pub authorised_at: Option<Timestamp>,
    /// When the customer's time is over, where it was asked to be another than the API's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When the time to capture it is over: Vipps lets go then of what is left. Known once it is
    /// authorised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_by: Option<Timestamp>,
    /// Until when Vipps guarantees that a capture succeeds, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guaranteed_until: Option<Timestamp>,
    /// When to read it at Vipps again. `None`: nothing can happen any more.
    pub next_look: Option<Timestamp>,
    /// How many events it has.
    pub events: u64,
    /// The operations of Vipps' history that have become events, or were seen and mean nothing.
    #[serde(default)]
    pub seen: Vec<String>,
    /// What a person should know, the newest last.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// Who paid and where it goes: from the erasable table, filled in when the shop is told. Never
    /// kept with the payment.
    #[serde(skip)]
    pub personal: Option<Personal>,
}

impl fmt::Debug for Payment {
    // Not the address where it is paid, and nothing personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payment")
            .field("id", &self.id)
            .field("order", &self.order)
            .field("attempt", &self.attempt)
            .field("state", &self.state)
            .field("amount", &self.amount)
            .field("sums", &self.sums)
            .field("express", &self.express)
            .field("created", &self.created)
            .field("next_look", &self.next_look)
            .field("events", &self.events)
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}

impl Payment {
    /// When the time to capture it is over, where there is something left to capture.
    pub fn capture_ends(&self) -> Option<Timestamp> {
        let left =
            self.state == PaymentState::Authorised && self.sums.left_to_capture().is_positive();
        self.capture_by.filter(|_| left)
    }
}

/// What a person should know of a payment. No personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// When it was noticed.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// The delivery that the customer chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The id at Vipps.
    pub wire_id: String,
    /// As Vipps calls it.
    pub title: String,
    /// What Vipps added for it.
    pub cost: Money,
    /// What we had quoted under that id. `None`: no quote of ours has it.
    pub option: Option<ShippingOption>,
}

/// Who paid and where it goes. Kept in a table of its own, erased when the consent is taken back.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Personal {
    /// Vipps' id of the user at this sales unit ("userId"; may hold `/`, `=`, `+`).
    #[serde(default)]
    pub user_id: Option<String>,
    /// `sub`, for the Userinfo API.
    #[serde(default)]
    pub sub: Option<String>,
    /// First name.
    #[serde(default)]
    pub first_name: Option<String>,
    /// Last name.
    #[serde(default)]
    pub last_name: Option<String>,
    /// E-mail.
    #[serde(default)]
    pub email: Option<String>,
    /// Phone, as Vipps gave it.
    #[serde(default)]
    pub phone: Option<String>,
    /// Where an express order goes.
    #[serde(default)]
    pub address: Option<Address>,
}

impl Personal {
    /// All of it that says who somebody is.
    pub(crate) fn values(&self) -> Vec<&str> {
        let of_user = [
            &self.user_id,
            &self.sub,
            &self.first_name,
            &self.last_name,
            &self.email,
            &self.phone,
        ];
        let of_user = of_user.into_iter().filter_map(|value| value.as_deref());
        let of_address = self.address.iter().flat_map(Address::values);
        of_user.chain(of_address).collect()
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Personal(…)")
    }
}

/// Something that happened to a payment. Numbered from 1 for each payment, appended, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentEvent {
    /// Its id, made of the payment's and the number.
    pub id: EventId,
    /// Of which payment.
    pub payment: PaymentId,
    /// Its number there.
    pub number: u64,
    /// When it happened, as Vipps says; for what only we know, when we journaled it.
    pub at: Timestamp,
    /// What happened.
    pub what: EventKind,
    /// The sums after it.
    pub sums: Sums,
}

/// What can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// Vipps has the payment and waits for the customer.
    Initiated,
    /// Reserved.
    Authorised {
        /// So much, delivery included.
        amount: Money,
    },
    /// Taken, in full or in part.
    Captured {
        /// So much this time.
        amount: Money,
        /// Our key, where it was our command; `None` when it was done in Vipps' portal or at once
        /// (direct capture).
        key: Option<IdempotencyKey>,
    },
    /// Given back, in full or in part.
    Refunded {
        /// So much this time.
        amount: Money,
        /// Our key, or `None`: done in Vipps' portal.
        key: Option<IdempotencyKey>,
    },
    /// What was left of the reservation was let go.
    Released {
        /// So much.
        amount: Money,
    },
    /// The customer said no.
    Rejected,
    /// Ended by the merchant or by us, before it was authorised.
    Cancelled,
    /// Nobody acted in time.
    Expired,
    /// It could not be started.
    Failed {
        /// Why.
        error: Error,
    },
    /// Vipps' history holds an operation that we do not know.
    Unknown {
        /// Its name there.
        operation: String,
    },
}

impl EventKind {
    /// One word for people and logs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Initiated => "initiated",
            Self::Authorised { .. } => "authorised",
            Self::Captured { .. } => "captured",
            Self::Refunded { .. } => "refunded",
            Self::Released { .. } => "released",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Failed { .. } => "failed",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The amount it is about, where it is about one.
    pub fn amount(&self) -> Option<Money> {
        match self {
            Self::Authorised { amount }
            | Self::Captured { amount, .. }
            | Self::Refunded { amount, .. }
            | Self::Released { amount } => Some(*amount),
            _ => None,
        }
    }
}
