//! Which deliveries Saleor offers, and what they cost there.

use std::time::Duration;

use kasse_core::{Destination, ErrorKind, Money, ShippingQuoter, VatRate, check_options};
use serde_json::{Value, json};

use crate::stage::{CHECKOUT, Stage, address, place, recording};

/// The methods of a recorded checkout, as our question reads them.
fn offered(file: &str) -> Value {
    let data = recording(file).response.unwrap().body["data"].take();
    let found = data.as_object().unwrap().values().next().unwrap().clone();
    let checkout = found.get("checkout").unwrap_or(&found);
    json!({ "written": {
        "checkout": { "channel": { "currencyCode": "NOK" }, "shippingMethods": checkout["shippingMethods"] },
        "errors": [],
    } })
}

fn priced(gross: f64, net: f64) -> Value {
    json!({ "written": {
        "checkout": { "shippingPrice": {
            "gross": { "amount": gross, "currency": "NOK" }, "net": { "amount": net },
        } },
        "errors": [],
    } })
}

fn home() -> Destination {
    Destination::Address(address())
}

#[tokio::test(start_paused = true)]
async fn each_delivery_has_its_price_with_tax_at_that_address() {
    let stage = Stage::new();
    stage.answers(offered("003"));
    let mut methods = 0;
    for method in offered("003")["written"]["checkout"]["shippingMethods"]
        .as_array()
        .unwrap()
    {
        assert_eq!(method["active"], true);
        methods += 1;
        stage.answers(priced(49.0, 39.2));
    }
    let options = stage
        .adapter
        .quote(&stage.cx, &place(CHECKOUT), &home())
        .await
        .unwrap();
    check_options(&options, kasse_core::Currency::Nok).unwrap();
    assert_eq!(options.len(), methods);
    assert!(
        options
            .iter()
            .all(|it| it.price == Money::nok(4_900) && it.vat == VatRate::percent(25))
    );
    assert_eq!(options.iter().filter(|it| it.default).count(), 1);
    let asked = stage.asked();
    // Who does not pay leaves no street behind.
    assert!(!asked[0].to_string().contains("Storgata"));
    insta::assert_json_snapshot!("quote", asked);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_active_or_was_taken_back_is_not_offered() {
    let stage = Stage::new();
    let mut answer = offered("003");
    let methods = answer["written"]["checkout"]["shippingMethods"]
        .as_array_mut()
        .unwrap();
    methods.truncate(3);
    methods[0]["active"] = false.into();
    stage.answers(answer);
    let error =
        json!({ "field": "deliveryMethodId", "message": "Not there.", "code": "NOT_FOUND" });
    stage.answers(json!({ "written": { "checkout": null, "errors": [error] } }));
    stage.answers(priced(0.0, 0.0));
    let options = stage
        .adapter
        .quote(&stage.cx, &place(CHECKOUT), &home())
        .await
        .unwrap();
    assert_eq!(options.len(), 1);
    assert_eq!(
        (options[0].price, options[0].vat),
        (Money::nok(0), VatRate(0))
    );
}

#[tokio::test(start_paused = true)]
async fn an_address_outside_all_zones_has_no_delivery() {
    let stage = Stage::new();
    stage.answers(offered("062"));
    let options = stage
        .adapter
        .quote(&stage.cx, &place(CHECKOUT), &home())
        .await;
    assert_eq!(options.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_country_is_enough_for_static_deliveries() {
    let stage = Stage::new();
    stage.answers(offered("062"));
    let country = Destination::Country("NO".into());
    stage
        .adapter
        .quote(&stage.cx, &place(CHECKOUT), &country)
        .await
        .unwrap();
    assert_eq!(
        stage.asked()[0]["variables"]["address"],
        json!({ "country": "NO" })
    );
}

#[tokio::test(start_paused = true)]
async fn saleor_away_is_an_error_and_no_empty_list() {
    let stage = Stage::new();
    stage.away();
    let error = stage
        .adapter
        .quote(&stage.cx, &place(CHECKOUT), &home())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::EngineUnavailable);
    stage.answers(offered("003"));
    stage.away();
    let error = stage
        .adapter
        .quote(&stage.cx, &place(CHECKOUT), &home())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::EngineUnavailable);
}

#[tokio::test(start_paused = true)]
async fn a_checkout_that_is_gone_is_said_to_be() {
    let stage = Stage::new();
    let error =
        json!({ "field": "id", "message": "Couldn't resolve to a node", "code": "NOT_FOUND" });
    stage.answers(json!({ "written": { "checkout": null, "errors": [error] } }));
    let error = stage
        .adapter
        .quote(&stage.cx, &place(CHECKOUT), &home())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_price_that_is_none_leaves_nothing() {
    for price in [priced(49.005, 39.2), priced(-1.0, -1.0)] {
        let stage = Stage::new();
        let mut answer = offered("003");
        let methods = answer["written"]["checkout"]["shippingMethods"]
            .as_array_mut()
            .unwrap();
        methods.truncate(1);
        stage.answers(answer);
        stage.answers(price);
        let options = stage
            .adapter
            .quote(&stage.cx, &place(CHECKOUT), &home())
            .await;
        let good = options.is_ok_and(|it| check_options(&it, kasse_core::Currency::Nok).is_ok());
        assert!(!good);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_saleor_is_not_waited_for_with_each_of_its_deliveries() {
    let stage = Stage::new();
    *stage.saleor.slow.lock().unwrap() = Duration::from_millis(1_500);
    let mut answer = offered("003");
    let methods = answer["written"]["checkout"]["shippingMethods"]
        .as_array_mut()
        .unwrap();
    let again = methods[0].clone();
    methods.extend(std::iter::repeat_n(again, 6));
    for (place, method) in methods.iter_mut().enumerate() {
        method["id"] = format!("method-{place}").into();
    }
    stage.answers(answer);
    stage.answers(priced(49.0, 39.2));
    stage.answers(priced(99.0, 79.2));
    let begun = stage.cx.now();
    let options = stage
        .adapter
        .quote(&stage.cx, &place(CHECKOUT), &home())
        .await;
    let options = options.unwrap();
    assert_eq!(options.len(), 2);
    assert!(stage.cx.now().duration_since(begun).as_secs() < 6);
    assert_eq!(stage.asked().len(), 3);
}
