//! What Saleor sends to the app: the payload that its subscription selects, signed, and its answer.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use kasse_core::Transport;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Map, Value, json};
use url::Url;

use super::graphql::Document;

/// How long Saleor waits for an app.
const PATIENCE: Duration = Duration::from_secs(18);
/// The key that it signs with. It stands here for all to see, and signs nothing but tests.
const KEY: &[u8] = include_bytes!("only-for-tests.pkcs8.der");
const KEY_ID: &str = "only-for-tests";

/// What the app wants to be told, from its manifest.
#[derive(Debug)]
pub(super) struct Subscription {
    /// In lower case, as in `Saleor-Event`.
    event: String,
    target: String,
    query: Document,
}

/// How the app answered.
#[derive(Debug)]
pub(super) enum Answered {
    /// Something that can be read.
    With(Value),
    /// Nothing, or nothing that can be read.
    Not,
    /// That it is out of order (5xx).
    OutOfOrder,
}

/// Sends them.
#[derive(Debug)]
pub(super) struct Sender {
    transport: Arc<dyn Transport>,
    /// Saleor's API, as it calls itself.
    api: Url,
    key: Option<RsaKeyPair>,
}

impl Subscription {
    /// Those of a manifest.
    pub(super) fn of_manifest(manifest: &Value) -> Vec<Self> {
        let hooks = manifest.get("webhooks").and_then(Value::as_array);
        let mut all = Vec::new();
        for hook in hooks.into_iter().flatten() {
            let text = |name: &str| hook.get(name).and_then(Value::as_str);
            let (Some(query), Some(target)) = (text("query"), text("targetUrl")) else {
                continue;
            };
            for name in ["syncEvents", "asyncEvents"] {
                let events = hook.get(name).and_then(Value::as_array);
                let events = events.into_iter().flatten().filter_map(Value::as_str);
                all.extend(events.filter_map(|event| {
                    Some(Self {
                        event: event.to_lowercase(),
                        target: target.to_owned(),
                        query: Document::read(query).ok()?,
                    })
                }));
            }
        }
        all
    }

    /// Is it about this event?
    pub(super) fn is(&self, event: &str) -> bool {
        self.event == event
    }

    /// What it selects of an event.
    fn payload(&self, event: Value) -> Option<Value> {
        let query = &self.query;
        let of = json!({ "event": event });
        let selected = query.select(&of, &query.operation.selection, "Subscription", &Map::new());
        selected.ok()?.get_mut("event").map(Value::take)
    }
}

impl Sender {
    pub(super) fn new(transport: Arc<dyn Transport>, api: Url) -> Self {
        Self {
            transport,
            api,
            key: RsaKeyPair::from_pkcs8(KEY).ok(),
        }
    }

    /// The keys that its signatures are checked with, as they are published.
    pub(super) fn jwks(&self) -> Value {
        let Some(key) = &self.key else {
            return Value::Null;
        };
        let parts: PublicKeyComponents<Vec<u8>> = key.public().into();
        json!({ "keys": [{
            "kty": "RSA", "key_ops": ["verify"], "use": "sig", "alg": "RS256", "kid": KEY_ID,
            "n": URL_SAFE_NO_PAD.encode(parts.n), "e": URL_SAFE_NO_PAD.encode(parts.e),
        }] })
    }

    /// A detached signature: of the header, a point, and the body as it is sent.
    fn signature(&self, body: &[u8]) -> Option<String> {
        let key = self.key.as_ref()?;
        let head =
            json!({ "alg": "RS256", "b64": false, "crit": ["b64"], "kid": KEY_ID, "typ": "JWT" });
        let head = URL_SAFE_NO_PAD.encode(head.to_string());
        let signed = [head.as_bytes(), b".", body].concat();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            &signed,
            &mut signature,
        )
        .ok()?;
        Some(format!("{head}..{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The app's manifest.
    pub(super) async fn manifest(&self, at: &Url) -> Option<Value> {
        let request = Request::get(at.as_str()).body(Bytes::new()).ok()?;
        let answer = self.transport.send(request, PATIENCE).await.ok()?;
        serde_json::from_slice(answer.body()).ok()
    }

    /// Delivers the app's token, once, when it is installed.
    pub(super) async fn token(&self, manifest: &Value, token: &str) -> bool {
        let Some(to) = manifest.get("tokenTargetUrl").and_then(Value::as_str) else {
            return false;
        };
        let body = json!({ "auth_token": token });
        let sent = self.post(to, "", text(&body).into()).await;
        sent.is_some_and(|(status, _)| status.is_success())
    }

    /// Tells the app of an event.
    pub(super) async fn send(&self, to: &Subscription, event: Value) -> Answered {
        match to.payload(event) {
            Some(payload) => self.post_event(to, text(&payload).into()).await,
            None => Answered::Not,
        }
    }

    /// The same once more, after the app was out of order: the body is lost by then, and the
    /// signature holds.
    pub(super) async fn send_again(&self, to: &Subscription) -> Answered {
        self.post_event(to, Bytes::new()).await
    }

    async fn post_event(&self, to: &Subscription, body: Bytes) -> Answered {
        match self.post(&to.target, &to.event, body).await {
            Some((status, _)) if status.is_server_error() => Answered::OutOfOrder,
            Some((_, body)) => serde_json::from_slice(&body).map_or(Answered::Not, Answered::With),
            None => Answered::Not,
        }
    }

    async fn post(&self, to: &str, event: &str, body: Bytes) -> Option<(StatusCode, Bytes)> {
        let signature = self.signature(&body)?;
        let domain = self.api.host_str().unwrap_or_default();
        let mut request = Request::post(to)
            .header(header::CONTENT_TYPE, "application/json")
            .header("saleor-domain", domain)
            .header("saleor-api-url", self.api.as_str())
            .header("x-saleor-domain", domain)
            .header(header::USER_AGENT, "Saleor/3.23");
        if !event.is_empty() {
            request = request
                .header("saleor-event", event)
                .header("saleor-signature", &signature)
                .header("x-saleor-event", event)
                .header("x-saleor-signature", &signature);
        }
        let request = request.body(body).ok()?;
        let answer = self.transport.send(request, PATIENCE).await.ok()?;
        Some((answer.status(), answer.into_body()))
    }
}

/// JSON as Saleor writes it: in ASCII, with spaces.
pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { ", " });
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            for (place, (name, field)) in fields.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { ", " });
                ascii(&Value::from(name.as_str()).to_string(), out);
                out.push_str(": ");
                write(field, out);
            }
            out.push('}');
        }
        plain => ascii(&plain.to_string(), out),
    }
}

fn ascii(json: &str, out: &mut String) {
    for letter in json.chars() {
        if letter.is_ascii() {
            out.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            // Writing to a String does not fail.
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_written_as_saleor_does() {
        let value = json!({ "amount": 100.0, "name": "Kåre «😀»", "none": null });
        let written =
            r#"{"amount": 100.0, "name": "K\u00e5re \u00ab\ud83d\ude00\u00bb", "none": null}"#;
        assert_eq!(text(&value), written);
    }
}
