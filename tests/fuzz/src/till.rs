//! The smallest engine there can be: it has three orders and believes everything. For the targets
//! that are about Vipps' side of kasse.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_core::api::System;
use kasse_core::{
    Ask, Buyer, Context, DeliveryKind, Destination, Error, Express, Forgotten, Line, LineId,
    LineKind, Money, Order, OrderRef, Outcome, Payment, PaymentEvent, PaymentProvider, RecordError,
    Recorded, Refusal, ShippingOption, ShippingQuoter, ShopFlow, VatRate,
};
use url::Url;

#[derive(Debug)]
pub(crate) struct Till(pub(crate) ShopFlow);

/// 1001 and 1002 are express, 1003 is not.
pub(crate) fn order(at: OrderRef) -> Order {
    let amount = Money::nok(7990);
    let express = (at.order.as_str() != "1003").then_some(Express::Dynamic);
    Order {
        amount,
        lines: vec![Line {
            id: LineId::new("socks").unwrap(),
            name: "Socks".into(),
            quantity: 1,
            total: amount,
            discount: Money::nok(0),
            vat: VatRate::percent(25),
            kind: LineKind::Goods,
        }],
        text: format!("Order {}", at.order),
        buyer: Buyer::default(),
        express,
        deliveries: Vec::new(),
        return_to: Url::parse("https://shop.example/thanks").unwrap(),
        at,
    }
}

#[async_trait]
impl PaymentProvider for Till {
    fn system(&self) -> System {
        System::new("till", "1", "kasse", "1").unwrap()
    }
    fn flow(&self) -> &ShopFlow {
        &self.0
    }
    async fn read(&self, _: &Context, _: &Request<Bytes>) -> Result<Ask, Refusal> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        let why = "it never asks".to_owned();
        Err(Refusal { response, why })
    }
    fn answer(&self, _: &Ask, _: &Outcome) -> Response<Bytes> {
        Response::new(Bytes::new())
    }
    async fn order(&self, _: &Context, at: &OrderRef) -> Result<Order, Error> {
        if ["1001", "1002", "1003", "1004"].contains(&at.order.as_str()) {
            return Ok(order(at.clone()));
        }
        Err(Error::new(
            kasse_core::ErrorKind::NotFound,
            kasse_core::Who::Shop,
            "There is no such order",
            "the till has four.",
            "Ask for another.",
        ))
    }
    async fn record(
        &self,
        _: &Context,
        _: &OrderRef,
        _: &Payment,
        _: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        Ok(Recorded::default())
    }
    async fn forget(&self, _: &Context, _: &[OrderRef]) -> Result<Forgotten, Error> {
        Ok(Forgotten::default())
    }
}

#[async_trait]
impl ShippingQuoter for Till {
    async fn quote(
        &self,
        _: &Context,
        _: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        if to.post_code() == "9170" {
            return Ok(Vec::new());
        }
        let option = |id: &str, minor, default| ShippingOption {
            id: id.into(),
            title: id.into(),
            price: Money::nok(minor),
            vat: VatRate::percent(25),
            kind: DeliveryKind::Home,
            brand: String::new(),
            estimate: None,
            default,
            priority: 0,
            engine: serde_json::Value::Null,
        };
        Ok(vec![option("post", 4900, true), option("bike", 0, false)])
    }
}
