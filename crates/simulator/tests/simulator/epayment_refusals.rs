//! Every refusal of ePayment's table is provoked.

use http::Request;
use kasse_simulator::{
    Approval, Basis, Country, EPAYMENT_REFUSALS, Fault, FaultKind, Operation, Problem, SalesUnit,
    epayment_refusal_table,
};
use serde_json::{Value, json};

use crate::epayment_support::{REF, code, dynamic, fixed, groups, payment, receipt, unit_in};
use crate::support::{Answer, MSN, World, pretty};

#[test]
fn the_documentation_holds_the_table() {
    let expected = format!("# What ePayment refuses\n\n{}", epayment_refusal_table());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/epayment/refusals.md");
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(path, &expected).unwrap();
    }
    let documented = std::fs::read_to_string(path).unwrap();
    assert!(
        documented == expected,
        "src/epayment/refusals.md is not the table; run with INSTA_UPDATE=always"
    );
}

/// The codes of the guide's table of errors, typed off it once more.
const GUIDE: &[&str] = &[
    "3010", "4010", "4020", "4040", "4050", "4060", "4070", "4080", "4090", "4100", "4110", "4120",
    "4130", "4140", "4150", "4160", "5010", "5020", "5030", "5040", "5050", "5060", "5070", "5080",
    "5090", "5100", "6010", "6020", "6030", "6040", "6050", "6060", "6070", "6080", "6090", "6100",
    "6110", "6120", "6130", "6140", "6150", "6160", "6170", "6180", "6190", "6200", "6210", "6220",
    "6230", "6250", "6260", "6280", "7010", "10010", "10020", "10030", "10040", "10050", "10060",
    "10070",
];

/// What nothing here causes by itself: it comes by the fault `problem`.
const BY_FAULT: &[&str] = &["3010", "5060", "6260", "6280", "10040", "10050", "10070"];

#[tokio::test]
async fn every_code_of_the_guide_can_be_had() {
    let mut ids: Vec<&str> = EPAYMENT_REFUSALS.iter().map(|r| r.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), EPAYMENT_REFUSALS.len());
    assert!(
        EPAYMENT_REFUSALS
            .iter()
            .any(|r| r.status_basis == Basis::Choice)
    );
    for refusal in EPAYMENT_REFUSALS.iter().filter(|r| !r.code.is_empty()) {
        assert!(GUIDE.contains(&refusal.code), "{}", refusal.id);
    }
    for known in GUIDE {
        let here = EPAYMENT_REFUSALS.iter().any(|r| r.code == *known);
        assert_ne!(here, BY_FAULT.contains(known), "{known}");
    }
    let world = World::start().await;
    for (n, known) in BY_FAULT.iter().enumerate() {
        let kind = FaultKind::Problem {
            status: 400,
            code: (*known).to_owned(),
        };
        let control = world.simulator.control();
        control
            .add_fault(Fault::new(Operation::Details, kind))
            .unwrap();
        let answer = world.get(&format!("acme-shop-{n}")).await;
        assert_eq!((answer.status, code(&answer)), (400, (*known).to_owned()));
        assert_ne!(answer.json()["title"], "Error");
    }
}

#[tokio::test]
async fn the_shapes_of_problems() {
    let shown = async |id: &str| pretty(&provoke(id).await.remove(0).json());
    insta::assert_snapshot!("problem_code", shown("CAPTURE_NOT_RESERVED").await);
    insta::assert_snapshot!("problem_field", shown("INVALID_FIELD").await);
}

/// A world in which one thing is refused, and the answer to it.
#[tokio::test]
async fn every_refusal_can_be_provoked() {
    let mut failures = Vec::new();
    for refusal in EPAYMENT_REFUSALS {
        let answers = provoke(refusal.id).await;
        assert!(!answers.is_empty(), "{}", refusal.id);
        for (n, answer) in answers.iter().enumerate() {
            if let Err(why) = matches(refusal, answer) {
                failures.push(format!("{} [{n}]: {why}\n  {answer:?}", refusal.id));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn matches(refusal: &Problem, answer: &Answer) -> Result<(), String> {
    if answer.status != refusal.status {
        return Err(format!("status {}, not {}", answer.status, refusal.status));
    }
    let kind = answer.headers["content-type"].to_str().unwrap();
    let body = answer.json();
    let fits = kind == "application/problem+json; charset=utf-8"
        && body["status"] == refusal.status
        && body["title"] == refusal.title
        && body["type"] == format!("https://httpstatuses.io/{}", refusal.status)
        && body["traceId"].as_str().is_some_and(|id| id.len() == 55)
        && body["instance"]
            .as_str()
            .is_some_and(|path| path.starts_with("/v1/"));
    if !fits {
        return Err("the body is another one".to_owned());
    }
    match code(answer) == refusal.code {
        true => Ok(()),
        false => Err(format!("code {}, not {}", code(answer), refusal.code)),
    }
}

/// A payment with one place changed.
fn with(place: &str, value: Value) -> Value {
    set(payment(REF, 10000), place, value)
}

fn set(mut order: Value, place: &str, value: Value) -> Value {
    let (parent, name) = place.rsplit_once('/').unwrap();
    order.pointer_mut(parent).unwrap()[name] = value;
    order
}

async fn creates(orders: impl IntoIterator<Item = Value>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for order in orders {
        answers.push(World::start().await.create(&order).await);
    }
    answers
}

async fn unit_refuses(unit: SalesUnit, order: Value) -> Vec<Answer> {
    vec![World::with(unit).await.create(&order).await]
}

async fn authorized() -> World {
    let world = World::start().await;
    world.authorized(&payment(REF, 10000)).await;
    world
}

async fn opened() -> World {
    let world = World::start().await;
    world.created(&payment(REF, 10000)).await;
    world
}

async fn processing() -> World {
    let world = World::start().await;
    world.authorized(&payment(REF, 201)).await;
    world
}

/// Worlds whose payment ended before the customer approved: aborted, expired.
async fn ended() -> Vec<World> {
    let (aborted, expired) = (opened().await, opened().await);
    aborted.simulator.control().reject(MSN, REF).await.unwrap();
    expired.pass(11).await;
    vec![aborted, expired]
}

async fn get_with(change: impl Fn(&mut Request<String>)) -> Answer {
    let world = authorized().await;
    let mut request = world.epayment("GET", &format!("payments/{REF}"), None, None);
    change(&mut request);
    world.send(request).await
}

fn long_living() -> SalesUnit {
    SalesUnit {
        long_living: true,
        ..SalesUnit::default()
    }
}

fn until(moment: &str) -> Value {
    set(
        with("/receipt", receipt("NOK")),
        "/expiresAt",
        moment.into(),
    )
}

/// Each call that changes something, with a key or none.
fn changes(world: &World, key: Option<&str>) -> Vec<Request<String>> {
    let amount = json!({"modificationAmount": {"currency": "NOK", "value": 100}});
    vec![
        world.epayment(
            "POST",
            "payments",
            Some(&payment("acme-shop-9", 10000)),
            key,
        ),
        world.epayment(
            "POST",
            &format!("payments/{REF}/capture"),
            Some(&amount),
            key,
        ),
        world.epayment(
            "POST",
            &format!("payments/{REF}/refund"),
            Some(&amount),
            key,
        ),
    ]
}

fn invalid_bodies() -> Vec<Value> {
    let mut orders = vec![json!({}), json!([])];
    for place in ["amount", "paymentMethod", "reference", "userFlow"] {
        let mut order = payment(REF, 10000);
        order.as_object_mut().unwrap().remove(place);
        orders.push(order);
    }
    for (place, value) in [
        ("/amount", json!(100)),
        ("/amount/value", json!(65_000_001)),
        ("/amount/value", json!(-1)),
        ("/amount/currency", json!("SEK")),
        ("/reference", json!("1234567")),
        ("/reference", json!("a".repeat(65))),
        ("/reference", json!("acme_shop_1")),
        ("/reference", json!(12_345_678)),
        ("/userFlow", json!("REDIRECT")),
        (
            "/returnUrl",
            json!("https://shop.example/".to_owned() + &"a".repeat(2500)),
        ),
        ("/paymentDescription", json!("ab")),
        ("/paymentDescription", json!("å".repeat(101))),
        ("/minimumUserAge", json!(101)),
        ("/minimumUserAge", json!("18")),
        ("/customerInteraction", json!("PRESENT")),
        ("/customer", json!({})),
        (
            "/customer",
            json!({"phoneNumber": "4791234567", "customerToken": "abc"}),
        ),
        ("/paymentMethod/blockedSources", json!(["CARDS"])),
        ("/profile", json!({"scope": ["name"]})),
        ("/expiresAt", json!("2026-03-02")),
        ("/metadata", json!(["a"])),
        ("/metadata", json!({"a": 1})),
        (
            "/industryData",
            json!({"airlineData": {"airlineCode": "074"}}),
        ),
        ("/qrFormat", json!({"format": "IMAGE/GIF"})),
        (
            "/receipt",
            json!({"orderLines": [], "bottomLine": {"currency": "NOK"}}),
        ),
        (
            "/receipt",
            json!({"orderLines": [{}], "bottomLine": {"currency": "NOK"}}),
        ),
    ] {
        orders.push(with(place, value));
    }
    let mut card = with("/paymentMethod/type", "CARD".into());
    card["userFlow"] = "QR".into();
    orders.push(card);
    for (place, value) in [
        ("taxRate", json!(null)),
        ("taxRate", json!(10_001)),
        ("totalAmount", json!(-1)),
        ("unitInfo", json!({"unitPrice": 1, "quantity": "1,5"})),
    ] {
        let mut order = with("/receipt", receipt("NOK"));
        order["receipt"]["orderLines"][0][place] = value;
        orders.push(order);
    }
    orders.extend(invalid_shipping());
    orders
}

fn invalid_shipping() -> Vec<Value> {
    let mut orders = Vec::new();
    let both = json!({"fixedOptions": groups("NOK"), "dynamicOptions": {"callbackUrl": "https://shop.example/x"}});
    let changed = |place: &str, value: Value| {
        let mut groups = json!({ "g": groups("NOK") });
        *groups.pointer_mut(&format!("/g{place}")).unwrap() = value;
        json!({ "fixedOptions": groups["g"] })
    };
    for shipping in [
        json!({}),
        both,
        json!({"fixedOptions": []}),
        json!({"dynamicOptions": {"callbackUrl": "https://shop.example/x", "callbackAuthorizationToken": "a\nb"}}),
        json!({"fixedOptions": groups("NOK"), "allowedCountries": ["Norway"]}),
        json!({"fixedOptions": groups("NOK"), "allowedCountries": []}),
        json!({"fixedOptions": groups("EUR")}),
        changed("/0/options", json!([])),
        changed("/0/type", "DRONE".into()),
        changed("/0/brand", "ACME".into()),
        changed("/0/options/0/id", "home".into()),
        changed("/0/options/0/name", json!(null)),
        // Two of one kind, two defaults.
        changed("/0", groups("NOK")[1].clone()),
        changed("/1/options/1", {
            let mut option = groups("NOK")[1]["options"][1].clone();
            option["isDefault"] = true.into();
            option
        }),
        changed("/0", {
            let mut group = groups("NOK")[0].clone();
            group["isDefault"] = true.into();
            group
        }),
    ] {
        let mut order = fixed(REF, 10000);
        order["shipping"] = shipping;
        orders.push(order);
    }
    let mut card = fixed(REF, 10000);
    card["paymentMethod"]["type"] = "CARD".into();
    orders.push(card);
    orders
}

#[allow(clippy::too_many_lines)]
async fn provoke(id: &str) -> Vec<Answer> {
    match id {
        "MSN_HEADER" => vec![
            get_with(|r| {
                r.headers_mut().remove("Merchant-Serial-Number");
            })
            .await,
            get_with(|r| {
                r.headers_mut()
                    .insert("Merchant-Serial-Number", "12a456".parse().unwrap());
            })
            .await,
        ],
        "MSN_NOT_YOURS" => {
            let world = World::start().await;
            let other = SalesUnit {
                msn: "654321".to_owned(),
                client_id: "other".to_owned(),
                subscription_key: "other-key".into(),
                ..SalesUnit::default()
            };
            world.simulator.control().add_unit(other).unwrap();
            let mut request = world.epayment("GET", &format!("payments/{REF}"), None, None);
            let headers = request.headers_mut();
            headers.insert("Merchant-Serial-Number", "654321".parse().unwrap());
            vec![world.send(request).await]
        }
        "SYSTEM_HEADER" => vec![
            get_with(|r| {
                r.headers_mut()
                    .insert("Vipps-System-Plugin-Name", "x".repeat(31).parse().unwrap());
            })
            .await,
        ],
        "IDEMPOTENCY_KEY" => {
            let world = authorized().await;
            let long = "k".repeat(51);
            let mut answers = Vec::new();
            for key in [None, Some(""), Some(long.as_str())] {
                for request in changes(&world, key) {
                    answers.push(world.send(request).await);
                }
            }
            let cancel =
                world.epayment("POST", &format!("payments/{REF}/cancel"), None, Some(&long));
            answers.push(world.send(cancel).await);
            answers
        }
        "CREATE_KEY_USED" => {
            let world = World::start().await;
            world.created(&payment(REF, 10000)).await;
            let mut answers = Vec::new();
            for order in [payment(REF, 10001), payment("acme-shop-2", 10000)] {
                let request =
                    world.epayment("POST", "payments", Some(&order), Some("create-acme-shop-1"));
                answers.push(world.send(request).await);
            }
            let body = json!({"cancelTransactionOnly": true});
            for body in [None, Some(&body)] {
                let path = format!("payments/{REF}/cancel");
                let request = world.epayment("POST", &path, body, Some("cancel-1"));
                answers.push(world.send(request).await);
            }
            answers.remove(2);
            answers
        }
        "CAPTURE_KEY_USED" => {
            let world = authorized().await;
            world.authorized(&payment("acme-shop-2", 10000)).await;
            world.adjust("capture", REF, 100, "k").await.ok();
            vec![
                world.adjust("capture", REF, 200, "k").await,
                world.adjust("capture", "acme-shop-2", 100, "k").await,
            ]
        }
        "REFUND_KEY_USED" => {
            let world = authorized().await;
            world.adjust("capture", REF, 1000, "k").await.ok();
            world.adjust("refund", REF, 100, "k").await.ok();
            vec![world.adjust("refund", REF, 200, "k").await]
        }
        "CONTENT_TYPE" => {
            let world = authorized().await;
            let mut answers = Vec::new();
            for mut request in changes(&world, Some("k")) {
                let headers = request.headers_mut();
                headers.insert("Content-Type", "text/plain".parse().unwrap());
                answers.push(world.send(request).await);
            }
            answers
        }
        "MALFORMED_JSON" => {
            let world = authorized().await;
            let mut answers = Vec::new();
            for mut request in changes(&world, Some("k")) {
                *request.body_mut() = "{\"amount\":".to_owned();
                answers.push(world.send(request).await);
            }
            answers
        }
        "INVALID_FIELD" => {
            let mut answers = creates(invalid_bodies()).await;
            // The first one is shown whole.
            answers.rotate_left(10);
            let world = authorized().await;
            answers.push(world.void(REF, Some(&json!([]))).await);
            answers.push(
                world
                    .void(REF, Some(&json!({"cancelTransactionOnly": "yes"})))
                    .await,
            );
            let path = format!("payments/{REF}/capture");
            for body in [
                json!({}),
                json!({"modificationAmount": 100}),
                json!({"modificationAmount": {"value": 100}}),
            ] {
                let key = body
                    .to_string()
                    .chars()
                    .filter(|c| c.is_ascii_alphanumeric())
                    .collect::<String>();
                let request = world.epayment("POST", &path, Some(&body), Some(&key));
                answers.push(world.send(request).await);
            }
            let world = World::with(long_living()).await;
            answers.push(world.create(&until("2026-02-30T10:00:00Z")).await);
            answers
        }
        "INVALID_AMOUNT" => {
            let world = authorized().await;
            let mut answers = creates([
                with("/amount/value", json!(100.5)),
                with("/amount/value", json!("10000")),
            ])
            .await;
            let body = json!({"modificationAmount": {"currency": "DKK", "value": 100}});
            let path = format!("payments/{REF}/capture");
            let request = world.epayment("POST", &path, Some(&body), Some("k"));
            answers.push(world.send(request).await);
            answers
        }
        "INVALID_CUSTOMER_TOKEN" => {
            creates([
                with("/customer", json!({"customerToken": ""})),
                with("/customer", json!({"customerToken": "a b"})),
            ])
            .await
        }
        "INVALID_PERSONAL_QR" => {
            creates(
                ["abc", "https://shop.example/qr"]
                    .map(|qr| with("/customer", json!({"personalQr": qr}))),
            )
            .await
        }
        "INVALID_PHONE" => {
            creates(
                ["12345678", "1234567890123456", "+4791234567", "47 91234567"]
                    .map(|phone| with("/customer", json!({"phoneNumber": phone}))),
            )
            .await
        }
        "METADATA_CAPACITY" => {
            creates([with(
                "/metadata",
                json!({"a": "", "b": "", "c": "", "d": "", "e": "", "f": ""}),
            )])
            .await
        }
        "METADATA_DUPLICATE" => {
            let world = World::start().await;
            let mut request =
                world.epayment("POST", "payments", Some(&payment(REF, 10000)), Some("k"));
            let body =
                request
                    .body()
                    .replacen('{', "{\"metadata\": {\"a\": \"1\", \"a\": \"2\"},", 1);
            *request.body_mut() = body;
            vec![world.send(request).await]
        }
        "METADATA_KEY" => creates([with("/metadata", json!({"k".repeat(101): "v"}))]).await,
        "METADATA_VALUE" => creates([with("/metadata", json!({"k": "v".repeat(501)}))]).await,
        "MISSING_PARAMETER" => {
            let mut push = with("/userFlow", "PUSH_MESSAGE".into());
            push.as_object_mut().unwrap().remove("returnUrl");
            let mut web = payment(REF, 10000);
            web.as_object_mut().unwrap().remove("returnUrl");
            creates([push, web]).await
        }
        "INVALID_METHOD" => creates([with("/paymentMethod/type", "CARD_PASSTHROUGH".into())]).await,
        "INVALID_SCOPE" => {
            let mut without_address = fixed(REF, 10000);
            without_address["profile"]["scope"] = "name email phoneNumber".into();
            let mut without_any = fixed(REF, 10000);
            without_any.as_object_mut().unwrap().remove("profile");
            creates([
                with("/profile", json!({"scope": "name shoeSize"})),
                without_address,
                without_any,
            ])
            .await
        }
        "INVALID_URL" => {
            let mut to_localhost = dynamic(REF, 10000);
            to_localhost["shipping"]["dynamicOptions"]["callbackUrl"] =
                "https://localhost/x".into();
            let mut odd_port = dynamic(REF, 10000);
            odd_port["shipping"]["dynamicOptions"]["callbackUrl"] =
                "https://shop.example:9000/x".into();
            creates([
                with("/returnUrl", "http://shop.example/x".into()),
                with("/returnUrl", "javascript:alert(1)".into()),
                with("/receiptUrl", "http://shop.example/x".into()),
                with(
                    "/merchantLegalLinks",
                    json!({"termsOfSaleUrl": "shop.example"}),
                ),
                to_localhost,
                odd_port,
            ])
            .await
        }
        "CANNOT_CREATE" => {
            let unit = SalesUnit::default;
            let card = with("/paymentMethod/type", "CARD".into());
            let mut answers = unit_refuses(
                SalesUnit {
                    blocked: true,
                    ..unit()
                },
                payment(REF, 10000),
            )
            .await;
            answers.extend(
                unit_refuses(
                    SalesUnit {
                        deactivated: true,
                        ..unit()
                    },
                    payment(REF, 10000),
                )
                .await,
            );
            answers.extend(
                unit_refuses(
                    SalesUnit {
                        credit_card: false,
                        ..unit()
                    },
                    card,
                )
                .await,
            );
            answers
        }
        "SCOPE_NOT_ALLOWED" => creates([with("/profile", json!({"scope": "name nin"}))]).await,
        "CURRENCY" => {
            let mut answers = creates([with("/amount/currency", "EUR".into())]).await;
            answers.extend(unit_refuses(unit_in(Country::Dk), payment(REF, 10000)).await);
            answers
        }
        "AMOUNT_TOO_SMALL" => {
            let mut answers = creates([payment(REF, 99), payment(REF, 0)]).await;
            let mut nothing = payment(REF, 0);
            nothing["amount"]["currency"] = "EUR".into();
            answers.extend(unit_refuses(unit_in(Country::Fi), nothing).await);
            let world = authorized().await;
            answers.push(world.adjust("capture", REF, 0, "k").await);
            answers.push(world.adjust("refund", REF, 0, "k").await);
            answers
        }
        "BLOCKED_SOURCES" => {
            let mut card = with(
                "/paymentMethod",
                json!({"type": "CARD", "blockedSources": ["COMMERCIAL_CARDS"]}),
            );
            card["amount"]["currency"] = "DKK".into();
            let mut answers = unit_refuses(unit_in(Country::Dk), card).await;
            answers.extend(
                creates([with(
                    "/paymentMethod/blockedSources",
                    json!(["COMMERCIAL_CARDS"]),
                )])
                .await,
            );
            answers
        }
        "PUSH_NOT_ALLOWED" => {
            let push = with("/userFlow", "PUSH_MESSAGE".into());
            creates([set(push, "/customer", json!({"phoneNumber": "4791234567"}))]).await
        }
        "LONG_LIVING_NOT_ALLOWED" => {
            let mut answers = creates([until("2026-03-02T10:00:00Z")]).await;
            let card = set(
                until("2026-03-02T10:00:00Z"),
                "/paymentMethod/type",
                "CARD".into(),
            );
            answers.extend(unit_refuses(long_living(), card).await);
            answers
        }
        "LONG_LIVING_RECEIPT" => {
            unit_refuses(
                long_living(),
                with("/expiresAt", "2026-03-02T10:00:00Z".into()),
            )
            .await
        }
        "EXPIRES_TOO_SOON" => {
            let mut answers = unit_refuses(long_living(), until("2026-03-01T10:10:00Z")).await;
            answers.extend(unit_refuses(long_living(), until("2026-03-01T10:00:00+01:00")).await);
            answers
        }
        "EXPIRES_TOO_LATE" => unit_refuses(long_living(), until("2026-04-30T10:00:00Z")).await,
        "EXPRESS_NOT_ALLOWED" => {
            let unit = SalesUnit {
                express: false,
                ..SalesUnit::default()
            };
            unit_refuses(unit, fixed(REF, 10000)).await
        }
        "CUSTOMER_NOT_FOUND" => {
            let mut young = with("/customer", json!({"phoneNumber": "4791234567"}));
            young["minimumUserAge"] = 38.into();
            creates([
                with("/customer", json!({"phoneNumber": "491234567890"})),
                young,
            ])
            .await
        }
        "REFERENCE_USED" => {
            let world = authorized().await;
            world.reserved("ecom-shop-1", 10000).await;
            let mut answers = Vec::new();
            for (reference, key) in [(REF, "k1"), ("ecom-shop-1", "k2")] {
                let order = payment(reference, 10000);
                let request = world.epayment("POST", "payments", Some(&order), Some(key));
                answers.push(world.send(request).await);
            }
            answers
        }
        "REFERENCE_UNKNOWN" => {
            let world = authorized().await;
            let nobody = "acme-shop-0";
            vec![
                world.get(nobody).await,
                world.events(nobody).await,
                world.adjust("capture", nobody, 100, "k").await,
                world.adjust("refund", nobody, 100, "k").await,
                world.void(nobody, None).await,
                world.force(nobody, json!({})).await,
                // References are case-sensitive.
                world.get("ACME-SHOP-1").await,
            ]
        }
        "LOCKED" => {
            let world = authorized().await;
            let fault = Fault::new(Operation::Any, FaultKind::Locked).times(2);
            world.simulator.control().add_fault(fault).unwrap();
            vec![
                world.get(REF).await,
                world.adjust("capture", REF, 100, "k").await,
            ]
        }
        "PROCESSING" => {
            let world = processing().await;
            vec![
                world.adjust("capture", REF, 201, "k").await,
                world.adjust("capture", REF, 201, "k").await,
                world.adjust("refund", REF, 201, "k").await,
            ]
        }
        "CAPTURE_NOT_RESERVED" => vec![opened().await.adjust("capture", REF, 100, "k").await],
        "CAPTURE_CANCELLED" => {
            let (whole, part, terminated) =
                (authorized().await, authorized().await, opened().await);
            part.adjust("capture", REF, 100, "k").await.ok();
            let mut answers = Vec::new();
            for world in [whole, part, terminated] {
                world.void(REF, None).await.ok();
                answers.push(world.adjust("capture", REF, 200, "k2").await);
            }
            answers
        }
        "CAPTURE_ENDED" => {
            let mut answers = Vec::new();
            for world in ended().await {
                answers.push(world.adjust("capture", REF, 100, "k").await);
            }
            answers
        }
        "CAPTURE_TOO_LATE" | "CANCEL_TOO_LATE" => {
            let mut answers = Vec::new();
            for captured in [false, true] {
                let mut world = authorized().await;
                if captured {
                    world.adjust("capture", REF, 100, "k").await.ok();
                }
                world.pass_days(181).await;
                answers.push(match id {
                    "CAPTURE_TOO_LATE" => world.adjust("capture", REF, 200, "k2").await,
                    _ => world.void(REF, None).await,
                });
            }
            answers
        }
        "CAPTURE_PARTIAL" => {
            let world = World::with(SalesUnit {
                partial_capture: false,
                ..SalesUnit::default()
            })
            .await;
            world.authorized(&payment(REF, 10000)).await;
            let refused = world.adjust("capture", REF, 9999, "k").await;
            assert_eq!(
                code(&world.adjust("capture", REF, 10001, "k2").await),
                "6090"
            );
            world.adjust("capture", REF, 10000, "k3").await.ok();
            vec![refused]
        }
        "CAPTURE_DONE" => {
            let world = authorized().await;
            world.adjust("capture", REF, 10000, "k").await.ok();
            vec![world.adjust("capture", REF, 100, "k2").await]
        }
        "CAPTURE_TOO_MUCH" => {
            let world = authorized().await;
            let first = world.adjust("capture", REF, 10001, "k").await;
            world.adjust("capture", REF, 9000, "k2").await.ok();
            vec![first, world.adjust("capture", REF, 1001, "k3").await]
        }
        "CANCEL_AUTHORIZED" => {
            let world = authorized().await;
            vec![
                world
                    .void(REF, Some(&json!({"cancelTransactionOnly": true})))
                    .await,
            ]
        }
        "CANCEL_PROCESSING" => {
            let world = opened().await;
            world
                .simulator
                .control()
                .set_in_3ds(MSN, REF, true)
                .unwrap();
            vec![
                world.void(REF, None).await,
                processing().await.void(REF, None).await,
            ]
        }
        "CANCEL_CAPTURED" => {
            let world = authorized().await;
            world.adjust("capture", REF, 10000, "k").await.ok();
            vec![world.void(REF, None).await]
        }
        "CANCEL_NOT_RESERVED" => {
            let mut worlds = ended().await;
            let terminated = opened().await;
            terminated.void(REF, None).await.ok();
            worlds.push(terminated);
            let mut answers = Vec::new();
            for world in worlds {
                answers.push(world.void(REF, None).await);
            }
            answers
        }
        "CANCEL_DONE" => {
            let (whole, part) = (authorized().await, authorized().await);
            part.adjust("capture", REF, 100, "k").await.ok();
            let mut answers = Vec::new();
            for world in [whole, part] {
                world.void(REF, None).await.ok();
                answers.push(world.void(REF, None).await);
            }
            answers
        }
        "REFUND_NOT_RESERVED" => vec![opened().await.adjust("refund", REF, 100, "k").await],
        "REFUND_ENDED" => {
            let mut worlds = ended().await;
            let cancelled = authorized().await;
            cancelled.void(REF, None).await.ok();
            worlds.push(cancelled);
            let mut answers = Vec::new();
            for world in worlds {
                answers.push(world.adjust("refund", REF, 100, "k").await);
            }
            answers
        }
        "REFUND_TOO_LATE" => {
            let mut world = authorized().await;
            world.adjust("capture", REF, 1000, "k").await.ok();
            let special = world.adjust("refund", REF, 124, "k").await;
            world.pass_days(366).await;
            vec![special, world.adjust("refund", REF, 100, "k2").await]
        }
        "REFUND_NOT_POSSIBLE" => {
            let world = authorized().await;
            world.adjust("capture", REF, 1000, "k").await.ok();
            vec![world.adjust("refund", REF, 123, "k").await]
        }
        "REFUND_DONE" => {
            let world = authorized().await;
            world.adjust("capture", REF, 1000, "k").await.ok();
            world.adjust("refund", REF, 1000, "k").await.ok();
            vec![world.adjust("refund", REF, 1, "k2").await]
        }
        "REFUND_TOO_MUCH" => {
            let world = authorized().await;
            let nothing = world.adjust("refund", REF, 100, "k").await;
            world.adjust("capture", REF, 1000, "k").await.ok();
            vec![nothing, world.adjust("refund", REF, 1001, "k2").await]
        }
        "APPROVE_FAILED" => {
            let mut answers = vec![opened().await.force(REF, json!({"token": "another"})).await];
            for world in ended().await {
                answers.push(world.force(REF, json!({})).await);
            }
            answers
        }
        "APPROVE_NOT_ALLOWED" => {
            let world = World::start().await;
            world.created(&fixed(REF, 10000)).await;
            world
                .initiate(&crate::support::regular("ecom-shop-1", 10000))
                .await
                .ok();
            vec![
                world.force(REF, json!({})).await,
                world.force("ecom-shop-1", json!({})).await,
            ]
        }
        "APPROVE_IDENTIFICATION" => {
            let world = World::start().await;
            world.created(&with("/minimumUserAge", 18.into())).await;
            vec![world.force(REF, json!({})).await]
        }
        "APPROVE_NOT_SUPPORTED" => {
            let world = World::start().await;
            world
                .created(&with("/paymentMethod/type", "CARD".into()))
                .await;
            vec![world.force(REF, json!({})).await]
        }
        "ALREADY_RESERVED" => {
            let world = authorized().await;
            vec![
                world
                    .force(REF, json!({"customer": {"phoneNumber": "4791234567"}}))
                    .await,
            ]
        }
        other => panic!("{other} is not provoked"),
    }
}

/// What any call is refused for is refused in the shapes that all APIs share.
#[tokio::test]
async fn keys_are_checked_as_everywhere() {
    for (header, value, status) in [
        ("Ocp-Apim-Subscription-Key", "no", 401),
        ("Authorization", "Bearer no", 401),
        ("Authorization", "no", 401),
    ] {
        let answer = get_with(|r| {
            r.headers_mut().insert(header, value.parse().unwrap());
        })
        .await;
        assert_eq!(answer.status, status);
        let body = answer.json();
        assert!(body.get("statusCode").is_some() || body.get("responseInfo").is_some());
    }
    let world = World::start().await;
    for (method, path) in [
        ("PUT", "payments"),
        ("GET", "payments"),
        ("POST", "payments/a/approve"),
    ] {
        let answer = world.send(world.epayment(method, path, None, None)).await;
        assert_eq!(
            (answer.status, &answer.json()["statusCode"]),
            (404, &json!(404))
        );
    }
}

/// Fields that nobody knows are ignored, as are those in another case.
#[tokio::test]
async fn unknown_fields_are_ignored() {
    let world = World::start().await;
    let mut order = payment(REF, 10000);
    order["customer"] =
        json!({"phoneNumber": "4791234567", "customerInteraction": "CUSTOMER_PRESENT"});
    order["PaymentDescription"] = 17.into();
    world.created(&order).await;
    world
        .simulator
        .control()
        .approve(MSN, REF, Approval::default())
        .await
        .unwrap();
}
