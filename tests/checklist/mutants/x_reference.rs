//! References that are used twice, and attempts that are taken for each other.

use kasse_core::{EventKind, Payment, PaymentEvent, Reference, Sums};
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "reference: there are five for each order",
            broken: Broken {
                rule: Some("five-attempts"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "reference: an earlier attempt's end is the order's",
            broken: Broken {
                rule: Some("ends-again"),
                adapter: Some(|shop| {
                    bent::shop(
                        shop,
                        BentShop {
                            record: Some(last_event_wins),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
    ]
}

/// The shop has one payment for an order: what comes late of the first undoes the second.
fn last_event_wins(now: &mut Payment, event: &mut PaymentEvent) -> bool {
    let late = event.what == EventKind::Rejected && event.number > 2;
    if late && let Ok(second) = Reference::new(format!("{}-2", now.id.reference)) {
        now.id.reference = second;
        event.what = EventKind::Refunded {
            amount: now.amount,
            key: None,
        };
        event.sums = Sums {
            authorised: now.amount,
            captured: now.amount,
            refunded: now.amount,
            ..event.sums
        };
    }
    true
}
