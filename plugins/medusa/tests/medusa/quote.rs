//! Deliveries, and what is forgotten.

use kasse_core::{
    Currency, Destination, ErrorKind, Money, PaymentProvider, ShippingQuoter, VatRate,
    check_options,
};
use serde_json::{Value, json};

use crate::stage::{Stage, address, at};

fn offered() -> Value {
    json!({ "currency_code": "nok", "deliveries": [
        { "id": "so_01M816JE82SH1XENT7DCSXFHEE", "title": "Hentested", "price": "49", "tax": "9.8",
          "packages": [{ "id": "so_01M816JE82SH1XENT7DCSXFHEE", "title": "Hentested", "price": "49", "tax": "9.8" }] },
        { "id": "so_a+so_b", "title": "Hjem + Stykkgods", "price": "398.0000000000000015", "tax": { "value": "79.6", "precision": 20 },
          "packages": [{ "id": "so_a" }, { "id": "so_b" }] },
        { "id": "so_free", "title": "Gratis", "price": 0, "tax": 0 },
    ] })
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_medusas_own_with_all_packages_of_the_cart() {
    let stage = Stage::new();
    stage.answers(&offered());
    let to = Destination::Address(address());
    let options = stage.adapter.quote(&stage.cx, &at(), &to).await.unwrap();
    check_options(&options, Currency::Nok).unwrap();
    let prices: Vec<_> = options
        .iter()
        .map(|option| {
            (
                option.id.as_str(),
                option.price.minor,
                option.vat,
                option.default,
            )
        })
        .collect();
    assert_eq!(
        prices,
        [
            (
                "so_01M816JE82SH1XENT7DCSXFHEE",
                4_900,
                VatRate::percent(25),
                true
            ),
            ("so_a+so_b", 39_800, VatRate::percent(25), false),
            ("so_free", 0, VatRate(0), false),
        ]
    );
    assert_eq!(
        options[1].engine,
        json!([{ "id": "so_a" }, { "id": "so_b" }])
    );
    let country = Destination::Country("NO".into());
    stage.answers(&offered());
    assert_eq!(
        stage
            .adapter
            .quote(&stage.cx, &at(), &country)
            .await
            .unwrap(),
        options
    );
    insta::assert_json_snapshot!("asked_for_deliveries", stage.asked());
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_offered_the_list_is_empty_and_an_error_is_no_empty_list() {
    let stage = Stage::new();
    let to = Destination::Address(address());
    // A country outside the region is taken on the cart; only its deliveries are none.
    stage.answers(&json!({ "currency_code": "nok", "deliveries": [] }));
    assert_eq!(
        stage.adapter.quote(&stage.cx, &at(), &to).await.unwrap(),
        []
    );
    // A provider that fails while it prices: 500 without details.
    let unknown =
        r#"{"code":"unknown_error","type":"unknown_error","message":"An unknown error occurred."}"#;
    for (status, body) in [(500, unknown), (503, ""), (404, "<html>")] {
        stage.fails(status, body);
        let error = stage
            .adapter
            .quote(&stage.cx, &at(), &to)
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::EngineUnavailable, "{status}");
    }
    stage.away();
    let error = stage
        .adapter
        .quote(&stage.cx, &at(), &to)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::EngineUnavailable);
    for price in [json!("NaN"), json!({ "value": "1e99" })] {
        let mut odd = offered();
        odd["deliveries"][0]["price"] = price;
        stage.answers(&odd);
        let error = stage
            .adapter
            .quote(&stage.cx, &at(), &to)
            .await
            .unwrap_err();
        assert!(error.why.contains("Hentested"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_in_the_regions_currency() {
    for currency in Currency::ALL {
        let stage = Stage::new();
        let mut offered = offered();
        offered["currency_code"] = currency.code().to_ascii_lowercase().into();
        stage.answers(&offered);
        let to = Destination::Address(address());
        let options = stage.adapter.quote(&stage.cx, &at(), &to).await.unwrap();
        check_options(&options, currency).unwrap();
        assert_eq!(options[0].price, Money::new(4_900, currency));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_says_what_is_kept() {
    let stage = Stage::new();
    for _ in 0..2 {
        stage.answers(&json!({ "kept": ["goods and amounts of order 2, for the accounts"] }));
        let forgotten = stage.adapter.forget(&stage.cx, &[at()]).await.unwrap();
        assert_eq!(forgotten.kept.len(), 1);
    }
    insta::assert_json_snapshot!("asked_to_forget", stage.asked());
    stage.away();
    assert!(stage.adapter.forget(&stage.cx, &[at()]).await.is_err());
}
