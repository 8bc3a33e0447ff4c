//! Every recording on a path that the adapter, the plugin or the checklist uses is sent again, in the
//! order in which it was recorded, to one shop. Its answer has the same status, the same code, no field
//! that WooCommerce has not, and the same values where they count.

use std::collections::{BTreeMap, BTreeSet};

use kasse_testkit::recordings::{Recording, shape_differences};
use serde_json::{Value, json};

use crate::stage::{Stage, all};

const SITE: &str = "https://127.0.0.1:8089";
const KEYS: &str = "Basic Y2tfYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYTpjc19iYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi";
/// How many there are on paths in use, but for the three by OAuth (`signatures`).
const REPLAYED: usize = 82;

/// What counts in an order, a refund, a note.
const VALUES: [&str; 13] = [
    "/status",
    "/total",
    "/total_tax",
    "/discount_total",
    "/shipping_total",
    "/transaction_id",
    "/is_editable",
    "/needs_payment",
    "/amount",
    "/refunded_payment",
    "/note",
    "/customer_note",
    "/totals",
];

/// The recorded shop's test gateway is ours here.
fn ours(text: &str) -> String {
    text.replace("\"vipps\"", "\"kasse_vipps\"")
        .replace(", and vipps.", ", and kasse_vipps.")
}

/// Is it on a path in use?
fn is_used(recording: &Recording) -> bool {
    let path = recording.request.path.split('?').next().unwrap();
    let pieces: Vec<&str> = path.split('/').skip(2).collect();
    let by_oauth = recording.request.path.contains("oauth_");
    recording.direction == "to-engine"
        && !by_oauth
        && match (recording.request.method.as_str(), pieces.as_slice()) {
            ("GET", ["wc", "v3", "orders"]) => true,
            ("GET" | "PUT", ["wc", "v3", "orders", id]) => id.parse::<u64>().is_ok(),
            ("POST", ["wc", "v3", "orders", _, "notes" | "refunds"]) => true,
            ("GET", ["wc", "v3", unknown]) => unknown.contains("finnes"),
            ("GET", ["wc", "store", "v1", "cart"]) => true,
            ("POST", ["wc", "store", "v1", "cart", _] | ["wc", "store", "v1", "checkout"]) => true,
            _ => false,
        }
}

/// What the shop has to have before a recording can be replayed.
#[derive(Debug)]
struct Prepared {
    shop: Stage,
    orders: BTreeSet<u64>,
    carts: BTreeMap<String, BTreeMap<u64, i64>>,
}

impl Prepared {
    /// An order that is touched for the first time: as it was before it was.
    fn order(&mut self, recording: &Recording) {
        let path = recording.request.path.split('?').next().unwrap();
        let Some(id) = path.split('/').nth(5).and_then(|id| id.parse::<u64>().ok()) else {
            return;
        };
        if id > 900_000 || !self.orders.insert(id) {
            return;
        }
        let recorded: Value = serde_json::from_str(&ours(
            &recording.response.as_ref().unwrap().body.to_string(),
        ))
        .unwrap();
        let whole = recorded.get("line_items").is_some() && recorded.get("total").is_some();
        let mut order = if whole {
            recorded
        } else {
            // Refunds do not tell the order: it is the usual one.
            let after = all("recordings").into_iter().find(|other| {
                let body = &other.response.as_ref().unwrap().body;
                body["id"] == id && body.get("billing").is_some()
            });
            let usual = all("recordings")
                .into_iter()
                .find(|one| one.file.starts_with("041-"));
            let like = after.or(usual).unwrap().response.unwrap().body;
            serde_json::from_str(&ours(&like.to_string())).unwrap()
        };
        order["id"] = id.into();
        let writes = recording.request.method != "GET";
        if writes {
            let before = match recording.file.get(..3).unwrap() {
                "050" | "053" | "066" => "processing",
                _ => "pending",
            };
            order["status"] = before.into();
            order["date_paid"] = Value::Null;
            order["transaction_id"] = match before {
                "processing" => "acme-shop-r".into(),
                _ => "".into(),
            };
        }
        if recording.file.starts_with("064-") {
            order["payment_method"] = "bacs".into();
        }
        let refunds = order["refunds"].as_array().cloned().unwrap_or_default();
        self.shop.shop.seed_order(order);
        for refund in refunds.iter().rev().filter(|_| !writes) {
            let amount = refund["total"]
                .as_str()
                .unwrap()
                .trim_start_matches('-')
                .to_owned();
            let refund =
                json!({ "id": refund["id"], "amount": amount, "reason": refund["reason"] });
            self.shop.shop.seed_refund(id, refund);
        }
        if recording.file.starts_with("066-") {
            let refund = json!({ "id": 38, "amount": "28.80", "reason": "" });
            self.shop.shop.seed_refund(id, refund);
        }
    }

    /// A cart with what the recording shows in it, but for what the recording itself adds.
    async fn cart(&mut self, recording: &Recording) {
        let Some(token) = recording.request.headers.get("cart-token") else {
            return;
        };
        if recording.file.starts_with("127-") {
            return;
        }
        if !self.carts.contains_key(token) {
            self.shop.shop.seed_cart(token);
            self.carts.insert(token.clone(), BTreeMap::new());
        }
        let headers = [("cart-token", token.as_str())];
        let path = recording.request.path.as_str();
        let response = &recording.response.as_ref().unwrap().body;
        let mut wanted: Vec<(u64, i64)> = response["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| {
                (
                    item["id"].as_u64().unwrap(),
                    item["quantity"].as_i64().unwrap(),
                )
            })
            .collect();
        if path.ends_with("/add-item") {
            wanted.clear();
        } else if wanted.is_empty() && self.carts[token].is_empty() {
            wanted.push((11, 2));
        }
        for (id, quantity) in wanted {
            let known = self.carts.get_mut(token).unwrap();
            let there = known.insert(id, quantity).unwrap_or(0);
            if there < quantity {
                let item = json!({ "id": id, "quantity": quantity - there }).to_string();
                let path = "/wp-json/wc/store/v1/cart/add-item";
                assert_eq!(self.shop.ask("POST", path, &headers, &item).await.0, 201);
            }
        }
        if path.ends_with("/add-item") {
            let asked = &recording.request.body;
            let item = (
                asked["id"].as_u64().unwrap(),
                asked["quantity"].as_i64().unwrap(),
            );
            self.carts.get_mut(token).unwrap().insert(item.0, item.1);
        }
        if recording.file.starts_with("079-") {
            let coupon = json!({ "code": "sommer10" }).to_string();
            let path = "/wp-json/wc/store/v1/cart/apply-coupon";
            assert_eq!(self.shop.ask("POST", path, &headers, &coupon).await.0, 200);
        }
        if recording.file.starts_with("075-") {
            // What the refused addresses before it had left.
            let to = json!({ "shipping_address": {
                "country": "NO", "postcode": "", "city": "", "address_1": "",
            } });
            let path = "/wp-json/wc/store/v1/cart/update-customer";
            assert_eq!(
                self.shop
                    .ask("POST", path, &headers, &to.to_string())
                    .await
                    .0,
                200
            );
        }
        if recording.file.starts_with("135-") {
            self.shop.shop.send_apart(12);
        }
        if recording.file.starts_with("132-") {
            self.shop.shop.allow_checkouts(0);
        }
    }
}

/// A cart's deliveries: what each costs, and which is chosen.
fn rates(cart: &Value) -> Vec<(Value, Value, Value, Value)> {
    let packages = cart["shipping_rates"].as_array().into_iter().flatten();
    packages
        .flat_map(|package| {
            package["shipping_rates"]
                .as_array()
                .cloned()
                .unwrap_or_default()
        })
        .map(|rate| {
            let of = |name: &str| rate[name].clone();
            (of("rate_id"), of("price"), of("taxes"), of("selected"))
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_recording_on_a_path_in_use_is_answered_as_it_was() {
    let mut prepared = Prepared {
        shop: Stage::at(SITE, "2026-11-22T08:18:42Z"),
        orders: BTreeSet::new(),
        carts: BTreeMap::new(),
    };
    let recordings = all("recordings");
    let mut replayed = 0;
    let mut wrong = Vec::new();
    for recording in recordings.iter().filter(|recording| is_used(recording)) {
        let file = &recording.file;
        let over_http = file.starts_with("109-");
        prepared.order(recording);
        prepared.cart(recording).await;
        let headers: Vec<(&str, &str)> = recording
            .request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let body = match &recording.request.body {
            Value::Null => String::new(),
            // A text is one that is no JSON.
            Value::String(text) => text.clone(),
            body => ours(&body.to_string()),
        };
        let plain = Stage::at("http://127.0.0.1:8089", "2026-11-22T08:19:16Z");
        let shop = if over_http { &plain } else { &prepared.shop };
        let asked = &recording.request;
        let (status, answer) = shop.ask(&asked.method, &asked.path, &headers, &body).await;
        let response = recording.response.as_ref().unwrap();
        let recorded: Value = serde_json::from_str(&ours(&response.body.to_string())).unwrap();
        if status != response.status {
            wrong.push(format!(
                "{file}: answers {status}, was {}: {answer}",
                response.status
            ));
            continue;
        }
        if answer.get("code") != recorded.get("code") {
            wrong.push(format!(
                "{file}: says {}, said {}",
                answer["code"], recorded["code"]
            ));
        }
        let differences = shape_differences(&recorded, &answer);
        wrong.extend(
            differences
                .into_iter()
                // What the kasse plugin adds to WooCommerce's answers.
                .filter(|difference| !difference.contains("/kasse: is not in"))
                .map(|difference| format!("{file}: {difference}")),
        );
        for place in VALUES {
            if let (Some(now), Some(then)) = (answer.pointer(place), recorded.pointer(place))
                && now != then
            {
                wrong.push(format!("{file}: {place} is {now}, was {then}"));
            }
        }
        // The rates of an outside service are none of the shop's own.
        let outside = file.starts_with("079-");
        if answer.get("shipping_rates").is_some() && !outside && rates(&answer) != rates(&recorded)
        {
            wrong.push(format!(
                "{file}: rates {:?}, were {:?}",
                rates(&answer),
                rates(&recorded)
            ));
        }
        replayed += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{replayed} recordings of {} are replayed", recordings.len());
    assert_eq!(replayed, REPLAYED);
}

#[tokio::test(start_paused = true)]
async fn a_refund_that_is_sent_twice_is_made_twice() {
    let mut prepared = Prepared {
        shop: Stage::at(SITE, "2026-11-22T08:18:42Z"),
        orders: BTreeSet::new(),
        carts: BTreeMap::new(),
    };
    let refund = all("recordings")
        .into_iter()
        .find(|one| one.file.starts_with("053-"))
        .unwrap();
    prepared.order(&refund);
    let shop = &prepared.shop;
    let body = json!({ "amount": "100.00", "api_refund": false }).to_string();
    for _ in 0..2 {
        let keys = [("authorization", KEYS)];
        let (status, _) = shop.ask("POST", &refund.request.path, &keys, &body).await;
        assert_eq!(status, 201);
    }
    let keys = [("authorization", KEYS)];
    let (_, order) = shop.ask("GET", "/wp-json/wc/v3/orders/26", &keys, "").await;
    assert_eq!(order["refunds"].as_array().unwrap().len(), 2);
}
