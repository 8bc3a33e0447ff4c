//! The demo shop for the checklist: driven by its own JSON, as its shoppers and its merchant would.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use kasse_core::checklist::{
    Ability, Act, Acted, Cart, Checkout, DriverError, Goods, Host, HostPlugin, Paying, Placed,
    ShopDriver, Shown, ShownCustomer, Standing, World,
};
use kasse_core::registry::Plugin;
use kasse_core::{Currency, Money};
use serde_json::{Value, json};
use url::Url;

use crate::{ENGINE, PLUGIN};

/// The demo shop, as the checklist finds it.
pub static HOST: HostPlugin = HostPlugin {
    engine: ENGINE,
    prepare: "nothing: it runs within the process",
    open: || Ok(host(Currency::Nok)),
};

kasse_core::inventory::submit! { &HOST }

/// The demo shop with prices in this currency, in the country that it is of.
pub fn host(currency: Currency) -> Arc<dyn Host> {
    Arc::new(DemoHost { currency })
}

#[derive(Debug)]
struct DemoHost {
    currency: Currency,
}

impl Host for DemoHost {
    fn plugin(&self) -> &'static Plugin {
        &PLUGIN
    }

    fn currency(&self) -> Currency {
        self.currency
    }

    fn config(&self) -> Value {
        json!({ "currency": self.currency })
    }

    fn driver(&self, world: World) -> Arc<dyn ShopDriver> {
        let currency = self.currency;
        Arc::new(Driver { world, currency })
    }
}

#[derive(Debug)]
struct Driver {
    world: World,
    currency: Currency,
}

/// An answer that the shop gave: its status and its JSON.
type Answer = (StatusCode, Value);

impl Driver {
    async fn call(&self, method: Method, path: &str, body: Value) -> Result<Answer, DriverError> {
        let broken = |error: &dyn std::fmt::Display| DriverError::Other(error.to_string());
        let request = Request::builder()
            .method(method)
            .uri(format!("{}/api{path}", self.world.engine_url))
            .header("content-type", "application/json")
            .body(match body {
                Value::Null => Bytes::new(),
                body => Bytes::from(body.to_string()),
            })
            .map_err(|error| broken(&error))?;
        let response = self
            .world
            .transport
            .send(request, Duration::from_secs(60))
            .await
            .map_err(|error| DriverError::NoAnswer(error.to_string()))?;
        let body = serde_json::from_slice(response.body()).map_err(|error| broken(&error))?;
        Ok((response.status(), body))
    }

    async fn post(&self, path: &str, body: Value) -> Result<Answer, DriverError> {
        self.call(Method::POST, path, body).await
    }

    async fn pay(&self, order: &str) -> Result<Paying, DriverError> {
        let (status, answer) = self
            .post(&format!("/orders/{order}/pay"), json!({}))
            .await?;
        if !status.is_success() {
            return Ok(Paying::Refused {
                words: text(&answer, "shopper").unwrap_or_else(|| words(&answer)),
            });
        }
        if status == StatusCode::ACCEPTED {
            let words = "The payment is being started. Please try again in a moment.".to_owned();
            return Ok(Paying::Refused { words });
        }
        let url = text(&answer, "redirect")
            .and_then(|url| Url::parse(&url).ok())
            .ok_or_else(|| DriverError::Other(format!("no address in {answer}")))?;
        Ok(Paying::ToVipps {
            url,
            reference: text(&answer, "reference"),
        })
    }

    /// What the shop shows of an order, as its JSON.
    async fn order(&self, number: &str) -> Result<Value, DriverError> {
        let path = format!("/orders/{number}");
        let (status, order) = self.call(Method::GET, &path, Value::Null).await?;
        if status.is_success() {
            Ok(order)
        } else {
            Err(DriverError::Other(format!("order {number}: {order}")))
        }
    }

    async fn settle(
        &self,
        order: &str,
        verb: &str,
        amount: Option<Money>,
    ) -> Result<Acted, DriverError> {
        let body = match amount {
            Some(amount) => json!({ "amount": amount.decimal() }),
            None => json!({}),
        };
        let (status, answer) = self.post(&format!("/orders/{order}/{verb}"), body).await?;
        Ok(match status {
            StatusCode::ACCEPTED => Acted::Pending,
            status if status.is_success() => Acted::Done,
            _ => Acted::Refused {
                words: words(&answer),
            },
        })
    }
}

#[async_trait]
impl ShopDriver for Driver {
    fn able(&self, _: Ability) -> bool {
        true
    }

    fn unserved(&self) -> Option<(String, String)> {
        let (post_code, city) = match self.currency {
            Currency::Nok => ("9170", "Longyearbyen"),
            Currency::Dkk => ("3900", "Nuuk"),
            Currency::Eur => ("22100", "Mariehamn"),
        };
        Some((post_code.to_owned(), city.to_owned()))
    }

    fn two_zones(&self) -> [(String, String); 2] {
        match self.currency {
            Currency::Nok => [("0154", "Oslo"), ("9008", "Tromsø")],
            Currency::Dkk => [("1050", "København"), ("8000", "Aarhus")],
            Currency::Eur => [("00100", "Helsinki"), ("96100", "Rovaniemi")],
        }
        .map(|(post_code, city)| (post_code.to_owned(), city.to_owned()))
    }

    async fn place(&self, cart: &Cart) -> Result<Placed, DriverError> {
        let item = |sku: &str, quantity: u32| json!({ "sku": sku, "quantity": quantity });
        let items = match cart.goods {
            Goods::Usual => vec![item("jumper", 1), item("mug", 1), item("coffee", 1)],
            Goods::OddPrice => vec![item("chocolate", 1)],
            Goods::MixedVat => vec![item("hat", 1), item("chocolate", 3), item("book", 1)],
            Goods::TwoPackages => vec![item("mug", 1), item("skis", 1)],
            Goods::LastOne => {
                self.post("/stock", json!({ "sku": "hat", "stock": 1 }))
                    .await?;
                vec![item("hat", 1)]
            }
        };
        let coupon = matches!(cart.goods, Goods::MixedVat).then_some(crate::shop::COUPON);
        let express = match cart.checkout {
            Checkout::Regular => None,
            Checkout::Express => Some("dynamic"),
            Checkout::ExpressStatic => Some("static"),
        };
        let order = json!({
            "items": items, "coupon": coupon, "express": express, "phone": cart.phone,
        });
        let (_, made) = self.post("/orders", order).await?;
        let order = text(&made, "number")
            .ok_or_else(|| DriverError::Other(format!("no order was made: {made}")))?;
        let paying = self.pay(&order).await?;
        Ok(Placed { order, paying })
    }

    async fn act(&self, order: &str, act: &Act) -> Result<Acted, DriverError> {
        match act {
            Act::Pay => Ok(match self.pay(order).await? {
                Paying::ToVipps { url, reference } => Acted::ToVipps { url, reference },
                Paying::Refused { words } => Acted::Refused { words },
            }),
            Act::Change => {
                let items = json!({ "items": [
                    { "sku": "jumper", "quantity": 1 },
                    { "sku": "mug", "quantity": 2 },
                    { "sku": "coffee", "quantity": 1 },
                ] });
                let (status, answer) = self.post(&format!("/orders/{order}/change"), items).await?;
                Ok(if status.is_success() {
                    Acted::Done
                } else {
                    Acted::Refused {
                        words: words(&answer),
                    }
                })
            }
            Act::Capture(amount) => self.settle(order, "capture", *amount).await,
            Act::Cancel => self.settle(order, "cancel", None).await,
            Act::Refund(amount) => self.settle(order, "refund", *amount).await,
            Act::SellOut => {
                let shown = self.order(order).await?;
                let lines = shown.get("lines").and_then(Value::as_array);
                for line in lines.into_iter().flatten() {
                    let none_left = json!({ "sku": line.get("sku"), "stock": 0 });
                    self.post("/stock", none_left).await?;
                }
                Ok(Acted::Done)
            }
            other => Err(DriverError::Unsupported(format!("{other:?}"))),
        }
    }

    async fn show(&self, order: &str) -> Result<Shown, DriverError> {
        let shown = self.order(order).await?;
        let word = text(&shown, "state").unwrap_or_default();
        let standing = match word.as_str() {
            "unpaid" | "waiting" => Standing::Open,
            "reserved" => Standing::Authorised,
            "partly_captured" => Standing::PartlyCaptured,
            "captured" => Standing::Captured,
            "partly_refunded" => Standing::PartlyRefunded,
            "refunded" => Standing::Refunded,
            "cancelled" | "rejected" | "expired" | "failed" => Standing::Cancelled,
            other => return Err(DriverError::Other(format!("the state \"{other}\""))),
        };
        let events = |word: &str| {
            let events = shown.get("events").and_then(Value::as_array);
            let of_word = |event: &&Value| event.get("event").and_then(Value::as_str) == Some(word);
            events.into_iter().flatten().filter(of_word).count()
        };
        let currency = text(&shown, "currency")
            .and_then(|code| Currency::from_code(&code))
            .ok_or_else(|| DriverError::Other(format!("no currency in {shown}")))?;
        let customer = shown.get("customer").filter(|customer| !customer.is_null());
        let delivery = shown.get("delivery").filter(|delivery| !delivery.is_null());
        let list = |name: &str| -> Vec<String> {
            let texts = shown.get(name).and_then(Value::as_array);
            texts
                .into_iter()
                .flatten()
                .filter_map(|text| Some(text.as_str()?.to_owned()))
                .collect()
        };
        Ok(Shown {
            standing,
            word,
            total: money(&shown, "/total", currency)?,
            authorised: Some(money(&shown, "/sums/reserved", currency)?),
            captured: Some(money(&shown, "/sums/captured", currency)?),
            refunded: Some(money(&shown, "/sums/refunded", currency)?),
            released: Some(money(&shown, "/sums/released", currency)?),
            references: list("references"),
            customer: customer.map(|customer| ShownCustomer {
                name: text(customer, "name"),
                email: text(customer, "email"),
                phone: text(customer, "phone"),
                address: customer
                    .get("address")
                    .filter(|address| !address.is_null())
                    .map(one_line),
            }),
            delivery: delivery
                .map(|delivery| {
                    let title = text(delivery, "title").unwrap_or_default();
                    Ok::<_, DriverError>((title, money(delivery, "/price", currency)?))
                })
                .transpose()?,
            entries: Some([events("authorised"), events("captured"), events("refunded")]),
            notes: list("notes"),
            text: shown.to_string(),
        })
    }
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

/// What a person reads of a refusal.
fn words(error: &Value) -> String {
    let texts = ["what", "why", "advice"].map(|name| text(error, name).unwrap_or_default());
    texts.join(" ").trim().to_owned()
}

fn money(value: &Value, at: &str, currency: Currency) -> Result<Money, DriverError> {
    let decimal = value
        .pointer(at)
        .and_then(Value::as_str)
        .unwrap_or_default();
    Money::parse(decimal, currency)
        .map_err(|error| DriverError::Other(format!("{at} \"{decimal}\": {error}")))
}

fn one_line(address: &Value) -> String {
    let parts = ["line1", "line2", "post_code", "city", "country"];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|name| text(address, name))
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}
