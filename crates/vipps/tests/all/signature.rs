//! The signature of a webhook: Vipps' published vector, and everything that breaks it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use kasse_core::api::WhyNot;
use kasse_vipps::signature::{WINDOW, sign, verify};
use proptest::prelude::*;
use secrecy::SecretString;
use url::Url;

/// "Webhooks guide", in the edition that showed the secret.
const SECRET: &str =
    "A0+AeKBRG2KRGvnNwJpQlb6IJFk48CKXCIcrLoHncVJKDILsQSxS6NWCccwWm6r6FhGKhiHTBsG2wo/xU6FY/A==";
const URL: &str = "https://webhook.site/e2cee29b-012e-4f1d-8ef4-e95fd74a7a63";
const DATE: &str = "Thu, 30 Mar 2023 08:38:32 GMT";
const BODY: &str = r#"{"some-unique-content":"ee6e441b-cc4a-46f8-895d-a5af79bcc233/hello-world"}"#;
const HASH: &str = "lNlsp1XA03N34HrQsVzPgJKtC+r7l/RBF4V3JQUWMj4=";
const SIGNATURE: &str = "agAiSyogQbDHpeucoNwYz+yAr5nJ+v+zasdkSbqzv+U=";

const SCHEME: &str = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=";

fn published() -> Request<Bytes> {
    Request::post("/e2cee29b-012e-4f1d-8ef4-e95fd74a7a63")
        .header("x-ms-date", DATE)
        .header("x-ms-content-sha256", HASH)
        .header("host", "webhook.site")
        .header("authorization", format!("{SCHEME}{SIGNATURE}"))
        .body(Bytes::from_static(BODY.as_bytes()))
        .unwrap()
}

fn then() -> Timestamp {
    "2023-03-30T08:38:32Z".parse().unwrap()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

fn looked_at(request: &Request<Bytes>) -> Result<(), WhyNot> {
    verify(request, &url(URL), &secret(SECRET), then(), WINDOW)
}

fn changed(name: &'static str, value: &[u8]) -> Request<Bytes> {
    let mut request = published();
    request
        .headers_mut()
        .insert(name, value.try_into().unwrap());
    request
}

/// The text with one byte changed, for each of its bytes and several other values.
fn changes(text: &str) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..text.len()).flat_map(move |at| {
        (1..=255_u8).map(move |other| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= other;
            bytes
        })
    })
}

#[test]
fn the_published_vector_verifies() {
    assert_eq!(looked_at(&published()), Ok(()));
    let signed = sign(&url(URL), then(), BODY.as_bytes(), &secret(SECRET));
    assert_eq!(
        (
            signed.date.as_str(),
            signed.host.as_str(),
            signed.content_sha256.as_str(),
            signed.authorization.strip_prefix(SCHEME).unwrap(),
        ),
        (DATE, "webhook.site", HASH, SIGNATURE)
    );
}

/// Two wrong signatures that are published too: by the secret decoded, and by today's masked secret.
#[test]
fn the_secret_is_taken_as_it_is() {
    let decoded = changed(
        "authorization",
        format!("{SCHEME}T3+NXHMmhNVEjW5PeJ4Gql70nf0MOXCAY9CoZDxuVQw=").as_bytes(),
    );
    assert_eq!(looked_at(&decoded), Err(WhyNot::Signature));
    let masked = secret(&format!("{}==", "A".repeat(86)));
    assert_eq!(
        verify(&published(), &url(URL), &masked, then(), WINDOW),
        Err(WhyNot::Signature)
    );
    assert_eq!(
        sign(&url(URL), then(), BODY.as_bytes(), &masked).authorization,
        format!("{SCHEME}u4zz3dyO3c3xJwl36rPpn1n7WF75u6r2epjH70MZTGM=")
    );
}

#[test]
fn no_byte_of_the_date_can_be_changed() {
    for date in changes(DATE) {
        let Ok(value) = http::HeaderValue::from_bytes(&date) else {
            continue;
        };
        let refused = looked_at(&changed("x-ms-date", value.as_bytes())).unwrap_err();
        assert!(
            matches!(refused, WhyNot::NoDate | WhyNot::Signature),
            "{date:?}: {refused:?}"
        );
    }
}

#[test]
fn no_byte_of_the_body_can_be_changed() {
    for body in changes(BODY) {
        let mut request = published();
        *request.body_mut() = body.clone().into();
        assert_eq!(looked_at(&request), Err(WhyNot::BodyHash));
    }
    for body in [
        &BODY.as_bytes()[1..],
        b"",
        b"{}",
        format!("{BODY}\n").as_bytes(),
    ] {
        let mut request = published();
        *request.body_mut() = body.to_vec().into();
        assert_eq!(looked_at(&request), Err(WhyNot::BodyHash));
    }
    // Nor with the hash that fits it: that is signed too.
    for body in changes(BODY).step_by(255) {
        let mut request = published();
        let hash = sign(&url(URL), then(), &body, &secret("x")).content_sha256;
        *request.body_mut() = body.into();
        request
            .headers_mut()
            .insert("x-ms-content-sha256", hash.parse().unwrap());
        assert_eq!(looked_at(&request), Err(WhyNot::Signature));
    }
}

#[test]
fn no_byte_of_the_hash_or_the_signature_can_be_changed() {
    for hash in changes(HASH) {
        if let Ok(value) = http::HeaderValue::from_bytes(&hash) {
            assert_eq!(
                looked_at(&changed("x-ms-content-sha256", value.as_bytes())),
                Err(WhyNot::BodyHash)
            );
        }
    }
    let whole = format!("{SCHEME}{SIGNATURE}");
    for authorization in changes(&whole) {
        if let Ok(value) = http::HeaderValue::from_bytes(&authorization) {
            let refused = looked_at(&changed("authorization", value.as_bytes())).unwrap_err();
            assert!(
                matches!(refused, WhyNot::Scheme | WhyNot::Signature),
                "{authorization:?}"
            );
        }
    }
}

#[test]
fn no_byte_of_the_secret_can_be_changed() {
    for other in changes(SECRET) {
        let Ok(other) = String::from_utf8(other) else {
            continue;
        };
        assert_eq!(
            verify(&published(), &url(URL), &secret(&other), then(), WINDOW),
            Err(WhyNot::Signature)
        );
    }
    // An HMAC fills a short key up with zeros, so a key of nothing is one that anybody has.
    let mut unsigned = published();
    let signed = sign(&url(URL), then(), BODY.as_bytes(), &secret(""));
    signed.put_on(unsigned.headers_mut()).unwrap();
    assert_eq!(
        verify(&unsigned, &url(URL), &secret(""), then(), WINDOW),
        Err(WhyNot::Signature)
    );
}

#[test]
fn no_byte_of_the_registered_url_can_be_changed() {
    let registered = url(URL);
    let mut tried = 0;
    for other in changes(URL) {
        let Some(other) = String::from_utf8(other)
            .ok()
            .and_then(|text| Url::parse(&text).ok())
        else {
            continue;
        };
        // Some texts are the same address: in a host the case of a letter says nothing.
        let same = other.path() == registered.path()
            && other.query() == registered.query()
            && other.host() == registered.host()
            && other.port() == registered.port();
        if !same {
            tried += 1;
            assert_eq!(
                verify(&published(), &other, &secret(SECRET), then(), WINDOW),
                Err(WhyNot::Signature),
                "{other}"
            );
        }
    }
    assert!(tried > 5_000, "{tried}");
}

/// A proxy may rewrite path and host; the registered URL is what was signed.
#[test]
fn what_the_request_says_of_path_and_host_is_not_looked_at() {
    let mut request = changed("host", b"10.0.0.7:8080");
    *request.uri_mut() = "/inner/webhooks?x=1".parse().unwrap();
    assert_eq!(looked_at(&request), Ok(()));
    request.headers_mut().remove("host");
    assert_eq!(looked_at(&request), Ok(()));
}

#[test]
fn port_path_and_query_are_those_of_the_registered_url() {
    let signed = |text: &str| sign(&url(text), then(), b"{}", &secret(SECRET));
    for (text, host) in [
        ("https://pay.shop.example/w", "pay.shop.example"),
        ("https://pay.shop.example:443/w", "pay.shop.example"),
        ("https://pay.shop.example:8080/w", "pay.shop.example:8080"),
        ("http://127.0.0.1:3000/w", "127.0.0.1:3000"),
        ("https://[::1]:8443/w", "[::1]:8443"),
        ("https://PAY.shop.example/w", "pay.shop.example"),
    ] {
        assert_eq!(signed(text).host, host);
    }
    let signatures = [
        "https://pay.shop.example/w",
        "https://pay.shop.example:8080/w",
        "https://pay.shop.example/w/",
        "https://pay.shop.example/w?",
        "https://pay.shop.example/w?a=1",
        "https://pay.shop.example/w?a=2",
        "https://pay.shop.example",
    ]
    .map(|text| signed(text).authorization);
    for (at, one) in signatures.iter().enumerate() {
        assert!(!signatures[at + 1..].contains(one), "{at}");
    }
    assert_eq!(
        signed("https://pay.shop.example"),
        signed("https://pay.shop.example/")
    );
}

#[test]
fn the_signature_may_come_under_another_name() {
    let whole = format!("{SCHEME}{SIGNATURE}");
    let mut moved = published();
    moved.headers_mut().remove("authorization");
    moved
        .headers_mut()
        .insert("x-vipps-authorization", whole.parse().unwrap());
    assert_eq!(looked_at(&moved), Ok(()));
    // The web server put its own there.
    moved
        .headers_mut()
        .insert("authorization", "Basic c2hvcDpzaG9w".parse().unwrap());
    assert_eq!(looked_at(&moved), Ok(()));
    // What does not fit is not saved by what does.
    moved.headers_mut().insert(
        "authorization",
        format!("{SCHEME}u4zz3dyO3c3xJwl36rPpn1n7WF75u6r2epjH70MZTGM=")
            .parse()
            .unwrap(),
    );
    assert_eq!(looked_at(&moved), Err(WhyNot::Signature));
}

#[test]
fn what_is_missing_is_named() {
    let without = |name| {
        let mut request = published();
        request.headers_mut().remove(name);
        looked_at(&request)
    };
    assert_eq!(without("x-ms-date"), Err(WhyNot::NoDate));
    assert_eq!(without("x-ms-content-sha256"), Err(WhyNot::NoHash));
    assert_eq!(without("authorization"), Err(WhyNot::NoSignature));
    for date in ["", "yesterday", "2023-03-30T08:38:32Z", "1680165512"] {
        assert_eq!(
            looked_at(&changed("x-ms-date", date.as_bytes())),
            Err(WhyNot::NoDate),
            "{date}"
        );
    }
    for other in [
        "",
        "Bearer token",
        "HMAC-SHA256",
        SIGNATURE,
        &format!("hmac-sha256 {}", SCHEME.split_once(' ').unwrap().1),
        &format!("HMAC-SHA256 SignedHeaders=host;x-ms-content-sha256&Signature={SIGNATURE}"),
    ] {
        assert_eq!(
            looked_at(&changed("authorization", other.as_bytes())),
            Err(WhyNot::Scheme),
            "{other}"
        );
    }
    for other in [
        SCHEME.to_owned(),
        format!("{SCHEME}{SIGNATURE},"),
        format!("{SCHEME}{}", SIGNATURE.trim_end_matches('=')),
        format!("{SCHEME}{}", SIGNATURE.to_lowercase()),
    ] {
        assert_eq!(
            looked_at(&changed("authorization", other.as_bytes())),
            Err(WhyNot::Signature),
            "{other}"
        );
    }
}

#[test]
fn an_old_webhook_is_not_taken_again() {
    let at = |seconds: i64, window| {
        let now = then()
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap();
        verify(&published(), &url(URL), &secret(SECRET), now, window)
    };
    for (seconds, expected) in [
        (0, Ok(())),
        (300, Ok(())),
        (-300, Ok(())),
        (301, Err(WhyNot::Clock)),
        (-301, Err(WhyNot::Clock)),
        (86_400, Err(WhyNot::Clock)),
    ] {
        assert_eq!(at(seconds, WINDOW), expected, "{seconds}");
    }
    assert_eq!(at(86_400, Duration::from_secs(86_400)), Ok(()));
    assert_eq!(at(1, Duration::ZERO), Err(WhyNot::Clock));
    assert_eq!(at(0, Duration::ZERO), Ok(()));
    // Who cannot sign learns nothing of our clock.
    let now = then().checked_add(SignedDuration::from_secs(3600)).unwrap();
    assert_eq!(
        verify(&published(), &url(URL), &secret("x"), now, WINDOW),
        Err(WhyNot::Signature)
    );
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_with_another_secret_does_not(
        key in "\\PC{1,100}", other in "\\PC{1,100}",
        path in "[a-z0-9/]{0,40}", query in proptest::option::of("[a-z0-9=&]{0,20}"), port in proptest::option::of(1_u16..),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        second in -2_000_000_000_i64..4_000_000_000, late in -300_i64..=300,
    ) {
        let mut registered = url("https://pay.shop.example");
        registered.set_path(&path);
        registered.set_query(query.as_deref());
        registered.set_port(port).unwrap();
        let at = Timestamp::from_second(second).unwrap();
        let now = Timestamp::from_second(second + late).unwrap();
        let mut request = Request::post("/").body(Bytes::from(body.clone())).unwrap();
        sign(&registered, at, &body, &secret(&key)).put_on(request.headers_mut()).unwrap();
        prop_assert_eq!(verify(&request, &registered, &secret(&key), now, WINDOW), Ok(()));
        if key != other {
            prop_assert_eq!(verify(&request, &registered, &secret(&other), now, WINDOW), Err(WhyNot::Signature));
        }
    }

    #[test]
    fn any_request_is_looked_at_without_panic(
        date in "\\PC{0,40}", hash in "\\PC{0,60}", authorization in "\\PC{0,100}",
        body in proptest::collection::vec(any::<u8>(), 0..100), window in any::<u64>(),
    ) {
        let mut request = Request::post("/").body(Bytes::from(body)).unwrap();
        for (name, text) in [("x-ms-date", date), ("x-ms-content-sha256", hash), ("authorization", format!("{SCHEME}{authorization}"))] {
            if let Ok(value) = http::HeaderValue::from_bytes(text.as_bytes()) {
                request.headers_mut().insert(name, value);
            }
        }
        for now in [then(), Timestamp::MIN, Timestamp::MAX] {
            prop_assert!(verify(&request, &url(URL), &secret(SECRET), now, Duration::from_secs(window)).is_err());
        }
    }
}
