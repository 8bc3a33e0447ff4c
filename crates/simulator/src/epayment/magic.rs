//! The amounts with which the test environment's app shows what can go wrong ("Test environment",
//! special amounts). They are for payments made by ePayment, and for approvals in the app.

use jiff::Timestamp;

use crate::clock::after;
use crate::customer::User;
use crate::ledger::Payment;
use crate::options::Country;

/// For an amount of 201 the result is unknown for so long.
const UNKNOWN_FOR: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// What becomes of an approval in the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Magic {
    /// Nothing special.
    None,
    /// It is refused; the customer sees why, and can try another card.
    Refused(&'static str),
    /// The customer is too young for it.
    TooYoung,
    /// Nobody knows until then.
    Unknown { until: Timestamp },
}

/// What becomes of this payment when it is approved.
pub(crate) fn of(payment: &Payment, now: Timestamp) -> Magic {
    let Some(terms) = payment.order.epayment() else {
        return Magic::None;
    };
    if terms.minimum_age.is_some_and(|age| age > User::age(now)) {
        return Magic::TooYoung;
    }
    let norway = payment.order.country == Country::No;
    match payment.order.amount {
        151 => Magic::Refused("Insufficient funds."),
        182 => Magic::Refused("Refused by the issuer of the card."),
        183 => Magic::Refused("Refused by the issuer of the card: suspected fraud."),
        184 => Magic::Refused("The withdrawal limit is exceeded."),
        186 => Magic::Refused("The card has expired."),
        187 => Magic::Refused("The card is not valid."),
        197 if norway => Magic::Refused("3-D Secure was denied."),
        202 if norway => Magic::Refused("The card needs strong customer authentication."),
        201 => Magic::Unknown {
            until: after(now, UNKNOWN_FOR),
        },
        _ => Magic::None,
    }
}
