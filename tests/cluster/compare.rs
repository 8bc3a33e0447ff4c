//! Whether all agree: what each payment was to become, Vipps' ledger, what kasse says, its events, and
//! what the shop was told.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kasse_simulator::{Api, PaymentState, PaymentView};
use serde_json::Value;

use crate::engine::Told;
use crate::plan::Plan;
use crate::play::{Acknowledged, is_let_go, sum};
use crate::world::{Shop, World};

/// What was seen, in one look at everything.
#[derive(Debug, Default)]
pub struct Seen {
    /// Each shop's, as `/v1` tells them from the beginning.
    pub events: Vec<Vec<Value>>,
    pub attempts: usize,
    /// What was acknowledged, or is to be, and is not there.
    pub lost: usize,
    /// What is there more than once.
    pub twice: usize,
    /// Attempts that the customer approved in the moment in which they were ended: see `is_let_go`.
    pub let_go: usize,
    /// All that is not as it should be: those too, and what has not come to rest.
    pub differences: Vec<String>,
}

impl Seen {
    pub fn fail(&self) -> ! {
        let some: Vec<&str> = self
            .differences
            .iter()
            .take(40)
            .map(String::as_str)
            .collect();
        panic!(
            "{} differences, lost {}, twice {}:\n{}",
            self.differences.len(),
            self.lost,
            self.twice,
            some.join("\n")
        );
    }

    fn differs(&mut self, what: String) {
        self.differences.push(what);
    }

    fn lost(&mut self, what: String) {
        self.lost += 1;
        self.differs(format!("LOST: {what}"));
    }

    fn twice(&mut self, what: String) {
        self.twice += 1;
        self.differs(format!("TWICE: {what}"));
    }

    /// Two lists in no order: what is missing is lost, what is too much is there twice.
    fn same_amounts(&mut self, what: &str, wanted: &[i64], there: &[i64]) {
        let mut left = there.to_vec();
        for amount in wanted {
            match left.iter().position(|there| there == amount) {
                Some(place) => drop(left.swap_remove(place)),
                None => self.lost(format!("{what} of {amount}")),
            }
        }
        for amount in left {
            self.twice(format!("{what} of {amount}"));
        }
    }
}

/// Looks at everything.
pub async fn look(world: &World, plans: &[Plan]) -> Seen {
    let mut seen = Seen::default();
    let ledger = world.simulator.control().payments();
    for shop in &world.shops {
        let payments = payments(shop).await;
        let events = events(shop).await;
        let ledger = ledger.iter().filter(|payment| payment.msn == shop.msn);
        let ledger: HashMap<&str, &PaymentView> = ledger
            .map(|payment| (payment.order_id.as_str(), payment))
            .collect();
        let plans = plans
            .iter()
            .filter(|plan| world.shop_of(plan.number).index == shop.index);
        seen.attempts += payments.len();
        kasse_and_vipps(&mut seen, &payments, &ledger);
        for plan in plans {
            as_planned(&mut seen, world, shop, plan, &payments, &ledger);
        }
        in_order(&mut seen, &events, &payments, &ledger);
        told(&mut seen, &events, &shop.engine.told());
        for wrong in shop.engine.wrong() {
            seen.differs(wrong);
        }
        for done in world.acknowledged() {
            if done.shop != shop.index {
                continue;
            }
            let there = ledger.get(done.reference.as_str());
            let there = there.map_or([0; 3], |payment| {
                sums_at_vipps(payment)[1..].try_into().unwrap()
            });
            if done
                .sums
                .iter()
                .zip(there)
                .any(|(told, there)| *told > there)
            {
                let Acknowledged {
                    reference,
                    what,
                    sums,
                    ..
                } = done;
                seen.lost(format!(
                    "{what:?} of {reference} was acknowledged with {sums:?}; Vipps has {there:?}"
                ));
            }
        }
        seen.events.push(events);
    }
    seen
}

/// All payments of a shop, as `/v1` lists them.
async fn payments(shop: &Shop) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut path = "/payments?limit=500".to_owned();
    loop {
        let page = shop.api.get(&path).await;
        for payment in page["payments"].as_array().unwrap() {
            let reference = payment["reference"].as_str().unwrap().to_owned();
            all.insert(reference, payment.clone());
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/payments?limit=500&before={next}"),
            None => return all,
        }
    }
}

async fn events(shop: &Shop) -> Vec<Value> {
    let mut all = Vec::new();
    let mut after = 0;
    loop {
        let page = shop
            .api
            .get(&format!("/events?after={after}&limit=500"))
            .await;
        all.extend(page["events"].as_array().unwrap().iter().cloned());
        after = page["after"].as_u64().unwrap();
        if page["more"] != true {
            return all;
        }
    }
}

/// Authorised, captured, refunded, released.
fn sums(of: &Value) -> [i64; 4] {
    ["authorised", "captured", "refunded", "released"].map(|name| sum(of, name))
}

fn sums_at_vipps(payment: &PaymentView) -> [i64; 4] {
    let sums = [
        payment.authorised,
        payment.captured,
        payment.refunded,
        payment.released,
    ];
    sums.map(|sum| i64::try_from(sum).unwrap())
}

/// The amounts of one operation that was done, in the ledger's history.
fn done(payment: &PaymentView, operation: &str) -> Vec<i64> {
    let entries = payment.history.iter();
    let done = entries.filter(|entry| entry.operation == operation && entry.operation_success);
    done.map(|entry| i64::try_from(entry.amount).unwrap())
        .collect()
}

/// kasse has each payment that Vipps has, and says the same of it.
fn kasse_and_vipps(
    seen: &mut Seen,
    payments: &BTreeMap<String, Value>,
    ledger: &HashMap<&str, &PaymentView>,
) {
    for reference in ledger.keys() {
        if !payments.contains_key(*reference) {
            seen.lost(format!("kasse does not know {reference}"));
        }
    }
    for (reference, payment) in payments {
        let state = payment["state"].as_str().unwrap();
        let Some(there) = ledger.get(reference.as_str()) else {
            if state != "failed" {
                seen.differs(format!("{reference} is {state}, and Vipps has not got it"));
            }
            continue;
        };
        let fits = match there.state {
            PaymentState::Reserved | PaymentState::Sale | PaymentState::Voided => {
                state == "authorised"
            }
            // eCom does not say who ended it: where kasse asked for it in the same moment, it was kasse.
            PaymentState::CancelledByUser if there.api == Api::Ecom => {
                matches!(state, "rejected" | "cancelled")
            }
            PaymentState::CancelledByUser => state == "rejected",
            // By kasse: since it was replaced, or since its time was over.
            PaymentState::CancelledByMerchant => matches!(state, "cancelled" | "expired"),
            PaymentState::TimedOut | PaymentState::Failed => state == "expired",
            _ => false,
        };
        if !fits {
            let at_vipps = there.state;
            seen.differs(format!("{reference} is {state}, and at Vipps {at_vipps:?}"));
        }
        let (here, there_sums) = (sums(payment), sums_at_vipps(there));
        if here != there_sums {
            seen.differs(format!(
                "{reference} is {here:?}, and at Vipps {there_sums:?}"
            ));
        }
        // Each thing that was done there has a key of its own.
        let keys = there.history.iter().filter(|entry| {
            matches!(entry.operation, "CAPTURE" | "REFUND") && !entry.request_id.is_empty()
        });
        let mut used = BTreeSet::new();
        for entry in keys {
            if !used.insert(entry.request_id.as_str()) {
                let operation = entry.operation;
                seen.twice(format!("{operation} of {reference} with one key"));
            }
        }
    }
}

/// The order came to its end: once, and with the amounts that were meant.
fn as_planned(
    seen: &mut Seen,
    world: &World,
    shop: &Shop,
    plan: &Plan,
    payments: &BTreeMap<String, Value>,
    ledger: &HashMap<&str, &PaymentView>,
) {
    let number = plan.number;
    let attempts = payments
        .iter()
        .filter(|(reference, _)| shop.number_of(reference) == Some(number));
    let attempts: Vec<(&String, &Value)> = attempts.collect();
    let ended = attempts
        .iter()
        .any(|(_, payment)| payment["state"] == plan.end.state);
    if !ended {
        let states: Vec<_> = attempts
            .iter()
            .map(|(_, payment)| &payment["state"])
            .collect();
        let wanted = plan.end.state;
        seen.differs(format!(
            "order {number} is to be {wanted}, and is {states:?}"
        ));
    }
    let paid = ledger.iter().filter(|(reference, payment)| {
        shop.number_of(reference) == Some(number) && payment.authorised > 0
    });
    let wants_it = plan.end.released == plan.end.authorised;
    let (gone, paid): (Vec<_>, Vec<_>) = paid
        .map(|(_, payment)| *payment)
        .partition(|paid| !wants_it && is_let_go(world, shop, &paid.order_id));
    seen.let_go += gone.len();
    if paid.is_empty() && !gone.is_empty() && plan.steps.is_empty() {
        // Nobody looked at it any more.
        return;
    }
    let mut paid = paid.into_iter();
    let (first, second) = (paid.next(), paid.next());
    if second.is_some() {
        seen.twice(format!("order {number} was paid"));
    }
    let what = |word: &str| format!("{word} of order {number} of {}", shop.name);
    match first {
        None if plan.end.authorised > 0 => seen.lost(what("the payment")),
        None => {}
        Some(_) if plan.end.authorised == 0 => seen.twice(what("a payment that nobody made,")),
        Some(paid) => {
            seen.same_amounts(
                &what("a capture"),
                &plan.end.captures,
                &done(paid, "CAPTURE"),
            );
            seen.same_amounts(&what("a refund"), &plan.end.refunds, &done(paid, "REFUND"));
            let [authorised, _, _, released] = sums_at_vipps(paid);
            if (authorised, released) != (plan.end.authorised, plan.end.released) {
                let end = &plan.end;
                seen.differs(format!(
                    "order {number}: {authorised} authorised and {released} released; {end:?}"
                ));
            }
        }
    }
}

/// The events: each once, in the order of their numbers, and of what Vipps has.
fn in_order(
    seen: &mut Seen,
    events: &[Value],
    payments: &BTreeMap<String, Value>,
    ledger: &HashMap<&str, &PaymentView>,
) {
    let mut place = 0;
    let mut ids = BTreeSet::new();
    let mut of: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for event in events {
        let id = event["id"].as_str().unwrap();
        let cursor = event["cursor"].as_u64().unwrap();
        if !ids.insert(id) {
            seen.twice(format!("the event {id}"));
        }
        if cursor <= place {
            seen.differs(format!("{id} is at {cursor}, after {place}"));
        }
        place = cursor;
        let reference = event["reference"].as_str().unwrap();
        of.entry(reference).or_default().push(event);
    }
    for (reference, payment) in payments {
        let none = Vec::new();
        let events = of.get(reference.as_str()).unwrap_or(&none);
        let numbers: Vec<u64> = events
            .iter()
            .map(|e| e["number"].as_u64().unwrap())
            .collect();
        if numbers
            .iter()
            .zip(1..)
            .any(|(number, place)| *number != place)
        {
            seen.differs(format!("the events of {reference} are {numbers:?}"));
        }
        let Some(there) = ledger.get(reference.as_str()) else {
            continue;
        };
        for (word, operation) in [("captured", "CAPTURE"), ("refunded", "REFUND")] {
            let here = events.iter().filter(|event| event["event"] == word);
            let here: Vec<i64> = here
                .map(|event| event["amount"]["value"].as_i64().unwrap())
                .collect();
            let what = format!("the event \"{word}\" of {reference}");
            seen.same_amounts(&what, &done(there, operation), &here);
        }
        let count = |word: &str| events.iter().filter(|event| event["event"] == word).count();
        if count("authorised") != usize::from(there.authorised > 0) {
            let authorised = count("authorised");
            seen.differs(format!("{reference} was authorised {authorised} times"));
        }
        let last = events.last().map_or([0; 4], |last| sums(last));
        if last != sums(payment) {
            seen.differs(format!(
                "{reference} ends with {last:?}, and is {:?}",
                sums(payment)
            ));
        }
    }
}

/// The shop was told each event that it is to hear of, once, in order, as it was.
fn told(seen: &mut Seen, events: &[Value], told: &[Told]) {
    let mut heard: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
    for told in told {
        heard.entry(&told.reference).or_default().push(told);
    }
    let mut all: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for event in events {
        let reference = event["reference"].as_str().unwrap();
        all.entry(reference).or_default().push(event);
    }
    for (reference, events) in &all {
        // A shop that never heard of a start hears nothing of its end; that it was refused, it may.
        let known =
            |event: &&Value| event["event"] == "initiated" || event["event"] == "authorised";
        let must = events.iter().any(known);
        let heard = heard.remove(reference).unwrap_or_default();
        // It made it, and is not told so.
        let due: Vec<(&str, &str, [i64; 4])> = events
            .iter()
            .filter(|event| event["event"] != "initiated")
            .map(|event| {
                let text = |name: &str| event[name].as_str().unwrap();
                (text("id"), text("event"), sums(event))
            })
            .collect();
        let heard: Vec<(&str, &str, [i64; 4])> = heard
            .iter()
            .map(|told| (told.event.as_str(), told.what.as_str(), told.sums))
            .collect();
        for due in &due {
            if must && !heard.contains(due) {
                seen.lost(format!("the shop was not told {due:?}"));
            }
        }
        if due.len() == heard.len() && due != heard {
            seen.differs(format!("the shop was told {heard:?} for {due:?}"));
        }
        for heard in &heard {
            if !due.contains(heard) {
                seen.twice(format!("the shop was told {heard:?}"));
            }
        }
    }
    for (reference, told) in heard {
        seen.differs(format!("the shop was told of {reference}: {told:?}"));
    }
}
