//! What the flow promises, whichever API the payments are made with: run over each.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::api::OperationKind;
use kasse_core::journal::Journal;
use kasse_core::*;

use super::API;
use crate::world::*;
use crate::{done, key, part, refused, target};

#[tokio::test(start_paused = true)]
async fn an_order_is_reserved_captured_in_part_and_the_rest_released() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    assert_eq!(payment.id.reference.as_str(), "acme-1001");
    w.approve(&payment).await;
    done(w.flow.capture(&w.cx, &target("1001"), &part(4000)).await);
    let after = done(w.flow.cancel(&w.cx, &target("1001")).await);
    w.settle().await;
    assert_eq!(
        (after.sums.captured, after.sums.released),
        (Money::nok(4000), Money::nok(6000))
    );
    assert_eq!(
        w.told(),
        [
            "1001 initiated 0/0/0/0",
            "1001 authorised 10000/0/0/0",
            "1001 captured 10000/4000/0/0",
            "1001 released 10000/4000/0/6000",
        ]
    );
    let cancelled = match API {
        ApiKind::Ecom => "cancel acme-1001 release=true",
        ApiKind::Epayment => "cancel acme-1001 only_open=false",
    };
    let sent = w.vipps.sent();
    assert!(
        sent.iter().any(|line| line.starts_with(cancelled)),
        "{sent:?}"
    );
    assert_eq!(
        refused(w.flow.capture(&w.cx, &target("1001"), &Part::rest()).await)
            .kind
            .clone(),
        ErrorKind::TooMuch {
            left: Money::nok(0)
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_capture_whose_answer_was_lost_is_done_once() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps.fault("capture", Fault::LostAfterDone);
    let after = done(w.flow.capture(&w.cx, &target("1001"), &Part::rest()).await);
    w.seconds(120).await;
    assert_eq!(after.sums.captured, Money::nok(10_000));
    assert_eq!(w.vipps.count("capture"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_capture_that_did_not_arrive_is_sent_again_with_the_same_key() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps.fault("capture", Fault::Lost);
    w.vipps.fault("capture", Fault::Again);
    let outcome = w.flow.capture(&w.cx, &target("1001"), &part(2500)).await;
    assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
    // Meanwhile another amount is refused, and the same joins.
    assert_eq!(
        refused(w.flow.capture(&w.cx, &target("1001"), &part(99)).await)
            .kind
            .clone(),
        ErrorKind::InProgress
    );
    w.seconds(60).await;
    assert_eq!(w.now(&payment).await.sums.captured, Money::nok(2500));
    let captures: Vec<String> = w
        .vipps
        .sent()
        .into_iter()
        .filter(|l| l.starts_with("capture"))
        .collect();
    assert!(
        captures.len() >= 3 && captures.iter().all(|line| *line == captures[0]),
        "{captures:?}"
    );
    assert_eq!(
        w.told().iter().filter(|l| l.contains("captured")).count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn two_partial_captures_of_the_same_sum_are_two() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    for _ in 0..2 {
        done(w.flow.capture(&w.cx, &target("1001"), &part(3000)).await);
    }
    assert_eq!(w.now(&payment).await.sums.captured, Money::nok(6000));
}

#[tokio::test(start_paused = true)]
async fn the_same_key_is_the_same_ask_and_another_ask_is_refused() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    let keyed = Target {
        key: key("click-1"),
        ..target("1001")
    };
    for _ in 0..3 {
        done(w.flow.capture(&w.cx, &keyed, &part(3000)).await);
    }
    assert_eq!(w.vipps.count("capture"), 1);
    assert_eq!(
        refused(w.flow.capture(&w.cx, &keyed, &part(3001)).await)
            .kind
            .clone(),
        ErrorKind::KeyReused
    );
    assert_eq!(
        refused(w.flow.refund(&w.cx, &keyed, &part(3000)).await)
            .kind
            .clone(),
        ErrorKind::KeyReused
    );
}

#[tokio::test(start_paused = true)]
async fn a_refund_above_what_was_captured_names_the_remainder_and_vipps_is_not_asked() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    done(w.flow.capture(&w.cx, &target("1001"), &part(5000)).await);
    done(w.flow.refund(&w.cx, &target("1001"), &part(2000)).await);
    let error = refused(w.flow.refund(&w.cx, &target("1001"), &part(3001)).await);
    assert_eq!(
        error.kind.clone(),
        ErrorKind::TooMuch {
            left: Money::nok(3000)
        }
    );
    assert!(error.to_string().contains("30.00 NOK"), "{error}");
    assert_eq!(
        refused(w.flow.refund(&w.cx, &target("1001"), &part(0)).await)
            .kind
            .clone(),
        ErrorKind::Invalid
    );
    assert_eq!(w.vipps.count("refund"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refund_before_any_capture_says_that_nothing_is_captured_and_cancels_nothing() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    let error = refused(w.flow.refund(&w.cx, &target("1001"), &Part::rest()).await);
    assert_eq!(
        error.kind.clone(),
        ErrorKind::TooMuch {
            left: Money::nok(0)
        }
    );
    assert!(error.why.contains("nothing is captured"), "{error}");
    assert!(error.why.contains("100.00 NOK"), "{error}");
    assert_eq!(w.vipps.count("refund"), 0);
    assert_eq!(w.vipps.count("cancel"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_order_is_never_paid_twice() {
    let w = World::on(API);
    let first = w.pay(order("1001", 10_000)).await;
    // A double click: the same payment.
    assert_eq!(w.pay(order("1001", 10_000)).await.id, first.id);
    // Later: a new attempt, and the earlier one is cancelled at Vipps first.
    tokio::time::sleep(Duration::from_secs(90)).await;
    let second = w.pay(order("1001", 10_000)).await;
    assert_eq!(second.id.reference.as_str(), "acme-1001-2");
    assert_eq!(w.now(&first).await.state, PaymentState::Cancelled);
    w.approve(&second).await;
    let error = refused(
        w.flow
            .initiate(
                &w.cx,
                Initiate {
                    order: order("1001", 10_000),
                    key: None,
                },
            )
            .await,
    );
    assert_eq!(error.kind.clone(), ErrorKind::AlreadyPaid);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_approved_in_the_last_moment_wins_over_a_new_one() {
    let w = World::on(API);
    let first = w.pay(order("1001", 10_000)).await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 10_000, None);
    let error = refused(
        w.flow
            .initiate(
                &w.cx,
                Initiate {
                    order: order("1001", 10_000),
                    key: None,
                },
            )
            .await,
    );
    assert_eq!(error.kind.clone(), ErrorKind::AlreadyPaid);
    assert_eq!((w.vipps.count("cancel"), w.vipps.count("initiate")), (0, 1));
    assert_eq!(w.now(&first).await.state, PaymentState::Authorised);
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_was_used_before_gives_way_to_the_next() {
    let w = World::on(API);
    w.vipps.fault("initiate", Fault::Refused("Merchant", "34"));
    assert_eq!(
        w.pay(order("1001", 10_000)).await.id.reference.as_str(),
        "acme-1001-2"
    );
}

#[tokio::test(start_paused = true)]
async fn a_late_negative_undoes_nothing_and_an_unknown_word_is_shown() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps.push(
        "acme-1001",
        OperationKind::Cancel(kasse_core::api::Ending::Unsaid),
        10_000,
        None,
    );
    w.vipps.push(
        "acme-1001",
        OperationKind::Unknown("FROZEN".into()),
        0,
        None,
    );
    assert_eq!(w.callback(&payment).await, StatusCode::OK);
    w.settle().await;
    let now = w.now(&payment).await;
    assert_eq!(
        (now.state, now.sums.authorised),
        (PaymentState::Authorised, Money::nok(10_000))
    );
    assert_eq!(w.told().last().unwrap(), "1001 unknown 10000/0/0/0");
}

#[tokio::test(start_paused = true)]
async fn a_lost_callback_is_found_by_polling_at_vipps_pace() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.seconds(4).await;
    assert_eq!(w.vipps.0.lock().unwrap().reads, 0, "not before 5 s");
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 10_000, None);
    w.seconds(5).await;
    assert_eq!(w.now(&payment).await.state, PaymentState::Authorised);
    let w = World::on(API);
    w.pay(order("1002", 10_000)).await;
    w.seconds(60).await;
    let reads = w.vipps.0.lock().unwrap().reads;
    assert!(
        (20..=30).contains(&reads),
        "{reads} reads in the first minute"
    );
}

#[tokio::test(start_paused = true)]
async fn when_the_time_is_over_it_is_ended_at_vipps_and_can_be_paid_again() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.seconds(640).await;
    assert_eq!(w.now(&payment).await.state, PaymentState::Expired);
    // ePayment ends it by itself.
    let ended_by_us = usize::from(API == ApiKind::Ecom);
    assert_eq!(w.vipps.count("cancel"), ended_by_us);
    assert_eq!(w.told().last().unwrap(), "1001 expired 0/0/0/0");
    assert_eq!(w.now(&payment).await.next_look, None);
    assert_eq!(w.pay(order("1001", 10_000)).await.attempt, 2);
}

#[tokio::test(start_paused = true)]
async fn a_merchants_cancellation_voids_what_the_customer_approved_meanwhile() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.vipps.fault("cancel", Fault::Again);
    assert!(matches!(
        w.flow.cancel(&w.cx, &target("1001")).await,
        Outcome::Pending(_)
    ));
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 10_000, None);
    w.seconds(30).await;
    let now = w.now(&payment).await;
    assert_eq!(now.sums.released, Money::nok(10_000));
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_is_down_is_told_later_in_order_and_holds_up_no_other() {
    let w = World::on(API);
    let later = RecordError::Later(Error::invalid("Down", "the shop is down.", ""));
    w.books
        .lock()
        .unwrap()
        .answers
        .insert("1001".into(), vec![later; 6].into());
    let first = w.pay(order("1001", 10_000)).await;
    let second = w.pay(order("1002", 10_000)).await;
    w.approve(&first).await;
    w.approve(&second).await;
    assert_eq!(
        w.told(),
        ["1002 initiated 0/0/0/0", "1002 authorised 10000/0/0/0"]
    );
    w.seconds(300).await;
    assert_eq!(
        w.told()[2..],
        ["1001 initiated 0/0/0/0", "1001 authorised 10000/0/0/0"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_order_the_shop_can_never_take_is_released() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.settle().await;
    let never = RecordError::Never(Error::invalid("Sold out", "the stock is gone.", ""));
    w.books
        .lock()
        .unwrap()
        .answers
        .insert("1001".into(), vec![never].into());
    w.approve(&payment).await;
    w.seconds(5).await;
    let now = w.now(&payment).await;
    assert_eq!(now.sums.released, Money::nok(10_000));
    assert!(
        now.notes
            .iter()
            .any(|note| note.text.contains("the stock is gone")),
        "{:?}",
        now.notes
    );
}

#[tokio::test(start_paused = true)]
async fn a_later_event_the_shop_can_never_take_is_parked_and_the_rest_goes_on() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    let never = RecordError::Never(Error::invalid("Closed", "the period is closed.", ""));
    w.books
        .lock()
        .unwrap()
        .answers
        .insert("1001".into(), vec![never].into());
    done(w.flow.capture(&w.cx, &target("1001"), &part(100)).await);
    done(w.flow.capture(&w.cx, &target("1001"), &part(200)).await);
    w.seconds(2).await;
    assert_eq!(w.told().last().unwrap(), "1001 captured 10000/300/0/0");
    assert_eq!(
        w.journal
            .deliveries(&at("1001"))
            .await
            .unwrap()
            .iter()
            .filter(|d| d.parked)
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn the_return_page_needs_no_cookie_and_takes_no_forged_address() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    let back = w.vipps.0.lock().unwrap().urls["acme-1001"].back.to_string();
    let get = |url: String| async {
        w.flow
            .handle(
                Request::get(url)
                    .header("accept-language", "nb")
                    .body(Bytes::new())
                    .unwrap(),
            )
            .await
    };
    let waiting = get(back.clone()).await;
    assert!(String::from_utf8_lossy(waiting.body()).contains("Et øyeblikk"));
    w.approve(&payment).await;
    let thanks = get(back.clone()).await;
    let text = String::from_utf8_lossy(thanks.body()).into_owned();
    assert!(
        text.contains("Takk") && text.contains("https://shop.example/thanks"),
        "{text}"
    );
    let forged = back.replace("acme-1001-", "acme-1002-");
    assert_eq!(get(forged).await.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        get(format!("{back}0")).await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_the_engines_in_time_or_the_last_good_ones() {
    let w = World::on(API);
    w.books.lock().unwrap().options = vec![option("home", 9900), option("pickup", 4990)];
    let payment = w
        .pay(Order {
            express: Some(Express::Dynamic),
            ..order("1001", 10_000)
        })
        .await;
    let ask = async |post_code: &'static str| w.deliveries("acme-1001", post_code).await;
    let fresh = ask("0154").await;
    assert_eq!(fresh.body(), "home.1.1 9900\npickup.1.2 4990");
    w.books.lock().unwrap().quote_takes = Duration::from_secs(30);
    let started = tokio::time::Instant::now();
    let last = ask("0154").await;
    assert!(
        started.elapsed() < Duration::from_secs(8),
        "well under Vipps' 10 s"
    );
    assert_eq!(
        last.body(),
        "home.1.1 9900\npickup.1.2 4990",
        "the same again keeps its ids"
    );
    assert!(
        ask("5003").await.status().is_server_error(),
        "nothing is made up for another post code"
    );
    w.books.lock().unwrap().quote_takes = Duration::ZERO;
    assert_eq!(
        ask("9170").await.status(),
        StatusCode::BAD_REQUEST,
        "not served"
    );
    w.books.lock().unwrap().options = vec![option("home", -1)];
    assert!(
        ask("5003").await.status().is_server_error(),
        "a wrong list never leaves"
    );
    // What the customer chose is exactly what was quoted.
    w.vipps.0.lock().unwrap().delivery.insert(
        "acme-1001".into(),
        Delivered {
            wire_id: "pickup.1.2".into(),
            title: "pickup".into(),
            cost: Money::nok(4990),
            option: None,
        },
    );
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 14_990, None);
    w.callback(&payment).await;
    w.settle().await;
    let now = w.now(&payment).await;
    assert_eq!(now.sums.authorised, Money::nok(14_990));
    assert_eq!(
        now.delivery.unwrap().option.unwrap().engine["rate"],
        "pickup"
    );
    assert!(now.notes.is_empty(), "{:?}", now.notes);
}

#[tokio::test(start_paused = true)]
async fn an_order_changed_while_it_was_paid_is_reported_and_the_payment_stands() {
    let w = World::on(API);
    w.books.lock().unwrap().price.insert("1001".into(), 12_500);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    assert_eq!(w.now(&payment).await.sums.authorised, Money::nok(10_000));
    let notes = w.books.lock().unwrap().notes.clone();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("125.00") && note.contains("100.00")),
        "{notes:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_payment_keeps_the_keys_it_was_made_with() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    // The shop moves to another sales unit; the old keys stay configured.
    let both = vec![account("main", "123456"), account("new", "654321")];
    let moved = World::flow(&w.cx, &w.vipps, &w.journal, &w.books, both, "new");
    done(moved.capture(&w.cx, &target("1001"), &part(100)).await);
    // Without them, the reason is named; nothing is sent with other keys.
    let gone = World::flow(
        &w.cx,
        &w.vipps,
        &w.journal,
        &w.books,
        vec![account("main", "654321")],
        "main",
    );
    let error = refused(gone.capture(&w.cx, &target("1001"), &part(100)).await);
    assert_eq!(
        (error.kind.clone(), error.who),
        (ErrorKind::Configuration, Who::Merchant)
    );
    assert_eq!(w.vipps.count("capture"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_engine_is_answered_in_its_time_and_never_called_while_it_waits() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps.0.lock().unwrap().slow = Some(Duration::from_secs(5));
    let mut ask = Ask::new(Verb::Capture(part(100)), at("1001"));
    ask.answer_by = Some(after(w.cx.now(), Duration::from_secs(2)));
    w.books.lock().unwrap().asks.push_back(ask);
    let call = || {
        Request::post("https://kasse.example/engine/acme/hook")
            .body(Bytes::new())
            .unwrap()
    };
    let started = tokio::time::Instant::now();
    let answer = w.flow.handle(call()).await;
    assert_eq!(answer.body(), "pending acme-1001");
    assert!(started.elapsed() < Duration::from_secs(3));
    assert!(!w.told().iter().any(|line| line.contains("captured")));
    w.seconds(20).await;
    assert_eq!(w.vipps.count("capture"), 1);
    assert_eq!(w.told().last().unwrap(), "1001 captured 10000/100/0/0");
    // Our own writing, echoed, is answered and not done.
    let mut echo = Ask::new(Verb::Capture(part(100)), at("1001"));
    echo.echo = Some(EventId::new("main/acme-1001/3").unwrap());
    w.books.lock().unwrap().asks.push_back(echo);
    assert_eq!(w.flow.handle(call()).await.body(), "done acme-1001");
    assert_eq!(w.vipps.count("capture"), 1);
    // What the engine did not sign changes nothing.
    assert_eq!(
        w.flow.handle(call()).await.status(),
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_done_in_vipps_portal_is_seen() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps
        .push("acme-1001", OperationKind::Capture, 10_000, None);
    w.vipps.push("acme-1001", OperationKind::Refund, 4000, None);
    w.seconds(700).await;
    assert_eq!(w.told().last().unwrap(), "1001 refunded 10000/10000/4000/0");
}

#[tokio::test(start_paused = true)]
async fn vipps_down_for_an_hour_loses_nothing() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps.0.lock().unwrap().down = true;
    assert!(matches!(
        w.flow.capture(&w.cx, &target("1001"), &part(100)).await,
        Outcome::Pending(_)
    ));
    w.seconds(3600).await;
    w.vipps.0.lock().unwrap().down = false;
    w.seconds(700).await;
    assert_eq!(w.now(&payment).await.sums.captured, Money::nok(100));
    assert_eq!(w.vipps.count("capture"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_summary_that_is_ahead_of_the_history_is_not_counted_twice() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    w.vipps.0.lock().unwrap().summary_ahead = 3000;
    w.callback(&payment).await;
    w.settle().await;
    assert_eq!(w.now(&payment).await.sums.captured, Money::nok(3000));
    w.vipps.0.lock().unwrap().summary_ahead = 0;
    w.vipps
        .push("acme-1001", OperationKind::Capture, 3000, None);
    w.callback(&payment).await;
    w.settle().await;
    assert_eq!(w.now(&payment).await.sums.captured, Money::nok(3000));
    assert_eq!(w.told().last().unwrap(), "1001 captured 10000/3000/0/0");
}

#[tokio::test(start_paused = true)]
async fn many_events_of_one_moment_are_told_in_their_order() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    for _ in 0..12 {
        w.vipps.push("acme-1001", OperationKind::Capture, 100, None);
    }
    w.callback(&payment).await;
    w.settle().await;
    let told: Vec<String> = (1..=12)
        .map(|n| format!("1001 captured 10000/{}/0/0", n * 100))
        .collect();
    assert_eq!(w.told()[2..], told);
}

#[tokio::test(start_paused = true)]
async fn what_stands_already_is_done_for_who_asks_again() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    for _ in 0..2 {
        let now = done(w.flow.capture(&w.cx, &target("1001"), &Part::rest()).await);
        assert_eq!(now.sums.captured, Money::nok(10_000));
    }
    // An amount is a new ask, and there is nothing left for it; nor is a capture a cancellation.
    for outcome in [
        w.flow.capture(&w.cx, &target("1001"), &part(10_000)).await,
        w.flow.cancel(&w.cx, &target("1001")).await,
    ] {
        refused(outcome);
    }
    for _ in 0..2 {
        let now = done(w.flow.refund(&w.cx, &target("1001"), &Part::rest()).await);
        assert_eq!(now.sums.refunded, Money::nok(10_000));
    }
    refused(w.flow.refund(&w.cx, &target("1001"), &part(10_000)).await);
    let payment = w.pay(order("1002", 10_000)).await;
    w.approve(&payment).await;
    for _ in 0..2 {
        let now = done(w.flow.cancel(&w.cx, &target("1002")).await);
        assert_eq!(now.sums.released, Money::nok(10_000));
    }
    let sent = ["capture", "refund", "cancel"].map(|what| w.vipps.count(what));
    assert_eq!(sent, [1, 1, 1]);
}
