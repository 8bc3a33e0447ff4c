//! What an operator may want counted. The flow tells; who listens decides what becomes of it.

use std::fmt::Debug;
use std::time::Duration;

use crate::ids::{AccountId, ShopId};

/// Listens to the flow. Every method does nothing unless it is written: take those you count. They
/// are called in the middle of the work, so they must be quick and must not block.
pub trait Observer: Debug + Send + Sync + 'static {
    /// A payment was reserved (or, with direct capture, taken), so long after it was begun.
    fn reserved(&self, _shop: &ShopId, _after: Duration) {}

    /// A payment's outcome at the customer (reserved, rejected, expired) was learnt.
    fn outcome(&self, _shop: &ShopId, _by: Learnt) {}

    /// Vipps called back, and was let in.
    fn called_back(&self, _shop: &ShopId) {}

    /// A call to Vipps' addresses was refused with this status.
    fn refused_call(&self, _shop: &ShopId, _status: u16) {}

    /// A webhook came in; no account: to an address that was never given out. The outcome is one
    /// word: `taken`, `repeated` (it came before), `unsuccessful` (it tells of something that did
    /// not happen), `stray` (of a payment that is not ours), or why it was refused: `signature`,
    /// `clock`, …
    fn webhook(&self, _account: Option<&AccountId>, _outcome: &'static str) {}

    /// A shipping call was answered, in this time.
    fn shipping(&self, _shop: &ShopId, _how: Shipping, _took: Duration) {}

    /// A shop began to be late or to fail again and again when it is asked for deliveries, or answers
    /// again.
    fn slow(&self, _shop: &ShopId, _is: bool) {}

    /// Vipps was asked something; `None`: it did not answer.
    fn asked_vipps(&self, _status: Option<u16>, _took: Duration) {}

    /// Something had to wait for a rate limit of Vipps: `details`, `initiate`, `capture`, …
    fn rate_limited(&self, _what: &str) {}

    /// A shop was told something, or could not be.
    fn told(&self, _shop: &ShopId, _how: Told) {}
}

/// How a payment's outcome came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Learnt {
    /// Vipps had called back.
    Callback,
    /// kasse looked by itself: the callback was lost, or was slower than the look.
    Look,
}

/// How a shipping call was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shipping {
    /// By what the shop said now.
    Fresh,
    /// By what the shop said now to somebody else who asked the same.
    Shared,
    /// By what the shop said for the same payment and address a moment ago: a minute at the most.
    Young,
    /// By the last good answer for the same cart and place: the shop was late or failed.
    LastGood,
    /// The shop does not deliver there.
    NotServed,
    /// Not at all.
    Failed,
}

/// How telling a shop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// It knows.
    Knows,
    /// It is told again later.
    Later,
    /// It will never take it: released, or left for a person.
    Never,
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unobserved;

impl Observer for Unobserved {}
