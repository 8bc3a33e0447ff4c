//! Deliveries: zones and prices.

use kasse_core::{Currency, Destination, ErrorKind, ShippingQuoter, check_options};
use serde_json::json;

use crate::stage::{Stage, address, at};

impl Stage {
    /// `id price` of each option.
    async fn quote(&self, number: &str, to: Destination) -> Vec<String> {
        let options = self
            .adapter
            .quote(&self.cx, &at(number), &to)
            .await
            .unwrap();
        check_options(&options, Currency::Nok).unwrap();
        assert!(options.first().is_none_or(|option| option.default));
        options
            .iter()
            .map(|option| format!("{} {}", option.id, option.price.decimal()))
            .collect()
    }
}

#[tokio::test(start_paused = true)]
async fn each_zone_has_its_deliveries() {
    let stage = Stage::new();
    let number = stage
        .place(json!({ "items": [{ "sku": "mug", "quantity": 1 }] }))
        .await;
    let south = vec![
        "posten-home 99.00",
        "posten-pickup 49.00",
        "posten-mailbox 39.90",
    ];
    let oslo = [&south[..], &["collect 0.00"]].concat();
    let north = vec!["posten-home 149.00", "posten-pickup 79.00"];
    for (post_code, country, expected) in [
        ("0154", "NO", &oslo),
        ("0001", "NO", &oslo),
        ("1295", "NO", &oslo),
        ("1296", "NO", &south),
        ("7999", "NO", &south),
        ("8000", "NO", &north),
        ("9169", "NO", &north),
        ("9170", "NO", &vec![]),
        ("9179", "NO", &vec![]),
        ("9180", "NO", &north),
        ("9990", "NO", &north),
        ("0154", "SE", &vec![]),
        ("0154", "no", &vec![]),
        ("154", "NO", &vec![]),
        ("00154", "NO", &vec![]),
        ("+154", "NO", &vec![]),
        ("", "NO", &vec![]),
        ("oslo", "NO", &vec![]),
    ] {
        let to = Destination::Address(address(post_code, country));
        assert_eq!(
            &stage.quote(&number, to).await,
            expected,
            "{post_code} {country}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn fixed_prices_are_for_the_whole_country() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let fixed = stage
        .quote(&number, Destination::Country("NO".into()))
        .await;
    assert_eq!(fixed, ["posten-home 99.00", "posten-pickup 69.00"]);
    assert!(
        stage
            .quote(&number, Destination::Country("SE".into()))
            .await
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn the_mailbox_is_free_above_a_thousand_after_the_coupon() {
    let stage = Stage::new();
    let coffee = |quantity| json!([{ "sku": "coffee", "quantity": quantity }]);
    for (items, coupon, price) in [
        (coffee(4), None, "39.90"),           // 999.60
        (coffee(5), None, "0.00"),            // 1 249.50
        (coffee(5), Some("KASSE10"), "0.00"), // 1 124.55
        (
            json!([{ "sku": "coffee", "quantity": 1 }, { "sku": "jumper", "quantity": 1 }]),
            Some("KASSE10"),
            "0.00",
        ), // 1 034.01
        (
            json!([{ "sku": "mug", "quantity": 6 }]),
            Some("KASSE10"),
            "39.90",
        ), // 972.00
    ] {
        let named = items.to_string();
        let number = stage
            .place(json!({ "items": items, "coupon": coupon }))
            .await;
        let quoted = stage
            .quote(&number, Destination::Address(address("5003", "NO")))
            .await;
        assert!(
            quoted.contains(&format!("posten-mailbox {price}")),
            "{named}: {quoted:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn bulky_things_go_in_packages_of_their_own() {
    let stage = Stage::new();
    let number = stage
        .place(json!({ "items": [
            { "sku": "mug", "quantity": 1 },
            { "sku": "skis", "quantity": 2 },
        ] }))
        .await;
    let quoted = stage
        .quote(&number, Destination::Address(address("9008", "NO")))
        .await;
    assert_eq!(quoted, ["posten-home 547.00", "posten-pickup 477.00"]);
    let fixed = stage
        .quote(&number, Destination::Country("NO".into()))
        .await;
    assert_eq!(fixed, ["posten-home 497.00", "posten-pickup 467.00"]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_fails_is_an_error_and_no_empty_list() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let to = Destination::Address(address("0154", "NO"));
    let error = stage
        .adapter
        .quote(&stage.cx, &at("4711"), &to)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    stage.adapter.shop().set_down(true);
    let error = stage
        .adapter
        .quote(&stage.cx, &at(&number), &to)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::EngineUnavailable);
}

#[tokio::test(start_paused = true)]
async fn what_is_quoted_for_oslo() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let to = Destination::Address(address("0154", "NO"));
    let options = stage
        .adapter
        .quote(&stage.cx, &at(&number), &to)
        .await
        .unwrap();
    insta::assert_json_snapshot!("quoted_for_oslo", options);
}
