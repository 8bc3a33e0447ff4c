//! The report for programs.

use serde::Serialize;

use super::Report;
use super::words::is_hostile;

/// The JSON Schema (draft 2020-12) of what [`to_json`] gives. Fields may be added to the format;
/// what is there keeps its meaning as long as `format` stays the same.
pub const SCHEMA: &str = include_str!("report.schema.json");

/// The report as JSON, pretty, with a line feed at the end. Two runs give the same bytes but for
/// the values of the fields whose names begin with `measured`.
///
/// # Errors
/// None that a report can cause: it is all text and numbers.
pub fn to_json(report: &Report) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Whole<'a> {
        passed: bool,
        #[serde(flatten)]
        report: &'a Report,
    }
    let whole = Whole {
        passed: report.passed(),
        report,
    };
    // What serde leaves raw and a terminal might obey. It can only stand within strings.
    let mut out = String::new();
    for c in serde_json::to_string_pretty(&whole)?.chars() {
        if is_hostile(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    Ok(out)
}
