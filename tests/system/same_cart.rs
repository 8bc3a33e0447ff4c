//! The same cart in each engine, as the engine recorded it: what each makes of a coupon, of VAT and
//! of rounding, and what of it comes to kasse by its adapter. The snapshot lists the differences.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::{
    Context, CountedIds, Currency, Money, Order, OrderId, OrderRef, ShopId, TokioRuntime,
    Transport, TransportError,
};
use kasse_testkit::recordings::Recording;
use serde_json::{Map, Value, json};
use url::Url;

use crate::differences::differences;
use crate::shops;
use crate::support::workspace;

/// Who recorded which cart: engine and file.
const CARTS: [(&str, &[(&str, &str)]); 3] = [
    (
        "two cups of 79.90, a fire pan of 1249.00 (25 %), a cheese of 89.00 (15 %), 10 % off by a coupon, a delivery of 49.00",
        &[
            ("vendure", "10-order-get.json"),
            ("woocommerce", "018-order-get.json"),
            ("saleor", "009-order-get.json"),
            ("medusa", "08-order-get.json"),
        ],
    ),
    (
        "two cups of 79.90 and a fire pan of 1249.00 to Svalbard, where there is no VAT, a delivery of 149.00 (in Saleor a cheese, too)",
        &[
            ("woocommerce", "138-order-zero-vat.json"),
            ("saleor", "140-order-zero-vat.json"),
            ("medusa", "84-order-zero-vat.json"),
        ],
    ),
    (
        "a cup to Denmark, in Danish kroner, at the price that each shop had set",
        &[
            ("vendure", "73-order-dkk.json"),
            ("woocommerce", "139-order-dkk.json"),
            ("saleor", "141-order-dkk.json"),
        ],
    ),
];

/// An engine that gives one order, whatever it is asked.
#[derive(Debug)]
struct Engine(Value);

#[async_trait]
impl Transport for Engine {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let asked = String::from_utf8_lossy(request.body());
        let answer = if asked.contains("KasseLogin") {
            json!({ "data": { "login": { "__typename": "CurrentUser" } } })
        } else {
            self.0.clone()
        };
        let mut response = Response::new(Bytes::from(answer.to_string()));
        *response.status_mut() = StatusCode::OK;
        let session = "session".parse().unwrap();
        response.headers_mut().insert("vendure-auth-token", session);
        Ok(response)
    }
}

/// What an engine answers its adapter, made of what it recorded.
fn answer(engine: &str, recorded: &Value) -> (String, Value) {
    let id = |order: &Value, name: &str| match &order[name] {
        Value::String(id) => id.clone(),
        other => other.to_string(),
    };
    match engine {
        "vendure" => {
            let mut order = recorded["data"]["order"].clone();
            // What was paid by it already is nothing of the cart's.
            order["payments"] = json!([]);
            let answer = json!({ "data": { "orders": { "items": [order] } } });
            (id(&order, "code"), answer)
        }
        "woocommerce" => {
            let mut order = recorded.clone();
            order["kasse"] = json!({
                "return_url": "https://shop.example/thanks", "express": false, "language": "nb",
            });
            order["payment_method"] = "kasse_vipps".into();
            (id(&order, "id"), order)
        }
        "saleor" => {
            let mut order = recorded["data"]["order"].clone();
            order["__typename"] = "Order".into();
            order["totalPrice"] = order["total"].clone();
            for line in order["lines"].as_array_mut().unwrap() {
                line["undiscountedTotal"] = line["undiscountedTotalPrice"].clone();
                line["undiscountedTotalPrice"].take();
                line["productVariantId"] = line["variant"]["id"].clone();
                line["variant"].take();
            }
            order["transactions"].take();
            (id(&order, "id"), json!({ "data": { "order": order } }))
        }
        "medusa" => {
            let order = described(&recorded["order"]);
            (id(&order, "id"), order)
        }
        other => panic!("{other} recorded nothing"),
    }
}

/// Medusa's order as the piece in the shop describes it: the exact numbers, noise and all.
fn described(order: &Value) -> Value {
    let exact = |of: &Value, name: &str| match &of[format!("raw_{name}")]["value"] {
        Value::Null => of[name].clone(),
        raw => raw.clone(),
    };
    let priced = |list: &str, names: &[&str]| -> Value {
        let one = |of: &Value| {
            let names = names
                .iter()
                .map(|name| ((*name).to_owned(), of[*name].clone()));
            let mut one: Map<String, Value> = names.collect();
            for name in ["total", "original_total"] {
                one.insert(name.into(), exact(of, name));
            }
            let rates = of["tax_lines"].as_array().unwrap().iter();
            let rates = rates.map(|tax| json!({ "rate": exact(tax, "rate") }));
            one.insert("tax_lines".into(), rates.collect());
            Value::from(one)
        };
        order[list].as_array().unwrap().iter().map(one).collect()
    };
    json!({
        "id": order["id"], "cart_id": "cart_01", "order_id": order["id"],
        "display_id": order["display_id"], "status": order["status"],
        "currency_code": order["currency_code"], "total": exact(order, "total"),
        "credit_line_total": order["credit_line_total"],
        "items": priced("items", &["id", "variant_id", "title", "quantity"]),
        "shipping_methods": priced("shipping_methods", &["id", "shipping_option_id", "name"]),
        "payments": [],
    })
}

/// The order as its adapter gives it to kasse.
async fn neutral(engine: &str, recorded: &Value) -> Order {
    let (id, answer) = answer(engine, recorded);
    let start = "2026-11-22T12:00:00Z".parse().unwrap();
    let runtime = Arc::new(TokioRuntime::starting_at(start));
    let cx = Context::new(
        Arc::new(Engine(answer)),
        runtime,
        Arc::new(CountedIds::default()),
    );
    let flow = crate::engines::flow(&cx);
    let shop = ShopId::new(engine).unwrap();
    let plugin = kasse_core::registry::plugin(engine).unwrap();
    let adapter = (plugin.make)(Setup {
        flow: flow.shop_flow(&shop),
        engine: EngineConfig(shops::config(engine, Currency::Nok)),
        engine_url: Url::parse(&format!("https://kasse.example/engine/{engine}")).unwrap(),
        data: None,
    })
    .unwrap();
    let at = OrderRef::new(shop, OrderId::new(id).unwrap());
    let order = adapter.order(&cx, &at).await.unwrap();
    order.check().unwrap();
    order
}

/// What the engine itself says that the VAT is, in its own words.
fn own_vat(engine: &str, recorded: &Value) -> Value {
    match engine {
        "vendure" => {
            let order = &recorded["data"]["order"];
            let minor = |name: &str| order[name].as_i64().unwrap();
            let tax = minor("totalWithTax") - minor("total");
            Money::nok(tax).decimal().into()
        }
        "woocommerce" => recorded["total_tax"].clone(),
        "saleor" => recorded["data"]["order"]["total"]["tax"]["amount"].clone(),
        _ => recorded["order"]["tax_total"].clone(),
    }
}

/// The order, to be read by people: each line on one line, without the engine's ids.
fn shown(order: &Order, own_vat: Value) -> Value {
    let lines: Map<String, Value> = order
        .lines
        .iter()
        .zip(1..)
        .map(|(line, place)| {
            let text = format!(
                "{} × {}: {}, {} taken off, {} VAT, of it {}",
                line.quantity,
                line.name,
                line.total,
                line.discount,
                line.vat,
                line.vat.inside(line.total),
            );
            (format!("line {place}"), text.into())
        })
        .collect();
    let vat: i64 = order
        .lines
        .iter()
        .map(|line| line.vat.inside(line.total).minor)
        .sum();
    json!({
        "amount": order.amount.to_string(),
        "lines": lines,
        "VAT, from the lines": Money::new(vat, order.amount.currency).decimal(),
        "VAT, as the engine says": own_vat,
    })
}

#[tokio::test(start_paused = true)]
async fn the_same_cart_differs_in_each_engine_by_what_is_listed() {
    let mut all = Map::new();
    for (cart, engines) in CARTS {
        let mut orders = Vec::new();
        for (engine, file) in engines {
            let folder = workspace().join(format!("plugins/{engine}/tests/recordings"));
            let recordings = Recording::all(&folder).unwrap();
            let recording = recordings.into_iter().find(|one| one.file == *file);
            let recorded = recording.unwrap().response.unwrap().body;
            let order = neutral(engine, &recorded).await;
            orders.push((engine, shown(&order, own_vat(engine, &recorded))));
        }
        let (first, one) = orders.first().unwrap().clone();
        let mut listed = Map::new();
        for (engine, other) in &orders[1..] {
            let found = differences(&one, other);
            listed.insert(format!("{engine}, against {first}"), found.into());
        }
        all.insert(
            cart.to_owned(),
            json!({ "as it is in": { (*first).to_owned(): one }, "differences": listed }),
        );
    }
    insta::assert_json_snapshot!(all);
}
