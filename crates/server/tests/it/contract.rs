//! The OpenAPI document of `/v1`, as what every answer is held to.

use http::HeaderMap;
use serde_json::{Value, json};

/// The document.
pub(crate) struct Contract(Value);

impl Contract {
    pub(crate) fn new() -> Self {
        let mut document = serde_json::from_str(kasse_server::v1::DOCUMENT).unwrap();
        close(&mut document);
        Self(document)
    }

    /// Panics where an answer is none that the document tells of.
    #[track_caller]
    pub(crate) fn check(
        &self,
        method: &str,
        path: &str,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) {
        let said = format!(
            "{method} {path}: {status} {}",
            String::from_utf8_lossy(body)
        );
        let body: Value =
            serde_json::from_slice(body).unwrap_or_else(|_| panic!("no JSON: {said}"));
        let kind = headers["content-type"].to_str().unwrap();
        let Some(operation) = self.operation(method, path) else {
            // No operation: refused in the shape of all others.
            assert!(matches!(status, 401 | 404 | 405 | 429), "{said}");
            assert_eq!(kind, "application/problem+json", "{said}");
            return self.fits(
                &json!({"$ref": "#/components/schemas/Problem"}),
                &body,
                &said,
            );
        };
        let told = &operation["responses"][status.to_string()];
        assert!(told.is_object(), "the document has no such answer: {said}");
        let told = match told["$ref"].as_str() {
            None => told,
            Some(place) => &self.0["components"]["responses"][place.rsplit('/').next().unwrap()],
        };
        let schema = &told["content"][kind]["schema"];
        assert!(schema.is_object(), "{kind} is not in the document: {said}");
        self.fits(schema, &body, &said);
        for (name, header) in told["headers"].as_object().into_iter().flatten() {
            let there = headers.contains_key(name.as_str());
            assert!(there || header["required"] != true, "no {name}: {said}");
        }
        if status >= 400 {
            assert_eq!(body["status"], status, "{said}");
        }
    }

    /// The operation of a request, by its path.
    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let path = path.split('?').next().unwrap();
        let same = |told: &str| {
            let (told, asked): (Vec<_>, Vec<_>) =
                (told.split('/').collect(), path.split('/').collect());
            let fits = |(told, asked): (&&str, &&str)| told.starts_with('{') || told == asked;
            told.len() == asked.len() && told.iter().zip(&asked).all(fits)
        };
        let paths = self.0["paths"].as_object().unwrap();
        let item = paths.iter().find(|(told, _)| same(told))?.1;
        item.get(method.to_lowercase())
    }

    #[track_caller]
    fn fits(&self, schema: &Value, body: &Value, said: &str) {
        let whole = json!({"allOf": [schema], "components": self.0["components"]});
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&whole)
            .unwrap();
        let problems: Vec<String> = validator
            .iter_errors(body)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{problems:?}: {said}");
    }
}

/// The document leaves room for fields that are added later. Today's answers have none that it does
/// not tell of.
fn close(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(close);
            if fields.contains_key("properties") && fields["type"] == "object" {
                fields.insert("additionalProperties".into(), false.into());
            }
        }
        Value::Array(values) => values.iter_mut().for_each(close),
        _ => {}
    }
}
