//! Asking Saleor's API.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use kasse_core::Transport;
use kasse_core::checklist::DriverError;
use serde_json::{Value, json};

/// Longer than Saleor waits for kasse.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks, with a token or as anybody. Gives the data.
pub(super) async fn ask(
    transport: &dyn Transport,
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> Result<Value, DriverError> {
    let other = |error: String| DriverError::Other(format!("Saleor: {error}"));
    let body = json!({ "query": query, "variables": variables }).to_string();
    let mut request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let request = request
        .body(Bytes::from(body))
        .map_err(|error| other(error.to_string()))?;
    let response = transport
        .send(request, PATIENCE)
        .await
        .map_err(|error| DriverError::NoAnswer(format!("Saleor: {error}")))?;
    let mut answer: Value =
        serde_json::from_slice(response.body()).map_err(|error| other(error.to_string()))?;
    match answer.get_mut("data").map(Value::take) {
        Some(data) if answer.get("errors").is_none() => Ok(data),
        _ => Err(other(answer.to_string())),
    }
}

/// The words of Saleor's refusal; `None`: it was done.
pub(super) fn refusal(done: &Value) -> Option<String> {
    let errors = done.get("errors").and_then(Value::as_array)?;
    let words: Vec<&str> = errors
        .iter()
        .filter_map(|error| error.get("message")?.as_str())
        .collect();
    (!errors.is_empty()).then(|| words.join(" "))
}
