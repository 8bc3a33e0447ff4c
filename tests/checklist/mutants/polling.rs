//! Looks at Vipps that come too seldom, too often, or for too long.

use std::time::Duration;

use kasse_core::EventKind;
use kasse_core::journal::{Batch, Write};
use kasse_testkit::{Broken, JournalHooks};

use super::Mutant;
use crate::bent::{self, Bent, BentHttp, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "polling: once a minute",
            broken: Broken {
                sweep_every: Some(60),
                ..Broken::not()
            },
        },
        Mutant {
            name: "polling: details are asked for twice",
            broken: Broken {
                transport: Some(|transport| {
                    bent::http(
                        transport,
                        BentHttp {
                            again: Some(|request, _| request.uri().path().ends_with("/details")),
                            ..BentHttp::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "polling: the customer has five minutes",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            window: Some(Duration::from_secs(300)),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "polling: what has ended is read on",
            broken: Broken {
                journal: JournalHooks {
                    write: Some(read_on),
                    ..JournalHooks::default()
                },
                ..Broken::not()
            },
        },
        Mutant {
            name: "polling: an order that ran out of time waits on in the shop",
            broken: Broken {
                adapter: Some(|shop| {
                    bent::shop(
                        shop,
                        BentShop {
                            record: Some(|_, event| event.what != EventKind::Expired),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
    ]
}

fn read_on(mut batch: Batch) -> Option<Batch> {
    for write in &mut batch.writes {
        if let Write::Update(payment) = write
            && payment.state.is_dead()
        {
            payment.next_look = Some(payment.created);
        }
    }
    Some(batch)
}
