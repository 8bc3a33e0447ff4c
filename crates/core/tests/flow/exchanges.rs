//! What is noted of what came in. What is sent is noted over the real wire: see the command line's
//! tests.

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::flow::Peer;
use kasse_core::journal::{Exchange, Journal, Way};

use super::*;

async fn call(w: &World, payment: &Payment, token: &str, from: &str) -> StatusCode {
    let reference = &payment.id.reference;
    let mut request = Request::post(format!(
        "https://kasse.example/vipps/acme/v2/payments/{reference}"
    ))
    .header("authorization", token)
    .header("x-forwarded-for", from)
    .body(Bytes::from_static(b"123456"))
    .unwrap();
    request
        .extensions_mut()
        .insert(Peer("10.0.0.1".parse().unwrap()));
    w.flow.handle(request).await.status()
}

fn token(w: &World, payment: &Payment) -> String {
    w.vipps.0.lock().unwrap().tokens[payment.id.reference.as_str()].clone()
}

async fn noted(w: &World, payment: &Payment) -> Vec<Exchange> {
    w.journal.exchanges(&payment.id).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_callback_is_noted_in_the_batch_that_keeps_it() {
    let w = World::new();
    let payment = w.pay(order("1001", 5000)).await;
    let token = token(&w, &payment);
    assert_eq!(call(&w, &payment, &token, "51.105.122.55").await, 200);
    // Neither a sweep nor a look has been made.
    let noted = noted(&w, &payment).await;
    let [note] = noted.as_slice() else {
        panic!("{noted:?}")
    };
    assert_eq!(
        (
            note.way,
            note.what.as_str(),
            note.status,
            note.why.as_deref()
        ),
        (Way::Received, "callback", Some(200), None)
    );
    assert_eq!(note.peer, "10.0.0.1, forwarded for 51.105.122.55");
    assert!(!format!("{note:?}").contains(&token));
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_noted_with_its_reason_by_the_next_sweep() {
    let w = World::new();
    let payment = w.pay(order("1001", 5000)).await;
    assert_eq!(call(&w, &payment, "forged", "192.0.2.7").await, 401);
    assert!(noted(&w, &payment).await.is_empty());
    w.flow.sweep().await;
    let noted = noted(&w, &payment).await;
    assert_eq!(noted.len(), 1);
    assert_eq!(noted[0].status, Some(401));
    assert_eq!(
        noted[0].why.as_deref(),
        Some("the call for acme-1001 shows a wrong token")
    );
    // Nobody knows who sent it: nothing of its body is kept.
    assert_eq!(noted[0].said, None);
    assert!(!format!("{noted:?}").contains("forged"));
}

#[tokio::test(start_paused = true)]
async fn the_same_again_is_counted_and_forgers_drive_out_nothing() {
    let w = World::new();
    let payment = w.pay(order("1001", 5000)).await;
    let token = token(&w, &payment);
    assert_eq!(call(&w, &payment, &token, "51.105.122.55").await, 200);
    for _ in 0..5 {
        assert_eq!(call(&w, &payment, "forged", "192.0.2.7").await, 401);
    }
    w.flow.sweep().await;
    let alike = noted(&w, &payment).await;
    assert_eq!(
        alike.iter().map(|note| note.times).collect::<Vec<_>>(),
        [1, 5]
    );
    for from in 0..300 {
        let from = format!("192.0.2.{from}");
        assert_eq!(call(&w, &payment, "forged", &from).await, 401);
        w.flow.write_notes().await.unwrap();
    }
    let all = noted(&w, &payment).await;
    assert_eq!(all[0].status, Some(200), "Vipps' own call is still there");
    assert!(all.len() <= 21, "{}", all.len());
}

#[tokio::test(start_paused = true)]
async fn a_trace_holds_what_was_noted_a_moment_ago() {
    let w = World::new();
    let payment = w.pay(order("1001", 5000)).await;
    call(&w, &payment, "forged", "192.0.2.7").await;
    let trace = w
        .flow
        .trace(&shop_id(), &payment.id.reference)
        .await
        .unwrap();
    assert_eq!(trace.exchanges.len(), 1);
    assert_eq!(trace.callback.as_str(), "https://kasse.example/vipps/acme");
    // Whoever has the address can pay: it is for the shop alone.
    assert!(payment.redirect.is_some());
    assert_eq!(trace.payment.redirect, None);
}
