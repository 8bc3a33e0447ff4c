//! A kasse that runs, with canaries for keys and a customer made of canaries: what it logs, answers
//! and keeps over the life of payments, and what the command line shows of them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, StatusCode};
use kasse_server::v1::new_key;
use kasse_simulator::{
    Address, Approval, ExchangeFilter, Fault, ForgedToken, Forgery, SalesUnit, User,
    WebhookForgery, WebhookSignature,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;

use super::collector::Collector;
use super::{CLIENT_ID, Canaries, MSN, PHONE, personal, secret, tokens_in};
use crate::support::{PATIENCE, Stage};

struct House {
    stage: Stage,
    collector: Collector,
    canaries: Canaries,
    api_key: String,
    api: &'static str,
}

fn customer(api: &str) -> User {
    let country = if api == "epayment" { "47" } else { "" };
    let mut user = User::with_phone(&format!("{country}{PHONE}"));
    user.first_name = personal("first name").into();
    user.last_name = personal("last name").into();
    user.email = personal("e-mail").into();
    user.user_id = personal("userId").into();
    user.sub = personal("sub").into();
    user
}

fn home() -> Address {
    Address {
        address_line1: personal("address").into(),
        address_line2: Some(personal("address, line 2").into()),
        post_code: "0154".into(),
        city: personal("city").into(),
        country: "NO".into(),
    }
}

impl House {
    async fn start(api: &'static str, log: &str) -> Self {
        let mut stage = Stage::new(&format!("canary-{api}")).await;
        let unit = SalesUnit {
            msn: MSN.into(),
            client_id: CLIENT_ID.into(),
            client_secret: secret("client secret").into(),
            subscription_key: secret("subscription key").into(),
            ..SalesUnit::default()
        };
        stage.vipps().add_unit(unit).unwrap();
        let key = new_key().unwrap();
        let other = kasse_simulator::SalesUnit::default();
        stage.configure(|config| {
            let changed = config
                .replace(&other.client_id, CLIENT_ID)
                .replace(other.client_secret.expose_secret(), secret("client secret"))
                .replace(
                    other.subscription_key.expose_secret(),
                    secret("subscription key"),
                )
                .replace(&other.msn, MSN)
                .replace(
                    "0123456789abcdef0123456789abcdef",
                    secret("installation key"),
                )
                .replace(
                    "[server]",
                    &format!("[server]\nlog = \"{log}\"\nlog_level = \"trace\""),
                )
                .replace(
                    "account = \"main\"",
                    &format!("account = \"main\"\napi = \"{api}\""),
                );
            format!(
                "{changed}\n[[shops.fjord.api_keys]]\nid = \"test\"\nsha256 = \"{}\"\n\
                 [[installation_keys]]\nid = \"0\"\nkey = \"{}\"\n",
                key.sha256,
                secret("old installation key")
            )
        });
        let mut collector = Collector::start().await;
        stage.environment.append(&mut collector.environment);
        let file = stage.folder.join("kasse.toml");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
        stage.start().await;
        let mut canaries = Canaries::new();
        let api_key = key.key.expose_secret().to_owned();
        canaries.add("api key", &api_key);
        let admin = std::fs::read(stage.folder.join("data/admin.json")).unwrap();
        let admin: Value = serde_json::from_slice(&admin).unwrap();
        canaries.add("admin token", admin["token"].as_str().unwrap());
        Self {
            stage,
            collector,
            canaries,
            api_key,
            api,
        }
    }

    /// Begins a payment; what of its addresses nobody can guess are canaries from then on.
    async fn begin(&mut self, express: Option<&str>) -> (String, String) {
        let number = self.stage.place(express).await;
        let reference = self.stage.pay(&number).await;
        let held = self.stage.vipps().payment(MSN, &reference).unwrap();
        let landing = Url::parse(&held.landing_page).unwrap();
        let token = landing.query_pairs().find(|(name, _)| name == "token");
        let token = token.map_or_else(
            || landing.path().rsplit('/').next().unwrap().to_owned(),
            |(_, token)| token.into_owned(),
        );
        self.canaries.add("landing page", &token);
        let back = held.fall_back.rsplit('-').next().unwrap().to_owned();
        self.canaries.add("return page", &back);
        (number, reference)
    }

    /// The customer, with an address where it is asked for.
    async fn approve(&self, reference: &str, express: bool) {
        if express {
            let quote = self.stage.vipps().shipping(MSN, reference, Some(home()));
            let quote = quote.await.unwrap();
            assert!(!quote.options.is_empty(), "{quote:?}");
        }
        let approval = Approval {
            user: Some(customer(self.api)),
            ..Approval::default()
        };
        self.stage
            .vipps()
            .approve(MSN, reference, approval)
            .await
            .unwrap();
    }

    /// What goes wrong between the two, and what is forged.
    async fn troubles(&mut self, number: &str, reference: &str) {
        // The merchant asks for too much, and for what is not there.
        let path = format!("/orders/{number}/capture");
        let (status, answer) = self
            .stage
            .shop(Method::POST, &path, json!({ "amount": "99999.00" }))
            .await;
        assert!(status.is_client_error(), "{answer}");
        self.refusal("too much", answer.to_string().as_bytes());
        let vipps = self.stage.vipps();
        for fault in [
            json!({ "on": "capture", "kind": "lost_after_done" }),
            json!({ "on": "refund", "kind": "azure_401" }),
            json!({ "on": "refund", "kind": "status", "status": 500 }),
            json!({ "on": "details", "kind": "cut_json" }),
            json!({ "on": "details", "kind": "page", "status": 502 }),
        ] {
            // Not every call is there in both.
            let fault: Fault = serde_json::from_value(fault).unwrap();
            let _ = vipps.add_fault(fault);
        }
        if self.api == "ecom" {
            for token in [ForgedToken::Wrong, ForgedToken::None] {
                let forged = Forgery {
                    token,
                    ..Forgery::default()
                };
                let answer = vipps.forge_callback(MSN, reference, forged).await.unwrap();
                self.refusal("a forged callback", answer.body.as_bytes());
            }
            let body =
                json!({ "orderId": reference, "userDetails": { "email": personal("e-mail") } });
            let odd = Forgery {
                body: Some(body.to_string().replace('}', "")),
                ..Forgery::default()
            };
            let answer = vipps.forge_callback(MSN, reference, odd).await.unwrap();
            self.refusal("a broken callback", answer.body.as_bytes());
        } else {
            for signature in [WebhookSignature::None, WebhookSignature::OtherSecret] {
                let forged = WebhookForgery {
                    signature,
                    ..WebhookForgery::default()
                };
                let answer = vipps.forge_webhook(MSN, reference, forged).await.unwrap();
                self.refusal("a forged webhook", answer.body.as_bytes());
            }
            let forged = WebhookForgery {
                body: Some(json!({ "reference": [personal("e-mail")] }).to_string()),
                ..WebhookForgery::default()
            };
            let answer = vipps.forge_webhook(MSN, reference, forged).await.unwrap();
            self.refusal("an odd webhook", answer.body.as_bytes());
        }
        for path in [
            format!("/vipps/fjord/v2/payments/{reference}"),
            format!("/vipps/fjord/v2/payments/{reference}/shippingDetails"),
            format!("/webhooks/main/{}", "0".repeat(32)),
            format!("/return/fjord/{reference}-{}", "0".repeat(32)),
            format!(
                "/{}/{}?{}",
                personal("last name"),
                PHONE,
                personal("e-mail")
            ),
            format!("/engine/{}/x", personal("last name")),
        ] {
            let body = json!({ "email": personal("e-mail"), "key": secret("engine key") });
            let headers = [
                ("authorization", secret("engine key")),
                ("content-type", "application/json"),
                ("x-forwarded-for", "203.0.113.7"),
                ("cookie", secret("engine password")),
            ];
            let answer = self
                .stage
                .send(Method::POST, &path, &headers, body.to_string().into())
                .await;
            let (status, body) = answer.unwrap();
            assert!(status.is_client_error(), "{path}: {status}");
            self.refusal(&path, &body);
        }
    }

    fn refusal(&self, what: &str, body: &[u8]) {
        self.canaries.none_in(what, body);
    }

    /// The command line, beside the kasse that runs.
    async fn command(&self, args: &[&str]) -> Output {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kasse"));
        command.args(args).current_dir(&self.stage.folder);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }

    async fn commands(&self, reference: &str) {
        let whole: &[&[&str]] = &[
            &["payments", "list"],
            &["payments", "list", "--json"],
            &[
                "payments",
                "list",
                "--state",
                "authorised",
                "--shop",
                "fjord",
            ],
            &["payments", "show", reference],
            &["payments", "show", reference, "--json"],
            &["payments", "show", reference, "--trace"],
            &["payments", "find", reference],
            &["payments", "find", reference, "--json"],
            &["payments", "find", "fjord-nobodys"],
            &["payments", "capture", reference, "99999.00"],
            &["payments", "refund", reference, "1.00", "--json"],
            &["payments", "refund", reference, "1.00", "--key", "again"],
            &["payments", "cancel", reference],
            &["webhooks", "plan"],
            &["webhooks", "apply"],
            &["webhooks", "apply", "--renew", "--now", "--json"],
            &["webhooks", "list"],
            &["webhooks", "list", "--json"],
            &["journal", "check"],
            &["doctor"],
            &["config", "check"],
            &["plugins"],
        ];
        let mut done = 0;
        for args in whole {
            let output = self.command(args).await;
            done += usize::from(output.status.success());
            for (stream, bytes) in [("says", &output.stdout), ("fails with", &output.stderr)] {
                let what = format!("kasse {} {stream}", args.join(" "));
                self.canaries.none_in(&what, bytes);
                let text = String::from_utf8_lossy(bytes);
                assert_eq!(tokens_in(&text), Vec::<&str>::new(), "{what}");
            }
        }
        assert!(done >= 16, "{done} of {} commands were done", whole.len());
    }

    /// Shop software's door. `customer` gives personal data, and a beginning the payment's address.
    async fn v1(&self, number: &str, reference: &str) {
        let bearer = format!("Bearer {}", self.api_key);
        let wrong = format!("Bearer kasse_{}", "0".repeat(64));
        let of = |rest: &str| format!("/v1/payments/{reference}{rest}");
        let begin = json!({ "order": number });
        let to = json!({ "country": "NO", "post_code": "0154", "city": personal("city"), "line1": personal("address") });
        let odd = json!({ "order": number, "to": { "country": personal("address"), "line1": personal("address") } });
        let too_much = json!({ "amount": { "currency": "NOK", "value": 9_999_900 } });
        let calls = [
            (Method::GET, of(""), Value::Null),
            (Method::GET, "/v1/payments".into(), Value::Null),
            (Method::GET, "/v1/events".into(), Value::Null),
            (Method::GET, "/v1/openapi.json".into(), Value::Null),
            (Method::GET, "/v1/payments?before=x".into(), Value::Null),
            (
                Method::GET,
                "/v1/payments/fjord-none/customer".into(),
                Value::Null,
            ),
            (Method::POST, "/v1/payments".into(), begin),
            (
                Method::POST,
                "/v1/payments".into(),
                json!({ "order": [personal("e-mail")] }),
            ),
            (
                Method::POST,
                "/v1/quotes".into(),
                json!({ "order": number, "to": to }),
            ),
            (Method::POST, "/v1/quotes".into(), odd),
            (Method::POST, of("/capture"), too_much.clone()),
            (Method::POST, of("/refund"), too_much),
            (
                Method::POST,
                of("/refund"),
                json!({ "amount": personal("e-mail") }),
            ),
        ];
        for authorization in [bearer.as_str(), wrong.as_str()] {
            for (method, path, body) in &calls {
                let headers = [
                    ("authorization", authorization),
                    ("idempotency-key", path.as_str()),
                    ("content-type", "application/json"),
                ];
                let bytes = if body.is_null() {
                    Bytes::new()
                } else {
                    body.to_string().into()
                };
                let answer = self.stage.send(method.clone(), path, &headers, bytes).await;
                let (status, body) = answer.unwrap();
                self.canaries
                    .none_in(&format!("{method} {path}: {status}"), &body);
            }
        }
        let headers = [("authorization", bearer.as_str())];
        let path = of("/customer");
        let answer = self.stage.send(Method::GET, &path, &headers, Bytes::new());
        let (status, body) = answer.await.unwrap();
        assert_eq!(status, StatusCode::OK);
        self.canaries.secrets().none_in("the customer", &body);
        // The test can fail.
        let found = Canaries::people();
        assert!(found.found(&body).len() >= 7, "{:?}", found.found(&body));
    }

    /// Metrics, and the command line's door without its key.
    async fn admin(&self, reference: &str) {
        let admin = std::fs::read(self.stage.folder.join("data/admin.json")).unwrap();
        let admin: Value = serde_json::from_slice(&admin).unwrap();
        let token = format!("Bearer {}", admin["token"].as_str().unwrap());
        for (path, authorization) in [
            ("/metrics".to_owned(), ""),
            ("/admin/payments".into(), "Bearer nothing"),
            (format!("/admin/payments/fjord/{reference}"), token.as_str()),
            (
                "/admin/payments/fjord/fjord-none".to_owned(),
                token.as_str(),
            ),
            ("/admin/reach".into(), token.as_str()),
        ] {
            let url = format!("{}{path}", admin["url"].as_str().unwrap());
            let answer = self.stage.ask_elsewhere(&url, authorization).await;
            self.canaries.none_in(&path, answer.body());
        }
    }

    /// The customer's page: it leads back to the shop, and tells nothing of who paid.
    async fn return_page(&self, reference: &str) {
        let held = self.stage.vipps().payment(MSN, reference).unwrap();
        let path = Url::parse(&held.fall_back).unwrap().path().to_owned();
        let answer = self.stage.send(Method::GET, &path, &[], Bytes::new());
        let (status, body) = answer.await.unwrap();
        assert_eq!(status, StatusCode::OK);
        self.canaries
            .but(&["return page"])
            .none_in("the return page", &body);
    }

    /// The spans of what was done, the last look at a payment included.
    async fn spans(&self, reference: &str) {
        if !cfg!(feature = "otel") {
            return;
        }
        let give_up = Instant::now() + PATIENCE;
        let sent = loop {
            let sent = self.collector.bodies();
            let text = String::from_utf8_lossy(&sent);
            if text.contains(reference) && text.contains("reconcile") {
                break sent;
            }
            assert!(Instant::now() < give_up, "no spans come");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        self.canaries.none_in("the spans", &sent);
        let text = String::from_utf8_lossy(&sent);
        assert_eq!(tokens_in(&text), Vec::<&str>::new(), "the spans");
    }

    /// What is on the disk. The journal has the customer, apart, and the address where a payment is
    /// paid: both are needed. It has no key of anybody's.
    async fn files(&self) {
        let output = self.command(&["journal", "backup", "copy"]).await;
        assert!(output.status.success(), "{output:?}");
        self.canaries.none_in("the backup's words", &output.stdout);
        let secrets = self.canaries.secrets().but(&["landing page"]);
        let mut bytes = 0;
        for folder in ["copy", "data"] {
            for (name, content) in files(&self.stage.folder.join(folder)) {
                bytes += content.len();
                if name == "admin.json" {
                    secrets.but(&["admin token"]).none_in(&name, content);
                } else {
                    secrets.none_in(&format!("{folder}/{name}"), content);
                }
            }
        }
        assert!(bytes > 100_000, "{bytes}");
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            found.push((name, std::fs::read(&path).unwrap()));
        }
    }
    found
}

async fn nothing_leaks(api: &'static str, log: &str) {
    let mut house = House::start(api, log).await;
    let (number, reference) = house.begin(Some("dynamic")).await;
    house.return_page(&reference).await;
    house.approve(&reference, true).await;
    let paid = |order: &Value| order["state"] == "reserved" && !order["customer"].is_null();
    let order = house.stage.shop_until(&number, paid).await;
    // The shop is who the customer is for.
    let known = Canaries::people();
    assert!(
        known.found(order.to_string().as_bytes()).len() >= 6,
        "{order}"
    );
    house.troubles(&number, &reference).await;
    house
        .stage
        .act(&number, "capture", Some("500.00"), "c")
        .await;
    house.stage.act(&number, "refund", Some("20.00"), "r").await;
    // One that is rejected, and one that the customer leaves alone.
    let (_, rejected) = house.begin(None).await;
    house.stage.vipps().reject(MSN, &rejected).await.unwrap();
    let (left, waiting) = house.begin(None).await;
    house.return_page(&waiting).await;

    house.commands(&reference).await;
    house.v1(&number, &reference).await;
    house.admin(&reference).await;
    house.return_page(&reference).await;
    let _ = left;
    let segment = consent_segment(&house.stage);
    if let Some(segment) = &segment {
        house.canaries.add("consent address", segment);
    }
    house.files().await;
    if segment.is_some() {
        let calls = house.stage.vipps().remove_consent(personal("userId")).await;
        assert_eq!(calls.len(), 1, "{calls:?}");
        house
            .stage
            .shop_until(&number, |order| {
                Canaries::people()
                    .found(order["customer"].to_string().as_bytes())
                    .is_empty()
            })
            .await;
        let data = house.stage.folder.join("data");
        for (name, content) in files(&data) {
            if name.starts_with("journal") || name.contains("sqlite") || name.contains("-wal") {
                Canaries::people().none_in(&name, content);
            }
        }
    }
    house.spans(&waiting).await;
    house.stage.stop();
    let log = std::fs::read_to_string(house.stage.folder.join("log.txt")).unwrap();
    assert!(
        log.contains(&reference) && log.to_lowercase().contains("trace\"") | log.contains("DEBUG"),
        "it is whole"
    );
    house.canaries.none_in("the log", &log);
    assert_eq!(tokens_in(&log), Vec::<&str>::new(), "the log");
    house.stage.end().await;
}

/// The unguessable part of the address for consent removals, where Vipps was given one.
fn consent_segment(stage: &Stage) -> Option<String> {
    let asked = stage.vipps().exchanges(&ExchangeFilter::default());
    asked.iter().find_map(|exchange| {
        let body: Value = serde_json::from_str(&exchange.request).ok()?;
        let prefix = body.pointer("/merchantInfo/consentRemovalPrefix")?;
        Some(prefix.as_str()?.rsplit('/').next()?.to_owned())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_from_a_kasse_that_speaks_ecom() {
    nothing_leaks("ecom", "text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaks_from_a_kasse_that_speaks_epayment() {
    nothing_leaks("epayment", "json").await;
}
