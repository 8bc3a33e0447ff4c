//! Refunds that go wrong.

use kasse_core::{Money, Part, Verb};
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, Bent, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "refund: one øre less than was asked for",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            refund: Some(|what| {
                                what.amount =
                                    Money::new(what.amount.minor - 1, what.amount.currency);
                            }),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "refund: a part is taken for everything",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            read: Some(|ask| {
                                if let Verb::Refund(part) = &mut ask.verb {
                                    *part = Part::rest();
                                }
                            }),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "refund: a reservation is cancelled instead",
            broken: Broken {
                rule: Some("refund-cancels"),
                ..Broken::not()
            },
        },
    ]
}
