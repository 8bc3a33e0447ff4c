//! What a search over orders of things and faults has found, or a close look with it in mind.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::api::OperationKind;
use kasse_core::journal::{Batch, Command, CommandVerb, Delivery, Journal, LeaseKey, Told, Write};
use kasse_core::*;

use crate::world::*;
use crate::{done, key, part, refused, target};

/// Who repeats an ask is not told that it failed because it went out of our hands while we were at
/// it: it is under way.
#[tokio::test(start_paused = true)]
async fn an_ask_that_is_repeated_stays_under_way_when_its_lease_is_lost() {
    for by_key in [true, false] {
        let w = World::new();
        let payment = w.pay(order("1001", 10_000)).await;
        w.approve(&payment).await;
        let click = Target {
            key: key("click-1"),
            ..target("1001")
        };
        w.vipps.fault("capture", Fault::Again);
        let some = part(3000);
        let outcome = w.flow.capture(&w.cx, &click, &some).await;
        assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
        // Vipps takes longer than we may keep the payment to ourselves, and the sweep goes on with it.
        w.vipps
            .fault("capture", Fault::Slow(Duration::from_secs(90)));
        w.vipps.fault("capture", Fault::Lost);
        w.vipps.fault("capture", Fault::Lost);
        let again = if by_key { click } else { target("1001") };
        let asked = w.flow.capture(&w.cx, &again, &some);
        let (outcome, ()) = tokio::join!(asked, w.seconds(100));
        assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
        w.seconds(300).await;
        assert_eq!(w.now(&payment).await.sums.captured, Money::nok(3000));
    }
}

/// Where another server's clock is ahead, or ours went back, what happened later is told later.
#[tokio::test(start_paused = true)]
async fn what_a_shop_is_told_keeps_its_order_where_clocks_do_not_agree() {
    let w = World::new();
    let payment = w.pay(order("1001", 10_000)).await;
    let late = RecordError::Later(Error::invalid("No", "not yet.", ""));
    let later = vec![late].into();
    w.books.lock().unwrap().answers.insert("1001".into(), later);
    w.approve(&payment).await;
    // It was written by a server whose clock is a minute ahead.
    let mut waiting = w.journal.deliveries(&payment.order).await.unwrap();
    let first = waiting.pop().unwrap();
    let ahead = after(first.after, Duration::from_secs(60));
    let first = Delivery {
        after: ahead,
        ..first
    };
    let batch = Batch::default().with(Write::Deliver(first));
    w.journal.write(batch).await.unwrap();
    w.vipps
        .push("acme-1001", OperationKind::Capture, 4000, None);
    w.callback(&payment).await;
    w.seconds(30).await;
    assert_eq!(
        w.told(),
        [
            "1001 initiated 0/0/0/0",
            "1001 authorised 10000/0/0/0",
            "1001 captured 10000/4000/0/0"
        ]
    );
}

/// Nobody pays a payment that was refused, so who was to pay it is not kept.
#[tokio::test(start_paused = true)]
async fn who_was_to_pay_is_forgotten_where_nothing_was_started() {
    for api in [ApiKind::Ecom, ApiKind::Epayment] {
        let w = World::on(api);
        let refused = Fault::Refused("Merchant", "37");
        w.vipps.fault("initiate", refused);
        let mut known = order("1001", 10_000);
        known.buyer.phone = Some("91234567".into());
        let initiate = Initiate {
            order: known,
            key: None,
        };
        let outcome = w.flow.initiate(&w.cx, initiate).await;
        assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
        let payments = w.journal.payments_of(&at("1001")).await.unwrap();
        assert_eq!(payments.len(), 1);
        let personal = w.journal.personal(&payments[0].id).await.unwrap();
        assert!(personal.is_none(), "{api}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_was_to_pay_is_forgotten_where_a_start_never_arrived() {
    let w = World::new();
    for _ in 0..2 {
        w.vipps.fault("initiate", Fault::Lost);
    }
    let mut known = order("1001", 10_000);
    known.buyer.phone = Some("91234567".into());
    let initiate = Initiate {
        order: known,
        key: None,
    };
    let outcome = w.flow.initiate(&w.cx, initiate).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    w.seconds(15 * 60).await;
    for payment in w.journal.payments_of(&at("1001")).await.unwrap() {
        assert_eq!(payment.state, PaymentState::Failed);
        assert!(w.journal.personal(&payment.id).await.unwrap().is_none());
    }
}

/// What was begun of a consent removal is found again when it is sent again.
#[tokio::test(start_paused = true)]
async fn a_consent_removal_that_was_cut_short_erases_all_when_it_is_sent_again() {
    let w = World::new();
    let mut known = order("1001", 10_000);
    known.buyer.phone = Some("91234567".into());
    let first = w.pay(known.clone()).await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    let second = w.pay(known).await;
    // The earlier attempt is the one that names the user; something of the other is there too.
    let ada = Personal {
        user_id: Some("ada".into()),
        ..Personal::default()
    };
    let someone = Personal {
        phone: Some("91234567".into()),
        ..Personal::default()
    };
    let batch = Batch::default()
        .with(Write::Personal(first.id.clone(), ada))
        .with(Write::Personal(second.id.clone(), someone));
    w.journal.write(batch).await.unwrap();
    let consent = w.vipps.0.lock().unwrap().urls["acme-1001-2"]
        .consent
        .clone();
    let removal = || {
        Request::delete(format!("{consent}/v2/consents/ada"))
            .body(Bytes::new())
            .unwrap()
    };
    // Somebody is at the second one all the time.
    let key = LeaseKey::payment(&second.id);
    let until = after(w.cx.now(), Duration::from_secs(60));
    let taken = w.journal.acquire(&key, w.cx.now(), until).await.unwrap();
    let status = w.flow.handle(removal()).await.status();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    w.journal.release(taken.unwrap()).await.unwrap();
    assert_eq!(w.flow.handle(removal()).await.status(), StatusCode::OK);
    for payment in [&first, &second] {
        assert!(w.journal.personal(&payment.id).await.unwrap().is_none());
        assert!(w.now(payment).await.forgotten);
    }
    w.settle().await;
    assert_eq!(w.books.lock().unwrap().forgotten, ["1001", "1001"]);
    assert!(
        !w.journal
            .deliveries(&first.order)
            .await
            .unwrap()
            .iter()
            .any(|delivery| delivery.what == Told::Forget)
    );
}

/// A direct capture is told, also where its state was there before its history.
#[tokio::test(start_paused = true)]
async fn a_direct_capture_whose_history_comes_late_is_told() {
    let w = World::new();
    let payment = w.pay(order("1001", 10_000)).await;
    w.vipps.0.lock().unwrap().says_authorised = 10_000;
    w.callback(&payment).await;
    w.settle().await;
    w.vipps.push("acme-1001", OperationKind::Sale, 10_000, None);
    w.callback(&payment).await;
    w.settle().await;
    assert_eq!(
        w.told(),
        [
            "1001 initiated 0/0/0/0",
            "1001 authorised 10000/0/0/0",
            "1001 captured 10000/10000/0/0"
        ]
    );
}

/// The same ask again is about the same payment, also where the order was paid anew meanwhile.
#[tokio::test(start_paused = true)]
async fn an_ask_that_is_repeated_means_the_payment_that_it_meant_before() {
    let w = World::new();
    let first = w.pay(order("1001", 10_000)).await;
    w.approve(&first).await;
    let click = Target {
        key: key("click-1"),
        ..target("1001")
    };
    done(w.flow.cancel(&w.cx, &click).await);
    let second = w.pay(order("1001", 10_000)).await;
    w.approve(&second).await;
    let again = done(w.flow.cancel(&w.cx, &click).await);
    assert_eq!(again.id, first.id);
    // Another ask is about the money that is there.
    let other = Target {
        key: key("click-2"),
        ..target("1001")
    };
    assert_eq!(done(w.flow.cancel(&w.cx, &other).await).id, second.id);
}

/// A clock that jumped does not make an earlier payment harmless: while nobody could look how it
/// stands, no other is begun.
#[tokio::test(start_paused = true)]
async fn an_order_is_not_begun_anew_by_our_clock_alone() {
    for down in [false, true] {
        let w = World::new();
        let first = w.pay(order("1001", 10_000)).await;
        w.vipps
            .push("acme-1001", OperationKind::Authorise, 10_000, None);
        tokio::time::advance(Duration::from_secs(2 * 3600)).await;
        let again = Initiate {
            order: order("1001", 10_000),
            key: None,
        };
        // Vipps is away, or somebody is at it all the time.
        w.vipps.0.lock().unwrap().down = down;
        let held = LeaseKey::payment(&first.id);
        let until = after(w.cx.now(), Duration::from_secs(60));
        let lease = w.journal.acquire(&held, w.cx.now(), until).await.unwrap();
        let lease = lease.unwrap();
        if down {
            w.journal.release(lease.clone()).await.unwrap();
        }
        let outcome = w.flow.initiate(&w.cx, again.clone()).await;
        assert_eq!(refused(outcome).kind, ErrorKind::InProgress, "{down}");
        w.vipps.0.lock().unwrap().down = false;
        w.journal.release(lease).await.unwrap();
        w.seconds(60).await;
        let outcome = w.flow.initiate(&w.cx, again).await;
        assert_eq!(refused(outcome).kind, ErrorKind::AlreadyPaid, "{down}");
    }
}

/// A cancellation that is asked for again is the one that it was, also where it cancelled a start that
/// never arrived: the payment that was begun since is not cancelled by it.
#[tokio::test(start_paused = true)]
async fn a_cancellation_that_is_repeated_leaves_a_newer_attempt_alone() {
    for api in [ApiKind::Ecom, ApiKind::Epayment] {
        let w = World::on(api);
        for _ in 0..3 {
            w.vipps.fault("initiate", Fault::Lost);
        }
        let initiate = Initiate {
            order: order("1001", 10_000),
            key: None,
        };
        let outcome = w.flow.initiate(&w.cx, initiate).await;
        assert!(!matches!(outcome, Outcome::Started(_)), "{outcome:?}");
        let click = Target {
            key: key("click-1"),
            ..target("1001")
        };
        let outcome = w.flow.cancel(&w.cx, &click).await;
        assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
        w.seconds(15 * 60).await;
        let before = w.journal.payments_of(&at("1001")).await.unwrap();
        let ended = before.iter().all(|payment| payment.state.is_dead());
        assert!(ended, "{before:?}");
        let newer = w.pay(order("1001", 10_000)).await;
        let outcome = w.flow.cancel(&w.cx, &click).await;
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        assert_eq!(w.now(&newer).await.state, PaymentState::Initiated, "{api}");
    }
}

/// What is done is done, also where Vipps cannot be asked once more: a shop that asks again is not told
/// that it failed.
#[tokio::test(start_paused = true)]
async fn what_stands_already_is_answered_also_where_vipps_cannot_be_read() {
    for api in [ApiKind::Ecom, ApiKind::Epayment] {
        for cancels in [true, false] {
            let w = World::on(api);
            let payment = w.pay(order("1001", 10_000)).await;
            w.approve(&payment).await;
            let all = Part::default();
            let ask = async |number: &str| {
                let click = Target {
                    key: key(number),
                    ..target("1001")
                };
                if cancels {
                    w.flow.cancel(&w.cx, &click).await
                } else {
                    w.flow.capture(&w.cx, &click, &all).await
                }
            };
            let sums = done(ask("click-1").await).sums;
            w.vipps.0.lock().unwrap().down = true;
            assert_eq!(done(ask("click-2").await).sums, sums, "{api}");
            let refund = w.flow.refund(&w.cx, &target("1001"), &all).await;
            assert_eq!(matches!(refund, Outcome::Refused(_)), cancels, "{refund:?}");
        }
    }
}

/// A reservation whose release could not be journaled is released later. It is not left to a person.
#[tokio::test(start_paused = true)]
async fn a_release_that_could_not_be_journaled_is_made_later() {
    let w = World::new();
    let payment = w.pay(order("1001", 10_000)).await;
    w.settle().await;
    let never = RecordError::Never(Error::invalid("Sold out", "the stock is gone.", ""));
    let answers = vec![never.clone(), never].into();
    w.books
        .lock()
        .unwrap()
        .answers
        .insert("1001".into(), answers);
    w.journal.full_for(|batch| {
        let cancels = |command: &Command| matches!(command.verb, CommandVerb::Cancel { .. });
        let mut writes = batch.writes.iter();
        writes.any(|write| matches!(write, Write::Command(command) if cancels(command)))
    });
    w.approve(&payment).await;
    w.seconds(120).await;
    let now = w.now(&payment).await;
    assert_eq!(now.sums.released, Money::nok(10_000), "{:?}", now.notes);
    let left = w.journal.deliveries(&at("1001")).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

/// What was done in Vipps' portal, and is asked for afterwards, is answered as done; and the same ask
/// means that payment for ever. It takes nothing of a newer attempt, and gives nothing of it back.
#[tokio::test(start_paused = true)]
async fn an_ask_for_what_stood_already_leaves_a_newer_attempt_alone() {
    let all = Part::default();
    for verb in ["refund", "cancel", "capture"] {
        let w = World::new();
        let payment = w.pay(order("1001", 10_000)).await;
        w.approve(&payment).await;
        let portal = |kind| {
            w.vipps.push("acme-1001", kind, 10_000, None);
        };
        if verb == "cancel" {
            portal(OperationKind::Release);
        } else {
            portal(OperationKind::Capture);
        }
        if verb == "refund" {
            portal(OperationKind::Refund);
        }
        w.callback(&payment).await;
        w.seconds(5).await;
        let click = Target {
            key: key("click-1"),
            ..target("1001")
        };
        let ask = async || match verb {
            "refund" => w.flow.refund(&w.cx, &click, &all).await,
            "cancel" => w.flow.cancel(&w.cx, &click).await,
            _ => w.flow.capture(&w.cx, &click, &all).await,
        };
        done(ask().await);
        if verb == "capture" {
            portal(OperationKind::Refund);
            w.callback(&payment).await;
            w.seconds(5).await;
        }
        let newer = w.pay(order("1001", 10_000)).await;
        w.approve(&newer).await;
        if verb == "refund" {
            done(w.flow.capture(&w.cx, &target("1001"), &all).await);
        }
        let before = w.now(&newer).await.sums;
        let answered = done(ask().await);
        assert_eq!(answered.id, payment.id, "{verb}");
        assert_eq!(w.now(&newer).await.sums, before, "{verb}");
    }
}

/// What the customer ended before we asked for its end was ended by the customer, also where eCom does
/// not say so and we learn of both at once.
#[tokio::test(start_paused = true)]
async fn a_no_of_the_customer_is_not_taken_for_our_own_cancellation() {
    let w = World::new();
    let payment = w.pay(order("1001", 10_000)).await;
    let no = OperationKind::Cancel(api::Ending::Unsaid);
    w.vipps.push("acme-1001", no, 10_000, None);
    {
        let mut vipps = w.vipps.0.lock().unwrap();
        vipps.down = true;
        let history = vipps.payments.get_mut("acme-1001").unwrap();
        history.last_mut().unwrap().at = Some(w.cx.now());
    }
    w.seconds(60).await;
    w.flow.cancel(&w.cx, &target("1001")).await;
    w.vipps.0.lock().unwrap().down = false;
    w.seconds(120).await;
    assert_eq!(w.now(&payment).await.state, PaymentState::Rejected);
}
