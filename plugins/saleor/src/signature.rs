//! Is a webhook Saleor's? Saleor signs its body with RSA: a detached JWS (RFC 7515, appendix F;
//! RFC 7797 for `b64: false`), whose key stands at `/.well-known/jwks.json` of the configured host.
//! Webhooks that were given a `secretKey` are signed with HMAC-SHA256 in place of that.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Request, StatusCode};
use jiff::{SignedDuration, Timestamp};
use kasse_core::Context;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use url::Url;

/// How long the keys may take: Saleor waits for us meanwhile.
const PATIENCE: Duration = Duration::from_secs(4);
/// Keys are read anew after so long: one that was taken back is not trusted for ever.
const FRESH: SignedDuration = SignedDuration::from_hours(1);
/// Keys are read at most so often, whoever sends what.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// A list of keys is no longer than this.
const LONGEST: usize = 64 * 1024;

/// Why a webhook is not Saleor's.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unsigned {
    /// 401, or 424 where Saleor's keys could not be read.
    pub(crate) status: StatusCode,
    pub(crate) why: &'static str,
}

/// Checks signatures.
#[derive(Debug)]
pub(crate) struct Signatures {
    jwks: Option<Url>,
    secret: Option<SecretString>,
    keys: Mutex<Keys>,
}

#[derive(Debug, Default)]
struct Keys {
    known: BTreeMap<String, Key>,
    /// When they were read.
    read: Option<Timestamp>,
    /// When they were asked for.
    asked: Option<Timestamp>,
}

#[derive(Debug, Clone)]
struct Key {
    n: Vec<u8>,
    e: Vec<u8>,
}

#[derive(Debug, Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
}

#[derive(Debug, Deserialize)]
struct Jwk {
    #[serde(default)]
    kty: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
}

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    #[serde(default = "yes")]
    b64: bool,
    #[serde(default)]
    crit: Vec<String>,
    kid: String,
}

fn yes() -> bool {
    true
}

impl Signatures {
    /// Of the Saleor at this address.
    pub(crate) fn new(api_url: &Url, secret: Option<SecretString>) -> Self {
        Self {
            jwks: api_url.join("/.well-known/jwks.json").ok(),
            secret,
            keys: Mutex::new(Keys::default()),
        }
    }

    /// Did Saleor sign this body?
    ///
    /// # Errors
    /// [`Unsigned`].
    pub(crate) async fn verify(
        &self,
        cx: &Context,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(), Unsigned> {
        let signature = ["saleor-signature", "x-saleor-signature"]
            .into_iter()
            .find_map(|name| headers.get(name)?.to_str().ok());
        let Some(signature) = signature else {
            return Err(unsigned("it is not signed"));
        };
        if signature.contains('.') {
            return self.verify_jws(cx, signature, body).await;
        }
        let good = self.secret.as_ref().and_then(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
            mac.update(body);
            let expected = hex(&mac.finalize().into_bytes());
            Some(bool::from(expected.as_bytes().ct_eq(signature.as_bytes())))
        });
        match good {
            Some(true) => Ok(()),
            Some(false) => Err(unsigned("its signature is not Saleor's")),
            None => Err(unsigned(
                "it is signed with a secret, and no `webhook_secret` is configured",
            )),
        }
    }

    async fn verify_jws(&self, cx: &Context, signature: &str, body: &[u8]) -> Result<(), Unsigned> {
        // Header, nothing, signature: the payload is the body.
        let parts: Vec<&str> = signature.split('.').collect();
        let &[encoded, "", signature] = parts.as_slice() else {
            return Err(unsigned("its signature is no detached JWS"));
        };
        let header: Option<Header> = BASE64URL
            .decode(encoded)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok());
        let Some(header) = header else {
            return Err(unsigned("the header of its signature cannot be read"));
        };
        if header.alg != "RS256" || header.b64 || header.crit != ["b64"] {
            return Err(unsigned("its signature is of another kind than Saleor's"));
        }
        let Ok(signature) = BASE64URL.decode(signature) else {
            return Err(unsigned("its signature is not Saleor's"));
        };
        let key = self.key(cx, &header.kid).await?;
        let message = [encoded.as_bytes(), b".", body].concat();
        RsaPublicKeyComponents { n: key.n, e: key.e }
            .verify(&RSA_PKCS1_2048_8192_SHA256, &message, &signature)
            .map_err(|_| unsigned("its signature is not Saleor's"))
    }

    /// Saleor's key of this name, read anew where it is not known or was read long ago.
    async fn key(&self, cx: &Context, kid: &str) -> Result<Key, Unsigned> {
        let now = cx.now();
        let (known, may_ask) = {
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            let known = keys.known.get(kid).cloned();
            let fresh = is_within(keys.read, now, FRESH);
            let serves = known.is_some() && fresh;
            let may_ask = !serves && !is_within(keys.asked, now, PAUSE);
            if may_ask {
                keys.asked = Some(now);
            }
            (known, may_ask)
        };
        let read = if may_ask { self.read(cx).await } else { None };
        if let Some(read) = read {
            let found = read.get(kid).cloned();
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            keys.known = read;
            keys.read = Some(now);
            return found
                .ok_or_else(|| unsigned("it is signed with a key that is none of Saleor's"));
        }
        // Saleor's keys cannot be read now: those that are known go on.
        match known {
            Some(key) => Ok(key),
            None if may_ask => Err(Unsigned {
                status: StatusCode::FAILED_DEPENDENCY,
                why: "Saleor's keys could not be read: look at `api_url`",
            }),
            None => Err(unsigned("it is signed with a key that is none of Saleor's")),
        }
    }

    async fn read(&self, cx: &Context) -> Option<BTreeMap<String, Key>> {
        let request = Request::get(self.jwks.as_ref()?.as_str())
            .header(http::header::ACCEPT, "application/json")
            .body(Bytes::new())
            .ok()?;
        let answer = match cx.send(request, PATIENCE).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(error = %error, "Saleor's keys were not read");
                return None;
            }
        };
        if answer.status() != StatusCode::OK || answer.body().len() > LONGEST {
            tracing::warn!(status = %answer.status(), "Saleor's keys were not read");
            return None;
        }
        let jwks: Jwks = serde_json::from_slice(answer.body()).ok()?;
        let usable = jwks.keys.into_iter().filter(|key| key.kty == "RSA");
        Some(
            usable
                .filter_map(|key| {
                    let (n, e) = (
                        BASE64URL.decode(&key.n).ok()?,
                        BASE64URL.decode(&key.e).ok()?,
                    );
                    Some((key.kid, Key { n, e }))
                })
                .collect(),
        )
    }
}

fn is_within(then: Option<Timestamp>, now: Timestamp, time: SignedDuration) -> bool {
    then.is_some_and(|then| now.duration_since(then).abs() < time)
}

fn unsigned(why: &'static str) -> Unsigned {
    Unsigned {
        status: StatusCode::UNAUTHORIZED,
        why,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
