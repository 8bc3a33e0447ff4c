//! What is done in Vipps' portal is not seen, or not taken in.

use kasse_core::{EventKind, Payment, PaymentEvent};
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent;

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "portal: nobody looks at what is reserved",
            broken: Broken {
                rule: Some("settled"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "portal: what the shop did not ask for is left out",
            broken: bent::adapter! { record: asked_for },
        },
    ]
}

fn asked_for(_: &mut Payment, event: &mut PaymentEvent) -> bool {
    !matches!(
        event.what,
        EventKind::Captured { key: None, .. } | EventKind::Refunded { key: None, .. }
    )
}
