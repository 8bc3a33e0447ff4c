//! What is said of a configuration that is wrong, and by commands that need no kasse that runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use kasse_core::registry::{EngineConfig, Setup};
use kasse_core::{Context, CountedIds, Currency, ReqwestTransport, ShopId, TokioRuntime};
use kasse_server::{Config, check};
use serde_json::{Value, json};
use std::sync::Arc;
use url::Url;

use super::{CLIENT_ID, Canaries, MSN, secret, tokens_in};
use crate::shops::{self, ENGINES};

/// A folder that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = format!("kasse-canary-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, text: &str) {
        std::fs::write(self.0.join("kasse.toml"), text).unwrap();
    }

    fn kasse(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kasse"));
        command.args(args).env_clear().current_dir(&self.0);
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// It ended by itself, not by a panic, and told nothing.
fn told_nothing(what: &str, output: &Output) {
    let text = [&output.stdout[..], b"\n", &output.stderr[..]].concat();
    Canaries::new().none_in(what, &text);
    let text = String::from_utf8_lossy(&text);
    assert!(!text.contains("panicked"), "{what}: {text}");
    assert_eq!(tokens_in(&text), Vec::<&str>::new(), "{what}");
}

/// A whole configuration, with a canary at each secret place.
fn good() -> Value {
    json!({
        "server": {
            "listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0",
            "public_url": "https://kasse.example", "data": "data", "log": "text",
            "log_level": "trace", "webhooks": "auto",
        },
        "installation_keys": [
            { "id": "1", "key": secret("installation key") },
            { "id": "0", "key": secret("old installation key") },
        ],
        "accounts": { "main": {
            "environment": "http://127.0.0.1:1", "merchant_serial_number": MSN,
            "client_id": CLIENT_ID, "client_secret": secret("client secret"),
            "subscription_key": secret("subscription key"), "market": "no", "late_capture": false,
        } },
        "shops": { "fjord": {
            "engine": "demo-shop", "name": "Fjord", "account": "main", "api": "epayment",
            "reference_prefix": "fjord", "language": "nb",
            "api_keys": [{ "id": "a", "sha256": "0".repeat(64) }],
            "payment": {
                "method": "wallet", "minimum_age": 18, "scope": ["name"], "receipt": "off",
                "terms_url": "https://shop.example/t", "privacy_url": "https://shop.example/p",
                "countries": ["NO"],
                "link": { "url": "https://shop.example/{order}", "category": "order_confirmation" },
                "metadata": { "a": "b" },
            },
            "engine_config": { "site_url": "https://shop.example" },
        } },
    })
}

/// JSON as TOML: what both can say is written alike but for tables, which can stand inline.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{} = {}", Value::from(name.as_str()), toml(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(toml).collect();
            format!("[{}]", values.join(", "))
        }
        plain => plain.to_string(),
    }
}

fn file(config: &Value) -> String {
    let tables = config.as_object().unwrap().iter();
    tables
        .map(|(name, value)| format!("{name} = {}\n", toml(value)))
        .collect()
}

/// The places of all values, and of the tables that hold them.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    if !at.is_empty() {
        found.push(at.to_owned());
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                places(value, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(values) => {
            for (number, value) in values.iter().enumerate() {
                places(value, &format!("{at}/{number}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn no_value_of_a_configuration_is_shown_whichever_is_wrong() {
    let folder = Folder::new("wrong");
    let canaries = Canaries::new();
    let key = secret("engine key");
    let mut all = Vec::new();
    places(&good(), "", &mut all);
    assert!(all.len() > 40, "{all:?}");
    let wrongs = [
        json!(key),
        json!([key]),
        json!([{ "id": key }]),
        json!({ "id": key, "key": key }),
        json!(format!("https://kasse:{key}@shop.example/?key={key}")),
        json!(format!("{key}\u{7}\u{e6}")),
        json!(17),
    ];
    let (mut refused, mut tried) = (0, 0);
    for place in &all {
        for wrong in &wrongs {
            let mut config = good();
            *config.pointer_mut(place).unwrap() = wrong.clone();
            folder.write(&file(&config));
            let path = folder.0.join("kasse.toml");
            let what = format!("the check of {place}");
            let problems = match Config::load(Some(&path), [], &BTreeMap::new()) {
                Ok(config) => {
                    let mut without = config.clone();
                    // Addresses are no secrets: but for their users' passwords, which are refused.
                    without.server.public_url = Url::parse("https://kasse.example").unwrap();
                    if !place.ends_with("_url") && !place.ends_with("/url") && is_secret(place) {
                        canaries.none_in(&what, format!("{without:?}"));
                    }
                    check(&config)
                }
                Err(error) => {
                    canaries.none_in(&what, format!("{error} {error:?}"));
                    error.problems
                }
            };
            refused += usize::from(!problems.is_empty());
            tried += 1;
            for problem in problems {
                canaries.none_in(&what, format!("{problem} {problem:?}"));
            }
        }
    }
    assert!(refused > tried / 2, "{refused} of {tried}");
}

fn is_secret(place: &str) -> bool {
    ["key", "client_secret", "subscription_key"]
        .iter()
        .any(|name| place.ends_with(name))
        || place.contains("/engine_config")
}

/// Where secrets come by variables, and one cannot be read.
#[test]
fn variables_that_are_no_text_are_not_shown() {
    let folder = Folder::new("variables");
    let mut config = good();
    config["shops"]["fjord"]["api_keys"] = json!([]);
    config["accounts"]["main"]["environment"] = json!("http://127.0.0.1:1");
    folder.write(&file(&config));
    let odd = [secret("engine key").as_bytes(), b"\xff"].concat();
    let odd = || OsString::from_vec(odd.clone());
    for args in [
        &["config", "check"][..],
        &["payments", "list"],
        &["webhooks", "list"],
        &["journal", "check"],
        &["doctor"],
        &["serve", "--public-url", "https://kasse.example/with-a-path"],
    ] {
        for name in ["KASSE_ACCOUNTS__MAIN__CLIENT_SECRET", "SOMETHING_ELSE"] {
            let output = folder.kasse(args).env(name, odd()).output().unwrap();
            told_nothing(&format!("{args:?} with {name}"), &output);
        }
    }
}

#[test]
fn a_file_that_is_no_toml_is_not_quoted() {
    let folder = Folder::new("broken");
    for (name, value) in super::SECRETS {
        folder.write(&format!(
            "[accounts.main]\nclient_secret = \"{value}\nother = '{name}'\n"
        ));
        for args in [
            &["config", "check"][..],
            &["serve"],
            &["doctor"],
            &["payments", "list"],
        ] {
            told_nothing(name, &folder.kasse(args).output().unwrap());
        }
    }
}

/// Of the engine's table, each value in turn. In adapters too, nothing of it is in Debug.
#[test]
fn no_value_of_an_engines_table_is_shown() {
    let canaries = Canaries::new();
    let context = Context::new(
        Arc::new(ReqwestTransport::new().unwrap()),
        Arc::new(TokioRuntime::system()),
        Arc::new(CountedIds::default()),
    );
    let mut refused = 0;
    for engine in ENGINES {
        let whole = engine_table(engine);
        let make = |table: Value| {
            let flow = crate::engines::flow(&context);
            let plugin = kasse_core::registry::plugin(engine).unwrap();
            let setup = Setup {
                flow: flow.shop_flow(&ShopId::new(engine).unwrap()),
                engine: EngineConfig(table),
                engine_url: Url::parse("https://kasse.example/engine/x").unwrap(),
                data: None,
            };
            canaries.none_in(engine, format!("{setup:?}"));
            (plugin.make)(setup)
        };
        let adapter = make(whole.clone()).unwrap_or_else(|error| panic!("{engine}: {error}"));
        canaries.none_in(&format!("the adapter for {engine}"), format!("{adapter:?}"));
        let key = secret("engine key");
        for field in whole.as_object().unwrap().keys() {
            for wrong in [
                json!([key]),
                json!({ key: key }),
                json!(format!("{key}\u{7} \u{e6}")),
                json!(""),
            ] {
                let mut table = whole.clone();
                table[field] = wrong;
                let made = make(table);
                refused += usize::from(made.is_err());
                if let Err(error) = made {
                    let what = format!("{engine}'s {field}");
                    canaries.none_in(&what, format!("{error} {error:?}"));
                }
            }
        }
        let mut table = whole;
        table[key] = json!(key);
        // Only the name of the field that is not known.
        if let Err(error) = make(table) {
            canaries
                .but(&["engine key"])
                .none_in(engine, format!("{error} {error:?}"));
        }
    }
    assert!(refused > 40, "{refused}");
}

/// The engine's table with all that it can hold, secrets as canaries.
pub(super) fn engine_table(engine: &str) -> Value {
    let mut table = shops::config(engine, Currency::Nok);
    let secrets: &[(&str, &str)] = match engine {
        "vendure" => &[
            ("password", "engine password"),
            ("secret", "engine secret"),
            ("channel_token", "engine key"),
        ],
        "woocommerce" => &[
            ("consumer_key", "engine key"),
            ("consumer_secret", "engine password"),
            ("secret", "engine secret"),
            ("webhook_secret", "webhook secret"),
        ],
        "saleor" => &[
            ("app_token", "engine key"),
            ("webhook_secret", "webhook secret"),
        ],
        "medusa" => &[("secret", "engine secret")],
        _ => &[],
    };
    for (field, name) in secrets {
        table[*field] = json!(secret(name));
    }
    table
}

/// Nobody is there where keys and engines are tried, and addresses hold passwords.
#[test]
fn the_doctor_names_no_key_and_no_password() {
    let folder = Folder::new("doctor");
    let password = secret("engine password");
    for address in [
        "http://127.0.0.1:1".to_owned(),
        format!("http://kasse:{password}@127.0.0.1:1"),
    ] {
        let mut config = good();
        config["accounts"]["main"]["environment"] = json!(address);
        for engine in ENGINES {
            let mut table = engine_table(engine);
            for field in ["api_url", "url", "site_url"] {
                if table.get(field).is_some() {
                    table[field] = json!(format!("{address}/graphql/"));
                }
            }
            config["shops"][engine] = json!({
                "engine": engine, "account": "main", "reference_prefix": engine,
                "engine_config": table,
            });
        }
        folder.write(&file(&config));
        let output = folder.kasse(&["doctor"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.contains("engine of saleor"), "{output:?}");
        told_nothing("the doctor", &output);
        told_nothing(
            "the check",
            &folder.kasse(&["config", "check"]).output().unwrap(),
        );
    }
}

#[test]
fn a_command_line_is_not_quoted_where_it_holds_a_secret() {
    let folder = Folder::new("arguments");
    let key = secret("client secret");
    for unit in [
        key.to_owned(),
        format!("{MSN},id,,{key}"),
        format!("{MSN},id,{key},key,XX"),
    ] {
        let output = folder
            .kasse(&["simulate", "--unit", &unit])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        told_nothing("simulate", &output);
    }
    // By design: this is what it is for, and whoever asked is the one who needs it.
    let output = folder.kasse(&["config", "key"]).output().unwrap();
    assert_eq!(tokens_in(&String::from_utf8_lossy(&output.stdout)).len(), 2);
}

/// The reports of a run of the checklist, in every format.
#[test]
fn reports_hold_no_key() {
    let folder = Folder::new("reports");
    let mut canaries = Canaries::new();
    // The keys of the checklist's own stage.
    canaries.add(
        "installation key of the stage",
        "a-key-of-the-checklist-a-key",
    );
    canaries.add("client secret of the stage", "Y8Kteew6GE2ZmeycEt6egg==");
    canaries.add(
        "subscription key of the stage",
        "0f14ebcab0ec4b29ae0cb90d91b4a84a",
    );
    let mut command = folder.kasse(&["checklist", "--plugin", "demo-shop", "--out", "reports"]);
    for format in ["text", "json", "html", "markdown", "junit"] {
        command.args(["--format", format]);
    }
    command.args([
        "--only",
        "ecom.capture.full",
        "ecom.initiate.regular",
        "x.privacy.trace",
    ]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    canaries.none_in("the checklist", &output.stdout);
    let reports: Vec<_> = std::fs::read_dir(folder.0.join("reports"))
        .unwrap()
        .collect();
    assert!(reports.len() >= 5, "{reports:?}");
    for report in reports {
        let path = report.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        canaries.none_in(&path.display().to_string(), &text);
        assert_eq!(tokens_in(&text), Vec::<&str>::new(), "{}", path.display());
    }
}
