//! The vocabulary, the two traits, the flow and the journal's trait of kasse.
//!
//! A shop takes payments with Vipps MobilePay. Each shop engine needs the same careful flow; here it
//! is written once. An adapter for an engine implements [`PaymentProvider`] and [`ShippingQuoter`],
//! and gets initiate, details, capture, cancel and refund from the [`Flow`].
//!
//! Nothing in here reads the clock, makes a random number or opens a socket: see [`Context`].

pub mod api;
#[cfg(feature = "checklist")]
pub mod checklist;
mod context;
mod error;
pub mod flow;
mod ids;
pub mod journal;
mod limits;
mod market;
mod money;
#[cfg(feature = "mutants")]
pub mod mutants;
#[cfg(not(feature = "mutants"))]
mod mutants;
mod order;
mod payment;
mod phone;
pub mod piece;
mod provider;
mod quotable;
mod reference;
pub mod registry;
#[cfg(feature = "reqwest")]
mod reqwest;
mod shipping;
#[cfg(feature = "testing")]
pub mod testing;
mod wishes;

#[cfg(feature = "reqwest")]
pub use self::reqwest::ReqwestTransport;
#[cfg(feature = "tokio")]
pub use context::TokioRuntime;
pub use context::{
    Context, CountedIds, Ids, RandomIds, Runtime, Task, Transport, TransportError, after, before,
    span,
};
pub use error::{Error, ErrorKind, Failure, Language, Text, Who};
pub use flow::{Flow, ShopFlow};
pub use ids::{
    AccountId, CallerKey, CommandId, DeliveryId, EventId, ExchangeId, IdError, IdempotencyKey,
    InboxId, LineId, Msn, OrderId, OrderRef, ShopId, Slot,
};
pub use inventory;
pub use market::Market;
pub use money::{Currency, Money, MoneyError, VatRate};
pub use order::{Buyer, Express, Line, LineKind, Order, spread_discount};
pub use payment::{
    Account, ApiKind, Delivered, Environment, EventKind, Note, Payment, PaymentEvent, PaymentId,
    PaymentState, Personal, Sums,
};
pub use phone::Msisdn;
pub use provider::{
    Adapter, Ask, Forgotten, Initiate, Outcome, Part, PaymentProvider, RecordError, Recorded,
    Refusal, ShippingQuoter, Target, Verb,
};
pub use quotable::quotable;
pub use reference::{Reference, ReferencePrefix};
pub use shipping::{
    Address, DeliveryKind, Destination, QuotedOption, ShippingOption, check_options,
};
pub use wishes::{Category, LegalLinks, Method, OrderLink, ReceiptWish, Scope, Wishes};
