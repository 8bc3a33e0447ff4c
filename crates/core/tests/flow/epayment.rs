//! What is ePayment's alone: a start is done once for its key, cancellations spare what was approved
//! meanwhile, Vipps says how a payment ended, and writes some of it late.

use std::time::Duration;

use http::StatusCode;
use kasse_core::api::{Ending, OperationKind};
use kasse_core::journal::{Batch, CommandState, CommandVerb, Journal, Write};
use kasse_core::*;

use crate::world::*;
use crate::{done, key, refused, target};

const API: ApiKind = ApiKind::Epayment;
const DAY: u64 = 24 * 3600;

#[path = "review.rs"]
mod review;
#[path = "scenes.rs"]
mod scenes;

fn ask(order: Order, name: Option<CallerKey>) -> Initiate {
    Initiate { order, key: name }
}

async fn start(w: &World, what: Initiate) -> Outcome {
    w.flow.initiate(&w.cx, what).await
}

fn started(outcome: Outcome) -> Payment {
    match outcome {
        Outcome::Started(payment) => *payment,
        other => panic!("not started: {other:?}"),
    }
}

/// All starts were the same request, to the byte.
fn assert_one_start(w: &World, times: usize) {
    let starts = w.vipps.starts();
    assert_eq!(starts.len(), times, "{starts:?}");
    assert!(starts.iter().all(|start| *start == starts[0]), "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_answer_was_lost_is_sent_again_with_its_key_and_bytes() {
    for fault in [Fault::LostAfterDone, Fault::Lost, Fault::Again] {
        let w = World::on(API);
        w.vipps.fault("initiate", fault);
        let mut known = order("1001", 10_000);
        known.buyer.phone = Some("4791234567".into());
        let payment = started(start(&w, ask(known, None)).await);
        assert_eq!(payment.id.reference.as_str(), "acme-1001");
        assert_one_start(&w, 2);
        w.approve(&payment).await;
        assert_eq!(
            w.told(),
            ["1001 initiated 0/0/0/0", "1001 authorised 10000/0/0/0"]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_press_takes_up_the_start_that_has_no_answer_yet() {
    for (name, fault) in [
        (None, Fault::Lost),
        (key("press"), Fault::Lost),
        (key("press"), Fault::LostAfterDone),
    ] {
        let w = World::on(API);
        w.vipps.0.lock().unwrap().no_redirect = true;
        for _ in 0..3 {
            w.vipps.fault("initiate", fault.clone());
        }
        let first = start(&w, ask(order("1001", 10_000), name.clone())).await;
        assert!(matches!(first, Outcome::Pending(_)), "{first:?}");
        assert_one_start(&w, 3);
        let second = started(start(&w, ask(order("1001", 10_000), name.clone())).await);
        assert_eq!(second.id.reference.as_str(), "acme-1001");
        assert_one_start(&w, 4);
        assert_eq!(w.payments("1001").await.len(), 1);
        // And the key is still that payment's.
        if name.is_some() {
            let third = started(start(&w, ask(order("1001", 10_000), name)).await);
            assert_eq!(third.id, second.id);
        }
        assert_eq!(w.vipps.count("cancel"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_sweep_sends_a_lost_start_again_and_the_shop_hears_of_it() {
    let w = World::on(API);
    w.vipps.0.lock().unwrap().no_redirect = true;
    for _ in 0..4 {
        w.vipps.fault("initiate", Fault::Lost);
    }
    let pending = start(&w, ask(order("1001", 10_000), None)).await;
    assert!(matches!(pending, Outcome::Pending(_)), "{pending:?}");
    w.seconds(59).await;
    assert_one_start(&w, 5);
    assert_eq!(
        w.payments("1001").await,
        [("acme-1001".to_owned(), PaymentState::Initiated)]
    );
    assert_eq!(w.told(), ["1001 initiated 0/0/0/0"]);
}

/// Vipps says again where the customer pays: no need to send anything.
#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_found_by_reading() {
    let w = World::on(API);
    for _ in 0..3 {
        w.vipps.fault("initiate", Fault::LostAfterDone);
    }
    let what = ask(order("1001", 10_000), key("press"));
    let pending = start(&w, what.clone()).await;
    assert!(matches!(pending, Outcome::Pending(_)), "{pending:?}");
    w.seconds(6).await;
    assert_one_start(&w, 3);
    let again = started(start(&w, what).await);
    assert_eq!(again.redirect.unwrap().path(), "/acme-1001");
    assert_one_start(&w, 3);
}

/// It ended before anybody heard that it had begun: that is no news for the shop.
#[tokio::test(start_paused = true)]
async fn a_lost_start_that_has_ended_is_not_told_as_begun() {
    let w = World::on(API);
    for _ in 0..3 {
        w.vipps.fault("initiate", Fault::LostAfterDone);
    }
    let pending = start(&w, ask(order("1001", 10_000), None)).await;
    assert!(matches!(pending, Outcome::Pending(_)), "{pending:?}");
    let ended = OperationKind::Cancel(Ending::ByMerchant);
    w.vipps.push("acme-1001", ended, 10_000, None);
    w.seconds(30).await;
    assert_one_start(&w, 3);
    let payments = w.payments("1001").await;
    assert_eq!(
        payments,
        [("acme-1001".to_owned(), PaymentState::Cancelled)]
    );
    assert!(w.told().is_empty(), "{:?}", w.told());
    assert_eq!(w.pay(order("1001", 10_000)).await.attempt, 2);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_a_crash_cut_short_is_sent_again_after_it() {
    for reached in [true, false] {
        let w = World::on(API);
        w.vipps.0.lock().unwrap().no_redirect = true;
        let (flow, cx) = (w.flow.clone(), w.cx.clone());
        if reached {
            // Vipps answers, and nobody is there to hear it.
            w.vipps.fault("initiate", Fault::LostAfterDone);
        } else {
            let slow = Duration::from_secs(20);
            w.vipps.fault("initiate", Fault::Slow(slow));
        }
        let what = ask(order("1001", 10_000), key("k"));
        let crashed = tokio::spawn(async move { flow.initiate(&cx, what).await });
        tokio::time::sleep(Duration::from_millis(500)).await;
        crashed.abort();
        w.seconds(70).await;
        let payments = w.payments("1001").await;
        assert_eq!(
            payments,
            [("acme-1001".to_owned(), PaymentState::Initiated)],
            "{reached}"
        );
        assert_one_start(&w, if reached { 2 } else { 1 });
    }
}

/// Another cart is another payment: the start that has no answer is not sent again behind it.
#[tokio::test(start_paused = true)]
async fn a_lost_start_of_another_cart_makes_way_and_is_never_sent_again() {
    let w = World::on(API);
    for _ in 0..3 {
        w.vipps.fault("initiate", Fault::Lost);
    }
    let pending = start(&w, ask(order("1001", 10_000), key("press"))).await;
    assert!(matches!(pending, Outcome::Pending(_)), "{pending:?}");
    let other = started(start(&w, ask(order("1001", 12_000), None)).await);
    assert_eq!(other.id.reference.as_str(), "acme-1001-2");
    w.approve(&other).await;
    w.seconds(700).await;
    assert_eq!(w.vipps.count("initiate acme-1001 "), 3);
    assert_eq!(
        w.payments("1001").await,
        [
            ("acme-1001".to_owned(), PaymentState::Failed),
            ("acme-1001-2".to_owned(), PaymentState::Authorised)
        ]
    );
}

/// The merchant cancels what has no answer yet: it is not started behind that.
#[tokio::test(start_paused = true)]
async fn a_lost_start_that_is_cancelled_is_not_sent_again() {
    for fault in [Fault::Lost, Fault::LostAfterDone] {
        let w = World::on(API);
        w.vipps.0.lock().unwrap().no_redirect = true;
        for _ in 0..3 {
            w.vipps.fault("initiate", fault.clone());
        }
        let pending = start(&w, ask(order("1001", 10_000), None)).await;
        assert!(matches!(pending, Outcome::Pending(_)), "{pending:?}");
        w.flow.cancel(&w.cx, &target("1001")).await;
        w.seconds(640).await;
        assert_one_start(&w, 3);
        let payments = w.payments("1001").await;
        assert!(payments[0].1.is_dead(), "{payments:?}");
        assert!(w.told().is_empty(), "{:?}", w.told());
    }
}

/// What is left of the request is not what it was: Vipps takes it for another, and the first may
/// stand there.
#[tokio::test(start_paused = true)]
async fn a_start_that_cannot_be_sent_again_as_it_was_is_cancelled_and_another_begun() {
    let w = World::on(API);
    w.vipps.0.lock().unwrap().no_redirect = true;
    for _ in 0..3 {
        w.vipps.fault("initiate", Fault::LostAfterDone);
    }
    let mut known = order("1001", 10_000);
    known.buyer.phone = Some("4791234567".into());
    let what = ask(known, key("press"));
    let Outcome::Pending(first) = start(&w, what.clone()).await else {
        panic!("not pending")
    };
    let batch = Batch::default().with(Write::Erase(first.id.clone()));
    w.journal.write(batch).await.unwrap();
    let second = started(start(&w, what).await);
    assert_eq!(second.id.reference.as_str(), "acme-1001-2");
    w.seconds(5).await;
    assert_eq!(w.now(&first).await.state, PaymentState::Cancelled);
    let sent = w.vipps.sent();
    assert!(
        sent.iter()
            .any(|line| line.starts_with("cancel acme-1001 only_open=true")),
        "{sent:?}"
    );
    // The shop never heard of the first, and hears nothing of its end.
    assert_eq!(w.told(), ["1001 initiated 0/0/0/0"]);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_never_has_an_answer_is_given_up_when_its_time_is_over() {
    let w = World::on(API);
    for _ in 0..1000 {
        w.vipps.fault("initiate", Fault::Lost);
    }
    let what = ask(order("1001", 10_000), key("press"));
    let pending = start(&w, what.clone()).await;
    assert!(matches!(pending, Outcome::Pending(_)), "{pending:?}");
    w.seconds(60).await;
    let in_the_first_minute = w.vipps.starts().len();
    assert!(in_the_first_minute <= 6, "{in_the_first_minute}");
    w.seconds(600).await;
    let payments = w.payments("1001").await;
    assert_eq!(payments, [("acme-1001".to_owned(), PaymentState::Failed)]);
    assert!(w.told().is_empty(), "{:?}", w.told());
    // Its key is free for another.
    w.vipps.0.lock().unwrap().faults.clear();
    let again = started(start(&w, what).await);
    assert_eq!(again.attempt, 2);
}

/// It reached Vipps, its answer never came, and it cannot be sent or read until its time is over.
#[tokio::test(start_paused = true)]
async fn a_start_that_reached_vipps_and_was_never_heard_of_is_ended_there() {
    let w = World::on(API);
    {
        let mut state = w.vipps.0.lock().unwrap();
        state.no_redirect = true;
        state.never_expires = true;
    }
    for _ in 0..1000 {
        w.vipps.fault("initiate", Fault::LostAfterDone);
    }
    let pending = start(&w, ask(order("1001", 10_000), None)).await;
    assert!(matches!(pending, Outcome::Pending(_)), "{pending:?}");
    w.seconds(640).await;
    let payments = w.payments("1001").await;
    assert_eq!(payments.len(), 1);
    assert!(payments[0].1.is_dead(), "{payments:?}");
    assert_eq!(w.vipps.count("cancel acme-1001 only_open=true"), 1);
}

/// That it was not done is certain: the customer is told, and may try again.
#[tokio::test(start_paused = true)]
async fn a_start_that_was_surely_not_made_is_refused() {
    let w = World::on(API);
    for _ in 0..3 {
        w.vipps.fault("initiate", Fault::Again);
    }
    let what = ask(order("1001", 10_000), key("press"));
    refused(start(&w, what.clone()).await);
    let again = started(start(&w, what).await);
    assert_eq!(again.id.reference.as_str(), "acme-1001-2");
}

/// Approved between our look and our cancellation: it stands.
#[tokio::test(start_paused = true)]
async fn a_cancellation_of_ours_spares_what_the_customer_approved_meanwhile() {
    let w = World::on(API);
    w.vipps.0.lock().unwrap().never_expires = true;
    let payment = w.pay(order("1001", 10_000)).await;
    w.seconds(598).await;
    w.vipps
        .fault("cancel", Fault::Slow(Duration::from_secs(10)));
    w.seconds(6).await;
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 10_000, None);
    w.seconds(20).await;
    assert_eq!(w.vipps.count("cancel acme-1001 only_open=true"), 1);
    let now = w.now(&payment).await;
    assert_eq!(
        (now.state, now.sums.released),
        (PaymentState::Authorised, Money::nok(0))
    );
    let commands = w.journal.commands(&payment.id).await.unwrap();
    assert!(commands.iter().all(|c| c.state == CommandState::Done));
    assert_eq!(w.told().last().unwrap(), "1001 authorised 10000/0/0/0");
}

#[tokio::test(start_paused = true)]
async fn a_new_attempt_is_not_begun_over_one_that_was_approved_meanwhile() {
    let w = World::on(API);
    let first = w.pay(order("1001", 10_000)).await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    w.vipps.fault("cancel", Fault::Slow(Duration::from_secs(3)));
    let (flow, cx) = (w.flow.clone(), w.cx.clone());
    let what = ask(order("1001", 10_000), None);
    let second = tokio::spawn(async move { flow.initiate(&cx, what).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 10_000, None);
    let error = refused(second.await.unwrap());
    assert_eq!(error.kind, ErrorKind::AlreadyPaid);
    assert_eq!(w.now(&first).await.state, PaymentState::Authorised);
}

/// The customer is at it: it is cancelled afterwards, each time with a key of its own.
#[tokio::test(start_paused = true)]
async fn a_cancellation_while_the_customer_is_at_it_is_tried_with_new_keys() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.vipps.0.lock().unwrap().approving = true;
    let outcome = w.flow.cancel(&w.cx, &target("1001")).await;
    assert!(matches!(outcome, Outcome::Pending(_)), "{outcome:?}");
    w.seconds(5).await;
    w.vipps.0.lock().unwrap().approving = false;
    w.seconds(20).await;
    assert_eq!(w.now(&payment).await.state, PaymentState::Cancelled);
    let sent = w.vipps.sent();
    let mut cancels: Vec<&String> = sent.iter().filter(|l| l.starts_with("cancel")).collect();
    let times = cancels.len();
    assert!(times >= 2, "{cancels:?}");
    cancels.dedup();
    assert_eq!(cancels.len(), times, "a key was used again: {cancels:?}");
}

/// As Vipps says it, whatever the clock would make one guess.
#[tokio::test(start_paused = true)]
async fn how_a_payment_ended_is_what_vipps_says() {
    for (seconds, ending, state) in [
        (595, Ending::ByCustomer, PaymentState::Rejected),
        (20, Ending::TimeOver, PaymentState::Expired),
        (20, Ending::ByMerchant, PaymentState::Cancelled),
        (20, Ending::Unsaid, PaymentState::Rejected),
        (595, Ending::Unsaid, PaymentState::Expired),
    ] {
        let w = World::on(API);
        let payment = w.pay(order("1001", 10_000)).await;
        w.seconds(seconds).await;
        w.vipps
            .push("acme-1001", OperationKind::Cancel(ending), 10_000, None);
        w.callback(&payment).await;
        assert_eq!(w.now(&payment).await.state, state, "{ending:?}");
    }
}

fn wishing(wishes: Wishes) -> World {
    World::wishing(API, account("main", "123456"), wishes)
}

/// A customer may have weeks: it is looked at all the time, and ever more slowly.
#[tokio::test(start_paused = true)]
async fn a_payment_that_lives_for_weeks_is_looked_at_more_slowly_and_not_ended_early() {
    let w = wishing(Wishes {
        expires_in: Some(Duration::from_secs(14 * DAY)),
        receipt: ReceiptWish::AtCreate,
        ..Wishes::default()
    });
    let payment = w.pay(order("1001", 10_000)).await;
    let reads = || w.vipps.0.lock().unwrap().reads;
    w.seconds(3600).await;
    let first_hour = reads();
    assert!((60..250).contains(&first_hour), "{first_hour}");
    let mut looks = 0;
    for _ in 0..13 * 24 {
        tokio::time::advance(Duration::from_secs(3600)).await;
        w.seconds(1).await;
        looks += 1;
    }
    assert!(reads() - first_hour <= looks, "{}", reads() - first_hour);
    assert_eq!(w.now(&payment).await.state, PaymentState::Initiated);
    assert_eq!(w.vipps.count("cancel"), 0);
    // A day later its time is over, and it can be paid again.
    tokio::time::advance(Duration::from_secs(DAY)).await;
    w.seconds(5).await;
    assert_eq!(w.now(&payment).await.state, PaymentState::Expired);
    assert_eq!(w.pay(order("1001", 10_000)).await.attempt, 2);
}

fn express(w: &World) -> Order {
    w.books.lock().unwrap().options = vec![option("home", 9900)];
    Order {
        express: Some(Express::Dynamic),
        ..order("1001", 10_000)
    }
}

fn ada() -> Personal {
    Personal {
        first_name: Some("Ada".into()),
        ..Personal::default()
    }
}

/// The shop needs the address: it is told when Vipps has written it.
#[tokio::test(start_paused = true)]
async fn an_express_payment_is_told_when_vipps_says_where_it_goes() {
    let w = World::on(API);
    let payment = w.pay(express(&w)).await;
    w.vipps.0.lock().unwrap().incomplete = true;
    w.approve(&payment).await;
    w.seconds(5).await;
    assert_eq!(w.told(), ["1001 initiated 0/0/0/0"]);
    {
        let mut state = w.vipps.0.lock().unwrap();
        state.incomplete = false;
        state.personal.insert("acme-1001".into(), ada());
        state.delivery.insert("acme-1001".into(), free());
    }
    w.seconds(3).await;
    assert_eq!(w.told().last().unwrap(), "1001 authorised 10000/0/0/0");
    assert_eq!(w.books.lock().unwrap().names["1001"], Some("Ada".into()));
    let notes = w.now(&payment).await.notes;
    assert!(!notes.iter().any(|note| note.text.contains("where it goes")));
}

fn free() -> Delivered {
    Delivered {
        wire_id: "pickup.1.2".into(),
        title: "pickup".into(),
        cost: Money::nok(0),
        option: None,
    }
}

/// A delivery that is free does not show in the sums: without it the address is still to come.
#[tokio::test(start_paused = true)]
async fn an_express_payment_with_a_free_delivery_waits_for_it_too() {
    let w = World::on(API);
    let payment = w.pay(express(&w)).await;
    w.approve(&payment).await;
    w.seconds(5).await;
    assert_eq!(w.told(), ["1001 initiated 0/0/0/0"]);
    {
        let mut state = w.vipps.0.lock().unwrap();
        state.delivery.insert("acme-1001".into(), free());
    }
    w.seconds(3).await;
    assert_eq!(w.told().last().unwrap(), "1001 authorised 10000/0/0/0");
}

#[tokio::test(start_paused = true)]
async fn an_express_payment_whose_address_never_comes_is_told_after_a_minute_with_a_note() {
    let w = World::on(API);
    let payment = w.pay(express(&w)).await;
    w.vipps.0.lock().unwrap().incomplete = true;
    w.approve(&payment).await;
    w.seconds(55).await;
    assert_eq!(w.told(), ["1001 initiated 0/0/0/0"]);
    w.seconds(8).await;
    assert_eq!(w.told().last().unwrap(), "1001 authorised 10000/0/0/0");
    let notes = w.now(&payment).await.notes;
    assert!(notes[0].text.contains("where it goes"), "{notes:?}");
    // It is not read every two seconds for ever.
    let reads = w.vipps.0.lock().unwrap().reads;
    w.seconds(600).await;
    assert!(w.vipps.0.lock().unwrap().reads - reads <= 2);
}

/// Held back at the end of its time, it is not taken for one that nobody paid.
#[tokio::test(start_paused = true)]
async fn what_is_held_back_is_not_cancelled_for_its_time() {
    let w = World::on(API);
    let payment = w.pay(express(&w)).await;
    w.seconds(595).await;
    w.vipps.0.lock().unwrap().incomplete = true;
    w.vipps
        .push("acme-1001", OperationKind::Authorise, 10_000, None);
    w.seconds(70).await;
    assert_eq!(w.vipps.count("cancel"), 0);
    assert_eq!(w.now(&payment).await.state, PaymentState::Authorised);
}

/// A regular payment is told at once; what comes late is read soon.
#[tokio::test(start_paused = true)]
async fn a_regular_payment_waits_for_nothing_and_is_read_again_soon() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    w.vipps.0.lock().unwrap().incomplete = true;
    w.approve(&payment).await;
    assert_eq!(w.told().last().unwrap(), "1001 authorised 10000/0/0/0");
    let reads = w.vipps.0.lock().unwrap().reads;
    w.seconds(70).await;
    let soon = w.vipps.0.lock().unwrap().reads - reads;
    assert!((25..=32).contains(&soon), "{soon}");
    w.seconds(300).await;
    assert_eq!(w.vipps.0.lock().unwrap().reads - reads, soon);
}

fn naming() -> World {
    let w = wishing(Wishes {
        scope: vec![Scope::Name],
        ..Wishes::default()
    });
    let nobody = Personal {
        sub: Some("c06c4afe".into()),
        ..Personal::default()
    };
    let mut state = w.vipps.0.lock().unwrap();
    state.personal.insert("acme-1001".into(), nobody);
    state.users.insert("c06c4afe".into(), ada());
    drop(state);
    w
}

#[tokio::test(start_paused = true)]
async fn who_paid_is_asked_once_where_vipps_gives_only_a_name_to_ask_by() {
    let w = naming();
    let payment = w.pay(order("1001", 10_000)).await;
    w.approve(&payment).await;
    assert_eq!(w.books.lock().unwrap().names["1001"], Some("Ada".into()));
    w.callback(&payment).await;
    w.seconds(1200).await;
    assert_eq!(w.vipps.count("userinfo"), 1);
}

#[tokio::test(start_paused = true)]
async fn that_nobody_says_who_paid_fails_no_payment() {
    for (fault, answered, known) in [
        (Fault::Refused("Userinfo", "401"), 1, None),
        (Fault::Again, 2, Some("Ada")),
        (Fault::Lost, 2, Some("Ada")),
        (Fault::Slow(Duration::from_secs(40)), 1, Some("Ada")),
    ] {
        let w = naming();
        let payment = w.pay(order("1001", 10_000)).await;
        w.vipps.fault("userinfo", fault);
        w.approve(&payment).await;
        w.seconds(10).await;
        assert_eq!(w.told().last().unwrap(), "1001 authorised 10000/0/0/0");
        w.callback(&payment).await;
        w.callback(&payment).await;
        assert_eq!(w.vipps.count("userinfo"), answered);
        let personal = w.journal.personal(&payment.id).await.unwrap().unwrap();
        assert_eq!(personal.first_name.as_deref(), known);
    }
}

/// Nobody wants to know, or nobody may.
#[tokio::test(start_paused = true)]
async fn who_paid_is_not_asked_unasked_nor_after_the_consent_was_taken_back() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    let nobody = Personal {
        sub: Some("c06c4afe".into()),
        ..Personal::default()
    };
    {
        let mut state = w.vipps.0.lock().unwrap();
        state.personal.insert("acme-1001".into(), nobody);
    }
    w.approve(&payment).await;
    assert_eq!(w.vipps.count("userinfo"), 0);

    let w = naming();
    let payment = w.pay(order("1001", 10_000)).await;
    let forgotten = Payment {
        forgotten: true,
        ..w.now(&payment).await
    };
    let batch = Batch::default().with(Write::Update(Box::new(forgotten)));
    w.journal.write(batch).await.unwrap();
    w.approve(&payment).await;
    assert_eq!(w.vipps.count("userinfo"), 0);
    assert!(w.journal.personal(&payment.id).await.unwrap().is_none());
}

/// The shop's other payments go on with the API, the account and the keys they were made with.
#[tokio::test(start_paused = true)]
async fn a_shop_that_moved_keeps_its_earlier_payments_where_they_are() {
    let mut w = World::new();
    let (paid, waiting) = (
        w.pay(order("1001", 10_000)).await,
        w.pay(order("1002", 10_000)).await,
    );
    w.approve(&paid).await;
    done(
        w.flow
            .capture(&w.cx, &target("1001"), &crate::part(4000))
            .await,
    );
    // One line of configuration, and a restart.
    let both = vec![account("main", "123456"), account("new", "654321")];
    let vipps = w.vipps.by(API);
    w.flow = World::flow(&w.cx, &vipps, &w.journal, &w.books, both, "new");
    // Captured, refunded, cancelled, read by its own (the fake panics else).
    done(
        w.flow
            .capture(&w.cx, &target("1001"), &crate::part(1000))
            .await,
    );
    done(
        w.flow
            .refund(&w.cx, &target("1001"), &crate::part(500))
            .await,
    );
    let now = done(w.flow.cancel(&w.cx, &target("1001")).await);
    assert_eq!(
        (
            now.api,
            now.sums.captured,
            now.sums.refunded,
            now.sums.released
        ),
        (
            ApiKind::Ecom,
            Money::nok(5000),
            Money::nok(500),
            Money::nok(5000)
        )
    );
    // Its callbacks are still taken, and one that was lost is found.
    assert_eq!(w.callback(&waiting).await, StatusCode::OK);
    w.vipps
        .push("acme-1002", OperationKind::Authorise, 10_000, None);
    w.seconds(10).await;
    assert_eq!(w.now(&waiting).await.state, PaymentState::Authorised);
    // A call that names one API's payment by the other's address finds nothing.
    let reference = waiting.id.reference.as_str();
    let token = w.vipps.0.lock().unwrap().tokens[reference].clone();
    let foreign = http::Request::post(format!(
        "https://kasse.example/vipps/acme/express/{reference}"
    ))
    .header("authorization", token)
    .body(bytes::Bytes::new())
    .unwrap();
    assert_eq!(w.flow.handle(foreign).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn attempts_count_on_over_both_apis_and_one_makes_way_for_the_other() {
    let mut w = World::new();
    let first = w.pay(order("1001", 10_000)).await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    let vipps = w.vipps.by(API);
    let account = vec![account("main", "123456")];
    w.flow = World::flow(&w.cx, &vipps, &w.journal, &w.books, account, "main");
    let second = w.pay(order("1001", 10_000)).await;
    assert_eq!(
        (second.id.reference.as_str(), second.attempt, second.api),
        ("acme-1001-2", 2, API)
    );
    assert_eq!(w.now(&first).await.state, PaymentState::Cancelled);
    assert_eq!(w.vipps.count("cancel acme-1001 release=false"), 1);
    w.vipps
        .push("acme-1001-2", OperationKind::Authorise, 10_000, None);
    w.callback(&second).await;
    let again = start(&w, ask(order("1001", 10_000), None)).await;
    assert_eq!(refused(again).kind, ErrorKind::AlreadyPaid);
}

#[tokio::test(start_paused = true)]
async fn a_reference_is_looked_for_by_each_api() {
    use kasse_core::flow::AtVipps;
    let w = World::new();
    w.pay(order("1001", 10_000)).await;
    let vipps = w.vipps.by(API);
    let account = vec![account("main", "123456")];
    let moved = World::flow(&w.cx, &vipps, &w.journal, &w.books, account, "main");
    let second = Initiate {
        order: order("1002", 10_000),
        key: None,
    };
    started(moved.initiate(&w.cx, second).await);
    for (reference, api) in [("acme-1001", ApiKind::Ecom), ("acme-1002", API)] {
        let reference = Reference::new(reference).unwrap();
        let found = moved.whereabouts(&w.cx, &reference).await.unwrap();
        let state = "open".to_owned();
        assert_eq!(found.accounts[0].vipps, AtVipps::Known { state, api });
    }
    let nowhere = Reference::new("acme-9999").unwrap();
    let found = moved.whereabouts(&w.cx, &nowhere).await.unwrap();
    assert_eq!(found.accounts[0].vipps, AtVipps::Unknown);
}

fn in_denmark(late_capture: bool) -> (World, Order) {
    let danish = Account {
        market: Some(Market::Dk),
        late_capture,
        ..account("main", "123456")
    };
    let w = World::wishing(API, danish, Wishes::default());
    w.vipps.0.lock().unwrap().currency = Some(Currency::Dkk);
    let amount = Money::new(10_000, Currency::Dkk);
    let mut order = order("1001", 10_000);
    order.amount = amount;
    order.lines[0].total = amount;
    order.lines[0].discount = Money::zero(Currency::Dkk);
    (w, order)
}

fn notes(payment: &Payment) -> Vec<&str> {
    payment
        .notes
        .iter()
        .map(|note| note.text.as_str())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_danish_reservation_has_to_be_captured_within_14_days_and_a_person_is_told_in_time() {
    let (w, order) = in_denmark(false);
    let payment = w.pay(order).await;
    w.approve(&payment).await;
    let now = w.now(&payment).await;
    let days = |days| Duration::from_secs(days * DAY);
    assert_eq!(
        now.capture_by,
        Some(after(now.authorised_at.unwrap(), days(14)))
    );
    let ending = async |within| {
        let ending = w.flow.ending_reservations(days(within)).await.unwrap();
        ending.len()
    };
    assert_eq!((ending(13).await, ending(15).await), (0, 1));
    let mut seen = Vec::new();
    for hour in 1..=15 * 24 {
        tokio::time::advance(Duration::from_secs(3600)).await;
        w.seconds(1).await;
        let now = w.now(&payment).await;
        if notes(&now).len() > seen.len() {
            seen.push(hour);
        }
    }
    let now = w.now(&payment).await;
    let texts = notes(&now);
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(
        texts[0].starts_with("It has to be captured within three days, by 15 March 2026,")
            && texts[0].contains("100.00 DKK"),
        "{texts:?}"
    );
    assert!(texts[1].starts_with("It has to be captured within a day, by 15 March 2026,"));
    assert!(texts[2].starts_with("The time to capture it was over on 15 March 2026,"));
    // Within the hour in which each came true.
    assert_eq!(seen, [11 * 24, 13 * 24, 14 * 24], "{seen:?}");
    assert_eq!(ending(30).await, 0);
    // Vipps decides.
    w.flow.capture(&w.cx, &target("1001"), &Part::rest()).await;
    assert_eq!(w.vipps.count("capture"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reservation_that_is_captured_needs_no_warning_and_late_capture_is_later() {
    let (w, order) = in_denmark(false);
    let payment = w.pay(order).await;
    w.approve(&payment).await;
    done(w.flow.capture(&w.cx, &target("1001"), &Part::rest()).await);
    for _ in 0..15 * 4 {
        tokio::time::advance(Duration::from_secs(6 * 3600)).await;
        w.seconds(1).await;
    }
    let now = w.now(&payment).await;
    assert!(now.notes.is_empty(), "{:?}", now.notes);

    let (w, order) = in_denmark(true);
    let payment = w.pay(order).await;
    w.approve(&payment).await;
    let now = w.now(&payment).await;
    let later = Duration::from_secs(180 * DAY);
    assert_eq!(
        now.capture_by,
        Some(after(now.authorised_at.unwrap(), later))
    );
}

#[tokio::test(start_paused = true)]
async fn that_a_capture_is_no_longer_guaranteed_is_noted_when_it_comes_true() {
    let w = World::on(API);
    let payment = w.pay(order("1001", 10_000)).await;
    let until = after(w.cx.now(), Duration::from_secs(5 * DAY + 1800));
    w.vipps.0.lock().unwrap().guaranteed_until = Some(until);
    w.approve(&payment).await;
    assert_eq!(w.now(&payment).await.guaranteed_until, Some(until));
    for _ in 0..5 * 24 {
        tokio::time::advance(Duration::from_secs(3599)).await;
        w.seconds(1).await;
    }
    assert!(w.now(&payment).await.notes.is_empty());
    tokio::time::advance(Duration::from_secs(1800)).await;
    w.seconds(1).await;
    let now = w.now(&payment).await;
    assert!(
        notes(&now)[0].starts_with("Vipps guaranteed a capture until"),
        "{:?}",
        now.notes
    );
}

fn showing() -> World {
    wishing(Wishes {
        receipt: ReceiptWish::Afterwards,
        link: Some(OrderLink {
            category: Category::default(),
            url: "https://shop.example/orders/{order}".into(),
            image: None,
        }),
        ..Wishes::default()
    })
}

#[tokio::test(start_paused = true)]
async fn an_order_is_shown_with_its_payment_once_it_is_paid() {
    let w = showing();
    let mut named = order("1001", 10_000);
    named.at = at("10/01 a");
    let payment = w.pay(named).await;
    w.seconds(3).await;
    assert_eq!((w.vipps.count("receipt"), w.vipps.count("link")), (0, 0));
    w.approve(&payment).await;
    w.seconds(600).await;
    let sent = w.vipps.sent();
    let shown: Vec<&String> = sent
        .iter()
        .filter(|line| line.starts_with("receipt") || line.starts_with("link"))
        .collect();
    let reference = payment.id.reference.as_str();
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown.contains(&&format!("receipt {reference} 10000")));
    let link = format!("link {reference} https://shop.example/orders/10%2F01%20a");
    assert!(shown.contains(&&link), "{shown:?}");
}

/// Money moves whatever becomes of the receipt.
#[tokio::test(start_paused = true)]
async fn a_receipt_that_hangs_holds_up_no_money_and_is_given_up_with_a_note() {
    let w = showing();
    let payment = w.pay(order("1001", 10_000)).await;
    for _ in 0..2 {
        w.vipps
            .fault("receipt", Fault::Slow(Duration::from_secs(30)));
    }
    for _ in 0..1000 {
        w.vipps.fault("receipt", Fault::Lost);
    }
    w.vipps
        .fault("link", Fault::Refused("OrderManagement", "404"));
    w.approve(&payment).await;
    w.seconds(2).await;
    // The receipt is on its way now.
    let begun = tokio::time::Instant::now();
    done(
        w.flow
            .capture(&w.cx, &target("1001"), &crate::part(4000))
            .await,
    );
    done(
        w.flow
            .refund(&w.cx, &target("1001"), &crate::part(1000))
            .await,
    );
    done(w.flow.cancel(&w.cx, &target("1001")).await);
    assert!(begun.elapsed() < Duration::from_secs(1));
    w.seconds(2 * 3600).await;
    let now = w.now(&payment).await;
    assert_eq!(
        (now.sums.captured, now.sums.refunded, now.sums.released),
        (Money::nok(4000), Money::nok(1000), Money::nok(6000))
    );
    let texts = notes(&now);
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(
        texts
            .iter()
            .any(|text| text.starts_with("The receipt is not shown"))
    );
    assert!(
        texts
            .iter()
            .any(|text| text.starts_with("The link is not shown"))
    );
    let commands = w.journal.commands(&payment.id).await.unwrap();
    assert!(commands.iter().all(|command| !command.is_open()));
    let tried = w.vipps.count("receipt");
    assert!((5..60).contains(&tried), "{tried}");
    assert_eq!(w.vipps.count("link"), 1);
    w.seconds(3600).await;
    assert_eq!(w.vipps.count("receipt"), tried);
}

/// Where express goods may go is where the shop says, or the sales unit's country.
#[tokio::test(start_paused = true)]
async fn static_deliveries_are_asked_for_where_the_customers_are() {
    for (wishes, country) in [
        (Wishes::default(), "NO"),
        (
            Wishes {
                countries: vec!["SE".into(), "NO".into()],
                ..Wishes::default()
            },
            "SE",
        ),
    ] {
        let w = wishing(wishes);
        let fixed = Order {
            express: Some(Express::Static),
            ..express(&w)
        };
        let payment = w.pay(fixed).await;
        assert_eq!(w.books.lock().unwrap().asked_for, [country]);
        let quotes = w.journal.quotes(&payment.id).await.unwrap();
        assert_eq!(quotes.len(), 1);
        assert_one_start(&w, 1);
        assert!(w.vipps.starts()[0].1.contains("home.1.1"), "sent with it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_is_journaled_with_what_the_shop_wished_then() {
    let wishes = Wishes {
        scope: vec![Scope::Name],
        ..Wishes::default()
    };
    let w = wishing(wishes.clone());
    let payment = w.pay(order("1001", 10_000)).await;
    let commands = w.journal.commands(&payment.id).await.unwrap();
    let CommandVerb::Initiate { wishes: kept, .. } = &commands[0].verb else {
        panic!("{commands:?}")
    };
    assert_eq!(**kept, wishes);
}
