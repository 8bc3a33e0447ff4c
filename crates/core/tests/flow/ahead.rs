//! Deliveries that the shop is asked for before Vipps asks.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{Request, StatusCode};
use kasse_core::journal::{Journal, LeaseKey};
use kasse_core::*;

use crate::slow::SlowJournal;
use crate::world::*;

const SECOND: Duration = Duration::from_secs(1);

/// As Vipps asks for `0154 Gata 1`.
fn oslo() -> Address {
    Address {
        line1: "Gata 1".into(),
        line2: String::new(),
        post_code: "0154".into(),
        city: "Oslo".into(),
        country: "NO".into(),
    }
}

/// A customer with an address in the cart.
fn known(id: &str, address: Address) -> Order {
    let mut order = order(id, 10_000);
    order.express = Some(Express::Dynamic);
    order.buyer.address = Some(address);
    order
}

fn world() -> World {
    let w = World::new();
    w.books.lock().unwrap().options = vec![option("home", 9900)];
    w
}

fn asked(w: &World) -> usize {
    w.books.lock().unwrap().asked_for.len()
}

/// What a shipping call is answered, and how long that takes.
async fn call(w: &World, reference: &str, place: &str) -> (u64, StatusCode, String) {
    let begun = tokio::time::Instant::now();
    let answer = w.deliveries(reference, place).await;
    let text = String::from_utf8_lossy(answer.body()).into_owned();
    (begun.elapsed().as_secs(), answer.status(), text)
}

/// How shipping calls were answered since this was asked last.
fn heard(w: &World) -> Vec<String> {
    let mut heard = std::mem::take(&mut w.vipps.0.lock().unwrap().heard);
    heard.retain(|what| what.starts_with("shipping"));
    heard
}

/// An order's engine waits for an answer of another server, so long.
async fn waits_elsewhere(w: &World, order: &str, time: Duration) {
    let key = LeaseKey::engine(&at(order), 0);
    let (now, until) = (w.cx.now(), after(w.cx.now(), time));
    let lease = w.journal.acquire(&key, now, until).await.unwrap();
    assert!(lease.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_shipping_call_to_the_address_in_the_cart_finds_a_young_answer() {
    for api in [ApiKind::Ecom, ApiKind::Epayment] {
        let w = World::on(api);
        w.books.lock().unwrap().options = vec![option("home", 9900)];
        w.books.lock().unwrap().quote_takes = 20 * SECOND;
        let payment = w.pay(known("1001", oslo())).await;
        assert_eq!(asked(&w), 0, "the start is not waiting for it");
        tokio::time::sleep(25 * SECOND).await;
        assert_eq!(asked(&w), 1);
        let quotes = async || w.journal.quotes(&payment.id).await.unwrap().len();
        assert_eq!(quotes().await, 0, "it was not offered");
        w.books.lock().unwrap().quote_fails = true;
        // Vipps writes it in its own way.
        for place in ["0154", "0154 GATA  1 "] {
            let (took, _, text) = call(&w, "acme-1001", place).await;
            assert_eq!((took, text.as_str()), (0, "home.1.1 9900"));
        }
        assert_eq!(heard(&w), ["shipping Young in 0 s"; 2]);
        assert_eq!((asked(&w), quotes().await), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_while_the_shop_is_being_asked_shares_the_question() {
    let w = world();
    w.books.lock().unwrap().quote_takes = 5 * SECOND;
    w.pay(known("1001", oslo())).await;
    tokio::time::sleep(3 * SECOND).await;
    let (took, _, text) = call(&w, "acme-1001", "0154").await;
    assert_eq!((took, text.as_str()), (2, "home.1.1 9900"));
    assert_eq!(heard(&w), ["shipping Shared in 2 s"]);
    assert_eq!(asked(&w), 1);
    // Another address is another question, and what nobody waits for makes way for it.
    w.pay(known("1002", oslo())).await;
    tokio::time::sleep(3 * SECOND).await;
    assert_eq!(call(&w, "acme-1002", "5003").await.0, 5);
    w.settle().await;
    let ended = w.books.lock().unwrap().quotes_ended;
    assert_eq!((asked(&w), ended), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn where_the_shop_is_away_then_what_it_said_ahead_is_the_last_good_answer() {
    let mut w = world();
    let journal = SlowJournal::over(&w.journal, &w.cx);
    w.flow = w.over(journal.clone());
    w.pay(known("1001", oslo())).await;
    w.settle().await;
    w.books.lock().unwrap().quote_fails = true;
    // Another street of the same place.
    let (_, _, text) = call(&w, "acme-1001", "0154 Gata 2").await;
    assert_eq!(text, "home.1.1 9900");
    // It has its ids then, and is not looked up again; nor is it for the street that was asked about.
    journal.asked();
    for place in ["0154 Gata 2", "0154 Gata 3", "0154"] {
        assert_eq!(call(&w, "acme-1001", place).await.2, "home.1.1 9900");
        assert_eq!(journal.asked(), (1, 0), "{place}");
    }
    let last_good = "shipping LastGood in 0 s";
    let young = "shipping Young in 0 s";
    assert_eq!(heard(&w), [last_good, last_good, last_good, young]);
    // Another place is none of it.
    let (_, status, _) = call(&w, "acme-1001", "5003").await;
    assert!(!status.is_success(), "{status}");
}

#[tokio::test(start_paused = true)]
async fn a_shop_is_asked_ahead_where_that_is_of_use() {
    let with = |change: fn(&mut Order)| {
        let mut order = known("1001", oslo());
        change(&mut order);
        order
    };
    let to = |change: fn(&mut Address)| {
        let mut address = oslo();
        change(&mut address);
        known("1001", address)
    };
    for (order, of_use) in [
        (with(|_| {}), true),
        (with(|order| order.buyer.address = None), false),
        (with(|order| order.express = None), false),
        (
            with(|order| {
                order.express = Some(Express::Static);
                order.deliveries = vec![option("home", 9900)];
            }),
            false,
        ),
        (to(|address| address.country = " no ".into()), true),
        (to(|address| address.country = "Norge".into()), false),
        (to(|address| address.country = "1€".into()), false),
        (to(|address| address.country.clear()), false),
        (to(|address| address.post_code = " ".into()), false),
        (to(|address| address.line1 = "x".repeat(10_000)), false),
        (to(|address| address.line1.clear()), true),
    ] {
        let w = world();
        w.pay(order.clone()).await;
        w.settle().await;
        let address = &order.buyer.address.as_ref().map(|it| &it.country);
        assert_eq!(asked(&w), usize::from(of_use), "{order:?} {address:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shop_is_asked_ahead_once_for_each_payment() {
    let w = world();
    let first = w.pay(known("1001", oslo())).await;
    // Pressed again: the same payment.
    for _ in 0..3 {
        w.settle().await;
        let again = w.pay(known("1001", oslo())).await;
        assert_eq!(again.id, first.id);
    }
    w.settle().await;
    assert_eq!(asked(&w), 1);
    // Not behind Vipps, if that was faster.
    w.pay(known("1002", oslo())).await;
    call(&w, "acme-1002", "5003").await;
    w.settle().await;
    assert_eq!(asked(&w), 2);
    // Nor while Vipps waits for the shop.
    w.books.lock().unwrap().quote_takes = 3 * SECOND;
    w.pay(known("1003", oslo())).await;
    call(&w, "acme-1003", "5003").await;
    assert_eq!(asked(&w), 3);
    // A payment that is over has no deliveries.
    let over = w.pay(known("1004", oslo())).await;
    w.approve(&over).await;
    w.settle().await;
    assert_eq!(asked(&w), 3);
}

#[tokio::test(start_paused = true)]
async fn a_shop_is_not_asked_ahead_while_there_is_too_much_to_do() {
    let w = world();
    w.flow.set_busy(true);
    w.pay(known("1001", oslo())).await;
    // It may begin in between.
    w.flow.set_busy(false);
    w.pay(known("1002", oslo())).await;
    w.flow.set_busy(true);
    w.settle().await;
    assert_eq!(asked(&w), 0);
    // Vipps is answered all the same.
    assert_eq!(call(&w, "acme-1001", "0154").await.2, "home.1.1 9900");
    // The shop has too much to do: the questions of those who wait have most of the room.
    w.flow.set_busy(false);
    w.books.lock().unwrap().quote_takes = 3600 * SECOND;
    for order in 2000..2100 {
        w.pay(known(&order.to_string(), oslo())).await;
    }
    w.settle().await;
    assert_eq!(asked(&w), 1 + 16);
    let references: Vec<_> = (2000..2100).map(|order| format!("acme-{order}")).collect();
    let calls = references.iter().map(|it| w.deliveries(it, "5003"));
    join_all(calls).await;
    assert!(asked(&w) > 1 + 16 + 40, "{}", asked(&w));
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_is_slow_again_and_again_is_not_asked_ahead() {
    let w = world();
    w.pay(known("1001", oslo())).await;
    w.settle().await;
    w.books.lock().unwrap().quote_takes = 3600 * SECOND;
    for code in ["5003", "7010", "9008"] {
        call(&w, "acme-1001", code).await;
    }
    assert_eq!(w.flow.slow_shops().len(), 1);
    let before = asked(&w);
    w.pay(known("1002", oslo())).await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(asked(&w), before);
}

/// Rule: an engine that waits for our answer is not called.
#[tokio::test(start_paused = true)]
async fn an_engine_is_asked_when_it_has_its_answer() {
    let hook = || {
        Request::post("https://kasse.example/engine/acme/hook")
            .body(Bytes::new())
            .unwrap()
    };
    let w = world();
    let begin = Ask::new(Verb::Initiate(Box::new(known("1001", oslo()))), at("1001"));
    w.books.lock().unwrap().asks.push_back(begin);
    let answer = w.flow.handle(hook()).await;
    assert_eq!(answer.body(), "started acme-1001");
    assert_eq!(asked(&w), 0);
    // That it is told of the start meanwhile ends nothing.
    w.books.lock().unwrap().quote_takes = 5 * SECOND;
    tokio::time::sleep(10 * SECOND).await;
    assert!(w.told()[0].contains("initiated"), "{:?}", w.told());
    let ended = w.books.lock().unwrap().quotes_ended;
    assert_eq!((asked(&w), ended), (1, 1));
    // It asks something else at once, of another server, and waits there.
    w.pay(known("1002", oslo())).await;
    waits_elsewhere(&w, "1002", 3 * SECOND).await;
    w.seconds(2).await;
    assert_eq!(asked(&w), 1);
    w.seconds(10).await;
    assert_eq!(asked(&w), 2);
    // It is not looked for ever.
    w.pay(known("1003", oslo())).await;
    waits_elsewhere(&w, "1003", 12 * SECOND).await;
    w.seconds(60).await;
    assert_eq!(asked(&w), 2);
    let called = w.books.lock().unwrap().called_while_waiting.clone();
    assert!(called.is_empty(), "{called:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_said_ahead_of_a_cart_that_changed_is_given_to_nobody() {
    let w = world();
    w.books.lock().unwrap().quote_takes = 3 * SECOND;
    w.pay(known("1001", oslo())).await;
    tokio::time::sleep(SECOND).await;
    // While the shop is being asked; Vipps is away, so that the first payment stays.
    let change = async || {
        let mut other = known("1001", oslo());
        other.buyer.address = None;
        other.amount = Money::nok(20_000);
        other.lines[0].total = other.amount;
        w.vipps.0.lock().unwrap().down = true;
        let what = Initiate {
            order: other,
            key: None,
        };
        let outcome = w.flow.initiate(&w.cx, what).await;
        assert!(!matches!(outcome, Outcome::Started(_)));
        w.vipps.0.lock().unwrap().down = false;
    };
    change().await;
    tokio::time::sleep(5 * SECOND).await;
    assert_eq!(asked(&w), 1);
    let (_, status, _) = call(&w, "acme-1001", "0154").await;
    assert!(status.is_client_error(), "{status}");
    // And after it was.
    w.pay(known("1002", oslo())).await;
    tokio::time::sleep(5 * SECOND).await;
    let mut other = known("1002", oslo());
    other.amount = Money::nok(20_000);
    other.lines[0].total = other.amount;
    w.pay(other).await;
    let (_, status, _) = call(&w, "acme-1002", "0154").await;
    assert!(!status.is_success(), "{status}");
}

#[tokio::test(start_paused = true)]
async fn the_address_is_nowhere_in_the_journal() {
    let w = world();
    let mut order = known("1001", oslo());
    order.buyer.address.as_mut().unwrap().line1 = "Hemmelig gate 7".into();
    assert!(!format!("{order:?}").contains("Hemmelig"));
    let payment = w.pay(order).await;
    tokio::time::sleep(10 * SECOND).await;
    assert_eq!(asked(&w), 1);
    let trace = w
        .flow
        .trace(&shop_id(), &payment.id.reference)
        .await
        .unwrap();
    let text = serde_json::to_string(&trace).unwrap();
    assert!(text.contains("initiate") && !text.contains("Hemmelig"));
    assert!(!text.contains("0154"), "{text}");
    assert!(w.journal.personal(&payment.id).await.unwrap().is_none());
}
