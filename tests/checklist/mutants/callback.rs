//! Callbacks that are not understood, or not acted on.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Request, StatusCode};
use kasse_core::api::{BadCall, Inbound};
use kasse_core::journal::{Batch, Write};
use kasse_core::{EventKind, Payment, PaymentEvent, Personal};
use kasse_testkit::{Broken, JournalHooks};
use serde_json::Value;

use super::Mutant;
use crate::bent::{self, Bent, BentHttp, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "callback: its address has a slash too many",
            broken: Broken {
                transport: Some(|transport| {
                    bent::http(
                        transport,
                        BentHttp {
                            request: Some(slash),
                            ..BentHttp::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "callback: it is acknowledged and forgotten",
            broken: Broken {
                rule: Some("callback-unread"),
                journal: JournalHooks {
                    write: Some(without_callbacks),
                    ..JournalHooks::default()
                },
                ..Broken::not()
            },
        },
        Mutant {
            name: "callback: the statuses that the schema lacks are refused",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            inbound: Some(|call| refuse(call, &["RESERVE_FAILED", "SALE_FAILED"])),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "callback: SALE is refused",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            inbound: Some(|call| refuse(call, &["SALE"])),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "callback: express's RESERVE is refused, since it is not RESERVED",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            inbound: Some(|call| refuse(call, &["RESERVE"])),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "callback: every outcome is shown as paid",
            broken: Broken {
                adapter: Some(|shop| {
                    bent::shop(
                        shop,
                        BentShop {
                            record: Some(paid),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "callback: a direct capture is shown as reserved",
            broken: Broken {
                adapter: Some(|shop| {
                    bent::shop(
                        shop,
                        BentShop {
                            record: Some(|_, event| {
                                !matches!(event.what, EventKind::Captured { key: None, .. })
                            }),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "callback: an express order's customer is not written down",
            broken: Broken {
                adapter: Some(|shop| {
                    bent::shop(
                        shop,
                        BentShop {
                            record: Some(|now, _| {
                                now.personal = None;
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
            name: "callback: who did not pay is a customer too",
            broken: Broken {
                adapter: Some(|shop| {
                    bent::shop(
                        shop,
                        BentShop {
                            record: Some(customer_anyway),
                            ..BentShop::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
    ]
}

fn slash(request: &mut Request<Bytes>) {
    let Ok(mut body) = serde_json::from_slice::<Value>(request.body()) else {
        return;
    };
    if let Some(prefix) = body.pointer_mut("/merchantInfo/callbackPrefix") {
        *prefix = format!("{}/", prefix.as_str().unwrap_or_default()).into();
        let body = Bytes::from(body.to_string());
        let length = HeaderValue::from(body.len());
        request.headers_mut().insert(CONTENT_LENGTH, length);
        *request.body_mut() = body;
    }
}

fn without_callbacks(mut batch: Batch) -> Option<Batch> {
    batch
        .writes
        .retain(|write| !matches!(write, Write::Receive(_)));
    Some(batch)
}

fn refuse(call: &mut Option<Result<Inbound, BadCall>>, statuses: &[&str]) {
    let Some(Ok(Inbound::Callback(callback))) = call else {
        return;
    };
    if callback
        .status
        .as_deref()
        .is_some_and(|told| statuses.contains(&told))
    {
        *call = Some(Err(BadCall {
            status: StatusCode::BAD_REQUEST,
            why: "the status is not known".into(),
        }));
    }
}

fn ended(event: &PaymentEvent) -> bool {
    matches!(
        event.what,
        EventKind::Rejected | EventKind::Cancelled | EventKind::Expired
    )
}

fn paid(now: &mut Payment, event: &mut PaymentEvent) -> bool {
    if ended(event) {
        event.what = EventKind::Authorised { amount: now.amount };
        event.sums.authorised = now.amount;
        now.sums.authorised = now.amount;
    }
    true
}

fn customer_anyway(now: &mut Payment, event: &mut PaymentEvent) -> bool {
    if ended(event) {
        now.personal = Some(Personal {
            first_name: Some("Ada".into()),
            ..Personal::default()
        });
    }
    true
}
