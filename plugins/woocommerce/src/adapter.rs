//! The adapter: what teaches kasse WooCommerce. Two traits, each method a few lines.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::api::{EngineVersion, System};
use kasse_core::registry::Setup;
use kasse_core::{
    Address, Ask, Context, DeliveryKind, Destination, Error, ErrorKind, Forgotten, Money, Order,
    OrderRef, Outcome, Payment, PaymentEvent, PaymentProvider, RecordError, Recorded, Refusal,
    ShippingOption, ShippingQuoter, ShopFlow, VatRate, Who,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::calls::{self, Reader};
use crate::client::{Client, Failure};
use crate::config::Config;
use crate::order::currency;
use crate::record::Telling;
use crate::webhook;

/// The engine's name in the configuration.
pub const ENGINE: &str = "woocommerce";

/// The oldest version that is supported.
const OLDEST: (u32, u32) = (9, 0);

/// Vipps in WooCommerce.
#[derive(Debug)]
pub struct WooCommerce {
    flow: ShopFlow,
    version: EngineVersion,
    config: Config,
    client: Client,
}

/// What the kasse plugin says of the shop.
#[derive(Debug, Deserialize)]
struct About {
    woocommerce: String,
}

#[derive(Debug, Deserialize)]
struct Offered {
    currency: String,
    deliveries: Vec<Delivery>,
}

#[derive(Debug, Deserialize)]
struct Delivery {
    id: String,
    title: String,
    /// With the tax.
    price: String,
    tax: String,
    /// Which rate for which package.
    #[serde(default)]
    packages: Value,
}

#[derive(Debug, Deserialize)]
struct Kept {
    kept: Vec<String>,
}

impl WooCommerce {
    /// Makes the adapter of one shop. WooCommerce is not asked yet.
    ///
    /// # Errors
    /// [`kasse_core::ErrorKind::Configuration`]: a field of the table.
    pub fn new(setup: Setup) -> Result<Self, Error> {
        let config: Config = setup.engine.read(ENGINE)?;
        config.check()?;
        Ok(Self {
            flow: setup.flow,
            version: EngineVersion::new(ENGINE, OLDEST, env!("CARGO_PKG_VERSION"))?,
            client: Client::new(&config)?,
            config,
        })
    }
}

#[async_trait]
impl PaymentProvider for WooCommerce {
    fn system(&self) -> System {
        self.version.system()
    }

    fn flow(&self) -> &ShopFlow {
        &self.flow
    }

    async fn meet(&self, cx: &Context) -> Result<(), Error> {
        let about: About = self
            .client
            .ask(cx, "/about", None, None)
            .await
            .map_err(|failure| failure.into_error("WooCommerce did not say its version"))?;
        self.version.saw(&about.woocommerce)
    }

    async fn read(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        if request.uri().path() == "/webhook" {
            let secret = self.config.webhook_secret.as_ref();
            return webhook::read(secret, self.flow.shop(), request).map_err(|refusal| *refusal);
        }
        let reader = Reader {
            cx,
            piece: self.client.piece(),
            flow: &self.flow,
            version: &self.version,
            storefront: &self.config.storefront,
        };
        reader.read(request).await.map_err(|refusal| *refusal)
    }

    fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
        calls::answer(ask, outcome)
    }

    async fn order(&self, cx: &Context, at: &OrderRef) -> Result<Order, Error> {
        let order = self.client.order(cx, at).await;
        let order = order.map_err(|failure| not_read(at, failure, "The order was not read"))?;
        let way = order.way()?;
        order.neutral(at.clone(), &self.config.storefront, way)
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
            client: &self.client,
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
            "WooCommerce was told"
        );
        told.map(|()| Recorded::default())
    }

    async fn forget(&self, cx: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error> {
        let orders: Vec<&str> = orders.iter().map(|at| at.order.as_str()).collect();
        let body = json!({ "orders": orders });
        let kept: Kept = self
            .client
            .ask(cx, "/forget", Some(&body), None)
            .await
            .map_err(|failure| failure.into_error("The personal data was not removed"))?;
        Ok(Forgotten { kept: kept.kept })
    }
}

#[async_trait]
impl ShippingQuoter for WooCommerce {
    async fn quote(
        &self,
        cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        let to = match to {
            Destination::Country(country) => json!({
                "line1": "", "line2": "", "city": "", "post_code": "", "country": country,
            }),
            Destination::Address(to) => address(to),
        };
        let body = json!({ "order": at.order.as_str(), "address": to });
        let offered: Result<Offered, Failure> =
            self.client.ask(cx, "/deliveries", Some(&body), None).await;
        let offered =
            offered.map_err(|failure| not_read(at, failure, "The deliveries are not known"))?;
        let currency = currency(&offered.currency)?;
        let money = |text: &str| {
            Money::parse(text, currency).map_err(|error| odd_price(&error.to_string()))
        };
        offered
            .deliveries
            .into_iter()
            .zip(0..)
            .map(|(delivery, place)| {
                let (price, tax) = (money(&delivery.price)?, money(&delivery.tax)?);
                let net = price
                    .minus(tax)
                    .map_err(|error| odd_price(&error.to_string()))?;
                Ok(ShippingOption {
                    id: delivery.id,
                    title: delivery.title,
                    price,
                    vat: VatRate::between(net, price),
                    // WooCommerce does not say how a delivery arrives, who brings it or when.
                    kind: DeliveryKind::Other,
                    brand: String::new(),
                    estimate: None,
                    // The cheapest comes first.
                    default: place == 0,
                    priority: place,
                    engine: json!({ "packages": delivery.packages }),
                })
            })
            .collect()
    }
}

/// What the shop said of an order that was asked for.
fn not_read(at: &OrderRef, failure: Failure, what: &str) -> Error {
    if !failure.is_no_order() {
        return failure.into_error(what);
    }
    no_order(at)
}

/// The order is not there.
pub(crate) fn no_order(at: &OrderRef) -> Error {
    Error::new(
        ErrorKind::NotFound,
        Who::Shop,
        format!("Order {} is not in WooCommerce", at.order),
        "there is none with this id: it may have been deleted.",
        "Look at the id, and at `site_url` in the configuration.",
    )
}

fn odd_price(why: &str) -> Error {
    Error::invalid(
        "The shop's deliveries cannot be offered",
        format!("a price is no amount: {why}."),
        "Look at the rate in WooCommerce's shipping zones.",
    )
}

/// An address as the kasse plugin in the shop takes it.
pub(crate) fn address(address: &Address) -> Value {
    json!({
        "line1": address.line1,
        "line2": address.line2,
        "city": address.city,
        "post_code": address.post_code,
        "country": address.country,
    })
}
