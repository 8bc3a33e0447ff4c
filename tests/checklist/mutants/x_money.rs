//! Amounts that are not exact, and nothing that means all.

use bytes::Bytes;
use http::Request;
use kasse_core::{Ask, CallerKey, Money, Order, Payment, PaymentEvent, Verb};
use kasse_testkit::Broken;
use serde_json::{Value, json};

use super::Mutant;
use crate::bent;

pub(super) fn all() -> Vec<Mutant> {
    vec![
        Mutant {
            name: "money: kroner times 100, in doubles",
            broken: bent::transport! { request: in_doubles },
        },
        Mutant {
            name: "money: the coupon is forgotten",
            broken: bent::adapter! { read: without_coupon },
        },
        Mutant {
            name: "money: the delivery is recorded in whole kroner",
            broken: bent::adapter! { record: whole_kroner },
        },
        Mutant {
            name: "money: nothing means all",
            broken: bent::adapter! { read: nothing_is_all },
        },
        Mutant {
            name: "money: the key is made of the sum",
            broken: bent::adapter! { read: key_of_sum },
        },
        Mutant {
            name: "money: what is left is not asked for again",
            broken: Broken {
                rule: Some("rest"),
                ..Broken::not()
            },
        },
        Mutant {
            name: "money: a capture has no amount",
            broken: bent::transport! { request: no_amount },
        },
    ]
}

fn body(request: &Request<Bytes>) -> Option<Value> {
    serde_json::from_slice(request.body()).ok()
}

#[expect(clippy::float_arithmetic, reason = "the very mistake")]
fn in_doubles(request: &mut Request<Bytes>) {
    let Some(mut body) = body(request) else {
        return;
    };
    let amount = body.pointer("/transaction/amount").and_then(Value::as_i64);
    let (Some(amount), true) = (amount, request.uri().path().ends_with("/payments")) else {
        return;
    };
    let kroner = amount as f64 / 100.0;
    let sent = kroner * 100.0;
    // As a language without integers writes it.
    body["transaction"]["amount"] = if sent.fract() == 0.0 {
        json!(sent as i64)
    } else {
        json!(sent)
    };
    *request.body_mut() = Bytes::from(body.to_string());
}

fn no_amount(request: &mut Request<Bytes>) {
    if request.uri().path().ends_with("/capture")
        && let Some(mut body) = body(request)
    {
        body["transaction"]["amount"] = json!(0);
        *request.body_mut() = Bytes::from(body.to_string());
    }
}

fn without_coupon(ask: &mut Ask) {
    if let Verb::Initiate(order) = &mut ask.verb {
        let order: &mut Order = order;
        let off: i64 = order.lines.iter().map(|line| line.discount.minor).sum();
        order.amount = Money::new(order.amount.minor + off, order.amount.currency);
        for line in &mut order.lines {
            line.total = Money::new(line.total.minor + line.discount.minor, line.total.currency);
            line.discount = Money::zero(line.total.currency);
        }
    }
}

fn whole_kroner(now: &mut Payment, _: &mut PaymentEvent) -> bool {
    if let Some(delivery) = &mut now.delivery {
        let cost = delivery.cost;
        delivery.cost = Money::new(cost.minor - cost.minor % 100, cost.currency);
    }
    true
}

fn nothing_is_all(ask: &mut Ask) {
    if let Verb::Capture(part) | Verb::Refund(part) = &mut ask.verb {
        part.amount = part.amount.filter(|amount| !amount.is_zero());
    }
}

fn key_of_sum(ask: &mut Ask) {
    if let Verb::Capture(part) | Verb::Refund(part) = &ask.verb
        && let Some(amount) = part.amount
    {
        let verb = match &ask.verb {
            Verb::Capture(_) => "capture",
            _ => "refund",
        };
        ask.key = CallerKey::new(format!("{verb}-{}-{}", ask.at.order, amount.minor)).ok();
    }
}
