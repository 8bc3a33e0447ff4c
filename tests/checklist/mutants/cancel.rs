//! Cancellations that go wrong.

use kasse_core::EventKind;
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, Bent, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "cancel: the shop is not told of a release",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            record: Some(|_, event| {
                                !matches!(event.what, EventKind::Released { .. })
                            }),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "cancel: the shop is not told that an unpaid payment was cancelled",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            record: Some(|_, event| !matches!(event.what, EventKind::Cancelled)),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "cancel: what is left is not released after a partial capture",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            cancel: Some(|what| what.release = false),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "cancel: what is captured is refunded instead",
            broken: Broken {
                rule: Some("cancel-refunds"),
                ..Broken::not()
            },
        },
    ]
}
