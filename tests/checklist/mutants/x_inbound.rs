//! What comes in is taken for what it says.

use std::cell::Cell;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use kasse_core::api::{Inbound, OperationKind, TruthState};
use kasse_testkit::Broken;
use serde_json::Value;

use super::Mutant;
use crate::bent::{self, Bent};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "inbound: no token is asked for",
            broken: Broken {
                rule: Some("any-token"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "inbound: a callback's reservation is believed",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            initiate: Some(|_| SAID.set(None)),
                            inbound: Some(listen),
                            read_answer: Some(|read| {
                                if let (Ok(Some(truth)), Some(amount)) = (read, SAID.get())
                                    && truth.state == TruthState::Open
                                {
                                    truth.state = TruthState::Authorised;
                                    truth.sums.authorised.minor = amount;
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
            name: "inbound: a callback's amount is believed",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            initiate: Some(|_| SAID.set(None)),
                            inbound: Some(listen),
                            read_answer: Some(|read| {
                                let (Ok(Some(truth)), Some(amount)) = (read, SAID.get()) else {
                                    return;
                                };
                                for operation in &mut truth.operations {
                                    if operation.kind == OperationKind::Authorise {
                                        operation.amount.minor = amount;
                                        truth.sums.authorised = operation.amount;
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
            name: "inbound: what does not fit in a callback is not noted",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            inbound: Some(|inbound| {
                                if let Some(Ok(Inbound::Callback(call))) = inbound {
                                    call.msn = None;
                                    call.amount = None;
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
            name: "inbound: a sales unit that is a number is another one",
            broken: Broken {
                inbound: Some(|request| {
                    let Ok(mut body) = serde_json::from_slice::<Value>(request.body()) else {
                        return;
                    };
                    if let Some(msn) = body.get_mut("merchantSerialNumber")
                        && msn.is_number()
                    {
                        *msn = "999999".into();
                        *request.body_mut() = Bytes::from(body.to_string());
                    }
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "inbound: a callback that cannot be read is a failure of the server",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            inbound: Some(|inbound| {
                                if let Some(Err(bad)) = inbound {
                                    bad.status = StatusCode::INTERNAL_SERVER_ERROR;
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
            name: "inbound: a callback for nobody is thanked for",
            broken: Broken {
                answer: Some(|path, response| {
                    if path.starts_with("/vipps/") && response.status() == StatusCode::NOT_FOUND {
                        *response.status_mut() = StatusCode::OK;
                    }
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "inbound: the shop's name in the path is not looked at",
            broken: Broken {
                inbound: Some(any_shop),
                ..Broken::not()
            },
        },
        Mutant {
            name: "inbound: a token counts only under the host that was named to Vipps",
            broken: Broken {
                inbound: Some(|request| {
                    let host = request.headers().get(header::HOST);
                    let named = host.is_some_and(|host| host == "kasse.example");
                    if !named {
                        request.headers_mut().remove(header::AUTHORIZATION);
                    }
                }),
                ..Broken::not()
            },
        },
    ]
}

thread_local! {
    /// The amount of the last callback that told of a reservation.
    static SAID: Cell<Option<i64>> = const { Cell::new(None) };
}

fn listen(inbound: &mut Option<Result<Inbound, kasse_core::api::BadCall>>) {
    if let Some(Ok(Inbound::Callback(call))) = inbound
        && call
            .status
            .as_deref()
            .is_some_and(|status| ["RESERVE", "RESERVED"].contains(&status))
    {
        SAID.set(call.amount);
    }
}

fn any_shop(request: &mut Request<Bytes>) {
    let path = request.uri().path();
    let mut pieces: Vec<&str> = path.split('/').collect();
    if pieces.get(1) == Some(&"vipps") && pieces.len() > 2 {
        pieces[2] = "shop";
        *request.uri_mut() = pieces.join("/").parse().unwrap();
    }
}
