//! The adapter as one life of a server reaches it: the engine may be away, slow, or its answer lost.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use kasse_core::api::System;
use kasse_core::flow::ShopFlow;
use kasse_core::{
    Adapter, Ask, Context, Destination, Error, ErrorKind, Forgotten, Order, OrderRef, Outcome,
    Payment, PaymentEvent, PaymentProvider, RecordError, Recorded, Refusal, ShippingOption,
    ShippingQuoter, Who,
};

use crate::plan::{Fault, Gate};
use crate::scene::Effect;
use crate::server::Life;

#[derive(Debug)]
pub(crate) struct Gated {
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) life: Life,
    pub(crate) shop: String,
}

fn away() -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Nobody,
        "The engine was not reached",
        "it is away.",
        "Wait: kasse tries again.",
    )
}

impl Gated {
    /// `Err`: the engine is not reached.
    async fn reach(&self, gate: Gate) -> Result<Option<Fault>, Error> {
        let world = &self.life.world;
        let fault = self.life.gate(gate).await;
        if let Some(Fault::Away(time)) = fault {
            world.engine_away(&self.shop, time);
        }
        if fault == Some(Fault::NotSent) || world.is_engine_away(&self.shop) {
            return Err(away());
        }
        Ok(fault)
    }
}

#[async_trait]
impl PaymentProvider for Gated {
    fn system(&self) -> System {
        self.adapter.system()
    }

    fn flow(&self) -> &ShopFlow {
        self.adapter.flow()
    }

    async fn read(&self, cx: &Context, request: &Request<Bytes>) -> Result<Ask, Refusal> {
        self.adapter.read(cx, request).await
    }

    fn answer(&self, ask: &Ask, outcome: &Outcome) -> Response<Bytes> {
        self.adapter.answer(ask, outcome)
    }

    async fn order(&self, cx: &Context, at: &OrderRef) -> Result<Order, Error> {
        self.reach(Gate::Engine).await?;
        self.adapter.order(cx, at).await
    }

    async fn record(
        &self,
        cx: &Context,
        at: &OrderRef,
        now: &Payment,
        event: &PaymentEvent,
    ) -> Result<Recorded, RecordError> {
        let fault = self.reach(Gate::Tell).await.map_err(RecordError::Later)?;
        let answer = self.adapter.record(cx, at, now, event).await;
        let world = &self.life.world;
        world.say(&self.life.name(), || {
            let answer = match &answer {
                Ok(_) => "ok".to_owned(),
                Err(error) => error.to_string(),
            };
            format!(
                "told {at}: event {} {}: {answer}",
                event.number,
                event.what.word()
            )
        });
        world.effect(&Effect::Told {
            server: self.life.server,
            order: at,
            event,
            answer: &answer,
        });
        world.stir();
        self.life.dies_after(fault).await;
        if fault == Some(Fault::AnswerLost) {
            return Err(RecordError::Later(away()));
        }
        answer
    }

    async fn forget(&self, cx: &Context, orders: &[OrderRef]) -> Result<Forgotten, Error> {
        let fault = self.reach(Gate::Tell).await?;
        let answer = self.adapter.forget(cx, orders).await;
        self.life.dies_after(fault).await;
        if fault == Some(Fault::AnswerLost) {
            return Err(away());
        }
        answer
    }
}

#[async_trait]
impl ShippingQuoter for Gated {
    async fn quote(
        &self,
        cx: &Context,
        at: &OrderRef,
        to: &Destination,
    ) -> Result<Vec<ShippingOption>, Error> {
        self.reach(Gate::Engine).await?;
        self.adapter.quote(cx, at, to).await
    }
}
