//! The engine's calls: read by its adapter, done by the flow, answered in the engine's shape and in
//! its time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use http::{Request, Response};
use jiff::Timestamp;

use super::Flow;
use super::inbound::refusal;
use crate::context::{after, span};
use crate::error::{Error, ErrorKind, Who};
use crate::ids::{OrderRef, ShopId};
use crate::journal::{JournalError, Lease, LeaseKey};
use crate::provider::{ANSWER_WITHIN, Adapter, Ask, Initiate, Outcome, Target, Verb};

/// The shop is told so long after the engine was answered at the earliest.
pub(super) const BREATH: Duration = Duration::from_millis(200);

/// So many calls of one order's engine are noted at the same time.
const CALLS: usize = 8;

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
        let answer_by = ask
            .answer_by
            .unwrap_or_else(|| after(cx.now(), ANSWER_WITHIN));
        let waits = self.waits(&at, after(answer_by, BREATH)).await;
        let outcome = if ask.at.shop == *shop {
            self.act(&adapter, &ask, answer_by).await
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
        if let Some(waits) = waits {
            self.release(waits).await;
        }
        self.tell_soon(at, BREATH);
        answer
    }

    /// Does what was asked, until the engine stops waiting. What is under way then goes on.
    async fn act(&self, adapter: &Arc<dyn Adapter>, ask: &Ask, answer_by: Timestamp) -> Outcome {
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

    /// Does the engine of this order wait for an answer of ours, on whatever server?
    pub(super) async fn engine_waits(&self, order: &OrderRef) -> Result<bool, JournalError> {
        let calls = LeaseKey::engine_of(order);
        self.inner
            .journal
            .anyone_holds(&calls, self.inner.cx.now())
            .await
    }

    /// From now on the engine of this order waits, until then at the latest. Where the journal cannot
    /// be used nothing is told either.
    async fn waits(&self, order: &OrderRef, until: Timestamp) -> Option<Lease> {
        let now = self.inner.cx.now();
        for number in 0..CALLS {
            let call = LeaseKey::engine(order, number);
            match self.inner.journal.acquire(&call, now, until).await {
                Ok(None) => {}
                Ok(taken) => return taken,
                Err(error) => {
                    tracing::warn!(%order, %error, "the journal could not note that the engine waits");
                    return None;
                }
            }
        }
        None
    }
}
