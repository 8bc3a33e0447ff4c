//! Things that are done twice.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use http::{Method, StatusCode};
use kasse_core::api::Modification;
use kasse_core::{EventId, IdempotencyKey, Verb};
use kasse_testkit::{Broken, JournalHooks};

use super::Mutant;
use crate::bent::{self, Bent, BentHttp, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "once: a cart never looks the same again",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            read: Some(|ask| {
                                if let Verb::Initiate(order) = &mut ask.verb {
                                    for line in &mut order.lines {
                                        line.quantity += next();
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
            name: "once: what two begin at the same moment, both begin",
            broken: Broken {
                journal: JournalHooks {
                    give: Some(|key| key.as_str().starts_with("order ")),
                    ..JournalHooks::default()
                },
                ..Broken::not()
            },
        },
        Mutant {
            name: "once: who calls while another is served is turned away",
            broken: Broken {
                inbound: Some(|request| {
                    let path = request.uri().path();
                    if path.starts_with("/engine/") {
                        SERVED.set(0);
                    } else {
                        SERVED.set(SERVED.get() + 1);
                    }
                }),
                answer: Some(|path, response| {
                    if !path.starts_with("/engine/") {
                        SERVED.set(SERVED.get() - 1);
                        if SERVED.get() > 0 {
                            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                        }
                    }
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "once: what stands already is refused to who asks again",
            broken: Broken {
                rule: Some("asked-again"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "once: an order that is paid can be paid again",
            broken: Broken {
                rule: Some("paid-again"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "once: an earlier attempt stays open beside the next",
            broken: Broken {
                rule: Some("left-open"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "once: a cancellation goes out without a look",
            broken: Broken {
                rule: Some("unread-cancel"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "once: a payment whose start was lost stays open",
            broken: Broken {
                rule: Some("lost-start-stays"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "once: an initiate without an answer is sent again",
            broken: Broken {
                transport: Some(|transport| {
                    bent::http(
                        transport,
                        BentHttp {
                            again: Some(|request, answer| {
                                request.method() == Method::POST
                                    && request.uri().path() == "/ecomm/v2/payments"
                                    && answer.is_err()
                            }),
                            ..BentHttp::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "once: a cancellation without an answer is sent again at once",
            broken: Broken {
                transport: Some(|transport| {
                    bent::http(
                        transport,
                        BentHttp {
                            again: Some(|request, answer| {
                                request.method() == Method::PUT && answer.is_err()
                            }),
                            ..BentHttp::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "once: each try has a key of its own",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            initiate: Some(|_| SENT.with_borrow_mut(BTreeSet::clear)),
                            capture: Some(another_key),
                            refund: Some(another_key),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "once: the adapter does not remember what it was told",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            record: Some(|_, event| {
                                event.id =
                                    EventId::new(format!("{}-{}", event.id, next())).unwrap();
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

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
    /// How many calls are being served.
    static SERVED: Cell<i32> = const { Cell::new(0) };
    /// The keys that were sent before.
    static SENT: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Another number each time.
fn next() -> u32 {
    COUNT.set(COUNT.get() + 1);
    COUNT.get()
}

fn another_key(what: &mut Modification) {
    let first = SENT.with_borrow_mut(|sent| sent.insert(what.key.as_str().to_owned()));
    if !first {
        what.key = IdempotencyKey::new(format!("{}-{}", what.key, next())).unwrap();
    }
}
