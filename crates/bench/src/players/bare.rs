//! The least that can answer a shipping call: hyper, the wire's own reading of the call, and its own
//! writing of the answer. No token, no journal, no log.

use std::path::Path;
use std::sync::Arc;

use kasse_core::api::Inbound;
use kasse_core::{DeliveryKind, Money, QuotedOption, ShippingOption, VatRate};
use serde_json::Value;

/// `answer`: a file with kasse's own answer, whose deliveries are offered here too.
pub(crate) fn play(answer: &Path) {
    let answer: Value = serde_json::from_slice(&std::fs::read(answer).unwrap()).unwrap();
    let options: Arc<Vec<QuotedOption>> = Arc::new(
        answer["shippingDetails"]
            .as_array()
            .unwrap()
            .iter()
            .map(option)
            .collect(),
    );
    let wire = Arc::new(kasse_vipps::wire());
    super::serve(0, move |request| {
        let (wire, options) = (Arc::clone(&wire), Arc::clone(&options));
        async move {
            let path = request
                .uri()
                .path()
                .trim_start_matches("/vipps/fjord")
                .to_owned();
            let read = wire
                .apis
                .iter()
                .find_map(|api| Some((api, api.inbound(&path, &request)?)));
            match read {
                Some((api, Ok(Inbound::Shipping(call)))) => api.shipping_answer(&call, &options),
                _ => super::json(404, &Value::Null),
            }
        }
    });
}

fn option(shown: &Value) -> QuotedOption {
    let text = |name: &str| shown[name].as_str().unwrap().to_owned();
    let cost = shown["shippingCost"].to_string();
    QuotedOption {
        wire_id: text("shippingMethodId"),
        option: ShippingOption {
            id: text("shippingMethodId"),
            title: text("shippingMethod"),
            price: Money::parse(&cost, kasse_core::Currency::Nok).unwrap(),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Home,
            brand: String::new(),
            estimate: None,
            default: shown["isDefault"] == "Y",
            priority: 0,
            engine: Value::Null,
        },
    }
}
