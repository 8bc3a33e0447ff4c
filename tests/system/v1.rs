//! The JSON API for shop software, over the real binary; and the page about it, `docs/api.md`, whose
//! requests are run here.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use kasse_core::{ReqwestTransport, Transport};
use kasse_server::v1::new_key;
use kasse_simulator::Approval;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::contract::Contract;
use crate::support::{MSN, Stage, workspace};

struct Api {
    stage: Stage,
    key: String,
    contract: Contract,
    transport: ReqwestTransport,
}

impl Api {
    async fn start(name: &str) -> Self {
        let key = new_key().unwrap();
        let mut stage = Stage::new(name).await;
        let variable = |field: &str| format!("KASSE_SHOPS__FJORD__API_KEYS__0__{field}");
        stage.environment = vec![
            (variable("ID"), "test".into()),
            (variable("SHA256"), key.sha256),
        ];
        stage.start().await;
        Self {
            stage,
            key: key.key.expose_secret().to_owned(),
            contract: Contract::new(),
            transport: ReqwestTransport::new().unwrap(),
        }
    }

    /// Sends a request and holds its answer to the document.
    async fn send(&self, request: Request<Bytes>) -> Response<Bytes> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let answer = self
            .transport
            .send(request, Duration::from_secs(40))
            .await
            .unwrap();
        let status = answer.status().as_u16();
        self.contract.check(
            method.as_str(),
            &path,
            status,
            answer.headers(),
            answer.body(),
        );
        answer
    }

    async fn ask(&self, method: Method, path: &str, key: &str, body: Value) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.stage.base))
            .header("authorization", format!("Bearer {}", self.key))
            .header("idempotency-key", key)
            .header("content-type", "application/json");
        let body = if body.is_null() {
            Bytes::new()
        } else {
            body.to_string().into()
        };
        let answer = self.send(request.body(body).unwrap()).await;
        (
            answer.status().as_u16(),
            serde_json::from_slice(answer.body()).unwrap(),
        )
    }

    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.ask(Method::GET, path, "-", Value::Null).await;
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    /// The customer approves, and kasse knows it.
    async fn approve(&self, reference: &str) {
        self.stage
            .vipps()
            .approve(MSN, reference, Approval::default())
            .await
            .unwrap();
        let give_up = Instant::now() + Duration::from_secs(60);
        let path = format!("/v1/payments/{reference}");
        while self.get(&path).await["state"] != "authorised" {
            assert!(Instant::now() < give_up, "{reference} is not authorised");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shop_software_takes_a_payment_from_its_beginning_to_its_end() {
    let mut api = Api::start("v1").await;
    let number = api.stage.place(None).await;
    let (status, begun) = api
        .ask(Method::POST, "/v1/payments", "b", json!({"order": number}))
        .await;
    assert_eq!(
        (status, &begun["outcome"]),
        (201, &json!("started")),
        "{begun}"
    );
    let reference = begun["payment"]["reference"].as_str().unwrap();
    let path = format!("/v1/payments/{reference}");
    // The same again, with the same key and with another: the same payment.
    for key in ["b", "c"] {
        let (_, again) = api
            .ask(Method::POST, "/v1/payments", key, json!({"order": number}))
            .await;
        assert_eq!(again["redirect"], begun["redirect"], "{key}");
    }
    api.approve(reference).await;
    let (status, paid) = api
        .ask(Method::POST, "/v1/payments", "b", json!({"order": number}))
        .await;
    assert_eq!(
        (status, &paid["outcome"], &paid["redirect"]),
        (200, &json!("done"), &Value::Null)
    );
    let (status, paid) = api
        .ask(Method::POST, "/v1/payments", "d", json!({"order": number}))
        .await;
    assert_eq!(
        (status, &paid["type"]),
        (409, &json!("urn:kasse:problem:already_paid"))
    );
    assert!(
        paid["customer"]["nb"].as_str().unwrap().contains("betalt"),
        "{paid}"
    );

    // Twenty at once with one key: one capture.
    let part = json!({"amount": {"currency": "NOK", "value": 100_000}});
    let capture = format!("{path}/capture");
    let all = (0..20).map(|_| api.ask(Method::POST, &capture, "x", part.clone()));
    for (status, answer) in futures_util::future::join_all(all).await {
        assert!(matches!(status, 200 | 202 | 409), "{status} {answer}");
    }
    let (status, answer) = api.ask(Method::POST, &capture, "x", part).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["payment"]["sums"]["captured"]["value"], 100_000);
    let (_, answer) = api
        .ask(Method::POST, &format!("{path}/cancel"), "y", Value::Null)
        .await;
    assert_eq!(answer["payment"]["sums"]["released"]["value"], 32_890);
    let (_, answer) = api
        .ask(Method::POST, &format!("{path}/refund"), "z", json!({}))
        .await;
    assert_eq!(answer["payment"]["sums"]["refunded"]["value"], 100_000);
    // What shop software did is shown at the shop.
    let shown = ["1328.90", "1000.00", "1000.00", "328.90"];
    api.stage.shows(&number, "refunded", shown).await;

    let events = api.get("/v1/events").await;
    let words: Vec<&str> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        words,
        [
            "initiated",
            "authorised",
            "captured",
            "released",
            "refunded"
        ]
    );
    let (status, problem) = api
        .ask(Method::POST, "/v1/payments", "e", json!({"order": "4711"}))
        .await;
    assert_eq!(
        (status, &problem["who"]),
        (404, &json!("shop")),
        "{problem}"
    );
    // The log names shop, key and reference, and not the key itself.
    let log = std::fs::read_to_string(api.stage.folder.join("log.txt")).unwrap();
    assert!(log.contains("asked by shop software") && log.contains(reference));
    assert!(!log.contains(&api.key));
    api.stage.end().await;
}

/// The answers on the page are written by the test itself when `KASSE_WRITE_DOCS` is set.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_about_the_api_is_true() {
    let mut api = Api::start("api-page").await;
    assert_eq!(api.stage.place(Some("dynamic")).await, "1001");
    let file = workspace().join("docs/api.md");
    let page = std::fs::read_to_string(&file).unwrap();
    let mut made = String::new();
    let (mut lines, mut asked) = (page.lines(), 0);
    while let Some(line) = lines.next() {
        writeln!(made, "{line}").unwrap();
        if let Some(reference) = line.strip_prefix("<!-- the customer approves ") {
            api.approve(reference.trim_end_matches(" -->")).await;
        }
        if line != "```sh" {
            continue;
        }
        let command: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        writeln!(made, "{}\n```", command.join("\n")).unwrap();
        if !command[0].starts_with("curl ") {
            continue;
        }
        assert_eq!(lines.next(), Some("```http"), "{command:?}");
        lines
            .by_ref()
            .take_while(|line| *line != "```")
            .for_each(drop);
        let answer = api.send(curl(&api, &command.join("\n"))).await;
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap();
        let body = laid_out(&settled(body), 0);
        writeln!(
            made,
            "```http\nHTTP/1.1 {}\nContent-Type: {kind}\n\n{body}\n```",
            answer.status()
        )
        .unwrap();
        asked += 1;
    }
    if std::env::var_os("KASSE_WRITE_DOCS").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    assert!(asked >= 10, "{asked}");
    assert_eq!(
        page, made,
        "run again with KASSE_WRITE_DOCS=1, and look at what it wrote"
    );
    api.stage.end().await;
}

/// The request that a line with curl makes.
fn curl(api: &Api, command: &str) -> Request<Bytes> {
    let command = command
        .replace("\\\n", " ")
        .replace("$KASSE", &api.stage.base);
    let command = command.replace("$KEY", &api.key);
    let mut words = Vec::new();
    let mut rest = command.trim();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '"' | '\'' => rest[1..].split_once(first).unwrap(),
            _ => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(word);
        rest = after.trim_start();
    }
    let mut words = words.into_iter().skip(1);
    let (mut request, mut body) = (Request::builder(), Bytes::new());
    while let Some(word) = words.next() {
        match word {
            "-X" => request = request.method(words.next().unwrap()),
            "-H" => {
                let (name, value) = words.next().unwrap().split_once(": ").unwrap();
                request = request.header(name, value);
            }
            "--json" => {
                body = Bytes::copy_from_slice(words.next().unwrap().as_bytes());
                request = request
                    .method(Method::POST)
                    .header("content-type", "application/json");
            }
            url => request = request.uri(url),
        }
    }
    request.body(body).unwrap()
}

/// The same with times and links that are the same each time.
fn settled(value: Value) -> Value {
    match value {
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => {
            json!("2026-03-01T12:00:00Z")
        }
        Value::String(text) if text.starts_with("http") => {
            json!("https://pay.example/dwo-api-application/v1/deeplink/vippsgateway?token=…")
        }
        Value::Array(values) => values.into_iter().map(settled).collect(),
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| match (name.as_str(), value) {
                    // 180 days after the rest.
                    ("capture_by", Value::String(_)) => (name, json!("2026-08-28T12:00:00Z")),
                    (_, value) => (name, settled(value)),
                })
                .collect(),
        ),
        other => other,
    }
}

/// JSON for reading: what holds nothing but plain values stands on one line.
fn laid_out(value: &Value, depth: usize) -> String {
    let plain = |value: &Value| !value.is_object() && !value.is_array();
    let inner = "  ".repeat(depth + 1);
    let join = |parts: Vec<String>, open: char, close: char| {
        format!(
            "{open}\n{inner}{}\n{}{close}",
            parts.join(&format!(",\n{inner}")),
            "  ".repeat(depth)
        )
    };
    match value {
        Value::Object(fields) if fields.len() <= 4 && fields.values().all(plain) => {
            let parts: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("\"{name}\": {value}"))
                .collect();
            let line = format!("{{{}}}", parts.join(", "));
            if line.chars().count() <= 100 {
                line
            } else {
                join(parts, '{', '}')
            }
        }
        Value::Object(fields) => {
            let part = |(name, value)| format!("\"{name}\": {}", laid_out(value, depth + 1));
            join(fields.iter().map(part).collect(), '{', '}')
        }
        Value::Array(values) if !values.is_empty() => join(
            values
                .iter()
                .map(|value| laid_out(value, depth + 1))
                .collect(),
            '[',
            ']',
        ),
        other => other.to_string(),
    }
}
