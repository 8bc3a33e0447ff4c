//! Switches that break single rules of the flow, for the checklist's own tests: a check that no
//! broken flow fails proves nothing. Without the feature `mutants` they do not exist: `on` is
//! `false` when compiled.
//!
//! Most rules are broken from outside, at the flow's seams (adapter, wire, journal, transport). Here
//! are only those that cannot be.

#[cfg(feature = "mutants")]
use std::cell::Cell;

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

/// Is this rule broken? Never.
#[cfg(not(feature = "mutants"))]
#[allow(
    dead_code,
    reason = "each place that asks is a rule that a test breaks"
)]
pub(crate) const fn on(_: &'static str) -> bool {
    false
}
