//! kasse with one shop and one account, in a folder of its own, and payments in it.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use kasse_core::piece::Piece;
use kasse_core::{Context, RandomIds, ReqwestTransport, TokioRuntime};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::load;
use crate::process::{Process, on_kasses_core};
use crate::rows::Run;
use crate::wire::{Client, request};

/// What kasse and the engine's stand-in sign their calls with.
pub(crate) const SECRET: &str = "change-me-change-me-change-me-too";
pub(crate) const MSN: &str = "123456";
/// What shop software shows; its hash stands in the configuration.
pub(crate) const API_KEY: &str = "kasse_bench_key_0123456789abcdef0123456789abcdef";

/// The shop's engine.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Engine {
    /// Runs within kasse: what is measured is kasse alone.
    DemoShop,
    /// Elsewhere: the player `engine`.
    Medusa(SocketAddr),
    /// Elsewhere: Vendure itself, or what stands before it.
    Vendure(SocketAddr),
}

#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) kasse: Process,
    pub(crate) address: SocketAddr,
    pub(crate) vipps: SocketAddr,
    pub(crate) folder: PathBuf,
    _vipps: Process,
}

/// A payment that has begun, as Vipps knows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Begun {
    pub(crate) reference: String,
    /// What Vipps shows when it calls.
    pub(crate) token: String,
    /// The path under which it does.
    pub(crate) path: String,
    pub(crate) amount: i64,
    pub(crate) express: bool,
    pub(crate) at: Timestamp,
}

impl Begun {
    /// Vipps tells that the customer has approved.
    pub(crate) fn callback(&self) -> Vec<u8> {
        self.signed(
            &format!("{}/v2/payments/{}", self.path, self.reference),
            &self.callback_body(),
        )
    }

    pub(crate) fn callback_body(&self) -> String {
        json!({
            "merchantSerialNumber": MSN,
            "orderId": self.reference,
            "transactionInfo": {
                "amount": self.amount,
                "status": "RESERVED",
                "timeStamp": self.at,
                "transactionId": "5001420062",
            },
        })
        .to_string()
    }

    /// Vipps asks for deliveries. Each number is another house in the same street.
    pub(crate) fn shipping(&self, number: u64) -> Vec<u8> {
        let body = json!({
            "addressId": 3960,
            "addressLine1": format!("Storgata {number}"),
            "addressLine2": "",
            "country": "Norway",
            "city": "Oslo",
            "postCode": "0154",
            "addressType": "H",
        });
        self.signed(
            &format!(
                "{}/v2/payments/{}/shippingDetails",
                self.path, self.reference
            ),
            &body.to_string(),
        )
    }

    fn signed(&self, path: &str, body: &str) -> Vec<u8> {
        let headers = [
            ("content-type", "application/json"),
            ("authorization", &self.token),
        ];
        request("POST", path, &headers, body.as_bytes())
    }
}

impl Stage {
    /// kasse beside the stand-in for Vipps, which approves everything at once.
    pub(crate) fn start(run: &Run, name: &str, engine: Engine, wrapped: &[&str]) -> Self {
        let (vipps, address) = Process::player("vipps", &[]);
        Self::beside(run, name, engine, wrapped, (vipps, address), port())
    }

    /// kasse at this port, beside this Vipps. `wrapped`: the program that runs it, if any.
    pub(crate) fn beside(
        run: &Run,
        name: &str,
        engine: Engine,
        wrapped: &[&str],
        (player, vipps): (Process, SocketAddr),
        port: u16,
    ) -> Self {
        let folder = run.folder(name);
        let config = folder.join("kasse.toml");
        std::fs::write(&config, configuration(&folder, port, vipps, engine)).unwrap();
        let mut command = wrapped_on_kasses_core(wrapped, &run.kasse);
        command.args(["serve", "--config"]).arg(&config);
        let mut kasse = Process::start(&mut command, &folder.join("log.txt"));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        kasse.ready(address, "/ready");
        Self {
            kasse,
            address,
            vipps,
            folder,
            _vipps: player,
        }
    }

    /// So many customers press the button of the demo shop; with `express`, the express one.
    pub(crate) fn begin(&self, count: usize, express: bool) -> Vec<Begun> {
        let order = json!({
            "items": [
                { "sku": "jumper", "quantity": 1 },
                { "sku": "mug", "quantity": 1 },
                { "sku": "coffee", "quantity": 1 },
            ],
            "express": express.then_some("dynamic"),
        });
        load::each(self.address, 16, count, &|client, _| {
            let order = client
                .post("/engine/fjord/api/orders", &order)
                .unwrap()
                .json();
            let number = order["number"].as_str().unwrap();
            let pay = format!("/engine/fjord/api/orders/{number}/pay");
            client.post(&pay, &json!({})).unwrap().json();
        });
        self.begun()
    }

    /// So many customers press the button of the shop on Medusa; with `express`, the express one. That
    /// shop keeps nothing: there may be many.
    pub(crate) fn begin_elsewhere(&self, count: usize, express: bool) -> Vec<Begun> {
        let medusa = Medusa::new();
        load::each(self.address, 16, count, &|client, number| {
            let begin = medusa.begin(number, express);
            client.send(&begin).unwrap().json();
        });
        self.begun()
    }

    /// All that have begun, as Vipps knows them.
    pub(crate) fn begun(&self) -> Vec<Begun> {
        let known = Client::new(self.vipps).get("/payments").unwrap().json();
        serde_json::from_value(known).unwrap()
    }

    /// Each is called back once, and everything that follows from it is done.
    pub(crate) fn settle(&self, begun: &[Begun]) {
        load::each(self.address, 16, begun.len(), &|client, number| {
            let answer = client.send(&begun[number].callback()).unwrap();
            assert_eq!(answer.status, 200, "{}", self.log());
        });
        self.kasse.quiet();
    }

    /// The demo shop is there, or plays an engine that is away.
    pub(crate) fn down(&self, down: bool) {
        let path = "/engine/fjord/api/down";
        let answer = Client::new(self.address).post(path, &json!({ "down": down }));
        answer.unwrap().json();
    }

    /// What kasse said last.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.join("log.txt")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// The calls of a shop on Medusa, as agreed with the module that lives in a real one.
#[derive(Debug)]
pub(crate) struct Medusa {
    piece: Piece,
    context: Context,
    regular: String,
    express: String,
}

/// The cart of the agreed calls, and its payment's session.
const CART: &str = "cart_01M816JFD56VDXPV40MBTPBNVD";
const SESSION: &str = "payses_01M816JKE6S802KHAE19SB606N";

impl Medusa {
    pub(crate) fn new() -> Self {
        let body = |agreed: &str| {
            let agreed: serde_json::Value = serde_json::from_str(agreed).unwrap();
            agreed["request"]["body"].as_str().unwrap().to_owned()
        };
        Self {
            piece: Piece::new("medusa", SECRET.to_owned().into()).unwrap(),
            context: Context::new(
                Arc::new(ReqwestTransport::new().unwrap()),
                Arc::new(TokioRuntime::system()),
                Arc::new(RandomIds),
            ),
            regular: body(include_str!(
                "../../../plugins/medusa/tests/contract/initiate.json"
            )),
            express: body(include_str!(
                "../../../plugins/medusa/tests/contract/initiate-express.json"
            )),
        }
    }

    /// The customer presses the button of the nth cart.
    pub(crate) fn begin(&self, number: usize, express: bool) -> Vec<u8> {
        let body = if express {
            &self.express
        } else {
            &self.regular
        };
        let body = body
            .replace(CART, &cart(number))
            .replace(SESSION, &format!("payses_{number}"));
        self.signed("/engine/fjord/initiate", body)
    }

    /// The merchant captures the nth cart's payment, whole.
    pub(crate) fn capture(&self, number: usize, reference: &str) -> Vec<u8> {
        let body = json!({
            "order": cart(number),
            "reference": reference,
            "currency_code": "nok",
            "amount": "1397.02",
            "captured": "0",
            "refused": 0,
            "capture": format!("capt_{number}"),
        });
        self.signed("/engine/fjord/capture", body.to_string())
    }

    fn signed(&self, path: &str, body: String) -> Vec<u8> {
        let mut signed = http::Request::post(path)
            .header("content-type", "application/json")
            .body(body.into())
            .unwrap();
        self.piece.sign(&self.context, &mut signed);
        let headers: Vec<(&str, &str)> = signed
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        request("POST", path, &headers, signed.body())
    }
}

/// A payment is named by the beginning of it.
fn cart(number: usize) -> String {
    format!("cart_{number:016}0000000000")
}

/// A program, run by another one (`valgrind …`) or by none, on kasse's core.
pub(crate) fn wrapped_on_kasses_core(wrapped: &[&str], program: &Path) -> Command {
    match wrapped {
        [] => on_kasses_core(program),
        [by, with @ ..] => {
            let mut command = on_kasses_core(by);
            command.args(with).arg(program);
            command
        }
    }
}

/// A port that is free now.
pub(crate) fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

pub(crate) fn configuration(folder: &Path, port: u16, vipps: SocketAddr, engine: Engine) -> String {
    let (engine, table) = match engine {
        Engine::DemoShop => (
            "demo-shop",
            format!("site_url = \"http://127.0.0.1:{port}\""),
        ),
        Engine::Medusa(address) => (
            "medusa",
            format!(
                "url = \"http://{address}\"\nsecret = \"{SECRET}\"\n\
                 return_url = \"https://shop.example/{{cart}}\""
            ),
        ),
        Engine::Vendure(address) => (
            "vendure",
            format!(
                "api_url = \"http://{address}/admin-api\"\nsecret = \"{SECRET}\"\n\
                 username = \"kasse@shop.example\"\npassword = \"kasse-password\"\n\
                 return_url = \"https://shop.example/{{code}}\"\nstorefront = \"Fjell\""
            ),
        ),
    };
    format!(
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
environment = "http://{vipps}"
merchant_serial_number = "{MSN}"
client_id = "fb492b5e-7907-4d83-ba20-c7fb60ca35de"
client_secret = "Y8Kteew6GE2ZmeycEt6egg=="
subscription_key = "0f14ebcab0ec4b29ae0cb90d91b4a84a"

[shops.fjord]
engine = "{engine}"
name = "Fjord & Fjell"
account = "main"
reference_prefix = "fjord"

[[shops.fjord.api_keys]]
id = "bench"
sha256 = "63f5871e8f1dfd2b6b79635eda280f107cd775293ac6624b743ddd881cf70858"

[shops.fjord.engine_config]
{table}
"#,
        data = folder.join("data").display(),
    )
}
