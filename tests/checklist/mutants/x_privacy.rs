//! Secrets and personal data where they should not be.

use http::StatusCode;
use http::header::AUTHORIZATION;
use kasse_core::journal::Write;
use kasse_core::{Note, Personal};
use kasse_testkit::{Broken, JournalHooks};

use super::Mutant;
use crate::bent::{self, BentHttp, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "privacy: access tokens are logged",
            broken: Broken {
                transport: Some(|transport| {
                    bent::http(
                        transport,
                        BentHttp {
                            request: Some(|request| {
                                let shown = request.headers().get(AUTHORIZATION);
                                tracing::debug!(target: "kasse_vipps::http", authorization = ?shown.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()), "a call");
                            }),
                            ..BentHttp::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "privacy: lines of the log name the order, and not the payment",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            answer: Some(|ask, _, _| {
                                tracing::info!(target: "kasse_demo_shop", order = %ask.at.order, "answered");
                            }),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "privacy: the customer is logged",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            record: Some(|now, _| {
                                let email =
                                    now.personal.as_ref().and_then(|who| who.email.as_deref());
                                tracing::debug!(target: "kasse_demo_shop", reference = %now.id.reference, email, "told");
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
            name: "privacy: a note says who paid",
            broken: Broken {
                journal: JournalHooks {
                    write: Some(|mut batch| {
                        let who = batch.writes.iter().find_map(|write| match write {
                            Write::Personal(_, Personal { last_name, .. }) => last_name.clone(),
                            _ => None,
                        });
                        for write in &mut batch.writes {
                            if let (Write::Update(payment), Some(who)) = (write, &who) {
                                let (at, text) = (payment.created, format!("{who} paid."));
                                payment.notes.push(Note { at, text });
                            }
                        }
                        Some(batch)
                    }),
                    ..JournalHooks::default()
                },
                ..Broken::not()
            },
        },
        Mutant {
            name: "privacy: a refusal says where in the program",
            broken: Broken {
                answer: Some(|path, response| {
                    if path.starts_with("/vipps/") && response.status() == StatusCode::UNAUTHORIZED
                    {
                        bent::rewrite(
                            response,
                            "Refused.",
                            "Refused. The token is another, flow/inbound.rs:182.",
                        );
                    }
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "privacy: return addresses can be guessed",
            broken: Broken {
                rule: Some("return addresses are unguessable"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "privacy: the return page may be framed and kept",
            broken: Broken {
                answer: Some(|path, response| {
                    if path.starts_with("/return/") {
                        for name in ["content-security-policy", "cache-control"] {
                            response.headers_mut().remove(name);
                        }
                    }
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "privacy: anybody may take back a consent",
            broken: Broken {
                rule: Some("consent addresses are unguessable"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "privacy: it is forgotten that a customer was to be forgotten",
            broken: Broken {
                journal: JournalHooks {
                    write: Some(|mut batch| {
                        for write in &mut batch.writes {
                            if let Write::Update(payment) = write {
                                payment.forgotten = false;
                            }
                        }
                        Some(batch)
                    }),
                    ..JournalHooks::default()
                },
                ..Broken::not()
            },
        },
    ]
}
