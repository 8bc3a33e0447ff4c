//! True exchanges of an engine, as fixtures: one JSON file each. What stands in for the engine is
//! held to them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// One exchange with an engine.
#[derive(Debug, Clone, Deserialize)]
pub struct Recording {
    /// The file's name.
    #[serde(skip)]
    pub file: String,
    /// What it shows.
    pub purpose: String,
    /// `to-engine`: a call to the engine; `from-engine`: one that it makes.
    pub direction: String,
    /// What was asked.
    pub request: Asked,
    /// What was answered.
    #[serde(default)]
    pub response: Option<Answered>,
    /// How its signature is checked, where it has one.
    #[serde(default)]
    pub verification: Option<Value>,
    /// What an engine was asked to send.
    #[serde(default)]
    pub subscription_query: Option<String>,
}

/// A recorded request.
#[derive(Debug, Clone, Deserialize)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// The headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, read as JSON or as text.
    #[serde(default)]
    pub body: Value,
    /// The body byte for byte, where that matters.
    #[serde(default)]
    pub raw_body: Option<String>,
}

/// A recorded answer.
#[derive(Debug, Clone, Deserialize)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, read as JSON or as text.
    #[serde(default)]
    pub body: Value,
}

impl Recording {
    /// All of a folder, by name.
    ///
    /// # Errors
    /// The folder or a file cannot be read, or there is none.
    pub fn all(folder: &Path) -> Result<Vec<Self>, String> {
        let failed =
            |path: &Path, why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
        let entries = std::fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| failed(folder, &error))?.path();
            if path.extension().is_some_and(|end| end == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        if paths.is_empty() {
            return Err(failed(folder, &"there is no recording"));
        }
        let read = |path: &std::path::PathBuf| {
            let text = std::fs::read_to_string(path).map_err(|error| failed(path, &error))?;
            let mut recording: Self =
                serde_json::from_str(&text).map_err(|error| failed(path, &error))?;
            let name = path.file_name().unwrap_or_default();
            recording.file = name.to_string_lossy().into_owned();
            Ok(recording)
        };
        paths.iter().map(read).collect()
    }
}

/// What an answer has that the recorded one has not: fields of other names, values of other JSON
/// types. It may have less. `null` fits everything, and the elements of a list fit one of the
/// recorded list's.
pub fn shape_differences(recorded: &Value, answered: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", recorded, answered, &mut found);
    found
}

fn compare(place: &str, recorded: &Value, answered: &Value, found: &mut Vec<String>) {
    match (recorded, answered) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(recorded), Value::Object(answered)) => {
            for (name, value) in answered {
                let place = format!("{place}/{name}");
                match recorded.get(name) {
                    None => found.push(format!("{place}: is not in the recording")),
                    Some(recorded) => compare(&place, recorded, value, found),
                }
            }
        }
        (Value::Array(recorded), Value::Array(answered)) => {
            // An empty list says nothing of its elements.
            if recorded.is_empty() {
                return;
            }
            for (number, value) in answered.iter().enumerate() {
                let place = format!("{place}/{number}");
                let against = |recorded| {
                    let mut found = Vec::new();
                    compare(&place, recorded, value, &mut found);
                    found
                };
                let best = recorded.iter().map(against).min_by_key(Vec::len);
                found.extend(best.unwrap_or_default());
            }
        }
        _ if kind(recorded) == kind(answered) => {}
        _ => found.push(format!(
            "{place}: is {} and was {}",
            kind(answered),
            kind(recorded)
        )),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn less_is_no_difference_and_more_or_other_is() {
        let recorded = json!({
            "id": 1, "total": "1.00", "note": null,
            "lines": [{ "id": 1 }, { "id": 2, "name": "mug" }], "none": [],
        });
        for same in [
            json!({}),
            json!({ "id": 7 }),
            json!({ "note": { "any": 1 } }),
            json!({ "total": null }),
            json!({ "lines": [{ "name": "jumper" }, { "id": 9 }], "none": [1] }),
        ] {
            assert_eq!(shape_differences(&recorded, &same), Vec::<String>::new());
        }
        for (other, difference) in [
            (json!({ "id": "1" }), "/id: is a text and was a number"),
            (json!({ "more": 1 }), "/more: is not in the recording"),
            (json!([]), ": is a list and was an object"),
            (
                json!({ "lines": [{ "price": 1 }] }),
                "/lines/0/price: is not in the recording",
            ),
        ] {
            assert_eq!(shape_differences(&recorded, &other), [difference]);
        }
    }
}
