//! Captures that go wrong.

use kasse_core::api::OperationKind;
use kasse_core::{ErrorKind, Money, Outcome, Part, Verb};
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, Bent, BentHttp, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
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
        },
        Mutant {
            name: "capture: sent a second time, though it was answered",
            broken: Broken {
                transport: Some(|transport| {
                    bent::http(
                        transport,
                        BentHttp {
                            again: Some(|request, _| request.uri().path().ends_with("/capture")),
                            ..BentHttp::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "capture: a part is taken for everything",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            read: Some(|ask| {
                                if let Verb::Capture(part) = &mut ask.verb {
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
            name: "capture: more than is left becomes what is left",
            broken: Broken {
                rule: Some("clamped"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "record: the shop shows the last part in place of the sum",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            record: Some(|_, event| {
                                use kasse_core::EventKind::{Captured, Refunded};
                                match event.what {
                                    Captured { amount, .. } => event.sums.captured = amount,
                                    Refunded { amount, .. } => event.sums.refunded = amount,
                                    _ => {}
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
            name: "capture: a SALE is taken for a reservation",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            read_answer: Some(|answer| {
                                if let Ok(Some(truth)) = answer {
                                    for operation in &mut truth.operations {
                                        if operation.kind == OperationKind::Sale {
                                            operation.kind = OperationKind::Authorise;
                                            truth.sums.captured =
                                                Money::zero(operation.amount.currency);
                                        }
                                    }
                                }
                            }),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "answer: what Vipps refuses is shown as done",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            answer: Some(|ask, outcome, response| {
                                let starts = matches!(ask.verb, Verb::Initiate(_));
                                if let (false, Outcome::Refused(error)) = (starts, outcome)
                                    && matches!(error.kind, ErrorKind::Vipps { .. })
                                {
                                    *response.status_mut() = http::StatusCode::OK;
                                }
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

fn less(amount: Money) -> Money {
    Money::new(amount.minor - 1, amount.currency)
}
