//! Orders: what they come to, and what kasse is given of them.

use http::StatusCode;
use kasse_core::{Error, ErrorKind, Language, Order, PaymentProvider, Verb};
use proptest::prelude::*;
use serde_json::json;

use crate::stage::{Stage, at, authorised, happen, payment, post_json, usual};

impl Stage {
    async fn neutral(&self, number: &str) -> Result<Order, Error> {
        self.adapter.order(&self.cx, &at(number)).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_regular_order_adds_up_with_its_vat() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    assert_eq!(number, "1001");

    let shown = stage.show(&number).await;
    assert_eq!(
        (&shown["total"], &shown["goods"]),
        (&json!("1328.90"), &json!("1328.90"))
    );
    assert_eq!(
        shown["vat"],
        json!([
            { "rate": "25 %", "gross": "1079.00", "vat": "215.80" },
            { "rate": "15 %", "gross": "249.90", "vat": "32.60" },
        ])
    );
    assert_eq!(shown["state"], "unpaid");

    let order = stage.neutral(&number).await.unwrap();
    order.check().unwrap();
    insta::assert_json_snapshot!("regular", order);
}

#[tokio::test(start_paused = true)]
async fn a_coupon_is_spread_over_the_lines() {
    let stage = Stage::new();
    let number = stage
        .place(json!({ "items": usual(), "coupon": "kasse10" }))
        .await;
    let shown = stage.show(&number).await;
    // A tenth of 1 328.90 is 132.89.
    assert_eq!(shown["total"], "1196.01");
    assert_eq!(shown["coupon"], "KASSE10");
    let order = stage.neutral(&number).await.unwrap();
    order.check().unwrap();
    insta::assert_json_snapshot!("coupon", order);
}

#[tokio::test(start_paused = true)]
async fn an_express_order_is_without_delivery() {
    let stage = Stage::new();
    for (express, name) in [("dynamic", "express_dynamic"), ("static", "express_static")] {
        let body = json!({
            "items": [{ "sku": "chocolate", "quantity": 2 }],
            "express": express,
            "phone": "+47 123 45 678",
        });
        let number = stage.place(body).await;
        let order = stage.neutral(&number).await.unwrap();
        order.check().unwrap();
        insta::assert_json_snapshot!(name, order);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_to_be_paid_is_the_order_as_it_stands() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let path = format!("/api/orders/{number}/pay");
    let ask = stage
        .read(post_json(&path, &json!({ "key": "click-1" })))
        .await
        .unwrap();
    assert_eq!(ask.at, at(&number));
    assert_eq!(ask.key.unwrap().as_str(), "click-1");
    let Verb::Initiate(order) = ask.verb else {
        panic!("{:?}", ask.verb)
    };
    assert_eq!(*order, stage.neutral(&number).await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_buyers_language_goes_with_the_order() {
    let stage = Stage::new();
    let mut request = post_json("/api/orders", &json!({ "items": usual() }));
    request
        .headers_mut()
        .insert("accept-language", "nb-NO, en;q=0.5".parse().unwrap());
    stage.send(request).await;
    assert_eq!(
        stage.neutral("1001").await.unwrap().buyer.language,
        Language::Nb
    );
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_ordered_is_refused_with_a_reason() {
    let stage = Stage::new();
    let one = |quantity| json!([{ "sku": "mug", "quantity": quantity }]);
    for body in [
        json!({ "items": [] }),
        json!({ "items": one(0) }),
        json!({ "items": one(100) }),
        json!({ "items": one(-1) }),
        json!({ "items": [{ "sku": "boat", "quantity": 1 }] }),
        json!({ "items": [{ "sku": "mug", "quantity": 1 }, { "sku": "mug", "quantity": 1 }] }),
        json!({ "items": one(1), "coupon": "FREE" }),
        json!({ "items": one(1), "express": "fast" }),
        json!({ "items": one(1), "phone": "call me" }),
        json!({ "items": one(1), "price": "0.01" }),
        json!({}),
    ] {
        let (status, answer) = stage.api("/api/orders", body.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer["kind"], "invalid", "{body}");
        for field in ["what", "why", "who", "advice"] {
            assert!(
                !answer[field].as_str().unwrap().is_empty(),
                "{body}: {field}"
            );
        }
    }
    assert_eq!(stage.get("/api/orders").await.1, r#"{"orders":[]}"#);
}

#[tokio::test(start_paused = true)]
async fn what_is_sold_out_cannot_be_ordered() {
    let stage = Stage::new();
    stage
        .api("/api/stock", json!({ "sku": "mug", "stock": 2 }))
        .await;
    let three = json!({ "items": [{ "sku": "mug", "quantity": 3 }] });
    let (status, answer) = stage.api("/api/orders", three).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(answer["why"].as_str().unwrap().contains("Mug"), "{answer}");
    // Unpaid orders take nothing: both may be made, and the first that is paid gets them.
    stage
        .place(json!({ "items": [{ "sku": "mug", "quantity": 2 }] }))
        .await;
    stage
        .place(json!({ "items": [{ "sku": "mug", "quantity": 2 }] }))
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_order_can_be_changed_until_money_is_held() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let change = format!("/api/orders/{number}/change");
    let hat = json!({ "items": [{ "sku": "hat", "quantity": 1 }] });
    assert_eq!(stage.api(&change, hat.clone()).await.1["total"], "299.00");
    assert_eq!(stage.neutral(&number).await.unwrap().amount.minor, 29_900);

    // The payment was begun for what it was: its amount stands, and the difference is shown.
    let mut payment = payment(&number, 1);
    let event = happen(&mut payment, authorised(132_890));
    stage.record(&payment, &event).await.unwrap();
    let shown = stage.show(&number).await;
    assert_eq!(shown["sums"]["reserved"], "1328.90");
    let note = shown["notes"][0].as_str().unwrap();
    assert!(
        note.contains("1328.90") && note.contains("299.00"),
        "{note}"
    );
    assert_eq!(stage.api(&change, hat).await.0, StatusCode::CONFLICT);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_not_there_is_not_found() {
    let stage = Stage::new();
    stage.place_usual().await;
    for number in ["1002", "01001", "1001 ", "x", "99999999999999999999"] {
        let error = stage.neutral(number).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound, "{number}");
    }
    stage.adapter.shop().set_down(true);
    assert_eq!(
        stage.neutral("1001").await.unwrap_err().kind,
        ErrorKind::EngineUnavailable
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The shop's own VAT table and the lines that Vipps is given are two ways of spreading a
    /// coupon: they agree to the øre, and everything adds up.
    #[test]
    fn kasses_lines_and_the_shops_vat_agree(
        quantities in proptest::collection::vec(0_u32..100, 6), coupon: bool,
    ) {
        let skus = ["jumper", "mug", "coffee", "chocolate", "book", "hat"];
        let items: Vec<_> = skus
            .iter()
            .zip(&quantities)
            .filter(|(_, quantity)| **quantity > 0)
            .map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity }))
            .collect();
        prop_assume!(!items.is_empty());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let stage = Stage::new();
            let coupon = coupon.then_some("KASSE10");
            let number = stage.place(json!({ "items": items, "coupon": coupon })).await;
            let order = stage.neutral(&number).await.unwrap();
            order.check().unwrap();
            let shown = stage.show(&number).await;
            assert_eq!(shown["total"], order.amount.decimal());
            for row in shown["vat"].as_array().unwrap() {
                let lines = order.lines.iter().filter(|line| row["rate"] == line.vat.to_string());
                let gross: i64 = lines.map(|line| line.total.minor).sum();
                assert_eq!(row["gross"], kasse_core::Money::nok(gross).decimal());
            }
        });
    }
}
