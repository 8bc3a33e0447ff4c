//! A stage: the simulator in this process, `kasse serve` as a process of its own that can be killed
//! and started again, and the demo shop in it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use kasse_core::{ReqwestTransport, Transport, TransportError};
use kasse_simulator::{Control, Options, PaymentState, PaymentView, Simulator};
use serde_json::{Value, json};

use crate::ports::port;

pub const MSN: &str = "123456";
/// How long anything may take that does come about. Nothing waits for it without asking again.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Stage {
    pub simulator: Simulator,
    pub folder: PathBuf,
    pub base: String,
    transport: Arc<dyn Transport>,
    server: Option<Child>,
    /// Variables for the next start of the server alone.
    pub environment: Vec<(String, String)>,
    /// How often the server was found dead and started again.
    pub restarts: usize,
}

impl Stage {
    /// A stage of its own: folder, ports, simulator. The server is not started yet.
    pub async fn new(name: &str) -> Self {
        let port = port();
        let resolve = format!("kasse.example=127.0.0.1:{port}").parse().unwrap();
        let options = Options {
            resolve: vec![resolve],
            ..Options::default()
        };
        let simulator = Simulator::start(options).await.unwrap();
        let folder =
            std::env::temp_dir().join(format!("kasse-{name}-{}-{port}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = format!(
            r#"
[server]
listen = "127.0.0.1:{port}"
admin_listen = "127.0.0.1:0"
public_url = "https://kasse.example"
data = "{data}"

[[installation_keys]]
id = "1"
key = "0123456789abcdef0123456789abcdef"

[accounts.main]
environment = "{vipps}"
merchant_serial_number = "{MSN}"
client_id = "fb492b5e-7907-4d83-ba20-c7fb60ca35de"
client_secret = "Y8Kteew6GE2ZmeycEt6egg=="
subscription_key = "0f14ebcab0ec4b29ae0cb90d91b4a84a"

[shops.fjord]
engine = "demo-shop"
name = "Fjord & Fjell"
account = "main"
reference_prefix = "fjord"

[shops.fjord.engine_config]
site_url = "http://127.0.0.1:{port}"
"#,
            data = folder.join("data").display(),
            vipps = simulator.url(),
        );
        std::fs::write(folder.join("kasse.toml"), config).unwrap();
        Self {
            simulator,
            folder,
            base: format!("http://127.0.0.1:{port}"),
            transport: Arc::new(ReqwestTransport::new().unwrap()),
            server: None,
            environment: Vec::new(),
            restarts: 0,
        }
    }

    pub fn vipps(&self) -> &Control {
        self.simulator.control()
    }

    /// Starts the server and waits until it is ready, or dead.
    pub async fn start(&mut self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log.txt"))
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kasse"));
        command
            .args(["serve", "--config"])
            .arg(self.folder.join("kasse.toml"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .envs(self.environment.drain(..));
        self.server = Some(command.spawn().unwrap());
        let give_up = Instant::now() + PATIENCE;
        while self.alive() {
            if let Ok((status, _)) = self.send(Method::GET, "/ready", &[], Bytes::new()).await
                && status == StatusCode::OK
            {
                return;
            }
            assert!(
                Instant::now() < give_up,
                "the server is not ready: {}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills the server, as a machine that is switched off would.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Changes the configuration, for the server's next start.
    pub fn configure(&self, change: impl FnOnce(&str) -> String) {
        let file = self.folder.join("kasse.toml");
        let config = change(&std::fs::read_to_string(&file).unwrap());
        std::fs::write(file, config).unwrap();
    }

    pub fn alive(&mut self) -> bool {
        self.server
            .as_mut()
            .is_some_and(|server| server.try_wait().unwrap().is_none())
    }

    /// Starts a server that died again, without what killed it.
    pub async fn revive(&mut self) {
        if !self.alive() {
            self.restarts += 1;
            assert!(
                self.restarts < 20,
                "the server dies again and again: {}",
                self.log()
            );
            self.start().await;
        }
    }

    /// How many files and sockets the server has open, as Linux tells it.
    pub fn open_files(&self) -> Option<usize> {
        let server = self.server.as_ref()?;
        let files = std::fs::read_dir(format!("/proc/{}/fd", server.id())).ok()?;
        Some(files.count())
    }

    /// The server's memory, as Linux tells it.
    pub fn memory(&self) -> Option<String> {
        let server = self.server.as_ref()?;
        let status = std::fs::read_to_string(format!("/proc/{}/status", server.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
        Some(
            line.split_whitespace()
                .skip(1)
                .collect::<Vec<_>>()
                .join(" "),
        )
    }

    pub fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// One request to the server.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), TransportError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        let answer = self
            .transport
            .send(request, Duration::from_secs(40))
            .await?;
        Ok((answer.status(), answer.into_body()))
    }

    /// A GET of an address elsewhere: the command line's door.
    pub async fn ask_elsewhere(&self, url: &str, authorization: &str) -> Response<Bytes> {
        let request = Request::get(url)
            .header("authorization", authorization)
            .body(Bytes::new())
            .unwrap();
        self.transport.send(request, PATIENCE).await.unwrap()
    }

    /// Asks the demo shop until it answers, starting the server again where it died.
    pub async fn shop(&mut self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let path = format!("/engine/fjord/api{path}");
            let bytes = if body.is_null() {
                Bytes::new()
            } else {
                body.to_string().into()
            };
            let json = [("content-type", "application/json")];
            let why = match self.send(method.clone(), &path, &json, bytes).await {
                Ok((status, body)) => {
                    return (status, serde_json::from_slice(&body).unwrap_or(Value::Null));
                }
                Err(why) => why,
            };
            assert!(
                Instant::now() < give_up,
                "{method} {path}: {why}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
            self.revive().await;
        }
    }

    /// Places an order and gives its number.
    pub async fn place(&mut self, express: Option<&str>) -> String {
        let items = json!([
            { "sku": "jumper", "quantity": 1 },
            { "sku": "mug", "quantity": 1 },
            { "sku": "coffee", "quantity": 1 },
        ]);
        let order = json!({ "items": items, "express": express });
        let (status, order) = self.shop(Method::POST, "/orders", order).await;
        assert!(status.is_success(), "{order}");
        order["number"].as_str().unwrap().to_owned()
    }

    /// Asks for the payment until it has begun, as a customer who presses the button again would.
    pub async fn pay(&mut self, number: &str) -> String {
        self.pay_or_paid(number)
            .await
            .expect("a payment that has begun")
    }

    /// The same. `None`: the shop says that it is paid.
    pub async fn pay_or_paid(&mut self, number: &str) -> Option<String> {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let path = format!("/orders/{number}/pay");
            let (status, answer) = self.shop(Method::POST, &path, json!({})).await;
            if status.is_success()
                && let Some(reference) = answer["reference"].as_str()
            {
                return Some(reference.to_owned());
            }
            if answer["kind"] == "already_paid" {
                return None;
            }
            assert!(
                Instant::now() < give_up,
                "{status} {answer}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The merchant acts, with a key: asked again, it is the same ask.
    pub async fn act(&mut self, number: &str, verb: &str, amount: Option<&str>, key: &str) {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let path = format!("/orders/{number}/{verb}");
            let mut body = json!({ "key": key });
            if let Some(amount) = amount {
                body["amount"] = amount.into();
            }
            let (status, answer) = self.shop(Method::POST, &path, body).await;
            if status.is_success() {
                return;
            }
            assert!(
                Instant::now() < give_up,
                "{verb}: {status} {answer}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the shop shows an order so.
    pub async fn shows(&mut self, number: &str, state: &str, sums: [&str; 4]) -> Value {
        let [reserved, captured, refunded, released] = sums;
        let give_up = Instant::now() + PATIENCE;
        loop {
            self.revive().await;
            let (_, order) = self
                .shop(Method::GET, &format!("/orders/{number}"), Value::Null)
                .await;
            let seen = &order["sums"];
            if order["state"] == state
                && seen["reserved"] == reserved
                && seen["captured"] == captured
                && seen["refunded"] == refunded
                && seen["released"] == released
            {
                return order;
            }
            assert!(
                Instant::now() < give_up,
                "the shop shows {} {seen}, not {state} {sums:?}\n{}",
                order["state"],
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until what the shop shows of an order is right.
    pub async fn shop_until(&mut self, number: &str, right: impl Fn(&Value) -> bool) -> Value {
        let give_up = Instant::now() + PATIENCE;
        loop {
            let (_, order) = self
                .shop(Method::GET, &format!("/orders/{number}"), Value::Null)
                .await;
            if right(&order) {
                return order;
            }
            assert!(Instant::now() < give_up, "{order}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The payments that ever were reserved at Vipps.
    pub fn reserved(&self) -> Vec<PaymentView> {
        self.vipps()
            .payments()
            .into_iter()
            .filter(|payment| payment.authorised > 0)
            .collect()
    }

    /// Stops everything and removes the folder.
    pub async fn end(mut self) {
        self.stop();
        std::fs::remove_dir_all(&self.folder).unwrap();
        let simulator = self.simulator;
        simulator.stop().await;
    }
}

/// Is the payment still waiting for its customer?
pub fn waits(payment: &PaymentView) -> bool {
    matches!(
        payment.state,
        PaymentState::Initiated | PaymentState::Opened
    )
}

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
