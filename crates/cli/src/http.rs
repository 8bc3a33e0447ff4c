//! JSON over HTTP, by core's own transport.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use kasse_core::{ReqwestTransport, Transport};
use serde_json::Value;

/// The longest that one answer is waited for. Longer than Vipps may take for the shop's deliveries.
const LIMIT: Duration = Duration::from_secs(30);

/// Asks one program, below one address.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    transport: Arc<dyn Transport>,
    base: String,
}

impl Client {
    /// A client for what lies below `base` (no slash at its end).
    pub(crate) fn new(base: impl Into<String>) -> Result<Self, String> {
        let transport = ReqwestTransport::new().map_err(|error| error.to_string())?;
        Ok(Self {
            transport: Arc::new(transport),
            base: base.into(),
        })
    }

    /// Asks, and reads the answer as JSON (`null` where there is no body). The status is not judged.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), String> {
        let place = format!("{method} {path}");
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if body.is_some() {
            request = request.header(http::header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Bytes::new, |body| body.to_string().into());
        let request = request
            .body(body)
            .map_err(|error| format!("{place}: {error}"))?;
        let answer = self
            .transport
            .send(request, LIMIT)
            .await
            .map_err(|error| format!("{place}: {error}"))?;
        let status = answer.status();
        if answer.body().is_empty() {
            return Ok((status, Value::Null));
        }
        let value = serde_json::from_slice(answer.body())
            .map_err(|_| format!("{place} answered {status} with something that is not JSON"))?;
        Ok((status, value))
    }

    /// Asks, and takes nothing but success.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, String> {
        self.must(Method::GET, path, None).await
    }

    /// Sends, and takes nothing but success.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        self.must(Method::POST, path, Some(body)).await
    }

    async fn must(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        let place = format!("{method} {path}");
        let (status, value) = self.ask(method, path, body).await?;
        if status.is_success() {
            Ok(value)
        } else {
            Err(format!("{place} answered {status}: {value}"))
        }
    }
}
