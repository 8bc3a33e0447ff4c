//! What went wrong once, or nearly: keys that join, sums that are left open, hints that come while
//! Vipps is away, shops that will not take an order.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::api::{Operation, OperationKind};
use kasse_core::journal::{Batch, Delivery, Journal, Told, Write};
use kasse_core::*;

use super::API;
use crate::world::*;
use crate::{done, key, part, refused, target};

fn keyed(order: &str, name: &str) -> Target {
    Target {
        key: key(name),
        ..target(order)
    }
}

/// A second click joins the capture that is under way; when it is repeated, it is still that one.
#[tokio::test(start_paused = true)]
async fn a_key_that_joined_a_command_is_not_a_new_ask_when_it_is_repeated() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps.fault("capture", Fault::Again);
    w.vipps.fault("capture", Fault::Again);
    for click in ["click-1", "click-2"] {
        let outcome = w
            .flow
            .capture(&w.cx, &keyed("1001", click), &part(3000))
            .await;
        assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
    }
    w.seconds(30).await;
    assert_eq!(w.now(&payment).await.sums.captured, Money::nok(3000));
    // The engine was told "pending", and asks the same again, as it may.
    done(
        w.flow
            .capture(&w.cx, &keyed("1001", "click-2"), &part(3000))
            .await,
    );
    assert_eq!(w.now(&payment).await.sums.captured, Money::nok(3000));
}

/// The rest is not the part that happens to be under way.
#[tokio::test(start_paused = true)]
async fn a_capture_of_the_rest_does_not_join_a_capture_of_a_part() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps.fault("capture", Fault::Again);
    let outcome = w.flow.capture(&w.cx, &target("1001"), &part(2500)).await;
    assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
    match w.flow.capture(&w.cx, &target("1001"), &Part::rest()).await {
        Outcome::Refused(error) => assert_eq!(error.kind, ErrorKind::InProgress),
        Outcome::Done(now) => assert_eq!(now.sums.captured, Money::nok(10_000)),
        other => panic!("{other:?}"),
    }
}

/// What is left is what is left at Vipps, also when a part was taken in the portal, unseen by us.
#[tokio::test(start_paused = true)]
async fn a_capture_of_the_rest_takes_what_the_portal_has_left() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps
        .push("acme-1001", OperationKind::Capture, 4000, None);
    w.vipps.fault("capture", Fault::Refused("Payment", "61"));
    let click = keyed("1001", "click-1");
    let now = done(w.flow.capture(&w.cx, &click, &Part::rest()).await);
    assert_eq!(now.sums.captured, Money::nok(10_000));
    let sent = w.vipps.sent();
    let captures: Vec<Vec<&str>> = sent
        .iter()
        .filter(|line| line.starts_with("capture"))
        .map(|line| line.split(' ').collect())
        .collect();
    assert_eq!(captures.len(), 2, "{captures:?}");
    assert_eq!((captures[0][2], captures[1][2]), ("10000", "6000"));
    assert_ne!(captures[0][3], captures[1][3], "the first key is used up");
    // Repeated, it is still that one.
    done(w.flow.capture(&w.cx, &click, &Part::rest()).await);
    assert_eq!(w.vipps.count("capture"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_capture_of_the_rest_that_the_portal_has_done_is_no_failure() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps
        .push("acme-1001", OperationKind::Capture, 10_000, None);
    w.vipps.fault("capture", Fault::Refused("Payment", "61"));
    let click = keyed("1001", "click-1");
    // The engine may ask again with the same key, and is not told the contrary then.
    for _ in 0..2 {
        let now = done(w.flow.capture(&w.cx, &click, &Part::rest()).await);
        assert_eq!(now.sums.captured, Money::nok(10_000));
    }
    assert_eq!(w.vipps.count("capture"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refund_of_the_rest_that_the_portal_has_done_is_no_failure() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    done(w.flow.capture(&w.cx, &target("1001"), &Part::rest()).await);
    w.vipps
        .push("acme-1001", OperationKind::Refund, 10_000, None);
    w.vipps.fault("refund", Fault::Refused("Payment", "71"));
    let click = keyed("1001", "click-1");
    for _ in 0..2 {
        let now = done(w.flow.refund(&w.cx, &click, &Part::rest()).await);
        assert_eq!(now.sums.refunded, Money::nok(10_000));
    }
    assert_eq!(w.vipps.count("refund"), 1);
}

/// The second of two presses is answered as done; repeated after a further capture it is still that
/// press, and no new refund.
#[tokio::test(start_paused = true)]
async fn a_refund_that_was_answered_as_done_is_not_done_when_it_is_repeated() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    done(w.flow.capture(&w.cx, &target("1001"), &part(5000)).await);
    for press in ["press-1", "press-2"] {
        let press = keyed("1001", press);
        done(w.flow.refund(&w.cx, &press, &Part::rest()).await);
    }
    done(w.flow.capture(&w.cx, &target("1001"), &part(5000)).await);
    let again = keyed("1001", "press-2");
    done(w.flow.refund(&w.cx, &again, &Part::rest()).await);
    assert_eq!(w.now(&payment).await.sums.refunded, Money::nok(5000));
    assert_eq!(w.vipps.count("refund"), 1);
}

/// "The rest" stays the rest, also when it had to wait and nobody asks any more.
#[tokio::test(start_paused = true)]
async fn a_capture_of_the_rest_that_had_to_wait_takes_what_the_portal_has_left() {
    for (by_portal, then) in [(4000, 6000), (10_000, 0)] {
        let w = World::on(API);
        let payment = w.pay(order("1001", 10_000)).await;
        w.approve(&payment).await;
        w.vipps.fault("capture", Fault::Again);
        let click = keyed("1001", "click-1");
        let outcome = w.flow.capture(&w.cx, &click, &Part::rest()).await;
        assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
        w.vipps
            .push("acme-1001", OperationKind::Capture, by_portal, None);
        w.vipps.fault("capture", Fault::Refused("Payment", "61"));
        w.seconds(30).await;
        let now = w.now(&payment).await;
        assert_eq!(now.sums.captured, Money::nok(10_000));
        assert!(now.notes.is_empty(), "{:?}", now.notes);
        let commands = w.journal.commands(&payment.id).await.unwrap();
        assert!(commands.iter().all(|command| !command.is_open()));
        let captures = w.vipps.count("capture");
        assert_eq!(
            w.vipps.count(&format!("capture acme-1001 {then} ")),
            usize::from(then > 0)
        );
        done(w.flow.capture(&w.cx, &click, &Part::rest()).await);
        assert_eq!(w.vipps.count("capture"), captures);
    }
}

/// Nothing is tried for ever.
#[tokio::test(start_paused = true)]
async fn a_capture_that_vipps_never_does_comes_to_an_end_with_a_note() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    for _ in 0..5000 {
        w.vipps.fault("capture", Fault::Lost);
    }
    let outcome = w.flow.capture(&w.cx, &target("1001"), &part(2500)).await;
    assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
    for _ in 0..6 * 24 * 6 {
        tokio::time::advance(Duration::from_secs(600)).await;
        w.seconds(1).await;
    }
    let open = async || {
        let commands = w.journal.commands(&payment.id).await.unwrap();
        commands.iter().filter(|command| command.is_open()).count()
    };
    assert_eq!(open().await, 1, "after six days");
    for _ in 0..2 * 24 * 6 {
        tokio::time::advance(Duration::from_secs(600)).await;
        w.seconds(1).await;
    }
    assert_eq!(open().await, 0, "after eight days");
    let notes = w.now(&payment).await.notes;
    assert!(
        notes[0]
            .text
            .starts_with("The capture was tried for 7 days"),
        "{notes:?}"
    );
    // Another can be asked for.
    w.vipps.0.lock().unwrap().faults.clear();
    done(w.flow.capture(&w.cx, &target("1001"), &part(2500)).await);
}

/// An amount that the merchant named is the merchant's: it is not changed.
#[tokio::test(start_paused = true)]
async fn a_capture_of_too_large_a_part_stays_refused() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps
        .push("acme-1001", OperationKind::Capture, 4000, None);
    w.vipps.fault("capture", Fault::Refused("Payment", "61"));
    refused(w.flow.capture(&w.cx, &target("1001"), &part(8000)).await);
    assert_eq!(w.vipps.count("capture"), 1);
}

/// The merchant's cancellation is the merchant's, also when ours was under way already.
#[tokio::test(start_paused = true)]
async fn a_merchants_cancellation_that_joins_ours_is_done_all_the_same() {
    let w = World::on(API);
    w.vipps.0.lock().unwrap().never_expires = true;
    let payment = w.pay(order("1001", 10_000)).await;
    for _ in 0..3 {
        w.vipps.fault("cancel", Fault::Again);
    }
    w.seconds(604).await;
    assert!(w.vipps.count("cancel") > 0, "its time is over");
    // Approved in the last moment; the merchant, who does not know it, cancels.
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 10_000, None);
    let outcome = w.flow.cancel(&w.cx, &target("1001")).await;
    assert!(!matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    w.seconds(60).await;
    assert_eq!(
        w.now(&payment).await.sums.released,
        Money::nok(10_000),
        "the merchant was told that it was cancelled: {outcome:?}"
    );
}

fn sold_out() -> RecordError {
    RecordError::Never(Error::invalid("Sold out", "the stock is gone.", ""))
}

/// Direct capture: there is no reservation to release, and nobody gets into a loop over it.
#[tokio::test(start_paused = true)]
async fn a_direct_capture_the_shop_cannot_take_is_left_to_a_person_and_the_rest_is_told() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.settle().await;
    w.books
        .lock()
        .unwrap()
        .answers
        .insert("1001".into(), vec![sold_out(); 1000].into());
    w.vipps.push("acme-1001", OperationKind::Sale, 10_000, None);
    assert_eq!(w.callback(&payment).await, StatusCode::OK);
    w.settle().await;
    let reads = w.vipps.0.lock().unwrap().reads;
    w.seconds(60).await;
    let asked = 1000 - w.books.lock().unwrap().answers["1001"].len();
    let reads = w.vipps.0.lock().unwrap().reads - reads;
    assert!(
        asked < 10 && reads < 10,
        "in a minute the shop was told {asked} times, and Vipps was asked {reads} times"
    );
}

/// A release that Vipps refuses is no reason to ask every second.
#[tokio::test(start_paused = true)]
async fn a_release_that_vipps_refuses_is_not_sent_every_second() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.settle().await;
    w.books
        .lock()
        .unwrap()
        .answers
        .insert("1001".into(), vec![sold_out(); 1000].into());
    for _ in 0..1000 {
        w.vipps.fault("cancel", Fault::Refused("Merchant", "37"));
    }
    w.approve(&payment).await;
    w.seconds(60).await;
    let commands = w.journal.commands(&payment.id).await.unwrap().len();
    assert!(
        w.vipps.count("cancel") <= 6,
        "{} cancellations in a minute, {commands} commands",
        w.vipps.count("cancel")
    );
}

/// A key is for one ask: with another amount it is another.
#[tokio::test(start_paused = true)]
async fn a_start_of_another_amount_with_the_same_key_is_refused() {
    let w = World::on(API);
    let ask = |minor| Initiate {
        order: order("1001", minor),
        key: key("k"),
    };
    assert!(matches!(
        w.flow.initiate(&w.cx, ask(10_000)).await,
        Outcome::Started(_)
    ));
    let error = refused(w.flow.initiate(&w.cx, ask(25_000)).await);
    assert_eq!(error.kind, ErrorKind::KeyReused);
}

/// One command that hangs at Vipps holds up neither the other payments nor the shops.
#[tokio::test(start_paused = true)]
async fn a_command_that_hangs_holds_up_no_other_payment() {
    let w = World::on(API);
    let first = w.pay(order("1001", 10_000)).await;
    w.approve(&first).await;
    let second = w.pay(order("1002", 10_000)).await;
    w.vipps.fault("capture", Fault::Again);
    assert!(matches!(
        w.flow.capture(&w.cx, &target("1001"), &part(100)).await,
        Outcome::Pending(_)
    ));
    w.vipps.0.lock().unwrap().slow = Some(Duration::from_secs(45));
    w.vipps
        .push("acme-1002", OperationKind::Authorise, 10_000, None);
    let since = w.cx.now();
    let flow = w.flow.clone();
    let sweeps = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            flow.sweep().await;
        }
    });
    while w.now(&second).await.state != PaymentState::Authorised {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    sweeps.abort();
    let took = w.cx.now().duration_since(since).as_secs();
    assert!(took < 12, "found after {took} s");
}

/// Lines without an amount are a part, not everything.
#[tokio::test(start_paused = true)]
async fn a_refund_of_lines_without_an_amount_is_not_a_refund_of_everything() {
    let w = World::on(API);
    let mut two = order("1001", 10_000);
    two.lines[0].total = Money::nok(4000);
    two.lines.push(Line {
        id: LineId::new("2").unwrap(),
        total: Money::nok(6000),
        ..two.lines[0].clone()
    });
    let payment = w.pay(two).await;
    w.approve(&payment).await;
    done(w.flow.capture(&w.cx, &target("1001"), &Part::rest()).await);
    let first_line = Part {
        amount: None,
        lines: vec![(LineId::new("1").unwrap(), 1)],
    };
    let _ = w.flow.refund(&w.cx, &target("1001"), &first_line).await;
    let refunded = w.now(&payment).await.sums.refunded;
    assert!(refunded.minor <= 4000, "{refunded} was refunded");
}

/// Thanks are for money that is held.
#[tokio::test(start_paused = true)]
async fn the_return_page_does_not_thank_for_a_reservation_that_was_released() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.settle().await;
    w.books
        .lock()
        .unwrap()
        .answers
        .insert("1001".into(), vec![sold_out()].into());
    w.approve(&payment).await;
    w.seconds(5).await;
    assert_eq!(w.now(&payment).await.sums.released, Money::nok(10_000));
    let back = w.vipps.0.lock().unwrap().urls["acme-1001"].back.clone();
    let page = w
        .flow
        .handle(Request::get(back.as_str()).body(Bytes::new()).unwrap())
        .await;
    let text = String::from_utf8_lossy(page.body()).into_owned();
    assert!(!text.contains("Your payment went through"), "{text}");
}

/// "Already paid" is said of what Vipps says now.
#[tokio::test(start_paused = true)]
async fn an_order_whose_reservation_was_released_in_the_portal_can_be_paid_again() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps
        .push("acme-1001", OperationKind::Release, 10_000, None);
    tokio::time::sleep(Duration::from_secs(90)).await;
    assert_eq!(w.pay(order("1001", 10_000)).await.attempt, 2);
}

/// A cart that was paid and became an order is paid.
#[tokio::test(start_paused = true)]
async fn a_cart_that_became_an_order_is_not_paid_again() {
    let w = World::on(API);
    let payment = w.pay(order("cart", 10_000)).await;
    w.settle().await;
    w.books
        .lock()
        .unwrap()
        .becomes
        .insert("cart".into(), at("2001"));
    w.approve(&payment).await;
    assert_eq!(w.now(&payment).await.order, at("2001"));
    let again = w
        .flow
        .initiate(
            &w.cx,
            Initiate {
                order: order("cart", 10_000),
                key: None,
            },
        )
        .await;
    assert_eq!(refused(again).kind, ErrorKind::AlreadyPaid);
}

/// The longer Vipps is away, the less it is asked.
#[tokio::test(start_paused = true)]
async fn a_command_that_cannot_be_looked_up_is_looked_up_ever_more_slowly() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps.0.lock().unwrap().down = true;
    let outcome = w.flow.capture(&w.cx, &target("1001"), &part(100)).await;
    assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
    let before = w.vipps.0.lock().unwrap().reads;
    w.seconds(3600).await;
    let reads = w.vipps.0.lock().unwrap().reads - before;
    assert!(reads < 60, "{reads} reads in an hour");
}

/// What is left over of a shop that was taken out holds up no other.
#[tokio::test(start_paused = true)]
async fn a_shop_that_is_gone_does_not_hold_up_the_others() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.settle().await;
    let gone = ShopId::new("gone").unwrap();
    let now = w.cx.now();
    let mut batch = Batch::default();
    for n in 0..250 {
        let id = PaymentId {
            account: payment.id.account.clone(),
            reference: Reference::new(format!("gone-{n:04}")).unwrap(),
        };
        let order = OrderRef::new(gone.clone(), OrderId::new(n.to_string()).unwrap());
        batch.push(Write::Insert(Box::new(Payment {
            id: id.clone(),
            order: order.clone(),
            state: PaymentState::Expired,
            next_look: None,
            ..w.now(&payment).await
        })));
        batch.push(Write::Deliver(Delivery {
            id: DeliveryId::new(format!("{id}/000001")).unwrap(),
            order,
            payment: id,
            what: Told::Event { number: 1 },
            after: now,
            next: now,
            tries: 0,
            error: None,
            parked: false,
        }));
    }
    w.journal.write(batch).await.unwrap();
    // The shop is down for a moment, and told when it is back.
    let later = RecordError::Later(Error::invalid("Down", "the shop is down.", ""));
    w.books
        .lock()
        .unwrap()
        .answers
        .insert("1001".into(), vec![later].into());
    w.approve(&payment).await;
    w.seconds(60).await;
    assert_eq!(w.told().last().unwrap(), "1001 authorised 10000/0/0/0");
}

/// One reservation is one event, whatever the history holds.
#[tokio::test(start_paused = true)]
async fn a_reservation_that_the_history_names_twice_is_told_once() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 10_000, None);
    w.callback(&payment).await;
    w.settle().await;
    let told = w.told();
    assert_eq!(
        told.iter().filter(|l| l.contains("authorised")).count(),
        1,
        "{told:?}"
    );
}

/// An earlier payment that can be neither read nor cancelled can, long after its time, not be paid
/// either: it stands in the way of no new one.
#[tokio::test(start_paused = true)]
async fn an_earlier_payment_that_cannot_be_cancelled_does_not_block_the_order_for_good() {
    let w = World::on(API);
    w.pay(order("1001", 10_000)).await;
    w.vipps.0.lock().unwrap().payments.remove("acme-1001");
    for _ in 0..10_000 {
        w.vipps.fault("cancel", Fault::Refused("Merchant", "35"));
    }
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    w.seconds(5).await;
    let again = w
        .flow
        .initiate(
            &w.cx,
            Initiate {
                order: order("1001", 10_000),
                key: None,
            },
        )
        .await;
    assert!(matches!(again, Outcome::Started(_)), "{again:?}");
}

/// A cancellation that Vipps refuses is not journaled anew with each look.
#[tokio::test(start_paused = true)]
async fn a_payment_that_vipps_will_not_cancel_does_not_pile_up_commands() {
    let w = World::on(API);
    w.vipps.0.lock().unwrap().never_expires = true;
    let payment = w.pay(order("1001", 10_000)).await;
    for _ in 0..10_000 {
        w.vipps.fault("cancel", Fault::Refused("Payment", "52"));
    }
    w.seconds(3 * 3600).await;
    let commands = w.journal.commands(&payment.id).await.unwrap().len();
    assert!(commands < 20, "{commands} commands in three hours");
}

/// The address where the customer pays is a key to the payment.
#[tokio::test(start_paused = true)]
async fn debug_output_does_not_hold_the_address_where_the_payment_is_paid() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    let text = format!("{payment:?}");
    assert!(!text.contains("vipps.example"), "{text}");
}

fn engine_call() -> Request<Bytes> {
    Request::post("https://kasse.example/engine/acme/hook")
        .body(Bytes::new())
        .unwrap()
}

/// An engine that asks for a static express payment is not asked back while it waits.
#[tokio::test(start_paused = true)]
async fn an_engine_is_not_asked_for_its_deliveries_while_it_waits_for_a_start() {
    let w = World::on(API);
    w.books.lock().unwrap().options = vec![option("home", 9900)];
    let express = Order {
        express: Some(Express::Static),
        ..order("1001", 10_000)
    };
    let ask = Ask::new(Verb::Initiate(Box::new(express)), at("1001"));
    w.books.lock().unwrap().asks.push_back(ask);
    w.flow.handle(engine_call()).await;
    let called = w.books.lock().unwrap().called_while_waiting.clone();
    assert!(called.is_empty(), "{called:?}");
}

/// A telling that is under way looks again before it writes.
#[tokio::test(start_paused = true)]
async fn an_engine_that_began_to_wait_while_its_order_was_read_is_not_written_to() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.settle().await;
    w.books.lock().unwrap().order_takes = Duration::from_secs(5);
    w.approve(&payment).await;
    // The order is being read; now the engine asks, and Vipps takes its time.
    w.vipps.0.lock().unwrap().slow = Some(Duration::from_secs(20));
    let ask = Ask::new(Verb::Capture(part(100)), at("1001"));
    w.books.lock().unwrap().asks.push_back(ask);
    w.flow.handle(engine_call()).await;
    let called = w.books.lock().unwrap().called_while_waiting.clone();
    assert!(called.is_empty(), "{called:?}");
}

/// A start that a crash cut short is looked up ever more slowly while Vipps is away.
#[tokio::test(start_paused = true)]
async fn a_start_that_cannot_be_looked_up_is_not_looked_up_every_second() {
    let w = World::on(API);
    w.vipps.0.lock().unwrap().slow = Some(Duration::from_secs(20));
    let (flow, cx) = (w.flow.clone(), w.cx.clone());
    let what = Initiate {
        order: order("1001", 10_000),
        key: None,
    };
    let crashed = tokio::spawn(async move { flow.initiate(&cx, what).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    crashed.abort();
    w.vipps.0.lock().unwrap().down = true;
    w.seconds(3600).await;
    let reads = w.vipps.0.lock().unwrap().reads;
    assert!(reads < 300, "{reads} reads in an hour");
}

/// Vipps may not find for a while what the customer has paid: that is no reason to end it.
#[tokio::test(start_paused = true)]
async fn a_payment_that_vipps_does_not_find_is_not_cancelled_when_its_time_is_over() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    let history = w.vipps.0.lock().unwrap().payments.remove("acme-1001");
    w.seconds(700).await;
    assert_eq!(w.vipps.count("cancel"), 0);
    let mut history = history.unwrap();
    history.push(Operation {
        kind: OperationKind::Authorise,
        identity: "paid".into(),
        ..history[0].clone()
    });
    let reference = payment.id.reference.to_string();
    w.vipps
        .0
        .lock()
        .unwrap()
        .payments
        .insert(reference, history);
    w.seconds(60).await;
    assert_eq!(w.now(&payment).await.state, PaymentState::Authorised);
}

/// Who asked was told that it is under way. That it was refused in the end is written down.
#[tokio::test(start_paused = true)]
async fn what_was_under_way_and_is_refused_in_the_end_leaves_a_note() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps.fault("capture", Fault::Again);
    w.vipps.fault("capture", Fault::Refused("VippsError", "93"));
    let outcome = w.flow.capture(&w.cx, &target("1001"), &part(2500)).await;
    assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
    w.seconds(60).await;
    let now = w.now(&payment).await;
    assert_eq!(now.sums.captured, Money::nok(0));
    let notes: Vec<&str> = now.notes.iter().map(|note| note.text.as_str()).collect();
    assert!(
        notes.len() == 1 && notes[0].starts_with("It was under way: "),
        "{notes:?}"
    );
}

/// One server's clock is ahead of the other's, or is set back: what follows seems to come before. The
/// shop is told in the order in which it happened all the same.
#[tokio::test(start_paused = true)]
async fn a_payments_events_are_told_in_their_order_whatever_the_clocks_say() {
    let w = World::on(API);
    let away = || {
        let error = Error::new(ErrorKind::EngineUnavailable, Who::Shop, "away", "", "");
        RecordError::Later(error)
    };
    let answers = vec![away()].into();
    let books = || w.books.lock().unwrap();
    books().answers.insert("1001".into(), answers);
    let payment = w.pay(order("1001", 10_000)).await;
    w.settle().await;
    let [initiated] = &w.journal.deliveries(&at("1001")).await.unwrap()[..] else {
        panic!("the start is still to be told");
    };
    let ahead = Delivery {
        after: after(initiated.after, Duration::from_secs(60)),
        ..initiated.clone()
    };
    let batch = Batch {
        leases: Vec::new(),
        writes: vec![Write::Deliver(ahead)],
    };
    w.journal.write(batch).await.unwrap();
    w.approve(&payment).await;
    w.seconds(10).await;
    assert_eq!(
        w.told(),
        ["1001 initiated 0/0/0/0", "1001 authorised 10000/0/0/0"]
    );
}
