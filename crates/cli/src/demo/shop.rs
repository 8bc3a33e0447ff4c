//! The demo shop, as its customers and its merchant use it: its API over HTTP.

use kasse_core::{Currency, Money};
use serde::Deserialize;
use serde_json::{Value, json};

use super::stage::Sums;
use crate::http::Client;

/// The shop's API.
#[derive(Debug, Clone)]
pub(super) struct Shop {
    client: Client,
}

/// How the customer goes to the till.
#[derive(Debug, Clone, Copy)]
pub(super) enum Checkout {
    /// With "Pay with Vipps": the shop needs no address of Vipps.
    Regular,
    /// With "Vipps Hurtigkasse": address and delivery are chosen in the app.
    Express,
    /// The same, with deliveries that cost the same everywhere.
    ExpressStatic,
}

/// An order that was made.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) number: String,
    pub(super) total: Money,
    pub(super) state: String,
}

/// An order, as the shop shows it.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) state: String,
    pub(super) total: Money,
    pub(super) sums: Sums,
    /// Name, e-mail, phone, address: whatever the shop shows of the customer.
    pub(super) customer: Option<String>,
    /// Everything, as text.
    pub(super) whole: String,
    /// What the shop keeps by law after it has forgotten the customer.
    pub(super) kept: Vec<String>,
    events: Vec<String>,
}

impl Shown {
    /// How often the shop was told of it.
    pub(super) fn times(&self, event: &str) -> usize {
        self.events.iter().filter(|told| *told == event).count()
    }
}

#[derive(Deserialize)]
struct OrderJson {
    number: String,
    state: String,
    currency: Currency,
    total: String,
    sums: SumsJson,
    #[serde(default)]
    customer: Value,
    #[serde(default)]
    kept: Vec<String>,
    #[serde(default)]
    events: Vec<EventJson>,
}

#[derive(Deserialize)]
struct EventJson {
    event: String,
}

#[derive(Deserialize)]
struct SumsJson {
    reserved: String,
    captured: String,
    refunded: String,
    released: String,
}

impl Shop {
    /// The shop whose pages lie below `url`.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        Ok(Self {
            client: Client::new(format!("{url}/api"))?,
        })
    }

    /// Makes an order.
    pub(super) async fn order(
        &self,
        articles: &[(&str, u32)],
        checkout: Checkout,
    ) -> Result<Made, String> {
        let items: Vec<Value> = articles
            .iter()
            .map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity }))
            .collect();
        let express = match checkout {
            Checkout::Regular => Value::Null,
            Checkout::Express => "dynamic".into(),
            Checkout::ExpressStatic => "static".into(),
        };
        let order: OrderJson = read(
            self.client
                .post("/orders", &json!({ "items": items, "express": express }))
                .await?,
        )?;
        Ok(Made {
            number: order.number,
            total: money(&order.total, order.currency)?,
            state: order.state,
        })
    }

    /// Begins a payment of an order. Returns its reference.
    pub(super) async fn pay(&self, number: &str) -> Result<String, String> {
        #[derive(Deserialize)]
        struct Started {
            reference: String,
        }
        let started = self
            .client
            .post(&format!("/orders/{number}/pay"), &json!({}))
            .await?;
        Ok(read::<Started>(started)?.reference)
    }

    /// Captures a part, or all that is left. Returns the word for how it went.
    pub(super) async fn capture(
        &self,
        number: &str,
        amount: Option<Money>,
    ) -> Result<String, String> {
        self.act(
            number,
            "capture",
            &json!({ "amount": amount.map(Money::decimal) }),
        )
        .await
    }

    /// Cancels what is left of the reservation. Returns the word for how it went.
    pub(super) async fn cancel(&self, number: &str) -> Result<String, String> {
        self.act(number, "cancel", &json!({})).await
    }

    /// Gives a part back, or all that is left. Returns the word for how it went.
    pub(super) async fn refund(
        &self,
        number: &str,
        amount: Option<Money>,
    ) -> Result<String, String> {
        self.act(
            number,
            "refund",
            &json!({ "amount": amount.map(Money::decimal) }),
        )
        .await
    }

    async fn act(&self, number: &str, what: &str, body: &Value) -> Result<String, String> {
        #[derive(Deserialize)]
        struct Acted {
            outcome: String,
        }
        let acted = self
            .client
            .post(&format!("/orders/{number}/{what}"), body)
            .await?;
        Ok(read::<Acted>(acted)?.outcome)
    }

    /// Everything that the shop shows of an order.
    pub(super) async fn shown(&self, number: &str) -> Result<Shown, String> {
        let order = self.client.get(&format!("/orders/{number}")).await?;
        let whole = order.to_string();
        let order: OrderJson = read(order)?;
        let money = |decimal: &str| money(decimal, order.currency);
        Ok(Shown {
            whole,
            total: money(&order.total)?,
            sums: Sums {
                reserved: money(&order.sums.reserved)?,
                captured: money(&order.sums.captured)?,
                refunded: money(&order.sums.refunded)?,
                released: money(&order.sums.released)?,
            },
            events: order.events.into_iter().map(|told| told.event).collect(),
            customer: (!order.customer.is_null()).then(|| order.customer.to_string()),
            kept: order.kept,
            state: order.state,
        })
    }
}

fn money(decimal: &str, currency: Currency) -> Result<Money, String> {
    Money::parse(decimal, currency).map_err(|error| format!("the shop shows no amount: {error}"))
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value)
        .map_err(|error| format!("the shop's answer cannot be read: {error}"))
}
