//! The merchant of [`support`](crate::support), by the ePayment API.

use http::{Request, Response};
use kasse_simulator::{Acted, Approval, Country, SalesUnit};
use serde_json::{Value, json};

use crate::support::{Answer, MSN, ShopCall, World};

pub(crate) const REF: &str = "acme-shop-1";

/// A payment in the browser.
pub(crate) fn payment(reference: &str, value: u64) -> Value {
    json!({
        "amount": {"currency": "NOK", "value": value},
        "paymentMethod": {"type": "WALLET"},
        "reference": reference,
        "userFlow": "WEB_REDIRECT",
        "returnUrl": format!("https://shop.example/order/{reference}?from=vipps"),
        "paymentDescription": "Two pairs of socks",
    })
}

/// Two groups of deliveries, as the shop writes them.
pub(crate) fn groups(currency: &str) -> Value {
    let amount = |value: u64| json!({"currency": currency, "value": value});
    json!([
        {"type": "PICKUP_POINT", "brand": "POSTEN", "priority": 2, "options": [
            {"id": "shop-1", "amount": amount(4900), "name": "Kiosk", "priority": 1, "meta": "Storgata 1", "estimatedDelivery": "2 days"},
            {"id": "shop-0", "amount": amount(3900), "name": "Grocer", "priority": 0},
        ]},
        {"type": "HOME_DELIVERY", "brand": "POSTNORD", "priority": 1, "isDefault": true, "options": [
            {"id": "home", "amount": amount(9900), "name": "To the door", "isDefault": true},
            {"id": "evening", "amount": amount(12900), "name": "In the evening"},
        ]},
    ])
}

/// An express payment that brings its deliveries along.
pub(crate) fn fixed(reference: &str, value: u64) -> Value {
    let mut order = payment(reference, value);
    order["profile"] = json!({"scope": "name email phoneNumber address"});
    order["shipping"] = json!({"fixedOptions": groups("NOK")});
    order
}

pub(crate) const SHIPPING_TOKEN: &str = "ae0cb90d91b4a84aae0cb90d91b4a84a";

/// An express payment whose deliveries the shop is asked for.
pub(crate) fn dynamic(reference: &str, value: u64) -> Value {
    let mut order = fixed(reference, value);
    order["shipping"] = json!({"dynamicOptions": {
        "callbackUrl": format!("https://shop.example/vipps/ship/{reference}?v=1"),
        "callbackAuthorizationToken": SHIPPING_TOKEN,
    }});
    order
}

/// A receipt of one line.
pub(crate) fn receipt(currency: &str) -> Value {
    json!({
        "orderLines": [{
            "name": "Socks", "id": "1", "totalAmount": 10000, "totalAmountExcludingTax": 8000,
            "totalTaxAmount": 2000, "taxRate": 2500, "discount": 0, "isReturn": false, "isShipping": false,
            "unitInfo": {"unitPrice": 4000, "quantity": "2.5", "quantityUnit": "KG"},
            "productUrl": "https://shop.example/socks",
        }],
        "bottomLine": {"currency": currency, "receiptNumber": "7", "barcode": {"format": "EAN-13", "data": "123"}},
    })
}

pub(crate) fn unit_in(country: Country) -> SalesUnit {
    SalesUnit {
        country,
        ..SalesUnit::default()
    }
}

impl World {
    /// A call to ePayment, with a key if there is one.
    pub(crate) fn epayment(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Request<String> {
        let mut request = self.request(method, &format!("/epayment/v1/{path}"), body);
        let headers = request.headers_mut();
        headers.insert("Merchant-Serial-Number", MSN.parse().unwrap());
        if let Some(key) = key {
            headers.insert("Idempotency-Key", key.parse().unwrap());
        }
        request
    }

    /// Creates, with a key of the reference's.
    pub(crate) async fn create(&self, order: &Value) -> Answer {
        let key = format!("create-{}", order["reference"].as_str().unwrap_or("none"));
        let key: String = key.chars().take(50).collect();
        self.send(self.epayment("POST", "payments", Some(order), Some(&key)))
            .await
    }

    /// Creates, which must be done.
    #[track_caller]
    pub(crate) fn created(&self, order: &Value) -> impl Future<Output = Value> {
        let made = self.create(order);
        async move {
            let made = made.await;
            assert_eq!(made.status, 201, "{made:?}");
            made.json()
        }
    }

    /// Creates, and the customer approves.
    pub(crate) async fn authorized(&self, order: &Value) -> Acted {
        self.created(order).await;
        let reference = order["reference"].as_str().unwrap();
        self.simulator
            .control()
            .approve(MSN, reference, Approval::default())
            .await
            .unwrap()
    }

    pub(crate) async fn get(&self, reference: &str) -> Answer {
        self.send(self.epayment("GET", &format!("payments/{reference}"), None, None))
            .await
    }

    pub(crate) async fn events(&self, reference: &str) -> Answer {
        self.send(self.epayment("GET", &format!("payments/{reference}/events"), None, None))
            .await
    }

    /// The names of the events, oldest first; those that failed with a `!`.
    pub(crate) async fn names(&self, reference: &str) -> Vec<String> {
        let events = self.events(reference).await.ok();
        let name = |e: &Value| {
            let failed = if e["success"] == true { "" } else { "!" };
            format!("{}{failed}", e["name"].as_str().unwrap())
        };
        events.as_array().unwrap().iter().map(name).collect()
    }

    /// Captures or refunds; the currency is that of the payment.
    pub(crate) async fn adjust(
        &self,
        what: &str,
        reference: &str,
        value: u64,
        key: &str,
    ) -> Answer {
        let payment = self.simulator.control().payment(MSN, reference);
        let currency = payment.map_or("NOK", |payment| payment.currency.as_str());
        let body = json!({"modificationAmount": {"currency": currency, "value": value}});
        self.send(self.epayment(
            "POST",
            &format!("payments/{reference}/{what}"),
            Some(&body),
            Some(key),
        ))
        .await
    }

    /// Cancels, with a body if there is one.
    pub(crate) async fn void(&self, reference: &str, body: Option<&Value>) -> Answer {
        self.send(self.epayment("POST", &format!("payments/{reference}/cancel"), body, None))
            .await
    }

    pub(crate) async fn force(&self, reference: &str, body: Value) -> Answer {
        self.send(self.epayment(
            "POST",
            &format!("test/payments/{reference}/approve"),
            Some(&body),
            None,
        ))
        .await
    }

    /// The four sums of the aggregate: authorised, cancelled, captured, refunded.
    pub(crate) async fn sums(&self, reference: &str) -> [u64; 4] {
        sums(&self.get(reference).await.ok())
    }

    /// Every shipping call gets these groups.
    pub(crate) fn ships(&self, groups: Value) {
        let body = json!({ "groups": groups }).to_string();
        self.shop
            .answers(move |_: &ShopCall| Some(Response::new(body.clone())));
    }
}

pub(crate) fn sums(shown: &Value) -> [u64; 4] {
    [
        "authorizedAmount",
        "cancelledAmount",
        "capturedAmount",
        "refundedAmount",
    ]
    .map(|name| shown["aggregate"][name]["value"].as_u64().unwrap())
}

/// The `ErrorCode` of a problem.
pub(crate) fn code(answer: &Answer) -> String {
    let body = answer.json();
    let details = body["extraDetails"].as_array();
    details
        .into_iter()
        .flatten()
        .find(|detail| detail["name"] == "ErrorCode")
        .map_or(String::new(), |detail| {
            detail["reason"].as_str().unwrap().to_owned()
        })
}
