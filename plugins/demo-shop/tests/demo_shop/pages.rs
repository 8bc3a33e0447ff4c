//! The pages: what a browser gets, and what it may send.

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::{ErrorKind, EventKind, Express, Verb};
use serde_json::json;

use crate::stage::{Stage, authorised, happen, location, payment, personal, post_form, post_json};

/// A browser with its cookie.
struct Browser<'a> {
    stage: &'a Stage,
    cookie: String,
}

impl<'a> Browser<'a> {
    async fn with(stage: &'a Stage, form: &str) -> Self {
        let added = stage.send(post_form("/cart/add", form)).await;
        assert_eq!(location(&added), "/engine/demo/cart");
        let cookie = added.headers()["set-cookie"].to_str().unwrap();
        assert!(
            cookie.ends_with("; Path=/engine/demo/; HttpOnly; SameSite=Lax"),
            "{cookie}"
        );
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { stage, cookie }
    }

    fn post(&self, path: &str, form: &str) -> Request<Bytes> {
        let mut request = post_form(path, form);
        request
            .headers_mut()
            .insert("cookie", self.cookie.parse().unwrap());
        request
    }

    async fn cart(&self) -> String {
        let request = Request::get("/cart")
            .header("cookie", &self.cookie)
            .body(Bytes::new())
            .unwrap();
        String::from_utf8(self.stage.send(request).await.body().to_vec()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_cart_is_filled_changed_and_paid() {
    let stage = Stage::new();
    let browser = Browser::with(&stage, "sku=jumper").await;
    for form in ["sku=mug&quantity=2", "sku=coffee"] {
        let response = stage.send(browser.post("/cart/add", form)).await;
        assert!(response.headers().get("set-cookie").is_none());
    }
    stage
        .send(browser.post("/cart/quantity", "sku=mug&quantity=1"))
        .await;
    let page = browser.cart().await;
    assert!(
        page.contains("1 328.90 kr") && page.contains("215.80 kr"),
        "{page}"
    );
    stage
        .send(browser.post("/cart/coupon", "coupon=KASSE10"))
        .await;
    assert!(browser.cart().await.contains("1 196.01 kr"));
    stage.send(browser.post("/cart/coupon", "coupon=")).await;

    let ask = stage.read(browser.post("/cart/pay", "")).await.unwrap();
    let Verb::Initiate(order) = &ask.verb else {
        panic!("{ask:?}")
    };
    assert_eq!((order.amount.minor, order.express), (132_890, None));
    // A second click is the same order, and the cart is as it was.
    let again = stage.read(browser.post("/cart/pay", "")).await.unwrap();
    assert_eq!(again.at, ask.at);
    assert!(browser.cart().await.contains("1 328.90 kr"));
    // Another way to pay is another order.
    for (path, express) in [
        ("/cart/express", Express::Dynamic),
        ("/cart/express-static", Express::Static),
    ] {
        let ask = stage.read(browser.post(path, "")).await.unwrap();
        let Verb::Initiate(order) = &ask.verb else {
            panic!("{ask:?}")
        };
        assert_eq!(order.express, Some(express));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cart_is_emptied_when_its_order_is_reserved_and_not_before() {
    let stage = Stage::new();
    let browser = Browser::with(&stage, "sku=jumper").await;
    let ask = stage.read(browser.post("/cart/pay", "")).await.unwrap();
    let mut payment = payment(ask.at.order.as_str(), 1);
    for what in [EventKind::Initiated, EventKind::Rejected] {
        let event = happen(&mut payment, what);
        stage.record(&payment, &event).await.unwrap();
    }
    assert!(browser.cart().await.contains("899.00 kr"));
    let event = happen(&mut payment, authorised(89_900));
    stage.record(&payment, &event).await.unwrap();
    assert!(browser.cart().await.contains("It is empty"));
}

#[tokio::test(start_paused = true)]
async fn a_cart_that_was_changed_meanwhile_is_kept() {
    let stage = Stage::new();
    let browser = Browser::with(&stage, "sku=jumper").await;
    let ask = stage.read(browser.post("/cart/pay", "")).await.unwrap();
    stage.send(browser.post("/cart/add", "sku=hat")).await;
    let mut payment = payment(ask.at.order.as_str(), 1);
    let event = happen(&mut payment, authorised(89_900));
    stage.record(&payment, &event).await.unwrap();
    assert!(browser.cart().await.contains("Wool hat"));
}

#[tokio::test(start_paused = true)]
async fn a_foreign_cookie_is_not_taken_over() {
    let stage = Stage::new();
    let request = Request::post("/cart/add")
        .header("cookie", "cart=chosen-by-somebody")
        .body(Bytes::from_static(b"sku=hat"))
        .unwrap();
    let cookie = stage.send(request).await.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(!cookie.contains("chosen-by-somebody"));
}

#[tokio::test(start_paused = true)]
async fn the_cart_that_was_unused_the_longest_makes_room() {
    let stage = Stage::new();
    let old = Browser::with(&stage, "sku=jumper").await;
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    let next = Browser::with(&stage, "sku=jumper").await;
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    stage.send(old.post("/cart/add", "sku=mug")).await;
    for _ in 0..499 {
        Browser::with(&stage, "sku=hat").await;
    }
    assert!(old.cart().await.contains("Wool jumper"));
    assert!(next.cart().await.contains("It is empty"));
}

#[tokio::test(start_paused = true)]
async fn an_orders_page_needs_its_key() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let shown = stage.show(&number).await;
    let url = shown["url"].as_str().unwrap();
    let path = url
        .strip_prefix("http://127.0.0.1:8080/engine/demo")
        .unwrap();
    let (status, page) = stage.get(path).await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("Pay with Vipps") && page.contains("1 328.90 kr"));
    let key = shown["key"].as_str().unwrap();
    let mut pages = Vec::new();
    for path in [
        format!("/orders/{number}/{}", key.replace('1', "2")),
        format!("/orders/{number}/"),
        format!("/orders/1002/{key}"),
    ] {
        let (status, page) = stage.get(&path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        pages.push(page);
    }
    assert!(
        pages.iter().all(|page| *page == pages[0]),
        "a wrong key tells nothing of the number"
    );
    let ask = stage
        .read(post_form(&format!("{path}/pay"), ""))
        .await
        .unwrap();
    assert!(matches!(ask.verb, Verb::Initiate(_)));
}

#[tokio::test(start_paused = true)]
async fn everything_written_is_escaped() {
    let stage = Stage::with(json!({ "storefront": "<i>Shop</i>" }), None).unwrap();
    let number =
        stage.place(json!({ "items": [{ "sku": "mug", "quantity": 1 }], "express": "dynamic" }));
    let number = number.await;
    let mut payment = payment(&number, 1);
    payment.express = true;
    payment.personal = Some(personal());
    payment.delivery = Some(kasse_core::Delivered {
        wire_id: "x".into(),
        title: "<script>alert(1)</script>".into(),
        cost: kasse_core::Money::nok(0),
        option: None,
    });
    let event = happen(&mut payment, authorised(18_000));
    stage.record(&payment, &event).await.unwrap();
    let unknown = happen(
        &mut payment,
        EventKind::Unknown {
            operation: "<img src=x>".into(),
        },
    );
    stage.record(&payment, &unknown).await.unwrap();

    let url = stage.show(&number).await["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = url
        .strip_prefix("https://kasse.example/engine/demo")
        .unwrap()
        .to_owned();
    for path in [
        path,
        format!("/merchant/{number}"),
        "/merchant".into(),
        "/".into(),
    ] {
        let (_, page) = stage.get(&path).await;
        for raw in ["<script", "<img", "<b>", "<i>"] {
            assert!(!page.contains(raw), "{path}: {raw}");
        }
        assert!(page.contains("&lt;i&gt;Shop"), "{path}");
    }
    let page = stage.get(&format!("/merchant/{number}")).await.1;
    assert!(page.contains("&lt;b&gt;Lovelace") && page.contains("&lt;img src=x&gt;"));
}

#[tokio::test(start_paused = true)]
async fn pages_let_nothing_foreign_in() {
    let stage = Stage::new();
    let response = stage
        .send(Request::get("/").body(Bytes::new()).unwrap())
        .await;
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    // The form's answer sends the customer to Vipps: this would stop them.
    assert!(!policy.contains("form-action"));
    let page = String::from_utf8_lossy(response.body());
    for foreign in ["<script", "src=", "http://", "https://", "style="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_form_of_a_foreign_page_is_refused() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let capture = |origin: &str| {
        Request::post(format!("/merchant/{number}/capture"))
            .header("host", "127.0.0.1:8080")
            .header("origin", origin)
            .body(Bytes::from_static(b"amount="))
            .unwrap()
    };
    for own in ["http://127.0.0.1:8080", "https://kasse.example"] {
        assert!(stage.read(capture(own)).await.is_ok(), "{own}");
    }
    for foreign in [
        "http://evil.example",
        "http://127.0.0.1:9999",
        "null",
        "127.0.0.1:8080",
        "",
    ] {
        let refusal = stage.read(capture(foreign)).await.unwrap_err();
        assert_eq!(
            refusal.response.status(),
            StatusCode::FORBIDDEN,
            "{foreign}"
        );
        assert!(refusal.why.contains("another site"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_merchants_forms_become_asks() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let ask =
        |verb: &str, form: &str| stage.read(post_form(&format!("/merchant/{number}/{verb}"), form));
    let part = ask("capture", "amount=79.90&key=click-1").await.unwrap();
    assert_eq!(part.key.as_ref().unwrap().as_str(), "click-1");
    assert!(
        matches!(part.verb, Verb::Capture(part) if part.amount == Some(kasse_core::Money::nok(7990)))
    );
    let rest = ask("refund", "amount=+&key=click-2").await.unwrap();
    assert!(matches!(rest.verb, Verb::Refund(part) if part.amount.is_none()));
    // Nothing is not all: the flow refuses it.
    let nothing = ask("refund", "amount=0").await.unwrap();
    assert!(matches!(nothing.verb, Verb::Refund(part) if part.amount.is_some_and(|a| a.is_zero())));
    assert!(matches!(
        ask("cancel", "").await.unwrap().verb,
        Verb::Cancel
    ));
    for amount in ["79,90", "-1", "79.905", "1e3", "NaN", "1 249.00"] {
        let refusal = ask("capture", &format!("amount={amount}"))
            .await
            .unwrap_err();
        assert_eq!(
            refusal.response.status(),
            StatusCode::BAD_REQUEST,
            "{amount}"
        );
    }
    assert_eq!(
        ask("sell", "").await.unwrap_err().response.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test(start_paused = true)]
async fn each_form_of_the_merchant_has_a_key_of_its_own() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let mut payment = payment(&number, 1);
    let event = happen(&mut payment, authorised(132_890));
    stage.record(&payment, &event).await.unwrap();
    let keys = |page: &str| -> Vec<String> {
        page.split("name=\"key\" value=\"")
            .skip(1)
            .map(|rest| rest[..32].to_owned())
            .collect()
    };
    let path = format!("/merchant/{number}");
    let mut all = [
        keys(&stage.get(&path).await.1),
        keys(&stage.get(&path).await.1),
    ]
    .concat();
    assert_eq!(all.len(), 6);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn hostile_requests_change_nothing() {
    let stage = Stage::new();
    let number = stage.place_usual().await;
    let before = stage.show(&number).await;
    let long = format!("coupon={}", "x".repeat(70_000));
    let deep = format!("/{}", "a/".repeat(2000));
    for (request, status) in [
        (
            post_form("/cart/coupon", &long),
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (post_form("/cart/add", "sku=%FF"), StatusCode::BAD_REQUEST),
        (
            post_form("/cart/add", "quantity=1"),
            StatusCode::BAD_REQUEST,
        ),
        (
            post_form("/cart/add", "sku=mug&quantity=-1"),
            StatusCode::BAD_REQUEST,
        ),
        (
            post_form("/cart/add", "sku=mug&quantity=4294967297"),
            StatusCode::BAD_REQUEST,
        ),
        (
            post_form("/cart/add", "sku=mug&quantity=100"),
            StatusCode::BAD_REQUEST,
        ),
        (
            post_form("/cart/coupon", "coupon=FREE"),
            StatusCode::BAD_REQUEST,
        ),
        (post_form("/cart/pay", ""), StatusCode::BAD_REQUEST),
        (
            post_form("/api/orders", "not json"),
            StatusCode::BAD_REQUEST,
        ),
        (
            post_form("/api/orders/1001/capture", "{"),
            StatusCode::BAD_REQUEST,
        ),
        (
            post_json("/api/orders/1001/capture", &json!({ "amount": 79.9 })),
            StatusCode::BAD_REQUEST,
        ),
        (
            post_json("/api/orders/9/capture", &json!({})),
            StatusCode::NOT_FOUND,
        ),
        (
            post_json("/api/stock", &json!({ "sku": "boat", "stock": 1 })),
            StatusCode::NOT_FOUND,
        ),
        (post_form(&deep, ""), StatusCode::NOT_FOUND),
        (
            Request::delete("/cart").body(Bytes::new()).unwrap(),
            StatusCode::NOT_FOUND,
        ),
        (
            Request::get("/cart/pay").body(Bytes::new()).unwrap(),
            StatusCode::NOT_FOUND,
        ),
    ] {
        let named = format!("{} {}", request.method(), request.uri().path());
        let refusal = stage
            .read(request)
            .await
            .err()
            .unwrap_or_else(|| panic!("{named} was taken"));
        assert_eq!(refusal.response.status(), status, "{named}");
        assert!(!refusal.why.is_empty());
    }
    assert_eq!(stage.show(&number).await, before);
    assert_eq!(
        stage
            .get("/api/orders")
            .await
            .1
            .matches("\"number\"")
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_value_in_malformed_json_is_not_logged() {
    let stage = Stage::new();
    let body = json!({ "items": "Ada Lovelace, 12345678" });
    let refusal = stage
        .read(post_json("/api/orders", &body))
        .await
        .unwrap_err();
    assert!(!refusal.why.contains("Ada"), "{}", refusal.why);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_with_a_mistake_is_refused_naming_the_field() {
    for (config, word) in [
        (json!({ "store_front": "x" }), "store_front"),
        (json!({ "storefront": "" }), "storefront"),
        (json!({ "storefront": "x".repeat(61) }), "storefront"),
        (json!({ "site_url": "ftp://127.0.0.1" }), "site_url"),
    ] {
        let error = Stage::with(config, None).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.why.contains(word), "{error}");
    }
}
