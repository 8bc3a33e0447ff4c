//! `kasse simulate` and an HTTP client alone: what an integration in any language meets.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::running::{Folder, Running, ask};

const KEY: (&str, &str) = (
    "Ocp-Apim-Subscription-Key",
    "0f14ebcab0ec4b29ae0cb90d91b4a84a",
);
const JSON: (&str, &str) = ("Content-Type", "application/json");

struct Api {
    url: String,
    bearer: String,
    // Its end is the simulator's.
    _simulator: Running,
}

impl Api {
    async fn start() -> Self {
        let mut simulator = Running::start(&Folder::new("simulate").0, &["simulate"]);
        let url = simulator.after("simulated: ");
        let keys = [
            ("client_id", "fb492b5e-7907-4d83-ba20-c7fb60ca35de"),
            ("client_secret", "Y8Kteew6GE2ZmeycEt6egg=="),
            KEY,
        ];
        let (status, token) = ask(
            Method::POST,
            &format!("{url}/accesstoken/get"),
            &keys,
            &Value::Null,
        )
        .await;
        assert_eq!(status, StatusCode::OK);
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        Self {
            url,
            bearer,
            _simulator: simulator,
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        request: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let url = format!("{}/ecomm/v2/payments{path}", self.url);
        let headers = [
            ("Authorization", self.bearer.as_str()),
            KEY,
            JSON,
            ("X-Request-Id", request),
        ];
        ask(method, &url, &headers, body).await
    }

    async fn control(&self, path: &str) {
        let url = format!("{}/__simulator/payments/123456{path}", self.url);
        let (status, answer) = ask(Method::POST, &url, &[JSON], &json!({})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
}

/// The guide's example of an express payment.
fn express(order: &str) -> Value {
    json!({
        "customerInfo": { "mobileNumber": "91234567" },
        "merchantInfo": {
            "merchantSerialNumber": "123456",
            "authToken": "some-secret-of-the-shop",
            "callbackPrefix": "https://example.com/vipps/callbacks-for-payment-update-from-vipps",
            "consentRemovalPrefix": "https://example.com/vipps/consent-removal",
            "fallBack": "https://example.com/vipps/fallback-result-page-for-both-success-and-failure/acme-shop-123-order123abc",
            "shippingDetailsPrefix": "https://example.com/vipps/shipping-details",
            "paymentType": "eComm Express Payment",
        },
        "transaction": {
            "orderId": order,
            "amount": 20000,
            "transactionText": "One pair of socks.",
        },
    })
}

fn regular(order: &str) -> Value {
    json!({
        "customerInfo": {},
        "merchantInfo": {
            "merchantSerialNumber": "123456",
            "callbackPrefix": "https://example.com/vipps/callbacks",
            "fallBack": "https://example.com/vipps/fallback",
        },
        "transaction": { "orderId": order, "amount": 20000, "transactionText": "One pair of socks." },
    })
}

fn part(amount: u64) -> Value {
    json!({
        "merchantInfo": { "merchantSerialNumber": "123456" },
        "transaction": { "amount": amount, "transactionText": "A part." },
    })
}

#[tokio::test]
async fn the_guides_express_example_is_accepted_and_answered() {
    let api = Api::start().await;
    let (status, answer) = api
        .ask(Method::POST, "", "1", &express("acme-shop-123-order123abc"))
        .await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["orderId"], "acme-shop-123-order123abc");
    let page = answer["url"].as_str().unwrap();
    assert!(page.starts_with(&format!(
        "{}/dwo-api-application/v1/deeplink/vippsgateway?v=2&token=",
        api.url
    )));
}

#[tokio::test]
async fn an_initiate_that_is_wrong_is_refused_with_the_documented_group_and_code() {
    let api = Api::start().await;
    let (status, _) = api
        .ask(Method::POST, "", "1", &express("acme-shop-taken"))
        .await;
    assert_eq!(status, StatusCode::OK);

    let with = |order: &str, pointer: &str, value: Value| {
        let mut body = express(order);
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let mut no_consent = express("acme-shop-0004");
    no_consent["merchantInfo"]
        .as_object_mut()
        .unwrap()
        .remove("consentRemovalPrefix");
    for (what, body, status, group, code) in [
        (
            "an integer MSN",
            with(
                "acme-shop-0001",
                "/merchantInfo/merchantSerialNumber",
                json!(123_456),
            ),
            500,
            "VippsError",
            "99",
        ),
        (
            "amount 99",
            with("acme-shop-0002", "/transaction/amount", json!(99)),
            400,
            "InvalidRequest",
            "amount",
        ),
        (
            "an http URL",
            with(
                "acme-shop-0003",
                "/merchantInfo/callbackPrefix",
                json!("http://example.com/a"),
            ),
            400,
            "InvalidRequest",
            "callbackPrefix",
        ),
        (
            "no consentRemovalPrefix",
            no_consent,
            400,
            "InvalidRequest",
            "consentRemovalPrefix",
        ),
        (
            "a doubled orderId",
            express("acme-shop-taken"),
            400,
            "Merchant",
            "34",
        ),
    ] {
        let (came, answer) = api.ask(Method::POST, "", "2", &body).await;
        assert_eq!(came.as_u16(), status, "{what}: {answer}");
        assert_eq!(
            (
                answer[0]["errorGroup"].as_str(),
                answer[0]["errorCode"].as_str()
            ),
            (Some(group), Some(code)),
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_capture_or_refund_that_is_wrong_is_refused_with_the_documented_group_and_code() {
    let api = Api::start().await;
    for order in ["acme-shop-1001", "acme-shop-1002"] {
        let (status, answer) = api.ask(Method::POST, "", "1", &regular(order)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        api.control(&format!("/{order}/approve")).await;
    }
    let cancel = json!({
        "merchantInfo": { "merchantSerialNumber": "123456" },
        "transaction": { "transactionText": "Sold out." },
    });
    let (status, answer) = api
        .ask(Method::PUT, "/acme-shop-1002/cancel", "1", &cancel)
        .await;
    assert_eq!(status, StatusCode::OK, "{answer}");

    for (what, path, amount, group, code) in [
        (
            "a capture above the reservation",
            "/acme-shop-1001/capture",
            20_001,
            "Payment",
            "61",
        ),
        (
            "a capture after a cancel",
            "/acme-shop-1002/capture",
            20_000,
            "VippsError",
            "91",
        ),
        (
            "a refund of a reservation",
            "/acme-shop-1001/refund",
            20_000,
            "Payment",
            "72",
        ),
    ] {
        let (status, answer) = api.ask(Method::POST, path, "2", &part(amount)).await;
        assert!(status.is_client_error(), "{what}: {status}");
        assert_eq!(
            (
                answer[0]["errorGroup"].as_str(),
                answer[0]["errorCode"].as_str()
            ),
            (Some(group), Some(code)),
            "{what}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_sales_unit_has_its_countrys_currency() {
    let arguments = [
        "simulate",
        "--unit",
        "234567,danish,secret,dk-key,DK",
        "--unit",
        "345678,finnish,secret,fi-key,FI",
    ];
    let mut simulator = Running::start(&Folder::new("countries").0, &arguments);
    let url = simulator.after("simulated: ");
    for (msn, client, key, own, other) in [
        ("234567", "danish", "dk-key", "DKK", "EUR"),
        ("345678", "finnish", "fi-key", "EUR", "NOK"),
    ] {
        let key = ("Ocp-Apim-Subscription-Key", key);
        let keys = [("client_id", client), ("client_secret", "secret"), key];
        let token = format!("{url}/accesstoken/get");
        let (_, token) = ask(Method::POST, &token, &keys, &Value::Null).await;
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        for (currency, status) in [(own, StatusCode::CREATED), (other, StatusCode::BAD_REQUEST)] {
            let reference = format!("acme-shop-{msn}-{currency}");
            let headers = [
                ("Authorization", bearer.as_str()),
                key,
                JSON,
                ("Merchant-Serial-Number", msn),
                ("Idempotency-Key", reference.as_str()),
            ];
            let body = json!({
                "amount": { "currency": currency, "value": 49_900 },
                "paymentMethod": { "type": "WALLET" },
                "reference": reference,
                "returnUrl": "https://example.com/back",
                "userFlow": "WEB_REDIRECT",
                "paymentDescription": "One pair of socks.",
            });
            let create = format!("{url}/epayment/v1/payments");
            let (answered, answer) = ask(Method::POST, &create, &headers, &body).await;
            assert_eq!(answered, status, "{msn} {currency}: {answer}");
        }
    }
    let (code, _, err) = crate::running::said(&crate::running::run(
        &Folder::new("no-country").0,
        &["simulate", "--unit", "234567,danish,secret,dk-key,SE"],
    ));
    assert_eq!(code, Some(2));
    assert!(err.contains("NO, DK or FI may follow"), "{err}");
}
