//! Where two JSON values differ.

use serde_json::Value;

/// The places that differ, with both values: `/at/shop: "fjord" | "fjell"`.
pub(crate) fn differences(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", one, other, &mut found);
    found
}

fn compare(place: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            let mut names: Vec<&String> = a.keys().chain(b.keys()).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let place = format!("{place}/{name}");
                compare(&place, &one[name.as_str()], &other[name.as_str()], found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{place}/{index}"), a, b, found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("{place}: {one} | {other}")),
    }
}
