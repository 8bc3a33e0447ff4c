//! The signature of a webhook ("Webhooks guide, how to authenticate the webhook event"): HMAC-SHA256
//! over date, host, path and body.
//!
//! What is signed:
//! ```text
//! POST⏎{path and query}⏎{x-ms-date};{host};{x-ms-content-sha256}
//! ```
//! with line feeds alone and none at the end. Path, query and host are those of the **registered**
//! URL, the host with its port where that is not the scheme's own. So a proxy that rewrites either
//! does no harm, and what a request says of them is not looked at. The key is the secret's text as
//! Vipps gave it: it looks like Base64, and is not decoded.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, HOST, HeaderName, InvalidHeaderValue};
use http::{HeaderMap, HeaderValue, Request};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use kasse_core::api::WhyNot;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

/// How far a webhook's date may be from our clock, both ways, where nothing else is said. Vipps'
/// documents name no limit.
pub const WINDOW: Duration = Duration::from_secs(300);

const DATE: HeaderName = HeaderName::from_static("x-ms-date");
const CONTENT_SHA256: HeaderName = HeaderName::from_static("x-ms-content-sha256");
/// Where `Authorization` ends up behind a web server that keeps that header for itself.
const MOVED: HeaderName = HeaderName::from_static("x-vipps-authorization");
const SCHEME: &str = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=";

/// The headers of a signed webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// `x-ms-date`.
    pub date: String,
    /// `Host`.
    pub host: String,
    /// `x-ms-content-sha256`.
    pub content_sha256: String,
    /// `Authorization`.
    pub authorization: String,
}

impl fmt::Debug for Signed {
    // Whoever has the signature can send the webhook again while its date is young.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("date", &self.date)
            .field("host", &self.host)
            .field("content_sha256", &self.content_sha256)
            .finish_non_exhaustive()
    }
}

impl Signed {
    /// Puts them on a request.
    ///
    /// # Errors
    /// A value that no header can hold; there is none among those that [`sign`] makes.
    pub fn put_on(&self, headers: &mut HeaderMap) -> Result<(), InvalidHeaderValue> {
        for (name, text) in [
            (DATE, &self.date),
            (HOST, &self.host),
            (CONTENT_SHA256, &self.content_sha256),
            (AUTHORIZATION, &self.authorization),
        ] {
            headers.insert(name, HeaderValue::from_str(text)?);
        }
        Ok(())
    }
}

/// Signs a webhook as Vipps does. kasse itself sends none: this is for whoever plays Vipps in a test.
/// With a secret of nothing there is no signature.
pub fn sign(url: &Url, at: Timestamp, body: &[u8], secret: &SecretString) -> Signed {
    let date = rfc2822::DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&at)
        .unwrap_or_default();
    let content_sha256 = content_hash(body);
    let signature = signature(url, date.as_bytes(), content_sha256.as_bytes(), secret);
    let signature = signature.unwrap_or_default();
    Signed {
        host: host(url),
        authorization: format!("{SCHEME}{signature}"),
        date,
        content_sha256,
    }
}

/// Was this request signed with the secret, for the URL that was registered, within `window` of now?
/// Both hash and signature are compared in constant time. The clock is looked at last, so that
/// [`WhyNot::Clock`] means a clock that is wrong, or a webhook that is sent again: nobody but Vipps
/// could have signed it.
///
/// # Errors
/// Why not.
pub fn verify(
    request: &Request<Bytes>,
    registered: &Url,
    secret: &SecretString,
    now: Timestamp,
    window: Duration,
) -> Result<(), WhyNot> {
    let headers = request.headers();
    let date = headers.get(DATE).ok_or(WhyNot::NoDate)?;
    let at = moment(date).ok_or(WhyNot::NoDate)?;
    let shown_hash = headers.get(CONTENT_SHA256).ok_or(WhyNot::NoHash)?;
    let hash = content_hash(request.body());
    if !same(hash.as_bytes(), shown_hash.as_bytes()) {
        return Err(WhyNot::BodyHash);
    }
    let shown = shown_signature(headers)?;
    let expected = signature(registered, date.as_bytes(), hash.as_bytes(), secret);
    if !expected.is_some_and(|expected| same(expected.as_bytes(), shown)) {
        return Err(WhyNot::Signature);
    }
    if at.duration_since(now).unsigned_abs() > window {
        return Err(WhyNot::Clock);
    }
    Ok(())
}

fn moment(date: &HeaderValue) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(date.to_str().ok()?)
        .ok()
}

/// The signature itself, from the first of the two headers that holds one.
fn shown_signature(headers: &HeaderMap) -> Result<&[u8], WhyNot> {
    let mut shown = [AUTHORIZATION, MOVED]
        .into_iter()
        .filter_map(|name| headers.get(name))
        .map(HeaderValue::as_bytes)
        .peekable();
    if shown.peek().is_none() {
        return Err(WhyNot::NoSignature);
    }
    shown
        .find_map(|value| value.strip_prefix(SCHEME.as_bytes()))
        .ok_or(WhyNot::Scheme)
}

fn content_hash(body: &[u8]) -> String {
    STANDARD.encode(Sha256::digest(body))
}

/// `None` for a secret of nothing: anybody could sign with it.
fn signature(url: &Url, date: &[u8], hash: &[u8], secret: &SecretString) -> Option<String> {
    let key = secret.expose_secret().as_bytes();
    if key.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    let query = url.query().map(|query| ["?", query]).unwrap_or_default();
    for part in ["POST\n", url.path()].iter().chain(&query) {
        mac.update(part.as_bytes());
    }
    for part in [b"\n", date, b";", host(url).as_bytes(), b";", hash] {
        mac.update(part);
    }
    Some(STANDARD.encode(mac.finalize().into_bytes()))
}

/// The host, with the port where that is not the scheme's own.
fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
