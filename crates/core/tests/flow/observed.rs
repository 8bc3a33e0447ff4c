//! What the flow tells its observer, and what an operator asks it.

use std::time::Duration;

use kasse_core::api::OperationKind;

use super::*;

const DAY: u64 = 24 * 3600;

fn heard(w: &World) -> Vec<String> {
    std::mem::take(&mut w.vipps.0.lock().unwrap().heard)
}

#[tokio::test(start_paused = true)]
async fn a_callback_and_a_look_are_told_apart() {
    let w = World::new();
    let payment = w.pay(order("1001", 5000)).await;
    tokio::time::advance(Duration::from_secs(3)).await;
    w.approve(&payment).await;
    assert_eq!(
        heard(&w),
        ["called back", "reserved after 3 s", "learnt by Callback"]
    );
    // This one's callback is lost.
    let payment = w.pay(order("1002", 5000)).await;
    let reference = payment.id.reference.as_str();
    w.vipps
        .push(reference, OperationKind::Authorise, 5000, None);
    w.seconds(8).await;
    let heard = heard(&w);
    assert_eq!(heard.len(), 2, "{heard:?}");
    assert_eq!(heard[1], "learnt by Look");
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_and_put_off_is_told() {
    let w = World::new();
    let payment = w.pay(order("1001", 5000)).await;
    let reference = payment.id.reference.as_str();
    assert_eq!(w.call(reference, "forged", "").await.status(), 401);
    let error = Error::invalid("Later", "the shop is away.", "");
    let later = RecordError::Later(error);
    let answers = [later].into();
    w.books
        .lock()
        .unwrap()
        .answers
        .insert("1001".into(), answers);
    w.approve(&payment).await;
    let heard = heard(&w);
    assert_eq!(heard[0], "refused 401");
    assert!(heard.contains(&"told: Later".to_owned()), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn reservations_that_end_soon_are_found() {
    let w = World::new();
    let mut payments = Vec::new();
    for number in ["1001", "1002", "1003"] {
        let payment = w.pay(order(number, 5000)).await;
        w.approve(&payment).await;
        payments.push(payment);
    }
    // One is captured, and one in part.
    done(w.flow.capture(&w.cx, &target("1001"), &Part::rest()).await);
    done(w.flow.capture(&w.cx, &target("1002"), &part(1000)).await);
    let ending = async || {
        let within = Duration::from_secs(14 * DAY);
        let found = w.flow.ending_reservations(within).await.unwrap();
        let orders = found.iter().map(|payment| payment.order.order.to_string());
        orders.collect::<Vec<_>>()
    };
    assert!(ending().await.is_empty());
    tokio::time::advance(Duration::from_secs(165 * DAY)).await;
    assert!(ending().await.is_empty(), "15 days are left");
    tokio::time::advance(Duration::from_secs(2 * DAY)).await;
    assert_eq!(ending().await, ["1002", "1003"]);
    tokio::time::advance(Duration::from_secs(12 * DAY)).await;
    assert_eq!(ending().await, ["1002", "1003"], "a day is left");
    tokio::time::advance(Duration::from_secs(2 * DAY)).await;
    assert!(ending().await.is_empty(), "they have ended");
}
