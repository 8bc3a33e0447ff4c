//! Switches that break single rules of the flow, for the checklist's own tests and the search's: a
//! check that no broken flow fails proves nothing, nor does a search that finds no planted bug.
//! Without the feature `mutants` they do not exist: `on` is `false` when compiled.
//!
//! Most rules are broken from outside, at the flow's seams (adapter, wire, journal, transport). Here
//! are only those that cannot be.

#[cfg(feature = "mutants")]
use std::cell::Cell;
use std::time::Duration;

use jiff::Timestamp;

use crate::api::{Ending, Truth, TruthState};
use crate::context::span;
use crate::ids::IdempotencyKey;
use crate::journal::{Command, CommandVerb, InboxItem, Journal, JournalError, Lease, LeaseKey};
#[cfg(feature = "mutants")]
use crate::payment::PaymentState;
use crate::payment::{EventKind, Payment};

#[cfg(feature = "mutants")]
thread_local! {
    static BROKEN: Cell<Option<&'static str>> = const { Cell::new(None) };
    /// How many locks of their own were taken.
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

/// Breaks a rule on this thread, or none.
#[cfg(feature = "mutants")]
pub fn set(rule: Option<&'static str>) {
    BROKEN.set(rule);
    TAKEN.set(0);
}

/// Is this rule broken?
#[cfg(feature = "mutants")]
pub(crate) fn on(rule: &'static str) -> bool {
    BROKEN.get() == Some(rule)
}

/// A callback that tells a rejection counts for more than what was read.
#[cfg(feature = "mutants")]
pub(crate) fn believe(hints: &[crate::journal::InboxItem], truth: &mut Truth) {
    let told = |body: &bytes::Bytes| {
        let said = String::from_utf8_lossy(body);
        said.contains("REJECTED") || said.contains("\"ABORTED\"")
    };
    if hints.iter().filter_map(|hint| hint.body.as_ref()).any(told) {
        truth.state = TruthState::Ended(Ending::Unsaid);
        truth.operations.clear();
    }
}

/// What was read counts.
#[cfg(not(feature = "mutants"))]
pub(crate) const fn believe(_: &[crate::journal::InboxItem], _: &mut Truth) {}

/// Takes a lease. With "check-then-set" it is looked whether anybody has it, and then whoever looked
/// takes one of their own.
#[cfg(feature = "mutants")]
pub(crate) async fn acquire(
    journal: &dyn Journal,
    key: &LeaseKey,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Lease>, JournalError> {
    if !on("check-then-set") {
        return journal.acquire(key, now, until).await;
    }
    if journal.anyone_holds(&key.of(""), now).await? {
        return Ok(None);
    }
    let taken = TAKEN.get() + 1;
    TAKEN.set(taken);
    let own = key.of(&taken.to_string());
    journal.acquire(&own, now, until).await
}

/// Takes a lease.
#[cfg(not(feature = "mutants"))]
pub(crate) async fn acquire(
    journal: &dyn Journal,
    key: &LeaseKey,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Lease>, JournalError> {
    journal.acquire(key, now, until).await
}

/// Is this rule broken? Never.
#[cfg(not(feature = "mutants"))]
#[allow(
    dead_code,
    reason = "each place that asks is a rule that a test breaks"
)]
pub(crate) const fn on(_: &'static str) -> bool {
    false
}

/// What callbacks tell of a payment that is reserved already, taken at their word.
#[cfg(feature = "mutants")]
pub(crate) fn late_callbacks(hints: &[InboxItem], known: &Payment) -> Vec<EventKind> {
    let late = hints
        .iter()
        .filter(|_| known.state == PaymentState::Authorised);
    late.filter_map(|hint| {
        let body = String::from_utf8_lossy(hint.body.as_deref()?).into_owned();
        let reserved = body.contains("\"RESERVE\"") || body.contains("\"RESERVED\"");
        let amount = known.amount;
        Some(if reserved {
            EventKind::Authorised { amount }
        } else {
            EventKind::Rejected
        })
    })
    .collect()
}

/// A payment whose time is nearly over by our clock has ended, whatever Vipps says.
pub(crate) fn by_our_clock(truth: &mut Truth, known: &Payment, lifetime: Duration, now: Timestamp) {
    let nearly = span(known.created, now) + Duration::from_secs(60) > lifetime;
    if nearly && truth.state == TruthState::Open {
        truth.state = TruthState::Ended(Ending::TimeOver);
    }
}

/// A key made of what is asked: the same ask twice has the same.
pub(crate) fn key_of(command: &Command) -> IdempotencyKey {
    let text = match &command.verb {
        CommandVerb::Capture { amount } | CommandVerb::Refund { amount } => format!(
            "{}-{}-{}",
            command.payment.reference,
            command.verb.word(),
            amount.minor
        ),
        _ => return command.key.clone(),
    };
    IdempotencyKey::new(text).unwrap_or_else(|_| command.key.clone())
}

/// No callback is taken at its word.
#[cfg(not(feature = "mutants"))]
pub(crate) const fn late_callbacks(_: &[InboxItem], _: &Payment) -> Vec<EventKind> {
    Vec::new()
}
