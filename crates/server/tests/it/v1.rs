//! The JSON API for shop software: who is let in, what is answered, what is refused.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use kasse_core::journal::{Batch, Journal, MemoryJournal, Write};
use kasse_core::{
    Currency, Error, ErrorKind, EventId, EventKind, Money, OrderRef, Payment, PaymentEvent,
    PaymentId, PaymentState, Personal, Sums, Who,
};
use kasse_server::Service;
use kasse_server::config::{ApiKey, Shop};
use kasse_server::v1::{NewKey, new_key};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::bench::{self, Folder, send};
use crate::contract::Contract;

struct Stage {
    service: Service,
    contract: Contract,
    fjord: NewKey,
    berg: NewKey,
    // Goes last.
    _folder: Folder,
}

fn payment(shop: &str, reference: &str, state: PaymentState) -> Payment {
    let amount = Money::nok(100_000);
    Payment {
        id: PaymentId {
            account: "main".parse().unwrap(),
            reference: reference.parse().unwrap(),
        },
        order: OrderRef::new(shop.parse().unwrap(), "1001".parse().unwrap()),
        begun_for: None,
        attempt: 1,
        api: kasse_core::ApiKind::Ecom,
        msn: "123456".parse().unwrap(),
        amount,
        express: false,
        cart: "cart".into(),
        key_id: "a".into(),
        state,
        sums: Sums {
            authorised: amount,
            ..Sums::none(Currency::Nok)
        },
        redirect: Some("https://pay.example/s3cret".parse().unwrap()),
        return_to: "https://shop.example/orders/1001/s3cret".parse().unwrap(),
        delivery: None,
        forgotten: false,
        created: "2026-03-01T10:00:00Z".parse().unwrap(),
        authorised_at: Some("2026-03-01T10:00:10Z".parse().unwrap()),
        expires: None,
        capture_by: None,
        guaranteed_until: None,
        next_look: None,
        events: 0,
        // The wire's first two operations: the reservation is known.
        seen: vec!["1".into(), "2".into()],
        notes: Vec::new(),
        personal: None,
    }
}

fn event(of: &Payment, number: u64, what: EventKind) -> Write {
    Write::Event(Box::new(PaymentEvent {
        id: EventId::new(format!("{}/{number}", of.id)).unwrap(),
        payment: of.id.clone(),
        number,
        at: "2026-03-01T10:00:10Z".parse().unwrap(),
        what,
        sums: of.sums,
    }))
}

/// The shop fjord with two payments, and berg with one.
async fn start() -> Stage {
    let journal = Arc::new(MemoryJournal::new());
    let odd = PaymentState::Unknown("SOMETHING".into());
    let mut payments = [
        payment("fjord", "fjord-1001", PaymentState::Authorised),
        payment("fjord", "fjord-0002", odd),
        payment("berg", "berg-1001", PaymentState::Authorised),
    ];
    let mut batch = Batch::default();
    for (payment, events) in payments.iter_mut().zip([2, 2, 1]) {
        payment.events = events;
        batch.push(Write::Insert(Box::new(payment.clone())));
    }
    let kari = Personal {
        first_name: Some("Kari".into()),
        user_id: Some("u-1".into()),
        ..Personal::default()
    };
    batch.push(Write::Personal(payments[0].id.clone(), kari));
    let error = Error::new(
        ErrorKind::WrongState,
        Who::Merchant,
        "No",
        "a test.",
        "Wait.",
    )
    .for_customer(kasse_core::Text::new("Sorry.", "Beklager."));
    let amount = Money::nok(100_000);
    for (of, number, what) in [
        (&payments[0], 1, EventKind::Initiated),
        (&payments[2], 1, EventKind::Initiated),
        (&payments[0], 2, EventKind::Authorised { amount }),
        (&payments[1], 1, EventKind::Failed { error }),
        (
            &payments[1],
            2,
            EventKind::Unknown {
                operation: "SOMETHING".into(),
            },
        ),
    ] {
        batch.push(event(of, number, what));
    }
    journal.write(batch).await.unwrap();
    start_with(journal).await
}

async fn start_with(journal: Arc<dyn Journal>) -> Stage {
    let folder = Folder::new();
    let (fjord, berg) = (new_key().unwrap(), new_key().unwrap());
    let mut config = bench::config(folder.path());
    config.shops[0].api_keys = vec![hashed(&fjord)];
    config.shops.push(Shop {
        id: "berg".parse().unwrap(),
        reference_prefix: "berg".to_owned().try_into().unwrap(),
        api_keys: vec![hashed(&berg)],
        ..config.shops[0].clone()
    });
    Stage {
        service: bench::start_as(config, journal).await,
        contract: Contract::new(),
        fjord,
        berg,
        _folder: folder,
    }
}

fn hashed(key: &NewKey) -> ApiKey {
    let mut sha256 = [0; 32];
    for (at, byte) in sha256.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&key.sha256[2 * at..2 * at + 2], 16).unwrap();
    }
    ApiKey {
        id: "webshop".into(),
        sha256,
    }
}

impl Stage {
    /// One request, with these headers; its answer is held to the document.
    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Response<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.service.addr()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Bytes::copy_from_slice(body.as_bytes());
        let answer = send(request.body(body).unwrap()).await;
        let status = answer.status().as_u16();
        self.contract
            .check(method, path, status, answer.headers(), answer.body());
        assert_eq!(answer.headers().get("server"), None);
        answer
    }

    async fn ask(&self, method: &str, path: &str, key: &NewKey, body: &str) -> (u16, Value) {
        self.act(method, path, key, "k-1", body).await
    }

    /// The same with an `Idempotency-Key`.
    async fn act(
        &self,
        method: &str,
        path: &str,
        key: &NewKey,
        idempotency: &str,
        body: &str,
    ) -> (u16, Value) {
        let bearer = format!("Bearer {}", key.key.expose_secret());
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", idempotency),
        ];
        let answer = self.send(method, path, &headers, body).await;
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let value = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), value)
    }

    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.ask("GET", path, &self.fjord, "").await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }
}

const ALL: &[(&str, &str)] = &[
    ("GET", "/v1/payments"),
    ("POST", "/v1/payments"),
    ("GET", "/v1/payments/fjord-1001"),
    ("GET", "/v1/payments/fjord-1001/customer"),
    ("POST", "/v1/payments/fjord-1001/capture"),
    ("POST", "/v1/payments/fjord-1001/refund"),
    ("POST", "/v1/payments/fjord-1001/cancel"),
    ("POST", "/v1/quotes"),
    ("GET", "/v1/events"),
];

#[tokio::test]
async fn nobody_is_let_in_without_a_key() {
    let stage = start().await;
    let good = stage.fjord.key.expose_secret();
    let shown = [
        String::new(),
        "Bearer ".into(),
        format!("Bearer {}", stage.fjord.sha256),
        format!("Bearer {good}0"),
        format!("Bearer{good}"),
        format!("Basic {good}"),
    ];
    for ((method, path), shown) in ALL.iter().zip(shown.iter().cycle()) {
        let headers = [
            ("authorization", shown.as_str()),
            ("idempotency-key", "k-1"),
        ];
        let answer = stage.send(method, path, &headers, "{}").await;
        assert_eq!(answer.status(), 401, "{method} {path} {shown}");
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
    }
    // What is not there is no other answer.
    for path in ["/v1/nothing", "/v1/payments/x/y/z", "/v1"] {
        assert_eq!(
            stage.send("GET", path, &[], "").await.status(),
            401,
            "{path}"
        );
    }
    // The word before the key is read in any case (RFC 9110, authentication schemes).
    let headers = [("authorization", &*format!("bearer {good}"))];
    assert_eq!(
        stage.send("GET", "/v1/events", &headers, "").await.status(),
        200
    );
    let payment = stage.get("/v1/payments/fjord-1001").await;
    assert_eq!(payment["sums"]["captured"]["value"], 0);
    assert_eq!(
        stage
            .send("GET", "/v1/openapi.json", &[], "")
            .await
            .status(),
        200
    );
    stage.service.shutdown().await;
}

#[tokio::test]
async fn many_wrong_keys_have_to_wait_and_a_right_one_has_not() {
    let stage = start().await;
    let wrong = [("authorization", "Bearer kasse_wrong")];
    let mut seen = Vec::new();
    for _ in 0..70 {
        let answer = stage.send("GET", "/v1/events", &wrong, "").await;
        seen.push(answer.status().as_u16());
    }
    assert_eq!(seen[..60], [401; 60]);
    assert_eq!(seen[60..], [429; 10]);
    stage.get("/v1/events").await;
    stage.service.shutdown().await;
}

#[tokio::test]
async fn a_key_sees_its_shop_alone() {
    let stage = start().await;
    for (method, path) in &ALL[2..7] {
        let (status, problem) = stage.ask(method, path, &stage.berg, "").await;
        assert_eq!(status, 404, "{method} {path}");
        assert_eq!(problem["type"], "urn:kasse:problem:not_found");
    }
    let (_, list) = stage.ask("GET", "/v1/payments", &stage.berg, "").await;
    assert_eq!(list["payments"].as_array().unwrap().len(), 1);
    assert_eq!(list["payments"][0]["reference"], "berg-1001");
    let (_, events) = stage.ask("GET", "/v1/events", &stage.berg, "").await;
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    let (status, _) = stage
        .ask("GET", "/v1/payments?before=fjord-1001", &stage.berg, "")
        .await;
    assert_eq!(status, 404);
    let payment = stage.get("/v1/payments/fjord-1001").await;
    assert_eq!(payment["sums"]["captured"]["value"], 0);
    stage.service.shutdown().await;
}

#[tokio::test]
async fn a_payment_is_shown_without_links_and_names() {
    let stage = start().await;
    let payment = stage.get("/v1/payments/fjord-1001").await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&payment).unwrap());
    let odd = stage.get("/v1/payments/fjord-0002").await;
    assert_eq!(
        (&odd["state"], &odd["unknown_state"]),
        (&json!("unknown"), &json!("SOMETHING"))
    );
    let events = stage.get("/v1/events").await;
    insta::assert_snapshot!(serde_json::to_string_pretty(&events).unwrap());
    let list = stage.get("/v1/payments").await;
    for text in [payment, events, list] {
        let text = text.to_string();
        assert!(!text.contains("s3cret") && !text.contains("Kari"), "{text}");
    }
    // Who paid is asked for by itself.
    let customer = stage.get("/v1/payments/fjord-1001/customer").await;
    let nothing = Value::Null;
    let mut expected = json!({"first_name": "Kari", "last_name": nothing, "email": nothing, "phone": nothing, "address": nothing});
    assert_eq!(customer, expected);
    // Not known yet, or erased.
    expected["first_name"] = Value::Null;
    let customer = stage.get("/v1/payments/fjord-0002/customer").await;
    assert_eq!(customer, expected);
    stage.service.shutdown().await;
}

#[tokio::test]
async fn lists_and_events_go_on_where_they_ended() {
    let stage = start().await;
    let page = stage.get("/v1/payments?limit=1").await;
    assert_eq!(page["payments"][0]["reference"], "fjord-1001");
    assert_eq!(page["next"], "fjord-1001");
    let page = stage.get("/v1/payments?limit=1&before=fjord-1001").await;
    assert_eq!(page["payments"][0]["reference"], "fjord-0002");
    assert_eq!(page["next"], Value::Null);
    let count = async |query: &str| {
        let list = stage.get(&format!("/v1/payments?{query}")).await;
        list["payments"].as_array().unwrap().len()
    };
    assert_eq!(count("state=authorised").await, 1);
    assert_eq!(count("order=1001").await, 2);
    assert_eq!(count("order=1002&state=failed").await, 0);

    let (mut after, mut read) = (0, Vec::new());
    loop {
        let events = stage
            .get(&format!("/v1/events?limit=1&after={after}"))
            .await;
        after = events["after"].as_u64().unwrap();
        for event in events["events"].as_array().unwrap() {
            assert_eq!(event["cursor"], after);
            read.push(event["id"].as_str().unwrap().to_owned());
        }
        if events["more"] == false {
            break;
        }
    }
    let all = [
        "fjord-1001/1",
        "fjord-1001/2",
        "fjord-0002/1",
        "fjord-0002/2",
    ];
    assert_eq!(read, all.map(|id| format!("main/{id}")));
    let events = stage.get(&format!("/v1/events?after={after}")).await;
    assert_eq!(events, json!({"events": [], "after": after, "more": false}));
    stage.service.shutdown().await;
}

#[tokio::test]
async fn the_same_key_is_the_same_ask() {
    let stage = start().await;
    let path = "/v1/payments/fjord-1001";
    let (capture, refund) = (format!("{path}/capture"), format!("{path}/refund"));
    let part = r#"{"amount": {"currency": "NOK", "value": 60000}}"#;
    for _ in 0..2 {
        let (status, acted) = stage.act("POST", &capture, &stage.fjord, "c-1", part).await;
        assert_eq!(
            (status, &acted["outcome"]),
            (200, &json!("done")),
            "{acted}"
        );
        assert_eq!(acted["payment"]["sums"]["captured"]["value"], 60_000);
    }
    // For another ask it is refused.
    let other = r#"{"amount": {"currency": "NOK", "value": 1}}"#;
    let (status, problem) = stage
        .act("POST", &capture, &stage.fjord, "c-1", other)
        .await;
    assert_eq!((status, &problem["who"]), (409, &json!("shop")));
    assert_eq!(problem["type"], "urn:kasse:problem:key_reused");
    // Without an amount: what is left.
    let (_, acted) = stage.act("POST", &refund, &stage.fjord, "r-1", "").await;
    assert_eq!(acted["payment"]["sums"]["refunded"]["value"], 60_000);
    let (status, problem) = stage.act("POST", &capture, &stage.fjord, "c-2", part).await;
    assert_eq!(status, 422);
    assert_eq!(problem["left"], json!({"currency": "NOK", "value": 40_000}));
    insta::assert_snapshot!(serde_json::to_string_pretty(&problem).unwrap());
    let cancel = format!("{path}/cancel");
    let (_, acted) = stage.act("POST", &cancel, &stage.fjord, "x-1", "{}").await;
    assert_eq!(acted["payment"]["sums"]["released"]["value"], 40_000);
    stage.service.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_asked_is_answered_in_words() {
    let stage = start().await;
    let capture = "/v1/payments/fjord-1001/capture";
    let huge = format!(r#"{{"order": "{}"}}"#, "1".repeat(1024 * 1024));
    let long = format!(r#"{{"order": "{}"}}"#, "1".repeat(201));
    for (method, path, body, status) in [
        ("GET", "/v1/payments?limit=0", "", 400),
        ("GET", "/v1/payments?limit=501", "", 400),
        ("GET", "/v1/payments?limit=x", "", 400),
        ("GET", "/v1/payments?state=paid", "", 400),
        ("GET", "/v1/payments?stete=failed", "", 400),
        ("GET", "/v1/payments?before=fjord-4711", "", 404),
        ("GET", "/v1/payments?before=x", "", 404),
        ("GET", "/v1/payments/x", "", 404),
        ("GET", "/v1/payments/%00%ff", "", 400),
        ("GET", "/v1/events?after=-1", "", 400),
        ("GET", "/v1/events?after=x", "", 400),
        ("GET", "/v1/events?after=9223372036854775808", "", 400),
        ("GET", "/v1/events?limit=1000", "", 400),
        ("GET", "/v1/nothing", "", 404),
        ("GET", "/v1/payments/fjord-1001/capture", "", 405),
        ("DELETE", "/v1/payments/fjord-1001", "", 405),
        ("PUT", "/v1/events", "", 405),
        ("POST", capture, "{", 400),
        ("POST", capture, r#"{"amount": ["NOK", 1]}"#, 400),
        ("POST", capture, "[]", 400),
        ("POST", capture, r#"{"amount": null}"#, 400),
        ("POST", capture, r#"{"amount": "79.90"}"#, 400),
        (
            "POST",
            capture,
            r#"{"amount": {"currency": "NOK", "value": 79.9}}"#,
            400,
        ),
        (
            "POST",
            capture,
            r#"{"amount": {"currency": "NOK", "value": 0}}"#,
            400,
        ),
        (
            "POST",
            capture,
            r#"{"amount": {"currency": "EUR", "value": 1}}"#,
            422,
        ),
        (
            "POST",
            capture,
            r#"{"amount": {"currency": "NOK", "value": 1, "x": 1}}"#,
            400,
        ),
        ("POST", capture, r#"{"amuont": {}}"#, 400),
        ("POST", "/v1/payments/fjord-4711/capture", "{}", 404),
        (
            "POST",
            "/v1/payments/fjord-1001/cancel",
            r#"{"amount": {}}"#,
            400,
        ),
        ("POST", "/v1/payments", "", 400),
        ("POST", "/v1/payments", r#"{"order": ""}"#, 400),
        ("POST", "/v1/payments", r#"{"order": 1001}"#, 400),
        ("POST", "/v1/payments", r#"{"order": "1001"}"#, 404),
        ("POST", "/v1/payments", long.as_str(), 400),
        ("POST", "/v1/payments", huge.as_str(), 413),
        (
            "POST",
            "/v1/quotes",
            r#"{"order": "1001", "to": {"country": "Norway"}}"#,
            400,
        ),
        (
            "POST",
            "/v1/quotes",
            r#"{"order": "1001", "to": {"country": "NO", "city": "a\nb"}}"#,
            400,
        ),
        (
            "POST",
            "/v1/quotes",
            r#"{"order": "1001", "to": {"country": "NO", "city": null}}"#,
            400,
        ),
        ("POST", "/v1/quotes", r#"{"order": "1001"}"#, 400),
    ] {
        let (answered, problem) = stage.ask(method, path, &stage.fjord, body).await;
        let body: String = body.chars().take(100).collect();
        assert_eq!(answered, status, "{method} {path} {body} {problem}");
        for part in ["title", "detail", "advice", "who"] {
            assert!(!problem[part].as_str().unwrap().is_empty(), "{problem}");
        }
    }
    let (_, quote) = stage
        .ask(
            "POST",
            "/v1/quotes",
            &stage.fjord,
            r#"{"order": "1", "to": {"country": "NO"}}"#,
        )
        .await;
    assert_eq!(quote, json!({"deliveries": []}));
    let payment = stage.get("/v1/payments/fjord-1001").await;
    assert_eq!(payment["sums"]["captured"]["value"], 0);
    stage.service.shutdown().await;
}

#[tokio::test]
async fn who_acts_gives_a_key_and_json() {
    let stage = start().await;
    let bearer = format!("Bearer {}", stage.fjord.key.expose_secret());
    let long = "x".repeat(101);
    let capture = "/v1/payments/fjord-1001/capture";
    for (key, kind, status) in [
        (None, "application/json", 400),
        (Some(""), "application/json", 400),
        (Some("a b"), "application/json", 400),
        (Some(long.as_str()), "application/json", 400),
        (Some("c-1"), "application/x-www-form-urlencoded", 415),
        (Some("c-1"), "application/jsonx", 415),
        (Some("c-1"), "application/json; charset=utf-8", 200),
    ] {
        let mut headers = vec![("authorization", bearer.as_str()), ("content-type", kind)];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let answer = stage.send("POST", capture, &headers, "{}").await;
        assert_eq!(answer.status().as_u16(), status, "{key:?} {kind}");
    }
    let answer = stage
        .send("PATCH", capture, &[("authorization", bearer.as_str())], "")
        .await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["allow"]),
        (405, &"POST".parse().unwrap())
    );
    stage.service.shutdown().await;
}

#[tokio::test]
async fn what_is_said_twice_is_not_chosen_from() {
    let stage = start().await;
    let bearer = format!("Bearer {}", stage.fjord.key.expose_secret());
    let other = format!("Bearer {}", stage.berg.key.expose_secret());
    let capture = "/v1/payments/fjord-1001/capture";
    let json = ("content-type", "application/json");
    for (first, second) in [(&bearer, &other), (&other, &bearer), (&bearer, &bearer)] {
        let headers = [
            ("authorization", first.as_str()),
            ("authorization", second.as_str()),
            ("idempotency-key", "c-1"),
            json,
        ];
        let answer = stage.send("POST", capture, &headers, "{}").await;
        assert_eq!(answer.status(), 401);
    }
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", "c-1"),
        ("idempotency-key", "c-2"),
        json,
    ];
    let answer = stage.send("POST", capture, &headers, "{}").await;
    assert_eq!(answer.status(), 400);
    let payment = stage.get("/v1/payments/fjord-1001").await;
    assert_eq!(payment["sums"]["captured"]["value"], 0);
    stage.service.shutdown().await;
}

#[tokio::test]
async fn without_its_journal_it_says_so() {
    let stage = start_with(Arc::new(bench::Broken)).await;
    for (method, path) in [ALL[0], ALL[2], ALL[3], ALL[4], ALL[8]] {
        let (status, problem) = stage.ask(method, path, &stage.fjord, "").await;
        assert_eq!(
            (status, &problem["who"]),
            (503, &json!("merchant")),
            "{path}"
        );
    }
    stage.service.shutdown().await;
}
