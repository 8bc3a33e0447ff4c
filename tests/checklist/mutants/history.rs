//! Texts that say too little, or too much.

use kasse_core::Verb;
use kasse_testkit::Broken;

use super::Mutant;
use crate::bent::{self, Bent, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "history: a refund reads like a purchase",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            refund: Some(|what| what.text = what.text.replace("Refund: ", "")),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "history: the text names the buyer",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            read: Some(|ask| {
                                if let Verb::Initiate(order) = &mut ask.verb
                                    && let Some(phone) = &order.buyer.phone
                                {
                                    order.text = format!("{} for {phone}", order.text);
                                }
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
