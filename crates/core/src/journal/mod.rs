//! The journal: our durable record of payments, their events, the commands under way, the inbox,
//! and what the shop has still to be told.
//!
//! A journal stores; it decides nothing. Everything that belongs together is one [`Batch`], done
//! whole or not at all, and durable once [`Journal::write`] has returned. Each batch is conditional
//! on the leases it was made under.

mod exchange;
mod figures;
mod memory;
#[cfg(feature = "testing")]
pub mod suite;
mod webhooks;

use std::fmt::{self, Debug};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Who};
use crate::ids::{
    CallerKey, CommandId, DeliveryId, IdempotencyKey, InboxId, Msn, OrderId, OrderRef, ShopId, Slot,
};
use crate::money::Money;
use crate::order::Order;
use crate::payment::{Payment, PaymentEvent, PaymentId, PaymentState, Personal};
use crate::reference::Reference;
use crate::shipping::QuotedOption;
use crate::wishes::Wishes;

pub use exchange::{EXCHANGES_KEPT, Exchange, Way};
pub use figures::{Count, Figures};
pub use memory::MemoryJournal;
pub use webhooks::{Registration, RegistrationState, STRAYS_FOR, STRAYS_KEPT, Sealed, Stray};

/// A durable record.
///
/// # Behavior
/// - A batch is done whole or not at all; when `write` returns `Ok` it survives a crash.
/// - A batch whose lease was lost changes nothing and says [`JournalError::LeaseLost`].
/// - [`Write::Insert`] of a payment that is there changes nothing and says [`JournalError::Exists`];
///   so does a second event with the same number.
/// - One lease for a key at a time; one that has run out can be taken, with a larger epoch.
/// - Erased personal data is not in the files any more.
/// - An event has its place among its shop's once it can be read, and keeps it: who has read up to
///   a place has missed nothing before it, however many were writing.
#[async_trait]
pub trait Journal: Debug + Send + Sync + 'static {
    /// Does a batch.
    ///
    /// # Errors
    /// See [`JournalError`]. On any error but [`JournalError::Unsure`] nothing was changed.
    async fn write(&self, batch: Batch) -> Result<(), JournalError>;

    /// Takes a lease, if nobody has it, until `until` at the latest.
    ///
    /// # Errors
    /// See [`JournalError`]. `Ok(None)`: somebody has it.
    async fn acquire(
        &self,
        key: &LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, JournalError>;

    /// Is a lease held whose key begins so?
    ///
    /// # Errors
    /// See [`JournalError`].
    async fn anyone_holds(
        &self,
        beginning: &LeaseKey,
        now: Timestamp,
    ) -> Result<bool, JournalError>;

    /// Counts a call against a limit: `most` with one key within `per`, which is a minute at the
    /// most; for all servers of this journal together, and beyond a crash. `None`: it is counted,
    /// and may be made. Otherwise: when it may be at the earliest; nothing is counted. A call that
    /// was counted at a later time than `now` counts no more: a clock was set back.
    ///
    /// # Errors
    /// See [`JournalError`]: it must not be made.
    async fn count(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError>;

    /// Gives a lease back. One that was lost already is ignored.
    ///
    /// # Errors
    /// See [`JournalError`].
    async fn release(&self, lease: Lease) -> Result<(), JournalError>;

    /// One payment.
    ///
    /// # Errors
    /// See [`JournalError`]; so for all that follow.
    async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, JournalError>;

    /// A shop's payment by its reference; where several accounts have it, the newest.
    async fn find(
        &self,
        shop: &ShopId,
        reference: &Reference,
    ) -> Result<Option<Payment>, JournalError>;

    /// The payments of an order, the first attempt first; also those that were begun for it and
    /// are another order's now.
    async fn payments_of(&self, order: &OrderRef) -> Result<Vec<Payment>, JournalError>;

    /// Payments, the newest first (by `created`, then by id, both descending).
    async fn list(&self, filter: &Filter) -> Result<Vec<Payment>, JournalError>;

    /// The payments that need a look: `next_look` has come, or something unread lies in their
    /// inbox. The longest due first; those with something unread before all others.
    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<PaymentId>, JournalError>;

    /// A payment's events, by number.
    async fn events(&self, id: &PaymentId) -> Result<Vec<PaymentEvent>, JournalError>;

    /// The events of all payments of a shop that come after a place, in the order in which they
    /// were committed. 0: from the first on.
    async fn events_since(
        &self,
        shop: &ShopId,
        after: u64,
        most: usize,
    ) -> Result<Vec<Placed>, JournalError>;

    /// A payment's commands, the oldest first.
    async fn commands(&self, id: &PaymentId) -> Result<Vec<Command>, JournalError>;

    /// The open commands whose next try has come, the longest due first.
    async fn commands_due(&self, now: Timestamp, most: usize)
    -> Result<Vec<Command>, JournalError>;

    /// The command that a caller's key was used for.
    async fn command_by_key(
        &self,
        shop: &ShopId,
        key: &CallerKey,
    ) -> Result<Option<Command>, JournalError>;

    /// What was received for a payment and not read yet, the oldest first.
    async fn unread(&self, id: &PaymentId) -> Result<Vec<InboxItem>, JournalError>;

    /// The orders that have something to be told whose time has come, the longest due first. Only
    /// the first delivery of an order that is not parked counts: the others wait behind it.
    async fn deliveries_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<OrderRef>, JournalError>;

    /// What an order's shop has still to be told, in order (by `after`, then by id), parked ones
    /// included.
    async fn deliveries(&self, order: &OrderRef) -> Result<Vec<Delivery>, JournalError>;

    /// A payment's personal data, if there is any.
    async fn personal(&self, id: &PaymentId) -> Result<Option<Personal>, JournalError>;

    /// The payments of a shop that have personal data of this user.
    async fn payments_of_user(
        &self,
        shop: &ShopId,
        user_id: &str,
    ) -> Result<Vec<PaymentId>, JournalError>;

    /// All quotes made for a payment, the oldest first.
    async fn quotes(&self, id: &PaymentId) -> Result<Vec<Quote>, JournalError>;

    /// The newest quote with this key: same shop, cart, country and post code.
    async fn last_quote(&self, key: &str) -> Result<Option<Quote>, JournalError>;

    /// The journal in numbers. It looks at every payment: ask a few times a minute at the most.
    async fn figures(&self) -> Result<Figures, JournalError>;

    /// The authorised payments with money left to capture whose time for it ends from `from` on and
    /// before `to`, the soonest first (by `capture_by`, then by id).
    async fn capture_ending(
        &self,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<Payment>, JournalError>;

    /// All addresses that were ever registered for webhooks, the oldest first (by `made`, then by
    /// slot).
    async fn registrations(&self) -> Result<Vec<Registration>, JournalError>;

    /// The webhooks of payments that are not ours which came from `since` on, the newest first.
    async fn strays(&self, since: Timestamp, most: usize) -> Result<Vec<Stray>, JournalError>;

    /// What went between us and Vipps for a payment, in the order in which each was first written;
    /// the newest [`EXCHANGES_KEPT`].
    async fn exchanges(&self, id: &PaymentId) -> Result<Vec<Exchange>, JournalError>;
}

/// Writes that belong together.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Each must still be held.
    pub leases: Vec<Lease>,
    /// In this order.
    pub writes: Vec<Write>,
}

impl Batch {
    /// An empty batch under a lease.
    pub fn under(lease: &Lease) -> Self {
        let checked = !crate::mutants::on("lease-unchecked");
        Self {
            leases: checked.then(|| lease.clone()).into_iter().collect(),
            writes: Vec::new(),
        }
    }

    /// Adds a write.
    pub fn push(&mut self, write: Write) {
        self.writes.push(write);
    }

    /// The same with one more write.
    #[must_use]
    pub fn with(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }
}

/// One change.
#[derive(Debug, Clone)]
pub enum Write {
    /// A new payment. Fails with [`JournalError::Exists`] if it is there.
    Insert(Box<Payment>),
    /// A payment that is there, as it is now (without its personal data, which is never stored
    /// with it).
    Update(Box<Payment>),
    /// A new event. Fails with [`JournalError::Exists`] if its payment has one of that number.
    Event(Box<PaymentEvent>),
    /// A command, new or as it is now.
    Command(Box<Command>),
    /// Something received. An event that its payment has received already changes nothing.
    Receive(InboxItem),
    /// It was read: its body is dropped, the rest stays.
    Read(InboxId),
    /// Something the shop is to be told, new or as it is now.
    Deliver(Delivery),
    /// The shop was told.
    Delivered(DeliveryId),
    /// A payment's personal data, new or as it is now.
    Personal(PaymentId, Personal),
    /// A payment's personal data is erased, from the files too.
    Erase(PaymentId),
    /// A quote.
    Quote(Quote),
    /// A note of what went between us and Vipps, new or as it is now. It is not worth an error: for
    /// a payment that is not there, nothing is kept.
    Exchange(Box<Exchange>),
    /// A registration for webhooks, new or as it is now. When something came there last is kept
    /// where it is later.
    Registration(Box<Registration>),
    /// A webhook came to the address of this registration, and its signature was right.
    Heard(Slot, Timestamp),
    /// A webhook of a payment that is not ours. One that is there changes nothing. Those of its
    /// account that are older than [`STRAYS_FOR`] then, or more than [`STRAYS_KEPT`], give way.
    Stray(Box<Stray>),
}

/// Something only one may do at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseKey(String);

impl LeaseKey {
    /// For everything that changes a payment.
    pub fn payment(id: &PaymentId) -> Self {
        Self(format!("payment {id}"))
    }

    /// For beginning payments of an order.
    pub fn order(at: &OrderRef) -> Self {
        Self(format!("order {at}"))
    }

    /// For showing something of an order with its payment.
    pub fn description(id: &PaymentId) -> Self {
        Self(format!("description {id}"))
    }

    /// For telling the shop about an order.
    pub fn delivery(at: &OrderRef) -> Self {
        Self(format!("delivery {at}"))
    }

    /// For one call of an order's engine, as long as it waits for our answer. Calls at the same time
    /// have numbers of their own: that any is held is what others look at.
    pub fn engine(at: &OrderRef, number: usize) -> Self {
        Self(format!("engine {at}\n{number}"))
    }

    /// What the keys of all calls of an order's engine begin with.
    pub fn engine_of(at: &OrderRef) -> Self {
        Self(format!("engine {at}\n"))
    }

    /// Somebody's own beside this one: for a lock that locks nobody out.
    #[cfg(feature = "mutants")]
    pub(crate) fn of(&self, whom: &str) -> Self {
        Self(format!("{}\n{whom}", self.0))
    }

    /// For registering webhooks of a sales unit.
    pub fn webhooks(base: &str, msn: &Msn) -> Self {
        Self(format!("webhooks {msn} {base}"))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A lease that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// For what.
    pub key: LeaseKey,
    /// Larger each time it is taken.
    pub epoch: u64,
    /// It may be taken by others from then on.
    pub until: Timestamp,
}

/// A command under way, or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// Whose.
    pub payment: PaymentId,
    /// Which shop's.
    pub shop: ShopId,
    /// What.
    pub verb: CommandVerb,
    /// The key at Vipps. In eCom initiate and cancel have none there; ours is kept all the same.
    pub key: IdempotencyKey,
    /// The caller's key.
    pub caller: Option<CallerKey>,
    /// What the customer reads of it.
    pub text: String,
    /// Was all that is left meant, whatever that is? Its amount is what was left when it was last
    /// looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest: bool,
    /// How it stands.
    pub state: CommandState,
    /// When it was journaled.
    pub created: Timestamp,
    /// How often it was sent.
    pub tries: u32,
}

/// What a command does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum CommandVerb {
    /// Begin the payment.
    Initiate {
        /// The order as it was, without who buys (that is in the personal table).
        order: Box<Order>,
        /// What the shop wanted beyond it.
        #[serde(default)]
        wishes: Box<Wishes>,
    },
    /// Take money.
    Capture {
        /// So much.
        amount: Money,
    },
    /// Give money back.
    Refund {
        /// So much.
        amount: Money,
    },
    /// Let it go.
    Cancel {
        /// Why we do it.
        why: CancelReason,
    },
    /// Show something of the order with the payment in the app. It moves no money, and holds up
    /// nothing that does.
    Describe {
        /// What.
        what: Description,
    },
}

/// What is shown of an order with its payment, by the Order Management API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Description {
    /// The order's lines.
    Receipt,
    /// The link to the order.
    Link,
}

impl Description {
    /// One word for people and logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Receipt => "receipt",
            Self::Link => "link",
        }
    }
}

impl CommandVerb {
    /// One word for people and logs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Initiate { .. } => "initiate",
            Self::Capture { .. } => "capture",
            Self::Refund { .. } => "refund",
            Self::Cancel { .. } => "cancel",
            Self::Describe { what } => what.word(),
        }
    }

    /// Does it move money, or end a payment? One of these at a time.
    pub fn moves_money(&self) -> bool {
        match self {
            Self::Capture { .. } | Self::Refund { .. } | Self::Cancel { .. } => true,
            Self::Initiate { .. } | Self::Describe { .. } => false,
        }
    }

    /// Is it the same ask: same verb, same amount?
    pub fn same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Capture { amount: a }, Self::Capture { amount: b })
            | (Self::Refund { amount: a }, Self::Refund { amount: b }) => a == b,
            (Self::Cancel { .. }, Self::Cancel { .. }) => true,
            _ => false,
        }
    }
}

/// Why a payment is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The merchant wants it.
    Asked,
    /// Its time is over.
    TimeOver,
    /// A new attempt takes its place.
    Replaced,
    /// The answer to its initiate was lost.
    StartLost,
    /// The shop cannot take the order any more.
    ShopRefused,
}

impl CancelReason {
    /// Is the payment left alone where the customer has approved it meanwhile? Nobody meant to undo
    /// what was paid in the last moment.
    pub fn spares_the_paid(self) -> bool {
        match self {
            Self::TimeOver | Self::Replaced | Self::StartLost => true,
            Self::Asked | Self::ShopRefused => false,
        }
    }
}

/// How a command stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum CommandState {
    /// Under way, or its outcome is unknown.
    Open {
        /// When it is tried again.
        next: Timestamp,
    },
    /// Done.
    Done,
    /// Not done, for good.
    Refused {
        /// Why.
        error: Error,
    },
    /// It asked for what another command was doing already, and is that one.
    Joined {
        /// That one.
        command: CommandId,
    },
}

impl Command {
    /// Under way?
    pub fn is_open(&self) -> bool {
        matches!(self.state, CommandState::Open { .. })
    }
}

/// Something received from Vipps, kept before it is acknowledged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxItem {
    /// Its id.
    pub id: InboxId,
    /// For which payment.
    pub payment: PaymentId,
    /// When.
    pub at: Timestamp,
    /// What was odd about it, in words without personal data.
    pub odd: Option<String>,
    /// What tells it from others of its payment, where it is something that can come twice: the
    /// same one is received once.
    #[serde(default)]
    pub event: Option<String>,
    /// The body, until it is read. It may hold personal data.
    pub body: Option<bytes::Bytes>,
}

impl Debug for InboxItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxItem")
            .field("id", &self.id)
            .field("payment", &self.payment)
            .field("at", &self.at)
            .field("odd", &self.odd)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

/// Something the shop has still to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// About which order.
    pub order: OrderRef,
    /// Of which payment.
    pub payment: PaymentId,
    /// What.
    pub what: Told,
    /// Its place among the order's: when it was journaled.
    pub after: Timestamp,
    /// When it is tried.
    pub next: Timestamp,
    /// How often it was.
    pub tries: u32,
    /// Why not, the last time.
    pub error: Option<Error>,
    /// Left for a person; the rest goes on.
    pub parked: bool,
}

/// What a shop is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "told", rename_all = "snake_case")]
pub enum Told {
    /// An event, by its number.
    Event {
        /// The number.
        number: u64,
    },
    /// The customer took back the consent.
    Forget,
}

/// Deliveries as they were offered for a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// For which payment.
    pub payment: PaymentId,
    /// 1, 2, … for each payment.
    pub number: u64,
    /// Shop, cart, country, post code: what makes two quotes the same.
    pub key: String,
    /// When.
    pub at: Timestamp,
    /// What was offered, with the ids that went out.
    pub options: Vec<QuotedOption>,
    /// Was it the engine's answer, a minute old at the most, or the last good one?
    pub fresh: bool,
}

/// Which payments to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Of this shop.
    #[serde(default)]
    pub shop: Option<ShopId>,
    /// Of this order, also where it was a cart with this id when the payment began.
    #[serde(default)]
    pub order: Option<OrderId>,
    /// In this state.
    #[serde(default)]
    pub state: Option<PaymentState>,
    /// Those that follow this one in the list: the next page.
    #[serde(default)]
    pub before: Option<Cursor>,
    /// So many at the most; 0: 50.
    #[serde(default)]
    pub most: usize,
}

/// A payment's place in a list. As text: `2026-03-01T12:00:00Z/main/fjord-1001`. Payments made at
/// the same instant have places of their own, so that no page leaves one out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    /// When it was made.
    pub created: Timestamp,
    /// Which.
    pub id: PaymentId,
}

impl Cursor {
    /// The place of a payment.
    pub fn of(payment: &Payment) -> Self {
        Self {
            created: payment.created,
            id: payment.id.clone(),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.created, self.id)
    }
}

impl std::str::FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let mut parts = text.split('/');
        let (Some(created), Some(account), Some(reference), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(CursorError);
        };
        Ok(Self {
            created: created.parse().map_err(|_| CursorError)?,
            id: PaymentId {
                account: account.parse().map_err(|_| CursorError)?,
                reference: reference.parse().map_err(|_| CursorError)?,
            },
        })
    }
}

impl TryFrom<String> for Cursor {
    type Error = CursorError;
    fn try_from(text: String) -> Result<Self, CursorError> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> String {
        cursor.to_string()
    }
}

/// A text is no [`Cursor`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is no place in a list of payments, such as 2026-03-01T12:00:00Z/main/fjord-1001")]
pub struct CursorError;

/// An event with its place among those of its shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Its place: larger for each event that is committed later. Places may be left out.
    pub place: u64,
    /// The order that its payment pays, as it is now.
    pub order: OrderId,
    /// The event.
    pub event: PaymentEvent,
}

/// Why the journal did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// Somebody else has the lease, or had it since.
    #[error("the lease \"{}\" was lost", .0.as_str())]
    LeaseLost(LeaseKey),
    /// It is there already.
    #[error("{0} is there already")]
    Exists(String),
    /// The disk is full, the file is read-only, the database is away.
    #[error("the journal cannot be used: {0}")]
    Unavailable(String),
    /// It may have been written, or not: the connection to the database broke while it was.
    #[error("whether the journal has it is not known: {0}")]
    Unsure(String),
    /// What is stored cannot be read.
    #[error("the journal holds something unreadable: {0}")]
    Corrupt(String),
}

impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        match &error {
            JournalError::LeaseLost(_) | JournalError::Exists(_) => Self::new(
                ErrorKind::InProgress,
                Who::Nobody,
                "It was not done",
                format!("something else is being done with it: {error}."),
                "Try again in a moment.",
            ),
            JournalError::Unsure(_) => Self::new(
                ErrorKind::Journal,
                Who::Nobody,
                "It may be under way, or not",
                format!("{error}."),
                "Ask again with the same key: what is under way is joined, and not done twice.",
            ),
            JournalError::Unavailable(_) | JournalError::Corrupt(_) => Self::new(
                ErrorKind::Journal,
                Who::Merchant,
                "The journal failed",
                format!("{error}."),
                "Look at the disk and the permissions of the journal's folder, or at its database; nothing is sent to Vipps until it works.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let text = "2026-03-01T12:00:00.000000001Z/main/fjord-1001";
        let cursor: Cursor = text.parse().unwrap();
        assert_eq!(cursor.to_string(), text);
        assert_eq!(cursor.id.reference.as_str(), "fjord-1001");
        let json = serde_json::to_string(&cursor).unwrap();
        assert_eq!(serde_json::from_str::<Cursor>(&json).unwrap(), cursor);
        for wrong in [
            "",
            "//",
            "2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00Z/main",
            "2026-03-01T12:00:00Z/main/short",
            "2026-03-01T12:00:00Z/main/fjord-1001/1",
            "yesterday/main/fjord-1001",
        ] {
            assert_eq!(wrong.parse::<Cursor>(), Err(CursorError), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reading_of_a_cursor(text in "\\PC{0,60}(/\\PC{0,20}){0,4}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string().parse::<Cursor>(), Ok(cursor));
            }
        }
    }
}
