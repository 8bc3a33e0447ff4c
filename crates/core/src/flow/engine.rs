//! The engine's calls: read by its adapter, done by the flow, answered in the engine's shape and in
//! its time.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use http::{Request, Response};

use super::Flow;
use super::inbound::refusal;
use crate::context::{after, span};
use crate::error::{Error, ErrorKind, Who};
use crate::ids::{OrderRef, ShopId};
use crate::provider::{ANSWER_WITHIN, Adapter, Ask, Initiate, Outcome, Target, Verb};

/// The shop is told so long after the engine was answered at the earliest.
const BREATH: Duration = Duration::from_millis(200);

impl Flow {
    /// Answers an engine. The path of `request` is what follows `/engine/{shop}`.
    pub(super) async fn engine(&self, shop: &ShopId, request: Request<Bytes>) -> Response<Bytes> {
        let cx = &self.inner.cx;
        let adapter = match self.adapter(shop) {
            Ok(adapter) => adapter,
            Err(error) => return refusal(&error),
        };
        let ask = match adapter.read(cx, &request).await {
            Ok(ask) => ask,
            Err(refused) => {
                tracing::warn!(%shop, why = %refused.why, "a call of the engine was refused");
                return refused.response;
            }
        };
        if let Verb::Answered(response) = &ask.verb {
            return response.clone();
        }
        let at = ask.at.clone();
        let waiting = Waiting::new(self, &at);
        let outcome = if ask.at.shop == *shop {
            self.act(&adapter, &ask).await
        } else {
            Outcome::Refused(Error::bug(
                "Nothing was done",
                format!(
                    "the adapter of shop \"{shop}\" read an order of shop \"{}\".",
                    at.shop
                ),
            ))
        };
        if let Outcome::Refused(error) = &outcome {
            tracing::info!(%shop, order = %at.order, error = %error, "refused");
        }
        let answer = adapter.answer(&ask, &outcome);
        drop(waiting);
        self.tell_soon(at, BREATH);
        answer
    }

    /// Does what was asked, until the engine stops waiting. What is under way then goes on.
    async fn act(&self, adapter: &Arc<dyn Adapter>, ask: &Ask) -> Outcome {
        let cx = self.inner.cx.clone();
        let target = Target {
            at: ask.at.clone(),
            reference: ask.payment.clone(),
            key: ask.key.clone(),
        };
        if let Some(event) = &ask.echo {
            tracing::debug!(order = %ask.at, event = %event, "our own writing, echoed");
            return match self.target(&target).await {
                Ok(payment) => Outcome::Done(Box::new(payment)),
                Err(error) => Outcome::Refused(error),
            };
        }
        let answer_by = ask
            .answer_by
            .unwrap_or_else(|| after(cx.now(), ANSWER_WITHIN));
        let (adapter, verb) = (adapter.clone(), ask.verb.clone());
        let (work, ended) = {
            let (cx, target) = (cx.clone(), target.clone());
            async move {
                match verb {
                    Verb::Initiate(order) => {
                        let key = target.key.clone();
                        adapter.initiate(&cx, Initiate { order: *order, key }).await
                    }
                    Verb::Capture(part) => adapter.capture(&cx, &target, &part).await,
                    Verb::Refund(part) => adapter.refund(&cx, &target, &part).await,
                    Verb::Cancel => adapter.cancel(&cx, &target).await,
                    Verb::Details | Verb::Changed | Verb::Answered(_) => {
                        adapter.details(&cx, &target).await
                    }
                }
            }
        }
        .remote_handle();
        cx.runtime.spawn(Box::pin(work));
        let patience = cx.runtime.sleep(span(cx.now(), answer_by));
        match select(ended, patience).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right((_, ended)) => {
                ended.forget();
                tracing::info!(order = %ask.at, "not ended in the engine's time: it goes on, and the shop is told");
                match self.target(&target).await {
                    Ok(payment) => Outcome::Pending(Box::new(payment)),
                    Err(_) => Outcome::Refused(Error::new(
                        ErrorKind::TooLate,
                        Who::Nobody,
                        format!("Order {} is not answered yet", ask.at.order),
                        "Vipps has not answered in the time the shop waits.",
                        "Try again in a moment.",
                    )),
                }
            }
        }
    }

    /// Does the engine of this order wait for an answer of ours?
    pub(super) fn engine_waits(&self, order: &OrderRef) -> bool {
        let waiting = self
            .inner
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        waiting.contains_key(order)
    }
}

/// The engine waits as long as this lives.
struct Waiting {
    flow: Flow,
    order: OrderRef,
}

impl Waiting {
    fn new(flow: &Flow, order: &OrderRef) -> Self {
        let mut waiting = flow
            .inner
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *waiting.entry(order.clone()).or_insert(0) += 1;
        Self {
            flow: flow.clone(),
            order: order.clone(),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = self
            .flow
            .inner
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&self.order) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.order);
            }
        }
    }
}
