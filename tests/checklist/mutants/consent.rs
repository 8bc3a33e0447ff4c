//! Consents that are taken back, and data that stay.

use http::{Method, Uri};
use kasse_core::api::Inbound;
use kasse_core::journal::{Told, Write};
use kasse_testkit::{Broken, JournalHooks};

use super::Mutant;
use crate::bent::{self, Bent, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "consent: the shop forgets nothing",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            forget: Some(|_| false),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "consent: kasse's own copy stays",
            broken: Broken {
                journal: JournalHooks {
                    write: Some(|batch| {
                        Some(bent::without(batch, |write| {
                            matches!(write, Write::Erase(_))
                        }))
                    }),
                    ..JournalHooks::default()
                },
                ..Broken::not()
            },
        },
        Mutant {
            name: "consent: a plus sign in the userId is a space",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            inbound: Some(|call| {
                                if let Some(Ok(Inbound::Consent(removal))) = call {
                                    removal.user_id = removal.user_id.replace('+', " ");
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
            name: "consent: a proxy in front merges slashes",
            broken: Broken {
                inbound: Some(|request| {
                    if *request.method() == Method::DELETE {
                        let merged = request.uri().path().replace("%2F", "/").replace("//", "/");
                        *request.uri_mut() = merged.parse::<Uri>().unwrap();
                    }
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "consent: who never paid is not found",
            broken: Broken {
                rule: Some("an unknown user is no error"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "consent: the shop is told once, and never again",
            broken: Broken {
                journal: JournalHooks {
                    write: Some(|mut batch| {
                        for write in &mut batch.writes {
                            if let Write::Deliver(delivery) = write
                                && delivery.what == Told::Forget
                                && delivery.tries > 0
                            {
                                *write = Write::Delivered(delivery.id.clone());
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
