//! A shopper and a merchant in Bod's market, for the checklist.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use kasse_core::checklist::{
    Ability, Act, Acted, Cart, Checkout, DriverError, Goods, Paying, Placed, ShopDriver, Shown,
    ShownCustomer, StandIn, Standing, World,
};
use kasse_core::{Currency, Money};
use serde_json::{Value, json};
use url::Url;

use crate::engine::{KEY, Market};

#[derive(Debug)]
pub struct Driver {
    world: World,
    market: Arc<Market>,
}

impl Driver {
    pub fn new(world: World) -> Self {
        Self {
            world,
            market: Arc::default(),
        }
    }

    /// Bod asks kasse something about an order: what its buttons do.
    async fn press(
        &self,
        button: &str,
        order: &str,
        amount: Option<Money>,
    ) -> Result<Value, DriverError> {
        let order = self.market.show(order).ok_or_else(|| none(order))?;
        let asked = json!({ "order": order, "amount": amount.map(Money::decimal) });
        let request = Request::post(format!("{}/{button}", self.world.engine_url))
            .header("bod-key", KEY)
            .body(Bytes::from(asked.to_string()))
            .map_err(|error| DriverError::Other(error.to_string()))?;
        let answer = self
            .world
            .transport
            .send(request, Duration::from_secs(60))
            .await
            .map_err(|error| DriverError::NoAnswer(error.to_string()))?;
        serde_json::from_slice(answer.body()).map_err(|error| DriverError::Other(error.to_string()))
    }

    async fn pay(&self, order: &str) -> Result<Paying, DriverError> {
        let answer = self.press("pay", order, None).await?;
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        match text("redirect").and_then(|url| Url::parse(&url).ok()) {
            Some(url) => Ok(Paying::ToVipps {
                url,
                reference: text("reference"),
            }),
            None => Ok(Paying::Refused {
                words: text("refused").unwrap_or_default(),
            }),
        }
    }
}

#[async_trait]
impl ShopDriver for Driver {
    fn able(&self, ability: Ability) -> bool {
        // Bod captures whole orders, ships them in one piece, and offers deliveries by address.
        matches!(
            ability,
            Ability::Express
                | Ability::Cancel
                | Ability::PartialRefund
                | Ability::VatRates
                | Ability::ConsentRemoval
        )
    }

    fn stand_in(&self) -> Option<Arc<dyn StandIn>> {
        Some(Arc::clone(&self.market) as Arc<dyn StandIn>)
    }

    async fn place(&self, cart: &Cart) -> Result<Placed, DriverError> {
        let articles: &[(&str, u32, i64, u32)] = match cart.goods {
            Goods::OddPrice => &[("cheese", 1, 7990, 15)],
            Goods::MixedVat => &[("cheese", 3, 23_970, 15), ("basket", 1, 19_900, 25)],
            _ => &[("cheese", 2, 15_980, 15), ("basket", 1, 19_900, 25)],
        };
        let order = self
            .market
            .order(articles, cart.checkout != Checkout::Regular);
        let paying = self.pay(&order).await?;
        Ok(Placed { order, paying })
    }

    async fn act(&self, order: &str, act: &Act) -> Result<Acted, DriverError> {
        let answer = match act {
            Act::Pay => {
                return Ok(match self.pay(order).await? {
                    Paying::ToVipps { url, reference } => Acted::ToVipps { url, reference },
                    Paying::Refused { words } => Acted::Refused { words },
                });
            }
            Act::Capture(amount) => self.press("capture", order, *amount).await?,
            Act::Cancel => self.press("cancel", order, None).await?,
            Act::Refund(amount) => self.press("refund", order, *amount).await?,
            other => return Err(DriverError::Unsupported(format!("{other:?}"))),
        };
        Ok(match answer["refused"].as_str() {
            Some(words) => Acted::Refused {
                words: words.to_owned(),
            },
            None if answer["pending"] == true => Acted::Pending,
            None => Acted::Done,
        })
    }

    async fn show(&self, order: &str) -> Result<Shown, DriverError> {
        let order = self.market.show(order).ok_or_else(|| none(order))?;
        let payment = &order["payment"];
        let sum = |name: &str| money(payment[name].as_str().unwrap_or("0.00"));
        let (authorised, captured) = (sum("authorised")?, sum("captured")?);
        let (refunded, released) = (sum("refunded")?, sum("released")?);
        let delivery = match &payment["delivery"] {
            Value::Null => None,
            chosen => Some((
                chosen["title"].as_str().unwrap_or_default().to_owned(),
                money(chosen["price"].as_str().unwrap_or("0.00"))?,
            )),
        };
        let goods = money(order["total"].as_str().unwrap_or_default())?;
        let price = delivery.as_ref().map_or(0, |(_, price)| price.minor);
        let history = order["history"].as_array().cloned().unwrap_or_default();
        let entries = |word: &str| history.iter().filter(|entry| entry["word"] == word).count();
        let left = authorised.minor - captured.minor - released.minor;
        let standing = match (captured.minor, refunded.minor, payment["state"].as_str()) {
            (0, _, Some("waiting") | None) => Standing::Open,
            (0, _, Some("reserved")) if left > 0 => Standing::Authorised,
            (0, ..) => Standing::Cancelled,
            (taken, 0, _) if taken < authorised.minor && left > 0 => Standing::PartlyCaptured,
            (_, 0, _) => Standing::Captured,
            (taken, given, _) if given < taken => Standing::PartlyRefunded,
            _ => Standing::Refunded,
        };
        let mut references: Vec<String> = Vec::new();
        for entry in &history {
            let reference = entry["reference"].as_str().unwrap_or_default();
            if !references.iter().any(|known| known == reference) {
                references.push(reference.to_owned());
            }
        }
        let customer = &payment["customer"];
        let text = |name: &str| customer[name].as_str().map(str::to_owned);
        Ok(Shown {
            standing,
            word: payment["state"].as_str().unwrap_or("unpaid").to_owned(),
            total: Money::new(goods.minor + price, Currency::Nok),
            authorised: Some(authorised),
            captured: Some(captured),
            refunded: Some(refunded),
            released: Some(released),
            references,
            customer: (!customer.is_null()).then(|| ShownCustomer {
                name: text("name"),
                email: text("email"),
                phone: text("phone"),
                address: text("address"),
            }),
            delivery,
            entries: Some([
                entries("authorised"),
                entries("captured"),
                entries("refunded"),
            ]),
            notes: payment["notes"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|note| note.as_str().map(str::to_owned))
                .collect(),
            text: order.to_string(),
        })
    }
}

fn money(decimal: &str) -> Result<Money, DriverError> {
    Money::parse(decimal, Currency::Nok).map_err(|error| DriverError::Other(error.to_string()))
}

fn none(order: &str) -> DriverError {
    DriverError::Other(format!("Bod has no order {order}"))
}
