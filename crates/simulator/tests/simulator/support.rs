//! A merchant to test with: a shop that answers, and a client that asks.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kasse_simulator::{
    Connection, Dial, Dialling, Options, PaymentView, Pipe, Resolve, SalesUnit, Simulator,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const MSN: &str = "123456";
pub(crate) const KEY: &str = "0f14ebcab0ec4b29ae0cb90d91b4a84a";
pub(crate) const CLIENT_ID: &str = "fb492b5e-7907-4d83-ba20-c7fb60ca35de";
pub(crate) const CLIENT_SECRET: &str = "Y8Kteew6GE2ZmeycEt6egg==";
pub(crate) const AUTH_TOKEN: &str = "9f86d081884c7d659a2feaa0c55ad015";

/// A call that the shop got.
#[derive(Debug, Clone)]
pub(crate) struct ShopCall {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl ShopCall {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|v| v.to_str().unwrap())
    }

    pub(crate) fn status(&self) -> String {
        self.json()["transactionInfo"]["status"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// What the shop does with a call: an answer, or none at all.
type Answers = Box<dyn Fn(&ShopCall) -> Option<Response<String>> + Send>;

#[derive(Clone)]
pub(crate) struct Shop {
    calls: Arc<Mutex<Vec<ShopCall>>>,
    answers: Arc<Mutex<Answers>>,
    delay: Arc<Mutex<Duration>>,
}

impl std::fmt::Debug for Shop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shop").finish_non_exhaustive()
    }
}

impl Dial for Shop {
    fn dial(&self, host: &str) -> Option<Dialling> {
        let shop = self.clone();
        (host == "shop.example").then(|| {
            let (theirs, ours) = tokio::io::duplex(1024);
            shop.open(ours);
            Box::pin(async move { Ok(Box::new(theirs) as Pipe) }) as Dialling
        })
    }
}

impl Shop {
    fn new() -> Self {
        Self {
            calls: Arc::default(),
            answers: Arc::new(Mutex::new(Box::new(usual))),
            delay: Arc::default(),
        }
    }

    async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shop = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shop.open(stream);
            }
        });
        address
    }

    fn open(&self, stream: impl Connection + 'static) {
        let shop = self.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let shop = shop.clone();
            async move { shop.serve(request).await }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service),
        );
    }

    async fn serve(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        let (parts, body) = request.into_parts();
        let body = body
            .collect()
            .await
            .map_err(std::io::Error::other)?
            .to_bytes();
        let call = ShopCall {
            method: parts.method.to_string(),
            path: parts.uri.to_string(),
            headers: parts.headers,
            body,
        };
        let answer = (self.answers.lock().unwrap())(&call);
        self.calls.lock().unwrap().push(call);
        let delay = *self.delay.lock().unwrap();
        tokio::time::sleep(delay).await;
        match answer {
            Some(answer) => Ok(answer.map(|body| Full::new(Bytes::from(body)))),
            None => std::future::pending().await,
        }
    }

    pub(crate) fn answers(
        &self,
        with: impl Fn(&ShopCall) -> Option<Response<String>> + Send + 'static,
    ) {
        *self.answers.lock().unwrap() = Box::new(with);
    }

    /// Every answer takes this long, by Tokio's clock.
    pub(crate) fn takes(&self, delay: Duration) {
        *self.delay.lock().unwrap() = delay;
    }

    /// Every shipping call gets this answer.
    pub(crate) fn quotes(&self, status: u16, body: impl Into<String>) {
        let body = body.into();
        self.answers(move |_| {
            Some(
                Response::builder()
                    .status(status)
                    .body(body.clone())
                    .unwrap(),
            )
        });
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<ShopCall> {
        self.calls.lock().unwrap().clone()
    }

    /// Takes the only call.
    pub(crate) fn only_call(&self) -> ShopCall {
        let mut calls = std::mem::take(&mut *self.calls.lock().unwrap());
        assert_eq!(calls.len(), 1, "{calls:#?}");
        calls.remove(0)
    }
}

/// The deliveries that the shop offers when all is well.
pub(crate) fn deliveries() -> Value {
    json!([
        {"isDefault": "N", "priority": 2, "shippingCost": 79.90, "shippingMethod": "Parcel", "shippingMethodId": "parcel"},
        {"isDefault": "Y", "priority": 1, "shippingCost": 49, "shippingMethod": "Mailbox", "shippingMethodId": "mailbox"},
    ])
}

fn usual(call: &ShopCall) -> Option<Response<String>> {
    let body = if call.path.ends_with("/shippingDetails") {
        let order = call.path.split('/').rev().nth(1).unwrap().to_owned();
        json!({"addressId": call.json()["addressId"], "orderId": order, "shippingDetails": deliveries()}).to_string()
    } else {
        String::new()
    };
    Some(Response::new(body))
}

/// An answer of the simulator's.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    /// The answer, which must be 200.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        if self.body.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// Status, group and code of Vipps' own error body.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let body = self.json();
        let error = body
            .get(0)
            .unwrap_or_else(|| panic!("not Vipps' error body: {self:?}"));
        let text = |name: &str| error[name].as_str().unwrap().to_owned();
        assert!(!text("contextId").is_empty());
        (self.status, text("errorGroup"), text("errorCode"))
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn send(
    stream: impl Connection + 'static,
    request: Request<String>,
) -> Result<Answer, hyper::Error> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let response = sender
        .send_request(request.map(|body| Full::new(Bytes::from(body))))
        .await?;
    let (parts, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    drop(sender);
    let _ = connection.await;
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

fn frozen() -> Options {
    Options {
        start: Some("2026-03-01T10:00:00Z".parse().unwrap()),
        frozen: true,
        ..Options::default()
    }
}

/// Simulator, shop and keys.
pub(crate) struct World {
    pub(crate) simulator: Simulator,
    pub(crate) shop: Shop,
    pub(crate) shop_address: Option<SocketAddr>,
    pub(crate) token: String,
}

impl World {
    /// A frozen clock and the one test unit.
    pub(crate) async fn start() -> Self {
        Self::with(SalesUnit::default()).await
    }

    pub(crate) async fn with(unit: SalesUnit) -> Self {
        let shop = Shop::new();
        let target = shop.listen().await;
        let resolve = Resolve {
            host: "shop.example".to_owned(),
            target,
        };
        let simulator = Simulator::start(Options {
            units: vec![unit],
            resolve: vec![resolve],
            ..frozen()
        })
        .await
        .unwrap();
        Self::of(simulator, shop, Some(target)).await
    }

    /// Without sockets, and counted.
    pub(crate) async fn within() -> Self {
        let shop = Shop::new();
        let options = Options {
            counted: true,
            ..frozen()
        };
        let simulator = Simulator::within(options, Arc::new(shop.clone())).unwrap();
        Self::of(simulator, shop, None).await
    }

    async fn of(simulator: Simulator, shop: Shop, shop_address: Option<SocketAddr>) -> Self {
        let mut world = Self {
            simulator,
            shop,
            shop_address,
            token: String::new(),
        };
        world.token = world.new_token().await;
        world
    }

    pub(crate) async fn new_token(&self) -> String {
        let request = Request::post("/accesstoken/get")
            .header("client_id", CLIENT_ID)
            .header("client_secret", CLIENT_SECRET)
            .header("Ocp-Apim-Subscription-Key", KEY)
            .body(String::new())
            .unwrap();
        self.send(request).await.ok()["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn try_send(&self, request: Request<String>) -> Result<Answer, hyper::Error> {
        match self.simulator.address() {
            Some(address) => send(TcpStream::connect(address).await.unwrap(), request).await,
            None => send(self.simulator.connect(), request).await,
        }
    }

    pub(crate) async fn send(&self, request: Request<String>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// A request with keys, and with a body if there is one.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Request<String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", self.simulator.url().rsplit('/').next().unwrap())
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Ocp-Apim-Subscription-Key", KEY);
        match body {
            Some(body) => request
                .header("Content-Type", "application/json")
                .body(body.to_string())
                .unwrap(),
            None => request.body(String::new()).unwrap(),
        }
    }

    pub(crate) async fn initiate(&self, order: &Value) -> Answer {
        self.send(self.request("POST", "/ecomm/v2/payments", Some(order)))
            .await
    }

    /// Initiates, and the customer approves.
    pub(crate) async fn reserved(&self, order_id: &str, amount: u64) {
        self.initiate(&regular(order_id, amount)).await.ok();
        self.simulator
            .control()
            .approve(MSN, order_id, Default::default())
            .await
            .unwrap();
    }

    pub(crate) async fn modify(
        &self,
        what: &str,
        order_id: &str,
        amount: Option<u64>,
        key: &str,
    ) -> Answer {
        self.send(self.modification(what, order_id, amount, key))
            .await
    }

    pub(crate) fn modification(
        &self,
        what: &str,
        order_id: &str,
        amount: Option<u64>,
        key: &str,
    ) -> Request<String> {
        let mut body = json!({
            "merchantInfo": {"merchantSerialNumber": MSN},
            "transaction": {"transactionText": what},
        });
        if let Some(amount) = amount {
            body["transaction"]["amount"] = amount.into();
        }
        let mut request = self.request(
            "POST",
            &format!("/ecomm/v2/payments/{order_id}/{what}"),
            Some(&body),
        );
        request
            .headers_mut()
            .insert("X-Request-Id", key.parse().unwrap());
        request
    }

    pub(crate) async fn capture(&self, order_id: &str, amount: Option<u64>, key: &str) -> Answer {
        self.modify("capture", order_id, amount, key).await
    }

    pub(crate) async fn refund(&self, order_id: &str, amount: Option<u64>, key: &str) -> Answer {
        self.modify("refund", order_id, amount, key).await
    }

    pub(crate) async fn cancel(&self, order_id: &str, release: bool) -> Answer {
        let mut body = json!({
            "merchantInfo": {"merchantSerialNumber": MSN},
            "transaction": {"transactionText": "No socks"},
        });
        if release {
            body["shouldReleaseRemainingFunds"] = true.into();
        }
        self.send(self.request(
            "PUT",
            &format!("/ecomm/v2/payments/{order_id}/cancel"),
            Some(&body),
        ))
        .await
    }

    pub(crate) async fn details(&self, order_id: &str) -> Answer {
        self.send(self.request(
            "GET",
            &format!("/ecomm/v2/payments/{order_id}/details"),
            None,
        ))
        .await
    }

    /// The operations of the history, newest first.
    pub(crate) async fn operations(&self, order_id: &str) -> Vec<String> {
        let details = self.details(order_id).await.ok();
        let history = details["transactionLogHistory"].as_array().unwrap().clone();
        history
            .iter()
            .map(|e| e["operation"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) fn payment(&self, order_id: &str) -> PaymentView {
        self.simulator.control().payment(MSN, order_id).unwrap()
    }

    pub(crate) async fn pass(&self, minutes: u64) {
        self.simulator
            .control()
            .advance(Duration::from_secs(minutes * 60))
            .await;
    }

    /// A new token after the clock moved beyond the old one's end.
    pub(crate) async fn pass_days(&mut self, days: u64) {
        self.pass(days * 24 * 60).await;
        self.token = self.new_token().await;
    }

    /// A call to the HTTP controls.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let path = format!("/__simulator/{path}");
        self.send(
            Request::builder()
                .method(method)
                .uri(path)
                .body(body)
                .unwrap(),
        )
        .await
    }
}

/// A regular initiate.
pub(crate) fn regular(order_id: &str, amount: u64) -> Value {
    json!({
        "customerInfo": {},
        "merchantInfo": {
            "merchantSerialNumber": MSN,
            "callbackPrefix": "https://shop.example/vipps",
            "fallBack": format!("https://shop.example/order/{order_id}?from=vipps"),
            "authToken": AUTH_TOKEN,
        },
        "transaction": {"orderId": order_id, "amount": amount, "transactionText": "Two pairs of socks"},
    })
}

/// An express initiate whose deliveries the shop is asked for.
pub(crate) fn express(order_id: &str, amount: u64) -> Value {
    let mut order = regular(order_id, amount);
    order["merchantInfo"]["paymentType"] = "eComm Express Payment".into();
    order["merchantInfo"]["consentRemovalPrefix"] =
        "https://shop.example/vipps/secret-segment".into();
    order["merchantInfo"]["shippingDetailsPrefix"] = "https://shop.example/vipps".into();
    order
}

/// An express initiate that brings its deliveries along.
pub(crate) fn express_static(order_id: &str, amount: u64) -> Value {
    let mut order = express(order_id, amount);
    order["merchantInfo"]
        .as_object_mut()
        .unwrap()
        .remove("shippingDetailsPrefix");
    order["merchantInfo"]["staticShippingDetails"] = deliveries();
    order
}

/// JSON, to be looked at.
pub(crate) fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap()
}
