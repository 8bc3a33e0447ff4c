//! A regular payment with nothing but its HTTP: the same calls in and out as with kasse, over the same
//! client, believed as they come. No journal, no keys checked, nothing kept but what the next call
//! needs.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use kasse_core::{ReqwestTransport, Transport};
use serde_json::{Value, json};

use crate::stage::MSN;

/// As kasse's own calls.
const LIMIT: Duration = Duration::from_secs(20);
const AMOUNT: i64 = 139_702;

#[derive(Debug)]
struct Raw {
    transport: ReqwestTransport,
    vipps: String,
    engine: String,
    token: Mutex<Option<String>>,
    /// How often kasse reads a payment after its callback, and after its capture.
    reads: [usize; 2],
}

pub(crate) fn play(port: u16, vipps: &str, engine: &str, reads: [usize; 2]) {
    let raw = Arc::new(Raw {
        transport: ReqwestTransport::new().unwrap(),
        vipps: vipps.to_owned(),
        engine: engine.to_owned(),
        token: Mutex::default(),
        reads,
    });
    super::serve(port, move |request| {
        let raw = Arc::clone(&raw);
        async move { raw.answer(&request).await }
    });
}

impl Raw {
    async fn answer(self: &Arc<Self>, request: &Request<Bytes>) -> Response<Bytes> {
        let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        let asked = || serde_json::from_slice::<Value>(request.body()).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        match path.as_slice() {
            ["engine", _, "initiate"] => {
                let cart = text(&asked()["order"]["id"]);
                let reference = format!("raw-{}", &cart[5..]);
                let body = initiate(&reference);
                let begun = self.call(Method::POST, "", &reference, Some(&body)).await;
                let redirect = &begun["url"];
                super::json(
                    200,
                    &json!({ "done": true, "reference": reference, "redirect": redirect }),
                )
            }
            ["engine", _, "capture"] => {
                let reference = text(&asked()["reference"]);
                let body = json!({
                    "merchantInfo": { "merchantSerialNumber": MSN },
                    "transaction": { "amount": AMOUNT, "transactionText": "An order" },
                });
                let path = format!("/{reference}/capture");
                self.call(Method::POST, &path, &reference, Some(&body))
                    .await;
                self.read(&reference, self.reads[1]).await;
                let (raw, named) = (Arc::clone(self), reference.clone());
                tokio::spawn(async move { raw.tell(&named, "captured").await });
                super::json(200, &json!({ "done": true, "reference": reference }))
            }
            ["vipps", _, "v2", "payments", reference] => {
                // As kasse: Vipps is answered first.
                let (raw, reference) = (Arc::clone(self), (*reference).to_owned());
                tokio::spawn(async move {
                    raw.read(&reference, raw.reads[0]).await;
                    raw.tell(&reference, "authorised").await;
                });
                Response::default()
            }
            _ => super::json(404, &Value::Null),
        }
    }

    async fn tell(&self, reference: &str, what: &str) {
        let body = json!({
            "order": reference,
            "reference": reference,
            "what": what,
            "currency_code": "nok",
            "sums": { "authorised": "1397.02", "captured": "0.00", "refunded": "0.00", "released": "0.00" },
        });
        let request = Request::post(format!("http://{}/kasse/record", self.engine))
            .header("content-type", "application/json")
            .body(body.to_string().into())
            .unwrap();
        self.send(request).await;
    }

    async fn read(&self, reference: &str, times: usize) {
        for _ in 0..times {
            let path = format!("/{reference}/details");
            let read = self.call(Method::GET, &path, reference, None).await;
            assert!(read["transactionLogHistory"].is_array(), "{read}");
        }
    }

    async fn call(&self, method: Method, path: &str, key: &str, body: Option<&Value>) -> Value {
        let token = self.token().await;
        let path = format!("/ecomm/v2/payments{path}");
        let request = self
            .request(method, &path)
            .header("authorization", format!("Bearer {token}"))
            .header("x-request-id", key)
            .header("content-type", "application/json")
            .body(body.map_or_else(Bytes::new, |body| body.to_string().into()))
            .unwrap();
        self.send(request).await
    }

    async fn token(&self) -> String {
        if let Some(token) = self.token.lock().unwrap().clone() {
            return token;
        }
        let request = self
            .request(Method::POST, "/accesstoken/get")
            .header("client_id", "fb492b5e-7907-4d83-ba20-c7fb60ca35de")
            .header("client_secret", "Y8Kteew6GE2ZmeycEt6egg==")
            .body(Bytes::new())
            .unwrap();
        let answer = self.send(request).await;
        let token = answer["access_token"].as_str().unwrap().to_owned();
        *self.token.lock().unwrap() = Some(token.clone());
        token
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.vipps))
            .header(
                "ocp-apim-subscription-key",
                "0f14ebcab0ec4b29ae0cb90d91b4a84a",
            )
            .header("merchant-serial-number", MSN)
            .header("vipps-system-name", "bench")
            .header("vipps-system-version", "1")
            .header("vipps-system-plugin-name", "bench")
            .header("vipps-system-plugin-version", "1")
    }

    async fn send(&self, request: Request<Bytes>) -> Value {
        let answer = self.transport.send(request, LIMIT).await.unwrap();
        let text = String::from_utf8_lossy(answer.body());
        assert!(answer.status().is_success(), "{} {text}", answer.status());
        serde_json::from_slice(answer.body()).unwrap()
    }
}

fn initiate(reference: &str) -> Value {
    json!({
        "customerInfo": {},
        "merchantInfo": {
            "authToken": "a-token",
            "callbackPrefix": "https://kasse.example/vipps/fjord",
            "fallBack": "https://kasse.example/return/fjord/a",
            "merchantSerialNumber": MSN,
        },
        "transaction": {
            "amount": AMOUNT,
            "orderId": reference,
            "transactionText": "An order",
        },
    })
}
