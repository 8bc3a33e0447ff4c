//! Tells the shop what happened, until it knows: each order's events in their order, and one order
//! that fails holds up no other.

use std::time::Duration;

use jiff::Timestamp;
use tracing::Instrument;

use super::{Flow, pace};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Who};
use crate::ids::OrderRef;
use crate::journal::{Batch, CancelReason, Delivery, JournalError, Lease, LeaseKey, Told, Write};
use crate::payment::{EventKind, Payment, PaymentEvent, Personal};
use crate::provider::{Adapter, RecordError, Recorded};

/// How long an engine may take to be told one thing.
const TELL_WITHIN: Duration = Duration::from_secs(20);

impl Flow {
    /// Tells an order's shop what it has still to be told, if nobody is at it.
    pub(super) async fn tell(&self, order: &OrderRef) {
        if let Err(error) = self.tell_all(order).await {
            tracing::warn!(order = %order, error = %error, "the shop could not be told; it is tried again");
        }
    }

    /// The same, for those who want to know that it failed.
    pub(super) async fn tell_all(&self, order: &OrderRef) -> Result<(), Error> {
        let cx = &self.inner.cx;
        loop {
            let mut key = LeaseKey::delivery(order);
            if crate::mutants::on("orders are told side by side") {
                let all = crate::OrderId::new("all").unwrap_or_else(|_| order.order.clone());
                key = LeaseKey::delivery(&OrderRef::new(order.shop.clone(), all));
            }
            let Some(lease) = self.lease(cx, key, Duration::ZERO).await? else {
                return Ok(());
            };
            let next = self.tell_next(cx, &lease, order).await;
            self.release(lease).await;
            match next? {
                Next::Told => {}
                Next::Wait => return Ok(()),
            }
        }
    }

    async fn tell_next(
        &self,
        cx: &Context,
        lease: &Lease,
        order: &OrderRef,
    ) -> Result<Next, Error> {
        // While the engine waits for our answer we do not call it.
        if self.engine_waits(order).await? {
            return Ok(Next::Wait);
        }
        let deliveries = self.inner.journal.deliveries(order).await?;
        let Some(delivery) = deliveries.into_iter().find(|delivery| !delivery.parked) else {
            return Ok(Next::Wait);
        };
        if delivery.next > cx.now() {
            return Ok(Next::Wait);
        }
        let cx = &self.under(cx, lease);
        let adapter = match self.adapter(&order.shop) {
            Ok(adapter) => adapter,
            // It waits like any other, and does not stand before those whose shop is there.
            Err(error) => return self.later(cx, lease, delivery, error).await,
        };
        let Some(payment) = self.inner.journal.payment(&delivery.payment).await? else {
            let error = Error::bug(
                "The shop was not told",
                "the payment is not in the journal.",
            );
            return self.later(cx, lease, delivery, error).await;
        };
        match delivery.what {
            Told::Event { number } => {
                let events = self.inner.journal.events(&payment.id).await?;
                let Some(event) = events.into_iter().find(|event| event.number == number) else {
                    let error =
                        Error::bug("The shop was not told", "the event is not in the journal.");
                    return self.later(cx, lease, delivery, error).await;
                };
                self.tell_event(cx, lease, &*adapter, delivery, payment, &event)
                    .await
            }
            Told::Forget => self.tell_forget(cx, lease, &*adapter, delivery).await,
        }
    }

    async fn tell_event(
        &self,
        cx: &Context,
        lease: &Lease,
        adapter: &dyn Adapter,
        delivery: Delivery,
        mut payment: Payment,
        event: &PaymentEvent,
    ) -> Result<Next, Error> {
        let order = delivery.order.clone();
        let reference = payment.id.reference.clone();
        payment.personal = self.inner.journal.personal(&payment.id).await?;
        let authorised = matches!(event.what, EventKind::Authorised { .. });
        if authorised && let Some(changed) = self.changed(cx, adapter, &order, &payment).await {
            self.note(cx, &payment.id, changed).await?;
            if let Some(noted) = self.inner.journal.payment(&payment.id).await? {
                payment.notes = noted.notes;
            }
        }
        // It may have begun to wait while its order was read.
        if self.engine_waits(&order).await? {
            return Ok(Next::Wait);
        }
        if crate::mutants::on("noted-before-told") {
            self.delivered(lease, delivery.clone()).await?;
        }
        // While the customer chooses, what is asked for them goes on.
        if !payment.state.is_open() {
            self.inner.calls.end(&payment.id);
        }
        let tells = tracing::info_span!("tell", %reference, event = event.what.word());
        let recorded = cx
            .within(
                TELL_WITHIN,
                adapter
                    .record(cx, &order, &payment, event)
                    .instrument(tells),
            )
            .await;
        let recorded = recorded.unwrap_or_else(|| Err(RecordError::Later(slow())));
        // What the engine said is logged and kept with the payment: not with the customer in it.
        let personal = payment.personal.as_ref().map(Personal::values);
        let recorded = recorded.map_err(|error| error.without(&personal.unwrap_or_default()));
        let how = match &recorded {
            Ok(_) | Err(RecordError::NotShowable(_)) => super::Told::Knows,
            Err(RecordError::Later(_)) => super::Told::Later,
            Err(RecordError::Never(_)) => super::Told::Never,
        };
        self.inner.options.observer.told(&order.shop, how);
        match recorded {
            Ok(Recorded { order: new }) => {
                tracing::info!(%reference, order = %order, event = event.what.word(), "the shop knows");
                if let Some(new) = new.filter(|new| *new != order && new.shop == order.shop) {
                    return self.moved(cx, lease, &delivery, &payment, new).await;
                }
                self.delivered(lease, delivery).await
            }
            Err(RecordError::Later(error)) => self.later(cx, lease, delivery, error).await,
            Err(RecordError::NotShowable(why)) => {
                let text = format!(
                    "The shop cannot show that the payment was {}: {why}",
                    event.what.word()
                );
                self.note(cx, &payment.id, text).await?;
                self.delivered(lease, delivery).await
            }
            Err(RecordError::Never(error)) => {
                let text = format!(
                    "The shop will not take that the payment was {}: {error}",
                    event.what.word()
                );
                self.note(cx, &payment.id, text).await?;
                if authorised {
                    tracing::error!(%reference, order = %order, error = %error, "the shop cannot take the order: the reservation is released");
                    let id = &payment.id;
                    match Box::pin(self.cancel_for(cx, id, CancelReason::ShopRefused)).await {
                        Ok(_) => return self.delivered(lease, delivery).await,
                        // Busy, or the journal failed in the midst of it: there is no no yet.
                        Err(not_yet)
                            if not_yet.who == Who::Nobody || not_yet.kind == ErrorKind::Journal =>
                        {
                            return self.later(cx, lease, delivery, not_yet).await;
                        }
                        Err(kept) => {
                            let text = format!(
                                "The money could not be released by itself: {kept} A person has to settle it."
                            );
                            self.note(cx, id, text).await?;
                        }
                    }
                }
                tracing::error!(%reference, order = %order, error = %error, "parked for a person");
                let parked = Delivery {
                    parked: true,
                    error: Some(error),
                    ..delivery
                };
                self.inner
                    .journal
                    .write(Batch::under(lease).with(Write::Deliver(parked)))
                    .await?;
                Ok(Next::Told)
            }
        }
    }

    async fn tell_forget(
        &self,
        cx: &Context,
        lease: &Lease,
        adapter: &dyn Adapter,
        delivery: Delivery,
    ) -> Result<Next, Error> {
        let orders = [delivery.order.clone()];
        let forgot = cx.within(TELL_WITHIN, adapter.forget(cx, &orders)).await;
        match forgot.unwrap_or_else(|| Err(slow())) {
            Ok(forgotten) => {
                tracing::info!(reference = %delivery.payment.reference, order = %delivery.order, "the shop removed the personal data");
                let text = if forgotten.kept.is_empty() {
                    "The customer took back the consent: the personal data was removed.".to_owned()
                } else {
                    format!(
                        "The customer took back the consent: the personal data was removed. Kept by law: {}.",
                        forgotten.kept.join(", ")
                    )
                };
                self.note(cx, &delivery.payment, text).await?;
                self.delivered(lease, delivery).await
            }
            Err(error) => self.later(cx, lease, delivery, error).await,
        }
    }

    /// Did the order change while the customer paid? The payment's amount stands; the difference is
    /// told. An engine that cannot be asked now is not: it will be told what was paid.
    async fn changed(
        &self,
        cx: &Context,
        adapter: &dyn Adapter,
        at: &OrderRef,
        payment: &Payment,
    ) -> Option<String> {
        let order = cx.within(TELL_WITHIN, adapter.order(cx, at)).await?.ok()?;
        (order.amount != payment.amount).then(|| {
            format!(
                "The order was changed while it was paid: it comes to {} now, and {} was asked for. The payment stands; settle the difference with the customer.",
                order.amount, payment.amount
            )
        })
    }

    /// The engine made an order of the cart: from now on the payment is that order's.
    async fn moved(
        &self,
        cx: &Context,
        lease: &Lease,
        delivery: &Delivery,
        payment: &Payment,
        new: OrderRef,
    ) -> Result<Next, Error> {
        let key = LeaseKey::payment(&payment.id);
        let Some(payment_lease) = self.lease(cx, key, Duration::from_secs(10)).await? else {
            return Err(super::busy(&payment.id.reference));
        };
        let result = async {
            let mut batch = Batch::under(lease);
            batch.leases.push(payment_lease.clone());
            if let Some(mut now) = self.inner.journal.payment(&payment.id).await? {
                now.begun_for.get_or_insert(now.order);
                now.order = new.clone();
                batch.push(Write::Update(Box::new(now)));
            }
            batch.push(Write::Delivered(delivery.id.clone()));
            for rest in self.inner.journal.deliveries(&delivery.order).await? {
                if rest.payment == payment.id && rest.id != delivery.id {
                    batch.push(Write::Deliver(Delivery {
                        order: new.clone(),
                        ..rest
                    }));
                }
            }
            Ok(self.inner.journal.write(batch).await?)
        }
        .await;
        self.release(payment_lease).await;
        result.map(|()| {
            self.tell_soon(new, Duration::ZERO);
            Next::Told
        })
    }

    /// Where something that is to be told now stands among what its order's shop has still to be
    /// told: behind all of it, also where the clock went back, or another server's is ahead.
    pub(super) async fn place(
        &self,
        order: &OrderRef,
        now: Timestamp,
    ) -> Result<Timestamp, JournalError> {
        let waiting = self.inner.journal.deliveries(order).await?;
        let last = waiting.iter().map(|delivery| delivery.after).max();
        Ok(last.map_or(now, |last| last.max(now)))
    }

    async fn delivered(&self, lease: &Lease, delivery: Delivery) -> Result<Next, Error> {
        let batch = Batch::under(lease).with(Write::Delivered(delivery.id));
        self.inner.journal.write(batch).await?;
        Ok(Next::Told)
    }

    async fn later(
        &self,
        cx: &Context,
        lease: &Lease,
        mut delivery: Delivery,
        error: Error,
    ) -> Result<Next, Error> {
        delivery.tries += 1;
        delivery.next = pace::again(cx.now(), delivery.tries);
        tracing::warn!(reference = %delivery.payment.reference, order = %delivery.order, tries = delivery.tries, next = %delivery.next, error = %error, "the shop is told later");
        delivery.error = Some(error);
        self.inner
            .journal
            .write(Batch::under(lease).with(Write::Deliver(delivery)))
            .await?;
        Ok(Next::Wait)
    }
}

enum Next {
    Told,
    Wait,
}

fn slow() -> Error {
    Error::new(
        ErrorKind::EngineUnavailable,
        Who::Shop,
        "The shop was not told",
        format!("it did not answer within {} s.", TELL_WITHIN.as_secs()),
        "Look at the shop's server.",
    )
}
