//! What is eCom's alone: each payment names the address of its callbacks, a start whose answer was lost
//! cannot be sent again, a consent can be taken back by a call.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::api::OperationKind;
use kasse_core::journal::Journal;
use kasse_core::*;

use crate::world::*;
use crate::{key, refused};

const API: ApiKind = ApiKind::Ecom;

#[path = "review.rs"]
mod review;
#[path = "scenes.rs"]
mod scenes;

#[tokio::test(start_paused = true)]
async fn a_start_whose_answer_was_lost_is_cancelled_and_another_reference_begun() {
    for fault in [Fault::LostAfterDone, Fault::Lost] {
        let w = World::new();
        w.vipps.fault("initiate", fault);
        let payment = w.pay(order("1001", 10_000)).await;
        assert_eq!(payment.id.reference.as_str(), "acme-1001-2");
        w.approve(&payment).await;
        w.seconds(640).await;
        let first = w
            .journal
            .find(&shop_id(), &Reference::new("acme-1001").unwrap())
            .await
            .unwrap()
            .unwrap();
        assert!(first.state.is_dead(), "{:?}", first.state);
        assert_eq!(w.vipps.count("initiate acme-1001 "), 1);
        assert_eq!(w.now(&payment).await.state, PaymentState::Authorised);
    }
}

#[tokio::test(start_paused = true)]
async fn a_forged_or_foreign_call_changes_nothing() {
    let w = World::new();
    let mine = w.pay(order("1001", 10_000)).await;
    w.pay(order("1002", 10_000)).await;
    let foreign = w.vipps.0.lock().unwrap().tokens["acme-1002"].clone();
    let reads = w.vipps.0.lock().unwrap().reads;
    for token in ["", "x", &foreign, "Bearer x"] {
        assert_eq!(
            w.call("acme-1001", token, "123456").await.status(),
            StatusCode::UNAUTHORIZED
        );
        assert_eq!(
            w.call("acme-1001/shippingDetails", token, "0154")
                .await
                .status(),
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(
        w.call("acme-9999", "x", "123456").await.status(),
        StatusCode::NOT_FOUND
    );
    w.settle().await;
    assert!(w.journal.unread(&mine.id).await.unwrap().is_empty());
    assert_eq!(w.vipps.0.lock().unwrap().reads, reads);
    // Right token, wrong sales unit: kept, reported, and the truth is read.
    let token = w.vipps.0.lock().unwrap().tokens["acme-1001"].clone();
    assert_eq!(
        w.call("acme-1001", &token, "654321").await.status(),
        StatusCode::OK
    );
    w.settle().await;
    let now = w.now(&mine).await;
    assert_eq!(now.state, PaymentState::Initiated);
    assert!(now.notes[0].text.contains("654321"), "{:?}", now.notes);
}

#[tokio::test(start_paused = true)]
async fn two_hundred_callbacks_a_poll_and_a_return_make_one_reservation() {
    let w = World::new();
    let payment = w.pay(order("1001", 10_000)).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 10_000, None);
    let back = w.vipps.0.lock().unwrap().urls["acme-1001"].back.clone();
    let page = Request::get(back.as_str()).body(Bytes::new()).unwrap();
    let callbacks = futures_util::future::join_all((0..200).map(|_| w.callback(&payment)));
    let (callbacks, page, _) = tokio::join!(callbacks, w.flow.handle(page), w.flow.sweep());
    assert!(callbacks.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(page.status(), StatusCode::OK);
    w.seconds(3).await;
    assert_eq!(
        w.told(),
        ["1001 initiated 0/0/0/0", "1001 authorised 10000/0/0/0"]
    );
    assert!(w.journal.unread(&payment.id).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_consent_taken_back_erases_and_nothing_is_stored_again() {
    let w = World::new();
    let payment = w.pay(order("1001", 10_000)).await;
    let ada = Personal {
        user_id: Some("a/b=+".into()),
        first_name: Some("Ada".into()),
        ..Personal::default()
    };
    w.vipps
        .0
        .lock()
        .unwrap()
        .personal
        .insert("acme-1001".into(), ada);
    w.approve(&payment).await;
    assert_eq!(w.books.lock().unwrap().names["1001"], Some("Ada".into()));
    let consent = w.vipps.0.lock().unwrap().urls["acme-1001"].consent.clone();
    let remove = |url: String| Request::delete(url).body(Bytes::new()).unwrap();
    let wrong = format!(
        "https://kasse.example/vipps/acme/c/{}/v2/consents/a/b=+",
        "0".repeat(40)
    );
    assert_eq!(
        w.flow.handle(remove(wrong)).await.status(),
        StatusCode::NOT_FOUND
    );
    assert!(w.journal.personal(&payment.id).await.unwrap().is_some());
    for _ in 0..2 {
        let answer = w
            .flow
            .handle(remove(format!("{consent}/v2/consents/a/b=+")))
            .await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    w.settle().await;
    assert_eq!(w.books.lock().unwrap().forgotten, ["1001"]);
    w.callback(&payment).await;
    w.settle().await;
    assert!(w.journal.personal(&payment.id).await.unwrap().is_none());
    assert!(
        w.now(&payment)
            .await
            .notes
            .iter()
            .any(|note| note.text.contains("Kept by law: amounts"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_the_start_was_journaled_leaves_no_payment_behind() {
    let w = World::new();
    w.vipps.0.lock().unwrap().slow = Some(Duration::from_secs(20));
    let flow = w.flow.clone();
    let cx = w.cx.clone();
    let crashed = tokio::spawn(async move {
        flow.initiate(
            &cx,
            Initiate {
                order: order("1001", 10_000),
                key: key("k"),
            },
        )
        .await
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    crashed.abort();
    w.vipps.0.lock().unwrap().slow = None;
    // The lease of whoever died runs out.
    tokio::time::sleep(Duration::from_secs(70)).await;
    let again = w
        .flow
        .initiate(
            &w.cx,
            Initiate {
                order: order("1001", 10_000),
                key: key("k"),
            },
        )
        .await;
    let Outcome::Started(payment) = again else {
        panic!("{again:?}")
    };
    assert_eq!(payment.id.reference.as_str(), "acme-1001-2");
    w.approve(&payment).await;
    // Its start may still be on the way, until the customer's time is over.
    w.seconds(640).await;
    let all = w.journal.payments_of(&at("1001")).await.unwrap();
    assert_eq!(all.iter().filter(|p| p.state.is_dead()).count(), 1);
}

/// What Vipps told us while it could not be read is read later, whatever we thought of the payment.
#[tokio::test(start_paused = true)]
async fn a_callback_that_comes_while_vipps_is_away_is_not_forgotten() {
    let w = World::new();
    let payment = w.pay(order("1001", 10_000)).await;
    w.vipps.push(
        "acme-1001",
        OperationKind::Cancel(kasse_core::api::Ending::Unsaid),
        10_000,
        None,
    );
    w.callback(&payment).await;
    w.settle().await;
    assert!(w.now(&payment).await.state.is_dead());
    // It was reserved after all; Vipps says so once, and is away just then.
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 10_000, None);
    w.vipps.0.lock().unwrap().down = true;
    assert_eq!(w.callback(&payment).await, StatusCode::OK);
    w.seconds(10).await;
    w.vipps.0.lock().unwrap().down = false;
    w.seconds(1200).await;
    assert_eq!(w.now(&payment).await.state, PaymentState::Authorised);
}

/// A key is used up by a final no, not by a bad moment.
#[tokio::test(start_paused = true)]
async fn a_start_that_had_to_wait_can_be_repeated_with_its_key() {
    let w = World::new();
    w.vipps.fault("initiate", Fault::Again);
    let ask = || Initiate {
        order: order("1001", 10_000),
        key: key("k"),
    };
    refused(w.flow.initiate(&w.cx, ask()).await);
    tokio::time::sleep(Duration::from_secs(120)).await;
    let again = w.flow.initiate(&w.cx, ask()).await;
    assert!(matches!(again, Outcome::Started(_)), "{again:?}");
}

/// The same after a crash, when the sweep was there before the customer.
#[tokio::test(start_paused = true)]
async fn a_start_that_a_crash_cut_short_can_be_repeated_with_its_key_after_the_sweep() {
    for reached in [true, false] {
        let w = World::new();
        w.vipps.0.lock().unwrap().slow = Some(Duration::from_secs(20));
        let (flow, cx) = (w.flow.clone(), w.cx.clone());
        let ask = || Initiate {
            order: order("1001", 10_000),
            key: key("k"),
        };
        let first = ask();
        let crashed = tokio::spawn(async move { flow.initiate(&cx, first).await });
        tokio::time::sleep(Duration::from_secs(1)).await;
        crashed.abort();
        w.vipps.0.lock().unwrap().slow = None;
        if reached {
            w.vipps
                .push("acme-1001", OperationKind::Initiate, 10_000, None);
        }
        w.seconds(120).await;
        let again = w.flow.initiate(&w.cx, ask()).await;
        assert!(matches!(again, Outcome::Started(_)), "{reached}: {again:?}");
    }
}

/// A start whose answer was lost may still arrive: it is ended there when it does.
#[tokio::test(start_paused = true)]
async fn a_lost_start_that_reaches_vipps_late_is_cancelled_there() {
    let w = World::new();
    w.vipps.fault("initiate", Fault::Lost);
    let second = w.pay(order("1001", 10_000)).await;
    assert_eq!(second.id.reference.as_str(), "acme-1001-2");
    w.seconds(3).await;
    w.vipps
        .push("acme-1001", OperationKind::Initiate, 10_000, None);
    w.seconds(700).await;
    assert_eq!(
        w.vipps.count("cancel acme-1001 "),
        1,
        "{:?}",
        w.vipps.sent()
    );
}

/// The end of an attempt that the shop never heard of is no news for an order that is paid.
#[tokio::test(start_paused = true)]
async fn the_end_of_a_lost_start_is_not_told_after_the_orders_reservation() {
    let w = World::new();
    w.vipps.fault("initiate", Fault::LostAfterDone);
    w.vipps.fault("cancel", Fault::Again);
    w.vipps.fault("cancel", Fault::Again);
    let payment = w.pay(order("1001", 10_000)).await;
    w.seconds(1).await;
    w.approve(&payment).await;
    w.seconds(30).await;
    assert_eq!(
        w.told(),
        ["1001 initiated 0/0/0/0", "1001 authorised 10000/0/0/0"]
    );
}

/// The earlier attempts of an order are of the same person.
#[tokio::test(start_paused = true)]
async fn a_consent_taken_back_erases_the_earlier_attempts_too() {
    let w = World::new();
    let mut known = order("1001", 10_000);
    known.buyer.phone = Some("91234567".into());
    let first = w.pay(known.clone()).await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    let second = w.pay(known).await;
    let ada = Personal {
        user_id: Some("ada".into()),
        ..Personal::default()
    };
    w.vipps
        .0
        .lock()
        .unwrap()
        .personal
        .insert("acme-1001-2".into(), ada);
    w.approve(&second).await;
    let consent = w.vipps.0.lock().unwrap().urls["acme-1001-2"]
        .consent
        .clone();
    let removal = Request::delete(format!("{consent}/v2/consents/ada"))
        .body(Bytes::new())
        .unwrap();
    assert_eq!(w.flow.handle(removal).await.status(), StatusCode::OK);
    assert!(w.journal.personal(&second.id).await.unwrap().is_none());
    assert!(w.journal.personal(&first.id).await.unwrap().is_none());
}

/// Two sales units may have a payment of the same reference: each call finds its own.
#[tokio::test(start_paused = true)]
async fn a_reference_that_a_later_sales_unit_used_too_still_takes_its_callback() {
    let w = World::new();
    w.pay(order("1001", 10_000)).await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    let second = w.pay(order("1001", 10_000)).await;
    assert_eq!(second.id.reference.as_str(), "acme-1001-2");
    let (token, back) = {
        let state = w.vipps.0.lock().unwrap();
        (
            state.tokens["acme-1001-2"].clone(),
            state.urls["acme-1001-2"].back.clone(),
        )
    };
    // The shop moves to another sales unit, and another order's name reads the same.
    let both = vec![account("main", "123456"), account("new", "654321")];
    let moved = World::flow(&w.cx, &w.vipps, &w.journal, &w.books, both, "new");
    let other = moved
        .initiate(
            &w.cx,
            Initiate {
                order: order("1001-2", 500),
                key: None,
            },
        )
        .await;
    assert!(matches!(other, Outcome::Started(_)), "{other:?}");
    let call = Request::post("https://kasse.example/vipps/acme/v2/payments/acme-1001-2")
        .header("authorization", token)
        .body(Bytes::from_static(b"123456"))
        .unwrap();
    assert_eq!(moved.handle(call).await.status(), StatusCode::OK);
    let page = Request::get(back.as_str()).body(Bytes::new()).unwrap();
    assert_eq!(moved.handle(page).await.status(), StatusCode::OK);
}
