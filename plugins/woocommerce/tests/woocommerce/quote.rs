//! Deliveries: WooCommerce's own, computed by the kasse plugin; and forgetting.

use kasse_core::{
    Currency, Destination, ErrorKind, Money, PaymentProvider, ShippingQuoter, VatRate,
    check_options,
};
use serde_json::json;

use crate::stage::{Stage, address, at};

fn offered() -> serde_json::Value {
    json!({
        "currency": "NOK",
        "deliveries": [
            { "id": "flat_rate:1", "title": "Hentested", "price": "49.00", "tax": "9.80", "packages": [
                { "package": 0, "rate": "flat_rate:1", "method_id": "flat_rate", "title": "Hentested", "cost": "39.20" },
            ] },
            // Two packages: one of them by weight.
            { "id": "flat_rate:1+flat_rate:4", "title": "Hentested + Stykkgods", "price": "348.00", "tax": "69.60", "packages": [
                { "package": 0, "rate": "flat_rate:1", "method_id": "flat_rate", "title": "Hentested", "cost": "39.20" },
                { "package": 1, "rate": "flat_rate:4", "method_id": "flat_rate", "title": "Stykkgods", "cost": "239.20" },
            ] },
            { "id": "free_shipping:2", "title": "Gratis", "price": "0.00", "tax": "0.00", "packages": [] },
        ],
    })
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_woocommerces_own_with_their_vat() {
    let stage = Stage::new();
    stage.answers(offered());
    let to = Destination::Address(address());
    let options = stage.adapter.quote(&stage.cx, &at(), &to).await.unwrap();
    check_options(&options, Currency::Nok).unwrap();
    let prices: Vec<_> = options
        .iter()
        .map(|option| (option.id.as_str(), option.price.minor, option.vat))
        .collect();
    assert_eq!(
        prices,
        [
            ("flat_rate:1", 4_900, VatRate::percent(25)),
            ("flat_rate:1+flat_rate:4", 34_800, VatRate::percent(25)),
            ("free_shipping:2", 0, VatRate(0)),
        ]
    );
    insta::assert_json_snapshot!("asked_for_deliveries", stage.asked());
    // Static shipping knows the country alone.
    stage.answers(offered());
    let to = Destination::Country("NO".into());
    stage.adapter.quote(&stage.cx, &at(), &to).await.unwrap();
    assert_eq!(stage.asked()[0]["body"]["address"]["country"], "NO");
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_in_the_orders_currency() {
    for currency in [Currency::Dkk, Currency::Eur] {
        let stage = Stage::new();
        let mut offered = offered();
        offered["currency"] = currency.code().into();
        stage.answers(offered);
        let to = Destination::Address(address());
        let options = stage.adapter.quote(&stage.cx, &at(), &to).await.unwrap();
        check_options(&options, currency).unwrap();
        assert_eq!(options[0].price, Money::new(4_900, currency));
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_is_not_served_is_an_empty_list_and_a_shop_that_is_away_is_none() {
    let stage = Stage::new();
    let to = Destination::Address(address());
    stage.answers(json!({ "currency": "NOK", "deliveries": [] }));
    let options = stage.adapter.quote(&stage.cx, &at(), &to).await.unwrap();
    assert_eq!(options, []);
    let kind = async |stage: &Stage| {
        let quoted = stage.adapter.quote(&stage.cx, &at(), &to).await;
        quoted.unwrap_err().kind.clone()
    };
    stage.away();
    assert_eq!(kind(&stage).await, ErrorKind::EngineUnavailable);
    // The plugin is not active.
    stage.answers_as("122");
    assert_eq!(kind(&stage).await, ErrorKind::EngineUnavailable);
    let gone = json!({ "code": "kasse_no_order", "message": "There is no order 17.", "data": { "status": 404 } });
    stage.says(404, &gone.to_string());
    assert_eq!(kind(&stage).await, ErrorKind::NotFound);
    let mut odd = offered();
    odd["deliveries"][0]["price"] = "49,00".into();
    stage.answers(odd);
    assert_eq!(kind(&stage).await, ErrorKind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn personal_data_is_removed_by_woocommerces_own_eraser() {
    let stage = Stage::new();
    for _ in 0..2 {
        stage
            .answers(json!({ "kept": ["goods, amounts and dates of order 17, for the accounts"] }));
        let forgotten = stage.adapter.forget(&stage.cx, &[at()]).await.unwrap();
        assert_eq!(forgotten.kept.len(), 1);
        insta::assert_json_snapshot!(
            "forgotten",
            stage
                .asked()
                .iter()
                .map(|ask| json!([ask["ask"], ask["body"]]))
                .collect::<Vec<_>>()
        );
    }
    stage.away();
    let error = stage.adapter.forget(&stage.cx, &[at()]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::EngineUnavailable);
}
