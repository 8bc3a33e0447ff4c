//! Whole payments by ePayment, from create to refund.

use kasse_simulator::{Api, Approval, Country, Currency, PaymentState, SalesUnit};
use serde_json::json;

use crate::epayment_support::{REF, code, payment, receipt, unit_in};
use crate::support::{MSN, World, pretty};

#[tokio::test]
async fn a_payment_in_the_browser() {
    let world = World::start().await;
    let made = world.created(&payment(REF, 49900)).await;
    assert_eq!(made["reference"], REF);
    let url = made["redirectUrl"].as_str().unwrap();
    let page = format!(
        "{}/dwo-api-application/v1/deeplink/vippsgateway?v=2&token=",
        world.simulator.url()
    );
    assert!(url.starts_with(&page), "{url}");
    let open = world.get(REF).await.ok();
    assert_eq!(open["state"], "CREATED");
    assert_eq!(open["redirectUrl"], made["redirectUrl"]);
    assert_eq!(open["profile"], json!({}));
    assert_eq!(open["paymentMethod"], json!({"type": "WALLET"}));
    assert_eq!(world.sums(REF).await, [0, 0, 0, 0]);

    let control = world.simulator.control();
    let acted = control
        .approve(MSN, REF, Approval::default())
        .await
        .unwrap();
    assert_eq!(acted.state, PaymentState::Reserved);
    assert_eq!(acted.callback, None, "ePayment has no callback");
    assert_eq!(
        acted.redirect.as_deref(),
        Some("https://shop.example/order/acme-shop-1?from=vipps")
    );

    let captured = world.adjust("capture", REF, 20000, "key-1").await.ok();
    insta::assert_snapshot!("epayment_capture", pretty(&captured));
    world.adjust("capture", REF, 9900, "key-2").await.ok();
    let cancelled = world.void(REF, None).await.ok();
    insta::assert_snapshot!("epayment_cancel", pretty(&cancelled));
    let refunded = world.adjust("refund", REF, 5000, "key-3").await.ok();
    insta::assert_snapshot!("epayment_refund", pretty(&refunded));
    insta::assert_snapshot!("epayment_get", pretty(&world.get(REF).await.ok()));
    insta::assert_snapshot!("epayment_events", pretty(&world.events(REF).await.ok()));
    assert!(world.shop.calls().is_empty(), "nobody is called back");

    let view = world.payment(REF);
    assert_eq!(view.api, Api::Epayment);
    assert_eq!((view.currency, view.country), (Currency::Nok, Country::No));
    assert_eq!(view.epayment_state, "AUTHORIZED");
    assert_eq!(
        view.guaranteed_until.unwrap().to_string(),
        "2026-03-08T10:00:00Z"
    );
}

/// Each event has a `pspReference` of its own; payment and modifications have the first one's.
#[tokio::test]
async fn psp_references() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    let captured = world.adjust("capture", REF, 100, "k1").await.ok();
    world.adjust("capture", REF, 100, "k2").await.ok();
    let events = world.events(REF).await.ok();
    let psp = |n: usize| events[n]["pspReference"].as_str().unwrap().to_owned();
    let mut all: Vec<String> = (0..4).map(psp).collect();
    let first = all[0].clone();
    assert_eq!(captured["pspReference"], first.as_str());
    assert_eq!(world.get(REF).await.ok()["pspReference"], first.as_str());
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4);
    let keys: Vec<_> = (0..4)
        .map(|n| events[n]["idempotencyKey"].clone())
        .collect();
    assert_eq!(
        keys,
        [
            json!("create-acme-shop-1"),
            json!(null),
            json!("k1"),
            json!("k2")
        ]
    );
}

#[tokio::test]
async fn how_a_payment_ends_without_approval() {
    let world = World::start().await;
    let control = world.simulator.control();
    for n in 1..=4 {
        world
            .created(&payment(&format!("acme-shop-{n}"), 10000))
            .await;
    }
    control.reject(MSN, "acme-shop-1").await.unwrap();
    world.void("acme-shop-2", None).await.ok();
    control.decline(MSN, "acme-shop-4").unwrap();
    world.pass(11).await;
    for (n, state, events, cancelled) in [
        (1, "ABORTED", vec!["CREATED", "ABORTED"], 0),
        (2, "TERMINATED", vec!["CREATED", "TERMINATED"], 10000),
        (3, "EXPIRED", vec!["CREATED", "EXPIRED"], 0),
        (4, "EXPIRED", vec!["CREATED", "AUTHORIZED!", "EXPIRED"], 0),
    ] {
        let reference = format!("acme-shop-{n}");
        let shown = world.get(&reference).await.ok();
        assert_eq!(shown["state"], state);
        assert_eq!(shown.get("redirectUrl"), None);
        assert_eq!(world.names(&reference).await, events);
        assert_eq!(world.sums(&reference).await, [0, cancelled, 0, 0]);
        assert_eq!(world.payment(&reference).epayment_state, state);
    }
}

#[tokio::test]
async fn the_state_stays_authorized() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    world.void(REF, Some(&json!({}))).await.ok();
    assert_eq!(world.get(REF).await.ok()["state"], "AUTHORIZED");
    assert_eq!(world.sums(REF).await, [10000, 10000, 0, 0]);
    assert_eq!(
        world.names(REF).await,
        ["CREATED", "AUTHORIZED", "CANCELLED"]
    );
    assert_eq!(world.payment(REF).state, PaymentState::Voided);
}

#[tokio::test]
async fn only_what_is_open_is_cancelled_when_asked_so() {
    let world = World::start().await;
    let only = json!({"cancelTransactionOnly": true});
    world.authorized(&payment(REF, 10000)).await;
    assert_eq!(code(&world.void(REF, Some(&only)).await), "6060");
    assert_eq!(world.sums(REF).await, [10000, 0, 0, 0]);
    world
        .void(REF, Some(&json!({"cancelTransactionOnly": false})))
        .await
        .ok();
    world.created(&payment("acme-shop-2", 10000)).await;
    let gone = world.void("acme-shop-2", Some(&only)).await.ok();
    assert_eq!(gone["state"], "TERMINATED");
}

/// Denmark and Finland have their currency, their smallest amount and 14 days.
#[tokio::test]
async fn other_countries() {
    for (country, currency, late) in [
        (Country::Dk, "DKK", false),
        (Country::Fi, "EUR", false),
        (Country::Dk, "DKK", true),
    ] {
        let mut world = World::with(SalesUnit {
            late_capture: late,
            ..unit_in(country)
        })
        .await;
        for (reference, value) in [("acme-shop-1", 1), ("acme-shop-2", 5000)] {
            let mut order = payment(reference, value);
            order["amount"]["currency"] = currency.into();
            world.authorized(&order).await;
        }
        let captured = world.adjust("capture", REF, 1, "k0").await.ok();
        assert_eq!(
            captured["aggregate"]["capturedAmount"],
            json!({"currency": currency, "value": 1})
        );
        let days = if late { 180 } else { 14 };
        world.pass_days(days).await;
        world.adjust("capture", "acme-shop-2", 100, "k").await.ok();
        world.pass_days(1).await;
        let refused = world.adjust("capture", "acme-shop-2", 100, "k2").await;
        assert_eq!((refused.status, code(&refused)), (400, "6100".to_owned()));
        assert_eq!(code(&world.void("acme-shop-2", None).await), "6030");
        // What was left went back by itself.
        assert_eq!(world.sums("acme-shop-2").await, [5000, 4900, 100, 0]);
        assert_eq!(
            world.names("acme-shop-2").await.last().unwrap(),
            "CANCELLED"
        );
        // The captured part can be refunded still.
        world.adjust("refund", "acme-shop-2", 100, "k3").await.ok();
    }
}

#[tokio::test]
async fn a_long_living_payment() {
    let world = World::with(SalesUnit {
        long_living: true,
        ..SalesUnit::default()
    })
    .await;
    let mut order = payment(REF, 10000);
    order["expiresAt"] = "2026-03-21T11:00:00+01:00".into();
    order["receipt"] = receipt("NOK");
    world.created(&order).await;
    world.pass(20 * 24 * 60 - 1).await;
    let control = world.simulator.control();
    assert_eq!(
        control.open(MSN, REF).unwrap().ends.unwrap().to_string(),
        "2026-03-21T10:00:00Z"
    );
    world.pass(1).await;
    let view = world.payment(REF);
    assert_eq!(view.epayment_state, "EXPIRED");
    assert_eq!(view.receipt, Some(receipt("NOK")));
}

/// What is asked for by its scope is shown, and nothing else; and not before it is there.
#[tokio::test]
async fn the_customers_data() {
    let world = World::with(SalesUnit {
        profile_after: 3,
        ..SalesUnit::default()
    })
    .await;
    let mut order = payment(REF, 10000);
    order["profile"] = json!({"scope": "name birthDate  phoneNumber"});
    order["customer"] = json!({"phoneNumber": "4798765432"});
    order["metadata"] = json!({"cart": "17", "till": "3"});
    world.authorized(&order).await;
    let early = world.get(REF).await.ok();
    assert_eq!(early["profile"], json!({}));
    assert_eq!(early.get("userDetails"), None);
    assert_eq!(early["metadata"], order["metadata"]);
    world
        .simulator
        .control()
        .advance(std::time::Duration::from_secs(3))
        .await;
    let shown = world.get(REF).await.ok();
    assert_eq!(
        shown["userDetails"],
        json!({"firstName": "Ada", "lastName": "Lovelace", "mobileNumber": "4798765432", "dateOfBirth": "1988-12-3"})
    );
    assert_eq!(
        shown["profile"]["sub"],
        world.payment(REF).user.unwrap().sub
    );
    // Without a scope nothing is shared.
    world.authorized(&payment("acme-shop-2", 10000)).await;
    world.pass(1).await;
    let shown = world.get("acme-shop-2").await.ok();
    assert_eq!(shown["profile"], json!({}));
    assert_eq!(shown.get("userDetails"), None);
}

#[tokio::test]
async fn flows_without_a_landing_page() {
    let world = World::with(SalesUnit {
        push_message: true,
        ..SalesUnit::default()
    })
    .await;
    let mut push = payment(REF, 10000);
    push["userFlow"] = "PUSH_MESSAGE".into();
    push["customer"] = json!({"phoneNumber": "4791234567"});
    push.as_object_mut().unwrap().remove("returnUrl");
    assert_eq!(world.created(&push).await, json!({"reference": REF}));
    let acted = world
        .simulator
        .control()
        .approve(MSN, REF, Approval::default())
        .await
        .unwrap();
    assert_eq!(acted.redirect, None);
    let mut native = payment("acme-shop-2", 10000);
    native["userFlow"] = "NATIVE_REDIRECT".into();
    native["returnUrl"] = "acme://done".into();
    let url = world.created(&native).await["redirectUrl"].clone();
    assert!(
        url.as_str().unwrap().starts_with("vipps://?token="),
        "{url}"
    );
}

#[tokio::test]
async fn force_approve() {
    let world = World::start().await;
    let url = world.created(&payment(REF, 151)).await["redirectUrl"].clone();
    let token = url.as_str().unwrap().rsplit('=').next().unwrap();
    let done = world
        .force(
            REF,
            json!({"customer": {"phoneNumber": "4712345678"}, "token": token}),
        )
        .await;
    assert_eq!((done.status, done.body.len()), (200, 0));
    // The special amounts are the app's: 151 was approved.
    assert_eq!(world.get(REF).await.ok()["state"], "AUTHORIZED");
    assert_eq!(world.payment(REF).user.unwrap().mobile_number, "4712345678");
    world.adjust("capture", REF, 151, "k").await.ok();
    world.adjust("refund", REF, 123, "k").await.ok();
}

#[tokio::test]
async fn special_amounts() {
    let world = World::start().await;
    let control = world.simulator.control();
    for amount in [151, 182, 183, 184, 186, 187, 197, 202] {
        let reference = format!("acme-shop-{amount}");
        let acted = world.authorized(&payment(&reference, amount)).await;
        assert_eq!(acted.state, PaymentState::Opened, "{amount}");
        assert_eq!(acted.redirect, None);
        assert!(world.payment(&reference).user_sees.is_some());
        assert_eq!(world.get(&reference).await.ok()["state"], "CREATED");
        assert_eq!(world.names(&reference).await, ["CREATED", "AUTHORIZED!"]);
    }
    // Two are Norway's alone.
    let dane = World::with(unit_in(Country::Dk)).await;
    for amount in [197, 202] {
        let mut order = payment(&format!("acme-shop-{amount}"), amount);
        order["amount"]["currency"] = "DKK".into();
        assert_eq!(dane.authorized(&order).await.state, PaymentState::Reserved);
    }
    // For an hour nobody knows.
    let acted = world.authorized(&payment("acme-shop-201", 201)).await;
    assert_eq!(acted.state, PaymentState::Opened);
    assert!(control.reject(MSN, "acme-shop-201").await.is_err());
    assert_eq!(code(&world.void("acme-shop-201", None).await), "6250");
    world.pass(59).await;
    assert_eq!(world.get("acme-shop-201").await.ok()["state"], "CREATED");
    let early = world.adjust("capture", "acme-shop-201", 201, "k").await;
    assert_eq!(code(&early), "6160");
    world.pass(1).await;
    let mut world = world;
    world.token = world.new_token().await;
    assert_eq!(world.get("acme-shop-201").await.ok()["state"], "AUTHORIZED");
    // The same key, now that it is known.
    world
        .adjust("capture", "acme-shop-201", 201, "k")
        .await
        .ok();
}

#[tokio::test]
async fn too_young() {
    let world = World::start().await;
    let mut order = payment(REF, 10000);
    order["minimumUserAge"] = 37.into();
    world.authorized(&order).await;
    order["reference"] = "acme-shop-2".into();
    order["minimumUserAge"] = 38.into();
    world.created(&order).await;
    let control = world.simulator.control();
    let refused = control
        .approve(MSN, "acme-shop-2", Approval::default())
        .await;
    assert!(refused.is_err());
    assert_eq!(world.get("acme-shop-2").await.ok()["state"], "CREATED");
}

#[tokio::test]
async fn what_the_portal_does_is_in_the_log() {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    let control = world.simulator.control();
    control.portal_capture(MSN, REF, Some(4000)).unwrap();
    control.portal_refund(MSN, REF, Some(1000)).unwrap();
    control.portal_cancel(MSN, REF).unwrap();
    let too_late = control.portal_capture(MSN, REF, None).unwrap_err();
    assert!(too_late.to_string().contains("6070"), "{too_late}");
    assert_eq!(world.sums(REF).await, [10000, 6000, 4000, 1000]);
    let events = world.events(REF).await.ok();
    assert_eq!(events[2].get("idempotencyKey"), None);
    assert_eq!(
        world.names(REF).await,
        ["CREATED", "AUTHORIZED", "CAPTURED", "REFUNDED", "CANCELLED"]
    );
}

/// The controls over HTTP speak of both APIs' payments in one set of words.
#[tokio::test]
async fn the_words_of_the_controls() {
    let world = World::start().await;
    let unit = json!({
        "msn": "654321", "name": "Other shop", "country": "DK", "currencies": ["DKK", "EUR"], "express": false,
        "longLiving": true, "partialCapture": false, "creditCard": false, "lateCapture": true,
        "pushMessage": true, "profileAfter": 3, "camelCaseAddress": true,
    });
    world.control("POST", "units", unit).await.ok();
    world.authorized(&payment(REF, 10000)).await;
    world.adjust("capture", REF, 4000, "k").await.ok();
    world.reserved("ecom-1", 10000).await;
    let shown = async |id: &str| {
        let path = format!("payments/{MSN}/{id}");
        world.control("GET", &path, json!(null)).await.ok()
    };
    let ours = shown(REF).await;
    for (name, value) in [
        ("api", json!("epayment")),
        ("state", json!("reserved")),
        ("epaymentState", json!("AUTHORIZED")),
        ("currency", json!("NOK")),
        ("country", json!("NO")),
        ("orderId", json!(REF)),
        ("transactionText", json!("Two pairs of socks")),
        ("authorised", json!(10000)),
        ("captured", json!(4000)),
        ("remainingToCapture", json!(6000)),
        ("guaranteedUntil", json!("2026-03-08T10:00:00Z")),
        ("callbacks", json!([])),
    ] {
        assert_eq!(ours[name], value, "{name}");
    }
    let history = ours["history"].as_array().unwrap();
    let words: Vec<_> = history
        .iter()
        .map(|e| {
            (
                e["operation"].clone(),
                e["event"].clone(),
                e["requestId"].clone(),
            )
        })
        .collect();
    let words_of =
        |operation: &str, event: &str, key: &str| (json!(operation), json!(event), json!(key));
    assert_eq!(
        words,
        [
            words_of("INITIATE", "CREATED", "create-acme-shop-1"),
            words_of("RESERVE", "AUTHORIZED", ""),
            words_of("CAPTURE", "CAPTURED", "k"),
        ]
    );
    let theirs = shown("ecom-1").await;
    assert_eq!(
        (&theirs["api"], &theirs["epaymentState"]),
        (&json!("ecom"), &json!("AUTHORIZED"))
    );
}

/// Newer units have longer numbers than eCom takes.
#[tokio::test]
async fn a_unit_with_a_long_number() {
    let world = World::start().await;
    let unit = SalesUnit {
        msn: "1234567".to_owned(),
        ..SalesUnit::default()
    };
    let control = world.simulator.control();
    control.add_unit(unit).unwrap();
    let mut request = world.epayment("POST", "payments", Some(&payment(REF, 10000)), Some("k"));
    let headers = request.headers_mut();
    headers.insert("Merchant-Serial-Number", "1234567".parse().unwrap());
    assert_eq!(world.send(request).await.status, 201);
    assert!(control.payment("1234567", REF).is_ok());
    // The other unit's reference is its own.
    world.created(&payment(REF, 10000)).await;
}
