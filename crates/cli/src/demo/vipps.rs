//! Vipps, which is the simulator, as the customer's app and fate steer it: its controls over HTTP.

use std::time::Duration;

use kasse_core::{Currency, Money};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::stage::Sums;
use crate::http::Client;

/// The controls of one sales unit.
#[derive(Debug, Clone)]
pub(super) struct Vipps {
    client: Client,
    msn: String,
    currency: Currency,
    tells: Tells,
}

/// How Vipps tells a shop that something has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tells {
    /// By a callback of each payment's own.
    Callback,
    /// By webhooks.
    Webhook,
}

impl Tells {
    /// The word for it.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Webhook => "webhook",
        }
    }
}

/// A customer of Vipps' who is not the usual one.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: String,
    pub(super) phone: String,
    /// Vipps' id of the customer. Real ones hold `/`, `+` and `=`.
    id: String,
}

impl User {
    /// A customer, with an id that follows from the phone number.
    pub(super) fn new(first_name: &str, last_name: &str, email: &str, phone: &str) -> Self {
        Self {
            first_name: first_name.into(),
            last_name: last_name.into(),
            email: email.into(),
            phone: phone.into(),
            id: format!("kN+{phone}/4Q=="),
        }
    }
}

/// A delivery that the app offers.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) title: String,
    pub(super) cost: Money,
    id: String,
}

/// A payment, as Vipps holds it.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) state: String,
    pub(super) sums: Sums,
    operations: Vec<String>,
    callbacks: Vec<Callback>,
    webhooks: Vec<Webhook>,
}

impl Held {
    /// How often the shop was told that it is reserved.
    pub(super) fn reservations_told(&self) -> usize {
        self.callbacks
            .iter()
            .filter(|callback| callback.sent)
            .count()
            + self.delivered("AUTHORIZED")
    }

    /// How many webhooks of this name the shop took.
    pub(super) fn delivered(&self, name: &str) -> usize {
        let taken = |webhook: &&Webhook| webhook.name == name && webhook.state == "delivered";
        self.webhooks.iter().filter(taken).count()
    }

    /// Is a webhook on its way, or waiting to be?
    pub(super) fn is_being_told(&self) -> bool {
        let open = |webhook: &Webhook| matches!(webhook.state.as_str(), "waiting" | "sending");
        self.webhooks.iter().any(open)
    }

    /// What came of the last message to the shop, in words.
    pub(super) fn last_words(&self) -> String {
        let callback = self.callbacks.last().map(Callback::words);
        let webhook = || self.webhooks.last().map(Webhook::words);
        callback
            .or_else(webhook)
            .unwrap_or_else(|| "tells nobody".to_owned())
    }

    /// How often an operation was done.
    pub(super) fn times(&self, operation: &str) -> usize {
        self.operations
            .iter()
            .filter(|done| *done == operation)
            .count()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    state: String,
    currency: Currency,
    authorised: i64,
    captured: i64,
    refunded: i64,
    released: i64,
    history: Vec<Entry>,
    callbacks: Vec<Callback>,
    webhooks: Vec<Webhook>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    operation: String,
    operation_success: bool,
}

#[derive(Debug, Deserialize)]
struct Callback {
    told: String,
    sent: bool,
    status: Option<u16>,
    error: Option<String>,
}

impl Callback {
    fn words(&self) -> String {
        match (self.sent, self.status, &self.error) {
            (true, Some(status), _) => format!("calls back with {}, answered {status}", self.told),
            (true, None, _) => format!("calls back with {}, not answered", self.told),
            (false, _, why) => format!(
                "would call back with {}, but does not{}",
                self.told,
                why.as_ref()
                    .map(|why| format!(": {why}"))
                    .unwrap_or_default()
            ),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Webhook {
    name: String,
    state: String,
    attempts: Vec<Attempt>,
}

#[derive(Debug, Deserialize)]
struct Attempt {
    status: Option<u16>,
    error: Option<String>,
}

impl Webhook {
    fn words(&self) -> String {
        let name = &self.name;
        match (self.state.as_str(), self.attempts.last()) {
            ("lost", _) => format!("would send the webhook {name}, but it is lost"),
            (
                _,
                Some(Attempt {
                    status: Some(status),
                    ..
                }),
            ) => {
                format!("sends the webhook {name}, answered {status}")
            }
            (_, Some(Attempt { error, .. })) => {
                let why = error.as_deref().unwrap_or("not answered");
                format!("sends the webhook {name}: {why}")
            }
            (_, None) => format!("is about to send the webhook {name}"),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offer {
    options: Vec<OfferedOption>,
    user_sees: Option<String>,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfferedOption {
    shipping_method_id: String,
    shipping_method: String,
    cost_ore: i64,
}

impl Vipps {
    /// The simulator at `url`, a sales unit of its with what it takes, and how it tells the shop.
    pub(super) fn new(
        url: &str,
        msn: &str,
        currency: Currency,
        tells: Tells,
    ) -> Result<Self, String> {
        Ok(Self {
            client: Client::new(format!("{url}/__simulator"))?,
            msn: msn.to_owned(),
            currency,
            tells,
        })
    }

    /// How the shop is told.
    pub(super) const fn tells(&self) -> Tells {
        self.tells
    }

    fn path(&self, reference: &str) -> String {
        format!("/payments/{}/{reference}", self.msn)
    }

    /// The customer opens the link, gives an address, and sees what can be delivered.
    pub(super) async fn deliveries(&self, reference: &str) -> Result<Vec<Delivery>, String> {
        let path = format!("{}/shipping", self.path(reference));
        let offer: Offer = read(self.client.post(&path, &json!({})).await?)?;
        if let Some(sees) = offer.user_sees {
            return Err(format!(
                "the customer sees \"{sees}\": {}",
                offer.reason.unwrap_or_default()
            ));
        }
        let delivery = |option: OfferedOption| Delivery {
            title: option.shipping_method,
            cost: Money::new(option.cost_ore, self.currency),
            id: option.shipping_method_id,
        };
        Ok(offer.options.into_iter().map(delivery).collect())
    }

    /// The customer approves. Returns what came of telling the shop, in words.
    pub(super) async fn approve(
        &self,
        reference: &str,
        delivery: Option<&Delivery>,
        user: Option<&User>,
    ) -> Result<String, String> {
        let user = user.map(|user| {
            json!({
                "firstName": user.first_name, "lastName": user.last_name, "email": user.email,
                "mobileNumber": user.phone, "userId": user.id,
            })
        });
        let body =
            json!({ "shippingMethodId": delivery.map(|delivery| &delivery.id), "user": user });
        self.act(reference, "approve", &body).await
    }

    /// The customer says no. Returns what came of telling the shop, in words.
    pub(super) async fn reject(&self, reference: &str) -> Result<String, String> {
        self.act(reference, "reject", &json!({})).await
    }

    async fn act(&self, reference: &str, what: &str, body: &Value) -> Result<String, String> {
        let path = format!("{}/{what}", self.path(reference));
        self.client.post(&path, body).await?;
        Ok(self.held(reference).await?.last_words())
    }

    /// A person captures in Vipps' portal.
    pub(super) async fn portal_capture(
        &self,
        reference: &str,
        amount: Money,
    ) -> Result<(), String> {
        let path = format!("{}/portal/capture", self.path(reference));
        let body = json!({ "amount": amount.minor });
        self.client.post(&path, &body).await.map(drop)
    }

    /// The customer takes back the consent at Vipps. Returns the status of each call to the shop.
    pub(super) async fn remove_consent(&self, user: &User) -> Result<Vec<Option<u16>>, String> {
        #[derive(Deserialize)]
        struct Call {
            status: Option<u16>,
        }
        let id = utf8_percent_encode(&user.id, NON_ALPHANUMERIC);
        let calls = self
            .client
            .post(&format!("/consents/{id}/remove"), &json!({}))
            .await?;
        Ok(read::<Vec<Call>>(calls)?
            .into_iter()
            .map(|call| call.status)
            .collect())
    }

    /// Moves Vipps' clock forward; what is due by then happens.
    pub(super) async fn advance(&self, time: Duration) -> Result<(), String> {
        self.client
            .post("/clock", &json!({ "advanceSeconds": time.as_secs() }))
            .await
            .map(drop)
    }

    /// Something goes wrong, once, with one payment.
    pub(super) async fn fault(&self, on: &str, kind: &str, reference: &str) -> Result<(), String> {
        let fault = json!({ "on": on, "kind": kind, "orderId": reference });
        self.client.post("/faults", &fault).await.map(drop)
    }

    /// How many faults of a payment have not happened yet.
    pub(super) async fn faults_left(&self, reference: &str) -> Result<usize, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Fault {
            order_id: Option<String>,
        }
        let faults: Vec<Fault> = read(self.client.get("/faults").await?)?;
        Ok(faults
            .iter()
            .filter(|fault| fault.order_id.as_deref() == Some(reference))
            .count())
    }

    /// The payment as Vipps holds it.
    pub(super) async fn held(&self, reference: &str) -> Result<Held, String> {
        let payment: Payment = read(self.client.get(&self.path(reference)).await?)?;
        let money = |minor| Money::new(minor, payment.currency);
        let done = |entry: Entry| entry.operation_success.then_some(entry.operation);
        Ok(Held {
            state: payment.state,
            sums: Sums {
                reserved: money(payment.authorised),
                captured: money(payment.captured),
                refunded: money(payment.refunded),
                released: money(payment.released),
            },
            callbacks: payment.callbacks,
            webhooks: payment.webhooks,
            operations: payment.history.into_iter().filter_map(done).collect(),
        })
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value)
        .map_err(|error| format!("the simulator's answer cannot be read: {error}"))
}
