//! When a payment is read again, and when something that failed is tried again.

use std::time::Duration;

use jiff::Timestamp;

use super::deadlines;
use crate::api::PaymentApi;
use crate::context::{after, span};
use crate::payment::{Payment, PaymentState};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long the customer has for a payment.
pub(super) fn lifetime(payment: &Payment, api: &dyn PaymentApi) -> Duration {
    match payment.expires {
        Some(expires) => span(payment.created, expires),
        None => api.window(),
    }
}

/// When to read a payment next. Vipps asks for a first look after 5 s, then every 2 s, adapted
/// ("Polling guidelines"); the limit is 120 a minute. One that a customer has weeks for is read ever
/// more slowly. What is reserved or taken is read more slowly still, so that what is done in Vipps'
/// portal is seen, until nothing can be done any more: refunds end after 365 days. `lifetime`: how
/// long the customer has.
pub(super) fn next_look(
    payment: &Payment,
    now: Timestamp,
    lifetime: Duration,
) -> Option<Timestamp> {
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
            } else if age < lifetime {
                let paced = if age < 10 * MINUTE {
                    10 * SECOND
                } else {
                    (age / 30).min(15 * MINUTE)
                };
                paced.min(lifetime - age + SECOND)
            } else if age < lifetime + 10 * MINUTE {
                15 * SECOND
            } else if age < DAY.max(lifetime + HOUR) {
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
            let wait = if age > 366 * DAY {
                return None;
            } else if age < HOUR {
                10 * MINUTE
            } else if age < DAY {
                HOUR
            } else if age < 14 * DAY {
                6 * HOUR
            } else {
                DAY
            };
            let paced = after(now, wait);
            // A person is warned in time of what runs out.
            let due = deadlines::turns(payment).filter(|turn| *turn > now).min();
            Some(due.map_or(paced, |due| due.min(paced)))
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
