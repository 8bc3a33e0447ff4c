//! References that nobody can use.

use kasse_core::Reference;
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "order-id: a random one in place of the order's number",
            broken: Broken {
                rule: Some("nameless"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "order-id: the shop shows the first attempt's, whichever was paid",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            record: Some(|now, _| {
                                let first = now.id.reference.as_str().trim_end_matches("-2");
                                if let Ok(first) = Reference::new(first) {
                                    now.id.reference = first;
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
    ]
}
