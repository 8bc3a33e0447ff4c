//! Payments that move backward, and words that are guessed.

use std::cell::Cell;
use std::time::Duration;

use http::StatusCode;
use kasse_core::api::{ApiError, BadCall, Ending, Inbound, OperationKind, Truth, TruthState};
use kasse_core::{Currency, EventKind, Sums, Verb};
use kasse_testkit::Broken;
use tokio::time::Instant;

use super::Mutant;
use crate::bent::{self, Bent, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "forward: the shop is told what a late callback says, and takes it",
            broken: Broken {
                rule: Some("late-callback-told"),
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            record: Some(|_, event| {
                                match &event.what {
                                    EventKind::Rejected => {
                                        event.sums.released = event.sums.authorised;
                                    }
                                    EventKind::Authorised { amount }
                                        if event.sums.captured.is_positive() =>
                                    {
                                        event.sums.authorised.minor += amount.minor;
                                    }
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
            name: "forward: a word that nobody knows is an end",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            read_answer: Some(guess_unknown),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "forward: a card that is declined ends the payment",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            read_answer: Some(end_declined),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "forward: what was tried without success was done",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            read_answer: Some(believe_tried),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "forward: a callback with a word that nobody knows is refused",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            inbound: Some(|inbound| {
                                let unknown = matches!(
                                    inbound,
                                    Some(Ok(Inbound::Callback(call)))
                                        if call.status.as_deref() == Some("TELEPORTED")
                                );
                                if unknown {
                                    *inbound = Some(Err(BadCall {
                                        status: StatusCode::BAD_REQUEST,
                                        why: "the status is not known".into(),
                                    }));
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
            name: "forward: a cancellation that Vipps refused is shown as done",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            answer: Some(|ask, _, response| {
                                if matches!(ask.verb, Verb::Cancel) {
                                    *response.status_mut() = StatusCode::OK;
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
            name: "forward: what cannot be read after its time is over by our own clock",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            initiate: Some(|_| BEGUN.set(Some(Instant::now()))),
                            read_answer: Some(|read| {
                                let late = BEGUN
                                    .get()
                                    .is_some_and(|at| at.elapsed() > Duration::from_secs(600));
                                if read.is_err() && late {
                                    *read = Ok(Some(ended()));
                                }
                            }),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
    ]
}

thread_local! {
    /// When the last payment was begun.
    static BEGUN: Cell<Option<Instant>> = const { Cell::new(None) };
}

fn ended() -> Truth {
    Truth::new(
        TruthState::Ended(Ending::Unsaid),
        Sums::none(Currency::Nok),
        Vec::new(),
    )
}

fn guess_unknown(read: &mut Result<Option<Truth>, ApiError>) {
    let Ok(Some(truth)) = read else { return };
    if matches!(truth.state, TruthState::Unknown(_)) {
        truth.state = TruthState::Ended(Ending::Unsaid);
    }
}

fn end_declined(read: &mut Result<Option<Truth>, ApiError>) {
    let Ok(Some(truth)) = read else { return };
    let declined = truth
        .operations
        .iter()
        .any(|operation| operation.kind == OperationKind::Authorise);
    if truth.state == TruthState::Open && declined {
        truth.state = TruthState::Ended(Ending::Unsaid);
    }
}

fn believe_tried(read: &mut Result<Option<Truth>, ApiError>) {
    let Ok(Some(truth)) = read else { return };
    for operation in &mut truth.operations {
        if operation.kind == OperationKind::Authorise && !operation.success {
            operation.success = true;
            truth.state = TruthState::Authorised;
            truth.sums.authorised = operation.amount;
        }
    }
}
