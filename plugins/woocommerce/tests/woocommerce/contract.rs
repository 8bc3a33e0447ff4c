//! What the adapter and the kasse plugin say to each other, call by call. The plugin's own tests read
//! the same files.

use std::path::Path;

use bytes::Bytes;
use http::Request;
use kasse_core::{
    Address, Delivered, DeliveryKind, Destination, ErrorKind, EventId, Money, Order, OrderId,
    OrderRef, Outcome, Payment, PaymentEvent, PaymentProvider, Personal, RecordError, Reference,
    ShippingOption, ShippingQuoter, VatRate, Verb,
};
use kasse_testkit::recordings::{Recording, shape_differences};
use serde_json::Value;

use crate::stage::{
    Stage, at, authorised, captured, config, happen, marked, payment, recorded_order, refunded,
    released,
};

/// All of one direction, by their files' names.
fn all(direction: &str) -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract");
    let all = Recording::all(&folder).unwrap().into_iter();
    all.filter(|call| call.direction == direction).collect()
}

fn named(file: &str) -> Recording {
    let mut all = all("to-shop");
    let place = all.iter().position(|call| call.file == file).unwrap();
    all.swap_remove(place)
}

/// The adapter, with the secret and at the time that the calls were signed with.
fn stage() -> Stage {
    let mut config = config();
    config["secret"] = "change-me-change-me-change-me-too".into();
    Stage::starting(config, "2026-11-23T01:42:55Z".parse().unwrap()).unwrap()
}

/// The call as kasse's server hands it on.
fn request(call: &Recording) -> Request<Bytes> {
    let path = call.request.path.strip_prefix("/engine/fjell").unwrap();
    let mut request = Request::post(path);
    for (name, value) in &call.request.headers {
        request = request.header(name, value);
    }
    let body = call.request.raw_body.clone().unwrap();
    request.body(Bytes::from(body)).unwrap()
}

fn of(order: &str) -> OrderRef {
    OrderRef::new(at().shop, OrderId::new(order).unwrap())
}

/// The payment that a call is about, reserved.
fn paid(order: &str, reference: &str) -> (Payment, PaymentEvent) {
    let mut payment = payment();
    payment.order = of(order);
    payment.id.reference = Reference::new(reference).unwrap();
    let event = happen(&mut payment, authorised(139_702));
    (payment, event)
}

#[tokio::test(start_paused = true)]
async fn what_the_plugin_asks_is_read_and_answered_as_it_expects() {
    let calls = all("to-kasse");
    assert!(calls.len() >= 7, "{}", calls.len());
    for call in calls {
        let body = &call.request.body;
        let text = |name: &str| body[name].as_str().unwrap_or_default();
        let stage = stage();
        let (mut payment, _) = match call.file.starts_with("initiate") {
            true => paid("50", "fjell-50-a1b2c3"),
            false => paid(text("order"), text("reference")),
        };
        stage.journaled(&payment).await;
        let ask = stage.adapter.read(&stage.cx, &request(&call)).await;
        let ask = ask.unwrap_or_else(|refusal| panic!("{}: {}", call.file, refusal.why));
        let expected = call.response.as_ref().unwrap();
        let refused = expected.body["refused"] == true;
        let under_way = expected.body["done"] == false && !refused;
        match &ask.verb {
            Verb::Initiate(order) => check(order, body),
            Verb::Capture(part) => {
                // All that is reserved.
                assert_eq!(part.amount, None);
                happen(&mut payment, captured(139_702));
            }
            Verb::Refund(part) => {
                assert_eq!(part.amount, Some(Money::nok(30_000)));
                assert_eq!(ask.key.as_ref().unwrap().as_str(), "refund-61");
                happen(&mut payment, captured(139_702));
                happen(&mut payment, refunded(30_000));
            }
            Verb::Cancel => {
                happen(&mut payment, released(139_702));
            }
            other => panic!("{}: {other:?}", call.file),
        }
        let payment = Box::new(payment);
        let outcome = if refused {
            Outcome::Refused(kasse_core::Error::invalid("what", "why", "advice"))
        } else if under_way {
            Outcome::Pending(payment)
        } else if matches!(ask.verb, Verb::Initiate(_)) {
            Outcome::Started(payment)
        } else {
            Outcome::Done(payment)
        };
        let answer = stage.adapter.answer(&ask, &outcome);
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        let differences = shape_differences(&expected.body, &answer);
        assert_eq!(differences, Vec::<String>::new(), "{}", call.file);
        for field in ["done", "refused"] {
            assert_eq!(
                answer[field], expected.body[field],
                "{}: {field}",
                call.file
            );
        }
    }
}

/// An order that the plugin sent is what the shop wants paid.
fn check(order: &Order, sent: &Value) {
    order.check().unwrap();
    let total = sent["order"]["total"].as_str().unwrap();
    assert_eq!(order.amount.decimal(), total);
    assert_eq!(order.express.is_some(), sent["express"] == true);
    let by_rest = order.return_to.as_str();
    assert_eq!(by_rest, sent["return_url"].as_str().unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_plugin_says_who_it_is() {
    let stage = stage();
    let call = named("about.json");
    stage.answers(call.response.unwrap().body);
    stage.adapter.meet(&stage.cx).await.unwrap();
    let ask = format!("{} {}", call.request.method, call.request.path);
    assert_eq!(stage.asked()[0]["ask"], ask);
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_asked_for_and_read_as_the_plugin_has_them() {
    for call in all("to-shop") {
        if !call.file.starts_with("deliveries") {
            continue;
        }
        let to = &call.request.body["address"];
        let text = |name: &str| to[name].as_str().unwrap().to_owned();
        let address = Address {
            line1: text("line1"),
            line2: text("line2"),
            post_code: text("post_code"),
            city: text("city"),
            country: text("country"),
        };
        let destination = match address.city.is_empty() {
            true => Destination::Country(address.country),
            false => Destination::Address(address),
        };
        let stage = stage();
        let answer = call.response.unwrap();
        stage.says(answer.status, &answer.body.to_string());
        let order = of(call.request.body["order"].as_str().unwrap());
        let quoted = stage.adapter.quote(&stage.cx, &order, &destination).await;
        assert_eq!(stage.asked()[0]["body"], call.request.body, "{}", call.file);
        match quoted {
            Ok(options) => {
                kasse_core::check_options(&options, kasse_core::Currency::Nok).unwrap();
                let sent = answer.body["deliveries"].as_array().unwrap();
                assert_eq!(options.len(), sent.len(), "{}", call.file);
                for (option, sent) in options.iter().zip(sent) {
                    assert_eq!(option.price.decimal(), sent["price"].as_str().unwrap());
                    let free = option.price.is_zero();
                    assert_eq!(option.vat, VatRate::percent(if free { 0 } else { 25 }));
                }
            }
            Err(error) => assert_eq!(
                (answer.status, error.kind.clone()),
                (404, ErrorKind::NotFound)
            ),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_express_order_is_written_as_the_plugin_takes_it() {
    for file in ["express.json", "express-not-taken.json"] {
        let call = named(file);
        let body = &call.request.body;
        let text = |path: &str| body.pointer(path).unwrap().as_str().unwrap().to_owned();
        let (mut payment, mut event) = paid(&text("/order"), &text("/reference"));
        payment.express = true;
        event.id = EventId::new(text("/event")).unwrap();
        payment.personal = Some(Personal {
            first_name: Some(text("/customer/first_name")),
            last_name: Some(text("/customer/last_name")),
            email: Some(text("/customer/email")),
            phone: Some(text("/customer/phone")),
            address: Some(Address {
                line1: text("/address/line1"),
                line2: text("/address/line2"),
                post_code: text("/address/post_code"),
                city: text("/address/city"),
                country: text("/address/country"),
            }),
            ..Personal::default()
        });
        let cost = Money::parse(&text("/delivery/price"), kasse_core::Currency::Nok).unwrap();
        payment.delivery = Some(Delivered {
            wire_id: "flat-rate-1.1.1".into(),
            title: text("/delivery/title"),
            cost,
            option: Some(ShippingOption {
                id: text("/delivery/id"),
                title: text("/delivery/title"),
                price: cost,
                vat: VatRate::percent(25),
                kind: DeliveryKind::Other,
                brand: String::new(),
                estimate: None,
                default: true,
                priority: 0,
                engine: Value::Null,
            }),
        });
        let stage = stage();
        let order = marked(recorded_order("018"), "pending", "");
        stage.answers(order.clone());
        let answer = call.response.unwrap();
        stage.says(answer.status, &answer.body.to_string());
        if answer.status == 200 {
            stage.answers(order);
            stage.record(&payment, &event).await.unwrap();
        } else {
            let told = stage.record(&payment, &event).await;
            assert!(matches!(told, Err(RecordError::Never(_))), "{told:?}");
        }
        assert_eq!(stage.asked()[1]["body"], call.request.body, "{file}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_asked_as_the_plugin_takes_it() {
    let stage = stage();
    let call = named("forget.json");
    stage.answers(call.response.unwrap().body);
    let orders = call.request.body["orders"].as_array().unwrap().iter();
    let orders: Vec<OrderRef> = orders.map(|order| of(order.as_str().unwrap())).collect();
    let forgotten = stage.adapter.forget(&stage.cx, &orders).await.unwrap();
    assert_eq!(forgotten.kept.len(), 1);
    assert_eq!(stage.asked()[0]["body"], call.request.body);
}
