//! What the shop is told: set and not added, only forward, and nothing personal after consent is
//! taken back.

use kasse_core::{
    Delivered, DeliveryKind, Error, ErrorKind, EventKind, Money, Note, Payment, PaymentProvider,
    RecordError, ShippingOption, VatRate, Who,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::{Stage, at, authorised, captured, happen, payment, personal, released, start};

#[tokio::test(start_paused = true)]
async fn the_same_event_twice_has_the_effect_of_once() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let mut payment = payment(&number, 1);
    let stock = stage.adapter.shop().stock("mug");
    for what in [
        EventKind::Initiated,
        authorised(132_890),
        captured(50_000),
        EventKind::Refunded {
            amount: Money::nok(10_000),
            key: None,
        },
        released(82_890),
    ] {
        let event = happen(&mut payment, what);
        stage.record(&payment, &event).await.unwrap();
        let once = stage.show(&number).await;
        stage.record(&payment, &event).await.unwrap();
        assert_eq!(stage.show(&number).await, once);
    }
    assert_eq!(stage.adapter.shop().stock("mug"), stock - 1);
    let shown = stage.show(&number).await;
    assert_eq!(shown["state"], "partly_refunded");
    assert_eq!(
        shown["sums"],
        json!({
            "reserved": "1328.90", "captured": "500.00", "refunded": "100.00",
            "released": "828.90", "left_to_capture": "0.00", "left_to_refund": "400.00",
        })
    );
    assert_eq!(shown["events"].as_array().unwrap().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn each_state_has_its_word() {
    let states = |events: Vec<EventKind>| async move {
        let stage = Stage::new();
        let number = stage.place_usual().await;
        let mut payment = payment(&number, 1);
        for what in events {
            let event = happen(&mut payment, what);
            stage.record(&payment, &event).await.unwrap();
        }
        stage.show(&number).await["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let all = authorised(132_890);
    let back = |minor| EventKind::Refunded {
        amount: Money::nok(minor),
        key: None,
    };
    for (events, word) in [
        (vec![], "unpaid"),
        (vec![EventKind::Initiated], "waiting"),
        (vec![all.clone()], "reserved"),
        (vec![all.clone(), captured(100)], "partly_captured"),
        (vec![all.clone(), captured(132_890)], "captured"),
        (
            vec![all.clone(), captured(100), released(132_790)],
            "captured",
        ),
        (
            vec![all.clone(), captured(132_890), back(1)],
            "partly_refunded",
        ),
        (
            vec![all.clone(), captured(132_890), back(132_890)],
            "refunded",
        ),
        (vec![all, released(132_890)], "cancelled"),
        (vec![EventKind::Initiated, EventKind::Rejected], "rejected"),
        (vec![EventKind::Cancelled], "cancelled"),
        (vec![EventKind::Expired], "expired"),
        (
            vec![EventKind::Unknown {
                operation: "MYSTERY".into(),
            }],
            "waiting",
        ),
    ] {
        let named = format!("{events:?}");
        assert_eq!(states(events).await, word, "{named}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_negative_undoes_nothing() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let mut payment = payment(&number, 1);
    let event = happen(&mut payment, authorised(132_890));
    stage.record(&payment, &event).await.unwrap();
    let stock = stage.adapter.shop().stock("mug");
    for what in [
        EventKind::Rejected,
        EventKind::Cancelled,
        EventKind::Expired,
        EventKind::Initiated,
    ] {
        let event = happen(&mut payment, what);
        stage.record(&payment, &event).await.unwrap();
        let shown = stage.show(&number).await;
        assert_eq!(
            (&shown["state"], &shown["sums"]["reserved"]),
            (&json!("reserved"), &json!("1328.90"))
        );
    }
    assert_eq!(stage.adapter.shop().stock("mug"), stock);
    // It is shown, all the same.
    let events = &stage.show(&number).await["events"];
    assert!(
        events[1]["text"]
            .as_str()
            .unwrap()
            .contains("changes nothing"),
        "{events}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_pays_the_order_whatever_the_first_still_says() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let (mut first, mut second) = (payment(&number, 1), payment(&number, 2));
    let rejected = happen(&mut first, EventKind::Rejected);
    let waiting = happen(&mut second, EventKind::Initiated);
    let reserved = happen(&mut second, authorised(132_890));
    stage.record(&second, &waiting).await.unwrap();
    stage.record(&second, &reserved).await.unwrap();
    stage.record(&first, &rejected).await.unwrap();
    let shown = stage.show(&number).await;
    assert_eq!(shown["state"], "reserved");
    assert_eq!(shown["references"], json!(["demo-1001", "demo-1001-2"]));
    assert_eq!(shown["payments"][0]["state"], "rejected");
}

#[tokio::test(start_paused = true)]
async fn what_is_sold_out_when_it_is_reserved_is_never_taken() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    stage.adapter.shop().set_stock("mug", 0).unwrap();
    let coffee = stage.adapter.shop().stock("coffee");
    let mut payment = payment(&number, 1);
    let event = happen(&mut payment, authorised(132_890));
    for _ in 0..2 {
        let refused = stage.record(&payment, &event).await.unwrap_err();
        let RecordError::Never(error) = refused else {
            panic!("{refused:?}")
        };
        assert!(error.why.contains("Mug"), "{error}");
    }
    // All or nothing: the coffee stays on its shelf, also once there are mugs again.
    stage.adapter.shop().set_stock("mug", 9).unwrap();
    assert!(stage.record(&payment, &event).await.is_err());
    assert_eq!(stage.adapter.shop().stock("coffee"), coffee);

    let event = happen(&mut payment, released(132_890));
    stage.record(&payment, &event).await.unwrap();
    let shown = stage.show(&number).await;
    assert_eq!(shown["state"], "cancelled");
    assert!(
        shown["notes"][0].as_str().unwrap().contains("sold out"),
        "{shown}"
    );
    assert_eq!(stage.adapter.shop().stock("mug"), 9);
}

#[tokio::test(start_paused = true)]
async fn goods_come_back_when_the_whole_reservation_is_released() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let before = stage.adapter.shop().stock("mug");
    let mut payment = payment(&number, 1);
    let reserved = happen(&mut payment, authorised(132_890));
    stage.record(&payment, &reserved).await.unwrap();
    assert_eq!(stage.adapter.shop().stock("mug"), before - 1);
    let all = happen(&mut payment, released(132_890));
    for _ in 0..2 {
        stage.record(&payment, &all).await.unwrap();
        assert_eq!(stage.adapter.shop().stock("mug"), before);
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_is_told_later() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let mut payment = payment(&number, 1);
    let event = happen(&mut payment, authorised(132_890));
    stage.api("/api/down", json!({ "down": true })).await;
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Later(_))
    ));
    assert!(
        stage
            .adapter
            .forget(&stage.cx, &[at(&number)])
            .await
            .is_err()
    );
    // The shop's own pages go on, and show that it was told nothing.
    assert_eq!(stage.show(&number).await["state"], "unpaid");
    stage.api("/api/down", json!({ "down": false })).await;
    stage.record(&payment, &event).await.unwrap();
    assert_eq!(stage.show(&number).await["state"], "reserved");
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_gone_is_never_told() {
    let stage = Stage::new();
    let mut payment = payment("4711", 1);
    let event = happen(&mut payment, authorised(100));
    assert!(matches!(
        stage.record(&payment, &event).await,
        Err(RecordError::Never(error)) if error.kind == ErrorKind::NotFound
    ));
}

fn chosen(cost: i64, quoted: Option<i64>) -> Delivered {
    Delivered {
        wire_id: "posten-home.1.1".into(),
        title: "Posten home delivery".into(),
        cost: Money::nok(cost),
        option: quoted.map(|price| ShippingOption {
            id: "posten-home".into(),
            title: "Posten home delivery".into(),
            price: Money::nok(price),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Home,
            brand: "Posten".into(),
            estimate: None,
            default: true,
            priority: 0,
            engine: Value::Null,
        }),
    }
}

/// An express order that was reserved with a delivery of 99.00 and a name.
async fn express(stage: &Stage, cost: i64, quoted: Option<i64>) -> (String, Payment) {
    let number = stage.place(json!({
        "items": [{ "sku": "mug", "quantity": 1 }], "express": "dynamic", "phone": "12345678",
    }));
    let number = number.await;
    let mut payment = payment(&number, 1);
    payment.express = true;
    payment.delivery = Some(chosen(cost, quoted));
    payment.personal = Some(personal());
    let event = happen(&mut payment, authorised(18_000 + cost));
    stage.record(&payment, &event).await.unwrap();
    (number, payment)
}

#[tokio::test(start_paused = true)]
async fn an_express_order_gets_its_delivery_and_its_customer() {
    let stage = Stage::new();
    let (number, _) = express(&stage, 9900, Some(9900)).await;
    let shown = stage.show(&number).await;
    assert_eq!(shown["total"], shown["sums"]["reserved"]);
    assert_eq!(shown["total"], "279.00");
    assert_eq!(shown["notes"], json!([]));
    insta::assert_json_snapshot!("express_reserved", shown);
    // What is asked to be paid stays without the delivery.
    let order = stage.adapter.order(&stage.cx, &at(&number)).await.unwrap();
    assert_eq!(order.amount, Money::nok(18_000));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_was_not_offered_like_that_is_shown_to_the_merchant() {
    for (quoted, words) in [(None, "none that the shop offered"), (Some(4900), "49.00")] {
        let stage = Stage::new();
        let (number, _) = express(&stage, 9900, quoted).await;
        let shown = stage.show(&number).await;
        assert_eq!(shown["total"], "279.00");
        assert!(
            shown["notes"][0].as_str().unwrap().contains(words),
            "{shown}"
        );
        assert!(
            stage
                .get(&format!("/merchant/{number}"))
                .await
                .1
                .contains("To look at")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_delivery_of_the_attempt_that_is_reserved_is_the_orders() {
    let stage = Stage::new();
    let (number, mut first) = express(&stage, 9900, Some(9900)).await;
    let event = happen(&mut first, released(27_900));
    stage.record(&first, &event).await.unwrap();
    let mut second = payment(&number, 2);
    second.express = true;
    second.delivery = Some(chosen(4900, Some(4900)));
    let event = happen(&mut second, authorised(22_900));
    stage.record(&second, &event).await.unwrap();
    let shown = stage.show(&number).await;
    assert_eq!(shown["delivery"]["price"], "49.00");
    assert_eq!(shown["total"], "229.00");
    assert_eq!(shown["notes"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn personal_data_is_written_for_express_orders_whose_consent_stands() {
    let stage = Stage::new();
    for (express, forgotten, written) in [
        (true, false, true),
        (true, true, false),
        (false, false, false),
    ] {
        let number = stage.place_usual().await;
        let mut payment = payment(&number, 1);
        payment.express = express;
        payment.forgotten = forgotten;
        payment.personal = Some(personal());
        let event = happen(&mut payment, authorised(132_890));
        stage.record(&payment, &event).await.unwrap();
        let shown = stage.show(&number).await;
        assert_eq!(
            shown["customer"].is_object(),
            written,
            "{express} {forgotten}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_shop_shows_the_sums_of_what_it_was_told() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let mut payment = payment(&number, 1);
    let reserved = happen(&mut payment, authorised(132_890));
    let taken = happen(&mut payment, captured(132_890));
    // The payment is further than the shop knows: figures and history go together.
    stage.record(&payment, &reserved).await.unwrap();
    assert_eq!(stage.show(&number).await["state"], "reserved");
    stage.record(&payment, &taken).await.unwrap();
    assert_eq!(stage.show(&number).await["state"], "captured");
}

#[tokio::test(start_paused = true)]
async fn why_a_payment_was_not_started_is_the_merchants_to_know() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let mut payment = payment(&number, 1);
    let error = Error::new(
        ErrorKind::Configuration,
        Who::Merchant,
        "The payment was not started",
        "the subscription key is wrong.",
        "Correct it.",
    );
    let event = happen(&mut payment, EventKind::Failed { error });
    stage.record(&payment, &event).await.unwrap();
    let shown = stage.show(&number).await;
    assert_eq!(shown["state"], "failed");
    assert!(
        shown["notes"][0]
            .as_str()
            .unwrap()
            .contains("subscription key"),
        "{shown}"
    );
    let url = shown["url"].as_str().unwrap();
    let path = url
        .strip_prefix("http://127.0.0.1:8080/engine/demo")
        .unwrap();
    let page = stage.get(path).await.1;
    assert!(page.contains("Try again with Vipps") && !page.contains("subscription key"));
}

#[tokio::test(start_paused = true)]
async fn kasses_notes_are_shown_and_not_repeated() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let mut payment = payment(&number, 1);
    payment.notes = vec![Note {
        at: start(),
        text: "Vipps named another sales unit.".into(),
    }];
    for what in [authorised(132_890), captured(100)] {
        let event = happen(&mut payment, what);
        stage.record(&payment, &event).await.unwrap();
    }
    assert_eq!(
        stage.show(&number).await["notes"],
        json!(["Vipps named another sales unit."])
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_stays_forgotten() {
    let stage = Stage::new();
    let (number, mut payment) = express(&stage, 9900, Some(9900)).await;
    let paid = stage.show(&number).await;

    let unknown = at("4711");
    let first = stage
        .adapter
        .forget(&stage.cx, &[at(&number), unknown.clone()])
        .await
        .unwrap();
    let after = stage.show(&number).await;
    let again = stage
        .adapter
        .forget(&stage.cx, &[at(&number), unknown])
        .await
        .unwrap();
    assert_eq!(first, again);
    assert_eq!(stage.show(&number).await, after);

    assert!(
        first
            .kept
            .iter()
            .any(|kept| kept.contains("Bookkeeping Act")),
        "{first:?}"
    );
    assert_eq!(json!(first.kept), after["kept"]);
    for kept in [
        "number",
        "made",
        "lines",
        "vat",
        "total",
        "delivery",
        "references",
        "sums",
    ] {
        assert_eq!(after[kept], paid[kept], "{kept}");
    }
    // A capture that is told afterwards, with the data still at hand, brings nothing back.
    let event = happen(&mut payment, captured(27_900));
    stage.record(&payment, &event).await.unwrap();
    let shown = stage.show(&number).await;
    assert_eq!(shown["state"], "captured");
    for path in [
        format!("/api/orders/{number}"),
        format!("/merchant/{number}"),
    ] {
        let text = stage.get(&path).await.1;
        for personal in [
            "Ada",
            "Lovelace",
            "example.com",
            "12345678",
            "Karl Johan",
            "0154",
        ] {
            assert!(!text.contains(personal), "{path}: {personal}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Told in any order, the shop ends with the same sums, state and stock.
    #[test]
    fn the_order_of_the_news_does_not_matter(order in Just((0..5).collect::<Vec<usize>>()).prop_shuffle()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let stage = Stage::new();
            let number = stage.place_usual().await;
            let mut payment = payment(&number, 1);
            let events: Vec<_> = [
                EventKind::Initiated,
                authorised(132_890),
                captured(30_000),
                EventKind::Cancelled,
                captured(102_890),
            ]
            .into_iter()
            .map(|what| happen(&mut payment, what))
            .collect();
            for index in order {
                stage.record(&payment, &events[index]).await.unwrap();
            }
            let shown = stage.show(&number).await;
            assert_eq!(shown["state"], "captured");
            assert_eq!(shown["sums"]["captured"], "1328.90");
            assert_eq!(stage.adapter.shop().stock("mug"), 999);
        });
    }
}
