//! An engine's bad moments, handled badly.

use kasse_core::journal::{Told, Write};
use kasse_core::{RecordError, Recorded};
use kasse_testkit::{Broken, JournalHooks};

use super::Mutant;
use crate::bent::{self, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "engine: it is given up after five tries",
            broken: Broken {
                journal: JournalHooks {
                    write: Some(|mut batch| {
                        for write in &mut batch.writes {
                            if let Write::Deliver(delivery) = write
                                && matches!(delivery.what, Told::Event { .. })
                                && delivery.tries >= 5
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
        Mutant {
            name: "engine: one order is told after the other",
            broken: Broken {
                rule: Some("orders are told side by side"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "engine: what the shop will not take is held to be taken",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            record_answer: Some(|answer| {
                                if matches!(answer, Err(RecordError::Never(_))) {
                                    *answer = Ok(Recorded::default());
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
            name: "engine: nobody is told that the order was changed",
            broken: Broken {
                journal: JournalHooks {
                    write: Some(|mut batch| {
                        for write in &mut batch.writes {
                            if let Write::Update(payment) = write {
                                payment
                                    .notes
                                    .retain(|note| !note.text.contains("was changed"));
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
            name: "engine: another cart gets the payment of the one before",
            broken: Broken {
                rule: Some("another cart is another payment"),
                ..Broken::not()
            },
        },
    ]
}
