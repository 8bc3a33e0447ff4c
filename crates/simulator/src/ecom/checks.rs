//! Checks that several calls share.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::schema;
use crate::auth::header;
use crate::faults::Operation;
use crate::refusal::{
    CONTENT_TYPE as WRONG_CONTENT_TYPE, INVALID_FIELD, MALFORMED_JSON, ORDER_ID_UNKNOWN,
    RATE_LIMIT, Refused,
};
use crate::state::State;

pub(super) fn json_body(headers: &HeaderMap, body: &[u8], schema: &str) -> Result<Value, Refused> {
    let value = json(headers, body)?;
    schema::check(schema, &value)?;
    Ok(value)
}

/// A body of JSON, whatever it says.
pub(crate) fn json(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refused> {
    let kind = header(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(WRONG_CONTENT_TYPE.plain());
    }
    serde_json::from_slice(body).map_err(|_| MALFORMED_JSON.plain())
}

pub(super) fn text<'a>(body: &'a Value, pointer: &str) -> Option<&'a str> {
    body.pointer(pointer).and_then(Value::as_str)
}

pub(super) fn flag(body: &Value, pointer: &str) -> bool {
    body.pointer(pointer)
        .and_then(Value::as_bool)
        .unwrap_or(false)
}

pub(super) fn limit(
    state: &mut State,
    operation: Operation,
    key: String,
    calls: usize,
) -> Result<(), Refused> {
    state.count(operation, key, calls).map_err(|wait| {
        RATE_LIMIT
            .plain()
            .because(format!("try again in {wait} seconds"))
            .retry_after(wait)
    })
}

pub(super) fn check_order_id(order_id: &str) -> Result<(), Refused> {
    if schema::is_order_id(order_id) {
        return Ok(());
    }
    Err(INVALID_FIELD
        .on("orderId")
        .because("does not match its pattern"))
}

pub(super) fn unknown(order_id: &str) -> Refused {
    ORDER_ID_UNKNOWN.plain().because(order_id)
}
