//! For the tests of adapters: a payment, and what happens to it, as the flow tells it to `record`.
#![allow(
    clippy::unwrap_used,
    reason = "it is for tests: what does not fit panics, and the values are written here"
)]

use jiff::Timestamp;
use url::Url;

use crate::ids::{AccountId, EventId, Msn, OrderRef};
use crate::money::Money;
use crate::payment::{
    ApiKind, EventKind, Payment, PaymentEvent, PaymentId, PaymentState, Personal, Sums,
};
use crate::reference::Reference;
use crate::shipping::Address;

/// A payment that has just begun.
///
/// # Panics
/// The reference is none.
pub fn payment(order: OrderRef, reference: &str, amount: Money, created: Timestamp) -> Payment {
    Payment {
        id: PaymentId {
            account: AccountId::new("main").unwrap(),
            reference: Reference::new(reference).unwrap(),
        },
        order,
        begun_for: None,
        attempt: 1,
        api: ApiKind::Ecom,
        msn: Msn::new("123456").unwrap(),
        amount,
        express: false,
        cart: String::new(),
        key_id: "one".into(),
        state: PaymentState::Initiated,
        sums: Sums::none(amount.currency),
        redirect: Some(Url::parse("https://pay.example/session").unwrap()),
        return_to: Url::parse("https://kasse.example/return").unwrap(),
        delivery: None,
        forgotten: false,
        created,
        authorised_at: None,
        expires: None,
        capture_by: None,
        guaranteed_until: None,
        next_look: None,
        events: 0,
        seen: Vec::new(),
        notes: Vec::new(),
        personal: None,
    }
}

/// The payment's next event, with the state and the sums that follow from it.
///
/// # Panics
/// Never.
pub fn happen(payment: &mut Payment, what: EventKind, at: Timestamp) -> PaymentEvent {
    payment.events += 1;
    let amount = what.amount().map_or(0, |amount| amount.minor);
    match &what {
        EventKind::Authorised { .. } => {
            payment.state = PaymentState::Authorised;
            payment.sums.authorised.minor += amount;
        }
        EventKind::Captured { .. } => payment.sums.captured.minor += amount,
        EventKind::Refunded { .. } => payment.sums.refunded.minor += amount,
        EventKind::Released { .. } => payment.sums.released.minor += amount,
        EventKind::Rejected => payment.state = PaymentState::Rejected,
        _ => {}
    }
    PaymentEvent {
        id: EventId::new(format!("{}/{}", payment.id, payment.events)).unwrap(),
        payment: payment.id.clone(),
        number: payment.events,
        at,
        what,
        sums: payment.sums,
    }
}

/// So many øre were reserved.
pub fn authorised(minor: i64) -> EventKind {
    let amount = Money::nok(minor);
    EventKind::Authorised { amount }
}

/// So many øre were captured.
pub fn captured(minor: i64) -> EventKind {
    let amount = Money::nok(minor);
    EventKind::Captured { amount, key: None }
}

/// So many øre were refunded.
pub fn refunded(minor: i64) -> EventKind {
    let amount = Money::nok(minor);
    EventKind::Refunded { amount, key: None }
}

/// So many øre were released.
pub fn released(minor: i64) -> EventKind {
    let amount = Money::nok(minor);
    EventKind::Released { amount }
}

/// Where an express customer wants it.
pub fn address() -> Address {
    Address {
        line1: "Storgata 2".into(),
        line2: String::new(),
        post_code: "9008".into(),
        city: "Tromsø".into(),
        country: "NO".into(),
    }
}

/// Who an express customer is.
pub fn personal() -> Personal {
    Personal {
        user_id: None,
        sub: None,
        first_name: Some("Ada".into()),
        last_name: Some("Lovelace".into()),
        email: Some("ada@example.com".into()),
        phone: Some("4712345678".into()),
        address: Some(address()),
    }
}
