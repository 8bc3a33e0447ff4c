//! Who the engine is, and how it is reached.

use kasse_core::{ErrorKind, PaymentProvider};
use serde_json::json;

use crate::stage::{Stage, at, config, order};

fn about(version: &str) -> serde_json::Value {
    json!({ "woocommerce": version, "wordpress": "7.0.4", "php": "8.2.29", "plugin": "0.1.0",
        "currency": "NOK", "gateway": true })
}

fn sent(stage: &Stage) -> String {
    stage.adapter.system().headers()[1].1.to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_version_is_read_from_the_shop() {
    let stage = Stage::new();
    assert_eq!(sent(&stage), "unknown");
    stage.answers(about("11.0.1"));
    stage.adapter.meet(&stage.cx).await.unwrap();
    assert_eq!(sent(&stage), "11.0.1");
    assert_eq!(stage.asked()[0]["ask"], "GET /wp-json/kasse/v1/about");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_too_old_is_refused_and_one_that_is_away_is_asked_again() {
    let stage = Stage::new();
    stage.answers(about("8.9.3"));
    let error = stage.adapter.meet(&stage.cx).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Configuration);
    assert!(error.advice.contains("9.0"), "{error}");
    stage.answers_as("122");
    let error = stage.adapter.meet(&stage.cx).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::EngineUnavailable);
    assert!(error.advice.contains("plugin"), "{error}");
    stage.away();
    let error = stage.adapter.meet(&stage.cx).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::EngineUnavailable);
}

#[tokio::test(start_paused = true)]
async fn without_tls_requests_are_signed_and_no_nonce_is_used_twice() {
    let mut plain = config();
    plain["site_url"] = "http://shop.example/butikk/".into();
    let stage = Stage::with(plain).unwrap();
    for _ in 0..2 {
        stage.answers(order());
        stage.adapter.order(&stage.cx, &at()).await.unwrap();
    }
    let asked = stage.asked();
    assert_eq!(asked[0]["ask"], "GET /butikk/wp-json/wc/v3/orders/17");
    let nonces: Vec<_> = asked.iter().map(|ask| ask["nonce"].clone()).collect();
    assert!(
        nonces[0] != nonces[1] && nonces[0].is_string(),
        "{nonces:?}"
    );
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_the_fields_name() {
    for (field, value) in [
        ("site_url", json!("ftp://shop.example")),
        ("site_url", json!("https://shop.example/?page=1")),
        ("site_url", json!("https://me:mine@shop.example/")),
        ("consumer_key", json!("")),
        ("consumer_secret", json!("cs_\n")),
        ("secret", json!("short")),
        ("webhook_secret", json!("")),
        ("storefront", json!("x".repeat(61))),
        ("shop_url", json!("mistyped")),
    ] {
        let mut wrong = config();
        wrong[field] = value;
        let error = Stage::with(wrong).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Configuration);
        assert!(error.why.contains(field), "{error}");
        assert!(!error.to_string().contains("short"), "{error}");
    }
    let shown = format!("{:?}", Stage::new().adapter);
    for secret in ["ck_one", "cs_two", "a-secret", "whsec"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
