//! The controls over HTTP.

use serde_json::{Value, json};

use crate::support::{AUTH_TOKEN, CLIENT_SECRET, KEY, MSN, World, express, regular};

#[tokio::test]
async fn a_payment_by_http_alone() {
    let world = World::start().await;
    assert_eq!(
        world.control("GET", "health", Value::Null).await.ok()["status"],
        "ok"
    );
    world.initiate(&express("acme-1", 10000)).await.ok();
    let at = |what: &str| format!("payments/{MSN}/acme-1{what}");
    assert_eq!(
        world.control("POST", &at("/open"), Value::Null).await.ok()["state"],
        "opened"
    );
    let address =
        json!({"address": {"addressLine1": "Storgata 1", "postCode": "9008", "city": "Tromsø"}});
    let quote = world.control("POST", &at("/shipping"), address).await.ok();
    assert_eq!(quote["userSees"], Value::Null);
    assert_eq!(quote["options"][0]["shippingMethodId"], "mailbox");
    let acted = world
        .control(
            "POST",
            &at("/approve"),
            json!({"shippingMethodId": "parcel"}),
        )
        .await
        .ok();
    assert_eq!(acted["state"], "reserved");
    assert_eq!(
        acted["callback"],
        json!({"told": "RESERVE", "sent": true, "status": 200, "error": null})
    );
    assert_eq!(
        acted["redirect"],
        "https://shop.example/order/acme-1?from=vipps"
    );
    world
        .control("POST", &at("/portal/capture"), json!({"amount": 5000}))
        .await
        .ok();
    world
        .control("POST", &at("/portal/refund"), json!({"amount": 1000}))
        .await
        .ok();
    world
        .control("POST", &at("/portal/cancel"), Value::Null)
        .await
        .ok();
    let payment = world.control("GET", &at(""), Value::Null).await.ok();
    for (name, ore) in [
        ("authorised", 17990),
        ("captured", 5000),
        ("refunded", 1000),
        ("released", 12990),
        ("remainingToCapture", 0),
    ] {
        assert_eq!(payment[name], ore, "{name}");
    }
    assert_eq!(payment["address"]["postCode"], "9008");
    let user = payment["user"]["userId"].as_str().unwrap();
    let encoded = percent_encoding::utf8_percent_encode(user, percent_encoding::NON_ALPHANUMERIC);
    let removed = world
        .control("POST", &format!("consents/{encoded}/remove"), Value::Null)
        .await
        .ok();
    assert_eq!(removed[0]["status"], 200);
    assert_eq!(
        world
            .control("GET", "payments", Value::Null)
            .await
            .ok()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn the_clock_the_faults_and_the_units() {
    let world = World::start().await;
    assert_eq!(
        world.control("GET", "clock", Value::Null).await.ok()["now"],
        "2026-03-01T10:00:00Z"
    );
    let moved = world
        .control("POST", "clock", json!({"advanceSeconds": 61}))
        .await
        .ok();
    assert_eq!(moved["now"], "2026-03-01T10:01:01Z");
    let faults = [
        json!({"on": "capture", "orderId": "acme-1", "kind": "status", "status": 503, "retryAfter": 3, "times": 2}),
        json!({"on": "any", "kind": "lost_after_done", "times": 1}),
        json!({"on": "details", "kind": "unknown_status", "value": "HOVERING", "times": 1}),
        json!({"on": "callback", "kind": "callback_forged", "status": "SALE", "token": "x", "times": 1}),
        json!({"on": "token", "kind": "azure_401", "times": 1}),
    ];
    for fault in &faults {
        world.control("POST", "faults", fault.clone()).await.ok();
    }
    assert_eq!(
        world.control("GET", "faults", Value::Null).await.ok(),
        json!(faults)
    );
    world.control("DELETE", "faults", Value::Null).await.ok();
    assert_eq!(
        world.control("GET", "faults", Value::Null).await.ok(),
        json!([])
    );
    let unit = json!({"msn": "65432", "clientId": "other", "clientSecret": "s", "subscriptionKey": "k", "directCapture": true});
    world.control("POST", "units", unit.clone()).await.ok();
    assert_eq!(world.control("POST", "units", unit).await.status, 409);
}

#[tokio::test]
async fn what_cannot_be_done_says_why() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    world.initiate(&express("acme-2", 10000)).await.ok();
    let cases = [
        (
            "GET",
            "payments/123456/nobody",
            Value::Null,
            404,
            "there is no payment nobody",
        ),
        (
            "POST",
            "payments/123456/acme-1/shipping",
            Value::Null,
            409,
            "not an express payment",
        ),
        (
            "POST",
            "payments/123456/acme-1/portal/capture",
            Value::Null,
            409,
            "Payment/62",
        ),
        (
            "POST",
            "payments/123456/acme-1/fly",
            Value::Null,
            404,
            "no control",
        ),
        (
            "POST",
            "payments/123456/acme-2/shipping",
            json!({"address": {"addressLine1": "Vei 1", "postCode": "123", "city": "Oslo"}}),
            400,
            "four digits",
        ),
        ("POST", "clock", json!({"advanceSeconds": -1}), 400, "body"),
        ("POST", "clock", json!({"seconds": 1}), 400, "seconds"),
        (
            "POST",
            "faults",
            json!({"on": "capture", "kind": "nonsense"}),
            400,
            "nonsense",
        ),
        (
            "POST",
            "faults",
            json!({"on": "capture", "kind": "callback_lost"}),
            400,
            "does not exist for this call",
        ),
        ("POST", "units", json!({"msn": "12"}), 400, "5 or 6 digits"),
        ("GET", "exchanges?colour=red", Value::Null, 400, "colour"),
    ];
    for (method, path, body, status, why) in cases {
        let answer = world.control(method, path, body).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(why), "{path}: {error}");
    }
    // A page in the developer's browser cannot steer it.
    let request =
        http::Request::post("/__simulator/clock").header("Origin", "https://evil.example");
    let answer = world
        .send(
            request
                .body(json!({"advanceSeconds": 1}).to_string())
                .unwrap(),
        )
        .await;
    assert_eq!(answer.status, 403);
}

#[tokio::test]
async fn forged_callbacks_change_nothing_here() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    let path = format!("payments/{MSN}/acme-1/forge-callback");
    let forged = json!({"status": "RESERVED", "amount": 1, "msn": "999999", "token": "wrong"});
    let answer = world.control("POST", &path, forged).await.ok();
    assert_eq!(answer["status"], 200);
    let call = world.shop.only_call();
    assert_ne!(call.header("authorization"), Some(AUTH_TOKEN));
    let body = call.json();
    assert_eq!(
        (
            &body["transactionInfo"]["amount"],
            &body["merchantSerialNumber"]
        ),
        (&json!(1), &json!("999999"))
    );
    assert_eq!(world.payment("acme-1").authorised, 0);
    for (token, header) in [
        ("right", Some(AUTH_TOKEN)),
        ("none", None),
        ("text", Some("text")),
    ] {
        world
            .control("POST", &path, json!({"token": token, "body": "{"}))
            .await
            .ok();
        let call = world.shop.only_call();
        assert_eq!(call.header("authorization"), header);
        assert_eq!(&call.body[..], b"{");
    }
}

#[tokio::test]
async fn a_forged_callback_may_come_near_to_the_true_one() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    let path = format!("payments/{MSN}/acme-1/forge-callback");
    let longer = format!("{AUTH_TOKEN}0");
    let shouted = AUTH_TOKEN.to_ascii_uppercase();
    for (token, header) in [
        ("half", &AUTH_TOKEN[..16]),
        ("longer", &longer),
        ("other_case", &shouted),
    ] {
        world
            .control("POST", &path, json!({ "token": token }))
            .await
            .ok();
        let call = world.shop.only_call();
        assert_eq!(call.header("authorization"), Some(header));
    }
    let proxied = json!({
        "bodyBytes": [255, 0],
        "headers": { "host": "10.0.0.7:8080", "x-forwarded-host": "shop.example" },
    });
    world.control("POST", &path, proxied).await.ok();
    let call = world.shop.only_call();
    assert_eq!(&call.body[..], [255, 0]);
    assert_eq!(call.header("host"), Some("10.0.0.7:8080"));
    assert_eq!(call.header("x-forwarded-host"), Some("shop.example"));
    assert_eq!(call.header("authorization"), Some(AUTH_TOKEN));
    let broken = json!({ "headers": { "x-y": "a\nb" } });
    let answer = world.control("POST", &path, broken).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn exchanges_are_recorded_without_secrets() {
    let world = World::start().await;
    world.initiate(&express("acme-1", 10000)).await.ok();
    world
        .control(
            "POST",
            &format!("payments/{MSN}/acme-1/approve"),
            Value::Null,
        )
        .await
        .ok();
    world.details("acme-1").await.ok();
    let all = world.control("GET", "exchanges", Value::Null).await;
    for secret in [KEY, CLIENT_SECRET, AUTH_TOKEN, world.token.as_str()] {
        assert!(!all.text().contains(secret), "a secret is shown");
    }
    let seen = |list: &Value| -> Vec<String> {
        let line = |e: &Value| {
            format!(
                "{} {} {}",
                e["direction"].as_str().unwrap(),
                e["method"].as_str().unwrap(),
                e["url"].as_str().unwrap()
            )
        };
        list.as_array().unwrap().iter().map(line).collect()
    };
    assert_eq!(
        seen(&all.ok()),
        [
            "in POST /accesstoken/get",
            "in POST /ecomm/v2/payments",
            "out POST https://shop.example/vipps/v2/payments/acme-1/shippingDetails",
            "out POST https://shop.example/vipps/v2/payments/acme-1",
            "in GET /ecomm/v2/payments/acme-1/details",
        ]
    );
    let out = world
        .control("GET", "exchanges?orderId=acme-1&direction=out", Value::Null)
        .await
        .ok();
    assert_eq!(seen(&out).len(), 2);
    assert_eq!(out[0]["status"], 200);
    assert!(
        out[0]["headers"]
            .as_array()
            .unwrap()
            .contains(&json!(["authorization", "***"]))
    );
    assert!(
        out[0]["request"]
            .as_str()
            .unwrap()
            .contains("\"addressId\":100")
    );
}

#[tokio::test]
async fn a_start_that_cannot_be_says_why() {
    use kasse_simulator::{Options, Resolve, SalesUnit, Simulator};
    let twice = Options {
        units: vec![SalesUnit::default(), SalesUnit::default()],
        ..Options::default()
    };
    assert!(
        Simulator::start(twice)
            .await
            .unwrap_err()
            .to_string()
            .contains("123456 is there twice")
    );
    let wrong = SalesUnit {
        msn: "12a45".to_owned(),
        ..SalesUnit::default()
    };
    let wrong = Options {
        units: vec![wrong],
        ..Options::default()
    };
    assert!(
        Simulator::start(wrong)
            .await
            .unwrap_err()
            .to_string()
            .contains("5 or 6 digits")
    );
    let world = World::start().await;
    let taken = Options {
        listen: world.simulator.address().unwrap(),
        ..Options::default()
    };
    assert!(
        Simulator::start(taken)
            .await
            .unwrap_err()
            .to_string()
            .contains("port 0")
    );

    assert_eq!(
        "Shop.Example=127.0.0.1:80".parse::<Resolve>().unwrap().host,
        "shop.example"
    );
    for text in [
        "",
        "shop.example",
        "=127.0.0.1:80",
        "shop.example=localhost:80",
        "https://x=127.0.0.1:80",
    ] {
        let error = text.parse::<Resolve>().unwrap_err().to_string();
        assert!(error.contains("shop.example=127.0.0.1:8080"), "{error}");
    }
    let debug = format!("{:?}", SalesUnit::default());
    assert!(
        !debug.contains(CLIENT_SECRET) && !debug.contains(KEY),
        "{debug}"
    );
}

#[tokio::test]
async fn the_last_moment_of_the_clock_breaks_nothing() {
    let world = World::start().await;
    world.initiate(&regular("acme-1", 10000)).await.ok();
    world
        .control("POST", "clock", json!({"advanceSeconds": u64::MAX}))
        .await
        .ok();
    assert_eq!(world.shop.only_call().status(), "REJECTED");
    assert_eq!(world.details("acme-1").await.status, 401);
}

#[test]
fn controls_work_outside_of_the_runtime() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::start());
    runtime.block_on(async { world.initiate(&regular("acme-1", 10000)).await.ok() });
    assert_eq!(world.payment("acme-1").order_id, "acme-1");
    assert_eq!(world.simulator.control().payments().len(), 1);
    let debug = format!("{:?}", world.simulator);
    assert!(!debug.contains(&world.token), "{debug}");
}

#[tokio::test]
async fn it_ends_when_it_is_stopped() {
    let world = World::start().await;
    let address = world.simulator.address().unwrap();
    world.simulator.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
