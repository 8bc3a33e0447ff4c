//! Details that are not believed, or believed too much.

use kasse_core::api::{ApiError, TruthState};
use kasse_core::{Error, Personal};
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, Bent};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "details: a callback's word counts for more",
            broken: Broken {
                rule: Some("callback-believed"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "details: without a transactionSummary they cannot be read",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            read_answer: Some(|answer| {
                                if let Ok(Some(truth)) = answer
                                    && truth.state == TruthState::Open
                                {
                                    *answer = Err(ApiError::Refused(unreadable()));
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
            name: "details: Merchant/35 tells nobody which keys are used",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            read_answer: Some(|answer| {
                                if let Ok(None) = answer {
                                    *answer = Err(ApiError::Unknown(unreadable()));
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
            name: "details: [Expired] is a name",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            read_answer: Some(|answer| {
                                // An express payment's customer chose a delivery.
                                if let Ok(Some(truth)) = answer
                                    && truth.delivery.is_some()
                                    && truth
                                        .personal
                                        .as_ref()
                                        .is_none_or(|personal| personal.first_name.is_none())
                                {
                                    let personal =
                                        truth.personal.get_or_insert_with(Personal::default);
                                    personal.first_name = Some("[Expired]".into());
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

fn unreadable() -> Error {
    Error::bug("The payment cannot be read", "its answer is not known.")
}
