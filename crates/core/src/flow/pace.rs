//! When a payment is read again, and when something that failed is tried again.

use std::time::Duration;

use jiff::Timestamp;

use crate::context::{after, span};
use crate::payment::{Payment, PaymentState};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// When to read a payment next. Vipps asks for a first look after 5 s, then every 2 s, adapted
/// ("Polling guidelines"); the limit is 120 a minute. What is reserved or taken is read ever more
/// slowly, so that what is done in Vipps' portal is seen, until nothing can be done any more:
/// refunds end after 365 days.
pub(super) fn next_look(payment: &Payment, now: Timestamp, window: Duration) -> Option<Timestamp> {
    match payment.state {
        PaymentState::Rejected
        | PaymentState::Cancelled
        | PaymentState::Expired
        | PaymentState::Failed => None,
        PaymentState::Preparing | PaymentState::Initiated | PaymentState::Unknown(_) => {
            let age = span(payment.created, now);
            let wait = if age < 5 * SECOND {
                5 * SECOND - age
            } else if age < 2 * MINUTE {
                2 * SECOND
            } else if age < window {
                (10 * SECOND).min(window - age + SECOND)
            } else if age < window + 10 * MINUTE {
                15 * SECOND
            } else if age < DAY {
                10 * MINUTE
            } else {
                6 * HOUR
            };
            Some(after(now, wait))
        }
        PaymentState::Authorised => {
            if crate::mutants::on("settled") {
                return None;
            }
            if payment.sums.left_to_capture().is_zero() && payment.sums.left_to_refund().is_zero() {
                return None;
            }
            let age = span(payment.authorised_at.unwrap_or(payment.created), now);
            if age > 366 * DAY {
                None
            } else if age < HOUR {
                Some(after(now, 10 * MINUTE))
            } else if age < DAY {
                Some(after(now, HOUR))
            } else if age < 14 * DAY {
                Some(after(now, 6 * HOUR))
            } else {
                Some(after(now, DAY))
            }
        }
    }
}

/// When a command that was journaled at `since` and has no end yet is tried again: after half its
/// age, at least 2 s, at most 10 min. So it slows down by itself, whatever fails.
pub(super) fn retry(now: Timestamp, since: Timestamp) -> Timestamp {
    after(now, (span(since, now) / 2).clamp(2 * SECOND, 10 * MINUTE))
}

/// When something that failed for the `tries`-th time is tried again: 2 s, 4 s, … at most 10 min.
pub(super) fn again(now: Timestamp, tries: u32) -> Timestamp {
    let doubled = 2_u32.saturating_pow(tries.clamp(1, 10));
    after(now, (SECOND * doubled).min(10 * MINUTE))
}
