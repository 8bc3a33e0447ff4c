//! Today's keys for yesterday's payments.

use kasse_testkit::Broken;

use super::Mutant;

pub(super) fn all() -> Vec<Mutant> {
    vec![Mutant {
        name: "keys: those that the shop has today",
        broken: Broken {
            rule: Some("keys"),
            ..Broken::not()
        },
    }]
}
