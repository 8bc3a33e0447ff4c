//! What a sudden end leaves half done.

use kasse_core::journal::{CommandState, CommandVerb, Write};
use kasse_testkit::{Broken, JournalHooks};

use super::Mutant;

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "crash: a capture or refund is sent before it is journaled",
            broken: Broken {
                journal: JournalHooks {
                    write: Some(|mut batch| {
                        batch.writes.retain(|write| !is_new_modification(write));
                        Some(batch)
                    }),
                    ..JournalHooks::default()
                },
                ..Broken::not()
            },
        },
        Mutant {
            name: "crash: callbacks are kept in memory, and a timer looks each minute",
            broken: Broken {
                journal: JournalHooks {
                    write: Some(|mut batch| {
                        batch
                            .writes
                            .retain(|write| !matches!(write, Write::Receive(_)));
                        Some(batch)
                    }),
                    ..JournalHooks::default()
                },
                sweep_every: Some(60),
                ..Broken::not()
            },
        },
        Mutant {
            name: "crash: the shop counts as told before it is",
            broken: Broken {
                rule: Some("noted-before-told"),
                ..Broken::not()
            },
        },
    ]
}

fn is_new_modification(write: &Write) -> bool {
    matches!(
        write,
        Write::Command(command)
            if matches!(command.state, CommandState::Open { .. })
                && matches!(
                    command.verb,
                    CommandVerb::Capture { .. } | CommandVerb::Refund { .. }
                )
    )
}
