//! A Vipps of few lines, which says yes to everything: enough for kasse to go on behind a call. What
//! the fuzzer wants Vipps to say instead comes from its input.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response};
use kasse_core::Personal;
use serde_json::{Value, json};

/// What Vipps has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vipps {
    payments: BTreeMap<String, Payment>,
    /// The requests that made payments and registrations, for what stands in them.
    pub(crate) starts: Vec<Value>,
    /// How often it was asked how a payment stands.
    pub(crate) reads: usize,
}

#[derive(Debug, Clone, Default)]
struct Payment {
    amount: i64,
    currency: String,
    express: bool,
    /// What was done, how much and by which key, the oldest first.
    done: Vec<(&'static str, i64, String)>,
}

impl Payment {
    fn sum(&self, what: &str) -> i64 {
        let of = self.done.iter().filter(|(done, ..)| *done == what);
        of.map(|(_, amount, _)| *amount).sum()
    }
}

/// Its words for what happened, in eCom and in ePayment.
const WORDS: [(&str, &str, &str); 6] = [
    ("begun", "INITIATE", "CREATED"),
    ("reserved", "RESERVE", "AUTHORIZED"),
    ("captured", "CAPTURE", "CAPTURED"),
    ("refunded", "REFUND", "REFUNDED"),
    ("released", "VOID", "CANCELLED"),
    ("cancelled", "CANCEL", "CANCELLED"),
];

/// Who pays. None of it may come back in an answer of kasse's.
pub(crate) fn customer() -> Personal {
    Personal {
        user_id: Some("kanari-user-4f1c".into()),
        sub: Some("kanari-sub-77aa".into()),
        first_name: Some("Kanarifornavn".into()),
        last_name: Some("Kanarietternavn".into()),
        email: Some("kanari@personal.example".into()),
        phone: Some("4791887766".into()),
        address: Some(kasse_core::Address {
            line1: "Kanarigata 17".into(),
            line2: String::new(),
            post_code: "0154".into(),
            city: "Oslo".into(),
            country: "NO".into(),
        }),
    }
}

impl Vipps {
    /// The customer approves.
    pub(crate) fn approve(&mut self, reference: &str) {
        if let Some(payment) = self.payments.get_mut(reference) {
            let (amount, key) = (payment.amount, String::new());
            payment.done.push(("reserved", amount, key));
        }
    }

    /// How much was taken and given back.
    pub(crate) fn moved(&self, reference: &str) -> Option<(i64, i64)> {
        let payment = self.payments.get(reference)?;
        Some((payment.sum("captured"), payment.sum("refunded")))
    }

    pub(crate) fn answer(&mut self, request: &Request<Bytes>) -> Response<Bytes> {
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let header = |name: &str| {
            let value = request.headers().get(name);
            value.map_or(String::new(), |value| {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            })
        };
        let path: Vec<&str> = request.uri().path().split('/').skip(1).collect();
        let post = request.method() == Method::POST;
        let answer = match path.as_slice() {
            ["accesstoken", "get"] => Some(json!({
                "access_token": "kanari-access-token", "expires_in": "86398", "token_type": "Bearer",
            })),
            ["webhooks", "v1", "webhooks"] if post => {
                self.starts.push(body);
                Some(json!({ "id": "w1", "secret": "kanari-webhook-secret" }))
            }
            ["webhooks", ..] => Some(json!({ "webhooks": [] })),
            ["ecomm", "v2", "payments"] => {
                let reference = text(&body["transaction"]["orderId"]);
                let amount = body["transaction"]["amount"].as_i64().unwrap_or(0);
                let express = body["merchantInfo"]["paymentType"].is_string();
                self.begin(&reference, amount, "NOK", express);
                self.starts.push(body);
                let url = "https://api.vipps.no/dwo-api-application/v1/deeplink?token=abc";
                Some(json!({ "orderId": reference, "url": url }))
            }
            ["epayment", "v1", "payments"] => {
                let reference = text(&body["reference"]);
                let amount = body["amount"]["value"].as_i64().unwrap_or(0);
                let currency = text(&body["amount"]["currency"]);
                self.begin(&reference, amount, &currency, body["shipping"].is_object());
                self.starts.push(body);
                let url = "https://pay.vipps.no/landing?token=abc";
                Some(json!({ "reference": reference, "redirectUrl": url }))
            }
            ["ecomm", "v2", "payments", reference, what] => match *what {
                "details" => {
                    self.reads += 1;
                    self.payments
                        .get(*reference)
                        .map(|payment| details(reference, payment))
                }
                what => {
                    let amount = body["transaction"]["amount"].as_i64();
                    self.act(reference, what, amount, header("x-request-id"))
                }
            },
            ["epayment", "v1", "payments", reference] => {
                self.reads += 1;
                self.payments
                    .get(*reference)
                    .map(|payment| shown(reference, payment))
            }
            ["epayment", "v1", "payments", reference, "events"] => self
                .payments
                .get(*reference)
                .map(|payment| events(reference, payment)),
            ["epayment", "v1", "payments", reference, what] => {
                let amount = body["modificationAmount"]["value"].as_i64();
                self.act(reference, what, amount, header("idempotency-key"))
            }
            _ => None,
        };
        match answer {
            Some(body) => Response::new(Bytes::from(body.to_string())),
            None => {
                let mut response = Response::new(Bytes::from_static(b"{}"));
                *response.status_mut() = http::StatusCode::NOT_FOUND;
                response
            }
        }
    }

    fn begin(&mut self, reference: &str, amount: i64, currency: &str, express: bool) {
        let payment = Payment {
            amount,
            currency: currency.to_owned(),
            express,
            done: vec![("begun", amount, String::new())],
        };
        self.payments.entry(reference.to_owned()).or_insert(payment);
    }

    /// Does it, once for a key, as far as there is money.
    fn act(
        &mut self,
        reference: &str,
        what: &str,
        amount: Option<i64>,
        key: String,
    ) -> Option<Value> {
        let payment = self.payments.get_mut(reference)?;
        let (captured, refunded) = (payment.sum("captured"), payment.sum("refunded"));
        let left = payment.sum("reserved") - captured - payment.sum("released");
        let (word, amount) = match what {
            "capture" => (
                "captured",
                amount.filter(|amount| (1..=left).contains(amount))?,
            ),
            "refund" => {
                let back = amount.filter(|amount| (1..=captured - refunded).contains(amount))?;
                ("refunded", back)
            }
            "cancel" if left > 0 => ("released", left),
            "cancel" => ("cancelled", 0),
            _ => return None,
        };
        let known = |(_, _, known): &(_, _, String)| !key.is_empty() && *known == key;
        if !payment.done.iter().any(known) {
            payment.done.push((word, amount, key));
        }
        Some(json!({}))
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn word(what: &str, ecom: bool) -> &'static str {
    let found = WORDS.iter().find(|(name, ..)| *name == what);
    found.map_or("", |(_, old, new)| if ecom { old } else { new })
}

/// As eCom tells it: the newest first.
fn details(reference: &str, payment: &Payment) -> Value {
    let history = payment.done.iter().rev().map(|(what, amount, key)| {
        json!({
            "operation": word(what, true), "amount": amount, "operationSuccess": true,
            "requestId": key, "timeStamp": "2026-11-22T11:00:00.311Z", "transactionId": "5001446662",
        })
    });
    let captured = payment.sum("captured");
    let mut details = json!({
        "orderId": reference,
        "transactionLogHistory": history.collect::<Vec<_>>(),
        "transactionSummary": {
            "capturedAmount": captured,
            "remainingAmountToCapture":
                payment.sum("reserved") - captured - payment.sum("released"),
            "refundedAmount": payment.sum("refunded"),
            "remainingAmountToRefund": captured - payment.sum("refunded"),
        },
    });
    if payment.express && payment.sum("reserved") > 0 {
        let who = customer();
        details["shippingDetails"] = json!({
            "address": address(&who), "shippingCost": 0, "shippingMethod": "Post",
            "shippingMethodId": "none",
        });
        details["userDetails"] = json!({
            "email": who.email, "firstName": who.first_name, "lastName": who.last_name,
            "mobileNumber": who.phone, "userId": who.user_id,
        });
        details["sub"] = who.sub.into();
    }
    details
}

fn address(who: &Personal) -> Value {
    let at = who.address.as_ref();
    json!({
        "addressLine1": at.map(|at| &at.line1), "city": at.map(|at| &at.city),
        "country": at.map(|at| &at.country), "postCode": at.map(|at| &at.post_code),
    })
}

fn shown(reference: &str, payment: &Payment) -> Value {
    let of = |value: i64| json!({ "currency": payment.currency, "value": value });
    let mut shown = json!({
        "aggregate": {
            "authorizedAmount": of(payment.sum("reserved")),
            "cancelledAmount": of(payment.sum("released")),
            "capturedAmount": of(payment.sum("captured")),
            "refundedAmount": of(payment.sum("refunded")),
        },
        "amount": of(payment.amount),
        "pspReference": "5000000001",
        "reference": reference,
        "state": if payment.sum("reserved") > 0 { "AUTHORIZED" } else { "CREATED" },
    });
    if payment.express && payment.sum("reserved") > 0 {
        let who = customer();
        shown["shippingDetails"] = json!({
            "address": address(&who), "shippingCost": 0, "shippingOptionId": "none",
            "shippingOptionName": "Post",
        });
        shown["userDetails"] = json!({
            "addresses": [address(&who)], "email": who.email, "firstName": who.first_name,
            "lastName": who.last_name, "mobileNumber": who.phone,
        });
        shown["profile"] = json!({ "sub": who.sub });
    }
    shown
}

fn events(reference: &str, payment: &Payment) -> Value {
    let events = payment.done.iter().enumerate();
    let events = events.map(|(number, (what, amount, key))| {
        json!({
            "reference": reference, "name": word(what, false), "success": true,
            "pspReference": format!("psp-{number}"), "idempotencyKey": key,
            "timestamp": format!("2026-11-22T11:00:{:02}.000Z", number % 60),
            "amount": { "currency": payment.currency, "value": amount },
        })
    });
    events.collect()
}
