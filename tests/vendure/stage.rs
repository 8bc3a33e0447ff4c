//! The simulator in this process; `kasse serve` and Vendure as processes of their own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use kasse_core::{ReqwestTransport, Transport, TransportError};
use kasse_simulator::{Approval, Control, Options, PaymentView, Simulator};
use serde_json::Value;

pub(crate) const MSN: &str = "123456";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef-of-the-shop";
/// How long anything may take that does come about. Nothing waits for it without asking again.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) folder: PathBuf,
    pub(crate) kasse: String,
    pub(crate) vendure: String,
    installed: PathBuf,
    transport: Arc<dyn Transport>,
    server: Option<Child>,
    shop: Option<Child>,
}

impl Stage {
    /// Everything, started and ready.
    pub(crate) async fn start(installed: &Path) -> Self {
        let [port, shop_port, _] = ports();
        let resolve = format!("kasse.example=127.0.0.1:{port}").parse().unwrap();
        let options = Options {
            resolve: vec![resolve],
            ..Options::default()
        };
        let simulator = Simulator::start(options).await.unwrap();
        let folder = std::env::temp_dir().join(format!("kasse-vendure-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let vendure = format!("http://127.0.0.1:{shop_port}");
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

[shops.fjell]
engine = "vendure"
name = "Fjell"
account = "main"
reference_prefix = "fjell"

[shops.fjell.engine_config]
api_url = "{vendure}/admin-api"
username = "kasse@shop.example"
password = "kasse-password"
secret = "{SECRET}"
return_url = "{vendure}/thanks/{{code}}"
storefront = "Fjell"
"#,
            data = folder.join("data").display(),
            vipps = simulator.url(),
        );
        std::fs::write(folder.join("kasse.toml"), config).unwrap();
        let mut stage = Self {
            simulator,
            folder,
            kasse: format!("http://127.0.0.1:{port}"),
            vendure,
            installed: installed.to_path_buf(),
            transport: Arc::new(ReqwestTransport::new().unwrap()),
            server: None,
            shop: None,
        };
        stage.start_kasse().await;
        stage.start_vendure().await;
        stage
    }

    fn log(&self, name: &str) -> std::fs::File {
        let path = self.folder.join(name);
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap()
    }

    async fn start_kasse(&mut self) {
        let log = self.log("kasse.log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kasse"));
        command
            .args(["serve", "--config"])
            .arg(self.folder.join("kasse.toml"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null());
        self.server = Some(command.spawn().unwrap());
        let ready = format!("{}/ready", self.kasse);
        self.until("kasse is ready", async |stage| {
            let answer = stage.get(&ready).await.ok()?;
            (answer.0 == StatusCode::OK).then_some(())
        })
        .await;
    }

    /// Starts Vendure, with the database that it had; the first time it fills its shop.
    pub(crate) async fn start_vendure(&mut self) {
        let log = self.log("vendure.log");
        let size = log.metadata().unwrap().len();
        let mut command = Command::new("node");
        command
            .arg("dist/shop/serve.js")
            .current_dir(&self.installed)
            .env("SHOP_PORT", self.vendure.rsplit(':').next().unwrap())
            .env("SHOP_DATABASE", self.folder.join("shop.sqlite"))
            .env("KASSE_URL", &self.kasse)
            .env("KASSE_SHOP", "fjell")
            .env("KASSE_SECRET", SECRET)
            .env("NO_COLOR", "1")
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null());
        self.shop = Some(command.spawn().unwrap());
        self.until("Vendure is ready", async |stage| {
            let log = std::fs::read(stage.folder.join("vendure.log")).ok()?;
            let new = log.get(usize::try_from(size).unwrap()..)?;
            String::from_utf8_lossy(new)
                .contains("shop ready")
                .then_some(())
        })
        .await;
    }

    /// Stops Vendure, as a service manager does.
    pub(crate) fn stop_vendure(&mut self) {
        let mut shop = self.shop.take().unwrap();
        let asked = Command::new("kill")
            .args(["-TERM", &shop.id().to_string()])
            .status();
        assert!(asked.unwrap().success());
        shop.wait().unwrap();
    }

    pub(crate) fn vipps(&self) -> &Control {
        self.simulator.control()
    }

    /// A payment, as Vipps has it.
    pub(crate) fn at_vipps(&self, reference: &str) -> PaymentView {
        self.vipps().payment(MSN, reference).unwrap()
    }

    /// The customer approves in the app.
    pub(crate) async fn approve(&self, reference: &str) -> kasse_simulator::Acted {
        self.vipps()
            .approve(MSN, reference, Approval::default())
            .await
            .unwrap()
    }

    /// How often an operation reached Vipps.
    pub(crate) fn calls(&self, reference: &str, operation: &str) -> usize {
        let end = format!("/{reference}/{operation}");
        let filter = kasse_simulator::ExchangeFilter::default();
        let exchanges = self.vipps().exchanges(&filter);
        exchanges
            .iter()
            .filter(|exchange| exchange.url.ends_with(&end))
            .count()
    }

    /// The command that merchants run.
    pub(crate) fn payments(&self, arguments: &[&str]) -> Value {
        let output = Command::new(env!("CARGO_BIN_EXE_kasse"))
            .args(["payments", "--json", "--data"])
            .arg(self.folder.join("data"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Asks again until there is an answer.
    pub(crate) async fn until<T>(&self, what: &str, ask: impl AsyncFn(&Self) -> Option<T>) -> T {
        let give_up = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = ask(self).await {
                return answer;
            }
            assert!(Instant::now() < give_up, "it never came: {what}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn get(&self, url: &str) -> Result<(StatusCode, Bytes), TransportError> {
        let (status, _, body) = self.send(Method::GET, url, &[], Bytes::new()).await?;
        Ok((status, body))
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes), TransportError> {
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).unwrap();
        let answer = self
            .transport
            .send(request, Duration::from_secs(40))
            .await?;
        let (parts, body) = answer.into_parts();
        Ok((parts.status, parts.headers, body))
    }

    pub(crate) fn logs(&self) -> String {
        let tail = |name: &str| {
            let log = std::fs::read(self.folder.join(name)).unwrap_or_default();
            let log = String::from_utf8_lossy(&log).into_owned();
            let lines: Vec<&str> = log.lines().collect();
            format!(
                "--- {name}\n{}\n",
                lines[lines.len().saturating_sub(30)..].join("\n")
            )
        };
        tail("kasse.log") + &tail("vendure.log")
    }

    /// Stops everything and removes the folder.
    pub(crate) async fn end(mut self) {
        self.stop();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }

    fn stop(&mut self) {
        for child in [&mut self.shop, &mut self.server] {
            if let Some(mut child) = child.take() {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Three free ports in a row, below those that the system hands out by itself.
fn ports() -> [u16; 3] {
    let mut first = u16::try_from(5_000 + (std::process::id() * 7) % 9_000).unwrap();
    loop {
        let three = [first, first + 1, first + 2];
        if three
            .iter()
            .all(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        {
            return three;
        }
        first += 3;
    }
}
