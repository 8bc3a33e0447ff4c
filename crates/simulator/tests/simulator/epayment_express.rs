//! Express by ePayment: fixed deliveries, asked-for ones, and what the payment then carries.

use std::time::Duration;

use http::{Request, Response};
use kasse_simulator::{
    Address, Approval, Country, Direction, ExchangeFilter, Fault, FaultKind, Operation,
    PaymentState, SalesUnit,
};
use serde_json::{Value, json};

use crate::epayment_support::{REF, SHIPPING_TOKEN, dynamic, fixed, groups, payment, unit_in};
use crate::support::{MSN, World, pretty};

fn choose(id: &str) -> Approval {
    Approval {
        shipping_method_id: Some(id.to_owned()),
        ..Approval::default()
    }
}

#[tokio::test]
async fn deliveries_that_are_asked_for() {
    let world = World::start().await;
    world.ships(groups("NOK"));
    world.created(&dynamic(REF, 49900)).await;
    let control = world.simulator.control();
    let quote = control.shipping(MSN, REF, None).await.unwrap();
    let call = world.shop.only_call();
    // The URL exactly as it was given, the token verbatim.
    assert_eq!(
        (call.method.as_str(), call.path.as_str()),
        ("POST", "/vipps/ship/acme-shop-1?v=1")
    );
    assert_eq!(call.header("authorization"), Some(SHIPPING_TOKEN));
    assert_eq!(
        call.header("content-type"),
        Some("application/json;charset=UTF-8")
    );
    insta::assert_snapshot!("epayment_shipping_request", pretty(&call.json()));
    let ids: Vec<&str> = quote
        .options
        .iter()
        .map(|o| o.shipping_method_id.as_str())
        .collect();
    assert_eq!(ids, ["home", "evening", "shop-0", "shop-1"]);
    let defaults: Vec<bool> = quote.options.iter().map(|o| o.is_default).collect();
    assert_eq!(defaults, [true, false, false, false]);
    let last = quote.options.last().unwrap();
    assert_eq!(last.kind.as_deref(), Some("PICKUP_POINT"));
    assert_eq!(last.brand.as_deref(), Some("POSTEN"));
    assert_eq!(last.meta.as_deref(), Some("Storgata 1"));
    assert_eq!(last.estimated_delivery.as_deref(), Some("2 days"));

    let acted = control.approve(MSN, REF, choose("shop-1")).await.unwrap();
    assert_eq!(acted.state, PaymentState::Reserved);
    assert!(world.shop.calls().is_empty(), "no callback, no second call");
    let shown = world.get(REF).await.ok();
    insta::assert_snapshot!("epayment_get_express", pretty(&shown));
    // What is authorised is the amount and the delivery; all of it can be captured.
    world.adjust("capture", REF, 49900 + 4900, "k").await.ok();
    assert_eq!(world.sums(REF).await, [54800, 0, 54800, 0]);
    // The token is nowhere in the record.
    let record = control.exchanges(&ExchangeFilter::default());
    assert!(!format!("{record:?}").contains(SHIPPING_TOKEN));
    let out = record.iter().filter(|e| e.direction == Direction::Out);
    assert_eq!(out.count(), 1);
}

#[tokio::test]
async fn fixed_deliveries() {
    let world = World::start().await;
    world.authorized(&fixed(REF, 49900)).await;
    let shown = world.get(REF).await.ok();
    assert_eq!(shown["shippingDetails"]["shippingOptionId"], "home");
    assert_eq!(shown["shippingDetails"]["shippingCost"], 9900);
    assert_eq!(shown["amount"]["value"], 49900);
    assert_eq!(world.sums(REF).await, [59800, 0, 0, 0]);
    assert!(world.shop.calls().is_empty());
}

#[tokio::test]
async fn the_first_is_chosen_where_none_is_the_default() {
    for (group, option, expected) in [
        (None, None, "a"),
        (Some(1), None, "c"),
        (None, Some("d"), "d"),
        (Some(1), Some("d"), "d"),
        (Some(1), Some("b"), "c"),
    ] {
        let world = World::start().await;
        let option_of = |id: &str| {
            let amount = json!({"currency": "NOK", "value": 0});
            json!({"id": id, "name": id, "amount": amount, "isDefault": option == Some(id)})
        };
        let mut order = fixed(REF, 10000);
        order["shipping"]["fixedOptions"] = json!([
            {"type": "MAILBOX", "brand": "POSTEN", "options": [option_of("a"), option_of("b")]},
            {"type": "OTHER", "brand": "POSTEN", "isDefault": group == Some(1), "options": [option_of("c"), option_of("d")]},
        ]);
        world.authorized(&order).await;
        let chosen = world.payment(REF).shipping.unwrap().shipping_method_id;
        assert_eq!(chosen, expected, "{group:?} {option:?}");
    }
}

/// Vipps' own plugins read the address in camelCase.
#[tokio::test]
async fn both_cases_of_the_address() {
    for camel_case_address in [false, true] {
        let world = World::with(SalesUnit {
            camel_case_address,
            ..SalesUnit::default()
        })
        .await;
        world.ships(groups("NOK"));
        world.created(&dynamic(REF, 10000)).await;
        let address = Address {
            address_line2: Some("Att: Rune".to_owned()),
            ..Address::default()
        };
        let control = world.simulator.control();
        control.shipping(MSN, REF, Some(address)).await.unwrap();
        let body = world.shop.only_call().json();
        let names = if camel_case_address {
            [
                "addressLine1",
                "addressLine2",
                "city",
                "postCode",
                "country",
            ]
        } else {
            [
                "AddressLine1",
                "AddressLine2",
                "City",
                "PostCode",
                "Country",
            ]
        };
        let values = names.map(|name| body[name].as_str().unwrap().to_owned());
        assert_eq!(
            values,
            ["Robert Levins gate 5", "Att: Rune", "Oslo", "0154", "NO"]
        );
        assert_eq!(body["reference"], REF);
        assert_eq!(body.as_object().unwrap().len(), 6);
    }
}

/// Without a token there is no header; the shop may be asked again for another address.
#[tokio::test]
async fn each_address_is_asked_for() {
    let world = World::start().await;
    world.ships(groups("NOK"));
    let mut order = dynamic(REF, 10000);
    let options = order["shipping"]["dynamicOptions"].as_object_mut().unwrap();
    options.remove("callbackAuthorizationToken");
    world.created(&order).await;
    for address in Address::samples() {
        let control = world.simulator.control();
        control.shipping(MSN, REF, Some(address)).await.unwrap();
    }
    let calls = world.shop.calls();
    let cities: Vec<Value> = calls.iter().map(|c| c.json()["City"].clone()).collect();
    assert_eq!(cities, ["Oslo", "Tromsø", "Longyearbyen"]);
    assert!(calls.iter().all(|c| c.header("authorization").is_none()));
}

#[tokio::test]
async fn a_shop_that_cannot_deliver() {
    let ok = |body: Value| (200, body.to_string());
    let one = |option: Value| json!({"groups": [{"type": "OTHER", "brand": "OTHER", "options": [option]}]});
    let amount = json!({"currency": "NOK", "value": 100});
    let failed = "Payment failed";
    let none = "No shipping methods found";
    for ((status, body), sees) in [
        ((400, String::new()), "The shop cannot ship to this address"),
        ((404, String::new()), failed),
        ((500, String::new()), failed),
        ((204, String::new()), failed),
        ((302, String::new()), failed),
        ((200, String::new()), failed),
        (ok(json!({"groups": []})), none),
        (ok(json!([])), failed),
        (ok(json!({"groups": [{}]})), failed),
        (ok(json!({"groups": groups("EUR")})), failed),
        (
            ok(json!({"groups": [groups("NOK")[0], groups("NOK")[0]]})),
            failed,
        ),
        (ok(one(json!({"id": "a", "name": "A"}))), failed),
        (
            ok(one(
                json!({"id": "a", "name": "A", "amount": {"currency": "NOK", "value": 1.5}}),
            )),
            failed,
        ),
        (
            ok(one(json!({"id": 1, "name": "A", "amount": amount}))),
            failed,
        ),
        // eCom's answer.
        (
            ok(json!({"addressId": 100, "orderId": REF, "shippingDetails": []})),
            failed,
        ),
    ] {
        let world = World::start().await;
        world.shop.quotes(status, body.clone());
        world.created(&dynamic(REF, 10000)).await;
        let control = world.simulator.control();
        let quote = control.shipping(MSN, REF, None).await.unwrap();
        assert_eq!(quote.user_sees.as_deref(), Some(sees), "{status} {body}");
        assert!(quote.reason.is_some());
        assert!(
            control
                .approve(MSN, REF, Approval::default())
                .await
                .is_err()
        );
        // It stays open: another address may do.
        world.ships(groups("NOK"));
        control.shipping(MSN, REF, None).await.unwrap();
        control
            .approve(MSN, REF, Approval::default())
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_shop_that_is_late() {
    let world = World::within().await;
    world.ships(groups("NOK"));
    world.shop.takes(Duration::from_secs(11));
    world.created(&dynamic(REF, 10000)).await;
    let control = world.simulator.control();
    let late = control.shipping(MSN, REF, None).await.unwrap();
    assert_eq!(late.user_sees.as_deref(), Some("No shipping methods found"));
    assert_eq!(late.reason.as_deref(), Some("no answer within 10 s"));
    world.shop.takes(Duration::from_secs(9));
    let quote = control.shipping(MSN, REF, None).await.unwrap();
    assert_eq!(quote.options.len(), 4);
    for kind in [FaultKind::Reset, FaultKind::Slow { seconds: 12 }] {
        control
            .add_fault(Fault::new(Operation::Shipping, kind).for_order(REF))
            .unwrap();
        let quote = control.shipping(MSN, REF, None).await.unwrap();
        assert!(quote.options.is_empty());
    }
}

/// The address is in the payment's country, or in those that the shop allows.
#[tokio::test]
async fn where_a_delivery_goes() {
    let world = World::start().await;
    world.ships(groups("NOK"));
    world.created(&dynamic(REF, 10000)).await;
    let control = world.simulator.control();
    let swede = || Some(Address::in_country("SE"));
    assert!(control.shipping(MSN, REF, swede()).await.is_err());
    let mut order = dynamic("acme-shop-2", 10000);
    order["shipping"]["allowedCountries"] = json!(["NO", "SE"]);
    world.created(&order).await;
    control.shipping(MSN, "acme-shop-2", swede()).await.unwrap();
    assert_eq!(world.shop.only_call().json()["Country"], "SE");
    let mut order = dynamic("acme-shop-3", 10000);
    order["shipping"]["allowedCountries"] = json!(["IS"]);
    world.authorized(&order).await;
    assert_eq!(world.shop.only_call().json()["Country"], "IS");

    let finn = World::with(unit_in(Country::Fi)).await;
    let mut order = fixed(REF, 10000);
    order["amount"]["currency"] = "EUR".into();
    order["shipping"]["fixedOptions"] = groups("EUR");
    finn.authorized(&order).await;
    let shown = finn.get(REF).await.ok();
    assert_eq!(
        shown["shippingDetails"]["address"],
        json!({"addressLine1": "Mannerheimintie 1", "city": "Helsinki", "country": "FI", "postCode": "00100"})
    );
    assert_eq!(shown["userDetails"]["mobileNumber"], "358401234567");
}

/// An express payment that is not approved has no delivery to tell of.
#[tokio::test]
async fn nothing_is_told_of_what_was_not_approved() {
    let world = World::start().await;
    world.created(&fixed(REF, 10000)).await;
    let control = world.simulator.control();
    control.shipping(MSN, REF, None).await.unwrap();
    control.reject(MSN, REF).await.unwrap();
    let shown = world.get(REF).await.ok();
    assert_eq!(shown["state"], "ABORTED");
    for name in ["shippingDetails", "userDetails", "captureGuaranteedUntil"] {
        assert_eq!(shown.get(name), None, "{name}");
    }
}

#[tokio::test]
async fn only_express_has_deliveries() {
    let world = World::start().await;
    world.created(&payment(REF, 10000)).await;
    let control = world.simulator.control();
    assert!(control.shipping(MSN, REF, None).await.is_err());
    assert!(
        control
            .forge_callback(MSN, REF, Default::default())
            .await
            .is_err()
    );
}

/// A made-up call to where the deliveries are asked for.
#[tokio::test]
async fn a_call_with_half_a_token() {
    let world = World::start().await;
    world.created(&dynamic(REF, 10000)).await;
    let made_up = json!({"method": "POST", "url": "{callbackUrl}", "token": "half", "body": "{}"});
    let path = format!("payments/{MSN}/{REF}/call");
    world.control("POST", &path, made_up).await.ok();
    let call = world.shop.only_call();
    assert_eq!(call.path, "/vipps/ship/acme-shop-1?v=1");
    let half = SHIPPING_TOKEN.get(..16);
    assert_eq!(call.header("authorization"), half);
}

#[tokio::test]
async fn the_landing_page() {
    let world = World::with(unit_in(Country::Dk)).await;
    world.shop.answers(|call| {
        let body = if call.path.starts_with("/vipps/ship/") {
            json!({ "groups": groups("DKK") }).to_string()
        } else {
            String::new()
        };
        Some(Response::new(body))
    });
    let mut order = dynamic(REF, 132_890);
    order["amount"]["currency"] = "DKK".into();
    order["merchantLegalLinks"] = json!({"termsOfSaleUrl": "https://shop.example/terms"});
    let url = world.created(&order).await["redirectUrl"].clone();
    let path = url
        .as_str()
        .unwrap()
        .strip_prefix(&world.simulator.url())
        .unwrap()
        .to_owned();
    let get = async || {
        let request = Request::get(path.as_str()).body(String::new()).unwrap();
        world.send(request).await.text()
    };
    let post = async |form: &str| {
        let request = Request::post(path.as_str()).header("Host", "here");
        world.send(request.body(form.to_owned()).unwrap()).await
    };
    let page = get().await;
    for text in [
        "Two pairs of socks",
        "1\u{a0}328,90 kr",
        "4520123456",
        "Vesterbrogade 1",
        "Show deliveries",
        "<a href=\"https://shop.example/terms\">Terms of sale</a>",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("Oslo") && !page.contains("Privacy"));
    let page = post("action=deliveries&address=0").await.text();
    for text in ["To the door", "99,00 kr", "Kiosk · 2 days · Storgata 1"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let refused = post("action=approve&phone=123&delivery=shop-1")
        .await
        .text();
    assert!(refused.contains("The phone number must"), "{refused}");
    let back = post("action=approve&phone=%2B45+20+12+34+57&delivery=shop-1").await;
    assert_eq!(back.status, 303);
    let shown = world.get(REF).await.ok();
    assert_eq!(shown["shippingDetails"]["shippingOptionId"], "shop-1");
    assert_eq!(shown["userDetails"]["mobileNumber"], "4520123457");
    assert!(get().await.contains("The payment is approved."));
}

#[tokio::test]
async fn the_landing_page_of_an_unknown_result() {
    let world = World::start().await;
    let mut order = payment(REF, 201);
    order["amount"]["value"] = 201.into();
    let url = world.created(&order).await["redirectUrl"].clone();
    let url = url.as_str().unwrap().to_owned();
    let path = url.strip_prefix(&world.simulator.url()).unwrap().to_owned();
    let post = Request::post(path.as_str()).body("action=approve&phone=91234567".to_owned());
    let page = world.send(post.unwrap()).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("The payment is being worked on."));
    assert_eq!(world.payment(REF).state, PaymentState::Opened);
}
