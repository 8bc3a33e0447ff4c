//! What comes back: Vipps' answers to what kasse asks, and the engines'.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Response;
use kasse_core::testing::{authorised, captured, happen, payment, personal, refunded, released};
use kasse_core::{
    ApiKind, Destination, Money, OrderId, OrderRef, Outcome, Part as Much, Target as Which,
    check_options,
};
use serde_json::json;

use super::Target;
use super::engines::{
    SALEOR, checkout, medusa_scene, saleor_scene, vendure_order, vendure_scene, woo_scene,
};
use crate::calls::contains;
use crate::input::{self, Part};
use crate::seeds::{body, exchanges, input, snapshots};
use crate::world::{Prepared, Scene, World, run, shop};

pub(super) fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "ecom-answers",
            about: "eCom's answers: the start, the details, refusals of every kind",
            seeds: || {
                vipps_answers(
                    &[
                        "details",
                        "error",
                        "capture",
                        "refund",
                        "cancel",
                        "access_token",
                    ],
                    "",
                )
            },
            play: |data| vipps(ecom(), data),
        },
        Target {
            name: "epayment-answers",
            about: "ePayment's answers: payment, events, refusals, user information, webhooks",
            seeds: || vipps_answers(&["epayment", "problem", "userinfo"], "[]"),
            play: |data| vipps(epayment(), data),
        },
        Target {
            name: "woocommerce-answers",
            about: "WooCommerce's answers: orders, refunds, notes, deliveries",
            seeds: || {
                recorded(&[
                    "plugins/woocommerce/tests/recordings",
                    "plugins/woocommerce/tests/contract",
                ])
            },
            play: |data| engine(woocommerce(), "50", data),
        },
        Target {
            name: "medusa-answers",
            about: "the answers of the plugin in Medusa",
            seeds: || recorded(&["plugins/medusa/tests/contract"]),
            play: |data| engine(medusa(), "01M816JFD56VDXPV40MBTPBNVD", data),
        },
        Target {
            name: "saleor-answers",
            about: "the answers of Saleor's GraphQL API",
            seeds: saleor_answers,
            play: |data| engine(saleor(), "ecc79af1-8d2c-447e-80b9-976db1c4d04d", data),
        },
        Target {
            name: "vendure-answers",
            about: "the answers of Vendure's Admin API",
            seeds: vendure_answers,
            play: |data| engine(vendure(), "JZDXSFBU4HFAZ2XY", data),
        },
    ]
}

macro_rules! scene {
    ($name:ident, $scene:expr) => {
        fn $name() -> &'static Prepared {
            static SCENE: OnceLock<Prepared> = OnceLock::new();
            SCENE.get_or_init(|| Prepared::new($scene))
        }
    };
}

scene!(ecom, Scene::till(ApiKind::Ecom));
scene!(epayment, Scene::till(ApiKind::Epayment));
scene!(woocommerce, woo_scene());
scene!(medusa, medusa_scene());
scene!(saleor, saleor_scene());
scene!(vendure, vendure_scene());

/// What is asked for is the first line; what Vipps answers follows.
fn vipps(prepared: &Prepared, data: &[u8]) {
    let (word, parts) = asked(prepared, data);
    run(async {
        let world = prepared.world().await;
        let before = world.books().await;
        for part in parts {
            world.play(&prepared.scene, answer_of(part, true)).await;
        }
        let reference = |name: &str| {
            let named = prepared.names.iter().find(|(known, _)| *known == name);
            named.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let name = if word.ends_with("open") {
            "open"
        } else {
            "reference"
        };
        let Some(of) = world.payment(&reference(name)).await else {
            panic!("there is no {name} among {:?}", prepared.names);
        };
        let which = Which {
            reference: Some(of.id.reference.clone()),
            ..Which::order(of.order.clone())
        };
        let (flow, cx) = (&world.flow, &world.cx);
        let token_too = word.contains("token");
        world.outside.token_too.store(token_too, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let outcome = match word.split(' ').next().unwrap_or_default() {
            "start" => {
                let at = OrderRef::new(shop(), OrderId::new("1004").unwrap());
                let order = crate::till::order(at);
                flow.initiate(cx, kasse_core::Initiate { order, key: None })
                    .await
            }
            "capture" => flow.capture(cx, &which, &Much::of(Money::nok(1000))).await,
            "rest" => flow.capture(cx, &which, &Much::rest()).await,
            "refund" => flow.refund(cx, &which, &Much::of(Money::nok(1000))).await,
            "cancel" => flow.cancel(cx, &which).await,
            _ => flow.details(cx, &which).await,
        };
        sane(prepared, &outcome);
        tokio::time::sleep(Duration::from_secs(1)).await;
        for _ in 0..3 {
            world.flow.sweep().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        crate::calls::forward(&before, &world.books().await);
    });
}

/// Words for people hold no secret, and nothing that Vipps says is a bug of kasse's.
fn sane(prepared: &Prepared, outcome: &Outcome) {
    let Outcome::Refused(error) = outcome else {
        return;
    };
    assert!(error.kind != kasse_core::ErrorKind::Bug, "{error}");
    let text = format!("{error} {error:?}");
    for secret in prepared.secrets() {
        let told = contains(text.as_bytes(), &secret);
        assert!(!told, "{secret} is in {text}");
    }
}

/// The first line, and the parts below.
fn asked(prepared: &Prepared, data: &[u8]) -> (String, Vec<Part>) {
    let mut parts = input::split(data, b"\n%%\n");
    let word = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let rest: Vec<&[u8]> = parts.collect();
    (
        word,
        input::parts(&rest.join(&b"\n%%\n"[..]), &prepared.names),
    )
}

/// Every part is an answer, whoever it names.
fn answer_of(part: Part, vipps: bool) -> Part {
    let response = match part {
        Part::Call(call) => Response::new(call.into_body()),
        Part::Vipps(answer) | Part::Shop(answer) => answer,
    };
    if vipps {
        Part::Vipps(response)
    } else {
        Part::Shop(response)
    }
}

const SIMULATOR: &str = "crates/simulator/tests/simulator/snapshots";

fn vipps_answers(begin: &[&str], more: &str) -> Vec<Vec<u8>> {
    let mut bodies: Vec<String> = begin
        .iter()
        .flat_map(|begin| snapshots(SIMULATOR, begin))
        .map(|text| match text.find(['{', '[']) {
            Some(place) => text[place..].replace("acme-shop-1", "{reference}"),
            None => text,
        })
        .collect();
    bodies.push(more.to_owned());
    let mut seeds = Vec::new();
    for (number, body) in bodies.iter().enumerate() {
        for (word, status) in [
            ("details", 200),
            ("details open", 200),
            ("capture", 400),
            ("rest", 409),
            ("refund", 429),
            ("cancel open", 500),
            ("start", 200),
            ("details token", 200),
        ] {
            let answer = |body: &str| format!("VIPPS {status}\nretry-after: 2\n\n{body}");
            let other = &bodies[(number + 1) % bodies.len()];
            seeds.push(input(&[word.into(), answer(body)]));
            seeds.push(input(&[word.into(), answer(body), answer(other)]));
        }
    }
    seeds
}

/// What is asked of the adapter is the first line; what its engine answers follows.
fn engine(prepared: &Prepared, order: &str, data: &[u8]) {
    let (word, parts) = asked(prepared, data);
    run(async {
        let world: World = prepared.world().await;
        for part in parts {
            world.play(&prepared.scene, answer_of(part, false)).await;
        }
        let at = OrderRef::new(shop(), OrderId::new(order).unwrap());
        let (adapter, cx) = (&world.adapter, &world.cx);
        match word.as_str() {
            "quote" | "quote country" => {
                let to = if word == "quote" {
                    Destination::Address(kasse_core::testing::address())
                } else {
                    Destination::Country("NO".into())
                };
                if let Ok(options) = adapter.quote(cx, &at, &to).await
                    && let Some(first) = options.first()
                {
                    let _ = check_options(&options, first.price.currency);
                }
            }
            "meet" => drop(adapter.meet(cx).await),
            "forget" => drop(adapter.forget(cx, &[at]).await),
            "order" | "" => {
                if let Ok(order) = adapter.order(cx, &at).await {
                    let _ = (order.check(), order.cart());
                }
            }
            word => {
                let amount = Money::nok(139_702);
                let mut payment = payment(at.clone(), "fjell-50", amount, cx.now());
                let mut event = happen(&mut payment, authorised(amount.minor), cx.now());
                payment.personal = Some(personal());
                let next = match word {
                    "captured" => Some(captured(10_000)),
                    "refunded" => Some(refunded(10_000)),
                    "released" => Some(released(amount.minor)),
                    "rejected" => Some(kasse_core::EventKind::Rejected),
                    _ => None,
                };
                if let Some(next) = next {
                    event = happen(&mut payment, next, cx.now());
                }
                let _ = adapter.record(cx, &at, &payment, &event).await;
            }
        }
    });
}

const WORDS: [&str; 9] = [
    "order",
    "quote",
    "quote country",
    "meet",
    "forget",
    "authorised",
    "captured",
    "refunded",
    "released",
];

/// Each recorded answer, to each question.
fn recorded(folders: &[&str]) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    for one in folders.iter().flat_map(|folder| exchanges(folder)) {
        if one["direction"] == "to-kasse" || one["response"].is_null() {
            continue;
        }
        let status = one["response"]["status"].as_u64().unwrap_or(200);
        answers.push(format!("SHOP {status}\n\n{}", body(&one["response"])));
    }
    answers.sort();
    answers.dedup();
    let mut seeds = Vec::new();
    for (number, answer) in answers.iter().enumerate() {
        let word = WORDS[number % WORDS.len()];
        let other = &answers[(number + 1) % answers.len()];
        seeds.push(input(&["order".into(), answer.clone()]));
        seeds.push(input(&[word.into(), answer.clone(), other.clone()]));
        seeds.push(input(&[
            "captured".into(),
            answer.clone(),
            answer.clone(),
            answer.clone(),
        ]));
    }
    seeds
}

fn saleor_answers() -> Vec<Vec<u8>> {
    let event = |kind: &str, amount: f64| {
        json!({
            "id": "VHJhbnNhY3Rpb25FdmVudDox", "type": kind, "pspReference": "fjell-50",
            "message": "", "createdAt": "2026-11-23T11:51:00.000000+00:00", "idempotencyKey": null,
            "amount": { "amount": amount },
        })
    };
    let mut found = checkout();
    found["transactions"] = json!([{
        "id": "VHJhbnNhY3Rpb25JdGVtOjU4Y2Q0MTNhLTJlMmYtNDRmNC04ZjIxLTkyODhmYWVlNTY0Mg==",
        "pspReference": "fjell-50", "createdAt": "2026-11-23T11:50:00+00:00",
        "authorizedAmount": { "amount": 0 }, "chargedAmount": { "amount": 0 },
        "events": [
            event("AUTHORIZATION_ACTION_REQUIRED", 1397.02),
            event("AUTHORIZATION_SUCCESS", 1397.02),
        ],
    }]);
    let reply = |data: serde_json::Value| format!("SHOP 200\n\n{}", json!({ "data": data }));
    let checkout = reply(json!({ "checkout": found, "orders": { "edges": [] } }));
    let mut orders = Vec::new();
    for one in exchanges(SALEOR) {
        let mut order = one["response"]["body"]["data"]["order"].clone();
        if order["lines"].is_array() {
            order["__typename"] = "Order".into();
            order["languageCode"] = "NB".into();
            order["totalPrice"] = order["total"].clone();
            order["orderTransactions"] = order["transactions"].clone();
            orders.push(order);
        }
    }
    assert!(!orders.is_empty(), "no order was recorded");
    let done = reply(json!({
        "transactionEventReport": { "alreadyProcessed": false, "errors": [] },
        "checkoutComplete": { "order": orders[0], "errors": [] },
    }));
    let mut seeds = Vec::new();
    for word in WORDS {
        seeds.push(input(&[word.into(), checkout.clone()]));
        seeds.push(input(&[
            word.into(),
            checkout.clone(),
            done.clone(),
            done.clone(),
        ]));
        for order in &orders {
            let edges = json!([{ "node": order }]);
            let told =
                reply(json!({ "checkout": null, "orders": { "edges": edges }, "order": order }));
            seeds.push(input(&[word.into(), told.clone()]));
            seeds.push(input(&[word.into(), told.clone(), done.clone()]));
        }
    }
    seeds.extend(recorded(&[SALEOR]));
    seeds
}

fn vendure_answers() -> Vec<Vec<u8>> {
    let sign_in = "SHOP 200\nvendure-auth-token: abc\n\n{\"data\":{\"login\":{\"__typename\":\"CurrentUser\"}}}";
    let mut order = vendure_order();
    order["payments"] = json!([{
        "id": "7", "amount": 27_292, "state": "Authorized", "transactionId": "fjell-50",
        "metadata": { "kasse": { "reserved": true, "express": false } }, "refunds": [],
    }]);
    let reply = |data: serde_json::Value| format!("SHOP 200\n\n{}", json!({ "data": data }));
    let listed = reply(json!({ "orders": { "items": [order] } }));
    let deliveries = reply(json!({
        "kasseDeliveries": [
            { "id": "1", "code": "post", "name": "Posten", "priceWithTax": 4_900, "taxRate": 25 },
        ],
        "orders": { "items": [{ "currencyCode": "NOK" }] },
    }));
    let forgot = reply(json!({ "kasseForget": ["amounts"] }));
    let forbidden =
        "SHOP 200\n\n{\"errors\":[{\"message\":\"no\",\"extensions\":{\"code\":\"FORBIDDEN\"}}]}";
    let mut seeds = Vec::new();
    for word in WORDS {
        for answer in [
            listed.as_str(),
            deliveries.as_str(),
            forgot.as_str(),
            forbidden,
        ] {
            let parts = [word, sign_in, answer, answer, answer];
            seeds.push(input(&parts.map(str::to_owned)));
        }
    }
    seeds
}
