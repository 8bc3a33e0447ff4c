//! What support is not told, or cannot do.

use kasse_core::api::ApiError;
use kasse_core::{Error, EventKind, Part, Reference, Verb, Who};
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, Bent, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "support: the reason of a refusal is lost",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            answer: Some(without_reason),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "support: a part is refunded as the whole",
            broken: Broken {
                adapter: Some(|shop| {
                    bent::shop(
                        shop,
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
            name: "support: a captured part is shown as the whole",
            broken: Broken {
                adapter: Some(|shop| {
                    bent::shop(
                        shop,
                        BentShop {
                            record: Some(|_, event| {
                                if let EventKind::Captured { .. } = event.what {
                                    event.sums.captured = event.sums.authorised;
                                }
                                true
                            }),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "support: the shop does not show the reference",
            broken: Broken {
                adapter: Some(|shop| {
                    bent::shop(
                        shop,
                        BentShop {
                            record: Some(|now, _| {
                                let other = format!("payment-{}", now.attempt);
                                if let Ok(other) = Reference::new(other) {
                                    now.id.reference = other;
                                }
                                true
                            }),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
    ]
}

fn without_reason(answer: &mut Result<(), ApiError>) {
    if let Err(ApiError::Refused(error)) = answer {
        let kind = error.kind.clone();
        *error = Error::new(kind, Who::Nobody, "It did not work", "", "");
    }
}
