//! Sweeps that one order can stop.

use kasse_core::api::{ApiError, Truth};
use kasse_core::{Error, ErrorKind, Who};
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, Bent};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "sweep: it ends with the first that fails",
            broken: Broken {
                rule: Some("sweep-stops"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "sweep: it waits for each, one after the other",
            broken: Broken {
                rule: Some("sweep-waits"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "sweep: what Vipps does not find is ended",
            broken: Broken {
                rule: Some("ends-unknown"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "sweep: what Vipps does not find is a bad connection",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            read_answer: Some(unreachable),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
    ]
}

fn unreachable(answer: &mut Result<Option<Truth>, ApiError>) {
    if matches!(answer, Ok(None)) {
        *answer = Err(ApiError::Unknown(Error::new(
            ErrorKind::VippsUnavailable,
            Who::Nobody,
            "The payment was not read",
            "Vipps did not answer.",
            "Wait.",
        )));
    }
}
