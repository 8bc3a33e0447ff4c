//! Every signature that was recorded is right by the ways that the crate checks and makes them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::stage::{Stage, all, named};

fn signature(secret: &str, text: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[test]
fn every_recorded_webhook_is_signed_as_it_says() {
    let mut signed = 0;
    for recording in all("recordings") {
        let Some(given) = recording.request.headers.get("x-wc-webhook-signature") else {
            continue;
        };
        let verification = recording.verification.unwrap();
        let secret = verification["secret"].as_str().unwrap();
        let body = recording.request.raw_body.unwrap();
        assert_eq!(
            &signature(secret, body.as_bytes()),
            given,
            "{}",
            recording.file
        );
        let other = format!("{body} ");
        assert_ne!(
            &signature(secret, other.as_bytes()),
            given,
            "{}",
            recording.file
        );
        signed += 1;
    }
    println!("{signed} of 17 recorded webhooks are signed as they say");
    assert_eq!(signed, 17);
}

#[tokio::test(start_paused = true)]
async fn the_recorded_oauth_call_is_taken_once_and_a_forged_one_never() {
    let shop = Stage::at("http://127.0.0.1:8089", "2026-11-22T08:19:16Z");
    shop.shop.seed_order(named("034-").response.unwrap().body);
    for (start, status, code) in [
        ("129-", 200, None),
        (
            "130-",
            401,
            Some("Invalid nonce - nonce has already been used."),
        ),
        (
            "131-",
            401,
            Some("Invalid signature - provided signature does not match."),
        ),
    ] {
        let recording = named(start);
        let (got, body) = shop.ask("GET", &recording.request.path, &[], "").await;
        assert_eq!(got, status, "{start}");
        assert_eq!(body["message"].as_str(), code, "{start}");
        assert_eq!(status, recording.response.unwrap().status, "{start}");
    }
    let base = named("129-").verification.unwrap()["base_string"].clone();
    let secret = format!("cs_{}&", "b".repeat(40));
    let expected = signature(&secret, base.as_str().unwrap().as_bytes());
    assert_eq!(expected, "PpkYJLxmv2FbaJvi9VVeNa5WkODMp8VWEi+X2tiM3hk=");
}
