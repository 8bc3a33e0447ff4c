//! A shop on Medusa that takes a fixed time for its deliveries. It answers as agreed with the module
//! that lives in a real one.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

pub(crate) fn play(milliseconds: u64) {
    let agreed = include_str!("../../../../plugins/medusa/tests/contract/deliveries.json");
    let deliveries = answer_of(agreed);
    let about = answer_of(include_str!(
        "../../../../plugins/medusa/tests/contract/about.json"
    ));
    let told = Arc::new(Mutex::new(Vec::new()));
    super::serve(0, move |request| {
        let (deliveries, about) = (deliveries.clone(), about.clone());
        let told = Arc::clone(&told);
        async move {
            match request.uri().path() {
                "/kasse/deliveries" => {
                    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                    super::json(200, &deliveries)
                }
                "/kasse/about" => super::json(200, &about),
                // Not Medusa's: what it was told so far.
                "/told" => super::json(200, &json!(*told.lock().unwrap())),
                "/kasse/record" => {
                    let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
                    let what = asked["what"].as_str().unwrap_or_default().to_owned();
                    told.lock().unwrap().push(what);
                    super::json(200, &json!({ "order": asked["order"], "shown": true }))
                }
                _ => super::json(404, &Value::Null),
            }
        }
    });
}

fn answer_of(agreed: &str) -> Value {
    let agreed: Value = serde_json::from_str(agreed).unwrap();
    agreed["response"]["body"].clone()
}
