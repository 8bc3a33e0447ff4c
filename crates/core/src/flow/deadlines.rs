//! Until when reserved money can be captured, and who is told when that time runs out: a note and a
//! line in the log three days and one day before, and when it is over.

use std::time::Duration;

use jiff::Timestamp;

use super::{Flow, add_note};
use crate::context::{Context, after, before};
use crate::journal::JournalError;
use crate::market::Market;
use crate::payment::Payment;

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Flow {
    /// When the time to capture a payment is over. `None`: nothing was reserved.
    pub(super) fn capture_by(&self, payment: &Payment) -> Option<Timestamp> {
        let account = self.inner.accounts.get(&payment.id.account);
        let market = account
            .and_then(|account| account.market)
            .unwrap_or_else(|| Market::of(payment.amount.currency));
        let late = account.is_some_and(|account| account.late_capture);
        Some(after(payment.authorised_at?, market.capture_for(late)))
    }

    /// Payments with money still to capture whose time for it ends within this time, the first to
    /// end first, a thousand at the most: 180 days after the reservation in Norway, 14 in Denmark and
    /// Finland (eCom guide, "Capture"; ePayment guide, "Deadlines").
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn ending_reservations(
        &self,
        within: Duration,
    ) -> Result<Vec<Payment>, JournalError> {
        let now = self.inner.cx.now();
        let until = after(now, within);
        self.inner.journal.capture_ending(now, until, 1000).await
    }
}

/// The times at which something is to be said of a payment's deadlines.
pub(super) fn turns(payment: &Payment) -> impl Iterator<Item = Timestamp> {
    let left = payment.sums.left_to_capture().is_positive();
    let by = payment.capture_by;
    let turns = [
        by.map(|by| before(by, DAY * 3)),
        by.map(|by| before(by, DAY)),
        by,
        payment.guaranteed_until,
    ];
    turns.into_iter().flatten().filter(move |_| left)
}

/// Writes down what runs out soon, or has run out, each once.
pub(super) fn warn(payment: &mut Payment, cx: &Context) {
    let (now, left) = (cx.now(), payment.sums.left_to_capture());
    let (by, guaranteed) = (payment.capture_by, payment.guaranteed_until);
    if !left.is_positive() {
        return;
    }
    let mut say = |begins: String, rest: &str| {
        // What is left may be less by the next look: that is no new warning.
        if payment
            .notes
            .iter()
            .any(|note| note.text.starts_with(&begins))
        {
            return;
        }
        let text = format!("{begins} {left} {rest}");
        tracing::warn!(reference = %payment.id.reference, note = %text, "a deadline");
        add_note(payment, cx, text);
    };
    if let Some(until) = guaranteed.filter(|until| *until <= now) {
        say(
            format!("Vipps guaranteed a capture until {}:", day(until)),
            "is not captured, and a capture may fail from now on.",
        );
    }
    let Some(by) = by else {
        return;
    };
    if by <= now {
        say(
            format!("The time to capture it was over on {}:", day(by)),
            "was not captured. A capture is still sent, and Vipps may refuse it.",
        );
    } else if before(by, DAY) <= now {
        say(
            format!("It has to be captured within a day, by {}:", day(by)),
            "is not captured, and Vipps lets it go then.",
        );
    } else if before(by, DAY * 3) <= now {
        say(
            format!("It has to be captured within three days, by {}:", day(by)),
            "is not captured, and Vipps lets it go then.",
        );
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}
