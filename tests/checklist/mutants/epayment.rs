//! What only ePayment can get wrong: its own bytes, its keys, its webhooks.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use kasse_core::IdempotencyKey;
use kasse_core::api::{ApiError, Cancellation, Ending, OperationKind, Truth, TruthState};
use kasse_core::journal::{Batch, Write};
use kasse_core::{ErrorKind, TransportError};
use kasse_testkit::{Broken, JournalHooks};
use serde_json::{Value, json};

use super::Mutant;
use crate::bent;

type Answer = Result<Response<Bytes>, TransportError>;
type Read = Result<Option<Truth>, ApiError>;

pub(super) fn all() -> Vec<Mutant> {
    [requests(), answers(), truths(), webhooks()].concat()
}

fn mutant(name: &'static str, broken: Broken) -> Mutant {
    Mutant { name, broken }
}

fn requests() -> Vec<Mutant> {
    vec![
        mutant(
            "create: the customer is sent back to somewhere else",
            bent::wire! { initiate: |what| {
                what.urls.back = "https://elsewhere.example/back".parse().unwrap();
            } },
        ),
        mutant(
            "create: another key at each try",
            bent::wire! { initiate: |what| {
                what.key = IdempotencyKey::new(format!("{}-{}", what.key, next())).unwrap();
            } },
        ),
        mutant(
            "create: begun anew while its outcome is not known",
            bent::wire! { initiate_is_idempotent: false },
        ),
        mutant(
            "create: eight digits are Danish",
            bent::wire! { initiate: |what| {
                let phone = &mut what.order.buyer.phone;
                if let Some(typed) = phone.as_deref()
                    && !typed.starts_with(['+', '0'])
                {
                    *phone = Some(format!("+45{typed}"));
                }
            } },
        ),
        mutant(
            "create: the buyer stands in the payment's text",
            bent::wire! { initiate: |what| {
                if let Some(phone) = &what.order.buyer.phone {
                    what.order.text = format!("Order {} for {phone}", what.order.at.order);
                }
            } },
        ),
        mutant(
            "create: a receipt whose tax does not add up",
            bent::transport! { request: |request| in_create(request, |body| {
                if let Some(tax) = body.pointer_mut("/receipt/orderLines/0/totalTaxAmount") {
                    *tax = json!(tax.as_i64().unwrap_or_default() + 1);
                }
            }) },
        ),
        mutant(
            "create: express asks for no more than the address",
            bent::transport! { request: |request| in_create(request, |body| {
                if let Some(scope) = body.pointer_mut("/profile/scope") {
                    *scope = json!("address");
                }
            }) },
        ),
        mutant(
            "create: fixed deliveries cost a krone more",
            bent::transport! { request: |request| in_create(request, |body| {
                if let Some(cost) = body.pointer_mut("/shipping/fixedOptions/0/options/0/amount/value") {
                    *cost = json!(cost.as_i64().unwrap_or_default() + 100);
                }
            }) },
        ),
        mutant(
            "cancel: kasse's own takes from whom has just paid",
            bent::wire! { cancel: |what| what.only_open = false },
        ),
        mutant(
            "cancel: one key for each payment",
            bent::wire! { cancel: |what: &mut Cancellation| {
                what.key = IdempotencyKey::new(format!("c-{}", what.reference)).unwrap();
            } },
        ),
        mutant(
            "cancel: without a key",
            bent::transport! { request: |request| {
                if request.uri().path().ends_with("/cancel") {
                    request.headers_mut().remove("idempotency-key");
                }
            } },
        ),
        mutant(
            "webhooks: refunds are not asked for",
            bent::transport! { request: |request| {
                if is(request, Method::POST, "/webhooks/v1/webhooks") {
                    in_body(request, |body| {
                        let events = body.get_mut("events").and_then(Value::as_array_mut);
                        events.unwrap().retain(|event| {
                            event != "epayments.payment.refunded.v1"
                        });
                    });
                }
            } },
        ),
    ]
}

fn answers() -> Vec<Mutant> {
    vec![
        mutant(
            "shipping: every option is the default",
            Broken {
                answer: Some(all_defaults),
                ..Broken::not()
            },
        ),
        mutant(
            "shipping: all groups are of one kind",
            Broken {
                answer: Some(one_kind),
                ..Broken::not()
            },
        ),
        mutant(
            "shipping: names in capitals are not known",
            Broken {
                inbound: Some(|request| {
                    if is_shipping(request.uri().path()) {
                        in_body(request, |body| {
                            if let Some(fields) = body.as_object_mut() {
                                fields.retain(|name, _| !name.starts_with(char::is_uppercase));
                            }
                        });
                    }
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "shipping: nothing to offer is an empty list",
            Broken {
                answer: Some(|path, response| {
                    if is_shipping(path) && response.status() == StatusCode::BAD_REQUEST {
                        *response.status_mut() = StatusCode::OK;
                        *response.body_mut() = Bytes::from_static(b"{\"groups\":[]}");
                        response.headers_mut().remove("content-length");
                        let json = HeaderValue::from_static("application/json");
                        response.headers_mut().insert("content-type", json);
                    }
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "errors: a status in quotes is no error that can be read",
            bent::transport! { answer: |_, answer: &mut Answer| {
                if let Ok(response) = answer
                    && response.body().windows(14).any(|part| part == b"\"status\":\"400\"")
                {
                    *response.body_mut() = Bytes::new();
                    response.headers_mut().remove("content-length");
                }
            } },
        ),
        mutant(
            "errors: a capture that failed for now failed for good",
            bent::wire! { answer: |answer: &mut Result<(), ApiError>| {
                if let Err(error) = answer
                    && matches!(&error.error().kind, ErrorKind::Vipps { code, .. } if code == "6280")
                {
                    *answer = Err(ApiError::Refused(error.error().clone()));
                }
            } },
        ),
        mutant(
            "log: what goes to and fro is not noted",
            Broken {
                journal: JournalHooks {
                    write: Some(|batch| {
                        Some(bent::without(batch, |write| {
                            matches!(write, Write::Exchange(_))
                        }))
                    }),
                    ..JournalHooks::default()
                },
                ..Broken::not()
            },
        ),
        mutant(
            "deadline: nobody knows of it",
            Broken {
                journal: JournalHooks {
                    write: Some(|mut batch: Batch| {
                        for write in &mut batch.writes {
                            if let Write::Insert(payment) | Write::Update(payment) = write {
                                payment.capture_by = None;
                                payment.notes.retain(|note| !note.text.contains("captured"));
                            }
                        }
                        Some(batch)
                    }),
                    ..JournalHooks::default()
                },
                ..Broken::not()
            },
        ),
    ]
}

fn truths() -> Vec<Mutant> {
    vec![
        mutant(
            "events: two captures of one sum are one",
            bent::wire! { read_answer: |read: &mut Read| {
                let Ok(Some(truth)) = read else { return };
                let mut seen = Vec::new();
                let mut twice = 0;
                truth.operations.retain(|operation| {
                    let again = operation.kind == OperationKind::Capture
                        && seen.contains(&operation.amount.minor);
                    if operation.kind == OperationKind::Capture {
                        seen.push(operation.amount.minor);
                    }
                    twice += if again { operation.amount.minor } else { 0 };
                    !again
                });
                truth.sums.captured.minor -= twice;
            } },
        ),
        mutant(
            "states: who says no is too late",
            bent::wire! { read_answer: |read| ends(read, Ending::ByCustomer, Ending::TimeOver) },
        ),
        mutant(
            "states: who is too late says no",
            bent::wire! { read_answer: |read| ends(read, Ending::TimeOver, Ending::ByCustomer) },
        ),
        mutant(
            "states: what was terminated goes on waiting",
            bent::wire! { read_answer: |read: &mut Read| {
                if let Ok(Some(truth)) = read
                    && truth.state == TruthState::Ended(Ending::ByMerchant)
                {
                    truth.state = TruthState::Open;
                    truth.operations.retain(|operation| {
                        operation.kind == OperationKind::Initiate
                    });
                }
            } },
        ),
        mutant(
            "states: what is captured is authorised no more",
            bent::wire! { read_answer: |read: &mut Read| {
                if let Ok(Some(truth)) = read
                    && truth.sums.captured.is_positive()
                {
                    truth.sums.captured.minor = 0;
                    truth.operations.retain(|operation| {
                        operation.kind != OperationKind::Capture
                    });
                }
            } },
        ),
        mutant(
            "states: a release that nobody asked for is not seen",
            bent::wire! { read_answer: |read: &mut Read| {
                if let Ok(Some(truth)) = read {
                    truth.sums.released.minor = 0;
                    truth.operations.retain(|operation| {
                        operation.kind != OperationKind::Release
                    });
                }
            } },
        ),
        mutant(
            "express: the customer's last name is left out",
            bent::wire! { read_answer: |read: &mut Read| {
                if let Ok(Some(truth)) = read
                    && let Some(personal) = &mut truth.personal
                {
                    personal.last_name = None;
                }
            } },
        ),
    ]
}

fn webhooks() -> Vec<Mutant> {
    vec![
        mutant(
            "webhooks: none is answered",
            Broken {
                answer: Some(|path, response| {
                    if is_webhook(path) {
                        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                    }
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: nobody looks whether kasse is registered still",
            Broken {
                rule: Some("registered-once"),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: no signature is asked for",
            Broken {
                rule: Some("any-token"),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: verified against the request's own Host",
            Broken {
                inbound: Some(|request| {
                    let host = request.headers().get("host").cloned();
                    let elsewhere = host.is_some_and(|host| host != "kasse.example");
                    if is_webhook(request.uri().path()) && elsewhere {
                        let other = HeaderValue::from_static("HMAC-SHA256 of another host");
                        request.headers_mut().insert("authorization", other);
                    }
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: the signature is looked for in one header alone",
            Broken {
                inbound: Some(|request| {
                    request.headers_mut().remove("x-vipps-authorization");
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: the name is believed",
            Broken {
                inbound: Some(|request| listen(request, "AUTHORIZED")),
                ..bent::wire! {
                    initiate: |_| SAID.set(None),
                    read_answer: |read: &mut Read| {
                        if let (Ok(Some(truth)), Some(amount)) = (read, SAID.get())
                            && truth.state == TruthState::Open
                        {
                            truth.state = TruthState::Authorised;
                            truth.sums.authorised.minor = amount;
                        }
                    }
                }
            },
        ),
        mutant(
            "webhooks: what failed is believed to be done",
            Broken {
                inbound: Some(|request| {
                    let body = read(request);
                    if is_webhook(request.uri().path()) && body["success"] == json!(false) {
                        SAID.set(Some(0));
                    }
                }),
                ..bent::wire! {
                    initiate: |_| SAID.set(None),
                    read_answer: |read: &mut Read| {
                        if let (Ok(Some(truth)), Some(_)) = (read, SAID.get()) {
                            truth.state = TruthState::Ended(Ending::ByCustomer);
                            truth.operations.clear();
                            truth.sums.authorised.minor = 0;
                        }
                    }
                }
            },
        ),
        mutant(
            "webhooks: a payment that is not known is not found",
            Broken {
                inbound: Some(|request| {
                    let reference = read(request)["reference"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned();
                    STRAY.set(reference.ends_with("-never-used"));
                }),
                answer: Some(|path, response| {
                    if is_webhook(path) && STRAY.get() && response.status().is_success() {
                        *response.status_mut() = StatusCode::NOT_FOUND;
                    }
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: a name that is not known is an error",
            Broken {
                inbound: Some(|request| STRAY.set(read(request)["name"] == json!("TELEPORTED"))),
                answer: Some(|path, response| {
                    if is_webhook(path) && STRAY.get() {
                        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
                    }
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: a body that cannot be read is an error of the server",
            Broken {
                inbound: Some(|request| STRAY.set(!read(request).is_object())),
                answer: Some(|path, response| {
                    if is_webhook(path) && STRAY.get() {
                        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                    }
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: whoever calls any address is thanked",
            Broken {
                answer: Some(|path, response| {
                    let refused = matches!(
                        response.status(),
                        StatusCode::NOT_FOUND | StatusCode::UNAUTHORIZED
                    );
                    if path.starts_with("/webhooks") && refused {
                        *response.status_mut() = StatusCode::OK;
                    }
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: one that comes late is refused",
            Broken {
                inbound: Some(|request| {
                    let body = read(request);
                    let name = body["name"].as_str().unwrap_or_default().to_owned();
                    let reference = body["reference"].as_str().unwrap_or_default().to_owned();
                    if name == "CAPTURED" {
                        CAPTURED.with_borrow_mut(|captured| *captured = reference.clone());
                    }
                    let late = CAPTURED.with_borrow(|captured| *captured == reference);
                    STRAY.set(name == "AUTHORIZED" && late);
                }),
                answer: Some(|path, response| {
                    if is_webhook(path) && STRAY.get() {
                        *response.status_mut() = StatusCode::CONFLICT;
                    }
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: a refusal says more than it should",
            Broken {
                answer: Some(|_, response| {
                    if response.status() == StatusCode::UNAUTHORIZED {
                        let words =
                            "panicked at flow/webhooks.rs:12: the secret differs. Look there.";
                        *response.body_mut() = Bytes::from_static(words.as_bytes());
                        response.headers_mut().remove("content-length");
                    }
                }),
                ..Broken::not()
            },
        ),
        mutant(
            "webhooks: their address is in the log",
            Broken {
                inbound: Some(|request| {
                    tracing::info!(target: "kasse_core::flow::inbound", reference = "-", path = request.uri().path(), "a call");
                }),
                ..Broken::not()
            },
        ),
    ]
}

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(0) };
    /// What a webhook said of the money.
    static SAID: Cell<Option<i64>> = const { Cell::new(None) };
    /// Is the call that is being served one that some would refuse?
    static STRAY: Cell<bool> = const { Cell::new(false) };
    /// The payment of which a capture was told.
    static CAPTURED: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Another number each time.
fn next() -> u32 {
    COUNT.set(COUNT.get() + 1);
    COUNT.get()
}

fn is_webhook(path: &str) -> bool {
    path.starts_with("/webhooks/")
}

fn is_shipping(path: &str) -> bool {
    path.starts_with("/vipps/") && path.contains("/x/")
}

fn is(request: &Request<Bytes>, method: Method, path: &str) -> bool {
    request.method() == method && request.uri().path() == path
}

fn read(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}

/// Changes a request's JSON.
fn in_body(request: &mut Request<Bytes>, change: fn(&mut Value)) {
    let mut body = read(request);
    change(&mut body);
    let body = Bytes::from(body.to_string());
    if request.headers().contains_key("content-length") {
        let length = body.len().into();
        request.headers_mut().insert("content-length", length);
    }
    *request.body_mut() = body;
}

fn in_create(request: &mut Request<Bytes>, change: fn(&mut Value)) {
    if is(request, Method::POST, "/epayment/v1/payments") {
        in_body(request, change);
    }
}

fn all_defaults(path: &str, response: &mut Response<Bytes>) {
    changed_groups(path, response, |groups| {
        for option in groups
            .iter_mut()
            .filter_map(|group| group.get_mut("options")?.as_array_mut())
            .flatten()
        {
            option["isDefault"] = json!(true);
        }
    });
}

fn one_kind(path: &str, response: &mut Response<Bytes>) {
    changed_groups(path, response, |groups| {
        for group in groups {
            group["type"] = json!("OTHER");
            group["brand"] = json!("OTHER");
        }
    });
}

fn changed_groups(path: &str, response: &mut Response<Bytes>, change: fn(&mut Vec<Value>)) {
    if !is_shipping(path) {
        return;
    }
    let Ok(mut body) = serde_json::from_slice::<Value>(response.body()) else {
        return;
    };
    if let Some(groups) = body.get_mut("groups").and_then(Value::as_array_mut) {
        change(groups);
        *response.body_mut() = Bytes::from(body.to_string());
        response.headers_mut().remove("content-length");
    }
}

/// Hears what a webhook says.
fn listen(request: &mut Request<Bytes>, name: &str) {
    let body = read(request);
    if is_webhook(request.uri().path()) && body["name"] == json!(name) {
        SAID.set(body.pointer("/amount/value").and_then(Value::as_i64));
    }
}

fn ends(read: &mut Read, from: Ending, to: Ending) {
    let Ok(Some(truth)) = read else { return };
    if truth.state == TruthState::Ended(from) {
        truth.state = TruthState::Ended(to);
    }
    for operation in &mut truth.operations {
        if operation.kind == OperationKind::Cancel(from) {
            operation.kind = OperationKind::Cancel(to);
        }
    }
}
