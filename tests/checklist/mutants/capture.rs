//! Captures that go wrong.

use kasse_core::Money;
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, Bent};

pub(super) fn all() -> Vec<Mutant> {
    vec![Mutant {
        name: "capture: one øre less than was asked for",
        broken: Broken {
            api: Some(|api| {
                bent::api(
                    api,
                    Bent {
                        capture: Some(|what| what.amount = less(what.amount)),
                        ..Bent::default()
                    },
                )
            }),
            ..Broken::not()
        },
    }]
}

fn less(amount: Money) -> Money {
    Money::new(amount.minor - 1, amount.currency)
}
