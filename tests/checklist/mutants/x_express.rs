//! Express that is careless with tokens, places, packages, ids and spellings.

use bytes::Bytes;
use kasse_core::journal::Write;
use kasse_core::{DeliveryKind, Money, ShippingOption, VatRate};
use kasse_testkit::{Broken, JournalHooks};

use super::Mutant;
use crate::bent::{self, Bent, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "express: shipping calls need no token",
            broken: Broken {
                rule: Some("shipping calls show the token"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "express: where the shop does not deliver, a free delivery is made up",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            quote: Some(|_, answer| {
                                if let Ok(options) = answer
                                    && options.is_empty()
                                {
                                    options.push(free());
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
            name: "express: only the first package is quoted",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            quote: Some(|_, answer| {
                                for option in answer.iter_mut().flatten() {
                                    let price = option.price;
                                    if price.minor >= 19_900 {
                                        let first = price.minor - 19_900;
                                        option.price = Money::new(first, price.currency);
                                    }
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
            name: "express: a method has the same id in every quote",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            options: Some(|options| {
                                for quoted in options {
                                    quoted.wire_id = quoted.option.id.clone();
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
            name: "express: no good answer is remembered",
            broken: Broken {
                journal: JournalHooks {
                    write: Some(|batch| {
                        Some(bent::without(batch, |write| {
                            matches!(write, Write::Quote(_))
                        }))
                    }),
                    ..JournalHooks::default()
                },
                ..Broken::not()
            },
        },
        Mutant {
            name: "express: the last good answer is for every cart and place",
            broken: Broken {
                rule: Some("a quote is of a cart and a place"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "express: only one spelling of the address is read",
            broken: Broken {
                inbound: Some(|request| {
                    let body = String::from_utf8_lossy(request.body());
                    if body.contains("\"PostCode\"") {
                        // The same length: the headers are the same.
                        let unread = body.replace("\"PostCode\"", "\"PostCod_\"");
                        *request.body_mut() = Bytes::from(unread);
                    }
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "express: regular payments have deliveries too",
            broken: Broken {
                rule: Some("only express delivers"),
                ..Broken::not()
            },
        },
    ]
}

fn free() -> ShippingOption {
    ShippingOption {
        id: "free".into(),
        title: "Free shipping".into(),
        price: Money::nok(0),
        vat: VatRate::percent(25),
        kind: DeliveryKind::Other,
        brand: String::new(),
        estimate: None,
        default: true,
        priority: 0,
        engine: serde_json::Value::Null,
    }
}
