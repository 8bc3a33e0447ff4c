//! The stand-in's plugin says to kasse, and answers, what the plugin in a real shop does.

use std::collections::BTreeSet;
use std::time::Duration;

use kasse_testkit::recordings::shape_differences;
use serde_json::{Value, json};

use crate::stage::{Stage, all, named};

const NOW: &str = "2026-11-23T01:42:55Z";
const KEYS: &str = "Basic Y2tfYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYTpjc19iYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi";

/// An order that waits to be paid by Vipps, under this number.
fn order(id: u64) -> Value {
    let mut order = named("018-").response.unwrap().body;
    order["id"] = id.into();
    order["number"] = id.to_string().into();
    order["payment_method"] = "kasse_vipps".into();
    order["transaction_id"] = "".into();
    order
}

#[tokio::test(start_paused = true)]
async fn what_kasse_asks_the_plugin_is_answered_in_the_agreed_shapes() {
    let mut tried = 0;
    for call in all("contract") {
        if call.direction != "to-shop" {
            continue;
        }
        let shop = Stage::at("https://127.0.0.1:8089", NOW);
        let id = call.request.body["order"]
            .as_str()
            .and_then(|id| id.parse::<u64>().ok());
        let gone = call.file.contains("no-order");
        let ids = call.request.body["orders"].as_array().into_iter().flatten();
        let ids = ids.filter_map(|id| id.as_str()?.parse::<u64>().ok());
        for id in id.into_iter().chain(ids).filter(|_| !gone) {
            let mut order = order(id);
            if call.file.contains("not-taken") {
                order["status"] = "processing".into();
                order["transaction_id"] = "another".into();
            }
            if call.file.contains("two-packages") {
                shop.shop.send_apart(12);
            }
            shop.shop.seed_order(order);
        }
        let asked = &call.request;
        let (status, body) = shop
            .ask_plugin(&asked.method, &asked.path, &asked.body)
            .await;
        let expected = call.response.unwrap();
        assert_eq!(status, expected.status, "{}: {body}", call.file);
        assert_eq!(body["code"], expected.body["code"], "{}", call.file);
        let differences = shape_differences(&expected.body, &body);
        assert_eq!(differences, Vec::<String>::new(), "{}", call.file);
        let fields = |value: &Value| -> BTreeSet<String> {
            value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name.clone())
                .collect()
        };
        assert_eq!(fields(&body), fields(&expected.body), "{}", call.file);
        tried += 1;
    }
    assert!(tried >= 7, "{tried}");
}

#[tokio::test(start_paused = true)]
async fn what_the_plugin_asks_kasse_has_the_agreed_fields() {
    let shop = Stage::at("https://127.0.0.1:8089", NOW);
    shop.shop.seed_order(order(50));
    let json = [
        ("authorization", KEYS),
        ("content-type", "application/json"),
    ];
    let (status, order) = shop.ask("GET", "/wp-json/wc/v3/orders/50", &json, "").await;
    assert_eq!(status, 200);
    let pay = json!({
        "key": order["order_key"], "billing_email": "kare.odegard@example.com",
        "payment_method": "kasse_vipps",
    });
    let path = "/wp-json/wc/store/v1/checkout/50";
    let (status, body) = shop.ask("POST", path, &json, &pay.to_string()).await;
    assert_eq!(status, 200, "{body}");
    for change in ["completed", "on-hold", "cancelled"] {
        let change = json!({ "status": change }).to_string();
        shop.ask("PUT", "/wp-json/wc/v3/orders/50", &json, &change)
            .await;
    }
    let refund = json!({ "amount": "300.00", "api_refund": true }).to_string();
    let path = "/wp-json/wc/v3/orders/50/refunds";
    let (status, body) = shop.ask("POST", path, &json, &refund).await;
    assert_eq!(status, 201, "{body}");
    let asked = shop.kasse.asked.lock().unwrap().clone();
    let verbs: Vec<&str> = asked.iter().map(|(verb, _)| verb.as_str()).collect();
    assert_eq!(verbs, ["initiate", "capture", "cancel", "refund"]);
    for (verb, body) in &asked {
        let agreed = all("contract").into_iter();
        let agreed = agreed.filter(|call| call.direction == "to-kasse");
        let agreed = agreed
            .map(|call| (call.file, call.request.body))
            .find(|(file, _)| *file == format!("{verb}.json"));
        let (file, agreed) = agreed.unwrap();
        let mut body = body.clone();
        if let (Some(order), Some(agreed)) = (
            body.pointer_mut("/order").filter(|order| order.is_object()),
            agreed.get("order"),
        ) {
            // What the REST API gives beside is not the plugin's: the recordings hold it.
            let named: Vec<String> = agreed.as_object().unwrap().keys().cloned().collect();
            order
                .as_object_mut()
                .unwrap()
                .retain(|name, _| named.contains(name));
        }
        assert_eq!(
            shape_differences(&agreed, &body),
            Vec::<String>::new(),
            "{file}"
        );
        let fields: BTreeSet<&String> = body.as_object().unwrap().keys().collect();
        let expected: BTreeSet<&String> = agreed.as_object().unwrap().keys().collect();
        assert_eq!(fields, expected, "{file}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_kasse_writes_is_not_told_to_kasse() {
    let shop = Stage::at("https://127.0.0.1:8089", NOW);
    let mut order = order(50);
    order["transaction_id"] = "fjell-1".into();
    shop.shop.seed_order(order);
    let own = [("authorization", KEYS), ("x-kasse-event", "main/fjell-1/2")];
    for change in ["on-hold", "completed", "cancelled"] {
        let change = json!({ "status": change }).to_string();
        let (status, _) = shop
            .ask("PUT", "/wp-json/wc/v3/orders/50", &own, &change)
            .await;
        assert_eq!(status, 200);
    }
    let refund = json!({ "amount": "300.00", "api_refund": false }).to_string();
    let path = "/wp-json/wc/v3/orders/50/refunds";
    let (status, _) = shop.ask("POST", path, &own, &refund).await;
    assert_eq!(status, 201);
    assert_eq!(shop.kasse.asked.lock().unwrap().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_refund_that_was_not_answered_is_asked_for_again_and_written_once() {
    for kasse_writes in [true, false] {
        let shop = Stage::at("https://127.0.0.1:8089", NOW);
        let mut order = order(50);
        order["transaction_id"] = "fjell-1".into();
        shop.shop.seed_order(order);
        let (keys, path) = (("authorization", KEYS), "/wp-json/wc/v3/orders/50/refunds");
        let refund = json!({ "amount": "20.00", "api_refund": true }).to_string();
        let (status, body) = shop.ask("POST", path, &[keys], &refund).await;
        assert_eq!(status, 500, "{body}");
        let other = json!({ "amount": "30.00", "api_refund": true }).to_string();
        let (status, body) = shop.ask("POST", path, &[keys], &other).await;
        assert_eq!(status, 500, "{body}");
        tokio::time::sleep(Duration::from_secs(61)).await;
        let refunds = async || {
            let (_, order) = shop
                .ask("GET", "/wp-json/wc/v3/orders/50", &[keys], "")
                .await;
            order["refunds"].as_array().unwrap().len()
        };
        assert_eq!(refunds().await, 0);
        if kasse_writes {
            let own = [keys, ("x-kasse-event", "main/fjell-1/4")];
            let refund = json!({ "amount": "20.00", "api_refund": false }).to_string();
            assert_eq!(shop.ask("POST", path, &own, &refund).await.0, 201);
        }
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(refunds().await, 1, "kasse writes it: {kasse_writes}");
        let asked = shop.kasse.asked.lock().unwrap().clone();
        let keys: BTreeSet<String> = asked
            .iter()
            .map(|(_, body)| body["refund"].to_string())
            .collect();
        assert_eq!(keys.len(), 1, "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_are_not_kasses_are_refused() {
    let shop = Stage::at("https://127.0.0.1:8089", NOW);
    let (status, body) = shop.ask("GET", "/wp-json/kasse/v1/about", &[], "").await;
    assert_eq!(status, 401, "{body}");
    let path = "/wp-json/kasse/v1/nothing";
    let (status, body) = shop.ask_plugin("GET", path, &Value::Null).await;
    assert_eq!(
        (status, body["code"].as_str()),
        (404, Some("rest_no_route"))
    );
}
