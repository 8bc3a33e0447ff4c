//! Every request of the ePayment API, from every adapter: pinned byte for byte, alike whichever
//! engine the order came from, and valid by Vipps' published schema.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_core::flow::Shop;
use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::{
    AccountId, Adapter, ApiKind, Context, CountedIds, Currency, Flow, Initiate, Language, Money,
    Order, OrderId, OrderRef, Outcome, Part, ReceiptWish, ReferencePrefix, ShopId, Target,
    TokioRuntime, Transport, TransportError, Verb, Wishes,
};
use serde_json::{Value, json};
use url::Url;

use crate::differences::differences;
use crate::shops::{self, ENGINES, UNSERVED};

const CURRENCIES: [Currency; 3] = [Currency::Nok, Currency::Dkk, Currency::Eur];
/// How an order is paid: an express order's kind, and whether a receipt goes with it.
const CASES: [(&str, Option<&str>, ReceiptWish); 5] = [
    ("regular", None, ReceiptWish::Off),
    ("regular_receipt", None, ReceiptWish::AtCreate),
    ("express_dynamic", Some("dynamic"), ReceiptWish::Off),
    ("express_fixed", Some("static"), ReceiptWish::Off),
    ("express_receipt", Some("dynamic"), ReceiptWish::AtCreate),
];

/// Vipps with one payment, and beside it an engine that offers two deliveries.
#[derive(Debug)]
struct World {
    currency: Currency,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was sent to Vipps, without the asking for tokens.
    sent: Vec<Request<Bytes>>,
    reference: String,
    amount: i64,
    /// With the delivery.
    authorised: i64,
    captured: i64,
    refunded: i64,
    cancelled: i64,
    /// The chosen delivery: its id and name.
    delivery: Option<(String, String, i64)>,
    events: Vec<Value>,
}

impl World {
    fn money(&self, minor: i64) -> Value {
        json!({ "currency": self.currency, "value": minor })
    }

    fn happen(&self, state: &mut State, name: &str, minor: i64, key: &Value) {
        let number = state.events.len() + 1;
        state.events.push(json!({
            "reference": state.reference,
            "pspReference": format!("psp-{number}"),
            "name": name,
            "amount": self.money(minor),
            "timestamp": format!("2026-11-22T12:00:{number:02}.5333258Z"),
            "idempotencyKey": key,
            "success": true,
        }));
    }

    fn payment(&self, state: &State) -> Value {
        let approved = state.authorised > 0;
        let mut payment = json!({
            "aggregate": {
                "authorizedAmount": self.money(state.authorised),
                "cancelledAmount": self.money(state.cancelled),
                "capturedAmount": self.money(state.captured),
                "refundedAmount": self.money(state.refunded),
            },
            "amount": self.money(state.amount),
            "state": if approved { "AUTHORIZED" } else { "CREATED" },
            "paymentMethod": { "type": "WALLET" },
            "profile": {},
            "pspReference": "psp-1",
            "redirectUrl": "https://landing.vipps.no?token=sample-landing-token",
            "reference": state.reference,
        });
        if let Some((id, name, cost)) = &state.delivery {
            payment["shippingDetails"] = json!({
                "address": {
                    "addressLine1": "Robert Levins gate 5", "addressLine2": "",
                    "city": "Oslo", "country": country(self.currency).0, "postCode": country(self.currency).1,
                },
                "shippingCost": cost,
                "shippingOptionId": id,
                "shippingOptionName": name,
            });
            payment["userDetails"] = json!({
                "firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com",
                "mobileNumber": "4791234567",
            });
        }
        payment
    }

    /// What Vipps answers.
    fn vipps(&self, request: &Request<Bytes>) -> (StatusCode, Value) {
        let path = request.uri().path().to_owned();
        if path.contains("accesstoken") {
            let token =
                json!({ "token_type": "Bearer", "expires_in": "3600", "access_token": "token" });
            return (StatusCode::OK, token);
        }
        let mut state = self.state.lock().unwrap();
        state.sent.push(request.clone());
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let key = request.headers().get("idempotency-key");
        let key = key.map_or(Value::Null, |key| key.to_str().unwrap().into());
        let modified = body["modificationAmount"]["value"]
            .as_i64()
            .unwrap_or_default();
        let state = &mut *state;
        match (request.method().as_str(), path.rsplit('/').next().unwrap()) {
            ("POST", "payments") => {
                body["reference"]
                    .as_str()
                    .unwrap()
                    .clone_into(&mut state.reference);
                state.amount = body["amount"]["value"].as_i64().unwrap();
                self.happen(state, "CREATED", state.amount, &key);
                let redirect = "https://landing.vipps.no?token=sample-landing-token";
                let answer = json!({ "reference": state.reference, "redirectUrl": redirect });
                return (StatusCode::CREATED, answer);
            }
            ("GET", "events") => return (StatusCode::OK, Value::from(state.events.clone())),
            ("GET", _) => {}
            (_, "capture") => {
                state.captured += modified;
                self.happen(state, "CAPTURED", modified, &key);
            }
            (_, "refund") => {
                state.refunded += modified;
                self.happen(state, "REFUNDED", modified, &key);
            }
            (_, "cancel") => {
                state.cancelled = state.authorised - state.captured;
                self.happen(state, "CANCELLED", state.cancelled, &key);
            }
            (_, other) => panic!("{other} is not asked for"),
        }
        (StatusCode::OK, self.payment(state))
    }

    /// The customer approves, with the first delivery of these groups where there are some.
    fn approve(&self, groups: Option<&Value>) {
        let mut state = self.state.lock().unwrap();
        let state = &mut *state;
        let mut amount = state.amount;
        if let Some(groups) = groups {
            let option = &groups[0]["options"][0];
            let cost = option["amount"]["value"].as_i64().unwrap();
            let text = |name: &str| option[name].as_str().unwrap().to_owned();
            state.delivery = Some((text("id"), text("name"), cost));
            amount += cost;
        }
        state.authorised = amount;
        self.happen(state, "AUTHORIZED", amount, &Value::Null);
    }

    fn sent(&self) -> Vec<Request<Bytes>> {
        self.state.lock().unwrap().sent.clone()
    }
}

#[async_trait]
impl Transport for World {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        let (status, answer) =
            shops::answer(&request, self.currency).unwrap_or_else(|| self.vipps(&request));
        let mut response = Response::new(Bytes::from(answer.to_string()));
        *response.status_mut() = status;
        let session = "session".parse().unwrap();
        response.headers_mut().insert("vendure-auth-token", session);
        Ok(response)
    }
}

/// The country of a currency, and a post code in it.
fn country(currency: Currency) -> (&'static str, &'static str) {
    match currency {
        Currency::Nok => ("NO", "0154"),
        Currency::Dkk => ("DK", "1050"),
        Currency::Eur => ("FI", "00100"),
    }
}

/// One shop of one engine, over the ePayment API.
struct Played {
    world: Arc<World>,
    flow: Flow,
    cx: Context,
    adapter: Arc<dyn Adapter>,
    shop: ShopId,
}

fn context(transport: Arc<World>) -> Context {
    let start = "2026-11-22T12:00:00Z".parse().unwrap();
    let runtime = Arc::new(TokioRuntime::starting_at(start));
    Context::new(transport, runtime, Arc::new(CountedIds::default()))
}

impl Played {
    fn new(engine: &str, currency: Currency, receipt: ReceiptWish) -> Self {
        let world = Arc::new(World {
            currency,
            state: Mutex::default(),
        });
        let cx = context(Arc::clone(&world));
        let flow = crate::engines::flow(&cx);
        let shop = ShopId::new(engine).unwrap();
        let plugin = kasse_core::registry::plugin(engine).unwrap();
        let engine_url = format!("https://kasse.example/engine/{engine}");
        let adapter = (plugin.make)(Setup {
            flow: flow.shop_flow(&shop),
            engine: EngineConfig(shops::config(engine, currency)),
            engine_url: Url::parse(&engine_url).unwrap(),
            data: None,
        })
        .unwrap();
        let configured = Shop {
            id: shop.clone(),
            name: "Fjell".into(),
            account: AccountId::new("main").unwrap(),
            api: ApiKind::Epayment,
            prefix: ReferencePrefix::new(engine).unwrap(),
            language: Language::Nb,
            wishes: Wishes {
                receipt,
                ..Wishes::default()
            },
        };
        flow.add_shop(configured, Arc::clone(&adapter)).unwrap();
        Self {
            world,
            flow,
            cx,
            adapter,
            shop,
        }
    }

    /// An order of the demo shop, as the neutral order that any adapter could have given.
    async fn order(&self, currency: Currency, express: Option<&str>) -> Order {
        // The shop of its own currency; its ids are not those of the payment.
        let demo = Self::new("demo-shop", currency, ReceiptWish::Off);
        let mut order = demo.place(express).await;
        order.at = OrderRef::new(self.shop.clone(), order.at.order);
        order
    }

    /// Places the order in the demo shop.
    async fn place(&self, express: Option<&str>) -> Order {
        let order = json!({
            "items": [{ "sku": "hat", "quantity": 1 }, { "sku": "chocolate", "quantity": 3 }, { "sku": "book", "quantity": 1 }],
            "coupon": "KASSE10", "express": express, "phone": "+47 923 45 678",
        });
        let request = Request::post("/api/orders")
            .body(Bytes::from(order.to_string()))
            .unwrap();
        // A clock and ids of its own: those of the payment are counted from the same beginning.
        let ask = self
            .adapter
            .read(&context(Arc::clone(&self.world)), &request)
            .await
            .unwrap();
        assert!(matches!(ask.verb, Verb::Answered(_)));
        let at = OrderRef::new(self.shop.clone(), OrderId::new("1001").unwrap());
        self.adapter.order(&self.cx, &at).await.unwrap()
    }

    /// Plays a payment from its beginning to its end. What we answered to shipping calls, where there
    /// were some: the first with deliveries, the second for an address that is not served.
    async fn play(&self, express: Option<&str>) -> Vec<Response<Bytes>> {
        let currency = self.world.currency;
        if self.shop.as_str() == "demo-shop" {
            self.place(express).await;
        }
        let order = self.order(currency, express).await;
        let at = order.at.clone();
        let outcome = self
            .adapter
            .initiate(&self.cx, Initiate { order, key: None })
            .await;
        assert!(matches!(outcome, Outcome::Started(_)), "{outcome:?}");
        let create: Value = serde_json::from_slice(self.world.sent()[0].body()).unwrap();
        let mut answers = Vec::new();
        let mut groups = create["shipping"].get("fixedOptions").cloned();
        if let Some(dynamic) = create["shipping"].get("dynamicOptions") {
            let (_, post_code) = country(currency);
            for post_code in [post_code, UNSERVED] {
                let reference = &create["reference"];
                let answered = self.ask_for_deliveries(dynamic, reference, post_code).await;
                answers.push(answered);
            }
            let statuses: Vec<StatusCode> = answers.iter().map(Response::status).collect();
            assert_eq!(statuses, [StatusCode::OK, StatusCode::BAD_REQUEST]);
            let body: Value = serde_json::from_slice(answers[0].body()).unwrap();
            groups = Some(body["groups"].clone());
        }
        self.world.approve(groups.as_ref());
        let target = Target::order(at);
        let flow = self.adapter.flow();
        let outcome = flow.details(&self.cx, &target).await;
        assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        let part = Part::of(Money::new(1005, currency));
        for outcome in [
            flow.capture(&self.cx, &target, &part).await,
            flow.cancel(&self.cx, &target).await,
            flow.refund(&self.cx, &target, &Part::rest()).await,
        ] {
            assert!(matches!(outcome, Outcome::Done(_)), "{outcome:?}");
        }
        answers
    }

    /// Vipps' shipping call, as the payment asks for it.
    async fn ask_for_deliveries(
        &self,
        dynamic: &Value,
        reference: &Value,
        post_code: &str,
    ) -> Response<Bytes> {
        let (country, _) = country(self.world.currency);
        let url = Url::parse(dynamic["callbackUrl"].as_str().unwrap()).unwrap();
        let token = dynamic["callbackAuthorizationToken"].as_str().unwrap();
        let body = json!({
            "reference": reference, "addressLine1": "Robert Levins gate 5", "addressLine2": "",
            "city": "Oslo", "country": country, "postCode": post_code,
        });
        let request = Request::post(url.path())
            .header("authorization", token)
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        self.flow.handle(request).await
    }
}

/// A request, or an answer, to be read by people.
fn shown(headers: &http::HeaderMap, body: &Bytes, to: &str) -> Value {
    let headers: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
        .collect();
    json!({
        "to": to,
        "headers": headers,
        "body": serde_json::from_slice::<Value>(body)
            .unwrap_or_else(|_| String::from_utf8_lossy(body).into()),
    })
}

fn request_shown(request: &Request<Bytes>) -> Value {
    let to = format!("{} {}", request.method(), request.uri());
    shown(request.headers(), request.body(), &to)
}

/// Keys by their place: how many ids the flow has used up before says nothing. Each is another one.
fn name_keys(sent: &mut [Value]) {
    let mut seen = std::collections::HashSet::new();
    let keys = sent
        .iter_mut()
        .filter_map(|request| request.pointer_mut("/headers/idempotency-key"));
    for (key, place) in keys.zip(1..) {
        assert!(seen.insert(key.to_string()), "{key} is there twice");
        *key = format!("key {place}").into();
    }
}

/// The requests without repetitions: a payment is read many times, with the same bytes.
fn once(sent: Vec<Request<Bytes>>) -> Vec<Request<Bytes>> {
    let mut seen = std::collections::HashSet::new();
    let reading = |request: &Request<Bytes>| request.method() == http::Method::GET;
    sent.into_iter()
        .filter(|request| !reading(request) || seen.insert(request.uri().to_string()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_request_of_every_adapter_is_pinned() {
    for engine in ENGINES {
        for (case, express, receipt) in CASES {
            let mut pinned = serde_json::Map::new();
            for currency in CURRENCIES {
                let played = Played::new(engine, currency, receipt);
                let answers = played.play(express).await;
                let sent = once(played.world.sent());
                let named = |end: &str| {
                    sent.iter()
                        .any(|request| request.uri().path().ends_with(end))
                };
                for operation in ["payments", "events", "capture", "cancel", "refund"] {
                    assert!(
                        named(operation),
                        "{engine} {case} {currency}: no {operation}"
                    );
                }
                let mut all: Vec<Value> = sent.iter().map(request_shown).collect();
                name_keys(&mut all);
                for answer in answers {
                    let to = format!("answered {}", answer.status());
                    all.push(shown(answer.headers(), answer.body(), &to));
                }
                pinned.insert(currency.to_string(), all.into());
            }
            insta::assert_json_snapshot!(format!("{engine}_{case}"), pinned);
        }
    }
}

/// Reference, return address, shipping call, token and system names, and the ids of deliveries
/// where the flow makes them of the reference: nothing else.
const MAY_DIFFER: [&str; 8] = [
    "/body/reference",
    "/body/returnUrl",
    "/body/shipping/dynamicOptions/callbackUrl",
    "/body/shipping/dynamicOptions/callbackAuthorizationToken",
    "/headers/vipps-system-name",
    "/headers/vipps-system-version",
    "/headers/vipps-system-plugin-name",
    "/headers/vipps-system-plugin-version",
];

#[tokio::test(start_paused = true)]
async fn the_same_neutral_order_gives_the_same_bytes_from_every_adapter() {
    for (case, express, receipt) in CASES {
        for currency in CURRENCIES {
            let mut all = Vec::new();
            for engine in ENGINES {
                let played = Played::new(engine, currency, receipt);
                let order = played.order(currency, express).await;
                let outcome = played
                    .adapter
                    .initiate(&played.cx, Initiate { order, key: None })
                    .await;
                assert!(matches!(outcome, Outcome::Started(_)), "{outcome:?}");
                let request = played.world.sent().remove(0);
                let bytes = String::from_utf8(request.body().to_vec()).unwrap();
                all.push((request_shown(&request), alike(&bytes, engine)));
            }
            let (one, bytes) = all.remove(0);
            for ((other, same), engine) in all.into_iter().zip(&ENGINES[1..]) {
                let found = differences(&one, &other);
                let place = |difference: &String| difference.split(": ").next().unwrap().to_owned();
                let odd: Vec<&String> = found
                    .iter()
                    .filter(|difference| !MAY_DIFFER.contains(&place(difference).as_str()))
                    .collect();
                assert!(odd.is_empty(), "{engine} {case} {currency}: {odd:#?}");
                assert!(
                    found.len() >= 3,
                    "{engine} {case} {currency}: nothing tells the engines apart"
                );
                // Byte for byte, the order of the fields and the spaces too.
                assert_eq!(bytes, same, "{engine} {case} {currency}");
            }
        }
    }
}

/// The bytes without the shop's name, and without what is made of it: tokens.
fn alike(bytes: &str, engine: &str) -> String {
    let bytes = bytes.replace(engine, "{shop}");
    let words = bytes.split_inclusive(|c: char| !c.is_ascii_hexdigit());
    words
        .map(|word| if word.len() > 32 { "{token}" } else { word })
        .collect()
}

/// Vipps' published description, which lies beside the workspace where there is one.
fn published() -> Option<Value> {
    let path = crate::support::workspace()
        .join("../shared/reference/openapi/epayment-v1.8.1-2025-11.openapi.yaml");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: Vipps' published schema is not there: nothing is compared with it");
        return None;
    };
    Some(serde_yaml_ng::from_str(&text).unwrap())
}

/// No field that is not described: Vipps may refuse it.
fn nothing_else(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".into(), json!(false));
            }
            fields.values_mut().for_each(nothing_else);
        }
        Value::Array(items) => items.iter_mut().for_each(nothing_else),
        _ => {}
    }
}

fn problems(published: &Value, schema: Value, body: &Value) -> Vec<String> {
    let mut schemas = published["components"]["schemas"].clone();
    let mut schema = schema;
    nothing_else(&mut schemas);
    nothing_else(&mut schema);
    let schema = json!({ "allOf": [schema], "components": { "schemas": schemas } });
    // The description is OpenAPI 3.0, whose schemas read as draft 4.
    let validator = jsonschema::draft4::new(&schema).unwrap();
    let errors = validator.iter_errors(body);
    errors
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_pinned_body_is_valid_by_the_published_schema() {
    let Some(published) = published() else { return };
    let named = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let groups = &published["components"]["responses"]["ShippingGroupsResponse"]["content"]["application/json;charset=UTF-8"]
        ["schema"];
    assert!(groups.is_object());
    let mut compared = 0;
    for engine in ENGINES {
        for (case, express, receipt) in CASES {
            for currency in CURRENCIES {
                let played = Played::new(engine, currency, receipt);
                let answers = played.play(express).await;
                let of = |path: &str| match path.rsplit('/').next().unwrap() {
                    "payments" => named("CreatePaymentRequest"),
                    "capture" => named("CaptureModificationRequest"),
                    "refund" => named("RefundModificationRequest"),
                    "cancel" => named("CancelModificationRequest"),
                    other => panic!("{other} has no body"),
                };
                let bodies = played
                    .world
                    .sent()
                    .into_iter()
                    .filter(|request| !request.body().is_empty());
                let mut all: Vec<(Value, Bytes)> = bodies
                    .map(|request| (of(request.uri().path()), request.into_body()))
                    .collect();
                let offered = answers
                    .into_iter()
                    .filter(|answer| answer.status() == StatusCode::OK);
                all.extend(offered.map(|answer| (groups.clone(), answer.into_body())));
                for (schema, body) in all {
                    let body: Value = serde_json::from_slice(&body).unwrap();
                    let found = problems(&published, schema, &body);
                    assert!(
                        found.is_empty(),
                        "{engine} {case} {currency}: {found:#?} in {body}"
                    );
                    compared += 1;
                }
            }
        }
    }
    // Four requests each, and the answers to the shipping calls of two cases.
    assert_eq!(compared, ENGINES.len() * 3 * (5 * 4 + 2));
}
