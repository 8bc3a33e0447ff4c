//! Initiates that go wrong.

use kasse_core::{Money, Outcome, Reference, Verb};
use kasse_testkit::Broken;
use serde_json::Value;

use super::Mutant;
use crate::bent::{self, Bent, BentHttp, BentShop};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "initiate: a paymentType for regular payments too",
            broken: Broken {
                transport: Some(|transport| {
                    bent::http(
                        transport,
                        BentHttp {
                            request: Some(|request| {
                                if request.uri().path() == "/ecomm/v2/payments" {
                                    *request.body_mut() = typed(request.body()).into();
                                }
                            }),
                            ..BentHttp::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "initiate: regular payments without an authToken",
            broken: Broken {
                transport: Some(|transport| {
                    bent::http(
                        transport,
                        BentHttp {
                            request: Some(|request| {
                                if request.uri().path() == "/ecomm/v2/payments" {
                                    *request.body_mut() = tokenless(request.body()).into();
                                }
                            }),
                            ..BentHttp::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "initiate: express with a guessed delivery in the amount",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            initiate: Some(|what| {
                                let amount = what.order.amount;
                                if what.order.express.is_some() {
                                    what.order.amount =
                                        Money::new(amount.minor + 4900, amount.currency);
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
            name: "initiate: every attempt under the order's first reference",
            broken: Broken {
                api: Some(|api| {
                    bent::api(
                        api,
                        Bent {
                            initiate: Some(|what| what.reference = first(&what.reference)),
                            ..Bent::default()
                        },
                    )
                }),
                ..Broken::not()
            },
        },
        Mutant {
            name: "initiate: the shopper reads what Vipps' error says",
            broken: Broken {
                adapter: Some(|adapter| {
                    bent::shop(
                        adapter,
                        BentShop {
                            answer: Some(|ask, outcome, response| {
                                if let (Verb::Initiate(_), Outcome::Refused(error)) =
                                    (&ask.verb, outcome)
                                {
                                    let told = serde_json::json!({ "shopper": error.to_string() });
                                    *response.body_mut() = told.to_string().into();
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

fn typed(body: &[u8]) -> String {
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(merchant) = body["merchantInfo"].as_object_mut() {
        merchant
            .entry("paymentType")
            .or_insert("eComm Regular Payment".into());
    }
    body.to_string()
}

/// Vipps refuses express payments without one.
fn tokenless(body: &[u8]) -> String {
    let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(merchant) = body["merchantInfo"].as_object_mut()
        && !merchant.contains_key("paymentType")
    {
        merchant.remove("authToken");
    }
    body.to_string()
}

/// Without the attempt's suffix.
fn first(reference: &Reference) -> Reference {
    let text = reference.as_str();
    let bare = text
        .rsplit_once('-')
        .filter(|(_, attempt)| attempt.len() == 1)
        .map_or(text, |(bare, _)| bare);
    Reference::new(bare).unwrap_or_else(|_| reference.clone())
}
