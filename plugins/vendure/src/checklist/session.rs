//! A session with one of Vendure's two APIs.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use kasse_core::Transport;
use kasse_core::checklist::DriverError;
use serde_json::{Value, json};

const TOKEN: &str = "vendure-auth-token";
/// Longer than Vendure waits for kasse.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks, within the session of a token, if there is one. Gives the data, and the session's token
/// where it is new.
pub(super) async fn ask(
    transport: &dyn Transport,
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> Result<(Value, Option<String>), DriverError> {
    let other = |error: String| DriverError::Other(format!("Vendure: {error}"));
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
        .map_err(|error| DriverError::NoAnswer(format!("Vendure: {error}")))?;
    let fresh = response.headers().get(TOKEN);
    let fresh = fresh.and_then(|token| Some(token.to_str().ok()?.to_owned()));
    let mut answer: Value =
        serde_json::from_slice(response.body()).map_err(|error| other(error.to_string()))?;
    match answer.get_mut("data").map(Value::take) {
        Some(data) if answer.get("errors").is_none() => Ok((data, fresh)),
        _ => Err(other(answer.to_string())),
    }
}

/// The words of Vendure's refusal, the most precise ones; `None`: it was done.
pub(super) fn refusal(done: &Value) -> Option<String> {
    let text = |name: &str| {
        let text = done.get(name)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    ["paymentErrorMessage", "transitionError", "message"]
        .into_iter()
        .find_map(text)
}
