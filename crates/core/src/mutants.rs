//! Switches that break single rules of the flow, for the checklist's own tests: a check that no
//! broken flow fails proves nothing. Without the feature `mutants` they do not exist: `on` is
//! `false` when compiled.
//!
//! Most rules are broken from outside, at the flow's seams (adapter, wire, journal, transport). Here
//! are only those that cannot be.

#[cfg(feature = "mutants")]
use std::cell::Cell;

use crate::journal::InboxItem;
#[cfg(feature = "mutants")]
use crate::payment::PaymentState;
use crate::payment::{EventKind, Payment};

#[cfg(feature = "mutants")]
thread_local! {
    static BROKEN: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Breaks a rule on this thread, or none.
#[cfg(feature = "mutants")]
pub fn set(rule: Option<&'static str>) {
    BROKEN.set(rule);
}

/// Is this rule broken?
#[cfg(feature = "mutants")]
pub(crate) fn on(rule: &'static str) -> bool {
    BROKEN.get() == Some(rule)
}

/// A callback that tells a rejection counts for more than what was read.
#[cfg(feature = "mutants")]
pub(crate) fn believe(hints: &[crate::journal::InboxItem], truth: &mut crate::api::Truth) {
    let told = |body: &bytes::Bytes| {
        let said = String::from_utf8_lossy(body);
        said.contains("REJECTED") || said.contains("\"ABORTED\"")
    };
    if hints.iter().filter_map(|hint| hint.body.as_ref()).any(told) {
        truth.state = crate::api::TruthState::Ended(crate::api::Ending::Unsaid);
        truth.operations.clear();
    }
}

/// What was read counts.
#[cfg(not(feature = "mutants"))]
pub(crate) const fn believe(_: &[crate::journal::InboxItem], _: &mut crate::api::Truth) {}

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

/// No callback is taken at its word.
#[cfg(not(feature = "mutants"))]
pub(crate) const fn late_callbacks(_: &[InboxItem], _: &Payment) -> Vec<EventKind> {
    Vec::new()
}
