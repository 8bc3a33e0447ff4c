//! The adapter: what teaches kasse Vendure. Two traits, each method a few lines.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::api::System;
use kasse_core::piece::Piece;
use kasse_core::registry::Setup;
use kasse_core::{
    Address, Ask, Context, DeliveryKind, Destination, Error, Forgotten, Money, Order, OrderId,
    OrderRef, Outcome, Payment, PaymentEvent, PaymentProvider, RecordError, Recorded, Refusal,
    ShippingOption, ShippingQuoter, ShopFlow, ShopId, VatRate,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::calls;
use crate::config::Config;
use crate::record::{Telling, find};

/// The engine's name in the configuration.
pub const ENGINE: &str = "vendure";

const DELIVERIES: &str = "query KasseDeliveries($code: String!, $address: KasseAddress!) { \
    kasseDeliveries(orderCode: $code, address: $address) { id code name priceWithTax taxRate } \
    orders(options: { filter: { code: { eq: $code } }, take: 1 }) { items { currencyCode } } }";

const FORGET: &str = "mutation KasseForget($codes: [String!]!) { \
    kasseForget(orderCodes: $codes) }";

/// Vipps in Vendure.
#[derive(Debug)]
pub struct Vendure {
    flow: ShopFlow,
    system: System,
    config: Config,
    piece: Piece,
    admin: Admin,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offered {
    kasse_deliveries: Vec<Delivery>,
    orders: Orders,
}

#[derive(Debug, Deserialize)]
struct Orders {
    items: Vec<Priced>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Priced {
    currency_code: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    id: String,
    code: String,
    name: String,
    price_with_tax: i64,
    tax_rate: serde_json::Number,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    kasse_forget: Vec<String>,
}

impl Vendure {
    /// Makes the adapter of one shop. Vendure is not asked yet.
    ///
    /// # Errors
    /// [`kasse_core::ErrorKind::Configuration`]: a field of the table.
    pub fn new(setup: Setup) -> Result<Self, Error> {
        let config: Config = setup.engine.read(ENGINE)?;
        config.check()?;
        let version = env!("CARGO_PKG_VERSION");
        Ok(Self {
            flow: setup.flow,
            // The engine's version is the one that the plugin in the shop is made for.
            system: System::new("vendure", "3.7", "kasse", version)?,
            admin: Admin::new(&config),
            piece: Piece::new(ENGINE, config.secret.clone())?,
            config,
        })
    }
}

#[async_trait]
impl PaymentProvider for Vendure {
    fn system(&self) -> System {
        self.system.clone()
    }

    fn flow(&self) -> &ShopFlow {
        &self.flow
    }

    async fn read(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        calls::read(cx, &self.piece, &self.config, self.flow.shop(), request)
            .map_err(|refusal| *refusal)
    }

    fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
        calls::answer(ask, outcome)
    }

    async fn order(&self, cx: &Context, at: &OrderRef) -> Result<Order, Error> {
        let order = find(cx, &self.admin, at).await?;
        let return_to = self.config.return_to(&order.code)?;
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
            admin: &self.admin,
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
            "Vendure was told"
        );
        told.map(|()| Recorded::default())
    }

    async fn forget(&self, cx: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error> {
        let codes: Vec<&str> = orders.iter().map(|at| at.order.as_str()).collect();
        let kept: Kept = self
            .admin
            .ask(cx, FORGET, json!({ "codes": codes }), None)
            .await
            .map_err(|failure| failure.into_error("The personal data was not removed"))?;
        Ok(Forgotten {
            kept: kept.kasse_forget,
        })
    }
}

#[async_trait]
impl ShippingQuoter for Vendure {
    async fn quote(
        &self,
        cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        let to = match to {
            Destination::Country(country) => json!({ "countryCode": country }),
            Destination::Address(to) => address(to),
        };
        let variables = json!({ "code": at.order.as_str(), "address": to });
        let offered: Offered = self
            .admin
            .ask(cx, DELIVERIES, variables, None)
            .await
            .map_err(|failure| failure.into_error("The deliveries are not known"))?;
        let code = offered
            .orders
            .items
            .first()
            .map_or("", |order| &order.currency_code);
        let currency = crate::order::currency(code)?;
        offered
            .kasse_deliveries
            .into_iter()
            .zip(0..)
            .map(|(delivery, place)| {
                Ok(ShippingOption {
                    vat: VatRate::from_percent(&delivery.tax_rate.to_string())
                        .ok_or_else(|| odd_rate(&delivery))?,
                    id: delivery.id,
                    title: delivery.name,
                    price: Money::new(delivery.price_with_tax, currency),
                    // Vendure does not say how a delivery arrives, who brings it or when.
                    kind: DeliveryKind::Other,
                    brand: String::new(),
                    estimate: None,
                    // The cheapest comes first.
                    default: place == 0,
                    priority: place,
                    engine: json!({ "code": delivery.code }),
                })
            })
            .collect()
    }
}

fn odd_rate(delivery: &Delivery) -> Error {
    Error::invalid(
        "The shop's deliveries cannot be offered",
        format!(
            "\"{}\" has a tax rate of {} %.",
            delivery.code, delivery.tax_rate
        ),
        "Correct the rate that its calculator gives.",
    )
}

/// An address as the plugin in the shop takes it.
pub(crate) fn address(address: &Address) -> Value {
    json!({
        "streetLine1": address.line1,
        "streetLine2": address.line2,
        "city": address.city,
        "postalCode": address.post_code,
        "countryCode": address.country,
    })
}

/// Where an order is, by its code: what people read, and the same wherever Vendure names an order.
pub(crate) fn order_ref(shop: &ShopId, code: &str) -> Result<OrderRef, Error> {
    let id = OrderId::new(code).map_err(|error| {
        Error::invalid(
            "The shop's call was not taken",
            error.to_string(),
            "Look at the order's code in Vendure.",
        )
    })?;
    Ok(OrderRef::new(shop.clone(), id))
}
