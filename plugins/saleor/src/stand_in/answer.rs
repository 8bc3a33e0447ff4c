//! Arguments, and the shape of a mutation's answer.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::shown;
use super::state::Fault;

static NOTHING: LazyLock<Map<String, Value>> = LazyLock::new(Map::new);

/// An argument that is an object; one that is not given is empty.
pub(super) fn object<'a>(given: &'a Map<String, Value>, name: &str) -> &'a Map<String, Value> {
    given
        .get(name)
        .and_then(Value::as_object)
        .unwrap_or(&*NOTHING)
}

/// An argument that is text.
pub(super) fn text<'a>(given: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    given.get(name)?.as_str()
}

/// It was done.
pub(super) fn done(mut answer: Value) -> Value {
    if let Some(answer) = answer.as_object_mut() {
        answer.insert("errors".into(), json!([]));
    }
    answer
}

/// It was not: these are null then.
pub(super) fn failed(nulls: &[&str], fault: Fault) -> Value {
    let nulls = nulls.iter().map(|name| ((*name).to_owned(), Value::Null));
    let errors = ("errors".to_owned(), shown::errors(&[fault]));
    Value::Object(nulls.chain([errors]).collect())
}
