//! What the shops' engines call, rightly signed where the input does not say otherwise.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{HeaderName, HeaderValue};
use http::{Method, Request};
use kasse_core::ApiKind;
use kasse_core::piece::Piece;
use serde_json::{Value, json};
use sha2::Sha256;

use super::Target;
use crate::calls::play;
use crate::seeds::{body, exchanges, input};
use crate::world::{Prepared, START, Scene, World};

pub(super) const SECRET: &str = "kanari-secret-of-thirty-two-characters";

pub(super) fn targets() -> Vec<Target> {
    vec![
        Target {
            name: "demo-shop",
            about: "the demo shop's pages and its JSON",
            seeds: demo_calls,
            play: |data| play(demo(), data),
        },
        Target {
            name: "woocommerce",
            about: "the calls of the plugin in WooCommerce, and WooCommerce's webhooks",
            seeds: woo_calls,
            play: |data| play(woocommerce(), data),
        },
        Target {
            name: "saleor",
            about: "Saleor's webhooks, its manifest and its token",
            seeds: saleor_calls,
            play: |data| play(saleor(), data),
        },
        Target {
            name: "saleor-signature",
            about: "the headers of Saleor's signatures, and the keys that it is asked for",
            seeds: saleor_signatures,
            play: |data| play(unsigned_saleor(), data),
        },
        Target {
            name: "medusa",
            about: "the calls of the plugin in Medusa",
            seeds: medusa_calls,
            play: |data| play(medusa(), data),
        },
        Target {
            name: "vendure",
            about: "the calls of the plugin in Vendure",
            seeds: vendure_calls,
            play: |data| play(vendure(), data),
        },
    ]
}

// The demo shop.

const PAGE: &str = "\nhost: kasse.example\norigin: https://kasse.example\ncontent-type: application/x-www-form-urlencoded";

fn demo() -> &'static Prepared {
    static SCENE: OnceLock<Prepared> = OnceLock::new();
    SCENE.get_or_init(|| {
        let new = json!({ "items": [{ "sku": "mug", "quantity": 2 }], "express": "dynamic" });
        Prepared::new(Scene {
            make: Some(kasse_demo_shop::PLUGIN.make),
            config: json!({}),
            calls: vec![input(&[
                api("orders", &new),
                api("orders/1001/pay", &json!({})),
            ])],
            ..Scene::till(ApiKind::Ecom)
        })
    })
}

fn api(path: &str, body: &Value) -> String {
    format!("POST /engine/fjell/api/{path}\ncontent-type: application/json\n\n{body}")
}

/// The shop lives in the adapter, so each input begins with a shop of its own and places what it needs.
fn demo_calls() -> Vec<Vec<u8>> {
    let new = json!({
        "items": [{ "sku": "mug", "quantity": 2 }, { "sku": "coffee", "quantity": 1 }],
        "coupon": "TIER10", "express": "static", "phone": "+47 912 34 567",
    });
    let place = || {
        api(
            "orders",
            &json!({ "items": [{ "sku": "mug", "quantity": 2 }] }),
        )
    };
    let amount = json!({ "amount": "79.90", "key": "k1" });
    vec![
        input(&[api("orders", &new), api("orders/1001/pay", &json!({}))]),
        input(&[place(), api("orders/1001/capture", &amount)]),
        input(&[place(), api("orders/1001/refund", &amount)]),
        input(&[place(), api("orders/1001/cancel", &json!({}))]),
        input(&[
            place(),
            api(
                "orders/1001/change",
                &json!({ "items": [{ "sku": "book", "quantity": 1 }] }),
            ),
            "GET /engine/fjell/api/orders/1001".into(),
            "GET /engine/fjell/merchant/1001?done=yes".into(),
        ]),
        input(&[
            api("stock", &json!({ "sku": "mug", "stock": 0 })),
            api("down", &json!({ "down": true })),
            "GET /engine/fjell/api/orders".into(),
        ]),
        input(&[
            format!("POST /engine/fjell/cart/add{PAGE}\n\nsku=mug&quantity=2"),
            format!(
                "POST /engine/fjell/cart/coupon{PAGE}\ncookie: cart=00000000000000000000000000000001\n\ncoupon=TIER10"
            ),
            format!(
                "POST /engine/fjell/cart/express{PAGE}\ncookie: cart=00000000000000000000000000000001\n\n"
            ),
            "GET /engine/fjell/\naccept-language: fi".into(),
            "GET /engine/fjell/cart\ncookie: a=b; cart=00000000000000000000000000000001".into(),
        ]),
        input(&[
            place(),
            format!("POST /engine/fjell/merchant/1001/capture{PAGE}\n\namount=10.00&key=a%20b"),
        ]),
    ]
}

// The pieces in shops sign in one way.

fn signed_by_piece(world: &World, call: &mut Request<Bytes>) {
    let piece = Piece::new("piece", SECRET.into()).unwrap();
    piece.sign(&world.cx, call);
}

/// A recorded call, about the payment that is there.
fn ours(body: &str, verb: &str) -> String {
    let mut body: Value = serde_json::from_str(body).unwrap();
    if verb != "initiate" {
        body["reference"] = "{reference}".into();
        body["order"] = "{order}".into();
    }
    body.to_string()
}

/// The agreed calls of a folder: path and body.
fn agreed(folder: &str) -> Vec<(String, String)> {
    let all = exchanges(folder).into_iter();
    all.filter(|one| one["direction"] == "to-kasse")
        .map(|one| {
            let path = one["request"]["path"].as_str().unwrap().to_owned();
            let verb = path.rsplit('/').next().unwrap().to_owned();
            let body = ours(&body(&one["request"]), &verb);
            (path, body)
        })
        .collect()
}

fn posts(calls: &[(String, String)]) -> Vec<Vec<u8>> {
    let all: Vec<String> = calls
        .iter()
        .map(|(path, body)| format!("POST {path}\ncontent-type: application/json\n\n{body}"))
        .collect();
    let mut seeds: Vec<Vec<u8>> = all.iter().map(|call| input(&[call.clone()])).collect();
    // One after the other: a capture before a refund.
    for (number, first) in all.iter().enumerate() {
        let next = &all[(number + 1) % all.len()];
        seeds.push(input(&[first.clone(), next.clone()]));
    }
    seeds
}

fn first(calls: &[(String, String)], path: &str) -> Vec<Vec<u8>> {
    let (path, body) = calls.iter().find(|(at, _)| at.ends_with(path)).unwrap();
    vec![input(&[format!("POST {path}\n\n{body}")])]
}

// WooCommerce.

const WOO: &str = "plugins/woocommerce/tests/contract";
const WOO_WEBHOOKS: &str = "kanari-woo-webhooks";

pub(super) fn woo_scene() -> Scene {
    Scene {
        make: Some(kasse_woocommerce::PLUGIN.make),
        config: json!({
            "site_url": "https://shop.example/", "consumer_key": "ck_kanari",
            "consumer_secret": "cs_kanari", "secret": SECRET, "webhook_secret": WOO_WEBHOOKS,
            "storefront": "Fjell",
        }),
        calls: first(&agreed(WOO), "/initiate"),
        sign: |world, call| {
            if call.uri().path() == "/engine/fjell/webhook" {
                let mut mac = Hmac::<Sha256>::new_from_slice(WOO_WEBHOOKS.as_bytes()).unwrap();
                mac.update(call.body());
                let signature = STANDARD.encode(mac.finalize().into_bytes());
                put(call, "x-wc-webhook-signature", &signature);
            } else {
                signed_by_piece(world, call);
            }
        },
        secrets: &[SECRET, WOO_WEBHOOKS, "ck_kanari", "cs_kanari"],
        ..Scene::till(ApiKind::Ecom)
    }
}

fn woocommerce() -> &'static Prepared {
    static SCENE: OnceLock<Prepared> = OnceLock::new();
    SCENE.get_or_init(|| Prepared::new(woo_scene()))
}

fn woo_calls() -> Vec<Vec<u8>> {
    let mut seeds = posts(&agreed(WOO));
    for one in exchanges("plugins/woocommerce/tests/recordings") {
        if one["direction"] != "from-engine" {
            continue;
        }
        let topic = one["request"]["headers"]["x-wc-webhook-topic"].as_str();
        let call = format!(
            "POST /engine/fjell/webhook\nx-wc-webhook-topic: {}\n\n{}",
            topic.unwrap_or("order.updated"),
            body(&one["request"])
        );
        seeds.push(input(&[call]));
    }
    let ping = "POST /engine/fjell/webhook\ncontent-type: application/x-www-form-urlencoded\n\nwebhook_id=1";
    seeds.push(input(&[ping.to_owned()]));
    seeds
}

// Medusa.

const MEDUSA: &str = "plugins/medusa/tests/contract";

pub(super) fn medusa_scene() -> Scene {
    Scene {
        make: Some(kasse_medusa::PLUGIN.make),
        config: json!({
            "url": "https://medusa.example/", "secret": SECRET,
            "return_url": "https://shop.example/thanks?cart={cart}", "storefront": "Fjell",
        }),
        calls: first(&agreed(MEDUSA), "/initiate"),
        sign: signed_by_piece,
        secrets: &[SECRET],
        ..Scene::till(ApiKind::Epayment)
    }
}

fn medusa() -> &'static Prepared {
    static SCENE: OnceLock<Prepared> = OnceLock::new();
    SCENE.get_or_init(|| Prepared::new(medusa_scene()))
}

fn medusa_calls() -> Vec<Vec<u8>> {
    posts(&agreed(MEDUSA))
}

// Vendure.

pub(super) fn vendure_scene() -> Scene {
    Scene {
        make: Some(kasse_vendure::PLUGIN.make),
        config: json!({
            "api_url": "https://vendure.example/admin-api", "username": "kasse@shop.example",
            "password": "kanari-password", "secret": SECRET,
            "return_url": "https://shop.example/thanks/{code}", "storefront": "Fjell",
        }),
        calls: first(&vendure_asks(), "/initiate"),
        sign: signed_by_piece,
        secrets: &[SECRET, "kanari-password"],
        ..Scene::till(ApiKind::Ecom)
    }
}

fn vendure() -> &'static Prepared {
    static SCENE: OnceLock<Prepared> = OnceLock::new();
    SCENE.get_or_init(|| Prepared::new(vendure_scene()))
}

/// An order as the plugin in Vendure describes it: nothing else in the project has one as a file.
pub(super) fn vendure_order() -> Value {
    json!({
        "id": "1", "code": "JZDXSFBU4HFAZ2XY", "state": "ArrangingPayment", "currencyCode": "NOK",
        "languageCode": "nb", "customer": { "phoneNumber": "+4790012345" },
        "shippingAddress": { "phoneNumber": null },
        "lines": [
            { "quantity": 2, "linePriceWithTax": 15_980, "proratedLinePriceWithTax": 14_382,
              "taxRate": 25, "productVariant": { "id": "11", "name": "Kaffekopp" } },
            { "quantity": 1, "linePriceWithTax": 8_900, "proratedLinePriceWithTax": 8_010,
              "taxRate": 15, "productVariant": { "id": "12", "name": "Kaffe" } },
        ],
        "shippingLines": [
            { "id": "1", "price": 3_920, "priceWithTax": 4_900, "discountedPriceWithTax": 4_900,
              "taxRate": 25, "shippingMethod": { "name": "Pakke" } },
        ],
        "surcharges": [{ "id": "1", "description": "Gave", "priceWithTax": 100, "taxRate": 25 }],
        "payments": [],
    })
}

fn vendure_asks() -> Vec<(String, String)> {
    let mut order = vendure_order();
    order["surcharges"] = json!([]);
    let act = json!({ "order": "{order}", "reference": "{reference}" });
    let refund = json!({
        "order": "{order}", "reference": "{reference}", "currencyCode": "NOK", "amount": 100,
        "refunded": 0, "refused": 0, "echo": "main/{reference}/3",
    });
    let calls = [
        ("initiate", json!({ "order": order, "amount": 27_292 })),
        (
            "initiate",
            json!({ "order": vendure_order(), "express": true }),
        ),
        ("capture", act.clone()),
        ("refund", refund),
        ("cancel", act),
    ];
    calls
        .map(|(verb, body)| (format!("/engine/fjell/{verb}"), body.to_string()))
        .into()
}

fn vendure_calls() -> Vec<Vec<u8>> {
    posts(&vendure_asks())
}

// Saleor.

const API: &str = "http://127.0.0.1:8000/graphql/";
const OLD_SECRET: &str = "kanari-saleor-webhook-secret";
pub(super) const SALEOR: &str = "plugins/saleor/tests/recordings";

pub(super) fn saleor_scene() -> Scene {
    Scene {
        make: Some(kasse_saleor::PLUGIN.make),
        config: json!({
            "api_url": API, "app_id": "acme.vipps.adapter", "app_token": "kanari-app-token",
            "return_url": "https://shop.example/thanks/{id}", "storefront": "Fjell",
            "webhook_secret": OLD_SECRET,
        }),
        otherwise: |request| {
            // Its keys: none that signs anything.
            if request.method() == Method::GET {
                return Some(json!({ "keys": [] }));
            }
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            let asked = body["query"].as_str().unwrap_or_default();
            asked.starts_with("query KasseAbout").then(|| {
                json!({ "data": {
                    "shop": { "version": "3.23.28" },
                    "app": { "id": "QXBwOjE=", "identifier": "acme.vipps.adapter" },
                } })
            })
        },
        calls: vec![input(&[webhook(
            "transaction_initialize_session",
            &initialize(),
        )])],
        sign: |_, call| {
            let mut mac = Hmac::<Sha256>::new_from_slice(OLD_SECRET.as_bytes()).unwrap();
            mac.update(call.body());
            let signature: String = mac
                .finalize()
                .into_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            put(call, "saleor-signature", &signature);
            put(call, "saleor-api-url", API);
        },
        secrets: &[OLD_SECRET, "kanari-app-token"],
        ..Scene::till(ApiKind::Epayment)
    }
}

fn saleor() -> &'static Prepared {
    static SCENE: OnceLock<Prepared> = OnceLock::new();
    SCENE.get_or_init(|| Prepared::new(saleor_scene()))
}

/// The same, where nothing is signed but by the input. Its payment was begun as above.
fn unsigned_saleor() -> &'static Prepared {
    static SCENE: OnceLock<Prepared> = OnceLock::new();
    SCENE.get_or_init(|| {
        let mut prepared = Prepared::new(saleor_scene());
        prepared.scene.sign = |_, call| put(call, "saleor-api-url", API);
        prepared
    })
}

fn recording(begins: &str) -> Value {
    let all = exchanges(SALEOR).into_iter();
    let event = |one: &Value| one["request"]["headers"]["saleor-event"] == begins;
    let mut found = all.filter(|one| one["direction"] == "from-engine" && event(one));
    found.next().unwrap()
}

/// The recorded checkout, as kasse's manifest asks for it.
pub(super) fn checkout() -> Value {
    let one = recording("transaction_initialize_session");
    let mut checkout = one["request"]["body"]["sourceObject"].clone();
    checkout["isShippingRequired"] = true.into();
    checkout["languageCode"] = "NB".into();
    checkout["deliveryMethod"] = json!({ "__typename": "ShippingMethod", "name": "Hentested" });
    checkout["transactions"] = json!([]);
    checkout
}

/// What a webhook's body is called in it.
fn typename(event: &str) -> String {
    let words = event.split('_').map(|word| {
        let (first, rest) = word.split_at(1);
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    words.collect()
}

fn made_now(event: &str, mut body: Value) -> Value {
    body["__typename"] = typename(event).into();
    body["issuedAt"] = START.into();
    body["version"] = "3.23.28".into();
    body["recipient"] = json!({ "id": "QXBwOjE=" });
    body
}

fn initialize() -> Value {
    let event = "transaction_initialize_session";
    let mut body = made_now(event, recording(event)["request"]["body"].clone());
    body["sourceObject"] = checkout();
    body
}

fn webhook(event: &str, body: &Value) -> String {
    format!("POST /engine/fjell/webhook\nsaleor-event: {event}\n\n{body}")
}

fn saleor_calls() -> Vec<Vec<u8>> {
    let mut seeds = vec![input(&[webhook(
        "transaction_initialize_session",
        &initialize(),
    )])];
    for mut express in [initialize()] {
        express["data"] = json!({ "express": true, "phone": "+4790012345" });
        seeds.push(input(&[webhook(
            "transaction_initialize_session",
            &express,
        )]));
    }
    for one in exchanges(SALEOR) {
        let Some(event) = one["request"]["headers"]["saleor-event"].as_str() else {
            continue;
        };
        let mut body = one["request"]["body"].clone();
        if !body.is_object() {
            continue;
        }
        for place in ["/transaction/pspReference", "/pspReference"] {
            if let Some(reference) = body.pointer_mut(place) {
                *reference = "{reference}".into();
            }
        }
        seeds.push(input(&[webhook(event, &made_now(event, body))]));
    }
    let token = json!({ "auth_token": "another-token" });
    seeds.push(input(&[format!("POST /engine/fjell/register\n\n{token}")]));
    seeds.push(input(&[
        "GET /engine/fjell/manifest".into(),
        "GET /engine/fjell/app".into(),
    ]));
    seeds
}

fn saleor_signatures() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    let keys = exchanges(SALEOR).into_iter().find(|one| {
        one["request"]["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("jwks.json"))
    });
    let keys = keys.map(|one| body(&one["response"])).unwrap_or_default();
    for event in ["transaction_charge_requested", "order_created"] {
        let one = recording(event);
        let signature = one["request"]["headers"]["saleor-signature"].as_str();
        let call = format!(
            "POST /engine/fjell/webhook\nsaleor-event: {event}\nsaleor-signature: {}\n\n{}",
            signature.unwrap_or_default(),
            body(&one["request"])
        );
        seeds.push(input(&[format!("SHOP 200\n\n{keys}"), call.clone()]));
        seeds.push(input(&[call]));
    }
    seeds
}

fn put(call: &mut Request<Bytes>, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).unwrap();
    call.headers_mut()
        .insert(HeaderName::from_static(name), value);
}
