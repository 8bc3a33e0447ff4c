//! Every refusal of the table is provoked, and nothing else is refused than the table says.

use http::Request;
use kasse_simulator::{
    Approval, Basis, Fault, FaultKind, Operation, REFUSALS, Refusal, SalesUnit, Shape,
    refusal_table,
};
use serde_json::{Value, json};

use crate::support::{
    Answer, CLIENT_ID, CLIENT_SECRET, KEY, MSN, World, express, express_static, pretty, regular,
};

#[test]
fn the_documentation_holds_the_table() {
    let expected = format!("# What is refused\n\n{}", refusal_table());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/refusals.md");
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(path, &expected).unwrap();
    }
    let documented = std::fs::read_to_string(path).unwrap();
    assert!(
        documented == expected,
        "src/refusals.md is not the table; run with INSTA_UPDATE=always"
    );
}

#[test]
fn ids_are_unique_and_choices_are_marked() {
    let mut ids: Vec<&str> = REFUSALS.iter().map(|r| r.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), REFUSALS.len());
    assert!(REFUSALS.iter().any(|r| r.status_basis == Basis::Choice));
}

/// The groups and codes of the guide's table of errors, typed off it once more: what the simulator
/// calls documented must be here.
const GUIDE: &[(&str, &[&str])] = &[
    (
        "Payment",
        &[
            "41", "42", "43", "44", "45", "51", "52", "61", "62", "63", "71", "72", "73", "74",
            "93", "95", "98", "1082",
        ],
    ),
    ("VippsError", &["91", "92", "93", "94", "98", "99"]),
    ("User", &["81", "82"]),
    (
        "Merchant",
        &[
            "31", "32", "33", "34", "35", "36", "37", "38", "39", "51", "97",
        ],
    ),
];

#[test]
fn documented_codes_are_in_the_guide() {
    for refusal in REFUSALS.iter().filter(|r| r.shape == Shape::Vipps) {
        let in_guide = GUIDE
            .iter()
            .any(|(group, codes)| *group == refusal.group && codes.contains(&refusal.code));
        let fits = match refusal.group {
            // The code is the field's name.
            "InvalidRequest" => true,
            "Authentication" => refusal.code_basis == Basis::Choice,
            _ => in_guide,
        };
        assert!(fits, "{} {}/{}", refusal.id, refusal.group, refusal.code);
    }
}

/// One body of each shape.
#[tokio::test]
async fn the_shapes_of_errors() {
    let shown = async |id: &str| pretty(&provoke(id).await.remove(0).json());
    insta::assert_snapshot!("error_vipps", shown("CAPTURE_TOO_MUCH").await);
    insta::assert_snapshot!("error_field", shown("INVALID_URL").await);
    insta::assert_snapshot!("error_azure", shown("TOKEN_EXPIRED").await);
    insta::assert_snapshot!("error_gateway", shown("SUBSCRIPTION_KEY").await);
}

/// A world in which one thing is refused, and the answer to it.
#[tokio::test]
async fn every_refusal_can_be_provoked() {
    let mut failures = Vec::new();
    for refusal in REFUSALS {
        for answer in provoke(refusal.id).await {
            if let Err(why) = matches(refusal, &answer) {
                failures.push(format!("{}: {why}\n  {answer:?}", refusal.id));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn matches(refusal: &Refusal, answer: &Answer) -> Result<(), String> {
    if answer.status != refusal.status {
        return Err(format!(
            "status {} instead of {}",
            answer.status, refusal.status
        ));
    }
    let body = answer.json();
    let fits = match refusal.shape {
        Shape::Gateway => body["statusCode"] == refusal.status && body["message"].is_string(),
        Shape::Azure => {
            body["responseInfo"]["responseCode"] == refusal.status
                && body["result"]["message"].is_string()
        }
        Shape::Problem => {
            let texts = ["type", "title", "detail", "instance"];
            let fields = ["extraDetails", "invalidParams"];
            let named = fields.iter().any(|f| body[f][0]["name"].is_string());
            texts.iter().all(|name| body[name].is_string()) && named != refusal.code.is_empty()
        }
        Shape::Vipps => {
            let code = body[0]["errorCode"].as_str().unwrap_or_default();
            let known = if refusal.code == "{field}" {
                !code.is_empty()
            } else {
                code == refusal.code
            };
            known && body[0]["errorGroup"] == refusal.group && body[0]["contextId"].is_string()
        }
    };
    if fits {
        Ok(())
    } else {
        Err("the body is another one".to_owned())
    }
}

/// The body of an initiate with one place changed.
fn with(place: &str, value: Value) -> Value {
    let mut order = regular("acme-1", 10000);
    set(&mut order, place, value);
    order
}

fn set(order: &mut Value, place: &str, value: Value) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    order.pointer_mut(parent).unwrap()[name] = value;
}

fn without(mut order: Value, place: &str) -> Value {
    let (parent, name) = place.rsplit_once('/').unwrap();
    order
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .remove(name)
        .unwrap();
    order
}

async fn initiates(orders: impl IntoIterator<Item = Value>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for order in orders {
        // A world each: the rate limit and the used orderId would come in between.
        answers.push(World::start().await.initiate(&order).await);
    }
    answers
}

async fn reserved() -> World {
    let world = World::start().await;
    world.reserved("acme-1", 10000).await;
    world
}

async fn details_with(change: impl Fn(&mut Request<String>)) -> Answer {
    let world = reserved().await;
    let mut request = world.request("GET", "/ecomm/v2/payments/acme-1/details", None);
    change(&mut request);
    world.send(request).await
}

async fn approve(world: &World, order: &str, body: Value) -> Answer {
    let path = format!("/ecomm/v2/integration-test/payments/{order}/approve");
    world.send(world.request("POST", &path, Some(&body))).await
}

fn token_request(id: &str, secret: &str, key: &str) -> Request<String> {
    Request::post("/accesstoken/get")
        .header("client_id", id)
        .header("client_secret", secret)
        .header("Ocp-Apim-Subscription-Key", key)
        .body(String::new())
        .unwrap()
}

async fn unit_refuses(unit: SalesUnit) -> Vec<Answer> {
    vec![
        World::with(unit)
            .await
            .initiate(&regular("acme-1", 10000))
            .await,
    ]
}

#[allow(clippy::too_many_lines)]
async fn provoke(id: &str) -> Vec<Answer> {
    match id {
        "WEBHOOK_INVALID" => crate::webhooks_register::invalid().await,
        "WEBHOOK_TOO_MANY" => crate::webhooks_register::too_many().await,
        "WEBHOOK_UNKNOWN" => crate::webhooks_register::unknown().await,
        "ORDER_MANAGEMENT_ABSENT" => crate::orders::absent().await,
        "ORDER_MANAGEMENT_INVALID" => crate::orders::invalid().await,
        "IMAGE_EXISTS" => crate::orders::second_image().await,
        "RECEIPT_EXISTS" => crate::orders::second_receipt().await,
        "ORDER_NOT_DESCRIBED" => crate::orders::not_described().await,
        "USERINFO_SUBSCRIPTION_KEY" => crate::userinfo::with_a_key().await,
        "USERINFO_UNKNOWN" => crate::userinfo::unknown().await,
        "UNKNOWN_PATH" => {
            let world = World::start().await;
            let mut answers = Vec::new();
            for (method, path) in [
                ("GET", "/"),
                ("GET", "/ecomm/v2/payments"),
                ("POST", "/ecomm/v2/payments/a/cancel"),
                ("GET", "/epayment/v2/payments/a"),
                ("GET", "/accesstoken/get"),
                ("POST", "//x"),
            ] {
                answers.push(world.send(world.request(method, path, None)).await);
            }
            answers
        }
        "BODY_TOO_LARGE" => {
            let world = World::start().await;
            let order = with(
                "/transaction/transactionText",
                "x".repeat(1024 * 1024).into(),
            );
            vec![world.initiate(&order).await]
        }
        "SUBSCRIPTION_KEY" => {
            let world = World::start().await;
            vec![
                details_with(|r| {
                    r.headers_mut().remove("Ocp-Apim-Subscription-Key");
                })
                .await,
                details_with(|r| {
                    r.headers_mut()
                        .insert("Ocp-Apim-Subscription-Key", "no".parse().unwrap());
                })
                .await,
                world
                    .send(token_request(CLIENT_ID, CLIENT_SECRET, "no"))
                    .await,
            ]
        }
        "TOKEN_CLIENT" => {
            let world = World::start().await;
            vec![
                world.send(token_request("other", CLIENT_SECRET, KEY)).await,
                world.send(token_request(CLIENT_ID, "other", KEY)).await,
                world.send(token_request("", "", KEY)).await,
            ]
        }
        "TOKEN_MISSING" => vec![
            details_with(|r| {
                r.headers_mut().remove("Authorization");
            })
            .await,
            details_with(|r| {
                let bare = r.headers()["Authorization"]
                    .to_str()
                    .unwrap()
                    .replace("Bearer ", "");
                r.headers_mut()
                    .insert("Authorization", bare.parse().unwrap());
            })
            .await,
        ],
        "TOKEN_INVALID" => {
            let world = reserved().await;
            let other = SalesUnit {
                msn: "654321".to_owned(),
                client_id: "other".to_owned(),
                subscription_key: "other-key".into(),
                ..SalesUnit::default()
            };
            world.simulator.control().add_unit(other).unwrap();
            let mut request = world.request("GET", "/ecomm/v2/payments/acme-1/details", None);
            request
                .headers_mut()
                .insert("Ocp-Apim-Subscription-Key", "other-key".parse().unwrap());
            vec![
                details_with(|r| {
                    r.headers_mut()
                        .insert("Authorization", "Bearer made-up".parse().unwrap());
                })
                .await,
                world.send(request).await,
            ]
        }
        "TOKEN_EXPIRED" => {
            let world = reserved().await;
            world.pass(60).await;
            vec![world.details("acme-1").await]
        }
        "MSN_OF_OTHERS" => vec![
            details_with(|r| {
                r.headers_mut()
                    .insert("Merchant-Serial-Number", "654321".parse().unwrap());
            })
            .await,
            World::start()
                .await
                .initiate(&with("/merchantInfo/merchantSerialNumber", "654321".into()))
                .await,
        ],
        "MSN_CONTRADICTION" => {
            let world = World::start().await;
            let second = SalesUnit {
                msn: "654321".to_owned(),
                ..SalesUnit::default()
            };
            world.simulator.control().add_unit(second).unwrap();
            let mut request = world.request(
                "POST",
                "/ecomm/v2/payments",
                Some(&regular("acme-1", 10000)),
            );
            request
                .headers_mut()
                .insert("Merchant-Serial-Number", "654321".parse().unwrap());
            vec![world.send(request).await]
        }
        "HEADER_TOO_LONG" => {
            let mut answers = Vec::new();
            for name in [
                "Vipps-System-Name",
                "Vipps-System-Version",
                "Vipps-System-Plugin-Name",
                "Vipps-System-Plugin-Version",
            ] {
                answers.push(
                    details_with(|r| {
                        r.headers_mut()
                            .insert(name, "x".repeat(31).parse().unwrap());
                    })
                    .await,
                );
            }
            answers
        }
        "REQUEST_ID" => {
            let world = reserved().await;
            let mut missing = world.modification("capture", "acme-1", None, "k");
            missing.headers_mut().remove("X-Request-Id");
            let mut refund = world.modification("refund", "acme-1", None, "k");
            refund.headers_mut().remove("X-Request-Id");
            vec![
                world.send(missing).await,
                world.send(refund).await,
                world.capture("acme-1", None, &"x".repeat(41)).await,
            ]
        }
        "CONTENT_TYPE" => {
            let world = World::start().await;
            let mut answers = Vec::new();
            for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
                let mut request = world.request(
                    "POST",
                    "/ecomm/v2/payments",
                    Some(&regular("acme-1", 10000)),
                );
                request
                    .headers_mut()
                    .insert("Content-Type", kind.parse().unwrap());
                answers.push(world.send(request).await);
            }
            answers
        }
        "MALFORMED_JSON" => {
            let world = World::start().await;
            let mut answers = Vec::new();
            for body in ["", "{", "[]", "\"x\"", "null", "{\"a\":1}}"] {
                let mut request = world.request("POST", "/ecomm/v2/payments", Some(&json!({})));
                *request.body_mut() = body.to_owned();
                answers.push(world.send(request).await);
            }
            answers
        }
        "MSN_NOT_A_STRING" => {
            let world = reserved().await;
            let body = json!({"merchantInfo": {"merchantSerialNumber": 123_456}, "transaction": {"transactionText": "x"}});
            vec![
                World::start()
                    .await
                    .initiate(&with("/merchantInfo/merchantSerialNumber", 123_456.into()))
                    .await,
                world
                    .send(world.request("PUT", "/ecomm/v2/payments/acme-1/cancel", Some(&body)))
                    .await,
            ]
        }
        "AMOUNT_NOT_AN_INTEGER" => {
            initiates(
                [json!(100.5), json!("10000"), json!(true), json!(1e3)]
                    .map(|v| with("/transaction/amount", v)),
            )
            .await
        }
        "WRONG_CASE" => {
            let fallback = without(
                with("/merchantInfo/fallback", "https://shop.example".into()),
                "/merchantInfo/fallBack",
            );
            initiates([
                fallback,
                with("/transaction/orderID", "x".into()),
                with("/MerchantInfo", json!({})),
            ])
            .await
        }
        "INVALID_FIELD" => {
            let mut answers = initiates([
                with("/transaction/amount", 99.into()),
                with("/transaction/amount", 0.into()),
                with("/transaction/amount", (-100).into()),
                with("/transaction/amount", Value::Null),
                with("/transaction/orderId", "".into()),
                with("/transaction/orderId", "a b".into()),
                with("/transaction/orderId", "x".repeat(51).into()),
                with("/transaction/orderId", "æ".into()),
                with("/transaction/transactionText", "x".repeat(101).into()),
                with("/merchantInfo/authToken", "x".repeat(256).into()),
                with("/merchantInfo/paymentType", "eCom Express Payment".into()),
                with("/merchantInfo/isApp", "yes".into()),
                with("/transaction/scope", "shoeSize".into()),
                with("/merchantInfo/merchantSerialNumber", "1234".into()),
                with(
                    "/transaction/additionalData",
                    json!({"passengerName": "FLYER / MARY MS."}),
                ),
                without(regular("acme-1", 100), "/transaction/transactionText"),
                without(regular("acme-1", 100), "/customerInfo"),
                without(regular("acme-1", 100), "/merchantInfo/callbackPrefix"),
            ])
            .await;
            let world = reserved().await;
            answers.push(world.capture("acme-1", Some(99), "k").await);
            let mut path = world.request("GET", "/ecomm/v2/payments/a_b/details", None);
            path.headers_mut()
                .insert("Vipps-System-Name", "x".parse().unwrap());
            answers.push(world.send(path).await);
            answers
        }
        "INVALID_URL" => {
            let mut orders = Vec::new();
            for url in [
                "http://shop.example/x",
                "https://localhost/x",
                "https://127.0.0.1/x",
                "https://shop.example:9000/x",
                "nonsense",
                "",
            ] {
                orders.push(with("/merchantInfo/callbackPrefix", url.into()));
            }
            orders.retain(|order| order["merchantInfo"]["callbackPrefix"] != "");
            orders.push(with("/merchantInfo/fallBack", "http://shop.example".into()));
            orders.push(with(
                "/merchantInfo/consentRemovalPrefix",
                "http://shop.example".into(),
            ));
            orders.push(with(
                "/merchantInfo/shippingDetailsPrefix",
                "ftp://shop.example".into(),
            ));
            initiates(orders).await
        }
        "CONSENT_PREFIX_MISSING" => {
            initiates([without(
                express("acme-1", 10000),
                "/merchantInfo/consentRemovalPrefix",
            )])
            .await
        }
        "SHIPPING_MISSING" => {
            let mut empty = express_static("acme-1", 10000);
            set(&mut empty, "/merchantInfo/staticShippingDetails", json!([]));
            initiates([
                without(
                    express("acme-1", 10000),
                    "/merchantInfo/shippingDetailsPrefix",
                ),
                empty,
            ])
            .await
        }
        "STATIC_SHIPPING" => {
            let mut doubled = express_static("acme-1", 10000);
            set(
                &mut doubled,
                "/merchantInfo/staticShippingDetails/0/shippingMethodId",
                "mailbox".into(),
            );
            let mut fine = express_static("acme-1", 10000);
            set(
                &mut fine,
                "/merchantInfo/staticShippingDetails/0/shippingCost",
                json!(79.905),
            );
            initiates([doubled, fine]).await
        }
        "RATE_LIMIT" => {
            let world = World::start().await;
            for _ in 0..2 {
                world.initiate(&regular("acme-1", 10000)).await;
            }
            vec![world.initiate(&regular("acme-1", 10000)).await]
        }
        "MERCHANT_BLOCKED" => {
            unit_refuses(SalesUnit {
                blocked: true,
                ..SalesUnit::default()
            })
            .await
        }
        "UNIT_DEACTIVATED" => {
            unit_refuses(SalesUnit {
                deactivated: true,
                ..SalesUnit::default()
            })
            .await
        }
        "SKIP_LANDING_PAGE" => initiates([with("/transaction/skipLandingPage", true.into())]).await,
        "SCOPE_NIN" => initiates([with("/transaction/scope", "name nin".into())]).await,
        "PHONE_NUMBER" => {
            let unit = SalesUnit {
                skip_landing_page: true,
                ..SalesUnit::default()
            };
            let world = World::with(unit).await;
            let mut answers = initiates(
                ["1234567", "+4512345678", "phone", ""]
                    .map(|p| with("/customerInfo/mobileNumber", p.into())),
            )
            .await;
            answers.push(
                world
                    .initiate(&with("/transaction/skipLandingPage", true.into()))
                    .await,
            );
            answers
        }
        "ORDER_ID_USED" => {
            let world = reserved().await;
            vec![world.initiate(&regular("acme-1", 10000)).await]
        }
        "ORDER_ID_UNKNOWN" => {
            let world = reserved().await;
            let other = SalesUnit {
                msn: "654321".to_owned(),
                client_id: "other".to_owned(),
                subscription_key: "other-key".into(),
                ..SalesUnit::default()
            };
            world.simulator.control().add_unit(other).unwrap();
            let token = world
                .send(token_request("other", CLIENT_SECRET, "other-key"))
                .await
                .ok();
            let mut foreign = world.request("GET", "/ecomm/v2/payments/acme-1/details", None);
            let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
            foreign
                .headers_mut()
                .insert("Authorization", bearer.parse().unwrap());
            foreign
                .headers_mut()
                .insert("Ocp-Apim-Subscription-Key", "other-key".parse().unwrap());
            vec![
                world.details("acme-2").await,
                world.capture("acme-2", None, "k").await,
                world.cancel("acme-2", false).await,
                world.refund("acme-2", None, "k").await,
                world.details("ACME-1").await,
                approve(&world, "acme-2", json!({})).await,
                world.send(foreign).await,
            ]
        }
        "RETRY_OTHER_AMOUNT" => {
            let world = reserved().await;
            world.capture("acme-1", Some(5000), "k").await.ok();
            vec![
                world.capture("acme-1", Some(4000), "k").await,
                world.capture("acme-1", None, "k").await,
            ]
        }
        "RETRY_DIFFERS" => {
            let world = reserved().await;
            world.capture("acme-1", Some(5000), "k").await.ok();
            let mut request = world.modification("capture", "acme-1", Some(5000), "k");
            *request.body_mut() = request.body().replace("\"capture\"", "\"other words\"");
            vec![world.send(request).await]
        }
        "LOCKED" => {
            let world = reserved().await;
            world
                .simulator
                .control()
                .add_fault(Fault::new(Operation::Any, FaultKind::Locked).times(2))
                .unwrap();
            vec![
                world.capture("acme-1", None, "k").await,
                world.details("acme-1").await,
            ]
        }
        "CAPTURE_NOT_RESERVED" => {
            let world = World::start().await;
            world.initiate(&regular("acme-1", 10000)).await.ok();
            vec![world.capture("acme-1", None, "k").await]
        }
        "CAPTURE_NOT_ALLOWED" => {
            let world = reserved().await;
            world.cancel("acme-1", false).await.ok();
            world.initiate(&regular("acme-2", 10000)).await.ok();
            world
                .simulator
                .control()
                .reject(MSN, "acme-2")
                .await
                .unwrap();
            world.reserved("acme-3", 10000).await;
            world.capture("acme-3", Some(5000), "k").await.ok();
            world.cancel("acme-3", true).await.ok();
            vec![
                world.capture("acme-1", None, "k").await,
                world.capture("acme-2", None, "k").await,
                world.capture("acme-3", Some(100), "k2").await,
            ]
        }
        "CAPTURE_DONE" => {
            let world = reserved().await;
            world.capture("acme-1", None, "k").await.ok();
            vec![world.capture("acme-1", None, "k2").await]
        }
        "CAPTURE_TOO_LATE" => {
            let mut world = reserved().await;
            world.pass_days(181).await;
            vec![world.capture("acme-1", None, "k").await]
        }
        "CAPTURE_TOO_MUCH" => {
            let world = reserved().await;
            let above = world.capture("acme-1", Some(10001), "k").await;
            world.capture("acme-1", Some(5000), "k1").await.ok();
            vec![
                above,
                world.capture("acme-1", Some(5001), "k2").await,
                world
                    .capture("acme-1", Some(u64::from(u32::MAX)), "k3")
                    .await,
            ]
        }
        "CANCEL_CAPTURED" => {
            let world = reserved().await;
            world.capture("acme-1", Some(5000), "k").await.ok();
            let partly = world.cancel("acme-1", false).await;
            world.capture("acme-1", None, "k2").await.ok();
            vec![partly, world.cancel("acme-1", true).await]
        }
        "CANCEL_DONE" => {
            let world = reserved().await;
            world.cancel("acme-1", false).await.ok();
            world.initiate(&regular("acme-2", 10000)).await.ok();
            world
                .simulator
                .control()
                .reject(MSN, "acme-2")
                .await
                .unwrap();
            vec![
                world.cancel("acme-1", false).await,
                world.cancel("acme-2", false).await,
            ]
        }
        "CANCEL_IN_3DS" => {
            let world = World::start().await;
            world.initiate(&regular("acme-1", 10000)).await.ok();
            world
                .simulator
                .control()
                .set_in_3ds(MSN, "acme-1", true)
                .unwrap();
            let refused = world.cancel("acme-1", false).await;
            world
                .simulator
                .control()
                .set_in_3ds(MSN, "acme-1", false)
                .unwrap();
            world.cancel("acme-1", false).await.ok();
            vec![refused]
        }
        "CANCEL_TOO_LATE" => {
            let mut world = reserved().await;
            world.pass_days(181).await;
            vec![world.cancel("acme-1", false).await]
        }
        "REFUND_RESERVATION" => {
            let world = reserved().await;
            world.initiate(&regular("acme-2", 10000)).await.ok();
            vec![
                world.refund("acme-1", Some(100), "k").await,
                world.refund("acme-2", None, "k").await,
            ]
        }
        "REFUND_CANCELLED" => {
            let world = reserved().await;
            world.cancel("acme-1", false).await.ok();
            vec![world.refund("acme-1", Some(100), "k").await]
        }
        "REFUND_TOO_LATE" => {
            let mut world = reserved().await;
            world.capture("acme-1", None, "k").await.ok();
            world.pass_days(366).await;
            vec![world.refund("acme-1", None, "k").await]
        }
        "REFUND_TOO_MUCH" => {
            let world = reserved().await;
            world.capture("acme-1", Some(5000), "k").await.ok();
            let above = world.refund("acme-1", Some(5001), "k").await;
            world.refund("acme-1", None, "k2").await.ok();
            vec![
                above,
                world.refund("acme-1", Some(100), "k3").await,
                world.refund("acme-1", None, "k4").await,
            ]
        }
        "APPROVE_NOT_ALLOWED" => {
            let world = World::with(SalesUnit {
                skip_landing_page: true,
                ..SalesUnit::default()
            })
            .await;
            world.initiate(&express("acme-1", 10000)).await.ok();
            let mut pushed = regular("acme-2", 10000);
            set(&mut pushed, "/transaction/skipLandingPage", true.into());
            set(&mut pushed, "/customerInfo/mobileNumber", "91234567".into());
            world.initiate(&pushed).await.ok();
            world.reserved("acme-3", 10000).await;
            let mut answers = Vec::new();
            for order in ["acme-1", "acme-2", "acme-3"] {
                answers.push(approve(&world, order, json!({})).await);
            }
            answers
        }
        "APPROVE_TOKEN" => {
            let world = World::start().await;
            world.initiate(&regular("acme-1", 10000)).await.ok();
            vec![approve(&world, "acme-1", json!({"token": "other"})).await]
        }
        other => panic!("{other} is in the table, and nothing provokes it"),
    }
}

/// The requests that the issue of this project lists, with the documented groups and codes.
#[tokio::test]
async fn the_guides_express_example_and_what_is_wrong_with_its_variants() {
    let world = World::start().await;
    let order = express("acme-1", 10000);
    assert_eq!(world.initiate(&order).await.ok()["orderId"], "acme-1");
    let refused = |answer: Answer| {
        let (status, group, code) = answer.refusal();
        (status, format!("{group}/{code}"))
    };
    let mut n = 1;
    let mut variant = |place: &str, value: Value| {
        n += 1;
        let mut order = express(&format!("acme-{n}"), 10000);
        set(&mut order, place, value);
        order
    };
    let msn = variant("/merchantInfo/merchantSerialNumber", 123_456.into());
    assert_eq!(world.initiate(&msn).await.status, 500);
    let amount = variant("/transaction/amount", 99.into());
    assert_eq!(
        refused(world.initiate(&amount).await),
        (400, "InvalidRequest/amount".to_owned())
    );
    let url = variant("/merchantInfo/callbackPrefix", "http://shop.example".into());
    assert_eq!(
        refused(world.initiate(&url).await),
        (400, "InvalidRequest/callbackPrefix".to_owned())
    );
    let consent = variant("/merchantInfo/consentRemovalPrefix", Value::Null);
    assert_eq!(
        refused(world.initiate(&consent).await),
        (400, "InvalidRequest/consentRemovalPrefix".to_owned())
    );
    assert_eq!(
        refused(world.initiate(&order).await),
        (400, "Merchant/34".to_owned())
    );

    world
        .simulator
        .control()
        .approve(MSN, "acme-1", Approval::default())
        .await
        .unwrap();
    assert_eq!(
        refused(world.refund("acme-1", None, "k").await),
        (400, "Payment/72".to_owned())
    );
    assert_eq!(
        refused(world.capture("acme-1", Some(14901), "k").await),
        (400, "Payment/61".to_owned())
    );
    world.cancel("acme-1", false).await.ok();
    assert_eq!(
        refused(world.capture("acme-1", Some(14900), "k2").await),
        (400, "VippsError/91".to_owned())
    );
}

#[tokio::test]
async fn a_refused_call_changes_nothing() {
    let world = reserved().await;
    let before = world.details("acme-1").await.ok();
    world.capture("acme-1", Some(10001), "a").await;
    world.refund("acme-1", Some(100), "b").await;
    let mut no_key = world.modification("capture", "acme-1", None, "c");
    no_key.headers_mut().remove("X-Request-Id");
    world.send(no_key).await;
    assert_eq!(world.details("acme-1").await.ok(), before);
}

#[tokio::test]
async fn unknown_fields_are_ignored_and_phone_numbers_mended() {
    let mut order = with("/transaction/somethingNew", json!({"a": [1]}));
    set(
        &mut order,
        "/customerInfo/mobileNumber",
        "+47 91 23 45 67".into(),
    );
    World::start().await.initiate(&order).await.ok();
}

#[tokio::test]
async fn partner_keys_find_the_order_by_msn_or_by_itself() {
    let world = reserved().await;
    let second = SalesUnit {
        msn: "654321".to_owned(),
        ..SalesUnit::default()
    };
    world.simulator.control().add_unit(second).unwrap();
    let mut order = regular("acme-1", 20000);
    set(
        &mut order,
        "/merchantInfo/merchantSerialNumber",
        "654321".into(),
    );
    world.initiate(&order).await.ok();
    let mut request = world.request("GET", "/ecomm/v2/payments/acme-1/details", None);
    request
        .headers_mut()
        .insert("Merchant-Serial-Number", "654321".parse().unwrap());
    let details = world.send(request).await.ok();
    assert_eq!(details["transactionLogHistory"][0]["amount"], 20000);
    assert_eq!(
        world.details("acme-1").await.ok()["transactionLogHistory"][0]["operation"],
        "RESERVE"
    );
}
