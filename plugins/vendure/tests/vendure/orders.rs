//! Vendure's order in kasse's words, and its deliveries.

use kasse_core::{
    Currency, Destination, ErrorKind, Money, Order, PaymentProvider, ShippingQuoter, VatRate,
    check_options,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::stage::{Stage, address, at, config, listed, order, order_with};

async fn neutral(order: Value) -> Order {
    let stage = Stage::new();
    stage.answers(listed(order));
    let order = stage.adapter.order(&stage.cx, &at()).await.unwrap();
    order.check().unwrap();
    order
}

#[tokio::test(start_paused = true)]
async fn the_neutral_order_of_a_regular_payment() {
    insta::assert_json_snapshot!("regular", neutral(order()).await);
}

#[tokio::test(start_paused = true)]
async fn the_neutral_order_of_an_express_payment_is_without_delivery() {
    let mut cart = order();
    cart["state"] = "AddingItems".into();
    insta::assert_json_snapshot!("express", neutral(cart).await);
}

#[tokio::test(start_paused = true)]
async fn an_express_order_says_where_it_likely_goes_as_far_as_the_cart_says_it() {
    let mut cart = order();
    cart["state"] = "AddingItems".into();
    assert_eq!(neutral(cart.clone()).await.buyer.address, None);
    for unknown in [
        Value::Null,
        json!({}),
        json!({ "countryCode": "NO", "postalCode": null }),
        json!({ "countryCode": "", "postalCode": "" }),
    ] {
        cart["shippingAddress"] = unknown;
        assert_eq!(neutral(cart.clone()).await.buyer.address, None);
    }
    let to = json!({ "phoneNumber": null, "streetLine1": "Grønlandsleiret 15B", "streetLine2": null,
        "city": "Oslo", "postalCode": "0190", "countryCode": "NO" });
    cart["shippingAddress"] = to.clone();
    let order = neutral(cart).await;
    insta::assert_json_snapshot!("express_to", order.buyer);
    // Nobody asks for deliveries where the customer has chosen one.
    let mut regular = crate::stage::order();
    regular["shippingAddress"] = to;
    assert_eq!(neutral(regular).await.buyer.address, None);
}

#[tokio::test(start_paused = true)]
async fn an_express_order_stays_what_was_asked_for_after_its_delivery_was_written() {
    let mut before = order();
    before["state"] = "AddingItems".into();
    let mut after = order_with("Authorized", &json!([]));
    after["payments"][0]["metadata"]["kasse"]["express"] = true.into();
    after["surcharges"] = json!([{ "id": "1", "sku": "kasse-difference", "description": "d",
        "priceWithTax": -100, "taxRate": 25 }]);
    let (before, after) = (neutral(before).await, neutral(after).await);
    assert_eq!((before.amount, before.cart()), (after.amount, after.cart()));
}

#[tokio::test(start_paused = true)]
async fn the_same_goods_in_another_cart_are_the_same_goods() {
    let mut one = order();
    one["state"] = "AddingItems".into();
    let mut other = one.clone();
    other["id"] = "2".into();
    other["shippingLines"] = json!([]);
    // What Vendure may send beside.
    other["lines"][0]["id"] = "77".into();
    let mut third = other.clone();
    third["lines"][0]["productVariant"]["id"] = "99".into();
    let (one, other, third) = (
        neutral(one).await,
        neutral(other).await,
        neutral(third).await,
    );
    assert_eq!(
        one.cart(),
        other.cart(),
        "the deliveries of one serve the other"
    );
    assert_ne!(one.cart(), third.cart());
}

#[tokio::test(start_paused = true)]
async fn surcharges_are_lines_and_what_was_paid_otherwise_comes_off() {
    let mut with = order();
    with["surcharges"] = json!([
        { "id": "1", "sku": "", "description": "Gift wrap", "priceWithTax": 500, "taxRate": 25 },
        { "id": "2", "sku": "", "description": "Sorry", "priceWithTax": -1_000, "taxRate": 0 },
    ]);
    with["payments"] = json!([
        { "id": "1", "amount": 2_000, "state": "Settled", "transactionId": "card", "metadata": {} },
        { "id": "2", "amount": 3_000, "state": "Declined", "transactionId": "card", "metadata": {} },
    ]);
    let order = neutral(with).await;
    assert_eq!(
        order.amount.minor,
        14_382 + 8_010 + 4_900 + 500 - 1_000 - 2_000
    );
    assert_eq!(order.lines.len(), 4);
    let off: i64 = order.lines.iter().map(|line| line.discount.minor).sum();
    assert_eq!(off, (15_980 - 14_382) + (8_900 - 8_010) + 3_000);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_not_there_is_not_found_and_a_vendure_that_is_away_is_no_answer() {
    let stage = Stage::new();
    stage.answers(json!({ "orders": { "items": [] } }));
    let error = stage.adapter.order(&stage.cx, &at()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    stage.away();
    let error = stage.adapter.order(&stage.cx, &at()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::EngineUnavailable);
    // A session that ended is begun anew, and the question asked again.
    stage.fails("FORBIDDEN", "You are not currently authorized");
    stage.answers(listed(order()));
    stage.adapter.order(&stage.cx, &at()).await.unwrap();
    assert_eq!(stage.asked().len(), 4);
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_the_fields_name() {
    for (field, value) in [
        ("api_url", json!("ftp://vendure.example")),
        ("secret", json!("short")),
        ("return_url", json!("thanks/{code}")),
        ("storefront", json!("x".repeat(61))),
        ("user", json!("mistyped")),
    ] {
        let mut wrong = config();
        wrong[field] = value;
        let error = Stage::with(wrong).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.why.contains(field), "{error}");
        assert!(!error.to_string().contains("short"), "{error}");
    }
    let shown = format!("{:?}", Stage::new().adapter);
    assert!(
        !shown.contains("the-password") && !shown.contains("a-secret"),
        "{shown}"
    );
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_vendures_own() {
    let stage = Stage::new();
    let offered = json!({
        "kasseDeliveries": [
            { "id": "2", "code": "parcel", "name": "Pakke", "priceWithTax": 7_900, "taxRate": 25 },
            { "id": "1", "code": "home", "name": "Hjem", "priceWithTax": 14_900, "taxRate": 12.5 },
        ],
        "orders": { "items": [{ "currencyCode": "NOK" }] },
    });
    stage.answers(offered);
    let to = Destination::Address(address());
    let options = stage.adapter.quote(&stage.cx, &at(), &to).await.unwrap();
    check_options(&options, Currency::Nok).unwrap();
    let prices: Vec<_> = options
        .iter()
        .map(|option| (option.id.as_str(), option.price.minor, option.vat))
        .collect();
    assert_eq!(
        prices,
        [("2", 7_900, VatRate(2500)), ("1", 14_900, VatRate(1250))]
    );
    insta::assert_json_snapshot!("asked_for_deliveries", stage.asked());
    stage.answers(
        json!({ "kasseDeliveries": [], "orders": { "items": [{ "currencyCode": "NOK" }] } }),
    );
    assert_eq!(
        stage.adapter.quote(&stage.cx, &at(), &to).await.unwrap(),
        []
    );
    stage.away();
    let error = stage
        .adapter
        .quote(&stage.cx, &at(), &to)
        .await
        .unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::EngineUnavailable,
        "away is no empty list"
    );
}

#[tokio::test(start_paused = true)]
async fn orders_and_deliveries_are_in_the_channels_currency() {
    for currency in [Currency::Nok, Currency::Dkk, Currency::Eur] {
        let mut sold = order();
        sold["currencyCode"] = currency.code().into();
        let neutral = neutral(sold).await;
        let mut amounts = vec![neutral.amount];
        for line in &neutral.lines {
            amounts.extend([line.total, line.discount]);
        }
        assert!(amounts.iter().all(|amount| amount.currency == currency));

        let stage = Stage::new();
        stage.answers(json!({
            "kasseDeliveries": [
                { "id": "2", "code": "parcel", "name": "Pakke", "priceWithTax": 5_905, "taxRate": 25.5 },
            ],
            "orders": { "items": [{ "currencyCode": currency }] },
        }));
        let to = Destination::Address(address());
        let options = stage.adapter.quote(&stage.cx, &at(), &to).await.unwrap();
        check_options(&options, currency).unwrap();
        let offered = (options[0].price, options[0].vat);
        assert_eq!(offered, (Money::new(5_905, currency), VatRate(2550)));
    }
    // Another one is none that Vipps takes.
    let stage = Stage::new();
    let mut sold = order();
    sold["currencyCode"] = "SEK".into();
    stage.answers(listed(sold));
    let error = stage.adapter.order(&stage.cx, &at()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
}

proptest! {
    #[test]
    fn every_order_adds_up(
        lines in proptest::collection::vec((1_u32..9, 0_i64..500_000, 0_i64..100), 1..6),
        shipping in 0_i64..20_000,
        off in 0_i64..50_000,
    ) {
        let mut with = order();
        with["lines"] = lines.iter().enumerate().map(|(id, (quantity, price, percent))| json!({
            "quantity": quantity, "linePriceWithTax": price,
            "proratedLinePriceWithTax": price - price * percent / 100,
            "taxRate": 25, "productVariant": { "id": format!("{id}"), "name": "Thing" },
        })).collect();
        with["shippingLines"][0]["discountedPriceWithTax"] = shipping.into();
        with["surcharges"] = json!([{ "id": "1", "sku": null, "description": "Off", "priceWithTax": -off, "taxRate": 0 }]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let order = runtime.block_on(async {
            let stage = Stage::new();
            stage.answers(listed(with));
            stage.adapter.order(&stage.cx, &at()).await.unwrap()
        });
        let goods: i64 = lines.iter().map(|(_, price, percent)| price - price * percent / 100).sum();
        prop_assert_eq!(order.amount.minor, (goods + shipping - off).max(0));
        let sum: i64 = order.lines.iter().map(|line| line.total.minor).sum();
        prop_assert_eq!(sum, order.amount.minor);
        prop_assert!(order.lines.iter().all(|line| line.total.minor >= 0 && line.discount.minor >= 0));
    }
}
