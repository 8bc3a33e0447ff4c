//! Asks Medusa's two APIs: the storefront's by its publishable key, the merchant's by a session.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use kasse_core::checklist::DriverError;
use serde_json::{Value, json};

use super::Known;
use super::driver::Driver;

/// Longer than our piece waits for kasse.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Medusa answered: its JSON, or the words of its refusal.
pub(super) type Said = Result<Value, String>;

impl Driver {
    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.shop
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        who: (&str, &str),
    ) -> Result<(StatusCode, Value), DriverError> {
        let other = |error: String| DriverError::Other(format!("Medusa, {path}: {error}"));
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.shop.url));
        if !who.0.is_empty() {
            request = request.header(who.0, who.1);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request
            .body(Bytes::from(body))
            .map_err(|error| other(error.to_string()))?;
        let answer = self
            .world
            .transport
            .send(request, PATIENCE)
            .await
            .map_err(|error| DriverError::NoAnswer(format!("Medusa, {path}: {error}")))?;
        let body = serde_json::from_slice(answer.body()).map_err(|_| {
            let said = String::from_utf8_lossy(answer.body());
            other(format!("{}: {said}", answer.status()))
        })?;
        Ok((answer.status(), body))
    }

    /// As the merchant, who signs in once.
    pub(super) async fn admin(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Said, DriverError> {
        let held = self.known().merchant.clone();
        let token = match held {
            Some(token) => token,
            None => {
                let login = json!({ "email": self.shop.user, "password": self.shop.password });
                let path = "/auth/user/emailpass";
                let answer = self.send(Method::POST, path, Some(login), ("", "")).await?;
                let token = answer.1.get("token").and_then(Value::as_str);
                let token = token.map(|token| format!("Bearer {token}"));
                let token = token.ok_or_else(|| {
                    DriverError::Other(format!("the merchant cannot sign in: {}", answer.1))
                })?;
                self.known().merchant = Some(token.clone());
                token
            }
        };
        let who = ("authorization", token.as_str());
        let path = format!("/admin{path}");
        said(self.send(method, &path, body, who).await?)
    }

    /// The same, where Medusa has no reason to refuse.
    pub(super) async fn admin_does(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, DriverError> {
        done(path, self.admin(method, path, body).await?)
    }

    /// As the storefront, whose key the merchant has.
    pub(super) async fn store(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Said, DriverError> {
        let held = self.known().key.clone();
        let key = match held {
            Some(key) => key,
            None => {
                let keys = "/api-keys?type=publishable";
                let keys = self.admin_does(Method::GET, keys, None).await?;
                let key = keys.pointer("/api_keys/0/token").and_then(Value::as_str);
                let key = key.map(str::to_owned);
                let key = key.ok_or_else(|| {
                    DriverError::Other("the shop has no publishable key".to_owned())
                })?;
                self.known().key = Some(key.clone());
                key
            }
        };
        let who = ("x-publishable-api-key", key.as_str());
        let path = format!("/store{path}");
        said(self.send(method, &path, body, who).await?)
    }

    pub(super) async fn store_does(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, DriverError> {
        done(path, self.store(method, path, body).await?)
    }
}

/// A refusal has words. Without them, Medusa is broken.
fn said((status, body): (StatusCode, Value)) -> Result<Said, DriverError> {
    if status.is_success() {
        return Ok(Ok(body));
    }
    match body.get("message").and_then(Value::as_str) {
        Some(words) if !status.is_server_error() => Ok(Err(words.to_owned())),
        _ => Err(DriverError::Other(format!("Medusa: {status}: {body}"))),
    }
}

fn done(path: &str, said: Said) -> Result<Value, DriverError> {
    said.map_err(|words| DriverError::Other(format!("Medusa refuses {path}: {words}")))
}
