//! The journal of one life of a server, with its gates.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use kasse_core::journal::{
    Batch, Command, Delivery, Exchange, Figures, Filter, InboxItem, Journal, JournalError, Lease,
    LeaseKey, Placed, Quote, Registration, Stray,
};
use kasse_core::{
    CallerKey, OrderRef, Payment, PaymentEvent, PaymentId, Personal, Reference, ShopId, after, span,
};

use crate::plan::{Fault, Gate};
use crate::scene::Effect;
use crate::server::Life;

/// The journal in memory, as a process reaches it.
#[derive(Debug)]
pub(crate) struct GatedJournal {
    pub(crate) life: Life,
    /// A database beside the process: leases go by its clock.
    pub(crate) shared: bool,
}

impl GatedJournal {
    async fn gate(&self, gate: Gate) -> Result<Option<Fault>, JournalError> {
        let world = &self.life.world;
        let fault = self.life.gate(gate).await;
        match fault {
            Some(Fault::Refused) => {
                return Err(JournalError::Unavailable("it failed this once".into()));
            }
            Some(Fault::Full(time)) => world.journal_full(time),
            Some(Fault::Away(time)) => world.journal_away(time),
            _ => {}
        }
        match world.journal_trouble(gate == Gate::Write) {
            Some(trouble) => Err(trouble),
            None => Ok(fault),
        }
    }

    async fn reads(&self) -> Result<(), JournalError> {
        self.gate(Gate::Read).await.map(drop)
    }
}

#[async_trait]
impl Journal for GatedJournal {
    async fn write(&self, batch: Batch) -> Result<(), JournalError> {
        let fault = self.gate(Gate::Write).await?;
        let world = &self.life.world;
        world.inner.journal.write(batch.clone()).await?;
        let server = self.life.server;
        world.say(&self.life.name(), || told(&batch));
        world.effect(&Effect::Written {
            server,
            batch: &batch,
        });
        world.stir();
        self.life.dies_after(fault).await;
        if fault == Some(Fault::AnswerLost) {
            return Err(JournalError::Unsure(
                "the answer to the commit was lost".into(),
            ));
        }
        Ok(())
    }

    async fn acquire(
        &self,
        key: &LeaseKey,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Lease>, JournalError> {
        self.gate(Gate::Lease).await?;
        let world = &self.life.world;
        if !self.shared {
            return world.inner.journal.acquire(key, now, until).await;
        }
        let here = world.now();
        let ends = after(here, span(now, until));
        let lease = world.inner.journal.acquire(key, here, ends).await?;
        Ok(lease.map(|lease| Lease { until, ..lease }))
    }

    async fn anyone_holds(
        &self,
        beginning: &LeaseKey,
        now: Timestamp,
    ) -> Result<bool, JournalError> {
        self.gate(Gate::Lease).await?;
        let world = &self.life.world;
        let now = if self.shared { world.now() } else { now };
        world.inner.journal.anyone_holds(beginning, now).await
    }

    async fn count(
        &self,
        key: &str,
        now: Timestamp,
        most: usize,
        per: Duration,
    ) -> Result<Option<Timestamp>, JournalError> {
        self.gate(Gate::Lease).await?;
        let world = &self.life.world;
        if !self.shared {
            return world.inner.journal.count(key, now, most, per).await;
        }
        let here = world.now();
        let full = world.inner.journal.count(key, here, most, per).await?;
        Ok(full.map(|until| after(now, span(here, until))))
    }

    async fn release(&self, lease: Lease) -> Result<(), JournalError> {
        self.gate(Gate::Lease).await?;
        self.life.world.inner.journal.release(lease).await
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<Payment>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.payment(id).await
    }

    async fn find(
        &self,
        shop: &ShopId,
        reference: &Reference,
    ) -> Result<Option<Payment>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.find(shop, reference).await
    }

    async fn payments_of(&self, order: &OrderRef) -> Result<Vec<Payment>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.payments_of(order).await
    }

    async fn list(&self, filter: &Filter) -> Result<Vec<Payment>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.list(filter).await
    }

    async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<PaymentId>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.due(now, most).await
    }

    async fn events(&self, id: &PaymentId) -> Result<Vec<PaymentEvent>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.events(id).await
    }

    async fn events_since(
        &self,
        shop: &ShopId,
        after: u64,
        most: usize,
    ) -> Result<Vec<Placed>, JournalError> {
        self.reads().await?;
        let journal = &self.life.world.inner.journal;
        journal.events_since(shop, after, most).await
    }

    async fn commands(&self, id: &PaymentId) -> Result<Vec<Command>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.commands(id).await
    }

    async fn commands_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Command>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.commands_due(now, most).await
    }

    async fn command_by_key(
        &self,
        shop: &ShopId,
        key: &CallerKey,
    ) -> Result<Option<Command>, JournalError> {
        self.reads().await?;
        self.life
            .world
            .inner
            .journal
            .command_by_key(shop, key)
            .await
    }

    async fn unread(&self, id: &PaymentId) -> Result<Vec<InboxItem>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.unread(id).await
    }

    async fn deliveries_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<OrderRef>, JournalError> {
        self.reads().await?;
        self.life
            .world
            .inner
            .journal
            .deliveries_due(now, most)
            .await
    }

    async fn deliveries(&self, order: &OrderRef) -> Result<Vec<Delivery>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.deliveries(order).await
    }

    async fn personal(&self, id: &PaymentId) -> Result<Option<Personal>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.personal(id).await
    }

    async fn payments_of_user(
        &self,
        shop: &ShopId,
        user_id: &str,
    ) -> Result<Vec<PaymentId>, JournalError> {
        self.reads().await?;
        let journal = &self.life.world.inner.journal;
        journal.payments_of_user(shop, user_id).await
    }

    async fn quotes(&self, id: &PaymentId) -> Result<Vec<Quote>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.quotes(id).await
    }

    async fn last_quote(&self, key: &str) -> Result<Option<Quote>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.last_quote(key).await
    }

    async fn figures(&self) -> Result<Figures, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.figures().await
    }

    async fn exchanges(&self, id: &PaymentId) -> Result<Vec<Exchange>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.exchanges(id).await
    }

    async fn capture_ending(
        &self,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Vec<Payment>, JournalError> {
        self.reads().await?;
        let journal = &self.life.world.inner.journal;
        journal.capture_ending(from, to, most).await
    }

    async fn registrations(&self) -> Result<Vec<Registration>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.registrations().await
    }

    async fn strays(&self, since: Timestamp, most: usize) -> Result<Vec<Stray>, JournalError> {
        self.reads().await?;
        self.life.world.inner.journal.strays(since, most).await
    }
}

/// A batch in a line.
fn told(batch: &Batch) -> String {
    use kasse_core::journal::Write;
    let mut words = Vec::new();
    let mut notes = 0;
    for write in &batch.writes {
        words.push(match write {
            Write::Insert(payment) => format!("new payment {}", payment.id.reference),
            Write::Update(payment) => {
                let sums = payment.sums;
                format!(
                    "payment {} {:?} {}/{}/{}/{}",
                    payment.id.reference,
                    payment.state,
                    sums.authorised.minor,
                    sums.captured.minor,
                    sums.refunded.minor,
                    sums.released.minor
                )
            }
            Write::Event(event) => format!("event {} {}", event.number, event.what.word()),
            Write::Command(command) => {
                let verb = command.verb.word();
                format!("command {verb} {} {:?}", command.key, command.state)
            }
            Write::Receive(item) => format!("received {} for {}", item.id, item.payment.reference),
            Write::Read(id) => format!("read {id}"),
            Write::Deliver(delivery) => format!("to be told {}", delivery.id),
            Write::Delivered(id) => format!("told {id}"),
            Write::Personal(id, _) => format!("personal data of {}", id.reference),
            Write::Erase(id) => format!("personal data of {} erased", id.reference),
            Write::Quote(quote) => format!("quote {} of {}", quote.number, quote.payment.reference),
            Write::Registration(of) => format!("registration {} {:?}", of.slot, of.state),
            Write::Heard(..) => "heard of a registration".into(),
            Write::Stray(stray) => format!("stray {}", stray.reference),
            Write::Exchange(_) => {
                notes += 1;
                continue;
            }
        });
    }
    if notes > 0 {
        words.push(format!("{notes} notes"));
    }
    format!("journal: {}", words.join(", "))
}
