//! kasse's two traits for this shop.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use kasse_core::api::System;
use kasse_core::{
    Ask, Buyer, Context, Destination, Error, ErrorKind, Forgotten, Line, LineKind, Order, OrderRef,
    Outcome, Payment, PaymentEvent, PaymentProvider, RecordError, Recorded, Refusal,
    ShippingOption, ShippingQuoter, ShopFlow, VatRate, Who,
};
use url::Url;

use crate::shop::Shop;

/// The shop as kasse sees it.
#[derive(Debug)]
pub(crate) struct Socks {
    pub(crate) flow: ShopFlow,
    pub(crate) shop: Arc<Shop>,
    pub(crate) public_url: Url,
    pub(crate) system: System,
}

/// The order's number, where it is one of ours.
fn number(at: &OrderRef) -> Option<u32> {
    at.order.as_str().parse().ok()
}

fn not_there(at: &OrderRef) -> Error {
    Error::new(
        ErrorKind::NotFound,
        Who::Shop,
        format!("Order {} is not there", at.order),
        "the shop has no order of that number.",
        "Look at the number.",
    )
}

#[async_trait]
impl PaymentProvider for Socks {
    fn system(&self) -> System {
        self.system.clone()
    }

    fn flow(&self) -> &ShopFlow {
        &self.flow
    }

    /// The shop is in this process and calls the flow itself: nobody has anything to ask here.
    async fn read(&self, _: &Context, _: &Request<Bytes>) -> Result<Ask, Refusal> {
        let mut response = Response::new(Bytes::from_static(b"There is nothing here.\n"));
        *response.status_mut() = StatusCode::NOT_FOUND;
        Err(Refusal {
            response,
            why: "the shop asks nothing by HTTP".into(),
        })
    }

    fn answer(&self, _: &Ask, _: &Outcome) -> Response<Bytes> {
        Response::new(Bytes::new())
    }

    async fn order(&self, _: &Context, at: &OrderRef) -> Result<Order, Error> {
        let order = number(at)
            .and_then(|number| self.shop.find(number))
            .ok_or_else(|| not_there(at))?;
        let malformed = |error: &dyn std::fmt::Display| {
            Error::bug(
                format!("Order {} cannot be paid", at.order),
                format!("{error}."),
            )
        };
        let return_to = self
            .public_url
            .join(&format!("/orders/{}", at.order))
            .map_err(|error| malformed(&error))?;
        Ok(Order {
            at: at.clone(),
            amount: order.total,
            lines: vec![Line {
                id: "socks".parse().map_err(|error| malformed(&error))?,
                name: "Woollen socks".into(),
                quantity: order.pairs,
                total: order.total,
                discount: kasse_core::Money::zero(order.total.currency),
                vat: VatRate::percent(25),
                kind: LineKind::Goods,
            }],
            text: format!("Socks, order {}", at.order),
            buyer: Buyer::default(),
            express: None,
            deliveries: Vec::new(),
            return_to,
        })
    }

    async fn record(
        &self,
        _: &Context,
        at: &OrderRef,
        _: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        let word = event.what.word();
        let known = number(at)
            .is_some_and(|number| self.shop.happened(number, &event.id, word, event.sums));
        if known {
            Ok(Recorded::default())
        } else {
            // An order that was deleted will not come back: a reservation of it is released.
            Err(RecordError::Never(not_there(at)))
        }
    }

    /// The shop keeps nothing of its customers.
    async fn forget(&self, _: &Context, _: &[OrderRef]) -> Result<Forgotten, Error> {
        Ok(Forgotten::default())
    }
}

#[async_trait]
impl ShippingQuoter for Socks {
    /// No express: the price holds the delivery.
    async fn quote(
        &self,
        _: &Context,
        _: &OrderRef,
        _: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        Ok(Vec::new())
    }
}
