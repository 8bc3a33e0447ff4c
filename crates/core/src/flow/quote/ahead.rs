//! Asks a shop for its deliveries before Vipps does, where the order said where the goods likely go: the
//! shipping call then finds a young answer, or a last good one.

use tracing::Instrument;

use super::Place;
use crate::error::Error;
use crate::flow::Flow;
use crate::flow::engine::BREATH;
use crate::order::{Express, Order};
use crate::payment::{Payment, PaymentId};
use crate::shipping::{Address, Destination};

/// So often it is looked whether the engine has its answer, after twice the time each: some 6 s in all.
/// Then it is left.
const LOOKS: u32 = 5;

impl Flow {
    /// Asks for the deliveries of a payment that was begun just now, beside the caller and once at the
    /// most. It is a guess that saves time: whatever stands in its way, it is left out. What the shop
    /// says is in memory alone, and nothing of it is journaled before it is offered.
    pub(in crate::flow) fn ask_ahead(&self, payment: &Payment, order: &Order) {
        if order.express != Some(Express::Dynamic) || self.is_busy() {
            return;
        }
        let address = order.buyer.address.as_ref();
        let Some(to) = address.and_then(Address::likely) else {
            return;
        };
        let (flow, id) = (self.clone(), payment.id.clone());
        let span = tracing::info_span!("ahead", reference = %id.reference);
        let work = async move {
            if let Err(error) = flow.ask_once_answered(&id, to).await {
                tracing::debug!(reference = %id.reference, %error, "the deliveries are not asked for ahead");
            }
        };
        self.spawn(Box::pin(work.instrument(span)));
    }

    /// Asks when the engine does not wait for us any more.
    async fn ask_once_answered(&self, id: &PaymentId, to: Address) -> Result<(), Error> {
        let mut pause = BREATH;
        for _ in 0..LOOKS {
            self.inner.cx.runtime.sleep(pause).await;
            pause *= 2;
            let Some(payment) = self.inner.journal.payment(id).await? else {
                return Ok(());
            };
            if self.engine_waits(&payment.order).await? {
                continue;
            }
            if self.is_worth_asking(&payment) {
                let whole = self.whole(&payment, &to);
                let to = Destination::Address(to);
                let key = self.quote_key(&payment, &to);
                self.ask(&payment, &to, &Place { whole, key }, false)?;
            }
            return Ok(());
        }
        Ok(())
    }

    /// Not where Vipps was faster, and not where there is enough to do, here or in the shop.
    fn is_worth_asking(&self, payment: &Payment) -> bool {
        let inner = &self.inner;
        !self.is_busy()
            && !inner.breakers.is_open(&payment.order.shop)
            && !inner.tables.knows(&payment.id)
            && inner.calls.has_room(payment)
    }
}
