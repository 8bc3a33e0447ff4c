//! `/webhooks/v1/webhooks`: who may register what, and what is shown of it.

use std::time::Duration;

use kasse_simulator::{Fault, FaultKind, Operation, SalesUnit};
use serde_json::{Value, json};

use crate::support::{Answer, MSN, World};

pub(crate) const PATH: &str = "/webhooks/v1/webhooks";

/// Every event of a payment's.
pub(crate) fn events() -> Vec<String> {
    [
        "created",
        "aborted",
        "expired",
        "cancelled",
        "captured",
        "refunded",
        "authorized",
        "terminated",
    ]
    .map(|name| format!("epayments.payment.{name}.v1"))
    .to_vec()
}

pub(crate) fn webhook(url: &str, events: &[&str]) -> Value {
    json!({ "url": url, "events": events })
}

fn usual() -> Value {
    webhook(
        "https://shop.example/webhooks/1",
        &["epayments.payment.authorized.v1"],
    )
}

async fn register(world: &World, body: &Value) -> Answer {
    world.send(world.request("POST", PATH, Some(body))).await
}

/// With the header `Merchant-Serial-Number`.
async fn for_unit(
    world: &World,
    msn: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Answer {
    let mut request = world.request(method, path, body);
    request
        .headers_mut()
        .insert("Merchant-Serial-Number", msn.parse().unwrap());
    world.send(request).await
}

async fn list(world: &World) -> Vec<Value> {
    let listed = world.send(world.request("GET", PATH, None)).await.ok();
    listed["webhooks"].as_array().unwrap().clone()
}

fn names(answer: &Answer) -> Vec<String> {
    let details = answer.json()["extraDetails"].as_array().unwrap().clone();
    details
        .iter()
        .map(|d| {
            assert!(!d["reason"].as_str().unwrap().is_empty());
            d["name"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn the_secret_is_shown_once() {
    let world = World::start().await;
    let made = register(&world, &usual()).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let id = made["id"].as_str().unwrap();
    assert_eq!(
        id.split('-').map(str::len).collect::<Vec<_>>(),
        [8, 4, 4, 4, 12]
    );
    assert_eq!(made["secret"].as_str().unwrap().len(), 88);
    assert_eq!(
        list(&world).await,
        [
            json!({"id": id, "url": "https://shop.example/webhooks/1", "events": ["epayments.payment.authorized.v1"]})
        ]
    );
    // Nor does the record show it.
    let record = world.simulator.control().exchanges(&Default::default());
    let secret = made["secret"].as_str().unwrap();
    assert!(record.iter().all(|e| !e.response.contains(secret)));
    let other = register(&world, &usual()).await.json();
    assert_ne!(other["id"], made["id"]);
    assert_ne!(other["secret"], made["secret"]);
}

#[tokio::test]
async fn a_webhook_is_deleted_once() {
    let world = World::start().await;
    let id = register(&world, &usual()).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("{PATH}/{id}");
    let deleted = world.send(world.request("DELETE", &path, None)).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert!(list(&world).await.is_empty());
    let again = world.send(world.request("DELETE", &path, None)).await;
    assert_eq!((again.status, names(&again)), (400, vec!["id".to_owned()]));
}

#[tokio::test]
async fn a_doubled_event_is_registered_once_and_a_url_as_it_was_given() {
    let world = World::start().await;
    let event = "epayments.payment.captured.v1";
    let given = webhook("https://SHOP.example:443", &[event, event]);
    assert_eq!(register(&world, &given).await.status, 201);
    let listed = list(&world).await;
    assert_eq!(listed[0]["url"], "https://SHOP.example:443");
    assert_eq!(listed[0]["events"], json!([event]));
}

pub(crate) async fn invalid() -> Vec<Answer> {
    let world = World::start().await;
    let event = "epayments.payment.authorized.v1";
    let with = |name: &str, value: Value| {
        let mut body = usual();
        body[name] = value;
        body
    };
    let mut answers = Vec::new();
    for (body, wrong) in [
        (json!({}), &["url", "events"][..]),
        (with("url", Value::Null), &["url"]),
        (with("url", 7.into()), &["url"]),
        (with("url", "".into()), &["url"]),
        (with("url", "http://shop.example/a".into()), &["url"]),
        (with("url", "https://localhost/a".into()), &["url"]),
        (with("url", "https://10.0.0.1/a".into()), &["url"]),
        (with("url", "https://shop.example:9000/a".into()), &["url"]),
        (with("url", "shop.example".into()), &["url"]),
        (with("events", json!([])), &["events"]),
        (with("events", event.into()), &["events"]),
        (with("events", json!([event, 1])), &["events"]),
        (
            with("events", json!(["epayments.payment.paid.v1"])),
            &["events"],
        ),
        (with("events", json!(["CANCELLED"])), &["events"]),
        (with("secret", "mine".into()), &["secret"]),
    ] {
        let answer = register(&world, &body).await;
        assert_eq!(names(&answer), wrong, "{body}");
        answers.push(answer);
    }
    assert!(list(&world).await.is_empty());
    answers
}

#[tokio::test]
async fn a_long_url_is_taken() {
    let world = World::start().await;
    let url = format!("https://shop.example/{}", "x".repeat(600));
    let made = register(&world, &webhook(&url, &["epayments.payment.created.v1"])).await;
    assert_eq!(made.status, 201);
}

pub(crate) async fn too_many() -> Vec<Answer> {
    let world = World::start().await;
    for n in 0..25 {
        let url = format!("https://shop.example/{n}");
        let body = webhook(&url, &["epayments.payment.authorized.v1"]);
        assert_eq!(register(&world, &body).await.status, 201);
    }
    // It is counted by event: another one has its own 25.
    let other = webhook("https://shop.example/x", &["epayments.payment.created.v1"]);
    assert_eq!(register(&world, &other).await.status, 201);
    let both = webhook(
        "https://shop.example/y",
        &[
            "epayments.payment.created.v1",
            "epayments.payment.authorized.v1",
        ],
    );
    let qr = webhook("https://shop.example/qr", &["user.checked-in.v1"]);
    assert_eq!(register(&world, &qr).await.status, 201);
    let refused = vec![
        register(&world, &usual()).await,
        register(&world, &both).await,
        register(&world, &qr).await,
    ];
    assert_eq!(list(&world).await.len(), 27);
    // A place that is given back can be taken.
    let id = list(&world).await[0]["id"].as_str().unwrap().to_owned();
    world
        .send(world.request("DELETE", &format!("{PATH}/{id}"), None))
        .await;
    assert_eq!(register(&world, &usual()).await.status, 201);
    refused
}

pub(crate) async fn unknown() -> Vec<Answer> {
    let world = World::start().await;
    let mut answers = Vec::new();
    for id in ["f70b8bf7-c843-4bea-95d9-000000000000", "no-uuid"] {
        let path = format!("{PATH}/{id}");
        answers.push(world.send(world.request("DELETE", &path, None)).await);
    }
    answers
}

#[tokio::test]
async fn a_partner_has_webhooks_of_its_own_and_of_each_unit() {
    let world = World::start().await;
    let control = world.simulator.control();
    let second = SalesUnit {
        msn: "654321".to_owned(),
        ..SalesUnit::default()
    };
    control.add_unit(second).unwrap();
    let partner = register(&world, &usual()).await.json();
    let unit = for_unit(&world, MSN, "POST", PATH, Some(&usual()))
        .await
        .json();
    let of = async |msn: &str| {
        let listed = for_unit(&world, msn, "GET", PATH, None).await.ok();
        listed["webhooks"].as_array().unwrap().clone()
    };
    assert_eq!(of(MSN).await.len(), 1);
    assert_eq!(of(MSN).await[0]["id"], unit["id"]);
    assert!(of("654321").await.is_empty());
    assert_eq!(list(&world).await.len(), 1);
    assert_eq!(list(&world).await[0]["id"], partner["id"]);
    // What isn't theirs they can't delete.
    let path = format!("{PATH}/{}", unit["id"].as_str().unwrap());
    assert_eq!(
        for_unit(&world, "654321", "DELETE", &path, None)
            .await
            .status,
        400
    );
    assert_eq!(
        for_unit(&world, MSN, "DELETE", &path, None).await.status,
        204
    );
    let views = control.webhooks();
    assert_eq!(views.len(), 1);
    assert_eq!(views[0].msn, None);
    assert_eq!(
        views[0].client_id.as_deref(),
        Some(crate::support::CLIENT_ID)
    );
}

#[tokio::test]
async fn keys_of_others_are_refused() {
    let world = World::start().await;
    let of_others = for_unit(&world, "999999", "GET", PATH, None).await;
    assert_eq!(of_others.status, 401);
    assert_eq!(
        of_others.headers["content-type"],
        "application/problem+json"
    );
    let mut request = world.request("GET", PATH, None);
    request.headers_mut().remove("Ocp-Apim-Subscription-Key");
    assert_eq!(world.send(request).await.status, 401);
    let mut request = world.request("POST", PATH, Some(&usual()));
    request
        .headers_mut()
        .insert("Content-Type", "text/plain".parse().unwrap());
    assert_eq!(world.send(request).await.status, 415);
    let mut request = world.request("POST", PATH, Some(&usual()));
    *request.body_mut() = "[]".to_owned();
    assert_eq!(world.send(request).await.status, 400);
}

#[tokio::test]
async fn a_registration_whose_answer_is_lost_is_there() {
    let world = World::start().await;
    let control = world.simulator.control();
    control
        .add_fault(Fault::new(Operation::Register, FaultKind::LostAfterDone))
        .unwrap();
    control
        .add_fault(Fault::new(
            Operation::Registrations,
            FaultKind::Status {
                status: 503,
                retry_after: None,
            },
        ))
        .unwrap();
    control
        .add_fault(Fault::new(Operation::Unregister, FaultKind::Reset))
        .unwrap();
    let lost = world.request("POST", PATH, Some(&usual()));
    assert!(world.try_send(lost).await.is_err());
    assert_eq!(
        world.send(world.request("GET", PATH, None)).await.status,
        503
    );
    let listed = list(&world).await;
    assert_eq!(listed.len(), 1);
    let path = format!("{PATH}/{}", listed[0]["id"].as_str().unwrap());
    assert!(
        world
            .try_send(world.request("DELETE", &path, None))
            .await
            .is_err()
    );
    assert_eq!(list(&world).await.len(), 1);
}

#[tokio::test]
async fn vipps_deletes_one_by_itself() {
    let world = World::start().await;
    let id = register(&world, &usual()).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    // Without any attempt nothing is dead.
    world
        .simulator
        .control()
        .advance(Duration::from_secs(20 * 24 * 60 * 60))
        .await;
    assert_eq!(world.simulator.control().webhooks().len(), 1);
    let path = format!("webhooks/{id}");
    world.control("DELETE", &path, Value::Null).await.ok();
    assert!(world.simulator.control().webhooks().is_empty());
    assert_eq!(
        world.control("DELETE", &path, Value::Null).await.status,
        400
    );
}

#[tokio::test]
async fn runs_are_alike_where_tokens_are_counted() {
    let mut seen = Vec::new();
    for _ in 0..2 {
        let world = World::within().await;
        seen.push(register(&world, &usual()).await.body);
    }
    assert_eq!(seen[0], seen[1]);
}
