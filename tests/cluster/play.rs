//! Makes a payment go its way: the shop begins it, the customer acts, the merchant acts. Each asks
//! again, with the same key, until there is an answer.

use std::time::{Duration, Instant};

use http::Method;
use kasse_simulator::Api;
use serde_json::{Value, json};

use crate::api::Answer;
use crate::plan::{Act, Customer, Plan};
use crate::world::{Shop, World};

/// How long anybody asks for something. It is very long: who died with a lease keeps it for a minute, and
/// where servers are killed every few seconds that happens to the same order again and again.
const PATIENCE: Duration = Duration::from_secs(1200);
const PAUSE: Duration = Duration::from_millis(250);

/// A capture, refund or cancellation that was answered with 200.
#[derive(Debug, Clone)]
pub struct Acknowledged {
    pub shop: usize,
    pub reference: String,
    /// For those who read that it was lost.
    pub what: Act,
    /// Captured, refunded and released, as the answer said.
    pub sums: [i64; 3],
}

/// Asks until there is an answer.
struct Patience {
    what: String,
    until: Instant,
}

impl Patience {
    fn new(what: String) -> Self {
        Self {
            what,
            until: Instant::now() + PATIENCE,
        }
    }

    async fn wait(&self, why: &str) {
        assert!(Instant::now() < self.until, "{}: {why}", self.what);
        tokio::time::sleep(PAUSE).await;
    }
}

/// The amount of a sum in an answer.
pub fn sum(payment: &Value, name: &str) -> i64 {
    payment["sums"][name]["value"].as_i64().unwrap_or_default()
}

/// One payment, to the end of what people do with it.
pub async fn play(world: &World, plan: &Plan) {
    let shop = world.shop_of(plan.number);
    shop.engine.place(plan.number, plan.amount);
    let mut attempt = 0;
    let mut paid = None;
    for customer in &plan.customer {
        paid = customer_acts(world, shop, plan, attempt, *customer).await;
        attempt += 1;
    }
    while let Some(reference) = paid {
        if goes_on(world, shop, plan, &reference).await {
            return;
        }
        // The customer sees that it is not paid, and pays again.
        paid = customer_acts(world, shop, plan, attempt, Customer::Approves).await;
        attempt += 1;
    }
}

/// What the merchant does with what is paid. `false`: it was let go.
async fn goes_on(world: &World, shop: &Shop, plan: &Plan, reference: &str) -> bool {
    if !known_as_paid(shop, reference).await {
        return false;
    }
    for (number, step) in plan.steps.iter().enumerate() {
        let people = step.iter().enumerate().map(|(person, act)| {
            let key = format!("{reference}-{number}-{person}");
            acts(world, shop, reference, *act, key)
        });
        let done = futures_util::future::join_all(people).await;
        if done.contains(&false) {
            return false;
        }
    }
    true
}

/// Was what is reserved let go at Vipps, and nobody at the shop wanted it? eCom can do so: a button
/// that is pressed again ends the attempt before, and where the customer approves that one between
/// kasse's look and its cancellation, it is over.
pub fn is_let_go(world: &World, shop: &Shop, reference: &str) -> bool {
    let control = world.simulator.control();
    let payment = control.payment(shop.msn, reference).unwrap();
    payment.api == Api::Ecom
        && payment.captured == 0
        && payment.authorised > 0
        && payment.released == payment.authorised
}

/// The customer goes to pay, and does what the plan says. Gives the reference that is paid, if one is.
async fn customer_acts(
    world: &World,
    shop: &Shop,
    plan: &Plan,
    attempt: usize,
    customer: Customer,
) -> Option<String> {
    let patience = Patience::new(format!("order {}: {customer:?}", plan.number));
    let control = world.simulator.control();
    loop {
        let begun = begins(world, shop, plan, attempt).await;
        let Some(reference) = begun else {
            // An attempt was approved whose answer was lost.
            return paid_as(world, shop, plan);
        };
        let acted = match customer {
            Customer::Waits => return None,
            Customer::Approves => {
                control
                    .approve(shop.msn, &reference, Default::default())
                    .await
            }
            Customer::Rejects => control.reject(shop.msn, &reference).await,
        };
        match acted {
            Ok(acted) => {
                // Some close the browser.
                if let Some(back) = acted.browser_url
                    && plan.number.is_multiple_of(2)
                {
                    shop.api.open(&back).await;
                }
                return (customer == Customer::Approves).then_some(reference);
            }
            // It was ended meanwhile: another was begun in its place, or is to be.
            Err(error) => patience.wait(&error.to_string()).await,
        }
    }
}

/// The attempt that Vipps has as paid.
fn paid_as(world: &World, shop: &Shop, plan: &Plan) -> Option<String> {
    let paid = world.simulator.control().payments().into_iter();
    paid.filter(|payment| payment.msn == shop.msn && payment.released < payment.authorised)
        .map(|payment| payment.order_id)
        .find(|reference| shop.number_of(reference) == Some(plan.number))
}

/// Begins until there is a page to pay at. `None`: it is paid.
async fn begins(world: &World, shop: &Shop, plan: &Plan, attempt: usize) -> Option<String> {
    let patience = Patience::new(format!("order {} is begun", plan.number));
    // A key is used up by a payment that has ended.
    let mut tries = 0;
    loop {
        let key = format!("{}-pay-{attempt}-{tries}", plan.number);
        // The shop's software asks, or its engine; in turn, where one has no luck.
        let by_engine = world.dice.of_thousand(500);
        let answer = if by_engine {
            let request = shop.engine.begins(shop.name, plan.number, &key);
            shop.api.send_to(request).await
        } else {
            let order = json!({ "order": plan.number.to_string() });
            shop.api.ask(Method::POST, "/payments", &key, &order).await
        };
        let why = match answer {
            Answer::Done(body) => {
                let there = body.get("redirect").is_some_and(Value::is_string);
                let reference = body.pointer("/payment/reference");
                let reference = reference.or(body.get("reference")).and_then(Value::as_str);
                match (reference, body["outcome"].as_str()) {
                    (Some(reference), _) if there => return Some(reference.to_owned()),
                    (Some(_), Some("done")) => return None,
                    _ => body.to_string(),
                }
            }
            Answer::Later(why) => why,
            Answer::No { word, .. } if word == "already_paid" => return None,
            // The engine is not told in one word. A payment that has ended takes a new key.
            Answer::No { word, body } if word == "wrong_state" || by_engine => {
                tries += 1;
                body.to_string()
            }
            Answer::No { body, .. } => panic!("order {}: {body}", plan.number),
        };
        patience.wait(&why).await;
    }
}

/// Waits until kasse knows that it is paid. `false`: it was, and was let go.
async fn known_as_paid(shop: &Shop, reference: &str) -> bool {
    let patience = Patience::new(format!("{reference} is paid"));
    loop {
        let payment = shop.api.get(&format!("/payments/{reference}")).await;
        if payment["state"] == "authorised" {
            return sum(&payment, "released") == 0;
        }
        patience.wait(&payment["state"].to_string()).await;
    }
}

/// `false`: what was to be done cannot be, since it was let go.
async fn acts(world: &World, shop: &Shop, reference: &str, act: Act, key: String) -> bool {
    if act.portal {
        let control = world.simulator.control();
        let done = control.portal_capture(shop.msn, reference, None);
        assert!(
            done.is_ok() || is_let_go(world, shop, reference),
            "{done:?}"
        );
        return done.is_ok();
    }
    let ask = || asks(world, shop, reference, act, &key);
    if world.dice.of_thousand(250) {
        // Pressed twice.
        let (one, other) = tokio::join!(ask(), ask());
        return one && other;
    }
    ask().await
}

async fn asks(world: &World, shop: &Shop, reference: &str, act: Act, key: &str) -> bool {
    let word = act.verb.word();
    let patience = Patience::new(format!("{word} of {reference}"));
    let path = format!("/payments/{reference}/{word}");
    let body = match act.amount {
        None => json!({}),
        Some(amount) => json!({ "amount": { "currency": "NOK", "value": amount } }),
    };
    loop {
        match shop.api.ask(Method::POST, &path, key, &body).await {
            Answer::Done(answer) => {
                let payment = &answer["payment"];
                let sums = ["captured", "refunded", "released"].map(|name| sum(payment, name));
                world.acknowledge(Acknowledged {
                    shop: shop.index,
                    reference: reference.to_owned(),
                    what: act,
                    sums,
                });
                return true;
            }
            Answer::Later(why) => patience.wait(&why).await,
            Answer::No { body, .. } => {
                let let_go = is_let_go(world, shop, reference);
                assert!(let_go, "{word} of {reference}: {body}");
                return false;
            }
        }
    }
}
