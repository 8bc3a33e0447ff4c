//! As much of Vipps' eCom API as kasse calls, in as little work as can be: the simulator looks at
//! everything and keeps everything, and would be what is measured. Each customer approves at once; one
//! who pays by express chooses for ever.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use kasse_core::{Runtime, TokioRuntime, after};
use serde_json::{Value, json};
use url::Url;

use crate::stage::Begun;

type Payments = Arc<Mutex<BTreeMap<String, Begun>>>;

/// How long each customer thinks.
const THOUGHT: Duration = Duration::from_secs(1);

pub(crate) fn play() {
    let payments = Payments::default();
    super::serve(0, move |request| {
        let answer = answer(&payments, &request);
        async move { answer }
    });
}

fn answer(payments: &Payments, request: &Request<Bytes>) -> Response<Bytes> {
    let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
    let mut payments = payments.lock().unwrap();
    match path.as_slice() {
        ["accesstoken", "get"] => super::json(
            200,
            &json!({
                "token_type": "Bearer",
                "expires_in": "86398",
                "ext_expires_in": "0",
                "expires_on": "4102444800",
                "not_before": "1546300800",
                "resource": "00000002-0000-0000-c000-000000000000",
                "access_token": "a-token",
            }),
        ),
        // Not Vipps': for whoever plays Vipps' part in calling kasse.
        ["payments"] => {
            let all: Vec<&Begun> = payments.values().collect();
            super::json(200, &serde_json::to_value(all).unwrap())
        }
        ["ecomm", "v2", "payments"] => {
            let body: Value = serde_json::from_slice(request.body()).unwrap();
            let begun = begun(&body);
            let answer = json!({
                "orderId": begun.reference,
                "url": "https://vipps.example/pay?token=t",
            });
            payments.insert(begun.reference.clone(), begun);
            super::json(200, &answer)
        }
        ["ecomm", "v2", "payments", reference, "details"] => match payments.get(*reference) {
            Some(begun) => super::json(200, &details(begun)),
            None => super::json(404, &json!({})),
        },
        _ => super::json(404, &json!({})),
    }
}

fn begun(body: &Value) -> Begun {
    let merchant = &body["merchantInfo"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let callback: Url = text(&merchant["callbackPrefix"]).parse().unwrap();
    Begun {
        reference: text(&body["transaction"]["orderId"]),
        token: text(&merchant["authToken"]),
        path: callback.path().trim_end_matches('/').to_owned(),
        amount: body["transaction"]["amount"].as_i64().unwrap(),
        express: merchant["paymentType"].is_string(),
        at: TokioRuntime::system().now(),
    }
}

fn details(begun: &Begun) -> Value {
    let entry = |operation: &str, at: Timestamp| {
        json!({
            "amount": begun.amount,
            "operation": operation,
            "operationSuccess": true,
            "requestId": "",
            "timeStamp": at,
            "transactionId": "5001420062",
            "transactionText": "An order",
        })
    };
    if begun.express {
        // Its customer is choosing, and goes on choosing.
        return json!({
            "orderId": begun.reference,
            "transactionLogHistory": [entry("INITIATE", begun.at)],
        });
    }
    json!({
        "orderId": begun.reference,
        "transactionLogHistory": [entry("RESERVE", after(begun.at, THOUGHT)), entry("INITIATE", begun.at)],
        "transactionSummary": {
            "capturedAmount": 0,
            "refundedAmount": 0,
            "remainingAmountToCapture": begun.amount,
            "remainingAmountToRefund": 0,
        },
    })
}
