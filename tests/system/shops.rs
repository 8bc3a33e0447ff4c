//! The engines as their adapters see them, as far as a payment to Vipps needs one: each adapter's
//! configuration, and two deliveries.

use bytes::Bytes;
use http::{Request, StatusCode};
use kasse_core::Currency;
use serde_json::{Value, json};

// Named, so that they are linked.
use kasse_demo_shop as _;
use kasse_medusa as _;
use kasse_saleor as _;
use kasse_vendure as _;
use kasse_woocommerce as _;

/// All adapters of the project.
pub(crate) const ENGINES: [&str; 5] = ["demo-shop", "vendure", "woocommerce", "saleor", "medusa"];

/// A post code that no shop delivers to.
pub(crate) const UNSERVED: &str = "nowhere";

/// The engine's table of the configuration.
pub(crate) fn config(engine: &str, currency: Currency) -> Value {
    let secret = "s".repeat(32);
    match engine {
        "demo-shop" => json!({ "currency": currency, "site_url": "https://shop.example" }),
        "vendure" => json!({
            "api_url": "http://vendure.example/admin-api", "username": "kasse", "password": "p",
            "secret": secret, "return_url": "https://shop.example/{code}",
        }),
        "woocommerce" => json!({
            "site_url": "https://woocommerce.example", "consumer_key": "ck_1",
            "consumer_secret": "cs_1", "secret": secret,
        }),
        "saleor" => json!({
            "api_url": "https://saleor.example/graphql/", "app_token": "token",
            "return_url": "https://shop.example/{id}",
        }),
        "medusa" => json!({
            "url": "https://medusa.example", "secret": secret,
            "return_url": "https://shop.example/{cart}",
        }),
        other => panic!("{other} is no engine"),
    }
}

/// What an engine answers: deliveries when it is asked for them, and otherwise it is away. `None`: it
/// is Vipps who is asked.
pub(crate) fn answer(request: &Request<Bytes>, currency: Currency) -> Option<(StatusCode, Value)> {
    let body = || serde_json::from_slice::<Value>(request.body()).unwrap_or_default();
    let answer = match request.uri().host()? {
        "vendure.example" => vendure(&body(), currency),
        "woocommerce.example" => woocommerce(request.uri().path(), &body(), currency),
        "saleor.example" => saleor(&body(), currency),
        "medusa.example" => medusa(request.uri().path(), &body(), currency),
        _ => return None,
    };
    Some(match answer {
        Some(answer) => (StatusCode::OK, answer),
        None => (StatusCode::SERVICE_UNAVAILABLE, Value::Null),
    })
}

fn vendure(body: &Value, currency: Currency) -> Option<Value> {
    let query = body["query"].as_str()?;
    if query.contains("KasseLogin") {
        return Some(json!({ "data": { "login": { "__typename": "CurrentUser" } } }));
    }
    if !query.contains("KasseDeliveries") {
        return None;
    }
    let one = |id: &str, name: &str, price: i64| json!({ "id": id, "code": name, "name": name, "priceWithTax": price, "taxRate": 25 });
    let offered = match body["variables"]["address"]["postalCode"].as_str() {
        Some(UNSERVED) => vec![],
        _ => vec![one("1", "Standard", 4900), one("2", "Express", 9905)],
    };
    Some(json!({ "data": {
        "kasseDeliveries": offered,
        "orders": { "items": [{ "currencyCode": currency }] },
    } }))
}

fn woocommerce(path: &str, body: &Value, currency: Currency) -> Option<Value> {
    if !path.ends_with("/kasse/v1/deliveries") {
        return None;
    }
    let one = |id: &str, name: &str, cost: &str, price: &str, tax: &str| {
        json!({
            "id": id, "title": name, "price": price, "tax": tax,
            "packages": [{ "package": 0, "rate": id, "method_id": "flat_rate", "title": name, "cost": cost }],
        })
    };
    let offered = match body["address"]["post_code"].as_str() {
        Some(UNSERVED) => vec![],
        _ => vec![
            one("1", "Standard", "39.20", "49.00", "9.80"),
            one("2", "Express", "79.24", "99.05", "19.81"),
        ],
    };
    Some(json!({ "currency": currency, "deliveries": offered }))
}

fn saleor(body: &Value, currency: Currency) -> Option<Value> {
    let price = |gross: &str, net: &str| {
        let amount = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        json!({
            "gross": { "amount": amount(gross), "currency": currency },
            "net": { "amount": amount(net) },
        })
    };
    let query = body["query"].as_str()?;
    let written = if query.contains("KasseAddress") {
        let one = |id: &str, name: &str| json!({ "id": id, "name": name, "active": true });
        let offered = match body["variables"]["address"]["postalCode"].as_str() {
            Some(UNSERVED) => vec![],
            _ => vec![one("1", "Standard"), one("2", "Express")],
        };
        json!({ "checkout": {
            "channel": { "currencyCode": currency }, "shippingMethods": offered,
        }, "errors": [] })
    } else if query.contains("KasseDelivery") {
        let price = match body["variables"]["method"].as_str()? {
            "1" => price("49.0", "39.2"),
            _ => price("99.05", "79.24"),
        };
        json!({ "checkout": { "shippingPrice": price }, "errors": [] })
    } else {
        return None;
    };
    Some(json!({ "data": { "written": written } }))
}

fn medusa(path: &str, body: &Value, currency: Currency) -> Option<Value> {
    if path != "/kasse/deliveries" {
        return None;
    }
    let one = |id: &str, name: &str, price: &str, tax: &str| {
        json!({
            "id": id, "title": name, "price": price, "tax": tax,
            "packages": [{ "id": id, "title": name, "price": price, "tax": tax }],
        })
    };
    let offered = match body["address"]["post_code"].as_str() {
        Some(UNSERVED) => vec![],
        _ => vec![
            one("1", "Standard", "49", "9.8"),
            one("2", "Express", "99.05", "19.81"),
        ],
    };
    let currency = currency.code().to_lowercase();
    Some(json!({ "currency_code": currency, "deliveries": offered }))
}
