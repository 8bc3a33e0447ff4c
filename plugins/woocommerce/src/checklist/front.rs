//! The shop's front: the Store API for shoppers, the REST API for the merchant.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, header};
use kasse_core::checklist::{DriverError, World};
use kasse_core::{Ids, RandomIds};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::oauth::Signer;
use crate::stand_in::Keys;

/// What names a shopper's cart.
const TOKEN: &str = "cart-token";
/// Longer than the shop waits for kasse.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the shop answered.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// What a person reads where it was not done.
    pub(super) fn words(&self) -> String {
        let words = self.body.get("message").and_then(Value::as_str);
        words.map_or_else(|| format!("status {}", self.status), str::to_owned)
    }

    /// The body of what has to be done.
    pub(super) fn done(self) -> Result<Value, DriverError> {
        if self.is_done() {
            return Ok(self.body);
        }
        let (status, words) = (self.status, self.words());
        Err(DriverError::Other(format!(
            "WooCommerce answers {status}: {words}"
        )))
    }
}

/// Both fronts of a shop.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) keys: Keys,
    pub(super) world: World,
}

impl Front {
    /// Asks as the merchant. `path` is below `wc/v3`.
    pub(super) async fn merchant(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, DriverError> {
        let keys = &self.keys;
        let url = format!("{}/wp-json/wc/v3{path}", self.site());
        let mut request = Request::builder().method(method.clone());
        let query = if keys.site.scheme() == "https" {
            let both = format!(
                "{}:{}",
                keys.consumer_key.expose_secret(),
                keys.consumer_secret.expose_secret()
            );
            let basic = format!("Basic {}", BASE64_STANDARD.encode(both));
            request = request.header(header::AUTHORIZATION, basic);
            encoded(query)
        } else {
            let signer = Signer {
                key: &keys.consumer_key,
                secret: &keys.consumer_secret,
                nonce: RandomIds.next(),
                time: self.world.clock.wall().as_second(),
            };
            signer.query(&method, &url, query)
        };
        let url = match query.as_str() {
            "" => url,
            query => format!("{url}?{query}"),
        };
        let answer = self.send(request.uri(url), body).await?;
        Ok(read(&answer))
    }

    /// Asks as a shopper, whose first question opens a cart. `path` is below `wc/store/v1`.
    pub(super) async fn shopper(
        &self,
        token: &mut Option<String>,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, DriverError> {
        let url = format!("{}/wp-json/wc/store/v1{path}", self.site());
        let mut request = Request::builder().method(method).uri(url);
        if let Some(token) = token.as_deref() {
            request = request.header(TOKEN, token);
        }
        let answer = self.send(request, body).await?;
        let fresh = answer.headers().get(TOKEN);
        if let Some(fresh) = fresh.and_then(|fresh| fresh.to_str().ok()) {
            *token = Some(fresh.to_owned());
        }
        Ok(read(&answer))
    }

    fn site(&self) -> &str {
        self.keys.site.as_str().trim_end_matches('/')
    }

    async fn send(
        &self,
        request: http::request::Builder,
        body: Option<&Value>,
    ) -> Result<Response<Bytes>, DriverError> {
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| DriverError::Other(format!("WooCommerce: {error}")))?;
        let answer = self.world.transport.send(request, PATIENCE).await;
        answer.map_err(|error| DriverError::NoAnswer(format!("WooCommerce: {error}")))
    }
}

fn read(answer: &Response<Bytes>) -> Answer {
    Answer {
        status: answer.status().as_u16(),
        // What is no JSON has no words for a person either.
        body: serde_json::from_slice(answer.body()).unwrap_or_default(),
    }
}

fn encoded(query: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(query)
        .finish()
}
