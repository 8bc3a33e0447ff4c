//! Answers in WordPress' shapes.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// An answer of JSON.
pub(super) fn json(status: u16, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = HeaderValue::from_static("application/json; charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// The same, with a header more.
pub(super) fn with(
    mut response: Response<Bytes>,
    name: &'static str,
    value: &str,
) -> Response<Bytes> {
    if let Ok(value) = HeaderValue::from_str(value) {
        let name = HeaderName::from_static(name);
        response.headers_mut().insert(name, value);
    }
    response
}

/// What was not done, as WordPress says it.
#[derive(Debug)]
pub(super) struct Refused {
    status: u16,
    body: Value,
}

impl Refused {
    /// With the status in `data`, as nearly everywhere.
    pub(super) fn new(status: u16, code: &str, message: &str) -> Self {
        Self::with_data(status, code, message, json!({ "status": status }))
    }

    /// With other data.
    pub(super) fn with_data(status: u16, code: &str, message: &str, data: Value) -> Self {
        let body = json!({ "code": code, "message": message, "data": data });
        Self { status, body }
    }

    /// A parameter that is not taken: of which kind the fault is, and what is wrong with it.
    pub(super) fn parameter(name: &str, kind: &str, wrong: &str, data: Value) -> Self {
        Self::parameters(&[(name, kind, wrong.to_owned(), data)])
    }

    /// The same for several.
    pub(super) fn parameters(wrong: &[(&str, &str, String, Value)]) -> Self {
        let names: Vec<&str> = wrong.iter().map(|(name, ..)| *name).collect();
        let params: serde_json::Map<String, Value> = wrong
            .iter()
            .map(|(name, _, words, _)| ((*name).to_owned(), json!(words)))
            .collect();
        let details: serde_json::Map<String, Value> = wrong
            .iter()
            .map(|(name, kind, words, data)| {
                let detail = json!({ "code": kind, "message": words, "data": data });
                ((*name).to_owned(), detail)
            })
            .collect();
        Self::with_data(
            400,
            "rest_invalid_param",
            &format!("Invalid parameter(s): {}", names.join(", ")),
            json!({ "status": 400, "params": params, "details": details }),
        )
    }

    /// Nobody answers this path.
    pub(super) fn no_route() -> Self {
        Self::new(
            404,
            "rest_no_route",
            "No route was found matching the URL and request method.",
        )
    }

    /// Who asks may not.
    pub(super) fn unknown_caller() -> Self {
        Self::new(
            401,
            "woocommerce_rest_cannot_view",
            "Sorry, you cannot view this resource.",
        )
    }

    /// Whose signature or secret is not right.
    pub(super) fn caller(why: &str) -> Self {
        Self::new(401, "woocommerce_rest_authentication_error", why)
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        json(self.status, &self.body)
    }
}

/// A field's text; nothing where it has none.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Sets a field of an object.
pub(super) fn set(value: &mut Value, name: &str, to: impl Into<Value>) {
    if let Some(fields) = value.as_object_mut() {
        fields.insert(name.to_owned(), to.into());
    }
}

/// A list in an object: empty where there is none.
pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
