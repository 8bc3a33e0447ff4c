//! Several shops in one kasse, over the real wire: each address, key, token and signature of one of
//! them, used at all the others. Nothing is told, and nothing is done. And what was rightly signed
//! once does nothing when it is sent again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use kasse_core::journal::{Journal, MemoryJournal};
use kasse_core::piece::Piece;
use kasse_core::{Context, RandomIds, ReqwestTransport, TokioRuntime, Transport, TransportError};
use kasse_server::v1::new_key;
use kasse_server::{Config, Parts, Service};
use kasse_simulator::{Options, SalesUnit, Simulator};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// Two shops of one sales unit, and one of another.
const SHOPS: [(&str, &str); 3] = [("fjord", "main"), ("berg", "main"), ("dal", "other")];
/// Shops of an engine that signs; the last two have one secret.
const SIGNING: [(&str, &str); 3] = [("nord", "n"), ("vest", "v"), ("soer", "v")];

/// The way to Vipps, and a look at what goes there: the simulator shows no secrets.
#[derive(Debug)]
struct Tap {
    inner: ReqwestTransport,
    begun: Mutex<Vec<Value>>,
}

#[async_trait]
impl Transport for Tap {
    async fn send(
        &self,
        request: Request<Bytes>,
        limit: Duration,
    ) -> Result<Response<Bytes>, TransportError> {
        if request.method() == Method::POST && request.uri().path() == "/ecomm/v2/payments" {
            let body = serde_json::from_slice(request.body()).unwrap();
            self.begun.lock().unwrap().push(body);
        }
        self.inner.send(request, limit).await
    }
}

/// All that gives its holder a right to something at one shop.
#[derive(Debug, Clone)]
struct Held {
    shop: String,
    reference: String,
    token: String,
    return_path: String,
    consent_path: String,
    redirect: String,
    key: String,
}

impl Held {
    /// What nobody else may be told.
    fn secrets(&self) -> [&str; 6] {
        let last = |path: &'_ str| path.rsplit('/').next().unwrap().len();
        let returned = &self.return_path[self.return_path.len() - last(&self.return_path)..];
        let consent = self.consent_path.split('/').nth(4).unwrap();
        [
            &self.reference,
            &self.token,
            returned,
            consent,
            &self.redirect,
            &self.key,
        ]
    }
}

struct Stage {
    simulator: Simulator,
    service: Service,
    journal: Arc<MemoryJournal>,
    tap: Arc<Tap>,
    folder: PathBuf,
    keys: Vec<String>,
}

fn secret(letter: &str) -> String {
    letter.repeat(32)
}

impl Stage {
    async fn start() -> Self {
        let other = SalesUnit {
            msn: "654321".into(),
            client_id: "0c5b7f8e-6a7e-4b8f-9d2e-4f1c1a2b3c4d".into(),
            client_secret: "another-secret".into(),
            subscription_key: "ffffebcab0ec4b29ae0cb90d91b4a84a".into(),
            ..SalesUnit::default()
        };
        let options = Options {
            units: vec![SalesUnit::default(), other],
            ..Options::default()
        };
        let simulator = Simulator::start(options).await.unwrap();
        let port = simulator.url().rsplit(':').next().unwrap().to_owned();
        let folder = format!("kasse-strangers-{}-{port}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let tap = Arc::new(Tap {
            inner: ReqwestTransport::new().unwrap(),
            begun: Mutex::default(),
        });
        let keys: Vec<_> = SHOPS.iter().map(|_| new_key().unwrap()).collect();
        let mut config = format!(
            r#"
                [server]
                listen = "127.0.0.1:0"
                public_url = "https://kasse.example"
                data = "{data}"
                [[installation_keys]]
                id = "1"
                key = "0123456789abcdef0123456789abcdef"
            "#,
            data = folder.join("data").display(),
        );
        for (account, msn, id, secret, subscription) in [
            (
                "main",
                "123456",
                "fb492b5e-7907-4d83-ba20-c7fb60ca35de",
                "Y8Kteew6GE2ZmeycEt6egg==",
                "0f14ebcab0ec4b29ae0cb90d91b4a84a",
            ),
            (
                "other",
                "654321",
                "0c5b7f8e-6a7e-4b8f-9d2e-4f1c1a2b3c4d",
                "another-secret",
                "ffffebcab0ec4b29ae0cb90d91b4a84a",
            ),
        ] {
            config += &format!(
                r#"
                    [accounts.{account}]
                    environment = "{}"
                    merchant_serial_number = "{msn}"
                    client_id = "{id}"
                    client_secret = "{secret}"
                    subscription_key = "{subscription}"
                "#,
                simulator.url(),
            );
        }
        for ((shop, account), key) in SHOPS.iter().zip(&keys) {
            config += &format!(
                r#"
                    [shops.{shop}]
                    engine = "demo-shop"
                    account = "{account}"
                    [shops.{shop}.engine_config]
                    site_url = "https://{shop}.example"
                    [[shops.{shop}.api_keys]]
                    id = "test"
                    sha256 = "{}"
                "#,
                key.sha256,
            );
        }
        config += r#"
            [shops.aust]
            engine = "saleor"
            account = "main"
            [shops.aust.engine_config]
            api_url = "http://127.0.0.1:9/graphql/"
            app_token = "token"
            return_url = "https://aust.example/{id}"
        "#;
        for (shop, letter) in SIGNING {
            config += &format!(
                r#"
                    [shops.{shop}]
                    engine = "medusa"
                    account = "main"
                    [shops.{shop}.engine_config]
                    url = "http://127.0.0.1:9"
                    secret = "{}"
                    return_url = "https://{shop}.example/{{cart}}"
                "#,
                secret(letter),
            );
        }
        std::fs::write(folder.join("kasse.toml"), config).unwrap();
        let journal = Arc::new(MemoryJournal::new());
        let service = serve(&folder, &journal, &tap).await;
        Self {
            simulator,
            service,
            journal,
            tap,
            folder,
            keys: keys
                .iter()
                .map(|key| key.key.expose_secret().to_owned())
                .collect(),
        }
    }

    /// Another kasse over the same journal, as after a restart.
    async fn restart(self) -> Self {
        self.service.shutdown().await;
        let service = serve(&self.folder, &self.journal, &self.tap).await;
        Self { service, ..self }
    }

    async fn send(&self, request: Request<Bytes>) -> (u16, String) {
        let sent = ReqwestTransport::new().unwrap();
        let answer = sent.send(request, Duration::from_secs(40)).await.unwrap();
        let headers = format!("{:?}", answer.headers());
        let body = String::from_utf8_lossy(answer.body()).into_owned();
        (answer.status().as_u16(), headers + &body)
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> (u16, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.service.addr()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Bytes::from(body.to_owned())).unwrap())
            .await
    }

    async fn v1(&self, key: &str, method: &str, path: &str, body: &str) -> (u16, String) {
        let bearer = format!("Bearer {key}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            // All of them take the same one.
            ("idempotency-key", "k-1"),
        ];
        self.ask(method, path, &headers, body).await
    }

    async fn demo(&self, shop: &str, path: &str, body: &Value) -> Value {
        let path = format!("/engine/{shop}/api{path}");
        let json = [("content-type", "application/json")];
        let (status, answer) = self.ask("POST", &path, &json, &body.to_string()).await;
        assert!((200..300).contains(&status), "{answer}");
        let json = answer
            .find("}{")
            .map_or(answer.as_str(), |at| &answer[at + 1..]);
        serde_json::from_str(json).unwrap()
    }

    /// Begins an express payment of the shop's first order, over `/v1`.
    async fn begin(&self, shop: &str, key: &str) -> Held {
        let items = json!([{ "sku": "mug", "quantity": 1 }]);
        let order = json!({ "items": items, "express": "dynamic" });
        let order = self.demo(shop, "/orders", &order).await;
        assert_eq!(order["number"], "1001");
        let (status, begun) = self
            .v1(key, "POST", "/v1/payments", r#"{"order": "1001"}"#)
            .await;
        assert_eq!(status, 201, "{begun}");
        let begun: Value = serde_json::from_str(&begun[begun.find("}{").unwrap() + 1..]).unwrap();
        let reference = begun["payment"]["reference"].as_str().unwrap().to_owned();
        let sent = self.tap.begun.lock().unwrap();
        let sent = sent
            .iter()
            .find(|sent| sent["transaction"]["orderId"] == reference.as_str())
            .unwrap();
        let info = &sent["merchantInfo"];
        let path = |field: &str| {
            let url = info[field].as_str().unwrap();
            url.strip_prefix("https://kasse.example")
                .unwrap()
                .to_owned()
        };
        Held {
            shop: shop.to_owned(),
            token: info["authToken"].as_str().unwrap().to_owned(),
            return_path: path("fallBack"),
            consent_path: path("consentRemovalPrefix") + "/v2/consents/somebody",
            redirect: begun["redirect"].as_str().unwrap().to_owned(),
            reference,
            key: key.to_owned(),
        }
    }

    /// A call of a shop's engine, signed.
    fn signed(&self, to: &str, letter: &str, verb: &str, body: &Value) -> Request<Bytes> {
        let url = format!("http://{}/engine/{to}/{verb}", self.service.addr());
        let mut request = Request::post(url)
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let piece = Piece::new("medusa", secret(letter).into()).unwrap();
        piece.sign(self.service.flow().context(), &mut request);
        request
    }

    async fn end(self) {
        self.service.shutdown().await;
        std::fs::remove_dir_all(&self.folder).unwrap();
        self.simulator.stop().await;
    }
}

async fn serve(folder: &std::path::Path, journal: &Arc<MemoryJournal>, tap: &Arc<Tap>) -> Service {
    let config = Config::load(Some(&folder.join("kasse.toml")), [], &Default::default()).unwrap();
    let parts = Parts {
        journal: Arc::<MemoryJournal>::clone(journal) as Arc<dyn Journal>,
        wire: kasse_vipps::wire(),
        context: Context::new(
            Arc::<Tap>::clone(tap),
            Arc::new(TokioRuntime::system()),
            Arc::new(RandomIds),
        ),
        listener: None,
    };
    Service::start_with(config, parts).await.unwrap()
}

const CALLBACK: &str = r#"{"merchantSerialNumber":"123456","orderId":"x","transactionInfo":{"amount":1,"status":"RESERVE"}}"#;
const ADDRESS: &str =
    r#"{"addressId":1,"addressLine1":"Vei 1","city":"Oslo","country":"NO","postCode":"0154"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn no_route_answers_with_another_shops_data() {
    let stage = Stage::start().await;
    let mut held = Vec::new();
    for ((shop, _), key) in SHOPS.iter().zip(&stage.keys) {
        held.push(stage.begin(shop, key).await);
    }
    // Each key at its own shop opens it, else this test could not fail.
    for own in &held {
        let Held {
            shop,
            reference,
            token,
            ..
        } = own;
        let payment = format!("/vipps/{shop}/v2/payments/{reference}");
        let shown = [("authorization", token.as_str())];
        assert_eq!(stage.ask("POST", &payment, &shown, CALLBACK).await.0, 200);
        let shipping = format!("{payment}/shippingDetails");
        let (status, quoted) = stage.ask("POST", &shipping, &shown, ADDRESS).await;
        assert_eq!(status, 200, "{quoted}");
        let (status, page) = stage.ask("GET", &own.return_path, &[], "").await;
        assert!(status == 200 && page.contains(reference), "{page}");
        assert_eq!(stage.ask("DELETE", &own.consent_path, &[], "").await.0, 200);
        let (status, shown) = stage
            .v1(&own.key, "GET", &format!("/v1/payments/{reference}"), "")
            .await;
        assert!(status == 200 && shown.contains(reference), "{shown}");
    }
    let before = commands(&stage).await;
    for own in &held {
        for other in held.iter().filter(|other| other.shop != own.shop) {
            at_vipps_addresses(&stage, own, other).await;
            over_v1(&stage, own, other).await;
            by_the_command_line(&stage, own, other).await;
        }
        for (to, letter) in SIGNING {
            by_an_engine(&stage, own, to, letter).await;
        }
    }
    assert_eq!(commands(&stage).await, before, "nothing was asked of Vipps");
    stage.end().await;
}

/// What was asked of Vipps for each payment.
async fn commands(stage: &Stage) -> Vec<String> {
    let payments = stage.journal.list(&Default::default()).await.unwrap();
    let mut all = Vec::new();
    for payment in payments {
        let commands = stage.journal.commands(&payment.id).await.unwrap();
        all.push(format!("{} {}", payment.id, commands.len()));
    }
    all
}

/// Nothing of the other's in an answer, but what was said to get it.
fn tells_nothing(asked: &str, answer: &(u16, String), of: &Held) {
    for secret in of.secrets() {
        assert!(
            !answer.1.contains(secret) || asked.contains(secret),
            "{asked} tells {secret}: {answer:?}"
        );
    }
}

/// What Vipps and customers show for `own`, at the addresses of `other`; and the other's for ours.
async fn at_vipps_addresses(stage: &Stage, own: &Held, other: &Held) {
    let turned =
        |path: &str| path.replace(&format!("/{}/", own.shop), &format!("/{}/", other.shop));
    let Held {
        shop, reference, ..
    } = own;
    let ours = format!("/vipps/{shop}/v2/payments/{reference}");
    let theirs = turned(&ours);
    let their_return = other.return_path.rsplit_once('-').unwrap().1;
    let mixed = own.return_path.rsplit_once('-').unwrap().0;
    let consent = own.consent_path.split('/').nth(4).unwrap();
    let their_consent = other.consent_path.split('/').nth(4).unwrap();
    for (method, path, token, status) in [
        ("POST", theirs.clone(), &own.token, 404),
        ("POST", theirs.clone(), &other.token, 404),
        ("POST", ours.clone(), &other.token, 401),
        ("POST", format!("{theirs}/shippingDetails"), &own.token, 404),
        (
            "POST",
            format!("{theirs}/shippingDetails"),
            &other.token,
            404,
        ),
        ("POST", format!("{ours}/shippingDetails"), &other.token, 401),
        ("GET", turned(&own.return_path), &own.token, 404),
        ("GET", format!("{mixed}-{their_return}"), &own.token, 404),
        ("DELETE", turned(&own.consent_path), &own.token, 404),
        (
            "DELETE",
            own.consent_path.replace(consent, their_consent),
            &own.token,
            404,
        ),
        ("POST", format!("/webhooks/main/{consent}"), &own.token, 404),
    ] {
        let body = match method {
            "POST" if path.ends_with("Details") => ADDRESS,
            "POST" => CALLBACK,
            _ => "",
        };
        let answer = stage
            .ask(method, &path, &[("authorization", token)], body)
            .await;
        assert_eq!(answer.0, status, "{method} {path} {answer:?}");
        tells_nothing(&path, &answer, own);
        tells_nothing(&path, &answer, other);
    }
}

/// Our payment, by the key of the other.
async fn over_v1(stage: &Stage, own: &Held, other: &Held) {
    let path = format!("/v1/payments/{}", own.reference);
    for (method, path, body, status) in [
        ("GET", path.clone(), "", 404),
        ("GET", format!("{path}/customer"), "", 404),
        ("POST", format!("{path}/capture"), "{}", 404),
        ("POST", format!("{path}/refund"), "{}", 404),
        ("POST", format!("{path}/cancel"), "{}", 404),
        (
            "GET",
            format!("/v1/payments?before={}", own.reference),
            "",
            404,
        ),
        ("GET", "/v1/payments".into(), "", 200),
        ("GET", "/v1/payments?order=1001".into(), "", 200),
        ("GET", "/v1/events".into(), "", 200),
        ("GET", "/v1/events?after=1".into(), "", 200),
        // The same order's number and the same key, and each has its own.
        ("POST", "/v1/payments".into(), r#"{"order": "1001"}"#, 201),
    ] {
        let answer = stage.v1(&other.key, method, &path, body).await;
        assert_eq!(answer.0, status, "{method} {path} {answer:?}");
        tells_nothing(&path, &answer, own);
        if method == "POST" && status == 201 {
            assert!(answer.1.contains(&other.reference), "{answer:?}");
        }
    }
}

/// Our payment, by the name of the other's shop, at the command line's door.
async fn by_the_command_line(stage: &Stage, own: &Held, other: &Held) {
    let file = std::fs::read(stage.folder.join("data/admin.json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    let bearer = format!("Bearer {}", file["token"].as_str().unwrap());
    let path = format!("/admin/payments/{}/{}", other.shop, own.reference);
    for (method, path) in [
        ("GET", path.clone()),
        ("POST", format!("{path}/capture")),
        ("POST", format!("{path}/refund")),
        ("POST", format!("{path}/cancel")),
    ] {
        let url = format!("http://{}{path}", stage.service.admin_addr());
        let request = Request::builder().method(method).uri(url);
        let request = request.header("authorization", &bearer).body(Bytes::new());
        let answer = stage.send(request.unwrap()).await;
        assert_eq!(answer.0, 404, "{method} {path} {answer:?}");
        tells_nothing(&path, &answer, own);
    }
}

/// Our payment, asked for by an engine that signs for another shop.
async fn by_an_engine(stage: &Stage, own: &Held, to: &str, letter: &str) {
    let body = json!({
        "order": "1001", "reference": own.reference,
        "currency_code": "nok", "amount": "1", "captured": "0", "refunded": "0",
    });
    for verb in ["details", "capture", "cancel", "refund"] {
        let request = stage.signed(to, letter, verb, &body);
        let path = request.uri().path().to_owned();
        let answer = stage.send(request).await;
        assert!((400..500).contains(&answer.0), "{path} {answer:?}");
        assert!(
            !answer.1.contains("sums") && !answer.1.contains("\"done\":true"),
            "{answer:?}"
        );
        tells_nothing(&(path + &own.reference), &answer, own);
        // Signed for one shop, sent to another: also where the two have one secret.
        for (other, _) in SIGNING.iter().filter(|(other, _)| *other != to) {
            let mut request = stage.signed(to, letter, verb, &body);
            let url = format!("http://{}/engine/{other}/{verb}", stage.service.addr());
            *request.uri_mut() = url.parse().unwrap();
            let answer = stage.send(request).await;
            assert_eq!(answer.0, 401, "{to} {other} {verb} {answer:?}");
            tells_nothing(&own.reference, &answer, own);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_made_of_the_configuration_and_not_of_what_a_request_says() {
    let stage = Stage::start().await;
    let own = stage.begin("fjord", &stage.keys[0]).await;
    let forged = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-prefix", "/evil.example"),
        ("forwarded", "host=evil.example;proto=gopher"),
    ];
    for (path, says) in [
        (
            "/engine/aust/manifest",
            "https://kasse.example/engine/aust/webhook",
        ),
        (own.return_path.as_str(), "https://fjord.example/"),
        ("/engine/fjord/", "<html"),
        ("/engine/fjord/api/orders/1001", "1001"),
    ] {
        let (status, answer) = stage.ask("GET", path, &forged, "").await;
        assert_eq!(status, 200, "{path} {answer}");
        assert!(answer.contains(says), "{path} {answer}");
        assert!(
            !answer.contains("evil") && !answer.contains("gopher"),
            "{path} {answer}"
        );
    }
    // Nor what Vipps is told.
    let items = json!({ "items": [{ "sku": "mug", "quantity": 1 }] });
    stage.demo("fjord", "/orders", &items).await;
    let mut headers = forged.to_vec();
    headers.push(("content-type", "application/json"));
    let path = "/engine/fjord/api/orders/1002/pay";
    let (status, begun) = stage.ask("POST", path, &headers, "{}").await;
    assert_eq!(status, 200, "{begun}");
    let sent = Value::from(stage.tap.begun.lock().unwrap().clone()).to_string();
    assert!(
        sent.contains("1002") && sent.contains("https://kasse.example/vipps/fjord"),
        "{sent}"
    );
    assert!(!sent.contains("evil") && !sent.contains("gopher"), "{sent}");
    stage.end().await;
}

/// A copy of a request, as whoever saw it would send it again.
fn again(request: &Request<Bytes>, addr: std::net::SocketAddr) -> Request<Bytes> {
    let url = format!("http://{addr}{}", request.uri().path());
    let mut copy = Request::post(url).body(request.body().clone()).unwrap();
    *copy.headers_mut() = request.headers().clone();
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_once_is_done_once_also_after_a_restart() {
    let stage = Stage::start().await;
    let body = json!({
        "order": {
            "id": "cart_01M816JFD56VDXPV40MBTPBNVD", "currency_code": "nok", "total": "100",
            "items": [{ "id": "item_1", "title": "Mug", "quantity": 1, "total": "100", "tax_lines": [{ "rate": 25 }] }],
            "shipping_methods": [],
        },
        "amount": "100", "session": "payses_1", "versions": { "medusa": "2.21.2" },
    });
    let begin = stage.signed("nord", "n", "initiate", &body);
    let copy = again(&begin, stage.service.addr());
    let first = stage.send(begin).await;
    assert!(first.0 == 200 && first.1.contains("redirect"), "{first:?}");
    let second = stage.send(copy).await;
    assert_eq!(second.0, 409, "{second:?}");
    assert!(!second.1.contains("redirect"), "{second:?}");
    assert_eq!(stage.tap.begun.lock().unwrap().len(), 1);

    // What was approved, captured by a call that is sent again and again.
    let reference = stage.tap.begun.lock().unwrap()[0]["transaction"]["orderId"].clone();
    let reference = reference.as_str().unwrap().to_owned();
    let vipps = stage.simulator.control();
    vipps
        .approve("123456", &reference, Default::default())
        .await
        .unwrap();
    let capture = json!({
        "order": "cart_01M816JFD56VDXPV40MBTPBNVD", "reference": reference,
        "currency_code": "nok", "amount": "40", "captured": "0", "of": "100",
    });
    let capture = stage.signed("nord", "n", "capture", &capture);
    let captured = || vipps_captured(&stage.simulator, &reference);
    let done = stage.send(again(&capture, stage.service.addr())).await;
    assert!(
        done.0 == 200 && done.1.contains("\"done\":true"),
        "{done:?}"
    );
    assert_eq!(captured(), 4_000);
    let repeated = stage.send(again(&capture, stage.service.addr())).await;
    assert_eq!((repeated.0, captured()), (409, 4_000), "{repeated:?}");

    // A kasse that was started anew has not heard of the call. It is the same ask, and is not done
    // twice.
    let stage = stage.restart().await;
    let repeated = stage.send(again(&capture, stage.service.addr())).await;
    assert_eq!(repeated.0, 200, "{repeated:?}");
    assert_eq!(vipps_captured(&stage.simulator, &reference), 4_000);
    let begun = stage.tap.begun.lock().unwrap().len();
    assert_eq!(begun, 1);
    stage.end().await;
}

fn vipps_captured(simulator: &Simulator, reference: &str) -> u64 {
    let payment = simulator.control().payment("123456", reference).unwrap();
    payment.captured
}
