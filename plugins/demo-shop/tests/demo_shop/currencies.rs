//! The shop in Denmark and in Finland: its own prices, VAT, deliveries and names, and no amount of
//! another currency anywhere.

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::{
    Currency, Destination, ErrorKind, EventKind, Money, PaymentProvider, PaymentState,
    ShippingQuoter, Sums, Verb, check_options,
};
use serde_json::{Value, json};

use crate::file::Folder;
use crate::stage::{
    Stage, address, at, happen, payment, personal, post_form, post_json, setup, usual,
};

const ALL: [Currency; 3] = [Currency::Nok, Currency::Dkk, Currency::Eur];

fn shop(currency: Currency) -> Stage {
    let config = json!({ "site_url": "http://127.0.0.1:8080", "currency": currency });
    Stage::with(config, None).unwrap()
}

/// Every currency that stands anywhere in a value.
fn currencies(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    Value::String(code) if name == "currency" => found.push(code.clone()),
                    field => currencies(field, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| currencies(item, found)),
        _ => {}
    }
}

fn only(currency: Currency, value: &Value) {
    let mut found = Vec::new();
    currencies(value, &mut found);
    assert!(!found.is_empty(), "no amount in {value}");
    assert!(
        found.iter().all(|code| code == currency.code()),
        "{currency}: {found:?} in {value}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_order_is_wholly_in_the_shops_currency() {
    for currency in ALL {
        let stage = shop(currency);
        for express in [json!(null), json!("dynamic"), json!("static")] {
            let body = json!({ "items": usual(), "coupon": "KASSE10", "express": express });
            let number = stage.place(body).await;
            let order = stage.adapter.order(&stage.cx, &at(&number)).await.unwrap();
            order.check().unwrap();
            assert_eq!(order.amount.currency, currency);
            assert_eq!(order.deliveries.is_empty(), express != "static");
            only(currency, &serde_json::to_value(&order).unwrap());
            assert_eq!(stage.show(&number).await["currency"], currency.code());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_country_has_its_prices_and_its_vat() {
    for (currency, total, vat, name) in [
        (
            Currency::Dkk,
            "887.90",
            json!([{ "rate": "25 %", "gross": "887.90", "vat": "177.58" }]),
            "danish",
        ),
        (
            Currency::Eur,
            "117.70",
            json!([
                { "rate": "25.50 %", "gross": "95.80", "vat": "19.47" },
                { "rate": "13.50 %", "gross": "21.90", "vat": "2.60" },
            ]),
            "finnish",
        ),
    ] {
        let stage = shop(currency);
        let number = stage.place_usual().await;
        let shown = stage.show(&number).await;
        assert_eq!((&shown["total"], &shown["vat"]), (&json!(total), &vat));
        let order = stage.adapter.order(&stage.cx, &at(&number)).await.unwrap();
        insta::assert_json_snapshot!(name, order);
    }
}

#[tokio::test(start_paused = true)]
async fn the_pages_are_the_countrys() {
    for (currency, price, brand) in [
        (Currency::Nok, "899.00 kr", "Pay with Vipps"),
        (Currency::Dkk, "599.00 kr", "Pay with MobilePay"),
        (Currency::Eur, "79.90 €", "Pay with MobilePay"),
    ] {
        let stage = shop(currency);
        assert!(stage.get("/").await.1.contains(price));
        let added = stage.send(post_form("/cart/add", "sku=jumper")).await;
        let cookie = added.headers()["set-cookie"].to_str().unwrap();
        let cart = Request::get("/cart")
            .header("cookie", cookie.split(';').next().unwrap())
            .body(Bytes::new())
            .unwrap();
        let cart = String::from_utf8(stage.send(cart).await.body().to_vec()).unwrap();
        assert!(cart.contains(price) && cart.contains(brand), "{cart}");
        let number = stage.place_usual().await;
        let (_, merchant) = stage.get(&format!("/merchant/{number}")).await;
        let euro = currency == Currency::Eur;
        assert_eq!(
            (merchant.contains(" kr"), merchant.contains(" €")),
            (!euro, euro),
            "{merchant}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_told_and_asked_is_in_the_orders_currency() {
    for currency in ALL {
        let stage = shop(currency);
        let body = json!({ "items": usual(), "express": "dynamic" });
        let number = stage.place(body).await;
        let mut order = payment(&number, 1);
        order.express = true;
        order.amount = Money::new(20_000, currency);
        order.sums = Sums::none(currency);
        order.state = PaymentState::Authorised;
        order.personal = Some(personal());
        let what = EventKind::Authorised {
            amount: order.amount,
        };
        let event = happen(&mut order, what);
        stage.record(&order, &event).await.unwrap();
        let shown = stage.show(&number).await;
        assert_eq!(shown["sums"]["reserved"], "200.00");
        let told = shown["events"][0]["text"].as_str().unwrap();
        let unit = if currency == Currency::Eur {
            "€"
        } else {
            "kr"
        };
        assert_eq!(told, format!("200.00 {unit} reserved."));

        for verb in ["capture", "refund"] {
            let ask = post_json(
                &format!("/api/orders/{number}/{verb}"),
                &json!({ "amount": "79.90" }),
            );
            let (Verb::Capture(part) | Verb::Refund(part)) = stage.read(ask).await.unwrap().verb
            else {
                panic!("{verb} is another wish")
            };
            assert_eq!(part.amount, Some(Money::new(7990, currency)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_within_the_country_and_in_its_currency() {
    for (currency, post_code, country) in [
        (Currency::Nok, "0154", "NO"),
        (Currency::Dkk, "1050", "DK"),
        (Currency::Eur, "00100", "FI"),
    ] {
        let stage = shop(currency);
        let number = stage.place_usual().await;
        for other in ["NO", "DK", "FI", "SE"] {
            for to in [
                Destination::Address(address(post_code, other)),
                Destination::Country(other.to_owned()),
            ] {
                let quoted = stage
                    .adapter
                    .quote(&stage.cx, &at(&number), &to)
                    .await
                    .unwrap();
                check_options(&quoted, currency).unwrap();
                assert_eq!(quoted.is_empty(), other != country, "{to:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_keeps_its_currency_when_the_shop_takes_another() {
    let folder = Folder::new("currencies");
    let old = folder.open().unwrap().place_usual().await;
    let stage = Stage::with(json!({ "currency": "EUR" }), Some(&folder.0)).unwrap();
    let new = stage.place_usual().await;
    for (number, currency, total) in [
        (&old, Currency::Nok, "1328.90"),
        (&new, Currency::Eur, "117.70"),
    ] {
        let order = stage.adapter.order(&stage.cx, &at(number)).await.unwrap();
        only(currency, &serde_json::to_value(&order).unwrap());
        assert_eq!(order.amount.decimal(), total);
        let change =
            json!({ "items": [{ "sku": "mug", "quantity": 2 }, { "sku": "book", "quantity": 1 }] });
        let (status, shown) = stage
            .api(&format!("/api/orders/{number}/change"), change)
            .await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(shown["currency"], currency.code());
        let order = stage.adapter.order(&stage.cx, &at(number)).await.unwrap();
        only(currency, &serde_json::to_value(&order).unwrap());
    }
}

#[test]
fn another_currency_is_refused_when_the_shop_is_opened() {
    let (flow, _) = crate::stage::flow(Vec::new(), Vec::new()).unwrap();
    for wrong in ["SEK", "nok", ""] {
        let config = json!({ "currency": wrong });
        let error = kasse_demo_shop::DemoShop::new(setup(&flow, config, None)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.why.contains("EUR"), "{error}");
    }
}
