//! Plays recordings to the stand-in. Ids and keys of the recorded Medusa are put into the stand-in's
//! own: those of an answer are learnt by its fields.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use kasse_core::checklist::{StandIn, World};
use kasse_core::{ShopId, TokioRuntime};
use kasse_medusa::stand_in::{KEY, Medusa, PROVIDER, TOKEN};
use kasse_testkit::recordings::{Recording, shape_differences};
use serde_json::{Value, json};

use crate::kasse::Kasse;

pub(crate) struct Replay {
    pub(crate) medusa: Medusa,
    pub(crate) kasse: Arc<Kasse>,
    recordings: Vec<Recording>,
    ours: BTreeMap<String, String>,
    played: BTreeSet<String>,
    carts: Vec<String>,
}

impl Replay {
    pub(crate) fn new() -> Self {
        let kasse = Arc::new(Kasse::default());
        let start = "2026-11-22T12:00:00Z".parse().unwrap();
        let world = World {
            shop: ShopId::new("shop").unwrap(),
            engine_url: "https://kasse.example/engine/shop".parse().unwrap(),
            transport: kasse.clone(),
            clock: Arc::new(TokioRuntime::starting_at(start)),
        };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings");
        Self {
            medusa: Medusa::new(&world).unwrap(),
            kasse,
            recordings: Recording::all(&folder).unwrap(),
            ours: BTreeMap::new(),
            played: BTreeSet::new(),
            carts: Vec::new(),
        }
    }

    /// Something recorded is this with us.
    pub(crate) fn is(&mut self, recorded: &str, ours: &str) {
        self.ours.insert(recorded.to_owned(), ours.to_owned());
    }

    /// What something recorded is with us.
    pub(crate) fn ours(&self, recorded: &str) -> String {
        self.ours[recorded].clone()
    }

    fn put(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (recorded, ours) in &self.ours {
            text = text.replace(recorded, ours);
        }
        text
    }

    fn find(&self, number: &str) -> Recording {
        let is = |recording: &&Recording| recording.file.starts_with(&format!("{number}-"));
        let found = self.recordings.iter().find(is);
        found
            .unwrap_or_else(|| panic!("there is no recording {number}"))
            .clone()
    }

    /// What was answered.
    pub(crate) fn recorded(&self, number: &str) -> Value {
        self.find(number).response.unwrap().body
    }

    /// The id in a recorded path.
    pub(crate) fn path_id(&self, number: &str, kind: &str) -> String {
        let path = self.find(number).request.path;
        let id = path.split(['/', '?']).find(|piece| piece.starts_with(kind));
        id.unwrap().to_owned()
    }

    async fn send(&self, request: Request<Bytes>) -> (u16, Value) {
        let answer = self.medusa.handle(request).await;
        let body = serde_json::from_slice(answer.body()).unwrap();
        (answer.status().as_u16(), body)
    }

    /// Plays it: the status, the words of an error and every field that is answered are as recorded.
    pub(crate) async fn play(&mut self, number: &str) -> Value {
        let recording = self.find(number);
        let asked = &recording.request;
        let mut request = Request::builder()
            .method(asked.method.as_str())
            .uri(self.put(&asked.path));
        for (name, value) in &asked.headers {
            // The recorded merchant had a key, ours has signed in. A wrong key stays as it is.
            let merchant = name == "authorization" && number != "62";
            let value = match merchant {
                true => format!("Bearer {TOKEN}"),
                false => self.put(value),
            };
            request = request.header(name, value);
        }
        let body = match &asked.body {
            Value::Null => String::new(),
            body => self.put(&body.to_string()),
        };
        let (status, body) = self.send(request.body(Bytes::from(body)).unwrap()).await;
        let answered = recording.response.as_ref().unwrap();
        let file = &recording.file;
        assert_eq!(status, answered.status, "{file}: {body}");
        if status >= 400 {
            for word in ["type", "message"] {
                let recorded = answered.body.get(word).and_then(Value::as_str);
                let recorded = recorded.map(|text| self.put(text));
                let ours = body.get(word).and_then(Value::as_str);
                assert_eq!(ours, recorded.as_deref(), "{file}: {word}");
            }
        }
        let differences = shape_differences(&without_data(&answered.body), &without_data(&body));
        assert!(differences.is_empty(), "{file}: {differences:#?}");
        self.learn(&answered.body, &body);
        self.played.insert(recording.file);
        body
    }

    /// Medusa's last call of this kind in our piece had the fields that were recorded.
    pub(crate) fn called(&mut self, number: &str) {
        let recording = self.find(number);
        let method = recording.request.path.rsplit('/').next().unwrap();
        let calls = self.medusa.provider_calls();
        let ours = calls.iter().rfind(|(called, _)| *called == method);
        let (_, ours) = ours.unwrap_or_else(|| panic!("{method} was not called"));
        let file = &recording.file;
        let asked = without_data(&recording.request.body);
        let differences = shape_differences(&asked, &without_data(ours));
        assert!(differences.is_empty(), "{file}: {differences:#?}");
        // And none is missing.
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect();
        let (recorded, ours): (BTreeSet<String>, BTreeSet<String>) = (names(&asked), names(ours));
        assert_eq!(recorded, ours, "{file}");
        self.played.insert(recording.file);
    }

    fn learn(&mut self, recorded: &Value, ours: &Value) {
        match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => {
                for (name, value) in ours {
                    if let Some(recorded) = recorded.get(name) {
                        self.learn(recorded, value);
                    }
                }
            }
            (Value::Array(recorded), Value::Array(ours)) => {
                for (recorded, ours) in recorded.iter().zip(ours) {
                    self.learn(recorded, ours);
                }
            }
            (Value::String(recorded), Value::String(ours)) if recorded.contains("_01M8") => {
                let ours = ours.clone();
                self.ours.entry(recorded.clone()).or_insert(ours);
            }
            _ => {}
        }
    }

    // What was not recorded, but has to be there.

    async fn store(&self, path: &str, body: Value) -> Value {
        let request = Request::post(format!("/store{path}"))
            .header("x-publishable-api-key", KEY)
            .body(Bytes::from(body.to_string()))
            .unwrap();
        self.send(request).await.1
    }

    pub(crate) async fn admin(&self, method: &str, path: &str) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/admin{path}"))
            .header("authorization", format!("Bearer {TOKEN}"))
            .body(Bytes::new())
            .unwrap();
        self.send(request).await
    }

    /// The merchant captures a whole payment. Gives the status.
    pub(crate) async fn captures(&self, payment: &str) -> u16 {
        let path = format!("/payments/{payment}/capture");
        self.admin("POST", &path).await.0
    }

    /// A cart with an article, of somebody in a country.
    pub(crate) async fn cart(&mut self, sku: &str, country: &str) -> String {
        let address = json!({ "postal_code": "0190", "country_code": country });
        let body = json!({ "email": "kare@example.com", "shipping_address": address });
        let cart = self.store("/carts", body).await;
        let cart = cart["cart"]["id"].as_str().unwrap().to_owned();
        let body = json!({ "variant_id": format!("variant_{sku}"), "quantity": 1 });
        self.store(&format!("/carts/{cart}/line-items"), body).await;
        self.carts.push(cart.clone());
        cart
    }

    pub(crate) fn last_cart(&self) -> String {
        self.carts.last().unwrap().clone()
    }

    pub(crate) async fn collection(&self, cart: &str) -> String {
        let body = json!({ "cart_id": cart });
        let collection = self.store("/payment-collections", body).await;
        let id = &collection["payment_collection"]["id"];
        id.as_str().unwrap().to_owned()
    }

    async fn till(&mut self, sku: &str) -> (String, String) {
        self.kasse.says(crate::kasse::Says::Done);
        let cart = self.cart(sku, "no").await;
        let body = json!({ "option_id": "so_parcel" });
        let path = format!("/carts/{cart}/shipping-methods");
        self.store(&path, body).await;
        let collection = self.collection(&cart).await;
        let path = format!("/payment-collections/{collection}/payment-sessions");
        let begun = self.store(&path, json!({ "provider_id": PROVIDER })).await;
        let session = &begun["payment_collection"]["payment_sessions"][0]["id"];
        (cart, session.as_str().unwrap().to_owned())
    }

    /// A cart whose payment was begun: the cart and its session.
    pub(crate) async fn at_the_till(&mut self) -> (String, String) {
        self.till("mug").await
    }

    pub(crate) async fn complete(&self, cart: &str) -> Value {
        self.store(&format!("/carts/{cart}/complete"), json!({}))
            .await
    }

    /// An order and its payment.
    pub(crate) async fn ordered(&mut self, sku: &str) -> (String, String) {
        let (cart, _) = self.till(sku).await;
        let done = self.complete(&cart).await;
        let order = done["order"]["id"].as_str().unwrap().to_owned();
        let (_, shown) = self.admin("GET", &format!("/orders/{order}")).await;
        let payment = &shown["order"]["payment_collections"][0]["payments"][0]["id"];
        (order, payment.as_str().unwrap().to_owned())
    }

    /// How many were played: all that are on a path in use, and no other.
    pub(crate) fn all_played(&self, is_in_use: fn(&str, &str) -> bool) -> usize {
        let in_use = self.recordings.iter().filter(|recording| {
            let asked = &recording.request;
            is_in_use(&asked.method, &asked.path)
        });
        let in_use: BTreeSet<String> = in_use.map(|recording| recording.file.clone()).collect();
        assert_eq!(self.played, in_use);
        in_use.len()
    }
}

/// Without what a payment provider and its shop keep: the recorded ones were others.
fn without_data(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let value = match name.as_str() {
                    "data" | "metadata" => json!({}),
                    _ => without_data(value),
                };
                (name.clone(), value)
            });
            Value::Object(fields.collect())
        }
        Value::Array(list) => list.iter().map(without_data).collect(),
        other => other.clone(),
    }
}
