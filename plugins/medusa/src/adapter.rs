//! The adapter: what teaches kasse Medusa. Two traits, each method a few lines.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::api::{EngineVersion, System};
use kasse_core::piece::Piece;
use kasse_core::registry::Setup;
use kasse_core::{
    Address, Ask, Context, DeliveryKind, Destination, Error, Forgotten, Money, Order, OrderRef,
    Outcome, Payment, PaymentEvent, PaymentProvider, RecordError, Recorded, Refusal,
    ShippingOption, ShippingQuoter, ShopFlow, VatRate,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::calls;
use crate::cart::{MedusaOrder, currency, medusa_id};
use crate::config::Config;
use crate::decimal::Decimal;
use crate::record::Telling;
use crate::shop::{Shop, segment};

/// The engine's name in the configuration.
pub const ENGINE: &str = "medusa";
/// The first version that calls a provider as the plugin in the shop needs it: with the id of a capture
/// or refund, by which its amount is read.
const OLDEST: (u32, u32) = (2, 6);

/// Vipps in Medusa.
#[derive(Debug)]
pub struct Medusa {
    flow: ShopFlow,
    version: EngineVersion,
    config: Config,
    shop: Shop,
}

#[derive(Debug, Deserialize)]
struct About {
    medusa: String,
}

#[derive(Debug, Deserialize)]
struct Offered {
    currency_code: String,
    deliveries: Vec<Delivery>,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    id: String,
    title: String,
    /// With tax, all packages of the cart together.
    price: Decimal,
    /// The tax in it.
    tax: Decimal,
    /// The shipping options of Medusa that it is made of, one for each shipping profile in the cart.
    #[serde(default)]
    packages: Value,
}

#[derive(Debug, Deserialize)]
struct Kept {
    kept: Vec<String>,
}

impl Medusa {
    /// Makes the adapter of one shop. Medusa is not asked yet.
    ///
    /// # Errors
    /// [`kasse_core::ErrorKind::Configuration`]: a field of the table.
    pub fn new(setup: Setup) -> Result<Self, Error> {
        let config: Config = setup.engine.read(ENGINE)?;
        config.check()?;
        let piece = Piece::new(ENGINE, config.secret.clone())?;
        Ok(Self {
            flow: setup.flow,
            version: EngineVersion::new(ENGINE, OLDEST, env!("CARGO_PKG_VERSION"))?,
            shop: Shop::new(&config.url, piece),
            config,
        })
    }
}

#[async_trait]
impl PaymentProvider for Medusa {
    fn system(&self) -> System {
        self.version.system()
    }

    fn flow(&self) -> &ShopFlow {
        &self.flow
    }

    async fn meet(&self, cx: &Context) -> Result<(), Error> {
        let about: About = self
            .shop
            .ask(cx, "about", None)
            .await
            .map_err(|failure| failure.into_error("Medusa's version is not known"))?;
        self.version.saw(&about.medusa)
    }

    async fn read(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        let read = || {
            let shop = self.flow.shop();
            self.shop.piece().verify(cx, shop, request)?;
            calls::read(&self.config, shop, request, |version| {
                self.version.saw(version)
            })
        };
        read().map_err(|refusal| *refusal)
    }

    fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
        calls::answer(ask, outcome)
    }

    async fn order(&self, cx: &Context, at: &OrderRef) -> Result<Order, Error> {
        let path = format!("orders/{}", segment(&medusa_id(at)));
        let order: MedusaOrder = self
            .shop
            .ask(cx, &path, None)
            .await
            .map_err(|failure| failure.into_error("The order was not read"))?;
        let return_to = self.config.return_to(order.cart())?;
        let express = order.is_express();
        order.neutral(at.clone(), &self.config.storefront, return_to, express)
    }

    async fn record(
        &self,
        cx: &Context,
        at: &OrderRef,
        now: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        let telling = Telling {
            cx,
            shop: &self.shop,
            at,
            now,
            event,
        };
        let told = telling.tell().await;
        tracing::info!(
            reference = %now.id.reference,
            order = %at.order,
            event = event.what.word(),
            written = told.is_ok(),
            "Medusa was told"
        );
        told
    }

    async fn forget(&self, cx: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error> {
        let ids: Vec<String> = orders.iter().map(medusa_id).collect();
        let kept: Kept = self
            .shop
            .ask(cx, "forget", Some(json!({ "orders": ids })))
            .await
            .map_err(|failure| failure.into_error("The personal data was not removed"))?;
        Ok(Forgotten { kept: kept.kept })
    }
}

#[async_trait]
impl ShippingQuoter for Medusa {
    async fn quote(
        &self,
        cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        let to = match to {
            Destination::Country(country) => json!({ "country": country }),
            Destination::Address(to) => address(to),
        };
        let asked = json!({ "order": medusa_id(at), "address": to });
        let offered: Offered = self
            .shop
            .ask(cx, "deliveries", Some(asked))
            .await
            .map_err(|failure| failure.into_error("The deliveries are not known"))?;
        let currency = currency(&offered.currency_code)?;
        offered
            .deliveries
            .into_iter()
            .zip(0..)
            .map(|(delivery, place)| {
                let money = |amount: &Decimal| {
                    let amount = amount.money(currency);
                    amount.map_err(|error| odd_price(&delivery.title, &error.to_string()))
                };
                let (price, tax) = (money(&delivery.price)?, money(&delivery.tax)?);
                let net = Money::new(price.minor.saturating_sub(tax.minor), currency);
                Ok(ShippingOption {
                    price,
                    vat: VatRate::between(net, price),
                    // Medusa does not say how a delivery arrives, who brings it or when.
                    kind: DeliveryKind::Other,
                    brand: String::new(),
                    estimate: None,
                    // The cheapest comes first.
                    default: place == 0,
                    priority: place,
                    engine: delivery.packages,
                    id: delivery.id,
                    title: delivery.title,
                })
            })
            .collect()
    }
}

fn odd_price(title: &str, why: &str) -> Error {
    Error::invalid(
        "The shop's deliveries cannot be offered",
        format!("the price of \"{title}\" cannot be used: {why}."),
        "Correct the price in Medusa.",
    )
}

/// An address as the plugin in the shop takes it.
pub(crate) fn address(address: &Address) -> Value {
    json!({
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "post_code": address.post_code,
        "country": address.country,
    })
}
